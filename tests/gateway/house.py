"""The sandbox's world around a gateway: who takes part, whom to trust, what is filed, and messages as they arrive."""

import asyncio
import hashlib
import itertools
import tempfile
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import orjson
import psycopg

from gateway.catalogue import load_catalogue
from gateway.db import Connection, new_pool
from gateway.filing.registry import FilingRegistry
from gateway.participants import Participant, Participants
from gateway.submissions.arrival import Arrival
from gateway.submissions.gather import Judges
from gateway.submissions.hand_in import HandedIn, hand_in
from gateway.submissions.read import read_message
from gateway.submissions.receive import Answer
from sandbox.insurers import Insurer
from sandbox.provision import participants
from sandbox.records import PolicyFacts, Record
from sandbox.world import World
from schemas.filing import Filing, Source
from schemas.verification import passed
from signing.trust import TrustStore

AT = datetime(2026, 9, 1, 4, tzinfo=UTC)
ORIGIN = "gateway.example/tests"
T = TypeVar("T")
_numbers = itertools.count(1)


@cache
def world() -> World:
    """One world for all tests of a process: its keys take seconds to make."""
    return World(1, at=AT)


@cache
def registered() -> Participants:
    """Who takes part, as the gateway knows them."""
    return Participants(Participant.model_validate(one) for one in participants(world()))


def registered_as(code: str) -> Participant:
    """The participant of that code."""
    found = registered().find(code)
    assert found is not None
    return found


@cache
def trust() -> TrustStore:
    """The authorities of the world."""
    with tempfile.TemporaryDirectory() as folder:
        world().trust_dir(Path(folder) / "trust")
        return TrustStore.load(Path(folder) / "trust")


@cache
def registry() -> FilingRegistry:
    """What the world's registry states: everything, the day before."""
    filings = [Filing.model_validate(one) for one in world().filings()]
    source = filings[0].source
    return FilingRegistry(filings, [Source(registry=source.registry, as_of=source.as_of, fetched_at=AT)])


async def _registry(_: Connection) -> FilingRegistry:
    return registry()


def judges(**changes: Any) -> Judges:
    """What decisions rest on."""
    given: dict[str, Any] = {
        "participants": registered(),
        "trust": trust(),
        "catalogue": load_catalogue().digest,
        "registry": _registry,
        "registry_max_age_days": 45,
        "log_origin": ORIGIN,
    }
    return Judges(**(given | changes))


def next_number() -> int:
    """A number that no other policy of this process has."""
    return next(_numbers)


@dataclass(frozen=True, slots=True)
class Paper:
    """A sealed document and its name."""

    content: bytes
    media_type: str

    @property
    def digest(self) -> str:
        return f"sha256:{hashlib.sha256(self.content).hexdigest()}"


def e_policy(insurer: Insurer, facts: PolicyFacts, **how: Any) -> Paper:
    """The sealed e-policy."""
    return Paper(world().e_policy(insurer, facts, **how), insurer.media_type)


def statement(insurer: Insurer, receipt: Record, **how: Any) -> Paper:
    """The sealed statement of a receipt."""
    return Paper(world().premium_statement(insurer, receipt, **how), insurer.media_type)


def naming(record: Any, kind: str, paper: Paper) -> Any:
    """The record with the document named."""
    return world().attach(record, kind, paper.content, paper.media_type)


def arrival(
    insurer: Insurer,
    *sent: Record,
    message_id: str | None = None,
    nonce: str | None = None,
    at: datetime = AT,
    **changes: Any,
) -> Arrival:
    """One message of the insurer, read as it would be on arrival."""
    name = message_id or f"m-{next_number()}"
    media_type, body = world().render_message(insurer, sent, name)
    return arrived(insurer, body, media_type, message_id=name, nonce=nonce, at=at, **changes)


def arrived(
    insurer: Insurer,
    body: bytes,
    media_type: str,
    *,
    message_id: str | None = None,
    nonce: str | None = None,
    at: datetime = AT,
    **changes: Any,
) -> Arrival:
    """These bytes as a message of the insurer."""
    sender = registered_as(insurer.code)
    reading = read_message(body, media_type, sender)
    digest = hashlib.sha256(body).hexdigest()
    given: dict[str, Any] = {
        "insurer": sender,
        "message_id": reading.message_id or message_id or f"body-{digest[:48]}",
        "body": body,
        "content_type": media_type,
        "received_at": at,
        "keyid": insurer.request_key.keyid,
        "nonce": nonce or f"n-{next_number()}",
        "may_repeat": False,
        "proof": {"keyid": insurer.request_key.keyid},
        "request_checks": (passed("request.signature"),),
        "reading": reading,
        "body_digest": f"sha256:{digest}",
    }
    return Arrival(**(given | changes))


async def put(connection: Connection, insurer: Insurer, paper: Paper, *, at: datetime = AT) -> HandedIn:
    """Hand a document in."""
    sender = registered_as(insurer.code)
    return await hand_in(connection, paper.digest, sender, paper.media_type, paper.content, {}, judges(), at)


def on(dsn: str, work: Callable[[Connection], Awaitable[T]]) -> T:
    """What `work` gives on a connection of its own, set up as the pool sets it up."""

    async def run() -> T:
        async with new_pool(dsn, 2) as pool, pool.connection() as connection:
            return await work(connection)

    return asyncio.run(run())


def receipt_of(answer: Answer) -> Any:
    """The receipt as JSON."""
    return orjson.loads(answer.receipt)


async def fetch(connection: Connection, query: str, *parameters: Any) -> list[tuple[Any, ...]]:
    """Rows."""
    cursor = await connection.execute(query.encode(), parameters)
    return await cursor.fetchall()


async def revisions(connection: Connection, policy_no: str) -> list[dict[str, Any]]:
    """Every revision of the premium as it was written."""
    rows = await fetch(connection, "SELECT body FROM premiums WHERE policy_no = %s ORDER BY revision", policy_no)
    return [orjson.loads(bytes(row[0])) for row in rows]


def failing(premium: dict[str, Any]) -> set[tuple[str, str, str | None]]:
    """What does not pass: rule, reason, field."""
    return {
        (check["rule"], check["reason"], check.get("field"))
        for check in premium["report"]["checks"]
        if check["outcome"] != "passed" and check.get("severity", "error") == "error"
    }


def counts(dsn: str) -> dict[str, int]:
    """How many rows each table has."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        tables: Sequence[tuple[str]] = connection.execute(
            "SELECT table_name FROM information_schema.tables "
            "WHERE table_schema = 'public' AND table_type = 'BASE TABLE' ORDER BY 1"
        ).fetchall()
        found = {}
        for (table,) in tables:
            query = psycopg.sql.SQL("SELECT count(*) FROM {}").format(psycopg.sql.Identifier(table))
            row = connection.execute(query).fetchone()
            found[table] = int(row[0]) if row else 0
        return found
