"""People sign in and read; what acts is signed; a session ends by every clock and by every word that ends it."""

import asyncio
import hashlib
import time
from datetime import timedelta
from pathlib import Path
from statistics import median
from typing import Any

import psycopg
import pytest
from house import AT, e_policy, naming, next_number, world
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from service import Answered, Service, provisioned, serve
from signed_in import (
    HARMLESS,
    PASSWORD,
    bearing,
    cheap_hash,
    entry,
    everybody,
    read,
    sign_in,
    try_in,
    users_file,
    write_users,
)

from gateway.access.delays import delay
from gateway.access.passwords import find_flaw, hash_password
from gateway.access.users import load_users
from gateway.app import build
from gateway.config import load_config
from gateway.errors import Misconfigured


def rules(got: Answered) -> list[tuple[str, str]]:
    return [(one["rule"], one["reason"]) for one in got.json()["problems"]]


def test_who_signs_in_reads_what_the_role_may_and_the_answer_is_signed(dsn: str) -> None:
    async def work(service: Service) -> None:
        who = world().insurer("SANDBOX-C")
        facts = world().policy(who, next_number())
        assert (await service.submit(who, facts)).status == 201
        got = await try_in(service, "subsidy")
        assert got.status == 201
        assert got.headers["cache-control"] == "no-store"
        told = got.json()
        assert (told["user"], told["role"], told["participant"]) == ("subsidy", "subsidy_system", "SUBSIDY")
        token = told["token"]
        path = f"/v1/insurers/{who.code}/policies/{facts.policy_no}/premium"
        answer = await read(service, token, path)
        assert answer.status == 200
        assert "signature" in answer.headers
        current = await read(service, token, "/v1/sessions/current")
        assert current.json() == {name: value for name, value in told.items() if name != "token"}
        own, other = await sign_in(service, who.code), await sign_in(service, "SANDBOX-A")
        assert (await read(service, own, path)).status == 200
        assert (await read(service, other, path)).status == 403
        assert (await read(service, own, "/v1/premiums/changes")).status == 403
        assert (await read(service, token, "/v1/premiums/changes")).status == 200

    serve(dsn, work, users=users_file())


def test_a_session_rehearses_and_matches_but_never_acts(dsn: str) -> None:
    async def work(service: Service) -> None:
        who = world().insurer("SANDBOX-C")
        facts = world().policy(who, next_number())
        media_type, body = world().render_message(who, [facts], f"m-{next_number()}")
        token = await sign_in(service, who.code)
        sent = bearing(token, **{"content-type": media_type})
        rehearsed = await service.send("POST", "/v1/submissions?dry_run=true", body, sent)
        assert (rehearsed.status, rehearsed.headers["dry-run"]) == (200, "true")
        service.check_signature(rehearsed, "POST", "/v1/submissions?dry_run=true", sent)
        signed = await service.call(
            who.code, "POST", "/v1/submissions?dry_run=true", body, {"content-type": media_type}
        )
        assert rehearsed.json()["status"] == signed.json()["status"]
        meant = await service.send("POST", "/v1/submissions", body, sent)
        assert (meant.status, rules(meant)) == (401, [("session.reads-only", "must-sign")])
        assert (await read(service, token, f"/v1/submissions/{rehearsed.json()['submission_id']}")).status == 404
        paper = e_policy(who, facts)
        handed = await service.send(
            "PUT",
            f"/v1/documents/{hashlib.sha256(paper.content).hexdigest()}",
            paper.content,
            bearing(token, **{"content-type": paper.media_type}),
        )
        assert rules(handed) == [("session.reads-only", "must-sign")]

    serve(dsn, work, users=users_file())


