"""The floor of a submission: the same server with nothing in it but the work that nobody can leave out.

`python -m benches.floor PORT WORKERS` serves an empty route under the service's own framework and server settings. For
each request it reads the body, makes the same signature verifications (one Ed25519 over a base that the service kept; a
document also takes the SM2 verifications and SM3 digests of its seals), and appends the same rows durably: copies of
rows that the service wrote for such a request, the same sizes in the same tables with their indexes, triggers and
constraints, by the same statements, requests that wait together sharing a commit as in the service. Then it answers 201
with nothing in it; for a page of the feed, with as many revisions as they stand in their table, after one verification.
It parses, decides, looks up, locks and signs nothing, and any body is fine.
"""

import asyncio
import base64
import json
import os
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_der_public_key
from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import Response

from gateway.db import Connection, Pool, new_pool
from gateway.feed.store import list_changes
from gateway.ledger import store as ledger_store
from gateway.ledger.merkle import leaf_hash
from gateway.serve import run
from gateway.submissions import store
from gateway.submissions.store import Rows
from signing import sm2

_LARGEST_BATCH = 64
_LANES = 2
_POOL = 8


@dataclass(frozen=True, slots=True)
class Template:
    """What one kind of request leaves behind in the service, and the verifications that it takes there.

    Bytes are base64 in the file. `sm2` holds point, digest and signature of each verification, `sm3` what is hashed.
    """

    key: Ed25519PublicKey
    base: bytes
    signature: bytes
    rows: dict[str, list[Any]]
    leaves: list[bytes]
    sm2: list[tuple[bytes, bytes, bytes]]
    sm3: list[bytes]

    @classmethod
    def read(cls, value: dict[str, Any]) -> "Template":
        """One template of the file."""
        key = load_der_public_key(_bytes(value["proof"]["public_key"]))
        assert isinstance(key, Ed25519PublicKey)
        return cls(
            key,
            _bytes(value["proof"]["base"]),
            _bytes(value["proof"]["signature"]),
            {table: [_value(one) for one in row] for table, row in value["rows"].items()},
            [_bytes(leaf) for leaf in value["leaves"]],
            [(_bytes(point), _bytes(digest), _bytes(signature)) for point, digest, signature in value["sm2"]],
            [_bytes(data) for data in value["sm3"]],
        )

    def verify(self) -> None:
        """Every verification. Raises if one does not hold: then this would not be the same work."""
        self.key.verify(self.signature, self.base)
        for data in self.sm3:
            sm2.sm3(data)
        for point, digest, signature in self.sm2:
            if not sm2.verify_digest(point, digest, signature):
                raise ValueError("a signature of the template does not hold")


def _bytes(text: str) -> bytes:
    return base64.b64decode(text)


def _value(value: Any) -> Any:
    """Bytes and moments have no JSON form of their own."""
    if isinstance(value, dict) and "bytes" in value:
        return _bytes(value["bytes"])
    if isinstance(value, dict) and "moment" in value:
        return datetime.fromisoformat(value["moment"])
    return value


