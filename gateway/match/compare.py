"""One field of an application against what is verified: it agrees, differs, or is unknown. Pure."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, Literal, NamedTuple

from adapters.amounts import FEN, Exact, measure
from gateway.match.fields import YUAN
from gateway.match.regions import codes_of, region_name
from gateway.match.values import Quantity, Said, Statement
from gateway.schemes.classes import read_class
from schemas.money import Yuan
from schemas.party import folded

Answer = Literal["agrees", "agrees-at-precision", "differs", "unknown"]

_PLACES = {unit: len(str(fen)) - 1 for unit, fen in FEN.items()}
_UNVERIFIED = {"held": "premium-held", "refused": "premium-refused", "withdrawn": "premium-withdrawn"}
_APART = re.compile(r"[\s、,;/:+()*×x-]+")


@dataclass(frozen=True, slots=True)
class Known:
    """One premium as it is known: its latest revision, the facts of it that an application can state, and the folded
    names that it is found by."""

    position: int
    insurer: str
    policy_no: str
    revision: int
    status: str
    known_at: str
    facts: Mapping[str, Any]
    enterprise: str | None = None
    product: str | None = None

    def text(self, name: str) -> str | None:
        """A fact that is text, or `None`."""
        value = self.facts.get(name)
        return value if isinstance(value, str) else None

    def money(self, name: str) -> str | None:
        """An amount of the account in yuan, or `None`."""
        account = self.facts.get("money")
        value = account.get(name) if isinstance(account, dict) else None
        return value if isinstance(value, str) else None

    @property
    def is_paid_in_full(self) -> bool:
        """Whether the account says so."""
        account = self.facts.get("money")
        return isinstance(account, dict) and account.get("paid_in_full") is True


class Found(NamedTuple):
    """What the comparison of one field gives. `verified` is written in the unit of what is stated."""

    answer: Answer
    verified: str | None = None
    unit: str | None = None
    reason: str | None = None


_NOT_HELD = Found("unknown", reason="not-held")


@dataclass(frozen=True, slots=True)
class Context:
    """What a comparison needs besides: the scheme that is applied for, and the words by which insurers are named."""

    scheme: str
    insurers: Mapping[str, str]


def compare(said: Said, known: Known, context: Context) -> Found:
    """How the field agrees with the premium. A premium that is not verified agrees with nothing: it can only differ."""
    name = said.field.name
    if said.problem is not None:
        return Found("unknown", reason="unreadable")
    if said.value is None:
        return Found("unknown", known.text(name), reason="not-stated")
    if name == "applied":
        found = _applied(said, known, context.scheme)
    elif name == "insurer":
        found = _insurer(said, known, context.insurers)
    else:
        found = _COMPARE[name](said, known)
    if known.status != "verified" and found.answer in ("agrees", "agrees-at-precision"):
        return found._replace(answer="unknown", reason=_UNVERIFIED[known.status])
    return found


def compare_numbers(stated: Quantity, verified: Exact) -> Found:
    """Exactly; or, where the stated number has fewer places than the verified one, at its own precision, half up.

    `verified` is in the unit of `stated`. An amount in 元 is always exact: only 万元 and larger units, and percentages,
    are printed with fewer places than they have.
    """
    number, least = stated.number, _least(verified)
    shown = str(least)
    if number.digits * 10**least.scale == least.digits * 10**number.scale:
        return Found("agrees", shown, stated.unit)
    coarse = stated.unit == "%" or FEN.get(stated.unit, 0) > FEN[YUAN]
    if coarse and number.scale < least.scale:
        step = 10 ** (least.scale - number.scale)
        if number.digits == (2 * least.digits + step) // (2 * step):
            return Found("agrees-at-precision", shown, stated.unit, "rounded")
    return Found("differs", shown, stated.unit)


def _least(number: Exact) -> Exact:
    digits, scale = number
    while scale and digits % 10 == 0:
        digits, scale = digits // 10, scale - 1
    return Exact(digits, scale)


def in_unit(fen: int, unit: str) -> Exact:
    """An amount of fen as a number of the unit, exactly."""
    return Exact(fen, _PLACES[unit])


def _text(said: Said, known: Known) -> Found:
    value = known.text(said.field.name)
    if value is None:
        return _NOT_HELD
    return Found("agrees" if said.value == value else "differs", value)


def _name(said: Said, known: Known) -> Found:
    value = known.text(said.field.name)
    if value is None:
        return _NOT_HELD
    if said.value == value or (stated := folded(str(said.value))) == folded(value):
        return Found("agrees", value)
    # What forms put behind a name in brackets: the trade name of a product, the code of a holder.
    behind = {"product": "trade_name", "holder": "holder_code"}.get(said.field.name)
    more = known.text(behind) if behind else None
    if more is not None and stated in {folded(value + more), folded(f"{value}({more})")}:
        return Found("agrees", f"{value}({more})")
    return Found("differs", value)


def _insurer(said: Said, known: Known, insurers: Mapping[str, str]) -> Found:
    named = insurers.get(folded(str(said.value)))
    if named is None:
        return Found("unknown", known.insurer, reason="not-comparable")
    return Found("agrees" if named == known.insurer else "differs", known.insurer)


def _day(said: Said, known: Known) -> Found:
    value = known.text(said.field.name)
    if value is None or not isinstance(said.value, date):
        return _NOT_HELD
    return Found("agrees" if said.value.isoformat() == value else "differs", value)


def _period(said: Said, known: Known) -> Found:
    start, end = known.text("start"), known.text("end")
    if start is None or not isinstance(said.value, tuple):
        return _NOT_HELD
    stated = tuple(map(str, said.value))
    return Found("agrees" if stated == (start, end) else "differs", f"{start}至{end}")


def _region(said: Said, known: Known) -> Found:
    code = known.text("region")
    if code is None:
        return _NOT_HELD
    shown = f"{region_name(code) or ''}{code}"
    stated = codes_of(str(said.value))
    if code in stated:
        return Found("agrees", shown)
    return Found("differs", shown) if stated else Found("unknown", shown, reason="not-comparable")


def _class(said: Said, known: Known) -> Found:
    value = known.text("registration_class")
    if value is None:
        return _NOT_HELD
    same = said.value == value or folded(str(said.value)) == folded(value)
    if not same:
        one, other = read_class(str(said.value)), read_class(value)
        if one.codes is not None and other.codes is not None:
            same = one.group == other.group and set(one.codes) == set(other.codes)
    return Found("agrees" if same else "differs", value)


def _parts(said: Said, known: Known) -> Found:
    """剂型、规格: both parts, whatever stands between them."""
    held = [part for part in (known.text("dosage_form"), known.text("specification")) if part is not None]
    if len(held) < 2:  # both of them
        return Found("unknown", "、".join(held) or None, reason="not-held")
    shown = "、".join(held)
    same = said.value == shown or _run_on(str(said.value)) == _run_on(shown)
    return Found("agrees" if same else "differs", shown)


def _run_on(text: str) -> str:
    return _APART.sub("", folded(text))


def _rate(said: Said, known: Known) -> Found:
    value = known.text("rate")
    if value is None or not isinstance(said.value, Quantity):
        return _NOT_HELD
    read = measure(value)
    return _NOT_HELD if read is None else compare_numbers(said.value, read.number)


def _money(said: Said, known: Known) -> Found:
    """保费金额 is what is due now, 已缴保费金额 what is paid and not given back (R-ZJ-13)."""
    is_premium = said.field.name == "premium"
    value = known.money("due" if is_premium else "net_paid")
    if value is None or not isinstance(said.value, Quantity):
        return _NOT_HELD
    found = compare_numbers(said.value, in_unit(Yuan.of(value).fen, said.value.unit))
    before = known.text("gross") if is_premium else known.money("received")
    if found.answer == "differs" and before is not None and before != value:
        earlier = compare_numbers(said.value, in_unit(Yuan.of(before).fen, said.value.unit))
        if earlier.answer != "differs":
            return found._replace(reason="before-endorsements" if is_premium else "before-refunds")
    return found


def _applied(said: Said, known: Known, scheme: str) -> Found:
    """申请保费补偿金额: at most what the scheme computes (R-ZJ-14 to 16). An open question there stays open here."""
    schemes = known.facts.get("schemes")
    listed = schemes if isinstance(schemes, list) else []
    computed = next((one for one in listed if one.get("scheme") == scheme), None)
    if computed is None or not isinstance(said.value, Quantity):
        return _NOT_HELD
    worth, (number, unit) = Yuan.of(computed["subsidy"]).fen, said.value
    found = compare_numbers(said.value, in_unit(worth, unit))
    if found.answer == "differs" and 0 <= number.digits * FEN[unit] <= worth * 10**number.scale:
        found = found._replace(answer="agrees", reason="less-than-computed")
    if computed.get("outcome") == "indeterminate" and found.answer != "differs":
        return found._replace(answer="unknown", reason="scheme-indeterminate")
    return found


def _sales(said: Said, _: Known) -> Found:
    """No insurer states sales: only what contradicts itself can be told."""
    if isinstance(said.value, tuple) and isinstance(said.value[0], Exact) and isinstance(said.value[1], Exact):
        country, province = said.value
        scale = max(country.scale, province.scale)
        if province.digits * 10 ** (scale - province.scale) > country.digits * 10 ** (scale - country.scale):
            return Found("unknown", reason="province-above-country")
    return _NOT_HELD


def _statement(said: Said, known: Known) -> Found:
    """我司已收到保费金额…元，保费已全部缴清 (R-ZJ-25): the amount is what is paid net, and it is all that is due."""
    paid = known.money("net_paid")
    if paid is None or not isinstance(said.value, Statement) or said.value.amount is None:
        return _NOT_HELD
    amount = said.value.amount
    found = compare_numbers(amount, in_unit(Yuan.of(paid).fen, amount.unit))
    if found.answer != "differs" and said.value.in_full is not True:
        return found._replace(answer="unknown", reason="in-full-not-stated")
    if found.answer != "differs" and not known.is_paid_in_full:
        return found._replace(answer="differs", reason="not-paid-in-full")
    return found


_COMPARE: Mapping[str, Callable[[Said, Known], Found]] = {
    "enterprise": _name,
    "credit_code": _text,
    "region": _region,
    "product": _name,
    "sales": _sales,
    "registration_class": _class,
    "holder": _name,
    "manufacturer": _name,
    "form_and_specification": _parts,
    "approval_no": _text,
    "approval_date": _day,
    "policy_no": _text,
    "rate": _rate,
    "premium": _money,
    "period": _period,
    "paid": _money,
    "statement": _statement,
}
