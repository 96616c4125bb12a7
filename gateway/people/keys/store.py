"""SQL of key requests, of who let them in, and of the keys that came of them."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson

from gateway.access.store import later_key
from gateway.acts import Person
from gateway.db import Connection
from gateway.participants import LaterKey

_LOCK = 0x6B657973  # any fixed number: one writer of keys at a time


@dataclass(frozen=True, slots=True)
class Asked:
    """A request for a key, as it is kept; without the bytes that it came in."""

    id: str
    participant: str
    keyid: str
    algorithm: str
    public_key: str
    holder: str | None
    not_before: datetime | None
    replaces: str | None
    replaced_until: datetime | None
    requested_at: datetime
    requested_by: str


@dataclass(frozen=True, slots=True)
class Approval:
    """Who let it in, and when."""

    by: Person
    at: datetime


@dataclass(frozen=True, slots=True)
class LetIn:
    """The key that came of a request, and where the log says so."""

    later: LaterKey
    known_at: datetime
    leaf_index: int


async def lock(connection: Connection) -> None:
    """Be the one writer of keys until the transaction ends."""
    await connection.execute("SELECT pg_advisory_xact_lock(%s)", (_LOCK,))


_ASKED = (
    "SELECT id, participant, keyid, algorithm, public_key, holder, not_before, replaces, replaced_until, requested_at, "
    "requested_by FROM key_requests "
)


async def insert_request(connection: Connection, asked: Asked, body: bytes, proof: Any) -> None:
    """Keep a request, with the bytes and the signature that it came with."""
    await connection.execute(
        "INSERT INTO key_requests (id, participant, keyid, algorithm, public_key, holder, not_before, replaces, "
        "replaced_until, requested_at, requested_by, body, request) "
        "VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
        (
            asked.id,
            asked.participant,
            asked.keyid,
            asked.algorithm,
            asked.public_key,
            asked.holder,
            asked.not_before,
            asked.replaces,
            asked.replaced_until,
            asked.requested_at,
            asked.requested_by,
            body,
            orjson.dumps(proof).decode(),
        ),
    )


async def find_request(connection: Connection, identity: str) -> Asked | None:
    """The request with this id."""
    cursor = await connection.execute(_ASKED + "WHERE id = %s", (identity,))
    row = await cursor.fetchone()
    return Asked(*row) if row else None


async def list_requests(
    connection: Connection, participant: str | None, after: tuple[datetime, str] | None, limit: int
) -> list[Asked]:
    """Requests, newest first; of one participant, if given; behind the moment and id of the last one that was told."""
    at, identity = after or (None, "")
    cursor = await connection.execute(
        _ASKED + "WHERE participant = coalesce(%s, participant) "
        "AND (%s::timestamptz IS NULL OR (requested_at, id) < (%s, %s)) ORDER BY requested_at DESC, id DESC LIMIT %s",
        (participant, at, at, identity, limit),
    )
    return [Asked(*row) for row in await cursor.fetchall()]


async def count_waiting(connection: Connection, participant: str) -> int:
    """How many requests of a participant nobody has let in yet."""
    cursor = await connection.execute(
        "SELECT count(*) FROM key_requests r WHERE participant = %s "
        "AND NOT EXISTS (SELECT FROM participant_keys k WHERE k.request = r.id)",
        (participant,),
    )
    row = await cursor.fetchone()
    return int(row[0]) if row else 0


async def is_taken(connection: Connection, keyid: str, public_key: str) -> bool:
    """Whether a key with this id, or this very key, was let in already."""
    cursor = await connection.execute(
        "SELECT count(*) FROM participant_keys WHERE keyid = %s OR public_key = %s", (keyid, public_key)
    )
    row = await cursor.fetchone()
    return bool(row and row[0])


async def insert_approval(connection: Connection, identity: str, one: Approval, proof: Any) -> None:
    """Keep that this person lets it in; once."""
    await connection.execute(
        "INSERT INTO key_approvals (request, participant, keyid, holder, approved_at, proof) "
        "VALUES (%s, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING",
        (identity, one.by.participant, one.by.keyid, one.by.holder, one.at, orjson.dumps(proof).decode()),
    )


async def list_approvals(connection: Connection, identities: list[str]) -> dict[str, list[Approval]]:
    """By request, who let it in, in that order."""
    cursor = await connection.execute(
        "SELECT request, participant, keyid, holder, approved_at FROM key_approvals WHERE request = ANY(%s) "
        "ORDER BY approved_at, holder",
        (identities,),
    )
    found: dict[str, list[Approval]] = {}
    for request, *who, at in await cursor.fetchall():
        found.setdefault(request, []).append(Approval(Person(*who), at))
    return found


async def let_in(connection: Connection, asked: Asked, not_before: datetime, at: datetime, leaf_index: int) -> None:
    """Append the key of a request. The caller holds `lock` and has found that there is none yet."""
    await connection.execute(
        "INSERT INTO participant_keys (request, participant, keyid, algorithm, public_key, holder, not_before, "
        "replaces, replaced_until, known_at, leaf_index) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
        (
            asked.id,
            asked.participant,
            asked.keyid,
            asked.algorithm,
            asked.public_key,
            asked.holder,
            not_before,
            asked.replaces,
            asked.replaced_until,
            at,
            leaf_index,
        ),
    )


async def list_let_in(connection: Connection, identities: list[str]) -> dict[str, LetIn]:
    """By request, the key that came of it."""
    cursor = await connection.execute(
        "SELECT request, known_at, leaf_index, participant, keyid, algorithm, public_key, holder, not_before, "
        "replaces, replaced_until FROM participant_keys WHERE request = ANY(%s)",
        (identities,),
    )
    return {row[0]: LetIn(later_key(row[3:]), row[1], row[2]) for row in await cursor.fetchall()}
