"""HTTP of verified premiums: one policy's premium, and its history."""

from typing import Annotated

import orjson
from fastapi import APIRouter, Path, Query
from pydantic import AwareDatetime
from starlette.responses import Response

from gateway.access.log import note_access
from gateway.answers import signed_answer
from gateway.feed.page import place, with_proof
from gateway.ledger.proofs import prove
from gateway.params import AnyCaller, Db, State, scoped, settled
from gateway.premiums import store
from gateway.problems import NotFound
from schemas.log import LogProof

router = APIRouter()

Insurer = Annotated[str, Path(pattern=r"^[0-9A-Z][0-9A-Z-]{1,31}$", description="insurer code")]
PolicyNumber = Annotated[str, Path(pattern=r"^[0-9A-Z-]{10,30}$", description="保单号")]


@router.get("/v1/insurers/{insurer}/policies/{policy_no}/premium", tags=["premiums"])
async def get_premium(
    insurer: Insurer,
    policy_no: PolicyNumber,
    caller: AnyCaller,
    db: Db,
    gateway: State,
    as_of: Annotated[AwareDatetime | None, Query(description="as it was known at this moment")] = None,
) -> Response:
    """The premium of one policy: status, facts, money, every check, and the log position that proves it.

    With `as_of` the answer is the same bytes for ever; without, it carries the proof up to the latest checkpoint.
    """
    scoped(caller, insurer)
    if as_of is not None:
        settled(gateway, as_of)
    found = await store.find_premium(db, insurer, policy_no, as_of)
    if found is None:
        raise NotFound(f"nothing is known of policy {policy_no}", detail_zh=f"没有保单{policy_no}的信息")
    await note_access(db, caller, gateway.clock(), insurer, f"policy {policy_no}")
    origin = gateway.config.log_origin
    proof = place(found, origin) if as_of else _as_json(await prove(db, found.leaf_index, origin=origin))
    return signed_answer(200, with_proof(found.body, proof), gateway, caller.message)


@router.get("/v1/insurers/{insurer}/policies/{policy_no}/history", tags=["premiums"])
async def get_history(insurer: Insurer, policy_no: PolicyNumber, caller: AnyCaller, db: Db, gateway: State) -> Response:
    """Every revision of the premium, first to last."""
    scoped(caller, insurer)
    found = await store.list_revisions(db, insurer, policy_no)
    if not found:
        raise NotFound(f"nothing is known of policy {policy_no}", detail_zh=f"没有保单{policy_no}的信息")
    await note_access(db, caller, gateway.clock(), insurer, f"policy {policy_no}", len(found))
    revisions = b",".join(with_proof(one.body, place(one, gateway.config.log_origin)) for one in found)
    return signed_answer(200, b'{"revisions":[' + revisions + b"]}", gateway, caller.message)


def _as_json(proof: LogProof) -> bytes:
    return orjson.dumps(proof.model_dump(mode="json", exclude_none=True))
