"""Bordereau workbooks (DIALECTS 4): sheets, header, merged cells, formulas, errors, dates, rates, what is where."""

from typing import Any

import pytest
from sheets_made import COLUMNS, bordereau, sheet_of
from translated import everything, records, told

from adapters import Lineage
from sandbox.workbook import Cell, Sheet, write_workbook

CODE = "DIA-XLSX-BDX"


def problems(data: bytes) -> set[tuple[int, str, str | None]]:
    return told(everything(CODE, data))


def refused(data: bytes) -> tuple[str, str | None]:
    """Rule and field of the refusal of a whole file."""
    (row,) = everything(CODE, data)
    (problem,) = row.problems
    assert (row.row, row.records, problem.effect) == (0, (), "F")
    return problem.rule, problem.field


def renamed(old: str, new: str) -> tuple[str, ...]:
    return tuple(new if name == old else name for name in COLUMNS)


def test_the_usual_row_and_where_each_value_stands() -> None:
    (row,) = everything(
        CODE, bordereau({"含税保费": Cell("1000000", formula=True), "产品名称": "示例替尼片\n20mg\n7片"})
    )
    at = {name: Lineage(f"清单!{cell}4", raw, f"{CODE}/1.0") for name, cell, raw in (
        ("policy_no", "A", "PLXB2026330000000001"),
        ("policyholder.name", "C", "示例医药（杭州）有限公司"),
        ("period.start", "D", "46082"),
        ("period.end", "E", "46446"),
        ("product.generic_name", "F", "示例替尼片\n20mg\n7片"),
        ("product.specification", "F", "示例替尼片\n20mg\n7片"),
        ("limits.aggregate", "G", "50000000"),
        ("rate_base.kind", "G", "50000000"),
        ("rate_base.amount", "G", "50000000"),
        ("rate_percent", "H", "2"),
        ("premium.gross", "I", "1000000"),
    )}  # fmt: skip
    assert row.records[0].lineage == {**at, "premium.currency": Lineage("by contract", None, f"{CODE}/1.0")}
    assert row.records[0].record["product"] == {"generic_name": "示例替尼片", "specification": "20mg 7片"}
    (note,) = row.problems
    assert (note.rule, note.field, note.effect, note.where) == ("cell.formula", "premium.gross", "N", "清单!I4")


@pytest.mark.parametrize(
    ("columns", "rule", "field"),
    [
        (renamed("产品名称", "返还 比例（%）"), "field.unaccounted", "返还比例"),
        ((*COLUMNS, "保险期间"), "column.duplicate", "period.start"),
        ((*COLUMNS, "起期"), "column.duplicate", "period.start"),
        ((*COLUMNS, "其中：增值税", "增值税"), "column.duplicate", "premium.tax"),
        (renamed("止期", "备注"), "column.missing", "period.end"),
        (renamed("含税保费", "备注"), "column.missing", "premium.gross"),
        (renamed("投保人", "经办人"), "column.missing", "policyholder.name"),
        (renamed("费率(%)", "费率（元）"), "unit.ambiguous", "rate_percent"),
        (renamed("含税保费", "含税保费（%）"), "unit.ambiguous", "premium.gross"),
    ],
)
def test_a_header_that_is_not_understood_refuses_the_file(columns: tuple[str, ...], rule: str, field: str) -> None:
    assert refused(bordereau({"含税保费（%）": 5}, columns=columns)) == (rule, field)


def test_an_amount_without_unit_refuses_the_file_unless_its_cells_say_it() -> None:
    assert refused(bordereau({}, unit="")) == ("unit.ambiguous", "limits.aggregate")
    own = {"责任限额": "5000万元", "含税保费": "¥1,000,000元", "实收金额": "/"}
    assert problems(bordereau(own, unit="")) == set()
    assert problems(bordereau({}, unit="单 位：人民币元")) == set()
    assert refused(bordereau({}, unit="单位：美元")) == ("unit.ambiguous", "limits.aggregate")


def test_a_lower_cell_that_is_blank_leaves_the_name_of_the_upper() -> None:
    sheet = sheet_of({})
    rows = {**sheet.rows, 2: ["保单信息", *[""] * 10, "备注"], 3: [*COLUMNS, "", "x"]}
    assert refused(write_workbook(Sheet(rows))) == ("field.unaccounted", "x")
    assert problems(write_workbook(Sheet({**rows, 3: list(COLUMNS), 4: [*rows[4], "见附件"]}))) == set()
    # A group over a column without a name of its own is that column's name.
    assert refused(write_workbook(Sheet({**rows, 2: ["保单信息"], 3: list(COLUMNS)}, ("A2:L2",)))) == (
        "field.unaccounted",
        "保单信息",
    )
    assert refused(write_workbook(Sheet({**rows, 3: list(COLUMNS), 4: [*rows[4], "", "x"]}))) == (
        "field.unaccounted",
        "",
    )


