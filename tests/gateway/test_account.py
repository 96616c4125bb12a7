"""The premium's account: sums are exact, the order means nothing, and only equality is paid in full."""

from collections.abc import Sequence
from datetime import date
from itertools import permutations
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from one_policy import ANOTHER, HOLDER, INSURER, policy, receipt, record

from gateway.submissions.account import (
    Movements,
    account,
    check_account,
    check_not_cancelled,
    check_not_in_future,
    check_paid_in_full,
    check_payer,
)
from gateway.submissions.known import party_of
from schemas.money import Yuan
from schemas.party import Party
from schemas.verification import Check, Outcome

GROSS = 80_000_000
amounts = st.integers(0, 2 * GROSS)
TODAY = date(2026, 9, 1)


def moved(
    received: Sequence[int], refunded: Sequence[int] = (), changed: Sequence[int] = (), returned: Sequence[int] = ()
) -> Movements:
    """Movements of these fen, each under a number of its own."""
    return Movements(
        receipts=tuple(
            receipt({"receipt_no": f"SK{n:04}", "amount": str(Yuan(fen))}) for n, fen in enumerate(received)
        ),
        refunds=tuple(
            record("premium_refund", {"refund_no": f"TF{n:04}", "amount": str(Yuan(fen))})
            for n, fen in enumerate(refunded)
        ),
        endorsements=tuple(
            record("endorsement", {"endorsement_no": f"E{n:010}", "premium_change": {"gross": str(Yuan(fen))}})
            for n, fen in enumerate(changed)
        ),
        cancellations=tuple(
            record("cancellation", {"endorsement_no": f"C{n:010}", "return_premium": {"gross": str(Yuan(fen))}})
            for n, fen in enumerate(returned)
        ),
    )


@given(
    received=st.lists(amounts, max_size=5),
    refunded=st.lists(amounts, max_size=3),
    changed=st.lists(st.integers(-GROSS, GROSS), max_size=3),
    returned=st.lists(amounts, max_size=2),
    exact=st.booleans(),
)
def test_the_balance_is_the_sum_of_the_movements(
    received: list[int], refunded: list[int], changed: list[int], returned: list[int], exact: bool
) -> None:
    due = GROSS + sum(changed) - sum(returned)
    if exact and due + sum(refunded) - sum(received) >= 0:
        received = [*received, due + sum(refunded) - sum(received)]
    movements = moved(received, refunded, changed, returned)
    money = account(policy(), movements)
    assert money.due.fen == due
    assert money.received.fen == sum(received)
    assert money.refunded.fen == sum(refunded)
    assert money.net_paid.fen == sum(received) - sum(refunded)
    assert money.paid_in_full == (money.net_paid == money.due and due > 0)
    check = check_paid_in_full(money, movements)
    assert (check.outcome is Outcome.PASSED) == money.paid_in_full
    if not money.paid_in_full:
        reason, outcome = expected_reason(received, due, money.net_paid.fen)
        assert (check.reason, check.outcome) == (reason, outcome)


def expected_reason(received: list[int], due: int, net: int) -> tuple[str, Outcome]:
    if not received:
        return "no-receipt-yet", Outcome.INDETERMINATE
    if due <= 0:
        return "nothing-due", Outcome.FAILED
    if net > due:
        return "more-than-due", Outcome.INDETERMINATE
    return ("refunded" if sum(received) >= due else "short"), Outcome.FAILED


def test_the_day_of_full_payment_is_that_of_the_last_receipt() -> None:
    days = ("2026-07-20", "2026-08-03", "2026-07-31")
    parts = [
        receipt({"receipt_no": f"SK{n:04}", "amount": amount, "received_on": day})
        for n, (day, amount) in enumerate(zip(days, ("300000.00", "300000.00", "200000.00"), strict=True))
    ]
    for order in permutations(parts):
        money = account(policy(), Movements(receipts=tuple(order)))
        assert (money.paid_in_full, money.paid_in_full_on) == (True, date(2026, 8, 3))
    assert account(policy(), Movements(receipts=tuple(parts[:2]))).paid_in_full_on is None


@pytest.mark.parametrize(
    ("kind", "changes", "is_open"),
    [
        ("endorsement", {"kind": "increase", "premium_change": None}, True),
        ("endorsement", {"kind": "decrease", "premium_change": {"net": "-1.00"}}, True),
        ("endorsement", {"kind": "amend", "premium_change": None}, False),
        ("endorsement", {"kind": "reinstate", "premium_change": None}, False),
        ("cancellation", {"return_premium": None}, True),
        ("cancellation", {"return_premium": {"net": "1.00"}}, True),
        ("cancellation", {"return_premium": {"gross": "0.00"}}, False),
    ],
)
def test_a_change_that_does_not_say_its_amount_leaves_open_what_is_due(
    kind: str, changes: dict[str, Any], is_open: bool
) -> None:
    change = record(kind, changes)
    parts = {"endorsements": (change,)} if kind == "endorsement" else {"cancellations": (change,)}
    movements = Movements(receipts=(receipt(),), **parts)
    check = check_paid_in_full(account(policy(), movements), movements)
    assert (check.outcome, check.reason) == (
        (Outcome.INDETERMINATE, "change-not-stated") if is_open else (Outcome.PASSED, None)
    )


