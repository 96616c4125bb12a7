"""The watermark: of each insurer the day up to which everything that it counts is known, kept up as records come."""

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import date

from gateway.completeness import store
from gateway.completeness.compare import complete_up_to, status_of
from gateway.completeness.store import InsurersDay
from gateway.db import Connection

_AT_ONCE = 2000  # days


class Watermarks:
    """`complete_up_to` of all insurers. Only days of which something was told since are looked at again.

    The order of record numbers is the order of commits: records are written under the lock of the log's head. So what
    has a larger number than the newest that was seen is all that is new. One for each process and event loop.
    """

    def __init__(self, start: date | None = None) -> None:
        self._start = start
        self._seen: int | None = None
        self._first: dict[str, date] = {}
        self._agreeing: defaultdict[str, set[date]] = defaultdict(set)
        self._told: dict[str, date | None] = {}
        self._lock = asyncio.Lock()

    async def read(self, connection: Connection) -> Mapping[str, date | None]:
        """Of each insurer that ever closed a day, the last day that is complete, or None. Of one moment, not later than
        what the connection sees next."""
        async with self._lock:
            newest = await store.find_newest(connection)
            if newest != self._seen:
                seen = self._seen
                changed = await (
                    store.list_closed_days(connection) if seen is None else store.list_days_since(connection, seen)
                )
                await self._look_at(connection, changed)
                self._seen = newest
            return dict(self._told)

    async def _look_at(self, connection: Connection, changed: list[InsurersDay]) -> None:
        touched: set[str] = set()
        for place in range(0, len(changed), _AT_ONCE):
            for state in await store.load_states(connection, changed[place : place + _AT_ONCE]):
                if state.statement is None:
                    continue
                touched.add(state.insurer)
                self._first[state.insurer] = min(state.day, self._first.get(state.insurer, state.day))
                if status_of(state) == "agrees":
                    self._agreeing[state.insurer].add(state.day)
                else:
                    self._agreeing[state.insurer].discard(state.day)
        for insurer in touched:
            start = start_of(self._start, self._first.get(insurer))
            self._told[insurer] = complete_up_to(start, self._agreeing[insurer])


def start_of(configured: date | None, first_closed: date | None) -> date | None:
    """The first day that has to be complete: the configured one, else the first that the insurer closed."""
    return configured or first_closed


def first_of(days: Iterable[InsurersDay]) -> date | None:
    """The first of these days."""
    return min((day for _, day in days), default=None)
