"""The log stamped by others over HTTP, renewed before that weakens, and judged offline; and what is no stamp."""

import asyncio
import shutil
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from operator import eq
from pathlib import Path
from typing import Any

import orjson
import psycopg
import pytest
from authority_of_time import Authority, authority, listening, stamping
from house import AT, ORIGIN, next_number, world
from listening import Answer, endless, raw, silent, whole
from service import Service, provisioned, serve
from test_audit_database import Tampering, named, tamper
from test_bundle import opened, resealed
from test_evidence_store import audited, config_of, printed

from gateway.app import publish_now
from gateway.bundle.verify import verify_bundle
from gateway.cli import main
from gateway.config import Config, TimestampAuthority, load_config
from gateway.errors import Misconfigured
from gateway.timestamps import store
from gateway.timestamps.asking import NoStamp, due, new_client, stamp_due
from gateway.timestamps.chain import Judged, judge_stamps
from gateway.timestamps.statement import Stamp, covered, names_stamp, write_statement
from schemas.verification import Outcome
from signing.trust import TrustStore

WHO = "SANDBOX-C"
Work = Callable[[Service], Awaitable[None]]


def trusting(tmp_path: Path, *authorities: Authority) -> Path:
    """The tests' trust folder, with these authorities in it."""
    folder = tmp_path / "trust"
    if not folder.exists():
        shutil.copytree(load_config(provisioned().config).trust_dir, folder)
    for one in authorities:
        one.trusted_in(folder)
    return folder


def asked(url: str, name: str = "tsa", digest: str = "sha256") -> dict[str, str]:
    return {"name": name, "url": f"{url}/{name}", "digest": digest}


async def grow(service: Service) -> None:
    """Something new in the log, under a checkpoint."""
    service.later(seconds=2)
    insurer = world().insurer(WHO)
    assert (await service.submit(insurer, world().policy(insurer, next_number()))).status == 201
    await covering(service)


async def covering(service: Service) -> None:
    """A checkpoint over all there is."""
    for _ in range(50):
        await publish_now(service.gateway)
        async with service.gateway.pool.connection() as connection:
            cursor = await connection.execute(
                "SELECT (SELECT size FROM ledger_head) = (SELECT max(size) FROM ledger_checkpoints)"
            )
            if (await cursor.fetchone() or (False,))[0]:
                return
        await asyncio.sleep(0.05)
    raise AssertionError


async def stamp(service: Service, **how: Any) -> list[Stamp]:
    async with new_client(2) as client:
        return await stamp_due(service.gateway, client, **how)


async def judged(service: Service, at: datetime | None = None, trust: TrustStore | None = None) -> list[Judged]:
    async with service.gateway.pool.connection() as connection:
        stamps = await store.list_stamps(connection)
        notes = await store.read_notes(connection, [one.checkpoint for one in stamps])
    origin = service.gateway.config.log_origin
    return judge_stamps(stamps, notes, origin, trust or service.gateway.trust, at or service.now)


def stamped(dsn: str, folder: Path, authorities: list[dict[str, str]], work: Work, **more: Any) -> None:
    """`work` with a service of which these are the authorities, and which leaves asking them to the test."""
    config: dict[str, Any] = {"trust_dir": folder, "timestamp_timeout_seconds": 2.0} | more

    async def apart(service: Service) -> None:
        listed = tuple(TimestampAuthority.model_validate(one) for one in authorities)
        told = service.gateway.config.model_copy(update={"timestamp_authorities": listed})
        service.gateway = replace(service.gateway, config=told)
        await work(service)

    serve(dsn, apart, **config)


@pytest.mark.parametrize(("kind", "digest"), [("p256", "sha256"), ("sm2", "sm3"), ("rsa", "sha512")])
def test_the_log_is_stamped_over_http_and_the_stamp_holds(dsn: str, tmp_path: Path, kind: str, digest: str) -> None:
    one = authority("Time", kind=kind)
    with listening(tsa=stamping(one)) as server:

        async def work(service: Service) -> None:
            one.clock = lambda: service.now
            await grow(service)
            (made,) = await stamp(service, now=True)
            assert (made.authority, made.moment, made.digest) == ("tsa", service.now.replace(microsecond=0), digest)
            assert await stamp(service) == []  # nothing is due
            await covering(service)
            service.later(hours=25)
            assert await stamp(service) == []  # the log has grown by the stamp alone
            await grow(service)
            (second,) = await stamp(service)
            assert names_stamp(second, made)
            for result in await judged(service):
                assert result.check.outcome is Outcome.PASSED, result
                assert result.moment is not None
            await covering(service)

        stamped(dsn, trusting(tmp_path, one), [asked(server.url, digest=digest)], work)
    assert audited(dsn) == []


