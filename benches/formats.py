"""Reading and writing formats in one process: adapters beside the bare readers of their syntax, and canonical JSON."""

import csv
import io
import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime

import orjson
from lxml import etree

from adapters import translate
from benches.line import Line, race
from benches.market import world
from sandbox.records import Record
from schemas.canonical import as_json, canonical
from schemas.submission import RECORDS

_POLICIES = 100


def _xml(data: bytes) -> None:
    # As libxml2 would have it: it knows GBK by its larger name.
    text = data.decode("gb18030").replace('encoding="GBK"', 'encoding="UTF-8"', 1)
    sum(1 for _ in etree.fromstring(text.encode()).iter())


def _csv(data: bytes) -> None:
    sum(1 for _ in csv.reader(io.StringIO(data.decode("gb18030"))))


_READERS: dict[str, tuple[str, Callable[[bytes], None]]] = {
    "SANDBOX-A": ("adapter.channel-xml", _xml),
    "SANDBOX-B": ("adapter.policy-list", _csv),
    "SANDBOX-C": ("adapter.canonical-json", lambda data: json.loads(data)),
}


def run(seconds: float) -> Iterator[Line]:
    """A message of a hundred policies with their receipts in each dialect; then one policy in canonical form."""
    at = datetime.now(UTC).replace(microsecond=0)
    for code, (bench, reader) in _READERS.items():
        yield _adapter(bench, code, reader, at, seconds)
    insurer = world(at).insurer("SANDBOX-C")
    noun = RECORDS["policy"].model_validate(world(at).policy(insurer, 1).body)
    plain = as_json(noun)
    yield race(
        "canonical-json.policy",
        "documents per second",
        lambda: [canonical(noun) for _ in range(100)],
        lambda: [orjson.dumps(plain, option=orjson.OPT_SORT_KEYS) for _ in range(100)],
        amount=100,
        seconds=seconds,
        bytes=len(canonical(noun)),
    )


def _adapter(bench: str, code: str, reader: Callable[[bytes], None], at: datetime, seconds: float) -> Line:
    insurer = world(at).insurer(code)
    sent: list[Record] = []
    for number in range(_POLICIES):
        facts = world(at).policy(insurer, number)
        sent += [facts, world(at).receipt(facts)]
    media_type, data = world(at).render_message(insurer, sent, "BENCH-1")
    rows = _translated(insurer.dialect, data, media_type, code)
    return race(
        bench,
        "records per second",
        lambda: _translated(insurer.dialect, data, media_type, code),
        lambda: reader(data),
        amount=rows,
        seconds=seconds,
        records=rows,
        bytes=len(data),
    )


def _translated(dialect: str, data: bytes, media_type: str, code: str) -> int:
    """How many records; raises ValueError on a problem, which would end the work early."""
    count = 0
    for row in translate(dialect, data, media_type=media_type, insurer=code):
        if row.problems:
            raise ValueError(f"{dialect}: {row.problems[0]}")
        count += len(row.records)
    return count
