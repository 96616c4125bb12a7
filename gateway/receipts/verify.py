"""Verifying a filed receipt, offline: who signed it, that the log says the same, and what it is the receipt of."""

import base64
import binascii
import hashlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from pydantic import ValidationError

from gateway.ledger.checkpoint import CheckpointRefused, open_checkpoint
from gateway.ledger.ends import Ended, NotEnds, check_signers, read_ends
from gateway.ledger.merkle import check_inclusion, leaf_hash
from gateway.ledger.note import NoteKey
from gateway.ledger.tlog_proof import NotAProof, TlogProof, read_proof
from gateway.participants import ParticipantKey
from gateway.receipts.jws import Jws, NotAReceipt, read_jws
from schemas.canonical import canonical
from schemas.receipt import FiledReceipt
from schemas.verification import Check, Report, conclude, failed, passed, unknown
from signing.algorithms import find_flaw
from untrusted import Refused, read_json

_EVER = datetime(1970, 1, 1, tzinfo=UTC)
_PEM = re.compile(r"\s*-----BEGIN PUBLIC KEY-----\s([0-9A-Za-z+/=\s]{1,4096})-----END PUBLIC KEY-----\s*", re.ASCII)
_NEXT = timedelta(microseconds=1)
_LONGEST = 1 << 20


class Unreadable(Exception):
    """The file holds no receipt, or no keys; the message says why."""


@dataclass(frozen=True, slots=True)
class SigningKey:
    """An Ed25519 key that receipts may be signed with. `keyid` None: whatever name the receipt calls it.

    What it signed before `not_before` or after `not_after` is not believed. `told` says that somebody named this very
    key for this very receipt.
    """

    keyid: str | None
    spki: bytes
    not_before: datetime = _EVER
    not_after: datetime | None = None
    told: bool = False

    @property
    def digest(self) -> str:
        """The SHA-256 of the SPKI in hex: the name that a gateway gives its key."""
        return hashlib.sha256(self.spki).hexdigest()


@dataclass(frozen=True, slots=True)
class Filed:
    """A receipt as it was read, and the proof that it came with."""

    receipt: FiledReceipt
    jws: Jws
    proof: TlogProof | None


def read_filed(data: bytes) -> Filed:
    """The receipt in a file: a compact JWS, with a line end or without, or a tlog-proof around one. Raises
    `Unreadable`; nothing is verified."""
    if len(data) > _LONGEST:
        raise Unreadable(f"more than {_LONGEST} bytes")
    try:
        proof = read_proof(data) if data.startswith(b"c2sp.org/") else None
        jws = read_jws(proof.extra if proof else data.removesuffix(b"\n"))
        return Filed(FiledReceipt.model_validate(jws.payload), jws, proof)
    except (NotAProof, NotAReceipt) as error:
        raise Unreadable(str(error)) from error
    except ValidationError as error:
        raise Unreadable(f"{error.errors()[0]['loc']}: {error.errors()[0]['msg']}") from error


def judge_filed(
    filed: Filed,
    *,
    keys: Sequence[SigningKey] = (),
    log_keys: Sequence[NoteKey] = (),
    body: bytes | None = None,
    whole: bytes | None = None,
) -> Report:
    """Judge a receipt under keys that one trusts: `keys` sign receipts, `log_keys` the log, and receipts too.

    `body` are the bytes that were handed in, `whole` those of the whole receipt, if one has them. A receipt without a
    proof is as good as its signature; with one, the log must say the same. Not judged: what the log's witnesses say.
    """
    receipt = filed.receipt
    signed_at = datetime.fromtimestamp(receipt.iat, UTC)
    checks = [_check_signature(filed.jws, [*keys, *_of_log(log_keys)], signed_at), _check_leaf(filed)]
    if filed.proof is not None:
        ended = [Ended(key.spki, key.not_after + _NEXT, "rotated") for key in keys if key.not_after is not None]
        checks += _check_log(receipt, filed.proof, log_keys, ended)
    if body is not None:
        checks.append(_check_digest("receipt.body", "other-body", receipt.body_digest, body))
    if whole is not None:
        checks.append(_check_digest("receipt.whole", "other-receipt", receipt.receipt_digest, whole))
    return conclude(f"receipt:{receipt.submission_id}", checks=checks, at=signed_at)


def _of_log(keys: Sequence[NoteKey]) -> Iterator[SigningKey]:
    return (SigningKey(None, key.spki) for key in keys if key.algorithm == "ed25519")


