"""A writer of DER: what certificates, revocation lists and seals are made of (ITU-T X.690)."""

from datetime import UTC, datetime


def tlv(tag: int, content: bytes) -> bytes:
    """One element: identifier octet, minimal length, content."""
    size = len(content)
    if size < 0x80:
        return bytes((tag, size)) + content
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes((tag, 0x80 | len(length))) + length + content


def sequence(*items: bytes) -> bytes:
    """SEQUENCE of the items, in order."""
    return tlv(0x30, b"".join(items))


def set_of(*items: bytes) -> bytes:
    """SET OF, sorted by encoding (X.690 section 11.6)."""
    return tlv(0x31, b"".join(sorted(items)))


def explicit(number: int, content: bytes) -> bytes:
    """[number] EXPLICIT content."""
    return tlv(0xA0 | number, content)


def implicit(number: int, content: bytes) -> bytes:
    """[number] IMPLICIT, primitive: the content octets under a context tag."""
    return tlv(0x80 | number, content)


def integer(value: int) -> bytes:
    """INTEGER, minimal two's complement."""
    return tlv(0x02, value.to_bytes(value.bit_length() // 8 + 1, "big", signed=True))


def boolean(value: bool) -> bytes:
    """BOOLEAN, FF for true."""
    return tlv(0x01, b"\xff" if value else b"\x00")


def null() -> bytes:
    """NULL."""
    return b"\x05\x00"


def octets(value: bytes) -> bytes:
    """OCTET STRING."""
    return tlv(0x04, value)


def bits(value: bytes, unused: int = 0) -> bytes:
    """BIT STRING of whole octets, or with `unused` bits at the end."""
    return tlv(0x03, bytes((unused,)) + value)


def flags(*numbers: int) -> bytes:
    """A named BIT STRING with these bits set and trailing zero bits left out (X.690 section 11.2.2)."""
    size = max(numbers) // 8 + 1
    value = sum(1 << (size * 8 - 1 - number) for number in numbers)
    return bits(value.to_bytes(size, "big"), unused=7 - max(numbers) % 8)


def oid(dotted: str) -> bytes:
    """OBJECT IDENTIFIER."""
    first, second, *rest = (int(arc) for arc in dotted.split("."))
    content = bytearray()
    for arc in (first * 40 + second, *rest):
        groups = [arc & 0x7F]
        while arc := arc >> 7:
            groups.append(0x80 | arc & 0x7F)
        content += bytes(reversed(groups))
    return tlv(0x06, bytes(content))


def utf8(text: str) -> bytes:
    """UTF8String."""
    return tlv(0x0C, text.encode())


def printable(text: str) -> bytes:
    """PrintableString."""
    return tlv(0x13, text.encode("ascii"))


def ia5(text: str) -> bytes:
    """IA5String."""
    return tlv(0x16, text.encode("ascii"))


def generalized_time(moment: datetime) -> bytes:
    """GeneralizedTime in UTC, whole seconds."""
    return tlv(0x18, moment.astimezone(UTC).strftime("%Y%m%d%H%M%SZ").encode())


def certificate_time(moment: datetime) -> bytes:
    """UTCTime through 2049, GeneralizedTime from 2050 (RFC 5280 section 4.1.2.5)."""
    utc = moment.astimezone(UTC)
    if utc.year >= 2050:
        return generalized_time(utc)
    return tlv(0x17, utc.strftime("%y%m%d%H%M%SZ").encode())
