"""The SQL of evidence bundles: everything that was kept about one premium, as it was kept."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from gateway.blobs.evidence import Kept
from gateway.db import Connection

PolicyKey = tuple[str, str]


@dataclass(frozen=True, slots=True)
class KeptMessage:
    """A submission as it was kept."""

    id: str
    insurer: str
    message_id: str
    keyid: str
    received_at: datetime
    content_type: str
    body: bytes
    request: dict[str, Any]
    receipt: bytes
    mapping: str | None


@dataclass(frozen=True, slots=True)
class KeptRevision:
    """A revision as it was kept."""

    insurer: str
    policy_no: str
    revision: int
    leaf_index: int
    body: bytes


async def find_messages(connection: Connection, ids: Sequence[str]) -> list[KeptMessage]:
    """The submissions of these ids."""
    cursor = await connection.execute(
        "SELECT id, insurer, message_id, keyid, received_at, content_type, body, request, receipt, mapping "
        "FROM submissions WHERE id = ANY(%s) ORDER BY id",
        (list(ids),),
    )
    found = []
    for name, insurer, message, keyid, at, media_type, body, request, receipt, mapping in await cursor.fetchall():
        one = KeptMessage(name, insurer, message, keyid, at, media_type, bytes(body), request, bytes(receipt), mapping)
        found.append(one)
    return found


async def find_directives(connection: Connection) -> list[str]:
    """The submissions that carried directives."""
    cursor = await connection.execute("SELECT DISTINCT submission_id FROM records WHERE type = 'directive'")
    return [row[0] for row in await cursor.fetchall()]


async def find_words(connection: Connection, awards: Sequence[str], premiums: Sequence[str]) -> list[str]:
    """The submissions that carried these awards (by message id) and decisions on these premiums (by subject)."""
    cursor = await connection.execute(
        "SELECT DISTINCT submission_id FROM records WHERE type = 'award' AND number = ANY(%s) "
        "OR type = 'decision' AND number = ANY(%s)",
        (list(awards), list(premiums)),
    )
    return [row[0] for row in await cursor.fetchall()]


async def find_revisions(connection: Connection, keys: Sequence[PolicyKey]) -> list[KeptRevision]:
    """Every revision of these premiums, in the order of the log."""
    cursor = await connection.execute(
        "SELECT p.insurer, p.policy_no, p.revision, p.leaf_index, p.body FROM unnest(%s::text[], %s::text[]) "
        "AS k(insurer, policy_no) JOIN premiums p USING (insurer, policy_no) ORDER BY p.leaf_index",
        ([insurer for insurer, _ in keys], [number for _, number in keys]),
    )
    return [
        KeptRevision(insurer, number, revision, leaf, bytes(body))
        for insurer, number, revision, leaf, body in await cursor.fetchall()
    ]


async def find_document(connection: Connection, insurer: str, digest: str) -> dict[str, Any] | None:
    """A document with its request and every verdict on it; `kept` says where its bytes are."""
    cursor = await connection.execute(
        "SELECT media_type, bytes, received_at, request, size, kept_in FROM documents "
        "WHERE insurer = %s AND digest = %s",
        (insurer, digest),
    )
    row = await cursor.fetchone()
    if row is None:
        return None
    cursor = await connection.execute(
        "SELECT at, trust_digest, profile, verdict FROM document_verdicts "
        "WHERE insurer = %s AND digest = %s ORDER BY id",
        (insurer, digest),
    )
    verdicts = [
        {"at": at.isoformat(), "trust": trust, "profile": profile, "verdict": verdict}
        for at, trust, profile, verdict in await cursor.fetchall()
    ]
    return {
        "insurer": insurer,
        "digest": digest,
        "media_type": row[0],
        "kept": Kept(digest, row[4], None if row[1] is None else bytes(row[1]), row[5]),
        "received_at": row[2].isoformat(),
        "request": row[3],
        "verdicts": verdicts,
    }


async def find_leaves(connection: Connection, leaves: Sequence[tuple[datetime, bytes]]) -> list[int]:
    """The indexes of the leaves of these moments with these hashes."""
    cursor = await connection.execute(
        "SELECT index FROM unnest(%s::timestamptz[], %s::bytea[]) AS k(at, leaf_hash) "
        "JOIN ledger_entries USING (at, leaf_hash)",
        ([at for at, _ in leaves], [leaf for _, leaf in leaves]),
    )
    return [int(row[0]) for row in await cursor.fetchall()]


async def read_entries(connection: Connection, indexes: Sequence[int]) -> dict[int, bytes]:
    """The entries at these places of the log."""
    cursor = await connection.execute("SELECT index, data FROM ledger_entries WHERE index = ANY(%s)", (list(indexes),))
    return {int(row[0]): bytes(row[1]) for row in await cursor.fetchall()}


async def list_changes_of_filings(connection: Connection) -> list[datetime]:
    """The moments from which anything about filings became known, in order."""
    cursor = await connection.execute(
        "SELECT known_from FROM filings UNION SELECT known_from FROM filing_sources ORDER BY 1"
    )
    return [row[0] for row in await cursor.fetchall()]


async def find_ends_of_keys(connection: Connection, size: int) -> set[int]:
    """The leaves that say when keys of the log ended, of those that a checkpoint of this size covers."""
    cursor = await connection.execute("SELECT leaf_index FROM key_events WHERE leaf_index < %s", (size,))
    return {row[0] for row in await cursor.fetchall()}
