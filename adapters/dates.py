"""Days, moments and periods as insurers write them (DIALECTS 0.6, 0.7), in Asia/Shanghai."""

import re
from datetime import UTC, date, datetime, timedelta, timezone
from typing import NamedTuple
from unicodedata import normalize

from adapters.convert import remembered, stated
from adapters.problems import Unreadable

SHANGHAI = timezone(timedelta(hours=8))

_TIME = r"(?:(?:\s+|T)(?P<time>[0-9]{1,2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]{1,9})?)?)(?P<zone>Z|[+-][0-9]{2}:[0-9]{2})?)?"
_FORMS = (
    re.compile(r"([0-9]{4})(?P<by>[-/.])([0-9]{1,2})(?P=by)([0-9]{1,2})" + _TIME),
    re.compile(r"([0-9]{4})()年([0-9]{1,2})月([0-9]{1,2})[日号]" + _TIME),
    re.compile(r"([0-9]{4})()([0-9]{2})([0-9]{2})" + _TIME),
)
_STAMP = re.compile(r"([0-9]{4})()([0-9]{2})([0-9]{2})([0-9]{2})([0-9]{2})([0-9]{2})")
_ISO = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_RFC3339 = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,9})?(?:Z|[+-][0-9]{2}:[0-9]{2})"
)
_SERIAL = re.compile(r"[0-9]{5}")
_TWO_DIGIT_YEAR = re.compile(r"[0-9]{2}([-/.])[0-9]{1,2}\1[0-9]{1,2}")
_DAY_FIRST = re.compile(r"[0-9]{1,2}([-/.])[0-9]{1,2}\1[0-9]{4}")

_LONGEST = 100
_NULL_DAYS = frozenset({(0, 0, 0), (1, 1, 1), (1900, 1, 1)})
_FIRST_YEAR, _LAST_YEAR = 1990, 2100
_SOME_CENTURIES = 10**13  # milliseconds
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SERIAL_ZERO = date(1899, 12, 30)

MIDNIGHT = 0
DAY = 86_400
_LAST_MINUTE = DAY - 60
_LAST_SECOND = DAY - 1


class Moment(NamedTuple):
    """A day, and the second of it if a time of day is stated: 0 to 86 400 (24:00); a half is a fraction of a second."""

    day: date
    clock: float | None


@remembered(16384)
def moment(raw: str) -> Moment | None:
    """A day with or without a time of day, in any of the forms of DIALECTS 0.6. Null dates (00000000) are none."""
    return _moment(raw, serials=False)


@remembered(16384)
def moment_or_serial(raw: str) -> Moment | None:
    """The same, in a list made by a spreadsheet: five digits are days since 1899-12-30."""
    return _moment(raw, serials=True)


def day(raw: str) -> date | None:
    """The day of a moment; its time of day is dropped."""
    found = moment(raw)
    return found and found.day


def day_or_serial(raw: str) -> date | None:
    """The same, in a list made by a spreadsheet."""
    found = moment_or_serial(raw)
    return found and found.day


def day_of_epoch(milliseconds: int) -> date | None:
    """The day in Asia/Shanghai of a moment in milliseconds since 1970 in UTC; of a null date, none."""
    if abs(milliseconds) > _SOME_CENTURIES:
        raise Unreadable("date.unreadable", "year-out-of-range")
    return day(f"{(_EPOCH + timedelta(milliseconds=milliseconds)).astimezone(SHANGHAI):%Y-%m-%d}")


def iso_day(text: str) -> date:
    """`YYYY-MM-DD` and nothing else: the standard schema's own form."""
    if not _ISO.fullmatch(text):
        raise Unreadable("date.unreadable", "form")
    return _calendar(int(text[:4]), int(text[5:7]), int(text[8:]))


def rfc3339(text: str) -> str:
    """The moment `text` with its offset, unchanged."""
    if not _RFC3339.fullmatch(text):
        raise Unreadable("date.unreadable", "no-offset")
    try:
        datetime.fromisoformat(text)
    except ValueError as error:
        raise Unreadable("date.unreadable", "no-such-day") from error
    return text


