"""What everybody may read: the rule catalogue, problem types, schemas, health, and the gateway's own key."""

from collections.abc import Mapping
from datetime import date
from functools import cache
from pathlib import Path
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Query
from fastapi import Path as PathParameter
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from gateway.frauds import load_frauds
from gateway.keys import find_ends, load_previous, published
from gateway.params import State
from gateway.problems import PROBLEMS, NotFound, language_of
from gateway.schemes import load_texts
from gateway.simulated import warning
from schemas.calendar import published_calendar
from schemas.canonical import as_json
from schemas.codes import code_list
from schemas.codes import names as code_list_names
from schemas.codes import published as published_codes
from signing.sm2 import engine

router = APIRouter()

_STANDARD = Path(__file__).parent.parent / "schemas"
_SCHEMAS = _STANDARD / "json"
_FORMS = {
    "premium-exchange-1.0.xsd": (_STANDARD / "xsd", "application/xml"),
    "premium-exchange-1.0.xlsx": (
        _STANDARD / "xlsx",
        "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    ),
}
"""The standard in its other forms: the XSD, and the workbook that is filled in."""


def _json(value: Any) -> Response:
    return Response(orjson.dumps(value), media_type="application/json")


@router.get("/v1/rules", tags=["catalogues"])
async def get_rules(gateway: State) -> Response:
    """Every rule that a report may name: titles, reasons and cures in both languages, basis, and one digest of all.

    Beside them the rules of the schemes, and the patterns of fraud with what stands against each.
    """
    frauds = [fraud.model_dump(mode="json", exclude_none=True) for fraud in load_frauds()]
    texts = {name: text.model_dump(mode="json", exclude_none=True) for name, text in load_texts().items()}
    rules = gateway.catalogue.as_json()
    return _json({"digest": gateway.catalogue.digest, "rules": rules, "scheme_rules": texts, "frauds": frauds})


@router.get("/v1/problems/{slug}", tags=["catalogues"])
async def get_problem(slug: Annotated[str, PathParameter(pattern=r"^[a-z-]{1,40}$")], request: Request) -> Response:
    """What a problem type means."""
    for problem in PROBLEMS:
        if problem.slug == slug:
            return _json(
                {
                    "type": f"/v1/problems/{slug}",
                    "title": problem.title[language_of(request)],
                    "status": problem.status,
                    "description": (problem.__doc__ or "").strip(),
                }
            )
    raise NotFound("there is no such problem type", detail_zh="没有此问题类型")


@router.get("/v1/schemas", tags=["catalogues"])
async def list_schemas() -> Response:
    """The names of the JSON Schemas of the standard, and of its other forms: the XSD and the workbook template."""
    return _json({"schemas": sorted(_schemas()), "forms": sorted(_FORMS)})


@router.get("/v1/schemas/{name}", tags=["catalogues"])
async def get_schema(name: Annotated[str, PathParameter(pattern=r"^[a-z0-9_.-]{1,40}$")]) -> Response:
    """One JSON Schema of the standard `premium-exchange/1.0`, or one of its other forms by file name."""
    if name in _FORMS:
        return Response(_form(name), media_type=_FORMS[name][1])
    if (schema := _schemas().get(name)) is None:
        raise NotFound("there is no such schema", detail_zh="没有此模式")
    return Response(schema, media_type="application/schema+json")


@cache
def _schemas() -> Mapping[str, bytes]:
    return {file.name.removesuffix(".schema.json"): file.read_bytes() for file in _SCHEMAS.glob("*.schema.json")}


@cache
def _form(name: str) -> bytes:
    return (_FORMS[name][0] / name).read_bytes()


@router.get("/v1/code-lists", tags=["catalogues"])
async def list_code_lists() -> Response:
    """The code lists: what each is, where it comes from, as of which day it speaks."""
    listed: list[dict[str, Any]] = [
        {"name": one.name, "title": as_json(one.title), "source": one.source, "as_of": str(one.as_of)}
        | {"complete": one.complete, "digest": one.digest}
        for one in map(code_list, code_list_names())
    ]
    calendar = published_calendar()
    return _json({"code_lists": [*listed, {"name": calendar["name"], "digest": calendar["digest"]}]})


@router.get("/v1/code-lists/{name}", tags=["catalogues"])
async def get_code_list(
    name: Annotated[str, PathParameter(pattern=r"^[a-z_]{1,40}$")],
    on: Annotated[date | None, Query(description="a day: how each code stood then")] = None,
) -> Response:
    """One code list with its source and as-of day: insurers, regions, registration classes, currencies, holidays.

    Of a day on which nobody here knows, a code's standing is `unknown`; a year without holidays published is said.
    """
    if name == "holidays":
        return _json(published_calendar())
    try:
        return _json(published_codes(name, on))
    except KeyError as error:
        raise NotFound("there is no such code list", detail_zh="没有此代码表") from error


@router.get("/v1/keys", tags=["catalogues"])
async def get_keys(gateway: State) -> Response:
    """The public keys of the gateway: SPKI in base64, algorithm, key id.

    The first signs answers, receipts and the log; an SM2 key after it signs the log's checkpoints beside it. Then the
    keys before them, with `not_before` and `not_after`: what they signed in between stays verifiable. `ended` says of a
    key when it ended early and why (`compromised`), and where the log says so.
    """
    async with gateway.pool.connection() as connection:
        ends = await find_ends(connection)
    return _json({"keys": published(gateway.log_signers, load_previous(gateway.config.previous_keys), ends)})


@router.get("/healthz", tags=["operation"])
async def get_health(gateway: State) -> Response:
    """Whether the process answers."""
    simulated = gateway.config.simulated_clock is not None
    return PlainTextResponse(f"ok\n{warning(gateway.clock())}\n" if simulated else "ok\n")


@router.get("/readyz", tags=["operation"])
async def get_readiness(gateway: State) -> Response:
    """Whether the gateway can do its work: database, SM2 engine, log. 503 if not."""
    async with gateway.pool.connection(timeout=2) as connection:
        await connection.execute("SELECT 1")
    state = {
        "database": "ok",
        "sm2_engine": engine(),
        "trust": gateway.trust.digest,
        "catalogue": gateway.catalogue.digest,
        "evidence_store": gateway.evidence.told(),  # while it is down hand-ins wait, and nothing else does
        "notes": gateway.notes,
    }
    if gateway.config.simulated_clock is not None:
        state["simulated_clock"] = warning(gateway.clock())
    return Response(orjson.dumps(state), status_code=503 if gateway.notes else 200, media_type="application/json")


@router.get("/metrics", tags=["operation"], response_class=PlainTextResponse)
async def get_metrics(gateway: State) -> Response:
    """Counts in the text format of Prometheus."""
    async with gateway.pool.connection(timeout=2) as connection:
        cursor = await connection.execute(
            "SELECT (SELECT size FROM ledger_head), (SELECT count FROM feed_head), "
            "(SELECT coalesce(max(size), 0) FROM ledger_checkpoints)"
        )
        row = await cursor.fetchone() or (0, 0, 0)
    lines = [
        "# TYPE gateway_log_entries counter",
        f"gateway_log_entries {row[0]}",
        "# TYPE gateway_premium_revisions counter",
        f"gateway_premium_revisions {row[1]}",
        "# TYPE gateway_log_signed_entries gauge",
        f"gateway_log_signed_entries {row[2]}",
    ]
    return PlainTextResponse("\n".join(lines) + "\n")
