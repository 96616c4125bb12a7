"""The verdict on one signature, whatever container it came from: every check that can run, and three answers.

Integrity, trust and coverage are answered apart and never collapsed. Each is a positive statement: it is given only if
the checks that it rests on were made and passed.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from schemas.verification import (
    Check,
    Outcome,
    SealIdentity,
    SealReport,
    Severity,
    SignerIdentity,
    failed,
    worst,
)
from signing.certificate import BadCertificate, signer_identity
from signing.checks import cms, integrity, times
from signing.checks import seal as seals
from signing.checks.certificate import check_chain
from signing.checks.token import Proof, judge_token
from signing.containers.ses import FORMATS
from signing.kept import Kept
from signing.seal import Bits, ElectronicSeal, Seal, all_flags
from signing.trust import Policy, Purpose, TrustStore

Container = Literal["ofd", "pdf", "cms", "ses", "xml"]
Coverage = Literal["whole", "partial", "unsafe"]
Integrity = Literal["passed", "failed", "unsupported"]
Trust = Literal["trusted", "untrusted", "indeterminate"]

_INTEGRITY = frozenset(
    {
        "signature.kind",
        "signature.declaration",
        "signature.format",
        "signature.version",
        "signature.method",
        "signature.digest-method",
        "signature.references",
        "signature.reference-digests",
        "signature.data-hash",
        "signature.value",
        "signature.encoding",
        "signature.byte-range",
        "seal.header",
        "seal.certificate-list",
        "seal.maker-signature",
        "seal.copy",
        "seal.signer-listed",
    }
)
_NEEDED = frozenset({"signature.format", "signature.method", "signature.data-hash", "signature.value"})


@dataclass(frozen=True, slots=True)
class Place:
    """Where a signature was found, and what its container adds: checks of its own and how much it covers.

    `method` is the algorithm that an OFD declares beside the signature; None elsewhere.
    """

    id: str
    container: Container
    coverage: Coverage
    checks: tuple[Check, ...] = ()
    flags: tuple[str, ...] = ()
    method: str | None = None


@dataclass(frozen=True, slots=True)
class Evidence:
    """What a container carries beside its signatures: nobody vouches for it, each piece is verified or worth nothing.

    `stamped` is the moment at which a trusted time-stamp shows that the signature existed; `existed_at` the one at
    which it did by evidence for which the caller vouches.
    """

    certificates: tuple[bytes, ...] = ()
    crls: tuple[bytes, ...] = ()
    ocsp: tuple[bytes, ...] = ()
    stamped: datetime | None = None
    existed_at: datetime | None = None

    @property
    def proven(self) -> datetime | None:
        """The earliest moment at which the signature is known to have existed."""
        return min((moment for moment in (self.stamped, self.existed_at) if moment is not None), default=None)


NOTHING = Evidence()


def judge_seal(
    seal: Seal,
    content: bytes | None,
    place: Place,
    *,
    trust: TrustStore,
    at: datetime,
    evidence: Evidence = NOTHING,
) -> SealReport:
    """Judge one signature over `content` as of `at`; `content` None means that it is not at hand.

    A bad signature is a result. `content` must be exactly the bytes that the container says were signed.
    """
    policy = trust.policy
    flags = all_flags(seal.flags, place.flags, integrity.value_flags(seal), integrity.content_flags(seal, content))
    checks = [
        *place.checks,
        integrity.check_format(seal),
        integrity.check_version(seal, allow_v5=policy.allow_v5),
        _check_method(seal, place, policy),
        integrity.check_data_hash(seal, content, repair=policy.interop_repair),
        integrity.check_encoding(seal, flags, repair=policy.interop_repair),
        times.check_time(seal, at, policy),
    ]
    if (value := _check_value(seal, content, place)) is not None:
        checks.append(value)
    if (extensions := integrity.check_extensions(seal)) is not None:
        checks.append(extensions)
    if seal.signed_at is not None:
        checks.append(times.check_signer_period(seal.certificate, seal.signed_at, policy))
    proof = _judge_token(seal, content, trust, at, evidence)
    checks += proof.checks
    if seal.signed_at is not None and proof.moment is not None:
        checks.append(times.check_agreement(seal.signed_at, proof.moment, policy))
    if seal.seal is not None:
        checks += _judge_electronic_seal(seal.seal, seal, proof.moment or at, policy)
        checks += _judge_seal_token(seal.seal, trust, at, evidence)
    signer = _judge_certificate(seal.certificate, seal, trust, at, Purpose.document_signing, proof, evidence)
    maker: tuple[Check, ...] = ()
    if seal.seal is not None:
        maker = _judge_certificate(seal.seal.maker_certificate, seal, trust, at, Purpose.seal_making, proof, evidence)
    checks += [*signer, *maker]
    claimed = proof.stated or (seal.signed_at.utc if seal.signed_at else None)
    return SealReport(
        id=place.id,
        container=place.container,
        format=seal.format,
        algorithm=integrity.name_of(seal),
        integrity=answer_integrity(checks),
        trust=_answer_trust(signer, maker),
        coverage=place.coverage,
        signer=identify(seal.certificate),
        seal=identify_seal(seal.seal),
        signed_at=proof.moment or claimed,
        time_proof=times.time_proof(proof.moment, claimed, evidence.existed_at),
        flags=flags,
        checks=_telling(checks),
    )


def _check_method(seal: Seal, place: Place, policy: Policy) -> Check:
    if _is_general(seal, place):
        return cms.check_method(seal, cms.signature_algorithm(seal))
    in_ofd = place.container == "ofd"
    return integrity.check_method(seal, place.method, in_ofd=in_ofd, allow_rsa=policy.allow_rsa_seals)


def _check_value(seal: Seal, content: bytes | None, place: Place) -> Check | None:
    if _is_general(seal, place) and (content is not None or seal.signed is not None):
        return cms.check_value(seal, content or b"", cms.signature_algorithm(seal))
    return integrity.check_value(seal, content)


def _is_general(seal: Seal, place: Place) -> bool:
    """Whether it is SignedData in a file of its own by an algorithm that seals do not know, as in a PDF."""
    return place.container == "cms" and not integrity.is_of_seals(seal)


def judge_lone_seal(seal: ElectronicSeal, *, trust: TrustStore, at: datetime) -> SealReport:
    """Judge a stand-alone electronic seal: whether its maker made it, and whether it may be used at `at`."""
    bare = Seal(
        container="ses",
        format="",
        algorithm="",
        digest_algorithm="",
        certificate=None,
        signed=None,
        digest=None,
        value=Bits(b""),
        seal=seal,
        defects=seal.defects,
    )
    flags = all_flags(seal.flags, integrity.value_flags(bare))
    checks = [
        integrity.check_version(bare, allow_v5=trust.policy.allow_v5),
        integrity.check_repairs(flags, repair=trust.policy.interop_repair),
        *_judge_form(bare, seal, trust.policy),
        seals.check_period(seal, None, at),
    ]
    checks += _judge_seal_token(seal, trust, at, NOTHING)
    maker = _judge_certificate(seal.maker_certificate, bare, trust, at, Purpose.seal_making, Proof(()), NOTHING)
    checks += maker
    return SealReport(
        id=seal.id or "seal",
        container="ses",
        format=FORMATS[seal.family],
        algorithm=integrity.seal_algorithm_of(seal) or seal.algorithm,
        integrity=_worst_integrity(checks),
        trust=_answer_trust(maker, ()),
        coverage="unsafe",  # a seal that is on nothing covers nothing
        seal=identify_seal(seal),
        flags=flags,
        checks=_telling(checks),
    )


def unreadable_seal(place: Place, check: Check) -> SealReport:
    """The report on a signature of which nothing could be read but where it stands; `check` says why."""
    checks = (*place.checks, check)
    return SealReport(
        id=place.id,
        container=place.container,
        format="unknown",
        algorithm="none",
        integrity=_worst_integrity(checks) if _worst_integrity(checks) != "passed" else "unsupported",
        trust="indeterminate",
        coverage=place.coverage,
        flags=all_flags(place.flags),
        checks=checks,
    )


def _judge_token(seal: Seal, content: bytes | None, trust: TrustStore, at: datetime, evidence: Evidence) -> Proof:
    """What time-stamps prove: the signature's own is over its value (RFC 3161 appendix A, GB/T 38540 section 7.1).

    The token of a GM/T 0031-2014 signature stands under that signature and is over the content: whoever has an old
    token on his own content can sign it with that at any time. It states when it was signed, and proves nothing to a
    certificate that has since expired or been revoked. Of two moments the earlier one counts.
    """
    if seal.token is None:
        return Proof((), evidence.proven)
    octets = content if seal.format == FORMATS["v1"] else seal.value.octets
    proof = judge_token(
        seal.token,
        octets or b"",
        trust=trust,
        at=at,
        intermediates=(*seal.intermediates, *evidence.certificates),
        crls=evidence.crls,
        ocsp=evidence.ocsp,
        since=evidence.proven,
    )
    if seal.format == FORMATS["v1"]:
        return Proof(proof.checks, evidence.proven, stated=proof.moment)
    moments = [moment for moment in (proof.moment, evidence.proven) if moment is not None]
    return Proof(proof.checks, min(moments, default=None))


def _judge_seal_token(seal: ElectronicSeal, trust: TrustStore, at: datetime, evidence: Evidence) -> tuple[Check, ...]:
    """GM/T 0031-2025: the time-stamp on the maker's signature, if there is one; it proves when the seal was made."""
    if seal.token is None:
        return ()
    proof = judge_token(
        seal.token,
        seal.value.octets,
        trust=trust,
        at=at,
        intermediates=evidence.certificates,
        crls=evidence.crls,
        ocsp=evidence.ocsp,
        since=evidence.proven,
    )
    checks = list(proof.checks)
    if proof.moment is not None and seal.created is not None:
        checks.append(times.check_agreement(seal.created, proof.moment, trust.policy))
    return tuple(check.model_copy(update={"field": "seal"}) for check in checks)


