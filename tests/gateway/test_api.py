"""The service over HTTP, as its callers meet it."""

import json
from typing import Any

import pytest
from house import AT, counts, e_policy, naming, next_number, world
from service import URL, Answered, Service, serve

from sandbox.insurers import Insurer
from sandbox.records import PolicyFacts


def insurer(letter: str = "C") -> Insurer:
    return world().insurer(f"SANDBOX-{letter}")


async def tell_all(service: Service, who: Insurer, **how: Any) -> PolicyFacts:
    """The usual course of one policy: e-policy, policy, receipt."""
    facts = world().policy(who, next_number())
    paper = e_policy(who, facts, **how)
    await service.put(who, paper)
    named = naming(facts, "policy", paper)
    if who.dialect == "DIA-CSV-LIST":
        await service.submit(who, named, world().receipt(facts))
    else:
        await service.submit(who, named)
        await service.submit(who, world().receipt(facts))
    return facts


def rules(answered: Answered) -> set[str]:
    return {entry["rule"] for entry in answered.json()["problems"]}


# From a sealed policy to a verified premium


@pytest.mark.parametrize("letter", "ABCD")
def test_every_insurer_comes_from_sealed_policy_to_verified_premium(dsn: str, letter: str) -> None:
    async def work(service: Service) -> None:
        await service.push_filings()
        who = insurer(letter)
        facts = world().policy(who, next_number())
        paper = e_policy(who, facts)
        handed = await service.put(who, paper)
        assert handed.status == 201
        assert handed.json()["report"]["outcome"] == "passed"
        assert handed.json()["owners"] == [who.code]
        again = await service.put(who, paper)
        assert (again.status, again.json()) == (200, handed.json())
        receipt = world().receipt(facts)
        together = [facts, receipt] if letter == "B" else [facts]
        first = await service.submit(who, *together)
        assert first.status == 201, first.body
        if letter != "B":
            assert (await service.submit(who, receipt)).json()["status"] == "verified"
        for reader in ("SUBSIDY", "REGULATOR", "OPERATOR", who.code):
            got = await service.premium(reader, who, facts.policy_no)
            assert got.status == 200
            assert got.json()["status"] == "verified"
            assert got.json()["money"]["net_paid"] == facts.gross
            assert "signature" in got.headers

    serve(dsn, work)


def test_the_answer_to_a_message_is_one_for_ever(dsn: str) -> None:
    async def work(service: Service) -> None:
        who = insurer()
        facts = world().policy(who, next_number())
        first = await service.submit(who, facts, message_id="one-1")
        assert (first.status, first.headers["location"]) == (201, f"/v1/submissions/{first.json()['submission_id']}")
        again = await service.submit(who, facts, message_id="one-1")
        assert (again.status, again.body, again.headers["idempotency-replayed"]) == (201, first.body, "true")
        digest = first.json()["body_digest"]
        for path in (
            first.headers["location"],
            "/v1/submissions?message_id=one-1",
            f"/v1/submissions?body_digest={digest}",
        ):
            assert (await service.call(who.code, "GET", path)).body == first.body
        raw = await service.call(who.code, "GET", first.headers["location"] + "/body")
        assert raw.body == world().render_message(who, [facts], "one-1")[1]
        records = await service.call(who.code, "GET", first.headers["location"] + "/records")
        (record,) = records.json()["records"]
        assert record["record"]["policy_no"] == facts.policy_no
        assert record["lineage"]["policy_no"]["source"] == "/record/policy_no"
        other = await service.submit(who, world().receipt(facts), message_id="one-1")
        assert (other.status, rules(other)) == (409, {"message.id"})
        assert other.json()["first_answer"] == first.headers["location"]

    serve(dsn, work)


def test_a_signed_request_counts_once_unless_it_says_that_it_may_repeat(dsn: str) -> None:
    async def work(service: Service) -> None:
        who = insurer()
        facts = world().policy(who, next_number())
        media_type, body = world().render_message(who, [facts], "nonce-1")
        for idempotent in (False, True):
            headers = {"content-type": media_type} | ({"idempotency-key": '"again-1"'} if idempotent else {})
            sent = service.signed(who.code, "POST", "/v1/submissions", body, headers)
            first = await service.send("POST", "/v1/submissions", body, sent)
            second = await service.send("POST", "/v1/submissions", body, sent)
            assert first.status == 201
            if idempotent:
                assert (second.status, second.body) == (201, first.body)
            else:
                assert (second.status, rules(second)) == (409, {"request.not-replayed"})
            body = world().render_message(who, [world().receipt(facts)], "nonce-2")[1]
        stolen = service.signed(who.code, "POST", "/v1/submissions", body, {"content-type": media_type}, nonce="n-x")
        assert (await service.send("POST", "/v1/submissions", body, stolen)).status == 201
        service.later(minutes=6)
        late = await service.send("POST", "/v1/submissions", body, stolen)
        assert (late.status, rules(late)) == (401, {"request.created"})

    serve(dsn, work)


