"""Whether the certificates of a path were revoked, before or after they signed (GM/T 0031 section 6.2.3)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from schemas.verification import Check, Outcome, failed, passed, unknown
from signing.checks.chain import subject_of
from signing.checks.paths import Link
from signing.revocation import Question, Standing
from signing.seal import rfc3339
from signing.trust import Policy

RANK = {Outcome.PASSED: 0, Outcome.INDETERMINATE: 1, Outcome.FAILED: 2}
_COMPROMISED = frozenset({"key-compromise", "ca-compromise", "aa-compromise"})
_MOST_ARCHIVED = 4  # moments between signing and expiry for which archived data are asked


@dataclass(frozen=True, slots=True)
class Moments:
    """As of when is judged, when it was signed, and whether a time-stamp proves that."""

    at: datetime
    signed_at: datetime | None
    proven: bool


def check_revocation(question: Question | None, moments: Moments, policy: Policy) -> Check:
    """RFC 5280 section 6.3; GM/T 0031 section 6.2.3, cases 3 and 4: revoked before the signature, or after it."""
    rule = "certificate.revocation"
    if question is None:
        return unknown(rule, "chain-unknown")
    below = question.path.below
    if not below:
        return passed(rule, pinned=True)  # the operator revokes an anchor by taking it out of the folder
    found = _standings(question, moments, policy)
    verdicts = [
        _standing_check(standing, link, moments.signed_at, moments.proven, policy)
        for standing, link in zip(found, below, strict=True)
    ]
    return max(reversed(verdicts), key=lambda check: RANK[check.outcome])


def _standings(question: Question, moments: Moments, policy: Policy) -> tuple[Standing, ...]:
    """What is known of each certificate of the path as of the verdict; after its expiry, what was known before.

    An authority may drop from its lists what has expired: the last word is that of the last day. If that is not at
    hand, the data of an archive do that were current at the proven moment or were issued since (RFC 5280 section 6.3
    for that moment, ETSI EN 319 102-1 section 5.6.2.1). A revocation counts whenever it was stated.
    """
    skew, max_age = policy.clock_skew, max_age_of(policy)
    last = min(period_of(link)[1] for link in question.path.below)
    if not moments.proven or moments.signed_at is None or moments.at <= last:
        return question.answer(moments.at, skew, max_age)
    given = [question.answer(last, skew, max_age)]
    if any(standing.state != "good" for standing in given[0]):
        issued = [moment for moment in question.issued() if moments.signed_at < moment < last]
        given += [question.answer(moment, skew, max_age) for moment in (*issued[-_MOST_ARCHIVED:], moments.signed_at)]
    today = question.answer(moments.at, skew, max_age)
    return tuple(
        _strongest([*known, now] if now.state == "revoked" else known)
        for known, now in zip(zip(*given, strict=True), today, strict=True)
    )


def _strongest(known: Sequence[Standing]) -> Standing:
    """Of all that was said about one certificate the gravest that is certain: a revocation, a compromise above all."""
    revoked = [standing for standing in known if standing.state == "revoked"]
    if revoked:
        compromised = (standing for standing in revoked if standing.reason in _COMPROMISED)
        return next(compromised, min(revoked, key=_revoked_at))
    doubtful = (standing for standing in known if standing.state == "unusable" and standing.reason is not None)
    good = (standing for standing in known if standing.state == "good")
    return next(doubtful, next(good, known[0]))


def _revoked_at(standing: Standing) -> datetime:
    assert standing.revoked_at is not None, "it is revoked"
    return standing.revoked_at


def max_age_of(policy: Policy) -> timedelta | None:
    """How old a list may be, whatever it says of itself; None for as old as it says."""
    return timedelta(hours=policy.crl_max_age_hours) if policy.crl_max_age_hours else None


def _standing_check(standing: Standing, link: Link, signed_at: datetime | None, proven: bool, policy: Policy) -> Check:
    rule = "certificate.revocation"
    facts: dict[str, Any] = {"subject": subject_of(link)}
    if standing.state == "good":
        return passed(rule, source=standing.source)
    if standing.state == "revoked":
        assert standing.revoked_at is not None
        facts |= {"revoked_at": rfc3339(standing.revoked_at), "why": str(standing.reason)}
        if signed_at is None or standing.revoked_at <= signed_at or standing.reason in _COMPROMISED:
            return failed(rule, "revoked", **facts)
        if not proven:
            return unknown(rule, "revoked-without-time-proof", **facts)
        return passed(rule, **facts)
    if standing.state == "none" and policy.revocation == "if-available":
        return passed(rule, source=None)
    if standing.state == "none":
        return unknown(rule, "revocation-unknown", **facts)
    return unknown(rule, "revocation-unusable", detail=standing.detail, **facts)


def period_of(link: Link) -> tuple[datetime, datetime]:
    """From when until when a certificate is valid."""
    validity = link.parsed["tbs_certificate"]["validity"]
    return validity["not_before"].native, validity["not_after"].native
