"""HTTP of what happened: impacts, the messages of a day, what is held, and the directives."""

from datetime import date, datetime, timedelta
from typing import Annotated, Any, Literal

import orjson
from fastapi import APIRouter, Path, Query
from starlette.responses import Response

from gateway.access.log import count_insurers, note_access, note_accesses
from gateway.answers import signed_answer
from gateway.params import AnyCaller, Db, Keeper, State, scoped
from gateway.participants import Participant
from gateway.problems import BadRequest, NotFound
from gateway.search import store as search
from gateway.search.cursor import NoCursor, read_cursor, write_cursor
from gateway.search.events import store
from gateway.search.events.store import EventPlace, Given
from gateway.search.events.told import told_directives, told_held, told_impact, told_message
from gateway.state import Gateway
from schemas.calendar import SHANGHAI

router = APIRouter()

Insurer = Annotated[str, Path(pattern=r"^[0-9A-Z][0-9A-Z-]{1,31}$", description="insurer code")]
InsurerCode = Annotated[str | None, Query(pattern=r"^[0-9A-Z][0-9A-Z-]{1,31}$", description="insurer code")]
After = Annotated[str | None, Query(max_length=300, description="`next` of the last page")]
Limit = Annotated[int, Query(ge=1, le=1000)]
_FIRST, _LAST = date(2000, 1, 1), date(2199, 12, 31)


@router.get("/v1/premiums/impacts", tags=["premiums"])
async def get_impacts(
    caller: AnyCaller,
    db: Db,
    gateway: State,
    first: Annotated[date | None, Query(alias="from", description="known from this day on")] = None,
    last: Annotated[date | None, Query(alias="to", description="known up to this day")] = None,
    insurer: InsurerCode = None,
    after: After = None,
    limit: Limit = 100,
) -> Response:
    """Every change of what somebody may have relied on, the latest first: before, after, what to take back, and why.

    An insurer sees its own only. Amounts in yuan; days are those of Asia/Shanghai.
    """
    if insurer is not None:
        scoped(caller, insurer)
    own = caller.participant.code if caller.participant.role == "insurer" else insurer
    start, end = moments(first, last)
    found = await store.list_impacts(db, own, start, end, _event_place(after), limit + 1)
    await note_accesses(db, caller, gateway.clock(), count_insurers(one.insurer for one in found[:limit]), "impacts")
    told = [told_impact(one, gateway.catalogue) for one in found[:limit]]
    last_one = found[limit - 1] if len(found) > limit else None
    cursor = last_one and write_cursor(
        "impacts", last_one.known_at.isoformat(), last_one.insurer, last_one.policy_no, str(last_one.revision)
    )
    return signed_answer(200, orjson.dumps({"items": told, "next": cursor}), gateway, caller.message)


@router.get("/v1/insurers/{insurer}/submissions", tags=["submissions"])
async def get_messages(
    insurer: Insurer,
    caller: AnyCaller,
    db: Db,
    gateway: State,
    day: Annotated[date | None, Query(description="received on this day in Shanghai")] = None,
    outcome: Literal["verified", "held", "refused"] | None = None,
    after: After = None,
    limit: Limit = 100,
) -> Response:
    """The insurer's messages, the latest first: outcome, records, what became of premiums, and what is wrong.

    To the insurer itself, regulators and operators. `problem_count` counts all of a message's problems, the first ones
    are told; its receipt has all.
    """
    scoped(caller, insurer)
    _not_for_the_subsidy_system(caller.participant)
    known_insurer(gateway, insurer)
    start, end = moments(day, day)
    found, more = await store.list_messages(db, insurer, start, end, outcome, _message_place(after), limit)
    cursor = write_cursor("messages", found[-1].received_at.isoformat(), found[-1].id) if more else None
    if found:
        await note_access(db, caller, gateway.clock(), insurer, "submissions", len(found))
    told = [told_message(one, gateway.catalogue) for one in found]
    return signed_answer(200, orjson.dumps({"items": told, "next": cursor}), gateway, caller.message)


