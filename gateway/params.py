"""Parameters of routes: the database, the gateway itself, and who is calling. Who may call is a parameter type.

Two ways in: a key acts, a session reads. What changes nothing takes a `Caller` (`AnyCaller`, `Reader`, `Regulator` …),
who signed the request or has a session; what changes anything takes a `SignedCaller` (`AnySigned`,
`SignedRegulator` …).

A caller stands before `Db` among a route's parameters: no connection is held while a body comes in.
"""

import re
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Annotated, TypeVar

from fastapi import Depends
from pydantic import BaseModel, ValidationError
from starlette.requests import Request

from gateway.access.caller import Caller, SignedCaller
from gateway.access.people import People
from gateway.access.sessions import SignedIn
from gateway.db import Connection
from gateway.participants import Role
from gateway.problems import BadRequest, Forbidden, NotAuthenticated, Refused, TooLarge
from gateway.state import Gateway
from schemas.verification import Outcome, failed
from signing.message import Content
from signing.request import HttpMessage, RequestKey, judge_request
from signing.structured import canonical_member
from untrusted import Refused as Unreadable
from untrusted import read_json

__all__ = ["Caller", "SignedCaller"]

N = TypeVar("N", bound=BaseModel)

SETTLED_AFTER = timedelta(seconds=120)  # longer than any message may wait and take; see submissions/writer.py
_EVER = datetime(1970, 1, 1, tzinfo=UTC)
_FOR_EVER = datetime(9999, 1, 1, tzinfo=UTC)
_MEDIA_TYPE = re.compile(r"[a-z]+/[a-z0-9.+-]+")
_LONGEST_LENGTH = 18  # digits: nobody sends more, and reading a long number is work


async def gateway_of(request: Request) -> Gateway:
    """The running gateway that this request reached. Not a plain function: those would each take a thread's turn."""
    gateway: Gateway = request.app.state.gateway
    return gateway


State = Annotated[Gateway, Depends(gateway_of)]


async def _connection(gateway: State) -> AsyncIterator[Connection]:
    async with gateway.pool.connection() as connection:
        yield connection


Db = Annotated[Connection, Depends(_connection)]


def media_type_of(request: Request) -> str:
    """What the body says that it is, without parameters; any bytes if it does not say it in a form that can be kept."""
    named = request.headers.get("content-type", "").split(";")[0].strip().lower()
    return named if _MEDIA_TYPE.fullmatch(named) else "application/octet-stream"


def announced(request: Request, limit: int) -> int | None:
    """The size of the body that the request announces, if it does. Raises `TooLarge` beyond `limit` bytes."""
    declared = request.headers.get("content-length", "")
    if not declared.isdecimal():
        return None
    if len(declared) > _LONGEST_LENGTH or int(declared) > limit:
        raise TooLarge(f"the body is larger than {limit} bytes")
    return int(declared)


async def read_body(request: Request, limit: int) -> bytes:
    """The whole body, never more than `limit` bytes. Raises `TooLarge` before reading on."""
    announced(request, limit)
    parts: list[bytes] = []
    size = 0
    async for part in request.stream():
        size += len(part)
        if size > limit:
            raise TooLarge(f"the body is larger than {limit} bytes")
        parts.append(part)
    return b"".join(parts)


def read_noun(noun: type[N], body: bytes) -> N:
    """A body as the noun that it must be. Raises `Refused` if it is no JSON, `BadRequest` with every field that is not
    as the contract says."""
    try:
        return noun.model_validate(read_json(body))
    except Unreadable as error:
        raise Refused(checks=[failed(error.rule, error.reason, where=error.where)]) from error
    except ValidationError as error:
        raise BadRequest(
            checks=[
                failed("request.parameters", "not-allowed", field="/".join(map(str, one["loc"])), detail=one["msg"])
                for one in error.errors(include_url=False, include_input=False)
            ]
        ) from error


def route_of(request: Request) -> str:
    """The route that this request took, as the contract writes it: it names no record."""
    return f"{request.scope['method']} {getattr(request.scope.get('route'), 'path', '')}"


def message_of(request: Request, gateway: Gateway) -> HttpMessage:
    """The request as its sender signed it: RFC 9421 section 2.2.2 wants the target URI that the client used."""
    scope = request.scope
    path: bytes = scope.get("raw_path") or scope["path"].encode()
    query: bytes = scope["query_string"]
    fields = tuple((name.decode("latin-1"), value.decode("latin-1")) for name, value in scope["headers"])
    base = gateway.config.public_url or f"{scope['scheme']}://{request.headers.get('host', '')}"
    target = base.rstrip("/") + path.decode("latin-1") + ("?" + query.decode("latin-1") if query else "")
    return HttpMessage(method=scope["method"], target_uri=target, fields=fields)


