"""Numbers, money, percentages and rates as insurers write them (DIALECTS 0.4): exact, never a float, never rounded."""

import re
from functools import cache
from typing import Any, NamedTuple, NoReturn
from unicodedata import normalize

from adapters.convert import folded, remembered, stated
from adapters.problems import Unreadable
from schemas.codes import code_list
from schemas.money import Yuan

# How many fen one of the unit is.
FEN = {"分": 1, "元": 100, "千元": 100_000, "万元": 1_000_000, "亿元": 10_000_000_000}
CELL_UNITS = frozenset({"元", "万元", "亿元"})  # what may stand behind a number; the others only in headers
RATE_UNITS = frozenset({"%", "‰", "1"})  # "1" is a fraction

_MOST_DIGITS = 40
_MOST_EXPONENT = 40
_LONGEST = 1000

_PLAIN = re.compile(r"(-?)([0-9]{1,40})(?:\.([0-9]{1,40}))?")
_MARK = r"(?:¥|RMB|CNY|人民币)"
_UNIT = r"(?:元|万元|亿元|%|‰)"
_DIGITS = r"(?:[0-9]{1,3}(?:,[0-9]{3})+|[0-9]+)(?:\.[0-9]+)?"
_SIGNED = re.compile(
    rf"'?\s*([-+])?\s*(?P<mark>{_MARK})?\s*(?P<sign>[-+])?\s*(?P<digits>{_DIGITS})\s*(?P<unit>{_UNIT})?"
)
_BRACKETED = re.compile(
    rf"'?\s*(?P<out>{_MARK})?\s*\(\s*(?P<mark>{_MARK})?\s*(?P<digits>{_DIGITS})\s*(?P<unit>{_UNIT})?\s*\)\s*"
    rf"(?P<after>{_UNIT})?"
)
_SCIENTIFIC = re.compile(r"'?[-+]?[0-9]+(?:\.[0-9]*)?[eE][-+]?[0-9]+")
_LITERAL = re.compile(r"(-?)(0|[1-9][0-9]*)(?:\.([0-9]+))?(?:[eE]([-+]?[0-9]+))?")


class Exact(NamedTuple):
    """An exact decimal: `digits` / 10^`scale`. Its text has no trailing zeros and no exponent: "1.6", "2", "33.33"."""

    digits: int
    scale: int

    def __str__(self) -> str:
        sign, digits, scale = "-" if self.digits < 0 else "", abs(self.digits), self.scale
        whole, part = divmod(digits, 10**scale)
        fraction = f"{part:0{scale}d}".rstrip("0") if scale else ""
        return f"{sign}{whole}.{fraction}" if fraction else f"{sign}{whole}"

    def times_ten_to(self, power: int) -> "Exact":
        """This number times 10^`power`, exactly."""
        return (
            Exact(self.digits, self.scale - power)
            if self.scale >= power
            else Exact(self.digits * 10**power, self.scale)
        )


class Measure(NamedTuple):
    """A number with the unit that stands in its own cell, if one does."""

    number: Exact
    unit: str | None


class Literal(str):
    """A JSON number, as it was sent."""

    __slots__ = ()


def measure(raw: str) -> Measure | None:
    """The number that `raw` states, and its own unit. `number.unreadable` for what is not exactly one number."""
    value = stated(raw)
    if value is None:
        return None
    if plain := _PLAIN.fullmatch(value):
        sign, whole, part = plain.groups()
        if part is None:
            return Measure(Exact(int(sign + whole), 0), None)
        if len(whole) + len(part) <= _MOST_DIGITS:
            return Measure(Exact(int(sign + whole + part), len(part)), None)
    if len(value) > _LONGEST:
        raise Unreadable("number.unreadable", "too-long")
    # Runs of white space become one: the forms below allow it between each two parts, and must stay linear.
    return _written(" ".join(normalize("NFKC", value).replace("\u2212", "-").split()))


def _written(value: str) -> Measure:
    found = _SIGNED.fullmatch(value)
    if found is not None:
        if found[1] and found["sign"]:
            raise Unreadable("number.unreadable", "two-signs")
        negative, unit = "-" in (found[1], found["sign"]), found["unit"]
    else:
        found = _BRACKETED.fullmatch(value)
        if found is None:
            raise Unreadable("number.unreadable", "form")
        if (found["out"] and found["mark"]) or (found["unit"] and found["after"]):
            raise Unreadable("number.unreadable", "form")
        negative, unit = True, found["unit"] or found["after"]
    whole, _, part = found["digits"].replace(",", "").partition(".")
    if len(whole) + len(part) > _MOST_DIGITS:
        raise Unreadable("number.unreadable", "too-long")
    number = int(whole + part)
    return Measure(Exact(-number if negative else number, len(part)), unit)


