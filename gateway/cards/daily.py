"""The daily card 每日反馈: what was refused or is open, why, in which cell, how to mend it, and until when."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from gateway.cards import store, terms
from gateway.cards.store import Mending, OpenDocument, OpenPremium, Window
from gateway.cards.terms import Period
from gateway.catalogue import Catalogue
from gateway.completeness.compare import as_json as day_as_json
from gateway.completeness.store import load_states
from gateway.db import Connection
from gateway.participants import Participant
from gateway.search.events.store import Message, list_messages
from gateway.search.events.told import told_check
from schemas.calendar import shanghai_day
from schemas.canonical import as_json
from schemas.verification import Check

MOST = 500
"""So many messages, premiums and documents of a day are listed; `more` says that there are others."""
_MOST_PROBLEMS = 50
_JUST = timedelta(microseconds=1)


async def make_daily(
    connection: Connection, insurer: Participant, period: Period, as_of: datetime, catalogue: Catalogue
) -> dict[str, Any]:
    """What the card says, as plain JSON values; it follows from what was known at `as_of`."""
    window = Window(insurer.code, period.start, period.end, as_of)
    until = min(period.end, as_of + _JUST)
    (state,) = await load_states(connection, [(insurer.code, period.first)], as_of)
    listed: dict[str, Any] = {}
    for outcome in ("refused", "held"):
        found, more = await _messages(connection, insurer.code, period.start, until, outcome)
        mending = await store.find_mending(connection, window, [one.id for one in found])
        told = [_message(one, mending.get(one.id), as_of, catalogue) for one in found]
        listed[outcome] = {"items": told, "more": more}
    premiums = await store.list_open_premiums(connection, window, MOST + 1)
    lines = await store.list_refused_lines(connection, window, MOST + 1)
    documents = await store.list_open_documents(connection, window, MOST + 1)
    counts = await store.count_messages(connection, window)
    stands = await store.count_revisions(connection, window)
    return {
        "messages": {"total": sum(counts.values()), **counts},
        "mend_by": _mend_by(period.start),
        "day_close": day_as_json(state, {}, 0),
        "refused": listed["refused"],
        "held": listed["held"],
        "batch_lines": {
            "items": [
                {
                    "batch": one.batch,
                    "line": one.line,
                    "mend_by": _mend_by(period.start),
                    "problem_count": len(one.checks),
                    "problems": _problems(one.checks, catalogue),
                }
                for one in lines[:MOST]
            ],
            "more": len(lines) > MOST,
        },
        "premiums": {
            "counts": stands,
            "items": [_premium(one, catalogue) for one in premiums[:MOST]],
            "more": len(premiums) > MOST,
        },
        "documents": {
            "items": [_document(one, catalogue) for one in documents[:MOST]],
            "more": len(documents) > MOST,
        },
    }


async def _messages(
    connection: Connection, insurer: str, start: datetime, until: datetime, outcome: str
) -> tuple[Sequence[Message], bool]:
    """The messages of that outcome, the first that came first; at most `MOST` of the latest."""
    found: list[Message] = []
    after, more = None, True
    while more and len(found) < MOST:
        page, more = await list_messages(connection, insurer, start, until, outcome, after, MOST - len(found))
        found += page
        if page:
            after = (page[-1].received_at, page[-1].id)
    return found[::-1], more


def _message(one: Message, mending: Mending | None, as_of: datetime, catalogue: Catalogue) -> dict[str, Any]:
    mend_by = None if one.status == "held" else _mend_by(one.received_at)
    return {
        "id": one.id,
        "message_id": one.message_id,
        "received_at": as_json(one.received_at),
        "content_type": one.content_type,
        "records": sum(one.records.values()),
        "mend_by": mend_by,
        "state": state_of(one.status, mending, mend_by, as_of),
        "mended_by": list(mending.by) if mending else [],
        "problem_count": len(one.checks),
        "problems": _problems(one.checks, catalogue),
    }


def state_of(status: str, mending: Mending | None, mend_by: str | None, as_of: datetime) -> str:
    """Where the mending of a message stands at `as_of`.

    `mended`: each of its records that was refused was told again and taken. `open`, or `overdue` after its last day.
    `unread`: no record of it was read as a whole, so that only people can tell what takes its place.
    `waits`: it is held, and nothing has to be mended.
    """
    if status == "held":
        return "waits"
    if mending is not None and mending.refused == mending.told_since:
        return "mended"
    if mending is None:
        return "unread"
    return "overdue" if mend_by is not None and str(shanghai_day(as_of)) > mend_by else "open"


def _mend_by(at: datetime) -> str | None:
    """The last day for mending, whole; None if it cannot be counted."""
    due = terms.due_by(shanghai_day(at), terms.MEND_WITHIN)
    return None if due is None else str(due)


def _problems(checks: Sequence[Check], catalogue: Catalogue) -> list[dict[str, Any]]:
    return [told_check(check, catalogue) for check in checks[:_MOST_PROBLEMS]]


def _premium(one: OpenPremium, catalogue: Catalogue) -> dict[str, Any]:
    return {
        "policy_no": one.policy_no,
        "enterprise": one.enterprise,
        "revision": one.revision,
        "status": one.status,
        "known_at": as_json(one.known_at),
        "problem_count": len(one.checks),
        "problems": _problems(one.checks, catalogue),
    }


def _document(one: OpenDocument, catalogue: Catalogue) -> dict[str, Any]:
    return {
        "digest": one.digest,
        "received_at": as_json(one.received_at),
        "kind": one.kind,
        "policy_no": one.policy_no,
        "outcome": one.outcome,
        "problem_count": len(one.checks),
        "problems": _problems(one.checks, catalogue),
    }
