"""The way from OFD.xml to each signature, and what a Signature.xml says (GB/T 33190-2016 section 18).

Reading never stops at the first fault: what is wrong is kept as a defect beside what could be read.
"""

import itertools
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, Generic, TypeVar

from signing.containers.ofd_form import Form, form_of
from signing.containers.ofd_package import (
    NONSTANDARD,
    OFD_XML,
    BadPart,
    BadPath,
    Element,
    Package,
    by_name,
    children,
    is_nonstandard,
    local_name,
    only,
    only_of,
    resolve,
    split,
    text_of,
)
from signing.kept import Kept
from signing.seal import Defect
from untrusted import Refused, read_xml

Value = TypeVar("Value")
_MOST_SIGNATURES = 64
_MOST_REFERENCES = 5_000  # as many as a package may have entries
_ROOT_CHILDREN = frozenset({"DocBody"})
_BODY_CHILDREN = frozenset({"DocInfo", "DocRoot", "Signatures"})


@dataclass(slots=True)
class Listing:
    """What OFD.xml says: documents, versions, and the signatures that it leads to.

    `current` are the document roots of those versions that are said to be the current one.
    """

    bodies: int = 0
    document_ids: list[str] = field(default_factory=list)
    roots: list[str] = field(default_factory=list)
    versions: list[str] = field(default_factory=list)
    current: list[str] = field(default_factory=list)
    has_versions: bool = False
    extras: list[str] = field(default_factory=list)
    lists: list[str] = field(default_factory=list)
    signatures: "list[Listed]" = field(default_factory=list)
    defects: list[Defect] = field(default_factory=list)

    def defect(self, rule: str, reason: str, **facts: Any) -> None:
        """Note something that is wrong."""
        self.defects.append(Defect(rule, reason, tuple(sorted(facts.items()))))


@dataclass(frozen=True, slots=True)
class Listed:
    """One entry of Signatures.xml: identifier, kind (`Seal` or `Sign`) and the entry of its Signature.xml."""

    id: str
    kind: str
    path: str


@dataclass(frozen=True, slots=True)
class Reference:
    """One FileRef: as written, and the entry that it means (None with a `reason`)."""

    location: str
    entry: str | None
    reason: str | None


@dataclass(frozen=True, slots=True)
class Stamp:
    """Where a reader draws the picture of the seal: page and box."""

    page: str
    boundary: str


@dataclass(slots=True)
class Declaration:
    """What a Signature.xml declares. Paths are entries; None with a defect where they lead nowhere.

    `digests` are the check values of the references, in the same order, as written.
    """

    provider: str = ""
    method: str | None = None
    check_method: str | None = None
    written_at: str | None = None
    references: list[Reference] = field(default_factory=list)
    digests: list[str] = field(default_factory=list)
    stamps: list[Stamp] = field(default_factory=list)
    seal: str | None = None
    value: str | None = None
    defects: list[Defect] = field(default_factory=list)

    def defect(self, rule: str, reason: str, **facts: Any) -> None:
        """Note something that is wrong."""
        self.defects.append(Defect(rule, reason, tuple(sorted(facts.items()))))


def read_listing(package: Package) -> Listing:
    """OFD.xml and the signature lists. Raises `BadPart` if OFD.xml itself is not readable as one."""
    listing = _kept_entrance(package) or _read_entrance(package, package.part(OFD_XML, "OFD"))
    for name in listing.lists:
        try:
            _read_list(package, name, listing)
        except (BadPart, Refused) as error:
            listing.defect("document.signatures", "list-malformed", path=name, detail=str(error)[:200])
    return listing


def _kept_entrance(package: Package) -> Listing | None:
    """What OFD.xml says, by its form; None if it has none, or says more than a form can."""
    form = form_of(package.read(OFD_XML))
    if form is None:
        return None
    try:
        kept = _ENTRANCES.get(
            (form.octets, package.files),
            lambda: _read_form(package, form, OFD_XML, "OFD", _read_entrance),
            len(form.octets) + package.weight(),
        )
    except BadPart:
        return None
    if kept.value.has_versions:  # then other parts were looked at
        return None
    package.flags.update(kept.flags)
    ids = [form.fill(one) for one in kept.value.document_ids]
    return replace(kept.value, document_ids=ids, signatures=[], defects=[*kept.value.defects])


