"""The SQL of registries: bitemporal, append-only. What is stated, as of which day, and since when it is known."""

import asyncio
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from psycopg.pq import TransactionStatus

from gateway.db import Connection
from gateway.errors import GatewayError
from gateway.registries.entries import NOUNS, RegistryEntry, RegistryName
from gateway.registries.registry import NOTHING_STATED, Registries, Registry, Stated
from schemas.canonical import canonical

_WRITER_LOCK = 0x72656773  # any fixed number: one writer of registries at a time, so that ids follow commits


class Superseded(GatewayError):
    """A later statement of the same source is known already; an older one would undo it."""


@dataclass(frozen=True, slots=True)
class Statement:
    """What one source says: `whole` if it is all that it has, so that what is left out is no longer stated."""

    registry: RegistryName
    source: str
    as_of: date
    entries: Sequence[RegistryEntry]
    whole: bool


@dataclass(frozen=True, slots=True)
class Recorded:
    """How many entries a recording added, superseded, dropped or left as known; whether a whole one said a new day."""

    new: int
    superseded: int
    dropped: int
    unchanged: int
    confirmed: bool

    @property
    def says_something_new(self) -> bool:
        """Whether anything was appended."""
        return bool(self.new or self.superseded or self.dropped or self.confirmed)


async def keep_file(
    connection: Connection,
    registry: RegistryName,
    data: bytes,
    *,
    sender: str,
    media_type: str,
    at: datetime,
    proof: Mapping[str, Any],
) -> int:
    """Keep a file as it came; its id. `proof` is the signed request that brought it."""
    cursor = await connection.execute(
        "INSERT INTO registry_files (registry, sender, received_at, media_type, digest, bytes, request) "
        "VALUES (%s, %s, %s, %s, %s, %s, %s) RETURNING id",
        (
            registry,
            sender,
            at,
            media_type,
            f"sha256:{hashlib.sha256(data).hexdigest()}",
            data,
            canonical(dict(proof)).decode(),
        ),
    )
    row = await cursor.fetchone()
    assert row is not None  # an insert that returns has a row
    return int(row[0])


async def record(connection: Connection, said: Statement, at: datetime, file: int | None = None) -> Recorded:
    """Append what differs from what is known, as known from `at` on.

    Raises `Superseded` if a later statement of the source is known, `ValueError` if a key stands twice, `RuntimeError`
    outside of a transaction.
    """
    if connection.info.transaction_status != TransactionStatus.INTRANS:
        raise RuntimeError("registries are recorded inside a transaction of the caller")
    written = await asyncio.to_thread(lambda: {one.key(): canonical(one).decode() for one in said.entries})
    if len(written) < len(said.entries):
        raise ValueError("a key is stated twice")
    await connection.execute("SELECT pg_advisory_xact_lock(%s)", (_WRITER_LOCK,))
    latest_day, latest_digest = await _latest_whole(connection, said, at)
    known = await _latest(connection, said)
    if latest_day is not None and said.as_of < latest_day:
        raise Superseded(f"{said.source}: a statement as of {latest_day} is known")
    rows: list[tuple[Any, ...]] = []
    new = superseded = unchanged = 0
    for key, text in written.items():
        digest = _digest(text)
        before = known.pop(key, None)
        if before is not None and before[0] == digest:
            unchanged += 1
            continue
        if before is not None and said.as_of < before[1]:
            raise Superseded(f"{key}: a statement as of {before[1]} is known")
        new, superseded = new + (before is None), superseded + (before is not None)
        rows.append((said.registry, said.source, key, said.as_of, at, digest, text, file))
    dropped, confirmed = 0, False
    if said.whole:
        gone = [key for key, (digest, _) in known.items() if digest]
        dropped = len(gone)
        rows += [(said.registry, said.source, key, said.as_of, at, "", None, file) for key in gone]
        digest = _digest("\n".join(sorted(map(_digest, written.values()))))
        confirmed = (latest_day, latest_digest) != (said.as_of, digest)
        if confirmed:
            await connection.execute(
                "INSERT INTO registry_wholes (registry, source, as_of, known_from, digest, count, file) "
                "VALUES (%s, %s, %s, %s, %s, %s, %s)",
                (said.registry, said.source, said.as_of, at, digest, len(written), file),
            )
    if rows:
        async with (
            connection.cursor() as cursor,
            cursor.copy(
                "COPY registry_statements (registry, source, key, as_of, known_from, digest, statement, file) "
                "FROM STDIN"
            ) as copy,
        ):
            for row in rows:
                await copy.write_row(row)
    return Recorded(new, superseded, dropped, unchanged, confirmed)


def _digest(text: str) -> str:
    return f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"


async def _latest_whole(connection: Connection, said: Statement, at: datetime) -> tuple[date | None, str | None]:
    """The source's latest whole statement. Nothing becomes known before what is known already."""
    cursor = await connection.execute(
        "SELECT (SELECT max(known_from) FROM registry_statements), (SELECT max(known_from) FROM registry_wholes)"
    )
    moments = [moment for moment in await cursor.fetchone() or () if moment is not None]
    if moments and at < max(moments):
        raise Superseded(f"statements are known from {max(moments).isoformat()} on; {at.isoformat()} is earlier")
    cursor = await connection.execute(
        "SELECT as_of, digest FROM registry_wholes WHERE registry = %s AND source = %s ORDER BY id DESC LIMIT 1",
        (said.registry, said.source),
    )
    row = await cursor.fetchone()
    return (row[0], row[1]) if row else (None, None)