def test_every_flaw_of_a_message_is_told_at_once_with_its_place_and_its_mending(dsn: str) -> None:
    async def work(service: Service) -> None:
        who = insurer()
        facts = world().policy(who, next_number())
        broken = facts.with_({"premium.gross": 800000, "issued_on": "2026/7/22", "rebate": "1.00", "line": None})
        got = await service.submit(who, broken, message_id="flaws-1")
        assert got.status == 422
        problem = got.json()
        assert {entry["field"] for entry in problem["problems"]} >= {"premium.gross", "issued_on", "line"}
        assert any("rebate" in json.dumps(entry) for entry in problem["problems"])
        assert any(entry.get("fix") for entry in problem["problems"])
        assert problem["receipt"]["status"] == "refused"
        kept = await service.call(who.code, "GET", got.headers["location"] + "/body")
        assert kept.body == world().render_message(who, [broken], "flaws-1")[1]
        again = await service.submit(who, broken, message_id="flaws-1")
        assert (again.status, again.json()["receipt"]) == (422, problem["receipt"])

    serve(dsn, work)


def test_refusals_speak_chinese_and_english(dsn: str) -> None:
    async def work(service: Service) -> None:
        path = "/v1/insurers/SANDBOX-C/policies/PBING0000000000/premium"
        for asked, language, title in (
            ("zh-CN,zh;q=0.9,en;q=0.8", "zh", "未找到"),
            ("en-GB, zh;q=0.5", "en", "There is no such thing"),
            ("fr, de;q=0.5", "zh", "未找到"),
            ("zh;q=0, en", "en", "There is no such thing"),
            ("en;q=0", "zh", "未找到"),
            ("en;q=nan, zh;q=1e9, \x7f;;;===,,,", None, None),
            ("q" * 9000, "zh", "未找到"),
            ("", "zh", "未找到"),
        ):
            got = await service.call("SUBSIDY", "GET", path, headers={"accept-language": asked})
            assert got.status == 404
            if language is not None:
                assert (got.headers["content-language"], got.json()["title"]) == (language, title)

    serve(dsn, work)


# Who may read what


def test_an_insurer_reads_nothing_of_another(dsn: str) -> None:
    async def work(service: Service) -> None:
        owner, stranger = insurer("C"), insurer("D")
        facts = world().policy(owner, next_number())
        paper = e_policy(owner, facts)
        await service.put(owner, paper)
        sent = await service.submit(owner, naming(facts, "policy", paper), message_id="mine-1")
        digest = paper.digest.partition(":")[2]
        paths = [
            f"/v1/documents/{digest}",
            f"/v1/documents/{digest}/report",
            sent.headers["location"],
            f"{sent.headers['location']}/body",
            f"{sent.headers['location']}/records",
            "/v1/submissions?message_id=mine-1",
            f"/v1/submissions?body_digest={sent.json()['body_digest']}",
            f"/v1/insurers/{owner.code}/policies/{facts.policy_no}/premium",
            f"/v1/insurers/{owner.code}/policies/{facts.policy_no}/history",
            f"/v1/insurers/{stranger.code}/policies/{facts.policy_no}/premium",
        ]
        secrets = (facts.policy_no, facts.body["policyholder"]["name"], facts.gross, paper.digest)
        for path in paths:
            got = await service.call(stranger.code, "GET", path)
            assert got.status in (403, 404), path
            told = got.body.decode()
            assert not [secret for secret in secrets if secret in told and secret not in path], path
            # Nor does it learn whether there is such a thing: what exists nowhere is refused in the same words.
            nowhere = path.replace(digest, "0" * 64).replace(sent.headers["location"], "/v1/submissions/S" + "0" * 32)
            nowhere = nowhere.replace("mine-1", "mine-2").replace(facts.policy_no, "PBING000000000000000")
            nowhere = nowhere.replace(sent.json()["body_digest"], "sha256:" + "0" * 64)
            missing = await service.call(stranger.code, "GET", nowhere)
            expected = got.json() | {"instance": ""}
            assert told_without(missing.json(), nowhere) == told_without(expected, path)
            unsigned = await service.send("GET", path, b"", {})
            assert unsigned.status == 401
        for path in paths[:9]:
            got = await service.call(owner.code, "GET", path)
            assert got.status == 200, path
        for path in ("/v1/premiums/changes", "/v1/insurers/SANDBOX-C/policies/PBING000000000000000/premium"):
            assert (await service.call(stranger.code, "GET", path)).status == 403

    serve(dsn, work)


