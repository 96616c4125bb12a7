"""Receiving: one transaction holds a message's raw bytes, the signature that proves who sent them, its records, the
verdicts, the log entries and the receipt. Messages may share a transaction; each is decided as if alone, in order.
"""

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Mapping, MutableMapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from gateway.db import Connection
from gateway.filing.registry import FilingRegistry
from gateway.ledger.append import append as append_to_log
from gateway.participants import Participant, Participants
from gateway.submissions import store
from gateway.submissions.documents import as_judged, judge_document
from gateway.submissions.evidence import JudgedDocument
from gateway.submissions.known import MOVEMENTS, KnownRecord, PolicyState
from gateway.submissions.read import Reading, ReadRecord
from gateway.submissions.revision import Revision, take_revision
from gateway.submissions.store import Owner, PolicyKey, RecordNumber, Rows
from gateway.submissions.verdict import Basis, judge_premium, judge_record
from schemas.canonical import canonical, join_members
from schemas.log import Entry
from schemas.submission import PremiumState, Receipt
from schemas.verification import Check, Outcome, conclude, worst
from schemas.verified import VerifiedPremium
from signing import TrustStore

_STATUS: Mapping[Outcome, Literal["verified", "held", "refused"]] = {
    Outcome.PASSED: "verified",
    Outcome.INDETERMINATE: "held",
    Outcome.FAILED: "refused",
}


_TURN = 20  # records


@dataclass(frozen=True, slots=True)
class Arrival:
    """A message that a known key signed, already read; nothing of it is decided yet."""

    insurer: Participant
    message_id: str
    body: bytes
    content_type: str
    received_at: datetime
    keyid: str
    nonce: str | None
    may_repeat: bool
    proof: Mapping[str, Any]
    request_checks: tuple[Check, ...]
    reading: Reading
    body_digest: str = ""

    @property
    def submission_id(self) -> str:
        """The message's own id in the gateway: one for each insurer and message id, so that a retry has the same."""
        name = f"{self.insurer.code}\x00{self.message_id}".encode()
        return f"S{hashlib.sha256(name).hexdigest()[:32]}"

    def policy_keys(self) -> list[PolicyKey]:
        """The policies that the message is about."""
        return [(self.insurer.code, read.policy_no) for read in self.reading.records if read.policy_no]


@dataclass(frozen=True, slots=True)
class Answer:
    """What a message is told: its receipt as stored bytes; `kind` says whether it is new, the first answer again, the
    refusal of another content under the same id, or of a signature that was used before."""

    kind: str
    receipt: bytes
    status: str
    submission_id: str


@dataclass(frozen=True, slots=True)
class Judges:
    """What decisions rest on, besides the message and the database."""

    participants: Participants
    trust: TrustStore
    catalogue: str
    registry: Callable[[Connection], Awaitable[FilingRegistry]]
    registry_max_age_days: int
    log_origin: str

    def basis(self, registry: FilingRegistry) -> Basis:
        """The basis of verdicts under this registry."""
        return Basis(registry, self.registry_max_age_days, self.catalogue, self.trust.digest)


@dataclass(slots=True)
class _Decided:
    """One message after its verdict, before its place in the log is known."""

    arrival: Arrival
    checks: tuple[Check, ...]
    records: list[tuple[ReadRecord, Outcome]] = field(default_factory=list)
    revisions: list[Revision] = field(default_factory=list)
    standing: list[PremiumState] = field(default_factory=list)


async def receive(connection: Connection, arrivals: Sequence[Arrival], judges: Judges) -> list[Answer]:
    """Decide and keep these messages in one transaction; the answers stand in the same order.

    Idempotent: a message id that was answered before is answered the same again, or refused as a conflict when its
    content differs; a used nonce is refused unless the message says that it may repeat. Raises only if the database
    does, and then nothing of any of them is kept.
    """
    async with connection.transaction():
        return await _receive(connection, arrivals, judges)