def test_a_stamp_outlives_its_authority_if_it_was_renewed_in_time(dsn: str, tmp_path: Path) -> None:
    first = authority("First", end=AT + timedelta(days=100))
    second = authority("Second", end=AT + timedelta(days=900))
    folder = trusting(tmp_path, first)
    with listening(tsa=stamping(first)) as server:

        async def begin(service: Service) -> None:
            first.clock = second.clock = lambda: service.now
            await grow(service)
            await stamp(service, now=True)
            await covering(service)
            service.later(hours=2)
            assert await stamp(service) == []
            service.later(days=11)  # less than 90 days are left, and nothing new is in the log
            (again,) = await stamp(service)
            assert again.id == 2
            assert await stamp(service) == []  # not again and again, while the certificate is the same
            (one, other) = await judged(service)
            assert (one.check.outcome, other.check.outcome) == (Outcome.PASSED, Outcome.PASSED)
            # Once the certificate is over, nothing vouches for them.
            later = await judged(service, AT + timedelta(days=300))
            assert [result.check.reason for result in later] == ["not-proven", "not-proven"]

        stamped(dsn, folder, [asked(server.url)], begin)
        trusting(tmp_path, second)
        server.answers["/tsa"] = stamping(second)

        async def go_on(service: Service) -> None:
            service.later(days=90)
            first.clock = second.clock = lambda: service.now
            await grow(service)
            (third,) = await stamp(service)
            assert third.id == 3
            service.later(days=300)
            results = await judged(service)
            assert [one.check.outcome for one in results] == [Outcome.PASSED] * 3, results
            assert results[0].moment is not None
            assert results[0].moment < AT + timedelta(days=1)
            # Without the newest, or with one in the chain that is another, nothing is proven any more.
            stamps, notes = [one.stamp for one in results], {}
            async with service.gateway.pool.connection() as connection:
                notes = await store.read_notes(connection, [one.checkpoint for one in stamps])
            how = (service.gateway.config.log_origin, service.gateway.trust, service.now)
            assert {one.check.reason for one in judge_stamps(stamps[:2], notes, *how)} == {"not-proven"}
            assert judge_stamps([stamps[0], stamps[2]], notes, *how)[0].moment == stamps[0].moment  # two steps at once
            other = replace(stamps[1], token=stamps[0].token)
            reasons = [one.check.reason for one in judge_stamps([stamps[0], other, stamps[2]], notes, *how)]
            assert reasons[1:] == ["not-valid", "broken"]
            assert judge_stamps(stamps, {}, *how)[0].check.reason == "other-checkpoint"
            moved = replace(stamps[2], moment=stamps[2].moment - timedelta(days=1))
            assert judge_stamps([*stamps[:2], moved], notes, *how)[2].check.reason == "other-columns"

        stamped(dsn, folder, [asked(server.url)], go_on)


def test_another_digest_covers_every_earlier_stamp(dsn: str, tmp_path: Path) -> None:
    one, other = authority("One"), authority("Other", kind="sm2")
    folder = trusting(tmp_path, one, other)
    with listening(tsa=stamping(one), gm=stamping(other)) as server:

        async def begin(service: Service) -> None:
            one.clock = other.clock = lambda: service.now
            for _ in range(3):
                await grow(service)
                assert len(await stamp(service, now=True)) == 2
                service.later(hours=1)

        stamped(dsn, folder, [asked(server.url), asked(server.url, "gm", "sm3")], begin)

        async def go_on(service: Service) -> None:
            service.later(days=2)
            one.clock = other.clock = lambda: service.now
            before = [result.stamp for result in await judged(service)]
            made = await stamp(service, wanted=lambda name: name == "tsa")  # what is asked for now is another digest
            assert [result.digest for result in made] == ["sha512"]
            assert all(names_stamp(made[0], each) for each in before)
            assert all(result.check.outcome is Outcome.PASSED for result in await judged(service))

        stamped(dsn, folder, [asked(server.url, digest="sha512"), asked(server.url, "gm", "sm3")], go_on)
    assert {check.rule for check in audited(dsn)} <= {"log.checkpoints"}


