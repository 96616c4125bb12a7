"""The XAdES properties of an XML Signature (ETSI EN 319 132-1): when it says it was made, and with which certificate.

Only what this very signature covers is read; the time-stamp beside it proves itself.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from lxml import etree

from signing.checks.integrity import strict_base64
from signing.containers.xmldsig_document import DEFAULT_FORM, DSIG, FORMS, NotCanonical, XmlDocument
from signing.containers.xmldsig_read import BadForm, XmlSignature, dsig, elements_of, only_in, text_of
from signing.moments import read_moment
from signing.seal import Moment

XADES: Final = "http://uri.etsi.org/01903/v1.3.2#"
APPARATUS: Final = frozenset({XADES, "http://uri.etsi.org/01903/v1.4.1#", DSIG, "http://www.w3.org/2009/xmldsig11#"})
_QUALIFYING, _SIGNED = f"{{{XADES}}}QualifyingProperties", f"{{{XADES}}}SignedProperties"
_UNSIGNED = f"{{{XADES}}}UnsignedSignatureProperties"
_CERTIFICATES = (f"{{{XADES}}}SigningCertificate", f"{{{XADES}}}SigningCertificateV2")


@dataclass(frozen=True, slots=True)
class Properties:
    """What the signer claims: the moment, and the digests (method, value) of the certificate; each as it was written.

    `problem` is the reason for which a claimed moment cannot be read.
    """

    is_xades: bool = False
    signed_at: Moment | None = None
    problem: str | None = None
    certificate: tuple[tuple[str, str], ...] = ()
    certificate_stated: bool = False


def read_properties(signature: XmlSignature, covered: Sequence[etree._Element]) -> Properties:
    """The properties under the signature: those that stand in it, in an element that it covers.

    What it covers around itself does not count: the signature is taken out of that.
    """
    whole = frozenset(covered)
    found = [
        (properties, part, top)
        for top in signature.objects
        for part in top.iterchildren(_QUALIFYING)
        for properties in part.iterchildren(_SIGNED)
    ]
    signed = [places[0] for places in found if not whole.isdisjoint(places)]
    if not signed:
        return Properties(is_xades=bool(found))
    moments = [one for part in signed for one in part.iter(f"{{{XADES}}}SigningTime")]
    stated = [one for part in signed for one in part.iter(*_CERTIFICATES)]
    moment, problem = None, None
    if len(moments) > 1:
        problem = "time-repeated"
    elif moments:
        try:
            moment = read_moment(text_of(moments[0]))
        except (BadForm, ValueError):
            problem = "time-malformed"
    try:
        # Both versions of the property may stand there; there are no more.
        certificate = tuple(_read_digest(one) for one in stated) if len(stated) <= len(_CERTIFICATES) else ()
    except BadForm:
        certificate = ()
    return Properties(True, moment, problem, certificate, bool(stated))


def _read_digest(stated: etree._Element) -> tuple[str, str]:
    """Sections 5.2.2 and H.2: of the certificates that are named the first is the signer's."""
    certificates = elements_of(stated)
    if not certificates:
        raise BadForm("element-missing", "Cert")
    digest = next((one for one in elements_of(certificates[0]) if one.tag == f"{{{XADES}}}CertDigest"), None)
    parts = [] if digest is None else elements_of(digest)
    if [part.tag for part in parts] != [dsig("DigestMethod"), dsig("DigestValue")]:
        raise BadForm("element-missing", "CertDigest")
    return parts[0].get("Algorithm", ""), text_of(parts[1])


def read_token(document: XmlDocument, signature: XmlSignature) -> tuple[bytes, bytes] | None:
    """The first SignatureTimeStamp (section 5.3) and the octets that it is over: the SignatureValue element.

    None if there is none; a token that cannot be read is empty.
    """
    stamps = [
        stamp
        for top in signature.objects
        for part in top.iter(_UNSIGNED)
        for stamp in part.iter(f"{{{XADES}}}SignatureTimeStamp")
    ]
    if not stamps:
        return None
    try:
        parts = {part.tag: part for part in elements_of(stamps[0])}
        method = parts.get(dsig("CanonicalizationMethod"))
        form = DEFAULT_FORM if method is None else FORMS.get(method.get("Algorithm", ""))
        token = parts.get(f"{{{XADES}}}EncapsulatedTimeStamp")
        if form is None or token is None:
            return b"", b""
        return strict_base64(text_of(token)) or b"", document.canonical(signature.value, form)
    except (BadForm, NotCanonical):
        return b"", b""


def is_apparatus(element: etree._Element) -> bool:
    """Whether an Object holds nothing but properties of the signature: no content that a reader might take."""
    children = [one for one in element if isinstance(one.tag, str)]
    named = [one.tag for one in children] == [_QUALIFYING]
    texts = [element.text, *(one.tail for one in element)]
    return named and only_in(children, APPARATUS) and not any(text and text.strip() for text in texts)
