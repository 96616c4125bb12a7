"""The journal of a premium's money: double entry, appended only; every balance of every moment follows from it.

Four accounts. `receivable` 应收保费 is what the policyholder owes; `premium` 保费收入 what the insurer earns; `bank`
what arrived; `losses` 坏账 what is given up. A record that counts is posted once; if it ceases to count, because its
sealed document contradicts it, it is posted the other way round, with that reason. So the sum of the journal is the
balance of the latest revision, whatever came in which order.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, Literal

from gateway.submissions.account import Movements
from schemas.money import Yuan
from schemas.policy import Policy

Kind = Literal["due", "received", "refunded", "returned", "written_off"]
_ACCOUNTS: Mapping[Kind, tuple[str, str]] = {
    "due": ("receivable", "premium"),
    "received": ("bank", "receivable"),
    "refunded": ("receivable", "bank"),
    "returned": ("premium", "receivable"),
    "written_off": ("losses", "receivable"),
}


@dataclass(frozen=True, slots=True)
class Posting:
    """One movement: `amount` in fen, above zero, from the credited to the debited account; true on `day`."""

    kind: Kind
    debit: str
    credit: str
    amount: int
    day: date
    source: str
    reason: Literal["told", "no-longer-counts"] = "told"

    @property
    def is_usual(self) -> bool:
        """Whether it goes the way that its kind goes; else it takes back what an earlier one said."""
        return (self.debit, self.credit) == _ACCOUNTS[self.kind]


Counted = tuple[Kind, str, int, date]  # kind, source, fen, day


def counted(policy: Policy | None, movements: Movements) -> list[Counted]:
    """What counts now: the policy's premium and what moved it. An amount that is not stated moves nothing."""
    found: list[Counted] = []

    def add(kind: Kind, source: str, amount: Yuan | None, day: date | None) -> None:
        if amount is not None and amount.fen and (policy is not None or day is not None):
            found.append((kind, source, amount.fen, day or _inception(policy)))

    if policy is not None:
        add("due", f"policy {policy.policy_no}", policy.premium.gross, policy.issued_on or policy.period.start)
    for change in movements.endorsements:
        amount = change.premium_change.gross if change.premium_change else None
        day = change.effective_on or change.issued_on
        if change.kind == "write_off":
            add("written_off", f"endorsement {change.endorsement_no}", -amount if amount is not None else None, day)
        else:
            add("due", f"endorsement {change.endorsement_no}", amount, day)
    for cancellation in movements.cancellations:
        returned = cancellation.return_premium.gross if cancellation.return_premium else None
        add("returned", f"cancellation {cancellation.endorsement_no}", returned, cancellation.effective_on)
    for receipt in movements.receipts:
        add("received", f"premium_receipt {receipt.receipt_no}", receipt.amount, receipt.received_on)
    for refund in movements.refunds:
        add("refunded", f"premium_refund {refund.refund_no}", refund.amount, refund.paid_on)
    return found


def _inception(policy: Policy | None) -> date:
    assert policy is not None, "only a policy's own amounts come without a day"
    return policy.period.start


def post(posted: Iterable[Posting], now: Iterable[Counted]) -> list[Posting]:
    """What to add to what was `posted` so that exactly what counts `now` stands there."""
    net: dict[tuple[Kind, str, date], int] = defaultdict(int)
    for one in posted:
        net[one.kind, one.source, one.day] += one.amount if one.is_usual else -one.amount
    wanted: dict[tuple[Kind, str, date], int] = defaultdict(int)
    for kind, source, fen, day in now:
        wanted[kind, source, day] += fen
    added = []
    for key in sorted(net.keys() | wanted.keys(), key=str):
        kind, source, day = key
        difference = wanted[key] - net[key]
        if difference:
            debit, credit = _ACCOUNTS[kind] if difference > 0 else _ACCOUNTS[kind][::-1]
            told: Any = "told" if key in wanted else "no-longer-counts"
            added.append(Posting(kind, debit, credit, abs(difference), day, source, told))
    return added


def balances(postings: Iterable[Posting]) -> dict[Kind, int]:
    """What the journal says of each kind, in fen: together the premium's account."""
    sums: dict[Kind, int] = dict.fromkeys(_ACCOUNTS, 0)
    for one in postings:
        sums[one.kind] += one.amount if one.is_usual else -one.amount
    return sums