def test_no_acting_route_takes_a_session(dsn: str) -> None:
    """Whatever is not a GET is refused to every role's session, except what is known to write nothing."""

    async def work(service: Service) -> None:
        tokens = [await sign_in(service, code) for code in ("SANDBOX-A", "SUBSIDY", "REGULATOR", "OPERATOR")]
        for path, methods in service.app.openapi()["paths"].items():
            for method in methods:
                if method == "get" or (method.upper(), path) in HARMLESS:
                    continue
                place = path
                for name, value in _PARAMETERS.items():
                    place = place.replace("{" + name + "}", value)
                for token in tokens:
                    got = await service.send(method.upper(), place, b"{}", bearing(token))
                    assert (got.status, rules(got)) == (401, [("session.reads-only", "must-sign")]), (method, path)

    serve(dsn, work, users=users_file())


_PARAMETERS = {
    "sha256": "0" * 64,
    "identity": "sub_" + "0" * 32,
    "name": "dishonest",
    "insurer": "SANDBOX-A",
    "policy_no": "PSA0000000000001",
}


def test_a_request_says_in_one_way_who_calls(dsn: str) -> None:
    async def work(service: Service) -> None:
        token = await sign_in(service, "SUBSIDY")
        path = "/v1/sessions/current"
        for signer in ("SUBSIDY", "REGULATOR"):
            sent = service.signed(signer, "GET", path) | bearing(token)
            got = await service.send("GET", path, b"", sent)
            assert (got.status, rules(got)) == (401, [("session.alone", "signed-too")])
        for name in ("signature", "signature-input"):
            assert rules(await service.send("GET", path, b"", bearing(token, **{name: "x"}))) == [
                ("session.alone", "signed-too")
            ]
        good = f"Bearer {token}".encode()
        for others in (good, b"Basic YTpi", b"Bearer x"):
            got = await service.raw("GET", path.encode(), [(b"authorization", good), (b"authorization", others)])
            assert rules(got) == [("session.alone", "several")]
        # Nowhere else is a token looked for.
        for elsewhere in (
            {"cookie": f"session={token}; token={token}"},
            {"x-authorization": f"Bearer {token}"},
            {"authorization": token},
            {"authorization": f"Basic {token}"},
            {"proxy-authorization": f"Bearer {token}"},
        ):
            assert (await service.send("GET", path, b"", elsewhere)).status == 401
        assert (await service.send("GET", f"{path}?access_token={token}", b"", {})).status == 401
        assert (await service.send("GET", path, b"", {"authorization": f"bEARER {token}"})).status == 200

    serve(dsn, work, users=users_file())


def test_what_is_no_token_is_nobody(dsn: str) -> None:
    tokens = [
        b"",
        b" ",
        b"gws_",
        b"gws_" + b"A" * 42,
        b"gws_" + b"A" * 44,
        b"gws_" + b"A" * 43,
        b"gws_" + b"A" * 60_000,
        b"\xff" * 47,
        "会话".encode() * 10,
        b"gws_" + b"A" * 42 + b"\x00",
        b"gws_" + b"A" * 43 + b" gws_" + b"A" * 43,
        b"'; DROP TABLE sessions; --",
    ]

    async def work(service: Service) -> None:
        for token in tokens:
            got = await service.raw("GET", b"/v1/sessions/current", [(b"authorization", b"Bearer " + token)])
            assert (got.status, rules(got)) == (401, [("session.current", "unknown")])
            assert got.headers["www-authenticate"].startswith("Bearer")

    serve(dsn, work, users=users_file())


def test_a_session_ends_by_the_clock_and_by_not_being_used(dsn: str) -> None:
    async def work(service: Service) -> None:
        idle, busy = await sign_in(service, "SUBSIDY"), await sign_in(service, "SUBSIDY")
        path = "/v1/sessions/current"
        for _ in range(24):  # twelve hours, in steps that keep it awake
            service.later(minutes=29, seconds=50)
            assert (await read(service, busy, path)).status == 200
        gone = await read(service, idle, path)
        assert (gone.status, rules(gone)) == (401, [("session.current", "idle")])
        service.later(minutes=3, seconds=59)
        assert (await read(service, busy, path)).status == 200
        service.later(seconds=1)
        assert rules(await read(service, busy, path)) == [("session.current", "expired")]

    serve(dsn, work, users=users_file())


