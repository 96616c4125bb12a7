"""Bytes to rows, through `untrusted`: XML packets and JSON messages. Lists are in `tables`.

A format checks the framing of the whole file before it gives a row: what refuses the file is raised at `open`.
"""

import re
from collections import abc
from collections.abc import Callable, Hashable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any
from unicodedata import normalize

from lxml import etree
from lxml.etree import _Element

from adapters.again import Again
from adapters.amounts import Literal
from adapters.convert import is_null
from adapters.drafts import Row
from adapters.facts import Cells, SourceRow
from adapters.kinds import json_reader, reader
from adapters.mapping import Mapping, Rows, Shape, Source
from adapters.problems import Problem, reject
from adapters.reading import RowsPlan, plan
from adapters.trees import XSI, Node, Unknown, json_cells, outside_tree, qualified, shape_tree, tree, xml_cells
from untrusted import DEFAULT, FileBytes, Limits, Refused, read_json, read_xml

_BOM = b"\xef\xbb\xbf"


def unaccounted(names: Unknown, where: str) -> tuple[Problem, ...]:
    """What a row holds beyond its mapping; each name once."""
    return tuple(Problem("field.unaccounted", name, "R", "unknown", where=where) for name in dict.fromkeys(names))


@dataclass(frozen=True, slots=True)
class XmlPackets:
    """XML with a root, elements outside of rows that are ignored by name, and rows as elements at `Rows.at`.

    `needs` are children of the root without which this is another format; `encodings` as in `untrusted.read_xml`.
    """

    root: str
    needs: tuple[str, ...] = ()
    ignores: frozenset[str] = frozenset()
    encodings: frozenset[str] = frozenset({"utf-8"})
    name: str = "XML"
    separator: str = "/"

    def open(self, data: bytes, mapping: Mapping, file_name: str, media_type: str | None) -> "XmlFile":
        """The rows of the packet, once everything outside of them is accounted for."""
        del file_name, media_type
        root = read_xml(data, encodings=self.encodings)
        if "gb18030" in self.encodings and is_utf8_by_another_name(data):
            raise reject("encoding.undecodable", "not-gb18030", reader="The declaration says GBK, the bytes are UTF-8.")
        if root.tag != self.root:
            raise reject("dialect.unrecognised", "another-root", found=local_name(root), expected=self.root)
        if any(root.find(name) is None for name in self.needs):
            raise reject("dialect.unrecognised", "part-missing", expected=", ".join(self.needs))
        outside, plans = xml_plans(Same(mapping))
        found: list[tuple[str, str, _Element]] = []
        unknown = Unknown()
        collect(root, outside, f"/{self.root}", "", found, unknown)
        if unknown:
            raise reject("field.unaccounted", "unknown", unknown[0])
        return XmlFile(found, plans)


_GB_DECLARED = re.compile(rb"<\?xml[^>]{0,100}encoding\s{0,9}=\s{0,9}[\"'](?:GB18030|GBK|GB2312)[\"']", re.IGNORECASE)
_LEAST_OF_THREE_BYTES = "\u0800"


def is_utf8_by_another_name(data: bytes) -> bool:
    """Whether bytes that are declared to be GBK are UTF-8: as GBK they would read as other, meaningless characters.

    Chinese text in GBK is never UTF-8 of three-byte characters throughout, except for what is such a misreading itself.
    """
    if not _GB_DECLARED.match(data):
        return False
    try:
        beyond_ascii = set(data.decode("utf-8")) - _ASCII
    except UnicodeDecodeError:
        return False
    return bool(beyond_ascii) and min(beyond_ascii) >= _LEAST_OF_THREE_BYTES


_ASCII = frozenset(map(chr, range(128)))


def local_name(element: _Element) -> str:
    """The element's name without its namespace, short enough to be told."""
    return etree.QName(element).localname[:80]


def has_loose_text(element: _Element) -> bool:
    """Whether text that is not blank stands beside the children of an element."""
    return any(text and not text.isspace() for text in (element.text, *(child.tail for child in element)))


