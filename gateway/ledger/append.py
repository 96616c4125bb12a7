"""Append facts to the log, in the transaction that makes them facts.

Indexes are gapless and their order is the order of commits: the transaction that takes the row lock of `ledger_head`
keeps it until it ends, so that the next writer reads the size that this one committed, or the old one if it rolled
back. For the same reason call this as late as possible in the transaction, and take no other lock after it: writers
wait for each other here, and only here.
"""

from collections.abc import Sequence

from psycopg.errors import UniqueViolation

from gateway.db import Connection
from gateway.ledger import store
from gateway.ledger.merkle import leaf_hash
from gateway.ledger.tiles import MAX_ENTRY
from schemas.canonical import canonical
from schemas.log import Entry, Leaf


class EntryRefused(Exception):
    """An entry cannot be logged. `reason` is a stable slug: `duplicate` (this very fact is in the log), `too-large`."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail


async def append(connection: Connection, entries: Sequence[Entry], origin: str) -> list[Leaf]:
    """Write `entries` at the end of the log `origin`; their leaves, in the same order.

    Part of the caller's transaction: the leaves stand when it commits. Raises `EntryRefused` (then the transaction has
    failed, if the entry is a duplicate) and `NotCanonical`.
    """
    rows = _rows(entries)  # all hashing before the lock
    if not rows:
        return []
    try:
        first = await store.append(connection, rows)
    except UniqueViolation as error:
        raise _refusal(error) from error
    return _leaves(first, rows, origin)


async def reserve(connection: Connection, count: int) -> int:
    """The first of `count` indexes, which `insert` must fill in this transaction: a gap does not commit."""
    if count < 1:
        raise ValueError("reserve at least one leaf")
    return await store.reserve(connection, count)


async def insert(connection: Connection, first_index: int, entries: Sequence[Entry], origin: str) -> list[Leaf]:
    """Write entries at the indexes that `reserve` gave to this transaction. Raises as `append` does."""
    rows = _rows(entries)
    try:
        await store.insert(connection, first_index, rows)
    except UniqueViolation as error:
        raise _refusal(error) from error
    return _leaves(first_index, rows, origin)


def _rows(entries: Sequence[Entry]) -> list[store.Row]:
    rows = []
    for entry in entries:
        data = canonical(entry)
        if len(data) > MAX_ENTRY:
            raise EntryRefused("too-large", f"an entry of {len(data)} bytes; an entry bundle holds {MAX_ENTRY}")
        rows.append(store.Row(leaf_hash(data), entry.kind, entry.at, data))
    return rows


def _leaves(first: int, rows: Sequence[store.Row], origin: str) -> list[Leaf]:
    return [Leaf(index=first + place, log=origin, hash=row.leaf_hash.hex()) for place, row in enumerate(rows)]


def _refusal(error: UniqueViolation) -> Exception:
    if error.diag.constraint_name == "ledger_entries_once":
        return EntryRefused("duplicate", "the same fact is in the log already")
    return error
