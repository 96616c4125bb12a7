"""Signed data: GB/T 35275-2017 (SM2) and RFC 5652, with exactly one signer.

Two forms are signed: with attributes, which name the digest of the content, and without, where the content is either
signed itself or stands inside as its digest. Which of the two a value is follows from its structure.
"""

from dataclasses import dataclass, replace
from typing import Any

from signing.containers import ber
from signing.containers.der import NotAsExpected, expect, integer, object_id, octets
from signing.kept import kept
from signing.moments import read_moment
from signing.seal import Bits, Defect, Moment, Seal, all_flags
from untrusted import DEFAULT, Node, Refused, read_der

_SEQUENCE, _SET, _OID, _OCTETS = 0x30, 0x31, 0x06, 0x04
_CONTEXT_0, _CONTEXT_1 = 0xA0, 0xA1
_SIGNED_DATA = {"1.2.156.10197.6.1.4.2.2": "GB/T 35275-2017", "1.2.840.113549.1.7.2": "RFC 5652"}
_DATA = frozenset({"1.2.156.10197.6.1.4.2.1", "1.2.840.113549.1.7.1"})
_CONTENT_TYPE, _MESSAGE_DIGEST = "1.2.840.113549.1.9.3", "1.2.840.113549.1.9.4"
_SIGNING_TIME, _TIME_STAMP = "1.2.840.113549.1.9.5", "1.2.840.113549.1.9.16.2.14"
_VERSIONS, _SIGNER_VERSIONS = (1, 3, 4, 5), (1, 3)  # RFC 5652 sections 5.1 and 5.3
_NULL = b"\x05\x00"
_LARGEST_CERTIFICATE = 64 << 10
SIGNED_DATA = replace(DEFAULT, der_depth=40)
"""A time-stamp on a signature is a SignedData with certificates inside of another: 26 levels."""
_DIGESTS = {
    "1.2.156.10197.1.401": "sm3",
    "2.16.840.1.101.3.4.2.1": "sha256",
    "2.16.840.1.101.3.4.2.2": "sha384",
    "2.16.840.1.101.3.4.2.3": "sha512",
}


def read_signed_data(data: bytes, root: Node | None = None) -> Seal:
    """The one signature of the SignedData that `data` is. Indefinite lengths are transcoded and flagged.

    `root` is `data` as it was read before. Raises `NotAsExpected` if the structure is not that; lesser faults, also
    another number of signers, are `defects`.
    """
    flags: list[str] = []
    if ber.looks_indefinite(data):
        data, root = ber.to_der(data), None
        flags.append("ber-transcoded")
    try:
        root = root or read_der(data, limits=SIGNED_DATA)
    except Refused as refused:
        raise NotAsExpected(f"{refused.rule}: {refused.detail}") from refused
    parts = expect(root, _SEQUENCE, "ContentInfo").children
    if len(parts) != 2:
        raise NotAsExpected("ContentInfo is not a type and a content")
    format_name = _SIGNED_DATA.get(object_id(parts[0]))
    wrapped = expect(parts[1], _CONTEXT_0, "content").children
    if format_name is None or len(wrapped) != 1:
        raise NotAsExpected("the content is not one SignedData")
    return _Reader(flags).signed_data(wrapped[0], format_name)


def looks_like_signed_data(root: Node) -> bool:
    """Whether a DER value is shaped like a ContentInfo: it starts with an object identifier."""
    return root.tag == _SEQUENCE and bool(root.children) and root.children[0].tag == _OID


@dataclass(frozen=True, slots=True)
class _Attributes:
    """What the attributes under the signature say, and the octets that are signed for them."""

    signed: bytes
    content_type: str | None
    digest: bytes | None
    signed_at: Moment | None


