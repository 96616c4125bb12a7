"""Receiving against a real PostgreSQL: any order, repetition and batching gives one premium; nothing counts twice."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import psycopg
import pytest
from house import (
    AT,
    Paper,
    arrival,
    arrived,
    counts,
    e_policy,
    failing,
    fetch,
    judges,
    naming,
    next_number,
    on,
    put,
    receipt_of,
    revisions,
    statement,
    world,
)
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from gateway.db import Connection, new_pool
from gateway.feed.store import list_changes
from gateway.submissions.arrival import Arrival
from gateway.submissions.receive import Answer, receive
from gateway.submissions.store import find_receipt, lock
from gateway.submissions.writer import Busy, Outage, Writer
from sandbox.insurers import Insurer
from sandbox.records import Record
from schemas.money import Yuan

# What happens to one policy


def story(insurer: Insurer, number: int = 0, **told: Any) -> tuple[str, list[Paper], list[Record]]:
    """A policy number, its sealed documents, its records: policy, instalments and, if asked for, what undoes them."""
    facts = world().policy(insurer, number or next_number(), instalments=told.get("instalments", 1))
    paper = e_policy(insurer, facts)
    papers, records = [paper], [naming(facts, "policy", paper)]
    for part in facts.body["instalments"]:
        receipt = world().receipt(facts, amount=part["amount"], instalment_no=part["no"])
        if told.get("statements"):
            stated = statement(insurer, receipt)
            papers.append(stated)
            receipt = naming(receipt, "statement", stated)
        records.append(receipt)
    if "increase" in told:
        kind = "decrease" if told["increase"].startswith("-") else "increase"
        records.append(world().endorsement(facts, kind=kind, gross=told["increase"]))
    if "refund" in told:
        records.append(world().refund(facts, amount=told["refund"]))
    if "cancelled" in told:
        records.append(world().cancellation(facts, gross=told["cancelled"]))
    return facts.policy_no, papers, records


async def take(connection: Connection, *arrivals: Arrival) -> list[Answer]:
    return await receive(connection, arrivals, judges())


async def latest(connection: Connection, policy_no: str) -> dict[str, Any]:
    return (await revisions(connection, policy_no))[-1]


@st.composite
def tellings(draw: st.DrawFn) -> dict[str, Any]:
    told: dict[str, Any] = {"instalments": draw(st.integers(1, 3)), "statements": draw(st.booleans())}
    if draw(st.booleans()):
        told["increase"] = draw(st.sampled_from(["10000.00", "-10000.00", "0.01"]))
    if draw(st.booleans()):
        told["refund"] = draw(st.sampled_from(["10000.00", "0.01"]))
    if draw(st.booleans()):
        told["cancelled"] = draw(st.sampled_from(["10000.00", "0.01"]))
    return told


@settings(
    max_examples=12,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    phases=[Phase.explicit, Phase.reuse, Phase.generate],  # shrinking would take minutes here
)
@given(told=tellings(), data=st.data())
def test_any_order_repetition_and_batching_gives_one_premium(
    dsn: str, told: dict[str, Any], data: st.DataObject
) -> None:
    insurer = world().insurer("SANDBOX-C")
    number = next_number()
    policy_no, papers, records = story(insurer, number, **told)
    events: list[Paper | Arrival] = [*papers, *(arrival(insurer, record) for record in records)]
    again: list[Paper | Arrival] = [
        # the same bytes signed anew, and the same record under another message id
        *(arrived(insurer, one.body, one.content_type) for one in events if isinstance(one, Arrival)),
        *(arrival(insurer, record) for record in records),
    ]
    extra = data.draw(st.lists(st.integers(0, len(again) - 1), max_size=4, unique=True))
    events += [again[place] for place in extra]
    order = [events[place] for place in data.draw(st.permutations(range(len(events))))]
    sizes = data.draw(st.lists(st.integers(1, 5), min_size=len(order), max_size=len(order)))

    async def run(connection: Connection) -> None:
        before = await standing(connection)
        told_ids = set()
        for batch in batches(order, sizes):
            if isinstance(batch, Paper):
                await put(connection, insurer, batch)
                continue
            answers = await take(connection, *batch)
            assert {answer.kind for answer in answers} <= {"new", "repeat"}
            told_ids |= {one.message_id for one in batch}
        premium = await latest(connection, policy_no)
        await check_money(connection, premium, policy_no, records)
        after = await standing(connection)
        assert after["submissions"] - before["submissions"] == len(told_ids)
        assert after["documents"] - before["documents"] == len(papers)
        made = sum(after[table] - before[table] for table in ("submissions", "documents", "premiums"))
        assert after["ledger_entries"] - before["ledger_entries"] == made

        # The same once more under another number, each thing once and in order.
        straight_no, papers_again, records_again = story(insurer, number + 2_800_000, **told)
        for paper in papers_again:
            await put(connection, insurer, paper)
        for record in records_again:
            await take(connection, arrival(insurer, record))
        straight = await latest(connection, straight_no)
        assert premium["money"] == straight["money"]
        assert standing_of(premium) == standing_of(straight)

    on(dsn, run)


def standing_of(premium: dict[str, Any]) -> tuple[str, set[tuple[str, str, str | None]]]:
    """Status, but for what depends on whether somebody saw it verified before; and what does not pass."""
    return ("refused" if premium["status"] == "withdrawn" else premium["status"]), failing(premium)


def batches(events: Sequence[Paper | Arrival], sizes: Sequence[int]) -> list[Paper | list[Arrival]]:
    """Runs of messages cut to at most these sizes; documents one by one."""
    found: list[Paper | list[Arrival]] = []
    for event, size in zip(events, sizes, strict=True):
        if isinstance(event, Paper):
            found.append(event)
        elif found and isinstance(found[-1], list) and len(found[-1]) < size:
            found[-1].append(event)
        else:
            found.append([event])
    return found


async def standing(connection: Connection) -> dict[str, int]:
    tables = ("submissions", "documents", "premiums", "ledger_entries")
    rows = await fetch(connection, "SELECT " + ", ".join(f"(SELECT count(*) FROM {table})" for table in tables))
    return dict(zip(tables, rows[0], strict=True))


async def check_money(
    connection: Connection, premium: dict[str, Any], policy_no: str, records: Sequence[Record]
) -> None:
    """The account is the sum of what was told, each once; and the feed has every revision once, without a gap."""
    bodies = [(record.type, record.body) for record in records]
    received = sum(Yuan.of(body["amount"]).fen for kind, body in bodies if kind == "premium_receipt")
    refunded = sum(Yuan.of(body["amount"]).fen for kind, body in bodies if kind == "premium_refund")
    due = Yuan.of(bodies[0][1]["premium"]["gross"]).fen
    due += sum(Yuan.of(body["premium_change"]["gross"]).fen for kind, body in bodies if kind == "endorsement")
    due -= sum(Yuan.of(body["return_premium"]["gross"]).fen for kind, body in bodies if kind == "cancellation")
    money = premium["money"]
    assert [money[name] for name in ("due", "received", "refunded", "net_paid")] == [
        str(Yuan(fen)) for fen in (due, received, refunded, received - refunded)
    ]
    assert (premium["status"] == "verified") == (received - refunded == due)
    feed = await list_changes(connection, -1, 10_000)
    assert [one.position for one in feed] == list(range(len(feed)))
    own = await fetch(connection, "SELECT revision FROM premiums WHERE policy_no = %s ORDER BY position", policy_no)
    assert [row[0] for row in own] == list(range(1, len(own) + 1))


# What waits for what


def test_receipts_wait_for_their_policy_and_the_policy_for_its_document(dsn: str) -> None:
    insurer = world().insurer("SANDBOX-C")
    policy_no, (paper,), (policy, receipt) = story(insurer)

    async def run(connection: Connection) -> None:
        (first,) = await take(connection, arrival(insurer, receipt))
        assert first.status == "held"
        premium = await latest(connection, policy_no)
        assert (premium["status"], failing(premium)) == (
            "held",
            {("record.policy-known", "no-policy-yet", "policy_no")},
        )
        (second,) = await take(connection, arrival(insurer, policy))
        assert second.status == "held"
        premium = await latest(connection, policy_no)
        assert {rule for rule, _, _ in failing(premium)} == {"evidence.present"}
        assert premium["money"]["paid_in_full"] is True
        handed = await put(connection, insurer, paper)
        assert handed.is_new
        found = await revisions(connection, policy_no)
        assert [one["status"] for one in found] == ["held", "held", "verified"]
        assert [one["revision"] for one in found] == [1, 2, 3]

    on(dsn, run)


@pytest.mark.parametrize(
    "how",
    [
        {"tamper": "content-changed"},
        {"tamper": "seal-transplant"},
        {"tamper": "unsigned"},
        {"certificate": "expired"},
        {"certificate": "revoked"},
        {"signer": "SANDBOX-A"},
        {"shown": {"premium.gross": "1.00"}},
        {"other": True},
    ],
)
@pytest.mark.parametrize("document_first", [True, False])
def test_a_document_that_proves_nothing_refuses_whichever_comes_first(
    dsn: str, how: dict[str, Any], document_first: bool
) -> None:
    insurer = world().insurer("SANDBOX-C")
    facts = world().policy(insurer, next_number())
    receipt = world().receipt(facts)
    made = {"signer": world().insurer(how["signer"])} if "signer" in how else how
    if "shown" in how:
        made = {"facts_shown": facts.with_(how["shown"])}
    if how.get("tamper") == "content-changed":
        made = {**how, "facts_shown": world().policy(insurer, next_number(), policy_no=facts.policy_no, rate="1.1")}
    if "other" in how:  # a perfect document, but of another policy
        paper = e_policy(insurer, world().policy(insurer, next_number()))
    else:
        paper = e_policy(insurer, facts, **made)
    policy = naming(facts, "policy", paper)

    async def run(connection: Connection) -> None:
        if document_first:
            await put(connection, insurer, paper)
            (answer,) = await take(connection, arrival(insurer, policy))
            assert answer.status == "refused"
            await take(connection, arrival(insurer, receipt))
        else:
            await take(connection, arrival(insurer, receipt))
            (answer,) = await take(connection, arrival(insurer, policy))
            assert answer.status == "held"
            await put(connection, insurer, paper)
        premium = await latest(connection, facts.policy_no)
        assert premium["status"] == "refused"
        assert any(rule.startswith(("evidence.", "signature.", "document.")) for rule, _, _ in failing(premium))

    on(dsn, run)


@pytest.mark.parametrize("receipt_first", [True, False])
def test_a_statement_that_contradicts_its_receipt_refuses_whichever_comes_first(dsn: str, receipt_first: bool) -> None:
    insurer = world().insurer("SANDBOX-C")
    facts = world().policy(insurer, next_number())
    right = world().receipt(facts)
    paper = statement(insurer, right.with_({"amount": "1.00"}))
    receipt = naming(right, "statement", paper)

    async def run(connection: Connection) -> None:
        e_paper = e_policy(insurer, facts)
        await put(connection, insurer, e_paper)
        await take(connection, arrival(insurer, naming(facts, "policy", e_paper)))
        if receipt_first:
            await take(connection, arrival(insurer, receipt))
            await put(connection, insurer, paper)
        else:
            await put(connection, insurer, paper)
            await take(connection, arrival(insurer, receipt))
        premium = await latest(connection, facts.policy_no)
        assert premium["status"] == "refused"
        assert ("evidence.agrees", "differs", "amount") in failing(premium)
        assert premium["money"]["received"] == facts.gross

    on(dsn, run)


def test_a_policy_may_be_corrected_until_it_is_accepted(dsn: str) -> None:
    insurer = world().insurer("SANDBOX-C")
    facts = world().policy(insurer, next_number())
    wrong = world().policy(insurer, next_number(), policy_no=facts.policy_no, rate="1.1")

    async def run(connection: Connection) -> None:
        for said, status in ((wrong, "held"), (facts, "held")):
            (answer,) = await take(connection, arrival(insurer, said))
            assert answer.status == status
        await take(connection, arrival(insurer, world().receipt(facts)))
        await put(connection, insurer, e_policy(insurer, facts))  # joined by the number that it states
        assert (await latest(connection, facts.policy_no))["status"] == "verified"
        (answer,) = await take(connection, arrival(insurer, facts.with_({"rate_percent": "2.1"})))
        assert answer.status == "refused"
        checks = receipt_of(answer)["report"]["checks"]
        assert "changed-without-endorsement" in {check.get("reason") for check in checks}
        premium = await latest(connection, facts.policy_no)
        assert (premium["status"], premium["revision"]) == ("verified", 4)

    on(dsn, run)


def test_what_is_undone_after_it_was_verified_is_withdrawn_with_its_price(dsn: str) -> None:
    insurer = world().insurer("SANDBOX-C")
    facts = world().policy(insurer, next_number())
    paper = e_policy(insurer, facts)

    async def run(connection: Connection) -> None:
        await put(connection, insurer, paper)
        messages = [naming(facts, "policy", paper), world().receipt(facts), world().refund(facts, amount="5.00")]
        answers = await take(connection, *(arrival(insurer, one) for one in messages))
        assert [receipt_of(one)["premiums"][0]["status"] for one in answers] == ["held", "verified", "withdrawn"]
        premium = await latest(connection, facts.policy_no)
        (worth,) = premium["impact"].pop("schemes")
        assert premium["impact"] == {"before": facts.gross, "after": "0.00", "clawback": facts.gross}
        assert (worth["scheme"], worth["after"], worth["clawback"]) == ("ZJ-NDI", "0.00", worth["before"])

    on(dsn, run)


# Idempotency and replay


def split(arrivals: Sequence[Arrival], together: bool) -> list[list[Arrival]]:
    return [list(arrivals)] if together else [[one] for one in arrivals]


@pytest.mark.parametrize("together", [True, False])
def test_one_answer_for_one_message_in_one_batch_or_in_many(dsn: str, together: bool) -> None:
    insurer = world().insurer("SANDBOX-C")
    _, _, (policy, receipt) = story(insurer)
    first = arrival(insurer, policy, message_id="same-1", nonce="nonce-1")
    later = AT + timedelta(days=1, seconds=1)  # the answer has the id of the second in which the first one came
    again = arrived(insurer, first.body, first.content_type, nonce="nonce-2", at=later)
    other = arrival(insurer, receipt, message_id="same-1", nonce="nonce-3", at=later)
    replayed = arrived(insurer, first.body, first.content_type, nonce="nonce-1", at=later)
    stolen = arrival(insurer, receipt, nonce="nonce-1", at=later)
    allowed = arrived(insurer, first.body, first.content_type, nonce="nonce-1", may_repeat=True, at=later)
    not_allowed = arrival(insurer, receipt, nonce="nonce-1", may_repeat=True, at=later)
    wanted = ["new", "repeat", "conflict", "replay", "replay", "repeat", "replay"]

    async def run(connection: Connection) -> None:
        answers: list[Answer] = []
        for batch in split([first, again, other, replayed, stolen, allowed, not_allowed], together):
            answers += await take(connection, *batch)
        assert [one.kind for one in answers] == wanted
        assert {one.submission_id for one in answers} == {first.submission_id}
        assert answers[1].receipt == answers[5].receipt == answers[0].receipt
        assert len(await fetch(connection, "SELECT 1 FROM submissions")) == 1
        assert len(await fetch(connection, "SELECT 1 FROM records")) == 1

    on(dsn, run)


def test_a_nonce_counts_for_longer_than_any_signature_and_not_for_ever(dsn: str) -> None:
    insurer = world().insurer("SANDBOX-C")
    hours = (0, 12, 23, 24 + 11, 4 * 24)
    sent = [arrival(insurer, story(insurer)[2][0], nonce="nonce-1", at=AT + timedelta(hours=one)) for one in hours]

    async def run(connection: Connection) -> None:
        answers = [(await take(connection, one))[0] for one in sent]
        assert [one.kind for one in answers] == ["new", "replay", "replay", "replay", "new"]
        assert {one.submission_id for one in answers[:4]} == {sent[0].submission_id}

    on(dsn, run)


def test_a_receipt_is_found_by_its_bodys_digest_on_whatever_day_it_came(dsn: str) -> None:
    insurer = world().insurer("SANDBOX-C")
    sent = [arrival(insurer, story(insurer)[2][0], at=AT + timedelta(days=day)) for day in (0, 3, 40)]

    async def run(connection: Connection) -> None:
        digest = sent[1].body_digest
        assert await find_receipt(connection, None, "body_digest", digest) is None
        answers = [(await take(connection, one))[0] for one in sent]
        for one, answer in zip(sent, answers, strict=True):
            for owner in (None, insurer.code):
                found = await find_receipt(connection, owner, "body_digest", one.body_digest)
                assert found == (insurer.code, answer.receipt)
        assert await find_receipt(connection, "SANDBOX-D", "body_digest", digest) is None

    on(dsn, run)


@pytest.mark.parametrize("together", [True, False])
def test_one_receipt_pays_one_policy(dsn: str, together: bool) -> None:
    """F-01: a number names one record of an insurer. Another insurer may have the same."""
    insurer, other = world().insurer("SANDBOX-C"), world().insurer("SANDBOX-D")
    first, second = (world().policy(insurer, next_number()) for _ in range(2))
    elsewhere = world().policy(other, next_number())
    number = f"SK{next_number():08}"
    receipts = [world().receipt(facts).with_({"receipt_no": number}) for facts in (first, second, elsewhere)]
    refund = world().refund(second).with_({"refund_no": number})  # a number of another kind
    messages = [
        *(arrival(insurer, facts) for facts in (first, second)),
        arrival(insurer, receipts[0]),
        arrival(insurer, receipts[1]),
        arrival(insurer, receipts[0]),
        arrival(insurer, receipts[1]),
        arrival(other, receipts[2]),
        arrival(insurer, refund),
    ]

    async def run(connection: Connection) -> None:
        answers: list[Answer] = []
        for batch in split(messages, together):
            answers += await take(connection, *batch)
        wanted = "held held verified refused verified refused held verified"
        assert [one.status for one in answers] == wanted.split()
        reasons = {check.get("reason") for check in receipt_of(answers[3])["report"]["checks"]}
        assert "used-for-another-policy" in reasons
        assert (await latest(connection, first.policy_no))["money"]["received"] == first.gross
        money = (await latest(connection, second.policy_no))["money"]
        assert (money["received"], money["refunded"]) == ("0.00", second.gross)

    on(dsn, run)


def test_of_concurrent_policies_under_one_receipt_one_is_paid(dsn: str) -> None:
    insurer = world().insurer("SANDBOX-C")

    async def run() -> None:
        async with new_pool(dsn, 6) as pool:

            async def alone(one: Arrival) -> Answer:
                async with pool.connection() as connection:
                    return (await take(connection, one))[0]

            receipts = [
                world().receipt(world().policy(insurer, next_number())).with_({"receipt_no": "SK-ONLY-ONE"})
                for _ in range(5)
            ]
            answers = await asyncio.gather(*(alone(arrival(insurer, one)) for one in receipts))
            assert sorted(one.status for one in answers) == ["held", *["refused"] * 4]

    asyncio.run(run())


def test_message_ids_and_nonces_of_one_insurer_are_not_anothers(dsn: str) -> None:
    found = []
    for code in ("SANDBOX-C", "SANDBOX-D"):
        insurer = world().insurer(code)
        _, _, (policy, _) = story(insurer)
        found.append(arrival(insurer, policy, message_id="same-2", nonce="nonce-1"))

    async def run(connection: Connection) -> None:
        assert [one.kind for one in await take(connection, *found)] == ["new", "new"]

    on(dsn, run)


def test_of_concurrent_duplicates_one_is_new_and_the_others_hear_the_same(dsn: str) -> None:
    insurer = world().insurer("SANDBOX-C")

    async def run() -> None:
        async with new_pool(dsn, 6) as pool:

            async def alone(one: Arrival) -> Answer:
                async with pool.connection() as connection:
                    return (await take(connection, one))[0]

            for _ in range(8):
                _, _, (policy, _) = story(insurer)
                first = arrival(insurer, policy)
                copies = [arrived(insurer, first.body, first.content_type) for _ in range(4)]
                answers = await asyncio.gather(*map(alone, [first, *copies]))
                assert sorted(one.kind for one in answers) == ["new", *["repeat"] * 4]
                assert len({one.receipt for one in answers}) == 1
            async with pool.connection() as connection:
                assert await standing(connection) | {"documents": 0} == {
                    "submissions": 8,
                    "documents": 0,
                    "premiums": 8,
                    "ledger_entries": 16,
                }

    asyncio.run(run())


def test_of_concurrent_messages_under_one_nonce_one_is_taken(dsn: str) -> None:
    insurer = world().insurer("SANDBOX-C")

    async def run() -> None:
        async with new_pool(dsn, 6) as pool:

            async def alone(one: Arrival) -> Answer:
                async with pool.connection() as connection:
                    return (await take(connection, one))[0]

            messages = [arrival(insurer, story(insurer)[2][0], nonce="only-one") for _ in range(5)]
            answers = await asyncio.gather(*map(alone, messages))
            assert sorted(one.kind for one in answers) == ["new", *["replay"] * 4]

    asyncio.run(run())


# Batches


def test_one_message_that_cannot_be_kept_does_not_take_others_down(dsn: str) -> None:
    """The database refuses a NUL in a text: whoever sends one is told, and nobody else notices."""
    insurer = world().insurer("SANDBOX-C")

    async def run() -> None:
        async with new_pool(dsn, 4) as pool:
            writer = Writer(pool, judges(), lanes=1)
            good = [arrival(insurer, story(insurer)[2][0]) for _ in range(6)]
            poisoned = arrival(insurer, story(insurer)[2][0], content_type="application/json\x00")
            waiting = [asyncio.ensure_future(writer.decide(one)) for one in (*good[:3], poisoned, *good[3:])]
            await asyncio.sleep(0)  # all of them wait before the writer starts: they are one batch
            writer.start()
            outcomes = await asyncio.gather(*waiting, return_exceptions=True)
            await writer.stop()
            assert isinstance(outcomes.pop(3), psycopg.DataError)
            assert [one.kind for one in outcomes if isinstance(one, Answer)] == ["new"] * 6
            async with pool.connection() as connection:
                assert (await standing(connection))["submissions"] == 6
                feed = await list_changes(connection, -1, 100)
                assert [one.position for one in feed] == list(range(6))

    asyncio.run(run())


@pytest.mark.parametrize("bound", [{"waiting": 2}, {"waiting_bytes": 5000}])
def test_a_full_house_says_so_and_has_room_again(dsn: str, bound: dict[str, int]) -> None:
    insurer = world().insurer("SANDBOX-C")

    async def run() -> None:
        async with new_pool(dsn, 2) as pool:
            writer = Writer(pool, judges(), lanes=1, **bound)
            messages = [arrival(insurer, story(insurer)[2][0]) for _ in range(3)]
            waiting = [asyncio.ensure_future(writer.decide(one)) for one in messages]
            await asyncio.sleep(0)
            with pytest.raises(Busy):
                await waiting[2]
            writer.start()
            assert [answer.kind for answer in await asyncio.gather(*waiting[:2])] == ["new", "new"]
            assert (await writer.decide(messages[2])).kind == "new"
            await writer.stop()

    asyncio.run(run())


def test_when_the_database_is_gone_everybody_is_told_and_nobody_waits_for_another(dsn: str) -> None:
    insurer = world().insurer("SANDBOX-C")

    async def run() -> None:
        nowhere = psycopg.conninfo.make_conninfo(dsn, dbname="there_is_none")
        pool = new_pool(nowhere, 2)
        pool.timeout = 0.3
        await pool.open(wait=False)
        writer = Writer(pool, judges(), lanes=1)
        waiting = [asyncio.ensure_future(writer.decide(arrival(insurer, story(insurer)[2][0]))) for _ in range(20)]
        await asyncio.sleep(0)
        writer.start()
        outcomes = await asyncio.wait_for(asyncio.gather(*waiting, return_exceptions=True), timeout=3)
        assert all(isinstance(one, Outage) for one in outcomes)
        await writer.stop()
        await pool.close()

    asyncio.run(run())


def test_any_number_of_names_is_locked_against_everybody(dsn: str) -> None:
    """The server has room for some thousand locks: a message about more policies than that is received too."""
    many = [f"policy SANDBOX-C {number}" for number in range(20_000)]

    async def run() -> None:
        async with new_pool(dsn, 2) as pool, pool.connection() as one, pool.connection() as other:
            await other.execute("SET lock_timeout = '50ms'")
            for first, second, waits in (
                (many, many[:1], True),
                (many[:1], many, True),
                (many[:300], many[299:500], True),
                (many[:300], many[300:500], False),
                (many, ["message SANDBOX-D 1"], True),
            ):
                async with one.transaction():
                    await lock(one, first)
                    if not waits:
                        async with other.transaction():
                            await lock(other, second)
                        continue
                    with pytest.raises(psycopg.errors.LockNotAvailable):
                        async with other.transaction():
                            await lock(other, second)

    asyncio.run(run())


def test_a_message_of_very_many_records_is_one_answer(dsn: str) -> None:
    insurer = world().insurer("SANDBOX-B")
    facts = [world().policy(insurer, next_number()) for _ in range(600)]
    small = arrival(insurer, facts[0])
    large = arrival(insurer, *facts)

    async def run(connection: Connection) -> None:
        answers = await take(connection, large, small)
        assert [answer.status for answer in answers] == ["held", "held"]
        assert len(receipt_of(answers[0])["premiums"]) == 600
        feed = await list_changes(connection, -1, 1000)
        assert [one.position for one in feed] == list(range(600))

    on(dsn, run)


def test_the_feed_has_no_gap_and_no_going_back_while_many_write(dsn: str) -> None:
    insurer = world().insurer("SANDBOX-C")

    async def run() -> None:
        async with new_pool(dsn, 8) as pool:
            done = asyncio.Event()
            seen: list[int] = []

            async def write(count: int) -> None:
                for number in range(count):
                    _, (paper,), (policy, receipt) = story(insurer)
                    async with pool.connection() as connection:
                        await take(connection, arrival(insurer, policy), arrival(insurer, receipt))
                        if number % 2:
                            await put(connection, insurer, paper)

            async def read() -> None:
                async with pool.connection() as connection:
                    while True:
                        ended = done.is_set()
                        page = await list_changes(connection, seen[-1] if seen else -1, 7)
                        seen.extend(one.position for one in page)
                        if ended and not page:
                            return
                        await asyncio.sleep(0)

            reader = asyncio.create_task(read())
            await asyncio.gather(*(write(4) for _ in range(5)))
            done.set()
            await reader
            assert seen == list(range(5 * 4 * 2 + 5 * 2))

    asyncio.run(run())


def test_a_transaction_that_fails_leaves_nothing_and_no_gap(dsn: str) -> None:
    insurer = world().insurer("SANDBOX-C")

    async def run(connection: Connection) -> None:
        before = counts(dsn)
        poisoned = arrival(insurer, story(insurer)[2][0], content_type="\x00")
        with pytest.raises(psycopg.DataError):
            await take(connection, arrival(insurer, story(insurer)[2][0]), poisoned)
        assert counts(dsn) == before
        await take(connection, arrival(insurer, story(insurer)[2][0]))
        assert [one.position for one in await list_changes(connection, -1, 10)] == [0]

    on(dsn, run)


# What is kept


def test_a_message_that_cannot_be_read_is_kept_as_it_came_and_nothing_else_of_it(dsn: str) -> None:
    insurer = world().insurer("SANDBOX-C")
    _, _, (policy, _) = story(insurer)
    _, body = world().render_message(insurer, [policy], "broken-1")
    bodies = [
        b"",
        b"{",
        b"\xff\xfe\x00",
        b"[" * 10_000,
        body.replace(b'"policy_no"', b'"policy_nr"'),
        body.replace(b'"line"', b'"gross":"1.00","line"'),
        body[:-1],
        body + b"{}",
        body.replace(b"SANDBOX-C", b"SANDBOX-D"),
    ]

    async def run(connection: Connection) -> None:
        for number, broken in enumerate(bodies, 1):
            one = arrived(insurer, broken, "application/json", message_id=f"broken-{number}")
            one = arrived(insurer, broken, "application/json", message_id=one.message_id)
            (answer,) = await take(connection, one)
            assert (answer.kind, answer.status) in (("new", "refused"), ("conflict", "refused")), broken[:40]
            receipt = receipt_of(answer)
            assert receipt["report"]["outcome"] == "failed"
            assert receipt.get("premiums", []) == []
        kept = await fetch(connection, "SELECT body, status FROM submissions ORDER BY received_at, id")
        assert {status for _, status in kept} == {"refused"}
        assert {bytes(row[0]) for row in kept} <= set(bodies)
        assert await fetch(connection, "SELECT 1 FROM records") == []
        assert await fetch(connection, "SELECT 1 FROM premiums") == []
        assert len(await fetch(connection, "SELECT 1 FROM ledger_entries WHERE kind = 'submission'")) == len(kept)

    on(dsn, run)


def test_the_receipt_is_the_same_for_ever_and_names_its_place_in_the_log(dsn: str) -> None:
    insurer = world().insurer("SANDBOX-C")
    _, _, (policy, _) = story(insurer)

    async def run(connection: Connection) -> None:
        first = arrival(insurer, policy)
        (answer,) = await take(connection, first)
        stored = await fetch(connection, "SELECT receipt, body, body_digest FROM submissions")
        assert (bytes(stored[0][0]), bytes(stored[0][1]), stored[0][2]) == (
            answer.receipt,
            first.body,
            first.body_digest,
        )
        leaf = receipt_of(answer)["leaf"]
        rows = await fetch(
            connection, "SELECT encode(leaf_hash, 'hex') FROM ledger_entries WHERE index = %s", leaf["index"]
        )
        assert rows == [(leaf["hash"],)]

    on(dsn, run)


def test_every_table_refuses_change(dsn: str) -> None:
    insurer = world().insurer("SANDBOX-C")

    async def run(connection: Connection) -> None:
        policy_no, (paper,), (policy, receipt) = story(insurer)
        await put(connection, insurer, paper)
        await take(connection, arrival(insurer, policy), arrival(insurer, receipt))
        assert (await latest(connection, policy_no))["status"] == "verified"

    on(dsn, run)
    before = counts(dsn)
    filled = {"documents", "document_verdicts", "submissions", "records", "premiums", "ledger_entries", "migrations"}
    assert all(before[table] for table in filled)
    heads = {"feed_head": "count", "ledger_head": "size"}
    # The state of a machine, on which nothing rests that is verified (gateway/audit/tables.toml says why of each).
    changing = {"filing_polls", "sessions", "sign_in_delays", "used_id_tokens"}
    assert changing < set(before)
    with psycopg.connect(dsn, autocommit=True) as connection:
        for table in sorted(before.keys() - changing):
            name = psycopg.sql.Identifier(table)
            column = connection.execute(
                "SELECT column_name FROM information_schema.columns WHERE table_name = %s AND is_generated = 'NEVER' "
                "AND is_identity = 'NO' ORDER BY ordinal_position DESC LIMIT 1",
                (table,),
            ).fetchone()
            assert column is not None
            last = psycopg.sql.Identifier(column[0])
            attempts = [
                psycopg.sql.SQL("TRUNCATE {} CASCADE").format(name),
                psycopg.sql.SQL("DELETE FROM {}").format(name),
                psycopg.sql.SQL("UPDATE {} SET {} = {}").format(name, last, last),
            ]
            if table in heads:
                counter = psycopg.sql.Identifier(heads[table])
                attempts += [
                    psycopg.sql.SQL("UPDATE {} SET {} = {} - 1").format(name, counter, counter),
                    psycopg.sql.SQL("UPDATE {} SET {} = {} + 1").format(name, counter, counter),  # a gap
                    psycopg.sql.SQL("INSERT INTO {} ({}) VALUES (0)").format(name, counter),
                ]
            for attempt in attempts:
                if before[table] == 0 and b"TRUNCATE" not in attempt.as_bytes():
                    continue  # nothing to change
                with pytest.raises(psycopg.errors.IntegrityConstraintViolation):
                    connection.execute(attempt)
    assert counts(dsn) == before


def test_what_was_known_when_does_not_go_back_in_time(dsn: str) -> None:
    """Two lanes may decide in another order than messages came: a revision is never older than the one before."""
    insurer = world().insurer("SANDBOX-C")
    policy_no, _, (policy, receipt) = story(insurer)

    async def run(connection: Connection) -> None:
        later = AT.replace(second=9)
        await take(connection, arrival(insurer, policy, at=later))
        await take(connection, arrival(insurer, receipt, at=AT))
        moments = await fetch(
            connection, "SELECT known_at FROM premiums WHERE policy_no = %s ORDER BY revision", policy_no
        )
        assert [row[0] for row in moments] == [later, later]

    on(dsn, run)
