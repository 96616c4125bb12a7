"""The configured sources, and what is needed to ask one of them: its credentials, and the key of its answers."""

import ssl
from base64 import b64decode
from binascii import Error as NotBase64
from dataclasses import dataclass, field
from datetime import UTC, datetime
from ipaddress import ip_address
from urllib.parse import urlsplit

from gateway.config import Config, FilingSource
from gateway.errors import Misconfigured
from signing.algorithms import find_flaw
from signing.request import RequestKey

_EVER = datetime(1970, 1, 1, tzinfo=UTC)
_FOR_EVER = datetime(9999, 1, 1, tzinfo=UTC)
_LONGEST_TOKEN = 8192


class NotReady(Exception):
    """A file that the source is asked with cannot be used now; the message says which."""


@dataclass(frozen=True, slots=True)
class Ready:
    """A source with what it is asked with just now. Without `key` its answers need no signature."""

    source: FilingSource
    key: RequestKey | None
    token: str | None = field(repr=False)
    context: ssl.SSLContext


def read_sources(config: Config) -> tuple[FilingSource, ...]:
    """The configured sources. Raises `Misconfigured` for two that speak for one registry, a key that is none, answers
    that are neither signed nor said to be `unsigned`, and a token that would go in the clear."""
    sources = config.filing_sources
    for one in sources:
        where = f"filing_sources: {one.name}"
        if one.unsigned == (one.response_key is not None):
            raise Misconfigured(f"{where}: give response_key and response_keyid, or say unsigned = true")
        if (one.response_key is None) != (one.response_keyid is None):
            raise Misconfigured(f"{where}: response_key and response_keyid belong together")
        if (one.certificate is None) != (one.private_key is None):
            raise Misconfigured(f"{where}: certificate and private_key belong together")
        if one.bearer_file is not None and not _is_private(one.url):
            raise Misconfigured(f"{where}: a bearer token goes over https only")
        key_of(one)
    for name, values in (("name", [one.name for one in sources]), ("registry", [one.registry for one in sources])):
        if len(set(values)) < len(values):
            raise Misconfigured(f"filing_sources: two sources have one {name}")
    return sources


def key_of(source: FilingSource) -> RequestKey | None:
    """The key that signs the source's answers. Raises `Misconfigured`."""
    if source.response_key is None or source.response_keyid is None:
        return None
    try:
        spki = b64decode(source.response_key, validate=True)
    except NotBase64 as error:
        raise Misconfigured(f"filing_sources: {source.name}: response_key is not base64") from error
    flaw = find_flaw(source.response_algorithm, spki, b"", b"", encoding="raw")
    if flaw is not None and flaw.rule in ("signature.key", "signature.algorithm"):
        raise Misconfigured(f"filing_sources: {source.name}: response_key is not of {source.response_algorithm}")
    return RequestKey(source.response_keyid, source.response_algorithm, spki, _EVER, _FOR_EVER, source.name)


def make_ready(source: FilingSource) -> Ready:
    """Read the files that the source is asked with, as they are now. Raises `NotReady`."""
    token = None
    try:
        context = ssl.create_default_context(cafile=str(source.ca) if source.ca is not None else None)
        if source.certificate is not None and source.private_key is not None:
            context.load_cert_chain(source.certificate, source.private_key)
        if source.bearer_file is not None:
            with source.bearer_file.open("rb") as file:
                token = file.read(_LONGEST_TOKEN + 1).decode("ascii").strip()
            if not token or len(token) > _LONGEST_TOKEN or not token.isprintable() or " " in token:
                raise NotReady(f"{source.bearer_file} holds no token")
    except (OSError, ValueError) as error:  # an SSLError is an OSError
        raise NotReady(str(error)) from error
    return Ready(source, key_of(source), token, context)


def _is_private(url: str) -> bool:
    """Whether nobody on the way can read along: TLS, or this very machine."""
    parts = urlsplit(url)
    if parts.scheme == "https" or parts.hostname == "localhost":
        return True
    try:
        return ip_address(parts.hostname or "").is_loopback
    except ValueError:  # a name
        return False