def _judge_electronic_seal(electronic: ElectronicSeal, seal: Seal, known: datetime, policy: Policy) -> list[Check]:
    """`known` is when the signature is known to have existed: the proven moment, or that of the verdict."""
    return [
        *_judge_form(seal, electronic, policy),
        seals.check_period(electronic, seal.signed_at, known),
        seals.check_current(electronic, known),
    ]


_FORMS: Kept[Any, tuple[Check, ...]] = Kept(1024, 32 << 20)


def _judge_form(seal: Seal, electronic: ElectronicSeal, policy: Policy) -> tuple[Check, ...]:
    """What can be said of a seal, and of its signer, whatever it stands on and whenever it was used."""
    asked = (electronic.raw, seal.certificate, policy.allow_rsa_seals)
    weight = len(electronic.raw) + len(seal.certificate or b"")
    return _FORMS.get(asked, lambda: tuple(_judge_form_afresh(seal, electronic, policy)), weight)


def _judge_form_afresh(seal: Seal, electronic: ElectronicSeal, policy: Policy) -> Iterator[Check]:
    made = integrity.check_maker_signature(seal, allow_rsa=policy.allow_rsa_seals)
    assert made is not None, "there is a seal"
    yield made
    yield seals.check_header(electronic)
    yield seals.check_name(electronic)
    yield seals.check_certificate_list(electronic)
    yield seals.check_extensions(electronic)
    yield seals.check_picture(electronic)
    yield seals.check_created(electronic)
    if seal.certificate is not None:  # a seal that stands alone has no signer
        yield seals.check_signer_listed(electronic, seal.certificate)
        yield seals.check_outlives(electronic, seal.certificate)


