"""An OFD package (GB/T 33190-2016): its entries, the paths between them, and the XML parts that lead to signatures.

Paths are resolved as the strictest reader would, and wherever two readers could differ, that is said: a path that
means one entry relative to its part and another from the root is ambiguous, never chosen.
"""

import hashlib
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from lxml import etree
from lxml.etree import QName

from signing.kept import few
from signing.sm2 import sm3
from untrusted import Archive, Refused, read_xml

OFD_XML = "OFD.xml"
NAMESPACE = "http://www.ofdspec.org/2016"
NONSTANDARD = "namespace-nonstandard"
_USUAL = 200  # characters of a location
_OLD_NAMESPACES = frozenset({"http://www.ofdspec.org"})
Element = etree._Element


class BadPath(ValueError):
    """A location that leads nowhere certain: `reason` is `path-unsafe`, `path-missing` or `path-ambiguous`."""

    def __init__(self, reason: str, location: str) -> None:
        super().__init__(f"{reason}: {location[:200]}")
        self.reason = reason
        self.location = location[:200]


class BadPart(ValueError):
    """An XML part that cannot be read, or is not what its place asks for: `reason` is a slug."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail


@dataclass(slots=True)
class Package:
    """The entries of one OFD file, read at most once each. `files` holds the entries that are no folders."""

    archive: Archive
    files: frozenset[str]
    flags: set[str] = field(default_factory=set)
    _digests: dict[tuple[str, str], bytes] = field(default_factory=dict)
    _roots: dict[str, Element] = field(default_factory=dict)

    def weight(self) -> int:
        """What keeping the names of the entries costs, in bytes, about."""
        return sum(map(len, self.files)) + 100 * len(self.files)

    def read(self, name: str) -> bytes:
        """The stored octets of an entry. Raises `Refused` if it cannot be unpacked within the limits."""
        return self.archive.read(name)

    def digest(self, name: str, method: str = "sm3") -> bytes:
        """SM3, or SHA-256 if that is the method, over the stored octets of an entry. Raises `Refused`."""
        digest = self._digests.get((name, method))
        if digest is None:
            octets = self.read(name)
            digest = hashlib.sha256(octets).digest() if method == "sha256" else sm3(octets)
            self._digests[name, method] = digest
        return digest

    def xml(self, name: str) -> Element:
        """The root of an XML part, without comments and processing instructions. Raises `BadPart`."""
        root = self._roots.get(name)
        if root is None:
            try:
                root = read_xml(self.read(name))
            except Refused as refused:
                raise BadPart("xml-malformed", f"{name}: {refused.rule}: {refused.detail}") from refused
            self._roots[name] = root
        return root

    def part(self, name: str, kind: str) -> Element:
        """The root of a part that is an OFD element `kind`, all of whose elements are of its namespace.

        Raises `BadPart`: two readers, one of which looks at namespaces, must not see two documents.
        """
        return self.checked(self.xml(name), name, kind)

    def checked(self, root: Element, name: str, kind: str) -> Element:
        """`root` itself, if it is what `part` promises. Raises `BadPart`."""
        namespace, local = split(root.tag)
        if local != kind:
            raise BadPart("part-unexpected", f"{name} is {local[:40]}, not {kind}")
        if is_nonstandard(root):
            self.flags.add(NONSTANDARD)
        elif namespace != NAMESPACE:
            raise BadPart("namespace-unknown", f"{name}: {namespace[:80]}")
        for tag in {element.tag for element in root.iter()}:
            if split(tag)[0] not in (namespace, NAMESPACE):
                raise BadPart("namespace-foreign", f"{name}: {str(tag)[:80]}")
        return root


def is_nonstandard(root: Element) -> bool:
    """Whether a part is of a namespace that was used before the standard's; it is flagged."""
    return split(root.tag)[0] in _OLD_NAMESPACES


def open_package(archive: Archive) -> Package:
    """The package in `archive`: folders are left out."""
    return Package(archive, frozenset(archive.names))


