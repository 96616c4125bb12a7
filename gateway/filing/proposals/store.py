"""The SQL of proposals: what is proposed, what it changes, who confirmed it, what came of it. Append-only."""

import hashlib
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Literal

import orjson
from psycopg.types.json import Jsonb

from gateway.acts import Person
from gateway.db import Connection
from gateway.filing.proposals.differences import Known

Outcome = Literal["effective", "withdrawn", "superseded"]


@dataclass(frozen=True, slots=True)
class Confirmation:
    """One person's yes."""

    at: datetime
    by: Person


@dataclass(frozen=True, slots=True)
class End:
    """What came of a proposal; `leaf_index` if it is effective, nobody if a source's later answer superseded it."""

    outcome: Outcome
    at: datetime
    by: Person | None
    leaf_index: int | None


@dataclass(frozen=True, slots=True)
class Proposal:
    """A file, whose statement it is, and against which state of the registry (`base`) its differences were made.

    Without `by` it is what the source `source` answered, held because of `why`.
    """

    seq: int
    id: str
    contents: str
    registry: str
    as_of: date
    whole: bool
    base: str
    stated: str
    count: int
    counts: Mapping[str, int]
    proposed_at: datetime
    participant: str
    by: Person | None
    source: str | None
    why: Sequence[Mapping[str, Any]]
    media_type: str
    digest: str
    size: int
    confirmations: tuple[Confirmation, ...]
    end: End | None

    @property
    def needs(self) -> int:
        """How many people have to confirm: a second one, or two of them where no person proposed it."""
        return 1 if self.by is not None else 2


@asynccontextmanager
async def one_moment(connection: Connection) -> AsyncIterator[None]:
    """Reads inside of it see the database as of one moment."""
    async with connection.transaction():
        await connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        yield


async def known_of(connection: Connection, registry: str) -> dict[str, Known]:
    """The latest that the registry states of each number that it ever stated."""
    cursor = await connection.execute(
        "SELECT DISTINCT ON (registration_no) registration_no, insurer, digest, (source->>'as_of')::date, statement "
        "FROM filings WHERE registry = %s ORDER BY registration_no, id DESC",
        (registry,),
    )
    return {row[0]: Known(*row[1:]) for row in await cursor.fetchall()}


async def whole_of(connection: Connection, registry: str) -> tuple[date, str] | None:
    """Day and digest of the latest statement that the registry made of all that it states."""
    cursor = await connection.execute(
        "SELECT as_of, digest FROM filing_sources WHERE registry = %s ORDER BY id DESC LIMIT 1", (registry,)
    )
    row = await cursor.fetchone()
    return (row[0], row[1]) if row else None


async def base_of(connection: Connection, registry: str) -> str:
    """The digest of what the registry states now: every number with its statement's digest and day, and the latest day
    as of which it stated all. `sha256:<hex>` over lines in the order of numbers."""
    cursor = await connection.execute(
        "SELECT coalesce(string_agg(registration_no || ' ' || as_of || ' ' || digest, E'\\n' "
        "ORDER BY registration_no COLLATE \"C\"), '') FROM (SELECT DISTINCT ON (registration_no) "
        "registration_no, source->>'as_of' AS as_of, digest FROM filings WHERE registry = %s "
        "ORDER BY registration_no, id DESC) AS latest",
        (registry,),
    )
    (lines,) = await cursor.fetchone() or ("",)
    whole = await whole_of(connection, registry)
    text = f"{registry}\n{f'{whole[0]} {whole[1]}' if whole else ''}\n{lines}"
    return f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"


_PROPOSAL = (
    "SELECT p.seq, p.id, p.contents, p.registry, p.as_of, p.whole, p.base, p.stated, p.count, p.counts, p.proposed_at, "
    "p.participant, p.keyid, p.holder, p.source, p.why, p.media_type, p.digest, octet_length(p.bytes), "
    "(SELECT json_agg(json_build_array(c.at, c.participant, c.keyid, c.holder) ORDER BY c.at, c.holder) "
    "FROM filing_confirmations c WHERE c.proposal = p.id), "
    "e.outcome, e.at, e.participant, e.keyid, e.holder, e.leaf_index "
    "FROM filing_proposals p LEFT JOIN filing_proposal_ends e ON e.proposal = p.id "
)


def _proposal(row: Sequence[Any]) -> Proposal:
    by = Person(row[11], row[12], row[13]) if row[12] is not None else None
    confirmed = tuple(Confirmation(datetime.fromisoformat(at), Person(*who)) for at, *who in row[19] or ())
    end = None
    if row[20] is not None:
        end = End(row[20], row[21], Person(*row[22:25]) if row[22] is not None else None, row[25])
    values = [*row[:12], by, row[14], row[15] or (), *row[16:19], confirmed, end]
    return Proposal(*values)


