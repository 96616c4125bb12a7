"""The list of premiums that a cause touches, out of many: from the question to the bytes that are signed.

Two premiums come by their whole way through the service. Then what the database derived of one of them (migration
0140) stands again under other numbers, put in by COPY; one in twenty rests on the clause, certificate, key or rule that
is asked for. The floor reads the same answer from a table that has nothing else, and writes the same list.
"""

import asyncio
import statistics
import time
from collections.abc import Iterator
from datetime import UTC, datetime

import psycopg

from benches.line import Line, of_rates
from benches.load import send
from benches.market import INSURER, sales, world
from benches.servers import Place, Server, place, service
from benches.wire import sign_all
from gateway.db import Connection, new_pool
from gateway.submissions.impact import Cause, Touched, find_touched, read_cause, write_list
from schemas.canonical import canonical
from schemas.money import Yuan, total

_SHARE = 20  # one premium in so many is touched
_ROUNDS = 5
_NAMES = {"clause": "C-TOUCHED", "key": "key-touched", "certificate": "7777777777", "rule": "bench.touched"}
_ROOM = 5000
_RULES = "00000000-0000-0000-0000-000000000001"
_COLUMNS = "insurer, policy_no, revision, status, net_paid, worth::text, rules::text"


class NothingThere(Exception):
    """The service did not verify what was sent: there is nothing to copy."""


def run(premiums: int) -> Iterator[Line]:
    """Each cause over so many premiums, in turns with its floor."""
    at = datetime.now(UTC).replace(microsecond=0)
    with place() as where:
        with service(where, at, workers=1) as server:
            _fill(server, at)
        _multiply(server.dsn, premiums)
        for kind, name in _NAMES.items():
            yield asyncio.run(_measure(where, server.dsn, kind, read_cause(f"{kind}:{name}"), premiums))
        yield asyncio.run(_measure(where, server.dsn, "all", read_cause("all"), premiums, rounds=1))


def _fill(server: Server, at: datetime) -> None:
    key = world(at).insurer(INSURER).request_key
    for one in sales(at, 0, 2):
        for requests in ([one.document] if one.document else [], [one.policy], one.receipts):
            send(server.port, sign_all(requests, key, server.port), connections=1)


def _multiply(dsn: str, premiums: int) -> None:
    with psycopg.connect(dsn, autocommit=True) as connection:
        one = connection.execute(f"SELECT {_COLUMNS} FROM impact_standing WHERE status = 'verified' LIMIT 1").fetchone()
        if one is None:
            raise NothingThere("no premium is verified")
        insurer, policy_no, revision, status, net_paid, worth, rules = one
        query = (
            "SELECT kind, name, row_number() OVER (PARTITION BY kind ORDER BY name) = 1 FROM impact_grounds "
            "WHERE (insurer, policy_no) = (%s, %s)"
        )
        grounds = connection.execute(query, (insurer, policy_no)).fetchall()
        signers = connection.execute("SELECT kind, min(name) FROM impact_signers GROUP BY kind").fetchall()
        connection.execute("INSERT INTO impact_rules VALUES (%s, ARRAY[%s])", (_RULES, _NAMES["rule"]))
        with connection.cursor() as cursor:
            with cursor.copy("COPY impact_standing FROM STDIN") as copy:
                for number in range(premiums):
                    named = rules if number % _SHARE else _RULES
                    copy.write_row((insurer, _number(number), revision, status, net_paid, worth, named))
            for kind, name, is_first in grounds:
                with cursor.copy("COPY impact_grounds FROM STDIN") as copy:
                    for number in range(premiums):
                        own = _digest(number) if kind == "document" else _name(kind, name, number) if is_first else name
                        copy.write_row((kind, own, insurer, _number(number)))
            for kind, name in signers:
                with cursor.copy("COPY impact_signers FROM STDIN") as copy:
                    for number in range(premiums):
                        copy.write_row((kind, _name(kind, name, number), insurer, _digest(number), _number(number)))
        connection.execute("VACUUM ANALYZE")


def _number(number: int) -> str:
    return f"PBENCH20263301{number:012d}"


def _digest(number: int) -> str:
    return f"sha256:{number:064x}"


def _name(kind: str, name: str, number: int) -> str:
    return name if number % _SHARE else _NAMES.get(kind, name)


async def _measure(where: Place, dsn: str, kind: str, cause: Cause, premiums: int, rounds: int = _ROUNDS) -> Line:
    values: list[float] = []
    floors: list[float] = []
    own: list[float] = []
    database: list[float] = []
    async with new_pool(dsn, 2) as pool, pool.connection() as connection:
        found = [one async for one in find_touched(connection, cause)]
        await _answer(connection, found)
        for _ in range(rounds):
            start, before, there = time.perf_counter(), time.process_time(), where.database_cpu_seconds()
            found = [one async for one in find_touched(connection, cause)]
            size = len(_list(found))
            middle = time.perf_counter()
            own.append(time.process_time() - before)
            database.append(where.database_cpu_seconds() - there)
            await _floor(connection)
            values.append(1 / (middle - start))
            floors.append(1 / (time.perf_counter() - middle))
    return of_rates(
        f"impact.{kind}",
        "lists per second",
        values,
        floors,
        touched=len(found),
        of=premiums,
        bytes=size,
        seconds=round(1 / statistics.median(values), 3),
        cpu_seconds=round(statistics.median(own), 3),
        database_cpu_seconds=round(statistics.median(database), 3),
    )


async def _answer(connection: Connection, found: list[Touched]) -> None:
    await connection.execute("DROP TABLE IF EXISTS answer")
    await connection.execute("CREATE TEMP TABLE answer (i text, p text, r int, s text, n text, w jsonb)")
    async with connection.cursor() as cursor, cursor.copy("COPY answer FROM STDIN") as copy:
        for one in found:
            worth = canonical(one.worth).decode()
            await copy.write_row((one.insurer, one.policy_no, one.revision, one.status, str(one.net_paid), worth))


async def _floor(connection: Connection) -> None:
    found: list[Touched] = []
    async with connection.transaction(), connection.cursor(name="floor") as cursor:
        await cursor.execute("SELECT * FROM answer")
        while rows := await cursor.fetchmany(_ROOM):
            for insurer, policy_no, revision, status, net_paid, worth in rows:
                found.append(Touched(insurer, policy_no, revision, status, Yuan.of(net_paid), worth))
    _list(found)


def _list(found: list[Touched]) -> bytes:
    """What is signed, as `gateway impact --json` has it."""
    stakes = total(one.net_paid for one in found if one.status == "verified")
    return write_list({"at_stake": str(stakes), "premiums": [one.as_json() for one in found]})
