"""The lines of a kept file, read chunk by chunk from where the last reading ended."""

from collections.abc import AsyncIterator
from dataclasses import dataclass

from gateway.batches import store
from gateway.batches.store import CHUNK, Batch
from gateway.db import Connection


@dataclass(frozen=True, slots=True)
class Line:
    """A line without its end: its number from 1, its bytes (None: more than are taken), where the next one begins."""

    number: int
    body: bytes | None
    end: int

    @property
    def is_blank(self) -> bool:
        """Whether there is nothing on it."""
        return self.body is not None and not self.body.strip(b" \t\r")


async def read_lines(connection: Connection, batch: Batch, most: int) -> AsyncIterator[Line]:
    """The lines of the batch behind those that were answered. A line ends with LF or CRLF, the last one may end
    without; of a line of more than `most` bytes nothing is kept in memory."""
    place, skip = divmod(batch.position, CHUNK)
    number, position, size = batch.line, batch.position, 0
    parts: list[bytes] = []
    while (chunk := await store.read_chunk(connection, batch.id, place)) is not None:
        begin, place = skip, place + 1
        skip = 0
        while begin < len(chunk):
            found = chunk.find(b"\n", begin)
            piece = chunk[begin : found if found >= 0 else len(chunk)]
            begin += len(piece) + 1
            size += len(piece)
            parts = [*parts, piece] if size <= most + 1 else []  # one more: the CR of a line's end
            if found < 0:
                continue
            number, position = number + 1, position + size + 1
            yield Line(number, _body(parts, size, most), position)
            parts, size = [], 0
    if size:
        yield Line(number + 1, _body(parts, size, most), position + size)


def _body(parts: list[bytes], size: int, most: int) -> bytes | None:
    if size > most + 1:
        return None
    body = b"".join(parts).removesuffix(b"\r")
    return body if len(body) <= most else None
