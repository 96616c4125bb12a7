"""The look-back at rates: premium earned to the fen, claims as reported, and what may and may not follow from them."""

import json
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Any
from urllib.parse import urlencode

import pytest
from house import next_number, world
from hypothesis import given, settings
from hypothesis import strategies as st
from service import Service, serve

from gateway.oversight.look_back.bands import band, gamma_quantile
from gateway.oversight.look_back.cells import Cell, Corridor, checks_of, pooled, rounded
from gateway.oversight.look_back.claims import Reported, claims_of
from gateway.oversight.look_back.store import Earned
from schemas.money import Yuan

C = "SANDBOX-C"
FIRST, LAST = date(2026, 1, 1), date(2026, 12, 31)
CORRIDOR = Corridor(Decimal(50), Decimal(100))


async def ask(service: Service, **query: Any) -> Any:
    got = await service.call("REGULATOR", "GET", f"/v1/oversight/look-back?{urlencode(query)}")
    assert got.status == 200, got.body
    return got.json()


async def report(service: Service, clause: str, first: date, last: date, count: int, paid: str, **more: Any) -> None:
    """A claim summary of the insurer."""
    record = {
        "period": {"start": str(first), "end": str(last)},
        "clause_registration_no": clause,
        "earned_premium": "1000.00",
        "claims_count": count,
        "paid": paid,
        "outstanding": "0.00",
        **more,
    }
    envelope = {
        "schema": "premium-exchange/1.0",
        "type": "claim_summary",
        "message_id": f"claims-{next_number()}",
        "insurer": C,
        "sent_at": service.now.isoformat(),
        "record": record,
    }
    got = await service.post(C, json.dumps(envelope).encode())
    assert got.status == 201, got.body
    service.later(minutes=3)


async def _without_months(service: Service, moment: Any) -> dict[str, str]:
    """What is earned in the year as known then, from the latest revision of each policy, one by one."""
    async with service.gateway.pool.connection() as connection:
        cursor = await connection.execute(
            "SELECT DISTINCT ON (insurer, policy_no) status, starts_on, ends_on, due, net, base FROM exposure_facts "
            "WHERE known_at <= %s ORDER BY insurer, policy_no, revision DESC",
            (moment,),
        )
        rows = await cursor.fetchall()
    sums = dict.fromkeys(("gross", "verified", "net", "base"), Fraction(0))
    for status, starts, ends, due, net, base in rows:
        share = Fraction((min(ends, LAST) - max(starts, FIRST)).days + 1, (ends - starts).days + 1)
        verified = due if status == "verified" else 0
        for name, amount in (("gross", due), ("verified", verified), ("net", net), ("base", base)):
            sums[name] += Fraction(int(amount)) * share
    return {name: str(Yuan(round(amount))) for name, amount in sums.items()}


def said(first: date, last: date, count: int = 1, paid: int = 100) -> Reported:
    return Reported(C, "X", first, last, 0, count, paid, 0, "S" + "0" * 32)


def cell(count: int, paid: int, earned: int, base: int = 10**12) -> Cell:
    """A clause with so many claims of so many fen together, and premium earned without tax."""
    over = Earned(1, Fraction(earned), Fraction(earned), Fraction(earned), Fraction(base))
    return Cell(C, "X", over, claims_of([said(FIRST, LAST, count, paid)], FIRST, LAST)[C, "X"], over)