class _Reader:
    def __init__(self, flags: list[str]) -> None:
        self.flags = flags
        self.defects: list[Defect] = []

    def defect(self, rule: str, reason: str, **facts: Any) -> None:
        self.defects.append(Defect(rule, reason, tuple(sorted(facts.items()))))

    def signed_data(self, node: Node, format_name: str) -> Seal:
        parts = list(expect(node, _SEQUENCE, "SignedData").children)
        if len(parts) < 4:
            raise NotAsExpected(f"SignedData of {len(parts)} elements")
        if integer(parts.pop(0)) not in _VERSIONS:
            self.defect("signature.format", "version-unknown")
        digests = {_digest(one) for one in expect(parts.pop(0), _SET, "digestAlgorithms").children}
        content_type, embedded = self._encapsulated(parts.pop(0))
        certificates = _certificates(parts.pop(0)) if parts and parts[0].tag == _CONTEXT_0 else ()
        if parts and parts[0].tag == _CONTEXT_1:
            parts.pop(0)
        if len(parts) != 1:
            raise NotAsExpected("SignedData does not end with its signers")
        signers = expect(parts[0], _SET, "signerInfos").children
        if len(signers) != 1:
            self.defect("signature.format", "not-one-signer", signers=len(signers))
        if not signers:
            return self._unsigned(format_name, embedded)
        seal = self._signer(signers[0], format_name, content_type, embedded, certificates)
        if seal.digest_algorithm not in digests:
            self.defect("signature.format", "digest-not-listed", digest=seal.digest_algorithm)
        return replace(seal, defects=tuple(self.defects))

    def _encapsulated(self, node: Node) -> tuple[str, bytes | None]:
        parts = expect(node, _SEQUENCE, "contentInfo").children
        if not parts or len(parts) > 2:
            raise NotAsExpected(f"contentInfo of {len(parts)} elements")
        content_type = object_id(parts[0])
        if len(parts) == 1:
            return content_type, None
        inner = expect(parts[1], _CONTEXT_0, "eContent").children
        if len(inner) != 1:
            raise NotAsExpected("eContent wraps other than one value")
        return content_type, octets(inner[0])

    def _unsigned(self, format_name: str, embedded: bytes | None) -> Seal:
        """SignedData without a signer: a seal with nothing on it, which only the defect describes."""
        return Seal(
            container="cms",
            format=format_name,
            algorithm="",
            digest_algorithm="",
            certificate=None,
            signed=b"",
            digest=None,
            value=Bits(b""),
            embedded=embedded,
            defects=tuple(self.defects),
            flags=all_flags(self.flags),
        )

    def _signer(
        self,
        node: Node,
        format_name: str,
        content_type: str,
        embedded: bytes | None,
        certificates: tuple[bytes, ...],
    ) -> Seal:
        parts = list(expect(node, _SEQUENCE, "SignerInfo").children)
        if len(parts) < 5:
            raise NotAsExpected(f"SignerInfo of {len(parts)} elements")
        if integer(parts.pop(0)) not in _SIGNER_VERSIONS:
            self.defect("signature.format", "version-unknown")
        certificate = self._certificate(parts.pop(0), certificates)
        digest = _digest(parts.pop(0))
        attributes = self._attributes(parts.pop(0), content_type) if parts[0].tag == _CONTEXT_0 else None
        if len(parts) < 2:
            raise NotAsExpected("SignerInfo without a signature")
        algorithm_octets = parts[0].raw
        algorithm = _algorithm(parts.pop(0))
        value = Bits(octets(parts.pop(0)))
        token = self._token(parts.pop(0)) if parts and parts[0].tag == _CONTEXT_1 else None
        if parts:
            raise NotAsExpected("SignerInfo with elements after its signature")
        return Seal(
            container="cms",
            format=format_name,
            algorithm=algorithm,
            algorithm_octets=algorithm_octets,
            digest_algorithm=digest,
            certificate=certificate,
            signed=attributes.signed if attributes else embedded,
            digest=Bits(attributes.digest) if attributes and attributes.digest is not None else None,
            value=value,
            signed_at=attributes.signed_at if attributes else None,
            embedded=embedded,
            has_attributes=attributes is not None,
            token=token,
            intermediates=tuple(other for other in certificates if other != certificate),
            flags=all_flags(self.flags),
        )

    def _certificate(self, node: Node, certificates: tuple[bytes, ...]) -> bytes | None:
        """The certificate that issuer and serial number name, byte for byte; it must be there, and be one."""
        if node.tag != _SEQUENCE or len(node.children) != 2:
            self.defect("signature.format", "signer-identifier-unsupported", tag=node.tag)
            return None
        named = node.children[0].raw + node.children[1].raw
        found = [one for one in certificates if _issuer_and_serial(one) == named]
        if len(found) != 1:
            self.defect("signature.format", "signer-certificate-absent", found=len(found))
            return None
        return found[0]

    def _attributes(self, node: Node, content_type: str) -> _Attributes:
        """RFC 5652 section 5.3: content type and digest are there, each attribute once with one value."""
        values: dict[str, Node] = {}
        for item in node.children:
            kind, value = self._attribute(item)
            if kind in values or value is None:
                self.defect("signature.format", "attribute-not-single", attribute=kind)
                continue
            values[kind] = value
        stated = object_id(values[_CONTENT_TYPE]) if _CONTENT_TYPE in values else None
        if stated is None:
            self.defect("signature.format", "content-type-absent")
        elif stated != content_type:
            if {stated, content_type} <= _DATA:
                self.flags.append("cms-content-type-mismatch")
            else:
                self.defect("signature.format", "content-type-mismatch", stated=stated, content=content_type)
        digest = octets(values[_MESSAGE_DIGEST]) if _MESSAGE_DIGEST in values else None
        if digest is None:
            self.defect("signature.format", "message-digest-absent")
        return _Attributes(
            signed=bytes((_SET,)) + node.raw[1:],
            content_type=stated,
            digest=digest,
            signed_at=self._time(values[_SIGNING_TIME]) if _SIGNING_TIME in values else None,
        )

    def _attribute(self, node: Node) -> tuple[str, Node | None]:
        parts = expect(node, _SEQUENCE, "an attribute").children
        if len(parts) != 2:
            raise NotAsExpected("an attribute is not a type and values")
        values = expect(parts[1], _SET, "attribute values").children
        return object_id(parts[0]), values[0] if len(values) == 1 else None

    def _time(self, node: Node) -> Moment | None:
        if node.tag not in (0x17, 0x18):
            self.defect("signature.time", "time-malformed", tag=node.tag)
            return None
        try:
            moment = read_moment(node.content.decode("ascii", errors="replace"), two_digit_year=node.tag == 0x17)
        except ValueError as error:
            self.defect("signature.time", "time-malformed", detail=str(error))
            return None
        self.flags.extend(moment.flags)
        return moment

    def _token(self, node: Node) -> bytes | None:
        """The signature time-stamp among the unsigned attributes, if there is one."""
        for item in node.children:
            kind, value = self._attribute(item)
            if kind == _TIME_STAMP and value is not None:
                return value.raw
        return None


