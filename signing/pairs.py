"""The two encodings of a signature (r, s): DER, a SEQUENCE of two INTEGERs, and raw, r and s of fixed width.

ECDSA (RFC 3279 section 2.2.3, RFC 9421 section 3.3.4) and SM2 (GM/T 0009) share both. `size` is the width of r in
bytes: 32 or 48. Whether r and s are in range for a curve is not decided here.
"""


def read_pair(der: bytes, size: int = 32) -> tuple[int, int]:
    """r and s of a DER signature. Raises ValueError on anything but the one DER encoding of two integers >= 0.

    Refused: long or indefinite lengths, padded or negative integers, trailing bytes, integers over `size` bytes.
    """
    if not 8 <= len(der) <= 2 * size + 8 or der[0] != 0x30 or der[1] != len(der) - 2:
        raise ValueError("not a DER sequence of two integers")
    r, end = _read_integer(der, 2, size)
    s, end = _read_integer(der, end, size)
    if end != len(der):
        raise ValueError("bytes after the second integer")
    return r, s


def write_pair(r: int, s: int, size: int = 32) -> bytes:
    """The DER encoding of r and s, both of at most `size` bytes. Raises ValueError outside."""
    if not (0 <= r < 1 << 8 * size and 0 <= s < 1 << 8 * size):
        raise ValueError(f"r and s are of {size} bytes")
    body = _write_integer(r) + _write_integer(s)
    return bytes((0x30, len(body))) + body


def raw_to_der(raw: bytes, size: int = 32) -> bytes:
    """DER of a raw signature. Raises ValueError on a length other than twice `size`."""
    if len(raw) != 2 * size:
        raise ValueError(f"a raw signature is of {2 * size} bytes")
    return write_pair(int.from_bytes(raw[:size], "big"), int.from_bytes(raw[size:], "big"), size)


def der_to_raw(der: bytes, size: int = 32) -> bytes:
    """r and s of `size` bytes each. Raises ValueError on what `read_pair` refuses."""
    r, s = read_pair(der, size)
    return r.to_bytes(size, "big") + s.to_bytes(size, "big")


def _read_integer(der: bytes, start: int, size: int) -> tuple[int, int]:
    """The INTEGER at `start` and the offset after it."""
    if len(der) < start + 3 or der[start] != 2:
        raise ValueError("not an integer")
    length = der[start + 1]
    content = der[start + 2 : start + 2 + length]
    if not 0 < length <= size + 1 or len(content) != length:
        raise ValueError(f"an integer that is empty, cut off or over {size} bytes")
    if content[0] & 0x80:
        raise ValueError("a negative integer")
    if length > 1 and content[0] == 0 and not content[1] & 0x80:
        raise ValueError("a padded integer")
    if length > size and content[0]:
        raise ValueError(f"an integer over {size} bytes")
    return int.from_bytes(content, "big"), start + 2 + length


def _write_integer(number: int) -> bytes:
    content = number.to_bytes(number.bit_length() // 8 + 1, "big")
    return bytes((2, len(content))) + content
