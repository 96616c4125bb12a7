"""Years between days: anniversaries as the Civil Code counts them, and the length of a period of insurance."""

from datetime import date
from fractions import Fraction

_YEAR = 365


def same_day_later(day: date, years: int) -> date:
    """The corresponding day `years` later, or the last of that month if there is none (Civil Code art. 202)."""
    year = min(day.year + years, date.max.year)
    try:
        return day.replace(year=year)
    except ValueError:
        return date(year, 2, 28)


def whole_years(start: date, end: date) -> int | None:
    """How many whole years the days from `start` to `end` are, both inclusive; `None` if they are not.

    They are n years if the day after `end` is the same day n years after `start`; 29 February counts as 1 March in a
    common year.
    """
    if end <= start or end == date.max:
        return None
    after = date.fromordinal(end.toordinal() + 1)
    years = after.year - start.year
    if years < 1:
        return None
    try:
        same = start.replace(year=after.year)
    except ValueError:
        same = date(after.year, 3, 1)
    return years if after == same else None


def years_between(start: date, end: date) -> Fraction:
    """The length of the period in years: whole ones, else its days, both ends included, by 365; not rounded."""
    whole = whole_years(start, end)
    return Fraction(whole) if whole else Fraction(end.toordinal() - start.toordinal() + 1, _YEAR)
