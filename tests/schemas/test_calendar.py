"""Working days: the published notices, the exchanged weekends, and silence about years without a notice."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.calendar import Unpublished, load_calendar, read_calendar, shanghai_day

CALENDAR = load_calendar()
PUBLISHED = st.dates(date(2025, 1, 1), date(2026, 12, 31))


@pytest.mark.parametrize(
    ("year", "holidays", "worked", "working_days"),
    [
        # Days free by the notice, weekend days worked, and the working days that remain: 2025 had 261 weekdays.
        (2025, 28, 5, 248),
        (2026, 33, 6, 248),
    ],
)
def test_a_year_has_as_many_days_as_its_notice_says(year: int, holidays: int, worked: int, working_days: int) -> None:
    days = [date(year, 1, 1) + timedelta(days=offset) for offset in range(365)]
    exceptions = [CALENDAR.exceptions[day] for day in days if day in CALENDAR.exceptions]
    assert (exceptions.count("holiday"), exceptions.count("worked")) == (holidays, worked)
    assert sum(map(CALENDAR.is_working_day, days)) == working_days


@pytest.mark.parametrize(
    ("day", "works"),
    [
        ("2026-01-01", False),  # New Year's Day, a Thursday
        ("2026-01-02", False),  # exchanged
        ("2026-01-04", True),  # the Sunday it was exchanged for
        ("2026-02-14", True),  # the Saturday before the Spring Festival
        ("2026-02-16", False),  # New Year's Eve
        ("2026-02-24", True),
        ("2026-05-09", True),
        ("2026-09-20", True),
        ("2026-09-25", False),  # Mid-Autumn
        ("2026-10-08", True),
        ("2026-10-10", True),
        ("2026-11-21", False),  # a plain Saturday
        ("2025-10-11", True),
        ("2025-10-08", False),
    ],
)
def test_holidays_and_exchanged_days(day: str, works: bool) -> None:
    assert CALENDAR.is_working_day(date.fromisoformat(day)) is works


@pytest.mark.parametrize(
    ("start", "tenth"),
    [
        ("2026-03-02", "2026-03-16"),  # two plain weeks
        ("2026-03-06", "2026-03-20"),  # a Friday
        ("2026-03-07", "2026-03-20"),  # a Saturday counts from Monday as well
        ("2026-02-10", "2026-03-02"),  # over the Spring Festival, with both exchanged Saturdays worked
        ("2026-09-18", "2026-10-09"),  # over Mid-Autumn and National Day
        ("2026-04-24", "2026-05-12"),  # over Labour Day, with Saturday 9 May worked
        ("2025-09-26", "2025-10-16"),  # 28 September and 11 October worked
    ],
)
def test_the_tenth_working_day(start: str, tenth: str) -> None:
    assert CALENDAR.working_days_after(date.fromisoformat(start), 10) == date.fromisoformat(tenth)


def test_nobody_can_count_into_a_year_without_a_notice() -> None:
    assert 2027 not in CALENDAR.years
    with pytest.raises(Unpublished) as refusal:
        CALENDAR.working_days_after(date(2026, 12, 21), 10)
    assert refusal.value.year == 2027
    assert CALENDAR.working_days_after(date(2026, 12, 17), 10) == date(2026, 12, 31)
    with pytest.raises(Unpublished):
        CALENDAR.is_working_day(date(2027, 1, 4))
    with pytest.raises(Unpublished):
        CALENDAR.is_working_day(date(2024, 12, 31))


@given(PUBLISHED, st.integers(1, 30))
def test_counting_counts_working_days(start: date, count: int) -> None:
    try:
        end = CALENDAR.working_days_after(start, count)
    except Unpublished:
        assert start > date(2026, 10, 1)
        return
    between = [start + timedelta(days=offset) for offset in range(1, (end - start).days + 1)]
    assert sum(map(CALENDAR.is_working_day, between)) == count
    assert CALENDAR.is_working_day(end)
    assert end - start >= timedelta(days=count)


@pytest.mark.parametrize("count", [0, -1])
def test_a_count_is_positive(count: int) -> None:
    with pytest.raises(ValueError, match="positive"):
        CALENDAR.working_days_after(date(2026, 3, 2), count)


def test_a_day_is_a_day_in_shanghai() -> None:
    assert shanghai_day(datetime(2026, 3, 1, 15, 59, tzinfo=UTC)) == date(2026, 3, 1)
    assert shanghai_day(datetime(2026, 3, 1, 16, 0, tzinfo=UTC)) == date(2026, 3, 2)
    with pytest.raises(ValueError, match="offset"):
        shanghai_day(datetime(2026, 3, 1))  # noqa: DTZ001


YEAR = """
[[year]]
year = 2023
notice = "x"
published = 2022-12-08
holidays = [{ name = "元旦", from = 2022-12-31, to = 2023-01-02 }]
worked = [2023-01-28]
"""


def test_a_new_year_may_reach_back_into_december() -> None:
    calendar = read_calendar(YEAR)
    assert not calendar.is_working_day(date(2023, 1, 2))
    assert calendar.is_working_day(date(2023, 1, 28))
    with pytest.raises(Unpublished):  # what 2022's own notice says of the day is not known
        calendar.is_working_day(date(2022, 12, 31))


@pytest.mark.parametrize(
    "text",
    [
        YEAR + YEAR,
        YEAR + "[[unpublished]]\nyear = 2023\n",
        YEAR.replace("worked = [2023-01-28]", "worked = [2023-01-27]"),  # a Friday
        YEAR.replace("worked = [2023-01-28]", "worked = [2023-01-01]"),  # a holiday
        YEAR.replace("to = 2023-01-02", "to = 2022-12-30"),
        YEAR.replace("from = 2022-12-31", "from = 2022-11-30"),
        YEAR.replace('notice = "x"', 'notice = "x"\nsource = "y"'),
    ],
)
def test_a_table_that_contradicts_itself_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        read_calendar(text)
