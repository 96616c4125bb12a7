"""The SQL of filings: bitemporal, append-only. What is stated, as of which day, and since when it is known."""

import asyncio
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from psycopg.pq import TransactionStatus

from gateway.db import Connection
from gateway.errors import GatewayError
from gateway.filing.registry import FilingRegistry, statement_digest, statement_of
from schemas.canonical import canonical
from schemas.filing import Filing, Source

_WRITER_LOCK = 0x66696C65  # any fixed number: one writer of filings at a time, so that ids follow commits


class Superseded(GatewayError):
    """A later statement of the same source is known already; an older one would undo it."""


@dataclass(frozen=True, slots=True)
class Recorded:
    """How many statements a recording added, superseded, dropped (no longer in a whole statement) or left as known.

    `confirmed` says that a whole statement spoke of a day, or in a way, in which it had not spoken before.
    """

    new: int
    superseded: int
    dropped: int
    unchanged: int
    confirmed: bool = False

    @property
    def says_something_new(self) -> bool:
        """Whether anything was appended."""
        return bool(self.new or self.superseded or self.dropped or self.confirmed)


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement as it was recorded; `filing` is `None` where a whole statement left the number out."""

    registry: str
    insurer: str
    known_from: datetime
    digest: str
    filing: Filing | None


@dataclass(frozen=True, slots=True)
class _Known:
    insurer: str
    digest: str
    as_of: date
    is_stated: bool


async def lock(connection: Connection) -> None:
    """Be the one writer of filings until the transaction ends."""
    await connection.execute("SELECT pg_advisory_xact_lock(%s)", (_WRITER_LOCK,))


async def keep_file(
    connection: Connection, data: bytes, *, sender: str, media_type: str, at: datetime, proof: Mapping[str, Any]
) -> int:
    """Keep a pushed file as it came; its id. `proof` is the signed request that brought it."""
    cursor = await connection.execute(
        "INSERT INTO filing_files (sender, received_at, media_type, digest, bytes, request) "
        "VALUES (%s, %s, %s, %s, %s, %s) RETURNING id",
        (sender, at, media_type, f"sha256:{hashlib.sha256(data).hexdigest()}", data, canonical(dict(proof)).decode()),
    )
    row = await cursor.fetchone()
    assert row is not None  # an insert that returns has a row
    return int(row[0])


async def record(
    connection: Connection, filings: Sequence[Filing], at: datetime, *, whole: Source | None, file: int | None = None
) -> Recorded:
    """Append what differs from what is known, as known from `at` on.

    With `whole` the filings are all that this source states: what it stated before and leaves out now is recorded as no
    longer stated, and the source's day counts for everything it states, changed or not. Without it they are single
    statements. Raises `Superseded` if a later statement is known, `ValueError` if the filings are not of one mind or
    not of `whole`, `RuntimeError` outside of a transaction.
    """
    if connection.info.transaction_status != TransactionStatus.INTRANS:
        raise RuntimeError("filings are recorded inside a transaction of the caller")
    _check_coherent(filings, whole)
    digests = await asyncio.to_thread(lambda: list(map(statement_digest, filings)))
    await lock(connection)
    await _check_moment(connection, at)
    registries = {filing.source.registry for filing in filings} | ({whole.registry} if whole else set())
    wholes = await _wholes(connection, registries)
    if whole is not None and whole.as_of < wholes.get(whole.registry, whole.as_of):
        raise Superseded(f"{whole.registry}: a statement as of {wholes[whole.registry]} is known")
    known = await _latest(connection, registries)
    rows: list[tuple[Any, ...]] = []
    added = superseded = unchanged = 0
    for filing, digest in zip(filings, digests, strict=True):
        key = (filing.source.registry, filing.registration_no)
        before = known.pop(key, None)
        if before is not None and before.is_stated and before.digest == digest:
            unchanged += 1
            continue
        latest = max((before.as_of if before else date.min), wholes.get(filing.source.registry, date.min))
        if filing.source.as_of < latest:
            raise Superseded(f"{filing.registration_no}: a statement as of {latest} is known")
        superseded += before is not None
        added += before is None
        texts = (statement_of(filing).decode(), canonical(filing.source).decode())
        rows.append((*key, filing.insurer, at, digest, *texts, file))
    dropped, confirmed = 0, False
    if whole is not None:
        source_text = canonical(whole).decode()
        for (registry, number), before in known.items():
            if before.is_stated:
                dropped += 1
                rows.append((registry, number, before.insurer, at, "", None, source_text, file))
        confirmed = await _append_whole(connection, whole, digests, at, file)
    await _append(connection, rows)
    return Recorded(added, superseded, dropped, unchanged, confirmed)


def _check_coherent(filings: Sequence[Filing], whole: Source | None) -> None:
    keys = {(filing.source.registry, filing.registration_no) for filing in filings}
    if len(keys) < len(filings):
        raise ValueError("a number is stated twice")
    if whole is not None and any(
        (filing.source.registry, filing.source.as_of) != (whole.registry, whole.as_of) for filing in filings
    ):
        raise ValueError(f"not all of this is the statement of {whole.registry} as of {whole.as_of}")


async def _check_moment(connection: Connection, at: datetime) -> None:
    """What is known when must stay so: nothing becomes known before what is known already."""
    cursor = await connection.execute(
        "SELECT max(known_from) FROM (SELECT max(known_from) AS known_from FROM filings "
        "UNION ALL SELECT max(known_from) FROM filing_sources) AS moments"
    )
    (latest,) = await cursor.fetchone() or (None,)
    if latest is not None and at < latest:
        raise Superseded(f"statements are known from {latest.isoformat()} on; {at.isoformat()} is earlier")


async def _wholes(connection: Connection, registries: set[str]) -> dict[str, date]:
    cursor = await connection.execute(
        "SELECT DISTINCT ON (registry) registry, as_of FROM filing_sources WHERE registry = ANY(%s) "
        "ORDER BY registry, id DESC",
        (list(registries),),
    )
    return dict(await cursor.fetchall())


async def _latest(connection: Connection, registries: set[str]) -> dict[tuple[str, str], _Known]:
    cursor = await connection.execute(
        "SELECT DISTINCT ON (registry, registration_no) registry, registration_no, insurer, digest, "
        "(source->>'as_of')::date, statement IS NOT NULL FROM filings WHERE registry = ANY(%s) "
        "ORDER BY registry, registration_no, id DESC",
        (list(registries),),
    )
    return {(row[0], row[1]): _Known(*row[2:]) for row in await cursor.fetchall()}


def digest_of_all(digests: Sequence[str]) -> str:
    """What a whole statement is known by: the digest of the digests of all that it states."""
    return f"sha256:{hashlib.sha256(canonical(sorted(digests))).hexdigest()}"


async def _append_whole(
    connection: Connection, whole: Source, digests: Sequence[str], at: datetime, file: int | None
) -> bool:
    """Keep the source's day, unless the same was said last; whether it was kept."""
    digest = digest_of_all(digests)
    cursor = await connection.execute(
        "SELECT as_of, digest FROM filing_sources WHERE registry = %s ORDER BY id DESC LIMIT 1", (whole.registry,)
    )
    if await cursor.fetchone() == (whole.as_of, digest):
        return False
    await connection.execute(
        "INSERT INTO filing_sources (registry, as_of, fetched_at, known_from, digest, count, file) "
        "VALUES (%s, %s, %s, %s, %s, %s, %s)",
        (whole.registry, whole.as_of, whole.fetched_at, at, digest, len(digests), file),
    )
    return True


