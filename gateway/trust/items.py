"""What a file holds, told from its bytes: certificates, revocation lists and OCSP responses in PEM, DER or PKCS #7."""

import base64
import binascii
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

from signing.certificate import BadCertificate, parse_certificate
from signing.containers import ber
from signing.containers.cms import SIGNED_DATA
from signing.containers.der import NotAsExpected
from signing.revocation import BadRevocationData, parse_crl, parse_ocsp
from untrusted import Node, Refused, read_der

LARGEST_FILE = 64 << 20  # as the trust store reads; the largest list of a busy authority is about 30 MiB
_MOST_ITEMS = 1_000
_PEM = re.compile(rb"-----BEGIN ([A-Z0-9 ]{1,40})-----\r?\n([A-Za-z0-9+/=\s]*)-----END \1-----")
_BEGIN = b"-----BEGIN "
_SIGNED_DATA_TYPES = frozenset({"1.2.840.113549.1.7.2", "1.2.156.10197.6.1.4.2.2"})
_SEQUENCE, _CONTEXT_0, _CONTEXT_1 = 0x30, 0xA0, 0xA1

Kind = Literal["certificate", "list", "response"]
_LABELS: dict[str, Kind] = {"CERTIFICATE": "certificate", "X509 CRL": "list", "OCSP RESPONSE": "response"}
_BUNDLES = frozenset({"PKCS7", "CMS", "PKCS #7 SIGNED DATA"})


class NotAnItem(ValueError):
    """The bytes are nothing that a trust folder holds: `reason` is a stable slug, the message says more."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Item:
    """One certificate, revocation list or OCSP response in DER, parsed once."""

    kind: Kind
    der: bytes = field(repr=False)


def read_items(data: bytes) -> tuple[Item, ...]:
    """Everything that the bytes of one file hold, each once, in their order.

    A PEM label must say what its block is. Raises `NotAnItem`: `too-large`, `empty`, `private-key`, `label`, `pem`,
    `unknown`, `certificate`, `list`, `response`, `bundle`.
    """
    if len(data) > LARGEST_FILE:
        raise NotAnItem("too-large", f"more than {LARGEST_FILE} bytes")
    if not data.strip():
        raise NotAnItem("empty", "the file is empty")
    items = tuple(dict.fromkeys(_armoured(data) if _BEGIN in data[:65536] else _bare(data)))
    if len(items) > _MOST_ITEMS:
        raise NotAnItem("too-large", f"more than {_MOST_ITEMS} certificates and lists")
    return items


def _armoured(data: bytes) -> Iterator[Item]:
    """The blocks of a PEM file (RFC 7468); text between them is ignored, a broken block is not."""
    found = 0
    for block in _PEM.finditer(data):
        found += 1
        label = block[1].decode("ascii")
        if label.endswith("PRIVATE KEY"):
            raise NotAnItem("private-key", "a private key has no place in a trust folder; keep it where it belongs")
        try:
            der = base64.b64decode(b"".join(block[2].split()), validate=True)
        except binascii.Error as error:
            raise NotAnItem("pem", f"{label}: {error}") from error
        if label in _BUNDLES:
            yield from _bundle(der)
        elif label in _LABELS:
            yield _item(_LABELS[label], der)
        else:
            raise NotAnItem("label", f"a trust folder holds no {label}")
    if found != data.count(_BEGIN):
        raise NotAnItem("pem", "a PEM block is cut off or malformed")


def _bare(data: bytes) -> Iterator[Item]:
    """A file without armour is one value in DER; which one, its structure says."""
    if data[:1] != b"\x30":
        raise NotAnItem("unknown", "neither PEM nor DER")
    if ber.looks_indefinite(data):
        yield from _bundle(data)
        return
    refusals = []
    for kind in _LABELS.values():
        try:
            yield _item(kind, data)
        except NotAnItem as error:
            refusals.append(error)
        else:
            return
    if _starts_with_identifier(data):
        yield from _bundle(data)
        return
    shape = _shape(data)
    told = "; ".join(f"as a {error.reason}: {error}" for error in refusals)
    raise next((error for error in refusals if error.reason == shape), NotAnItem("unknown", told))


def _item(kind: Kind, der: bytes) -> Item:
    parse = {"certificate": parse_certificate, "list": parse_crl, "response": parse_ocsp}[kind]
    try:
        parse(der)
    except (BadCertificate, BadRevocationData) as error:
        raise NotAnItem(kind, str(error)) from error
    return Item(kind, der)


def _starts_with_identifier(der: bytes) -> bool:
    """The first element inside of the outer SEQUENCE is an OBJECT IDENTIFIER: a ContentInfo."""
    header = 2 + (der[1] & 0x7F if len(der) > 1 and der[1] & 0x80 else 0)
    return der[header : header + 1] == b"\x06"


def _shape(der: bytes) -> str | None:
    """What a value that cannot be parsed looks like, so that the refusal speaks of that."""
    try:
        first = read_der(der).children[0]
    except (Refused, IndexError):
        return None
    if first.tag == 0x0A:
        return "response"
    members = [child.tag for child in first.children]
    return "certificate" if members[:1] == [_CONTEXT_0] else "list" if members[:1] == [0x02] else None


def _bundle(data: bytes) -> Iterator[Item]:
    """The certificates and lists that a SignedData carries (RFC 5652 section 5.1); who signed it does not matter."""
    try:
        der = ber.to_der(data) if ber.looks_indefinite(data) else data
        root = read_der(der, limits=SIGNED_DATA)
        if root.children[0].oid() not in _SIGNED_DATA_TYPES:
            raise NotAnItem("bundle", "a PKCS #7 value that is no SignedData")
        parts = root[1][0].children
    except Refused as refused:
        raise NotAnItem("bundle", f"{refused.rule}: {refused.detail}") from refused
    except (NotAsExpected, IndexError) as error:
        raise NotAnItem("bundle", str(error) or "not a SignedData") from error
    found = [(part, child) for part in parts[3:] for child in part.children if _is_member(part, child)]
    if not found:
        raise NotAnItem("bundle", "the bundle carries neither certificates nor lists")
    for part, child in found:
        yield _item("certificate" if part.tag == _CONTEXT_0 else "list", child.raw)


def _is_member(part: Node, child: Node) -> bool:
    """A certificate or list proper; the other choices of RFC 5652 (attribute certificates) are no part of trust."""
    return part.tag in (_CONTEXT_0, _CONTEXT_1) and child.tag == _SEQUENCE
