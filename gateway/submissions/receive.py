"""Receiving: one transaction holds a message's raw bytes, the signature that proves who sent them, its records, the
verdicts, the log entries and the receipt. Messages may share a transaction; each is decided as if alone, in order.
"""

import asyncio
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from gateway.db import Connection
from gateway.handover.check import Use
from gateway.handover.store import record_uses
from gateway.ledger.append import append as append_to_log
from gateway.submissions import store
from gateway.submissions.arrival import Arrival, number_of
from gateway.submissions.directives import check_not_suspended, in_effect
from gateway.submissions.gather import Gathered, HangsTogether, Judges, gather, lock_all
from gateway.submissions.group import PolicyKey, group_of
from gateway.submissions.products import claim_of
from gateway.submissions.read import ReadRecord
from gateway.submissions.revision import Revision, take_revision
from gateway.submissions.store import Rows
from gateway.submissions.take import take_record
from gateway.submissions.verdict import judge_premium
from schemas.canonical import canonical, join_members
from schemas.log import Entry, EntryKind
from schemas.policy import Policy
from schemas.premium import Delivery
from schemas.submission import PremiumState, Receipt
from schemas.verification import Check, Outcome, conclude, worst
from schemas.verified import VerifiedPremium

_STATUS: Mapping[Outcome, Literal["verified", "held", "refused"]] = {
    Outcome.PASSED: "verified",
    Outcome.INDETERMINATE: "held",
    Outcome.FAILED: "refused",
}


_OFFICIAL: Mapping[str, EntryKind] = {"award": "award", "decision": "decision", "directive": "directive"}
_TURN = 20  # records


@dataclass(frozen=True, slots=True)
class Answer:
    """What a message is told: its receipt as stored bytes; `kind` says whether it is new, the first answer again, the
    refusal of another content under the same id, or of a signature that was used before."""

    kind: str
    receipt: bytes
    status: str
    submission_id: str


@dataclass(slots=True)
class _Decided:
    """One message after its verdict, before its place in the log is known."""

    arrival: Arrival
    checks: tuple[Check, ...]
    records: list[tuple[ReadRecord, Outcome]] = field(default_factory=list)
    revisions: list[Revision] = field(default_factory=list)
    standing: list[PremiumState] = field(default_factory=list)


async def receive(
    connection: Connection, arrivals: Sequence[Arrival], judges: Judges, *, rehearse: bool = False
) -> list[Answer]:
    """Decide and keep these messages in one transaction; the answers stand in the same order.

    Idempotent: a message id that was answered before is answered the same again, or refused as a conflict when its
    content differs; a used nonce is refused unless the message says that it may repeat. Raises only if the database
    does, and then nothing of any of them is kept. With `rehearse` nothing is kept either way: the answers are those
    that the messages would get now, without a place in the log.
    """
    more: frozenset[str] = frozenset()
    while True:
        try:
            async with connection.transaction(force_rollback=rehearse):
                return await _receive(connection, arrivals, judges, more, rehearse=rehearse)
        except HangsTogether as found:  # with policies that were not locked: all over again, with their locks
            more |= found.numbers


