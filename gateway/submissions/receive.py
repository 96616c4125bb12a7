"""Receiving: one transaction holds a message's raw bytes, the signature that proves who sent them, its records, the
verdicts, the log entries and the receipt. Messages may share a transaction; each is decided as if alone, in order.
"""

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Mapping, Sequence
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
from gateway.submissions.known import KnownRecord, PolicyState, Previous
from gateway.submissions.read import Reading, ReadRecord
from gateway.submissions.store import PolicyKey, Rows
from gateway.submissions.verdict import Basis, judge_premium, judge_record, signature_of
from schemas.canonical import canonical
from schemas.log import Entry, Leaf
from schemas.money import ZERO
from schemas.submission import PremiumState, Receipt
from schemas.verification import Check, Outcome, conclude, worst
from schemas.verified import VerifiedPremium
from signing import TrustStore

_STATUS: Mapping[Outcome, Literal["verified", "held", "refused"]] = {
    Outcome.PASSED: "verified",
    Outcome.INDETERMINATE: "held",
    Outcome.FAILED: "refused",
}


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
    premiums: list[VerifiedPremium] = field(default_factory=list)
    touched: list[PolicyKey] = field(default_factory=list)
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
    await store.lock(connection, names)
    stored, used = await store.find_answers(connection, messages, nonces)
    states = await load_states(connection, keys, arrivals, judges) if keys else {}
    basis = judges.basis(await judges.registry(connection))

    answers: dict[int, Answer] = {}
    decided: list[_Decided] = []
    fresh: dict[tuple[str, str], Arrival] = {}
    repeats: dict[int, str] = {}
    for place, (arrival, message) in enumerate(zip(arrivals, messages, strict=True)):
        if message in fresh:
            repeats[place] = arrival.submission_id
            continue
        answer = _known_answer(arrival, stored.get(message), used)
        if answer is not None:
            answers[place] = answer
            continue
        if arrival.nonce is not None:
            used[(arrival.keyid, arrival.nonce)] = arrival.submission_id
        fresh[message] = arrival
        decided.append(_decide(arrival, states, basis))

    receipts = await _keep(connection, decided, states, judges) if decided else {}
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


def _known_answer(
    arrival: Arrival, stored: store.StoredAnswer | None, used: Mapping[tuple[str, str], str]
) -> Answer | None:
    """The answer to a message that came before, or that replays a signature; `None` if it is new."""
    first = used.get((arrival.keyid, arrival.nonce)) if arrival.nonce is not None else None
    if first is not None and not (arrival.may_repeat and stored is not None and stored.submission_id == first):
        return Answer("replay", b"", "refused", first)
    if stored is None:
        return None
    kind = "repeat" if stored.body_digest == arrival.body_digest else "conflict"
    return Answer(kind, stored.receipt, stored.status, stored.submission_id)


async def load_states(
    connection: Connection, keys: Sequence[PolicyKey], arrivals: Sequence[Arrival], judges: Judges
) -> dict[PolicyKey, PolicyState]:
    """What is known of these policies, with the verdicts on every document that they or the arrivals name."""
    insurers = {arrival.insurer.code: arrival.insurer for arrival in arrivals}
    states = await store.load_states(connection, insurers, keys)
    named = {
        (a.insurer.code, digest) for a in arrivals for read in a.reading.records for digest in digests_of(read.noun)
    }
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


def _decide(arrival: Arrival, states: Mapping[PolicyKey, PolicyState], basis: Basis) -> _Decided:
    """The verdict on one message: its own checks, its records' checks, and the premiums that change by it."""
    checks: list[Check] = [*arrival.request_checks, *arrival.reading.checks]
    decided = _Decided(arrival, ())
    for read in arrival.reading.records:
        if read.policy_no is None:
            decided.records.append((read, Outcome.PASSED))
            continue
        key = (arrival.insurer.code, read.policy_no)
        state = states[key]
        own = judge_record(state, read.type, read.number, read.noun, basis, arrival.received_at)
        outcome = worst(own)
        checks += own
        decided.records.append((read, outcome))
        at = arrival.received_at
        state.records.append(
            KnownRecord(arrival.submission_id, arrival.keyid, read.type, read.number, read.noun, outcome, at)
        )
        if key not in decided.touched:
            decided.touched.append(key)
    decided.checks = tuple(checks)
    for key in decided.touched:
        premium = judge_premium(states[key], basis, arrival.received_at)
        if is_new := take_revision(states[key], premium):
            decided.premiums.append(premium)
        decided.standing.append(_premium_state(premium, is_new))
    return decided


