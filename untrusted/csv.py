"""CSV records (RFC 4180), one by one, so that a broken record costs a record and not the file."""

import re
from collections.abc import Collection, Iterator
from typing import NamedTuple

from untrusted.limits import DEFAULT, Limits
from untrusted.refused import Refused, refuse_larger
from untrusted.text import decode

_INSIDE = re.compile(r'"((?:[^"]++|"")*+)("?)')
_UP_TO_END = re.compile(r"[^,\n]*+")


class Record(NamedTuple):
    """One record: its ordinal in the file, from 1, empty lines counted; its cells as text, quotes resolved.

    `ragged` if a quote was never closed, or text stands behind a closing quote: the cells are then a guess.
    """

    number: int
    cells: tuple[str, ...]
    ragged: bool = False


def read_csv(
    data: bytes | str,
    *,
    encodings: Collection[str] = frozenset({"utf-8", "utf-8-sig"}),
    limits: Limits = DEFAULT,
) -> Iterator[Record]:
    """The records of `data`: comma, quotes, CRLF or LF, line breaks within quotes. Bytes are decoded by `text.decode`.

    An empty line is a record with one empty cell. A quote within an unquoted cell is a character like any other.
    Raises `Refused` on the call: `file.too-large`, `encoding.undecodable`, `text.control-char`; while iterating:
    `cell.too-long`, `file.too-large` (columns).
    """
    if isinstance(data, bytes):
        refuse_larger(data, limits.file_bytes)
        data = decode(data, encodings)
    return _records(data, limits)


def _records(text: str, limits: Limits) -> Iterator[Record]:
    at, number, most = 0, 0, limits.cell_characters
    while at < len(text):
        number += 1
        end = text.find("\n", at)
        end = len(text) if end < 0 else end
        if text.find('"', at, end) < 0:
            line = text[at : end - 1] if end > at and text[end - 1] == "\r" and end < len(text) else text[at:end]
            if len(line) >= limits.columns and line.count(",") >= limits.columns:
                raise _too_wide(number, limits)
            record = Record(number, tuple(line.split(",")))
            at = end + 1
        else:
            record, at = _quoted(text, at, number, limits)
        if max(map(len, record.cells)) > most:
            raise Refused("cell.too-long", "characters", f"A cell is longer than {most}.", where=f"row {number}")
        yield record


def _quoted(text: str, at: int, number: int, limits: Limits) -> tuple[Record, int]:
    """The record at `at`, in which quotes occur, and where the next one starts."""
    cells: list[str] = []
    ragged = False
    while True:
        cell = ""
        inside = _INSIDE.match(text, at)
        if inside is not None:
            cell = inside[1].replace('""', '"')
            at = inside.end()
            ragged = ragged or not inside[2]
        rest_at, at = at, _end_of_cell(text, at)
        rest = text[rest_at:at]
        if rest.endswith("\r") and at < len(text) and text[at] == "\n":
            rest = rest[:-1]
        ragged = ragged or (inside is not None and rest != "")
        cells.append(cell + rest)
        if len(cells) > limits.columns:
            raise _too_wide(number, limits)
        if at >= len(text) or text[at] == "\n":
            return Record(number, tuple(cells), ragged), at + 1
        at += 1


def _too_wide(number: int, limits: Limits) -> Refused:
    return Refused("file.too-large", "columns", f"More than {limits.columns} cells.", where=f"row {number}")


def _end_of_cell(text: str, at: int) -> int:
    match = _UP_TO_END.match(text, at)
    return len(text) if match is None else match.end()
