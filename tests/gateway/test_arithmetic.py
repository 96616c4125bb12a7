"""The policy's own numbers, computed a second time by other means."""

from datetime import date, timedelta
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st
from one_policy import policy

from gateway.submissions.arithmetic import check_rate, check_tax, whole_years
from schemas.money import Yuan
from schemas.policy import Period
from schemas.verification import Outcome

FEN = st.integers(1, 10**12)


def told(base: int, rate: str, gross: int, start: date, end: date, kind: str = "aggregate_limit") -> Outcome:
    """The verdict on a policy of these fen."""
    changes = {
        "limits": {"aggregate": str(Yuan(base)), "per_occurrence": str(Yuan(base))},
        "rate_base": {"kind": kind, "amount": str(Yuan(base))},
        "rate_percent": rate,
        "premium.gross": str(Yuan(gross)),
        "period": {"start": start.isoformat(), "end": end.isoformat()},
    }
    return check_rate(policy(changes)).outcome


@given(
    base=FEN,
    permyriad=st.integers(1, 1000),
    off=st.integers(-60, 60),
    years=st.integers(1, 5),
    annual=st.booleans(),
)
def test_within_half_a_percent_of_the_yearly_premium_or_of_all_years(
    base: int, permyriad: int, off: int, years: int, annual: bool
) -> None:
    """An independent computation in fractions: |gross - B p f| <= 0.5 % of B p f for f = 1 or f = years."""
    yearly = Fraction(base) * permyriad / 10_000
    gross = int(yearly * (1 if annual else years) * (10_000 + off) / 10_000)
    start = date(2026, 3, 1)
    outcome = told(base, str(permyriad / 100), gross, start, date(2026 + years, 2, 28 if years != 2 else 29))
    expected = any(abs(gross - yearly * factor) <= yearly * factor / 200 for factor in (1, years))
    assert (outcome is Outcome.PASSED) == expected
    assert outcome in (Outcome.PASSED, Outcome.INDETERMINATE)


@given(base=st.integers(10**6, 10**12), permyriad=st.integers(1, 1000), up=st.booleans(), off=st.integers(-49, 49))
def test_a_factor_of_ten_thousand_fails_either_way(base: int, permyriad: int, up: bool, off: int) -> None:
    yearly = Fraction(base) * permyriad / 10_000 * (10_000 + off) / 10_000
    gross = round(yearly * 10_000 if up else yearly / 10_000)
    slip = Fraction(base) * permyriad / 10_000 * (Fraction(10_000) if up else Fraction(1, 10_000))
    if gross and abs(gross - slip) <= slip / 200:
        assert told(base, str(permyriad / 100), gross, date(2026, 3, 1), date(2027, 2, 28)) is Outcome.FAILED


@given(days=st.integers(1, 364), base=st.integers(10**8, 10**11))
def test_a_short_period_may_pay_by_the_day_or_the_year(days: int, base: int) -> None:
    start = date(2026, 3, 1)
    end = start + timedelta(days=days - 1)
    assert told(base, "2", round(Fraction(base) * 2 / 100 * days / 365), start, end) is Outcome.PASSED
    assert told(base, "2", round(Fraction(base) * 2 / 100), start, end) is Outcome.PASSED


@pytest.mark.parametrize(
    ("start", "end", "years"),
    [
        ("2026-03-01", "2027-02-28", 1),
        ("2027-03-01", "2028-02-29", 1),
        ("2028-02-29", "2029-02-28", 1),  # 29 February counts as 1 March in a common year
        ("2028-02-29", "2032-02-28", 4),
        ("2028-02-29", "2029-02-27", None),
        ("2026-01-01", "2026-12-31", 1),
        ("2026-01-01", "2027-01-01", None),
        ("2026-01-01", "2026-01-01", None),
        ("2026-01-01", "2035-12-31", 10),
        ("0001-01-01", "9999-12-30", None),
        ("0001-01-01", "9999-12-31", None),
        ("9999-12-31", "9999-12-31", None),
    ],
)
def test_whole_years_are_counted_to_the_day(start: str, end: str, years: int | None) -> None:
    period = Period.model_validate({"start": start, "end": end})
    assert whole_years(period) == years


@given(start=st.dates(), end=st.dates())
def test_any_period_of_the_calendar_is_counted(start: date, end: date) -> None:
    if start > end:
        start, end = end, start
    outcome = told(10**9, "2", 2 * 10**7, start, end)
    assert outcome is not Outcome.FAILED
    years = whole_years(Period(start=start, end=end))
    if years is not None:
        assert abs((end - start).days + 1 - years * 365.2425) < 3


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"rate_base.amount": "50000000.00"}, "base-is-another"),
        ({"rate_base": {"kind": "per_occurrence_limit", "amount": "40000000.00"}}, "not-stated"),
        ({"rate_base": {"kind": "aggregate_limit", "amount": "40000000.00"}, "limits": None}, "not-stated"),
        ({"rate_base": None, "limits": None}, "not-stated"),
        ({"rate_base": None, "limits": {"per_occurrence": "40000000.00"}}, "not-stated"),
        ({"rate_percent": None}, "not-stated"),
        ({"rate_percent": "0"}, "differs"),
        ({"premium.gross": "0.00"}, "differs"),
        ({"rate_base": {"kind": "turnover", "amount": "0.00"}}, "differs"),
    ],
)
def test_without_a_base_and_a_rate_nothing_is_known(changes: dict[str, object], reason: str) -> None:
    check = check_rate(policy(changes))
    assert (check.outcome, check.reason) == (Outcome.INDETERMINATE, reason)


@pytest.mark.parametrize("kind", ["turnover", "declared"])
def test_a_base_that_names_no_limit_is_taken_as_stated(kind: str) -> None:
    base = {"kind": kind, "amount": "100000000.00"}
    assert check_rate(policy({"rate_base": base, "rate_percent": "0.8"})).outcome is Outcome.PASSED


def test_without_a_rate_base_the_aggregate_limit_is_it() -> None:
    assert check_rate(policy({"rate_base": None})).outcome is Outcome.PASSED


@given(net=st.integers(0, 10**14), tax=st.integers(0, 10**14), off=st.integers(-2, 2))
def test_net_and_tax_are_the_gross_premium_to_the_fen(net: int, tax: int, off: int) -> None:
    gross = max(net + tax + off, 0)
    check = check_tax(
        policy({"premium.net": str(Yuan(net)), "premium.tax": str(Yuan(tax)), "premium.gross": str(Yuan(gross))})
    )
    assert check.outcome is (Outcome.PASSED if gross == net + tax else Outcome.FAILED)


@pytest.mark.parametrize("missing", ["premium.net", "premium.tax"])
def test_what_is_not_stated_is_not_known(missing: str) -> None:
    check = check_tax(policy({missing: None}))
    assert (check.outcome, check.field) == (Outcome.INDETERMINATE, missing)
