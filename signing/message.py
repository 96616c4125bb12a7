"""An HTTP message as its signature sees it: the components of RFC 9421 section 2 and the content of RFC 9530.

Nothing here is HTTP software: a message is handed over by who received it, with the target URI that they assembled.
"""

import hashlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from urllib.parse import quote, unquote_to_bytes

from signing.kept import few
from signing.structured import Component, canonical, canonical_member, kind_of, write_byte_sequence

DIGESTS: Mapping[str, Callable[[bytes], "hashlib._Hash"]] = {"sha-256": hashlib.sha256, "sha-512": hashlib.sha512}
"""The active algorithms of RFC 9530 section 5."""


@dataclass(frozen=True, slots=True)
class HttpMessage:
    """A request, or with `status` a response.

    `target_uri` is absolute, as sent: not decoded, not normalised. `fields` are the header lines in order, names in any
    case, values decoded as Latin-1. `request` of a response is what it answers. `request_target` is needed only where
    it is not path and query.
    """

    method: str
    target_uri: str
    fields: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    status: int | None = None
    request: "HttpMessage | None" = None
    request_target: str | None = None
    _lines: dict[str, list[str]] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        lines: dict[str, list[str]] = {}
        for name, value in self.fields:
            lines.setdefault(name.lower(), []).append(value)
        object.__setattr__(self, "_lines", lines)

    def lines(self, name: str) -> tuple[str, ...]:
        """The values of the field `name` (lower case), one a line, without the white space around them."""
        return tuple(_unfold(value) for value in self._lines.get(name, ()))

    def value(self, name: str) -> str | None:
        """The combined value of the field `name` (RFC 9421 section 2.1), None if there is none."""
        lines = self._lines.get(name)
        if lines is None:
            return None
        return _unfold(lines[0]) if len(lines) == 1 else ", ".join(self.lines(name))


@dataclass(frozen=True, slots=True)
class Content:
    """The content of a message that went by as a stream: its size, and its digests by their name in RFC 9530."""

    size: int
    digests: Mapping[str, bytes]


def size_of(content: bytes | Content) -> int:
    """The size of the content in bytes."""
    return content.size if isinstance(content, Content) else len(content)


def digest_of(content: bytes | Content, algorithm: str) -> bytes | None:
    """The digest of the content by an algorithm of `DIGESTS`; None if a stream was not hashed with it."""
    if isinstance(content, Content):
        return content.digests.get(algorithm)
    return DIGESTS[algorithm](content).digest()


class Unresolvable(ValueError):
    """A covered component has no value in this message: `reason` is a stable slug."""

    def __init__(self, reason: str, component: Component) -> None:
        super().__init__(f"{component.text}: {reason}")
        self.reason = reason
        self.component = component


def component_value(message: HttpMessage, component: Component) -> str:
    """The value of `component` in `message`, one line of ASCII. Raises `Unresolvable`."""
    params = component.params
    if "req" in params:
        if params["req"] is not True or message.status is None or message.request is None:
            raise Unresolvable("no-request", component)
        message, params = message.request, {key: value for key, value in params.items() if key != "req"}
        if message.status is not None:
            raise Unresolvable("no-request", component)
    try:
        if component.name.startswith("@"):
            value = _derived(message, component, params)
        else:
            value = _field(message, component, params)
    except Unresolvable:
        raise
    except ValueError as error:
        raise Unresolvable("malformed-component", component) from error
    if not _PRINTABLE.fullmatch(value):
        raise Unresolvable("not-ascii", component)
    return value


_PRINTABLE = re.compile(r"[\t\x20-\x7e]*")
_FOLD = re.compile(r"[ \t]*\r\n[ \t]+")


def _unfold(value: str) -> str:
    """RFC 9421 section 2.1: obsolete folding becomes one space, white space at the ends goes."""
    if "\r" in value:
        value = _FOLD.sub(" ", value)
    return value.strip(" \t")


def _field(message: HttpMessage, component: Component, params: Mapping[str, object]) -> str:
    """RFC 9421 section 2.1."""
    value = message.value(component.name)
    if component.name != component.name.lower() or not params.keys() <= {"sf", "key", "bs"}:
        raise Unresolvable("unknown-component", component)  # with `tr`: trailers are not received here
    if value is None:
        raise Unresolvable("missing-component", component)
    if not params:
        return value
    key = params.get("key")
    if any(params.get(flag, True) is not True for flag in ("sf", "bs")) or ("bs" in params and len(params) > 1):
        raise Unresolvable("malformed-component", component)
    if "bs" in params:
        return ", ".join(write_byte_sequence(line.encode("latin-1")) for line in message.lines(component.name))
    if "key" in params:
        if type(key) is not str:
            raise Unresolvable("malformed-component", component)
        return canonical_member(value, key)
    return canonical(value, kind_of(component.name))


