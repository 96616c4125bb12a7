"""Appending to the log, as many entries in a transaction as the service shares; the floor hashes and copies the same
bytes into a table with the same indexes and no chain of custody, and commits as durably."""

import asyncio
import itertools
import time
from collections.abc import Iterator
from datetime import UTC, datetime

import psycopg

from benches.line import Line, of_rates
from benches.servers import place
from gateway.db import Connection
from gateway.ledger.append import append
from gateway.ledger.merkle import leaf_hash
from schemas.canonical import canonical
from schemas.log import Entry

_BATCH = 64
_TABLE = "CREATE TABLE floor_entries (LIKE ledger_entries INCLUDING INDEXES)"
_COPY = "COPY floor_entries (index, leaf_hash, kind, at, data) FROM STDIN"


def run(seconds: float) -> Iterator[Line]:
    """Batches in turns with their floor."""
    with place() as where:
        values, floors = asyncio.run(_race(where.new_database("log"), seconds))
    yield of_rates("ledger.append", "entries per second", values, floors, batch=_BATCH, rounds=len(values))


async def _race(dsn: str, seconds: float) -> tuple[list[float], list[float]]:
    values: list[float] = []
    floors: list[float] = []
    numbers = itertools.count()
    async with await psycopg.AsyncConnection.connect(dsn, autocommit=True, prepare_threshold=1) as connection:
        await connection.execute(_TABLE)
        end = time.perf_counter() + seconds
        while len(values) < 3 or time.perf_counter() < end:
            first = next(numbers) * _BATCH
            entries = [_entry(number) for number in range(first, first + _BATCH)]
            start = time.perf_counter()
            async with connection.transaction():
                await append(connection, entries, origin="bench.example/log")
            middle = time.perf_counter()
            await _floor(connection, first, entries)
            values.append(_BATCH / (middle - start))
            floors.append(_BATCH / (time.perf_counter() - middle))
    return values, floors


async def _floor(connection: Connection, first: int, entries: list[Entry]) -> None:
    async with connection.transaction(), connection.cursor() as cursor, cursor.copy(_COPY) as copy:
        for place_in_line, entry in enumerate(entries):
            data = canonical(entry)
            await copy.write_row((first + place_in_line, leaf_hash(data), entry.kind, entry.at, data))


def _entry(number: int) -> Entry:
    body = {
        "submission_id": f"S{number:032x}",
        "insurer": "SANDBOX-C",
        "body_digest": f"sha256:{number:064x}",
        "outcome": "passed",
        "report_digest": f"sha256:{number:064x}",
    }
    return Entry(kind="submission", at=datetime.now(UTC), body=body)
