"""Formats without ways of their own: delimited and fixed-width lists, JSON with its rows somewhere, XML of any root.

They are what most insurers' exports are, once somebody has said which column is which (`gateway adapter new`).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from lxml.etree import _Element

from adapters.amounts import Literal
from adapters.formats import (
    JsonFile,
    Same,
    XmlFile,
    collect,
    is_utf8_by_another_name,
    json_plan,
    local_name,
    xml_plans,
)
from adapters.mapping import Mapping
from adapters.problems import reject
from adapters.tables import CsvList, TableFile, kept
from adapters.trees import Unknown, outside_tree
from untrusted import DEFAULT, Record, Refused, decode, read_json, read_xml


@dataclass(frozen=True, slots=True)
class DelimitedList:
    """A list as in `CsvList`, its fields split by `delimiter` and nowhere else: there are no quotes.

    A field that starts with a quote makes its row ragged: whoever writes quotes may mean the delimiter within.
    """

    header: tuple[str, ...]
    needs: tuple[str, ...]
    key_column: str
    encodings: frozenset[str]
    delimiter: str
    name: str = "TXT"
    separator: str = "\n"

    def open(self, data: bytes, mapping: Mapping, file_name: str, media_type: str | None) -> TableFile:
        """The rows of the list, once its header is accounted for and every amount has a unit."""
        del file_name, media_type
        return CsvList(self.header, self.needs, self.key_column).opened(kept(self._records(data)), mapping)

    def _records(self, data: bytes) -> Iterator[Record]:
        for number, line in _lines(data, self.encodings):
            cells = line.split(self.delimiter)
            yield _bounded(Record(number, tuple(cells), any(cell.startswith('"') for cell in cells)))


@dataclass(frozen=True, slots=True)
class FixedList:
    """A list of lines of fixed width: `columns` are first and last place, from 1, and the name that the mapping takes.

    Places are counted in bytes of the one encoding in `encodings`, as such files are. `skip` lines above hold names.
    What stands between columns must be blank. With `width`, a line of another length is ragged: its columns may have
    shifted.
    """

    columns: tuple[tuple[int, int, str], ...]
    needs: tuple[str, ...]
    key_column: str
    encodings: frozenset[str]
    skip: int = 0
    width: int = 0
    name: str = "TXT, fixed width"
    separator: str = "\n"

    def open(self, data: bytes, mapping: Mapping, file_name: str, media_type: str | None) -> TableFile:
        """The rows of the list; a line that is too short, too long, or not blank between columns is ragged."""
        del file_name, media_type
        return CsvList((self.key_column,), self.needs, self.key_column).opened(kept(self._records(data)), mapping)

    def _records(self, data: bytes) -> Iterator[Record]:
        yield Record(0, tuple(name for _, _, name in self.columns))
        codec = next(name for name in sorted(self.encodings) if name != "utf-8-sig")
        for number, line in _lines(data, self.encodings):
            if number > self.skip and line.strip():
                yield _bounded(self._cut(number, line.encode(codec), codec))

    def _cut(self, number: int, line: bytes, codec: str) -> Record:
        cells: list[str] = []
        rest = bytearray(line)
        ragged = self.width not in (0, len(line))
        for first, last, _ in self.columns:
            cut = line[first - 1 : last]
            rest[first - 1 : last] = b" " * len(cut)
            try:
                cells.append(cut.decode(codec).strip())
            except UnicodeDecodeError:  # the column ends within a character
                ragged = True
                cells.append("")
        return Record(number, tuple(cells), ragged or bool(rest.strip()))


def _lines(data: bytes, encodings: frozenset[str]) -> Iterator[tuple[int, str]]:
    """Number and text of each line; CRLF or LF."""
    if len(data) > DEFAULT.file_bytes:
        raise Refused("file.too-large", "bytes", f"{len(data)} bytes are too many.")
    text = decode(data, encodings)
    for number, line in enumerate(text.split("\n"), 1):
        yield number, line.removesuffix("\r")


def _bounded(record: Record) -> Record:
    if len(record.cells) > DEFAULT.columns:
        raise Refused("file.too-large", "columns", f"More than {DEFAULT.columns} cells.", where=f"row {record.number}")
    if max(map(len, record.cells)) > DEFAULT.cell_characters:
        raise Refused("cell.too-long", "characters", "A cell is too long.", where=f"row {record.number}")
    return record


@dataclass(frozen=True, slots=True)
class JsonRows:
    """One JSON object whose member `at`, a dotted path, holds the rows: one object, or an array of them.

    `ignores` are the members outside of the rows that mean nothing, by dotted path, with all that is in them.
    """

    at: str
    ignores: frozenset[str] = frozenset()
    name: str = "JSON"
    separator: str = "."

    def open(self, data: bytes, mapping: Mapping, file_name: str, media_type: str | None) -> JsonFile:
        """The rows, once everything outside of them is accounted for."""
        del file_name, media_type
        packet = read_json(data, number=Literal, bom_allowed=True)
        if not isinstance(packet, dict):
            raise reject("dialect.unrecognised", "not-an-object")
        value: Any = packet
        for name in self.at.split("."):
            value = value.get(name) if isinstance(value, dict) else None
        where = "/" + self.at.replace(".", "/")
        found = [(where, value)]
        if isinstance(value, list):
            found = [(f"{where}/{index}", item) for index, item in enumerate(value)]
        elif value is None:
            raise reject("dialect.unrecognised", "part-missing", expected=self.at)
        if any(not isinstance(item, dict) for _, item in found):
            raise reject("dialect.unrecognised", "not-an-object")
        unknown = next(self._beside(packet, ""), None)
        if unknown is not None:
            raise reject("field.unaccounted", "unknown", unknown[:300])
        return JsonFile(found, *json_plan(Same(mapping)))

    def _beside(self, value: dict[str, Any], path: str) -> Iterator[str]:
        """The members outside of the rows that are not ignored."""
        for name, item in value.items():
            place = f"{path}{name}"
            if place == self.at or place in self.ignores:
                continue
            if self.at.startswith(f"{place}.") and isinstance(item, dict):
                yield from self._beside(item, f"{place}.")
            else:
                yield place


@dataclass(frozen=True, slots=True)
class PlainXml:
    """XML with the root `root`, its names in one `namespace` or in none; rows at `Rows.at`, or the root itself.

    `ignores` are the elements and attributes outside of rows that mean nothing, by path below the root.
    """

    root: str
    namespace: str = ""
    ignores: frozenset[str] = frozenset()
    encodings: frozenset[str] = frozenset({"utf-8"})
    name: str = "XML"
    separator: str = "/"

    def open(self, data: bytes, mapping: Mapping, file_name: str, media_type: str | None) -> XmlFile:
        """The rows of the document, once everything outside of them is accounted for."""
        del file_name, media_type
        root = read_xml(data, encodings=self.encodings)
        if "gb18030" in self.encodings and is_utf8_by_another_name(data):
            raise reject("encoding.undecodable", "not-gb18030", reader="The declaration says GBK, the bytes are UTF-8.")
        if root.tag != (f"{{{self.namespace}}}{self.root}" if self.namespace else self.root):
            raise reject("dialect.unrecognised", "another-root", found=local_name(root), expected=self.root)
        if self.namespace:
            for element in root.iter():
                element.tag = str(element.tag).removeprefix(f"{{{self.namespace}}}")
        places = [rows.at for rows in mapping.rows]
        plans = xml_plans(Same(mapping))[1]
        if places == [""]:
            return XmlFile([("", f"/{self.root}", root)], plans)
        found: list[tuple[str, str, _Element]] = []
        unknown = Unknown()
        collect(root, outside_tree(self.ignores, places, "/"), f"/{self.root}", "", found, unknown)
        if unknown:
            raise reject("field.unaccounted", "unknown", unknown[0])
        return XmlFile(found, plans)
