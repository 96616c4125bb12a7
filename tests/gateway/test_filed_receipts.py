"""Receipts to be filed: what others' libraries make of them, and that no change of one goes unnoticed."""

import base64
import hashlib
import json
import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
import pytest
import requests
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_der_public_key
from house import AT, next_number, world
from http_message_signatures import HTTPMessageVerifier, HTTPSignatureKeyResolver, algorithms
from joserfc import jws, jwt
from joserfc.errors import SecurityWarning
from joserfc.jwk import OKPKey
from service import URL, Service, serve
from test_client_feed import connected, running

from client.receipts import verify_receipt
from client.webhooks import NotGenuine
from gateway.app import publish_now
from gateway.cli import main
from gateway.ledger.export import key_text
from gateway.ledger.note import key_of, read_keys
from gateway.ledger.tlog_proof import NotAProof, TlogProof, read_proof, write_proof
from gateway.receipts.file import as_jws
from gateway.receipts.jws import write_jws
from gateway.receipts.verify import Unreadable, judge_filed, read_filed, read_signing_keys
from schemas.canonical import canonical
from schemas.verification import Outcome
from signing.generate import new_ed25519_pem
from signing.signer import load_signer


@dataclass(frozen=True)
class Told:
    """What an insurer has in its files: the message, the whole receipt, both forms of the receipt, and the keys."""

    body: bytes
    whole: bytes
    jws: bytes
    proof: bytes
    log_key: str
    spki: bytes
    keys: bytes

    @property
    def pem(self) -> bytes:
        return b"-----BEGIN PUBLIC KEY-----\n" + base64.b64encode(self.spki) + b"\n-----END PUBLIC KEY-----\n"


async def _told(service: Service, *, refused: bool = False) -> Told:
    who = world().insurer("SANDBOX-C")
    facts = world().policy(who, next_number())
    media_type, body = world().render_message(who, [facts], f"m-{next_number()}")
    if refused:
        body = canonical({**orjson.loads(body), "nobody": "knows this"})
    got = await service.post(who.code, body, media_type)
    whole = got.json()["receipt"] if got.status == 422 else got.json()
    assert whole["status"] == ("refused" if refused else "held")
    path = f"/v1/submissions/{whole['submission_id']}"
    kept = await service.call(who.code, "GET", path)
    first = await service.call(who.code, "GET", f"{path}/receipt")
    assert first.headers["content-type"] == "application/jose"
    await publish_now(service.gateway)
    proof = await service.call(who.code, "GET", f"{path}/receipt.tlog-proof")
    assert proof.status == 200, proof.body
    asked = {"accept": "text/plain"}
    assert (await service.call(who.code, "GET", f"{path}/receipt", headers=asked)).body == proof.body
    assert (await service.call("REGULATOR", "GET", f"{path}/receipt.jws")).status == 200
    assert (await service.call("SANDBOX-D", "GET", f"{path}/receipt.jws")).status == 404
    assert (await service.call(who.code, "GET", f"{path}/receipt.pdf")).status == 400
    keys = (await service.send("GET", "/v1/keys", b"", {})).body
    signers = service.gateway.log_signers
    log_key = key_text([key_of(service.gateway.config.log_origin, signer) for signer in signers])
    return Told(body, kept.body, first.body, proof.body, log_key, signers[0].spki, keys)


@pytest.fixture
def told(dsn: str) -> Told:
    made: list[Told] = []

    async def work(service: Service) -> None:
        made.append(await _told(service))

    serve(dsn, work)
    return made[0]


def outcome(data: bytes, told: Told, **more: Any) -> Outcome | None:
    """What becomes of it under the log's key; None if it cannot be read."""
    try:
        return judge_filed(read_filed(data), log_keys=read_keys(told.log_key), **more).outcome
    except Unreadable:
        return None


def test_a_receipt_says_what_was_told_and_the_log_says_the_same(told: Told) -> None:
    filed = read_filed(told.proof)
    report = judge_filed(filed, log_keys=read_keys(told.log_key), body=told.body, whole=told.whole)
    assert report.outcome is Outcome.PASSED, report.failing()
    assert {check.rule for check in report.checks} == {
        *("receipt.signature", "receipt.leaf", "receipt.body", "receipt.whole", "log.checkpoint", "log.inclusion")
    }
    whole = orjson.loads(told.whole)
    receipt = filed.receipt
    assert receipt.body_digest == f"sha256:{hashlib.sha256(told.body).hexdigest()}"
    assert list(receipt.failing) == sorted(set(receipt.failing), key=receipt.failing.index)
    assert receipt.status == whole["status"] == "held"
    assert receipt.leaf.model_dump() == whole["leaf"]
    assert receipt.catalogue == whole["report"]["basis"]["catalogue"]
    assert len(told.jws) < 2048
    assert len(told.proof) < 4096


