"""The ten working days that a filing 备案 may take after a clause's first use."""

from datetime import date, timedelta
from typing import Any

from gateway.filing.case import Finding, finding
from schemas.calendar import Calendar, Unpublished
from schemas.filing import Filing, Interval
from schemas.verification import Outcome

WORKING_DAYS = 10
ENDED = {"stopped": "stopped", "ordered_stop": "ordered-stop", "withdrawn": "withdrawn", "returned": "returned"}


def judge_grace(filing: Filing, day: date, today: date, calendar: Calendar) -> Finding:
    """FL-3: was signing on `day`, before the registration was complete, within the time that a filing may take?

    Passed only if the registration was completed within ten working days of the first use. A signing within the ten
    days that is not yet, or was only later, followed by a registration is indeterminate, to be rechecked on the tenth
    day; a signing after them failed. Clauses that need approval 审批 have no such time.
    """
    first = filing.first_used_on
    facts: dict[str, Any] = {"registered_on": str(filing.registered_on), "first_used_on": str(first) if first else None}
    if filing.regime == "approved":
        return finding(Outcome.FAILED, "not-approved", filing, **facts)
    if first is None:
        return finding(Outcome.INDETERMINATE, "first-use-unknown", filing, **facts)
    if day < first:
        return finding(Outcome.FAILED, "before-first-use", filing, **facts)
    then = _state_after(filing, day)
    if then is not None and then.state in ENDED and then.from_ <= today:
        return finding(Outcome.FAILED, ENDED[then.state], filing, **facts, since=str(then.from_))
    completed = _completed_on(filing, then)
    try:
        last = calendar.working_days_after(first, WORKING_DAYS)
    except Unpublished as gap:
        # Ten working days are no fewer than ten days, whatever the holidays will be.
        if completed is not None and completed <= min(first + timedelta(days=WORKING_DAYS), today):
            return finding(Outcome.PASSED, None, filing, **facts, completed_on=str(completed))
        return finding(Outcome.INDETERMINATE, "calendar-unpublished", filing, **facts, year=gap.year)
    facts |= {"recheck_on": str(last), "calendar": calendar.digest}
    if completed is not None and completed <= min(last, today):
        return finding(Outcome.PASSED, None, filing, **facts, completed_on=str(completed))
    if day > last:
        return finding(Outcome.FAILED, "number-overdue", filing, **facts)
    if completed is not None and completed <= today:
        return finding(Outcome.INDETERMINATE, "registered-late", filing, **facts, completed_on=str(completed))
    return finding(Outcome.INDETERMINATE, "number-pending", filing, **facts)


def may_be_numberless(filing: Filing, day: date) -> bool:
    """Whether on `day` the clause was, as far as the registry says, not yet registered but not ended either."""
    interval = filing.state_on(day)
    return day < filing.registered_on if interval is None else interval.state == "pending"


def _state_after(filing: Filing, day: date) -> Interval | None:
    """The state of `day` unless it is pending, else the first later one that is not."""
    open_after = [one for one in filing.intervals if one.state != "pending" and (one.to is None or one.to >= day)]
    return min(open_after, key=lambda one: one.from_, default=None)


def _completed_on(filing: Filing, then: Interval | None) -> date | None:
    """The day on which the clause was both registered and in use, if it ever was."""
    if then is None or then.state != "in_use":
        return None
    day = max(then.from_, filing.registered_on)
    return day if then.covers(day) else None
