"""Whether a day is complete: the insurer's own totals against what is known of that day, pure.

A day is closed by its `day_close` 日结; a later one for the same day supersedes it. It agrees if of every type the
count is the stated one, and the amount too where one is stated. A type that is not stated is stated as none.
"""

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Literal

from gateway.completeness.store import DayRecord, DayState
from schemas.calendar import shanghai_day
from schemas.money import Yuan

Status = Literal["open", "too-early", "differs", "agrees"]
_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class TypeTotal:
    """One type's totals of a day: stated and known, amounts in fen. `stated_fen` is None if no amount is stated."""

    type: str
    stated_count: int
    stated_fen: int | None
    known_count: int
    known_fen: int

    @property
    def agrees(self) -> bool:
        """Whether both are the same, to the fen."""
        return self.stated_count == self.known_count and self.over_fen == 0

    @property
    def over(self) -> int:
        """How many records more are known than stated; negative: that many are missing."""
        return self.known_count - self.stated_count

    @property
    def over_fen(self) -> int:
        """By how much the known amount is larger than the stated one, in fen; 0 if none is stated."""
        return 0 if self.stated_fen is None else self.known_fen - self.stated_fen


def status_of(state: DayState) -> Status:
    """`open` without a statement, `too-early` if it came before its day began: nobody can close what is to come."""
    if state.statement is None:
        return "open"
    if shanghai_day(state.statement.known_at) < state.day:
        return "too-early"
    return "agrees" if all(total.agrees for total in totals_of(state)) else "differs"


def totals_of(state: DayState) -> list[TypeTotal]:
    """Every type that is stated or known, by name. A type that stands twice in a statement is stated as the sum."""
    counts: dict[str, int] = {}
    amounts: dict[str, int | None] = {}
    for total in state.statement.totals if state.statement else ():
        kind = str(total["type"])
        counts[kind] = counts.get(kind, 0) + int(total["count"])
        amounts[kind] = _plus(amounts.get(kind, 0), _fen(total.get("amount")))
    found = []
    for kind in sorted(counts.keys() | state.known.keys()):
        known_count, known_fen = state.known.get(kind, (0, 0))
        stated_fen = amounts.get(kind, 0)
        found.append(TypeTotal(kind, counts.get(kind, 0), stated_fen, known_count, known_fen))
    return found


def _fen(amount: str | None) -> int | None:
    return None if amount is None else Yuan.of(amount).fen


def _plus(one: int | None, other: int | None) -> int | None:
    return None if one is None or other is None else one + other


def complete_up_to(start: date | None, agreeing: Set[date]) -> date | None:
    """The last day up to which every day from `start` on is closed and agrees; None if not even `start` does.

    Every day of the calendar counts, holidays too: a day without business is closed with no totals.
    """
    if start is None or start not in agreeing:
        return None
    day = start
    while day + _DAY in agreeing:
        day += _DAY
    return day


def name_surplus(total: TypeTotal, records: Sequence[DayRecord]) -> tuple[list[str], bool]:
    """The numbers of the records that may be the surplus, and whether it is certain that they are.

    Certain: all, if none is stated; or the only one whose amount is the whole difference, if one is over. Else it is
    some of all of that day.
    """
    numbers = [record.number for record in records]
    if total.stated_count == 0:
        return numbers, True
    if total.over == 1 and total.stated_fen is not None:
        fitting = [record.number for record in records if record.fen == total.over_fen]
        if len(fitting) == 1:
            return fitting, True
    return numbers, False


def as_json(state: DayState, surplus: Mapping[str, Sequence[DayRecord]], most: int) -> dict[str, Any]:
    """A day as told: status, statement, and of each type what is stated, known, missing and surplus; yuan.

    `surplus` are the records of each type of which too much is known, at most `most` + 1 of them.
    """
    told: dict[str, Any] = {"date": state.day.isoformat(), "status": status_of(state)}
    if state.statement is not None:
        told["statement"] = {
            "submission_id": state.statement.submission_id,
            "known_at": state.statement.known_at.isoformat().replace("+00:00", "Z"),
            "superseded": state.superseded,
        }
    told["totals"] = [_total_as_json(total, surplus.get(total.type, ()), most, state) for total in totals_of(state)]
    return told


def _total_as_json(total: TypeTotal, records: Sequence[DayRecord], most: int, state: DayState) -> dict[str, Any]:
    told: dict[str, Any] = {"type": total.type, "known": _sum(total.known_count, total.known_fen)}
    if state.statement is None:
        return told
    told["stated"] = _sum(total.stated_count, total.stated_fen)
    if total.over < 0 or total.over_fen < 0:
        told["missing"] = _sum(max(0, -total.over), max(0, -total.over_fen) if total.stated_fen is not None else None)
    if is_over(total):
        numbers, certain = name_surplus(total, records[:most])
        told["surplus"] = _sum(max(0, total.over), max(0, total.over_fen) if total.stated_fen is not None else None)
        told["surplus"] |= {"records": numbers, "certain": certain and len(records) <= most}
        told["surplus"] |= {"more": True} if len(records) > most else {}
    return told


def is_over(total: TypeTotal) -> bool:
    """Whether more is known than stated, in count or amount."""
    return total.over > 0 or total.over_fen > 0


def _sum(count: int, fen: int | None) -> dict[str, Any]:
    return {"count": count} if fen is None else {"count": count, "amount": str(Yuan(fen))}
