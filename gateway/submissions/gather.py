"""Gathering: the locks that a batch of messages needs, and all that is known of the policies that it is about."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from gateway.blobs.evidence import Erased, Evidence
from gateway.db import Connection
from gateway.filing.registry import FilingRegistry
from gateway.handover.check import Use
from gateway.handover.store import find_uses, lock_names
from gateway.participants import Participants
from gateway.registries.check import Terms as RegistryTerms
from gateway.registries.registry import NOTHING_STATED, Registries
from gateway.submissions import store
from gateway.submissions.arrival import Arrival, RecordNumber, keys_named, movement_number
from gateway.submissions.directives import Given, in_effect
from gateway.submissions.documents import as_judged, judge_document
from gateway.submissions.evidence import JudgedDocument
from gateway.submissions.group import PolicyKey
from gateway.submissions.known import KnownRecord, PolicyState
from gateway.submissions.memory import store as memory
from gateway.submissions.products import Claim, claim_of
from gateway.submissions.read import ReadRecord
from gateway.submissions.store import Owner
from gateway.submissions.verdict import Basis
from schemas.base import Noun
from schemas.party import folded
from schemas.policy import Policy
from schemas.premium import Award, Decision, Delivery, Invoice
from schemas.verification import Outcome
from signing import TrustStore


@dataclass(frozen=True, slots=True)
class Judges:
    """What decisions rest on, besides the message and the database."""

    participants: Participants
    trust: TrustStore
    catalogue: str
    registry: Callable[[Connection], Awaitable[FilingRegistry]]
    registry_max_age_days: int
    log_origin: str
    schemes: tuple[str, ...] = ("ZJ-NDI",)
    registries: Callable[[Connection], Awaitable[Registries]] | None = None
    asked: RegistryTerms = field(default_factory=RegistryTerms)
    evidence: Evidence = field(default_factory=Evidence)

    async def basis(self, connection: Connection) -> Basis:
        """The basis of verdicts under what the registries state now."""
        registry = await self.registry(connection)
        registries = await self.registries(connection) if self.registries else NOTHING_STATED
        insurers = {}
        for insurer in self.participants.insurers():
            insurers[folded(insurer.name)] = insurers[insurer.code] = insurer.code
        return Basis(
            registry,
            self.registry_max_age_days,
            self.catalogue,
            self.trust.digest,
            self.schemes,
            insurers=insurers,
            registries=registries,
            asked=self.asked,
        )


async def basis_at(connection: Connection, judges: Judges, at: datetime) -> Basis:
    """What verdicts given at `at` rest on: the registry as it is known, the directives in effect."""
    basis = await judges.basis(connection)
    return replace(basis, stopped=in_effect(await memory.load_directives(connection), at))


class HangsTogether(Exception):
    """The policies that a message is about hang together with others, which have to be locked as well."""

    def __init__(self, numbers: Iterable[str]) -> None:
        super().__init__("more policies hang together with these")
        self.numbers = frozenset(numbers)


@dataclass(slots=True)
class Gathered:
    """All that is known of what a batch of messages is about. The caller holds the locks.

    By submission: `of_awards` are the policies that an award is about, `looked_at` the revision that a decision is on.
    `red_letters` came before the invoice that they cancel, by insurer and its number. `claims` are how each
    approval number was told, first told first; `uses` where each trace code was delivered.
    """

    states: dict[PolicyKey, PolicyState]
    basis: Basis
    numbers: dict[RecordNumber, Owner] = field(default_factory=dict)
    invoices: dict[str, list[tuple[str, str, Noun]]] = field(default_factory=dict)
    directives: list[Given] = field(default_factory=list)
    of_awards: dict[str, tuple[PolicyKey, ...]] = field(default_factory=dict)
    looked_at: dict[str, bytes] = field(default_factory=dict)
    red_letters: dict[tuple[str, str], list[KnownRecord]] = field(default_factory=dict)
    claims: dict[str, list[Claim]] = field(default_factory=dict)
    uses: dict[str, list[Use]] = field(default_factory=dict)

    def keys_of(self, arrival: Arrival, read: ReadRecord) -> list[PolicyKey]:
        """The policies that a record is about."""
        if isinstance(read.noun, Award):
            about = self.of_awards.get(arrival.submission_id, ())
            named = [key for key in self.states if key[1] in read.noun.policy_nos]
            return list(dict.fromkeys([*named, *about]))
        return [key for key in (*keys_named(arrival, read), *self._cancelled(arrival, read)) if key in self.states]

    def _cancelled(self, arrival: Arrival, read: ReadRecord) -> list[PolicyKey]:
        """The policies of the invoice that a red letter cancels, if it names none itself."""
        if not isinstance(read.noun, Invoice) or read.noun.policy_nos or read.noun.red_letter_of is None:
            return []
        return [
            (insurer, number)
            for insurer, _, original in self.invoices.get(read.noun.red_letter_of, ())
            if insurer == arrival.insurer.code
            for number in getattr(original, "policy_nos", ())
        ]


async def lock_all(connection: Connection, arrivals: Sequence[Arrival], more: Iterable[str]) -> None:
    """Lock everything that the messages are about: their ids, nonces, policies, documents, numbers."""
    names = [f"message {arrival.insurer.code} {arrival.message_id}" for arrival in arrivals]
    names += [f"nonce {arrival.keyid} {arrival.nonce}" for arrival in arrivals if arrival.nonce is not None]
    names += [policy_lock(number) for arrival in arrivals for number in arrival.policy_numbers()]
    names += [policy_lock(number) for number in more]
    # Whoever hands in a document looks for the records that name it: neither misses the other.
    names += [document_lock(key) for key in _named_documents(arrivals)]
    names += [f"number {' '.join(number)}" for number in _movement_numbers(arrivals)]
    names += [f"invoice {number}" for number in _invoice_numbers(arrivals)]
    names += [f"product {number}" for number in _approval_numbers(arrivals)]
    names += lock_names(_trace_codes(arrivals))
    await store.lock(connection, names)


def policy_lock(number: str) -> str:
    """The name under which all policies of a number are locked: insurers that share a risk report it under one."""
    return f"policy {number}"


def document_lock(key: tuple[str, str]) -> str:
    """The name under which an insurer's document is locked."""
    return f"document {key[0]} {key[1]}"


