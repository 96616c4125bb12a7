"""XML 1.0 without namespaces, for structures whose producers write prefixes that nobody declared."""

from typing import Final
from xml.parsers import expat

from lxml import etree

from untrusted.limits import DEFAULT, Limits
from untrusted.refused import Refused, shown
from untrusted.xml import as_utf8

_ENCODINGS: Final = frozenset({"utf-8"})


def read_plain_xml(data: bytes, *, limits: Limits = DEFAULT) -> etree._Element:
    """The root of `data`, each element and attribute by the part of its name behind the last colon.

    XML 1.0 allows `<:a xmlns:="">` and an undeclared `<ofd:b>`; Namespaces in XML does not, and `read_xml` refuses
    them. Only for what is told apart by local names alone. Text is that before the first child, as far as it is asked
    for. Raises `Refused` as `read_xml` does, and for attributes that differ by their prefix only.
    """
    reader = _Reader(limits)
    try:
        reader.parser.Parse(as_utf8(data, limits, _ENCODINGS), True)
    except expat.ExpatError as error:
        message = shown(expat.ErrorString(error.code), 200)
        raise Refused("xml.malformed", "not-well-formed", f"{message}.", where=f"line {error.lineno}") from None
    assert reader.root is not None  # without an element the text is malformed
    return reader.root


class _Reader:
    """The tree while it grows."""

    def __init__(self, limits: Limits) -> None:
        self.root: etree._Element | None = None
        self._open: list[etree._Element] = []
        self._limits = limits
        self.parser = expat.ParserCreate("utf-8")
        self.parser.buffer_text = True
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.parser.CharacterDataHandler = self._text
        self.parser.StartDoctypeDeclHandler = self._document_type

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        if len(self._open) >= self._limits.depth:
            raise Refused("xml.too-deep", "depth", f"Elements are nested deeper than {self._limits.depth}.")
        local = {_local(key): value for key, value in attributes.items()}
        if len(local) < len(attributes):
            raise Refused("xml.malformed", "not-well-formed", "Attributes differ by their prefix only.")
        try:
            element = etree.Element(_local(name), local)
        except ValueError as error:
            raise Refused("xml.malformed", "not-well-formed", f"{shown(str(error), 200)}.") from None
        if self._open:
            self._open[-1].append(element)
        else:
            self.root = element
        self._open.append(element)

    def _end(self, _name: str) -> None:
        self._open.pop()

    def _text(self, data: str) -> None:
        element = self._open[-1]
        if len(element) == 0:
            element.text = (element.text or "") + data
        else:
            element[-1].tail = (element[-1].tail or "") + data

    def _document_type(self, *_: object) -> None:
        raise Refused("xml.dtd", "document-type", "The text holds a document type declaration.")


def _local(name: str) -> str:
    """The part behind the last colon; of `xmlns:`, a declaration of nothing, what stands before it."""
    return name.rpartition(":")[2] or name.rstrip(":")
