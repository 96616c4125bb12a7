"""A file read as it comes gives what it gives when it is read at once, and no more memory than a small one takes."""

import gzip
import io
import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from translated import CSV_HEAD, RECEIPT, csv, message, records, told

from adapters import Row, stream, translate
from adapters.insurers import MAPPINGS
from adapters.spilled import spill
from adapters.streaming import Streamed
from adapters.translate import rows_of
from benches.files import FILES, file_of
from benches.streams import STREAMED
from tests.shared import shared
from untrusted import STREAM, FileBytes, Limits, Record, Refused, decode, read_csv, stream_csv, stream_xlsx
from untrusted.text import decode_pieces

SAMPLES = shared("domain/samples")
OURS = [path for path in sorted(SAMPLES.glob("*/*")) if ".expected." not in path.name and path.parent.name in MAPPINGS]
ROOT = Path(__file__).parents[2]


class Crumbs(FileBytes):
    """A file that comes in small pieces."""

    def __init__(self, data: bytes, size: int) -> None:
        super().__init__(io.BytesIO(data))
        self._length = size

    def pieces(self, start: int = 0, stop: int | None = None) -> Iterator[bytes]:
        end = len(self) if stop is None else min(stop, len(self))
        return (self[at : min(at + self._length, end)] for at in range(start, end, self._length))


def whole(rows: list[Row]) -> list[Any]:
    """Everything that rows say, as plain values."""
    return [
        (row.row, [(one.type, one.record, dict(one.lineage), one.keys, one.nth) for one in row.records], row.problems)
        for row in rows
    ]


@pytest.mark.parametrize("path", OURS, ids=lambda path: f"{path.parent.name}-{path.name}")
def test_a_sample_gives_the_same_rows(path: Path) -> None:
    code, data = path.parent.name, path.read_bytes()
    wanted = whole(list(translate(code, data, file_name=path.name)))
    assert whole(list(stream(code, path))) == wanted
    with path.open("rb") as file:
        assert whole(list(stream(code, file, file_name=path.name))) == wanted
        assert not file.closed


@pytest.mark.parametrize("size", [1, 7, 100])
def test_where_pieces_end_changes_nothing(size: int) -> None:
    for path in OURS:
        mapping, data = MAPPINGS[path.parent.name], path.read_bytes()
        wanted = list(translate(path.parent.name, data, file_name=path.name))
        if not isinstance(mapping.format, Streamed) or any(row.row == 0 for row in wanted):
            continue
        opened = mapping.format.stream(Crumbs(data, size), mapping, path.name, None, STREAM)
        if opened is not None:
            shared_rows = {row.row for row in wanted}
            assert whole(list(rows_of(opened, mapping, path.parent.name, shared_rows))) == whole(wanted)


SMALL = Limits(cell_characters=20, columns=6, record_characters=64)
TEXTS = st.text(st.sampled_from('ab,,"\n\r中𠮷'), max_size=60)


def told_of(records: Iterator[Record]) -> list[Any]:
    found: list[Any] = []
    try:
        found.extend(records)
    except Refused as error:
        found.append((error.rule, error.reason, error.where))
    return found


@settings(max_examples=300, deadline=None)
@given(text=TEXTS, size=st.integers(1, 9))
def test_records_are_the_same_in_pieces(text: str, size: int) -> None:
    data = text.encode()
    assert told_of(stream_csv(Crumbs(data, size), limits=SMALL)) == told_of(read_csv(data, limits=SMALL))


@settings(max_examples=300, deadline=None)
@given(
    data=st.lists(st.sampled_from([b"a", b"\0", b"\x80", b"\xff", b"\xd6\xd0", b"\xe4\xb8\xad"])).map(b"".join),
    head=st.sampled_from([b"", b"\xef\xbb\xbf"]),
    size=st.integers(1, 5),
)
def test_text_is_the_same_in_pieces(data: bytes, head: bytes, size: int) -> None:
    data = head + data
    for encodings in (frozenset({"utf-8"}), frozenset({"gb18030", "utf-8-sig"}), frozenset({"utf-8-sig"})):
        pieces = [data[at : at + size] for at in range(0, len(data), size)]
        assert text_or_refusal(data, encodings) == text_or_refusal(pieces, encodings)


def text_or_refusal(data: bytes | list[bytes], encodings: frozenset[str]) -> Any:
    try:
        return decode(data, encodings) if isinstance(data, bytes) else "".join(decode_pieces(data, encodings))
    except Refused as error:
        return error.rule, error.reason


def test_rows_that_repeat_are_found_across_the_file() -> None:
    rows = [{"保单号": f"PZAC{number:018d}"} for number in range(400)]
    data = csv(*rows, rows[3], {**rows[5], "投保人": "乙"}, head=CSV_HEAD)
    found = list(stream("DIA-CSV-LIST", io.BytesIO(data)))
    assert whole(found) == whole(list(translate("DIA-CSV-LIST", data)))
    assert {(rule, row) for row, rule, _ in told(found)} == {
        ("row.duplicate", 402),
        ("row.conflict", 7),
        ("row.conflict", 403),
    }


