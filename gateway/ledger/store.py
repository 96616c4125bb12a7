"""The log's SQL. Every function takes a connection; the caller owns the transaction, except where it says otherwise."""

from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from typing import NamedTuple

from gateway.db import Connection
from gateway.ledger.cosignature import Cosignature
from gateway.ledger.note import NoteKey
from gateway.ledger.tiles import ENTRIES, WIDTH, FullTile, Tile, write_bundle

_PUBLISHER_LOCK = 0x6C6F67  # any fixed number: one publisher at a time


class Row(NamedTuple):
    """An entry as it is stored, without its index."""

    leaf_hash: bytes
    kind: str
    at: datetime
    data: bytes


class StoredCheckpoint(NamedTuple):
    """A signed checkpoint as it is stored: `previous` is the size of the one that it extends."""

    size: int
    previous: int | None
    root: bytes
    at: datetime
    note: bytes


_RESERVE = "UPDATE ledger_head SET size = size + %s RETURNING size"

_INSERT = """
INSERT INTO ledger_entries (index, leaf_hash, kind, at, data)
SELECT {first} + row.number - 1, row.leaf_hash, row.kind, row.at, row.data
FROM {head} unnest(%s::bytea[], %s::text[], %s::timestamptz[], %s::bytea[])
     WITH ORDINALITY AS row (leaf_hash, kind, at, data, number)
"""
_INSERT_AT = _INSERT.format(first="%s::bigint", head="")
_APPEND = f"WITH head AS ({_RESERVE}) {_INSERT.format(first='head.size - %s::bigint', head='head,')} RETURNING index"


async def reserve(connection: Connection, count: int) -> int:
    """The first of `count` reserved indexes. Holds the row lock of `ledger_head` until the transaction ends."""
    cursor = await connection.execute(_RESERVE, (count,))
    row = await cursor.fetchone()
    assert row is not None  # the migration writes the one row, and the database refuses to remove it
    return int(row[0]) - count


async def insert(connection: Connection, first_index: int, rows: Sequence[Row]) -> None:
    """Write entries at indexes that this transaction has reserved."""
    await connection.execute(_INSERT_AT, (first_index, *_columns(rows)))


async def append(connection: Connection, rows: Sequence[Row]) -> int:
    """Reserve and insert in one statement, so that the lock is held for one round trip less; the first index."""
    cursor = await connection.execute(_APPEND, (len(rows), len(rows), *_columns(rows)))
    return min(int(index) for (index,) in await cursor.fetchall())


def _columns(rows: Sequence[Row]) -> tuple[list[bytes], list[str], list[datetime], list[bytes]]:
    return (
        [row.leaf_hash for row in rows],
        [row.kind for row in rows],
        [row.at for row in rows],
        [row.data for row in rows],
    )


async def committed_size(connection: Connection) -> int:
    """How many entries are committed: all below this index are visible, because they committed with it."""
    cursor = await connection.execute("SELECT size FROM ledger_head")
    row = await cursor.fetchone()
    assert row is not None
    return int(row[0])


async def lock_publisher(connection: Connection) -> bool:
    """Whether this transaction is now the one publisher; the lock ends with it, also when its process is killed."""
    cursor = await connection.execute("SELECT pg_try_advisory_xact_lock(%s)", (_PUBLISHER_LOCK,))
    row = await cursor.fetchone()
    return row is not None and bool(row[0])


async def find_last_checkpoint(connection: Connection) -> StoredCheckpoint | None:
    """The largest checkpoint, or None before the first."""
    cursor = await connection.execute(
        "SELECT size, previous, root, at, note FROM ledger_checkpoints ORDER BY size DESC LIMIT 1"
    )
    row = await cursor.fetchone()
    return StoredCheckpoint(*row) if row else None


async def insert_checkpoint(connection: Connection, checkpoint: StoredCheckpoint) -> None:
    """Write a checkpoint. Raises psycopg's UniqueViolation if another extends the same one already."""
    await connection.execute(
        "INSERT INTO ledger_checkpoints (size, previous, root, at, note) VALUES (%s, %s, %s, %s, %s)", checkpoint
    )


async def checkpoints(connection: Connection) -> AsyncIterator[StoredCheckpoint]:
    """All checkpoints, smallest first; memory for a hundred at a time."""
    after = -1
    while True:
        cursor = await connection.execute(
            "SELECT size, previous, root, at, note FROM ledger_checkpoints WHERE size > %s ORDER BY size LIMIT 100",
            (after,),
        )
        rows = await cursor.fetchall()
        if not rows:
            return
        for row in rows:
            yield StoredCheckpoint(*row)
        after = rows[-1][0]


async def read_cosigned(connection: Connection, checkpoint: StoredCheckpoint) -> bytes:
    """The note of a checkpoint with the cosignatures that witnesses have given since, by name."""
    cursor = await connection.execute(
        "SELECT line FROM ledger_cosignatures WHERE size = %s ORDER BY name, key_id", (checkpoint.size,)
    )
    return bytes(checkpoint.note) + "".join(line for (line,) in await cursor.fetchall()).encode()