def test_only_a_merged_heading_is_start_and_end() -> None:
    two = tuple("" if name == "止期" else name for name in renamed("起期", "保险期间"))
    row = {"保险期间": 46082, "": 46446}
    (found,) = everything(CODE, bordereau(row, columns=two, merges=("D3:E3",)))
    assert found.records[0].record["period"] == {"start": "2026-03-01", "end": "2027-02-28"}
    unmerged = tuple("保险期间" if name in ("起期", "止期") else name for name in COLUMNS)
    assert refused(bordereau(row, columns=unmerged)) == ("column.duplicate", "period.start")


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("2026年3月1日至2027年2月28日", set()),
        ("2026-03-01 00:00 ～ 2027-02-28 24:00", set()),
        ("2026-03-01/2027-02-28", {(4, "date.unreadable", "period.start")}),
        (46082, {(4, "date.unreadable", "period.start")}),
        ("2026-03-01至2027-02-29", {(4, "date.unreadable", "period.end")}),
        ("2026-13-01至2027-02-29", {(4, "date.unreadable", "period.start"), (4, "date.unreadable", "period.end")}),
        ("/", {(4, "field.missing", "period.start"), (4, "field.missing", "period.end")}),
        (None, {(4, "field.missing", "period.start"), (4, "field.missing", "period.end")}),
        ("2026-03-01至2026-02-28", {(4, "period.inverted", "period")}),
        (Cell("1", kind="b"), {(4, "number.unreadable", "period.start")}),
    ],
)
def test_one_column_may_hold_start_and_end(text: Any, found: set[tuple[int, str, str | None]]) -> None:
    columns = tuple(name for name in renamed("起期", "保险期间") if name != "止期")
    assert problems(bordereau({"保险期间": text}, columns=columns)) == found


@pytest.mark.parametrize(
    ("value", "found"),
    [
        (46082, "2026-03-01"),
        ("2026/3/1", "2026-03-01"),
        (Cell("2026-03-01T00:00:00", kind="d"), "period.ambiguous"),  # the end has no time, the start is midnight
        ("46082", "date.unreadable"),
        (19999, "date.unreadable"),
        (80001, "date.unreadable"),
        (20260301, "date.unreadable"),
        (-46082, "date.unreadable"),
        ("46082.5", "date.unreadable"),
        (46082.5, "period.not-whole-days"),
        ("46081.9999884259", "date.unreadable"),
        (Cell("46081.9999884259"), "2026-03-01"),  # 23:59:59 is the end of the day before
        (Cell("1", kind="b"), "number.unreadable"),
        (Cell("#N/A", kind="e"), "cell.error"),
        (Cell(None, formula=True), "cell.formula-uncached"),
    ],
)
def test_dates_are_serials_or_texts(value: Any, found: str) -> None:
    (row,) = everything(CODE, bordereau({"起期": value, "费率(%)": None}))
    starts = [draft.record["period"]["start"] for draft in row.records]
    if found == "period.ambiguous":
        assert starts == ["2026-03-01"]  # midnight at the start is the day itself
    else:
        assert starts + [problem.rule for problem in row.problems] == [found]


def test_the_workbook_says_from_when_its_days_count() -> None:
    (row,) = everything(CODE, bordereau({"起期": 46082 - 1462, "止期": 46446 - 1462}, date1904=True))
    assert row.records[0].record["period"] == {"start": "2026-03-01", "end": "2027-02-28"}


@pytest.mark.parametrize(
    ("cell", "header", "found"),
    [
        (Cell("0.02", format="0.00%"), "费率", "2"),
        (Cell("0.02", format="0.00%"), "费率(%)", "2"),
        (Cell("0.02", format="0.00%"), "费率(‰)", "unit.ambiguous"),
        (Cell("2", format='0.0"%"'), "费率", "2"),
        (Cell("20", format="0.0‰"), "费率", "2"),
        (Cell("20", format="0.0‰"), "费率(%)", "unit.ambiguous"),
        (0.02, "费率", "2"),
        (20, "费率", "2"),
        ("2%", "费率(‰)", "2"),
        (Cell("2", format="yyyy/m/d"), "费率(%)", "number.unreadable"),
        (3, "费率", "unit.ambiguous"),
    ],
)
def test_the_unit_of_a_rate(cell: Any, header: str, found: str) -> None:
    (row,) = everything(CODE, bordereau({header: cell}, columns=renamed("费率(%)", header)))
    assert [draft.record["rate_percent"] for draft in row.records] + [one.rule for one in row.problems] == [found]


