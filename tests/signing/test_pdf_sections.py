"""Cross-reference sections of a stranger's PDF: counted before they are read, and read as the library reads them."""

import io
import time
import zlib

import pytest
from pdf_maker import Pdf
from published import read, vectors
from pyhanko.pdf_utils.reader import PdfFileReader
from test_pdf import by, world

from signing.containers.pdf_file import PDF_FAULTS, BadPdf, PdfFile
from signing.containers.pdf_sections import check_sections

HEAD = (
    b"%PDF-1.7\n1 0 obj\n<< /Type /Catalog /Pages 2 0 R >>\nendobj\n"
    b"2 0 obj\n<< /Type /Pages /Kids [] /Count 0 >>\nendobj\n"
)
SECONDS = 2.0


def ended(body: bytes, start: int = len(HEAD)) -> bytes:
    return HEAD + body + b"startxref\n%d\n%%%%EOF\n" % start


def stream(size: int, *, width: bytes = b"[1 2 1]", entries: bytes = b"", more: bytes = b"") -> bytes:
    """A cross-reference stream of so many entries."""
    packed = zlib.compress(entries)
    head = b"<< /Type /XRef /Size %d /W %s /Root 1 0 R /Filter /FlateDecode /Length %d %s>>" % (
        size,
        width,
        len(packed),
        more,
    )
    return b"3 0 obj\n%s\nstream\n%s\nendstream\nendobj\n" % (head, packed)


def chain(length: int) -> bytes:
    """So many tables of one entry, each before the last."""
    body, last = b"", None
    for _ in range(length):
        place = len(HEAD) + len(body)
        before = b"" if last is None else b"/Prev %d " % last
        body += b"xref\n0 1\n0000000000 65535 f \ntrailer\n<< /Size 3 /Root 1 0 R %s>>\n" % before
        last = place
    return ended(body, last or 0)


ENTRY = b"\x01\x00\x09\x00"


@pytest.mark.parametrize(
    "data",
    [
        ended(stream(1_000_000, entries=ENTRY * 1_000_000)),
        ended(stream(10**9, width=b"[0 0 0]")),
        ended(stream(100, entries=ENTRY * 100, more=b"/Index [0 1000000000] ")),
        ended(stream(100, entries=ENTRY * 100, more=b"/Ind#65x [0 50 60 1000000000] ")),
        ended(b"xref\n0 600000\n" + b"0000000009 00000 n \n" * 600_000 + b"trailer\n<< /Size 600000 /Root 1 0 R >>\n"),
        chain(20_000),
    ],
)
def test_more_entries_than_are_read(data: bytes) -> None:
    began = time.process_time()
    with pytest.raises(BadPdf) as caught:
        PdfFile(data)
    assert caught.value.args[0] == "too-complex"
    assert time.process_time() - began < SECONDS


@pytest.mark.parametrize(
    "body",
    [
        stream(100, width=b"[1 100000 1]", entries=ENTRY * 100_000),
        stream(100, width=b"[1 -2 1]"),
        stream(100, width=b"(text)"),
        stream(100, more=b"/Index [0 -5 7 9] "),
        stream(100, more=b"/Index 7 "),
        stream(100, more=b"/Prev (text) "),
        b"xref\n0 1\n0000000000 65535 f \n",
        b"xref\n0 1\n0000000000 65535 f \ntrailer\n(text)\n",
    ],
)
def test_sections_that_are_none(body: bytes) -> None:
    began = time.process_time()
    with pytest.raises(BadPdf) as caught:
        PdfFile(ended(body))
    assert caught.value.args[0] == "malformed"
    assert time.process_time() - began < SECONDS


def test_an_honest_file_has_the_entries_that_it_has() -> None:
    pdf = Pdf()
    pdf.sign(by(world()[1]))
    pdf.sign(by(world()[1]))
    check_sections(pdf.data, 0)  # entries of tables are not counted here
    assert PdfFile(pdf.data).revisions == 2


@pytest.mark.real
def test_what_the_library_reads_is_walked() -> None:
    """No file of the public suite is refused that the library would read."""
    suite = vectors("pdf")
    for entry in read(suite / "labels.json")["files"]:
        data = (suite / entry["file"]).read_bytes()
        try:
            check_sections(data, 100_000)
        except PDF_FAULTS:
            with pytest.raises(PDF_FAULTS):
                PdfFileReader(io.BytesIO(data), strict=True)
