"""Unpacking by pieces gives what unpacking at once does, and needs no more memory than the result."""

import random
import tracemalloc
import zlib

from hypothesis import example, given, settings
from hypothesis import strategies as st

from untrusted.zip import _PIECE, _inflate


def deflated(data: bytes, level: int = 6) -> bytes:
    packer = zlib.compressobj(level, zlib.DEFLATED, -zlib.MAX_WBITS)
    return packer.compress(data) + packer.flush()


def at_once(packed: bytes, size: int) -> tuple[bytes, int | None]:
    """What the library says of all of it."""
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    content = inflater.decompress(packed, size + 1)
    return content, len(inflater.unused_data) if inflater.eof else None


def outcome(packed: bytes, size: int) -> object:
    """The content where it is as long as stated, and how it ends; whatever else is said, it is refused."""
    found = []
    for unpack in (at_once, lambda data, size: _inflate(memoryview(data), size)):
        try:
            content, left = unpack(packed, size)
        except zlib.error:
            found.append("broken")
            continue
        found.append((content, left) if len(content) == size else len(content) == size + 1)
    assert found[0] == found[1]
    return found[0]


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=400), st.integers(-3, 3), st.binary(max_size=20), st.integers(0, 500), st.integers(0, 255))
@example(b"", 0, b"", 0, 0)
@example(b"", 0, b"xyz", 0, 0)
def test_small_entries(data: bytes, off: int, behind: bytes, place: int, change: int) -> None:
    packed = bytearray(deflated(data))
    assert outcome(bytes(packed) + behind, len(data)) == (data, len(behind))
    outcome(bytes(packed) + behind, max(0, len(data) + off))
    outcome(bytes(packed[:-1]), len(data))
    packed[place % len(packed)] ^= change
    outcome(bytes(packed), len(data))


def test_entries_of_several_pieces() -> None:
    chosen = random.Random(3)
    for size in (_PIECE - 1, _PIECE, _PIECE + 1, 3 * _PIECE + 17):
        for data in (chosen.randbytes(size), bytes(size), chosen.randbytes(100) * (size // 100)):
            for level in (0, 1, 9):
                packed = deflated(data, level)
                assert outcome(packed, len(data)) == (data, 0)
                assert outcome(packed + b"tail" * _PIECE, len(data)) == (data, 4 * _PIECE)
                assert outcome(packed, len(data) - 1) is True
                assert outcome(packed[:-1], len(data)) in (False, (data, None), "broken")


def test_a_large_entry_is_in_memory_once() -> None:
    size = 20 << 20
    packed = deflated(random.Random(1).randbytes(size), 1)
    tracemalloc.start()
    try:
        content, left = _inflate(memoryview(packed), size)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert (len(content), left) == (size, 0)
    assert peak < 1.3 * size
