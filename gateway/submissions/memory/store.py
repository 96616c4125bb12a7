"""The SQL of what is said about premiums beyond their own records: invoices, awards, decisions, directives, journal."""

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any

import orjson
from psycopg import sql

from gateway.db import Connection
from gateway.schemes import Told
from gateway.submissions.decisions import open_points, subject_of
from gateway.submissions.directives import Given
from gateway.submissions.group import PolicyKey, told_of
from gateway.submissions.journal import Posting
from gateway.submissions.known import Decided, KnownRecord, PolicyState
from gateway.submissions.products import Claim, claim_of, told_before
from schemas.base import Noun
from schemas.calendar import shanghai_day
from schemas.party import folded
from schemas.premium import Decision, Directive
from schemas.submission import RECORDS
from schemas.verification import Outcome

MOST_LINKED = 1000


async def find_linked(connection: Connection, keys: Sequence[PolicyKey]) -> set[PolicyKey]:
    """These policies and those that hang together with them, step by step: named by the same invoice, or of the same
    number at another insurer. At most about `MOST_LINKED`."""
    cursor = await connection.execute(
        "WITH RECURSIVE linked(insurer, policy_no) AS ("
        "  SELECT * FROM unnest(%s::text[], %s::text[])"
        "  UNION"
        "  SELECT next.insurer, next.policy_no FROM linked l CROSS JOIN LATERAL ("
        "    SELECT i.insurer, n.policy_no FROM records i"
        "      CROSS JOIN LATERAL jsonb_array_elements_text(i.record -> 'policy_nos') AS n(policy_no)"
        "      WHERE i.type = 'invoice' AND i.insurer = l.insurer AND i.outcome <> 'failed'"
        "        AND (i.record -> 'policy_nos') ? l.policy_no"
        "    UNION ALL"
        "    SELECT r.insurer, r.policy_no FROM records r WHERE r.type = 'policy' AND r.policy_no = l.policy_no"
        "  ) AS next) SELECT insurer, policy_no FROM linked LIMIT %s",
        (*_columns(keys), MOST_LINKED + len(keys)),
    )
    return {(row[0], row[1]) for row in await cursor.fetchall()}


async def find_of_number(connection: Connection, numbers: Sequence[str]) -> set[PolicyKey]:
    """The policies of these numbers, of whatever insurer."""
    cursor = await connection.execute(
        "SELECT DISTINCT insurer, policy_no FROM records WHERE type = 'policy' AND policy_no = ANY(%s)",
        (list(numbers),),
    )
    return {(row[0], row[1]) for row in await cursor.fetchall()}


async def find_of_products(connection: Connection, product_keys: Sequence[str]) -> set[PolicyKey]:
    """The policies of these products, by approval number or by generic name and holder, as an award names products."""
    names = sorted({folded(key.split("|", 1)[0]) for key in product_keys})
    numbers = sorted({folded(key) for key in product_keys})
    # Two searches, each by its own index: with OR between them the planner reads every policy there is.
    cursor = await connection.execute(
        "SELECT insurer, policy_no FROM records WHERE type = 'policy' "
        "  AND folded(record -> 'product' ->> 'generic_name') = ANY(%s) "
        "UNION SELECT insurer, policy_no FROM records WHERE type = 'policy' "
        "  AND folded(record -> 'product' ->> 'approval_no') = ANY(%s) LIMIT %s",
        (names, numbers, MOST_LINKED),
    )
    return {(row[0], row[1]) for row in await cursor.fetchall()}


async def find_invoices(connection: Connection, numbers: Sequence[str]) -> dict[str, list[tuple[str, str, Noun]]]:
    """The invoices of these numbers that were not refused, by number, first come first: insurer, submission, record."""
    cursor = await connection.execute(
        "SELECT number, insurer, submission_id, record::text FROM records "
        "WHERE type = 'invoice' AND number = ANY(%s) AND outcome <> 'failed' ORDER BY seq",
        (list(numbers),),
    )
    found: dict[str, list[tuple[str, str, Noun]]] = {}
    for number, insurer, submission_id, record in await cursor.fetchall():
        found.setdefault(number, []).append((insurer, submission_id, _noun("invoice", record)))
    return found


