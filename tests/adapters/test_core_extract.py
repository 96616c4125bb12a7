"""The extract of a core system (DIALECTS 5): periods by hours, rates of main clauses, instalments against receipts."""

from typing import Any

import pytest
from translated import everything, records
from trees_made import CLAUSE, NAME, POLICY_NO, RIDER, changed, extract, listed, only, problems, refused

from adapters import Lineage

CODE = "DIA-PRPC-JSON"
CREDIT = "91331082MA28GHJ45X"


def one(changes: dict[str, Any]) -> set[str]:
    return problems(CODE, extract(changes))


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({}, ""),
        ({"prpCmain/policyNo": 1055501390026000017}, "number.precision-lost policy_no"),
        ({"prpCmain/policyNo": None}, "field.missing policy_no"),
        ({"prpCmain/riskCode": "ZZZ"}, "value.unknown line"),
        ({"prpCmain/appliName": True}, "value.unknown policyholder.name"),
        ({"prpCmain/sumPremium": True}, "number.unreadable premium.gross"),
        ({"prpCmain/sumPremium": 1200000.001}, "number.sub-fen premium.gross"),
        ({"prpCmain/sumPremium": "1,200,000.00"}, ""),
        ({"prpCmain/sumPremium": "1.2E+06"}, "number.precision-lost premium.gross"),
        ({"prpCmain/sumAmount": -60000000}, "sign.contradiction limits.aggregate"),
        ({"prpCmain/currency": "USD"}, "currency.unsupported premium.currency"),
        ({"prpCmain/currency": "01"}, ""),
        ({"prpCmain/startHour": 12}, "period.not-whole-days period"),
        ({"prpCmain/endHour": "12"}, "period.not-whole-days period"),
        ({"prpCmain/endHour": "24"}, ""),
        ({"prpCmain/endHour": 24.0}, ""),
        ({"prpCmain/endHour": "x"}, "number.unreadable period.end"),
        (
            {"prpCmain/startDate": None, "prpCmain/startHour": 12},
            "field.missing period.start, period.not-whole-days period",
        ),
        ({"prpCmain/startDate": 20260401}, "date.unreadable period.start"),
        ({"prpCmain/startDate": 10**30}, "date.unreadable period.start"),
        ({"prpCmain/startDate": False}, "number.unreadable period.start"),
        ({"prpCmain/endDate": "2026-04-01", "prpCmain/endHour": 0}, "period.inverted period"),
        ({"prpCmain/coinsFlag": "3"}, "coinsurance.shares coinsurance.share_percent"),
        ({"prpCmain/coinsFlag": "9"}, "value.unknown coinsurance"),
        ({"prpCmain/discount": None}, ""),
        ({"prpCmain/discount": 1}, "field.unaccounted prpCmain.discount"),
        ({"prpCmain/sumAmount": [1]}, "field.unaccounted prpCmain.sumAmount"),
        ({"prpCitemKind/0/rateUnit": "x"}, "value.unknown rate_percent"),
        ({"prpCitemKind/0/rateUnit": "‰"}, "rate.mismatch rate_percent"),
        ({"prpCitemKind/0/rate": "x"}, "number.unreadable rate_percent"),
        ({"prpCitemKind/0/rate": 0.02, "prpCitemKind/0/rateUnit": None}, ""),
        ({"prpCitemKind/0/rate": 3, "prpCitemKind/0/rateUnit": None}, "unit.ambiguous rate_percent"),
        ({"prpCitemKind": {}}, "field.unaccounted prpCitemKind"),
        ({"prpCitemDrug": [{"drugName": "甲"}, {"drugName": "乙"}]}, "product.several product"),
        ({"prpCitemDrug": [{"drugName": "甲"}]}, ""),
        (
            {"prpCplan": [{"payReason": "R10", "payNo": 1, "planFee": 1}]},
            "instalments.total-mismatch instalments.amount",
        ),
        ({"prpCplan": [{"payReason": True, "payNo": 1, "planFee": 1200000}]}, "value.unknown prpCplan.payReason"),
    ],
)
def test_every_problem_of_a_policy_is_told(changes: dict[str, Any], told: str) -> None:
    changes = {name: value for name, value in changes.items() if name != "prpCmain/discount" or value is not None}
    assert one(changes) == listed(told)


