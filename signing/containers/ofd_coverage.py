"""Which parts of an OFD package a reader reaches from its roots (GB/T 33190-2016 sections 7 to 17).

Whatever a reader may show must be under the signature. A location that two readers may resolve differently counts as
both entries; a part that cannot be read counts as hiding something.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from signing.containers.ofd_package import (
    BadPart,
    BadPath,
    Element,
    Package,
    candidates,
    local_name,
    split,
)
from signing.kept import Kept
from untrusted import Refused

_MOST_PARTS = 10_000
_MOST_MISSING = 100
_PAGE_RESOURCES = b"PageRes"
_PHYSICAL_BOX = b"PhysicalBox"
_BOX = re.compile(rb"<(?:[A-Za-z0-9_.-]{1,40}:)?PhysicalBox>([^<]{1,100})</")

# In a part of this kind, an element of this name leads, by this attribute or by its text (""), to a part of that kind.
_LEADS: dict[str, dict[str, tuple[tuple[str, str], ...]]] = {
    "Document": {
        "Page": (("BaseLoc", "Page"),),
        "TemplatePage": (("BaseLoc", "Page"),),
        "PublicRes": (("", "Res"),),
        "DocumentRes": (("", "Res"),),
        "Annotations": (("", "Annotations"),),
        "Attachments": (("", "Attachments"),),
        "CustomTags": (("", "CustomTags"),),
        "Extensions": (("", "Extensions"),),
    },
    "Page": {"PageRes": (("", "Res"),)},
    "Res": {
        "FontFile": (("", "leaf"),),
        "MediaFile": (("", "leaf"),),
        "ColorSpace": (("Profile", "leaf"),),
    },
    "Annotations": {"FileLoc": (("", "leaf"),)},
    "Attachments": {"FileLoc": (("", "leaf"),), "Attachment": (("", "leaf"),)},
    "CustomTags": {"FileLoc": (("", "leaf"),), "SchemaLoc": (("", "leaf"),)},
    "Extensions": {"ExtendData": (("", "leaf"),)},
    "DocVersion": {"File": (("", "leaf"),), "DocRoot": (("", "Document"),)},
}


@dataclass(slots=True)
class Reach:
    """What is reached: `parts` in the order found, locations that lead nowhere, parts that could not be read.

    `pages` maps the identifier of a page to its entry; `page_size` is that of the document, in millimetres.
    """

    parts: dict[str, None] = field(default_factory=dict)
    missing: list[str] = field(default_factory=list)
    unreadable: list[str] = field(default_factory=list)
    pages: dict[str, str] = field(default_factory=dict)
    page_size: tuple[float, float, float, float] | None = None


def reach(package: Package, roots: tuple[str, ...], versions: tuple[str, ...]) -> Reach:
    """Everything that is reached from the document roots and from the version list, if there is one."""
    try:
        entrances = tuple(package.read(name) for name in (*roots, *versions))
    except Refused:
        return _reach(package, roots, versions, [])
    asked = (roots, versions, entrances, package.files)
    weight = package.weight() + sum(map(len, entrances)) + _LARGEST_WAY
    way = _WAYS.get(asked, lambda: _find_way(package, roots, versions), weight)
    return way.found if way.leads_through(package) else _reach(package, roots, versions, [])


_Step = tuple[str, bytes | None]
"""A part that was read on the way; of a page without resources of its own, which leads nowhere, only that (None)."""


@dataclass(frozen=True, slots=True)
class _Way:
    """What was reached in one package, and the parts that led there: where they say the same, the same is reached."""

    found: Reach
    steps: tuple[_Step, ...] | None

    def leads_through(self, package: Package) -> bool:
        """Whether the parts of `package` say what these did."""
        try:
            return self.steps is not None and all(
                _PAGE_RESOURCES not in package.read(name) if octets is None else package.read(name) == octets
                for name, octets in self.steps
            )
        except Refused:
            return False


_LARGEST_WAY = 32 << 10
_WAYS: Kept[Any, _Way] = Kept(512, 32 << 20)


def _find_way(package: Package, roots: tuple[str, ...], versions: tuple[str, ...]) -> _Way:
    steps: list[_Step] = []
    found = _reach(package, roots, versions, steps)
    size = sum(len(name) + len(octets or b"") for name, octets in steps)
    return _Way(found, tuple(steps) if size <= _LARGEST_WAY and not found.unreadable else None)


def _reach(package: Package, roots: tuple[str, ...], versions: tuple[str, ...], steps: list[_Step]) -> Reach:
    found = Reach()
    queue = [(root, "Document") for root in roots] + [(version, "DocVersion") for version in versions]
    seen: set[tuple[str, str]] = set()
    while queue:
        step = queue.pop()
        if step in seen:
            continue
        seen.add(step)
        name, kind = step
        found.parts[name] = None
        if kind == "leaf":
            continue
        if len(seen) > _MOST_PARTS:
            found.unreadable.append(name)
            break
        try:
            queue.extend(_follow(package, name, kind, found, steps))
        except (BadPart, Refused):
            found.unreadable.append(name)
    return found


def _follow(package: Package, name: str, kind: str, found: Reach, steps: list[_Step]) -> Iterator[tuple[str, str]]:
    """The parts that one part leads to."""
    octets = package.read(name)
    if kind == "Page" and _PAGE_RESOURCES not in octets:
        steps.append((name, None))
        return  # a page without resources of its own leads nowhere; it need not be parsed
    steps.append((name, octets))
    part = _PARTS.get((kind, octets), lambda: _read_part(package.xml(name), kind), len(octets))
    found.page_size = found.page_size or part.page_size
    for lead in part.leads:
        names = _existing(package, lead.location, name, part.folder)
        if not names and len(found.missing) < _MOST_MISSING:
            found.missing.append(lead.location.strip()[:200])
        for one in names:
            if lead.page is not None:
                found.pages.setdefault(lead.page, one)
            yield one, lead.target


@dataclass(frozen=True, slots=True)
class _Lead:
    """One location in a part: what kind of part it leads to, and of which page, by its identifier, that is."""

    location: str
    target: str
    page: str | None


@dataclass(frozen=True, slots=True)
class _Part:
    """What a part says by itself: templates and resources are the same in all documents of their producer."""

    leads: tuple[_Lead, ...]
    folder: str | None
    page_size: tuple[float, float, float, float] | None


_PARTS: Kept[tuple[str, bytes], _Part] = Kept(1024, 16 << 20)


def _read_part(root: Element, kind: str) -> _Part:
    leads, found = _LEADS[kind], []
    by_tag = {tag: leads[local] for tag in {str(one.tag) for one in root.iter()} if (local := split(tag)[1]) in leads}
    for element in root.iter(*by_tag) if by_tag else ():
        is_page = kind == "Document" and local_name(element) == "Page"
        for attribute, target in by_tag[str(element.tag)]:
            location = element.get(attribute) if attribute else element.text
            if location is not None and location.strip():
                found.append(_Lead(location, target, element.get("ID", "") if is_page else None))
    return _Part(
        tuple(found),
        root.get("BaseLoc") if kind == "Res" else None,
        _physical_box(root) if kind == "Document" else None,
    )


def _existing(package: Package, location: str, base: str, folder: str | None) -> list[str]:
    """Each entry that a reader may take a location for: with and without the folder of its resource list."""
    names: list[str] = []
    spellings = (
        [location] if not folder or location.strip().startswith("/") else [f"{folder.strip()}/{location.strip()}"]
    )
    if folder:
        spellings.append(location)
    for spelling in spellings:
        try:
            names.extend(name for name in candidates(spelling.replace("//", "/"), base) if name in package.files)
        except BadPath:
            continue  # no reader may follow it; if one does, what it finds is an entry that nobody signed
    return list(dict.fromkeys(names))


def _physical_box(root: Element) -> tuple[float, float, float, float] | None:
    """The first PhysicalBox below an element: x, y, width, height in millimetres."""
    for element in root.iter():
        if local_name(element) == "PhysicalBox":
            return read_box(element.text or "")
    return None


def page_box(package: Package, found: Reach, page: str) -> tuple[float, float, float, float] | None:
    """The box of a page: its own, or the document's; None if unknown.

    Found without reading the page, which may be large: it only tells where a picture stands, and decides nothing.
    """
    name = found.pages.get(page)
    if name is None:
        return None
    try:
        octets = package.read(name)
    except Refused:
        return None
    own = _BOX.search(octets) if _PHYSICAL_BOX in octets else None
    return (read_box(own[1].decode("ascii", errors="replace")) if own else None) or found.page_size


def read_box(text: str) -> tuple[float, float, float, float] | None:
    """An ST_Box: four numbers; None if it is not that."""
    parts = text.split()
    try:
        numbers = tuple(float(part) for part in parts)
    except ValueError:
        return None
    if len(numbers) != 4 or any(not -1e6 < number < 1e6 for number in numbers):
        return None
    return (numbers[0], numbers[1], numbers[2], numbers[3])