async def _receive(connection: Connection, arrivals: Sequence[Arrival], judges: Judges) -> list[Answer]:
    keys = sorted({key for arrival in arrivals for key in arrival.policy_keys()})
    messages = [(arrival.insurer.code, arrival.message_id) for arrival in arrivals]
    nonces = [(arrival.keyid, arrival.nonce) for arrival in arrivals if arrival.nonce is not None]
    names = [f"message {insurer} {message}" for insurer, message in messages]
    names += [f"nonce {keyid} {nonce}" for keyid, nonce in nonces]
    names += [policy_lock(key) for key in keys]
    # Whoever hands in a document looks for the records that name it: neither misses the other.
    names += [document_lock(key) for key in _named_documents(arrivals)]
    wanted = {number for one in arrivals for read in one.reading.records if (number := _number(one, read))}
    names += [f"number {' '.join(number)}" for number in wanted]
    await store.lock(connection, names)
    stored, used = await store.find_answers(connection, messages, nonces)
    states = await load_states(connection, keys, arrivals, judges) if keys else {}
    numbers = await store.find_numbers(connection, wanted)
    basis = judges.basis(await judges.registry(connection))

    answers: dict[int, Answer] = {}
    decided: list[_Decided] = []
    fresh: dict[tuple[str, str], Arrival] = {}
    repeats: dict[int, str] = {}
    for place, (arrival, message) in enumerate(zip(arrivals, messages, strict=True)):
        first = used.get((arrival.keyid, arrival.nonce)) if arrival.nonce is not None else None
        if first is not None and not (arrival.may_repeat and first == arrival.submission_id):
            answers[place] = Answer("replay", b"", "refused", first)
        elif message in fresh:
            repeats[place] = arrival.submission_id
        elif (earlier := stored.get(message)) is not None:
            kind = "repeat" if earlier.body_digest == arrival.body_digest else "conflict"
            answers[place] = Answer(kind, earlier.receipt, earlier.status, earlier.submission_id)
        else:
            if arrival.nonce is not None:
                used[(arrival.keyid, arrival.nonce)] = arrival.submission_id
            fresh[message] = arrival
            decided.append(await _decide(arrival, states, numbers, basis))

    receipts = await _keep(connection, decided, judges) if decided else {}
    for place, (arrival, message) in enumerate(zip(arrivals, messages, strict=True)):
        if place in answers:
            continue
        receipt, status = receipts[arrival.submission_id]
        if place not in repeats:
            answers[place] = Answer("new", receipt, status, arrival.submission_id)
        elif fresh[message].body_digest == arrival.body_digest:
            answers[place] = Answer("repeat", receipt, status, arrival.submission_id)
        else:
            answers[place] = Answer("conflict", receipt, status, arrival.submission_id)
    return [answers[place] for place in range(len(arrivals))]


def policy_lock(key: PolicyKey) -> str:
    """The name under which a policy is locked."""
    return f"policy {key[0]} {key[1]}"


def _number(arrival: Arrival, read: ReadRecord) -> RecordNumber | None:
    """Under which number a movement is known; no two policies of an insurer share one (F-01)."""
    if read.type not in MOVEMENTS or read.number is None or read.policy_no is None:
        return None
    return arrival.insurer.code, read.type, read.number


def document_lock(key: tuple[str, str]) -> str:
    """The name under which an insurer's document is locked."""
    return f"document {key[0]} {key[1]}"


def _named_documents(arrivals: Sequence[Arrival]) -> set[tuple[str, str]]:
    return {
        (arrival.insurer.code, digest)
        for arrival in arrivals
        for read in arrival.reading.records
        for digest in digests_of(read.noun)
    }


async def load_states(
    connection: Connection, keys: Sequence[PolicyKey], arrivals: Sequence[Arrival], judges: Judges
) -> dict[PolicyKey, PolicyState]:
    """What is known of these policies, with the verdicts on every document that they or the arrivals name."""
    insurers = {arrival.insurer.code: arrival.insurer for arrival in arrivals}
    states = await store.load_states(connection, insurers, keys)
    named = _named_documents(arrivals)
    named |= {
        (key[0], digest) for key, state in states.items() for r in state.records for digest in digests_of(r.record)
    }
    await add_documents(connection, states, sorted(named), judges, max(one.received_at for one in arrivals))
    return states


