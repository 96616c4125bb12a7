"""Signing in: with a name and a password that the gateway knows, or with a provider (OpenID Connect Core 1.0).

The console runs the code flow (RFC 6749 with PKCE, RFC 7636) and hands the ID token on; it is the gateway that judges
it and says who this is (docs/signing-in.md).
"""

import secrets
from collections import OrderedDict
from dataclasses import dataclass
from threading import Lock

from authlib.common.errors import AuthlibBaseError
from authlib.integrations.requests_client import OAuth2Session
from starlette.responses import Response

from client import Problem
from client.session import Session, SignedIn, sign_in, sign_in_with_id_token
from console.page import Page
from console.settings import Provider, Settings
from console.view import View
from console.visits import COOKIE

_FLOW_COOKIE = "signing-in"
_MOST_FLOWS = 2000
_FLOW_SECONDS = 600
_BEFORE = "before"  # the cookie that binds the form to the browser before anybody is signed in


@dataclass(frozen=True, slots=True)
class _Flow:
    """A sign-in that is under way at the provider."""

    state: str
    nonce: str
    verifier: str
    then: str


class _Flows:
    def __init__(self) -> None:
        self._flows: OrderedDict[str, _Flow] = OrderedDict()
        self._lock = Lock()

    def begin(self, flow: _Flow) -> str:
        name = secrets.token_urlsafe(24)
        with self._lock:
            self._flows[name] = flow
            while len(self._flows) > _MOST_FLOWS:
                self._flows.popitem(last=False)
        return name

    def take(self, name: str | None) -> _Flow | None:
        with self._lock:
            return self._flows.pop(name, None) if name else None


def pages(settings: Settings) -> list[Page]:
    """The pages of signing in and out."""
    found = [
        Page("/signin", show, roles=None),
        Page("/signin/password", with_password, roles=None, methods=("POST",)),
        Page("/signout", sign_out, roles=(), methods=("POST",)),
    ]
    if settings.provider is not None:
        flows = _Flows()
        provider = settings.provider
        found += [
            Page("/signin/provider", lambda view: to_provider(view, provider, flows), roles=None),
            Page("/signin/callback", lambda view: from_provider(view, provider, flows), roles=None),
        ]
    return found


def show(view: View, status: int = 200, wrong: str | None = None) -> Response:
    """The form. Who is signed in already goes on."""
    if view.visit is not None and wrong is None:
        return view.go("/")
    why = view.request.query_params.get("why")
    word = {"ended": "signin.ended", "signed-out": "signin.ended"}.get(why or "")
    before = view.request.cookies.get(_BEFORE) or secrets.token_urlsafe(24)
    then = _ours(view.request.query_params.get("next") or view.form_text("next"))
    page = view.render("signin.html", status, then=then, why=word, wrong=wrong, before=before)
    page.set_cookie(_BEFORE, before, httponly=True, samesite="strict", secure=view.house.settings.is_https)
    return page


def with_password(view: View) -> Response:
    """Ask the gateway whether it knows this person; one word for every reason why not."""
    before = view.request.cookies.get(_BEFORE, "")
    if not before or not secrets.compare_digest(before.encode(), view.form_text("before").encode()):
        return show(view, 403, "page.stale_form")
    user, password = view.form_text("user"), view.form.get("password", "")
    if not user or not isinstance(password, str) or not password:
        return show(view, 400, "signin.both_needed")
    try:
        person = sign_in(
            view.house.settings.gateway_url, user, password, address=_address(view), language=view.language
        )
    except Problem as problem:
        word = {429: "signin.too_often", 403: "signin.not_known"}.get(problem.status, "signin.not_known")
        return show(view, problem.status if problem.status == 429 else 401, word)
    return _enter(view, person, _ours(view.form_text("next")))


def sign_out(view: View) -> Response:
    """End the session at the gateway, and the visit here."""
    visit = view.here
    view.house.visits.end(visit)
    with view.gateway() as gateway:
        gateway.sign_out()
    answer = view.go("/signin")
    answer.delete_cookie(COOKIE)
    answer.headers["clear-site-data"] = '"cache"'
    return answer


def to_provider(view: View, provider: Provider, flows: _Flows) -> Response:
    """Send the browser to the provider, with a state, a nonce and a challenge that only this browser's cookie finds."""
    verifier, nonce = secrets.token_urlsafe(48), secrets.token_urlsafe(24)
    with _client(view, provider) as client:
        url, state = client.create_authorization_url(
            _discovered(client, provider)["authorization_endpoint"], nonce=nonce, code_verifier=verifier
        )
    name = flows.begin(_Flow(state, nonce, verifier, _ours(view.request.query_params.get("next"))))
    answer = view.go(url)
    answer.set_cookie(
        _FLOW_COOKIE, name, max_age=_FLOW_SECONDS, httponly=True, samesite="lax", secure=view.house.settings.is_https
    )
    return answer


def from_provider(view: View, provider: Provider, flows: _Flows) -> Response:
    """The browser comes back: change the code for a token, and have the gateway judge it."""
    flow = flows.take(view.request.cookies.get(_FLOW_COOKIE))
    state = view.request.query_params.get("state", "")
    code = view.request.query_params.get("code", "")
    if flow is None or not code or not secrets.compare_digest(state.encode(), flow.state.encode()):
        return show(view, 400, "signin.flow_broken")
    try:
        with _client(view, provider) as client:
            token = client.fetch_token(
                _discovered(client, provider)["token_endpoint"],
                grant_type="authorization_code",
                code=code,
                code_verifier=flow.verifier,
            )
    except AuthlibBaseError:
        return show(view, 400, "signin.flow_broken")
    try:
        person = sign_in_with_id_token(
            view.house.settings.gateway_url,
            str(token.get("id_token", "")),
            flow.nonce,
            address=_address(view),
            language=view.language,
        )
    except Problem:
        return show(view, 401, "signin.not_known")
    return _enter(view, person, flow.then)


def _client(view: View, provider: Provider) -> OAuth2Session:
    return OAuth2Session(
        provider.client_id,
        provider.client_secret or None,
        token_endpoint_auth_method="client_secret_basic" if provider.client_secret else "none",
        scope="openid profile",
        redirect_uri=view.house.settings.public_url.rstrip("/") + "/signin/callback",
        code_challenge_method="S256",
    )


def _discovered(client: OAuth2Session, provider: Provider) -> dict[str, str]:
    """The provider's endpoints (OpenID Connect Discovery 1.0 section 4), asked each time: they may move."""
    answer = client.request(
        "GET", provider.issuer.rstrip("/") + "/.well-known/openid-configuration", withhold_token=True, timeout=10
    )
    found: dict[str, str] = answer.json()
    if found.get("issuer") != provider.issuer:
        raise OSError("the provider names another issuer")
    return found


def _enter(view: View, person: SignedIn, then: str) -> Response:
    visit = view.house.visits.begin(person)
    if view.visit is not None:
        view.house.visits.end(view.visit)
        with Session(view.house.settings.gateway_url, view.visit.person.token) as gateway:
            gateway.sign_out()
    answer = view.go(then or "/")
    answer.set_cookie(COOKIE, visit.identity, httponly=True, samesite="lax", secure=view.house.settings.is_https)
    return answer


def _address(view: View) -> str | None:
    """Where the person sits, for the gateway's count of failures."""
    return view.request.client.host if view.request.client else None


def _ours(address: str | None) -> str:
    """A page of this console, or nothing: never another's address."""
    if not address or not address.startswith("/") or address.startswith("//") or "\\" in address:
        return ""
    return address
