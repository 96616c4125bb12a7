"""HTTP of matching: an application in, what agrees with it out; and the annexes, filled in."""

import asyncio
from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Annotated, Any, Literal

import orjson
from fastapi import APIRouter, Query
from pydantic import AwareDatetime
from starlette.requests import Request
from starlette.responses import Response

from gateway.access.log import count_insurers, note_access, note_accesses
from gateway.answers import signed_answer
from gateway.match import annex, store
from gateway.match.annex import SealedStatement, fill
from gateway.match.fields import ANNEX_1, ANNEX_2, FIELDS
from gateway.match.match import SCHEME, match
from gateway.match.read import Unusable, read_application
from gateway.match.store import Keys, TooMany
from gateway.match.workbook import Sheet, write_workbook
from gateway.params import AnyCaller, Authority, Caller, Db, State, scoped, settled
from gateway.participants import Participants
from gateway.problems import BadRequest, NotFound, Refused, language_of
from gateway.state import Gateway
from schemas.party import folded
from schemas.verification import failed

router = APIRouter()

Form = Annotated[Literal["xlsx", "json"], Query(alias="format")]
_XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
_ORDER = ("region", "enterprise", "product", "approval_no")

Moment = Annotated[AwareDatetime | None, Query(description="as it was known at this moment; default now")]


@router.post("/v1/premiums/match", tags=["premiums"])
async def post_match(
    request: Request,
    caller: Authority,
    db: Db,
    gateway: State,
    as_of: Moment = None,
    scheme: Annotated[str, Query(pattern=r"^[0-9A-Z-]{2,40}$", description="the scheme that is applied for")] = SCHEME,
) -> Response:
    """Hold an application against what is verified: annex 2 附件2, or one annex-1 form 附件1, as XLSX or JSON.

    For each row and field: `agrees`, `agrees-at-precision` (rounded, to the places that are printed), `differs` (both
    values, in the same unit) or `unknown`, with the cell. A row whose premium cannot be told is `unknown` with the
    premiums that it could be. `unmentioned` and `others` tell what the application leaves out. Nothing is kept.
    """
    moment = known_moment(as_of, gateway)
    try:
        application = await asyncio.to_thread(read_application, caller.body)
    except Unusable as unusable:
        raise Refused(
            "the file is no application that can be matched", detail_zh="无法作为申报材料核对", checks=unusable.checks
        ) from unusable
    names = names_of(gateway.participants)
    try:
        answer = await match(db, application, as_of=moment, insurers=names, scheme=scheme)
    except TooMany as error:
        check = failed("application.form", "too-many-premiums", detail=str(error))
        raise Refused(str(error), detail_zh="涉及的保单过多，请分批核对", checks=[check]) from error
    await note_accesses(db, caller, gateway.clock(), count_insurers(_insurers(answer)), "application")
    answer["labels"] = {field.name: field.label for field in FIELDS}
    answer["reasons"] = _reasons(answer, gateway, language_of(request))
    body = await asyncio.to_thread(orjson.dumps, answer)
    return signed_answer(200, body, gateway, caller.message)


@router.get("/v1/annexes/1", tags=["annexes"])
async def get_annex_1(
    caller: AnyCaller,
    db: Db,
    gateway: State,
    insurer: Annotated[str, Query(pattern=r"^[0-9A-Z][0-9A-Z-]{1,31}$", description="insurer code")],
    policy_no: Annotated[str, Query(pattern=r"^[0-9A-Z-]{10,30}$", description="保单号")],
    as_of: Moment = None,
    form: Form = "xlsx",
) -> Response:
    """Annex 1 附件1 of one policy, filled in with what is known, with the insurer's sentence to sign.

    The sentence 我司已收到保费金额…元，保费已全部缴清 stands there only for a verified premium that is paid in full.
    What the gateway does not know is left open and marked. With `as_of` the answer is the same bytes for ever.
    """
    scoped(caller, insurer)
    moment = known_moment(as_of, gateway)
    known = await store.find_known(db, insurer, policy_no, moment)
    if known is None:
        raise NotFound(f"nothing is known of policy {policy_no}", detail_zh=f"没有保单{policy_no}的信息")
    await note_access(db, caller, gateway.clock(), insurer, f"policy {policy_no}")
    found = await store.find_statement(db, known.position)
    statement = SealedStatement(*found) if found else None
    filled = fill(known)
    if form == "json":
        body = {
            "annex": 1,
            "as_of": moment.isoformat(),
            **annex.as_json(filled),
            "open": annex.open_fields(ANNEX_1, filled),
            "statement": annex.statement_of(known),
            "sealed_statement": {"digest": statement.digest, "sealed_by": statement.sealed_by} if statement else None,
        }
        return signed_answer(200, orjson.dumps(body), gateway, caller.message)
    participant = gateway.participants.find(insurer)
    name = participant.name if participant else insurer
    sheet = annex.annex_1(filled, name, statement, moment)
    return _workbook(sheet, f"annex-1-{insurer}-{policy_no}", gateway, caller)