def collect(
    element: _Element, node: Node, where: str, path: str, found: list[tuple[str, str, _Element]], unknown: Unknown
) -> None:
    """The elements that are rows, in document order, each with its place; `unknown` is what is not accounted for."""
    for name in map(str, element.attrib):
        if "@" + name not in node.children and not name.startswith(XSI):
            unknown.append(f"{path}@{name.rpartition('}')[2]}")
    if has_loose_text(element):
        unknown.append(path.rstrip("/"))
    counts: dict[str, int] = {}
    for child in element:
        tag = child.tag
        known = node.children.get(tag)
        counts[tag] = counts.get(tag, 0) + 1
        if known is None:
            unknown.append(path + tag.rpartition("}")[2])
        elif known.each is not None:
            found.append((known.each, f"{where}/{tag}[{counts[tag]}]", child))
        elif not known.ignored:
            place = f"{where}/{tag}" if counts[tag] == 1 else f"{where}/{tag}[{counts[tag]}]"
            collect(child, known, place, f"{path}{tag}/", found, unknown)


@dataclass(frozen=True, slots=True)
class XmlFile:
    """An XML file whose framing is good: its row elements in document order, and how each is read.

    An element at a place that no rows are read at is a row of unknown type. `first` is the number of the first row.
    The names of elements are those of the namespace `prefix`; attributes in `nothing` mean nothing.
    """

    found: list[tuple[str, str, _Element]]
    plans: dict[str, tuple[Node, RowsPlan]]
    first: int = 1
    prefix: str = ""
    nothing: frozenset[str] = frozenset()

    def rows(self) -> Iterator[SourceRow | Row]:
        """Each row element with its raw fields and what it holds beyond the mapping."""
        for number, (at, where, element) in enumerate(self.found, self.first):
            if at not in self.plans:
                yield Row(number, problems=(_unknown_type(local_name(element), where),))
                continue
            node, prepared = self.plans[at]
            unknown = Unknown()
            cells = xml_cells(element, node, where, unknown, nothing=self.nothing)
            yield SourceRow(number, prepared, cells, unaccounted(unknown, where) if unknown else ())

    def buckets(self) -> Iterator[tuple[int, Hashable]]:
        """The key elements of each row, folded."""
        keys: dict[str, tuple[str, list[list[str]]]] = {}
        for at, (_, prepared) in self.plans.items():
            paths = [[self.prefix + name for name in path.split("/")] for path in prepared.rows.bucket]
            keys[at] = (prepared.rows.family or at, paths)
        for number, (at, _, element) in enumerate(self.found, self.first):
            if at in keys:
                family, paths = keys[at]
                yield number, (family, *[fold(_text_at(element, path, 0) or "") for path in paths])

    def columns(self) -> Iterator[str]:
        """The paths of all leaves below the rows."""
        for at, _, element in self.found:
            yield from (f"{at}/{path}" for path in _leaf_paths(element))


def _text_at(element: _Element, path: list[str], depth: int) -> str | None:
    """The text of the first element at a path, empty if it has none; what `findtext` says, in a third of the time."""
    for child in element.iterchildren(path[depth]):
        if depth + 1 == len(path):
            return child.text or ""
        if (found := _text_at(child, path, depth + 1)) is not None:
            return found
    return None


def _unknown_type(name: str, where: str) -> Problem:
    return Problem(rule="value.unknown", field="type", effect="R", reason="not-in-table", raw=name, where=where)


def _leaf_paths(element: _Element) -> Iterator[str]:
    for child in element:
        tag = child.tag.rpartition("}")[2]
        if len(child):
            yield from (f"{tag}/{path}" for path in _leaf_paths(child))
        else:
            yield tag


def fold(text: str) -> str:
    """A key as a bucket: two texts that are read as the same identifier fold to the same."""
    if text.isascii() and text.isalnum():
        return text.upper()
    text = text.strip()
    if len(text) > 1000:  # no key is so long
        return text
    folded = "".join(normalize("NFKC", text).split()).upper()
    return "" if is_null(folded) else folded


class XmlLayout:
    """How fields stand in XML: a path of elements, read as text."""

    def place(self, source: Source) -> str | None:
        """The path below the row."""
        return f"/{source.name}"

    def reader(self, source: Source) -> Callable[[Any], Any]:
        """As text, in the unit that the format declares."""
        return reader(source.kind, source.unit)

    def account(self, where: str, value: Any, shape: Shape, under: str) -> tuple[Cells, list[Problem]]:
        """The fields of an element whose names are those of one shape."""
        unknown = Unknown()
        inner = f"{where}/{under}"
        cells = xml_cells(value, _shape_tree(shape.type, Same(shape), "/"), inner, unknown, under)
        return cells, list(unaccounted(unknown, inner))