def test_a_refused_message_has_its_receipt_too(dsn: str) -> None:
    async def work(service: Service) -> None:
        told = await _told(service, refused=True)
        receipt = verify_receipt(told.proof, log_key=told.log_key, body=told.body).receipt
        assert receipt.status == "refused"
        assert receipt.failing

    serve(dsn, work)


def test_other_libraries_verify_it(told: Told) -> None:
    text = told.jws.decode().strip()
    key = OKPKey.import_key(told.pem)
    with pytest.warns(SecurityWarning, match="RFC 9864"):  # its new name, which fewer libraries know yet
        found = jws.deserialize_compact(text, key, algorithms=["EdDSA"])
    assert found.headers() == {
        "alg": "EdDSA",
        "kid": hashlib.sha256(told.spki).hexdigest(),
        "typ": "premium-receipt+jws",
    }
    assert found.payload == canonical(json.loads(found.payload))
    with pytest.warns(SecurityWarning, match="RFC 9864"):
        assert jwt.decode(text, key, algorithms=["EdDSA"]).claims["status"] == "held"
    public = load_der_public_key(told.spki)
    assert isinstance(public, Ed25519PublicKey)
    signed, _, signature = text.rpartition(".")
    public.verify(base64.urlsafe_b64decode(signature + "=="), signed.encode())


def test_the_answer_that_brings_it_is_signed_for_any_library_of_rfc_9421(dsn: str) -> None:
    class Resolver(HTTPSignatureKeyResolver):
        def __init__(self, key: Ed25519PublicKey) -> None:
            self.key = key

        def resolve_public_key(self, key_id: str) -> Any:
            return self.key

    class Sent:
        def __init__(self, **given: Any) -> None:
            self.__dict__.update(given)

    async def work(service: Service) -> None:
        who = world().insurer("SANDBOX-C")
        media_type, body = world().render_message(who, [world().policy(who, next_number())], f"m-{next_number()}")
        headers = service.signed(who.code, "POST", "/v1/submissions", body, {"content-type": media_type})
        got = await service.send("POST", "/v1/submissions", body, headers)
        assert got.status == 201
        key = load_der_public_key(service.gateway.signer.spki)
        assert isinstance(key, Ed25519PublicKey)
        verifier = HTTPMessageVerifier(signature_algorithm=algorithms.ED25519, key_resolver=Resolver(key))
        request = Sent(method="POST", url=f"{URL}/v1/submissions", headers=headers, body=body)
        answer = Sent(status_code=got.status, url=request.url, headers=got.headers, request=request, body=got.body)
        (found,) = verifier.verify(answer, max_age=None, body=got.body)
        assert found.covered_components['"content-digest"']

    serve(dsn, work)


@pytest.mark.parametrize("form", ["jws", "proof"])
def test_no_changed_bit_goes_unnoticed(told: Told, form: str) -> None:
    data: bytes = getattr(told, form)
    assert outcome(data, told) is Outcome.PASSED
    # A note's line by a key that one does not know says nothing, to the letter of signed-note: here the SM2 line.
    end = data.index("\n— ".encode(), data.index("\n— ".encode()) + 1) if form == "proof" else len(data)
    draw = random.Random(3)
    for place in draw.sample(range(end), 120):
        changed = bytearray(data)
        changed[place] ^= 1 << draw.randrange(8)
        assert outcome(bytes(changed), told) is not Outcome.PASSED, place
        with pytest.raises(NotGenuine):
            verify_receipt(bytes(changed), log_key=told.log_key)


def _with(told: Told, **changes: Any) -> bytes:
    """The receipt with other values, signed again by the gateway's own key."""
    from service import provisioned

    signer = load_signer(provisioned().config.with_name("gateway-key.pem").read_bytes())
    return write_jws(read_filed(told.jws).jws.payload | changes, signer)


