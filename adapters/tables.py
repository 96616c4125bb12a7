"""Lists as insurers' people make them, as CSV: header search, units, totals rows, notes (DIALECTS 0.9).

The header is judged before any row: column by column, then what is missing, then units.
"""

from collections.abc import Callable, Hashable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from operator import itemgetter
from typing import Any
from unicodedata import normalize

from adapters import headings
from adapters.again import Again
from adapters.convert import is_null
from adapters.drafts import Row
from adapters.facts import Cells, SourceRow
from adapters.headings import Column, heading, known_columns, stated_columns
from adapters.kinds import money, spreadsheet_reader
from adapters.mapping import Mapping, Rows, Shape, Source
from adapters.problems import Problem, reject
from adapters.reading import RowsPlan, plan
from adapters.totals import MoneyColumn, Sums, is_note, sums_above, total_word
from untrusted import DEFAULT, FileBytes, Limits, Record, Refused, read_csv, stream_csv

_HEADER_WITHIN = 20


@dataclass(frozen=True, slots=True)
class CsvList:
    """A CSV list with one header row: `header` are names of which a header has all, `needs` the required columns."""

    header: tuple[str, ...]
    needs: tuple[str, ...]
    key_column: str
    encodings: frozenset[str] = frozenset({"gb18030", "utf-8-sig"})
    name: str = "CSV"
    separator: str = "\n"

    def open(self, data: bytes, mapping: Mapping, file_name: str, media_type: str | None) -> "TableFile":
        """The rows of the list, once its header is accounted for and every amount has a unit."""
        del file_name, media_type
        return self.opened(kept(read_csv(data, encodings=self.encodings)), mapping)

    def stream(
        self, data: FileBytes, mapping: Mapping, file_name: str, media_type: str | None, limits: Limits
    ) -> "TableFile":
        """The same of a file that is not in memory: it is read anew each time that its rows are gone through."""
        del file_name, media_type
        return self.opened(streamed(data, self.encodings, limits), mapping)

    def opened(self, records: Iterable[Record], mapping: Mapping) -> "TableFile":
        """The list that these records are, in whatever form they were written."""
        rows = mapping.rows[0]
        known = known_columns(rows)
        above = list(islice(records, _HEADER_WITHIN))
        at = self._find_header(above, known)
        head = above[at]
        body = below(records, head)
        columns = self._columns(head, body, rows, known)
        missing = next((name for name in self.needs if name not in columns.values()), None)
        if missing is not None:
            raise reject("column.missing", "required", known[missing].field, column=missing)
        units = headings.units(head, body, columns, known, headings.unit_line(above[:at]), self.key_column)
        layout = ListLayout(head, columns, units)
        pick = itemgetter(*columns) if len(columns) > 1 else _only(*columns)
        return TableFile(body, layout, plan(rows, layout), known, self.key_column, rows.bucket, len(head.cells), pick)

    def _find_header(self, records: list[Record], known: dict[str, Column]) -> int:
        for index, record in enumerate(records):
            names = {known[name].name for cell in record.cells if (name := heading(cell)[0]) in known}
            if names.issuperset(self.header):
                return index
        raise reject("header.not-found", "no-row-has-it", names=", ".join(self.header))

    def _columns(self, head: Record, body: Iterable[Record], rows: Rows, known: dict[str, Column]) -> dict[int, str]:
        """Column index to name in the mapping. A column that is neither taken, ignored nor blank refuses the file."""
        columns: dict[int, str] = {}
        unnamed = {index for index, cell in enumerate(head.cells) if not cell.strip()}
        stated = stated_columns(body, unnamed) if unnamed else set()
        for index, cell in enumerate(head.cells):
            name, _ = heading(cell)
            place = f"row {head.number}, column {index + 1}"
            if not name:
                if index in stated:
                    raise reject("field.unaccounted", "column-without-name", "", place)
            elif name in known:
                if known[name].name in columns.values():
                    raise reject("column.duplicate", "two-columns-for-one-field", known[name].field, place, column=name)
                columns[index] = known[name].name
            elif name not in rows.ignores:
                raise reject("field.unaccounted", "unknown", name, place)
        return columns


def _only(column: int) -> Callable[[tuple[str, ...]], tuple[str, ...]]:
    """What `itemgetter` does for several columns."""
    return lambda cells: (cells[column],)


def kept(records: Iterator[Record], limits: Limits = DEFAULT) -> list[Record]:
    """All records, of which there are not more than a machine can hold."""
    return list(_bounded(records, limits))


def streamed(data: FileBytes, encodings: frozenset[str], limits: Limits) -> Again[Record]:
    """The records of a file, each time anew, once all of them can be read and they are not too many."""
    for _ in _bounded(stream_csv(data, encodings=encodings, limits=limits), limits):
        pass
    return Again(lambda: stream_csv(data, encodings=encodings, limits=limits, again=True))


