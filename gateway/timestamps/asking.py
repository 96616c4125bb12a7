"""Asking time-stamping authorities over HTTP (RFC 3161 section 3.4), and keeping what holds.

Outside of every transaction: nobody waits for an authority but this task. What one answers is kept only if
`verify_timestamp` passes it under the trust folder of today: a stamp that nobody would believe is not one.
"""

import asyncio
import logging
import secrets
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import datetime, timedelta

import httpx

from gateway.config import Config, TimestampAuthority
from gateway.db import DatabaseGone
from gateway.errors import GatewayError
from gateway.ledger import append as append_to_log
from gateway.state import Gateway
from gateway.timestamps import store
from gateway.timestamps.statement import Stamp, covered, write_statement
from schemas.canonical import as_json
from schemas.log import Entry
from schemas.verification import Outcome
from signing import TrustStore, verify_timestamp
from signing.stamping import BadAnswer, Stamped, digest_of, read_answer, write_query

_LOG = logging.getLogger("gateway.timestamps")
_MOST_READ = 256 * 1024
_LOOK_EVERY = 60.0  # seconds
_FIRST_REST = 60.0
_LONGEST_REST = 6 * 3600.0
_RENEW_AT_MOST_EVERY = timedelta(days=1)


class NoStamp(GatewayError):
    """There is no stamp now; the message says why."""


def due(stamps: Sequence[Stamp], authority: TimestampAuthority, size: int, at: datetime, config: Config) -> str | None:
    """Why the authority is to be asked now: `new` entries of the log, or what the last stamp rests on `weakens`.

    None if nothing is due.
    """
    own = [one for one in stamps if one.authority == authority.name]
    if not own:
        return "new"
    last = own[-1]
    since = at - last.moment
    weakens = last.lasts - at <= timedelta(days=config.timestamp_renew_days)
    if (weakens or last.digest != authority.digest) and since >= _RENEW_AT_MOST_EVERY:
        return "weakens"
    is_new = size > last.checkpoint + _own_leaves(stamps, last)
    return "new" if is_new and since >= timedelta(hours=config.timestamp_every_hours) else None


def _own_leaves(stamps: Sequence[Stamp], last: Stamp) -> int:
    """How many of the entries behind a stamp are of stamps themselves: a quiet log is not stamped for its stamps."""
    return sum(1 for one in stamps if one.leaf_index >= last.checkpoint)


async def stamp_due(
    gateway: Gateway, client: httpx.AsyncClient, *, wanted: Callable[[str], bool] = lambda _: True, now: bool = False
) -> list[Stamp]:
    """Ask each authority that is due, or each one `now`; the stamps that were kept. `wanted` chooses by name.

    Empty while another gateway is at it, or no entry of the log is under a checkpoint. Raises `NoStamp`, once the
    others were asked.
    """
    kept: list[Stamp] = []
    failures: list[str] = []
    async with gateway.pool.connection() as leader:
        if not await store.try_lead(leader):
            return []
        try:
            for authority in gateway.config.timestamp_authorities:
                if not wanted(authority.name):
                    continue
                last = await store.find_last(leader)
                stamps = await store.list_stamps(leader)
                at = gateway.clock()
                if last is None or not (now or due(stamps, authority, last[0], at, gateway.config)):
                    continue
                try:
                    kept.append(await _stamp(gateway, client, authority, stamps, last))
                except NoStamp as error:
                    failures.append(f"{authority.name}: {error}")
        finally:
            await store.leave(leader)
    if failures:
        raise NoStamp("; ".join(failures))
    return kept