async def _receive(
    connection: Connection, arrivals: Sequence[Arrival], judges: Judges, more: frozenset[str], *, rehearse: bool
) -> list[Answer]:
    messages = [(arrival.insurer.code, arrival.message_id) for arrival in arrivals]
    nonces = [(one.keyid, one.nonce, one.received_at) for one in arrivals if one.nonce is not None]
    await lock_all(connection, arrivals, more)
    stored, used = await store.find_answers(connection, messages, nonces)
    known = await gather(connection, arrivals, judges, more)
    answers: dict[int, Answer] = {}
    decided: list[_Decided] = []
    fresh: dict[tuple[str, str], Arrival] = {}
    repeats: set[int] = set()
    for place, (arrival, message) in enumerate(zip(arrivals, messages, strict=True)):
        first = used.get((arrival.keyid, arrival.nonce)) if arrival.nonce is not None else None
        if first is not None and not (arrival.may_repeat and first[0] == message):
            answers[place] = Answer("replay", b"", "refused", first[1])
        elif message in fresh:
            repeats.add(place)
        elif (earlier := stored.get(message)) is not None:
            kind = "repeat" if earlier.body_digest == arrival.body_digest else "conflict"
            answers[place] = Answer(kind, earlier.receipt, earlier.status, earlier.submission_id)
        else:
            if arrival.nonce is not None:
                used[(arrival.keyid, arrival.nonce)] = (message, arrival.submission_id)
            fresh[message] = arrival
            decided.append(await _decide(arrival, known))

    if rehearse:
        receipts = {one.arrival.submission_id: _rehearsed(one, judges) for one in decided}
    else:
        receipts = await _keep(connection, decided, judges) if decided else {}
    for place, (arrival, message) in enumerate(zip(arrivals, messages, strict=True)):
        if place in answers:
            continue
        original = fresh[message]
        receipt, status = receipts[original.submission_id]
        same = original.body_digest == arrival.body_digest
        kind = "new" if place not in repeats else "repeat" if same else "conflict"
        answers[place] = Answer(kind, receipt, status, original.submission_id)
    return [answers[place] for place in range(len(arrivals))]


async def _decide(arrival: Arrival, known: Gathered) -> _Decided:
    """The verdict on one message: its own checks, its records' checks, and the premiums that change by it.

    A long message lets others have their turn in between.
    """
    decided = _Decided(arrival, ())
    checks: list[Check] = [*arrival.request_checks, *arrival.reading.checks]
    stopped = in_effect(known.directives, arrival.received_at)
    if arrival.insurer.role == "insurer" and arrival.reading.records:
        types = {read.type for read in arrival.reading.records}
        checks.append(check_not_suspended(arrival.insurer.code, types, stopped))
        if checks[-1].outcome is Outcome.FAILED:
            decided.checks = tuple(checks)
            decided.records = [(read, Outcome.FAILED) for read in arrival.reading.records]
            return decided
    basis = replace(known.basis, stopped=stopped)
    touched: dict[PolicyKey, None] = {}
    for place, read in enumerate(arrival.reading.records, 1):
        if place % _TURN == 0:
            await asyncio.sleep(0)
        own = take_record(arrival, read, known, basis)
        checks += own
        decided.records.append((read, worst(own) if own else Outcome.PASSED))
        touched.update(dict.fromkeys(known.keys_of(arrival, read)))
    decided.checks = tuple(checks)
    for key in list(touched):
        touched.update({other.key: None for other in group_of(known.states[key], known.states)})
    for place, key in enumerate(touched, 1):
        if place % _TURN == 0:
            await asyncio.sleep(0)
        state = known.states[key]
        if not state.records:
            continue  # an award or decision came first; there is nothing to say yet
        state.group = group_of(state, known.states)
        premium = judge_premium(state, basis, arrival.received_at)
        revision = take_revision(state, premium)
        if revision is not None:
            decided.revisions.append(revision)
        if key[0] == arrival.insurer.code or arrival.insurer.role != "insurer":
            decided.standing.append(_premium_state(premium, is_new=revision is not None))
    return decided


async def _keep(connection: Connection, decided: Sequence[_Decided], judges: Judges) -> dict[str, tuple[bytes, str]]:
    """Append everything, with its places in the log; the receipts by submission id, with their status."""
    rows = Rows()
    entries: list[Entry] = []
    drafts = []
    for one in decided:
        receipt = _receipt(one, judges)
        drafts.append((receipt.status, receipt.members()))
        entries.append(_submission_entry(one, receipt.report.outcome, canonical(receipt.report)))
        entries += [revision.entry() for revision in one.revisions]
    count = sum(len(one.revisions) for one in decided)
    # From here on the log's head is locked until commit: what can be prepared was prepared above. The feed's head is
    # locked only by who has the log's, so that nobody waits for it.
    leaves = iter(await append_to_log(connection, entries, origin=judges.log_origin))
    position = await store.next_positions(connection, count) if count else 0
    receipts: dict[str, tuple[bytes, str]] = {}
    for one, (status, members) in zip(decided, drafts, strict=True):
        arrival = one.arrival
        body = join_members(members | {"leaf": canonical(next(leaves))})
        receipts[arrival.submission_id] = (body, status)
        rows.submissions.append(_submission_row(arrival, status, body))
        rows.records += [_record_row(arrival, read, outcome) for read, outcome in one.records]
        rows.claims += [row for read, outcome in one.records if (row := _claim_row(arrival, read, outcome))]
        for revision in one.revisions:
            rows.premiums.append(revision.row(position, next(leaves)))
            rows.journal += revision.journal_rows()
            position += 1
    await store.append(connection, rows)
    for one in decided:
        await record_uses(connection, _uses(one), one.arrival.received_at)
    return receipts


