"""Reading and writing formats in one process: each dialect beside the bare reader of its syntax, and canonical JSON.

The floor of a dialect is its file merely parsed, in the same run: by `csv`, by `json`, by lxml with one look at each
element (the others hand every value over too), by the spreadsheet reader row by row; lines and groups that have no
reader of their own are split. A ratio of 0.33 is three times the time of the parse. `bare` is the same against what the
parser alone takes, trees untouched; `lineage` the rate where the lineage of every record is written out as well.
Seconds are those that a core works, so that others on the machine count less.
"""

import csv
import io
import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from time import process_time

import orjson
from lxml import etree

from adapters import translate
from benches.files import file_of
from benches.line import Line, race, seconds_of
from benches.market import world
from schemas.canonical import as_json, canonical
from schemas.submission import RECORDS
from untrusted import read_xlsx

_ROWS, _FEW, _BRIEF = 1000, 50, 0.1  # how many rows a file has; fewer in a brief run

Reader = Callable[[bytes], object]


def _tree(data: bytes) -> etree._Element:
    # As libxml2 would have it: it knows GBK by its larger name.
    text = data.decode("gb18030" if b'encoding="GBK"' in data[:60] else "utf-8")
    return etree.fromstring(text.replace('encoding="GBK"', 'encoding="UTF-8"', 1).encode())


def _looked_at(root: etree._Element) -> None:
    for element in root.iter():
        _ = element.tag, element.text


def _xml(data: bytes) -> None:
    _looked_at(_tree(data))


def _envelope(data: bytes) -> None:
    _looked_at(_message(data))


def _message(data: bytes) -> etree._Element:
    inner = _tree(data)[1][0][0].text or ""
    return etree.fromstring(inner.replace(' encoding="GBK"', "", 1).encode())


def _csv(encoding: str) -> Reader:
    def read(data: bytes) -> None:
        for _ in csv.reader(io.StringIO(data.decode(encoding), newline="")):
            pass

    return read


def _lines(data: bytes) -> list[list[str]]:
    return [line.split("|!|") for line in data.decode().split("\n")]


def _groups(data: bytes) -> list[str]:
    text, at = data.decode("ascii"), 0
    found: list[str] = []
    while at < len(text):
        length = int(text[at + 4 : at + 7])
        found.append(text[at : at + length])
        at += length
    return found


def _json_lines(data: bytes) -> list[object]:
    return [json.loads(line) for line in data.split(b"\n") if line]


def _sheets(data: bytes) -> None:
    for sheet in read_xlsx(data).sheets:
        for _ in sheet.rows():
            pass


_READERS: dict[str, Reader] = {
    "DIA-CHANNEL-XML": _xml,
    "DIA-SOAP-XML": _envelope,
    "DIA-CSV-LIST": _csv("gb18030"),
    "DIA-XLSX-BDX": _sheets,
    "DIA-PRPC-JSON": json.loads,
    "DIA-CANON-JSON": _json_lines,
    "DIA-ACORD-XML": _xml,
    "DIA-ACORD-AL3": _groups,
    "DIA-CRS-CSV": _csv("utf-8"),
    "DIA-RECEIPT-JSON": json.loads,
    "DIA-EINV-XML": _xml,
    "DIA-EAST-TXT": _lines,
}
_BARE: dict[str, Reader] = {
    "DIA-CHANNEL-XML": _tree,
    "DIA-SOAP-XML": _message,
    "DIA-ACORD-XML": _tree,
    "DIA-EINV-XML": _tree,
}


def run(seconds: float) -> Iterator[Line]:
    """A file of a thousand rows in each dialect (SOAP has one message a file); then one policy in canonical form."""
    for code in _READERS:
        yield _adapter(code, seconds)
    at = datetime.now(UTC).replace(microsecond=0)
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


def _adapter(code: str, seconds: float) -> Line:
    data = file_of(code, _ROWS if seconds > _BRIEF else _FEW)
    records = _translated(code, data)
    read, bare = _READERS[code], _BARE.get(code)
    line = race(
        f"adapter.{code.lower()}",
        "records per second per core",
        lambda: _translated(code, data),
        lambda: read(data),
        amount=records,
        seconds=seconds,
        clock=process_time,
        records=records,
        bytes=len(data),
    )
    written = [records / seconds_of(lambda: _translated(code, data, written=True), process_time) for _ in range(3)]
    line.more["lineage"] = round(max(written))
    if bare is not None:
        alone = min(seconds_of(lambda: bare(data), process_time) for _ in range(line.more["rounds"]))
        line.more["bare"] = round(alone * line.value / records, 4)
    return line


def _translated(code: str, data: bytes, *, written: bool = False) -> int:
    """How many records; raises ValueError on a problem, which would end the work early."""
    count = 0
    for row in translate(code, data):
        if row.problems:
            raise ValueError(f"{code}: {row.problems[0]}")
        count += len(row.records)
        if written:
            for draft in row.records:
                dict(draft.lineage)
    return count