async def _stamp(
    gateway: Gateway,
    client: httpx.AsyncClient,
    authority: TimestampAuthority,
    stamps: Sequence[Stamp],
    last: tuple[int, bytes, datetime],
) -> Stamp:
    size, note, _ = last
    origin = gateway.config.log_origin
    before = covered(stamps, authority.name, authority.digest)
    statement = write_statement(origin, note, size, before, authority.digest)
    stamped = await ask(client, authority, statement, gateway.trust, gateway.clock, gateway.config)
    at = gateway.clock()
    number = max((one.id for one in stamps), default=0) + 1
    entry = Entry(
        kind="timestamp",
        at=at,
        body={
            "authority": authority.name,
            "size": size,
            "moment": as_json(stamped.moment),
            "statement": f"sha256:{digest_of(statement, 'sha256').hex()}",
            "token": f"sha256:{digest_of(stamped.token, 'sha256').hex()}",
        },
    )
    async with gateway.pool.connection() as connection, connection.transaction():
        (leaf,) = await append_to_log(connection, [entry], origin)
        stamp = Stamp(
            number,
            authority.name,
            authority.digest,
            size,
            stamped.moment,
            stamped.lasts,
            statement,
            stamped.token,
            at,
            leaf.index,
        )
        await store.insert_stamp(connection, stamp)
    if stamped.lasts - at <= timedelta(days=gateway.config.timestamp_renew_days):
        _LOG.critical("what %s stamps with ends on %s: another certificate is needed", authority.name, stamped.lasts)
    return stamp


async def ask(
    client: httpx.AsyncClient,
    authority: TimestampAuthority,
    statement: bytes,
    trust: TrustStore,
    clock: Callable[[], datetime],
    config: Config,
) -> Stamped:
    """A token of the authority over the statement that passes under this trust folder. Raises `NoStamp`."""
    imprint = digest_of(statement, authority.digest)
    nonce = secrets.randbits(63) | 1 << 62
    query = write_query(imprint, authority.digest, nonce)
    try:
        async with asyncio.timeout(config.timestamp_timeout_seconds):
            answer = await _post(client, authority.url, query)
        stamped = read_answer(answer, imprint, authority.digest, nonce)
    except (TimeoutError, httpx.TimeoutException) as error:  # whichever clock was first: ours, or the library's
        raise NoStamp("too slow") from error
    except (httpx.HTTPError, httpx.InvalidURL, OSError, BadAnswer) as error:
        raise NoStamp(str(error)[:300] or type(error).__name__) from error
    report = verify_timestamp(stamped.token, imprint=imprint, trust=trust, at=clock())
    if report.outcome is not Outcome.PASSED:
        bad = [check for check in report.all_checks() if check.outcome is not Outcome.PASSED]
        why = ", ".join(f"{check.rule}: {check.reason}" for check in bad)
        raise NoStamp(f"the token does not pass: {why}")
    return stamped


async def _post(client: httpx.AsyncClient, url: str, query: bytes) -> bytes:
    headers = {"content-type": "application/timestamp-query", "accept-encoding": "identity"}
    async with client.stream("POST", url, content=query, headers=headers) as answer:
        kind = answer.headers.get("content-type", "").split(";")[0].strip().lower()
        if answer.status_code != 200 or kind != "application/timestamp-reply":
            raise NoStamp(f"status {answer.status_code}, {kind or 'no media type'}")
        body = bytearray()
        async for part in answer.aiter_raw():
            body += part
            if len(body) > _MOST_READ:
                raise NoStamp("the answer is too large")
        return bytes(body)


def new_client(timeout: float) -> httpx.AsyncClient:
    """What asks: no proxy, no redirect, bounded in time."""
    return httpx.AsyncClient(
        trust_env=False, follow_redirects=False, timeout=timeout, headers={"user-agent": "gateway"}
    )


@asynccontextmanager
async def stamping(gateway: Gateway) -> AsyncIterator[None]:
    """Have the log stamped whenever that is due, as long as this lasts, if there are authorities."""
    if not gateway.config.timestamp_authorities:
        yield
        return
    task = asyncio.create_task(_stamp_for_ever(gateway), name="timestamps")
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def _stamp_for_ever(gateway: Gateway) -> None:
    failures = 0
    async with new_client(gateway.config.timestamp_timeout_seconds) as client:
        while True:
            try:
                await stamp_due(gateway, client)
                failures = 0
            except (NoStamp, DatabaseGone) as error:
                failures += 1
                _LOG.warning("no time-stamp now: %s", error)
            rest = min(_FIRST_REST * 2.0 ** min(failures - 1, 16), _LONGEST_REST) if failures else _LOOK_EVERY
            await asyncio.sleep(rest)