def _moment(raw: str, *, serials: bool) -> Moment | None:
    value = stated(raw)
    if value is None:
        return None
    if len(value) > _LONGEST:
        raise Unreadable("date.unreadable", "form")
    if not value.isascii():
        value = normalize("NFKC", value).strip()
    if serials and _SERIAL.fullmatch(value):
        return Moment(_serial(int(value)), None)
    if stamp := _STAMP.fullmatch(value):
        year, _, month, of_month, hour, minute, second = stamp.groups()
        return _at(int(year), int(month), int(of_month), f"{hour}:{minute}:{second}", None)
    for form in _FORMS:
        if found := form.fullmatch(value):
            return _at(int(found[1]), int(found[3]), int(found[4]), found["time"], found["zone"])
    if _TWO_DIGIT_YEAR.fullmatch(value):
        raise Unreadable("date.unreadable", "two-digit-year")
    raise Unreadable("date.unreadable", "day-or-month-first" if _DAY_FIRST.fullmatch(value) else "form")


def _at(year: int, month: int, of_month: int, time: str | None, zone: str | None) -> Moment | None:
    if (year, month, of_month) in _NULL_DAYS:
        return None
    found = _calendar(year, month, of_month)
    if time is None:
        return Moment(found, None)
    clock = _clock(time)
    return Moment(found, clock) if zone is None else _in_shanghai(found, clock, zone)


def _calendar(year: int, month: int, of_month: int) -> date:
    if not _FIRST_YEAR <= year <= _LAST_YEAR:
        raise Unreadable("date.unreadable", "year-out-of-range")
    try:
        return date(year, month, of_month)
    except ValueError as error:
        raise Unreadable("date.unreadable", "no-such-day") from error


def _serial(number: int) -> date:
    if not 20_000 <= number <= 80_000:
        raise Unreadable("date.unreadable", "serial-out-of-range")
    found = _SERIAL_ZERO + timedelta(days=number)
    return _calendar(found.year, found.month, found.day)


def _clock(time: str) -> float:
    """The second of the day of `H:MM`, `H:MM:SS` or `H:MM:SS.fff`; 24:00 is the end of the day."""
    hour, minute, *seconds = time.split(":")
    second, _, fraction = (seconds[0] if seconds else "0").partition(".")
    clock = int(hour) * 3600 + int(minute) * 60 + int(second) + (0.5 if fraction.strip("0") else 0)
    if int(minute) > 59 or int(second) > 59 or clock > DAY:
        raise Unreadable("date.unreadable", "no-such-time")
    return clock


def _in_shanghai(on: date, clock: float, zone: str) -> Moment:
    shift = 0
    if zone != "Z":
        hours, minutes = int(zone[1:3]), int(zone[4:])
        if hours > 23 or minutes > 59:
            raise Unreadable("date.unreadable", "no-such-time")
        shift = (hours * 60 + minutes) * (-1 if zone[0] == "+" else 1)
    total = clock + shift * 60 + 8 * 3600
    days, rest = divmod(total, DAY)
    return Moment(on + timedelta(days=int(days)), rest)


def anniversary(start: date, years: int) -> date:
    """The same month and day `years` later; for 29 February in a common year 1 March."""
    try:
        return start.replace(year=start.year + years)
    except ValueError:
        return date(start.year + years, 3, 1)


def is_anniversary(on: date, start: date) -> bool:
    """Whether `on` is an anniversary of `start`, one year later or more."""
    years = on.year - start.year
    return years >= 1 and anniversary(start, years) == on


def whole_years(start: date, end: date) -> int | None:
    """How many whole years, at most 10, the inclusive days from `start` to `end` are; `None` if not whole years."""
    after = end + timedelta(days=1)
    years = after.year - start.year
    return years if 1 <= years <= 10 and anniversary(start, years) == after else None


def period(start: Moment, end: Moment) -> tuple[date, date]:
    """A period as inclusive whole days (DIALECTS 0.7), from its start and its end as stated."""
    if start.clock not in (None, MIDNIGHT, DAY):
        raise Unreadable("period.not-whole-days", "time-of-day")
    first = start.day + timedelta(days=1) if start.clock == DAY else start.day
    last = _last_day(first, start.clock is not None, end)
    if last < first:
        raise Unreadable("period.inverted", "ends-before-it-starts")
    return first, last


def _last_day(first: date, timed: bool, end: Moment) -> date:
    if end.clock is None or end.clock in (DAY, _LAST_MINUTE) or int(end.clock) == _LAST_SECOND:
        return end.day
    if end.clock != MIDNIGHT:
        raise Unreadable("period.not-whole-days", "time-of-day")
    # Midnight at the end: a moment, or a date dressed as one. Only whole years tell which.
    if timed and is_anniversary(end.day, first):
        return end.day - timedelta(days=1)
    if timed and is_anniversary(end.day + timedelta(days=1), first):
        return end.day
    raise Unreadable("period.ambiguous", "midnight-at-the-end" if timed else "time-at-the-end-only")
