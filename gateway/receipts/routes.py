"""HTTP of receipts to be filed."""

from typing import Annotated, Literal

from fastapi import APIRouter, Path
from starlette.requests import Request
from starlette.responses import Response

from gateway.access.log import note_access
from gateway.answers import signed_answer
from gateway.params import AnyCaller, Db, State
from gateway.problems import NotFound
from gateway.receipts.file import NotYet, as_jws, as_proof, find_receipt

router = APIRouter()

SubmissionId = Annotated[str, Path(pattern=r"^S[0-9a-f]{32}$")]
Form = Literal["jws", "tlog-proof"]
_MEDIA_TYPES: dict[Form, str] = {"jws": "application/jose", "tlog-proof": "text/plain; charset=utf-8"}


@router.get(
    "/v1/submissions/{submission_id}/receipt",
    tags=["submissions"],
    response_class=Response,
    responses={200: {"content": {"application/jose": {}, "text/plain": {}}}},
)
async def get_filed_receipt(
    submission_id: SubmissionId, request: Request, caller: AnyCaller, db: Db, gateway: State
) -> Response:
    """The receipt to be filed 存档回执: a compact JWS; with `Accept: text/plain` in the proof of its leaf."""
    accepted = request.headers.get("accept", "")
    form: Form = "tlog-proof" if "text/plain" in accepted and "application/jose" not in accepted else "jws"
    return await _filed(submission_id, form, caller, db, gateway)


@router.get(
    "/v1/submissions/{submission_id}/receipt.{form}",
    tags=["submissions"],
    response_class=Response,
    responses={200: {"content": {"application/jose": {}, "text/plain": {}}}},
)
async def get_filed_receipt_in(
    submission_id: SubmissionId, form: Form, caller: AnyCaller, db: Db, gateway: State
) -> Response:
    """The same by name: `receipt.jws` (RFC 7515), or `receipt.tlog-proof` (C2SP), which the log's key alone verifies.

    404 for the proof until a checkpoint covers the receipt's leaf, which takes a second or two.
    """
    return await _filed(submission_id, form, caller, db, gateway)


async def _filed(submission_id: str, form: Form, caller: AnyCaller, db: Db, gateway: State) -> Response:
    own = None if caller.participant.role in ("regulator", "operator") else caller.participant.code
    receipt = await find_receipt(db, submission_id, own, gateway.clock())
    if receipt is None:
        raise NotFound("there is no such submission", detail_zh="没有此提交")
    try:
        text = as_jws(receipt, gateway.signer) if form == "jws" else await as_proof(db, receipt, gateway.signer)
    except NotYet as error:
        raise NotFound(str(error), detail_zh="该回执尚未被日志检查点覆盖，请稍后再试") from error
    await note_access(db, caller, gateway.clock(), receipt.insurer, f"submission {submission_id}")
    headers = {
        "content-disposition": f'attachment; filename="{submission_id}.{form}"',
        "cache-control": "private",
        "vary": "accept",
    }
    return signed_answer(200, text, gateway, caller.message, headers, media_type=_MEDIA_TYPES[form])
