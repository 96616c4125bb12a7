"""Pages for an insurer's clerk: what was handed in, what is wrong with it and in which cell, and what is missing."""

import hashlib
import secrets
from calendar import monthrange
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import PurePath
from typing import Any
from urllib.parse import quote

from starlette.responses import JSONResponse, Response

from client import Problem
from console.acting import Act, Action, Mistake
from console.page import Page
from console.pages.premium import download
from console.view import Role, Sent, View, items_of

_INSURER: tuple[Role, ...] = ("insurer",)
_SHANGHAI = timedelta(hours=8)
_XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
_DOCUMENTS = {".ofd": "application/ofd", ".pdf": "application/pdf"}
_MESSAGES = {
    ".json": "application/json",
    ".xml": "application/xml",
    ".csv": "text/csv",
    ".txt": "text/plain",
    ".xlsx": _XLSX,
}
_LINES = {".jsonl": "application/jsonl", ".ndjson": "application/jsonl"}
_LARGEST_SHOWN, _LONGEST_LINE, _MOST_PLACES, _MOST_EXCERPTS = 262_144, 300, 3, 12
_DAY_TONES = {"agrees": "good", "differs": "bad", "too-early": "bad", "open": "open"}


def today_of(view: View) -> str:
    """The day in Shanghai, or the one that is asked for."""
    return view.asked("day").get("day") or str((datetime.now(UTC) + _SHANGHAI).date())


def today(view: View) -> Response:
    """What was handed in on a day, and what became of it."""
    day = today_of(view)
    asked = view.asked("outcome", "after")
    path = f"/v1/insurers/{_insurer(view)}/submissions"
    with view.gateway() as gateway:
        found = gateway.call("GET", view.address(path, day=day, **asked, limit=100)).value
    return view.render("today.html", day=day, asked=asked, items=items_of(found), next=found.get("next"))


@dataclass(frozen=True, slots=True)
class Cell:
    """A field of a record: where the sender wrote it, what stood there, what was taken, and what the seal says."""

    field: str
    source: str
    raw: str
    value: object
    document: str
    wrong: tuple[Mapping[str, Any], ...]


def submission(view: View) -> Response:
    """One message: its answer, its records cell by cell, and the sealed document beside them."""
    identity = quote(str(view.request.path_params["submission"]), safe="")
    with view.gateway() as gateway:
        receipt = gateway.call("GET", f"/v1/submissions/{identity}").value
        records = gateway.call("GET", f"/v1/submissions/{identity}/records").value["records"]
        stated: dict[str, Mapping[str, Any]] = {}
        for digest in _documents_of(receipt["report"]["checks"]):
            try:
                stated[digest] = gateway.call("GET", f"/v1/documents/{digest}/report").value
            except Problem as problem:
                if problem.status != 404:  # erased, or never handed in: the check says so
                    raise
        body = gateway.call("GET", f"/v1/submissions/{identity}/body")
    wrong = [one for one in receipt["report"]["checks"] if one["outcome"] != "passed"]
    return view.render(
        "submission.html",
        receipt=receipt,
        wrong=wrong,
        records=[(one, cells_of(one, wrong, stated)) for one in records],
        documents=stated,
        identity=identity,
        excerpts=excerpts_of(body.body, body.headers.get("content-type", ""), wrong),
    )


@dataclass(frozen=True, slots=True)
class Excerpt:
    """A place in a message as it was sent: lines with their numbers, the one that is meant marked."""

    field: str
    lines: tuple[tuple[int, str, bool], ...]


def excerpts_of(body: bytes, content_type: str, wrong: Sequence[Mapping[str, Any]]) -> list[Excerpt]:
    """Where in a message of text the fields stand that checks point at, two lines before and behind each.

    A workbook has no lines: there the cell's name says where to look.
    """
    if len(body) > _LARGEST_SHOWN or not any(kind in content_type for kind in ("xml", "json", "csv", "text")):
        return []
    text = _text_of(body)
    lines = (text.replace("><", ">\n<") if "xml" in content_type else text).splitlines()
    found = []
    for field in dict.fromkeys(str(one["field"]) for one in wrong if one.get("field")):
        named = field.rstrip("/").rsplit("/", 1)[-1].rsplit(".", 1)[-1].split("[")[0]
        places = [place for place, line in enumerate(lines) if named and named in line]
        for place in places[:_MOST_PLACES]:
            around = range(max(0, place - 2), min(len(lines), place + 3))
            shown = tuple((number + 1, lines[number][:_LONGEST_LINE], number == place) for number in around)
            found.append(Excerpt(field, shown))
    return found[:_MOST_EXCERPTS]


def _text_of(body: bytes) -> str:
    """The text as people read it: UTF-8, or what Chinese systems wrote before it."""
    try:
        return body.decode("utf-8-sig")
    except UnicodeDecodeError:
        return body.decode("gb18030", "replace")


def _documents_of(checks: Sequence[Mapping[str, Any]]) -> list[str]:
    found = [str(check["facts"]["document"]) for check in checks if "document" in check.get("facts", {})]
    return list(dict.fromkeys(digest.removeprefix("sha256:") for digest in found))