@lru_cache(maxsize=64)
def xml_plans(identity: "Same", prefix: str = "") -> tuple[Node, dict[str, tuple[Node, RowsPlan]]]:
    """What stands outside of rows, and how the rows of each place are read, whose elements are of one namespace."""
    mapping: Mapping = identity.value
    layout = XmlLayout()
    ignores = mapping.format.ignores if isinstance(mapping.format, XmlPackets) else frozenset()
    outside = outside_tree(ignores, (rows.at for rows in mapping.rows), "/")
    return outside, {rows.at: (qualified(tree(rows, "/"), prefix), plan(rows, layout)) for rows in mapping.rows}


class Same:
    """A mapping or a shape as the key of a cache: by identity, for its parts have no hash."""

    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:
        self.value = value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Same) and self.value is other.value

    def __hash__(self) -> int:
        return id(self.value)


@lru_cache(maxsize=256)
def _shape_tree(_: str, identity: Same, separator: str) -> Node:
    return shape_tree(identity.value, separator)


@dataclass(frozen=True, slots=True)
class JsonMessages:
    """JSON objects as rows: one, an array of them, or one a line unless `lines` says that no file is so.

    A file that is one object a line says so by its name or media type; without either, its second line does.
    """

    lines: bool = True
    name: str = "JSON"
    separator: str = "."

    def open(self, data: bytes, mapping: Mapping, file_name: str, media_type: str | None) -> "JsonFile":
        """The messages of the file."""
        if self.lines and _is_lines(data, file_name, media_type):
            if len(data) > DEFAULT.file_bytes:
                raise Refused("file.too-large", "bytes", f"{len(data)} bytes are too many.")
            found = list(_messages(iter(data.removeprefix(_BOM).split(b"\n"))))
        else:
            value = read_json(data, number=Literal, bom_allowed=True)
            found = [("", value)] if isinstance(value, dict) else []
            if isinstance(value, list):
                found = [(f"/{index}", item) for index, item in enumerate(value)]
            elif not found:
                raise reject("dialect.unrecognised", "not-an-object")
        if any(not isinstance(value, dict) for _, value in found):
            raise reject("dialect.unrecognised", "not-an-object")
        return JsonFile(found, *json_plan(Same(mapping)))

    def stream(
        self, data: FileBytes, mapping: Mapping, file_name: str, media_type: str | None, limits: Limits
    ) -> "JsonFile | None":
        """The same of a file of one message a line that is not in memory; `None` if the file is not such."""
        if not self.lines or not _is_lines(data[: limits.record_characters], file_name, media_type):
            return None
        if len(data) > limits.file_bytes:
            raise Refused("file.too-large", "bytes", f"{len(data)} bytes are too many.")
        found = Again(lambda: _messages(_lines(data, limits)))
        if sum(1 for _, value in found if not isinstance(value, dict)):  # only once each of them could be read
            raise reject("dialect.unrecognised", "not-an-object")
        return JsonFile(found, *json_plan(Same(mapping)))


def _lines(data: FileBytes, limits: Limits) -> Iterator[bytes]:
    """The lines of a file."""
    count, rest, start = 0, b"", len(_BOM) if data.startswith(_BOM) else 0
    for piece in data.pieces(start):
        *lines, rest = (rest + piece).split(b"\n")
        count += len(lines)
        if len(rest) > limits.record_characters:
            raise Refused("file.too-large", "bytes", "The line is too long.", where=f"line {count + 1}")
        yield from lines
    yield rest


def _messages(lines: Iterator[bytes]) -> Iterator[tuple[str, Any]]:
    """The message of each line, with its place; blank lines are nothing."""
    return ((f"line {number}#", _read(line, number)) for number, line in enumerate(lines, 1) if line.strip())


