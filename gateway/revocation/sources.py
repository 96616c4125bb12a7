"""The operator's list of what may be fetched, and from where. Nothing else is ever asked."""

import tomllib
import urllib.parse
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from gateway.errors import Misconfigured
from gateway.trust.items import LARGEST_FILE, NotAnItem, read_items

_LONGEST_URL = 2_000
_HASHES = {"sha1": "1.3.14.3.2.26", "sha256": "2.16.840.1.101.3.4.2.1", "sm3": "1.2.156.10197.1.401"}


@dataclass(frozen=True, slots=True)
class Source:
    """One address, and whose list, or the answer about which certificate (DER), it is expected to give.

    `hash_oid` is the digest by which an OCSP request names the issuer.
    """

    kind: Literal["crl", "ocsp"]
    url: str
    certificate: bytes
    hash_oid: str = _HASHES["sha1"]


@dataclass(frozen=True, slots=True)
class Sources:
    """All of them. `timeout` is in seconds for one source, connecting included; `largest` in bytes for one list."""

    listed: tuple[Source, ...]
    timeout: float = 30.0
    largest: int = LARGEST_FILE


def read_sources(file: Path, trust: Path) -> Sources:
    """Read the sources file. Raises `Misconfigured`, naming the entry.

    `[[crl]]` has `url` and `authority`, the file of the trust folder with the certificate of the one whose list it is;
    `[[ocsp]]` has `url`, `certificate`, a file beside the sources file, and may say `hash` (sha1, sha256 or sm3).
    """
    try:
        document = tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise Misconfigured(f"{file}: {error}") from error
    try:
        _only(document, {"timeout_seconds", "largest_mib", "crl", "ocsp"})
        lists = [_list(table, trust) for table in _tables(document, "crl")]
        answers = [_answer(table, file.parent) for table in _tables(document, "ocsp")]
        listed = (*lists, *answers)
        if len({(one.kind, one.url, one.certificate) for one in listed}) != len(listed):
            raise ValueError("the same source twice")
        return Sources(
            listed,
            timeout=float(_whole(document, "timeout_seconds", 30, 600)),
            largest=_whole(document, "largest_mib", LARGEST_FILE >> 20, LARGEST_FILE >> 20) << 20,
        )
    except ValueError as error:
        raise Misconfigured(f"{file}: {error}") from error


def _list(table: dict[str, Any], trust: Path) -> Source:
    _only(table, {"url", "authority"})
    url, authority = _address(table), _text(table, "authority")
    return Source("crl", url, _certificate(trust, authority))


def _answer(table: dict[str, Any], folder: Path) -> Source:
    _only(table, {"url", "certificate", "hash"})
    url, certificate = _address(table), _text(table, "certificate")
    name = table.get("hash", "sha1")
    if name not in _HASHES:
        raise ValueError(f"{url}: hash is sha1, sha256 or sm3")
    return Source("ocsp", url, _certificate(folder, certificate), _HASHES[name])


def _tables(document: dict[str, Any], key: str) -> list[dict[str, Any]]:
    tables = document.get(key, [])
    if not isinstance(tables, list) or not all(isinstance(table, dict) for table in tables):
        raise ValueError(f"{key} is a list of tables: [[{key}]]")
    return tables


def _only(table: dict[str, Any], known: set[str]) -> None:
    if unknown := sorted(set(table) - known):
        raise ValueError(f"unknown key {unknown[0]!r}")


def _text(table: dict[str, Any], key: str) -> str:
    value = table.get(key)
    if not isinstance(value, str) or not value:
        raise ValueError(f"{table.get('url', 'a source')}: {key} is missing or no text")
    return value


def _whole(document: dict[str, Any], key: str, default: int, most: int) -> int:
    value = document.get(key, default)
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= most:
        raise ValueError(f"{key} is a whole number from 1 to {most}")
    return value


def _address(table: dict[str, Any]) -> str:
    """An http or https address that means the same to everybody: ASCII, a host, no account, no fragment."""
    url = _text(table, "url")
    try:
        parts = urllib.parse.urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise ValueError(f"{url[:100]!r}: {error}") from error
    plain = url.isascii() and url.isprintable() and not set(url) & set(' "<>\\^`{|}') and len(url) <= _LONGEST_URL
    if not plain or parts.scheme not in ("http", "https") or not parts.hostname or port == 0:
        raise ValueError(f"{url[:100]!r} is no http or https address")
    if parts.username is not None or parts.fragment or "#" in url:
        raise ValueError(f"{url[:100]!r} has an account or a fragment")
    return url


def _certificate(folder: Path, name: str) -> bytes:
    """The one certificate that the file holds."""
    file = folder / name
    try:
        items = read_items(file.read_bytes())
    except OSError as error:
        raise ValueError(f"{file}: {error.strerror or error}") from error
    except NotAnItem as error:
        raise ValueError(f"{file}: {error}") from error
    if len(items) != 1 or items[0].kind != "certificate":
        raise ValueError(f"{file} does not hold exactly one certificate")
    return items[0].der
