"""The whole service around a real database, and callers who sign what they send."""

import asyncio
import hashlib
import tempfile
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import httpx
import orjson
from fastapi import FastAPI
from house import AT, Paper, next_number, world

from adapters.versions import Versions
from gateway.app import build, create_app
from gateway.config import load_config
from gateway.state import Gateway
from sandbox.insurers import Insurer
from sandbox.keys import Key
from sandbox.provision import Provisioned, provision
from sandbox.records import Record
from schemas.verification import Outcome
from signing.request import (
    RESPONSE,
    HttpMessage,
    RequestKey,
    judge_request,
    sign_request,
)
from signing.signer import LocalSigner, load_signer

URL = "http://gateway.example"
LAST = datetime(2100, 1, 1, tzinfo=AT.tzinfo)


@cache
def _folder() -> "tempfile.TemporaryDirectory[str]":
    return tempfile.TemporaryDirectory(prefix="gateway-tests-")


@cache
def provisioned() -> Provisioned:
    """What an operator would set up, once for all tests of a process."""
    made = provision(world(), Path(_folder().name), port=0)
    key = Path(_folder().name) / "gateway-key.pem"
    if not key.exists():
        key.write_bytes(world().operator.request_key.pem)
    return made


@cache
def signer_of(key: Key) -> LocalSigner:
    """What signs with this key."""
    return load_signer(key.pem, keyid=key.keyid)


def key_of(who: str) -> Key:
    """The key of an insurer by its code, or of an authority by its role."""
    authorities = {
        "SUBSIDY": world().subsidy_system,
        "REGULATOR": world().regulator,
        "OPERATOR": world().operator,
        "OPERATOR-2": world().second_operator,
    }
    return authorities[who].request_key if who in authorities else world().insurer(who).request_key