def _judge_certificate(
    certificate: bytes | None,
    seal: Seal,
    trust: TrustStore,
    at: datetime,
    purpose: Purpose,
    proof: Proof,
    evidence: Evidence,
) -> tuple[Check, ...]:
    """The checks on a certificate and its chain, marked with whose certificate it is."""
    whose = "maker" if purpose is Purpose.seal_making else "signer"
    if certificate is None:
        return (failed("certificate.parsed", "absent", field=whose),)
    sent = seal.intermediates if whose == "signer" else ()
    return check_chain(
        certificate,
        intermediates=(*sent, *evidence.certificates),
        trust=trust,
        at=at,
        purpose=purpose,
        signed_at=proof.moment or proof.stated or (seal.signed_at.utc if seal.signed_at else None),
        proven=proof.moment is not None,
        crls=evidence.crls,
        ocsp=evidence.ocsp,
        field=whose,
    )


def answer_integrity(checks: Sequence[Check]) -> Integrity:
    """Passed only if every needed check was made and none of those on structure, digests and values did not pass.

    A content that is not at hand leaves open what was signed, not whether the signature holds.
    """
    made = {check.rule for check in checks}
    answer = _worst_integrity(checks)
    return answer if answer != "passed" or made >= _NEEDED else "unsupported"


