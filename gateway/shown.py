"""A stranger's text as people may see it: nothing hidden, nothing that reorders or overprints, of bounded length."""

import unicodedata
from typing import Literal

Language = Literal["zh", "en"]

_LONGEST = 200
_MARKS_IN_A_ROW = 2  # as many as any language stacks; more of them reach into the lines above and below
_KEPT_SPACES = frozenset(" \u3000")
# Letters and marks that show nothing, though their category does not say so (Default_Ignorable_Code_Point).
_INVISIBLE = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u180b\u180c\u180d\u180f\u3164\uffa0")


def visible(text: str, limit: int = _LONGEST) -> str:
    """`text` with everything that would not show, or show elsewhere, written as `[U+202E]`; cut at `limit` characters.

    What was cut is counted in the end, so that a long text never passes for a short one.
    """
    shown = text[:limit]
    if not (shown.isascii() and shown.isprintable()):
        shown = "".join(_characters(shown))
    return shown if len(text) <= limit else f"{shown}…(+{len(text) - limit})"


def columns(text: str) -> int:
    """How many columns of a terminal `text` takes: Chinese letters take two."""
    return sum(2 if unicodedata.east_asian_width(letter) in "WF" else 1 for letter in text)


def padded(text: str, width: int) -> str:
    """`text` with spaces up to `width` columns."""
    return text + " " * max(0, width - columns(text))


def _characters(text: str) -> list[str]:
    shown, marks = [], 0
    for letter in text:
        category = unicodedata.category(letter)
        marks = marks + 1 if category[0] == "M" else 0
        hidden = (
            category[0] == "C"
            or (category[0] == "Z" and letter not in _KEPT_SPACES)
            or letter in _INVISIBLE
            or 0xFE00 <= ord(letter) <= 0xFE0F
            or 0xE0100 <= ord(letter) <= 0xE01EF
            or marks > _MARKS_IN_A_ROW
        )
        shown.append(f"[U+{ord(letter):04X}]" if hidden else letter)
    return shown
