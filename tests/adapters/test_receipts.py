"""Confirmations of receipts and refunds (DIALECTS 10): words against figures, reasons against signs."""

import json
from typing import Any

import pytest
from translated import everything, told
from trees_made import NAME, POLICY_NO, confirmation, listed, only, problems, refused

from adapters import Lineage

CODE = "DIA-RECEIPT-JSON"
REFUND = {"收款原因": "退保", "收款金额": "（负数）捌拾万元整", "收款金额小写": "-800000"}


@pytest.mark.parametrize(
    ("changes", "told_"),
    [
        ({}, ""),
        ({"保单号": None}, "field.missing policy_no"),
        ({"保单号": 1055501390026000017}, "number.precision-lost policy_no"),
        ({"保单号": True}, "value.unknown policy_no"),
        ({"保单号": f"{POLICY_NO},{POLICY_NO}"}, "receipt.several-policies policy_no"),
        ({"保单号": f"{POLICY_NO} ； 甲"}, "receipt.several-policies policy_no"),
        ({"保单号": [POLICY_NO, "x"]}, "receipt.several-policies policy_no"),
        ({"保单号": [POLICY_NO]}, "field.unaccounted 保单号"),
        ({"保单号": []}, "field.unaccounted 保单号"),
        ({"保单号": {"a": 1}}, "field.unaccounted 保单号"),
        ({"保单号": f"{POLICY_NO};"}, "identifier.policy-no policy_no"),
        ({"收付流水号": "x"}, "identifier.receipt-no receipt_no"),
        ({"缴费方名称": "无"}, "field.missing payer.name"),
        ({"缴费方统一社会信用代码": "91330108MA2XX9T187"}, "identifier.credit-code payer.credit_code"),
        ({"收款金额": None}, "field.missing amount"),
        ({"收款金额小写": None}, "field.missing amount"),
        ({"收款金额小写": 800000}, ""),
        ({"收款金额小写": 8e5}, ""),
        ({"收款金额小写": "80万元"}, ""),
        ({"收款金额小写": True}, "number.unreadable amount"),
        ({"收款金额": 800000}, "amount.words-unreadable amount"),
        ({"收款金额": "捌万元整"}, "amount.words-differ amount"),
        ({"收款金额": "捌万元整", "收款原因": "x"}, "amount.words-differ amount, value.unknown type"),
        ({"收款金额": "负捌拾万元整"}, "sign.contradiction amount"),
        ({"收款金额小写": "(800,000.00)"}, "sign.contradiction amount"),
        ({"收款金额": "零元整", "收款金额小写": "0"}, "sign.contradiction amount"),
        ({"到账时间": "26/2/2026"}, "date.unreadable received_on"),
        ({"付款方式": "比特币"}, "value.unknown method"),
        ({"付款方式": "ＰＯＳ"}, ""),
        ({"是否全额": True}, "value.unknown paid_in_full"),
        ({"期次": "一"}, "number.unreadable instalment_no"),
        ({"发票号码": ["26337000000067890123", "1"]}, "identifier.invoice-no invoice_nos"),
        ({"发票号码": 26337000000067890123}, "number.precision-lost invoice_nos"),
        ({"发票号码": [["26337000000067890123"]]}, "field.unaccounted 发票号码"),
        ({"批单号": "not carried", "备注": ["not read"]}, ""),
        ({"退费 原因": 1}, "field.unaccounted 退费 原因"),
        (REFUND, ""),
        (REFUND | {"收款金额": "捌拾万元整"}, ""),
        (REFUND | {"收款金额小写": "800000"}, ""),
        (REFUND | {"收款金额": "零元整", "收款金额小写": "0"}, "sign.contradiction amount"),
        (REFUND | {"批单号": "x", "到账时间": None}, "identifier.policy-no endorsement_no, field.missing paid_on"),
        (REFUND | {"期次": "not carried", "付款方式": "x", "发票号码": ["x"]}, ""),
    ],
)
def test_every_problem_of_a_confirmation_is_told(changes: dict[str, Any], told_: str) -> None:
    assert problems(CODE, confirmation(changes)) == listed(told_)


