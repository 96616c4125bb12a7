"""Documents that contradict themselves, hide something, or are broken: a problem each, and never a silent choice."""

import io
from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pypdfium2 import PdfDocument
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.cidfonts import UnicodeCIDFont
from reportlab.pdfgen.canvas import Canvas

from adapters.document import DocumentFields, read_document
from sandbox.archive import write_archive
from sandbox.insurers import MEDIA_TYPES
from sandbox.ofd import unsealed_parts
from sandbox.sheets import policy_attachment, policy_sheet
from sandbox.world import World
from tests.shared import vectors

WORLD = World(1, at=datetime(2026, 11, 21, 8, tzinfo=UTC))
INSURER = WORLD.insurer("SANDBOX-A")
FACTS = WORLD.policy(INSURER, 1)
OFD, PDF = MEDIA_TYPES["ofd"], MEDIA_TYPES["pdf"]
PAGE, DOCUMENT, ATTACHED = "Doc_0/Pages/Page_0/Content.xml", "Doc_0/Document.xml", "Doc_0/Attachs/policy.xml"


def parts(attached: bytes | None = None) -> dict[str, bytes]:
    sheet = policy_sheet("DOC-OFD-XML", FACTS, INSURER.name, INSURER.seal_name)
    return unsealed_parts(
        sheet,
        created=WORLD.at,
        attachments={"policy.xml": attached if attached is not None else policy_attachment(FACTS)},
    )


def read(changed: dict[str, bytes], profile: str = "DOC-OFD-XML") -> DocumentFields:
    return read_document(profile, write_archive(changed), OFD)


def rules(found: DocumentFields) -> list[tuple[str, str]]:
    for problem in found.problems:
        assert problem.detail.zh
        assert problem.detail.en
    return [(problem.rule, problem.reason) for problem in found.problems]


def drawn(text: str, y: float = 250, extra: str = "", size: float = 4) -> bytes:
    return (
        f'<ofd:TextObject ID="150" Boundary="22 {y} 100 6" Font="2" Size="{size}"{extra}>'
        f'<ofd:TextCode X="0" Y="4">{text}</ofd:TextCode></ofd:TextObject></ofd:Layer>'
    ).encode()


def test_attachment_and_page_that_disagree() -> None:
    found = read(parts(policy_attachment(FACTS).replace(b"<Gross>800000.00", b"<Gross>600000.00")))
    assert rules(found) == [("document.sources-disagree", "different-values")]
    assert found.problems[0].field == "premium.gross"
    assert set(found.problems[0].facts.values()) == {"600000.00", "800000.00"}
    assert "premium.gross" not in found.fields
    assert found.fields["premium.net"].value == FACTS.get("premium.net")


def test_a_label_that_stands_twice_with_different_values() -> None:
    changed = parts()
    changed[PAGE] = changed[PAGE].replace(b"</ofd:Layer>", drawn("累计责任限额：人民币1.00元"))
    found = read(changed, "DOC-OFD-XML")
    assert ("document.sources-disagree", "different-values") in rules(found)
    changed = {name: content for name, content in changed.items() if "Attachs" not in name}
    changed[DOCUMENT] = changed[DOCUMENT].replace(b"<ofd:Attachments>Attachs/Attachments.xml</ofd:Attachments>", b"")
    found = read(changed, "DOC-OFD-TEXT")
    assert rules(found) == [("document.label-conflict", "different-values")]
    assert "limits.aggregate" not in found.fields


def test_the_same_value_twice_is_no_conflict() -> None:
    changed = parts()
    changed[PAGE] = changed[PAGE].replace(b"</ofd:Layer>", drawn("费　率 : ２ %".replace("２", "2")))
    assert FACTS.get("rate_percent") == "2"
    assert rules(read(changed)) == []


def test_a_value_that_cannot_be_read_takes_its_field_away() -> None:
    changed = parts()
    changed[PAGE] = changed[PAGE].replace(b"</ofd:Layer>", drawn("费率：约百分之二"))
    found = read(changed)
    assert rules(found) == [("document.value", "unreadable")]
    assert found.problems[0].facts["rule"] == "number.unreadable"
    assert "rate_percent" not in found.fields
    changed[PAGE] = parts()[PAGE].replace(b"</ofd:Layer>", drawn("保险期间：一年"))
    found = read(changed)
    assert not {"period.start", "period.end"} & set(found.fields)


