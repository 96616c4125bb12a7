"""Reading by another version: one person proposes it on the ground of a replay, a second one approves it.

Nothing is activated backwards: what was received is read by what was in force when it came.
"""

import hashlib
from datetime import UTC, datetime

from gateway.acts import Acting, Person, check_person, require
from gateway.db import Connection
from gateway.ledger import append as append_to_log
from gateway.mappings import store
from gateway.mappings.in_force import LEAD, InForce, formats_of, in_force
from gateway.mappings.store import Activation, Proposed
from gateway.participants import Participants
from schemas.log import Entry
from schemas.mapping import MappingProposal
from schemas.verification import Check, failed, passed

_TWO = "mapping.second-person"


async def propose(
    connection: Connection,
    body: bytes,
    proposal: MappingProposal,
    by: Acting,
    participants: Participants,
    reading: InForce,
    at: datetime,
) -> tuple[Proposed, bool]:
    """Keep a proposal; with it whether it is new. The same bytes again are the same proposal. Raises `Objected`."""
    digest = f"sha256:{hashlib.sha256(body).hexdigest()}"
    if (known := await store.find_proposal(connection, digest)) is not None:
        return known, False
    require(
        check_known(proposal, participants, reading),
        check_ahead(proposal, at),
        await _check_new(connection, proposal),
        await check_replayed(connection, proposal),
        check_person(_TWO, by),
    )
    is_new = await store.propose(connection, digest, proposal, by.person, at, body, by.proof)
    return Proposed(digest, proposal, at, by.person), is_new


async def approve(
    connection: Connection,
    proposed: Proposed,
    by: Acting,
    participants: Participants,
    reading: InForce,
    at: datetime,
    origin: str,
) -> tuple[Activation, bool]:
    """Activate what was proposed, with its entry in the log; with it whether that is new. Raises `Objected`."""
    proposal = proposed.proposal
    async with connection.transaction():
        await store.lock(connection)
        if (known := await store.find_activation(connection, proposed.digest)) is not None:
            return known, False
        require(
            check_known(proposal, participants, reading),
            check_ahead(proposal, at),
            check_person(_TWO, by, [proposed.by]),
        )
        (leaf,) = await append_to_log(connection, [_entry(proposed, by.person, at)], origin)
        activation = Activation(
            insurer=proposal.insurer,
            dialect=proposal.dialect,
            version=proposal.version,
            digest=proposal.digest,
            active_from=proposal.active_from,
            known_at=at,
            proposal=proposed.digest,
            leaf_index=leaf.index,
            keyid=by.key.keyid,
        )
        await store.activate(connection, activation, by.person, by.proof)
    return activation, True


def check_known(proposal: MappingProposal, participants: Participants, reading: InForce) -> Check:
    """This release reads the insurer's format, has the version, and has it in the file that was replayed."""
    rule = "mapping.known"
    insurer = participants.find(proposal.insurer)
    if insurer is None or insurer.role != "insurer":
        return failed(rule, "no-insurer", field="insurer", insurer=proposal.insurer)
    if proposal.dialect not in formats_of(insurer):
        return failed(rule, "not-its-format", field="dialect", formats=", ".join(formats_of(insurer)))
    mapping = reading.versions.find(proposal.dialect, proposal.version)
    if mapping is None:
        known = ", ".join(one.version for one in reading.versions.of(proposal.dialect))
        return failed(rule, "no-version", field="version", known=known)
    digest = reading.versions.digest(mapping)
    if digest != proposal.digest:
        return failed(rule, "another-file", field="digest", stated=proposal.digest, actual=digest)
    return passed(rule, mapping=mapping.id, digest=digest)


def check_ahead(proposal: MappingProposal, at: datetime) -> Check:
    """It takes effect later, by so much that every process knows it by then."""
    rule = "mapping.ahead"
    earliest = at + LEAD
    if proposal.active_from <= earliest:
        stated = proposal.active_from.astimezone(UTC).isoformat()
        return failed(rule, "too-soon", field="active_from", stated=stated, earliest=earliest.isoformat())
    return passed(rule)


async def _check_new(connection: Connection, proposal: MappingProposal) -> Check:
    rule = "mapping.changes"
    of_insurer = await store.activations(connection, proposal.insurer)
    active = in_force((one for one in of_insurer if one.dialect == proposal.dialect), proposal.active_from)
    if active is not None and (active.version, active.digest) == (proposal.version, proposal.digest):
        return failed(rule, "in-force", field="version", since=active.active_from.isoformat())
    return passed(rule)


async def check_replayed(connection: Connection, proposal: MappingProposal) -> Check:
    """The replay is of this very mapping, and went over every message that is stored between its two moments."""
    rule = "mapping.replayed"
    replay = proposal.replay
    for name in ("insurer", "dialect", "version", "digest"):
        if getattr(replay, name) != getattr(proposal, name):
            return failed(rule, "of-another", field=f"replay.{name}", stated=getattr(replay, name))
    stored = await store.count_read(connection, proposal.insurer, proposal.dialect, replay.since, replay.until)
    if stored != replay.submissions:
        return failed(rule, "incomplete", field="replay.submissions", stated=replay.submissions, stored=stored)
    return passed(rule, submissions=stored, result=replay.result)


def _entry(proposed: Proposed, person: Person, at: datetime) -> Entry:
    proposal = proposed.proposal
    return Entry(
        kind="mapping",
        at=at,
        body={
            "insurer": proposal.insurer,
            "dialect": proposal.dialect,
            "version": proposal.version,
            "digest": proposal.digest,
            "active_from": proposal.active_from.astimezone(UTC).isoformat(),
            "proposal": proposed.digest,
            "proposed_by": proposed.by.keyid,
            "approved_by": person.keyid,
        },
    )