def told_without(problem: dict[str, Any], path: str) -> str:
    """A problem without what the caller said itself."""
    number = path.split("/")[5] if path.startswith("/v1/insurers/") else "-"
    return json.dumps(problem | {"instance": ""}, ensure_ascii=False).replace(number, "")


def test_the_same_document_handed_in_by_another_proves_nothing_for_it(dsn: str) -> None:
    """D hands in a genuine e-policy of C and claims its policy."""

    async def work(service: Service) -> None:
        await service.push_filings()
        owner, thief = insurer("C"), insurer("D")
        facts = world().policy(owner, next_number())
        paper = e_policy(owner, facts)
        await service.put(owner, paper)
        handed = await service.put(thief, paper)
        assert (handed.status, handed.json()["owners"]) == (201, [owner.code])
        claimed = world().policy(thief, next_number(), policy_no=facts.policy_no)
        got = await service.submit(thief, naming(claimed, "policy", paper))
        assert got.status == 422
        assert "evidence.sealed-by-insurer" in rules(got)
        premium = await service.premium("SUBSIDY", thief, facts.policy_no)
        assert premium.json()["status"] == "refused"
        assert (await service.premium("SUBSIDY", owner, facts.policy_no)).status == 404

    serve(dsn, work)


@pytest.mark.parametrize(
    ("who", "method", "path"),
    [
        ("SUBSIDY", "PUT", "/v1/documents/" + "0" * 64),
        ("REGULATOR", "PUT", "/v1/documents/" + "0" * 64),
        ("OPERATOR", "POST", "/v1/submissions"),
        ("SANDBOX-C", "PUT", "/v1/filings"),
        ("SUBSIDY", "PUT", "/v1/filings"),
        ("SANDBOX-C", "GET", "/v1/premiums/changes"),
    ],
)
def test_a_role_reaches_what_is_its_own(dsn: str, who: str, method: str, path: str) -> None:
    async def work(service: Service) -> None:
        body = b"{}" if method != "GET" else b""
        headers = {"content-type": "application/json"} if body else {}
        got = await service.call(who, method, path, body, headers)
        assert got.status == 403
        assert got.json()["type"] == "/v1/problems/forbidden"

    serve(dsn, work)


@pytest.mark.parametrize(
    ("who", "kind", "status"),
    [
        ("SUBSIDY", "award", 201),
        ("SUBSIDY", "decision", 422),
        ("SUBSIDY", "policy", 422),
        ("REGULATOR", "decision", 201),
        ("REGULATOR", "award", 422),
        ("SANDBOX-C", "award", 422),
        ("SANDBOX-C", "decision", 422),
        ("SANDBOX-C", "filing", 422),
    ],
)
def test_everybody_tells_what_is_theirs_to_tell(dsn: str, who: str, kind: str, status: int) -> None:
    records: dict[str, dict[str, Any]] = {
        "award": {
            "scheme": "ZJ-NDI",
            "product_key": "示例|91330108MA2XX9T186",
            "policy_nos": ["PBING202633010000000001"],
            "year": 2026,
            "amount": "400000.00",
            "awarded_on": "2026-08-31",
        },
        "decision": {
            "subject": "premium:SANDBOX-C/PBING202633010000000001",
            "outcome": "accepted",
            "reason": "经核实",
            "decided_on": "2026-08-31",
            "authority": "示例省金融监管局",
        },
        "policy": world().policy(insurer(), 1).body,
        "filing": world().filings()[0],
    }
    envelope: dict[str, Any] = {
        "schema": "premium-exchange/1.0",
        "type": kind,
        "message_id": "told-1",
        "sent_at": "2026-09-01T12:00:00+08:00",
        "record": records[kind],
    }
    if who.startswith("SANDBOX"):
        envelope["insurer"] = who
    if kind == "policy":
        envelope["insurer"] = "SANDBOX-C"

    async def work(service: Service) -> None:
        got = await service.post(who, json.dumps(envelope).encode())
        assert got.status == status, got.body
        if status == 422:
            assert rules(got) & {"message.sender", "schema.type"}, rules(got)

    serve(dsn, work)


# The feed


