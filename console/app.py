"""The console as an application: every page behind one door that knows who may come in."""

import logging
import secrets
from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path
from urllib.parse import urlsplit

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from client import Problem
from console import acting, signin, start
from console.catalogue import Catalogue
from console.page import Page
from console.pages import ACTIONS, PAGES, menu
from console.settings import Settings
from console.view import House, View
from console.visits import COOKIE, Visits
from console.words import LANGUAGES, Language

_LOG = logging.getLogger("console")
_STATIC = Path(__file__).parent / "static"
_LANGUAGE_COOKIE = "lang"
_YEAR = 365 * 24 * 3600
_HEADERS = {
    "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; "
    "connect-src 'self'; object-src 'none'; frame-src 'self'; base-uri 'none'; frame-ancestors 'self'; "
    "form-action 'self'",
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), microphone=(), geolocation=()",
}
_SAFE = ("GET", "HEAD")


def create_app(settings: Settings) -> Starlette:
    """The console of these settings."""
    house = House(settings, Visits(), Catalogue(settings.gateway_url), menu)
    opened: list[Route | Mount] = [Mount("/static", StaticFiles(directory=_STATIC))]
    pages: Iterable[Page] = (*start.PAGES, *signin.pages(settings), *acting.pages(ACTIONS), *PAGES)
    opened += [Route(page.path, _endpoint(house, page), methods=list(page.methods)) for page in pages]
    words = {404: "page.no_such", 400: "page.too_large", 500: "page.our_fault"}
    wrong = {code: _wrong(house, code, word) for code, word in words.items()}
    app = Starlette(
        routes=opened, exception_handlers=wrong, middleware=[Middleware(BaseHTTPMiddleware, dispatch=_guarded(house))]
    )
    app.state.house = house
    return app


def _guarded(house: House) -> Callable[[Request, Callable[[Request], Awaitable[Response]]], Awaitable[Response]]:
    """Every answer carries the policy; a request that changes something comes from one of our own pages."""

    async def dispatch(request: Request, proceed: Callable[[Request], Awaitable[Response]]) -> Response:
        if request.method not in _SAFE and not _is_ours(request, house.settings):
            return PlainTextResponse("403: this request does not come from a page of this console", status_code=403)
        response = await proceed(request)
        for name, value in _HEADERS.items():
            response.headers.setdefault(name, value)
        if house.settings.is_https:
            response.headers.setdefault("strict-transport-security", f"max-age={_YEAR}")
        if not request.url.path.startswith("/static/"):
            response.headers.setdefault("cache-control", "no-store")
        return response

    return dispatch


def _is_ours(request: Request, settings: Settings) -> bool:
    """Whether the browser says that the request comes from this console's own address (Fetch Metadata, or Origin)."""
    site = request.headers.get("sec-fetch-site")
    if site is not None and site != "same-origin":
        return False
    origin = request.headers.get("origin")
    if origin is None:
        return site == "same-origin"
    public = urlsplit(settings.public_url)
    return origin in (f"{public.scheme}://{public.netloc}", f"{request.url.scheme}://{request.headers.get('host', '')}")


def _wrong(house: House, code: int, word: str) -> Callable[[Request, Exception], Response]:
    """A page that says what is wrong where no page of ours could answer."""

    def answer(request: Request, _error: Exception) -> Response:
        view = View(house, request, house.visits.find(request.cookies.get(COOKIE)), _language(request))
        return view.render("problem.html", code, title=view.say(word), problem=None, code=code)

    return answer


def _endpoint(house: House, page: Page) -> Callable[[Request], Awaitable[Response]]:
    async def answer(request: Request) -> Response:
        visit = house.visits.find(request.cookies.get(COOKIE))
        view = View(house, request, visit, _language(request))
        if page.takes_form:
            view.form = await page.read_form(request)
        response = await run_in_threadpool(_answer, view, page)
        asked = request.query_params.get("lang")
        if asked in LANGUAGES:
            response.set_cookie(
                _LANGUAGE_COOKIE, asked, max_age=_YEAR, samesite="lax", secure=house.settings.is_https, httponly=True
            )
        return response

    return answer


def _answer(view: View, page: Page) -> Response:
    """The page's answer, or why there is none: signed out, not for this role, refused, or the gateway not there."""
    if page.roles is not None:
        if view.visit is None:
            return view.go(view.address("/signin", next=_next_of(view), why="signed-out" if _had_visit(view) else None))
        if page.roles and view.role not in page.roles:
            return view.render("problem.html", 403, title=view.say("page.not_for_you"), problem=None, code=403)
        if page.takes_form and not secrets.compare_digest(view.form_text("csrf").encode(), view.visit.csrf.encode()):
            return view.render("problem.html", 403, title=view.say("page.stale_form"), problem=None, code=403)
    try:
        return page.handler(view)
    except Problem as problem:
        return _refused(view, problem)
    except OSError as error:  # of the network; `requests` names it so
        _LOG.warning("the gateway does not answer: %s", error)
        return view.render("problem.html", 503, title=view.say("page.gateway_gone"), problem=None, code=503)


def _refused(view: View, problem: Problem) -> Response:
    if problem.status == 401 and view.visit is not None:
        view.house.visits.end(view.visit)
        return view.go(view.address("/signin", next=_next_of(view), why="ended"))
    title = str(problem.document.get("title", problem))
    return view.render("problem.html", problem.status, title=title, problem=problem, code=problem.status)


def _had_visit(view: View) -> bool:
    return COOKIE in view.request.cookies


def _next_of(view: View) -> str | None:
    """Where to go on after signing in: a page of ours that was asked for, never another's address."""
    if view.request.method not in _SAFE or view.request.url.path == "/":
        return None
    query = view.request.url.query
    return view.request.url.path + (f"?{query}" if query else "")


def _language(request: Request) -> Language:
    """Asked for, chosen before, preferred by the browser, Chinese."""
    for wish in (request.query_params.get("lang"), request.cookies.get(_LANGUAGE_COOKIE)):
        for language in LANGUAGES:
            if wish == language:
                return language
    preferred = request.headers.get("accept-language", "").lower()
    return "en" if preferred.startswith("en") else "zh"
