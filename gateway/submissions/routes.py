"""HTTP of submissions: sealed documents in, messages in, the one final answer out."""

import asyncio
import hashlib
import re
from datetime import datetime
from typing import Annotated, Literal

import orjson
from fastapi import APIRouter, Depends, Path, Query
from starlette.requests import Request
from starlette.responses import Response

from gateway.access.log import note_access
from gateway.answers import signed_answer
from gateway.mappings.in_force import InForce, Reader, Unusable, format_of
from gateway.mappings.routes import Reading
from gateway.params import (
    AnyCaller,
    Caller,
    Db,
    SignedCaller,
    SignedInsurer,
    SignedRegulator,
    SignedSubsidySystem,
    State,
    Submitter,
    as_signed,
)
from gateway.problems import BadRequest, Conflict, NotFound, Refused, Unavailable
from gateway.submissions import store
from gateway.submissions.arrival import Arrival
from gateway.submissions.gather import Judges
from gateway.submissions.hand_in import Paper, hand_in_apart
from gateway.submissions.read import read_message
from gateway.submissions.receive import Answer, receive
from gateway.submissions.writer import LONGEST_WORK, Busy, Outage, Writer
from schemas.verification import Check, failed, passed

router = APIRouter()

Sha256 = Annotated[str, Path(pattern=r"^[0-9a-f]{64}$", description="SHA-256 of the bytes, lower-case hex")]
_MEDIA_TYPES = {"application/ofd", "application/pdf", "application/xml", "application/pkcs7-signature"}
_LONG = 64 * 1024
_MESSAGE_ID = re.compile(r"[0-9A-Za-z._-]{1,64}")


async def _writer(request: Request) -> Writer:
    writer: Writer = request.app.state.writer
    return writer


async def _judges(request: Request) -> Judges:
    judges: Judges = request.app.state.judges
    return judges


SharedWriter = Annotated[Writer, Depends(_writer)]
SharedJudges = Annotated[Judges, Depends(_judges)]


@router.put("/v1/documents/{sha256}", tags=["documents"], status_code=201)
async def put_document(
    sha256: Sha256, request: Request, caller: SignedInsurer, gateway: State, judges: SharedJudges
) -> Response:
    """Hand in a sealed document, content-addressed; answers the verdict on its seals and what it states.

    201 if it is new, 200 if it was handed in before. A bad seal is a verdict, not an error: the bytes are kept.
    """
    if hashlib.sha256(caller.body).hexdigest() != sha256:
        raise BadRequest(
            "the body's SHA-256 is not the one in the address", detail_zh="内容的SHA-256与地址不符", field="sha256"
        )
    media_type = request.headers.get("content-type", "").split(";")[0].strip().lower()
    if media_type not in _MEDIA_TYPES:
        raise BadRequest(f"Content-Type is one of {', '.join(sorted(_MEDIA_TYPES))}", field="content-type")
    at = gateway.clock()
    try:
        async with asyncio.timeout(LONGEST_WORK):
            paper = Paper(f"sha256:{sha256}", caller.participant, media_type, caller.body, caller.proof())
            handed = await hand_in_apart(gateway.pool, paper, judges, at)
    except TimeoutError as error:
        raise Unavailable("judging took too long", headers={"retry-after": "5"}) from error
    body = orjson.dumps({"digest": f"sha256:{sha256}", **handed.verdict})
    return signed_answer(201 if handed.is_new else 200, body, gateway, caller.message)


@router.get("/v1/documents/{sha256}", tags=["documents"], response_class=Response)
async def get_document(sha256: Sha256, caller: AnyCaller, gateway: State) -> Response:
    """The document's bytes, to the insurer that handed it in and to authorities."""
    own = caller.participant.code if caller.participant.role == "insurer" else None
    async with gateway.pool.connection() as connection:  # not held while the store is read
        found = await store.find_document(connection, f"sha256:{sha256}", own)
        if found is None:
            raise NotFound("there is no such document", detail_zh="没有此文件")
        await note_access(connection, caller, gateway.clock(), found[0], f"document {sha256}")
    data = await gateway.evidence.read(found[2])
    return Response(data, media_type=found[1], headers={"etag": f'"{sha256}"', "cache-control": "private"})


@router.get("/v1/documents/{sha256}/report", tags=["documents"])
async def get_document_report(sha256: Sha256, caller: AnyCaller, db: Db, gateway: State) -> Response:
    """The latest verdict on the document: every check on every seal, whose seals they are, and the fields read."""
    own = caller.participant.code if caller.participant.role == "insurer" else None
    found = await store.find_document(db, f"sha256:{sha256}", own)
    verdict = await store.find_verdict(db, f"sha256:{sha256}", found[0]) if found else None
    if found is None or verdict is None:
        raise NotFound("there is no such document", detail_zh="没有此文件")
    await note_access(db, caller, gateway.clock(), found[0], f"document {sha256}")
    return signed_answer(200, orjson.dumps({"digest": f"sha256:{sha256}", **verdict}), gateway, caller.message)


