"""HTTP of batches: a whole file of messages in, its progress, and the answer to each of its lines out."""

import re
from collections.abc import AsyncIterator
from typing import Annotated

import orjson
from fastapi import APIRouter, Depends, Path, Query
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from gateway.access.log import count_insurers, note_access, note_accesses
from gateway.answers import signed_answer
from gateway.batches import store
from gateway.batches.answer import batch_id, result_line, shown
from gateway.batches.run import LINES, Runner
from gateway.batches.spool import Spooled, TooMuch, spool
from gateway.batches.store import CHUNK, Batch
from gateway.batches.tree import FIELD
from gateway.db import Connection
from gateway.params import (
    AnyCaller,
    Caller,
    Db,
    SignedCaller,
    State,
    announced,
    bearer_of,
    judged,
    known_people,
    message_of,
    unsigned,
)
from gateway.problems import BadRequest, Conflict, Forbidden, NotFound, TooLarge, Unavailable, language_of
from gateway.shown import Language
from gateway.state import Gateway
from schemas.verification import failed
from signing.message import Content
from signing.structured import read_byte_sequences

router = APIRouter()

Name = Annotated[str, Path(pattern=r"^B[0-9a-f]{32}$", description="the batch's id")]
_MESSAGE_ID = re.compile(r"[0-9A-Za-z._-]{1,64}")
_PAGE = 200  # results read at a time
_LISTED = 100
_LONGEST_TYPE = 200
_AT_ONCE = 2  # files that one insurer sends to one process at a time


class Intake:
    """What a process keeps for batches: who works them off, and how many files come in from whom."""

    def __init__(self, runner: Runner) -> None:
        self.runner = runner
        self.coming: dict[str, int] = {}


async def _intake(request: Request) -> Intake:
    intake: Intake = request.app.state.batches
    return intake


SharedIntake = Annotated[Intake, Depends(_intake)]


@router.post("/v1/batches", tags=["batches"], status_code=202)
async def post_batch(request: Request, gateway: State, intake: SharedIntake) -> Response:
    """Hand in a whole file: `application/jsonl`, a message of the standard schema a line; or one message in the
    sender's own format.

    202 with the batch's id and where it stands; the same file again is the same batch. Each line gets the answer that
    `POST /v1/submissions` would have given, under `/v1/batches/{id}/results`.
    """
    if bearer_of(request) is not None:
        raise unsigned()
    content_type = request.headers.get("content-type", "")
    if not (content_type.isascii() and content_type.isprintable()) or not 0 < len(content_type) <= _LONGEST_TYPE:
        raise BadRequest(
            "Content-Type says what the file is", detail_zh="请以Content-Type说明文件格式", field="content-type"
        )
    media_type = content_type.split(";")[0].strip().lower()
    limit = _limit(gateway, media_type)
    at = gateway.clock()
    await known_people(request).keys.refresh(gateway.pool)
    # Before a byte of the file is taken: is this a caller of ours, by the digest that the request states?
    stated = _stated(request, gateway)
    try:
        size = announced(request, limit)
        caller = judged(request, gateway, Content(1 if size is None else size, stated), at)
    except TooLarge as error:
        raise _too_large(media_type, limit) from error
    if caller.participant.role != "insurer":
        raise Forbidden("this is for: insurer", detail_zh="仅限角色：insurer")
    code = caller.participant.code
    if intake.coming.get(code, 0) >= _AT_ONCE:
        raise Unavailable("other files of yours are coming in", headers={"retry-after": "10"})
    intake.coming[code] = intake.coming.get(code, 0) + 1
    try:
        lines = _signed_lines(request, gateway, caller)
        async with spool(request.stream(), limit, stated, lines=lines is not None) as spooled:
            caller = judged(request, gateway, spooled.content, at)
            if lines is not None and lines != spooled.lines:
                raise BadRequest("Batch-Lines is not the file's", detail_zh="Batch-Lines与文件不符", field=FIELD)
            batch = await _keep(request, gateway, caller, content_type, spooled)
    except TooMuch as error:
        raise _too_large(media_type, limit) from error
    finally:
        intake.coming[code] -= 1
    intake.runner.tell()
    location = {"location": f"/v1/batches/{batch.id}"}
    return signed_answer(202, orjson.dumps(shown(batch)), gateway, caller.message, location)


def _limit(gateway: Gateway, media_type: str) -> int:
    config = gateway.config
    return config.batch_limit_bytes if media_type in LINES else min(config.batch_limit_bytes, config.body_limit_bytes)


def _too_large(media_type: str, limit: int) -> TooLarge:
    if media_type in LINES:
        return TooLarge(f"the file is larger than {limit} bytes", detail_zh=f"文件大于{limit}字节")
    return TooLarge(
        f"a file that is one message holds at most {limit} bytes: send several, or JSON Lines ({LINES[0]})",
        detail_zh=f"作为一份报文的文件不得大于{limit}字节：请分成几份，或以JSON Lines（{LINES[0]}）报送",
    )


def _stated(request: Request, gateway: Gateway) -> dict[str, bytes]:
    """The digests that Content-Digest states (RFC 9530); none if it cannot be read, which is told with the rest."""
    field = message_of(request, gateway).value("content-digest")
    if field is None:
        return {}
    try:
        return dict(read_byte_sequences(field))
    except ValueError:
        return {}


def _signed_lines(request: Request, gateway: Gateway, caller: SignedCaller) -> bytes | None:
    """The root over the file's lines, if its sender signed it."""
    field = message_of(request, gateway).value(FIELD)
    if field is None or f'"{FIELD}"' not in caller.signature.covered:
        return None
    try:
        return read_byte_sequences(field)["sha-256"]
    except (ValueError, KeyError) as error:
        raise BadRequest("Batch-Lines is sha-256=:…: of the lines", field=FIELD) from error


