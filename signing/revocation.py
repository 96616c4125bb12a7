"""Revocation lists and responses: parsed strictly, and what they say about a path of certificates at a moment.

RFC 5280 section 6.3 and RFC 6960 by pyhanko-certvalidator, from data at hand: nothing is fetched, since a document's
own addresses are its signer's choice.
"""

import logging
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any, Literal

from asn1crypto import ocsp
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
from pyhanko_certvalidator.path import ValidationPath
from pyhanko_certvalidator.policy_decl import AcceptAllAlgorithms, CertRevTrustPolicy, RevocationCheckingPolicy
from pyhanko_certvalidator.policy_decl import RevocationCheckingRule as Rule
from pyhanko_certvalidator.revinfo.archival import CRLContainer, OCSPContainer
from pyhanko_certvalidator.revinfo.validate_crl import verify_crl
from pyhanko_certvalidator.revinfo.validate_ocsp import verify_ocsp_response
from pyhanko_certvalidator.util import ConsList

from signing.asn1 import CertificateList, load
from signing.checks.paths import SIGNATURES, Link, Path

# What it would log is driven by strangers' bytes, and stands in the report anyway.
logging.getLogger("pyhanko_certvalidator").setLevel(logging.CRITICAL)

LARGEST_LIST = 64 << 20
_REQUIRED = CertRevTrustPolicy(RevocationCheckingPolicy(Rule.CRL_OR_OCSP_REQUIRED, Rule.CRL_OR_OCSP_REQUIRED))
# What the library is known to raise on data that parsed but makes no sense.
NONSENSE = (ValueError, TypeError, KeyError, IndexError, AttributeError, OverflowError, NotImplementedError)


class BadRevocationData(ValueError):
    """The bytes are not one revocation list, or not one OCSP response, in DER."""


@dataclass(frozen=True, slots=True)
class RevocationList:
    """A parsed list, with the name of its issuer as it compares."""

    issuer: str
    this_update: datetime
    next_update: datetime | None
    parsed: Any = field(repr=False)


@dataclass(frozen=True, slots=True)
class Standing:
    """What is known of one certificate: `none` is no data about it, `unusable` is data that decides nothing."""

    state: Literal["good", "revoked", "none", "unusable"]
    source: Literal["ocsp", "crl"] | None = None
    revoked_at: datetime | None = None
    reason: str | None = None
    detail: str | None = None


@lru_cache(maxsize=256)
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
        return RevocationList(found.issuer.hashable, signed["this_update"].native, signed["next_update"].native, found)
    except NONSENSE as error:
        raise BadRevocationData(str(error).partition("\n")[0]) from error


@lru_cache(maxsize=256)
def parse_ocsp(der: bytes) -> Any:
    """The OCSP response that `der` is (RFC 6960 section 4.2.1), at most 1 MiB. Raises `BadRevocationData`."""
    if len(der) > 1 << 20:
        raise BadRevocationData("the response is larger than 1 MiB")
    try:
        found = load(ocsp.OCSPResponse, der)
        _ = found.native
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


def standings(
    path: Path,
    *,
    pool: Sequence[Link],
    lists: Sequence[RevocationList],
    responses: Sequence[Any],
    moment: datetime,
    skew: timedelta,
    max_age: timedelta | None,
) -> tuple[Standing, ...]:
    """What OCSP responses, then revocation lists, say about each certificate below the anchor, from the top down.

    As of `moment`: data issued later or expired by then decides nothing, nor does a list older than `max_age`; a
    revocation after it has not happened. `pool` are certificates that may have signed a list or a response.
    """
    names = {link.issuer for link in path.below} | {link.subject for link in pool}
    fresh = [one for one in lists if max_age is None or moment - one.this_update <= max_age + skew]
    context: Any = ValidationContext(  # parts of it state no types
        trust_roots=[CertTrustAnchor(path.anchor.parsed)],
        other_certs=[link.parsed for link in (*path.below, *pool)],
        moment=moment,
        crls=[CRLContainer(one.parsed) for one in fresh if one.issuer in names],
        ocsps=[one for response in responses for one in OCSPContainer.load_multi(response)],
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
        standing = _by_ocsp(link, whole, context, state)
        if standing.state in ("none", "unusable"):
            by_list = _by_list(link, whole, context, state)
            standing = by_list if by_list.state != "none" else standing
        found.append(standing)
        done = done.copy_and_append(link.parsed)
        if standing.state == "good":
            context.record_validation(link.parsed, done)
    return tuple(found)


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
    return Standing("revoked", source, error.revocation_dt, str(error.reason.native).replace("_", "-"))


def _detail(error: BaseException) -> str:
    failures = [str(one[0]) for one in getattr(error, "failures", ())]
    return "; ".join(failures) or str(error).partition("\n")[0]
