"""Signing in at an identity provider: what its token has to be, whose keys count, and that a real one's do."""

import asyncio
import base64
import hmac
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest
from house import AT
from identity import NONCE, REDIRECT, WELL_KNOWN, Issuer, code_flow, config, new_key
from joserfc import jws
from listening import endless, raw, silent, trickling, whole
from listening import serve as listen
from service import Answered, Service, serve
from signed_in import bearing, entry, read, write_users

from gateway.access.provider import check_address
from gateway.errors import Misconfigured
from gateway.serve import free_port
from tests.real_provider import CLIENT, real_provider

RSA, OTHER, EC, ED = new_key("rsa-1"), new_key("rsa-2"), new_key("ec-1", "ES256"), new_key("ed-1", "Ed25519")


@pytest.fixture
def issuer() -> Iterator[Issuer]:
    with listen() as server:
        made = Issuer(server)
        made.publish(RSA)
        yield made


async def try_token(service: Service, token: str, nonce: str = NONCE) -> Answered:
    body = orjson.dumps({"id_token": token, "nonce": nonce})
    return await service.send("POST", "/v1/sessions", body, {"content-type": "application/json"})


def reason(got: Answered) -> tuple[int, str]:
    problems = got.json()["problems"]
    assert [one["rule"] for one in problems] == ["oidc.token"], got.body
    return got.status, problems[0]["reason"]


@pytest.mark.parametrize("key", [RSA, EC, ED, new_key("ps", "PS256")], ids=lambda one: str(one.alg))
def test_a_token_of_the_provider_opens_one_session(dsn: str, issuer: Issuer, key: Any) -> None:
    issuer.publish(OTHER, key)

    async def work(service: Service) -> None:
        token = issuer.token(key=key)
        got = await try_token(service, token)
        assert got.status == 201, got.body
        told = got.json()
        assert (told["user"], told["display_name"], told["participant"]) == ("wang", "王某", "SUBSIDY")
        assert (await read(service, told["token"], "/v1/premiums/changes")).status == 200
        assert reason(await try_token(service, token)) == (401, "replayed")
        assert (await try_token(service, issuer.token(key=key, jti="2"))).status == 201
        fresh = issuer.token(key=key, jti="3")
        at_once = await asyncio.gather(*(try_token(service, fresh) for _ in range(5)))
        assert sorted(one.status for one in at_once) == [201, 401, 401, 401, 401]

    serve(dsn, work, oidc=config(issuer.server.url))


