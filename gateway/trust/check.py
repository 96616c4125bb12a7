"""Everything in a trust folder that its operator should mend, as a report like any other."""

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from typing import Any

from gateway.trust.certificates import authorities, is_authority, period
from gateway.trust.folder import ANCHORS, CERTIFICATES, Folder, Held
from gateway.trust.owners import check_owners
from gateway.trust.revocations import (
    NotSigned,
    answers,
    freshness,
    list_facts,
    list_scope,
    list_signer,
    oldest,
    response_signer,
)
from schemas.verification import Check, Outcome, Report, Severity, conclude, failed, passed, unknown
from signing.checks.certificate import check_key_usage, check_test_names
from signing.checks.chain import find_chains, subject_of
from signing.checks.paths import Link
from signing.revocation import BadRevocationData
from signing.seal import rfc3339
from signing.trust import Policy, Purpose

_SOON = timedelta(days=30)
_LISTS_SOON = timedelta(hours=24)
_PURPOSES = {
    "signers": Purpose.document_signing,
    "seal-makers": Purpose.seal_making,
    "tsa": Purpose.timestamping,
    "xml": Purpose.xml_signing,
    "intermediates": Purpose.any,
}
_TIMESTAMPING = "1.3.6.1.5.5.7.3.8"


def check_folder(folder: Folder, at: datetime) -> Report:
    """Judge a trust folder as of `at`. `Check.field` names the file; what passes is told once a rule, with its count.

    Failed is what makes verdicts wrong or impossible; indeterminate what leaves them open (an authority without a
    list); notices are what will need mending soon.
    """
    known = authorities(folder.store)
    checks: list[Check] = []
    for found in (
        _check_files(folder),
        _check_certificates(folder, at),
        _check_lists(folder, known, at),
        _check_responses(folder, known, at),
        _check_lists_present(folder, known),
        check_owners(folder.store.owners, at),
    ):
        checks += found
    return conclude("trust-folder", checks=_summed(checks), at=at, basis={"trust": folder.store.digest})


def _summed(checks: Iterable[Check]) -> tuple[Check, ...]:
    """What did not pass, each for itself, and the rest counted by rule."""
    told: list[Check] = []
    counts: dict[str, int] = {}
    for check in checks:
        if check.outcome is Outcome.PASSED:
            counts[check.rule] = counts.get(check.rule, 0) + 1
        else:
            told.append(check)
    return (*(passed(rule, count=count) for rule, count in counts.items()), *told)


def _check_files(folder: Folder) -> Iterator[Check]:
    for one in folder.broken:
        yield failed("trust.file", one.reason, field=one.file, detail=one.detail[:300])
    if not folder.broken:
        yield passed("trust.file")
    if not folder.within(*ANCHORS):
        yield unknown("trust.anchors", "none", field=None)


def _check_certificates(folder: Folder, at: datetime) -> Iterator[Check]:
    anchors = {one.der for one in folder.within(*ANCHORS)}
    for held in folder.within(*CERTIFICATES):
        link, policy = Link.of(held.der), folder.store.policy
        yield from _check_period(held, link, at, policy)
        yield check_place(held, link, policy)
        named = check_test_names((link,), policy)
        if named.outcome is Outcome.PASSED:
            yield passed("trust.test-certificate")
        else:
            yield failed("trust.test-certificate", "test-name", field=held.file, subject=subject_of(link))
        if held.folder == "intermediates":
            yield _check_intermediate(held, link, folder, anchors)


def _check_period(held: Held, link: Link, at: datetime, policy: Policy) -> Iterator[Check]:
    start, end = period(link)
    facts: dict[str, Any] = {"subject": subject_of(link), "not_before": rfc3339(start), "not_after": rfc3339(end)}
    if at > end + policy.clock_skew:
        yield failed("trust.certificate-period", "expired", field=held.file, **facts)
    elif at < start - policy.clock_skew:
        yield failed("trust.certificate-period", "not-yet-valid", field=held.file, **facts)
    else:
        yield passed("trust.certificate-period")
        if at > end - _SOON:
            soon = failed("trust.certificate-period", "expires-soon", severity=Severity.NOTICE, **facts)
            yield soon.model_copy(update={"field": held.file})


def check_place(held: Held, link: Link, policy: Policy) -> Check:
    """A certificate stands under the purpose that it is for; GM/T 0015, RFC 5280 section 4.2.1.3, RFC 3161 section 2.3.

    An anchor may be an end entity, which is then believed for itself alone.
    """
    rule, purpose = "trust.purpose", _PURPOSES[held.folder]
    facts: dict[str, Any] = {"subject": subject_of(link)}
    extended = link.parsed.extended_key_usage_value
    purposes = None if extended is None else {one.dotted for one in extended}
    if not is_authority(link):
        if held.folder == "intermediates":
            return failed(rule, "not-an-authority", field=held.file, **facts)
        usage = check_key_usage(link, Purpose.document_signing if purpose is Purpose.xml_signing else purpose, policy)
        if usage.outcome is not Outcome.PASSED:
            return failed(rule, usage.reason or "not-for-signing", field=held.file, **facts)
    elif purposes == {_TIMESTAMPING} and held.folder not in ("tsa", "intermediates"):
        return failed(rule, "time-stamps-only", field=held.file, **facts)
    elif purposes is not None and not purposes & {_TIMESTAMPING, "2.5.29.37.0"} and held.folder == "tsa":
        return failed(rule, "not-for-timestamps", field=held.file, **facts)
    return passed(rule)


