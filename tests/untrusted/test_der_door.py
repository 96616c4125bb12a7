"""DER: real certificates and seals re-encode to their own bytes; every other encoding of them is refused."""

import subprocess

import pytest
from doors import Tally, refused
from hypothesis import given
from hypothesis import strategies as st

from tests.shared import vectors
from untrusted import DEFAULT, Limits, Node, Refused, open_zip, read_der, read_json


def encoded(node: Node) -> bytes:
    """The element built anew from tag and parts, with the one length that DER has."""
    content = b"".join(map(encoded, node.children)) if node.children else node.content
    return element(node.tag, content)


def element(tag: int, content: bytes) -> bytes:
    length = len(content)
    if length < 0x80:
        return bytes((tag, length)) + content
    octets = length.to_bytes((length.bit_length() + 7) // 8, "big")
    return bytes((tag, 0x80 | len(octets))) + octets + content


def walk(node: Node) -> list[Node]:
    return [node, *(inner for child in node.children for inner in walk(child))]


def test_real_seals_and_signatures() -> None:
    tally = Tally("ofd seals as DER")
    for case in read_json((vectors("ofd") / "seals.json").read_bytes())["files"]:
        # A broken signature is not broken DER; only the file with indefinite lengths is.
        expected = "reject" if "DER" in case["reason"] else "accept"
        data = (vectors("ofd") / case["file"]).read_bytes()
        node = tally.judge(case["file"], expected, lambda data=data: read_der(data))
        assert node is None or encoded(node) == node.raw == data
    assert tally.cases == 7
    tally.report()


def test_signed_values_of_real_documents() -> None:
    tally = Tally("ofd signed values as DER")
    for file in sorted(vectors("ofd").glob("*.ofd")):
        package = open_zip(file.read_bytes(), names="gbk-flagged")
        for name in package.names:
            if name.lower().endswith(("signedvalue.dat", "signvalue.dat", ".esl")):
                data = package.read(name)
                expected = "reject" if "-ber-" in file.name and data[1] == 0x80 else "accept"
                node = tally.judge(f"{file.name} {name}", expected, lambda data=data: read_der(data))
                assert node is None or encoded(node) == data
    assert tally.cases == 38
    tally.report()


def test_certificates_and_lists_of_authorities() -> None:
    files = [file for suite in ("ca", "sm2", "nist-pkits") for file in sorted(vectors(suite).rglob("*"))]
    tally = Tally("certificates and CRLs as DER")
    for file in files:
        if file.suffix in (".crt", ".cer", ".der", ".crl") and (data := file.read_bytes())[:1] == b"\x30":
            node = tally.judge(str(file), "either", lambda data=data: read_der(data))
            assert node is None or encoded(node) == data
    tally.report()
    assert tally.cases > 100


@pytest.mark.parametrize(
    ("data", "why"),
    [
        ("", "cut-off"),
        ("30", "cut-off"),
        ("3003020100", None),
        ("300302010000", "suffix"),
        ("3004020100", "cut-off"),
        ("30800000", "indefinite"),
        ("3081030201 00", "length"),
        ("308200030201 00", "length"),
        ("30ff00", "length"),
        ("3089000000000000000003020100", "length"),
        ("308a00", "length"),
        ("1f8101 00", "high-tag"),
        ("bf2100", "high-tag"),
        ("0200", "integer"),
        ("02020001", "integer"),
        ("0202ff80", "integer"),
        ("0202007f", "integer"),
        ("02020080", None),
        ("0201ff", None),
        ("0a020001", "integer"),
        ("010101", "boolean"),
        ("0100", "boolean"),
        ("0101ff", None),
        ("010100", None),
        ("0300", "bit-string"),
        ("030108", "bit-string"),
        ("030101", "bit-string"),
        ("03020101", "bit-string"),
        ("03020180", None),
        ("030100", None),
        ("050100", "null"),
        ("0500", None),
        ("0000", "end-of-contents"),
        ("2400", "constructed"),
        ("24030401ff", "constructed"),
        ("2300", "constructed"),
        ("1000", "constructed"),
        ("1100", "constructed"),
        ("3000", None),
        ("a000", None),
        ("8000", None),
        ("30020500", None),
        ("3006020100020101", None),
        ("30050200020101", "integer"),
        ("300405000201", "cut-off"),
    ],
)
def test_each_rule(data: str, why: str | None) -> None:
    octets = bytes.fromhex(data)
    if why is None:
        assert encoded(read_der(octets)) == octets
    else:
        assert refused(read_der, octets) == f"der.malformed {why}"


def test_depth_and_size() -> None:
    nested = b""
    for _ in range(16):
        nested = element(0x30, nested)
    assert len(walk(read_der(nested))) == 16
    assert refused(read_der, element(0x30, nested)) == "der.too-deep depth"
    for _ in range(16_000):
        nested = element(0x30, nested)
    assert refused(read_der, nested) == "der.too-deep depth"
    assert refused(read_der, element(0x30, b"\x05\x00" * 1_000_000)) == "file.too-large items"
    assert refused(read_der, element(4, b"x" * DEFAULT.der_bytes)) == "file.too-large bytes"
    assert refused(read_der, b"\x05\x00", limits=Limits(der_bytes=1)) == "file.too-large bytes"


def test_readers() -> None:
    oid = read_der(bytes.fromhex("06082a811ccf55018375"))
    assert oid.oid() == "1.2.156.10197.1.501"
    assert read_der(bytes.fromhex("060388 37 03".replace(" ", ""))).oid() == "2.999.3"
    assert read_der(b"\x02\x01\xff").integer() == -1
    assert read_der(b"\x02\x02\x00\xff").integer() == 255
    assert read_der(b"\x04\x02ab").octet_string() == b"ab"
    assert read_der(b"\x80\x02ab").octet_string(tag=0x80) == b"ab"
    assert read_der(b"\x03\x02\x01\x80").bit_string() == b"\x80"
    assert read_der(b"\x03\x02\x01\x80").unused_bits() == 1
    assert read_der(b"\x01\x01\xff").boolean()
    assert read_der(b"\x0c\x06" + "印章".encode()).text() == "印章"
    assert read_der(b"\x1e\x04" + "印章".encode("utf-16-be")).text() == "印章"
    pair = read_der(b"\x30\x06\x02\x01\x01\x02\x01\x02")
    assert [child.integer() for child in pair.children] == [1, 2]
    assert (len(pair), pair[1].offset, pair[1].raw) == (2, 5, b"\x02\x01\x02")


@pytest.mark.parametrize(
    ("data", "call"),
    [
        (b"\x04\x00", lambda node: node.integer()),
        (b"\x02\x01\x00", lambda node: node.octet_string()),
        (b"\x06\x00", lambda node: node.oid()),
        (b"\x06\x01\x81", lambda node: node.oid()),
        (b"\x06\x02\x80\x01", lambda node: node.oid()),
        (element(6, b"\x2a" + b"\xff" * 40 + b"\x7f"), lambda node: node.oid()),
        (b"\x0c\x01\xff", lambda node: node.text()),
        (b"\x13\x01\xff", lambda node: node.text()),
        (b"\x1e\x01a", lambda node: node.text()),
        (b"\x04\x01a", lambda node: node.text()),
        (b"\x80\x01\x09", lambda node: node.bit_string(tag=0x80)),
        (b"\x80\x02\x00\x01", lambda node: node.integer(tag=0x80)),
        (b"\x80\x01\x01", lambda node: node.boolean(tag=0x80)),
        (element(2, b"\x01" * 5000), lambda node: node.integer()),
        (b"\x30\x00", lambda node: node[0]),
    ],
)
def test_an_element_of_another_kind_is_refused(data: bytes, call: object) -> None:
    assert callable(call)
    assert refused(call, read_der(data)) == "der.malformed type"


@given(st.binary(max_size=80))
def test_what_is_read_is_its_own_encoding(data: bytes) -> None:
    try:
        node = read_der(data)
    except Refused:
        return
    assert encoded(node) == data
    for inner in walk(node):
        assert inner.raw == data[inner.offset : inner.offset + len(inner.raw)]
        for read in (inner.oid, inner.integer, inner.octet_string, inner.bit_string, inner.text, inner.boolean):
            try:
                read()
            except Refused:
                continue


TREES = st.recursive(
    st.builds(element, st.sampled_from([0x04, 0x0C, 0x80]), st.binary(max_size=300)),
    lambda inner: st.builds(
        lambda tag, parts: element(tag, b"".join(parts)),
        st.sampled_from([0x30, 0x31, 0xA0]),
        st.lists(inner, max_size=4),
    ),
    max_leaves=12,
)


@given(TREES, st.data())
def test_a_tree_is_read_and_a_changed_octet_is_refused_or_still_its_own_encoding(
    tree: bytes, draw: st.DataObject
) -> None:
    assert encoded(read_der(tree)) == tree
    changed = bytearray(tree)
    changed[draw.draw(st.integers(0, len(tree) - 1))] = draw.draw(st.integers(0, 255))
    try:
        node = read_der(bytes(changed))
    except Refused:
        return
    assert encoded(node) == changed


@pytest.mark.skipif(
    subprocess.run(["which", "openssl"], capture_output=True, check=False).returncode != 0, reason="no openssl"
)
def test_what_openssl_writes_is_read() -> None:
    key = subprocess.run(
        ["openssl", "genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-outform", "DER"],
        capture_output=True,
        check=True,
    ).stdout
    assert encoded(read_der(key)) == key