def cancelled(*days: str | None) -> tuple[Any, ...]:
    return tuple(
        record(
            "cancellation",
            {"endorsement_no": f"C{n:010}", "kind": "from_inception", "effective_on": day},
        )
        for n, day in enumerate(days)
    )


def reinstated(*days: str | None) -> tuple[Any, ...]:
    return tuple(
        record(
            "endorsement",
            {
                "endorsement_no": f"R{n:010}",
                "kind": "reinstate",
                "issued_on": None,
                "effective_on": day,
                "premium_change": None,
            },
        )
        for n, day in enumerate(days)
    )


@pytest.mark.parametrize(
    ("cancellations", "endorsements", "outcome"),
    [
        ((), (), Outcome.PASSED),
        (cancelled("2026-07-27"), (), Outcome.FAILED),
        (cancelled("2026-07-27"), reinstated("2026-08-01"), Outcome.PASSED),
        (cancelled("2026-07-27"), reinstated("2026-07-27"), Outcome.PASSED),
        (cancelled("2026-07-27"), reinstated("2026-07-26"), Outcome.FAILED),
        (cancelled("2026-07-27"), reinstated(None), Outcome.INDETERMINATE),
        (cancelled(None), reinstated("2026-08-01"), Outcome.PASSED),
        (cancelled("2026-07-27", "2026-07-27"), reinstated("2026-08-01"), Outcome.FAILED),
        (cancelled("2026-07-27", "2026-07-27"), reinstated("2026-08-01", "2026-08-20"), Outcome.PASSED),
        (cancelled("2026-07-27", "2026-07-27"), reinstated("2026-08-01", None), Outcome.INDETERMINATE),
        (cancelled("2026-07-27"), (record("endorsement"),), Outcome.FAILED),
    ],
)
def test_cancelled_from_inception_was_never_in_force_unless_reinstated_since(
    cancellations: tuple[Any, ...], endorsements: tuple[Any, ...], outcome: Outcome
) -> None:
    assert check_not_cancelled(cancellations, endorsements).outcome is outcome
    assert check_not_cancelled(cancellations[::-1], endorsements[::-1]).outcome is outcome


def test_a_cancellation_in_mid_term_is_a_matter_of_money() -> None:
    assert check_not_cancelled((record("cancellation"),), ()).outcome is Outcome.PASSED


def paid_by(*payers: dict[str, str] | None) -> Check:
    receipts = [receipt({"receipt_no": f"SK{n:04}", "payer": payer}) for n, payer in enumerate(payers)]
    return check_payer(Party.model_validate(HOLDER), party_of(INSURER), receipts)


INSURER_ITSELF = {"name": INSURER.name, "credit_code": str(INSURER.credit_code)}


@pytest.mark.parametrize(
    ("payers", "outcome", "reason"),
    [
        ((HOLDER,), Outcome.PASSED, None),
        ((HOLDER, HOLDER), Outcome.PASSED, None),
        (({"name": HOLDER["name"]},), Outcome.PASSED, None),
        (({"name": "示例医药(杭州)有限公司"},), Outcome.PASSED, None),
        (({"name": "改名后的公司", "credit_code": HOLDER["credit_code"]},), Outcome.PASSED, None),
        (({"name": HOLDER["name"], "credit_code": ANOTHER["credit_code"]},), Outcome.INDETERMINATE, "another-payer"),
        ((ANOTHER,), Outcome.INDETERMINATE, "another-payer"),
        ((HOLDER, ANOTHER), Outcome.INDETERMINATE, "another-payer"),
        ((HOLDER, None), Outcome.INDETERMINATE, "payer-not-stated"),
        ((), Outcome.INDETERMINATE, "no-receipt-yet"),
        ((INSURER_ITSELF,), Outcome.FAILED, "insurer-paid-itself"),
        ((None, ANOTHER, INSURER_ITSELF), Outcome.FAILED, "insurer-paid-itself"),
        (({"name": INSURER.name},), Outcome.FAILED, "insurer-paid-itself"),
    ],
)
def test_the_payer_of_every_receipt_is_the_policyholder(
    payers: tuple[dict[str, str] | None, ...], outcome: Outcome, reason: str | None
) -> None:
    check = paid_by(*payers)
    assert (check.outcome, check.reason) == (outcome, reason)


def test_money_moves_no_later_than_it_is_told() -> None:
    today, later = ("2026-09-01", "2026-09-02")
    assert check_not_in_future([receipt({"received_on": today})], [], TODAY).outcome is Outcome.PASSED
    assert check_not_in_future([receipt({"received_on": later})], [], TODAY).outcome is Outcome.FAILED
    refund = record("premium_refund", {"paid_on": later})
    assert check_not_in_future([receipt({"received_on": today})], [refund], TODAY).field == "paid_on"


def test_every_question_is_answered_at_once() -> None:
    movements = moved([1], [2])
    rules = [
        one.rule for one in check_account(policy(), party_of(INSURER), movements, account(policy(), movements), TODAY)
    ]
    assert rules == [
        "policy.not-cancelled",
        "premium.paid-in-full",
        "premium.payer-is-policyholder",
        "premium.not-in-future",
    ]
