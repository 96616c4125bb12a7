"""Delimited text in the manner of the regulator's extract: `H` line, names, data lines, `T` line (DIALECTS 12).

There are no quotes and no escapes: a line is split at the delimiter that the first line names, and nowhere else. The
file is kept as bytes, or not at all, and gone through line by line.
"""

import re
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from operator import itemgetter
from typing import Any

from adapters.amounts import FEN
from adapters.drafts import Row
from adapters.facts import Cells, SourceRow
from adapters.headings import Column, heading, known_columns
from adapters.kinds import money, spreadsheet_reader
from adapters.mapping import Mapping as InsurerMapping
from adapters.mapping import Rows, Shape, Source
from adapters.problems import Problem, Unreadable, reject
from adapters.reading import RowsPlan, plan
from adapters.tables import fold
from schemas.money import Yuan
from untrusted import DEFAULT, FileBytes, Limits, Refused, decode, read_gzip, stream_gzip

_GZIP = b"\x1f\x8b"
_BOM = b"\xef\xbb\xbf"
_HEAD = re.compile(rb"H(\|!\||\x01)([A-Z0-9]{1,20})\1([0-9]{8})\1(UTF-8|GB18030)\1v1\r?")
_CODECS = {b"UTF-8": "utf-8", b"GB18030": "gb18030"}
_COUNT = re.compile(r"[0-9]{1,9}")
_NULL = "\\N"
_RATE_UNITS = ("%", "‰")
_FIRST_DATA_LINE = 3
_LONGEST_HEAD = 1000


@dataclass(frozen=True, slots=True)
class Table:
    """A table of the extract: its columns, all of which are needed, and the one that the last line sums up.

    `apart` are the columns in which rows must differ: rows that agree in one of them are compared.
    """

    columns: tuple[str, ...]
    total: str
    apart: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class DelimitedText:
    """Plain text or gzip: `H` line, column names, one line a row, `T` line. `tables` by name, as `Rows.at` has them."""

    tables: Mapping[str, Table] = field(default_factory=dict)
    name: str = "TXT"
    separator: str = "/"

    def open(self, data: bytes, mapping: InsurerMapping, file_name: str, media_type: str | None) -> "DelimitedFile":
        """The rows of the table, once the number of lines and every column are accounted for."""
        del file_name, media_type
        if data.startswith(_GZIP):
            data = read_gzip(data)
        elif len(data) > DEFAULT.file_bytes:
            raise Refused("file.too-large", "bytes", f"{len(data)} bytes are too many.")
        return self._opened(lambda: _pieces(data), mapping, DEFAULT)

    def stream(
        self, data: FileBytes, mapping: InsurerMapping, file_name: str, media_type: str | None, limits: Limits
    ) -> "DelimitedFile":
        """The same of a file that is not in memory: it is read anew each time that its rows are gone through."""
        del file_name, media_type
        if not data.startswith(_GZIP):
            if len(data) > limits.file_bytes:
                raise Refused("file.too-large", "bytes", f"{len(data)} bytes are too many.")
            return self._opened(data.pieces, mapping, limits)
        for _ in stream_gzip(data, limits):  # the whole of it is sound
            pass
        return self._opened(lambda: stream_gzip(data, limits), mapping, limits)

    def _opened(
        self, pieces: Callable[[], Iterator[bytes]], mapping: InsurerMapping, limits: Limits
    ) -> "DelimitedFile":
        first = b""
        for piece in pieces():
            first += piece
            if b"\n" in first or len(first) > _LONGEST_HEAD:
                break
        head = _HEAD.fullmatch(first[: _end_of_line(first, 0)])
        table = self.tables.get(head[2].decode()) if head is not None else None
        if head is None or table is None or not _is_day(head[3].decode()):
            raise reject("dialect.unrecognised", "no-head-line")
        rows = next(rows for rows in mapping.rows if rows.at == head[2].decode())
        text = Text(pieces, _CODECS[head[4]], head[1].decode(), limits)
        last, end = text.check()
        titles, total = _framed(text, last, end)
        known = known_columns(rows)
        columns = _columns(text, titles, last, table, rows, known)
        layout = TextLayout(columns, titles, _units(columns, titles, known))
        return DelimitedFile(text, last, total, layout, plan(rows, layout), table, known)


_PIECE = 1 << 20


def _pieces(data: bytes) -> Iterator[bytes]:
    return (data[at : at + _PIECE] for at in range(0, len(data), _PIECE))