def test_a_receipt_and_a_refund_state_different_fields() -> None:
    both = {
        "期次": "2",
        "付款方式": "支票",
        "银行流水号": "br 1",
        "发票号码": "26337000000067890123；26337000000067890124",
    }
    receipt = only(CODE, confirmation({**both, "退费原因": "not carried", "是否全额": "否"}))
    assert receipt == {
        "policy_no": POLICY_NO,
        "amount": "800000.00",
        "receipt_no": "SK2026022600001",
        "received_on": "2026-02-26",
        "payer": {"name": NAME},
        "instalment_no": 2,
        "method": "cheque",
        "bank_reference": "BR1",
        "invoice_nos": ["26337000000067890123", "26337000000067890124"],
        "paid_in_full": False,
    }
    refund = only(CODE, confirmation({**both, **REFUND, "退费原因": " 退 保 ", "批单号": "EZAC20263300000001"}))
    assert refund == {
        "policy_no": POLICY_NO,
        "amount": "800000.00",
        "refund_no": "SK2026022600001",
        "paid_on": "2026-02-26",
        "payee": {"name": NAME},
        "endorsement_no": "EZAC20263300000001",
        "reason": "退 保",
    }


def test_numbers_are_told_apart_by_what_they_number() -> None:
    assert told(everything(CODE, confirmation({}, REFUND))) == set()
    assert told(everything(CODE, confirmation({}, {"收付流水号": "ｓｋ2026022600001"}))) == {
        (2, "row.duplicate", "receipt_no")
    }
    assert told(everything(CODE, confirmation(REFUND, REFUND | {"退费原因": "甲"}))) == {
        (1, "row.conflict", "refund_no"),
        (2, "row.conflict", "refund_no"),
    }


def test_the_lineage_points_to_the_element() -> None:
    (_, row) = everything(CODE, confirmation({}, {"收付流水号": "SK-2"}))
    assert row.records[0].lineage["amount"] == Lineage("/data/1/收款金额小写", "¥800,000.00", f"{CODE}/1.0")
    assert set(row.records[0].lineage) == {"policy_no", "amount", "receipt_no", "received_on", "payer.name"}
    single = json.dumps({"head": {}, "data": json.loads(confirmation({}))["data"][0]}).encode()
    assert everything(CODE, single)[0].records[0].lineage["policy_no"].source == "/data/保单号"


@pytest.mark.parametrize(
    ("message", "rule", "field"),
    [
        ([], "dialect.unrecognised", None),
        ({"data": []}, "dialect.unrecognised", None),
        ({"head": {}}, "dialect.unrecognised", None),
        ({"head": [], "data": []}, "dialect.unrecognised", None),
        ({"head": {}, "data": None}, "dialect.unrecognised", None),
        ({"head": {}, "data": [[]]}, "dialect.unrecognised", None),
        ({"head": {"sign": None}, "data": []}, "field.unaccounted", "head.sign"),
        ({"head": {}, "data": [], "tail": None}, "field.unaccounted", "tail"),
    ],
)
def test_what_is_wrong_outside_of_rows_refuses_the_file(message: Any, rule: str, field: str | None) -> None:
    assert refused(CODE, json.dumps(message).encode()) == (rule, field)


@pytest.mark.parametrize(
    ("data", "rule"),
    [
        (confirmation({})[:-1], "json.malformed"),
        (b'{"head": {}, "head": {}, "data": []}', "json.duplicate-key"),
        (b'{"head": {}, "data": ' + b"[" * 70 + b"]" * 70 + b"}", "json.too-deep"),
        (confirmation({}).decode().encode("gb18030"), "encoding.undecodable"),
    ],
)
def test_what_is_no_message_is_refused(data: bytes, rule: str) -> None:
    assert refused(CODE, data) == (rule, None)
