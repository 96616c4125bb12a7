"""Report cards: what a day has to be mended in, how a month was, and the same bytes whenever they are asked for."""

import asyncio
import io
import json
from collections.abc import Awaitable, Callable
from datetime import date, timedelta
from typing import Any

import openpyxl
import pytest
from house import AT, e_policy, naming, next_number, world
from hypothesis import given, settings
from hypothesis import strategies as st
from one_policy import record as record_of
from service import Answered, Service, serve

from gateway.cards.monthly import EXPIRED, REVOKED, UNKNOWN, WEAK, hygiene, measure, standing
from gateway.cards.store import Judged, SealUsed
from gateway.cards.terms import day_of, month_of
from gateway.catalogue import load_catalogue
from schemas.canonical import as_json

C, D = "SANDBOX-C", "SANDBOX-D"
MONTHLY = f"/v1/insurers/{C}/cards/monthly/2026-09"
DAILY = f"/v1/insurers/{C}/cards/daily/2026-09-01"


async def card(service: Service, path: str, who: str = C) -> Any:
    got = await service.call(who, "GET", path)
    assert got.status == 200, got.body
    return got.json()


async def submitted(service: Service, **changes: Any) -> Answered:
    insurer = world().insurer(C)
    facts = world().policy(insurer, next_number(), **changes)
    paper = e_policy(insurer, facts)
    await service.put(insurer, paper)
    return await service.submit(insurer, naming(facts, "policy", paper))


async def told(service: Service, kind: str, record: dict[str, Any]) -> Answered:
    envelope = {
        "schema": "premium-exchange/1.0",
        "type": kind,
        "message_id": f"card-{next_number()}",
        "insurer": C,
        "sent_at": service.now.isoformat(),
        "record": record,
    }
    return await service.post(C, json.dumps(envelope, ensure_ascii=False).encode())


def receipt(number: int, received_on: date, amount: str = "100.00") -> dict[str, Any]:
    changes = {"policy_no": f"PBING2026330100{number:08d}", "receipt_no": f"SK{number:06d}", "amount": amount}
    stated: dict[str, Any] = as_json(record_of("premium_receipt", changes | {"received_on": received_on.isoformat()}))
    return stated


async def eventful(service: Service) -> None:
    """A good policy, one that is refused, two receipts of which one is late, a day that is closed, and told anew."""
    await service.push_filings()
    assert (await submitted(service)).status == 201
    refused = await service.submit(
        world().insurer(C), world().policy(world().insurer(C), next_number(), premium={"gross": "1.00"})
    )
    assert refused.status == 422
    assert (await told(service, "premium_receipt", receipt(1, date(2026, 9, 1)))).status == 201
    assert (await told(service, "premium_receipt", receipt(2, date(2026, 8, 20)))).status == 201
    for count in (2, 1):
        closing = {"date": "2026-09-01", "totals": [{"type": "premium_receipt", "count": count, "amount": "100.00"}]}
        assert (await told(service, "day_close", closing)).status == 201


def serving(dsn: str, work: Callable[[Service], Awaitable[None]]) -> None:
    async def run(service: Service) -> None:
        await eventful(service)
        await work(service)

    serve(dsn, run)


