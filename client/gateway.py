"""The gateway's API as methods: one call, one signed request, one answer or one `Problem`."""

import hashlib
import json
import secrets
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
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


class Gap(Exception):
    """The feed does not go on where the last page ended: something was lost, here or on the way. Stop and look."""


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
        query = f"?as_of={_moment(as_of)}" if as_of else ""
        return self.call("GET", f"/v1/insurers/{insurer}/policies/{policy_no}/premium{query}")

    def batch(self, lines: bytes) -> Answer:
        """Hand in a whole file: JSON Lines, each line a message of the standard schema. Answers its id at once.

        The same file again is the same batch.
        """
        return self.call("POST", "/v1/batches", body=lines, content_type="application/jsonl")

    def batch_progress(self, identity: str) -> Answer:
        """How far a batch is: rows, and how many of them were verified, held, refused."""
        return self.call("GET", f"/v1/batches/{identity}")

    def batch_results(self, identity: str, *, after: int = 0, limit: int = 1000) -> list[dict[str, Any]]:
        """The answer to each line behind `after`: its receipt, or its problems."""
        answer = self.call("GET", f"/v1/batches/{identity}/results?after={after}&limit={limit}")
        return [json.loads(line) for line in answer.body.splitlines()]

    def evidence(self, insurer: str, policy_no: str) -> Answer:
        """The evidence bundle of a premium: a ZIP in `body`, to be verified with `gateway evidence verify`."""
        return self.call("GET", f"/v1/insurers/{insurer}/policies/{policy_no}/evidence")

    def history(self, insurer: str, policy_no: str) -> Answer:
        """Every revision of a premium."""
        return self.call("GET", f"/v1/insurers/{insurer}/policies/{policy_no}/history")

    def changes(
        self, cursor: str | None = None, *, limit: int = 100, wait: int | None = None
    ) -> Iterator[tuple[str, list[dict[str, Any]]]]:
        """Pages of the feed behind `cursor`: (cursor to continue from, items). Keep the cursor with what you made of
        the items, as one; who begins again from it misses nothing and sees nothing twice.

        Ends when nothing more is there; with `wait` (seconds, at most 30) never: it waits for what comes next. Raises
        `Gap` if a page does not go on where the last one ended.
        """
        last: int | None = None if cursor else 0
        while True:
            page = self.page(cursor, limit=limit, wait=wait or 0).value
            for item in page["items"]:
                if last is not None and item["previous"] != last:
                    raise Gap(f"position {item['position']} follows {item['previous']}, not {last}")
                last = item["position"]
            cursor = page["cursor"]
            if page["items"]:
                yield page["cursor"], page["items"]
            if wait is None and not page["more"]:
                return

    def page(self, cursor: str | None = None, *, limit: int = 100, wait: int = 0, up_to: int | None = None) -> Answer:
        """One page of the feed: `items`, `cursor`, `more`, `head`, and `complete_up_to` of each insurer; with `up_to`
        a position, the same bytes for ever."""
        asked = {"limit": limit, "after": cursor, "wait": wait or None, "up_to": up_to}
        return self.call("GET", "/v1/premiums/changes" + _query(asked))

    def completeness(
        self, insurer: str, *, first: date | None = None, last: date | None = None, as_of: datetime | None = None
    ) -> Answer:
        """Each day's control totals of an insurer against what is known of that day, and `complete_up_to`."""
        asked = {"from": first, "to": last, "as_of": _moment(as_of) if as_of else None}
        return self.call("GET", f"/v1/insurers/{insurer}/completeness" + _query(asked))

    def subscribe(self, url: str, types: Sequence[str] | None = None, *, from_position: int | None = None) -> Answer:
        """Have events sent to an address of yours: all types, or these; from now on, or from behind a position of the
        feed. The answer states the secret, this once: `client.webhooks.read_event` needs it."""
        asked = {"url": url, "types": types, "from_position": from_position}
        return self._post("/v1/subscriptions", {name: value for name, value in asked.items() if value is not None})

    def subscriptions(self) -> Answer:
        """Your subscriptions, living and ended, and how each goes."""
        return self.call("GET", "/v1/subscriptions")

    def subscription(self, identity: str) -> Answer:
        """One subscription: what is taken up, what waits, since when nothing was accepted."""
        return self.call("GET", f"/v1/subscriptions/{identity}")

    def attempts(self, identity: str, *, limit: int = 100) -> Answer:
        """The latest attempts to send to a subscription, newest first."""
        return self.call("GET", f"/v1/subscriptions/{identity}/attempts?limit={limit}")

    def replay(self, identity: str, from_position: int) -> Answer:
        """Have everything behind a position of the feed sent again, under the same ids, and what was given up."""
        return self._post(f"/v1/subscriptions/{identity}/replay", {"from_position": from_position})

    def unsubscribe(self, identity: str) -> Answer:
        """End a subscription."""
        return self.call("DELETE", f"/v1/subscriptions/{identity}")

    def _post(self, path: str, value: Mapping[str, Any]) -> Answer:
        return self.call("POST", path, body=json.dumps(value).encode(), content_type="application/json")

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


def _moment(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _query(asked: Mapping[str, Any]) -> str:
    """The query string of what is asked for; what is None is not."""
    given = [f"{name}={value}" for name, value in asked.items() if value is not None]
    return "?" + "&".join(given) if given else ""
