"""Oversight: what the compliance board takes with so many premiums, each told twice, in two years, of forty insurers.

The premiums are made inside the database, as rows of the table that each revision is told to; what the board counts
from them is derived as in service. The floor is one pass over as many rows as there are premiums, by the same database.
"""

import asyncio
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from datetime import UTC, date, datetime
from typing import Any

import psycopg

from benches.line import Line, of_rates
from benches.servers import place
from gateway.db import Connection, new_pool
from gateway.oversight.compliance import Wanted, rows_of
from gateway.oversight.look_back.store import earned
from gateway.oversight.store import count, list_clauses, list_policies

_PAST = datetime(2025, 12, 11, 7, 30, tzinfo=UTC)
_YEAR = (date(2025, 1, 1), date(2025, 12, 31))
_BATCH = 20_000
_INSURERS, _DAYS = 40, 730
# Policy n: insurer, day and what becomes of its checks all follow from n; told first without a receipt, then paid.
_FILL = """
INSERT INTO compliance_facts
SELECT n * 2 + told, part, 'INSURER-' || lpad((n %% {insurers})::text, 2, '0'),
    'PBENCH' || lpad(n::text, 14, '0'),
    told + 1,
    CASE WHEN told = 0 THEN 'held' WHEN n %% 101 = 0 THEN 'refused' ELSE 'verified' END,
    '2024-09-01T01:00:00Z'::timestamptz + make_interval(days => day + told * 3, mins => (n %% 480)::int),
    CASE WHEN n %% 3 = 0 THEN 'drug_liability' ELSE 'product_liability' END, '2024-09-01'::date + day,
    CASE WHEN n %% 997 = 0 THEN 'fippipi' WHEN n %% 101 = 0 THEN 'pfppppi' WHEN n %% 53 = 0 THEN 'pppppfi'
         ELSE 'ppppppi' END,
    'C' || lpad((n %% {insurers})::text, 6, '0') || '309' || part || '20240101' || lpad((n %% 7 %% 3)::text, 5, '0'),
    CASE WHEN n %% 997 = 0 AND part = 1 THEN 'unregistered-clause' ELSE '' END,
    CASE WHEN n %% 101 = 0 AND part = 1 THEN 'stopped' ELSE '' END
FROM generate_series({first}, {last}) AS n, generate_series(0, 1) AS told, generate_series(1, 2) AS part,
    LATERAL (SELECT (n * {days} / {premiums})::int AS day) AS signed
"""

_FILL_EXPOSURE = """
INSERT INTO exposure_facts
SELECT position, insurer, policy_no, revision, status, known_at, clause, signed_on + 5, signed_on + 369,
    1000000 + position %% 100000, 943396, 50000000
FROM compliance_facts WHERE position BETWEEN %s AND %s AND place = 1
"""


def run(premiums: int, seconds: float) -> Iterator[Line]:
    """Answers a second, of each query of the board."""
    with place() as where:
        dsn = where.new_database("oversight")
        _fill(dsn, premiums)
        yield from asyncio.run(_measured(dsn, premiums, seconds))


def _fill(dsn: str, premiums: int) -> None:
    with psycopg.connect(dsn, autocommit=True) as connection:
        start = time.perf_counter()
        for first in range(0, premiums, _BATCH):
            last = min(first + _BATCH, premiums) - 1
            query = _FILL.format(first=first, last=last, insurers=_INSURERS, days=_DAYS, premiums=premiums)
            connection.execute(query.replace("%%", "%").encode())
            connection.execute(_FILL_EXPOSURE.encode(), (first * 2, last * 2 + 1))
        for table in ("compliance_facts", "compliance_days", "compliance_months", "exposure_facts", "exposure_months"):
            connection.execute(f"VACUUM ANALYZE {table}".encode())
        took = time.perf_counter() - start
        row = connection.execute(
            "SELECT (SELECT count(*) FROM compliance_days), (SELECT count(*) FROM compliance_months)"
        ).fetchone()
        print(f"{premiums} premiums in {took:.0f} s; kinds by days and months: {row}", file=sys.stderr)


async def _measured(dsn: str, premiums: int, seconds: float) -> list[Line]:
    async with new_pool(dsn, 2) as pool, pool.connection() as connection:
        jobs = _jobs(connection)
        return [await _line(name, job, connection, premiums, seconds) for name, job in jobs.items()]


JOBS = (
    *("insurers", "clauses-of-board", "months-as-of", "insurers-as-of", "insurers-in-days", "lines-of-one"),
    *("all-policies", "failed-policies", "rare-policies", "look-back", "look-back-as-of", "clauses"),
)


def _jobs(connection: Connection) -> dict[str, Callable[[], Awaitable[Any]]]:
    one = "INSURER-07"

    async def board(by: Any, wanted: Wanted) -> Any:
        return rows_of(by, await count(connection, wanted, by))

    async def drill(wanted: Wanted) -> Any:
        return await list_policies(connection, wanted, ("", ""), 200)

    return {
        "oversight.insurers": lambda: board("insurer", Wanted()),
        "oversight.clauses-of-board": lambda: board("clause", Wanted()),
        "oversight.months-as-of": lambda: board("month", Wanted(as_of=_PAST)),
        "oversight.insurers-as-of": lambda: board("insurer", Wanted(as_of=_PAST)),
        "oversight.insurers-in-days": lambda: board("insurer", Wanted(first=date(2025, 3, 10), last=date(2025, 9, 20))),
        "oversight.lines-of-one": lambda: board("line", Wanted(insurer=one)),
        "oversight.all-policies": lambda: drill(Wanted()),
        "oversight.failed-policies": lambda: drill(Wanted(check="FL-2", outcome="failed")),
        "oversight.rare-policies": lambda: drill(Wanted(insurer=one, check="FL-1", outcome="failed", as_of=_PAST)),
        "oversight.look-back": lambda: earned(connection, None, _YEAR, None),
        "oversight.look-back-as-of": lambda: earned(connection, _PAST, _YEAR, None),
        "oversight.clauses": lambda: list_clauses(connection, Wanted(kind="stopped"), ("", ""), 200),
    }


async def _line(
    name: str, job: Callable[[], Awaitable[Any]], connection: Connection, premiums: int, seconds: float
) -> Line:
    async def floor() -> None:
        await connection.execute("SELECT count(*), max(n) FROM generate_series(1, %s) AS n", (premiums,))

    values: list[float] = []
    floors: list[float] = []
    await job()
    end = time.perf_counter() + seconds
    while len(values) < 3 or time.perf_counter() < end:
        values.append(1 / await _seconds(job))
        floors.append(1 / await _seconds(floor))
    slowest = round(1000 / min(values))
    return of_rates(name, "answers/s", values, floors, premiums=premiums, rounds=len(values), slowest_ms=slowest)


async def _seconds(work: Callable[[], Awaitable[Any]]) -> float:
    start = time.perf_counter()
    await work()
    return time.perf_counter() - start
