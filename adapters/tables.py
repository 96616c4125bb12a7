"""Lists as insurers' people make them: header search, units, totals rows, notes (DIALECTS 0.9). CSV lists.

The header is judged before any row: column by column, then what is missing, then units.
"""

import re
from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass, field
from typing import Any
from unicodedata import normalize

from adapters.amounts import FEN
from adapters.convert import is_null
from adapters.drafts import Row
from adapters.facts import Cells, SourceRow
from adapters.kinds import money, spreadsheet_reader
from adapters.mapping import Choice, Each, Mapping, Rows, Shape, Source
from adapters.problems import Problem, Unreadable, reject
from adapters.reading import RowsPlan, plan
from schemas.money import Yuan
from untrusted import DEFAULT, Refused, read_csv
from untrusted.csv import Record

_UNIT_IN_BRACKETS = re.compile(r"(.+)\((元|千元|万元|亿元|分|%|‰)\)")
_UNIT_LINE = re.compile(r"单位:(?:人民币)?(元|千元|万元|亿元)")
_RATE_UNITS = ("%", "‰")
_HEADER_WITHIN = 20

_PART_TOTALS = ("小计", "本页合计")
_TOTALS = frozenset({*_PART_TOTALS, "合计", "总计", "total", "totals"})
_TOTAL_STARTS = frozenset("小本合总tTｔＴ")
_NOTE_STARTS = ("注", "备注", "说明", "制表", "复核", "审核", "单位", "填报")


@dataclass(frozen=True, slots=True)
class Column:
    """A column that the mapping takes: its name there, the canonical field that it first gives, how it is measured."""

    name: str
    field: str
    measured: str | None


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
        records = _bounded(read_csv(data, encodings=self.encodings))
        rows = mapping.rows[0]
        known = known_columns(rows)
        at = self._find_header(records, known)
        head = records[at]
        body = [record for record in records[at + 1 :] if any(record.cells) and not _is_blank_record(record)]
        unit_line = _unit_line(records[:at])
        columns = self._columns(head, body, rows, known)
        missing = next((name for name in self.needs if name not in columns.values()), None)
        if missing is not None:
            raise reject("column.missing", "required", known[missing].field, column=missing)
        units = _units(head, body, columns, known, unit_line, self.key_column)
        layout = ListLayout(head, columns, units)
        return TableFile(body, layout, plan(rows, layout), known, self.key_column, rows.bucket, len(head.cells))

    def _find_header(self, records: list[Record], known: dict[str, Column]) -> int:
        for index, record in enumerate(records[:_HEADER_WITHIN]):
            names = {known[name].name for cell in record.cells if (name := heading(cell)[0]) in known}
            if names.issuperset(self.header):
                return index
        raise reject("header.not-found", "no-row-has-it", names=", ".join(self.header))

    def _columns(self, head: Record, body: list[Record], rows: Rows, known: dict[str, Column]) -> dict[int, str]:
        """Column index to name in the mapping. A column that is neither taken, ignored nor blank refuses the file."""
        columns: dict[int, str] = {}
        unnamed = {index for index, cell in enumerate(head.cells) if not cell.strip()}
        stated = _stated_columns(body, unnamed) if unnamed else set()
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


def heading(cell: str) -> tuple[str, str | None]:
    """A header cell's name, NFKC and without white space, and the unit in brackets behind it."""
    name = "".join(normalize("NFKC", cell).split())
    found = _UNIT_IN_BRACKETS.fullmatch(name)
    return (found[1], found[2]) if found else (name, None)


def known_columns(rows: Rows) -> dict[str, Column]:
    """Every header name that the mapping takes, alternatives included, to its column; the first field that it gives."""
    known: dict[str, Column] = {}
    for name, source in _sources(rows):
        column = known.get(source.name) or Column(source.name, source.field or name, source.kind.measured)
        for header in (source.name, *source.also):
            known.setdefault(header, column)
    return known


def _sources(rows: Rows) -> Iterator[tuple[str, Source]]:
    yield from rows.reads.items()
    for choice in rows.choices:
        yield from _of_choice(choice)


