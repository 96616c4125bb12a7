"""What insurers' exports are really like: one test for each reality that DIALECTS.md names, from bytes to records."""

import gzip
from typing import Any

import pytest
from sheets_made import COLUMNS, ROW, bordereau, extract, sheet_of
from translated import csv, endorsement_xml, everything, packet, policy_xml, receipt_xml, told
from trees_made import ADD, PACKET, RED, add, archive, invoice, only, refused, soap
from trees_made import extract as core_extract

from adapters import Row
from sandbox.workbook import Sheet, write_workbook

HEAD = (
    "保单号,批单号,投保人,统一社会信用代码,起保日期,终保日期,累计责任限额（万元）,费率,应收保费（万元）,"
    "不含税保费（万元）,增值税（万元）,实收保费（万元）,收费日期,批改类型,批改生效日期,共保比例,备注"
)


def records(rows: list[Row]) -> list[tuple[str, dict[str, Any]]]:
    assert not [problem for row in rows for problem in row.problems if problem.effect != "N"]
    return [(draft.type, draft.record) for row in rows for draft in row.records]


def first(code: str, data: bytes) -> dict[str, Any]:
    """The first record of a file in which nothing is wrong."""
    return records(everything(code, data))[0][1]


def listed(*rows: dict[str, str], head: str = HEAD, **how: str) -> list[tuple[str, dict[str, Any]]]:
    return records(everything("DIA-CSV-LIST", csv(*rows, head=head, **how)))


# Encodings


@pytest.mark.parametrize("declared", ["GBK", "gbk", "GB2312", "GB18030", "gb18030"])
@pytest.mark.parametrize("name", ["示例医药有限公司", "𠮷祥药业", "㐂乐药业", "€ 药业", "ḿ 药业"])
def test_gb18030_in_all_its_variants(declared: str, name: str) -> None:
    """Two-byte, four-byte, and what only GB18030 has, under each of the names that its declaration has in life."""
    text = packet(policy_xml()).decode().replace("UTF-8", declared).replace("示例医药（杭州）有限公司", name)
    assert first("DIA-CHANNEL-XML", text.encode("gb18030"))["policyholder"]["name"] == name
    assert listed({"投保人": name})[0][1]["policyholder"]["name"] == name
    data = csv({"投保人": name}).removeprefix(b"\xef\xbb\xbf").decode().encode("gb18030")
    assert first("DIA-CSV-LIST", data)["policyholder"]["name"] == name
    line = extract({"投保人名称": name}, charset="GB18030")
    assert first("DIA-EAST-TXT", line)["policyholder"]["name"] == name


@pytest.mark.parametrize(
    ("declared", "written", "name"),
    [("GBK", "utf-8", "示例医药"), ("UTF-8", "gb18030", "示例医药"), ("BIG5", "big5", "中文公司")],
)
def test_a_wrong_declaration_is_refused(declared: str, written: str, name: str) -> None:
    text = packet(policy_xml()).decode().replace("UTF-8", declared).replace("示例医药（杭州）有限公司", name)
    assert refused("DIA-CHANNEL-XML", text.encode(written)) == ("encoding.undecodable", None)
    if declared != "BIG5":
        charset, own = ("GB18030", "gb18030") if declared == "GBK" else ("UTF-8", "utf-8")
        line = extract({}, charset=charset).decode(own).encode(written)
        assert refused("DIA-EAST-TXT", line) == ("encoding.undecodable", None)


def test_a_list_in_utf8_without_its_mark_is_refused() -> None:
    assert refused("DIA-CSV-LIST", csv({}).removeprefix(b"\xef\xbb\xbf")) == ("encoding.undecodable", None)


# Numbers, units, percentages


def wide(text: str) -> str:
    return "".join(chr(ord(one) + 0xFEE0) if "!" <= one <= "~" else one for one in text)


def test_full_width_digits_are_digits() -> None:
    row = {
        "保单号": wide("PZAC202633010000000012"),
        "统一社会信用代码": wide("91330108ma2xx9t186"),
        "起保日期": wide("2026-3-1"),
        "终保日期": wide("2027.2.28"),
        "累计责任限额（万元）": wide("5,000"),
        "费率": wide("2%"),
        "应收保费（万元）": wide("100.00"),
    }
    assert listed(row) == listed({})
    assert first("DIA-XLSX-BDX", bordereau({"含税保费": wide("1,000,000.00")})) == first("DIA-XLSX-BDX", bordereau({}))
    changed = packet(policy_xml(N_PRM=wide("1,000,000.00"), T_INSRNC_BGN_TM=wide("2026/03/01")))
    assert first("DIA-CHANNEL-XML", changed) == first("DIA-CHANNEL-XML", packet(policy_xml()))