def test_the_feed_gives_every_revision_once_in_pages_of_any_size(dsn: str) -> None:
    async def work(service: Service) -> None:
        await service.push_filings()
        empty = (await service.call("SUBSIDY", "GET", "/v1/premiums/changes")).json()
        assert (empty["items"], empty["more"]) == ([], False)
        known = [await tell_all(service, insurer("C")) for _ in range(3)]
        whole = (await service.call("SUBSIDY", "GET", "/v1/premiums/changes?limit=1000")).json()
        assert [item["position"] for item in whole["items"]] == list(range(1, 7))
        assert {item["premium"]["policy_no"] for item in whole["items"]} == {facts.policy_no for facts in known}
        for size in (1, 2, 5):
            cursor, items, more = empty["cursor"], [], True
            while more:
                path = f"/v1/premiums/changes?limit={size}&after={cursor}"
                page = (await service.call("REGULATOR", "GET", path)).json()
                again = (await service.call("REGULATOR", "GET", path)).json()
                assert page == again
                assert len(page["items"]) <= size
                items += page["items"]
                cursor, more = page["cursor"], page["more"]
            assert items == whole["items"]
            assert cursor == whole["cursor"]

    serve(dsn, work)


@pytest.mark.parametrize(
    "cursor",
    [
        "0",
        "x",
        "cHJlbWl1bXMtMToxMDAwMDAw",  # premiums-1:1000000, ahead of the feed
        "cHJlbWl1bXMtMTotMg",  # premiums-1:-2
        "cHJlbWl1bXMtMTowMQ",  # premiums-1:01
        "cHJlbWl1bXMtMTo5OTk5OTk5OTk5OTk5OTk5OTk5OTk5OTk",
        "cHJlbWl1bXMtMTo",
        "cHJlbWl1bXMtMToxCg",
        "cHJlbWl1bXMtMTow=",
        "cHJlbWl1bXMtMTo%0A",
        "%00",
        "%F0%9F%98%80",
        "a" * 101,
        "'; DROP TABLE premiums; --",
    ],
)
def test_a_cursor_that_was_never_given_is_refused(dsn: str, cursor: str) -> None:
    async def work(service: Service) -> None:
        path = f"/v1/premiums/changes?after={cursor.replace(' ', '%20')}"
        got = await service.call("SUBSIDY", "GET", path)
        assert got.status == 400

    serve(dsn, work)


@pytest.mark.parametrize("limit", ["0", "-1", "1001", "1e3", "nan", "", "9" * 5000, "%00", "1.0", "٣"])
def test_a_limit_that_is_none_is_refused(dsn: str, limit: str) -> None:
    async def work(service: Service) -> None:
        headers = [(b"host", b"gateway.example")]
        query = f"limit={limit}".encode()
        got = await service.raw("GET", b"/v1/premiums/changes", headers, query=query)
        assert got.status in (400, 401)

    serve(dsn, work)


@pytest.mark.parametrize(
    ("moment", "status"),
    [
        ("2026-09-01T04:00:00Z", 200),
        ("2026-09-01T12:00:00%2B08:00", 200),
        ("2026-09-01T04:00:01Z", 400),  # not known yet
        ("9999-12-31T23:59:59-23:59", 400),
        ("0001-01-01T00:00:00%2B14:00", 404),
        ("2026-09-01T03:59:59Z", 404),
        ("2026-09-01", 400),
        ("2026-09-01T04:00:00", 400),
        ("inf", 400),
        ("nan", 400),
        ("1e400", 400),
        ("-99999999999999999999", 400),
        ("99999999999999999999", 400),
        ("0", 404),
        ("%00", 400),
    ],
)
def test_a_premium_is_answered_as_it_was_known(dsn: str, moment: str, status: int) -> None:
    async def work(service: Service) -> None:
        facts = await tell_all(service, insurer())
        service.later(seconds=120)  # whatever was on its way has arrived
        path = f"/v1/insurers/SANDBOX-C/policies/{facts.policy_no}/premium?as_of={moment}"
        got = await service.call("SUBSIDY", "GET", path)
        assert got.status == status, got.body
        if status == 200:
            await service.submit(insurer(), world().refund(facts, amount="1.00"))
            service.later(seconds=5)
            await service.submit(insurer(), world().endorsement(facts))
            service.later(seconds=5)
            then = await service.call("SUBSIDY", "GET", path)
            now = (await service.premium("SUBSIDY", insurer(), facts.policy_no)).json()
            assert now["revision"] > then.json()["revision"]
            assert now["proof"]["leaf_index"] > then.json()["proof"]["leaf_index"]
            history = await service.call("SUBSIDY", "GET", f"/v1/insurers/SANDBOX-C/policies/{facts.policy_no}/history")
            assert [one["revision"] for one in history.json()["revisions"]] == list(range(1, now["revision"] + 1))

    serve(dsn, work)


# Hostile callers