def test_a_monthly_card_counts_what_came(dsn: str) -> None:
    async def work(service: Service) -> None:
        service.later(days=40)
        found = await card(service, MONTHLY)
        assert (found["final"], found["revision"], found["as_of"]) == (True, 1, "2026-10-03T16:00:00Z")
        assert found["number"] == f"{C}-202609-R1-{found['digest'][7:19]}"
        assert found["messages"] == {"total": 6, "verified": found["messages"]["verified"], **_rest(found)}
        assert found["messages"]["refused"] == 1
        receipts = found["timeliness"]["from_receipt_of_money"]
        assert (receipts["count"], receipts["late"], receipts["median_days"], receipts["max_days"]) == (2, 1, "6", 12)
        assert receipts["p90_days"] == 12
        assert [one["number"] for one in receipts["slowest"]] == ["SK000002"]
        assert found["timeliness"]["from_issue"]["count"] == 1
        days = found["completeness"]
        assert (days["days"], days["agrees"] + days["differs"] + days["open"]) == (30, 30)
        assert days["calendar"][0]["superseded"] == 1
        assert found["corrections"]["day_totals_superseded"] == 1
        assert found["refusals"][0]["count"] >= 1
        assert found["refusals"][0]["title"] != found["refusals"][0]["title_en"]
        seals = found["seals"]
        assert (seals["documents"], seals["claimed_time_only"], seals["expired"], seals["weak"]) == (1, 1, 0, 0)
        assert seals["used"][0]["documents"] == 1
        assert {one["keyid"]: one["messages"] for one in found["keys"]}[world().insurer(C).request_key.keyid] == 6
        others = await card(service, f"/v1/insurers/{D}/cards/monthly/2026-09", D)
        assert others["messages"]["total"] == others["seals"]["documents"] == 0
        assert others["timeliness"]["from_issue"]["median_days"] is None

    serving(dsn, work)


def _rest(found: Any) -> dict[str, int]:
    counts = found["messages"]
    assert counts["verified"] + counts["held"] + counts["refused"] == counts["total"]
    return {name: counts[name] for name in ("held", "refused")}


def test_the_same_card_is_the_same_bytes_in_every_form(dsn: str) -> None:
    async def work(service: Service) -> None:
        service.later(days=40)
        moment = "2026-10-05T00:00:00Z"
        for path in (MONTHLY, DAILY, f"{MONTHLY}?as_of={moment}", f"{DAILY}?as_of={moment}"):
            joint = "&" if "?" in path else "?"
            first = {
                form: (await service.call(C, "GET", f"{path}{joint}format={form}")).body
                for form in ("json", "xlsx", "pdf")
            }
            # Something comes, the clock goes on, somebody else asks: nothing of that is in the card.
            service.later(days=1)
            assert (await told(service, "premium_receipt", receipt(next_number() + 10, date(2026, 9, 2)))).status == 201
            for who in (C, "REGULATOR"):
                for form, body in first.items():
                    got = await service.call(who, "GET", f"{path}{joint}format={form}")
                    assert got.body == body, (path, form)
            assert first["pdf"].startswith(b"%PDF")
            found = json.loads(first["json"])
            (sheet,) = openpyxl.load_workbook(io.BytesIO(first["xlsx"])).worksheets
            assert found["number"] in {cell for row in sheet.iter_rows(values_only=True) for cell in row}
            assert found["number"].encode() in first["pdf"]
            by_accept = await service.call(C, "GET", path, headers={"accept": "application/pdf"})
            assert by_accept.body == first["pdf"]
        later = await card(service, f"{MONTHLY}?as_of={moment}")
        issued = await card(service, MONTHLY)
        assert (later["revision"], issued["revision"]) == (2, 1)
        assert later["number"] != issued["number"]

    serving(dsn, work)


def test_a_daily_card_says_what_to_mend_where_and_until_when(dsn: str) -> None:
    async def work(service: Service) -> None:
        service.later(minutes=5)
        found = await card(service, DAILY)
        assert (found["final"], found["revision"], found["mend_by"]) == (False, 0, "2026-09-02")
        (refused,) = found["refused"]["items"]
        assert refused["mend_by"] == "2026-09-02"
        assert refused["state"] in ("open", "unread")
        problem = refused["problems"][0]
        assert {"rule", "reason", "detail", "detail_en", "expected"} <= set(problem)
        assert found["day_close"]["status"] in ("agrees", "differs")
        assert [one["status"] for one in found["premiums"]["items"]] != []
        # The first whole minute that is settled is as good as any other: the next one is another card.
        again = await card(service, DAILY)
        assert again == found
        service.later(days=3)
        over = await card(service, DAILY)
        assert (over["final"], over["as_of"]) == (True, "2026-09-01T16:02:00Z")
        later = await card(service, f"{DAILY}?as_of=2026-09-04T00:00:00Z")
        assert later["refused"]["items"][0]["state"] in ("overdue", "unread")

    serving(dsn, work)


