"""The log over HTTP: what is served is what the checkpoint covers, and it can be audited from there."""

import asyncio
import contextlib
import functools
import http.server
import threading
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import httpx
import psycopg
import pytest
from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import Response
from test_ledger import AT, KEY, ORIGIN, SIGNER, numbers, on, publish

from gateway import ledger
from gateway.catalogue import load_catalogue
from gateway.config import Config
from gateway.db import Connection, new_pool
from gateway.ledger.checkpoint import open_checkpoint
from gateway.ledger.fetch import fetch_from_url
from gateway.ledger.merkle import check_inclusion
from gateway.ledger.routes import router
from gateway.participants import Participants
from gateway.problems import Problem, render
from gateway.state import Gateway
from schemas.log import LogProof
from schemas.verification import Outcome
from signing.trust import TrustStore


async def problem(request: Request, error: Exception) -> Response:
    assert isinstance(error, Problem)
    return render(error, request, request.app.state.gateway.catalogue)


def serve(dsn: str, work: Callable[[httpx.AsyncClient, Connection], Awaitable[None]]) -> None:
    """Do `work` with a client of the application, and a connection to its database."""

    async def run() -> None:
        async with new_pool(dsn, 2) as pool, await psycopg.AsyncConnection.connect(dsn, autocommit=True) as connection:
            app = FastAPI()
            app.include_router(router)
            app.add_exception_handler(Problem, problem)
            app.state.gateway = Gateway(
                config=Config(log_origin=ORIGIN),
                pool=pool,
                participants=Participants([]),
                trust=TrustStore(),
                catalogue=load_catalogue(),
                signer=SIGNER,
                clock=lambda: AT,
                started_at=AT,
            )
            transport = httpx.ASGITransport(app, raise_app_exceptions=False)
            async with httpx.AsyncClient(transport=transport, base_url="http://gateway.example") as client:
                await work(client, connection)

    asyncio.run(run())


def test_before_the_first_checkpoint_there_is_nothing(dsn: str) -> None:
    async def work(client: httpx.AsyncClient, connection: Connection) -> None:
        await ledger.append(connection, numbers(0, 300), ORIGIN)
        for path in ("checkpoint", "tile/0/000", "tile/entries/000", "tile/0/001.p/44"):
            assert (await client.get(f"/v1/log/{path}")).status_code == 404, path
        proof = await client.get("/v1/log/proof/299")
        assert proof.status_code == 200
        assert LogProof.model_validate_json(proof.content).inclusion is None

    serve(dsn, work)


def test_the_log_is_served_as_the_specification_says(dsn: str) -> None:
    async def work(client: httpx.AsyncClient, connection: Connection) -> None:
        await ledger.append(connection, numbers(0, 300), ORIGIN)
        await publish(connection)
        await ledger.append(connection, numbers(300, 600), ORIGIN)  # not covered
        checkpoint = await client.get("/v1/log/checkpoint")
        assert checkpoint.headers["content-type"] == "text/plain; charset=utf-8"
        assert checkpoint.headers["cache-control"] == "no-cache"
        assert open_checkpoint(checkpoint.content, [KEY]).size == 300
        key = await client.get("/v1/log/key")
        assert key.text == KEY.line() + "\n"
        sizes = {"0/000": 8192, "0/001.p/44": 44 * 32, "0/001.p/1": 32, "1/000.p/1": 32}
        for path, size in sizes.items():
            tile = await client.get(f"/v1/log/tile/{path}")
            assert (tile.status_code, len(tile.content)) == (200, size), path
            assert tile.headers["content-type"] == "application/octet-stream"
            assert "immutable" in tile.headers["cache-control"]
        for path in ("entries/000", "entries/001.p/44"):
            assert (await client.get(f"/v1/log/tile/{path}")).status_code == 200, path

    serve(dsn, work)


@pytest.mark.parametrize(
    "path",
    [
        "tile/0/001",
        "tile/0/001.p/45",
        "tile/0/001.p/0",
        "tile/0/001.p/256",
        "tile/0/002.p/1",
        "tile/1/000",
        "tile/1/000.p/2",
        "tile/2/000.p/1",
        "tile/63/000.p/1",
        "tile/64/000",
        "tile/entries/001.p/45",
        "tile/0/x999/x999/x999/x999/x999/x999/999",
        "tile/0/x000/000",
        "tile/",
        "tile/0",
        "tile/entries/../key",
        "proof/600",
        "proof/9223372036854775808",
    ],
)
def test_what_no_checkpoint_covers_is_not_there(dsn: str, path: str) -> None:
    async def work(client: httpx.AsyncClient, connection: Connection) -> None:
        await ledger.append(connection, numbers(0, 300), ORIGIN)
        await publish(connection)
        await ledger.append(connection, numbers(300, 600), ORIGIN)
        answer = await client.get(f"/v1/log/{path}")
        assert answer.status_code == 404
        assert answer.headers["content-type"] == "application/problem+json"

    serve(dsn, work)


