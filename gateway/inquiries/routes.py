"""HTTP of inquiries: an authority asks, the insurer answers, the authority closes."""

from typing import Annotated, Any, Literal, TypeVar

import orjson
from fastapi import APIRouter, Path, Query
from starlette.responses import Response

from gateway.access.log import count_insurers, note_access, note_accesses
from gateway.answers import signed_answer
from gateway.inquiries import store
from gateway.inquiries.inquire import Signed, answer, ask, close
from gateway.inquiries.store import Asked, Step
from gateway.inquiries.told import told_inquiry, told_steps
from gateway.params import AnyCaller, Caller, Db, SignedAuthority, SignedCaller, SignedInsurer, State, read_noun, scoped
from gateway.problems import NotFound
from gateway.state import Gateway
from schemas.base import Noun
from schemas.calendar import shanghai_day
from schemas.inquiry import Closing, Question, Reply

router = APIRouter()

InquiryId = Annotated[str, Path(pattern=r"^Q[0-9a-f]{32}$", description="id of the inquiry")]
N = TypeVar("N", bound=Noun)


@router.post("/v1/inquiries", tags=["inquiries"], status_code=201)
async def post_inquiry(caller: SignedAuthority, db: Db, gateway: State) -> Response:
    """Ask an insurer about a premium or, as a regulator, about a message: `{"subject", "question", "due_on"?}`.

    201 with the inquiry; 200 if it was asked before in the same bytes; 422 with everything that speaks against it.
    """
    question = read_noun(Question, caller.body)
    inquiry, is_new = await ask(db, question, _signed(caller, gateway), gateway.config.log_origin)
    return await _tell(inquiry, caller, db, gateway, 201 if is_new else 200)


@router.get("/v1/inquiries", tags=["inquiries"])
async def get_inquiries(
    caller: AnyCaller,
    db: Db,
    gateway: State,
    status: Literal["open", "answered", "closed"] | None = None,
    overdue: Annotated[bool, Query(description="only those that are overdue now")] = False,
    insurer: Annotated[str | None, Query(pattern=r"^[0-9A-Z][0-9A-Z-]{1,31}$", description="insurer code")] = None,
    subject: Annotated[str | None, Query(max_length=100, pattern=r"^[ -~]+$", description="what it is about")] = None,
    after: Annotated[str | None, Query(pattern=r"^[0-9]{1,18}$", description="`next` of the last page")] = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
) -> Response:
    """Inquiries, the latest first. An insurer sees those that it is asked, the subsidy system those that it asked."""
    if insurer is not None:
        scoped(caller, insurer)
    role, own = caller.participant.role, caller.participant.code
    now = gateway.clock()
    asked = Asked(
        insurer=own if role == "insurer" else insurer,
        asker=own if role == "subsidy_system" else None,
        subject=subject,
        standing=status,
        overdue_on=shanghai_day(now) if overdue else None,
    )
    found = await store.list_inquiries(db, asked, None if after is None else int(after), limit + 1)
    steps = await store.list_steps(db, [inquiry for inquiry, _ in found[:limit]])
    told = [told_inquiry(steps[inquiry], now) for inquiry, _ in found[:limit]]
    await note_accesses(db, caller, now, count_insurers(one["insurer"] for one in told), "inquiries")
    body: dict[str, Any] = {"items": told, "next": str(found[limit - 1][1]) if len(found) > limit else None}
    return signed_answer(200, orjson.dumps(body), gateway, caller.message)


@router.get("/v1/inquiries/{inquiry_id}", tags=["inquiries"])
async def get_inquiry(inquiry_id: InquiryId, caller: AnyCaller, db: Db, gateway: State) -> Response:
    """One inquiry with every step as it was signed, and its leaves in the log."""
    return await _tell(inquiry_id, caller, db, gateway, 200)


@router.post("/v1/inquiries/{inquiry_id}/answer", tags=["inquiries"], status_code=201)
async def post_answer(inquiry_id: InquiryId, caller: SignedInsurer, db: Db, gateway: State) -> Response:
    """Answer, as the insurer that is asked: `{"text", "documents"?: [digest…]}`; more than once, until it is closed.

    The documents were handed in before. 200 if it was answered before in the same bytes.
    """
    reply = read_noun(Reply, caller.body)
    steps = await _find(inquiry_id, caller, db)
    is_new = await answer(db, steps, reply, _signed(caller, gateway), gateway.config.log_origin)
    return await _tell(inquiry_id, caller, db, gateway, 201 if is_new else 200)


@router.post("/v1/inquiries/{inquiry_id}/close", tags=["inquiries"], status_code=201)
async def post_close(inquiry_id: InquiryId, caller: SignedAuthority, db: Db, gateway: State) -> Response:
    """Close, as the authority that asked, or as a regulator: `{"outcome", "reason"}`."""
    read_noun(Closing, caller.body)
    steps = await _find(inquiry_id, caller, db)
    is_new = await close(db, steps, _signed(caller, gateway), gateway.config.log_origin)
    return await _tell(inquiry_id, caller, db, gateway, 201 if is_new else 200)


def _signed(caller: SignedCaller, gateway: Gateway) -> Signed:
    return Signed(caller.participant, caller.signature.keyid, caller.body, caller.proof(), gateway.clock())


async def _find(inquiry: str, caller: Caller, db: Db) -> list[Step]:
    """The steps of the inquiry, if the caller may know of it. What concerns others is not there."""
    steps = (await store.list_steps(db, [inquiry])).get(inquiry)
    if not steps or not _may_see(caller, steps[0]):
        raise NotFound("there is no such inquiry", detail_zh="没有此问询")
    return steps


def _may_see(caller: Caller, first: Step) -> bool:
    role, own = caller.participant.role, caller.participant.code
    if role == "insurer":
        return first.insurer == own
    return role != "subsidy_system" or first.participant == own


async def _tell(inquiry: str, caller: Caller, db: Db, gateway: Gateway, status: int) -> Response:
    steps = await _find(inquiry, caller, db)
    now = gateway.clock()
    if len(steps) > 1 or status == 200:  # who has just asked is told nothing but the question
        await note_access(db, caller, now, steps[0].insurer, f"inquiry {inquiry}")
    told = told_inquiry(steps, now) | {"steps": told_steps(steps)}
    headers = {"location": f"/v1/inquiries/{inquiry}"} if status == 201 else None
    return signed_answer(status, orjson.dumps(told), gateway, caller.message, headers)
