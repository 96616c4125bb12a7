"""Batches: a whole file of messages in, each of its lines decided once and answered, whatever happens in between."""

import asyncio
from typing import Any

import orjson
from house import counts, next_number, world
from service import URL, Answered, Service, serve

from sandbox.insurers import Insurer

LINES = {"content-type": "application/jsonl"}


def insurer(letter: str = "C") -> Insurer:
    return world().insurer(f"SANDBOX-{letter}")


def line(who: Insurer, *, message_id: str | None = None, **changes: Any) -> bytes:
    """One policy as a message of the standard schema."""
    facts = world().policy(who, next_number(), **changes)
    return standard(who, facts, message_id or f"b-{next_number()}")


def standard(who: Insurer, facts: Any, message_id: str) -> bytes:
    body = world().render_message(insurer("C"), [facts], message_id)[1]
    return orjson.dumps({**orjson.loads(body), "insurer": who.code})


async def post(service: Service, who: str, body: bytes, headers: dict[str, str] = LINES, **how: Any) -> Answered:
    return await service.call(who, "POST", "/v1/batches", body, headers, **how)


async def done(service: Service, who: str, batch: str) -> dict[str, Any]:
    """The batch once it has ended."""
    for _ in range(400):
        told: dict[str, Any] = (await service.call(who, "GET", f"/v1/batches/{batch}")).json()
        if told["status"] == "done":
            return told
        await asyncio.sleep(0.02)
    raise AssertionError(told)


async def results(service: Service, who: str, batch: str, query: str = "") -> list[dict[str, Any]]:
    got = await service.call(who, "GET", f"/v1/batches/{batch}/results{query}")
    assert (got.status, got.headers["content-type"]) == (200, "application/jsonl")
    return [orjson.loads(one) for one in got.body.splitlines()]


def test_each_line_gets_the_answer_that_it_would_have_had_alone(dsn: str) -> None:
    async def work(service: Service) -> None:
        await service.push_filings()
        who = insurer()
        lines = [line(who) for _ in range(70)]
        lines[3] = b'{"not": "json'
        lines[40] = b""
        lines[50] = lines[2]
        lines[60] = orjson.dumps({**orjson.loads(lines[60]), "message_id": orjson.loads(lines[5])["message_id"]})
        first = await post(service, who.code, b"\n".join(lines))
        assert first.status == 202, first.body
        assert first.json()["status"] == "queued"
        assert first.json()["rows"] is None
        told = await done(service, who.code, first.json()["batch"])
        assert (told["rows"], told["seen"], told["read"]) == (70, 70, told["size"])
        found = await results(service, who.code, told["batch"])
        assert [one["row"] for one in found] == [n for n in range(1, 71) if n != 41]
        by_row = {one["row"]: one for one in found}
        assert by_row[4]["status"] == "refused"
        assert by_row[4]["problems"][0]["rule"] == "json.malformed"
        assert by_row[4]["receipt"]["status"] == "refused"
        assert by_row[51]["receipt"] == by_row[3]["receipt"]
        assert (by_row[61]["status"], by_row[61]["problems"][0]["rule"]) == ("conflict", "message.id")
        assert "receipt" not in by_row[61]
        statuses = [one["status"] for one in found]
        assert {name: told[name] for name in ("verified", "held", "refused")} == {
            name: statuses.count(name) for name in ("verified", "held", "refused")
        }
        assert told["conflicts"] == 1
        # The same message alone: the same answer, byte for byte; the receipt is the one that is kept.
        again = await service.post(who.code, lines[0])
        assert orjson.loads(again.body) == by_row[1]["receipt"]
        assert again.headers["idempotency-replayed"] == "true"
        kept = await service.call(who.code, "GET", f"/v1/submissions/{by_row[1]['submission_id']}/body")
        assert kept.body == lines[0]
        other = await service.post(who.code, line(who))
        assert other.json()["status"] == by_row[1]["status"]
        rules = [check["rule"] for check in other.json()["report"]["checks"]]
        assert [check["rule"] for check in by_row[1]["receipt"]["report"]["checks"]] == rules

    serve(dsn, work)


def test_the_same_file_is_the_same_batch_and_changes_nothing(dsn: str) -> None:
    async def work(service: Service) -> None:
        who = insurer()
        body = line(who) + b"\r\n" + line(who) + b"\n"
        sent = service.signed(who.code, "POST", "/v1/batches", body, LINES)
        first = (await service.send("POST", "/v1/batches", body, sent)).json()
        told = await done(service, who.code, first["batch"])
        before = counts(dsn)
        for headers in (sent, service.signed(who.code, "POST", "/v1/batches", body, LINES)):
            again = await service.send("POST", "/v1/batches", body, headers)
            assert (again.status, again.json()) == (202, told)
        assert {name: count for name, count in counts(dsn).items() if name.startswith(("batch", "sub"))} == {
            name: count for name, count in before.items() if name.startswith(("batch", "sub"))
        }
        assert counts(dsn)["submissions"] == 2
        other = await post(service, who.code, body, {"content-type": "text/csv"})
        assert (other.status, other.json()["type"]) == (409, "/v1/problems/conflict")
        reused = await post(service, who.code, line(who), nonce="once")
        assert reused.status == 202
        stolen = await post(service, who.code, line(who), nonce="once")
        assert (stolen.status, stolen.json()["problems"][0]["rule"]) == (409, "request.not-replayed")

    serve(dsn, work)


