"""HTTP of proposals: a regulator's people hand over what a registry states, look at what it changes, and confirm it."""

import hashlib
from collections.abc import Sequence
from datetime import date
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Path, Query
from starlette.requests import Request
from starlette.responses import Response

from gateway.acts import Person
from gateway.answers import signed_answer
from gateway.catalogue import Catalogue
from gateway.db import Connection
from gateway.entries import problem_entry
from gateway.filing.proposals import store
from gateway.filing.proposals.decide import Outdated, confirm, propose, state_of, withdraw
from gateway.filing.proposals.differences import CHANGES
from gateway.filing.proposals.preview import Preview, preview
from gateway.filing.proposals.store import Proposal
from gateway.filing.push import Push
from gateway.filing.store import Superseded
from gateway.params import Db, Keeper, Regulator, SignedRegulator, State, as_signed, media_type_of
from gateway.problems import Conflict, Language, NotFound, file_refused, language_of, superseded
from gateway.state import Gateway
from schemas.canonical import as_json
from schemas.verification import Check, Outcome

router = APIRouter()

Id = Annotated[str, Path(pattern=r"^[0-9a-f]{64}$", description="the proposal's id: SHA-256 in lower-case hex")]
After = Annotated[str, Query(max_length=24, description="the last registration number of the page before")]
Limit = Annotated[int, Query(ge=1, le=1000, description="how many differences are listed at most")]


@router.post("/v1/filings/proposals", tags=["filings"], status_code=201)
async def post_proposal(
    request: Request,
    caller: Regulator,
    db: Db,
    gateway: State,
    registry: Annotated[
        str | None, Query(min_length=1, max_length=300, description="登记机构: whose statement")
    ] = None,
    as_of: Annotated[date | None, Query(description="截止日期: as of which day it speaks")] = None,
    whole: Annotated[bool | None, Query(description="whether the file is all that the registry states")] = None,
    dry_run: Annotated[bool, Query(description="only show what it would change; keep nothing")] = False,
    limit: Limit = 200,
) -> Response:
    """Propose that a registry states what this file says: CSV, XLSX, or JSON, as for `PUT /v1/filings`.

    201 with every difference against what is known, and the id by which another person confirms it; 200 if just this is
    proposed already; 422 with every problem, each with its row and column, if the file cannot count. Nothing changes
    until it is confirmed. With `dry_run` the answer is 200 in any case, with differences or `problems`, and nothing is
    kept; a session will do.
    """
    pushed = Push(
        data=caller.body,
        media_type=media_type_of(request),
        sender=caller.participant.code,
        proof={} if dry_run else as_signed(caller).proof(),
        registry=registry,
        as_of=as_of,
        whole=whole,
    )
    insurers = gateway.participants.insurers()
    if dry_run:
        found = await preview(db, pushed, insurers, gateway.clock())
        body = _preview(found, pushed, limit, gateway.catalogue, language_of(request))
        return signed_answer(200, orjson.dumps(body), gateway, caller.message)
    done = await propose(db, pushed, as_signed(caller).acting, insurers, gateway.clock())
    if isinstance(done, Preview):
        raise file_refused(done.problems)
    proposal, is_new = done
    body = await _detail(db, proposal, "", limit, gateway.catalogue, language_of(request))
    location = {"location": f"/v1/filings/proposals/{_hex(proposal)}"}
    return signed_answer(201 if is_new else 200, orjson.dumps(body), gateway, caller.message, location)


@router.get("/v1/filings/proposals", tags=["filings"])
async def get_proposals(
    request: Request,
    caller: Keeper,
    db: Db,
    gateway: State,
    only_open: Annotated[bool, Query(description="leave out what is effective, withdrawn or superseded")] = False,
    after: Annotated[int | None, Query(ge=1, description="`next` of the page before")] = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 50,
) -> Response:
    """The proposals, newest first, with how much each of them changes, and what a source's answer is held for."""
    found = await store.list_proposals(db, after, limit, only_open=only_open)
    bases = {one.registry: "" for one in found if one.end is None}
    for name in bases:
        bases[name] = await store.base_of(db, name)
    told = gateway.catalogue, language_of(request)
    items = [_as_json(one, bases.get(one.registry), *told) for one in found]
    body = {"items": items, "next": found[-1].seq if len(found) == limit else None}
    return signed_answer(200, orjson.dumps(body), gateway, caller.message)


@router.get("/v1/filings/proposals/{identity}", tags=["filings"])
async def get_proposal(
    request: Request, identity: Id, caller: Keeper, db: Db, gateway: State, after: After = "", limit: Limit = 200
) -> Response:
    """One proposal with its differences, behind the number `after`, and what came of it.

    They are those that were shown when it was proposed: if the registry has changed since, `state` is `outdated`, and
    it cannot be confirmed any more.
    """
    proposal = await _find(db, identity)
    body = await _detail(db, proposal, after, limit, gateway.catalogue, language_of(request))
    return signed_answer(200, orjson.dumps(body), gateway, caller.message)


