"""The SQL of replays: stored messages as they came and as they were read, a few at a time."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import orjson

from adapters.problems import catalogue as adapter_rules
from gateway.db import Connection
from schemas.verification import Check

_PAGE = 500
_MOST_BYTES = 16 * 1024 * 1024  # of bodies in memory at once, unless one alone is larger
_MOST_AT_ONCE = 50  # messages: what was read of a body takes more room than the body
_OF_READING = frozenset({"message.records", "message.one-envelope", "message.sender", "schema.value"})


@dataclass(frozen=True, slots=True)
class StoredRecord:
    """One record as it was kept."""

    type: str
    policy_no: str | None
    number: str | None
    values: dict[str, Any]
    lineage: dict[str, Any]


@dataclass(frozen=True, slots=True)
class StoredMessage:
    """A message as it came, what read it, and what became of it: the `checks` are those about its bytes."""

    submission_id: str
    message_id: str
    received_at: datetime
    content_type: str
    body: bytes
    mapping: str
    checks: tuple[Check, ...]
    records: list[StoredRecord] = field(default_factory=list)


async def count(connection: Connection, insurer: str, dialect: str, since: datetime | None) -> int:
    """How many messages there are to replay."""
    cursor = await connection.execute(
        "SELECT count(*) FROM submissions WHERE insurer = %s AND split_part(mapping, '/', 1) = %s "
        "AND received_at >= coalesce(%s, '-infinity'::timestamptz)",
        (insurer, dialect, since),
    )
    row = await cursor.fetchone()
    return int(row[0]) if row else 0


async def messages(
    connection: Connection,
    insurer: str,
    dialect: str,
    since: datetime | None,
    limit: int | None,
    *,
    page: int = _PAGE,
    most_bytes: int = _MOST_BYTES,
) -> AsyncIterator[StoredMessage]:
    """The insurer's messages that a mapping of this format read, in the order in which they came, at most `limit`.

    Memory is a page of names, and bodies of some megabytes.
    """
    after: tuple[datetime | None, str] = (None, "")
    left = limit
    while left is None or left > 0:
        cursor = await connection.execute(
            "SELECT received_at, id, octet_length(body) FROM submissions "
            "WHERE insurer = %s AND split_part(mapping, '/', 1) = %s "
            "AND received_at >= coalesce(%s, '-infinity'::timestamptz) "
            "AND (received_at, id) > (coalesce(%s, '-infinity'::timestamptz), %s) ORDER BY received_at, id LIMIT %s",
            (insurer, dialect, since, *after, min(page, left or page)),
        )
        named = await cursor.fetchall()
        if not named:
            return
        after = (named[-1][0], named[-1][1])
        left = None if left is None else left - len(named)
        for ids in _groups(named, most_bytes):
            for message in await _load(connection, ids):
                yield message


def _groups(named: Sequence[tuple[Any, ...]], most_bytes: int) -> list[list[str]]:
    groups: list[list[str]] = []
    size = most_bytes
    for _, submission_id, length in named:
        size += length
        if size > most_bytes or not groups or len(groups[-1]) == _MOST_AT_ONCE:
            groups.append([])
            size = length
        groups[-1].append(submission_id)
    return groups


async def _load(connection: Connection, ids: Sequence[str]) -> list[StoredMessage]:
    cursor = await connection.execute(
        "SELECT id, message_id, received_at, content_type, body, mapping, receipt FROM submissions "
        "WHERE id = ANY(%s) ORDER BY received_at, id",
        (list(ids),),
    )
    found = {}
    for submission_id, message_id, received_at, content_type, body, mapping, receipt in await cursor.fetchall():
        checks = tuple(
            Check.model_validate(check)
            for check in orjson.loads(bytes(receipt))["report"]["checks"]
            if check["outcome"] != "passed" and _is_of_reading(check["rule"])
        )
        found[submission_id] = StoredMessage(
            submission_id, message_id, received_at, content_type, bytes(body), mapping, checks
        )
    cursor = await connection.execute(
        "SELECT submission_id, type, policy_no, number, record, lineage FROM records "
        "WHERE submission_id = ANY(%s) ORDER BY submission_id, seq",
        (list(ids),),
    )
    async for submission_id, *rest in cursor:
        found[submission_id].records.append(StoredRecord(*rest))
    return list(found.values())


def _is_of_reading(rule: str) -> bool:
    """Whether the rule is about the bytes, and not about what else is known."""
    return rule in _OF_READING or rule in adapter_rules()
