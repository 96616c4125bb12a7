"""CSV lists (DIALECTS 3, 0.9): header, units, totals, notes, changes, co-insurance, duplicates."""

import pytest
from translated import CSV_HEAD, csv, everything, records, told

CODE = "DIA-CSV-LIST"
TYPE = CSV_HEAD + ",批改类型,备注"
SHARES = CSV_HEAD + ",共保比例,备注"


def problems(data: bytes) -> set[tuple[int, str, str | None]]:
    return told(everything(CODE, data))


def refused(data: bytes) -> tuple[str, str | None]:
    """Rule and field of the refusal of a whole file."""
    (row,) = everything(CODE, data)
    (problem,) = row.problems
    assert (row.row, row.records, problem.effect) == (0, (), "F")
    return problem.rule, problem.field


@pytest.mark.parametrize(
    ("head", "rule", "field"),
    [
        (CSV_HEAD.replace("保单号", "单号"), "header.not-found", None),
        (CSV_HEAD.replace("投保人,", "投保企业,"), "header.not-found", None),
        (f"{CSV_HEAD},返还比例", "field.unaccounted", "返还比例"),
        (f"{CSV_HEAD},返还 金额（元）", "field.unaccounted", "返还金额"),
        (f"{CSV_HEAD},投保人名称", "column.duplicate", "policyholder.name"),
        (f"{CSV_HEAD},保险单号", "column.duplicate", "policy_no"),
        (CSV_HEAD.replace("起保日期", "签单日期"), "column.missing", "period.start"),
        (CSV_HEAD.replace("应收保费（万元）", "税额（元）"), "column.missing", "premium.gross"),
        (CSV_HEAD.replace("应收保费（万元）", "应收保费"), "unit.ambiguous", "premium.gross"),
        (CSV_HEAD.replace("应收保费（万元）", "应收保费（%）"), "unit.ambiguous", "premium.gross"),
        (CSV_HEAD.replace("费率", "费率（元）"), "unit.ambiguous", "rate_percent"),
    ],
)
def test_a_header_that_is_not_understood_refuses_the_file(head: str, rule: str, field: str | None) -> None:
    row = {"应收保费": "100", "应收保费（%）": "100"}
    assert refused(csv(row, head=head)) == (rule, field)


def test_the_first_wrong_column_is_named_before_a_missing_one_and_units() -> None:
    head = CSV_HEAD.replace("起保日期", "新列").replace("应收保费（万元）", "应收保费")
    assert refused(csv({}, head=head)) == ("field.unaccounted", "新列")


def test_a_column_without_name_is_nothing_until_it_holds_something() -> None:
    assert problems(csv({}, head=f"{CSV_HEAD},,")) == set()
    assert refused(csv({}, head=f"{CSV_HEAD},").replace(b",100,,,", b",100,,,x")) == ("field.unaccounted", "")


def test_columns_come_in_any_order_with_spaces_and_wide_letters() -> None:
    names = CSV_HEAD.split(",")
    turned = ",".join(reversed(names)).replace("保单号", " 保 单 号 ").replace("（万元）", "(万元)")
    row = {" 保 单 号 ": "PZAC202633010000000012", "累计责任限额(万元)": "5000", "应收保费(万元)": "100"}
    plain, other = everything(CODE, csv({})), everything(CODE, csv(row, head=turned))
    assert records(plain)[0]["record"] == records(other)[0]["record"]


@pytest.mark.parametrize("unit", ["元", "千元", "万元", "亿元"])
def test_a_unit_line_above_the_header_is_the_unit_of_columns_without(unit: str) -> None:
    head = CSV_HEAD.replace("（万元）", "")
    row = {"累计责任限额": "5", "应收保费": "0.1"}
    data = csv(row, head=head, above=f"某财产保险公司清单\n,单 位：{unit},,2026年\n")
    (found,) = everything(CODE, data)
    factor = {"元": 1, "千元": 10**3, "万元": 10**4, "亿元": 10**8}[unit]
    assert found.records[0].record["limits"]["aggregate"] == f"{5 * factor}.00"


def test_two_unit_lines_that_differ_state_no_unit() -> None:
    data = csv(
        {"应收保费": "100"}, head=CSV_HEAD.replace("应收保费（万元）", "应收保费"), above="单位：元\n单位：万元\n"
    )
    assert refused(data) == ("unit.ambiguous", "premium.gross")


