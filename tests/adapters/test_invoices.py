"""E-invoices (DIALECTS 11): one, several, a zip of them; what each check tells."""

from typing import Any

import pytest
from translated import everything, records, told
from trees_made import INVOICE_NO, POLICY_NO, RED, archive, found, invoice, listed, only, problems, refused

from adapters import Lineage

CODE = "DIA-EINV-XML"
BASIC = "EInvoiceData/BasicInformation"
LINES = "EInvoiceData/IssuItemInformation"
REMARK = "EInvoiceData/AdditionalInformation/Remark"


def one(changes: dict[str, Any]) -> set[str]:
    return problems(CODE, invoice(changes).encode())


@pytest.mark.parametrize(
    ("changes", "told_"),
    [
        ({}, ""),
        ({"TaxSupervisionInfo/InvoiceNumber": ""}, "field.missing invoice_no"),
        ({"TaxSupervisionInfo/InvoiceNumber": "123"}, "identifier.invoice-no invoice_no"),
        ({"TaxSupervisionInfo/IssueTime": "2026-02-30"}, "date.unreadable issued_on"),
        ({"Header/EIid": "26337000000012345679"}, "invoice.number-conflict invoice_no"),
        ({"Header/EIid": "TAG-1"}, ""),
        ({"Header/EIid": None}, ""),
        ({"EInvoiceData/SellerInformation/SellerName": "-"}, "field.missing seller.name"),
        ({"EInvoiceData/BuyerInformation/BuyerIdNum": "330100843000017"}, "identifier.credit-code buyer.credit_code"),
        ({"EInvoiceData/BuyerInformation/BuyerIdNum": None}, ""),
        (
            {f"{BASIC}/TotalTaxAm": "45283.03"},
            "invoice.total-mismatch gross, invoice.total-mismatch tax",
        ),
        (
            {f"{BASIC}/TotalAmWithoutTax": "754716.97"},
            "invoice.total-mismatch gross, invoice.total-mismatch net",
        ),
        ({f"{BASIC}/TotalTaxAm": None}, "field.missing tax"),
        ({f"{BASIC}/TotalTax-includedAmountInChinese": "捌拾万零壹圆整"}, "amount.words-differ gross"),
        ({f"{BASIC}/TotalTax-includedAmountInChinese": "（负数）捌拾万圆整"}, "amount.words-differ gross"),
        ({f"{BASIC}/TotalTax-includedAmountInChinese": "八十万"}, "amount.words-unreadable gross"),
        ({f"{BASIC}/TotalTax-includedAmountInChinese": ""}, ""),
        ({f"{LINES}/0/TaxRate": "6%"}, ""),
        ({f"{LINES}/0/TaxRate": "6"}, "invoice.tax-mismatch tax"),
        ({f"{LINES}/0/TaxRate": "0.0600001"}, "invoice.tax-mismatch tax"),
        ({f"{LINES}/0/TaxRate": "免税"}, "invoice.tax-mismatch tax"),
        ({f"{LINES}/0/TaxRate": "x"}, "number.unreadable tax"),
        ({f"{LINES}/0/TaxRate": None}, ""),
        ({f"{LINES}/0/Amount": "x"}, "number.unreadable net"),
        ({f"{LINES}/0/TotaltaxIncludedAmount": "x"}, "number.unreadable gross"),
        ({f"{LINES}/0/TotaltaxIncludedAmount": "800000.01"}, "invoice.tax-mismatch tax"),
        ({LINES: None}, ""),
        ({REMARK: "无"}, "invoice.policy-missing policy_nos"),
        ({REMARK: None}, "invoice.policy-missing policy_nos"),
        ({REMARK: "保单号：\u202e"}, "text.control-char policy_nos"),
        ({"Header/InherentLabel/InIssuType/LabelCode": "N"}, "sign.contradiction gross"),
        ({"Header/InherentLabel/InIssuType/LabelCode": "X"}, "value.unknown gross"),
        (
            {"EInvoiceData/SpecificInformation/RedEInvoice/OriginalInvoiceCode": INVOICE_NO},
            "sign.contradiction gross",
        ),
        ({"EInvoiceData/BuyerInformation/BuyerMail": "x"}, "field.unaccounted EInvoiceData/BuyerInformation/BuyerMail"),
        ({"@version": "1"}, "field.unaccounted @version"),
        ({f"{LINES}/0/Discount": ""}, "field.unaccounted EInvoiceData/IssuItemInformation/Discount"),
        (RED, ""),
        (RED | {"Header/InherentLabel/InIssuType/LabelCode": "Y"}, "sign.contradiction gross"),
        (
            RED | {"EInvoiceData/SpecificInformation/RedEInvoice/OriginalInvoiceCode": ""},
            "invoice.red-reference-missing red_letter_of",
        ),
        (
            RED | {"EInvoiceData/SpecificInformation/RedEInvoice/OriginalInvoiceCode": "1"},
            "identifier.invoice-no red_letter_of",
        ),
    ],
)
def test_every_problem_of_an_invoice_is_told(changes: dict[str, Any], told_: str) -> None:
    assert one(changes) == listed(told_)


