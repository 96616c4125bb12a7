"""Bytes to text with one encoding, strictly, and no second try with another."""

from collections.abc import Collection
from typing import Final

from untrusted.refused import Refused

_BOM = b"\xef\xbb\xbf"
_CODECS: Final = {"utf-8": "utf-8", "gb18030": "gb18030", "ascii": "ascii"}


def decode(data: bytes, encodings: Collection[str] = frozenset({"utf-8"})) -> str:
    """The text of `data`, without its byte order mark.

    `encodings` holds at most one of `utf-8`, `gb18030`, `ascii`, for bytes without a mark, and `utf-8-sig` if UTF-8
    with a byte order mark is taken too. Raises `Refused`: `encoding.undecodable`; `text.control-char` for a NUL.
    """
    plain = [name for name in encodings if name != "utf-8-sig"]
    if len(plain) > 1 or not set(plain) <= _CODECS.keys():
        raise ValueError(f"one encoding has to be named, not {sorted(encodings)}")
    if data.startswith(_BOM):
        if "utf-8-sig" not in encodings:
            raise Refused("encoding.undecodable", "byte-order-mark", "The text starts with a byte order mark.")
        data, codec = data[len(_BOM) :], "utf-8"
    elif plain:
        codec = plain[0]
    else:
        raise Refused("encoding.undecodable", "no-byte-order-mark", "The text does not start with a byte order mark.")
    try:
        text = data.decode(codec)
    except UnicodeDecodeError as error:
        raise Refused(
            "encoding.undecodable", f"not-{codec}", f"The bytes are not {codec.upper()}.", where=f"offset {error.start}"
        ) from None
    if text.startswith("\ufeff"):
        raise Refused("encoding.undecodable", "byte-order-mark", "The text starts with a second byte order mark.")
    if "\0" in text:
        raise Refused("text.control-char", "nul", "The text holds a NUL.", where=f"character {text.index(chr(0))}")
    return text
