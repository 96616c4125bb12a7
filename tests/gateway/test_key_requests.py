"""A participant asks for a key by the one that it has; two people let it in; both keys count until the old one ends."""

import asyncio
import base64
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

import httpx
import psycopg
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.hashes import SHA256, HashAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from cryptography.x509.oid import NameOID
from house import AT, next_number, world
from hypothesis import given, settings
from hypothesis import strategies as st
from service import URL, Answered, Service, provisioned, serve
from signed_in import bearing, sign_in, users_file

from gateway.app import build, create_app, publish_now
from gateway.cli import main
from gateway.participants import LaterKey, Participant, ParticipantKey, Participants
from schemas.verification import Outcome
from signing.errors import Unreadable
from signing.key_request import algorithm_for_requests, check_possession, read_key_request
from signing.request import HttpMessage, sign_request
from signing.signer import LocalSigner, load_signer

WHO = "SANDBOX-C"
Private = ed25519.Ed25519PrivateKey | ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey
NAME = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "不可信的名称")])


def asking(key: Private) -> bytes:
    """A certificate request of this key, PEM, as `openssl req -new` makes it."""
    digest: HashAlgorithm | None = None if isinstance(key, ed25519.Ed25519PrivateKey) else SHA256()
    made = x509.CertificateSigningRequestBuilder().subject_name(NAME).sign(key, digest)
    return made.public_bytes(Encoding.PEM)


def spki(key: Private) -> bytes:
    return key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def signer(key: Private, keyid: str) -> LocalSigner:
    return load_signer(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()), keyid=keyid)


async def by(service: Service, signer: LocalSigner, method: str, path: str, body: bytes = b"") -> Answered:
    """A request signed by any key."""
    made = sign_request(HttpMessage(method, URL + path, ()), body, signer, service.now, f"n-{next_number()}")
    return await service.send(method, path, body, {name.lower(): value for name, value in made.items()})


async def ask(service: Service, key: Private, who: str = WHO, **wish: str) -> Answered:
    query = f"?{urlencode(wish)}" if wish else ""
    return await service.call(who, "POST", f"/v1/key-requests{query}", asking(key))


async def approve(service: Service, who: str, identity: str) -> Answered:
    return await service.call(who, "POST", f"/v1/key-requests/{identity}/approval")


def reasons(got: Answered) -> list[tuple[str, str]]:
    return [(one["rule"], one["reason"]) for one in got.json()["problems"]]


@pytest.mark.parametrize("kind", ["ed25519", "p-256", "rsa"])
def test_a_key_is_asked_for_let_in_by_two_and_takes_over(dsn: str, kind: str) -> None:
    key: Private = {
        "ed25519": ed25519.Ed25519PrivateKey.generate,
        "p-256": lambda: ec.generate_private_key(ec.SECP256R1()),
        "rsa": lambda: rsa.generate_private_key(65537, 2048),
    }[kind]()
    old = world().insurer(WHO).request_key.keyid
    begin, end = AT + timedelta(hours=1), AT + timedelta(hours=2)
    path = f"/v1/insurers/{WHO}/completeness"

    async def work(service: Service) -> None:
        wish = {"keyid": "new-1", "holder": "经办人", "not_before": begin.isoformat()}
        wish |= {"replaces": old, "replaced_until": end.isoformat()}
        asked = await ask(service, key, **wish)
        assert asked.status == 201, asked.body
        told = asked.json()
        assert (told["status"], told["keyid"], told["approvals_needed"]) == ("requested", "new-1", 2)
        assert base64.b64decode(told["public_key"]) == spki(key)
        again = await ask(service, key, **wish)
        assert (again.status, again.json()) == (200, told)
        new = signer(key, "new-1")
        assert (await by(service, new, "GET", path)).status == 401
        first = await approve(service, "OPERATOR", told["id"])
        assert (first.status, first.json()["status"]) == (202, "requested")
        same = await approve(service, "OPERATOR", told["id"])
        assert reasons(same) == [("key-request.second-person", "same-person")]
        done = await approve(service, "OPERATOR-2", told["id"])
        assert (done.status, done.json()["status"]) == (201, "approved")
        assert len(done.json()["approvals"]) == 2
        repeated = await approve(service, "OPERATOR", told["id"])
        assert (repeated.status, repeated.json()) == (201, done.json())
        early = await by(service, new, "GET", path)
        assert reasons(early) == [("request.key-valid", "not-yet-valid")]
        service.clock[0] = begin
        assert (await by(service, new, "GET", path)).status == 200  # both count
        assert (await service.call(WHO, "GET", path)).status == 200
        who = world().insurer(WHO)
        media_type, body = world().render_message(who, [world().policy(who, next_number())], f"m-{next_number()}")
        sent = HttpMessage("POST", URL + "/v1/submissions", (("content-type", media_type),))
        made = sign_request(sent, body, new, service.now, f"n-{next_number()}")
        headers = {"content-type": media_type} | {name.lower(): value for name, value in made.items()}
        assert (await service.send("POST", "/v1/submissions", body, headers)).status == 201
        service.clock[0] = end + timedelta(seconds=1)
        assert reasons(await service.call(WHO, "GET", path)) == [("request.key-valid", "expired")]
        assert (await by(service, new, "GET", path)).status == 200
        listed = (await service.call("OPERATOR", "GET", "/v1/participants")).json()["items"]
        keys = {one["keyid"] for item in listed if item["code"] == WHO for one in item["keys"]}
        assert keys == {old, "new-1"}
        await publish_now(service.gateway)

    async def later(service: Service) -> None:
        """Another process, which never saw it happen."""
        service.clock[0] = end + timedelta(minutes=1)
        assert (await by(service, signer(key, "new-1"), "GET", path)).status == 200

    serve(dsn, work)
    serve(dsn, later)


