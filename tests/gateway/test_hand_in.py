"""Handing in documents: kept once, judged, and whatever waited for them judged again; nobody misses the other."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest
from house import (
    AT,
    Paper,
    arrival,
    counts,
    e_policy,
    failing,
    fetch,
    judges,
    naming,
    next_number,
    on,
    put,
    registered_as,
    revisions,
    statement,
    trust,
    world,
)
from hypothesis import given
from hypothesis import strategies as st

from gateway.db import Connection, new_pool
from gateway.submissions.arrival import Arrival
from gateway.submissions.documents import as_judged, judge_document
from gateway.submissions.gather import Judges
from gateway.submissions.hand_in import hand_in
from gateway.submissions.receive import receive
from gateway.submissions.store import as_jsonb
from gateway.submissions.writable import writable
from sandbox.insurers import Insurer
from schemas.verification import Outcome
from signing.trust import TrustStore


def insurer(letter: str = "C") -> Insurer:
    return world().insurer(f"SANDBOX-{letter}")


async def take(connection: Connection, *arrivals: Arrival, by: Judges | None = None) -> list[str]:
    return [answer.status for answer in await receive(connection, arrivals, by or judges())]


# The verdict on a document


@pytest.mark.parametrize("letter", "ABCD")
def test_a_verdict_is_a_function_of_bytes_trust_and_moment(letter: str) -> None:
    who = insurer(letter)
    paper = e_policy(who, world().policy(who, 1))
    first, again = (
        judge_document(paper.content, paper.media_type, registered_as(who.code), trust(), AT) for _ in range(2)
    )
    assert first == again
    judged = as_judged(paper.digest, first)
    assert (judged.outcome, judged.owners, judged.kind) == (Outcome.PASSED, (who.code,), "policy")
    assert judged.failing == judged.problems == ()
    assert judged.policy_no == world().policy(who, 1).policy_no


@pytest.mark.parametrize("letter", "ABCD")
def test_a_statement_is_read_too(letter: str) -> None:
    who = insurer(letter)
    receipt = world().receipt(world().policy(who, 1))
    paper = statement(who, receipt)
    verdict = judge_document(paper.content, paper.media_type, registered_as(who.code), trust(), AT)
    judged = as_judged(paper.digest, verdict)
    assert judged.outcome is Outcome.PASSED
    assert judged.kind in ("statement", "receipt")
    assert judged.stated["amount"].value == receipt.body["amount"]


def test_a_stored_verdict_reads_back_as_it_was(dsn: str) -> None:
    who = insurer()
    paper = e_policy(who, world().policy(who, next_number()))

    async def run(connection: Connection) -> None:
        handed = await put(connection, who, paper)
        rows = await fetch(connection, "SELECT verdict, outcome, kind, policy_no, trust_digest FROM document_verdicts")
        assert rows[0][0] == handed.verdict
        assert rows[0][1:3] == ("passed", "policy")
        assert rows[0][4] == trust().digest
        assert as_judged(paper.digest, rows[0][0]) == as_judged(paper.digest, dict(handed.verdict))

    on(dsn, run)


@pytest.mark.parametrize("content", [b"", b"\x00", b"%PDF-1.7", b"PK\x03\x04", b"<a/>", b"\x30\x03\x02\x01\x01"])
def test_what_cannot_be_read_is_kept_and_proves_nothing(dsn: str, content: bytes) -> None:
    async def run(connection: Connection) -> None:
        handed = await put(connection, insurer(), Paper(content, "application/ofd"))
        assert handed.verdict["report"]["outcome"] == "failed"
        assert (handed.verdict["owners"], handed.verdict["signers"]) == ([], [])
        assert [bytes(row[0]) for row in await fetch(connection, "SELECT bytes FROM documents")] == [content]

    on(dsn, run)


def test_without_a_profile_nothing_is_read_and_nothing_passes() -> None:
    who = insurer()
    paper = e_policy(who, world().policy(who, 1))
    stranger = registered_as(who.code).model_copy(update={"document_profile": None})
    judged = as_judged(paper.digest, judge_document(paper.content, paper.media_type, stranger, trust(), AT))
    assert [(check.rule, check.outcome) for check in judged.problems] == [("evidence.read", Outcome.INDETERMINATE)]
    assert judged.stated == {}


def test_under_an_empty_trust_folder_nobody_sealed() -> None:
    who = insurer()
    paper = e_policy(who, world().policy(who, 1))
    verdict = judge_document(paper.content, paper.media_type, registered_as(who.code), TrustStore(), AT)
    assert verdict["report"]["outcome"] != "passed"
    assert (verdict["owners"], verdict["signers"]) == ([], [])


plain = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(st.characters(codec=None)),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(st.characters(codec=None)), inner, max_size=3),
    max_leaves=10,
)


@given(plain)
def test_whatever_a_document_says_can_be_written(value: Any) -> None:
    written = as_jsonb(value)
    assert "\\u0000" not in written.replace("\\\\", "")
    written.encode("utf-8")
    assert writable(writable(value)) == writable(value)


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00")))
def test_what_can_be_written_stays_as_it_is(text: str) -> None:
    assert writable({"a": [text, (text,)]}) == {"a": [text, [text]]}


# Kept once


def test_of_concurrent_copies_one_is_new(dsn: str) -> None:
    who = insurer()
    paper = e_policy(who, world().policy(who, next_number()))

    async def run() -> None:
        async with new_pool(dsn, 5) as pool:

            async def alone() -> bool:
                async with pool.connection() as connection:
                    return (await put(connection, who, paper)).is_new

            assert sorted(await asyncio.gather(*(alone() for _ in range(5)))) == [False] * 4 + [True]

    asyncio.run(run())
    found = counts(dsn)
    assert (found["documents"], found["document_verdicts"], found["ledger_entries"]) == (1, 1, 1)


def test_each_insurer_has_its_own_copy_and_verdict(dsn: str) -> None:
    paper = e_policy(insurer("C"), world().policy(insurer("C"), next_number()))

    async def run(connection: Connection) -> None:
        for letter in "CDA":
            assert (await put(connection, insurer(letter), paper)).is_new
        rows = await fetch(connection, "SELECT insurer, verdict ->> 'owners' FROM document_verdicts ORDER BY insurer")
        assert rows == [(f"SANDBOX-{letter}", '["SANDBOX-C"]') for letter in "ACD"]

    on(dsn, run)


# What waited is judged again


def test_every_policy_that_names_the_document_is_judged_again(dsn: str) -> None:
    """Also one whose number the document does not state: it was promised as that policy's evidence."""
    who = insurer()
    first, second, third = (world().policy(who, next_number()) for _ in range(3))
    paper = e_policy(who, first)

    async def run(connection: Connection) -> None:
        for facts in (first, second):
            assert await take(connection, arrival(who, naming(facts, "policy", paper))) == ["held"]
        await take(connection, arrival(who, third))
        await put(connection, who, paper)
        assert {rule for rule, _, _ in failing((await revisions(connection, first.policy_no))[-1])} == {
            "premium.paid-in-full",
            "premium.payer-is-policyholder",
        }
        other = (await revisions(connection, second.policy_no))[-1]
        assert other["status"] == "refused"
        assert ("evidence.agrees", "differs", "policy_no") in failing(other)
        assert len(await revisions(connection, third.policy_no)) == 1
        feed = await fetch(connection, "SELECT position FROM premiums ORDER BY position")
        assert [row[0] for row in feed] == list(range(5))

    on(dsn, run)


