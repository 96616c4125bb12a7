"""Times as seals write them, and what each spelling means.

GM/T 0031 and GB/T 38540 name UTCTime and GeneralizedTime; producers also write local time without a zone, years of two
digits in GeneralizedTime, and free text. What each of them means was measured against ZIP times and certificates; where
a spelling leaves it open, every reading is kept.
"""

import re
from datetime import UTC, datetime, timedelta, timezone

from signing.seal import CHINA, Moment

_COMPACT = re.compile(r"(\d{12}|\d{14})(?:\.(\d{1,9}))?(Z|[+-]\d{4})?", re.ASCII)
_SPELLED = re.compile(
    r"(\d{4})-(\d{2})-(\d{2})[ T](\d{2}):(\d{2}):(\d{2})(?:\.(\d{1,9}))?(Z|[+-]\d{2}:?\d{2})?", re.ASCII
)


def read_moment(text: str, *, two_digit_year: bool = False) -> Moment:
    """The instant that `text` means. Raises ValueError if it is no time in a known spelling.

    `two_digit_year` says that two digits are the norm there (UTCTime: X.680 section 47, pivot 50 as in RFC 5280);
    elsewhere they are flagged `time-two-digit-year`. A missing zone means Asia/Shanghai and is flagged `time-no-zone`.
    """
    cleaned = text.strip()
    flags: list[str] = []
    if match := _COMPACT.fullmatch(cleaned):
        digits, fraction, zone = match.groups()
        if len(digits) == 12:
            if not two_digit_year:
                flags.append("time-two-digit-year")
            digits = ("19" if int(digits[:2]) >= 50 else "20") + digits
        elif two_digit_year:
            flags.append("time-four-digit-year")
        parts = [digits[:4], digits[4:6], digits[6:8], digits[8:10], digits[10:12], digits[12:]]
    elif match := _SPELLED.fullmatch(cleaned):
        *parts, fraction, zone = match.groups()
    else:
        raise ValueError("not a time in a known spelling")
    year, month, day, hour, minute, second = map(int, parts)
    if year < 1950:
        raise ValueError("a year before 1950")
    naive = datetime(year, month, day, hour, minute, second, tzinfo=UTC)
    if fraction:
        naive += timedelta(microseconds=int(fraction.ljust(6, "0")[:6]))
    utc, readings = _place(naive, zone)
    if zone is None:
        flags.append("time-no-zone")
    elif zone != "Z":
        flags.append("time-offset")
    if "time-two-digit-year" in flags:
        readings = tuple(sorted({utc, naive, naive - CHINA}))
    return Moment(raw=text, utc=utc, readings=readings, flags=tuple(flags))


def _place(naive: datetime, zone: str | None) -> tuple[datetime, tuple[datetime, ...]]:
    """The instant of wall-clock time `naive`, and all that it may be. Raises ValueError for an impossible offset."""
    if zone is None:
        return naive - CHINA, (naive - CHINA, naive)
    if zone == "Z":
        return naive, (naive,)
    hours, minutes = int(zone[1:3]), int(zone[-2:])
    if minutes > 59 or hours > 14 or naive.year == 9999:
        raise ValueError("not an offset")
    offset = timedelta(hours=hours, minutes=minutes)
    instant = naive.replace(tzinfo=timezone(offset if zone[0] == "+" else -offset)).astimezone(UTC)
    return instant, (instant,)
