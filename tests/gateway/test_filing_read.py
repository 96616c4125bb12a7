"""Registry files in their forms, and every problem in one at its own cell."""

import io
import json
from collections.abc import Iterable
from datetime import UTC, date, datetime
from typing import Any

import openpyxl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.catalogue import load_catalogue
from gateway.filing.read import MOST_PROBLEMS, RegistryFile, read_registry, recognise
from sandbox.filings import clauses_of, registry_csv, registry_json
from schemas.filing import Filing
from schemas.verification import Check

AT = datetime(2026, 6, 1, 4, 0, tzinfo=UTC)
CATALOGUE = load_catalogue().rules
REGISTRY = "财产保险公司自主注册平台"
INSURERS = {"000002": "PICC", "中国人民财产保险股份有限公司": "PICC", "PICC": "PICC", "000014": "CPIC"}
NUMBER = "C00000230912026030100011"
RIDER = "C00000230922026030100021"
HEADER = [
    *("序号", "条款注册号", "保险公司", "条款名称", "主附险", "险种", "备案/审批", "注册日期", "首次使用日期"),
    *("最低费率（%）", "最高费率（%）", "状态", "启用日期", "停用日期", "备注"),
]
ROW = [
    "1",
    NUMBER,
    "中国人民财产保险股份有限公司",
    "药品产品责任保险条款（2026版）",
    "主险",
    "产品责任险",
    "备案",
    "2026-03-01",
    "2026年3月2日",
    "0.5",
    "2",
    "在用",
    "2026/3/2",
    "",
    "",
]


def row(**changes: str) -> list[str]:
    return [changes.get(name, cell) for name, cell in zip(HEADER, ROW, strict=True)]


def csv(*rows: Iterable[str], header: list[str] = HEADER, encoding: str = "gb18030") -> bytes:
    return "".join(",".join(cells) + "\r\n" for cells in (header, *rows)).encode(encoding)


def read(data: bytes, **changes: Any) -> RegistryFile:
    arguments: dict[str, Any] = {
        "file_name": "registry.csv",
        "fetched_at": AT,
        "insurers": INSURERS,
        "registry": REGISTRY,
        "as_of": date(2026, 5, 31),
    }
    return read_registry(data, **arguments | changes)


def blamed(file: RegistryFile) -> list[tuple[str, str | None, str | None]]:
    assert file.source is None
    assert not file.filings
    for check in file.problems:
        assert check.reason in CATALOGUE[check.rule].reasons, (check.rule, check.reason)
    return [(check.rule, check.reason, check.field) for check in file.problems]


EXPECTED = {
    "registration_no": NUMBER,
    "insurer": "PICC",
    "name": "药品产品责任保险条款（2026版）",
    "kind": "main",
    "line": "product_liability",
    "regime": "filed",
    "registered_on": "2026-03-01",
    "first_used_on": "2026-03-02",
    "rate_min_percent": "0.5",
    "rate_max_percent": "2",
    "intervals": [{"state": "in_use", "from": "2026-03-02"}],
    "source": {"registry": REGISTRY, "as_of": "2026-05-31", "fetched_at": "2026-06-01T04:00:00Z"},
}


def as_json(filing: Filing) -> dict[str, Any]:
    return filing.model_dump(mode="json", by_alias=True, exclude_none=True)


@pytest.mark.parametrize("encoding", ["gb18030", "utf-8-sig"])
def test_a_list_as_csv(encoding: str) -> None:
    file = read(csv(ROW, ["注：本表由平台导出"] + [""] * 14, encoding=encoding))
    assert file.problems == ()
    assert [as_json(filing) for filing in file.filings] == [EXPECTED]


def test_utf_8_without_a_mark_is_not_guessed() -> None:
    assert read(csv(ROW, encoding="utf-8")).source is None


