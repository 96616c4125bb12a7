"""Where each value came from, to the letter: the place in the source, what stands there, and the mapping."""

import json

from translated import POLICY, csv, envelope, everything, packet, policy_xml, receipt_xml

from adapters import Lineage

CSV, XML, JSON = (f"DIA-{name}/1.0" for name in ("CSV-LIST", "CHANNEL-XML", "CANON-JSON"))


def test_the_lineage_of_a_list() -> None:
    above = "某公司清单\n"
    (row,) = everything("DIA-CSV-LIST", csv({"保单号": "'pzac202633010000000012"}, above=above))
    assert row.records[0].lineage == {
        "policy_no": Lineage("row 3, column 保单号", "'pzac202633010000000012", CSV),
        "policyholder.name": Lineage("row 3, column 投保人", "示例医药（杭州）有限公司", CSV),
        "policyholder.credit_code": Lineage("row 3, column 统一社会信用代码", "91330108MA2XX9T186", CSV),
        "period.start": Lineage("row 3, column 起保日期", "2026-3-1", CSV),
        "period.end": Lineage("row 3, column 终保日期", "2027-2-28", CSV),
        "limits.aggregate": Lineage("row 3, column 累计责任限额（万元）", "5000", CSV),
        "rate_percent": Lineage("row 3, column 费率", "2%", CSV),
        "rate_base.kind": Lineage("row 3, column 累计责任限额（万元）", "5000", CSV),
        "rate_base.amount": Lineage("row 3, column 累计责任限额（万元）", "5000", CSV),
        "premium.gross": Lineage("row 3, column 应收保费（万元）", "100", CSV),
        "premium.currency": Lineage("by contract", None, CSV),
    }


def test_the_lineage_of_a_packet() -> None:
    rest = (
        "<CVRG_LIST><CVRG/><CVRG><C_REG_NO>C00009930912025061000011</C_REG_NO></CVRG></CVRG_LIST>"
        "<PAY_LIST><PAY><N_TMS>1</N_TMS><N_GOT_PRM>5</N_GOT_PRM><T_GOT_TM>20260302</T_GOT_TM></PAY></PAY_LIST>"
    )
    first, second = everything(
        "DIA-CHANNEL-XML", packet(receipt_xml(), policy_xml(rest=rest, N_RATE=None, N_ADD_RATE="0"))
    )
    assert first.records[0].lineage["payer.name"] == Lineage(
        "/PACKET/BODY/RECEIPT_LIST/RECEIPT_DATA[1]/C_PAYER_NME", "示例医药（杭州）有限公司", XML
    )
    at = "/PACKET/BODY/POLICY_LIST/POLICY_DATA[1]"
    policy, receipt = second.records
    clause = Lineage(f"{at}/CVRG_LIST/CVRG[2]/C_REG_NO", "C00009930912025061000011", XML)
    assert policy.lineage["clauses.0.registration_no"] == policy.lineage["clauses.0.kind"] == clause
    assert policy.lineage["premium.net"] == Lineage("computed from premium.gross, premium.tax", None, XML)
    assert receipt.lineage == {
        "policy_no": Lineage(f"{at}/BASE_PART/C_PLY_NO", "PZAC202633010000000012", XML),
        "amount": Lineage(f"{at}/PAY_LIST/PAY[1]/N_GOT_PRM", "5", XML),
        "instalment_no": Lineage(f"{at}/PAY_LIST/PAY[1]/N_TMS", "1", XML),
        "received_on": Lineage(f"{at}/PAY_LIST/PAY[1]/T_GOT_TM", "20260302", XML),
    }


def test_the_lineage_of_a_message() -> None:
    record = {**POLICY, "instalments": [{"no": 1, "amount": "800000.00"}], "product": {"class_codes": ["1", "2.2"]}}
    (row,) = everything("DIA-CANON-JSON", json.dumps([envelope("policy", record)]).encode())
    lineage = row.records[0].lineage
    assert lineage["premium.gross"] == Lineage("/0/record/premium/gross", "800000.00", JSON)
    assert lineage["instalments.0.no"] == Lineage("/0/record/instalments/0/no", "1", JSON)
    assert lineage["product.class_codes"].source == "/0/record/product/class_codes"
    assert "instalments" not in lineage


def test_a_problem_says_where_and_what() -> None:
    (row,) = everything("DIA-CSV-LIST", csv({"投保人": "", "应收保费（万元）": "1,00"}))
    missing, unreadable = row.problems
    assert (missing.where, missing.raw) == ("row 2, column 投保人", None)
    assert unreadable.as_json() == {
        "rule": "number.unreadable",
        "field": "premium.gross",
        "effect": "R",
        "reason": "form",
        "detail": {
            "zh": "文字不是一个数字，或千分位分组有误。",
            "en": "The text is not one number, or its grouping is wrong.",
        },
        "raw": "1,00",
        "where": "row 2, column 应收保费（万元）",
    }
    (row,) = everything("DIA-CHANNEL-XML", packet(policy_xml(N_ADD_RATE="1", N_TAX_PRM="1")))
    (problem,) = row.problems
    assert problem.facts == {"gross": "1000000.00", "net": "1.00", "tax": "1.00", "sum": "2.00"}
    assert problem.where == "/PACKET/BODY/POLICY_LIST/POLICY_DATA[1]/BASE_PART/N_PRM"