@router.post("/v1/submissions", tags=["submissions"], status_code=201)
async def post_submission(
    request: Request,
    caller: Submitter,
    gateway: State,
    writer: SharedWriter,
    reading: Reading,
    judges: SharedJudges,
    dry_run: Annotated[bool, Query(description="judge as if live, keep nothing 试报：只核验，不留存")] = False,
) -> Response:
    """Submit one message: the standard schema (`application/json`), or the sender's own format (its content type).

    201 with the receipt if everything in it passed or is held; 422 with every problem, and the receipt beside them, if
    it is refused. The same message again gets the same answer; the same id with other content 409. With `dry_run` the
    verdict is the one that it would get now, with 200 instead of 201, no leaf, and nothing is kept: that a session may
    ask for too, while what is meant is signed.
    """
    if dry_run:
        return await _rehearse(await _arrival(request, caller, gateway, reading), caller, gateway, judges)
    signed = as_signed(caller)
    return await _decide(await _arrival(request, signed, gateway, reading), signed, gateway, writer)


@router.post("/v1/awards", tags=["authorities"], status_code=201)
async def post_award(
    request: Request, caller: SignedSubsidySystem, gateway: State, writer: SharedWriter, reading: Reading
) -> Response:
    """Tell what a scheme granted 补贴核定: caps and later changes are computed against it. One `award` message."""
    return await _tell("award", request, caller, gateway, writer, reading)


@router.post("/v1/decisions", tags=["authorities"], status_code=201)
async def post_decision(
    request: Request, caller: SignedRegulator, gateway: State, writer: SharedWriter, reading: Reading
) -> Response:
    """Decide what the gateway holds as indeterminate 审核决定. One `decision` message."""
    return await _tell("decision", request, caller, gateway, writer, reading)


@router.post("/v1/directives", tags=["authorities"], status_code=201)
async def post_directive(
    request: Request, caller: SignedRegulator, gateway: State, writer: SharedWriter, reading: Reading
) -> Response:
    """Suspend or resume an insurer, a record type or a clause 监管指令. One `directive` message."""
    return await _tell("directive", request, caller, gateway, writer, reading)


async def _tell(
    kind: str, request: Request, caller: SignedCaller, gateway: State, writer: Writer, reading: InForce
) -> Response:
    arrival = await _arrival(request, caller, gateway, reading)
    if any(read.type != kind for read in arrival.reading.records):
        raise BadRequest(f"this takes one {kind}", detail_zh=f"此处只接受{kind}", field="type")
    return await _decide(arrival, caller, gateway, writer)


async def _rehearse(arrival: Arrival, caller: Caller, gateway: State, judges: Judges) -> Response:
    async with gateway.pool.connection() as connection:
        (answer,) = await receive(connection, [arrival], judges, rehearse=True)
    return _respond(answer, gateway, caller, rehearsed=True)


async def _decide(arrival: Arrival, caller: SignedCaller, gateway: State, writer: Writer) -> Response:
    try:
        answer = await writer.decide(arrival)
    except Busy as error:
        raise Unavailable("too many messages wait", headers={"retry-after": "2"}) from error
    except Outage as error:
        raise Unavailable("the database gave way", headers={"retry-after": "2"}) from error
    return _respond(answer, gateway, caller)


async def _arrival(request: Request, caller: Caller, gateway: State, reading: InForce) -> Arrival:
    content_type = request.headers.get("content-type", "")
    if not (content_type.isascii() and content_type.isprintable() and content_type):
        content_type = "application/octet-stream"  # what is not printable is no media type, and no text of a database
    media_type = content_type.split(";")[0].strip().lower()
    at = gateway.clock()
    reader = await _reader(caller, media_type, gateway, reading, at)
    if len(caller.body) > _LONG:  # it would keep everybody else waiting
        read = await asyncio.to_thread(read_message, caller.body, media_type, caller.participant, reader)
    else:
        read = read_message(caller.body, media_type, caller.participant, reader)
    digest = hashlib.sha256(caller.body).hexdigest()
    idempotency_key = _idempotency_key(request)
    signed = caller if isinstance(caller, SignedCaller) else None  # without: it is rehearsed
    return Arrival(
        insurer=caller.participant,
        message_id=read.message_id or idempotency_key or f"body-{digest[:48]}",
        body=caller.body,
        content_type=content_type[:200],
        received_at=at,
        keyid=signed.signature.keyid if signed else "",
        nonce=signed.signature.nonce if signed else None,
        may_repeat=signed is not None and '"idempotency-key"' in signed.signature.covered,
        proof=signed.proof() if signed else {},
        request_checks=signed.checks if signed else (passed("session.current"),),
        reading=read,
        body_digest=f"sha256:{digest}",
    )


async def _reader(caller: Caller, media_type: str, gateway: State, reading: InForce, at: datetime) -> Reader | None:
    """What reads the message at the moment at which it is received; authorities' messages need no mapping."""
    if caller.participant.role != "insurer":
        return None
    try:
        return await reading.reader(
            gateway.pool, caller.participant.code, format_of(caller.participant, media_type), at
        )
    except Unusable as error:
        detail_zh = "本版本软件无法使用该机构当前生效的报文映射，请联系网关运营方"
        raise Unavailable(str(error), detail_zh=detail_zh, headers={"retry-after": "300"}) from error


