"""The SQL of the feed: revisions in their order, as they were written, and how many there are."""

from dataclasses import dataclass

from gateway.db import Connection


@dataclass(frozen=True, slots=True)
class StoredPremium:
    """One revision: its place in the feed and in the log, and its canonical bytes as they were logged.

    `insurer` is whose it is, where a list of several insurers' revisions was read.
    """

    position: int
    leaf_index: int
    leaf_hash: str
    body: bytes | memoryview
    insurer: str = ""


# By the dozen: a driver is woken for each small row by itself, and reads a large one in one go.
_CHANGES = """
SELECT array_agg(position ORDER BY position), array_agg(leaf_index ORDER BY position),
    array_agg(leaf_hash ORDER BY position), array_agg(octet_length(body) ORDER BY position),
    array_agg(insurer ORDER BY position), string_agg(body, ''::bytea ORDER BY position)
FROM (
    SELECT *, sum(octet_length(body)) OVER (ORDER BY position) - octet_length(body) AS before FROM (
        SELECT position, leaf_index, leaf_hash, insurer, body FROM premiums
        WHERE position > %s ORDER BY position LIMIT %s
    ) AS following
) AS found
WHERE before < %s
GROUP BY position / 64 ORDER BY position / 64
"""
MOST_BYTES = 32 * 1024 * 1024
"""A page has no more than this, and what of its last revision goes beyond it."""


async def list_changes(
    connection: Connection, after: int, limit: int, *, most: int = MOST_BYTES
) -> list[StoredPremium]:
    """Revisions behind feed position `after`, in order and without gaps: at most `limit`, and no more behind the one
    with which they reach `most` bytes."""
    cursor = connection.cursor(binary=True)  # as text, bytes would come twice as long and be read digit by digit
    await cursor.execute(_CHANGES, (after, limit, most))
    found: list[StoredPremium] = []
    for positions, leaves, hashes, lengths, insurers, bodies in await cursor.fetchall():
        whole, start = memoryview(bodies), 0
        rows = zip(positions, leaves, hashes, lengths, insurers, strict=True)
        for position, leaf_index, leaf_hash, length, insurer in rows:
            found.append(StoredPremium(position, leaf_index, leaf_hash, whole[start : start + length], insurer))
            start += length
    return found


async def count_revisions(connection: Connection) -> int:
    """How many revisions the feed has."""
    cursor = await connection.execute("SELECT count FROM feed_head")
    row = await cursor.fetchone()
    return int(row[0]) if row else 0


async def find_head(connection: Connection, position: int) -> tuple[int, str | None]:
    """How many revisions the feed has, and the leaf hash of the one at `position`, if there is one."""
    cursor = await connection.execute(
        "SELECT count, (SELECT leaf_hash FROM premiums WHERE position = %s) FROM feed_head", (position,)
    )
    row = await cursor.fetchone()
    return (int(row[0]), row[1]) if row else (0, None)