def test_being_seen_is_written_at_most_once_a_minute(dsn: str) -> None:
    async def work(service: Service) -> None:
        token = await sign_in(service, "SUBSIDY")

        def seen() -> Any:
            with psycopg.connect(dsn) as connection:
                return connection.execute("SELECT seen_at, xmin::text FROM sessions").fetchone()

        first = seen()
        for _ in range(5):
            service.later(seconds=11)
            await read(service, token, "/v1/sessions/current")
        assert seen() == first
        service.later(seconds=5)
        await read(service, token, "/v1/sessions/current")
        assert seen()[0] == service.now

    serve(dsn, work, users=users_file())


def test_who_signs_out_is_out_everywhere(dsn: str) -> None:
    async def work(service: Service) -> None:
        token, other = await sign_in(service, "SUBSIDY"), await sign_in(service, "SUBSIDY")
        path = "/v1/sessions/current"
        assert (await service.send("DELETE", path, b"", bearing(token))).status == 200
        for method in ("GET", "DELETE"):
            assert rules(await service.send(method, path, b"", bearing(token))) == [("session.current", "ended")]
        assert (await read(service, other, path)).status == 200
        missing = await service.call("SUBSIDY", "GET", path)
        assert rules(missing) == [("session.current", "missing")]

    serve(dsn, work, users=users_file())


@pytest.mark.parametrize(
    "change",
    [
        {"ends_at": AT.isoformat()},
        {"participant": "REGULATOR"},
        {"password_hash": cheap_hash("another password")},
        {"password_hash": None},
        None,
    ],
)
def test_a_user_who_is_changed_in_the_file_is_out_at_once(dsn: str, tmp_path: Path, change: Any) -> None:
    file = write_users(tmp_path / "users.json", [entry("SUBSIDY"), entry("OPERATOR")])

    async def work(service: Service) -> None:
        token, other = await sign_in(service, "SUBSIDY"), await sign_in(service, "OPERATOR")
        path = "/v1/sessions/current"
        assert (await read(service, token, path)).status == 200
        changed = [] if change is None else [entry("SUBSIDY", **change)]
        write_users(file, [*changed, entry("OPERATOR")])
        assert rules(await read(service, token, path)) == [("session.current", "user-ended")]
        write_users(file, [entry("SUBSIDY"), entry("OPERATOR")])
        assert rules(await read(service, token, path)) == [("session.current", "ended")]
        assert (await read(service, other, path)).status == 200

    serve(dsn, work, users=file)


def test_while_the_file_cannot_be_read_nobody_is_let_in(dsn: str, tmp_path: Path) -> None:
    file = write_users(tmp_path / "users.json", [entry("SUBSIDY")])

    async def work(service: Service) -> None:
        token = await sign_in(service, "SUBSIDY")
        file.write_bytes(b"[{")
        assert (await read(service, token, "/v1/sessions/current")).status == 503
        assert (await try_in(service, "subsidy")).status == 503
        file.unlink()
        assert (await read(service, token, "/v1/sessions/current")).status == 503
        write_users(file, [entry("SUBSIDY")])
        assert (await read(service, token, "/v1/sessions/current")).status == 200

    serve(dsn, work, users=file)


