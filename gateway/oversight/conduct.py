"""What is known of insurers beside single policies: how many they told, what claims, and whether their days agree."""

from collections.abc import Collection, Iterable
from datetime import date, datetime
from typing import Any

from gateway.completeness import store as days
from gateway.completeness.compare import complete_up_to, status_of
from gateway.completeness.watermark import first_of, start_of
from gateway.db import Connection
from gateway.oversight import store
from gateway.oversight.compliance import Cell, Wanted
from gateway.oversight.duties import Conduct, Days


async def load_conduct(
    connection: Connection, insurers: Collection[str], as_of: datetime | None, start: date | None
) -> dict[str, Conduct]:
    """Of each of these insurers what was known of it by then. `start` is the first day that has to be complete."""
    one = next(iter(insurers)) if len(insurers) == 1 else None
    cells = await store.count(connection, Wanted(insurer=one, as_of=as_of), "line", each_insurer=True)
    claims = await store.count_claims(connection, as_of)
    return {
        insurer: Conduct(
            policies=_by_line_and_status(cell for cell in cells if cell.insurer == insurer),
            reports=claims.get(insurer, (0, 0))[0],
            claims=claims.get(insurer, (0, 0))[1],
            days=await _days(connection, insurer, as_of, start),
        )
        for insurer in insurers
    }


def _by_line_and_status(cells: Iterable[Cell]) -> dict[tuple[str, str], int]:
    found: dict[tuple[str, str], int] = {}
    for cell in cells:
        key: tuple[Any, str] = (cell.key or "", cell.status)
        found[key] = found.get(key, 0) + cell.policies
    return found


async def _days(connection: Connection, insurer: str, as_of: datetime | None, start: date | None) -> Days:
    closed = await days.list_closed_days(connection, insurer, as_of)
    agreeing: set[date] = set()
    differing: list[date] = []
    for state in await days.load_states(connection, closed, as_of):
        if status_of(state) == "agrees":
            agreeing.add(state.day)
        else:
            differing.append(state.day)
    up_to = complete_up_to(start_of(start, first_of(closed)), agreeing)
    return Days(len(closed), tuple(sorted(differing)), up_to)
