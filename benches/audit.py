"""Auditing, entries in a second on one core: the log as it is stored, the log as it is published, and every row.

The floors: of the stored log, the same bytes read from the same table and hashed; of the published one, the same files
read and hashed; of the rows, the digests of messages, receipts and revisions, each read as JSON once, and the requests'
signatures. Rates of rows and of the published log are those of the processor; `database_ms` is what came beside.
"""

import asyncio
import base64
import hashlib
import statistics
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
import psycopg

from benches.line import Line, of_rates, race, seconds_of
from benches.load import send
from benches.market import INSURER, sales, world
from benches.servers import Place, place, service
from benches.wire import sign_all
from gateway.audit.run import Database, audit
from gateway.ledger import key_of, publish
from gateway.ledger.append import append
from gateway.ledger.audit import audit as audit_published
from gateway.ledger.export import export
from gateway.ledger.fetch import fetch_from_folder
from gateway.ledger.merkle import leaf_hash
from gateway.ledger.note import NoteKey
from gateway.ledger.tiles import WIDTH, read_bundle
from schemas.log import Entry
from schemas.verification import Outcome
from signing.algorithms import load_public_key
from signing.generate import new_ed25519_pem
from signing.signer import load_signer

_ORIGIN = "bench.example/log"
_BATCH = 1000
_ENTRIES = 20_000
_AT = datetime(2026, 9, 1, tzinfo=UTC)


class NotWhole(Exception):
    """An audit found something: what was measured is not the job."""


def run(seconds: float, policies: int, entries: int = _ENTRIES) -> Iterator[Line]:
    """Rounds of each audit in turns with its floor; the rows are those of so many policies."""
    yield from _log(seconds, entries)
    at = datetime.now(UTC).replace(microsecond=0)
    with place() as where:
        yield _rows(where, at, policies, seconds)


def _log(seconds: float, entries: int) -> Iterator[Line]:
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
                raise NotWhole(str(found[0]))
            middle = time.perf_counter()
            _floor(dsn)
            values.append(entries / (middle - start))
            floors.append(entries / (time.perf_counter() - middle))
        yield of_rates("ledger.audit", "entries per second", values, floors, entries=entries, rounds=len(values))
        folder = where.folder / "log"
        folder.mkdir()
        asyncio.run(_export(dsn, folder, key_of(_ORIGIN, signer)))
        yield race(
            "ledger.audit-published",
            "entries per second",
            lambda: _audit_published(folder),
            lambda: _hash_published(folder),
            amount=entries,
            seconds=seconds,
            clock=time.process_time,
            entries=entries,
        )


async def _export(dsn: str, folder: Path, key: NoteKey) -> None:
    async with await psycopg.AsyncConnection.connect(dsn, autocommit=True) as connection:
        await export(connection, folder, [key])


def _audit_published(folder: Path) -> None:
    report = audit_published(fetch_from_folder(folder), (folder / "key").read_text(encoding="utf-8"))
    if report.outcome is not Outcome.PASSED:
        raise NotWhole(str(report.failing()))


def _hash_published(folder: Path) -> None:
    """Every tile read, every entry of every bundle read and hashed."""
    for file in sorted((folder / "tile").rglob("*")):
        if file.is_file():
            data = file.read_bytes()
            if "entries" in file.parts:
                width = int(file.name) if file.parent.suffix == ".p" else WIDTH
                for entry in read_bundle(data, width):
                    leaf_hash(entry)


def _rows(where: Place, at: datetime, policies: int, seconds: float) -> Line:
    key = world(at).insurer(INSURER).request_key
    with service(where, at, workers=1) as server:
        sold = sales(at, 0, policies)
        documents = [one.document for one in sold if one.document is not None]
        for requests in (documents, [one.policy for one in sold], [part for one in sold for part in one.receipts]):
            send(server.port, sign_all(requests, key, server.port), connections=8)
    folder = where.folder / "service"
    log_key = key_of("gateway.example/sandbox", load_signer((folder / "gateway-key.pem").read_bytes()))
    database = Database(server.dsn, folder / "participants.json")
    sizes: list[int] = []

    def judge() -> None:
        # Nobody here has the log's SM2 key: a checkpoint holds by the one key that is known.
        found = list(audit(database, [log_key], jobs=1, progress=lambda _, of: sizes.append(of)))
        if found:
            raise NotWhole(str(found[0]))

    before, rounds = where.database_cpu_seconds(), 0
    judge()
    values: list[float] = []
    floors: list[float] = []
    end = time.perf_counter() + seconds
    while len(values) < 3 or time.perf_counter() < end:
        values.append(sizes[-1] / seconds_of(judge, time.process_time))
        floors.append(sizes[-1] / seconds_of(lambda: _least(server.dsn), time.process_time))
        rounds += 1
    database_seconds = (where.database_cpu_seconds() - before) / (rounds + 1)
    return of_rates(
        "audit.rows",
        "entries per second of one core",
        values,
        floors,
        entries=sizes[-1],
        rounds=rounds,
        database_ms=round(1000 * database_seconds),
        ms=round(1000 * sizes[-1] / statistics.median(values)),
    )


def _least(dsn: str) -> None:
    """What no audit of these rows can leave out."""
    with psycopg.connect(dsn) as connection:
        for body, receipt, request in connection.execute("SELECT body, receipt, request FROM submissions"):
            hashlib.sha256(body).digest()
            orjson.loads(body)
            hashlib.sha256(orjson.dumps(orjson.loads(receipt)["report"])).digest()
            _verify(request)
        for (body,) in connection.execute("SELECT body FROM premiums"):
            hashlib.sha256(body).digest()
            orjson.loads(body)
        for (request,) in connection.execute("SELECT request FROM documents"):
            _verify(request)
        for (data,) in connection.execute("SELECT data FROM ledger_entries"):
            leaf_hash(data)


def _verify(request: dict[str, Any]) -> None:
    key: Any = load_public_key(base64.b64decode(request["public_key"])).key
    key.verify(base64.b64decode(request["signature"]), base64.b64decode(request["base"]))


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
