"""One whole answer from one source: bounded in size, time and pages, signed, and from nowhere else.

The interface is small on purpose (docs/filings.md): GET the address, with `cursor` for the pages behind the first.
"""

import asyncio
import base64
import hashlib
import secrets
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import quote

import httpx

from gateway.filing.records import RECORD_SEPARATOR
from gateway.filing.sources.ready import Ready
from schemas.verification import Outcome
from signing.request import RESPONSE, HttpMessage, judge_request, sign_request
from signing.signer import Signer
from untrusted import Refused, read_json

MEDIA_TYPE = "application/json-seq"  # RFC 7464
_MOST_PAGES = 10_000
_LONGEST_CURSOR = 500
_LONGEST_TAG = 256


class Unanswered(Exception):
    """There is no answer that can be looked at: `reason` is a stable slug, the message says more."""

    def __init__(self, reason: str, detail: str, **facts: Any) -> None:
        super().__init__(detail)
        self.reason = reason
        self.facts = facts


@dataclass(frozen=True, slots=True)
class Fetched:
    """An answer: its pages one behind the other, as they came (`read_pages`), and what proves whose they are.

    Without `data` the source says that it still states what it stated under the tag.
    """

    data: bytes | None
    etag: str | None
    proof: dict[str, Any]


@dataclass(frozen=True, slots=True)
class _Page:
    body: bytes
    etag: str | None
    is_new: bool
    proof: dict[str, Any]


async def fetch(ready: Ready, etag: str | None, signer: Signer, clock: Callable[[], datetime]) -> Fetched:
    """All pages of what the source states, unless it is what it stated under `etag`. Raises `Unanswered`.

    No redirect is followed and no proxy asked. Each request is signed by the gateway. Whether the pages make one whole
    statement is not decided here.
    """
    source = ready.source
    try:
        async with (
            asyncio.timeout(source.timeout_seconds),
            httpx.AsyncClient(
                verify=ready.context,
                trust_env=False,
                follow_redirects=False,
                timeout=source.timeout_seconds,
                headers={"user-agent": "gateway"},
            ) as client,
        ):
            return await _pages(_Asking(client, ready, signer, clock), etag)
    except TimeoutError as error:
        raise Unanswered("too-slow", f"no whole answer within {source.timeout_seconds:g} seconds") from error
    except httpx.TimeoutException as error:
        raise Unanswered("too-slow", type(error).__name__) from error
    except (httpx.RemoteProtocolError, httpx.ReadError) as error:
        raise Unanswered("cut-off", str(error) or type(error).__name__) from error
    except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
        raise Unanswered("tls" if _is_tls(error) else "unreachable", str(error) or type(error).__name__) from error


async def _pages(asking: "_Asking", etag: str | None) -> Fetched:
    url = asking.ready.source.url
    room = asking.ready.source.largest_mib << 20
    first = await asking.get(url, etag, room)
    told: dict[str, Any] = {"source": asking.ready.source.name, "url": url, "pages": [first.proof]}
    if not first.is_new:
        return Fetched(None, first.etag or etag, {"fetched": told})
    pages, cursors = [first.body], set[str]()
    cursor = await _next(first.body)
    while cursor is not None:
        if cursor in cursors:
            raise Unanswered("page-loop", f"page {len(pages)} points back", cursor=cursor[:100])
        if len(pages) >= _MOST_PAGES:
            raise Unanswered("too-many-pages", f"more than {_MOST_PAGES} pages")
        cursors.add(cursor)
        room -= len(pages[-1])
        page = await asking.get(f"{url}{'&' if '?' in url else '?'}cursor={quote(cursor, safe='')}", None, room)
        pages.append(page.body)
        told["pages"].append(page.proof)
        cursor = await _next(page.body)
    return Fetched(b"".join(RECORD_SEPARATOR + page + b"\n" for page in pages), first.etag, {"fetched": told})


