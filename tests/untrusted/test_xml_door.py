"""XML: no document type, no entities, no network, bounded depth and size."""

import codecs
from concurrent.futures import ThreadPoolExecutor
from xml.parsers.expat import ParserCreate

import pytest
from doors import Tally, refused
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from tests.shared import shared, vectors
from untrusted import Refused, read_json, read_xml

BOTH = frozenset({"utf-8", "gb18030"})


def test_defusedxml() -> None:
    folder = vectors("defusedxml")
    tally = Tally("defusedxml")
    for case in read_json((folder / "labels.json").read_bytes())["cases"]:
        data = (folder / case["file"]).read_bytes()
        tally.judge(case["file"], case["expected"], lambda data=data: read_xml(data))
    assert tally.cases == 11
    tally.report()


def test_naughty_strings_survive_unchanged() -> None:
    tally = Tally("blns as XML")
    for text in read_json((vectors("blns") / "blns.json").read_bytes()):
        element = etree.Element("text")
        try:
            element.text = text
        except ValueError:
            continue  # characters that XML cannot hold
        data = etree.tostring(element, encoding="utf-8")
        found = tally.judge(repr(text), "accept", lambda data=data: read_xml(data).text or "")
        assert found == text
    tally.report()


@pytest.mark.parametrize("path", ["DIA-CHANNEL-XML", "DIA-SOAP-XML", "DIA-ACORD-XML", "DIA-EINV-XML"])
def test_the_dialects_samples_are_read(path: str) -> None:
    files = sorted(shared(f"domain/samples/{path}").glob("*.xml"))
    assert files
    for file in files:
        read_xml(file.read_bytes(), encodings=BOTH)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("<!DOCTYPE a><a/>", "xml.dtd document-type"),
        ('<?xml version="1.0"?><!-- x --><?y z?>\n<!DOCTYPE a [<!ENTITY e "x">]><a>&e;</a>', "xml.dtd document-type"),
        ('<!DOCTYPE a SYSTEM "http://127.0.0.1:1/x.dtd"><a/>', "xml.dtd document-type"),
        (
            '<!-- <!DOCTYPE b> --><!DOCTYPE a [<!ENTITY % p SYSTEM "file:///etc/passwd"> %p;]><a/>',
            "xml.dtd document-type",
        ),
        ("<a><!DOCTYPE b></a>", "xml.malformed not-well-formed"),
        ("<!doctype a><a/>", "xml.malformed not-well-formed"),
        ("<a>&undefined;</a>", "xml.malformed not-well-formed"),
        ("<a>\0</a>", "xml.malformed not-well-formed"),
        ("<a/>\0", "xml.malformed not-well-formed"),
        ("<a/><b/>", "xml.malformed not-well-formed"),
        ("<a b='1' b='2'/>", "xml.malformed not-well-formed"),
        ("<x:a/>", "xml.malformed not-well-formed"),
        ("<:a/>", "xml.malformed not-well-formed"),
        ("<a>&#0;</a>", "xml.malformed not-well-formed"),
        ("<a>&#xD800;</a>", "xml.malformed not-well-formed"),
        ("", "xml.malformed not-well-formed"),
        ('<?xml version="1.1"?><a/>', "xml.malformed declaration"),
        ('<?xml version="1.0" encoding="UTF-8" encoding="GBK"?><a/>', "xml.malformed declaration"),
        ('<?xml version="1.0" encoding="UTF-16"?><a/>', "encoding.undecodable declared"),
        ('<?xml version="1.0" encoding="GBK"?><a/>', "encoding.undecodable declared"),
        ('<?xml version="1.0" encoding="UTF-7"?><a>+ADw-</a>', "encoding.undecodable declared"),
        ("<a>" * 65 + "</a>" * 65, "xml.too-deep depth"),
        ("<a>" * 64 + "<a/>" + "</a>" * 64, "xml.too-deep depth"),
        ("<a>" * 300 + "</a>" * 300, "xml.too-deep depth"),
    ],
)
def test_refused(text: str, why: str) -> None:
    assert refused(read_xml, text.encode()) == why


def test_encodings() -> None:
    text = '<?xml version="1.0" encoding="GB2312"?><单位>中金财险𠮷</单位>'
    root = read_xml(text.encode("gb18030"), encodings=BOTH)
    assert (root.tag, root.text) == ("单位", "中金财险𠮷")
    assert refused(read_xml, text.encode("utf-8") + b"\xff", encodings=BOTH) == "encoding.undecodable not-gb18030"
    assert (
        refused(read_xml, codecs.BOM_UTF8 + text.encode("gb18030"), encodings=BOTH) == "encoding.undecodable declared"
    )
    assert refused(read_xml, "<a>中</a>".encode("gbk"), encodings=BOTH) == "encoding.undecodable not-utf-8"
    assert refused(read_xml, "<a/>".encode("utf-16")) == "encoding.undecodable not-utf-8"
    assert read_xml(codecs.BOM_UTF8 + b'<?xml version="1.0" encoding="utf-8"?><a/>').tag == "a"


