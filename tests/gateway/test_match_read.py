"""Applications as they come: tables and forms of a spreadsheet, and JSON; what is no application is refused by name."""

import io
from contextlib import suppress
from datetime import date
from typing import Any

import openpyxl
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.match.read import Application, Unusable, read_application

HEAD = [
    "序号",
    "企业（单位）名称",
    "所属地区",
    "产品名称",
    "产品国内和省内累计销售收入（万元）",
    "注册分类",
    "上市许可持有人",
    "生产企业",
    "剂型、规格",
    "批准文号",
    "批准日期",
    "保险费率（%）",
    "保费金额（万元）",
    "已缴保费金额（万元）",
    "申请保费补偿金额（万元）",
]
ROW: list[Any] = [
    1,
    "示例医药（杭州）有限公司",
    "杭州市滨江区",
    "示例单抗注射液",
    "12000/3000",
    "治疗用生物制品1类",
    "示例医药（杭州）有限公司",
    "示例生物科技（杭州）有限公司",
    "注射剂、100mg/4ml",
    "国药准字S20240001",
    "2024-03-15",
    2,
    80,
    80,
    40,
]


def workbook(*rows: list[Any], merges: tuple[str, ...] = (), more: dict[str, Any] | None = None) -> bytes:
    book = openpyxl.Workbook()
    sheet = book.active
    for row in rows:
        sheet.append(row)
    for place, value in (more or {}).items():
        sheet[place] = value
    for merge in merges:
        sheet.merge_cells(merge)
    return saved(book)


def saved(book: openpyxl.Workbook) -> bytes:
    buffer = io.BytesIO()
    book.save(buffer)
    return buffer.getvalue()


def stated(application: Application, line: int = 0) -> dict[str, Any]:
    return {name: said.shown for name, said in application.lines[line].said.items()}


def refusal(data: bytes) -> tuple[str, str | None]:
    with pytest.raises(Unusable) as caught:
        read_application(data)
    return caught.value.checks[0].rule, caught.value.checks[0].reason


def test_annex_2_with_title_total_and_notes() -> None:
    table = workbook(
        ["附件2"],
        ["浙江省新药产品保险补偿汇总表"],
        ["报送单位（盖章）：杭州市滨江区经信局"],
        HEAD,
        ROW,
        [2, *ROW[1:]],
        ["合计", *([None] * 11), 160, 160, 80],
        ["注：金额单位为万元"],
        merges=("A2:O2", "A3:O3", "A7:L7"),
    )
    application = read_application(table)
    assert application.annex == 2
    assert [line.number for line in application.lines] == [5, 6]
    assert application.passed_over == (7, 8)
    assert application.unread == ()
    line = application.lines[0]
    assert (line.place("enterprise"), line.place("premium")) == ("B5", "M5")
    assert stated(application)["premium"] == "80"
    assert set(line.said) == set(stated(application))
    assert len(line.said) == 14


def test_a_header_of_two_rows_and_a_column_that_nobody_knows() -> None:
    upper = [*HEAD[:9], "批准情况", None, *HEAD[11:], "评审得分"]
    lower = [None] * 9 + HEAD[9:11]
    table = workbook(upper, lower, [*ROW, 95], merges=("J1:K1",))
    application = read_application(table)
    assert application.unread == ("批准情况", "评审得分")
    assert application.lines[0].place("approval_date") == "K3"


def test_a_cell_merged_over_several_rows_stands_in_each_of_them() -> None:
    blank = [2, None, None, *ROW[3:]]
    table = workbook(HEAD, ROW, blank, blank, merges=("B2:B3",))
    application = read_application(table)
    assert [stated(application, line).get("enterprise") for line in range(3)] == [ROW[1], ROW[1], ""]


def test_units_stand_in_the_header_or_in_the_cell() -> None:
    head = [*HEAD[:12], "保费金额（元）", *HEAD[13:]]
    application = read_application(workbook(head, [*ROW[:12], 800000, "80万元", "400,000.00元"]))
    said = application.lines[0].said
    assert str(said["premium"].value) == "Quantity(number=Exact(digits=800000, scale=0), unit='元')"
    assert [said[name].value.unit for name in ("paid", "applied")] == ["万元", "元"]


def test_dates_that_a_spreadsheet_keeps_are_days() -> None:
    application = read_application(workbook(HEAD, [*ROW[:10], date(2024, 3, 15), *ROW[11:]]))
    assert application.lines[0].said["approval_date"].value == date(2024, 3, 15)


