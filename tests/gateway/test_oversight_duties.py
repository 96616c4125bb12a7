"""Late filings, with the working days of 国庆 and 调休; and the duties of R-ZJ-24, of which silence fulfils none."""

import json
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from house import next_number, world
from service import Service, serve

from gateway.filing.registry import FilingRegistry
from gateway.oversight.duties import Conduct, Days, check_duties
from gateway.oversight.late import Late, late_filings
from schemas.calendar import load_calendar
from schemas.filing import Filing, Source
from schemas.verification import Outcome

C = "SANDBOX-C"
WHO = "TEST-A"
TODAY = date(2026, 3, 31)
FETCHED = datetime(2026, 3, 30, 4, tzinfo=UTC)
# First used on the Monday before the Spring Festival of 2026 (15 to 23 February free, 14 and 28 February worked): the
# tenth working day after it is Saturday 28 February, and no other day.
USED, TENTH = date(2026, 2, 9), date(2026, 2, 28)


def filing(registered: date, *intervals: tuple[str, date, date | None], **changes: Any) -> Filing:
    """A main clause of liability insurance, registered on that day, in these states."""
    stated = {
        "registration_no": f"C0009013091{registered:%Y%m%d}00011",
        "insurer": WHO,
        "name": "药品产品责任保险条款",
        "kind": "main",
        "line": "product_liability",
        "regime": "filed",
        "registered_on": registered,
        "first_used_on": USED,
        "intervals": [{"state": state, "from": first, "to": last} for state, first, last in intervals],
        "source": {"registry": "REG", "as_of": TODAY - timedelta(days=1), "fetched_at": FETCHED},
    }
    return Filing.model_validate(stated | changes)


def late(one: Filing, today: date = TODAY, max_age_days: int = 45) -> list[Late]:
    whole = Source(registry="REG", as_of=one.source.as_of, fetched_at=FETCHED)
    return late_filings(FilingRegistry([one], [whole]), [WHO], today, max_age_days, load_calendar())[0]


def registered(on: date, **changes: Any) -> Filing:
    """In use from the day of its registration on, pending before it."""
    return filing(on, ("pending", USED, on - timedelta(days=1)), ("in_use", on, None), **changes)


@pytest.mark.parametrize("day", [USED + timedelta(days=1), USED + timedelta(days=10), TENTH])
def test_up_to_the_tenth_working_day_a_filing_is_in_time(day: date) -> None:
    assert late(registered(day)) == []


def test_behind_the_tenth_working_day_it_is_late_by_working_days() -> None:
    (one,) = late(registered(TENTH + timedelta(days=2)))
    assert (one.outcome, one.reason, one.due_on, one.days_late) == (Outcome.FAILED, "registered-late", TENTH, 1)
    (week,) = late(registered(TENTH + timedelta(days=9)))
    assert week.days_late == 6


def test_a_filing_that_is_still_open_is_late_only_behind_the_tenth_day_and_by_a_fresh_registry() -> None:
    early = {"registry": "REG", "as_of": TENTH - timedelta(days=1), "fetched_at": FETCHED}
    one = filing(date(2026, 12, 31), ("pending", USED, None), source=early)
    (waits,) = late(one, today=TENTH)
    assert (waits.outcome, waits.reason, waits.days_late) == (Outcome.INDETERMINATE, "number-pending", None)
    fresh = one.model_copy(update={"source": Source(registry="REG", as_of=TODAY, fetched_at=FETCHED)})
    (overdue,) = late(fresh)
    assert (overdue.outcome, overdue.reason) == (Outcome.FAILED, "number-overdue")
    (unknown,) = late(one, today=TODAY + timedelta(days=200))
    assert (unknown.outcome, unknown.reason) == (Outcome.INDETERMINATE, "registry-stale")


def test_what_needs_approval_has_no_ten_days_and_an_unknown_first_use_is_counted_apart() -> None:
    day = TENTH + timedelta(days=20)
    assert late(registered(day, regime="approved")) == []
    registry = FilingRegistry([registered(day, first_used_on=None)])
    assert late_filings(registry, [WHO], TODAY, 45, load_calendar()) == ([], 1)


