"""The money of policies' lives, recomputed in another way: lists of events, exact fractions, no code of the schemes."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from fractions import Fraction
from math import floor
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from scheme_messages import message, policy, receipt, run

# Every question answered, so that nothing but the money is open.
ANSWERS = {
    "rate_rule": "cap",
    "approval_end_basis": "policy_inception",
    "applicant_role": "MAH",
    "in_force_test": "inception_reached",
    "double_scope": "same_policy",
    "eligible_event": "inception",
    "rate_base": "aggregate_limit",
    "product_key": "generic_name+MAH",
    "cap_year": "application",
}
FIRST = date(2026, 1, 17)
AT = date(2026, 9, 30)
CAP = 500_000_00
SLIP = 10_000


@dataclass(frozen=True)
class Life:
    """One policy: fen and days only. Events are (day, amount); changes (day, gross, net, new limit or None)."""

    product: int
    gross: int
    net: int
    limit: int
    start: date
    end: date
    receipts: tuple[tuple[date, int], ...]
    refunds: tuple[tuple[date, int], ...]
    changes: tuple[tuple[date, int, int, int | None], ...]
    returns: tuple[tuple[date, int, int], ...]
    undone_on: date | None


def yuan(fen: int) -> str:
    return f"{'-' if fen < 0 else ''}{abs(fen) // 100}.{abs(fen) % 100:02d}"


def told(number: int, life: Life) -> list[dict[str, Any]]:
    no = f"PZEX{number:016d}"

    def of(kind: str, where: str, count: int, body: dict[str, Any], **envelope: Any) -> dict[str, Any]:
        return message(kind, {"policy_no": no, where: f"{kind[:4].upper()}{number:08d}{count:04d}", **body}, **envelope)

    messages = [
        policy(
            {
                "policy_no": no,
                "product.generic_name": f"示例{life.product}片",
                "issued_on": "2026-01-05",
                "period": {"start": str(life.start), "end": str(life.end)},
                "limits.aggregate": yuan(life.limit),
                "rate_base.amount": yuan(life.limit),
                "rate_percent": f"{life.gross * 100 / life.limit:.12f}",
                "premium": {
                    "gross": yuan(life.gross),
                    "net": yuan(life.net),
                    "tax": yuan(life.gross - life.net),
                    "currency": "CNY",
                },
            }
        )
    ]
    for count, (day, amount) in enumerate(life.receipts):
        messages.append(of("premium_receipt", "receipt_no", count, {"received_on": str(day), "amount": yuan(amount)}))
    for count, (day, amount) in enumerate(life.refunds):
        messages.append(of("premium_refund", "refund_no", count, {"paid_on": str(day), "amount": yuan(amount)}))
    for count, (day, gross, net, limit) in enumerate(life.changes):
        changes = [] if limit is None else [{"field": "limits.aggregate", "after": yuan(limit)}]
        body = {
            "kind": "decrease" if gross < 0 else "increase",
            "issued_on": str(day - timedelta(days=count)),
            "effective_on": str(day),
            "premium_change": {"gross": yuan(gross), "net": yuan(net), "tax": yuan(gross - net)},
            "changes": changes,
        }
        messages.append(of("endorsement", "endorsement_no", count, body))
    for count, (day, gross, net) in enumerate(life.returns):
        body = {
            "effective_on": str(day),
            "return_premium": {"gross": yuan(gross), "net": yuan(net), "tax": yuan(gross - net)},
        }
        messages.append(of("cancellation", "endorsement_no", count, body))
    if life.undone_on:
        body = {
            "kind": "from_inception",
            "effective_on": str(life.start),
            "return_premium": {"gross": "0.00", "net": "0.00", "tax": "0.00"},
        }
        messages.append(of("cancellation", "endorsement_no", 99, body, sent_at=f"{life.undone_on}T12:00:00+08:00"))
    return messages


def anniversary(day: date, years: int) -> date:
    return (
        date(day.year + years, 3, 1)
        if (day.month, day.day) == (2, 29) and (day.year + years) % 4
        else day.replace(year=day.year + years)
    )


def length(life: Life) -> Fraction:
    after = life.end + timedelta(days=1)
    for years in range(1, 6):
        if anniversary(life.start, years) == after:
            return Fraction(years)
    return Fraction((after - life.start).days, 365)


def worth(life: Life, *, taxed: bool, tolerance: int) -> tuple[str, int, int]:
    """Outcome, eligible premium and subsidy of one policy."""
    due = life.gross + sum(gross for day, gross, _, _ in life.changes if day <= AT)
    due -= sum(gross for day, gross, _ in life.returns if day <= AT)
    net = life.net + sum(net for day, _, net, _ in life.changes if day <= AT)
    net -= sum(net for day, _, net in life.returns if day <= AT)
    came = sum(amount for day, amount in life.receipts if day <= AT)
    paid = came - sum(amount for day, amount in life.refunds if day <= AT)
    limit = life.limit
    for day, _, _, new in sorted(life.changes, key=lambda change: change[0]):
        if day <= AT and new is not None:
            limit = new
    slipped = came > 0 and life.gross > 0 and (came == life.gross * SLIP or came * SLIP == life.gross)
    undone = life.undone_on is not None and life.undone_on <= AT
    if undone or slipped or life.start > AT or due - paid > tolerance:
        return "failed", 0, 0
    money = min(paid, due if taxed else net - max(0, due - paid))
    eligible = max(0, min(money, floor(Fraction(2, 100) * limit * length(life))))
    return "indeterminate" if paid > due else "passed", eligible, eligible // 2


DAYS = st.dates(FIRST, date(2026, 12, 31))
FEN = st.integers(0, 3_000_000_00) | st.sampled_from([0, 1, 99, 100, 100_000_00, 1_000_000_00])


@st.composite
def lives(draw: st.DrawFn) -> Life:
    gross = draw(st.integers(1, 3_000_000_00) | st.sampled_from([1, 33_333_333, 1_000_000_00, 1_200_000_00]))
    limit = draw(st.integers(max(1, gross), 200_000_000_00) | st.just(gross * 50))
    start = draw(st.dates(FIRST, date(2026, 11, 1)) | st.just(FIRST))
    years = draw(st.integers(1, 3))
    whole = anniversary(start, years) - timedelta(days=1)
    end = draw(st.just(whole) | st.dates(start, start + timedelta(days=1200)))
    changes = []
    # Days that differ, so that the order of endorsements says itself.
    for day in draw(st.lists(DAYS, max_size=2, unique=True)):
        change = draw(st.integers(-gross, gross) | st.just(0))
        changes.append((day, change, change * 100 // 106, draw(st.none() | st.integers(1, 100_000_000_00))))
    returned = draw(st.lists(st.tuples(DAYS, st.integers(0, gross)), max_size=1))
    returns = tuple((day, amount, amount * 100 // 106) for day, amount in returned)
    due = gross + sum(change[1] for change in changes) - sum(amount for _, amount, _ in returns)
    receipts = draw(st.lists(st.tuples(DAYS, FEN), max_size=3))
    if draw(st.booleans()):  # often exactly what is due, in two parts
        first = draw(st.integers(0, max(0, due)))
        receipts = [(FIRST, first), (draw(DAYS), max(0, due) - first)]
    return Life(
        product=draw(st.integers(1, 2)),
        gross=gross,
        net=gross * 100 // 106,
        limit=limit,
        start=start,
        end=end,
        receipts=tuple(receipts),
        refunds=tuple(draw(st.lists(st.tuples(DAYS, FEN), max_size=1))),
        changes=tuple(changes),
        returns=returns,
        undone_on=draw(st.none() | st.none() | DAYS),
    )


@settings(max_examples=150, deadline=None)
@given(life=lives(), taxed=st.booleans(), tolerance=st.sampled_from([0, 0, 5, 100_00]))
def test_one_policy(life: Life, taxed: bool, tolerance: int) -> None:
    (line,) = run(
        told(1, life),
        at=AT,
        **ANSWERS,
        multi_year_attribution="payment_year",
        premium_basis="tax_incl" if taxed else "tax_excl",
        full_payment_tolerance_fen=str(tolerance),
    )
    (one,) = line.policies
    outcome, eligible, subsidy = worth(life, taxed=taxed, tolerance=tolerance)
    assert (one.outcome.value, one.eligible_premium.fen, one.subsidy.fen) == (outcome, eligible, subsidy)
    assert line.subsidy.fen == min(subsidy, CAP)
    assert line.clawback.fen == 0


@settings(max_examples=80, deadline=None)
@given(
    among=st.lists(lives(), min_size=1, max_size=4),
    awards=st.lists(st.tuples(st.integers(1, 2), st.integers(2025, 2027), st.integers(1, 700_000_00)), max_size=3),
)
def test_products_and_awards(among: Sequence[Life], awards: Sequence[tuple[int, int, int]]) -> None:
    """The cap of each product and year, and awards of it that name the product only."""
    messages = [one for number, life in enumerate(among) for one in told(number, life)]
    for product, year, amount in awards:
        body = {
            "product_key": f"示例{product}片|91330106999901014C",
            "policy_nos": ["PZEX999999999999"],
            "year": year,
            "amount": yuan(amount),
        }
        messages.append(message("award", body))
    lines = run(messages, at=AT, **ANSWERS, multi_year_attribution="payment_year")
    for product in {life.product for life in among}:
        (line,) = (one for one in lines if one.product_key.startswith(f"示例{product}片"))
        total = sum(worth(life, taxed=True, tolerance=0)[2] for life in among if life.product == product)
        awarded = sum(amount for of, year, amount in awards if of == product and year == 2026)
        assert line.year == 2026
        assert line.subsidy.fen == max(0, min(total, CAP) - awarded)
        assert line.clawback.fen == max(0, awarded - min(total, CAP))


@settings(max_examples=80, deadline=None)
@given(life=lives(), parts=st.lists(st.tuples(st.integers(2026, 2029), st.integers(0, 10**9)), max_size=4))
def test_splits_lose_nothing(life: Life, parts: Sequence[tuple[int, int]]) -> None:
    """Parts of a policy of several years add up to its eligible premium, each rounded down but the first."""
    messages = told(1, life)
    messages[0]["record"]["instalments"] = [
        {"no": number, "due_on": f"{year}-03-01", "amount": yuan(amount)}
        for number, (year, amount) in enumerate(parts, 1)
    ]
    _, eligible, _ = worth(life, taxed=True, tolerance=0)
    years = int(length(life)) if length(life).denominator == 1 and _is_whole(life) else 1
    by_year = run(messages, at=AT, **ANSWERS, multi_year_attribution="pro_rata")
    got = {line.year: line.policies[0].eligible_premium.fen for line in by_year}
    expected = {2026 + number: eligible // years for number in range(years)}
    expected[2026] += eligible - sum(expected.values())
    assert got == expected
    assert all(line.policies[0].subsidy.fen == got[line.year] // 2 for line in by_year)
    by_instalment = run(messages, at=AT, **ANSWERS, multi_year_attribution="instalment_due")
    got = {line.year: line.policies[0].eligible_premium.fen for line in by_instalment}
    assert sum(got.values()) == eligible
    total = sum(amount for _, amount in parts)
    if years < 2 or not total:
        assert set(got) == {2026}
    else:
        assert set(got) == {year for year, _ in parts}
        for year in sorted(got)[1:]:
            assert got[year] == floor(Fraction(eligible * sum(amount for on, amount in parts if on == year), total))


def _is_whole(life: Life) -> bool:
    return any(anniversary(life.start, years) == life.end + timedelta(days=1) for years in range(1, 6))


def test_half_a_fen_is_lost() -> None:
    assert receipt()["record"]["amount"] == "800000.00"
    life = Life(
        1, 33_333_333, 31_446_541, 50_000_000_00, FIRST, date(2027, 1, 16), ((FIRST, 33_333_333),), (), (), (), None
    )
    (line,) = run(told(1, life), at=AT)
    assert line.subsidy.fen == 16_666_666
