"""Moving documents to the store that is configured now, and looking through what the stores have.

A document at a time: its bytes are read and held against their digest, put and durable, and only then its row changes.
Whoever is killed has moved what was moved; the next run goes on with the rest. The service runs meanwhile: a document
is read from wherever it is.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from gateway.blobs import store
from gateway.blobs.evidence import Evidence, Kept
from gateway.blobs.objects import Damaged, NoBytes
from gateway.blobs.store import Row
from gateway.db import Connection

Finding = Literal["orphan", "lost", "cut", "corrupted", "still-there", "unreachable"]
_PAGE = 500


@dataclass(frozen=True, slots=True)
class Moved:
    """What became of one document: moved, or `problem` says why it stays where it is."""

    digest: str
    insurer: str
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class Told:
    """What was found of one digest, and where."""

    finding: Finding
    digest: str
    where: str
    size: int = 0


async def move(connection: Connection, evidence: Evidence, at: datetime) -> AsyncIterator[Moved]:
    """Move every document that is elsewhere to where new ones go. What is already there is passed over.

    Rows' bytes go to the store, or come back into the rows if no store is configured; what is in an earlier store is
    copied to the present one. A document that cannot be read stays, and is told.
    """
    if evidence.into is None:
        async for row in store.list_rows(connection, "store"):
            yield await _move(connection, evidence, row, at)
        return
    async for row in store.list_rows(connection, "row"):
        yield await _move(connection, evidence, row, at)
    async for row in store.list_rows(connection, "store"):
        there = await evidence.into.find(row.digest)
        if there is None or there.size != row.size:
            yield await _move(connection, evidence, row, at)


async def _move(connection: Connection, evidence: Evidence, row: Row, at: datetime) -> Moved:
    kept = await store.find_kept(connection, row.digest, row.insurer)
    try:
        if kept is None:
            return Moved(row.digest, row.insurer, "it is not there any more")
        data = await evidence.read(kept)
        if evidence.into is not None:
            await evidence.into.put(row.digest, data)
    except NoBytes as error:
        return Moved(row.digest, row.insurer, str(error))
    # Killed here: the bytes are in the store and in the row. The next run puts them again, which changes nothing.
    async with connection.transaction():
        await store.lock_bytes(connection, row.digest)
        now = await store.find_kept(connection, row.digest, row.insurer)
        if now is not None and now.kept_in != "erased":
            if evidence.into is None:
                await store.move_to_row(connection, row, data, at)
            elif now.bytes is not None:
                await store.move_to_store(connection, row, at)
            return Moved(row.digest, row.insurer)
    await evidence.remove(row.digest)  # erased meanwhile: what was put since goes again
    return Moved(row.digest, row.insurer, "it was erased by order")


async def check_stores(connection: Connection, evidence: Evidence, *, read: bool) -> AsyncIterator[Told]:
    """What does not fit between rows and stores; `read` holds every byte against its digest, else names and sizes.

    An orphan has no row: whoever handed it in was told that it failed, or is about to succeed. It is harmless. What was
    erased by order and is there still is not.
    """
    async for row in store.list_rows(connection, "store"):
        told = await (_read if read else _find)(evidence, row)
        if told is not None:
            yield told
    for one in evidence.stores:
        page = []
        async for found in one.walk():
            page.append(found)
            if len(page) == _PAGE:
                for told in await _unknown(connection, [(item.digest, item.size) for item in page], one.url):
                    yield told
                page.clear()
        for told in await _unknown(connection, [(item.digest, item.size) for item in page], one.url):
            yield told


async def _read(evidence: Evidence, row: Row) -> Told | None:
    try:
        await evidence.read(Kept(row.digest, row.size, None, "store"))
    except Damaged as error:
        return Told(_as_finding(error.reason), row.digest, error.where, row.size)
    except NoBytes as error:
        return Told("unreachable", row.digest, str(error), row.size)
    return None


async def _find(evidence: Evidence, row: Row) -> Told | None:
    smaller = False
    for one in evidence.stores:
        try:
            found = await one.find(row.digest)
        except NoBytes as error:
            return Told("unreachable", row.digest, str(error), row.size)
        if found is not None and found.size == row.size:
            return None
        smaller = smaller or found is not None
    return Told("cut" if smaller else "lost", row.digest, "every store", row.size)


def _as_finding(reason: str) -> Finding:
    return "cut" if reason == "cut" else "corrupted" if reason == "corrupted" else "lost"


async def _unknown(connection: Connection, page: list[tuple[str, int]], where: str) -> list[Told]:
    known = await store.find_digests(connection, [digest for digest, _ in page])
    told = []
    for digest, size in page:
        if known.get(digest) == "erased":
            told.append(Told("still-there", digest, where, size))
        elif digest not in known:
            # Erased before anybody else's row of it could commit: no row, and nobody's to keep.
            gone = await store.is_erased(connection, digest)
            told.append(Told("still-there" if gone else "orphan", digest, where, size))
    return told
