"""The picture of a seal: a red ring with a star, as PNG, drawn point by point."""

import math
import zlib
from functools import cache

_SIZE = 161  # pixels; odd, so that there is a middle
_MIDDLE = _SIZE // 2
_OUTER, _INNER, _STAR = 78.0, 73.0, 26.0


@cache
def seal_picture() -> bytes:
    """A PNG of 161 x 161 pixels in two colours, transparent and red.

    The pixels are stored, not deflated: compressors differ from machine to machine, the sandbox must not.
    """
    corners = [
        (radius * math.sin(math.pi * n / 5), -radius * math.cos(math.pi * n / 5))
        for n in range(10)
        for radius in (_STAR if n % 2 == 0 else _STAR * 0.382,)
    ]
    rows = bytearray()
    for y in range(-_MIDDLE, _MIDDLE + 1):
        row = 0
        for x in range(-_MIDDLE, _MIDDLE + 1):
            red = _INNER <= math.hypot(x, y) <= _OUTER or _inside(x, y, corners)
            row = row << 1 | red
        padding = -_SIZE % 8
        rows += b"\x00" + (row << padding).to_bytes((_SIZE + padding) // 8, "big")
    header = _SIZE.to_bytes(4, "big") * 2 + bytes((1, 3, 0, 0, 0))  # 1 bit a pixel, palette
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        (
            _chunk(b"IHDR", header),
            _chunk(b"PLTE", bytes((255, 255, 255, 200, 16, 16))),
            _chunk(b"tRNS", b"\x00"),
            _chunk(b"IDAT", _stored(bytes(rows))),
            _chunk(b"IEND", b""),
        )
    )


def _inside(x: int, y: int, corners: list[tuple[float, float]]) -> bool:
    """Whether the point lies in the polygon: an odd number of its edges is crossed on the way out."""
    crossed = False
    for (ax, ay), (bx, by) in zip(corners, corners[1:] + corners[:1], strict=True):
        if (ay > y) != (by > y) and x < (bx - ax) * (y - ay) / (by - ay) + ax:
            crossed = not crossed
    return crossed


def _chunk(kind: bytes, content: bytes) -> bytes:
    return len(content).to_bytes(4, "big") + kind + content + zlib.crc32(kind + content).to_bytes(4, "big")


def _stored(content: bytes) -> bytes:
    """A zlib stream of one stored block (RFC 1950, RFC 1951 section 3.2.4); up to 65535 bytes."""
    size = len(content)
    block = b"\x01" + size.to_bytes(2, "little") + (size ^ 0xFFFF).to_bytes(2, "little") + content
    return b"\x78\x01" + block + zlib.adler32(content).to_bytes(4, "big")
