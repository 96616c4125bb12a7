"""Formats without ways of their own: each accounts for all that stands in a file, and refuses what it does not know."""

import json
from typing import Any

import pytest

from adapters import Row, kinds
from adapters.mapping import Choice, Format, Mapping, Rows, Shape, Source, always
from adapters.plain import DelimitedList, FixedList, JsonRows, PlainXml
from adapters.translate import translate_with

UTF8 = frozenset({"utf-8", "utf-8-sig"})


def mapping(form: Format, at: str = "") -> Mapping:
    return Mapping(
        dialect="X",
        title="x",
        format=form,
        rows=(
            Rows(
                at=at,
                key=("policy_no",),
                bucket=("No",),
                reads={"policy_no": Source("No", kinds.policy_no, required=True)},
                choices=(
                    Choice(
                        becomes=always("policy"),
                        shapes={
                            "policy": Shape(
                                "policy",
                                shared=("policy_no",),
                                takes={"premium.gross": Source("Fee", kinds.money, unit="元")},
                            )
                        },
                    ),
                ),
                ignores=frozenset({"Tel"}),
            ),
        ),
    )


def read(form: Format, data: bytes, at: str = "") -> list[Row]:
    return list(translate_with(mapping(form, at), data, insurer="X"))


def told(rows: list[Row]) -> list[tuple[int, str, str | None]]:
    return [(row.row, problem.rule, problem.field) for row in rows for problem in row.problems]


def fees(rows: list[Row]) -> list[Any]:
    return [draft.record["premium"]["gross"] for row in rows for draft in row.records]


PIPES = DelimitedList(header=("No", "Fee"), needs=("No",), key_column="No", encodings=UTF8, delimiter="|")
FIXED = FixedList(
    columns=((1, 12, "No"), (15, 22, "Fee")), needs=("No",), key_column="No", encodings=frozenset({"gb18030"}), width=22
)
JSON = JsonRows("data.rows", frozenset({"code", "data.page"}))
XML = PlainXml(root="Out", ignores=frozenset({"Head", "@v"}))


def test_a_delimited_list() -> None:
    assert fees(read(PIPES, b"No|Fee|Tel\nPZAC2026000001|1.00|1\r\nPZAC2026000002|2.00|2\n")) == [
        "1.00",
        "2.00",
    ]
    assert told(read(PIPES, b"No|Fee|Vat\nPZAC2026000001|1.00|1\n")) == [(0, "field.unaccounted", "Vat")]
    assert told(read(PIPES, b'No|Fee\nPZAC2026000001|"1.00"\n')) == [(2, "row.ragged", None)]
    assert told(read(PIPES, b"No|Fee\nPZAC2026000001|1|2\n")) == [(2, "row.ragged", None)]
    assert told(read(PIPES, b"No,Fee\n")) == [(0, "header.not-found", None)]
    assert told(read(PIPES, b"No|Fee\n\xff|1\n")) == [(0, "encoding.undecodable", None)]


def test_a_declared_unit_gives_way_to_what_the_file_states() -> None:
    assert fees(read(PIPES, "No|Fee（万元）\nPZAC2026000001|1\n".encode())) == ["10000.00"]
    assert fees(read(PIPES, "No|Fee\nPZAC2026000001|1万元\n".encode())) == ["10000.00"]
    assert fees(read(PIPES, "单位：万元|\nNo|Fee\nPZAC2026000001|1\n".encode())) == ["10000.00"]


def test_a_list_of_fixed_width() -> None:
    good = b"PZAC20260001  1.00    \nPZAC20260002      2.00\n"
    assert fees(read(FIXED, good)) == ["1.00", "2.00"]
    assert told(read(FIXED, b"PZAC20260001 x1.00    \n")) == [(1, "row.ragged", None)]
    assert told(read(FIXED, b"PZAC20260001  1.00   \n")) == [(1, "row.ragged", None)]
    assert told(read(FIXED, "PZAC2026000保  1.00    \n".encode("gb18030"))) == [(1, "row.ragged", None)]


def test_rows_within_a_json_object() -> None:
    def sent(**changed: Any) -> bytes:
        rows = [{"No": "PZAC2026000001", "Fee": 1}, {"No": "PZAC2026000002", "Fee": "2.00"}]
        return json.dumps({"code": "0", "data": {"page": 1, "rows": rows}, **changed}).encode()

    rows = read(JSON, sent())
    assert fees(rows) == ["1.00", "2.00"]
    assert rows[1].records[0].lineage["premium.gross"].source == "/data/rows/1/Fee"
    assert told(read(JSON, sent(more=1))) == [(0, "field.unaccounted", "more")]
    assert told(read(JSON, sent(data={"rows": [], "more": {}}))) == [(0, "field.unaccounted", "data.more")]
    assert told(read(JSON, sent(data={}))) == [(0, "dialect.unrecognised", None)]
    assert told(read(JSON, sent(data={"rows": [1]}))) == [(0, "dialect.unrecognised", None)]
    assert told(read(JSON, b"[]")) == [(0, "dialect.unrecognised", None)]
    assert fees(read(JSON, sent(data={"rows": {"No": "PZAC2026000001", "Fee": 1}}))) == ["1.00"]


ROW = "<Row><No>PZAC2026000001</No><Fee>1.00</Fee><Tel>1</Tel></Row>"


def test_rows_within_an_xml_document() -> None:
    assert fees(read(XML, f'<Out v="1"><Head><x/></Head><Rows>{ROW}</Rows></Out>'.encode(), "Rows/Row")) == ["1.00"]
    assert told(read(XML, f"<Out><More/><Rows>{ROW}</Rows></Out>".encode(), "Rows/Row")) == [
        (0, "field.unaccounted", "More")
    ]
    assert told(read(XML, f"<Out>x<Rows>{ROW}</Rows></Out>".encode(), "Rows/Row")) == [(0, "field.unaccounted", "")]
    assert told(read(XML, b"<Other/>", "Rows/Row")) == [(0, "dialect.unrecognised", None)]
    unknown = ROW.replace("<Tel>1</Tel>", "<Vat>1</Vat>")
    assert told(read(XML, f"<Out><Rows>{unknown}</Rows></Out>".encode(), "Rows/Row")) == [
        (1, "field.unaccounted", "Vat")
    ]


def test_names_of_one_namespace_are_names() -> None:
    named = PlainXml(root="Out", namespace="urn:x")
    document = f'<Out xmlns="urn:x"><Rows>{ROW}</Rows></Out>'
    assert fees(read(named, document.encode(), "Rows/Row")) == ["1.00"]
    assert told(read(named, document.replace("<Fee>", '<Fee xmlns="urn:y">').encode(), "Rows/Row"))[0][1] == (
        "field.unaccounted"
    )
    assert told(read(named, document.replace("urn:x", "urn:y").encode(), "Rows/Row")) == [
        (0, "dialect.unrecognised", None)
    ]


def test_the_root_may_be_the_row() -> None:
    form = PlainXml(root="Row")
    rows = read(form, ROW.encode())
    assert fees(rows) == ["1.00"]
    assert rows[0].records[0].lineage["premium.gross"].source == "/Row/Fee"


@pytest.mark.parametrize("form", [PIPES, FIXED, JSON, XML])
@pytest.mark.parametrize("data", [b"", b"\x00", b"\xff\xfe", b"<!DOCTYPE a><Out/>", b"[" * 100_000, b"|" * 100_000])
def test_what_is_no_file_of_the_format_gives_no_record(form: Format, data: bytes) -> None:
    rows = read(form, data)
    assert [draft for row in rows for draft in row.records] == []
