"""The bytes of a file that is not in memory: a length, slices, and pieces from the first byte on, as often as asked."""

import io
from collections.abc import Iterator
from typing import BinaryIO, Final

PIECE: Final = 256 << 10


class FileBytes:
    """A file of the caller's as bytes that are fetched when they are looked at.

    The file has to be seekable, to stay open and to stay as it is; whoever reads it elsewhere meanwhile moves its
    position. Slices have no step. Raises what the file raises (`OSError`).
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._size = file.seek(0, io.SEEK_END)

    def __len__(self) -> int:
        return self._size

    def __getitem__(self, where: slice) -> bytes:
        start, stop, step = where.indices(self._size)
        if step != 1:
            raise ValueError("bytes of a file are read in order")
        self._file.seek(start)
        return self._file.read(max(0, stop - start))

    def startswith(self, prefix: bytes | tuple[bytes, ...]) -> bool:
        """Whether the file starts with `prefix`, or with one of them."""
        longest = max(map(len, prefix)) if isinstance(prefix, tuple) else len(prefix)
        return self[:longest].startswith(prefix)

    def pieces(self, start: int = 0, stop: int | None = None) -> Iterator[bytes]:
        """The bytes from `start` to `stop` in order, a piece at a time; none of them is empty."""
        at, end = start, self._size if stop is None else min(stop, self._size)
        while at < end:
            piece = self[at : min(at + PIECE, end)]
            if not piece:
                return
            at += len(piece)
            yield piece
