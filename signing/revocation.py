"""Revocation lists and responses: parsed strictly, and what they say about a path of certificates at a moment.

RFC 5280 section 6.3 and RFC 6960 by pyhanko-certvalidator, from data at hand: nothing is fetched, since a document's
own addresses are its signer's choice.
"""

import hashlib
import logging
import re
from collections.abc import Coroutine, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal

from asn1crypto import crl
from pyhanko_certvalidator._state import ValProcState
from pyhanko_certvalidator.authority import CertTrustAnchor
from pyhanko_certvalidator.context import ValidationContext
from pyhanko_certvalidator.errors import (
    CRLNoMatchesError,
    CRLValidationError,
    OCSPNoMatchesError,
    OCSPValidationError,
    PathValidationError,
    RevokedError,
)
from pyhanko_certvalidator.ltv.poe import POEManager
from pyhanko_certvalidator.path import ValidationPath
from pyhanko_certvalidator.policy_decl import (
    FRESHNESS_FALLBACK_VALIDITY_DEFAULT,
    AcceptAllAlgorithms,
    CertRevTrustPolicy,
    RevocationCheckingPolicy,
)
from pyhanko_certvalidator.policy_decl import RevocationCheckingRule as Rule
from pyhanko_certvalidator.registry import CertificateRegistry
from pyhanko_certvalidator.revinfo.archival import CRLContainer, OCSPContainer
from pyhanko_certvalidator.revinfo.manager import RevinfoManager
from pyhanko_certvalidator.revinfo.validate_crl import verify_crl
from pyhanko_certvalidator.revinfo.validate_ocsp import verify_ocsp_response
from pyhanko_certvalidator.util import ConsList

from signing.asn1 import CertificateList, OCSPResponse, load
from signing.checks.paths import SIGNATURES, Link, Path
from signing.kept import Kept, kept
from signing.responders import NONSENSE as NONSENSE
from signing.responders import (
    calls_good,
    certificates_in,
    is_authority,
    names_known,
    never_checked,
    response_periods,
)

# What it would log is driven by strangers' bytes, and stands in the report anyway.
logging.getLogger("pyhanko_certvalidator").setLevel(logging.CRITICAL)

LARGEST_LIST = 64 << 20
_MOMENTS = re.compile(r" \([^()]*\d\d:\d\d:\d\d[^()]*\)")
_CERTIFICATE_ISSUER = bytes.fromhex("0603551d1d")  # RFC 5280 section 5.3.3
_REQUIRED = CertRevTrustPolicy(RevocationCheckingPolicy(Rule.CRL_OR_OCSP_REQUIRED, Rule.CRL_OR_OCSP_REQUIRED))


class BadRevocationData(ValueError):
    """The bytes are not one revocation list, or not one OCSP response, in DER."""


@dataclass(frozen=True, slots=True)
class RevocationList:
    """A parsed list, with the name of its issuer as it compares.

    `without_entries` is the same list, its signature still that of all of it, from which the library reads no entries:
    for a certificate whose serial number is nowhere in the bytes there is nothing to read. None for indirect lists,
    whose entries name other issuers.
    """

    der: bytes = field(repr=False, compare=False)
    digest: bytes
    issuer: str
    this_update: datetime
    next_update: datetime | None
    parsed: Any = field(repr=False, compare=False)
    without_entries: Any = field(repr=False, compare=False)

    def about(self, links: Iterable[Link]) -> Any:
        """The list as it is to be searched for these certificates."""
        if self.without_entries is None:
            return self.parsed
        serials = (
            link.parsed["tbs_certificate"]["serial_number"].dump() for link in links if link.issuer == self.issuer
        )
        return self.parsed if any(serial in self.der for serial in serials) else self.without_entries


@dataclass(frozen=True, slots=True)
class Standing:
    """What is known of one certificate: `none` is no data about it, `unusable` is data that decides nothing.

    A `reason` goes with a revocation, also with one of which it is not known when it was.
    """

    state: Literal["good", "revoked", "none", "unusable"]
    source: Literal["ocsp", "crl"] | None = None
    revoked_at: datetime | None = None
    reason: str | None = None
    detail: str | None = None