@pytest.mark.parametrize(
    ("unit", "amount"), [("元", "50,000,000"), ("千元", "50000"), ("万元", "5,000"), ("亿元", "0.5")]
)
def test_yuan_and_its_multiples(unit: str, amount: str) -> None:
    """In the header, in the cell, in the line above."""
    head = HEAD.replace("累计责任限额（万元）", f"累计责任限额（{unit}）")
    for rows in (
        listed({f"累计责任限额（{unit}）": amount}, head=head),
        listed({"累计责任限额（万元）": f"{amount}{unit}"}) if unit != "千元" else listed({}),  # no cell says 千元
        listed(
            {"累计责任限额": amount, "应收保费": "1000000元"},
            head="保单号,投保人,起保日期,终保日期,累计责任限额,应收保费,费率",
            above=f"单位：{unit}\n",
        ),
    ):
        assert rows[0][1]["limits"]["aggregate"] == "50000000.00"
    for name, sent in (("YUAN", "1000000"), ("FEN", "100000000"), ("WAN", "100")):
        said = {"Head/AmountUnit": name, "Body/Policy/Premium": sent, "Body/Policy/SumInsured": None}
        assert only("DIA-SOAP-XML", soap(PACKET, said))["premium"]["gross"] == "1000000.00"


@pytest.mark.parametrize(
    ("header", "cell"),
    [("费率", "2%"), ("费率", "20‰"), ("费率（%）", "2"), ("费率（‰）", "20"), ("费率", "0.02"), ("费率（‰）", "2％")],
)
def test_percent_and_per_mille(header: str, cell: str) -> None:
    assert listed({header: cell}, head=HEAD.replace("费率", header))[0][1]["rate_percent"] == "2"


def test_a_unit_is_never_guessed_by_size() -> None:
    """The sign in the cell, then the header, then the contract, then what reconciles: more than one is a problem."""
    for cell in ("0.02", "2", "20"):  # each size can stand in one column: the premium says which it is
        assert listed({"费率": cell})[0][1]["rate_percent"] == "2"
    for cell in ("0.2", "200", "3"):
        assert told(everything("DIA-CSV-LIST", csv({"费率": cell}))) == {(2, "unit.ambiguous", "rate_percent")}
    bare = "保单号,投保人,起保日期,终保日期,累计责任限额,应收保费"
    assert refused("DIA-CSV-LIST", csv({"累计责任限额": "5000", "应收保费": "100"}, head=bare)) == (
        "unit.ambiguous",
        "limits.aggregate",
    )
    slipped = csv({"应收保费（万元）": "1000000"})
    assert told(everything("DIA-CSV-LIST", slipped)) == {(2, "unit.mismatch", "premium.gross")}


def test_excel_serials_of_both_systems() -> None:
    period = {"start": "2026-03-01", "end": "2027-02-28"}
    assert listed({"起保日期": "46082", "终保日期": "46446"})[0][1]["period"] == period
    assert first("DIA-XLSX-BDX", bordereau({"起期": 46082, "止期": 46446}))["period"] == period
    old = bordereau({"起期": 46082 - 1462, "止期": 46446 - 1462}, date1904=True)
    assert first("DIA-XLSX-BDX", old)["period"] == period


def test_accounting_negatives() -> None:
    for amount in ("(10.00)", "（10）", "-10", "－10.00", "−10", "¥(10)"):
        ((kind, change),) = listed(
            {"批单号": "EZAC20263300000001", "应收保费（万元）": amount, "批改生效日期": "2026-4-1"}
        )
        assert (kind, change["kind"], change["premium_change"]["gross"]) == ("endorsement", "decrease", "-100000.00")


# Tables


