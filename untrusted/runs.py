"""Cells that are written as nearly all are, taken from the bytes of a sheet part at once instead of tag by tag.

A run is cells of the one form below, one behind the other. Before a part is parsed, each run is replaced by one empty
cell with a mark that nobody can foresee. Where the parser comes to that mark, and nowhere else, the run's cells are
what stands there: they are complete elements without a prefix, as the mark is, so that depth and namespace are those of
the mark. To a mark in a comment the parser never comes; then, as with everything else that is not as expected, nothing
that was read this way is used, and the part is parsed tag by tag.
"""

import re
import secrets
from collections.abc import Iterator
from typing import Final

from untrusted.limits import Limits

# What the XML parser gives of exactly these bytes is these bytes: no reference, no line end that is translated, no
# character that XML does not have. Attributes stand once each, in the order in which spreadsheets write them.
_CELL: Final = re.compile(
    rb'<c r="([A-Z]{1,3})([1-9][0-9]{0,6})"(?: s="(0|[1-9][0-9]{0,8})")?(?: t="(n|s|inlineStr)")?(?:/>|>(?:'
    rb"<v>([-0-9][0-9.eE+-]{0,30}+)</v>|"
    rb'<is><t(?: xml:space="preserve")?>([^<&\]\x00-\x08\x0b-\x1f]{0,40000}+)</t></is>'
    rb")</c>)"
)
_NO_CHARACTERS: Final = (b"\xef\xbf\xbe", b"\xef\xbf\xbf")  # U+FFFE and U+FFFF
_DEEP: Final = 6  # a text in a cell in a row in the data of a sheet
_LEAST: Final = 3  # cells: below that a mark costs more than they


class Unusual(Exception):
    """The part is to be parsed tag by tag: here nobody says what is wrong with it, if anything is."""


class Runs:
    """The runs of one part, which is UTF-8 and stays in memory."""

    def __init__(self, body: bytes, limits: Limits) -> None:
        self._body = body
        self._mark = f"#{secrets.token_hex(12)}-"
        self._spans = list(_spans(body)) if _may_be_cut(body, limits) else []
        self._taken = 0

    def rest(self) -> bytes:
        """The part with a marked cell in place of each run."""
        pieces: list[bytes] = []
        last = 0
        for number, (begin, end) in enumerate(self._spans):
            pieces += (self._body[last:begin], f'<c r="{self._mark}{number}"/>'.encode())
            last = end
        pieces.append(self._body[last:])
        return b"".join(pieces)

    def take(self, stated: str) -> Iterator["re.Match[bytes]"]:
        """The cells of the run at this mark: letters, row, style, type, value, inline text. `Unusual` if it is not the
        next one."""
        if self._taken == len(self._spans) or stated != f"{self._mark}{self._taken}":
            raise Unusual
        begin, end = self._spans[self._taken]
        self._taken += 1
        return _CELL.finditer(self._body, begin, end)

    def check_all_taken(self) -> None:
        """Raises `Unusual` if a mark was not come to."""
        if self._taken != len(self._spans):
            raise Unusual


def _may_be_cut(body: bytes, limits: Limits) -> bool:
    return limits.depth >= _DEEP and not any(one in body for one in _NO_CHARACTERS)


def _spans(body: bytes) -> Iterator[tuple[int, int]]:
    begin = end = count = 0
    for found in _CELL.finditer(body):
        if found.start() != end:
            if count >= _LEAST:
                yield begin, end
            begin, count = found.start(), 0
        end, count = found.end(), count + 1
    if count >= _LEAST:
        yield begin, end