def _uses(one: _Decided) -> list[Use]:
    """Where the message says that trace codes were delivered."""
    insurer, submission = one.arrival.insurer.code, one.arrival.submission_id
    return [
        Use(code, insurer, read.noun.policy_no, submission, read.noun.delivered_on)
        for read, _ in one.records
        if isinstance(read.noun, Delivery)
        for code in dict.fromkeys(read.noun.trace_codes)
    ]


def _rehearsed(one: _Decided, judges: Judges) -> tuple[bytes, str]:
    """The receipt that the message would get, without a place in the log; and its status."""
    receipt = _receipt(one, judges)
    return canonical(receipt), receipt.status


def _receipt(one: _Decided, judges: Judges) -> Receipt:
    """The receipt, but for its leaf: its place in the log is known last."""
    arrival = one.arrival
    report = conclude(
        f"submission:{arrival.submission_id}",
        checks=one.checks,
        at=arrival.received_at,
        digest=arrival.body_digest,
        basis={"catalogue": judges.catalogue, "trust": judges.trust.digest, **arrival.reading.basis},
    )
    return Receipt(
        submission_id=arrival.submission_id,
        message_id=arrival.message_id,
        insurer=arrival.insurer.code,
        body_digest=arrival.body_digest,
        received_at=arrival.received_at,
        status=_STATUS[report.outcome],
        report=report,
        premiums=tuple(one.standing),
    )


def _premium_state(premium: VerifiedPremium, is_new: bool) -> PremiumState:
    return PremiumState(
        insurer=premium.insurer,
        policy_no=premium.policy_no,
        revision=premium.revision if is_new else premium.revision - 1,
        status=premium.status,
        failing=premium.report.failing(),
    )


def _submission_entry(one: _Decided, outcome: Outcome, report: bytes) -> Entry:
    arrival = one.arrival
    kind: EntryKind = "submission"
    for read, _ in one.records:
        kind = _OFFICIAL.get(read.type, kind)
    return Entry(
        kind=kind,
        at=arrival.received_at,
        body={
            "submission_id": arrival.submission_id,
            "insurer": arrival.insurer.code,
            "body_digest": arrival.body_digest,
            "outcome": outcome.value,
            "report_digest": f"sha256:{hashlib.sha256(report).hexdigest()}",
        },
    )


def _submission_row(arrival: Arrival, status: str, receipt: bytes) -> tuple[Any, ...]:
    return (
        arrival.submission_id,
        arrival.insurer.code,
        arrival.message_id,
        arrival.keyid,
        arrival.nonce,
        arrival.received_at,
        arrival.content_type,
        arrival.body_digest,
        arrival.body,
        store.as_jsonb(arrival.proof),
        status,
        receipt,
        arrival.reading.basis.get("mapping"),
    )


def _record_row(arrival: Arrival, read: ReadRecord, outcome: Outcome) -> tuple[Any, ...]:
    return (
        arrival.submission_id,
        arrival.insurer.code,
        read.type,
        read.policy_no,
        number_of(arrival, read),
        arrival.received_at,
        outcome.value,
        store.as_jsonb(read.values),
        store.as_jsonb(read.lineage),
    )


def _claim_row(arrival: Arrival, read: ReadRecord, outcome: Outcome) -> tuple[str, ...] | None:
    """How a policy tells its product, if it was not refused."""
    if not isinstance(read.noun, Policy) or outcome is Outcome.FAILED or (claim := claim_of(read.noun)) is None:
        return None
    return (*claim, arrival.insurer.code, arrival.submission_id)
