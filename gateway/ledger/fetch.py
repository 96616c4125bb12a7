"""Where an audit gets a published log from: a folder, or a server. What is fetched is bounded and not believed."""

import http.client
import time
import urllib.parse
import weakref
from collections.abc import Callable
from pathlib import Path

from gateway.ledger.tiles import MAX_ENTRY, WIDTH

Fetch = Callable[[str], bytes]
"""Gives the resource of a path below the log's prefix (`checkpoint`, `tile/0/000`).

Raises FileNotFoundError if the log does not have it, another OSError if that could not be found out.
"""

_LARGEST = WIDTH * (2 + MAX_ENTRY)  # a full entry bundle is the largest resource of a log


def fetch_from_folder(folder: Path) -> Fetch:
    """Reads an exported log."""

    def fetch(path: str) -> bytes:
        with (folder / path).open("rb") as file:
            data = file.read(_LARGEST + 1)
        _bounded(data, path)
        return data

    return fetch


def fetch_from_url(url: str, *, timeout: float = 30.0) -> Fetch:
    """Reads a served log; `url` is its prefix (`https://gateway.example/v1/log`). Raises ValueError on another scheme.

    A redirect is not followed: the log is where its operator says that it is. A resource that takes longer than four
    timeouts is given up.
    """
    parts = urllib.parse.urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError(f"not the address of a log: {url}")
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    connection = kind(parts.hostname, parts.port, timeout=timeout)
    prefix = parts.path.rstrip("/")

    def fetch(path: str) -> bytes:
        whole = False
        try:
            connection.request("GET", f"{prefix}/{path}", headers={"Accept-Encoding": "identity"})
            with connection.getresponse() as response:
                data = _read(response, path, time.monotonic() + 4 * timeout)
                whole = True
        except http.client.HTTPException as error:
            raise OSError(f"{path}: {error!r}") from error
        finally:
            if not whole:
                connection.close()  # what is left of this answer must not be taken for the next one
        if response.status in (404, 410):
            raise FileNotFoundError(path)
        if response.status != 200:
            raise OSError(f"{path}: status {response.status}")
        return data

    weakref.finalize(fetch, connection.close)
    return fetch


def _read(response: http.client.HTTPResponse, path: str, deadline: float) -> bytes:
    """The whole body, bounded in size and time. Raises OSError if it is larger, late or cut short."""
    data = bytearray()
    while part := response.read1(1 << 16):
        data += part
        _bounded(data, path)
        if time.monotonic() > deadline:
            raise TimeoutError(f"{path} takes too long")
    if response.length:  # the library does not tell of an end before the declared length
        raise OSError(f"{path} ends {response.length} bytes early")
    return bytes(data)


def _bounded(data: bytes | bytearray, path: str) -> None:
    if len(data) > _LARGEST:
        raise OSError(f"{path} is larger than any resource of a log")
