"""Matching and annexes over HTTP: found by what is stated, ambiguous when it is, and the same bytes for ever."""

import io
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import openpyxl
import orjson
import psycopg
import pytest
from house import AT as NOW
from house import e_policy, naming, next_number, world
from premiums_at_hand import ANOTHER, AT, HOLDER, NUMBER, PRODUCT, keep, money_of, policy_of, premium_of
from service import Answered, Service, serve

from gateway.match.fields import ANNEX_2, BY_NAME
from schemas.money import Yuan
from schemas.verified import Impact, VerifiedPremium
from untrusted import read_table

XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
STATED: dict[str, Any] = {
    "enterprise": HOLDER["name"],
    "region": "杭州市滨江区",
    "product": PRODUCT["generic_name"],
    "approval_no": PRODUCT["approval_no"],
    "rate": "2",
    "premium": "80",
    "paid": "80",
}


def asked(dsn: str, premiums: list[VerifiedPremium], work: Callable[[Service], Awaitable[None]]) -> None:
    keep(dsn, *premiums)
    serve(dsn, work)


async def matched(service: Service, *rows: dict[str, Any], who: str = "SUBSIDY", query: str = "") -> Any:
    got = await post(service, orjson.dumps({"annex": 2, "rows": rows}), who, query)
    assert got.status == 200, got.body
    return got.json()


async def post(service: Service, body: bytes, who: str = "SUBSIDY", query: str = "") -> Answered:
    return await service.call(who, "POST", f"/v1/premiums/match{query}", body, {"content-type": "application/json"})


def outcomes(row: dict[str, Any]) -> dict[str, str]:
    return {field["field"]: field["outcome"] for field in row["fields"]}


def test_an_honest_application_agrees_in_every_field(dsn: str) -> None:
    async def work(service: Service) -> None:
        answer = await matched(service, STATED, who="REGULATOR")
        (row,) = answer["rows"]
        assert (row["outcome"], row["found"], row["by"]) == ("agrees", "one", "enterprise-and-product")
        assert row["premium"]["policy_no"] == NUMBER
        assert set(outcomes(row).values()) == {"agrees"}
        assert row["unmentioned"] == answer["others"] == []
        assert answer["summary"] == {"agrees": 1, "differs": 0, "unknown": 0}

    asked(dsn, [premium_of()], work)


def test_a_difference_is_told_with_both_values_in_one_unit_and_its_cell(dsn: str) -> None:
    async def work(service: Service) -> None:
        answer = await matched(service, STATED | {"premium": "88.8", "policy_no": NUMBER})
        (row,) = answer["rows"]
        assert row["outcome"] == "differs"
        found = next(field for field in row["fields"] if field["field"] == "premium")
        assert found == {
            "field": "premium",
            "cell": "/rows/0/premium",
            "outcome": "differs",
            "stated": "88.8",
            "verified": "80",
            "unit": "万元",
        }

    asked(dsn, [premium_of()], work)


def test_one_number_of_several_insurers_is_told_apart_by_the_enterprise_or_not_at_all(dsn: str) -> None:
    theirs = premium_of(policy_of(policyholder=ANOTHER), insurer="TEST-B")
    twin = premium_of(policy_of("PTEST202633010800000002"), insurer="TEST-B")

    async def work(service: Service) -> None:
        by_number = await matched(
            service,
            {"policy_no": NUMBER, "credit_code": HOLDER["credit_code"]},
            {"policy_no": NUMBER},
            {"policy_no": "PTEST202633010800000009", **STATED},
            STATED,
            STATED | {"insurer": "TEST-B"},
            STATED | {"period": "2026年7月27日至2028年7月26日"},
            {"premium": "80"},
            {"policy_no": "1.2E+17", **STATED},
        )
        found = [(row["found"], row.get("reason")) for row in by_number["rows"]]
        assert found == [
            ("one", None),
            ("several", "several"),
            ("none", "not-known"),
            ("several", "several"),
            # The participants of this service are others: what nobody knows narrows nothing.
            ("several", "several"),
            ("none", "other-period"),
            ("none", "no-key"),
            ("none", "key-unreadable"),
        ]
        assert by_number["rows"][0]["premium"]["insurer"] == "TEST-A"
        assert {one["insurer"] for one in by_number["rows"][1]["candidates"]} == {"TEST-A", "TEST-B"}
        assert by_number["summary"] == {"agrees": 1, "differs": 0, "unknown": 7}
        assert set(by_number["reasons"]) >= {"several", "not-known", "other-period", "no-key", "key-unreadable"}

    asked(dsn, [premium_of(), theirs, twin], work)


