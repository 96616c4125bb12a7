"""HTTP of the look-back at rates 费率回溯."""

from collections.abc import Awaitable, Callable
from datetime import date
from decimal import Decimal
from typing import Annotated

import orjson
from fastapi import APIRouter, Query
from pydantic import AwareDatetime
from starlette.requests import Request
from starlette.responses import Response

from gateway.answers import signed_answer
from gateway.filing.registry import FilingRegistry
from gateway.filing.store import load
from gateway.oversight.look_back import store
from gateway.oversight.look_back.bands import CONFIDENCE_PERCENT
from gateway.oversight.look_back.cells import Cell, Corridor, item_of, pooled, rounded
from gateway.oversight.look_back.claims import claims_of
from gateway.params import Db, Keeper, State, settled
from gateway.problems import BadRequest
from schemas.calendar import shanghai_day

router = APIRouter(prefix="/v1/oversight", tags=["oversight"])

_FIRST_YEAR = 1990
_Corridor = Annotated[str, Query(pattern=r"^(0|[1-9][0-9]{0,3})(\.[0-9]{1,4})?$")]


@router.get("/look-back")
async def get_look_back(
    request: Request,
    caller: Keeper,
    db: Db,
    gateway: State,
    insurer: Annotated[str | None, Query(pattern=r"^[0-9A-Z][0-9A-Z-]{1,31}$", description="insurer code")] = None,
    clause: Annotated[str | None, Query(pattern=r"^C[0-9]{6}3[0-9]{2}[12][0-9]{13}$", description="条款注册号")] = None,
    year: Annotated[int | None, Query(ge=_FIRST_YEAR, le=2100, description="default: this year")] = None,
    as_of: Annotated[AwareDatetime | None, Query(description="as it was known at this moment")] = None,
    lowest: Annotated[_Corridor, Query(description="赔付率 %, below which premium exceeds 保本微利")] = "50",
    highest: Annotated[_Corridor, Query(description="赔付率 %, above which claims exceed premium")] = "100",
    outliers: Annotated[bool, Query(description="only clauses that stand out")] = False,
    after: Annotated[str, Query(max_length=100, description="`next` of the page before")] = "",
    limit: Annotated[int, Query(ge=1, le=1000)] = 200,
) -> Response:
    """费率回溯: premium earned and claims of each clause and insurer in a year, the loss ratio with its band, the rate
    that the claims would have needed against the filed band, what stands out, and 保本微利.

    Premium is earned pro rata temporis, exact, and rounded once in each number. Claims are those of `claim_summary`
    records: a later one takes the place of those within its days. The ratio is of the days that they cover. Where
    nothing was reported nothing follows. `pooled_percent` is of all insurers, whichever are asked for.
    """
    if as_of is not None:
        settled(gateway, as_of)
        if as_of.year < _FIRST_YEAR:
            raise BadRequest("nothing was known then", detail_zh="该时点尚无数据", field="as_of")
    corridor = Corridor(Decimal(lowest), Decimal(highest))
    if corridor.highest < corridor.lowest:
        raise BadRequest("the corridor ends below where it begins", detail_zh="区间上限低于下限", field="highest")
    at = as_of or gateway.clock()
    year = year or shanghai_day(at).year
    registry = await _registry(request, db, as_of)
    cells = await _cells(db, as_of, (date(year, 1, 1), date(year, 12, 31)), registry)
    pool = pooled(cells)
    items = [
        item_of(cell, pool, corridor)
        for cell in cells
        if insurer in (None, cell.insurer) and clause in (None, cell.clause) and f"{cell.insurer}/{cell.clause}" > after
    ]
    if outliers:
        items = [one for one in items if one["is_outlier"]]
    last = items[limit - 1] if len(items) > limit else None
    body = {
        "as_of": at.isoformat(),
        "year": year,
        "method": {"confidence_percent": CONFIDENCE_PERCENT, "claims": "compound-poisson", "size": "exponential"},
        "corridor": {"lowest": lowest, "highest": highest},
        "pooled_percent": {basis: rounded(ratio, 2) for basis, ratio in sorted(pool.items())},
        "items": items[:limit],
        "next": f"{last['insurer']}/{last['clause'] or ''}" if last else None,
    }
    return signed_answer(200, orjson.dumps(body), gateway, caller.message)


async def _cells(db: Db, as_of: AwareDatetime | None, year: store.Period, registry: FilingRegistry) -> list[Cell]:
    """Every clause of which premium is earned or claims are reported in the year, by insurer and number."""
    earned = await store.earned(db, as_of, year, None)
    claims = claims_of(await store.list_reported(db, as_of, year), *year)
    asked = [(key, period) for key, found in claims.items() for period in found.covered()]
    covered = await store.earned(db, as_of, year, asked) if asked else {}
    return [
        Cell(
            insurer=key[0],
            clause=key[1],
            earned=earned.get(key),
            claims=claims.get(key),
            covered=covered.get(key),
            filings=[one for one in registry.find(key[1]) if one.insurer == key[0]],
        )
        for key in sorted(earned.keys() | claims.keys())
    ]


async def _registry(request: Request, db: Db, as_of: AwareDatetime | None) -> FilingRegistry:
    if as_of is not None:
        return await load(db, as_of)
    current: Callable[[Db], Awaitable[FilingRegistry]] = request.app.state.judges.registry
    return await current(db)
