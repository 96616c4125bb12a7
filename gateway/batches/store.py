"""The SQL of batches: the file, how far it is, and what each of its lines was told."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import IO, Any, Literal

import orjson

from gateway.db import Connection
from schemas.verification import Check

CHUNK = 1024 * 1024

Status = Literal["verified", "held", "refused", "conflict"]


@dataclass(frozen=True, slots=True)
class Batch:
    """A file that was handed in, and how far it is. `line` counts from 1; `position` is a byte of the file."""

    id: str
    insurer: str
    digest: str
    content_type: str
    size: int
    message_id: str | None
    keyid: str
    nonce: str | None
    received_at: datetime
    request: Mapping[str, Any]
    checks: tuple[Check, ...]
    line: int = 0
    position: int = 0
    verified: int = 0
    held: int = 0
    refused: int = 0
    conflicts: int = 0
    started_at: datetime | None = None
    ended_at: datetime | None = None

    @property
    def media_type(self) -> str:
        """The content type without its parameters."""
        return self.content_type.split(";")[0].strip().lower()


@dataclass(frozen=True, slots=True)
class Result:
    """What a line was told: a submission, whose receipt says everything; or the checks that kept it from being one."""

    line: int
    status: Status
    submission_id: str | None
    checks: tuple[Check, ...] = ()


@dataclass(frozen=True, slots=True)
class ToldResult:
    """The same with the receipt as it was given."""

    result: Result
    receipt: bytes | None


_COLUMNS = (
    "b.id, b.insurer, b.digest, b.content_type, b.size, b.message_id, b.keyid, b.nonce, b.received_at, b.request, "
    "b.checks, p.line, p.position, p.verified, p.held, p.refused, p.conflicts, p.started_at, p.ended_at "
    "FROM batches b JOIN batch_progress p ON p.batch = b.id "
)
_FIND = ("SELECT " + _COLUMNS + "WHERE b.id = %s AND b.insurer = coalesce(%s, b.insurer)").encode()
_LIST = (
    "SELECT " + _COLUMNS + "WHERE b.insurer = coalesce(%s, b.insurer) ORDER BY b.received_at DESC LIMIT %s"
).encode()


async def keep(connection: Connection, batch: Batch, file: IO[bytes]) -> bool:
    """Keep the file, chunk by chunk, and queue it: all of it or nothing. False if it, or its nonce, is known."""
    async with connection.transaction():
        cursor = await connection.execute(
            "INSERT INTO batches (id, insurer, digest, content_type, size, message_id, keyid, nonce, received_at, "
            "request, checks) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s::jsonb, %s::jsonb) ON CONFLICT DO NOTHING",
            (
                batch.id,
                batch.insurer,
                batch.digest,
                batch.content_type,
                batch.size,
                batch.message_id,
                batch.keyid,
                batch.nonce,
                batch.received_at,
                orjson.dumps(batch.request).decode(),
                _checks_text(batch.checks),
            ),
        )
        if cursor.rowcount == 0:
            return False
        file.seek(0)
        place = 0
        while chunk := file.read(CHUNK):
            await connection.execute(
                "INSERT INTO batch_chunks (batch, place, bytes) VALUES (%s, %s, %b)", (batch.id, place, chunk)
            )
            place += 1
        await connection.execute("INSERT INTO batch_progress (batch) VALUES (%s)", (batch.id,))
        return True


async def find(connection: Connection, batch: str, insurer: str | None = None) -> Batch | None:
    """A batch and how far it is; of this insurer only, if one is given."""
    cursor = await connection.execute(_FIND, (batch, insurer))
    row = await cursor.fetchone()
    return _batch(row) if row else None


async def list_latest(connection: Connection, insurer: str | None, limit: int) -> list[Batch]:
    """The latest batches, newest first; of this insurer only, if one is given."""
    cursor = await connection.execute(_LIST, (insurer, limit))
    return [_batch(row) for row in await cursor.fetchall()]


def _batch(row: tuple[Any, ...]) -> Batch:
    batch = Batch(*row)
    return replace(batch, checks=tuple(Check.model_validate(check) for check in row[10]))


async def list_open(connection: Connection) -> list[str]:
    """The batches that have not ended, in the order in which they came."""
    cursor = await connection.execute(
        "SELECT b.id FROM batch_progress p JOIN batches b ON b.id = p.batch WHERE p.ended_at IS NULL "
        "ORDER BY b.received_at, b.id"
    )
    return [row[0] for row in await cursor.fetchall()]


async def try_claim(connection: Connection, batch: str) -> bool:
    """Make the batch this connection's own until it ends or gives it back; False if it is another's.

    The server frees what a process claimed as soon as its connection is gone, however it went.
    """
    cursor = await connection.execute("SELECT pg_try_advisory_lock(hashtextextended(%s, 7))", (batch,))
    row = await cursor.fetchone()
    return bool(row and row[0])


async def give_back(connection: Connection, batch: str) -> None:
    """Let others claim the batch."""
    await connection.execute("SELECT pg_advisory_unlock(hashtextextended(%s, 7))", (batch,))


async def read_chunk(connection: Connection, batch: str, place: int) -> bytes | None:
    """The chunk of the file at this place; None behind its end."""
    cursor = await connection.execute("SELECT bytes FROM batch_chunks WHERE batch = %s AND place = %s", (batch, place))
    row = await cursor.fetchone()
    return bytes(row[0]) if row else None


async def begin(connection: Connection, batch: str, at: datetime) -> None:
    """The work on the batch begins; when it goes on, nothing is said."""
    await connection.execute(
        "UPDATE batch_progress SET started_at = %s WHERE batch = %s AND started_at IS NULL AND ended_at IS NULL",
        (at, batch),
    )


async def end(connection: Connection, batch: str, at: datetime) -> None:
    """Every line has its answer."""
    await connection.execute(
        "UPDATE batch_progress SET ended_at = %s WHERE batch = %s AND ended_at IS NULL", (at, batch)
    )


async def advance(
    connection: Connection, batch: str, before: int, line: int, position: int, results: Sequence[Result]
) -> None:
    """What the lines behind `before` up to `line` were told; `position` is where the next one begins.

    Raises `LookupError` if the batch is not where it should be: somebody else worked on it.
    """
    told = [result.status for result in results]
    async with connection.transaction():
        cursor = await connection.execute(
            "UPDATE batch_progress SET line = %s, position = %s, verified = verified + %s, held = held + %s, "
            "refused = refused + %s, conflicts = conflicts + %s WHERE batch = %s AND line = %s AND ended_at IS NULL",
            (
                line,
                position,
                told.count("verified"),
                told.count("held"),
                told.count("refused"),
                told.count("conflict"),
                batch,
                before,
            ),
        )
        if cursor.rowcount != 1:
            raise LookupError(f"{batch} is not at line {before}")
        await connection.execute(
            "INSERT INTO batch_results (batch, line, status, submission_id, checks) "
            "SELECT %s, * FROM unnest(%s::bigint[], %s::text[], %s::text[], %s::text[]::jsonb[])",
            (
                batch,
                [result.line for result in results],
                told,
                [result.submission_id for result in results],
                [_checks_text(result.checks) if result.checks else None for result in results],
            ),
        )


async def list_results(connection: Connection, batch: str, after: int, limit: int) -> list[ToldResult]:
    """What the next lines behind `after` were told, in order."""
    cursor = await connection.execute(
        "SELECT r.line, r.status, r.submission_id, r.checks, CASE WHEN r.status <> 'conflict' THEN s.receipt END "
        "FROM batch_results r LEFT JOIN submissions s ON s.id = r.submission_id "
        "WHERE r.batch = %s AND r.line > %s ORDER BY r.line LIMIT %s",
        (batch, after, limit),
    )
    found = []
    for line, status, submission, checks, receipt in await cursor.fetchall():
        result = Result(line, status, submission, tuple(Check.model_validate(check) for check in checks or ()))
        found.append(ToldResult(result, None if receipt is None else bytes(receipt)))
    return found


def _checks_text(checks: Sequence[Check]) -> str:
    return orjson.dumps([check.model_dump(mode="json", exclude_none=True) for check in checks]).decode()
