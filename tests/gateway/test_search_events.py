"""What happened, as it is listed: impacts with their reasons, messages with their problems, what is held, and more."""

import json
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import pytest
from house import e_policy, naming, next_number, world
from premiums_at_hand import AT, keep, money_of, policy_of, premium_of
from service import Service, serve

from schemas.money import Yuan
from schemas.verified import Impact, VerifiedPremium

C, D = "SANDBOX-C", "SANDBOX-D"


def number(n: int) -> str:
    return f"PTEST2026330108{n:08d}"


async def listed(service: Service, who: str, path: str) -> Any:
    got = await service.call(who, "GET", path)
    assert got.status == 200, got.body
    return got.json()


def asked(dsn: str, premiums: list[VerifiedPremium], work: Callable[[Service], Awaitable[None]]) -> None:
    keep(dsn, *premiums)
    serve(dsn, work)


def changed(n: int, insurer: str, hours: int) -> VerifiedPremium:
    impact = Impact(before=Yuan.of("800000.00"), after=Yuan.of("0.00"), clawback=Yuan.of("800000.00"))
    at = AT - timedelta(hours=hours)
    money = money_of(refunded="800000.00")
    return premium_of(
        policy_of(number(n)), money, insurer=insurer, status="withdrawn", revision=2, at=at, impact=impact
    )


def test_impacts_are_listed_the_latest_first_with_their_reasons(dsn: str) -> None:
    premiums = [premium_of(policy_of(number(n)), insurer=(C, D)[n % 2], at=AT - timedelta(days=9)) for n in range(3)]
    premiums += [changed(n, (C, D)[n % 2], n * 24) for n in range(3)]

    async def work(service: Service) -> None:
        path = "/v1/premiums/impacts"
        every = await listed(service, "SUBSIDY", path)
        assert [one["policy_no"] for one in every["items"]] == [number(n) for n in range(3)]
        first = every["items"][0]
        assert first | {"known_at": None} == {
            "insurer": C,
            "policy_no": number(0),
            "revision": 2,
            "known_at": None,
            "enterprise": "示例医药（杭州）有限公司",
            "product": "示例单抗注射液",
            "status_before": "verified",
            "status": "withdrawn",
            "before": "800000.00",
            "after": "0.00",
            "change": "-800000.00",
            "clawback": "800000.00",
            "schemes": [],
            "reasons": first["reasons"],
            "movements": [],
            "premium": f"/v1/insurers/{C}/policies/{number(0)}/premium",
            "evidence": f"/v1/insurers/{C}/policies/{number(0)}/evidence",
        }
        assert [(one["rule"], one["reason"]) for one in first["reasons"]] == [("premium.paid-in-full", "short")]
        assert first["reasons"][0]["expected"] != first["reasons"][0]["expected_en"]
        seen, after = [], ""
        while True:
            page = await listed(service, "REGULATOR", f"{path}?limit=1{after}")
            seen += page["items"]
            if page["next"] is None:
                break
            after = f"&after={page['next']}"
        assert seen == every["items"]
        one_day = await listed(service, "SUBSIDY", f"{path}?from=2026-08-31&to=2026-08-31")
        assert [one["policy_no"] for one in one_day["items"]] == [number(1)]
        own = await listed(service, C, path)
        assert [one["policy_no"] for one in own["items"]] == [number(0), number(2)]
        assert (await service.call(C, "GET", f"{path}?insurer={D}")).status == 403
        assert await listed(service, "SUBSIDY", f"{path}?insurer={D}") == await listed(service, D, path)

    asked(dsn, premiums, work)


