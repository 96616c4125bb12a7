"""Where the sandbox's keys and numbers come from: one seed, one label, one sequence of bytes."""

import hashlib
from random import Random

_BLOCK = 136  # the rate of SHAKE-256: one permutation a block


class Stream:
    """The endless bytes of one label under one seed: SHAKE-256 in counter mode. Not a secret: the seed is public."""

    def __init__(self, seed: int, label: str) -> None:
        self._prefix = b"sandbox/1\x00" + seed.to_bytes(8, "big", signed=True) + label.encode() + b"\x00"
        self._counter = 0
        self._buffer = b""

    def read(self, size: int) -> bytes:
        """The next `size` bytes."""
        while len(self._buffer) < size:
            block = hashlib.shake_256(self._prefix + self._counter.to_bytes(8, "big"))
            self._buffer += block.digest(_BLOCK)
            self._counter += 1
        taken, self._buffer = self._buffer[:size], self._buffer[size:]
        return taken

    def below(self, bound: int) -> int:
        """An integer from 1 to `bound` - 1. 64 surplus bits make the bias of the modulus immaterial here."""
        size = (bound.bit_length() + 7) // 8 + 8
        return int.from_bytes(self.read(size), "big") % (bound - 1) + 1


def drawing(label: str) -> Random:
    """Draws for what only has to look likely, the same for the same label. Never for a key."""
    return Random(label)  # noqa: S311