def spoilt(one: Authority, stranger: Authority) -> dict[str, tuple[Answer, str]]:
    reply = "Content-Type: application/timestamp-reply"
    imprint = {"hash_algorithm": {"algorithm": "sha256"}, "hashed_message": b"\0" * 32}
    return {
        "imprint": (stamping(one, message_imprint=imprint), "something else"),
        "nonce": (stamping(one, nonce=7), "another query"),
        "no-nonce": (stamping(one, nonce=None), "another query"),
        "refused": (stamping(one, status=2), "grants nothing"),
        "future": (stamping(one, gen_time=datetime(2027, 1, 1, tzinfo=UTC)), "future"),
        "stranger": (stamping(stranger), "authority-not-trusted"),
        "silent": (silent, "too slow"),
        "endless": (endless, "status|media type|large"),
        "long": (whole(b"0" * 300_000, reply), "too large"),
        "status": (whole(b"", reply, status="500 No"), "status 500"),
        "redirect": (whole(b"", "Location: http://127.0.0.1:1/", status="302 Found"), "status 302"),
        "html": (whole(b"<html>", "Content-Type: text/html"), "text/html"),
        "nothing": (whole(b"", reply), "."),
        "noise": (whole(b"\x30\x03\x02\x01\x00", reply), "."),
        "no-http": (raw(b"\0\0\0"), "."),
    }


def test_what_is_no_stamp_is_not_kept_and_delays_nobody(dsn: str, tmp_path: Path) -> None:
    one, stranger = authority("Time"), authority("Stranger")
    answers = spoilt(one, stranger)
    with listening(good=stamping(one), **{name: answer for name, (answer, _) in answers.items()}) as server:
        names = [*answers, "good"]

        async def work(service: Service) -> None:
            one.clock = stranger.clock = lambda: service.now
            await grow(service)
            known = [each.name for each in service.gateway.config.timestamp_authorities]
            for name in known[:-1]:
                with pytest.raises(NoStamp, match=answers[name][1]):
                    await stamp(service, now=True, wanted=partial(eq, name))
            with pytest.raises(NoStamp):
                await stamp(service, now=True, wanted=lambda given: given in (known[0], "good"))
            assert {result.stamp.authority for result in await judged(service)} == {"good"}

        for some in (names[:7], names[7:14], names[14:]):
            part = [asked(server.url, name) for name in (*some, *(["good"] if "good" not in some else []))]
            stamped(dsn, trusting(tmp_path, one), part, work, timestamp_timeout_seconds=2.0)


def test_one_gateway_at_a_time_asks(dsn: str, tmp_path: Path) -> None:
    one = authority("Time")
    with listening(tsa=stamping(one)) as server:

        async def work(service: Service) -> None:
            one.clock = lambda: service.now
            await grow(service)
            made = await asyncio.gather(*(stamp(service) for _ in range(4)))
            assert sum(map(len, made)) == len(one.seen) == 1

        stamped(dsn, trusting(tmp_path, one), [asked(server.url)], work)


def test_the_service_stamps_by_itself_and_the_commands_show_it(dsn: str, tmp_path: Path, capsysbinary: Any) -> None:
    one = authority("Time")
    one.clock = lambda: datetime.now(UTC)
    folder = trusting(tmp_path, one)

    async def fill(service: Service) -> None:
        await grow(service)

    serve(dsn, fill)
    with listening(tsa=stamping(one)) as server:

        async def work(service: Service) -> None:
            one.clock = lambda: service.now
            for _ in range(100):
                if await judged(service):
                    return
                await asyncio.sleep(0.05)
            raise AssertionError

        serve(dsn, work, trust_dir=folder, timestamp_authorities=[asked(server.url)])
        config = config_of(dsn, trust_dir=str(folder), timestamp_authorities=orjson.dumps([asked(server.url)]).decode())
        assert main(["log", "timestamps", "--config", config]) == 0
        assert [line["outcome"] for line in printed(capsysbinary)] == ["passed"]
        one.clock = lambda: datetime.now(UTC)
        assert main(["log", "timestamp", "--config", config, "--authority", "tsa"]) == 0
        assert printed(capsysbinary)[0]["authority"] == "tsa"
        assert main(["log", "timestamp", "--config", config, "--authority", "other"]) == 64
        server.answers.clear()
        assert main(["log", "timestamp", "--config", config]) == 1


