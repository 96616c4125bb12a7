"""Workbooks: the data sheet, its header of one row or two, and the columns below."""

from pathlib import Path

from adapters.headings import heading, unit_line
from adapters.merges import header_names
from adapters.onboarding.look_lists import header_row, is_known
from adapters.onboarding.sample import MOST_ROWS, Field, NotASample, Place, Sample
from adapters.stored import shows_nothing
from adapters.workbook import letters
from untrusted import Cell, Merge, Record, Row, Sheet, moment, read_xlsx

_HEADER_WITHIN = 20


def read_sheets(path: Path, data: bytes) -> Sample:
    """The first visible sheet with a header that can be seen. Raises `NotASample`."""
    workbook = read_xlsx(data)
    found: tuple[Sheet, list[Row], tuple[Merge, ...], int] | None = None
    others: list[str] = []
    for sheet in workbook.sheets:
        rows, merges = sheet.content()
        shown = [row for row in rows if not all(shows_nothing(cell) for cell in row.cells.values())]
        if not shown:
            continue
        at = _header(shown) if found is None and sheet.state == "visible" else None
        if at is not None:
            found = (sheet, shown, merges, at)
        else:
            others.append(sheet.name)
    if found is None:
        raise NotASample("no visible sheet has a header that can be seen within the first 20 rows")
    sheet, rows, merges, at = found
    upper, lower, body, levels = _levels(rows, merges, at)
    names, _ = header_names(upper, lower, merges)
    fields = {column: _field(name, column) for column, name in sorted(names.items()) if heading(name)[0]}
    for row in body[:MOST_ROWS]:
        for column, one in fields.items():
            cell = row.cells.get(column)
            if cell is not None and not shows_nothing(cell):
                _take(one, cell, sheet.name, row.number, workbook.date1904)
    above = [Record(row.number, tuple(cell.value for cell in row.cells.values())) for row in rows if row is not upper]
    sample = Sample(path, "XLSX", (), [Place("", list(fields.values()), rows=len(body))])
    sample.unit_line = unit_line([record for record in above if record.number < upper.number])
    sample.levels = levels
    sample.group = heading(next(cell.value for cell in upper.cells.values() if cell.value.strip()))[0]
    sample.outside = tuple(others)
    for name in others:
        sample.open_questions.append(
            (f"工作表 sheet: {name}", "有内容而非数据，可不读？ it is not the data: may it be left aside?")
        )
    sample.said.append(f"工作表 sheet {sheet.name}; 表头 header: 行 row {upper.number}, {levels} 行 row(s)")
    return sample


def _header(rows: list[Row]) -> int | None:
    texts = [[cell.value for cell in row.cells.values()] for row in rows if row.number <= _HEADER_WITHIN]
    try:
        return header_row(texts)
    except NotASample:
        return None


def _levels(rows: list[Row], merges: tuple[Merge, ...], at: int) -> tuple[Row, Row, list[Row], int]:
    """Upper and lower row of the header, the rows below, and how many rows it has.

    Two, where a range is merged over several columns in the row above the names, or in theirs with names below.
    """
    best = rows[at]
    if at and _groups(rows[at - 1], best, merges):
        return rows[at - 1], best, rows[at + 1 :], 2
    below = rows[at + 1] if at + 1 < len(rows) else None
    if below is not None and _groups(best, below, merges) and _is_names(below):
        return best, below, rows[at + 2 :], 2
    return best, Row(best.number, {}), rows[at + 1 :], 1


def _groups(upper: Row, lower: Row, merges: tuple[Merge, ...]) -> bool:
    """Whether names of the upper row stand over several columns, right above the lower row."""
    wide = any(one.first_row == upper.number and one.last_column > one.first_column for one in merges)
    return lower.number == upper.number + 1 and wide and len(upper.cells) > 1


def _is_names(row: Row) -> bool:
    return any(is_known(cell.value) for cell in row.cells.values()) and all(
        cell.kind == "text" for cell in row.cells.values()
    )


def _field(name: str, column: int) -> Field:
    short, unit = heading(name)
    return Field(short, f"{' '.join(name.split())} ({letters(column)})", unit)


def _take(one: Field, cell: Cell, sheet: str, row: int, date1904: bool) -> None:
    text = cell.value
    if cell.kind == "number" and cell.style.is_date and (when := moment(cell.value, date1904=date1904)) is not None:
        text, one.is_dated = when.isoformat(sep=" ").removesuffix(" 00:00:00"), True
    if cell.kind == "number" and cell.style.is_percent:
        one.percents += 1
    one.values.append((text or "=", f"{sheet}!{letters(cell.column)}{row}", row))
