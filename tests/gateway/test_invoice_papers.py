"""Invoices and their sealed originals, from the message to the premium: whichever of the two comes first."""

from typing import Any

import pytest
from house import (
    AT,
    Paper,
    arrival,
    e_policy,
    failing,
    judges,
    naming,
    next_number,
    on,
    put,
    registered_as,
    revisions,
    trust,
    world,
)

from gateway.db import Connection
from gateway.submissions.documents import as_judged, judge_document
from gateway.submissions.evidence import TAX_AUTHORITY
from gateway.submissions.receive import receive
from sandbox.records import PolicyFacts, Record
from schemas.verification import Outcome

OFD = "application/ofd"
WHO = world().insurer("SANDBOX-C")


def original(record: Record, **how: Any) -> Paper:
    """The invoice as the tax authority sealed it."""
    return Paper(world().e_invoice(record, **how), OFD)


def paid_policy() -> tuple[PolicyFacts, Paper, Record]:
    facts = world().policy(WHO, next_number())
    return facts, e_policy(WHO, facts), world().receipt(facts)


async def take(connection: Connection, *sent: Record) -> list[str]:
    return [answer.status for answer in await receive(connection, [arrival(WHO, one) for one in sent], judges())]


async def latest(connection: Connection, facts: PolicyFacts) -> dict[str, Any]:
    premium: dict[str, Any] = (await revisions(connection, facts.policy_no))[-1]
    return premium


@pytest.mark.parametrize("letter", "ABCD")
def test_an_invoice_is_read_whosever_profile_it_meets(letter: str) -> None:
    record = world().invoice(world().policy(WHO, 1))
    owner = registered_as(f"SANDBOX-{letter}")
    judged = as_judged("x", judge_document(original(record).content, OFD, owner, trust(), AT))
    assert (judged.outcome, judged.owners, judged.kind) == (Outcome.PASSED, (TAX_AUTHORITY,), "invoice")
    assert judged.problems == ()
    assert judged.stated["gross"].value == record.body["gross"]


@pytest.mark.parametrize("first", ["invoice", "paper"])
def test_a_premium_whose_invoice_is_sealed_and_agrees_is_verified(dsn: str, first: str) -> None:
    facts, policy_paper, receipt = paid_policy()
    record = world().invoice(facts)
    paper = original(record)
    named = naming(record, "invoice", paper)

    async def run(connection: Connection) -> None:
        await put(connection, WHO, policy_paper)
        assert await take(connection, naming(facts, "policy", policy_paper), receipt) == ["verified"] * 2
        if first == "paper":
            await put(connection, WHO, paper)
            assert await take(connection, named) == ["verified"]
        else:
            assert await take(connection, named) == ["held"]
            held = await latest(connection, facts)
            assert held["status"] == "held"
            assert failing(held) == {("evidence.present", "not-handed-in", "documents")}
            await put(connection, WHO, paper)
        premium = await latest(connection, facts)
        assert premium["status"] == "verified"
        if first == "invoice":  # else it changes nothing, and makes no revision
            assert paper.digest in {one["digest"] for one in premium["evidence"]["documents"]}

    on(dsn, run)


def test_an_invoice_that_its_original_contradicts_is_refused(dsn: str) -> None:
    facts, policy_paper, receipt = paid_policy()
    record = world().invoice(facts)
    paper = original(world().invoice(facts, gross="900000.00"))

    async def run(connection: Connection) -> None:
        await put(connection, WHO, policy_paper)
        await put(connection, WHO, paper)
        await take(connection, naming(facts, "policy", policy_paper), receipt)
        assert await take(connection, naming(record, "invoice", paper)) == ["refused"]
        assert (await latest(connection, facts))["status"] == "verified"  # what was refused never counted
        good = original(record)
        await put(connection, WHO, good)
        assert await take(connection, naming(record, "invoice", good)) == ["verified"]

    on(dsn, run)


def test_an_original_that_contradicts_afterwards_fails_the_premium(dsn: str) -> None:
    facts, policy_paper, receipt = paid_policy()
    record = world().invoice(facts)
    paper = original(record, shown=world().invoice(facts, gross="900000.00"))

    async def run(connection: Connection) -> None:
        await put(connection, WHO, policy_paper)
        await take(connection, naming(facts, "policy", policy_paper), receipt)
        assert await take(connection, naming(record, "invoice", paper)) == ["held"]
        await put(connection, WHO, paper)
        premium = await latest(connection, facts)
        assert premium["status"] == "withdrawn"
        assert {field for rule, _, field in failing(premium) if rule == "evidence.agrees"} == {"net", "tax", "gross"}

    on(dsn, run)


def test_an_invoice_that_the_insurer_sealed_itself_is_none(dsn: str) -> None:
    facts, policy_paper, receipt = paid_policy()
    record = world().invoice(facts)
    paper = original(record, signer=WHO)

    async def run(connection: Connection) -> None:
        await put(connection, WHO, policy_paper)
        await put(connection, WHO, paper)
        await take(connection, naming(facts, "policy", policy_paper), receipt)
        assert await take(connection, naming(record, "invoice", paper)) == ["refused"]

    on(dsn, run)


def test_a_receipt_may_name_its_invoice(dsn: str) -> None:
    facts, policy_paper, receipt = paid_policy()
    record = world().invoice(facts)
    paper = original(record)
    named = naming(receipt, "invoice", paper)

    async def run(connection: Connection) -> None:
        await put(connection, WHO, policy_paper)
        await put(connection, WHO, paper)
        assert await take(connection, naming(facts, "policy", policy_paper)) == ["verified"]
        # It does not say which invoices are its own: open.
        assert await take(connection, named) == ["held"]
        assert ("evidence.agrees", "not-in-record", "invoice_nos") in failing(await latest(connection, facts))

    on(dsn, run)
