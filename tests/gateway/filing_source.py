"""A registry with the interface that is polled, as it behaves and as it does not: real HTTP on a port of its own."""

import hashlib
import json
import socket
import ssl
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from schemas.canonical import canonical
from signing.request import HttpMessage, sign_response
from signing.signer import LocalSigner

Misdeed = Callable[["Source", "Handler"], None]
"""Answers in the place of the source; whatever it writes is what came."""


@dataclass
class Source:
    """What it states, how it cuts that into pages, and with what it signs. `misdeed` takes over, if it is set."""

    filings: list[dict[str, Any]]
    registry: str
    clock: Callable[[], datetime]
    signer: LocalSigner | None
    as_of: str = "2026-08-31"
    page: int = 5
    token: str | None = None
    url: str = ""
    change: Callable[[dict[str, Any]], None] | None = None
    misdeed: Misdeed | None = None
    asked: list[tuple[str, dict[str, str]]] = field(default_factory=list)

    def state(self, filings: Sequence[dict[str, Any]], as_of: str | None = None) -> None:
        """Say something else from now on."""
        self.filings = list(filings)
        self.as_of = as_of or self.as_of

    def etag(self) -> str:
        """Changes with whatever is stated, and with the day."""
        return f'"{hashlib.sha256(self.as_of.encode() + canonical(self.stated())).hexdigest()[:16]}"'

    def stated(self) -> list[dict[str, Any]]:
        """The filings without their source, as the interface has them."""
        return [{name: value for name, value in one.items() if name != "source"} for one in self.filings]

    def body(self, cursor: str | None) -> bytes:
        """One page."""
        start = int(cursor or 0)
        stated = self.stated()
        after = start + self.page
        page = {
            "registry": self.registry,
            "as_of": self.as_of,
            "count": len(stated),
            "digest": f"sha256:{hashlib.sha256(canonical(stated)).hexdigest()}",
            "filings": stated[start:after],
            "next": str(after) if after < len(stated) else None,
        }
        if self.change is not None:
            self.change(page)
        return json.dumps(page, ensure_ascii=False).encode()


class Handler(BaseHTTPRequestHandler):
    """Answers one connection."""

    protocol_version = "HTTP/1.1"
    source: Source

    def do_GET(self) -> None:  # the name that the library calls
        """One request."""
        fields = {name.lower(): value for name, value in self.headers.items()}
        self.source.asked.append((self.path, fields))
        if self.source.misdeed is not None:
            self.source.misdeed(self.source, self)
            self.close_connection = True
            return
        if self.source.token is not None and fields.get("authorization") != f"Bearer {self.source.token}":
            answer(self, 401, b"")
            return
        cursor = parse_qs(urlsplit(self.path).query).get("cursor", [None])[0]
        etag = self.source.etag()
        if cursor is None and fields.get("if-none-match") == etag:
            answer(self, 304, b"", etag=etag)
        else:
            answer(self, 200, self.source.body(cursor), etag=etag)

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


def answer(
    handler: "Handler",
    status: int,
    body: bytes,
    *,
    signer: LocalSigner | None = None,
    target: str | None = None,
    **fields: str,
) -> None:
    """A whole answer, signed with the source's key or another one, for the address that was asked or another one."""
    source = handler.source
    signer = signer or source.signer
    sent = {"content-type": "application/json", **{name.replace("_", "-"): value for name, value in fields.items()}}
    if signer is not None:
        url = target or f"{source.url.rsplit('/', 1)[0]}{handler.path}"
        asked = HttpMessage("GET", url, tuple(handler.headers.items()))
        own = (("content-type", sent["content-type"]),)
        sent |= sign_response(status, own, body, signer, source.clock(), asked)
    handler.send_response(status)
    for name, value in sent.items():
        handler.send_header(name, value)
    if status != 304:
        handler.send_header("content-length", str(len(body)))
    handler.end_headers()
    handler.wfile.write(body)


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A caller who hung up is no error here."""


@contextmanager
def listening(source: Source, context: ssl.SSLContext | None = None) -> Iterator[Source]:
    """Serve it, with TLS if there is a context."""
    server = _Server(("127.0.0.1", 0), type("Handler", (Handler,), {"source": source}))
    if context is not None:
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    source.url = f"http{'s' if context else ''}://127.0.0.1:{server.server_address[1]}/filings"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield source
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def hang(_: Source, handler: "Handler") -> None:
    """Takes the request, and says nothing until the caller gives up."""
    with suppress(OSError):
        handler.connection.settimeout(10)
        handler.connection.recv(1)


def drip(_: Source, handler: "Handler") -> None:
    """A byte now and then, never quite too late for a single read."""
    with suppress(OSError):
        handler.connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
        while True:
            handler.connection.sendall(b" ")
            threading.Event().wait(0.05)


def cut(source: Source, handler: "Handler") -> None:
    """Announces more than it sends."""
    body = source.body(None)
    handler.connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % (len(body) + 10) + body)
    with suppress(OSError):
        handler.connection.shutdown(socket.SHUT_RDWR)


def flood(_: Source, handler: "Handler") -> None:
    """A body without a length and without an end."""
    with suppress(OSError):
        handler.connection.sendall(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n")
        while True:
            handler.connection.sendall(b" " * 65536)
