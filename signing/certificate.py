"""A certificate as bytes: parsed strictly, read leniently for display, and whom it names.

GM/T 0015 / GB/T 20518 and RFC 5280 section 4. What a certificate says is not yet believed here: see
`signing.checks.certificate`.
"""

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from schemas.identifiers import credit_code
from schemas.verification import SignerIdentity
from signing.asn1 import MALFORMED, Certificate, load
from signing.kept import kept
from untrusted.der import Node, read_der
from untrusted.refused import Refused

LARGEST_CERTIFICATE = 64 << 10

_NAMES = {
    "2.5.4.3": "CN",
    "2.5.4.4": "SN",
    "2.5.4.5": "SERIALNUMBER",
    "2.5.4.6": "C",
    "2.5.4.7": "L",
    "2.5.4.8": "ST",
    "2.5.4.9": "STREET",
    "2.5.4.10": "O",
    "2.5.4.11": "OU",
    "2.5.4.12": "T",
    "2.5.4.42": "GN",
    "2.5.4.45": "x500UniqueIdentifier",
    "2.5.4.97": "organizationIdentifier",
    "0.9.2342.19200300.100.1.1": "UID",
    "0.9.2342.19200300.100.1.25": "DC",
    "1.2.840.113549.1.9.1": "emailAddress",
}
_ENCODINGS = {0x0C: "utf-8", 0x12: "ascii", 0x13: "ascii", 0x16: "ascii", 0x1A: "ascii", 0x1C: "utf-32-be"}
_ENCODINGS |= {0x1E: "utf-16-be", 0x04: "utf-8"}
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2066-\u2069\ufeff]")
_SPECIAL, _ESCAPED = re.compile(r"([,+\\])"), r"\\\1"
_CODE = re.compile(r"(?<![0-9A-Z])[0-9A-HJ-NPQRTUWXY]{18}(?![0-9A-Z])", re.ASCII)
# CFCA: RA@organisation@<one character for the kind of number><number>@serial. Kind 0 is a person's identity card.
_CFCA = re.compile(r"[^@]*@[^@]+@([0-9A-Z])([0-9A-Z]{18})@[^@]*", re.ASCII)
# GB 32100-2015 section 4.2: registering department and kind, a region, nine of the organisation, the check character.
_SHAPE = re.compile(r"[1-9ANY][1-59][0-9]{6}[0-9A-HJ-NPQRTUWXY]{10}", re.ASCII)
_NAME_ATTRIBUTES = frozenset({"2.5.4.3", "2.5.4.10", "2.5.4.11"})
# What may name an organisation; an e-mail address or a locality does not.
_CODE_ATTRIBUTES = frozenset({"2.5.4.3", "2.5.4.5", "2.5.4.10", "2.5.4.11", "2.5.4.97", "2.5.4.45", "2.5.4.13"})
_CODE_ATTRIBUTES |= {"0.9.2342.19200300.100.1.1"}
# GB/T 20518 section 5.2.4: registration number, organisation code, tax number of a business.
_CODE_EXTENSIONS = frozenset({"1.2.156.10260.4.1.3", "1.2.156.10260.4.1.4", "1.2.156.10260.4.1.5"})


class BadCertificate(ValueError):
    """The bytes are not one certificate in DER."""


@kept(1024, 4 << 20)
def parse_certificate(der: bytes) -> Any:
    """The certificate that `der` is, all of it: an asn1crypto certificate with every field decoded.

    Strict DER (RFC 5280 section 4.1), at most 64 KiB, no extension twice (section 4.2), and the same algorithm inside
    and outside of the signed part (section 4.1.1.2). Raises `BadCertificate`.
    """
    if len(der) > LARGEST_CERTIFICATE:
        raise BadCertificate("the certificate is larger than 64 KiB")
    try:
        top = read_der(der)
        if top.tag != 0x30 or [child.tag for child in top.children] != [0x30, 0x30, 0x03]:
            raise BadCertificate("not a certificate")
        certificate = load(Certificate, der)
        _decode(certificate)
        signer_identity(der)  # whoever holds a parsed certificate may ask whom it names
    except Refused as error:
        raise BadCertificate(f"{error.rule}: {error.detail}") from error
    except MALFORMED as error:
        raise BadCertificate(str(error).partition("\n")[0]) from error
    return certificate