def test_a_label_inside_a_value_is_a_conflict() -> None:
    holder = {"name": "示例 保险单号：PXXX202633010000000999", "credit_code": "91330108MA2XX9T186"}
    facts = WORLD.policy(WORLD.insurer("SANDBOX-C"), 1, policyholder=holder)
    sheet = policy_sheet("DOC-OFD-TEXT", facts, INSURER.name, INSURER.seal_name)
    found = read(unsealed_parts(sheet, created=WORLD.at), "DOC-OFD-TEXT")
    assert ("document.label-conflict", "different-values") in rules(found)
    assert "policy_no" not in found.fields


@pytest.mark.parametrize(
    ("added", "reason"),
    [
        (b"<Rebate>80000.00</Rebate></EPolicy>", "unaccounted"),
        (b"<PolicyNo>PJIA202633010000000001</PolicyNo></EPolicy>", "repeated"),
        (b"text</EPolicy>", "unaccounted"),
        (b"<Holder Kind='1'><Name>x</Name></Holder></EPolicy>", "unaccounted"),
    ],
)
def test_an_attachment_is_accounted_for(added: bytes, reason: str) -> None:
    found = read(parts(policy_attachment(FACTS).replace(b"</EPolicy>", added)))
    assert ("document.attachment", reason) in rules(found)


def test_an_attachment_of_another_structure() -> None:
    assert rules(read(parts(b"<Other/>"))) == [("document.attachment", "unknown-root")]
    other = policy_attachment(FACTS).replace(b"urn:sandbox:e-policy:1", b"urn:other")
    assert ("document.attachment", "unknown-root") in rules(read(parts(other)))


def test_stray_entries_are_never_looked_at() -> None:
    changed = parts()
    changed["Doc_0/Attachs/other.xml"] = policy_attachment(FACTS).replace(b"800000.00", b"1.00")
    changed["stray.xml"] = b"not even XML"
    assert rules(read(changed)) == []


HIDDEN = {
    "invisible": {"extra": ' Visible="false"'},
    "transparent": {"extra": ' Alpha="0"'},
    "tiny": {"size": 0.1},
    "outside": {"y": 400},
    "shrunk": {"extra": ' CTM="0.01 0 0 0.01 0 4"'},
    "clipped": {"extra": ' CTM="1 0 0 1 300 0"'},
}


@pytest.mark.parametrize("how", HIDDEN)
def test_hidden_text_states_nothing(how: str) -> None:
    changed = parts()
    changed[PAGE] = changed[PAGE].replace(b"</ofd:Layer>", drawn("水印", **HIDDEN[how]))
    assert rules(read(changed)) == []
    hidden = drawn("保险单号：PXXX202633010000000999", **HIDDEN[how])
    changed[PAGE] = parts()[PAGE].replace(b"</ofd:Layer>", hidden)
    found = read(changed)
    assert rules(found) == [("document.hidden-text", "hidden")]
    assert found.fields["policy_no"].value == FACTS.policy_no


def test_white_text_states_nothing() -> None:
    white = drawn("1.00").replace(b"<ofd:TextCode", b'<ofd:FillColor Value="255 255 255"/><ofd:TextCode')
    changed = parts()
    changed[PAGE] = changed[PAGE].replace(b"</ofd:Layer>", white)
    assert rules(read(changed)) == [("document.hidden-text", "hidden")]


def test_annotations_and_templates_are_part_of_the_page() -> None:
    changed = parts()
    changed[DOCUMENT] = changed[DOCUMENT].replace(
        b"</ofd:Pages>", b"</ofd:Pages><ofd:Annotations>Annotations.xml</ofd:Annotations>"
    )
    namespace = b'xmlns:ofd="http://www.ofdspec.org/2016"'
    changed["Doc_0/Annotations.xml"] = (
        b"<ofd:Annotations " + namespace + b'><ofd:Page PageID="3"><ofd:FileLoc>Note.xml</ofd:FileLoc></ofd:Page>'
        b"</ofd:Annotations>"
    )
    changed["Doc_0/Note.xml"] = (
        b"<ofd:PageAnnot "
        + namespace
        + b"><ofd:Annot><ofd:Appearance><ofd:Layer>"
        + drawn("保险单号：PXXX202633010000000999")
        + b"</ofd:Appearance></ofd:Annot></ofd:PageAnnot>"
    )
    assert ("document.sources-disagree", "different-values") in rules(read(changed))


