"""The SQL of cards: what became known of an insurer in a period, counted; and the cards that were issued.

Everything is as it was known at a moment: rows that came later do not count.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from gateway.cards.terms import Period
from gateway.db import Connection
from gateway.search.events.store import open_checks
from schemas.verification import Check


@dataclass(frozen=True, slots=True)
class Window:
    """An insurer, what came from `start` until before `end`, and not after `as_of`."""

    insurer: str
    start: datetime
    end: datetime
    as_of: datetime

    def parameters(self, **others: Any) -> dict[str, Any]:
        """For the query."""
        return {"insurer": self.insurer, "start": self.start, "end": self.end, "as_of": self.as_of, **others}


async def count_messages(connection: Connection, window: Window) -> dict[str, int]:
    """How many messages came, by status."""
    cursor = await connection.execute(
        "SELECT status, count(*) FROM submissions WHERE insurer = %(insurer)s AND received_at >= %(start)s "
        "AND received_at < %(end)s AND received_at <= %(as_of)s GROUP BY status ORDER BY status",
        window.parameters(),
    )
    return {row[0]: row[1] for row in await cursor.fetchall()}


async def count_records(connection: Connection, window: Window) -> list[tuple[str, str, int]]:
    """How many records came: type, outcome, count."""
    cursor = await connection.execute(
        "SELECT type, outcome, count(*) FROM records WHERE insurer = %(insurer)s AND known_at >= %(start)s "
        "AND known_at < %(end)s AND known_at <= %(as_of)s GROUP BY type, outcome ORDER BY type, outcome",
        window.parameters(),
    )
    return [(row[0], row[1], row[2]) for row in await cursor.fetchall()]


async def count_again(connection: Connection, window: Window) -> dict[str, int]:
    """How many records that count were told again, under a number that was told before, by type; and how many
    statements of day totals superseded an earlier one (`day_close`)."""
    cursor = await connection.execute(
        "SELECT r.type, count(*) FROM records r JOIN day_records d ON d.insurer = r.insurer AND d.type = r.type "
        "  AND d.key = r.number AND d.seq < r.seq WHERE r.insurer = %(insurer)s AND r.known_at >= %(start)s "
        "  AND r.known_at < %(end)s AND r.known_at <= %(as_of)s AND r.outcome <> 'failed' GROUP BY r.type "
        "UNION ALL SELECT 'day_close', count(*) FROM records r WHERE r.insurer = %(insurer)s "
        "  AND r.type = 'day_close' AND r.known_at >= %(start)s AND r.known_at < %(end)s AND r.known_at <= %(as_of)s "
        "  AND r.outcome <> 'failed' AND EXISTS (SELECT FROM records o WHERE o.type = 'day_close' "
        "    AND o.insurer = r.insurer AND (o.record ->> 'date') = (r.record ->> 'date') AND o.seq < r.seq "
        "    AND o.outcome <> 'failed') ORDER BY 1",
        window.parameters(),
    )
    return {row[0]: row[1] for row in await cursor.fetchall() if row[1]}


async def count_red_letters(connection: Connection, window: Window) -> int:
    """How many invoices cancelled another."""
    cursor = await connection.execute(
        "SELECT count(*) FROM records WHERE insurer = %(insurer)s AND known_at >= %(start)s AND known_at < %(end)s "
        "AND known_at <= %(as_of)s AND type = 'invoice' AND record ->> 'red_letter_of' IS NOT NULL "
        "AND outcome <> 'failed'",
        window.parameters(),
    )
    row = await cursor.fetchone()
    return int(row[0]) if row else 0


Told = tuple[date | None, date, int]
"""The day that a record states of itself, the day on which it was first told, and how many such there are."""


async def list_told(connection: Connection, window: Window, kind: str) -> list[Told]:
    """The records of a type that were first told and not refused in the window, by their days."""
    stated = {"policy": "issued_on", "premium_receipt": "received_on"}[kind]
    cursor = await connection.execute(
        "SELECT (r.record ->> %(stated)s)::date, (r.known_at AT TIME ZONE 'Asia/Shanghai')::date, count(*) "
        "FROM records r JOIN day_records d USING (seq) WHERE r.insurer = %(insurer)s AND r.type = %(type)s "
        "AND r.known_at >= %(start)s AND r.known_at < %(end)s AND r.known_at <= %(as_of)s GROUP BY 1, 2 ORDER BY 1, 2",
        window.parameters(stated=stated, type=kind),
    )
    return [(row[0], row[1], row[2]) for row in await cursor.fetchall()]


async def list_slowest(
    connection: Connection, window: Window, kind: str, limit: int
) -> list[tuple[str | None, str, date, date]]:
    """Of these the ones that took longest: policy number, own number, the day stated, the day told."""
    stated = {"policy": "issued_on", "premium_receipt": "received_on"}[kind]
    cursor = await connection.execute(
        "SELECT r.policy_no, d.key, (r.record ->> %(stated)s)::date, "
        "(r.known_at AT TIME ZONE 'Asia/Shanghai')::date "
        "FROM records r JOIN day_records d USING (seq) WHERE r.insurer = %(insurer)s AND r.type = %(type)s "
        "AND r.known_at >= %(start)s AND r.known_at < %(end)s AND r.known_at <= %(as_of)s "
        "AND r.record ->> %(stated)s IS NOT NULL "
        "ORDER BY (r.known_at AT TIME ZONE 'Asia/Shanghai')::date - (r.record ->> %(stated)s)::date DESC, d.key "
        "LIMIT %(limit)s",
        window.parameters(stated=stated, type=kind, limit=limit),
    )
    return [(row[0], row[1], row[2], row[3]) for row in await cursor.fetchall()]


async def count_refusals(connection: Connection, window: Window) -> list[tuple[str, str, int, int]]:
    """Why messages were refused: rule, reason, how often, in how many messages; the most frequent first."""
    cursor = await connection.execute(
        "SELECT c ->> 'rule', c ->> 'reason', count(*), count(DISTINCT s.id) FROM submissions s, "
        "jsonb_array_elements(convert_from(s.receipt, 'UTF8')::jsonb #> '{report,checks}') AS c "
        "WHERE s.insurer = %(insurer)s AND s.status = 'refused' AND s.received_at >= %(start)s "
        "AND s.received_at < %(end)s AND s.received_at <= %(as_of)s AND c ->> 'outcome' = 'failed' "
        "AND coalesce(c ->> 'severity', 'error') = 'error' GROUP BY 1, 2 ORDER BY 3 DESC, 1, 2",
        window.parameters(),
    )
    return [(row[0], row[1], row[2], row[3]) for row in await cursor.fetchall()]


async def count_premiums(connection: Connection, window: Window) -> dict[str, int]:
    """Of the premiums that were first told in the window how many stand where at `as_of`."""
    cursor = await connection.execute(
        "SELECT last.status, count(*) FROM premium_facts f, LATERAL (SELECT l.status FROM premium_facts l "
        "  WHERE l.policy_no = f.policy_no AND l.insurer = f.insurer AND l.known_at <= %(as_of)s "
        "  ORDER BY l.revision DESC LIMIT 1) AS last "
        "WHERE f.insurer = %(insurer)s AND f.known_at >= %(start)s AND f.known_at < %(end)s "
        "AND f.known_at <= %(as_of)s AND f.revision = 1 GROUP BY last.status ORDER BY last.status",
        window.parameters(),
    )
    return {row[0]: row[1] for row in await cursor.fetchall()}


async def count_impacts(connection: Connection, window: Window) -> tuple[int, int, int]:
    """How many premiums were withdrawn, how many changes there were of what others may have relied on, and what of it
    was to be taken back, in fen."""
    cursor = await connection.execute(
        "SELECT count(*) FILTER (WHERE status = 'withdrawn'), count(*) FILTER (WHERE facts ? 'impact'), "
        "coalesce(sum(round((facts #>> '{impact,clawback}')::numeric * 100)), 0)::text FROM premium_facts "
        "WHERE insurer = %(insurer)s AND known_at >= %(start)s AND known_at < %(end)s AND known_at <= %(as_of)s",
        window.parameters(),
    )
    row = await cursor.fetchone()
    return (int(row[0]), int(row[1]), int(row[2])) if row else (0, 0, 0)


@dataclass(frozen=True, slots=True)
class Judged:
    """Documents that came to the same: how many, by the outcome of the latest verdict at `as_of` and why."""

    outcome: str
    findings: tuple[tuple[str, str], ...]
    claimed_only: bool
    count: int


async def count_documents(connection: Connection, window: Window) -> list[Judged]:
    """The documents that came in the window, by their latest verdict at `as_of`.

    `findings` are the rules and reasons of the checks that decide and did not pass, on the document or on a seal of it.
    """
    cursor = await connection.execute(
        "SELECT outcome, findings, claimed, count(*) FROM (SELECT v.outcome, "
        "  (SELECT coalesce(jsonb_agg(DISTINCT jsonb_build_array(c ->> 'rule', c ->> 'reason')), '[]') FROM ("
        "    SELECT jsonb_array_elements(v.verdict #> '{report,checks}') AS c UNION ALL "
        "    SELECT jsonb_array_elements(s -> 'checks') FROM jsonb_array_elements(v.verdict #> '{report,seals}') AS s"
        "  ) AS every WHERE c ->> 'outcome' <> 'passed' AND coalesce(c ->> 'severity', 'error') = 'error') "
        "    AS findings, "
        "  coalesce(jsonb_path_exists(v.verdict, '$.report.seals[*] ? (@.time_proof == \"claimed\")'), false) "
        "    AS claimed "
        "  FROM documents d JOIN LATERAL (SELECT outcome, verdict FROM document_verdicts v WHERE v.digest = d.digest "
        "    AND v.insurer = d.insurer AND v.at <= %(as_of)s ORDER BY v.id DESC LIMIT 1) AS v ON true "
        "  WHERE d.insurer = %(insurer)s AND d.received_at >= %(start)s AND d.received_at < %(end)s "
        "  AND d.received_at <= %(as_of)s) AS each GROUP BY outcome, findings, claimed ORDER BY 1, 2, 3",
        window.parameters(),
    )
    return [
        Judged(row[0], tuple((rule, reason) for rule, reason in row[1]), row[2], row[3])
        for row in await cursor.fetchall()
    ]


@dataclass(frozen=True, slots=True)
class SealUsed:
    """A certificate and the seal that documents were sealed with, as the verdicts read them, and on how many."""

    subject: str | None
    issuer: str | None
    serial: str | None
    not_after: str | None
    seal_name: str | None
    seal_valid_to: str | None
    algorithm: str | None
    count: int


async def list_seals(connection: Connection, window: Window, limit: int) -> list[SealUsed]:
    """The seals and certificates on the documents that came in the window, the most used first."""
    cursor = await connection.execute(
        "SELECT s #>> '{signer,subject}', s #>> '{signer,issuer}', s #>> '{signer,serial}', "
        "jsonb_path_query_first(s, '$.checks[*] ? (@.rule == \"signature.signer-period\").facts.not_after') #>> '{}', "
        "s #>> '{seal,name}', s #>> '{seal,valid_to}', s ->> 'algorithm', count(DISTINCT d.digest) "
        "FROM documents d JOIN LATERAL (SELECT verdict FROM document_verdicts v WHERE v.digest = d.digest "
        "  AND v.insurer = d.insurer AND v.at <= %(as_of)s ORDER BY v.id DESC LIMIT 1) AS v ON true "
        "CROSS JOIN LATERAL jsonb_array_elements(v.verdict #> '{report,seals}') AS s "
        "WHERE d.insurer = %(insurer)s AND d.received_at >= %(start)s AND d.received_at < %(end)s "
        "AND d.received_at <= %(as_of)s GROUP BY 1, 2, 3, 4, 5, 6, 7 ORDER BY 8 DESC, 3, 6 LIMIT %(limit)s",
        window.parameters(limit=limit),
    )
    return [SealUsed(*row) for row in await cursor.fetchall()]


async def count_keys(connection: Connection, window: Window) -> dict[str, int]:
    """How many messages each key signed."""
    cursor = await connection.execute(
        "SELECT keyid, count(*) FROM submissions WHERE insurer = %(insurer)s AND received_at >= %(start)s "
        "AND received_at < %(end)s AND received_at <= %(as_of)s GROUP BY keyid ORDER BY keyid",
        window.parameters(),
    )
    return {row[0]: row[1] for row in await cursor.fetchall()}


@dataclass(frozen=True, slots=True)
class Mending:
    """What became of the records of a refused message: how many were refused, and how many of those were told and
    taken since, by which messages."""

    refused: int
    told_since: int
    by: tuple[str, ...]


async def find_mending(connection: Connection, window: Window, messages: Sequence[str]) -> dict[str, Mending]:
    """By message: what became of its refused records until `as_of`; none if no record of it could be read."""
    cursor = await connection.execute(
        "SELECT f.submission_id, count(*), count(t.submission_id), "
        "coalesce(array_agg(DISTINCT t.submission_id) FILTER (WHERE t.submission_id IS NOT NULL), '{}') "
        "FROM records f LEFT JOIN LATERAL (SELECT r.submission_id FROM records r WHERE r.insurer = f.insurer "
        "  AND r.type = f.type AND r.number = f.number AND f.number IS NOT NULL AND f.type <> 'policy' "
        "  AND r.seq > f.seq AND r.outcome <> 'failed' AND r.known_at <= %(as_of)s "
        "  UNION ALL SELECT r.submission_id FROM records r WHERE r.insurer = f.insurer AND r.type = 'policy' "
        "  AND f.type = 'policy' AND r.policy_no = f.policy_no AND r.seq > f.seq AND r.outcome <> 'failed' "
        "  AND r.known_at <= %(as_of)s LIMIT 1) AS t ON true "
        "WHERE f.submission_id = ANY(%(messages)s) AND f.insurer = %(insurer)s AND f.outcome = 'failed' "
        "GROUP BY f.submission_id",
        window.parameters(messages=list(messages)),
    )
    return {row[0]: Mending(row[1], row[2], tuple(sorted(row[3]))) for row in await cursor.fetchall()}


@dataclass(frozen=True, slots=True)
class OpenPremium:
    """A premium whose latest revision of the window is not verified, with the checks that did not pass."""

    policy_no: str
    revision: int
    status: str
    known_at: datetime
    enterprise: str | None
    checks: tuple[Check, ...]


async def list_open_premiums(connection: Connection, window: Window, limit: int) -> list[OpenPremium]:
    """The premiums that the window left held, refused or withdrawn, by policy number."""
    cursor = await connection.execute(
        "SELECT f.policy_no, f.revision, f.status, f.known_at, f.facts ->> 'enterprise', "
        "convert_from(p.body, 'UTF8')::jsonb #> '{report,checks}' FROM ("
        "  SELECT DISTINCT ON (policy_no) * FROM premium_facts WHERE insurer = %(insurer)s AND known_at >= %(start)s "
        "  AND known_at < %(end)s AND known_at <= %(as_of)s ORDER BY policy_no, revision DESC) AS f "
        "JOIN premiums p USING (position) WHERE f.status <> 'verified' ORDER BY f.policy_no LIMIT %(limit)s",
        window.parameters(limit=limit),
    )
    return [OpenPremium(*_all(*row[:5], open_checks(row[5]))) for row in await cursor.fetchall()]


async def count_revisions(connection: Connection, window: Window) -> dict[str, int]:
    """Of the premiums that changed in the window how many were left in which status."""
    cursor = await connection.execute(
        "SELECT status, count(*) FROM (SELECT DISTINCT ON (policy_no) status FROM premium_facts "
        "WHERE insurer = %(insurer)s AND known_at >= %(start)s AND known_at < %(end)s AND known_at <= %(as_of)s "
        "ORDER BY policy_no, revision DESC) AS last GROUP BY status ORDER BY status",
        window.parameters(),
    )
    return {row[0]: row[1] for row in await cursor.fetchall()}


@dataclass(frozen=True, slots=True)
class OpenDocument:
    """A document whose verdict is not a pass."""

    digest: str
    received_at: datetime
    kind: str | None
    policy_no: str | None
    outcome: str
    checks: tuple[Check, ...]


async def list_open_documents(connection: Connection, window: Window, limit: int) -> list[OpenDocument]:
    """The documents that came in the window and did not pass by the latest verdict at `as_of`, as they came."""
    cursor = await connection.execute(
        "SELECT d.digest, d.received_at, v.kind, v.policy_no, v.outcome, v.verdict #> '{report,checks}', "
        "v.verdict #> '{report,seals}' FROM documents d JOIN LATERAL ("
        "  SELECT * FROM document_verdicts v WHERE v.digest = d.digest AND v.insurer = d.insurer "
        "  AND v.at <= %(as_of)s ORDER BY v.id DESC LIMIT 1) AS v ON true "
        "WHERE d.insurer = %(insurer)s AND d.received_at >= %(start)s AND d.received_at < %(end)s "
        "AND d.received_at <= %(as_of)s AND v.outcome <> 'passed' ORDER BY d.received_at, d.digest LIMIT %(limit)s",
        window.parameters(limit=limit),
    )
    return [
        OpenDocument(*_all(*row[:5], open_checks([*row[5], *(c for seal in row[6] or () for c in seal["checks"])])))
        for row in await cursor.fetchall()
    ]


@dataclass(frozen=True, slots=True)
class RefusedLine:
    """A line of a batch that became no message, and why."""

    batch: str
    line: int
    checks: tuple[Check, ...]


async def list_refused_lines(connection: Connection, window: Window, limit: int) -> list[RefusedLine]:
    """The lines of the window's batches that could not be read as messages; of batches that had ended by `as_of`."""
    cursor = await connection.execute(
        "SELECT r.batch, r.line, r.checks FROM batches b JOIN batch_progress p ON p.batch = b.id "
        "JOIN batch_results r ON r.batch = b.id WHERE b.insurer = %(insurer)s AND b.received_at >= %(start)s "
        "AND b.received_at < %(end)s AND b.received_at <= %(as_of)s AND p.ended_at <= %(as_of)s "
        "AND r.status = 'refused' AND r.submission_id IS NULL ORDER BY b.received_at, r.batch, r.line LIMIT %(limit)s",
        window.parameters(limit=limit),
    )
    return [RefusedLine(row[0], row[1], open_checks(row[2] or [])) for row in await cursor.fetchall()]


async def find_card(connection: Connection, insurer: str, kind: str, period: date, as_of: datetime) -> bytes | None:
    """The card of this period that was issued for this moment."""
    cursor = await connection.execute(
        "SELECT content FROM cards WHERE insurer = %s AND kind = %s AND period = %s AND as_of = %s",
        (insurer, kind, period, as_of),
    )
    row = await cursor.fetchone()
    return bytes(row[0]) if row else None


async def issue(
    connection: Connection, insurer: str, period: Period, at: datetime, number: str, content: bytes, as_of: datetime
) -> None:
    """Keep a card; the first one for a moment stays."""
    await connection.execute(
        "INSERT INTO cards (number, kind, insurer, period, as_of, issued_at, content) "
        "VALUES (%s, %s, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING",
        (number, period.kind, insurer, period.first, as_of, at, content),
    )


def _all(*values: Any) -> tuple[Any, ...]:
    return values
