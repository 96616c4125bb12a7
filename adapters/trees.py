"""Accounting for trees: each leaf is taken, ignored by name, or reported (DIALECTS 0.10). XML and JSON alike."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from math import inf
from typing import Any

from lxml.etree import XPath, _Element

from adapters.amounts import Literal
from adapters.facts import Cells
from adapters.mapping import Choice, Each, Rows, Shape, Source
from adapters.problems import Unreadable

_NO_NAMES: frozenset[str] = frozenset()
XSI = "{http://www.w3.org/2001/XMLSchema-instance}"


class Unknown(list[str]):
    """The names that a mapping does not account for; of very many only the first are kept, for one refuses the row."""

    MOST = 1000
    LONGEST = 300

    def append(self, name: str) -> None:
        """Note a name; what is longer than any name is cut."""
        if len(self) < self.MOST:
            super().append(name[: self.LONGEST])


@dataclass(slots=True)
class Node:
    """One name of the tree that a mapping describes: a leaf, a list, an object kept for later, ignored, or a group."""

    children: dict[str, "Node"] = field(default_factory=dict)
    leaf: str | None = None
    many: bool = False
    either: bool = False  # one value, or a list of such
    anything: bool = False
    single: bool = False  # of a list: in JSON its one element may stand without the list
    each: str | None = None
    later: str | None = None
    ignored: bool = False
    simple: dict[str, str] = field(default_factory=dict)  # the children that are single values, and their keys


def tree(rows: Rows, separator: str) -> Node:
    """What stands in a row of these, by name."""
    root = Node()
    _add_sources(root, rows.reads.values(), separator)
    for choice in rows.choices:
        _add_choice(root, choice, separator)
    _add_ignored(root, rows.ignores, separator)
    return root


def shape_tree(shape: Shape, separator: str) -> Node:
    """What stands in the object whose fields are those of one shape."""
    root = Node()
    _add_shape(root, shape, separator)
    return root


def outside_tree(ignores: Iterable[str], places: Iterable[str], separator: str) -> Node:
    """What stands outside of rows: the containers of rows, and what is ignored by name."""
    root = Node()
    for place in places:
        _at(root, place, separator).each = place
    _add_ignored(root, ignores, separator)
    return root


def _add_choice(root: Node, choice: Choice, separator: str) -> None:
    if choice.each is not None:
        node = _at(root, choice.each, separator)
        node.each = choice.each
        root = node
    _add_sources(root, choice.reads.values(), separator)
    _add_sources(root, choice.asks.values(), separator)
    if choice.under is not None:
        _at(root, choice.under, separator).later = choice.under
        return
    for target in choice.shapes.values():
        if isinstance(target, Choice):
            _add_choice(root, target, separator)
        else:
            _add_shape(root, target, separator)


def _add_shape(root: Node, shape: Shape, separator: str) -> None:
    _add_sources(root, shape.takes.values(), separator)
    _add_sources(root, shape.asks.values(), separator)
    _add_ignored(root, shape.ignores, separator)


def _add_sources(root: Node, sources: Iterable[Source | Each], separator: str) -> None:
    for source in sources:
        node = _at(root, source.at if isinstance(source, Each) else source.name, separator)
        if isinstance(source, Each):
            node.each, node.single = source.at, source.several is not None
            _add_sources(node, source.takes.values(), separator)
            _add_sources(node, source.asks.values(), separator)
            _add_ignored(node, source.ignores, separator)
            continue
        node.leaf, node.many = source.name, source.many
        node.anything, node.either = source.kind.nature == "any", source.kind.nature == "list"
        if not source.many:
            group, _, name = source.name.rpartition(separator)
            (_at(root, group, separator) if group else root).simple[name] = source.name
        if source.when is not None:
            _at(root, source.when[0], separator).leaf = source.when[0]


def _add_ignored(root: Node, names: Iterable[str], separator: str) -> None:
    for name in names:
        _at(root, name, separator).ignored = True


def _at(root: Node, path: str, separator: str) -> Node:
    node = root
    for name in path.split(separator):
        node = node.children.setdefault(name, Node())
    return node


def qualified(node: Node, prefix: str) -> Node:
    """The same tree with the names of its elements in a namespace, `{uri}`."""
    if not prefix:
        return node
    children = {
        name if name.startswith("@") else prefix + name: qualified(child, prefix)
        for name, child in node.children.items()
    }
    return replace(node, children=children)


_ATTRIBUTES = XPath("boolean(descendant-or-self::*/@*)")


def xml_cells(
    element: _Element, node: Node, where: str, unknown: Unknown, path: str = "", nothing: frozenset[str] = _NO_NAMES
) -> Cells:
    """The raw fields below `element`. What is neither taken nor ignored goes to `unknown`, by its path from the row.

    Attributes in `nothing` mean nothing at any element.
    """
    cells = Cells(where, {})
    _walk_xml(element, node, cells, path, unknown, nothing if _ATTRIBUTES(element) else None)
    return cells


def _walk_xml(
    element: _Element, node: Node, cells: Cells, path: str, unknown: Unknown, nothing: frozenset[str] | None
) -> None:
    """`nothing` is `None` if no element of the row has an attribute."""
    names, raws = node.children, cells.raws
    if nothing is not None and element.attrib:
        _attributes(element, names, cells, path, unknown, nothing)
    loose = element.text
    for child in element:
        if loose and not loose.isspace():
            unknown.append(path)
        loose = child.tail
        tag = child.tag
        known = names.get(tag)
        if known is None:
            unknown.append(_joined(path, _local(tag)))
        elif (key := known.leaf) is not None:
            if key in raws or len(child):
                unknown.append(_joined(path, _local(tag)))
                if key not in raws:
                    cells.misplaced.add(key)
                continue
            if nothing is not None and child.attrib:
                _attributes(child, known.children, cells, _joined(path, _local(tag)), unknown, nothing)
            raws[key] = child.text or ""
        elif known.ignored:
            continue
        elif (place := known.each) is not None:
            found = cells.lists.setdefault(place, [])
            inner = Cells(f"{cells.where}/{place}[{len(found) + 1}]", {})
            found.append(inner)
            _walk_xml(child, known, inner, _joined(path, _local(tag)), unknown, nothing)
        elif known.later is not None:
            if known.later in cells.objects:
                unknown.append(_joined(path, _local(tag)))
            cells.objects.setdefault(known.later, child)
        else:
            _walk_xml(child, known, cells, _joined(path, _local(tag)), unknown, nothing)
    if loose and not loose.isspace():
        unknown.append(path)


def _attributes(
    element: _Element, names: dict[str, Node], cells: Cells, path: str, unknown: Unknown, nothing: frozenset[str]
) -> None:
    for name, value in element.attrib.items():
        text = str(name)
        known = names.get(f"@{text}")
        if known is not None and known.leaf is not None:
            cells.raws[known.leaf] = str(value)
        elif known is None and text not in nothing and not text.startswith(XSI):
            unknown.append(_joined(path, "@" + _local(text)))


def _local(tag: str) -> str:
    return tag.rpartition("}")[2]


def _joined(path: str, name: str) -> str:
    return f"{path}/{name}" if path else name


def json_cells(value: dict[str, Any], node: Node, where: str, unknown: Unknown, path: str = "") -> Cells:
    """The raw fields of a JSON object. What is neither taken nor ignored goes to `unknown`, by its path."""
    cells = Cells(where, {})
    _walk_json(value, node, cells, path, unknown)
    return cells


def _walk_json(value: dict[str, Any], node: Node, cells: Cells, path: str, unknown: Unknown) -> None:
    names, simple, raws = node.children, node.simple, cells.raws
    for name, item in value.items():
        if type(item) is str and name in simple:  # what nearly every member is
            raws[simple[name]] = item
            continue
        known = names.get(name)
        if known is None:
            unknown.append(path + name)
        elif item is None or known.ignored:
            continue
        elif known.leaf is not None:
            many = known.many or (known.either and isinstance(item, list))
            if (type(item) is str and not many) or known.anything or _is_in_place(item, many=many):
                cells.raws[known.leaf] = item
            else:
                unknown.append(path + name)
                cells.misplaced.add(known.leaf)
        elif known.each is not None:
            _json_list(item, known, cells, f"{path}{name}", unknown)
        elif not isinstance(item, dict):
            unknown.append(path + name)
            if known.later is not None:
                cells.objects[known.later] = None
        elif known.later is not None:
            cells.objects[known.later] = item
        else:
            _walk_json(item, known, cells, f"{path}{name}.", unknown)


def _is_in_place(item: Any, *, many: bool) -> bool:
    if many:
        return isinstance(item, list) and not any(isinstance(part, dict | list) for part in item)
    return not isinstance(item, dict | list)


def _json_list(item: Any, known: Node, cells: Cells, path: str, unknown: Unknown) -> None:
    place = known.each or ""
    if known.single and isinstance(item, dict):
        cells.lists[place] = [json_cells(item, known, f"{cells.where}/{place.replace('.', '/')}", unknown, f"{path}.")]
        return
    if not isinstance(item, list) or any(not isinstance(part, dict | None) for part in item):
        unknown.append(path)
        return
    base = f"{cells.where}/{place.replace('.', '/')}"
    cells.lists[place] = [
        json_cells(part, known, f"{base}/{index}", unknown, f"{path}.")
        for index, part in enumerate(item)
        if part is not None
    ]


def plain(value: Any) -> Any:
    """A JSON value that is passed on: numbers as numbers again; null, empty lists and empty objects left out."""
    if isinstance(value, Literal):
        number = int(value) if value.lstrip("-").isdigit() else float(value)
        if abs(number) == inf:
            raise Unreadable("number.unreadable", "too-long")
        return number
    if isinstance(value, dict):
        found = {name: plain(item) for name, item in value.items() if item is not None}
        return {name: item for name, item in found.items() if item not in ({}, [])}
    if isinstance(value, list):
        return [plain(item) for item in value]
    return value
