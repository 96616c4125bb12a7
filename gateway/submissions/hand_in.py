"""Handing in a sealed document: kept as it came, judged, and the premium that waited for it judged again."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from gateway.db import Connection
from gateway.ledger.append import append as append_to_log
from gateway.participants import Participant
from gateway.submissions import store
from gateway.submissions.documents import judge_document
from gateway.submissions.receive import (
    Judges,
    add_documents,
    digests_of,
    policy_lock,
    premium_entry,
    premium_row,
    take_revision,
)
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
    policy_no = verdict["fields"].get("policy_no", {}).get("value")
    async with connection.transaction():
        names = [f"document {owner.code} {digest}"]
        if policy_no:
            names.append(policy_lock((owner.code, policy_no)))
        await store.lock(connection, names)
        if not await store.insert_document(connection, digest, owner.code, media_type, data, at, proof):
            return HandedIn(False, await store.find_verdict(connection, digest, owner.code) or verdict)
        profile = owner.document_profile or ""
        await store.insert_verdict(connection, digest, owner.code, judges.trust.digest, profile, at, verdict)
        await _judge_waiting(connection, owner, policy_no, judges, at, _document_entry(digest, owner, verdict, at))
    return HandedIn(True, verdict)


def _document_entry(digest: str, owner: Participant, verdict: Mapping[str, Any], at: datetime) -> Entry:
    body = {"digest": digest, "insurer": owner.code, "outcome": verdict["report"]["outcome"]}
    return Entry(kind="document", at=at, body=body)


async def _judge_waiting(
    connection: Connection, owner: Participant, policy_no: str | None, judges: Judges, at: datetime, entry: Entry
) -> None:
    """Log the document, and the next revision of the premium that it states, if a record of it came before."""
    premiums = []
    state = None
    if policy_no:
        key = (owner.code, policy_no)
        states = await store.load_states(connection, {owner.code: owner}, [key])
        state = states[key]
        named = [(owner.code, digest) for known in state.records for digest in digests_of(known.record)]
        await add_documents(connection, states, named, judges, at)
        if state.records:
            premium = judge_premium(state, judges.basis(await judges.registry(connection)), at)
            if take_revision(state, premium):
                premiums.append(premium)
    position = await store.next_positions(connection, len(premiums)) if premiums else 0
    entries = [entry, *map(premium_entry, premiums)]
    leaves = await append_to_log(connection, entries, origin=judges.log_origin)
    rows = Rows()
    for premium, leaf in zip(premiums, leaves[1:], strict=True):
        if state is not None:
            rows.premiums.append(premium_row(position, premium, state, leaf))
    await store.append(connection, rows)