def test_a_batch_is_its_senders_and_the_authorities(dsn: str) -> None:
    async def work(service: Service) -> None:
        who = insurer()
        body = line(who)
        batch = (await post(service, who.code, body)).json()["batch"]
        await done(service, who.code, batch)
        for reader in (who.code, "REGULATOR", "OPERATOR"):
            assert len(await results(service, reader, batch)) == 1
            assert (await service.call(reader, "GET", f"/v1/batches/{batch}/file")).body == body
            listed = await service.call(reader, "GET", "/v1/batches")
            assert [one["batch"] for one in listed.json()["batches"]] == [batch]
        for stranger in (insurer("A").code, "SUBSIDY"):
            for path in (batch, f"{batch}/results", f"{batch}/file"):
                assert (await service.call(stranger, "GET", f"/v1/batches/{path}")).status == 404
            assert (await service.call(stranger, "GET", "/v1/batches")).json() == {"batches": []}
        for caller in ("REGULATOR", "SUBSIDY", "OPERATOR"):
            assert (await post(service, caller, body)).status == 403
        # The same file from another insurer is another batch, and no line of it is theirs to send.
        other = await post(service, insurer("A").code, body)
        assert other.json()["batch"] != batch
        assert (await done(service, insurer("A").code, other.json()["batch"]))["verified"] == 0

    serve(dsn, work)


def test_results_are_read_from_any_row_on(dsn: str) -> None:
    async def work(service: Service) -> None:
        who = insurer()
        batch = (await post(service, who.code, b"\n".join(line(who) for _ in range(7)))).json()["batch"]
        await done(service, who.code, batch)
        assert [one["row"] for one in await results(service, who.code, batch, "?after=2&limit=3")] == [3, 4, 5]
        assert [one["row"] for one in await results(service, who.code, batch, "?after=5")] == [6, 7]
        assert await results(service, who.code, batch, "?after=7") == []
        english = await service.call(
            who.code, "GET", f"/v1/batches/{batch}/results?limit=1", headers={"accept-language": "en"}
        )
        assert english.status == 200

    serve(dsn, work)


def test_a_file_in_the_insurers_own_format_is_one_message(dsn: str) -> None:
    async def work(service: Service) -> None:
        who = insurer("B")
        media_type, body = world().render_message(who, [world().policy(who, next_number())], "list-1")
        got = await post(service, who.code, body, {"content-type": media_type, "idempotency-key": '"list-1"'})
        assert got.status == 202, got.body
        told = await done(service, who.code, got.json()["batch"])
        assert told["rows"] == 1
        (one,) = await results(service, who.code, told["batch"])
        assert one["receipt"]["message_id"] == "list-1"
        alone = await service.post(who.code, body, media_type, headers={"idempotency-key": '"list-1"'})
        assert alone.json() == one["receipt"]

    serve(dsn, work)


def test_what_is_too_large_is_refused_and_says_what_to_do(dsn: str) -> None:
    async def work(service: Service) -> None:
        who = insurer("B")
        for body, media_type in ((b"x" * 5000, "text/csv"), (b"\n" * 20001, LINES["content-type"])):
            got = await post(service, who.code, body, {"content-type": media_type, "accept-language": "en"})
            assert (got.status, got.json()["type"]) == (413, "/v1/problems/too-large")
            assert ("JSON Lines" in got.json()["detail"]) is (media_type == "text/csv")
        body = b"x" * 5000 + b"\n" + line(who)
        told = await done(service, who.code, (await post(service, who.code, body)).json()["batch"])
        long, good = await results(service, who.code, told["batch"])
        assert (long["status"], long["problems"][0]["rule"]) == ("refused", "batch.line")
        assert "receipt" in good
        assert (await post(service, who.code, b"")).status == 400

    serve(dsn, work, body_limit_bytes=4096, batch_limit_bytes=20_000)


def test_nothing_is_taken_from_strangers(dsn: str) -> None:
    async def work(service: Service) -> None:
        who = insurer()
        body = line(who)
        sent = service.signed(who.code, "POST", "/v1/batches", body, LINES)
        for changed in (body + b" ", body[:-1]):
            got = await service.send("POST", "/v1/batches", changed, sent)
            assert (got.status, got.json()["problems"][0]["rule"]) == (401, "request.content-digest")
        assert (await service.send("POST", "/v1/batches", body, LINES)).status == 401
        read = []

        async def stranger() -> Any:
            read.append(1)
            yield body

        # Of who has no key, not a byte is read.
        unsigned = await service.client.post(URL + "/v1/batches", content=stranger(), headers=LINES)
        assert (unsigned.status_code, counts(dsn)["batches"]) == (401, 0)

    serve(dsn, work)


class Killed(BaseException):
    """The process is gone."""


def test_a_batch_goes_on_where_a_killed_process_was(dsn: str) -> None:
    who = insurer()
    lines = [line(who) for _ in range(300)]
    batch = ""

    async def begin(service: Service) -> None:
        nonlocal batch
        batch = (await post(service, who.code, b"\n".join(lines))).json()["batch"]
        while (await service.call(who.code, "GET", f"/v1/batches/{batch}")).json()["seen"] == 0:
            await asyncio.sleep(0.005)
        # The service ends here, and with it whoever worked on the batch, in the middle of a group.

    async def go_on(service: Service) -> None:
        told = await done(service, who.code, batch)
        assert told["rows"] == len(lines)
        found = await results(service, who.code, batch)
        assert [one["row"] for one in found] == list(range(1, len(lines) + 1))
        assert counts(dsn)["submissions"] == counts(dsn)["batch_results"] == len(lines)
        times = {one["receipt"]["received_at"] for one in found}
        assert len(times) > 1, "the first process had not answered all"

    serve(dsn, begin)
    assert 0 < counts(dsn)["batch_results"] < len(lines)
    later: list[Any] = []

    async def on(service: Service) -> None:
        service.later(seconds=30)
        later.append(service.now)
        await go_on(service)

    serve(dsn, on)
