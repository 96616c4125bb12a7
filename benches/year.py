"""A simulated year: policies with random lives through the ledger, held against an independent, naive recomputation.

The recomputation knows nothing of the house but the records themselves: it adds up plain integers in the way that
DOMAIN section 1.4 says. Premiums, journals and every product's line must come out equal; then the cost of a record is
told for each tenth of the year, so that one sees whether it grows with what is known.
"""

import asyncio
import hashlib
import json
import random
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson

from benches.line import Line
from gateway.catalogue import load_catalogue
from gateway.db import Connection, embedded, migrate, new_pool
from gateway.filing.registry import FilingRegistry
from gateway.participants import Participant, Participants
from gateway.schemes import Terms, find_scheme
from gateway.submissions.arrival import Arrival
from gateway.submissions.gather import Judges
from gateway.submissions.journal import balances
from gateway.submissions.memory.store import list_journal
from gateway.submissions.read import read_message
from gateway.submissions.receive import receive
from gateway.submissions.worth import find_lines_of_product
from schemas.verification import passed
from signing import TrustStore

AT = date(2026, 12, 31)
_FIRST = date(2026, 2, 1)
_CAP = 50_000_000  # fen
_TENTHS = 10
_INSURERS = {"YEAR-A": "91330108MA2XX9T186", "YEAR-B": "91331082MA28GHJ45X", "YEAR-C": "91330000MA2DEMA16M"}
_HOLDER = {"name": "示例医药（杭州）有限公司", "credit_code": "91330106999901014C", "region": "330106"}