def cells_of(
    record: Mapping[str, Any], wrong: Sequence[Mapping[str, Any]], stated: Mapping[str, Mapping[str, Any]]
) -> list[Cell]:
    """Every field of a record with its cell; a field that a check points at carries the check."""
    found = []
    for field, lineage in record["lineage"].items():
        said = [(document.get("fields") or {}).get(field) for document in stated.values()]
        told = next((str(one["raw"]) for one in said if one), "")
        pointing = tuple(check for check in wrong if _points_at(check.get("field"), field, lineage.get("source")))
        value = _value_of(record["record"], field)
        found.append(Cell(field, lineage.get("source") or "", str(lineage.get("raw") or ""), value, told, pointing))
    return sorted(found, key=lambda cell: not cell.wrong)


def _points_at(pointer: object, field: str, source: object) -> bool:
    """Whether a check's field is this one: by name, by JSON Pointer, or by the cell that it came from."""
    if not pointer:
        return False
    text = str(pointer)
    return text in (field, source) or text.strip("/").replace("/", ".") == field


def _value_of(record: Any, path: str) -> object:
    for step in path.split("."):
        if isinstance(record, Mapping):
            record = record.get(step)
        elif isinstance(record, Sequence) and step.isdecimal() and int(step) < len(record):
            record = record[int(step)]
        else:
            return None
    return record


def upload(view: View) -> Response:
    """Drop a message, a file of messages, or a sealed document."""
    return view.render("upload.html", types=", ".join((*_MESSAGES, *_LINES, *_DOCUMENTS)))


def rehearse(view: View) -> Response:
    """What a message would be answered, with nothing kept: for the script of the upload page."""
    sent = view.form_file("file")
    kind = _MESSAGES.get(_suffix(sent))
    if sent is None or kind is None:
        return JSONResponse({"mistake": view.say("upload.no_rehearsal"), "field": "file"}, status_code=400)
    with view.gateway() as gateway:
        try:
            receipt = gateway.call("POST", "/v1/submissions?dry_run=true", body=sent.content, content_type=kind).value
        except Problem as problem:
            if problem.status == 401:
                raise
            title = str(problem.document.get("title", ""))
            shown = view.render("_problem.html", problem=problem, title=title)
            return JSONResponse({"html": bytes(shown.body).decode()})
    shown = view.render("_rehearsed.html", receipt=receipt)
    return JSONResponse({"html": bytes(shown.body).decode()})


def batch(view: View) -> Response:
    """A file of many messages: how far it is, and the answer to each line."""
    identity = quote(str(view.request.path_params["batch"]), safe="")
    after = int(view.asked("after").get("after", "0") or 0)
    with view.gateway() as gateway:
        progress = gateway.batch_progress(identity).value
        results = gateway.batch_results(identity, after=after, limit=100)
    return view.render("batch.html", batch=progress, results=results, identity=identity)


def batch_progress(view: View) -> Response:
    """How far a batch is, for the script that asks again."""
    identity = quote(str(view.request.path_params["batch"]), safe="")
    with view.gateway() as gateway:
        progress = gateway.batch_progress(identity).value
    shown = view.render("_batch_progress.html", batch=progress)
    return JSONResponse({"html": bytes(shown.body).decode(), "done": progress.get("finished_at") is not None})


def completeness(view: View) -> Response:
    """A month's days against the day's control totals."""
    today_ = (datetime.now(UTC) + _SHANGHAI).date()
    first = _month(view.asked("month").get("month"), today_)
    last = first.replace(day=monthrange(first.year, first.month)[1])
    insurer = view.asked("insurer").get("insurer") or (view.participant if view.role == "insurer" else "")
    found: Mapping[str, Any] = {"days": []}
    if insurer:
        with view.gateway() as gateway:
            found = gateway.completeness(quote(insurer, safe=""), first=first, last=last).value
    known = {one["day"]: one for one in found["days"]}
    days: list[tuple[date | None, Mapping[str, Any] | None, str]] = [(None, None, "")] * first.weekday()
    for place in range((last - first).days + 1):
        day = first + timedelta(days=place)
        told = known.get(str(day))
        tone = _DAY_TONES.get(str((told or {}).get("status", "")), "open") if told else "quiet"
        days.append((day, told, tone))
    return view.render(
        "completeness.html",
        found=found,
        days=days,
        month=f"{first:%Y-%m}",
        before=f"{first - timedelta(days=1):%Y-%m}",
        behind=f"{last + timedelta(days=1):%Y-%m}",
        insurer=insurer,
    )


def _month(text: str | None, today_: date) -> date:
    try:
        return date.fromisoformat(f"{text}-01") if text else today_.replace(day=1)
    except ValueError:
        return today_.replace(day=1)


def keys(view: View) -> Response:
    """Our keys with their ends, and requests for new ones."""
    with view.gateway() as gateway:
        found = items_of(gateway.call("GET", "/v1/participants").value)
        requests = items_of(gateway.call("GET", "/v1/key-requests").value)
    own = [one for one in found if one["code"] == view.participant]
    return view.render("keys.html", participants=own, requests=requests)


