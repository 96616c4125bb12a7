"""Poll the registries that have an interface: take what is whole, hold what ends too much, remember what failed.

Whatever a source does, what is known stays until something better has come; it ages meanwhile, and once it is stale the
filing rules are indeterminate.
"""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from gateway.config import FilingSource
from gateway.db import Connection, DatabaseGone, Pool, new_pool
from gateway.filing.proposals import store as proposals
from gateway.filing.proposals.decide import hold, supersede
from gateway.filing.proposals.preview import Preview, preview
from gateway.filing.push import Push, settle
from gateway.filing.sources import store
from gateway.filing.sources.ask import MEDIA_TYPE, Fetched, Unanswered, fetch
from gateway.filing.sources.ready import NotReady, make_ready, read_sources
from gateway.filing.sources.store import Poll
from gateway.filing.store import Superseded, lock
from gateway.state import Gateway
from schemas.canonical import as_json
from schemas.verification import Check, Outcome, failed, passed

_LOG = logging.getLogger("gateway.filings")
_EVERY = 1.0  # seconds between two looks at what is due
_AT_ONCE = 2
_FIRST_REST = 30.0
_MOST_TOLD = 20


class Poller:
    """Asks the configured sources; one poller of a source at a time, over all processes."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        self._sources = {one.name: one for one in read_sources(gateway.config)}

    async def run(self) -> None:
        """Look every second for a source that is due. Whatever goes wrong is told in the log, and tried again."""
        async with new_pool(self._gateway.config.dsn, _AT_ONCE) as pool:
            while True:
                await asyncio.sleep(_EVERY)
                (outcome,) = await asyncio.gather(self.look(pool), return_exceptions=True)
                if isinstance(outcome, DatabaseGone):
                    _LOG.warning("no source is asked now: %s", outcome)
                elif isinstance(outcome, BaseException):
                    _LOG.error("no source is asked now: %s", outcome, exc_info=outcome)

    async def look(self, pool: Pool) -> list[Check]:
        """Ask every source that is due and that nobody else is asking; how it went, in the order of names."""
        async with pool.connection() as connection:
            due = await store.list_due(connection, sorted(self._sources), self._gateway.clock())
        room = asyncio.Semaphore(_AT_ONCE)

        async def one(name: str) -> Check | None:
            async with room, pool.connection() as connection:
                return await self._one(connection, self._sources[name])

        asked = await asyncio.gather(*(one(name) for name in due))
        return [check for check in asked if check is not None]

    async def _one(self, connection: Connection, source: FilingSource) -> Check | None:
        """Ask the source if it is due and nobody else does; `None` if it was not asked."""
        if not await store.try_lock(connection, source.name):
            return None
        try:
            before = await store.find_poll(connection, source.name)
            if before is not None and before.next_at > self._gateway.clock():
                return None  # another process asked it a moment ago
            return await self._ask(connection, source, before or Poll(source.name, self._gateway.clock()))
        finally:
            await store.unlock(connection, source.name)

    async def _ask(self, connection: Connection, source: FilingSource, before: Poll) -> Check:
        failures = before.failures + 1
        again = self._gateway.clock() + timedelta(seconds=rest(failures, source.interval_seconds))
        # Before it is asked: whatever goes wrong, it is not asked again at once.
        await store.save(connection, replace(before, next_at=again))
        try:
            base = await proposals.base_of(connection, source.registry)
            # A tag names what the source stated; that this is what is known here, only the same state says.
            tag = before.etag if before.base == base else None
            fetched = await fetch(make_ready(source), tag, self._gateway.signer, self._gateway.clock)
            check, base = await self.take(connection, source, fetched, base)
        except Unanswered as error:
            check = failed("filing-source.answer", error.reason, detail=str(error)[:300], **error.facts)
        except NotReady as error:
            check = failed("filing-source.answer", "not-ready", detail=str(error)[:300])
        at = self._gateway.clock()
        if check.outcome is Outcome.PASSED:
            later = at + timedelta(seconds=source.interval_seconds)
            good = replace(before, next_at=later, failures=0, last_success=at, etag=fetched.etag, base=base)
            await store.save(connection, good)
            return check
        _LOG.warning("source %s: %s %s %s", source.name, check.rule, check.reason, check.facts.get("detail", ""))
        again = at + timedelta(seconds=rest(failures, source.interval_seconds))
        await store.save(
            connection,
            replace(before, next_at=again, failures=failures, last_failure=at, failure=as_json(check)),
        )
        return check

    async def take(
        self, connection: Connection, source: FilingSource, fetched: Fetched, base: str
    ) -> tuple[Check, str]:
        """Make what the source answered known, or hold it for two people; how it went.

        With it the state of the registry that the answer's tag names, if it passed; `base` is that of the tag it was
        asked with. Another's change a moment later is another state, in which the source is asked for everything.
        """
        at = self._gateway.clock()
        rule = "filing-source.answer"
        if fetched.data is None:
            await self._supersede(connection, source, at)
            return passed(rule, change="unchanged"), base
        pushed = Push(
            data=fetched.data,
            media_type=MEDIA_TYPE,
            sender=f"source/{source.name}",
            proof=fetched.proof,
            registry=source.registry,
            whole=True,
        )
        found = await preview(connection, pushed, self._gateway.participants.insurers(), at)
        if found.problems:
            told = [as_json(check) for check in found.problems[:_MOST_TOLD]]
            return failed(rule, "file-refused", count=len(found.problems), problems=told), base
        if found.news.outcome is not Outcome.PASSED:
            await self._supersede(connection, source, at)
            return passed(rule, change="unchanged"), found.base
        why = [check_shrinking(source, found), check_people(found, two_people=self._gateway.config.filing_two_people)]
        held = [check for check in why if check.outcome is not Outcome.PASSED]
        if held:
            proposal, _ = await hold(connection, pushed, found, at, source=source.name, why=held)
            return held[0].model_copy(update={"facts": {**held[0].facts, "proposal": proposal.id}}), base
        return await self._settle(connection, source, pushed, found)

    async def _settle(
        self, connection: Connection, source: FilingSource, pushed: Push, found: Preview
    ) -> tuple[Check, str]:
        rule = "filing-source.answer"
        origin = self._gateway.config.log_origin
        try:
            async with connection.transaction():
                await lock(connection)
                if await proposals.base_of(connection, source.registry) != found.base:
                    return failed(rule, "overtaken"), found.base
                at = self._gateway.clock()
                agreed = {"source": source.name}
                done = await settle(connection, pushed, found.file, at=at, log_origin=origin, agreed=agreed)
                await supersede(connection, source.name, at)
                base = await proposals.base_of(connection, source.registry)
        except Superseded as error:
            return failed(rule, "overtaken", detail=str(error)[:300]), found.base
        counts: dict[str, Any] = found.differences.counts()
        return passed(rule, change="taken", leaf=done.leaf.index if done.leaf else None, **counts), base

    async def _supersede(self, connection: Connection, source: FilingSource, at: datetime) -> None:
        async with connection.transaction():
            await lock(connection)
            await supersede(connection, source.name, at)


def check_shrinking(source: FilingSource, found: Preview) -> Check:
    """Of what is in use no more ends at once than the operator lets end by the source's word alone."""
    differences = found.differences
    rule = "filing-source.held"
    facts: dict[str, Any] = {
        "ends": differences.ends,
        "in_use": differences.in_use,
        "most_percent": str(source.most_ended_percent),
    }
    if differences.ends * 100 > differences.in_use * source.most_ended_percent:
        return failed(rule, "shrunken", **facts)
    return passed(rule, **facts)


def check_people(found: Preview, *, two_people: bool) -> Check:
    """Where two people are always asked for, a source alone only says as of a new day that all is as it was."""
    if two_people and found.differences.listed:
        return failed("filing-source.held", "two-people", changes=len(found.differences.listed))
    return passed("filing-source.held")


def rest(failures: int, interval: float) -> float:
    """Seconds until a source is asked again: twice as long after each failure, at most as if it had not failed."""
    return float(min(_FIRST_REST * 2.0 ** min(failures - 1, 16), max(interval, 1.0)))


@asynccontextmanager
async def polling(gateway: Gateway) -> AsyncIterator[None]:
    """Poll as long as this lasts, if there are sources. Raises `Misconfigured`."""
    poller = Poller(gateway)
    if not gateway.config.filing_sources:
        yield
        return
    task = asyncio.create_task(poller.run(), name="filing-sources")
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