@kept(256, 128 << 20)
def parse_crl(der: bytes) -> RevocationList:
    """The revocation list that `der` is (RFC 5280 section 5.1), at most 64 MiB. Raises `BadRevocationData`.

    The object is shared: what the library decodes of it once is decoded for every later certificate.
    """
    if len(der) > LARGEST_LIST:
        raise BadRevocationData("the list is larger than 64 MiB")
    try:
        found = load(CertificateList, der)
        signed = found["tbs_cert_list"]
        if signed["signature"].dump() != found["signature_algorithm"].dump():
            raise BadRevocationData("two different signature algorithms")
        seen = [extension["extn_id"].dotted for extension in signed["crl_extensions"]]
        if len(seen) != len(set(seen)):
            raise BadRevocationData("the same extension twice")
        _ = found["signature"].native, found.critical_extensions
        for moment in (signed["this_update"].native, signed["next_update"].native):
            if moment is not None and moment.tzinfo is None:  # RFC 5280 section 5.1.2.4
                raise BadRevocationData("a moment without a time zone")
        return RevocationList(
            der,
            hashlib.sha256(der).digest(),
            found.issuer.hashable,
            signed["this_update"].native,
            signed["next_update"].native,
            found,
            None if _CERTIFICATE_ISSUER in der else _without_entries(der),
        )
    except NONSENSE as error:
        raise BadRevocationData(str(error).partition("\n")[0]) from error


def _without_entries(der: bytes) -> Any:
    found = load(CertificateList, der)
    signed = found["tbs_cert_list"]
    if isinstance(signed["revoked_certificates"], crl.RevokedCertificates):
        place = [name for name, *_ in signed._fields].index("revoked_certificates")
        signed.children[place] = crl.RevokedCertificates.load(b"\x30\x00")
        assert found.dump() == der, "what is signed stays what it was"
    return found


@kept(4096, 16 << 20)
def parse_ocsp(der: bytes) -> Any:
    """The OCSP response that `der` is (RFC 6960 section 4.2.1), at most 1 MiB. Raises `BadRevocationData`."""
    if len(der) > 1 << 20:
        raise BadRevocationData("the response is larger than 1 MiB")
    try:
        found = load(OCSPResponse, der)
        _ = found.native
        if any(moment is not None and moment.tzinfo is None for period in response_periods(found) for moment in period):
            raise BadRevocationData("a moment without a time zone")
    except NONSENSE as error:
        raise BadRevocationData(str(error).partition("\n")[0]) from error
    return found


def finish(work: Coroutine[Any, Any, Any]) -> Any:
    """The result of a coroutine that never waits: the library is async for fetching, which is never allowed here."""
    try:
        work.send(None)
    except StopIteration as done:
        return done.value
    work.close()
    raise AssertionError("the library waited for something, although fetching is off")


