"""Pages for a regulator: who sells on unfiled clauses, what is filed, what is held, what is directed."""

import json
import secrets
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import PurePath
from typing import Any
from urllib.parse import quote

from starlette.responses import Response

from client import Problem
from console.acting import Act, Action, Mistake
from console.page import Page
from console.plots import Bar, Part, Span, bars, spans
from console.view import Role, View, items_of

_REGULATOR: tuple[Role, ...] = ("regulator",)
_KEEPERS: tuple[Role, ...] = ("regulator", "operator")
_ASKERS: tuple[Role, ...] = ("regulator", "subsidy_system", "insurer")
_CHECKS = tuple(f"FL-{number}" for number in range(1, 8))
_OUTCOMES = ("passed", "failed", "indeterminate", "not_judged")
_TONES = {"passed": "good", "failed": "bad", "indeterminate": "open", "not_judged": "quiet"}
_FILTERS = ("insurer", "line", "clause", "from", "to", "unsigned", "as_of")
_LISTS = ("clauses", "stopped", "late-filings", "rates", "texts", "freshness")
_SHANGHAI = timedelta(hours=8)
_FILES = {
    ".json": "application/json",
    ".csv": "text/csv",
    ".xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}


def board(view: View) -> Response:
    """Filing compliance: every insurer, line, clause or month by what FL-1 to FL-7 found."""
    asked = view.asked(*_FILTERS)
    by = view.asked("by").get("by", "insurer")
    with view.gateway() as gateway:
        found = gateway.call("GET", view.address("/v1/oversight/compliance", by=by, **asked)).value
    rows = found["rows"]
    plot = bars(view.say("board.plot"), [_bar(view, row, by, asked) for row in rows])
    return view.render(
        "board.html",
        found=found,
        rows=rows,
        by=by,
        asked=asked,
        plot=plot,
        codes=_CHECKS,
        outcomes=_OUTCOMES,
        drill=_drill,
    )


def _bar(view: View, row: Mapping[str, Any], by: str, asked: Mapping[str, str]) -> Bar:
    """A row as a bar: policies by the worst thing that the premium's status says."""
    parts = [
        Part(row["verified"], "good", view.said_of("status", "verified")),
        Part(row["held"], "open", view.said_of("status", "held")),
        Part(row["refused"], "bad", view.said_of("status", "refused")),
        Part(row.get("withdrawn", 0), "quiet", view.said_of("status", "withdrawn")),
    ]
    return Bar(str(row["key"] or "—"), parts, str(row["policies"]), _drill(view, row, by, asked))


def _drill(view: View, row: Mapping[str, Any], by: str, asked: Mapping[str, str], **more: object) -> str:
    """The address of the policies behind a number."""
    narrowed: dict[str, object] = dict(asked)
    key = str(row.get("key") or "")
    if by == "month" and key:
        first, last = f"{key}-01", _end_of_month(key)
        narrowed |= {"from": max(first, asked.get("from") or first), "to": min(last, asked.get("to") or last)}
    elif by == "month":
        narrowed["unsigned"] = "true"
    elif by in ("insurer", "line", "clause"):
        narrowed[by] = key or "none"
    if by == "clause" and row.get("insurer"):
        narrowed["insurer"] = row["insurer"]
    return view.address("/drill", **(narrowed | more))


def _end_of_month(month: str) -> str:
    first = datetime.strptime(f"{month}-01", "%Y-%m-%d").replace(tzinfo=UTC)
    behind = (first + timedelta(days=32)).replace(day=1)
    return str((behind - timedelta(days=1)).date())


def drill(view: View) -> Response:
    """The policies behind a number of the board, with every check, report and evidence."""
    asked = view.asked(*_FILTERS, "check", "outcome", "status", "kind", "after")
    with view.gateway() as gateway:
        found = gateway.call("GET", view.address("/v1/oversight/policies", **asked, limit=100)).value
    return view.render(
        "drill.html", asked=asked, items=items_of(found), next=found.get("next"), codes=_CHECKS, found=found
    )


def findings(view: View) -> Response:
    """What the board stands on, list by list: clauses, late filings, rates, texts, freshness."""
    kind = view.asked("list").get("list", "clauses")
    kind = kind if kind in _LISTS else "clauses"
    asked = view.asked("insurer", "as_of", "after")
    with view.gateway() as gateway:
        path = "/v1/oversight/clauses?kind=stopped" if kind == "stopped" else f"/v1/oversight/{kind}"
        found = gateway.call("GET", view.address(path, **asked)).value
    return view.render(
        "findings.html",
        kind=kind,
        kinds=_LISTS,
        asked=asked,
        items=items_of(found),
        next=found.get("next"),
        found=found,
    )


def duties(view: View) -> Response:
    """The R-ZJ-24 checklist of each insurer."""
    asked = view.asked("insurer", "as_of")
    with view.gateway() as gateway:
        found = gateway.call("GET", view.address("/v1/oversight/duties", **asked)).value
    return view.render("duties.html", asked=asked, items=items_of(found), found=found)


def look_back(view: View) -> Response:
    """Rate look-back 费率回溯: loss ratios with their bands, against what was filed."""
    asked = view.asked("insurer", "clause", "year", "as_of")
    with view.gateway() as gateway:
        found = gateway.call("GET", view.address("/v1/oversight/look-back", **asked)).value
    rows = items_of(found)
    plot = spans(view.say("look_back.plot"), [_span(row) for row in rows if row.get("loss_ratio_percent") is not None])
    return view.render("look_back.html", asked=asked, items=rows, found=found, plot=plot)


def _span(row: Mapping[str, Any]) -> Span:
    """A loss ratio with its band; widths only, the table has the exact figures."""
    ratio = row["loss_ratio_percent"]
    middle = float(ratio["value"])
    low, high = float(ratio.get("low") or middle), float(ratio.get("high") or middle)
    label = f"{row['insurer']} {str(row.get('clause') or '')[-6:]}"
    return Span(label, low, middle, high, "bad" if row.get("is_outlier") else "quiet", f"{ratio['value']} %")


def filings(view: View) -> Response:
    """The registry: its sources, proposals that wait for a second person, and one clause's history."""
    asked = view.asked("registration_no")
    history: Mapping[str, Any] | None = None
    missing = False
    with view.gateway() as gateway:
        sources = items_of(gateway.call("GET", "/v1/filings/sources").value)
        proposals = items_of(gateway.call("GET", "/v1/filings/proposals?limit=50").value)
        if "registration_no" in asked:
            try:
                path = f"/v1/filings/{quote(asked['registration_no'], safe='')}/history"
                history = gateway.call("GET", path).value
            except Problem as problem:
                if problem.status != 404:
                    raise
                missing = True
    return view.render(
        "filings.html", sources=sources, proposals=proposals, asked=asked, history=history, missing=missing
    )


def proposal(view: View) -> Response:
    """One proposal: what it adds, changes and ends, field by field."""
    identity = quote(str(view.request.path_params["proposal"]), safe="")
    asked = view.asked("after")
    with view.gateway() as gateway:
        found = gateway.call("GET", view.address(f"/v1/filings/proposals/{identity}", **asked)).value
    return view.render("proposal.html", found=found, identity=identity)


def held(view: View) -> Response:
    """Premiums that wait for somebody's word, the longest first, each with what it waits for."""
    asked = view.asked("insurer", "after")
    with view.gateway() as gateway:
        found = gateway.call("GET", view.address("/v1/oversight/held", **asked, limit=50)).value
    today = str((datetime.now(UTC) + _SHANGHAI).date())
    return view.render("held.html", asked=asked, items=items_of(found), next=found.get("next"), today=today)


def directives(view: View) -> Response:
    """What is suspended, and the form that suspends or resumes."""
    asked = view.asked("after")
    with view.gateway() as gateway:
        found = gateway.call("GET", view.address("/v1/directives", **asked)).value
    return view.render("directives.html", items=items_of(found), next=found.get("next"))


def inquiries(view: View) -> Response:
    """Questions to insurers and their answers."""
    asked = view.asked("insurer", "status", "after")
    with view.gateway() as gateway:
        found = gateway.call("GET", view.address("/v1/inquiries", **asked)).value
    return view.render("inquiries.html", asked=asked, items=items_of(found), next=found.get("next"))


def inquiry(view: View) -> Response:
    """One question, with what was answered."""
    identity = quote(str(view.request.path_params["inquiry"]), safe="")
    with view.gateway() as gateway:
        found = gateway.call("GET", f"/v1/inquiries/{identity}").value
    return view.render("inquiry.html", found=found, identity=identity)


def insurers(view: View) -> Response:
    """Every insurer's month side by side."""
    before = (datetime.now(UTC) + _SHANGHAI).date().replace(day=1) - timedelta(days=1)
    month = view.asked("month").get("month") or f"{before:%Y-%m}"
    with view.gateway() as gateway:
        found = gateway.call("GET", view.address("/v1/oversight/cards", month=month)).value
    return view.render("insurers.html", items=items_of(found), month=month)


# What a regulator does, each signed by the person's key


def _told(kind: str, record: Mapping[str, Any], path: str, then: str) -> Act:
    """A message of an authority, in the standard schema."""
    message_id = f"{kind}-{secrets.token_hex(8)}"
    envelope = {
        "schema": "premium-exchange/1.0",
        "type": kind,
        "message_id": message_id,
        "sent_at": datetime.now(UTC).isoformat(),
        "record": record,
    }
    return Act("POST", path, json.dumps(envelope, ensure_ascii=False).encode(), "application/json", then)


def direct(view: View) -> Act:
    """Suspend or resume an insurer, a record type or a clause."""
    kind, named = view.form_text("kind"), view.form_text("named")
    kind_of_record = view.form_text("record_type")
    subject = {"insurer": f"insurer:{named}", "type": f"type:{kind_of_record}", "clause": f"clause:{named}"}.get(kind)
    if kind == "insurer" and named and kind_of_record:
        subject = f"insurer:{named}/type:{kind_of_record}"
    if subject is None or subject.endswith(":"):
        raise Mistake("directives.no_subject", "named")
    if not view.form_text("reason"):
        raise Mistake("directives.no_reason", "reason")
    record = {
        "subject": subject,
        "action": "resume" if view.form_text("deed") == "resume" else "suspend",
        "effective_from": datetime.now(UTC).isoformat(),
        "reason": view.form_text("reason"),
        "authority": view.form_text("authority") or view.participant,
    }
    return _told("directive", record, "/v1/directives", "/directives")


def decide(view: View) -> Act:
    """Accept or reject what is open on a held premium."""
    if not view.form_text("reason"):
        raise Mistake("directives.no_reason", "reason")
    record: dict[str, Any] = {
        "subject": view.form_text("subject"),
        "outcome": "accepted" if view.form_text("outcome") == "accepted" else "rejected",
        "reason": view.form_text("reason"),
        "decided_on": str((datetime.now(UTC) + _SHANGHAI).date()),
        "authority": view.form_text("authority") or view.participant,
    }
    if view.form_text("revision").isdecimal():
        record["revision"] = int(view.form_text("revision"))
    return _told("decision", record, "/v1/decisions", "/held")


def propose(view: View) -> Act:
    """Propose that a registry states what the chosen file says."""
    sent = view.form_file("file")
    kind = _FILES.get(PurePath(sent.name).suffix.lower()) if sent else None
    if sent is None or kind is None:
        raise Mistake("upload.unknown_kind" if sent else "upload.no_file", "file")
    whole = {"yes": "true", "no": "false"}.get(view.form_text("whole"))
    asked = {"registry": view.form_text("registry"), "as_of": view.form_text("as_of"), "whole": whole}
    path = view.address("/v1/filings/proposals", **asked)
    return Act("POST", path, sent.content, kind, "/filings/proposals/{id}")


def confirm(view: View) -> Act:
    """Confirm another person's proposal."""
    identity = quote(view.form_text("proposal"), safe="")
    return Act("POST", f"/v1/filings/proposals/{identity}/confirmation", None, None, f"/filings/proposals/{identity}")


def withdraw(view: View) -> Act:
    """Take a proposal back."""
    identity = quote(view.form_text("proposal"), safe="")
    return Act("POST", f"/v1/filings/proposals/{identity}/withdrawal", None, None, f"/filings/proposals/{identity}")


def ask(view: View) -> Act:
    """Ask an insurer about a premium or a submission."""
    if not view.form_text("question"):
        raise Mistake("inquiries.no_question", "question")
    body = {name: view.form_text(name) for name in ("subject", "question", "due_on") if view.form_text(name)}
    return Act("POST", "/v1/inquiries", _json(body), "application/json", "/inquiries/{id}")


def answer(view: View) -> Act:
    """Answer a question."""
    if not view.form_text("text"):
        raise Mistake("inquiries.no_answer", "text")
    identity = quote(view.form_text("inquiry"), safe="")
    documents = [f"sha256:{one.removeprefix('sha256:')}" for one in view.form_text("documents").split() if one]
    body = {"text": view.form_text("text"), "documents": documents}
    return Act("POST", f"/v1/inquiries/{identity}/answer", _json(body), "application/json", f"/inquiries/{identity}")


def close(view: View) -> Act:
    """Close a question."""
    identity = quote(view.form_text("inquiry"), safe="")
    if not view.form_text("reason"):
        raise Mistake("directives.no_reason", "reason")
    body = {"outcome": view.form_text("outcome"), "reason": view.form_text("reason")}
    return Act("POST", f"/v1/inquiries/{identity}/close", _json(body), "application/json", f"/inquiries/{identity}")


def _json(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode()


PAGES: tuple[Page, ...] = (
    Page("/board", board, roles=_KEEPERS, nav="nav.board"),
    Page("/drill", drill, roles=_KEEPERS),
    Page("/findings", findings, roles=_KEEPERS, nav="nav.findings"),
    Page("/duties", duties, roles=_KEEPERS, nav="nav.duties"),
    Page("/look-back", look_back, roles=_KEEPERS, nav="nav.look_back"),
    Page("/filings", filings, roles=_KEEPERS, nav="nav.filings"),
    Page("/filings/proposals/{proposal}", proposal, roles=_KEEPERS),
    Page("/held", held, roles=_KEEPERS, nav="nav.held"),
    Page("/directives", directives, roles=("regulator", "operator", "insurer"), nav="nav.directives"),
    Page("/inquiries", inquiries, roles=_ASKERS, nav="nav.inquiries"),
    Page("/inquiries/{inquiry}", inquiry, roles=_ASKERS),
    Page("/insurers", insurers, roles=_KEEPERS, nav="nav.insurers"),
)
ACTIONS: dict[str, Action] = {
    "directive.give": Action(_REGULATOR, direct),
    "decision.make": Action(_REGULATOR, decide),
    "filings.propose": Action(_REGULATOR, propose),
    "filings.confirm": Action(_REGULATOR, confirm),
    "filings.withdraw": Action(_REGULATOR, withdraw),
    "inquiry.ask": Action(("regulator", "subsidy_system"), ask),
    "inquiry.answer": Action(("insurer",), answer),
    "inquiry.close": Action(("regulator", "subsidy_system"), close),
}