def literal(raw: Literal) -> Exact:
    """The exact value of a JSON number; an exponent is allowed within 40."""
    found = _LITERAL.fullmatch(raw)
    if found is None:
        raise Unreadable("number.unreadable", "form")
    sign, whole, part, exponent = found.groups()
    if exponent is not None and (len(exponent) > 4 or abs(int(exponent)) > _MOST_EXPONENT):
        raise Unreadable("number.unreadable", "too-long")
    part = part or ""
    if len(whole) + len(part) > _MOST_DIGITS:
        raise Unreadable("number.unreadable", "too-long")
    return Exact(int(sign + whole + part), len(part)).times_ten_to(int(exponent or 0))


def in_fen(number: Exact, unit: str) -> Yuan:
    """`number` of `unit` as an exact amount. What is not whole fen is never rounded: `number.sub-fen`."""
    fen, rest = divmod(number.digits * FEN[unit], 10**number.scale)
    if rest:
        raise Unreadable("number.sub-fen", "not-whole-fen", unit=unit)
    return Yuan(fen)


@remembered(8192)
def money(raw: str, unit: str | None) -> Yuan | None:
    """An amount. A unit in the cell wins over `unit`, the column's or the dialect's; without both, `unit.ambiguous`."""
    read = _number(raw)
    if read is None:
        return None
    if read.unit is not None and read.unit not in CELL_UNITS:
        raise Unreadable("number.unreadable", "percent-in-money")
    if (known := read.unit or unit) is None:
        raise Unreadable("unit.ambiguous", "no-unit")
    return in_fen(read.number, known)


class Rate(NamedTuple):
    """A rate as stated, with its unit if the cell, the header or the dialect says one (DIALECTS 0.5 steps 1 to 3)."""

    number: Exact
    unit: str | None

    def percent(self) -> Exact:
        """The rate in percent. Only for a known unit."""
        assert self.unit is not None
        return self.number.times_ten_to({"%": 0, "1": 2, "‰": -1}[self.unit])


@remembered(4096)
def rate(raw: str, unit: str | None) -> Rate | None:
    """A rate 费率; `%` or `‰` in the cell wins over `unit`."""
    read = _number(raw)
    if read is None:
        return None
    if read.unit is not None and read.unit not in RATE_UNITS:
        raise Unreadable("number.unreadable", "money-in-rate")
    return Rate(read.number, read.unit or unit)


class Share(NamedTuple):
    """A share of a co-insurance; `marked` if a `%` stands at it."""

    number: Exact
    marked: bool


@remembered(1024)
def share(raw: str) -> Share | None:
    """A co-insurance share 共保比例."""
    read = _number(raw)
    if read is None:
        return None
    if read.unit not in (None, "%"):
        raise Unreadable("number.unreadable", "money-in-rate")
    return Share(read.number, read.unit == "%")


def _number(raw: str) -> Measure | None:
    """Of money and rates: what a spreadsheet wrote in scientific notation has lost digits."""
    try:
        return measure(raw)
    except Unreadable:
        if (value := folded(raw)) is not None and _SCIENTIFIC.fullmatch(value):
            raise Unreadable("number.precision-lost", "scientific-notation") from None
        raise


def integer(raw: str) -> int | None:
    """An instalment number: a whole number without a unit."""
    read = measure(raw)
    if read is None:
        return None
    if read.unit is not None:
        raise Unreadable("number.unreadable", "unit-in-integer")
    return whole(read.number)


def whole(number: Exact) -> int:
    """The integer that `number` is."""
    value, rest = divmod(number.digits, int(10**number.scale))
    if rest:
        raise Unreadable("number.unreadable", "not-an-integer")
    return value


def currency(raw: str) -> str | None:
    """Chinese yuan under any of its names; anything else is `currency.unsupported`."""
    value = folded(raw)
    if value is None:
        return None
    if _currencies().get(value.upper()) != "CNY":
        raise Unreadable("currency.unsupported", "not-cny")
    return "CNY"


@cache
def _currencies() -> dict[str, str]:
    """ISO 4217 codes by what insurers write for them."""
    codes = code_list("currencies")
    return {one.code: one.code for one in codes.code} | dict(codes.words())


def no_number(_: Any) -> NoReturn:
    """What a truth value in the place of a number is."""
    raise Unreadable("number.unreadable", "truth-value")
