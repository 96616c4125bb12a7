"""SOAP envelopes (DIALECTS 2): the framing, the unit of all money, the base of the rate, and each kind of message."""

from typing import Any

import pytest
from translated import everything
from trees_made import (
    CLAUSE,
    NAME,
    PACKET,
    POLICY_NO,
    SOAP_11,
    SOAP_CHANGE,
    SOAP_RECEIPT,
    envelope,
    listed,
    only,
    problems,
    refused,
    soap,
    xml,
)

from adapters import Lineage

CODE = "DIA-SOAP-XML"
SOAP_12 = "http://www.w3.org/2003/05/soap-envelope"
ENVELOPE = soap(PACKET).decode()
INNER = xml({"Packet": PACKET})


@pytest.mark.parametrize(
    ("change", "rule", "field"),
    [
        ((SOAP_11, "urn:other"), "dialect.unrecognised", None),
        (("e:Envelope", "e:Brief"), "dialect.unrecognised", None),
        (("e:Body", "e:Rumpf"), "dialect.unrecognised", None),
        (("<receive>", "<other/><receive>"), "dialect.unrecognised", None),
        (("<in0>", "<in1/><in0>"), "dialect.unrecognised", None),
        (("<in0>", "<in0><x/>"), "dialect.unrecognised", None),
        (("<e:Body>", "<e:Body/><e:Body>"), "dialect.unrecognised", None),
        (("<e:Body>", "<e:Body><e:Fault/>"), "soap.fault", None),
        (("<e:Body>", "<e:Tail/><e:Body>"), "field.unaccounted", "Tail"),
        (("<e:Body>", "x<e:Body>"), "field.unaccounted", ""),
        (("<receive>", "<receive>x"), "field.unaccounted", "Body/receive"),
        (("<in0>", "<in0>x"), "xml.malformed", None),
        (("&lt;Packet&gt;", "&lt;!DOCTYPE Packet&gt;&lt;Packet&gt;"), "xml.dtd", None),
        (("<e:Envelope", "<!DOCTYPE a><e:Envelope"), "xml.dtd", None),
        (("&lt;Head&gt;", "&lt;Head&gt;" + "&lt;a&gt;" * 70 + "&lt;/a&gt;" * 70), "xml.too-deep", None),
        (("Packet", "Paket"), "dialect.unrecognised", None),
        (("&lt;Packet&gt;", "&lt;Packet xmlns='urn:x'&gt;"), "dialect.unrecognised", None),
        (("Head&gt;", "Kopf&gt;"), "dialect.unrecognised", None),
        (("</e:Envelope>", ""), "xml.malformed", None),
    ],
)
def test_what_is_wrong_with_the_envelope_refuses_the_file(
    change: tuple[str, str], rule: str, field: str | None
) -> None:
    assert refused(CODE, ENVELOPE.replace(*change).encode()) == (rule, field)


def test_an_empty_or_nested_message_is_none() -> None:
    assert refused(CODE, envelope("  ")) == ("dialect.unrecognised", None)
    nested = ENVELOPE.replace("&lt;", "<").replace("&gt;", ">").encode()
    assert refused(CODE, nested) == ("dialect.unrecognised", None)


@pytest.mark.parametrize(
    "prolog",
    [
        "",
        "<?xml version='1.0' encoding='GBK'?>",
        '\n <?xml version="1.0" encoding="nobody-knows"?>',
        "<?xml version='1.0'?>",
    ],
)
def test_the_inner_prolog_says_nothing(prolog: str) -> None:
    assert only(CODE, envelope(prolog + INNER))["policyholder"]["name"] == NAME


def test_both_versions_and_attributes_are_read() -> None:
    data = soap(PACKET, {"@type": "REQUEST", "@version": "1"}, namespace=SOAP_12).replace(b"<in0>", b"<in0 a='1'>")
    assert only(CODE, data)["policy_no"] == POLICY_NO
    section = ENVELOPE[: ENVELOPE.index("&lt;")] + f"<![CDATA[{INNER}]]>" + ENVELOPE[ENVELOPE.index("</in0>") :]
    assert only(CODE, section.encode())["policy_no"] == POLICY_NO


