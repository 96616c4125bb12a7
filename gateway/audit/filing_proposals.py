"""Proposals of filings against their own bytes, and what became of them against who signed for it."""

import hashlib
from collections.abc import Iterator, Mapping
from typing import Any

from gateway.acts import Person
from gateway.audit.filings import judge_pages
from gateway.audit.requests import check_another, check_request, check_signer, lines_of
from gateway.audit.store import Snapshot, one, rows
from gateway.audit.told import changed, compare, missing, unsigned
from gateway.filing.proposals.decide import contents_of, identity_of
from gateway.participants import Participants
from schemas.verification import Check

_PROPOSALS = (
    "SELECT id, contents, registry, as_of, whole, base, stated, source, digest, proposed_at, participant, keyid, "
    "holder, request FROM filing_proposals ORDER BY seq"
)
_BYTES = "SELECT bytes FROM filing_proposals WHERE id = %s"
_CONFIRMATIONS = (
    "SELECT c.proposal, c.participant, c.keyid, c.holder, c.request, p.participant, p.keyid, p.holder "
    "FROM filing_confirmations c JOIN filing_proposals p ON p.id = c.proposal ORDER BY p.seq, c.holder"
)
_ENDS = (
    "SELECT e.proposal, e.outcome, e.participant, e.keyid, e.holder, e.request, e.file, e.leaf_index, p.digest, "
    "p.source, f.digest, (SELECT json_agg(c.keyid ORDER BY c.at, c.holder) FROM filing_confirmations c "
    "WHERE c.proposal = e.proposal), (SELECT convert_from(l.data, 'UTF8')::jsonb -> 'body' FROM ledger_entries l "
    "WHERE l.index = e.leaf_index AND l.kind = 'filing') FROM filing_proposal_ends e "
    "JOIN filing_proposals p ON p.id = e.proposal LEFT JOIN filing_files f ON f.id = e.file ORDER BY p.seq"
)
_UNSAID = (
    "SELECT l.index, convert_from(l.data, 'UTF8')::jsonb #>> '{body,proposal}' FROM ledger_entries l "
    "WHERE l.kind = 'filing' AND convert_from(l.data, 'UTF8')::jsonb #>> '{body,proposal}' IS NOT NULL "
    "AND NOT EXISTS (SELECT FROM filing_proposal_ends e WHERE e.leaf_index = l.index AND e.outcome = 'effective')"
)


def judge(connection: Snapshot, people: Participants) -> Iterator[Check]:
    """Every proposal is what its proposer signed, every confirmation and withdrawal was signed by a person for just
    this proposal, and what is effective has enough people and its leaf."""
    for row in rows(connection, _PROPOSALS):
        yield from _judge_proposal(connection, row, people)
    for row in rows(connection, _CONFIRMATIONS):
        yield from _judge_confirmation(row, people)
    for row in rows(connection, _ENDS):
        yield from _judge_end(row, people)
    for index, proposal in rows(connection, _UNSAID):
        yield missing("filing_proposal_ends", proposal, leaf=index)


def _judge_proposal(connection: Snapshot, row: tuple[Any, ...], people: Participants) -> Iterator[Check]:
    table = "filing_proposals"
    name, contents, registry, as_of, whole, base, stated, source, digest, at, participant, keyid, holder, request = row
    data = bytes(one(connection, _BYTES, name))
    about = contents_of(registry, as_of, whole, base, stated, source, digest)
    columns = {
        "digest": (f"sha256:{hashlib.sha256(data).hexdigest()}", digest),
        "contents": (about, contents),
        "id": (identity_of(about, digest, at, keyid if source is None else source), name),
    }
    yield from compare(table, name, columns)
    if source is not None:
        yield from judge_pages(table, name, request["fetched"], data)
        return
    yield from check_request(table, name, request, data, people, participant)
    yield from check_signer(table, name, request, Person(participant, keyid, holder), people)


def _judge_confirmation(row: tuple[Any, ...], people: Participants) -> Iterator[Check]:
    table = "filing_confirmations"
    proposal, participant, keyid, holder, request, *first = row
    yield from _judge_act(table, proposal, "confirmation", participant, keyid, holder, request, people)
    if first[1] is not None:  # nobody proposed what a source answered
        yield from check_another(table, proposal, Person(participant, keyid, holder), Person(*first))


def _judge_end(row: tuple[Any, ...], people: Participants) -> Iterator[Check]:
    table = "filing_proposal_ends"
    proposal, outcome, participant, keyid, holder, request, _, leaf, digest, source, file, confirmed, body = row
    if outcome == "withdrawn":
        yield from _judge_act(table, proposal, "withdrawal", participant, keyid, holder, request, people)
    if outcome != "effective":
        return
    yield from _judge_act(table, proposal, "confirmation", participant, keyid, holder, request, people)
    said: Mapping[str, Any] = body or {}
    there = list(confirmed or ())
    columns = {
        "proposal": (said.get("proposal"), proposal),
        "leaf": (said.get("file"), digest),
        "file": (digest, file),
        "confirmed_by": (sorted(said.get("confirmed_by") or ()), sorted(there)),
        "people": (True, len(there) >= (1 if source is None else 2) and keyid in there),
    }
    if body is None:
        yield changed(table, proposal, "leaf_index", there=leaf)
    else:
        yield from compare(table, proposal, columns)


def _judge_act(
    table: str,
    proposal: str,
    act: str,
    participant: str,
    keyid: str,
    holder: str,
    request: Any,
    people: Participants,
) -> Iterator[Check]:
    """The signed address names the act and the proposal; there is no body."""
    yield from check_request(table, proposal, request, b"", people, participant, may_be_empty=True)
    yield from check_signer(table, proposal, request, Person(participant, keyid, holder), people)
    address = f"/v1/filings/proposals/{proposal.removeprefix('sha256:')}/{act}"
    if isinstance(request, dict) and not any(
        line.startswith('"@target-uri"') and line.endswith(address) for line in lines_of(request)
    ):
        yield unsigned(table, proposal, "request.proposal")
