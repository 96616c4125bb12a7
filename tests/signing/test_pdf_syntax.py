"""What acts in a PDF is found wherever it stands, and looking for it takes bounded time."""

import time
import zlib
from collections.abc import Mapping
from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pdf_maker import Pdf
from test_pdf import by, verdict, world

from signing.containers.pdf_file import LARGEST_FILE, PdfFile
from signing.containers.pdf_syntax import names_among, stretches

SECONDS = 5.0
ACTION = b"/AA << /O << /S /JavaScript /JS (app.alert) >> >>"
FOUND = {"document.pdf-content": "active-content"}


def signed(objects: Mapping[int, bytes]) -> bytes:
    pdf = Pdf(more=objects)
    pdf.sign(by(world()[1]))
    return pdf.data


@pytest.mark.parametrize(
    "body",
    [
        b"<< %s >>" % ACTION,
        b"<< /A (endobj) %s >>" % ACTION,
        b"<< /A (>>\nstream\n) %s >>" % ACTION,
        b"<< /A (\\)>>\nstream\n(endobj)) %s >>" % ACTION,
        b"<< %% endobj\n%s >>" % ACTION,
        b"<< %% >>stream\n%s >>" % ACTION,
        b"<< /A [1 2 (endobj)] %s /Length 3 >>\nstream\nabc\nendstream" % ACTION,
        b"<< /AA << /O << /S /Java#53cript /J#53 (app.alert) >> >> >>",
        b"[ (endobj) << /S /Launch >> ]",
    ],
)
def test_nothing_hides_what_acts(body: bytes) -> None:
    assert verdict(signed({9: body})) == FOUND


@pytest.mark.parametrize(
    "body",
    [
        b"<< /A (endobj) /Length 11 >>\nstream\n/JavaScript\nendstream",
        b"<< /A (>>\nstream\n) /JSON (text) >>",
        b"<< /A /JavaScripts /B /XJS >>",
    ],
)
def test_what_does_not_act_is_none(body: bytes) -> None:
    assert verdict(signed({9: body})) == {}


def packed(content: bytes, kind: bytes = b"/ObjStm", number: int = 20) -> bytes:
    """An object stream of one object, whose type and filter are written as they are given."""
    text = b"%d 0 " % number
    body = zlib.compress(text + content)
    head = b"<< /Type %s /N 1 /First %d /Fil#74er /FlateDecode /Length %d >>" % (kind, len(text), len(body))
    return b"%s\nstream\n%s\nendstream" % (head, body)


@pytest.mark.parametrize("kind", [b"/ObjStm", b"/Obj#53tm"])
def test_what_is_packed_is_unpacked_whatever_it_is_called(kind: bytes) -> None:
    assert verdict(signed({9: packed(b"<< %s >>" % ACTION, kind)})) == FOUND
    assert verdict(signed({9: packed(b"<< /A 1 >>", kind)})) == {}


def bounded(data: bytes) -> dict[str, str | None]:
    began = time.process_time()
    found = verdict(data)
    assert time.process_time() - began < SECONDS
    return found


def test_streams_that_unpack_to_many_names() -> None:
    many = {number: packed(b"/A" * (3 << 20)) for number in range(9, 40)}
    assert bounded(signed(many)) == {"document.pdf-content": "unreadable"}


def test_many_objects_that_overlap() -> None:
    inside = b"(" + b" ".join(b"%d 0 obj << /A (x" % number for number in range(1000, 21_000)) + b")"
    pdf = Pdf(more={9: b"[ %s ]" % inside})
    pdf.sign(by(world()[1]))
    places = {number: pdf.data.index(b"%d 0 obj << /A (x" % number) for number in range(1000, 21_000, 7)}
    pdf.point(places)
    bounded(pdf.data)


def test_a_file_of_names_alone() -> None:
    began = time.process_time()
    for piece in (b"/A", b"/#41", b"(", b"%", b">>stream\n", b"endobj "):
        data = signed({9: b"[" + piece * ((LARGEST_FILE // 16) // len(piece)) + b"]"})
        PdfFile(data).check_content()
    assert time.process_time() - began < 3 * SECONDS


@example([b">> ", b"stream\n", b"1 0 obj "])  # an object that begins where a stream's body does
@given(
    st.lists(
        st.sampled_from([b"1 0 obj ", b"<< ", b">> ", b"(a)", b"(endobj)", b"endobj ", b"/JS ", b"stream\n", b"%\n"])
    )
)
def test_every_stretch_is_within_and_after_the_last(pieces: list[bytes]) -> None:
    data = b"".join(pieces)
    places = [place for place in range(len(data)) if data.startswith(b"1 0 obj", place)]
    found = list(stretches(data, places))
    assert all(0 <= start < end <= len(data) for start, end in found)
    assert all(end <= start for (_, end), (start, _) in pairwise(found))
    assert names_among(data, frozenset({"JS"})) == ({"JS"} if b"/JS " in data else set())
