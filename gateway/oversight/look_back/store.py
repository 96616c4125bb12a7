"""The SQL of the look-back at rates: premium earned in periods, and the claims that were reported, as known then."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

from gateway.db import Connection
from gateway.oversight.look_back.claims import Reported
from schemas.calendar import SHANGHAI, shanghai_day

_EVER = datetime(9999, 1, 1, tzinfo=UTC)
_TICK = timedelta(microseconds=1)
_MIDDLE = 15  # of a month


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
# the one that it superseded no longer does. Late in a month it is the other way round: all of it is summed up, and what
# became known after the moment is taken away.
_MONTHS = """
SELECT insurer, clause, status, starts_on, ends_on, days, policies, due, net, without_net, base, without_base
FROM exposure_months
WHERE known_on < %(month)s AND starts_on <= %(last)s AND ends_on >= %(first)s AND status IN ('verified', 'held')
"""
_OWN_MONTH = """
SELECT insurer, clause, status, starts_on, ends_on, ends_on - starts_on + 1 AS days, change AS policies,
    change * due AS due, change * coalesce(net, 0) AS net, CASE WHEN net IS NULL THEN change ELSE 0 END AS without_net,
    change * coalesce(base, 0) AS base, CASE WHEN base IS NULL THEN change ELSE 0 END AS without_base
FROM (
    SELECT %(sign)s AS change, f.* FROM exposure_facts f WHERE known_at > %(begin)s AND known_at <= %(until_then)s
    UNION ALL SELECT -%(sign)s, e.* FROM exposure_facts l, LATERAL (SELECT * FROM exposure_facts b
        WHERE (b.insurer, b.policy_no, b.revision) = (l.insurer, l.policy_no, l.revision - 1) OFFSET 0) AS e
    WHERE l.known_at > %(begin)s AND l.known_at <= %(until_then)s
) AS told
WHERE starts_on <= %(last)s AND ends_on >= %(first)s AND status IN ('verified', 'held')
"""
_OF_ALL = """
SELECT insurer, clause, status, days, sum(policies)::bigint, sum(due * overlap), sum(net * overlap),
    sum(without_net)::bigint, sum(base * overlap), sum(without_base)::bigint
FROM (SELECT *, least(ends_on, %(last)s) - greatest(starts_on, %(first)s) + 1 AS overlap FROM ({}) AS known) AS known
GROUP BY insurer, clause, status, days
"""
_OF_ASKED = """
SELECT insurer, clause, status, days, sum(policies)::bigint, sum(due * overlap), sum(net * overlap),
    sum(without_net)::bigint, sum(base * overlap), sum(without_base)::bigint
FROM (SELECT known.*, least(ends_on, until) - greatest(starts_on, since) + 1 AS overlap FROM ({}) AS known
    JOIN unnest(%(insurers)s::text[], %(clauses)s::text[], %(since)s::date[], %(until)s::date[])
        AS asked(insurer, clause, since, until) USING (insurer, clause)
    WHERE starts_on <= until AND ends_on >= since) AS known
GROUP BY insurer, clause, status, days
"""


Period = tuple[date, date]
Key = tuple[str, str]  # insurer, clause; the clause is empty where a policy has not just one main clause of liability


async def earned(
    connection: Connection, as_of: datetime | None, whole: Period, asked: Sequence[tuple[Key, Period]] | None
) -> dict[Key, Earned]:
    """Premium earned pro rata temporis by every insurer and clause in the `whole` period, or by those `asked` in
    theirs, which lie in it and do not overlap.

    A policy earns each day of its period alike; premiums that are refused or withdrawn earn nothing.
    """
    columns = [(*key, *period) for key, period in asked or ()]
    values = {
        **_own_month(as_of),
        "first": whole[0],
        "last": whole[1],
        "insurers": [row[0] for row in columns],
        "clauses": [row[1] for row in columns],
        "since": [row[2] for row in columns],
        "until": [row[3] for row in columns],
    }
    sums: dict[Key, _Sums] = {}
    for known in (_MONTHS, _OWN_MONTH) if as_of else (_MONTHS,):
        cursor = await connection.execute((_OF_ALL if asked is None else _OF_ASKED).format(known).encode(), values)
        for insurer, clause, *row in await cursor.fetchall():
            sums.setdefault((insurer, clause), _Sums()).add(*row)
    return {key: found.earned() for key, found in sums.items() if found.policies}


def _own_month(as_of: datetime | None) -> dict[str, Any]:
    """Before which `month` everything counts, and of which revisions beside it, added (`sign` 1) or taken away (-1)."""
    if as_of is None:
        return {"month": date.max}
    day = shanghai_day(as_of)
    month = day.replace(day=1)
    following = (month + timedelta(days=32)).replace(day=1)
    # A tick before midnight: moments are told to the microsecond, and what is known at the first one counts.
    begin, end = (datetime.combine(one, time(), SHANGHAI) - _TICK for one in (month, following))
    if day.day <= _MIDDLE:
        return {"month": month, "sign": 1, "begin": begin, "until_then": as_of}
    return {"month": following, "sign": -1, "begin": as_of, "until_then": end}


@dataclass(slots=True)
class _Sums:
    """What adds up of a clause: both parts of what is known may take away what the other added."""

    policies: int = 0
    gross: Fraction = Fraction(0)
    verified: Fraction = Fraction(0)
    net: Fraction = Fraction(0)
    without_net: int = 0
    base: Fraction = Fraction(0)
    without_base: int = 0

    def add(
        self,
        status: str,
        days: int,
        policies: int,
        due: Decimal,
        net: Decimal,
        without_net: int,
        base: Decimal,
        without_base: int,
    ) -> None:
        """Amounts times days, of policies that last so many days."""
        gross = Fraction(int(due), days)
        self.policies += policies
        self.gross += gross
        self.verified += gross if status == "verified" else 0
        self.net += Fraction(int(net), days)
        self.without_net += without_net
        self.base += Fraction(int(base), days)
        self.without_base += without_base

    def earned(self) -> Earned:
        """As it is known."""
        return Earned(
            policies=self.policies,
            gross=self.gross,
            verified=self.verified,
            net=None if self.without_net else self.net,
            base=None if self.without_base else self.base,
        )


async def list_reported(connection: Connection, as_of: datetime | None, whole: Period) -> list[Reported]:
    """Every claim summary that touches the period and was not refused, in the order in which they became known."""
    cursor = await connection.execute(
        "SELECT insurer, record, submission_id FROM records WHERE type = 'claim_summary' AND outcome <> 'failed' "
        "AND known_at <= %s AND record #>> '{period,start}' <= %s AND record #>> '{period,end}' >= %s ORDER BY seq",
        (as_of or _EVER, str(whole[1]), str(whole[0])),
    )
    return [Reported.of(*row) for row in await cursor.fetchall()]
