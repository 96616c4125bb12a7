"""The gateway's API as methods, whoever calls: one call, one request, one answer or one `Problem`."""

import hashlib
import json
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from types import TracebackType
from typing import Any, Self

import requests


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


class Calls(ABC):
    """What can be asked of a gateway. `client.gateway.Gateway` asks under a key, `client.session.Session` as a person
    who is signed in: that one reads, and what acts is refused.

    Use it in a `with`; it is for one thread. Every method raises `Problem` on a refusal and
    `requests.RequestException` where the network fails.
    """

    def __init__(self, url: str, *, language: str = "zh", timeout: float = 60.0) -> None:
        self._url = url.rstrip("/")
        self._timeout = timeout
        self._session = requests.Session()
        self._session.headers["accept-language"] = language

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the connection."""
        self._session.close()

    @abstractmethod
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
        """One request; `path` begins with `/` and has its query. Raises `Problem` on a refusal."""

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

    def rehearse(self, body: bytes, content_type: str = "application/json") -> Answer:
        """What `submit` would answer now; nothing is kept. A session may ask for this too."""
        return self.call("POST", "/v1/submissions?dry_run=true", body=body, content_type=content_type)

    def receipt(self, *, message_id: str | None = None, submission_id: str | None = None) -> Answer:
        """The one final answer to a message that was sent before."""
        if submission_id is not None:
            return self.call("GET", f"/v1/submissions/{submission_id}")
        return self.call("GET", f"/v1/submissions?message_id={message_id}")

    def filed_receipt(self, submission_id: str, *, proof: bool = False) -> Answer:
        """The receipt to be filed: a compact JWS in `body`; with `proof` in the proof of its leaf (tlog-proof), once a
        checkpoint covers it. `client.receipts.verify_receipt` verifies both."""
        return self.call("GET", f"/v1/submissions/{submission_id}/receipt.{'tlog-proof' if proof else 'jws'}")

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

    def send(self, prepared: requests.PreparedRequest) -> Answer:
        """Send a prepared request. Raises `Problem` on a refusal."""
        return read_answer(self._session.send(prepared, timeout=self._timeout, allow_redirects=False))


def read_answer(response: requests.Response) -> Answer:
    """The answer that this response is. Raises `Problem` on a refusal."""
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