def test_what_the_applicant_does_not_mention(dsn: str) -> None:
    later = AT - timedelta(hours=1)
    refunded = premium_of(
        money=money_of("800000.00", "800000.00", "300000.00"),
        status="withdrawn",
        revision=2,
        at=later,
        impact=Impact(before=Yuan.of("800000.00"), after=Yuan.of("0.00"), clawback=Yuan.of("800000.00")),
    )
    other_product = {**PRODUCT, "approval_no": "国药准字H20240777", "generic_name": "示例替尼片"}
    premiums = [
        premium_of(at=AT - timedelta(days=2)),
        refunded,
        premium_of(policy_of("PTEST202633010800000002", coinsurance=[
            {"insurer": "TEST-A", "share_percent": "60", "lead": True},
            {"insurer": "TEST-B", "share_percent": "40", "lead": False},
        ])),
        premium_of(policy_of("PTEST202633010800000003", product=other_product), insurer="TEST-B"),
        premium_of(policy_of("PTEST202633010800000004", product=other_product, policyholder=ANOTHER)),
        premium_of(policy_of("PTEST202633010800000005", policyholder=ANOTHER), insurer="TEST-B", status="held"),
    ]  # fmt: skip

    async def work(service: Service) -> None:
        answer = await matched(service, {"policy_no": NUMBER, "paid": "80"}, {"policy_no": NUMBER})
        row = answer["rows"][0]
        assert row["outcome"] == "differs"
        told = {one["kind"]: one for one in row["unmentioned"]}
        assert told["refunded"] == {"kind": "refunded", "amount": "300000.00", "refunds": ["TF0001"]}
        assert told["impact"]["clawback"] == "800000.00"
        assert told["changed-since-verified"]["revisions"] == 1
        assert told["claimed-again"] == {"kind": "claimed-again", "rows": [2], "count": 1}
        others = {one["policy_no"][-1]: one["because"] for one in answer["others"]}
        assert others == {"2": ["same-enterprise", "same-product"], "3": ["same-enterprise"], "5": ["same-product"]}
        assert answer["others_count"] == 3
        coinsured = await matched(service, {"policy_no": "PTEST202633010800000002"})
        assert coinsured["rows"][0]["unmentioned"][0]["kind"] == "coinsured"
        # As it was known before the refund, nothing had happened yet.
        moment = (AT - timedelta(days=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
        before = await matched(service, {"policy_no": NUMBER, "paid": "80"}, query=f"?as_of={moment}")
        assert before["rows"][0]["outcome"] == "agrees"
        assert before["rows"][0]["unmentioned"] == before["others"] == []

    asked(dsn, premiums, work)


def test_awards_of_this_scheme_and_of_sisters_are_told(dsn: str) -> None:
    sister = {"scheme": "SH-BIO", "reference": "沪1", "year": 2025, "amount": "100000.00", "awarded_on": "2026-06-01"}
    entries = [
        sister | {"policy_no": NUMBER},
        sister | {"reference": "沪2", "approval_no": PRODUCT["approval_no"]},
        sister | {"reference": "沪3", "policy_no": "PTEST202633010800000099"},
    ]

    async def work(service: Service) -> None:
        stated = orjson.dumps({"source": "省财政厅", "as_of": "2026-08-30", "entries": entries})
        path = "/v1/registries/sister-awards"
        assert (
            await service.call("REGULATOR", "PUT", path, stated, {"content-type": "application/json"})
        ).status == 200
        answer = await matched(service, STATED)
        told = [(one["by"], one["reference"]) for one in answer["rows"][0]["unmentioned"] if one["kind"] == "awarded"]
        assert told == [("policy", "沪1"), ("product", "沪2")]
        before = (NOW - timedelta(minutes=3)).strftime("%Y-%m-%dT%H:%M:%SZ")
        earlier = await matched(service, STATED, query=f"?as_of={before}")
        assert earlier["rows"][0]["unmentioned"] == []

    asked(dsn, [premium_of(at=AT - timedelta(hours=1))], work)
    with psycopg.connect(dsn) as connection:
        connection.execute(
            "INSERT INTO submissions (id, insurer, message_id, keyid, received_at, content_type, body_digest, body, "
            "request, status, receipt) VALUES ('S1', 'SUBSIDY', 'a-1', 'k', now(), '', '', '', '{}', 'verified', '')"
        )
        award = {"scheme": "ZJ-NDI", "product_key": "X", "policy_nos": [NUMBER], "year": 2026, "amount": "1.00"}
        connection.execute(
            "INSERT INTO records (submission_id, insurer, type, number, known_at, outcome, record, lineage) "
            "VALUES ('S1', 'SUBSIDY', 'award', 'a-1', %s, 'passed', %s, '{}')",
            (AT, orjson.dumps(award).decode()),
        )

    async def again(service: Service) -> None:
        answer = await matched(service, STATED)
        assert answer["rows"][0]["unmentioned"][0] | {"kind": ""} == {
            "kind": "",
            "by": "policy",
            "scheme": "ZJ-NDI",
            "year": 2026,
            "amount": "1.00",
            "reference": "a-1",
        }

    serve(dsn, again)


def test_who_may_match_and_what_is_refused(dsn: str) -> None:
    async def work(service: Service) -> None:
        body = orjson.dumps({"annex": 2, "rows": [STATED]})
        assert (await post(service, body, "OPERATOR")).status == 403
        assert (await post(service, body, "SANDBOX-A")).status == 403
        refused = await post(service, b"PK\x03\x04 no workbook")
        assert refused.status == 422
        assert refused.json()["problems"][0]["rule"].startswith("archive.")
        future = (NOW + timedelta(days=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
        assert (await post(service, body, query=f"?as_of={future}")).status == 400

    serve(dsn, work)


def test_what_an_insurer_reported_is_what_an_application_is_held_against(dsn: str) -> None:
    """The whole way: sealed policy, receipt, verified premium; the annex of it; the annex held against it; a refund."""

    async def work(service: Service) -> None:
        await service.push_filings()
        who = world().insurer("SANDBOX-C")
        facts = world().policy(who, next_number())
        paper = e_policy(who, facts)
        await service.put(who, paper)
        await service.submit(who, naming(facts, "policy", paper))
        assert (await service.submit(who, world().receipt(facts))).json()["status"] == "verified"
        path = f"/v1/annexes/1?insurer={who.code}&policy_no={facts.policy_no}"
        form = await service.call(who.code, "GET", path)
        assert "attachment" in form.headers["content-disposition"]
        headers = {"content-type": XLSX}
        (row,) = (await service.call("SUBSIDY", "POST", "/v1/premiums/match", form.body, headers)).json()["rows"]
        assert row["premium"]["status"] == "verified"
        assert {field["outcome"] for field in row["fields"]} <= {"agrees", "unknown"}
        assert outcomes(row)["insurer"] == outcomes(row)["statement"] == outcomes(row)["premium"] == "agrees"
        service.later(days=1)
        await service.submit(who, world().refund(facts, amount="10000.00"))
        (row,) = (await service.call("SUBSIDY", "POST", "/v1/premiums/match", form.body, headers)).json()["rows"]
        assert row["outcome"] == "differs"
        assert outcomes(row)["paid"] == outcomes(row)["statement"] == "differs"
        assert {"refunded", "changed-since-verified"} <= {one["kind"] for one in row["unmentioned"]}

    serve(dsn, work)


def rows_of(data: bytes) -> list[list[str]]:
    sheet = openpyxl.load_workbook(io.BytesIO(data)).active
    return [[str(value) if value is not None else "" for value in row] for row in sheet.iter_rows(values_only=True)]


def test_annexes_come_back_as_they_were_filled_in(dsn: str) -> None:
    """What the gateway writes it reads, and agrees with; what it does not know it marks and says nothing about."""
    short = policy_of("PTEST202633010800000002", policyholder=ANOTHER)
    premiums = [premium_of(), premium_of(short, money_of("800000.00", "500000.00"), status="held")]
    one = f"/v1/annexes/1?insurer=TEST-A&policy_no={NUMBER}"
    two = "/v1/annexes/2?region=3301&year=2026"

    async def work(service: Service) -> None:
        for path, annex in ((one, 1), (two, 2)):
            got = await service.call("SUBSIDY", "GET", path)
            assert got.headers["content-type"] == XLSX
            assert len(read_table(got.body)) > 3
            headers = {"content-type": XLSX}
            again = await service.call("SUBSIDY", "POST", "/v1/premiums/match", got.body, headers)
            (row,) = again.json()["rows"]
            assert again.json()["annex"] == annex
            assert again.json()["unread"] == []
            by_outcome: dict[str, set[str]] = {}
            for field in row["fields"]:
                by_outcome.setdefault(field["outcome"], set()).add(field["field"])
            assert by_outcome.keys() == {"agrees", "unknown"}
            assert by_outcome["unknown"] - {"insurer"} == {"sales", "applied"}
            assert row["premium"]["policy_no"] == NUMBER
        form = rows_of((await service.call("SUBSIDY", "GET", one)).body)
        sentence = next(cell for row in form for cell in row if cell.startswith("我司"))
        assert sentence.startswith("我司已收到保费金额800000.00元，保费已全部缴清。")
        assert any("示例甲财产保险有限公司电子保单专用章" in cell for row in form for cell in row)
        table = rows_of((await service.call("REGULATOR", "GET", "/v1/annexes/2?region=33&year=2026")).body)
        assert table[2] == ["序号", *(BY_NAME[name].label_2 or BY_NAME[name].label for name in ANNEX_2)]
        assert [row[1] for row in table[3:4]] == [HOLDER["name"]]
        assert "held 1" in table[4][0]
        unpaid = one.replace(NUMBER, "PTEST202633010800000002")
        got = await service.call("SUBSIDY", "GET", unpaid)
        assert not any(cell.startswith("我司") for row in rows_of(got.body) for cell in row)

    asked(dsn, premiums, work)


def test_annexes_are_the_same_bytes_for_ever_and_also_json(dsn: str) -> None:
    moment = AT.strftime("%Y-%m-%dT%H:%M:%SZ")
    one = f"/v1/annexes/1?insurer=TEST-A&policy_no={NUMBER}&as_of={moment}"
    two = f"/v1/annexes/2?region=330108&year=2026&as_of={moment}"

    async def work(service: Service) -> None:
        service.later(seconds=120)
        before = [(await service.call("SUBSIDY", "GET", path)).body for path in (one, two)]
        as_json = [(await service.call("SUBSIDY", "GET", f"{path}&format=json")).body for path in (one, two)]
        later = AT + timedelta(hours=1)
        keep(dsn, premium_of(money=money_of("800000.00", "900000.00"), status="held", revision=2, at=later))
        service.later(hours=2)
        assert [(await service.call("SUBSIDY", "GET", path)).body for path in (one, two)] == before
        assert [(await service.call("SUBSIDY", "GET", f"{path}&format=json")).body for path in (one, two)] == as_json
        first, second = map(orjson.loads, as_json)
        assert first["fields"]["premium"] == "80"
        assert first["open"] == ["sales", "applied"]
        assert first["statement"].startswith("我司已收到保费金额800000.00元")
        assert first["sealed_statement"]["digest"] == "sha256:" + "2" * 64
        assert [row["policy_no"] for row in second["rows"]] == [NUMBER]
        assert (second["left_out"], second["without_region"]) == ({}, 0)
        now = (await service.call("SUBSIDY", "GET", two.split("&as_of")[0] + "&format=json")).json()
        assert (now["rows"], now["left_out"]) == ([], {"held": 1})

    asked(dsn, [premium_of()], work)


def test_an_annex_is_for_the_insurer_whose_policy_it_is(dsn: str) -> None:
    async def work(service: Service) -> None:
        theirs = f"/v1/annexes/1?insurer=SANDBOX-A&policy_no={NUMBER}"
        assert (await service.call("SANDBOX-A", "GET", theirs)).status == 200
        assert (await service.call("SANDBOX-B", "GET", theirs)).status == 403
        assert (await service.call("SANDBOX-A", "GET", "/v1/annexes/2?region=33&year=2026")).status == 403
        unknown = f"/v1/annexes/1?insurer=SANDBOX-A&policy_no={NUMBER[:-1]}7"
        assert (await service.call("SANDBOX-A", "GET", unknown)).status == 404

    asked(dsn, [premium_of(insurer="SANDBOX-A")], work)


def test_the_facts_follow_from_the_revisions_and_cannot_be_changed(dsn: str) -> None:
    keep(dsn, premium_of(), premium_of(policy_of("PTEST202633010800000002", policyholder={"name": " ａ公司 b"})))
    with psycopg.connect(dsn, autocommit=True) as connection:
        derived = connection.execute(
            "SELECT count(*) FROM premiums, LATERAL premium_facts_of(premiums) AS d "
            "JOIN premium_facts f USING (position) WHERE d.* IS NOT DISTINCT FROM f.*"
        ).fetchone()
        assert derived == (2,)
        names = connection.execute("SELECT holder_name FROM premium_facts ORDER BY position").fetchall()
        assert names[1] == ("A公司B",)
        for change in ("UPDATE premium_facts SET status = 'verified'", "DELETE FROM premium_facts"):
            with pytest.raises(psycopg.errors.IntegrityError):
                connection.execute(change.encode())
        with pytest.raises(psycopg.errors.IntegrityError):
            connection.execute("TRUNCATE premium_facts")
