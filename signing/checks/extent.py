"""What of a document a signature covers (GB/T 33190-2016 section 18, GM/T 0031-2014 section 6.2.3).

A signature that holds but covers only a part of what is shown protects nothing: what is not covered can be changed.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from schemas.verification import Check, Severity, failed, passed
from signing.checks.integrity import digest_method, from_defects, strict_base64
from signing.containers.ofd_coverage import Reach, page_box, read_box
from signing.containers.ofd_package import OFD_XML, Package
from signing.containers.ofd_signatures import Declaration, Listing
from signing.kept import passed_again
from untrusted import Refused, read_json

_SHOWN = 20  # names in the facts of a check
_DIGEST_SIZE = 32


def check_references(declaration: Declaration, own: frozenset[str]) -> Check:
    """GB/T 33190 section 18.2.3: at least one reference, each to one entry, none twice, none to the signature itself.

    `own` are the Signature.xml and the signed value: what cannot be covered must not claim to be.
    """
    rule = "signature.references"
    if (broken := from_defects(declaration.defects, rule)) is not None:
        return broken
    if not declaration.references:
        return failed(rule, "references-empty")
    seen: set[str] = set()
    for reference, written in zip(declaration.references, declaration.digests, strict=True):
        entry = reference.entry
        if entry is None:
            return failed(rule, reference.reason or "path-missing", reference=reference.location)
        if entry in seen:
            return failed(rule, "reference-repeated", reference=reference.location)
        if entry in own:
            return failed(rule, "reference-to-itself", reference=reference.location)
        digest = strict_base64(written)
        if digest is None or len(digest) != _DIGEST_SIZE:
            return failed(rule, "check-value-malformed", reference=reference.location)
        seen.add(entry)
    return passed_again(rule, references=len(seen))


def check_reference_digests(package: Package, declaration: Declaration) -> Check:
    """GM/T 0031 section 6.2.3: each referenced entry has the digest that was signed, over its stored octets."""
    rule = "signature.reference-digests"
    method = digest_method(declaration.check_method) or "sm3"  # what is none of ours is told by the check of it
    changed = []
    for reference, written in zip(declaration.references, declaration.digests, strict=True):
        digest = strict_base64(written)
        if reference.entry is None or digest != package.digest(reference.entry, method):
            changed.append(reference.entry or reference.location)
    if changed:
        return failed(rule, "content-changed", parts=changed[:_SHOWN], changed=len(changed))
    if not declaration.references:
        return failed(rule, "references-empty")
    return passed_again(rule, parts=len(declaration.references))


def check_bound(property_info: str, listing: Listing, path: str) -> Check:
    """GB/T 38540 section 7.2: propertyInfo names the very Signature.xml, or the document, that was signed.

    Without it a whole signature folder could be moved to another place. Vendors write a path, JSON with `DocId` and
    `Entry`, or the bare identifier of the document; `path` is the entry of the Signature.xml being judged.
    """
    rule, written = "signature.bound", property_info.strip()
    facts: dict[str, Any] = {"property_info": written[:200], "signature": path}
    if written.startswith("{"):
        try:
            value = read_json(written.encode("utf-8"))
        except Refused:
            return failed(rule, "property-unbound", **facts)
        if not isinstance(value, Mapping):
            return failed(rule, "property-unbound", **facts)
        identifier, entry = value.get("DocId"), value.get("Entry")
        if identifier is not None and identifier not in listing.document_ids:
            return failed(rule, "other-document", **facts)
        if isinstance(entry, str) and not _names(entry, path, listing):
            return failed(rule, "other-signature", **facts)
        if not isinstance(entry, str) and identifier is None:
            return failed(rule, "property-unbound", **facts)
        return passed(rule, **facts)
    if written and written in listing.document_ids:
        return passed(rule, **facts)
    if "/" in written or written.lower().endswith(".xml"):
        if _names(written, path, listing):
            return passed_again(rule, **facts)
        return failed(rule, "other-signature", **facts)
    return failed(rule, "property-unbound", **facts)


def _names(location: str, path: str, listing: Listing) -> bool:
    """Whether a location is the entry `path`: from the root, or from the folder of the signature list or document."""
    bare = location.strip()
    if bare.removeprefix("/") == path:
        return True
    return any(f"{base.rpartition('/')[0]}/{bare}" == path for base in (*listing.lists, *listing.roots))


def check_coverage(listing: Listing, reach: Reach, covered: frozenset[str]) -> Check:
    """GM/T 0031 section 6.2.3: everything that a reader reaches is under this signature.

    OFD.xml may stay outside only where it leaves no choice: one document, whose root is covered, no versions, nothing
    but identification, root and signature list.
    """
    rule = "signature.coverage"
    uncovered = sorted(name for name in reach.parts if name not in covered)
    loose = _loosened(listing) if OFD_XML not in covered else None
    facts: dict[str, Any] = {"covered": len(covered), "reached": len(reach.parts)}
    if listing.has_versions and (OFD_XML not in covered or any(name not in covered for name in listing.versions)):
        return failed(rule, "unsigned-version", uncovered=uncovered[:_SHOWN], **facts)
    if not listing.roots or any(root not in covered for root in listing.roots):
        return failed(rule, "root-uncovered", uncovered=uncovered[:_SHOWN], **facts)
    if loose is not None:
        return failed(rule, "root-not-constrained", detail=loose, uncovered=[OFD_XML], **facts)
    if reach.unreadable:
        return failed(rule, "part-unreadable", parts=reach.unreadable[:_SHOWN], **facts)
    if uncovered:
        return failed(rule, "uncovered", uncovered=uncovered[:_SHOWN], missing=len(uncovered), **facts)
    if OFD_XML not in covered:
        facts["constrained"] = 1
    return passed_again(rule, **facts)


def _loosened(listing: Listing) -> str | None:
    """Why an uncovered OFD.xml would leave a reader a choice, or None."""
    if listing.bodies != 1 or len(listing.roots) != 1:
        return "more than one document"
    if listing.extras:
        return f"unknown element {listing.extras[0][:80]}"
    if any(defect.rule == "document.root" for defect in listing.defects):
        return "the root is not certain"
    return None


_UNSAFE = frozenset({"unsigned-version", "root-uncovered", "root-not-constrained", "part-unreadable"})


def coverage_answer(check: Check) -> Literal["whole", "partial", "unsafe"]:
    """`whole`, `partial` or, where what is shown could be switched, `unsafe`."""
    if check.reason is None:
        return "whole"
    return "unsafe" if check.reason in _UNSAFE else "partial"


def check_stamps(package: Package, reach: Reach, declaration: Declaration) -> Check | None:
    """GB/T 33190 section 18.2.4: the pictures of the seal stand on pages that exist. Decoration: it decides nothing."""
    if not declaration.stamps:
        return None
    rule = "signature.stamps"
    for stamp in declaration.stamps:
        facts: dict[str, Any] = {"page": stamp.page, "boundary": stamp.boundary}
        if stamp.page not in reach.pages:
            return failed(rule, "stamp-page-missing", severity=Severity.NOTICE, **facts)
        box, page = read_box(stamp.boundary), page_box(package, reach, stamp.page)
        if box is None:
            return failed(rule, "stamp-outside-page", severity=Severity.NOTICE, **facts)
        if page is not None and not _inside(box, page):
            return failed(rule, "stamp-outside-page", severity=Severity.NOTICE, page_box=list(page), **facts)
    return passed_again(rule, severity=Severity.NOTICE, stamps=len(declaration.stamps))


def _inside(box: Sequence[float], page: Sequence[float]) -> bool:
    """Whether a stamp touches the page at all: a seal across the edge 骑缝章 is usual."""
    return box[0] + box[2] > 0 and box[0] < page[2] and box[1] + box[3] > 0 and box[1] < page[3]


def check_root(listing: Listing) -> Check:
    """GB/T 33190 section 7.4: one document with one root, so that every reader shows the same.

    Versions (section 19) leave no choice if one is current and has the same root; that all is covered is asked apart.
    """
    rule = "document.root"
    if listing.bodies != 1:
        return failed(rule, "several-documents" if listing.bodies else "root-missing", bodies=listing.bodies)
    if (broken := from_defects(listing.defects, rule)) is not None:
        return broken
    if listing.has_versions and (len(listing.current) != 1 or listing.current != listing.roots):
        return failed(rule, "versions", versions=listing.versions[:_SHOWN])
    return passed_again(rule, root=listing.roots[0] if listing.roots else None)


def check_list(listing: Listing) -> Check:
    """GB/T 33190 section 18.1: each listed signature exists and is listed once."""
    broken = from_defects(listing.defects, "document.signatures")
    if broken is not None:
        return broken
    return passed_again("document.signatures", signatures=tuple(one.id for one in listing.signatures)[:_SHOWN])


def check_orphans(orphans: Sequence[str]) -> Check:
    """No file stands in a signature folder that no listed signature leads to or covers: a hidden or removed one."""
    if orphans:
        return failed("document.orphans", "orphan-signature", parts=list(orphans)[:_SHOWN])
    return passed_again("document.orphans")


def check_stowaways(stowaways: Sequence[str]) -> Check:
    """No file is carried along that no signature covers 夹带文件: who finds it by its name would believe it."""
    if stowaways:
        return failed("document.stowaways", "stowaway", parts=list(stowaways)[:_SHOWN], found=len(stowaways))
    return passed_again("document.stowaways")
