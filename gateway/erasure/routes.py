"""HTTP of erasures: two operators let a document go; everybody who may know of it sees by which order."""

from datetime import date
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Path, Query
from starlette.responses import Response

from gateway.answers import signed_answer
from gateway.blobs.objects import StoreDown
from gateway.erasure import store
from gateway.erasure.erase import erase
from gateway.erasure.statement import Ground
from gateway.erasure.store import Asked, Erasure, Order
from gateway.params import AnyCaller, Caller, Db, Keeper, SignedOperator, State
from gateway.problems import NotFound
from schemas.canonical import as_json

router = APIRouter()

Sha256 = Annotated[str, Path(pattern=r"^[0-9a-f]{64}$", description="SHA-256 of the bytes, lower-case hex")]
_TEXT = r"^[^\x00-\x1f\x7f]+$"


@router.delete("/v1/documents/{sha256}", tags=["documents"], status_code=200, responses={202: {}})
async def delete_document(
    sha256: Sha256,
    caller: SignedOperator,
    gateway: State,
    ground: Annotated[Ground, Query(description="an order 命令, or the end of the time for which it is kept 保存期满")],
    order_no: Annotated[str, Query(min_length=1, max_length=100, pattern=_TEXT, description="文号")],
    ordered_by: Annotated[str, Query(min_length=1, max_length=200, pattern=_TEXT, description="签发机关")],
    ordered_on: Annotated[date, Query(description="签发日期")],
) -> Response:
    """Erase a document by order 依令删除: its bytes go; digest, verdicts, reports and proof stay.

    Two people: the first request is kept and answers 202; the same request by another holder's key erases, 200. The
    answer's `bytes` is `gone`, or `pending` while the evidence store cannot be reached: send the request again.
    """
    order = Order(f"sha256:{sha256}", ground, order_no, ordered_by, ordered_on)
    config = gateway.config
    async with gateway.pool.connection() as connection:
        told = await erase(connection, order, caller.acting, gateway.clock(), config.retention_years, config.log_origin)
    if told is None:
        raise _no_such_document()
    if isinstance(told, Asked):
        return signed_answer(202, orjson.dumps(shown(told)), gateway, caller.message)
    try:
        await gateway.evidence.remove(order.document)
        left = "gone"
    except StoreDown:
        left = "pending"
    return signed_answer(200, orjson.dumps(shown(told) | {"bytes": left}), gateway, caller.message)


@router.get("/v1/documents/{sha256}/erasure", tags=["documents"])
async def get_erasure(sha256: Sha256, caller: AnyCaller, db: Db, gateway: State) -> Response:
    """By which order a document was erased, and what was asked for: to its insurer and to authorities."""
    document = f"sha256:{sha256}"
    if not await store.is_there(db, document, _own(caller)):
        raise _no_such_document()
    erasure = (await store.find_erasures(db, [document])).get(document)
    asked = [shown(one) for one in await store.list_asked(db, document)]
    body = {"document": document, "erasure": shown(erasure) if erasure else None, "asked": asked}
    return signed_answer(200, orjson.dumps(body), gateway, caller.message)


@router.get("/v1/erasures", tags=["documents"])
async def get_erasures(
    caller: Keeper,
    db: Db,
    gateway: State,
    after: Annotated[str, Query(pattern=r"^(sha256:[0-9a-f]{64})?$", description="the `next` of the last page")] = "",
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
) -> Response:
    """Every document that was erased, and by which order; in the order of their digests."""
    found = await store.list_erasures(db, after, limit)
    last = found[-1].asked.order.document if len(found) == limit else None
    return signed_answer(
        200, orjson.dumps({"items": [shown(one) for one in found], "next": last}), gateway, caller.message
    )


def shown(told: Asked | Erasure) -> dict[str, Any]:
    """What was asked for, and what came of it, as everybody sees it."""
    asked = told.asked if isinstance(told, Erasure) else told
    order = asked.order
    plain: dict[str, Any] = {
        "document": order.document,
        "status": "proposed",
        "ground": order.ground,
        "order_no": order.order_no,
        "ordered_by": order.ordered_by,
        "ordered_on": order.ordered_on.isoformat(),
        "proposal": order.id,
        "proposed_by": asked.by.keyid,
        "proposed_at": as_json(asked.at),
    }
    if isinstance(told, Erasure):
        plain |= {
            "status": "erased",
            "approved_by": told.by.keyid,
            "erased_at": as_json(told.at),
            "leaf_index": told.leaf_index,
        }
    return plain


def _own(caller: Caller) -> str | None:
    return caller.participant.code if caller.participant.role == "insurer" else None


def _no_such_document() -> NotFound:
    return NotFound("there is no such document", detail_zh="没有此文件")