@few(256)  # a document has few names, and many elements
def split(tag: str | bytes | bytearray | QName) -> tuple[str, str]:
    """Namespace and local name of a tag."""
    text = str(tag)
    if text.startswith("{"):
        namespace, _, local = text[1:].partition("}")
        return namespace, local
    return "", text


def local_name(element: Element) -> str:
    """The name of an element without its namespace."""
    return split(element.tag)[1]


def by_name(element: Element) -> dict[str, list[Element]]:
    """The children by their local names, in order."""
    found: dict[str, list[Element]] = {}
    for child in element:
        found.setdefault(split(child.tag)[1], []).append(child)
    return found


def children(element: Element, name: str) -> list[Element]:
    """The children of that local name, in order."""
    return [child for child in element if split(child.tag)[1] == name]


def only(element: Element, name: str) -> Element | None:
    """The one child of that name, or None. Raises `BadPart` on a second one: readers would take different ones."""
    return only_of(by_name(element), name, element)


def only_of(found: Mapping[str, Sequence[Element]], name: str, parent: Element) -> Element | None:
    """The one of that name among the children of `parent`, or None. Raises `BadPart` as `only` does."""
    named = found.get(name, ())
    if len(named) > 1:
        raise BadPart("element-repeated", f"{local_name(parent)} has {len(named)} {name}")
    return named[0] if named else None


def text_of(element: Element) -> str:
    """The text of an element without children, without surrounding white space. Raises `BadPart`."""
    if len(element):
        raise BadPart("element-unexpected", f"{local_name(element)} has children instead of text")
    return (element.text or "").strip()


def normal_path(location: str) -> tuple[str, bool]:
    """A location (ST_Loc) without `.` and `..`, and whether it starts at the root. Raises `BadPath`.

    Refused: backslash, NUL, a drive letter or scheme, percent-encoding, an empty step, and `..` above the root of an
    absolute location. Relative ones keep leading `..`, for `resolve` to judge.
    """
    trimmed = location.strip()
    if not trimmed or any(mark in trimmed for mark in "\\\x00:%") or unicodedata.normalize("NFC", trimmed) != trimmed:
        raise BadPath("path-unsafe", location)
    absolute = trimmed.startswith("/")
    steps: list[str] = []
    for step in trimmed.removeprefix("/").split("/"):
        if not step:
            raise BadPath("path-unsafe", location)
        if step == ".":
            continue
        if step == ".." and steps and steps[-1] != "..":
            steps.pop()
        elif step == ".." and absolute:
            raise BadPath("path-unsafe", location)
        else:
            steps.append(step)
    return "/".join(steps), absolute


def candidates(location: str, base: str) -> tuple[str, ...]:
    """The entries that a location in the part `base` may mean: relative to its folder first, then from the root.

    Raises `BadPath` if the location is unsafe.
    """
    return _usual_candidates(location, base) if len(location) <= _USUAL else _candidates(location, base)


def _candidates(location: str, base: str) -> tuple[str, ...]:
    path, absolute = normal_path(location)
    if absolute:
        return (path,)
    folder = base.rsplit("/", 1)[0] if "/" in base else ""
    steps = folder.split("/") if folder else []
    rest = path
    while rest == ".." or rest.startswith("../"):
        if not steps:
            raise BadPath("path-unsafe", location)
        steps.pop()
        rest = rest[3:]
    relative = "/".join((*steps, rest)) if rest else "/".join(steps)
    return (relative,) if path.startswith("..") or relative == path else (relative, path)


_usual_candidates = few(4096)(_candidates)  # the packages of one producer have the same locations


def resolve(package: Package, location: str, base: str) -> str:
    """The one entry that a location in the part `base` means. Raises `BadPath`: unsafe, missing, or ambiguous."""
    names = candidates(location, base)
    found = names if len(names) == 1 and names[0] in package.files else [one for one in names if one in package.files]
    if not found:
        raise BadPath("path-missing", location)
    if len(found) > 1:
        raise BadPath("path-ambiguous", location)
    return found[0]
