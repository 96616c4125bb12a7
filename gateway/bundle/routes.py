"""HTTP of evidence bundles."""

from typing import Annotated, Literal

from fastapi import APIRouter, Path, Query
from starlette.requests import Request
from starlette.responses import Response

from gateway.access.log import note_access
from gateway.answers import signed_answer
from gateway.bundle.collect import NotYet, collect, collect_cover
from gateway.params import AnyCaller, State, scoped
from gateway.problems import NotFound

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
            bundle = await collect(
                connection,
                (insurer, policy_no),
                judges,
                gateway.catalogue,
                gateway.config.trust_dir,
                [gateway.signer],
                gateway.clock(),
            )
            await note_access(connection, caller, gateway.clock(), insurer, f"policy {policy_no}")
    except NotYet as error:
        raise NotFound(str(error), detail_zh="没有该保费，或尚未被日志检查点覆盖，请稍后再试") from error
    name = f'attachment; filename="{insurer}-{policy_no}.zip"'
    return signed_answer(
        200, bundle, gateway, caller.message, {"content-disposition": name}, media_type="application/zip"
    )