HOST = (b"host", b"gateway.example")


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", b"/"),
        ("GET", b"//"),
        ("GET", b"/v1"),
        ("GET", b"/v1/../../etc/passwd"),
        ("GET", b"/v1/%2e%2e/%2e%2e/etc/passwd"),
        ("GET", b"/v1/schemas/..%2f..%2fetc%2fpasswd"),
        ("GET", b"/v1/problems/" + b"a" * 5000),
        ("GET", b"/v1/problems/not-found%00"),
        ("GET", b"/v1/documents/" + b"A" * 64),
        ("GET", b"/v1/documents/" + b"0" * 64 + b"/../" + b"0" * 64),
        ("GET", b"/v1/submissions/S%F0%9F%98%80"),
        ("GET", b"/v1/submissions/\xff\xfe"),
        ("GET", b"/v1/insurers/%00/policies/%00/premium"),
        ("GET", b"/v1/insurers/SANDBOX-C/policies/" + b"9" * 3000 + b"/premium"),
        ("GET", b"/v1/insurers/sandbox-c/policies/PBING000000000000000/premium"),
        ("GET", b"/v1/log/tile/0/x-1"),
        ("GET", b"/v1/log/tile/99999999999999999999/000"),
        ("GET", b"/v1/filings/%27%20OR%201=1"),
        ("GET", b"/\xf0\x9f\x98\x80"),
        ("GET", b"/" + b"a/" * 3000),
        ("DELETE", b"/v1/submissions"),
        ("PATCH", b"/v1/premiums/changes"),
        ("POST", b"/v1/documents/" + b"0" * 64),
        ("PUT", b"/v1/submissions"),
        ("TRACE", b"/healthz"),
        ("OPTIONS", b"/v1/submissions"),
        ("CONNECT", b"/v1/submissions"),
        ("B" * 2000, b"/v1/submissions"),
        ("G\xe9T", b"/healthz"),
    ],
)
def test_hostile_methods_and_paths_are_problems(dsn: str, method: str, path: bytes) -> None:
    async def work(service: Service) -> None:
        got = await service.raw(method, path, [HOST])
        assert 400 <= got.status < 500
        if got.status == 405:
            assert got.headers["allow"]

    serve(dsn, work)


def test_hostile_headers_are_problems(dsn: str) -> None:
    hostile: list[list[tuple[bytes, bytes]]] = [
        [],
        [(b"host", b"")],
        [(b"host", b"a b")],
        [(b"host", b"user:secret@gateway.example")],
        [(b"host", b"\xff\xfe")],
        [(b"host", b"gateway.example"), (b"host", b"other.example")],
        [HOST, (b"content-length", b"9" * 5000)],
        [HOST, (b"content-length", b"-1")],
        [HOST, (b"content-length", b"\xb2\xb3")],
        [HOST, (b"content-digest", b"sha-256=:AAAA:")],
        [HOST, (b"content-digest", b"\x00")],
        [HOST, (b"signature", b"sig1=:AAAA:"), (b"signature-input", b"sig1=()")],
        [HOST, (b"signature", b"sig1=:AAAA:"), (b"signature-input", b'sig1=("@method" "@method");created=1')],
        [HOST, (b"signature", b"\xff" * 100), (b"signature-input", b"\xff" * 100)],
        [
            HOST,
            (b"signature", b"sig1=:" + b"A" * 60_000 + b":"),
            (b"signature-input", b"sig1=(" + b'"a" ' * 5000 + b")"),
        ],
        [HOST, (b"signature", b"a=:AA==:, " * 2000 + b"b=:AA==:"), (b"signature-input", b"a=(), " * 2000 + b"b=()")],
        [HOST, (b"accept-language", b"\xff,\x00;q=\xb2")],
        [HOST, (b"content-type", b"\xff/\x00; charset=\xff")],
        [HOST, (b"idempotency-key", b"\x00" * 10)],
        [HOST, *[(b"x-%d" % n, b"1") for n in range(2000)]],
        [HOST, (b"transfer-encoding", b"chunked"), (b"expect", b"100-continue")],
        [HOST, (b"x-forwarded-host", b"other.example"), (b"forwarded", b"host=other.example")],
    ]

    async def work(service: Service) -> None:
        for headers in hostile:
            for method, path in (("POST", b"/v1/submissions"), ("GET", b"/v1/premiums/changes")):
                got = await service.raw(method, path, headers, [b"{}"])
                assert got.status in (400, 401, 413), headers[:3]
                if got.status == 401:
                    assert rules(got)

    serve(dsn, work)


def envelope(record: Any, **changes: Any) -> bytes:
    given = {
        "schema": "premium-exchange/1.0",
        "type": "policy",
        "message_id": f"h-{next_number()}",
        "insurer": "SANDBOX-C",
        "sent_at": "2026-09-01T12:00:00+08:00",
        "record": record,
    }
    return json.dumps(given | changes, ensure_ascii=False).encode("utf-8", "surrogatepass")