def test_what_was_refused_is_mended_when_it_is_told_and_taken(dsn: str) -> None:
    insurer = world().insurer(C)

    async def work(service: Service) -> None:
        await service.push_filings()
        facts = world().policy(insurer, next_number())
        paper = e_policy(insurer, facts)
        spoilt = receipt(7, date(2026, 8, 31)) | {"policy_no": facts.policy_no, "received_on": "2027-01-01"}
        got = await told(service, "premium_receipt", spoilt)
        service.later(minutes=10)
        before = await card(service, DAILY)
        await service.put(insurer, paper)
        assert (await service.submit(insurer, naming(facts, "policy", paper))).status == 201
        good = await told(service, "premium_receipt", spoilt | {"received_on": "2026-08-31"})
        service.later(minutes=10)
        after = await card(service, DAILY)
        assert (got.status, good.status) == (422, 201)
        assert [one["state"] for one in before["refused"]["items"]] == ["open"]
        assert [one["state"] for one in after["refused"]["items"]] == ["mended"]
        assert after["refused"]["items"][0]["mended_by"] == [good.json()["submission_id"]]

    serve(dsn, work)


def test_lines_of_a_batch_that_are_no_messages_are_told_once_it_has_ended(dsn: str) -> None:
    async def work(service: Service) -> None:
        headers = {"content-type": "application/jsonl"}
        sent = await service.call(C, "POST", "/v1/batches", b'{"not": "json\n', headers)
        assert sent.status == 202, sent.body
        for _ in range(100):
            state = await service.call(C, "GET", f"/v1/batches/{sent.json()['batch']}")
            if state.json()["status"] == "done":
                break
            await asyncio.sleep(0.05)
        service.later(days=2)
        found = (await card(service, DAILY))["batch_lines"]["items"]
        known = (await card(service, DAILY))["refused"]["items"]
        assert len(found) + len(known) == 1
        assert [one["problem_count"] > 0 for one in [*found, *known]] == [True]
        for form in ("xlsx", "pdf"):
            assert (await service.call(C, "GET", f"{DAILY}?format={form}")).status == 200

    serve(dsn, work)


def test_all_insurers_stand_side_by_side_for_those_who_oversee_them(dsn: str) -> None:
    async def work(service: Service) -> None:
        service.later(days=40)
        every = (await card(service, "/v1/oversight/cards?month=2026-09", "REGULATOR"))["items"]
        own = await card(service, MONTHLY, "OPERATOR")
        assert {one["insurer"] for one in every} >= {C, D}
        (mine,) = (one for one in every if one["insurer"] == C)
        assert mine["number"] == own["number"]
        (seen,) = (await card(service, f"/v1/insurers/{C}/accesses"))["items"]
        assert (seen["participant"], seen["subject"]) == ("OPERATOR", "card 2026-09")
        assert mine["messages"] == own["messages"]
        assert mine["refusals"] == sum(one["count"] for one in own["refusals"])
        for who in (C, "SUBSIDY"):
            assert (await service.call(who, "GET", "/v1/oversight/cards?month=2026-09")).status == 403

    serving(dsn, work)


def test_an_insurer_reads_its_own_cards_only_and_only_of_what_has_begun(dsn: str) -> None:
    async def work(service: Service) -> None:
        service.later(days=40)
        for code in (D, "NOBODY"):
            assert (await service.call(C, "GET", f"/v1/insurers/{code}/cards/monthly/2026-09")).status == 403
        assert (await service.call("REGULATOR", "GET", "/v1/insurers/NOBODY/cards/monthly/2026-09")).status == 404
        assert (await service.call("SUBSIDY", "GET", MONTHLY)).status == 404
        for path in (
            f"{MONTHLY}?as_of=2020-01-01T00:00:00Z",
            f"{MONTHLY}?as_of=2027-01-01T00:00:00Z",
            f"{MONTHLY}?format=doc",
            f"/v1/insurers/{C}/cards/daily/2026-02-30",
            f"/v1/insurers/{C}/cards/monthly/2026-13",
        ):
            assert (await service.call(C, "GET", path)).status == 400, path
        assert (await service.call(C, "GET", f"/v1/insurers/{C}/cards/monthly/2027-01")).status == 404

    serve(dsn, work)


