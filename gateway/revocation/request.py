"""An OCSP request (RFC 6960 section 4.1.1): one certificate, no nonce, so that an answer made in advance will do."""

from gateway.trust.revocations import HASHES, key_bits, subject_der
from signing.checks.paths import Link

_SEQUENCE, _OCTETS, _OID, _NULL = 0x30, 0x04, 0x06, b"\x05\x00"


def ocsp_request(issuer: Link, subject: Link, hash_oid: str) -> bytes:
    """The request about `subject`, whose issuer is named by digests of `hash_oid`."""
    digest = HASHES[hash_oid]
    certificate_id = _tlv(
        _SEQUENCE,
        _tlv(_SEQUENCE, _identifier(hash_oid), _NULL),
        _tlv(_OCTETS, digest(subject_der(issuer))),
        _tlv(_OCTETS, digest(key_bits(issuer))),
        subject.parsed["tbs_certificate"]["serial_number"].dump(),
    )
    return _tlv(_SEQUENCE, _tlv(_SEQUENCE, _tlv(_SEQUENCE, _tlv(_SEQUENCE, certificate_id))))


def _tlv(tag: int, *parts: bytes) -> bytes:
    content = b"".join(parts)
    size = len(content)
    if size < 0x80:
        return bytes((tag, size)) + content
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes((tag, 0x80 | len(length))) + length + content


def _identifier(dotted: str) -> bytes:
    first, second, *rest = (int(arc) for arc in dotted.split("."))
    content = b""
    for arc in (first * 40 + second, *rest):
        octets = [arc & 0x7F]
        while arc := arc >> 7:
            octets.insert(0, arc & 0x7F | 0x80)
        content += bytes(octets)
    return _tlv(_OID, content)