def _derived(message: HttpMessage, component: Component, params: Mapping[str, object]) -> str:
    """RFC 9421 section 2.2."""
    name = component.name
    if name == "@status":
        if message.status is None or params:
            raise Unresolvable("unknown-component", component)
        return f"{message.status:03d}"
    if message.status is not None:
        raise Unresolvable("unknown-component", component)
    if name == "@query-param":
        wanted = params.get("name")
        if params.keys() != {"name"} or type(wanted) is not str:
            raise Unresolvable("malformed-component", component)
        return _query_param(split_uri(message.target_uri).query, wanted, component)
    if params or name not in _DERIVED:
        raise Unresolvable("unknown-component", component)
    return _DERIVED[name](message)


@dataclass(frozen=True, slots=True)
class Uri:
    """The parts of an absolute HTTP URI as they were sent; `query` without its question mark, None if there is none."""

    scheme: str
    authority: str
    path: str
    query: str | None


_URI = re.compile(
    r"([A-Za-z][A-Za-z0-9+.-]*)://([A-Za-z0-9._~%!$&'()*+,;=:\[\]-]+)(/[^?#\s]*)?(?:\?([^#\s]*))?(?:#.*)?"
)


@few(1024)
def split_uri(uri: str) -> Uri:
    """The parts of `uri` (RFC 9110 section 4.2). Raises ValueError; on user information too."""
    match = _URI.fullmatch(uri)
    if match is None or not uri.isascii():
        raise ValueError("not an absolute HTTP URI")
    return Uri(match[1], match[2], match[3] or "", match[4])


def _target_uri(message: HttpMessage) -> str:
    """RFC 9421 section 2.2.2. An empty path is `/` (RFC 9110 section 4.2.3), but for OPTIONS."""
    uri = split_uri(message.target_uri)
    path = uri.path if message.method == "OPTIONS" else uri.path or "/"
    return f"{uri.scheme}://{uri.authority}{path}" + ("" if uri.query is None else f"?{uri.query}")


def _authority(message: HttpMessage) -> str:
    """RFC 9421 section 2.2.3: lower case, without the default port."""
    uri = split_uri(message.target_uri)
    host, colon, port = uri.authority.lower().rpartition(":")
    if colon and port in {"", {"http": "80", "https": "443"}.get(uri.scheme.lower())}:
        return host
    return uri.authority.lower()


def _request_target(message: HttpMessage) -> str:
    """RFC 9421 section 2.2.5: origin form unless another was sent."""
    if message.request_target is not None:
        return message.request_target
    uri = split_uri(message.target_uri)
    if message.method == "CONNECT":
        return uri.authority
    return (uri.path or "/") + ("" if uri.query is None else f"?{uri.query}")


_DERIVED: Mapping[str, Callable[[HttpMessage], str]] = {
    "@method": lambda message: message.method,
    "@target-uri": _target_uri,
    "@authority": _authority,
    "@scheme": lambda message: split_uri(message.target_uri).scheme.lower(),
    "@request-target": _request_target,
    "@path": lambda message: split_uri(message.target_uri).path or "/",
    "@query": lambda message: f"?{split_uri(message.target_uri).query or ''}",
}


def _query_param(query: str | None, wanted: str, component: Component) -> str:
    """RFC 9421 section 2.2.8: both names and values are decoded as forms are, and encoded anew in one way."""
    values = _read_query(query or "").get(wanted, ())
    if len(values) != 1:  # one that stands twice MUST NOT be covered
        raise Unresolvable("malformed-component" if values else "missing-component", component)
    return values[0]


@few(64)  # a signature may cover many parameters of one long query
def _read_query(query: str) -> Mapping[str, tuple[str, ...]]:
    values: dict[str, tuple[str, ...]] = {}
    for pair in query.split("&"):
        name, _, value = pair.partition("=")
        if pair:
            key = _recode(name)
            values[key] = (*values.get(key, ())[:1], _recode(value))
    return values


def _recode(text: str) -> str:
    """application/x-www-form-urlencoded to its percent-encoding, with %20 for a space (WHATWG URL section 5).

    Raises ValueError on what is not UTF-8: replaced, two different queries would have one signature.
    """
    decoded = unquote_to_bytes(text.replace("+", " ")).decode("utf-8")
    return quote(decoded, safe="*").replace("~", "%7E")
