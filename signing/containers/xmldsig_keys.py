"""The ds:KeyInfo of an XML Signature: certificates and keys that a stranger sent along (XML Signature section 4.5).

Nothing is fetched and nothing is looked up by name: a key that does not stand there is not known. All keys that stand
there are one key, that of the signer; of the certificates all but one may be those of its issuers.
"""

from dataclasses import dataclass
from typing import Final

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicNumbers
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from lxml import etree

from signing.checks.integrity import strict_base64
from signing.containers.xmldsig_document import DSIG
from signing.containers.xmldsig_read import BadForm, check_attributes, dsig, elements_of, only_in, shown, text_of

ELEVEN: Final = "http://www.w3.org/2009/xmldsig11#"
MOST_CERTIFICATES: Final = 16
_MOST_PARTS = 64
_LARGEST_RSA = 1_024 + 1  # octets; what is longer is no key that is used, and slow
# SubjectPublicKeyInfo up to the point (RFC 5480 section 2), by the name of the curve.
_CURVES: Final = {
    "urn:oid:1.2.840.10045.3.1.7": (bytes.fromhex("3059301306072a8648ce3d020106082a8648ce3d030107034200"), 65),
    "urn:oid:1.3.132.0.34": (bytes.fromhex("3076301006072a8648ce3d020106052b81040022036200"), 97),
    "urn:oid:1.2.156.10197.1.301": (bytes.fromhex("3059301306072a8648ce3d020106082a811ccf5501822d034200"), 65),
}
# What libraries after GB/T 25061-2020 call a key on the curve of SM2 has the parts of ECKeyValue.
_CURVE_VALUES = frozenset({f"{{{ELEVEN}}}ECKeyValue", dsig("SM2KeyValue")})
_BY_NAME = frozenset(
    {
        dsig("KeyName"),
        dsig("RetrievalMethod"),
        dsig("MgmtData"),
        dsig("PGPData"),
        dsig("SPKIData"),
        f"{{{ELEVEN}}}KeyInfoReference",
    }
)
_X509_BY_NAME = frozenset(
    {dsig("X509IssuerSerial"), dsig("X509SKI"), dsig("X509SubjectName"), f"{{{ELEVEN}}}X509Digest"}
)


@dataclass(frozen=True, slots=True)
class Keys:
    """Certificates, lists, keys (SPKI), all in DER; what of it cannot be used, and whether a key is only named."""

    certificates: tuple[bytes, ...] = ()
    spkis: tuple[bytes, ...] = ()
    crls: tuple[bytes, ...] = ()
    unusable: tuple[str, ...] = ()
    named: bool = False


def read_keys(key_info: etree._Element | None) -> Keys:
    """What stands in KeyInfo. Raises `BadForm` on what the schema does not have, or too much of it."""
    if key_info is None:
        return Keys()
    check_attributes(key_info, "Id")
    certificates: dict[bytes, None] = {}
    spkis: dict[bytes, None] = {}
    crls: list[bytes] = []
    unusable: list[str] = []
    named = False
    parts = elements_of(key_info)
    if len(parts) > _MOST_PARTS:
        raise BadForm("too-many", "KeyInfo")
    if not only_in(parts, frozenset({DSIG, ELEVEN})):
        raise BadForm("element-unexpected", "KeyInfo")
    for part in parts:
        if part.tag == dsig("X509Data"):
            for one in elements_of(part):
                if one.tag == dsig("X509Certificate"):
                    certificates[_binary(one)] = None
                elif one.tag == dsig("X509CRL"):
                    if text_of(one):  # some leave it empty
                        crls.append(_binary(one))
                elif one.tag not in _X509_BY_NAME:
                    raise BadForm("element-unexpected", shown(one))
                else:
                    named = True
        elif part.tag in (dsig("KeyValue"), f"{{{ELEVEN}}}DEREncodedKeyValue"):
            try:
                spkis[_read_key(part)] = None
            except _Unusable as error:
                unusable.append(str(error))
        elif part.tag in _BY_NAME:
            named = True
        else:
            raise BadForm("element-unexpected", shown(part))
    if len(certificates) + len(spkis) + len(crls) > MOST_CERTIFICATES:
        raise BadForm("too-many", "X509Certificate")
    return Keys(tuple(certificates), tuple(spkis), tuple(crls), tuple(unusable), named)


class _Unusable(ValueError):
    """A key of a kind, curve or size that is not used here."""


def _read_key(element: etree._Element) -> bytes:
    """The SubjectPublicKeyInfo of a KeyValue or DEREncodedKeyValue (sections 4.5.2 and 4.5.9)."""
    if element.tag != dsig("KeyValue"):
        return _binary(element)
    parts = elements_of(element)
    if len(parts) != 1:
        raise BadForm("element-missing", "KeyValue")
    if parts[0].tag == dsig("RSAKeyValue"):
        return _read_rsa(parts[0])
    if parts[0].tag in _CURVE_VALUES:
        return _read_curve(parts[0])
    raise _Unusable(shown(parts[0]))


def _read_rsa(element: etree._Element) -> bytes:
    parts = elements_of(element)
    if [part.tag for part in parts] != [dsig("Modulus"), dsig("Exponent")]:
        raise BadForm("element-missing", "RSAKeyValue")
    modulus, exponent = (_binary(part) for part in parts)
    if len(modulus) > _LARGEST_RSA or len(exponent) > _LARGEST_RSA:
        raise _Unusable("an RSA key that is too long")
    try:
        key = RSAPublicNumbers(int.from_bytes(exponent, "big"), int.from_bytes(modulus, "big")).public_key()
    except ValueError as error:
        raise _Unusable("not an RSA key") from error
    return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def _read_curve(element: etree._Element) -> bytes:
    parts = elements_of(element)
    if [part.tag for part in parts] != [f"{{{ELEVEN}}}NamedCurve", f"{{{ELEVEN}}}PublicKey"]:
        raise _Unusable("a curve without a name")
    prefix, size = _CURVES.get(parts[0].get("URI", ""), (b"", 0))
    point = _binary(parts[1])
    if not prefix or len(point) != size:
        raise _Unusable("another curve or form of point")
    return prefix + point


def _binary(element: etree._Element) -> bytes:
    found = strict_base64(text_of(element))
    if not found:
        raise BadForm("not-base64", shown(element))
    return found
