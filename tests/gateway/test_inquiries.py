"""Inquiries: asked, answered and closed by signed requests, each once, each in the log; and nobody else's to see."""

import hashlib
from datetime import date
from typing import Any

import orjson
import pytest
from house import AT, e_policy, fetch, next_number, world
from premiums_at_hand import keep, policy_of, premium_of
from service import Answered, Service, serve

from gateway.inquiries.inquire import check_due
from schemas.inquiry import Question

C, D = "SANDBOX-C", "SANDBOX-D"
NO = "PTEST202633010800000001"
SUBJECT = f"premium:{C}/{NO}"


async def asked(service: Service, who: str = "REGULATOR", **changes: Any) -> Answered:
    body = {"subject": SUBJECT, "question": "请说明退费原因"} | changes
    return await service.call(who, "POST", "/v1/inquiries", orjson.dumps(body))


async def said(service: Service, who: str, inquiry: str, what: str, **body: Any) -> Answered:
    return await service.call(who, "POST", f"/v1/inquiries/{inquiry}/{what}", orjson.dumps(body))


async def listed(service: Service, who: str, query: str = "") -> list[Any]:
    got = await service.call(who, "GET", f"/v1/inquiries{query}")
    assert got.status == 200, got.body
    items: list[Any] = got.json()["items"]
    return items


def rules(got: Answered) -> list[tuple[str, str]]:
    return [(one["rule"], one["reason"]) for one in got.json()["problems"]]


def with_premium(dsn: str) -> None:
    keep(dsn, premium_of(policy_of(NO), insurer=C), premium_of(policy_of(NO[:-1] + "2"), insurer=D))


def test_an_inquiry_is_asked_answered_and_closed_and_each_step_is_in_the_log(dsn: str) -> None:
    with_premium(dsn)

    async def work(service: Service) -> None:
        first = await asked(service)
        assert first.status == 201, first.body
        told = first.json()
        assert told | {"steps": None, "id": None, "asked_at": None} == {
            "id": None,
            "insurer": C,
            "subject": SUBJECT,
            "status": "open",
            "asked_at": None,
            "asked_by": "REGULATOR",
            "question": "请说明退费原因",
            "due_on": "2026-09-08",
            "overdue": False,
            "late": False,
            "answers": 0,
            "answered_at": None,
            "closed_at": None,
            "outcome": None,
            "about": f"/v1/insurers/{C}/policies/{NO}/premium",
            "steps": None,
        }
        paper = e_policy(world().insurer(C), world().policy(world().insurer(C), next_number()))
        await service.put(world().insurer(C), paper)
        service.later(days=1)
        answered = await said(service, C, told["id"], "answer", text="见附件", documents=[paper.digest])
        assert answered.status == 201, answered.body
        assert (answered.json()["status"], answered.json()["answers"]) == ("answered", 1)
        more = await said(service, C, told["id"], "answer", text="补充说明")
        assert more.json()["answers"] == 2
        closed = await said(service, "REGULATOR", told["id"], "close", outcome="satisfied", reason="已说明")
        assert (closed.status, closed.json()["status"], closed.json()["outcome"]) == (201, "closed", "satisfied")
        late = await said(service, C, told["id"], "answer", text="再补充")
        assert (late.status, rules(late)) == (422, [("inquiry.open", "closed")])
        steps = closed.json()["steps"]
        assert [one["act"] for one in steps] == ["asked", "answered", "answered", "closed"]
        async with service.gateway.pool.connection() as connection:
            logged = await fetch(connection, "SELECT index, data FROM ledger_entries WHERE kind = 'inquiry' ORDER BY 1")
        assert [index for index, _ in logged] == [one["leaf_index"] for one in steps]
        for (_, data), step in zip(logged, steps, strict=True):
            entry = orjson.loads(bytes(data))["body"]
            assert (entry["act"], entry["participant"]) == (step["act"], step["by"])
            assert entry["body_digest"] == step["body_digest"]
        body = orjson.dumps({"text": "补充说明"})
        assert steps[2]["body_digest"] == f"sha256:{hashlib.sha256(body).hexdigest()}"

    serve(dsn, work)


