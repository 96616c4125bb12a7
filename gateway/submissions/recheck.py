"""Rechecking: when the registry of filings, the trust folder or the rules have changed, every premium is judged again.

What was held because a filing was not yet known becomes verified without anybody sending it again; what rests on a
filing that was withdrawn, or on a certificate that was revoked, says so in the feed. For each basis there is one round
through all premiums, in slices, which any number of processes on any number of machines share. A slice is claimed,
judged and done in one transaction: each is judged once under each basis, and whoever is killed leaves it as it was, for
others.
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
from gateway.submissions.memory.store import count_directives
from gateway.submissions.rejudge import BATCH, Change, NotOurs, rejudge
from gateway.submissions.rounds import store
from gateway.submissions.rounds.store import Progress, Slice

_LOG = logging.getLogger("gateway")


@dataclass(frozen=True, slots=True)
class Round:
    """What was done of a round by one who worked at it: premiums judged again, and new revisions."""

    basis: str
    judged: int
    changed: int


async def basis_of(connection: Connection, judges: Judges) -> str:
    """The name of what verdicts rest on now: registry, trust folder, rules, directives."""
    identities = (await judges.basis(connection)).identities()
    text = f"{sorted(identities.items())} {await count_directives(connection)}"
    return f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"


async def recheck(
    pool: Pool,
    judges: Judges,
    clock: Callable[[], datetime],
    *,
    most: int | None = None,
    size: int = BATCH,
) -> Round | None:
    """Judge again what was not judged under the present basis, beside others who do: until nothing is left that nobody
    is at, or so many premiums; `None` if there was nothing to do.

    `size` are the premiums of a slice, if this call is the one that begins the round.
    """
    async with pool.connection() as connection:
        basis = await basis_of(connection, judges)
        if await store.has_ended(connection, basis):
            return None
        await store.begin(connection, basis, clock(), size)
        judged = changed = slices = 0
        # What verdicts rest on may change meanwhile: then this round is left, and another one begins.
        while await basis_of(connection, judges) == basis and (most is None or judged < most):
            one = await store.find_open(connection, basis)
            if one is None:
                await store.end(connection, basis, clock())
                break
            keys = await store.list_keys(connection, one)
            changes = await _judge(connection, one, keys, judges, clock)
            if changes is not None:
                judged, changed, slices = judged + len(keys), changed + len(changes), slices + 1
            await asyncio.sleep(0)  # others have their turn
        return Round(basis, judged, changed) if slices else None


async def recheck_progress(connection: Connection) -> Progress | None:
    """How far the latest round is: premiums behind it and in all, speed, and when it ends at that speed."""
    return await store.find_progress(connection)


async def is_done(connection: Connection, judges: Judges) -> bool:
    """Whether every premium was judged under the present basis."""
    return await store.has_ended(connection, await basis_of(connection, judges))


@dataclass(frozen=True, slots=True)
class _Claim:
    """A slice, claimed before its premiums are judged, and done with what became of them."""

    slice: Slice
    judged: int
    clock: Callable[[], datetime]

    async def take(self, connection: Connection) -> bool:
        return await store.claim(connection, self.slice)

    async def finish(self, connection: Connection, changes: Sequence[Change]) -> None:
        await store.finish(connection, self.slice, self.clock(), self.judged, len(changes))


async def _judge(
    connection: Connection,
    one: Slice,
    keys: Sequence[PolicyKey],
    judges: Judges,
    clock: Callable[[], datetime],
) -> list[Change] | None:
    """Judge a slice; None if somebody else does. Where a document of a premium is lost or changed, all the others. Of
    that one nothing is said: the log tells it, every audit names it, and `gateway impact --judge --apply` judges it
    once the bytes are back."""
    claim = _Claim(one, len(keys), clock)
    try:
        try:
            return await rejudge(connection, keys, judges, clock(), claim=claim)
        except Damaged:
            whole = [key for key in keys if await _is_whole(connection, key, judges, clock())]
            return await rejudge(connection, whole, judges, clock(), claim=claim)
    except NotOurs:
        return None


async def _is_whole(connection: Connection, key: PolicyKey, judges: Judges, at: datetime) -> bool:
    try:
        await rejudge(connection, [key], judges, at, rehearse=True)
    except Damaged as error:
        _LOG.critical("%s/%s is not judged again: %s", *key, error)
        return False
    return True