@router.post("/v1/filings/proposals/{identity}/confirmation", tags=["filings"], status_code=201)
async def post_confirmation(
    request: Request, identity: Id, caller: SignedRegulator, db: Db, gateway: State
) -> Response:
    """Confirm a proposal as another person than who proposed it: it is effective at once, and stands in the log.

    The signed address names the proposal, and thereby the file and the state that it changes; there is no body. 201 if
    it is effective, 202 if one more person has to confirm a source's answer, 200 if it was effective before. 409 with
    the new differences if the registry has changed since: propose the file again.
    """
    await _find(db, identity)
    insurers = gateway.participants.insurers()
    try:
        proposal, is_new = await confirm(
            db, f"sha256:{identity}", caller.acting, insurers, gateway.clock, gateway.config.log_origin
        )
    except Outdated as error:
        raise await _outdated(db, gateway, identity, error, language_of(request)) from error
    except Superseded as error:
        raise superseded(error) from error
    status = 202 if proposal.end is None else 201 if is_new else 200
    body = await _detail(db, proposal, "", 200, gateway.catalogue, language_of(request))
    return signed_answer(status, orjson.dumps(body), gateway, caller.message)


@router.post("/v1/filings/proposals/{identity}/withdrawal", tags=["filings"])
async def post_withdrawal(request: Request, identity: Id, caller: SignedRegulator, db: Db, gateway: State) -> Response:
    """Take a proposal back, or turn it down. It stays to be seen, and is never effective."""
    await _find(db, identity)
    proposal, _ = await withdraw(db, f"sha256:{identity}", caller.acting, gateway.clock())
    body = _as_json(proposal, None, gateway.catalogue, language_of(request))
    return signed_answer(200, orjson.dumps(body), gateway, caller.message)


async def _find(db: Connection, identity: str) -> Proposal:
    found = await store.find(db, f"sha256:{identity}")
    if found is None:
        raise NotFound("there is no such proposal", detail_zh="没有此提议")
    return found


async def _outdated(db: Connection, gateway: Gateway, identity: str, error: Outdated, language: Language) -> Conflict:
    """The refusal of a confirmation, with what the file would change now."""
    proposal = await _find(db, identity)
    data, _ = await store.find_bytes(db, proposal.id)
    pushed = Push(
        data, proposal.media_type, proposal.participant, {}, proposal.registry, proposal.as_of, proposal.whole
    )
    now = await preview(db, pushed, gateway.participants.insurers(), gateway.clock())
    return Conflict(
        "the registry has changed since this was proposed",
        detail_zh="提出之后登记数据已经变化",
        checks=error.checks,
        now=_preview(now, pushed, 200, gateway.catalogue, language),
    )


async def _detail(
    db: Connection, proposal: Proposal, after: str, limit: int, catalogue: Catalogue, language: Language
) -> dict[str, Any]:
    base = await store.base_of(db, proposal.registry) if proposal.end is None else None
    rows = await store.list_differences(db, proposal.id, after, limit)
    return _as_json(proposal, base, catalogue, language) | _listed(rows, limit) | {"problems": []}


def _preview(found: Preview, pushed: Push, limit: int, catalogue: Catalogue, language: Language) -> dict[str, Any]:
    source = found.file.source
    rows = [{"change": one.change, **one.as_json()} for one in found.differences.listed[:limit]]
    return {
        "id": None,
        "state": "preview",
        "registry": source.registry if source else None,
        "as_of": str(source.as_of) if source else None,
        "whole": found.whole,
        "count": len(found.file.filings),
        "base": found.base or None,
        "counts": found.differences.counts(),
        "file": {"digest": f"sha256:{hashlib.sha256(pushed.data).hexdigest()}", "media_type": pushed.media_type},
        **_listed(rows, limit),
        "problems": [
            problem_entry(check, catalogue, language)
            for check in (*found.problems, found.news)
            if check.outcome is not Outcome.PASSED
        ],
    }


def _listed(rows: Sequence[dict[str, Any]], limit: int) -> dict[str, Any]:
    """A page of differences by their kind; `next` is where it goes on."""
    kinds: dict[str, Any] = {kind: [_bare(row) for row in rows if row["change"] == kind] for kind in CHANGES}
    return {**kinds, "next": rows[-1]["registration_no"] if len(rows) == limit else None}


def _bare(row: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name != "change"}


def _as_json(one: Proposal, base: str | None, catalogue: Catalogue, language: Language) -> dict[str, Any]:
    end = one.end
    return {
        "id": _hex(one),
        "number": one.seq,
        "state": state_of(one, base),
        "registry": one.registry,
        "as_of": str(one.as_of),
        "whole": one.whole,
        "count": one.count,
        "base": one.base,
        "counts": one.counts,
        "file": {"digest": one.digest, "media_type": one.media_type, "size": one.size},
        "proposed_at": as_json(one.proposed_at),
        "proposed_by": _person(one.by) if one.by else None,
        "source": one.source,
        "held_for": [problem_entry(Check.model_validate(why), catalogue, language) for why in one.why],
        "confirmations": [{"at": as_json(yes.at), **_person(yes.by)} for yes in one.confirmations],
        "needs": one.needs - len(one.confirmations) if end is None else 0,
        "outcome": None
        if end is None
        else {
            "is": end.outcome,
            "at": as_json(end.at),
            "by": _person(end.by) if end.by else None,
            "leaf_index": end.leaf_index,
        },
    }


def _person(one: Person) -> dict[str, Any]:
    return {"participant": one.participant, "keyid": one.keyid, "holder": one.holder}


def _hex(one: Proposal) -> str:
    return one.id.removeprefix("sha256:")
