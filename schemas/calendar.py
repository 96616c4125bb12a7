"""Working days 工作日 in China: the week, the public holidays, and the weekend days worked in exchange 调休."""

import hashlib
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta, timezone
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from schemas.base import Noun
from schemas.canonical import as_json, canonical

SHANGHAI = timezone(timedelta(hours=8), "Asia/Shanghai")  # without daylight saving since 1992, as all our dates are
_TABLE = Path(__file__).parent / "codelists" / "holidays.toml"


class Unpublished(LookupError):
    """The State Council has not published the holidays of this year, as far as the table knows: nobody can count."""

    def __init__(self, year: int) -> None:
        super().__init__(f"the public holidays of {year} are not published")
        self.year = year


class Holiday(Noun):
    """A public holiday with the days exchanged for it; both ends inclusive."""

    name: str
    from_: date = Field(alias="from")
    to: date


class Year(Noun):
    """One year's notice: when it was published, which days are free, which weekend days are worked."""

    year: int
    notice: str
    published: date
    holidays: tuple[Holiday, ...] = Field(min_length=1)
    worked: tuple[date, ...]


class _Gap(Noun):
    year: int


class _Table(Noun):
    year: tuple[Year, ...]
    unpublished: tuple[_Gap, ...] = ()


@dataclass(frozen=True)
class Calendar:
    """The working days of the years whose notices are published; every question about another year is `Unpublished`.

    `digest` identifies the table that an answer rests on.
    """

    digest: str
    years: frozenset[int]
    exceptions: Mapping[date, Literal["holiday", "worked"]] = field(repr=False)

    def is_working_day(self, day: date) -> bool:
        """Whether `day` is worked. Raises `Unpublished`."""
        if day.year not in self.years:
            raise Unpublished(day.year)
        exception = self.exceptions.get(day)
        return day.weekday() < 5 if exception is None else exception == "worked"

    def working_days_after(self, day: date, count: int) -> date:
        """The `count`-th working day after `day`, which is not counted itself (Civil Code art. 201).

        Raises `Unpublished` if the way there leads through a year that has no notice, `ValueError` unless `count` > 0.
        """
        if count < 1:
            raise ValueError("count a positive number of working days")
        while count:
            day += timedelta(days=1)
            count -= self.is_working_day(day)
        return day


def shanghai_day(moment: datetime) -> date:
    """The day in Asia/Shanghai on which `moment` lies. Raises `ValueError` on a moment without offset."""
    if moment.tzinfo is None:
        raise ValueError("a moment has an offset")
    return moment.astimezone(UTC).astimezone(SHANGHAI).date()


@lru_cache(maxsize=1)
def load_calendar() -> Calendar:
    """The calendar of `codelists/holidays.toml`."""
    return read_calendar(_TABLE.read_text(encoding="utf-8"))


def published_calendar() -> dict[str, Any]:
    """The table as plain JSON values, with its digest: the notices, and the years that have none."""
    table = _Table.model_validate(tomllib.loads(_TABLE.read_text(encoding="utf-8")))
    stated: dict[str, Any] = as_json(table)
    return {"name": "holidays", "digest": load_calendar().digest, **stated}


def read_calendar(text: str) -> Calendar:
    """The calendar that a table states. Raises `ValueError` if it contradicts itself."""
    table = _Table.model_validate(tomllib.loads(text))
    years = [notice.year for notice in table.year]
    if len(set(years)) < len(years):
        raise ValueError("a year stands twice")
    if gaps := sorted(gap.year for gap in table.unpublished if gap.year in years):
        raise ValueError(f"{gaps} is both published and unpublished")
    exceptions: dict[date, Literal["holiday", "worked"]] = {}
    for notice in table.year:
        for day, kind in _exceptions(notice):
            if exceptions.setdefault(day, kind) != kind:
                raise ValueError(f"{day} is both a holiday and worked")
    digest = f"sha256:{hashlib.sha256(canonical(table)).hexdigest()}"
    return Calendar(digest=digest, years=frozenset(years), exceptions=exceptions)


def _exceptions(notice: Year) -> Iterator[tuple[date, Literal["holiday", "worked"]]]:
    for holiday in notice.holidays:
        if holiday.to < holiday.from_:
            raise ValueError(f"{holiday.name} ends before it starts")
        for offset in range((holiday.to - holiday.from_).days + 1):
            yield _of_year(holiday.from_ + timedelta(days=offset), notice.year), "holiday"
    for day in notice.worked:
        if day.weekday() < 5:
            raise ValueError(f"{day} is worked anyway")
        yield _of_year(day, notice.year), "worked"


def _of_year(day: date, year: int) -> date:
    """`day`, if a notice for `year` may name it: New Year's exchange can reach back into December (as for 2023)."""
    if day.year != year and not (day.year == year - 1 and day.month == 12):
        raise ValueError(f"the notice for {year} names {day}")
    return day
