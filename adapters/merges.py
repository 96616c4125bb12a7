"""Merged ranges of a sheet: a header's name belongs to its whole range, a value to each row of its column (DIALECTS 4).

Ranges that overlap have no one reading, and would cost their product: the workbook is refused.
"""

from bisect import bisect_right
from collections.abc import Callable, Mapping

from untrusted import Cell, Merge, Refused, Row

Spans = Callable[[int, int], Cell | None]
"""The cell that a merged range of several rows puts at a row and column."""


def header_names(upper: Row, lower: Row, merges: tuple[Merge, ...]) -> tuple[dict[int, str], set[int]]:
    """Column number to name: the lower cell's text if it is not blank, else the upper's. Columns without one are none.

    Also the columns where a name starts that is merged over exactly two.
    """
    names: dict[int, str] = {}
    pairs: set[int] = set()
    for row in (upper, lower):
        shown = {column: cell.value for column, cell in row.cells.items()}
        twos: set[int] = set()
        covered: set[int] = set()
        for merge in merges:
            if not merge.first_row <= row.number <= merge.last_row:
                continue
            columns = range(merge.first_column, merge.last_column + 1)
            if not covered.isdisjoint(columns):
                raise overlapping(merge)
            covered.update(columns)
            first = next((one for one in (upper, lower) if one.number == merge.first_row), None)
            if first is not None:
                shown.update(dict.fromkeys(columns, first.text(merge.first_column)))
                twos.update({merge.first_column} if len(columns) == 2 else ())
        named = {column: text for column, text in shown.items() if text.strip()}
        names.update(named)
        pairs = (pairs - named.keys()) | (twos & named.keys())
    return names, pairs


def carried(merges: tuple[Merge, ...], rows: Mapping[int, Row], columns: frozenset[int], header: int) -> Spans:
    """What ranges of several rows below the header put into the first of their columns.

    The other columns of a range are left as they are stored: a label merged over amounts is no amount.
    """
    starts: dict[int, list[int]] = {column: [] for column in columns}
    ranges: dict[int, list[tuple[int, Cell]]] = {column: [] for column in columns}
    ends: dict[int, int] = {}
    for merge in sorted(merges):
        column = merge.first_column
        if column not in columns or merge.first_row <= header or merge.first_row == merge.last_row:
            continue
        if merge.first_row <= ends.get(column, 0):
            raise overlapping(merge)
        ends[column] = merge.last_row
        first = rows.get(merge.first_row)
        if first is not None and (cell := first.cells.get(column)) is not None:
            starts[column].append(merge.first_row)
            ranges[column].append((merge.last_row, cell))

    def span(row: int, column: int) -> Cell | None:
        if not (first := starts[column]) or (at := bisect_right(first, row) - 1) < 0:
            return None
        last, cell = ranges[column][at]
        return cell if row <= last else None

    return span


def overlapping(merge: Merge) -> Refused:
    """Two merged ranges claim one cell."""
    where = f"rows {merge.first_row} to {merge.last_row}, columns {merge.first_column} to {merge.last_column}"
    return Refused("workbook.malformed", "reference", "Two merged ranges overlap.", where=where)
