"""`gateway witness`: the witness of one log over HTTP (C2SP tlog-witness).

Whoever may reach it may ask: what counts is the log's signature. `GET /checkpoint` and `GET /key` are for people and
monitors who compare what others were shown; the specification leaves that part open.
"""

import asyncio
import logging
import sys
import time
from pathlib import Path

import uvicorn
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from gateway.errors import Misconfigured
from gateway.ledger.note import NoteRefused, read_keys
from gateway.ledger.witness import LARGEST_REQUEST, Answer, Memory, StateRefused, Witness
from gateway.serve import free_port, make_signing_key
from signing.errors import UnusableKey
from signing.signer import load_signer

_LOG = logging.getLogger("gateway.witness")
_SECONDS = 10.0  # for a request to arrive


def run(*, origin: str, log_key: Path, key: Path, name: str, state: Path, listen: tuple[str, int]) -> int:
    """Serve until stopped; prints the witness's verifier key, for the logs that will ask it. Raises `Misconfigured`."""
    memory, witness = open_witness(origin=origin, log_key=log_key, key=key, name=name, state=state)
    try:
        host, port = listen[0], listen[1] or free_port(listen[0])
        print(witness.key.line(), flush=True)
        print(f"http://{host}:{port}  {origin}: {witness.last.size}", file=sys.stderr, flush=True)
        uvicorn.run(
            application(witness),
            host=host,
            port=port,
            log_level="warning",
            access_log=False,
            server_header=False,
            timeout_keep_alive=75,  # logs keep their connection
            limit_concurrency=256,
            h11_max_incomplete_event_size=16 * 1024,
        )
    finally:
        memory.close()
    return 0


def open_witness(*, origin: str, log_key: Path, key: Path, name: str, state: Path) -> tuple[Memory, Witness]:
    """The witness and what it keeps. Raises `Misconfigured` naming the file that cannot be used."""
    try:
        make_signing_key(key)
        signer = load_signer(key.read_bytes())
        keys = read_keys(log_key.read_text(encoding="utf-8"))
        memory = Memory(state, origin, keys)
    except (OSError, UnicodeDecodeError, UnusableKey, NoteRefused, StateRefused) as error:
        raise Misconfigured(str(error)) from error
    try:
        return memory, Witness(
            origin=origin, keys=keys, name=name, signer=signer, memory=memory, clock=lambda: int(time.time())
        )
    except NoteRefused as error:
        memory.close()
        raise Misconfigured(f"{key}: {error}") from error


def application(witness: Witness) -> Starlette:
    """The ASGI application. Requests are judged on the one event loop, without a pause within: one after the other."""

    async def add_checkpoint(request: Request) -> Response:
        try:
            async with asyncio.timeout(_SECONDS):
                body = await _read(request)
        except TimeoutError:
            return _response(Answer(408, "too slow\n"))
        except ClientDisconnect:
            return _response(Answer(400, "cut short\n"))
        if body is None:
            return _response(Answer(413, "too large\n"))
        try:
            answer = witness.add_checkpoint(body)
        except OSError as error:
            _LOG.critical("the checkpoint cannot be kept, and nothing is cosigned: %s", error)
            return _response(Answer(500, "not kept\n"))
        if answer.status in (409, 422):
            _LOG.warning("refused with %d at size %d", answer.status, witness.last.size)
        return _response(answer)

    async def get_checkpoint(_: Request) -> Response:
        note = witness.last.note.decode()
        return _response(Answer(200, note) if note else Answer(404, "no checkpoint yet\n"))

    async def get_key(_: Request) -> Response:
        return _response(Answer(200, f"{witness.key.line()}\n"))

    return Starlette(
        routes=[
            Route("/add-checkpoint", add_checkpoint, methods=["POST"]),
            Route("/checkpoint", get_checkpoint),
            Route("/key", get_key),
        ]
    )


async def _read(request: Request) -> bytes | None:
    """The body; None if it is larger than any request."""
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > LARGEST_REQUEST:
            return None
    return bytes(body)


def _response(answer: Answer) -> Response:
    return Response(answer.body, answer.status, media_type=None, headers={"content-type": answer.media_type})