def test_cells_may_have_units_of_their_own_and_null_cells_need_none() -> None:
    head = CSV_HEAD.replace("（万元）", "")
    row = {"累计责任限额": "5000万元", "应收保费": "¥1,000,000元", "实收保费": "/"}
    (found,) = everything(CODE, csv(row, head=head))
    assert found.records[0].record["premium"]["gross"] == "1000000.00"
    assert refused(csv(row, {**row, "应收保费": "100"}, head=head)) == ("unit.ambiguous", "premium.gross")
    assert problems(csv({**row, "应收保费": "壹佰万元"}, head=head)) == {(2, "number.unreadable", "premium.gross")}


def test_the_separator_line_of_a_spreadsheet_counts_as_a_record() -> None:
    (row,) = everything(CODE, csv({}, above="sep=,\n"))
    assert row.row == 3


def test_the_header_is_within_the_first_twenty_records() -> None:
    assert problems(csv({}, above="说明\n" * 19)) == set()
    assert refused(csv({}, above="说明\n" * 20)) == ("header.not-found", None)


def test_line_breaks_in_quotes_and_empty_lines_count() -> None:
    data = csv({"投保人": '示例"医药"\n有限公司'}, {}, above="\n")
    rows = everything(CODE, data.replace(b"\nPZAC", b"\n\nPZAC", 1))
    assert [row.row for row in rows] == [4, 5]
    # The two rows have one policy number and differ in the name: which is right cannot be known.
    assert {rule for _, rule, _ in told(rows)} == {"row.conflict"}


def test_only_the_two_agreed_encodings_are_read() -> None:
    text = csv({}).decode("utf-8-sig")
    assert problems(text.encode("gb18030")) == set()
    assert refused(text.encode("utf-16"))[0] == "encoding.undecodable"
    # Without its mark UTF-8 is not tried; as GB18030 it has no header, or no characters.
    assert refused(text.encode("utf-8"))[0] in ("encoding.undecodable", "header.not-found")


def test_a_byte_that_is_no_character_refuses_the_file() -> None:
    assert refused(csv({}).replace(b"PZAC", b"PZ\xff\xfe")) == ("encoding.undecodable", None)
    assert refused(csv({}).replace(b"PZAC", b"PZ\x00C")) == ("text.control-char", None)


def test_a_cell_that_is_too_long_refuses_the_file() -> None:
    assert refused(csv({"投保人": "A" * 32768})) == ("cell.too-long", None)
    assert problems(csv({"投保人": "A" * 32767})) == set()


def test_a_row_longer_than_the_header_is_ragged_if_something_stands_there() -> None:
    data = csv({})
    assert problems(data.rstrip(b"\n") + b",,\n") == set()
    assert problems(data.rstrip(b"\n") + b",,x\n") == {(2, "row.ragged", None)}


def test_a_broken_quote_costs_its_row_alone() -> None:
    data = csv({"投保人": "QUOTED"}, {"保单号": "PZAC202633010000000013"}).replace(b"QUOTED", b'"A"B')
    assert problems(data) == {(2, "row.ragged", None)}
    open_quote = csv({"保单号": "PZAC202633010000000013"}, {"投保人": "QUOTED"}).replace(b"QUOTED", b'"A')
    assert problems(open_quote) == {(3, "row.ragged", None)}


def test_a_short_row_is_null_at_its_end() -> None:
    data = csv({}).replace(b",100,,\n", b",100\n")
    assert problems(data) == set()


@pytest.mark.parametrize("note", ["注：自动生成", ",备注 见附件", "制表人：***,,", ",,,单位：元", "审核：", "填报单位"])
def test_a_note_is_nothing(note: str) -> None:
    assert problems(csv({}, below=f"{note}\n")) == set()


@pytest.mark.parametrize("line", [",其他说明", ",X", "-,,100", '"=""""",,X'])
def test_a_row_without_policy_number_that_is_no_note_is_told(line: str) -> None:
    assert problems(csv({}, below=f"{line}\n")) == {(3, "row.unreadable", "policy_no")}


