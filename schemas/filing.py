"""Clause filings 条款备案: what a registry states about one clause, as of a day, and from where."""

from datetime import date
from itertools import pairwise
from typing import Literal, Self

from pydantic import AwareDatetime, Field, model_validator
from pydantic_core import PydanticCustomError

from schemas.base import Noun
from schemas.identifiers import ClauseNo, InsurerCode
from schemas.money import Percent, percent
from schemas.party import Name
from schemas.policy import Line


class Interval(Noun):
    """A state of the clause from a day to a day, both inclusive; without `to` it lasts."""

    state: Literal["pending", "in_use", "stopped", "ordered_stop", "withdrawn", "returned"]
    from_: date = Field(alias="from")
    to: date | None = None

    @model_validator(mode="after")
    def _forward(self) -> Self:
        if self.to is not None and self.to < self.from_:
            raise PydanticCustomError("period.inverted", "the interval ends before it starts")
        return self

    def covers(self, day: date) -> bool:
        """Whether `day` lies in the interval."""
        return self.from_ <= day and (self.to is None or day <= self.to)


class Source(Noun):
    """Which registry said so, as of which day its statement holds, and when it was fetched."""

    registry: Name
    as_of: date
    fetched_at: AwareDatetime


class Filing(Noun):
    """备案: one registered clause. Never edited: a new statement supersedes, and both stay answerable."""

    registration_no: ClauseNo
    insurer: InsurerCode
    name: Name
    kind: Literal["main", "rider"]
    line: Line
    regime: Literal["filed", "approved"]
    registered_on: date
    first_used_on: date | None = None
    rate_min_percent: Percent | None = None
    rate_max_percent: Percent | None = None
    territory: Name | None = None
    clause_text_digest: str | None = Field(default=None, pattern=r"^sha256:[0-9a-f]{64}$")
    intervals: tuple[Interval, ...] = Field(min_length=1)
    source: Source

    @model_validator(mode="after")
    def _orderly(self) -> Self:
        if self.kind != ("main" if self.registration_no[10] == "1" else "rider"):
            raise PydanticCustomError(
                "value.unknown", "the 11th character of the registration number says another kind"
            )
        if (
            self.rate_min_percent
            and self.rate_max_percent
            and percent(self.rate_min_percent) > percent(self.rate_max_percent)
        ):
            raise PydanticCustomError("filing.rate-band", "the lowest filed rate is above the highest")
        ordered = sorted(self.intervals, key=lambda interval: interval.from_)
        for earlier, later in pairwise(ordered):
            if earlier.to is None or earlier.to >= later.from_:
                raise PydanticCustomError("filing.intervals", "two states of the clause overlap")
        return self

    def state_on(self, day: date) -> Interval | None:
        """The interval that covers `day`; `None` if the registry says nothing about it."""
        return next((interval for interval in self.intervals if interval.covers(day)), None)
