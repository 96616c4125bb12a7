"""Who read whose records: noted before they are told, so that the insurer whose records they are can see it.

In a route, after what is to be told was found and before it is told:

    await note_access(db, caller, gateway.clock(), insurer, f"policy {policy_no}")

and of a list, with how many records of each insurer are in it (`count_insurers` counts them):

    await note_accesses(db, caller, gateway.clock(), count_insurers(item["insurer"] for item in items), "search")

Nothing is written for an insurer that reads its own. If the note cannot be written, the error of the database goes on
to the caller as 503, and nothing is told: a read that leaves no trace does not happen. Note what names a record of an
insurer: premium, document, message, policy, case. Sums over many records that name none of them are not noted.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import datetime

from gateway.access import store
from gateway.access.caller import Caller, SignedCaller
from gateway.access.store import Access, By
from gateway.db import Connection

_LONGEST = 300  # characters of a subject


def count_insurers(codes: Iterable[str]) -> dict[str, int]:
    """How many records of each insurer there are in a list, of which these are the insurers' codes, one a record."""
    return dict(Counter(codes))


async def note_access(
    connection: Connection, caller: Caller, at: datetime, insurer: str, subject: str, count: int = 1
) -> None:
    """Note that the caller is told `count` records of this insurer; `subject` says which."""
    await note_accesses(connection, caller, at, {insurer: count}, subject)


async def note_accesses(
    connection: Connection, caller: Caller, at: datetime, counts: Mapping[str, int], subject: str
) -> None:
    """Note that the caller is told so many records of each insurer: one statement, whatever their number."""
    others = {code: count for code, count in counts.items() if code != caller.participant.code and count > 0}
    if others:
        await store.insert_accesses(connection, _by(caller, at), _shortened(subject), others)


async def list_accesses(connection: Connection, insurer: str, after: int | None, limit: int) -> list[Access]:
    """Who read this insurer's records, newest first; behind `after`, the id of the last one that was told."""
    return await store.list_accesses(connection, insurer, after, limit)


def _by(caller: Caller, at: datetime) -> By:
    keyid = caller.key.keyid if isinstance(caller, SignedCaller) else None
    username = caller.user.name if caller.user is not None else None
    return at, caller.participant.code, username, keyid, caller.route


def _shortened(subject: str) -> str:
    return subject.replace("\x00", "")[:_LONGEST]