def forged(issuer: Issuer) -> dict[str, tuple[str, str]]:
    """Tokens that are none, each with the reason."""
    good = issuer.token()
    head, payload, signature = good.split(".")
    now = int(AT.timestamp())

    def headed(**stated: Any) -> str:
        return base64.urlsafe_b64encode(json.dumps(stated).encode()).rstrip(b"=").decode()

    # The public key as if it were a shared secret.
    hs256 = f"{headed(alg='HS256', kid='rsa-1')}.{payload}"
    mac = hmac.digest(RSA.as_pem(private=False), hs256.encode(), "sha256")
    confused = f"{hs256}.{base64.urlsafe_b64encode(mac).rstrip(b'=').decode()}"
    evil = new_key("rsa-1")
    return {
        "alg none": (f"{headed(alg='none')}.{payload}.", "malformed"),
        "alg none with something": (f"{headed(alg='none', kid='rsa-1')}.{payload}.{signature}", "algorithm"),
        "no alg": (f"{headed(kid='rsa-1')}.{payload}.{signature}", "algorithm"),
        "the public key as a secret": (confused, "algorithm"),
        "critical extension": (f"{headed(alg='RS256', kid='rsa-1', crit=['b64'])}.{payload}.{signature}", "algorithm"),
        "another key under the same id": (issuer.token(key=evil), "signature"),
        "a key that it brings along": (
            issuer.token(key=evil, header={"jwk": evil.as_dict(private=False), "jku": issuer.server.url}),
            "signature",
        ),
        "a key that nobody publishes": (issuer.token(key=OTHER), "key-unknown"),
        "an algorithm of another kind": (issuer.token(key=EC, header={"kid": "rsa-1"}), "key-unknown"),
        "changed": (f"{head}.{payload[:-2]}AA.{signature}", "signature"),
        "header changed": (f"{headed(alg='RS256', kid='rsa-1', x=1)}.{payload}.{signature}", "signature"),
        "encrypted": (f"{head}.{payload}.{payload}.{payload}.{signature}", "malformed"),
        "spaces": (good + " ", "malformed"),
        "not base64": (good.replace(".", ".*", 1), "malformed"),
        "header twice": (headed() + f".{payload}.{signature}", "algorithm"),
        "header a list": (
            base64.urlsafe_b64encode(b"[]").decode().rstrip("=") + f".{payload}.{signature}",
            "malformed",
        ),
        "payload no object": (jws.serialize_compact({"alg": "RS256", "kid": "rsa-1"}, b"[]", RSA), "malformed"),
        "payload with a claim twice": (
            jws.serialize_compact({"alg": "RS256", "kid": "rsa-1"}, b'{"iss":"a","iss":"b"}', RSA),
            "malformed",
        ),
        "another issuer": (issuer.token(iss="https://other.example"), "issuer"),
        "issuer with a slash": (issuer.token(iss=issuer.server.url + "/"), "issuer"),
        "no issuer": (issuer.token(iss=None), "issuer"),
        "another audience": (issuer.token(aud="another"), "audience"),
        "no audience": (issuer.token(aud=None), "audience"),
        "audience empty": (issuer.token(aud=[]), "audience"),
        "several without azp": (issuer.token(aud=[CLIENT, "another"]), "audience"),
        "azp another": (issuer.token(aud=[CLIENT], azp="another"), "audience"),
        "expired": (issuer.token(exp=now), "expired"),
        "no exp": (issuer.token(exp=None), "malformed"),
        "exp text": (issuer.token(exp=str(now + 60)), "malformed"),
        "exp true": (issuer.token(exp=True), "malformed"),
        "exp beyond time": (issuer.token(exp=10**15), "malformed"),
        "exp fraction": (issuer.token(exp=now + 0.5), "malformed"),
        "from the future": (issuer.token(iat=now + 61), "not-yet"),
        "not before": (issuer.token(nbf=now + 61), "not-yet"),
        "old": (issuer.token(iat=now - 661), "too-old"),
        "no iat": (issuer.token(iat=None), "malformed"),
        "another nonce": (issuer.token(nonce="n-another-0123456789"), "nonce"),
        "no nonce": (issuer.token(nonce=None), "nonce"),
        "nonce no text": (issuer.token(nonce=1), "nonce"),
        "no subject": (issuer.token(sub=None), "no-user"),
        "subject empty": (issuer.token(sub=""), "no-user"),
        "subject with control characters": (issuer.token(sub="a\nb"), "no-user"),
        "no participant": (issuer.token(participant=None), "participant"),
        "participant not allowed": (issuer.token(participant="SUBSIDY"), "participant"),
        "participant odd": (issuer.token(participant={"subsidy-office": 1}), "participant"),
        "several participants": (issuer.token(participant=["subsidy-office", "regulator"]), "several-participants"),
    }


def test_whatever_is_wrong_with_a_token_it_opens_nothing(dsn: str, issuer: Issuer) -> None:
    async def work(service: Service) -> None:
        for name, (token, why) in forged(issuer).items():
            async with service.gateway.pool.connection() as connection:
                await connection.execute("DELETE FROM sign_in_delays")
            got = await try_token(service, token)
            assert reason(got) == (401, why), name
        for body in (
            b'{"id_token":1,"nonce":"n-0123456789abcdef"}',
            b'{"id_token":"a.b.c"}',
            b'{"id_token":"a","nonce":"short"}',
        ):
            assert (await service.send("POST", "/v1/sessions", body, {})).status == 400
        async with service.gateway.pool.connection() as connection:
            cursor = await connection.execute("SELECT (SELECT count(*) FROM sessions) + count(*) FROM used_id_tokens")
            assert await cursor.fetchone() == (0,)
        assert (await try_token(service, issuer.token(aud=[CLIENT, "another"], azp=CLIENT))).status == 201
        assert (await try_token(service, issuer.token(participant=["x", "subsidy-office", 3]))).status == 201

    serve(dsn, work, oidc=config(issuer.server.url))


def test_without_a_key_id_only_a_lone_key_counts(dsn: str, issuer: Issuer) -> None:
    async def work(service: Service) -> None:
        assert (await try_token(service, issuer.token(header={"kid": None}))).status == 201
        issuer.publish(RSA, OTHER)
        service.later(minutes=11)
        assert reason(await try_token(service, issuer.token(service.now, header={"kid": None}))) == (401, "key-unknown")

    serve(dsn, work, oidc=config(issuer.server.url))


def test_tries_with_bad_tokens_are_counted_by_address(dsn: str, issuer: Issuer) -> None:
    async def work(service: Service) -> None:
        got = [await try_token(service, "a.b.c") for _ in range(31)]
        assert [one.status for one in got] == [401] * 30 + [429]

    serve(dsn, work, oidc=config(issuer.server.url))