async def find(connection: Connection, identity: str) -> Proposal | None:
    """The proposal of this id."""
    cursor = await connection.execute(_PROPOSAL + "WHERE p.id = %s", (identity,))
    row = await cursor.fetchone()
    return _proposal(row) if row else None


async def find_open(connection: Connection, contents: str) -> Proposal | None:
    """The open proposal of just this."""
    cursor = await connection.execute(
        _PROPOSAL + "WHERE p.contents = %s AND e.outcome IS NULL ORDER BY p.seq LIMIT 1", (contents,)
    )
    row = await cursor.fetchone()
    return _proposal(row) if row else None


async def list_proposals(connection: Connection, before: int | None, limit: int, *, only_open: bool) -> list[Proposal]:
    """The newest proposals first, of those before the number `before`; of all or of those that are open."""
    cursor = await connection.execute(
        _PROPOSAL + "WHERE p.seq < coalesce(%s, 9223372036854775807) AND (NOT %s OR e.outcome IS NULL) "
        "ORDER BY p.seq DESC LIMIT %s",
        (before, only_open, limit),
    )
    return [_proposal(row) async for row in cursor]


async def list_held(connection: Connection, source: str) -> list[Proposal]:
    """The open proposals that a source's answers are held in."""
    cursor = await connection.execute(_PROPOSAL + "WHERE p.source = %s AND e.outcome IS NULL ORDER BY p.seq", (source,))
    return [_proposal(row) async for row in cursor]


async def find_bytes(connection: Connection, identity: str) -> tuple[bytes, dict[str, Any]]:
    """The file as it came, and what proves who sent it. Raises LookupError."""
    cursor = await connection.execute("SELECT bytes, request FROM filing_proposals WHERE id = %s", (identity,))
    row = await cursor.fetchone()
    if row is None:
        raise LookupError(identity)
    return bytes(row[0]), row[1]


async def insert(
    connection: Connection, one: Proposal, data: bytes, proof: Mapping[str, Any], rows: Iterable[Mapping[str, Any]]
) -> None:
    """Keep a proposal with its differences, each as it is shown. Its `seq` is not what is kept."""
    await connection.execute(
        "INSERT INTO filing_proposals (id, contents, registry, as_of, whole, base, stated, count, counts, proposed_at, "
        "participant, keyid, holder, source, why, media_type, digest, bytes, request) "
        "VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
        (
            *(one.id, one.contents, one.registry, one.as_of, one.whole, one.base, one.stated, one.count),
            *(Jsonb(dict(one.counts)), one.proposed_at, one.participant),
            *((one.by.keyid, one.by.holder) if one.by else (None, None)),
            *(one.source, Jsonb(list(one.why)), one.media_type, one.digest, data, Jsonb(dict(proof))),
        ),
    )
    async with (
        connection.cursor() as cursor,
        cursor.copy("COPY filing_differences (proposal, registration_no, difference) FROM STDIN") as copy,
    ):
        for row in rows:
            await copy.write_row((one.id, row["registration_no"], orjson.dumps(row).decode()))


async def list_differences(connection: Connection, identity: str, after: str, limit: int) -> list[dict[str, Any]]:
    """What was shown, behind the number `after`, in the order of numbers."""
    cursor = await connection.execute(
        "SELECT difference FROM filing_differences WHERE proposal = %s AND registration_no > %s "
        "ORDER BY registration_no LIMIT %s",
        (identity, after, limit),
    )
    return [row[0] async for row in cursor]


async def confirm(connection: Connection, identity: str, by: Person, at: datetime, proof: Mapping[str, Any]) -> None:
    """Keep a person's yes; the same person's again changes nothing."""
    await connection.execute(
        "INSERT INTO filing_confirmations (proposal, holder, at, participant, keyid, request) "
        "VALUES (%s, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING",
        (identity, by.holder, at, by.participant, by.keyid, Jsonb(dict(proof))),
    )


async def end(
    connection: Connection,
    identity: str,
    outcome: Outcome,
    at: datetime,
    by: Person | None,
    proof: Mapping[str, Any] | None,
    *,
    file: int | None = None,
    leaf_index: int | None = None,
) -> None:
    """Say what came of a proposal. The caller holds the lock of filings and has found it open."""
    who = (by.participant, by.keyid, by.holder) if by else (None, None, None)
    await connection.execute(
        "INSERT INTO filing_proposal_ends (proposal, outcome, at, participant, keyid, holder, request, file, "
        "leaf_index) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)",
        (identity, outcome, at, *who, Jsonb(dict(proof)) if proof is not None else None, file, leaf_index),
    )