async def _keep(request: Request, gateway: Gateway, caller: SignedCaller, content_type: str, spooled: Spooled) -> Batch:
    if spooled.content.size == 0:
        raise BadRequest("the file is empty", detail_zh="文件为空")
    insurer = caller.participant.code
    batch = Batch(
        id=batch_id(insurer, spooled.digest),
        insurer=insurer,
        digest=spooled.digest,
        content_type=content_type,
        size=spooled.content.size,
        message_id=_message_id(request),  # of the one message, if the file is one
        keyid=caller.signature.keyid,
        nonce=caller.signature.nonce,
        received_at=gateway.clock(),
        request=caller.proof(),
        checks=caller.checks,
    )
    async with gateway.pool.connection() as connection:
        if await store.keep(connection, batch, spooled.file):
            return batch
        found = await store.find(connection, batch.id)
    if found is None:  # its nonce came with another file
        raise Conflict(checks=[failed("request.not-replayed", "replayed")])
    if found.media_type != batch.media_type:
        raise Conflict(f"this file came before as {found.media_type}", detail_zh=f"该文件此前以{found.media_type}报送")
    return found


def _message_id(request: Request) -> str | None:
    """The Idempotency-Key names the message of a file whose format has no ids."""
    value = request.headers.get("idempotency-key")
    if value is None:
        return None
    key = value.strip().removeprefix('"').removesuffix('"')
    if not _MESSAGE_ID.fullmatch(key):
        raise BadRequest("Idempotency-Key is 1 to 64 of 0-9 A-Z a-z . _ -", field="idempotency-key")
    return key


@router.get("/v1/batches", tags=["batches"])
async def get_batches(caller: AnyCaller, db: Db, gateway: State) -> Response:
    """The latest batches, newest first: an insurer's own; all to the regulator and the operator."""
    found = await store.list_latest(db, _own(caller), _LISTED)
    await note_accesses(db, caller, gateway.clock(), count_insurers(one.insurer for one in found), "batches")
    return signed_answer(200, orjson.dumps({"batches": [shown(one) for one in found]}), gateway, caller.message)


@router.get("/v1/batches/{batch}", tags=["batches"])
async def get_batch(batch: Name, caller: AnyCaller, db: Db, gateway: State) -> Response:
    """Where a batch stands: `queued`, `running` or `done`, and how many of its lines came to what."""
    found = await _find(db, caller, batch)
    await note_access(db, caller, gateway.clock(), found.insurer, f"batch {batch}")
    return signed_answer(200, orjson.dumps(shown(found)), gateway, caller.message)


@router.get("/v1/batches/{batch}/results", tags=["batches"], response_class=Response)
async def get_results(
    request: Request,
    batch: Name,
    caller: AnyCaller,
    gateway: State,
    after: Annotated[int, Query(ge=0, le=10**12, description="the row behind which to go on")] = 0,
    limit: Annotated[int | None, Query(ge=1, le=10**12, description="at most so many rows; default all")] = None,
) -> Response:
    """What each line was told, as JSON Lines, in the order of the file, as far as the batch has come.

    `row`, `status`, `submission_id` and `receipt`; of what is refused or held its `problems`, as everywhere.
    """
    async with gateway.pool.connection() as connection:
        found = await _find(connection, caller, batch)
        await note_access(connection, caller, gateway.clock(), found.insurer, f"batch {batch}")
    lines = _results(gateway, batch, after, limit, language_of(request))
    return StreamingResponse(lines, media_type=LINES[0], headers={"cache-control": "private"})


async def _results(
    gateway: Gateway, batch: str, after: int, limit: int | None, language: Language
) -> AsyncIterator[bytes]:
    left = limit
    while left is None or left > 0:
        # A connection for each page: who reads slowly holds none.
        async with gateway.pool.connection() as connection:
            page = await store.list_results(connection, batch, after, _PAGE if left is None else min(_PAGE, left))
        if not page:
            return
        for one in page:
            yield result_line(one, gateway.catalogue, language)
        after = page[-1].result.line
        left = None if left is None else left - len(page)


@router.get("/v1/batches/{batch}/file", tags=["batches"], response_class=Response)
async def get_file(batch: Name, caller: AnyCaller, gateway: State) -> Response:
    """The file as it came: with it anybody can tell that a message was a line of what its sender signed."""
    async with gateway.pool.connection() as connection:
        found = await _find(connection, caller, batch)
        await note_access(connection, caller, gateway.clock(), found.insurer, f"batch {batch}")
    headers = {"content-length": str(found.size), "etag": f'"{found.digest[7:]}"', "cache-control": "private"}
    return StreamingResponse(_file(gateway, found), media_type=found.media_type, headers=headers)


async def _file(gateway: Gateway, batch: Batch) -> AsyncIterator[bytes]:
    for place in range(-(-batch.size // CHUNK)):
        async with gateway.pool.connection() as connection:
            chunk = await store.read_chunk(connection, batch.id, place)
        if chunk is None:
            raise LookupError(f"{batch.id} has no chunk {place}")
        yield chunk


def _own(caller: Caller) -> str | None:
    return None if caller.participant.role in ("regulator", "operator") else caller.participant.code


async def _find(db: Connection, caller: Caller, batch: str) -> Batch:
    """The batch, if the caller may read it. What belongs to another is not there."""
    found = await store.find(db, batch, _own(caller))
    if found is None:
        raise NotFound("there is no such batch", detail_zh="没有此批次")
    return found
