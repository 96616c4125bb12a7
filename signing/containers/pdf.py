"""Sealed PDF documents: every signature field, whatever it holds (RSA, ECDSA, Ed25519 or SM2 in CMS, SES).

What a field holds is told by its bytes, not by /SubFilter, for which GB/T 38540 has no name. A signature counts only
if the bytes under it are the whole file, or what follows them is validation data alone: neither form filling nor a
second signature of somebody else may change what the first one is taken for.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta, timezone

from schemas.verification import Check, Outcome, SealReport, Severity, failed, passed, unknown, worst
from signing.checks import cms, integrity, times
from signing.checks.certificate import check_chain
from signing.checks.token import Proof, judge_token
from signing.containers.ber import looks_indefinite
from signing.containers.cms import SIGNED_DATA, looks_like_signed_data, read_signed_data
from signing.containers.der import NotAsExpected
from signing.containers.pdf_dictionary import BadDictionary, Hole, RawDictionary, read_hole
from signing.containers.pdf_file import BadPdf, Field, PdfFile
from signing.containers.ses import looks_like_seal_signature, read_seal_signature
from signing.judge import (
    Coverage,
    Evidence,
    Place,
    Trust,
    answer_integrity,
    identify,
    identify_seal,
    judge_seal,
    unreadable_seal,
)
from signing.seal import Moment, Seal, all_flags, rfc3339
from signing.trust import Purpose, TrustStore
from untrusted.der import read_der
from untrusted.refused import Refused

_LEGACY = frozenset({"adbe.pkcs7.sha1", "adbe.x509.rsa_sha1"})
_CADES, _TIME_STAMP = "ETSI.CAdES.detached", "ETSI.RFC3161"
_KNOWN = frozenset({"adbe.pkcs7.detached", _CADES, _TIME_STAMP, "GM.sm2seal"})
_DATE = re.compile(rb"\(D:(\d{14})(?:(Z)|([+-])(\d\d)'?(\d\d)?'?)?\)")
_BEIJING = timezone(timedelta(hours=8))


@dataclass(frozen=True, slots=True)
class _Basis:
    """On what all signatures of a document are judged; the last three are what the document carries along."""

    trust: TrustStore
    at: datetime
    existed_at: datetime | None
    certificates: tuple[bytes, ...]
    crls: tuple[bytes, ...]
    ocsp: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class _Read:
    """One field with what was read of it; `hole` None if its place in the file is not as it must be."""

    field: Field
    checks: tuple[Check, ...]
    coverage: Coverage
    dictionary: RawDictionary | None = None
    hole: Hole | None = None
    seal: Seal | None = None
    problem: Check | None = None

    @property
    def sub_filter(self) -> str | None:
        return self.dictionary.name("SubFilter") if self.dictionary else None

    @property
    def is_time_stamp(self) -> bool:
        return self.sub_filter == _TIME_STAMP


def judge(
    data: bytes, *, trust: TrustStore, at: datetime, existed_at: datetime | None = None
) -> tuple[tuple[Check, ...], tuple[SealReport, ...]]:
    """The checks on the document, and a report on each signature in the order in which they were made.

    A file that is no sound PDF is a failed check. Document time-stamps are no seals: they prove when the signatures
    before them existed. `existed_at` as `verify_document` takes it.
    """
    try:
        file = PdfFile(data)
        fields = file.fields()
    except BadPdf as error:
        return (failed("document.pdf-structure", error.args[0], detail=error.args[1]),), ()
    checks: list[Check] = [passed("document.pdf-structure", revisions=file.revisions)]
    reads = [_read(file, field) for field in fields]
    signatures = [read for read in reads if not read.is_time_stamp]
    if not signatures:
        return (*checks, failed("document.signed", "not-signed")), ()
    checks += [
        passed("document.signed", signatures=len(signatures)),
        file.check_content(allow_embedded_files=trust.policy.allow_embedded_files),
    ]
    basis = _Basis(trust, at, existed_at, *file.validation_data())
    stamps = _judge_document_stamps([read for read in reads if read.is_time_stamp], data, basis)
    checks += [check for _, proof in stamps for check in proof.checks]
    final = frozenset(mark for read in signatures if read.coverage == "whole" for mark in _marks(read, basis))
    reports = [_judge_signature(read, data, final, _stamped(read, stamps), basis) for read in signatures]
    return tuple(checks), tuple(reports)


def _read(file: PdfFile, field: Field) -> _Read:
    """ESEAL section 7.2, rules 1 and 3: the dictionary in its place, the hole, and what stands in it."""
    rule = "signature.byte-range"
    if field.offset is None:
        return _Read(field, (failed(rule, "in-object-stream"),), "unsafe")
    try:
        dictionary = file.dictionary(field.offset, field.number)
    except BadDictionary as error:
        return _Read(field, (failed(rule, error.args[0]),), "unsafe")
    try:
        hole = read_hole(file.data, dictionary)
    except BadDictionary as error:
        return _Read(field, (failed(rule, error.args[0]),), "unsafe", dictionary)
    if dictionary.name("Type") not in (None, "Sig", "DocTimeStamp"):
        return _Read(field, (failed(rule, "not-a-signature"),), "unsafe", dictionary)
    coverage, extent = _extent(file, field, hole)
    checks = (passed(rule, covered=hole.end - (hole.second - hole.first)), extent)
    read = _Read(field, checks, coverage, dictionary, hole)
    if read.is_time_stamp:
        return read
    try:
        return replace(read, seal=_read_value(hole.value, read.sub_filter))
    except _Unsupported as error:
        return replace(read, problem=unknown("signature.pdf-format", error.args[0], sub_filter=read.sub_filter))
    except NotAsExpected as error:
        return replace(read, problem=failed("signature.format", "malformed", detail=str(error)[:300]))


class _Unsupported(ValueError):
    """A kind of signature that is not judged."""


def _read_value(value: bytes, sub_filter: str | None) -> Seal:
    if sub_filter in _LEGACY:
        raise _Unsupported("legacy")
    if sub_filter is not None and sub_filter not in _KNOWN:
        raise _Unsupported("unknown")
    if looks_indefinite(value):  # as some producers write SignedData, never seals: transcoded and flagged
        return read_signed_data(value)
    try:
        root = read_der(value, limits=SIGNED_DATA)
    except Refused as error:
        raise NotAsExpected(f"{error.rule}: {error.detail}") from error
    if looks_like_signed_data(root):
        return read_signed_data(value, root)
    if looks_like_seal_signature(root):
        return read_seal_signature(value)
    raise NotAsExpected("neither signed data nor an electronic seal")


def _extent(file: PdfFile, field: Field, hole: Hole) -> tuple[Coverage, Check]:
    """ESEAL section 7.2, rule 2: the signature covers the file, or only validation data was added to it."""
    rule = "signature.pdf-extent"
    if hole.end == len(file.data):
        return "whole", passed(rule, changes="none")
    if not file.ends_revision(hole.end, field.revision):
        return "unsafe", failed(rule, "not-a-revision", end=hole.end, size=len(file.data))
    changes, detail = file.changes_since(field.revision)
    if file.has_trailing_bytes() or changes == "none":
        return "unsafe", failed(rule, "trailing-bytes", end=hole.end, size=len(file.data))
    if changes == "validation-data":
        return "whole", passed(rule, changes=changes)
    if changes == "form":
        return "partial", unknown(rule, "changed-after", changes=changes)
    return "unsafe", failed(rule, "changed-after", changes=changes, detail=detail)


_Stamps = list[tuple[_Read, Proof]]


def _judge_document_stamps(reads: Sequence[_Read], data: bytes, basis: _Basis) -> _Stamps:
    """Each document time-stamp with what it proves, in the order of the file.

    They are judged from the last one, which vouches for those that it covers: so an archive stays good when the
    certificates of its first authorities have expired (PAdES-LTA, ETSI EN 319 142-1 section 5.5).
    """
    found: _Stamps = []
    for read in sorted(reads, key=lambda read: read.hole.first if read.hole else 0, reverse=True):
        found.insert(0, (read, _judge_document_stamp(read, data, basis, _stamped(read, found))))
    return found


def _stamped(read: _Read, stamps: _Stamps) -> datetime | None:
    """The earliest moment at which a document time-stamp proves the value of `read`.

    That is one whose octets hold all that `read` covers. The number of its revision says nothing: a table written
    later may point to a time-stamp that is older than what it is said to follow.
    """
    moments = [
        proof.moment
        for stamp, proof in stamps
        if proof.moment and read.hole and stamp.hole and read.hole.end <= stamp.hole.first
    ]
    return min(moments, default=None)


def _judge_document_stamp(read: _Read, data: bytes, basis: _Basis, stamped: datetime | None) -> Proof:
    """A document time-stamp: over the bytes that it covers (ISO 32000-2 section 12.8.5)."""
    if read.hole is None:
        return Proof(tuple(check.model_copy(update={"field": read.field.name}) for check in read.checks))
    proof = _judge_token(read.hole.value, read.hole.covered(data), basis, stamped)
    checks = (*(check for check in read.checks if check.rule == "signature.byte-range"), *proof.checks)
    return Proof(tuple(check.model_copy(update={"field": read.field.name}) for check in checks), proof.moment)


def _judge_signature(
    read: _Read, data: bytes, final: frozenset[str], stamped: datetime | None, basis: _Basis
) -> SealReport:
    if read.hole is None:
        return unreadable_seal(Place(read.field.name, "pdf", read.coverage), read.checks[-1])
    place = Place(read.field.name, "pdf", read.coverage, checks=_settled(read, final, basis))
    if read.seal is None:
        assert read.problem is not None, "what was not read has its reason"
        return unreadable_seal(place, read.problem)
    content = read.hole.covered(data)
    if read.seal.container == "ses":
        evidence = Evidence(basis.certificates, basis.crls, basis.ocsp, stamped, basis.existed_at)
        return judge_seal(read.seal, content, place, trust=basis.trust, at=basis.at, evidence=evidence)
    return _judge_cms(read, read.seal, content, place, stamped, basis)


def _settled(read: _Read, final: frozenset[str], basis: _Basis) -> tuple[Check, ...]:
    """A form that was filled or signed after a signature is no matter if its holder signed the result once more.

    `final` are those who signed the whole file: if nobody did, nobody answers for what was changed.
    """
    checks = []
    for check in read.checks:
        if check.rule == "signature.pdf-extent" and check.outcome is Outcome.INDETERMINATE:
            if _marks(read, basis) & final:
                check = passed(check.rule, changes="form", signed_again=True)
            elif not final:
                check = failed(check.rule, "changed-after", changes="form")
        checks.append(check)
    return tuple(checks)


def _marks(read: _Read, basis: _Basis) -> frozenset[str]:
    """By what the holder of a signature is the same: certificate, credit code, or the insurer that the operator names.

    Insurers that sign with RSA for foreign readers and with SM2 for Chinese ones have a certificate for each. Whether a
    certificate may be believed is judged with its own signature, on which the outcome rests too.
    """
    if read.seal is None or (signer := identify(read.seal.certificate)) is None:
        return frozenset()
    found = {f"certificate:{signer.certificate_sha256}"}
    if signer.credit_code is not None:
        found.add(f"code:{signer.credit_code}")
    electronic = identify_seal(read.seal.seal)
    found |= {f"owner:{owner}" for owner in basis.trust.owners_of(signer, electronic, basis.at)}
    return frozenset(found)


def _judge_cms(
    read: _Read, seal: Seal, content: bytes, place: Place, stamped: datetime | None, basis: _Basis
) -> SealReport:
    """RFC 5652 with the rules of ESEAL section 7.2: attributes, a digest of the file, nothing inside, one signer."""
    assert read.hole is not None
    assert read.dictionary is not None
    if seal.signed_at is None:
        seal = replace(seal, signed_at=_stated_moment(read.dictionary))
    algorithm = cms.signature_algorithm(seal)
    proof = Proof(()) if seal.token is None else _judge_token(seal.token, seal.value.octets, basis, stamped)
    moments = [moment for moment in (proof.moment, stamped, basis.existed_at) if moment is not None]
    moment = min(moments, default=None)
    signed_at = moment or (seal.signed_at.utc if seal.signed_at else None)
    checks = [
        *place.checks,
        integrity.check_format(seal),
        _check_attributes(seal, basis.trust),
        cms.check_method(seal, algorithm),
        integrity.check_data_hash(seal, content),
        cms.check_value(seal, content, algorithm),
        cms.check_signing_certificate(seal, required=read.sub_filter == _CADES),
        times.check_time(seal, basis.at, basis.trust.policy),
        *proof.checks,
    ]
    if (repairs := integrity.check_repairs(seal.flags, repair=basis.trust.policy.interop_repair)).facts["repaired"]:
        checks.append(repairs)
    if moment is not None and seal.signed_at is not None:
        checks.append(_check_claim(seal.signed_at, moment, basis.trust.policy.timestamp_tolerance))
    certificate = _judge_certificate(seal, signed_at, moment is not None, basis)
    return SealReport(
        id=place.id,
        container="pdf",
        format=seal.format,
        algorithm=integrity.name_of(seal),
        integrity=answer_integrity(checks),
        trust=_trust(certificate),
        coverage=place.coverage,
        signer=identify(seal.certificate),
        signed_at=signed_at,
        time_proof=times.time_proof(moment, seal.signed_at, basis.existed_at),
        flags=all_flags(seal.flags),
        checks=(*checks, *certificate),
    )


def _judge_token(token: bytes, octets: bytes, basis: _Basis, stamped: datetime | None) -> Proof:
    moments = [moment for moment in (stamped, basis.existed_at) if moment is not None]
    return judge_token(
        token,
        octets,
        intermediates=basis.certificates,
        trust=basis.trust,
        at=basis.at,
        crls=basis.crls,
        ocsp=basis.ocsp,
        since=min(moments, default=None),
    )


def _check_attributes(seal: Seal, trust: TrustStore) -> Check:
    """The file is not inside (ISO 32000-2 section 12.8.3.3), and its digest stands among signed attributes."""
    rule = "signature.pdf-attributes"
    if seal.embedded is not None:
        return failed(rule, "content-inside")
    if not seal.has_attributes and not trust.policy.allow_unattributed_pdf:
        return failed(rule, "attributes-absent")
    return passed(rule, attributes=seal.has_attributes)


def _check_claim(claimed: Moment, proven: datetime, tolerance: timedelta) -> Check:
    """The claimed moment is not after the proven one; how long before decides nothing."""
    rule, written, moment = "timestamp.agrees", claimed.text(), rfc3339(proven)
    if claimed.earliest > proven + tolerance:
        return failed(rule, "claimed-later", claimed=written, proven=moment)
    return passed(rule, severity=Severity.NOTICE, claimed=written, proven=moment)


def _judge_certificate(seal: Seal, signed_at: datetime | None, proven: bool, basis: _Basis) -> tuple[Check, ...]:
    if seal.certificate is None:
        return (failed("certificate.parsed", "absent", field="signer"),)
    return check_chain(
        seal.certificate,
        intermediates=(*seal.intermediates, *basis.certificates),
        trust=basis.trust,
        at=basis.at,
        purpose=Purpose.document_signing,
        signed_at=signed_at,
        proven=proven,
        crls=basis.crls,
        ocsp=basis.ocsp,
        field="signer",
    )


def _trust(checks: Sequence[Check]) -> Trust:
    """Trusted if every check passed; as long as nobody vouches for it, what it says of itself is no evidence."""
    outcome = worst(checks)
    if outcome is Outcome.PASSED:
        return "trusted"
    unvouched = any(c.rule == "certificate.chain" and c.outcome is Outcome.INDETERMINATE for c in checks)
    return "untrusted" if outcome is Outcome.FAILED and not unvouched else "indeterminate"


def _stated_moment(dictionary: RawDictionary) -> Moment | None:
    """The entry /M (ISO 32000-2 section 7.9.4); without a zone it may mean UTC or Beijing."""
    entry = dictionary.entries.get("M")
    found = _DATE.fullmatch(entry.raw) if entry else None
    if found is None:
        return None
    try:
        naive = datetime.strptime(found[1].decode("ascii"), "%Y%m%d%H%M%S")  # noqa: DTZ007
        zones = [UTC] if found[2] else [UTC, _BEIJING]
        if found[3]:
            offset = timedelta(hours=int(found[4]), minutes=int(found[5] or 0))
            zones = [timezone(-offset if found[3] == b"-" else offset)]
    except ValueError:
        return None
    readings = tuple(naive.replace(tzinfo=zone).astimezone(UTC) for zone in zones)
    return Moment(found[1].decode("ascii"), readings[-1], readings, () if len(zones) == 1 else ("time-no-zone",))