async def read_cosigned_sizes(connection: Connection, keys: Sequence[NoteKey]) -> list[int]:
    """The size of the last checkpoint that each witness cosigned, as far as we were told; -1 before the first."""
    cursor = await connection.execute(
        "SELECT (SELECT max(size) FROM ledger_cosignatures c WHERE (c.name, c.key_id) = (w.name, w.key_id)) "
        "FROM unnest(%s::text[], %s::bytea[]) WITH ORDINALITY AS w (name, key_id, number) ORDER BY number",
        ([key.name for key in keys], [key.key_id for key in keys]),
    )
    return [-1 if size is None else int(size) for (size,) in await cursor.fetchall()]


async def insert_cosignature(connection: Connection, size: int, made: Cosignature) -> None:
    """Write a verified cosignature; the first one of a witness's key on a checkpoint stays."""
    await connection.execute(
        "INSERT INTO ledger_cosignatures (size, name, key_id, at, line) VALUES (%s, %s, %s, %s, %s) "
        "ON CONFLICT DO NOTHING",
        (size, made.key.name, made.key.key_id, made.at, made.line),
    )


async def insert_tiles(connection: Connection, tiles: Sequence[FullTile]) -> None:
    """Write full tiles. A tile that is there already is an error: only the one publisher writes them, once."""
    await connection.execute(
        "INSERT INTO ledger_tiles (level, index, hashes, root) "
        "SELECT * FROM unnest(%s::smallint[], %s::bigint[], %s::bytea[], %s::bytea[])",
        ([t.level for t in tiles], [t.index for t in tiles], [t.hashes for t in tiles], [t.root for t in tiles]),
    )


async def read_leaf_hashes(connection: Connection, start: int, end: int) -> bytes:
    """The leaf hashes of entries `start` to `end`, in one string; shorter if entries are not there."""
    cursor = await connection.execute(
        "SELECT string_agg(leaf_hash, ''::bytea ORDER BY index) FROM ledger_entries WHERE index >= %s AND index < %s",
        (start, end),
    )
    row = await cursor.fetchone()
    return bytes(row[0]) if row and row[0] is not None else b""


_TILES = """
SELECT level, index, width, CASE
    WHEN width = 256 THEN (SELECT hashes FROM ledger_tiles t WHERE (t.level, t.index) = (wanted.level, wanted.index))
    WHEN level = 0 THEN (SELECT string_agg(leaf_hash, ''::bytea ORDER BY index) FROM ledger_entries e
        WHERE e.index >= wanted.index * 256 AND e.index < wanted.index * 256 + width)
    ELSE (SELECT string_agg(root, ''::bytea ORDER BY index) FROM ledger_tiles t
        WHERE t.level = wanted.level - 1 AND t.index >= wanted.index * 256 AND t.index < wanted.index * 256 + width)
END
FROM unnest(%s::smallint[], %s::bigint[], %s::int[]) AS wanted (level, index, width)
"""


async def read_tiles(connection: Connection, tiles: Sequence[Tile]) -> dict[Tile, bytes]:
    """The hashes of each tile, as wide as asked, in one query; empty or shorter if it is not all there.

    Full tiles are stored. Partial ones are leaf hashes, or the roots of the full tiles of the level below.
    """
    if not tiles:
        return {}
    columns = [tile.level for tile in tiles], [tile.index for tile in tiles], [tile.width for tile in tiles]
    cursor = await connection.execute(_TILES, columns)
    return {Tile(level, index, width): hashes or b"" for level, index, width, hashes in await cursor.fetchall()}


async def read_stored_tile(connection: Connection, level: int, index: int) -> FullTile | None:
    """A full tile as it is stored."""
    cursor = await connection.execute(
        "SELECT hashes, root FROM ledger_tiles WHERE level = %s AND index = %s", (level, index)
    )
    row = await cursor.fetchone()
    return FullTile(level, index, row[0], row[1]) if row else None


async def freeze(connection: Connection) -> None:
    """Make the transaction that has just begun see one moment of the database, and write nothing."""
    await connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")


async def count_entries(connection: Connection) -> int:
    """How many entries are stored; as many as `committed_size` says, unless someone wrote around `reserve`."""
    cursor = await connection.execute("SELECT count(*) FROM ledger_entries")
    row = await cursor.fetchone()
    return int(row[0]) if row else 0


async def count_tiles(connection: Connection) -> int:
    """How many full tiles are stored."""
    cursor = await connection.execute("SELECT count(*) FROM ledger_tiles")
    row = await cursor.fetchone()
    return int(row[0]) if row else 0


async def read_rows(connection: Connection, start: int, end: int) -> list[tuple[int, Row]]:
    """The stored entries `start` to `end` with their indexes, in order."""
    cursor = await connection.execute(
        "SELECT index, leaf_hash, kind, at, data FROM ledger_entries WHERE index >= %s AND index < %s ORDER BY index",
        (start, end),
    )
    return [(index, Row(*rest)) for index, *rest in await cursor.fetchall()]


async def read_content(connection: Connection, tile: Tile) -> bytes | None:
    """What is served for a tile or an entry bundle; None if not all of it is there."""
    if tile.level != ENTRIES:
        hashes = (await read_tiles(connection, [tile])).get(tile, b"")
        return hashes if len(hashes) == tile.width * 32 else None
    start = tile.index * WIDTH
    rows = await read_rows(connection, start, start + tile.width)
    return write_bundle(row.data for _, row in rows) if len(rows) == tile.width else None
