"""Erasing a document: one person asks for it by an order, a second one asks for the very same, and the bytes go.

What goes is the bytes, of every insurer that handed them in. What stays: their digest and size, who handed them in and
the request that proves it, every verdict on them and every premium's report, and the log. The erasure is an entry of
the log, and commits with the rows' letting go.
"""

from datetime import UTC, datetime

from gateway.acts import Acting, Person, check_person, require
from gateway.blobs import store as blobs
from gateway.db import Connection
from gateway.erasure import store
from gateway.erasure.store import Asked, Erasure, Order
from gateway.ledger import append as append_to_log
from schemas.calendar import SHANGHAI, shanghai_day
from schemas.log import Entry
from schemas.verification import Check, failed, passed


async def erase(
    connection: Connection,
    order: Order,
    by: Acting,
    at: datetime,
    retention_years: int,
    origin: str,
) -> Asked | Erasure | None:
    """Ask for an erasure, or agree to the one that another person asked for in the same words.

    None if there is no such document. The first person's word is kept and nothing goes; of a document that is erased
    the erasure that stands is told. Raises `Objected`. The rows let go here; what is in a store the caller removes,
    behind the commit: killed in between, the bytes are nobody's to read, and `gateway store check` names them.
    """
    async with connection.transaction():
        await blobs.lock_bytes(connection, order.document)
        if not await store.is_there(connection, order.document):
            return None
        if (done := (await store.find_erasures(connection, [order.document])).get(order.document)) is not None:
            return done
        asked = await store.find_asked(connection, order)
        is_again = asked is not None and asked.by.keyid == by.key.keyid
        earlier = [] if asked is None or is_again else [asked.by]
        require(
            check_person("erasure.second-person", by, earlier),
            await check_ground(connection, order, at, retention_years),
        )
        if asked is None:
            asked = Asked(order, at, by.person)
            await store.propose(connection, asked, by.proof)
            return asked
        if is_again:
            return asked
        (leaf,) = await append_to_log(connection, [_entry(asked, by.person, at)], origin)
        erasure = Erasure(asked, at, by.person, leaf.index)
        await store.erase(connection, erasure, by.proof)
        await blobs.let_go(connection, order.document)
        return erasure


async def check_ground(connection: Connection, order: Order, at: datetime, retention_years: int) -> Check:
    """An order of an authority or a court that was given by now; or the time for which documents are kept is over.

    That time begins anew whenever a premium to which the document belongs is told anew (at least ten years: 《会计档案
    管理办法》 art. 14 and the sister scheme's rules ask for as much).
    """
    rule = "erasure.ground"
    if order.ordered_on > shanghai_day(at):
        return failed(rule, "not-yet-ordered", field="ordered_on", ordered_on=order.ordered_on.isoformat())
    if order.ground == "order":
        return passed(rule, ground=order.ground)
    last = (await store.find_last_use(connection, order.document)).astimezone(SHANGHAI)
    day = last.date()
    # A document of 29 February is kept until the first of March.
    until = (
        day.replace(year=day.year + retention_years)
        if (day.month, day.day) != (2, 29)
        else day.replace(year=day.year + retention_years, month=3, day=1)
    )
    if shanghai_day(at) <= until:
        return failed(rule, "too-early", field="ground", last_used=last.isoformat(), kept_until=until.isoformat())
    return passed(rule, ground=order.ground, kept_until=until.isoformat())


def _entry(asked: Asked, person: Person, at: datetime) -> Entry:
    order = asked.order
    body = {
        "document": order.document,
        "ground": order.ground,
        "order_no": order.order_no,
        "ordered_by": order.ordered_by,
        "ordered_on": order.ordered_on.isoformat(),
        "proposal": order.id,
        "proposed_by": asked.by.keyid,
        "approved_by": person.keyid,
    }
    return Entry(kind="erasure", at=at.astimezone(UTC), body=body)
