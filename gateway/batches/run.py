"""Working a batch off: its lines in order, as messages, each decided as if it had been submitted alone.

One batch is one process's at a time, by a lock that ends with the connection. What a group of lines was told is
committed together with the verdicts and with how far the batch is: whoever is killed has changed nothing, and whoever
goes on goes on behind the last line that was answered.
"""

import asyncio
import hashlib
import logging
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from gateway.batches import store
from gateway.batches.lines import Line, read_lines
from gateway.batches.store import Batch, Result, Status
from gateway.db import Connection, DatabaseGone, Pool, new_pool
from gateway.errors import GatewayError
from gateway.mappings.in_force import STANDARD, InForce, Reader, format_of
from gateway.participants import Participant
from gateway.state import Gateway
from gateway.submissions.arrival import Arrival
from gateway.submissions.gather import Judges
from gateway.submissions.read import read_message
from gateway.submissions.receive import Answer, receive
from schemas.verification import Check, failed

LINES = ("application/jsonl", "application/x-ndjson")
"""Files of messages; any other media type is one message in its sender's format."""

_STANDARD = "application/json"
_EVERY = 1.0  # seconds
_AFTER_TROUBLE = 5.0
_AFTER_DEFECT = 60.0
_GROUP = 64  # lines
_GROUP_BYTES = 4 * 1024 * 1024
_LONGEST = 60.0  # seconds for a group: it is known soon after the moment from which on it is known
_STATUS: dict[str, Status] = {"verified": "verified", "held": "held", "refused": "refused"}

_LOG = logging.getLogger("gateway.batches")


class Stuck(GatewayError):
    """A line of a batch cannot be answered, now or ever, for no fault of its own."""


@dataclass(frozen=True, slots=True)
class _Group:
    """Lines that are decided together; `last` and `position` are behind them and the blank ones among them."""

    lines: Sequence[Line]
    last: int
    position: int


class Runner:
    """Works batches off until it is cancelled, one at a time, the oldest first."""

    def __init__(self, gateway: Gateway, judges: Judges, reading: InForce) -> None:
        self._gateway = gateway
        self._judges = judges
        self._reading = reading
        self._resting: dict[str, float] = {}
        self._news = asyncio.Event()

    def tell(self) -> None:
        """There is a new batch."""
        self._news.set()

    async def run(self) -> None:
        """Look every second for something to do. Whatever goes wrong is told in the log, and tried again."""
        pool = new_pool(self._gateway.config.dsn, 2)
        try:
            while True:
                with suppress(TimeoutError):
                    async with asyncio.timeout(_EVERY):  # `wait_for` may swallow that we are cancelled
                        await self._news.wait()
                self._news.clear()
                (outcome,) = await asyncio.gather(self.work(pool), return_exceptions=True)
                if isinstance(outcome, DatabaseGone):
                    _LOG.warning("no batch now: %s", outcome)
                    await asyncio.sleep(_AFTER_TROUBLE)
                elif isinstance(outcome, BaseException):
                    _LOG.error("no batch now: %s", outcome, exc_info=outcome)
                    await asyncio.sleep(_AFTER_TROUBLE)
        finally:
            await pool.close()

    async def work(self, pool: Pool) -> None:
        """Work off whatever is open and nobody else's, until nothing is."""
        while True:
            async with self._gateway.pool.connection() as connection:
                found = await store.list_open(connection)
            now = time.monotonic()
            ready = [one for one in found if self._resting.get(one, 0.0) <= now]
            if not ready:
                return
            await pool.open()  # once; who has no batches needs none
            if not any([await self._serve(pool, one) for one in ready]):
                return

    async def _serve(self, pool: Pool, name: str) -> bool:
        """Work one batch off, if nobody else does; whether it went on. After trouble it rests, and others go on."""
        async with pool.connection() as connection:
            if not await store.try_claim(connection, name):
                return False
            try:
                (outcome,) = await asyncio.gather(self._go_on(pool, connection, name), return_exceptions=True)
            finally:
                if not connection.closed:
                    await store.give_back(connection, name)
        if not isinstance(outcome, BaseException):
            return True
        if isinstance(outcome, DatabaseGone | TimeoutError):
            _LOG.warning("batch %s: %s", name, outcome or "the database takes too long")
            self._resting[name] = time.monotonic() + _AFTER_TROUBLE
        else:
            _LOG.error("batch %s: %s", name, outcome, exc_info=outcome)
            self._resting[name] = time.monotonic() + _AFTER_DEFECT
        return False

    async def _go_on(self, pool: Pool, connection: Connection, name: str) -> None:
        batch = await store.find(connection, name)
        if batch is None or batch.ended_at is not None:
            return
        sender = self._gateway.participants.find(batch.insurer)
        if sender is None:
            raise Stuck(f"{batch.insurer} is not registered any more")
        await store.begin(connection, name, self._gateway.clock())
        done = batch.line
        async with pool.connection() as other:
            async for group in self._groups(other, batch):
                await self._answer(connection, batch, sender, done, group)
                done = group.last
        await store.end(connection, name, self._gateway.clock())

    async def _groups(self, connection: Connection, batch: Batch) -> AsyncIterator[_Group]:
        most = self._gateway.config.body_limit_bytes
        if batch.media_type not in LINES:  # the file is one message
            if batch.line == 0:
                whole = [chunk async for chunk in _chunks(connection, batch)]
                yield _Group([Line(1, b"".join(whole), batch.size)], 1, batch.size)
            return
        lines: list[Line] = []
        size, last = 0, None
        async for line in read_lines(connection, batch, most):
            last = line
            if not line.is_blank:
                lines.append(line)
                size += len(line.body or b"")
            if len(lines) == _GROUP or size >= _GROUP_BYTES:
                yield _Group(lines, line.number, line.end)
                lines, size, last = [], 0, None
        if last is not None:
            yield _Group(lines, last.number, last.end)

    async def _answer(
        self, connection: Connection, batch: Batch, sender: Participant, before: int, group: _Group
    ) -> None:
        """Decide the group in one transaction; if that fails, line by line, so that one does not hold up the others."""
        work = self._commit(connection, batch, sender, before, group)
        (outcome,) = await asyncio.gather(work, return_exceptions=True)
        if outcome is None:
            return
        if len(group.lines) < 2 or isinstance(outcome, DatabaseGone | TimeoutError | asyncio.CancelledError):
            raise outcome
        _LOG.error("batch %s, lines %d to %d: %s", batch.id, before + 1, group.last, outcome, exc_info=outcome)
        for place, line in enumerate(group.lines, 1):
            is_last = place == len(group.lines)
            alone = _Group([line], group.last if is_last else line.number, group.position if is_last else line.end)
            await self._commit(connection, batch, sender, before, alone)
            before = alone.last

    async def _commit(
        self, connection: Connection, batch: Batch, sender: Participant, before: int, group: _Group
    ) -> None:
        at = self._gateway.clock()
        code = STANDARD if batch.media_type in LINES else format_of(sender, batch.media_type)
        reader = await self._reading.reader(self._gateway.pool, sender.code, code, at)
        arrivals = await asyncio.to_thread(_arrivals, batch, sender, group.lines, reader, at)
        async with asyncio.timeout(_LONGEST), connection.transaction():
            answers = await receive(connection, arrivals, self._judges) if arrivals else []
            told = iter(answers)
            results = [_result(line, None if line.body is None else next(told)) for line in group.lines]
            await store.advance(connection, batch.id, before, group.last, group.position, results)


