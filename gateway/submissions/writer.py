"""Group commit: messages that arrive together share a transaction, and so the price of one durable commit."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress

import psycopg

from gateway.blobs.objects import NoBytes
from gateway.db import Pool
from gateway.submissions.arrival import Arrival
from gateway.submissions.gather import Judges
from gateway.submissions.receive import Answer, receive

_LARGEST_BATCH = 64
_LARGEST_BATCH_BYTES = 4 * 1024 * 1024
_MOST_WAITING = 256 * 1024 * 1024
# Together they are less than `params.SETTLED_AFTER`: a message that came is known, or refused, before its moment may be
# asked for.
_LONGEST_WAIT = 20.0  # seconds
LONGEST_WORK = 80.0


class Busy(Exception):
    """More messages wait than the gateway will hold in memory; the sender may try again."""


class Outage(Exception):
    """The database or the evidence store could not be reached or gave way: nothing was kept, and the same message may
    succeed later."""


class Writer:
    """Decides arrivals in the order in which they came, as many at a time as are waiting.

    If a shared transaction fails, each of its messages is tried alone, so that one cannot take others down with it;
    what fails alone is raised to its sender, and nothing of it is kept. Where the database cannot be reached nothing is
    tried again: everybody is told at once.
    """

    def __init__(
        self, pool: Pool, judges: Judges, *, lanes: int = 1, waiting: int = 2000, waiting_bytes: int = _MOST_WAITING
    ) -> None:
        self._pool = pool
        self._judges = judges
        self._lanes = lanes
        self._room = waiting_bytes
        self._queue: asyncio.Queue[tuple[Arrival, asyncio.Future[Answer], float]] = asyncio.Queue(maxsize=waiting)
        self._tasks: list[asyncio.Task[None]] = []

    @property
    def waiting(self) -> int:
        """How many messages wait to be decided."""
        return self._queue.qsize()

    def start(self) -> None:
        """Begin to decide; to be called in the running event loop."""
        self._tasks = [asyncio.create_task(self._run(), name=f"writer-{lane}") for lane in range(self._lanes)]

    async def stop(self) -> None:
        """Finish what is waiting, then end."""
        await self._queue.join()
        for task in self._tasks:
            task.cancel()
        for task in self._tasks:
            with suppress(asyncio.CancelledError):
                await task

    async def decide(self, arrival: Arrival) -> Answer:
        """The answer to one message, once it is durable. Raises `Busy`, `Outage`, or what nobody foresaw."""
        future: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        size = len(arrival.body)
        if size > self._room:
            raise Busy
        try:
            self._queue.put_nowait((arrival, future, future.get_loop().time()))
        except asyncio.QueueFull as error:
            raise Busy from error
        self._room -= size
        try:
            return await future
        except (psycopg.OperationalError, psycopg.errors.SerializationFailure, TimeoutError, NoBytes) as error:
            raise Outage(str(error)) from error

    async def _run(self) -> None:
        while True:
            taken = [await self._queue.get()]
            size = len(taken[0][0].body)
            while len(taken) < _LARGEST_BATCH and size < _LARGEST_BATCH_BYTES and not self._queue.empty():
                taken.append(self._queue.get_nowait())
                size += len(taken[-1][0].body)
            try:
                await self._decide(_in_time(taken))
            finally:
                for arrival, _, _ in taken:
                    self._room += len(arrival.body)
                    self._queue.task_done()

    async def _decide(self, batch: Sequence[tuple[Arrival, asyncio.Future[Answer]]]) -> None:
        # Whatever goes wrong has a sender who waits for it, and is told.
        (outcome,) = await asyncio.gather(self._receive(batch), return_exceptions=True)
        if isinstance(outcome, list):
            for (_, future), answer in zip(batch, outcome, strict=True):
                if not future.done():
                    future.set_result(answer)
        elif len(batch) > 1 and not _is_outage(outcome):
            for one in batch:
                await self._decide([one])
        else:
            for _, future in batch:
                if not future.done():
                    future.set_exception(outcome)

    async def _receive(self, batch: Sequence[tuple[Arrival, asyncio.Future[Answer]]]) -> list[Answer]:
        if not batch:
            return []
        async with asyncio.timeout(LONGEST_WORK), self._pool.connection() as connection:
            return await receive(connection, [arrival for arrival, _ in batch], self._judges)


def _in_time(
    taken: Sequence[tuple[Arrival, asyncio.Future[Answer], float]],
) -> list[tuple[Arrival, asyncio.Future[Answer]]]:
    """Those that did not wait too long; the others are told to come again, since their moment is as good as over."""
    batch = []
    for arrival, future, since in taken:
        if future.get_loop().time() - since <= _LONGEST_WAIT:
            batch.append((arrival, future))
        elif not future.done():
            future.set_exception(TimeoutError("the message waited too long"))
    return batch


def _is_outage(error: BaseException) -> bool:
    """Whether the trouble is the database's and nobody's message's; a deadlock or conflict is between messages."""
    between = psycopg.errors.SerializationFailure | psycopg.errors.DeadlockDetected
    return isinstance(error, psycopg.OperationalError | TimeoutError) and not isinstance(error, between)
