"""Where an audit gets a published log from: a folder, or a server. What is fetched is bounded and not believed."""

import http.client
import urllib.parse
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
            return _bounded(file.read(_LARGEST + 1), path)

    return fetch


def fetch_from_url(url: str, *, timeout: float = 30.0) -> Fetch:
    """Reads a served log; `url` is its prefix (`https://gateway.example/v1/log`). Raises ValueError on another scheme.

    A redirect is not followed: the log is where its operator says that it is.
    """
    parts = urllib.parse.urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError(f"not the address of a log: {url}")
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    prefix = parts.path.rstrip("/")
    connection = kind(parts.hostname, parts.port, timeout=timeout)

    def fetch(path: str) -> bytes:
        try:
            connection.request("GET", f"{prefix}/{path}", headers={"Accept-Encoding": "identity"})
            response = connection.getresponse()
            data = response.read(_LARGEST + 1)
        except http.client.HTTPException as error:
            connection.close()
            raise OSError(f"{path}: {error!r}") from error
        except OSError:
            connection.close()
            raise
        if response.status in (404, 410):
            raise FileNotFoundError(path)
        if response.status != 200:
            raise OSError(f"{path}: status {response.status}")
        return _bounded(data, path)

    return fetch


def _bounded(data: bytes, path: str) -> bytes:
    if len(data) > _LARGEST:
        raise OSError(f"{path} is larger than any resource of a log")
    return data