def workbook(rows: list[list[Any]], formats: dict[str, str] | None = None) -> bytes:
    book = openpyxl.Workbook()
    sheet = book.active
    for cells in rows:
        sheet.append(cells)
    for place, code in (formats or {}).items():
        sheet[place].number_format = code
    stream = io.BytesIO()
    book.save(stream)
    return stream.getvalue()


def test_a_list_as_a_workbook() -> None:
    header = [name.replace("（%）", "") for name in HEADER]
    cells: list[Any] = list(ROW)
    cells[7], cells[8], cells[12] = date(2026, 3, 1), date(2026, 3, 2), date(2026, 3, 2)
    cells[9], cells[10] = 0.005, 0.02
    data = workbook([["责任保险条款备案登记表"], header, cells], {"J3": "0.00%", "K3": "0%"})
    file = read(data)
    assert file.problems == ()
    assert [as_json(filing) for filing in file.filings] == [EXPECTED]


def test_a_rate_without_a_unit_is_not_guessed() -> None:
    header = [name.replace("（%）", "") for name in HEADER]
    assert blamed(read(csv(ROW, header=header))) == [
        ("filing-file.row", "rate-without-unit", "row 2, column 最低费率"),
        ("filing-file.row", "rate-without-unit", "row 2, column 最高费率"),
    ]
    stated = row(**{"最低费率（%）": "5‰", "最高费率（%）": "2%"})
    (filing,) = read(csv(stated, header=header)).filings
    assert (filing.rate_min_percent, filing.rate_max_percent) == ("0.5", "2")


def test_the_sandbox_writes_what_is_read() -> None:
    filings = clauses_of("PICC", "000002", AT)
    for data in (registry_csv(filings), registry_json(filings)):
        file = read(data, registry=None, as_of=None)
        assert file.problems == ()
        assert file.source is not None
        assert file.source.as_of == date(2026, 5, 31)
        expected = [{**one, "source": {**one["source"], "fetched_at": "2026-06-01T04:00:00Z"}} for one in filings]
        assert [as_json(filing) for filing in file.filings] == expected


@pytest.mark.parametrize(
    ("changes", "intervals"),
    [
        (
            {"状态": "停用", "停用日期": "2026-05-01"},
            [("in_use", "2026-03-02", "2026-04-30"), ("stopped", "2026-05-01", None)],
        ),
        ({"状态": "停用", "停用日期": "2026-03-02"}, [("stopped", "2026-03-02", None)]),
        (
            {"状态": "责令停止使用", "停用日期": "20260501"},
            [("in_use", "2026-03-02", "2026-04-30"), ("ordered_stop", "2026-05-01", None)],
        ),
        (
            {"状态": "退回", "停用日期": "2026-03-12"},
            [("pending", "2026-03-01", "2026-03-11"), ("returned", "2026-03-12", None)],
        ),
        ({"状态": "备案中"}, [("pending", "2026-03-02", None)]),
        ({"启用日期": ""}, [("in_use", "2026-03-02", None)]),
        ({"启用日期": "", "首次使用日期": ""}, [("in_use", "2026-03-01", None)]),
        ({"停用日期": "2026-12-31"}, [("in_use", "2026-03-02", "2026-12-30"), ("stopped", "2026-12-31", None)]),
    ],
)
def test_states_become_intervals(changes: dict[str, str], intervals: list[tuple[str, str, str | None]]) -> None:
    file = read(csv(row(**changes)))
    assert file.problems == ()
    found = [(one.state, str(one.from_), str(one.to) if one.to else None) for one in file.filings[0].intervals]
    assert found == intervals


