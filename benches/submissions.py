"""Submissions through HTTP, with every check and a durable commit, beside the floor of the same run.

The service and the floor (`benches.floor`) run beside each other, each with its own database in one PostgreSQL, and are
measured in turns on the same requests. The generator is this process, so its own share of the processors counts.
"""

import json
import statistics
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from time import process_time
from typing import Any

from benches.line import Line, of_rates
from benches.load import Answers, send
from benches.market import INSTALMENTS, INSURER, Sale, as_they_come, sales, world
from benches.servers import Place, Server, floor, place, service
from benches.templates import write_templates
from benches.verifications import made_by
from benches.wire import Unsigned, sign_all
from gateway.participants import load_participants
from gateway.submissions.documents import judge_document
from sandbox.keys import Key
from signing import TrustStore

_ROUNDS = 5
_PAGE = 100  # premiums
_LONG_CHUNK = 2000  # signed at once: long before the first of them is too old


class WrongAnswer(Exception):
    """The service answered something else than it should have: what was measured is not the job."""


@dataclass(frozen=True)
class Size:
    """How much is sent: policies of which each has a sealed document, and messages in the long run."""

    policies: int = 400
    long_run: int = 5000
    workers: int = 2
    connections: int = 32


@dataclass(slots=True)
class _Phase:
    """One phase's rates, and the processor time that went into it, in milliseconds a request."""

    name: str
    values: list[float] = field(default_factory=list)
    floors: list[float] = field(default_factory=list)
    latencies: list[float] = field(default_factory=list)
    cpu: dict[str, list[float]] = field(default_factory=dict)
    count: int = 0

    def line(self, **more: Any) -> Line:
        """Its result."""
        cpu = {name: round(statistics.median(values), 3) for name, values in self.cpu.items()}
        latencies = sorted(self.latencies)
        return of_rates(
            self.name,
            "per second",
            self.values,
            self.floors,
            requests=self.count,
            p50_ms=round(1000 * latencies[len(latencies) // 2], 1),
            p99_ms=round(1000 * latencies[len(latencies) * 99 // 100], 1),
            cpu_ms=cpu,
            **more,
        )


class _Run:
    """Service and floor of one run."""

    def __init__(self, where: Place, at: datetime, size: Size, stack: ExitStack) -> None:
        self._where = where
        self._at = at
        self._size = size
        self._stack = stack
        self.service = stack.enter_context(service(where, at, workers=size.workers))
        self._floor: Server | None = None
        self._key = world(at).insurer(INSURER).request_key

    def warm_up(self, sold: Sequence[Sale]) -> None:
        """Let the service do some of everything, and start the floor with what that left behind."""
        documents = _documents(sold)
        for requests in (documents, [one.policy for one in sold], [r for one in sold for r in one.receipts]):
            self._send(self.service, requests)
        insurer = world(self._at).insurer(INSURER)
        trust = TrustStore.load(self._where.folder / "service" / "trust")
        participants = load_participants(self._where.folder / "service" / "participants.json")
        owner = participants.find(INSURER)
        assert owner is not None
        seal = made_by(
            lambda document: judge_document(document, insurer.media_type, owner, trust, self._at),
            [one.body for one in documents],
        )
        templates = self._where.folder / "templates.json"
        write_templates(self.service.dsn, templates, seal)
        self._floor = self._stack.enter_context(floor(self._where, templates, workers=self._size.workers))
        self._send(self._floor, [one.policy for one in sold])

    def measure(
        self, name: str, requests: Sequence[Unsigned], told: str = "verified", *, key: Key | None = None
    ) -> Line:
        """Send the requests in rounds, each to the service and then to the floor, under the insurer's key or `key`."""
        assert self._floor is not None
        phase = _Phase(name)
        size = -(-len(requests) // _ROUNDS)
        found: Counter[str] = Counter()
        for start in range(0, len(requests), size):
            part = requests[start : start + size]
            answers = self._timed(phase, "service", self.service, part, key)
            found.update(_told(answers))
            phase.values.append(answers.rate)
            phase.floors.append(self._timed(phase, "floor", self._floor, part, key).rate)
            phase.latencies += answers.latencies
            phase.count += len(part)
        if set(found) != {told}:
            raise WrongAnswer(f"{name}: {dict(found)}, all should be {told}")
        return phase.line(answers=told, workers=self._size.workers, connections=self._size.connections)

    def _timed(
        self, phase: _Phase, name: str, server: Server, requests: Sequence[Unsigned], key: Key | None
    ) -> Answers:
        signed = sign_all(requests, key or self._key, server.port)
        clocks: dict[str, Callable[[], float]] = {
            name: server.cpu_seconds,
            f"{name}_database": self._where.database_cpu_seconds,
            f"{name}_generator": process_time,
        }
        before = {part: clock() for part, clock in clocks.items()}
        answers = self._check(send(server.port, signed, connections=self._size.connections), len(signed))
        for part, clock in clocks.items():
            phase.cpu.setdefault(part, []).append(1000 * (clock() - before[part]) / len(signed))
        return answers

    def hand_in(self, sold: Sequence[Sale]) -> None:
        """Hand their documents in, unmeasured."""
        self._send(self.service, _documents(sold))

    def _send(self, server: Server, requests: Sequence[Unsigned]) -> Answers:
        signed = sign_all(requests, self._key, server.port)
        return self._check(send(server.port, signed, connections=self._size.connections), len(signed))

    def _check(self, answers: Answers, count: int) -> Answers:
        if answers.statuses[200] + answers.statuses[201] != count:
            raise WrongAnswer(f"{dict(answers.statuses)}: {answers.samples[-1][:600].decode(errors='replace')}")
        return answers

    def long_run(self, first: int, count: int) -> Line:
        """Resident memory of the service's processes over `count` messages: the last tenth beside the first."""
        samples: list[int] = []
        statuses: Counter[str] = Counter()
        seconds = 0.0
        sent = 0
        for part in self._long_messages(first, count):
            answers = self._send(self.service, part)
            statuses.update(_told(answers))
            seconds += answers.seconds
            sent += len(part)
            samples.append(self.service.resident_bytes())
        tenth = max(1, len(samples) // 10)
        before, after = statistics.median(samples[:tenth]), statistics.median(samples[-tenth:])
        return Line(
            "memory.service",
            after / 2**20,
            "MiB resident in the last tenth",
            before / 2**20,
            before / after,
            more={
                "floor_is": "the first tenth of the same run",
                "growth": round(after / before, 3),
                "submissions": sent,
                "per_second": round(sent / seconds),
                "answers": dict(statuses),
                "samples": len(samples),
                "workers": self._size.workers,
            },
        )

    def _long_messages(self, first: int, count: int) -> Iterator[list[Unsigned]]:
        """Policies whose documents nobody hands in, and their receipts: made as they are sent, a chunk at a time."""
        chunk = min(_LONG_CHUNK, max(1, count // 20))
        policies = max(1, chunk // (1 + INSTALMENTS))
        sent = 0
        while sent < count:
            part = list(as_they_come(sales(self._at, first, policies, sealed=False)))
            first += policies
            sent += len(part)
            yield part


def _told(answers: Answers) -> Iterator[str]:
    """What the sampled answers say: a receipt's status, the outcome of a document's report, the length of a page."""
    for body in answers.samples:
        if body:
            value = json.loads(body)
            if "items" in value:
                yield f"page of {len(value['items'])}"
            else:
                yield str(value["status"] if "status" in value else value["report"]["outcome"])


def run(size: Size) -> Iterator[Line]:
    """Documents, policies, receipts, the mix of both, and memory."""
    at = datetime.now(UTC).replace(microsecond=0)
    warm = max(10, size.policies // 10)
    known = sales(at, 0, warm + 2 * size.policies)
    first, apart, mixed = known[:warm], known[warm : warm + size.policies], known[warm + size.policies :]
    with ExitStack() as stack:
        running = _Run(stack.enter_context(place()), at, size, stack)
        running.warm_up(first)
        yield running.measure("documents.put", _documents(apart), "passed")
        yield running.measure("submissions.policies", [one.policy for one in apart])
        by_turns = [one.receipts[number] for number in range(INSTALMENTS) for one in apart]
        yield running.measure("submissions.receipts", by_turns)
        running.hand_in(mixed)
        yield running.measure("submissions.mix", list(as_they_come(mixed)))
        page = Unsigned("GET", f"/v1/premiums/changes?limit={_PAGE}")
        reader = world(at).subsidy_system.request_key
        yield running.measure("feed.page", [page] * max(20, size.policies), f"page of {_PAGE}", key=reader)
        yield running.long_run(len(known), size.long_run)


def _documents(sold: Sequence[Sale]) -> list[Unsigned]:
    return [one.document for one in sold if one.document is not None]
