"""Where the lines of batches stand in what their senders signed: the audit path of each."""

import asyncio
import base64
from collections.abc import Iterable, Mapping
from functools import partial
from typing import Any

from gateway.batches import store
from gateway.batches.tree import FIELD, LineHashes, Path
from gateway.db import Connection

LineKey = tuple[str, int]  # batch, line


def line_of(request: Mapping[str, Any]) -> LineKey | None:
    """Of which batch the message was which line, by the request that is kept with it; None if it came alone."""
    batch = request.get("batch")
    return (batch["id"], batch["line"]) if batch is not None else None


async def find_places(
    connection: Connection, requests: Iterable[Mapping[str, Any]]
) -> dict[LineKey | None, dict[str, Any]]:
    """The place of each of these lines: `rows` of its file, and its audit path up to the root that its sender signed.

    Of batches whose senders signed no such root, and of those that are still worked off, there is none. A file is read
    once for all of its lines.
    """
    wanted: dict[str, list[int]] = {}
    for request in requests:
        line = line_of(request)
        if line is not None and f'\n"{FIELD}": '.encode() in base64.b64decode(request["base"]):
            wanted.setdefault(line[0], []).append(line[1])
    found: dict[LineKey | None, dict[str, Any]] = {}
    for name, numbers in wanted.items():
        batch = await store.find(connection, name)
        if batch is None or batch.ended_at is None:
            continue
        paths = {number: Path(number, batch.line) for number in numbers}
        lines = LineHashes(partial(_add, tuple(paths.values())))
        place = 0
        while (chunk := await store.read_chunk(connection, name, place)) is not None:
            await asyncio.to_thread(lines.update, chunk)
            place += 1
        lines.finish()
        for number, path in paths.items():
            found[name, number] = {"rows": batch.line, "path": [one.hex() for one in path.hashes()]}
    return found


def _add(paths: Iterable[Path], leaf: bytes) -> None:
    for path in paths:
        path.add(leaf)