async def _latest(connection: Connection, said: Statement) -> dict[str, tuple[str, date]]:
    cursor = await connection.execute(
        "SELECT DISTINCT ON (key) key, digest, as_of FROM registry_statements "
        "WHERE registry = %s AND source = %s ORDER BY key, id DESC",
        (said.registry, said.source),
    )
    return {row[0]: (row[1], row[2]) for row in await cursor.fetchall()}


async def load(connection: Connection, known_at: datetime | None = None) -> Registries:
    """All registries as they were known at `known_at`, or as they are known now."""
    return await _load(connection, known_at, await version(connection))


async def version(connection: Connection) -> tuple[int, int]:
    """What changes with every recording: the last row of each table. Cheap."""
    cursor = await connection.execute(
        "SELECT (SELECT coalesce(max(id), 0) FROM registry_statements), "
        "(SELECT coalesce(max(id), 0) FROM registry_wholes)"
    )
    row = await cursor.fetchone()
    assert row is not None  # an aggregate always has a row
    return row[0], row[1]


async def _load(connection: Connection, known_at: datetime | None, upto: tuple[int, int]) -> Registries:
    if upto == (0, 0):
        return NOTHING_STATED
    cursor = await connection.execute(
        "SELECT registry, source, as_of, statement FROM "
        "(SELECT DISTINCT ON (registry, key, source) registry, source, as_of, statement FROM registry_statements "
        "WHERE id <= %s AND known_from <= coalesce(%s, 'infinity'::timestamptz) "
        "ORDER BY registry, key, source, id DESC) AS latest WHERE statement IS NOT NULL",
        (upto[0], known_at),
    )
    rows = await cursor.fetchall()
    cursor = await connection.execute(
        "SELECT DISTINCT ON (registry, source) registry, source, as_of FROM registry_wholes "
        "WHERE id <= %s AND known_from <= coalesce(%s, 'infinity'::timestamptz) ORDER BY registry, source, id DESC",
        (upto[1], known_at),
    )
    wholes = await cursor.fetchall()
    # In a thread: an archive of a whole market takes seconds, in which others shall be answered.
    return await asyncio.to_thread(_built, rows, wholes, known_at)


def _built(rows: Sequence[Sequence[Any]], wholes: Sequence[Sequence[Any]], known_at: datetime | None) -> Registries:
    def one(name: RegistryName) -> Registry[Any]:
        noun = NOUNS[name]
        stated = [Stated(row[1], row[2], noun.model_validate(row[3])) for row in rows if row[0] == name]
        return Registry(stated, {row[1]: row[2] for row in wholes if row[0] == name}, known_at)

    return Registries(one("varieties"), one("credit"), one("sister-awards"), one("hospital-list"))


class CurrentRegistries:
    """The registries as they are known now, read again only when something was recorded. One for each process."""

    def __init__(self) -> None:
        self._version: tuple[int, int] | None = None
        self._registries = NOTHING_STATED

    async def __call__(self, connection: Connection) -> Registries:
        """The registries as this connection sees them."""
        now = await version(connection)
        if now != self._version:
            # Both are set together, after the read: a concurrent call reads once too often, never stale.
            registries = await _load(connection, None, now)
            self._version, self._registries = now, registries
            return registries
        return self._registries


@dataclass(frozen=True, slots=True)
class Told:
    """One entry as it is listed: by whom, as of when, since when it is known."""

    key: str
    source: str
    as_of: date
    known_from: datetime
    statement: dict[str, Any]


async def list_entries(
    connection: Connection, registry: RegistryName, known_at: datetime, after: str, limit: int
) -> list[Told]:
    """What is stated at `known_at`, behind the key `after`, in the order of keys.

    A key that several sources state counts once for each, and they are never torn apart: `limit` counts keys.
    """
    cursor = await connection.execute(
        "WITH latest AS (SELECT DISTINCT ON (key, source) key, source, as_of, known_from, statement "
        "  FROM registry_statements WHERE registry = %s AND key > %s AND known_from <= %s "
        "  ORDER BY key, source, id DESC), "
        "stated AS (SELECT *, dense_rank() OVER (ORDER BY key) AS place FROM latest WHERE statement IS NOT NULL) "
        "SELECT key, source, as_of, known_from, statement FROM stated WHERE place <= %s ORDER BY key, source",
        (registry, after, known_at, limit),
    )
    return [Told(*row) for row in await cursor.fetchall()]


async def list_wholes(connection: Connection, registry: RegistryName, known_at: datetime) -> dict[str, date]:
    """The day of each source's latest whole statement at `known_at`."""
    cursor = await connection.execute(
        "SELECT DISTINCT ON (source) source, as_of FROM registry_wholes WHERE registry = %s AND known_from <= %s "
        "ORDER BY source, id DESC",
        (registry, known_at),
    )
    return dict(await cursor.fetchall())
