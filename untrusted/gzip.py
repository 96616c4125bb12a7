"""One gzip member (RFC 1952), unpacked within bounds."""

import zlib
from collections.abc import Iterator

from untrusted.limits import DEFAULT, STREAM, Limits
from untrusted.refused import Refused, refuse_larger
from untrusted.source import PIECE, FileBytes

MAGIC = b"\x1f\x8b"


def read_gzip(data: bytes, limits: Limits = DEFAULT) -> bytes:
    """What the one member in `data` unpacks to; checksum and length hold.

    Raises `Refused`: `file.too-large`, `archive.malformed` (no gzip, several members, anything behind the member),
    `archive.truncated` (cut off, checksum, damaged data), `archive.bomb`.
    """
    refuse_larger(data, limits.file_bytes)
    if not data.startswith(MAGIC):
        raise Refused("archive.malformed", "not-gzip", "The data do not start as gzip data do.")
    most = min(limits.unpacked_bytes, max(limits.ratio_from_bytes, limits.ratio * len(data)))
    inflater = zlib.decompressobj(zlib.MAX_WBITS | 16)
    try:
        content = inflater.decompress(data, most + 1)
    except zlib.error:
        raise Refused("archive.truncated", "damaged", "The data or their checksum are damaged.") from None
    if len(content) > most:
        raise Refused("archive.bomb", "ratio", f"{len(data)} bytes would unpack to more than {most}.")
    if not inflater.eof:
        raise Refused("archive.truncated", "cut-off", "The data end before they are complete.")
    if inflater.unused_data:
        raise Refused("archive.malformed", "suffix", "Something follows the compressed data.")
    return content


def stream_gzip(data: FileBytes, limits: Limits = STREAM) -> Iterator[bytes]:
    """The same, a piece at a time; that checksum and length hold is known behind the last one."""
    if len(data) > limits.file_bytes:
        raise Refused("file.too-large", "bytes", f"{len(data)} bytes are more than {limits.file_bytes}.")
    if not data.startswith(MAGIC):
        raise Refused("archive.malformed", "not-gzip", "The data do not start as gzip data do.")
    most = min(limits.unpacked_bytes, max(limits.ratio_from_bytes, limits.ratio * len(data)))
    inflater = zlib.decompressobj(zlib.MAX_WBITS | 16)
    unpacked = 0
    for piece in data.pieces():
        if inflater.eof:
            raise Refused("archive.malformed", "suffix", "Something follows the compressed data.")
        while piece and not inflater.eof:
            try:
                content = inflater.decompress(piece, 4 * PIECE)
            except zlib.error:
                raise Refused("archive.truncated", "damaged", "The data or their checksum are damaged.") from None
            piece = inflater.unconsumed_tail
            unpacked += len(content)
            if unpacked > most:
                raise Refused("archive.bomb", "ratio", f"{len(data)} bytes would unpack to more than {most}.")
            if content:
                yield content
        if inflater.unused_data:
            raise Refused("archive.malformed", "suffix", "Something follows the compressed data.")
    if not inflater.eof:
        raise Refused("archive.truncated", "cut-off", "The data end before they are complete.")
