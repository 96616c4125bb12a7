"""Where a page ended, as an opaque text. It names only what its reader has seen, and counts nothing."""

import base64
import binascii

_APART = "\x1f"


class NoCursor(ValueError):
    """The text is no cursor of this list."""


def write_cursor(kind: str, *parts: str) -> str:
    """The cursor of a list behind an item that `parts` name."""
    return base64.urlsafe_b64encode(_APART.join((kind, *parts)).encode()).decode().rstrip("=")


def read_cursor(text: str, kind: str, count: int) -> list[str]:
    """The parts that `write_cursor` was given. Raises `NoCursor` on any other text."""
    try:
        plain = base64.urlsafe_b64decode(text.encode("ascii") + b"=" * (-len(text) % 4)).decode()
    except (binascii.Error, UnicodeError) as error:
        raise NoCursor("not base64") from error
    own, *parts = plain.split(_APART)
    if own != kind or len(parts) != count or write_cursor(kind, *parts) != text or "\x00" in plain:
        raise NoCursor("not a cursor of this list")
    return parts
