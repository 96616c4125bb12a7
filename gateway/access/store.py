"""SQL of sessions, of the delays that keep others from guessing, and of who read whose records."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from gateway.db import Connection
from gateway.participants import LaterKey, ParticipantKey

_SEEN_EVERY = timedelta(minutes=1)
_KEPT = timedelta(days=30)
_AT_ONCE = 100  # rows that are done with, taken out at a time


By = tuple[datetime, str, str | None, str | None, str]
"""When, which participant, which user or key of it, by which route."""


@dataclass(frozen=True, slots=True)
class Access:
    """One read, as the owner of what was read sees it."""

    id: int
    at: datetime
    participant: str
    username: str | None
    keyid: str | None
    route: str
    insurer: str
    subject: str
    count: int


@dataclass(frozen=True, slots=True)
class Session:
    """A session as it is kept, by the digest of its token."""

    digest: bytes
    method: str
    username: str
    display_name: str
    participant: str
    credential: bytes
    begun_at: datetime
    seen_at: datetime
    expires_at: datetime
    ended_at: datetime | None = None


async def insert_session(connection: Connection, one: Session) -> None:
    """Keep a new session; what expired long ago is taken out."""
    await connection.execute(
        "INSERT INTO sessions (digest, method, username, display_name, participant, credential, begun_at, seen_at, "
        "expires_at) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)",
        (
            one.digest,
            one.method,
            one.username,
            one.display_name,
            one.participant,
            one.credential,
            one.begun_at,
            one.seen_at,
            one.expires_at,
        ),
    )
    await connection.execute(
        "DELETE FROM sessions WHERE digest IN (SELECT digest FROM sessions WHERE expires_at < %s LIMIT %s)",
        (one.begun_at - _KEPT, _AT_ONCE),
    )


async def find_session(connection: Connection, digest: bytes) -> Session | None:
    """The session whose token has this digest."""
    cursor = await connection.execute(
        "SELECT digest, method, username, display_name, participant, credential, begun_at, seen_at, expires_at, "
        "ended_at FROM sessions WHERE digest = %s",
        (digest,),
    )
    row = await cursor.fetchone()
    return Session(*row) if row else None


async def see(connection: Connection, session: Session, at: datetime) -> None:
    """Note that the session is used; at most once a minute, so that reading writes next to nothing."""
    if at - session.seen_at >= _SEEN_EVERY:
        await connection.execute(
            "UPDATE sessions SET seen_at = greatest(seen_at, %s) WHERE digest = %s AND ended_at IS NULL",
            (at, session.digest),
        )


async def end_session(connection: Connection, digest: bytes, at: datetime) -> None:
    """End a session. An end stays as it was first said."""
    await connection.execute("UPDATE sessions SET ended_at = %s WHERE digest = %s AND ended_at IS NULL", (at, digest))


async def lock_delays(
    connection: Connection, subjects: Sequence[bytes], at: datetime
) -> dict[bytes, tuple[int, datetime, datetime]]:
    """Failures, last try and the moment before which nobody tries, of each subject; locked until the transaction ends.

    The order of locks is that of the digests, so that two who sign in never wait for each other.
    """
    for subject in sorted(subjects):
        await connection.execute(
            "INSERT INTO sign_in_delays (subject, failures, tried_at, not_before) VALUES (%s, 0, %s, %s) "
            "ON CONFLICT DO NOTHING",
            (subject, at, at),
        )
    cursor = await connection.execute(
        "SELECT subject, failures, tried_at, not_before FROM sign_in_delays WHERE subject = ANY(%s) "
        "ORDER BY subject FOR UPDATE",
        (sorted(subjects),),
    )
    return {bytes(row[0]): (row[1], row[2], row[3]) for row in await cursor.fetchall()}


async def set_delay(
    connection: Connection, subject: bytes, failures: int, tried_at: datetime, not_before: datetime
) -> None:
    """Say how often a subject failed and until when it waits."""
    await connection.execute(
        "UPDATE sign_in_delays SET failures = %s, tried_at = %s, not_before = %s WHERE subject = %s",
        (failures, tried_at, not_before, subject),
    )


async def forgive(connection: Connection, users: Sequence[bytes], address: bytes, at: datetime) -> None:
    """After a sign-in: the user's failures are gone, the address's are one less; the try itself was counted as one."""
    await connection.execute(
        "UPDATE sign_in_delays SET failures = CASE WHEN subject = %s THEN greatest(failures - 1, 0) ELSE 0 END, "
        "not_before = %s WHERE subject = ANY(%s)",
        (address, at, sorted((*users, address))),
    )


async def use_id_token(connection: Connection, digest: bytes, expires_at: datetime, at: datetime) -> bool:
    """Note that a token was used; whether this was the first time. What expired is forgotten: it is refused anyway."""
    cursor = await connection.execute(
        "INSERT INTO used_id_tokens (digest, expires_at) VALUES (%s, %s) ON CONFLICT DO NOTHING", (digest, expires_at)
    )
    await connection.execute(
        "DELETE FROM used_id_tokens WHERE digest IN "
        "(SELECT digest FROM used_id_tokens WHERE expires_at < %s LIMIT %s FOR UPDATE SKIP LOCKED)",
        (at - _KEPT, _AT_ONCE),
    )
    return cursor.rowcount == 1


async def forget_delays(connection: Connection, before: datetime) -> None:
    """Take out what nobody tried since `before`."""
    await connection.execute(
        "DELETE FROM sign_in_delays WHERE subject IN "
        "(SELECT subject FROM sign_in_delays WHERE tried_at < %s LIMIT %s FOR UPDATE SKIP LOCKED)",
        (before, _AT_ONCE),
    )


async def insert_accesses(connection: Connection, by: By, subject: str, counts: Mapping[str, int]) -> None:
    """Append a row for each insurer, in one statement."""
    await connection.execute(
        "INSERT INTO accesses (at, participant, username, keyid, route, subject, insurer, count) "
        "SELECT %s, %s, %s, %s, %s, %s, told.insurer, told.count "
        "FROM unnest(%s::text[], %s::bigint[]) AS told (insurer, count)",
        (*by, subject, list(counts), list(counts.values())),
    )


async def list_accesses(connection: Connection, insurer: str, after: int | None, limit: int) -> list[Access]:
    """The rows of this insurer, newest first; behind the id `after`, if given."""
    cursor = await connection.execute(
        "SELECT id, at, participant, username, keyid, route, insurer, subject, count FROM accesses "
        "WHERE insurer = %s AND id < coalesce(%s, 9223372036854775807) ORDER BY id DESC LIMIT %s",
        (insurer, after, limit),
    )
    return [Access(*row) for row in await cursor.fetchall()]


async def last_key(connection: Connection) -> int:
    """The number of the key that was let in last; 0 if there is none."""
    cursor = await connection.execute("SELECT coalesce(max(id), 0) FROM participant_keys")
    row = await cursor.fetchone()
    return int(row[0]) if row else 0


async def list_later_keys(connection: Connection) -> list[LaterKey]:
    """Every key that was let in, in that order."""
    cursor = await connection.execute(LATER_KEYS)
    return [later_key(row) for row in await cursor.fetchall()]


LATER_KEYS = (
    "SELECT participant, keyid, algorithm, public_key, holder, not_before, replaces, replaced_until "
    "FROM participant_keys ORDER BY id"
)


def later_key(row: Sequence[Any]) -> LaterKey:
    """A row of `LATER_KEYS`."""
    participant, keyid, algorithm, public_key, holder, not_before, replaces, replaced_until = row
    key = ParticipantKey(keyid=keyid, algorithm=algorithm, public_key=public_key, holder=holder, not_before=not_before)
    return LaterKey(participant, key, replaces, replaced_until)
