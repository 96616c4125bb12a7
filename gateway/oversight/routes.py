"""HTTP of oversight: what regulators count, and the policies behind each number. Every answer is signed.

Answers carry ids; what a rule or reason is called in both languages stands in `GET /v1/rules`.
"""

from datetime import date
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Depends, Query
from pydantic import AwareDatetime
from starlette.responses import Response

from gateway.answers import signed_answer
from gateway.oversight import store
from gateway.oversight.compliance import (
    Answer,
    By,
    CheckName,
    Kind,
    PremiumStatus,
    Wanted,
    rows_of,
    total_of,
)
from gateway.oversight.drill import item_of
from gateway.oversight.freshness import freshness
from gateway.params import Db, Keeper, State, settled
from gateway.problems import BadRequest
from gateway.state import Gateway
from schemas.calendar import shanghai_day

router = APIRouter(prefix="/v1/oversight", tags=["oversight"])

InsurerParameter = Annotated[str | None, Query(pattern=r"^[0-9A-Z][0-9A-Z-]{1,31}$", description="insurer code")]
LineParameter = Annotated[str | None, Query(pattern=r"^[a-z_]{1,40}$", description="险种")]
ClauseParameter = Annotated[str | None, Query(pattern=r"^C[0-9]{6}3[0-9]{2}[12][0-9]{13}$", description="条款注册号")]
Moment = Annotated[AwareDatetime | None, Query(description="as it was known at this moment")]
Limit = Annotated[int, Query(ge=1, le=1000)]
After = Annotated[str, Query(max_length=100, description="`next` of the page before")]


async def _period(
    gateway: State,
    insurer: InsurerParameter = None,
    line: LineParameter = None,
    clause: ClauseParameter = None,
    first: Annotated[date | None, Query(alias="from", description="签单日期 signed on this day or later")] = None,
    last: Annotated[date | None, Query(alias="to", description="signed on this day or earlier")] = None,
    as_of: Moment = None,
) -> Wanted:
    """Which policies are asked about."""
    if as_of is not None:
        settled(gateway, as_of)
    if first is not None and last is not None and last < first:
        raise BadRequest("the period ends before it begins", detail_zh="期间的止日早于起日", field="to")
    return Wanted(insurer=insurer, line=line, clause=clause, first=first, last=last, as_of=as_of)


Asked = Annotated[Wanted, Depends(_period)]


@router.get("/compliance")
async def get_compliance(
    caller: Keeper,
    asked: Asked,
    db: Db,
    gateway: State,
    by: Annotated[By, Query(description="what each row is about")] = "insurer",
    after: After = "",
    limit: Limit = 1000,
) -> Response:
    """条款备案合规: policies by status and by what became of FL-1 to FL-7, by insurer, line, clause or month.

    Of each check the four answers add up to `policies`; a check that could not be decided, or did not run, is no pass.
    By clause a policy counts in the row of each of its clauses, with all of its checks; `total` counts it once. Each
    number is that of `GET /v1/oversight/policies` with the same parameters.
    """
    rows = rows_of(by, await store.count(db, asked, by))
    behind = [row for row in rows if _row_key(row) > after] if after else rows
    body = {
        "as_of": _moment(gateway, asked),
        "by": by,
        "rows": behind[:limit],
        "next": _row_key(behind[limit - 1]) if len(behind) > limit else None,
        "total": total_of(await store.count(db, asked, None)),
        "freshness": [one for one in await _freshness(db, gateway, asked) if one["registry"] == "filings"],
    }
    return signed_answer(200, orjson.dumps(body), gateway, caller.message)


@router.get("/policies")
async def get_policies(
    caller: Keeper,
    asked: Asked,
    db: Db,
    gateway: State,
    check: Annotated[CheckName | None, Query(description="with `outcome`: whose check ended like this")] = None,
    outcome: Annotated[Answer | None, Query(description="with `check`")] = None,
    status: Annotated[PremiumStatus | None, Query(description="whose premium has this status")] = None,
    kind: Annotated[Kind | None, Query(description="of whose clauses one is unfiled, or was not in use")] = None,
    after: After = "",
    limit: Limit = 200,
) -> Response:
    """The policies behind a number of the board, by insurer and number, each with its checks, its report and evidence.

    `kind` goes with `clause`: it asks for what FL-1 or FL-2 finds of that clause itself.
    """
    wanted = _narrowed(asked, check, outcome, status, kind)
    items, following = await _page(db, wanted, after, limit)
    body = {"as_of": _moment(gateway, asked), "items": items, "next": following}
    return signed_answer(200, orjson.dumps(body), gateway, caller.message)


@router.get("/freshness")
async def get_freshness(caller: Keeper, db: Db, gateway: State, as_of: Moment = None) -> Response:
    """As of which day each source of each registry spoke last, its age, and whether it is too old to rest on.

    A registry that the configuration requires and that never spoke is stale.
    """
    if as_of is not None:
        settled(gateway, as_of)
    asked = Wanted(as_of=as_of)
    body = {"as_of": _moment(gateway, asked), "items": await _freshness(db, gateway, asked), "next": None}
    return signed_answer(200, orjson.dumps(body), gateway, caller.message)


def _narrowed(
    asked: Wanted, check: CheckName | None, outcome: Answer | None, status: PremiumStatus | None, kind: Kind | None
) -> Wanted:
    if (check is None) != (outcome is None):
        raise BadRequest("say check and outcome together", detail_zh="check与outcome须一并给出", field="check")
    if kind is not None and asked.clause is None:
        raise BadRequest("kind asks about a clause", detail_zh="kind须与clause一并给出", field="kind")
    return Wanted(
        insurer=asked.insurer,
        line=asked.line,
        clause=asked.clause,
        first=asked.first,
        last=asked.last,
        as_of=asked.as_of,
        check=check,
        outcome=outcome,
        status=status,
        kind=kind,
    )


async def _page(db: Db, wanted: Wanted, after: str, limit: int) -> tuple[list[dict[str, Any]], str | None]:
    insurer, slash, policy_no = after.partition("/")
    if after and not (slash and insurer and policy_no):
        raise BadRequest("this is no cursor", detail_zh="游标无效", field="after")
    found = await store.list_policies(db, wanted, (insurer, policy_no), limit + 1)
    page = found[:limit]
    bodies = await store.load_bodies(db, [one.position for one in page])
    items = [item_of(one, bodies[one.position]) for one in page]
    return items, f"{page[-1].insurer}/{page[-1].policy_no}" if len(found) > limit else None


async def _freshness(db: Db, gateway: Gateway, asked: Wanted) -> list[dict[str, Any]]:
    config = gateway.config
    today = shanghai_day(asked.as_of or gateway.clock())
    required = ("filings", *config.required_registries)
    return freshness(await store.list_sources(db, asked.as_of), today, config.registry_max_age_days, required)


def _row_key(row: dict[str, Any]) -> str:
    return f"{row['key'] or ''}/{row.get('insurer', '')}"


def _moment(gateway: Gateway, asked: Wanted) -> str:
    return (asked.as_of or gateway.clock()).isoformat()