class Floor:
    """One process's share of it."""

    def __init__(self, pool: Pool, templates: dict[str, Template]) -> None:
        self._pool = pool
        self._templates = templates
        self._queue: asyncio.Queue[tuple[str, asyncio.Future[None]]] = asyncio.Queue()
        self._tasks: list[asyncio.Task[None]] = []
        self._count = 0

    async def answer(self, request: Request) -> Response:
        """The empty route: the body read, the signatures verified, the rows durable, nothing said."""
        if request.method == "GET":
            return Response(await self._page(request.scope["query_string"]), 201)
        kind = _kind(request.method, await request.body())
        self._templates[kind].verify()
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._queue.put_nowait((kind, future))
        await future
        return Response(status_code=201)

    async def _page(self, query: bytes) -> bytes:
        """As many revisions as the query asks for, as they stand in the table."""
        limit = query.partition(b"limit=")[2]
        if not limit:
            return b""
        self._templates["policy"].verify()
        async with self._pool.connection() as connection:
            found = await list_changes(connection, -1, int(limit))
        return b",".join(one.body for one in found)

    @asynccontextmanager
    async def lifespan(self, _: FastAPI) -> AsyncIterator[None]:
        """What runs while the server does."""
        await self._pool.open(wait=True)
        self._tasks = [asyncio.create_task(self._run()) for _ in range(_LANES)]
        yield
        for task in self._tasks:
            task.cancel()
        await self._pool.close()

    async def _run(self) -> None:
        """Group commit: what is waiting shares a transaction."""
        while True:
            batch = [await self._queue.get()]
            while len(batch) < _LARGEST_BATCH and not self._queue.empty():
                batch.append(self._queue.get_nowait())
            try:
                async with self._pool.connection() as connection:
                    await self._append(connection, [kind for kind, _ in batch])
            finally:
                # Whoever waits is told, also where the rows are no longer those of the tables.
                failed = sys.exc_info()[0] is not None
                for _, future in batch:
                    if failed:
                        future.cancel()
                    elif not future.done():
                        future.set_result(None)

    async def _append(self, connection: Connection, kinds: Sequence[str]) -> None:
        rows = Rows()
        documents: list[tuple[list[Any], list[Any]]] = []
        leaves: list[ledger_store.Row] = []
        now = datetime.now(UTC)
        for kind in kinds:
            self._count += 1
            # As long as the real ones, and used once: process and count in place of a digest.
            mark = f"{os.getpid():08x}{self._count:024x}"
            template = self._templates[kind]
            for place, leaf in enumerate(template.leaves):
                own = f"{place}{mark}".encode()
                data = own + leaf[len(own) :]
                leaves.append(ledger_store.Row(leaf_hash(data), kind, now, data))
            if kind == "document":
                document = [f"sha256:{mark * 2}", *template.rows["documents"][1:]]
                documents.append((document, [document[0], *template.rows["document_verdicts"][1:]]))
                continue
            submission = list(template.rows["submissions"])
            submission[0], submission[2], submission[4] = f"S{mark}", mark, mark
            rows.submissions.append(tuple(submission))
            rows.records.append((f"S{mark}", *template.rows["records"][1:3], mark, *template.rows["records"][4:]))
            rows.premiums.append((0, template.rows["premiums"][1], mark, *template.rows["premiums"][3:]))
        async with connection.transaction():
            await _insert_documents(connection, documents)
            if rows.premiums:
                position = await store.next_positions(connection, len(rows.premiums))
                rows.premiums = [(position + place, *row[1:]) for place, row in enumerate(rows.premiums)]
            await ledger_store.append(connection, leaves)
            await store.append(connection, rows)


async def _insert_documents(connection: Connection, documents: Sequence[tuple[list[Any], list[Any]]]) -> None:
    for document, verdict in documents:
        await connection.execute(
            "INSERT INTO documents (digest, insurer, media_type, size, bytes, received_at, request) "
            "VALUES (%s, %s, %s, %s, %s, %s, %s::jsonb)",
            document,
        )
        await connection.execute(
            "INSERT INTO document_verdicts "
            "(digest, insurer, at, trust_digest, profile, outcome, kind, policy_no, verdict) "
            "VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s::jsonb)",
            verdict,
        )


def _kind(method: str, body: bytes) -> str:
    """Which rows: the one word of a message that has to be read for it."""
    if method == "PUT":
        return "document"
    return "policy" if b'"policy"' in body[:200] else "receipt"


def application() -> FastAPI:
    """The application of a worker process: the service's framework with one route."""
    file = Path(os.environ["FLOOR_TEMPLATES"])
    templates = {kind: Template.read(value) for kind, value in json.loads(file.read_bytes()).items()}
    floor = Floor(new_pool(os.environ["FLOOR_DSN"], _POOL), templates)
    app = FastAPI(lifespan=floor.lifespan, openapi_url=None)

    @app.api_route("/{path:path}", methods=["GET", "PUT", "POST"])
    async def answer(request: Request) -> Response:
        return await floor.answer(request)

    return app


if __name__ == "__main__":
    run("benches.floor:application", "127.0.0.1", int(sys.argv[1]), int(sys.argv[2]))
