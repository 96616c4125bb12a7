"""Taking a file in as it streams: on disk, not in memory, hashed on its way."""

import asyncio
import hashlib
import tempfile
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import IO

from gateway.batches.tree import Fold, LineHashes
from signing.message import DIGESTS, Content

_BUFFER = 1024 * 1024


class TooMuch(Exception):
    """More bytes come than are taken."""


@dataclass(frozen=True, slots=True)
class Spooled:
    """A file that arrived: where it is, its size and its digests, SHA-256 among them; the root over its lines if it
    was asked for and there are any."""

    file: IO[bytes]
    content: Content
    lines: bytes | None = None

    @property
    def digest(self) -> str:
        """The SHA-256 as everywhere: `sha256:` and lower-case hex."""
        return f"sha256:{self.content.digests['sha-256'].hex()}"


@asynccontextmanager
async def spool(
    stream: AsyncIterator[bytes], limit: int, algorithms: Iterable[str], *, lines: bool = False
) -> AsyncIterator[Spooled]:
    """The stream in a temporary file that nobody else sees, with its digests by these algorithms (RFC 9530 names).

    It is gone when the context ends. Raises `TooMuch` behind `limit` bytes, and what the disk raises (`OSError`).
    """
    fold = Fold()
    split = LineHashes(fold.add)
    hashes = {name: DIGESTS[name](b"") for name in {"sha-256", *algorithms} if name in DIGESTS}
    with tempfile.TemporaryFile(prefix="gateway-batch-") as file:
        buffer, size = bytearray(), 0
        async for part in stream:
            size += len(part)
            if size > limit:
                raise TooMuch
            buffer += part
            if len(buffer) >= _BUFFER:
                await asyncio.to_thread(_take, file, hashes, split if lines else None, bytes(buffer))
                buffer.clear()
        await asyncio.to_thread(_take, file, hashes, split if lines else None, bytes(buffer))
        split.finish()
        content = Content(size, {name: one.digest() for name, one in hashes.items()})
        yield Spooled(file, content, fold.root() if lines and size else None)


def _take(file: IO[bytes], hashes: "dict[str, hashlib._Hash]", lines: LineHashes | None, part: bytes) -> None:
    file.write(part)
    if lines is not None:
        lines.update(part)
    for one in hashes.values():
        one.update(part)
