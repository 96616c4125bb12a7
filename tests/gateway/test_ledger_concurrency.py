"""Many writers, publishers that are killed, several at once: indexes stay gapless and checkpoints true.

Run as a script it is the process that is killed: `python test_ledger_concurrency.py DSN MOMENT`.
"""

import asyncio
import itertools
import os
import random
import signal
import subprocess
import sys
import time

import psycopg
import pytest
from test_ledger import AT, KEY, ORIGIN, SIGNER, numbers, publish

from gateway import ledger
from gateway.db import Connection
from gateway.ledger import store
from gateway.ledger.checkpoint import Checkpoint, open_checkpoint
from gateway.ledger.merkle import check_consistency
from schemas.log import Entry
from schemas.verification import Outcome
from signing.algorithms import SignatureEncoding

WRITERS, ROUNDS = 8, 25


class RolledBack(Exception):
    """The writer changed its mind."""


async def connect(dsn: str) -> Connection:
    return await psycopg.AsyncConnection.connect(dsn, autocommit=True)


async def write(dsn: str, writer: int) -> list[int]:
    """Transactions of one to five entries, of which a third rolls back; the indexes that were committed."""
    chance = random.Random(writer)
    committed: list[int] = []
    async with await connect(dsn) as connection:
        for turn in range(ROUNDS):
            entries = [
                Entry(kind="submission", at=AT, body={"writer": writer, "turn": turn, "place": place})
                for place in range(chance.randint(1, 5))
            ]
            try:
                async with connection.transaction():
                    leaves = await ledger.append(connection, entries, ORIGIN)
                    await asyncio.sleep(chance.choice([0, 0, 0.002]))
                    if chance.random() < 0.3:
                        raise RolledBack
            except RolledBack:
                continue
            committed += [leaf.index for leaf in leaves]
    return committed


async def publish_until(dsn: str, done: asyncio.Event) -> list[Checkpoint]:
    """Publish again and again."""
    published = []
    async with await connect(dsn) as connection:
        while not done.is_set():
            if checkpoint := await publish(connection):
                published.append(checkpoint)
            await asyncio.sleep(0.003)
    return published


async def watch_until(dsn: str, done: asyncio.Event) -> int:
    """What is visible is a prefix at every moment: that is what index order = commit order means to a reader."""
    seen = 0
    async with await connect(dsn) as connection:
        while not done.is_set():
            cursor = await connection.execute(
                "SELECT (SELECT size FROM ledger_head), count(*), coalesce(max(index) + 1, 0) FROM ledger_entries"
            )
            size, count, top = await cursor.fetchone() or (0, 0, 0)
            assert size == count == top
            assert size >= seen
            seen = size
    return seen


def test_writers_that_roll_back_leave_no_gap(dsn: str) -> None:
    async def run() -> None:
        done = asyncio.Event()
        background = [
            asyncio.create_task(publish_until(dsn, done)),
            asyncio.create_task(publish_until(dsn, done)),
            asyncio.create_task(watch_until(dsn, done)),
        ]
        committed = await asyncio.gather(*(write(dsn, writer) for writer in range(WRITERS)))
        done.set()
        first, second, _ = await asyncio.gather(*background)
        assert all(indexes == sorted(indexes) for indexes in committed)
        total = sum(map(len, committed))
        assert sorted(index for indexes in committed for index in indexes) == list(range(total))
        async with await connect(dsn) as connection:
            last = await publish(connection)
            published = sorted([*first, *second, *([last] if last else [])], key=lambda checkpoint: checkpoint.size)
            assert published[-1].size == total
            assert len({checkpoint.size for checkpoint in published}) == len(published) > 2
            for one, next_one in itertools.pairwise(published):
                if one.size:
                    path = await ledger.prove_consistency(connection, one.size, next_one.size)
                    check = check_consistency(one.size, next_one.size, one.root, path, next_one.root)
                    assert check.outcome is Outcome.PASSED
            assert (await ledger.audit_database(connection, [KEY])).outcome is Outcome.PASSED

    asyncio.run(run())


class DeadlySigner:
    """The log's signer, in a process that is killed at the moment of signing."""

    algorithm, keyid, spki = SIGNER.algorithm, SIGNER.keyid, SIGNER.spki

    def sign(self, message: bytes, *, encoding: SignatureEncoding = "raw") -> bytes:
        os.kill(os.getpid(), signal.SIGKILL)
        return SIGNER.sign(message, encoding=encoding)


async def append_and_die(dsn: str) -> None:
    async with await connect(dsn) as connection, connection.transaction():
        leaves = await ledger.append(connection, numbers(5000, 5005), ORIGIN)
        assert leaves[0].index == 1000
        os.kill(os.getpid(), signal.SIGKILL)


async def publish_and_die(dsn: str, moment: str) -> None:
    async with await connect(dsn) as connection:
        signer = DeadlySigner() if moment == "signing" else SIGNER
        checkpoint = await ledger.publish(connection, signer, origin=ORIGIN, at=AT)
        assert checkpoint is not None
        sys.stdout.buffer.write(checkpoint.note)
        sys.stdout.flush()
        os.kill(os.getpid(), signal.SIGKILL)


