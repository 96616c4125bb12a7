"""The SQL of the look-back at rates: premium earned in periods, and the claims that were reported, as known then."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from fractions import Fraction

from gateway.db import Connection
from gateway.oversight.look_back.claims import Reported
from schemas.calendar import SHANGHAI, shanghai_day

_EVER = datetime(9999, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Earned:
    """Premium earned by the policies of a clause in a period, exact, in fen; and on which base. `verified` of it is
    `gross` of verified premiums. `net` and `base` are `None` unless every policy states them."""

    policies: int
    gross: Fraction
    verified: Fraction
    net: Fraction | None
    base: Fraction | None


# Whole months of knowledge are summed up; of the moment's own month each revision that was known by then counts, and
# the one that it superseded no longer does.
_KNOWN = """
SELECT insurer, clause, status, starts_on, ends_on, policies, due, net, without_net, base, without_base
FROM exposure_months WHERE known_on < %(month)s AND starts_on <= %(last)s AND ends_on >= %(first)s
UNION ALL
SELECT told.insurer, clause, status, starts_on, ends_on, change, change * due, change * coalesce(net, 0),
    CASE WHEN net IS NULL THEN change ELSE 0 END, change * coalesce(base, 0),
    CASE WHEN base IS NULL THEN change ELSE 0 END
FROM (
    SELECT 1 AS change, f.* FROM exposure_facts f WHERE known_at BETWEEN %(begin)s AND %(as_of)s
    UNION ALL SELECT -1, e.* FROM exposure_facts l JOIN exposure_facts e ON (e.insurer, e.policy_no, e.revision)
        = (l.insurer, l.policy_no, l.revision - 1) WHERE l.known_at BETWEEN %(begin)s AND %(as_of)s
) AS told WHERE starts_on <= %(last)s AND ends_on >= %(first)s
"""
_EARNED = f"""
SELECT insurer, clause, status = 'verified', ends_on - starts_on + 1 AS days, sum(policies)::bigint, sum(due * overlap),
    sum(net * overlap), sum(without_net)::bigint, sum(base * overlap), sum(without_base)::bigint
FROM (SELECT known.*, least(ends_on, until) - greatest(starts_on, since) + 1 AS overlap
    FROM ({_KNOWN}) AS known
    JOIN unnest(%(insurers)s::text[], %(clauses)s::text[], %(since)s::date[], %(until)s::date[])
        AS asked(own, number, since, until) ON (own IS NULL OR (own, number) = (insurer, clause))
    WHERE starts_on <= until AND ends_on >= since AND status IN ('verified', 'held')) AS overlapping
GROUP BY 1, 2, 3, 4
"""  # noqa: S608 - put together from what stands above


Period = tuple[date, date]
Key = tuple[str, str]  # insurer, clause; the clause is empty where a policy has not just one main clause of liability


async def earned(
    connection: Connection, as_of: datetime | None, whole: Period, asked: Sequence[tuple[Key, Period]] | None
) -> dict[Key, Earned]:
    """Premium earned pro rata temporis by every insurer and clause in the `whole` period, or by those `asked` in
    theirs, which lie in it and do not overlap.

    A policy earns each day of its period alike; premiums that are refused or withdrawn earn nothing.
    """
    day = shanghai_day(as_of) if as_of else date.max
    month = day.replace(day=1)
    columns = [(None, None, *whole)] if asked is None else [(*key, *period) for key, period in asked]
    cursor = await connection.execute(
        _EARNED.encode(),
        {
            "month": month if as_of else date.max,
            "begin": datetime.combine(month, time(), SHANGHAI) if as_of else _EVER,
            "as_of": as_of or _EVER,
            "first": whole[0],
            "last": whole[1],
            "insurers": [row[0] for row in columns],
            "clauses": [row[1] for row in columns],
            "since": [row[2] for row in columns],
            "until": [row[3] for row in columns],
        },
    )
    sums: dict[Key, list[tuple[bool, int, Fraction, Fraction, int, Fraction, int]]] = {}
    for insurer, clause, verified, days, policies, due, net, no_net, base, no_base in await cursor.fetchall():
        parts = (Fraction(int(due), days), Fraction(int(net), days), no_net, Fraction(int(base), days), no_base)
        sums.setdefault((insurer, clause), []).append((verified, policies, *parts))
    return {
        key: Earned(
            policies=sum(row[1] for row in rows),
            gross=sum((row[2] for row in rows), Fraction(0)),
            verified=sum((row[2] for row in rows if row[0]), Fraction(0)),
            net=None if any(row[4] for row in rows) else sum((row[3] for row in rows), Fraction(0)),
            base=None if any(row[6] for row in rows) else sum((row[5] for row in rows), Fraction(0)),
        )
        for key, rows in sums.items()
        if any(row[1] for row in rows)
    }


async def list_reported(connection: Connection, as_of: datetime | None, whole: Period) -> list[Reported]:
    """Every claim summary that touches the period and was not refused, in the order in which they became known."""
    cursor = await connection.execute(
        "SELECT insurer, record, submission_id FROM records WHERE type = 'claim_summary' AND outcome <> 'failed' "
        "AND known_at <= %s AND record #>> '{period,start}' <= %s AND record #>> '{period,end}' >= %s ORDER BY seq",
        (as_of or _EVER, str(whole[1]), str(whole[0])),
    )
    return [Reported.of(*row) for row in await cursor.fetchall()]
