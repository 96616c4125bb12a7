"""The SQL of deliveries: subscriptions and their ends, what is still to be sent, and every attempt."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson

from gateway.db import Connection
from gateway.feed.store import StoredPremium

_LOCKS = 0x77656268  # any fixed number: the first key of the advisory locks on subscriptions


@dataclass(frozen=True, slots=True)
class Subscription:
    """Who wants which events sent where. `position` is how many revisions are taken up; `waiting` how many events are
    not accepted yet, of which `given_up`. `ended_at` and `ended_reason` are None while it lives."""

    id: str
    owner: str
    url: str
    types: tuple[str, ...]
    secret: str
    from_position: int
    created_at: datetime
    ended_at: datetime | None
    ended_reason: str | None
    position: int
    failures: int
    failing_since: datetime | None
    resume_at: datetime | None
    waiting: int
    given_up: int


@dataclass(frozen=True, slots=True)
class Due:
    """An event that is to be sent now: the revision, which part of it, and how often it was tried."""

    found: StoredPremium
    part: int
    attempts: int


@dataclass(frozen=True, slots=True)
class Attempt:
    """What came of sending an event; `next_at` None: accepted, or given up."""

    position: int
    part: int
    attempt: int
    at: datetime
    accepted: bool
    status: int | None
    reason: str
    next_at: datetime | None


_SELECT = (
    "SELECT s.id, s.owner, s.url, s.types, s.secret, s.from_position, s.created_at, e.ended_at, e.reason, d.position, "
    "d.failures, d.failing_since, d.resume_at, q.waiting, q.given_up "
    "FROM subscriptions s JOIN delivery_state d ON d.subscription = s.id "
    "LEFT JOIN subscription_ends e ON e.subscription = s.id, LATERAL ("
    "SELECT count(*) AS waiting, count(*) FILTER (WHERE next_at IS NULL) AS given_up FROM delivery_queue "
    "WHERE subscription = s.id) AS q "
)


def _subscription(row: tuple[Any, ...]) -> Subscription:
    identity, owner, url, types, *rest = row
    return Subscription(identity, owner, url, tuple(types), *rest)


async def insert_subscription(connection: Connection, made: Subscription, request: Mapping[str, Any]) -> bool:
    """Keep a new subscription; False, and nothing is kept, if its owner has a living one for the same address."""
    await connection.execute("SELECT pg_advisory_xact_lock(%s, hashtext(%s))", (_LOCKS + 1, f"{made.owner} {made.url}"))
    cursor = await connection.execute(
        "SELECT FROM subscriptions s WHERE owner = %s AND url = %s "
        "AND NOT EXISTS (SELECT FROM subscription_ends e WHERE e.subscription = s.id)",
        (made.owner, made.url),
    )
    if cursor.rowcount:
        return False
    await connection.execute(
        "INSERT INTO subscriptions (id, owner, url, types, secret, from_position, created_at, request) "
        "VALUES (%s, %s, %s, %s, %s, %s, %s, %s::jsonb)",
        (
            made.id,
            made.owner,
            made.url,
            list(made.types),
            made.secret,
            made.from_position,
            made.created_at,
            orjson.dumps(request).decode(),
        ),
    )
    await connection.execute(
        "INSERT INTO delivery_state (subscription, position) VALUES (%s, %s)", (made.id, made.from_position)
    )
    return True


async def find_subscription(connection: Connection, identity: str) -> Subscription | None:
    """One subscription, living or ended."""
    cursor = await connection.execute(_SELECT + "WHERE s.id = %s", (identity,))
    row = await cursor.fetchone()
    return _subscription(row) if row else None


async def list_subscriptions(connection: Connection, owner: str | None) -> list[Subscription]:
    """All subscriptions, of this owner or of all, in the order in which they were made."""
    cursor = await connection.execute(
        _SELECT + "WHERE s.owner = coalesce(%s, s.owner) ORDER BY s.created_at, s.id", (owner,)
    )
    return [_subscription(row) for row in await cursor.fetchall()]


async def list_busy(connection: Connection, at: datetime, suspect: int) -> list[str]:
    """The living subscriptions for which there is something to take up or to send now; of one with `suspect` failures
    or more, what was given up counts too: it is what is left to find out by whether the endpoint is back."""
    cursor = await connection.execute(
        "SELECT s.id FROM subscriptions s JOIN delivery_state d ON d.subscription = s.id "
        "WHERE NOT EXISTS (SELECT FROM subscription_ends e WHERE e.subscription = s.id) "
        "AND coalesce(d.resume_at, '-infinity') <= %(at)s AND (d.position < (SELECT count FROM feed_head) OR EXISTS "
        "(SELECT FROM delivery_queue q WHERE q.subscription = s.id AND (q.next_at <= %(at)s "
        "OR (q.next_at IS NULL AND d.failures >= %(suspect)s)))) ORDER BY s.id",
        {"at": at, "suspect": suspect},
    )
    return [row[0] for row in await cursor.fetchall()]


async def try_lock(connection: Connection, identity: str) -> bool:
    """Whether this transaction alone now works on the subscription; it ends with the transaction, also by kill -9."""
    cursor = await connection.execute("SELECT pg_try_advisory_xact_lock(%s, hashtext(%s))", (_LOCKS, identity))
    row = await cursor.fetchone()
    return row is not None and bool(row[0])


async def lock(connection: Connection, identity: str) -> None:
    """Wait until nobody else works on the subscription, then be the one; until the transaction ends."""
    await connection.execute("SELECT pg_advisory_xact_lock(%s, hashtext(%s))", (_LOCKS, identity))


async def take_up(
    connection: Connection, identity: str, position: int, events: Sequence[tuple[int, int, str, str]], at: datetime
) -> None:
    """Queue events (position, part, insurer, policy number), due at once; with them `position` is reached."""
    await connection.execute(
        "INSERT INTO delivery_queue (subscription, position, part, insurer, policy_no, next_at) "
        "SELECT %s, u.*, %s FROM unnest(%s::bigint[], %s::smallint[], %s::text[], %s::text[]) AS u "
        "ON CONFLICT DO NOTHING",
        (identity, at, *([event[column] for event in events] for column in range(4))),
    )
    await connection.execute("UPDATE delivery_state SET position = %s WHERE subscription = %s", (position, identity))


async def list_due(
    connection: Connection, identity: str, at: datetime, limit: int, *, given_up: bool = False
) -> list[Due]:
    """The events to send now, at most one of each policy: the earliest that was not accepted. One that was given up or
    is not due holds back what follows it. With `given_up`, after those that are due also such as were given up."""
    cursor = connection.cursor(binary=True)
    await cursor.execute(
        "SELECT p.position, p.leaf_index, p.leaf_hash, p.body, q.part, q.attempts FROM ("
        "SELECT DISTINCT ON (insurer, policy_no) * FROM delivery_queue WHERE subscription = %s "
        "ORDER BY insurer, policy_no, position, part) AS q JOIN premiums p USING (position) "
        "WHERE q.next_at <= %s OR (%s AND q.next_at IS NULL) ORDER BY q.next_at IS NULL, q.position, q.part LIMIT %s",
        (identity, at, given_up, limit),
    )
    return [Due(StoredPremium(*row[:4]), row[4], row[5]) for row in await cursor.fetchall()]


async def record(connection: Connection, identity: str, attempts: Sequence[Attempt]) -> None:
    """Keep what came of these events: accepted ones leave the queue, others wait for their next time."""
    rows = [(identity, a.position, a.part, a.attempt, a.at, a.accepted, a.status, a.reason) for a in attempts]
    cursor = connection.cursor()
    await cursor.executemany(
        "INSERT INTO delivery_attempts (subscription, position, part, attempt, at, accepted, status, reason) "
        "VALUES (%s, %s, %s, %s, %s, %s, %s, %s)",
        rows,
    )
    done = [a for a in attempts if a.accepted]
    await connection.execute(
        "DELETE FROM delivery_queue WHERE subscription = %s "
        "AND (position, part) IN (SELECT * FROM unnest(%s::bigint[], %s::smallint[]))",
        (identity, [a.position for a in done], [a.part for a in done]),
    )
    await cursor.executemany(
        "UPDATE delivery_queue SET attempts = %s, next_at = %s WHERE subscription = %s AND position = %s AND part = %s",
        [(a.attempt, a.next_at, identity, a.position, a.part) for a in attempts if not a.accepted],
    )


async def set_health(
    connection: Connection, identity: str, failures: int, failing_since: datetime | None, resume_at: datetime | None
) -> None:
    """How the endpoint is: failures since its last acceptance, since when, and until when it is left alone."""
    await connection.execute(
        "UPDATE delivery_state SET failures = %s, failing_since = %s, resume_at = %s WHERE subscription = %s",
        (failures, failing_since, resume_at, identity),
    )


async def offer_again(connection: Connection, identity: str, at: datetime) -> None:
    """What was given up is due again, from its first attempt on."""
    await connection.execute(
        "UPDATE delivery_queue SET attempts = 0, next_at = %s WHERE subscription = %s AND next_at IS NULL",
        (at, identity),
    )


async def end(connection: Connection, identity: str, at: datetime, reason: str, by: str) -> None:
    """End a subscription, on this day, for this reason; once."""
    await connection.execute(
        "INSERT INTO subscription_ends (subscription, ended_at, reason, ended_by, position) "
        "SELECT subscription, %s, %s, %s, position FROM delivery_state WHERE subscription = %s ON CONFLICT DO NOTHING",
        (at, reason, by, identity),
    )


async def replay(
    connection: Connection, identity: str, position: int, at: datetime, request: Mapping[str, Any]
) -> None:
    """Begin again behind `position`; what of it waits is dropped and taken up anew, so that nothing overtakes."""
    await connection.execute(
        "INSERT INTO subscription_replays (subscription, from_position, at, request) VALUES (%s, %s, %s, %s::jsonb)",
        (identity, position, at, orjson.dumps(request).decode()),
    )
    await connection.execute(
        "DELETE FROM delivery_queue WHERE subscription = %s AND position >= %s", (identity, position)
    )
    await connection.execute(
        "UPDATE delivery_state SET position = least(position, %s), resume_at = NULL WHERE subscription = %s",
        (position, identity),
    )


async def list_attempts(connection: Connection, identity: str, limit: int) -> list[Attempt]:
    """The latest attempts, newest first, each with when its event is tried next, if it still waits."""
    cursor = await connection.execute(
        "SELECT a.position, a.part, a.attempt, a.at, a.accepted, a.status, a.reason, q.next_at "
        "FROM delivery_attempts a LEFT JOIN delivery_queue q USING (subscription, position, part) "
        "WHERE a.subscription = %s ORDER BY a.id DESC LIMIT %s",
        (identity, limit),
    )
    return [Attempt(*row) for row in await cursor.fetchall()]
