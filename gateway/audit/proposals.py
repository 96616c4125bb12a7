"""Proposals of mappings against their own bytes, approvals against who gave them, and what came with the software."""

import hashlib
from collections.abc import Iterator
from typing import Any

from pydantic import ValidationError

from adapters.versions import known as known_mappings
from gateway.acts import Person
from gateway.audit.requests import check_another, check_request, check_signer, lines_of
from gateway.audit.store import Snapshot, rows
from gateway.audit.told import changed, compare, not_known, unsigned
from gateway.participants import Participants
from schemas.canonical import as_json
from schemas.mapping import MappingProposal
from schemas.verification import Check

_PROPOSALS = (
    "SELECT digest, insurer, dialect, version, mapping_digest, active_from, participant, keyid, holder, body, request "
    "FROM mapping_proposals ORDER BY digest"
)
_APPROVED = (
    "SELECT a.id, a.proposal, a.request, p.proposed_at, a.known_at, a.participant, a.keyid, a.holder, "
    "p.participant, p.keyid, p.holder "
    "FROM mapping_activations a JOIN mapping_proposals p ON p.digest = a.proposal ORDER BY a.id"
)
_INSTALLED = (
    "SELECT id, dialect, version, mapping_digest, active_from, known_at FROM mapping_activations "
    "WHERE proposal IS NULL ORDER BY id"
)


def judge(connection: Snapshot, people: Participants) -> Iterator[Check]:
    """Every proposal is what its proposer signed, every approval was signed by another person, and every mapping that
    came with the software is one of its files."""
    for row in rows(connection, _PROPOSALS):
        yield from _judge_proposal(row, people)
    for row in rows(connection, _APPROVED):
        yield from _judge_approval(row, people)
    for number, dialect, version, digest, active_from, known_at in rows(connection, _INSTALLED):
        table = "mapping_activations"
        mapping = known_mappings().find(dialect, version)
        if mapping is None or known_mappings().digest(mapping) != digest:
            yield not_known(table, number, f"mapping {dialect}/{version} as {digest}")
        yield from compare(table, number, {"active_from": (known_at, active_from)})


def _judge_proposal(row: tuple[Any, ...], people: Participants) -> Iterator[Check]:
    table = "mapping_proposals"
    name, insurer, dialect, version, digest, active_from, participant, keyid, holder, data, request = row
    body = bytes(data)
    yield from compare(table, name, {"body": (f"sha256:{hashlib.sha256(body).hexdigest()}", name)})
    yield from check_request(table, name, request, body, people, participant)
    yield from check_signer(table, name, request, Person(participant, keyid, holder), people)
    try:
        stated = MappingProposal.model_validate_json(body)
    except ValidationError:
        yield changed(table, name, "body")
        return
    columns = {
        "insurer": (stated.insurer, insurer),
        "dialect": (stated.dialect, dialect),
        "version": (stated.version, version),
        "mapping_digest": (stated.digest, digest),
        "active_from": (as_json(stated.active_from), as_json(active_from)),
    }
    yield from compare(table, name, columns)


def _judge_approval(row: tuple[Any, ...], people: Participants) -> Iterator[Check]:
    table = "mapping_activations"
    number, proposal, request, proposed_at, known_at, *named_people = row
    person, first = Person(*named_people[:3]), Person(*named_people[3:])
    yield from check_request(table, number, request, b"", people, person.participant, may_be_empty=True)
    yield from check_signer(table, number, request, person, people)
    named = str(proposal).removeprefix("sha256:")
    if isinstance(request, dict) and not any(named in line for line in lines_of(request) if line.startswith('"@')):
        yield unsigned(table, number, "request.proposal")
    yield from check_another(table, number, person, first)
    if known_at < proposed_at:
        yield changed(table, number, "proposed_at", told=f"not after {known_at}", there=str(proposed_at))
