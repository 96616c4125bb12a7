"""Show each checkpoint to the configured witnesses, and keep what they cosign (C2SP tlog-witness, the log's side).

After publishing and outside of every transaction: no connection to the database is held while a witness is waited for,
and one that is slow, down or hostile delays neither publishing nor the other witnesses. Nothing that a witness answers
is believed but a cosignature that holds.
"""

import asyncio
import logging
import re
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

import httpx

from gateway.config import Config
from gateway.db import DatabaseGone, Pool
from gateway.errors import Misconfigured
from gateway.ledger import store
from gateway.ledger.cosignature import read_cosignatures
from gateway.ledger.note import NoteKey, NoteRefused, read_key
from gateway.ledger.proofs import prove_consistency
from gateway.ledger.witness import SIZE_TYPE, write_request
from gateway.state import Gateway

_LOG = logging.getLogger("gateway.witnesses")
_MOST_READ = 64 * 1024
_ATTEMPTS = 3
_LONGEST_REST = 300.0
_SIZE = re.compile(r"(0|[1-9][0-9]{0,18})\n", re.ASCII)


@dataclass(slots=True)
class _Asked:
    """One witness, and how it has behaved since this process began."""

    url: str
    key: NoteKey
    failures: int = 0
    rests_until: float = 0.0


class _Failed(Exception):
    """There is no cosignature now; the message says why."""


class Collector:
    """Asks witnesses; to be closed. Asks no proxy and follows no redirect."""

    def __init__(self, pool: Pool, witnesses: Sequence[tuple[str, NoteKey]], *, timeout: float) -> None:
        self._pool = pool
        self._witnesses = [_Asked(url, key) for url, key in witnesses]
        self._timeout = timeout
        self._client = httpx.AsyncClient(
            trust_env=False, follow_redirects=False, timeout=timeout, headers={"user-agent": "gateway"}
        )

    async def close(self) -> None:
        """Close every connection."""
        await self._client.aclose()

    async def collect(self) -> int:
        """Ask every witness that has not cosigned the latest checkpoint yet; how many have done so now.

        What goes wrong with one witness is logged and tried again later, after twice as long each time. Raises what the
        database raises when it cannot be asked at all.
        """
        async with self._pool.connection() as connection:
            last = await store.find_last_checkpoint(connection)
            sizes = await store.read_cosigned_sizes(connection, [one.key for one in self._witnesses])
        now = time.monotonic()
        if last is None:
            return 0
        due = [
            (one, size)
            for one, size in zip(self._witnesses, sizes, strict=True)
            if size < last.size and one.rests_until <= now
        ]
        return sum(await asyncio.gather(*(self._ask(one, last, max(size, 0)) for one, size in due)))

    async def _ask(self, one: _Asked, last: store.StoredCheckpoint, old: int) -> bool:
        """Whether this witness has cosigned `last`, and it is kept."""
        try:
            async with asyncio.timeout(self._timeout):
                await self._obtain(one, last, old)
        except (TimeoutError, _Failed, httpx.HTTPError, httpx.InvalidURL, OSError, DatabaseGone) as error:
            one.failures += 1
            one.rests_until = time.monotonic() + min(2.0 ** min(one.failures, 16), _LONGEST_REST)
            _LOG.warning("the witness %s does not cosign %d: %s", one.key.name, last.size, str(error) or "too slow")
            return False
        one.failures, one.rests_until = 0, 0.0
        return True

    async def _obtain(self, one: _Asked, last: store.StoredCheckpoint, old: int) -> None:
        for _ in range(_ATTEMPTS):
            request = write_request(old, await self._prove(old, last.size), bytes(last.note))
            status, kind, body = await self._post(one.url, request)
            if status == 200:
                await self._keep(one, last, body)
                return
            if status != 409:
                raise _Failed(f"status {status}")
            found = _SIZE.fullmatch(body.decode("ascii", "replace"))
            if kind != SIZE_TYPE or found is None:
                raise _Failed("a conflict without a size")
            old = await self._resolve(one, last, old, int(found[1]))
        raise _Failed("conflict after conflict")

    async def _resolve(self, one: _Asked, last: store.StoredCheckpoint, old: int, told: int) -> int:
        """The size from which the witness wants a proof. Its word is not signed: it stops nothing, but is told."""
        if told == old == last.size:
            _LOG.critical("the witness %s states that it cosigned another tree of %d leaves", one.key.name, told)
            raise _Failed("another tree")
        if told <= last.size:
            return told
        async with self._pool.connection() as connection:
            now = await store.find_last_checkpoint(connection)
        if now is None or now.size < told:
            _LOG.critical(
                "the witness %s states that it cosigned %d leaves, and the log signed %d: is the database an old one?",
                one.key.name,
                told,
                now.size if now else 0,
            )
        raise _Failed(f"it has seen {told} leaves")

    async def _prove(self, old: int, size: int) -> list[bytes]:
        if old in (0, size):
            return []
        async with self._pool.connection() as connection:
            return await prove_consistency(connection, old, size)

    async def _keep(self, one: _Asked, last: store.StoredCheckpoint, body: bytes) -> None:
        """The specification lets the client append the answer to the checkpoint and read it as a note."""
        try:
            made = read_cosignatures(bytes(last.note) + body, [one.key])
        except NoteRefused as error:
            raise _Failed(f"an answer that is no signature lines: {error}") from error
        if not made:
            raise _Failed("no cosignature of its key that holds")
        async with self._pool.connection() as connection:
            await store.insert_cosignature(connection, last.size, made[0])

    async def _post(self, url: str, request: bytes) -> tuple[int, str, bytes]:
        """Status, media type and body, which is bounded."""
        headers = {"content-type": "text/plain; charset=utf-8", "accept-encoding": "identity"}
        async with self._client.stream("POST", f"{url}/add-checkpoint", content=request, headers=headers) as answer:
            body = bytearray()
            async for part in answer.aiter_raw():
                body += part
                if len(body) > _MOST_READ:
                    raise _Failed("the answer is too large")
            return answer.status_code, answer.headers.get("content-type", ""), bytes(body)


