"""Applications as they are handed in: the rows of annex 2, or one annex-1 form, as a workbook or as JSON.

A workbook has one sheet with content. JSON is `{"annex": 2, "rows": [{…}]}` or `{"annex": 1, "form": {…}}`; members are
named as the labels of the annexes or as the fields here, values are texts or numbers in the unit of the form (万元, %).
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from adapters.amounts import Literal as Number
from adapters.amounts import literal
from adapters.problems import Unreadable
from gateway.match.fields import BY_NAME, Field, find_field, is_passed_over
from gateway.match.values import Cell, Reader, Said, read_cell, read_statement
from schemas.verification import Check, failed
from untrusted import Cell as SheetCell
from untrusted import Merge, Refused, Row, moment, read_json, read_xlsx
from untrusted.cell import Style

MOST_ROWS = 20_000
_HEADER_WITHIN = 30
_COLUMNS_OF_A_TABLE = 6  # a row of the form has at most three labels
_FIELDS_OF_A_FORM = 3  # with fewer it is some other paper
_BEHIND = re.compile(r"\s*(?:合计|小计|总计|注|备注|说明|填表|填报|报送|联系|审核|以上)")


@dataclass(frozen=True, slots=True)
class Line:
    """One application: its number, what it says in each field that it has, and where each of them stands."""

    number: int
    said: Mapping[str, Said]
    places: Mapping[str, str]
    """By field: `/rows/0/premium` in JSON; in a workbook the column, to which the row's number belongs: `N` 5 is N5."""

    def place(self, name: str) -> str:
        """Where the field stands."""
        place = self.places[name]
        return place if place[:1] == "/" or place[-1:].isdigit() else f"{place}{self.number}"


@dataclass(frozen=True, slots=True)
class Application:
    """What was handed in. `unread` are labels that nobody knows here; `passed_over` rows that are no application."""

    annex: Literal[1, 2]
    lines: tuple[Line, ...]
    unread: tuple[str, ...] = ()
    passed_over: tuple[int, ...] = ()


class Unusable(Exception):
    """The file is no application that could be read: carries every reason."""

    def __init__(self, *checks: Check) -> None:
        super().__init__(checks[0].reason)
        self.checks = checks


def read_application(data: bytes) -> Application:
    """The application in `data`; its first bytes say whether it is a workbook or JSON. Raises `Unusable`."""
    try:
        if data.startswith((b"PK", b"\xd0\xcf\x11\xe0")):
            return _read_workbook(data)
        return _read_members(read_json(data, number=Number, bom_allowed=True))
    except Refused as refused:
        raise Unusable(failed(refused.rule, refused.reason, field=refused.where, detail=refused.detail)) from refused


# JSON


def _read_members(value: Any) -> Application:
    members = value if isinstance(value, dict) else {}
    annex = str(members.get("annex", ""))
    if annex not in ("1", "2") or members.keys() != {"annex", "form" if annex == "1" else "rows"}:
        raise Unusable(failed("application.form", "not-recognised"))
    rows = [members["form"]] if annex == "1" else members["rows"]
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise Unusable(failed("application.form", "not-recognised", field="/form" if annex == "1" else "/rows"))
    _check_count(len(rows))
    unread: dict[str, None] = {}
    reader = Reader()
    lines = [
        _line_of(row, place + 1, "/form" if annex == "1" else f"/rows/{place}", reader, unread)
        for place, row in enumerate(rows)
    ]
    return Application(1 if annex == "1" else 2, tuple(lines), tuple(unread))


def _line_of(row: Mapping[str, Any], number: int, prefix: str, reader: Reader, unread: dict[str, None]) -> Line:
    said: dict[str, Said] = {}
    places: dict[str, str] = {}
    for name, value in row.items():
        found = find_field(name)
        if found is None:
            if not is_passed_over(name):
                unread.setdefault(name[:100])
            continue
        field, unit = found
        place = f"{prefix}/{name.replace('~', '~0').replace('/', '~1')}"
        if field.name in said:
            raise Unusable(failed("application.form", "duplicate", field=place))
        said[field.name], places[field.name] = reader.read(field, _cell_of(value), unit), place
    return Line(number, said, places)


