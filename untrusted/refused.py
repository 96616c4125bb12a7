"""The one way in which this package says no."""

from collections.abc import Sized
from typing import Any


class Refused(Exception):
    """These bytes are not read, and nothing of them is.

    `rule` is a stable public id (`json.duplicate-key`), `reason` a stable slug within it, `detail` an English sentence,
    `where` the line, offset, entry or cell, `facts` JSON values that the sentence rests on. What rule and reason mean,
    in both languages, stands in `rules.toml`.
    """

    def __init__(self, rule: str, reason: str, detail: str, *, where: str | None = None, **facts: Any) -> None:
        super().__init__(rule, reason, detail)
        self.rule = rule
        self.reason = reason
        self.detail = detail
        self.where = where
        self.facts: dict[str, Any] = facts

    def __str__(self) -> str:
        place = f" at {self.where}" if self.where else ""
        return f"{self.rule} ({self.reason}){place}: {self.detail}"


def refuse_larger(data: Sized, limit: int) -> None:
    """Refuse input of more than `limit` bytes before anything looks at it."""
    if len(data) > limit:
        raise Refused(
            "file.too-large", "bytes", f"{len(data)} bytes are more than {limit}.", size=len(data), limit=limit
        )


def shown(text: str, limit: int = 80) -> str:
    """A stranger's text as it may stand in a message: printable, on one line, and short."""
    line = text[: limit + 1]
    if not line.isprintable():
        line = "".join(character if character.isprintable() else "�" for character in line)
    return line if len(line) <= limit else line[:limit] + "…"
