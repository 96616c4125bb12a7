"""An entry of an archive as it is unpacked, a piece at a time: for entries that memory should not hold."""

import zlib
from collections.abc import Iterator

from untrusted.refused import Refused
from untrusted.source import PIECE, FileBytes


def stored(data: bytes | FileBytes, start: int, end: int) -> Iterator[bytes]:
    """The bytes from `start` to `end`."""
    for at in range(start, end, PIECE):
        yield data[at : min(at + PIECE, end)]


def inflated(data: bytes | FileBytes, start: int, end: int, size: int, slack: int, name: str) -> Iterator[bytes]:
    """What the deflated bytes from `start` to `end` unpack to, at most a piece more than `size`.

    Raises `Refused` (`archive.malformed`, data) if they are damaged, or do not end where the header says but for
    `slack` bytes.
    """
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    at, total = start, 0
    while at < end and not inflater.eof and total <= size:
        packed = data[at : min(at + PIECE, end)]
        at += len(packed)
        while packed and not inflater.eof and total <= size:
            try:
                piece = inflater.decompress(packed, PIECE)
            except zlib.error:
                raise _malformed("data", "The packed data cannot be unpacked.", name) from None
            packed = inflater.unconsumed_tail
            total += len(piece)
            if piece:
                yield piece
    left = len(inflater.unused_data) + end - at
    if total == size and (not inflater.eof or left > slack):
        raise _malformed("data", "The packed data do not end where the header says.", name)


def checked(pieces: Iterator[bytes], size: int, checksum: int, name: str) -> Iterator[bytes]:
    """The pieces; behind the last one they are refused (`archive.malformed`) if size or checksum is another."""
    total, found = 0, 0
    for piece in pieces:
        total += len(piece)
        if total > size:
            break
        found = zlib.crc32(piece, found)
        yield piece
    if total != size:
        raise _malformed("size", "The data unpack to another size than stated.", name)
    if found != checksum:
        raise _malformed("checksum", "The checksum of the data is wrong.", name)


def _malformed(reason: str, detail: str, where: str) -> Refused:
    return Refused("archive.malformed", reason, detail, where=where)
