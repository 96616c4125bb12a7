"""The structure of an XML Signature (W3C XML Signature Syntax and Processing 1.1, section 4), read closely.

What is signed is read from the canonical octets of SignedInfo, the very ones under the signature value. What the
schema does not name is refused: a place where anything may stand is a place for an attacker.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from lxml import etree

from signing.containers.xmldsig_document import DSIG, FORMS, LIMITS, Form, NotCanonical, XmlDocument
from untrusted import Refused
from untrusted.xml import parse_utf8

EXCLUSIVE: Final = "http://www.w3.org/2001/10/xml-exc-c14n#"
MORE: Final = "http://www.w3.org/2007/05/xmldsig-more#"
MOST_REFERENCES: Final = 64
_MOST_STEPS, _MOST_PREFIXES, _LONGEST_VALUE, _LONGEST_NAME = 8, 64, 64 << 10, 1_024
_SPACE = " \t\r\n"


class BadForm(ValueError):
    """The structure is not that of the standard: a reason of `xml.form`, and where."""


@dataclass(frozen=True, slots=True)
class Step:
    """An algorithm that turns a part of a document into octets; `plain` if it has no parameters but the prefixes."""

    uri: str
    prefixes: tuple[str, ...] = ()
    plain: bool = True


@dataclass(frozen=True, slots=True)
class Reference:
    """One ds:Reference: where (None if left to the application), of what kind, how, and the digest as written."""

    uri: str | None
    kind: str | None
    steps: tuple[Step, ...]
    digest_method: str
    digest: str


@dataclass(frozen=True, slots=True)
class Method:
    """The ds:SignatureMethod: its URI, the digest and salt of RSASSA-PSS where stated, and whether it says no more."""

    uri: str
    pss_digest: str | None = None
    pss_salt: int | None = None
    plain: bool = True


@dataclass(frozen=True, slots=True)
class SignedInfo:
    """What the signature value is over, and what it says."""

    octets: bytes
    method: Method
    references: tuple[Reference, ...]


@dataclass(frozen=True, slots=True)
class XmlSignature:
    """One ds:Signature: its element, its parts, and the algorithm that makes octets of its SignedInfo."""

    element: etree._Element
    info: etree._Element
    canonicalization: Step
    value: etree._Element
    key_info: etree._Element | None
    objects: tuple[etree._Element, ...]


def dsig(name: str) -> str:
    """The name in the namespace of XML signatures."""
    return f"{{{DSIG}}}{name}"


def read_signature(element: etree._Element) -> XmlSignature:
    """XML Signature section 4.2: SignedInfo, SignatureValue, KeyInfo, Object, in this order. Raises `BadForm`."""
    check_attributes(element, "Id")
    parts = elements_of(element)
    if [part.tag for part in parts[:2]] != [dsig("SignedInfo"), dsig("SignatureValue")]:
        raise BadForm("element-missing", "SignedInfo, SignatureValue")
    info, value, rest = parts[0], parts[1], parts[2:]
    key_info = rest.pop(0) if rest and rest[0].tag == dsig("KeyInfo") else None
    strangers = [part for part in rest if part.tag != dsig("Object")]
    if strangers:
        raise BadForm("element-unexpected", shown(strangers[0]))
    for part in (info, value, key_info):
        if part is not None and any(not isinstance(one.tag, str) for one in part.iter()):
            raise BadForm("markup-unexpected", shown(part))
    check_attributes(value, "Id")
    first = next(iter(elements_of(info)), None)
    if first is None or first.tag != dsig("CanonicalizationMethod"):
        raise BadForm("element-missing", "CanonicalizationMethod")
    return XmlSignature(element, info, _read_step(first), value, key_info, tuple(rest))


def info_form(signature: XmlSignature) -> Form | None:
    """How SignedInfo becomes octets; None if the algorithm is not known here."""
    step = signature.canonicalization
    form = FORMS.get(step.uri)
    return form if step.plain and (form is None or form.exclusive or not step.prefixes) else None


def read_signed_info(document: XmlDocument, signature: XmlSignature, form: Form) -> SignedInfo:
    """What SignedInfo says, from its canonical octets (section 3.2.2). Raises `BadForm`, `NotCanonical`."""
    octets = document.canonical(signature.info, form, prefixes=signature.canonicalization.prefixes)
    try:
        info = parse_utf8(octets, LIMITS, bare=False)
    except Refused as error:
        raise NotCanonical("not-canonical") from error
    check_attributes(info, "Id")
    parts = elements_of(info)
    if len(parts) < 3 or parts[1].tag != dsig("SignatureMethod"):
        raise BadForm("element-missing", "SignatureMethod, Reference")
    if len(parts) > MOST_REFERENCES + 2:
        raise BadForm("too-many", "Reference")
    return SignedInfo(octets, _read_method(parts[1]), tuple(_read_reference(part) for part in parts[2:]))


def _read_method(element: etree._Element) -> Method:
    uri = _algorithm(element)
    parameters = list(element.iterchildren())
    if not parameters:
        return Method(uri)
    if len(parameters) != 1 or parameters[0].tag != f"{{{MORE}}}RSAPSSParams":
        return Method(uri, plain=False)
    return _read_pss(uri, parameters[0])


def _read_pss(uri: str, parameters: etree._Element) -> Method:
    """RFC 9231 section 2.3.9: digest, mask, salt; a mask is plain only if it is MGF1 with the same digest."""
    digest: str | None = None
    salt: int | None = None
    plain = True
    for part in elements_of(parameters):
        if part.tag == dsig("DigestMethod") and digest is None:
            digest = _algorithm(part)
        elif part.tag == f"{{{MORE}}}SaltLength" and salt is None:
            text = text_of(part)
            if not (text.isascii() and text.isdigit() and len(text) < 5):
                raise BadForm("text-unexpected", "SaltLength")
            salt = int(text)
        elif part.tag == f"{{{MORE}}}MaskGenerationFunction":
            inner = [_algorithm(one) for one in elements_of(part)]
            plain = plain and part.get("Algorithm", f"{MORE}MGF1") == f"{MORE}MGF1" and inner == [digest]
        else:
            plain = plain and part.tag == f"{{{MORE}}}TrailerField" and text_of(part) == "1"
    return Method(uri, digest, salt, plain)


def _read_reference(element: etree._Element) -> Reference:
    if element.tag != dsig("Reference"):
        raise BadForm("element-unexpected", shown(element))
    check_attributes(element, "Id", "URI", "Type")
    parts = elements_of(element)
    steps: tuple[Step, ...] = ()
    if parts and parts[0].tag == dsig("Transforms"):
        transforms = elements_of(parts.pop(0))
        if not transforms or any(one.tag != dsig("Transform") for one in transforms):
            raise BadForm("element-unexpected", "Transforms")
        if len(transforms) > _MOST_STEPS:
            raise BadForm("too-many", "Transform")
        steps = tuple(_read_step(one) for one in transforms)
    if [part.tag for part in parts] != [dsig("DigestMethod"), dsig("DigestValue")]:
        raise BadForm("element-missing", "DigestMethod, DigestValue")
    uri = element.get("URI")
    if uri is not None and len(uri) > _LONGEST_NAME:
        raise BadForm("too-long", "URI")
    return Reference(uri, element.get("Type"), steps, _algorithm(parts[0]), text_of(parts[1]))


def _read_step(element: etree._Element) -> Step:
    """A canonicalization or a transform. What an unknown one holds is not looked into."""
    uri = _algorithm(element)
    parameters = list(element.iterchildren())
    if not parameters and not (element.text or "").strip(_SPACE):
        return Step(uri)
    if not uri.startswith(EXCLUSIVE) or [one.tag for one in parameters] != [f"{{{EXCLUSIVE}}}InclusiveNamespaces"]:
        return Step(uri, plain=False)
    check_attributes(parameters[0], "PrefixList")
    if elements_of(parameters[0]):
        raise BadForm("element-unexpected", "InclusiveNamespaces")
    prefixes = tuple(parameters[0].get("PrefixList", "").split())
    if len(prefixes) > _MOST_PREFIXES:
        raise BadForm("too-many", "PrefixList")
    return Step(uri, prefixes)


def _algorithm(element: etree._Element) -> str:
    uri = element.get("Algorithm")
    if uri is None:
        raise BadForm("attribute-missing", f"{shown(element)} Algorithm")
    if len(uri) > _LONGEST_NAME:
        raise BadForm("too-long", "Algorithm")
    check_attributes(element, "Algorithm")
    return uri


def elements_of(parent: etree._Element) -> list[etree._Element]:
    """The child elements, of which there is nothing but them and white space. Raises `BadForm`."""
    texts: list[str | None] = [parent.text]
    children = list(parent)
    for child in children:
        if not isinstance(child.tag, str):
            raise BadForm("markup-unexpected", shown(parent))
        texts.append(child.tail)
    if any(text and text.strip(_SPACE) for text in texts):
        raise BadForm("text-unexpected", shown(parent))
    return children


def text_of(element: etree._Element, *, longest: int | None = _LONGEST_VALUE) -> str:
    """The text, without the white space that lines are broken with; nothing else stands in it. Raises `BadForm`."""
    if len(element):
        raise BadForm("element-unexpected", shown(element))
    text = element.text or ""
    if longest is not None and len(text) > longest:
        raise BadForm("too-long", shown(element))
    return text.translate(_WITHOUT_SPACE)


_WITHOUT_SPACE = dict.fromkeys(map(ord, _SPACE))


def check_attributes(element: etree._Element, *allowed: str) -> None:
    """No attributes but these, and those of XML itself, which canonical octets inherit. Raises `BadForm`."""
    if strange := sorted(name for name in map(str, element.keys()) if name not in allowed and not _of_xml(name)):
        raise BadForm("attribute-unexpected", f"{shown(element)} {strange[0][:80]}")


def _of_xml(name: str) -> bool:
    return name.startswith("{http://www.w3.org/XML/1998/namespace}")


def shown(element: etree._Element) -> str:
    """The name of an element for people."""
    return etree.QName(element).localname[:80] if isinstance(element.tag, str) else "comment"


def only_in(elements: Iterable[etree._Element], namespaces: frozenset[str]) -> bool:
    """Whether all the elements, and all in them, are of these namespaces."""
    return all(etree.QName(one).namespace in namespaces for top in elements for one in top.iter(etree.Element))