def _check_signature(jws: Jws, keys: Sequence[SigningKey], signed_at: datetime) -> Check:
    """RFC 7515 section 5.2 with RFC 8037 section 3.1: a key that one trusts signed header and payload, in its time."""
    if not keys:
        return unknown("receipt.signature", "no-key", kid=jws.kid)
    named = [key for key in keys if key.keyid == jws.kid] or [key for key in keys if key.keyid is None]
    for key in named:
        if find_flaw("ed25519", key.spki, jws.signed, jws.signature, encoding="raw") is None:
            if key.not_before <= signed_at and (key.not_after is None or signed_at <= key.not_after):
                return passed("receipt.signature", kid=jws.kid, key=key.digest)
            return failed("receipt.signature", "key-not-valid", kid=jws.kid, signed_at=signed_at.isoformat())
    if any(key.told or jws.kid in (key.keyid, key.digest) for key in named):
        return failed("receipt.signature", "bad-signature", kid=jws.kid)
    return unknown("receipt.signature", "unknown-key", kid=jws.kid)


def _check_leaf(filed: Filed) -> Check:
    """RFC 6962 section 2.1: the entry that says the same has the hash that the receipt names, at the proof's place."""
    leaf = filed.receipt.leaf
    actual = leaf_hash(canonical(filed.receipt.entry())).hex()
    if actual != leaf.hash:
        return failed("receipt.leaf", "other-leaf", told=leaf.hash, actual=actual)
    if filed.proof is not None and filed.proof.index != leaf.index:
        return failed("receipt.leaf", "other-index", told=leaf.index, actual=filed.proof.index)
    return passed("receipt.leaf", index=leaf.index, log=leaf.log)


def _check_log(
    receipt: FiledReceipt, proof: TlogProof, keys: Sequence[NoteKey], ends: Sequence[Ended]
) -> Iterator[Check]:
    """C2SP tlog-proof, "Verifying a tlog proof": the log signed the checkpoint, and the leaf is in its tree.

    The checkpoint is no older than the receipt: a key that had ended by then did not sign it.
    """
    if not keys:
        yield unknown("receipt.log-key", "no-key")
        return
    try:
        checkpoint = open_checkpoint(proof.checkpoint, keys)
    except CheckpointRefused as error:
        yield failed("log.checkpoint", error.reason, detail=error.detail)
        return
    if checkpoint.origin != receipt.leaf.log:
        yield failed("log.checkpoint", "other-log", told=receipt.leaf.log, actual=checkpoint.origin)
        return
    at = receipt.received_at
    flaw = check_signers("log.checkpoint", proof.checkpoint, checkpoint.signed_by, at, ends, keys)
    if flaw is not None:
        yield flaw
        return
    yield passed("log.checkpoint", origin=checkpoint.origin, size=str(checkpoint.size), root=checkpoint.root.hex())
    leaf = leaf_hash(canonical(receipt.entry()))
    yield check_inclusion(proof.index, checkpoint.size, leaf, proof.path, checkpoint.root)


def _check_digest(rule: str, reason: str, told: str, data: bytes) -> Check:
    actual = f"sha256:{hashlib.sha256(data).hexdigest()}"
    return passed(rule, digest=told) if actual == told else failed(rule, reason, told=told, actual=actual)


def read_signing_keys(data: bytes) -> tuple[SigningKey, ...]:
    """The keys of a file: one public key in PEM, or what `/v1/keys` answers. Raises `Unreadable`; keys of other kinds
    than Ed25519 are left out."""
    pem = _PEM.fullmatch(data[: 1 << 16].decode("utf-8", "replace"))
    try:
        if pem is not None:
            spki = base64.b64decode("".join(pem[1].split()), validate=True)
            return (SigningKey(None, _ed25519(spki), told=True),)
        told = read_json(data)
        listed = told["keys"] if isinstance(told, dict) else told
        keys = [ParticipantKey.model_validate({k: v for k, v in one.items() if k != "ended"}) for one in listed]
        ended = {end.spki: end.at for end in sorted(read_ends(data), key=lambda end: end.at, reverse=True)}
    except (Refused, ValidationError, NotEnds, binascii.Error, KeyError, TypeError, AttributeError) as error:
        raise Unreadable(f"not a public key in PEM, and not the list of /v1/keys: {error}") from error
    return tuple(
        SigningKey(key.keyid, _ed25519(key.spki()), key.not_before or _EVER, _last(ended.get(key.spki())))
        for key in keys
        if key.algorithm == "ed25519"
    )


def _last(end: datetime | None) -> datetime | None:
    """The last moment at which a key was good: it signs nothing from its end on."""
    return end - _NEXT if end is not None else None


def _ed25519(spki: bytes) -> bytes:
    flaw = find_flaw("ed25519", spki, b"", b"", encoding="raw")
    if flaw is not None and flaw.rule in ("signature.key", "signature.algorithm"):
        raise Unreadable(f"not an Ed25519 key: {flaw.reason}")
    return spki
