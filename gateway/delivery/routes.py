"""HTTP of subscriptions: who is told of changes, where, of which, and how it goes."""

import secrets
from datetime import datetime
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Path, Query
from pydantic import Field
from starlette.responses import Response

from gateway.answers import signed_answer
from gateway.delivery import store
from gateway.delivery.events import IMPACT, TYPES
from gateway.delivery.signature import new_secret, public_key
from gateway.delivery.store import Attempt, Subscription
from gateway.delivery.targets import NotAllowed
from gateway.delivery.worker import targets_of
from gateway.feed.store import count_revisions
from gateway.params import Caller, Db, SignedSubscriber, State, Subscriber, read_noun
from gateway.problems import BadRequest, Conflict, NotFound
from schemas.base import Noun

router = APIRouter()

Identity = Annotated[str, Path(pattern=r"^sub_[0-9a-f]{32}$", description="id of the subscription")]


class Wanted(Noun):
    """What a subscriber asks for: an https address, event types (all if none is named), and after which position of the
    feed to begin (the end of it if none is said; 0 is the beginning)."""

    url: str = Field(min_length=1, max_length=500)
    types: tuple[str, ...] = TYPES
    from_position: int | None = Field(default=None, ge=0, lt=10**18)


class Again(Noun):
    """From which position of the feed on everything is sent again: what stands behind it."""

    from_position: int = Field(ge=0, lt=10**18)


@router.post("/v1/subscriptions", tags=["subscriptions"], status_code=201)
async def post_subscription(caller: SignedSubscriber, db: Db, gateway: State) -> Response:
    """Subscribe an address of one's own: from now on events are sent there, as CloudEvents by Standard Webhooks.

    The answer states the secret, this once. 409 if the caller has a living subscription for this address.
    """
    wanted = read_noun(Wanted, caller.body)
    if not wanted.types or not set(wanted.types) <= set(TYPES):
        raise BadRequest(f"types are of {', '.join(TYPES)}", detail_zh=f"types取自{'、'.join(TYPES)}", field="types")
    try:
        targets_of(gateway.config).read(wanted.url)
    except NotAllowed as refused:
        raise BadRequest(
            f"nothing may be sent to this address: {refused}", detail_zh=f"不允许向该地址推送：{refused}", field="url"
        ) from refused
    async with db.transaction():
        head = await count_revisions(db)
        begin = head if wanted.from_position is None else wanted.from_position
        _check_position(begin, head)
        made = _new(caller, wanted, begin, gateway.clock())
        if not await store.insert_subscription(db, made, caller.proof()):
            raise Conflict("there is a subscription for this address", detail_zh="该地址已有订阅")
    told = _as_json(made) | {"secret": made.secret, "public_key": public_key(gateway.signer)}
    return signed_answer(201, orjson.dumps(told), gateway, caller.message, {"location": f"/v1/subscriptions/{made.id}"})


@router.get("/v1/subscriptions", tags=["subscriptions"])
async def list_subscriptions(caller: Subscriber, db: Db, gateway: State) -> Response:
    """The caller's subscriptions, living and ended; an operator sees everybody's."""
    found = await store.list_subscriptions(db, _owner(caller))
    body = orjson.dumps({"subscriptions": [_as_json(one) for one in found]})
    return signed_answer(200, body, gateway, caller.message)


@router.get("/v1/subscriptions/{identity}", tags=["subscriptions"])
async def get_subscription(identity: Identity, caller: Subscriber, db: Db, gateway: State) -> Response:
    """One subscription, and how it goes: what is taken up, what waits, since when nothing was accepted."""
    found = await _own(db, caller, identity)
    return signed_answer(200, orjson.dumps(_as_json(found)), gateway, caller.message)


