"""Structured fields: the published suite in full, and what signatures add to it."""

from typing import Any

import http_sf
import pytest
from hypothesis import given
from hypothesis import strategies as st
from published import Tally, read, vectors

from signing.structured import (
    canonical,
    canonical_member,
    read_byte_sequences,
    read_signature_inputs,
    write_byte_sequence,
)


def cases() -> list[tuple[str, dict[str, Any]]]:
    folder = vectors("structured-field-tests")
    return [
        (path.stem, case) for path in sorted(folder.glob("*.json")) if path.stem != "manifest" for case in read(path)
    ]


@pytest.mark.real
def test_the_published_suite() -> None:
    """Each field is refused, or comes out as its canonical form; what may fail may."""
    tally = Tally("structured-field-tests", "parsing")
    wrong_form = []
    for file, case in cases():
        name = f"{file}: {case['name']}"
        field = ", ".join(case["raw"])
        kind = case["header_type"]
        with tally.judging(name):
            text = written(field, kind)
        wanted = case.get("canonical", case["raw"])
        if case.get("must_fail") or wanted == []:
            tally.add(name, expected=False, actual=text is not None)
        else:  # what may fail need not pass
            tally.add(name, expected=not case.get("can_fail") or text is not None, actual=text is not None)
        if text is not None and not case.get("must_fail") and text != ", ".join(wanted):
            wrong_form.append((name, text, wanted))
    tally.settle()
    assert not wrong_form


def written(field: str, kind: str) -> str | None:
    try:
        return canonical(field, kind)
    except ValueError:
        return None


@pytest.mark.real
def test_the_published_suite_of_serialisation() -> None:
    tally = Tally("structured-field-tests", "serialisation")
    for path in sorted((vectors("structured-field-tests") / "serialisation-tests").glob("*.json")):
        for case in http_sf.from_json(path.read_text(encoding="utf-8")):
            name = f"{path.stem}: {case['name']}"
            with tally.judging(name):
                text = serialised(case["expected"])
            expected = not case.get("must_fail")
            actual = text is not None and (not expected or text == ", ".join(case["canonical"]))
            tally.add(name, expected=expected, actual=actual)
    tally.settle()


def serialised(value: Any) -> str | None:
    try:
        return str(http_sf.ser(value))
    except ValueError:
        return None


INPUT = '("@method" "content-digest";key="sha-256");created=1;keyid="k";alg="ed25519";tag="t"'


def test_an_input_is_read_with_what_stands_in_the_base() -> None:
    given = read_signature_inputs(f"sig1={INPUT}, b=()")
    assert list(given) == ["sig1", "b"]
    assert given["sig1"].text == INPUT
    assert [component.text for component in given["sig1"].components] == ['"@method"', '"content-digest";key="sha-256"']
    assert given["sig1"].params == {"created": 1, "keyid": "k", "alg": "ed25519", "tag": "t"}
    assert (given["b"].components, given["b"].text) == ((), "()")


def test_white_space_that_is_allowed_does_not_reach_the_base() -> None:
    field = 'sig1=(  "@method"   "content-digest"; key="sha-256" ); created=1;keyid="k"; alg="ed25519"; tag="t"'
    assert read_signature_inputs(field)["sig1"].text == INPUT


@pytest.mark.parametrize(
    "field",
    [
        "",
        "sig1",
        "sig1=1",
        "sig1=(@method)",
        "sig1=(1 2)",
        "sig1=(token)",
        'sig1="@method"',
        'sig1=("@method"',
        'sig1=("@method"), sig1=("@path")',
        "sig1=();created=1;created=2",
        'sig1=("é")',
        ", ".join(f"s{number}=()" for number in range(9)),
        "s=(" + " ".join('"a"' for _ in range(65)) + ")",
        "s=(" + '"a" ' * 10_000 + ")",
    ],
)
def test_what_is_no_signature_input_is_refused(field: str) -> None:
    if field == "":
        assert read_signature_inputs(field) == {}
        return
    with pytest.raises(ValueError):
        read_signature_inputs(field)


@pytest.mark.parametrize("field", ["a=1", "a", 'a="b"', "a=(:AA==:)", "a=:AA==:, a=:AA==:", "a=:A!:", "a=:AA"])
def test_what_is_no_byte_sequence_is_refused(field: str) -> None:
    with pytest.raises(ValueError):
        read_byte_sequences(field)


@given(st.dictionaries(st.from_regex(r"[a-z*][a-z0-9_.*-]{0,10}", fullmatch=True), st.binary(max_size=80), max_size=8))
def test_byte_sequences_come_back(members: dict[str, bytes]) -> None:
    field = ", ".join(f"{key}={write_byte_sequence(value)}" for key, value in members.items())
    assert read_byte_sequences(field) == members


@given(st.text(st.characters(codec="latin-1"), max_size=200))
def test_any_text_is_read_or_refused(field: str) -> None:
    for reader in (read_signature_inputs, read_byte_sequences):
        try:
            reader(field)
        except ValueError:
            continue


def test_a_member_keeps_its_parameters() -> None:
    field = "a=1, b=2;x=1;y=2, c=(a   b    c), d"
    assert [canonical_member(field, key) for key in "abcd"] == ["1", "2;x=1;y=2", "(a b c)", "?1"]
    with pytest.raises(ValueError, match="no member"):
        canonical_member(field, "e")