def test_what_is_nothing_is_gone() -> None:
    root = read_xml(
        b'<?xml version="1.0"?><?style x?><a>1<!-- 2 -->3<?p 4?>5<![CDATA[<!DOCTYPE x>&amp;]]></a><!-- 6 -->'
    )
    assert root.text == "135<!DOCTYPE x>&amp;"
    assert len(root) == 0
    assert root.getprevious() is None
    assert root.getnext() is None


def test_xinclude_and_schema_locations_stay_what_they_are() -> None:
    root = read_xml(
        b'<a xmlns:xi="http://www.w3.org/2001/XInclude" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"'
        b' xsi:schemaLocation="u http://127.0.0.1:1/s.xsd"><xi:include href="file:///etc/passwd" parse="text"/></a>'
    )
    assert root[0].tag == "{http://www.w3.org/2001/XInclude}include"
    assert root[0].text is None


def test_depth_of_64_is_read() -> None:
    assert read_xml(b"<a>" * 64 + b"</a>" * 64) is not None
    assert read_xml(b"<r>" + b"<a></a>" * 500 + b"</r>") is not None


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"<r>" + b"<a/>" * 4_000_001 + b"</r>", "file.too-large items"),
        (b"<r " + b" ".join(b'a%d=""' % i for i in range(3_000_000)) + b"/>", "file.too-large bytes"),
        (b"<r " + b'a=""' * 4_000_001 + b"/>", "file.too-large items"),
        (b"<!--" + b"-" * 20_000_000, "xml.malformed not-well-formed"),
        (b"<?a " * 200_000 + b"<!DOCTYPE", "xml.malformed not-well-formed"),
        (b" " * 20_000_000 + b"<!DOCTYPE a><a/>", "xml.dtd document-type"),
        (b"<a>" + b"x" * 11_000_000 + b"</a>", "xml.malformed not-well-formed"),
        (b"<" + b"a" * 20_000_000, "xml.malformed not-well-formed"),
    ],
    ids=["elements", "bytes", "attributes", "comment", "instructions", "blanks", "text", "name"],
)
def test_hostile_sizes_end_in_bounded_time(data: bytes, why: str) -> None:
    assert refused(read_xml, data) == why


SAMPLE = (
    '<?xml version="1.0" encoding="GBK"?><PACKET type="a"><HEAD><USER>x</USER></HEAD><!-- c --><BODY>'
    "<POLICY no='1'>示例医药（杭州）</POLICY><![CDATA[x]]></BODY></PACKET>"
).encode("gb18030")


@given(st.integers(0, len(SAMPLE) - 1), st.integers(0, 255))
def test_a_changed_byte_never_crashes(at: int, byte: int) -> None:
    data = bytearray(SAMPLE)
    data[at] = byte
    try:
        read_xml(bytes(data), encodings=BOTH)
    except Refused:
        return


@given(st.binary(max_size=100) | st.text(alphabet="<>/!-?[]&;=\"' aDOCTYPExml:\n中", max_size=100).map(str.encode))
def test_anything_is_read_or_refused(data: bytes) -> None:
    try:
        read_xml(data, encodings=BOTH)
    except Refused:
        return


@given(st.integers(0, len(SAMPLE) - 1), st.sampled_from(list('<>/"&;= :x-![]?\n')), st.booleans())
def test_what_is_read_is_xml_to_another_parser_too(at: int, mark: str, insert: bool) -> None:
    text = SAMPLE.decode("gb18030").replace("GBK", "UTF-8")
    at %= len(text)
    data = (text[:at] + mark + text[at + (not insert) :]).encode("utf-8")
    try:
        root = read_xml(data)
    except Refused:
        return
    names: list[str] = []
    expat = ParserCreate(namespace_separator="}")
    expat.StartElementHandler = lambda name, _: names.append(name)
    expat.Parse(data, True)
    assert [str(element.tag).lstrip("{") for element in root.iter()] == names


def test_threads_do_not_disturb_one_another() -> None:
    documents = [f"<a{at}><b>{at}</b></a{at}>".encode() for at in range(200)]
    with ThreadPoolExecutor(8) as pool:
        assert [root[0].text for root in pool.map(read_xml, documents)] == [str(at) for at in range(200)]
