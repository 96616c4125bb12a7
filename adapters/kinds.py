"""The kinds of field that mappings name, and how a reader is made of one."""

from collections.abc import Callable, Mapping
from typing import Any

from adapters import amounts, convert, dates
from adapters.amounts import Literal
from adapters.mapping import Kind, Nature
from adapters.problems import Unreadable

text = Kind("text", convert.text)
policy_no = Kind("policy number", convert.policy_no, "identifier", repeats=False)
receipt_no = Kind("receipt number", convert.receipt_no, "identifier", repeats=False)
credit_code = Kind("credit code", convert.credit_code, "identifier")
approval_no = Kind("approval number", convert.approval_no, "identifier")
clause_no = Kind("clause number", convert.clause_no, "identifier")
clause_nos = Kind("clause numbers", convert.several(convert.clause_no), "identifier")
invoice_no = Kind("invoice number", convert.invoice_no, "identifier", repeats=False)
invoice_nos = Kind("invoice numbers", convert.several(convert.invoice_no), "identifier", repeats=False)
region = Kind("region", convert.region, "identifier")
drug_code = Kind("drug code", convert.drug_code, "identifier")
bank_reference = Kind("bank reference", convert.identifier, "identifier", repeats=False)
money = Kind("money", amounts.money, "number", "money")
rate = Kind("rate", amounts.rate, "number", "rate")
share = Kind("share", amounts.share, "number")
integer = Kind("integer", amounts.integer, "number")
currency = Kind("currency", amounts.currency)
day = Kind("day", dates.day, "number")
moment = Kind("moment", dates.moment, "number")
listed_day = Kind("day or serial", dates.day_or_serial, "number")
listed_moment = Kind("moment or serial", dates.moment_or_serial, "number")


def code(table: Mapping[str, Any], *, other: Any = None) -> Kind:
    """A code with its table; what is not in it is unknown, unless `other` is what it means."""
    return Kind("code", convert.one_of(table, other=other))


def truth(yes: str, no: str) -> Kind:
    """A yes or no of the format."""
    return Kind("truth", convert.one_of({yes: True, no: False}))


def reader(kind: Kind, unit: str | None) -> Callable[[str], Any]:
    """How a text of this kind is read, with the unit of its column or dialect."""
    read = kind.read
    if kind.measured is None:
        return read

    def measured(raw: str) -> Any:
        return read(raw, unit)

    return measured


def json_reader(kind: Kind, unit: str | None, *, many: bool) -> Callable[[Any], Any]:
    """How a JSON value is read: texts as everywhere, numbers from their literals, truth values where one is taken."""
    one = kind.read if kind.strict else _by_type(kind, reader(kind, unit))
    if not many:
        return one

    def several(raw: list[Any]) -> list[Any] | None:
        found = [value for item in raw if item is not None and (value := one(item)) is not None]
        return found or None

    return several


def _by_type(kind: Kind, read: Callable[[str], Any]) -> Callable[[Any], Any]:
    def value(raw: Any) -> Any:
        if type(raw) is str:
            return read(raw)
        if isinstance(raw, Literal):
            return _number(kind, read, raw)
        if isinstance(raw, bool) and kind.nature == "truth":
            return raw
        raise _out_of_place(kind)

    return value


def _number(kind: Kind, read: Callable[[str], Any], raw: Literal) -> Any:
    if kind.nature == "identifier":
        raise Unreadable("number.precision-lost", "identifier-as-number")
    if kind.nature == "truth":
        raise _out_of_place(kind)
    return read(_plain(raw) if kind.nature == "number" else str(raw))


def _plain(raw: Literal) -> str:
    """The literal without an exponent: the same number in the form that texts have."""
    return str(raw) if "e" not in raw and "E" not in raw else str(amounts.literal(raw))


def _out_of_place(kind: Kind) -> Unreadable:
    if kind.nature == "number":
        return Unreadable("number.unreadable", "truth-value")
    return Unreadable("value.unknown", "truth-value")


def spreadsheet_reader(kind: Kind, unit: str | None) -> Callable[[str], Any]:
    """How a cell of a list made by a spreadsheet is read (0.2): a leading `'` and `="..."` protect a text.

    A formula where a text or identifier is taken is refused: it would run on the next machine that opens the list.
    """
    read = reader(kind, unit)
    nature = kind.nature
    if kind.measured is not None:
        plainly = kind.read

        def measured(raw: str) -> Any:
            return plainly(raw, unit) if raw and raw[0].isalnum() else _protected(raw, read, nature)

        return measured

    def cell(raw: str) -> Any:
        return read(raw) if raw and raw[0].isalnum() else _protected(raw, read, nature)

    return cell


def _protected(raw: str, read: Callable[[str], Any], nature: Nature) -> Any:
    value = convert.stated(raw)
    if value is None:
        return None
    if value.startswith('="') and value.endswith('"') and len(value) >= 3:
        return read(value[2:-1])
    folded = convert.folded(value)
    if folded is None or nature == "number":
        return read(value)
    if folded[0] == "'" and nature == "identifier":
        return read(folded[1:])
    if folded[0] in "=+-@":
        raise Unreadable("text.formula", "formula")
    return read(value)
