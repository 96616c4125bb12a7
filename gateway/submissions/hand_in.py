"""Handing in a sealed document: kept as it came, judged, and the premium that waited for it judged again."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from gateway.db import Connection
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


@dataclass(frozen=True, slots=True)
class HandedIn:
    """A document that was handed in: whether it is new here, and the verdict on it as plain JSON values."""

    is_new: bool
    verdict: Mapping[str, Any]


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

    Idempotent: the same bytes from the same insurer are kept once and their latest verdict is told again.
    """
    known = await store.find_verdict(connection, digest, owner.code)
    if known is not None:
        return HandedIn(False, known)
    # Judged before the transaction: it costs milliseconds and holds nothing up.
    verdict = await asyncio.to_thread(judge_document, data, media_type, owner, judges.trust, at)
    stated = verdict["fields"].get("policy_no", {}).get("value")
    about: set[PolicyKey] = {(owner.code, stated)} if stated else set()
    locked = set(about)
    while True:
        async with connection.transaction():
            names = [document_lock((owner.code, digest)), *{policy_lock(number) for _, number in locked}]
            await store.lock(connection, names)
            # While the document is locked nobody adds a record that names it; those that came before are locked too,
            # with all that hang together with them, or all begins again with them.
            naming = await store.find_naming(connection, owner.code, digest)
            about |= {(owner.code, number) for number in naming}
            wanted = await find_linked(connection, sorted(about)) if about else set()
            if {number for _, number in wanted} <= {number for _, number in locked}:
                if not await store.insert_document(connection, digest, owner.code, media_type, data, at, proof):
                    return HandedIn(False, await store.find_verdict(connection, digest, owner.code) or verdict)
                profile = owner.document_profile or ""
                await store.insert_verdict(connection, digest, owner.code, judges.trust.digest, profile, at, verdict)
                entry = _document_entry(digest, owner, verdict, at)
                await _judge_waiting(connection, sorted(wanted), judges, at, entry)
                return HandedIn(True, verdict)
        locked |= wanted


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