def test_when_a_stamp_is_due() -> None:
    config = Config(timestamp_every_hours=24, timestamp_renew_days=90)
    who = TimestampAuthority(name="tsa", url="http://x/tsa")

    def made(**changes: Any) -> Stamp:
        given: dict[str, Any] = {
            "id": 1,
            "authority": "tsa",
            "digest": "sha256",
            "checkpoint": 10,
            "moment": AT,
            "lasts": AT + timedelta(days=400),
            "statement": b"",
            "token": b"",
            "known_at": AT,
            "leaf_index": 10,
        }
        return Stamp(**(given | changes))

    day = timedelta(days=1)
    assert due([], who, 1, AT, config) == "new"
    assert due([made(authority="other")], who, 11, AT, config) == "new"
    assert due([made()], who, 11, AT + 2 * day, config) is None
    assert due([made()], who, 12, AT + 2 * day, config) == "new"
    assert due([made()], who, 12, AT + day / 2, config) is None
    assert due([made()], who, 11, AT + 309 * day, config) is None
    assert due([made()], who, 11, AT + 310 * day, config) == "weakens"
    assert due([made(lasts=AT + 2 * day)], who, 11, AT + day / 2, config) is None
    assert due([made(digest="sha512")], who, 11, AT + day, config) == "weakens"


def test_each_stamp_covers_a_few_earlier_ones_and_a_new_digest_all() -> None:
    stamps = [Stamp(n, "tsa", "sha256", n, AT, AT, b"%d" % n, b"t%d" % n, AT, n) for n in range(1, 41)]
    assert [one.id for one in covered(stamps, "tsa", "sha256")] == [40, 39, 37, 33, 25, 9]
    assert covered(stamps, "tsa", "sha512") == stamps
    assert covered(stamps, "other", "sha256") == stamps
    said = orjson.loads(write_statement(ORIGIN, b"note", 7, covered(stamps, "tsa", "sha256"), "sha256"))
    assert (said["size"], len(said["covers"])) == (7, 6)


TAMPERINGS = tuple(
    Tampering(what, "log_timestamps", sql, "audit.rows", reason)
    for what, sql, reason in (
        ("a stamp removed", "DELETE FROM log_timestamps", "missing"),
        ("the moment of a stamp", "UPDATE log_timestamps SET moment = moment - interval '1 day'", "changed"),
        ("until when it lasts", "UPDATE log_timestamps SET lasts = lasts + interval '1 day'", "changed"),
        ("what was stamped", "UPDATE log_timestamps SET statement = statement || ' '", "changed"),
        (
            "the token",
            "UPDATE log_timestamps SET token = set_byte(token, length(token) - 9, "
            "get_byte(token, length(token) - 9) # 1)",
            "changed",
        ),
        (
            "a stamp added",
            "INSERT INTO log_timestamps SELECT id + 1, authority, digest, checkpoint, moment, lasts, statement, token, "
            "known_at, leaf_index + 1 FROM log_timestamps",
            "added",
        ),
        (
            "a stamp of another checkpoint",
            "UPDATE log_timestamps SET checkpoint = (SELECT min(size) FROM ledger_checkpoints)",
            "changed",
        ),
    )
)


