"""Appending to the log, as many entries in a transaction as the service shares; the floor hashes and copies the same
bytes into a table with the same indexes and no chain of custody, and commits as durably.

Once the appends alone, and once with the publisher at work as often as a service has it by default, signing with both
keys, and with proofs taken from what it published: how long the leaf that waited longest waited for its proof.
"""

import asyncio
import itertools
import secrets
import statistics
import time
from collections.abc import Iterator
from datetime import UTC, datetime

import psycopg

from benches.line import Line, of_rates
from benches.servers import place
from gateway.config import Config
from gateway.db import Connection
from gateway.ledger.append import append
from gateway.ledger.merkle import leaf_hash
from gateway.ledger.proofs import prove
from gateway.ledger.publish import publish
from schemas.canonical import canonical
from schemas.log import Entry
from signing.generate import new_ed25519_pem
from signing.signer import load_signer, sm2_signer

_BATCH = 64
_PUBLISH_EVERY = Config().publish_every_seconds
_ORIGIN = "bench.example/log"
_TABLE = "CREATE TABLE floor_entries (LIKE ledger_entries INCLUDING INDEXES)"
_COPY = "COPY floor_entries (index, leaf_hash, kind, at, data) FROM STDIN"


def run(seconds: float) -> Iterator[Line]:
    """Batches in turns with their floor."""
    with place() as where:
        values, floors = asyncio.run(_race(where.new_database("log"), seconds))
        yield of_rates("ledger.append", "entries per second", values, floors, batch=_BATCH, rounds=len(values))
        rate, waits = asyncio.run(_publish_beside(where.new_database("log_published"), seconds))
    floor = statistics.median(floors)
    yield Line(
        "ledger.publish",
        rate,
        "entries per second",
        floor,
        rate / floor,
        more={
            "batch": _BATCH,
            "checkpoints": len(waits),
            "proof_after_seconds": round(statistics.median(waits), 3),
            "proof_after_seconds_at_most": round(max(waits), 3),
        },
    )


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
                await append(connection, entries, origin=_ORIGIN)
            middle = time.perf_counter()
            await _floor(connection, first, entries)
            values.append(_BATCH / (middle - start))
            floors.append(_BATCH / (time.perf_counter() - middle))
    return values, floors


async def _publish_beside(dsn: str, seconds: float) -> tuple[float, list[float]]:
    """Entries per second, and for each checkpoint how long after its commit the oldest new leaf had its proof."""
    connect = psycopg.AsyncConnection.connect
    committed: list[tuple[int, float]] = []  # the first leaf of each batch, and when it was committed
    waits: list[float] = []
    signers = load_signer(new_ed25519_pem()), sm2_signer(secrets.randbelow(1 << 255) + 1)
    end = time.perf_counter() + seconds

    async def write() -> float:
        async with await connect(dsn, autocommit=True, prepare_threshold=1) as connection:
            start = time.perf_counter()
            for number in itertools.count():
                if (now := time.perf_counter()) > end:
                    return number * _BATCH / (now - start)
                entries = [_entry(place) for place in range(number * _BATCH, (number + 1) * _BATCH)]
                async with connection.transaction():
                    leaves = await append(connection, entries, origin=_ORIGIN)
                committed.append((leaves[0].index, time.perf_counter()))
        raise AssertionError("counting has no end")

    async def publish_often() -> None:
        async with await connect(dsn, autocommit=True, prepare_threshold=1) as connection:
            while time.perf_counter() < end:
                await asyncio.sleep(_PUBLISH_EVERY)
                signed = await publish(connection, signers[0], beside=signers[1:], origin=_ORIGIN, at=datetime.now(UTC))
                covered = [one for one in committed if signed and one[0] < signed.size]
                if covered:
                    proof = await prove(connection, covered[0][0], origin=_ORIGIN)
                    assert proof.inclusion is not None, "the checkpoint covers it"
                    waits.append(time.perf_counter() - covered[0][1])
                    del committed[: len(covered)]

    rate, _ = await asyncio.gather(write(), publish_often())
    return rate, waits


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
