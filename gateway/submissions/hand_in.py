"""Handing in a sealed document: kept as it came, judged, and the premium that waited for it judged again."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from gateway.blobs import store as blobs
from gateway.blobs.evidence import Erased
from gateway.blobs.objects import NoBytes
from gateway.db import Connection, Pool
from gateway.ledger.append import append as append_to_log
from gateway.participants import Participant
from gateway.submissions import store
from gateway.submissions.documents import judge_document
from gateway.submissions.gather import Judges, basis_at, document_lock, load_states, policy_lock
from gateway.submissions.group import PolicyKey, group_of
from gateway.submissions.memory.store import find_linked
from gateway.submissions.revision import Revision, take_revision
from gateway.submissions.store import Rows
from gateway.submissions.verdict import judge_premium
from schemas.log import Entry
from signing.sm2 import sm3


@dataclass(frozen=True, slots=True)
class HandedIn:
    """A document that was handed in: whether it is new here, and the verdict on it as plain JSON values."""

    is_new: bool
    verdict: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Paper:
    """A document as it was handed in: its digest, whose it is, its bytes, and the proof of the request."""

    digest: str
    owner: Participant
    media_type: str
    data: bytes
    proof: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Prepared:
    """What is known of a document before its transaction: the verdict, its SM3, and the bytes that go into its row;
    none if they are durable in the evidence store."""

    verdict: dict[str, Any]
    sm3: str
    row_bytes: bytes | None


async def hand_in(
    connection: Connection,
    digest: str,
    owner: Participant,
    media_type: str,
    data: bytes,
    proof: Mapping[str, Any],
    judges: Judges,
    at: datetime,
) -> HandedIn:
    """Keep and judge a document in one transaction, with its log entry, and judge the premium that it belongs to again.

    Idempotent: the same bytes from the same insurer are kept once and their latest verdict is told again. Raises
    `NoBytes` with nothing kept, of which `Erased` is for bytes that were erased by order.
    """
    paper = Paper(digest, owner, media_type, data, proof)
    known = await _find_known(connection, paper)
    if known is not None:
        return known
    try:
        prepared = await _prepare(paper, judges, at)
    except NoBytes:
        await _check_not_erased(connection, digest)
        raise
    return await _take_in(connection, paper, prepared, judges, at)


async def hand_in_apart(pool: Pool, paper: Paper, judges: Judges, at: datetime) -> HandedIn:
    """The same, with a connection of the pool for each step that needs one: none while it is judged and stored."""
    async with pool.connection() as connection:
        known = await _find_known(connection, paper)
    if known is not None:
        return known
    try:
        prepared = await _prepare(paper, judges, at)
    except NoBytes:
        async with pool.connection() as connection:
            await _check_not_erased(connection, paper.digest)
        raise
    async with pool.connection() as connection:
        return await _take_in(connection, paper, prepared, judges, at)


async def _find_known(connection: Connection, paper: Paper) -> HandedIn | None:
    known = await store.find_verdict(connection, paper.digest, paper.owner.code)
    if known is not None:
        return HandedIn(False, known)
    await _check_not_erased(connection, paper.digest)
    return None


async def _check_not_erased(connection: Connection, digest: str) -> None:
    """Raises `Erased`, also where its bytes were being put a moment ago."""
    if await blobs.is_erased(connection, digest):
        raise Erased(digest)


async def _prepare(paper: Paper, judges: Judges, at: datetime) -> Prepared:
    """Before the transaction: judging costs milliseconds and holds nothing up, and the bytes are durable first."""

    def judge() -> tuple[dict[str, Any], str]:
        verdict = judge_document(paper.data, paper.media_type, paper.owner, judges.trust, at)
        return verdict, sm3(paper.data).hex()

    verdict, other_digest = await asyncio.to_thread(judge)
    # Killed behind this line: the store has bytes that no row speaks of. They are put again when the document is
    # handed in again, and are nobody's until then.
    return Prepared(verdict, other_digest, await judges.evidence.keep(paper.digest, paper.data))


async def _take_in(connection: Connection, paper: Paper, prepared: Prepared, judges: Judges, at: datetime) -> HandedIn:
    digest, owner, verdict = paper.digest, paper.owner, prepared.verdict
    stated = verdict["fields"].get("policy_no", {}).get("value")
    about: set[PolicyKey] = {(owner.code, stated)} if stated else set()
    locked = set(about)
    while True:
        async with connection.transaction():
            names = [document_lock((owner.code, digest)), *{policy_lock(number) for _, number in locked}]
            await store.lock(connection, names)
            await blobs.lock_bytes(connection, digest)
            if await blobs.is_erased(connection, digest):
                break
            # While the document is locked nobody adds a record that names it; those that came before are locked too,
            # with all that hang together with them, or all begins again with them.
            naming = await store.find_naming(connection, owner.code, digest)
            about |= {(owner.code, number) for number in naming}
            wanted = await find_linked(connection, sorted(about)) if about else set()
            if {number for _, number in wanted} <= {number for _, number in locked}:
                row = store.DocumentRow(
                    digest, owner.code, paper.media_type, len(paper.data), prepared.row_bytes, prepared.sm3, at
                )
                if not await store.insert_document(connection, row, paper.proof):
                    return HandedIn(False, await store.find_verdict(connection, digest, owner.code) or verdict)
                profile = owner.document_profile or ""
                await store.insert_verdict(connection, digest, owner.code, judges.trust.digest, profile, at, verdict)
                entry = _document_entry(digest, owner, verdict, at)
                await _judge_waiting(connection, sorted(wanted), judges, at, entry)
                return HandedIn(True, verdict)
        locked |= wanted
    # It was erased after we looked: what was put since goes again. Killed before: `gateway store check` names it.
    await judges.evidence.remove(digest)
    raise Erased(digest)


def _document_entry(digest: str, owner: Participant, verdict: Mapping[str, Any], at: datetime) -> Entry:
    body = {"digest": digest, "insurer": owner.code, "outcome": verdict["report"]["outcome"]}
    return Entry(kind="document", at=at, body=body)


async def _judge_waiting(
    connection: Connection, keys: Sequence[PolicyKey], judges: Judges, at: datetime, entry: Entry
) -> None:
    """Log the document, and the next revision of each premium that waited for it: of the policy that it states, of
    those whose records name it, and of those that hang together with them."""
    revisions = []
    if keys:
        states = await load_states(connection, keys, judges, at)
        basis = await basis_at(connection, judges, at)
        for state in states.values():
            state.group = group_of(state, states)
            if state.records and (revision := take_revision(state, judge_premium(state, basis, at))) is not None:
                revisions.append(revision)
    await append_revisions(connection, [entry], revisions, judges)


async def append_revisions(
    connection: Connection, entries: Sequence[Entry], revisions: Sequence[Revision], judges: Judges
) -> None:
    """Log these entries and revisions, and append the revisions, in the caller's transaction."""
    # The log's head before the feed's, as everywhere: nobody waits in a circle.
    every = [*entries, *(revision.entry() for revision in revisions)]
    leaves = await append_to_log(connection, every, origin=judges.log_origin)
    if not revisions:
        return
    position = await store.next_positions(connection, len(revisions))
    rows = Rows()
    for place, (revision, leaf) in enumerate(zip(revisions, leaves[len(entries) :], strict=True)):
        rows.premiums.append(revision.row(position + place, leaf))
        rows.journal += revision.journal_rows()
    await store.append(connection, rows)
