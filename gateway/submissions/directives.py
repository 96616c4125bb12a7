"""Directives 监管指令: what a regulator has stopped, and from when on."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from schemas.calendar import shanghai_day
from schemas.policy import Policy
from schemas.premium import Directive
from schemas.verification import Check, failed, passed

Given = tuple[str, Directive]  # submission, directive


def in_effect(directives: Iterable[Given], at: datetime) -> dict[str, Given]:
    """The directive that counts on each subject at `at`: the last one told that is in effect by then."""
    return {told.subject: (name, told) for name, told in directives if told.effective_from <= at}


def check_not_suspended(insurer: str, types: Iterable[str], stopped: Mapping[str, Given]) -> Check:
    """Neither the insurer, nor one of the message's record types, nor that type from this insurer is suspended."""
    rule = "message.not-suspended"
    subjects = [f"insurer:{insurer}"]
    for kind in sorted(set(types)):
        subjects += [f"type:{kind}", f"insurer:{insurer}/type:{kind}"]
    for subject in subjects:
        name, told = stopped.get(subject, ("", None))
        if told is not None and told.action == "suspend":
            return failed(
                rule,
                "suspended",
                subject=subject,
                directive=name,
                authority=told.authority,
                since=told.effective_from.isoformat(),
                why=told.reason,
            )
    return passed(rule)


def check_clauses(policy: Policy, stopped: Mapping[str, Given]) -> Sequence[Check]:
    """No clause of the policy was suspended by directive on the day of signing; nothing to say where none ever was."""
    rule = "policy.clause-not-suspended"
    checks = []
    for clause in policy.clauses:
        name, told = stopped.get(f"clause:{clause.registration_no}", ("", None))
        if told is None or told.action != "suspend":
            continue
        since = shanghai_day(told.effective_from)
        facts: dict[str, Any] = {"clause": clause.registration_no, "directive": name, "since": str(since)}
        if policy.issued_on is None or policy.issued_on >= since:
            checks.append(failed(rule, "suspended", field="clauses", **facts))
        else:
            checks.append(passed(rule, **facts))
    return checks