def test_a_document_counts_once_under_each_thing_that_is_wrong_with_its_seals() -> None:
    expired = ("signature.certificate-period", "expired")
    weak, unknown = ("signature.method", "algorithm-weak"), ("signature.revocation", "revocation-unknown")
    found = hygiene(
        [
            Judged("failed", (expired, weak, ("seal.period", "seal-expired")), True, 3),
            Judged("indeterminate", (unknown,), False, 2),
            Judged("passed", (), True, 10),
        ],
        [SealUsed("甲", "CA", "01", "2026-10-01T00:00:00Z", "章", None, "sm2-sm3", 15)],
        AT,
    )
    counted = ("documents", "passed", "failed", "indeterminate", "expired", "revoked", "revocation_unknown", "weak")
    assert [found[name] for name in counted] == [15, 10, 3, 2, 3, 0, 2, 3]
    assert found["claimed_time_only"] == 13
    assert {(one["rule"], one["reason"]): one["documents"] for one in found["findings"]}[expired] == 3
    assert (found["used"][0]["certificate"], found["used"][0]["seal_standing"]) == ("ends-soon", "unknown")


def test_the_words_of_the_card_are_reasons_of_the_judge() -> None:
    known = {reason for rule in load_catalogue().rules.values() for reason in rule.reasons}
    assert known >= EXPIRED | REVOKED | UNKNOWN | WEAK


@given(st.lists(st.integers(0, 40), min_size=1, max_size=40))
@settings(max_examples=60)
def test_median_and_percentile_are_those_of_the_days_one_by_one(days: list[int]) -> None:
    stated = date(2026, 3, 2)
    found = measure([(stated, stated + timedelta(days=one), 1) for one in days])
    ordered = sorted(days)
    middle = ordered[(len(days) - 1) // 2] + ordered[len(days) // 2]
    assert found["median_days"] == (f"{middle // 2}.5" if middle % 2 else str(middle // 2))
    assert found["p90_days"] == next(one for one in ordered if sum(x <= one for x in days) * 10 >= 9 * len(days))
    assert found["late"] == sum(one > 1 for one in days)
    assert found["max_days"] == ordered[-1]


def test_holidays_are_not_late_and_an_unpublished_year_is_not_in_time() -> None:
    # 30 September 2026 is a Wednesday; the national holidays end on 7 October.
    eve = date(2026, 9, 30)
    after = [day for day in range(1, 15) if not measure([(eve, eve + timedelta(days=day), 1)])["late"]]
    assert after == list(range(1, max(after) + 1))
    assert max(after) >= 8
    unpublished = measure([(date(2098, 1, 1), date(2098, 3, 1), 4)])
    assert (unpublished["late"], unpublished["undecided"]) == (0, 4)
    assert measure([(None, eve, 3)])["without_day"] == 3


def test_periods_end_where_the_next_begin() -> None:
    assert month_of(date(2026, 12, 1)).last == date(2026, 12, 31)
    assert month_of(date(2028, 2, 1)).last == date(2028, 2, 29)
    assert day_of(date(2026, 9, 1)).end == day_of(date(2026, 9, 2)).start


@pytest.mark.parametrize(("days", "said"), [(-1, "ended"), (30, "ends-soon"), (61, "valid")])
def test_keys_end_soon_before_they_end(days: int, said: str) -> None:
    assert standing(AT + timedelta(days=days), AT) == said
    assert standing(None, AT) == "no-end"
