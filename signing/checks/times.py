"""When was it signed, and what proves it (GM/T 0031-2014 section 6.2.3, GB/T 20520, RFC 3161).

The moment under the signature is a claim of the signer. Only a time-stamp of somebody else proves it.
"""

from datetime import datetime, timedelta
from typing import Any, Literal

from schemas.verification import Check, Severity, failed, passed, unknown
from signing.certificate import BadCertificate
from signing.checks.integrity import from_defects
from signing.holder import read_holder
from signing.kept import passed_again
from signing.moments import read_moment
from signing.seal import Moment, Seal, rfc3339
from signing.trust import Policy

_WRITTEN_TOLERANCE = timedelta(minutes=10)


def check_time(seal: Seal, at: datetime, policy: Policy) -> Check:
    """The claimed moment is a time, and does not lie in the future of `at`."""
    rule = "signature.time"
    if (broken := from_defects(seal.defects, rule)) is not None:
        return broken
    moment = seal.signed_at
    if moment is None:
        # A CMS need not say when; a seal signature must.
        return failed(rule, "time-absent") if seal.seal is not None and seal.token is None else passed(rule)
    facts: dict[str, Any] = {"signed_at": moment.text(), "written": moment.raw[:40]}
    if moment.earliest > at + policy.timestamp_tolerance:
        return failed(rule, "future", **facts)
    if moment.latest > at + policy.timestamp_tolerance:
        return unknown(rule, "time-ambiguous", **facts)
    return passed(rule, **facts)


def time_proof(
    proven: datetime | None, claimed: datetime | Moment | None, existed_at: datetime | None
) -> Literal["none", "claimed", "timestamp", "evidence"]:
    """What the moment of a signature rests on; `existed_at` is the one for which the caller vouches."""
    if proven is None:
        return "none" if claimed is None else "claimed"
    return "evidence" if proven == existed_at else "timestamp"


def check_written_time(written: str | None, signed_at: Moment | None) -> Check | None:
    """GB/T 33190 section 18.2.2: SignatureDateTime, which nothing protects, tells about the same moment.

    None if either is absent. Free text of vendors: it decides nothing.
    """
    if written is None or signed_at is None:
        return None
    rule = "signature.time-written"
    try:
        moment = read_moment(written)
    except ValueError:
        reason = "time-malformed"
    else:
        gaps = [abs(one - other) for one in moment.readings for other in signed_at.readings]
        if min(gaps) <= _WRITTEN_TOLERANCE:
            return passed_again(rule, severity=Severity.NOTICE)
        reason = "time-differs"
    return failed(rule, reason, severity=Severity.NOTICE, written=written[:40], signed_at=signed_at.text())


def check_agreement(claimed: Moment, proven: datetime, policy: Policy) -> Check:
    """The claimed moment is not after the proven one; how long before it lies decides nothing."""
    rule, written, moment = "timestamp.agrees", claimed.text(), rfc3339(proven)
    if claimed.earliest > proven + policy.timestamp_tolerance:
        return failed(rule, "claimed-later", claimed=written, proven=moment)
    return passed(rule, claimed=written, proven=moment)


def check_signer_period(certificate: bytes | None, signed_at: Moment | None, policy: Policy) -> Check:
    """GM/T 0031 section 6.2.3, case 2: the signer's certificate was valid at that moment, in each reading of it."""
    rule = "signature.signer-period"
    if certificate is None or signed_at is None:
        return unknown(rule, "time-absent") if certificate else failed(rule, "certificate-absent")
    try:
        holder = read_holder(certificate)
    except BadCertificate as error:
        return failed(rule, "certificate-malformed", detail=str(error))
    start, end = holder.not_before.utc - policy.clock_skew, holder.not_after.utc + policy.clock_skew
    facts: dict[str, Any] = {"signed_at": signed_at.text(), "not_before": rfc3339(start), "not_after": rfc3339(end)}
    if signed_at.latest < start:
        return failed(rule, "signed-before-valid", **facts)
    if signed_at.earliest > end:
        return failed(rule, "signed-after-expiry", **facts)
    if signed_at.earliest < start or signed_at.latest > end:
        return unknown(rule, "time-ambiguous", **facts)
    return passed(rule, **facts)