def registered_key(gateway: Gateway) -> Callable[[str], RequestKey | None]:
    """Looks a key id up among the participants' keys."""

    def find(keyid: str) -> RequestKey | None:
        found = gateway.participants.by_key(keyid)
        if found is None:
            return None
        participant, key = found
        return RequestKey(
            keyid=keyid,
            algorithm=key.algorithm,
            spki=key.spki(),
            not_before=key.not_before or _EVER,
            not_after=key.not_after or _FOR_EVER,
            owner=participant.code,
        )

    return find


def known_people(request: Request) -> People:
    """What the gateway that this request reached knows of people: users and sessions."""
    people: People = request.app.state.people
    return people


async def authenticate(request: Request, gateway: Gateway) -> Caller:
    """Who calls: by a signature, or by a session. Raises `NotAuthenticated` with every check that did not pass."""
    token = bearer_of(request)
    if token is None:
        return await authenticate_signed(request, gateway)
    signed_in = await _session(request, gateway, token)
    body = await read_body(request, gateway.config.body_limit_bytes)
    return Caller(
        participant=signed_in.participant,
        user=signed_in.user,
        body=body,
        message=message_of(request, gateway),
        route=route_of(request),
    )


async def authenticate_signed(request: Request, gateway: Gateway) -> SignedCaller:
    """Who signed the request. Raises `NotAuthenticated` with every check that did not pass."""
    if bearer_of(request) is not None:
        raise unsigned()
    await known_people(request).keys.refresh(gateway.pool)
    return judged(request, gateway, await read_body(request, gateway.config.body_limit_bytes), gateway.clock())


def bearer_of(request: Request) -> str | None:
    """The token of a session (RFC 6750 section 2.1), if the request brings one; nowhere else is one looked for.

    Raises `NotAuthenticated` if the request is signed too, or brings two: nobody could tell who calls.
    """
    told = request.headers.getlist("authorization")
    tokens = [value[7:].strip(" ") for value in told if value[:7].lower() == "bearer "]
    if not tokens:
        return None
    if len(told) > 1:
        raise NotAuthenticated(checks=[failed("session.alone", "several")])
    if "signature" in request.headers or "signature-input" in request.headers:
        raise NotAuthenticated(checks=[failed("session.alone", "signed-too")])
    return tokens[0]


def unsigned() -> NotAuthenticated:
    """A session wants to act, and only a key does."""
    return NotAuthenticated(
        "a session reads; this needs a signature",
        detail_zh="会话只能查询，此操作须以密钥签名",
        checks=[failed("session.reads-only", "must-sign")],
    )


def as_signed(caller: Caller) -> SignedCaller:
    """The caller who signed, where a route only sometimes acts. Raises `NotAuthenticated` for a session."""
    if not isinstance(caller, SignedCaller):
        raise unsigned()
    return caller


async def _session(request: Request, gateway: Gateway, token: str) -> SignedIn:
    people = known_people(request)
    await people.keys.refresh(gateway.pool)  # what is read may be of who signed
    async with gateway.pool.connection() as connection:
        return await people.sessions.find(connection, token, gateway.clock())


async def _signed_in(request: Request, gateway: State) -> SignedIn:
    token = bearer_of(request)
    if token is None:
        raise NotAuthenticated(checks=[failed("session.current", "missing")], headers={"www-authenticate": "Bearer"})
    return await _session(request, gateway, token)


CurrentSession = Annotated[SignedIn, Depends(_signed_in)]


def judged(request: Request, gateway: Gateway, content: bytes | Content, at: datetime) -> SignedCaller:
    """Who signed the request with this content, as of `at`; of a stream the caller's `body` is empty. Raises
    `NotAuthenticated` with every check that did not pass."""
    message = message_of(request, gateway)
    signature, report = judge_request(
        message, content, keys=registered_key(gateway), at=at, max_age=gateway.request_max_age
    )
    if report.outcome is not Outcome.PASSED or signature is None:
        raise NotAuthenticated(checks=report.all_checks())
    found = gateway.participants.by_key(signature.keyid)
    if found is None:
        raise BadRequest("the key is not registered")
    body = content if isinstance(content, bytes) else b""
    return SignedCaller(
        participant=found[0],
        key=found[1],
        signature=signature,
        checks=report.all_checks(),
        body=body,
        message=_as_judged(message, signature.label),
        route=route_of(request),
    )


