"""DIA-ACORD-AL3: groups of fixed width, ASCII, implied decimals, the sign behind the digits."""

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Any

from sandbox.dialects.common import code_of, money_of, refuse, shifted
from sandbox.records import Record

_LENGTHS = {"1MHG": 172, "2TRG": 212, "5BIS": 150, "5BPI": 150, "5CVG": 120, "3MTG": 16}
_LINES = {
    "product_liability": "PRDCO",
    "drug_liability": "DRUGL",
    "device_liability": "MEDDV",
    "clinical_trial_liability": "CLTRL",
}
_KINDS = {"increase": "I", "decrease": "D", "amend": "A", "reinstate": "R"}


def groups(records: Sequence[Record]) -> bytes:
    """The groups. Raises ValueError for what is not ASCII, does not fit its columns, or has no transaction."""
    whole = _group("1MHG", {}) + "".join(_transaction(one) + "\n" for one in records)
    return (whole + _group("3MTG", {9: f"{len(records):06d}"})).encode("ascii")


def _transaction(one: Record) -> str:
    body = one.body
    if one.type == "policy":
        return _policy(body)
    if one.type == "endorsement":
        code = {168: "END", 192: _KINDS[body["kind"]], 197: _day(body.get("issued_on"))}
    elif one.type == "cancellation":
        code = {168: "CAN", 191: "F" if body["kind"] == "from_inception" else "P"}
    else:
        raise refuse("a group of AL3", one)
    change = money_of(one)
    columns = {31: _text(one.policy_no, 25), 105: "CNY"}
    columns |= {81: _amount(change["gross"]), 93: _amount(change["tax"])} if change else {}
    head = {171: _text(body["endorsement_no"], 20), 205: _day(body["effective_on"]), **code}
    return _group("2TRG", head) + _group("5BPI", columns)


def _policy(body: dict[str, Any]) -> str:
    limits, holder = body["limits"], body["policyholder"]
    expiry = date.fromisoformat(body["period"]["end"]) + timedelta(days=1)
    premium = {
        31: _text(body["policy_no"], 25),
        61: _day(body["period"]["start"]),
        69: f"{expiry:%Y%m%d}",
        81: _amount(body["premium"]["gross"]),
        93: _amount(body["premium"]["tax"]),
        105: body["premium"]["currency"],
    }
    cover = {31: code_of(body["line"], _LINES), 46: _digits(limits["aggregate"].removesuffix(".00"), 11)}
    if "rate_percent" in body:
        cover[79] = _digits(shifted(body["rate_percent"], 4), 6)
    return (
        _group("2TRG", {25: "CGL", 168: "NBS", 197: _day(body.get("issued_on"))})
        + _group("5BIS", {31: _text(holder["name"], 60), 91: holder.get("credit_code", "")})
        + _group("5BPI", premium)
        + _group("5CVG", cover)
    )


def _group(tag: str, columns: Mapping[int, str]) -> str:
    """A group with these texts at these columns, counted from 1."""
    text = list(f"{tag}{_LENGTHS[tag]:03d}".ljust(_LENGTHS[tag]))
    for first, value in columns.items():
        text[first - 1 : first - 1 + len(value)] = value
    return "".join(text)


def _amount(amount: str) -> str:
    sign = "-" if amount.startswith("-") else "+"
    return _digits(shifted(amount.removeprefix("-"), 2), 11) + sign


def _digits(number: str, width: int) -> str:
    if not number.isdecimal() or len(number) > width:
        raise ValueError(f"{number} does not fit {width} columns")
    return number.zfill(width)


def _text(text: str, width: int) -> str:
    if not text.isascii() or len(text) > width:
        raise ValueError(f"{text} does not fit {width} columns of ASCII")
    return text


def _day(iso: str | None) -> str:
    return (iso or "").replace("-", "")
