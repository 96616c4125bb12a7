"""One store of bytes by their SHA-256: a folder, or a bucket of any S3-compatible server.

Every call ends within `timeout` seconds, whatever the disk or the network does. What is put is durable when the call
returns: a file and its folders are synced to disk, a bucket has acknowledged the whole object and its checksum. An
object is put as a whole or not at all, and putting it again changes nothing.
"""

import asyncio
import hashlib
import os
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

import obstore
from obstore.exceptions import BaseError
from obstore.store import LocalStore, S3Store

from gateway.errors import GatewayError, Misconfigured

_KINDS = ("file", "s3")
_FOLDER = "sha256"
_AT_ONCE = 16  # transfers of one process; others wait, within their time
_CONNECT_SECONDS = 3.0
_REST_SECONDS = 5.0  # after a failure nobody else waits for the same store so long


class NoBytes(GatewayError):
    """The bytes of a document are not to be had; the kinds say why."""


class StoreDown(NoBytes):
    """The store cannot be reached, refuses, or takes too long. The same call may succeed later."""


class Damaged(NoBytes):
    """What the store has under a digest is not what was put there. `reason` is `lost`, `cut` or `corrupted`."""

    def __init__(self, reason: str, digest: str, where: str) -> None:
        super().__init__(f"{digest}: {reason} in {where}")
        self.reason = reason
        self.digest = digest
        self.where = where


@dataclass(frozen=True, slots=True)
class Found:
    """An object that is there: `sha256:` and hex as its name says, its size in bytes, and since when it is there."""

    digest: str
    size: int
    since: datetime