def test_a_document_that_states_no_number_is_found_by_who_names_it(dsn: str) -> None:
    who = insurer()
    facts = world().policy(who, next_number())
    paper = Paper(b"no document at all", "application/ofd")

    async def run(connection: Connection) -> None:
        assert await take(connection, arrival(who, naming(facts, "policy", paper))) == ["held"]
        await put(connection, who, paper)
        premium = (await revisions(connection, facts.policy_no))[-1]
        assert premium["status"] == "refused"
        assert ("evidence.sealed", "seal-invalid", "documents") in failing(premium)

    on(dsn, run)


def test_another_insurers_policy_of_the_same_number_is_not_touched(dsn: str) -> None:
    owner, other = insurer("C"), insurer("D")
    facts = world().policy(owner, next_number())
    same = world().policy(other, next_number(), policy_no=facts.policy_no)

    async def run(connection: Connection) -> None:
        paper = e_policy(owner, facts)
        await take(connection, arrival(other, naming(same, "policy", paper)), arrival(owner, facts))
        await put(connection, owner, paper)
        found = await fetch(
            connection,
            "SELECT insurer, count(*) FROM premiums WHERE policy_no = %s GROUP BY 1 ORDER BY 1",
            facts.policy_no,
        )
        assert found == [("SANDBOX-C", 2), ("SANDBOX-D", 1)]

    on(dsn, run)


