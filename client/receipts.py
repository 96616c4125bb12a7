"""Receipts that an insurer files: verified by whoever has the gateway's key or its log's, without asking anybody.

This reads the two forms by their standards and shares nothing with the gateway but what a receipt is:
a compact JWS (RFC 7515) under EdDSA (RFC 8037), or such a one in the proof of its leaf (C2SP tlog-proof).
"""

import base64
import binascii
import hashlib
import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from pydantic import ValidationError

from client.webhooks import NotGenuine
from schemas.canonical import canonical
from schemas.receipt import FiledReceipt

_PROOF = "c2sp.org/tlog-proof@v1"
_ED25519 = b"\x01"  # C2SP signed-note, "Signature types"


@dataclass(frozen=True, slots=True)
class Verified:
    """A receipt that holds; `logged` says that the log's signed tree holds its entry, at `leaf.index`."""

    receipt: FiledReceipt
    logged: bool


@dataclass(frozen=True, slots=True)
class _LogKey:
    name: str
    key_id: bytes
    key: Ed25519PublicKey


def verify_receipt(
    data: bytes,
    *,
    key: bytes | None = None,
    log_key: str | None = None,
    body: bytes | None = None,
    published: bytes | None = None,
) -> Verified:
    """The receipt in a file, verified. Raises `NotGenuine`, which says why not.

    `key` is the gateway's public key in PEM; `log_key` the verifier key lines of its log, as `/v1/log/key` has them:
    one of them is needed, the latter for a proof. `body` are the bytes that were handed in, to be held against it.
    `published` is what `/v1/keys` answered: nothing is believed that a key signed after its end. What a stolen key
    dates back, only the log's witnesses tell apart (`gateway log audit --keys`).
    """
    try:
        return _verify(data, key, log_key, body, published)
    except (ValueError, KeyError, IndexError, TypeError, AttributeError, binascii.Error) as error:
        raise NotGenuine(f"the receipt cannot be read: {error}") from error


def _verify(
    data: bytes, key: bytes | None, log_key: str | None, body: bytes | None, published: bytes | None
) -> Verified:
    log_keys = [_log_key(line) for line in (log_key or "").splitlines() if _is_ed25519(line)]
    trusted = [one.key for one in log_keys]
    if key is not None:
        loaded = load_pem_public_key(key)
        if not isinstance(loaded, Ed25519PublicKey):
            raise NotGenuine("receipts are signed with an Ed25519 key")
        trusted.append(loaded)
    if not trusted:
        raise NotGenuine("a key is needed")
    text, checkpoint, index, path = data.decode(), None, None, []
    if text.startswith(_PROOF):
        head, _, checkpoint = text.partition("\n\n")
        _, extra, place, *hashes = head.split("\n")
        text = base64.b64decode(extra.removeprefix("extra "), validate=True).decode()
        index = int(place.removeprefix("index "))
        path = [base64.b64decode(one, validate=True) for one in hashes]
    receipt = _receipt(text.removesuffix("\n"), _not_ended(trusted, text, published))
    entry = hashlib.sha256(b"\x00" + canonical(receipt.entry())).digest()
    if entry.hex() != receipt.leaf.hash:
        raise NotGenuine("the receipt does not say what its leaf says")
    if body is not None and receipt.body_digest != f"sha256:{hashlib.sha256(body).hexdigest()}":
        raise NotGenuine("the receipt is of other bytes")
    if checkpoint is None:
        return Verified(receipt, logged=False)
    if index != receipt.leaf.index:
        raise NotGenuine("the proof is of another leaf")
    size, root = _tree(checkpoint, log_keys, receipt.leaf.log)
    if not 0 <= index < size or _root(index, size, entry, path) != root:
        raise NotGenuine("the log's tree does not hold the receipt")
    return Verified(receipt, logged=True)


