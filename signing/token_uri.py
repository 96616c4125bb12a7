"""PKCS #11 URIs (RFC 7512): which token, which key in it, and where its PIN is read."""

import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote_to_bytes

SCHEME = "pkcs11:"
_TEXT = ("token", "manufacturer", "serial", "model", "object")
_QUERY = ("module-path", "pin-source")
_PERCENT = re.compile(r"%(?![0-9A-Fa-f]{2})")


class NotATokenUri(ValueError):
    """The text names no key in a token."""


@dataclass(frozen=True, slots=True)
class TokenUri:
    """A key by what it is called. `token` or `serial`, and `object` (CKA_LABEL) or `id` (CKA_ID), are there."""

    token: str | None = None
    manufacturer: str | None = None
    serial: str | None = None
    model: str | None = None
    object: str | None = None
    id: bytes | None = None
    module_path: str | None = None
    pin_source: str | None = None

    def shown(self) -> str:
        """For people: what names the token and the key."""
        named = {"token": self.token, "serial": self.serial, "object": self.object}
        named["id"] = self.id.hex() if self.id is not None else None
        return " ".join(f"{name}={value}" for name, value in named.items() if value is not None)

    def is_of(self, token: Any) -> bool:
        """Whether a token of a library has all that is said of it."""
        serial = token.serial.decode("utf-8", "replace") if isinstance(token.serial, bytes) else token.serial
        there = {
            "token": token.label,
            "manufacturer": token.manufacturer_id,
            "serial": serial,
            "model": token.model,
        }
        return all(getattr(self, name) in (None, value) for name, value in there.items())


def read_token_uri(text: str) -> TokenUri:
    """The URI, closed: an attribute that is not known here is refused, and so is a PIN that stands in it.

    Raises `NotATokenUri`.
    """
    if not text.startswith(SCHEME):
        raise NotATokenUri(f"a PKCS #11 URI begins with {SCHEME}")
    path, _, query = text.removeprefix(SCHEME).partition("?")
    found: dict[str, Any] = {}
    for name, value in [*_pairs(path, ";"), *_pairs(query, "&")]:
        if name == "pin-value":
            raise NotATokenUri("a PIN does not stand in a configuration: give pin-source, or the environment")
        if name == "type":
            if value != b"private":
                raise NotATokenUri("type is private: it is the key that signs")
            continue
        if name not in (*_TEXT, "id", *_QUERY):
            raise NotATokenUri(f"the attribute {name!r} is not known here")
        field = name.replace("-", "_")
        if field in found:
            raise NotATokenUri(f"{name} stands twice")
        try:
            found[field] = value if name == "id" else value.decode()
        except UnicodeDecodeError as error:
            raise NotATokenUri(f"{name} is not UTF-8") from error
    uri = TokenUri(**found)
    if uri.token is None and uri.serial is None:
        raise NotATokenUri("which token: token=… or serial=…")
    if uri.object is None and uri.id is None:
        raise NotATokenUri("which key: object=… or id=…")
    return uri


def _pairs(text: str, separator: str) -> list[tuple[str, bytes]]:
    pairs = []
    for part in text.split(separator) if text else ():
        name, equals, value = part.partition("=")
        if not equals or not value or _PERCENT.search(value):
            raise NotATokenUri(f"{part[:40]!r} is not name=value")
        pairs.append((name, unquote_to_bytes(value)))
    return pairs