def _cell_of(value: Any) -> Cell:
    if value is None:
        return Cell("")
    if isinstance(value, Number):
        try:
            return Cell(str(literal(value)) if "e" in value or "E" in value else str(value), is_number=True)
        except Unreadable as error:
            return Cell(str(value), trouble=error.reason)
    return Cell(value) if isinstance(value, str) else Cell("", trouble="form")


# Workbooks


def _read_workbook(data: bytes) -> Application:
    rows, merges, date1904 = _only_sheet(data)
    for at, row in enumerate(rows[:_HEADER_WITHIN]):
        labels = [found[0].name for cell in row.cells.values() if (found := find_field(cell.value)) is not None]
        if len(set(labels)) >= _COLUMNS_OF_A_TABLE:
            return _read_table(rows[at:], merges, date1904)
    return _read_form(rows, date1904)


def _only_sheet(data: bytes) -> tuple[Sequence[Row], Sequence[Merge], bool]:
    workbook = read_xlsx(data)
    found: tuple[Sequence[Row], Sequence[Merge]] | None = None
    for sheet in workbook.sheets:
        rows, merges = sheet.content()
        if not any(row.cells for row in rows):
            continue
        if found is not None:
            raise Refused("workbook.ambiguous", "several-sheets", "More than one sheet has content.", where=sheet.name)
        found = ([row for row in rows if row.cells], merges)
    if found is None:
        raise Unusable(failed("application.form", "empty"))
    return (*found, workbook.date1904)


def _read_table(rows: Sequence[Row], merges: Sequence[Merge], date1904: bool) -> Application:
    """Annex 2: one application a row below the labels, which stand in one row or, merged, in two."""
    columns: dict[int, tuple[Field, str | None]] = {}
    unread: dict[str, None] = {}
    height = 2 if len(rows) > 1 and _is_header(rows[1]) else 1
    for row in rows[:height]:
        for column, cell in sorted(row.cells.items()):
            found = find_field(cell.value)
            if found is None:
                if not is_passed_over(cell.value):
                    unread.setdefault(cell.value[:100])
            elif any(field is found[0] for field, _ in columns.values()):
                place = f"{_letters(column)}{row.number}"
                raise Unusable(failed("application.form", "duplicate", field=place, label=found[0].label))
            else:
                columns[column] = found
    body = list(_filled_down(rows[height:], merges))
    lines: list[Line] = []
    passed_over: list[int] = []
    reader = Reader()
    # A cell that was read is known again by its text, a number by its text and how it is shown.
    read: dict[int, dict[str | tuple[str, Style], Said]] = {column: {} for column in columns}
    places = {field.name: _letters(column) for column, (field, _) in columns.items()}
    for row in body:
        if _is_behind(row, columns):
            passed_over.append(row.number)
            continue
        said = {}
        for column, (field, unit) in columns.items():
            stated, before = row.cells.get(column), read[column]
            if stated is None or stated.kind not in ("text", "number"):
                said[field.name] = reader.read(field, _sheet_cell(stated, date1904), unit)
                continue
            key = stated.value if stated.kind == "text" else (stated.value, stated.style)
            known = before.get(key)
            if known is None:
                known = before[key] = read_cell(field, _sheet_cell(stated, date1904), unit)
            said[field.name] = known
        lines.append(Line(row.number, said, places))
    _check_count(len(lines))
    return Application(2, tuple(lines), tuple(unread), tuple(passed_over))


def _is_header(row: Row) -> bool:
    """Whether all that the row holds are labels: the lower half of a header, or the numbers of its columns."""
    return all(find_field(cell.value) or is_passed_over(cell.value) for cell in row.cells.values())


