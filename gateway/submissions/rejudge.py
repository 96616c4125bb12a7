"""Judging premiums again when what verdicts rest on has changed: a filing withdrawn, a certificate revoked.

Each premium is judged by what is known now, its documents under the trust folder of today. What comes out as before
leaves no trace; what differs is a new revision, in the feed and in the log, with its impact. A premium at a time would
be slow and all at once would lock the house: so they go in batches, each its own transaction, and the work can stop and
go on anywhere.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from gateway.db import Connection
from gateway.submissions import store
from gateway.submissions.gather import Judges, basis_at, load_states, policy_lock
from gateway.submissions.group import PolicyKey, group_of
from gateway.submissions.hand_in import append_revisions
from gateway.submissions.known import PolicyState
from gateway.submissions.memory.store import find_linked
from gateway.submissions.revision import Revision, take_revision
from gateway.submissions.verdict import Basis, judge_premium
from gateway.submissions.writer import LONGEST_WORK
from schemas.verified import VerifiedPremium

BATCH = 50


@dataclass(frozen=True, slots=True)
class Change:
    """What judging again made of a premium: status before and after, and the new revision."""

    before: str
    premium: VerifiedPremium


class Claim(Protocol):
    """What belongs into the transaction of judging: before it, whether it may be; after it, that it was."""

    async def take(self, connection: Connection) -> bool:
        """Whether this is ours to judge, until the transaction ends."""

    async def finish(self, connection: Connection, changes: Sequence[Change]) -> None:
        """It was judged."""


class NotOurs(Exception):
    """Somebody else judges what was to be judged, or has."""


async def rejudge(
    connection: Connection,
    keys: Sequence[PolicyKey],
    judges: Judges,
    at: datetime,
    *,
    rehearse: bool = False,
    claim: Claim | None = None,
) -> list[Change]:
    """Judge these premiums again as of `at`, and those that hang together with them; what changed, in their order.

    One transaction. With `rehearse` nothing is kept: the answer is what would change. Raises `NotOurs` if the `claim`
    is another's.
    """
    locked = set(keys)
    while True:
        # As with messages: what is known from `at` on is there before anybody may ask for that moment.
        async with asyncio.timeout(LONGEST_WORK), connection.transaction(force_rollback=rehearse):
            # The claim before all locks, and without waiting for it: nobody waits in a circle.
            if claim is not None and not await claim.take(connection):
                raise NotOurs
            await store.lock(connection, [policy_lock(number) for _, number in locked])
            wanted = await find_linked(connection, sorted(keys)) if keys else set()
            if {number for _, number in wanted} <= {number for _, number in locked}:
                states = await load_states(connection, sorted(wanted), judges, at, again=True) if wanted else {}
                basis = await basis_at(connection, judges, at)
                changes, revisions = _judge(states, basis, at)
                if revisions and not rehearse:
                    await append_revisions(connection, [], revisions, judges)
                if claim is not None:
                    await claim.finish(connection, changes)
                return changes
        locked |= wanted


def _judge(states: dict[PolicyKey, PolicyState], basis: Basis, at: datetime) -> tuple[list[Change], list[Revision]]:
    changes, revisions = [], []
    for state in states.values():
        if not state.records:
            continue
        state.group = group_of(state, states)
        before = state.previous.status if state.previous else "unknown"
        premium = judge_premium(state, basis, at)
        revision = take_revision(state, premium)
        if revision is not None:
            revisions.append(revision)
            changes.append(Change(before, premium))
    return changes, revisions


async def rejudge_all(
    connection: Connection, keys: AsyncIterator[PolicyKey], judges: Judges, at: datetime, *, rehearse: bool = False
) -> AsyncIterator[tuple[int, list[Change]]]:
    """Judge all of these again, batch by batch: how many were judged so far, and what changed in this batch."""
    batch: list[PolicyKey] = []
    done = 0
    async for key in keys:
        batch.append(key)
        if len(batch) == BATCH:
            done += len(batch)
            yield done, await rejudge(connection, batch, judges, at, rehearse=rehearse)
            batch = []
    if batch:
        yield done + len(batch), await rejudge(connection, batch, judges, at, rehearse=rehearse)
