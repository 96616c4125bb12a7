"""Whether a certificate may be believed for a purpose at a moment: chain, period, usage, revocation.

RFC 5280 section 6 for the path, GM/T 0015 and GB/T 20518 for usage, GM/T 0031 section 6.2.3 for time. Nothing is
fetched. A path is built and validated without regard to time, so that the answer can be kept; time is judged on it.
"""

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from schemas.verification import Check, Report, conclude, failed, passed, unknown, worst
from signing.algorithms import load_public_key
from signing.certificate import BadCertificate, fingerprint, signer_identity
from signing.checks.chain import Chains, find_chains, links_of, subject_of
from signing.checks.identity import check_identity
from signing.checks.paths import LARGEST_BAG, Link, Path, supported
from signing.checks.standing import RANK, Moments, check_revocation, max_age_of, period_of
from signing.errors import UnusableKey
from signing.kept import Kept
from signing.revocation import (
    BadRevocationData,
    Question,
    RevocationList,
    parse_crl,
    parse_ocsp,
)
from signing.revocation import question as ask
from signing.seal import rfc3339
from signing.trust import Policy, Purpose, TrustStore

_TEST = re.compile(r"(?<![A-Za-z])E?TEST(?![A-Za-z])|Etest|测试")
# Purposes under which a document may be signed: e-mail, any, document signing (RFC 9336), Adobe, Microsoft; client
# authentication, which Chinese authorities put into signing certificates.
_SIGNING_PURPOSES = frozenset(
    {
        "1.3.6.1.5.5.7.3.2",
        "1.3.6.1.5.5.7.3.4",
        "2.5.29.37.0",
        "1.3.6.1.5.5.7.3.36",
        "1.2.840.113583.1.1.5",
        "1.3.6.1.4.1.311.10.3.12",
    }
)
_TIMESTAMPING = "1.3.6.1.5.5.7.3.8"


def verify_certificate(
    certificate: bytes,
    *,
    intermediates: Sequence[bytes] = (),
    trust: TrustStore,
    at: datetime,
    purpose: Purpose,
    crls: Sequence[bytes] = (),
    ocsp: Sequence[bytes] = (),
) -> Report:
    """Judge `certificate` (DER) for `purpose` as of `at`; a certificate that cannot be parsed is a failed check."""
    checks = check_chain(
        certificate, intermediates=intermediates, trust=trust, at=at, purpose=purpose, crls=crls, ocsp=ocsp
    )
    return conclude(
        "certificate",
        digest="sha256:" + fingerprint(certificate),
        at=at,
        checks=checks,
        basis={"trust": trust.digest},
    )


def check_chain(
    certificate: bytes,
    *,
    intermediates: Sequence[bytes] = (),
    trust: TrustStore,
    at: datetime,
    purpose: Purpose,
    signed_at: datetime | None = None,
    proven: bool = False,
    crls: Sequence[bytes] = (),
    ocsp: Sequence[bytes] = (),
    field: str | None = None,
) -> tuple[Check, ...]:
    """Every check on a certificate and its chain, as of `at`, for what was signed at `signed_at`.

    `intermediates`, `crls` and `ocsp` are what a stranger sent along; they are tried, never trusted. `proven` says that
    a trusted timestamp proves `signed_at`: only then may a certificate that has since expired or been revoked pass.
    `field` is whose certificate it is, as the checks are to say.
    """
    sent = tuple(intermediates), tuple(crls), tuple(ocsp)
    asked = (certificate, *sent, trust.digest, purpose)
    weight = len(certificate) + sum(len(one) for part in sent for one in part)
    try:
        candidates = _CANDIDATES.get(asked, lambda: _candidates(certificate, *sent, trust, purpose), weight)
    except BadCertificate as error:
        return (failed("certificate.parsed", "malformed", detail=str(error), field=field),)
    moments = Moments(at, signed_at, proven)
    if candidates.ends is None:
        return candidates.judge(moments, trust, purpose, field)
    place = (field, proven, _place(candidates.ends, at), _place(candidates.ends, signed_at))
    return candidates.answers.get(place, lambda: candidates.judge(moments, trust, purpose, field))


