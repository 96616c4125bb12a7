"""The general profiles: each label of each kind is read, and means what it says, in OFD and PDF."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from adapters.document import DOCUMENTS_OF, PROFILES, DocumentFields, read_document
from adapters.document_general import GENERAL
from adapters.document_invoices import INVOICES
from adapters.document_layout import Field, Profile
from adapters.document_model import DocumentKind
from adapters.insurers import MAPPINGS
from gateway.cli import main
from sandbox import ofd, pdf
from sandbox.invoices import invoice_sheet, invoice_xml
from sandbox.sheets import Sheet
from sandbox.world import World

SAID = {
    "policy_no": ("PTEST20263301000001", "PTEST20263301000001"),
    "policyholder.name": ("示例医药（杭州）有限公司", "示例医药（杭州）有限公司"),
    "policyholder.credit_code": ("91330108MA2XX9T186", "91330108MA2XX9T186"),
    "line": ("药品责任保险", "drug_liability"),
    "product.generic_name": ("示例替尼片", "示例替尼片"),
    "product.approval_no": ("国药准字H20230999", "国药准字H20230999"),
    "clauses.registration_no": ("C00009930912025061000011", ("C00009930912025061000011",)),
    "issued_on": ("2026年2月20日", "2026-02-20"),
    "period": ("自2026年3月1日0时起至2027年2月28日24时止", None),
    "limits.aggregate": ("人民币50,000,000.00元", "50000000.00"),
    "limits.per_occurrence": ("500万元", "5000000.00"),
    "rate_percent": ("2%", "2"),
    "premium.gross": ("￥1,000,000.00", "1000000.00"),
    "premium.net": ("943396.23", "943396.23"),
    "premium.tax": ("56603.77元", "56603.77"),
    "receipt_no": ("SK-2026-0001", "SK-2026-0001"),
    "payer.name": ("示例医药（杭州）有限公司", "示例医药（杭州）有限公司"),
    "payer.credit_code": ("91330108MA2XX9T186", "91330108MA2XX9T186"),
    "amount": ("1,000,000.00", "1000000.00"),
    "received_on": ("2026-03-02 15:30:00", "2026-03-02"),
    "paid_in_full": ("是", True),
}
ENGLISH = {"line": ("Drug liability", "drug_liability"), "period": ("2026-03-01 to 2027-02-28", None)}
WORDS = ("壹佰万元整", "1000000.00")
TITLES = {
    "policy": ("产品责任保险保险单", "电子保险单", "保险单（正本）", "Product Liability Insurance Policy"),
    "receipt": ("保险费收据", "示例保费缴费凭证", "保费收款凭证", "PREMIUM RECEIPT"),
    "statement": ("保险费收讫证明", "保费到账确认书", "保险费缴纳证明", ""),
}


def says(profile: Profile, label: str, field: Field) -> tuple[str, object]:
    """What to write behind a label, and what it means."""
    if "大写" in label:
        return WORDS
    return (ENGLISH if "ENGLISH" in profile.code else {}).get(field.path) or SAID[field.path]


def written(profile: Profile, sheet: Sheet) -> bytes:
    if profile.media == "application/pdf":
        return pdf.write_page(sheet)
    return ofd.write_ofd(ofd.unsealed_parts(sheet, created=datetime(2026, 3, 1, tzinfo=UTC)))


def page(profile: Profile, title: str, *rows: tuple[str, str]) -> DocumentFields:
    sheet = Sheet(title, "示例保险公司", rows, ("请仔细阅读本保险单",), "")
    return read_document(profile.code, written(profile, sheet), profile.media)


CASES = [(profile, kind, label) for profile in GENERAL for kind, labels in profile.labels.items() for label in labels]


@pytest.mark.parametrize(("profile", "kind", "label"), CASES, ids=lambda case: getattr(case, "code", case))
def test_each_label_means_what_it_says(profile: Profile, kind: DocumentKind, label: str) -> None:
    field = profile.labels[kind][label]
    raw, value = says(profile, label, field)
    titles = [title for title in TITLES[kind] if title and title.isascii() == ("ENGLISH" in profile.code)]
    read = page(profile, titles[len(label) % len(titles)], (label, raw))
    assert read.problems == ()
    assert read.kind == kind
    wanted = {field.path: value} if value is not None else {"period.start": "2026-03-01", "period.end": "2027-02-28"}
    assert {path: found.value for path, found in read.fields.items()} == wanted


@pytest.mark.parametrize("profile", GENERAL[:2], ids=lambda profile: profile.code)
def test_every_title_is_known(profile: Profile) -> None:
    for kind, titles in TITLES.items():
        for title in titles:
            if title and not title.isascii():
                assert page(profile, title, ("保单号", SAID["policy_no"][0])).kind == kind


@pytest.mark.parametrize(
    ("rows", "field"),
    [
        ((("保单号", "PTEST20263301000001"), ("保险单号", "PTEST20263301000002")), "policy_no"),
        ((("投保人", "甲药业"), ("投保人名称", "乙药业")), "policyholder.name"),
        ((("含税保费", "1000000.00"), ("含税保费大写", "壹佰万元零壹分")), "premium.gross"),
        ((("税额", "56603.77"), ("增值税", "56603.78")), "premium.tax"),
    ],
)
def test_two_labels_of_one_field_that_differ_are_a_problem(rows: tuple[tuple[str, str], ...], field: str) -> None:
    for profile in GENERAL[:2]:
        read = page(profile, "产品责任保险保险单", *rows)
        assert [(one.rule, one.field) for one in read.problems] == [("document.label-conflict", field)]
        assert field not in read.fields


@pytest.mark.parametrize(
    ("text", "end"),
    [
        ("2026-03-01 to 2027-02-28", "2027-02-28"),
        ("From 2026-03-01 to 2026-09-30, both days inclusive", "2026-09-30"),
        ("2026-03-01 to 2027-03-01", None),  # included or not? The London market's expiry is, ACORD's is not
        ("2026-03-01 to 2026-09-30", None),
        ("2026-03-01 to 2027-03-01 (both dates inclusive)", "2027-03-01"),
        ("1 March 2026 to 28 February 2027", None),
    ],
)
def test_an_english_period_says_whether_its_last_day_is_in_it(text: str, end: str | None) -> None:
    read = page(GENERAL[2], "Insurance Policy", ("Period of Insurance", text))
    assert [found.value for path, found in read.fields.items() if path == "period.end"] == ([end] if end else [])
    assert bool(read.problems) == (end is None)


def test_each_format_has_its_profiles() -> None:
    assert set(DOCUMENTS_OF) >= set(MAPPINGS)
    assert {code for codes in DOCUMENTS_OF.values() for code in codes} <= set(PROFILES)
    assert set(PROFILES) == {code for codes in DOCUMENTS_OF.values() for code in codes}


def test_the_command_shows_fields_with_their_places(tmp_path: Path, capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    world = World(1, at=datetime(2026, 11, 21, 8, tzinfo=UTC))
    for insurer in world.insurers[:2]:
        path = tmp_path / f"{insurer.code}.{insurer.document_format}"
        path.write_bytes(world.e_policy(insurer, world.policy(insurer, 1)))
        for more in ([], ["--dialect", insurer.dialect], ["--profile", insurer.document_profile]):
            assert main(["adapter", "document", str(path), "--json", *more]) == 0
            shown = json.loads(capsysbinary.readouterr().out)
            assert shown["kind"] == "policy"
            assert shown["fields"]["premium.gross"]["source"]
            assert shown["problems"] == []
            assert [(one["integrity"], one["coverage"]) for one in shown["seals"]] == [("passed", "whole")]
        assert main(["adapter", "document", str(path)]) == 0
        assert b"premium.gross = 800000.00" in capsysbinary.readouterr().out


def test_the_command_reads_invoices_in_each_format(tmp_path: Path, capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    world = World(1, at=datetime(2026, 11, 21, 8, tzinfo=UTC))
    record = world.invoice(world.policy(world.insurer("SANDBOX-C"), 1))
    for name, data in {
        "a.ofd": world.e_invoice(record),
        "a.pdf": pdf.write_page(invoice_sheet(record)),
        "a.xml": invoice_xml([record]),
    }.items():
        (tmp_path / name).write_bytes(data)
        assert main(["adapter", "document", str(tmp_path / name), "--json"]) == 0
        shown = json.loads(capsysbinary.readouterr().out)
        assert (shown["profile"], shown["kind"]) == (f"DOC-INVOICE-{name[2:].upper()}", "invoice")
        assert shown["fields"]["gross"]["value"] == record.body["gross"]


def test_the_command_says_why_it_reads_nothing(tmp_path: Path, capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    path = tmp_path / "x.pdf"
    path.write_bytes(b"%PDF-1.7 nothing")
    assert main(["adapter", "document", str(path), "--json"]) == 1
    assert json.loads(capsysbinary.readouterr().out)["fields"] == {}
    path.rename(tmp_path / "x.doc")
    assert main(["adapter", "document", str(tmp_path / "x.doc")]) not in (0, 1)
    assert main(["adapter", "document", str(tmp_path / "x.pdf"), "--profile", "NONE"]) not in (0, 1)


def test_the_page_about_documents_names_every_profile() -> None:
    page_ = (Path(__file__).parents[2] / "docs" / "documents.md").read_text(encoding="utf-8")
    for code in (*PROFILES, *(one.code for one in INVOICES.values())):
        assert f"`{code}`" in page_