def _decode(certificate: Any) -> None:
    """Force what asn1crypto decodes lazily, so that a malformed field is found here and not in the middle of a path."""
    signed = certificate["tbs_certificate"]
    if certificate["signature_value"].contents[:1] != b"\0":
        raise BadCertificate(
            "the signature is not whole octets"
        )  # else a bit of it could be changed, and it still holds
    if signed["signature"].dump() != certificate["signature_algorithm"].dump():
        raise BadCertificate("two different signature algorithms")
    for part in (signed["version"], signed["serial_number"], signed["validity"], certificate["signature_value"]):
        _ = part.native
    # RFC 5280 section 4.1.2.5: a moment without its zone is none, and cannot be compared with one.
    if any(moment is None or moment.tzinfo is None for moment in signed["validity"].native.values()):
        raise BadCertificate("a validity without a time zone")
    for name in (signed["issuer"], signed["subject"]):
        _ = name.chosen  # what the name holds is read leniently, but it must be a name
    key = signed["subject_public_key_info"]["algorithm"]
    _ = key["algorithm"].native, key["parameters"].native
    seen = [extension["extn_id"].dotted for extension in signed["extensions"]]
    if len(seen) != len(set(seen)):
        raise BadCertificate("the same extension twice")
    for value in (
        certificate.critical_extensions,
        certificate.basic_constraints_value,
        certificate.key_usage_value,
        certificate.extended_key_usage_value,
        certificate.key_identifier_value,
        certificate.authority_key_identifier_value,
        certificate.crl_distribution_points_value,
    ):
        getattr(value, "native", None)
    _ = certificate.subject.hashable, certificate.issuer.hashable, certificate.public_key.dump()


def fingerprint(der: bytes) -> str:
    """Sha256 of the DER in hex: the identity of a certificate."""
    return hashlib.sha256(der).hexdigest()


@kept(1024, 4 << 20)
def signer_identity(certificate: bytes) -> SignerIdentity:
    """Whom the certificate names, read from its raw bytes.

    Names in the order of the certificate, `CN=…, O=…`; characters that do not print are shown as U+FFFD. The credit
    code 统一社会信用代码 is given only if its check character holds and the certificate names no other. Raises
    `BadCertificate` if the bytes have no certificate's shape; what else is wrong with it is not asked here.
    """
    signed = _signed_part(certificate)
    subject, extensions = _subject_and_extensions(certificate)
    return SignerIdentity(
        subject=name_text(subject),
        credit_code=_credit_code(subject, extensions),
        issuer=name_text(signed[2]),
        serial=signed[0].content.hex(),
        certificate_sha256=fingerprint(certificate),
    )


def _signed_part(certificate: bytes) -> tuple[Node, ...]:
    """The signed fields from the serial number on. Raises `BadCertificate`."""
    try:
        signed = read_der(certificate)[0].children
    except Refused as error:
        raise BadCertificate(f"{error.rule}: {error.detail}") from error
    found = signed[1:] if signed and signed[0].tag == 0xA0 else signed
    if len(found) < 6:
        raise BadCertificate("not a certificate")
    return found


def _subject_and_extensions(certificate: bytes) -> tuple[Node, Node | None]:
    signed = _signed_part(certificate)
    wrapped = next((node for node in signed[6:] if node.tag == 0xA3), None)
    if wrapped is not None and (not wrapped.children or any(not one.children for one in wrapped.children[0].children)):
        raise BadCertificate("extensions that are none")
    return signed[4], wrapped.children[0] if wrapped is not None else None


def name_text(name: Node) -> str:
    """A distinguished name for people; it never fails, and is never compared. Commas within a value are escaped."""
    return ", ".join(f"{_NAMES.get(oid, oid)}={_SPECIAL.sub(_ESCAPED, text)}" for oid, text in _attributes(name))


