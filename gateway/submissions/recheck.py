"""Rechecking: when the registry of filings, the trust folder or the rules have changed, every premium is judged again.

What was held because a filing was not yet known becomes verified without anybody sending it again; what rests on a
filing that was withdrawn, or on a certificate that was revoked, says so in the feed. A round goes through all premiums
once for each basis, one gateway at a time, batch by batch; it stops and goes on anywhere.
"""

import asyncio
import hashlib
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from gateway.blobs.objects import Damaged
from gateway.db import Connection, Pool
from gateway.submissions.gather import Judges
from gateway.submissions.group import PolicyKey
from gateway.submissions.memory import store
from gateway.submissions.rejudge import BATCH, Change, rejudge

_START: PolicyKey = ("", "")
_LOG = logging.getLogger("gateway")


@dataclass(frozen=True, slots=True)
class Round:
    """What a round did: premiums judged again, and new revisions."""

    basis: str
    judged: int
    changed: int


async def basis_of(connection: Connection, judges: Judges) -> str:
    """The name of what verdicts rest on now: registry, trust folder, rules, directives."""
    identities = (await judges.basis(connection)).identities()
    text = f"{sorted(identities.items())} {await store.count_directives(connection)}"
    return f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"


async def recheck(
    pool: Pool, judges: Judges, clock: Callable[[], datetime], *, most: int | None = None
) -> Round | None:
    """Judge again what was not judged under the present basis, at most so many premiums; `None` if there is nothing to
    do, or another gateway is at it."""
    async with pool.connection() as connection:
        if not await store.try_lead_recheck(connection):
            return None
        try:
            return await _recheck(connection, judges, clock, most)
        finally:
            await store.leave_recheck(connection)


async def _recheck(
    connection: Connection, judges: Judges, clock: Callable[[], datetime], most: int | None
) -> Round | None:
    basis = await basis_of(connection, judges)
    step = await store.find_recheck(connection, basis)
    if step is not None and step[1]:
        return None
    after = step[0] if step else _START
    judged = changed = 0
    while True:
        keys = await store.list_premium_keys(connection, after, BATCH)
        if keys:
            after = keys[-1]
            changes = await _rejudge(connection, keys, judges, clock)
            judged, changed = judged + len(keys), changed + len(changes)
        done = len(keys) < BATCH
        # Not in one transaction with the batch: whoever dies between judges one batch again, which changes nothing.
        await store.append_recheck(connection, basis, clock(), after, len(keys), changed, done=done)
        if done or (most is not None and judged >= most):
            return Round(basis, judged, changed)
        await asyncio.sleep(0)  # others have their turn


async def _rejudge(
    connection: Connection, keys: Sequence[PolicyKey], judges: Judges, clock: Callable[[], datetime]
) -> list[Change]:
    """Judge these again; where a document of one is lost or changed, all the others. Of that one nothing is said: the
    log tells it, every audit names it, and `gateway impact --judge --apply` judges it once the bytes are back."""
    try:
        return await rejudge(connection, keys, judges, clock())
    except Damaged as error:
        if len(keys) == 1:
            _LOG.critical("%s/%s is not judged again: %s", *keys[0], error)
            return []
    return [change for key in keys for change in await _rejudge(connection, [key], judges, clock)]