async def _chunks(connection: Connection, batch: Batch) -> AsyncIterator[bytes]:
    place = 0
    while (chunk := await store.read_chunk(connection, batch.id, place)) is not None:
        yield chunk
        place += 1


def _arrivals(batch: Batch, sender: Participant, lines: Sequence[Line], reader: Reader, at: datetime) -> list[Arrival]:
    """The lines as messages, as `POST /v1/submissions` would have taken them; the request is the batch's own."""
    is_lines = batch.media_type in LINES
    content_type = _STANDARD if is_lines else batch.content_type
    found = []
    for line in lines:
        if line.body is None:
            continue
        digest = hashlib.sha256(line.body).hexdigest()
        read = read_message(line.body, _STANDARD if is_lines else batch.media_type, sender, reader)
        about = {"id": batch.id, "digest": batch.digest, "content_type": batch.content_type, "line": line.number}
        proof: dict[str, Any] = {**batch.request, "batch": about} if is_lines else dict(batch.request)
        found.append(
            Arrival(
                insurer=sender,
                message_id=read.message_id or (None if is_lines else batch.message_id) or f"body-{digest[:48]}",
                body=line.body,
                content_type=content_type,
                received_at=at,
                keyid=batch.keyid,
                nonce=None,  # it is the batch's, which is one for ever
                may_repeat=False,
                proof=proof,
                request_checks=batch.checks,
                reading=read,
                body_digest=f"sha256:{digest}",
            )
        )
    return found


def _result(line: Line, answer: Answer | None) -> Result:
    checks: tuple[Check, ...]
    if answer is None:
        return Result(line.number, "refused", None, (failed("batch.line", "too-long"),))
    if answer.kind == "conflict":
        checks = (failed("message.id", "other-content", first=answer.submission_id),)
        return Result(line.number, "conflict", answer.submission_id, checks)
    return Result(line.number, _STATUS[answer.status], answer.submission_id)


@asynccontextmanager
async def running(gateway: Gateway, judges: Judges, reading: InForce) -> AsyncIterator[Runner]:
    """Work batches off as long as this lasts."""
    runner = Runner(gateway, judges, reading)
    task = asyncio.create_task(runner.run(), name="batches")
    try:
        yield runner
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