@dataclass(frozen=True, slots=True)
class _Candidates:
    """All about a certificate that time plays no part in: its paths, and what is asked of the revocation data on each.

    `ends` are the moments at which an answer may change, None if there are too many reasons for it to; `answers` are
    those given so far, by the place of the moments among them.
    """

    subject: Link
    chains: Chains
    paths: tuple[tuple[Path | None, Question | None], ...]
    ends: list[datetime] | None
    answers: Kept[Any, tuple[Check, ...]]

    def judge(self, moments: Moments, trust: TrustStore, purpose: Purpose, field: str | None) -> tuple[Check, ...]:
        """The best answer of all paths."""
        judged = [self._judge(path, question, moments, trust.policy, purpose) for path, question in self.paths]
        checks = min(judged, key=lambda checks: RANK[worst(checks)])
        return checks if field is None else tuple(check.model_copy(update={"field": field}) for check in checks)

    def _judge(
        self, path: Path | None, question: Question | None, moments: Moments, policy: Policy, purpose: Purpose
    ) -> tuple[Check, ...]:
        links = path.links if path else (self.subject,)
        identity = check_identity(self.subject.der, purpose)
        return (
            passed("certificate.parsed"),
            check_algorithm(links if path and path.below else links[-1:]),
            _check_chain_found(path, self.chains),
            check_period(links, moments.at, moments.signed_at, moments.proven, policy),
            check_key_usage(self.subject, purpose, policy),
            check_test_names(links, policy),
            *(() if identity is None else (identity,)),
            check_revocation(question, moments, policy),
        )


_CANDIDATES: Kept[Any, _Candidates] = Kept(1024, 32 << 20)


def _candidates(
    certificate: bytes,
    intermediates: tuple[bytes, ...],
    crls: tuple[bytes, ...],
    ocsp: tuple[bytes, ...],
    trust: TrustStore,
    purpose: Purpose,
) -> _Candidates:
    """Raises `BadCertificate`."""
    subject, bag, policy = Link.of(certificate), _bag(intermediates), trust.policy
    chains = find_chains(certificate, bag, trust, purpose)
    pool = (*links_of(trust.intermediates), *links_of(bag))
    paths: list[tuple[Path | None, Question | None]] = [(path, None) for path in chains.tried] or [(None, None)]
    if chains.paths:
        lists, responses = _lists(trust.crls, crls), _responses(trust.ocsps, ocsp)
        paths = [(path, ask(path, pool, lists, responses)) for path in chains.paths]
    ends: set[datetime] = set()
    for path, question in paths:
        ends |= _periods(path.links if path else (subject,), policy.clock_skew)
        if question is not None:
            ends |= question.ends(policy.clock_skew, max_age_of(policy))
    settled = all(question is None or question.settled for _, question in paths)
    return _Candidates(subject, chains, tuple(paths), sorted(ends) if settled else None, Kept(64))


def _periods(links: Iterable[Link], skew: timedelta) -> set[datetime]:
    return {moment for start, end in map(period_of, links) for moment in (start, end, start - skew, end + skew)}


def _place(ends: Sequence[datetime], moment: datetime | None) -> tuple[int, int] | None:
    """Where a moment lies: between which two ends, or on which one."""
    return None if moment is None else (bisect_left(ends, moment), bisect_right(ends, moment))


def check_algorithm(links: Sequence[Link]) -> Check:
    """Every key, and every signature below the anchor, is of an algorithm that is trusted: the anchor's is not used."""
    for place, link in enumerate(links):
        signature = link.parsed["signature_algorithm"]
        if (place > 0 or len(links) == 1) and not supported(signature) and not _self_signed(link):
            return failed("certificate.algorithm", "signature-not-allowed", oid=signature["algorithm"].dotted)
        try:
            load_public_key(link.spki)
        except UnusableKey as error:
            return failed("certificate.algorithm", "key-not-allowed", subject=subject_of(link), detail=str(error))
    return passed("certificate.algorithm", oid=links[-1].parsed["signature_algorithm"]["algorithm"].dotted)


def check_period(
    links: Sequence[Link], at: datetime, signed_at: datetime | None, proven: bool, policy: Policy
) -> Check:
    """RFC 5280 section 6.1.3 (a)(2); GM/T 0031 section 6.2.3, case 2: signed within the period, or not at all.

    A moment that is only claimed proves nothing about a certificate that has expired since.
    """
    skew = policy.clock_skew
    for link in reversed(links):
        start, end = period_of(link)
        facts: dict[str, Any] = {"subject": subject_of(link), "not_before": rfc3339(start), "not_after": rfc3339(end)}
        if signed_at is not None and signed_at < start - skew:
            return failed("certificate.period", "signed-before-valid", **facts)
        if signed_at is not None and signed_at > end + skew:
            return failed("certificate.period", "signed-after-expiry", **facts)
        if at < start - skew:
            return failed("certificate.period", "not-yet-valid", **facts)
        if at > end + skew and not (signed_at is not None and proven):
            if signed_at is None:
                return failed("certificate.period", "expired", **facts)
            return unknown("certificate.period", "expired-without-time-proof", **facts)
    start, end = period_of(links[-1])
    return passed("certificate.period", not_before=rfc3339(start), not_after=rfc3339(end))