def test_merged_and_multi_line_headers() -> None:
    usual = sheet_of({})
    plain = first("DIA-XLSX-BDX", write_workbook(usual))
    rows = dict(usual.rows)
    rows[3] = [name.replace("投保人", "投\n保 人").replace("责任限额", "责任限额\n（元）") for name in COLUMNS]
    assert first("DIA-XLSX-BDX", write_workbook(Sheet(rows, usual.merges))) == plain
    rows[2] = ["保单信息", None, None, None, None, "投保产品", "保费", None, None, "收费", None]
    rows[3] = list(COLUMNS)
    merges = ("A2:E2", "G2:I2", "J2:K2")
    assert first("DIA-XLSX-BDX", write_workbook(Sheet(rows, merges))) == plain
    columns = ("保单号", "投保人", "保险期间", "", "责任限额", "费率(%)", "含税保费")
    values = {"保险期间": ROW["起期"], "": ROW["止期"]}
    two = sheet_of(values, columns=columns)
    assert first("DIA-XLSX-BDX", write_workbook(Sheet(two.rows, (*two.merges, "C3:D3")))) == plain


def test_lines_that_say_the_unit() -> None:
    for unit, amount in (
        ("单位：人民币元", 1000000),
        ("单位：元", 1000000),
        ("单 位：千元", 1000),
        ("单位：万元", 100),
    ):
        scale = 50 * amount
        data = bordereau({"含税保费": amount, "责任限额": scale}, unit=unit)
        assert first("DIA-XLSX-BDX", data)["premium"]["gross"] == "1000000.00"
    assert refused("DIA-XLSX-BDX", bordereau({}, unit="单位：美元"))[0] == "unit.ambiguous"


def test_subtotals_are_checked_and_then_dropped() -> None:
    rows = [{"保单号": f"PZAC20263301000000001{n}"} for n in (1, 2, 3)]
    total = ",,,,,,{},,{}"
    below = "\n".join(
        f"{word}{total.format(*amounts)}" for word, *amounts in (("小计", 15000, 300), ("合计：", 15000, 300))
    )
    assert [kind for kind, _ in listed(*rows, below=below + "\n")] == ["policy"] * 3
    wrong = csv(*rows, head=HEAD, below="总 计,,,,,,15000,,299.99\n")
    assert told(everything("DIA-CSV-LIST", wrong)) == {(5, "row.total-mismatch", "premium.gross")}
    assert len(records(everything("DIA-CSV-LIST", wrong))) == 3


def test_endorsement_and_refund_rows() -> None:
    row = {
        "批单号": "EZAC20263300000001",
        "应收保费（万元）": "-100",
        "实收保费（万元）": "-100",
        "收费日期": "2026-4-3",
        "批改类型": "退保",
        "批改生效日期": "2026-4-1",
    }
    assert [kind for kind, _ in listed(row)] == ["cancellation", "premium_refund"]
    data = packet(
        endorsement_xml(C_EDR_TYP="6", N_PRM_VAR="-100000"),
        receipt_xml(N_AMT="-100000.00", C_EDR_NO="EZAC20263300000009"),
    )
    ((_, cancelled), (_, returned)) = sorted(records(everything("DIA-CHANNEL-XML", data)))
    assert cancelled["return_premium"]["gross"] == returned["amount"] == "100000.00"
    negative = csv({"应收保费（万元）": "-100"})  # without an endorsement number nobody knows what it is
    assert told(everything("DIA-CSV-LIST", negative)) == {(2, "field.missing", "endorsement_no")}


def test_coinsurance_shares() -> None:
    said = [("DIA-CSV-LIST", "60", True), ("甲财险", "33.33", False), ("乙财险", "6.67", False)]
    row = {"共保比例": "60", "备注": "主承保；从共：甲财险33.33%、乙财险6.67%"}
    shares = listed(row)[0][1]["coinsurance"]
    assert [(one["insurer"], one["share_percent"], one["lead"]) for one in shares] == said
    for percent in ("6.66", "6.68"):
        wrong = csv({**row, "备注": row["备注"].replace("6.67", percent)}, head=HEAD)
        assert told(everything("DIA-CSV-LIST", wrong)) == {(2, "coinsurance.shares", "coinsurance.share_percent")}
    for rates in (["0.6", "0.4"], ["60", "40"]):
        rows = [{"coinsCode": f"C{n}", "coinsRate": rate, "chiefFlag": str(n)} for n, rate in enumerate(rates)]
        found = only("DIA-PRPC-JSON", core_extract({"prpCcoins": rows, "prpCmain/coinsFlag": "1"}))["coinsurance"]
        assert [one["share_percent"] for one in found] == ["60", "40"]