@dataclass(frozen=True)
class Spoilt:
    """What somebody with the database in hand may do to a table, and what the audit has to name."""

    table: str
    change: str


TAMPERINGS = (
    Spoilt("participant_keys", "UPDATE participant_keys SET not_before = not_before + interval '1 day'"),
    Spoilt("participant_keys", "UPDATE participant_keys SET holder = 'somebody else'"),
    Spoilt("participant_keys", "DELETE FROM participant_keys"),
    Spoilt("key_requests", "UPDATE key_requests SET body = body || '\\x20'"),
    Spoilt("key_requests", "UPDATE key_requests SET keyid = 'other'"),
    Spoilt("key_requests", "UPDATE key_requests SET holder = 'other'"),
    Spoilt("key_approvals", "UPDATE key_approvals SET holder = holder || '丙'"),
    Spoilt("key_approvals", "DELETE FROM key_approvals WHERE participant = 'OPERATOR-2'"),
    Spoilt("key_approvals", "UPDATE key_approvals SET proof = jsonb_set(proof, '{base}', '\"AAAA\"')"),
)


def test_the_audit_holds_keys_against_the_log_and_their_requests(dsn: str, capsysbinary: Any) -> None:
    key = ed25519.Ed25519PrivateKey.generate()

    async def work(service: Service) -> None:
        identity = (await ask(service, key, keyid="new-1")).json()["id"]
        await approve(service, "OPERATOR", identity)
        assert (await approve(service, "OPERATOR-2", identity)).status == 201
        who = world().insurer(WHO)
        media_type, body = world().render_message(who, [world().policy(who, next_number())], f"m-{next_number()}")
        sent = HttpMessage("POST", URL + "/v1/submissions", (("content-type", media_type),))
        made = sign_request(sent, body, signer(key, "new-1"), service.now, f"n-{next_number()}")
        headers = {"content-type": media_type} | {name.lower(): value for name, value in made.items()}
        assert (await service.send("POST", "/v1/submissions", body, headers)).status == 201
        await publish_now(service.gateway)

    serve(dsn, work)
    config = provisioned().config.parent / f"audit-keys-{next_number()}.toml"
    text = "\n".join(line for line in provisioned().config.read_text("utf-8").splitlines() if "dsn" not in line)
    config.write_text(f'dsn = "{dsn}"\n{text}\n', encoding="utf-8")

    def audit() -> tuple[int, bytes]:
        code = main(["log", "audit", "--config", str(config), "--json"])
        return code, capsysbinary.readouterr().out

    code, out = audit()
    assert code == 0, out
    for one in TAMPERINGS:
        with psycopg.connect(dsn, autocommit=True) as connection:
            connection.execute("CREATE SCHEMA aside")
            connection.execute(f"CREATE TABLE aside.kept AS TABLE {one.table}".encode())
            connection.execute("SET session_replication_role = replica")
            connection.execute(one.change.encode())
        code, out = audit()
        with psycopg.connect(dsn, autocommit=True) as connection:
            connection.execute("SET session_replication_role = replica")
            connection.execute(f"DELETE FROM {one.table}".encode())
            connection.execute(f"INSERT INTO {one.table} OVERRIDING SYSTEM VALUE TABLE aside.kept".encode())
            connection.execute("DROP SCHEMA aside CASCADE")
        assert code == 1, one
        assert one.table.encode() in out, (one, out)
    assert audit()[0] == 0


