"""What a time-stamp token proves: that these octets existed at that moment, if its authority is trusted.

RFC 3161 section 2.4.2, GB/T 20520. A token that is not over the octets, or whose signature is broken, fails. On a seal
one whose authority is not known proves no moment, and decides nothing else; judged by itself, it is indeterminate.
"""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from schemas.verification import Check, Outcome, Report, Severity, conclude, failed, passed, unknown, worst
from signing.checks import cms
from signing.checks.certificate import check_chain
from signing.checks.integrity import check_format
from signing.containers.cms import read_signed_data
from signing.containers.der import NotAsExpected
from signing.containers.tst import Stamp, read_stamp, unwrapped
from signing.holder import read_holder
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
    """The checks on a token, and the moment at which it proves that the signature existed; None if it proves none.

    `stated` is the moment of a trusted token that stands under the signature: the signature is younger than that.
    """

    checks: tuple[Check, ...]
    moment: datetime | None = None
    stated: datetime | None = None


def verify_timestamp(
    token: bytes, *, imprint: bytes, trust: TrustStore, at: datetime, since: datetime | None = None
) -> Report:
    """Judge an RFC 3161 or GB/T 20520 token, or the granted response that wraps it, as of `at`, which is aware.

    `imprint` is the digest of what was stamped, by the algorithm that the token names: SM3, SHA-256, SHA-384, SHA-512.
    Passed means that a trusted authority saw that digest at the moment in the facts of `timestamp.authority`. Nothing
    raises: a token that cannot be read is a failed check. `since` is a moment at which another time-stamp, which
    passed, shows that this token existed: what its authority's certificate came to after that takes nothing away,
    unless it was compromised (RFC 4998 section 5.3, ETSI EN 319 102-1 section 5.6).
    """
    return conclude(
        "timestamp",
        digest="sha256:" + hashlib.sha256(token).hexdigest(),
        at=at,
        checks=_judge_alone(token, imprint, trust, at, since),
        basis={"trust": trust.digest},
    )


def _judge_alone(
    token: bytes, imprint: bytes, trust: TrustStore, at: datetime, since: datetime | None
) -> tuple[Check, ...]:
    try:
        stamp, seal = _read(token)
    except NotAsExpected as error:
        return (failed("timestamp.imprint", "token-malformed", detail=str(error)),)
    checks = (_check_imprint(stamp, imprint), _check_signature(seal))
    if seal.certificate is None:
        return (*checks, unknown("timestamp.authority", "authority-not-trusted"))
    chain = _chain(seal, stamp.moment.utc, trust, at, (), ())
    unproven = worst(checks) is Outcome.PASSED and worst(chain) is not Outcome.PASSED
    if since is not None and unproven and _began(seal) <= stamp.moment.utc:
        chain = _chain(seal, since, trust, at, (), (), proven=True)
    named = (check.model_copy(update={"field": "authority"}) for check in chain)
    return (*checks, _check_authority(stamp, chain, trust, at, Severity.ERROR), *named)


def judge_token(
    token: bytes,
    octets: bytes,
    *,
    trust: TrustStore,
    at: datetime,
    intermediates: Sequence[bytes] = (),
    crls: Sequence[bytes] = (),
    ocsp: Sequence[bytes] = (),
    since: datetime | None = None,
) -> Proof:
    """Judge the `token` on `octets` as of `at`. Nothing raises: what cannot be read is a failed check.

    `since` is a moment at which another trusted time-stamp shows that this token existed: its authority's certificate
    may have expired after that, and may have been revoked after that for no compromise (ETSI EN 319 102-1 section 5.6).
    """
    try:
        stamp, seal = _read(token)
    except NotAsExpected as error:
        return Proof((failed("timestamp.imprint", "token-malformed", detail=str(error)),))
    digest = HASHES.get(stamp.digest_algorithm)
    checks = (_check_imprint(stamp, digest(octets) if digest else b""), _check_signature(seal))
    if worst(checks) is not Outcome.PASSED:
        return Proof(checks)
    seal = replace(seal, intermediates=(*seal.intermediates, *intermediates))
    chain = _chain(seal, stamp.moment.utc, trust, at, crls, ocsp) if trust.tsa else ()
    if since is not None and trust.tsa and worst(chain) is not Outcome.PASSED and _began(seal) <= stamp.moment.utc:
        chain = _chain(seal, since, trust, at, crls, ocsp, proven=True)
    trusted = _check_authority(stamp, chain, trust, at, Severity.NOTICE)
    return Proof((*checks, trusted), stamp.moment.utc if trusted.outcome is Outcome.PASSED else None)


def _read(token: bytes) -> tuple[Stamp, Seal]:
    """What the token states, and the signature on it. Raises `NotAsExpected`."""
    token = unwrapped(token)
    return read_stamp(token), read_signed_data(token)


def _check_imprint(stamp: Stamp, imprint: bytes) -> Check:
    """RFC 3161 section 2.4.2: the token is over `imprint`, a digest of an algorithm that is trusted."""
    rule = "timestamp.imprint"
    digest = HASHES.get(stamp.digest_algorithm)
    if digest is None:
        return failed(rule, "digest-unknown", digest=stamp.digest_algorithm)
    if len(stamp.imprint) != len(digest(b"")) or imprint != stamp.imprint:
        return failed(rule, "imprint-mismatch", imprint=stamp.imprint[:64].hex())
    return passed(rule, algorithm=stamp.digest_algorithm)


def _check_signature(seal: Seal) -> Check:
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
    algorithm = cms.signature_algorithm(seal)
    for check in (
        cms.check_method(seal, algorithm),
        cms.check_value(seal, b"", algorithm),
        cms.check_signing_certificate(seal, required=True, newest=False),
    ):
        if check.outcome is not Outcome.PASSED:
            return failed(rule, "not-authentic", why={check.rule: check.reason})
    return passed(rule)


def _began(seal: Seal) -> datetime:
    """From when on the certificate of the authority is valid; it was parsed to check the signature."""
    assert seal.certificate is not None, "the signature held under it"
    return read_holder(seal.certificate).not_before.utc


def _chain(
    seal: Seal,
    moment: datetime,
    trust: TrustStore,
    at: datetime,
    crls: Sequence[bytes],
    ocsp: Sequence[bytes],
    *,
    proven: bool = False,
) -> tuple[Check, ...]:
    """The checks on the certificate of the authority, at the moment of the stamp and since."""
    return check_chain(
        seal.certificate or b"",
        intermediates=seal.intermediates,
        trust=trust,
        at=at,
        purpose=Purpose.timestamping,
        signed_at=moment,
        proven=proven,
        crls=crls,
        ocsp=ocsp,
    )


def _check_authority(
    stamp: Stamp, chain: Sequence[Check], trust: TrustStore, at: datetime, severity: Severity
) -> Check:
    """The certificate is one of a time-stamping authority (RFC 3161 section 2.3) and chains to a TSA anchor.

    `severity` is that of not knowing the authority; a moment in the future always decides.
    """
    rule, moment = "timestamp.authority", rfc3339(stamp.moment.utc)
    if not trust.tsa:
        return unknown(rule, "no-authority", severity=severity, moment=moment)
    if stamp.moment.utc > at + trust.policy.timestamp_tolerance:
        return failed(rule, "future", moment=moment)
    refused = [check for check in chain if check.outcome is not Outcome.PASSED]
    if refused:
        why = {check.rule: check.reason for check in refused}
        return unknown(rule, "authority-not-trusted", severity=severity, moment=moment, why=why)
    return passed(rule, moment=moment)
