"""Long-poll: many readers wait for the feed to grow, one question to the database answers all of them."""

import asyncio

from gateway.db import Pool
from gateway.feed.store import count_revisions

_EVERY = 0.1  # seconds
_MOST_WAITING = 1000


class FeedWatch:
    """Tells waiting readers that the feed has grown. While anybody waits, the head is read every 0.1 s, on a connection
    that is borrowed for that moment only; while nobody does, nothing happens. One for each process and event loop."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._waiting: dict[asyncio.Future[None], int] = {}
        self._task: asyncio.Task[None] | None = None

    async def grown(self, beyond: int, seconds: float) -> bool:
        """Whether the feed has more than `beyond` revisions within `seconds`. With too many waiting it says no at once.

        Raises what the pool raises if the database cannot be asked.
        """
        if len(self._waiting) >= _MOST_WAITING:
            return False
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting[future] = beyond
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._watch(), name="feed-watch")
        task = self._task
        try:
            done, _ = await asyncio.wait({future, task}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        finally:
            del self._waiting[future]
        if future not in done and task in done:
            task.result()  # raises: it ends by itself only when nobody waits
        return future in done

    async def _watch(self) -> None:
        while self._waiting:
            async with self._pool.connection() as connection:
                count = await count_revisions(connection)
            for future, beyond in self._waiting.items():
                if count > beyond and not future.done():
                    future.set_result(None)
            await asyncio.sleep(_EVERY)
