"""The gateway's API under a key: one call, one signed request, one answer or one `Problem`."""

import secrets
from datetime import UTC, datetime, timedelta

import requests
from http_message_signatures import HTTPMessageSigner

from client.calls import Answer, Calls, Gap, Problem
from client.keys import Key

__all__ = ["Answer", "Gap", "Gateway", "Problem"]

_COVERED = ("@method", "@target-uri")


class Gateway(Calls):
    """A connection to one gateway under one key. Use it in a `with`; it is for one thread.

    Every method raises `Problem` on a refusal and `requests.RequestException` where the network fails. A request may
    then be sent again: the gateway gives one final answer per message, whatever happened in between.
    """

    def __init__(self, url: str, key: Key, *, language: str = "zh", timeout: float = 60.0) -> None:
        super().__init__(url, language=language, timeout=timeout)
        self._key = key
        self._signer = HTTPMessageSigner(signature_algorithm=key.algorithm_class(), key_resolver=key)

    def call(
        self,
        method: str,
        path: str,
        *,
        body: bytes | None = None,
        content_type: str | None = None,
        message_id: str | None = None,
        accept: str | None = None,
    ) -> Answer:
        """One signed request; see `prepare`."""
        prepared = self.prepare(method, path, body=body, content_type=content_type, message_id=message_id)
        if accept is not None:
            prepared.headers["accept"] = accept
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
