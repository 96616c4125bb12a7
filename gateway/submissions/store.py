"""The SQL of submissions: what is known, read under locks; what is decided, appended in one go."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, LiteralString

import orjson
from psycopg import sql

from gateway.blobs.evidence import Kept
from gateway.db import Connection
from gateway.participants import Participant
from gateway.submissions.documents import as_judged
from gateway.submissions.evidence import JudgedDocument
from gateway.submissions.known import KnownRecord, PolicyState, Previous
from gateway.submissions.memory.store import append_claims, append_journal, told_from_text
from gateway.submissions.writable import writable
from schemas.base import Noun
from schemas.calendar import shanghai_day
from schemas.submission import RECORDS
from schemas.verification import Outcome

PolicyKey = tuple[str, str]  # insurer code, policy number
MessageKey = tuple[str, str]  # insurer code, message id
RecordNumber = tuple[str, str, str]  # insurer code, type, number
Owner = tuple[str, str]  # policy number, submission
_MANY = 500
_HOUSE = 0x686F757365  # any fixed number: shared by everybody, alone for who locks very much


@dataclass(frozen=True, slots=True)
class StoredAnswer:
    """The answer that a message was given."""

    submission_id: str
    body_digest: str
    status: str
    receipt: bytes


@dataclass(slots=True)
class Rows:
    """Rows to append, column by column, in the order of the tables' columns."""

    submissions: list[tuple[Any, ...]] = field(default_factory=list)
    records: list[tuple[Any, ...]] = field(default_factory=list)
    premiums: list[tuple[Any, ...]] = field(default_factory=list)
    journal: list[tuple[Any, ...]] = field(default_factory=list)
    claims: list[tuple[str, ...]] = field(default_factory=list)