def test_custom_tags_stand_between_attachment_and_page() -> None:
    changed = parts()
    changed[DOCUMENT] = changed[DOCUMENT].replace(
        b"</ofd:Document>", b"<ofd:CustomTags>Tags/CustomTags.xml</ofd:CustomTags></ofd:Document>"
    )
    namespace = b'xmlns:ofd="http://www.ofdspec.org/2016"'
    changed["Doc_0/Tags/CustomTags.xml"] = (
        b"<ofd:CustomTags " + namespace + b"><ofd:CustomTag><ofd:FileLoc>Tag.xml</ofd:FileLoc></ofd:CustomTag>"
        b"</ofd:CustomTags>"
    )

    def tag(number: int) -> bytes:
        return (
            b"<ofd:Policy "
            + namespace
            + b'><ofd:PolicyNo><ofd:ObjectRef PageRef="3">'
            + str(number).encode()
            + b"</ofd:ObjectRef></ofd:PolicyNo></ofd:Policy>"
        )

    changed["Doc_0/Tags/Tag.xml"] = tag(14)  # the value beside the label 保险单号
    found = read(changed)
    assert rules(found) == []
    without = {name: content for name, content in changed.items() if "Attachs" not in name}
    without[DOCUMENT] = without[DOCUMENT].replace(b"<ofd:Attachments>Attachs/Attachments.xml</ofd:Attachments>", b"")
    assert read(without, "DOC-OFD-TEXT").fields["policy_no"].source == "Doc_0/Tags/Tag.xml#/PolicyNo object 14"
    changed["Doc_0/Tags/Tag.xml"] = tag(199)
    assert rules(read(changed)) == [("document.unreadable", "structure")]


def without(part: str) -> dict[str, bytes]:
    return {name: content for name, content in parts().items() if name != part}


def edited(part: str, old: bytes, new: bytes) -> dict[str, bytes]:
    before = parts()
    assert old in before[part]
    return before | {part: before[part].replace(old, new)}


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        (without(DOCUMENT), "structure"),
        (without(ATTACHED), "structure"),
        (edited("OFD.xml", b"</ofd:OFD>", b"<ofd:DocBody/></ofd:OFD>"), "several-documents"),
        (edited("OFD.xml", b"</ofd:DocBody>", b"<ofd:Versions/></ofd:DocBody>"), "several-documents"),
        (edited("OFD.xml", b"Doc_0/Doc", b"../Doc_0/Doc"), "structure"),
        (parts() | {"Pages/Page_0/Content.xml": parts()[PAGE]}, "ambiguous-path"),
        (parts() | {PAGE: b"<!DOCTYPE x><x/>"}, "container"),
        (parts() | {PAGE: b"<x"}, "container"),
        (edited(PAGE, b'Size="4.2"', b'Size="nan"'), "structure"),
        (edited(PAGE, b'Boundary="22 ', b'Boundary="1e999 '), "structure"),
        (edited(PAGE, b'Boundary="22 ', b'Boundary="'), "structure"),
        (edited(DOCUMENT, b"</ofd:Pages>", b'<ofd:Page ID="9" BaseLoc="x"/>' * 200 + b"</ofd:Pages>"), "too-large"),
        (edited(PAGE, b"</ofd:Layer>", drawn("\u5b57" * 1_000_001)), "too-large"),
    ],
)
def test_broken_packages(changed: dict[str, bytes], reason: str) -> None:
    assert rules(read(changed)) == [("document.unreadable", reason)]


def test_problems_are_not_listed_without_end() -> None:
    found = read(parts(policy_attachment(FACTS).replace(b"</EPolicy>", b"<X/>" * 50_000 + b"</EPolicy>")))
    assert len(found.problems) == 1000


def test_no_title_and_two_titles() -> None:
    changed = {name: content for name, content in parts().items() if "Attachs" not in name}
    changed[DOCUMENT] = changed[DOCUMENT].replace(b"<ofd:Attachments>Attachs/Attachments.xml</ofd:Attachments>", b"")
    untitled = dict(changed)
    untitled[PAGE] = changed[PAGE].replace("产品责任保险电子保险单".encode(), "说明".encode())
    assert rules(read(untitled, "DOC-OFD-TEXT")) == [("document.kind", "no-title")]
    changed[PAGE] = changed[PAGE].replace(b"</ofd:Layer>", drawn("保险费收讫证明"))
    assert rules(read(changed, "DOC-OFD-TEXT")) == [("document.kind", "several-titles")]


def test_a_page_that_states_nothing() -> None:
    changed = {name: content for name, content in parts().items() if "Attachs" not in name}
    changed[DOCUMENT] = changed[DOCUMENT].replace(b"<ofd:Attachments>Attachs/Attachments.xml</ofd:Attachments>", b"")
    changed[PAGE] = (
        b'<ofd:Page xmlns:ofd="http://www.ofdspec.org/2016"><ofd:Content><ofd:Layer>'
        + drawn("产品责任保险电子保险单")
        + b"</ofd:Content></ofd:Page>"
    )
    assert rules(read(changed, "DOC-OFD-TEXT")) == [("document.empty", "nothing-stated")]


