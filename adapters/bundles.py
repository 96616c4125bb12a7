"""XML documents that are rows: one by itself, several in one root, or a zip of either (DIALECTS 11)."""

from collections.abc import Hashable, Iterator
from dataclasses import dataclass

from lxml.etree import _Element

from adapters.drafts import Row
from adapters.facts import SourceRow
from adapters.formats import Same, XmlFile, collect, is_utf8_by_another_name, local_name, xml_plans
from adapters.mapping import Mapping
from adapters.problems import Rejected, reject
from adapters.reading import RowsPlan
from adapters.trees import Node, Unknown, outside_tree
from untrusted import DEFAULT, Archive, Refused, open_zip, read_xml

_ZIP = (b"PK\x03\x04", b"PK\x05\x06")  # a zip, an empty one
_DOCUMENT = ".xml"
_ENCODINGS = frozenset({"utf-8", "gb18030"})


@dataclass(frozen=True, slots=True)
class XmlDocuments:
    """XML with the root `root`, which is the row, or `several` with rows in it; or a zip whose `*.xml` are such.

    Elements named in `anywhere` are nothing, at whatever place and in whatever namespace. `beside` are the endings of
    entries that a zip may hold and that are not read.
    """

    root: str
    several: str
    anywhere: frozenset[str] = frozenset()
    beside: tuple[str, ...] = ()
    name: str = "XML"
    separator: str = "/"

    def open(self, data: bytes, mapping: Mapping, file_name: str, media_type: str | None) -> "XmlFile | Bundle":
        """The rows of the file, once every document of it is read and everything outside of rows is accounted for."""
        del file_name, media_type
        if not data.startswith(_ZIP):
            return XmlFile(self.rows_of(read_document(data), ""), _plans(mapping))
        archive = open_zip(data, names="gbk-flagged")
        for name in archive.names:  # what is not whole is no delivery, even where it is not read
            archive.read(name)
        bundle = Bundle(self, archive, _plans(mapping))
        bundle.check()
        others = (name for name in archive.names if not name.lower().endswith((_DOCUMENT, *self.beside)))
        if (other := next(others, None)) is not None:
            raise reject("field.unaccounted", "unknown", other)
        return bundle

    def rows_of(self, root: _Element, where: str) -> list[tuple[str, str, _Element]]:
        """The row elements of one document, each with its place."""
        self._drop_anywhere(root)
        if root.tag == self.root:
            return [(self.root, f"{where}/{self.root}", root)]
        if root.tag != self.several:
            raise reject("dialect.unrecognised", "another-root", found=local_name(root), expected=self.root)
        found: list[tuple[str, str, _Element]] = []
        unknown = Unknown()
        collect(root, self._outside(), f"{where}/{self.several}", "", found, unknown)
        if unknown:
            raise reject("field.unaccounted", "unknown", unknown[0], where or None)
        return found

    def _outside(self) -> Node:
        return outside_tree((), (self.root,), "/")

    def _drop_anywhere(self, root: _Element) -> None:
        """Take out what is nothing. One with text behind it stays, and is unaccounted: that text would be lost."""
        for name in self.anywhere:
            for element in list(root.iter(f"{{*}}{name}")):
                parent = element.getparent()
                if parent is not None and not (element.tail and element.tail.strip()):
                    parent.remove(element)


class Bundle:
    """The documents of a zip, in the order of its directory; their rows are counted over all of it.

    Of a large one the documents are read anew each time: their trees weigh many times what their text does.
    """

    def __init__(self, documents: XmlDocuments, archive: Archive, plans: dict[str, tuple[Node, RowsPlan]]) -> None:
        self._documents = documents
        self._archive = archive
        self._plans = plans
        self._names = [name for name in archive.names if name.lower().endswith(_DOCUMENT)]
        self._keeps = sum(map(archive.size, self._names)) <= DEFAULT.file_bytes
        self._kept: dict[str, list[tuple[str, str, _Element]]] = {}

    def check(self) -> None:
        """Read every document once. Of what is wrong, an encoding goes before syntax, and syntax before framing."""
        if not self._names:
            raise reject("dialect.unrecognised", "part-missing", expected=f"*{_DOCUMENT}")
        wrong: list[Refused | Rejected] = []
        for name in self._names:
            try:
                self._rows_of(name)
            except (Refused, Rejected) as error:
                wrong.append(error)
        if wrong:
            raise min(wrong, key=_rank)

    def _rows_of(self, name: str) -> list[tuple[str, str, _Element]]:
        if (found := self._kept.get(name)) is None:
            try:
                root = read_document(self._archive.read(name))
            except Refused as error:
                where = f"{name}, {error.where}" if error.where else name
                raise Refused(error.rule, error.reason, error.detail, where=where, **error.facts) from error
            found = self._documents.rows_of(root, f"{name}#")
            if self._keeps:
                self._kept[name] = found
        return found

    def _files(self) -> Iterator[XmlFile]:
        first = 1
        for name in self._names:
            found = self._rows_of(name)
            yield XmlFile(found, self._plans, first)
            first += len(found)

    def rows(self) -> Iterator[SourceRow | Row]:
        """Each row with its raw fields and what it holds beyond the mapping."""
        for file in self._files():
            yield from file.rows()

    def buckets(self) -> Iterator[tuple[int, Hashable]]:
        """The key elements of each row, folded."""
        for file in self._files():
            yield from file.buckets()

    def columns(self) -> Iterator[str]:
        """The paths of all leaves below the rows."""
        for file in self._files():
            yield from file.columns()


def _rank(error: Refused | Rejected) -> int:
    rule = error.problem.rule if isinstance(error, Rejected) else error.rule
    return 0 if rule == "encoding.undecodable" else 1 if isinstance(error, Refused) else 2


def read_document(data: bytes) -> _Element:
    """The root of one document; what is declared to be GBK must be it."""
    root = read_xml(data, encodings=_ENCODINGS)
    if is_utf8_by_another_name(data):
        raise reject("encoding.undecodable", "not-gb18030", reader="The declaration says GBK, the bytes are UTF-8.")
    return root


def _plans(mapping: Mapping) -> dict[str, tuple[Node, RowsPlan]]:
    return xml_plans(Same(mapping))[1]