def _is_behind(row: Row, columns: Mapping[int, tuple[Field, str | None]]) -> bool:
    """Whether the row is a total or a note: it says so in front, or has nothing in a column that is read."""
    if not any(column in row.cells for column in columns):
        return True
    first = min(row.cells)
    return bool(_BEHIND.match(row.cells[first].value))


def _filled_down(rows: Sequence[Row], merges: Sequence[Merge]) -> Iterator[Row]:
    """Rows in which a cell merged over several stands in each of them: one enterprise with several products."""
    merged = {
        (number, merge.first_column): merge.first_row
        for merge in merges
        if merge.last_row > merge.first_row and merge.last_row - merge.first_row <= MOST_ROWS
        for number in range(merge.first_row + 1, min(merge.last_row, rows[-1].number if rows else 0) + 1)
    }
    by_number = {row.number: row for row in rows} if merged else {}
    down: dict[int, dict[int, SheetCell]] = {}
    for (number, column), first in merged.items():
        source = by_number.get(first)
        if source is not None and column in source.cells and number in by_number:
            down.setdefault(number, {})[column] = source.cells[column]
    for row in rows:
        yield Row(row.number, {**down[row.number], **row.cells}, row.ragged) if row.number in down else row


def _read_form(rows: Sequence[Row], date1904: bool) -> Application:
    """Annex 1: labels with their values to the right; the insurer's sentence wherever it stands."""
    said: dict[str, Said] = {}
    places: dict[str, str] = {}

    def take(field: Field, place: str, cell: SheetCell | None, unit: str | None) -> None:
        if field.name in said:
            raise Unusable(failed("application.form", "duplicate", field=place, label=field.label))
        said[field.name], places[field.name] = read_cell(field, _sheet_cell(cell, date1904), unit), place

    for row in rows:
        cells = sorted(row.cells.items())
        for (column, cell), (beside, value) in zip(cells, [*cells[1:], (0, None)], strict=True):
            found = find_field(cell.value)
            if found is None:
                if "收到保费金额" in cell.value and read_statement(cell.value[:2000]) is not None:
                    take(BY_NAME["statement"], f"{_letters(column)}{row.number}", cell, None)
                continue
            field, unit = found
            if field.nature == "statement":
                continue  # the label of the insurer's block: its sentence is looked for wherever it stands
            if value is None or find_field(value.value) or is_passed_over(value.value):
                take(field, f"{_letters(column + 1)}{row.number}", None, unit)
            else:
                take(field, f"{_letters(beside)}{row.number}", value, unit)
    if len(said) < _FIELDS_OF_A_FORM:
        raise Unusable(failed("application.form", "not-recognised"))
    return Application(1, (Line(1, said, places),))


_BLANK = Cell("")


def _sheet_cell(cell: SheetCell | None, date1904: bool) -> Cell:
    if cell is None:
        return _BLANK
    if cell.kind == "number":
        if cell.style.is_date:
            when = moment(cell.value, date1904=date1904)
            return Cell(cell.value if when is None else when.date().isoformat())
        return Cell(cell.value, True, cell.style.number_format, cell.style.is_percent)
    if cell.kind == "error":
        return Cell(cell.value, trouble="cell-error")
    if cell.kind == "blank" and cell.formula:
        return Cell("", trouble="cell-not-computed")
    return Cell(cell.value)


def _letters(column: int) -> str:
    letters = ""
    while column:
        column, rest = divmod(column - 1, 26)
        letters = chr(65 + rest) + letters
    return letters


def _check_count(count: int) -> None:
    if count == 0:
        raise Unusable(failed("application.form", "empty"))
    if count > MOST_ROWS:
        raise Unusable(failed("application.form", "too-many-rows", count=count, most=MOST_ROWS))


def stated_values(lines: Iterable[Line], name: str) -> Iterator[Any]:
    """What the lines state in one field, where it could be read."""
    for line in lines:
        said = line.said.get(name)
        if said is not None and said.value is not None:
            yield said.value