@router.get("/v1/oversight/held", tags=["oversight"])
async def get_held(
    caller: Keeper,
    db: Db,
    gateway: State,
    insurer: InsurerCode = None,
    after: After = None,
    limit: Limit = 100,
) -> Response:
    """The premiums that are held now, by insurer and policy number: since when, and what each waits for.

    `subject` is what a decision names.
    """
    codes = [insurer] if insurer is not None else await search.list_insurers(db)
    behind = _held_place(after)
    found: list[store.Held] = []
    for code in codes:
        if behind is None or code >= behind[0]:
            number = behind[1] if behind is not None and code == behind[0] else ""
            found += await store.list_held(db, code, number, limit + 1 - len(found))
        if len(found) > limit:
            break
    now = gateway.clock()
    await note_accesses(db, caller, now, count_insurers(one.insurer for one in found[:limit]), "held")
    told = [told_held(one, gateway.catalogue, now) for one in found[:limit]]
    cursor = write_cursor("held", found[limit - 1].insurer, found[limit - 1].policy_no) if len(found) > limit else None
    return signed_answer(200, orjson.dumps({"items": told, "next": cursor}), gateway, caller.message)


@router.get("/v1/directives", tags=["authorities"])
async def get_directives(
    caller: AnyCaller, db: Db, gateway: State, after: After = None, limit: Limit = 100
) -> Response:
    """Every directive, the latest first, and which one counts on each subject now.

    An insurer sees those that touch it: on itself, on a record type, on a clause of its own.
    """
    given = await store.list_directives(db)
    if caller.participant.role == "insurer":
        given = [one for one in given if _touches(one, caller.participant)]
    listed = told_directives(given, gateway.clock())
    parts = _parts(after, "directives", 1)
    if parts is not None:
        listed = listed[next((place for place, one in enumerate(listed, 1) if one["id"] == parts[0]), len(listed)) :]
    cursor = write_cursor("directives", listed[limit - 1]["id"]) if len(listed) > limit else None
    told: dict[str, Any] = {"items": listed[:limit], "next": cursor}
    return signed_answer(200, orjson.dumps(told), gateway, caller.message)


def _touches(one: Given, insurer: Participant) -> bool:
    kind, _, name = one.subject.partition(":")
    if kind == "insurer":
        return name.partition("/")[0] == insurer.code
    # The company code stands in the clause's number, behind its C.
    return kind == "type" or name[1:7] == insurer.company_code


def moments(first: date | None, last: date | None) -> tuple[datetime, datetime]:
    """From the first day's begin until the last one's end in Asia/Shanghai; without one, ever. Raises `BadRequest`."""
    start, end = first or _FIRST, last or _LAST
    if not _FIRST <= start <= end <= _LAST:
        raise BadRequest(f"days from {_FIRST} to {_LAST}, in order", detail_zh="日期超出范围或先后颠倒", field="from")
    midnight = datetime.min.time()
    return (
        datetime.combine(start, midnight, SHANGHAI),
        datetime.combine(end + timedelta(days=1), midnight, SHANGHAI),
    )


def known_insurer(gateway: Gateway, insurer: str) -> Participant:
    """The insurer of this code. Raises `NotFound`."""
    found = gateway.participants.find(insurer)
    if found is None or found.role != "insurer":
        raise NotFound(f"there is no insurer {insurer}", detail_zh=f"没有保险机构{insurer}")
    return found


def _not_for_the_subsidy_system(participant: Participant) -> None:
    if participant.role == "subsidy_system":
        raise NotFound("there is no such list", detail_zh="没有此列表")


def _event_place(after: str | None) -> EventPlace | None:
    parts = _parts(after, "impacts", 4)
    return None if parts is None else (_moment(parts[0]), parts[1], parts[2], _number(parts[3]))


def _message_place(after: str | None) -> tuple[datetime, str] | None:
    parts = _parts(after, "messages", 2)
    return None if parts is None else (_moment(parts[0]), parts[1])


def _held_place(after: str | None) -> tuple[str, str] | None:
    parts = _parts(after, "held", 2)
    return None if parts is None else (parts[0], parts[1])


def _parts(after: str | None, kind: str, count: int) -> list[str] | None:
    try:
        return None if after is None else read_cursor(after, kind, count)
    except NoCursor as error:
        raise _no_cursor() from error


def _moment(text: str) -> datetime:
    try:
        found = datetime.fromisoformat(text)
    except ValueError as error:
        raise _no_cursor() from error
    if found.tzinfo is None:
        raise _no_cursor()
    return found


def _number(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) < 10):
        raise _no_cursor()
    return int(text)


def _no_cursor() -> BadRequest:
    return BadRequest("this is no cursor", detail_zh="游标无效", field="after")
