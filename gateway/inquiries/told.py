"""An inquiry as it is told: where it stands, whether it is overdue, and every step."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from gateway.inquiries.store import Standing, Step
from schemas.calendar import shanghai_day
from untrusted import read_json

_STANDS: dict[str, Standing] = {"asked": "open", "answered": "answered", "closed": "closed"}


def told_inquiry(steps: Sequence[Step], at: datetime) -> dict[str, Any]:
    """The inquiry of these steps, as it stands at `at`.

    `overdue`: it is not answered, and its last day has passed. `late`: the first answer came after that day.
    """
    first, last = steps[0], steps[-1]
    answers = [one for one in steps if one.act == "answered"]
    question = read_json(first.body)
    return {
        "id": first.inquiry,
        "insurer": first.insurer,
        "subject": first.subject,
        "status": _STANDS[last.act],
        "asked_at": first.at,
        "asked_by": first.participant,
        "question": question["question"],
        "due_on": first.due_on,
        "overdue": last.act == "asked" and shanghai_day(at) > first.due_on,
        "late": bool(answers) and shanghai_day(answers[0].at) > first.due_on,
        "answers": len(answers),
        "answered_at": answers[-1].at if answers else None,
        "closed_at": last.at if last.act == "closed" else None,
        "outcome": read_json(last.body)["outcome"] if last.act == "closed" else None,
        "about": _about(first),
    }


def told_steps(steps: Sequence[Step]) -> list[dict[str, Any]]:
    """Every step as it was signed, with its leaf in the log."""
    return [
        {
            "act": one.act,
            "at": one.at,
            "by": one.participant,
            "keyid": one.keyid,
            "leaf_index": one.leaf_index,
            "body_digest": one.body_digest,
            "said": read_json(one.body),
        }
        for one in steps
    ]


def _about(first: Step) -> str:
    kind, _, name = first.subject.partition(":")
    if kind == "submission":
        return f"/v1/submissions/{name}"
    insurer, _, policy_no = name.partition("/")
    return f"/v1/insurers/{insurer}/policies/{policy_no}/premium"
