"""HTTP of completeness: whether what an insurer pushed is all that it counts itself."""

from datetime import date, timedelta
from typing import Annotated

import orjson
from fastapi import APIRouter, Path, Query
from pydantic import AwareDatetime
from starlette.responses import Response

from gateway.access.log import note_access
from gateway.answers import signed_answer
from gateway.completeness import store
from gateway.completeness.compare import as_json, complete_up_to, is_over, status_of, totals_of
from gateway.completeness.watermark import first_of, start_of
from gateway.params import AnyCaller, Db, State, scoped, settled
from gateway.problems import BadRequest, NotFound
from schemas.calendar import shanghai_day

router = APIRouter()

Insurer = Annotated[str, Path(pattern=r"^[0-9A-Z][0-9A-Z-]{1,31}$", description="insurer code")]
_MOST_DAYS = 366
_USUAL_DAYS = 31
_MOST_NAMED = 1000  # surplus records of a day


@router.get("/v1/insurers/{insurer}/completeness", tags=["completeness"])
async def get_completeness(
    insurer: Insurer,
    caller: AnyCaller,
    db: Db,
    gateway: State,
    first: Annotated[date | None, Query(alias="from", description="first day; default: 31 days up to `to`")] = None,
    last: Annotated[date | None, Query(alias="to", description="last day; default: today in Shanghai")] = None,
    as_of: Annotated[AwareDatetime | None, Query(description="as it was stated and known at this moment")] = None,
) -> Response:
    """Each day's control totals 日结 against what is known of that day, and `complete_up_to`: the last day up to which
    every day is closed and agrees.

    Missing records are counted by type, surplus ones named; what was stated and known earlier stays answerable.
    """
    scoped(caller, insurer)
    if all(one.code != insurer for one in gateway.participants.insurers()):
        raise NotFound(f"there is no insurer {insurer}", detail_zh=f"没有保险机构{insurer}")
    if as_of is not None:
        settled(gateway, as_of)
    today = shanghai_day(as_of or gateway.clock())
    last = last or today
    first = first or max(date.min, last - timedelta(days=_USUAL_DAYS - 1))
    if not 0 <= (last - first).days < _MOST_DAYS:
        raise BadRequest(f"from 1 to {_MOST_DAYS} days", detail_zh=f"请给出1至{_MOST_DAYS}日", field="from")
    closed = await store.list_closed_days(db, insurer, as_of)
    start = start_of(gateway.config.completeness_from, first_of(closed))
    agreeing = {state.day for state in await store.load_states(db, closed, as_of) if status_of(state) == "agrees"}
    asked = [(insurer, first + timedelta(days=place)) for place in range((last - first).days + 1)]
    days = []
    for state in await store.load_states(db, asked, as_of):
        over = [total.type for total in totals_of(state) if state.statement is not None and is_over(total)]
        surplus = {
            kind: await store.list_day_records(db, insurer, state.day, kind, as_of, _MOST_NAMED + 1) for kind in over
        }
        if state.statement is not None or state.known:
            days.append(as_json(state, surplus, _MOST_NAMED))
    await note_access(db, caller, gateway.clock(), insurer, f"days {first} to {last}")
    told = {
        "insurer": insurer,
        "start": start,
        "complete_up_to": complete_up_to(start, agreeing),
        "from": first,
        "to": last,
        "days": days,
    }
    return signed_answer(200, orjson.dumps(told), gateway, caller.message)
