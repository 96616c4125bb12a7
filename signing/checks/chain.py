"""The chain of RFC 5280 section 6.1 from an anchor to a certificate, without regard to time, so that it can be kept."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from asn1crypto import x509
from pyhanko_certvalidator.authority import CertTrustAnchor, TrustQualifiers
from pyhanko_certvalidator.context import ValidationContext
from pyhanko_certvalidator.errors import PathValidationError, ValidationError
from pyhanko_certvalidator.name_trees import process_general_subtrees
from pyhanko_certvalidator.path import ValidationPath
from pyhanko_certvalidator.policy_decl import (
    AcceptAllAlgorithms,
    CertRevTrustPolicy,
    PKIXValidationParams,
    RevocationCheckingPolicy,
)
from pyhanko_certvalidator.policy_decl import RevocationCheckingRule as Rule
from pyhanko_certvalidator.validate import async_validate_path

from signing.certificate import signer_identity
from signing.checks.paths import SIGNATURES, Link, Path, Search
from signing.kept import Kept
from signing.responders import NONSENSE
from signing.revocation import finish
from signing.trust import Policy, Purpose, TrustStore

_MOST_PATHS = 4  # valid paths that are handed on to be judged in time
_MOST_TRIED = 16  # paths that are validated
_ANY_TIME = timedelta(days=365 * 1000)
_NO_REVOCATION = CertRevTrustPolicy(RevocationCheckingPolicy(Rule.NO_CHECK, Rule.NO_CHECK))


@dataclass(frozen=True, slots=True)
class Chains:
    """What path building found: valid paths, or why there is none."""

    paths: tuple[Path, ...]
    reason: str | None = None
    detail: str | None = None
    unknown: bool = False
    tried: tuple[Path, ...] = ()


def find_chains(certificate: bytes, bag: tuple[bytes, ...], trust: TrustStore, purpose: Purpose) -> Chains:
    """Paths through the operator's own intermediates first; what a stranger sent is tried only if they do not do."""
    own = _search(certificate, trust.anchors(purpose), trust.intermediates, trust.policy)
    if own.paths or not bag:
        return own
    both = tuple(dict.fromkeys((*trust.intermediates, *bag)))
    return _search(certificate, trust.anchors(purpose), both, trust.policy)


_CHAINS: Kept[Any, Chains] = Kept(2048, 32 << 20)
_LINKS: Kept[tuple[bytes, ...], tuple[Link, ...]] = Kept(256, 8 << 20)


def _search(certificate: bytes, anchors: tuple[bytes, ...], pool: tuple[bytes, ...], policy: Policy) -> Chains:
    """Time plays no part here, so that the answer for the same bytes is the same for ever."""
    weight = len(certificate) + sum(map(len, pool))
    asked = (certificate, anchors, pool, policy)
    return _CHAINS.get(asked, lambda: _search_afresh(*asked), weight)


def _search_afresh(certificate: bytes, anchors: tuple[bytes, ...], pool: tuple[bytes, ...], policy: Policy) -> Chains:
    subject = Link.of(certificate)
    search = Search(subject, links_of(anchors), [link for link in links_of(pool) if link.der != certificate])
    valid: list[Path] = []
    refused: list[tuple[str, str, Path]] = []
    for path in search:
        flaw = _flaw(path, policy)
        if flaw is None:
            valid.append(path)
        else:
            refused.append((*flaw, path))
        if len(valid) == _MOST_PATHS or len(refused) == _MOST_TRIED:
            break
    if valid:
        return Chains(tuple(valid))
    if refused:
        reason, detail, path = refused[0]
        return Chains((), reason, detail, tried=(path,))
    if search.exhausted:
        return Chains((), "chain-too-complex", unknown=True)
    if search.forged is not None:
        return Chains((), "bad-signature", f"the signature on {subject_of(search.forged)} is not by its issuer's key")
    return Chains((), "chain-unknown", unknown=True)


def _flaw(path: Path, policy: Policy) -> tuple[str, str] | None:
    """Why a path whose signatures hold is not a chain of RFC 5280 section 6.1, or None if it is one; without time."""
    if not path.below:
        return None
    for issuer in path.links[:-1]:
        usage = issuer.parsed.key_usage_value
        is_anchor = issuer is path.anchor
        v1_root = is_anchor and issuer.parsed["tbs_certificate"]["version"].native == "v1"
        if not issuer.parsed.ca and not v1_root:
            return "issuer-not-authority", f"{subject_of(issuer)} is not the certificate of an authority"
        if usage is None and policy.require_key_usage and not is_anchor:
            return "issuer-key-usage", f"{subject_of(issuer)} has no keyUsage"
        if usage is not None and "key_cert_sign" not in usage.native:
            return "issuer-key-usage", f"{subject_of(issuer)} may not sign certificates"
    try:
        anchor = CertTrustAnchor(path.anchor.parsed, _qualifiers(path.anchor))
        below = [link.parsed for link in path.below]
        context = ValidationContext(
            trust_roots=[anchor],
            moment=datetime(2025, 1, 1, tzinfo=UTC),
            time_tolerance=_ANY_TIME,
            revinfo_policy=_NO_REVOCATION,
            algorithm_usage_policy=AcceptAllAlgorithms(),
            signature_validator=SIGNATURES,
        )
        finish(async_validate_path(context, ValidationPath(anchor, below[:-1], below[-1]), _inputs(policy)))
    except PathValidationError as error:
        return "path-invalid", error.failure_msg
    except (ValidationError, RecursionError, *NONSENSE) as error:
        return "path-invalid", str(error).partition("\n")[0]
    return None


def _qualifiers(anchor: Link) -> TrustQualifiers:
    """RFC 5937: what the certificate of an anchor says of path length and names binds those below it."""
    length = anchor.parsed.max_path_length
    names = anchor.parsed.name_constraints_value
    parameters = None
    if names is not None:
        parameters = PKIXValidationParams(
            initial_permitted_subtrees=_subtrees(names["permitted_subtrees"]),
            initial_excluded_subtrees=_subtrees(names["excluded_subtrees"]),
        )
    # The library takes either length from the other's presence, so that both are given.
    return TrustQualifiers(standard_parameters=parameters, max_path_length=length, max_aa_path_length=length)


def _subtrees(trees: Any) -> Any:
    return process_general_subtrees(trees) if isinstance(trees, x509.GeneralSubtrees) else None


def _inputs(policy: Policy) -> PKIXValidationParams:
    """RFC 5280 section 6.1.1, inputs c to f."""
    return PKIXValidationParams(
        user_initial_policy_set=frozenset(policy.certificate_policies or ("any_policy",)),
        initial_explicit_policy=policy.require_explicit_policy or bool(policy.certificate_policies),
        initial_policy_mapping_inhibit=policy.inhibit_policy_mapping,
        initial_any_policy_inhibit=policy.inhibit_any_policy,
    )


def links_of(ders: tuple[bytes, ...]) -> tuple[Link, ...]:
    """Each certificate decoded. Raises `BadCertificate`."""
    return _LINKS.get(ders, lambda: tuple(Link.of(der) for der in ders), sum(map(len, ders)))


def subject_of(link: Link) -> str:
    """The subject's name for people."""
    return signer_identity(link.der).subject
