"""The SQL of time-stamps over the log."""

from datetime import datetime

from gateway.db import Connection
from gateway.timestamps.statement import Stamp

_LOCK = 0x7374616D70  # any fixed number: one gateway at a time asks for stamps
_LIST = (
    "SELECT id, authority, digest, checkpoint, moment, lasts, statement, token, known_at, leaf_index "
    "FROM log_timestamps ORDER BY id"
)


async def try_lead(connection: Connection) -> bool:
    """Be the one gateway that asks for stamps, until the connection ends or gives it back."""
    cursor = await connection.execute("SELECT pg_try_advisory_lock(%s)", (_LOCK,))
    row = await cursor.fetchone()
    return bool(row and row[0])


async def leave(connection: Connection) -> None:
    """Let others ask."""
    await connection.execute("SELECT pg_advisory_unlock(%s)", (_LOCK,))


async def list_stamps(connection: Connection) -> list[Stamp]:
    """Every stamp, in the order in which they came."""
    cursor = await connection.execute(_LIST)
    return [Stamp.of_row(row) for row in await cursor.fetchall()]


async def insert_stamp(connection: Connection, stamp: Stamp) -> None:
    """Keep a stamp beside its entry in the log. The caller leads, so its number is the next one."""
    await connection.execute(
        "INSERT INTO log_timestamps (id, authority, digest, checkpoint, moment, lasts, statement, token, known_at, "
        "leaf_index) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
        (
            stamp.id,
            stamp.authority,
            stamp.digest,
            stamp.checkpoint,
            stamp.moment,
            stamp.lasts,
            stamp.statement,
            stamp.token,
            stamp.known_at,
            stamp.leaf_index,
        ),
    )


async def read_notes(connection: Connection, sizes: list[int]) -> dict[int, bytes]:
    """The checkpoints of these sizes, as the log signed them."""
    cursor = await connection.execute("SELECT size, note FROM ledger_checkpoints WHERE size = ANY(%s)", (sizes,))
    return {int(row[0]): bytes(row[1]) for row in await cursor.fetchall()}


async def find_last(connection: Connection) -> tuple[int, bytes, datetime] | None:
    """Size, note and moment of the log's last checkpoint."""
    cursor = await connection.execute("SELECT size, note, at FROM ledger_checkpoints ORDER BY size DESC LIMIT 1")
    row = await cursor.fetchone()
    return (int(row[0]), bytes(row[1]), row[2]) if row else None


async def find_firsts(connection: Connection, last_index: int, size: int, at: datetime) -> list[tuple[Stamp, bool]]:
    """Of each authority the first stamp on a checkpoint that covers this entry and is not larger than `size`; and
    whether what it rests on is good at `at`."""
    cursor = await connection.execute(
        "SELECT DISTINCT ON (authority) id, authority, digest, checkpoint, moment, lasts, statement, token, known_at, "
        "leaf_index FROM log_timestamps WHERE checkpoint > %s AND checkpoint <= %s ORDER BY authority, id",
        (last_index, size),
    )
    stamps = [Stamp.of_row(row) for row in await cursor.fetchall()]
    return [(stamp, stamp.lasts > at) for stamp in stamps]
