"""The SQL of inquiries: their steps, appended; and what an inquiry may be about."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Literal

import orjson
from psycopg import sql

from gateway.db import Connection

Act = Literal["asked", "answered", "closed"]
Standing = Literal["open", "answered", "closed"]
_LOCKS = 0x696E71  # any fixed number: the first key of the advisory locks on inquiries


@dataclass(frozen=True, slots=True)
class Step:
    """One step: the bytes that were signed, by whom, when, and its place in the inquiry and in the log."""

    leaf_index: int
    inquiry: str
    place: int
    act: Act
    insurer: str
    subject: str
    due_on: date
    at: datetime
    participant: str
    keyid: str
    body_digest: str
    body: bytes


_COLUMNS = sql.SQL(
    "leaf_index, inquiry, place, act, insurer, subject, due_on, at, participant, keyid, body_digest, body"
)


async def lock(connection: Connection, inquiry: str) -> None:
    """Be the only one who adds a step to this inquiry until the transaction ends."""
    key = int.from_bytes(hashlib.sha256(inquiry.encode()).digest()[:4], "big", signed=True)
    await connection.execute("SELECT pg_advisory_xact_lock(%s, %s)", (_LOCKS, key))


async def append(connection: Connection, step: Step, request: Any) -> None:
    """Keep a step. The caller holds `lock`, and has reserved its leaf in this transaction."""
    await connection.execute(
        "INSERT INTO inquiry_steps (leaf_index, inquiry, place, act, insurer, subject, due_on, at, participant, keyid, "
        "body_digest, body, request) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s::jsonb)",
        (
            step.leaf_index,
            step.inquiry,
            step.place,
            step.act,
            step.insurer,
            step.subject,
            step.due_on,
            step.at,
            step.participant,
            step.keyid,
            step.body_digest,
            step.body,
            orjson.dumps(request).decode(),
        ),
    )


async def list_steps(connection: Connection, inquiries: Sequence[str]) -> dict[str, list[Step]]:
    """The steps of these inquiries, in their order."""
    cursor = await connection.execute(
        sql.SQL("SELECT {} FROM inquiry_steps WHERE inquiry = ANY(%s) ORDER BY inquiry, place").format(_COLUMNS),
        (list(inquiries),),
    )
    found: dict[str, list[Step]] = {}
    for row in await cursor.fetchall():
        step = Step(*row)
        found.setdefault(step.inquiry, []).append(step)
    return found


@dataclass(frozen=True, slots=True)
class Asked:
    """Which inquiries are looked for; `asker` are those of this authority alone."""

    insurer: str | None = None
    asker: str | None = None
    subject: str | None = None
    standing: Standing | None = None
    overdue_on: date | None = None


async def list_inquiries(connection: Connection, asked: Asked, after: int | None, limit: int) -> list[tuple[str, int]]:
    """The inquiries, the latest first, behind the leaf `after`: their ids and leaves."""
    held = [sql.SQL("q.place = 0")]
    held += [sql.SQL("q.insurer = %(insurer)s")] if asked.insurer is not None else []
    held += [sql.SQL("q.participant = %(asker)s")] if asked.asker is not None else []
    held += [sql.SQL("q.subject = %(subject)s")] if asked.subject is not None else []
    held += [sql.SQL("q.leaf_index < %(after)s")] if after is not None else []
    held += [sql.SQL("last.act = %(act)s")] if asked.standing is not None else []
    held += [sql.SQL("last.act = 'asked' AND q.due_on < %(day)s")] if asked.overdue_on is not None else []
    query = sql.SQL(
        "SELECT q.inquiry, q.leaf_index FROM inquiry_steps q CROSS JOIN LATERAL (SELECT act FROM inquiry_steps l "
        "WHERE l.inquiry = q.inquiry ORDER BY l.place DESC LIMIT 1) AS last WHERE {} "
        "ORDER BY q.leaf_index DESC LIMIT %(limit)s"
    ).format(sql.SQL(" AND ").join(held))
    acts: dict[Standing | None, Act] = {"open": "asked", "answered": "answered", "closed": "closed"}
    parameters = {
        "insurer": asked.insurer,
        "asker": asked.asker,
        "subject": asked.subject,
        "after": after,
        "act": acts.get(asked.standing),
        "day": asked.overdue_on,
        "limit": limit,
    }
    cursor = await connection.execute(query, parameters)
    return [(row[0], row[1]) for row in await cursor.fetchall()]


async def is_premium(connection: Connection, insurer: str, policy_no: str) -> bool:
    """Whether anything is known of this premium."""
    cursor = await connection.execute(
        "SELECT FROM premiums WHERE insurer = %s AND policy_no = %s LIMIT 1", (insurer, policy_no)
    )
    return cursor.rowcount > 0


async def find_sender(connection: Connection, submission: str) -> str | None:
    """Whose message this is."""
    cursor = await connection.execute("SELECT insurer FROM submissions WHERE id = %s", (submission,))
    row = await cursor.fetchone()
    return str(row[0]) if row else None


async def find_missing(connection: Connection, insurer: str, digests: Sequence[str]) -> list[str]:
    """Which of these documents the insurer has not handed in."""
    cursor = await connection.execute(
        "SELECT d.digest FROM unnest(%s::text[]) WITH ORDINALITY AS d(digest, number) WHERE NOT EXISTS ("
        "SELECT FROM documents o WHERE o.insurer = %s AND o.digest = d.digest) ORDER BY d.number",
        (list(digests), insurer),
    )
    return [row[0] for row in await cursor.fetchall()]
