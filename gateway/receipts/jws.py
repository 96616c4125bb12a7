"""The compact form of JSON Web Signature (RFC 7515 section 7.1) under EdDSA (RFC 8037 section 3.1), in one form only.

Three parts of base64url: a protected header of exactly `alg`, `kid` and `typ`; the payload, which is canonical JSON
(RFC 8785); the signature. What reads it refuses every other way to write the same. JOSE has no registered name for SM2:
the SM2 signature of a receipt is that of the checkpoint in its proof.
"""

import base64
import binascii
import re
from dataclasses import dataclass
from typing import Any

from schemas.canonical import NotCanonical, canonical
from signing.signer import Signer
from untrusted import Refused, read_json

ALGORITHM = "EdDSA"
TYPE = "premium-receipt+jws"
_FORM = re.compile(rb"([0-9A-Za-z_-]{1,1024})\.([0-9A-Za-z_-]{1,65536})\.([0-9A-Za-z_-]{86})", re.ASCII)


class NotAReceipt(ValueError):
    """The text is no receipt."""


@dataclass(frozen=True, slots=True)
class Jws:
    """A compact JWS that was read and not verified: the key that it names, its payload, what is signed, by what."""

    kid: str
    payload: Any
    signed: bytes
    signature: bytes


def write_jws(payload: Any, signer: Signer) -> bytes:
    """The payload, a noun or plain JSON values, under the signature of an Ed25519 key; ASCII, without a line end."""
    if signer.algorithm != "ed25519":
        raise ValueError(f"receipts are not signed with {signer.algorithm}")
    header = canonical({"alg": ALGORITHM, "kid": signer.keyid, "typ": TYPE})
    signed = _encode(header) + b"." + _encode(canonical(payload))
    return signed + b"." + _encode(signer.sign(signed))


def read_jws(data: bytes) -> Jws:
    """What a compact JWS says. Raises `NotAReceipt`."""
    found = _FORM.fullmatch(data)
    if found is None:
        raise NotAReceipt("not three parts of base64url")
    header, payload, signature = (_decode(part) for part in found.groups())
    told = _read(header)
    if not isinstance(told, dict) or told.keys() != {"alg", "kid", "typ"}:
        raise NotAReceipt("the header is not alg, kid and typ")
    if told["alg"] != ALGORITHM or told["typ"] != TYPE or not isinstance(told["kid"], str):
        raise NotAReceipt(f"not {TYPE} under {ALGORITHM}")
    return Jws(told["kid"], _read(payload), data.rpartition(b".")[0], signature)


def _read(data: bytes) -> Any:
    try:
        value = read_json(data)
        if canonical(value) == data:
            return value
    except (Refused, NotCanonical) as error:
        raise NotAReceipt(str(error)) from error
    raise NotAReceipt("not in canonical form")


def _encode(data: bytes) -> bytes:
    """RFC 7515 section 2: base64url without padding."""
    return base64.urlsafe_b64encode(data).rstrip(b"=")


def _decode(text: bytes) -> bytes:
    try:
        data = base64.urlsafe_b64decode(text + b"=" * (-len(text) % 4))
    except binascii.Error as error:
        raise NotAReceipt("not base64url") from error
    if _encode(data) != text:
        raise NotAReceipt("not base64url in its one form")
    return data