async def lock(connection: Connection, names: Iterable[str]) -> None:
    """Hold these names until the transaction ends. Everybody takes them in one order, so nobody waits in a circle.

    The server has room for some thousands of locks: who needs more than `_MANY` has the whole house to itself instead.
    """
    keys = sorted({int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big", signed=True) for name in names})
    if len(keys) > _MANY:
        await connection.execute("SELECT pg_advisory_xact_lock(%s)", (_HOUSE,))
        return
    # The house is there before the first key is asked for: a row of the join needs it.
    await connection.execute(
        "WITH house AS MATERIALIZED (SELECT pg_advisory_xact_lock_shared(%s)) SELECT count(pg_advisory_xact_lock(key)) "
        "FROM house, (SELECT unnest(%s::bigint[]) AS key ORDER BY 1) AS ordered",
        (_HOUSE, keys),
    )


async def find_answers(
    connection: Connection, messages: Sequence[MessageKey], nonces: Sequence[tuple[str, str, datetime]]
) -> tuple[dict[MessageKey, StoredAnswer], dict[tuple[str, str], tuple[MessageKey, str]]]:
    """The answers to these messages, and which message, with its id, used each key id and nonce about that moment.

    Days that touch are looked through: a signature counts for an hour at most (`request_max_age_seconds`), so that a
    nonce that was used before them is of none that could be sent again.
    """
    cursor = await connection.execute(
        "SELECT s.insurer, s.message_id, s.id, s.body_digest, s.status, s.receipt "
        "FROM unnest(%s::text[], %s::text[]) AS k(insurer, message_id) "
        "JOIN submissions s USING (insurer, message_id)",
        ([insurer for insurer, _ in messages], [message for _, message in messages]),
    )
    answers = {(row[0], row[1]): StoredAnswer(row[2], row[3], row[4], bytes(row[5])) for row in await cursor.fetchall()}
    cursor = await connection.execute(
        "SELECT s.keyid, s.nonce, s.insurer, s.message_id, s.id "
        "FROM unnest(%s::text[], %s::text[], %s::date[]) AS k(keyid, nonce, day) "
        "CROSS JOIN generate_series(-1, 1) AS near "
        "JOIN submissions s ON (s.received_at AT TIME ZONE 'UTC')::date = k.day + near AND s.keyid = k.keyid "
        "  AND s.nonce = k.nonce",
        (
            [keyid for keyid, _, _ in nonces],
            [nonce for _, nonce, _ in nonces],
            [at.astimezone(UTC).date() for _, _, at in nonces],
        ),
    )
    return answers, {(row[0], row[1]): ((row[2], row[3]), row[4]) for row in await cursor.fetchall()}


async def load_states(
    connection: Connection, insurers: Mapping[str, Participant], keys: Sequence[PolicyKey]
) -> dict[PolicyKey, PolicyState]:
    """All that is known of these policies. The caller holds their locks, so nothing is added meanwhile."""
    states = {key: PolicyState(insurer=insurers[key[0]], policy_no=key[1]) for key in keys}
    columns = ([insurer for insurer, _ in keys], [policy_no for _, policy_no in keys])
    cursor = await connection.execute(
        "SELECT r.insurer, r.policy_no, r.submission_id, s.keyid, r.type, r.number, r.record::text, r.outcome, "
        "r.known_at "
        "FROM unnest(%s::text[], %s::text[]) AS k(insurer, policy_no) "
        "JOIN records r USING (insurer, policy_no) JOIN submissions s ON s.id = r.submission_id ORDER BY r.seq",
        columns,
    )
    for insurer, policy_no, submission_id, keyid, kind, number, record, outcome, known_at in await cursor.fetchall():
        noun = _noun(kind, record)
        told = told_from_text(kind, insurer, number or "", known_at, record)
        day = shanghai_day(known_at)
        known = KnownRecord(submission_id, keyid, kind, number, noun, Outcome(outcome), told, day)
        states[(insurer, policy_no)].records.append(known)
    cursor = await connection.execute(
        "SELECT k.insurer, k.policy_no, last.revision, last.status, last.signature, last.known_at, "
        "verified.policy_submission, decided.net_paid, decided.worth "
        "FROM unnest(%s::text[], %s::text[]) AS k(insurer, policy_no) "
        "JOIN LATERAL (SELECT revision, status, signature, known_at FROM premiums p WHERE p.insurer = k.insurer "
        "  AND p.policy_no = k.policy_no ORDER BY revision DESC LIMIT 1) AS last ON true "
        "LEFT JOIN LATERAL (SELECT policy_submission FROM premiums p WHERE p.insurer = k.insurer "
        "  AND p.policy_no = k.policy_no AND p.status = 'verified' ORDER BY revision DESC LIMIT 1) AS verified ON true "
        "LEFT JOIN LATERAL (SELECT net_paid, worth FROM premiums p WHERE p.insurer = k.insurer "
        "  AND p.policy_no = k.policy_no AND p.net_paid IS NOT NULL ORDER BY revision DESC LIMIT 1) AS decided ON true",
        columns,
    )
    for insurer, policy_no, *previous in await cursor.fetchall():
        states[(insurer, policy_no)].previous = Previous(*previous)
    return states


async def find_numbers(connection: Connection, numbers: Iterable[RecordNumber]) -> dict[RecordNumber, Owner]:
    """Which policy each of these numbers belongs to, and by which submission: the first that was not refused."""
    columns: tuple[list[str], ...] = tuple(map(list, zip(*sorted(numbers), strict=True)))
    if not columns:
        return {}
    cursor = await connection.execute(
        "SELECT DISTINCT ON (r.insurer, r.type, r.number) r.insurer, r.type, r.number, r.policy_no, r.submission_id "
        "FROM unnest(%s::text[], %s::text[], %s::text[]) AS k(insurer, type, number) "
        "JOIN records r USING (insurer, type, number) "
        "WHERE r.type <> 'policy' AND r.number IS NOT NULL AND r.outcome <> 'failed' "
        "ORDER BY r.insurer, r.type, r.number, r.seq",
        columns,
    )
    return {(row[0], row[1], row[2]): (row[3], row[4]) for row in await cursor.fetchall()}


async def load_documents(
    connection: Connection, digests: Sequence[tuple[str, str]], policies: Sequence[PolicyKey]
) -> dict[str, list[tuple[str, JudgedDocument, str]]]:
    """The latest verdict on each document that is named by (insurer, digest), or that states one of these policy
    numbers: by insurer, (digest, verdict, digest of the trust folder), in the order in which they were handed in."""
    cursor = await connection.execute(
        # Two searches, each by its own index: with OR between them every verdict there is would be read.
        "SELECT insurer, digest, verdict::text, trust_digest FROM ("
        "  SELECT DISTINCT ON (v.insurer, v.digest) v.insurer, v.digest, v.verdict, v.trust_digest, d.received_at "
        "  FROM document_verdicts v JOIN documents d USING (insurer, digest) WHERE v.id = ANY(ARRAY("
        "    SELECT v.id FROM unnest(%s::text[], %s::text[]) AS k(insurer, digest) "
        "      JOIN document_verdicts v USING (insurer, digest) "
        "    UNION SELECT v.id FROM unnest(%s::text[], %s::text[]) AS k(insurer, policy_no) "
        "      JOIN document_verdicts v USING (insurer, policy_no) WHERE v.policy_no IS NOT NULL)) "
        "  ORDER BY v.insurer, v.digest, v.id DESC) AS latest ORDER BY received_at, digest",
        (
            [insurer for insurer, _ in digests],
            [digest for _, digest in digests],
            [insurer for insurer, _ in policies],
            [policy_no for _, policy_no in policies],
        ),
    )
    found: dict[str, list[tuple[str, JudgedDocument, str]]] = {}
    for insurer, digest, verdict, trust_digest in await cursor.fetchall():
        found.setdefault(insurer, []).append((digest, _judged(digest, verdict), trust_digest))
    return found


# A policy's record and document are read again for each of its receipts. Both are values that follow from their text.


@lru_cache(1024)
def _noun(kind: str, record: str) -> Noun:
    return RECORDS[kind].model_validate(orjson.loads(record))


@lru_cache(1024)
def _judged(digest: str, verdict: str) -> JudgedDocument:
    return as_judged(digest, orjson.loads(verdict))


async def next_positions(connection: Connection, count: int) -> int:
    """The first of `count` new feed positions. The row stays locked until commit: positions have no gaps, and their
    order is the order of commits."""
    cursor = await connection.execute("UPDATE feed_head SET count = count + %s RETURNING count", (count,))
    row = await cursor.fetchone()
    if row is None:
        raise RuntimeError("feed_head has no row")
    return int(row[0]) - count


async def append(connection: Connection, rows: Rows) -> None:
    """Append everything that a transaction decided; the foreign keys demand submissions before records."""
    if rows.submissions:
        await connection.execute(
            "INSERT INTO submissions (id, insurer, message_id, keyid, nonce, received_at, content_type, body_digest, "
            "body, request, status, receipt, mapping) SELECT * FROM unnest(%b::text[], %b::text[], %b::text[], "
            "%b::text[], %b::text[], %b::timestamptz[], %b::text[], %b::text[], %b::bytea[], %b::text[]::jsonb[], "
            "%b::text[], %b::bytea[], %b::text[])",
            _columns(rows.submissions),
        )
    if rows.records:
        await connection.execute(
            "INSERT INTO records (submission_id, insurer, type, policy_no, number, known_at, outcome, record, lineage) "
            "SELECT * FROM unnest(%b::text[], %b::text[], %b::text[], %b::text[], %b::text[], %b::timestamptz[], "
            "%b::text[], %b::text[]::jsonb[], %b::text[]::jsonb[])",
            _columns(rows.records),
        )
    if rows.premiums:
        await connection.execute(
            "INSERT INTO premiums (position, insurer, policy_no, revision, status, known_at, leaf_index, leaf_hash, "
            "signature, policy_submission, net_paid, body, worth) SELECT * FROM unnest(%b::bigint[], %b::text[], "
            "%b::text[], %b::integer[], %b::text[], %b::timestamptz[], %b::bigint[], %b::text[], %b::text[], "
            "%b::text[], %b::text[], %b::bytea[], %b::text[]::jsonb[])",
            _columns(rows.premiums),
        )
    await append_journal(connection, rows.journal)
    await append_claims(connection, rows.claims)


def _columns(rows: Sequence[tuple[Any, ...]]) -> tuple[list[Any], ...]:
    return tuple(list(column) for column in zip(*rows, strict=True))


def as_jsonb(value: Any) -> str:
    """JSON text for a jsonb column, which takes neither NUL nor lone surrogates."""
    return orjson.dumps(writable(value)).decode()


@dataclass(frozen=True, slots=True)
class DocumentRow:
    """A document as this insurer handed it in; without `bytes` they are durable in the evidence store already."""

    digest: str
    insurer: str
    media_type: str
    size: int
    bytes: bytes | None
    sm3: str
    received_at: datetime


async def insert_document(connection: Connection, row: DocumentRow, proof: Mapping[str, Any]) -> bool:
    """Keep a document; whether it is new."""
    cursor = await connection.execute(
        "INSERT INTO documents (digest, insurer, media_type, size, bytes, kept_in, sm3, received_at, request) "
        "VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s::jsonb) ON CONFLICT DO NOTHING",
        (
            row.digest,
            row.insurer,
            row.media_type,
            row.size,
            row.bytes,
            "store" if row.bytes is None else None,
            row.sm3,
            row.received_at,
            as_jsonb(proof),
        ),
    )
    return cursor.rowcount == 1


async def insert_verdict(
    connection: Connection,
    digest: str,
    insurer: str,
    trust_digest: str,
    profile: str,
    at: datetime,
    verdict: Mapping[str, Any],
) -> None:
    """Keep a verdict on a document."""
    await connection.execute(
        "INSERT INTO document_verdicts (digest, insurer, at, trust_digest, profile, outcome, kind, policy_no, verdict) "
        "VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s::jsonb)",
        (
            digest,
            insurer,
            at,
            trust_digest,
            profile,
            verdict["report"]["outcome"],
            verdict["kind"],
            verdict["fields"].get("policy_no", {}).get("value"),
            as_jsonb(verdict),
        ),
    )


async def find_document(
    connection: Connection, digest: str, insurer: str | None
) -> tuple[str, str, Kept, datetime] | None:
    """A document's insurer, media type, where its bytes are, and since when it is here; of this insurer only, if one
    is given."""
    cursor = await connection.execute(
        "SELECT insurer, media_type, size, bytes, kept_in, received_at FROM documents "
        "WHERE digest = %s AND insurer = coalesce(%s, insurer) ORDER BY received_at LIMIT 1",
        (digest, insurer),
    )
    row = await cursor.fetchone()
    if row is None:
        return None
    return row[0], row[1], Kept(digest, row[2], None if row[3] is None else bytes(row[3]), row[4]), row[5]


async def find_naming(connection: Connection, insurer: str, digest: str) -> set[str]:
    """The policies of this insurer of which a record names the document: an invoice is about those that it names, or
    that the one which it cancels names."""
    cursor = await connection.execute(
        "WITH naming AS (SELECT type, policy_no, record FROM records WHERE record -> 'documents' @> %s::jsonb "
        "  AND record -> 'documents' IS NOT NULL AND insurer = %s) "
        "SELECT policy_no FROM naming WHERE policy_no IS NOT NULL "
        "UNION SELECT jsonb_array_elements_text(record -> 'policy_nos') FROM naming WHERE type = 'invoice' "
        "UNION SELECT jsonb_array_elements_text(o.record -> 'policy_nos') FROM naming n JOIN records o "
        "  ON o.type = 'invoice' AND o.number = n.record ->> 'red_letter_of' AND o.insurer = %s "
        "WHERE n.type = 'invoice'",
        (as_jsonb([{"digest": digest}]), insurer, insurer),
    )
    return {row[0] for row in await cursor.fetchall()}


async def find_verdict(connection: Connection, digest: str, insurer: str) -> dict[str, Any] | None:
    """The latest verdict on a document."""
    cursor = await connection.execute(
        "SELECT verdict FROM document_verdicts WHERE digest = %s AND insurer = %s ORDER BY id DESC LIMIT 1",
        (digest, insurer),
    )
    row = await cursor.fetchone()
    return row[0] if row else None


_LOOKUPS = {
    "id": sql.SQL("id"),
    "message_id": sql.SQL("message_id"),
}
# Digests are indexed by the day; the days are few.
_BY_BODY: LiteralString = (
    "SELECT found.insurer, found.receipt FROM generate_series("
    "  (SELECT min((received_at AT TIME ZONE 'UTC')::date) FROM submissions),"
    "  (SELECT max((received_at AT TIME ZONE 'UTC')::date) FROM submissions), interval '1 day') AS day "
    "CROSS JOIN LATERAL (SELECT insurer, receipt, received_at FROM submissions "
    "  WHERE (received_at AT TIME ZONE 'UTC')::date = day::date AND body_digest = %s"
    "  AND insurer = coalesce(%s, insurer)) AS found ORDER BY found.received_at LIMIT 1"
)


async def find_receipt(connection: Connection, insurer: str | None, by: str, value: str) -> tuple[str, bytes] | None:
    """Insurer and receipt of a message by its `id`, `message_id` or `body_digest`; of this insurer only, if given."""
    if by == "body_digest":
        cursor = await connection.execute(_BY_BODY, (value, insurer))
    else:
        query = sql.SQL("SELECT insurer, receipt FROM submissions WHERE {} = %s").format(_LOOKUPS[by])
        parameters: list[str] = [value]
        if insurer is not None:
            query += sql.SQL(" AND insurer = %s")
            parameters.append(insurer)
        cursor = await connection.execute(query + sql.SQL(" ORDER BY received_at LIMIT 1"), parameters)
    row = await cursor.fetchone()
    return (row[0], bytes(row[1])) if row else None


async def find_raw(connection: Connection, submission_id: str, insurer: str | None) -> tuple[str, str, bytes] | None:
    """Insurer, content type and raw bytes of a message; of this insurer only, if one is given."""
    cursor = await connection.execute(
        "SELECT insurer, content_type, body FROM submissions WHERE id = %s AND insurer = coalesce(%s, insurer)",
        (submission_id, insurer),
    )
    row = await cursor.fetchone()
    return (row[0], row[1], bytes(row[2])) if row else None


async def find_lineage(connection: Connection, submission_id: str) -> list[dict[str, Any]]:
    """The records of a message, each with its lineage."""
    cursor = await connection.execute(
        "SELECT type, policy_no, number, outcome, record, lineage FROM records WHERE submission_id = %s ORDER BY seq",
        (submission_id,),
    )
    names = ("type", "policy_no", "number", "outcome", "record", "lineage")
    return [dict(zip(names, row, strict=True)) for row in await cursor.fetchall()]
