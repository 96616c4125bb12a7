"""One request of one person: who it is, in which language, and the gateway as that person may see it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlencode

import jinja2
from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from client.session import Session
from console import plots
from console.catalogue import Catalogue
from console.settings import Settings
from console.visits import Visit, Visits
from console.words import Language, said_of, say

Role = Literal["insurer", "subsidy_system", "regulator", "operator"]
_SHANGHAI = timezone(timedelta(hours=8))


def _environment() -> jinja2.Environment:
    loader = jinja2.FileSystemLoader(Path(__file__).parent / "templates")
    environment = jinja2.Environment(
        loader=loader, autoescape=True, undefined=jinja2.ChainableUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.globals["plots"] = plots
    return environment


_ENVIRONMENT = _environment()


@dataclass(frozen=True, slots=True)
class House:
    """What a running console holds."""

    settings: Settings
    visits: Visits
    catalogue: Catalogue
    menu: Callable[[str], Sequence[Any]]


@dataclass(frozen=True, slots=True)
class Sent:
    """A file that a form brought: its name as the browser told it, its media type, its bytes."""

    name: str
    media_type: str
    content: bytes


@dataclass(slots=True)
class View:
    """A request, the visit that it belongs to, and how to answer it."""

    house: House
    request: Request
    visit: Visit | None
    language: Language
    form: Mapping[str, "str | Sent"] = field(default_factory=dict)

    def form_text(self, name: str) -> str:
        """A field of the form that was sent, as text; empty where it is not there, or is a file."""
        value = self.form.get(name, "")
        return value.strip() if isinstance(value, str) else ""

    def form_file(self, name: str) -> "Sent | None":
        """A file of the form that was sent; None where none was chosen."""
        value = self.form.get(name)
        return value if isinstance(value, Sent) and value.name else None

    @property
    def here(self) -> Visit:
        """The visit of a page that only signed-in people reach."""
        if self.visit is None:
            raise PermissionError("nobody is signed in")
        return self.visit

    @property
    def role(self) -> str:
        """The role of the person, or an empty text."""
        return self.visit.person.role if self.visit else ""

    @property
    def participant(self) -> str:
        """For whom the person works: a participant's code."""
        return self.here.person.participant

    def gateway(self) -> Session:
        """The gateway under the person's session, answering in the person's language. Use it in a `with`."""
        return Session(self.house.settings.gateway_url, self.here.person.token, language=self.language)

    def asked(self, *names: str) -> dict[str, str]:
        """Those of the query's parameters that were given, without white space around them."""
        found = {name: self.request.query_params.get(name, "").strip() for name in names}
        return {name: value for name, value in found.items() if value}

    def address(self, path: str, **query: object) -> str:
        """An address with these parameters; what is None or empty is left out."""
        given = {name: str(value) for name, value in query.items() if value not in (None, "")}
        return f"{path}{'&' if '?' in path else '?'}{urlencode(given)}" if given else path

    def stay(self, **changes: object) -> str:
        """This page's address with other parameters."""
        return self.address(self.request.url.path, **{**self.request.query_params, **changes})

    def say(self, name: str, /, **values: object) -> str:
        """A word in the person's language."""
        return say(name, self.language, **values)

    def said_of(self, area: str, code: object) -> str:
        """The word for a code of the API."""
        return said_of(area, code, self.language)

    def render(self, template: str, status: int = 200, **values: Any) -> HTMLResponse:
        """A page."""
        page = _ENVIRONMENT.get_template(template)
        text = page.render(
            view=self,
            t=self.say,
            name_of=self.said_of,
            rule=lambda identity: self.house.catalogue.title(str(identity), self.language),
            reason=lambda identity, code: self.house.catalogue.reason(str(identity), str(code), self.language),
            yuan=yuan,
            moment=moment,
            **values,
        )
        return HTMLResponse(text, status_code=status)

    def go(self, address: str) -> RedirectResponse:
        """Go and see another page."""
        return RedirectResponse(address, status_code=303)


Handler = Callable[[View], Response]


def yuan(amount: object) -> str:
    """An amount in yuan as the API gives it ("12800.00"), grouped by thousands; nothing for nothing.

    >>> yuan("12800.00")
    '12,800.00'
    """
    if amount is None or str(amount) == "":
        return "—"
    whole, _, fen = str(amount).partition(".")
    sign, digits = ("−", whole[1:]) if whole.startswith("-") else ("", whole)
    if not digits.isdecimal():
        return str(amount)
    return f"{sign}{int(digits):,}" + (f".{fen}" if fen else "")


def moment(value: object) -> Markup:
    """A moment of the API (RFC 3339) as people read it, to the second in Shanghai's time; days stay days."""
    text = "" if value is None else str(value)
    if not text:
        return Markup("—")
    if len(text) == len("2026-01-01"):
        return Markup('<time datetime="{0}">{0}</time>').format(text)
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return Markup("{}").format(text)
    local = at.astimezone(_SHANGHAI)
    return Markup('<time datetime="{}">{}</time>').format(text, local.strftime("%Y-%m-%d %H:%M:%S"))


def items_of(value: Any) -> list[Mapping[str, Any]]:
    """The items of a list that the API answered."""
    return list(value.get("items", []))
