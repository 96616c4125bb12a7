"""Parameters of routes: the database, the gateway itself, and who is calling. Who may call is a parameter type."""

import base64
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

from fastapi import Depends
from starlette.requests import Request

from gateway.db import Connection
from gateway.participants import Participant, ParticipantKey, Role
from gateway.problems import BadRequest, Forbidden, NotAuthenticated, TooLarge
from gateway.state import Gateway
from schemas.verification import Check, Outcome
from signing.message import Content
from signing.request import HttpMessage, RequestKey, RequestSignature, judge_request
from signing.structured import canonical_member

SETTLED_AFTER = timedelta(seconds=120)  # longer than any message may wait and take; see submissions/writer.py
_EVER = datetime(1970, 1, 1, tzinfo=UTC)
_FOR_EVER = datetime(9999, 1, 1, tzinfo=UTC)
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


@dataclass(frozen=True, slots=True)
class Caller:
    """Who signed this request, with the body as it came and the proof that can be kept."""

    participant: Participant
    key: ParticipantKey
    signature: RequestSignature
    checks: tuple[Check, ...]
    body: bytes
    message: HttpMessage

    def proof(self) -> dict[str, Any]:
        """What proves who sent the body, as JSON: signature base, signature and key (RFC 9421 section 2.5), base64."""
        return {
            "label": self.signature.label,
            "keyid": self.signature.keyid,
            "algorithm": self.signature.algorithm,
            "public_key": self.key.public_key,
            "base": base64.b64encode(self.signature.base).decode(),
            "signature": base64.b64encode(self.signature.signature).decode(),
        }


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


async def authenticate(request: Request, gateway: Gateway) -> Caller:
    """Who signed the request. Raises `NotAuthenticated` with every check that did not pass."""
    return judged(request, gateway, await read_body(request, gateway.config.body_limit_bytes), gateway.clock())


def judged(request: Request, gateway: Gateway, content: bytes | Content, at: datetime) -> Caller:
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
    return Caller(found[0], found[1], signature, report.all_checks(), body, _as_judged(message, signature.label))


def _as_judged(message: HttpMessage, label: str) -> HttpMessage:
    """The message with the one signature that was judged, which is the one that an answer covers (RFC 9421 2.4)."""
    value = message.value("signature")
    if value is None or "," not in value:
        return message
    others = tuple((name, text) for name, text in message.fields if name.lower() != "signature")
    return replace(message, fields=(*others, ("signature", f"{label}={canonical_member(value, label)}")))


def _caller(*roles: Role) -> Callable[[Request, Gateway], Any]:
    async def dependency(request: Request, gateway: State) -> Caller:
        caller = await authenticate(request, gateway)
        if roles and caller.participant.role not in roles:
            raise Forbidden(f"this is for: {', '.join(roles)}", detail_zh=f"仅限角色：{'、'.join(roles)}")
        return caller

    return dependency


InsurerCaller = Annotated[Caller, Depends(_caller("insurer"))]
SubsidySystem = Annotated[Caller, Depends(_caller("subsidy_system"))]
Regulator = Annotated[Caller, Depends(_caller("regulator"))]
Operator = Annotated[Caller, Depends(_caller("operator"))]
Reader = Annotated[Caller, Depends(_caller("subsidy_system", "regulator", "operator"))]
Keeper = Annotated[Caller, Depends(_caller("regulator", "operator"))]
Authority = Annotated[Caller, Depends(_caller("subsidy_system", "regulator"))]
Subscriber = Annotated[Caller, Depends(_caller("subsidy_system", "operator"))]
AnyCaller = Annotated[Caller, Depends(_caller())]
Submitter = Annotated[Caller, Depends(_caller("insurer", "subsidy_system", "regulator"))]


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