def cards(view: View) -> Response:
    """Report cards: the day's feedback and the month's numbers."""
    yesterday = (datetime.now(UTC) + _SHANGHAI).date() - timedelta(days=1)
    asked = view.asked("insurer", "day", "month")
    insurer = asked.get("insurer") or (view.participant if view.role == "insurer" else "")
    card: Mapping[str, Any] | None = None
    if insurer and ("day" in asked or "month" in asked):
        with view.gateway() as gateway:
            card = gateway.call("GET", _card_path(insurer, asked)).value
    before = yesterday.replace(day=1) - timedelta(days=1)
    return view.render(
        "cards.html", card=card, insurer=insurer, asked=asked, day=str(yesterday), month=f"{before:%Y-%m}"
    )


def card_file(view: View) -> Response:
    """A card as a workbook or as PDF: numbered, and the same bytes each time."""
    asked = view.asked("insurer", "day", "month", "form")
    form = "pdf" if asked.get("form") == "pdf" else "xlsx"
    path = _card_path(asked.get("insurer") or view.participant, asked)
    with view.gateway() as gateway:
        answer = gateway.call("GET", f"{path}?format={form}")
    name = f"card-{asked.get('insurer') or view.participant}-{asked.get('day') or asked.get('month')}.{form}"
    return download(answer.body, answer.headers.get("content-type", "application/octet-stream"), name)


def _card_path(insurer: str, asked: Mapping[str, str]) -> str:
    if "day" in asked:
        return f"/v1/insurers/{quote(insurer, safe='')}/cards/daily/{quote(asked['day'], safe='')}"
    return f"/v1/insurers/{quote(insurer, safe='')}/cards/monthly/{quote(asked.get('month', ''), safe='')}"


def accesses(view: View) -> Response:
    """Who read our records: every reading by somebody else."""
    asked = view.asked("insurer", "after")
    insurer = asked.pop("insurer", "") or (view.participant if view.role == "insurer" else "")
    found: Mapping[str, Any] = {"items": [], "next": None}
    if insurer:
        path = f"/v1/insurers/{quote(insurer, safe='')}/accesses"
        with view.gateway() as gateway:
            found = gateway.call("GET", view.address(path, **asked, limit=100)).value
    return view.render("accesses.html", insurer=insurer, items=items_of(found), next=found.get("next"))


# What a clerk does, each signed by the clerk's key


def send_message(view: View) -> Act:
    """Submit the chosen file: a message, many messages, or a sealed document, by its name."""
    sent = view.form_file("file")
    if sent is None:
        raise Mistake("upload.no_file", "file")
    suffix = _suffix(sent)
    if suffix in _DOCUMENTS:
        digest = hashlib.sha256(sent.content).hexdigest()
        return Act("PUT", f"/v1/documents/{digest}", sent.content, _DOCUMENTS[suffix], f"/document/{digest}")
    if suffix in _LINES:
        return Act("POST", "/v1/batches", sent.content, _LINES[suffix], "/batches/{id}")
    if suffix not in _MESSAGES:
        raise Mistake("upload.unknown_kind", "file")
    named = view.form_text("message_id") or None
    return Act("POST", "/v1/submissions", sent.content, _MESSAGES[suffix], "/submissions/{submission_id}", named)


def ask_for_key(view: View) -> Act:
    """Ask for another key, by a certificate request that proves that we hold it."""
    sent = view.form_file("request")
    if sent is None:
        raise Mistake("upload.no_file", "request")
    return Act("POST", "/v1/key-requests", sent.content, "application/pkcs10", "/keys", secrets.token_hex(16))


def _suffix(sent: Sent | None) -> str:
    return PurePath(sent.name).suffix.lower() if sent else ""


def _insurer(view: View) -> str:
    return quote(view.asked("insurer").get("insurer") or view.participant, safe="")


PAGES: tuple[Page, ...] = (
    Page("/today", today, roles=_INSURER, nav="nav.today"),
    Page("/upload", upload, roles=_INSURER, nav="nav.upload"),
    Page("/upload/rehearsal", rehearse, roles=_INSURER, methods=("POST",)),
    Page("/submissions/{submission}", submission),
    Page("/batches/{batch}", batch, roles=_INSURER),
    Page("/batches/{batch}/progress", batch_progress, roles=_INSURER),
    Page("/completeness", completeness, roles=("insurer", "regulator", "operator"), nav="nav.completeness"),
    Page("/cards", cards, roles=("insurer", "regulator", "operator"), nav="nav.cards"),
    Page("/cards/file", card_file, roles=("insurer", "regulator", "operator")),
    Page("/keys", keys, roles=_INSURER, nav="nav.keys"),
    Page("/accesses", accesses, roles=("insurer", "regulator", "operator"), nav="nav.accesses"),
)
ACTIONS: dict[str, Action] = {
    "submission.send": Action(_INSURER, send_message),
    "key.ask": Action(_INSURER, ask_for_key),
}
