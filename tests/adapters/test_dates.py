"""Days, moments and periods (DIALECTS 0.6, 0.7)."""

from datetime import date, datetime, timedelta, timezone

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from adapters import dates
from adapters.dates import Moment
from adapters.problems import Unreadable

DAYS = st.dates(date(1990, 1, 1), date(2100, 12, 31))
FORMS = (
    "{0.year}-{0.month}-{0.day}",
    "{0.year}/{0.month:02}/{0.day:02}",
    "{0.year}.{0.month}.{0.day:02}",
    "{0.year}年{0.month}月{0.day}日",
    "{0.year}年{0.month:02}月{0.day}号",
    "{0:%Y%m%d}",
    "{0:%Y-%m-%d}",
)


def why(raw: str) -> str:
    with pytest.raises(Unreadable) as caught:
        dates.moment_or_serial(raw)
    assert caught.value.rule == "date.unreadable"
    return caught.value.reason


@given(DAYS, st.sampled_from(FORMS), st.sampled_from(["", " 10:12", " 9:05:33", "T23:59:59.997", " 24:00"]))
def test_every_form_of_a_day_is_the_same_day(day: date, form: str, time: str) -> None:
    assert dates.day(form.format(day) + time) == day
    assert dates.day(f"\u3000{form.format(day)}{time} ") == day


@given(DAYS)
def test_a_serial_of_a_spreadsheet_is_the_day_that_it_shows(day: date) -> None:
    serial = (day - date(1899, 12, 30)).days
    assert dates.day_or_serial(str(serial)) == day
    with pytest.raises(Unreadable):
        dates.day(str(serial))


@given(st.datetimes(datetime(1992, 1, 2), datetime(2100, 12, 30)), st.integers(-14 * 60, 14 * 60))  # noqa: DTZ001
def test_a_moment_with_offset_is_its_day_in_shanghai(moment: datetime, minutes: int) -> None:
    moment = moment.replace(microsecond=0, tzinfo=timezone(timedelta(minutes=minutes)))
    assert dates.day(moment.isoformat()) == moment.astimezone(dates.SHANGHAI).date()


@pytest.mark.parametrize(
    ("raw", "moment"),
    [
        ("2026-03-01 00:00:00", Moment(date(2026, 3, 1), 0)),
        ("2026-03-01 24:00", Moment(date(2026, 3, 1), 86400)),
        ("2026-02-28T16:00:00Z", Moment(date(2026, 3, 1), 0)),
        ("2026-02-28 24:00:00+08:00", Moment(date(2026, 3, 1), 0)),
        ("20260226140359", Moment(date(2026, 2, 26), 14 * 3600 + 239)),
        ("２０２６－０３－０１", Moment(date(2026, 3, 1), None)),
        ("46098", Moment(date(2026, 3, 17), None)),
        ("00000000", None),
        ("0001-01-01 00:00:00", None),
        ("1900/1/1", None),
        ("0000-00-00", None),
        ("/", None),
    ],
)
def test_a_moment_is_read(raw: str, moment: Moment | None) -> None:
    assert dates.moment_or_serial(raw) == moment


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        ("3/4/2026", "day-or-month-first"),
        ("26-03-01", "two-digit-year"),
        ("2026-02-29", "no-such-day"),
        ("2026年2月30日", "no-such-day"),
        ("2026-13-01", "no-such-day"),
        ("1989-12-31", "year-out-of-range"),
        ("2101-01-01", "year-out-of-range"),
        ("19999", "serial-out-of-range"),
        ("80001", "serial-out-of-range"),
        ("20000", "year-out-of-range"),
        ("2026-03/01", "form"),
        ("2026-03-01 24:01", "no-such-time"),
        ("2026-03-01 25:00", "no-such-time"),
        ("2026-03-01 10:60", "no-such-time"),
        ("2026-03-01 10:00:60", "no-such-time"),
        ("2026-03-01 10:00:00+24:00", "no-such-time"),
        ("2026-03-01Z", "form"),
        ("2026-3", "form"),
        ("明天", "form"),
        ("1740787200000", "form"),
    ],
)
def test_what_is_no_day_for_certain_is_refused(raw: str, reason: str) -> None:
    assert why(raw) == reason