async def _append(connection: Connection, rows: Sequence[tuple[Any, ...]]) -> None:
    if not rows:
        return
    async with (
        connection.cursor() as cursor,
        cursor.copy(
            "COPY filings (registry, registration_no, insurer, known_from, digest, statement, source, file) FROM STDIN"
        ) as copy,
    ):
        for row in rows:
            await copy.write_row(row)


async def load(connection: Connection, known_at: datetime | None = None) -> FilingRegistry:
    """The registry as it was known at `known_at`, or as it is known now."""
    return await _load(connection, known_at, await version(connection))


async def version(connection: Connection) -> tuple[int, int]:
    """What changes with every recording: the last row of each table. Cheap."""
    cursor = await connection.execute(
        "SELECT (SELECT coalesce(max(id), 0) FROM filings), (SELECT coalesce(max(id), 0) FROM filing_sources)"
    )
    row = await cursor.fetchone()
    assert row is not None  # an aggregate always has a row
    return row[0], row[1]


async def _load(connection: Connection, known_at: datetime | None, upto: tuple[int, int]) -> FilingRegistry:
    cursor = await connection.execute(
        "SELECT digest, statement, source FROM "
        "(SELECT DISTINCT ON (registry, registration_no) digest, statement, source FROM filings "
        "WHERE id <= %s AND known_from <= coalesce(%s, 'infinity'::timestamptz) "
        "ORDER BY registry, registration_no, id DESC) AS latest WHERE statement IS NOT NULL",
        (upto[0], known_at),
    )
    rows = await cursor.fetchall()
    wholes = await list_wholes(connection, known_at, upto[1])
    # In a thread: a registry of a whole market takes seconds, in which others shall be answered.
    return await asyncio.to_thread(_registry, rows, wholes, known_at)