def take_revision(state: PolicyState, premium: VerifiedPremium) -> bool:
    """Whether this is a new revision; if it is, the state knows it as its previous one from now on."""
    signature = signature_of(premium)
    if state.previous is not None and state.previous.signature == signature:
        return False
    policy_submission, net_paid = decided_columns(state, premium)
    earlier = state.previous
    state.previous = Previous(
        revision=premium.revision,
        status=premium.status,
        signature=signature,
        known_at=premium.known_at,
        verified_policy=policy_submission or (earlier.verified_policy if earlier else None),
        net_paid=net_paid if net_paid is not None else (earlier.net_paid if earlier else None),
    )
    return True


def decided_columns(state: PolicyState, premium: VerifiedPremium) -> tuple[str | None, str | None]:
    """For a verified premium the submission whose policy it states; and the amount that the subsidy may rest on."""
    if premium.status == "verified" and premium.money is not None:
        current = state.current_policy()
        return (current.submission_id if current else None), str(premium.money.net_paid)
    return None, (str(ZERO) if premium.status == "withdrawn" else None)


async def _keep(
    connection: Connection, decided: Sequence[_Decided], states: Mapping[PolicyKey, PolicyState], judges: Judges
) -> dict[str, tuple[bytes, str]]:
    """Append everything, with its places in the log; the receipts by submission id, with their status."""
    rows = Rows()
    entries: list[Entry] = []
    reports = []
    for one in decided:
        arrival = one.arrival
        report = conclude(
            f"submission:{arrival.submission_id}",
            checks=one.checks,
            at=arrival.received_at,
            digest=arrival.body_digest,
            basis={"catalogue": judges.catalogue, "trust": judges.trust.digest},
        )
        reports.append(report)
        entries.append(_submission_entry(arrival, report.outcome, canonical(report)))
        entries += [premium_entry(premium) for premium in one.premiums]
    count = sum(len(one.premiums) for one in decided)
    # From here on the log's head is locked until commit: what can be prepared was prepared above.
    position = await store.next_positions(connection, count) if count else 0
    leaves = iter(await append_to_log(connection, entries, origin=judges.log_origin))
    receipts: dict[str, tuple[bytes, str]] = {}
    for one, report in zip(decided, reports, strict=True):
        arrival = one.arrival
        leaf = next(leaves)
        status = _STATUS[report.outcome]
        receipt = Receipt(
            submission_id=arrival.submission_id,
            message_id=arrival.message_id,
            insurer=arrival.insurer.code,
            body_digest=arrival.body_digest,
            received_at=arrival.received_at,
            status=status,
            report=report,
            premiums=tuple(one.standing),
            leaf=leaf,
        )
        body = canonical(receipt)
        receipts[arrival.submission_id] = (body, status)
        rows.submissions.append(_submission_row(arrival, status, body))
        rows.records += [_record_row(arrival, read, outcome) for read, outcome in one.records]
        for premium in one.premiums:
            state = states[(premium.insurer, premium.policy_no)]
            rows.premiums.append(premium_row(position, premium, state, next(leaves)))
            position += 1
    await store.append(connection, rows)
    return receipts


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


def premium_entry(premium: VerifiedPremium) -> Entry:
    """What the log says of a premium's revision: its place, its status, and the digest of all of it."""
    return Entry(
        kind="premium",
        at=premium.known_at,
        body={
            "insurer": premium.insurer,
            "policy_no": premium.policy_no,
            "revision": premium.revision,
            "status": premium.status,
            "digest": f"sha256:{hashlib.sha256(canonical(premium)).hexdigest()}",
        },
    )


def premium_row(position: int, premium: VerifiedPremium, state: PolicyState, leaf: Leaf) -> tuple[Any, ...]:
    """A row of `premiums`."""
    policy_submission, net_paid = decided_columns(state, premium)
    return (
        position,
        premium.insurer,
        premium.policy_no,
        premium.revision,
        premium.status,
        premium.known_at,
        leaf.index,
        leaf.hash,
        signature_of(premium),
        policy_submission,
        net_paid,
        canonical(premium),
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