def test_the_same_request_again_changes_nothing(dsn: str) -> None:
    with_premium(dsn)

    async def work(service: Service) -> None:
        first, again = await asked(service), await asked(service)
        assert (first.status, again.status) == (201, 200)
        assert first.json()["id"] == again.json()["id"]
        other = await asked(service, "SUBSIDY")
        assert other.status == 201
        assert other.json()["id"] != first.json()["id"]
        inquiry = first.json()["id"]
        for what, who, body in (
            ("answer", C, {"text": "好"}),
            ("close", "REGULATOR", {"outcome": "not-satisfied", "reason": "不足"}),
        ):
            statuses = [(await said(service, who, inquiry, what, **body)).status for _ in range(2)]
            assert statuses == [201, 200]
        assert len((await service.call(C, "GET", f"/v1/inquiries/{inquiry}")).json()["steps"]) == 3

    serve(dsn, work)


def test_an_inquiry_is_overdue_by_the_clock_until_it_is_answered(dsn: str) -> None:
    with_premium(dsn)

    async def work(service: Service) -> None:
        inquiry = (await asked(service, due_on="2026-09-02")).json()["id"]
        assert await listed(service, "REGULATOR", "?overdue=true") == []
        service.later(days=1)
        assert await listed(service, "REGULATOR", "?overdue=true") == []
        service.later(days=1)
        (late,) = await listed(service, "REGULATOR", "?overdue=true")
        assert (late["id"], late["overdue"], late["late"]) == (inquiry, True, False)
        await said(service, C, inquiry, "answer", text="迟到的答复")
        assert await listed(service, C, "?overdue=true") == []
        (own,) = await listed(service, C, "?status=answered")
        assert (own["overdue"], own["late"]) == (False, True)

    serve(dsn, work)


def test_what_concerns_others_is_not_there(dsn: str) -> None:
    with_premium(dsn)

    async def work(service: Service) -> None:
        mine = (await asked(service)).json()["id"]
        theirs = (await asked(service, subject=f"premium:{D}/{NO[:-1]}2")).json()["id"]
        office = (await asked(service, "SUBSIDY", question="该保费是否退回")).json()["id"]
        every = [one["id"] for one in await listed(service, "REGULATOR")]
        assert every == [office, theirs, mine] == [one["id"] for one in await listed(service, "OPERATOR")]
        assert [one["id"] for one in await listed(service, C)] == [office, mine]
        assert [one["id"] for one in await listed(service, "SUBSIDY")] == [office]
        nobodys = "Q" + "0" * 32
        for who, inquiry in ((C, theirs), (D, mine), ("SUBSIDY", mine)):
            for method, place, body in (
                ("GET", "", b""),
                ("POST", "/answer", orjson.dumps({"text": "x"})),
                ("POST", "/close", orjson.dumps({"outcome": "withdrawn", "reason": "x"})),
            ):
                got = await service.call(who, method, f"/v1/inquiries/{inquiry}{place}", body)
                none = await service.call(who, method, f"/v1/inquiries/{nobodys}{place}", body)
                assert got.status == none.status in (403, 404), (who, place)
                assert got.body == none.body.replace(nobodys.encode(), inquiry.encode())
        assert (await service.call(C, "GET", f"/v1/inquiries?insurer={D}")).status == 403
        # Who asks is not who answers, and an operator does neither.
        for who in ("REGULATOR", "OPERATOR", "SUBSIDY"):
            assert (await said(service, who, mine, "answer", text="x")).status == 403
        for who in (C, "OPERATOR"):
            assert (await asked(service, who)).status == 403
            assert (await said(service, who, mine, "close", outcome="withdrawn", reason="x")).status == 403
        assert (await service.call("OPERATOR", "GET", f"/v1/inquiries/{mine}")).status == 200
        seen = (await service.call(C, "GET", f"/v1/insurers/{C}/accesses")).json()["items"]
        assert f"inquiry {mine}" in {one["subject"] for one in seen}

    serve(dsn, work)