async def find_red_letters(connection: Connection, numbers: Sequence[str]) -> dict[tuple[str, str], list[KnownRecord]]:
    """The red letters that name no policy and cancel one of these invoices, by insurer and that number."""
    # An array, as in `add_invoices`: of a search for many numbers the planner expects so many red letters that it would
    # read every message to find who sent them.
    cursor = await connection.execute(
        "SELECT r.insurer, r.submission_id, s.keyid, r.number, r.outcome, r.known_at, r.record::text "
        "FROM records r JOIN submissions s ON s.id = r.submission_id WHERE r.seq = ANY(ARRAY("
        "  SELECT seq FROM records WHERE type = 'invoice' "
        "  AND record ->> 'red_letter_of' IS NOT NULL AND record ->> 'red_letter_of' = ANY(%s))) ORDER BY r.seq",
        (list(numbers),),
    )
    found: dict[tuple[str, str], list[KnownRecord]] = {}
    for insurer, known in map(_invoice, await cursor.fetchall()):
        if not known.record.policy_nos:
            found.setdefault((insurer, known.record.red_letter_of), []).append(known)
    return found


def _invoice(row: tuple[Any, ...]) -> tuple[str, KnownRecord]:
    insurer, submission_id, keyid, number, outcome, known_at, record = row
    told = _told("invoice", insurer, number or "", known_at, record)
    noun, day = _noun("invoice", record), shanghai_day(known_at)
    return insurer, KnownRecord(submission_id, keyid, "invoice", number, noun, Outcome(outcome), told, day)


async def add_invoices(connection: Connection, states: Mapping[PolicyKey, PolicyState]) -> None:
    """Give each state the invoices that name it, and the red letters that only name one of those."""
    insurers, numbers = _columns(list(states))
    # Arrays, of which the planner expects few: of a search in lists it expects a hundredth of all invoices, and among
    # millions it would read every red letter rather than look up these.
    cursor = await connection.execute(
        "WITH naming AS (SELECT seq FROM records WHERE type = 'invoice' AND insurer = ANY(%s) "
        "    AND (record -> 'policy_nos') ?| %s),"
        "  red AS (SELECT r.seq FROM records r JOIN records o ON o.seq = ANY(ARRAY(SELECT seq FROM naming))"
        "    AND r.record ->> 'red_letter_of' = o.number AND r.insurer = o.insurer"
        "    WHERE r.type = 'invoice' AND r.record ->> 'red_letter_of' IS NOT NULL)"
        " SELECT r.insurer, r.submission_id, s.keyid, r.number, r.outcome, r.known_at, r.record::text"
        " FROM records r JOIN submissions s ON s.id = r.submission_id"
        " WHERE r.seq = ANY(ARRAY(SELECT seq FROM naming UNION SELECT seq FROM red))"
        " ORDER BY r.record ->> 'red_letter_of' IS NOT NULL, r.seq",  # what is cancelled before what cancels it
        (sorted(set(insurers)), sorted(set(numbers))),
    )
    named: dict[tuple[str, str], tuple[str, ...]] = {}
    for insurer, known in map(_invoice, await cursor.fetchall()):
        noun = known.record
        policies = noun.policy_nos or named.get((insurer, noun.red_letter_of or ""), ())
        named.setdefault((insurer, noun.invoice_no), policies)
        for policy_no in policies:
            if state := states.get((insurer, policy_no)):
                state.records.append(known)


async def add_awards(connection: Connection, states: Mapping[PolicyKey, PolicyState]) -> None:
    """Give each state the awards that name its policy or its product."""
    products: dict[str, list[PolicyState]] = {}
    for state in states.values():
        for key in product_keys(state):
            products.setdefault(key, []).append(state)
    numbers = sorted({number for _, number in states})
    cursor = await connection.execute(
        "SELECT number, known_at, record::text FROM records WHERE type = 'award' AND outcome <> 'failed' AND ("
        " (record -> 'policy_nos') ?| %s OR folded(record ->> 'product_key') = ANY(%s)) ORDER BY seq",
        (numbers, sorted(products)),
    )
    for number, known_at, record in await cursor.fetchall():
        told = _told("award", "", number, known_at, record)
        if told is not None:
            give_award(states, told)


def give_award(states: Mapping[PolicyKey, PolicyState], award: Told) -> None:
    """Let the states that an award is about know of it."""
    key = getattr(award, "product_key", "")
    for state in states.values():
        if state.policy_no in award.policy_nos or key in product_keys(state):
            state.awards.setdefault(award.number, award)


def product_keys(state: PolicyState) -> set[str]:
    """How an award may name the product, as the calculation of subsidies names it."""
    current = state.current_policy()
    product = getattr(current.told, "product", None) if current and current.told else None
    if product is None:
        return set()
    holder = product.holder
    named = holder and (holder.credit_code or holder.name.upper())
    return {
        key
        for key in (
            f"{product.generic_name}|{named}" if product.generic_name and named else None,
            product.approval_no,
            product.drug_code,
        )
        if key
    }


