"""HTTP of evidence bundles."""

from typing import Annotated

from fastapi import APIRouter, Path
from starlette.requests import Request
from starlette.responses import Response

from gateway.answers import signed_answer
from gateway.bundle.collect import NotYet, collect
from gateway.params import AnyCaller, State, scoped
from gateway.problems import NotFound

router = APIRouter()

Insurer = Annotated[str, Path(pattern=r"^[0-9A-Z][0-9A-Z-]{1,31}$", description="insurer code")]
PolicyNumber = Annotated[str, Path(pattern=r"^[0-9A-Z-]{10,30}$", description="保单号")]


@router.get(
    "/v1/insurers/{insurer}/policies/{policy_no}/evidence",
    tags=["premiums"],
    response_class=Response,
    responses={200: {"content": {"application/zip": {}}}},
)
async def get_evidence(
    insurer: Insurer, policy_no: PolicyNumber, caller: AnyCaller, gateway: State, request: Request
) -> Response:
    """The evidence bundle of the premium 证据包: one ZIP from which everything can be computed again, offline.

    404 until a checkpoint covers the premium's latest revision, which takes a second or two.
    """
    scoped(caller, insurer)
    judges = request.app.state.judges
    try:
        async with gateway.pool.connection() as connection:
            bundle = await collect(
                connection,
                (insurer, policy_no),
                judges,
                gateway.catalogue,
                gateway.config.trust_dir,
                [gateway.signer],
                gateway.clock(),
            )
    except NotYet as error:
        raise NotFound(str(error), detail_zh="没有该保费，或尚未被日志检查点覆盖，请稍后再试") from error
    name = f'attachment; filename="{insurer}-{policy_no}.zip"'
    return signed_answer(
        200, bundle, gateway, caller.message, {"content-disposition": name}, media_type="application/zip"
    )