@pytest.mark.parametrize("index", ["-1", "x", "1.5", "9" * 30])
def test_what_is_no_index_is_refused(dsn: str, index: str) -> None:
    async def work(client: httpx.AsyncClient, connection: Connection) -> None:
        del connection
        assert (await client.get(f"/v1/log/proof/{index}")).status_code in (400, 404, 422)

    serve(dsn, work)


def test_a_proof_holds_against_the_checkpoint_in_it(dsn: str) -> None:
    async def work(client: httpx.AsyncClient, connection: Connection) -> None:
        leaves = await ledger.append(connection, numbers(0, 300), ORIGIN)
        await publish(connection)
        proof = LogProof.model_validate_json((await client.get("/v1/log/proof/299")).content)
        assert proof.checkpoint is not None
        assert proof.inclusion is not None
        assert (proof.log, proof.leaf_index, proof.leaf_hash) == (ORIGIN, 299, leaves[299].hash)
        signed = open_checkpoint(proof.checkpoint.encode(), [KEY])
        path = [bytes.fromhex(item) for item in proof.inclusion.path]
        check = check_inclusion(299, signed.size, bytes.fromhex(proof.leaf_hash), path, signed.root)
        assert check.outcome is Outcome.PASSED

    serve(dsn, work)


class _Quiet(http.server.SimpleHTTPRequestHandler):
    """Serves an exported log as a web server does, and misbehaves below `/odd`."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        if self.path == "/odd/moved":
            self.send_response(302)
            self.send_header("Location", "/log/checkpoint")
            self.send_header("Content-Length", "0")
            self.end_headers()
        elif self.path == "/odd/large":
            self.send_response(200)
            self.send_header("Content-Length", str(1 << 30))
            self.end_headers()
            with contextlib.suppress(ConnectionError):  # who asked has seen enough
                self.wfile.write(bytes(1 << 25))
            self.close_connection = True
        elif self.path == "/odd/short":
            self.send_response(200)
            self.send_header("Content-Length", "100")
            self.end_headers()
            self.wfile.write(b"ten bytes.")
            self.close_connection = True
        elif self.path == "/odd/not-http":
            self.wfile.write(b"\x00" * 100)
            self.close_connection = True
        else:
            super().do_GET()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (the name is the base class's)
        """Say nothing."""


@pytest.fixture
def web(dsn: str, tmp_path: Path) -> Iterator[str]:
    """A web server that has an exported log of 600 entries below `/log`."""

    async def work(connection: Connection) -> None:
        await ledger.append(connection, numbers(0, 600), ORIGIN)
        await publish(connection)
        await ledger.export(connection, tmp_path / "log", [KEY])

    on(dsn, work)
    handler = functools.partial(_Quiet, directory=str(tmp_path))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_a_log_is_audited_from_any_web_server(web: str) -> None:
    fetch = fetch_from_url(f"{web}/log/")
    report = ledger.audit(fetch, fetch("key").decode())
    assert report.outcome is Outcome.PASSED
    elsewhere = ledger.audit(fetch_from_url(f"{web}/nowhere"), KEY.line())
    assert elsewhere.outcome is Outcome.FAILED


@pytest.mark.parametrize("path", ["moved", "large", "short", "not-http"])
def test_a_server_that_misbehaves_has_said_nothing(web: str, path: str) -> None:
    fetch = fetch_from_url(f"{web}/odd")
    with pytest.raises(OSError) as refusal:
        fetch(path)
    assert not isinstance(refusal.value, FileNotFoundError)


def test_a_server_that_is_not_there_is_unknown() -> None:
    report = ledger.audit(fetch_from_url("http://127.0.0.1:9/log", timeout=2), KEY.line())
    assert report.outcome is Outcome.INDETERMINATE


@pytest.mark.parametrize("url", ["", "file:///etc", "ftp://host/log", "gateway.example/log", "http://"])
def test_another_address_is_refused(url: str) -> None:
    with pytest.raises(ValueError):
        fetch_from_url(url)
