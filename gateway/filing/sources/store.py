"""The SQL of polled sources: how it went with each of them, and which one may be asked now."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from psycopg.types.json import Jsonb

from gateway.db import Connection

_POLL_LOCK = 0x706F6C6C  # any fixed number: with a source's name, one poller of it over all processes


@dataclass(frozen=True, slots=True)
class Poll:
    """How it went with a source. `failure` is the check of the last attempt that failed; `etag` names what the
    source stated when its registry was `base` here."""

    name: str
    next_at: datetime
    failures: int = 0
    last_success: datetime | None = None
    last_failure: datetime | None = None
    failure: Mapping[str, Any] | None = None
    etag: str | None = None
    base: str | None = None


@dataclass(frozen=True, slots=True)
class Stating:
    """A registry of which something is known: its latest whole statement, and when anything of it became known last."""

    registry: str
    as_of: date | None
    count: int | None
    known_from: datetime


async def try_lock(connection: Connection, name: str) -> bool:
    """Be the one who polls this source, until `unlock` or the end of the connection; whether nobody else is."""
    cursor = await connection.execute("SELECT pg_try_advisory_lock(%s, hashtext(%s))", (_POLL_LOCK, name))
    row = await cursor.fetchone()
    return row is not None and bool(row[0])


async def unlock(connection: Connection, name: str) -> None:
    """Let others poll."""
    await connection.execute("SELECT pg_advisory_unlock(%s, hashtext(%s))", (_POLL_LOCK, name))


async def find_poll(connection: Connection, name: str) -> Poll | None:
    """How it went with the source; `None` if it was never asked."""
    cursor = await connection.execute(
        "SELECT name, next_at, failures, last_success, last_failure, failure, etag, base FROM filing_polls "
        "WHERE name = %s",
        (name,),
    )
    row = await cursor.fetchone()
    return Poll(*row) if row else None


async def list_due(connection: Connection, names: list[str], at: datetime) -> list[str]:
    """Those of the sources that are to be asked by now, longest waiting first; those never asked before all."""
    cursor = await connection.execute(
        "SELECT name FROM unnest(%s::text[]) AS name LEFT JOIN filing_polls p USING (name) "
        "WHERE coalesce(p.next_at, '-infinity') <= %s ORDER BY p.next_at NULLS FIRST, name",
        (names, at),
    )
    return [row[0] async for row in cursor]


async def save(connection: Connection, poll: Poll) -> None:
    """Remember how it went."""
    await connection.execute(
        "INSERT INTO filing_polls (name, next_at, failures, last_success, last_failure, failure, etag, base) "
        "VALUES (%s, %s, %s, %s, %s, %s, %s, %s) ON CONFLICT (name) DO UPDATE SET next_at = excluded.next_at, "
        "failures = excluded.failures, last_success = excluded.last_success, last_failure = excluded.last_failure, "
        "failure = excluded.failure, etag = excluded.etag, base = excluded.base",
        (
            *(poll.name, poll.next_at, poll.failures, poll.last_success, poll.last_failure),
            *(Jsonb(dict(poll.failure)) if poll.failure is not None else None, poll.etag, poll.base),
        ),
    )


async def list_polls(connection: Connection) -> dict[str, Poll]:
    """How it went with each source that was ever asked."""
    cursor = await connection.execute(
        "SELECT name, next_at, failures, last_success, last_failure, failure, etag, base FROM filing_polls"
    )
    return {row[0]: Poll(*row) async for row in cursor}


async def list_stating(connection: Connection) -> list[Stating]:
    """Every registry that ever stated anything."""
    cursor = await connection.execute(
        "WITH wholes AS (SELECT DISTINCT ON (registry) registry, as_of, count FROM filing_sources "
        "ORDER BY registry, id DESC), "
        "known AS (SELECT registry, max(known_from) AS known_from FROM (SELECT registry, max(known_from) AS known_from "
        "FROM filings GROUP BY registry UNION ALL SELECT registry, max(known_from) FROM filing_sources "
        "GROUP BY registry) AS moments GROUP BY registry) "
        "SELECT registry, wholes.as_of, wholes.count, known.known_from FROM known LEFT JOIN wholes USING (registry) "
        "ORDER BY registry"
    )
    return [Stating(*row) async for row in cursor]