def read_witnesses(config: Config) -> list[tuple[str, NoteKey]]:
    """Address and key of each configured witness. Raises `Misconfigured` for a key that is none of a witness."""
    found = []
    for one in config.witnesses:
        try:
            key = read_key(one.key)
        except NoteRefused as error:
            raise Misconfigured(f"witnesses: {one.url}: {error}") from error
        if key.algorithm != "cosignature/v1":
            raise Misconfigured(f"witnesses: {one.url}: not the key of a witness (C2SP tlog-cosignature, type 0x04)")
        found.append((one.url.rstrip("/"), key))
    if len({(key.name, key.key_id) for _, key in found}) != len(found):
        raise Misconfigured("witnesses: one key is listed twice")
    return found


def known_witnesses(config: Config) -> tuple[NoteKey, ...]:
    """The keys under which cosignatures are believed: of the configured witnesses, and of earlier ones
    (`previous_witnesses`, verifier key lines). Raises `Misconfigured`."""
    found = [key for _, key in read_witnesses(config)]
    for line in config.previous_witnesses:
        try:
            key = read_key(line)
        except NoteRefused as error:
            raise Misconfigured(f"previous_witnesses: {error}") from error
        if key.algorithm != "cosignature/v1":
            raise Misconfigured("previous_witnesses: not the key of a witness (C2SP tlog-cosignature, type 0x04)")
        found.append(key)
    return tuple(dict.fromkeys(found))


@asynccontextmanager
async def collecting(gateway: Gateway) -> AsyncIterator[None]:
    """Collect cosignatures as long as this lasts, if there are witnesses.

    Each gateway asks; who comes second finds the checkpoint cosigned already, or gets a second cosignature for nothing.
    """
    witnesses = read_witnesses(gateway.config)
    if not witnesses:
        yield
        return
    collector = Collector(gateway.pool, witnesses, timeout=gateway.config.witness_timeout_seconds)
    task = asyncio.create_task(_collect_for_ever(collector, gateway.config.publish_every_seconds), name="witnesses")
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        await collector.close()


async def _collect_for_ever(collector: Collector, seconds: float) -> None:
    while True:
        await asyncio.sleep(seconds)
        try:
            await collector.collect()
        except DatabaseGone as error:
            _LOG.warning("no cosignatures now: %s", error)