def _algorithm(node: Node) -> str:
    parts = expect(node, _SEQUENCE, "an algorithm identifier").children
    if not parts or len(parts) > 2:
        raise NotAsExpected(f"an algorithm identifier of {len(parts)} elements")
    return object_id(parts[0])


def _digest(node: Node) -> str:
    """The name of a digest algorithm, or its identifier; it has no parameters (RFC 5754 section 2)."""
    found = _algorithm(node)
    if len(node.children) == 2 and node.children[1].raw != _NULL:
        raise NotAsExpected("a digest algorithm with parameters")
    return _DIGESTS.get(found, found)


def _certificates(node: Node) -> tuple[bytes, ...]:
    """The X.509 certificates of the set, each once; other kinds are of no use here."""
    return tuple(dict.fromkeys(child.raw for child in node.children if child.tag == _SEQUENCE))


def _issuer_and_serial(certificate: bytes) -> bytes | None:
    """Issuer and serial number of a certificate as their original octets, in the order of IssuerAndSerialNumber."""
    return _cached_issuer_and_serial(certificate) if len(certificate) <= _LARGEST_CERTIFICATE else None


@kept(1024, 4 << 20)
def _cached_issuer_and_serial(certificate: bytes) -> bytes | None:
    try:
        outer = read_der(certificate).children
    except Refused:
        return None
    inner = list(outer[0].children) if outer else []
    if inner and inner[0].tag == _CONTEXT_0:
        inner.pop(0)
    return inner[2].raw + inner[0].raw if len(inner) > 2 else None
