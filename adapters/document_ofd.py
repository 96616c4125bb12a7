"""The text and the structured parts of an OFD document (GB/T 33190-2016), only what its Document.xml reaches.

What a stranger puts into the archive beside that is never looked at. Text that a reader of the page cannot see is kept
apart: it is no statement.
"""

import posixpath
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import pairwise

from lxml import etree

from adapters.document_model import GAP, MAX_CHARACTERS, MAX_OBJECTS, MAX_PAGES, Line, Unusable
from untrusted import DOCUMENT, Archive, Refused, open_zip, read_plain_xml, read_xml

_NAMESPACE = "http://www.ofdspec.org/2016"
_SAME_LINE = 1.0  # mm between the baselines of what stands on one line
_SMALLEST = 0.5  # mm of font size, or of extent, that can be seen at all
_WHITE = 245  # of 255

Element = etree._Element
_Box = tuple[float, float, float, float]


@dataclass(slots=True)
class OfdContent:
    """What a document holds: visible lines, hidden ones, attached XML by part name, and custom tag trees.

    `texts` are the visible text objects by page id and object id, to which custom tags refer; `datas` the CustomData of
    OFD.xml (GB/T 33190 section 7.4), name and text.
    """

    lines: list[Line] = field(default_factory=list)
    hidden: list[Line] = field(default_factory=list)
    attachments: list[tuple[str, Element]] = field(default_factory=list)
    tags: list[tuple[str, Element]] = field(default_factory=list)
    texts: dict[tuple[str, str], str] = field(default_factory=dict)
    datas: list[tuple[str, str]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Piece:
    """One text object: its id, where it starts and ends, its baseline, its size, in mm."""

    name: str
    text: str
    left: float
    right: float
    baseline: float
    size: float
    visible: bool


def read_ofd(data: bytes) -> OfdContent:
    """The content of the one document in the package. Raises `Unusable`."""
    try:
        return _Package(open_zip(data, limits=DOCUMENT)).content()
    except Refused as error:
        raise Unusable("container", error.where, refused=error.rule, because=error.reason) from error


class _Package:
    """The archive while it is read."""

    def __init__(self, archive: Archive) -> None:
        self._archive = archive
        self._characters = 0
        self._objects = 0
        self._content = OfdContent()

    def content(self) -> OfdContent:
        root = self._tree("OFD.xml")
        bodies = _children(root, "DocBody")
        if len(bodies) != 1 or _children(bodies[0], "Versions"):
            raise Unusable("several-documents", "OFD.xml")
        self._content.datas = [
            (one.get("Name", ""), one.text or "")
            for info in _children(bodies[0], "DocInfo")
            for datas in _children(info, "CustomDatas")
            for one in _children(datas, "CustomData")
        ]
        document_name = self._reach("OFD.xml", _required(bodies[0], "DocRoot", "OFD.xml"))
        document = self._tree(document_name)
        common = _children(document, "CommonData")
        templates = {
            page.get("ID", ""): self._reach(document_name, page.get("BaseLoc", ""))
            for data in common
            for page in _children(data, "TemplatePage")
        }
        area = next((box for data in common for box in _children(data, "PageArea")), None)
        notes = self._annotations(document_name, document)
        pages = [page for holder in _children(document, "Pages") for page in _children(holder, "Page")]
        if len(pages) > MAX_PAGES:
            raise Unusable("too-large", document_name, pages=str(len(pages)))
        for number, page in enumerate(pages, 1):
            self._page(number, page, document_name, templates, area, notes.get(page.get("ID", ""), []))
        self._content.attachments.extend(self._attachments(document_name, document))
        self._content.tags.extend(self._tags(document_name, document))
        return self._content

    def _page(
        self,
        number: int,
        page: Element,
        document_name: str,
        templates: dict[str, str],
        area: Element | None,
        notes: list[Element],
    ) -> None:
        identifier = page.get("ID", "")
        root = self._tree(self._reach(document_name, page.get("BaseLoc", "")))
        box = _box(next(iter(_children(root, "Area")), area))
        sources = [root]
        for used in _children(root, "Template"):
            if used.get("TemplateID", "") not in templates:
                raise Unusable("structure", document_name, missing="TemplatePage")
            sources.append(self._tree(templates[used.get("TemplateID", "")]))
        pieces: list[_Piece] = []
        for source in [*sources, *notes]:
            for item in source.iter(f"{{{_NAMESPACE}}}TextObject"):
                piece = self._piece(item, box)
                if piece.text.strip():
                    pieces.append(piece)
                    if piece.visible and source is root:
                        self._content.texts[identifier, item.get("ID", "")] = piece.text
        for lines, seen in ((self._content.lines, True), (self._content.hidden, False)):
            texts = _lines(piece for piece in pieces if piece.visible is seen)
            lines.extend(Line(number, place, text, objects) for place, (text, objects) in enumerate(texts, 1))

    def _piece(self, item: Element, box: _Box | None) -> _Piece:
        self._objects += 1
        if self._objects > MAX_OBJECTS:
            raise Unusable("too-large", objects=str(self._objects))
        left, top, width, height = boundary = _numbers(item.get("Boundary", ""), 4)
        size = _number(item.get("Size", ""))
        turned = _numbers(item.get("CTM", "1 0 0 1 0 0"), 6)
        parts, right, baseline, inside = [], left, top + size, True
        for code in _children(item, "TextCode"):
            text = code.text or ""
            self._characters += len(text)
            if self._characters > MAX_CHARACTERS:
                raise Unusable("too-large", characters=str(self._characters))
            parts.append(text)
            x, y = _number(code.get("X", "0")), _number(code.get("Y", str(size)))
            across = turned[0] * x + turned[2] * y + turned[4]
            down = turned[1] * x + turned[3] * y + turned[5]
            inside = inside and -size <= across <= width and 0 <= down <= height + size
            baseline = top + down
            right = max(right, left + across + _advance(code.get("DeltaX", ""), len(text)) + size)
        scale = abs(turned[0] * turned[3] - turned[1] * turned[2]) ** 0.5
        visible = inside and size * scale > _SMALLEST and _shown(item) and _on_page(boundary, box)
        return _Piece(item.get("ID", ""), "".join(parts), left, right, baseline, size, visible)

    def _annotations(self, document_name: str, document: Element) -> dict[str, list[Element]]:
        """What annotations draw upon a page, by page id."""
        drawn: dict[str, list[Element]] = {}
        for listed in _children(document, "Annotations"):
            list_name = self._reach(document_name, listed.text or "")
            for page in _children(self._tree(list_name), "Page"):
                for location in _children(page, "FileLoc"):
                    tree = self._tree(self._reach(list_name, location.text or ""))
                    drawn.setdefault(page.get("PageID", ""), []).append(tree)
        return drawn

    def _attachments(self, document_name: str, document: Element) -> Iterator[tuple[str, Element]]:
        """Attached XML; other attachments are nothing to read."""
        for listed in _children(document, "Attachments"):
            list_name = self._reach(document_name, listed.text or "")
            for attachment in _children(self._tree(list_name), "Attachment"):
                for location in _children(attachment, "FileLoc"):
                    name = self._reach(list_name, location.text or "")
                    if name.lower().endswith(".xml"):
                        yield name, self._tree(name)

    def _tags(self, document_name: str, document: Element) -> Iterator[tuple[str, Element]]:
        for listed in _children(document, "CustomTags"):
            list_name = self._reach(document_name, listed.text or "")
            for tag in _children(self._tree(list_name), "CustomTag"):
                for location in _children(tag, "FileLoc"):
                    name = self._reach(list_name, location.text or "")
                    yield name, self._tag_tree(name)

    def _tag_tree(self, name: str) -> Element:
        """A tree of custom tags, which is told by local names: its producers often declare no prefix at all."""
        data = self._archive.read(name)
        try:
            return read_xml(data, limits=DOCUMENT)
        except Refused as error:
            if error.rule != "xml.malformed":
                raise
        return read_plain_xml(data, limits=DOCUMENT)

    def _tree(self, name: str) -> Element:
        if name not in self._archive:  # only the entrance itself: every other name was reached
            raise Unusable("structure", missing=name)
        return read_xml(self._archive.read(name), limits=DOCUMENT)

    def _reach(self, base: str, location: str) -> str:
        """The part that `location` in the part `base` names (ST_Loc, GB/T 33190 section 7.3).

        `/` is the root of the package; otherwise it stands beside `base`, or, as some producers write, below the root.
        Where both exist it is unknown which is meant.
        """
        text = location.strip()
        if not text or "\\" in text or "\0" in text or ":" in text:
            raise Unusable("structure", base, location=text[:200])
        if text.startswith("/"):
            candidates = [posixpath.normpath(text.lstrip("/"))]
        else:
            beside = posixpath.normpath(posixpath.join(posixpath.dirname(base), text))
            candidates = list(dict.fromkeys((beside, posixpath.normpath(text))))
        found = [name for name in candidates if not name.startswith("..") and name in self._archive]
        if len(found) != 1:
            raise Unusable("ambiguous-path" if found else "structure", base, location=text[:200])
        return found[0]


@dataclass(frozen=True, slots=True)
class TagLeaf:
    """A leaf of a custom tag tree: its path below the root, the text of the objects to which it refers, and which.

    No text: it refers to an object that is not there, or that nobody sees.
    """

    path: str
    text: str | None
    objects: tuple[str, ...]


def tag_leaves(root: Element, texts: dict[tuple[str, str], str]) -> Iterator[TagLeaf]:
    """The leaves of a custom tag tree that refer to objects of the pages."""
    for element in root.iter(etree.Element):
        references = [child for child in element if _local(child) == "ObjectRef"]
        if references:
            named = [(one.get("PageRef", ""), (one.text or "").strip()) for one in references]
            found = [texts.get(name) for name in named]
            text = None if None in found else "".join(text for text in found if text is not None)
            yield TagLeaf(path(element), text, tuple(name for _, name in named))


def path(element: Element) -> str:
    """The path of an element below its root, without namespaces."""
    names = [_local(element)]
    for above in element.iterancestors():
        names.append(_local(above))
    return "/".join(reversed(names[:-1]))


def _local(element: Element) -> str:
    return etree.QName(element).localname


def _children(element: Element, name: str) -> list[Element]:
    return list(element.iterchildren(f"{{{_NAMESPACE}}}{name}"))


def _required(element: Element, name: str, where: str) -> str:
    found = _children(element, name)
    if len(found) != 1 or not (found[0].text or "").strip():
        raise Unusable("structure", where, missing=name)
    return found[0].text or ""


def _numbers(text: str, count: int) -> list[float]:
    parts = text.split()
    if len(parts) != count:
        raise Unusable("structure", number=text[:100])
    return [_number(part) for part in parts]


def _number(text: str) -> float:
    try:
        number = float(text)
    except ValueError as error:
        raise Unusable("structure", number=text[:100]) from error
    if not abs(number) < 1e6:
        raise Unusable("structure", number=text[:100])
    return number


def _box(area: Element | None) -> _Box | None:
    for box in _children(area, "PhysicalBox") if area is not None else ():
        left, top, width, height = _numbers(box.text or "", 4)
        return left, top, width, height
    return None


def _advance(deltas: str, characters: int) -> float:
    """How far the last character stands behind the first: `3.5 3.5 g 4 1.75` (GB/T 33190 section 11.3)."""
    parts = deltas.split()
    if "g" not in parts:
        return sum(map(_number, parts[:characters]))
    total, used, at = 0.0, 0, 0
    while at < len(parts) and used < characters:
        if parts[at] == "g" and at + 2 < len(parts):
            count, step, at = int(_number(parts[at + 1])), _number(parts[at + 2]), at + 3
        else:
            count, step, at = 1, _number(parts[at]), at + 1
        count = max(0, min(count, characters - used))
        total += step * count
        used += count
    return total


def _shown(item: Element) -> bool:
    """Neither the object nor anything around it is invisible or transparent, and its ink is not that of the paper."""
    chain = [item, *item.iterancestors()]
    if any(one.get("Visible", "true") in ("false", "0") or one.get("Alpha", "255") == "0" for one in chain):
        return False
    return not any(colour.get("Alpha", "255") == "0" or _is_white(colour) for colour in _children(item, "FillColor"))


def _is_white(colour: Element) -> bool:
    channels = colour.get("Value", "").split()
    return len(channels) in (1, 3) and all(channel.isdecimal() and int(channel[:4]) >= _WHITE for channel in channels)


def _on_page(boundary: list[float], box: _Box | None) -> bool:
    """Whether the boundary of an object has an extent, and lies on the page at least in part."""
    left, top, width, height = boundary
    if width <= _SMALLEST or height <= _SMALLEST:
        return False
    if box is None:
        return left + width > 0 and top + height > 0
    return box[0] < left + width and left < box[0] + box[2] and box[1] < top + height and top < box[1] + box[3]


def _lines(pieces: Iterable[_Piece]) -> Iterator[tuple[str, tuple[tuple[int, str], ...]]]:
    """The pieces as lines from top to bottom, each from left to right; a gap between two is two spaces.

    With each line the objects that draw it, by where in the text they begin.
    """
    ordered = sorted(pieces, key=lambda piece: (piece.baseline, piece.left))
    row: list[_Piece] = []
    for piece in ordered:
        if row and piece.baseline - row[0].baseline > _SAME_LINE:
            yield _joined(row)
            row = []
        row.append(piece)
    if row:
        yield _joined(row)


def _joined(row: list[_Piece]) -> tuple[str, tuple[tuple[int, str], ...]]:
    row = sorted(row, key=lambda piece: piece.left)
    text, begins = row[0].text, [0]
    for before, piece in pairwise(row):
        text += "" if piece.left - before.right < 0.3 * piece.size else GAP
        begins.append(len(text))
        text += piece.text
    lead = len(text) - len(text.lstrip())
    names = (piece.name for piece in row)
    return text.strip(), tuple((max(begin - lead, 0), name) for begin, name in zip(begins, names, strict=True))