def _registry(rows: Sequence[Sequence[Any]], wholes: Sequence[Source], known_at: datetime | None) -> FilingRegistry:
    filings = [_filing(statement, source) for _, statement, source in rows]
    digests = {(one.source.registry, one.registration_no): row[0] for one, row in zip(filings, rows, strict=True)}
    return FilingRegistry(filings, wholes, known_at=known_at, digests=digests)


async def list_wholes(connection: Connection, known_at: datetime | None, upto: int | None = None) -> tuple[Source, ...]:
    """The latest whole statement of each source at `known_at`, or now; up to row `upto` if given."""
    cursor = await connection.execute(
        "SELECT DISTINCT ON (registry) registry, as_of, fetched_at FROM filing_sources WHERE "
        "id <= coalesce(%s, 9223372036854775807) AND known_from <= coalesce(%s, 'infinity'::timestamptz) "
        "ORDER BY registry, id DESC",
        (upto, known_at),
    )
    return tuple([Source(registry=row[0], as_of=row[1], fetched_at=row[2]) async for row in cursor])


class CurrentRegistry:
    """The registry as it is known now, read again only when something was recorded. One for each process."""

    def __init__(self) -> None:
        self._version: tuple[int, int] | None = None
        self._registry = FilingRegistry()

    async def __call__(self, connection: Connection) -> FilingRegistry:
        """The registry as this connection sees it."""
        now = await version(connection)
        if now != self._version:
            # Both are set together, after the read: a concurrent call reads once too often, never stale.
            registry = await _load(connection, None, now)
            self._version, self._registry = now, registry
            return registry
        return self._registry


async def find_statements(connection: Connection, registration_no: str, known_at: datetime | None) -> list[Statement]:
    """What each source stated about the number at `known_at`, or now; empty if none ever did."""
    cursor = await connection.execute(
        "SELECT DISTINCT ON (registry) registry, insurer, known_from, digest, statement, source FROM filings "
        "WHERE registration_no = %s AND known_from <= coalesce(%s, 'infinity'::timestamptz) "
        "ORDER BY registry, id DESC",
        (registration_no, known_at),
    )
    return [_statement(row) async for row in cursor]


async def list_history(connection: Connection, registration_no: str) -> list[Statement]:
    """Every statement that was ever recorded about the number, first to last."""
    cursor = await connection.execute(
        "SELECT registry, insurer, known_from, digest, statement, source FROM filings "
        "WHERE registration_no = %s ORDER BY id",
        (registration_no,),
    )
    return [_statement(row) async for row in cursor]


async def list_filings(
    connection: Connection, insurer: str | None, known_at: datetime | None, after: str, limit: int
) -> list[Statement]:
    """What is stated, of one insurer or of all, behind the number `after`, in the order of numbers; at most `limit`.

    A number that several sources state counts once for each, and they are never torn apart: `limit` counts numbers.
    """
    cursor = await connection.execute(
        "WITH latest AS (SELECT DISTINCT ON (registration_no, registry) "
        "registration_no, registry, insurer, known_from, "
        "digest, statement, source FROM filings WHERE registration_no > %(after)s "
        "AND known_from <= coalesce(%(known_at)s, 'infinity'::timestamptz) "
        "ORDER BY registration_no, registry, id DESC), "
        "stated AS (SELECT *, dense_rank() OVER (ORDER BY registration_no) AS place FROM latest "
        "WHERE statement IS NOT NULL AND (%(insurer)s::text IS NULL OR insurer = %(insurer)s)) "
        "SELECT registry, insurer, known_from, digest, statement, source FROM stated WHERE place <= %(limit)s "
        "ORDER BY registration_no, registry",
        {"after": after, "known_at": known_at, "insurer": insurer, "limit": limit},
    )
    return [_statement(row) async for row in cursor]


def _statement(row: Sequence[Any]) -> Statement:
    filing = None if row[4] is None else _filing(row[4], row[5])
    return Statement(registry=row[0], insurer=row[1], known_from=row[2], digest=row[3], filing=filing)


def _filing(statement: dict[str, Any], source: dict[str, Any]) -> Filing:
    return Filing.model_validate({**statement, "source": source})
