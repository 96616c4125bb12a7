"""A clock that somebody else moves, for a sandbox that has to have a past: never for a gateway that serves anybody.

The sandbox pushes two years of history through the real interface, and what is known has to be known from then. So its
gateway tells the time that a file says. Three things keep it from ever being used elsewhere: the data folder carries a
marker that only the sandbox's provisioning writes, the database is the embedded one below that folder, which the
database itself is asked, and whoever looks at such a gateway is told. Its clock never runs back, and never ahead.
"""

import logging
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from gateway.config import Config
from gateway.db import Connection, data_folder
from gateway.errors import Misconfigured

MARKER = "SIMULATED-TIME"
"""The file in the data folder that says: nothing in here ever happened."""

WORDS = "gateway sandbox: nothing in this folder ever happened\n"

_LOG = logging.getLogger("gateway")


def clock_of(config: Config) -> Callable[[], datetime]:
    """The clock of a gateway of this configuration: the real one, or the file's. Raises `Misconfigured`."""
    if config.simulated_clock is None:
        return _real
    check_simulated(config)
    clock = SimulatedClock(config.simulated_clock)
    _LOG.critical("%s", warning(clock()))
    return clock


def check_simulated(config: Config) -> None:
    """Raises `Misconfigured` where a simulated clock must not be: outside the sandbox, or behind another address."""
    if config.simulated_clock is None:
        return
    marker = config.data_dir / MARKER
    try:
        marked = marker.read_text(encoding="utf-8") == WORDS
    except (OSError, UnicodeDecodeError):
        marked = False
    if not marked:
        raise Misconfigured(f"simulated_clock: {config.data_dir} is no sandbox: there is no {MARKER} in it")
    if config.host not in ("127.0.0.1", "::1", "localhost") or config.public_url:
        raise Misconfigured("simulated_clock: a sandbox serves this machine only")
    if config.workers != 1:
        raise Misconfigured("simulated_clock: one worker, so that there is one clock")


async def check_database(config: Config, connection: Connection) -> None:
    """Raises `Misconfigured` unless the database at the other end is the embedded one below the data folder."""
    if config.simulated_clock is None:
        return
    folder = await data_folder(connection)
    own = config.data_dir.resolve()
    if folder is None or own not in Path(folder).resolve().parents:
        raise Misconfigured(f"simulated_clock: the database is not the embedded one below {own}")


def warning(at: datetime) -> str:
    """What everybody is told who looks at such a gateway."""
    return f"模拟时钟 SIMULATED CLOCK {at.isoformat()}: a sandbox, nothing it says ever happened"


class SimulatedClock:
    """The moment that stands in a file (RFC 3339, one line), never earlier than it was, never later than it is.

    Whoever moves it puts another file in its place. Raises `Misconfigured` if there is no moment in it.
    """

    def __init__(self, file: Path) -> None:
        self._file = file
        self._last = datetime.min.replace(tzinfo=UTC)

    def __call__(self) -> datetime:
        """What the clock says."""
        try:
            said = datetime.fromisoformat(self._file.read_text(encoding="ascii").strip())
        except (OSError, ValueError) as error:
            raise Misconfigured(f"{self._file}: no moment: {error}") from error
        if said.tzinfo is None:
            raise Misconfigured(f"{self._file}: a moment without a time zone is no moment")
        self._last = max(self._last, min(said.astimezone(UTC), _real()))
        return self._last


def _real() -> datetime:
    return datetime.now(UTC)
