"""HTTP of registries: authorities and operators hand over what registries state; authorities ask what is known."""

from datetime import date
from typing import Annotated

import orjson
from fastapi import APIRouter, Path, Query
from pydantic import AwareDatetime
from starlette.requests import Request
from starlette.responses import Response

from gateway.answers import signed_answer
from gateway.params import Db, Reader, SignedKeeper, State, media_type_of
from gateway.problems import BadRequest, file_refused, superseded
from gateway.registries import store
from gateway.registries.entries import RegistryName
from gateway.registries.push import Handed, take
from gateway.registries.read import RegistryFile
from gateway.registries.store import Superseded
from schemas.canonical import as_json

router = APIRouter()

Name = Annotated[RegistryName, Path(description="which registry")]


@router.put("/v1/registries/{name}", tags=["registries"])
async def put_registry(
    name: Name,
    request: Request,
    caller: SignedKeeper,
    db: Db,
    gateway: State,
    source: Annotated[str | None, Query(min_length=1, max_length=300, description="来源: whose statement")] = None,
    as_of: Annotated[date | None, Query(description="截止日期: as of which day it speaks")] = None,
    whole: Annotated[bool, Query(description="whether the file is all that the source has")] = True,
) -> Response:
    """Hand over what a registry states: JSON with `source`, `as_of`, `entries`; CSV or XLSX with Chinese headers.

    All or nothing: with a problem anywhere nothing is taken, and every problem is told. A whole statement drops what it
    leaves out. What was known before stays answerable. The same file again changes nothing and is answered alike.
    """
    handed = Handed(
        registry=name,
        data=caller.body,
        media_type=media_type_of(request),
        sender=caller.participant.code,
        proof=caller.proof(),
        source=source,
        as_of=as_of,
        whole=whole,
    )
    try:
        done = await take(db, handed, at=gateway.clock(), log_origin=gateway.config.log_origin)
    except Superseded as error:
        raise superseded(error) from error
    if isinstance(done, RegistryFile):
        raise file_refused(done.problems)
    body = {
        "registry": name,
        "source": done.source,
        "as_of": str(done.as_of),
        "whole": whole,
        "count": done.count,
        "new": done.recorded.new,
        "superseded": done.recorded.superseded,
        "dropped": done.recorded.dropped,
        "unchanged": done.recorded.unchanged,
        "leaf": as_json(done.leaf) if done.leaf else None,
    }
    return signed_answer(200, orjson.dumps(body), gateway, caller.message)


@router.get("/v1/registries/{name}", tags=["registries"])
async def get_registry(
    name: Name,
    caller: Reader,
    db: Db,
    gateway: State,
    as_of: Annotated[AwareDatetime | None, Query(description="as it was known at this moment")] = None,
    after: Annotated[str, Query(max_length=700, description="the last key of the page before")] = "",
    limit: Annotated[int, Query(ge=1, le=1000)] = 200,
) -> Response:
    """What is stated, in the order of keys, with the days as of which the sources speak. The same for ever with
    `as_of`."""
    now = gateway.clock()
    if as_of is not None and as_of > now:
        raise BadRequest("what will be known is not known yet", detail_zh="不能查询将来的时点", field="as_of")
    found = await store.list_entries(db, name, as_of or now, after, limit)
    keys = {one.key for one in found}
    wholes = await store.list_wholes(db, name, as_of or now)
    body = {
        "registry": name,
        "entries": [
            {
                "key": one.key,
                "source": one.source,
                "as_of": str(one.as_of),
                "known_from": one.known_from.isoformat(),
                "entry": one.statement,
            }
            for one in found
        ],
        "whole_as_of": {source: str(day) for source, day in wholes.items()},
        "after": found[-1].key if len(keys) == limit else None,
    }
    return signed_answer(200, orjson.dumps(body), gateway, caller.message)
