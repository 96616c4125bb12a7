"""A load generator that costs little itself: ready-made requests over connections that stay open.

Each connection sends its next request when the answer to the last one is complete, so that as many requests are under
way as there are connections, and no more.
"""

import asyncio
import re
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import cast

import uvloop

_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)


@dataclass(slots=True)
class Answers:
    """What came back: how many of each status, the seconds from first byte to last, the latency of each request in
    seconds, and the body of each `sample_every`th answer."""

    statuses: Counter[int] = field(default_factory=Counter)
    seconds: float = 0.0
    latencies: list[float] = field(default_factory=list)
    samples: list[bytes] = field(default_factory=list)

    @property
    def count(self) -> int:
        """How many answers."""
        return self.statuses.total()

    @property
    def rate(self) -> float:
        """Answers a second."""
        return self.count / self.seconds


class LoadFailed(Exception):
    """The service closed a connection, or answered what is not HTTP with a length."""


class _Connection(asyncio.Protocol):
    def __init__(self, requests: Iterator[bytes], answers: Answers, sample_every: int) -> None:
        self._requests = requests
        self._answers = answers
        self._sample_every = sample_every
        self._buffer = b""
        self._sent_at = 0.0
        self._transport: asyncio.Transport | None = None
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is one without saying so

    def send_next(self) -> None:
        """Send the next request, or be done."""
        assert self._transport is not None
        request = next(self._requests, None)
        if request is None:
            if not self.done.done():
                self.done.set_result(None)
            self._transport.close()
            return
        self._sent_at = time.perf_counter()
        self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        self._buffer = self._buffer + data if self._buffer else data
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0:
            return
        length = _LENGTH.search(self._buffer, 0, end)
        if length is None:
            self._fail(f"an answer without a length: {self._buffer[:200]!r}")
            return
        if len(self._buffer) < end + 4 + int(length[1]):
            return
        answers = self._answers
        answers.statuses[int(self._buffer[9:12])] += 1
        answers.latencies.append(time.perf_counter() - self._sent_at)
        if len(answers.latencies) % self._sample_every == 0 or self._buffer[9:10] != b"2":
            answers.samples.append(self._buffer[end + 4 :])
        self._buffer = b""
        self.send_next()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.done.done():
            self._fail(f"the connection was closed: {exc}")

    def _fail(self, why: str) -> None:
        if not self.done.done():
            self.done.set_exception(LoadFailed(why))


def send(port: int, requests: Sequence[bytes], *, connections: int = 32, sample_every: int = 50) -> Answers:
    """Send every request to 127.0.0.1, each on the first connection that is free. Raises `LoadFailed`."""
    return uvloop.run(_send(port, requests, min(connections, len(requests)), min(sample_every, len(requests))))


async def _send(port: int, requests: Sequence[bytes], connections: int, sample_every: int) -> Answers:
    answers = Answers()
    left = iter(requests)
    loop = asyncio.get_running_loop()
    opened: list[_Connection] = []
    for _ in range(connections):
        _, connection = await loop.create_connection(
            lambda: _Connection(left, answers, sample_every), "127.0.0.1", port
        )
        opened.append(connection)
    start = time.perf_counter()
    for connection in opened:
        connection.send_next()
    await asyncio.gather(*(connection.done for connection in opened))
    answers.seconds = time.perf_counter() - start
    return answers
