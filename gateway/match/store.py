"""The SQL of matching: premiums by policy number, holder and product, many at a time, as known at a moment."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from operator import itemgetter
from typing import Any

import orjson

from gateway.db import Connection
from gateway.errors import GatewayError
from gateway.match.awards import Awards, of_record, of_sister, policy_keys, product_keys
from gateway.match.compare import Known

MOST_PREMIUMS = 100_000


class TooMany(GatewayError):
    """What is asked for concerns more premiums than are looked at in one answer."""


@dataclass(frozen=True, slots=True)
class Life:
    """How the premium came to its latest revision: since when verified, and what changed after that."""

    first_verified_at: datetime | None
    later_revisions: int


@dataclass(frozen=True, slots=True)
class Keys:
    """What premiums are looked up by, any of these. `region`, the digits that codes begin with, goes with the `year` in
    which policies begin."""

    policy_nos: Collection[str] = ()
    holder_codes: Collection[str] = ()
    holder_names: Collection[str] = ()
    approval_nos: Collection[str] = ()
    product_names: Collection[str] = ()
    region: str | None = None
    year: int | None = None


async def find_premiums(connection: Connection, as_of: datetime, keys: Keys, but: Sequence[Known] = ()) -> list[Known]:
    """Every premium that has, or ever had, one of these keys, `but` those; as its latest revision at `as_of`.

    Names are folded here. Raises `TooMany` rather than leaving any out.
    """
    cursor = await connection.execute(
        "WITH keys AS ("
        "  SELECT insurer, policy_no FROM premium_facts WHERE policy_no = ANY(%(policy_nos)s) "
        "  UNION SELECT insurer, policy_no FROM premium_facts WHERE holder_code = ANY(%(holder_codes)s) "
        "  UNION SELECT insurer, policy_no FROM premium_facts WHERE approval_no = ANY(%(approval_nos)s) "
        "  UNION SELECT insurer, policy_no FROM premium_facts WHERE holder_name = ANY("
        "    (SELECT array_agg(folded_name(name)) FROM unnest(%(holder_names)s::text[]) AS name)::text[]) "
        "  UNION SELECT insurer, policy_no FROM premium_facts WHERE product_name = ANY("
        "    (SELECT array_agg(folded_name(name)) FROM unnest(%(product_names)s::text[]) AS name)::text[]) "
        "  UNION SELECT insurer, policy_no FROM premium_facts WHERE region LIKE %(region)s || '%%' "
        "    AND starts_on BETWEEN %(first)s AND %(last)s "
        "  EXCEPT SELECT * FROM unnest(%(insurers)s::text[], %(numbers)s::text[])"
        "), latest AS (SELECT DISTINCT ON (f.insurer, f.policy_no) f.position, f.insurer, f.policy_no "
        "  FROM (SELECT * FROM keys LIMIT %(most)s) AS keys JOIN premium_facts f USING (insurer, policy_no) "
        "  WHERE f.known_at <= %(as_of)s ORDER BY f.insurer, f.policy_no, f.revision DESC"
        # Their order is told with them: sorted as whole rows, many would be sorted on disk.
        "), placed AS (SELECT position, row_number() OVER (ORDER BY insurer, policy_no) AS place FROM latest) "
        "SELECT position, insurer, policy_no, revision, status, known_at, facts::text, holder_name, product_name, "
        "place FROM placed JOIN premium_facts USING (position)",
        {
            "policy_nos": list(keys.policy_nos),
            "holder_codes": list(keys.holder_codes),
            "holder_names": list(keys.holder_names),
            "approval_nos": list(keys.approval_nos),
            "product_names": list(keys.product_names),
            "region": keys.region,
            "first": keys.year and date(keys.year, 1, 1),
            "last": keys.year and date(keys.year, 12, 31),
            "insurers": [one.insurer for one in but],
            "numbers": [one.policy_no for one in but],
            "as_of": as_of,
            "most": MOST_PREMIUMS + 1,
        },
    )
    if cursor.rowcount > MOST_PREMIUMS:
        raise TooMany(f"more than {MOST_PREMIUMS} premiums have one of these keys")
    return [_known(row[:-1]) for row in sorted(await cursor.fetchall(), key=itemgetter(-1))]


async def load_lives(connection: Connection, positions: Sequence[int], as_of: datetime) -> dict[int, Life]:
    """By the position of its latest revision: since when the premium is verified, and how many revisions came later."""
    cursor = await connection.execute(
        "SELECT latest.position, min(f.known_at) FILTER (WHERE f.status = 'verified'), "
        "latest.revision - min(f.revision) FILTER (WHERE f.status = 'verified') "
        "FROM premium_facts latest JOIN premium_facts f USING (insurer, policy_no) "
        "WHERE latest.position = ANY(%s) AND latest.revision > 1 AND f.known_at <= %s "
        "GROUP BY latest.position, latest.revision",
        (list(positions), as_of),
    )
    return {row[0]: Life(row[1], row[2] or 0) for row in await cursor.fetchall()}


async def find_awards(connection: Connection, found: Sequence[Known], as_of: datetime) -> Awards:
    """The awards that name one of these premiums or its product, as they were known: told by the subsidy system, or
    stated by a registry of sister schemes."""
    policies = [key for one in found for key in policy_keys(one)]
    products = sorted({key for one in found for key in product_keys(one)})
    cursor = await connection.execute(
        "SELECT number, record FROM records WHERE type = 'award' AND outcome <> 'failed' AND known_at <= %s "
        "AND ((record -> 'policy_nos') ?| %s OR folded(record ->> 'product_key') = ANY(%s)) ORDER BY seq",
        (as_of, policies, products),
    )
    granted = [of_record(*row) for row in await cursor.fetchall()]
    cursor = await connection.execute(
        "SELECT source, statement FROM (SELECT DISTINCT ON (key, source) source, statement FROM registry_statements "
        "  WHERE registry = 'sister-awards' AND known_from <= %s ORDER BY key, source, id DESC) AS latest "
        "WHERE statement IS NOT NULL",
        (as_of,),
    )
    return Awards([*granted, *(of_sister(*row) for row in await cursor.fetchall())])


async def find_known(connection: Connection, insurer: str, policy_no: str, as_of: datetime) -> Known | None:
    """The facts of one premium as they were known."""
    cursor = await connection.execute(
        "SELECT position, insurer, policy_no, revision, status, known_at, facts::text, holder_name, product_name "
        "FROM premium_facts WHERE insurer = %s AND policy_no = %s AND known_at <= %s ORDER BY revision DESC LIMIT 1",
        (insurer, policy_no, as_of),
    )
    row = await cursor.fetchone()
    return _known(row) if row else None


async def find_statement(connection: Connection, position: int) -> tuple[str, list[str]] | None:
    """The insurer's own sealed statement that the revision rests on, if one does: its digest, and its seals."""
    cursor = await connection.execute(
        "SELECT one ->> 'digest', one -> 'sealed_by' FROM premiums, "
        "jsonb_array_elements(convert_from(body, 'UTF8')::jsonb #> '{evidence,documents}') AS one "
        "WHERE position = %s AND one ->> 'kind' = 'statement' AND one ->> 'outcome' = 'passed' ORDER BY 1 LIMIT 1",
        (position,),
    )
    row = await cursor.fetchone()
    return (row[0], list(row[1] or ())) if row else None


async def count_without_region(connection: Connection, as_of: datetime, year: int) -> int:
    """How many premiums of the year name no region at all, so that no annex 2 can list them."""
    cursor = await connection.execute(
        "SELECT count(DISTINCT (insurer, policy_no)) FROM premium_facts "
        "WHERE region IS NULL AND starts_on BETWEEN %s AND %s AND known_at <= %s",
        (date(year, 1, 1), date(year, 12, 31), as_of),
    )
    row = await cursor.fetchone()
    return int(row[0]) if row else 0


def _known(row: Sequence[Any]) -> Known:
    position, insurer, policy_no, revision, status, known_at, facts, enterprise, product = row
    parsed = orjson.loads(facts)
    return Known(position, insurer, policy_no, revision, status, known_at.isoformat(), parsed, enterprise, product)
