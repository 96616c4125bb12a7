"""HTTP of evidence bundles."""

import asyncio
from pathlib import Path as FilePath
from typing import Annotated, Any, Literal

import orjson
from fastapi import APIRouter, Path, Query
from starlette.requests import Request
from starlette.responses import Response

from gateway.access.log import note_access
from gateway.answers import signed_answer
from gateway.bundle.collect import NotYet, collect_cover, collect_rows
from gateway.bundle.read import Unreadable
from gateway.bundle.told import TITLES, as_json
from gateway.bundle.verify import verify_bundle
from gateway.params import AnyCaller, State, scoped
from gateway.problems import BadRequest, Language, NotFound, language_of

router = APIRouter()

Insurer = Annotated[str, Path(pattern=r"^[0-9A-Z][0-9A-Z-]{1,31}$", description="insurer code")]
PolicyNumber = Annotated[str, Path(pattern=r"^[0-9A-Z-]{10,30}$", description="保单号")]


@router.get(
    "/v1/insurers/{insurer}/policies/{policy_no}/evidence",
    tags=["premiums"],
    response_class=Response,
    responses={200: {"content": {"application/zip": {}, "application/pdf": {}}}},
)
async def get_evidence(
    insurer: Insurer,
    policy_no: PolicyNumber,
    caller: AnyCaller,
    gateway: State,
    request: Request,
    cover: Annotated[Literal["pdf"] | None, Query(description="the cover sheet alone, for people 封面")] = None,
) -> Response:
    """The evidence bundle of the premium 证据包: one ZIP from which everything can be computed again, offline.

    404 until a checkpoint covers the premium's latest revision, which takes a second or two. `cover=pdf` is the sheet
    for people of that revision; `gateway evidence cover` makes that of a bundle, with the bundle's digest.
    """
    scoped(caller, insurer)
    judges = request.app.state.judges
    try:
        async with gateway.pool.connection() as connection:
            if cover is not None:
                key, at = (insurer, policy_no), gateway.clock()
                sheet = await collect_cover(connection, key, judges.log_origin, gateway.catalogue, at)
                await note_access(connection, caller, at, insurer, f"policy {policy_no}")
                named = {"content-disposition": f'attachment; filename="{insurer}-{policy_no}.pdf"'}
                return signed_answer(200, sheet, gateway, caller.message, named, media_type="application/pdf")
            at = gateway.clock()
            collected = await collect_rows(
                connection,
                (insurer, policy_no),
                judges,
                gateway.catalogue,
                gateway.config.trust_dir,
                [gateway.signer],
                at,
            )
            await note_access(connection, caller, at, insurer, f"policy {policy_no}")
    except NotYet as error:
        raise NotFound(str(error), detail_zh="没有该保费，或尚未被日志检查点覆盖，请稍后再试") from error
    bundle = await collected.finish(judges, gateway.catalogue, gateway.signer, at)
    name = f'attachment; filename="{insurer}-{policy_no}.zip"'
    return signed_answer(
        200, bundle, gateway, caller.message, {"content-disposition": name}, media_type="application/zip"
    )


@router.post("/v1/evidence/verification", tags=["premiums"])
async def verify_evidence(request: Request, caller: AnyCaller, gateway: State) -> Response:
    """Compute everything in an evidence bundle again 证据包复核: the ZIP in, each step with what it found out.

    The same as `gateway evidence verify`, for people at a browser; whoever does not want to take this gateway's word
    for it runs that command, without us. The trust folder is this gateway's, the log key the bundle's own. Nothing is
    kept. 400 if the file is no bundle.
    """
    try:
        told = await asyncio.to_thread(_verified, caller.body, gateway.config.trust_dir, language_of(request))
    except (Unreadable, KeyError, ValueError) as error:
        raise BadRequest(f"this is no evidence bundle: {error}", detail_zh="不是可读取的证据包") from error
    return signed_answer(200, orjson.dumps(told), gateway, caller.message)


def _verified(data: bytes, trust: FilePath, language: Language) -> dict[str, Any]:
    bundle, steps = verify_bundle(data, trust)
    told = as_json(bundle, steps)
    for step in told["steps"]:
        step["title"] = TITLES[step["step"]][0 if language == "zh" else 1]
    return told
