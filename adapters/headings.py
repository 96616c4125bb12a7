"""The header of a list (DIALECTS 0.9): names, their alternatives, and the unit of every column of amounts."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from unicodedata import normalize

from adapters.amounts import FEN
from adapters.kinds import money, spreadsheet_reader
from adapters.mapping import Choice, Each, Rows, Shape, Source
from adapters.problems import Unreadable, reject
from adapters.totals import is_note, total_word
from untrusted import Record

_UNIT_IN_BRACKETS = re.compile(r"(.+)\((元|千元|万元|亿元|分|%|‰)\)")
_UNIT_LINE = re.compile(r"单位:(?:人民币)?(元|千元|万元|亿元)")
_RATE_UNITS = ("%", "‰")
_OWN_UNITS = ("元", "元)", "元）")


@dataclass(frozen=True, slots=True)
class Column:
    """A column that the mapping takes: its name there, the canonical field that it first gives, how it is measured.

    `unit` is the one that the mapping declares; what the file itself states comes before it.
    """

    name: str
    field: str
    measured: str | None
    unit: str | None = None


def heading(cell: str) -> tuple[str, str | None]:
    """A header cell's name, NFKC and without white space, and the unit in brackets behind it."""
    name = "".join(normalize("NFKC", cell).split())
    found = _UNIT_IN_BRACKETS.fullmatch(name)
    return (found[1], found[2]) if found else (name, None)


def known_columns(rows: Rows) -> dict[str, Column]:
    """Every header name that the mapping takes, alternatives included, to its column; the first field that it gives."""
    known: dict[str, Column] = {}
    for name, source in _sources(rows):
        column = known.get(source.name) or Column(source.name, source.field or name, source.kind.measured, source.unit)
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


def stated_columns(body: Iterable[Record], among: set[int]) -> set[int]:
    """Which of these columns hold something in a row that is no note."""
    return {
        index
        for record in body
        if not is_note(record)
        for index, cell in enumerate(record.cells)
        if index in among and cell.strip()
    }


def unit_line(above: list[Record]) -> str | None:
    """The unit that a line above the header states; two that differ say nothing."""
    found = {
        match[1]
        for record in above
        for cell in record.cells
        if (match := _UNIT_LINE.fullmatch("".join(normalize("NFKC", cell).split())))
    }
    return found.pop() if len(found) == 1 else None


def units(
    head: Record,
    body: Iterable[Record],
    columns: dict[int, str],
    known: dict[str, Column],
    line: str | None,
    key_column: str,
) -> dict[str, str | None]:
    """The unit of each measured column by name. An amount whose unit nothing states refuses the file."""
    key_index = next(index for index, name in columns.items() if name == key_column)
    units: dict[str, str | None] = {}
    for index, name in columns.items():
        measured, own = known[name].measured, heading(head.cells[index])[1]
        if measured == "money":
            units[name] = own if own in FEN else None if own else line or known[name].unit
            if units[name] is None:
                _check_own_units(index, known[name], body, key_index)
        elif measured == "rate":
            if own is not None and own not in _RATE_UNITS:
                raise reject("unit.ambiguous", "no-rate-unit", known[name].field, unit=own)
            units[name] = own or known[name].unit
    return units


def _check_own_units(index: int, column: Column, body: Iterable[Record], key_index: int) -> None:
    for record in body:
        cell = record.cells[index] if index < len(record.cells) else ""
        if not cell.strip() or is_note(record) or total_word(record, key_index) is not None:
            continue
        try:
            spreadsheet_reader(money, None)(cell)
        except Unreadable as error:
            if error.rule == "unit.ambiguous" or not cell.strip().endswith(_OWN_UNITS):
                place = f"row {record.number}, column {index + 1}"
                raise reject("unit.ambiguous", "no-unit", column.field, place, column=column.name) from None
