"""The rate against the premium: which unit a rate is in, and whether premium, base and rate agree (DIALECTS 0.5)."""

from datetime import date
from functools import lru_cache

from adapters.amounts import Exact, Rate
from adapters.dates import whole_years
from adapters.facts import Facts
from schemas.money import Yuan

_UNITS = ("1", "%", "‰")
_SLIP = 10_000  # between 元 and 万元


def rate(facts: Facts) -> None:
    """Resolve the unit of the rate of a policy, check it against premium and limit, and write what follows.

    A unit that nothing states is the one of fraction, percent and per mille with which the rate gives the premium; if
    not exactly one does, `unit.ambiguous`. Size alone decides nothing.
    """
    rate_on(facts, "limits.aggregate", says_base=False)


def rate_on(facts: Facts, name: str, *, says_base: bool) -> None:
    """The same, on the base that stands in the field `name`. Where the source `says_base` itself, none is written."""
    values = facts.values
    stated = values.pop("rate_percent", None)
    if stated is None:
        return
    base, premium = values.get(name), values.get("premium.gross")
    comparable = _period_is_read(facts) and facts.was_read(name, "premium.gross")
    if stated.unit is None:
        if comparable and _resolve(facts, stated, base, premium) and base is not None and not says_base:
            _write_base(facts, base)
        return
    percent = stated.percent()
    values["rate_percent"] = percent
    if not comparable or base is None or premium is None:
        return
    factors = _factors(values["period.start"], values["period.end"])
    if _reconciles(premium, base, percent, factors):
        if not says_base:
            _write_base(facts, base)
    elif base.fen > 0 and premium.fen > 0 and percent.digits > 0:
        if any(_reconciles(premium, base, percent, ((n * a, d * b),)) for n, d in factors for a, b in _SLIPS):
            rule, reason, name = "unit.mismatch", "ten-thousand-fold", "premium.gross"
        else:
            rule, reason, name = "rate.mismatch", "rate-gives-another-premium", "rate_percent"
        facts.blame(rule, reason, name, premium=str(premium), base=str(base), expected=_expected(base, percent))


_SLIPS = ((_SLIP, 1), (1, _SLIP))


def _period_is_read(facts: Facts) -> bool:
    return isinstance(facts.values.get("period.start"), date) and isinstance(facts.values.get("period.end"), date)


def _resolve(facts: Facts, stated: Rate, base: Yuan | None, premium: Yuan | None) -> bool:
    """Whether exactly one unit gives the premium; the rate is written then."""
    survivors: list[Exact] = []
    if base is not None and premium is not None and base.fen > 0 and premium.fen > 0:
        factors = _factors(facts.values["period.start"], facts.values["period.end"])
        candidates = [Rate(stated.number, unit).percent() for unit in _UNITS]
        survivors = [percent for percent in candidates if _reconciles(premium, base, percent, factors)]
    if len(survivors) == 1:
        facts.values["rate_percent"] = survivors[0]
        return True
    reason = "no-unit-fits" if not survivors else "several-units-fit"
    facts.blame("unit.ambiguous", reason, "rate_percent", rate=str(stated.number))
    return False


@lru_cache(maxsize=8192)
def _factors(start: date, end: date) -> tuple[tuple[int, int], ...]:
    """1; the number of whole years, two or more; the days of 365 if the period is not whole years."""
    years = whole_years(start, end)
    if years is None:
        return (1, 1), ((end - start).days + 1, 365)
    return ((1, 1), (years, 1)) if years >= 2 else ((1, 1),)


def _reconciles(premium: Yuan, base: Yuan, percent: Exact, factors: tuple[tuple[int, int], ...]) -> bool:
    """|P - E| <= 0.5 % of E for some factor, E = base x percent x factor; in integers."""
    for numerator, denominator in factors:
        expected = base.fen * percent.digits * numerator
        divisor = 100 * 10**percent.scale * denominator
        if 200 * abs(premium.fen * divisor - expected) <= expected:
            return True
    return False


def _expected(base: Yuan, percent: Exact) -> str:
    return str(Yuan(base.fen * percent.digits // (100 * 10**percent.scale)))


def _write_base(facts: Facts, base: Yuan) -> None:
    facts.put("rate_base.kind", "aggregate_limit", "", of="limits.aggregate")
    facts.put("rate_base.amount", base, "", of="limits.aggregate")
