"""Rows of a sheet that are too many to keep: written to a temporary file once, and read from it as often as asked.

A sheet is slow to parse, and states its merged ranges behind its rows, so that no row means anything before the end.
"""

import json
import weakref
from collections.abc import Iterator
from tempfile import TemporaryFile
from typing import Any, Literal

from adapters.again import Again
from untrusted import Cell, FileBytes, Merge, Refused, Row, Sheet, Style

Kind = Literal["text", "number", "boolean", "error", "date", "blank"]
_KINDS: tuple[Kind, ...] = ("text", "number", "boolean", "error", "date", "blank")
_NUMBERS = {kind: number for number, kind in enumerate(_KINDS)}
_MOST = 2 << 30
_FORMULA, _STYLE = 8, 16  # the bits of a cell's mark behind its kind


def spill(sheet: Sheet, most: int = _MOST) -> tuple[Again[Row], tuple[Merge, ...]]:
    """The rows of a sheet, to be gone through one after the other, and its merged ranges.

    What a cell stored (`raw`) is not kept. Raises as `Sheet.rows` does, `Refused` (`file.too-large`) if the rows need
    more than `most` bytes, for cells share texts, and `OSError` if there is no room. The file has no name, and is gone
    when the rows are.
    """
    file = TemporaryFile()  # noqa: SIM115
    try:
        styles: dict[Style, int] = {}

        def write(row: Row) -> None:
            file.write(_line(row, styles))
            if file.tell() > most:
                raise Refused("file.too-large", "items", "The sheet shows more text than is read.")

        merges = sheet.each(write)
    except BaseException:
        file.close()
        raise
    known, data = tuple(styles), FileBytes(file)
    rows = Again(lambda: _rows(data, known))
    weakref.finalize(rows, file.close)
    return rows, merges


def _line(row: Row, styles: dict[Style, int]) -> bytes:
    line: list[Any] = [row.number]
    for cell in row.cells.values():
        style = styles.setdefault(cell.style, len(styles))
        line += (cell.column, _NUMBERS[cell.kind] + _FORMULA * cell.formula + _STYLE * style, cell.value)
    return json.dumps(line, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"


def _rows(data: FileBytes, styles: tuple[Style, ...]) -> Iterator[Row]:
    rest = b""
    for piece in data.pieces():
        *lines, rest = (rest + piece).split(b"\n")
        for line in lines:
            number, *cells = json.loads(line)
            found = iter(cells)
            yield Row(
                number,
                {
                    column: Cell(
                        column, _KINDS[mark % _FORMULA], value, "", mark & _FORMULA != 0, styles[mark // _STYLE]
                    )
                    for column, mark, value in zip(found, found, found, strict=True)
                },
            )
