"""Erasing a document: one person asks for it by an order, a second one asks for the very same, and the bytes go.

What goes is the bytes, of every insurer that handed them in. What stays: their digest and size, who handed them in and
the request that proves it, every verdict on them and every premium's report, and the log. The erasure is an entry of
the log, and commits with the rows' letting go.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from gateway.blobs import store as blobs
from gateway.db import Connection
from gateway.erasure import store
from gateway.erasure.store import Asked, Erasure, Order, Person
from gateway.ledger import append as append_to_log
from gateway.participants import Participant, ParticipantKey
from schemas.calendar import SHANGHAI, shanghai_day
from schemas.log import Entry
from schemas.verification import Check, Outcome, failed, passed


class Objected(Exception):
    """What was asked for is not done: every check says why."""

    def __init__(self, checks: Sequence[Check]) -> None:
        super().__init__(", ".join(f"{check.rule}: {check.reason}" for check in checks))
        self.checks = tuple(check for check in checks if check.outcome is not Outcome.PASSED)


async def erase(
    connection: Connection,
    order: Order,
    by: tuple[Participant, ParticipantKey],
    proof: Mapping[str, Any],
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
        checks = [check_holder(by[1]), await check_ground(connection, order, at, retention_years)]
        asked = await store.find_asked(connection, order)
        if asked is not None and asked.by.keyid != by[1].keyid:
            checks.append(check_second_person(asked.by, by[1]))
        if any(check.outcome is not Outcome.PASSED for check in checks):
            raise Objected(checks)
        person = Person(by[0].code, by[1].keyid, by[1].holder or "")
        if asked is None:
            asked = Asked(order, at, person)
            await store.propose(connection, asked, proof)
            return asked
        if asked.by.keyid == person.keyid:
            return asked
        (leaf,) = await append_to_log(connection, [_entry(asked, person, at)], origin)
        erasure = Erasure(asked, at, person, leaf.index)
        await store.erase(connection, erasure, proof)
        await blobs.let_go(connection, order.document)
        return erasure


def check_holder(key: ParticipantKey) -> Check:
    """It is known which person holds the key: of two keys nobody can tell whether two people hold them."""
    if key.holder is None:
        return failed("erasure.second-person", "holder-unknown", field="keyid", keyid=key.keyid)
    return passed("erasure.second-person", keyid=key.keyid)


def check_second_person(first: Person, key: ParticipantKey) -> Check:
    """Four eyes: who agrees is not who asked, whatever key they use."""
    if key.holder == first.holder:
        return failed("erasure.second-person", "same-person", field="keyid", proposed_by=first.keyid)
    return passed("erasure.second-person", proposed_by=first.keyid, keyid=key.keyid)


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