def test_untaxed_lines_and_discounts_are_lines() -> None:
    basic = {
        f"{BASIC}/TotalAmWithoutTax": "90.00",
        f"{BASIC}/TotalTaxAm": "0",
        f"{BASIC}/TotalTax-includedAmount": "90.00",
        f"{BASIC}/TotalTax-includedAmountInChinese": "玖拾圆整",
    }
    lines = [
        {"Amount": "100.00", "TaxRate": "免税", "ComTaxAm": "0.00"},
        {"Amount": "-10.00", "TaxRate": "不征税", "ComTaxAm": "0"},
    ]
    assert only(CODE, invoice({**basic, LINES: lines}).encode())["net"] == "90.00"
    lines[1]["ComTaxAm"] = "0.02"
    assert one({**basic, LINES: lines}) == {"invoice.tax-mismatch tax", "invoice.total-mismatch tax"}


@pytest.mark.parametrize(
    ("remark", "numbers"),
    [
        (f"保单号：{POLICY_NO}", [POLICY_NO]),
        (f"保险单号码 {POLICY_NO.lower()}，起保日期2026-03-01", [POLICY_NO]),
        (
            f"保单号:{POLICY_NO}、{POLICY_NO}1/{POLICY_NO}2；保单号码{POLICY_NO}",
            [POLICY_NO, f"{POLICY_NO}1", f"{POLICY_NO}2"],
        ),
        (f"保单号:{POLICY_NO} {POLICY_NO}1", [POLICY_NO]),
        ("保单号:" + "1" * 31, None),
        ("保单号:123456789", None),
        (f"单号:{POLICY_NO}", None),
        ("保单号：" * 2000 + POLICY_NO, [POLICY_NO]),
    ],
)
def test_policy_numbers_are_found_in_the_remark(remark: str, numbers: list[str] | None) -> None:
    (row,) = everything(CODE, invoice({REMARK: remark}).encode())
    assert row.records[0].record.get("policy_nos") == numbers
    assert found([row]) == (set() if numbers else {"invoice.policy-missing policy_nos"})


@pytest.mark.parametrize(
    ("remark", "original"),
    [
        (f"被红冲蓝字数电发票号码：{INVOICE_NO} 确认单编号：1", INVOICE_NO),
        (f"被红冲蓝字数电票号码: {INVOICE_NO}", INVOICE_NO),
        (f"被红冲蓝字数电票号码:{INVOICE_NO}1", None),
        (f"被红冲蓝字发票号码:{INVOICE_NO}", None),
    ],
)
def test_what_a_red_invoice_cancels_is_found_in_the_remark(remark: str, original: str | None) -> None:
    changes = RED | {"EInvoiceData/SpecificInformation/RedEInvoice/OriginalInvoiceCode": "", REMARK: remark}
    rows = everything(CODE, invoice(changes).encode())
    assert [draft.record["red_letter_of"] for draft in rows[0].records] == ([original] if original else [])


def test_the_lineage_holds_no_more_of_the_remark_than_was_taken() -> None:
    remark = f"联系人张三 13800000000 保单号：{POLICY_NO} 谢谢"
    (row,) = everything(CODE, invoice({REMARK: remark}).encode())
    lineage = row.records[0].lineage
    assert lineage["policy_nos"] == Lineage(f"/EInvoice/{REMARK}", f"保单号:{POLICY_NO}", f"{CODE}/1.0")
    assert lineage["gross"] == Lineage(f"/EInvoice/{BASIC}/TotalTax-includedAmount", "800000.00", f"{CODE}/1.0")
    assert "张三" not in repr(row)


def numbered(number: int) -> str:
    text = f"{INVOICE_NO[:-2]}{number:02d}"
    return invoice({"TaxSupervisionInfo/InvoiceNumber": text, "Header/EIid": text})


def test_several_in_one_file_are_rows() -> None:
    data = f"<EInvoices>{numbered(1)}<!-- x -->{numbered(2)}{numbered(1)}</EInvoices>".encode()
    rows = everything(CODE, data)
    assert told(rows) == {(3, "row.duplicate", "invoice_no")}
    assert rows[1].records[0].lineage["net"].source.startswith("/EInvoices/EInvoice[2]/")
    assert refused(CODE, b"<EInvoices><Other/></EInvoices>") == ("field.unaccounted", "Other")
    assert refused(CODE, b"<EInvoices when='x'/>") == ("field.unaccounted", "@when")
    assert refused(CODE, b"<EInvoices>x</EInvoices>") == ("field.unaccounted", "")