def test_keys_are_fetched_seldom_and_a_new_one_is_found(dsn: str, issuer: Issuer) -> None:
    async def work(service: Service) -> None:
        for number in range(4):
            assert (await try_token(service, issuer.token(jti=str(number)))).status == 201
        assert issuer.asked() == [WELL_KNOWN, "/jwks"]
        issuer.publish(OTHER, RSA)
        service.later(minutes=2)
        assert (await try_token(service, issuer.token(service.now, key=OTHER))).status == 201  # rotated
        assert len(issuer.asked()) == 4
        for number in range(5):  # a stranger names keys as they like: the provider is not made to suffer
            unknown = issuer.token(service.now, key=new_key(f"no-{number}"))
            assert reason(await try_token(service, unknown)) == (401, "key-unknown")
        assert len(issuer.asked()) == 4
        issuer.publish(OTHER)  # the old one is withdrawn
        service.later(minutes=11)
        assert reason(await try_token(service, issuer.token(service.now, key=RSA))) == (401, "key-unknown")

    serve(dsn, work, oidc=config(issuer.server.url))


def test_a_provider_that_is_down_is_believed_for_a_day(dsn: str, issuer: Issuer) -> None:
    async def work(service: Service) -> None:
        assert (await try_token(service, issuer.token())).status == 201
        issuer.server.answers.clear()
        service.later(hours=23)
        assert (await try_token(service, issuer.token(service.now))).status == 201
        service.later(hours=2)
        assert (await try_token(service, issuer.token(service.now))).status == 503

    serve(dsn, work, oidc=config(issuer.server.url))


@pytest.mark.parametrize("path", [WELL_KNOWN, "/jwks"])
def test_whatever_a_provider_answers_is_bounded(dsn: str, issuer: Issuer, path: str) -> None:
    good = issuer.server.answers[path]
    spoilt = {
        "not found": whole(b"", status="404 Not Found"),
        "moved": whole(b"", f"Location: {issuer.server.url}/else", status="302 Found"),
        "no json": whole(b"<html>"),
        "a list": whole(b"[]"),
        "nothing": whole(b""),
        "huge": whole(b'{"a":"' + b"x" * 300_000 + b'"}'),
        "endless": endless,
        "silent": silent,
        "trickling": trickling(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{", 0.3),
        "no http": raw(b"\x00\x01\x02"),
    }

    async def work(service: Service) -> None:
        for name, answer in spoilt.items():
            issuer.server.answers[path] = answer
            service.later(seconds=6)
            assert (await try_token(service, issuer.token(service.now))).status == 503, name
        issuer.server.answers[path] = good
        assert (await try_token(service, issuer.token(service.now))).status == 503  # asked a moment ago
        service.later(seconds=6)
        assert (await try_token(service, issuer.token(service.now))).status == 201

    serve(dsn, work, oidc=config(issuer.server.url, timeout_seconds=0.3))


def test_a_description_that_leads_elsewhere_is_not_followed(dsn: str, issuer: Issuer) -> None:
    async def work(service: Service) -> None:
        for described in (
            {"issuer": "https://other.example"},
            {"jwks_uri": None},
            {"jwks_uri": "file:///etc/passwd"},
            {"jwks_uri": "http://192.0.2.1/jwks"},
            {"jwks_uri": "http://user:secret@127.0.0.1/jwks"},
            {"jwks_uri": "//[::"},
        ):
            issuer.publish(RSA, **described)
            service.later(seconds=6)
            assert (await try_token(service, issuer.token(service.now))).status == 503
        assert set(issuer.asked()) == {WELL_KNOWN}

    serve(dsn, work, oidc=config(issuer.server.url))


def test_keys_that_cannot_be_are_passed_over(dsn: str, issuer: Issuer) -> None:
    odd: tuple[dict[str, Any], ...] = (
        {"kty": "oct", "k": "c2VjcmV0", "kid": "rsa-1"},
        {"kty": "RSA", "n": "AQAB", "e": "AQAB", "kid": "tiny"},
        {"kty": "EC", "crv": "secp256k1", "x": "AA", "y": "AA"},
        {"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA"},
        {"kty": "OKP", "crv": "Ed448", "x": "AA"},
        {"kty": "RSA", "n": 1, "e": None},
        {"kty": "unheard-of"},
        {},
        dict(OTHER.as_dict(private=False), use="enc"),
    )
    issuer.publish(RSA, more=odd)

    async def work(service: Service) -> None:
        assert (await try_token(service, issuer.token())).status == 201
        assert reason(await try_token(service, issuer.token(key=OTHER))) == (401, "key-unknown")

    serve(dsn, work, oidc=config(issuer.server.url))


def test_who_is_no_longer_allowed_is_out(dsn: str, issuer: Issuer, tmp_path: Path) -> None:
    tokens: list[str] = []
    users = write_users(tmp_path / "users.json", [])

    async def begin(service: Service) -> None:
        tokens.append((await try_token(service, issuer.token())).json()["token"])
        assert (await read(service, tokens[0], "/v1/sessions/current")).status == 200

    async def still(service: Service) -> None:
        assert (await read(service, tokens[0], "/v1/sessions/current")).status == 200
        write_users(users, [entry("SUBSIDY", name="wang", password_hash=None, keyids=["k-1"])])
        assert (await read(service, tokens[0], "/v1/sessions/current")).json()["keyids"] == ["k-1"]
        other = [entry("REGULATOR", name="wang")]  # a local user of that name is somebody else
        write_users(users, other)
        assert (await read(service, tokens[0], "/v1/sessions/current")).json()["participant"] == "SUBSIDY"
        tokens.append((await try_token(service, issuer.token(jti="2"))).json()["token"])
        write_users(users, [entry("SUBSIDY", name="wang", password_hash=None, ends_at=AT.isoformat())])
        ended = await read(service, tokens[1], "/v1/sessions/current")
        assert ended.json()["problems"][0]["reason"] == "user-ended"
        assert reason(await try_token(service, issuer.token(jti="3"))) == (401, "user-ended")

    async def over(service: Service) -> None:
        got = await service.send("GET", "/v1/sessions/current", b"", bearing(tokens[0]))
        assert got.json()["problems"][0]["reason"] == "user-ended"

    serve(dsn, begin, oidc=config(issuer.server.url), users=users)
    serve(dsn, still, oidc=config(issuer.server.url), users=users)
    write_users(users, [])
    serve(dsn, over, oidc=config(issuer.server.url, allowed={"regulator": "SUBSIDY"}), users=users)


def test_without_a_provider_no_token_counts(dsn: str, issuer: Issuer) -> None:
    async def work(service: Service) -> None:
        assert reason(await try_token(service, issuer.token())) == (401, "no-provider")

    serve(dsn, work)


@pytest.mark.parametrize(
    "address",
    ["http://id.example", "ftp://id.example", "https://", "id.example", "https://a:b@id.example", "http://127.0.0.1:1"],
)
def test_a_provider_is_asked_over_https(address: str) -> None:
    with pytest.raises(Misconfigured, match="https"):
        check_address(address, insecure_localhost=False)
    check_address("https://id.example/realm", insecure_localhost=False)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"issuer": "http://id.example"}, "https"),
        ({"allowed": {"x": "NOBODY"}}, "NOBODY"),
        ({"ca": "/nowhere.pem"}, "nowhere"),
        ({"algorithms": ["HS256"]}, "algorithms"),
        ({"algorithms": ["none"]}, "algorithms"),
        ({"secret": "x"}, "secret"),
    ],
)
def test_a_gateway_does_not_begin_with_a_provider_that_cannot_be(dsn: str, change: dict[str, Any], told: str) -> None:
    async def nothing(_: Service) -> None: ...

    with pytest.raises(Misconfigured, match=told):
        serve(dsn, nothing, oidc=config("https://id.example", **change))


