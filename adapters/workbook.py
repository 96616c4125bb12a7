"""Bordereau workbooks: the data sheet, its two-row header, merged ranges, and the rows below (DIALECTS 4, 0.9).

A cell that is plain text is a `str`; what is more than that (a number, a formula, an error, an amount merged over
several rows) is a `Stored`, and `adapters.stored` says how it is read.
"""

from collections.abc import Callable, Hashable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias, TypeVar
from unicodedata import normalize

from adapters import headings
from adapters.again import Again
from adapters.convert import is_null
from adapters.drafts import Row
from adapters.facts import Cells, SourceRow
from adapters.headings import Column, heading, known_columns
from adapters.kinds import money
from adapters.mapping import Mapping, Rows, Shape, Source
from adapters.merges import Spans, carried, header_names
from adapters.problems import Problem, reject
from adapters.reading import RowsPlan, plan
from adapters.spilled import spill
from adapters.stored import Stored, cell_reader, shows_nothing
from adapters.tables import fold
from adapters.totals import MoneyColumn, Sums, is_note, sums_above, total_word
from untrusted import FileBytes, Limits, Merge, Record, Refused, Sheet, Workbook, read_xlsx, stream_xlsx
from untrusted import Row as SheetRow

_HEADER_WITHIN = 20
_FIRST = 3  # a totals row says so in one of its first columns (DIALECTS 0.9)


@dataclass(frozen=True, slots=True)
class Bordereau:
    """A workbook with one data sheet, whose header is the row with a cell that reads `group`, and the next.

    With `levels` of 1 there is no next: the header is one row.

    `needs` are the required columns; of a tuple, one of the alternatives must be there, each of which is the columns
    that it takes. `pairs` are names that stand for two columns where their header is merged over two: start and end.
    `aside` are the names of sheets that hold no data.
    """

    group: str
    needs: tuple[str | tuple[tuple[str, ...], ...], ...]
    key_column: str
    pairs: dict[str, tuple[str, str]]
    aside: frozenset[str]
    levels: Literal[1, 2] = 2
    name: str = "XLSX"
    separator: str = "\n"

    def open(self, data: bytes, mapping: Mapping, file_name: str, media_type: str | None) -> "SheetFile":
        """The rows of the data sheet, once sheets and header are accounted for and every amount has a unit."""
        del file_name, media_type
        return self._opened(_workbook(read_xlsx, data), mapping, Sheet.content)

    def stream(
        self, data: FileBytes, mapping: Mapping, file_name: str, media_type: str | None, limits: Limits
    ) -> "SheetFile":
        """The same of a file that is not in memory, nor are its rows: a temporary file has them."""
        del file_name, media_type
        return self._opened(_workbook(lambda file: stream_xlsx(file, limits=limits), data), mapping, spill)

    def _opened(self, workbook: Workbook, mapping: Mapping, content: "Content") -> "SheetFile":
        sheet, rows, merges, first = self._data_sheet(workbook, content)
        head, below = first.number, first.number + self.levels - 1
        above: list[Record] = []
        lower = SheetRow(below, {})
        for row in rows:
            if row.number > below:
                break
            if row.number < head:
                above.append(Record(row.number, tuple(cell.value for cell in row.cells.values())))
            elif row.number == below != head:
                lower = row
        body = _kept(rows, lambda row: row if row.number > below and not _is_note(row) else None)
        names, pairs = header_names(first, lower, merges)
        source = mapping.rows[0]
        known = known_columns(source)
        columns = self._columns(sheet, below, names, pairs, body, source, known)
        self._check_needs(columns, known)
        measured = {column for column, name in columns.items() if known[name].measured is not None}
        starts = {merge.first_row for merge in merges if below < merge.first_row < merge.last_row}
        merged = {row.number: row for row in rows if row.number in starts} if starts else {}
        spans = carried(merges, merged, frozenset(columns), below)
        places = (*range(1, _FIRST + 1), *columns)
        records = _kept(body, lambda row: _record(row, places, measured, spans))
        by_place = {place: columns[column] for place, column in enumerate(places) if place >= _FIRST}
        titles = Record(head, tuple("" if place < _FIRST else names[column] for place, column in enumerate(places)))
        units = headings.units(titles, records, by_place, known, headings.unit_line(above), self.key_column)
        layout = SheetLayout(sheet, columns, units, workbook.date1904)
        return SheetFile(records, by_place, layout, plan(source, layout), known, self.key_column, tuple(names.values()))

    def _data_sheet(
        self, workbook: Workbook, content: "Content"
    ) -> tuple[str, Iterable[SheetRow], tuple[Merge, ...], SheetRow]:
        """The first visible sheet with the header: its name, rows, merged ranges and the header's first row.

        Any other sheet with content refuses the file: it would be lost.
        """
        found: tuple[str, Iterable[SheetRow], tuple[Merge, ...], SheetRow] | None = None
        others: list[tuple[str, bool]] = []
        for sheet in workbook.sheets:
            if normalize("NFKC", sheet.name).strip() in self.aside:
                continue
            rows, merges = content(sheet)
            first = self._find_header(rows) if found is None and sheet.state == "visible" else None
            if first is not None:
                found = (sheet.name, rows, merges, first)
            elif any(not shows_nothing(cell) for row in rows for cell in row.cells.values()):
                others.append((sheet.name, sheet.state == "visible"))
        if found is None:  # the one visible sheet is the data, and lacks its header
            lost = next((other for other in others if other[1]), None)
            others = [other for other in others if other is not lost]
        if others:
            raise reject("sheet.unaccounted", "unknown-sheet", others[0][0], sheet=others[0][0])
        if found is None:
            raise reject("header.not-found", "no-row-has-it", names=self.group)
        return found

    def _find_header(self, rows: Iterable[SheetRow]) -> SheetRow | None:
        for row in rows:
            if row.number > _HEADER_WITHIN:
                return None
            if any(heading(cell.value)[0] == self.group for cell in row.cells.values()):
                return row
        return None

    def _columns(
        self,
        sheet: str,
        row: int,
        names: dict[int, str],
        pairs: set[int],
        body: Iterable[SheetRow],
        rows: Rows,
        known: dict[str, Column],
    ) -> dict[int, str]:
        """Column number to name in the mapping. A column that is neither taken, ignored nor blank refuses the file."""
        columns: dict[int, str] = {}
        for column in sorted(names.keys() | _stated(body)):
            name = heading(names.get(column, ""))[0]
            place = f"{sheet}!{letters(column)}{row}"
            if not name:
                raise reject("field.unaccounted", "column-without-name", "", place)
            if name in self.pairs and (column in pairs or column - 1 in pairs):
                taken = self.pairs[name][column not in pairs]
            elif name in known:
                taken = known[name].name
            elif name in rows.ignores:
                continue
            else:
                raise reject("field.unaccounted", "unknown", name, place)
            field = known[taken].field
            if any(known[other].field == field for other in columns.values()):
                raise reject("column.duplicate", "two-columns-for-one-field", field, place, column=name)
            columns[column] = taken
        return columns

    def _check_needs(self, columns: dict[int, str], known: dict[str, Column]) -> None:
        present = frozenset(columns.values())
        for need in self.needs:
            ways = ((need,),) if isinstance(need, str) else need
            if any(present.issuperset(way) for way in ways):
                continue
            missing = next(name for name in ways[0] if name not in present)
            raise reject("column.missing", "required", known[missing].field, column=missing)


