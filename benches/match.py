"""Matching: a workbook of annex 2 with thousands of rows against what is verified, answered whole.

The floor is what nobody can leave out of that: the same bytes are read as a workbook, cell by cell; the facts of the
same premiums are fetched from the same table in one query and parsed; and the same answer is written as JSON.
"""

import asyncio
import gc
import time
from collections.abc import Awaitable, Callable, Iterator
from datetime import UTC, date, datetime
from typing import Any

import orjson
import psycopg

from benches.line import Line, of_rates
from benches.market import INSURER, world
from benches.servers import place
from gateway.db import Connection, new_pool
from gateway.match.fields import BY_NAME
from gateway.match.match import match
from gateway.match.read import read_application
from gateway.match.workbook import Cell, Sheet, write_workbook
from gateway.serve import collect_seldom
from sandbox.records import PolicyFacts
from schemas.canonical import canonical
from schemas.policy import Policy
from schemas.verification import conclude, passed
from schemas.verified import Evidence, Money, VerifiedPremium, facts_digest, subject_of
from untrusted import read_xlsx

_AT = datetime(2026, 9, 1, 4, tzinfo=UTC)
_COLUMNS = (
    "enterprise", "region", "product", "registration_class", "holder", "manufacturer", "form_and_specification",
    "approval_no", "approval_date", "policy_no", "rate", "premium", "paid",
)  # fmt: skip


def run(rows: int, seconds: float) -> Iterator[Line]:
    """Rows a second, of applications of `rows` rows each."""
    policies = [world(_AT).policy(world(_AT).insurer(INSURER), number) for number in range(rows)]
    data = write_workbook(_table(policies))
    with place() as where:
        dsn = where.new_database("match")
        _fill(dsn, policies)
        thresholds = gc.get_threshold()
        collect_seldom()  # as in the service
        yield asyncio.run(_measured(dsn, data, rows, seconds))
        gc.set_threshold(*thresholds)
        gc.unfreeze()


async def _measured(dsn: str, data: bytes, rows: int, seconds: float) -> Line:
    async with new_pool(dsn, 2) as pool, pool.connection() as connection:
        answer = await _job(connection, data)
        if answer["summary"] != {"agrees": rows, "differs": 0, "unknown": 0}:
            raise ValueError(f"the bench's own application does not agree: {answer['summary']}")
        positions = list(range(rows))

        async def job() -> None:
            orjson.dumps(await _job(connection, data))

        async def floor() -> None:
            read = await asyncio.to_thread(lambda: [sheet.content() for sheet in read_xlsx(data).sheets])
            cursor = await connection.execute(
                "SELECT facts::text FROM premium_facts WHERE position = ANY(%s)", (positions,)
            )
            facts = [orjson.loads(row[0]) for row in await cursor.fetchall()]
            orjson.dumps(answer)
            assert read
            assert len(facts) == rows

        values: list[float] = []
        floors: list[float] = []
        end = time.perf_counter() + seconds
        while len(values) < 3 or time.perf_counter() < end:
            values.append(rows / await _seconds(job))
            floors.append(rows / await _seconds(floor))
    return of_rates("match.rows", "rows/s", values, floors, rows=rows, bytes=len(data), rounds=len(values))


async def _job(connection: Connection, data: bytes) -> dict[str, Any]:
    application = await asyncio.to_thread(read_application, data)
    return await match(connection, application, as_of=_AT, insurers={})


async def _seconds(work: Callable[[], Awaitable[None]]) -> float:
    start = time.perf_counter()
    await work()
    return time.perf_counter() - start


def _table(policies: list[PolicyFacts]) -> Sheet:
    head = [Cell("序号", "label"), *(Cell(BY_NAME[name].label, "label") for name in _COLUMNS)]
    body = [
        [Cell(str(number), is_number=True), *(_cell(name, facts) for name in _COLUMNS)]
        for number, facts in enumerate(policies, 1)
    ]
    return Sheet("附件2", (12,) * len(head), [head, *body], {})


def _cell(name: str, facts: PolicyFacts) -> Cell:
    product = facts.body["product"]
    gross = int(str(facts.gross).replace(".", ""))
    if name in ("premium", "paid"):
        return Cell(f"{gross // 1_000_000}.{gross % 1_000_000:06d}", is_number=True)
    texts = {
        "enterprise": facts.get("policyholder.name"),
        "region": facts.get("policyholder.region"),
        "product": product["generic_name"],
        "registration_class": product["registration_class"],
        "holder": product["holder"]["name"],
        "manufacturer": product["manufacturer"]["name"],
        "form_and_specification": f"{product['dosage_form']}、{product['specification']}",
        "approval_no": product["approval_no"],
        "approval_date": product["approval_date"],
        "policy_no": facts.policy_no,
        "rate": facts.get("rate_percent"),
    }
    return Cell(str(texts[name]), is_number=name == "rate")


def _fill(dsn: str, policies: list[PolicyFacts]) -> None:
    """Verified premiums of these policies, paid in full, each as one revision."""
    with psycopg.connect(dsn) as connection:
        with connection.cursor() as cursor:
            cursor.executemany(
                "INSERT INTO premiums (position, insurer, policy_no, revision, status, known_at, leaf_index, "
                "leaf_hash, signature, body) VALUES (%s, %s, %s, 1, 'verified', %s, %s, '', '', %s)",
                [(at, INSURER, one.policy_no, _AT, at, canonical(_premium(one))) for at, one in enumerate(policies)],
            )
        connection.execute("ANALYZE premium_facts")


def _premium(facts: PolicyFacts) -> VerifiedPremium:
    policy = Policy.model_validate(facts.body)
    gross = policy.premium.gross
    money = Money(
        due=gross,
        received=gross,
        refunded=gross - gross,
        net_paid=gross,
        paid_in_full=True,
        paid_in_full_on=date(2026, 8, 1),
    )
    report = conclude(
        subject_of(INSURER, policy.policy_no),
        checks=[passed("premium.paid-in-full")],
        at=_AT,
        digest=facts_digest(policy, money),
    )
    return VerifiedPremium(
        insurer=INSURER,
        policy_no=policy.policy_no,
        revision=1,
        status="verified",
        known_at=_AT,
        policy=policy,
        money=money,
        report=report,
        evidence=Evidence(submissions=("S" + "0" * 32,)),
    )
