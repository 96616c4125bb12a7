"""Cells of a workbook that are more than text: numbers, formulas, errors, merged amounts (DIALECTS 0.4 to 0.6, 4)."""

from collections.abc import Callable
from datetime import date, timedelta
from functools import lru_cache
from typing import Any

from adapters import amounts, dates
from adapters.amounts import Rate
from adapters.convert import stated
from adapters.dates import DAY, Moment
from adapters.facts import Facts
from adapters.kinds import spreadsheet_reader
from adapters.mapping import Kind, Rule, Source, Takes
from adapters.problems import Unreadable
from untrusted import Cell, Style

_MOST_DIGITS = 15  # a workbook keeps binary floats
_FIRST_SERIAL, _LAST_SERIAL = 20_000, 80_000
_FIRST_YEAR, _LAST_YEAR = 1990, 2100
_LAST_MINUTE = DAY - 60


class Stored(str):
    """A cell as text, with what else the workbook says of it. A formula that shows nothing is `=`.

    `merged`: an amount that stands in one cell for several rows.
    """

    __slots__ = ("cell", "merged")
    cell: Cell
    merged: bool

    def __new__(cls, cell: Cell, *, merged: bool = False) -> "Stored":
        """The text of the cell's value."""
        self = super().__new__(cls, cell.value if cell.value.strip() else "=")
        self.cell, self.merged = cell, merged
        return self


def shows_nothing(cell: Cell) -> bool:
    """Whether the cell is blank to who looks at the sheet. A formula that was never computed may show anything."""
    return cell.kind == "text" and not cell.value.strip()


def cell_reader(kind: Kind, unit: str | None, *, date1904: bool) -> Callable[[str], Any]:
    """How a cell of a workbook is read: texts as in lists (0.2), numbers by their column, formulas by their result."""
    text = spreadsheet_reader(kind, unit)
    number = _number_reader(kind, unit, text, date1904)

    @lru_cache(maxsize=2048)
    def plain(value: str, style: Style) -> Any:
        return number(Cell(0, "number", value, value, False, style))

    def read(raw: str) -> Any:
        if not isinstance(raw, Stored):
            return text(raw)
        cell = raw.cell
        if cell.kind == "number" and not cell.formula and not raw.merged:  # what nearly every such cell is
            found = plain(cell.value, cell.style)
            return found if type(found) is not list else list(found)
        return _typed(raw, kind, text, number)

    return read


def _typed(raw: Stored, kind: Kind, text: Callable[[str], Any], number: Callable[[Cell], Any]) -> Any:
    cell = raw.cell
    if cell.kind == "error":
        raise Unreadable("cell.error", "error-value", value=cell.value)
    if cell.formula and kind.nature != "number":
        raise Unreadable("text.formula", "formula")
    if cell.kind == "blank":
        raise Unreadable("cell.formula-uncached", "no-result")
    if cell.kind == "text" and stated(cell.value) is None:
        return None
    if raw.merged:
        raise Unreadable("cell.merged-amount", "several-rows")
    if cell.kind == "boolean":
        raise Unreadable("number.unreadable" if kind.nature == "number" else "value.unknown", "truth-value")
    return number(cell) if cell.kind == "number" else text(cell.value)


def _number_reader(kind: Kind, unit: str | None, text: Callable[[str], Any], date1904: bool) -> Callable[[Cell], Any]:
    if kind.measured == "money":
        return lambda cell: _money(cell, unit)
    if kind.measured == "rate":
        return lambda cell: _rate(cell, unit)
    if kind.read is dates.moment:
        return lambda cell: _whole_minutes(serial(cell.value, date1904=date1904))
    if kind.read is dates.day:
        return lambda cell: serial(cell.value, date1904=date1904).day
    if kind.nature == "identifier":
        return lambda cell: text(_digits(cell))
    return lambda cell: text(cell.value)


def _digits(cell: Cell) -> str:
    """The digits of an integer that a workbook keeps exactly; of another number nobody knows what they were."""
    if not cell.value.isdigit() or len(cell.value) > _MOST_DIGITS:
        raise Unreadable("number.precision-lost", "identifier-in-float")
    return cell.value


def _money(cell: Cell, unit: str | None) -> Any:
    if cell.style.is_percent:
        raise Unreadable("number.unreadable", "percent-in-money")
    if cell.style.is_date:
        raise Unreadable("number.unreadable", "date-in-amount")
    return amounts.money(cell.value, unit)


def _rate(cell: Cell, unit: str | None) -> Rate:
    """0.5 (1): a format with `%` shows the stored number times 100. One that only prints a mark does not."""
    code, printed = cell.style.number_format, unit
    if cell.style.is_date:
        raise Unreadable("number.unreadable", "date-in-amount")
    if "%" in code or "‰" in code:
        printed = "‰" if "‰" in code else "%"
        if unit is not None and unit != printed:
            raise Unreadable("unit.ambiguous", "format-contradicts-header", format=code[:80], unit=unit)
    read = amounts.rate(cell.value, printed)
    assert read is not None  # a number is no null form
    return Rate(read.number.times_ten_to(2), "%") if cell.style.is_percent else read


def serial(value: str, *, date1904: bool) -> Moment:
    """The moment of a spreadsheet's serial number, to the second; only a fraction states a time of day."""
    whole, _, part = value.partition(".")
    if value.startswith("-") or len(whole) > 5 or not _FIRST_SERIAL <= int(whole) <= _LAST_SERIAL - bool(part):
        raise Unreadable("date.unreadable", "serial-out-of-range")
    found = (date(1904, 1, 1) if date1904 else date(1899, 12, 30)) + timedelta(days=int(whole))
    if not _FIRST_YEAR <= found.year <= _LAST_YEAR:
        raise Unreadable("date.unreadable", "year-out-of-range")
    if not part:
        return Moment(found, None)
    seconds, rest = divmod(int(part) * DAY, 10 ** len(part))
    return Moment(found, seconds + (2 * rest >= 10 ** len(part)))


def _whole_minutes(found: Moment) -> Moment:
    """In a period the last minute of a day is its end: a float cannot say 24:00 of the same day (DIALECTS 4)."""
    return Moment(found.day, DAY) if found.clock is not None and found.clock >= _LAST_MINUTE else found


def formula_notes(takes: Takes) -> Rule:
    """`cell.formula`: which of these values are the stored result of a formula. To be the first rule of its shape."""
    sources = [(name, source) for name, source in takes.items() if isinstance(source, Source)]

    def settle(facts: Facts) -> None:
        for name, source in sources:
            raw = facts.cells.raws.get(source.name)
            if isinstance(raw, Stored) and raw.cell.formula and name in facts.values:
                facts.blame("cell.formula", "stored-result", source.field or name)

    return settle