def test_a_real_provider_signs_people_in_and_changes_its_keys(dsn: str) -> None:
    people = {
        "li": {"name": "李某", "participant": "insurer-c"},
        "zhao": {"name": "赵某", "participant": "nowhere"},
    }
    port = free_port("127.0.0.1")
    issuer = f"http://127.0.0.1:{port}"

    async def work(service: Service) -> None:
        service.clock[0] = datetime.now(UTC)  # the provider lives in the present
        with real_provider([RSA], people, port, REDIRECT):
            first = await asyncio.to_thread(code_flow, issuer, "li")
            got = await try_token(service, first)
            assert got.status == 201, got.body
            told = got.json()
            assert (told["user"], told["display_name"], told["role"]) == ("li", "李某", "insurer")
            assert (await read(service, told["token"], "/v1/insurers/SANDBOX-C/completeness")).status == 200
            assert (await read(service, told["token"], "/v1/insurers/SANDBOX-A/completeness")).status == 403
            assert reason(await try_token(service, first)) == (401, "replayed")
            another = await asyncio.to_thread(code_flow, issuer, "li", "n-another-0123456789")
            assert reason(await try_token(service, another)) == (401, "nonce")
            stranger = await asyncio.to_thread(code_flow, issuer, "zhao")
            assert reason(await try_token(service, stranger)) == (401, "participant")
        with real_provider([EC, RSA], people, port, REDIRECT):
            rotated = await asyncio.to_thread(code_flow, issuer, "li")
            service.clock[0] = datetime.now(UTC) + timedelta(minutes=2)
            got = await try_token(service, rotated)
            assert got.status == 201, got.body

    serve(dsn, work, oidc=config(issuer, timeout_seconds=5.0))
