"""HTTP of a premium's life: the journal of its money; and what products are worth under the schemes."""

from datetime import date
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Depends, Path, Query
from pydantic import AwareDatetime
from starlette.requests import Request
from starlette.responses import Response

from gateway.access.log import count_insurers, note_access, note_accesses
from gateway.answers import signed_answer
from gateway.params import AnyCaller, Db, Reader, State, scoped, settled
from gateway.problems import BadRequest, NotFound
from gateway.schemes import Terms, UnknownAnswer, UnknownScheme, as_json, find_scheme, load_schemes
from gateway.submissions.gather import Judges
from gateway.submissions.journal import balances
from gateway.submissions.memory import store
from gateway.submissions.worth import find_lines, find_lines_of_product
from schemas.calendar import shanghai_day
from schemas.money import Yuan

router = APIRouter()


async def _judges(request: Request) -> Judges:
    judges: Judges = request.app.state.judges
    return judges


SharedJudges = Annotated[Judges, Depends(_judges)]
Insurer = Annotated[str, Path(pattern=r"^[0-9A-Z][0-9A-Z-]{1,31}$", description="insurer code")]
PolicyNumber = Annotated[str, Path(pattern=r"^[0-9A-Z-]{10,30}$", description="保单号")]
_MOST_LINES = 1000


@router.get("/v1/insurers/{insurer}/policies/{policy_no}/movements", tags=["premiums"])
async def get_movements(
    insurer: Insurer,
    policy_no: PolicyNumber,
    caller: AnyCaller,
    db: Db,
    gateway: State,
    on: Annotated[date | None, Query(description="as it was on this day 截至该日发生")] = None,
    as_of: Annotated[AwareDatetime | None, Query(description="as it was known at this moment 截至该时已知")] = None,
) -> Response:
    """The journal of a premium's money, double entry, and its balances in yuan; of any day, as known at any moment."""
    scoped(caller, insurer)
    if as_of is not None:
        settled(gateway, as_of)
    journal = await store.list_journal(db, (insurer, policy_no), as_of)
    if not journal:
        raise NotFound(f"no money of policy {policy_no} is known", detail_zh=f"没有保单{policy_no}的保费变动")
    await note_access(db, caller, gateway.clock(), insurer, f"policy {policy_no}")
    counted = [(revision, known_at, one) for revision, known_at, one in journal if on is None or one.day <= on]
    sums = balances(one for _, _, one in counted)
    body = {
        "insurer": insurer,
        "policy_no": policy_no,
        "movements": [
            {
                "revision": revision,
                "known_at": known_at.isoformat(),
                "day": str(one.day),
                "kind": one.kind,
                "debit": one.debit,
                "credit": one.credit,
                "amount": str(Yuan(one.amount)),
                "source": one.source,
                "reason": one.reason,
            }
            for revision, known_at, one in counted
        ],
        "balances": {kind: str(Yuan(fen)) for kind, fen in sums.items()}
        | {
            "due_now": str(Yuan(sums["due"] - sums["returned"])),
            "net_paid": str(Yuan(sums["received"] - sums["refunded"])),
        },
    }
    return signed_answer(200, orjson.dumps(body), gateway, caller.message)


@router.get("/v1/schemes", tags=["schemes"])
async def list_schemes() -> Response:
    """Every version of every scheme as data: rules, numbers, what its words leave open, and how it is read."""
    return Response(orjson.dumps({"schemes": [as_json(one) for one in load_schemes()]}), media_type="application/json")


@router.get("/v1/schemes/{scheme}/lines", tags=["schemes"])
async def get_lines(
    scheme: Annotated[str, Path(pattern=r"^[0-9A-Z-]{2,40}$")],
    caller: Reader,
    db: Db,
    gateway: State,
    judges: SharedJudges,
    product_key: Annotated[
        str | None,
        Query(max_length=400, description="NAME|HOLDER, or an approval number 通用名|持有人，或批准文号"),
    ] = None,
    policy_no: Annotated[list[str] | None, Query(max_length=200, description="保单号")] = None,
    at: Annotated[date | None, Query(description="the day of assessment; today without it 核算日")] = None,
    set_: Annotated[list[str] | None, Query(alias="set", max_length=30, description="KEY=VALUE")] = None,
) -> Response:
    """What a product is worth in each year under the scheme, from everything that is known now, policy by policy.

    Each policy says where its premium stands; `verified_subsidy` counts verified premiums only. The decision stays with
    the authorities.
    """
    day = at or shanghai_day(gateway.clock())
    try:
        terms = Terms(find_scheme(scheme, day), _answers(set_ or ()))
    except UnknownScheme as error:
        raise NotFound(f"there is no scheme {scheme}", detail_zh=f"没有补贴方案{scheme}") from error
    except UnknownAnswer as error:
        raise BadRequest(str(error), field="set") from error
    if (product_key is None) == (policy_no is None):
        raise BadRequest("say product_key or policy_no", detail_zh="请给出product_key或policy_no之一")
    if product_key is not None:
        lines = await find_lines_of_product(db, product_key, terms, judges, day)
    else:
        keys = await store.find_of_number(db, policy_no or [])
        lines = await find_lines(db, keys, terms, judges, day)
    told = count_insurers(one.insurer for line in lines[:_MOST_LINES] for one in line.assessed.policies)
    await note_accesses(db, caller, gateway.clock(), told, f"scheme {scheme}")
    body: dict[str, Any] = {
        "scheme": terms.scheme.id,
        "version": terms.scheme.version,
        "at": str(day),
        "lines": [line.as_json() for line in lines[:_MOST_LINES]],
    }
    return signed_answer(200, orjson.dumps(body), gateway, caller.message)


def _answers(texts: list[str] | tuple[str, ...]) -> dict[str, str]:
    answers: dict[str, str] = {}
    for text in texts:
        key, equals, value = text.partition("=")
        if not equals or answers.setdefault(key, value) != value:
            raise UnknownAnswer(f"{text}: write KEY=VALUE, each key once")
    return answers
