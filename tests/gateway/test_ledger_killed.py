"""Publishers that are killed, paused and cut off at any moment, while appends go on: after each step a stranger, who
knows the C2SP texts alone, recomputes the whole log, and every checkpoint that anybody was ever handed.

Run as a script it is where publishers come from: `python test_ledger_killed.py DSN` forks one for each line of its
stdin, so that a new one is at work within milliseconds.
"""

import asyncio
import base64
import os
import random
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import psycopg
import pytest
from test_ledger import AT, KEY, ORIGIN, SIGNER, entry
from test_ledger_stranger import mth, require, signed_text, verify_entries

from gateway import ledger
from gateway.db import Connection
from gateway.ledger import store
from schemas.canonical import canonical
from schemas.log import Leaf
from signing.algorithms import SignatureEncoding
from signing.signer import sm2_signer

SECONDS, STEPS, FEWEST = 8.0, 40, 20
BESIDE = [sm2_signer(42)]


class SlowSigner:
    """The log's key in a module that takes its time: much happens between the staging and the commit."""

    algorithm, keyid, spki = SIGNER.algorithm, SIGNER.keyid, SIGNER.spki

    def sign(self, message: bytes, *, encoding: SignatureEncoding = "raw") -> bytes:
        time.sleep(random.random() * 0.02)
        return SIGNER.sign(message, encoding=encoding)


async def publish_for_ever(dsn: str) -> None:
    """Publish, and hand out each checkpoint on stdout in one write."""
    name = f"publisher-{os.getpid()}"
    async with await psycopg.AsyncConnection.connect(dsn, autocommit=True, application_name=name) as connection:
        while True:
            signed = await ledger.publish(connection, SlowSigner(), beside=BESIDE, origin=ORIGIN, at=AT, most=300)
            if signed:
                os.write(1, base64.b64encode(signed.note) + b"\n")
            await asyncio.sleep(0.001)


def nursery(dsn: str) -> None:
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    for _ in sys.stdin:
        child = os.fork()
        if child == 0:
            try:
                asyncio.run(publish_for_ever(dsn))
            finally:
                os._exit(0)  # also when its connection was cut: a publisher that cannot go on ends
        os.write(1, b"pid %d\n" % child)


class Publishers:
    """The processes, and what they handed out."""

    def __init__(self, dsn: str) -> None:
        self._nursery = subprocess.Popen(
            [sys.executable, __file__, dsn],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        self.alive: list[int] = []
        self.handed_out: list[str] = []
        self._rest = b""

    def start(self) -> None:
        assert self._nursery.stdin is not None
        self._nursery.stdin.write(b"\n")
        self._nursery.stdin.flush()
        count = len(self.alive)
        while len(self.alive) == count:
            self._take()

    def gather(self) -> None:
        """What has been handed out by now."""
        assert self._nursery.stdout is not None
        os.set_blocking(self._nursery.stdout.fileno(), False)
        try:
            while True:
                self._take()
        except BlockingIOError:
            os.set_blocking(self._nursery.stdout.fileno(), True)

    def send(self, pid: int, number: signal.Signals) -> None:
        with suppress(ProcessLookupError):  # it has ended by itself
            os.kill(pid, number)
        if number == signal.SIGKILL:
            self.alive.remove(pid)

    def end(self) -> None:
        os.killpg(self._nursery.pid, signal.SIGKILL)  # and all that it forked
        self._nursery.communicate()

    def _take(self) -> None:
        assert self._nursery.stdout is not None
        part = os.read(self._nursery.stdout.fileno(), 1 << 16)
        assert part, "the nursery has ended"
        *lines, self._rest = (self._rest + part).split(b"\n")
        for line in lines:
            if line.startswith(b"pid "):
                self.alive.append(int(line[4:]))
            else:
                self.handed_out.append(base64.b64decode(line).decode())


async def append_for_ever(dsn: str, writer: int, promised: list[tuple[Leaf, bytes]]) -> None:
    """Transactions of up to 40 entries, of which some roll back; what was committed is promised."""
    chance, number = random.Random(writer), 0
    async with await psycopg.AsyncConnection.connect(dsn, autocommit=True) as connection:
        while True:
            entries = [entry(number + place, writer=writer) for place in range(chance.randint(1, 40))]
            number += len(entries)
            keeps = chance.random() < 0.8
            async with connection.transaction(force_rollback=not keeps):
                leaves = await ledger.append(connection, entries, ORIGIN)
            if keeps:
                promised.extend(zip(leaves, map(canonical, entries), strict=True))
            await asyncio.sleep(0.005)


class Stranger:
    """Keeps what it has seen, and believes nothing."""

    def __init__(self) -> None:
        self.entries: list[bytes] = []
        self.checked: dict[int, str] = {}
        self.ahead: list[str] = []

    def check(self, folder: Path, handed_out: list[str], promised: list[tuple[Leaf, bytes]]) -> None:
        """The log as it is now extends all that was ever seen of it; every promise in it is kept."""
        entries = verify_entries(folder, KEY.line())
        require(entries[: len(self.entries)] == self.entries, "the log does not begin with what it was")
        require(len(set(entries)) == len(entries), "an entry is there twice")
        self.entries = entries
        notes, self.ahead = [(folder / "checkpoint").read_text(), *self.ahead, *handed_out], []
        for note in notes:
            text = signed_text(note, KEY.line())
            origin, size, root, _ = text.split("\n")
            require(origin == ORIGIN, "another log")
            if int(size) > len(entries):
                self.ahead.append(note)  # signed after this was copied
                continue
            require(base64.b64decode(root) == mth(entries[: int(size)]), f"another tree of {size} leaves")
            require(self.checked.setdefault(int(size), text) == text, f"two trees of {size} leaves")
        for leaf, data in promised:
            require(leaf.index >= len(entries) or entries[leaf.index] == data, f"leaf {leaf.index} is another")


async def cut_off(connection: Connection, pid: int) -> None:
    """The server gives the publisher's connection up."""
    await connection.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = %s", (f"publisher-{pid}",)
    )


