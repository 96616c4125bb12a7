"""HTTP of cards: a day's feedback, a month's card, and all insurers' numbers side by side."""

import asyncio
from collections.abc import Callable, Mapping
from datetime import date, datetime
from typing import Annotated, Any, Literal

import orjson
from fastapi import APIRouter, Path, Query
from pydantic import AwareDatetime
from starlette.requests import Request
from starlette.responses import Response

from gateway.access.log import note_access
from gateway.answers import signed_answer
from gateway.cards.issue import NotYet, find_or_make, summary_of
from gateway.cards.paper import as_paper, as_sheet
from gateway.cards.terms import Period, day_of, month_of
from gateway.params import AnyCaller, Caller, Db, Keeper, State, scoped, settled
from gateway.participants import Participant
from gateway.problems import BadRequest, NotFound
from gateway.state import Gateway

router = APIRouter()

Insurer = Annotated[str, Path(pattern=r"^[0-9A-Z][0-9A-Z-]{1,31}$", description="insurer code")]
Month = Annotated[str, Path(pattern=r"^20[0-9]{2}-(0[1-9]|1[0-2])$", description="YYYY-MM")]
Day = Annotated[str, Path(pattern=r"^20[0-9]{2}-[0-9]{2}-[0-9]{2}$", description="YYYY-MM-DD in Shanghai")]
AsOf = Annotated[AwareDatetime | None, Query(description="as it was known at this moment; default: when it is final")]
Form = Annotated[Literal["json", "xlsx", "pdf"] | None, Query(alias="format", description="else by Accept")]
_SHEET = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
_PDF = "application/pdf"
_FORMS: Mapping[str, tuple[str, Callable[[Mapping[str, Any]], bytes]]] = {
    "xlsx": (_SHEET, as_sheet),
    "pdf": (_PDF, as_paper),
}


@router.get("/v1/insurers/{insurer}/cards/daily/{day}", tags=["cards"])
async def get_daily_card(
    request: Request,
    insurer: Insurer,
    day: Day,
    caller: AnyCaller,
    db: Db,
    gateway: State,
    as_of: AsOf = None,
    form: Form = None,
) -> Response:
    """The day's feedback 每日反馈: what was refused or is open, why, in which cell, how to mend it and until when.

    To the insurer itself, regulators and operators. JSON, XLSX or PDF, by Accept or `format`; the same card as of the
    same moment is the same bytes. While the day is under way the card is provisional.
    """
    try:
        period = day_of(date.fromisoformat(day))
    except ValueError as error:
        raise BadRequest("there is no such day", detail_zh="没有此日期", field="day") from error
    return await _card(request, insurer, period, caller, db, gateway, as_of, form)


@router.get("/v1/insurers/{insurer}/cards/monthly/{month}", tags=["cards"])
async def get_monthly_card(
    request: Request,
    insurer: Insurer,
    month: Month,
    caller: AnyCaller,
    db: Db,
    gateway: State,
    as_of: AsOf = None,
    form: Form = None,
) -> Response:
    """The month's card 月度评分卡: timeliness, completeness, refusals, corrections, seals, certificates and keys.

    To the insurer itself, regulators and operators. JSON, XLSX or PDF, by Accept or `format`; the same card as of the
    same moment is the same bytes. Until three days after its month the card is provisional.
    """
    period = month_of(date.fromisoformat(f"{month}-01"))
    return await _card(request, insurer, period, caller, db, gateway, as_of, form)


@router.get("/v1/oversight/cards", tags=["cards"])
async def get_cards(
    caller: Keeper,
    db: Db,
    gateway: State,
    month: Annotated[str, Query(pattern=r"^20[0-9]{2}-(0[1-9]|1[0-2])$", description="YYYY-MM")],
    as_of: AsOf = None,
) -> Response:
    """The numbers of all insurers' cards of a month, side by side."""
    period = month_of(date.fromisoformat(f"{month}-01"))
    _check(gateway, period, as_of)
    told = [
        summary_of(orjson.loads(await _make(db, gateway, insurer, period, as_of)))
        for insurer in gateway.participants.insurers()
    ]
    return signed_answer(200, orjson.dumps({"items": told, "next": None}), gateway, caller.message)


async def _card(
    request: Request,
    insurer: str,
    period: Period,
    caller: Caller,
    db: Db,
    gateway: Gateway,
    as_of: datetime | None,
    form: str | None,
) -> Response:
    scoped(caller, insurer)
    found = gateway.participants.find(insurer)
    if found is None or found.role != "insurer" or caller.participant.role == "subsidy_system":
        raise NotFound("there is no such card", detail_zh="没有此评分卡")
    _check(gateway, period, as_of)
    content = await _make(db, gateway, found, period, as_of)
    await note_access(db, caller, gateway.clock(), insurer, f"card {period.name}")
    form = form or _accepted(request.headers.get("accept", ""))
    if form == "json":
        return signed_answer(200, content, gateway, caller.message)
    media_type, write = _FORMS[form]
    card = orjson.loads(content)
    headers = {"content-disposition": f'attachment; filename="{card["number"]}.{form}"'}
    body = await asyncio.to_thread(write, card)  # a full day takes a second, in which others shall be answered
    return signed_answer(200, body, gateway, caller.message, headers, media_type)


def _check(gateway: Gateway, period: Period, as_of: datetime | None) -> None:
    if as_of is None:
        return
    settled(gateway, as_of)
    if as_of < period.start:
        raise BadRequest("the period had not begun then", detail_zh="该时点期间尚未开始", field="as_of")


async def _make(db: Db, gateway: Gateway, insurer: Participant, period: Period, as_of: datetime | None) -> bytes:
    try:
        return await find_or_make(db, gateway, insurer, period, as_of)
    except NotYet as error:
        raise NotFound("nothing is known of this period yet", detail_zh="该期间尚无数据") from error


def _accepted(accept: str) -> str:
    """The form that Accept asks for: JSON, unless it names one of the others and not JSON before it."""
    for part in accept.split(",")[:20]:
        media_type = part.partition(";")[0].strip().lower()
        if media_type in ("application/json", "*/*"):
            return "json"
        for name, (own, _) in _FORMS.items():
            if media_type == own:
                return name
    return "json"