def test_a_stamp_that_was_changed_is_found_and_named(dsn: str, postgres: str, tmp_path: Path) -> None:
    one = authority("Time")
    with listening(tsa=stamping(one)) as server:

        async def work(service: Service) -> None:
            one.clock = lambda: service.now
            await grow(service)
            await grow(service)
            await stamp(service, now=True)
            await covering(service)

        stamped(dsn, trusting(tmp_path, one), [asked(server.url)], work)
    with psycopg.connect(dsn, autocommit=True) as connection:
        for statement in ("DELETE FROM log_timestamps", "UPDATE log_timestamps SET lasts = now()"):
            with pytest.raises(psycopg.errors.IntegrityError):
                connection.execute(statement.encode())
        connection.execute("CREATE TABLE kept AS TABLE log_timestamps")
    for each in TAMPERINGS:
        tamper(dsn, each)
        found = named(audited(dsn))
        assert (each.rule, each.reason, each.table) in found, (each.what, found)
        with psycopg.connect(dsn, autocommit=True) as connection:
            connection.execute("SET session_replication_role = replica")
            connection.execute("DELETE FROM log_timestamps")
            connection.execute("INSERT INTO log_timestamps TABLE kept")
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("DROP TABLE kept")
    assert audited(dsn) == []
    assert postgres


def test_an_authority_is_configured_with_a_name_and_an_address() -> None:
    for wrong in (
        {"name": "a b", "url": "http://x"},
        {"name": "a", "url": "ftp://x"},
        {"name": "a", "url": "http://x@y"},
    ):
        with pytest.raises(Misconfigured, match="timestamp_authorities"):
            load_config(provisioned().config, {}, timestamp_authorities=[wrong])


def test_a_bundle_carries_its_stamps_and_they_are_judged_offline(dsn: str, tmp_path: Path) -> None:
    first = authority("First", end=AT + timedelta(days=400))
    second = authority("Second", end=AT + timedelta(days=4000))
    folder, made = trusting(tmp_path, first, second), []
    with listening(tsa=stamping(first)) as server:

        async def work(service: Service) -> None:
            first.clock = second.clock = lambda: service.now
            insurer = world().insurer(WHO)
            facts = world().policy(insurer, next_number())
            assert (await service.submit(insurer, facts)).status == 201
            await covering(service)
            await stamp(service, now=True)
            moments.append(service.now)
            for day in range(9):
                service.later(days=1)
                await stamp(service, now=True)
                await covering(service)
                if day == 4:
                    server.answers["/tsa"] = stamping(second)
            address = f"/v1/insurers/{insurer.code}/policies/{facts.policy_no}/evidence"
            for years in (0, 3):
                service.later(days=365 * years)
                got = await service.call("REGULATOR", "GET", address)
                assert got.status == 200, got.body
                made.append(got.body)

        moments: list[datetime] = []
        stamped(dsn, folder, [asked(server.url)], work)
    fresh, late = made

    def step(bundle: bytes, trust: Path, at: datetime) -> tuple[str, int, str]:
        found = {one.name: one for one in verify_bundle(bundle, trust, at=at)[1]}["timestamps"]
        return found.result, found.count, " ".join(found.detail)

    soon, later = AT + timedelta(days=20), AT + timedelta(days=3 * 365 + 20)
    assert step(fresh, folder, soon)[:2] == ("recomputed", 1)
    assert moments[0].isoformat() in step(fresh, folder, soon)[2]
    assert step(fresh, folder, later)[:2] == ("absent", 1)
    result, count, words = step(late, folder, later)
    assert (result, count <= 4, moments[0].isoformat() in words) == ("recomputed", True, True)
    assert step(late, load_config(provisioned().config).trust_dir, later)[0] == "absent"  # nobody's word is believed
    files = dict(opened(late))
    plain = orjson.loads(files["log/timestamps.json"])
    for change in ("token", "statement", "note"):
        spoilt = orjson.loads(orjson.dumps(plain))
        text = spoilt["authorities"][0]["stamps"][0][change]
        spoilt["authorities"][0]["stamps"][0][change] = text[:-12] + ("B" if text[-12] == "A" else "A") + text[-11:]
        bundle = resealed(files | {"log/timestamps.json": orjson.dumps(spoilt)})
        assert step(bundle, folder, later)[0] == "differs", change
    spoilt = orjson.loads(orjson.dumps(plain))
    spoilt["authorities"][0]["consistency"] = []
    assert step(resealed(files | {"log/timestamps.json": orjson.dumps(spoilt)}), folder, later)[0] == "differs"
    assert all(one.result in ("recomputed", "equal") for one in verify_bundle(late, folder, at=later)[1])
