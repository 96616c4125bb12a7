"""HTTP of people: they sign in, see who they are, and sign out; and insurers see who read their records."""

from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Path, Query
from pydantic import Field, ValidationError
from starlette.requests import Request
from starlette.responses import Response

from gateway.access.log import list_accesses
from gateway.access.oidc import LONGEST
from gateway.access.sessions import SignedIn
from gateway.access.store import Access
from gateway.answers import signed_answer
from gateway.params import AnyCaller, CurrentSession, Db, State, known_people, message_of, read_body, scoped
from gateway.people.keys.routes import router as key_routes
from gateway.problems import BadRequest, Forbidden, NotFound
from schemas.base import Noun
from schemas.canonical import as_json
from untrusted import Refused, read_json

router = APIRouter()
router.include_router(key_routes)

Insurer = Annotated[str, Path(pattern=r"^[0-9A-Z][0-9A-Z-]{1,31}$", description="insurer code")]
_LARGEST = 32 * 1024  # bytes of a sign-in
_PRIVATE = {"cache-control": "no-store"}


class ByPassword(Noun):
    """A sign-in by user name and password."""

    user: str = Field(min_length=1, max_length=100)
    password: str = Field(min_length=1, max_length=2000)


class ByProvider(Noun):
    """A sign-in by an identity provider's ID token, with the nonce that the sign-in there began with."""

    id_token: str = Field(min_length=1, max_length=LONGEST)
    nonce: str = Field(min_length=16, max_length=256)


@router.post("/v1/sessions", tags=["sessions"], status_code=201)
async def post_session(request: Request, gateway: State) -> Response:
    """Sign in 登录: `{"user", "password"}`, or `{"id_token", "nonce"}`; the answer states the token, this once.

    The token goes into `Authorization: Bearer` of what reads. It says nothing to anybody who acts: an act is signed. It
    is never taken from a cookie or an address, so that no other site can make a browser send it.
    """
    body = await read_body(request, _LARGEST)
    try:
        stated = read_json(body)
        kind = ByProvider if isinstance(stated, dict) and "id_token" in stated else ByPassword
        asked = kind.model_validate(stated)
    except (Refused, ValidationError) as error:
        form = "{user, password} / {id_token, nonce}"
        raise BadRequest(f"the body is {form}", detail_zh=f"内容应为{form}") from error
    address, at = request.client.host if request.client else None, gateway.clock()
    sessions = known_people(request).sessions
    if isinstance(asked, ByProvider):
        signed_in = await sessions.sign_in_by_provider(gateway.pool, asked.id_token, asked.nonce, address, at)
    else:
        signed_in = await sessions.sign_in(gateway.pool, asked.user, asked.password, address, at)
    told = {"token": signed_in.token, **_shown(signed_in)}
    headers = _PRIVATE | {"location": "/v1/sessions/current"}
    return signed_answer(201, orjson.dumps(told), gateway, message_of(request, gateway), headers)


@router.get("/v1/sessions/current", tags=["sessions"])
async def get_session(request: Request, current: CurrentSession, gateway: State) -> Response:
    """Who is signed in: user, role, participant, the keys that they sign with, and when the session ends."""
    return signed_answer(200, orjson.dumps(_shown(current)), gateway, message_of(request, gateway), _PRIVATE)


@router.delete("/v1/sessions/current", tags=["sessions"])
async def delete_session(request: Request, current: CurrentSession, db: Db, gateway: State) -> Response:
    """Sign out 退出: the token is worth nothing from now on."""
    await known_people(request).sessions.end(db, current.session, gateway.clock())
    told = {"ended": True}
    return signed_answer(200, orjson.dumps(told), gateway, message_of(request, gateway), _PRIVATE)


@router.get("/v1/insurers/{insurer}/accesses", tags=["accesses"])
async def get_accesses(
    insurer: Insurer,
    caller: AnyCaller,
    db: Db,
    gateway: State,
    after: Annotated[int | None, Query(ge=1, le=10**18, description="`next` of the page before")] = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
) -> Response:
    """Who else read this insurer's records 访问记录, newest first: when, which participant, which user or key, by which
    route, which records and how many. To the insurer itself, the regulator and the operator."""
    if caller.participant.role == "subsidy_system":
        raise Forbidden("this is for: insurer, regulator, operator", detail_zh="仅限保险机构本身、监管机构与运营方")
    scoped(caller, insurer)
    if gateway.participants.find(insurer) is None:
        raise NotFound(f"there is no insurer {insurer}", detail_zh=f"没有保险机构{insurer}")
    found = await list_accesses(db, insurer, after, limit)
    told = {"items": [_access(one) for one in found], "next": found[-1].id if len(found) == limit else None}
    return signed_answer(200, orjson.dumps(told), gateway, caller.message)


def _access(one: Access) -> dict[str, Any]:
    return {
        "id": one.id,
        "at": as_json(one.at),
        "participant": one.participant,
        "user": one.username,
        "keyid": one.keyid,
        "route": one.route,
        "subject": one.subject,
        "count": one.count,
    }


def _shown(one: SignedIn) -> dict[str, Any]:
    return {
        "user": one.user.name,
        "display_name": one.user.display_name,
        "role": one.participant.role,
        "participant": one.participant.code,
        "participant_name": one.participant.name,
        "keyids": one.user.keyids,
        "begun_at": as_json(one.session.begun_at),
        "expires_at": as_json(one.session.expires_at),
    }
