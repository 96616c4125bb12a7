"""The policy's own numbers: rate times base gives the premium, net and tax give the gross."""

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from schemas.money import Yuan, percent
from schemas.policy import Limits, Period, Policy
from schemas.verification import Check, failed, passed, unknown

_TOLERANCE = Decimal("0.005")  # R-ZJ-14b: half a percent, relative
_LIMITS = {"aggregate_limit": "aggregate", "per_occurrence_limit": "per_occurrence"}


def check_arithmetic(policy: Policy) -> tuple[Check, ...]:
    """Both checks of the policy's own numbers."""
    return check_rate(policy), check_tax(policy)


def check_tax(policy: Policy) -> Check:
    """Net and tax are the gross premium, to the fen; not stated is not known."""
    rule = "premium.net-plus-tax"
    premium = policy.premium
    if premium.net is None or premium.tax is None:
        return unknown(rule, "not-stated", field="premium.net" if premium.net is None else "premium.tax")
    if premium.net + premium.tax != premium.gross:
        return failed(
            rule,
            "differs",
            field="premium.gross",
            net=str(premium.net),
            tax=str(premium.tax),
            gross=str(premium.gross),
        )
    return passed(rule, net=str(premium.net), tax=str(premium.tax), gross=str(premium.gross))


def check_rate(policy: Policy) -> Check:
    """R-ZJ-14b: base times rate is the premium, within half a percent, for a year, the years or the days insured.

    A factor of ten thousand between them is a slip of 元 and 万元 (F-10) and fails; another difference is for review,
    as discounts and short-period scales exist: indeterminate. Without rate or base nothing is known, and a base that is
    not the limit that it names proves nothing: indeterminate.
    """
    rule = "premium.rate-times-base"
    limits = policy.limits or Limits()
    base = policy.rate_base.amount if policy.rate_base else limits.aggregate
    if policy.rate_percent is None or base is None:
        return unknown(rule, "not-stated", field="rate_percent" if policy.rate_percent is None else "rate_base.amount")
    rate = percent(policy.rate_percent)
    stated = policy.premium.gross
    facts: dict[str, Any] = {"base": str(base), "rate_percent": policy.rate_percent, "gross": str(stated)}
    if policy.rate_base and policy.rate_base.kind in _LIMITS:
        limit = getattr(limits, _LIMITS[policy.rate_base.kind])
        if limit is None:
            return unknown(rule, "not-stated", field=f"limits.{_LIMITS[policy.rate_base.kind]}", **facts)
        if limit != base:
            return unknown(rule, "base-is-another", field="rate_base.amount", **facts, limit=str(limit))
    for factor in year_factors(policy.period):
        computed = Decimal(base.fen) * rate / 100 * factor
        if _close(stated, computed):
            return passed(rule, **facts, years=f"{factor:.4f}".rstrip("0").rstrip("."))
        if _close(stated, computed * 10_000) or _close(stated, computed / 10_000):
            return failed(rule, "unit-slip", field="premium.gross", **facts, computed=_yuan(computed))
    computed = Decimal(base.fen) * rate / 100
    return unknown(rule, "differs", field="rate_percent", **facts, computed=_yuan(computed))


def year_factors(period: Period) -> tuple[Decimal, ...]:
    """How many yearly premiums a period may stand for: 1, its whole years, or its days over 365."""
    years = whole_years(period)
    if years is None:
        return Decimal(1), Decimal((period.end - period.start).days + 1) / 365
    return (Decimal(1), Decimal(years)) if years > 1 else (Decimal(1),)


def whole_years(period: Period) -> int | None:
    """n if the period is exactly n years, else `None`. 29 February counts as 1 March in a common year."""
    if period.end == date.max:
        return None  # the day after it is in no calendar, so nothing is exact
    after = period.end + timedelta(days=1)
    years = after.year - period.start.year
    return years if years >= 1 and _anniversary(period.start, years) == after else None


def _anniversary(day: date, years: int) -> date:
    try:
        return day.replace(year=day.year + years)
    except ValueError:
        return date(day.year + years, 3, 1)


def _close(stated: Yuan, computed: Decimal) -> bool:
    return computed > 0 and abs(stated.fen - computed) <= computed * _TOLERANCE


def _yuan(fen: Decimal) -> str:
    return str(Yuan(int(fen)))