@dataclass(frozen=True, slots=True)
class Text:
    """The lines of a file, by number from 1: LF or CRLF, the last may lack it. `pieces` gives its bytes, as often as
    they are asked for.
    """

    pieces: Callable[[], Iterator[bytes]]
    codec: str
    delimiter: str
    limits: Limits = DEFAULT

    def check(self) -> tuple[int, str]:
        """Number and text of the last line. Each line is decoded and looked through once before any is read."""
        number, line, most = 0, "", self.limits.cell_characters
        for number, line in self.lines():
            if number > self.limits.rows:
                raise Refused("file.too-large", "rows", "The text has more lines than are read.")
            if len(line) > most and max(map(len, self.split(line))) > most:
                raise Refused("cell.too-long", "characters", "A field is too long.", where=f"line {number}")
        return number, line

    def lines(self, start: int = 1) -> Iterator[tuple[int, str]]:
        """Number and text of each line from `start`. Raises `encoding.undecodable` and `text.control-char` (NUL)."""
        before, rest = 0, b""
        for piece in self.pieces():
            block = rest + piece
            cut = block.rfind(b"\n") + 1
            rest = block[cut:]
            if len(rest) > self.limits.record_characters:
                raise Refused("cell.too-long", "characters", "A line is too long.", where=f"line {before + 1}")
            if cut:
                for line in self._decoded(block[: cut - 1], before):
                    before += 1
                    if before >= start:
                        yield before, line
        if rest and before + 1 >= start:
            yield before + 1, next(iter(self._decoded(rest, before)))

    def _decoded(self, block: bytes, before: int) -> Iterable[str]:
        """The lines of a block behind line number `before`: at once, or one by one if one of them is refused."""
        try:
            text = block.decode(self.codec)
        except UnicodeDecodeError:
            text = "\0"
        if "\0" in text or "\ufeff" in text or _BOM in block:
            return self._one_by_one(block, before)
        return text.split("\n") if "\r" not in text else [line.removesuffix("\r") for line in text.split("\n")]

    def _one_by_one(self, block: bytes, before: int) -> Iterator[str]:
        encodings = frozenset({self.codec})
        for number, line in enumerate(block.split(b"\n"), before + 1):
            try:
                yield decode(line.removesuffix(b"\r"), encodings)
            except Refused as error:
                raise Refused(error.rule, error.reason, error.detail, where=f"line {number}") from error

    def split(self, line: str) -> list[str]:
        """The fields of a line."""
        return line.split(self.delimiter)


def _end_of_line(data: bytes, at: int) -> int:
    end = data.find(b"\n", at)
    return len(data) if end < 0 else end


def _is_day(digits: str) -> bool:
    try:
        date.fromisoformat(digits)
    except ValueError:
        return False
    return True


def _framed(text: Text, last: int, end: str) -> tuple[list[str], str]:
    """The column names, and the sum of the last line. The number of data lines must be the one that it states."""
    tag, *counted = text.split(end)
    where = f"line {last}"
    if tag != "T" or len(counted) != 2 or last < _FIRST_DATA_LINE:
        raise reject("file.count-mismatch", "no-last-line", where=where)
    stated, total = counted
    found = last - _FIRST_DATA_LINE
    if not _COUNT.fullmatch(stated) or int(stated) != found:
        raise reject("file.count-mismatch", "another-count", where=where, stated=stated[:20], found=str(found))
    titles = next(line for _, line in text.lines(2))
    return text.split(titles), total


def _columns(
    text: Text, titles: list[str], last: int, table: Table, rows: Rows, known: dict[str, Column]
) -> dict[int, str]:
    """Field index to column name. A column that the table does not have, or has twice, refuses the file."""
    columns: dict[int, str] = {}
    for index, title in enumerate(titles):
        name, place = heading(title)[0], f"line 2, column {index + 1}"
        if not name:
            if _is_stated(text, index, len(titles), last):
                raise reject("field.unaccounted", "column-without-name", "", place)
        elif name not in table.columns:
            raise reject("field.unaccounted", "unknown", name, place)
        elif name in columns.values() and name not in rows.ignores:
            raise reject("column.duplicate", "two-columns-for-one-field", _field(name, known), place, column=name)
        else:
            columns[index] = name
    missing = next((name for name in table.columns if name not in columns.values()), None)
    if missing is not None:
        raise reject("column.missing", "required", _field(missing, known), column=missing)
    return columns


def _field(name: str, known: dict[str, Column]) -> str:
    """The canonical field of a column; its own name if it has none."""
    return known[name].field if name in known else name