def _of_choice(choice: Choice) -> Iterator[tuple[str, Source]]:
    yield from choice.reads.items()
    for target in choice.shapes.values():
        yield from _of_choice(target) if isinstance(target, Choice) else _of_shape(target)
    yield from choice.asks.items()


def _of_shape(shape: Shape) -> Iterator[tuple[str, Source]]:
    for name, source in (*shape.takes.items(), *shape.asks.items()):
        if isinstance(source, Each):
            raise TypeError("a table has no nested lists")
        yield name, source


def _bounded(records: Iterator[Record]) -> list[Record]:
    """All records, of which there are not more than a machine can hold."""
    found: list[Record] = []
    cells = 0
    for record in records:
        cells += len(record.cells)
        if len(found) >= DEFAULT.rows or cells > DEFAULT.cells:
            raise Refused("file.too-large", "items", "The list has more rows or cells than are read at once.")
        found.append(record)
    return found


def _stated_columns(body: list[Record], among: set[int]) -> set[int]:
    """Which of these columns hold something in a row that is no note."""
    return {
        index
        for record in body
        if not _is_note(record)
        for index, cell in enumerate(record.cells)
        if index in among and cell.strip()
    }


def _is_blank_record(record: Record) -> bool:
    return not "".join(record.cells).strip()


def _is_note(record: Record) -> bool:
    """A row whose only cell that is not blank is a remark of the people who made the list."""
    only = ""
    for cell in record.cells:
        if cell and (text := cell.strip()):
            if only:
                return False
            only = text
    return only.startswith(_NOTE_STARTS)


def total_word(record: Record, key_index: int) -> str | None:
    """The word that makes this a totals row, in its first three cells or in the policy number's; else `None`."""
    cells = record.cells
    candidates = cells[:3] if key_index < 3 or key_index >= len(cells) else (*cells[:3], cells[key_index])
    for cell in candidates:
        if cell and (text := cell.lstrip()) and text[0] in _TOTAL_STARTS and len(text) < 40:
            word = "".join(normalize("NFKC", text).split()).lower().removesuffix(":")
            if word in _TOTALS:
                return word
    return None


def _unit_line(above: list[Record]) -> str | None:
    """The unit that a line above the header states; two that differ say nothing."""
    found = {
        match[1]
        for record in above
        for cell in record.cells
        if (match := _UNIT_LINE.fullmatch("".join(normalize("NFKC", cell).split())))
    }
    return found.pop() if len(found) == 1 else None


def _units(
    head: Record,
    body: list[Record],
    columns: dict[int, str],
    known: dict[str, Column],
    unit_line: str | None,
    key_column: str,
) -> dict[str, str | None]:
    """The unit of each measured column by name. An amount whose unit nothing states refuses the file."""
    key_index = next(index for index, name in columns.items() if name == key_column)
    units: dict[str, str | None] = {}
    for index, name in columns.items():
        measured, own = known[name].measured, heading(head.cells[index])[1]
        if measured == "money":
            units[name] = own if own in FEN else None if own else unit_line
            if units[name] is None:
                _check_own_units(index, known[name], body, key_index)
        elif measured == "rate":
            if own is not None and own not in _RATE_UNITS:
                raise reject("unit.ambiguous", "no-rate-unit", known[name].field, unit=own)
            units[name] = own
    return units


def _check_own_units(index: int, column: Column, body: list[Record], key_index: int) -> None:
    for record in body:
        cell = record.cells[index] if index < len(record.cells) else ""
        if not cell.strip() or _is_note(record) or total_word(record, key_index) is not None:
            continue
        try:
            spreadsheet_reader(money, None)(cell)
        except Unreadable as error:
            if error.rule == "unit.ambiguous" or not cell.strip().endswith(_OWN_UNITS):
                place = f"row {record.number}, column {index + 1}"
                raise reject("unit.ambiguous", "no-unit", column.field, place, column=column.name) from None


_OWN_UNITS = ("元", "元)", "元）")