def _not_ended(keys: list[Ed25519PublicKey], text: str, published: bytes | None) -> list[Ed25519PublicKey]:
    """Those of the keys that counted when the receipt says that it was signed. Raises `NotGenuine` if none did."""
    if published is None:
        return keys
    told: Any = json.loads(published)
    at = datetime.fromtimestamp(int(json.loads(_decode(text.split(".")[1]))["iat"]), UTC)
    over = set()
    for one in told["keys"] if isinstance(told, dict) else told:
        end, last = (one.get("ended") or {}).get("at"), one.get("not_after")
        if (end and datetime.fromisoformat(end) <= at) or (last and datetime.fromisoformat(last) < at):
            over.add(base64.b64decode(one["public_key"], validate=True)[-32:])
    left = [key for key in keys if key.public_bytes_raw() not in over]
    if not left:
        raise NotGenuine("the key had ended when the receipt was signed")
    return left


def _receipt(text: str, keys: list[Ed25519PublicKey]) -> FiledReceipt:
    """RFC 7515 section 5.2. What says the same in other bytes is not what was signed."""
    header, payload, signature = text.split(".")
    told: Any = json.loads(_decode(header))
    if told.keys() != {"alg", "kid", "typ"} or (told["alg"], told["typ"]) != ("EdDSA", "premium-receipt+jws"):
        raise NotGenuine("not a receipt under EdDSA")
    if not any(_holds(key, f"{header}.{payload}".encode(), _decode(signature)) for key in keys):
        raise NotGenuine("no signature is by this key")
    try:
        receipt = FiledReceipt.model_validate_json(_decode(payload))
    except ValidationError as error:
        raise NotGenuine(f"not a receipt: {error.errors()[0]['loc']}") from error
    if canonical(receipt) != _decode(payload):
        raise NotGenuine("the receipt is not in its one form")
    return receipt


def _tree(checkpoint: str, keys: list[_LogKey], origin: str) -> tuple[int, bytes]:
    """Size and root of a checkpoint that the log signed (C2SP tlog-checkpoint, signed-note)."""
    body, _, signatures = checkpoint.rpartition("\n\n")
    text = f"{body}\n"
    lines = text.split("\n")
    for line in signatures.removesuffix("\n").split("\n"):
        name, _, encoded = line.removeprefix("\u2014 ").partition(" ")
        blob = base64.b64decode(encoded, validate=True)
        for key in keys:
            if (name, blob[:4]) == (key.name, key.key_id) and name == lines[0] == origin:
                if not _holds(key.key, text.encode(), blob[4:]):
                    raise NotGenuine("the log did not sign the checkpoint")
                return int(lines[1]), base64.b64decode(lines[2], validate=True)
    raise NotGenuine("no signature of the checkpoint is by this log")


def _root(index: int, size: int, entry: bytes, path: list[bytes]) -> bytes | None:
    """RFC 6962 section 2.1.1, from the leaf up; None if the path has another length than the tree asks for."""
    last, hashed = size - 1, entry
    for sibling in path:
        if last == 0 or len(sibling) != len(hashed):
            return None
        if index & 1 or index == last:
            hashed = hashlib.sha256(b"\x01" + sibling + hashed).digest()
            while index and not index & 1:
                index, last = index >> 1, last >> 1
        else:
            hashed = hashlib.sha256(b"\x01" + hashed + sibling).digest()
        index, last = index >> 1, last >> 1
    return None if last else hashed


def _is_ed25519(line: str) -> bool:
    encoded = line.split("+", 2)[-1]
    return base64.b64decode(encoded, validate=True)[:1] == _ED25519


def _log_key(line: str) -> _LogKey:
    """A verifier key line, `name+key ID+key`; its key ID must be its own."""
    name, key_id, encoded = line.split("+", 2)
    typed = base64.b64decode(encoded, validate=True)
    own = hashlib.sha256(f"{name}\n".encode() + typed).digest()[:4]
    if own.hex() != key_id:
        raise ValueError("the key ID of a log's key is not its own")
    return _LogKey(name, own, Ed25519PublicKey.from_public_bytes(typed[1:]))


def _holds(key: Ed25519PublicKey, message: bytes, signature: bytes) -> bool:
    try:
        key.verify(signature, message)
    except InvalidSignature:
        return False
    return True


def _decode(text: str) -> bytes:
    data = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    if base64.urlsafe_b64encode(data).decode().rstrip("=") != text:
        raise ValueError("not base64url in its one form")
    return data
