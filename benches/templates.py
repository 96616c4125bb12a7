"""Rows that the service wrote, as templates for the floor: the same sizes in the same tables."""

import base64
import json
from datetime import datetime
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

from benches.verifications import Verifications

# Columns in the order in which `gateway.submissions.store` writes them.
_COLUMNS = {
    "submissions": "id insurer message_id keyid nonce received_at content_type body_digest body request status receipt "
    "mapping",
    "records": "submission_id insurer type policy_no number known_at outcome record lineage",
    "premiums": "position insurer policy_no revision status known_at leaf_index leaf_hash signature policy_submission "
    "net_paid body worth",
    "documents": "digest insurer media_type size bytes received_at request",
    "document_verdicts": "digest insurer at trust_digest profile outcome kind policy_no verdict",
}
_JSON = {"request", "record", "lineage", "verdict", "worth"}


def write_templates(service_dsn: str, file: Path, seal: Verifications | None) -> None:
    """What the service left behind for a message of median size of each kind that it has seen.

    `seal` is what judging a document takes; None if no document was handed in.
    """
    with psycopg.connect(service_dsn) as connection:
        found = {}
        for name, kind in (("policy", "policy"), ("receipt", "premium_receipt")):
            template = _message(connection, kind)
            if template is not None:
                found[name] = template
        if seal is not None:
            found["document"] = _document(connection, seal)
    file.write_text(json.dumps(found))


def _message(connection: "psycopg.Connection[Any]", kind: str) -> dict[str, Any] | None:
    row = connection.execute(
        "SELECT s.id, r.policy_no, s.request FROM records r JOIN submissions s ON s.id = r.submission_id "
        "WHERE r.type = %s ORDER BY octet_length(s.receipt) LIMIT 1 OFFSET "
        "(SELECT count(*) / 2 FROM records WHERE type = %s)",
        (kind, kind),
    ).fetchone()
    if row is None:
        return None
    submission_id, policy_no, proof = row
    rows = {
        "submissions": _row(connection, "submissions", "id", submission_id),
        "records": _row(connection, "records", "submission_id", submission_id),
        "premiums": _row(connection, "premiums", "policy_no", policy_no),
    }
    leaves = [_leaf(connection, "submission"), _leaf(connection, "premium")]
    return {"proof": proof, "rows": rows, "leaves": leaves, "sm2": [], "sm3": []}


def _document(connection: "psycopg.Connection[Any]", seal: Verifications) -> dict[str, Any]:
    row = connection.execute(
        "SELECT digest, request FROM documents ORDER BY size LIMIT 1 OFFSET (SELECT count(*) / 2 FROM documents)"
    ).fetchone()
    assert row is not None
    rows = {table: _row(connection, table, "digest", row[0]) for table in ("documents", "document_verdicts")}
    return {
        "proof": row[1],
        "rows": rows,
        "leaves": [_leaf(connection, "document")],
        "sm2": [[_text(part) for part in parts] for parts in seal.sm2],
        "sm3": [_text(data) for data in seal.sm3],
    }


def _row(connection: "psycopg.Connection[Any]", table: str, column: str, value: str) -> list[Any]:
    names = _COLUMNS[table].split()
    # JSON as text, as it is sent; the median of a policy's revisions stands for them all.
    columns = sql.SQL(", ").join(
        sql.SQL("{}::text").format(sql.Identifier(name)) if name in _JSON else sql.Identifier(name) for name in names
    )
    query = sql.SQL("SELECT {} FROM {} WHERE {} = %s ORDER BY 1").format(
        columns, sql.Identifier(table), sql.Identifier(column)
    )
    rows = connection.execute(query, (value,)).fetchall()
    return [_as_json(one) for one in rows[len(rows) // 2]]


def _leaf(connection: "psycopg.Connection[Any]", kind: str) -> str:
    row = connection.execute("SELECT data FROM ledger_entries WHERE kind = %s LIMIT 1", (kind,)).fetchone()
    assert row is not None
    return _text(row[0])


def _as_json(value: Any) -> Any:
    if isinstance(value, bytes):
        return {"bytes": _text(value)}
    if isinstance(value, datetime):
        return {"moment": value.isoformat()}
    return value


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()