async def add_documents(
    connection: Connection,
    states: Mapping[PolicyKey, PolicyState],
    named: Sequence[tuple[str, str]],
    judges: Judges,
    at: datetime,
) -> None:
    """Give every state its insurer's documents: those named by digest, and those that state its policy number.

    Until a premium is verified, its documents are judged under the trust folder of today. A verdict on which a premium
    was verified stands: that the seal expires later changes nothing, and what is revoked later is for re-verification.
    """
    found = await store.load_documents(connection, named, list(states))
    for insurer, documents in found.items():
        own = [state for key, state in states.items() if key[0] == insurer]
        for digest, judged, trust_digest in documents:
            today = judged
            if trust_digest != judges.trust.digest and not all(_stands(judged, state) for state in own):
                today = await judge_again(connection, digest, insurer, judges, at)
            for state in own:
                state.documents[digest] = judged if _stands(judged, state) else today


def _stands(judged: JudgedDocument, state: PolicyState) -> bool:
    verified = state.previous is not None and state.previous.was_verified
    return verified and judged.outcome is Outcome.PASSED


async def judge_again(
    connection: Connection, digest: str, insurer: str, judges: Judges, at: datetime
) -> JudgedDocument:
    """Judge a kept document as of `at`, and keep that verdict beside the earlier ones."""
    found = await store.find_document(connection, digest, insurer)
    owner = judges.participants.find(insurer)
    if found is None or owner is None:
        raise RuntimeError(f"document {digest} of {insurer} has a verdict but no bytes")
    _, media_type, data = found
    verdict = await asyncio.to_thread(judge_document, data, media_type, owner, judges.trust, at)
    profile = owner.document_profile or ""
    await store.insert_verdict(connection, digest, insurer, judges.trust.digest, profile, at, verdict)
    return as_judged(digest, verdict)


def digests_of(record: Any) -> list[str]:
    """The digests of the documents that a record names."""
    return [document.digest for document in getattr(record, "documents", ())]


async def _decide(
    arrival: Arrival,
    states: Mapping[PolicyKey, PolicyState],
    numbers: MutableMapping[RecordNumber, Owner],
    basis: Basis,
) -> _Decided:
    """The verdict on one message: its own checks, its records' checks, and the premiums that change by it.

    A long message lets others have their turn in between.
    """
    checks: list[Check] = [*arrival.request_checks, *arrival.reading.checks]
    decided = _Decided(arrival, ())
    touched: dict[PolicyKey, None] = {}
    for place, read in enumerate(arrival.reading.records, 1):
        if place % _TURN == 0:
            await asyncio.sleep(0)
        if read.policy_no is None:
            decided.records.append((read, Outcome.PASSED))
            continue
        key = (arrival.insurer.code, read.policy_no)
        state = states[key]
        number = _number(arrival, read)
        taken = numbers.get(number) if number else None
        elsewhere = taken[1] if taken and taken[0] != read.policy_no else None
        own = judge_record(state, read.type, read.number, read.noun, basis, arrival.received_at, elsewhere)
        outcome = worst(own)
        if number and outcome is not Outcome.FAILED:
            numbers.setdefault(number, (read.policy_no, arrival.submission_id))
        checks += own
        decided.records.append((read, outcome))
        known = KnownRecord(arrival.submission_id, arrival.keyid, read.type, read.number, read.noun, outcome)
        state.records.append(known)
        touched[key] = None
    decided.checks = tuple(checks)
    for place, key in enumerate(touched, 1):
        if place % _TURN == 0:
            await asyncio.sleep(0)
        premium = judge_premium(states[key], basis, arrival.received_at)
        revision = take_revision(states[key], premium)
        if revision is not None:
            decided.revisions.append(revision)
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
        entries.append(_submission_entry(one.arrival, receipt.report.outcome, canonical(receipt.report)))
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
        for revision in one.revisions:
            rows.premiums.append(revision.row(position, next(leaves)))
            position += 1
    await store.append(connection, rows)
    return receipts


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


def _submission_entry(arrival: Arrival, outcome: Outcome, report: bytes) -> Entry:
    return Entry(
        kind="submission",
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
        read.number,
        arrival.received_at,
        outcome.value,
        store.as_jsonb(read.values),
        store.as_jsonb(read.lineage),
    )
