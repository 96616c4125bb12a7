"""The SQL of operation: what waits, what is under way, and how far the log and its witnesses are."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from gateway.db import Connection


@dataclass(frozen=True, slots=True)
class Running:
    """A batch that has not ended: how many of its bytes are worked off, and what its lines were told."""

    id: str
    insurer: str
    received_at: datetime
    started_at: datetime | None
    size: int
    position: int
    lines: int
    verified: int
    held: int
    refused: int
    conflicts: int


async def list_running(connection: Connection, limit: int) -> list[Running]:
    """The batches that have not ended, the oldest first."""
    cursor = await connection.execute(
        "SELECT b.id, b.insurer, b.received_at, p.started_at, b.size, p.position, p.line, p.verified, p.held, "
        "p.refused, p.conflicts FROM batch_progress p JOIN batches b ON b.id = p.batch WHERE p.ended_at IS NULL "
        "ORDER BY b.received_at, b.id LIMIT %s",
        (limit,),
    )
    return [Running(*row) for row in await cursor.fetchall()]


@dataclass(frozen=True, slots=True)
class Recheck:
    """The latest round of judging everything again: under which basis, since when, how far, and whether it is done.

    `premiums` in all, `passed` of them behind it; how many a second, and when it ends at that speed, as far as told.
    """

    basis: str
    began_at: datetime
    at: datetime
    premiums: int
    passed: int
    judged: int
    changed: int
    done: bool
    per_second: float | None
    ends_at: datetime | None


async def find_recheck(connection: Connection) -> Recheck | None:
    """The round that began last."""
    cursor = await connection.execute(
        "SELECT basis, begun_at, last_at, premiums, passed, judged, changed, ended_at IS NOT NULL, "
        "round(per_second, 2)::float8, coalesce(ended_at, last_at + make_interval(secs => "
        "((premiums - passed) / nullif(per_second, 0))::float8)) FROM recheck_progress "
        "ORDER BY begun_at DESC, basis LIMIT 1"
    )
    row = await cursor.fetchone()
    return Recheck(*row) if row else None


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A living subscription: how far it is behind the feed, what waits, and since when nothing was accepted."""

    id: str
    owner: str
    url: str
    behind: int
    waiting: int
    given_up: int
    failures: int
    failing_since: datetime | None
    resume_at: datetime | None
    last_status: int | None
    last_reason: str | None


async def list_endpoints(connection: Connection) -> list[Endpoint]:
    """The living subscriptions, in the order in which they were made."""
    cursor = await connection.execute(
        "SELECT s.id, s.owner, s.url, h.count - d.position, q.waiting, q.given_up, d.failures, d.failing_since, "
        "d.resume_at, a.status, a.reason FROM subscriptions s JOIN delivery_state d ON d.subscription = s.id "
        "CROSS JOIN feed_head h CROSS JOIN LATERAL (SELECT count(*) AS waiting, "
        "  count(*) FILTER (WHERE next_at IS NULL) AS given_up FROM delivery_queue WHERE subscription = s.id) AS q "
        "LEFT JOIN LATERAL (SELECT status, reason FROM delivery_attempts WHERE subscription = s.id AND NOT accepted "
        "  ORDER BY id DESC LIMIT 1) AS a ON d.failures > 0 "
        "WHERE NOT EXISTS (SELECT FROM subscription_ends e WHERE e.subscription = s.id) ORDER BY s.created_at, s.id"
    )
    return [Endpoint(*row) for row in await cursor.fetchall()]


async def list_sources(connection: Connection) -> list[tuple[str, str, date]]:
    """Of each registry and source the day as of which it last stated all that it has."""
    cursor = await connection.execute(
        "SELECT 'filings', registry, as_of FROM (SELECT DISTINCT ON (registry) registry, as_of FROM filing_sources "
        "  ORDER BY registry, id DESC) AS f UNION ALL "
        "SELECT registry, source, as_of FROM (SELECT DISTINCT ON (registry, source) registry, source, as_of "
        "  FROM registry_wholes ORDER BY registry, source, id DESC) AS r ORDER BY 1, 2"
    )
    return [(row[0], row[1], row[2]) for row in await cursor.fetchall()]


async def count_all(connection: Connection) -> dict[str, Any]:
    """How many revisions there are, and how many premiums stand in each status."""
    cursor = await connection.execute("SELECT count FROM feed_head")
    row = await cursor.fetchone()
    cursor = await connection.execute("SELECT status, count(*) FROM premium_search GROUP BY status ORDER BY status")
    return {"revisions": row[0] if row else 0, "premiums": dict(await cursor.fetchall())}


async def list_cosigned(connection: Connection) -> dict[tuple[str, bytes], tuple[int, int]]:
    """Of each witness's key the largest size that it cosigned, and when, in POSIX seconds."""
    cursor = await connection.execute(
        "SELECT DISTINCT ON (name, key_id) name, key_id, size, at FROM ledger_cosignatures "
        "ORDER BY name, key_id, size DESC"
    )
    return {(row[0], bytes(row[1])): (row[2], row[3]) for row in await cursor.fetchall()}
