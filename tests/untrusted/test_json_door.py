"""JSON: one meaning or none. Published suites, properties, and attacks on time and memory."""

import json
import math
from decimal import Decimal
from typing import Any

import orjson
import pytest
from doors import Tally, refused
from hypothesis import given
from hypothesis import strategies as st

from tests.shared import vectors
from untrusted import DEFAULT, Refused, read_json

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(max_size=8), inner, max_size=5),
    max_leaves=30,
)


def test_json_test_suite_parsing() -> None:
    tally = Tally("JSONTestSuite/test_parsing")
    for file in sorted(vectors("JSONTestSuite").glob("test_parsing/*.json")):
        expected = {"y": "accept", "n": "reject"}.get(file.name[0], "either")
        value = tally.judge(file.name, expected, lambda file=file: read_json(file.read_bytes()))
        if expected == "accept" and value is not None:
            assert value == json.loads(file.read_bytes(), parse_float=Decimal)
    assert tally.cases == 318
    # RFC 8259 section 4 lets a parser choose; one that feeds signatures must not.
    tally.report(rejects_on_purpose=("y_object_duplicated_key.json", "y_object_duplicated_key_and_value.json"))


def test_json_test_suite_transform() -> None:
    tally = Tally("JSONTestSuite/test_transform")
    for file in sorted(vectors("JSONTestSuite").glob("test_transform/*.json")):
        # A signing product reads no object whose members have one name, and no text without UTF-8 form.
        hostile = "same_key" in file.name or "duplicated" in file.name
        value = tally.judge(
            file.name, "reject" if hostile else "either", lambda file=file: read_json(file.read_bytes())
        )
        if value is not None:
            json.dumps(value, ensure_ascii=False, default=str).encode("utf-8")
    assert tally.cases == 22
    tally.report()


def test_naughty_strings_survive_unchanged() -> None:
    file = vectors("blns") / "blns.json"
    texts = read_json(file.read_bytes())
    assert texts == json.loads(file.read_bytes())
    assert len(texts) == 515
    tally = Tally("blns")
    for text in texts:
        again = tally.judge(repr(text), "accept", lambda text=text: read_json(json.dumps({text: text}).encode()))
        assert again == {text: text}
    tally.report()


@given(VALUES, st.booleans())
def test_valid_values_read_as_the_standard_parser_reads_them(value: Any, ascii_only: bool) -> None:
    data = json.dumps(value, ensure_ascii=ascii_only).encode("utf-8", "surrogatepass")
    assert read_json(data) == json.loads(data, parse_float=Decimal)


@given(st.binary(max_size=200) | st.text(alphabet='[]{}",:0123456789eE+-.\\u dDtrueNaN').map(str.encode))
def test_anything_else_is_refused_and_never_crashes(data: bytes) -> None:
    try:
        value = read_json(data)
    except Refused:
        return
    assert value == json.loads(data, parse_float=Decimal)
    json.dumps(value, ensure_ascii=False, default=str).encode("utf-8")


@given(VALUES, st.data())
def test_what_is_read_is_json_to_another_parser_too(value: Any, draw: st.DataObject) -> None:
    text = json.dumps(value, ensure_ascii=False)
    at = draw.draw(st.integers(0, len(text)))
    data = (text[:at] + draw.draw(st.text(alphabet='[]{}",:01.eE+-\\ \n\tunu', max_size=2)) + text[at:]).encode("utf-8")
    try:
        read_json(data)
    except Refused:
        return
    said = ""
    try:
        orjson.loads(data)
    except orjson.JSONDecodeError as error:
        said = str(error).lower()
    # Ours are exact decimals; theirs are binary floats, which end earlier.
    assert said == "" or "out of range" in said or "infinity" in said


