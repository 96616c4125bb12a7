"""Sealed OFD documents (GB/T 33190-2016, GM/T 0031, GB/T 38540, GB/T 35275): every signature, and what it covers.

The verdict follows section 6.2.3 of GM/T 0031 and section 7.3 of GB/T 38540, and adds what no reader checks: that
everything shown is covered, that nothing is carried along uncovered, and that no reader could show something else.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from schemas.verification import Check, SealReport, failed, unknown
from signing.checks import extent, integrity, times
from signing.checks import seal as seals
from signing.containers.ber import looks_indefinite
from signing.containers.cms import SIGNED_DATA, looks_like_signed_data, read_signed_data
from signing.containers.der import NotAsExpected
from signing.containers.ofd_coverage import Reach, reach
from signing.containers.ofd_entries import ENTRY_LIST, check_entry_list
from signing.containers.ofd_package import OFD_XML, BadPart, Package, open_package
from signing.containers.ofd_signatures import Declaration, Listed, Listing, read_declaration, read_listing
from signing.containers.ses import looks_like_seal_signature, read_seal_signature
from signing.errors import Unreadable
from signing.judge import Evidence, Place, judge_seal, unreadable_seal
from signing.kept import passed_again
from signing.seal import Seal
from signing.trust import TrustStore
from untrusted import DOCUMENT, Archive, Node, Refused, open_zip, read_der

MEDIA_TYPE = "application/ofd"


@dataclass(frozen=True, slots=True)
class _Opened:
    """One package with what was read of it once for all of its signatures."""

    package: Package
    listing: Listing
    reach: Reach
    evidence: Evidence


def judge(
    data: bytes, *, trust: TrustStore, at: datetime, existed_at: datetime | None = None
) -> tuple[tuple[Check, ...], tuple[SealReport, ...]]:
    """The checks on the document, and a report on each listed signature; `existed_at` as `verify_document` takes it.

    Raises `Unreadable` if the archive has more than one reading or OFD.xml cannot be read.
    """
    archive = open_archive(data, repair=trust.policy.interop_repair)
    if OFD_XML not in archive:
        raise Unreadable("document.unknown", "the archive is not an OFD package")
    package = open_package(archive)
    if archive.reinterpreted:
        package.flags.add("names-gbk")
    try:
        listing = read_listing(package)
        found = reach(package, tuple(listing.roots), tuple(listing.versions))
        opened = _Opened(package, listing, found, Evidence(existed_at=existed_at))
        return _judge(opened, trust, at)
    except BadPart as error:
        raise Unreadable("ofd.malformed", error.detail, OFD_XML) from error
    except Refused as refused:  # an entry that cannot be unpacked: the archive says two things of it
        raise Unreadable(refused.rule, refused.detail, refused.where) from refused


def open_archive(data: bytes, *, repair: bool = True) -> Archive:
    """The archive of a document. Raises `Unreadable`."""
    try:
        return open_zip(data, limits=DOCUMENT, names="gbk-flagged" if repair else "utf-8")
    except Refused as refused:
        raise Unreadable(refused.rule, refused.detail, refused.where) from refused


def _judge(opened: _Opened, trust: TrustStore, at: datetime) -> tuple[tuple[Check, ...], tuple[SealReport, ...]]:
    package, listing = opened.package, opened.listing
    checks = [extent.check_root(listing)]
    reports: list[SealReport] = []
    plumbing = {OFD_XML, *listing.lists, *(listed.path for listed in listing.signatures)}
    covered: set[str] = set()
    for listed in listing.signatures:
        report, declaration = _judge_signature(opened, listed, trust, at)
        reports.append(report)
        if declaration is not None:
            covered |= _covered(declaration)
            plumbing |= {path for path in (declaration.value, declaration.seal) if path is not None}
    if listing.lists or any(defect.rule == "document.signatures" for defect in listing.defects):
        checks.append(extent.check_list(listing))
    if ENTRY_LIST in package.files:
        checks.append(check_entry_list(package, plumbing - {OFD_XML}))
    if not listing.signatures:
        return (*checks, failed("document.signed", "not-signed")), ()
    left = sorted(package.files - plumbing - covered - {ENTRY_LIST} - _entry_list_plumbing(package))
    orphans, stowaways = _left_over(left, listing, plumbing, opened.reach) if left else ([], [])
    checks += [
        passed_again("document.signed", signatures=len(listing.signatures)),
        extent.check_orphans(orphans),
        extent.check_stowaways(stowaways),
    ]
    return tuple(checks), tuple(reports)


def _left_over(left: list[str], listing: Listing, plumbing: set[str], reached: Reach) -> tuple[list[str], list[str]]:
    """Of the files that no signature covers: those in the folders of signatures, and those that no reader reaches."""
    folders = tuple({path.rsplit("/", 1)[0] + "/" for path in (*listing.lists, *plumbing - {OFD_XML}) if "/" in path})
    orphans = [name for name in left if folders and name.startswith(folders)]
    others = set(left) - set(orphans)
    return orphans, [name for name in left if name in others and name not in reached.parts]


def _judge_signature(
    opened: _Opened, listed: Listed, trust: TrustStore, at: datetime
) -> tuple[SealReport, Declaration | None]:
    """Judge one listed signature; the declaration is None if it cannot be read."""
    package = opened.package
    flags = tuple(package.flags)
    try:
        declaration = read_declaration(package, listed.path)
    except BadPart as error:
        place = Place(listed.id, "ofd", "unsafe", flags=flags)
        return unreadable_seal(place, failed("signature.declaration", error.reason, detail=error.detail[:200])), None
    covered = _covered(declaration)
    coverage = extent.check_coverage(opened.listing, opened.reach, covered)
    checks = [
        integrity.check_digest_method(
            declaration.check_method, declaration.method, allow_rsa=trust.policy.allow_rsa_seals
        ),
        extent.check_references(declaration, frozenset({listed.path, declaration.value or listed.path})),
        extent.check_reference_digests(package, declaration),
        coverage,
    ]
    if (stamps := extent.check_stamps(package, opened.reach, declaration)) is not None:
        checks.append(stamps)
    place = Place(
        listed.id,
        "ofd",
        extent.coverage_answer(coverage),
        checks=tuple(checks),
        flags=(*package.flags, *_extent_flags(opened, covered)),
        method=declaration.method,
    )
    kind, seal = _read_value(package, listed, declaration)
    if seal is None:
        return unreadable_seal(place, kind), declaration
    return _judge_read(opened, listed, declaration, place, kind, seal, trust, at), declaration


def _judge_read(
    opened: _Opened,
    listed: Listed,
    declaration: Declaration,
    place: Place,
    kind: Check,
    seal: Seal,
    trust: TrustStore,
    at: datetime,
) -> SealReport:
    """Judge a signature whose value could be read, with the checks that only an OFD has."""
    package = opened.package
    checks = [*place.checks, kind]
    if seal.property_info is not None:
        checks.append(extent.check_bound(seal.property_info, opened.listing, listed.path))
    if seal.seal is not None:
        copy = package.read(declaration.seal) if declaration.seal is not None else None
        checks.append(seals.check_copy(seal.seal, copy, declaration.defects))
    if (written := times.check_written_time(declaration.written_at, seal.signed_at)) is not None:
        checks.append(written)
    place = Place(place.id, place.container, place.coverage, tuple(checks), place.flags, place.method)
    return judge_seal(seal, package.read(listed.path), place, trust=trust, at=at, evidence=opened.evidence)


def _read_value(package: Package, listed: Listed, declaration: Declaration) -> tuple[Check, Seal | None]:
    """The signed value, and whether it is of the kind that the list says; the value decides, the list only agrees.

    GB/T 33190 section 18.1: `Seal` is a seal signature, `Sign` a plain signature.
    """
    rule = "signature.kind"
    broken = integrity.from_defects(declaration.defects, rule)
    if declaration.value is None or broken is not None:
        return failed(rule, "value-missing") if broken is None else broken, None
    data = package.read(declaration.value)
    facts: dict[str, Any] = {"listed": listed.kind, "path": declaration.value}
    found, root = _kind_of(data)
    if found is None:
        return failed(rule, "kind-unknown", **facts), None
    if found == "bare":
        return unknown(rule, "bare-value", **facts), None
    expected = {"Seal": "ses", "Sign": "cms"}.get(listed.kind)
    try:
        seal = read_seal_signature(data, root) if found == "ses" else read_signed_data(data, root)
    except NotAsExpected as error:
        return failed("signature.format", "malformed", detail=str(error)[:200], **facts), None
    if expected is None:
        return failed(rule, "kind-unknown", found=found, **facts), seal
    if found != expected:
        return failed(rule, "kind-mismatch", found=found, **facts), seal
    return passed_again(rule, found=found, **facts), seal


def _kind_of(data: bytes) -> tuple[str | None, Node | None]:
    """`ses`, `cms`, `bare` for a signature value without anything around it, or None; and the value as it was read."""
    if looks_indefinite(data):
        return "cms", None
    try:
        root = read_der(data)
    except Refused:
        return _kind_of_deep(data)
    if looks_like_signed_data(root):
        return "cms", root
    if looks_like_seal_signature(root):
        return "ses", root
    return ("bare" if [child.tag for child in root.children] == [0x02, 0x02] else None), None


def _kind_of_deep(data: bytes) -> tuple[str | None, Node | None]:
    """The same of a value that is deeper than a seal signature may be, or no DER."""
    try:
        root = read_der(data, limits=SIGNED_DATA)
    except Refused:
        return ("bare" if len(data) == 64 else None), None
    if looks_like_signed_data(root):
        return "cms", root
    return ("ses" if looks_like_seal_signature(root) else None), None


def _covered(declaration: Declaration) -> frozenset[str]:
    """The entries that a signature refers to."""
    return frozenset(reference.entry for reference in declaration.references if reference.entry is not None)


def _extent_flags(opened: _Opened, covered: frozenset[str]) -> tuple[str, ...]:
    """A signature over the signature list allows no further one 锁定签名; one not over OFD.xml leaves DocInfo open."""
    flags = ["covers-signature-list"] if covered & set(opened.listing.lists) else []
    return (*flags, *(() if OFD_XML in covered else ("ofd-xml-uncovered",)))


def _entry_list_plumbing(package: Package) -> frozenset[str]:
    """The signed value of an integrity list, which cannot be under a signature that came before it."""
    return frozenset({"signedvalue.dat"}) if ENTRY_LIST in package.files else frozenset()
