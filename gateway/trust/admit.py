"""What may be added to a trust folder, and where: nothing that its check would then tell to mend."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Literal

from gateway.trust.certificates import CertificateFacts, authorities, certificate_facts, is_authority
from gateway.trust.check import check_place
from gateway.trust.folder import ANCHORS, HOLDS, Folder, Held
from gateway.trust.items import Item, NotAnItem, read_items
from gateway.trust.keep import armoured, certificate_name, place_of_list, place_of_response, write_whole
from gateway.trust.revocations import NotSigned, answers, freshness, list_facts, list_signer, response_signer
from schemas.verification import Outcome
from signing.checks.certificate import check_test_names
from signing.checks.paths import Link, supported
from signing.revocation import BadRevocationData

_TIME_STAMPS = "1.3.6.1.5.5.7.3.8"


@dataclass(frozen=True, slots=True)
class Admission:
    """One thing that somebody wants to add: what it is, where it goes, and whether it may.

    `reason` is a stable slug, of rule `trust.import`, of what is refused; `notes` are slugs of what the operator should
    know. `replaces` is the file whose older list this one takes the place of.
    """

    source: str
    kind: str
    name: str
    outcome: Literal["new", "replaces", "already-there", "refused"]
    target: str | None = None
    reason: str | None = None
    detail: str | None = None
    notes: tuple[str, ...] = ()
    content: bytes = field(default=b"", repr=False)


class _Refused(Exception):
    def __init__(self, reason: str, detail: str | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.detail = detail


def admit(
    folder: Folder, files: Sequence[tuple[str, bytes]], wanted: str | None, at: datetime
) -> tuple[Admission, ...]:
    """Judge what the files hold for the folder `wanted`; None asks where each would go.

    Among anchors, an authority that another one at hand certified is put with the intermediates: it needs no trust of
    its own.
    """
    found: list[tuple[str, Item]] = []
    admissions: list[Admission] = []
    for source, data in files:
        try:
            found += [(source, item) for item in read_items(data)]
        except NotAnItem as error:
            admissions.append(Admission(source, "unknown", "", "refused", None, error.reason, str(error)[:300]))
    brought = [Link.of(item.der) for _, item in found if item.kind == "certificate"]
    for source, item in found:
        if item.kind == "certificate":
            admissions.append(_certificate(source, item, folder, wanted, brought, at))
        else:
            admissions.append(_revocation(source, item, folder, wanted, at))
    return tuple(_once(admissions))


def write(folder: Path, admissions: Iterable[Admission]) -> None:
    """Write what was admitted. The caller holds the lock and has seen that nothing was refused. Raises OSError."""
    for one in admissions:
        if one.outcome in ("new", "replaces") and one.target is not None:
            write_whole(folder / one.target, one.content)


def _once(admissions: Iterable[Admission]) -> Iterable[Admission]:
    """The same thing in two files is written once; of two lists for one place, the caller must choose."""
    taken: dict[str, bytes] = {}
    for one in admissions:
        if one.target is None or one.outcome not in ("new", "replaces"):
            yield one
        elif one.target not in taken:
            taken[one.target] = one.content
            yield one
        elif taken[one.target] == one.content:
            yield Admission(one.source, one.kind, one.name, "already-there", one.target)
        else:
            yield Admission(one.source, one.kind, one.name, "refused", None, "two-for-one-place", one.target)


def _certificate(
    source: str, item: Item, folder: Folder, wanted: str | None, brought: Sequence[Link], at: datetime
) -> Admission:
    facts, link = certificate_facts(item.der), Link.of(item.der)
    kind = "authority" if facts.authority else "certificate"
    try:
        place = _place(link, facts, folder, wanted, brought)
        if place is None:
            return Admission(source, kind, facts.subject, "new", None, notes=("say-as", *_notes(facts, at)))
        present = next((held for held in folder.within(place) if held.der == item.der), None)
        if present is not None:
            return Admission(source, kind, facts.subject, "already-there", present.file)
        _refuse_unfit(link, place, folder, brought)
    except _Refused as refused:
        return Admission(source, kind, facts.subject, "refused", None, refused.reason, refused.detail)
    notes = (*_notes(facts, at), *(("with-intermediates",) if wanted in ANCHORS and place == "intermediates" else ()))
    target = f"{place}/{certificate_name(item.der, facts.subject)}"
    return Admission(source, kind, facts.subject, "new", target, notes=notes, content=armoured(item.der))


def _place(
    link: Link, facts: CertificateFacts, folder: Folder, wanted: str | None, brought: Sequence[Link]
) -> str | None:
    if wanted is not None and HOLDS[wanted] != "certificate":
        raise _Refused("wrong-kind", "certificate")
    if wanted is None:
        if facts.authority and not facts.self_issued:
            return "intermediates"
        return "tsa" if not facts.authority and _TIME_STAMPS in _extended(link) else None
    if wanted in ANCHORS and facts.authority and not facts.self_issued and _issuer(link, folder, brought) is not None:
        return "intermediates"
    return wanted


def _refuse_unfit(link: Link, place: str, folder: Folder, brought: Sequence[Link]) -> None:
    """What the check of the folder would then find fault with, and a root that did not sign itself."""
    if link.subject == link.issuer and supported(link.parsed["signature_algorithm"]) and not link.signed(link):
        raise _Refused("bad-signature")
    fit = check_place(Held(place, "", link.der), link, folder.store.policy)
    if fit.outcome is not Outcome.PASSED:
        raise _Refused(fit.reason or "not-for-signing")
    named = check_test_names((link,), folder.store.policy)
    if named.outcome is not Outcome.PASSED:
        raise _Refused("test-name")
    if place == "intermediates":
        if link.subject == link.issuer:
            raise _Refused("self-issued")
        if _issuer(link, folder, brought) is None:
            raise _Refused("chains-nowhere")


def _issuer(link: Link, folder: Folder, brought: Sequence[Link]) -> Link | None:
    """Who certified it, among the folder's authorities and what is being brought along."""
    at_hand = (*authorities(folder.store), *(one for one in brought if is_authority(one)))
    issuers = (one for one in at_hand if one.der != link.der and one.may_have_issued(link))
    return next((one for one in issuers if one.signed(link)), None)