@pytest.mark.parametrize(
    ("changes", "period"),
    [
        ({}, ("2026-04-01", "2027-03-31")),
        ({"startHour": 24, "endHour": 0}, ("2026-04-02", "2027-03-30")),
        ({"startDate": 1774972800000}, ("2026-04-01", "2027-03-31")),
        ({"startDate": 1774972799999}, ("2026-03-31", "2027-03-31")),
        ({"endDate": "2027-03-31T12:30:00Z", "endHour": None}, ("2026-04-01", "2027-03-31")),
        ({"endDate": "2027-04-01", "endHour": 0}, ("2026-04-01", "2027-03-31")),
    ],
)
def test_the_period_goes_by_the_hours(changes: dict[str, Any], period: tuple[str, str]) -> None:
    main = {f"prpCmain/{name}": value for name, value in changes.items()}
    record = only(CODE, extract({**main, "prpCitemKind": []}))
    assert (record["period"]["start"], record["period"]["end"]) == period


def test_only_codes_of_18_characters_are_credit_codes() -> None:
    codes = {
        "prpCmain/appliCode": "1001000000123456",
        "prpCmain/insuredName": "乙",
        "prpCmain/insuredCode": f" {CREDIT.lower()}",
    }
    record = only(CODE, extract(codes))
    assert record["policyholder"] == {"name": NAME}
    assert record["insured"] == [{"name": "乙", "credit_code": CREDIT, "role": "insured"}]
    assert one({"prpCmain/appliCode": f"{CREDIT[:-1]}Y"}) == {"identifier.credit-code policyholder.credit_code"}
    assert one({"prpCmain/insuredCode": f"{CREDIT[:-1]}Y"}) == {"identifier.credit-code insured.credit_code"}


def test_the_rate_is_that_of_the_main_clause() -> None:
    kinds = [
        {"clauseCode": RIDER, "rate": 9, "rateUnit": "not read"},
        {"clauseCode": None, "clauseName": "甲", "rate": "not read"},
        {"clauseCode": CLAUSE, "rate": 20, "rateUnit": "‰"},
        {"clauseCode": CLAUSE, "rate": "2%", "rateUnit": "1"},
        {"clauseCode": CLAUSE, "rate": None},
    ]
    record = only(CODE, extract({"prpCitemKind": kinds}))
    assert record["rate_percent"] == "2"
    assert record["clauses"][1] == {"name": "甲"}
    kinds[3]["rate"] = "3%"
    assert one({"prpCitemKind": kinds}) == {"unit.ambiguous rate_percent"}
    kinds[3]["clauseCode"] = "x"
    assert one({"prpCitemKind": kinds}) == {"identifier.clause-no clauses.registration_no"}


PLAN = [
    {
        "payNo": 1,
        "payReason": "R10",
        "planFee": 600000,
        "delinquentFee": 0,
        "netPremium": 566037.74,
        "taxPremium": 33962.26,
    },
    {
        "payNo": 2,
        "payReason": "Ｒ10",
        "planFee": "600000",
        "netPremium": 566037.74,
        "taxPremium": 33962.26,
        "endorseNo": "-",
    },
    {"payNo": 3, "payReason": "P21", "planFee": "not read"},
    {"payNo": 4, "payReason": "R10", "endorseNo": "E1", "planFee": "not read"},
]
PAID = [
    {"payNo": 1, "payRefNo": "PR-1", "realPayRefFee": 400000, "realPayRefDate": "2026-04-02"},
    {"payNo": 1, "payRefNo": "PR-2", "realPayRefFee": 200000, "realPayRefDate": "2026-04-03"},
    {"payNo": 2, "payRefNo": "PR-3", "realPayRefFee": "600000", "realPayRefDate": 1774972800000},
    {"payNo": 2, "payRefNo": "PR-4", "realPayRefFee": -1, "realPayRefDate": "2026-05-03", "invoiceNo": "not carried"},
    {"payNo": 2, "payRefNo": "", "realPayRefFee": 0, "realPayRefDate": "not read"},
    {"payNo": "not read", "payRefNo": "", "realPayRefFee": None},
]