def check_key_usage(link: Link, purpose: Purpose, policy: Policy) -> Check:
    """GM/T 0015: of the two certificates of a holder only the signing one signs, and no authority signs documents.

    For timestamps RFC 3161 section 2.3: the extended key usage is critical and timeStamping alone.
    """
    parsed = link.parsed
    if purpose is Purpose.any:
        return passed("certificate.key-usage", purpose=purpose.value)
    usage = parsed.key_usage_value
    usages = None if usage is None else frozenset(usage.native)
    purposes = None if parsed.extended_key_usage_value is None else _dotted(parsed.extended_key_usage_value)
    facts: dict[str, Any] = {"purpose": purpose.value, "key_usage": None if usages is None else sorted(usages)}
    if purpose is Purpose.timestamping:
        critical = "extended_key_usage" in parsed.critical_extensions
        if purposes != {_TIMESTAMPING} or not critical:
            return failed("certificate.key-usage", "not-for-timestamps", **facts)
    elif purposes is not None and not purposes & (_SIGNING_PURPOSES | set(policy.accept_extended_key_usages)):
        return failed("certificate.key-usage", "not-for-signing", extended=sorted(purposes), **facts)
    if parsed.ca or (usages is not None and usages & {"key_cert_sign", "crl_sign"}):
        return failed("certificate.key-usage", "authority-certificate", **facts)
    if usages is None:
        if policy.require_key_usage and purpose is not Purpose.timestamping:
            return failed("certificate.key-usage", "missing", **facts)
        return passed("certificate.key-usage", **facts)
    if not usages & {"digital_signature", "non_repudiation"}:
        return failed("certificate.key-usage", "encryption-certificate", **facts)
    if "digital_signature" not in usages and policy.require_key_usage and purpose is not Purpose.timestamping:
        return failed("certificate.key-usage", "no-digital-signature", **facts)
    return passed("certificate.key-usage", **facts)


def check_test_names(links: Iterable[Link], policy: Policy) -> Check:
    """No name on the path is one of a test authority: TEST, Etest or 测试."""
    for link in links:
        identity = signer_identity(link.der)
        if found := _TEST.search(identity.subject) or _TEST.search(identity.issuer):
            if policy.allow_test_certificates:
                return passed("certificate.test-certificate", allowed=True, found=found[0])
            return failed("certificate.test-certificate", "test-name", found=found[0], subject=identity.subject)
    return passed("certificate.test-certificate")


def _check_chain_found(path: Path | None, chains: Chains) -> Check:
    if chains.paths and path is not None:
        return passed("certificate.chain", path=[fingerprint(link.der) for link in path.links])
    facts: dict[str, Any] = {} if chains.detail is None else {"detail": chains.detail}
    reason = chains.reason or "chain-unknown"
    return (
        unknown("certificate.chain", reason, **facts)
        if chains.unknown
        else failed("certificate.chain", reason, **facts)
    )


def _bag(intermediates: Sequence[bytes]) -> tuple[bytes, ...]:
    """What a stranger sent along: each once, the first 32, in an order that is not theirs; unparsable ones dropped."""
    bag = []
    for der in list(dict.fromkeys(intermediates))[:LARGEST_BAG]:
        try:
            Link.of(der)
        except BadCertificate:
            continue
        bag.append(der)
    return tuple(sorted(bag))


def _lists(own: Sequence[bytes], sent: Sequence[bytes]) -> list[RevocationList]:
    lists = [parse_crl(der) for der in own]
    for der in list(dict.fromkeys(sent))[:LARGEST_BAG]:
        try:
            lists.append(parse_crl(der))
        except BadRevocationData:
            continue
    return lists


def _responses(own: Sequence[bytes], sent: Sequence[bytes]) -> list[Any]:
    responses = [parse_ocsp(der) for der in own]
    for der in list(dict.fromkeys(sent))[:LARGEST_BAG]:
        try:
            responses.append(parse_ocsp(der))
        except BadRevocationData:
            continue
    return responses


def _dotted(purposes: Any) -> set[str]:
    return {purpose.dotted for purpose in purposes}


def _self_signed(link: Link) -> bool:
    return link.subject == link.issuer
