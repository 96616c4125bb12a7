"""HTTP of mappings: which version reads whose messages, and how two operators change that."""

from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Depends, Path, Query
from starlette.requests import Request
from starlette.responses import Response

from adapters.mapping import Mapping
from gateway.answers import signed_answer
from gateway.mappings import store
from gateway.mappings.activate import approve, propose
from gateway.mappings.in_force import InForce, formats_of, in_force
from gateway.mappings.store import Activation, Proposed
from gateway.params import AnyCaller, Caller, Db, SignedOperator, State, read_noun, scoped
from gateway.participants import Participant
from gateway.problems import NotFound
from schemas.canonical import as_json
from schemas.mapping import MappingProposal

router = APIRouter()

_MOST = 100


async def reading_of(request: Request) -> InForce:
    """What is in force in this gateway."""
    reading: InForce = request.app.state.reading
    return reading


Reading = Annotated[InForce, Depends(reading_of)]
Sha256 = Annotated[str, Path(pattern=r"^[0-9a-f]{64}$", description="SHA-256 of the proposal's body, lower-case hex")]
InsurerParameter = Annotated[
    str | None, Query(pattern=r"^[0-9A-Z][0-9A-Z-]{1,31}$", description="insurer code; without it, all that is yours")
]


@router.get("/v1/mappings", tags=["mappings"])
async def get_mappings(
    caller: AnyCaller, db: Db, gateway: State, reading: Reading, insurer: InsurerParameter = None
) -> Response:
    """By which version of which mapping each insurer's messages are read, since when, and what is proposed."""
    own = _own(caller, insurer)
    activations = await store.activations(db, own)
    now = gateway.clock()
    listed = []
    for participant in gateway.participants.insurers():
        if own not in (None, participant.code):
            continue
        for code in formats_of(participant):
            its = [one for one in activations if (one.insurer, one.dialect) == (participant.code, code)]
            listed.append(_mapping(participant, code, its, in_force(its, now), reading))
    proposals = [_proposal(one) for one in await store.proposals(db, own, _MOST)]
    body = orjson.dumps({"at": now, "mappings": listed, "proposals": proposals})
    return signed_answer(200, body, gateway, caller.message)


@router.post("/v1/mappings/proposals", tags=["mappings"], status_code=201)
async def post_proposal(caller: SignedOperator, db: Db, gateway: State, reading: Reading) -> Response:
    """Propose that an insurer's messages are read by another version, from a moment on, on the ground of a replay.

    201 with the proposal's digest, by which another person approves it; 200 if it is known; 422 with everything that
    speaks against it.
    """
    proposal = read_noun(MappingProposal, caller.body)
    kept, is_new = await propose(
        db, caller.body, proposal, caller.acting, gateway.participants, reading, gateway.clock()
    )
    location = {"location": f"/v1/mappings/proposals/{kept.digest.removeprefix('sha256:')}"}
    return signed_answer(201 if is_new else 200, orjson.dumps(_proposal(kept)), gateway, caller.message, location)


@router.get("/v1/mappings/proposals/{sha256}", tags=["mappings"])
async def get_proposal(sha256: Sha256, caller: AnyCaller, db: Db, gateway: State) -> Response:
    """One proposal, with what its replay found, how many messages are stored by now, and what came of it."""
    proposed = await _find(db, caller, sha256)
    stated = proposed.proposal
    stored = await store.count_read(db, stated.insurer, stated.dialect, None, None)
    activation = await store.find_activation(db, proposed.digest)
    found = _proposal(proposed) | {"stored": stored, "activation": _activation(activation) if activation else None}
    return signed_answer(200, orjson.dumps(found), gateway, caller.message)


@router.post("/v1/mappings/proposals/{sha256}/approval", tags=["mappings"], status_code=201)
async def post_approval(sha256: Sha256, caller: SignedOperator, db: Db, gateway: State, reading: Reading) -> Response:
    """Approve a proposal as a second person: it takes effect at its moment, and stands in the log.

    The signed address names the proposal's bytes by their digest; there is no body. 200 if it was approved before.
    """
    proposed = await _find(db, caller, sha256)
    activation, is_new = await approve(
        db, proposed, caller.acting, gateway.participants, reading, gateway.clock(), gateway.config.log_origin
    )
    return signed_answer(201 if is_new else 200, orjson.dumps(_activation(activation)), gateway, caller.message)


def _own(caller: Caller, insurer: str | None) -> str | None:
    if insurer is not None:
        scoped(caller, insurer)
        return insurer
    return caller.participant.code if caller.participant.role == "insurer" else None


async def _find(db: Db, caller: Caller, sha256: str) -> Proposed:
    found = await store.find_proposal(db, f"sha256:{sha256}")
    own = _own(caller, None)
    if found is None or own not in (None, found.proposal.insurer):
        raise NotFound("there is no such proposal", detail_zh="没有此提议")
    return found


def _mapping(
    participant: Participant, code: str, its: list[Activation], active: Activation | None, reading: InForce
) -> dict[str, Any]:
    return {
        "insurer": participant.code,
        "dialect": code,
        "in_force": _activation(active) | {"flaw": reading.flaw(active)} if active else None,
        "versions": [_version(mapping, reading) for mapping in reading.versions.of(code)],
        "activations": [_activation(one) for one in its],
    }


def _version(mapping: Mapping, reading: InForce) -> dict[str, Any]:
    return {"version": mapping.version, "digest": reading.versions.digest(mapping), "title": mapping.title}


def _activation(one: Activation) -> dict[str, Any]:
    return {
        "version": one.version,
        "digest": one.digest,
        "active_from": one.active_from,
        "known_at": one.known_at,
        "proposal": one.proposal,
        "approved_by": one.keyid,
        "leaf_index": one.leaf_index,
    }


def _proposal(one: Proposed) -> dict[str, Any]:
    return {
        "proposal": one.digest,
        "proposed_at": one.proposed_at,
        "proposed_by": one.by.keyid,
        **as_json(one.proposal),
    }