def _telling(checks: Iterable[Check]) -> tuple[Check, ...]:
    """The checks that decide, and of those that do not the ones that have something to tell."""
    decides, holds = Severity.ERROR, Outcome.PASSED
    return tuple([check for check in checks if check.severity is decides or check.outcome is not holds])


def _worst_integrity(checks: Iterable[Check]) -> Integrity:
    answer: Integrity = "passed"
    for check in checks:
        if check.reason is None or check.outcome is Outcome.PASSED:
            continue
        if check.rule not in _INTEGRITY or check.severity is not Severity.ERROR:
            continue
        if check.outcome is Outcome.FAILED:
            return "failed"
        if check.reason != "content-absent":
            answer = "unsupported"
    return answer


def _answer_trust(*chains: Sequence[Check]) -> Trust:
    """Trusted if every check on every certificate passed.

    As long as nobody vouches for a certificate, what it says of itself (test name, period, usage) is no evidence
    either: the answer is then indeterminate, although those checks fail.
    """
    given = [chain for chain in chains if chain]
    if given and all(worst(chain) is Outcome.PASSED for chain in given):
        return "trusted"
    for chain in given:
        unvouched = any(c.rule == "certificate.chain" and c.outcome is Outcome.INDETERMINATE for c in chain)
        if worst(chain) is Outcome.FAILED and not unvouched:
            return "untrusted"
    return "indeterminate"


def identify(certificate: bytes | None) -> SignerIdentity | None:
    """Whom a certificate names; None if it cannot be read."""
    if certificate is None:
        return None
    try:
        return signer_identity(certificate)
    except BadCertificate:
        return None


def identify_seal(seal: ElectronicSeal | None) -> SealIdentity | None:
    """What an electronic seal says of itself; None if there is none."""
    return None if seal is None else _IDENTITIES.get(seal.raw, lambda: _identify_seal(seal), len(seal.raw))


_IDENTITIES: Kept[bytes, SealIdentity] = Kept(1024, 32 << 20)


def _identify_seal(seal: ElectronicSeal) -> SealIdentity:
    maker = identify(seal.maker_certificate)
    return SealIdentity(
        id=seal.id,
        name=seal.name.rstrip("\x00"),
        maker=maker.subject if maker else "",
        valid_from=seal.valid_from.utc if seal.valid_from else None,
        valid_to=seal.valid_to.utc if seal.valid_to else None,
    )
