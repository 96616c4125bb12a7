"""Requests of insurers and authorities to a gateway on a simulated clock: signed at its moment, one after the other.

The SDK signs at the real time, as it should; who plays two years in three minutes has to say which moment it is.
"""

import hashlib
import http.client
import json
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from types import TracebackType
from typing import Any, Self

from sandbox.keys import Key
from signing.request import HttpMessage, sign_request
from signing.signer import load_signer

_TIMEOUT = 120.0
_PAUSE = 0.01
_IDLE = 15.0  # seconds; the gateway closes what is idle for longer than thirty


class Unanswered(Exception):
    """The gateway answered what no history asks for: a server error, or nothing."""


@dataclass(frozen=True, slots=True)
class Answered:
    """Status and body of an answer."""

    status: int
    body: bytes

    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)

    def rules(self) -> list[str]:
        """The rules that a refusal names."""
        return [f"{one['rule']}: {one['reason']} {one['field'] or ''}" for one in self.json().get("problems", ())]


class Caller:
    """One participant's connection. Not for several threads."""

    def __init__(self, port: int, key: Key) -> None:
        self._host = f"127.0.0.1:{port}"
        self._port = port
        self._signer = load_signer(key.pem, keyid=key.keyid)
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_TIMEOUT)
        self._used = time.monotonic()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._connection.close()

    def call(
        self,
        at: datetime,
        method: str,
        path: str,
        body: bytes = b"",
        content_type: str = "",
        message_id: str | None = None,
    ) -> Answered:
        """One request, signed at `at`. Raises `Unanswered` on a server error."""
        fields = {"content-type": content_type} if content_type else {}
        if message_id is not None:
            fields["idempotency-key"] = f'"{message_id}"'
        message = HttpMessage(method, f"http://{self._host}{path}", tuple(fields.items()))
        signed = sign_request(message, body, self._signer, at, secrets.token_urlsafe(18))
        answer = self._send(method, path, body, fields | signed)
        if answer.status >= 500:
            raise Unanswered(f"{method} {path}: {answer.status} {answer.body[:500]!r}")
        return answer

    def _send(self, method: str, path: str, body: bytes, headers: Mapping[str, str]) -> Answered:
        now = time.monotonic()
        if now - self._used > _IDLE:
            self._connection.close()  # the next request opens another
        self._used = now
        try:
            self._connection.request(method, path, body or None, {**headers, "host": self._host})
            got = self._connection.getresponse()
            return Answered(got.status, got.read())
        except (OSError, http.client.HTTPException) as error:
            self._connection.close()
            raise Unanswered(f"{method} {path}: {error}") from error

    def hand_in(self, at: datetime, content: bytes, media_type: str) -> Answered:
        """A sealed document."""
        return self.call(at, "PUT", f"/v1/documents/{hashlib.sha256(content).hexdigest()}", content, media_type)

    def batch(self, at: datetime, lines: bytes) -> Mapping[str, Any]:
        """A file of messages, worked off to its end: how many of its lines came to what."""
        answer = self.call(at, "POST", "/v1/batches", lines, "application/jsonl")
        while True:
            if answer.status >= 400:
                raise Unanswered(f"batch: {answer.status} {answer.body[:500]!r}")
            told: Mapping[str, Any] = answer.json()
            if told["status"] == "done":
                return told
            time.sleep(_PAUSE)
            answer = self.call(at, "GET", f"/v1/batches/{told['batch']}")