@pytest.mark.parametrize("word", ["合计", "合 计：", "总计", " Total:", "ＴＯＴＡＬＳ", "小计", "本页合计"])
def test_a_totals_row_that_adds_up_is_nothing(word: str) -> None:
    rows = ({}, {"保单号": "PZAC202633010000000013", "累计责任限额（万元）": "1,000", "费率": "10%"})
    assert problems(csv(*rows, below=f'{word},,,,,,"6,000",,200,,\n')) == set()
    assert problems(csv(*rows, below=f"{word},,,,,,6000,,200.01,-,\n")) == {(4, "row.total-mismatch", "premium.gross")}
    assert problems(csv(*rows, below=f"{word},,,,,,x,,200,,\n")) == {(4, "row.total-mismatch", "limits.aggregate")}


def test_a_subtotal_covers_the_rows_since_the_last_of_its_word() -> None:
    row = ("PZAC20263301000000001{},,示例医药（杭州）有限公司,,2026-3-1,2027-2-28,5000,2%,100,,\n").format
    lines = [row(1), "小计,,,,,,5000,,100\n", row(2), row(3), "小计,,,,,,10000,,200\n", "合计,,,,,,15000,,300\n"]
    assert problems(csv(below="".join(lines))) == set()
    lines[4] = "小计,,,,,,15000,,300\n"
    assert {rule for _, rule, _ in problems(csv(below="".join(lines)))} == {"row.total-mismatch"}


def test_totals_count_duplicates_and_refused_rows_and_skip_unread_columns() -> None:
    rows = ({}, {}, {"保单号": "-"}, {"保单号": "PZAC202633010000000014", "起保日期": "x"})
    found = problems(csv(*rows, below="合计,,,,,,20000,,400\n"))
    assert found == {
        (3, "row.duplicate", "policy_no"),
        (4, "row.unreadable", "policy_no"),
        (5, "date.unreadable", "period.start"),
    }
    unread = problems(csv({"应收保费（万元）": "1,00"}, below="合计,,,,,,5001,,400\n"))
    assert unread == {(2, "number.unreadable", "premium.gross"), (3, "row.total-mismatch", "limits.aggregate")}


def test_equal_rows_leave_the_first_and_rows_that_differ_leave_none() -> None:
    same = {"保单号": " 'pzac202633010000000012"}
    assert problems(csv({}, same, {"起保日期": "2026/03/01"})) == {
        (3, "row.duplicate", "policy_no"),
        (4, "row.duplicate", "policy_no"),
    }
    differ = everything(CODE, csv({}, {"应收保费（万元）": "100.5"}, {}, {"保单号": "PZAC202633010000000013"}))
    assert told(differ) == {(row, "row.conflict", "policy_no") for row in (2, 3, 4)}
    assert [row["row"] for row in records(differ)] == [5]


def test_a_refused_row_takes_no_part_in_a_conflict() -> None:
    found = everything(CODE, csv({}, {"起保日期": "x", "费率": "3%"}))
    assert told(found) == {(3, "date.unreadable", "period.start")}  # and nothing about a rate without its period
    assert [row["row"] for row in records(found)] == [2]


def test_a_change_is_told_apart_by_its_endorsement_number() -> None:
    change = {"批单号": "EZAC20263300000001", "应收保费（万元）": "10"}
    found = everything(CODE, csv({}, change, {**change, "批单号": "EZAC20263300000002"}, change))
    assert told(found) == {(5, "row.duplicate", "endorsement_no")}
    null = everything(CODE, csv({"批单号": "-"}, {"批单号": "无"}))
    assert told(null) == {(3, "row.duplicate", "policy_no")}


