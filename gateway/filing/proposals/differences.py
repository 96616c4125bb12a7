"""What a file would change of what a registry states: the differences that two people look at before it counts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Literal

import orjson

from gateway.filing.registry import statement_of
from schemas.filing import Filing

Change = Literal["added", "changed", "ended"]
CHANGES: tuple[Change, ...] = ("added", "changed", "ended")


@dataclass(frozen=True, slots=True)
class Known:
    """The latest that a registry states of one number; `statement` is `None` where it no longer states it."""

    insurer: str
    digest: str
    as_of: date
    statement: Mapping[str, Any] | None


@dataclass(frozen=True, slots=True)
class Difference:
    """One number of which something else is stated: not before (`added`), otherwise (`changed`), no more (`ended`).

    A number that came back after it was left out is added. `before` and `after` are statements without their source.
    """

    change: Change
    registration_no: str
    before: Mapping[str, Any] | None
    after: Mapping[str, Any] | None

    def as_json(self) -> dict[str, Any]:
        """`filing` of what is added or ended; of what changed each field with what it was and what it becomes."""
        stated = self.after or self.before or {}
        told = {"registration_no": self.registration_no, "insurer": stated.get("insurer"), "name": stated.get("name")}
        if self.before is None or self.after is None:
            return told | {"filing": stated}
        before, after = self.before, self.after
        return told | {
            "fields": [
                {"field": name, "before": before.get(name), "after": after.get(name)}
                for name in sorted(before.keys() | after.keys())
                if before.get(name) != after.get(name)
            ]
        }


@dataclass(frozen=True, slots=True)
class Differences:
    """All differences in the order of numbers, and how many statements stay as they are.

    Of `in_use` clauses that were in use on the day of the file, `ends` no longer are, whether left out or stopped.
    """

    listed: tuple[Difference, ...]
    unchanged: int
    in_use: int
    ends: int

    def counts(self) -> dict[str, int]:
        """How many of each."""
        counts: dict[str, int] = {**dict.fromkeys(CHANGES, 0), "unchanged": self.unchanged}
        for one in self.listed:
            counts[one.change] += 1
        return counts


def compare(
    filings: Sequence[Filing], digests: Sequence[str], known: Mapping[str, Known], *, whole: bool, day: date
) -> Differences:
    """What the filings change of what is known of their registry; `whole` if what they leave out ends.

    `digests` are those of the filings' statements, which take a while to compute.

    The same that recording them appends: a statement that says the same again is no difference, whatever its day.
    """
    listed: list[Difference] = []
    unchanged = ends = 0
    stated: set[str] = set()
    for filing, digest in zip(filings, digests, strict=True):
        number = filing.registration_no
        stated.add(number)
        was = known.get(number)
        if was is not None and was.statement is not None and was.digest == digest:
            unchanged += 1
            continue
        before = was.statement if was is not None else None
        after: dict[str, Any] = orjson.loads(statement_of(filing))
        ends += _is_in_use(before, day) and not _is_in_use(after, day)
        listed.append(Difference("added" if before is None else "changed", number, before, after))
    if whole:
        for number, was in known.items():
            if number not in stated and was.statement is not None:
                ends += _is_in_use(was.statement, day)
                listed.append(Difference("ended", number, was.statement, None))
    in_use = sum(_is_in_use(one.statement, day) for one in known.values())
    return Differences(tuple(sorted(listed, key=lambda one: one.registration_no)), unchanged, in_use, ends)


def _is_in_use(statement: Mapping[str, Any] | None, day: date) -> bool:
    """Whether the clause is stated to be in use on the day. Days in canonical form compare as they are written."""
    if statement is None:
        return False
    on = day.isoformat()
    return any(
        one["state"] == "in_use" and one["from"] <= on and (one.get("to") is None or on <= one["to"])
        for one in statement["intervals"]
    )
