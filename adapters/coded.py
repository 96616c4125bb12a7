"""CSV whose columns have registered codes and names, `CR0021 Total Gross Written Premium` (DIALECTS 9, 0.9).

A header is the code, the code and the name, or the name alone. Brackets belong to the name: no units stand in headers.
"""

import re
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import Any
from unicodedata import normalize

from adapters.convert import is_null
from adapters.drafts import Row
from adapters.facts import Cells, SourceRow
from adapters.headings import Column, known_columns, stated_columns
from adapters.kinds import money, spreadsheet_reader
from adapters.mapping import Mapping as InsurerMapping
from adapters.mapping import Shape, Source
from adapters.problems import Problem, reject
from adapters.reading import RowsPlan, plan
from adapters.tables import below, fold, kept, streamed
from adapters.totals import MoneyColumn, Sums, is_note, sums_above, total_word
from untrusted import FileBytes, Limits, Record, read_csv

_CODE = re.compile(r"(cr[0-9]{4})(?: (.+))?")
ALL_CELLS = "all cells"
"""Under this name a row keeps all of its cells, trimmed, ignored ones included (`Cells.objects`)."""


@dataclass(frozen=True, slots=True)
class CodedCsv:
    """A CSV list whose first record is the header: `codes` by column name, `needs` the required columns.

    `totals` are the columns that totals rows sum up, each with the field under which a difference is told.
    """

    codes: Mapping[str, str]
    needs: tuple[str, ...]
    totals: Mapping[str, str]
    key_column: str
    encodings: frozenset[str] = field(default=frozenset({"utf-8", "utf-8-sig"}))
    name: str = "CSV"
    separator: str = "\n"

    def open(self, data: bytes, mapping: InsurerMapping, file_name: str, media_type: str | None) -> "CodedFile":
        """The rows of the list, once its header is accounted for."""
        del file_name, media_type
        return self._opened(kept(read_csv(data, encodings=self.encodings)), mapping)

    def stream(
        self, data: FileBytes, mapping: InsurerMapping, file_name: str, media_type: str | None, limits: Limits
    ) -> "CodedFile":
        """The same of a file that is not in memory: it is read anew each time that its rows are gone through."""
        del file_name, media_type
        return self._opened(streamed(data, self.encodings, limits), mapping)

    def _opened(self, records: Iterable[Record], mapping: InsurerMapping) -> "CodedFile":
        rows = mapping.rows[0]
        known = known_columns(rows)
        names = {normal(name): name for name in (*known, *rows.ignores)}
        first = list(islice(records, 1))
        if not first or all(self._name(cell, names) is None for cell in first[0].cells):
            raise reject("header.not-found", "no-row-has-it", names=", ".join(self.needs))
        head, body = first[0], below(records, first[0])
        columns = self._columns(head, body, names, known)
        missing = next((name for name in self.needs if name not in columns.values()), None)
        if missing is not None:
            raise reject("column.missing", "required", known[missing].field, column=missing)
        layout = CodedLayout(head, columns)
        return CodedFile(body, layout, plan(rows, layout), self.totals, self.key_column)

    def _columns(
        self, head: Record, body: Iterable[Record], names: dict[str, str], known: dict[str, Column]
    ) -> dict[int, str]:
        """Column index to name. A column that is neither taken, ignored nor blank refuses the file."""
        columns: dict[int, str] = {}
        unnamed = {index for index, cell in enumerate(head.cells) if not cell.strip()}
        stated = stated_columns(body, unnamed) if unnamed else set()
        for index, cell in enumerate(head.cells):
            place = f"row {head.number}, column {index + 1}"
            name = self._name(cell, names)
            if index in unnamed:
                if index in stated:
                    raise reject("field.unaccounted", "column-without-name", "", place)
            elif name is None:
                raise reject("field.unaccounted", "unknown", " ".join(normalize("NFKC", cell).split()), place)
            elif name == "":
                raise reject("column.conflict", "code-of-another-column", cell.strip(), place)
            elif name in known:
                if name in columns.values():
                    raise reject("column.duplicate", "two-columns-for-one-field", known[name].field, place, column=name)
                columns[index] = name
        return columns

    def _name(self, cell: str, names: dict[str, str]) -> str | None:
        """The column that a header names; empty if its code and its name are those of two, `None` if of none."""
        text = normal(cell)
        if text in names:
            return names[text]
        found = _CODE.fullmatch(text)
        if found is None:
            return None
        of_code = next((name for name, code in self.codes.items() if code == found[1].upper()), None)
        if found[2] is None:
            return of_code
        of_name = names.get(found[2])
        if of_name is None or of_name == of_code:
            return of_name
        return ""


