"""The ledger's cost of a record among ten thousand and among millions: it must be the same.

A database is filled with what real lives leave behind: some hundred simulated policies go through the ledger, then all
rows that this made, those that the database derives with them, are written again and again under other names by the
server itself, until there are as many records as asked for. Every index that an arriving record touches has its size
then; bytes that no index holds are cut short. Copies come from earlier years; what senders choose, message ids and
nonces, is at random. At each size fresh lives arrive, in turns with the same lives under other names in a copy of the
smallest database: that one is the floor. The server has the memory that an operator would give it (docs/runbook.md).
"""

import asyncio
import hashlib
import statistics
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any, LiteralString

import orjson
import psycopg
from psycopg import sql

from benches.line import Line
from benches.servers import cpu_seconds, place
from benches.year import Year, arrivals, judges, send, simulate
from gateway.db import Connection, create_database, new_pool
from gateway.submissions.arrival import Arrival
from gateway.submissions.gather import Judges
from gateway.submissions.receive import receive

_LIVES = 300  # of which all others are copies; fewer where fewer records are asked for
_BATCH = 64
_WARM = 3  # batches that are not counted: plans are made, pages are fetched
_MANY = 5  # as many times as many records: then indexes are built anew rather than row by row
_COPY, _LIVE = 100_001, 900_001  # under which names copies begin, and lives; those that are copied bear 330100
_APART = timedelta(seconds=1.2)  # from copy to copy
_BEFORE = timedelta(days=400)  # copies, before what they are copied from
_SERVER = {"shared_buffers": "4GB", "max_wal_size": "8GB"}

# What is replaced wherever it stands, so that a copy is another policy, of another product, with other numbers.
_NAMES: tuple[tuple[str, str], ...] = (
    ("PYEAR2026330100", "PYEAR2026{0}"),
    ("2633000000", "2633{0}"),
    ("号片", "号{0}片"),
    ("award-", "award-{0}-"),
)
_APPROVAL = "国药准字H2024"

# Every table that grows with lives.
_TABLES: tuple[LiteralString, ...] = (
    "documents", "document_verdicts", "submissions", "records", "premiums", "movements", "product_claims",
    "day_records", "premium_facts", "compliance_facts", "exposure_facts", "premium_search", "search_names",
    "impact_standing", "impact_grounds", "impact_signers", "ledger_entries",
)  # fmt: skip
_NAMED = (
    "policy_no", "number", "key", "source", "product_name", "approval_no", "product", "name", "code",
)  # fmt: skip
# Columns that count on from copy to copy, and the one that says how far.
_COUNTED: dict[str, str] = {
    "document_verdicts.id": "document_verdicts.id",
    "movements.id": "movements.id",
    "product_claims.seq": "product_claims.seq",
    "records.seq": "records.seq",
    "day_records.seq": "records.seq",
    "ledger_entries.index": "ledger_entries.index",
    "premiums.leaf_index": "ledger_entries.index",
    **{
        f"{table}.position": "premiums.position"
        for table in ("premiums", "premium_facts", "compliance_facts", "exposure_facts", "premium_search")
    },
}
# As `id_of_submission`: the second, moved like all moments, and a digest.
_ID = (
    "'S' || lpad(to_hex(('x' || substr({0}, 2, 8))::bit(32)::bigint + %(seconds)s), 8, '0')"
    " || left(md5({0} || %(name)s), 24)"
)
_DIGEST = "'sha256:' || md5({0} || %(name)s) || md5(%(name)s || {0})"
_JSON = "filler.named({0}::text, %(name)s)::jsonb"
_LEAF = "convert_to(index || '-' || %(name)s, 'UTF8')"
_SHORT = "substring({0} FROM 1 FOR 20)"
_RENAMED: dict[str, LiteralString] = {
    **dict.fromkeys(("submissions.id", "submission_id", "policy_submission"), _ID),
    **dict.fromkeys(("body_digest", "digest"), _DIGEST),
    "record": _JSON,
    "facts": "'{{}}'::jsonb",
    **dict.fromkeys(("submissions.body", "premiums.body", "receipt"), _SHORT),
    **dict.fromkeys(_NAMED, "filler.named({0}, %(name)s)"),
    "impact_grounds.name": "CASE kind WHEN 'document' THEN " + _DIGEST + " ELSE {0} END",
    "message_id": "md5({0} || %(name)s)",
    "nonce": "md5({0} || %(name)s)",
    "lineage": "'{{}}'::jsonb",
    "premiums.leaf_hash": "md5({0} || %(name)s) || md5(%(name)s || {0})",
    "ledger_entries.data": _LEAF,
    "ledger_entries.leaf_hash": "sha256('\\x00'::bytea || " + _LEAF + ")",
    # A day's totals grow from copy to copy.
    "day_records.count": "{0} + %(copy)s * max({0}) OVER (PARTITION BY insurer, day, type)",
    "day_records.amount": "{0} + %(copy)s * max({0}) OVER (PARTITION BY insurer, day, type)",
}
# What a server that has run for long has in memory: the one index in which a message belongs anywhere.
_RESIDENT = "SELECT count(*) FROM (SELECT FROM submissions ORDER BY insurer, message_id OFFSET 0) AS every"
# A sealed document for each policy. What its bytes are makes no difference here.
_DOCUMENTS = """
INSERT INTO documents (digest, insurer, media_type, size, bytes, received_at, request)
SELECT 'sha256:' || md5(policy_no) || md5(insurer), insurer, 'application/ofd', 0, '', known_at, '{}'
FROM records WHERE type = 'policy';
INSERT INTO document_verdicts (digest, insurer, at, trust_digest, profile, outcome, kind, policy_no, verdict)
SELECT 'sha256:' || md5(policy_no) || md5(insurer), insurer, known_at, 'sha256:none', '', 'passed', 'policy', policy_no,
    '{"kind": "policy", "fields": {}, "report": {"outcome": "passed", "checks": [], "seals":
      [{"signer": {"serial": "01", "issuer": "CN=Example CA"}}]}}'
FROM records WHERE type = 'policy';
"""


