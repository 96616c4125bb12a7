"""HTTP of the feed: every revision of every premium in order, by pages or as it comes."""

from datetime import date
from typing import Annotated

from fastapi import APIRouter, Depends, Query
from starlette.requests import Request
from starlette.responses import Response

from gateway.access.log import count_insurers, note_accesses
from gateway.answers import signed_answer
from gateway.completeness.watermark import Watermarks
from gateway.db import Connection
from gateway.feed import store
from gateway.feed.page import Cursor, NoCursor, Page, as_json, as_lines
from gateway.feed.watch import FeedWatch
from gateway.params import Caller, Reader, State
from gateway.problems import BadRequest
from gateway.state import Gateway

router = APIRouter()

_LINES = ("application/jsonl", "application/x-ndjson")
_LONGEST_WAIT = 30  # seconds


class Feed:
    """What a process keeps for its readers: who waits, and how complete the insurers are."""

    def __init__(self, gateway: Gateway) -> None:
        self.watch = FeedWatch(gateway.pool)
        self.watermarks = Watermarks(gateway.config.completeness_from)


async def _feed(request: Request, gateway: State) -> Feed:
    """The process's own, made by its first reader."""
    state = request.app.state
    if not hasattr(state, "feed"):
        state.feed = Feed(gateway)
    feed: Feed = state.feed
    return feed


SharedFeed = Annotated[Feed, Depends(_feed)]


@router.get("/v1/premiums/changes", tags=["premiums"])
async def get_changes(
    request: Request,
    caller: Reader,
    gateway: State,
    feed: SharedFeed,
    after: Annotated[str | None, Query(max_length=100, description="the cursor of the last page")] = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    wait: Annotated[int, Query(ge=0, le=_LONGEST_WAIT, description="seconds to wait for something new")] = 0,
    up_to: Annotated[
        int | None, Query(ge=0, le=10**18 - 1, description="end at this position: the same answer for ever")
    ] = None,
) -> Response:
    """Every revision of every premium, in the order in which it became known, exactly once.

    `position` counts from 1 without gaps and `previous` is the position before it: a reader who had another item last
    has lost something. `cursor` continues; the same cursor gives the same items for ever, more of them if the page was
    not full. `head` is how many revisions there are, `complete_up_to` of each insurer the last day up to which
    everything that it counts is among them. With `up_to` the answer is the same bytes for ever. `application/jsonl` in
    Accept gives an item a line, and the rest as the last line.
    """
    try:
        cursor = Cursor() if after is None else Cursor.read(after)
    except NoCursor as error:
        raise BadRequest("this is no cursor", detail_zh="游标无效", field="after") from error
    async with gateway.pool.connection() as db:
        page = await _read(db, gateway, feed, cursor, limit, up_to)
        await _note(db, caller, gateway, page)
    if wait and not page.found and up_to is None and await feed.watch.grown(cursor.count, wait):
        async with gateway.pool.connection() as db:
            page = await _read(db, gateway, feed, cursor, limit, up_to)
            await _note(db, caller, gateway, page)
    accepted = request.headers.get("accept", "")
    origin = gateway.config.log_origin
    if any(kind in accepted for kind in _LINES):
        return signed_answer(200, as_lines(page, origin), gateway, caller.message, media_type=_LINES[0])
    return signed_answer(200, as_json(page, origin), gateway, caller.message)


async def _read(db: Connection, gateway: Gateway, feed: Feed, cursor: Cursor, limit: int, up_to: int | None) -> Page:
    # What is complete is read before the feed: the records that make it so have their revisions below the head then.
    complete = None if up_to is not None else await _complete(db, gateway, feed)
    head, leaf_hash = await store.find_head(db, cursor.count - 1)
    if not cursor.fits(leaf_hash):
        # Of another gateway, or of this one before it lost data: whoever went on from here would miss revisions.
        raise BadRequest("the cursor is not one of this feed", detail_zh="游标不属于本变更流", field="after")
    if up_to is not None:
        if up_to > head:
            raise BadRequest(f"the feed ends at {head}", detail_zh=f"变更流止于{head}", field="up_to")
        head = up_to
    found = await store.list_changes(db, cursor.count - 1, max(0, min(limit, head - cursor.count)))
    return Page(cursor, found, head, complete)


async def _note(db: Connection, caller: Caller, gateway: Gateway, page: Page) -> None:
    if page.found:
        subject = f"changes {page.found[0].position + 1}-{page.found[-1].position + 1}"
        await note_accesses(db, caller, gateway.clock(), count_insurers(one.insurer for one in page.found), subject)


async def _complete(db: Connection, gateway: Gateway, feed: Feed) -> dict[str, date | None]:
    known = await feed.watermarks.read(db)
    return {one.code: known.get(one.code) for one in gateway.participants.insurers()}