@pytest.mark.parametrize(
    ("make", "rule", "reason"),
    [
        (lambda told: _with(told, body_digest=f"sha256:{'0' * 64}"), "receipt.leaf", "other-leaf"),
        (lambda told: _with(told, status="verified", outcome="passed"), "receipt.leaf", "other-leaf"),
        (
            lambda told: told.jws[:-4] + (b"AAA\n" if told.jws[-4:] != b"AAA\n" else b"BBA\n"),
            "receipt.signature",
            "bad-signature",
        ),
    ],
)
def test_what_the_gateway_says_must_be_what_the_log_says(
    told: Told, make: Callable[[Told], bytes], rule: str, reason: str
) -> None:
    changed = make(told)
    try:
        report = judge_filed(read_filed(changed), log_keys=read_keys(told.log_key))
    except Unreadable:
        return  # the last bits of a signature have one form only
    assert report.outcome is Outcome.FAILED
    assert (rule, reason) in {(check.rule, check.reason) for check in report.checks}
    with pytest.raises(NotGenuine):
        verify_receipt(changed, log_key=told.log_key)


def test_a_proof_is_of_its_own_receipt_and_of_that_log(told: Told) -> None:
    proof = read_proof(told.proof)
    others = {
        "receipt.leaf": TlogProof(proof.index + 1, proof.path, proof.checkpoint, proof.extra),
        "log.inclusion": TlogProof(proof.index, (*proof.path, bytes(32)), proof.checkpoint, proof.extra),
        "log.checkpoint": TlogProof(proof.index, proof.path, proof.checkpoint.replace(b"\n", b"x\n", 1), proof.extra),
    }
    for rule, other in others.items():
        data = write_proof(other)
        report = judge_filed(read_filed(data), log_keys=read_keys(told.log_key))
        assert rule in report.failing()
        with pytest.raises(NotGenuine):
            verify_receipt(data, log_key=told.log_key)


def test_without_a_key_nothing_is_known_and_another_key_did_not_sign(told: Told) -> None:
    filed = read_filed(told.proof)
    assert judge_filed(filed).outcome is Outcome.INDETERMINATE
    by_pem = judge_filed(filed, keys=read_signing_keys(told.pem))
    assert (by_pem.outcome, by_pem.failing()) == (Outcome.INDETERMINATE, ("receipt.log-key",))
    assert judge_filed(read_filed(told.jws), keys=read_signing_keys(told.keys)).outcome is Outcome.PASSED
    stranger = load_signer(new_ed25519_pem())
    line = key_of(filed.receipt.leaf.log, stranger).line()
    assert judge_filed(filed, log_keys=read_keys(line)).outcome is Outcome.FAILED
    pem = b"-----BEGIN PUBLIC KEY-----\n" + base64.b64encode(stranger.spki) + b"\n-----END PUBLIC KEY-----\n"
    report = judge_filed(read_filed(told.jws), keys=read_signing_keys(pem))
    assert [check.reason for check in report.checks] == ["bad-signature", None]
    again = as_jws(filed.receipt, stranger)
    report = judge_filed(read_filed(again), keys=read_signing_keys(told.keys))
    assert [check.reason for check in report.checks] == ["unknown-key", None]
    with pytest.raises(NotGenuine):
        verify_receipt(again, key=told.pem)


def test_what_an_ended_key_signs_afterwards_is_not_believed(told: Told) -> None:
    for bound, reason in (("not_after", "key-not-valid"), ("not_before", None)):
        listed = orjson.loads(told.keys)
        listed["keys"][0][bound] = AT.replace(year=2020).isoformat()
        report = judge_filed(read_filed(told.jws), keys=read_signing_keys(orjson.dumps(listed)))
        assert report.checks[0].reason == reason


def test_the_form_of_a_proof_is_one() -> None:
    proof = TlogProof(5, (bytes(32), b"\1" * 32), b"origin\n1\nAAAA\n\n\xe2\x80\x94 origin AAAAAAA=\n", b"extra")
    data = write_proof(proof)
    assert read_proof(data) == proof
    assert read_proof(write_proof(TlogProof(0, (), b"x\n"))) == TlogProof(0, (), b"x\n")
    bad = (
        b"",
        data.replace(b"@v1", b"@v2"),
        data.replace(b"index 5", b"index 05"),
        data.replace(b"index 5\n", b""),
        data.replace(b"extra ", b"extra  "),
        data.replace(b"extra ZXh0cmE=", b"extra "),
        data.replace(b"\n\n", b"\n", 1),
        data.replace(b"AAA=\n", b"AAB=\n", 1),
        b"c2sp.org/tlog-proof@v1\nindex 0\n" + b"AAAA\n" * 65 + b"\nx\n",
    )
    for one in bad:
        with pytest.raises(NotAProof):
            read_proof(one)


