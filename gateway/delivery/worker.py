"""The worker: takes up what subscribers want from the feed, sends it, and remembers what came of it.

One subscription is one worker's at a time, by a lock that ends with the transaction. Everything that a batch changes is
committed together after the answers: a worker that is killed has changed nothing, and the batch is sent again, under
the same ids (at least once). Any number of workers may run.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import datetime
from ssl import create_default_context

import orjson

from gateway.config import Config
from gateway.db import Connection, DatabaseGone, Pool, new_pool
from gateway.delivery import schedule, store
from gateway.delivery.events import CONTENT_TYPE, name_event, parts_of, write_event
from gateway.delivery.send import Sender, Sent
from gateway.delivery.signature import sign
from gateway.delivery.store import Attempt, Due, Subscription
from gateway.delivery.targets import Targets
from gateway.errors import Misconfigured
from gateway.feed.store import list_changes
from gateway.state import Gateway

_LOG = logging.getLogger("gateway.delivery")
_EVERY = 0.5  # seconds
_AFTER_TROUBLE = 5.0
_AT_ONCE = 16  # messages under way to one endpoint
_TAKEN_AT_ONCE = 200  # revisions
_BATCHES_A_TURN = 50
_MOST_WAITING = 2000  # events of a subscription; no more is taken up until some are accepted


class Worker:
    """Delivers until it is cancelled. `lanes` subscriptions at a time, each with a connection of a pool of its own, so
    that slow endpoints hold nothing up but each other."""

    def __init__(self, gateway: Gateway, sender: Sender, *, lanes: int = 4) -> None:
        self._gateway = gateway
        self._sender = sender
        self._lanes = lanes
        self._under_way: dict[str, asyncio.Task[None]] = {}
        self._turns: dict[str, int] = {}

    async def run(self) -> None:
        """Look twice a second for something to do. Whatever goes wrong is told in the log, and tried again."""
        pool = new_pool(self._gateway.config.dsn, self._lanes)
        pause = _EVERY
        try:
            while True:
                await asyncio.sleep(pause)
                (outcome,) = await asyncio.gather(self._look(pool), return_exceptions=True)
                pause = _EVERY if outcome is None else _AFTER_TROUBLE
                if isinstance(outcome, DatabaseGone):
                    _LOG.warning("nothing is delivered now: %s", outcome)
                elif outcome is not None:
                    _LOG.error("nothing is delivered now: %s", outcome, exc_info=outcome)
        finally:
            for task in self._under_way.values():
                task.cancel()
            await asyncio.gather(*self._under_way.values(), return_exceptions=True)
            await self._sender.close()
            await pool.close()

    async def _look(self, pool: Pool) -> None:
        for identity in [identity for identity, task in self._under_way.items() if task.done()]:
            task = self._under_way.pop(identity)
            if (error := task.exception()) is not None:
                # One subscription cannot stop the others; it is looked at again, and the log says what happened.
                _LOG.error("subscription %s: %s", identity, error, exc_info=error)
        if len(self._under_way) >= self._lanes:
            return
        async with self._gateway.pool.connection() as connection:
            busy = await store.list_busy(connection, self._gateway.clock(), schedule.SUSPECT)
        if busy:
            await pool.open()  # once; who has no subscribers needs none
        # Who has waited longest comes first: more subscriptions than lanes take turns.
        for identity in sorted(busy, key=lambda one: self._turns.get(one, 0)):
            if identity not in self._under_way and len(self._under_way) < self._lanes:
                self._turns[identity] = max(self._turns.values(), default=0) + 1
                task = asyncio.create_task(self._serve(pool, identity), name=f"deliver-{identity}")
                self._under_way[identity] = task

    async def _serve(self, pool: Pool, identity: str) -> None:
        async with pool.connection() as connection:
            for _ in range(_BATCHES_A_TURN):
                if not await self.deliver(connection, identity):
                    return

    async def deliver(self, connection: Connection, identity: str) -> bool:
        """Take up what is new and send one batch; whether there may be more to do at once."""
        async with connection.transaction():
            if not await store.try_lock(connection, identity):
                return False
            subscription = await store.find_subscription(connection, identity)
            at = self._gateway.clock()
            if subscription is None or subscription.ended_at is not None or _rests(subscription, at):
                return False
            taken = subscription.waiting < _MOST_WAITING and await self._take_up(connection, subscription)
            # While an endpoint fails it is asked with one message at a time, in the end with one that was given up.
            fails = subscription.failures >= schedule.SUSPECT
            due = await store.list_due(connection, identity, at, 1 if fails else _AT_ONCE, given_up=fails)
            if not due:
                return taken
            sent = await asyncio.gather(*(self._send(subscription, one) for one in due))
            await self._remember(connection, subscription, due, sent)
            return True

    async def _take_up(self, connection: Connection, subscription: Subscription) -> bool:
        """Put what the subscriber wants of the next revisions into its queue; whether there were any."""
        found = await list_changes(connection, subscription.position - 1, _TAKEN_AT_ONCE)
        if not found:
            return False
        events = []
        for one in found:
            stated = orjson.loads(one.body)
            for part in parts_of(stated, subscription.types):
                events.append((one.position, part, stated["insurer"], stated["policy_no"]))
        at = self._gateway.clock()
        await store.take_up(connection, subscription.id, found[-1].position + 1, events, at)
        return True

    async def _send(self, subscription: Subscription, due: Due) -> Sent:
        name, body = write_event(due.found, due.part, self._gateway.config.log_origin)
        timestamp = int(self._gateway.clock().timestamp())
        headers = sign(subscription.secret, self._gateway.signer, name, timestamp, body)
        return await self._sender.send(subscription.url, {**headers, "content-type": CONTENT_TYPE}, body)

    async def _remember(
        self, connection: Connection, subscription: Subscription, due: Sequence[Due], sent: Sequence[Sent]
    ) -> None:
        at = self._gateway.clock()
        attempts = []
        for one, result in zip(due, sent, strict=True):
            tried = one.attempts + 1
            name, _ = name_event(orjson.loads(one.found.body), one.found.position, one.part)
            again = None if result.accepted else schedule.next_attempt(name, tried, at, result.retry_after)
            attempts.append(
                Attempt(one.found.position, one.part, tried, at, result.accepted, result.status, result.reason, again)
            )
        await store.record(connection, subscription.id, attempts)
        identity = subscription.id
        if any(result.accepted for result in sent):
            await store.set_health(connection, identity, 0, None, None)
            if subscription.failures >= schedule.SUSPECT:  # an outage is over: what it used up is offered again
                await store.offer_again(connection, identity, at)
            return
        failures, since = subscription.failures + 1, subscription.failing_since or at
        await store.set_health(connection, identity, failures, since, at + schedule.rest(failures))
        gone = any(result.reason == "gone" for result in sent)
        if gone or schedule.is_lost(since, at):
            reason = "gone" if gone else "failing"
            await store.end(connection, identity, at, reason, "gateway")
            _LOG.error(
                "subscription %s of %s to %s has ended: %s", identity, subscription.owner, subscription.url, reason
            )


@asynccontextmanager
async def delivering(gateway: Gateway) -> AsyncIterator[None]:
    """Deliver as long as this lasts, if the configuration says that this process does. Raises `Misconfigured`."""
    if not gateway.config.deliver:
        yield
        return
    task = asyncio.create_task(Worker(gateway, new_sender(gateway.config)).run(), name="deliveries")
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


def _rests(subscription: Subscription, at: datetime) -> bool:
    return subscription.resume_at is not None and at < subscription.resume_at


def new_sender(config: Config) -> Sender:
    """The sender under the operator's rules. Raises `Misconfigured` if the certificates for it cannot be read."""
    ca = None
    if config.delivery_ca is not None:
        try:
            ca = create_default_context(cafile=str(config.delivery_ca))
        except OSError as error:  # an SSLError is one
            raise Misconfigured(f"delivery_ca: {config.delivery_ca}: {error}") from error
    return Sender(targets_of(config), timeout=config.delivery_timeout_seconds, ca=ca)


def targets_of(config: Config) -> Targets:
    """Where the operator lets events be sent."""
    return Targets(
        frozenset(config.delivery_hosts), frozenset(config.delivery_private_hosts), config.delivery_insecure_localhost
    )
