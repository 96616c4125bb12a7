"""Requests for certificates (PKCS #10, RFC 2986), taken for what they prove: that who sends a key holds it."""

import base64
import binascii
from dataclasses import dataclass
from typing import Any

from asn1crypto import csr

from schemas.verification import Check, failed, passed
from signing.algorithms import load_public_key
from signing.asn1 import load
from signing.checks.paths import SIGNATURES, supported
from signing.errors import Unreadable, UnusableKey
from untrusted import Refused, read_der

LARGEST = 64 * 1024
_NAMES = (b"CERTIFICATE REQUEST", b"NEW CERTIFICATE REQUEST")
_MALFORMED = (ValueError, TypeError, KeyError, OverflowError, RecursionError)
# What a key of each kind signs requests with (RFC 9421 section 3.3, and `sm2-sm3`).
_FOR_REQUESTS = {
    "ed25519": "ed25519",
    "p-256": "ecdsa-p256-sha256",
    "rsa": "rsa-pss-sha512",
    "sm2": "sm2-sm3",
}


@dataclass(frozen=True, slots=True)
class KeyRequest:
    """What a request states: a subject, as it is written there and believed by nobody, and a public key."""

    subject: str
    spki: bytes
    _signed: bytes
    _signature: bytes
    _algorithm: Any


def read_key_request(data: bytes) -> KeyRequest:
    """The request that `data` is, DER or PEM, all of it. Raises `Unreadable`."""
    if len(data) > LARGEST:
        raise Unreadable("file.too-large", "A certificate request has at most 64 KiB.")
    der = _der(data)
    try:
        top = read_der(der)
        if top.tag != 0x30 or [child.tag for child in top.children] != [0x30, 0x30, 0x03]:
            raise Unreadable("der.malformed", "The bytes are no certificate request.")
        signature = top.children[2].content
        if signature[:1] != b"\x00":
            raise Unreadable("der.malformed", "A signature is of whole octets.")
        request = load(csr.CertificationRequest, der)
        info = request["certification_request_info"]
        if info["version"].native != "v1":
            raise Unreadable("der.malformed", "RFC 2986 knows version 0 only.")
        return KeyRequest(
            subject=str(info["subject"].human_friendly)[:300],
            spki=info["subject_pk_info"].dump(),
            _signed=info.dump(),
            _signature=signature[1:],
            _algorithm=request["signature_algorithm"],
        )
    except Refused as error:
        raise Unreadable(error.rule, error.detail) from error
    except _MALFORMED as error:
        raise Unreadable("der.malformed", "The bytes are no certificate request.") from error


def algorithm_for_requests(request: KeyRequest) -> str | None:
    """The name of the algorithm that the key signs requests with; None for a key of another kind."""
    try:
        return _FOR_REQUESTS.get(load_public_key(request.spki).kind)
    except UnusableKey:
        return None


def check_possession(request: KeyRequest) -> Check:
    """RFC 2986 section 4.2: the request is signed by the key that it brings, so that its sender holds it."""
    rule = "key-request.possession"
    try:
        load_public_key(request.spki)
    except UnusableKey as error:
        return failed(rule, "key-unusable", detail=error.detail)
    try:
        if not supported(request._algorithm):
            return failed(rule, "unsupported", oid=request._algorithm["algorithm"].dotted)
        if SIGNATURES.holds(request._signature, request._signed, request.spki, request._algorithm):
            return passed(rule)
    except _MALFORMED as error:
        return failed(rule, "mismatch", detail=str(error)[:200])
    return failed(rule, "mismatch")


def _der(data: bytes) -> bytes:
    if data.startswith(b"\x30"):
        return data
    text = b" ".join(data.split())
    for name in _NAMES:
        first, last = b"-----BEGIN " + name + b"-----", b"-----END " + name + b"-----"
        if text.startswith(first) and text.endswith(last) and text.count(b"-----") == 4:
            try:
                return base64.b64decode(text[len(first) : -len(last)].replace(b" ", b""), validate=True)
            except binascii.Error as error:
                raise Unreadable("der.malformed", "The PEM block is not base64.") from error
    raise Unreadable("der.malformed", "The bytes are neither DER nor one PEM block of a certificate request.")