@given(VALUES, st.data())
def test_a_changed_byte_is_refused_or_read_as_the_standard_parser_reads_it(value: Any, draw: st.DataObject) -> None:
    data = bytearray(json.dumps(value, ensure_ascii=False).encode("utf-8"))
    data[draw.draw(st.integers(0, len(data) - 1))] = draw.draw(st.integers(0, 255))
    try:
        found = read_json(bytes(data))
    except Refused:
        return
    assert found == json.loads(data, parse_float=Decimal)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("NaN", "json.malformed not-a-number"),
        ('{"premium": Infinity}', "json.malformed not-a-number"),
        ("[-Infinity]", "json.malformed not-a-number"),
        ('{"a": 1, "a": 2}', "json.duplicate-key duplicate"),
        ('{"a": 1, "\\u0061": 2}', "json.duplicate-key duplicate"),
        ('[{"b": [{"x": {}, "x": {}}]}]', "json.duplicate-key duplicate"),
        ("{} {}", "json.malformed syntax"),
        ("{}\0", "json.malformed syntax"),
        ('"\0"', "json.malformed syntax"),
        ('"a\nb"', "json.malformed syntax"),
        ("01", "json.malformed syntax"),
        ("+1", "json.malformed syntax"),
        ("1.", "json.malformed syntax"),
        ("１", "json.malformed syntax"),
        ("\ufeff{}", "json.malformed byte-order-mark"),
        ("", "json.malformed syntax"),
        ("\u00a0{}", "json.malformed syntax"),
        ('"\\ud800"', "json.malformed lone-surrogate"),
        ('"\\udc00"', "json.malformed lone-surrogate"),
        ('"\\ud800\\ud800\\udc00"', "json.malformed lone-surrogate"),
        ('"\\\\\\ud800"', "json.malformed lone-surrogate"),
        ('{"\\uDFFF": 1}', "json.malformed lone-surrogate"),
        ("9" * 401, "json.malformed number-out-of-range"),
        ("1e401", "json.malformed number-out-of-range"),
        ("1e99999999999999999999", "json.malformed number-out-of-range"),
        ("[" * 65 + "]" * 65, "json.too-deep depth"),
        ('{"a":' * 65 + "1" + "}" * 65, "json.too-deep depth"),
        ("[" * 100_000, "json.too-deep depth"),
    ],
)
def test_refused(text: str, why: str) -> None:
    assert refused(read_json, text.encode()) == why


@pytest.mark.parametrize("data", [b"\xff", b'"\xed\xa0\x80"', b'"\xc0\xaf"', b"\xff\xfe{\0}\0", b'"\xf4\x90\x80\x80"'])
def test_what_is_not_utf_8_is_refused(data: bytes) -> None:
    assert refused(read_json, data) == "encoding.undecodable not-utf-8"


def test_accepted_on_the_edge() -> None:
    assert read_json(b"[" * 64 + b"]" * 64)
    assert read_json(('"' + "[" * 1000 + '"').encode()) == "[" * 1000
    assert read_json(('["' + '\\"[' * 1000 + '"]').encode()) == ['"[' * 1000]
    assert read_json(b'"\\\\ud800"') == "\\ud800"
    assert read_json(b'"\\ud83d\\ude00"') == "\U0001f600"
    assert read_json(b"\xef\xbb\xbf{}", bom_allowed=True) == {}
    assert read_json(b"12800.00") == Decimal("12800.00")
    assert str(read_json(b"12800.00")) == "12800.00"
    assert type(read_json(b"1")) is int


def test_numbers_are_handed_over_as_sent() -> None:
    assert read_json(b"[1.10, -0, 1e400, 2.5E+3]", number=lambda literal: literal) == ["1.10", "-0", "1e400", "2.5E+3"]
    assert refused(read_json, b"NaN", number=str) == "json.malformed not-a-number"
    assert refused(read_json, b"1" * 401, number=str) == "json.malformed number-out-of-range"


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"[" + b"[]," * 1_500_000 + b"[]]", "file.too-large items"),
        (b"[" + b"0," * 4_000_000 + b"0]", "file.too-large items"),
        (b"[" * 1_000_000 + b"]" * 1_000_000, "json.too-deep depth"),
        (b"[" + b'"\\"' * 3_000_000, "json.malformed syntax"),
        (b'"' + b"\\" * 10_000_001, "json.malformed syntax"),
        (b" " * (DEFAULT.file_bytes + 1), "file.too-large bytes"),
        (b'"' + b"\\ud800" * 2_000_000 + b'"', "json.malformed lone-surrogate"),
    ],
    ids=["containers", "items", "depth", "quotes", "backslashes", "bytes", "surrogates"],
)
def test_hostile_sizes_end_in_bounded_time(data: bytes, why: str) -> None:
    assert refused(read_json, data) == why


def test_a_refusal_does_not_carry_the_text() -> None:
    with pytest.raises(Refused) as caught:
        read_json(b'{"secret": ' + b"x" * 100)
    assert caught.value.__cause__ is None
    assert "secret" not in str(caught.value)
    assert math.isfinite(len(str(caught.value)))
