"""Years between days: where 29 February falls, what a whole year is, and what lies at the end of the calendar."""

from datetime import date
from fractions import Fraction

import pytest

from gateway.schemes.days import same_day_later, whole_years, years_between

WHOLE = [
    ("2026-03-01", "2027-02-28", 1),
    ("2026-03-01", "2028-02-29", 2),
    ("2024-02-29", "2025-02-28", 1),  # in a common year 29 February counts as 1 March
    ("2024-02-29", "2028-02-28", 4),
    ("2024-02-29", "2028-02-29", None),
    ("2023-03-01", "2024-02-28", None),
    ("2023-03-01", "2024-02-29", 1),
    ("2026-01-01", "2026-12-31", 1),
    ("2026-03-01", "2026-03-01", None),
    ("2026-03-01", "2026-02-28", None),
    ("2026-03-01", "2027-03-01", None),
    ("2026-03-01", "9999-12-31", None),
    ("0001-01-01", "9998-12-31", 9998),
]


@pytest.mark.parametrize(("start", "end", "years"), WHOLE)
def test_whole_years(start: str, end: str, years: int | None) -> None:
    first, last = date.fromisoformat(start), date.fromisoformat(end)
    assert whole_years(first, last) == years
    if years is None:
        assert years_between(first, last) == Fraction(last.toordinal() - first.toordinal() + 1, 365)
    else:
        assert years_between(first, last) == years


LATER = [
    ("2021-03-15", "2026-03-15"),
    ("2024-02-29", "2029-02-28"),
    ("2021-02-28", "2026-02-28"),
    ("9996-01-01", "9999-01-01"),
    ("9996-02-29", "9999-02-28"),
]


@pytest.mark.parametrize(("day", "later"), LATER)
def test_five_years_later(day: str, later: str) -> None:
    assert same_day_later(date.fromisoformat(day), 5) == date.fromisoformat(later)