def start(dsn: str, moment: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, __file__, dsn, moment], stdout=subprocess.PIPE, env={**os.environ})


async def prepared(dsn: str) -> None:
    """300 entries published, and 700 that are not."""
    async with await connect(dsn) as connection:
        await ledger.append(connection, numbers(0, 300), ORIGIN)
        await publish(connection)
        await ledger.append(connection, numbers(300, 1000), ORIGIN)


async def state(connection: Connection) -> tuple[int, int]:
    last = await store.find_last_checkpoint(connection)
    return last.size if last else 0, await store.count_tiles(connection)


async def continued(dsn: str) -> None:
    """The next publisher goes on as soon as the server has noticed that the first is gone."""
    async with await connect(dsn) as connection:
        deadline = time.monotonic() + 20
        while not (checkpoint := await publish(connection)):
            assert time.monotonic() < deadline
            await asyncio.sleep(0.02)
        assert checkpoint.size == 1000
        assert await state(connection) == (1000, 3)
        assert (await ledger.audit_database(connection, [KEY])).outcome is Outcome.PASSED


def test_a_writer_killed_before_its_commit_leaves_no_gap(dsn: str) -> None:
    async def run() -> None:
        await prepared(dsn)
        writer = start(dsn, "append")
        writer.communicate(timeout=60)
        assert writer.returncode == -signal.SIGKILL
        async with await connect(dsn) as connection:
            leaves = await ledger.append(connection, numbers(1000, 1002), ORIGIN)  # waits for the dead one's lock
            assert [leaf.index for leaf in leaves] == [1000, 1001]
            await publish(connection)
            assert (await ledger.audit_database(connection, [KEY])).outcome is Outcome.PASSED

    asyncio.run(run())


def test_a_publisher_killed_while_signing_leaves_nothing(dsn: str) -> None:
    async def run() -> None:
        await prepared(dsn)
        publisher = start(dsn, "signing")
        note, _ = publisher.communicate(timeout=60)
        assert (publisher.returncode, note) == (-signal.SIGKILL, b"")
        async with await connect(dsn) as connection:
            assert await state(connection) == (300, 1)
        await continued(dsn)

    asyncio.run(run())


def test_a_publisher_killed_before_its_commit_leaves_nothing(dsn: str) -> None:
    async def run() -> None:
        await prepared(dsn)
        async with await connect(dsn) as connection:
            # The row is written and the transaction waits behind it, until the publisher has been killed.
            await connection.execute(
                "CREATE FUNCTION wait_here() RETURNS trigger LANGUAGE plpgsql AS "
                "$$ BEGIN PERFORM pg_advisory_xact_lock(777); RETURN NULL; END $$"
            )
            await connection.execute(
                "CREATE TRIGGER waits AFTER INSERT ON ledger_checkpoints FOR EACH ROW EXECUTE FUNCTION wait_here()"
            )
            await connection.execute("SELECT pg_advisory_lock(777)")
            publisher = start(dsn, "commit")
            waiting = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objid = 777 AND NOT granted"
            deadline = time.monotonic() + 60
            while (await (await connection.execute(waiting)).fetchone() or (0,))[0] == 0:
                assert time.monotonic() < deadline
                await asyncio.sleep(0.02)
            assert await publish(connection) is None  # the other one is still at work, as far as anyone can tell
            publisher.kill()
            publisher.communicate()
            await connection.execute("SELECT pg_advisory_unlock(777)")
        await continued(dsn)

    asyncio.run(run())


def test_a_publisher_killed_after_its_commit_loses_nothing(dsn: str) -> None:
    async def run() -> None:
        await prepared(dsn)
        publisher = start(dsn, "end")
        note, _ = publisher.communicate(timeout=60)
        assert publisher.returncode == -signal.SIGKILL
        async with await connect(dsn) as connection:
            last = await store.find_last_checkpoint(connection)
            assert last is not None
            assert last.note == note
            assert open_checkpoint(note, [KEY]).size == 1000
            assert await publish(connection) is None
            await ledger.append(connection, numbers(1000, 1001), ORIGIN)
            following = await publish(connection)
            assert following is not None
            assert following.size == 1001

    asyncio.run(run())


@pytest.mark.parametrize("isolation", list(psycopg.IsolationLevel))
def test_a_publisher_with_an_old_snapshot_cannot_fork_the_chain(dsn: str, isolation: psycopg.IsolationLevel) -> None:
    """A caller's isolation level does not matter: what was read too early fails at the compare-and-swap."""

    async def run() -> None:
        await prepared(dsn)
        async with await connect(dsn) as connection, await connect(dsn) as other:
            await connection.set_isolation_level(isolation)
            results = await asyncio.gather(publish(connection), publish(other), return_exceptions=True)
            published = [result for result in results if isinstance(result, Checkpoint)]
            assert [checkpoint.size for checkpoint in published] == [1000]
            for result in results:
                assert result is None or isinstance(result, Checkpoint | ledger.CheckpointRefused)
            assert (await ledger.audit_database(other, [KEY])).outcome is Outcome.PASSED

    asyncio.run(run())


if __name__ == "__main__":
    asyncio.run(append_and_die(sys.argv[1]) if sys.argv[2] == "append" else publish_and_die(sys.argv[1], sys.argv[2]))
