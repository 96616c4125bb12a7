"""HTTP of keys that participants ask for: a certificate request in, and operators who let the key in."""

from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Path, Query
from pydantic import AwareDatetime
from starlette.requests import Request
from starlette.responses import Response

from gateway.answers import signed_answer
from gateway.params import AnyCaller, Db, SignedOperator, SignedParticipant, State, known_people
from gateway.people.keys import store
from gateway.people.keys.approve import Wish, approve, ask
from gateway.people.keys.store import Approval, Asked, LetIn
from gateway.problems import BadRequest, NotFound
from schemas.canonical import as_json

router = APIRouter()

Identity = Annotated[str, Path(pattern=r"^K[0-9a-f]{32}$", description="id of the request")]
KeyName = Annotated[str | None, Query(pattern=r"^[0-9A-Za-z._:-]{1,100}$")]
_TEXT = r"^[^\x00-\x1f\x7f]+$"


@router.post("/v1/key-requests", tags=["keys"], status_code=201)
async def post_key_request(
    caller: SignedParticipant,
    db: Db,
    gateway: State,
    keyid: Annotated[KeyName, Query(description="name of the new key; default: from the key itself")] = None,
    holder: Annotated[str | None, Query(min_length=1, max_length=100, pattern=_TEXT, description="持有人")] = None,
    not_before: Annotated[AwareDatetime | None, Query(description="default: as soon as it is let in")] = None,
    replaces: Annotated[KeyName, Query(description="a key of yours that is to end")] = None,
    replaced_until: Annotated[
        AwareDatetime | None, Query(description="when that one ends: both count until then")
    ] = None,
) -> Response:
    """Ask for a key 申请密钥, signed by a key that you have: a certificate request (PKCS #10, DER or PEM) in the body.

    It proves that you hold the new key; its subject is not believed. 201 with the request, 200 if it is known, 422 with
    what speaks against it. Operators let it in, see `approvals_needed`.
    """
    wish = Wish(keyid, holder, not_before, replaces, replaced_until)
    asked, is_new = await ask(db, caller.body, wish, caller.acting, gateway.participants, gateway.clock())
    told = await _told(db, [asked], gateway)
    location = {"location": f"/v1/key-requests/{asked.id}"}
    return signed_answer(201 if is_new else 200, orjson.dumps(told[0]), gateway, caller.message, location)


@router.get("/v1/key-requests", tags=["keys"])
async def get_key_requests(
    caller: AnyCaller,
    db: Db,
    gateway: State,
    after: Annotated[str | None, Query(pattern=r"^K[0-9a-f]{32}$", description="`next` of the last page")] = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
) -> Response:
    """Requests for keys, newest first: one's own; all to operators and regulators."""
    own = None if caller.participant.role in ("operator", "regulator") else caller.participant.code
    place = None
    if after is not None:
        last = await store.find_request(db, after)
        if last is None or own not in (None, last.participant):
            raise BadRequest("this is no cursor", detail_zh="游标无效", field="after")
        place = (last.requested_at, last.id)
    found = await store.list_requests(db, own, place, limit)
    told = {"items": await _told(db, found, gateway), "next": found[-1].id if len(found) == limit else None}
    return signed_answer(200, orjson.dumps(told), gateway, caller.message)


@router.get("/v1/key-requests/{identity}", tags=["keys"])
async def get_key_request(identity: Identity, caller: AnyCaller, db: Db, gateway: State) -> Response:
    """One request: who let it in, and what came of it."""
    asked = await _find(db, identity)
    if caller.participant.role not in ("operator", "regulator") and asked.participant != caller.participant.code:
        raise _nothing()
    return signed_answer(200, orjson.dumps((await _told(db, [asked], gateway))[0]), gateway, caller.message)


@router.post("/v1/key-requests/{identity}/approval", tags=["keys"], status_code=201, responses={202: {}})
async def post_key_approval(
    identity: Identity, request: Request, caller: SignedOperator, db: Db, gateway: State
) -> Response:
    """Let a key in, as one of the people that it takes: 202 while another person is needed, 201 when it is in.

    Two approvals are by two holders. The key counts from `not_before`, in every process within seconds; the log says
    so. There is no body: the signed address names the request.
    """
    asked = await _find(db, identity)
    config = gateway.config
    done = await approve(
        db,
        asked,
        caller.acting,
        gateway.participants,
        gateway.clock(),
        people=config.key_approvals,
        origin=config.log_origin,
    )
    if done:
        await known_people(request).keys.load(db)
    told = await _told(db, [asked], gateway)
    return signed_answer(201 if done else 202, orjson.dumps(told[0]), gateway, caller.message)


async def _find(db: Db, identity: str) -> Asked:
    found = await store.find_request(db, identity)
    if found is None:
        raise _nothing()
    return found


def _nothing() -> NotFound:
    return NotFound("there is no such request", detail_zh="没有此申请")


async def _told(db: Db, found: list[Asked], gateway: State) -> list[dict[str, Any]]:
    identities = [one.id for one in found]
    approvals = await store.list_approvals(db, identities)
    let_in = await store.list_let_in(db, identities)
    needed = gateway.config.key_approvals
    return [_shown(one, approvals.get(one.id, []), let_in.get(one.id), needed) for one in found]


def _shown(one: Asked, approvals: list[Approval], let_in: LetIn | None, needed: int) -> dict[str, Any]:
    told: dict[str, Any] = {
        "id": one.id,
        "status": "requested" if let_in is None else "approved",
        "participant": one.participant,
        "keyid": one.keyid,
        "algorithm": one.algorithm,
        "public_key": one.public_key,
        "holder": one.holder,
        "not_before": as_json(one.not_before),
        "replaces": one.replaces,
        "replaced_until": as_json(one.replaced_until),
        "requested_at": as_json(one.requested_at),
        "requested_by": one.requested_by,
        "approvals_needed": needed,
        "approvals": [
            {"participant": one.by.participant, "keyid": one.by.keyid, "approved_at": as_json(one.at)}
            for one in approvals
        ],
    }
    if let_in is not None:
        told |= {
            "not_before": as_json(let_in.later.key.not_before),
            "known_at": as_json(let_in.known_at),
            "leaf_index": let_in.leaf_index,
        }
    return told
