"""What a key signed after its end is not believed: in the database, in a published log, in a bundle, in a receipt."""

import asyncio
import base64
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest
from house import AT as NOW
from house import world
from service import Service, provisioned, serve
from test_audit_database import audited
from test_bundle import MANIFEST, SIGNATURE, bundle_of, failing, life, opened, trust_dir, verify_bundle
from test_ledger import AT, KEY, ORIGIN, SIGNER, ed25519, entry, on
from test_own_keys import _one_message, config, described, new_key, signer

from gateway import ledger
from gateway.app import publish_now
from gateway.bundle.layout import digest_of
from gateway.bundle.verify import Step
from gateway.cli import main
from gateway.commands.key import end_in
from gateway.db import Connection
from gateway.keys import Reason
from gateway.ledger.checkpoint import Checkpoint, CheckpointRefused, open_checkpoint, sign_checkpoint
from gateway.ledger.cosignature import cosign, cosigner_key
from gateway.ledger.ends import Ended, NotEnds, check_signers, read_ends
from gateway.ledger.merkle import EMPTY_ROOT
from gateway.participants import ParticipantKey
from schemas.archive import write_archive
from schemas.canonical import canonical
from schemas.log import Entry
from schemas.verification import Check, Outcome
from signing.signer import LocalSigner, Signer, load_signer, sm2_signer

SM2 = sm2_signer(987654321)
SM2_KEY = ledger.key_of(ORIGIN, SM2)
WITNESS = cosigner_key("witness.example/w1", ed25519(8))
BOTH = (KEY, SM2_KEY)
HOUR = timedelta(hours=1)


def ended(key: Signer, at: datetime, reason: str = "rotated", known_at: datetime | None = None) -> Ended:
    return Ended(key.spki, at, reason, known_at)


def listed(key: LocalSigner, at: datetime, reason: str) -> bytes:
    """As `/v1/keys` has it."""
    return orjson.dumps({"keys": [{**described(key), "ended": {"at": at, "known_at": at, "reason": reason}}]})


def test_sm2_alone_is_no_substitute_for_ed25519() -> None:
    checkpoint = sign_checkpoint(ORIGIN, 0, EMPTY_ROOT, [SIGNER, SM2])
    text, _, lines = checkpoint.note.decode().partition("\n\n")
    first, second = lines.splitlines(keepends=True)
    assert {key.algorithm for key in open_checkpoint(checkpoint.note, BOTH).signed_by} == {"ed25519", "sm2-sm3"}
    alone = f"{text}\n\n{second}".encode()
    with pytest.raises(CheckpointRefused) as refused:
        open_checkpoint(alone, BOTH)
    assert refused.value.reason == "no-ed25519"
    # Nor beside the Ed25519 line of a stranger, or of a witness.
    other = sign_checkpoint(ORIGIN, 0, EMPTY_ROOT, [ed25519(7)]).note.decode().partition("\n\n")[2]
    seen = cosign(f"{text}\n", WITNESS.name, ed25519(8), 1).line
    for line in (other, seen):
        with pytest.raises(CheckpointRefused) as refused:
            open_checkpoint(f"{text}\n\n{second}{line}".encode(), (*BOTH, WITNESS))
        assert refused.value.reason == "no-ed25519"
    assert open_checkpoint(f"{text}\n\n{first}".encode(), BOTH).signed_by == (KEY,)
    # Who asks for SM2 and for nothing else gets what they ask for.
    assert open_checkpoint(alone, [SM2_KEY]).signed_by == (SM2_KEY,)


@pytest.mark.parametrize("key", [SIGNER, SM2], ids=["ed25519", "sm2"])
def test_who_signed_after_the_end_is_not_believed_and_a_thief_needs_a_witness(key: Signer) -> None:
    note = sign_checkpoint(ORIGIN, 0, EMPTY_ROOT, [SIGNER, SM2]).note
    text = note.decode().partition("\n\n")[0] + "\n"

    def judged(at: datetime, *ends: Ended, seen: datetime | None = None) -> tuple[Outcome, str | None] | None:
        line = cosign(text, WITNESS.name, ed25519(8), int(seen.timestamp())).line.encode() if seen else b""
        found = check_signers("log.checkpoint", note + line, BOTH, at, ends, (*BOTH, WITNESS))
        return None if found is None else (found.outcome, found.reason)

    assert judged(AT, ended(ed25519(9), AT - HOUR)) is None
    assert judged(AT - HOUR, ended(key, AT)) is None
    for moment in (AT, AT + HOUR):
        assert judged(moment, ended(key, AT)) == (Outcome.FAILED, "ended-key")
        assert judged(moment, ended(key, AT), seen=AT - HOUR) == (Outcome.FAILED, "ended-key")
    stolen = ended(key, AT, "compromised")
    assert judged(AT - HOUR, stolen) == (Outcome.INDETERMINATE, "not-vouched")
    assert judged(AT - HOUR, stolen, seen=AT - HOUR) is None
    assert judged(AT - HOUR, stolen, seen=AT) == (Outcome.INDETERMINATE, "not-vouched")
    # Rotated first, stolen later: the earliest end counts, and the theft still asks for a witness.
    assert judged(AT - 2 * HOUR, ended(key, AT - HOUR), stolen) == (Outcome.INDETERMINATE, "not-vouched")
    assert judged(AT - HOUR, ended(key, AT - HOUR), stolen, seen=AT - 2 * HOUR) == (Outcome.FAILED, "ended-key")


