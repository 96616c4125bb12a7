"""Keys that were let in after the participants' file was written: known to every process within seconds."""

import asyncio
import time

from gateway.access import store
from gateway.db import Connection, Pool
from gateway.participants import Participants

_FRESH = 2.0  # seconds for which nobody asks again


class LaterKeys:
    """What keeps the participants of one process up to date. One number of the database says whether there is more."""

    def __init__(self, participants: Participants) -> None:
        self._participants = participants
        self._seen = 0
        self._asked_at: float | None = None
        self._lock = asyncio.Lock()

    async def refresh(self, pool: Pool) -> None:
        """Know what was let in up to two seconds ago."""
        if not self._is_fresh():
            async with self._lock:
                if not self._is_fresh():
                    async with pool.connection() as connection:
                        await self.load(connection)

    async def load(self, connection: Connection) -> None:
        """Know what was let in up to now."""
        asked_at = time.monotonic()
        last = await store.last_key(connection)
        if last != self._seen:
            self._participants.adopt(await store.list_later_keys(connection))
            self._seen = last
        self._asked_at = asked_at

    def _is_fresh(self) -> bool:
        return self._asked_at is not None and time.monotonic() - self._asked_at < _FRESH
