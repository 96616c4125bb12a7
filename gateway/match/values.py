"""What a cell of an application says: its text read by the kind of its field, exactly, or why it cannot be read."""

import re
from dataclasses import dataclass
from datetime import date
from typing import NamedTuple
from unicodedata import normalize

from adapters import amounts, convert, dates
from adapters.amounts import FEN, Exact
from adapters.problems import Unreadable
from gateway.match.fields import OPEN, WAN, YUAN, Field
from gateway.shown import visible

_LONGEST = 2000
_NUMBER = re.compile(r"[0-9]{1,3}(?:,[0-9]{3})+(?:\.[0-9]+)?|[0-9]+(?:\.[0-9]+)?")
_DAY = re.compile(r"[0-9]{4}\s*[-/.年]\s*[0-9]{1,2}\s*[-/.月]\s*[0-9]{1,2}\s*[日号]?|(?<![0-9])[0-9]{8}(?![0-9])")
_BETWEEN_DAYS = re.compile(r"(?:自|从|起|止|至|到|[-~—–－]|0时|00:00|24时|24:00|零时|二十四时|\(|\)|,|\s)*")
_FORMAT = re.compile(r'[^.0]*[#0,]*0(?:\.(0+))?(?:%|_.|\\.|"[^"]*"|[)\s])*')
_STATEMENT = re.compile(r"收到保费金额\s*(?:为|人民币|:|¥)?\s*([-0-9.,]+)\s*(万元|元)")
_IN_FULL = re.compile(r"保费已(?:经)?全部(?:缴|交)清")
_NOT_IN_FULL = re.compile(r"(?:尚未|未|没有)(?:全部|足额)?(?:缴|交)清")


class Cell(NamedTuple):
    """One cell as it stands: its text, whether it is a number of a spreadsheet, and how that is shown."""

    raw: str
    is_number: bool = False
    shown_as: str = ""
    is_percent: bool = False
    trouble: str | None = None
    """Why the cell states nothing that may be taken, whatever its text: an error, a formula without a result."""


class Quantity(NamedTuple):
    """A number as it is written, and of what: 33.33 万元 is (3333 / 10^2, 万元). The scale is the printed precision."""

    number: Exact
    unit: str


class Statement(NamedTuple):
    """The insurer's sentence 我司已收到保费金额…元，保费已全部缴清 as the form carries it."""

    amount: Quantity | None
    in_full: bool | None


Value = str | date | tuple[date, date] | Quantity | tuple[Exact, Exact] | Statement


@dataclass(frozen=True, slots=True)
class Said:
    """What an application says in one field: the value, or, where it cannot be read, the rule and the reason.

    `shown` is the text as people may see it. Cells that say the same are the same object: lists repeat themselves.
    """

    field: Field
    shown: str
    value: Value | None = None
    problem: tuple[str, str] | None = None


