"""By which terms cards are computed: their periods, from when on they are final, what is late, until when to mend.

No rule of law sets these days. They follow from the evening's control totals 日结: what belongs to a day is told by the
next working day, for then the day can be closed and agree; and what was refused is told rightly by the next working
day, for until then its day does not agree.
"""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Final, Literal

from schemas.calendar import SHANGHAI, Unpublished, load_calendar

LATE_AFTER: Final = 1
"""Working days after the day of issue, or on which the money came: what is told later is late."""
MEND_WITHIN: Final = 1
"""Working days after the day of the refusal, the last one whole."""
SETTLES: Final = {"daily": timedelta(minutes=2), "monthly": timedelta(days=3)}
"""So long after its period a card is final. A month's includes what is told of its last days, weekend or not."""
KEYS_END_SOON: Final = timedelta(days=60)

Kind = Literal["daily", "monthly"]


@dataclass(frozen=True, slots=True)
class Period:
    """A day or a month, from its first moment in Asia/Shanghai until before its `end`."""

    kind: Kind
    first: date
    last: date

    @property
    def start(self) -> datetime:
        """The first moment."""
        return datetime.combine(self.first, datetime.min.time(), SHANGHAI)

    @property
    def end(self) -> datetime:
        """The first moment after it."""
        return datetime.combine(self.last + timedelta(days=1), datetime.min.time(), SHANGHAI)

    @property
    def final_at(self) -> datetime:
        """From when on its card is final."""
        return self.end + SETTLES[self.kind]

    @property
    def name(self) -> str:
        """`2026-08-31` or `2026-08`."""
        return self.first.isoformat() if self.kind == "daily" else self.first.isoformat()[:7]

    def days(self) -> list[date]:
        """Each of its days."""
        return [self.first + timedelta(days=place) for place in range((self.last - self.first).days + 1)]

    def revision(self, as_of: datetime) -> int:
        """0 before the card is final; then 1, and one more for each day that what is known has gone on since."""
        return 0 if as_of < self.final_at else 1 + (as_of - self.final_at).days


def day_of(day: date) -> Period:
    """The day."""
    return Period("daily", day, day)


def month_of(first: date) -> Period:
    """The month that begins with this day."""
    following = (first.replace(day=1) + timedelta(days=32)).replace(day=1)
    return Period("monthly", first.replace(day=1), following - timedelta(days=1))


def due_by(day: date, working_days: int) -> date | None:
    """The last day on which it is in time; None if the holidays of a year on the way are not published."""
    try:
        return load_calendar().working_days_after(day, working_days)
    except Unpublished:
        return None


def as_json() -> dict[str, Any]:
    """The terms as a card states them."""
    return {
        "late_after_working_days": LATE_AFTER,
        "mend_within_working_days": MEND_WITHIN,
        "keys_end_soon_days": KEYS_END_SOON.days,
        "calendar": load_calendar().digest,
    }
