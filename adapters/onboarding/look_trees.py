"""XML and JSON: where the rows stand in the tree, and which leaves they have."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lxml import etree
from lxml.etree import _Element

from adapters.amounts import Literal
from adapters.onboarding.known import named
from adapters.onboarding.sample import MOST_ROWS, Container, Field, Listed, NotASample, Place, Sample
from untrusted import Refused, read_json, read_xml

_KEYS = frozenset({"policy_no", "invoice.invoice_no"})
_BOM = b"\xef\xbb\xbf"


@dataclass(slots=True)
class Knot:
    """A name of the tree: what stands in it, or its text. `many` says that it stands in an array."""

    name: str
    where: str
    kids: list["Knot"] = field(default_factory=list)
    text: str | None = None
    many: bool = False

    def leaves(self, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], "Knot"]]:
        """The leaves below, with the names on the way."""
        for kid in self.kids:
            if kid.text is not None:
                yield (*path, kid.name), kid
            else:
                yield from kid.leaves((*path, kid.name))


def read_xml_sample(path: Path, data: bytes) -> Sample:
    """The document: its rows are the elements around what looks like a policy or invoice number."""
    root = read_xml(data, encodings=frozenset({"utf-8", "gb18030"}))
    namespaces = {etree.QName(element).namespace or "" for element in root.iter()}
    namespace = etree.QName(root).namespace or ""
    if namespaces != {namespace}:
        raise NotASample("names of several namespaces: such a message needs a format of its own (adapters/soap.py)")
    declared = b"encoding=" in data[:200] and any(
        name in data[:200].upper() for name in (b"GBK", b"GB2312", b"GB18030")
    )
    sample = _tree_sample(path, "XML", _knot(root, f"/{_local(root)}"), "/")
    sample.encodings = ("gb18030", "utf-8") if declared else ("utf-8",)
    sample.root, sample.namespace = _local(root), namespace
    return sample


def _local(element: _Element) -> str:
    return etree.QName(element).localname


def _knot(element: _Element, where: str) -> Knot:
    knot = Knot(_local(element), where)
    attributes = {str(name): str(value) for name, value in element.attrib.items()}
    knot.kids += [Knot(f"@{name}", f"{where}/@{name}", text=value) for name, value in attributes.items()]
    for child in element:
        knot.kids.append(_knot(child, f"{where}/{_local(child)}"))
    if not knot.kids:
        knot.text = element.text or ""
    return knot


def read_json_sample(path: Path, data: bytes) -> Sample:
    """The document, or one document a line."""
    is_lines = False
    try:
        value = read_json(data, number=Literal, bom_allowed=True)
    except Refused:
        lines = [line for line in data.removeprefix(_BOM).split(b"\n") if line.strip()]
        value, is_lines = [read_json(line, number=Literal) for line in lines], True
    root = Knot("", "")
    if isinstance(value, list):
        root.kids = [_member("", item, f"/{at}") for at, item in enumerate(value)]
        if any(kid.text is not None for kid in root.kids):
            raise NotASample("the array holds no objects")
    else:
        root = _member("", value, "")
    sample = _tree_sample(path, "JSON", root, ".", whole=isinstance(value, list))
    sample.encodings, sample.is_lines = ("utf-8",), is_lines
    return sample


def _member(name: str, value: Any, where: str, *, many: bool = False) -> Knot:
    knot = Knot(name, where or "/", many=many)
    if isinstance(value, dict):
        for key, item in value.items():
            if isinstance(item, list):
                knot.kids += [_member(key, part, f"{where}/{key}/{at}", many=True) for at, part in enumerate(item)]
            else:
                knot.kids.append(_member(key, item, f"{where}/{key}"))
    else:
        knot.text = "" if value is None else "true" if value is True else "false" if value is False else str(value)
    return knot


def _tree_sample(path: Path, container: Container, root: Knot, separator: str, *, whole: bool = False) -> Sample:
    """Rows by place. `whole`: the rows are what stands in the root, whatever it is."""
    found = {"": root.kids} if whole else _rows(root, separator)
    places = [_place(at, knots, separator) for at, knots in found.items()]
    sample = Sample(path, container, (), places)
    sample.outside = tuple(_outside(root, set(found), separator)) if "" not in found else ()
    for one in places:
        sample.said.append(f"{one.rows} 行 row(s) at {one.at or '/'}")
    return sample


def _rows(root: Knot, separator: str) -> dict[str, list[Knot]]:
    """Where rows stand: around each key, up to where the next key begins or nothing that is known is added."""
    found: dict[str, list[Knot]] = {}
    _search(root, (), found, separator)
    if not found:
        return {"": [root]}
    return found


def _search(knot: Knot, path: tuple[str, ...], found: dict[str, list[Knot]], separator: str) -> None:
    """A row is the highest knot with one key in it whose other parts hold known names too."""
    if knot.text is not None or not _keys_in(knot):
        return
    inner = [kid for kid in knot.kids if kid.text is None and _keys_in(kid)]
    own = [kid for kid in knot.kids if kid not in inner]
    is_row = _keys_in(knot) == 1 and any(
        named("/".join((*path, *way))) or named(way[-1])
        for kid in own
        for way, _ in ([((kid.name,), kid)] if kid.text is not None else kid.leaves((kid.name,)))
    )
    if is_row or not inner:
        found.setdefault(separator.join(path), []).append(knot)
        return
    for kid in inner:
        _search(kid, (*path, kid.name), found, separator)


def _keys_in(knot: Knot) -> int:
    return sum(any(target.field in _KEYS for target in named(way[-1])) for way, _ in knot.leaves())


def _place(at: str, knots: list[Knot], separator: str) -> Place:
    """The fields of these rows; what stands several times in one of them is a list."""
    place = Place(at, [], rows=len(knots))
    knots = knots[:MOST_ROWS]
    many = {way for knot in knots for way in _repeated(knot, ())}
    fields: dict[str, Field] = {}
    listed: dict[str, Listed] = {}
    for row, knot in enumerate(knots, 1):
        for way, leaf in knot.leaves():
            over = next((way[:depth] for depth in range(1, len(way) + 1) if way[:depth] in many), None)
            if over is not None:
                path = separator.join(over)
                one = listed.setdefault(path, Listed(path, {}))
                one.fields.setdefault(separator.join(way[len(over) :]), leaf.text or "")
                continue
            name = separator.join(way)
            known = fields.setdefault(name, Field(name, name))
            if (leaf.text or "").strip():
                known.values.append((leaf.text or "", leaf.where, row))
    place.fields, place.lists = list(fields.values()), list(listed.values())
    return place


def _repeated(knot: Knot, path: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    names = Counter(kid.name for kid in knot.kids)
    for kid in knot.kids:
        if kid.many or names[kid.name] > 1:
            yield (*path, kid.name)
        elif kid.text is None:
            yield from _repeated(kid, (*path, kid.name))


def _outside(root: Knot, places: set[str], separator: str) -> Iterator[str]:
    """What stands outside of rows: the highest names in which no rows are."""
    seen: set[str] = set()

    def walk(knot: Knot, path: str) -> Iterator[str]:
        for kid in knot.kids:
            name = f"{path}{kid.name}"
            if name in places or name in seen:
                continue
            if any(place.startswith(f"{name}{separator}") for place in places):
                yield from walk(kid, f"{name}{separator}")
            else:
                seen.add(name)
                yield name

    yield from walk(root, "")