class Reader:
    """Reads the cells of one application, each text once."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, Cell, str | None], Said] = {}

    def read(self, field: Field, cell: Cell, unit: str | None) -> Said:
        """The cell as a value of the field; `unit` is what its label says. A blank cell has no value and no problem."""
        key = (field.name, cell, unit)
        said = self._known.get(key)
        if said is None:
            said = self._known[key] = read_cell(field, cell, unit)
        return said


def read_cell(field: Field, cell: Cell, unit: str | None) -> Said:
    """As `Reader.read`, of one cell."""
    shown = visible(cell.raw)
    if cell.trouble is not None:
        return Said(field, shown, problem=("number.unreadable", cell.trouble))
    if len(cell.raw) > _LONGEST:
        return Said(field, shown, problem=("number.unreadable", "too-long"))
    if cell.raw.startswith(OPEN):
        return Said(field, shown)
    try:
        return Said(field, shown, _read(field, cell, unit))
    except Unreadable as error:
        return Said(field, shown, problem=(error.rule, error.reason))


def _read(field: Field, cell: Cell, unit: str | None) -> Value | None:
    nature = field.nature
    if nature == "money":
        return _money(cell, unit or field.unit or WAN)
    if nature == "rate":
        return _rate(cell, unit or "%")
    if nature in ("credit_code", "approval_no", "policy_no"):
        return _identifier(nature, cell)
    if nature == "day":
        return dates.day_or_serial(cell.raw)
    if nature == "period":
        return _period(cell.raw)
    if nature == "sales":
        return _two_numbers(cell.raw)
    if nature == "statement":
        return read_statement(cell.raw)
    return convert.text(cell.raw)


def _identifier(nature: str, cell: Cell) -> str | None:
    raw = cell.raw
    if cell.is_number and len(raw.strip("-0.")) > 15:
        raise Unreadable("number.precision-lost", "identifier-as-number")
    raw = raw[1:] if raw[:1] == "'" else raw
    if nature == "credit_code":
        return convert.credit_code(raw)
    return convert.approval_no(raw) if nature == "approval_no" else convert.policy_no(raw)


def _money(cell: Cell, unit: str) -> Quantity | None:
    found = amounts.measure(cell.raw)
    if found is None:
        return None
    own = found.unit or unit
    if own not in FEN:
        raise Unreadable("number.unreadable", "percent-in-money")
    return Quantity(_as_shown(found.number, cell), own)


def _rate(cell: Cell, unit: str) -> Quantity | None:
    found = amounts.rate(cell.raw, "1" if cell.is_percent else unit)
    if found is None:
        return None
    return Quantity(_as_shown(found.percent(), cell), "%")


def _as_shown(number: Exact, cell: Cell) -> Exact:
    """With the zeros that a spreadsheet's number format shows behind it: they say how precisely it is meant."""
    if not cell.is_number:
        return number
    shape = _FORMAT.fullmatch(cell.shown_as[:64].split(";")[0])
    more = (len(shape[1]) if shape and shape[1] else 0) - number.scale
    return Exact(number.digits * 10**more, number.scale + more) if more > 0 else number


def _period(raw: str) -> tuple[date, date] | None:
    value = convert.folded(raw)
    if value is None:
        return None
    found = [dates.day("".join(one.split())) for one in _DAY.findall(value)]
    if not found and not re.search("[0-9]", value):
        return None  # the form's own 年月日至年月日, never filled in
    if len(found) != 2 or found[0] is None or found[1] is None or not _BETWEEN_DAYS.fullmatch(_DAY.sub("", value)):
        raise Unreadable("date.unreadable", "form")
    if found[1] < found[0]:
        raise Unreadable("period.inverted", "ends-before-it-starts")
    return found[0], found[1]


def _two_numbers(raw: str) -> tuple[Exact, Exact] | None:
    """国内 and 省内 in one cell: two numbers, the larger territory first unless the words say otherwise."""
    value = convert.stated(raw)
    if value is None:
        return None
    value = normalize("NFKC", value)
    found = [amounts.measure(one) for one in _NUMBER.findall(value)]
    if len(found) != 2 or found[0] is None or found[1] is None:
        raise Unreadable("number.unreadable", "form")
    country, province = value.find("国内"), value.find("省内")
    numbers = (found[0].number, found[1].number)
    return (numbers[1], numbers[0]) if 0 <= province < country else numbers


def read_statement(raw: str) -> Statement | None:
    """The insurer's sentence in a text; `None` if the text has none that is filled in."""
    value = normalize("NFKC", raw)
    found = _STATEMENT.search(value)
    amount = None
    if found is not None and (number := amounts.measure(found[1])) is not None:
        amount = Quantity(number.number, WAN if found[2] == WAN else YUAN)
    if amount is None:
        return None
    denied = _NOT_IN_FULL.search(value)
    return Statement(amount, False if denied else True if _IN_FULL.search(value) else None)