async def add_decisions(connection: Connection, states: Mapping[PolicyKey, PolicyState]) -> None:
    """Give each state what authorities decided about it, with the points that were open when they did."""
    insurers, numbers = _columns(list(states))
    cursor = await connection.execute(
        "SELECT k.insurer, k.policy_no, d.submission_id, d.record::text, p.body "
        "FROM unnest(%s::text[], %s::text[]) AS k(insurer, policy_no) "
        "JOIN records d ON d.type = 'decision' AND d.number = 'premium:' || k.insurer || '/' || k.policy_no "
        "LEFT JOIN LATERAL (SELECT body FROM premiums p WHERE p.insurer = k.insurer AND p.policy_no = k.policy_no "
        "  AND (p.revision = (d.record ->> 'revision')::integer "
        "    OR d.record ->> 'revision' IS NULL AND p.known_at <= d.known_at) ORDER BY revision DESC LIMIT 1) AS p "
        "ON true ORDER BY d.seq",
        (insurers, numbers),
    )
    for insurer, policy_no, submission_id, record, body in await cursor.fetchall():
        decision = Decision.model_validate(orjson.loads(record))
        states[(insurer, policy_no)].decisions.append(decided(submission_id, decision, body))


async def find_points(connection: Connection, key: PolicyKey, decision: Decision) -> bytes | None:
    """The revision that a decision which arrives now is about."""
    cursor = await connection.execute(
        "SELECT body FROM premiums WHERE insurer = %s AND policy_no = %s "
        "AND revision = coalesce(%s, revision) ORDER BY revision DESC LIMIT 1",
        (*key, decision.revision),
    )
    row = await cursor.fetchone()
    return bytes(row[0]) if row else None


def decided(submission_id: str, decision: Decision, body: bytes | None) -> Decided:
    """A decision with the points that were open in the revision that it is about; without a revision, none."""
    subject = subject_of(decision)
    rule = subject[2] if subject else None
    checks = orjson.loads(body)["report"]["checks"] if body else []
    points = open_points(checks, rule)
    return Decided(submission_id, decision.authority, decision.outcome, decision.reason, rule, points)


async def load_directives(connection: Connection) -> list[Given]:
    """Every directive, in the order in which they came."""
    cursor = await connection.execute(
        "SELECT submission_id, record::text FROM records WHERE type = 'directive' AND outcome <> 'failed' ORDER BY seq"
    )
    found = []
    for name, record in await cursor.fetchall():
        noun = _noun("directive", record)
        if isinstance(noun, Directive):
            found.append((name, noun))
    return found


async def add_journal(connection: Connection, states: Mapping[PolicyKey, PolicyState]) -> None:
    """Give each state what is posted of it so far."""
    cursor = await connection.execute(
        "SELECT m.insurer, m.policy_no, m.kind, m.debit, m.credit, m.amount::text, m.day, m.source, m.reason "
        "FROM unnest(%s::text[], %s::text[]) AS k(insurer, policy_no) "
        "JOIN movements m USING (insurer, policy_no) ORDER BY m.id",
        _columns(list(states)),
    )
    for insurer, policy_no, *posting in await cursor.fetchall():
        states[(insurer, policy_no)].posted.append(_posting(posting))


async def append_journal(connection: Connection, rows: Sequence[tuple[Any, ...]]) -> None:
    """Append postings: insurer, policy, revision, kind, debit, credit, fen, day, known at, source, reason."""
    if not rows:
        return
    await connection.execute(
        "INSERT INTO movements (insurer, policy_no, revision, kind, debit, credit, amount, day, known_at, source, "
        "reason) SELECT * FROM unnest(%b::text[], %b::text[], %b::integer[], %b::text[], %b::text[], %b::text[], "
        "%b::text[]::numeric[], %b::date[], %b::timestamptz[], %b::text[], %b::text[])",
        tuple(list(column) for column in zip(*rows, strict=True)),
    )


async def list_journal(
    connection: Connection, key: PolicyKey, as_of: datetime | None
) -> list[tuple[int, datetime, Posting]]:
    """The journal of a premium as known at `as_of`: revision, known at, posting."""
    cursor = await connection.execute(
        "SELECT revision, known_at, kind, debit, credit, amount::text, day, source, reason FROM movements "
        "WHERE insurer = %s AND policy_no = %s AND known_at <= coalesce(%s, 'infinity'::timestamptz) ORDER BY id",
        (*key, as_of),
    )
    return [(row[0], row[1], _posting(row[2:])) for row in await cursor.fetchall()]


def _posting(row: Sequence[Any]) -> Posting:
    kind, debit, credit, amount, day, source, reason = row
    return Posting(kind, debit, credit, int(amount), day, source, reason)  # an amount may be beyond any bigint