def test_policy_and_document_that_come_at_once_never_miss_each_other(dsn: str) -> None:
    who = insurer()

    async def run() -> None:
        async with new_pool(dsn, 8) as pool:

            async def tell(*arrivals: Arrival) -> None:
                async with pool.connection() as connection:
                    await take(connection, *arrivals)

            async def hand(paper: Paper) -> None:
                async with pool.connection() as connection:
                    await put(connection, who, paper)

            expected = {}
            work = []
            for number in range(12):
                facts = world().policy(who, next_number())
                receipt = world().receipt(facts)
                paper = e_policy(who, facts) if number % 3 else Paper(b"broken %d" % next_number(), "application/ofd")
                expected[facts.policy_no] = "verified" if number % 3 else "refused"
                work += [
                    tell(arrival(who, naming(facts, "policy", paper))),
                    tell(arrival(who, receipt)),
                    hand(paper),
                    hand(paper),
                ]
            await asyncio.gather(*work)
            async with pool.connection() as connection:
                found = await fetch(
                    connection,
                    "SELECT DISTINCT ON (policy_no) policy_no, status FROM premiums ORDER BY 1, revision DESC",
                )
                assert {row[0]: row[1] for row in found} == expected

    asyncio.run(run())


# When trust changes


def test_under_another_trust_folder_a_document_is_judged_again_and_both_verdicts_are_kept(dsn: str) -> None:
    who = insurer()
    facts = world().policy(who, next_number())
    paper = e_policy(who, facts)

    async def run(connection: Connection) -> None:
        sender = registered_as(who.code)
        nobody = judges(trust=TrustStore())
        await hand_in(connection, paper.digest, sender, paper.media_type, paper.content, {}, nobody, AT)
        policy = arrival(who, naming(facts, "policy", paper))
        assert await take(connection, policy, by=nobody) in (["held"], ["refused"])
        await take(connection, arrival(who, world().receipt(facts)))
        found = await revisions(connection, facts.policy_no)
        assert found[-1]["status"] == "verified"
        assert found[-1]["report"]["basis"]["trust"] == trust().digest
        kept = await fetch(connection, "SELECT trust_digest FROM document_verdicts ORDER BY id")
        assert [row[0] for row in kept] == [TrustStore().digest, trust().digest]
        await take(connection, arrival(who, world().receipt(facts)), by=nobody)
        assert (await revisions(connection, facts.policy_no))[-1]["status"] == "verified"  # what was verified stands

    on(dsn, run)


def test_a_moment_later_changes_nothing() -> None:
    who = insurer()
    paper = e_policy(who, world().policy(who, 1))
    sender = registered_as(who.code)
    now = judge_document(paper.content, paper.media_type, sender, trust(), AT)
    later = judge_document(paper.content, paper.media_type, sender, trust(), AT.replace(minute=1))
    assert {**later, "report": None} == {**now, "report": None}
    assert replace(as_judged("", later), judged_at=AT) == as_judged("", now)