def test_a_message_may_be_asked_about_by_a_regulator_only(dsn: str) -> None:
    async def work(service: Service) -> None:
        await service.push_filings()
        sent = await service.submit(world().insurer(C), world().policy(world().insurer(C), next_number()))
        receipt = sent.json().get("receipt") or sent.json()
        subject = f"submission:{receipt['submission_id']}"
        office = await asked(service, "SUBSIDY", subject=subject)
        nothing = await asked(service, "SUBSIDY", subject="submission:S" + "0" * 32)
        assert rules(office) == rules(nothing) == [("inquiry.subject", "not-known")]
        got = await asked(service, subject=subject)
        assert (got.status, got.json()["insurer"], got.json()["about"]) == (
            201,
            C,
            f"/v1/submissions/{receipt['submission_id']}",
        )

    serve(dsn, work)


def test_what_speaks_against_it_is_told(dsn: str) -> None:
    with_premium(dsn)

    async def work(service: Service) -> None:
        unknown = await asked(service, subject=f"premium:{C}/{NO[:-1]}9", due_on="2020-01-01")
        assert rules(unknown) == [("inquiry.subject", "not-known"), ("inquiry.due", "past")]
        assert rules(await asked(service, due_on="2028-01-01")) == [("inquiry.due", "too-far")]
        inquiry = (await asked(service)).json()["id"]
        foreign = "sha256:" + "1" * 64
        got = await said(service, C, inquiry, "answer", text="见附件", documents=[foreign])
        assert rules(got) == [("inquiry.documents", "not-handed-in")]
        for body in (b"", b"{}", b"[]", b'{"text": ""}', b'{"text": "\\u202e"}', b'{"text": "x", "more": 1}'):
            got = await service.call(C, "POST", f"/v1/inquiries/{inquiry}/answer", body)
            assert got.status in (400, 422), body
        for changes in ({"subject": "premium:x"}, {"subject": "clause:C"}, {"question": ""}, {"due_on": "never"}):
            assert (await asked(service, **changes)).status == 400, changes
        assert len((await service.call(C, "GET", f"/v1/inquiries/{inquiry}")).json()["steps"]) == 1

    serve(dsn, work)


def test_pages_tell_each_inquiry_once(dsn: str) -> None:
    with_premium(dsn)

    async def work(service: Service) -> None:
        for n in range(5):
            assert (await asked(service, question=f"问题{n}")).status == 201
        every = [one["question"] for one in await listed(service, "REGULATOR")]
        assert every == [f"问题{n}" for n in (4, 3, 2, 1, 0)]
        seen, after = [], ""
        while True:
            page = (await service.call("REGULATOR", "GET", f"/v1/inquiries?limit=2{after}")).json()
            seen += [one["question"] for one in page["items"]]
            if page["next"] is None:
                break
            after = f"&after={page['next']}"
        assert seen == every
        by_subject = await listed(service, "REGULATOR", f"?subject={SUBJECT}&insurer={C}&status=open")
        assert len(by_subject) == 5

    serve(dsn, work)


@pytest.mark.parametrize(
    ("due_on", "reason"),
    [("2026-09-01", None), ("2026-08-31", "past"), ("2027-09-02", None), ("2027-09-03", "too-far")],
)
def test_the_last_day_lies_ahead(due_on: str, reason: str | None) -> None:
    question = Question.model_validate({"subject": SUBJECT, "question": "?", "due_on": due_on})
    found, check = check_due(question, AT)
    assert check.reason == reason
    assert found == (date.fromisoformat(due_on) if reason is None else None)


def test_days_that_nobody_can_count_are_not_counted() -> None:
    question = Question.model_validate({"subject": SUBJECT, "question": "?"})
    assert check_due(question, AT)[0] == date(2026, 9, 8)
    assert check_due(question, AT.replace(year=2098))[1].reason == "not-countable"