@dataclass(frozen=True, slots=True)
class JsonPackets:
    """One JSON object with rows at the member `at`, one object or an array of them.

    `ignores` are the other members, each an object that must be there, with the names in it that are ignored.
    """

    at: str
    ignores: abc.Mapping[str, frozenset[str]] = field(default_factory=dict)
    name: str = "JSON"
    separator: str = "."

    def open(self, data: bytes, mapping: Mapping, file_name: str, media_type: str | None) -> "JsonFile":
        """The rows of the packet, once everything outside of them is accounted for."""
        del file_name, media_type
        packet = read_json(data, number=Literal)
        if not isinstance(packet, dict):
            raise reject("dialect.unrecognised", "not-an-object")
        if self.at not in packet or not all(isinstance(packet.get(name), dict) for name in self.ignores):
            raise reject("dialect.unrecognised", "part-missing", expected=", ".join((*self.ignores, self.at)))
        value = packet[self.at]
        found = [(f"/{self.at}", value)]
        if isinstance(value, list):
            found = [(f"/{self.at}/{index}", item) for index, item in enumerate(value)]
        if any(not isinstance(item, dict) for _, item in found):
            raise reject("dialect.unrecognised", "not-an-object")
        unknown = Unknown()
        for name, part in packet.items():
            if name in self.ignores:
                for inner in part.keys() - self.ignores[name]:
                    unknown.append(f"{name}.{inner}")
            elif name != self.at:
                unknown.append(name)
        if unknown:
            raise reject("field.unaccounted", "unknown", unknown[0])
        return JsonFile(found, *json_plan(Same(mapping)))


def _read(line: bytes, number: int) -> Any:
    try:
        return read_json(line, number=Literal)
    except Refused as error:
        where = f"line {number}, {error.where}" if error.where else f"line {number}"
        raise Refused(error.rule, error.reason, error.detail, where=where, **error.facts) from error


def _is_lines(data: bytes, file_name: str, media_type: str | None) -> bool:
    name = file_name.lower()
    if name.endswith((".jsonl", ".ndjson")) or media_type in ("application/x-ndjson", "application/jsonl"):
        return True
    if name.endswith(".json") or media_type is not None:
        return False
    first, _, rest = data.removeprefix(_BOM).lstrip().partition(b"\n")
    return first.startswith(b"{") and first.rstrip().endswith(b"}") and rest.lstrip().startswith(b"{")


@lru_cache(maxsize=64)
def json_plan(identity: Same) -> tuple[Node, RowsPlan]:
    rows: Rows = identity.value.rows[0]
    return tree(rows, "."), plan(rows, JsonLayout())


@dataclass(frozen=True, slots=True)
class JsonFile:
    """A JSON file whose framing is good: its messages, each with its place, and how they are read."""

    found: Iterable[tuple[str, Any]]
    node: Node
    plan: RowsPlan

    def rows(self) -> Iterator[SourceRow | Row]:
        """Each message with its raw fields and what it holds beyond the mapping."""
        for number, (where, value) in enumerate(self.found, 1):
            unknown = Unknown()
            cells = json_cells(value, self.node, where, unknown)
            yield SourceRow(number, self.plan, cells, unaccounted(unknown, where or "/") if unknown else ())

    def buckets(self) -> Iterator[tuple[int, Hashable]]:
        """The key members of each message, folded."""
        names = [name.split(".") for name in self.plan.rows.bucket]
        for number, (_, value) in enumerate(self.found, 1):
            yield number, tuple(fold(str(_member(value, path))) for path in names)

    def columns(self) -> Iterator[str]:
        """The paths of all leaves of the messages."""
        for _, value in self.found:
            yield from _member_paths(value)


def _member(value: Any, path: list[str]) -> Any:
    for name in path:
        value = value.get(name) if isinstance(value, dict) else None
    return "" if value is None else value


def _member_paths(value: Any) -> Iterator[str]:
    for name, item in value.items():
        if isinstance(item, list):
            item = next((part for part in item if isinstance(part, dict)), None)
        if isinstance(item, dict):
            yield from (f"{name}.{path}" for path in _member_paths(item))
        elif item is not None:
            yield name


class JsonLayout:
    """How fields stand in JSON: a JSON Pointer, read from texts, numbers as sent, and truth values."""

    def place(self, source: Source) -> str | None:
        """The pointer below the row."""
        return "/" + source.name.replace(".", "/")

    def reader(self, source: Source) -> Callable[[Any], Any]:
        """As JSON, in the unit that the format declares."""
        return json_reader(source.kind, source.unit, many=source.many)

    def account(self, where: str, value: Any, shape: Shape, under: str) -> tuple[Cells, list[Problem]]:
        """The fields of an object whose names are those of one shape."""
        unknown = Unknown()
        inner = f"{where}/{under}"
        cells = json_cells(value, _shape_tree(shape.type, Same(shape), "."), inner, unknown, f"{under}.")
        return cells, list(unaccounted(unknown, inner))