@pytest.mark.parametrize(
    ("stated", "premium", "remark", "type_", "kind"),
    [
        ("增加保费", "10", "", "endorsement", "increase"),
        ("批减", "-10", "", "endorsement", "decrease"),
        ("一般批改", "-10", "", "endorsement", "amend"),
        ("恢复效力", "0", "", "endorsement", "reinstate"),
        ("全单退保", "-10", "", "cancellation", "mid_term"),
        ("自始注销", "", "", "cancellation", "from_inception"),
        ("", "-10", "退保(批退)", "cancellation", "mid_term"),
        ("", "-10", " 注销 ", "cancellation", "from_inception"),
        ("", "10", "", "endorsement", "increase"),
        ("", "-10", "投保人退保", "endorsement", "decrease"),
        ("", "0", "", "endorsement", "amend"),
        ("", "", "", "endorsement", "amend"),
    ],
)
def test_a_change_has_a_kind(stated: str, premium: str, remark: str, type_: str, kind: str) -> None:
    row = {"批单号": "EZAC20263300000001", "应收保费（万元）": premium, "批改类型": stated, "备注": remark}
    (found,) = everything(CODE, csv(row, head=TYPE))
    (draft,) = found.records
    assert (draft.type, draft.record["kind"]) == (type_, kind)


@pytest.mark.parametrize(
    ("row", "rule", "field"),
    [
        ({"批改类型": "新类型", "应收保费（万元）": "10"}, "value.unknown", "kind"),
        ({"批改类型": "增保", "应收保费（万元）": "-10"}, "sign.contradiction", "premium_change.gross"),
        ({"批改类型": "减保", "应收保费（万元）": "0"}, "sign.contradiction", "premium_change.gross"),
        ({"批改类型": "退保", "应收保费（万元）": "10"}, "sign.contradiction", "return_premium.gross"),
        ({"应收保费（万元）": "x"}, "number.unreadable", "premium_change.gross"),
        ({"批单号": "E1"}, "identifier.policy-no", "endorsement_no"),
    ],
)
def test_a_change_that_contradicts_itself_is_refused(row: dict[str, str], rule: str, field: str) -> None:
    assert problems(csv({"批单号": "EZAC20263300000001", **row}, head=TYPE)) == {(2, rule, field)}


def test_a_change_reads_nothing_of_the_policy_columns() -> None:
    row = {"批单号": "EZAC20263300000001", "投保人": "=1", "起保日期": "x", "费率": "y", "统一社会信用代码": "z"}
    assert problems(csv(row)) == set()


def test_a_negative_premium_without_endorsement_number_is_a_missing_number() -> None:
    assert problems(csv({"应收保费（万元）": "-100"})) == {(2, "field.missing", "endorsement_no")}


@pytest.mark.parametrize(
    ("amount", "rest", "problem"),
    [
        ("100", {"收费日期": ""}, "field.missing received_on"),
        ("-100", {"收费日期": ""}, "field.missing paid_on"),
        ("100", {"收费日期": "3/4/2026"}, "date.unreadable received_on"),
        ("x", {"收费日期": "3/4/2026"}, "number.unreadable amount"),
        ("", {"收费日期": "3/4/2026"}, ""),
        ("0.00", {"收费日期": "3/4/2026"}, ""),
    ],
)
def test_the_columns_beside_an_amount_are_read_only_with_it(amount: str, rest: dict[str, str], problem: str) -> None:
    found = problems(csv({"实收保费（万元）": amount, **rest}))
    assert {f"{rule} {field}" for _, rule, field in found} == ({problem} if problem else set())


@pytest.mark.parametrize("formula", ["=1+1", "+A1", "@SUM(A1)", "-2+3", "＝A1", " =A1"])
def test_a_formula_where_a_text_is_taken_is_refused(formula: str) -> None:
    assert problems(csv({"投保人": formula})) == {(2, "text.formula", "policyholder.name")}


def test_a_protected_text_is_its_inside() -> None:
    row = {"保单号": '="00012603310000000777"', "应收保费（万元）": '="100"', "起保日期": '="2026-3-1"'}
    (found,) = everything(CODE, csv(row))
    assert found.records[0].record["policy_no"] == "00012603310000000777"
    assert found.records[0].record["premium"]["gross"] == "1000000.00"


@pytest.mark.parametrize("share", ["", "100", "100%", "100.00", "1", "/"])
def test_the_whole_share_is_no_coinsurance(share: str) -> None:
    (found,) = everything(CODE, csv({"共保比例": share, "备注": "=not read"}, head=SHARES))
    assert "coinsurance" not in found.records[0].record