def hostile_bodies() -> dict[str, bytes]:
    facts = world().policy(insurer(), 1)
    plain = envelope(facts.body)
    return {
        "nothing": b"",
        "null": b"null",
        "a number": b"1e999999999",
        "a long number": b"1" * 100_000,
        "deep lists": b"[" * 10_000 + b"]" * 10_000,
        "deep objects": b'{"a":' * 10_000 + b"1" + b"}" * 10_000,
        "unclosed": b"[" * 10_000,
        "broken UTF-8": plain.replace("示例".encode(), b"\xff\xfe"),
        "half a surrogate": plain.replace("示例".encode(), b"\\ud83d"),
        "a NUL": plain.replace("示例".encode(), b"\\u0000"),
        "a NUL in a name": plain.replace(b'"line"', b'"li\\u0000ne"'),
        "UTF-16": plain.decode().encode("utf-16"),
        "BOM": b"\xef\xbb\xbf" + plain,
        "a name twice": plain.replace(b'"type"', b'"type": "policy", "type"'),
        "two messages": plain + plain,
        "many messages": b"[" + b",".join([plain] * 50) + b"]",
        "lines": plain.replace(b"\n", b"") + b"\n" + plain,
        "NaN": plain.replace(b'"schema"', b'"nan": NaN, "schema"'),
        "HTML": b"<html><body>" + b"<p>" * 10_000,
        "XML bomb": b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b "c"><!ENTITY d "&b;&b;">]><a>&d;</a>',
        "a ZIP": b"PK\x03\x04" + b"\x00" * 1000,
        "a long key": envelope({"a" * 100_000: 1}),
        "many keys": envelope({f"k{n}": 1 for n in range(20_000)}),
        "a list as record": envelope([]),
        "a bad message id": envelope(facts.body, message_id="坏 id\u0000"),
        "a long message id": envelope(facts.body, message_id="m" * 10_000),
        "a number as message id": envelope(facts.body, message_id=7),
        "a list as type": envelope(facts.body, type=["policy"]),
        "an object as insurer": envelope(facts.body, insurer={"a": 1}),
        "the end of days": envelope(
            facts.body
            | {"period": {"start": "0001-01-01", "end": "9999-12-31"}, "issued_on": "9999-12-31", "documents": []}
        ),
        "the beginning of days": envelope(facts.body | {"issued_on": "0001-01-01"}),
        "a huge amount": envelope(
            facts.body
            | {
                "premium": {"gross": "9" * 18 + ".99", "net": "9" * 18 + ".99", "tax": "0.00", "currency": "CNY"},
                "rate_percent": "999999999.999999999999",
                "limits": {"aggregate": "9" * 18 + ".99"},
                "rate_base": {"kind": "declared", "amount": "9" * 18 + ".99"},
                "instalments": [],
            }
        ),
        "an amount beyond": envelope(facts.body | {"limits": {"aggregate": "9" * 5000 + ".00"}}),
        "a day that is none": envelope(facts.body | {"issued_on": "2026-02-30"}),
        "counts as decimals": envelope({"date": "2026-08-31", "totals": []}, type="day_close").replace(
            b"[]", b'[{"type": "policy", "count": 3.0}]'
        ),
        "counts beyond": envelope({"date": "2026-08-31", "totals": []}, type="day_close").replace(
            b"[]", b'[{"type": "policy", "count": ' + b"9" * 3000 + b"}]"
        ),
        "counts with an exponent": envelope({"date": "2026-08-31", "totals": []}, type="day_close").replace(
            b"[]", b'[{"type": "policy", "count": 1e5000}]'
        ),
        "hidden letters": envelope(facts.body | {"policyholder": {"name": "公司\u202e\u200b\u0007"}}),
        "an instalment number beyond": envelope(
            facts.body | {"instalments": [{"no": 10**30, "due_on": "2026-08-01", "amount": facts.gross}]}
        ),
        "a document of no digest": envelope(facts.body | {"documents": [{"kind": "policy", "digest": "x"}]}),
    }


def test_hostile_bodies_are_verdicts_kept_as_they_came(dsn: str) -> None:
    async def work(service: Service) -> None:
        for letter in "CAB":
            who = insurer(letter)
            for name, body in hostile_bodies().items():
                for media_type in {"application/json", "application/xml", "text/csv", "application/x-ndjson"} - (
                    set() if letter == "C" else {"application/json", "application/x-ndjson"}
                ):
                    got = await service.post(who.code, body, media_type)
                    assert got.status in (201, 409, 422), (letter, name, media_type, got.status, got.body[:300])
                    if got.status == 422:
                        assert got.json()["problems"], name
                        kept = await service.call(who.code, "GET", got.headers["location"] + "/body")
                        assert kept.body == body, name

    serve(dsn, work)