def test_annex_1_is_a_form() -> None:
    form = workbook(
        ["浙江省新药产品保险补偿申报表"],
        ["企业（单位）名称", ROW[1], "统一社会信用代码", "91330108MA2XX9T186"],
        ["注册地", "杭州市滨江区", "注册资本", "5000万元"],
        ["联系人/联系方式", "张三 13800000000", "投保产品名称", "示例单抗注射液"],
        ["投保产品国内和省内累计销售收入（万元）", "国内12000\n省内3000", "注册分类", "治疗用生物制品1类"],
        ["批准文号", "国药准字S20240001", "批准日期", "2024年3月15日"],
        ["保单号", "PTEST202633010800000001", "保险费率（%）", 2],
        ["保费金额（万元）", 80, "投保时间", "2026年7月27日至2027年7月26日"],
        ["已缴保费金额（万元）", None, "申请保费补偿金额（万元）", 40],
        ["保险公司意见", "我司已收到保费金额800000.00元，保费已全部缴清。上述材料的承保情况属实。"],
        merges=("A1:D1", "B10:D10"),
    )
    application = read_application(form)
    assert application.annex == 1
    (line,) = application.lines
    assert line.place("policy_no") == "B7"
    assert line.place("paid") == "B9"
    assert line.said["paid"].value is None
    assert line.said["statement"].value is not None
    assert "张三" not in str(application)  # whom to call is nobody's business here


def test_json_says_the_same() -> None:
    rows = [{"enterprise": ROW[1], "保费金额（万元）": 80.5, "premium_note": "?", "序号": 1}]
    application = read_application(orjson.dumps({"annex": 2, "rows": rows}))
    assert stated(application) == {"enterprise": ROW[1], "premium": "80.5"}
    assert application.lines[0].place("premium") == "/rows/0/保费金额（万元）"
    assert application.unread == ("premium_note",)
    form = read_application(b'{"annex": 1, "form": {"premium": 33.3300, "rate": 2e0, "paid": null, "policy_no": [1]}}')
    said = form.lines[0].said
    assert stated(form) == {"premium": "33.3300", "rate": "2", "paid": "", "policy_no": ""}
    assert said["policy_no"].problem is not None
    assert form.lines[0].place("premium") == "/form/premium"


@pytest.mark.parametrize(
    ("data", "rule", "reason"),
    [
        (b"", "json.malformed", "syntax"),
        (b"{}", "application.form", "not-recognised"),
        (b'{"annex": 3, "rows": []}', "application.form", "not-recognised"),
        (b'{"annex": 2, "rows": [1]}', "application.form", "not-recognised"),
        (b'{"annex": 2, "rows": []}', "application.form", "empty"),
        (b'{"annex": 2, "rows": [{}], "more": 1}', "application.form", "not-recognised"),
        (b'{"annex": 2, "rows": [{"premium": 1, "\xe4\xbf\x9d\xe8\xb4\xb9": 2}]}', "application.form", "duplicate"),
        (b"PK\x03\x04", "archive.malformed", None),
        (workbook(["别的表格"], ["内容", 1]), "application.form", "not-recognised"),
        (workbook(HEAD), "application.form", "empty"),
        (workbook([*HEAD, "产品名称"], [*ROW, "x"]), "application.form", "duplicate"),
    ],
)
def test_what_is_no_application_is_refused_by_name(data: bytes, rule: str, reason: str | None) -> None:
    found = refusal(data)
    assert found[0] == rule
    assert reason is None or found[1] == reason


def test_two_sheets_with_content_are_refused_and_empty_ones_are_not() -> None:
    book = openpyxl.Workbook()
    book.active.append(HEAD)
    book.active.append(ROW)
    book.create_sheet("空")
    assert len(read_application(saved(book)).lines) == 1
    book.create_sheet("多").append(["x"])
    assert refusal(saved(book)) == ("workbook.ambiguous", "several-sheets")


def test_a_formula_without_a_result_is_not_read_as_blank() -> None:
    application = read_application(workbook(HEAD, ROW, more={"M2": "=40*2"}))
    assert application.lines[0].said["premium"].problem == ("number.unreadable", "cell-not-computed")


def test_more_rows_than_are_matched_are_refused() -> None:
    body = orjson.dumps({"annex": 2, "rows": [{"premium": "1"}] * 20_001})
    assert refusal(body) == ("application.form", "too-many-rows")


VALUES = st.one_of(st.none(), st.sampled_from(HEAD), st.text(max_size=8).filter(str.isprintable), st.integers())


@given(st.lists(st.lists(VALUES, max_size=8), max_size=8))
def test_no_sheet_breaks_the_reader(rows: list[list[Any]]) -> None:
    with suppress(Unusable):
        application = read_application(workbook(*rows))
        assert all(line.place(name)[-1:].isdigit() for line in application.lines for name in line.said)
