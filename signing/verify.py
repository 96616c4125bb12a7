"""The verdict on a document: what it is, every seal and signature on it, and what follows.

The same bytes, trust store and moment give the same report on any machine at any time: nothing is fetched, no clock is
read, and nothing is kept but answers to questions that have only one.
"""

import hashlib
from datetime import datetime

from schemas.verification import (
    Check,
    DocumentIdentity,
    Outcome,
    Report,
    SealReport,
    Severity,
    conclude,
    failed,
    passed,
)
from signing.containers import ofd, pdf, xmldsig
from signing.containers.ber import looks_indefinite
from signing.containers.cms import SIGNED_DATA, looks_like_signed_data, read_signed_data
from signing.containers.der import NotAsExpected
from signing.containers.ofd_package import OFD_XML
from signing.containers.ses import looks_like_seal, looks_like_seal_signature, read_seal, read_seal_signature
from signing.errors import Unreadable
from signing.judge import Coverage, Evidence, Place, judge_lone_seal, judge_seal
from signing.seal import rfc3339
from signing.sm2 import sm3
from signing.trust import TrustStore
from untrusted import Refused, read_der

_OFD, _PDF, _CMS, _SES = "application/ofd", "application/pdf", "application/pkcs7-signature", "application/x-ses"
_XML = "application/xml"
_BOM = b"\xef\xbb\xbf"
_UNKNOWN = "application/octet-stream"
_DIRECTORY = 1 << 16
_PDF_HEADER_WITHIN = 1024  # ISO 32000-1 annex H.3.4.1; what stands before it is judged there


def verify_document(
    document: bytes,
    *,
    trust: TrustStore,
    at: datetime,
    media_type: str | None = None,
    detached: bytes | None = None,
    existed_at: datetime | None = None,
) -> Report:
    """Judge every seal and signature on `document` as of `at`, which is aware.

    The kind of document is told from its bytes; `media_type` only names a document that `detached` signs. `detached` is
    a signature over the whole document in a file of its own: SignedData of GB/T 35275 or RFC 5652, a seal signature, or
    an XML signature.
    `existed_at` is evidence of the caller's own, beside that of time-stamps: a moment at which exactly these bytes, of
    `document` and of `detached` if there is one, are known to have existed, such as that of a ledger's checkpoint under
    which their digests lie. The caller vouches for it and has verified it; here it is believed, as a trusted time-stamp
    on the whole would be (`time_proof` is then `evidence`), and named in the basis of the report. Nothing in a document
    can state it.
    A document without a seal fails, with the reason `not-signed`. Raises `Unreadable` if there is nothing to judge, and
    ValueError if `existed_at` is not aware or lies after `at`.
    """
    basis = {"trust": trust.digest}
    if existed_at is not None:
        if existed_at.tzinfo is None or existed_at > at:
            raise ValueError("existed_at is an aware moment, and not after `at`")
        basis["existed_at"] = rfc3339(existed_at)
    if detached is not None:
        recognised = media_type or recognise(document) or _UNKNOWN
        checks, seals = _judge_detached(detached, document, trust, at, existed_at)
    else:
        recognised = recognise(document) or ""
        checks, seals = _judge(document, recognised, trust, at, existed_at)
    identity = identify_document(document, recognised)
    return conclude(
        "document",
        checks=checks,
        seals=seals,
        at=at,
        digest="sha256:" + identity.sha256,
        reason=_reason((*checks, *(check for seal in seals for check in seal.checks))),
        basis=basis,
        document=identity,
    )


def identify_document(document: bytes, media_type: str) -> DocumentIdentity:
    """Which bytes these are."""
    return DocumentIdentity(
        sha256=hashlib.sha256(document).hexdigest(),
        sm3=sm3(document).hex(),
        media_type=media_type,
        size=len(document),
    )