def test_held_premiums_say_since_when_and_what_they_wait_for(dsn: str) -> None:
    hours = timedelta(hours=1)
    premiums = [
        premium_of(policy_of(number(1)), insurer=C, status="refused", at=AT - 99 * hours),
        premium_of(policy_of(number(1)), insurer=C, status="held", revision=2, at=AT - 72 * hours),
        premium_of(policy_of(number(1)), insurer=C, status="held", revision=3, at=AT - 2 * hours),
        premium_of(policy_of(number(2)), insurer=D, status="held", at=AT),
        premium_of(policy_of(number(3)), insurer=D),
    ]

    async def work(service: Service) -> None:
        every = (await listed(service, "REGULATOR", "/v1/oversight/held"))["items"]
        assert [(one["policy_no"], one["days"]) for one in every] == [(number(1), 3), (number(2), 0)]
        assert every[0]["since"] == (AT - 72 * hours).isoformat()
        assert [one["rule"] for one in every[0]["waits_for"]] == ["premium.paid-in-full"]
        assert every[0]["subject"] == f"premium:{C}/{number(1)}"
        page = await listed(service, "OPERATOR", "/v1/oversight/held?limit=1")
        rest = await listed(service, "OPERATOR", f"/v1/oversight/held?limit=1&after={page['next']}")
        assert (page["items"] + rest["items"], rest["next"]) == (every, None)
        assert len((await listed(service, "REGULATOR", f"/v1/oversight/held?insurer={D}"))["items"]) == 1
        for who in (C, "SUBSIDY"):
            assert (await service.call(who, "GET", "/v1/oversight/held")).status == 403

    asked(dsn, premiums, work)


def test_messages_of_a_day_with_what_is_wrong_in_them(dsn: str) -> None:
    insurer = world().insurer(C)

    async def work(service: Service) -> None:
        await service.push_filings()
        facts = world().policy(insurer, next_number())
        paper = e_policy(insurer, facts)
        await service.put(insurer, paper)
        good = await service.submit(insurer, naming(facts, "policy", paper))
        assert good.status == 201, good.body
        service.later(minutes=1)
        bad = await service.submit(insurer, world().policy(insurer, next_number(), premium={"gross": "1.00"}))
        assert bad.status == 422, bad.body
        path = f"/v1/insurers/{C}/submissions"
        every = await listed(service, C, path)
        assert [one["status"] for one in every["items"]] == ["refused", json.loads(good.body)["status"]]
        refused = every["items"][0]
        assert refused["problem_count"] == len(bad.json()["problems"]) > 0
        assert [one["rule"] for one in refused["problems"]] == [one["rule"] for one in bad.json()["problems"]]
        assert await listed(service, "REGULATOR", path) == await listed(service, "OPERATOR", path) == every
        today = await listed(service, C, f"{path}?day=2026-09-01&outcome=refused")
        assert today["items"] == every["items"][:1]
        assert (await listed(service, C, f"{path}?day=2026-08-31"))["items"] == []
        first = await listed(service, C, f"{path}?limit=1")
        rest = await listed(service, C, f"{path}?limit=1&after={first['next']}")
        assert first["items"] + rest["items"] == every["items"]
        for code in (D, "NOBODY"):
            assert (await service.call(C, "GET", f"/v1/insurers/{code}/submissions")).status == 403
        assert (await service.call("REGULATOR", "GET", "/v1/insurers/NOBODY/submissions")).status == 404
        assert (await service.call("SUBSIDY", "GET", path)).status == 404

    serve(dsn, work)


async def directive(service: Service, subject: str, action: str = "suspend", days: int = 0) -> str:
    record = {
        "subject": subject,
        "action": action,
        "effective_from": (service.now + timedelta(days=days)).isoformat(),
        "reason": "检查发现问题",
        "authority": "示例省金融监管局",
    }
    envelope = {
        "schema": "premium-exchange/1.0",
        "type": "directive",
        "message_id": f"directive-{next_number()}",
        "sent_at": service.now.isoformat(),
        "record": record,
    }
    body = json.dumps(envelope).encode()
    got = await service.call("REGULATOR", "POST", "/v1/directives", body, {"content-type": "application/json"})
    assert got.status == 201, got.body
    return str(got.json()["submission_id"])


def test_directives_are_listed_to_whom_they_touch(dsn: str) -> None:
    mine = world().clause(world().insurer(C), "main")["registration_no"]

    async def work(service: Service) -> None:
        first = await directive(service, f"clause:{mine}")
        service.later(minutes=1)
        resumed = await directive(service, f"clause:{mine}", "resume")
        others = await directive(service, f"insurer:{D}")
        kind = await directive(service, "type:delivery", days=3)
        every = (await listed(service, "REGULATOR", "/v1/directives"))["items"]
        assert [(one["id"], one["counts"], one["begun"]) for one in every] == [
            (kind, False, False),
            (others, True, True),
            (resumed, True, True),
            (first, False, True),
        ]
        page = await listed(service, "REGULATOR", "/v1/directives?limit=3")
        rest = await listed(service, "REGULATOR", f"/v1/directives?limit=3&after={page['next']}")
        assert (page["items"] + rest["items"], rest["next"]) == (every, None)
        own = (await listed(service, C, "/v1/directives"))["items"]
        assert [one["id"] for one in own] == [kind, resumed, first]
        theirs = (await listed(service, D, "/v1/directives"))["items"]
        assert [one["id"] for one in theirs] == [kind, others]

    serve(dsn, work)


