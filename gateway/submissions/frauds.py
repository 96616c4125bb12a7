"""Patterns in the life of one premium that a rule book gives to review: 348号六(三); F-05, F-18, F-32 of its frauds.

None of them is proof of anything: each holds the premium until an authority has looked.
"""

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from gateway.submissions.account import Movements
from schemas.money import ZERO, Yuan, total
from schemas.policy import Policy
from schemas.verification import Check, failed, passed, unknown
from schemas.verified import Money

EARLY_DAYS = 90
EARLY_SHARE = Decimal("0.30")
WATCH_DAYS = 180
SLIP = 10_000


def check_patterns(policy: Policy, movements: Movements, money: Money) -> list[Check]:
    """All patterns of one premium."""
    return [
        check_backdating(policy),
        check_early_return(movements, money),
        check_late_change(policy, movements),
        check_units(policy, money),
    ]


def check_units(policy: Policy, money: Money) -> Check:
    """F-10: what was received is not ten thousand times the premium, or a ten-thousandth of it (元 against 万元)."""
    rule = "premium.same-unit"
    gross, received = policy.premium.gross.fen, money.received.fen
    if received and gross and (received * SLIP == gross or gross * SLIP == received):
        return failed(
            rule, "ten-thousandfold", field="amount", gross=str(policy.premium.gross), received=str(money.received)
        )
    return passed(rule)


def check_backdating(policy: Policy) -> Check:
    """F-18: the policy was signed before its cover began. A day that is not stated is told by FL-2, not here."""
    rule = "policy.not-backdated"
    if policy.issued_on is not None and policy.issued_on > policy.period.start:
        return unknown(
            rule,
            "signed-after-start",
            field="issued_on",
            issued_on=str(policy.issued_on),
            start=str(policy.period.start),
        )
    return passed(rule)


def check_early_return(movements: Movements, money: Money) -> Check:
    """F-05: less than 30 % of what was received went back within 90 days of the first receipt."""
    rule = "premium.not-returned-early"
    if not movements.receipts or money.received <= ZERO:
        return passed(rule)
    first = min(receipt.received_on for receipt in movements.receipts)
    until = first + timedelta(days=EARLY_DAYS)
    back = total(refund.amount for refund in movements.refunds if refund.paid_on <= until)
    due_back = total(
        one.return_premium.gross
        for one in movements.cancellations
        if one.return_premium and one.return_premium.gross and (one.effective_on or first) <= until
    )
    most: Yuan = max(back, due_back)
    if most.fen >= EARLY_SHARE * money.received.fen and most > ZERO:
        return unknown(
            rule,
            "much-returned-soon",
            field="amount",
            returned=str(most),
            received=str(money.received),
            first_received_on=str(first),
            days=EARLY_DAYS,
        )
    return passed(rule)


def check_late_change(policy: Policy, movements: Movements) -> Check:
    """F-32: nothing moved the premium later than 180 days after the cover ended."""
    rule = "premium.not-changed-late"
    end = policy.period.end + timedelta(days=WATCH_DAYS)
    days: list[tuple[str, date | None]] = [
        *((one.refund_no, one.paid_on) for one in movements.refunds),
        *((one.endorsement_no, one.effective_on or one.issued_on) for one in movements.endorsements),
        *((one.endorsement_no, one.effective_on) for one in movements.cancellations),
    ]
    late: dict[str, Any] = {number: str(day) for number, day in days if day is not None and day > end}
    if late:
        return unknown(rule, "after-expiry", field="effective_on", changes=late, watched_until=str(end))
    return passed(rule)
