"""XML signatures (W3C XML Signature 1.1, second edition of 1.0; XAdES): every one in a document, each judged alone.

A signature is about what it covers and nothing else. It counts for the document only if it covers the document element,
itself apart: what stands beside the covered part can be anything, and a reader who looks by name would find it. Who
reads what was signed takes `signed_content` and never looks into the document again.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from lxml import etree

from schemas.verification import Check, Outcome, SealReport, Severity, failed, passed, unknown, worst
from signing.checks import times, xml
from signing.checks.certificate import check_chain
from signing.checks.token import Proof, judge_token
from signing.containers.xmldsig_document import NotCanonical, XmlDocument, read_document
from signing.containers.xmldsig_keys import Keys, read_keys
from signing.containers.xmldsig_read import (
    BadForm,
    Reference,
    SignedInfo,
    XmlSignature,
    info_form,
    read_signature,
    read_signed_info,
    text_of,
)
from signing.containers.xmldsig_targets import Target, Unresolved, find_target, read_octets
from signing.containers.xmldsig_xades import is_apparatus, read_properties, read_token
from signing.errors import Unreadable
from signing.judge import Coverage, Integrity, Trust, identify
from signing.trust import Purpose, TrustStore
from untrusted import Refused

MOST_SIGNATURES: Final = 8
_PLAIN, _XADES = "W3C XML Signature", "ETSI EN 319 132 XAdES"
_NEEDED = frozenset(
    {
        "xml.form",
        "xml.canonicalization",
        "xml.method",
        "xml.references",
        "xml.transforms",
        "xml.digest-method",
        "xml.reference-digests",
        "xml.key",
        "xml.value",
    }
)
# What leaves a question open rather than answering it.
_OPEN = frozenset({"too-much", "base-uri", "transform-unknown", "transform-parameters"})
# The tax bureau signs invoices 数电票 in a form of its own: paths for references, no canonical form, no certificate.
_TAX_BUREAU = "TaxBureauSignature"
_PARTIAL = frozenset({"uncovered", "object-uncovered", "instruction-uncovered"})
_SHOWN = 20
_NO_KEYS = Keys()


@dataclass(frozen=True, slots=True)
class _Basis:
    """On what all signatures of a document are judged; `content` is what a signature in a file of its own is over."""

    document: XmlDocument
    content: bytes | None
    trust: TrustStore
    at: datetime
    existed_at: datetime | None


@dataclass(frozen=True, slots=True)
class _Read:
    """A signature with what could be read of it, and the checks on that."""

    checks: tuple[Check, ...]
    signature: XmlSignature | None = None
    keys: Keys = _NO_KEYS
    info: SignedInfo | None = None
    parts: tuple[tuple[Target, bytes], ...] = ()


def judge(
    data: bytes,
    *,
    trust: TrustStore,
    at: datetime,
    content: bytes | None = None,
    existed_at: datetime | None = None,
) -> tuple[tuple[Check, ...], tuple[SealReport, ...]]:
    """A report on each signature in the document, in its order. Raises `Unreadable`.

    `content` is the octets that a signature in a file of its own is over; without it a reference to anything outside of
    the document leads nowhere. `existed_at` as `verify_document` takes it.
    """
    document = _open(data)
    if not document.signatures:
        return _judge_unsigned(document)
    checks = [passed("document.signed", signatures=len(document.signatures))]
    if len(document.signatures) > MOST_SIGNATURES:
        checks.append(unknown("xml.signatures", "too-many", signatures=len(document.signatures)))
    basis = _Basis(document, content, trust, at, existed_at)
    found = zip(_names(document), document.signatures, strict=False)
    return tuple(checks), tuple(_judge(name, element, basis) for name, element in found)


def signed_content(data: bytes, report: SealReport, *, content: bytes | None = None) -> tuple[bytes, ...]:
    """The octets that a signature is over, one for each reference: what a reader may take for signed.

    What it covers of itself, its key or its properties, is left out. `report` is what `judge` said of the signature in
    these very bytes. Raises ValueError if its integrity is not passed, or if it is not about them; `Unreadable` as
    `judge`.
    """
    stated = next((c.facts.get("parts") for c in report.checks if c.rule == "xml.reference-digests"), None)
    if report.container != "xml" or report.integrity != "passed" or not isinstance(stated, list):
        raise ValueError("the signature does not hold: nothing was signed")
    document = _open(data)
    element = dict(zip(_names(document), document.signatures, strict=False)).get(report.id)
    read = None if element is None else _read(element, document, content)
    if read is None or read.signature is None:
        raise ValueError("the report is not about these bytes")
    digests = [hashlib.sha256(octets).hexdigest() for _, octets in read.parts]
    if not digests or digests != [part["sha256"] for part in stated if isinstance(part, dict)]:
        raise ValueError("the report is not about these bytes")
    signature = read.signature
    return tuple(octets for target, octets in read.parts if _is_content(target, signature))


def _is_content(target: Target, signature: XmlSignature) -> bool:
    """Whether a reference leads to something other than parts of the signature that are about itself."""
    if target.apex is None:
        return True
    above = (target.apex, *target.apex.iterancestors())
    own = next((one for one in signature.objects if one in above), None)
    return signature.element not in above if own is None else not is_apparatus(own)


def _open(data: bytes) -> XmlDocument:
    try:
        return read_document(data)
    except Refused as refused:
        raise Unreadable(refused.rule, refused.detail, refused.where) from refused


def _judge_unsigned(document: XmlDocument) -> tuple[tuple[Check, ...], tuple[SealReport, ...]]:
    named = list(document.root.iter(f"{{*}}{_TAX_BUREAU}"))
    if not named:
        return (failed("document.signed", "not-signed"),), ()
    check = unknown("xml.form", "tax-bureau-signature")
    report = SealReport(
        id=_TAX_BUREAU,
        container="xml",
        format=_TAX_BUREAU,
        algorithm="none",
        integrity="unsupported",
        trust="indeterminate",
        coverage="unsafe",
        checks=(check,),
    )
    return (passed("document.signed", signatures=len(named)),), (report,)


def _names(document: XmlDocument) -> list[str]:
    """A name for each signature that is judged: its Id, where no other has it, else its number."""
    written = [element.get("Id", "")[:80] for element in document.signatures]
    taken = {str(number) for number in range(1, len(written) + 1)}
    return [
        name if name and name not in taken and written.count(name) == 1 else str(number)
        for number, name in enumerate(written[:MOST_SIGNATURES], 1)
    ]


def _judge(name: str, element: etree._Element, basis: _Basis) -> SealReport:
    read = _read(element, basis.document, basis.content)
    checks = list(read.checks)
    certificate = read.keys.certificates[0] if read.keys.certificates else None
    method = None if read.info is None else xml.method_of(read.info.method)
    if read.signature is not None and read.info is not None and method is not None:
        signer = xml.find_signer(method, read.keys, read.info.octets, _value(read.signature))
        certificate = signer.certificate
        checks += signer.checks
    covers = _holds(read) and read.signature is not None
    coverage: Coverage = "unsafe"
    properties = None
    proof = Proof(())
    if covers and read.signature is not None:
        extent = _check_coverage(read.signature, [target for target, _ in read.parts], basis)
        coverage = _coverage(extent)
        covered = [target.apex for target, _ in read.parts if target.apex is not None and not target.decoded]
        properties = read_properties(read.signature, covered)
        checks += [extent, xml.check_time(properties.signed_at, properties.problem, basis.at, basis.trust.policy)]
        if properties.certificate_stated:
            checks.append(xml.check_signing_certificate(properties.certificate, certificate))
        proof = _judge_token(read.signature, read.keys, basis)
        checks += proof.checks
    claimed = properties.signed_at if properties else None
    proven = min((moment for moment in (proof.moment, basis.existed_at) if moment is not None), default=None)
    if claimed is not None:
        checks.append(times.check_signer_period(certificate, claimed, basis.trust.policy))
        if proven is not None:
            checks.append(times.check_agreement(claimed, proven, basis.trust.policy))
    signed_at = proven or (claimed.utc if claimed else None)
    chain = _judge_certificate(certificate, read.keys, basis, signed_at, proven=proven is not None)
    checks += chain
    return SealReport(
        id=name,
        container="xml",
        format=_XADES if properties is not None and properties.is_xades else _PLAIN,
        algorithm=method or "none",
        integrity=_answer_integrity(checks),
        trust=_answer_trust(chain),
        coverage=coverage,
        signer=identify(certificate),
        signed_at=signed_at,
        time_proof=times.time_proof(proven, claimed, basis.existed_at),
        flags=claimed.flags if claimed else (),
        checks=tuple(c for c in checks if c.severity is Severity.ERROR or c.outcome is not Outcome.PASSED),
    )


def _read(element: etree._Element, document: XmlDocument, content: bytes | None) -> _Read:
    """The signature, its keys, what it says, and the octets of each reference, as far as that goes."""
    try:
        signature = read_signature(element)
        keys = read_keys(signature.key_info)
    except BadForm as error:
        return _Read((_malformed(error),))
    form = info_form(signature)
    stated = signature.canonicalization.uri[:200]
    if form is None:
        unread = unknown("xml.canonicalization", "algorithm-unknown", algorithm=stated)
        return _Read((passed("xml.form"), unread), signature, keys)
    try:
        info = read_signed_info(document, signature, form)
    except BadForm as error:
        return _Read((_malformed(error),), signature, keys)
    except NotCanonical as error:
        return _Read((passed("xml.form"), _open_or_failed("xml.canonicalization", error)), signature, keys)
    checks = (passed("xml.form"), passed("xml.canonicalization", algorithm=stated), xml.check_method(info.method))
    return _read_references(_Read(checks, signature, keys, info), info, document, element, content)


def _read_references(
    read: _Read, info: SignedInfo, document: XmlDocument, element: etree._Element, content: bytes | None
) -> _Read:
    methods = xml.check_digest_methods(info.references)
    targets = []
    for reference in info.references:
        try:
            targets.append(find_target(document, element, reference, content))
        except Unresolved as error:
            return _with(read, failed("xml.references", error.args[0], reference=_uri(reference)), methods)
    if sum(target.apex is None for target in targets) > 1:
        return _with(read, failed("xml.references", "external-repeated"), methods)
    resolved = passed("xml.references", references=len(targets))
    parts = []
    for target in targets:
        try:
            parts.append((target, read_octets(document, element, target, content)))
        except NotCanonical as error:
            transforms = _open_or_failed("xml.transforms", error, _uri(target.reference))
            return _with(read, resolved, transforms, methods)
    checks = [resolved, passed("xml.transforms"), methods]
    if methods.outcome is Outcome.PASSED:
        checks.append(xml.check_reference_digests([(target.reference, octets) for target, octets in parts]))
    return _with(read, *checks, parts=tuple(parts))


def _with(read: _Read, *checks: Check, parts: tuple[tuple[Target, bytes], ...] = ()) -> _Read:
    return _Read((*read.checks, *checks), read.signature, read.keys, read.info, parts)


def _malformed(error: BadForm) -> Check:
    return failed("xml.form", error.args[0], element=error.args[1])


def _open_or_failed(rule: str, error: NotCanonical, reference: str | None = None) -> Check:
    reason = error.args[0]
    return (unknown if reason in _OPEN else failed)(rule, reason, reference=reference)


def _uri(reference: Reference) -> str | None:
    return None if reference.uri is None else reference.uri[:200]


def _value(signature: XmlSignature) -> str:
    """The SignatureValue as written, without white space; nothing at all if there is anything but text in it."""
    try:
        return text_of(signature.value)
    except BadForm:
        return ""


def _holds(read: _Read) -> bool:
    return any(check.rule == "xml.reference-digests" and check.outcome is Outcome.PASSED for check in read.checks)


def _check_coverage(signature: XmlSignature, targets: Sequence[Target], basis: _Basis) -> Check:
    """Nothing that a reader could take for the document stands outside of what is signed.

    Inside of the signature that are its Objects: what they hold is covered, or it is properties of the signature.
    """
    rule = "xml.coverage"
    if basis.content is not None:
        if any(target.apex is None for target in targets):
            return passed(rule)
        return failed(rule, "content-not-covered")
    covered = [target.apex for target in targets if target.apex is not None and not target.decoded]
    names = [etree.QName(one).localname[:80] for one in covered][:_SHOWN]
    contents = [one for one in signature.objects if not is_apparatus(one)]
    loose = [one for one in contents if not _is_covered(one, covered)]
    if signature.element is basis.document.root:
        if not contents:
            return failed(rule, "nothing-covered")
    elif basis.document.root not in covered:
        return failed(rule, "uncovered", covered=names)
    if loose:
        return failed(rule, "object-uncovered", objects=len(loose), covered=names)
    if _has_instructions(basis.document.root) and not any(target.reference.uri == "" for target in targets):
        return failed(rule, "instruction-uncovered", covered=names)
    return passed(rule, covered=names)


def _has_instructions(root: etree._Element) -> bool:
    """Whether processing instructions stand around the document element: one can name what it is shown with."""
    around = (*root.itersiblings(preceding=True), *root.itersiblings())
    return any(isinstance(one, etree._ProcessingInstruction) for one in around)


def _is_covered(element: etree._Element, covered: Sequence[etree._Element]) -> bool:
    """Whether an Object is covered, or the one element that is all it holds."""
    if element in covered:
        return True
    texts = (element.text, *(one.tail for one in element))
    return len(element) == 1 and element[0] in covered and not any(text and text.strip() for text in texts)


def _coverage(check: Check) -> Coverage:
    if check.reason is None:
        return "whole"
    return "partial" if check.reason in _PARTIAL else "unsafe"


def _judge_token(signature: XmlSignature, keys: Keys, basis: _Basis) -> Proof:
    found = read_token(basis.document, signature)
    if found is None:
        return Proof(())
    token, octets = found
    sent, since = keys.certificates, basis.existed_at
    return judge_token(token, octets, trust=basis.trust, at=basis.at, intermediates=sent, since=since)


def _judge_certificate(
    certificate: bytes | None, keys: Keys, basis: _Basis, signed_at: datetime | None, *, proven: bool
) -> tuple[Check, ...]:
    """A key without a certificate is nobody's: whoever made the signature sent it along."""
    if certificate is None:
        return (failed("certificate.parsed", "absent", field="signer"),)
    checks = check_chain(
        certificate,
        intermediates=keys.certificates,
        trust=basis.trust,
        at=basis.at,
        purpose=Purpose.xml_signing,
        signed_at=signed_at,
        proven=proven,
        crls=keys.crls,
    )
    return tuple(check.model_copy(update={"field": "signer"}) for check in checks)


def _answer_integrity(checks: Sequence[Check]) -> Integrity:
    """Passed only if every needed check was made and passed."""
    needed = [check for check in checks if check.rule in _NEEDED]
    if any(check.outcome is Outcome.FAILED for check in needed):
        return "failed"
    whole = {check.rule for check in needed} == _NEEDED
    return "passed" if whole and worst(needed) is Outcome.PASSED else "unsupported"


def _answer_trust(chain: Sequence[Check]) -> Trust:
    """Trusted if every check passed; as long as nobody vouches for it, what it says of itself is no evidence."""
    outcome = worst(chain)
    if outcome is Outcome.PASSED:
        return "trusted"
    unvouched = any(c.rule == "certificate.chain" and c.outcome is Outcome.INDETERMINATE for c in chain)
    return "untrusted" if outcome is Outcome.FAILED and not unvouched else "indeterminate"
