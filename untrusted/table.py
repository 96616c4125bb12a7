"""The one call that reads a plain table, whoever wrote it."""

from collections.abc import Collection
from datetime import datetime
from typing import Literal

from untrusted.cell import Cell, Row, moment
from untrusted.csv import read_csv
from untrusted.limits import DEFAULT, Limits
from untrusted.refused import Refused
from untrusted.text import decode
from untrusted.xlsx import read_xlsx


def read_table(
    data: bytes,
    *,
    kind: Literal["csv", "xlsx"] | None = None,
    encodings: Collection[str] = frozenset({"utf-8", "utf-8-sig"}),
    limits: Limits = DEFAULT,
) -> tuple[Row, ...]:
    """The rows of a plain table: CSV text, or the only sheet with content of a workbook.

    Without `kind` the first bytes tell them apart. Cells of a date format hold the ISO date (or date and time) as text,
    kind `date`. For hidden or several sheets, merged cells and streaming see `xlsx.read_xlsx`.
    Raises `Refused` as `read_csv` and `read_xlsx` do, and `workbook.ambiguous` if a second sheet has content.
    """
    if kind is None:
        kind = "xlsx" if data.startswith((b"PK", b"\xd0\xcf\x11\xe0")) else "csv"
    if kind == "csv":
        if len(data) > limits.file_bytes:
            raise Refused("file.too-large", "bytes", f"{len(data)} bytes are too many.", size=len(data))
        return tuple(
            Row(
                record.number,
                {at: Cell(at, "text", text, text) for at, text in enumerate(record.cells, 1) if text},
                record.ragged,
            )
            for record in read_csv(decode(data, encodings), limits=limits)
        )
    workbook = read_xlsx(data, limits=limits)
    found: tuple[Row, ...] = ()
    for sheet in workbook.sheets:
        rows = tuple(row for row in sheet.rows() if row.cells)
        if rows and found:
            raise Refused("workbook.ambiguous", "several-sheets", "More than one sheet has content.", where=sheet.name)
        found = found or rows
    return tuple(_dated(row, workbook.date1904) for row in found)


def _dated(row: Row, date1904: bool) -> Row:
    return Row(row.number, {column: _as_date(cell, date1904) for column, cell in row.cells.items()})


def _as_date(cell: Cell, date1904: bool) -> Cell:
    if cell.kind != "number" or not cell.style.is_date:
        return cell
    when = moment(cell.value, date1904=date1904)
    if when is None:
        return cell
    text = when.date().isoformat() if when.time() == datetime.min.time() else when.isoformat(sep=" ")
    return cell._replace(kind="date", value=text)
