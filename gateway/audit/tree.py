"""The tree over the entries, grown once: every tile and every checkpoint is met where the tree has its size."""

import base64
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from gateway.audit.store import Snapshot, one, rows
from gateway.audit.told import added
from gateway.ledger.checkpoint import CheckpointRefused, open_checkpoint
from gateway.ledger.ends import Ended, find_end
from gateway.ledger.merkle import HASH_SIZE
from gateway.ledger.note import NoteKey
from gateway.ledger.tiles import HEIGHT, WIDTH, FullTile, RightEdge
from schemas.verification import Check, failed, unknown

_MANY = 512  # checkpoints and tiles that are read at a time


class Tree:
    """The log's tree as far as its leaves were given. Memory is 256 hashes a level."""

    def __init__(self, connection: Snapshot, keys: Sequence[NoteKey], ends: Sequence[Ended] = ()) -> None:
        self._connection = connection
        self._keys = tuple(keys)
        self._ends = (*ends, *_read_ends(connection))
        self._edge = RightEdge()
        self._previous: int | None = None
        self.size = int(one(connection, "SELECT size FROM ledger_head"))
        self.published = int(one(connection, "SELECT coalesce(max(size), 0) FROM ledger_checkpoints"))
        self.tiles = 0
        self.checkpoints = 0

    def begin(self) -> Iterator[Check]:
        """What the tables say before any leaf."""
        entries = one(self._connection, "SELECT count(*) FROM ledger_entries")
        if entries != self.size:
            yield failed("log.head", "other-count", size=self.size, entries=entries)
        twice = "SELECT min(index) FROM ledger_entries GROUP BY leaf_hash HAVING count(*) > 1 ORDER BY 1 LIMIT 100"
        for (index,) in rows(self._connection, twice):
            yield added("ledger_entries", index, told="twice")
        tiles = one(self._connection, "SELECT count(*) FROM ledger_tiles")
        expected = sum(self.published >> (HEIGHT * (level + 1)) for level in range(8))
        if tiles != expected:
            yield failed("log.tiles", "other-count", tiles=tiles, expected=expected)
        yield from self._meet_checkpoints(0)

    def grow(self, start: int, hashes: bytes) -> Iterator[Check]:
        """The next leaves, from `start` on, in one string."""
        if start != self._edge.size:
            return  # entries are missing before it, which was told: nothing above them can be computed
        leaves = [hashes[place : place + HASH_SIZE] for place in range(0, len(hashes), HASH_SIZE)]
        stop = start + len(leaves)
        query = "SELECT size FROM ledger_checkpoints WHERE size > %s AND size <= %s ORDER BY size"
        sizes = [size for (size,) in rows(self._connection, query, start, stop)]
        full: list[FullTile] = []
        for size in [*sizes, stop]:
            full += self._edge.extend(leaves[self._edge.size - start : size - start])
            if sizes and size == sizes[0]:
                sizes.pop(0)
                yield from self._meet_checkpoints(size)
        yield from self._meet_tiles(full)

    def end(self) -> Iterator[Check]:
        """What is left when all leaves were given."""
        for (size,) in rows(self._connection, "SELECT size FROM ledger_checkpoints WHERE size > %s", self.size):
            yield failed("log.checkpoints", "beyond-entries", size=size)

    def _meet_tiles(self, tiles: Sequence[FullTile]) -> Iterator[Check]:
        """The stored tiles are the computed ones. A tile that no checkpoint covers yet is not stored."""
        covered = [one for one in tiles if (one.index + 1) * WIDTH ** (one.level + 1) <= self.published]
        query = (
            "SELECT t.level, t.index, t.hashes, t.root FROM unnest(%s::smallint[], %s::bigint[]) AS k(level, index) "
            "JOIN ledger_tiles t USING (level, index)"
        )
        for place in range(0, len(covered), _MANY):
            part = covered[place : place + _MANY]
            columns = [tile.level for tile in part], [tile.index for tile in part]
            stored = {(row[0], row[1]): FullTile(*row) for row in rows(self._connection, query, *columns)}
            for tile in part:
                self.tiles += 1
                there = stored.get((tile.level, tile.index))
                if there is None:
                    yield failed("log.tiles", "missing", level=tile.level, index=tile.index)
                elif there != tile:
                    yield failed("log.tiles", "differs", level=tile.level, index=tile.index)

    def _meet_checkpoints(self, size: int) -> Iterator[Check]:
        """The checkpoint follows the one before it, its note says what its row says, and the tree has its root."""
        query = (
            "SELECT c.previous, c.root, c.note, c.at, coalesce(greatest(c.at, e.at), c.at) FROM ledger_checkpoints c "
            "LEFT JOIN ledger_entries e ON e.index = c.size - 1 WHERE c.size = %s"
        )
        for previous, root, note, at, moment in rows(self._connection, query, size):
            self.checkpoints += 1
            if previous != self._previous:
                yield failed("log.checkpoints", "broken-chain", size=size)
            self._previous = size
            try:
                read = open_checkpoint(bytes(note), self._keys)
            except CheckpointRefused as error:
                yield failed("log.checkpoints", error.reason, size=size, detail=error.detail)
                continue
            if (read.size, read.root) != (size, root):
                yield failed("log.checkpoints", "other-columns", size=size)
            if read.root != self._edge.root():
                yield failed("log.checkpoints", "differs", size=size)
            yield from self._meet_end(find_end(read.signed_by, self._ends), size, at, moment)

    def _meet_end(self, end: Ended | None, size: int, at: datetime, moment: datetime) -> Iterator[Check]:
        """Nothing that a key signed from its end on is believed. Who signed when that was known did wrong; before, it
        may have been the gateway itself, or whoever had stolen the key."""
        if end is None or moment < end.at:
            return
        about: dict[str, Any] = {"size": size, "at": at.isoformat(), "ended_at": end.at.isoformat(), "why": end.reason}
        if end.known_at is None or end.known_at <= moment:
            yield failed("log.checkpoints", "ended-key", **about)
        else:
            yield unknown("log.checkpoints", "ended-key", **about)


def _read_ends(connection: Snapshot) -> Iterator[Ended]:
    """What was said of ends; the table is held against the log elsewhere."""
    query = "SELECT public_key, at, reason, known_at FROM key_events WHERE event = 'ended' ORDER BY id"
    for public_key, at, reason, known_at in rows(connection, query):
        yield Ended(base64.b64decode(public_key), at, reason, known_at)