def _is_stated(text: Text, index: int, width: int, last: int) -> bool:
    return any(
        len(fields) == width and fields[index].strip()
        for number, line in text.lines(_FIRST_DATA_LINE)
        if number < last and (fields := text.split(line))
    )


def _units(columns: dict[int, str], titles: list[str], known: dict[str, Column]) -> dict[str, str]:
    """The units that headers state; they win over the one that the format declares (0.5)."""
    units: dict[str, str] = {}
    for index, name in columns.items():
        unit = heading(titles[index])[1]
        measured = known[name].measured if name in known else None
        if unit is None or measured is None:
            continue
        if unit not in (FEN if measured == "money" else _RATE_UNITS):
            raise reject("unit.ambiguous", "no-unit" if measured == "money" else "no-rate-unit", known[name].field)
        units[name] = unit
    return units


@dataclass(frozen=True, slots=True)
class TextLayout:
    """How fields stand in a line: a column, in the unit of its name, else in the one that the format declares."""

    columns: dict[int, str]
    titles: list[str]
    units: dict[str, str]

    def place(self, source: Source) -> str | None:
        """The column."""
        return f", column {source.name}"

    def reader(self, source: Source) -> Callable[[Any], Any]:
        """As a cell of a list (0.2)."""
        return spreadsheet_reader(source.kind, self.units.get(source.name, source.unit))

    def account(self, where: str, value: Any, shape: Shape, under: str) -> tuple[Cells, list[Problem]]:
        """A line has no objects."""
        raise TypeError("a line has no objects")


@dataclass(frozen=True, slots=True)
class DelimitedFile:
    """A text whose framing is good. `last` is the number of the `T` line, `total` the sum that it states."""

    text: Text
    last: int
    total: str
    layout: TextLayout
    plan: RowsPlan
    table: Table
    known: dict[str, Column]

    def rows(self) -> Iterator[SourceRow | Row]:
        """Each data line; a ragged one is told, and so is a sum that the lines do not give."""
        columns, width = self.layout.columns, len(self.layout.titles)
        names, pick = tuple(columns.values()), itemgetter(*columns)  # of two columns at least
        column = next(index for index, name in columns.items() if name == self.table.total)
        read = spreadsheet_reader(money, self.layout.units.get(self.table.total, "元"))
        fen: int | None = 0
        for number, fields in self._lines():
            where = f"line {number}"
            if len(fields) != width:
                fen = None
                yield Row(number, problems=(Problem("row.ragged", None, "R", "fields", where=where),))
                continue
            raws = dict(zip(names, pick(fields), strict=True))
            fen = _added(fen, fields[column], read)
            yield SourceRow(number, self.plan, Cells(where, raws))
        if fen is not None and (problem := self._difference(fen, read)) is not None:
            yield Row(self.last, problems=(problem,))

    def buckets(self) -> Iterator[tuple[int, Hashable]]:
        """What rows must differ in, folded; a line with another number of fields has none."""
        width = len(self.layout.titles)
        indexes = [index for index, name in self.layout.columns.items() if name in self.table.apart]
        for number, fields in self._lines():
            if len(fields) == width:
                yield from ((number, (index, text)) for index in indexes if (text := fold(fields[index])))

    def columns(self) -> Iterator[str]:
        """The names of the columns, below the table's."""
        yield from (f"{self.plan.rows.at}/{heading(title)[0]}" for title in self.layout.titles)

    def _lines(self) -> Iterator[tuple[int, list[str]]]:
        split, last = self.text.split, self.last
        for number, line in self.text.lines(_FIRST_DATA_LINE):
            if number == last:
                return
            fields = split(line)
            yield number, fields if _NULL not in line else ["" if one.strip() == _NULL else one for one in fields]

    def _difference(self, fen: int, read: Callable[[str], Any]) -> Problem | None:
        reason = "sum-differs"
        try:
            total = read(self.total)
        except Unreadable:
            total = None
        if total is None:
            reason = "total-unreadable"
        elif total.fen == fen:
            return None
        return Problem(
            "row.total-mismatch",
            self.known[self.table.total].field,
            "N",
            reason,
            raw=self.total[:500],
            where=f"line {self.last}",
            facts={"listed": str(Yuan(fen))},
        )


def _added(fen: int | None, text: str, read: Callable[[str], Any]) -> int | None:
    """The sum with one more amount; none if one of them cannot be read."""
    if fen is None:
        return None
    try:
        amount = read(text) if text else None
    except Unreadable:
        return None
    return fen if amount is None else fen + int(amount.fen)
