"""Bytes to text with one encoding, strictly, and no second try with another."""

from codecs import getincrementaldecoder
from collections.abc import Collection, Iterable, Iterator
from itertools import chain
from typing import Final

from untrusted.refused import Refused

_BOM = b"\xef\xbb\xbf"
_CODECS: Final = {"utf-8": "utf-8", "gb18030": "gb18030", "ascii": "ascii"}


def decode(data: bytes, encodings: Collection[str] = frozenset({"utf-8"})) -> str:
    """The text of `data`, without its byte order mark.

    `encodings` holds at most one of `utf-8`, `gb18030`, `ascii`, for bytes without a mark, and `utf-8-sig` if UTF-8
    with a byte order mark is taken too. Raises `Refused`: `encoding.undecodable`; `text.control-char` for a NUL.
    """
    codec, skipped = _codec(data[: len(_BOM)], encodings)
    try:
        text = data[skipped:].decode(codec) if skipped else data.decode(codec)
    except UnicodeDecodeError as error:
        raise _undecodable(codec, error.start) from None
    if text.startswith("\ufeff"):
        raise _second_mark()
    if "\0" in text:
        raise _nul(text.index("\0"))
    return text


def decode_pieces(pieces: Iterable[bytes], encodings: Collection[str] = frozenset({"utf-8"})) -> Iterator[str]:
    """The same text, a piece at a time; what is refused is refused when its piece is reached.

    A NUL is refused behind the last piece, for bytes that cannot be decoded are named before it.
    """
    pieces = iter(pieces)
    first = b""
    while len(first) < len(_BOM) and (piece := next(pieces, b"")):
        first += piece
    codec, skipped = _codec(first[: len(_BOM)], encodings)
    decoder = getincrementaldecoder(codec)("strict")
    before = characters = 0
    nul: int | None = None
    for piece in chain((first[skipped:],), pieces, (b"",)):
        pending = len(decoder.getstate()[0])
        try:
            text = decoder.decode(piece, final=not piece)
        except UnicodeDecodeError as error:
            raise _undecodable(codec, before - pending + error.start) from None
        before += len(piece)
        if not text:
            continue
        if not characters and text.startswith("\ufeff"):
            raise _second_mark()
        if nul is None and "\0" in text:
            nul = characters + text.index("\0")
        characters += len(text)
        yield text
    if nul is not None:
        raise _nul(nul)


def _codec(start: bytes, encodings: Collection[str]) -> tuple[str, int]:
    """The codec for bytes that start so, and how many of them are their byte order mark."""
    plain = [name for name in encodings if name != "utf-8-sig"]
    if len(plain) > 1 or not set(plain) <= _CODECS.keys():
        raise ValueError(f"one encoding has to be named, not {sorted(encodings)}")
    if start.startswith(_BOM):
        if "utf-8-sig" not in encodings:
            raise Refused("encoding.undecodable", "byte-order-mark", "The text starts with a byte order mark.")
        return "utf-8", len(_BOM)
    if not plain:
        raise Refused("encoding.undecodable", "no-byte-order-mark", "The text does not start with a byte order mark.")
    return plain[0], 0


def _undecodable(codec: str, start: int) -> Refused:
    return Refused(
        "encoding.undecodable", f"not-{codec}", f"The bytes are not {codec.upper()}.", where=f"offset {start}"
    )


def _second_mark() -> Refused:
    return Refused("encoding.undecodable", "byte-order-mark", "The text starts with a second byte order mark.")


def _nul(at: int) -> Refused:
    return Refused("text.control-char", "nul", "The text holds a NUL.", where=f"character {at}")