def test_a_zip_is_read_in_the_order_of_its_directory() -> None:
    several = f"<EInvoices>{numbered(2)}{numbered(3)}</EInvoices>"
    entries = {"z.XML": numbered(1).encode(), "p.pdf": b"%PDF", "b/a.xml": several.encode(), "o.OFD": b"x"}
    rows = everything(CODE, archive({**entries, "c.xml": numbered(2).encode()}))
    assert told(rows) == {(4, "row.duplicate", "invoice_no")}
    assert [one["row"] for one in records(rows)] == [1, 2, 3]
    assert rows[2].records[0].lineage["net"].source == f"b/a.xml#/EInvoices/EInvoice[2]/{BASIC}/TotalAmWithoutTax"


def test_a_zip_with_a_name_in_gbk_is_read() -> None:
    data = archive({"??.xml": numbered(1).encode()}).replace(b"??.xml", "票".encode("gbk") + b".xml")
    assert told(everything(CODE, data)) == set()


@pytest.mark.parametrize("mark", ["<Signature/>", "<s:Signature xmlns:s='urn:s'><s:Value>x</s:Value></s:Signature>"])
def test_a_signature_is_nothing_wherever_it_stands(mark: str) -> None:
    for place in ("</EInvoice>", "</SellerInformation>", "</Header>"):
        assert problems(CODE, invoice().replace(place, mark + place).encode()) == set()
    assert problems(CODE, f"<EInvoices>{numbered(1)}{mark}</EInvoices>".encode()) == set()
    text = invoice().replace("</Header>", f"{mark}text</Header>")
    assert problems(CODE, text.encode()) == {"field.unaccounted Header/Signature", "field.unaccounted Header"}


XML = numbered(1).encode()
MIB = 1024 * 1024


@pytest.mark.parametrize(
    ("entries", "rule", "field"),
    [
        ({"a.xml": XML, "b.txt": b""}, "field.unaccounted", "b.txt"),
        ({"a.xml": XML, "b.zip": b""}, "archive.nested", None),
        ({"a.xml": XML, "b.xml": b"<Other/>", "c.txt": b""}, "dialect.unrecognised", None),
        ({"a.xml": b"<Other/>", "b.xml": b"<EInvoice>"}, "xml.malformed", None),
        ({"a.xml": b"<EInvoice>", "b.xml": b"<EInvoice>\xff</EInvoice>"}, "encoding.undecodable", None),
        (
            {"a.xml": XML, "b.xml": b"<!DOCTYPE a [<!ENTITY b SYSTEM 'file:///etc/passwd'>]><EInvoice>&b;</EInvoice>"},
            "xml.dtd",
            None,
        ),
        ({"a.xml": b"<a>" * 100 + b"</a>" * 100}, "xml.too-deep", None),
        ({"../a.xml": XML}, "archive.unsafe-name", None),
        ({"a.xml": b" " * (9 * MIB) + XML}, "archive.bomb", None),
        ({"a.pdf": b"%PDF"}, "dialect.unrecognised", None),
        ({}, "dialect.unrecognised", None),
    ],
)
def test_a_zip_with_anything_else_in_it_is_refused(entries: dict[str, bytes], rule: str, field: str | None) -> None:
    assert refused(CODE, archive(entries)) == (rule, field)


def test_a_damaged_zip_is_refused_even_where_it_is_not_read() -> None:
    data = archive({"a.xml": XML, "b.pdf": b"%PDF-1.7 " + bytes(range(256)) * 4})
    assert refused(CODE, data[:-30])[0].startswith("archive.")
    at = data.index(b"b.pdf") + 12
    assert refused(CODE, data[:at] + bytes([data[at] ^ 0xFF]) + data[at + 1 :])[0] == "archive.malformed"


@pytest.mark.parametrize(
    ("data", "rule"),
    [
        (b"<Invoice/>", "dialect.unrecognised"),
        (b"<EInvoice xmlns='urn:x'/>", "dialect.unrecognised"),
        (b"<EInvoice>", "xml.malformed"),
        (b"<!DOCTYPE EInvoice><EInvoice/>", "xml.dtd"),
        (b"<?xml version='1.0' encoding='Big5'?><EInvoice/>", "encoding.undecodable"),
        (f"<?xml version='1.0' encoding='GBK'?>{invoice()}".encode(), "encoding.undecodable"),
        (b"PK\x03\x04", "archive.malformed"),
    ],
)
def test_what_is_no_invoice_is_refused(data: bytes, rule: str) -> None:
    assert refused(CODE, data) == (rule, None)


def test_a_declaration_of_gbk_is_believed_where_it_is_true() -> None:
    text = f"<?xml version='1.0' encoding='GBK'?>{invoice()}"
    assert only(CODE, text.encode("gb18030"))["seller"]["name"] == "甲财险"
