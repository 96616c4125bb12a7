"""`gateway key`: what is said about the gateway's own keys, in the database and in the log."""

import asyncio
import sys
from contextlib import ExitStack
from datetime import UTC, datetime

import orjson

from gateway.app import build
from gateway.config import Config
from gateway.db import Connection, embedded, migrate
from gateway.errors import Misconfigured
from gateway.keys import KeyEnd, Reason, find_ends, in_use, insert_end, load_previous, published
from gateway.ledger.append import append
from gateway.participants import ParticipantKey
from gateway.state import Gateway
from schemas.canonical import as_json
from schemas.log import Entry


def end_key(config: Config, keyid: str, at: datetime, reason: Reason) -> int:
    """Say that a key of the gateway ended at `at`; 0. The same word again is told and not kept twice.

    Raises `Misconfigured` for a key that is neither in use nor among `previous_keys`.
    """
    return _with(config, keyid, at, reason)


def list_keys(config: Config) -> int:
    """The keys as `/v1/keys` has them; 0."""
    return _with(config, None, None, "rotated")


def _with(config: Config, keyid: str | None, at: datetime | None, reason: Reason) -> int:
    with ExitStack() as stack:
        dsn = config.dsn or stack.enter_context(embedded(config.data_dir.resolve() / "postgres"))
        migrate(dsn)
        gateway = build(config.model_copy(update={"dsn": dsn}))
        told = asyncio.run(_run(gateway, keyid, at, reason))
    sys.stdout.buffer.write(orjson.dumps(told) + b"\n")
    return 0


async def _run(gateway: Gateway, keyid: str | None, at: datetime | None, reason: Reason) -> object:
    previous = load_previous(gateway.config.previous_keys)
    async with gateway.pool, gateway.pool.connection() as connection:
        if keyid is not None and at is not None:
            keys = {key.keyid: key for key in (*previous, *in_use(gateway.log_signers))}
            if keyid not in keys:
                raise Misconfigured(f"{keyid} is no key of this gateway: {', '.join(keys)}")
            await end_in(connection, keys[keyid], at, reason, gateway.config.log_origin, datetime.now(UTC))
        return {"keys": published(gateway.log_signers, previous, await find_ends(connection))}


async def end_in(
    connection: Connection, key: ParticipantKey, at: datetime, reason: Reason, origin: str, known_at: datetime
) -> None:
    """Say in the database and in the log, in one transaction, that this key ended at `at`, as known from `known_at`."""
    async with connection.transaction():
        # One who ends keys at a time: the same end is not said twice.
        await connection.execute("LOCK TABLE key_events IN SHARE ROW EXCLUSIVE MODE")
        before = (await find_ends(connection)).get(key.keyid)
        if before is None or before.at > at or before.reason != reason:
            (leaf,) = await append(connection, [_entry(key, at, known_at, reason)], origin)
            await insert_end(connection, key, KeyEnd(key.keyid, at, known_at, reason, leaf.index))


def _entry(key: ParticipantKey, at: datetime, known_at: datetime, reason: Reason) -> Entry:
    body = {
        "keyid": key.keyid,
        "algorithm": key.algorithm,
        "public_key": key.public_key,
        "event": "ended",
        "at": as_json(at.astimezone(UTC)),
        "reason": reason,
    }
    return Entry(kind="key", at=known_at, body=body)