def recognise(document: bytes) -> str | None:
    """The media type of a document by its content: OFD, PDF, XML, SignedData, a seal or its signature; else None."""
    is_pdf = b"%PDF-" in document[:_PDF_HEADER_WITHIN]
    if document.startswith(b"PK"):
        # What a PDF reader would open too has two readings, whatever its seals say of one of them.
        names = OFD_XML.encode()  # as the directory at the end says; elsewhere only if that is very long
        return _OFD if not is_pdf and (names in document[-_DIRECTORY:] or names in document) else None
    if is_pdf:
        return _PDF
    if document[:1024].removeprefix(_BOM).lstrip()[:1] == b"<":
        return _XML
    if not document.startswith(b"\x30"):
        return None
    if looks_indefinite(document):
        return _CMS
    try:
        root = read_der(document, limits=SIGNED_DATA)
    except Refused as refused:
        raise Unreadable(refused.rule, refused.detail, refused.where) from refused
    if looks_like_signed_data(root):
        return _CMS
    return _SES if looks_like_seal(root) or looks_like_seal_signature(root) else None


def _judge(
    document: bytes, media_type: str, trust: TrustStore, at: datetime, existed_at: datetime | None
) -> tuple[tuple[Check, ...], tuple[SealReport, ...]]:
    if media_type == _OFD:
        return ofd.judge(document, trust=trust, at=at, existed_at=existed_at)
    if media_type == _PDF:
        return pdf.judge(document, trust=trust, at=at, existed_at=existed_at)
    if media_type == _XML:
        return xmldsig.judge(document, trust=trust, at=at, existed_at=existed_at)
    try:
        if media_type == _SES and looks_like_seal(read_der(document, limits=SIGNED_DATA)):
            # A seal is not a signature: nobody has signed anything with it yet.
            report = judge_lone_seal(read_seal(document), trust=trust, at=at)
            return (failed("document.signed", "seal-only"),), (report,)
        if media_type in (_SES, _CMS):
            return _judge_value(document, None, trust, at, existed_at)
    except NotAsExpected as error:
        raise Unreadable("der.malformed", str(error)) from error
    raise Unreadable("document.unknown", "neither OFD, PDF, XML, SignedData nor an electronic seal")


def _judge_detached(
    value: bytes, content: bytes, trust: TrustStore, at: datetime, existed_at: datetime | None
) -> tuple[tuple[Check, ...], tuple[SealReport, ...]]:
    """The verdict on a signature in a file of its own."""
    kind = recognise(value)
    if kind == _XML:
        return xmldsig.judge(value, trust=trust, at=at, content=content, existed_at=existed_at)
    if kind not in (_CMS, _SES):
        raise Unreadable("document.unknown", "the detached signature is neither XML, SignedData nor a seal signature")
    try:
        return _judge_value(value, content, trust, at, existed_at)
    except NotAsExpected as error:
        raise Unreadable("der.malformed", str(error)) from error


def _judge_value(
    value: bytes, content: bytes | None, trust: TrustStore, at: datetime, existed_at: datetime | None
) -> tuple[tuple[Check, ...], tuple[SealReport, ...]]:
    """The verdict on one SignedData or seal signature over `content`, or over what it carries inside."""
    if looks_indefinite(value) or looks_like_signed_data(read_der(value, limits=SIGNED_DATA)):
        seal = read_signed_data(value)
        if content is None and (seal.has_attributes or seal.embedded is not None):
            content = seal.embedded
        container = "cms"
    else:
        seal = read_seal_signature(value)
        container = "ses"
    coverage: Coverage = "whole" if content is not None else "unsafe"
    place = Place("1", "cms" if container == "cms" else "ses", coverage)
    evidence = Evidence(existed_at=existed_at)
    report = judge_seal(seal, content, place, trust=trust, at=at, evidence=evidence)
    return (passed("document.signed", signatures=1),), (report,)


def _reason(checks: tuple[Check, ...]) -> str | None:
    """The reason of the worst check, the first among equals; None if all passed."""
    telling = [check for check in checks if check.reason is not None and check.outcome is not Outcome.PASSED]
    found = [check for check in telling if check.severity is Severity.ERROR]
    failed_ones = (check.reason for check in found if check.outcome is Outcome.FAILED)
    return next(failed_ones, found[0].reason if found else None)