@pytest.mark.parametrize(
    ("share", "note", "parties"),
    [
        ("60", "主承保；从共：丙财险40%", [("X", "60", True), ("丙财险", "40", False)]),
        (
            "20%",
            "从承保；主共：甲财险50%、从共：丁财险30%",
            [("X", "20", False), ("甲财险", "50", True), ("丁财险", "30", False)],
        ),
        (
            "33.34",
            "主承保,从共:A1公司33.33%;乙 33.33 %",
            [("X", "33.34", True), ("A1公司", "33.33", False), ("乙", "33.33", False)],
        ),
    ],
)
def test_a_note_names_the_other_insurers(share: str, note: str, parties: list[tuple[str, str, bool]]) -> None:
    (found,) = everything(CODE, csv({"共保比例": share, "备注": note}, head=SHARES), insurer="X")
    stated = [(one["insurer"], one["share_percent"], one["lead"]) for one in found.records[0].record["coinsurance"]]
    assert stated == parties


@pytest.mark.parametrize(
    ("share", "note", "rule"),
    [
        ("60", "", "coinsurance.shares"),
        ("60", "主承保", "coinsurance.shares"),
        ("60", "主承保；丙财险40%", "coinsurance.shares"),
        ("60", "主承保；从共：丙财险40", "coinsurance.shares"),
        ("60", "主承保；从共：40%", "coinsurance.shares"),
        ("60", "共保；从共：丙财险40%", "coinsurance.shares"),
        ("60", "主承保；从共：丙财险39.99%", "coinsurance.shares"),
        ("60", "主承保；从共：丙财险1040%", "coinsurance.shares"),
        ("0.6", "主承保；从共：丙财险40%", "coinsurance.shares"),
        ("1%", "主承保；从共：丙财险40%", "coinsurance.shares"),
        ("60", "从承保；从共：丙财险40%", "coinsurance.lead"),
        ("60", "主承保；主共：丙财险40%", "coinsurance.lead"),
        ("x", "", "number.unreadable"),
    ],
)
def test_shares_that_are_not_certain_are_refused(share: str, note: str, rule: str) -> None:
    field = "coinsurance.lead" if rule.endswith("lead") else "coinsurance.share_percent"
    assert problems(csv({"共保比例": share, "备注": note}, head=SHARES)) == {(2, rule, field)}


@pytest.mark.parametrize(
    ("rate", "limit", "premium", "percent"),
    [("2", "5000", "100", "2"), ("0.02", "5000", "100", "2"), ("20", "5000", "100", "2"), ("0.5", "5000", "25", "0.5")],
)
def test_a_rate_without_unit_is_what_gives_the_premium(rate: str, limit: str, premium: str, percent: str) -> None:
    row = {"费率": rate, "累计责任限额（万元）": limit, "应收保费（万元）": premium}
    (found,) = everything(CODE, csv(row))
    assert found.records[0].record["rate_percent"] == percent
    assert found.records[0].record["rate_base"] == {"kind": "aggregate_limit", "amount": f"{limit}0000.00"}


@pytest.mark.parametrize(
    ("row", "rule", "field"),
    [
        ({"费率": "7"}, "unit.ambiguous", "rate_percent"),
        ({"费率": "2", "累计责任限额（万元）": ""}, "unit.ambiguous", "rate_percent"),
        ({"费率": "2", "应收保费（万元）": "0"}, "unit.ambiguous", "rate_percent"),
        ({"费率": "2%", "累计责任限额（万元）": "50000000"}, "unit.mismatch", "premium.gross"),
        ({"费率": "2%", "累计责任限额（万元）": "0.5"}, "unit.mismatch", "premium.gross"),
        ({"费率": "1.5%"}, "rate.mismatch", "rate_percent"),
        ({"费率": "1.98%"}, "rate.mismatch", "rate_percent"),
    ],
)
def test_a_rate_that_does_not_give_the_premium_is_told(row: dict[str, str], rule: str, field: str) -> None:
    assert problems(csv(row)) == {(2, rule, field)}


def test_half_a_percent_of_tolerance_and_years_and_days_are_factors() -> None:
    assert problems(csv({"费率": "1.991%"})) == set()
    assert problems(csv({"费率": "1%", "终保日期": "2028-2-29"})) == set()
    assert problems(csv({"费率": "4%", "终保日期": "2026-8-30"})) == set()
    assert problems(csv({"费率": "2", "累计责任限额（万元）": "x"})) == {(2, "number.unreadable", "limits.aggregate")}