@pytest.mark.parametrize("seed", [6])
def test_a_stranger_finds_the_log_whole_whatever_happens_to_its_publishers(dsn: str, tmp_path: Path, seed: int) -> None:
    chance, stranger = random.Random(seed), Stranger()
    promised: list[tuple[Leaf, bytes]] = []
    publishers = Publishers(dsn)
    done: dict[str, int] = {}

    async def step(number: int, connection: Connection) -> None:
        while len(publishers.alive) < 2:
            publishers.start()
        await asyncio.sleep(chance.choice([0.004, 0.02, 0.06]) * chance.random())
        one = chance.choice(publishers.alive)
        what = chance.choice(["kill", "kill", "pause", "nothing"])
        done[what] = done.get(what, 0) + 1
        if what == "kill":
            publishers.send(one, signal.SIGKILL)
        elif what == "pause":  # it is the leader and does not know that it no longer is
            publishers.send(one, signal.SIGSTOP)
            await cut_off(connection, one)
            await asyncio.sleep(0.02)
            publishers.send(one, signal.SIGCONT)
            publishers.alive.remove(one)
        publishers.gather()
        folder = tmp_path / str(number)
        try:
            await ledger.export(connection, folder, [KEY])
        except ledger.NotInLog:
            return  # nothing was published yet
        await asyncio.to_thread(stranger.check, folder, publishers.handed_out, list(promised))
        publishers.handed_out.clear()

    async def run() -> None:
        writers = [asyncio.create_task(append_for_ever(dsn, writer, promised)) for writer in range(2)]
        async with await psycopg.AsyncConnection.connect(dsn, autocommit=True) as connection:
            end = time.monotonic() + SECONDS
            for number in range(STEPS):
                if time.monotonic() > end and number >= FEWEST:
                    break
                await step(number, connection)
            for task in writers:
                task.cancel()
            await asyncio.gather(*writers, return_exceptions=True)
            end = time.monotonic() + 30
            while (size := len(stranger.entries)) < (await store.committed_size(connection)):
                assert time.monotonic() < end, f"{size} entries are published, and no more"
                await step(sum(done.values()), connection)

    try:
        asyncio.run(run())
    finally:
        publishers.end()
    assert done["kill"] > 3
    assert done["pause"] > 1
    assert stranger.ahead == []
    assert len(stranger.checked) > 10
    assert len(promised) > 100


if __name__ == "__main__":
    nursery(sys.argv[1])