@pytest.mark.parametrize(
    ("changes", "rule", "reason", "column"),
    [
        ({"条款注册号": "C0000023091202603010001"}, "identifier.clause-no", "form", "条款注册号"),
        ({"条款注册号": ""}, "filing-file.row", "missing", "条款注册号"),
        ({"条款名称": "/"}, "filing-file.row", "missing", "条款名称"),
        ({"条款名称": "=HYPERLINK(1)"}, "text.formula", "formula", "条款名称"),
        ({"条款名称": "条款\u202e名称"}, "text.control-char", "control-character", "条款名称"),
        ({"注册日期": "2026-02-29"}, "date.unreadable", "no-such-day", "注册日期"),
        ({"首次使用日期": "3/4/2026"}, "date.unreadable", "day-or-month-first", "首次使用日期"),
        ({"最高费率（%）": "二"}, "number.unreadable", "form", "最高费率"),
        ({"最高费率（%）": "-2"}, "filing-file.row", "rate-negative", "最高费率"),
        ({"状态": "部分停用"}, "value.unknown", "not-in-table", "状态"),
        ({"状态": ""}, "filing-file.row", "missing", "状态"),
        ({"状态": "停用"}, "filing-file.row", "missing", "停用日期"),
        ({"停用日期": "2026-05-01"}, "filing-file.row", "state-contradicts-end", "停用日期"),
        ({"状态": "停用", "停用日期": "2026-03-01"}, "filing-file.row", "ends-before-start", "停用日期"),
        ({"主附险": "附加险"}, "filing-file.row", "kind-differs", "主附险"),
        ({"险种": "产品质量险"}, "value.unknown", "not-in-table", "险种"),
        ({"保险公司": "某某财产保险公司"}, "filing-file.row", "insurer-unknown", "保险公司"),
    ],
)
def test_a_problem_names_its_cell(changes: dict[str, str], rule: str, reason: str, column: str) -> None:
    file = read(csv(ROW, row(**changes)))
    assert (rule, reason, f"row 3, column {column}") in blamed(file)
    assert all(place is not None and place.startswith("row 3") for _, _, place in blamed(file))


def test_all_problems_are_told_at_once() -> None:
    bad = row(条款注册号="C1", 注册日期="x", 状态="x", 险种="x")
    assert blamed(read(csv(bad, bad))) == [
        (rule, reason, f"row {number}, column {column}")
        for number in (2, 3)
        for rule, reason, column in (
            ("identifier.clause-no", "form", "条款注册号"),
            ("value.unknown", "not-in-table", "险种"),
            ("date.unreadable", "form", "注册日期"),
            ("value.unknown", "not-in-table", "状态"),
        )
    ]


def test_a_rate_band_upside_down_and_a_number_twice() -> None:
    upside_down = read(csv(row(**{"最低费率（%）": "3"})))
    assert [(check.rule, check.reason, check.facts["error"]) for check in upside_down.problems] == [
        ("filing-file.record", "invalid", "filing.rate-band")
    ]
    assert blamed(read(csv(ROW, ROW))) == [("filing-file.row", "duplicate", "row 3")]
    assert blamed(read(csv(ROW, row(条款名称="另一名称")))) == [("filing-file.row", "conflict", "row 3")]


def test_columns_that_are_not_known_not_there_or_there_twice() -> None:
    unknown = read(csv([*ROW, "x"], header=[*HEADER, "审核意见"]))
    assert blamed(unknown) == [("filing-file.columns", "unaccounted", "row 1, column 16")]
    twice = read(csv([*ROW, "x"], header=[*HEADER, "条款状态"]))
    assert blamed(twice) == [("filing-file.columns", "duplicate", "row 1, column 16")]
    nameless = read(csv([*ROW, "x"]))
    assert blamed(nameless) == [("filing-file.columns", "nameless", "column 16")]
    header = ["条款注册号", "条款名称"]
    assert [problem[2] for problem in blamed(read(csv([NUMBER, "x"], header=header)))] == [
        "险种",
        "备案/审批",
        "注册日期",
        "状态",
    ]
    assert blamed(read(csv(header=["a", "b"]))) == [("filing-file.columns", "no-header", None)]