Content: TypeAlias = Callable[[Sheet], tuple[Iterable[SheetRow], tuple[Merge, ...]]]
"""The rows of a sheet, to be gone through more than once, and its merged ranges."""

_Data = TypeVar("_Data", bytes, FileBytes)
_Item = TypeVar("_Item")
_Found = TypeVar("_Found")


def _kept(items: Iterable[_Item], make: Callable[[_Item], _Found | None]) -> Iterable[_Found]:
    """What `make` gives of each item, if it gives anything: kept if the items are, else made anew each time."""

    def found() -> Iterator[_Found]:
        return (made for item in items if (made := make(item)) is not None)

    return list(found()) if isinstance(items, list) else Again(found)


def _workbook(read: Callable[[_Data], Workbook], data: _Data) -> Workbook:
    try:
        return read(data)
    except Refused as error:
        if error.rule == "workbook.unrecognised" or (error.reason == "part" and _is_the_workbook(error)):
            raise reject("dialect.unrecognised", "no-workbook", reader=error.detail) from error
        raise


def _is_the_workbook(error: Refused) -> bool:
    return error.rule == "workbook.malformed" and (error.where or "").endswith("workbook.xml")


def _stated(body: Iterable[SheetRow]) -> set[int]:
    """The columns that show something."""
    stated: set[int] = set()
    for row in body:
        stated.update(column for column in row.cells.keys() - stated if not shows_nothing(row.cells[column]))
    return stated


def _is_note(row: SheetRow) -> bool:
    only = ""
    for cell in row.cells.values():
        if not shows_nothing(cell):
            if only:
                return False
            only = cell.value or "="
    return is_note(Record(row.number, (only,)))


