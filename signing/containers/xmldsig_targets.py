"""What the references of an XML Signature lead to, and the octets that are digested (XML Signature section 4.4.3).

A reference leads to this document or an element of it, or to the one content that the signature came with; nothing is
fetched. Transforms are a list of what is allowed: taking the signature itself out, one canonicalization, base64.
"""

from dataclasses import dataclass
from typing import Final

from lxml import etree

from signing.checks.integrity import strict_base64
from signing.containers.xmldsig_document import DEFAULT_FORM, FORMS, NotCanonical, XmlDocument, content_form
from signing.containers.xmldsig_read import BadForm, Reference, Step, dsig, text_of

ENVELOPED: Final = "http://www.w3.org/2000/09/xmldsig#enveloped-signature"
BASE64: Final = "http://www.w3.org/2000/09/xmldsig#base64"
_MANIFEST = "http://www.w3.org/2000/09/xmldsig#Manifest"
# Programs and queries decide themselves what is signed; they are refused by name and not called unknown.
REFUSED: Final = frozenset(
    {
        "http://www.w3.org/TR/1999/REC-xslt-19991116",
        "http://www.w3.org/TR/1999/REC-xpath-19991116",
        "http://www.w3.org/2002/06/xmldsig-filter2",
        "http://www.w3.org/2002/07/decrypt#XML",
    }
)


class Unresolved(ValueError):
    """A reference leads nowhere certain: a reason of `xml.references`."""


@dataclass(frozen=True, slots=True)
class Target:
    """What a reference leads to: an element, or None for the content that the signature came with."""

    reference: Reference
    apex: etree._Element | None

    @property
    def decoded(self) -> bool:
        """Whether only the base64 text in the element is digested, and not the element."""
        return any(step.uri == BASE64 for step in self.reference.steps)


def find_target(
    document: XmlDocument, signature: etree._Element, reference: Reference, content: bytes | None
) -> Target:
    """Where a reference leads (section 4.4.3.1). Raises `Unresolved`."""
    uri = reference.uri
    if reference.kind == _MANIFEST:
        raise Unresolved("manifest")  # it would hold whatever became of the files that it lists
    if uri is None or (uri and not uri.startswith("#")):
        if content is None:
            raise Unresolved("external")
        return Target(reference, None)
    if not uri:
        return Target(reference, document.root)
    if uri.startswith("#xpointer("):
        raise Unresolved("xpointer")
    found = document.identified.get(uri[1:], [])
    if len(found) > 1:
        raise Unresolved("ambiguous")
    if not found:
        raise Unresolved("missing")
    if found[0].tag == dsig("Manifest"):
        raise Unresolved("manifest")
    if found[0] is signature:
        raise Unresolved("itself")
    return Target(reference, found[0])


def read_octets(document: XmlDocument, signature: etree._Element, target: Target, content: bytes | None) -> bytes:
    """The octets that a reference is over (section 4.4.3.2). Raises `NotCanonical`: a reason of `xml.transforms`."""
    steps = target.reference.steps
    for step in steps:
        if step.uri in REFUSED:
            raise NotCanonical("transform-refused")
        if step.uri not in (ENVELOPED, BASE64) and step.uri not in FORMS:
            raise NotCanonical("transform-unknown")
        if not step.plain or (step.prefixes and not FORMS[step.uri].exclusive):
            raise NotCanonical("transform-parameters")
    if target.apex is None:
        return _content_octets(document, steps, content or b"")
    if steps and steps[0].uri == BASE64:
        if len(steps) > 1:
            raise NotCanonical("transform-order")
        return _decode(target.apex)
    without = None
    if steps and steps[0].uri == ENVELOPED:
        if target.apex not in signature.iterancestors():
            raise NotCanonical("not-enveloped")
        without, steps = signature, steps[1:]
    if len(steps) > 1 or (steps and steps[0].uri not in FORMS):
        raise NotCanonical("transform-order")
    form, prefixes = (FORMS[steps[0].uri], steps[0].prefixes) if steps else (DEFAULT_FORM, ())
    apex = target.apex if target.reference.uri else None
    return document.canonical(apex, form, prefixes=prefixes, without=without)


def _content_octets(document: XmlDocument, steps: tuple[Step, ...], content: bytes) -> bytes:
    """A content of its own stands for its octets, or for its canonical form if it is XML."""
    document.work.spend(len(content))
    if not steps:
        return content
    if len(steps) > 1 or steps[0].uri not in FORMS:
        raise NotCanonical("transform-order")
    return content_form(content, FORMS[steps[0].uri], steps[0].prefixes, document.work)


def _decode(element: etree._Element) -> bytes:
    """Section 6.6.2, without its leniency: the text of the element is base64 and there is nothing else in it."""
    try:
        found = strict_base64(text_of(element, longest=None))
    except BadForm as error:
        raise NotCanonical("not-base64") from error
    if found is None:
        raise NotCanonical("not-base64")
    return found
