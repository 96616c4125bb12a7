"""An authority's word on what is open: it settles the points that it was about, as they stood, and nothing else."""

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from gateway.submissions.known import Decided
from schemas.canonical import canonical
from schemas.premium import Decision
from schemas.verification import Check, Outcome, Severity, failed, passed

_SUBJECT = re.compile(r"premium:([0-9A-Z-]{2,32})/([0-9A-Z-]{10,30})(?:#([a-z0-9.-]{3,80}))?")
# Facts that move with the day of the verdict and not with what it is about.
_MOVING = {"judged_at", "today", "at", "as_of", "age_days", "fetched_at", "known_since"}


def subject_of(decision: Decision) -> tuple[str, str, str | None] | None:
    """Insurer, policy number and rule that the decision is about; `None` if it is about something else."""
    found = _SUBJECT.fullmatch(decision.subject)
    return (found[1], found[2], found[3]) if found else None


def fingerprint(check: Check | Mapping[str, Any]) -> str:
    """What a check is about, whenever it was made: rule, reason, field, and the facts that do not only tell the day."""
    plain: Mapping[str, Any] = check.model_dump(mode="json") if isinstance(check, Check) else check
    facts = {name: value for name, value in (plain.get("facts") or {}).items() if name not in _MOVING}
    about = [plain["rule"], plain.get("reason") or "", plain.get("field") or "", facts]
    return hashlib.sha256(canonical(about)).hexdigest()


def open_points(checks: Iterable[Check | Mapping[str, Any]], rule: str | None) -> frozenset[str]:
    """The fingerprints of what was indeterminate, of one rule or of all."""
    return frozenset(
        fingerprint(check)
        for check in checks
        if _said(check, "outcome") == "indeterminate"
        and (_said(check, "severity") or "error") == "error"
        and rule in (None, _said(check, "rule"))
    )


def _said(check: Check | Mapping[str, Any], name: str) -> Any:
    return getattr(check, name) if isinstance(check, Check) else check.get(name)


def settle(checks: Sequence[Check], decisions: Sequence[Decided]) -> list[Check]:
    """The checks with what authorities said about them; the last word on a point counts.

    An open point that was accepted is told and no longer decides; one that was rejected fails. What failed stays so.
    """
    if not decisions:
        return list(checks)
    settled: list[Check] = []
    words: dict[tuple[str, str], Check] = {}
    for check in checks:
        word = None
        if check.outcome is Outcome.INDETERMINATE and check.severity is Severity.ERROR:
            point = fingerprint(check)
            word = next((one for one in reversed(decisions) if point in one.points), None)
        if word is None:
            settled.append(check)
            continue
        settled.append(check.model_copy(update={"severity": Severity.NOTICE}))
        facts: dict[str, Any] = {
            "about": check.rule,
            "open": check.reason,
            "authority": word.authority,
            "decision": word.submission_id,
        }
        rule = "record.decided-by-authority"
        decided = passed(rule, **facts) if word.outcome == "accepted" else failed(rule, "rejected", **facts)
        words[check.rule, word.submission_id] = decided
    return [*settled, *words.values()]
