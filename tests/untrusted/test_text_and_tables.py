"""Text, gzip and CSV: one encoding, bounded unpacking, and records that fail one by one."""

import csv
import gzip
import io
import zlib

import pytest
from doors import refused
from hypothesis import given
from hypothesis import strategies as st

from tests.shared import shared
from untrusted import Limits, Record, Refused, decode, read_csv, read_gzip, read_table


def records(text: str) -> list[tuple[int, list[str], bool]]:
    return [(record.number, list(record.cells), record.ragged) for record in read_csv(text)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        ("a,b", [(1, ["a", "b"], False)]),
        ("a,b\n", [(1, ["a", "b"], False)]),
        ("a\r\nb\n", [(1, ["a"], False), (2, ["b"], False)]),
        ("a\n\nb", [(1, ["a"], False), (2, [""], False), (3, ["b"], False)]),
        ("\n", [(1, [""], False)]),
        ("a,\n,b", [(1, ["a", ""], False), (2, ["", "b"], False)]),
        ('"a,b",c', [(1, ["a,b", "c"], False)]),
        ('"a""b"', [(1, ['a"b'], False)]),
        ('""\n""', [(1, [""], False), (2, [""], False)]),
        ('"a\r\nb",c\r\nd', [(1, ["a\r\nb", "c"], False), (2, ["d"], False)]),
        ('x,"y"\r\nz', [(1, ["x", "y"], False), (2, ["z"], False)]),
        ('a"b,c', [(1, ['a"b', "c"], False)]),
        ('="0012",1', [(1, ['="0012"', "1"], False)]),
        ('"=""0012""",1', [(1, ['="0012"', "1"], False)]),
        ('"a"b,c\nd', [(1, ["ab", "c"], True), (2, ["d"], False)]),
        ('"a" ,c\nd', [(1, ["a ", "c"], True), (2, ["d"], False)]),
        ('x\n"a,b\nc', [(1, ["x"], False), (2, ["a,b\nc"], True)]),
        ('"', [(1, [""], True)]),
        ("a\x0bb\x85c\u2028d", [(1, ["a\x0bb\x85c\u2028d"], False)]),
        ("a\rb", [(1, ["a\rb"], False)]),
    ],
)
def test_records(text: str, expected: list[tuple[int, list[str], bool]]) -> None:
    assert records(text) == expected