@dataclass(slots=True)
class Answered:
    """An answer, whoever gave it."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        """The body as JSON."""
        return orjson.loads(self.body)


@dataclass(slots=True)
class Service:
    """A running application, with a clock that the test moves."""

    app: FastAPI
    gateway: Gateway
    client: httpx.AsyncClient
    clock: list[datetime] = field(default_factory=lambda: [AT])

    @property
    def now(self) -> datetime:
        """What the service's clock says."""
        return self.clock[0]

    def later(self, **time: float) -> None:
        """Move the clock on."""
        self.clock[0] += timedelta(**time)

    def signed(
        self,
        who: str,
        method: str,
        path: str,
        body: bytes = b"",
        headers: Mapping[str, str] | None = None,
        nonce: str | None = None,
    ) -> dict[str, str]:
        """The header fields of a request of theirs."""
        fields = {name.lower(): value for name, value in (headers or {}).items()}
        message = HttpMessage(method, URL + path, tuple(fields.items()))
        made = sign_request(message, body, signer_of(key_of(who)), self.now, nonce or f"n-{next_number()}")
        return fields | {name.lower(): value for name, value in made.items()}

    async def send(self, method: str, path: str, body: bytes, headers: Mapping[str, str]) -> Answered:
        """One request, as it is; an answer that no rule of the house forbids."""
        got = await self.client.request(method, path, content=body or None, headers=dict(headers))
        return check(Answered(got.status_code, got.headers, got.content))

    async def call(
        self,
        who: str,
        method: str,
        path: str,
        body: bytes = b"",
        headers: Mapping[str, str] | None = None,
        nonce: str | None = None,
    ) -> Answered:
        """One signed request. A signed answer must hold, and answer this very request."""
        sent = self.signed(who, method, path, body, headers, nonce)
        got = await self.send(method, path, body, sent)
        if "signature" in got.headers:
            self.check_signature(got, method, path, sent)
        return got

    def check_signature(self, got: Answered, method: str, path: str, sent: Mapping[str, str]) -> None:
        """The gateway's own key signed status, digest and the request (RFC 9421 section 2.4)."""
        signer = self.gateway.signer
        key = RequestKey(signer.keyid, signer.algorithm, signer.spki, AT.replace(year=2000), LAST, "gateway")
        request = HttpMessage(method, URL + path, tuple(sent.items()))
        answer = HttpMessage("", "", tuple(got.headers.items()), status=got.status, request=request)
        _, report = judge_request(answer, got.body, keys={signer.keyid: key}.get, at=self.now, required=RESPONSE)
        assert report.outcome is Outcome.PASSED, report.failing()
        assert '"@status"' in got.headers["signature-input"]
        assert '"@target-uri";req' in got.headers["signature-input"]

    async def submit(self, insurer: Insurer, *sent: Record, message_id: str | None = None, **how: Any) -> Answered:
        """A message of records in the insurer's own format."""
        media_type, body = world().render_message(insurer, sent, message_id or f"m-{next_number()}")
        return await self.post(insurer.code, body, media_type, **how)

    async def post(self, who: str, body: bytes, media_type: str = "application/json", **how: Any) -> Answered:
        """A message of these bytes."""
        headers = {"content-type": media_type, **how.pop("headers", {})}
        return await self.call(who, "POST", "/v1/submissions", body, headers, **how)

    async def put(self, insurer: Insurer, paper: Paper) -> Answered:
        """Hand a document in."""
        return await self.call(
            insurer.code,
            "PUT",
            f"/v1/documents/{hashlib.sha256(paper.content).hexdigest()}",
            paper.content,
            {"content-type": paper.media_type},
        )

    async def push_filings(self) -> None:
        """The regulator pushes what the world's registry states."""
        body = world().registry_json()
        got = await self.call("REGULATOR", "PUT", "/v1/filings", body, {"content-type": "application/json"})
        assert got.status == 200, got.body

    async def premium(self, who: str, insurer: Insurer, policy_no: str) -> Answered:
        """The premium of a policy."""
        return await self.call(who, "GET", f"/v1/insurers/{insurer.code}/policies/{policy_no}/premium")

    async def raw(
        self,
        method: str,
        path: bytes,
        headers: Sequence[tuple[bytes, bytes]] = (),
        body: Sequence[bytes] = (),
        query: bytes = b"",
    ) -> Answered:
        """A request that no client would send, straight into the application."""
        scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": method,
            "scheme": "http",
            "path": path.decode("utf-8", "replace"),
            "raw_path": path,
            "query_string": query,
            "headers": list(headers),
            "client": ("127.0.0.1", 1),
            "server": ("gateway.example", 80),
            "root_path": "",
        }
        events = [
            {"type": "http.request", "body": part, "more_body": place < len(body) - 1}
            for place, part in enumerate(body)
        ] or [{"type": "http.request", "body": b"", "more_body": False}]
        got: list[Any] = []

        async def receive() -> Any:
            return events.pop(0) if events else {"type": "http.disconnect"}

        async def send(event: Any) -> None:
            got.append(event)

        await self.app(scope, receive, send)
        fields = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in got[0]["headers"]}
        return check(Answered(got[0]["status"], fields, b"".join(event.get("body", b"") for event in got[1:])))


def check(got: Answered) -> Answered:
    """What holds for every answer: none is a 500, and every refusal is a problem document."""
    assert got.status < 500 or got.status == 503, got.body[:500]
    if got.status >= 400:
        assert got.headers["content-type"].startswith("application/problem+json"), (got.status, got.headers)
        problem = got.json()
        assert set(problem) >= {"type", "title", "status", "detail", "instance", "problems"}
        assert problem["status"] == got.status
        assert problem["type"].startswith("/v1/problems/")
        for entry in problem["problems"]:
            assert set(entry) >= {"rule", "field", "reason", "detail", "outcome"}
            assert entry["detail"]
    return got


def serve(
    dsn: str, work: Callable[[Service], Awaitable[None]], *, versions: Versions | None = None, **config: Any
) -> None:
    """Do `work` with a service of its own on this database; `versions` are the mappings that it can read with."""

    async def run() -> None:
        clock = [AT]
        settings = load_config(provisioned().config, {}, dsn=dsn, pool_size=6, **config)
        gateway = build(settings, lambda: clock[0], versions)
        app = create_app(gateway)
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        async with (
            app.router.lifespan_context(app),
            httpx.AsyncClient(transport=transport, base_url=URL) as client,
        ):
            await work(Service(app, gateway, client, clock))

    asyncio.run(run())
