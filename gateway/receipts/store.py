"""The SQL of receipts to be filed."""

from typing import Any

import orjson

from gateway.db import Connection


async def find_kept(connection: Connection, submission_id: str, insurer: str | None) -> tuple[bytes, Any] | None:
    """The receipt of a message as it was given, and its entry of the log; of this insurer only, if one is given."""
    cursor = await connection.execute(
        "SELECT s.receipt, e.data FROM submissions s JOIN ledger_entries e "
        "ON e.index = (convert_from(s.receipt, 'UTF8')::jsonb #>> '{leaf,index}')::bigint "
        "WHERE s.id = %s AND s.insurer = coalesce(%s, s.insurer)",
        (submission_id, insurer),
    )
    row = await cursor.fetchone()
    return (bytes(row[0]), orjson.loads(row[1])) if row else None
