"""Pushing a history through the real interface of a gateway whose clock is moved from day to day."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

from sandbox.dialects import Sending, render
from sandbox.history.plan import History
from sandbox.history.send import Answered, Caller
from sandbox.history.telling import Event, HandedIn, Said, Word, envelope
from sandbox.insurers import Insurer
from sandbox.records import Record

_STANDARD = "DIA-CANON-JSON"
_LISTS = ("DIA-CSV-LIST", "DIA-XLSX-BDX")  # whose header is that of policies
_FEW = 2  # messages of the standard schema that are sent one by one; more are sent as a file
_LATER = timedelta(minutes=40)


@dataclass(slots=True)
class Loaded:
    """What was sent, and every answer that was not the one that the plan asks for."""

    days: int = 0
    policies: int = 0
    records: int = 0
    papers: int = 0
    refused: int = 0
    unexpected: list[str] = field(default_factory=list)

    def add(self, other: "Loaded") -> None:
        """Both together."""
        self.policies += other.policies
        self.records += other.records
        self.papers += other.papers
        self.refused += other.refused
        self.unexpected += other.unexpected


def move_clock(file: Path, at: datetime) -> None:
    """Put the clock of a sandbox's gateway forward: another file in the place of the one that it reads."""
    new = file.with_suffix(".new")
    new.write_text(at.isoformat(), encoding="ascii")
    new.replace(file)


def load(history: History, port: int, clock: Path, told: Callable[[date, Loaded], None] | None = None) -> Loaded:
    """Tell everything, day by day; each day's insurers at once. `told` hears of each day that is over.

    Raises `Unanswered` where the gateway fails. What is refused and should not be stands in the result.
    """
    world, done = history.world, Loaded()
    keys = {one.code: one.request_key for one in world.insurers}
    keys |= {"SUBSIDY": world.subsidy_system.request_key, "REGULATOR": world.regulator.request_key}
    keys |= {"OPERATOR": world.operator.request_key}
    with ExitStack() as stack:
        pool = stack.enter_context(ThreadPoolExecutor(len(world.insurers)))
        callers = {code: stack.enter_context(Caller(port, key)) for code, key in keys.items()}
        inquiries: dict[str, str] = {}
        for day, events in history.by_day():
            at = history.days.moment(day, world.seed)
            move_clock(clock, at)
            words = [one for one in events if isinstance(one, Word)]
            for word in (one for one in words if one.method == "PUT"):
                _speak(callers[word.who], word, at, done, inquiries)
            by_insurer = _by_insurer(events)
            tasks = [
                pool.submit(_tell, callers[code], world.insurer(code), day, at, said)
                for code, said in sorted(by_insurer.items())
            ]
            for task in tasks:
                done.add(task.result())
            if later := [one for one in words if one.method != "PUT"]:
                move_clock(clock, at + _LATER)
                for word in later:
                    _speak(callers[word.who], word, at + _LATER, done, inquiries)
            done.days += 1
            if told is not None:
                told(day, done)
        move_clock(clock, world.at)
    return done


def _by_insurer(events: Sequence[Event]) -> dict[str, list[Said | HandedIn]]:
    found: dict[str, list[Said | HandedIn]] = {}
    for one in events:
        if not isinstance(one, Word):
            found.setdefault(one.insurer, []).append(one)
    return found


def _speak(caller: Caller, word: Word, at: datetime, done: Loaded, inquiries: dict[str, str]) -> None:
    path = word.path.replace("{inquiry}", inquiries.get(word.inquiry, ""))
    answer = caller.call(at, word.method, path, word.body, word.content_type)
    if answer.status >= 400:
        done.unexpected.append(f"{word.day} {word.who} {path}: {answer.status} {answer.rules()[:3]}")
    elif word.inquiry:
        inquiries[word.inquiry] = str(answer.json()["id"])


def _tell(caller: Caller, insurer: Insurer, day: date, at: datetime, events: Sequence[Said | HandedIn]) -> Loaded:
    """What one insurer tells on one day: its papers, then its records, in as few messages as its format allows."""
    done = Loaded()
    own: list[Record] = []
    plain: list[Record] = []
    single: list[tuple[Said, Record]] = []
    for one in events:
        if isinstance(one, HandedIn):
            _hand_in(caller, one.paper.make(), one.paper.media_type, at, done)
            continue
        record = _with_papers(caller, one, at, done)
        done.records += 1
        done.policies += record.type == "policy"
        if one.alone:
            single.append((one, record))
        elif one.plain or insurer.dialect == _STANDARD:
            plain.append(record)
        else:
            own.append(record)
    sending = _Sending(caller, insurer, day, at, done)
    plain += sending.send_own(own)
    sending.send_plain(plain)
    for one, record in single:
        sending.send_alone(one, record)
    return done


def _with_papers(caller: Caller, one: Said, at: datetime, done: Loaded) -> Record:
    named = []
    for paper in one.papers:
        content = paper.make()
        digest = _hand_in(caller, content, paper.media_type, at, done)
        named.append({"kind": paper.kind, "digest": digest, "media_type": paper.media_type})
    return one.record.with_({"documents": named}) if named else one.record