def test_what_speaks_against_a_request_is_told(dsn: str) -> None:
    key, other = ed25519.Ed25519PrivateKey.generate(), ec.generate_private_key(ec.SECP256R1())
    p384 = ec.generate_private_key(ec.SECP384R1())
    late = (AT + timedelta(hours=1)).isoformat()
    mine, theirs = world().insurer(WHO).request_key.keyid, world().insurer("SANDBOX-A").request_key.keyid

    async def work(service: Service) -> None:
        for wish, why in (
            ({"keyid": mine}, ("key-request.new", "name-taken")),
            ({"keyid": theirs}, ("key-request.new", "name-taken")),
            ({"keyid": "SUBSIDY"}, ("key-request.new", "name-taken")),
            ({"not_before": (AT + timedelta(days=500)).isoformat()}, ("key-request.days", "too-far")),
            ({"replaces": mine}, ("key-request.days", "incomplete")),
            ({"replaces": theirs, "replaced_until": late}, ("key-request.days", "not-yours")),
            ({"replaces": mine, "replaced_until": AT.replace(year=2025).isoformat()}, ("key-request.days", "gap")),
        ):
            assert reasons(await ask(service, key, **wish)) == [why], wish
        assert reasons(await ask(service, p384)) == [("key-request.key", "not-for-requests")]
        # The request of one key, with another one put into it.
        der = x509.load_pem_x509_csr(asking(key)).public_bytes(Encoding.DER)
        swapped = der.replace(spki(key), spki(ed25519.Ed25519PrivateKey.generate()))
        got = await service.call(WHO, "POST", "/v1/key-requests", swapped)
        assert reasons(got) == [("key-request.possession", "mismatch")]
        for body, reason in ((b"", "malformed"), (b"0" * 70_000, "too-large"), (asking(key) * 2, "malformed")):
            got = await service.call(WHO, "POST", "/v1/key-requests", body)
            assert reasons(got) == [("key-request.readable", reason)]
        for who in ("OPERATOR", "OPERATOR-2"):  # they would let in themselves
            assert (await ask(service, key, who)).status == 403
        identity = (await ask(service, key)).json()["id"]
        for who in (WHO, "REGULATOR", "SUBSIDY"):
            assert (await approve(service, who, identity)).status == 403
        assert (await approve(service, "OPERATOR", "K" + "0" * 32)).status == 404
        token = await sign_in(service, "OPERATOR")
        got = await service.send("POST", f"/v1/key-requests/{identity}/approval", b"", bearing(token))
        assert reasons(got) == [("session.reads-only", "must-sign")]
        # Two ask for the same key: the first that is let in has it.
        rival = (await ask(service, key, "SANDBOX-A")).json()["id"]
        for who in ("OPERATOR", "OPERATOR-2"):
            await approve(service, who, identity)
        assert reasons(await approve(service, "OPERATOR", rival)) == [("key-request.new", "key-taken")]
        # What was asked for too long ago to be as it was meant.
        waiting = (await ask(service, other, replaces=mine, replaced_until=late)).json()["id"]
        service.later(hours=2)
        assert reasons(await approve(service, "OPERATOR", waiting)) == [("key-request.days", "gap")]
        for who, seen in (
            (WHO, {identity, waiting}),
            ("SANDBOX-A", {rival}),
            ("REGULATOR", {identity, waiting, rival}),
        ):
            items, after = [], ""
            while after is not None:
                page = (await service.call(who, "GET", f"/v1/key-requests?limit=1{after}")).json()
                items += [one["id"] for one in page["items"]]
                after = f"&after={page['next']}" if page["next"] else None
            assert set(items) == seen
            assert len(items) == len(seen)
        assert (await service.call("SANDBOX-A", "GET", f"/v1/key-requests/{identity}")).status == 404
        assert (await service.call("SANDBOX-A", "GET", f"/v1/key-requests?after={identity}")).status == 400

    serve(dsn, work, users=users_file())


def test_another_process_learns_of_it_within_seconds_and_two_at_once_make_one_key(dsn: str) -> None:
    key, path = ed25519.Ed25519PrivateKey.generate(), f"/v1/insurers/{WHO}/completeness"
    new = signer(key, "new-1")

    async def work(service: Service) -> None:
        gateway = build(service.gateway.config, lambda: service.now)
        app = create_app(gateway)
        async with (
            app.router.lifespan_context(app),
            httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=URL) as client,
        ):
            other = Service(app, gateway, client, service.clock)
            assert reasons(await by(other, new, "GET", path)) == [("request.key-known", "unknown")]
            identity = (await ask(service, key, keyid="new-1")).json()["id"]
            done = await asyncio.gather(
                approve(service, "OPERATOR", identity),
                approve(other, "OPERATOR-2", identity),
                approve(other, "OPERATOR", identity),
            )
            assert {one.status for one in done} <= {201, 202, 422}
            assert [one.status for one in done].count(202) == 1
            async with asyncio.timeout(10):
                for one in (other, service):
                    while (await by(one, new, "GET", path)).status != 200:
                        await asyncio.sleep(0.1)
        with psycopg.connect(dsn) as connection:
            assert connection.execute("SELECT count(*) FROM participant_keys").fetchone() == (1,)

    serve(dsn, work)