def test_hostile_words_of_authorities_are_verdicts(dsn: str) -> None:
    award: dict[str, Any] = {
        "scheme": "ZJ-NDI",
        "product_key": "示例",
        "policy_nos": ["PBING202633010000000001"],
        "year": 2026,
        "amount": "400000.00",
        "awarded_on": "2026-08-31",
    }

    def said(record: Any, **changes: Any) -> bytes:
        given = json.loads(envelope(record, type="award")) | changes
        del given["insurer"]
        return json.dumps(given).encode()

    bodies = [
        said(award).replace(b"2026,", b"2026.0,"),
        said(award).replace(b"2026,", b"2026e0,"),
        said(award).replace(b"2026,", b"1e999999,"),
        said(award).replace(b"2026,", b"9" * 4000 + b","),
        said(award | {"product_key": "\u0000"}),
        said(award).replace(b'"scheme"', b'"\\ud800": 1, "scheme"'),
        said(award | {"amount": 400000.5}),
        said(award | {"policy_nos": []}),
        said(award | {"policy_nos": ["PBING202633010000000001"] * 20_000}),
        said(award | {f"k{n}": n for n in range(20_000)}),
        said({"a": "b" * 100_000}),
        said([]),
        said(None),
        said(award, sent_at="2026-09-01"),
        said(award, sent_at=1e300),
        said(award, message_id="x" * 65),
        b"[" * 10_000,
        b"\xff",
        b"",
    ]

    async def work(service: Service) -> None:
        for body in bodies:
            got = await service.post("SUBSIDY", body)
            assert got.status in (201, 422), body[:100]
            if got.status == 422:
                assert got.json()["problems"]

    serve(dsn, work)