CELLS = st.lists(st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\0")), min_size=1), max_size=5)


@given(CELLS, st.sampled_from(["\n", "\r\n"]))
def test_what_the_standard_library_writes_is_read(rows: list[list[str]], newline: str) -> None:
    target = io.StringIO()
    csv.writer(target, lineterminator=newline, quoting=csv.QUOTE_ALL).writerows(rows)
    assert [list(record.cells) for record in read_csv(target.getvalue())] == rows
    assert not any(record.ragged for record in read_csv(target.getvalue()))


@given(st.text(alphabet='a,"\r\n= 1'))
def test_ragged_is_what_the_strict_standard_reader_refuses(text: str) -> None:
    found = list(read_csv(text))
    assert [record.number for record in found] == list(range(1, len(found) + 1))
    if not any(record.ragged for record in found) and "\r" not in text:
        assert [list(record.cells) for record in found] == [
            row or [""] for row in csv.reader(io.StringIO(text), strict=True)
        ]


@given(st.binary(max_size=200))
def test_any_bytes_are_records_or_refused(data: bytes) -> None:
    for encoding in ("utf-8", "gb18030", "ascii"):
        try:
            list(read_csv(data, encodings={encoding, "utf-8-sig"}))
        except Refused:
            continue


def test_cells_and_columns_are_bounded() -> None:
    assert len(next(read_csv("x" * 32_767)).cells[0]) == 32_767
    for text in ("x" * 32_768, '"' + "x" * 32_768 + '"', 'a,"' + "x" * 40_000):
        assert refused(list, read_csv(text)) == "cell.too-long characters"
    for text in ("," * 16_384, '"",' * 16_384, "," * 30_000_000, '"",' * 10_000_000):
        assert refused(list, read_csv(text)) == "file.too-large columns"
    assert sum(1 for _ in read_csv('"\n' * 100_000)) == 50_000
    assert refused(read_csv, b"x" * 20, limits=Limits(file_bytes=10)) == "file.too-large bytes"


def test_a_broken_record_does_not_cost_those_before_it() -> None:
    found = read_csv("a,b\nc,d\n" + "x" * 40_000)
    assert next(found) == Record(1, ("a", "b"))
    assert next(found) == Record(2, ("c", "d"))
    assert refused(next, found) == "cell.too-long characters"


def test_the_dialects_samples_are_read() -> None:
    for file in sorted(shared("domain/samples/DIA-CSV-LIST").glob("*.csv")):
        found = list(read_csv(file.read_bytes(), encodings={"gb18030", "utf-8-sig"}))
        assert any("保单号" in cell or "保险单号" in cell for record in found[:20] for cell in record.cells)
    for file in sorted(shared("domain/samples/DIA-CRS-CSV").glob("*.csv")):
        found = list(read_csv(file.read_bytes(), encodings={"utf-8", "utf-8-sig"}))
        assert max(len(record.cells) for record in found) == len(found[0].cells)
        assert not any(record.ragged for record in found)
    for file in sorted(shared("domain/samples/DIA-EAST-TXT").glob("*.gz")):
        assert decode(read_gzip(file.read_bytes()), {"utf-8"}).startswith("H")


@pytest.mark.parametrize(
    ("data", "encodings", "why"),
    [
        (b"\xef\xbb\xbfa", {"utf-8"}, "encoding.undecodable byte-order-mark"),
        (b"\xef\xbb\xbfa", {"gb18030"}, "encoding.undecodable byte-order-mark"),
        (b"\xef\xbb\xbf\xef\xbb\xbfa", {"utf-8-sig"}, "encoding.undecodable byte-order-mark"),
        ("\ufeffa".encode("gb18030"), {"gb18030"}, "encoding.undecodable byte-order-mark"),
        (b"a", {"utf-8-sig"}, "encoding.undecodable no-byte-order-mark"),
        (b"\xff", {"gb18030"}, "encoding.undecodable not-gb18030"),
        ("中".encode("gb18030"), {"utf-8"}, "encoding.undecodable not-utf-8"),
        ("中".encode(), {"ascii"}, "encoding.undecodable not-ascii"),
        ("a".encode("utf-16"), {"gb18030"}, "encoding.undecodable not-gb18030"),
        (b"a\0b", {"utf-8"}, "text.control-char nul"),
        ("ab".encode("utf-16-le"), {"gb18030"}, "text.control-char nul"),
    ],
)
def test_undecodable(data: bytes, encodings: set[str], why: str) -> None:
    assert refused(decode, data, encodings) == why


def test_decoded() -> None:
    assert decode("中𠮷".encode("gb18030"), {"gb18030", "utf-8-sig"}) == "中𠮷"
    assert decode(b"\xef\xbb\xbf" + "中".encode(), {"gb18030", "utf-8-sig"}) == "中"
    with pytest.raises(ValueError, match="one encoding"):
        decode(b"", {"utf-8", "gb18030"})


MEMBER = gzip.compress(b"content", mtime=0)


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "archive.malformed not-gzip"),
        (b"PK\x03\x04", "archive.malformed not-gzip"),
        (MEMBER[:-1], "archive.truncated cut-off"),
        (MEMBER[:10], "archive.truncated cut-off"),
        (b"\x1f\x8b", "archive.truncated cut-off"),
        (MEMBER[:-5] + b"\0" + MEMBER[-4:], "archive.truncated damaged"),
        (MEMBER[:-1] + b"\1", "archive.truncated damaged"),
        (MEMBER[:12] + b"\xff\xff\xff" + MEMBER[15:], "archive.truncated damaged"),
        (MEMBER + MEMBER, "archive.malformed suffix"),
        (MEMBER + b"\0", "archive.malformed suffix"),
        (gzip.compress(b"\0" * 3_000_000), "archive.bomb ratio"),
        (gzip.compress(b"\0" * 40_000_000, 1), "archive.bomb ratio"),
    ],
)
def test_gzip_refused(data: bytes, why: str) -> None:
    assert refused(read_gzip, data) == why


@given(st.binary(max_size=500), st.integers(0, 9))
def test_gzip_round_trip(data: bytes, level: int) -> None:
    assert read_gzip(gzip.compress(data, level)) == data


@given(st.binary(max_size=60), st.integers(0, 60), st.integers(0, 255))
def test_gzip_changed(data: bytes, at: int, byte: int) -> None:
    changed = bytearray(gzip.compress(data, mtime=0))
    changed[at % len(changed)] = byte
    try:
        assert read_gzip(bytes(changed)) == data
    except Refused:
        return


def test_gzip_limits() -> None:
    assert len(read_gzip(gzip.compress(b"\0" * 1_000_000))) == 1_000_000
    assert refused(read_gzip, MEMBER, Limits(unpacked_bytes=6)) == "archive.bomb ratio"
    assert refused(read_gzip, MEMBER, Limits(file_bytes=6)) == "file.too-large bytes"
    assert zlib.crc32(b"content")


def test_a_plain_table() -> None:
    rows = read_table("条款注册号,名称\nC1,\n".encode())
    assert [(row.number, row.text(1), row.text(2)) for row in rows] == [(1, "条款注册号", "名称"), (2, "C1", "")]
