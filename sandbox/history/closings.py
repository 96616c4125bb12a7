"""What insurers say of their own days and clauses: day closes 日结, and claims by clause 赔付统计."""

from collections import defaultdict
from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from sandbox.history.telling import Said
from sandbox.randomness import drawing
from sandbox.records import Record, yuan

if TYPE_CHECKING:
    from sandbox.history.plan import History

_FULL = 1000  # policies; a smaller history closes fewer days
_CLOSED, _FEW = 400, 45  # days before today: since when insurers are asked to close their days
_AMOUNTS = {
    "policy": "premium.gross",
    "endorsement": "premium_change.gross",
    "cancellation": "return_premium.gross",
    "premium_receipt": "amount",
    "premium_refund": "amount",
    "invoice": "gross",
}
_DAYS = {
    "policy": ("issued_on",),
    "endorsement": ("issued_on", "effective_on"),
    "cancellation": ("effective_on",),
    "premium_receipt": ("received_on",),
    "premium_refund": ("paid_on",),
    "invoice": ("issued_on",),
    "delivery": ("delivered_on",),
}
_NUMBERS = {
    "endorsement": "endorsement_no",
    "cancellation": "endorsement_no",
    "premium_receipt": "receipt_no",
    "premium_refund": "refund_no",
    "invoice": "invoice_no",
}
SUSPENDED, SUSPENDED_INSURER = (140, 112), "SANDBOX-H"
"""Whose summaries are suspended by a directive, from so many days ago until so many days ago."""

_RATIOS = {"A": 32, "B": 41, "C": 28, "D": 55, "E": 37, "F": 46, "G": 9, "H": 128}  # percent of what was earned


def close_days(history: "History") -> list[Said]:
    """Each Monday every insurer closes the seven days before it. What was kept back is counted too."""
    totals: dict[tuple[str, date], dict[str, list[Decimal]]] = defaultdict(lambda: defaultdict(list))
    for code, counted, kind, amount in _counted(history):
        totals[code, counted][kind].append(amount)
    first = history.world.today - timedelta(days=_CLOSED if history.count >= _FULL else _FEW)
    closed = []
    for insurer in history.world.insurers:
        for day in history.days:
            if day.weekday() != 0:
                continue
            for place in range(7, 0, -1):
                ended = day - timedelta(days=place)
                if ended >= first:
                    found = totals.get((insurer.code, ended), {})
                    closed.append(Said(day, _closing(insurer.code, ended, found), plain=True))
    return closed


def _counted(history: "History") -> Iterator[tuple[str, date, str, Decimal]]:
    seen = set()
    for life in history.lives:
        for one in (*life.told, *life.kept):
            if not isinstance(one, Said) or one.alone or one.record.type not in _DAYS:
                continue
            record = one.record
            number = record.body.get(
                _NUMBERS.get(record.type, ""), record.policy_no if "policy_no" in record.body else ""
            )
            if (key := (record.insurer, record.type, number)) in seen and record.type != "delivery":
                continue
            seen.add(key)
            stated = next(text for name in _DAYS[record.type] if (text := record.get(name)))
            amount = record.get(_AMOUNTS.get(record.type, "none")) or "0"
            yield record.insurer, date.fromisoformat(stated), record.type, Decimal(amount)


def _closing(insurer: str, day: date, found: dict[str, list[Decimal]]) -> Record:
    totals = [
        {"type": kind, "count": len(amounts)} | ({"amount": yuan(sum(amounts, Decimal(0)))} if kind in _AMOUNTS else {})
        for kind, amounts in sorted((found or {"policy": []}).items())  # a day without business: no policies
    ]
    return Record("day_close", insurer, {"date": day.isoformat(), "totals": totals})


def summarise_claims(history: "History") -> list[Said]:
    """After each quarter, of each clause: what was earned, and what claims cost.

    One insurer earns far too much, and one far too little, which is what a look-back 费率回溯 is for. What comes while
    an insurer's summaries are suspended is refused, and comes again when they are not.
    """
    told = []
    for first, last in _quarters(history.days.first, history.days.last):
        day = history.days.working(last + timedelta(days=20))
        if day > history.days.last:
            continue
        earned: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
        for life in history.lives:
            part = _overlap(life.issued_on, first, last)
            main = next((one["registration_no"] for one in life.clauses if one["kind"] == "main"), None)
            if part and main and not life.clauses_untold:
                earned[life.insurer.code, main] += Decimal(life.facts.gross) * part / 365
        suspended, resumed = (history.world.today - timedelta(days=ago) for ago in SUSPENDED)
        for (insurer, clause), amount in sorted(earned.items()):
            record = _claims(history.world.seed, insurer, clause, amount, first, last)
            refused = insurer == SUSPENDED_INSURER and suspended <= day <= resumed + timedelta(days=7)
            told.append(Said(day, record, plain=True, alone=refused))
            if refused:
                told.append(Said(history.days.working(resumed + timedelta(days=8)), record, plain=True))
    return told


def _quarters(first: date, last: date) -> Iterator[tuple[date, date]]:
    """The quarters from `first` to `last`, the first of them as far as it was left."""
    while first <= last:
        month = (first.month - 1) // 3 * 3 + 4
        begins = date(first.year, month, 1) if month <= 12 else date(first.year + 1, 1, 1)
        yield first, begins - timedelta(days=1)
        first = begins


def _claims(seed: int, insurer: str, clause: str, earned: Decimal, first: date, last: date) -> Record:
    draw = drawing(f"claims/{seed}/{insurer}/{clause}/{first}")
    ratio = Decimal(_RATIOS[insurer[-1]]) * draw.randrange(60, 140) / 10_000
    cost = (earned * ratio).quantize(Decimal("0.01"))
    outstanding = (cost / 8).quantize(Decimal("0.01"))
    body: dict[str, Any] = {
        "period": {"start": first.isoformat(), "end": last.isoformat()},
        "clause_registration_no": clause,
        "earned_premium": yuan(earned.quantize(Decimal("0.01"))),
        "claims_count": max(1, int(cost / 60_000)),
        "paid": yuan(cost - outstanding),
        "outstanding": yuan(outstanding),
    }
    return Record("claim_summary", insurer, body)


def _overlap(issued_on: date, first: date, last: date) -> int:
    """Days of a year's cover from `issued_on` on that lie in the period."""
    return max(0, (min(last, issued_on + timedelta(days=364)) - max(first, issued_on)).days + 1)
