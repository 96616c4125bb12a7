"""HTTP of operation: how the service runs, and who takes part."""

from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Protocol

import orjson
from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import Response

from gateway.answers import signed_answer
from gateway.db import Connection
from gateway.ledger.asking import read_witnesses
from gateway.ledger.store import committed_size, find_last_checkpoint
from gateway.params import AnyCaller, Db, Operator, State
from gateway.problems import NotFound
from gateway.search.operation import store
from gateway.search.operation.standing import find_degraded, told_endpoint, told_keys, told_trust
from gateway.state import Gateway
from schemas.calendar import shanghai_day

router = APIRouter()

_MOST_BATCHES = 100
_WITNESS_LATE = timedelta(minutes=10)


class Queue(Protocol):
    """Where messages wait to be decided, in this process."""

    @property
    def waiting(self) -> int:
        """How many wait."""
        ...


async def _queue(request: Request) -> Queue:
    queue: Queue = request.app.state.writer
    return queue


@router.get("/v1/participants", tags=["operation"])
async def get_participants(caller: AnyCaller, gateway: State) -> Response:
    """Who takes part, with the keys that each signs with and when they end. To operators and regulators; an insurer
    sees itself."""
    if caller.participant.role == "subsidy_system":
        raise NotFound("there is no such list", detail_zh="没有此列表")
    alone = caller.participant.role == "insurer"
    now = gateway.clock()
    told = [
        {
            "code": one.code,
            "role": one.role,
            "name": one.name,
            "credit_code": one.credit_code,
            "company_code": one.company_code,
            "dialect": one.dialect,
            "document_profile": one.document_profile,
            "keys": told_keys(one, now),
        }
        for one in ([caller.participant] if alone else gateway.participants.all())
    ]
    return signed_answer(200, orjson.dumps({"items": told, "next": None}), gateway, caller.message)


@router.get("/v1/operation", tags=["operation"])
async def get_operation(caller: Operator, db: Db, gateway: State, queue: Annotated[Queue, Depends(_queue)]) -> Response:
    """How the service runs now: what waits and what is under way, why it is degraded, deliveries, the log and its
    witnesses, registries, the trust folder, and keys that end.

    `queue` is that of the process that answers.
    """
    now = gateway.clock()
    log = await _log(db, gateway, now)
    endpoints = await store.list_endpoints(db)
    recheck = await store.find_recheck(db)
    sources = [_source(*one, gateway, now) for one in await store.list_sources(db)]
    trust = await told_trust(gateway.config.trust_dir, gateway.trust, gateway.catalogue, now)
    keys = [{"participant": one.code, **key} for one in gateway.participants.all() for key in told_keys(one, now)]
    told: dict[str, Any] = {
        "at": now,
        "started_at": gateway.started_at,
        "rules": gateway.catalogue.digest,
        "degraded": find_degraded(gateway.notes, sources, endpoints, log, trust, now),
        "queue": {"waiting": queue.waiting},
        "batches": [asdict(one) for one in await store.list_running(db, _MOST_BATCHES)],
        "recheck": None if recheck is None else asdict(recheck),
        "feed": await store.count_all(db),
        "deliveries": [told_endpoint(one) for one in endpoints],
        "log": log,
        "registries": sources,
        "trust": trust,
        "keys": sorted(keys, key=lambda one: (one["not_after"] is None, str(one["not_after"]), one["keyid"])),
    }
    return signed_answer(200, orjson.dumps(told), gateway, caller.message)


async def _log(db: Connection, gateway: Gateway, now: datetime) -> dict[str, Any]:
    size, last = await committed_size(db), await find_last_checkpoint(db)
    cosigned = await store.list_cosigned(db)
    witnesses: list[dict[str, Any]] = []
    for url, key in read_witnesses(gateway.config):
        told_size, at = cosigned.get((key.name, key.key_id), (None, None))
        witnesses.append(
            {
                "name": key.name,
                "url": url,
                "size": told_size,
                "at": None if at is None else datetime.fromtimestamp(at, UTC),
                "behind": (last.size if last else 0) - (told_size or 0),
            }
        )
    late = [one for one in witnesses if one["behind"] and (one["at"] is None or now - one["at"] > _WITNESS_LATE)]
    return {
        "origin": gateway.config.log_origin,
        "size": size,
        "checkpoint": None if last is None else {"size": last.size, "at": last.at, "root": last.root.hex()},
        "unpublished": size - (last.size if last else 0),
        "witnesses": witnesses,
        "late_witnesses": late,
    }


def _source(registry: str, source: str, as_of: Any, gateway: Gateway, now: datetime) -> dict[str, Any]:
    age = (shanghai_day(now) - as_of).days
    return {
        "registry": registry,
        "source": source,
        "as_of": as_of,
        "age_days": age,
        "stale": age > gateway.config.registry_max_age_days,
    }