def test_a_wrong_sign_in_is_told_alike_whoever_it_was(dsn: str, tmp_path: Path) -> None:
    ended = entry("OPERATOR", ends_at="2026-01-01T00:00:00Z")
    elsewhere = entry("SANDBOX-A", name="elsewhere", participant="NOT-REGISTERED")
    by_provider = entry("REGULATOR", password_hash=None)
    file = write_users(tmp_path / "users.json", [entry("SUBSIDY"), ended, elsewhere, by_provider])

    async def work(service: Service) -> None:
        bodies = set()
        for user, password in (
            ("subsidy", "wrong"),
            ("subsidy", PASSWORD + " "),
            ("subsidy", "x" * 2000),
            ("nobody", PASSWORD),
            ("SUBSIDY", PASSWORD),
            ("subsidy\x00", PASSWORD),
            ("operator", PASSWORD),
            ("elsewhere", PASSWORD),
            ("regulator", PASSWORD),
        ):
            got = await try_in(service, user, password)
            assert (got.status, rules(got)) == (401, [("session.credentials", "wrong")])
            bodies.add(got.body)
        assert len(bodies) == 1

    serve(dsn, work, users=file)


def test_a_name_that_nobody_has_takes_as_long(dsn: str) -> None:
    async def work(service: Service) -> None:
        took: dict[str, list[float]] = {"subsidy": [], "nobody": []}
        for _ in range(4):
            for user, times in took.items():
                began = time.perf_counter()
                assert (await try_in(service, user, "wrong")).status == 401
                times.append(time.perf_counter() - began)
        ratio = median(took["subsidy"]) / median(took["nobody"])
        assert 0.2 < ratio < 5, took  # without the work it would be a tenth; the machine is shared

    serve(dsn, work, users=users_file())


def test_guessing_takes_ever_longer_also_all_at_once(dsn: str) -> None:
    async def work(service: Service) -> None:
        got = await asyncio.gather(*(try_in(service, "subsidy", f"guess {number}") for number in range(12)))
        assert sorted(one.status for one in got) == [401] * 5 + [429] * 7
        late = await try_in(service, "subsidy")
        assert (late.status, late.headers["retry-after"]) == (429, "1")
        assert (await try_in(service, "operator")).status == 201  # others are not kept out
        service.later(seconds=1)
        assert (await try_in(service, "subsidy", "wrong")).status == 401
        assert (await try_in(service, "subsidy")).headers["retry-after"] == "2"
        service.later(seconds=2)
        assert (await try_in(service, "subsidy")).status == 201
        assert (await try_in(service, "subsidy", "wrong")).status == 401  # all is forgiven
        assert (await try_in(service, "subsidy")).status == 201

    serve(dsn, work, users=users_file())


def test_one_address_cannot_try_every_name(dsn: str) -> None:
    async def work(service: Service) -> None:
        got = [await try_in(service, f"user{number}", "wrong") for number in range(31)]
        assert [one.status for one in got] == [401] * 30 + [429]
        service.later(seconds=1)
        assert (await try_in(service, "subsidy")).status == 201
        assert (await try_in(service, "somebody", "wrong")).status == 401  # one good sign-in does not forgive the rest
        assert (await try_in(service, "another", "wrong")).status == 429

    serve(dsn, work, users=users_file())


def test_delays_grow_up_to_a_bound() -> None:
    waits = [delay(failures, 5, 300) for failures in range(100)]
    assert waits[:5] == [timedelta(0)] * 5
    assert waits[5:9] == [timedelta(seconds=2**place) for place in range(4)]
    assert waits == sorted(waits)
    assert waits[-1] == timedelta(seconds=300)


