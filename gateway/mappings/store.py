"""The SQL of mappings: proposals and activations, append-only; and how much is stored to be replayed."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson

from gateway.acts import Person
from gateway.db import Connection
from schemas.mapping import MappingProposal

_WRITER_LOCK = 0x6D617073  # any fixed number: one writer of activations at a time, so that ids follow commits


@dataclass(frozen=True, slots=True)
class Proposed:
    """A proposal as it was kept; `digest` is that of its bytes."""

    digest: str
    proposal: MappingProposal
    proposed_at: datetime
    by: Person


@dataclass(frozen=True, slots=True)
class Activation:
    """What reads an insurer's messages in one format from a moment on; without `proposal` it came with the software."""

    insurer: str
    dialect: str
    version: str
    digest: str
    active_from: datetime
    known_at: datetime
    proposal: str | None = None
    leaf_index: int | None = None
    keyid: str | None = None

    @property
    def is_shipped(self) -> bool:
        """Whether this is what the installation began with, in force until another is."""
        return self.proposal is None


async def lock(connection: Connection) -> None:
    """Be the one writer of activations until the transaction ends."""
    await connection.execute("SELECT pg_advisory_xact_lock(%s)", (_WRITER_LOCK,))


async def install(connection: Connection, rows: Iterable[Activation]) -> None:
    """Record what the installation begins with, where nothing is recorded yet."""
    columns = [(one.insurer, one.dialect, one.version, one.digest, one.active_from, one.known_at) for one in rows]
    async with connection.cursor() as cursor:
        await cursor.executemany(
            "INSERT INTO mapping_activations (insurer, dialect, version, mapping_digest, active_from, known_at) "
            "VALUES (%s, %s, %s, %s, %s, %s) ON CONFLICT (insurer, dialect) WHERE proposal IS NULL DO NOTHING",
            columns,
        )


async def activations(connection: Connection, insurer: str | None = None) -> list[Activation]:
    """Every activation, in the order in which they became known; of one insurer, if given."""
    cursor = await connection.execute(
        "SELECT insurer, dialect, version, mapping_digest, active_from, known_at, proposal, leaf_index, keyid "
        "FROM mapping_activations WHERE insurer = coalesce(%s, insurer) ORDER BY id",
        (insurer,),
    )
    return [Activation(*row) for row in await cursor.fetchall()]


async def propose(
    connection: Connection, digest: str, proposal: MappingProposal, by: Person, at: datetime, body: bytes, proof: Any
) -> bool:
    """Keep a proposal; whether it is new."""
    cursor = await connection.execute(
        "INSERT INTO mapping_proposals (digest, insurer, dialect, version, mapping_digest, active_from, proposed_at, "
        "participant, keyid, holder, body, request) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s) "
        "ON CONFLICT DO NOTHING",
        (
            digest,
            proposal.insurer,
            proposal.dialect,
            proposal.version,
            proposal.digest,
            proposal.active_from,
            at,
            by.participant,
            by.keyid,
            by.holder,
            body,
            orjson.dumps(proof).decode(),
        ),
    )
    return cursor.rowcount == 1


_PROPOSED = "SELECT digest, body, proposed_at, participant, keyid, holder FROM mapping_proposals "


async def find_proposal(connection: Connection, digest: str) -> Proposed | None:
    """The proposal with these bytes."""
    cursor = await connection.execute(_PROPOSED + "WHERE digest = %s", (digest,))
    row = await cursor.fetchone()
    return _proposed(row) if row else None


async def proposals(connection: Connection, insurer: str | None, limit: int) -> list[Proposed]:
    """The latest proposals, newest first; of one insurer, if given."""
    cursor = await connection.execute(
        _PROPOSED + "WHERE insurer = coalesce(%s, insurer) ORDER BY proposed_at DESC, digest LIMIT %s",
        (insurer, limit),
    )
    return [_proposed(row) for row in await cursor.fetchall()]


def _proposed(row: tuple[Any, ...]) -> Proposed:
    digest, body, proposed_at, participant, keyid, holder = row
    proposal = MappingProposal.model_validate_json(bytes(body))
    return Proposed(digest, proposal, proposed_at, Person(participant, keyid, holder))


async def activate(connection: Connection, activation: Activation, by: Person, proof: Any) -> None:
    """Append an approved activation. The caller holds `lock` and has found that the proposal has none yet."""
    await connection.execute(
        "INSERT INTO mapping_activations (insurer, dialect, version, mapping_digest, active_from, known_at, proposal, "
        "leaf_index, participant, keyid, holder, request) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
        (
            activation.insurer,
            activation.dialect,
            activation.version,
            activation.digest,
            activation.active_from,
            activation.known_at,
            activation.proposal,
            activation.leaf_index,
            by.participant,
            by.keyid,
            by.holder,
            orjson.dumps(proof).decode(),
        ),
    )


async def find_activation(connection: Connection, proposal: str) -> Activation | None:
    """What came of a proposal."""
    cursor = await connection.execute(
        "SELECT insurer, dialect, version, mapping_digest, active_from, known_at, proposal, leaf_index, keyid "
        "FROM mapping_activations WHERE proposal = %s",
        (proposal,),
    )
    row = await cursor.fetchone()
    return Activation(*row) if row else None


async def count_read(
    connection: Connection, insurer: str, dialect: str, since: datetime | None, until: datetime | None
) -> int:
    """How many of the insurer's stored messages a mapping of this format read, between two moments, both inclusive."""
    cursor = await connection.execute(
        "SELECT count(*) FROM submissions WHERE insurer = %s AND split_part(mapping, '/', 1) = %s "
        "AND received_at BETWEEN coalesce(%s, '-infinity'::timestamptz) AND coalesce(%s, 'infinity'::timestamptz)",
        (insurer, dialect, since, until),
    )
    row = await cursor.fetchone()
    return int(row[0]) if row else 0
