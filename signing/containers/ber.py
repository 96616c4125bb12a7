"""BER with indefinite lengths made into DER lengths: for CMS of producers that stream it, never for seals.

Only lengths change: indefinite to definite, long to shortest, and an OCTET STRING in segments to one. Values keep
their octets and sets keep their order; what is still no DER afterwards is refused by the DER reader.
"""

from signing.containers.der import NotAsExpected

_DEPTH, _SIZE = 40, 16 << 20  # as deep as a time-stamp in signed data stands
_MOST_VALUES = 200_000
_END = b"\x00\x00"
_INDEFINITE = 0x80


def looks_indefinite(data: bytes) -> bool:
    """Whether the outermost value has an indefinite length (X.690 section 8.1.3.6)."""
    return len(data) > 2 and data[0] & 0x20 != 0 and data[1] == _INDEFINITE


def to_der(data: bytes) -> bytes:
    """The same value with definite lengths.

    Raises `NotAsExpected` on anything malformed, too deep or left over, or of more values than are read as DER.
    """
    value, end = _Transcoder(data).read()
    if end != len(data):
        raise NotAsExpected("bytes after the BER value")
    return value


def end_of(data: bytes) -> int:
    """The offset after the value at the start of `data`. Raises `NotAsExpected` as `to_der`."""
    return _Transcoder(data).read()[1]


class _Transcoder:
    """One pass over a value; what it holds is counted, so that its time is bounded."""

    def __init__(self, data: bytes) -> None:
        if len(data) > _SIZE:
            raise NotAsExpected("BER of more than 16 MiB")
        self._data = data
        self._left = _MOST_VALUES

    def read(self) -> tuple[bytes, int]:
        """The value in DER lengths, and the offset after it."""
        return self._value(0, len(self._data), 0)

    def _value(self, start: int, limit: int, depth: int) -> tuple[bytes, int]:
        self._left -= 1
        if depth > _DEPTH or self._left < 0:
            raise NotAsExpected("BER nested too deeply, or of too many values")
        data = self._data
        tag, size, body = _head(data, start, limit)
        if size is None and not tag & 0x20:
            raise NotAsExpected("a primitive value of indefinite length")
        if not tag & 0x20:
            end = body + (size or 0)
            return _tlv(tag, data[body:end]), end
        parts, at = [], body
        if size is None:
            while data[at : at + 2] != _END or at + 2 > limit:
                part, at = self._value(at, limit, depth + 1)
                parts.append(part)
            return _join(tag, parts), at + 2
        while at < body + size:
            part, at = self._value(at, body + size, depth + 1)
            parts.append(part)
        return _join(tag, parts), at


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