@router.delete("/v1/subscriptions/{identity}", tags=["subscriptions"])
async def delete_subscription(identity: Identity, caller: SignedSubscriber, db: Db, gateway: State) -> Response:
    """End a subscription: from now on nothing more of it is sent. What it was stays on record, with its end."""
    await _own(db, caller, identity)
    await store.end(db, identity, gateway.clock(), "deleted", caller.participant.code)
    found = await _own(db, caller, identity)
    return signed_answer(200, orjson.dumps(_as_json(found)), gateway, caller.message)


@router.post("/v1/subscriptions/{identity}/replay", tags=["subscriptions"])
async def post_replay(identity: Identity, caller: SignedSubscriber, db: Db, gateway: State) -> Response:
    """Send everything behind a position of the feed again, under the same ids, and what was given up."""
    again = read_noun(Again, caller.body)
    if (await _own(db, caller, identity)).ended_at is not None:
        raise Conflict("the subscription has ended; make a new one", detail_zh="订阅已终止，请重新订阅")
    async with db.transaction():
        await store.lock(db, identity)
        _check_position(again.from_position, await count_revisions(db))
        at = gateway.clock()
        await store.replay(db, identity, again.from_position, at, caller.proof())
        await store.offer_again(db, identity, at)
    return signed_answer(200, orjson.dumps(_as_json(await _own(db, caller, identity))), gateway, caller.message)


@router.get("/v1/subscriptions/{identity}/attempts", tags=["subscriptions"])
async def get_attempts(
    identity: Identity,
    caller: Subscriber,
    db: Db,
    gateway: State,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
) -> Response:
    """The latest attempts to send, newest first: what was answered, and when it is tried again."""
    await _own(db, caller, identity)
    found = await store.list_attempts(db, identity, limit)
    body = orjson.dumps({"attempts": [_attempt_as_json(one) for one in found]})
    return signed_answer(200, body, gateway, caller.message)


def _new(caller: Caller, wanted: Wanted, begin: int, at: datetime) -> Subscription:
    return Subscription(
        id=f"sub_{secrets.token_hex(16)}",
        owner=caller.participant.code,
        url=wanted.url,
        types=tuple(kind for kind in TYPES if kind in wanted.types),
        secret=new_secret(),
        from_position=begin,
        created_at=at,
        ended_at=None,
        ended_reason=None,
        position=begin,
        failures=0,
        failing_since=None,
        resume_at=None,
        waiting=0,
        given_up=0,
    )


def _check_position(position: int, head: int) -> None:
    if position > head:
        raise BadRequest(f"the feed ends at {head}", detail_zh=f"变更流止于{head}", field="from_position")


def _owner(caller: Caller) -> str | None:
    return None if caller.participant.role == "operator" else caller.participant.code


async def _own(db: Db, caller: Caller, identity: str) -> Subscription:
    found = await store.find_subscription(db, identity)
    if found is None or _owner(caller) not in (None, found.owner):
        raise NotFound("there is no such subscription", detail_zh="没有此订阅")
    return found


def _as_json(one: Subscription) -> dict[str, Any]:
    """A subscription as told: never its secret."""
    told: dict[str, Any] = {
        "id": one.id,
        "owner": one.owner,
        "url": one.url,
        "types": one.types,
        "from_position": one.from_position,
        "created_at": one.created_at,
        "status": "active" if one.ended_at is None else "ended",
        "position": one.position,
        "waiting": one.waiting,
        "given_up": one.given_up,
    }
    if one.ended_at is not None:
        told |= {"ended_at": one.ended_at, "ended_reason": one.ended_reason}
    if one.failing_since is not None:
        told |= {"failing_since": one.failing_since, "failures": one.failures, "resume_at": one.resume_at}
    return told


def _attempt_as_json(one: Attempt) -> dict[str, Any]:
    told: dict[str, Any] = {
        "position": one.position + 1,
        "impact": one.part == IMPACT,
        "attempt": one.attempt,
        "at": one.at,
        "accepted": one.accepted,
        "reason": one.reason,
    }
    if one.status is not None:
        told["status"] = one.status
    if one.next_at is not None:
        told["next_at"] = one.next_at
    return told