@dataclass(slots=True)
class Life:
    """One policy: its messages, and the plain numbers (fen) that they come to."""

    insurer: str
    policy_no: str
    product: str
    base: int
    due: int
    received: int = 0
    refunded: int = 0
    undone: bool = False
    billed: int | None = None
    messages: list[dict[str, Any]] = field(default_factory=list)

    @property
    def net(self) -> int:
        """What stayed."""
        return self.received - self.refunded

    @property
    def subsidy(self) -> int:
        """What it is worth before the yearly cap: DOMAIN section 1.4."""
        if self.undone or self.net < self.due or (self.billed is not None and self.billed < self.net):
            return 0
        return min(self.net, self.due, self.base * 2 // 100) // 2


@dataclass(slots=True)
class Year:
    """All lives, the awards by product, and every message in the order in which it is sent."""

    lives: list[Life]
    awards: dict[str, int]
    messages: list[dict[str, Any]]


def simulate(count: int, seed: int) -> Year:
    """`count` policies; the same for the same seed."""
    draw = random.Random(seed)
    lives = [_live(number, draw) for number in range(count)]
    awards: dict[str, int] = defaultdict(int)
    for number, life in enumerate(lives):
        if draw.random() < 0.2:
            amount = draw.choice((1, 100_000, max(1, life.subsidy), 60_000_000))
            awards[life.product] += amount
            life.messages.append(_award(number, life, amount))
    messages = [message for life in lives for message in life.messages]
    # Neighbours change places, as they do on the way: a receipt before its policy, an award before a refund.
    order = sorted(range(len(messages)), key=lambda place: place + draw.uniform(0, 60))
    return Year(lives, dict(awards), [messages[place] for place in order])


def _live(number: int, draw: random.Random) -> Life:
    base, rate = draw.choice((1000, 2000, 5000)) * 1_000_000, draw.choice((8, 16, 20, 30))  # fen; per thousand
    gross = base * rate // 1000
    insurer = draw.choice(sorted(_INSURERS))
    start = _FIRST + timedelta(days=draw.randrange(150))
    name = f"示例{number // 2}号片"
    life = Life(insurer, f"PYEAR2026330100{number:08d}", f"{name}|{_HOLDER['credit_code']}", base, gross)
    _say(life, "policy", 0, _policy(life, name, number, start, gross, rate), start)
    parts = draw.choice((1, 1, 2, 3))
    for part in range(parts):
        if part and draw.random() < 0.1:
            continue  # an instalment that never came
        amount = gross // parts if part else gross - gross // parts * (parts - 1)
        _receive(life, part, amount, start + timedelta(days=30 * part))
    if draw.random() < 0.2:
        change = draw.choice((100_000, -100_000, 777))
        kind = "increase" if change > 0 else "decrease"
        body = {"endorsement_no": f"E1{life.policy_no}", "kind": kind, "premium_change": {"gross": _yuan(change)}}
        day = start + timedelta(days=40)
        _say(life, "endorsement", 1, {**body, "issued_on": str(day), "effective_on": str(day)}, day)
        life.due += change
        if change > 0 and draw.random() < 0.7:
            _receive(life, 8, change, day)
        if change < 0 and draw.random() < 0.7:
            _refund(life, 8, -change, day)
    fate = draw.random()
    if fate < 0.1:
        kind = "from_inception" if fate < 0.05 else "mid_term"
        back = life.due if kind == "from_inception" else life.due // 3
        day = start + timedelta(days=120)
        body = {"endorsement_no": f"E2{life.policy_no}", "kind": kind, "return_premium": {"gross": _yuan(back)}}
        effective = start if kind == "from_inception" else day
        _say(life, "cancellation", 2, {**body, "effective_on": str(effective)}, day)
        life.due -= back
        life.undone = kind == "from_inception"
        if draw.random() < 0.8:
            _refund(life, 9, min(back, life.received), day)
    if draw.random() < 0.5:
        _bill(life, 0, life.received, start + timedelta(days=3), None)
        if draw.random() < 0.1:
            _bill(life, 1, -life.received, start + timedelta(days=130), f"2633{_number(life)}00")
    return life


def _policy(life: Life, name: str, number: int, start: date, gross: int, rate: int) -> dict[str, Any]:
    return {
        "policyholder": _HOLDER,
        "product": {
            "kind": "drug",
            "generic_name": name,
            "approval_no": f"国药准字H2024{number % 10000:04d}",
            "approval_date": "2024-06-18",
            "registration_class": "化学药品1类",
            "class_group": "chemical",
            "class_codes": ["1"],
            "holder": _HOLDER,
            "manufacturer": _HOLDER,
        },
        "line": "product_liability",
        "clauses": [{"registration_no": "C00099130912025061000011", "name": "药品产品责任保险条款", "kind": "main"}],
        "issued_on": str(start - timedelta(days=3)),
        "period": {"start": str(start), "end": str(start.replace(year=start.year + 1) - timedelta(days=1))},
        "limits": {"aggregate": _yuan(life.base)},
        "rate_base": {"kind": "aggregate_limit", "amount": _yuan(life.base)},
        "rate_percent": f"{rate / 10:g}",
        "premium": {"gross": _yuan(gross), "net": _yuan(gross), "tax": "0.00", "currency": "CNY"},
    }


def _receive(life: Life, part: int, amount: int, day: date) -> None:
    number = f"SK{part}{life.policy_no}"
    body = {"receipt_no": number, "amount": _yuan(amount), "received_on": str(day), "payer": _HOLDER}
    _say(life, "premium_receipt", 10 + part, body, day)
    life.received += amount


def _refund(life: Life, part: int, amount: int, day: date) -> None:
    if amount <= 0:
        return
    body = {"refund_no": f"TF{part}{life.policy_no}", "amount": _yuan(amount), "paid_on": str(day)}
    _say(life, "premium_refund", 20 + part, body, day)
    life.refunded += amount


def _bill(life: Life, part: int, gross: int, day: date, cancels: str | None) -> None:
    body: dict[str, Any] = {
        "invoice_no": f"2633{_number(life)}{part:02d}",
        "issued_on": str(day),
        "net": _yuan(gross),
        "tax": "0.00",
        "gross": _yuan(gross),
        "policy_nos": [life.policy_no] if cancels is None else [],
    }
    if cancels is not None:
        body["red_letter_of"] = cancels
    _say(life, "invoice", 30 + part, body, day, of_policy=False)
    life.billed = (life.billed or 0) + gross


def _number(life: Life) -> str:
    return f"{int(life.policy_no[-8:]):014d}"


def _say(life: Life, kind: str, part: int, body: dict[str, Any], day: date, *, of_policy: bool = True) -> None:
    own = {"policy_no": life.policy_no} if of_policy else {}
    life.messages.append(
        {
            "schema": "premium-exchange/1.0",
            "type": kind,
            "message_id": f"{kind}-{part}-{life.policy_no}",
            "insurer": life.insurer,
            "sent_at": f"{day}T10:00:00+08:00",
            "record": own | body,
        }
    )


def _award(number: int, life: Life, amount: int) -> dict[str, Any]:
    record = {
        "scheme": "ZJ-NDI",
        "product_key": life.product,
        "policy_nos": [life.policy_no],
        "year": 2026,
        "amount": _yuan(amount),
        "awarded_on": "2026-12-01",
    }
    return {
        "schema": "premium-exchange/1.0",
        "type": "award",
        "message_id": f"award-{number}",
        "sent_at": "2026-12-01T10:00:00+08:00",
        "record": record,
    }


def _yuan(fen: int) -> str:
    sign, fen = ("-", -fen) if fen < 0 else ("", fen)
    return f"{sign}{fen // 100}.{fen % 100:02d}"


# Through the ledger


def judges() -> Judges:
    """What decisions rest on here: nobody is trusted and nothing is filed, so that money is all that is judged."""
    people = [
        Participant(
            code=code,
            role="insurer",
            name=f"示例{code[-1]}财产保险有限公司",
            credit_code=credit_code,
            company_code="000991",
            dialect="DIA-CANON-JSON",
        )
        for code, credit_code in _INSURERS.items()
    ]
    people.append(Participant(code="YEAR-SUBSIDY", role="subsidy_system", name="示例省补贴系统"))

    async def registry(_: Connection) -> FilingRegistry:
        return FilingRegistry()

    with tempfile.TemporaryDirectory() as folder:
        trust = TrustStore.load(Path(folder))
    return Judges(Participants(people), trust, load_catalogue().digest, registry, 45, "gateway.example/year")


def arrivals(year: Year, by: Judges) -> Iterator[Arrival]:
    """Every message as it arrives, a second after the other."""
    at = datetime(2026, 12, 31, 1, tzinfo=UTC)
    for number, message in enumerate(year.messages):
        sender = by.participants.find(message.get("insurer", "YEAR-SUBSIDY"))
        assert sender is not None
        body = json.dumps(message, ensure_ascii=False).encode()
        reading = read_message(body, "application/json", sender)
        yield Arrival(
            insurer=sender,
            message_id=message["message_id"],
            body=body,
            content_type="application/json",
            received_at=at + timedelta(milliseconds=number),
            keyid="year",
            nonce=f"n-{number}",
            may_repeat=False,
            proof={},
            request_checks=(passed("request.signature"),),
            reading=reading,
            body_digest=f"sha256:{hashlib.sha256(body).hexdigest()}",
        )


async def send(connection: Connection, year: Year, by: Judges, batch: int = 64) -> list[float]:
    """Receive everything; seconds a record in each tenth of the year."""
    waiting: list[Arrival] = []
    costs, started, count = [], time.perf_counter(), 0
    size = max(1, len(year.messages) // _TENTHS)
    for arrival in arrivals(year, by):
        waiting.append(arrival)
        if len(waiting) == batch:
            await receive(connection, waiting, by)
            count, waiting = count + batch, []
        if count >= size:
            costs.append((time.perf_counter() - started) / count)
            started, count = time.perf_counter(), 0
    if waiting:
        await receive(connection, waiting, by)
    return costs


class Differs(Exception):
    """Ledger and recomputation do not agree."""


async def compare(connection: Connection, year: Year, by: Judges, *, every: int = 1) -> int:
    """Hold each `every`-th policy, and the line of its product, against the recomputation; how many were.

    Raises `Differs` naming the first that is not equal.
    """
    products: dict[str, list[Life]] = defaultdict(list)
    for life in year.lives:
        products[life.product].append(life)
    terms = Terms(find_scheme("ZJ-NDI", AT))
    checked = 0
    for number, (product, lives) in enumerate(products.items()):
        if number % every:
            continue
        for life in lives:
            await _compare_money(connection, life)
            checked += 1
        (line,) = await find_lines_of_product(connection, product, terms, by, AT)
        worth = {policy.policy_no: policy.subsidy.fen for policy in line.assessed.policies}
        _same(product, "policies", worth, {life.policy_no: life.subsidy for life in lives})
        total, awarded = min(_CAP, sum(life.subsidy for life in lives)), year.awards.get(product, 0)
        _same(product, "subsidy", line.assessed.subsidy.fen, max(0, total - awarded))
        _same(product, "clawback", line.assessed.clawback.fen, max(0, awarded - total))
    return checked


async def _compare_money(connection: Connection, life: Life) -> None:
    key = (life.insurer, life.policy_no)
    cursor = await connection.execute(
        "SELECT body FROM premiums WHERE insurer = %s AND policy_no = %s ORDER BY revision DESC LIMIT 1", key
    )
    row = await cursor.fetchone()
    money = orjson.loads(bytes(row[0]))["money"] if row else {}
    expected = {"due": life.due, "received": life.received, "refunded": life.refunded, "net_paid": life.net}
    _same(life.policy_no, "money", {name: money.get(name) for name in expected}, _texts(expected))
    sums = balances(one for _, _, one in await list_journal(connection, key, None))
    journal = {"due": sums["due"] - sums["returned"], "received": sums["received"], "refunded": sums["refunded"]}
    _same(life.policy_no, "journal", journal, {name: expected[name] for name in journal})


def _texts(amounts: dict[str, int]) -> dict[str, str]:
    return {name: _yuan(fen) for name, fen in amounts.items()}


def _same(name: str, what: str, found: object, expected: object) -> None:
    if found != expected:
        raise Differs(f"{name}: {what}: {found}, recomputed {expected}")


def run(policies: int, seed: int = 1) -> Iterator[Line]:
    """The year through a database of its own: the cost of a record in the last tenth beside that in the first."""
    with tempfile.TemporaryDirectory(prefix="gateway-year-") as folder, embedded(Path(folder) / "postgres") as dsn:
        migrate(dsn)
        year = simulate(policies, seed)
        by = judges()
        costs, checked = asyncio.run(_through(dsn, year, by, max(1, policies // 4000)))
    first, last = costs[1 if len(costs) > 2 else 0], costs[-1]
    yield Line(
        "year.record",
        last * 1000,
        "ms a record in the last tenth",
        first * 1000,
        first / last,
        {
            "floor_is": "an early tenth of the same year",
            "policies": policies,
            "records": len(year.messages),
            "recomputed": checked,
            "tenths_ms": [round(cost * 1000, 3) for cost in costs],
        },
    )


async def _through(dsn: str, year: Year, by: Judges, every: int) -> tuple[Sequence[float], int]:
    async with new_pool(dsn, 2) as pool, pool.connection() as connection:
        costs = await send(connection, year, by)
        return costs, await compare(connection, year, by, every=every)