def run(sizes: Sequence[int], lives: int) -> Iterator[Line]:
    """For each size but the smallest: milliseconds a record there, beside the smallest in the same minutes."""
    by = judges()
    smallest, *larger = sorted(set(sizes))
    with place(_SERVER) as where:
        dsn = where.new_database("filled")
        asyncio.run(_receive_all(dsn, simulate(min(_LIVES, max(12, smallest // 12)), 1), by))
        filler = Filler(dsn)
        filler.fill(smallest)
        create_database(where.dsn, "smallest", template="filled")
        for number, size in enumerate(larger):
            floor = create_database(where.dsn, f"floor_{number}", template="smallest")
            records = filler.fill(size)
            turns = [_arrivals(simulate(lives, 2 + number), _LIVE + 2 * number + side, by) for side in (0, 1)]
            yield asyncio.run(_measured((floor, dsn), (turns[0], turns[1]), by)).line(records, smallest, lives)


async def _receive_all(dsn: str, year: Year, by: Judges) -> None:
    async with new_pool(dsn, 2) as pool, pool.connection() as connection:
        await send(connection, year, by)


# Filling


class Filler:
    """What writes the rows of the first lives again, in a database that holds nothing else yet. Triggers do not run:
    what they would have made is copied as well, but for totals that all lives share, which stay as few as they are."""

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn
        self._copies = 0
        with self._connect() as connection:
            connection.execute(_DOCUMENTS)
            connection.execute("CREATE SCHEMA filler")
            connection.execute(_named_in_sql())
            for table in _TABLES:
                connection.execute(sql.SQL("CREATE TABLE filler.{0} AS TABLE {0}").format(sql.Identifier(table)))
            self._statements = [_statement(connection, table) for table in _TABLES]
            self._spans = {
                counter: _row(connection, "SELECT min({1}), max({1}) + 1 FROM filler.{0}", counter)
                for counter in set(_COUNTED.values())
            }
            (self._records,) = _row(connection, "SELECT count(*) FROM {0}", "records.seq")

    def fill(self, size: int) -> int:
        """Copy until there are about as many records; how many there are."""
        with self._connect() as connection:
            (count,) = _row(connection, "SELECT count(*) FROM {0}", "records.seq")
            copies = max(0, round((size - count) / self._records))
            heads = {counter: _row(connection, "SELECT max({1}) + 1 FROM {0}", counter)[0] for counter in self._spans}
            dropped = _drop_indexes(connection) if copies * self._records >= _MANY * count else []
            began = time.perf_counter()
            for copy in range(copies):
                self._copies += 1
                later = self._copies * _APART - _BEFORE
                parameters = {"name": str(_COPY + self._copies), "copy": self._copies, "later": later}
                parameters["seconds"] = int(later.total_seconds())
                for counter, (first, end) in self._spans.items():
                    parameters[counter] = heads[counter] - first
                    heads[counter] += end - first
                with connection.transaction():
                    for statement in self._statements:
                        connection.execute(statement, parameters)
                if copy % 500 == 499:
                    print(f"{copy + 1} of {copies}: {time.perf_counter() - began:.0f} s", file=sys.stderr, flush=True)
            for definition in dropped:
                connection.execute(definition)
            _set_heads(connection, heads)
            connection.execute("VACUUM ANALYZE")
            connection.execute("CHECKPOINT")
            for setting in ("seqscan", "bitmapscan", "sort"):
                connection.execute(sql.SQL("SET enable_{} = off").format(sql.SQL(setting)))
            connection.execute(_RESIDENT)
            return int(count + copies * self._records)

    def _connect(self) -> psycopg.Connection[Any]:
        options = "-c session_replication_role=replica -c synchronous_commit=off -c maintenance_work_mem=1GB"
        return psycopg.connect(self._dsn, autocommit=True, options=options, prepare_threshold=1)


def _named(text: str, name: str) -> str:
    """The same of other policies; as `filler.named` does it."""
    for old, new in _NAMES:
        text = text.replace(old, new.format(name))
    return text.replace(_APPROVAL, f"国药准字H{name[2:]}")


def _named_in_sql() -> sql.Composed:
    body: sql.Composable = sql.SQL("told")
    for old, new in _NAMES:
        before, behind = new.split("{0}")
        body = sql.SQL("replace({}, {}, {} || name || {})").format(body, old, before, behind)
    # Approval numbers of their own kind: live ones bear an H.
    body = sql.SQL("replace({}, {}, '国药准字Z' || right(name, 4))").format(body, _APPROVAL)
    return sql.SQL(
        "CREATE FUNCTION filler.named(told text, name text) RETURNS text LANGUAGE sql IMMUTABLE RETURN {}"
    ).format(body)


def _statement(connection: psycopg.Connection[Any], table: LiteralString) -> sql.Composed:
    columns = connection.execute(
        "SELECT column_name, data_type FROM information_schema.columns "
        "WHERE table_schema = 'public' AND table_name = %s AND is_generated = 'NEVER' ORDER BY ordinal_position",
        (table,),
    ).fetchall()
    values = []
    for column, kind in columns:
        whole = f"{table}.{column}"
        if whole in _COUNTED:
            values.append(sql.SQL("{} + {}").format(sql.Identifier(column), sql.Placeholder(_COUNTED[whole])))
        elif kind == "timestamp with time zone":
            values.append(sql.SQL("{} + %(later)s").format(sql.Identifier(column)))
        else:
            shape = _RENAMED.get(whole) or _RENAMED.get(column, "{0}")
            values.append(sql.SQL(shape).format(sql.Identifier(column)))
    return sql.SQL(
        "INSERT INTO {0} ({1}) OVERRIDING SYSTEM VALUE SELECT {2} FROM filler.{0} ON CONFLICT DO NOTHING"
    ).format(
        sql.Identifier(table),
        sql.SQL(", ").join(sql.Identifier(column) for column, _ in columns),
        sql.SQL(", ").join(values),
    )


def _row(connection: psycopg.Connection[Any], query: LiteralString, counter: str) -> tuple[int, ...]:
    found = connection.execute(sql.SQL(query).format(*map(sql.Identifier, counter.split(".")))).fetchone()
    assert found is not None
    return tuple(found)


def _drop_indexes(connection: psycopg.Connection[Any]) -> list[LiteralString]:
    """Drop what no constraint needs; how to make it again."""
    found = connection.execute(
        "SELECT i.indexrelid::regclass::text, pg_get_indexdef(i.indexrelid) FROM pg_index i "
        "LEFT JOIN pg_constraint c ON c.conindid = i.indexrelid "
        "WHERE c.oid IS NULL AND i.indrelid::regclass::text = ANY(%s)",
        (list(_TABLES),),
    ).fetchall()
    for name, _ in found:
        connection.execute(sql.SQL("DROP INDEX {}").format(sql.Identifier(name)))
    return [definition for _, definition in found]


def _set_heads(connection: psycopg.Connection[Any], heads: dict[str, int]) -> None:
    connection.execute("UPDATE feed_head SET count = %s", (heads["premiums.position"],))
    connection.execute("UPDATE ledger_head SET size = %s", (heads["ledger_entries.index"],))
    for counter in ("records.seq", "movements.id", "product_claims.seq", "document_verdicts.id"):
        connection.execute("SELECT setval(pg_get_serial_sequence(%s, %s), %s)", (*counter.split("."), heads[counter]))


# Measuring


@dataclass(slots=True)
class _Took:
    """Seconds of each batch, the floor's beside those at the size, and the processor's seconds in all."""

    floor: list[float] = field(default_factory=list)
    full: list[float] = field(default_factory=list)
    processor: list[float] = field(default_factory=lambda: [0.0, 0.0])
    records: int = 0

    def line(self, records: int, smallest: int, lives: int) -> Line:
        """Of both the sum over all batches; the ratio by the processor's time, which others on the machine change less,
        stands beside."""
        per = 1000 / self.records
        return Line(
            "ledger.record",
            sum(self.full) * per,
            "ms a record",
            sum(self.floor) * per,
            statistics.median(one / other for one, other in zip(self.floor, self.full, strict=True)),
            {
                "floor_is": f"the same lives among {smallest} records",
                "among": records,
                "lives": lives,
                "records": self.records,
                "processor_ms": round(self.processor[1] * per, 3),
                "floor_processor_ms": round(self.processor[0] * per, 3),
                "processor_ratio": round(self.processor[0] / self.processor[1], 3) if self.processor[1] else None,
            },
        )


def _arrivals(year: Year, name: int, by: Judges) -> list[Arrival]:
    messages = orjson.loads(_named(orjson.dumps(year.messages).decode(), str(name)))
    return [
        replace(
            one,
            message_id=_at_random(f"{name} {one.message_id}"),
            nonce=_at_random(f"{name} {one.nonce}"),
            received_at=one.received_at + timedelta(hours=6),
        )
        for one in arrivals(replace(year, messages=messages), by)
    ]


def _at_random(name: str) -> str:
    return hashlib.md5(name.encode(), usedforsecurity=False).hexdigest()


async def _measured(dsns: tuple[str, str], turns: tuple[list[Arrival], list[Arrival]], by: Judges) -> _Took:
    took = _Took()
    async with AsyncExitStack() as stack:
        connections = []
        for dsn in dsns:
            pool = await stack.enter_async_context(new_pool(dsn, 1))
            connections.append(await stack.enter_async_context(pool.connection()))
        for number, begin in enumerate(range(0, len(turns[0]), _BATCH)):
            seconds: list[float] = [0.0, 0.0]
            for side in (0, 1) if number % 2 else (1, 0):
                batch = turns[side][begin : begin + _BATCH]
                wall, processor = await _received(connections[side], batch, by)
                seconds[side] = wall
                if number >= _WARM or len(turns[0]) <= _BATCH * _WARM:
                    took.processor[side] += processor
            if number >= _WARM or len(turns[0]) <= _BATCH * _WARM:
                took.floor.append(seconds[0])
                took.full.append(seconds[1])
                took.records += len(batch)
    return took


async def _received(connection: Connection, batch: list[Arrival], by: Judges) -> tuple[float, float]:
    """Wall time, and processor time of this process and of the server's for the connection."""
    server = connection.info.backend_pid
    before = time.process_time() + cpu_seconds(server)
    start = time.perf_counter()
    answers = await receive(connection, batch, by)
    wall = time.perf_counter() - start
    if any(answer.kind != "new" for answer in answers):
        raise ValueError("a live message was known before")
    return wall, time.process_time() + cpu_seconds(server) - before