def normal(text: str) -> str:
    """A header or a code for comparison: without regard to case and repeated spaces."""
    return " ".join(normalize("NFKC", text).split()).casefold()


@dataclass(frozen=True, slots=True)
class CodedLayout:
    """How fields stand in the list: a column, in the unit that the format declares."""

    head: Record
    columns: dict[int, str]

    def place(self, source: Source) -> str | None:
        """The column as its header writes it; `None` if this file has no such column."""
        index = next((index for index, name in self.columns.items() if name == source.name), None)
        return None if index is None else f", column {' '.join(self.head.cells[index].split())}"

    def reader(self, source: Source) -> Callable[[Any], Any]:
        """As a cell of a list (0.2)."""
        return spreadsheet_reader(source.kind, source.unit)

    def account(self, where: str, value: Any, shape: Shape, under: str) -> tuple[Cells, list[Problem]]:
        """A list has no objects."""
        raise TypeError("a list has no objects")


@dataclass(frozen=True, slots=True)
class CodedFile:
    """A list whose header is good: its records below the header that are not blank."""

    records: Iterable[Record]
    layout: CodedLayout
    plan: RowsPlan
    totals: Mapping[str, str]
    key_column: str

    def rows(self) -> Iterator[SourceRow | Row]:
        """Each data row; totals rows that do not add up, rows without a number; notes are nothing."""
        sums: Sums | None = None
        key = self._index(self.key_column)
        for record in self.records:
            word = None if record.ragged else total_word(record, 0)
            if word is not None:
                sums = sums or sums_above(self.records, record.number, self._money_columns())
                if problems := sums.compare(record, word):
                    yield Row(record.number, problems=problems)
            elif not is_note(record):
                if sums is not None:
                    sums.add(record)
                where = f"row {record.number}"
                if record.ragged:
                    yield Row(record.number, problems=(Problem("row.ragged", None, "R", "quote", where=where),))
                elif _is_null(record.cells[key] if key < len(record.cells) else ""):
                    problem = Problem("row.unreadable", "policy_no", "R", "no-policy-number", where=where)
                    yield Row(record.number, problems=(problem,))
                else:
                    yield self._row(record, where)

    def _row(self, record: Record, where: str) -> SourceRow:
        width = len(self.layout.head.cells)
        raws = {name: record.cells[index] for index, name in self.layout.columns.items() if index < len(record.cells)}
        problems: tuple[Problem, ...] = ()
        if any(cell.strip() for cell in record.cells[width:]):
            problems = (Problem("row.ragged", None, "R", "surplus", where=where),)
        cells = Cells(where, raws, objects={ALL_CELLS: _trimmed(record.cells)})
        return SourceRow(record.number, self.plan, cells, problems)

    def buckets(self) -> Iterator[tuple[int, Hashable]]:
        """The key cells of each row, folded."""
        indexes = [self._index(name) for name in self.plan.rows.bucket]
        for record in self.records:
            cells = record.cells
            yield record.number, tuple(fold(cells[index]) if index < len(cells) else "" for index in indexes)

    def columns(self) -> Iterator[str]:
        """The names of the columns that the file has."""
        yield from self.layout.columns.values()

    def _index(self, name: str) -> int:
        return next(index for index, taken in self.layout.columns.items() if taken == name)

    def _money_columns(self) -> list[MoneyColumn]:
        read = spreadsheet_reader(money, "元")
        return [MoneyColumn(self._index(name), shown, read) for name, shown in self.totals.items()]


def _is_null(cell: str) -> bool:
    text = cell.strip()
    if text.startswith('="') and text.endswith('"'):
        text = text[2:-1].strip()
    return len(text) < 5 and is_null(text)


def _trimmed(cells: tuple[str, ...]) -> tuple[str, ...]:
    """The cells without the white space around them, and without blank ones at the end."""
    found = [cell.strip() for cell in cells]
    while found and not found[-1]:
        found.pop()
    return tuple(found)