def _record(row: SheetRow, places: tuple[int, ...], measured: set[int], spans: Spans) -> Record | None:
    """The cells of a row that are read, as texts; `None` if the row shows nothing."""
    cells: list[str] = []
    shown = False
    for place, column in enumerate(places):
        cell, span = row.cells.get(column), spans(row.number, column) if place >= _FIRST else None
        if span is not None:
            cell = span
        if cell is None:
            cells.append("")
            continue
        is_amount, blank = column in measured, shows_nothing(cell)
        shown = shown or not blank
        if blank and (is_amount or not cell.formula):
            cells.append("")
        elif cell.kind == "text" and not cell.formula and not (is_amount and span is not None):
            cells.append(cell.value)
        else:
            cells.append(Stored(cell, merged=is_amount and span is not None))
    if not shown and all(shows_nothing(cell) for cell in row.cells.values()):
        return None
    return Record(row.number, tuple(cells))


def _nothing(_: Record) -> bool:
    """Notes are no records here: nothing is left to skip."""
    return False


class SheetPlace(str):
    """A row of a sheet, `清单!5:5`; with a column behind it, a cell: `清单!L5`."""

    __slots__ = ("row", "sheet")
    sheet: str
    row: int

    def __new__(cls, sheet: str, row: int) -> "SheetPlace":
        """The whole row."""
        self = super().__new__(cls, f"{sheet}!{row}:{row}")
        self.sheet, self.row = sheet, row
        return self

    def __add__(self, column: str) -> str:
        """The cell in `column`, by its letters."""
        return f"{self.sheet}!{column}{self.row}"


def letters(column: int) -> str:
    """A column as spreadsheets name it: 1 is A, 27 is AA."""
    name = ""
    while column:
        column, rest = divmod(column - 1, 26)
        name = chr(65 + rest) + name
    return name


@dataclass(frozen=True, slots=True)
class SheetLayout:
    """How fields stand in a sheet: a column, in the unit of its header, of the line above, or of its cells."""

    sheet: str
    columns: dict[int, str]
    units: dict[str, str | None]
    date1904: bool

    def place(self, source: Source) -> str | None:
        """The letters of the column; `None` if the sheet has no such column."""
        return next((letters(column) for column, name in self.columns.items() if name == source.name), None)

    def reader(self, source: Source) -> Callable[[Any], Any]:
        """As a cell of a workbook."""
        return cell_reader(source.kind, self.units.get(source.name, source.unit), date1904=self.date1904)

    def account(self, where: str, value: Any, shape: Shape, under: str) -> tuple[Cells, list[Problem]]:
        """A sheet has no objects."""
        raise TypeError("a sheet has no objects")


@dataclass(frozen=True, slots=True)
class SheetFile:
    """A sheet whose header is good: its rows that are neither blank nor notes. `columns` by place in a record."""

    records: Iterable[Record]
    places: dict[int, str]
    layout: SheetLayout
    plan: RowsPlan
    known: dict[str, Column]
    key_column: str
    names: tuple[str, ...]

    def rows(self) -> Iterator[SourceRow | Row]:
        """Each data row; totals rows that do not add up, rows without a policy number."""
        key = self._place(self.key_column)
        sums: Sums | None = None
        for record in self.records:
            word = total_word(record, key)
            where = SheetPlace(self.layout.sheet, record.number)
            if word is not None:
                sums = sums or sums_above(self.records, record.number, self._money_columns(), self._where, _nothing)
                if problems := sums.compare(record, word):
                    yield Row(record.number, problems=problems)
                continue
            if sums is not None:
                sums.add(record)
            if is_null(record.cells[key].strip()):
                problem = Problem("row.unreadable", "policy_no", "R", "no-policy-number", where=where)
                yield Row(record.number, problems=(problem,))
            else:
                raws = {name: record.cells[place] for place, name in self.places.items()}
                yield SourceRow(record.number, self.plan, Cells(where, raws))

    def buckets(self) -> Iterator[tuple[int, Hashable]]:
        """The key cells of each row, folded: rows of the same key have the same."""
        key = [self._place(name) for name in self.plan.rows.bucket]
        for record in self.records:
            yield record.number, tuple(fold(record.cells[place]) if place >= 0 else "" for place in key)

    def columns(self) -> Iterator[str]:
        """The header's names."""
        yield from (heading(name)[0] for name in self.names)

    def _place(self, name: str) -> int:
        return next((place for place, taken in self.places.items() if taken == name), -1)

    def _where(self, record: Record, place: int) -> str:
        column = next(letters(column) for column, name in self.layout.columns.items() if name == self.places[place])
        return SheetPlace(self.layout.sheet, record.number) + column

    def _money_columns(self) -> list[MoneyColumn]:
        layout = self.layout
        return [
            MoneyColumn(place, self.known[name].field, cell_reader(money, layout.units[name], date1904=layout.date1904))
            for place, name in self.places.items()
            if self.known[name].measured == "money"
        ]
