"""BER with indefinite lengths made into DER lengths: for CMS of producers that stream it, never for seals.

Only lengths change: indefinite to definite, long to shortest, and an OCTET STRING in segments to one. Values keep
their octets and sets keep their order; what is still no DER afterwards is refused by the DER reader.
"""

from signing.containers.der import NotAsExpected

_DEPTH, _SIZE = 16, 16 << 20
_END = b"\x00\x00"
_INDEFINITE = 0x80


def looks_indefinite(data: bytes) -> bool:
    """Whether the outermost value has an indefinite length (X.690 section 8.1.3.6)."""
    return len(data) > 2 and data[0] & 0x20 != 0 and data[1] == _INDEFINITE


def to_der(data: bytes) -> bytes:
    """The same value with definite lengths. Raises `NotAsExpected` on anything malformed, too deep or left over."""
    if len(data) > _SIZE:
        raise NotAsExpected("BER of more than 16 MiB")
    value, end = _value(data, 0, len(data), 0)
    if end != len(data):
        raise NotAsExpected("bytes after the BER value")
    return value


def _value(data: bytes, start: int, limit: int, depth: int) -> tuple[bytes, int]:
    """The value at `start` in DER lengths, and the offset after it."""
    if depth > _DEPTH:
        raise NotAsExpected("BER nested too deeply")
    tag, size, body = _head(data, start, limit)
    if size is None:
        if not tag & 0x20:
            raise NotAsExpected("a primitive value of indefinite length")
        parts, end = [], body
        while data[end : end + 2] != _END or end + 2 > limit:
            part, end = _value(data, end, limit, depth + 1)
            parts.append(part)
        return _join(tag, parts), end + 2
    end = body + size
    if not tag & 0x20:
        return _tlv(tag, data[body:end]), end
    parts, at = [], body
    while at < end:
        part, at = _value(data, at, end, depth + 1)
        parts.append(part)
    return _join(tag, parts), end


def _head(data: bytes, start: int, limit: int) -> tuple[int, int | None, int]:
    """Tag, length (None: indefinite) and the offset of the content."""
    if start + 2 > limit:
        raise NotAsExpected("BER that ends within a value")
    tag, first = data[start], data[start + 1]
    if tag & 0x1F == 0x1F or tag == 0:
        raise NotAsExpected("a BER tag that CMS does not use")
    if first == _INDEFINITE:
        return tag, None, start + 2
    body = start + 2
    size = first
    if first & 0x80:
        count = first & 0x7F
        if count > 4 or body + count > limit:
            raise NotAsExpected("a BER length that is too long")
        size = int.from_bytes(data[body : body + count], "big")
        body += count
    if body + size > limit:
        raise NotAsExpected("BER that ends within a value")
    return tag, size, body


def _join(tag: int, parts: list[bytes]) -> bytes:
    """A constructed value; an OCTET STRING in segments becomes one."""
    if tag == 0x24:
        if any(part[0] != 0x04 for part in parts):
            raise NotAsExpected("an octet string of other segments")
        return _tlv(0x04, b"".join(part[2 if part[1] < 0x80 else 2 + (part[1] & 0x7F) :] for part in parts))
    return _tlv(tag, b"".join(parts))


def _tlv(tag: int, content: bytes) -> bytes:
    size = len(content)
    if size < 0x80:
        return bytes((tag, size)) + content
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes((tag, 0x80 | len(length))) + length + content