def _as_judged(message: HttpMessage, label: str) -> HttpMessage:
    """The message with the one signature that was judged, which is the one that an answer covers (RFC 9421 2.4)."""
    value = message.value("signature")
    if value is None or "," not in value:
        return message
    others = tuple((name, text) for name, text in message.fields if name.lower() != "signature")
    return replace(message, fields=(*others, ("signature", f"{label}={canonical_member(value, label)}")))


def _check_role(caller: Caller, roles: tuple[Role, ...]) -> None:
    if roles and caller.participant.role not in roles:
        raise Forbidden(f"this is for: {', '.join(roles)}", detail_zh=f"仅限角色：{'、'.join(roles)}")


def _caller(*roles: Role) -> Callable[[Request, Gateway], Awaitable[Caller]]:
    async def dependency(request: Request, gateway: State) -> Caller:
        caller = await authenticate(request, gateway)
        _check_role(caller, roles)
        return caller

    return dependency


def _signed(*roles: Role) -> Callable[[Request, Gateway], Awaitable[SignedCaller]]:
    async def dependency(request: Request, gateway: State) -> SignedCaller:
        caller = await authenticate_signed(request, gateway)
        _check_role(caller, roles)
        return caller

    return dependency


# For what reads.
AnyCaller = Annotated[Caller, Depends(_caller())]
InsurerCaller = Annotated[Caller, Depends(_caller("insurer"))]
SubsidySystem = Annotated[Caller, Depends(_caller("subsidy_system"))]
Regulator = Annotated[Caller, Depends(_caller("regulator"))]
Operator = Annotated[Caller, Depends(_caller("operator"))]
Reader = Annotated[Caller, Depends(_caller("subsidy_system", "regulator", "operator"))]
Keeper = Annotated[Caller, Depends(_caller("regulator", "operator"))]
Authority = Annotated[Caller, Depends(_caller("subsidy_system", "regulator"))]
Subscriber = Annotated[Caller, Depends(_caller("subsidy_system", "operator"))]
Submitter = Annotated[Caller, Depends(_caller("insurer", "subsidy_system", "regulator"))]

# For what acts.
AnySigned = Annotated[SignedCaller, Depends(_signed())]
SignedInsurer = Annotated[SignedCaller, Depends(_signed("insurer"))]
SignedSubsidySystem = Annotated[SignedCaller, Depends(_signed("subsidy_system"))]
SignedRegulator = Annotated[SignedCaller, Depends(_signed("regulator"))]
SignedOperator = Annotated[SignedCaller, Depends(_signed("operator"))]
SignedParticipant = Annotated[SignedCaller, Depends(_signed("insurer", "subsidy_system", "regulator"))]
SignedKeeper = Annotated[SignedCaller, Depends(_signed("regulator", "operator"))]
SignedAuthority = Annotated[SignedCaller, Depends(_signed("subsidy_system", "regulator"))]
SignedSubscriber = Annotated[SignedCaller, Depends(_signed("subsidy_system", "operator"))]


def settled(gateway: Gateway, as_of: datetime) -> None:
    """Raises `BadRequest` if what was known at `as_of` may still change: nothing may, `SETTLED_AFTER` later.

    A message is known from the moment at which it came, and is decided a little later. Whoever asks for that moment
    in between would get another answer the next time.
    """
    now = gateway.clock()
    if as_of > now:
        raise BadRequest("what will be known is not known yet", detail_zh="不能查询将来的时点", field="as_of")
    if as_of > now - SETTLED_AFTER:
        seconds = int(SETTLED_AFTER.total_seconds())
        raise BadRequest(
            f"what was known then may still be on its way: ask for a moment at least {seconds} seconds ago",
            detail_zh=f"该时点的报送可能仍在处理，请查询至少{seconds}秒以前的时点",
            field="as_of",
        )


def scoped(caller: Caller, insurer: str) -> None:
    """Raises `Forbidden` if an insurer asks for another insurer's data; others may read all."""
    if caller.participant.role == "insurer" and caller.participant.code != insurer:
        raise Forbidden("an insurer reads its own data only", detail_zh="保险机构只能查询本机构数据")
