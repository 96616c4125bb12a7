"""Two people for what a registry states: one proposes a file, a second one confirms what it changes.

What counts is what both have seen: a proposal names the state of the registry against which its differences were made,
and is not confirmed against another one.
"""

import asyncio
import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any

from gateway.acts import Acting, Objected, Person, check_person, require
from gateway.db import Connection
from gateway.filing.proposals import store
from gateway.filing.proposals.preview import Preview, preview, read, stated_by
from gateway.filing.proposals.store import Proposal
from gateway.filing.push import Push, settle
from gateway.filing.store import lock
from gateway.participants import Participant
from schemas.canonical import as_json, canonical
from schemas.verification import Check, failed, passed

_TWO = "filing-proposal.second-person"


class Outdated(Objected):
    """The registry no longer states what the differences were made against, or the file is read otherwise by now."""


async def propose(
    connection: Connection, pushed: Push, by: Acting, insurers: Iterable[Participant], at: datetime
) -> tuple[Proposal, bool] | Preview:
    """Keep a file as a proposal; with it whether it is new. The preview with its problems if it cannot count.

    The same file against the same state, still open, is the same proposal, whoever sends it. Raises `Objected`.
    """
    require(check_person(_TWO, by))
    found = await preview(connection, pushed, insurers, at)
    if found.problems:
        return found
    require(found.news)
    return await keep(connection, pushed, found, at, by=by.person)


async def hold(
    connection: Connection, pushed: Push, found: Preview, at: datetime, *, source: str, why: Sequence[Check]
) -> tuple[Proposal, bool]:
    """Keep what a source answered until two people have looked at it. It supersedes what was held of the source."""
    return await keep(connection, pushed, found, at, source=source, why=why)


async def keep(
    connection: Connection,
    pushed: Push,
    found: Preview,
    at: datetime,
    *,
    by: Person | None = None,
    source: str | None = None,
    why: Sequence[Check] = (),
) -> tuple[Proposal, bool]:
    """Keep a previewed file, of a person or of a source, unless just this is open; with it whether it is new."""
    assert found.file.source is not None  # it has no problems
    digest = f"sha256:{hashlib.sha256(pushed.data).hexdigest()}"
    contents = contents_of(
        found.file.source.registry, found.file.source.as_of, found.whole, found.base, found.stated, source, digest
    )
    made = Proposal(
        seq=0,
        id=identity_of(contents, digest, at, by.keyid if by is not None else source),
        contents=contents,
        registry=found.file.source.registry,
        as_of=found.file.source.as_of,
        whole=found.whole,
        base=found.base,
        stated=found.stated,
        count=len(found.file.filings),
        counts=found.differences.counts(),
        proposed_at=at,
        participant=pushed.sender,
        by=by,
        source=source,
        why=[as_json(check) for check in why],
        media_type=pushed.media_type,
        digest=digest,
        size=len(pushed.data),
        confirmations=(),
        end=None,
    )
    async with connection.transaction():
        await lock(connection)
        if (known := await store.find_open(connection, contents)) is not None:
            return known, False
        if source is not None:
            await supersede(connection, source, at)
        rows = [{"change": one.change, **one.as_json()} for one in found.differences.listed]
        await store.insert(connection, made, pushed.data, pushed.proof, rows)
    kept = await store.find(connection, made.id)
    assert kept is not None  # it was just kept
    return kept, True


async def supersede(connection: Connection, source: str, at: datetime) -> None:
    """The source has answered anew: what was held of its earlier answers is no longer what it says."""
    for held in await store.list_held(connection, source):
        await store.end(connection, held.id, "superseded", at, None, None)


