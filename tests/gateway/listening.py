"""A server of revocation data as they are met: one that behaves, and every way in which one does not."""

import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

Answer = Callable[[socket.socket, bytes], None]
"""Writes to the connection what it pleases; it is given the request's head and body."""


def whole(body: bytes, *headers: str, status: str = "200 OK") -> Answer:
    """A well-formed answer."""

    def answer(connection: socket.socket, request: bytes) -> None:
        head = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers, "", ""]
        connection.sendall("\r\n".join(head).encode() + body)

    return answer


def tagged(body: bytes, etag: str) -> Answer:
    """Behaves: says 304 to who has it."""

    def answer(connection: socket.socket, request: bytes) -> None:
        if f"If-None-Match: {etag}\r\n".encode() in request:
            connection.sendall(f"HTTP/1.1 304 Not Modified\r\nETag: {etag}\r\n\r\n".encode())
        else:
            whole(body, f"ETag: {etag}")(connection, request)

    return answer


def raw(content: bytes) -> Answer:
    return lambda connection, request: connection.sendall(content)


def trickling(content: bytes, pause: float) -> Answer:
    """One byte at a time, never quite too late for a single read."""

    def answer(connection: socket.socket, request: bytes) -> None:
        for place in range(len(content)):
            connection.sendall(content[place : place + 1])
            time.sleep(pause)

    return answer


def endless(connection: socket.socket, request: bytes) -> None:
    """A body without a length and without an end."""
    connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
    while True:
        connection.sendall(b"0" * 65536)


def silent(connection: socket.socket, request: bytes) -> None:
    """Takes the request, and says nothing until the caller gives up."""
    connection.recv(1)


@dataclass
class Server:
    """Answers by path; `requests` are the heads and bodies of what was asked."""

    url: str
    answers: dict[str, Answer] = field(default_factory=dict)
    requests: list[bytes] = field(default_factory=list)


@contextmanager
def serve(context: ssl.SSLContext | None = None) -> Iterator[Server]:
    """A server on a port of its own, with TLS if there is a context."""
    listener = socket.create_server(("127.0.0.1", 0))
    scheme = "http" if context is None else "https"
    server = Server(f"{scheme}://127.0.0.1:{listener.getsockname()[1]}")
    over = threading.Event()

    def accept() -> None:
        while not over.is_set():
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection, suppress(OSError):
                connection.settimeout(5)
                _one(server, connection if context is None else context.wrap_socket(connection, server_side=True))

    thread = threading.Thread(target=accept)
    thread.start()
    try:
        yield server
    finally:
        over.set()
        with suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join()


def _one(server: Server, connection: socket.socket) -> None:
    with connection:
        request = b""
        while b"\r\n\r\n" not in request:
            part = connection.recv(65536)
            if not part:
                return
            request += part
        head, _, body = request.partition(b"\r\n\r\n")
        length = next(
            (int(line[15:]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")), 0
        )
        while len(body) < length:
            body += connection.recv(65536)
        request = head + b"\r\n\r\n" + body
        server.requests.append(request)
        path = head.split(b" ")[1].decode()
        server.answers.get(path, whole(b"", status="404 Not Found"))(connection, request)
