"""SOAP 1.1 and 1.2 around one message that is text in it: an XML document of its own (DIALECTS 2)."""

import re
from dataclasses import dataclass

from lxml.etree import _Element

from adapters.bundles import read_document
from adapters.convert import folded
from adapters.formats import Same, XmlFile, has_loose_text, local_name, xml_plans
from adapters.mapping import Mapping
from adapters.problems import Unreadable, reject
from untrusted import read_xml

_ENVELOPES = ("http://schemas.xmlsoap.org/soap/envelope/", "http://www.w3.org/2003/05/soap-envelope")
_PROLOG = re.compile(r"<\?xml\s[^<>]{0,200}\?>")
_ENCODING = re.compile(r"\sencoding\s{0,9}=\s{0,9}(?:\"[A-Za-z][A-Za-z0-9._-]{0,40}\"|'[A-Za-z][A-Za-z0-9._-]{0,40}')")


@dataclass(frozen=True, slots=True)
class SoapMessage:
    """One message with the root `root` and the parts `needs`; its row is the root, read by the rows of its kind.

    The kind is what stands at `kind`. Rows of the mapping are at `root[kind='...']`, for each kind, and at `root` for
    what is none of them.
    """

    root: str
    kind: str
    needs: tuple[str, ...] = ()
    name: str = "SOAP"
    separator: str = "/"

    def open(self, data: bytes, mapping: Mapping, file_name: str, media_type: str | None) -> XmlFile:
        """The message of the envelope. Nothing of its header is looked at."""
        del file_name, media_type
        root = read_message(_payload(read_document(data)))
        if root.tag != self.root:
            raise reject("dialect.unrecognised", "another-root", found=local_name(root), expected=self.root)
        if any(root.find(name) is None for name in self.needs):
            raise reject("dialect.unrecognised", "part-missing", expected=", ".join(self.needs))
        plans = xml_plans(Same(mapping))[1]
        at = f"{self.root}[{self.kind}='{_code(root.findtext(self.kind) or '')}']"
        return XmlFile([(at if at in plans else self.root, f"/{self.root}", root)], plans)


def _code(text: str) -> str | None:
    try:
        return folded(text)
    except Unreadable:  # which is told where the row is read
        return None


def read_message(text: str) -> _Element:
    """The inner document. Its prolog may name any encoding: the text is decoded already."""
    text = text.lstrip()
    if prolog := _PROLOG.match(text):
        text = _ENCODING.sub("", prolog[0], count=1) + text[prolog.end() :]
    return read_xml(text.encode())


def _payload(envelope: _Element) -> str:
    """The text of the one child of the one operation in the body."""
    namespace = next((one for one in _ENVELOPES if envelope.tag == f"{{{one}}}Envelope"), None)
    if namespace is None:
        raise reject("dialect.unrecognised", "another-root", found=local_name(envelope), expected="Envelope")
    bodies = envelope.findall(f"{{{namespace}}}Body")
    if len(bodies) == 1 and bodies[0].find(f"{{{namespace}}}Fault") is not None:
        raise reject("soap.fault", "fault")
    message = bodies[0] if len(bodies) == 1 else None
    for _ in ("operation", "message"):
        message = message[0] if message is not None and len(message) == 1 else None
    if message is None or len(message) or not (message.text or "").strip():
        raise reject("dialect.unrecognised", "part-missing", expected="one message in one operation in one Body")
    for child in envelope:
        if child.tag not in (f"{{{namespace}}}Header", f"{{{namespace}}}Body"):
            raise reject("field.unaccounted", "unknown", local_name(child))
    for element, path in ((envelope, ""), (bodies[0], "Body"), (bodies[0][0], f"Body/{local_name(bodies[0][0])}")):
        if has_loose_text(element):
            raise reject("field.unaccounted", "unknown", path)
    return message.text or ""
