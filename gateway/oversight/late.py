"""Filings that were not completed within ten working days 工作日 of the clause's first use, 调休 counted."""

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from gateway.filing.grace import ENDED, WORKING_DAYS, judge_grace
from gateway.filing.registry import FilingRegistry
from schemas.calendar import Calendar, Unpublished
from schemas.filing import Filing
from schemas.verification import Outcome

_IN_TIME = timedelta(days=WORKING_DAYS)  # ten working days are no fewer than ten days


@dataclass(frozen=True, slots=True)
class Late:
    """A filing that is late (`failed`), or of which it cannot be said yet (`indeterminate`), and why.

    `due_on` is the tenth working day, `completed_on` the day on which the clause was registered and in use.
    """

    filing: Filing
    outcome: Outcome
    reason: str
    due_on: date | None
    completed_on: date | None
    days_late: int | None

    def as_json(self, policies: int, first: date | None, last: date | None) -> dict[str, Any]:
        """As it is listed, with the policies that were signed before the filing was complete."""
        filing = self.filing
        return {
            "insurer": filing.insurer,
            "clause": filing.registration_no,
            "name": filing.name,
            "outcome": self.outcome.value,
            "reason": self.reason,
            "first_used_on": str(filing.first_used_on),
            "due_on": str(self.due_on) if self.due_on else None,
            "registered_on": str(filing.registered_on),
            "completed_on": str(self.completed_on) if self.completed_on else None,
            "working_days_late": self.days_late,
            "policies": policies,
            "first_signed_on": str(first) if first else None,
            "last_signed_on": str(last) if last else None,
            "source": filing.source.registry,
            "as_of": str(filing.source.as_of),
        }


def late_filings(
    registry: FilingRegistry, insurers: list[str], today: date, max_age_days: int, calendar: Calendar
) -> tuple[list[Late], int]:
    """The late and the open ones by insurer and number; and of how many filings the first use is not stated.

    Clauses that need approval 审批 have no such time and are left out. A filing that its source has not confirmed for
    `max_age_days` may be complete by now: that it is late is then not said.
    """
    found: list[Late] = []
    unknown = 0
    for insurer in insurers:
        for filing in registry.of_insurer(insurer):
            if filing.regime == "approved":
                continue
            if filing.first_used_on is None:
                unknown += 1
            elif not _surely_in_time(filing, filing.first_used_on):
                age = (today - registry.confirmed_on(filing)).days
                late = _late(filing, filing.first_used_on, today, calendar, stale=not 0 <= age <= max_age_days)
                found += [late] if late else []
    return sorted(found, key=lambda one: (one.filing.insurer, one.filing.registration_no)), unknown


def _surely_in_time(filing: Filing, first: date) -> bool:
    """Whether it was registered and in use within ten days, which needs no calendar."""
    if filing.registered_on > first + _IN_TIME:
        return False
    return any(one.state == "in_use" and one.from_ <= first + _IN_TIME for one in filing.intervals)


def _late(filing: Filing, first: date, today: date, calendar: Calendar, *, stale: bool) -> Late | None:
    judged = judge_grace(filing, first, today, calendar)
    if judged.outcome is Outcome.PASSED or judged.reason is None or first > today:
        return None
    due = _day(judged.facts.get("recheck_on"))
    completed = _day(judged.facts.get("completed_on"))
    reason = judged.reason
    outcome = judged.outcome
    if reason == "registered-late":
        outcome = Outcome.FAILED  # of the filing this is certain; what it means for a policy is not decided here
    elif reason == "number-pending" and due is not None and today > due:
        outcome, reason = Outcome.FAILED, "number-overdue"
    if stale and completed is None and reason not in ENDED.values():
        outcome, reason = Outcome.INDETERMINATE, "registry-stale"
    until = completed or today
    counts = outcome is Outcome.FAILED and due is not None and until > due
    days_late = _working_days(due, until, calendar) if counts and due is not None else None
    return Late(filing, outcome, reason, due, completed, days_late)


def _working_days(after: date, until: date, calendar: Calendar) -> int | None:
    """How many working days lie behind `after`, up to and with `until`; `None` where a year is not published."""
    days = (after + timedelta(days=n) for n in range(1, (until - after).days + 1))
    try:
        return sum(map(calendar.is_working_day, days))
    except Unpublished:
        return None


def _day(text: Any) -> date | None:
    return date.fromisoformat(text) if text else None
