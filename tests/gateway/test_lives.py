"""A premium's life beyond its own records: invoices, awards, decisions, directives, co-insurance, and its journal."""

import random
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import orjson
from house import (
    AT,
    arrival,
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
    world,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from lives import said

from gateway.db import Connection
from gateway.submissions.arrival import Arrival
from gateway.submissions.journal import Posting, balances, post
from gateway.submissions.memory.store import list_journal
from gateway.submissions.receive import Answer, receive
from sandbox.insurers import Insurer
from sandbox.records import PolicyFacts, Record
from schemas.money import Yuan

C, D = "SANDBOX-C", "SANDBOX-D"


async def take(connection: Connection, *arrivals: Arrival, rehearse: bool = False) -> list[Answer]:
    return await receive(connection, arrivals, judges(), rehearse=rehearse)


async def latest(connection: Connection, policy_no: str) -> dict[str, Any]:
    return (await revisions(connection, policy_no))[-1]


async def verified(connection: Connection, insurer: Insurer, **overrides: Any) -> PolicyFacts:
    """A policy that is verified: sealed, paid."""
    facts = world().policy(insurer, next_number(), **overrides)
    paper = e_policy(insurer, facts)
    await put(connection, insurer, paper)
    await take(connection, arrival(insurer, naming(facts, "policy", paper)), arrival(insurer, world().receipt(facts)))
    assert (await latest(connection, facts.policy_no))["status"] == "verified"
    return facts


def invoice(
    insurer: Insurer, number: str, gross: str, *policies: str, red_letter_of: str | None = None, day: str = "2026-08-20"
) -> Record:
    """An invoice of this insurer; `gross` signed, without tax."""
    body: dict[str, Any] = {
        "invoice_no": number,
        "issued_on": day,
        "seller": {"name": insurer.name, "credit_code": insurer.credit_code},
        "net": gross,
        "tax": "0.00",
        "gross": gross,
        "policy_nos": list(policies),
    }
    if red_letter_of:
        body["red_letter_of"] = red_letter_of
    return Record("invoice", insurer.code, body)


def invoice_number() -> str:
    return f"2633{next_number():016d}"


def official(kind: str, record: dict[str, Any], *, at: Any = AT) -> Arrival:
    """An authority's word."""
    people = {"award": "SUBSIDY", "decision": "REGULATOR", "directive": "REGULATOR"}
    envelope = {
        "schema": "premium-exchange/1.0",
        "type": kind,
        "message_id": f"official-{next_number()}",
        "sent_at": at.isoformat(),
        "record": record,
    }
    return said(judges(), envelope, people[kind], at=at)


def decision(insurer: Insurer, policy_no: str, rule: str | None, outcome: str = "accepted", **more: Any) -> Arrival:
    subject = f"premium:{insurer.code}/{policy_no}" + (f"#{rule}" if rule else "")
    return official(
        "decision",
        {
            "subject": subject,
            "outcome": outcome,
            "reason": "经核实",
            "decided_on": "2026-09-01",
            "authority": "示例省经信厅",
            **more,
        },
    )


def award(facts: PolicyFacts, amount: str, **more: Any) -> Arrival:
    product = facts.body["product"]
    return official(
        "award",
        {
            "scheme": "ZJ-NDI",
            "product_key": f"{product['generic_name']}|{product['holder']['credit_code']}",
            "policy_nos": [facts.policy_no],
            "year": 2026,
            "amount": amount,
            "awarded_on": "2026-08-31",
            **more,
        },
    )


# Invoices


def test_an_invoice_that_covers_what_was_paid_changes_nothing(dsn: str) -> None:
    insurer = world().insurer(C)

    async def run(connection: Connection) -> None:
        facts = await verified(connection, insurer)
        (answer,) = await take(
            connection, arrival(insurer, invoice(insurer, invoice_number(), facts.gross, facts.policy_no))
        )
        assert answer.status == "verified"
        premium = await latest(connection, facts.policy_no)
        assert premium["status"] == "verified"

    on(dsn, run)


def test_a_red_letter_withdraws_the_premium_also_if_it_came_before_what_it_cancels(dsn: str) -> None:
    insurer = world().insurer(C)

    async def run(connection: Connection) -> None:
        for order in ([0, 1], [1, 0]):
            for together in (False, True):
                facts = await verified(connection, insurer)
                blue = invoice_number()
                told = [
                    arrival(insurer, invoice(insurer, blue, facts.gross, facts.policy_no)),
                    arrival(insurer, invoice(insurer, invoice_number(), f"-{facts.gross}", red_letter_of=blue)),
                ]
                if together:
                    await take(connection, *(told[place] for place in order))
                else:
                    for place in order:
                        await take(connection, told[place])
                premium = await latest(connection, facts.policy_no)
                assert premium["status"] == "withdrawn", (order, together)
                assert failing(premium) == {("premium.invoices-cover-payments", "red-letter", "invoice_no")}
                assert premium["impact"]["clawback"] == facts.gross

    on(dsn, run)


def test_one_invoice_for_two_policies_has_to_cover_both(dsn: str) -> None:
    insurer = world().insurer(C)

    async def run(connection: Connection) -> None:
        one, other = await verified(connection, insurer), await verified(connection, insurer)
        number = invoice_number()
        await take(connection, arrival(insurer, invoice(insurer, number, one.gross, one.policy_no, other.policy_no)))
        for facts in (one, other):
            premium = await latest(connection, facts.policy_no)
            assert premium["status"] == "withdrawn"
            assert failing(premium) == {("premium.invoices-cover-payments", "below-paid", "invoice_no")}
        # A second invoice, of the other policy alone, makes it whole for both: they hang together.
        await take(connection, arrival(insurer, invoice(insurer, invoice_number(), other.gross, other.policy_no)))
        for facts in (one, other):
            assert (await latest(connection, facts.policy_no))["status"] == "verified"

    on(dsn, run)


def test_an_invoice_number_is_used_once_and_a_rival_learns_nothing_of_whom(dsn: str) -> None:
    first, second = world().insurer(C), world().insurer(D)

    async def run(connection: Connection) -> None:
        mine, theirs = await verified(connection, first), await verified(connection, second)
        number = invoice_number()
        (answer,) = await take(connection, arrival(first, invoice(first, number, mine.gross, mine.policy_no)))
        assert answer.status == "verified"
        (answer,) = await take(connection, arrival(second, invoice(second, number, theirs.gross, theirs.policy_no)))
        assert answer.status == "refused"
        told = receipt_of(answer)
        (check,) = (one for one in told["report"]["checks"] if one["rule"] == "record.number-used-once")
        assert (check["reason"], check["facts"]) == ("used-elsewhere", {"number": number})
        text = answer.receipt.decode()
        assert first.code not in text
        assert mine.policy_no not in text
        (answer,) = await take(connection, arrival(first, invoice(first, number, "1.00", mine.policy_no)))
        assert answer.status == "refused"  # nor may its own sender change it

    on(dsn, run)


# Awards and what follows


def test_an_award_is_in_the_premium_and_a_refund_after_it_says_what_to_take_back(dsn: str) -> None:
    insurer = world().insurer(C)

    async def run(connection: Connection) -> None:
        facts = await verified(connection, insurer)
        before = await latest(connection, facts.policy_no)
        (scheme,) = before["schemes"]
        assert scheme["scheme"] == "ZJ-NDI"
        (answer,) = await take(connection, award(facts, scheme["subsidy"]))
        assert answer.status == "verified"
        await take(connection, arrival(insurer, world().refund(facts)))
        premium = await latest(connection, facts.policy_no)
        assert premium["status"] == "withdrawn"
        (impact,) = premium["impact"]["schemes"]
        assert impact == {
            "scheme": "ZJ-NDI",
            "before": scheme["subsidy"],
            "after": "0.00",
            "clawback": scheme["subsidy"],
            "awarded": scheme["subsidy"],
        }
        entries = await fetch(connection, "SELECT kind FROM ledger_entries WHERE kind = 'award'")
        assert entries

    on(dsn, run)


def test_an_award_of_another_scheme_for_the_product_makes_open_what_it_is_worth(dsn: str) -> None:
    insurer = world().insurer(C)

    async def run(connection: Connection) -> None:
        number = next_number()
        body = world().policy(insurer, number).body
        product = body["product"] | {"generic_name": f"示例独有药{number}"}
        facts = await verified(connection, insurer, product=product, policyholder=body["policyholder"])
        elsewhere = award(
            facts, "1.00", scheme="SISTER-STT", policy_nos=["PXXXX202633010099999999"], level="provincial"
        )
        await take(connection, elsewhere)
        premium = await latest(connection, facts.policy_no)
        assert premium["status"] == "verified"
        (scheme,) = premium["schemes"]
        assert (scheme["outcome"], scheme["rules"]) == ("indeterminate", ["R-ZJ-18"])

    on(dsn, run)


def test_the_impacts_add_up_to_the_change_of_what_was_decided(dsn: str) -> None:
    insurer = world().insurer(C)

    async def run(connection: Connection) -> None:
        for seed in range(3):
            draw = random.Random(seed)
            facts = await verified(connection, insurer)
            told = [
                world().refund(facts, amount="5000.00"),
                world().endorsement(facts, kind="decrease", gross="-5000.00"),
                world().receipt(facts, amount="700.00").with_({"receipt_no": f"SKM{facts.policy_no}"}),
                world().endorsement(facts, gross="700.00").with_({"endorsement_no": f"EINC{facts.policy_no}"}),
                invoice(insurer, invoice_number(), "1.00", facts.policy_no),
                invoice(insurer, invoice_number(), facts.gross, facts.policy_no),
            ]
            draw.shuffle(told)
            for record in told:
                await take(connection, arrival(insurer, record))
            every = await revisions(connection, facts.policy_no)
            decided = [one for one in every if one["status"] in ("verified", "withdrawn")]
            net, worth = 0, 0
            for one in every:
                impact = one.get("impact")
                if impact:
                    net += fen(impact["after"]) - fen(impact["before"])
                    worth += sum(fen(own["after"]) - fen(own["before"]) for own in impact.get("schemes", ()))
            first, last = decided[0], decided[-1]
            assert net == standing(last)[0] - standing(first)[0]
            assert worth == standing(last)[1] - standing(first)[1]
            assert {one["status"] for one in every} >= {"verified", "withdrawn"}

    on(dsn, run)


def fen(text: str) -> int:
    return Yuan.of(text).fen


def standing(premium: dict[str, Any]) -> tuple[int, int]:
    """What may be relied on: net paid and worth, in fen."""
    if premium["status"] != "verified":
        return 0, 0
    return fen(premium["money"]["net_paid"]), sum(fen(one["subsidy"]) for one in premium["schemes"])


# Decisions


async def paid_by_another(connection: Connection, insurer: Insurer) -> PolicyFacts:
    facts = world().policy(insurer, next_number())
    paper = e_policy(insurer, facts)
    await put(connection, insurer, paper)
    payer = world().receipt(facts).with_({"payer": {"name": "示例集团有限公司"}})
    await take(connection, arrival(insurer, naming(facts, "policy", paper)), arrival(insurer, payer))
    assert failing(await latest(connection, facts.policy_no)) == {
        ("premium.payer-is-policyholder", "another-payer", "payer")
    }
    return facts


def test_an_authority_settles_what_is_open_and_nothing_that_comes_after(dsn: str) -> None:
    insurer = world().insurer(C)

    async def run(connection: Connection) -> None:
        facts = await paid_by_another(connection, insurer)
        (answer,) = await take(connection, decision(insurer, facts.policy_no, "premium.payer-is-policyholder"))
        assert answer.status == "verified"
        premium = await latest(connection, facts.policy_no)
        assert premium["status"] == "verified"
        (word,) = (one for one in premium["report"]["checks"] if one["rule"] == "record.decided-by-authority")
        assert word["facts"]["authority"] == "示例省经信厅"
        # Another receipt of the same payer is another question.
        more = (
            world()
            .receipt(facts, amount="10000.00")
            .with_({"payer": {"name": "示例集团有限公司"}, "receipt_no": f"SKX{next_number():08d}"})
        )
        await take(connection, arrival(insurer, more), arrival(insurer, world().endorsement(facts)))
        premium = await latest(connection, facts.policy_no)
        assert premium["status"] == "held"

    on(dsn, run)


def test_what_an_authority_rejects_fails_and_what_failed_nobody_accepts(dsn: str) -> None:
    insurer = world().insurer(C)

    async def run(connection: Connection) -> None:
        facts = await paid_by_another(connection, insurer)
        await take(connection, decision(insurer, facts.policy_no, "premium.payer-is-policyholder", "rejected"))
        premium = await latest(connection, facts.policy_no)
        assert premium["status"] == "refused"
        assert failing(premium) == {("record.decided-by-authority", "rejected", None)}

        facts = await verified(connection, insurer)
        await take(connection, arrival(insurer, world().refund(facts)))
        await take(connection, decision(insurer, facts.policy_no, None))
        assert (await latest(connection, facts.policy_no))["status"] == "withdrawn"

    on(dsn, run)


def test_a_decision_on_an_older_revision_says_nothing_of_what_is_open_only_now(dsn: str) -> None:
    insurer = world().insurer(C)

    async def run(connection: Connection) -> None:
        facts = await paid_by_another(connection, insurer)
        await take(connection, decision(insurer, facts.policy_no, None, revision=1))
        assert (await latest(connection, facts.policy_no))["status"] == "held"

    on(dsn, run)


# Directives


def test_a_directive_suspends_and_resumes(dsn: str) -> None:
    insurer, other = world().insurer(C), world().insurer(D)

    def directive(action: str, subject: str, at: Any) -> Arrival:
        record = {
            "subject": subject,
            "action": action,
            "effective_from": at.isoformat(),
            "reason": "数据质量整改",
            "authority": "示例省金融监管局",
        }
        return official("directive", record, at=at)

    async def run(connection: Connection) -> None:
        facts = world().policy(insurer, next_number())
        await take(connection, directive("suspend", f"insurer:{C}/type:policy", AT + timedelta(hours=1)))
        (answer,) = await take(connection, arrival(insurer, facts))
        assert answer.status == "held"  # not yet in effect
        later = AT + timedelta(hours=2)
        (answer,) = await take(connection, arrival(insurer, world().policy(insurer, next_number()), at=later))
        assert answer.status == "refused"
        (check,) = (one for one in receipt_of(answer)["report"]["checks"] if one["rule"] == "message.not-suspended")
        assert (check["reason"], check["facts"]["subject"]) == ("suspended", f"insurer:{C}/type:policy")
        (answer,) = await take(connection, arrival(insurer, world().receipt(facts), at=later))
        assert answer.status == "verified"  # another type
        (answer,) = await take(connection, arrival(other, world().policy(other, next_number()), at=later))
        assert answer.status == "held"  # another insurer
        await take(connection, directive("resume", f"insurer:{C}/type:policy", later))
        (answer,) = await take(connection, arrival(insurer, world().policy(insurer, next_number()), at=later))
        assert answer.status == "held"

    on(dsn, run)


# Rehearsal


def test_a_rehearsal_gives_the_verdict_and_keeps_nothing(dsn: str) -> None:
    insurer = world().insurer(C)

    async def tables(connection: Connection) -> list[Any]:
        counts = (
            "SELECT (SELECT count(*) FROM submissions), (SELECT count(*) FROM records), (SELECT size FROM ledger_head)"
        )
        return await fetch(connection, counts)

    async def run(connection: Connection) -> None:
        facts = world().policy(insurer, next_number())
        paper = e_policy(insurer, facts)
        await put(connection, insurer, paper)
        one = arrival(insurer, naming(facts, "policy", paper))
        before = await tables(connection)
        (tried,) = await take(connection, one, rehearse=True)
        assert await tables(connection) == before
        (live,) = await take(connection, one)
        rehearsed, real = orjson.loads(tried.receipt), receipt_of(live)
        assert "leaf" not in rehearsed
        real.pop("leaf")
        assert rehearsed == real

    on(dsn, run)


# Co-insurance


def shared_policy(lead: Insurer, follower: Insurer) -> tuple[PolicyFacts, PolicyFacts]:
    """One risk as both insurers report it, under the lead's number."""
    shares = [
        {"insurer": lead.code, "share_percent": "60", "lead": True},
        {"insurer": follower.name, "share_percent": "40", "lead": False},
    ]
    facts = world().policy(lead, next_number(), coinsurance=shares)
    return facts, PolicyFacts("policy", follower.code, facts.body)


def test_a_co_insured_premium_counts_once_with_the_lead_whoever_comes_first(dsn: str) -> None:
    lead, follower = world().insurer(C), world().insurer(D)

    async def run(connection: Connection) -> None:
        for seed in range(3):
            facts, report = shared_policy(lead, follower)
            paper = e_policy(lead, facts)
            await put(connection, lead, paper)
            gross = facts.body["premium"]["gross"]
            part = f"{int(gross.split('.')[0]) // 2}.00"
            rest = f"{int(gross.split('.')[0]) - int(gross.split('.')[0]) // 2}.00"
            receipt = world().receipt(facts)
            told = [
                arrival(lead, naming(facts, "policy", paper)),
                arrival(follower, report),
                arrival(lead, receipt.with_({"amount": part})),
                arrival(follower, Record("premium_receipt", follower.code, {**receipt.body, "amount": rest})),
            ]
            random.Random(seed).shuffle(told)
            for one in told:
                await take(connection, one)
            rows = await fetch(
                connection,
                "SELECT DISTINCT ON (insurer) insurer, body FROM premiums WHERE policy_no = %s "
                "ORDER BY insurer, revision DESC",
                facts.policy_no,
            )
            premiums = {insurer: orjson.loads(bytes(body)) for insurer, body in rows}
            assert premiums[C]["status"] == "verified", failing(premiums[C])
            assert premiums[C]["money"]["net_paid"] == gross
            assert premiums[D]["status"] == "refused"
            assert ("policy.counted-with-the-lead", "counted-with-the-lead", "coinsurance") in failing(premiums[D])

    on(dsn, run)


def test_a_follower_alone_waits_for_the_lead(dsn: str) -> None:
    lead, follower = world().insurer(C), world().insurer(D)

    async def run(connection: Connection) -> None:
        _, report = shared_policy(lead, follower)
        await take(connection, arrival(follower, report))
        premium = await latest(connection, report.policy_no)
        assert ("policy.counted-with-the-lead", "lead-not-heard", "coinsurance") in failing(premium)

    on(dsn, run)


# The journal


@settings(max_examples=200, deadline=None)
@given(data=st.data())
def test_what_is_posted_is_what_counts_whatever_counted_before(data: st.DataObject) -> None:
    days = [AT.date() + timedelta(days=n) for n in range(3)]
    kinds = st.sampled_from(["due", "received", "refunded", "returned", "written_off"])
    some = st.lists(
        st.tuples(kinds, st.sampled_from(["a", "b", "c"]), st.integers(-50, 50), st.sampled_from(days)), max_size=6
    )
    posted: list[Posting] = []
    for now in data.draw(st.lists(some, min_size=1, max_size=4)):
        posted += post(posted, now)
        sums = dict.fromkeys(("due", "received", "refunded", "returned", "written_off"), 0)
        for kind, _, fen, _ in now:
            sums[kind] += fen
        assert balances(posted) == sums
        assert post(posted, now) == []
        assert all(one.amount > 0 for one in posted)


def test_the_journal_is_the_account_of_every_revision_in_every_order(dsn: str) -> None:
    insurer = world().insurer(C)

    def records() -> tuple[PolicyFacts, list[Record]]:
        facts = world().policy(insurer, next_number(), instalments=2)
        parts = [
            world().receipt(facts, amount=part["amount"], instalment_no=part["no"])
            for part in facts.body["instalments"]
        ]
        given_up = (
            world()
            .endorsement(facts, kind="write_off", gross="-100.00")
            .with_({"endorsement_no": f"EWO{facts.policy_no}"})
        )
        changes = [world().endorsement(facts, gross="500.00"), given_up, world().refund(facts, amount="7.00")]
        return facts, [facts, *parts, *changes, world().cancellation(facts, gross="30.00")]

    async def told(connection: Connection, seed: int) -> Sequence[Any]:
        facts, sent = records()
        random.Random(seed).shuffle(sent)
        for record in sent:
            await take(connection, arrival(insurer, record))
        for revision in await revisions(connection, facts.policy_no):
            journal = await list_journal(connection, (C, facts.policy_no), None)
            sums = balances(one for number, _, one in journal if number <= revision["revision"])
            if "money" in revision:
                money = revision["money"]
                assert f"{(sums['due'] - sums['returned']) / 100:.2f}" == money["due"]
                assert f"{(sums['received'] - sums['refunded']) / 100:.2f}" == money["net_paid"]
                assert f"{sums['written_off'] / 100:.2f}" == money.get("written_off", "0.00")
        debits = {(one.debit, one.credit) for _, _, one in journal}
        assert ("losses", "receivable") in debits
        return sorted(balances(one for _, _, one in journal).items())

    async def run(connection: Connection) -> None:
        first = await told(connection, 0)
        assert [dict(await told(connection, seed))["refunded"] for seed in (1, 2)] == [dict(first)["refunded"]] * 2

    on(dsn, run)
