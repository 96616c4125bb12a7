"""Pages for the subsidy office: what is true of an application, a premium, a product."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from starlette.responses import Response

from client import Problem
from console.acting import Action
from console.page import Page
from console.pages.premium import download
from console.plots import Bar, Part, bars
from console.view import Role, View, items_of, yuan

_XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
_ZIP_MAGIC = b"PK"
_READERS: tuple[Role, ...] = ("subsidy_system", "regulator", "operator")
_AUTHORITIES: tuple[Role, ...] = ("subsidy_system", "regulator")
_SHANGHAI = timedelta(hours=8)
_TAIL = 12  # of a policy number: the beginnings are alike
_TONES = {"verified": "good", "held": "open"}


def search(view: View) -> Response:
    """Premiums by enterprise, product, policy number, insurer, status."""
    asked = view.asked("q", "enterprise", "product", "policy_no", "insurer", "status", "after")
    found: Mapping[str, Any] = {"items": [], "next": None}
    if asked or view.role == "insurer":
        with view.gateway() as gateway:
            found = gateway.call("GET", view.address("/v1/premiums", **asked, limit=50)).value
    return view.render("search.html", asked=asked, items=items_of(found), next=found.get("next"))


def match(view: View) -> Response:
    """An application held against what is verified: the form, and once a file came, each field's answer."""
    sent = view.form_file("file") if view.request.method == "POST" else None
    if sent is None:
        return view.render("match.html", answer=None, name="", problem=None)
    kind = _XLSX if sent.content.startswith(_ZIP_MAGIC) else "application/json"
    with view.gateway() as gateway:
        try:
            answer = gateway.call("POST", "/v1/premiums/match", body=sent.content, content_type=kind).value
        except Problem as problem:
            if problem.status in (401, 403):
                raise
            return view.render("match.html", 422, answer=None, name=sent.name, problem=problem)
    return view.render("match.html", answer=answer, name=sent.name, problem=None)


def caps(view: View) -> Response:
    """What a product is worth in each year under a scheme, against its cap."""
    asked = view.asked("product_key", "scheme", "at")
    scheme = asked.pop("scheme", "ZJ-NDI")
    lines: list[Mapping[str, Any]] = []
    with view.gateway() as gateway:
        schemes = gateway.call("GET", "/v1/schemes").value["schemes"]
        if "product_key" in asked:
            lines = gateway.call("GET", view.address(f"/v1/schemes/{scheme}/lines", **asked)).value["lines"]
    cap = next((one.get("cap") for one in reversed(schemes) if one["id"] == scheme and one.get("enabled")), None)
    by_product = cap is not None and cap.get("each") == "product_and_year"
    plots = [(line, _against_cap(view, line, cap["amount"] if by_product and cap else None)) for line in lines]
    return view.render(
        "caps.html",
        asked=asked,
        scheme=scheme,
        schemes=[(one, one) for one in sorted({one["id"] for one in schemes if one.get("enabled")})],
        plots=plots,
        cap=cap,
    )


def _against_cap(view: View, line: Mapping[str, Any], cap: str | None) -> object:
    """The policies of a product's year, one bar each, and their sum against the cap. Heights only: text is exact."""
    rows = [
        Bar(
            f"…{one['policy_no'][-_TAIL:]}",
            [Part(float(one["subsidy"]), _TONES.get(one["status"], "bad"), view.said_of("status", one["status"]))],
            yuan(one["subsidy"]),
            f"/premium/{one['insurer']}/{one['policy_no']}",
        )
        for one in line["policies"]
    ]
    rows.append(Bar(view.say("caps.granted"), [Part(float(line["subsidy"]), "quiet")], yuan(line["subsidy"])))
    title = view.say("caps.plot", year=line["year"])
    limit_name = "" if cap is None else view.say("caps.cap", amount=yuan(cap))
    return bars(title, rows, limit=None if cap is None else float(cap), limit_name=limit_name)


def impacts(view: View) -> Response:
    """Facts that changed after they were served or paid on: before, after, what to claw back."""
    asked = view.asked("from", "to", "insurer", "after")
    with view.gateway() as gateway:
        found = gateway.call("GET", view.address("/v1/premiums/impacts", **asked, limit=50)).value
    return view.render("impacts.html", asked=asked, items=items_of(found), next=found.get("next"))


def annexes(view: View) -> Response:
    """Annex 2 of a county or the province, and annex 1 of a policy, in the official order."""
    year = (datetime.now(UTC) + _SHANGHAI).year
    return view.render("annexes.html", year=year)


def annex_2(view: View) -> Response:
    """Annex 2 as a workbook."""
    asked = view.asked("region", "year", "as_of")
    with view.gateway() as gateway:
        answer = gateway.call("GET", view.address("/v1/annexes/2", **asked))
    return download(answer.body, _XLSX, f"annex-2-{asked.get('region', '')}-{asked.get('year', '')}.xlsx")


def to_annex_1(view: View) -> Response:
    """On to the annex of the policy that was named."""
    asked = view.asked("insurer", "policy_no")
    return view.go(f"/premium/{asked.get('insurer', '-')}/{asked.get('policy_no', '-')}/annex-1.xlsx")


PAGES: tuple[Page, ...] = (
    Page("/search", search, nav="nav.search"),
    Page("/match", match, roles=_AUTHORITIES, nav="nav.match"),
    Page("/match", match, roles=_AUTHORITIES, methods=("POST",)),
    Page("/caps", caps, roles=_READERS, nav="nav.caps"),
    Page("/impacts", impacts, roles=_READERS, nav="nav.impacts"),
    Page("/annexes", annexes, roles=_AUTHORITIES, nav="nav.annexes"),
    Page("/annexes/2.xlsx", annex_2, roles=_AUTHORITIES),
    Page("/annexes/1.xlsx", to_annex_1, roles=_AUTHORITIES),
)
ACTIONS: dict[str, Action] = {}