@router.get("/v1/annexes/2", tags=["annexes"])
async def get_annex_2(
    caller: Authority,
    db: Db,
    gateway: State,
    region: Annotated[str, Query(pattern=r"^[0-9]{2}([0-9]{2}){0,2}$", description="33, 3301 or 330108")],
    year: Annotated[int, Query(ge=2000, le=2100, description="the year in which the policies begin")],
    as_of: Moment = None,
    form: Form = "xlsx",
) -> Response:
    """Annex 2 附件2 of a county, a prefecture or the province: the year's verified premiums, in official order.

    Premiums that are not verified are counted below the table, and in JSON also those whose policyholder's region
    nobody stated. With `as_of` the answer is the same bytes for ever.
    """
    moment = known_moment(as_of, gateway)
    try:
        found = await store.find_premiums(db, moment, Keys(region=region, year=year))
    except TooMany as error:
        raise BadRequest(str(error), detail_zh="数量过多，请按市县分别下载", field="region") from error
    # A revision since may say another region or period: what counts is the latest.
    here = [one for one in found if (one.text("region") or "").startswith(region)]
    here = [one for one in here if (one.text("start") or "").startswith(str(year))]
    filled = sorted(
        (fill(one) for one in here if one.status == "verified"),
        key=lambda one: (*(one.values.get(name, "") for name in _ORDER), one.known.insurer, one.known.policy_no),
    )
    told = count_insurers(one.known.insurer for one in filled)
    await note_accesses(db, caller, gateway.clock(), told, f"annex 2 of {region} {year}")
    left_out = dict(Counter(one.status for one in here if one.status != "verified"))
    if form == "json":
        body = {
            "annex": 2,
            "region": region,
            "year": year,
            "as_of": moment.isoformat(),
            "rows": [annex.as_json(one) | {"open": annex.open_fields(ANNEX_2, one)} for one in filled],
            "left_out": left_out,
            "without_region": await store.count_without_region(db, moment, year),
        }
        return signed_answer(200, orjson.dumps(body), gateway, caller.message)
    sheet = await asyncio.to_thread(annex.annex_2, filled, region, year, left_out, moment)
    return _workbook(sheet, f"annex-2-{region}-{year}", gateway, caller)


def _workbook(sheet: Sheet, name: str, gateway: Gateway, caller: Caller) -> Response:
    headers = {"content-disposition": f'attachment; filename="{name}.xlsx"'}
    return signed_answer(200, write_workbook(sheet), gateway, caller.message, headers, _XLSX)


def known_moment(as_of: datetime | None, gateway: Gateway) -> datetime:
    """The moment that is asked about. Raises `BadRequest` on one to come."""
    now = gateway.clock()
    if as_of is not None:
        settled(gateway, as_of)
    return as_of or now


def names_of(participants: Participants) -> Mapping[str, str]:
    """The folded words by which insurers are named: codes and registered names."""
    insurers = participants.insurers()
    return {word: one.code for one in insurers for word in (one.code, folded(one.name))}


def _insurers(answer: Mapping[str, Any]) -> Iterator[str]:
    """The insurer of each premium that the answer tells of, once for each time."""
    for row in answer["rows"]:
        told = [row["premium"]] if row.get("premium") else []
        yield from (one["insurer"] for one in (*told, *row.get("candidates", ())))
    yield from (one["insurer"] for one in answer["others"])


def _reasons(answer: Mapping[str, Any], gateway: Gateway, language: str) -> dict[str, str]:
    """What the reasons in this answer mean, in the caller's language."""
    used = {row["reason"] for row in answer["rows"] if "reason" in row}
    used |= {one["reason"] for row in answer["rows"] for one in row["fields"] if "reason" in one}
    known = {
        slug: text
        for rule in ("application.row", "application.field")
        for slug, text in gateway.catalogue.rules[rule].reasons.items()
    }
    return {slug: known[slug].zh if language == "zh" else known[slug].en for slug in sorted(used) if slug in known}
