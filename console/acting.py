"""Acts: what changes something at the gateway is signed by a key that the person's browser holds and never shows.

`begin` builds the request and answers what has to be signed (the signature base of RFC 9421 section 2.5); the browser
signs it with WebCrypto; `finish` sends the request under that signature. The console never sees the private key, so
what a person did can be proved to others, and what he did not do cannot be put upon him.
"""

import base64
import binascii
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from starlette.responses import JSONResponse, Response

from client import Problem
from client.browser import begin
from console.page import Page
from console.view import Role, View
from console.visits import Waiting

_KEY_ALGORITHMS = ("ecdsa-p256-sha256", "ed25519")


@dataclass(frozen=True, slots=True)
class Act:
    """A request to the gateway that a person wants to make, and the page that shows what became of it."""

    method: str
    path: str
    body: bytes | None
    content_type: str | None
    then: str
    message_id: str | None = None


@dataclass(frozen=True, slots=True)
class Action:
    """Something that people of these roles may do: `make` builds it from the form that they filled in.

    `make` raises `Mistake` on a form that says nothing that could be done.
    """

    roles: tuple[Role, ...]
    make: Callable[[View], Act]


class Mistake(Exception):
    """A form that cannot be acted on: the word that says why, and the field."""

    def __init__(self, word: str, field: str = "") -> None:
        super().__init__(word)
        self.word = word
        self.field = field


def pages(actions: Mapping[str, Action]) -> list[Page]:
    """The two steps of an act, for scripts of our own pages."""
    return [
        Page("/act/begin", lambda view: begin_act(view, actions), methods=("POST",)),
        Page("/act/finish", finish_act, methods=("POST",)),
    ]


def begin_act(view: View, actions: Mapping[str, Action]) -> Response:
    """The signature base of an act, base64, under the name that its signature comes under."""
    action = actions.get(view.form_text("action"))
    keyid, algorithm = view.form_text("keyid"), view.form_text("algorithm")
    if action is None or view.role not in action.roles or algorithm not in _KEY_ALGORITHMS or not keyid:
        return _mistaken(view, "act.no_such_act")
    try:
        act = action.make(view)
    except Mistake as mistake:
        return _mistaken(view, mistake.word, mistake.field)
    unsigned = begin(
        view.house.settings.gateway_url,
        keyid,
        algorithm,
        act.method,
        act.path,
        act.body,
        act.content_type,
        message_id=act.message_id,
        language=view.language,
    )
    name = view.here.await_signature(Waiting(unsigned, act.then))
    return JSONResponse({"act": name, "base": base64.b64encode(unsigned.base).decode()})


def finish_act(view: View) -> Response:
    """What the gateway answered to a signed act: where to go on, or what is wrong with it."""
    waiting = view.here.acts.pop(view.form_text("act"), None)
    if waiting is None:
        return _mistaken(view, "act.waited_too_long")
    try:
        signature = base64.b64decode(view.form_text("signature"), validate=True)
    except binascii.Error:
        return _mistaken(view, "act.no_such_act")
    try:
        answer = waiting.unsigned.finish(signature)
    except Problem as problem:
        shown = view.render("_problem.html", problem=problem, title=str(problem.document.get("title", "")))
        return JSONResponse({"problem": bytes(shown.body).decode()}, status_code=422)
    except OSError:
        return _mistaken(view, "act.unknown_outcome")
    value = answer.value if isinstance(answer.value, dict) else {}
    return JSONResponse({"then": _filled(waiting.then, value)})


def _filled(then: str, value: Mapping[str, object]) -> str:
    """The next page's address: `{name}` is what the gateway answered under that name."""
    for name in ("submission_id", "id", "sha256"):
        then = then.replace("{" + name + "}", str(value.get(name, "")))
    return then


def _mistaken(view: View, word: str, field: str = "") -> Response:
    return JSONResponse({"mistake": view.say(word), "field": field}, status_code=400)
