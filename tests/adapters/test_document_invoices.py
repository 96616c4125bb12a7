"""Invoices as documents: ours in each format, and real ones, whose fields must fit each other."""

import io
import re
import zipfile
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.cidfonts import UnicodeCIDFont
from reportlab.pdfgen.canvas import Canvas

from adapters.document import DocumentFields, read_document
from sandbox import invoices, ofd, pdf
from sandbox.records import Record
from sandbox.world import World
from tests.shared import vectors

WORLD = World(1, at=datetime(2026, 11, 21, 8, tzinfo=UTC))
OFD, PDF, XML = "application/ofd", "application/pdf", "application/xml"
NUMBER, ORIGINAL = "26332000000000000001", "26332000000000000002"


def invoice(n: int = 1, gross: str = "800000.00", number: str = NUMBER, red_of: str | None = None) -> Record:
    insurer = WORLD.insurer("SANDBOX-C")
    seller = {"name": insurer.name, "credit_code": insurer.credit_code}
    return invoices.invoice(
        WORLD.policy(insurer, n),
        invoice_no=number,
        issued_on=date(2026, 10, 12),
        seller=seller,
        gross=gross,
        red_of=red_of,
    )


def flat(body: dict[str, Any], above: str = "") -> dict[str, object]:
    found: dict[str, object] = {}
    for name, value in body.items():
        if isinstance(value, dict):
            found |= flat(value, f"{above}{name}.")
        else:
            found[f"{above}{name}"] = tuple(value) if isinstance(value, list) else value
    return found


def values(read: DocumentFields) -> dict[str, object]:
    return {path: found.value for path, found in read.fields.items()}


def parts(record: Record, *, attached: bool) -> dict[str, bytes]:
    files = {"invoice.xml": invoices.invoice_xml([record])} if attached else None
    return ofd.unsealed_parts(
        invoices.invoice_sheet(record), created=datetime(2026, 10, 12, tzinfo=UTC), attachments=files
    )


def written(record: Record) -> list[tuple[str, bytes]]:
    """The invoice in every form that it is delivered in."""
    return [
        (OFD, ofd.write_ofd(parts(record, attached=True))),
        (OFD, ofd.write_ofd(parts(record, attached=False))),
        (PDF, pdf.write_page(invoices.invoice_sheet(record))),
        (XML, invoices.invoice_xml([record])),
    ]


NUMBERS: SearchStrategy[str] = st.from_regex(r"[0-9]{20}", fullmatch=True)


@given(fen=st.integers(1, 10**13), number=NUMBERS, red_of=st.none() | NUMBERS, n=st.integers(0, 9))
@settings(max_examples=40, deadline=None)
def test_an_invoice_is_read_back_in_every_form(fen: int, number: str, red_of: str | None, n: int) -> None:
    record = invoice(n, f"{fen // 100}.{fen % 100:02d}", number, red_of)
    for profile in ("DOC-OFD-XML", "DOC-PDF-FIRST"):  # whosever profile it is, an invoice is an invoice
        for media, document in written(record):
            read = read_document(profile, document, media)
            assert read.problems == (), media
            assert read.kind == "invoice"
            assert values(read) == flat(record.body)


def test_each_field_names_its_place() -> None:
    (_, whole), (_, page), (_, printed), (_, xml) = written(invoice())
    assert read_document("DOC-OFD-XML", whole, OFD).fields["net"].source.startswith("Doc_0/Attachs/invoice.xml#/EInv")
    assert read_document("DOC-OFD-XML", page, OFD).fields["net"].source == "page 1 line 11 object 29"
    assert read_document("DOC-OFD-XML", printed, PDF).fields["net"].source == "page 1 line 11"
    assert read_document("DOC-OFD-XML", xml, XML).fields["net"].source.endswith("BasicInformation/TotalAmWithoutTax")


@pytest.mark.parametrize(
    ("old", "new", "field"),
    [
        ("¥800000.00", "¥800000.01", "gross"),
        ("捌拾万元整", "捌拾万元壹角整", "gross"),
        ("¥754716.98", "¥754716.97", "net"),
        ("2026年10月12日", "2026年10月13日", "issued_on"),
        (NUMBER, ORIGINAL, "invoice_no"),
        ("示例丙", "示例甲", "seller.name"),
    ],
)
def test_page_and_attachment_that_disagree_leave_the_field_out(old: str, new: str, field: str) -> None:
    changed = parts(invoice(), attached=True)
    page = "Doc_0/Pages/Page_0/Content.xml"
    assert old.encode() in changed[page]
    changed[page] = changed[page].replace(old.encode(), new.encode(), 1)
    read = read_document("DOC-OFD-XML", ofd.write_ofd(changed), OFD)
    assert field not in read.fields
    assert [(one.rule, one.field) for one in read.problems] == [("document.sources-disagree", field)]


