"""The SQL of erasures: what was asked for, what was agreed to, and since when nothing rests on a document any more."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import orjson

from gateway.acts import Person
from gateway.db import Connection
from gateway.erasure.statement import Ground, statement_id


@dataclass(frozen=True, slots=True)
class Order:
    """Which document, on what ground, by which order of whom, of which day (Asia/Shanghai)."""

    document: str
    ground: Ground
    order_no: str
    ordered_by: str
    ordered_on: date

    @property
    def id(self) -> str:
        """The digest of the statement."""
        day = self.ordered_on.isoformat()
        return statement_id(self.document, self.ground, self.order_no, self.ordered_by, day)


@dataclass(frozen=True, slots=True)
class Asked:
    """A proposal of one person."""

    order: Order
    at: datetime
    by: Person


@dataclass(frozen=True, slots=True)
class Erasure:
    """What a second person agreed to, and where the log says it."""

    asked: Asked
    at: datetime
    by: Person
    leaf_index: int


async def is_there(connection: Connection, document: str, insurer: str | None = None) -> bool:
    """Whether the document was ever handed in; by this insurer, if one is given."""
    cursor = await connection.execute(
        "SELECT EXISTS (SELECT FROM documents WHERE digest = %s AND insurer = coalesce(%s, insurer))",
        (document, insurer),
    )
    row = await cursor.fetchone()
    return bool(row and row[0])


async def find_last_use(connection: Connection, document: str) -> datetime:
    """When anything last rested on the document: it was handed in, or a premium to which it belongs was told anew."""
    cursor = await connection.execute(
        "WITH about AS (SELECT insurer, policy_no FROM document_verdicts WHERE digest = %(digest)s "
        "  AND policy_no IS NOT NULL UNION SELECT insurer, policy_no FROM records "
        "  WHERE record -> 'documents' @> %(naming)s::jsonb AND record -> 'documents' IS NOT NULL "
        "  AND policy_no IS NOT NULL) "
        "SELECT greatest((SELECT max(received_at) FROM documents WHERE digest = %(digest)s), "
        "  (SELECT max(p.known_at) FROM premiums p JOIN about USING (insurer, policy_no)))",
        {"digest": document, "naming": orjson.dumps([{"digest": document}]).decode()},
    )
    row = await cursor.fetchone()
    if row is None or row[0] is None:
        raise LookupError(f"there is no document {document}")
    last: datetime = row[0]
    return last


async def propose(connection: Connection, asked: Asked, proof: Any) -> None:
    """Keep what one person asks for."""
    order, by = asked.order, asked.by
    await connection.execute(
        "INSERT INTO erasure_proposals (id, document, ground, order_no, ordered_by, ordered_on, proposed_at, "
        "participant, keyid, holder, request) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
        (
            order.id,
            order.document,
            order.ground,
            order.order_no,
            order.ordered_by,
            order.ordered_on,
            asked.at,
            by.participant,
            by.keyid,
            by.holder,
            orjson.dumps(proof).decode(),
        ),
    )


async def erase(connection: Connection, erasure: Erasure, proof: Any) -> None:
    """Keep what a second person agrees to, beside its entry in the log."""
    by = erasure.by
    await connection.execute(
        "INSERT INTO erasures (document, proposal, erased_at, participant, keyid, holder, request, leaf_index) "
        "VALUES (%s, %s, %s, %s, %s, %s, %s, %s)",
        (
            erasure.asked.order.document,
            erasure.asked.order.id,
            erasure.at,
            by.participant,
            by.keyid,
            by.holder,
            orjson.dumps(proof).decode(),
            erasure.leaf_index,
        ),
    )


_ASKED = (
    "SELECT p.document, p.ground, p.order_no, p.ordered_by, p.ordered_on, p.proposed_at, p.participant, p.keyid, "
    "p.holder, e.erased_at, e.participant, e.keyid, e.holder, e.leaf_index "
)


async def find_asked(connection: Connection, order: Order) -> Asked | None:
    """What was asked for in these very words."""
    cursor = await connection.execute(
        _ASKED + "FROM erasure_proposals p LEFT JOIN erasures e ON e.proposal = p.id WHERE p.id = %s", (order.id,)
    )
    row = await cursor.fetchone()
    return _asked(row) if row else None


async def list_asked(connection: Connection, document: str) -> list[Asked]:
    """All that was asked for of a document, in order."""
    cursor = await connection.execute(
        _ASKED + "FROM erasure_proposals p LEFT JOIN erasures e ON e.proposal = p.id WHERE p.document = %s "
        "ORDER BY p.proposed_at, p.id",
        (document,),
    )
    return [_asked(row) for row in await cursor.fetchall()]


async def find_erasures(connection: Connection, documents: list[str]) -> dict[str, Erasure]:
    """Of these documents, those that were erased."""
    cursor = await connection.execute(
        _ASKED + "FROM erasures e JOIN erasure_proposals p ON e.proposal = p.id WHERE e.document = ANY(%s)",
        (documents,),
    )
    return {row[0]: _erasure(row) for row in await cursor.fetchall()}


async def list_erasures(connection: Connection, after: str, limit: int) -> list[Erasure]:
    """The erasures behind the document `after`, in the order of the documents' digests."""
    cursor = await connection.execute(
        _ASKED + "FROM erasures e JOIN erasure_proposals p ON e.proposal = p.id WHERE e.document > %s "
        "ORDER BY e.document LIMIT %s",
        (after, limit),
    )
    return [_erasure(row) for row in await cursor.fetchall()]


def _asked(row: tuple[Any, ...]) -> Asked:
    return Asked(Order(*row[:5]), row[5], Person(*row[6:9]))


def _erasure(row: tuple[Any, ...]) -> Erasure:
    return Erasure(_asked(row), row[9], Person(*row[10:13]), row[13])