def _attributes(name: Node) -> Iterator[tuple[str, str]]:
    for relative in name.children:
        for attribute in relative.children:
            if len(attribute.children) == 2 and attribute.children[0].tag == 0x06:
                yield _object_id(attribute.children[0]), _text(attribute.children[1])


def _object_id(node: Node) -> str:
    """An identifier for display; one that is none is shown by its bytes."""
    try:
        return node.oid()
    except Refused:
        return "#" + node.content.hex()


def _text(value: Node) -> str:
    """The text of a string of any ASN.1 kind; T61 is read as the GB18030 or UTF-8 that vendors put there."""
    content = value.content
    if value.tag == 0x03:
        content = content[1:]
    elif value.tag in (0x14, 0x1B):
        try:
            return _shown(content.decode("utf-8"))
        except UnicodeDecodeError:
            return _shown(content.decode("gb18030", errors="replace"))
    if value.tag == 0x03 or value.tag not in _ENCODINGS:
        return _shown(content.decode("ascii")) if content.isascii() else "#" + content.hex()
    return _shown(content.decode(_ENCODINGS[value.tag], errors="replace"))


def _shown(text: str) -> str:
    return _UNPRINTABLE.sub("\N{REPLACEMENT CHARACTER}", text.rstrip("\0"))


@dataclass(frozen=True, slots=True)
class Stated:
    """What a certificate says of its holder: `names` are those of people and organisations.

    `codes` are the credit codes 统一社会信用代码 whose check character holds; `wrong_codes` have the shape of one, and
    another check character.
    """

    names: tuple[str, ...]
    codes: tuple[str, ...]
    wrong_codes: tuple[str, ...]


@kept(1024, 4 << 20)
def what_is_stated(certificate: bytes) -> Stated:
    """Names and codes in the subject and in the extensions of GB/T 20518. Raises `BadCertificate`."""
    subject, extensions = _subject_and_extensions(certificate)
    candidates = _candidates(subject, extensions)
    return Stated(
        tuple(text for oid, text in _attributes(subject) if oid in _NAME_ATTRIBUTES),
        tuple(code for code in candidates if _holds(code)),
        tuple(code for code in candidates if not _holds(code) and _SHAPE.fullmatch(code) and not _is_person(code)),
    )


def _candidates(subject: Node, extensions: Node | None) -> list[str]:
    """Everything of 18 characters that stands where a credit code may stand, each once."""
    texts = [text for oid, text in _attributes(subject) if oid in _CODE_ATTRIBUTES]
    for extension in extensions.children if extensions else ():
        if _object_id(extension.children[0]) in _CODE_EXTENSIONS:
            texts.append(_extension_text(extension.children[-1].content))
    return list(dict.fromkeys(code for text in texts for code in _codes(text)))


def _holds(code: str) -> bool:
    try:
        credit_code(code)
    except ValueError:
        return False
    return True


def _is_person(number: str) -> bool:
    """Whether it is the number of an identity card, by its check digit (GB 11643-1999): no organisation's at all."""
    if not number[:17].isdigit():
        return False
    total = sum(int(digit) * (2 ** (17 - place) % 11) for place, digit in enumerate(number[:17]))
    return "10X98765432"[total % 11] == number[17]


def _credit_code(subject: Node, extensions: Node | None) -> str | None:
    found = [code for code in _candidates(subject, extensions) if _holds(code)]
    return found[0] if len(found) == 1 else None  # two codes name two organisations: neither is stated


def _extension_text(value: bytes) -> str:
    """GB/T 20518 gives PrintableString, some vendors tag it again or leave it bare."""
    try:
        node = read_der(value)
        while node.children:
            node = node.children[0]
        return node.content.decode("ascii", errors="replace")
    except Refused:
        return value.decode("ascii", errors="replace")


def _codes(text: str) -> Iterator[str]:
    if match := _CFCA.fullmatch(text):
        yield from () if match[1] == "0" else (match[2],)
    else:
        yield from (match[0] for match in _CODE.finditer(text))