def test_a_company_is_known_by_code_name_or_number() -> None:
    header = ["公司代码" if name == "保险公司" else name for name in HEADER]
    for code in ("000002", "2"):
        assert read(csv(row(保险公司=code), header=header)).filings[0].insurer == "PICC"
    assert read(csv(row(保险公司=""), header=header)).filings[0].insurer == "PICC"
    both = [*HEADER, "公司代码"]
    assert blamed(read(csv([*ROW, "000014"], header=both))) == [
        ("filing-file.row", "insurers-differ", "row 2, column 公司代码")
    ]
    stranger = row(条款注册号="C00009930912026030100011", 保险公司="")
    assert blamed(read(csv(stranger))) == [("filing-file.row", "insurer-unknown", "row 2, column 条款注册号")]


def test_a_file_is_one_statement_of_one_registry() -> None:
    (plain,) = read(csv(ROW)).filings
    record = {key: value for key, value in as_json(plain).items() if key != "source"}
    assert blamed(read(json.dumps([record]).encode(), registry=None, as_of=None)) == [
        ("filing-file.source", "not-stated", "registry"),
        ("filing-file.source", "not-stated", "as_of"),
    ]
    assert read(json.dumps([record]).encode()).filings == (plain,)
    other = {**record, "source": {"registry": "另一平台", "as_of": "2026-05-30"}}
    assert blamed(read(json.dumps([other]).encode())) == [
        ("filing-file.source", "several", "registry"),
        ("filing-file.source", "several", "as_of"),
    ]


@pytest.mark.parametrize(
    ("value", "reason", "field"),
    [
        ([], "empty", None),
        ({"filings": {}}, "not-a-list", "/filings"),
        ({"filings": [], "pages": 2}, "unknown-member", "/pages"),
        ([1], "not-an-object", "/0"),
        ([{"source": "x"}], "invalid", "/0/source"),
        ([{"source": {"as_of": "2026-13-01"}}], "invalid", "/0/source"),
        ([{"source": {"as_of": 20260531}}], "invalid", "/0/source"),
        ([{**EXPECTED, "rate_max_percent": 2}], "invalid", "/0/rate_max_percent"),
        ([{**EXPECTED, "note": "x"}], "invalid", "/0/note"),
        ([{**EXPECTED, "kind": "rider"}], "invalid", "/0"),
    ],
)
def test_json_that_is_not_a_statement(value: Any, reason: str, field: str | None) -> None:
    assert ("filing-file.record", reason, field) in blamed(read(json.dumps(value).encode()))


def test_what_cannot_be_parsed_is_refused_by_its_parser() -> None:
    for data, rule in (
        (b"[1", "json.malformed"),
        (b'[{"a":1,"a":2}]', "json.duplicate-key"),
        (b"PK\x03\x04", "archive."),
        ("条款注册号\n".encode("utf-16"), "encoding.undecodable"),
    ):
        file = read(data)
        assert file.source is None
        assert len(file.problems) == 1
        assert file.problems[0].rule.startswith(rule), file.problems


def test_very_many_problems_are_counted() -> None:
    file = read(csv(*([row(注册日期="x")] * (MOST_PROBLEMS + 5))))
    assert len(file.problems) == MOST_PROBLEMS + 1
    assert file.problems[-1].facts["count"] == MOST_PROBLEMS + 5


@given(st.binary(max_size=300))
@settings(max_examples=300)
def test_any_bytes_have_an_answer(data: bytes) -> None:
    file = read(data)
    assert (file.source is None) == bool(file.problems)
    assert recognise(data) in ("json", "xlsx", "csv", "pages")


CELLS = st.sampled_from(
    ["", "/", "x", "2026-03-01", "0.5", "2%", NUMBER, RIDER, "在用", "停用", "主险", "备案", "其他"]
)


@given(st.lists(st.lists(CELLS, min_size=15, max_size=15), max_size=5))
def test_any_list_has_an_answer_at_its_cells(rows: list[list[str]]) -> None:
    file = read(csv(ROW, *rows))
    assert (file.source is None) == bool(file.problems)
    for check in file.problems:
        assert isinstance(check, Check)
        assert check.field is not None
        assert check.field.startswith("row ")
