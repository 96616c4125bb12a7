"""One evidence bundle computed again, offline, in one process: the processor's time for each, beside its floor.

The floor is what no verifier can leave out: the digest of every file, the signatures of requests, log and manifest, the
signatures and SM3 digests of the sealed document, and each file read as JSON once.
"""

import base64
import hashlib
import statistics
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson

from benches.line import Line, of_rates, seconds_of
from benches.load import send
from benches.market import INSURER, Sale, sales, world
from benches.servers import Place, Server, place, service
from benches.verifications import made_by
from benches.wire import sign_all
from client import Gateway, Key, Problem
from gateway.bundle.read import Bundle, read_bundle
from gateway.bundle.verify import outcome_of, verify_bundle
from gateway.participants import Participant
from gateway.submissions.documents import judge_document
from schemas.verification import Outcome
from signing import TrustStore
from signing.algorithms import load_public_key
from signing.kept import forget

_ABOUT = ("/message.json", "/document.json")
_POLICIES = 4
_PATIENCE = 100  # tenths of a second until a checkpoint covers a premium


class NotVerified(Exception):
    """The bundle did not come out as it was told: what was measured is not the job."""


def run(seconds: float) -> Iterator[Line]:
    """The bundle of a policy with its sealed document and four receipts, in turns with the floor."""
    at = datetime.now(UTC).replace(microsecond=0)
    with place() as where, service(where, at, workers=1) as server:
        bundle = _bundle(server, sales(at, 0, _POLICIES), at)
        yield _measure(bundle, _trust(where), seconds)


def _trust(where: Place) -> Path:
    return where.folder / "service" / "trust"


def _bundle(server: Server, sold: list[Sale], at: datetime) -> bytes:
    key = world(at).insurer(INSURER).request_key
    for one in sold:
        for requests in ([one.document] if one.document else [], [one.policy], one.receipts):
            send(server.port, sign_all(requests, key, server.port), connections=1)
    policy_no = str(orjson.loads(sold[-1].policy.body)["record"]["policy_no"])
    with Gateway(f"http://127.0.0.1:{server.port}", Key.from_pem(key.keyid, key.pem)) as gateway:
        for _ in range(_PATIENCE):
            try:
                return gateway.evidence(INSURER, policy_no).body
            except Problem:
                time.sleep(0.1)
    raise NotVerified("no checkpoint covers the premium")


def _measure(data: bytes, trust: Path, seconds: float) -> Line:
    def verify() -> None:
        _, steps = verify_bundle(data, trust)
        if outcome_of(steps) is not Outcome.PASSED:
            raise NotVerified(str([step.as_json() for step in steps]))

    first = seconds_of(verify, time.process_time)
    bundle = read_bundle(data)
    floor = _Floor(data, bundle, trust)
    seals = seconds_of(floor.judge_documents, time.process_time)
    values: list[float] = []
    floors: list[float] = []
    emptied: list[float] = []
    end = time.perf_counter() + seconds
    while len(values) < 3 or time.perf_counter() < end:
        values.append(1 / seconds_of(verify, time.process_time))
        floors.append(1 / seconds_of(floor.repeat, time.process_time))
        forget()
        emptied.append(seconds_of(verify, time.process_time))
    return of_rates(
        "bundle.verify",
        "per second of one core",
        values,
        floors,
        bytes=len(data),
        files=len(bundle.files),
        milliseconds=round(1000 / statistics.median(values), 1),
        milliseconds_with_empty_caches=round(1000 * statistics.median(emptied), 1),
        milliseconds_of_the_first=round(1000 * first, 1),
        milliseconds_of_seals=round(1000 * seals, 1),
        rounds=len(values),
    )


class _Floor:
    """The least that any verifier of this bundle computes."""

    def __init__(self, data: bytes, bundle: Bundle, trust: Path) -> None:
        self._bundle = bundle
        self._trust = TrustStore.load(trust)
        self._people = {one["code"]: Participant.model_validate(one) for one in bundle.json("participants.json")}
        self._seals = made_by(lambda _: self.judge_documents(), [data, data])
        self._requests = [self._request(path) for path in bundle.files if path.endswith(_ABOUT)]

    def judge_documents(self) -> None:
        """The verdicts on the sealed documents, as verifying makes them."""
        for path in self._bundle.below("documents"):
            if path.endswith("/document.json"):
                about = self._bundle.json(path)
                document = self._bundle.files[path.replace("document.json", "bytes")]
                for number, told in enumerate(about["verdicts"]):
                    existed = datetime.fromisoformat(about["received_at"]) if number else None
                    at, owner = datetime.fromisoformat(told["at"]), self._people[about["insurer"]]
                    judge_document(document, about["media_type"], owner, self._trust, at, existed)

    def repeat(self) -> None:
        """All of it once."""
        for path, data in self._bundle.files.items():
            hashlib.sha256(data).digest()
            if path.endswith(".json"):
                orjson.loads(data)
        self._seals.repeat()
        for key, signature, base in self._requests:
            key.verify(signature, base)

    def _request(self, path: str) -> tuple[Any, bytes, bytes]:
        proof = self._bundle.json(path)["request"]
        key = load_public_key(base64.b64decode(proof["public_key"])).key
        return key, base64.b64decode(proof["signature"]), base64.b64decode(proof["base"])