def test_a_third_name_leaves_both_parties_open() -> None:
    sheet = invoices.invoice_sheet(invoice())
    document = pdf.write_page(type(sheet)(sheet.title, sheet.heading, (*sheet.rows, ("名称", "X")), (), ""))
    read = read_document("DOC-PDF-FIRST", document, PDF)
    assert {(one.rule, one.reason, one.field) for one in read.problems} == {
        ("document.label-conflict", "not-once-each", field) for field in ("buyer.name", "seller.name")
    }
    assert not {"buyer.name", "seller.name"} & set(read.fields)


def test_what_an_invoice_says_wrongly_is_a_problem() -> None:
    xml = invoices.invoice_xml([invoice()])
    read = read_document("DOC-OFD-XML", xml.replace(b">754716.98<", b">754716.97<", 1), XML)
    assert {one.facts["rule"] for one in read.problems} == {"invoice.total-mismatch"}
    assert read.fields == {}
    for data, reason in (
        (invoices.invoice_xml([invoice(), invoice(2, number=ORIGINAL)]), "several-documents"),
        (b"<EInvoice/>", None),
        (b"<!DOCTYPE x><EInvoice/>", "container"),
        (b"<EInvoice>" * 100, "container"),
        (b"<x/>", "container"),
    ):
        read = read_document("DOC-OFD-XML", data, XML)
        assert read.fields == {}
        assert read.problems
        assert reason is None or [one.reason for one in read.problems] == [reason]


def test_custom_data_can_contradict_and_never_state() -> None:
    """Seals often leave OFD.xml out. 合计金额 there is net of tax."""
    data = '<ofd:CustomDatas><ofd:CustomData Name="合计金额">{}</ofd:CustomData></ofd:CustomDatas></ofd:DocInfo>'
    for amount, problems in (("754716.98", []), ("800000.00", [("document.sources-disagree", "net")])):
        changed = parts(invoice(), attached=False)
        changed["OFD.xml"] = changed["OFD.xml"].replace(b"</ofd:DocInfo>", data.format(amount).encode())
        read = read_document("DOC-OFD-XML", ofd.write_ofd(changed), OFD)
        assert [(one.rule, one.field) for one in read.problems] == problems
    page = "Doc_0/Pages/Page_0/Content.xml"
    changed[page] = re.sub("合 计.*?</ofd:TextCode>".encode(), b"</ofd:TextCode>", changed[page])
    assert "net" not in read_document("DOC-OFD-XML", ofd.write_ofd(changed), OFD).fields


def test_tags_with_prefixes_that_nobody_declared_are_read() -> None:
    """As the tax platform's producer writes them: `<:eInvoice xmlns:="">`."""
    changed = parts(invoice(), attached=False)
    document = "Doc_0/Document.xml"
    changed[document] = changed[document].replace(
        b"</ofd:Document>", b"<ofd:CustomTags>Tags/CustomTags.xml</ofd:CustomTags></ofd:Document>"
    )
    changed["Doc_0/Tags/CustomTags.xml"] = (
        b'<ofd:CustomTags xmlns:ofd="http://www.ofdspec.org/2016"><ofd:CustomTag TypeID="">'
        b"<ofd:FileLoc>CustomTag.xml</ofd:FileLoc></ofd:CustomTag></ofd:CustomTags>"
    )
    tag = '<:eInvoice xmlns:=""><{0}><ofd:ObjectRef PageRef="3">{1}</ofd:ObjectRef></{0}></:eInvoice>'
    for name, number, field in (("InvoiceNo", 14, None), ("IssueDate", 14, "issued_on"), ("Unknown", 999, None)):
        changed["Doc_0/Tags/CustomTag.xml"] = tag.format(name, number).encode()
        read = read_document("DOC-OFD-XML", ofd.write_ofd(changed), OFD)
        assert [one.field for one in read.problems] == ([field] if field else [])
        if name == "InvoiceNo":
            assert read.fields["invoice_no"].source == "Doc_0/Tags/CustomTag.xml#/InvoiceNo object 14"


def official(texts: list[tuple[float, float, str]]) -> bytes:
    """A page with these texts, drawn in this order."""
    pdfmetrics.registerFont(UnicodeCIDFont("STSong-Light"))
    output = io.BytesIO()
    canvas = Canvas(output, pagesize=(612, 396), invariant=1)
    for x, y, text in texts:
        canvas.setFont("STSong-Light", 9)
        canvas.drawString(x, y, text)
    canvas.save()
    return output.getvalue()


