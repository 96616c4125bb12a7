"""The SQL of premiums: revisions as they were written, by policy and by moment."""

from datetime import datetime
from typing import Any

from gateway.db import Connection
from gateway.feed.store import StoredPremium


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
