"""A message in each of the twelve formats becomes records of the standard schema at the gateway's door."""

from datetime import UTC, date, datetime
from typing import Any

import pytest
from one_policy import INSURER

from gateway.submissions.read import read_message
from sandbox import invoices, records
from sandbox.dialects import DIALECTS, Sending, render
from sandbox.records import Record
from schemas.premium import Invoice, PremiumReceipt

BY = Sending(INSURER.code, "M-1", datetime(2026, 11, 21, 8, tzinfo=UTC))
HOLDER = {"name": "DEMO PHARMA CO., LTD", "credit_code": "91330108MA2XX9T186"}
DAY = date(2026, 3, 2)


def told(dialect: str) -> list[Record]:
    """A policy with its premium, or what of it this format says by itself."""
    product = {
        "generic_name": "示例替尼片",
        "approval_no": "国药准字H20230999",
        "approval_date": "2023-06-28",
        "registration_class": "化药1类",
        "dosage_form": "片剂",
        "specification": "20mg",
        "holder": HOLDER,
        "manufacturer": HOLDER,
    }
    facts = records.policy(
        INSURER.code,
        policy_no="PTEST20263301000001",
        policyholder=HOLDER,
        product=product,
        line="product_liability",
        clauses=[{"registration_no": "C00009930912025061000011", "name": "条款", "kind": "main"}],
        issued_on=date(2026, 2, 20),
        start=date(2026, 3, 1),
        years=1,
        aggregate="50000000",
        rate="2",
    )
    paid = records.receipt(
        facts, receipt_no="SK-0001", amount=facts.gross, received_on=DAY, instalment_no=1, in_full=True
    )
    if dialect == "DIA-EINV-XML":
        return [invoices.invoice(facts, invoice_no="2" * 20, issued_on=DAY, seller=HOLDER, gross=facts.gross)]
    if dialect == "DIA-RECEIPT-JSON":
        return [paid]
    if dialect in ("DIA-SOAP-XML", "DIA-ACORD-XML", "DIA-ACORD-AL3", "DIA-EAST-TXT", "DIA-CANON-JSON"):
        return [facts]
    return [facts, paid]


# They have no column for the line of business and none for the clause, by which a registry could tell it.
WITHOUT_LINE = ["DIA-XLSX-BDX", "DIA-CRS-CSV"]


@pytest.mark.parametrize("dialect", WITHOUT_LINE)
def test_what_a_format_has_no_column_for_is_named(dialect: str) -> None:
    media_type, body = render(dialect, told(dialect), BY)
    reading = read_message(body, media_type, INSURER.model_copy(update={"dialect": dialect}))
    assert reading.is_refused
    assert {(check.rule, check.field) for check in reading.checks} == {("field.missing", "line")}


@pytest.mark.parametrize("dialect", [code for code in DIALECTS if code not in WITHOUT_LINE])
def test_a_message_becomes_records(dialect: str) -> None:
    sender = INSURER.model_copy(update={"dialect": dialect})
    sent = told(dialect)
    media_type, body = render(dialect, sent, BY)
    reading = read_message(body, media_type, sender)
    assert not reading.is_refused, [(check.rule, check.reason, check.field) for check in reading.checks]
    assert [read.type for read in reading.records] == [one.type for one in sent]
    for read, one in zip(reading.records, sent, strict=True):
        noun: Any = read.noun
        if isinstance(noun, Invoice):
            assert str(noun.gross) == one.body["gross"]
        elif isinstance(noun, PremiumReceipt):
            assert (noun.policy_no, str(noun.amount), noun.received_on) == (one.policy_no, one.body["amount"], DAY)
            assert noun.receipt_no  # stated, or derived where the format numbers none
        else:
            assert (noun.policy_no, str(noun.premium.gross)) == (one.policy_no, one.body["premium"]["gross"])
        assert all(found["source"] for found in read.lineage.values())