def outcomes(conduct: Conduct, registry: FilingRegistry) -> dict[str, tuple[str, str | None]]:
    return {
        check.rule.partition(".")[2]: (check.outcome.value, check.reason)
        for check in check_duties(WHO, conduct, registry, TODAY, 45)
    }


def test_where_nothing_is_known_no_duty_is_fulfilled() -> None:
    found = outcomes(Conduct(), FilingRegistry())
    assert {outcome for outcome, _ in found.values()} == {"indeterminate"}
    assert found["implementation-plan"] == ("indeterminate", "nobody-sends")


def test_each_duty_follows_from_what_is_known() -> None:
    used = filing(USED, ("in_use", USED, None))
    whole = [Source(registry="REG", as_of=used.source.as_of, fetched_at=FETCHED)]
    good = Conduct({("drug_liability", "verified"): 2}, 1, 3, Days(2, (), TODAY))
    found = outcomes(good, FilingRegistry([used], whole))
    assert {name for name, (outcome, _) in found.items() if outcome == "passed"} == set(found) - {"implementation-plan"}
    stopped = filing(USED, ("stopped", USED, None))
    bad = Conduct({("drug_liability", "refused"): 1}, 1, 0, Days(2, (TODAY,), None))
    found = outcomes(bad, FilingRegistry([stopped], whole))
    assert found["product-filed"] == ("failed", "no-clause-in-use")
    assert (found["timely"], found["accurate"]) == (("failed", "days-differ"), ("failed", "premiums-refused"))
    assert (found["underwriting"], found["claims"]) == (("indeterminate", "none-known"),) * 2
    held = Conduct({("drug_liability", "verified"): 1, ("other", "held"): 1})
    assert outcomes(held, FilingRegistry())["accurate"] == ("indeterminate", "premiums-held")


def test_late_filings_name_the_policies_that_were_signed_before_and_duties_every_insurer(dsn: str) -> None:
    async def work(service: Service) -> None:
        pushed = json.loads(world().registry_json())
        insurer = world().insurer(C)
        facts = world().policy(insurer, next_number())
        own = next(
            one for one in pushed["filings"] if one["registration_no"] == facts.body["clauses"][0]["registration_no"]
        )
        signed = date.fromisoformat(facts.body["issued_on"])
        used, done = signed - timedelta(days=2), signed + timedelta(days=25)
        own |= {"first_used_on": str(used), "registered_on": str(done)}
        own["intervals"] = [
            {"state": "pending", "from": str(used), "to": str(done - timedelta(days=1))},
            {"state": "in_use", "from": str(done)},
        ]
        got = await service.call(
            "REGULATOR", "PUT", "/v1/filings", json.dumps(pushed).encode(), {"content-type": "application/json"}
        )
        assert got.status == 200, got.body
        await service.submit(insurer, facts)
        path = "/v1/oversight/late-filings"
        (item,) = (await service.call("REGULATOR", "GET", path)).json()["items"]
        assert (item["insurer"], item["clause"], item["outcome"]) == (C, own["registration_no"], "failed")
        assert (item["reason"], item["completed_on"], item["policies"]) == ("registered-late", str(done), 1)
        assert item["first_signed_on"] == str(signed)
        query = f"?insurer={C}&clause={item['clause']}&to={done - timedelta(days=1)}"
        assert len((await service.call("REGULATOR", "GET", f"/v1/oversight/policies{query}")).json()["items"]) == 1
        told = (await service.call("REGULATOR", "GET", "/v1/oversight/duties")).json()["items"]
        assert [one["insurer"] for one in told] == [one.code for one in service.gateway.participants.insurers()]
        (mine,) = (await service.call("REGULATOR", "GET", f"/v1/oversight/duties?insurer={C}")).json()["items"]
        by_rule = {duty["rule"]: duty["outcome"] for duty in mine["duties"]}
        assert by_rule["duty.product-filed"] == "passed"
        assert by_rule["duty.implementation-plan"] == "indeterminate"
        service.later(minutes=10)
        moment = (service.now - timedelta(minutes=5)).isoformat().replace("+00:00", "Z")
        for name in ("late-filings", "duties"):
            assert (await service.call("REGULATOR", "GET", f"/v1/oversight/{name}?as_of={moment}")).status == 200

    serve(dsn, work, recheck_every_seconds=3600)