def _idempotency_key(request: Request) -> str | None:
    """The Idempotency-Key, a structured string (RFC 9651) or bare; it names messages of formats that have no id."""
    value = request.headers.get("idempotency-key")
    if value is None:
        return None
    key = value.strip().removeprefix('"').removesuffix('"')
    if not _MESSAGE_ID.fullmatch(key):
        raise BadRequest("Idempotency-Key is 1 to 64 of 0-9 A-Z a-z . _ -", field="idempotency-key")
    return key


def _respond(answer: Answer, gateway: State, caller: Caller, *, rehearsed: bool = False) -> Response:
    if answer.kind in ("replay", "conflict"):
        if answer.kind == "replay":
            check = failed("request.not-replayed", "replayed", first=answer.submission_id)
        else:
            check = failed("message.id", "other-content", first=answer.submission_id)
        raise Conflict(
            checks=[check],
            first_answer=f"/v1/submissions/{answer.submission_id}",
        )
    location = {"location": f"/v1/submissions/{answer.submission_id}"}
    if answer.status == "refused":
        receipt = orjson.loads(answer.receipt)
        checks = [Check.model_validate(check) for check in receipt["report"]["checks"]]
        raise Refused(checks=checks, headers=location, receipt=receipt)
    headers = location | ({"idempotency-replayed": "true"} if answer.kind == "repeat" else {})
    if rehearsed and answer.kind == "new":
        return signed_answer(200, answer.receipt, gateway, caller.message, {"dry-run": "true"})
    return signed_answer(201, answer.receipt, gateway, caller.message, headers)


@router.get("/v1/submissions/{submission_id}", tags=["submissions"])
async def get_submission(
    submission_id: Annotated[str, Path(pattern=r"^S[0-9a-f]{32}$")], caller: AnyCaller, db: Db, gateway: State
) -> Response:
    """The one final answer to a message, byte for byte as it was given."""
    return await _receipt(caller, db, gateway, "id", submission_id)


@router.get("/v1/submissions", tags=["submissions"])
async def find_submission(
    caller: AnyCaller,
    db: Db,
    gateway: State,
    message_id: Annotated[str | None, Query(pattern=r"^[0-9A-Za-z._-]{1,64}$")] = None,
    body_digest: Annotated[str | None, Query(pattern=r"^sha256:[0-9a-f]{64}$")] = None,
) -> Response:
    """The one final answer to a message, by its message id (or idempotency key) or by its body's digest."""
    if (message_id is None) == (body_digest is None):
        raise BadRequest("say message_id or body_digest, one of them", detail_zh="请给出message_id或body_digest之一")
    if message_id is not None:
        return await _receipt(caller, db, gateway, "message_id", message_id)
    return await _receipt(caller, db, gateway, "body_digest", body_digest or "")


async def _receipt(
    caller: Caller, db: Db, gateway: State, by: Literal["id", "message_id", "body_digest"], value: str
) -> Response:
    own = None if caller.participant.role in ("regulator", "operator") else caller.participant.code
    found = await store.find_receipt(db, own, by, value)
    if found is None:
        raise NotFound("there is no such submission", detail_zh="没有此提交")
    await note_access(db, caller, gateway.clock(), found[0], f"submission {value}")
    return signed_answer(200, found[1], gateway, caller.message)


@router.get("/v1/submissions/{submission_id}/body", tags=["submissions"], response_class=Response)
async def get_submission_body(
    submission_id: Annotated[str, Path(pattern=r"^S[0-9a-f]{32}$")], caller: AnyCaller, db: Db, gateway: State
) -> Response:
    """The message's raw bytes as they came, also of a refused one."""
    insurer, content_type, body = await _own(db, caller, submission_id)
    await note_access(db, caller, gateway.clock(), insurer, f"submission {submission_id}")
    return Response(body, headers={"content-type": content_type, "x-insurer": insurer})


@router.get("/v1/submissions/{submission_id}/records", tags=["submissions"])
async def get_submission_records(
    submission_id: Annotated[str, Path(pattern=r"^S[0-9a-f]{32}$")], caller: AnyCaller, db: Db, gateway: State
) -> Response:
    """The records that the message carried, each field with its place in the source, its raw text and the mapping."""
    insurer, _, _ = await _own(db, caller, submission_id)
    await note_access(db, caller, gateway.clock(), insurer, f"submission {submission_id}")
    records = await store.find_lineage(db, submission_id)
    return signed_answer(200, orjson.dumps({"records": records}), gateway, caller.message)


async def _own(db: Db, caller: Caller, submission_id: str) -> tuple[str, str, bytes]:
    """The message, if the caller may read it. What belongs to another sender is not there: ids can be guessed."""
    own = None if caller.participant.role in ("regulator", "operator") else caller.participant.code
    found = await store.find_raw(db, submission_id, own)
    if found is None:
        raise NotFound("there is no such submission", detail_zh="没有此提交")
    return found
