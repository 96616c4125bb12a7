"""HTTP of sources: as of which day each registry speaks, whether that is too long ago, and how asking it went."""

from typing import Any

import orjson
from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from gateway.answers import signed_answer
from gateway.config import FilingSource
from gateway.entries import problem_entry
from gateway.filing.proposals import store as proposals
from gateway.filing.sources import store
from gateway.filing.sources.store import Poll, Stating
from gateway.params import Db, Reader, State
from gateway.problems import Language, language_of
from gateway.state import Gateway
from schemas.calendar import shanghai_day
from schemas.canonical import as_json
from schemas.verification import Check

router = APIRouter()


@router.get("/v1/filings/sources", tags=["filings"])
async def get_sources(request: Request, caller: Reader, db: Db, gateway: State) -> Response:
    """Every registry that states filings or is polled for them: day, age, whether it is stale, last success, last
    failure with its reason, how many failures in a row, and the proposal in which its answer is held."""
    language = language_of(request)
    stating = {one.registry: one for one in await store.list_stating(db)}
    polls = await store.list_polls(db)
    sources = {one.registry: one for one in gateway.config.filing_sources}
    items = []
    for registry in sorted(stating.keys() | sources.keys()):
        source = sources.get(registry)
        item = _stating(gateway, registry, stating.get(registry))
        if source is not None:
            held = await proposals.list_held(db, source.name)
            item |= _polled(source, polls.get(source.name), gateway, language)
            item["held"] = held[-1].id.removeprefix("sha256:") if held else None
        items.append(item)
    body = {"at": as_json(gateway.clock()), "max_age_days": gateway.config.registry_max_age_days}
    return signed_answer(200, orjson.dumps(body | {"items": items, "next": None}), gateway, caller.message)


def _stating(gateway: Gateway, registry: str, known: Stating | None) -> dict[str, Any]:
    """As the rules judge it: without a statement of all that it has, with an old one, or one of the future, a registry
    says nothing of today."""
    day = known.as_of if known is not None else None
    age = (shanghai_day(gateway.clock()) - day).days if day is not None else None
    return {
        "registry": registry,
        "kind": "pushed",
        "as_of": str(day) if day is not None else None,
        "age_days": age,
        "stale": age is None or not 0 <= age <= gateway.config.registry_max_age_days,
        "count": known.count if known is not None else None,
        "known_from": as_json(known.known_from) if known is not None else None,
    }


def _polled(source: FilingSource, poll: Poll | None, gateway: Gateway, language: Language) -> dict[str, Any]:
    told: dict[str, Any] = {
        "kind": source.kind,
        "name": source.name,
        "url": source.url.partition("?")[0],
        "signed": not source.unsigned,
        "interval_seconds": source.interval_seconds,
    }
    if poll is None:
        return told | {"last_success": None, "last_failure": None, "failures": 0, "next_at": None}
    failure = None
    if poll.failure is not None:
        check = Check.model_validate(poll.failure)
        failure = {"at": as_json(poll.last_failure), **problem_entry(check, gateway.catalogue, language)}
    return told | {
        "last_success": as_json(poll.last_success),
        "last_failure": failure,
        "failures": poll.failures,
        "next_at": as_json(poll.next_at),
    }