def pdf(draw: Callable[[Canvas], None], **options: object) -> bytes:
    pdfmetrics.registerFont(UnicodeCIDFont("STSong-Light"))
    output = io.BytesIO()
    canvas = Canvas(output, pagesize=(595, 842), invariant=1, **options)
    canvas.setFont("STSong-Light", 12)
    canvas.drawString(200, 780, "电子保险单")
    canvas.drawString(60, 700, "保险单号：PYI202633010000000001  费率：1.6%")
    draw(canvas)
    canvas.save()
    return output.getvalue()


def invisible(canvas: Canvas) -> None:
    text = canvas.beginText(60, 600)
    text.setTextRenderMode(3)
    text.textLine("保险费合计（含税）：人民币1.00元")
    canvas.drawText(text)


def white(canvas: Canvas) -> None:
    canvas.setFillColorRGB(1, 1, 1)
    canvas.drawString(60, 500, "费率：1.6%")


@pytest.mark.parametrize(
    ("draw", "expected"),
    [
        (lambda canvas: None, []),
        (white, [("document.hidden-text", "hidden")]),
        (invisible, [("document.hidden-text", "hidden")]),
        (lambda c: c.drawString(60, -40, "费率：1.6%"), [("document.hidden-text", "hidden")]),
        (lambda c: c.drawString(60, 500, "费率：1.5%"), [("document.label-conflict", "different-values")]),
        (lambda c: c.textAnnotation("费率：1.5%", Rect=[60, 400, 90, 430]), [("document.overlay", "annotation")]),
        (lambda c: c.drawString(60, 500, "保费到账确认书"), [("document.kind", "several-titles")]),
    ],
    ids=["plain", "white", "invisible", "outside", "twice", "annotation", "two-titles"],
)
def test_pdf_pages(draw: Callable[[Canvas], None], expected: list[tuple[str, str]]) -> None:
    found = read_document("DOC-PDF-FIRST", pdf(draw), PDF)
    assert rules(found) == expected
    if not expected:
        assert {path: one.value for path, one in found.fields.items()} == {
            "policy_no": "PYI202633010000000001",
            "rate_percent": "1.6",
        }


def test_a_pdf_with_too_many_pages() -> None:
    document = PdfDocument.new()
    for _ in range(201):
        document.new_page(100, 100)
    output = io.BytesIO()
    document.save(output)
    assert rules(read_document("DOC-PDF-FIRST", output.getvalue(), PDF)) == [("document.unreadable", "too-large")]


def test_formats_are_those_of_the_profile() -> None:
    good = write_archive(parts())
    for profile, data, media in (
        ("DOC-OFD-XML", good, PDF),
        ("DOC-PDF-FIRST", good, PDF),
        ("DOC-OFD-XML", b"%PDF-1.7", OFD),
        ("DOC-OFD-XML", b"", OFD),
    ):
        assert rules(read_document(profile, data, media)) == [("document.unreadable", "format")]
    with pytest.raises(KeyError):
        read_document("DOC-NONE", good, OFD)


@given(place=st.integers(0, 100_000), change=st.binary(min_size=1, max_size=6), cut=st.booleans())
@settings(max_examples=150, deadline=None)
def test_damaged_documents_give_problems_not_crashes(place: int, change: bytes, cut: bool) -> None:
    for profile, document, media in DAMAGED:
        at = place % len(document)
        damaged = document[:at] + (b"" if cut else change + document[at + len(change) :])
        read_document(profile, damaged, media)


SECOND = WORLD.insurer("SANDBOX-B")
DAMAGED = (
    ("DOC-OFD-XML", write_archive(parts()), OFD),
    ("DOC-PDF-FIRST", WORLD.e_policy(SECOND, WORLD.policy(SECOND, 1)), PDF),
)


@pytest.mark.real
def test_documents_of_others_are_read_without_a_crash() -> None:
    """Nobody registered their layouts, so nothing may be taken from them."""
    count = 0
    for kind, media, profile in (("ofd", OFD, "DOC-OFD-TEXT"), ("pdf", PDF, "DOC-PDF-FIRST")):
        for path in sorted(vectors(kind).rglob(f"*.{kind}")):
            found = read_document(profile, path.read_bytes(), media)
            assert found.kind == "invoice" or (found.problems and not found.fields)  # invoices are everybody's
            count += 1
    assert count > 60
