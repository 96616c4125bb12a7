"""Audit the log as it is stored: rows against hashes, tiles against rows, each checkpoint against the tree."""

from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from typing import Any

from gateway.db import Connection
from gateway.ledger import store
from gateway.ledger.audit import find_entry_flaw
from gateway.ledger.checkpoint import CheckpointRefused, open_checkpoint, read_stored
from gateway.ledger.merkle import leaf_hash
from gateway.ledger.note import NoteKey
from gateway.ledger.tiles import HEIGHT, WIDTH, FullTile, RightEdge
from schemas.log import Entry
from schemas.verification import Check, Report, conclude, failed, passed
from signing.algorithms import TIMELESS

_BATCH = 4096


async def audit_database(connection: Connection, keys: Sequence[NoteKey] = (), *, at: datetime = TIMELESS) -> Report:
    """Judge the stored log as of one moment: entries, tiles, checkpoints and the head.

    With `keys`, each checkpoint must be signed by one of them. Opens a transaction of its own; memory is a batch of
    entries. The first flaw of each kind is told.
    """
    async with connection.transaction():
        await store.freeze(connection)
        checks = await _Walk(connection, tuple(keys)).judge()
    return conclude("log", checks=checks, at=at)


class _Walk:
    """One pass over the entries, which meets each tile and each checkpoint where the tree has its size."""

    def __init__(self, connection: Connection, keys: tuple[NoteKey, ...]) -> None:
        self.connection = connection
        self.keys = keys
        self.edge = RightEdge()
        self.flaws: dict[str, Check] = {}
        self.published = 0
        self.checkpoints = 0

    async def judge(self) -> list[Check]:
        """The checks, one a rule."""
        size = await store.committed_size(self.connection)
        last = await store.find_last_checkpoint(self.connection)
        self.published = last.size if last else 0
        await self._walk(size)
        await self._count(size)
        facts: dict[str, dict[str, Any]] = {
            "log.head": {"size": size},
            "log.entries": {"count": self.edge.size},
            "log.tiles": {"size": self.published},
            "log.checkpoints": {"count": self.checkpoints},
        }
        return [self.flaws[rule] if rule in self.flaws else passed(rule, **fact) for rule, fact in facts.items()]

    async def _walk(self, size: int) -> None:
        waiting: AsyncIterator[store.StoredCheckpoint] = store.checkpoints(self.connection)
        following = await anext(waiting, None)
        previous: int | None = None
        while True:
            while following is not None and following.size == self.edge.size:
                self._check_checkpoint(following, previous)
                previous, following = following.size, await anext(waiting, None)
            if self.edge.size == size:
                break
            stop = min(size, self.edge.size + _BATCH, following.size if following is not None else size)
            if not await self._take(stop):
                return
        if following is not None:
            self._flaw(failed("log.checkpoints", "beyond-entries", size=following.size))

    async def _take(self, stop: int) -> bool:
        """Check the entries up to `stop` and grow the tree by them; False if one is not there."""
        rows = await store.read_rows(self.connection, self.edge.size, stop)
        for place, (index, row) in enumerate(rows, self.edge.size):
            if index != place:
                self._flaw(failed("log.entries", "missing", index=place))
                return False
            self._check_row(index, row)
        if self.edge.size + len(rows) != stop:
            self._flaw(failed("log.entries", "missing", index=self.edge.size + len(rows)))
            return False
        for tile in self.edge.extend([row.leaf_hash for _, row in rows]):
            await self._check_tile(tile)
        return True

    def _check_row(self, index: int, row: store.Row) -> None:
        """The leaf hash is of the bytes, the bytes are an entry, and the columns say what it says."""
        if leaf_hash(row.data) != row.leaf_hash:
            self._flaw(failed("log.entries", "wrong-hash", index=index))
        elif flaw := find_entry_flaw(row.data):
            self._flaw(failed("log.entries", "not-an-entry", index=index, detail=flaw[:200]))
        else:
            entry = Entry.model_validate_json(row.data)
            if (entry.kind, entry.at) != (row.kind, row.at):
                self._flaw(failed("log.entries", "other-columns", index=index))

    async def _check_tile(self, tile: FullTile) -> None:
        """The stored tile is the computed one. A tile that no checkpoint covers yet is not stored."""
        if (tile.index + 1) * WIDTH ** (tile.level + 1) > self.published:
            return
        stored = await store.read_stored_tile(self.connection, tile.level, tile.index)
        if stored is None:
            self._flaw(failed("log.tiles", "missing", level=tile.level, index=tile.index))
        elif stored != tile:
            self._flaw(failed("log.tiles", "differs", level=tile.level, index=tile.index))

    def _check_checkpoint(self, stored: store.StoredCheckpoint, previous: int | None) -> None:
        """The checkpoint follows the one before it, its note says what its row says, and the tree has its root."""
        self.checkpoints += 1
        if stored.previous != previous:
            self._flaw(failed("log.checkpoints", "broken-chain", size=stored.size))
        try:
            read = open_checkpoint(stored.note, self.keys) if self.keys else read_stored(stored.note)
        except CheckpointRefused as error:
            self._flaw(failed("log.checkpoints", error.reason, size=stored.size, detail=error.detail))
            return
        if (read.size, read.root) != (stored.size, stored.root):
            self._flaw(failed("log.checkpoints", "other-columns", size=stored.size))
        if read.root != self.edge.root():
            self._flaw(failed("log.checkpoints", "differs", size=stored.size))

    async def _count(self, size: int) -> None:
        """Nothing is stored beside what was met on the way."""
        entries = await store.count_entries(self.connection)
        if entries != size:
            self._flaw(failed("log.head", "other-count", size=size, entries=entries))
        tiles = await store.count_tiles(self.connection)
        expected = sum(self.published >> (HEIGHT * (level + 1)) for level in range(8))
        if tiles != expected:
            self._flaw(failed("log.tiles", "other-count", tiles=tiles, expected=expected))

    def _flaw(self, check: Check) -> None:
        self.flaws.setdefault(check.rule, check)
