"""The signature of a CMS SignedData over bytes outside of it (RFC 5652 section 5.4), for each trusted algorithm."""

import hashlib
from collections.abc import Callable
from typing import Any

from asn1crypto import algos

from schemas.verification import Check, failed, passed
from signing.algorithms import load_public_key
from signing.asn1 import MALFORMED, load
from signing.certificate import BadCertificate
from signing.checks.paths import SIGNATURES, digest_of
from signing.containers.cms import SIGNED_DATA
from signing.errors import UnusableKey
from signing.holder import read_holder
from signing.kept import kept
from signing.seal import Seal
from signing.sm2 import sm3
from untrusted.der import Node, read_der
from untrusted.refused import Refused

_PLAIN_RSA, _PLAIN_KEY = "1.2.840.113549.1.1.1", "1.2.840.10045.2.1"
_WITH_DIGEST = {
    (_PLAIN_RSA, "sha256"): "1.2.840.113549.1.1.11",
    (_PLAIN_RSA, "sha384"): "1.2.840.113549.1.1.12",
    (_PLAIN_RSA, "sha512"): "1.2.840.113549.1.1.13",
    (_PLAIN_KEY, "sha256"): "1.2.840.10045.4.3.2",
    (_PLAIN_KEY, "sha384"): "1.2.840.10045.4.3.3",
    (_PLAIN_KEY, "sha512"): "1.2.840.10045.4.3.4",
}
_ESS_V1, _ESS_V2 = "1.2.840.113549.1.9.16.2.12", "1.2.840.113549.1.9.16.2.47"
_HASHES: dict[str, Callable[[bytes], bytes]] = {
    "1.2.156.10197.1.401": sm3,
    "2.16.840.1.101.3.4.2.1": lambda octets: hashlib.sha256(octets).digest(),
    "2.16.840.1.101.3.4.2.2": lambda octets: hashlib.sha384(octets).digest(),
    "2.16.840.1.101.3.4.2.3": lambda octets: hashlib.sha512(octets).digest(),
}
_DEFAULT_HASH = "2.16.840.1.101.3.4.2.1"  # RFC 5035 section 4


def signature_algorithm(seal: Seal) -> Any:
    """The AlgorithmIdentifier of the signer, parameters included; None if it cannot be read.

    A plain key algorithm (RFC 3370 section 3.2) stands for itself with the signer's digest algorithm.
    """
    if full := _WITH_DIGEST.get((seal.algorithm, seal.digest_algorithm)):
        return _read_algorithm(algos.SignedDigestAlgorithm({"algorithm": full}).dump())
    return _read_algorithm(seal.algorithm_octets)


@kept(256, 1 << 16)
def _read_algorithm(octets: bytes) -> Any:
    try:
        found = load(algos.SignedDigestAlgorithm, octets)
        _ = found["algorithm"].native, found["parameters"].native
    except MALFORMED:
        return None
    return found


def check_method(seal: Seal, algorithm: Any) -> Check:
    """The algorithm is one of ours, agrees with the digest that the signer names, and is one of the signer's key."""
    rule = "signature.method"
    stated = None if algorithm is None else digest_of(algorithm)
    if stated is None:
        return failed(rule, "algorithm-unknown", algorithm=seal.algorithm)
    if stated not in ("any", seal.digest_algorithm):
        return failed(rule, "digest-mismatch", digest=seal.digest_algorithm, algorithm=seal.algorithm)
    spki = _key(seal)
    if isinstance(spki, str):
        return failed(rule, "key-unusable", detail=spki, algorithm=seal.algorithm)
    return passed(rule, kind=load_public_key(spki).kind, algorithm=seal.algorithm)


def check_value(seal: Seal, content: bytes, algorithm: Any) -> Check:
    """The value holds over the attributes, or over the content where there are none, under the signer's key."""
    rule = "signature.value"
    spki = _key(seal)
    if isinstance(spki, str):
        return failed(rule, "key-unusable", detail=spki)
    if algorithm is None:
        return failed(rule, "algorithm-unknown")
    message = content if seal.signed is None else seal.signed
    if SIGNATURES.holds(seal.value.octets, message, spki, algorithm):
        return passed(rule, algorithm=seal.algorithm)
    return failed(rule, "mismatch", algorithm=seal.algorithm)


def check_signing_certificate(seal: Seal, *, required: bool, newest: bool = True) -> Check:
    """RFC 5035: the attributes name the signer's certificate by its digest, so that no other can take its place.

    `required`: they must; `newest`: with a digest of SHA-2, as ETSI EN 319 142-1 asks.
    """
    rule = "signature.signing-certificate"
    if seal.certificate is None:
        return failed(rule, "certificate-absent")
    try:
        values = _attributes(seal)
        if _ESS_V2 in values:
            named = values[_ESS_V2][0][0]
            hashed = named[0]
            digest = _HASHES[hashed[0].oid() if hashed.tag == 0x30 else _DEFAULT_HASH]
            stated = (named[1] if hashed.tag == 0x30 else hashed).octet_string()
            if digest(seal.certificate) != stated:
                return failed(rule, "certificate-differs")
            return passed(rule, version=2)
        if _ESS_V1 in values:
            if newest and required:
                return failed(rule, "digest-outdated")
            if hashlib.sha1(seal.certificate).digest() != values[_ESS_V1][0][0][0].octet_string():  # noqa: S324
                return failed(rule, "certificate-differs")
            return passed(rule, version=1)
    except (Refused, KeyError) as error:
        return failed(rule, "malformed", detail=str(error)[:200])
    return failed(rule, "absent") if required else passed(rule, version=None)


def _attributes(seal: Seal) -> dict[str, Node]:
    """The first value of each attribute under the signature."""
    if not seal.has_attributes or seal.signed is None:
        return {}
    return {item[0].oid(): item[1][0] for item in read_der(seal.signed, limits=SIGNED_DATA).children}


def _key(seal: Seal) -> bytes | str:
    """The SPKI of the signer, or why it cannot be used."""
    if seal.certificate is None:
        return "there is no certificate"
    try:
        spki = read_holder(seal.certificate).spki
        load_public_key(spki)
    except (BadCertificate, UnusableKey) as error:
        return str(error)
    return spki
