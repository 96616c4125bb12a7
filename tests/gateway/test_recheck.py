"""Everything judged again by many at once: once each, as one alone would have, whoever is killed on the way."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import orjson
import psycopg
import pytest
from house import AT, arrival, judges, next_number, on, world
from hypothesis import given, settings
from hypothesis import strategies as st
from service import provisioned
from test_impact import withdrawn
from test_lives import invoice, invoice_number, take, verified

from gateway.cli import main
from gateway.db import Connection, create_database, new_pool
from gateway.submissions import store
from gateway.submissions.gather import Judges, policy_lock
from gateway.submissions.recheck import Round, is_done, recheck, recheck_progress
from gateway.submissions.rounds.store import Progress

C, D = "SANDBOX-C", "SANDBOX-D"
MANY = 7
LATER = AT + timedelta(days=1)
ROOT = Path(__file__).parents[2]
Outcome = tuple[list[Any], list[Any], list[tuple[int, int]]]


@pytest.fixture(scope="module")
def populated(postgres: str) -> Iterator[tuple[str, str, list[str]]]:
    """A database with some verified premiums, two of which one invoice names; its server and name, the policies."""
    name = f"rechecked_{os.getpid()}"
    dsn = create_database(postgres, name, template="template_migrated")
    numbers: list[str] = []

    async def prepare(connection: Connection) -> None:
        for letter in (C, C, D, C, D, C, C):
            numbers.append((await verified(connection, world().insurer(letter))).policy_no)
        own = world().insurer(C)
        await take(connection, arrival(own, invoice(own, invoice_number(), "1.00", numbers[0], numbers[1])))

    on(dsn, prepare)
    yield postgres, name, numbers
    with psycopg.connect(postgres, autocommit=True) as connection:
        connection.execute(psycopg.sql.SQL("DROP DATABASE {} WITH (FORCE)").format(psycopg.sql.Identifier(name)))


def copied(populated: tuple[str, str, list[str]]) -> str:
    return create_database(populated[0], f"recheck_{os.getpid()}_{next_number()}", template=populated[1])


def dropped(dsn: str, server: str) -> None:
    name = psycopg.conninfo.conninfo_to_dict(dsn)["dbname"]
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(psycopg.sql.SQL("DROP DATABASE {} WITH (FORCE)").format(psycopg.sql.Identifier(str(name))))


def what_became(dsn: str) -> Outcome:
    """Every premium and its journal, whatever the order in which they came; and how often each slice was done."""
    with psycopg.connect(dsn) as connection:
        premiums = connection.execute(
            "SELECT insurer, policy_no, revision, status, signature, net_paid, worth::text FROM premiums "
            "ORDER BY 1, 2, 3"
        ).fetchall()
        journal = connection.execute(
            "SELECT insurer, policy_no, revision, kind, debit, credit, amount, day, source, reason FROM movements "
            "ORDER BY 1, 2, 3, 4, 5, 6, 7, 8, 9, 10"
        ).fetchall()
        slices = connection.execute("SELECT judged, changed FROM recheck_slices ORDER BY basis, slice").fetchall()
    return premiums, journal, [(row[0], row[1]) for row in slices]


def together(dsn: str, by: Judges, *, jobs: int, size: int) -> list[Round]:
    """So many at once until it is done; what each did."""

    async def run() -> list[Round]:
        async with new_pool(dsn, 2 * jobs + 1) as pool:

            async def work() -> list[Round]:
                found = []
                while True:
                    one = await recheck(pool, by, lambda: LATER, size=size)
                    if one is not None:
                        found.append(one)
                    async with pool.connection() as connection:
                        if await is_done(connection, by):
                            return found
                    await asyncio.sleep(0.01)

            return [one for done in await asyncio.gather(*(work() for _ in range(jobs))) for one in done]

    return asyncio.run(run())


@settings(max_examples=3, deadline=None, database=None)
@given(jobs=st.integers(2, 4), size=st.integers(1, 4))
def test_many_come_to_what_one_comes_to(populated: tuple[str, str, list[str]], jobs: int, size: int) -> None:
    gone = withdrawn(world().clause(world().insurer(C), "main")["registration_no"])
    alone, shared = copied(populated), copied(populated)
    try:
        (one,) = together(alone, gone, jobs=1, size=50)
        several = together(shared, gone, jobs=jobs, size=size)
        assert (one.judged, sum(part.judged for part in several)) == (MANY, MANY)
        assert one.changed == sum(part.changed for part in several) > 0
        premiums, journal, slices = what_became(shared)
        assert (premiums, journal) == what_became(alone)[:2]
        assert len(slices) == -(-MANY // size)
        assert sum(judged for judged, _ in slices) == MANY
        # Nothing is left, and nothing is done twice.
        assert together(shared, gone, jobs=2, size=size) == []
        assert what_became(shared) == (premiums, journal, slices)
    finally:
        dropped(alone, populated[0])
        dropped(shared, populated[0])


def test_how_far_it_is_can_be_asked(populated: tuple[str, str, list[str]]) -> None:
    dsn, ticks = copied(populated), iter(range(1000))
    told: list[Progress | None] = []

    async def run() -> None:
        async with new_pool(dsn, 4) as pool, pool.connection() as connection:
            told.append(await recheck_progress(connection))
            while True:
                one = await recheck(pool, judges(), lambda: LATER + timedelta(seconds=next(ticks)), size=2, most=1)
                told.append(await recheck_progress(connection))
                if one is None:
                    return

    asyncio.run(run())
    none, *steps = told
    assert none is None
    found = [one for one in steps if one is not None]
    assert [(one.passed, one.premiums, one.done, one.slices) for one in found[:4]] == [
        (2, MANY, 1, 4),
        (4, MANY, 2, 4),
        (6, MANY, 3, 4),
        (MANY, MANY, 4, 4),
    ]
    assert found[0].per_second is None
    assert found[1].per_second is not None
    assert found[1].per_second > 0
    assert found[1].ends_at is not None
    assert found[1].ends_at > found[1].last_at
    assert (found[-1].ended_at, found[-1].changed) == (found[-1].ends_at, 0)
    assert found[-1].ended_at is not None
    with psycopg.connect(dsn, autocommit=True) as connection:
        for change in (
            "UPDATE recheck_slices SET judged = 9",
            "UPDATE recheck_rounds SET begun_at = now()",
            "DELETE FROM recheck_slices",
            "TRUNCATE recheck_rounds CASCADE",
        ):
            with pytest.raises(psycopg.errors.IntegrityError):
                connection.execute(change)
    dropped(dsn, populated[0])


def test_a_round_without_premiums_is_over_at_once(dsn: str) -> None:
    assert [one.judged for one in together(dsn, judges(), jobs=1, size=5)] == [0]
    assert together(dsn, judges(), jobs=2, size=5) == []


def config(dsn: str) -> str:
    file = provisioned().config.parent / f"recheck-{os.getpid()}-{next_number()}.toml"
    lines = [line for line in provisioned().config.read_text(encoding="utf-8").splitlines() if "dsn" not in line]
    file.write_text("\n".join([f'dsn = "{dsn}"', *lines]) + "\n", encoding="utf-8")
    return str(file)


def workers(parent: int) -> list[int]:
    """The processes that a command has begun for its work."""
    found = []
    for line in Path(f"/proc/{parent}/task/{parent}/children").read_text().split():
        if b"spawn_main" in Path(f"/proc/{line}/cmdline").read_bytes():
            found.append(int(line))
    return found


def wait_for(what: Any, seconds: float = 60.0) -> Any:
    deadline = time.monotonic() + seconds
    while not (found := what()):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return found


def test_processes_that_are_killed_leave_nothing_half_done(
    populated: tuple[str, str, list[str]], capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    dsn, held = copied(populated), populated[2][-1]  # one that no invoice joins to another
    file, before = config(dsn), len(what_became(dsn)[0])

    def done() -> int:
        with psycopg.connect(dsn) as connection:
            row = connection.execute("SELECT count(done_at) FROM recheck_slices").fetchone()
            return int(row[0]) if row else 0

    async def hold() -> None:
        async with new_pool(dsn, 2) as pool, pool.connection() as connection, connection.transaction():
            await store.lock(connection, [policy_lock(held)])
            await asyncio.to_thread(kill_them)

    def kill_them() -> None:
        """While one slice cannot be judged, since its policy is held: its worker dies, then all do."""
        command = [sys.executable, "-m", "gateway.cli", "recheck", "--config", file, "--jobs", "2", "--slice", "1"]
        with subprocess.Popen(command, cwd=ROOT, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL) as running:
            wait_for(lambda: done() == MANY - 1)
            first = set(workers(running.pid))
            for one in first:
                os.kill(one, signal.SIGKILL)
            second = wait_for(lambda: set(workers(running.pid)) - first)
            for one in (running.pid, *second, *workers(running.pid)):
                os.kill(one, signal.SIGKILL)
        assert done() == MANY - 1

    asyncio.run(hold())
    # Nothing was filed in this database: under that, every premium came to something else, once.
    premiums, _, slices = what_became(dsn)
    assert len(premiums) == before + MANY - 1
    assert (None, None) in slices
    assert main(["recheck", "--config", file, "--jobs", "2", "--json"]) == 0
    told = orjson.loads(capsysbinary.readouterr().out)
    assert (told["premiums"], told["passed"], told["slices"], told["changed"]) == (MANY, MANY, MANY, MANY)
    premiums, _, slices = what_became(dsn)
    assert len(premiums) == before + MANY
    assert [judged for judged, _ in slices] == [1] * MANY
    assert sum(changed for _, changed in slices) == MANY  # two that hang together change with the first of them
    with psycopg.connect(dsn) as connection:
        logged = connection.execute("SELECT count(*) FROM ledger_entries WHERE kind = 'premium'").fetchone()
    assert logged == (before + MANY,)
    assert main(["recheck", "--config", file, "--lang", "en"]) == 0
    assert capsysbinary.readouterr().out == b"all judged\n"
    dropped(dsn, populated[0])