def test_instalments() -> None:
    def plan(*amounts: str) -> bytes:
        pays = "".join(
            f"<PAY><N_TMS>{n}</N_TMS><T_PAY_TM>2026-0{n}-01</T_PAY_TM><N_GET_PRM>{amount}</N_GET_PRM></PAY>"
            for n, amount in enumerate(amounts, 1)
        )
        return packet(policy_xml(rest=f"<PAY_LIST>{pays}</PAY_LIST>"))

    found = first("DIA-CHANNEL-XML", plan("500000", "500,000.00"))["instalments"]
    assert [(one["no"], one["amount"]) for one in found] == [(1, "500000.00"), (2, "500000.00")]
    wrong = everything("DIA-CHANNEL-XML", plan("500000", "499999.99"))
    assert told(wrong) == {(1, "instalments.total-mismatch", "instalments.amount")}


@pytest.mark.parametrize(("end", "years", "premium"), [("2027-02-28", 1, "100"), ("2029-02-28", 3, "300")])
def test_periods_of_several_years(end: str, years: int, premium: str) -> None:
    """The premium of n years is n times rate times limit, or once: both are the rate that stands there."""
    for amount in (premium, "100"):
        record = listed({"终保日期": end, "费率": "2", "应收保费（万元）": amount})[0][1]
        assert (record["period"]["end"], record["rate_percent"]) == (end, "2")
        assert record["rate_base"]["amount"] == "50000000.00", years


def test_ends_at_24_hours_and_exclusive_expiry() -> None:
    period = {"start": "2026-03-01", "end": "2027-02-28"}
    for start, end in (
        ("2026-03-01 00:00:00", "2027-02-28 24:00:00"),
        ("2026-02-28 24:00:00", "2027-02-28 24:00:00"),
        ("20260301000000", "20270228235959"),
        ("2026-03-01 00:00:00", "2027-03-01 00:00:00"),  # a whole year: the moment at which it ends
        ("2026-03-01 00:00:00", "2027-02-28 00:00:00"),  # a whole year too: its last day
    ):
        data = packet(policy_xml(T_INSRNC_BGN_TM=start, T_INSRNC_END_TM=end))
        assert first("DIA-CHANNEL-XML", data)["period"] == period
    unclear = packet(policy_xml(T_INSRNC_BGN_TM="2026-03-01 00:00:00", T_INSRNC_END_TM="2026-09-15 00:00:00"))
    assert told(everything("DIA-CHANNEL-XML", unclear)) >= {(1, "period.ambiguous", "period")}
    term = ADD["CommlPolicy"]["ContractTerm"]
    assert only("DIA-ACORD-XML", add())["period"]["end"] < term["ExpirationDt"][:10]
    hours = {"prpCmain/startHour": 0, "prpCmain/endHour": 0, "prpCmain/endDate": "2027-04-01"}
    assert only("DIA-PRPC-JSON", core_extract({**hours, "prpCmain/startDate": "2026-04-01"}))["period"] == {
        "start": "2026-04-01",
        "end": "2027-03-31",
    }


def test_the_vat_split() -> None:
    split = {"应收保费（万元）": "100", "不含税保费（万元）": "94.339623", "增值税（万元）": "5.660377"}
    whole = {"gross": "1000000.00", "net": "943396.23", "tax": "56603.77", "currency": "CNY"}
    for left_out in ("", "不含税保费（万元）", "增值税（万元）"):  # of two the third is computed
        assert listed({name: amount for name, amount in split.items() if name != left_out})[0][1]["premium"] == whole
    wrong = csv({**split, "增值税（万元）": "5.660378"}, head=HEAD)
    assert told(everything("DIA-CSV-LIST", wrong)) == {(2, "premium.tax-mismatch", "premium.gross")}


def test_red_letter_invoices() -> None:
    record = only("DIA-EINV-XML", invoice(RED).encode())
    assert record["gross"].startswith("-")
    assert len(record["red_letter_of"]) == 20
    assert "policy_nos" not in record


def test_several_records_in_one_message() -> None:
    data = packet(policy_xml(), policy_xml(C_PLY_NO="PZAC202633010000000013"), receipt_xml(), endorsement_xml())
    assert [kind for kind, _ in records(everything("DIA-CHANNEL-XML", data))] == [
        *("policy", "policy", "premium_receipt", "endorsement"),
    ]


def test_zip_and_gzip_containers() -> None:
    one = invoice().encode()
    assert first("DIA-EINV-XML", archive({"a.xml": one, "a.pdf": b"%PDF"})) == first("DIA-EINV-XML", one)
    line = extract({})
    assert first("DIA-EAST-TXT", gzip.compress(line)) == first("DIA-EAST-TXT", line)
