"""Messages of the standard schema, read for the calculation.

The nouns of `schemas` refuse a record that contradicts itself, such as co-insurers' shares that do not add up. Here
that is a verdict with a rule, so a record is read leniently as to its sense and strictly as to its form: a field that
the schema does not have, money that is no money or a day that is no day is `Malformed`.
"""

import re
from collections.abc import Callable, Collection, Mapping
from datetime import date, datetime
from fractions import Fraction
from typing import Any

import schemas.party
import schemas.policy
import schemas.product
from gateway.schemes.records import (
    Award,
    Cancellation,
    Endorsement,
    Invoice,
    Money,
    Party,
    Policy,
    Product,
    Receipt,
    Refund,
    Share,
    Told,
    approval_number,
    folded,
    squeezed,
)
from schemas.calendar import shanghai_day
from schemas.money import Yuan, percent
from schemas.submission import RECORDS, SCHEMA

_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_ENVELOPE = frozenset({"schema", "insurer", "type", "message_id", "sent_at", "record"})
_RECORD = {name: frozenset(noun.model_fields) for name, noun in RECORDS.items()}
_PART = {
    name: frozenset(noun.model_fields)
    for noun, names in (
        (schemas.party.Party, ("policyholder", "holder", "manufacturer", "payer", "seller")),
        (schemas.product.Product, ("product",)),
        (schemas.policy.Period, ("period",)),
        (schemas.policy.Premium, ("premium",)),
        (schemas.policy.PremiumChange, ("premium_change",)),
        (schemas.policy.ReturnPremium, ("return_premium",)),
        (schemas.policy.Limits, ("limits",)),
        (schemas.policy.RateBase, ("rate_base",)),
        (schemas.policy.Clause, ("clauses",)),
        (schemas.policy.Instalment, ("instalments",)),
        (schemas.policy.CoInsurer, ("coinsurance",)),
        (schemas.policy.FieldChange, ("changes",)),
    )
    for name in names
}


class Malformed(ValueError):
    """This is no message of the standard schema; the message says which field is wrong, and how."""


def read_message(value: object) -> Told | None:
    """The record of one message, or `None` if it is of a type that plays no part. Raises `Malformed`."""
    envelope = _object(value, "message", _ENVELOPE)
    if envelope.get("schema") != SCHEMA:
        raise Malformed(f"schema: not {SCHEMA}")
    kind = _text(envelope, "type")
    if kind not in RECORDS:
        raise Malformed(f"type: there is no {kind}")
    sent = _moment(_text(envelope, "sent_at"))
    number = _text(envelope, "message_id")
    reader = _READERS.get(kind)
    if reader is None:
        return None
    record = _object(envelope.get("record"), "record", _RECORD[kind])
    insurer = "" if kind == "award" else _text(envelope, "insurer")
    return reader(record, insurer, number, sent)


def _policy(record: Mapping[str, Any], insurer: str, _number: str, _sent: date) -> Policy:
    number = _text(record, "policy_no")
    period = _part(record, "period") or {}
    premium = _part(record, "premium") or {}
    base = _part(record, "rate_base") or {}
    limits = _part(record, "limits") or {}
    holder = _party(record, "policyholder")
    if holder is None:
        raise Malformed("policyholder: missing")
    money = _money(premium)
    if money.gross is None:
        raise Malformed("premium.gross: missing")
    rate = _optional(record, "rate_percent")
    clauses = _objects(record, "clauses")
    return Policy(
        insurer=insurer,
        type="policy",
        number=number,
        day=_day(record, "issued_on") or date.min,
        record=record,
        policy_nos=(number,),
        policyholder=holder,
        product=_product(_part(record, "product") or {}),
        line=_text(record, "line"),
        main_clauses=tuple(_text(clause, "registration_no") for clause in clauses if clause.get("kind") == "main"),
        start=_required_day(period, "start"),
        end=_required_day(period, "end"),
        limits={name: _fen(limits, name) for name in ("aggregate", "per_occurrence", "deductible")},
        base_kind=_optional(base, "kind"),
        base_amount=_fen(base, "amount"),
        rate=None if rate is None else _percent(rate, "rate_percent") / 100,
        premium=money,
        gross=money.gross,
        instalments=tuple((_day(entry, "due_on"), _fen(entry, "amount")) for entry in _objects(record, "instalments")),
        coinsurance=tuple(
            Share(
                _text(entry, "insurer"),
                _percent(_text(entry, "share_percent"), "share_percent"),
                entry.get("lead") is True,
            )
            for entry in _objects(record, "coinsurance")
        ),
    )