def test_the_command_verifies_files(told: Told, tmp_path: Path, capsysbinary: Any) -> None:
    files = {
        "a.jws": told.jws,
        "a.tlog-proof": told.proof,
        "body": told.body,
        "whole": told.whole,
        "log": told.log_key.encode(),
    }
    files |= {
        "key.pem": told.pem,
        "keys.json": told.keys,
        "other": b"x",
        "changed.jws": told.jws.replace(b".ey", b".eyI", 1),
    }
    for name, data in files.items():
        (tmp_path / name).write_bytes(data)

    def run(*arguments: str) -> int:
        named = [str(tmp_path / one) if one in files else one for one in arguments]
        return main(["receipt", "verify", *named])

    assert run("a.tlog-proof", "--log-key", "log", "--body", "body", "--receipt", "whole", "--json") == 0
    shown = orjson.loads(capsysbinary.readouterr().out)
    assert (shown["outcome"], shown["form"], shown["receipt"]["status"]) == ("passed", "tlog-proof", "held")
    assert run("a.jws", "--key", "key.pem") == 0
    assert "✓" in capsysbinary.readouterr().out.decode()
    assert run("a.jws", "--key", "keys.json", "--lang", "en") == 0
    assert run("a.jws", "--log-key", "log", "--body", "other") == 1
    assert run("a.jws") == 2
    assert run("changed.jws", "--key", "key.pem", "--json") == 3
    assert run("a.jws", "--key", "other") == 64
    assert run("missing") == 3


def test_a_receipt_that_was_signed_after_the_end_of_its_key_is_not_believed(told: Told) -> None:
    listed = orjson.loads(told.keys)
    signed_at = read_filed(told.jws).receipt.iat

    def published(seconds: int, reason: str = "compromised") -> bytes:
        at = datetime.fromtimestamp(signed_at + seconds, UTC).isoformat()
        first, *rest = listed["keys"]
        ended = {"at": at, "known_at": at, "reason": reason, "leaf_index": 1}
        return orjson.dumps({"keys": [first | {"not_after": at, "ended": ended}, *rest]})

    def reasons(data: bytes, keys: bytes) -> set[str | None]:
        report = judge_filed(read_filed(data), keys=read_signing_keys(keys), log_keys=read_keys(told.log_key))
        return {check.reason for check in report.checks if check.outcome is Outcome.FAILED}

    for seconds, is_over in ((1, False), (0, True), (-1, True)):
        keys = published(seconds)
        assert reasons(told.jws, keys) == ({"key-not-valid"} if is_over else set())
        if is_over:
            for data, how in ((told.jws, {"key": told.pem}), (told.proof, {"log_key": told.log_key})):
                with pytest.raises(NotGenuine, match="ended"):
                    verify_receipt(data, published=keys, **how)
        else:
            assert verify_receipt(told.proof, log_key=told.log_key, published=keys).logged
    # The checkpoint of a proof is no older than its receipt: a log's key that had ended did not sign it.
    assert reasons(told.proof, published(-3600)) == {"key-not-valid", "ended-key"}
    assert verify_receipt(told.jws, key=told.pem, published=told.keys).receipt.iat == signed_at
    for bad in (b"{", b"[1]", b"7", b'{"keys": [{"not_after": "x"}]}'):
        with pytest.raises(NotGenuine):
            verify_receipt(told.jws, key=told.pem, published=bad)


def test_an_insurer_fetches_and_verifies_it_from_the_shell(dsn: str, tmp_path: Path) -> None:
    who = world().insurer("SANDBOX-C")
    (tmp_path / f"{who.request_key.keyid}.pem").write_bytes(who.request_key.pem)
    key = str(tmp_path / f"{who.request_key.keyid}.pem")
    with running(dsn) as url, connected(url, who.code) as gateway:
        media_type, body = world().render_message(who, [world().policy(who, next_number())], f"m-{next_number()}")
        told = gateway.submit(body, media_type).value
        log_key = requests.get(f"{url}/v1/log/key", timeout=5).text
        (tmp_path / "log").write_text(log_key, "utf-8")
        (tmp_path / "body").write_bytes(body)
        asked = ["receipt", "export", "--url", url, "--key", key, "--submission", told["submission_id"], "--out"]
        for name in ("a.jws", "a.tlog-proof"):
            out = tmp_path / name
            for _ in range(50):  # until a checkpoint covers it
                if main([*asked, str(out)]) == 0:
                    break
                time.sleep(0.1)
            proof = name.endswith("proof")
            assert verify_receipt(out.read_bytes(), log_key=log_key, body=body).logged is proof
            checked = [
                "receipt",
                "verify",
                str(out),
                "--log-key",
                str(tmp_path / "log"),
                "--body",
                str(tmp_path / "body"),
            ]
            assert main(checked) == 0
        assert main([*asked[:-2], "S" + "0" * 32, "--out", str(tmp_path / "none")]) == 3
