"""Asking a time-stamping authority, and reading what it answers (RFC 3161 sections 2.4.1 and 2.4.2, GB/T 20520).

Nothing is believed here: whether an answer proves anything, `verify_timestamp` says.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from asn1crypto import algos, tsp

from signing import asn1 as _registers_sm3  # noqa: F401
from signing.algorithms import find_algorithm
from signing.asn1 import MALFORMED
from signing.certificate import BadCertificate
from signing.checks import cms
from signing.checks.token import HASHES
from signing.containers.cms import read_signed_data
from signing.containers.der import NotAsExpected
from signing.containers.tst import read_stamp, unwrapped
from signing.holder import read_holder

Digest = Literal["sha256", "sha384", "sha512", "sm3"]


class BadAnswer(ValueError):
    """What the authority answered is no time-stamp on what was asked for; the message says why."""


@dataclass(frozen=True, slots=True)
class Stamped:
    """A token, the moment that it states, and until when the certificate and the algorithms under it last."""

    token: bytes
    moment: datetime
    lasts: datetime


def digest_of(data: bytes, digest: Digest) -> bytes:
    """The imprint of what is to be stamped."""
    return HASHES[digest](data)


def write_query(imprint: bytes, digest: Digest, nonce: int) -> bytes:
    """A TimeStampReq (RFC 3161 section 2.4.1) that asks for the authority's certificate too."""
    query = tsp.TimeStampReq(
        {
            "version": "v1",
            "message_imprint": {
                "hash_algorithm": algos.DigestAlgorithm({"algorithm": digest}),
                "hashed_message": imprint,
            },
            "nonce": nonce,
            "cert_req": True,
        }
    )
    return bytes(query.dump())


def read_answer(answer: bytes, imprint: bytes, digest: Digest, nonce: int) -> Stamped:
    """The token of a TimeStampResp (RFC 3161 section 2.4.2): granted, on this imprint, and to this very query.

    Raises `BadAnswer`.
    """
    try:
        token = unwrapped(answer)
        if token == answer:
            raise NotAsExpected("a token without the response around it")
        stamp = read_stamp(token)
    except NotAsExpected as error:
        raise BadAnswer(str(error)) from error
    if stamp.digest_algorithm != digest or stamp.imprint != imprint:
        raise BadAnswer("the token is on something else")
    if stamp.nonce != nonce:
        raise BadAnswer("the token answers another query")
    return Stamped(token, stamp.moment.utc, lasts_until(token))


def lasts_until(token: bytes) -> datetime:
    """The end of the certificate that signed, or of its algorithm if that ends before. Raises `BadAnswer`.

    After it, the token proves only what a later one vouches for (RFC 4998 section 5.2).
    """
    try:
        seal = read_signed_data(token)
        if seal.certificate is None:
            raise BadAnswer("the token does not carry its authority's certificate")
        ends = [read_holder(seal.certificate).not_after.utc]
        algorithm = cms.signature_algorithm(seal)
        known = None if algorithm is None else find_algorithm(algorithm["algorithm"].dotted)
    except (NotAsExpected, BadCertificate, *MALFORMED) as error:
        raise BadAnswer(f"a token that cannot be read: {error}") from error
    if known is not None and known.trusted_until is not None:
        ends.append(known.trusted_until)
    return min(ends).astimezone(UTC)