def _product(record: Mapping[str, Any]) -> Product:
    approval, name, code = (_optional(record, field) for field in ("approval_no", "generic_name", "drug_code"))
    return Product(
        kind=_optional(record, "kind"),
        generic_name=folded(name) if name else None,
        approval_no=approval_number(approval) if approval else None,
        approval_date=_day(record, "approval_date"),
        first_sale_date=_day(record, "first_sale_date"),
        registration_class=_optional(record, "registration_class"),
        class_group=_optional(record, "class_group"),
        class_codes=tuple(squeezed(code) for code in _list(record, "class_codes") if isinstance(code, str)),
        holder=_party(record, "holder"),
        manufacturer=_party(record, "manufacturer"),
        drug_code=folded(code) if code else None,
    )


def _endorsement(record: Mapping[str, Any], insurer: str, _number: str, _sent: date) -> Endorsement:
    issued, effective = _day(record, "issued_on"), _day(record, "effective_on")
    kind = _one_of(record, "kind", ("increase", "decrease", "amend", "reinstate", "write_off"))
    change = _money(_part(record, "premium_change") or {}, signed=True)
    if change.gross is None and kind in ("amend", "reinstate") and record.get("premium_change") is None:
        change = Money(0, 0)
    if kind == "write_off":  # what is given up was due all the same
        change = Money(0, 0)
    return Endorsement(
        insurer=insurer,
        type="endorsement",
        number=_text(record, "endorsement_no"),
        day=max(issued or date.min, effective or date.min),
        record=record,
        policy_nos=(_text(record, "policy_no"),),
        kind=kind,
        issued_on=issued,
        effective_on=effective,
        change=change,
        changes=tuple((_text(entry, "field"), _optional(entry, "after")) for entry in _objects(record, "changes")),
    )


def _cancellation(record: Mapping[str, Any], insurer: str, _number: str, sent: date) -> Cancellation:
    kind = _one_of(record, "kind", ("from_inception", "mid_term"))
    effective = _day(record, "effective_on")
    return Cancellation(
        insurer=insurer,
        type="cancellation",
        number=_text(record, "endorsement_no"),
        day=sent if kind == "from_inception" else effective or date.min,
        record=record,
        policy_nos=(_text(record, "policy_no"),),
        kind=kind,
        effective_on=effective,
        returned=_money(_part(record, "return_premium") or {}),
    )


def _receipt(record: Mapping[str, Any], insurer: str, _number: str, _sent: date) -> Receipt:
    return Receipt(
        insurer=insurer,
        type="premium_receipt",
        number=_text(record, "receipt_no"),
        day=_required_day(record, "received_on"),
        record=record,
        policy_nos=(_text(record, "policy_no"),),
        amount=_required_fen(record, "amount"),
        payer=_party(record, "payer"),
    )


def _refund(record: Mapping[str, Any], insurer: str, _number: str, _sent: date) -> Refund:
    return Refund(
        insurer=insurer,
        type="premium_refund",
        number=_text(record, "refund_no"),
        day=_required_day(record, "paid_on"),
        record=record,
        policy_nos=(_text(record, "policy_no"),),
        amount=_required_fen(record, "amount"),
    )


def _invoice(record: Mapping[str, Any], insurer: str, _number: str, _sent: date) -> Invoice:
    number = _text(record, "invoice_no")
    code = _optional(record, "invoice_code")
    return Invoice(
        insurer=insurer,
        type="invoice",
        number=f"{code}-{number}" if code else number,
        day=_required_day(record, "issued_on"),
        record=record,
        policy_nos=_policy_nos(record),
        invoice_no=number,
        gross=_required_fen(record, "gross", signed=True),
        seller=_party(record, "seller"),
        red_letter_of=_optional(record, "red_letter_of"),
    )


def _award(record: Mapping[str, Any], insurer: str, number: str, _sent: date) -> Award:
    year = record.get("year")
    if type(year) is not int or not 1 <= year <= 9999:
        raise Malformed("year: not a calendar year")
    return Award(
        insurer=insurer,
        type="award",
        number=number,
        day=_required_day(record, "awarded_on"),
        record=record,
        policy_nos=_policy_nos(record),
        scheme=_text(record, "scheme"),
        level=None
        if record.get("level") is None
        else _one_of(record, "level", ("national", "provincial", "city", "county")),
        product_key=folded(_text(record, "product_key")),
        year=year,
        amount=_required_fen(record, "amount"),
    )


