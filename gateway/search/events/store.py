"""The SQL of what happened: impacts, messages of an insurer, held premiums, directives; each by pages that begin
behind a place."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import orjson
from psycopg import sql

from gateway.db import Connection
from schemas.verification import Check, Outcome, Severity


@dataclass(frozen=True, slots=True)
class Impacted:
    """A revision with an impact. `checks` are those that did not pass, `movements` of the journal kind, amount in fen,
    day, source and reason."""

    insurer: str
    policy_no: str
    revision: int
    known_at: datetime
    status_before: str | None
    status: str
    enterprise: str | None
    product: str | None
    impact: Mapping[str, Any]
    checks: tuple[Check, ...]
    movements: Sequence[tuple[str, str, date, str, str]]


MOST_BYTES = 32 * 1024 * 1024
EventPlace = tuple[datetime, str, str, int]
"""When it became known, insurer, policy number, revision."""


async def list_impacts(
    connection: Connection,
    insurer: str | None,
    start: datetime,
    end: datetime,
    after: EventPlace | None,
    limit: int,
) -> list[Impacted]:
    """The impacts known from `start` until before `end`, the latest first, of one insurer or of all."""
    # Two queries, each for its own index: with one for both the planner would have to guess.
    own = sql.SQL("f.insurer = %(insurer)s" if insurer is not None else "true")
    query = sql.SQL(
        "SELECT f.insurer, f.policy_no, f.revision, f.known_at, b.status, f.status, f.facts ->> 'enterprise', "
        "f.facts ->> 'product', f.facts -> 'impact', "
        "convert_from(p.body, 'UTF8')::jsonb #> '{{report,checks}}', "
        "(SELECT coalesce(jsonb_agg(jsonb_build_array(m.kind, m.amount::text, m.day, m.source, m.reason) "
        "  ORDER BY m.id), '[]') FROM movements m "
        "  WHERE m.insurer = f.insurer AND m.policy_no = f.policy_no AND m.revision = f.revision) "
        "FROM (SELECT * FROM premium_facts f WHERE {} AND f.facts ? 'impact' AND f.known_at >= %(start)s "
        "  AND f.known_at < %(end)s AND (f.known_at, f.insurer, f.policy_no, f.revision) < "
        "  (coalesce(%(known_at)s, 'infinity'::timestamptz), %(code)s, %(policy_no)s, %(revision)s) "
        "  ORDER BY f.known_at DESC, f.insurer DESC, f.policy_no DESC, f.revision DESC LIMIT %(limit)s) AS f "
        "JOIN premiums p USING (position) "
        "LEFT JOIN premium_facts b ON b.insurer = f.insurer AND b.policy_no = f.policy_no "
        "  AND b.revision = f.revision - 1 "
        "ORDER BY f.known_at DESC, f.insurer DESC, f.policy_no DESC, f.revision DESC"
    ).format(own)
    cursor = await connection.execute(
        query,
        {
            "insurer": insurer,
            "start": start,
            "end": end,
            "known_at": after[0] if after else None,
            "code": after[1] if after else "",
            "policy_no": after[2] if after else "",
            "revision": after[3] if after else 0,
            "limit": limit,
        },
    )
    return [Impacted(*_all(*row[:9], open_checks(row[9]), row[10])) for row in await cursor.fetchall()]


def open_checks(checks: Sequence[Mapping[str, Any]]) -> tuple[Check, ...]:
    """Those of a report's checks that decide and did not pass."""
    return tuple(
        Check.model_validate(one)
        for one in checks
        if one["outcome"] != Outcome.PASSED and one.get("severity", Severity.ERROR) == Severity.ERROR
    )


@dataclass(frozen=True, slots=True)
class Message:
    """A message and its answer. `checks` are those that did not pass; `premiums` how many of each status it left."""

    id: str
    message_id: str
    received_at: datetime
    status: str
    content_type: str
    size: int
    mapping: str | None
    records: Mapping[str, int]
    premiums: Mapping[str, int]
    checks: tuple[Check, ...]
    answered: int  # bytes of the receipt