def test_receipts_and_refunds_come_beside_the_policy() -> None:
    found = records(everything(CODE, extract({"prpCplan": PLAN, "prpJpayrefrec": PAID})))
    assert [one["type"] for one in found] == ["policy", *["premium_receipt"] * 3, "premium_refund"]
    assert found[0]["record"]["instalments"] == [{"no": 1, "amount": "600000.00"}, {"no": 2, "amount": "600000.00"}]
    assert found[0]["record"]["premium"] == {
        "gross": "1200000.00",
        "net": "1132075.48",
        "tax": "67924.52",
        "currency": "CNY",
    }
    assert found[3]["record"] == {
        "policy_no": POLICY_NO,
        "amount": "600000.00",
        "receipt_no": "PR-3",
        "instalment_no": 2,
        "received_on": "2026-04-01",
    }
    assert found[4]["record"] == {
        "policy_no": POLICY_NO,
        "amount": "1.00",
        "refund_no": "PR-4",
        "paid_on": "2026-05-03",
    }


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"prpJpayrefrec": PAID[:2]}, "receipt.plan-mismatch amount"),
        ({"prpJpayrefrec": []}, "receipt.plan-mismatch amount"),
        ({"prpJpayrefrec": None}, ""),
        ({"prpJpayrefrec/0/realPayRefFee": "x"}, "number.unreadable amount"),
        ({"prpJpayrefrec/0/realPayRefDate": None}, "field.missing received_on"),
        ({"prpJpayrefrec/0/payRefNo": None}, "field.missing receipt_no"),
        ({"prpJpayrefrec/3/realPayRefDate": None}, "field.missing paid_on"),
        ({"prpCplan/0/delinquentFee": 1}, "receipt.plan-mismatch amount"),
        ({"prpCplan/0/delinquentFee": "x"}, "number.unreadable amount"),
        ({"prpCplan/0/netPremium": 566037.75}, "premium.tax-mismatch premium.gross"),
        ({"prpCplan/0/netPremium": None}, ""),
        ({"prpCplan/0/netPremium": "x"}, "number.unreadable premium.net"),
        ({"prpCplan/2/unknown": 1}, "field.unaccounted prpCplan.unknown"),
    ],
)
def test_what_came_in_is_what_is_no_longer_due(changes: dict[str, Any], told: str) -> None:
    usual = {"prpCplan": PLAN, "prpJpayrefrec": PAID}
    assert one(changed(usual, changes)) == listed(told)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({}, ""),
        ({"endorType": "21"}, "sign.contradiction premium_change.gross"),
        ({"endorType": "15", "chgPremium": 0}, ""),
        ({"endorType": "19", "chgPremium": 5}, "sign.contradiction return_premium.gross"),
        ({"endorType": "06", "endorDate": "not read"}, ""),
        ({"endorType": "6"}, "value.unknown kind"),
        ({"validDate": None, "endorseNo": "E"}, "field.missing effective_on, identifier.policy-no endorsement_no"),
    ],
)
def test_changes_fit_their_kind(change: dict[str, Any], told: str) -> None:
    usual = {"endorseNo": "EZAC20263301000077", "endorType": "22", "validDate": "2026-08-01", "chgPremium": -5.0}
    assert one({"prpPhead": [{**usual, **change}]}) == listed(told)


def test_a_coinsurer_without_code_goes_by_its_name() -> None:
    shares: list[dict[str, Any]] = [
        {"coinsCode": "000099", "coinsName": "not read\u200b", "coinsRate": 0.55, "chiefFlag": "1"},
        {"coinsCode": " ", "coinsName": "丙财险", "coinsRate": 0.45, "chiefFlag": 0},
    ]
    record = only(CODE, extract({"prpCcoins": shares, "prpCmain/coinsFlag": 1}))
    assert record["coinsurance"] == [
        {"insurer": "000099", "share_percent": "55", "lead": True},
        {"insurer": "丙财险", "share_percent": "45", "lead": False},
    ]
    assert one({"prpCcoins": shares, "prpCmain/coinsFlag": "0"}) == {"coinsurance.shares coinsurance.share_percent"}


def test_the_lineage_points_to_the_table_and_row() -> None:
    data = b"\xef\xbb\xbf[" + extract({"prpCplan": PLAN[:2], "prpCmain/insuredName": "乙"}) + b"]"
    (row,) = everything(CODE, data)
    lineage = row.records[0].lineage
    assert lineage["rate_percent"] == Lineage("/0/prpCitemKind/0/rate", "2", f"{CODE}/1.0")
    assert lineage["insured.0.name"] == Lineage("/0/prpCmain/insuredName", "乙", f"{CODE}/1.0")
    assert lineage["instalments.1.amount"].source == "/0/prpCplan/1/planFee"
    assert lineage["premium.net"] == Lineage("sum of the instalments", None, f"{CODE}/1.0")
    assert not any(name in lineage for name in ("insured_name", "clauses.0.rate", "instalments.0.net", "first_hour"))


@pytest.mark.parametrize(
    ("data", "rule"),
    [
        (b"1", "dialect.unrecognised"),
        (b"[1]", "dialect.unrecognised"),
        (b'{"prpCmain": {}}\n{"prpCmain": {}}', "json.malformed"),
        (b'{"a": 1, "a": 1}', "json.duplicate-key"),
        (b"[" * 70 + b"]" * 70, "json.too-deep"),
        (extract()[:-1], "json.malformed"),
        (extract().decode().encode("gb18030"), "encoding.undecodable"),
    ],
)
def test_what_is_no_extract_is_refused(data: bytes, rule: str) -> None:
    assert refused(CODE, data) == (rule, None)
