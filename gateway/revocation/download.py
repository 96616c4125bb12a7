"""One answer from one address: bounded in size and in time, whole or not at all, and never from anywhere else."""

import http.client
import io
import socket
import ssl
import time
import urllib.parse
from dataclasses import dataclass, field
from typing import Any

_CHUNK = 1 << 16
_LONGEST_TAG = 256


class Undelivered(Exception):
    """The source gave no answer that can be looked at: `reason` is a stable slug, the message says more."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Delivered:
    """An answer; `body` None says that it is what was got before. The tags are for asking again, if they are sane."""

    body: bytes | None = field(repr=False)
    etag: str | None = None
    last_modified: str | None = None


def download(
    url: str,
    *,
    timeout: float,
    largest: int,
    etag: str | None = None,
    last_modified: str | None = None,
    request: bytes | None = None,
) -> Delivered:
    """GET `url`, or POST the OCSP `request` to it; all of it within `timeout` seconds of connecting.

    No redirect is followed and no proxy asked. Raises `Undelivered`: `unreachable`, `tls`, `too-slow`, `too-large`,
    `cut-off`, `redirected`, `status`, `compressed`, `not-http`, `unasked`.
    """
    headers = {"Accept-Encoding": "identity", "User-Agent": "insurer-gateway", "Connection": "close"}
    if request is not None:
        headers |= {"Content-Type": "application/ocsp-request", "Accept": "application/ocsp-response"}
    if etag is not None:
        headers["If-None-Match"] = etag
    if last_modified is not None:
        headers["If-Modified-Since"] = last_modified
    connection = _connection(url, timeout)
    parts = urllib.parse.urlsplit(url)
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    timed = None
    try:
        connection.connect()
        timed = connection.sock = _Timed(connection.sock, time.monotonic() + timeout)
        connection.request("GET" if request is None else "POST", target, body=request, headers=headers)
        response = connection.getresponse()
        return _answer(response, largest, asked=etag is not None or last_modified is not None)
    except ssl.SSLError as error:
        raise Undelivered("tls", str(error.reason or error)) from error
    except TimeoutError as error:
        raise Undelivered("too-slow", f"no whole answer within {timeout:g} seconds") from error
    except http.client.IncompleteRead as error:
        raise Undelivered("cut-off", "the answer ends early") from error
    except OSError as error:
        raise Undelivered("unreachable", error.strerror or str(error)) from error
    except (http.client.HTTPException, ValueError) as error:
        raise Undelivered("not-http", type(error).__name__) from error
    finally:
        connection.close()
        if timed is not None:
            timed.end()


class _Timed:
    """A socket with one deadline for everything: a server that trickles cannot keep anybody for ever."""

    def __init__(self, sock: socket.socket, deadline: float) -> None:
        self._socket = sock
        self._deadline = deadline

    def sendall(self, data: bytes) -> None:
        """Send, within what is left of the time."""
        self._socket.settimeout(self.left())
        self._socket.sendall(data)

    def makefile(self, _mode: str) -> io.BufferedReader:
        """What is received."""
        return io.BufferedReader(_Received(self, self._socket), _CHUNK)

    def left(self) -> float:
        """Seconds until the deadline. Raises TimeoutError if there are none."""
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError
        return left

    def close(self) -> None:
        """Nothing yet: the library closes as soon as it has the headers of a last answer, and reads on."""

    def end(self) -> None:
        """Close for good."""
        self._socket.close()


class _Received(io.RawIOBase):
    def __init__(self, timed: _Timed, sock: socket.socket) -> None:
        self._timed = timed
        self._socket = sock

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        self._socket.settimeout(self._timed.left())
        return self._socket.recv_into(buffer)


def _connection(url: str, timeout: float) -> Any:
    parts = urllib.parse.urlsplit(url)
    if parts.scheme == "https":
        return http.client.HTTPSConnection(
            parts.hostname or "", parts.port, timeout=timeout, context=ssl.create_default_context()
        )
    return http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=timeout)


def _answer(response: http.client.HTTPResponse, largest: int, *, asked: bool) -> Delivered:
    tags = _tag(response.getheader("ETag")), _tag(response.getheader("Last-Modified"))
    if response.status == 304:
        if not asked:
            raise Undelivered("unasked", "304 although nothing was asked to be compared")
        return Delivered(None, *tags)
    if 300 <= response.status < 400:
        raise Undelivered(
            "redirected", f"status {response.status}; the address in the sources file must be the real one"
        )
    if response.status != 200:
        raise Undelivered("status", f"status {response.status}")
    if response.getheader("Content-Encoding", "identity").strip().lower() not in ("", "identity"):
        raise Undelivered("compressed", "a Content-Encoding that was not asked for")
    if response.length is not None and response.length > largest:
        raise Undelivered("too-large", f"more than {largest} bytes are announced")
    body = bytearray()
    while part := response.read1(_CHUNK):
        body += part
        if len(body) > largest:
            raise Undelivered("too-large", f"more than {largest} bytes")
    if response.length:  # the library does not tell of an end before the declared length
        raise Undelivered("cut-off", f"the answer ends {response.length} bytes early")
    return Delivered(bytes(body), *tags)


def _tag(value: str | None) -> str | None:
    """A header that may be sent back as it came: short, printable ASCII."""
    return value if value and len(value) <= _LONGEST_TAG and value.isascii() and value.isprintable() else None