@settings(max_examples=2, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(bodies=st.lists(st.binary(max_size=200), min_size=30, max_size=60))
def test_what_is_no_sign_in_is_told_and_counts_nothing(dsn: str, bodies: list[bytes]) -> None:
    bad = [
        b"",
        b"null",
        b"[]",
        b"{}",
        b'{"user":"a"}',
        b'{"user":"a","password":1}',
        b'{"user":"a","password":"b","more":1}',
        b'{"user":"a","user":"b","password":"c"}',
        b'{"user":"","password":"c"}',
        b'{"user":"\\ud800","password":"c"}',
        b'{"user":"' + b"a" * 101 + b'","password":"c"}',
        b"[" * 10_000,
    ]

    async def work(service: Service) -> None:
        for body in (*bad, *bodies):
            assert (await service.send("POST", "/v1/sessions", body, {})).status == 400
        assert (await service.send("POST", "/v1/sessions", b" " * 33_000, {})).status == 413

    serve(dsn, work, users=users_file())
    with psycopg.connect(dsn) as connection:
        assert connection.execute("SELECT count(*) FROM sign_in_delays").fetchone() == (0,)


def test_no_token_and_no_password_is_kept(dsn: str) -> None:
    async def work(service: Service) -> None:
        token = await sign_in(service, "SUBSIDY")
        await try_in(service, "subsidy", "a secret that is wrong")
        with psycopg.connect(dsn) as connection:
            rows = connection.execute("SELECT sessions::text FROM sessions").fetchall()
            rows += connection.execute("SELECT sign_in_delays::text FROM sign_in_delays").fetchall()
        kept = "".join(row[0] for row in rows)
        for secret in (token, token[4:], PASSWORD, "a secret", token.encode().hex()):
            assert secret not in kept

    serve(dsn, work, users=users_file())


def test_without_a_users_file_nobody_signs_in(dsn: str) -> None:
    async def work(service: Service) -> None:
        assert (await try_in(service, "subsidy")).status == 401

    serve(dsn, work)


@pytest.mark.parametrize(
    ("entries", "told"),
    [
        ({}, "an array"),
        ([entry("SUBSIDY"), entry("SUBSIDY")], "twice"),
        ([entry("SUBSIDY", password_hash="secret")], "no Argon2 hash"),
        ([entry("SUBSIDY", password_hash=cheap_hash().replace("argon2id", "argon2i"))], "not Argon2id"),
        ([entry("SUBSIDY", password_hash=cheap_hash().replace("m=19456", "m=8"))], "memory"),
        ([entry("SUBSIDY", password_hash=cheap_hash().replace("m=19456", "m=99999999"))], "memory"),
        ([entry("SUBSIDY", password_hash=cheap_hash().replace("t=2", "t=1"))], "passes"),
        ([entry("SUBSIDY", name="a b")], "name"),
        ([entry("SUBSIDY", admin=True)], "admin"),
    ],
)
def test_a_users_file_that_cannot_be_is_refused_without_telling_a_hash(tmp_path: Path, entries: Any, told: str) -> None:
    file = write_users(tmp_path / "users.json", entries)
    with pytest.raises(Misconfigured, match=told) as refused:
        load_users(file)
    assert "$argon2" not in str(refused.value)
    assert "secret" not in str(refused.value)


def test_a_gateway_does_not_begin_with_such_a_file(dsn: str, tmp_path: Path) -> None:
    file = write_users(tmp_path / "users.json", [{}])
    with pytest.raises(Misconfigured, match="entry 0"):
        serve(dsn, _nothing, users=file)


async def _nothing(_: Service) -> None: ...


def test_a_password_is_hashed_so_that_the_house_takes_it() -> None:
    stored = hash_password(PASSWORD)
    assert find_flaw(stored) is None
    for short in ("", "elevenchars", "x" * 1025):
        with pytest.raises(ValueError, match="characters"):
            hash_password(short)


def test_the_configuration_of_sessions_is_bounded() -> None:
    for wrong in ({"session_hours": 0}, {"session_hours": 1000}, {"session_idle_minutes": 0}):
        with pytest.raises(Misconfigured):
            load_config(provisioned().config, {}, **wrong)
    assert build(load_config(provisioned().config, {}, users=users_file())).config.session_hours == 12
    assert len(everybody()) > 4


def test_a_policy_is_still_attached_by_who_signs(dsn: str) -> None:
    """What signs goes on as it did beside sessions."""

    async def work(service: Service) -> None:
        who = world().insurer("SANDBOX-C")
        facts = world().policy(who, next_number())
        paper = e_policy(who, facts)
        assert (await service.put(who, paper)).status == 201
        assert (await service.submit(who, naming(facts, "policy", paper))).status == 201

    serve(dsn, work, users=users_file())
