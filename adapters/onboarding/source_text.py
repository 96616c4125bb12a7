"""Texts as Python source has them."""

import json
from collections.abc import Iterable, Iterator
from unicodedata import east_asian_width

LINE = 116
"""The longest line that is written."""


def quoted(text: str) -> str:
    """A text as a literal, in the quotes that need no escapes."""
    literal = json.dumps(text, ensure_ascii=False)
    if '\\"' in literal and "'" not in text:
        return "'" + literal[1:-1].replace('\\"', '"') + "'"
    return literal


def tuple_of(names: Iterable[str]) -> str:
    """A tuple of texts as a literal."""
    listed = [quoted(name) for name in names]
    return f"({listed[0]},)" if len(listed) == 1 else f"({', '.join(listed)})"


def plain(text: str) -> str:
    """A text for a comment or docstring."""
    shown = "".join(one if one.isprintable() else " " for one in text)
    return " ".join(shown.replace("\\", "/").replace('"""', "'''").split())


def wrapped(text: str, indent: str) -> Iterator[str]:
    """A text in lines that are not too long."""
    line = indent
    for word in text.split(" "):
        if width(line) + width(word) + 1 > LINE and line.strip():
            yield line.rstrip()
            line = indent
        line += f"{word} "
    yield line.rstrip()


def width(text: str) -> int:
    """How wide a text is: Chinese characters count twice."""
    return sum(2 if east_asian_width(one) in "WF" else 1 for one in text)


def cut(text: str) -> str:
    """As much of a text as one line holds."""
    while width(text) > LINE:
        text = text[:-1]
    return text