@given(st.text(alphabet="0123456789-/.年月日号: TZ+", max_size=24))
def test_no_text_breaks_the_reader(raw: str) -> None:
    try:
        found = dates.moment_or_serial(raw)
    except Unreadable:
        return
    assert found is None or 1989 <= found.day.year <= 2101


def settled(start: str, end: str) -> tuple[str, str] | str:
    first, last = dates.moment(start), dates.moment(end)
    assert first is not None
    assert last is not None
    try:
        found = dates.period(first, last)
    except Unreadable as error:
        return f"{error.rule} {error.reason}"
    return found[0].isoformat(), found[1].isoformat()


YEAR = ("2026-04-01", "2027-03-31")


@pytest.mark.parametrize(
    ("start", "end", "period"),
    [
        ("2026-04-01", "2027-03-31", YEAR),
        ("2026-04-01 00:00:00", "2027-03-31 24:00:00", YEAR),
        ("2026-04-01 00:00:00", "2027-03-31 23:59:59", YEAR),
        ("2026-04-01 00:00", "2027-03-31 23:59", YEAR),
        ("2026-04-01 00:00", "2027-03-31 23:59:59.997", YEAR),
        ("2026-03-31 24:00:00", "2027-03-31 24:00:00", YEAR),
        ("2026-04-01", "2027-03-31 24:00", YEAR),
        ("2026-04-01 00:00:00", "2027-04-01 00:00:00", YEAR),
        ("2026-04-01 00:00:00", "2027-03-31 00:00:00", YEAR),
        ("2026-03-31 24:00:00", "2027-04-01 00:00:00", YEAR),
        ("2026-04-01 00:00:00", "2028-04-01 00:00:00", ("2026-04-01", "2028-03-31")),
        ("2024-02-29 00:00:00", "2025-03-01 00:00:00", ("2024-02-29", "2025-02-28")),
        ("2024-02-29 00:00:00", "2025-02-28 00:00:00", ("2024-02-29", "2025-02-28")),
        ("2026-04-01 00:00:00", "2026-09-15 00:00:00", "period.ambiguous midnight-at-the-end"),
        ("2026-04-01 00:00:00", "2026-04-01 00:00:00", "period.ambiguous midnight-at-the-end"),
        ("2026-04-01", "2027-04-01 00:00:00", "period.ambiguous time-at-the-end-only"),
        ("2026-04-01 12:00", "2027-03-31", "period.not-whole-days time-of-day"),
        ("2026-04-01", "2027-03-31 12:00", "period.not-whole-days time-of-day"),
        ("2026-04-01", "2027-03-31 23:59:30", "period.not-whole-days time-of-day"),
        ("2026-04-01 00:00:00.5", "2027-03-31", "period.not-whole-days time-of-day"),
        ("2026-05-01", "2026-04-30", "period.inverted ends-before-it-starts"),
        ("2026-05-01", "2026-05-01", ("2026-05-01", "2026-05-01")),
    ],
)
def test_a_period_is_whole_days_or_refused(start: str, end: str, period: tuple[str, str] | str) -> None:
    assert settled(start, end) == period


@given(st.dates(date(2000, 1, 1), date(2080, 12, 31)), st.integers(1, 10))
def test_whole_years_are_recognised_and_their_two_midnights_are_one_period(start: date, years: int) -> None:
    after = dates.anniversary(start, years)
    last = after - timedelta(days=1)
    assert dates.whole_years(start, last) == years
    inclusive = dates.period(Moment(start, 0), Moment(last, 0))
    assert dates.period(Moment(start, 0), Moment(after, 0)) == inclusive == (start, last)


@given(st.dates(date(2000, 1, 1), date(2050, 1, 1)), st.integers(1, 4000))
def test_days_that_are_not_whole_years_are_not(start: date, days: int) -> None:
    end = start + timedelta(days=days)
    after = end + timedelta(days=1)
    assume((after.month, after.day) != (start.month, start.day) and (start.month, start.day) != (2, 29))
    assert dates.whole_years(start, end) is None