@dataclass(frozen=True, slots=True)
class ListLayout:
    """How fields stand in a list: a column, in the unit of its header, of the line above, or of its cells."""

    head: Record
    columns: dict[int, str]
    units: dict[str, str | None]

    def place(self, source: Source) -> str | None:
        """The column as its header writes it."""
        index = next((index for index, name in self.columns.items() if name == source.name), None)
        shown = source.name if index is None else " ".join(self.head.cells[index].split())
        return f", column {shown}"

    def reader(self, source: Source) -> Callable[[Any], Any]:
        """As a cell of a spreadsheet."""
        return spreadsheet_reader(source.kind, self.units.get(source.name, source.unit))

    def account(self, where: str, value: Any, shape: Shape, under: str) -> tuple[Cells, list[Problem]]:
        """A list has no objects."""
        raise TypeError("a list has no objects")


@dataclass(slots=True)
class _Sums:
    """Running sums of the money columns, in fen, and how many cells could not be read."""

    sums: list[int]
    unread: list[int]
    since: dict[str, tuple[list[int], list[int]]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class TableFile:
    """A list whose header is good: its records below the header that are not blank."""

    records: list[Record]
    layout: ListLayout
    plan: RowsPlan
    known: dict[str, Column]
    key_column: str
    bucket: tuple[str, ...]
    width: int

    def rows(self) -> Iterator[SourceRow | Row]:
        """Each data row; totals rows that do not add up, rows without a policy number; notes are nothing."""
        key_index = self._index(self.key_column)
        totals = [total_word(record, key_index) for record in self.records]
        moneys = self._money_columns() if any(totals) else []
        sums = _Sums([0] * len(moneys), [0] * len(moneys))
        for record, word in zip(self.records, totals, strict=True):
            if word is not None:
                if problems := _compare(record, word, moneys, sums):
                    yield Row(record.number, problems=problems)
                continue
            if _is_note(record):
                continue
            for at, (index, _, read) in enumerate(moneys):
                if record.ragged:  # its cells are a guess
                    sums.unread[at] += 1
                else:
                    _add(sums, at, record, index, read)
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
        raws = {name: cells[index] for index, name in self.layout.columns.items() if index < width}
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

    def _money_columns(self) -> list[tuple[int, str, Callable[[str], Any]]]:
        return [
            (index, self.known[name].field, spreadsheet_reader(money, self.layout.units[name]))
            for index, name in self.layout.columns.items()
            if self.known[name].measured == "money"
        ]


def _refused(record: Record, rule: str, reason: str, name: str | None) -> Row:
    return Row(record.number, problems=(Problem(rule, name, "R", reason, where=f"row {record.number}"),))


def _add(sums: _Sums, at: int, record: Record, index: int, read: Callable[[str], Any]) -> None:
    cell = record.cells[index] if index < len(record.cells) else ""
    if not cell:
        return
    try:
        amount = read(cell)
    except Unreadable:
        sums.unread[at] += 1
        return
    if amount is not None:
        sums.sums[at] += amount.fen


def _compare(
    record: Record, word: str, moneys: list[tuple[int, str, Callable[[str], Any]]], sums: _Sums
) -> tuple[Problem, ...]:
    """0.9: each amount of a totals row is the exact sum of the listed values that it covers."""
    zero = [0] * len(moneys)
    before, unread_before = sums.since.get(word, (zero, zero)) if word in _PART_TOTALS else (zero, zero)
    problems = []
    for at, (index, name, read) in enumerate(moneys):
        cell = record.cells[index] if index < len(record.cells) else ""
        if sums.unread[at] != unread_before[at] or not cell.strip():
            continue
        listed = sums.sums[at] - before[at]
        try:
            total = read(cell)
        except Unreadable:
            total, reason = None, "total-unreadable"
        else:
            if total is None or total.fen == listed:
                continue
            reason = "sum-differs"
        where = f"row {record.number}, column {index + 1}"
        facts = {"listed": str(Yuan(listed))}
        problems.append(Problem("row.total-mismatch", name, "N", reason, raw=cell, where=where, facts=facts))
    if word in _PART_TOTALS:
        sums.since[word] = (sums.sums[:], sums.unread[:])
    return tuple(problems)


def fold(cell: str) -> str:
    """A key cell as a bucket: two cells that are read as the same identifier fold to the same."""
    if cell.isascii() and cell.isalnum():
        return cell.upper()
    text = "".join(normalize("NFKC", cell).split()).upper()
    text = text.removeprefix('="').removesuffix('"').removeprefix("'")
    return "" if is_null(text) else text
