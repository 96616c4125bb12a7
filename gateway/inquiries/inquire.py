"""Asking, answering, closing: each is one signed request, one row and one leaf of the log, or nothing.

The id of an inquiry follows from who asked and from the bytes of the question, and a step that says what the one
before said is that one: whoever sends the same request again changes nothing.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from gateway.acts import Objected
from gateway.db import Connection
from gateway.inquiries import store
from gateway.inquiries.store import Act, Step
from gateway.ledger.append import append as append_to_log
from gateway.participants import Participant
from schemas.calendar import Unpublished, load_calendar, shanghai_day
from schemas.inquiry import Question, Reply
from schemas.log import Entry
from schemas.verification import Check, Outcome, failed, passed

WORKING_DAYS = 5
"""For an answer, if the question does not say otherwise."""
MOST_STEPS = 100
_FARTHEST = timedelta(days=366)


@dataclass(frozen=True, slots=True)
class Signed:
    """A request as it was signed: by whom, with which key, over which bytes, when, and the proof that is kept."""

    participant: Participant
    keyid: str
    body: bytes
    proof: Mapping[str, Any]
    at: datetime

    @property
    def digest(self) -> str:
        """Of the body."""
        return f"sha256:{hashlib.sha256(self.body).hexdigest()}"


async def ask(connection: Connection, question: Question, signed: Signed, origin: str) -> tuple[str, bool]:
    """Put a question; the id of the inquiry, and whether it is new. Raises `Objected`."""
    name = f"{signed.participant.code}\n{signed.digest}"
    inquiry = f"Q{hashlib.sha256(name.encode()).hexdigest()[:32]}"
    async with connection.transaction():
        await store.lock(connection, inquiry)
        if await store.list_steps(connection, [inquiry]):
            return inquiry, False
        insurer = await _insurer_of(connection, question.subject, signed.participant)
        due_on, due = check_due(question, signed.at)
        known = failed("inquiry.subject", "not-known", field="subject", subject=question.subject)
        checks = [passed("inquiry.subject") if insurer is not None else known, due]
        if insurer is None or due_on is None:
            raise Objected(*(check for check in checks if check.outcome is not Outcome.PASSED))
        draft = _Draft(inquiry, 0, "asked", insurer, question.subject, due_on)
        await _append(connection, draft, signed, origin)
    return inquiry, True


async def answer(connection: Connection, steps: Sequence[Step], reply: Reply, signed: Signed, origin: str) -> bool:
    """Add the insurer's answer to the inquiry of these steps; whether it is new. Raises `Objected`."""
    missing = await store.find_missing(connection, signed.participant.code, reply.documents)
    if missing:
        raise Objected(
            *(failed("inquiry.documents", "not-handed-in", field="documents", document=one) for one in missing)
        )
    return await _go_on(connection, steps[0], "answered", signed, origin)


async def close(connection: Connection, steps: Sequence[Step], signed: Signed, origin: str) -> bool:
    """Close the inquiry of these steps: the body is a `Closing`. Whether that is new. Raises `Objected`."""
    return await _go_on(connection, steps[0], "closed", signed, origin)


def check_due(question: Question, at: datetime) -> tuple[Any, Check]:
    """The last day for the answer, None if there is none that can be; and the check that says so."""
    rule, today = "inquiry.due", shanghai_day(at)
    if question.due_on is not None:
        if question.due_on < today:
            return None, failed(rule, "past", field="due_on", due_on=str(question.due_on))
        if question.due_on > today + _FARTHEST:
            return None, failed(rule, "too-far", field="due_on", due_on=str(question.due_on))
        return question.due_on, passed(rule)
    try:
        return load_calendar().working_days_after(today, WORKING_DAYS), passed(rule)
    except Unpublished as error:
        return None, failed(rule, "not-countable", field="due_on", year=error.year)


@dataclass(frozen=True, slots=True)
class _Draft:
    inquiry: str
    place: int
    act: Act
    insurer: str
    subject: str
    due_on: Any


async def _insurer_of(connection: Connection, subject: str, asker: Participant) -> str | None:
    """The insurer whose premium or message this is; None if there is none that the asker may ask about."""
    kind, _, name = subject.partition(":")
    if kind == "premium":
        insurer, _, policy_no = name.partition("/")
        return insurer if await store.is_premium(connection, insurer, policy_no) else None
    if asker.role != "regulator":
        return None  # it does not read insurers' messages, and does not learn whether there is one
    return await store.find_sender(connection, name)


async def _go_on(connection: Connection, first: Step, act: Act, signed: Signed, origin: str) -> bool:
    async with connection.transaction():
        await store.lock(connection, first.inquiry)
        steps = (await store.list_steps(connection, [first.inquiry]))[first.inquiry]
        said = (act, signed.participant.code, signed.digest)
        if said in {(one.act, one.participant, one.body_digest) for one in steps}:
            return False
        if steps[-1].act == "closed":
            raise Objected(failed("inquiry.open", "closed", closed_at=steps[-1].at.isoformat()))
        if len(steps) >= MOST_STEPS - (act == "answered"):  # an inquiry can always be closed
            raise Objected(failed("inquiry.open", "too-long", most=MOST_STEPS))
        draft = _Draft(first.inquiry, len(steps), act, first.insurer, first.subject, first.due_on)
        await _append(connection, draft, signed, origin)
    return True


async def _append(connection: Connection, draft: _Draft, signed: Signed, origin: str) -> None:
    entry = Entry(
        kind="inquiry",
        at=signed.at,
        body={
            "inquiry": draft.inquiry,
            "place": draft.place,
            "act": draft.act,
            "insurer": draft.insurer,
            "subject": draft.subject,
            "due_on": str(draft.due_on),
            "participant": signed.participant.code,
            "keyid": signed.keyid,
            "body_digest": signed.digest,
        },
    )
    (leaf,) = await append_to_log(connection, [entry], origin)
    step = Step(
        leaf.index,
        draft.inquiry,
        draft.place,
        draft.act,
        draft.insurer,
        draft.subject,
        draft.due_on,
        signed.at,
        signed.participant.code,
        signed.keyid,
        signed.digest,
        signed.body,
    )
    await store.append(connection, step, dict(signed.proof))
