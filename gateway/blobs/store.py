"""The SQL of documents' bytes: where they are, moving them between rows and a store, letting go of them."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from gateway.blobs.evidence import Kept, Place
from gateway.db import Connection

_PAGE = 200
_SPACE = 0x626C6F62  # any fixed number: the locks of documents' bytes, apart from all others


@dataclass(frozen=True, slots=True)
class Row:
    """A document of one insurer, without its bytes."""

    digest: str
    insurer: str
    size: int
    kept_in: Place | None


async def lock_bytes(connection: Connection, digest: str) -> None:
    """Be the only one who keeps, moves or erases the bytes of this digest, until the transaction ends.

    Taken after the locks of policies and before the log's head, by everybody.
    """
    await connection.execute("SELECT pg_advisory_xact_lock(%s, hashtext(%s))", (_SPACE, digest))


async def is_erased(connection: Connection, digest: str) -> bool:
    """Whether the document was erased by order."""
    cursor = await connection.execute("SELECT EXISTS (SELECT FROM erasures WHERE document = %s)", (digest,))
    row = await cursor.fetchone()
    return bool(row and row[0])


async def find_kept(connection: Connection, digest: str, insurer: str) -> Kept | None:
    """Where the bytes of one row are; the bytes themselves if they stand in it."""
    cursor = await connection.execute(
        "SELECT size, bytes, kept_in FROM documents WHERE (digest, insurer) = (%s, %s)", (digest, insurer)
    )
    row = await cursor.fetchone()
    return Kept(digest, row[0], None if row[1] is None else bytes(row[1]), row[2]) if row else None


async def list_rows(
    connection: Connection, wanted: Literal["row", "store", "erased"] | None = None
) -> AsyncIterator[Row]:
    """Every document, a page at a time, in order; only those whose bytes are in their row, in a store, or erased."""
    after = ("", "")
    while True:
        cursor = await connection.execute(
            "SELECT digest, insurer, size, kept_in FROM documents WHERE (digest, insurer) > (%s, %s) "
            "AND coalesce(kept_in, 'row') = coalesce(%s, kept_in, 'row') ORDER BY digest, insurer LIMIT %s",
            (*after, wanted, _PAGE),
        )
        page = [Row(*row) for row in await cursor.fetchall()]
        for row in page:
            yield row
        if len(page) < _PAGE:
            return
        after = (page[-1].digest, page[-1].insurer)


async def find_digests(connection: Connection, digests: list[str]) -> dict[str, str]:
    """Of these digests, those that a document has, and where its bytes are: `row`, `store` or `erased`. What is in a
    store for one insurer is in the store."""
    cursor = await connection.execute(
        "SELECT digest, array_agg(coalesce(kept_in, 'row')) FROM documents WHERE digest = ANY(%s) GROUP BY digest",
        (digests,),
    )
    found = {}
    for digest, places in await cursor.fetchall():
        found[digest] = next(place for place in ("store", "row", "erased") if place in places)
    return found


async def move_to_store(connection: Connection, row: Row, at: datetime) -> None:
    """The bytes of the row are in the store now: it is said, and the row lets go of them. In a transaction."""
    await _record_move(connection, row, at, "store")
    await connection.execute(
        "UPDATE documents SET bytes = NULL, kept_in = 'store' WHERE (digest, insurer) = (%s, %s) AND bytes IS NOT NULL",
        (row.digest, row.insurer),
    )


async def move_to_row(connection: Connection, row: Row, data: bytes, at: datetime) -> None:
    """The bytes of the row come back into it; the database holds them against the digest. In a transaction."""
    await _record_move(connection, row, at, "row")
    await connection.execute(
        "UPDATE documents SET bytes = %s, kept_in = NULL WHERE (digest, insurer) = (%s, %s) AND kept_in = 'store'",
        (data, row.digest, row.insurer),
    )


async def _record_move(connection: Connection, row: Row, at: datetime, place: str) -> None:
    await connection.execute(
        "INSERT INTO document_moves (digest, insurer, moved_at, kept_in) VALUES (%s, %s, %s, %s)",
        (row.digest, row.insurer, at, place),
    )


async def let_go(connection: Connection, digest: str) -> int:
    """The rows of an erased document let go of their bytes; of how many insurers. In the erasure's transaction."""
    cursor = await connection.execute(
        "UPDATE documents SET bytes = NULL, kept_in = 'erased' WHERE digest = %s AND kept_in IS DISTINCT FROM 'erased'",
        (digest,),
    )
    return cursor.rowcount
