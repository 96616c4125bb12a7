"""What a time-stamp token proves: that these octets existed at that moment, if its authority is trusted.

RFC 3161 section 2.4.2, GB/T 20520. A token that is not over the octets, or whose signature is broken, fails; one whose
authority is not known proves no moment, and decides nothing else.
"""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from schemas.verification import Check, Outcome, Severity, failed, passed, unknown, worst
from signing.checks import cms
from signing.checks.certificate import check_chain
from signing.checks.integrity import check_format
from signing.containers.cms import read_signed_data
from signing.containers.der import NotAsExpected
from signing.containers.tst import Stamp, read_stamp
from signing.seal import Seal, rfc3339
from signing.sm2 import sm3
from signing.trust import Purpose, TrustStore

HASHES: dict[str, Callable[[bytes], bytes]] = {
    "sm3": sm3,
    "sha256": lambda octets: hashlib.sha256(octets).digest(),
    "sha384": lambda octets: hashlib.sha384(octets).digest(),
    "sha512": lambda octets: hashlib.sha512(octets).digest(),
    "2.16.840.1.101.3.4.2.2": lambda octets: hashlib.sha384(octets).digest(),
}


@dataclass(frozen=True, slots=True)
class Proof:
    """The checks on a token, and the moment that it proves; None if it proves none."""

    checks: tuple[Check, ...]
    moment: datetime | None = None


def judge_token(
    token: bytes,
    octets: bytes,
    *,
    trust: TrustStore,
    at: datetime,
    intermediates: Sequence[bytes] = (),
    crls: Sequence[bytes] = (),
    ocsp: Sequence[bytes] = (),
) -> Proof:
    """Judge the RFC 3161 `token` over `octets` as of `at`. Nothing raises: what cannot be read is a failed check."""
    try:
        stamp, seal = read_stamp(token), read_signed_data(token)
    except NotAsExpected as error:
        return Proof((failed("timestamp.imprint", "token-malformed", detail=str(error)),))
    checks = (_check_imprint(stamp, octets), _check_signature(token, seal))
    if worst(checks) is not Outcome.PASSED:
        return Proof(checks)
    trusted = _check_authority(
        stamp, replace(seal, intermediates=(*seal.intermediates, *intermediates)), trust, at, crls, ocsp
    )
    moment = stamp.moment.utc if trusted.outcome is Outcome.PASSED else None
    return Proof((*checks, trusted), moment)


def _check_imprint(stamp: Stamp, octets: bytes) -> Check:
    rule = "timestamp.imprint"
    digest = HASHES.get(stamp.digest_algorithm)
    if digest is None:
        return failed(rule, "digest-unknown", digest=stamp.digest_algorithm)
    if digest(octets) != stamp.imprint:
        return failed(rule, "imprint-mismatch", imprint=stamp.imprint.hex())
    return passed(rule, algorithm=stamp.digest_algorithm)


def _check_signature(token: bytes, seal: Seal) -> Check:
    """RFC 5652 section 5.4 over the statement inside; RFC 3161 asks for attributes that name the certificate."""
    rule = "timestamp.signature"
    digest = HASHES.get(seal.digest_algorithm)
    if seal.certificate is None or not seal.has_attributes or seal.embedded is None or seal.digest is None:
        return failed(rule, "incomplete")
    form = check_format(seal)
    if form.outcome is not Outcome.PASSED:
        return failed(rule, "incomplete", detail=form.reason)
    if digest is None or digest(seal.embedded) != seal.digest.octets:
        return failed(rule, "statement-changed")
    for check in (
        cms.check_method(seal, cms.signature_algorithm(token)),
        cms.check_value(seal, b"", cms.signature_algorithm(token)),
        cms.check_signing_certificate(seal, required=True, newest=False),
    ):
        if check.outcome is not Outcome.PASSED:
            return failed(rule, "not-authentic", why={check.rule: check.reason})
    return passed(rule)


def _check_authority(
    stamp: Stamp, seal: Seal, trust: TrustStore, at: datetime, crls: Sequence[bytes], ocsp: Sequence[bytes]
) -> Check:
    """The certificate is one of a time-stamping authority (RFC 3161 section 2.3) and chains to a TSA anchor."""
    rule, moment = "timestamp.authority", stamp.moment.utc
    if not trust.tsa:
        return unknown(rule, "no-authority", severity=Severity.NOTICE, moment=rfc3339(moment))
    if moment > at + trust.policy.timestamp_tolerance:
        return failed(rule, "future", moment=rfc3339(moment))
    checks = check_chain(
        seal.certificate or b"",
        intermediates=seal.intermediates,
        trust=trust,
        at=at,
        purpose=Purpose.timestamping,
        signed_at=moment,
        crls=crls,
        ocsp=ocsp,
    )
    refused = [check for check in checks if check.outcome is not Outcome.PASSED]
    if refused:
        why = {check.rule: check.reason for check in refused}
        return unknown(rule, "authority-not-trusted", severity=Severity.NOTICE, moment=rfc3339(moment), why=why)
    return passed(rule, moment=rfc3339(moment))
