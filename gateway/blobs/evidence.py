"""Where the bytes of sealed documents are, and how they are read: never others than those that were handed in.

By default in the database, in their own row. With a store (`evidence_store`), the bytes go there first and are durable
before the row commits; the row says that they are there. Who is killed between the two leaves bytes that no row speaks
of: harmless, put again under the same name when the same document comes again, and told by `gateway store check`.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from gateway.blobs.objects import Damaged, NoBytes, Objects, StoreDown, check
from gateway.config import Config

ROWS = "postgres"
Place = Literal["store", "erased"]

_LOG = logging.getLogger("gateway.evidence")


class Erased(NoBytes):
    """The bytes were erased by order: their digest and every verdict on them stay."""

    def __init__(self, digest: str) -> None:
        super().__init__(f"{digest} was erased by order")
        self.digest = digest


@dataclass(frozen=True, slots=True)
class Kept:
    """A document's row as far as its bytes go: they stand in it, or `kept_in` says what became of them."""

    digest: str
    size: int
    bytes: bytes | None
    kept_in: Place | None


@dataclass(frozen=True, slots=True)
class Evidence:
    """Keeps and reads documents. `into` is where new ones go: nothing means their rows. `others` are read from too."""

    into: Objects | None = None
    others: Sequence[Objects] = field(default=())

    @property
    def stores(self) -> tuple[Objects, ...]:
        """Every store, the present one first."""
        return (*(() if self.into is None else (self.into,)), *self.others)

    def told(self) -> str:
        """How the store is doing, as far as this process has seen: `postgres`, `ok` or `down`. Nobody is asked."""
        if self.into is None:
            return ROWS
        return "ok" if self.into.answers else "down"

    async def keep(self, digest: str, data: bytes) -> bytes | None:
        """What stands in the row: the bytes, or nothing once they are durable in the store. Raises as `Objects.put`."""
        if self.into is None:
            return data
        await self.into.put(digest, data)
        return None

    async def read(self, kept: Kept) -> bytes:
        """The very bytes, held against their digest. Raises `Erased`, `Damaged` and `StoreDown`.

        A store that has lost or changed them is passed over if another has them whole; it is told in the log. While
        a store cannot be asked, nobody knows that the bytes are lost.
        """
        if kept.kept_in == "erased":
            raise Erased(kept.digest)
        if kept.bytes is not None:
            return check(kept.digest, kept.bytes, ROWS)
        worst: NoBytes = Damaged("lost", kept.digest, "every store that is configured")
        for place, one in enumerate(self.stores):
            try:
                return await one.get(kept.digest, kept.size)
            except Damaged as error:
                _LOG.log(logging.INFO if error.reason == "lost" else logging.CRITICAL, "%s", error)
                if isinstance(worst, Damaged) and (place == 0 or error.reason != "lost"):
                    worst = error
            except StoreDown as error:
                worst = error
        raise worst

    async def remove(self, digest: str) -> None:
        """Let go of the bytes in every store. Raises `StoreDown` after all were tried."""
        down: StoreDown | None = None
        for one in self.stores:
            try:
                await one.remove(digest)
            except StoreDown as error:
                down = error
        if down is not None:
            raise down


def open_evidence(config: Config) -> Evidence:
    """The evidence as configured. Raises `Misconfigured` for a store that cannot be one."""
    seconds = config.evidence_store_timeout_seconds
    into = None if config.evidence_store == ROWS else Objects(config.evidence_store, timeout=seconds)
    return Evidence(into, tuple(Objects(url, timeout=seconds) for url in config.evidence_stores_before))


def stores_of(config: Config) -> tuple[str, ...]:
    """The addresses of every store that is configured, the present one first."""
    return (*(() if config.evidence_store == ROWS else (config.evidence_store,)), *config.evidence_stores_before)