def _columns(keys: Iterable[PolicyKey]) -> tuple[list[str], list[str]]:
    keys = list(keys)
    return [insurer for insurer, _ in keys], [policy_no for _, policy_no in keys]


@lru_cache(1024)
def _noun(kind: str, record: str) -> Noun:
    return RECORDS[kind].model_validate(orjson.loads(record))


@lru_cache(2048)
def _told(kind: str, insurer: str, number: str, known_at: datetime, record: str) -> Told | None:
    return told_of(kind, insurer, number, shanghai_day(known_at), orjson.loads(record))


told_from_text = _told


_DOCUMENTS = (
    "SELECT insurer, policy_no FROM impact_signers WHERE kind = {kind} AND name = %(name)s AND policy_no <> '' "
    "UNION SELECT g.insurer, g.policy_no FROM impact_signers s JOIN impact_grounds g "
    "ON g.kind = 'document' AND g.name = s.digest AND g.insurer = s.insurer WHERE s.kind = {kind} AND s.name = %(name)s"
)
_GROUNDS = "SELECT insurer, policy_no FROM impact_grounds WHERE kind = {kind} AND name = %(name)s"
_TOUCHED = {
    "clause": f"JOIN ({_GROUNDS}) AS t USING (insurer, policy_no)",
    "key": f"JOIN ({_GROUNDS}) AS t USING (insurer, policy_no)",
    "certificate": f"JOIN ({_DOCUMENTS}) AS t USING (insurer, policy_no)",
    "issuer": f"JOIN ({_DOCUMENTS}) AS t USING (insurer, policy_no)",
    "insurer": "WHERE s.insurer = %(name)s",
    "rule": "WHERE s.rules = ANY(ARRAY(SELECT id FROM impact_rules WHERE rules @> ARRAY[%(name)s]))",
    "all": "",
}


async def read_touched(
    connection: Connection, kind: str, name: str, size: int
) -> AsyncIterator[Sequence[tuple[Any, ...]]]:
    """The premiums of the policies that a cause touches, in order, so many at a time: insurer, policy, latest revision
    and status, and the amounts of the latest revision that decided any. One reading, as of its beginning."""
    query = sql.SQL(
        "SELECT s.insurer, s.policy_no, s.revision, s.status, s.net_paid, s.worth FROM impact_standing AS s {} "
        "ORDER BY s.insurer, s.policy_no"
    ).format(sql.SQL(_TOUCHED[kind]).format(kind=sql.Literal(kind)))
    async with connection.transaction(), connection.cursor(name="touched") as cursor:
        # All of it is read: the plan is the one that ends first, not the one that begins first.
        await connection.execute("SET LOCAL cursor_tuple_fraction = 1")
        await cursor.execute(query, {"name": name})
        while rows := await cursor.fetchmany(size):
            yield rows


async def count_directives(connection: Connection) -> int:
    """How many directives were told."""
    cursor = await connection.execute("SELECT count(*) FROM records WHERE type = 'directive'")
    row = await cursor.fetchone()
    return int(row[0]) if row else 0


async def find_claims(connection: Connection, approval_nos: Sequence[str]) -> dict[str, list[Claim]]:
    """The ways in which these approval numbers were told, first told first."""
    cursor = await connection.execute(
        "SELECT approval_no, approval_date, class FROM product_claims WHERE approval_no = ANY(%s) ORDER BY seq",
        (list(approval_nos),),
    )
    found: dict[str, list[Claim]] = {}
    for row in await cursor.fetchall():
        found.setdefault(row[0], []).append(Claim(*row))
    return found


async def add_claims(connection: Connection, states: Mapping[PolicyKey, PolicyState]) -> None:
    """Give each state how its product was told before it was told in its own way."""
    own = {key: claim_of(one.record) for key, state in states.items() if (one := state.current_policy())}
    numbers = sorted({claim.approval_no for claim in own.values() if claim is not None})
    told = await find_claims(connection, numbers) if numbers else {}
    for key, claim in own.items():
        if claim is not None:
            states[key].claims = told_before(told.get(claim.approval_no, ()), claim)


async def append_claims(connection: Connection, rows: Sequence[tuple[str, ...]]) -> None:
    """Note new ways of telling a product: approval number, day, class, insurer, submission."""
    if not rows:
        return
    await connection.execute(
        "INSERT INTO product_claims (approval_no, approval_date, class, insurer, submission_id) "
        "SELECT * FROM unnest(%b::text[], %b::text[], %b::text[], %b::text[], %b::text[]) ON CONFLICT DO NOTHING",
        tuple(list(column) for column in zip(*rows, strict=True)),
    )
