"""One premium: what is true of it, how it came about, what it is worth, and the proof to take away."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from starlette.responses import Response

from console.page import Page
from console.view import View

_ZIP = "application/zip"
_XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
_TONES = {"verified": "good", "held": "open", "refused": "bad", "withdrawn": "bad"}
_MONEY = ("due", "received", "refunded", "net_paid")


@dataclass(frozen=True, slots=True)
class Happening:
    """A point of a premium's life: when it was true or became known, in which tone, and what it says."""

    at: str
    tone: str
    word: str
    amount: str | None = None
    note: str = ""


def show(view: View) -> Response:
    """The whole premium, as known now or at `as_of`."""
    insurer, policy_no = _which(view)
    path = _path(insurer, policy_no)
    asked = view.asked("as_of")
    with view.gateway() as gateway:
        premium = gateway.call("GET", view.address(f"{path}/premium", **asked)).value
        revisions = gateway.call("GET", f"{path}/history").value["revisions"]
        movements = gateway.call("GET", f"{path}/movements").value
    report = premium.get("report") or {"checks": []}
    checks = sorted(report["checks"], key=lambda check: _ORDER.get(check["outcome"], 0))
    return view.render(
        "premium.html",
        premium=premium,
        policy=premium.get("policy") or {},
        money=[(name, (premium.get("money") or {}).get(name)) for name in _MONEY],
        open_checks=[one for one in checks if one["outcome"] != "passed"],
        passed_checks=[one for one in checks if one["outcome"] == "passed"],
        life=life_of(revisions, movements),
        balances=movements["balances"],
        revisions=len(revisions),
        path=f"/premium/{quote(insurer)}/{quote(policy_no)}",
        as_of=asked.get("as_of", ""),
    )


_ORDER = {"failed": -2, "indeterminate": -1}


def life_of(revisions: list[Mapping[str, Any]], movements: Mapping[str, Any]) -> list[Happening]:
    """What happened, in the order in which it became known: movements of money, and the words of each revision."""
    found: list[tuple[str, int, Happening]] = []
    before: str | None = None
    for one in revisions:
        status = str(one["status"])
        told = Happening(one["known_at"], _TONES.get(status, "quiet"), f"status.{status}", note=f"#{one['revision']}")
        if status != before or one.get("impact"):
            amount = (one.get("impact") or {}).get("clawback")
            found.append(
                (one["known_at"], int(one["revision"]) * 2 + 1, told if amount is None else _with(told, amount))
            )
        before = status
    for one in movements["movements"]:
        tone = "good" if one["kind"] == "received" else "quiet" if one["kind"] == "due" else "open"
        note = f"{one['source']} · {one['known_at'][:10]}"
        told = Happening(one["day"], tone, f"movement.{one['kind']}", one["amount"], note)
        found.append((one["known_at"], int(one["revision"]) * 2, told))
    return [told for _, _, told in sorted(found, key=lambda entry: (entry[1], entry[0]))]


def _with(told: Happening, amount: str) -> Happening:
    return Happening(told.at, "bad", "movement.clawback", amount, told.note)


def evidence(view: View) -> Response:
    """The evidence bundle to take away, as the gateway signed it over."""
    insurer, policy_no = _which(view)
    with view.gateway() as gateway:
        answer = gateway.evidence(insurer, policy_no)
    return download(answer.body, _ZIP, f"evidence-{insurer}-{policy_no}.zip")


def annex_1(view: View) -> Response:
    """Annex 1 of the policy, filled in with what is known."""
    insurer, policy_no = _which(view)
    asked = view.address("/v1/annexes/1", insurer=insurer, policy_no=policy_no, **view.asked("as_of"))
    with view.gateway() as gateway:
        answer = gateway.call("GET", asked)
    return download(answer.body, _XLSX, f"annex-1-{insurer}-{policy_no}.xlsx")


def document(view: View) -> Response:
    """A sealed document's report: what its seals are worth and what it states."""
    digest = str(view.request.path_params["digest"])
    with view.gateway() as gateway:
        found = gateway.call("GET", f"/v1/documents/{digest}/report").value
    return view.render("document.html", document=found, digest=digest)


def document_file(view: View) -> Response:
    """The sealed document itself; PDF may be looked at beside the record, everything else is only saved."""
    digest = str(view.request.path_params["digest"])
    with view.gateway() as gateway:
        answer = gateway.call("GET", f"/v1/documents/{digest}")
    media_type = answer.headers.get("content-type", "application/octet-stream").split(";")[0]
    if media_type == "application/pdf":
        return Response(answer.body, media_type=media_type, headers=_ALONE)
    return download(answer.body, media_type, f"{digest[:16]}.ofd" if "ofd" in media_type else digest[:16])


# A stranger's document gets no page of ours to speak in: no script, nothing from outside.
_ALONE = {"content-security-policy": "sandbox; default-src 'none'; object-src 'self'; frame-ancestors 'self'"}


def download(content: bytes, media_type: str, name: str) -> Response:
    """A file to save, never to be shown in place."""
    return Response(
        content, media_type=media_type, headers={"content-disposition": f"attachment; filename*=UTF-8''{quote(name)}"}
    )


def _which(view: View) -> tuple[str, str]:
    return str(view.request.path_params["insurer"]), str(view.request.path_params["policy_no"])


def _path(insurer: str, policy_no: str) -> str:
    return f"/v1/insurers/{quote(insurer, safe='')}/policies/{quote(policy_no, safe='')}"


PAGES = (
    Page("/premium/{insurer}/{policy_no}", show),
    Page("/premium/{insurer}/{policy_no}/evidence.zip", evidence),
    Page("/premium/{insurer}/{policy_no}/annex-1.xlsx", annex_1),
    Page("/document/{digest}", document),
    Page("/document/{digest}/file", document_file),
)
