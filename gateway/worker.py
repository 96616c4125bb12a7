"""`gateway work`: a process that does what the service leaves to others, without serving anything."""

import asyncio
import signal

from gateway.app import build
from gateway.config import Config
from gateway.delivery.worker import delivering


def work(config: Config) -> int:
    """Deliver to subscribers until stopped (SIGINT, SIGTERM); 0. Any number of such processes may run, beside services
    or without. The database is there already: `gateway serve` or `gateway migrate` made it."""
    asyncio.run(_work(config.model_copy(update={"deliver": True})))
    return 0


async def _work(config: Config) -> None:
    gateway = build(config)
    stopped = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    async with gateway.pool, delivering(gateway):
        await stopped.wait()
