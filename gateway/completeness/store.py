"""The SQL of completeness: what an insurer states of its days, and what is known of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from gateway.db import Connection

COUNTED = (
    "policy",
    "endorsement",
    "cancellation",
    "premium_receipt",
    "premium_refund",
    "invoice",
    "delivery",
    "claim_summary",
)
"""The record types that belong to a day; `count_day_records` in the migrations counts the same."""

InsurersDay = tuple[str, date]


@dataclass(frozen=True, slots=True)
class Statement:
    """A day's control totals 日结 as their insurer stated them, and when the gateway came to know them."""

    submission_id: str
    known_at: datetime
    totals: list[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class DayState:
    """The latest statement on a day of an insurer, how many there were before it, and what is known of the day: of each
    type the count and the amount in fen."""

    insurer: str
    day: date
    statement: Statement | None
    superseded: int
    known: dict[str, tuple[int, int]]


@dataclass(frozen=True, slots=True)
class DayRecord:
    """One record of a day: its number (the digest of its content where its type has none), its amount in fen, when it
    came, and by which submission."""

    number: str
    fen: int
    known_at: datetime
    submission_id: str


# One statement, so that what is stated and what is known are of one moment. `known` comes by one look-up a type.
_STATES = """
SELECT k.insurer, k.day, stated.submission_id, stated.known_at, stated.totals, coalesce(stated.count, 0), (
    SELECT jsonb_object_agg(t.type, jsonb_build_array(last.count, round(last.amount * 100)::text))
    FROM unnest(%(types)s::text[]) AS t(type), LATERAL (
        SELECT d.count, d.amount FROM day_records d
        WHERE d.insurer = k.insurer AND d.day = k.day AND d.type = t.type AND d.known_at <= k.as_of
        ORDER BY d.count DESC LIMIT 1) AS last)
FROM (SELECT insurer, day, coalesce(%(as_of)s, 'infinity'::timestamptz) AS as_of
      FROM unnest(%(insurers)s::text[], %(days)s::date[]) AS u(insurer, day)) AS k
LEFT JOIN LATERAL (
    SELECT r.submission_id, r.known_at, r.record -> 'totals' AS totals, count(*) OVER () AS count FROM records r
    WHERE r.type = 'day_close' AND r.outcome <> 'failed' AND r.insurer = k.insurer
        AND (r.record ->> 'date') = to_char(k.day, 'YYYY-MM-DD') AND r.known_at <= k.as_of
    ORDER BY r.seq DESC LIMIT 1) AS stated ON true
ORDER BY k.insurer, k.day
"""


async def load_states(
    connection: Connection, days: Sequence[InsurersDay], as_of: datetime | None = None
) -> list[DayState]:
    """What is stated and known of these days, now or at `as_of`; ordered by insurer and day."""
    cursor = await connection.execute(
        _STATES,
        {
            "types": list(COUNTED),
            "insurers": [insurer for insurer, _ in days],
            "days": [day for _, day in days],
            "as_of": as_of,
        },
    )
    return [_state(row) for row in await cursor.fetchall()]


def _state(row: tuple[Any, ...]) -> DayState:
    statement = Statement(row[2], row[3], row[4]) if row[2] is not None else None
    known = {kind: (int(count), int(fen)) for kind, (count, fen) in (row[6] or {}).items()}
    return DayState(row[0], row[1], statement, max(0, row[5] - 1), known)


async def list_closed_days(
    connection: Connection, insurer: str | None = None, as_of: datetime | None = None
) -> list[InsurersDay]:
    """Every day on which there is a statement, of this insurer or of all, now or at `as_of`."""
    cursor = await connection.execute(
        "SELECT DISTINCT insurer, (record ->> 'date')::date FROM records WHERE type = 'day_close' "
        "AND outcome <> 'failed' AND insurer = coalesce(%s, insurer) "
        "AND known_at <= coalesce(%s, 'infinity'::timestamptz)",
        (insurer, as_of),
    )
    return [(row[0], row[1]) for row in await cursor.fetchall()]


async def find_newest(connection: Connection) -> int:
    """The number of the newest record: it tells whether anything has come since."""
    cursor = await connection.execute("SELECT coalesce(max(seq), 0) FROM records")
    row = await cursor.fetchone()
    return int(row[0]) if row else 0


async def list_days_since(connection: Connection, seq: int) -> list[InsurersDay]:
    """The days of which something was told or stated by records behind `seq`."""
    cursor = await connection.execute(
        "SELECT insurer, day FROM day_records WHERE seq > %(seq)s UNION "
        "SELECT insurer, (record ->> 'date')::date FROM records "
        "WHERE seq > %(seq)s AND type = 'day_close' AND outcome <> 'failed'",
        {"seq": seq},
    )
    return [(row[0], row[1]) for row in await cursor.fetchall()]


async def list_day_records(
    connection: Connection, insurer: str, day: date, kind: str, as_of: datetime | None, limit: int
) -> list[DayRecord]:
    """The records of a type that belong to a day, as they became known; at most `limit`."""
    cursor = await connection.execute(
        "SELECT d.key, round(business_amount(r.type, r.record) * 100)::text, d.known_at, r.submission_id "
        "FROM day_records d JOIN records r USING (seq) WHERE d.insurer = %s AND d.day = %s AND d.type = %s "
        "AND d.known_at <= coalesce(%s, 'infinity'::timestamptz) ORDER BY d.count LIMIT %s",
        (insurer, day, kind, as_of, limit),
    )
    return [DayRecord(row[0], int(row[1]), row[2], row[3]) for row in await cursor.fetchall()]