def _check_intermediate(held: Held, link: Link, folder: Folder, anchors: set[bytes]) -> Check:
    """An intermediate is of use only on a way to an anchor; one that is an anchor itself says two things."""
    rule = "trust.intermediate"
    facts: dict[str, Any] = {"subject": subject_of(link)}
    if held.der in anchors:
        return failed(rule, "also-an-anchor", severity=Severity.NOTICE, field=held.file, **facts)
    chains = find_chains(held.der, (), folder.store, Purpose.any)
    if chains.paths:
        return passed(rule)
    if link.subject == link.issuer and chains.reason == "chain-unknown":
        return failed(rule, "self-issued", field=held.file, **facts)
    reason = {"chain-unknown": "chains-nowhere", "bad-signature": "bad-signature"}.get(
        str(chains.reason), "path-invalid"
    )
    return failed(rule, reason, field=held.file, detail=(chains.detail or "")[:300], **facts)


def _check_lists(folder: Folder, known: tuple[Link, ...], at: datetime) -> Iterator[Check]:
    policy = folder.store.policy
    scopes: dict[str, Held] = {}
    for held in folder.within("crl"):
        try:
            facts = list_facts(held.der)
        except BadRevocationData as error:
            yield failed("trust.list", "malformed", field=held.file, detail=str(error)[:300])
            continue
        try:
            scope = list_scope(held.der, list_signer(held.der, known))
        except NotSigned as error:
            yield failed("trust.list", error.reason, field=held.file, issuer=facts.issuer)
            continue
        if scope in scopes:
            other = scopes[scope].file
            yield failed(
                "trust.list", "twice", severity=Severity.NOTICE, field=held.file, issuer=facts.issuer, other=other
            )
        scopes[scope] = held
        yield passed("trust.list")
        yield from _fresh(
            "trust.list-fresh", held, facts.issuer, facts.this_update, facts.next_update, at, policy, oldest(policy)
        )


def _check_responses(folder: Folder, known: tuple[Link, ...], at: datetime) -> Iterator[Check]:
    policy = folder.store.policy
    for held in folder.within("ocsp"):
        try:
            issuer = response_signer(held.der, known, at)
            about = answers(held.der)
        except NotSigned as error:
            yield failed("trust.response", error.reason, field=held.file)
            continue
        except BadRevocationData as error:
            yield failed("trust.response", "malformed", field=held.file, detail=str(error)[:300])
            continue
        yield passed("trust.response")
        for one in about:
            yield from _fresh(
                "trust.response-fresh", held, subject_of(issuer), one.this_update, one.next_update, at, policy, None
            )


def _fresh(
    rule: str,
    held: Held,
    issuer: str,
    this_update: datetime,
    next_update: datetime | None,
    at: datetime,
    policy: Policy,
    max_age: timedelta | None,
) -> Iterator[Check]:
    facts: dict[str, Any] = {
        "issuer": issuer,
        "this_update": rfc3339(this_update),
        "next_update": rfc3339(next_update) if next_update else None,
    }
    answer = freshness(this_update, next_update, at, skew=policy.clock_skew, max_age=max_age)
    if answer != "fresh":
        yield failed(rule, answer, field=held.file, **facts)
        return
    yield passed(rule)
    assert next_update is not None, "what is fresh says until when"
    if next_update - at < min(_LISTS_SOON, (next_update - this_update) / 4):
        yield failed(rule, "ends-soon", severity=Severity.NOTICE, field=held.file, **facts)


def _check_lists_present(folder: Folder, known: tuple[Link, ...]) -> Iterator[Check]:
    """Each authority has a list; without one, and without a response, a verdict on what it issued stays open."""
    signed: set[Link] = set()
    for held in folder.within("crl"):
        try:
            signed.add(list_signer(held.der, known))
        except NotSigned:
            continue
    required = folder.store.policy.revocation == "require"
    files = {one.der: one.file for one in reversed(folder.within(*CERTIFICATES))}
    for link in known:
        if any(link.subject == one.subject and link.spki == one.spki for one in signed):
            yield passed("trust.list-present")
        elif required:
            yield unknown("trust.list-present", "missing", field=files[link.der], subject=subject_of(link))
        else:
            yield unknown(
                "trust.list-present",
                "missing",
                severity=Severity.NOTICE,
                field=files[link.der],
                subject=subject_of(link),
            )