def test_ends_are_read_as_published() -> None:
    plain = described(ed25519(3), not_after="2026-06-01T00:00:00+08:00")
    (planned,) = read_ends(orjson.dumps([plain]))
    assert (planned.at, planned.reason) == (datetime.fromisoformat("2026-06-01T00:00:00.000001+08:00"), "rotated")
    said = {"at": "2026-05-01T00:00:00Z", "known_at": "2026-05-02T00:00:00Z", "reason": "compromised"}
    assert [end.reason for end in read_ends(orjson.dumps({"keys": [plain | {"ended": said}]}))] == [
        "compromised",
        "rotated",
    ]
    for bad in (b"{", b"{}", b"[1]", orjson.dumps([plain | {"public_key": "!"}]), orjson.dumps([plain | {"ended": 1}])):
        with pytest.raises(NotEnds):
            read_ends(bad)
    with pytest.raises(NotEnds):
        read_ends(orjson.dumps([plain | {"not_after": "2026-06-01T00:00:00"}]))


def key_end(key: Signer, at: datetime) -> dict[str, str]:
    public = base64.b64encode(key.spki).decode()
    body = {"keyid": key.keyid, "algorithm": key.algorithm, "public_key": public, "event": "ended"}
    return body | {"at": at.isoformat(), "reason": "compromised"}


@pytest.mark.parametrize("key", [SIGNER, SM2], ids=["ed25519", "sm2"])
def test_a_published_log_says_of_itself_when_its_keys_ended(
    dsn: str, tmp_path: Path, key: LocalSigner, capsysbinary: Any
) -> None:
    folder, lines = tmp_path / "log", "".join(f"{one.line()}\n" for one in (*BOTH, WITNESS))

    def check(**how: Any) -> Check:
        report = ledger.audit(ledger.fetch_from_folder(folder), lines, **how)
        return next(one for one in report.checks if one.rule == "log.checkpoint")

    async def sign(connection: Connection, number: int, *others: Any) -> None:
        await ledger.append(connection, [*others, entry(number)], ORIGIN)
        at = AT + timedelta(seconds=number)
        assert await ledger.publish(connection, SIGNER, origin=ORIGIN, at=at, beside=[SM2]) is not None
        await ledger.export(connection, folder, [KEY, SM2_KEY])

    on(dsn, lambda connection: sign(connection, 1))
    assert check().outcome is Outcome.PASSED
    assert check(ends=[ended(key, AT + HOUR)]).outcome is Outcome.PASSED
    assert check(ends=[ended(key, AT)]).reason == "ended-key"
    assert check(ends=[ended(key, AT + HOUR, "compromised")]).reason == "not-vouched"
    (folder / "key").write_text(lines, encoding="utf-8")
    (tmp_path / "keys.json").write_bytes(listed(key, AT, "rotated"))
    assert main(["log", "audit", "--dir", str(folder)]) == 0
    assert main(["log", "audit", "--dir", str(folder), "--keys", str(tmp_path / "keys.json")]) == 1
    (folder / "keys.json").write_bytes(listed(key, AT + HOUR, "compromised"))  # as `log copy` leaves it
    assert main(["log", "audit", "--dir", str(folder)]) == 2
    assert main(["log", "audit", "--dir", str(folder), "--keys", str(folder / "none")]) == 64
    capsysbinary.readouterr()
    told = Entry(kind="key", at=AT + timedelta(seconds=2), body=key_end(key, AT + timedelta(seconds=1)))
    on(dsn, lambda connection: sign(connection, 3, told))
    assert check().reason == "ended-key"


async def _ends(service: Service, key: Any, at: datetime, reason: Reason = "compromised") -> None:
    plain = ParticipantKey.model_validate(described(key))
    async with service.gateway.pool.connection() as connection:
        await end_in(connection, plain, at, reason, service.gateway.config.log_origin, service.now)


def described_any(key: Signer) -> dict[str, str]:
    plain = {"keyid": key.keyid, "algorithm": key.algorithm}
    return plain | {"public_key": base64.b64encode(key.spki).decode()}


async def signed_anyway(service: Service) -> None:
    """As one signs who has the key and does not ask whether it ended."""
    signer, *beside = service.gateway.log_signers
    origin = service.gateway.config.log_origin
    async with service.gateway.pool.connection() as connection:
        for _ in range(20):  # another publisher may be at it
            if await ledger.publish(connection, signer, origin=origin, at=service.now, beside=beside) is not None:
                return
            await asyncio.sleep(0.05)