_READERS: dict[str, Callable[[Mapping[str, Any], str, str, date], Told]] = {
    "policy": _policy,
    "endorsement": _endorsement,
    "cancellation": _cancellation,
    "premium_receipt": _receipt,
    "premium_refund": _refund,
    "invoice": _invoice,
    "award": _award,
}


def _policy_nos(record: Mapping[str, Any]) -> tuple[str, ...]:
    named = _list(record, "policy_nos")
    if not all(isinstance(number, str) for number in named):
        raise Malformed("policy_nos: not texts")
    return tuple(dict.fromkeys(named))


def _party(record: Mapping[str, Any], name: str) -> Party | None:
    party = _part(record, name)
    if party is None:
        return None
    code = _optional(party, "credit_code")
    return Party(squeezed(_text(party, "name")), folded(code) if code else None, _optional(party, "region"))


def _money(record: Mapping[str, Any], *, signed: bool = False) -> Money:
    """Gross and net; the net premium of one that states its tax only follows from it."""
    gross, net, tax = (_fen(record, name, signed=signed) for name in ("gross", "net", "tax"))
    if net is None and gross is not None:
        net = gross - tax if tax is not None else (0 if gross == 0 else None)
    return Money(gross, net)


def _object(value: object, where: str, fields: frozenset[str]) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise Malformed(f"{where}: not an object")
    if not fields.issuperset(value):
        raise Malformed(f"{where}: unknown field {sorted(value.keys() - fields)[0]!r}")
    return value


def _part(record: Mapping[str, Any], name: str) -> Mapping[str, Any] | None:
    value = record.get(name)
    return None if value is None else _object(value, name, _PART[name])


def _list(record: Mapping[str, Any], name: str) -> list[Any]:
    value = record.get(name)
    if value is None:
        return []
    if not isinstance(value, list):
        raise Malformed(f"{name}: not a list")
    return value


def _objects(record: Mapping[str, Any], name: str) -> list[Mapping[str, Any]]:
    return [_object(entry, name, _PART[name]) for entry in _list(record, name)]


def _optional(record: Mapping[str, Any], name: str) -> str | None:
    value = record.get(name)
    if value is not None and not isinstance(value, str):
        raise Malformed(f"{name}: not a text")
    return value or None


def _text(record: Mapping[str, Any], name: str) -> str:
    value = _optional(record, name)
    if value is None:
        raise Malformed(f"{name}: missing")
    return value


def _one_of(record: Mapping[str, Any], name: str, values: Collection[str]) -> str:
    value = _text(record, name)
    if value not in values:
        raise Malformed(f"{name}: there is no {value}")
    return value


def _fen(record: Mapping[str, Any], name: str, *, signed: bool = False) -> int | None:
    text = _optional(record, name)
    if text is None:
        return None
    try:
        fen = Yuan.of(text).fen
    except ValueError as error:
        raise Malformed(f"{name}: {error}") from error
    if fen < 0 and not signed:
        raise Malformed(f"{name}: this amount has no sign")
    return fen


def _required_fen(record: Mapping[str, Any], name: str, *, signed: bool = False) -> int:
    fen = _fen(record, name, signed=signed)
    if fen is None:
        raise Malformed(f"{name}: missing")
    return fen


def _percent(text: str, name: str) -> Fraction:
    try:
        return Fraction(percent(text))
    except ValueError as error:
        raise Malformed(f"{name}: {error}") from error


def _day(record: Mapping[str, Any], name: str) -> date | None:
    text = _optional(record, name)
    if text is None:
        return None
    if not _DAY.fullmatch(text):
        raise Malformed(f"{name}: not a day, YYYY-MM-DD")
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise Malformed(f"{name}: {error}") from error


def _required_day(record: Mapping[str, Any], name: str) -> date:
    day = _day(record, name)
    if day is None:
        raise Malformed(f"{name}: missing")
    return day


def _moment(text: str) -> date:
    try:
        return shanghai_day(datetime.fromisoformat(text))
    except (ValueError, OverflowError) as error:
        raise Malformed(f"sent_at: {error}") from error