class Objects:
    """The store at `url`: `file:///folder` or `s3://bucket/prefix`.

    Of a bucket, endpoint and credentials come from the environment, as every S3 client reads them (`AWS_ENDPOINT_URL`,
    `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY`, `AWS_REGION`; `AWS_ALLOW_HTTP` for an endpoint without TLS). Raises
    `Misconfigured` for another address, or a folder that is not there: a disk that is not mounted must not be replaced
    by the folder where it would be.
    """

    def __init__(self, url: str, *, timeout: float) -> None:
        self.url = url.rstrip("/")
        self._timeout = timeout
        self._room = asyncio.Semaphore(_AT_ONCE)
        self._rests_until = 0.0
        self.answers = True  # as far as is known: the last call that ended says so
        self._folder: Path | None = None
        self._store: LocalStore | S3Store
        parts = urlsplit(self.url)
        if parts.scheme not in _KINDS or parts.query or parts.fragment:
            raise Misconfigured(f"evidence store {url}: write file:///folder or s3://bucket/prefix")
        if parts.scheme == "file":
            self._folder = Path(parts.path)
            if parts.netloc or not self._folder.is_absolute() or not self._folder.is_dir():
                raise Misconfigured(f"evidence store {url}: there is no such folder on this machine")
            self._identity = _identity(self._folder)
            self._store = LocalStore(self._folder)
            return
        if not parts.netloc:
            raise Misconfigured(f"evidence store {url}: names no bucket")
        try:
            self._store = S3Store(
                parts.netloc,
                prefix=parts.path.strip("/") or None,
                client_options={
                    "allow_http": os.environ.get("AWS_ALLOW_HTTP", "").lower() in ("1", "true"),
                    "connect_timeout": timedelta(seconds=min(_CONNECT_SECONDS, timeout)),
                    "timeout": timedelta(seconds=timeout),
                },
                # Our callers are told at once and come again; the library would try for three minutes.
                retry_config={"max_retries": 1, "retry_timeout": timedelta(seconds=timeout)},
            )
        except BaseError as error:
            raise Misconfigured(f"evidence store {url}: {_first_line(error)}") from error

    async def put(self, digest: str, data: bytes) -> None:
        """Keep `data` under its digest, durably. Raises `StoreDown`, and `Damaged` if it is taken away meanwhile: who
        erases a document takes it from under the hand that puts it."""
        path = _path(digest)
        async with self._bounded():
            if self._folder is None:
                await obstore.put_async(self._store, path, data, use_multipart=False)
                return
            self._check_mounted()
            await obstore.put_async(self._store, path, data, use_multipart=False)
            try:
                await asyncio.to_thread(_sync, self._folder, path)
            except FileNotFoundError as error:
                self._check_mounted()
                raise Damaged("lost", digest, self.url) from error

    async def get(self, digest: str, size: int) -> bytes:
        """The bytes of this digest, held against it. Raises `StoreDown`, and `Damaged` for what is not those bytes.

        No more than `size` bytes are read, whatever stands there.
        """
        path = _path(digest)
        async with self._bounded():
            self._check_mounted()
            try:
                result = await obstore.get_async(self._store, path)
                if result.meta["size"] != size:
                    reason = "cut" if result.meta["size"] < size else "corrupted"
                    raise Damaged(reason, digest, self.url)
                data = bytes(await result.bytes_async())
            except FileNotFoundError as error:
                raise Damaged("lost", digest, self.url) from error
        return check(digest, data, self.url)

    async def find(self, digest: str) -> Found | None:
        """What stands under this digest, by its name and size alone. Raises `StoreDown`."""
        async with self._bounded():
            self._check_mounted()
            try:
                meta = await obstore.head_async(self._store, _path(digest))
            except FileNotFoundError:
                return None
            return Found(digest, int(meta["size"]), meta["last_modified"])

    async def remove(self, digest: str) -> None:
        """Let go of the bytes of this digest; that they are not there is no error. Raises `StoreDown`."""
        path = _path(digest)
        async with self._bounded():
            self._check_mounted()
            try:
                await obstore.delete_async(self._store, path)
            except FileNotFoundError:
                return
            if self._folder is not None:
                await asyncio.to_thread(_sync_folders, self._folder, path)

    async def walk(self) -> AsyncIterator[Found]:
        """Everything that is there under a digest, in no order; what has another name is none of ours. Raises
        `StoreDown`."""
        self._check_mounted()
        stream = obstore.list(self._store, prefix=_FOLDER, chunk_size=1000)
        while True:
            async with self._bounded():
                try:
                    page = await anext(stream)
                except StopAsyncIteration:
                    return
            for meta in page:
                name = str(meta["path"]).rsplit("/", 1)[-1]
                if str(meta["path"]) == _path(f"sha256:{name}"):
                    yield Found(f"sha256:{name}", int(meta["size"]), meta["last_modified"])

    @asynccontextmanager
    async def _bounded(self) -> AsyncIterator[None]:
        """A turn among those who use the store, within its time; what goes wrong in it is `StoreDown`."""
        if time.monotonic() < self._rests_until:
            raise StoreDown(f"{self.url} was not to be had a moment ago")
        try:
            async with asyncio.timeout(self._timeout), self._room:
                yield
            self.answers = True
        except GatewayError as error:
            self.answers = not isinstance(error, StoreDown)
            raise
        except TimeoutError as error:
            self.answers = False
            self._rests_until = time.monotonic() + _REST_SECONDS
            raise StoreDown(f"{self.url} takes too long") from error
        except (BaseError, OSError, ValueError) as error:
            self.answers = False
            raise StoreDown(f"{self.url}: {_first_line(error)}") from error

    def _check_mounted(self) -> None:
        """The folder is the very one that was there at the start: a disk that went away leaves an empty one behind."""
        if self._folder is not None and _identity(self._folder) != self._identity:
            raise StoreDown(f"{self.url} is not the folder that it was")


def check(digest: str, data: bytes, where: str) -> bytes:
    """The bytes, if they have this digest. Raises `Damaged`."""
    if f"sha256:{hashlib.sha256(data).hexdigest()}" != digest:
        raise Damaged("corrupted", digest, where)
    return data


def _path(digest: str) -> str:
    name = digest.removeprefix("sha256:")
    return f"{_FOLDER}/{name[:2]}/{name[2:4]}/{name}"


def _identity(folder: Path) -> tuple[int, int] | None:
    try:
        found = folder.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _sync(folder: Path, path: str) -> None:
    """A file that was renamed into place is on the disk once it, its name, and the names of its folders are."""
    descriptor = os.open(folder / path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    _sync_folders(folder, path)


def _sync_folders(folder: Path, path: str) -> None:
    place = (folder / path).parent
    while True:
        descriptor = os.open(place, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        if place == folder:
            return
        place = place.parent


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:300]