def test_a_clause_that_is_suspended_stops_its_policies_until_it_is_resumed(dsn: str) -> None:
    insurer = world().insurer(C)
    clause = world().clause(insurer, "main")["registration_no"]

    async def submitted(service: Service) -> list[str]:
        got = await service.submit(insurer, world().policy(insurer, next_number(), issued_on=service.now.date()))
        receipt = got.json().get("receipt") or got.json()
        return [rule for one in receipt["premiums"] for rule in one["failing"]]

    async def work(service: Service) -> None:
        await service.push_filings()
        await directive(service, f"clause:{clause}")
        assert "policy.clause-not-suspended" in await submitted(service)
        service.later(minutes=1)
        await directive(service, f"clause:{clause}", "resume")
        assert "policy.clause-not-suspended" not in await submitted(service)

    serve(dsn, work)


def test_operation_says_how_the_service_runs_and_why_it_is_degraded(dsn: str) -> None:
    async def work(service: Service) -> None:
        await service.push_filings()
        told = await listed(service, "OPERATOR", "/v1/operation")
        assert told["queue"] == {"waiting": 0}
        assert told["batches"] == told["deliveries"] == []
        assert told["log"]["size"] > 0
        assert told["trust"]["same"]
        assert told["trust"]["certificates"]
        assert {one["participant"] for one in told["keys"]} >= {C, D, "OPERATOR"}
        assert [one["stale"] for one in told["registries"]] == [False]
        assert not any(one["kind"] == "stale-registry" for one in told["degraded"])
        service.gateway.notes.append("log: something")
        service.later(days=60)
        later = await listed(service, "OPERATOR", "/v1/operation")
        kinds = {one["kind"] for one in later["degraded"]}
        assert kinds >= {"note", "stale-registry"}
        for who in (C, "SUBSIDY", "REGULATOR"):
            assert (await service.call(who, "GET", "/v1/operation")).status == 403

    serve(dsn, work)


def test_participants_are_listed_with_their_keys_and_an_insurer_sees_itself(dsn: str) -> None:
    async def work(service: Service) -> None:
        every = (await listed(service, "OPERATOR", "/v1/participants"))["items"]
        assert {C, D} <= {one["code"] for one in every}
        assert every == (await listed(service, "REGULATOR", "/v1/participants"))["items"]
        (own,) = (await listed(service, C, "/v1/participants"))["items"]
        assert own["code"] == C
        assert all("public_key" not in key for key in own["keys"])
        assert {key["state"] for key in own["keys"]} <= {"valid", "ends-soon", "ended", "not-yet"}
        assert (await service.call("SUBSIDY", "GET", "/v1/participants")).status == 404

    serve(dsn, work)


@pytest.mark.parametrize(
    "path",
    [
        "/v1/premiums/impacts?after=x",
        "/v1/premiums/impacts?from=2026-02-01&to=2026-01-01",
        "/v1/premiums/impacts?from=1000-01-01",
        "/v1/oversight/held?after=x",
        f"/v1/insurers/{C}/submissions?day=9999-12-31",
        f"/v1/insurers/{C}/submissions?outcome=good",
        # A cursor of another list, and one that nobody wrote.
        "/v1/oversight/held?after=cHJlbWl1bS1zZWFyY2gfQR8",
        "/v1/premiums/impacts?after=aW1wYWN0cx94H3kfeh8x",
    ],
)
def test_what_cannot_be_asked_is_a_bad_request(dsn: str, path: str) -> None:
    async def work(service: Service) -> None:
        assert (await service.call("REGULATOR", "GET", path)).status == 400

    serve(dsn, work)