@dataclass(frozen=True, slots=True)
class _Read(Generic[Value]):
    """What was read from a form, with the flags that reading it raised."""

    value: Value
    flags: frozenset[str]


def _read_form(
    package: Package, form: Form, name: str, kind: str, read: Callable[[Package, Element], Value]
) -> _Read[Value]:
    """The form as `read` reads a part. Raises `BadPart`."""
    try:
        blank = Package(package.archive, package.files)
        root = blank.checked(read_xml(form.octets), name, kind)
    except Refused as refused:
        raise BadPart("xml-malformed", refused.detail) from refused
    return _Read(read(blank, root), frozenset(blank.flags))


_ENTRANCES: Kept[tuple[bytes, frozenset[str]], _Read[Listing]] = Kept(512, 4 << 20)


def _read_entrance(package: Package, root: Element) -> Listing:
    """What OFD.xml says, without the signature lists."""
    listing, parts = Listing(), by_name(root)
    listing.extras = _others(parts, _ROOT_CHILDREN)
    bodies = parts.get("DocBody", ())
    listing.bodies = len(bodies)
    for body in bodies:
        _read_body(package, body, listing)
    return listing


def _others(parts: Mapping[str, Sequence[Element]], known: frozenset[str]) -> list[str]:
    """The names of children that are not known, as often as they stand there."""
    return [name for name, elements in parts.items() if name not in known for _ in elements]


def _read_body(package: Package, body: Element, listing: Listing) -> None:
    parts = by_name(body)
    listing.extras += _others(parts, _BODY_CHILDREN)
    for element in body.iter():
        name = split(element.tag)[1]
        if name == "DocID":
            listing.document_ids.append((element.text or "").strip())
        elif name in ("Versions", "Version"):
            listing.has_versions = True
            location = element.get("BaseLoc")
            if location is not None:
                _locate(package, location, OFD_XML, listing.versions, listing, "document.root", "version-missing")
            if location is not None and element.get("Current", "").strip() in ("true", "1"):
                _read_version(package, location, listing)
    for name, found, rule in (
        ("DocRoot", listing.roots, "document.root"),
        ("Signatures", listing.lists, "document.signatures"),
    ):
        elements = parts.get(name, ())
        if len(elements) > 1 or (name == "DocRoot" and not elements):
            listing.defect(rule, "element-repeated" if elements else "root-missing", element=name)
        for element in elements:
            _locate(package, element.text or "", OFD_XML, found, listing, rule, None)


def _read_version(package: Package, location: str, listing: Listing) -> None:
    """The document root of a current version; none if it cannot be read: then there is no certain one."""
    with suppress(BadPart, BadPath, Refused):
        name = resolve(package, location, OFD_XML)
        root = only(package.part(name, "DocVersion"), "DocRoot")
        if root is not None:
            listing.current.append(resolve(package, text_of(root), name))


def _locate(
    package: Package, location: str, base: str, found: list[str], listing: Listing, rule: str, reason: str | None
) -> None:
    try:
        found.append(resolve(package, location, base))
    except BadPath as error:
        listing.defect(rule, reason or error.reason, location=error.location)


@dataclass(frozen=True, slots=True)
class _Entries:
    """What a signature list says by itself: how many there are, and of the first ones identifier, location and kind."""

    count: int
    first: tuple[tuple[str, str, str], ...]
    nonstandard: bool


_LISTS: Kept[bytes, _Entries] = Kept(1024, 4 << 20)


def _read_entries(package: Package, name: str) -> _Entries:
    root = package.part(name, "Signatures")
    elements = children(root, "Signature")
    found = ((one.get("ID", ""), one.get("BaseLoc", ""), one.get("Type", "Seal")) for one in elements)
    return _Entries(len(elements), tuple(itertools.islice(found, _MOST_SIGNATURES)), is_nonstandard(root))


