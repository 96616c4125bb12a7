"""Which version of a mapping reads a message, at the moment at which it is received."""

import asyncio
import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from adapters.mapping import Mapping
from adapters.versions import Versions
from gateway.db import Pool
from gateway.errors import GatewayError
from gateway.mappings import store
from gateway.mappings.store import Activation
from gateway.participants import Participant

STANDARD = "DIA-CANON-JSON"

# An activation is known to the database a minute before it takes effect, and no process reads by what it knew ten
# seconds ago: all of them change over at the same moment, with room for clocks that differ.
LEAD = timedelta(seconds=60)
_FRESH = timedelta(seconds=10)

_LOG = logging.getLogger("gateway")


class Unusable(GatewayError):
    """What is in force cannot be read with: this release does not have it, or has another file under its name."""

    def __init__(self, activation: Activation, reason: str) -> None:
        super().__init__(f"{activation.dialect}/{activation.version} for {activation.insurer}: {reason}")


@dataclass(frozen=True, slots=True)
class Reader:
    """A mapping, and the digest of the file that holds it."""

    mapping: Mapping
    digest: str


def formats_of(participant: Participant) -> tuple[str, ...]:
    """In which formats an insurer may send: its own, and the standard schema."""
    own = participant.dialect or STANDARD
    return (own,) if own == STANDARD else (own, STANDARD)


def format_of(participant: Participant, media_type: str) -> str:
    """In which format a message is: `application/json` is the standard schema, all else the insurer's own."""
    return STANDARD if media_type == "application/json" else participant.dialect or STANDARD


def in_force(activations: Iterable[Activation], at: datetime) -> Activation | None:
    """Of one insurer's activations in one format, as they became known: the one that reads at `at`.

    It is the one that took effect last; of two that take effect at the same moment, the one that was approved last.
    """
    known = tuple(activations)
    approved = [one for one in reversed(known) if not one.is_shipped and one.active_from <= at]
    if approved:
        return max(approved, key=lambda one: one.active_from)
    return next((one for one in known if one.is_shipped), None)


class InForce:
    """What is in force, as the database says it, looked up again every few seconds. One for each process."""

    def __init__(self, versions: Versions) -> None:
        self.versions = versions
        self._loaded_at: datetime | None = None
        self._activations: dict[tuple[str, str], list[Activation]] = {}
        self._lock = asyncio.Lock()

    async def begin(self, pool: Pool, insurers: Sequence[Participant], at: datetime) -> None:
        """Record what the installation begins with, for each insurer and format that has nothing yet."""
        rows = []
        for insurer in insurers:
            for code in formats_of(insurer):
                shipped = self.versions.shipped(code)
                digest = self.versions.digest(shipped)
                rows.append(Activation(insurer.code, code, shipped.version, digest, at, at))
        async with pool.connection() as connection:
            await store.install(connection, rows)
        await self._load(pool, at)
        for _, found in sorted(self._activations.items()):
            active = in_force(found, at)
            if active is not None and (flaw := self.flaw(active)) is not None:
                _LOG.critical("messages cannot be read: %s", Unusable(active, flaw))

    async def reader(self, pool: Pool, insurer: str, dialect: str, at: datetime) -> Reader:
        """What reads this insurer's messages in this format at `at`. Raises `Unusable`, or as the database does."""
        if not self._is_fresh(at):
            async with self._lock:
                if not self._is_fresh(at):
                    await self._load(pool, at)
        active = in_force(self._activations.get((insurer, dialect), ()), at)
        if active is None:  # an insurer that was not there when this process began
            raise LookupError(f"nothing is recorded for {insurer} and {dialect}")
        if (flaw := self.flaw(active)) is not None:
            raise Unusable(active, flaw)
        mapping = self.versions.find(dialect, active.version)
        assert mapping is not None  # or it would have a flaw
        return Reader(mapping, active.digest)

    def flaw(self, activation: Activation) -> str | None:
        """Why this release cannot read with what was activated; None if it can."""
        mapping = self.versions.find(activation.dialect, activation.version)
        if mapping is None:
            return "this release does not have the version"
        if self.versions.digest(mapping) != activation.digest:
            return "the file of this release is not the one that came into force; propose and approve it"
        return None

    def _is_fresh(self, at: datetime) -> bool:
        # A clock that was set back makes nothing fresh.
        return self._loaded_at is not None and timedelta(0) <= at - self._loaded_at < _FRESH

    async def _load(self, pool: Pool, at: datetime) -> None:
        async with pool.connection() as connection:
            rows = await store.activations(connection)
        found: dict[tuple[str, str], list[Activation]] = {}
        for one in rows:
            found.setdefault((one.insurer, one.dialect), []).append(one)
        self._activations, self._loaded_at = found, at
