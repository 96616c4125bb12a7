"""Auditing the log as it is stored, entries in a second on one core: every hash, form, tile and checkpoint.

The floor reads the same bytes from the same table and hashes them.
"""

import asyncio
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import psycopg

from benches.line import Line, of_rates
from benches.servers import place
from gateway.audit.run import Database, audit
from gateway.ledger import key_of, publish
from gateway.ledger.append import append
from gateway.ledger.merkle import leaf_hash
from schemas.log import Entry
from signing.generate import new_ed25519_pem
from signing.signer import load_signer

_ORIGIN = "bench.example/log"
_BATCH = 1000
_ENTRIES = 20_000
_AT = datetime(2026, 9, 1, tzinfo=UTC)


def run(seconds: float, entries: int = _ENTRIES) -> Iterator[Line]:
    """Rounds of the audit in turns with their floor."""
    key = new_ed25519_pem()
    signer = load_signer(key)
    with place() as where:
        dsn = where.new_database("audit")
        asyncio.run(_fill(dsn, entries, key))
        values: list[float] = []
        floors: list[float] = []
        end = time.perf_counter() + seconds
        while len(values) < 3 or time.perf_counter() < end:
            start = time.perf_counter()
            found = list(audit(Database(dsn), [key_of(_ORIGIN, signer)], jobs=1, progress=_say_nothing))
            if found:
                raise RuntimeError(f"the log is not whole: {found[0]}")
            middle = time.perf_counter()
            _floor(dsn)
            values.append(entries / (middle - start))
            floors.append(entries / (time.perf_counter() - middle))
    yield of_rates("ledger.audit", "entries per second", values, floors, entries=entries, rounds=len(values))


async def _fill(dsn: str, entries: int, key: bytes) -> None:
    signer = load_signer(key)
    async with await psycopg.AsyncConnection.connect(dsn, autocommit=True, prepare_threshold=1) as connection:
        for first in range(0, entries, _BATCH):
            async with connection.transaction():
                batch = [_entry(number) for number in range(first, min(entries, first + _BATCH))]
                await append(connection, batch, origin=_ORIGIN)
            await publish(connection, signer, origin=_ORIGIN, at=_AT + timedelta(seconds=first))


def _say_nothing(_done: int, _of: int) -> None:
    """Nobody watches."""


def _floor(dsn: str) -> None:
    """Every entry once, in batches of the same size, and its hash."""
    with psycopg.connect(dsn) as connection, connection.cursor("floor", binary=True) as cursor:
        cursor.itersize = 2048
        cursor.execute("SELECT data FROM ledger_entries ORDER BY index")
        for (data,) in cursor:
            leaf_hash(data)


def _entry(number: int) -> Entry:
    body = {
        "submission_id": f"S{number:032x}",
        "insurer": "SANDBOX-C",
        "body_digest": f"sha256:{number:064x}",
        "outcome": "passed",
        "report_digest": f"sha256:{number:064x}",
    }
    return Entry(kind="submission", at=_AT, body=body)