def _read_list(package: Package, name: str, listing: Listing) -> None:
    octets = package.read(name)
    entries = _LISTS.get(octets, lambda: _read_entries(package, name), len(octets))
    if entries.nonstandard:
        package.flags.add(NONSTANDARD)
    if not entries.count:
        listing.defect("document.signatures", "list-empty", path=name)
    if entries.count > _MOST_SIGNATURES:
        listing.defect("document.signatures", "too-many", signatures=entries.count)
    for written, location, kind in entries.first:
        ident = written.strip()
        try:
            path = resolve(package, location, name)
        except BadPath as error:
            listing.defect("document.signatures", error.reason, id=ident[:80], location=error.location)
            continue
        if not ident:
            listing.defect("document.signatures", "id-missing", path=path)
        if any(other.id == ident or other.path == path for other in listing.signatures):
            listing.defect("document.signatures", "listed-twice", id=ident[:80], path=path)
        if path in listing.lists or path == OFD_XML:
            listing.defect("document.signatures", "path-ambiguous", id=ident[:80], path=path)
            continue
        listing.signatures.append(Listed(ident[:80], kind.strip()[:80], path))


def read_declaration(package: Package, path: str) -> Declaration:
    """The Signature.xml at `path`. Raises `BadPart` if it is not readable as one."""
    return _kept_declaration(package, path) or _read_declaration(package, package.part(path, "Signature"), path)


def _kept_declaration(package: Package, path: str) -> Declaration | None:
    """What the part declares, by its form; None if it has none."""
    try:
        form = form_of(package.read(path))
        if form is None:
            return None
        kept = _DECLARATIONS.get(
            (form.octets, path, package.files),
            lambda: _read_form(package, form, path, "Signature", partial(_read_declaration, path=path)),
            len(form.octets) + package.weight(),
        )
    except (BadPart, Refused):
        return None
    package.flags.update(kept.flags)
    declared, fill = kept.value, form.fill
    written = declared.written_at
    digests = [fill(one) for one in declared.digests]
    return replace(declared, written_at=fill(written) if written is not None else None, digests=digests)


_DECLARATIONS: Kept[tuple[bytes, str, frozenset[str]], _Read[Declaration]] = Kept(512, 8 << 20)


def _read_declaration(package: Package, root: Element, path: str) -> Declaration:
    declaration = Declaration()
    outer = by_name(root)
    info = only_of(outer, "SignedInfo", root)
    if info is None:
        raise BadPart("element-missing", f"{path} has no SignedInfo")
    parts = by_name(info)
    provider = only_of(parts, "Provider", info)
    if provider is not None:
        declaration.provider = provider.get("ProviderName", "")[:80]
    declaration.method = _text(only_of(parts, "SignatureMethod", info))
    declaration.written_at = _text(only_of(parts, "SignatureDateTime", info))
    _read_references(package, path, only_of(parts, "References", info), declaration)
    for element in parts.get("StampAnnot", ()):
        declaration.stamps.append(Stamp(element.get("PageRef", "")[:80], element.get("Boundary", "")[:200]))
    value = only_of(outer, "SignedValue", root)
    declaration.value = _entry(package, path, value, declaration, "signature.kind")
    if value is None:
        declaration.defect("signature.kind", "value-missing")
    seal = only_of(parts, "Seal", info)
    if seal is not None:
        declaration.seal = _entry(package, path, only(seal, "BaseLoc"), declaration, "seal.copy")
    return declaration


def _text(element: Element | None) -> str | None:
    return text_of(element)[:200] if element is not None else None


def _entry(package: Package, path: str, element: Element | None, declaration: Declaration, rule: str) -> str | None:
    if element is None:
        return None
    try:
        return resolve(package, text_of(element), path)
    except BadPath as error:
        declaration.defect(rule, error.reason, location=error.location)
        return None


def _read_references(package: Package, path: str, references: Element | None, declaration: Declaration) -> None:
    if references is None:
        declaration.defect("signature.references", "references-empty")
        return
    declaration.check_method = references.get("CheckMethod")
    if len(references) > _MOST_REFERENCES:
        declaration.defect("signature.references", "too-many", references=len(references))
    for element in itertools.islice(references, _MOST_REFERENCES):
        if split(element.tag)[1] != "Reference":
            declaration.defect("signature.references", "reference-malformed", element=local_name(element)[:80])
            continue
        location = element.get("FileRef", "")
        value = only(element, "CheckValue")
        entry, reason = None, None
        try:
            entry = resolve(package, location, path)
        except BadPath as error:
            reason = error.reason
        declaration.references.append(Reference(location[:200], entry, reason))
        declaration.digests.append(text_of(value)[:200] if value is not None else "")
