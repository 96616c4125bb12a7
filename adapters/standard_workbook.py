"""The workbook template, filled in (schemas/template): sheets to messages as JSON has them, each value with its cell.

The form of a field is the standard's, not the cell's: an amount is in yuan, a percentage in percent. Formulas are
refused: what they show depends on who opened the file last.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any
from unicodedata import normalize

from adapters import convert, kinds
from adapters.amounts import Literal, Rate
from adapters.envelopes import SCHEMA, Entry, EnvelopeFile, Raw, opened
from adapters.mapping import Kind, Mapping
from adapters.problems import Problem, Unreadable, reject
from adapters.stored import Stored, cell_reader, shows_nothing
from adapters.workbook import letters
from schemas.structure import Element, Form
from schemas.template import CODES, ENVELOPE, HELP, KEY, NO, SEPARATOR, YES, Place, Table, tables
from untrusted import Cell, Refused, Sheet, read_xlsx
from untrusted import Row as SheetRow

_NAMES_WITHIN = 20
_TEXT = Kind("text", convert.stated, "identifier")
_KINDS: dict[Form, tuple[Kind, str | None]] = {
    "money": (kinds.money, "元"),
    "amount": (kinds.money, "元"),
    "percent": (kinds.rate, "%"),
    "day": (kinds.day, None),
    "integer": (kinds.integer, None),
}


@dataclass(frozen=True, slots=True)
class StandardWorkbook:
    """Sheets named as the template names them; the row with `message_id` says which column is which field."""

    name: str = "XLSX"
    separator: str = "."

    def open(self, data: bytes, mapping: Mapping, file_name: str, media_type: str | None) -> EnvelopeFile:
        """The messages of the workbook, sheet by sheet, with what the sheets of their lists hold."""
        del file_name, media_type
        workbook = _workbook(data)
        filled = [_Filled(table, sheet, workbook.date1904) for table, sheet in _sheets(workbook.sheets)]
        messages: list[Entry] = []
        by_key: dict[tuple[str, str], list[Entry]] = {}
        for one in (one for one in filled if not one.table.of):
            for key, message in one.messages():
                messages.append(message)
                by_key.setdefault((one.table.type, key), []).append(message)
        lost: list[Problem] = []
        for one in (one for one in filled if one.table.of):
            for key, entry in one.entries():
                owners = by_key.get((one.table.type, key), ())
                for message in owners:
                    _append(message["record"], one.table.of, entry)
                if not owners:
                    lost.append(Problem("row.unreadable", KEY, "R", "no-such-record", raw=key[:200], where=entry.where))
        return opened(messages, mapping, lost)


def _workbook(data: bytes) -> Any:
    try:
        return read_xlsx(data)
    except Refused as error:
        if error.rule == "workbook.unrecognised":
            raise reject("dialect.unrecognised", "no-workbook", reader=error.detail) from error
        raise


def _sheets(sheets: tuple[Sheet, ...]) -> list[tuple[Table, Sheet]]:
    """The sheets of the template that are there. Any other sheet with content refuses the file: it would be lost."""
    found: dict[str, tuple[Table, Sheet]] = {}
    strange: Sheet | None = None
    for sheet in sheets:
        name = normalize("NFKC", sheet.name).strip()
        last = name.rpartition(" ")[2]
        if last in tables() and last not in found:
            found[last] = (tables()[last], sheet)
        elif name not in (HELP, CODES) and strange is None and _shows(sheet):
            strange = sheet
    if not found:
        raise reject("dialect.unrecognised", "part-missing", expected=", ".join(tables()))
    if strange is not None:
        raise reject("sheet.unaccounted", "unknown-sheet", strange.name, sheet=strange.name)
    return [found[name] for name in tables() if name in found]


def _shows(sheet: Sheet) -> bool:
    return any(not shows_nothing(cell) for row in sheet.rows() for cell in row.cells.values())


class RowPlace(str):
    """A row of a sheet, `保单 policy!5:5`; with a field behind it, the cell: `保单 policy!E5`."""

    __slots__ = ("letters", "row", "sheet")
    letters: dict[str, str]
    row: int
    sheet: str

    def __new__(cls, sheet: str, row: int, columns: dict[str, str]) -> "RowPlace":
        """The whole row; `columns` are the letters of each field, by its place in the row."""
        self = super().__new__(cls, f"{sheet}!{row}:{row}")
        self.sheet, self.row, self.letters = sheet, row, columns
        return self

    def __add__(self, place: str) -> str:
        """The cell of a field; a field without a column has only the row."""
        column = self.letters.get(place)
        return f"{self!s}, {place[1:]}" if column is None else f"{self.sheet}!{column}{self.row}"


@dataclass(slots=True)
class _Filled:
    """One sheet of the template, as it was filled in."""

    table: Table
    sheet: Sheet
    date1904: bool
    columns: dict[int, Place] = field(default_factory=dict)
    places: dict[str, str] = field(default_factory=dict)

    def messages(self) -> Iterator[tuple[str, Entry]]:
        """Each record as a message, with its id."""
        for row in self._rows():
            where = RowPlace(self.sheet.name, row.number, self.places)
            message, record = Entry(where), Entry(where)
            message["schema"], message["type"] = SCHEMA, self.table.type
            self._fill(row, message, record)
            message["record"] = record
            yield str(message.get(KEY, "")).strip(), message

    def entries(self) -> Iterator[tuple[str, Entry]]:
        """Each entry of a list, with the id of its message."""
        for row in self._rows():
            entry = Entry(RowPlace(self.sheet.name, row.number, self.places))
            self._fill(row, entry, entry)
            yield str(entry.pop(KEY, "")).strip(), entry

    def _fill(self, row: SheetRow, envelope: Entry, record: Entry) -> None:
        for column, place in self.columns.items():
            cell = row.cells.get(column)
            if cell is not None and (cell.formula or not shows_nothing(cell)):
                _set(
                    envelope if place.path in ENVELOPE else record, place.path, _raw(cell, place.element, self.date1904)
                )

    def _rows(self) -> Iterator[SheetRow]:
        """The rows that hold something, below the row of names."""
        named = shown = False
        for row in self.sheet.rows():
            if not named and row.number <= _NAMES_WITHIN and any(c.value.strip() == KEY for c in row.cells.values()):
                named = True
                self._name(row)
            elif named and any(cell.formula or not shows_nothing(cell) for cell in row.cells.values()):
                self._refuse_nameless(row)
                yield row
            shown = shown or bool(row.cells)
        if shown and not named:
            raise reject("header.not-found", "no-row-has-it", names=f"{self.sheet.name}: {KEY}")

    def _name(self, row: SheetRow) -> None:
        known = {place.path: place for place in self.table.places}
        for cell in row.cells.values():
            name, where = cell.value.strip(), f"{self.sheet.name}!{letters(cell.column)}{row.number}"
            if not name:
                continue
            if name not in known:
                raise reject("field.unaccounted", "unknown", name[:80], where)
            if f"/{name.replace('.', '/')}" in self.places:
                raise reject("column.duplicate", "two-columns-for-one-field", name, where, column=name)
            self.columns[cell.column] = known[name]
            self.places[f"/{name.replace('.', '/')}"] = letters(cell.column)

    def _refuse_nameless(self, row: SheetRow) -> None:
        for column, cell in row.cells.items():
            if column not in self.columns and not shows_nothing(cell):
                where = f"{self.sheet.name}!{letters(column)}{row.number}"
                raise reject("field.unaccounted", "column-without-name", "", where)


def _set(target: Entry, path: str, value: Any) -> None:
    """Put a value at its path. Objects on the way stand where their row does."""
    *groups, leaf = path.split(".")
    inner: dict[str, Any] = target
    for group in groups:
        inner = inner.setdefault(group, {})
    inner[leaf] = value


def _append(record: Entry, path: str, entry: Entry) -> None:
    *groups, leaf = path.split(".")
    inner: dict[str, Any] = record
    for group in groups:
        inner = inner.setdefault(group, {})
    inner.setdefault(leaf, []).append(entry)


def _raw(cell: Cell, element: Element, date1904: bool) -> Any:
    """A value to be read when it is taken; a list is split now, its parts are read then."""
    if element.many and cell.kind == "text" and not cell.formula:
        texts = [part.strip() for part in normalize("NFKC", cell.value).replace("\n", SEPARATOR).split(SEPARATOR)]
        return [text for text in texts if text]
    one = Raw(cell.value, lambda: _value(cell, element, date1904))
    return [one] if element.many else one


def _value(cell: Cell, element: Element, date1904: bool) -> Any:
    """What the cell says, in the standard's form of the field. Raises `Unreadable`."""
    if cell.formula:
        raise Unreadable("text.formula", "formula")
    if element.form == "truth" and not element.many:
        return _truth(cell)
    form: Form = "text" if element.many else element.form
    if form == "text" and cell.kind == "number" and _DECIMAL.fullmatch(cell.value) and _fits(cell.value, element):
        return cell.value  # a quantity, which is no identifier
    value = _reader(form, date1904)(Stored(cell))
    if value is None:
        return None
    if form in ("money", "amount", "day"):
        return str(value)
    if form == "percent":
        return str(value.percent()) if isinstance(value, Rate) else value
    if form == "integer":
        return Literal(str(value))
    return _code(value, element) if element.form == "code" else value


_DECIMAL = re.compile(r"[0-9]{1,14}\.[0-9]{1,14}")


def _fits(text: str, element: Element) -> bool:
    return bool(element.pattern) and re.search(element.pattern, text) is not None


@lru_cache(maxsize=64)
def _reader(form: Form, date1904: bool) -> Callable[[str], Any]:
    kind, unit = _KINDS.get(form, (_TEXT, None))
    return cell_reader(kind, unit, date1904=date1904)


def _truth(cell: Cell) -> Any:
    if cell.kind == "boolean":
        return cell.value == "1"
    return {YES: True, "true": True, NO: False, "false": False}.get(cell.value.strip().lower(), cell.value)


def _code(value: str, element: Element) -> str:
    """The list of the template shows a code with its term behind it."""
    first = value.split(" ", 1)[0]
    return first if first in element.values else value
