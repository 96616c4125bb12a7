"""Claims as insurers report them 赔付统计 (`claim_summary`): of a clause in a period; what comes later supersedes."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import pairwise
from typing import Any, Literal, Self

from schemas.money import Yuan
from schemas.premium import ClaimSummary

_DAY = timedelta(days=1)
Problem = Literal["overlapping", "crosses-year"]


@dataclass(frozen=True, slots=True)
class Reported:
    """One report: who, of which clause, over which days, and the numbers; amounts in fen."""

    insurer: str
    clause: str
    first: date
    last: date
    earned: int
    count: int
    paid: int
    outstanding: int
    submission_id: str

    @classmethod
    def of(cls, insurer: str, record: Mapping[str, Any], submission_id: str) -> Self:
        """The record as it was received."""
        said = ClaimSummary.model_validate(record)
        amounts: tuple[Yuan, ...] = (said.earned_premium, said.paid, said.outstanding)
        return cls(
            insurer=insurer,
            clause=said.clause_registration_no,
            first=said.period.start,
            last=said.period.end,
            earned=amounts[0].fen,
            count=said.claims_count,
            paid=amounts[1].fen,
            outstanding=amounts[2].fen,
            submission_id=submission_id,
        )


@dataclass(frozen=True, slots=True)
class Claims:
    """What counts of a clause in a year, and why it cannot be added up, if it cannot."""

    reports: tuple[Reported, ...]
    problem: Problem | None

    def covered(self) -> list[tuple[date, date]]:
        """The days of which the reports speak, as few periods as there are; none where they cannot be added up."""
        periods: list[tuple[date, date]] = []
        for one in self.reports if self.problem is None else ():
            if periods and periods[-1][1] + _DAY == one.first:
                periods[-1] = (periods[-1][0], one.last)
            else:
                periods.append((one.first, one.last))
        return periods

    @property
    def count(self) -> int:
        """How many claims."""
        return sum(one.count for one in self.reports)

    @property
    def incurred(self) -> int:
        """Paid and outstanding, in fen."""
        return sum(one.paid + one.outstanding for one in self.reports)


def claims_of(reported: Iterable[Reported], first: date, last: date) -> dict[tuple[str, str], Claims]:
    """By insurer and clause the reports that count in the year from `first` to `last`.

    A later report takes the place of every earlier one whose days lie within its own. What overlaps then, or reaches
    beyond the year, cannot be added up: nobody knows which claims stand in both.
    """
    current: dict[tuple[str, str], list[Reported]] = {}
    for one in reported:
        others = current.get((one.insurer, one.clause), [])
        kept = [other for other in others if not (one.first <= other.first and other.last <= one.last)]
        current[one.insurer, one.clause] = [*kept, one]
    found = {}
    for key, reports in current.items():
        ordered = tuple(sorted(reports, key=lambda one: (one.first, one.last)))
        problem: Problem | None = None
        if any(one.last >= other.first for one, other in pairwise(ordered)):
            problem = "overlapping"
        elif any(one.first < first or one.last > last for one in ordered):
            problem = "crosses-year"
        found[key] = Claims(ordered, problem)
    return found
