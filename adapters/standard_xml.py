"""The standard schema in XML (schemas/xsd): elements to messages as JSON has them, each with its XPath."""

from dataclasses import dataclass
from typing import Any

from lxml.etree import _Element

from adapters.amounts import Literal
from adapters.envelopes import SCHEMA, Entry, EnvelopeFile, opened
from adapters.formats import has_loose_text, local_name
from adapters.mapping import Mapping
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

    def open(self, data: bytes, mapping: Mapping, file_name: str, media_type: str | None) -> EnvelopeFile:
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
    fields = {one.name: one for one in nouns()["Envelope"] if one.name not in ("schema", "type", "record")}
    message = Entry(where)
    message["schema"] = SCHEMA  # which is what the namespace says
    _note_strays(element, message)
    for child in element:
        name = _name(child)
        noun = record_nouns().get(name)
        if noun is not None and "record" not in message:
            message["type"] = name
            message["record"] = _object(child, noun, f"{where}/{name}")
        else:
            _put(message, child, fields.get(name), name)
    return message


def _object(element: _Element, noun: str, where: str) -> Entry:
    fields = {one.name: one for one in nouns()[noun]}
    found = Entry(where)
    _note_strays(element, found)
    for child in element:
        name = _name(child)
        _put(found, child, fields.get(name), name)
    return found


def _name(element: _Element) -> str:
    """The field that an element is for; of another namespace it is none."""
    tag = str(element.tag)
    return tag.removeprefix(_OWN) if tag.startswith(_OWN) else f"{{}}{local_name(element)}"


def _note_strays(element: _Element, found: Entry) -> None:
    """Attributes and loose text are no fields: under these names nothing takes them."""
    for name in map(str, element.attrib):
        if not name.startswith(XSI):
            found[f"@{name}"] = ""
    if has_loose_text(element):
        found["text()"] = ""


def _put(found: Entry, child: _Element, field: Element | None, name: str) -> None:
    """Take one element into its object. What stands twice and is no list becomes one, which nothing takes."""
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
    if field.form == "truth" and text in ("true", "false"):
        return text == "true"
    return Literal(text) if field.form == "integer" and text.isascii() and text.isdigit() else text
