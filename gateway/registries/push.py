"""What a registry states comes in: handed over as a file, or fetched from a source; read, kept, recorded, logged."""

import asyncio
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Protocol

from gateway.db import Connection
from gateway.ledger import append as append_to_log
from gateway.registries import store
from gateway.registries.entries import RegistryName
from gateway.registries.read import RegistryFile, read_registry
from gateway.registries.store import Recorded, Statement
from schemas.calendar import shanghai_day
from schemas.log import Entry, Leaf


@dataclass(frozen=True, slots=True)
class Handed:
    """The bytes as they came, who sent them with which proof, and whose statement of which day the sender says it is.

    `whole` says whether the file is all that the source has; what it leaves out is then no longer stated.
    """

    registry: RegistryName
    data: bytes
    media_type: str
    sender: str
    proof: Mapping[str, Any] = field(default_factory=dict)
    source: str | None = None
    as_of: date | None = None
    whole: bool = True


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of it: whose statement it was, what changed, and where that stands in the log."""

    source: str
    as_of: date
    count: int
    recorded: Recorded
    leaf: Leaf | None


class Source(Protocol):
    """Where a registry's statements come from: a folder, an interface that is polled. It fetches; it judges nothing."""

    registry: RegistryName

    async def fetch(self) -> Handed | None:
        """The latest statement, or `None` if there is nothing newer than what was fetched last."""


async def poll(source: Source, connection: Connection, *, at: datetime, log_origin: str) -> Taken | RegistryFile | None:
    """Take what the source has, if it has something; `None` if it has not. Raises what `take` and the source raise."""
    handed = await source.fetch()
    return None if handed is None else await take(connection, handed, at=at, log_origin=log_origin)


async def take(connection: Connection, handed: Handed, *, at: datetime, log_origin: str) -> Taken | RegistryFile:
    """Take the whole file or nothing of it; the file with its problems if it is refused.

    One transaction: file, statements and log entry stand together. What says nothing new is not kept and not logged, so
    that the same file again is answered alike. Raises `store.Superseded` if later statements are known.
    """
    file = await asyncio.to_thread(
        read_registry,
        handed.data,
        handed.registry,
        source=handed.source,
        as_of=handed.as_of,
        today=shanghai_day(at),
        may_be_empty=handed.whole,
    )
    if file.problems or file.as_of is None:
        return file
    said = Statement(handed.registry, file.source, file.as_of, file.entries, handed.whole)
    leaf = None
    async with connection.transaction(force_rollback=False) as transaction:
        kept = await store.keep_file(
            connection,
            handed.registry,
            handed.data,
            sender=handed.sender,
            media_type=handed.media_type,
            at=at,
            proof=handed.proof,
        )
        recorded = await store.record(connection, said, at, kept)
        if recorded.says_something_new:
            (leaf,) = await append_to_log(connection, [_entry(handed, said, recorded, at)], log_origin)
        else:
            transaction.force_rollback = True
    return Taken(said.source, said.as_of, len(said.entries), recorded, leaf)


def _entry(handed: Handed, said: Statement, recorded: Recorded, at: datetime) -> Entry:
    return Entry(
        kind="registry",
        at=at,
        body={
            "registry": handed.registry,
            "source": said.source,
            "as_of": str(said.as_of),
            "whole": said.whole,
            "count": len(said.entries),
            "new": recorded.new,
            "superseded": recorded.superseded,
            "dropped": recorded.dropped,
            "file": f"sha256:{hashlib.sha256(handed.data).hexdigest()}",
            "sender": handed.sender,
        },
    )
