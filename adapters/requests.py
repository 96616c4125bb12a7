"""XML with requests of several kinds in it, each a row, in one namespace or in none (DIALECTS 7)."""

from dataclasses import dataclass

from lxml.etree import _Element

from adapters.bundles import read_document
from adapters.formats import Same, XmlFile, has_loose_text, local_name, xml_plans
from adapters.mapping import Mapping
from adapters.problems import reject
from adapters.trees import XSI, Unknown

_FOREIGN = "{urn:foreign}"  # of another namespace than the root, or of none beside one: no name of the format


@dataclass(frozen=True, slots=True)
class XmlRequests:
    """XML with the root `root` whose elements `under` hold the rows: every child but those named in `beside`.

    A child that no rows of the mapping are for is a row of unknown type. `ignores` are the other children of the root,
    `attributes` those that mean nothing at any element. Names of the format are of `namespace`, or all of none.
    """

    root: str
    namespace: str
    under: str
    beside: frozenset[str] = frozenset()
    ignores: frozenset[str] = frozenset()
    attributes: tuple[str, ...] = ()
    name: str = "XML"
    separator: str = "/"

    def open(self, data: bytes, mapping: Mapping, file_name: str, media_type: str | None) -> XmlFile:
        """The requests of the file, in document order, once everything outside of them is accounted for."""
        del file_name, media_type
        root = read_document(data)
        if root.tag not in (self.root, f"{{{self.namespace}}}{self.root}"):
            raise reject("dialect.unrecognised", "another-root", found=local_name(root), expected=self.root)
        prefix = f"{{{self.namespace}}}" if root.tag != self.root else ""
        if root.find(prefix + self.under) is None:
            raise reject("dialect.unrecognised", "part-missing", expected=self.under)
        found: list[tuple[str, str, _Element]] = []
        unknown = Unknown()
        self._account(root, "", unknown)
        services = 0
        for part in root:
            if part.tag == prefix + self.under:
                services += 1
                found += self._rows_of(part, prefix, services, unknown)
            elif _plain(part.tag, prefix) not in self.ignores:
                unknown.append(local_name(part))
        if unknown:
            raise reject("field.unaccounted", "unknown", unknown[0])
        plans = xml_plans(Same(mapping), prefix)[1]
        return XmlFile(found, plans, prefix=prefix, nothing=frozenset(self.attributes))

    def _rows_of(self, part: _Element, prefix: str, nth: int, unknown: Unknown) -> list[tuple[str, str, _Element]]:
        self._account(part, self.under, unknown)
        where = f"/{self.root}/{self.under}" if nth == 1 else f"/{self.root}/{self.under}[{nth}]"
        found: list[tuple[str, str, _Element]] = []
        counts: dict[str, int] = {}
        for child in part:
            tag = _plain(child.tag, prefix)
            if tag not in self.beside:
                name = local_name(child)
                counts[name] = counts.get(name, 0) + 1
                found.append((f"{self.under}/{tag}", f"{where}/{name}[{counts[name]}]", child))
        return found

    def _account(self, element: _Element, path: str, unknown: Unknown) -> None:
        """Attributes and text of an element outside of rows."""
        for name in map(str, element.attrib):
            if name not in self.attributes and not name.startswith(XSI):
                unknown.append(f"{path}/@{name.rpartition('}')[2]}".lstrip("/"))
        if has_loose_text(element):
            unknown.append(path)


def _plain(tag: str, prefix: str) -> str:
    """The name without the namespace of the root; one of another namespace, or of none beside one, is none of ours."""
    return tag if not prefix else tag[len(prefix) :] if tag.startswith(prefix) else _FOREIGN + tag
