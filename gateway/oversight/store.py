"""The SQL of filing compliance: what the board counts, and the policies behind each number, as known at any moment."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import Any

from psycopg import sql

from gateway.db import Connection
from gateway.oversight.compliance import LETTER_OF, RULES, STOPPED, UNFILED, By, Cell, Wanted
from gateway.oversight.freshness import Spoken
from schemas.calendar import SHANGHAI, shanghai_day

_PLACES = list(RULES)
_EVER = datetime(9999, 1, 1, tzinfo=UTC)
_COLUMNS = sql.SQL("insurer, line, clause, is_first, signed_on, status, outcomes, registered, in_use, change")


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


def _known(as_of: datetime | None) -> tuple[sql.Composable, dict[str, Any]]:
    """What each kind of policies gained or lost up to that moment. The days before it are summed up already; of its own
    day the revisions that were known by then count, and those that they superseded no longer do."""
    if as_of is None:
        return sql.SQL("SELECT {} FROM compliance_days").format(_COLUMNS), {}
    day = shanghai_day(as_of)
    query = sql.SQL(
        "SELECT {columns} FROM compliance_days WHERE known_on < %(day)s "
        "UNION ALL SELECT insurer, line, clause, place = 1, signed_on, status, outcomes, registered, in_use, 1 "
        "  FROM compliance_facts WHERE known_at BETWEEN %(midnight)s AND %(as_of)s "
        "UNION ALL SELECT e.insurer, e.line, e.clause, e.place = 1, e.signed_on, e.status, e.outcomes, e.registered, "
        "    e.in_use, -1 FROM compliance_facts l JOIN compliance_facts e ON (e.insurer, e.policy_no) = "
        "    (l.insurer, l.policy_no) AND e.revision = l.revision - 1 "
        "  WHERE l.place = 1 AND l.known_at BETWEEN %(midnight)s AND %(as_of)s"
    ).format(columns=_COLUMNS)
    return query, {"day": day, "midnight": datetime.combine(day, time(), SHANGHAI), "as_of": as_of}


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


async def count(connection: Connection, wanted: Wanted, by: By | None) -> list[Cell]:
    """Policies by status and outcomes, and by what `by` says. Each counts once, or by clause once for each of them."""
    known, moments = _known(wanted.as_of)
    where, values = _where(wanted)
    once = sql.SQL("true") if by == "clause" or wanted.clause is not None else sql.SQL("is_first")
    key = sql.Identifier(_GROUPED[by]) if by else sql.SQL("NULL::text")
    cursor = await connection.execute(
        sql.SQL(
            "SELECT {key} AS key, {insurer} AS insurer, status, outcomes, sum(change) FROM ({known}) AS known "
            "WHERE {once} AND {where} GROUP BY 1, 2, 3, 4 HAVING sum(change) <> 0"
        ).format(
            key=key,
            insurer=sql.Identifier("insurer") if by == "clause" else sql.SQL("''"),
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
    known, moments = _known(wanted.as_of)
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
