"""The gateway's API as methods: one call, one signed request, one answer or one `Problem`."""

import hashlib
import secrets
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from types import TracebackType
from typing import Any, Self

import requests
from http_message_signatures import HTTPMessageSigner

from client.keys import Key

_COVERED = ("@method", "@target-uri")


class Problem(Exception):
    """The gateway refused: its RFC 9457 problem document, with every rule, field, reason and fix."""

    def __init__(self, status: int, document: Mapping[str, Any]) -> None:
        super().__init__(f"{status} {document.get('title', '')}: {document.get('detail', '')}")
        self.status = status
        self.document = document

    @property
    def problems(self) -> list[dict[str, Any]]:
        """What is wrong, one entry a rule: `rule`, `field`, `reason`, `detail`, and `fix` where there is one."""
        return list(self.document.get("problems", []))


@dataclass(frozen=True)
class Answer:
    """An answer: HTTP status, JSON value, and the exact bytes that the gateway signed."""

    status: int
    value: Any
    body: bytes
    headers: Mapping[str, str]


class Gateway:
    """A connection to one gateway under one key. Use it in a `with`; it is for one thread.

    Every method raises `Problem` on a refusal and `requests.RequestException` where the network fails. A request may
    then be sent again: the gateway gives one final answer per message, whatever happened in between.
    """

    def __init__(self, url: str, key: Key, *, language: str = "zh", timeout: float = 60.0) -> None:
        self._url = url.rstrip("/")
        self._key = key
        self._timeout = timeout
        self._session = requests.Session()
        self._session.headers["accept-language"] = language
        self._signer = HTTPMessageSigner(signature_algorithm=key.algorithm_class(), key_resolver=key)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._session.close()

    # Insurers

    def put_document(self, document: bytes, media_type: str) -> Answer:
        """Hand in a sealed document; the answer is the verdict on its seals and the fields that it states."""
        digest = hashlib.sha256(document).hexdigest()
        return self.call("PUT", f"/v1/documents/{digest}", body=document, content_type=media_type)

    def submit(self, body: bytes, content_type: str = "application/json", *, message_id: str | None = None) -> Answer:
        """Submit one message; the answer is its receipt.

        `message_id` names a message whose own format has no id, so that sending it again is known to be a repeat.
        """
        return self.call("POST", "/v1/submissions", body=body, content_type=content_type, message_id=message_id)

    def receipt(self, *, message_id: str | None = None, submission_id: str | None = None) -> Answer:
        """The one final answer to a message that was sent before."""
        if submission_id is not None:
            return self.call("GET", f"/v1/submissions/{submission_id}")
        return self.call("GET", f"/v1/submissions?message_id={message_id}")

    # The subsidy system, and insurers for their own policies

    def premium(self, insurer: str, policy_no: str, *, as_of: datetime | None = None) -> Answer:
        """The premium of one policy, with its report and proof; with `as_of` as it was known then."""
        query = f"?as_of={as_of.astimezone(UTC).strftime('%Y-%m-%dT%H:%M:%S.%fZ')}" if as_of else ""
        return self.call("GET", f"/v1/insurers/{insurer}/policies/{policy_no}/premium{query}")

    def history(self, insurer: str, policy_no: str) -> Answer:
        """Every revision of a premium."""
        return self.call("GET", f"/v1/insurers/{insurer}/policies/{policy_no}/history")

    def changes(self, cursor: str | None = None, *, limit: int = 100) -> Iterator[tuple[str, list[dict[str, Any]]]]:
        """Pages of the feed behind `cursor` until nothing more is there: (cursor to continue from, items)."""
        while True:
            after = f"&after={cursor}" if cursor else ""
            page = self.call("GET", f"/v1/premiums/changes?limit={limit}{after}").value
            cursor = page["cursor"]
            if page["items"]:
                yield page["cursor"], page["items"]
            if not page["more"]:
                return

    # Everybody

    def call(
        self,
        method: str,
        path: str,
        *,
        body: bytes | None = None,
        content_type: str | None = None,
        message_id: str | None = None,
    ) -> Answer:
        """One signed request; see `prepare`."""
        prepared = self.prepare(method, path, body=body, content_type=content_type, message_id=message_id)
        return self.send(prepared)

    def prepare(
        self,
        method: str,
        path: str,
        *,
        body: bytes | None = None,
        content_type: str | None = None,
        message_id: str | None = None,
    ) -> requests.PreparedRequest:
        """A request under our signature: method, target, content and, where there is one, the Idempotency-Key."""
        headers = {}
        covered = list(_COVERED)
        if content_type is not None:
            headers["content-type"] = content_type
            covered.append("content-type")
        if message_id is not None:
            headers["idempotency-key"] = f'"{message_id}"'
            covered.append("idempotency-key")
        request = requests.Request(method, self._url + path, headers=headers, data=body)
        prepared = self._session.prepare_request(request)
        if body:
            covered.append("content-digest")
        now = datetime.now(UTC)
        self._signer.sign(
            prepared,
            key_id=self._key.keyid,
            created=now,
            expires=now + timedelta(minutes=5),
            nonce=secrets.token_urlsafe(18),
            covered_component_ids=covered,
            include_alg=False,
            body=body or None,
        )
        return prepared

    def send(self, prepared: requests.PreparedRequest) -> Answer:
        """Send a prepared request. Raises `Problem` on a refusal."""
        response = self._session.send(prepared, timeout=self._timeout, allow_redirects=False)
        kind = response.headers.get("content-type", "").split(";")[0]
        value = response.json() if kind in ("application/json", "application/problem+json") else None
        if response.status_code >= 400:
            raise Problem(response.status_code, value or {"title": response.reason})
        return Answer(response.status_code, value, response.content, response.headers)