def _hand_in(caller: Caller, content: bytes, media_type: str, at: datetime, done: Loaded) -> str:
    answer = caller.hand_in(at, content, media_type)
    done.papers += 1
    if answer.status >= 400:
        done.unexpected.append(f"{at:%Y-%m-%d} a document: {answer.status} {answer.body[:200]!r}")
        return ""
    return str(answer.json()["digest"])


@dataclass(slots=True)
class _Sending:
    """One insurer's messages of one day, numbered."""

    caller: Caller
    insurer: Insurer
    day: date
    at: datetime
    done: Loaded
    number: int = 0

    def message_id(self) -> str:
        """The next one."""
        self.number += 1
        return f"{self.insurer.prefix}-H{self.day:%y%m%d}-{self.number:03d}"

    def send_own(self, records: Sequence[Record]) -> list[Record]:
        """Messages in the insurer's own format; the records that it cannot say."""
        left: list[Record] = []
        for media_type, body, message_id, _ in _rendered(self.insurer, records, left, self.message_id, self.at):
            self._submit(body, media_type, message_id, "own")
        return left

    def send_plain(self, records: Sequence[Record]) -> None:
        """Messages in the standard schema: one by one, or as a file of lines."""
        lines = [self._line(one) for one in records]
        if len(lines) <= _FEW:
            for line, record in zip(lines, records, strict=True):
                self._submit(line, "application/json", None, record.type)
            return
        told = self.caller.batch(self.at, b"\n".join(lines) + b"\n")
        if told["refused"] or told["conflicts"]:
            path = f"/v1/batches/{told['batch']}/results"
            for line in self.caller.call(self.at, "GET", path).body.splitlines():
                result = json.loads(line)
                if result["status"] not in ("verified", "held"):
                    record = records[result["row"] - 1]
                    why = [f"{one['rule']}: {one['reason']}" for one in result["problems"]]
                    self._unexpected(record.type, result["status"], why)

    def send_alone(self, one: Said, record: Record) -> None:
        """A message that is going to be refused."""
        left: list[Record] = []
        message_id = None
        if one.plain or self.insurer.dialect == _STANDARD:
            media_type, body = "application/json", self._line(record)
        else:
            rendered = list(_rendered(self.insurer, [record], left, self.message_id, self.at))
            if left:
                media_type, body = "application/json", self._line(record)
            else:
                media_type, body, message_id, _ = rendered[0]
        if one.spoil:
            media_type, body = _spoiled(media_type, body, lambda: self._line(record, rebate="80000.00"))
        answer = self.caller.call(self.at, "POST", "/v1/submissions", body, media_type, message_id)
        self.done.refused += answer.status >= 400
        if answer.status < 400 and one.spoil:
            self._unexpected(record.type, str(answer.status), ["was to be refused"])

    def _line(self, record: Record, **more: Any) -> bytes:
        said = envelope(record.type, self.message_id(), self.at, {**record.body, **more})
        return json.dumps(said | {"insurer": self.insurer.code}, ensure_ascii=False).encode()

    def _submit(self, body: bytes, media_type: str, message_id: str | None, what: str) -> None:
        answer: Answered = self.caller.call(self.at, "POST", "/v1/submissions", body, media_type, message_id)
        if answer.status >= 400:
            self._unexpected(what, str(answer.status), answer.rules())

    def _unexpected(self, what: str, status: str, why: Sequence[str]) -> None:
        self.done.refused += 1
        self.done.unexpected.append(f"{self.day} {self.insurer.code} {what}: {status} {list(why)[:4]}")


Rendered = tuple[str, bytes, str, Sequence[Record]]


def _rendered(
    insurer: Insurer, records: Sequence[Record], left: list[Record], name: Callable[[], str], at: datetime
) -> Iterator[Rendered]:
    """The records in the insurer's own format: all in one message, or a message for each type, or for each record, as
    far as the format can say it; what it cannot say is added to `left`."""
    if not records:
        return
    if insurer.dialect in _LISTS and all(one.type != "policy" for one in records):
        left += records
        return
    message_id = name()
    try:
        media_type, body = render(insurer.dialect, records, Sending(insurer.code, message_id, at))
    except (ValueError, KeyError):
        parts = _parts(records)
        if not parts:
            left += records
            return
        for part in parts:
            yield from _rendered(insurer, part, left, name, at)
        return
    yield media_type, body, message_id, records


def _parts(records: Sequence[Record]) -> list[list[Record]]:
    """Smaller messages: by type, or record by record; none of a single record."""
    if len(records) == 1:
        return []
    types: dict[str, list[Record]] = {}
    for one in records:
        types.setdefault(one.type, []).append(one)
    return list(types.values()) if len(types) > 1 else [[one] for one in records]


def _spoiled(media_type: str, body: bytes, line: Callable[[], bytes]) -> tuple[str, bytes]:
    """The message with a field that nobody knows: a rebate 返还."""
    changed = body.replace(b"</BASE_PART>", b"<N_REBATE>80000.00</N_REBATE></BASE_PART>", 1)
    return (media_type, changed) if changed != body else ("application/json", line())


def shown(done: Loaded) -> Mapping[str, int]:
    """The counts, for who asks."""
    names = ("days", "policies", "records", "papers", "refused")
    return {name: getattr(done, name) for name in names} | {"unexpected": len(done.unexpected)}