async def confirm(
    connection: Connection,
    identity: str,
    by: Acting,
    insurers: Iterable[Participant],
    clock: Callable[[], datetime],
    log_origin: str,
) -> tuple[Proposal, bool]:
    """Say yes as another person; with the proposal whether that is new. It is effective once enough people have.

    One transaction: confirmation, file, statements and log entry stand together. Raises `Objected`, and `Outdated` if
    the registry has changed in between; LookupError if there is no such proposal; `Superseded` as recording does.
    """
    proposal = await _open(connection, identity)
    data, proof = await store.find_bytes(connection, identity)
    pushed = Push(
        data=data,
        media_type=proposal.media_type,
        sender=proposal.participant,
        proof=proof,
        registry=proposal.registry,
        as_of=proposal.as_of,
        whole=proposal.whole,
    )
    # Before the lock: reading a whole market's file takes seconds, and its bytes cannot change.
    file = await asyncio.to_thread(read, pushed, insurers, proposal.proposed_at)
    stated = await asyncio.to_thread(stated_by, file)
    async with connection.transaction():
        await lock(connection)
        proposal = await _open(connection, identity)
        if proposal.end is not None and proposal.end.outcome == "effective":
            return proposal, False
        earlier = [*([proposal.by] if proposal.by else []), *(one.by for one in proposal.confirmations)]
        require(check_open(proposal), check_person(_TWO, by, earlier))
        base = await store.base_of(connection, proposal.registry)
        require(
            check_base(proposal, base),
            check_read(proposal, None if file.source is None else stated),
            error=Outdated,
        )
        at = clock()
        await store.confirm(connection, identity, by.person, at, by.proof)
        confirmed = [*(one.by for one in proposal.confirmations), by.person]
        if len(confirmed) >= proposal.needs:
            agreed: dict[str, Any] = {"proposal": proposal.id, "confirmed_by": [one.keyid for one in confirmed]}
            agreed |= {"proposed_by": proposal.by.keyid} if proposal.by else {"source": proposal.source}
            done = await settle(connection, pushed, file, at=at, log_origin=log_origin, agreed=agreed)
            assert done.leaf is not None  # against this state it changes something, as when it was proposed
            await store.end(
                connection,
                identity,
                "effective",
                at,
                by.person,
                by.proof,
                file=done.file,
                leaf_index=done.leaf.index,
            )
    return await _open(connection, identity), True


async def withdraw(connection: Connection, identity: str, by: Acting, at: datetime) -> tuple[Proposal, bool]:
    """Take a proposal back, or turn it down: any person of a regulator may. Raises `Objected`, LookupError."""
    async with connection.transaction():
        await lock(connection)
        proposal = await _open(connection, identity)
        if proposal.end is not None and proposal.end.outcome == "withdrawn":
            return proposal, False
        require(check_open(proposal), check_person(_TWO, by))
        await store.end(connection, identity, "withdrawn", at, by.person, by.proof)
    return await _open(connection, identity), True


async def _open(connection: Connection, identity: str) -> Proposal:
    found = await store.find(connection, identity)
    if found is None:
        raise LookupError(identity)
    return found


def check_open(proposal: Proposal) -> Check:
    """Nothing has come of it yet."""
    rule = "filing-proposal.open"
    if proposal.end is None:
        return passed(rule)
    reason = {"effective": "effective", "withdrawn": "withdrawn", "superseded": "superseded"}[proposal.end.outcome]
    return failed(rule, reason, field="id", at=proposal.end.at.isoformat())


def check_base(proposal: Proposal, now: str) -> Check:
    """The registry still states what the differences were made against."""
    rule = "filing-proposal.base"
    if proposal.base != now:
        return failed(rule, "registry-changed", field="base", stated=proposal.base, now=now)
    return passed(rule)


def check_read(proposal: Proposal, stated: str | None) -> Check:
    """The file is read as it was when it was proposed: participants or this release may have changed since."""
    rule = "filing-proposal.base"
    if proposal.stated != stated:
        return failed(rule, "read-otherwise", field="stated", stated=proposal.stated, now=stated)
    return passed(rule)


def state_of(proposal: Proposal, base: str | None) -> str:
    """`open`, `outdated` (open against another `base` than the registry's now), or what came of it."""
    if proposal.end is not None:
        return proposal.end.outcome
    return "open" if base is None or base == proposal.base else "outdated"


def contents_of(registry: str, as_of: date, whole: bool, base: str, stated: str, source: str | None, file: str) -> str:
    """What a proposal is about, as one digest. Of a source what it states counts, not how it cuts it into pages; of a
    person the very bytes that they signed."""
    about = {"registry": registry, "as_of": str(as_of), "whole": whole, "base": base, "stated": stated}
    return _digest(about | ({"source": source} if source is not None else {"file": file}))


def identity_of(contents: str, file: str, proposed_at: datetime, by: str | None) -> str:
    """The id of a proposal: it commits to the contents, the bytes, the moment, and the key or the source."""
    at = proposed_at.astimezone(UTC).isoformat()
    return _digest({"contents": contents, "file": file, "proposed_at": at, "by": by})


def _digest(value: Mapping[str, Any]) -> str:
    return f"sha256:{hashlib.sha256(canonical(dict(value))).hexdigest()}"
