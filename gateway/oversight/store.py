"""The SQL of filing compliance: what the board counts, and the policies behind each number, as known at any moment."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from psycopg import sql

from gateway.db import Connection
from gateway.oversight.compliance import LETTER_OF, RULES, STOPPED, UNFILED, By, Cell, Wanted
from gateway.oversight.freshness import Spoken
from schemas.calendar import SHANGHAI, shanghai_day

_PLACES = list(RULES)
_EVER = datetime(9999, 1, 1, tzinfo=UTC)
_COLUMNS = sql.SQL("insurer, line, clause, is_first, signed_on, status, outcomes, registered, in_use, change")
_OWN_DAY = sql.SQL(
    "SELECT insurer, line, clause, place = 1, signed_on, status, outcomes, registered, in_use, 1 "
    "FROM compliance_facts WHERE known_at BETWEEN %(midnight)s AND %(as_of)s "
    "UNION ALL "
    "SELECT e.insurer, e.line, e.clause, e.place = 1, e.signed_on, e.status, e.outcomes, e.registered, e.in_use, -1 "
    "FROM compliance_facts l, LATERAL (SELECT * FROM compliance_facts b WHERE (b.insurer, b.policy_no, b.revision) = "
    "(l.insurer, l.policy_no, l.revision - 1) OFFSET 0) AS e "
    "WHERE l.place = 1 AND l.known_at BETWEEN %(midnight)s AND %(as_of)s"
)
_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Found:
    """One policy as it was known: which revision, and what the compliance table says of it."""

    position: int
    insurer: str
    policy_no: str
    revision: int
    status: str
    known_at: datetime
    line: str
    signed_on: date | None
    outcomes: str
    clause: str


def _known(wanted: Wanted, *, by_days: bool = False) -> tuple[sql.Composable, dict[str, Any]]:
    """What each kind of policies gained or lost up to the moment, in the period.

    Whole months of knowledge and of signing are summed up already; what is left of them is told by days; and of the
    moment's own day the revisions that were known by then count, and those that they superseded no longer do. In what
    is summed up by months, `signed_on` is the first of the month; with `by_days` nothing is.
    """
    day = shanghai_day(wanted.as_of) if wanted.as_of else date.max
    month = day.replace(day=1)
    first, last = wanted.first or date.min, wanted.last or date.max
    begin = first if first.day == 1 else _next_month(first)
    end = date.max if last == date.max else (last + _DAY).replace(day=1) - _DAY
    if by_days or begin > end:
        begin, end = date.max, date.min
    dated = wanted.first is not None or wanted.last is not None
    known_days = sql.SQL("SELECT {} FROM compliance_days WHERE known_on < %(day)s").format(_COLUMNS)
    whole = sql.SQL("signed_on BETWEEN %(begin)s AND %(end)s" + ("" if dated else " OR signed_on IS NULL"))
    parts: list[sql.Composable] = [
        sql.SQL("SELECT {} FROM compliance_months WHERE known_on < %(month)s AND ({})").format(_COLUMNS, whole),
        sql.SQL("{} AND known_on >= %(month)s AND ({})").format(known_days, whole),
    ]
    if by_days:
        parts = [known_days]
    elif dated:
        broken = "{} AND signed_on BETWEEN %(first)s AND %(last)s AND signed_on NOT BETWEEN %(begin)s AND %(end)s"
        parts.append(sql.SQL(broken).format(known_days))
    if wanted.as_of is not None:
        parts.append(_OWN_DAY)
    moments = {
        "day": day,
        "month": month if wanted.as_of else date.max,
        "midnight": datetime.combine(day, time(), SHANGHAI) if wanted.as_of else None,
        "as_of": wanted.as_of,
        "first": first,
        "last": last,
        "begin": begin,
        "end": end,
    }
    return sql.SQL(" UNION ALL ").join(parts), moments


def _next_month(day: date) -> date:
    return (day.replace(day=28) + timedelta(days=4)).replace(day=1)


def _where(wanted: Wanted) -> tuple[sql.Composable, dict[str, Any]]:
    """The conditions that hold for a kind of policies as well as for one policy; who is counted once, is counted by its
    first clause, unless it is asked for by a clause."""
    conditions: list[sql.Composable] = [sql.SQL("true")]
    for name, value in (("insurer", wanted.insurer), ("clause", wanted.clause), ("status", wanted.status)):
        if value is not None:
            conditions.append(sql.SQL("{} = {}").format(sql.Identifier(name), sql.Placeholder(name)))
    if wanted.line is not None:
        conditions.append(sql.SQL("line = %(line)s"))
    if wanted.first is not None:
        conditions.append(sql.SQL("signed_on >= %(first)s"))
    if wanted.last is not None:
        conditions.append(sql.SQL("signed_on <= %(last)s"))
    if wanted.unsigned:
        conditions.append(sql.SQL("signed_on IS NULL"))
    if wanted.check is not None and wanted.outcome is not None:
        conditions.append(sql.SQL("substr(outcomes, %(place)s, 1) = %(letter)s"))
    if wanted.kind is not None:
        column = sql.Identifier("registered" if wanted.kind == "unfiled" else "in_use")
        conditions.append(sql.SQL("string_to_array({}, ' ') && %(reasons)s").format(column))
    values = {
        "insurer": wanted.insurer,
        "clause": wanted.clause,
        "status": wanted.status,
        "line": wanted.line,
        "first": wanted.first,
        "last": wanted.last,
        "place": _PLACES.index(wanted.check) + 1 if wanted.check else None,
        "letter": LETTER_OF[wanted.outcome] if wanted.outcome else None,
        "reasons": sorted(UNFILED if wanted.kind == "unfiled" else STOPPED),
    }
    return sql.SQL(" AND ").join(conditions), values


_GROUPED = {"insurer": "insurer", "line": "line", "clause": "clause", "month": "signed_on"}


async def count(connection: Connection, wanted: Wanted, by: By | None, *, each_insurer: bool = False) -> list[Cell]:
    """Policies by status and outcomes, and by what `by` says. Each counts once, or by clause once for each of them.

    By clause the insurers are told apart; with `each_insurer` always.
    """
    known, moments = _known(wanted)
    where, values = _where(wanted)
    once = sql.SQL("true") if by == "clause" or wanted.clause is not None else sql.SQL("is_first")
    key = sql.Identifier(_GROUPED[by]) if by else sql.SQL("NULL::text")
    cursor = await connection.execute(
        sql.SQL(
            "SELECT {key} AS key, {insurer} AS insurer, status, outcomes, sum(change) FROM ({known}) AS known "
            "WHERE {once} AND {where} GROUP BY 1, 2, 3, 4 HAVING sum(change) <> 0"
        ).format(
            key=key,
            insurer=sql.Identifier("insurer") if by == "clause" or each_insurer else sql.SQL("''"),
            known=known,
            once=once,
            where=where,
        ),
        {**values, **moments},
    )
    return [Cell(*row) for row in await cursor.fetchall()]


async def list_policies(connection: Connection, wanted: Wanted, after: tuple[str, str], limit: int) -> list[Found]:
    """The policies that `count` counts, by insurer and number, behind `after`; at most `limit`.

    Where there are any is known from the counts; so each insurer is looked at by itself, and only where it has some.
    """
    found: list[Found] = []
    for insurer, kinds in (await _kinds(connection, wanted, after[0])).items():
        behind = after[1] if insurer == after[0] else ""
        found += await _list_of(connection, wanted, insurer, kinds, behind, limit - len(found))
        if len(found) == limit:
            break
    return found


async def _kinds(connection: Connection, wanted: Wanted, first: str) -> dict[str, list[tuple[str, str]]]:
    """By insurer, in order, which pairs of clause and outcomes there are."""
    known, moments = _known(wanted)
    where, values = _where(wanted)
    once = sql.SQL("true") if wanted.clause is not None else sql.SQL("is_first")
    cursor = await connection.execute(
        sql.SQL(
            "SELECT insurer, clause, outcomes FROM ({known}) AS known WHERE {once} AND {where} "
            "AND insurer >= %(after)s GROUP BY 1, 2, 3 HAVING sum(change) > 0"
        ).format(known=known, once=once, where=where),
        {**values, **moments, "after": first},
    )
    kinds: dict[str, list[tuple[str, str]]] = {}
    for insurer, clause, outcomes in sorted(await cursor.fetchall()):
        kinds.setdefault(insurer, []).append((clause, outcomes))
    return kinds


async def _list_of(
    connection: Connection,
    wanted: Wanted,
    insurer: str,
    kinds: Sequence[tuple[str, str]],
    behind: str,
    limit: int,
) -> list[Found]:
    where, values = _where(wanted)
    once = sql.SQL("true") if wanted.clause is not None else sql.SQL("place = 1")
    cursor = await connection.execute(
        sql.SQL(
            "SELECT f.position, f.insurer, f.policy_no, f.revision, f.status, f.known_at, f.line, f.signed_on, "
            "f.outcomes, f.clause FROM unnest(%(clauses)s::text[], %(letters)s::text[]) AS kind(clause, letters), "
            "LATERAL ("
            "  SELECT * FROM (SELECT c.* FROM compliance_facts c WHERE c.insurer = %(own)s AND c.clause = kind.clause "
            "    AND c.outcomes = kind.letters AND c.policy_no > %(behind)s AND c.known_at <= %(moment)s "
            "    AND NOT EXISTS (SELECT FROM compliance_facts n WHERE (n.insurer, n.policy_no) = (c.insurer, "
            "      c.policy_no) AND n.revision = c.revision + 1 AND n.known_at <= %(moment)s)) AS latest "
            "  WHERE {once} AND {where} ORDER BY policy_no LIMIT %(limit)s) AS f "
            "ORDER BY f.policy_no LIMIT %(limit)s"
        ).format(once=once, where=where),
        {
            **values,
            "own": insurer,
            "clauses": [clause for clause, _ in kinds],
            "letters": [outcomes for _, outcomes in kinds],
            "behind": behind,
            "moment": wanted.as_of or _EVER,
            "limit": limit,
        },
    )
    return [Found(*row) for row in await cursor.fetchall()]


@dataclass(frozen=True, slots=True)
class ClauseUse:
    """A clause that policies of an insurer carry and may not: how many, for these reasons, signed from when to when."""

    insurer: str
    clause: str
    reasons: str
    policies: int
    first: date | None
    last: date | None


async def list_clauses(connection: Connection, wanted: Wanted, after: tuple[str, str], limit: int) -> list[ClauseUse]:
    """What FL-1 or FL-2, as `wanted.kind` says, finds of clauses: by insurer and number, behind `after`.

    At most `limit` clauses, each in one row for each set of reasons.
    """
    known, moments = _known(wanted, by_days=True)
    where, values = _where(wanted)
    reasons = sql.Identifier("registered" if wanted.kind == "unfiled" else "in_use")
    cursor = await connection.execute(
        sql.SQL(
            "SELECT insurer, clause, reasons, policies, first, last FROM ("
            "  SELECT *, dense_rank() OVER (ORDER BY insurer, clause) AS nth FROM ("
            "    SELECT insurer, clause, reasons, sum(policies)::bigint AS policies, min(signed_on) AS first, "
            "      max(signed_on) AS last FROM ("
            "        SELECT insurer, clause, {reasons} AS reasons, signed_on, sum(change) AS policies "
            "        FROM ({known}) AS known WHERE {where} AND {reasons} <> '' "
            "        AND (insurer, clause) > (%(after)s, %(behind)s) GROUP BY 1, 2, 3, 4 HAVING sum(change) > 0"
            "      ) AS days GROUP BY 1, 2, 3) AS uses) AS numbered "
            "WHERE nth <= %(limit)s ORDER BY insurer, clause, reasons"
        ).format(reasons=reasons, known=known, where=where),
        {**values, **moments, "after": after[0], "behind": after[1], "limit": limit},
    )
    return [ClauseUse(*row) for row in await cursor.fetchall()]


async def count_signed(
    connection: Connection, as_of: datetime | None, asked: Sequence[tuple[str, str, date | None]]
) -> dict[tuple[str, str], tuple[int, date | None, date | None]]:
    """Of each (insurer, clause, day) the policies that carry the clause and were signed before the day, and the first
    and the last day on which they were."""
    known, moments = _known(Wanted(as_of=as_of), by_days=True)
    cursor = await connection.execute(
        sql.SQL(
            "SELECT insurer, clause, sum(policies)::bigint, min(signed_on), max(signed_on) FROM ("
            "  SELECT insurer, clause, signed_on, sum(change) AS policies FROM ({known}) AS known "
            "  JOIN unnest(%(insurers)s::text[], %(clauses)s::text[], %(days)s::date[]) AS asked(insurer, clause, day) "
            "    USING (insurer, clause) WHERE signed_on < coalesce(asked.day, 'infinity'::date) "
            "  GROUP BY 1, 2, 3 HAVING sum(change) > 0) AS days GROUP BY 1, 2"
        ).format(known=known),
        {
            **moments,
            "insurers": [insurer for insurer, _, _ in asked],
            "clauses": [clause for _, clause, _ in asked],
            "days": [day for _, _, day in asked],
        },
    )
    return {(row[0], row[1]): row[2:] for row in await cursor.fetchall()}


async def count_claims(connection: Connection, as_of: datetime | None) -> dict[str, tuple[int, int]]:
    """Of each insurer that reported claims: how many reports were known by then, and the claims that they count."""
    cursor = await connection.execute(
        "SELECT insurer, count(*), sum((record ->> 'claims_count')::bigint)::bigint FROM records "
        "WHERE type = 'claim_summary' AND outcome <> 'failed' AND known_at <= %s GROUP BY insurer",
        (as_of or _EVER,),
    )
    return {row[0]: (row[1], row[2]) for row in await cursor.fetchall()}


async def load_bodies(connection: Connection, positions: Sequence[int]) -> dict[int, bytes]:
    """Revisions as they were written, by their position."""
    cursor = connection.cursor(binary=True)
    await cursor.execute("SELECT position, body FROM premiums WHERE position = ANY(%s::bigint[])", (list(positions),))
    return {row[0]: bytes(row[1]) for row in await cursor.fetchall()}


async def list_sources(connection: Connection, as_of: datetime | None) -> list[Spoken]:
    """Every source of every registry, filings among them, with the latest day as of which it had spoken by then."""
    cursor = await connection.execute(
        "SELECT kind, source, max(as_of), bool_or(whole AND as_of = latest) FROM ("
        "  SELECT *, max(as_of) OVER (PARTITION BY kind, source) AS latest FROM ("
        "    SELECT 'filings' AS kind, registry AS source, as_of, true AS whole FROM filing_sources "
        "      WHERE known_from <= %(as_of)s "
        "    UNION ALL SELECT 'filings', registry, max((source ->> 'as_of')::date), false FROM filings "
        "      WHERE known_from <= %(as_of)s GROUP BY registry "
        "    UNION ALL SELECT registry, source, as_of, true FROM registry_wholes WHERE known_from <= %(as_of)s "
        "    UNION ALL SELECT registry, source, max(as_of), false FROM registry_statements "
        "      WHERE known_from <= %(as_of)s GROUP BY registry, source) AS every) AS dated GROUP BY kind, source",
        {"as_of": as_of or _EVER},
    )
    return [Spoken(*row) for row in await cursor.fetchall()]
