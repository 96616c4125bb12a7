"""The evidence store against the rows: every document that is in it is whole, and none that was erased is left."""

import asyncio
from collections.abc import Iterator, Sequence
from typing import Any

from gateway.audit.store import Snapshot, rows
from gateway.blobs.evidence import Evidence, Kept
from gateway.blobs.objects import Damaged, NoBytes, Objects, StoreDown
from schemas.verification import Check, failed, unknown
from signing.sm2 import sm3

_PAGE = 256
_QUERY = (
    "SELECT digest, max(size), bool_or(kept_in = 'store'), max(sm3) FROM documents WHERE kept_in IS NOT NULL "
    "AND digest > %s GROUP BY digest ORDER BY digest LIMIT %s"
)
_RULE = "audit.evidence"


def judge(connection: Snapshot, stores: Sequence[str], timeout: float) -> Iterator[Check]:
    """Each stored document is read and hashed; each erased one is looked for. What cannot be asked is not known.

    An erased document that is still there is told only here: that it may not be read, its row says.
    """
    yield from asyncio.run(_judge(connection, stores, timeout))


async def _judge(connection: Snapshot, stores: Sequence[str], timeout: float) -> list[Check]:
    evidence = Evidence(others=tuple(Objects(url, timeout=timeout) for url in stores))
    found: list[Check] = []
    last = ""
    while page := rows(connection, _QUERY, last, _PAGE):
        last = page[-1][0]
        for checks in await asyncio.gather(*(_judge_one(evidence, *row) for row in page)):
            found += checks
    return found


async def _judge_one(
    evidence: Evidence, digest: str, size: int, is_stored: bool, other_digest: str | None
) -> list[Any]:
    if not is_stored:
        return await _look_for(evidence, digest)
    try:
        data = await evidence.read(Kept(digest, size, None, "store"))
    except Damaged as error:
        return [failed(_RULE, error.reason, table="documents", key=digest, where=error.where)]
    except NoBytes as error:
        return [unknown(_RULE, "unreachable", table="documents", key=digest, detail=str(error)[:200])]
    if other_digest is not None and (await asyncio.to_thread(sm3, data)).hex() != other_digest:
        return [failed("audit.rows", "changed", table="documents", key=digest, what="sm3")]
    return []


async def _look_for(evidence: Evidence, digest: str) -> list[Check]:
    found: list[Check] = []
    for one in evidence.stores:
        try:
            if await one.find(digest) is not None:
                found.append(failed(_RULE, "still-there", table="documents", key=digest, where=one.url))
        except StoreDown as error:
            found.append(unknown(_RULE, "unreachable", table="documents", key=digest, detail=str(error)[:200]))
    return found