@pytest.mark.parametrize(
    "media_type", ["application/ofd", "application/pdf", "application/xml", "application/pkcs7-signature"]
)
def test_hostile_documents_are_verdicts(dsn: str, media_type: str) -> None:
    genuine = e_policy(insurer(), world().policy(insurer(), 1)).content
    bodies = [
        b"",
        b"\x00",
        b"%PDF-1.7\n" + b"<<" * 5000,
        b"PK\x03\x04",
        b"PK\x05\x06" + b"\x00" * 18,
        genuine[:-1],
        genuine[: len(genuine) // 2],
        genuine + b"x",
        genuine.replace(b"OFD.xml", b"OFD.xmL"),  # an archive, but no OFD package
        b"\x30\x84\xff\xff\xff\xff" + b"\x00" * 50,
        b"<a>" * 5000,
        bytes(range(256)) * 40,
    ]

    async def work(service: Service) -> None:
        for letter in "ACD":
            for body in bodies:
                got = await service.call(
                    f"SANDBOX-{letter}", "PUT", f"/v1/documents/{digest_of(body)}", body, {"content-type": media_type}
                )
                assert got.status in (200, 201), (got.status, got.body[:200])
                verdict = got.json()
                assert verdict["report"]["outcome"] != "passed"
                report = await service.call(f"SANDBOX-{letter}", "GET", f"/v1/documents/{digest_of(body)}/report")
                assert report.json() == verdict

    serve(dsn, work)


def digest_of(body: bytes) -> str:
    import hashlib

    return hashlib.sha256(body).hexdigest()


def test_documents_are_what_their_address_and_type_say(dsn: str) -> None:
    async def work(service: Service) -> None:
        for digest, media_type in (
            ("0" * 64, "application/ofd"),
            (digest_of(b"x"), "text/html"),
            (digest_of(b"x"), ""),
        ):
            headers = {"content-type": media_type} if media_type else {}
            got = await service.call("SANDBOX-C", "PUT", f"/v1/documents/{digest}", b"x", headers)
            assert got.status == 400
        assert counts(dsn)["documents"] == 0

    serve(dsn, work)


def test_a_body_beyond_the_limit_is_too_large_declared_or_not(dsn: str) -> None:
    async def work(service: Service) -> None:
        declared = [HOST, (b"content-length", b"1048577")]
        for headers, parts in ((declared, [b""]), ([HOST], [b"x" * 65536] * 17)):
            got = await service.raw("POST", b"/v1/submissions", headers, parts)
            assert (got.status, got.json()["type"]) == (413, "/v1/problems/too-large")
        just = await service.post("SANDBOX-C", b" " * 1_048_576)
        assert just.status == 422
        assert counts(dsn)["submissions"] == 1

    serve(dsn, work, body_limit_bytes=1_048_576)


def test_what_is_not_signed_as_sent_is_refused_and_not_kept(dsn: str) -> None:
    async def work(service: Service) -> None:
        media_type, body = world().render_message(insurer(), [world().policy(insurer(), 1)], "forged-1")
        base = {"content-type": media_type}
        genuine = service.signed("SANDBOX-C", "POST", "/v1/submissions", body, base)
        attempts: list[tuple[str, str, bytes, dict[str, str], set[str]]] = [
            ("POST", "/v1/submissions", body, base, {"request.signature-present"}),
            ("POST", "/v1/submissions", body + b" ", genuine, {"request.content-digest"}),
            ("POST", "/v1/submissions?x=1", body, genuine, {"request.signature"}),
            ("POST", "/v1/submissions", body, genuine | {"content-type": "text/csv"}, {"request.signature"}),
            (
                "POST",
                "/v1/submissions",
                body,
                genuine | {"signature-input": genuine["signature-input"].replace("SANDBOX", "x").replace("n-", "m-")},
                {"request.signature"},
            ),
            (
                "POST",
                "/v1/submissions",
                body,
                {k: v for k, v in genuine.items() if k != "content-digest"},
                {"request.content-digest", "request.components"},
            ),
        ]
        for method, path, content, headers, expected in attempts:
            got = await service.send(method, path, content, headers)
            assert got.status == 401
            assert expected <= rules(got)
        strange = service.signed("SANDBOX-C", "POST", "/v1/submissions", body, base)
        strange["signature-input"] = strange["signature-input"].replace(
            insurer().request_key.keyid, insurer("D").request_key.keyid
        )
        got = await service.send("POST", "/v1/submissions", body, strange)
        assert got.status == 401
        assert sum(counts(dsn)[table] for table in ("submissions", "records", "premiums", "ledger_entries")) == 0

    serve(dsn, work)


def test_a_request_with_a_proxys_signature_beside_its_own_is_answered(dsn: str) -> None:
    async def work(service: Service) -> None:
        sent = service.signed("SUBSIDY", "GET", "/v1/premiums/changes")
        proxied = sent | {
            "signature-input": 'proxy=("@method");created=1;keyid="proxy", ' + sent["signature-input"],
            "signature": "proxy=:AAAA:, " + sent["signature"],
        }
        got = await service.send("GET", "/v1/premiums/changes", b"", proxied)
        assert got.status == 200
        service.check_signature(got, "GET", "/v1/premiums/changes", proxied)

    serve(dsn, work)


def test_what_everybody_may_read_needs_no_signature(dsn: str) -> None:
    async def work(service: Service) -> None:
        for path in ("/healthz", "/readyz", "/metrics", "/v1/rules", "/v1/keys", "/v1/schemas", "/v1/openapi.json"):
            got = await service.send("GET", path, b"", {})
            assert got.status == 200, path
        for slug in ("refused", "not-found", "conflict", "too-large", "bad-request"):
            assert (await service.send("GET", f"/v1/problems/{slug}", b"", {})).json()["type"].endswith(slug)
        assert (await service.send("GET", "/v1/problems/none", b"", {})).status == 404
        listed = (await service.send("GET", "/v1/schemas", b"", {})).json()
        assert listed["forms"] == ["premium-exchange-1.0.xlsx", "premium-exchange-1.0.xsd"]
        for name in listed["schemas"] + listed["forms"]:
            assert (await service.send("GET", f"/v1/schemas/{name}", b"", {})).status == 200

    serve(dsn, work)


def test_answers_verify_with_a_library_of_somebody_else(dsn: str) -> None:
    import requests
    from http_message_signatures import HTTPMessageVerifier, HTTPSignatureKeyResolver, algorithms

    class Keys(HTTPSignatureKeyResolver):
        def __init__(self, spki: bytes) -> None:
            self._spki = spki

        def resolve_public_key(self, key_id: str) -> Any:
            from cryptography.hazmat.primitives.serialization import load_der_public_key

            return load_der_public_key(self._spki)

    async def work(service: Service) -> None:
        facts = await tell_all(service, insurer())
        path = f"/v1/insurers/SANDBOX-C/policies/{facts.policy_no}/premium"
        sent = service.signed("SUBSIDY", "GET", path)
        got = await service.send("GET", path, b"", sent)
        request = requests.Request("GET", URL + path, headers=sent).prepare()
        answer = requests.Response()
        answer.status_code, answer.request = got.status, request
        answer.headers.update(dict(got.headers))
        verifier = HTTPMessageVerifier(
            signature_algorithm=algorithms.ED25519, key_resolver=Keys(service.gateway.signer.spki)
        )
        import datetime as time

        (result,) = verifier.verify(answer, max_age=time.timedelta(days=36500))
        assert '"@status"' in result.covered_components

    serve(dsn, work)


def test_the_clock_of_the_house_is_the_judges(dsn: str) -> None:
    async def work(service: Service) -> None:
        service.later(days=2)
        got = await service.submit(insurer(), world().policy(insurer(), next_number()))
        assert got.json()["received_at"] > AT.isoformat()

    serve(dsn, work)
