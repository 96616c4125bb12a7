"""HTTP of searching: premiums by what people know of them."""

from typing import Annotated, Any, Literal

import orjson
from fastapi import APIRouter, Query
from starlette.responses import Response

from gateway.access.log import count_insurers, note_accesses
from gateway.answers import signed_answer
from gateway.params import AnyCaller, Db, State, scoped
from gateway.problems import BadRequest
from gateway.search.cursor import NoCursor, read_cursor, write_cursor
from gateway.search.events.routes import router as events_router
from gateway.search.find import Asked, find_premiums
from gateway.search.operation.routes import router as operation_router
from gateway.search.store import Found, Place

router = APIRouter()

_KIND = "premium-search"
Words = Annotated[str | None, Query(min_length=1, max_length=100, pattern=r"^[^\x00]*$")]
InsurerCode = Annotated[str | None, Query(pattern=r"^[0-9A-Z][0-9A-Z-]{1,31}$", description="insurer code")]


@router.get("/v1/premiums", tags=["premiums"])
async def search_premiums(
    caller: AnyCaller,
    db: Db,
    gateway: State,
    q: Words = None,
    enterprise: Words = None,
    product: Words = None,
    policy_no: Words = None,
    insurer: InsurerCode = None,
    status: Literal["verified", "held", "refused", "withdrawn"] | None = None,
    after: Annotated[str | None, Query(max_length=300, description="`next` of the last page")] = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
) -> Response:
    """Premiums as they stand now, by insurer and policy number. An insurer finds its own only.

    `q` is any of policy number, enterprise, product, credit code or approval number; with several things asked for all
    have to hold. Names are meant by any part of them, numbers and codes by how they begin. `net_paid` is what may be
    relied on: null where that is not decided. `next` continues; null: there is no more.
    """
    if insurer is not None:
        scoped(caller, insurer)
    own = caller.participant.code if caller.participant.role == "insurer" else insurer
    asked = Asked(q, enterprise, product, policy_no, status)
    found = await find_premiums(db, asked, own, _place(after), limit + 1)
    told: dict[str, Any] = {
        "items": [_item(one) for one in found[:limit]],
        "next": _cursor(found[limit - 1]) if len(found) > limit else None,
    }
    counts = count_insurers(one.insurer for one in found[:limit])
    await note_accesses(db, caller, gateway.clock(), counts, "search")
    return signed_answer(200, orjson.dumps(told), gateway, caller.message)


def _place(after: str | None) -> Place | None:
    try:
        return None if after is None else Place(*read_cursor(after, _KIND, 2))
    except NoCursor as error:
        raise BadRequest("this is no cursor", detail_zh="游标无效", field="after") from error


def _cursor(last: Found) -> str:
    return write_cursor(_KIND, last.insurer, last.policy_no)


def _item(one: Found) -> dict[str, Any]:
    own = f"/v1/insurers/{one.insurer}/policies/{one.policy_no}"
    return {
        "insurer": one.insurer,
        "policy_no": one.policy_no,
        "revision": one.revision,
        "status": one.status,
        "since": one.since,
        "known_at": one.known_at,
        "enterprise": one.enterprise,
        "credit_code": one.credit_code,
        "product": one.product,
        "approval_no": one.approval_no,
        "starts_on": one.starts_on,
        "ends_on": one.ends_on,
        "net_paid": one.net_paid,
        "premium": f"{own}/premium",
    }


router.include_router(events_router)
router.include_router(operation_router)