BASE = {"Body/Policy/RateBase": "1", "Body/Policy/Rate": {"@unit": "%", "": "1.5"}}


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({}, ""),
        ({"Head/RequestType": "40", "Body/Anything": "x"}, "value.unknown type"),
        ({"Head/RequestType": None}, "field.missing type"),
        ({"Head/RequestType": "10\u200b"}, "text.control-char type"),
        ({"Head/RequestType": "１０"}, ""),
        ({"Head/AmountUnit": None}, "unit.ambiguous premium.gross"),
        ({"Head/AmountUnit": "JIAO"}, "unit.ambiguous premium.gross"),
        ({"Head/AmountUnit": "yuan"}, "unit.ambiguous premium.gross"),
        (
            {"Head/AmountUnit": None, "Body/Policy/Premium": "x", "Body/Policy/StartTime": "x"},
            "unit.ambiguous premium.gross, number.unreadable premium.gross, date.unreadable period.start",
        ),
        (
            {"Head/AmountUnit": None, "Body/Policy/Premium": None},
            "unit.ambiguous premium.gross, field.missing premium.gross",
        ),
        ({"Head/AmountUnit": "\u200b"}, "text.control-char Head/AmountUnit"),
        ({"Head/AmountUnit": "FEN", "Body/Policy/Premium": "0.5"}, "number.sub-fen premium.gross"),
        ({"Head/Token": "x"}, "field.unaccounted Head/Token"),
        ({"Body/Policy/Token": ""}, "field.unaccounted Body/Policy/Token"),
        ({"Body/Receipt": {"Amount": "1"}}, "field.unaccounted Body/Receipt"),
        ({"Body/Endorsement": ""}, "field.unaccounted Body/Endorsement"),
        ({"Body/Policy/ProductCode": "XX"}, "value.unknown line"),
        ({"Body/Policy/EndTime": "20270827120000"}, "period.not-whole-days period"),
        ({"Body/PolicyHolder/Name": None}, "field.missing policyholder.name"),
        (
            {"Body/PolicyHolder/IdType": "71", "Body/PolicyHolder/IdNo": "x"},
            "identifier.credit-code policyholder.credit_code",
        ),
        ({"Body/PolicyHolder/IdType": "01", "Body/PolicyHolder/IdNo": "x"}, ""),
        ({"Body/Policy/Rate": {"@unit": "‰", "": "15"}}, ""),
        ({"Body/Policy/Rate": {"@unit": "‰", "": "1.5%"}}, ""),
        ({"Body/Policy/Rate": {"@unit": "1", "": "0.015"}}, ""),
        ({"Body/Policy/Rate": "0.015"}, ""),
        ({"Body/Policy/Rate": {"@unit": "x", "": "15"}}, "value.unknown rate_percent"),
        ({"Body/Policy/Rate": "2"}, "unit.ambiguous rate_percent"),
        ({"Body/Policy/Rate": {"@unit": "%", "": "2"}}, "rate.mismatch rate_percent"),
        (BASE, ""),
        (BASE | {"Body/Policy/RateBaseAmount": "not carried"}, ""),
        (BASE | {"Body/Policy/RateBase": "4"}, "value.unknown rate_base.kind"),
        (BASE | {"Body/Policy/RateBase": "2"}, ""),
        (BASE | {"Body/Policy/RateBase": "2", "Body/Policy/PerAccidentLimit": "3000"}, "unit.mismatch premium.gross"),
        (BASE | {"Body/Policy/RateBase": "3"}, "field.missing rate_base.amount"),
        (BASE | {"Body/Policy/RateBase": "3", "Body/Policy/RateBaseAmount": "x"}, "number.unreadable rate_base.amount"),
        (BASE | {"Body/Policy/RateBase": "3", "Body/Policy/RateBaseAmount": "30000000"}, ""),
        (BASE | {"Body/Policy/RateBase": "3", "Body/Policy/RateBaseAmount": "60000000"}, "rate.mismatch rate_percent"),
        ({"Body/Policy/Rate": "0.015", "Body/Policy/RateBase": "2"}, "unit.ambiguous rate_percent"),
        ({"Body/Product": [{"Maker": "甲"}, {"Maker": "乙"}]}, "product.several product"),
        ({"Body/PlanList/Plan": [{"No": "1", "Amount": "450000.01"}]}, "instalments.total-mismatch instalments.amount"),
        (
            {"Body/CoinsList/Coins": [{"Company": "甲", "Share": "60%", "Lead": "Y"}]},
            "coinsurance.shares coinsurance.share_percent",
        ),
    ],
)
def test_every_problem_of_a_policy_is_told(changes: dict[str, Any], told: str) -> None:
    assert problems(CODE, soap(PACKET, changes)) == listed(told)


def test_the_unit_is_that_of_all_money() -> None:
    amounts = {"SumInsured": "3000", "Premium": "45", "PerAccidentLimit": "500", "Deductible": "0.5"}
    changes: dict[str, Any] = {f"Body/Policy/{name}": text for name, text in amounts.items()}
    changes |= {"Head/AmountUnit": "WAN", "Body/PlanList/Plan": [{"No": "1", "Amount": "45"}]}
    changes |= {"Body/Policy/Rate": "15", "Body/Policy/RateBase": "3", "Body/Policy/RateBaseAmount": "3000"}
    record = only(CODE, soap(PACKET, changes))
    assert record["limits"] == {"aggregate": "30000000.00", "per_occurrence": "5000000.00", "deductible": "5000.00"}
    assert record["premium"] == {"gross": "450000.00", "currency": "CNY"}
    assert record["instalments"] == [{"no": 1, "amount": "450000.00"}]
    assert record["rate_percent"] == "1.5"
    assert record["rate_base"] == {"kind": "turnover", "amount": "30000000.00"}
    assert only(CODE, soap(PACKET, changes | {"Body/Policy/Premium": "45.0000万元"}))["premium"]["gross"] == "450000.00"


