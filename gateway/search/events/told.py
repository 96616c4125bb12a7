"""What happened, as it is told."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from gateway.catalogue import Catalogue
from gateway.entries import problem_entry
from gateway.search.events.store import Given, Held, Impacted, Message
from schemas.calendar import shanghai_day
from schemas.money import Yuan
from schemas.verification import Check

MOST_PROBLEMS = 20
"""So many problems of a message are told in a list; its receipt tells all."""
_WORDS = ("detail", "expected", "cure")


def told_check(check: Check, catalogue: Catalogue) -> dict[str, Any]:
    """A check that did not pass, as `problem_entry` has it: its words in Chinese, and in English under `…_en`."""
    told = problem_entry(check, catalogue, "zh")
    english = problem_entry(check, catalogue, "en")
    return told | {f"{word}_en": english[word] for word in _WORDS if word in english}


def told_impact(event: Impacted, catalogue: Catalogue) -> dict[str, Any]:
    """An impact event; amounts in yuan, `change` is after less before. The reasons are the checks that no longer pass,
    and the movements of money that came with it."""
    before, after = Yuan.of(event.impact["before"]), Yuan.of(event.impact["after"])
    return {
        "insurer": event.insurer,
        "policy_no": event.policy_no,
        "revision": event.revision,
        "known_at": event.known_at,
        "enterprise": event.enterprise,
        "product": event.product,
        "status_before": event.status_before,
        "status": event.status,
        "before": str(before),
        "after": str(after),
        "change": str(after - before),
        "clawback": event.impact["clawback"],
        "schemes": event.impact.get("schemes", []),
        "reasons": [told_check(check, catalogue) for check in event.checks],
        "movements": [
            {"kind": kind, "amount": str(Yuan(int(amount))), "day": day, "source": source, "reason": reason}
            for kind, amount, day, source, reason in event.movements
        ],
        **_links(event.insurer, event.policy_no),
    }


def told_message(one: Message, catalogue: Catalogue) -> dict[str, Any]:
    """A message with its outcome, how many problems it has, and the first of them."""
    return {
        "id": one.id,
        "message_id": one.message_id,
        "received_at": one.received_at,
        "status": one.status,
        "content_type": one.content_type,
        "size": one.size,
        "mapping": one.mapping,
        "records": sum(one.records.values()),
        "types": one.records,
        "premiums": one.premiums,
        "problem_count": len(one.checks),
        "problems": [told_check(check, catalogue) for check in one.checks[:MOST_PROBLEMS]],
        "receipt": f"/v1/submissions/{one.id}",
    }


def told_held(one: Held, catalogue: Catalogue, at: datetime) -> dict[str, Any]:
    """A held premium: since when and for how many days, and what it waits for."""
    return {
        "insurer": one.insurer,
        "policy_no": one.policy_no,
        "revision": one.revision,
        "since": one.since,
        "days": (shanghai_day(at) - shanghai_day(one.since)).days,
        "known_at": one.known_at,
        "enterprise": one.enterprise,
        "product": one.product,
        "gross": one.gross,
        "waits_for": [told_check(check, catalogue) for check in one.checks],
        "subject": f"premium:{one.insurer}/{one.policy_no}",
        **_links(one.insurer, one.policy_no),
    }


def told_directives(given: Sequence[Given], at: datetime) -> list[dict[str, Any]]:
    """The directives, the latest first. `counts`: whether it is the one that counts on its subject at `at`."""
    counting: Mapping[str, str] = {one.subject: one.submission_id for one in given if one.effective_from <= at}
    return [
        {
            "id": one.submission_id,
            "known_at": one.known_at,
            "sender": one.sender,
            "subject": one.subject,
            "action": one.action,
            "effective_from": one.effective_from,
            "reason": one.reason,
            "authority": one.authority,
            "counts": counting.get(one.subject) == one.submission_id,
            "begun": one.effective_from <= at,
            "receipt": f"/v1/submissions/{one.submission_id}",
        }
        for one in reversed(given)
    ]


def _links(insurer: str, policy_no: str) -> dict[str, str]:
    own = f"/v1/insurers/{insurer}/policies/{policy_no}"
    return {"premium": f"{own}/premium", "evidence": f"{own}/evidence"}
