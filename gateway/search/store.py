"""The SQL of searching: premiums as they stand now, by insurer and by what people know of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from psycopg import sql

from gateway.db import Connection

_LAST = "\U0010ffff"  # nothing that begins with a text is behind the text with this


@dataclass(frozen=True, slots=True)
class Place:
    """Where a page ended: the premium that was told last."""

    insurer: str
    policy_no: str


@dataclass(frozen=True, slots=True)
class Found:
    """A premium as it stands now. `net_paid` in yuan: what may be relied on, None where that is not decided."""

    insurer: str
    policy_no: str
    revision: int
    status: str
    since: datetime
    known_at: datetime
    enterprise: str | None
    credit_code: str | None
    product: str | None
    approval_no: str | None
    starts_on: date | None
    ends_on: str | None
    net_paid: str | None


@dataclass(frozen=True, slots=True)
class Page:
    """One page of one insurer: what is asked for, folded, behind which number; `names` are those that the insurer's
    premiums have of what is asked for, by `TERM_KIND`."""

    insurer: str
    terms: Mapping[str, str]
    behind: str
    limit: int
    names: Mapping[str, Sequence[str]] = field(default_factory=dict)

    def parameters(self) -> dict[str, Any]:
        """All of it for the query."""
        prefixes = {f"{name}_last": value + _LAST for name, value in self.terms.items()}
        listed = {name: list(names) for name, names in self.names.items()}
        return {"insurer": self.insurer, "behind": self.behind, "limit": self.limit, **self.terms, **prefixes, **listed}


# What has to hold of a row for each thing asked for.
_HOLDS = {
    "q": "(starts_with(policy_no, %(q)s) OR strpos(enterprise, %(q)s) > 0 OR strpos(product, %(q)s) > 0 "
    "OR starts_with(credit_code, %(q)s) OR starts_with(approval_no, %(q)s))",
    "enterprise": "(strpos(enterprise, %(enterprise)s) > 0 OR starts_with(credit_code, %(enterprise)s))",
    "product": "(strpos(product, %(product)s) > 0 OR starts_with(approval_no, %(product)s))",
    "policy_no": "starts_with(policy_no, %(policy_no)s)",
    "status": "status = %(status)s",
}
# By which indexes the rows that may have it are found: at least those of which it holds.
_LEADS: Mapping[str, Sequence[str]] = {
    "q": (
        "policy_no >= %(q)s AND policy_no <= %(q_last)s",
        "enterprise = ANY(%(q_enterprise)s)",
        "product = ANY(%(q_product)s)",
    ),
    "enterprise": ("enterprise = ANY(%(enterprise_enterprise)s)",),
    "product": ("product = ANY(%(product_product)s)",),
    "policy_no": ("policy_no >= %(policy_no)s AND policy_no <= %(policy_no_last)s",),
    "status": ("status = %(status)s",),
}
_SHOWN = (
    "SELECT s.insurer, s.policy_no, s.revision, s.status, s.since, s.known_at, f.facts ->> 'enterprise', "
    "s.credit_code, f.facts ->> 'product', s.approval_no, s.starts_on, f.facts ->> 'end', "
    "CASE s.status WHEN 'verified' THEN f.facts #>> '{money,net_paid}' WHEN 'withdrawn' THEN '0.00' END "
    "FROM page s JOIN premium_facts f USING (position) ORDER BY s.policy_no"
)


async def list_insurers(connection: Connection) -> list[str]:
    """Every insurer of which a premium is known, in order; one look-up each."""
    cursor = await connection.execute(
        "WITH RECURSIVE each(insurer) AS ((SELECT insurer FROM premium_search ORDER BY insurer LIMIT 1) UNION ALL "
        "SELECT (SELECT s.insurer FROM premium_search s WHERE s.insurer > each.insurer ORDER BY s.insurer LIMIT 1) "
        "FROM each WHERE each.insurer IS NOT NULL) SELECT insurer FROM each WHERE insurer IS NOT NULL"
    )
    return [row[0] for row in await cursor.fetchall()]


async def fold(connection: Connection, terms: Mapping[str, str]) -> dict[str, str]:
    """The terms as the rows have them: all but the status folded, by the database's own function."""
    if not terms:
        return {}
    cursor = await connection.execute(
        "SELECT name, CASE name WHEN 'status' THEN said ELSE folded_name(said) END "
        "FROM unnest(%s::text[], %s::text[]) AS t(name, said)",
        (list(terms), list(terms.values())),
    )
    return {row[0]: row[1] for row in await cursor.fetchall() if row[1]}


async def find_names(
    connection: Connection, insurer: str, asked: Sequence[tuple[str, str, str]], limit: int
) -> dict[str, list[str]]:
    """Of each (key, kind, term), by its key, the insurer's names of this kind that contain the term, or whose code
    begins with it; at most `limit` each."""
    cursor = await connection.execute(
        "SELECT asked.key, n.name FROM unnest(%s::text[], %s::text[], %s::text[]) AS asked(key, kind, term) "
        "CROSS JOIN LATERAL (SELECT DISTINCT name FROM search_names WHERE insurer = %s AND kind = asked.kind "
        "  AND (strpos(name, asked.term) > 0 OR starts_with(code, asked.term)) LIMIT %s) AS n",
        (*([one[column] for one in asked] for column in range(3)), insurer, limit),
    )
    found: dict[str, list[str]] = {key: [] for key, _, _ in asked}
    for key, name in await cursor.fetchall():
        found[key].append(name)
    return found


async def count_led_by(connection: Connection, page: Page, term: str, most: int) -> int:
    """How many of the insurer's premiums may have it, counted up to `most`; one that is found twice counts twice."""
    each = sql.SQL(" UNION ALL ").join(
        sql.SQL("(SELECT FROM premium_search WHERE insurer = %(insurer)s AND {} LIMIT {})").format(
            sql.SQL(lead), sql.Literal(most)
        )
        for lead in _LEADS[term]
    )
    cursor = await connection.execute(sql.SQL("SELECT count(*) FROM ({}) AS n").format(each), page.parameters())
    row = await cursor.fetchone()
    return int(row[0]) if row else 0


async def list_led_by(connection: Connection, page: Page, term: str) -> list[Found]:
    """The page, from all premiums that may have `term`."""
    each = sql.SQL(" UNION ").join(
        sql.SQL("SELECT * FROM premium_search WHERE insurer = %(insurer)s AND {}").format(sql.SQL(lead))
        for lead in _LEADS[term]
    )
    query = sql.SQL(
        "WITH may AS MATERIALIZED ({}), page AS MATERIALIZED (SELECT * FROM may WHERE policy_no > %(behind)s AND {} "
        "ORDER BY policy_no LIMIT %(limit)s) {}"
    ).format(each, _all_hold(page), sql.SQL(_SHOWN))
    cursor = await connection.execute(query, page.parameters())
    return [Found(*row) for row in await cursor.fetchall()]


async def list_in_order(connection: Connection, page: Page) -> list[Found]:
    """The page, from the insurer's premiums in their order."""
    query = sql.SQL(
        "WITH page AS MATERIALIZED (SELECT * FROM premium_search WHERE insurer = %(insurer)s "
        "AND policy_no > %(behind)s AND {} ORDER BY policy_no LIMIT %(limit)s) {}"
    ).format(_all_hold(page), sql.SQL(_SHOWN))
    cursor = await connection.execute(query, page.parameters())
    return [Found(*row) for row in await cursor.fetchall()]


def _all_hold(page: Page) -> sql.Composable:
    return sql.SQL(" AND ").join([sql.SQL("true"), *(sql.SQL(_HOLDS[term]) for term in page.terms)])