async def _next(body: bytes) -> str | None:
    """Where the next page is. Parsing a large page takes a while, in which others shall be answered."""
    try:
        page = await asyncio.to_thread(read_json, body)
    except Refused as refused:
        raise Unanswered("not-a-page", str(refused)) from refused
    cursor = page.get("next") if isinstance(page, dict) else ""
    if cursor is not None and not (isinstance(cursor, str) and 0 < len(cursor) <= _LONGEST_CURSOR):
        raise Unanswered("not-a-page", "neither an object nor a cursor")
    if cursor is not None and not (cursor.isascii() and cursor.isprintable()):
        raise Unanswered("not-a-page", "a cursor is printable ASCII")
    return cursor


@dataclass(frozen=True, slots=True)
class _Asking:
    client: httpx.AsyncClient
    ready: Ready
    signer: Signer
    clock: Callable[[], datetime]

    async def get(self, url: str, etag: str | None, room: int) -> _Page:
        """One answer of 200 or, if it was asked, 304, with a signature that holds."""
        url = str(httpx.URL(url))  # as it is sent: what is signed is what the source sees
        fields = {"accept": "application/json", "accept-encoding": "identity"}
        if etag is not None:
            fields["if-none-match"] = etag
        if self.ready.token is not None:
            fields["authorization"] = f"Bearer {self.ready.token}"
        asked = HttpMessage("GET", url, tuple(fields.items()))
        signed = sign_request(asked, b"", self.signer, self.clock(), secrets.token_urlsafe(16))
        asked = HttpMessage("GET", url, (*asked.fields, *signed.items()))
        async with self.client.stream("GET", url, headers=list(asked.fields)) as answer:
            self._check_head(answer, is_asked=etag is not None)
            body = bytearray()
            async for part in answer.aiter_raw():
                body += part
                if len(body) > room:
                    limit = self.ready.source.largest_mib
                    raise Unanswered("too-large", f"more than {limit} MiB in all")
        fields_got = tuple((name.decode("latin-1"), value.decode("latin-1")) for name, value in answer.headers.raw)
        got = HttpMessage("", "", fields_got, status=answer.status_code, request=asked)
        proof = self._judge(got, bytes(body)) | {"url": url, "digest": _sha256(bytes(body))}
        return _Page(bytes(body), _tag(answer.headers.get("etag")), answer.status_code == 200, proof)

    def _check_head(self, answer: httpx.Response, *, is_asked: bool) -> None:
        status = answer.status_code
        if status == 304:
            if not is_asked:
                raise Unanswered("unasked", "304 although nothing was asked to be compared")
            return
        if 300 <= status < 400:
            raise Unanswered("redirected", f"status {status}", status=status)
        if status != 200:
            raise Unanswered("status", f"status {status}", status=status)
        if answer.headers.get("content-encoding", "identity").strip().lower() not in ("", "identity"):
            raise Unanswered("compressed", "a Content-Encoding that was not asked for")

    def _judge(self, got: HttpMessage, body: bytes) -> dict[str, Any]:
        """What proves whose answer it is (RFC 9421 section 2.4), bound to the address that was asked."""
        key = self.ready.key
        if key is None:
            return {}
        signature, report = judge_request(got, body, keys={key.keyid: key}.get, at=self.clock(), required=RESPONSE)
        if report.outcome is not Outcome.PASSED or signature is None:
            failing = report.failing()
            raise Unanswered("not-signed", ", ".join(sorted(map(str, failing)))[:300])
        if '"@target-uri";req' not in signature.covered:
            raise Unanswered("not-bound", "the signature does not cover the address that was asked")
        return {
            "keyid": signature.keyid,
            "algorithm": signature.algorithm,
            "public_key": base64.b64encode(key.spki).decode(),
            "base": base64.b64encode(signature.base).decode(),
            "signature": base64.b64encode(signature.signature).decode(),
        }


def _sha256(body: bytes) -> str:
    return f"sha256:{hashlib.sha256(body).hexdigest()}"


def _tag(value: str | None) -> str | None:
    """A header that may be sent back as it came: short, printable ASCII."""
    return value if value and len(value) <= _LONGEST_TAG and value.isascii() and value.isprintable() else None


def _is_tls(error: BaseException) -> bool:
    """Whether a TLS error is what it comes from."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLError):
            return True
        cause = cause.__cause__ or cause.__context__
    return False