async def gather(
    connection: Connection, arrivals: Sequence[Arrival], judges: Judges, locked: frozenset[str]
) -> Gathered:
    """Everything that the verdicts on these messages need. Raises `HangsTogether` if more has to be locked first."""
    keys = {key for arrival in arrivals for key in arrival.policy_keys()}
    keys = {key for key in keys if judges.participants.find(key[0]) is not None}
    invoices = await _invoices(connection, arrivals)
    keys |= {
        (insurer, number)
        for told in invoices.values()
        for insurer, _, invoice in told
        for number in getattr(invoice, "policy_nos", ())
    }
    of_awards = await _awarded(connection, arrivals)
    keys |= {key for about in of_awards.values() for key in about}
    have = {number for arrival in arrivals for number in arrival.policy_numbers()} | locked
    if keys:
        keys |= await memory.find_linked(connection, sorted(keys))
    if missing := {number for _, number in keys} - have:
        raise HangsTogether(missing)
    basis = await judges.basis(connection)
    states = {}
    if keys:
        at = max(arrival.received_at for arrival in arrivals)
        states = await load_states(connection, sorted(keys), judges, at, named=_named_documents(arrivals))
    return Gathered(
        states=states,
        basis=basis,
        numbers=await store.find_numbers(connection, _movement_numbers(arrivals)),
        invoices=invoices,
        directives=await memory.load_directives(connection),
        of_awards=of_awards,
        looked_at=await _looked_at(connection, arrivals),
        claims=await _claims(connection, arrivals),
        uses=await find_uses(connection, codes) if (codes := _trace_codes(arrivals)) else {},
        red_letters=await memory.find_red_letters(connection, sorted(invoices)) if invoices else {},
    )


async def _claims(connection: Connection, arrivals: Sequence[Arrival]) -> dict[str, list[Claim]]:
    told = sorted(_approval_numbers(arrivals))
    return await memory.find_claims(connection, told) if told else {}


async def _looked_at(connection: Connection, arrivals: Sequence[Arrival]) -> dict[str, bytes]:
    """The revision that each arriving decision is about."""
    found = {}
    for arrival in arrivals:
        for read in arrival.reading.records:
            if isinstance(read.noun, Decision):
                for key in keys_named(arrival, read):
                    body = await memory.find_points(connection, key, read.noun)
                    if body is not None:
                        found[arrival.submission_id] = body
    return found


async def _invoices(connection: Connection, arrivals: Sequence[Arrival]) -> dict[str, list[tuple[str, str, Noun]]]:
    """By number: those that arrive or are cancelled; empty lists for those that nobody told before."""
    numbers = sorted(_invoice_numbers(arrivals))
    if not numbers:
        return {}
    return {number: [] for number in numbers} | await memory.find_invoices(connection, numbers)


async def _awarded(connection: Connection, arrivals: Sequence[Arrival]) -> dict[str, tuple[PolicyKey, ...]]:
    """The policies that each arriving award is about: of its numbers, and of its product."""
    found = {}
    for arrival in arrivals:
        awards = [read.noun for read in arrival.reading.records if isinstance(read.noun, Award)]
        if awards:
            numbers = [number for award in awards for number in award.policy_nos]
            keys = await memory.find_of_number(connection, numbers)
            keys |= await memory.find_of_products(connection, [award.product_key for award in awards])
            found[arrival.submission_id] = tuple(sorted(keys))
    return found