def _notes(facts: CertificateFacts, at: datetime) -> tuple[str, ...]:
    notes = []
    if at > facts.not_after:
        notes.append("expired")
    elif at < facts.not_before:
        notes.append("not-yet-valid")
    if not facts.authority:
        notes.append("end-entity")
    return tuple(notes)


def _revocation(source: str, item: Item, folder: Folder, wanted: str | None, at: datetime) -> Admission:
    kind = item.kind
    name = ""
    try:
        if wanted is not None and HOLDS[wanted] != kind:
            raise _Refused("wrong-kind", kind)
        name, target, present, state, newer = (_list if kind == "list" else _response)(item, folder, at)
        if present is not None and present.der == item.der:
            return Admission(source, kind, name, "already-there", present.file)
        if present is not None and not newer:
            raise _Refused("not-newer", present.file)
        if state == "not-yet":
            raise _Refused("not-yet")
    except _Refused as refused:
        return Admission(source, kind, name, "refused", None, refused.reason, refused.detail)
    except NotSigned as error:
        return Admission(source, kind, name, "refused", None, error.reason, str(error)[:300])
    except BadRevocationData as error:
        return Admission(source, kind, name, "refused", None, kind, str(error)[:300])
    outcome: Literal["new", "replaces"] = "replaces" if present is not None else "new"
    notes = () if state == "fresh" else (state,)
    return Admission(source, kind, name, outcome, target, notes=notes, content=item.der)


_Judged = tuple[str, str, Held | None, str, bool]


def _list(item: Item, folder: Folder, at: datetime) -> _Judged:
    facts = list_facts(item.der)
    known = authorities(folder.store)
    target, present = place_of_list(folder, item.der, list_signer(item.der, known), known)
    state = freshness(facts.this_update, facts.next_update, at, skew=folder.store.policy.clock_skew)
    newer = present is None or is_newer(item.der, present.der)
    return facts.issuer, target, present, state, newer


def _response(item: Item, folder: Folder, at: datetime) -> _Judged:
    issuer = response_signer(item.der, authorities(folder.store), at)
    about = answers(item.der)
    if len(about) != 1:
        raise _Refused("not-one-answer")
    target, present = place_of_response(folder, about[0])
    state = freshness(about[0].this_update, about[0].next_update, at, skew=folder.store.policy.clock_skew)
    before = [one for one in answers(present.der) if one.serial == about[0].serial] if present is not None else []
    newer = all(one.this_update < about[0].this_update for one in before)
    return f"{certificate_facts(issuer.der).subject} #{about[0].serial:x}", target, present, state, newer


def is_newer(list_der: bytes, than: bytes) -> bool:
    """The list was issued later than another of its scope, and does not count backwards (RFC 5280 section 5.2.3)."""
    later, earlier = list_facts(list_der), list_facts(than)
    if later.number is not None and earlier.number is not None and later.number < earlier.number:
        return False
    return later.this_update > earlier.this_update


def _extended(link: Link) -> set[str]:
    value = link.parsed.extended_key_usage_value
    return set() if value is None else {one.dotted for one in value}
