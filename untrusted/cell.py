"""What a row of a table is, whoever wrote it: cells, their formats, and the dates that numbers stand for."""

import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final, Literal, NamedTuple

_QUOTED = re.compile(r'"[^"]*+"?|\\.|[_*].|\[(?!(?:h+|m+|s+)\])[^\]]*+\]', re.IGNORECASE | re.DOTALL)
_SECONDS_A_DAY: Final = 86_400


class Style(NamedTuple):
    """A cell's number format: its code, and whether it shows dates or percentages."""

    number_format: str = "General"
    is_date: bool = False
    is_percent: bool = False


GENERAL = Style()


class Cell(NamedTuple):
    """One cell that holds something; columns count from 1.

    `value` is text; of a number the plain decimal with 15 significant digits (a workbook keeps binary floats); of a
    boolean `1` or `0`; of an error its code; of `date` the ISO text as stored. `raw` is what was stored. A formula
    without a stored result is `blank` with `formula` set; other blank cells do not occur.
    """

    column: int
    kind: Literal["text", "number", "boolean", "error", "date", "blank"]
    value: str
    raw: str = ""
    formula: bool = False
    style: Style = GENERAL


class Row(NamedTuple):
    """One row: its number, from 1, as its file counts; its cells by column; `ragged` as in `csv.Record`."""

    number: int
    cells: Mapping[int, Cell]
    ragged: bool = False

    def text(self, column: int) -> str:
        """The value at `column`, empty if there is none."""
        cell = self.cells.get(column)
        return cell.value if cell is not None else ""


def style(code: str) -> Style:
    """The style that a number format code makes (ECMA-376 part 1, section 18.8.31)."""
    first = _QUOTED.sub("", code).split(";", 1)[0].lower()
    dated = first != "general" and any(letter in first for letter in "ymdhs")
    return Style(code, dated, "%" in first and not dated)


def moment(serial: str, *, date1904: bool) -> datetime | None:
    """The local moment of a spreadsheet's serial number, to the second; None where serials mean no date.

    Day 0 is 1899-12-30, or 1904-01-01 in a workbook so flagged. Serials of the 1900 system before 61 are not read:
    that system has a 29 February 1900.
    """
    number = float(serial)
    if not (0 if date1904 else 61) <= number < 2_958_466:
        return None
    epoch = datetime(1904, 1, 1) if date1904 else datetime(1899, 12, 30)  # noqa: DTZ001
    latest = datetime(9999, 12, 31, 23, 59, 59)  # noqa: DTZ001
    seconds = round(number * _SECONDS_A_DAY)
    return epoch + timedelta(seconds=seconds) if timedelta(seconds=seconds) <= latest - epoch else None
