"""XML without namespaces: the same bounds and refusals, prefixes aside."""

import pytest
from doors import Tally, refused, verdict
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from tests.shared import vectors
from untrusted import DOCUMENT, Refused, read_json, read_plain_xml, read_xml


def test_defusedxml() -> None:
    folder = vectors("defusedxml")
    tally = Tally("defusedxml, without namespaces")
    for case in read_json((folder / "labels.json").read_bytes())["cases"]:
        data = (folder / case["file"]).read_bytes()
        tally.judge(case["file"], case["expected"], lambda data=data: read_plain_xml(data))
    assert tally.cases == 11
    tally.report()


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ('<:a xmlns:=""><b:c d:e="1">x</b:c></:a>', [("a", ["xmlns"]), ("c", ["e"])]),
        ("<x:y:z/>", [("z", [])]),
        ("<a:/>", [("a", [])]),
        ('<a xmlns="urn:x" xmlns:b="urn:y"><b:c/></a>', [("a", ["xmlns", "b"]), ("c", [])]),
        ("<标签 属性='1'/>", [("标签", ["属性"])]),
    ],
)
def test_names_are_what_stands_behind_the_last_colon(text: str, names: list[tuple[str, list[str]]]) -> None:
    root = read_plain_xml(text.encode())
    assert [(one.tag, list(one.attrib)) for one in root.iter()] == names


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("<!DOCTYPE a><a/>", "xml.dtd document-type"),
        ('<!DOCTYPE a [<!ENTITY e "x">]><a>&e;</a>', "xml.dtd document-type"),
        ("<a>&e;</a>", "xml.malformed not-well-formed"),
        ("<a b:c='1' d:c='2'/>", "xml.malformed not-well-formed"),
        ("<a b='1' b='2'/>", "xml.malformed not-well-formed"),
        ("<a:1x/>", "xml.malformed not-well-formed"),
        ("<a>\0</a>", "xml.malformed not-well-formed"),
        ("<a/><b/>", "xml.malformed not-well-formed"),
        ("<a", "xml.malformed not-well-formed"),
        ("", "xml.malformed not-well-formed"),
        ("<a>" * 65 + "</a>" * 65, "xml.too-deep depth"),
        ('<?xml version="1.0" encoding="GBK"?><a/>', "encoding.undecodable declared"),
    ],
)
def test_what_is_refused(text: str, why: str) -> None:
    assert refused(read_plain_xml, text.encode()) == why


def test_as_deep_as_it_may_be() -> None:
    assert read_plain_xml(b"<a>" * 64 + b"</a>" * 64, limits=DOCUMENT).tag == "a"
    assert refused(read_plain_xml, b"<a>" * 1_000_000) == "xml.too-deep depth"


NAMES = st.sampled_from(["a", "b", "c"])
TREES = st.recursive(
    st.tuples(NAMES, st.text("x<>&\" '\n中", max_size=5)),
    lambda inner: st.tuples(NAMES, st.lists(inner, max_size=3)),
    max_leaves=8,
)


def element(tree: tuple[str, object]) -> etree._Element:
    name, inner = tree
    made = etree.Element(name)
    if isinstance(inner, str):
        made.text = inner
    elif isinstance(inner, list):
        made.extend(element(one) for one in inner)
    return made


@given(TREES)
def test_where_nothing_has_a_prefix_both_readers_read_the_same(tree: tuple[str, object]) -> None:
    data = etree.tostring(element(tree), encoding="utf-8")
    assert etree.tostring(read_plain_xml(data)) == etree.tostring(read_xml(data))


@given(st.binary(max_size=200) | st.text("<>/ab:='&;! -[]?", max_size=60).map(str.encode))
def test_no_bytes_break_the_reader(data: bytes) -> None:
    try:
        read_plain_xml(data)
    except Refused as refusal:
        verdict(refusal)