# As the official form has it: buyer left, seller right, their headings upright beside them.
FORM = [
    *((230, 365, "电子发票（普通发票）"), (430, 350, "发票号码："), (475, 350, NUMBER)),
    *((430, 335, "开票日期："), (475, 335, "2026年10月12日")),
    *((20.0, 300.0 - 11 * n, one) for n, one in enumerate("购买方信息")),
    *((298.0, 300.0 - 11 * n, one) for n, one in enumerate("销售方信息")),
    *((35, 300, "名称："), (62, 300, "示例医药集团股份有限公司（杭州）第一分公司药厂")),
    *((325, 300, "名称："), (352, 300, "示例丙财产保险有限公司")),
    *((35, 278, "统一社会信用代码/纳税人识别号："), (180, 278, "91330108MA2XX9T186")),
    *((325, 278, "统一社会信用代码/纳税人识别号："), (470, 278, "91330000MA2DEMA16M")),
    *((40, 250, "项目名称"), (390, 250, "金 额"), (450, 250, "税率/征收率"), (540, 250, "税 额")),
    *((40, 236, "*保险服务*责任保险"), (390, 236, "754716.98"), (460, 236, "6%"), (540, 236, "45283.02")),
    *((60, 150, "合"), (120, 150, "计"), (380, 150, "¥754716.98"), (530, 150, "¥45283.02")),
    *((60, 130, "价税合计（大写）"), (180, 130, "ⓧ"), (192, 130, "捌拾万圆整")),
    *((400, 130, "（小写）"), (440, 130, "¥800000.00")),
    *((20, 105, "备"), (20, 85, "注"), (40, 100, "保单号：PBING202633010000000001")),
    *((60, 40, "开票人："), (100, 40, "示例")),
]


@given(texts=st.permutations(FORM))
@settings(max_examples=20, deadline=None)
def test_the_official_form_is_read_in_whatever_order_it_is_drawn(texts: list[tuple[float, float, str]]) -> None:
    read = read_document("DOC-OFD-XML", official(texts), PDF)
    assert read.problems == ()
    assert values(read) == {
        "invoice_no": NUMBER,
        "issued_on": "2026-10-12",
        "buyer.name": "示例医药集团股份有限公司（杭州）第一分公司药厂",
        "buyer.credit_code": "91330108MA2XX9T186",
        "seller.name": "示例丙财产保险有限公司",
        "seller.credit_code": "91330000MA2DEMA16M",
        "net": "754716.98",
        "tax": "45283.02",
        "gross": "800000.00",
        "policy_nos": ("PBING202633010000000001",),
    }


# Real invoices: no value of theirs is written down here, they have to fit each other.

REAL = {
    "tax-zhejiang-gomain-bf41627e.ofd": set(),
    "tax-jiangsu-gomain-bff244b1.ofd": set(),
    "tax-guizhou-gomain-28928635.ofd": set(),
    "taxtest-kinggrid-a2b9080a.ofd": set(),
    "taxtest-document-edited-f52f1df9.ofd": set(),
    "taxtest-templates-uncovered-525eba2e.ofd": set(),
    # Boundaries of a negative width: nobody knows which reader shows that text.
    "taxplatform-antchain-7999a96a.ofd": {("document.hidden-text", "hidden")},
}


@pytest.mark.real
@pytest.mark.parametrize("name", REAL)
def test_a_real_invoice_is_read_and_fits_itself(name: str) -> None:
    read = read_document("DOC-OFD-TEXT", (vectors("ofd") / name).read_bytes(), OFD)
    assert {(one.rule, one.reason) for one in read.problems} == REAL[name]
    assert read.kind == "invoice"
    found = {path: str(value) for path, value in values(read).items()}
    assert set(found) >= {"invoice_no", "invoice_code", "issued_on", "seller.name", "buyer.name"}
    assert Decimal(found["net"]) + Decimal(found["tax"]) == Decimal(found["gross"])
    assert re.fullmatch("[0-9]{8}", found["invoice_no"])
    assert re.fullmatch("[0-9]{12}", found["invoice_code"])
    assert date(2019, 1, 1) < date.fromisoformat(found["issued_on"]) < date(2026, 1, 1)


@pytest.mark.real
@pytest.mark.parametrize("name", [name for name in REAL if name.startswith("tax-")])
@pytest.mark.parametrize("left_out", ["Attachments", "Attachments|CustomTags"])
def test_tags_and_page_of_a_real_invoice_say_what_its_attachment_says(name: str, left_out: str) -> None:
    data = (vectors("ofd") / name).read_bytes()
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        changed = {one: archive.read(one) for one in archive.namelist()}
    pattern = f"<ofd:(?:{left_out})>.*?</ofd:(?:{left_out})>".encode()
    changed["Doc_0/Document.xml"] = re.sub(pattern, b"", changed["Doc_0/Document.xml"])
    whole = values(read_document("DOC-OFD-TEXT", data, OFD))
    rest = read_document("DOC-OFD-TEXT", ofd.write_ofd(changed), OFD)
    assert rest.problems == ()
    assert {"invoice_no", "invoice_code", "issued_on", "gross"} <= set(rest.fields)
    assert all(whole[path] == found.value for path, found in rest.fields.items())


@pytest.mark.real
def test_a_real_ticket_of_the_railway_has_the_number_of_a_digital_invoice() -> None:
    """Its attachment is of a structure that nobody registered: what the page states is read, and this is said."""
    read = read_document("DOC-OFD-TEXT", (vectors("ofd") / "rail-cms-1-a2776009.ofd").read_bytes(), OFD)
    assert [(one.rule, one.reason) for one in read.problems] == [("document.attachment", "unknown-root")]
    assert re.fullmatch("[0-9]{20}", str(read.fields["invoice_no"].value))
    day = date.fromisoformat(str(read.fields["issued_on"].value))
    assert str(read.fields["invoice_no"].value)[:2] == f"{day:%y}"