def test_premium_is_earned_by_the_day_to_the_fen_and_claims_are_held_against_the_days_that_they_cover(dsn: str) -> None:
    async def work(service: Service) -> None:
        await service.push_filings()
        insurer = world().insurer(C)
        sold = [world().policy(insurer, next_number(), rate="2") for _ in range(3)]
        for facts in sold:
            await service.submit(insurer, facts)
        await service.submit(insurer, world().endorsement(sold[0], gross="100.00"))
        clause = sold[0].body["clauses"][0]["registration_no"]
        months = date(2026, 7, 1), date(2026, 9, 30)
        await report(service, clause, *months, 40, "9000.00")
        before = service.now
        service.later(days=20)
        late = service.now
        service.later(minutes=3)
        await service.submit(insurer, world().receipt(sold[2]))
        service.later(days=20)
        await report(service, clause, date(2026, 7, 1), date(2026, 12, 31), 50, "12000.00", outstanding="0.01")
        service.later(minutes=5)

        def due(since: date, until: date, part: str) -> Fraction:
            whole = Fraction(0)
            for number, facts in enumerate(sold):
                start, end = (date.fromisoformat(facts.body["period"][name]) for name in ("start", "end"))
                days = (min(end, until) - max(start, since)).days + 1
                amounts = {name: Yuan.of(facts.body["premium"][name]).fen for name in ("gross", "net")}
                changed = amounts["gross"] + (10_000 if number == 0 else 0)
                net = int(Fraction(changed * amounts["net"], amounts["gross"]) + Fraction(1, 2))
                whole += Fraction((changed if part == "gross" else net) * days, (end - start).days + 1)
            return whole

        (item,) = (await ask(service, year=2026))["items"]
        assert (item["insurer"], item["clause"], item["policies"]) == (C, clause, 3)
        for part in ("gross", "net"):
            assert item["earned"][part] == str(Yuan(round(due(FIRST, LAST, part))))
        assert item["basis"] == "net"
        assert (item["claims"]["count"], item["claims"]["incurred"]) == (50, "12000.01")
        ratio = Fraction(1_200_001 * 100) / due(date(2026, 7, 1), LAST, "net")
        assert item["loss_ratio_percent"]["value"] == rounded(ratio, 2)
        assert [one["from"] for one in item["claims"]["periods"]] == ["2026-07-01"]
        # As it was known before the second report, which took the place of the first.
        (then,) = (await ask(service, year=2026, as_of=before.isoformat()))["items"]
        assert (then["claims"]["count"], then["covered"]["gross"]) == (40, str(Yuan(round(due(*months, "gross")))))
        # Late in a month, before something that became known in the same month.
        held = await ask(service, year=2026, as_of=late.isoformat())
        assert held["items"] == (await ask(service, year=2026, as_of=before.isoformat()))["items"]
        for moment in (before, late):
            whole = await _without_months(service, moment)
            assert [item["earned"] for item in (await ask(service, year=2026, as_of=moment.isoformat()))["items"]] == [
                whole
            ]
        assert (await ask(service, year=2027))["items"][0]["loss_ratio_percent"] is None
        assert (await ask(service, year=2026, insurer="SANDBOX-D"))["items"] == []
        assert (await service.call(C, "GET", "/v1/oversight/look-back")).status == 403
        assert (await service.call("REGULATOR", "GET", "/v1/oversight/look-back?lowest=90&highest=80")).status == 400

    serve(dsn, work, recheck_every_seconds=3600)


def test_where_nothing_was_reported_nothing_follows() -> None:
    over = Earned(1, Fraction(100), Fraction(0), Fraction(100), Fraction(100))
    silent = Cell(C, "X", over, None, None)
    assert silent.loss_ratio() is None
    assert {check.reason for check in checks_of(silent, {}, CORRIDOR)} == {"no-claims-stated"}
    none = cell(0, 0, 100)
    assert {check.reason for check in checks_of(none, pooled([none]), CORRIDOR)} == {"no-claim"}
    ratio = none.loss_ratio()
    assert ratio is not None
    assert ratio.high is None


def test_reports_that_overlap_or_reach_beyond_the_year_are_not_added_up() -> None:
    half, quarter = (FIRST, date(2026, 6, 30)), (date(2026, 4, 1), date(2026, 6, 30))
    assert claims_of([said(*quarter), said(*half)], FIRST, LAST)[C, "X"].reports == (said(*half),)
    assert claims_of([said(*half), said(*quarter)], FIRST, LAST)[C, "X"].problem == "overlapping"
    beyond = claims_of([said(date(2025, 12, 1), date(2026, 1, 31))], FIRST, LAST)[C, "X"]
    assert beyond.problem == "crosses-year"
    assert claims_of([said(*half, 2, 5), said(*half, 3, 7)], FIRST, LAST)[C, "X"].incurred == 7


def test_break_even_and_outliers_are_said_only_where_the_whole_band_says_so() -> None:
    def reasons(one: Cell, *others: Cell) -> tuple[str | None, str | None]:
        _, even, outlier = checks_of(one, pooled([one, *others]), CORRIDOR)
        return even.reason, outlier.reason

    assert reasons(cell(2000, 75, 100)) == (None, None)
    assert reasons(cell(3, 75, 100)) == ("too-few-claims", None)
    assert reasons(cell(2000, 300, 100), cell(2000, 7500, 10_000)) == ("claims-exceed", "above-all")
    assert reasons(cell(2000, 5, 100), cell(2000, 7500, 10_000)) == ("premium-exceeds", "below-all")


def test_the_band_is_garwood_s() -> None:
    # 95 % of the Poisson mean after 10 counts: 4.7954 to 18.3904 (Garwood 1936); half a count for each claim.
    assert gamma_quantile(Decimal(10), upper=False).quantize(Decimal("0.0001")) == Decimal("4.7954")
    assert gamma_quantile(Decimal(11), upper=True).quantize(Decimal("0.0001")) == Decimal("18.3904")
    found = band(20)
    assert found is not None
    assert found[0].quantize(Decimal("0.00001")) == Decimal("0.47954")
    assert band(0) is None
    with pytest.raises(ValueError, match="counted from 0"):
        band(-1)


@settings(max_examples=40, deadline=None)
@given(claims=st.integers(1, 3000))
def test_more_claims_say_more(claims: int) -> None:
    one, more = band(claims), band(claims + 1)
    assert one is not None
    assert more is not None
    assert one[0] < more[0] < 1 < more[1] < one[1]
