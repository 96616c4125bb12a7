"""The standard schema's own forms: each value is in its one form, or refused; a mending that is certain is offered.

Money is text in yuan with two places, a day `YYYY-MM-DD`, a percentage plain decimal text, a truth value a JSON one.
"""

import re
from typing import Any

from adapters import convert, dates, kinds
from adapters.amounts import Exact, Literal, Share
from adapters.mapping import Kind
from adapters.problems import Unreadable
from adapters.trees import plain
from schemas.money import Yuan

_MONEY = re.compile(r"-?(?:0|[1-9][0-9]{0,37})\.[0-9]{2}")
_PERCENT = re.compile(r"(?:0|[1-9][0-9]{0,19})(?:\.[0-9]{1,20})?")
_MESSAGE_ID = re.compile(r"[0-9A-Za-z._-]{1,64}")


def _no_value(raw: Any) -> bool:
    return isinstance(raw, str) and not isinstance(raw, Literal) and convert.stated(raw) is None


def amount(raw: Any) -> Yuan | None:
    """Money is text in yuan with two places; of another form of the same number that form is offered as the fix."""
    if type(raw) is str:
        if _MONEY.fullmatch(raw):
            return Yuan(int(raw.replace(".", "")))
        if _no_value(raw):
            return None
    raise Unreadable("money.format", "not-two-places", fix=_as_money(raw))


def _as_money(raw: Any) -> str | None:
    if not isinstance(raw, str) or not re.fullmatch(r"-?(?:0|[1-9][0-9]{0,17})(?:\.[0-9]{1,40})?", raw):
        return None
    whole, _, part = raw.partition(".")
    return f"{whole}.{part:0<2}"[: len(whole) + 3] if not part[2:].strip("0") else None


def iso(raw: Any) -> Any:
    """A day is `YYYY-MM-DD`; of another form that is one day for certain, this one is offered as the fix."""
    if type(raw) is not str:
        raise Unreadable("date.unreadable", "form")
    try:
        return dates.iso_day(raw)
    except Unreadable as error:
        if _no_value(raw):
            return None
        raise Unreadable(error.rule, error.reason, fix=_as_day(raw)) from error


def _as_day(raw: str) -> str | None:
    try:
        found = dates.day(raw)
    except Unreadable:
        return None
    return found.isoformat() if found else None


def sent(raw: Any) -> str | None:
    """A moment with its offset."""
    if type(raw) is not str:
        raise Unreadable("date.unreadable", "form")
    return None if _no_value(raw) else dates.rfc3339(raw)


def percentage(raw: Any) -> str | None:
    """A percentage is plain decimal text, as it stands."""
    if type(raw) is str:
        if _PERCENT.fullmatch(raw):
            return raw
        if _no_value(raw):
            return None
    fix = str(raw) if isinstance(raw, Literal) and _PERCENT.fullmatch(raw) else None
    raise Unreadable("number.unreadable", "not-plain-decimal", fix=fix)


def share(raw: Any) -> Share | None:
    """A co-insurance share in percent."""
    stated = percentage(raw)
    if stated is None:
        return None
    whole, _, part = stated.partition(".")
    return Share(Exact(int(whole + part), len(part)), False)


def one_of(*names: str) -> Kind:
    """An enumeration of the schema."""
    return kinds.code({name: name for name in names})


def yes_or_no(raw: Any) -> bool | None:
    """A truth value of JSON."""
    if raw is True or raw is False:
        return bool(raw)
    if _no_value(raw):
        return None
    raise Unreadable("value.unknown", "not-a-truth-value")


def message_id(raw: str) -> str | None:
    """1 to 64 of `[0-9A-Za-z._-]`."""
    if convert.stated(raw) is None:
        return None
    if not _MESSAGE_ID.fullmatch(raw):
        raise Unreadable("value.unknown", "message-id-form")
    return raw


def exactly(rule: str, reason: str, *names: str) -> Kind:
    """A field that says one of these texts to the letter, or the rule is broken."""

    def read(raw: Any) -> str | None:
        if type(raw) is str and raw in names:
            return raw
        if _no_value(raw):
            return None
        raise Unreadable(rule, reason, known=", ".join(names))

    return Kind("exactly", read, strict=True)


def passed_on(raw: Any) -> Any:
    """Any JSON value, unchecked: the gateway's own schema judges it. Null, empty lists and objects are dropped."""
    value = plain(raw)
    return None if value in ({}, []) else value


def any_code(raw: Any) -> str | None:
    """A text to the letter."""
    if type(raw) is not str:
        raise Unreadable("insurer.mismatch", "another-insurer")
    return None if _no_value(raw) else raw


MONEY = Kind("money", amount, "number", strict=True)
DAY = Kind("day", iso, "number", strict=True)
MOMENT = Kind("moment", sent, "number", strict=True)
PERCENT = Kind("percentage", percentage, "number", strict=True)
SHARE = Kind("share", share, "number", strict=True)
TRUTH = Kind("truth", yes_or_no, "truth", strict=True)
ANYTHING = Kind("anything", passed_on, "any", strict=True)
MESSAGE_ID = Kind("message id", message_id, "identifier")
INSURER = Kind("insurer", any_code, strict=True)
