"""Every pattern of fraud has an answer, and every answer that is named is there and has its test."""

from datetime import timedelta
from typing import Any

import pytest
from one_policy import AT, honest, policy, receipt, record, state, tell, verdict

from gateway.catalogue import load_catalogue
from gateway.frauds import Fraud, load_frauds
from gateway.schemes import load_schemes, load_texts
from gateway.submissions import frauds
from gateway.submissions.known import PolicyState
from gateway.submissions.products import Claim, claim_of, told_before
from schemas.verification import Outcome, Severity

FRAUDS = {fraud.id: fraud for fraud in load_frauds()}


def test_all_thirty_two_are_answered() -> None:
    assert list(FRAUDS) == [f"F-{number:02d}" for number in range(1, 33)]


@pytest.mark.parametrize("fraud", FRAUDS.values(), ids=FRAUDS)
def test_what_stands_against_it_is_there(fraud: Fraud) -> None:
    assert set(fraud.rules) <= load_catalogue().rules.keys()
    assert set(fraud.schemes) <= load_texts().keys()
    asked = {rule for scheme in load_schemes() for rule in scheme.rules}
    assert set(fraud.schemes) <= asked


def spoilt(kind: str, changes: dict[str, Any], *more: tuple[str, dict[str, Any]]) -> PolicyState:
    """The honest policy and these records."""
    known = honest()
    for one, said in ((kind, changes), *more):
        tell(known, one, record(one, said), at=AT + timedelta(days=900))
    return known


def backdated() -> PolicyState:
    known = state()
    tell(known, "policy", policy({"issued_on": "2026-07-28"}))
    tell(known, "premium_receipt", receipt())
    return known


def slipped() -> PolicyState:
    known = state()
    tell(known, "policy", policy())
    tell(known, "premium_receipt", receipt({"amount": "80.00"}))
    return known


CASES = {
    "F-04": (spoilt("premium_refund", {}), "premium.paid-in-full", Outcome.FAILED),
    "F-05": (
        spoilt(
            "cancellation",
            {"effective_on": "2026-08-01", "return_premium.gross": "240000.00"},
            ("premium_refund", {"amount": "240000.00", "paid_on": "2026-08-02"}),
        ),
        "premium.not-returned-early",
        Outcome.INDETERMINATE,
    ),
    "F-10": (slipped(), "premium.same-unit", Outcome.FAILED),
    "F-18": (backdated(), "policy.not-backdated", Outcome.INDETERMINATE),
    "F-32": (
        spoilt("premium_refund", {"amount": "1.00", "paid_on": "2028-02-01"}),
        "premium.not-changed-late",
        Outcome.INDETERMINATE,
    ),
}


@pytest.mark.parametrize("fraud", CASES)
def test_it_is_found(fraud: str) -> None:
    known, rule, outcome = CASES[fraud]
    assert rule in FRAUDS[fraud].rules
    premium = verdict(known, at=AT + timedelta(days=900))
    found = {(check.rule, check.outcome) for check in premium.report.checks if check.severity is Severity.ERROR}
    assert (rule, outcome) in found


def test_less_than_a_third_or_later_than_ninety_days_is_not_early() -> None:
    for changes in (
        {"amount": "239999.99", "paid_on": "2026-10-22"},
        {"amount": "800000.00", "paid_on": "2026-10-23"},
    ):
        premium = verdict(spoilt("premium_refund", changes), at=AT + timedelta(days=90))
        (check,) = (one for one in premium.report.checks if one.rule == "premium.not-returned-early")
        assert check.outcome is Outcome.PASSED, changes


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"product.approval_date": "2024-06-19"}, "another-day"),
        ({"product.registration_class": "化学药品4类"}, "another-class"),
        ({"product.registration_class": "化药第1类"}, None),
        ({"product.approval_no": "国药准字S20240002", "product.approval_date": "2024-06-19"}, None),
    ],
)
def test_a_product_is_told_alike_and_nothing_of_the_other_is_shown(changes: dict[str, Any], reason: str | None) -> None:
    told = {"product.approval_date": "2024-06-18", "product.registration_class": "化学药品1类"}
    first = claim_of(policy(told))
    second = policy(told | changes)
    own = claim_of(second)
    assert first is not None
    assert own is not None
    known = honest()
    known.records.clear()
    tell(known, "policy", second)
    known.claims = told_before([first] if first.approval_no == own.approval_no else [], own)
    (check,) = (one for one in verdict(known).report.checks if one.rule == "product.told-alike")
    assert check.reason == reason
    assert set(check.facts) == {"approval_no"}


def test_who_told_it_first_is_not_held_by_who_told_it_otherwise() -> None:
    one, other = Claim("A", "2024-01-01", "1"), Claim("A", "2024-01-02", "1")
    assert told_before([one, other], one) == ()
    assert told_before([one, other], other) == (one,)
    assert told_before([one], other) == (one,)


def test_the_published_parameters_are_those_that_the_rules_go_by() -> None:
    rules = load_catalogue().rules
    assert rules["premium.not-returned-early"].parameters == {
        "days": str(frauds.EARLY_DAYS),
        "share_percent": str(int(frauds.EARLY_SHARE * 100)),
    }
    assert rules["premium.not-changed-late"].parameters == {"days_after_expiry": str(frauds.WATCH_DAYS)}
    assert rules["premium.same-unit"].parameters == {"factor": str(frauds.SLIP)}