@pytest.mark.parametrize(
    ("name", "cell", "rule", "field"),
    [
        ("含税保费", Cell("#REF!", kind="e", formula=True), "cell.error", "premium.gross"),
        ("含税保费", Cell(None, formula=True), "cell.formula-uncached", "premium.gross"),
        ("含税保费", Cell("1", kind="b"), "number.unreadable", "premium.gross"),
        ("含税保费", Cell("1000000", format="yyyy/m/d"), "number.unreadable", "premium.gross"),
        ("含税保费", Cell("1000000", format="0.00%"), "number.unreadable", "premium.gross"),
        ("含税保费", Cell("", kind="str", formula=True), "field.missing", "premium.gross"),
        ("投保人", Cell("甲公司", kind="str", formula=True), "text.formula", "policyholder.name"),
        ("投保人", Cell("", kind="str", formula=True), "text.formula", "policyholder.name"),
        ("投保人", "=cmd|'/c calc'!A0", "text.formula", "policyholder.name"),
        ("投保人", Cell("1", kind="b"), "value.unknown", "policyholder.name"),
        ("投保人", "甲\u202e公司", "text.control-char", "policyholder.name"),
        ("保单号", Cell("2026330000000001", formula=True), "text.formula", "policy_no"),
        ("保单号", 2026330000000001, "number.precision-lost", "policy_no"),
        ("保单号", "2.02633E+15", "number.precision-lost", "policy_no"),
        ("保单号", 20263300000.5, "number.precision-lost", "policy_no"),
        ("批单号", Cell("#N/A", kind="e"), "cell.error", "endorsement_no"),
        ("实收金额", 100, "field.missing", "received_on"),
    ],
)
def test_a_cell_that_states_nothing_certain_refuses_its_row(name: str, cell: Any, rule: str, field: str) -> None:
    found = problems(bordereau({name: cell}, {"保单号": "PLXB2026330000000002"}))
    assert found == {(4, rule, field)}


def test_an_integer_that_a_workbook_keeps_is_an_identifier() -> None:
    (row,) = everything(CODE, bordereau({"保单号": 202633000000001}))
    assert row.records[0].record["policy_no"] == "202633000000001"


def test_merged_texts_are_each_rows_and_merged_amounts_nobodys() -> None:
    data = bordereau(
        {},
        {"保单号": "PLXB2026330000000002", "投保人": None, "起期": None, "费率(%)": None},
        {"保单号": "PLXB2026330000000003"},
        merges=("C4:C5", "D4:D5"),
    )
    rows = everything(CODE, data)
    assert told(rows) == set()
    assert [row["record"]["policyholder"]["name"] for row in records(rows)] == ["示例医药（杭州）有限公司"] * 3
    assert rows[1].records[0].lineage["policyholder.name"].source == "清单!C5"
    second = {"保单号": "PLXB2026330000000002", "含税保费": None, "费率(%)": None}
    merged = bordereau({}, second, {"保单号": "合计", "含税保费": 5}, merges=("I4:I5", "H4:H5"))
    assert problems(merged) == {
        (row, "cell.merged-amount", field) for row in (4, 5) for field in ("premium.gross", "rate_percent")
    } | {(6, "row.total-mismatch", "limits.aggregate")}
    assert problems(bordereau({"实收金额": "/"}, {**second, "含税保费": 1000000}, merges=("J4:J5",))) == set()


def test_a_label_merged_over_amounts_is_no_amount() -> None:
    total = {
        "保单号": "合计",
        "含税保费": 1000000,
        "责任限额": None,
        "费率(%)": None,
        "投保人": None,
        "起期": None,
        "止期": None,
    }
    assert problems(bordereau({}, total, merges=("A5:H5",))) == set()


@pytest.mark.parametrize("merges", [("C4:C9", "C5:C6"), ("A3:B3", "B3:C3"), ("A2:A3", "A3:B3")])
def test_merged_ranges_that_overlap_refuse_the_file(merges: tuple[str, ...]) -> None:
    assert refused(bordereau({}, merges=merges)) == ("workbook.malformed", None)


