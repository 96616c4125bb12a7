"""The standard schema in XML (schemas/xsd): elements to messages as JSON has them, each with its XPath."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from lxml.etree import _Element

from adapters.amounts import Literal
from adapters.envelopes import SCHEMA, Entry, EnvelopeFile, opened
from adapters.formats import has_loose_text, local_name
from adapters.mapping import Mapping as InsurerMapping
from adapters.problems import reject
from adapters.trees import XSI
from schemas.markup import NAMESPACE
from schemas.structure import Element, nouns, record_nouns
from untrusted import read_xml

_OWN = f"{{{NAMESPACE}}}"


@dataclass(frozen=True, slots=True)
class StandardXml:
    """One `message`, or several in `messages`, in the standard's namespace. Fields may stand in any order."""

    name: str = "XML"
    separator: str = "."

    def open(self, data: bytes, mapping: InsurerMapping, file_name: str, media_type: str | None) -> EnvelopeFile:
        """The messages of the file, in document order."""
        del file_name, media_type
        root = read_xml(data, encodings=frozenset({"utf-8"}))
        if root.tag == f"{_OWN}message":
            return opened([_message(root, "/message")], mapping)
        if root.tag != f"{_OWN}messages":
            raise reject("dialect.unrecognised", "another-root", found=local_name(root), expected="messages")
        _refuse_strays(root)
        return opened([_message(child, f"/messages/message[{at}]") for at, child in enumerate(root, 1)], mapping)


def _refuse_strays(root: _Element) -> None:
    """What stands around the messages belongs to none of them, so it refuses the file."""
    names = [f"@{name}" for name in map(str, root.attrib) if not name.startswith(XSI)]
    names += [local_name(child) for child in root if child.tag != f"{_OWN}message"]
    names += ["messages"] if has_loose_text(root) else []
    if names:
        raise reject("field.unaccounted", "unknown", names[0])


def _message(element: _Element, where: str) -> Entry:
    message = Entry(where)
    message["schema"] = SCHEMA  # which is what the namespace says
    records = _record_tags()
    for child in _parts(element, _envelope_tags(), message):
        noun = records.get(str(child.tag))
        if noun is not None and "record" not in message:
            message["type"] = name = _name(child)
            message["record"] = _object(child, noun, f"{where}/{name}")
        else:
            _put(message, child, _envelope_tags().get(str(child.tag)))
    return message


@cache
def _record_tags() -> Mapping[str, str]:
    return {f"{_OWN}{name}": noun for name, noun in record_nouns().items()}


@cache
def _envelope_tags() -> Mapping[str, Element]:
    return {tag: one for tag, one in _tags("Envelope").items() if one.name not in ("schema", "type", "record")}


@cache
def _tags(noun: str) -> Mapping[str, Element]:
    """The fields of a noun, by the tag of their element."""
    return {f"{_OWN}{one.name}": one for one in nouns()[noun]}


def _object(element: _Element, noun: str, where: str) -> Entry:
    found, fields = Entry(where), _tags(noun)
    for child in _parts(element, fields, found):
        _put(found, child, fields.get(str(child.tag)))
    return found


def _parts(element: _Element, fields: Mapping[str, Element], found: Entry) -> Iterator[_Element]:
    """Take the single values of an element, which most of its parts are; what else stands in it is given back.

    Attributes and loose text are no fields: under names of their own nothing takes them.
    """
    for name in map(str, element.attrib):
        if not name.startswith(XSI):
            found[f"@{name}"] = ""
    loose = element.text
    for child in element:
        if loose and not loose.isspace():
            found["text()"] = ""
        loose = child.tail
        field = fields.get(child.tag)
        if field is None or field.of or field.many or field.name in found or len(child) or child.attrib:
            yield child
        else:
            found[field.name] = _value(child, field)
    if loose and not loose.isspace():
        found["text()"] = ""


def _name(element: _Element) -> str:
    """The field that an element is for; of another namespace it is none."""
    tag = str(element.tag)
    return tag.removeprefix(_OWN) if tag.startswith(_OWN) else f"{{}}{local_name(element)}"


def _put(found: Entry, child: _Element, field: Element | None) -> None:
    """Take one element into its object. What stands twice and is no list becomes one, which nothing takes."""
    name = _name(child)
    if field is None:
        found[name] = child.text or ""
        return
    many, before = field.many, found.get(name)
    place = f"{found.where}/{name}"
    if many:
        place += f"[{len(before or ()) + 1}]"
    value = _object(child, field.of, place) if field.of else _value(child, field)
    if many or before is not None:
        before = before if isinstance(before, list) else [] if before is None else [before]
        found[name] = [*before, value]
    else:
        found[name] = value
    if not field.of:
        for attribute in map(str, child.attrib):
            if not attribute.startswith(XSI):
                found[f"{name}/@{attribute}"] = ""


def _value(element: _Element, field: Element) -> Any:
    """The JSON value of a single element; one with elements in it is an object, which stands in no single value."""
    if len(element):
        return Entry("")
    text = element.text or ""
    if field.form not in ("truth", "integer"):
        return text
    if field.form == "truth" and text in ("true", "false"):
        return text == "true"
    return Literal(text) if field.form == "integer" and text.isascii() and text.isdigit() else text
