"""A regulator pushes what a registry states: read, kept as it came, recorded, and noted in the log."""

import asyncio
import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from gateway.db import Connection
from gateway.filing import store
from gateway.filing.read import RegistryFile, read_registry
from gateway.filing.store import Recorded
from gateway.ledger import append as append_to_log
from gateway.participants import Participant
from schemas.codes import code_list
from schemas.filing import Source
from schemas.log import Entry, Leaf
from schemas.party import folded


@dataclass(frozen=True, slots=True)
class Push:
    """What was handed over: the bytes as they came, who sent them, and whose statement the sender says they are.

    `whole` overrides what the form of the file says: a registry's own file is whole, a bare JSON array is not.
    """

    data: bytes
    media_type: str
    sender: str
    proof: Mapping[str, Any]
    registry: str | None = None
    as_of: date | None = None
    whole: bool | None = None


@dataclass(frozen=True, slots=True)
class Pushed:
    """What became of it: whose statement it was, whether whole, what changed, where that stands in the log, and as
    which row of `filing_files` it was kept."""

    source: Source
    is_whole: bool
    count: int
    recorded: Recorded
    leaf: Leaf | None
    file: int


async def push(
    connection: Connection, pushed: Push, *, insurers: Iterable[Participant], at: datetime, log_origin: str
) -> Pushed | RegistryFile:
    """Take the whole file or nothing of it; the file with its problems if it is refused.

    One transaction: file, statements and log entry stand together. What says nothing new is not kept and not logged, so
    that the same push again is answered alike. Raises `store.Superseded` if later statements are known.
    """
    file = await asyncio.to_thread(
        read_registry,
        pushed.data,
        file_name=pushed.media_type,
        fetched_at=at,
        insurers=names_of(insurers),
        registry=pushed.registry,
        as_of=pushed.as_of,
        may_be_empty=pushed.whole is True,
    )
    if file.source is None:
        return file
    async with connection.transaction(force_rollback=False) as transaction:
        done = await settle(connection, pushed, file, at=at, log_origin=log_origin)
        if done.leaf is None:
            transaction.force_rollback = True
    return done


async def settle(
    connection: Connection,
    pushed: Push,
    file: RegistryFile,
    *,
    at: datetime,
    log_origin: str,
    agreed: Mapping[str, Any] | None = None,
) -> Pushed:
    """Keep the file, record what it states, and note it in the log, with who agreed to it: in the caller's transaction.

    Without a leaf it says nothing new: then the caller rolls back. Raises `store.Superseded`, ValueError for a file
    with problems.
    """
    if file.source is None:
        raise ValueError("the file has problems")
    is_whole = file.is_whole if pushed.whole is None else pushed.whole
    kept = await store.keep_file(
        connection,
        pushed.data,
        sender=pushed.sender,
        media_type=pushed.media_type,
        at=at,
        proof=pushed.proof,
    )
    recorded = await store.record(connection, file.filings, at, whole=file.source if is_whole else None, file=kept)
    leaf = None
    if recorded.says_something_new:
        entry = _entry(pushed, file.source, is_whole, len(file.filings), recorded, at, agreed or {})
        (leaf,) = await append_to_log(connection, [entry], log_origin)
    return Pushed(file.source, is_whole, len(file.filings), recorded, leaf, kept)


def names_of(insurers: Iterable[Participant]) -> dict[str, str]:
    """By which words a registry may name an insurer: its code, its 6-digit company code, its registered name.

    And by the names, short and former ones too, that the code list has for its company code: a registry's number says
    the company again (`registration_no`), so that a name never stands alone.
    """
    known = list(insurers)
    names: dict[str, str] = {}
    listed = {one.company_code: one for one in code_list("insurers").code if one.company_code is not None}
    for insurer in known:
        if (one := listed.get(insurer.company_code or "")) is not None:
            names |= {folded(name): insurer.code for name in (one.name, *one.also, *(was.name for was in one.formerly))}
    for insurer in known:  # what an operator registered goes before what a list says
        names |= {insurer.code: insurer.code, folded(insurer.name): insurer.code}
        if insurer.company_code is not None:
            names[insurer.company_code] = insurer.code
    return names


def _entry(
    pushed: Push,
    source: Source,
    is_whole: bool,
    count: int,
    recorded: Recorded,
    at: datetime,
    agreed: Mapping[str, Any],
) -> Entry:
    return Entry(
        kind="filing",
        at=at,
        body={
            "registry": source.registry,
            "as_of": str(source.as_of),
            "whole": is_whole,
            "count": count,
            "new": recorded.new,
            "superseded": recorded.superseded,
            "dropped": recorded.dropped,
            "file": f"sha256:{hashlib.sha256(pushed.data).hexdigest()}",
            "sender": pushed.sender,
            **agreed,
        },
    )
