"""CSV records (RFC 4180), one by one, so that a broken record costs a record and not the file."""

import csv
import re
from collections.abc import Collection, Iterator
from typing import NamedTuple

from untrusted.limits import DEFAULT, STREAM, Limits
from untrusted.refused import Refused, refuse_larger
from untrusted.source import FileBytes
from untrusted.text import decode, decode_pieces

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


def stream_csv(
    data: FileBytes,
    *,
    encodings: Collection[str] = frozenset({"utf-8", "utf-8-sig"}),
    limits: Limits = STREAM,
    again: bool = False,
) -> Iterator[Record]:
    """The same records of a file that is not held in memory, except for a piece of it.

    Everything is raised while iterating: what cannot be decoded first, for the text is gone through once before any
    record of it (not `again`); everything else when its place is reached. A record longer than
    `limits.record_characters` is refused: `cell.too-long`, or `file.too-large` (columns) if no single cell is.
    """
    if len(data) > limits.file_bytes:
        raise Refused("file.too-large", "bytes", f"{len(data)} bytes are more than {limits.file_bytes}.")
    for _ in () if again else decode_pieces(data.pieces(), encodings):
        pass
    number, rest = 0, ""
    for text in decode_pieces(data.pieces(), encodings):
        rest += text
        at = 0
        for record, end in _parsed(rest, 0, number, limits, whole=False):
            number, at = record.number, end
            yield record
        rest = rest[at:]
        if len(rest) > limits.record_characters:
            raise _too_long(rest, number + 1, limits)
    for record, _ in _parsed(rest, 0, number, limits, whole=True):
        yield record


def _records(text: str, limits: Limits) -> Iterator[Record]:
    for record, _ in _parsed(text, 0, 0, limits, whole=True):
        yield record


def _parsed(text: str, at: int, number: int, limits: Limits, *, whole: bool) -> Iterator[tuple[Record, int]]:
    """Each record behind record `number`, and where the next one starts.

    Not `whole`: the text goes on, and a record that reaches its end is left for later.
    """
    most, columns = limits.cell_characters, limits.columns
    length = len(text)
    while at < length:
        # Up to the next quote, lines are records.
        quote = text.find('"', at)
        end = text.rfind("\n", at, length if quote < 0 else quote) + 1
        if end > at:
            for line in text[at : end - 1].split("\n"):
                number, at = number + 1, at + len(line) + 1
                if line[-1:] == "\r":
                    line = line[:-1]
                if len(line) >= columns and line.count(",") >= columns:
                    raise _too_wide(number, limits)
                record = Record(number, tuple(line.split(",")))
                if len(line) > most:
                    _check_cells(record, most)
                yield record, at
            continue
        number += 1
        if quote < 0 or 0 <= text.find("\n", at) < quote:
            if not whole:
                return
            if text.count(",", at) >= columns:
                raise _too_wide(number, limits)
            record, at = Record(number, tuple(text[at:].split(","))), length
        elif (cells := _on_one_line(text, at, limits)) is not None:
            record, at = Record(number, cells), text.find("\n", at) + 1
        else:
            record, at = _quoted(text, at, number, limits)
            if at > length and not whole:
                return
        _check_cells(record, most)
        yield record, at


def _on_one_line(text: str, at: int, limits: Limits) -> tuple[str, ...] | None:
    """The cells of a record with quotes that ends with its line; `None` where that is not certain.

    The standard library's reader is strict here: what it reads without complaint, `_quoted` reads the same.
    """
    end = text.find("\n", at)
    if end < 0:
        return None
    line = text[at : end - 1] if text[end - 1] == "\r" else text[at:end]
    if "\r" in line or len(line) >= limits.columns:
        return None
    try:
        return tuple(next(csv.reader((line,), strict=True)))
    except (csv.Error, StopIteration):
        return None


def _check_cells(record: Record, most: int) -> None:
    if max(map(len, record.cells)) > most:
        raise Refused("cell.too-long", "characters", f"A cell is longer than {most}.", where=f"row {record.number}")


def _too_long(text: str, number: int, limits: Limits) -> Refused:
    """What a record is that goes on for more than is kept of one."""
    record = next(record for record, _ in _parsed(text, 0, number - 1, limits, whole=True))
    _check_cells(record, limits.cell_characters)
    return _too_wide(number, limits)


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