def _approval_numbers(arrivals: Sequence[Arrival]) -> set[str]:
    nouns = [read.noun for one in arrivals for read in one.reading.records if isinstance(read.noun, Policy)]
    return {claim.approval_no for noun in nouns if (claim := claim_of(noun)) is not None}


def _trace_codes(arrivals: Sequence[Arrival]) -> list[str]:
    nouns = [read.noun for one in arrivals for read in one.reading.records if isinstance(read.noun, Delivery)]
    return sorted({code for noun in nouns for code in noun.trace_codes})


def _movement_numbers(arrivals: Sequence[Arrival]) -> set[RecordNumber]:
    return {
        number for one in arrivals for read in one.reading.records if (number := movement_number(one, read)) is not None
    }


def _invoice_numbers(arrivals: Sequence[Arrival]) -> set[str]:
    """The numbers of invoices that arrive, and of those that they cancel."""
    nouns = [read.noun for one in arrivals for read in one.reading.records if isinstance(read.noun, Invoice)]
    return {noun.invoice_no for noun in nouns} | {noun.red_letter_of for noun in nouns if noun.red_letter_of}


def _named_documents(arrivals: Sequence[Arrival]) -> set[tuple[str, str]]:
    return {
        (arrival.insurer.code, digest)
        for arrival in arrivals
        for read in arrival.reading.records
        for digest in digests_of(read.noun)
    }


async def load_states(
    connection: Connection,
    keys: Sequence[PolicyKey],
    judges: Judges,
    at: datetime | None,
    *,
    named: Iterable[tuple[str, str]] = (),
    again: bool = False,
) -> dict[PolicyKey, PolicyState]:
    """What is known of these policies, with the verdicts on every document that they name, or that is `named` besides,
    by insurer and digest; without `at`, the verdicts as they are, judged again by nobody; with `again`, those on which
    a premium was verified are judged again as well, if the trust folder has changed."""
    insurers = {code: owner for code, _ in keys if (owner := judges.participants.find(code)) is not None}
    states = await store.load_states(connection, insurers, keys)
    await memory.add_invoices(connection, states)
    await memory.add_awards(connection, states)
    await memory.add_decisions(connection, states)
    await memory.add_journal(connection, states)
    await memory.add_claims(connection, states)
    documents = set(named) | {
        (key[0], digest) for key, state in states.items() for r in state.records for digest in digests_of(r.record)
    }
    await add_documents(connection, states, sorted(documents), judges, at, again=again)
    return states


async def add_documents(
    connection: Connection,
    states: Mapping[PolicyKey, PolicyState],
    named: Sequence[tuple[str, str]],
    judges: Judges,
    at: datetime | None,
    *,
    again: bool = False,
) -> None:
    """Give every state its insurer's documents: those named by digest, and those that state its policy number.

    Until a premium is verified, its documents are judged under the trust folder of today. A verdict on which a premium
    was verified stands: that the seal expires later changes nothing, and what is revoked later is for re-verification,
    which judges all `again`.
    """
    found = await store.load_documents(connection, named, list(states))
    for insurer, documents in found.items():
        own = [state for key, state in states.items() if key[0] == insurer]
        for digest, judged, trust_digest in documents:
            today = judged
            if (
                at is not None
                and trust_digest != judges.trust.digest
                and (again or not all(_stands(judged, state) for state in own))
            ):
                today = await judge_again(connection, digest, insurer, judges, at) or judged
            for state in own:
                state.documents[digest] = judged if not again and _stands(judged, state) else today


def _stands(judged: JudgedDocument, state: PolicyState) -> bool:
    verified = state.previous is not None and state.previous.was_verified
    return verified and judged.outcome is Outcome.PASSED


async def judge_again(
    connection: Connection, digest: str, insurer: str, judges: Judges, at: datetime
) -> JudgedDocument | None:
    """Judge a kept document as of `at`, and keep that verdict beside the earlier ones.

    None if it was erased by order: the last verdict on it stands. Raises `Damaged` and `StoreDown`: on other bytes, or
    on none, nothing is said.
    """
    found = await store.find_document(connection, digest, insurer)
    owner = judges.participants.find(insurer)
    if found is None or owner is None:
        raise RuntimeError(f"document {digest} of {insurer} has a verdict but no bytes")
    _, media_type, kept, since = found
    try:
        data = await judges.evidence.read(kept)
    except Erased:
        return None
    verdict = await asyncio.to_thread(judge_document, data, media_type, owner, judges.trust, max(at, since), since)
    profile = owner.document_profile or ""
    await store.insert_verdict(connection, digest, insurer, judges.trust.digest, profile, at, verdict)
    return as_judged(digest, verdict)


def digests_of(record: Any) -> list[str]:
    """The digests of the documents that a record names."""
    return [document.digest for document in getattr(record, "documents", ())]