def test_a_long_line_of_json_is_one_message() -> None:
    data = b"\n".join(
        message("premium_receipt", {**RECEIPT, "receipt_no": f"SK-{n}"}, message_id=f"M-{n}") for n in range(3)
    )
    found = list(stream("DIA-CANON-JSON", io.BytesIO(b"\xef\xbb\xbf" + data + b"\n\n"), file_name="x.jsonl"))
    assert [one["record"]["receipt_no"] for one in records(found)] == ["SK-0", "SK-1", "SK-2"]


def refused(code: str, data: bytes, limits: Limits = STREAM) -> tuple[str, str]:
    (row,) = stream(code, io.BytesIO(data), limits=limits)
    (problem,) = row.problems
    assert (row.row, problem.effect) == (0, "F")
    return problem.rule, problem.reason


def test_what_is_too_large_is_refused_before_any_row() -> None:
    data = file_of("DIA-CSV-LIST", 20)
    assert refused("DIA-CSV-LIST", data, replace(STREAM, file_bytes=100)) == ("file.too-large", "bytes")
    assert refused("DIA-CSV-LIST", data, replace(STREAM, rows=10)) == ("file.too-large", "items")
    assert refused("DIA-CSV-LIST", data, replace(STREAM, cells=100)) == ("file.too-large", "items")
    endless = b'"' + b"x" * (STREAM.record_characters + 1)
    assert refused("DIA-CSV-LIST", endless) == ("cell.too-long", "characters")
    extract = file_of("DIA-EAST-TXT", 20)
    assert refused("DIA-EAST-TXT", extract, replace(STREAM, rows=10)) == ("file.too-large", "rows")
    assert refused("DIA-EAST-TXT", extract + b"x" * (STREAM.record_characters + 1)) == ("cell.too-long", "characters")
    assert refused("DIA-EAST-TXT", gzip.compress(extract)[:-3]) == ("archive.truncated", "cut-off")
    assert refused("DIA-EAST-TXT", gzip.compress(extract) + b"x") == ("archive.malformed", "suffix")
    bomb = gzip.compress(extract + bytes(3_000_000))
    assert refused("DIA-EAST-TXT", bomb, replace(STREAM, ratio=2)) == ("archive.bomb", "ratio")
    sheet = file_of("DIA-XLSX-BDX", 20)
    assert refused("DIA-XLSX-BDX", sheet, replace(STREAM, cells=100)) == ("file.too-large", "items")
    assert refused("DIA-XLSX-BDX", sheet, replace(STREAM, sheet_markup=100)) == ("file.too-large", "items")
    assert refused("DIA-XLSX-BDX", sheet[:-40]) == ("archive.malformed", "no-end")
    lines = file_of("DIA-CANON-JSON", 3)
    assert refused("DIA-CANON-JSON", lines + b"{}" * 20_000_000) == ("file.too-large", "bytes")


def test_a_mistake_at_the_end_is_told_before_any_row() -> None:
    lines = file_of("DIA-CANON-JSON", 5)
    assert refused("DIA-CANON-JSON", lines + b"[1,2]\n") == ("dialect.unrecognised", "not-an-object")
    assert refused("DIA-CANON-JSON", lines + b"{") == ("json.malformed", "syntax")
    assert refused("DIA-CSV-LIST", file_of("DIA-CSV-LIST", 5) + b"\xff") == ("encoding.undecodable", "not-gb18030")
    assert refused("DIA-EAST-TXT", file_of("DIA-EAST-TXT", 5) + b"x")[0] == "file.count-mismatch"


def test_texts_that_cells_share_do_not_fill_the_disk() -> None:
    (sheet,) = stream_xlsx(FileBytes(io.BytesIO(file_of("DIA-XLSX-BDX", 20)))).sheets
    with pytest.raises(Refused, match=r"file\.too-large"):
        spill(sheet, most=1000)


def test_messages_keep_the_limits_of_messages() -> None:
    assert refused("DIA-CHANNEL-XML", b" " * (33 << 20)) == ("file.too-large", "bytes")
    assert refused("DIA-PRPC-JSON", b"[" + b" " * (33 << 20)) == ("file.too-large", "bytes")


_PEAK = """
import json, resource, sys
from pathlib import Path
from adapters import stream
from benches.streams import write
peaks = []
for rows in (int(sys.argv[2]) // 8, int(sys.argv[2])):
    path = Path(sys.argv[3], str(rows) + sys.argv[4])
    write(sys.argv[1], path, rows)
    assert sum(len(row.problems) for row in stream(sys.argv[1], path)) == 0
    peaks.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)
print(json.dumps(peaks))
"""
_ROWS = {"DIA-CSV-LIST": 20_000, "DIA-XLSX-BDX": 5_000}


@pytest.mark.parametrize("code", STREAMED)
def test_memory_does_not_grow_with_rows(code: str, tmp_path: Path) -> None:
    command = [sys.executable, "-c", _PEAK, code, str(_ROWS.get(code, 10_000)), str(tmp_path), STREAMED[code]]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    few, many = json.loads(run.stdout)
    assert many - few < 8  # MiB: what is remembered of texts, and sixteen bytes a row


def test_every_dialect_has_a_file_for_the_benches() -> None:
    assert set(FILES) == {path.name for path in SAMPLES.iterdir() if path.is_dir()}
    for code in FILES:
        assert told(list(translate(code, file_of(code, 3)))) == set()