def _bounded(records: Iterator[Record], limits: Limits) -> Iterator[Record]:
    cells = 0
    for count, record in enumerate(records, 1):
        cells += len(record.cells)
        if count > limits.rows or cells > limits.cells:
            raise Refused("file.too-large", "items", "The list has more rows or cells than are read at once.")
        yield record


def below(records: Iterable[Record], head: Record) -> Iterable[Record]:
    """The records below the header that are not blank."""

    def found() -> Iterator[Record]:
        number = head.number
        return (record for record in records if record.number > number and any(map(str.strip, record.cells)))

    return list(found()) if isinstance(records, list) else Again(found)


@dataclass(frozen=True, slots=True)
class ListLayout:
    """How fields stand in a list: a column, in the unit of its header, of the line above, or of its cells."""

    head: Record
    columns: dict[int, str]
    units: dict[str, str | None]

    def place(self, source: Source) -> str | None:
        """The column as its header writes it; `None` if this file has no such column and needs none."""
        index = next((index for index, name in self.columns.items() if name == source.name), None)
        if index is None:
            return f", column {source.name}" if source.required else None
        return f", column {' '.join(self.head.cells[index].split())}"

    def reader(self, source: Source) -> Callable[[Any], Any]:
        """As a cell of a spreadsheet."""
        return spreadsheet_reader(source.kind, self.units.get(source.name, source.unit))

    def account(self, where: str, value: Any, shape: Shape, under: str) -> tuple[Cells, list[Problem]]:
        """A list has no objects."""
        raise TypeError("a list has no objects")


@dataclass(frozen=True, slots=True)
class TableFile:
    """A list whose header is good: its records below the header that are not blank."""

    records: Iterable[Record]
    layout: ListLayout
    plan: RowsPlan
    known: dict[str, Column]
    key_column: str
    bucket: tuple[str, ...]
    width: int
    pick: Callable[[tuple[str, ...]], tuple[str, ...]]

    def rows(self) -> Iterator[SourceRow | Row]:
        """Each data row; totals rows that do not add up, rows without a policy number; notes are nothing."""
        key_index = self._index(self.key_column)
        sums: Sums | None = None
        for record in self.records:
            word = None if record.ragged else total_word(record, key_index)
            if word is not None:
                sums = sums or sums_above(self.records, record.number, self._money_columns())
                if problems := sums.compare(record, word):
                    yield Row(record.number, problems=problems)
            elif not is_note(record):
                if sums is not None:
                    sums.add(record)
                if record.ragged:
                    yield _refused(record, "row.ragged", "quote", None)
                elif self._has_no_number(record, key_index):
                    yield _refused(record, "row.unreadable", "no-policy-number", "policy_no")
                else:
                    yield self._row(record)

    def buckets(self) -> Iterator[tuple[int, Hashable]]:
        """The key cells of each row, folded: rows of the same key have the same."""
        indexes = [self._index(name) for name in self.bucket]
        for record in self.records:
            cells = record.cells
            yield record.number, tuple(fold(cells[index]) if 0 <= index < len(cells) else "" for index in indexes)

    def columns(self) -> Iterator[str]:
        """The header's names."""
        yield from (heading(cell)[0] for cell in self.layout.head.cells)

    def _index(self, name: str) -> int:
        return next((index for index, taken in self.layout.columns.items() if taken == name), -1)

    def _row(self, record: Record) -> SourceRow:
        cells, where = record.cells, f"row {record.number}"
        width = len(cells)
        columns = self.layout.columns
        if width >= self.width:
            raws = dict(zip(columns.values(), self.pick(cells), strict=True))
        else:
            raws = {name: cells[index] for index, name in columns.items() if index < width}
        problems: tuple[Problem, ...] = ()
        if width > self.width and any(cell.strip() for cell in cells[self.width :]):
            problems = (Problem("row.ragged", None, "R", "surplus", where=where),)
        return SourceRow(record.number, self.plan, Cells(where, raws), problems)

    def _has_no_number(self, record: Record, key_index: int) -> bool:
        cell = record.cells[key_index] if key_index < len(record.cells) else ""
        text = cell.strip()
        if text.startswith('="') and text.endswith('"'):
            text = text[2:-1].strip()
        return len(text) < 5 and is_null(text)

    def _money_columns(self) -> list[MoneyColumn]:
        return [
            MoneyColumn(index, self.known[name].field, spreadsheet_reader(money, self.layout.units[name]))
            for index, name in self.layout.columns.items()
            if self.known[name].measured == "money"
        ]


def _refused(record: Record, rule: str, reason: str, name: str | None) -> Row:
    return Row(record.number, problems=(Problem(rule, name, "R", reason, where=f"row {record.number}"),))


def fold(cell: str) -> str:
    """A key cell as a bucket: two cells that are read as the same identifier fold to the same."""
    if cell.isascii() and cell.isalnum():
        return cell.upper()
    text = "".join(normalize("NFKC", cell).split()).upper()
    text = text.removeprefix('="').removesuffix('"').removeprefix("'")
    return "" if is_null(text) else text
