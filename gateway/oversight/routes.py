"""HTTP of oversight: what regulators count, and the policies behind each number. Every answer is signed.

Answers carry ids; what a rule or reason is called in both languages stands in `GET /v1/rules`.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import date, datetime
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Depends, Query
from pydantic import AwareDatetime
from starlette.requests import Request
from starlette.responses import Response

from gateway.access.log import count_insurers, note_accesses
from gateway.answers import signed_answer
from gateway.filing.registry import FilingRegistry
from gateway.filing.store import list_history, load
from gateway.oversight import store
from gateway.oversight.clauses import items_of
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
from gateway.oversight.conduct import load_conduct
from gateway.oversight.drill import facts_of, item_of
from gateway.oversight.duties import check_duties
from gateway.oversight.freshness import freshness
from gateway.oversight.late import late_filings
from gateway.params import Caller, Db, Keeper, State, settled
from gateway.problems import BadRequest, NotFound
from gateway.state import Gateway
from schemas.calendar import load_calendar, shanghai_day
from schemas.canonical import as_json

router = APIRouter(prefix="/v1/oversight", tags=["oversight"])

InsurerParameter = Annotated[str | None, Query(pattern=r"^[0-9A-Z][0-9A-Z-]{1,31}$", description="insurer code")]
LineParameter = Annotated[str | None, Query(pattern=r"^[a-z_]{1,40}$", description="险种; none: that state none")]
ClauseParameter = Annotated[
    str | None,
    Query(pattern=r"^(none|C[0-9]{6}3[0-9]{2}[12][0-9]{13})$", description="条款注册号; none: that state none"),
]
Moment = Annotated[AwareDatetime | None, Query(description="as it was known at this moment")]
_FIRST_YEAR, _LAST_YEAR = 1990, 2100
Limit = Annotated[int, Query(ge=1, le=1000)]
After = Annotated[str, Query(max_length=100, description="`next` of the page before")]


async def _period(
    gateway: State,
    insurer: InsurerParameter = None,
    line: LineParameter = None,
    clause: ClauseParameter = None,
    first: Annotated[date | None, Query(alias="from", description="签单日期 signed on this day or later")] = None,
    last: Annotated[date | None, Query(alias="to", description="signed on this day or earlier")] = None,
    unsigned: Annotated[bool, Query(description="无签单日期 only those without a day of signing")] = False,
    as_of: Moment = None,
) -> Wanted:
    """Which policies are asked about."""
    asked = _asked(gateway, as_of)
    if first is not None and last is not None and last < first:
        raise BadRequest("the period ends before it begins", detail_zh="期间的止日早于起日", field="to")
    for name, day in (("from", first), ("to", last)):
        if day is not None and not _FIRST_YEAR <= day.year <= _LAST_YEAR:
            raise BadRequest("no policy was signed then", detail_zh="该日期超出范围", field=name)
    line, clause = ("" if one == "none" else one for one in (line, clause))
    return replace(asked, insurer=insurer, line=line, clause=clause, first=first, last=last, unsigned=unsigned)


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
    counts = count_insurers(one["insurer"] for one in items)
    await note_accesses(db, caller, gateway.clock(), counts, "policies of the board")
    body = {"as_of": _moment(gateway, asked), "items": items, "next": following}
    return signed_answer(200, orjson.dumps(body), gateway, caller.message)


@router.get("/freshness")
async def get_freshness(caller: Keeper, db: Db, gateway: State, as_of: Moment = None) -> Response:
    """As of which day each source of each registry spoke last, its age, and whether it is too old to rest on.

    A registry that the configuration requires and that never spoke is stale.
    """
    asked = _asked(gateway, as_of)
    body = {"as_of": _moment(gateway, asked), "items": await _freshness(db, gateway, asked), "next": None}
    return signed_answer(200, orjson.dumps(body), gateway, caller.message)


@router.get("/clauses")
async def get_clauses(
    caller: Keeper,
    asked: Asked,
    db: Db,
    gateway: State,
    kind: Annotated[Kind, Query(description="未备案 unfiled, or 停用 not in use on the day of signing")] = "unfiled",
    after: After = "",
    limit: Annotated[int, Query(ge=1, le=200)] = 100,
) -> Response:
    """Unfiled or stopped clauses in use: which, how many policies, signed from when to when, and the registry's word.

    A clause is one that FL-1 (`unfiled`) or FL-2 (`stopped`) finds to fail, in the latest revision of each policy;
    `reasons` counts why. Its policies are those of `GET /v1/oversight/policies` with `insurer`, `clause` and `kind`.
    """
    found = await store.list_clauses(db, replace(asked, kind=kind), _cursor(after), limit + 1)
    at = asked.as_of or gateway.clock()
    stated = {use.clause: await list_history(db, use.clause) for use in found}
    items = items_of(kind, found, stated, at)
    following = f"{items[limit - 1]['insurer']}/{items[limit - 1]['clause']}" if len(items) > limit else None
    body = {"as_of": _moment(gateway, asked), "items": items[:limit], "next": following}
    return signed_answer(200, orjson.dumps(body), gateway, caller.message)


@router.get("/late-filings")
async def get_late_filings(
    request: Request,
    caller: Keeper,
    db: Db,
    gateway: State,
    insurer: InsurerParameter = None,
    as_of: Moment = None,
    after: After = "",
    limit: Limit = 200,
) -> Response:
    """逾期备案: filings that were not completed within ten working days of the clause's first use, 调休 counted.

    `failed` is late, `indeterminate` what is not due yet or cannot be counted. `policies` were signed with the clause
    before it was registered and in use. `first_use_unknown` counts filings whose first use no registry states.
    """
    asked = _asked(gateway, as_of)
    today = shanghai_day(asked.as_of or gateway.clock())
    registry = await _registry(request, db, asked)
    insurers = [insurer] if insurer else [one.code for one in gateway.participants.insurers()]
    age = gateway.config.registry_max_age_days
    late, unknown = await asyncio.to_thread(late_filings, registry, insurers, today, age, load_calendar())
    begin = _cursor(after)
    page = [one for one in late if (one.filing.insurer, one.filing.registration_no) > begin][: limit + 1]
    keys = [(one.filing.insurer, one.filing.registration_no, one.completed_on) for one in page]
    signed = await store.count_signed(db, asked.as_of, keys)
    items = [one.as_json(*signed.get(key[:2], (0, None, None))) for one, key in zip(page, keys, strict=True)][:limit]
    body = {
        "as_of": _moment(gateway, asked),
        "items": items,
        "first_use_unknown": unknown,
        "next": "/".join(keys[limit - 1][:2]) if len(page) > limit else None,
    }
    return signed_answer(200, orjson.dumps(body), gateway, caller.message)


@router.get("/rates")
async def get_rates(
    caller: Keeper, asked: Asked, db: Db, gateway: State, after: After = "", limit: Limit = 200
) -> Response:
    """费率超出备案区间: policies whose rate lies outside the filed band (FL-6), with the rate and the bands."""
    return await _differing(caller, asked, db, gateway, "FL-6", after, limit)


@router.get("/texts")
async def get_texts(
    caller: Keeper, asked: Asked, db: Db, gateway: State, after: After = "", limit: Limit = 200
) -> Response:
    """条款文本不一致: policies that carry another clause text than the filed one (FL-7), with both digests."""
    return await _differing(caller, asked, db, gateway, "FL-7", after, limit)


@router.get("/duties")
async def get_duties(
    request: Request,
    caller: Keeper,
    db: Db,
    gateway: State,
    insurer: InsurerParameter = None,
    as_of: Moment = None,
) -> Response:
    """R-ZJ-24: the duties of each insurer, with what the data says; indeterminate where nobody sends the data."""
    asked = _asked(gateway, as_of)
    insurers = [one for one in gateway.participants.insurers() if insurer in (None, one.code)]
    if not insurers:
        raise NotFound(f"there is no insurer {insurer}", detail_zh=f"没有保险机构{insurer}")
    today = shanghai_day(asked.as_of or gateway.clock())
    registry = await _registry(request, db, asked)
    known = await load_conduct(db, [one.code for one in insurers], asked.as_of, gateway.config.completeness_from)
    age = gateway.config.registry_max_age_days
    items = [
        {
            "insurer": one.code,
            "name": one.name,
            "rule": "R-ZJ-24",
            "duties": [as_json(check) for check in check_duties(one.code, known[one.code], registry, today, age)],
        }
        for one in insurers
    ]
    body = {"as_of": _moment(gateway, asked), "items": items, "next": None}
    return signed_answer(200, orjson.dumps(body), gateway, caller.message)


async def _differing(
    caller: Caller, asked: Wanted, db: Db, gateway: Gateway, check: CheckName, after: str, limit: int
) -> Response:
    """The policies whose check failed, with the facts on which this rests."""
    wanted = replace(asked, check=check, outcome="failed")
    items, following = await _page(db, wanted, after, limit, facts=check)
    counts = count_insurers(one["insurer"] for one in items)
    await note_accesses(db, caller, gateway.clock(), counts, f"policies whose {check} failed")
    total = total_of(await store.count(db, wanted, None))["policies"]
    body = {"as_of": _moment(gateway, asked), "check": check, "items": items, "next": following, "policies": total}
    return signed_answer(200, orjson.dumps(body), gateway, caller.message)


def _narrowed(
    asked: Wanted, check: CheckName | None, outcome: Answer | None, status: PremiumStatus | None, kind: Kind | None
) -> Wanted:
    if (check is None) != (outcome is None):
        raise BadRequest("say check and outcome together", detail_zh="check与outcome须一并给出", field="check")
    if kind is not None and asked.clause is None:
        raise BadRequest("kind asks about a clause", detail_zh="kind须与clause一并给出", field="kind")
    return replace(asked, check=check, outcome=outcome, status=status, kind=kind)


async def _page(
    db: Db, wanted: Wanted, after: str, limit: int, facts: CheckName | None = None
) -> tuple[list[dict[str, Any]], str | None]:
    """The policies of a page, and where the next one begins; with the facts of one check, if one is named."""
    found = await store.list_policies(db, wanted, _cursor(after), limit + 1)
    page = found[:limit]
    bodies = await store.load_bodies(db, [one.position for one in page])
    items = [item_of(one, bodies[one.position]) for one in page]
    if facts is not None:
        items = [item | {"facts": facts_of(bodies[one.position], facts)} for one, item in zip(page, items, strict=True)]
    return items, f"{page[-1].insurer}/{page[-1].policy_no}" if len(found) > limit else None


def _cursor(after: str) -> tuple[str, str]:
    insurer, slash, number = after.partition("/")
    if after and not (slash and insurer and number and after.isascii() and after.isprintable()):
        raise BadRequest("this is no cursor", detail_zh="游标无效", field="after")
    return insurer, number


def _asked(gateway: Gateway, as_of: datetime | None) -> Wanted:
    """Everything, as it was known at that moment. Raises `BadRequest` if that may still change."""
    if as_of is not None:
        settled(gateway, as_of)
        if as_of.year < _FIRST_YEAR:
            raise BadRequest("nothing was known then", detail_zh="该时点尚无数据", field="as_of")
    return Wanted(as_of=as_of)


async def _registry(request: Request, db: Db, asked: Wanted) -> FilingRegistry:
    """What registries stated, as it was known; of the present what the process keeps anyway."""
    if asked.as_of is not None:
        return await load(db, asked.as_of)
    current: Callable[[Db], Awaitable[FilingRegistry]] = request.app.state.judges.registry
    return await current(db)


async def _freshness(db: Db, gateway: Gateway, asked: Wanted) -> list[dict[str, Any]]:
    config = gateway.config
    today = shanghai_day(asked.as_of or gateway.clock())
    required = ("filings", *config.required_registries)
    return freshness(await store.list_sources(db, asked.as_of), today, config.registry_max_age_days, required)


def _row_key(row: dict[str, Any]) -> str:
    return f"{row['key'] or ''}/{row.get('insurer', '')}"


def _moment(gateway: Gateway, asked: Wanted) -> str:
    return (asked.as_of or gateway.clock()).isoformat()