def test_parties_and_clauses_are_read() -> None:
    changes = {
        "Body/InsuredList/Insured": [
            {"Name": "甲", "IdType": "71", "IdNo": "91330108MA2XX9T186", "Phone": "1"},
            {"Name": "乙", "IdType": "1", "IdNo": "x", "Role": "2"},
        ],
        "Body/ClauseList/Clause": [{"RegNo": CLAUSE}],
        "Body/CoinsList/Coins": [
            {"Company": "甲", "Share": "0.6", "Lead": "Y"},
            {"Company": "乙", "Share": "0.4", "Lead": "N"},
        ],
    }
    record = only(CODE, soap(PACKET, changes))
    assert record["insured"] == [
        {"name": "甲", "credit_code": "91330108MA2XX9T186", "role": "insured"},
        {"name": "乙", "role": "additional"},
    ]
    assert record["clauses"] == [{"registration_no": CLAUSE, "kind": "main"}]
    assert [one["share_percent"] for one in record["coinsurance"]] == ["60", "40"]


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({}, ""),
        ({"Head/AmountUnit": ""}, "unit.ambiguous amount"),
        ({"Head/AmountUnit": "", "Body/Receipt/PayMode": "9"}, "unit.ambiguous amount, value.unknown method"),
        (
            {"Head/AmountUnit": "", "Body/Receipt/Amount": "-0.001", "Body/Receipt/PayMode": "9"},
            "unit.ambiguous amount",
        ),
        ({"Body/Receipt/Amount": "0"}, "sign.contradiction amount"),
        ({"Body/Receipt/Amount": None}, "field.missing amount"),
        ({"Body/Receipt/ReceiptNo": None}, "field.missing receipt_no"),
        (
            {"Body/Receipt/ArriveTime": None, "Body/Receipt/PayerName": ""},
            "field.missing received_on, field.missing payer.name",
        ),
        ({"Body/Receipt/FullPaid": "1"}, "value.unknown paid_in_full"),
        ({"Body/Receipt/InvoiceNos": "1"}, "identifier.invoice-no invoice_nos"),
        ({"Body/Receipt/Account": "1", "Body/Receipt/Operator": "x"}, ""),
        ({"Body/Receipt/Amount": "-5", "Body/Receipt/EndorNo": "x"}, "identifier.policy-no endorsement_no"),
        ({"Body/Receipt/Amount": "-5", "Body/Receipt/PlanNo": "not carried", "Body/Receipt/Reason": "甲"}, ""),
        ({"Body/Policy/PolicyNo": "1"}, "field.unaccounted Body/Policy"),
    ],
)
def test_every_problem_of_a_receipt_is_told(changes: dict[str, Any], told: str) -> None:
    assert problems(CODE, soap(SOAP_RECEIPT, changes)) == listed(told)


@pytest.mark.parametrize(
    ("kind", "amount", "told"),
    [
        ("A", "5", ""),
        ("A", "-5", "sign.contradiction premium_change.gross"),
        ("D", "-5", ""),
        ("M", "0", ""),
        ("R", None, ""),
        ("W", "-5", ""),
        ("W", "5", "sign.contradiction return_premium.gross"),
        ("X", "0", ""),
        ("Z", "x", "value.unknown kind"),
    ],
)
def test_changes_fit_their_kind(kind: str, amount: str | None, told: str) -> None:
    changes = {"Body/Endorsement/EndorType": kind, "Body/Endorsement/PremiumChange": amount}
    assert problems(CODE, soap(SOAP_CHANGE, changes)) == listed(told)
    unknown = {"unit.ambiguous premium_change.gross"}
    assert problems(CODE, soap(SOAP_CHANGE, changes | {"Head/AmountUnit": None})) == unknown | (
        listed(told) if kind == "Z" else set()
    )


def test_a_refund_and_a_cancellation_state_magnitudes() -> None:
    refund = only(CODE, soap(SOAP_RECEIPT, {"Body/Receipt/Amount": "(45,000,000)", "Body/Receipt/Reason": "退保"}))
    assert (refund["amount"], refund["refund_no"], refund["reason"]) == ("450000.00", "R0009001", "退保")
    cancellation = only(
        CODE, soap(SOAP_CHANGE, {"Body/Endorsement/EndorType": "W", "Body/Endorsement/TaxChange": "-2"})
    )
    assert cancellation["return_premium"] == {"gross": "375000.00", "net": "355000.00", "tax": "20000.00"}


def test_the_lineage_points_into_the_message() -> None:
    (row,) = everything(CODE, soap(PACKET, {"Body/Policy/Rate": {"@unit": "‰", "": "15"}}))
    lineage = row.records[0].lineage
    assert lineage["rate_percent"] == Lineage("/Packet/Body/Policy/Rate", "15", f"{CODE}/1.0")
    assert lineage["premium.gross"] == Lineage("/Packet/Body/Policy/Premium", "450000.00", f"{CODE}/1.0")
    assert not {"rate_unit", "base", "base_amount", "unit", "request"} & set(lineage)
