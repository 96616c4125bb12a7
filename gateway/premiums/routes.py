"""HTTP of verified premiums: one policy's premium, its history, and the feed of every revision in order."""

import base64
import binascii
from typing import Annotated

import orjson
from fastapi import APIRouter, Path, Query
from pydantic import AwareDatetime
from starlette.responses import Response

from gateway.answers import signed_answer
from gateway.ledger.proofs import prove
from gateway.params import AnyCaller, Db, Reader, State, scoped
from gateway.premiums import store
from gateway.premiums.store import StoredPremium
from gateway.problems import BadRequest, NotFound
from schemas.log import LogProof

router = APIRouter()

Insurer = Annotated[str, Path(pattern=r"^[0-9A-Z][0-9A-Z-]{1,31}$", description="insurer code")]
PolicyNumber = Annotated[str, Path(pattern=r"^[0-9A-Z-]{10,30}$", description="保单号")]
_CURSOR_PREFIX = b"premiums-1:"
_LONGEST_POSITION = 18  # digits: within a bigint


@router.get("/v1/insurers/{insurer}/policies/{policy_no}/premium", tags=["premiums"])
async def get_premium(
    insurer: Insurer,
    policy_no: PolicyNumber,
    caller: AnyCaller,
    db: Db,
    gateway: State,
    as_of: Annotated[AwareDatetime | None, Query(description="as it was known at this moment")] = None,
) -> Response:
    """The premium of one policy: status, facts, money, every check, and the log position that proves it.

    With `as_of` the answer is the same bytes for ever; without, it carries the proof up to the latest checkpoint.
    """
    scoped(caller, insurer)
    if as_of is not None and as_of > gateway.clock():
        raise BadRequest("what will be known is not known yet", detail_zh="不能查询将来的时点", field="as_of")
    found = await store.find_premium(db, insurer, policy_no, as_of)
    if found is None:
        raise NotFound(f"nothing is known of policy {policy_no}", detail_zh=f"没有保单{policy_no}的信息")
    origin = gateway.config.log_origin
    proof = _place(found, origin) if as_of else await prove(db, found.leaf_index, origin=origin)
    return signed_answer(200, with_proof(found.body, proof), gateway, caller.message)


@router.get("/v1/insurers/{insurer}/policies/{policy_no}/history", tags=["premiums"])
async def get_history(insurer: Insurer, policy_no: PolicyNumber, caller: AnyCaller, db: Db, gateway: State) -> Response:
    """Every revision of the premium, first to last."""
    scoped(caller, insurer)
    found = await store.list_revisions(db, insurer, policy_no)
    if not found:
        raise NotFound(f"nothing is known of policy {policy_no}", detail_zh=f"没有保单{policy_no}的信息")
    revisions = b",".join(with_proof(one.body, _place(one, gateway.config.log_origin)) for one in found)
    return signed_answer(200, b'{"revisions":[' + revisions + b"]}", gateway, caller.message)


@router.get("/v1/premiums/changes", tags=["premiums"])
async def get_changes(
    caller: Reader,
    db: Db,
    gateway: State,
    after: Annotated[str | None, Query(max_length=100, description="the cursor of the last page")] = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
) -> Response:
    """Every revision of every premium, in the order in which it became known, exactly once.

    `position` counts from 1 without gaps: a reader that sees a gap has lost something. `cursor` continues; the same
    cursor gives the same page for ever, longer if the page was not full.
    """
    start = read_cursor(after)
    found = await store.list_changes(db, start, limit)
    if not found and start >= await store.count_revisions(db):
        # Of another gateway, or of this one before it lost data: whoever went on from here would miss revisions.
        raise BadRequest("the cursor is ahead of the feed", detail_zh="游标超出变更流的末尾", field="after")
    items = b",".join(
        b'{"position":%d,"premium":%s}'
        % (one.position + 1, with_proof(one.body, _place(one, gateway.config.log_origin)))
        for one in found
    )
    cursor = write_cursor(found[-1].position if found else start)
    more = b"true" if len(found) == limit else b"false"
    body = b'{"items":[%s],"cursor":"%s","more":%s}' % (items, cursor.encode(), more)
    return signed_answer(200, body, gateway, caller.message)


def write_cursor(position: int) -> str:
    """The opaque cursor behind a feed position; -1 is the beginning."""
    return base64.urlsafe_b64encode(_CURSOR_PREFIX + str(position).encode()).decode().rstrip("=")


def read_cursor(cursor: str | None) -> int:
    """The feed position of a cursor. Raises `BadRequest` on one that was never given."""
    if cursor is None:
        return -1
    try:
        plain = base64.urlsafe_b64decode(cursor.encode("ascii") + b"=" * (-len(cursor) % 4))
    except (binascii.Error, UnicodeEncodeError) as error:
        raise BadRequest("this is no cursor", detail_zh="游标无效", field="after") from error
    digits = plain.removeprefix(_CURSOR_PREFIX)
    if digits == plain or not digits.removeprefix(b"-").isdigit() or len(digits) > _LONGEST_POSITION:
        raise BadRequest("this is no cursor", detail_zh="游标无效", field="after")
    position = int(digits)
    if position < -1 or write_cursor(position) != cursor:
        raise BadRequest("this is no cursor", detail_zh="游标无效", field="after")
    return position


def _place(found: StoredPremium, origin: str) -> LogProof:
    """Where the revision stands in the log: fixed for ever, unlike the proof up to a checkpoint."""
    return LogProof(leaf_index=found.leaf_index, log=origin, leaf_hash=found.leaf_hash)


def with_proof(body: bytes, proof: LogProof) -> bytes:
    """The revision's canonical bytes with `proof` added as the last member; the bytes before it are as logged."""
    return body[:-1] + b',"proof":' + orjson.dumps(proof.model_dump(mode="json", exclude_none=True)) + b"}"
