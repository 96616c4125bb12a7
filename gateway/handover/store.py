"""The SQL of trace codes: where each was delivered, appended once a delivery is known."""

from collections.abc import Iterable, Sequence
from datetime import datetime

from gateway.db import Connection
from gateway.handover.check import Use


def lock_names(codes: Iterable[str]) -> list[str]:
    """What a transaction that uses these codes locks (`submissions.store.lock`), so that none is used twice at once."""
    return sorted({f"trace-code:{code}" for code in codes})


async def find_uses(connection: Connection, codes: Sequence[str]) -> dict[str, list[Use]]:
    """By code every use that is known, first to last; codes that were never used are not there."""
    cursor = await connection.execute(
        "SELECT code, insurer, policy_no, submission_id, delivered_on FROM trace_code_uses "
        "WHERE code = ANY(%s) ORDER BY id",
        (list(codes),),
    )
    found: dict[str, list[Use]] = {}
    for row in await cursor.fetchall():
        found.setdefault(row[0], []).append(Use(*row))
    return found


async def record_uses(connection: Connection, uses: Sequence[Use], at: datetime) -> None:
    """Append where these codes were delivered: in the transaction that keeps the delivery, whatever the verdict on it.

    A refused delivery keeps its codes too: who reports a code that is taken must not make it free.
    """
    if not uses:
        return
    async with (
        connection.cursor() as cursor,
        cursor.copy(
            "COPY trace_code_uses (code, insurer, policy_no, submission_id, delivered_on, known_at) FROM STDIN"
        ) as copy,
    ):
        for use in uses:
            await copy.write_row((use.code, use.insurer, use.policy_no, use.submission_id, use.delivered_on, at))