@pytest.mark.parametrize("which", [0, 1], ids=["ed25519", "sm2"])
def test_the_audit_flags_checkpoints_that_an_ended_key_signed(dsn: str, which: int) -> None:
    async def work(service: Service) -> None:
        await _one_message(service)
        service.later(hours=2)
        # Nobody knew for an hour; then the same key signed on.
        await _ends(service, service.gateway.log_signers[which], service.now - 2 * HOUR)
        with pytest.raises(CheckpointRefused, match="ended"):
            await _one_message(service)
        await signed_anyway(service)

    serve(dsn, work)
    found = [one for one in audited(dsn) if one.rule == "log.checkpoints"]
    assert {one.reason for one in found} == {"ended-key"}
    assert {one.outcome for one in found} == {Outcome.FAILED, Outcome.INDETERMINATE}


def test_a_planned_end_counts_in_the_audit_too(dsn: str, tmp_path: Path, capsysbinary: Any) -> None:
    serve(dsn, _one_message)
    for days, code in ((1, 0), (-1, 1)):
        not_after = (NOW + timedelta(days=days)).isoformat()
        file = config(tmp_path, dsn, new_key(), [described(signer(), not_after=not_after)])
        assert main(["log", "audit", "--config", str(file), "--json"]) == code
        told = [orjson.loads(line) for line in capsysbinary.readouterr().out.splitlines()]
        assert [one["reason"] for one in told[:-1]] == ["ended-key"] * len(told[:-1])


def test_a_bundle_is_not_believed_if_its_key_had_ended(dsn: str, tmp_path: Path, capsysbinary: Any) -> None:
    bundle, trust = bundle_of(dsn), trust_dir(tmp_path)
    files = opened(bundle)
    log_key, checkpoint = files["log/key"].decode(), files["log/checkpoint"]

    def step(data: bytes, *ends: Ended, keys: str = log_key) -> Step:
        return next(one for one in verify_bundle(data, trust, log_key=keys, ends=ends)[1] if one.name == "checkpoint")

    own = load_signer(provisioned().config.with_name("gateway-key.pem").read_bytes())
    before, after = NOW - HOUR, NOW + timedelta(days=30)
    assert step(bundle, ended(own, after)).result == "equal"
    assert step(bundle, ended(own, before)).result == "differs"
    assert step(bundle, ended(own, after, "compromised")).result == "absent"
    # Vouched for by a witness that one knows, before the theft.
    text = checkpoint.decode().partition("\n\n")[0] + "\n"
    seen = checkpoint + cosign(text, WITNESS.name, ed25519(8), int(NOW.timestamp())).line.encode()
    told = orjson.loads(files[MANIFEST]) | {}
    told["files"] = told["files"] | {"log/checkpoint": digest_of(seen)}
    written = canonical(told)
    others = {path: data for path, data in files.items() if path not in (MANIFEST, SIGNATURE)}
    vouched = write_archive({MANIFEST: written, SIGNATURE: own.sign(written), **others, "log/checkpoint": seen})
    assert step(vouched, ended(own, after, "compromised")).result == "absent"
    assert step(vouched, ended(own, after, "compromised"), keys=f"{log_key}{WITNESS.line()}\n").result == "equal"
    assert failing(verify_bundle(vouched, trust)[1]) == set()
    file, keys = tmp_path / "bundle.zip", tmp_path / "keys.json"
    file.write_bytes(bundle)
    keys.write_bytes(listed(own, before, "compromised"))
    verify = ["evidence", "verify", str(file), "--trust", str(trust), "--json", "--keys", str(keys)]
    assert main(verify) == 1
    keys.write_bytes(b"[]")
    assert main(verify) == 0
    keys.write_bytes(b"{")
    assert main(verify) == 64
    capsysbinary.readouterr()


@pytest.mark.parametrize("own", [True, False], ids=["its-key", "another"])
def test_a_bundle_tells_itself_which_keys_had_ended(dsn: str, tmp_path: Path, own: bool) -> None:
    made: list[bytes] = []

    async def work(service: Service) -> None:
        insurer = world().insurer("SANDBOX-C")
        policy_no = await life(service, insurer)
        await _ends(service, service.gateway.signer if own else ed25519(3), service.now - HOUR)
        for _ in range(50):  # another publisher may be at it
            if own:
                await signed_anyway(service)
            else:
                await publish_now(service.gateway)
            got = await service.call("SUBSIDY", "GET", f"/v1/insurers/{insurer.code}/policies/{policy_no}/evidence")
            if got.status == 200:
                made.append(got.body)
                return
            await asyncio.sleep(0.1)

    serve(dsn, work)
    steps = {step.name: step.result for step in verify_bundle(made[-1], trust_dir(tmp_path))[1]}
    assert steps["checkpoint"] == ("differs" if own else "equal")
    assert steps["entries"] == "recomputed"


def test_checkpoints_are_equal_whoever_is_known_to_have_signed_them() -> None:
    checkpoint = sign_checkpoint(ORIGIN, 0, EMPTY_ROOT, [SIGNER])
    assert open_checkpoint(checkpoint.note, [KEY]) == checkpoint == Checkpoint(ORIGIN, 0, EMPTY_ROOT, checkpoint.note)
