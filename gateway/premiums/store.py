"""The SQL of premiums: revisions as they were written, by policy, by moment, and in feed order."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from gateway.db import Connection


@dataclass(frozen=True, slots=True)
class StoredPremium:
    """One revision: its place in the feed and in the log, and its canonical bytes as they were logged."""

    position: int
    leaf_index: int
    leaf_hash: str
    body: bytes


def _stored(row: tuple[Any, ...]) -> StoredPremium:
    return StoredPremium(row[0], row[1], row[2], bytes(row[3]))


async def find_premium(
    connection: Connection, insurer: str, policy_no: str, as_of: datetime | None
) -> StoredPremium | None:
    """The latest revision, or the one that was the latest at `as_of`."""
    cursor = await connection.execute(
        "SELECT position, leaf_index, leaf_hash, body FROM premiums WHERE insurer = %s AND policy_no = %s "
        "AND known_at <= coalesce(%s, 'infinity'::timestamptz) ORDER BY revision DESC LIMIT 1",
        (insurer, policy_no, as_of),
    )
    row = await cursor.fetchone()
    return _stored(row) if row else None


async def list_revisions(connection: Connection, insurer: str, policy_no: str) -> list[StoredPremium]:
    """Every revision, first to last."""
    cursor = await connection.execute(
        "SELECT position, leaf_index, leaf_hash, body FROM premiums "
        "WHERE insurer = %s AND policy_no = %s ORDER BY revision",
        (insurer, policy_no),
    )
    return [_stored(row) for row in await cursor.fetchall()]


async def list_changes(connection: Connection, after: int, limit: int) -> list[StoredPremium]:
    """Revisions behind feed position `after`, at most `limit`, in order and without gaps."""
    cursor = await connection.execute(
        "SELECT position, leaf_index, leaf_hash, body FROM premiums WHERE position > %s ORDER BY position LIMIT %s",
        (after, limit),
    )
    return [_stored(row) for row in await cursor.fetchall()]


async def count_revisions(connection: Connection) -> int:
    """How many revisions the feed has."""
    cursor = await connection.execute("SELECT count FROM feed_head")
    row = await cursor.fetchone()
    return int(row[0]) if row else 0