def test_one_person_is_enough_where_the_policy_says_so_and_few_may_wait(dsn: str) -> None:
    async def work(service: Service) -> None:
        got = [await ask(service, ed25519.Ed25519PrivateKey.generate()) for _ in range(21)]
        assert [one.status for one in got] == [201] * 20 + [422]
        assert reasons(got[-1]) == [("key-request.few", "too-many")]
        assert (await approve(service, "OPERATOR", got[0].json()["id"])).status == 201
        assert (await ask(service, ed25519.Ed25519PrivateKey.generate())).status == 201

    serve(dsn, work, key_approvals=1)


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=300))
def test_whatever_bytes_come_they_are_read_or_refused(data: bytes) -> None:
    good = asking(P256)
    der = x509.load_pem_x509_csr(good).public_bytes(Encoding.DER)
    for body in (data, b"\x30" + data, good[:40] + data + good[40:], der[: len(data)] + data + der[len(data) * 2 :]):
        try:
            read = read_key_request(body)
        except Unreadable:
            continue
        assert check_possession(read).outcome in (Outcome.PASSED, Outcome.FAILED)


P256 = ec.generate_private_key(ec.SECP256R1())


@settings(max_examples=100, deadline=None)
@given(st.integers(min_value=0), st.integers(min_value=0, max_value=7))
def test_a_request_with_any_bit_changed_proves_nothing(place: int, bit: int) -> None:
    der = bytearray(x509.load_pem_x509_csr(asking(P256)).public_bytes(Encoding.DER))
    assert check_possession(read_key_request(bytes(der))).outcome is Outcome.PASSED
    der[place % len(der)] ^= 1 << bit
    try:
        read = read_key_request(bytes(der))
    except Unreadable:
        return
    assert check_possession(read).outcome is Outcome.FAILED


def test_long_spaces_are_read_in_no_time() -> None:
    for body in (b"-----BEGIN CERTIFICATE REQUEST-----" + b" " * 65_000, b" " * 65_536, b"-" * 65_536):
        with pytest.raises(Unreadable):
            read_key_request(body)
    spaced = b"\n  " + asking(P256).replace(b"\n", b"\r\n\r\n") + b"\n" * 1000
    assert algorithm_for_requests(read_key_request(spaced)) == "ecdsa-p256-sha256"


def test_later_keys_stand_beside_those_of_the_file() -> None:
    def key(keyid: str, **more: Any) -> ParticipantKey:
        spki_text = base64.b64encode(spki(P256)).decode()
        return ParticipantKey.model_validate(
            {"keyid": keyid, "algorithm": "ecdsa-p256-sha256", "public_key": spki_text} | more
        )

    one = Participant(code="ONE", role="regulator", name="一", keys=(key("a"),))
    two = Participant(code="TWO", role="operator", name="二", keys=(key("b", not_after=AT),))
    people = Participants([one, two])
    later = [
        LaterKey("ONE", key("c"), "a", AT),
        LaterKey("ONE", key("d"), "a", AT - timedelta(days=1)),
        LaterKey("TWO", key("e"), "b", AT + timedelta(days=1)),
        LaterKey("TWO", key("a")),  # the file goes first
        LaterKey("GONE", key("f")),
    ]
    people.adopt(later)

    def found(keyid: str) -> tuple[str, str, Any] | None:
        pair = people.by_key(keyid)
        return (pair[0].code, pair[1].keyid, pair[1].not_after) if pair else None

    expected: Mapping[str, Any] = {
        "a": ("ONE", "a", AT - timedelta(days=1)),
        "ONE": ("ONE", "a", AT - timedelta(days=1)),  # still by its code, though it has more keys now
        "b": ("TWO", "b", AT),
        "c": ("ONE", "c", None),
        "d": ("ONE", "d", None),
        "e": ("TWO", "e", None),
        "f": None,
        "": None,
    }
    assert {name: found(name) for name in expected} == expected
    people.adopt([])
    assert found("c") is None
    assert found("a") == ("ONE", "a", None)