async def list_messages(
    connection: Connection,
    insurer: str,
    start: datetime,
    end: datetime,
    outcome: str | None,
    after: tuple[datetime, str] | None,
    limit: int,
) -> tuple[list[Message], bool]:
    """The insurer's messages that came from `start` until before `end`, the latest first; and whether there are more.

    A page ends earlier where its receipts would have more than `MOST_BYTES`.
    """
    wanted = sql.SQL("status = %(outcome)s" if outcome is not None else "true")
    query = sql.SQL(
        "SELECT s.id, s.message_id, s.received_at, s.status, s.content_type, octet_length(s.body), s.mapping, "
        "(SELECT jsonb_object_agg(type, count) FROM (SELECT r.type, count(*) AS count FROM records r "
        "  WHERE r.submission_id = s.id GROUP BY r.type) AS n), s.receipt "
        "FROM (SELECT *, sum(octet_length(receipt)) OVER (ORDER BY received_at DESC, id DESC) - octet_length(receipt) "
        "  AS before FROM submissions WHERE insurer = %(insurer)s AND received_at >= %(start)s "
        "  AND received_at < %(end)s AND {} AND (received_at, id) < "
        "  (coalesce(%(received_at)s, 'infinity'::timestamptz), %(id)s) "
        "  ORDER BY received_at DESC, id DESC LIMIT %(limit)s) AS s "
        "WHERE s.before < %(most)s ORDER BY s.received_at DESC, s.id DESC"
    ).format(wanted)
    cursor = await connection.execute(
        query,
        {
            "insurer": insurer,
            "start": start,
            "end": end,
            "outcome": outcome,
            "received_at": after[0] if after else None,
            "id": after[1] if after else "",
            "limit": limit,
            "most": MOST_BYTES,
        },
    )
    found = [_message(row) for row in await cursor.fetchall()]
    return found, bool(found) and (len(found) == limit or sum(one.answered for one in found) >= MOST_BYTES)


def _message(row: Sequence[Any]) -> Message:
    receipt = bytes(row[8])
    told = orjson.loads(receipt)
    counts: dict[str, int] = {}
    for one in told.get("premiums", ()):
        counts[one["status"]] = counts.get(one["status"], 0) + 1
    checks = open_checks(told["report"]["checks"])
    return Message(*_all(*row[:7], row[7] or {}, counts, checks, len(receipt)))


def _all(*values: Any) -> tuple[Any, ...]:
    return values


@dataclass(frozen=True, slots=True)
class Held:
    """A premium that is held: since when without a break, and the checks that are open."""

    insurer: str
    policy_no: str
    revision: int
    since: datetime
    known_at: datetime
    enterprise: str | None
    product: str | None
    gross: str | None
    checks: tuple[Check, ...]


async def list_held(connection: Connection, insurer: str, behind: str, limit: int) -> list[Held]:
    """The insurer's premiums that are held now, by policy number behind `behind`."""
    cursor = await connection.execute(
        "SELECT s.insurer, s.policy_no, s.revision, s.since, s.known_at, f.facts ->> 'enterprise', "
        "f.facts ->> 'product', f.facts ->> 'gross', convert_from(p.body, 'UTF8')::jsonb #> '{report,checks}' "
        "FROM (SELECT * FROM premium_search WHERE insurer = %s AND status = 'held' AND policy_no > %s "
        "  ORDER BY policy_no LIMIT %s) AS s JOIN premium_facts f USING (position) JOIN premiums p USING (position) "
        "ORDER BY s.policy_no",
        (insurer, behind, limit),
    )
    return [Held(*_all(*row[:8], open_checks(row[8]))) for row in await cursor.fetchall()]


@dataclass(frozen=True, slots=True)
class Given:
    """A directive as it was given, with its place in the log and whether a later one on the same subject counts."""

    submission_id: str
    known_at: datetime
    sender: str
    subject: str
    action: str
    effective_from: datetime
    reason: str
    authority: str


async def list_directives(connection: Connection) -> list[Given]:
    """Every directive that was taken, in the order in which they were given."""
    cursor = await connection.execute(
        "SELECT submission_id, known_at, insurer, record ->> 'subject', record ->> 'action', "
        "(record ->> 'effective_from')::timestamptz, record ->> 'reason', record ->> 'authority' "
        "FROM records WHERE type = 'directive' AND outcome <> 'failed' ORDER BY seq"
    )
    return [Given(*row) for row in await cursor.fetchall()]
