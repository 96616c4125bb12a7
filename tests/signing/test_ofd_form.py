"""A part that is read by its form says what it says when it is read as it stands, whatever is written into it."""

import pytest
import sealing as s
from hypothesis import given
from hypothesis import strategies as st

from signing.containers.ofd_form import form_of
from signing.containers.ofd_package import OFD_XML, BadPart, Package, open_package
from signing.containers.ofd_signatures import (
    _kept_declaration,
    _kept_entrance,
    _read_declaration,
    _read_entrance,
)
from untrusted import open_zip

SIGNATURE = "Doc_0/Signs/Sign_0/Signature.xml"
PARTS = s.sealed(s.Signing())
ENTRANCE = s.ofd_xml(ident="@1").replace(b"</ofd:DocInfo>", b"<ofd:Title>@2</ofd:Title></ofd:DocInfo>")
DECLARATION = PARTS[SIGNATURE].replace(s.SIGNED_AT.encode(), b"@1", 1).replace(b"CheckValue>", b"CheckValue>@2", 1)
MARK = "\ue000"
PLAIN = ["x", " x ", "2026-10-14 02:00:00", "保险单", "x" * 200, "保" * 66]
HOSTILE = [
    *("A&amp;B", "&#xE000;0", "&#57344;1", MARK + "0", MARK, "0", "", "\t", "a\nb", "a\u3000b", "\u3000", "a\x85b"),
    *("a\ufffeb", "a\x01b", "a\x00b", '"', "'", ">", "]]>", "-->", "--", "?>", "<", "&", "x" * 199, "x" * 201),
    *("<!-- x -->", "a<!-- x -->b", "<![CDATA[x]]>", "<?x y?>", "<!DOCTYPE x>", "<x/>", "a<x/>"),
    *("<ofd:DocID>y</ofd:DocID>", "<ofd:CheckValue>y</ofd:CheckValue>", "<CheckValue>y</CheckValue>"),
    *(
        "</ofd:DocID><ofd:DocID>y",
        "</ofd:CheckValue><ofd:CheckValue>y",
        "</ofd:Title><ofd:DocID>z</ofd:DocID><ofd:Title>",
    ),
    *("</ofd:SignatureDateTime><ofd:SignatureDateTime>y", "<!--</ofd:Title>", "--><ofd:Title>", "<?a ", " ?>"),
]
anything = st.sampled_from([*PLAIN, *HOSTILE]) | st.text(st.characters(codec="utf-8"), max_size=8)


def written(part: bytes, first: str, second: str) -> bytes:
    return part.replace(b"@1", first.encode()).replace(b"@2", second.encode())


def package(name: str, octets: bytes) -> Package:
    return open_package(open_zip(s.package({**PARTS, name: octets})))


def check_entrance(octets: bytes, *, formed: bool = False) -> None:
    formed_in = package(OFD_XML, octets)
    found = _kept_entrance(formed_in)
    assert found is not None or not formed
    whole = package(OFD_XML, octets)
    try:
        expected = _read_entrance(whole, whole.part(OFD_XML, "OFD"))
    except BadPart:
        assert found is None
    else:
        assert found is None or (found == expected and formed_in.flags == whole.flags)


def check_declaration(octets: bytes, *, formed: bool = False) -> None:
    formed_in = package(SIGNATURE, octets)
    found = _kept_declaration(formed_in, SIGNATURE)
    assert found is not None or not formed
    whole = package(SIGNATURE, octets)
    try:
        expected = _read_declaration(whole, whole.part(SIGNATURE, "Signature"), SIGNATURE)
    except BadPart:
        assert found is None
    else:
        assert found is None or (found == expected and formed_in.flags == whole.flags)


@pytest.mark.parametrize("first", PLAIN)
def test_what_is_plain_is_read_by_its_form(first: str) -> None:
    for second in PLAIN:
        check_entrance(written(ENTRANCE, first, second), formed=True)
        check_declaration(written(DECLARATION, first, second), formed=True)


@pytest.mark.parametrize("first", HOSTILE)
def test_what_is_not_plain_reads_as_it_stands(first: str) -> None:
    for one, other in ((first, "x"), ("x", first), (first, first)):
        check_entrance(written(ENTRANCE, one, other))
        check_declaration(written(DECLARATION, one, other))


@given(anything, anything)
def test_whatever_is_written_reads_as_it_stands(first: str, second: str) -> None:
    check_entrance(written(ENTRANCE, first, second))
    check_declaration(written(DECLARATION, first, second))


@given(st.data())
def test_any_changed_byte_reads_as_it_stands(data: st.DataObject) -> None:
    for part, check in ((ENTRANCE, check_entrance), (DECLARATION, check_declaration)):
        at = data.draw(st.integers(0, len(part) - 1))
        check(part[:at] + bytes([data.draw(st.integers(0, 255))]) + part[at + 1 :])


def test_documents_of_one_form_share_it() -> None:
    forms = {form.octets for ident in ("a", "保", "x y") if (form := form_of(s.ofd_xml(ident=ident)))}
    assert len(forms) == 1
    assert form_of(s.ofd_xml(root="Doc_1/Document.xml")) != form_of(s.ofd_xml())
    assert form_of(b"<a>" + b"x" * (64 << 10)) is None
    flagged = s.ofd_xml().replace(b"http://www.ofdspec.org/2016", b"http://www.ofdspec.org")
    for _ in range(2):
        old = package(OFD_XML, flagged)
        assert _kept_entrance(old) is not None
        assert old.flags == {"namespace-nonstandard"}
