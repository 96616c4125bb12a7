"""A premium's account: what is due, received, refunded; and whether it is paid in full, by whom, and when."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from schemas.money import ZERO, Yuan, total
from schemas.party import Party, same_party
from schemas.policy import Cancellation, Endorsement, Policy
from schemas.premium import PremiumReceipt, PremiumRefund
from schemas.verification import Check, failed, passed, unknown
from schemas.verified import Money


@dataclass(frozen=True, slots=True)
class Movements:
    """What happened to a policy's premium, each record once, in the order in which it became known."""

    receipts: tuple[PremiumReceipt, ...] = ()
    refunds: tuple[PremiumRefund, ...] = ()
    endorsements: tuple[Endorsement, ...] = ()
    cancellations: tuple[Cancellation, ...] = ()


def account(policy: Policy, movements: Movements) -> Money:
    """The balance of the premium in yuan.

    due = gross premium + endorsements' changes (signed) - return premiums; net paid = receipts - refunds. Paid in full
    means equal to the fen (浙经信医药〔2025〕348号 四(一) 全额交付保费), on the day of the last receipt. What is
    written off stays due: it was never paid.
    """
    returned = total(
        cancellation.return_premium.gross
        for cancellation in movements.cancellations
        if cancellation.return_premium and cancellation.return_premium.gross
    )
    written_off = ZERO - total(_changes(one for one in movements.endorsements if one.kind == "write_off"))
    changed = total(_changes(one for one in movements.endorsements if one.kind != "write_off"))
    due = policy.premium.gross + changed - returned
    received = total(receipt.amount for receipt in movements.receipts)
    refunded = total(refund.amount for refund in movements.refunds)
    net_paid = received - refunded
    paid = net_paid == due and due > ZERO
    return Money(
        due=due,
        received=received,
        refunded=refunded,
        net_paid=net_paid,
        paid_in_full=paid,
        paid_in_full_on=max(receipt.received_on for receipt in movements.receipts) if paid else None,
        returned=returned if returned > ZERO else None,
        written_off=written_off if written_off > ZERO else None,
    )


def _changes(endorsements: Iterable[Endorsement]) -> Iterator[Yuan]:
    """The premium changes that endorsements state."""
    for change in endorsements:
        if change.premium_change and change.premium_change.gross:
            yield change.premium_change.gross


def check_account(policy: Policy, insurer: Party, movements: Movements, money: Money, today: date) -> tuple[Check, ...]:
    """Everything that the receipts have to show: paid in full, stayed paid, by the policyholder, not in the future."""
    return (
        check_not_cancelled(movements.cancellations, movements.endorsements),
        check_paid_in_full(money, movements),
        check_payer(policy.policyholder, insurer, movements.receipts),
        check_not_in_future(movements.receipts, movements.refunds, today),
    )


def check_not_cancelled(cancellations: Sequence[Cancellation], endorsements: Sequence[Endorsement]) -> Check:
    """R-ZJ-12: a policy cancelled from inception was never in force, unless it was reinstated 复效 later.

    One reinstatement undoes one cancellation, whichever came first to be known: a policy that was cancelled again after
    it was reinstated is cancelled. A reinstatement that does not say its day undoes nothing for certain.
    """
    rule = "policy.not-cancelled"
    ended = [cancellation for cancellation in cancellations if cancellation.kind == "from_inception"]
    reinstated = [endorsement for endorsement in endorsements if endorsement.kind == "reinstate"]
    latest = max((one.effective_on for one in ended if one.effective_on), default=date.min)
    certain = [one for one in reinstated if (day := _own_day(one)) is not None and latest <= day]
    facts: dict[str, Any] = {"cancellations": [one.endorsement_no for one in ended]}
    if len(certain) >= len(ended):
        return passed(rule, **facts)
    if len(reinstated) >= len(ended) and any(_own_day(one) is None for one in reinstated):
        return unknown(rule, "reinstatement-undated", field="effective_on", **facts)
    return failed(rule, "cancelled-from-inception", **facts)


def _own_day(endorsement: Endorsement) -> date | None:
    """The later of the days that an endorsement states."""
    return max((day for day in (endorsement.issued_on, endorsement.effective_on) if day), default=None)


def check_paid_in_full(money: Money, movements: Movements) -> Check:
    """R-ZJ-13: net paid equals what is due, to the fen. More than due is money owed back: not decided here.

    An endorsement or cancellation that changes the premium and does not say by how much leaves open what is due.
    """
    rule = "premium.paid-in-full"
    facts: dict[str, Any] = {
        "due": str(money.due),
        "received": str(money.received),
        "refunded": str(money.refunded),
        "net_paid": str(money.net_paid),
    }
    if (unstated := _unstated(movements)) is not None:
        return unknown(rule, "change-not-stated", field="premium_change.gross", endorsement_no=unstated, **facts)
    if money.paid_in_full:
        return passed(rule, **facts)
    if not movements.receipts:
        return unknown(rule, "no-receipt-yet", field="amount", **facts)
    if money.due <= ZERO:
        return failed(rule, "nothing-due", field="amount", **facts)
    if money.net_paid > money.due:
        return unknown(rule, "more-than-due", field="amount", over=str(money.net_paid - money.due), **facts)
    reason = "refunded" if money.received >= money.due else "short"
    return failed(rule, reason, field="amount", missing=str(money.due - money.net_paid), **facts)


def _unstated(movements: Movements) -> str | None:
    """The number of a change whose amount is not stated."""
    for change in movements.endorsements:
        amount = change.premium_change.gross if change.premium_change else None
        if change.kind in ("increase", "decrease", "write_off") and amount is None:
            return change.endorsement_no
    for cancellation in movements.cancellations:
        if cancellation.return_premium is None or cancellation.return_premium.gross is None:
            return cancellation.endorsement_no
    return None


def check_payer(policyholder: Party, insurer: Party, receipts: Sequence[PremiumReceipt]) -> Check:
    """F-07: the policyholder itself paid. An insurer that pays itself fails; another payer is for the authority."""
    rule = "premium.payer-is-policyholder"
    if not receipts:
        return unknown(rule, "no-receipt-yet", field="payer")
    for receipt in receipts:
        if receipt.payer is not None and same_party(receipt.payer, insurer):
            return failed(rule, "insurer-paid-itself", field="payer", receipt_no=receipt.receipt_no)
    for receipt in receipts:
        if receipt.payer is None:
            return unknown(rule, "payer-not-stated", field="payer", receipt_no=receipt.receipt_no)
        if not same_party(receipt.payer, policyholder):
            return unknown(
                rule,
                "another-payer",
                field="payer",
                receipt_no=receipt.receipt_no,
                payer=receipt.payer.name,
                policyholder=policyholder.name,
            )
    return passed(rule, policyholder=policyholder.name, receipts=len(receipts))


def check_not_in_future(receipts: Iterable[PremiumReceipt], refunds: Iterable[PremiumRefund], today: date) -> Check:
    """F-08: money has arrived, or gone, by the day it is reported (Asia/Shanghai)."""
    rule = "premium.not-in-future"
    for receipt in receipts:
        if receipt.received_on > today:
            return failed(rule, "future", field="received_on", stated=str(receipt.received_on), today=str(today))
    for refund in refunds:
        if refund.paid_on > today:
            return failed(rule, "future", field="paid_on", stated=str(refund.paid_on), today=str(today))
    return passed(rule, today=str(today))