def test_totals_use_stored_results_silently_and_skip_what_was_never_computed() -> None:
    def total(cell: Any) -> bytes:
        return bordereau({}, {"保单号": "合 计：", "责任限额": None, "费率(%)": None, "含税保费": cell})

    assert problems(total(Cell("1000000", formula=True))) == set()
    assert problems(total(Cell(None, formula=True))) == set()
    assert problems(total(Cell("999999.99", formula=True))) == {(5, "row.total-mismatch", "premium.gross")}
    assert problems(total(Cell("#REF!", kind="e"))) == {(5, "row.total-mismatch", "premium.gross")}
    (_, row) = everything(CODE, total(5))
    assert (row.problems[0].where, row.problems[0].raw) == ("清单!I5", "5")


def test_other_sheets_with_content_refuse_the_file_hidden_or_not() -> None:
    data, other = sheet_of({}), Sheet({1: ["x"]}, name="调整", state="veryHidden")
    blank = Sheet({1: ["  "]}, name="空")
    aside = Sheet({1: ["保单信息"]}, name=" 填报说明", state="hidden")
    assert problems(write_workbook(blank, aside, data)) == set()
    assert refused(write_workbook(data, other)) == ("sheet.unaccounted", "调整")
    assert refused(write_workbook(Sheet({1: ["x"]}, name="封面"), data)) == ("sheet.unaccounted", "封面")
    hidden = Sheet(data.rows, data.merges, state="hidden")
    assert refused(write_workbook(hidden)) == ("sheet.unaccounted", "清单")
    assert refused(write_workbook(Sheet({1: ["x"]}))) == ("header.not-found", None)
    assert refused(write_workbook(blank)) == ("header.not-found", None)
    formula = Sheet({1: [Cell(None, formula=True)]}, name="算")
    assert refused(write_workbook(data, formula)) == ("sheet.unaccounted", "算")


def test_the_header_is_within_the_first_twenty_rows() -> None:
    def at(row: int) -> bytes:
        rows = sheet_of({}).rows
        return write_workbook(Sheet({1: rows[1], row: rows[2], row + 1: rows[3], row + 2: rows[4]}))

    assert problems(at(20)) == set()
    assert refused(at(21)) == ("header.not-found", None)


def test_changes_and_payments() -> None:
    change = {
        "批单号": "BPXB2026330000000001",
        "含税保费": "(60,000.00)",
        "投保人": None,
        "起期": Cell("#REF!", kind="e"),
    }
    paid = {"实收金额": "－60,000.00", "到账日期": 46218}
    rows = everything(
        CODE, bordereau({}, {**change, **paid}, {**change, "批单号": "BPXB2026330000000002", "含税保费": 0})
    )
    assert told(rows) == set()
    assert [(row["type"], row["record"].get("kind")) for row in records(rows)] == [
        ("policy", None),
        ("endorsement", "decrease"),
        ("premium_refund", None),
        ("endorsement", "amend"),
    ]
    assert problems(bordereau({"含税保费": -5})) == {(4, "field.missing", "endorsement_no")}
    assert problems(bordereau({}, {})) == {(5, "row.duplicate", "policy_no")}
    assert problems(bordereau({}, {"投保人": "乙"})) == {
        (4, "row.conflict", "policy_no"),
        (5, "row.conflict", "policy_no"),
    }


def test_notes_and_prefilled_formulas_are_nothing_and_a_row_without_a_number_is_told() -> None:
    note = dict.fromkeys(COLUMNS) | {"产品名称": "注：自动生成"}
    prefilled = dict.fromkeys(COLUMNS) | {"含税保费": Cell("", kind="str", formula=True)}
    numbered = dict.fromkeys(COLUMNS) | {"保单号": Cell("", kind="str", formula=True)}
    assert problems(bordereau({}, note, prefilled, numbered)) == set()
    assert problems(bordereau({}, {"保单号": "-"})) == {(5, "row.unreadable", "policy_no")}


def test_what_is_no_workbook_is_not_this_dialect() -> None:
    assert refused(b"x") == ("dialect.unrecognised", None)
    assert refused(b"\xd0\xcf\x11\xe0" + bytes(600)) == ("dialect.unrecognised", None)
    assert refused(b"PK\x03\x04")[0] == "archive.malformed"
