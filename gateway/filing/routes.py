"""HTTP of filings: regulators push what registries state; everybody who is registered may ask what is known."""

from datetime import date
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Path, Query
from pydantic import AwareDatetime
from starlette.requests import Request
from starlette.responses import Response

from gateway.answers import signed_answer
from gateway.filing import store
from gateway.filing.history import list_steps
from gateway.filing.proposals.routes import router as proposal_routes
from gateway.filing.push import Push, push
from gateway.filing.read import RegistryFile
from gateway.filing.sources.routes import router as source_routes
from gateway.filing.store import Statement, Superseded
from gateway.params import AnyCaller, Caller, Db, SignedRegulator, State, media_type_of, scoped, settled
from gateway.problems import Forbidden, NotFound, file_refused, superseded
from schemas.canonical import as_json

router = APIRouter()
# Before the routes of a number, which would take these words for one.
router.include_router(proposal_routes)
router.include_router(source_routes)

InsurerParameter = Annotated[
    str | None, Query(pattern=r"^[0-9A-Z][0-9A-Z-]{1,31}$", description="insurer code; without it, all that is yours")
]
Number = Annotated[str, Path(pattern=r"^C[0-9]{6}3[0-9]{2}[12][0-9]{13}$", description="条款注册号")]
Moment = Annotated[AwareDatetime | None, Query(description="as it was known at this moment")]


@router.put("/v1/filings", tags=["filings"])
async def put_filings(
    request: Request,
    caller: SignedRegulator,
    db: Db,
    gateway: State,
    registry: Annotated[
        str | None, Query(min_length=1, max_length=300, description="登记机构: whose statement")
    ] = None,
    as_of: Annotated[date | None, Query(description="截止日期: as of which day it speaks")] = None,
    whole: Annotated[bool | None, Query(description="whether the file is all that the registry states")] = None,
) -> Response:
    """Push what a registry states: its file (CSV, XLSX, or JSON with `filings`), or a JSON array of single statements.

    All or nothing: with a problem anywhere nothing is taken, and every problem is told with its row and column. A
    registry's file is all that it states: a number that is no longer in it is no longer stated. `registry` and `as_of`
    are needed where the file does not say them. An empty list is taken only with `whole=true`. The same push again
    changes nothing and is answered alike. It is for the key of a registry's system: a person's key, which has a holder,
    proposes (`POST /v1/filings/proposals`), and if the configuration asks for two people, every key does.
    """
    if caller.key.holder is not None or gateway.config.filing_two_people:
        raise Forbidden(
            "two people decide on this: propose the file, and let another person confirm it",
            detail_zh="须由两人决定：请提出该文件，再由另一人确认",
        )
    pushed = Push(
        data=caller.body,
        media_type=media_type_of(request),
        sender=caller.participant.code,
        proof=caller.proof(),
        registry=registry,
        as_of=as_of,
        whole=whole,
    )
    try:
        done = await push(
            db,
            pushed,
            insurers=gateway.participants.insurers(),
            at=gateway.clock(),
            log_origin=gateway.config.log_origin,
        )
    except Superseded as error:
        raise superseded(error) from error
    if isinstance(done, RegistryFile):
        raise file_refused(done.problems)
    body = {
        "registry": done.source.registry,
        "as_of": str(done.source.as_of),
        "whole": done.is_whole,
        "count": done.count,
        "new": done.recorded.new,
        "superseded": done.recorded.superseded,
        "dropped": done.recorded.dropped,
        "unchanged": done.recorded.unchanged,
        "leaf": as_json(done.leaf) if done.leaf else None,
    }
    return signed_answer(200, orjson.dumps(body), gateway, caller.message)


@router.get("/v1/filings", tags=["filings"])
async def get_filings(
    caller: AnyCaller,
    db: Db,
    gateway: State,
    insurer: InsurerParameter = None,
    as_of: Moment = None,
    after: Annotated[str, Query(max_length=24, description="the last registration number of the page before")] = "",
    limit: Annotated[int, Query(ge=1, le=1000)] = 200,
) -> Response:
    """What is stated about clauses, in the order of their numbers, with the days as of which their sources speak. The
    same for ever with `as_of`."""
    if as_of is not None:
        settled(gateway, as_of)
    found = await store.list_filings(db, own_or(caller, insurer), as_of, after, limit)
    numbers = sorted({one.filing.registration_no for one in found if one.filing is not None})
    wholes = await store.list_wholes(db, as_of)
    body = {
        "filings": [_as_json(one) for one in found],
        "whole_as_of": {whole.registry: str(whole.as_of) for whole in wholes},
        "after": numbers[-1] if len(numbers) == limit else None,
    }
    return signed_answer(200, orjson.dumps(body), gateway, caller.message)


@router.get("/v1/filings/{registration_no}", tags=["filings"])
async def get_filing(
    registration_no: Number, caller: AnyCaller, db: Db, gateway: State, known_at: Moment = None
) -> Response:
    """What each source states about one clause, now or as it was known at a moment, and every statement before it."""
    if known_at is not None:
        settled(gateway, known_at)
    own = own_or(caller, None)
    found = [
        one
        for one in await store.find_statements(db, registration_no, known_at)
        if one.filing is not None and own in (None, one.insurer)
    ]
    history = [one for one in await store.list_history(db, registration_no) if own in (None, one.insurer)]
    if not history or (known_at is not None and not found):
        raise NotFound(f"no source states {registration_no}", detail_zh=f"没有条款{registration_no}的登记数据")
    body = {
        "registration_no": registration_no,
        "statements": [_as_json(one) for one in found],
        "history": [
            {
                "registry": one.registry,
                "known_from": one.known_from.isoformat(),
                "stated": one.filing is not None,
                "digest": one.digest or None,
            }
            for one in history
            if known_at is None or one.known_from <= known_at
        ],
    }
    return signed_answer(200, orjson.dumps(body), gateway, caller.message)


@router.get("/v1/filings/{registration_no}/history", tags=["filings"])
async def get_history(
    registration_no: Number,
    caller: AnyCaller,
    db: Db,
    gateway: State,
    known_at: Moment = None,
    on: Annotated[date | None, Query(description="the state of this day, as each statement has it")] = None,
    after: Annotated[int, Query(ge=0, description="`next` of the page before")] = 0,
    limit: Annotated[int, Query(ge=1, le=1000)] = 200,
) -> Response:
    """Everything that was ever stated about one clause: when it was true (`intervals`, `as_of`), when it was known, by
    which file and sender, who confirmed it, and where the log says it. The same for ever with `known_at`."""
    if known_at is not None:
        settled(gateway, known_at)
    found = await list_steps(db, registration_no, own_or(caller, None), known_at, after, limit)
    if not found and not after:
        raise NotFound(f"no source states {registration_no}", detail_zh=f"没有条款{registration_no}的登记数据")
    body = {
        "registration_no": registration_no,
        # An insurer is not told which people decided on its clauses.
        "items": [one.as_json(on, with_people=caller.participant.role != "insurer") for one in found],
        "next": found[-1].id if len(found) == limit else None,
    }
    return signed_answer(200, orjson.dumps(body), gateway, caller.message)


def own_or(caller: Caller, insurer: str | None) -> str | None:
    """Whose filings the caller reads: an insurer its own, others those they ask for, or all."""
    if insurer is not None:
        scoped(caller, insurer)
        return insurer
    return caller.participant.code if caller.participant.role == "insurer" else None


def _as_json(statement: Statement) -> dict[str, Any]:
    return {
        "known_from": statement.known_from.isoformat(),
        "digest": statement.digest,
        "filing": as_json(statement.filing),
    }
