"""Changes of seeds without knowledge of the code: for machines that have no atheris, and for every run of the tests."""

import random
from collections.abc import Sequence

_LENGTHS = (0x00, 0x01, 0x7F, 0x80, 0x81, 0x82, 0x84, 0xFF)
_LARGEST = 400_000


def mutated(seeds: Sequence[bytes], chosen: random.Random) -> bytes:
    """A seed with one to a few changes; now and then spliced with another, or junk alone."""
    if chosen.random() < 0.02:
        return chosen.randbytes(chosen.randrange(200))
    data = bytearray(chosen.choice(seeds))
    for _ in range(chosen.choice((1, 1, 1, 2, 4, 16))):
        _change(data, seeds, chosen)
    return bytes(data[:_LARGEST])


def _change(data: bytearray, seeds: Sequence[bytes], chosen: random.Random) -> None:
    place = chosen.randrange(len(data) + 1)
    match chosen.randrange(9):
        case 0 if place < len(data):
            data[place] ^= 1 << chosen.randrange(8)
        case 1 if place < len(data):
            data[place] = chosen.randrange(256)
        case 2 if place < len(data):
            data[place] = chosen.choice(_LENGTHS)
        case 3:
            del data[place : place + chosen.choice((1, 2, 8, 64, 1024))]
        case 4:
            data[place:place] = chosen.randbytes(chosen.choice((1, 2, 8, 64)))
        case 5:
            start = chosen.randrange(len(data) + 1)
            data[place:place] = data[start : start + chosen.randrange(1, 200)]
        case 6:
            other = chosen.choice(seeds)
            start = chosen.randrange(len(other) + 1)
            size = chosen.randrange(1, 400)
            data[place : place + size] = other[start : start + size]
        case 7:
            _change_number(data, chosen)
        case _ if len(data) > 1:
            start, size = chosen.randrange(len(data)), chosen.randrange(1, 40)
            data[place:place], data[start : start + size] = data[start : start + size], b""


def _change_number(data: bytearray, chosen: random.Random) -> None:
    """A run of ASCII digits becomes another number: offsets, lengths and counts of PDF and XML."""
    digits = [place for place, octet in enumerate(data[:_LARGEST]) if 0x30 <= octet <= 0x39]
    if not digits:
        return
    start = end = chosen.choice(digits)
    while end < len(data) and 0x30 <= data[end] <= 0x39 and end - start < 12:
        end += 1
    number = int(data[start:end])
    other = chosen.choice((0, 1, number + 1, max(0, number - 1), number * 2, 2**31, 2**63, chosen.randrange(10**6)))
    data[start:end] = str(other).encode()