def validation_path(path: Path) -> ValidationPath:
    """A path as the library takes it: the anchor, then from the top down."""
    below = [link.parsed for link in path.below]
    return ValidationPath(CertTrustAnchor(path.anchor.parsed), below[:-1], below[-1] if below else None)


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked of the data at hand about one path, and all of it that may answer; time plays no part yet.

    `named` are the lists that an authority of the path signed, `searched` the same as the library is to read them,
    `heard` the responses by known responders, `refused` the names in whose name somebody else signed a list.
    `settled`: no list has an entry about any of these certificates, and every response calls its certificate good, so
    that between two ends of their periods the answer is the same.
    """

    path: Path
    known: tuple[Link, ...]
    named: tuple[RevocationList, ...]
    searched: tuple[Any, ...]
    heard: tuple[Any, ...]
    refused: frozenset[str]
    settled: bool

    def ends(self, skew: timedelta, max_age: timedelta | None) -> set[datetime]:
        """Every moment at which a comparison with a period of these certificates and data changes its answer."""
        ends = set()
        for link in (*self.known, *_inside(self.heard)):
            validity = link.parsed["tbs_certificate"]["validity"]
            start, end = validity["not_before"].native, validity["not_after"].native
            ends |= {start, end, start - skew, end + skew}
        for this, following in self._periods():
            ends |= {this, this - skew, (following or this + FRESHNESS_FALLBACK_VALIDITY_DEFAULT) + skew}
            if max_age is not None:
                ends.add(this + max_age + skew)
        return ends

    def issued(self) -> tuple[datetime, ...]:
        """When the lists and answers were issued, in order."""
        return tuple(sorted({this for this, _ in self._periods()}))

    def _periods(self) -> list[tuple[datetime, datetime | None]]:
        answers = (period for response in self.heard for period in response_periods(response))
        return [*((one.this_update, one.next_update) for one in self.named), *answers]

    def answer(self, moment: datetime, skew: timedelta, max_age: timedelta | None) -> tuple[Standing, ...]:
        """What is said about each certificate below the anchor as of `moment`, from the top down.

        Data issued later or expired by then decides nothing, nor does a list older than `max_age`; a revocation after
        it has not happened.
        """
        found = standings_afresh(self.path, self.known, self.named, self.searched, self.heard, moment, skew, max_age)
        return tuple(
            Standing("unusable", "crl", detail="a list that no authority of its name signed")
            if standing.state == "none" and link.issuer in self.refused
            else standing
            for standing, link in zip(found, self.path.below, strict=True)
        )


def question(path: Path, pool: Sequence[Link], lists: Sequence[RevocationList], responses: Sequence[Any]) -> Question:
    """The question about `path`. `pool` are certificates that may have signed a list or a response."""
    known = _vouched(path, pool)
    named = tuple(one for one in lists if any(_may_sign(link, one) and _signed(one, link.spki) for link in known))
    heard = tuple(one for one in responses if names_known(one, known))
    # Nobody asks about an anchor: an operator who no longer believes it takes it out of the folder.
    asked = tuple(link for link in (*known, *_inside(heard)) if link != path.anchor)
    searched = tuple(one.about(asked) for one in named)
    quiet = all(one.parsed is not shown for one, shown in zip(named, searched, strict=True))
    return Question(
        path,
        known,
        named,
        searched,
        heard,
        frozenset(one.issuer for one in lists if one not in named),
        settled=quiet and all(calls_good(response) for response in heard),
    )


def _inside(responses: Iterable[Any]) -> tuple[Link, ...]:
    return tuple(Link.of(der) for response in responses for der in certificates_in(response))


_DEEPEST_POOL = 4


def _vouched(path: Path, pool: Iterable[Link]) -> tuple[Link, ...]:
    """The certificates of the path, and those of the pool that an authority among them signed.

    The library takes a list for signed by the authority of its name once it has met that name in a recursion, and a
    responder for the authority itself if serial number and signature octets are the same. Both hold only for what has
    been verified before; so nothing else is handed to it.
    """
    found = list(path.links)
    waiting = [link for link in dict.fromkeys(pool) if link not in path.links]
    for _ in range(_DEEPEST_POOL):
        new = [
            link
            for link in waiting
            if any(is_authority(one) and one.may_have_issued(link) and one.signed(link) for one in found)
        ]
        if not new:
            break
        found += new
        waiting = [link for link in waiting if link not in new]
    return tuple(found)


def _may_sign(link: Link, revocation_list: RevocationList) -> bool:
    """RFC 5280 section 6.3.3 (f): the issuer of the list, whose key may sign lists."""
    if link.subject != revocation_list.issuer:
        return False
    usage = link.parsed.key_usage_value
    return bool(link.parsed.ca) if usage is None else "crl_sign" in usage.native


_SIGNED: Kept[tuple[bytes, bytes], bool] = Kept(4096)


def _signed(one: RevocationList, spki: bytes) -> bool:
    return _SIGNED.get((one.digest, spki), lambda: _signed_afresh(one.parsed, spki))


def _signed_afresh(parsed: Any, spki: bytes) -> bool:
    value, signed = parsed["signature"].native, parsed["tbs_cert_list"].dump()
    return SIGNATURES.holds(value, signed, spki, parsed["signature_algorithm"])


def standings_afresh(
    path: Path,
    known: Sequence[Link],
    lists: Sequence[RevocationList],
    searched: Sequence[Any],
    responses: Sequence[Any],
    moment: datetime,
    skew: timedelta,
    max_age: timedelta | None,
) -> tuple[Standing, ...]:
    """The answer of `Question`, computed: `searched` are the lists as the library is to read them."""
    fresh = [
        shown
        for one, shown in zip(lists, searched, strict=True)
        if max_age is None or moment - one.this_update <= max_age + skew
    ]
    registry = CertificateRegistry.build([link.parsed for link in known])
    context: Any = ValidationContext(  # parts of it state no types
        trust_roots=[CertTrustAnchor(path.anchor.parsed)],
        moment=moment,
        certificate_registry=registry,
        revinfo_manager=RevinfoManager(
            registry,
            POEManager(),
            crls=[CRLContainer(shown) for shown in fresh],
            ocsps=[one for response in responses for one in OCSPContainer.load_multi(response)],
            assertions=never_checked(known, responses, moment),
        ),
        revinfo_policy=_REQUIRED,
        algorithm_usage_policy=AcceptAllAlgorithms(),
        time_tolerance=skew,
        signature_validator=SIGNATURES,
    )
    whole = validation_path(path)
    done = ValidationPath(whole.trust_anchor, [], None)
    context.record_validation(path.anchor.parsed, done)
    found = []
    for index, link in enumerate(path.below, 1):
        state = ValProcState(cert_path_stack=ConsList.sing(whole), init_index=index)
        standing = _graver(_by_ocsp(link, whole, context, state), _by_list(link, whole, context, state))
        found.append(standing)
        done = done.copy_and_append(link.parsed)
        if standing.state == "good":
            context.record_validation(link.parsed, done)
    return tuple(found)


def _graver(answered: Standing, listed: Standing) -> Standing:
    """What responses and lists say together: a stranger who sends an old good response does not undo a new list."""
    for one in (answered, listed):
        if one.state == "revoked" or one.reason is not None:
            return one
    if answered.state == "good" or listed.state == "none":
        return answered
    return listed


def _by_ocsp(link: Link, path: ValidationPath, context: ValidationContext, state: ValProcState) -> Standing:
    try:
        finish(verify_ocsp_response(link.parsed, path, context, proc_state=state))
    except RevokedError as error:
        return _revoked("ocsp", error)
    except OCSPNoMatchesError:
        return Standing("none")
    except (OCSPValidationError, PathValidationError, RecursionError, *NONSENSE) as error:
        return Standing("unusable", "ocsp", detail=_detail(error))
    return Standing("good", "ocsp")


def _by_list(link: Link, path: ValidationPath, context: ValidationContext, state: ValProcState) -> Standing:
    try:
        finish(verify_crl(link.parsed, path, context, proc_state=state))
    except RevokedError as error:
        return _revoked("crl", error)
    except CRLNoMatchesError:
        return Standing("none")
    except (CRLValidationError, PathValidationError, RecursionError, *NONSENSE) as error:
        return Standing("unusable", "crl", detail=_detail(error))
    return Standing("good", "crl")


def _revoked(source: Literal["ocsp", "crl"], error: RevokedError) -> Standing:
    reason = str(error.reason.native).replace("_", "-")
    if error.revocation_dt.tzinfo is None:  # before or after the signature, nobody can say
        return Standing("unusable", source, reason=reason, detail="a revocation at a moment without a time zone")
    return Standing("revoked", source, error.revocation_dt, reason)


def _detail(error: BaseException) -> str:
    """What the library says, without the moments that it puts in brackets: the same data give the same report."""
    failures = "; ".join(str(one[0]) for one in getattr(error, "failures", ()))
    return _MOMENTS.sub("", failures or str(error).partition("\n")[0])
