"""The Merkle tree over the lines of a file (RFC 6962 section 2.1), in memory that does not grow with it.

A leaf is a line without its end (LF, or CRLF). The sender may sign the root, in the field `Batch-Lines` beside the
digest of the whole file: a line with its audit path then proves by itself that it was sent, without the other lines.
"""

import hashlib
from collections.abc import Callable, Iterable

from gateway.ledger.merkle import inclusion_spans, node_hash

FIELD = "batch-lines"


class Fold:
    """The root over leaf hashes that come one by one; a few hashes are kept."""

    def __init__(self) -> None:
        self._subtrees: list[tuple[int, bytes]] = []  # complete ones, each larger than the next

    def add(self, leaf: bytes) -> None:
        """The next leaf's hash."""
        size = 1
        while self._subtrees and self._subtrees[-1][0] == size:
            leaf = node_hash(self._subtrees.pop()[1], leaf)
            size *= 2
        self._subtrees.append((size, leaf))

    def root(self) -> bytes:
        """The root over all that came. Raises `IndexError` if nothing did."""
        *others, (_, root) = self._subtrees
        for _, left in reversed(others):
            root = node_hash(left, root)
        return root


class LineHashes:
    """Splits a stream into lines and gives the leaf hash of each to `sink`, in order."""

    def __init__(self, sink: Callable[[bytes], None]) -> None:
        self._sink = sink
        self._begin()

    def _begin(self) -> None:
        self._line, self._held, self._is_empty = hashlib.sha256(b"\x00"), b"", True

    def update(self, part: bytes) -> None:
        """The next bytes of the file."""
        begin = 0
        while (end := part.find(b"\n", begin)) >= 0:
            self._add(part[begin:end])
            self._end()
            begin = end + 1
        self._add(part[begin:])

    def finish(self) -> None:
        """The file is over: its last line may have no end."""
        if not self._is_empty:
            self._end()

    def _add(self, piece: bytes) -> None:
        if not piece:
            return
        piece = self._held + piece
        self._held = b"\r" if piece.endswith(b"\r") else b""  # it may be the line's end
        self._line.update(piece[: len(piece) - len(self._held)])
        self._is_empty = False

    def _end(self) -> None:
        self._sink(self._line.digest())
        self._begin()


class Path:
    """The audit path of line `number` (from 1) of `count`, from the leaf hashes that come one by one."""

    def __init__(self, number: int, count: int) -> None:
        self._spans = inclusion_spans(number - 1, count)
        self._folds = {span: Fold() for span in self._spans}
        self._waiting = sorted(self._spans, reverse=True)
        self._place = 0

    def add(self, leaf: bytes) -> None:
        """The next leaf's hash."""
        while self._waiting and self._waiting[-1][1] <= self._place:
            self._waiting.pop()
        if self._waiting and self._waiting[-1][0] <= self._place:
            self._folds[self._waiting[-1]].add(leaf)
        self._place += 1

    def hashes(self) -> list[bytes]:
        """The path, from the leaf up."""
        return [self._folds[span].root() for span in self._spans]


def root_of(parts: Iterable[bytes]) -> bytes:
    """The root over the lines of a file that comes in parts. Raises `IndexError` of an empty one."""
    fold = Fold()
    lines = LineHashes(fold.add)
    for part in parts:
        lines.update(part)
    lines.finish()
    return fold.root()
