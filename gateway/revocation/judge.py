"""Whether what a source gave may take the place of what is there: it is whose it must be, in time, and newer."""

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from gateway.trust.admit import is_newer
from gateway.trust.certificates import authorities
from gateway.trust.folder import Folder, Held
from gateway.trust.items import NotAnItem, read_items
from gateway.trust.keep import place_of_list, place_of_response
from gateway.trust.revocations import (
    Answer,
    NotSigned,
    answers,
    freshness,
    list_facts,
    list_signer,
    oldest,
    response_signer,
)
from signing.checks.chain import find_chains, links_of
from signing.checks.paths import Link, Path
from signing.revocation import BadRevocationData, parse_crl, parse_ocsp, question
from signing.seal import rfc3339
from signing.trust import Purpose

# What a list may mark as critical and the judge still understands (RFC 5280 section 5.2).
_UNDERSTOOD = frozenset({"issuing_distribution_point", "delta_crl_indicator", "authority_key_identifier", "crl_number"})


class Unfit(Exception):
    """What came may not be kept: `reason` is a stable slug of rule `revocation.source`."""

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(detail or reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Use:
    """From when till when data can be used."""

    since: datetime
    until: datetime

    def ends_soon(self, at: datetime) -> bool:
        """Less than a day is left, or than a quarter of its time: the next one should be there by now."""
        return self.until - at < min(timedelta(hours=24), (self.until - self.since) / 4)


@dataclass(frozen=True, slots=True)
class Fit:
    """What came, and where it belongs; `unchanged` if the very same is there. `status` is an OCSP answer's."""

    der: bytes = field(repr=False)
    file: str
    use: Use
    unchanged: bool
    status: str | None = None


def judge_list(body: bytes, authority: Link, folder: Folder, at: datetime) -> Fit:
    """RFC 5280 section 6.3.3: a list of `authority`, signed by it or by another certificate of its name.

    Raises `Unfit`: `not-a-list`, `wrong-authority`, `bad-signature`, `critical-extension`, and what is about time.
    """
    der = _one(body, "list", "not-a-list")
    try:
        facts, parsed = list_facts(der), parse_crl(der)
    except BadRevocationData as error:
        raise Unfit("not-a-list", str(error)[:300]) from error
    if parsed.issuer != authority.subject:
        raise Unfit("wrong-authority", facts.issuer)
    known = _named(authority, folder)
    try:
        signer = list_signer(der, known)
    except NotSigned as error:
        raise Unfit("bad-signature" if error.reason == "bad-signature" else "wrong-authority", str(error)) from error
    if unknown := sorted(parsed.parsed.critical_extensions - _UNDERSTOOD):
        raise Unfit("critical-extension", unknown[0])
    use = _in_time(facts.this_update, facts.next_update, at, folder, of_list=True)
    file, present = place_of_list(folder, der, signer, known)
    return _in_order(der, file, present, use, newer=present is None or is_newer(der, present.der))


def judge_response(body: bytes, source_certificate: bytes, folder: Folder, at: datetime) -> Fit:
    """RFC 6960: one answer, about this certificate, by its issuer or the issuer's delegate, that the judge can use.

    Raises `Unfit`: `not-a-response`, `wrong-certificate`, `wrong-authority`, `bad-signature`, `undecided`, and what is
    about time.
    """
    path = path_of(source_certificate, folder)
    der = _one(body, "response", "not-a-response")
    try:
        about = answers(der)
    except BadRevocationData as error:
        raise Unfit("not-a-response", str(error)[:300]) from error
    if not about:
        raise Unfit("undecided", "the responder did not answer")
    issuer, subject = path.links[-2], path.links[-1]
    number = subject.parsed["tbs_certificate"]["serial_number"].native
    if len(about) != 1 or not about[0].is_about(issuer, number):
        raise Unfit("wrong-certificate")
    try:
        response_signer(der, (issuer,), at)
    except NotSigned as error:
        raise Unfit("bad-signature", str(error)) from error
    use = _in_time(about[0].this_update, about[0].next_update, at, folder, of_list=False)
    lists = [parse_crl(one) for one in folder.store.crls]  # whether a delegate was revoked, they know
    asked = question(path, links_of(folder.store.intermediates), lists, (parse_ocsp(der),))
    found = asked.answer(at, folder.store.policy.clock_skew, None)[-1]
    if found.state not in ("good", "revoked") or found.source != "ocsp":
        raise Unfit("undecided", found.detail or about[0].status)
    file, present = place_of_response(folder, about[0])
    fit = _in_order(der, file, present, use, newer=present is None or _later(about[0], present))
    return replace(fit, status=found.state)


def path_of(certificate: bytes, folder: Folder) -> Path:
    """The way from an anchor to the certificate that is asked about. Raises `Unfit` (`chain-unknown`)."""
    chains = find_chains(certificate, (), folder.store, Purpose.any)
    path = next((path for path in chains.paths if path.below), None)
    if path is None:
        raise Unfit("chain-unknown", chains.detail or "")
    return path


def list_in_use(authority: Link, folder: Folder, at: datetime) -> Use | None:
    """The list of `authority` in the folder that can be used longest; None if none can be used now."""
    uses = []
    for held in folder.within("crl"):
        try:
            facts = list_facts(held.der)
            if parse_crl(held.der).issuer == authority.subject:
                list_signer(held.der, _named(authority, folder))
                uses.append(_in_time(facts.this_update, facts.next_update, at, folder, of_list=True))
        except (BadRevocationData, NotSigned, Unfit):
            continue
    return max(uses, key=lambda use: use.until, default=None)


def response_in_use(certificate: bytes, folder: Folder, at: datetime) -> Use | None:
    """The answer about `certificate` in the folder that can be used longest; None if none can be used now."""
    uses = []
    for held in folder.within("ocsp"):
        try:
            path = path_of(certificate, folder)
            number = path.links[-1].parsed["tbs_certificate"]["serial_number"].native
            response_signer(held.der, path.links[-2:-1], at)
            for one in answers(held.der):
                if one.is_about(path.links[-2], number):
                    uses.append(_in_time(one.this_update, one.next_update, at, folder, of_list=False))
        except (BadRevocationData, NotSigned, Unfit):
            continue
    return max(uses, key=lambda use: use.until, default=None)


def _named(authority: Link, folder: Folder) -> list[Link]:
    """The folder's authorities of that name: one whose key was renewed has two certificates."""
    return [link for link in authorities(folder.store) if link.subject == authority.subject]


def _one(body: bytes, kind: str, reason: str) -> bytes:
    try:
        items = read_items(body)
    except NotAnItem as error:
        raise Unfit(reason, str(error)[:300]) from error
    if len(items) != 1 or items[0].kind != kind:
        raise Unfit(reason, f"{len(items)} items, the first a {items[0].kind}")
    return items[0].der


def _in_time(
    this_update: datetime, next_update: datetime | None, at: datetime, folder: Folder, *, of_list: bool
) -> Use:
    """From when till when it can be used. Raises `Unfit`: `stale`, `too-old`, `not-yet`, `no-next-update`."""
    policy = folder.store.policy
    age = oldest(policy) if of_list else None
    answer = freshness(this_update, next_update, at, skew=policy.clock_skew, max_age=age)
    if answer != "fresh":
        raise Unfit(answer, f"{rfc3339(this_update)} – {rfc3339(next_update) if next_update else '…'}")
    assert next_update is not None, "what is fresh says until when"
    return Use(this_update, next_update if age is None else min(next_update, this_update + age))


def _in_order(der: bytes, file: str, present: Held | None, use: Use, *, newer: bool) -> Fit:
    """What is there is replaced by what is newer alone: an old list played back would forget revocations."""
    if present is not None and present.der == der:
        return Fit(der, present.file, use, unchanged=True)
    if not newer:
        raise Unfit("older")
    return Fit(der, file, use, unchanged=False)


def _later(about: Answer, present: Held) -> bool:
    return all(one.this_update < about.this_update for one in answers(present.der) if one.serial == about.serial)
