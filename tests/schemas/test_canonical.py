"""One value, one sequence of bytes: RFC 8785, by the published suite and against the library."""

import json
import struct
from datetime import UTC, date, datetime
from typing import Any

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from schemas.canonical import NotCanonical, as_json, canonical
from schemas.filing import Interval
from schemas.verification import failed, passed
from tests.shared import vectors

SUITE = ["arrays", "french", "structures", "unicode", "values", "weird"]
TEXT = st.text(max_size=20)  # without surrogates, which have no UTF-8 form
SAFE = st.integers(-(2**53) + 1, 2**53 - 1)
PLAIN = st.recursive(
    st.none() | st.booleans() | SAFE | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=20,
)
ANY = st.recursive(
    st.none() | st.booleans() | SAFE | TEXT | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=20,
)


@pytest.mark.parametrize("name", SUITE)
def test_the_published_suite(name: str) -> None:
    folder = vectors("jcs-rfc8785")
    value = json.loads((folder / "input" / f"{name}.json").read_bytes())
    expected = (folder / "output" / f"{name}.json").read_bytes()
    assert canonical(value) == expected
    assert expected == bytes.fromhex((folder / "outhex" / f"{name}.txt").read_text().replace("\n", " "))


def test_the_suite_is_all_of_it() -> None:
    assert sorted(file.stem for file in (vectors("jcs-rfc8785") / "input").iterdir()) == SUITE


@pytest.mark.parametrize(
    ("bits", "text"),
    [  # RFC 8785 appendix B
        ("0000000000000000", "0"),
        ("8000000000000000", "0"),
        ("0000000000000001", "5e-324"),
        ("8000000000000001", "-5e-324"),
        ("7fefffffffffffff", "1.7976931348623157e+308"),
        ("ffefffffffffffff", "-1.7976931348623157e+308"),
        ("4340000000000000", "9007199254740992"),
        ("c340000000000000", "-9007199254740992"),
        ("4430000000000000", "295147905179352830000"),
        ("44b52d02c7e14af5", "9.999999999999997e+22"),
        ("44b52d02c7e14af6", "1e+23"),
        ("44b52d02c7e14af7", "1.0000000000000001e+23"),
        ("444b1ae4d6e2ef4e", "999999999999999700000"),
        ("444b1ae4d6e2ef4f", "999999999999999900000"),
        ("444b1ae4d6e2ef50", "1e+21"),
        ("3eb0c6f7a0b5ed8c", "9.999999999999997e-7"),
        ("3eb0c6f7a0b5ed8d", "0.000001"),
        ("41b3de4355555553", "333333333.3333332"),
        ("41b3de4355555554", "333333333.33333325"),
        ("41b3de4355555555", "333333333.3333333"),
        ("41b3de4355555556", "333333333.3333334"),
        ("41b3de4355555557", "333333333.33333343"),
        ("becbf647612f3696", "-0.0000033333333333333333"),
        ("43143ff3c1cb0959", "1424953923781206.2"),
    ],
)
def test_numbers_of_appendix_b(bits: str, text: str) -> None:
    (number,) = struct.unpack(">d", bytes.fromhex(bits))
    assert canonical(number) == text.encode()


@given(ANY | PLAIN)
def test_it_is_what_the_library_says(value: Any) -> None:
    assert canonical(value) == rfc8785.dumps(value)


@given(PLAIN)
def test_it_can_be_read_back_and_says_the_same_again(value: Any) -> None:
    text = canonical(value)
    assert json.loads(text) == value
    assert canonical(json.loads(text)) == text


@given(st.dictionaries(TEXT, SAFE, max_size=8), st.randoms(use_true_random=False))
def test_the_order_of_members_says_nothing(value: dict[str, int], random: Any) -> None:
    members = list(value.items())
    random.shuffle(members)
    assert canonical(dict(members)) == canonical(value)


@pytest.mark.parametrize(
    "value",
    [
        *(float("nan"), float("inf"), -float("inf"), 2**53, -(2**53), "\ud800", {"\udfff": 1}, {"a": ["\ud800"]}),
        *({1: 2}, {None: 1}, b"x", {1, 2}, range(3), object(), {"a": object()}, date(2026, 6, 1)),
    ],
)
def test_what_has_no_form_is_refused(value: Any) -> None:
    with pytest.raises(NotCanonical):
        canonical(value)


def test_what_is_nested_without_end_is_refused() -> None:
    value: list[Any] = []
    for _ in range(100_000):
        value = [value]
    with pytest.raises(NotCanonical, match="deep"):
        canonical(value)


def test_a_noun_leaves_out_what_it_does_not_state_and_keeps_what_it_states_as_null() -> None:
    check = passed("seal.digest", nothing=None, inner={"nothing": None})
    assert canonical(check) == (
        b'{"facts":{"inner":{"nothing":null},"nothing":null},"outcome":"passed","rule":"seal.digest","severity":"error"}'
    )
    assert b"reason" in canonical(failed("seal.digest", "content-changed"))


def test_a_noun_is_written_by_its_names_on_the_wire() -> None:
    interval = Interval.model_validate({"state": "in_use", "from": "2026-03-02"})
    assert canonical(interval) == b'{"from":"2026-03-02","state":"in_use"}'
    assert Interval.model_validate(as_json(interval)) == interval


def test_a_moment_is_text_with_its_offset() -> None:
    assert canonical(datetime(2026, 6, 1, 4, tzinfo=UTC)) == b'"2026-06-01T04:00:00Z"'
