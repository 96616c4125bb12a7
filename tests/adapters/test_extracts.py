"""Delimited text after the regulator's extract (DIALECTS 12): framing, columns, serial numbers, repeats, payments."""

import gzip

import pytest
from sheets_made import PAID_COLUMNS, POLICY_COLUMNS, extract
from translated import everything, records, told

from adapters import Lineage

CODE = "DIA-EAST-TXT"


def problems(data: bytes) -> set[tuple[int, str, str | None]]:
    return told(everything(CODE, data))


def refused(data: bytes) -> tuple[str, str | None]:
    """Rule and field of the refusal of a whole file."""
    (row,) = everything(CODE, data)
    (problem,) = row.problems
    assert (row.row, row.records, problem.effect) == (0, (), "F")
    return problem.rule, problem.field


def paid(*rows: dict[str, str], columns: list[str] | None = None) -> bytes:
    return extract(*rows, table="CXBFXX", columns=columns)


@pytest.mark.parametrize("by", ["|!|", "\x01"])
@pytest.mark.parametrize("charset", ["UTF-8", "GB18030"])
@pytest.mark.parametrize("pack", [bytes, gzip.compress, lambda data: data.replace(b"\n", b"\r\n") + b"\r\n"])
def test_both_delimiters_both_charsets_and_gzip_say_the_same(by: str, charset: str, pack: type[bytes]) -> None:
    # 鋍 is AE 7C in GBK: its second byte is a bar, and no part of a delimiter.
    (row,) = everything(CODE, pack(extract({"投保人名称": "𠮷鋍!|制药"}, by=by, charset=charset)))
    assert row.row == 3
    assert row.records[0].record["policyholder"]["name"] == "𠮷鋍!|制药"


def test_where_each_value_stands() -> None:
    (row,) = everything(
        CODE, extract({"被保险人名称": "乙厂", "共保信息": "甲:60%：主；乙:40%:从", "保单编号": " 'pzac2026330100 "})
    )
    mapping = f"{CODE}/1.0"
    lineage = row.records[0].lineage
    assert lineage["policy_no"] == Lineage("line 3, column 保单编号", " 'pzac2026330100 ", mapping)
    assert lineage["coinsurance"] == Lineage("line 3, column 共保信息", "甲:60%：主；乙:40%:从", mapping)
    assert lineage["insured.0.name"] == Lineage("line 3, column 被保险人名称", "乙厂", mapping)
    assert lineage["insured.0.role"] == Lineage("by contract", None, mapping)


@pytest.mark.parametrize(
    "head",
    [
        "H|!|CXBDXX|!|20260331|!|UTF-8|!|v2",
        "H|!|CXBDXX|!|20260331|!|UTF-8|!|v1|!|",
        "H|!|CXBDXX|!|20260231|!|UTF-8|!|v1",
        "H|!|CXBDXY|!|20260331|!|UTF-8|!|v1",
        "H|!|CXBDXX|!|20260331|!|GBK|!|v1",
        "H\x01CXBDXX|!|20260331|!|UTF-8|!|v1",
        "\ufeffH|!|CXBDXX|!|20260331|!|UTF-8|!|v1",
        "H;CXBDXX;20260331;UTF-8;v1",
        "",
    ],
)
def test_another_first_line_is_another_format(head: str) -> None:
    assert refused(extract({}, head=head or " ")) == ("dialect.unrecognised", None)


@pytest.mark.parametrize(
    ("last", "found"),
    [
        ("T|!|2|!|1000000.00", ("file.count-mismatch", None)),
        ("T|!|x|!|1000000.00", ("file.count-mismatch", None)),
        ("T|!|1", ("file.count-mismatch", None)),
        ("T|!|1|!|1000000.00\n", None),
        ("T|!|1|!|1000000.00\n\n", ("file.count-mismatch", None)),
        ("x", ("file.count-mismatch", None)),
    ],
)
def test_the_last_line_counts_the_lines(last: str, found: tuple[str, None] | None) -> None:
    if found is None:
        assert problems(extract({}, last=last)) == set()
    else:
        assert refused(extract({}, last=last)) == found


def test_a_text_cut_off_anywhere_is_refused_or_says_the_same() -> None:
    data = extract({}, {"保单编号": "PZAC202633010000000702"})
    whole = records(everything(CODE, data))
    for cut in range(0, data.index(b"T|!|") + 8, 7):
        found = everything(CODE, data[:cut])
        assert records(found) == []
        assert {row.row for row in found} == {0}
    # Of the sum itself digits can be lost: then the sum says so.
    assert records(everything(CODE, data[:-1])) == whole
    assert problems(data[:-4]) == {(5, "row.total-mismatch", "premium.gross")}


@pytest.mark.parametrize("sum_", ["1000000.01", "-1000000.00", "", "x", "1000000"])
def test_the_sum_of_the_last_line(sum_: str) -> None:
    wanted = set() if sum_ == "1000000" else {(4, "row.total-mismatch", "premium.gross")}
    assert problems(extract({}, last=f"T|!|1|!|{sum_}")) == wanted


def test_the_sum_is_not_compared_where_a_line_could_not_be_read() -> None:
    assert problems(extract({"保费": "x"}, last="T|!|1|!|5")) == {(3, "number.unreadable", "premium.gross")}
    assert problems(extract({"业务员": "a|!|b"}, last="T|!|1|!|5")) == {(3, "row.ragged", None)}
    assert problems(extract({}, last="T|!|1|!|1000000").replace(b"T|!|1", b"\nT|!|2")) == {(4, "row.ragged", None)}


def test_the_columns_are_those_of_the_table_in_any_order() -> None:
    turned = list(reversed(POLICY_COLUMNS))
    assert records(everything(CODE, extract({}, columns=turned))) == records(everything(CODE, extract({})))
    assert refused(extract({}, columns=POLICY_COLUMNS[:-1])) == ("column.missing", "业务员")
    assert refused(extract({}, columns=POLICY_COLUMNS[1:])) == ("column.missing", "流水号")
    assert refused(extract({}, columns=[*POLICY_COLUMNS, "返还比例"])) == ("field.unaccounted", "返还比例")
    assert refused(extract({}, columns=[*POLICY_COLUMNS, " 保单编号"])) == ("column.duplicate", "policy_no")
    assert refused(paid({}, columns=[name for name in PAID_COLUMNS if name != "期次"])) == (
        "column.missing",
        "instalment_no",
    )
    assert problems(extract({}, columns=[*POLICY_COLUMNS, ""])) == set()
    assert refused(extract({"": "x"}, columns=[*POLICY_COLUMNS, ""])) == ("field.unaccounted", "")


def test_a_unit_in_a_name_is_the_unit() -> None:
    def found(name: str, **row: str) -> set[tuple[int, str, str | None]]:
        columns = [name if one == name.partition("（")[0] else one for one in POLICY_COLUMNS]
        return problems(extract({**row}, columns=columns, last="T|!|1|!|100"))

    assert found("保费（万元）", **{"保费（万元）": "100"}) == set()
    assert found("费率（%）", **{"费率（%）": "2"}) == {(4, "row.total-mismatch", "premium.gross")}
    with_unit = [f"{one}（%）" if one == "保费" else one for one in POLICY_COLUMNS]
    assert refused(extract({}, columns=with_unit)) == ("unit.ambiguous", "premium.gross")


@pytest.mark.parametrize(
    ("cells", "rule", "field"),
    [
        ({"流水号": "000099330000202603310000000001X"}, "identifier.serial", "流水号"),
        ({"流水号": "00009933000020260331000000000"}, "identifier.serial", "流水号"),
        ({"采集日期": "2026-03-30"}, "identifier.serial", "流水号"),
        ({"采集日期": "20260332"}, "date.unreadable", "采集日期"),
        ({"流水号": "\\N"}, "field.missing", "流水号"),
        ({"保险机构代码": "/"}, "field.missing", "保险机构代码"),
        ({"币种": "USD"}, "currency.unsupported", "premium.currency"),
        ({"币种": "\\N"}, "field.missing", "premium.currency"),
        ({"共保标志": "是"}, "coinsurance.shares", "coinsurance.share_percent"),
        ({"共保标志": "有"}, "value.unknown", "coinsurance"),
        ({"共保标志": "否", "共保信息": "甲:60:主;乙:40:从"}, "coinsurance.shares", "coinsurance.share_percent"),
        ({"共保信息": "甲:60:主;乙:40:从;"}, "coinsurance.shares", "coinsurance.share_percent"),
        ({"共保信息": "甲:60:主;乙:40"}, "coinsurance.shares", "coinsurance.share_percent"),
        ({"共保信息": "甲:60:主;乙:41:从"}, "coinsurance.shares", "coinsurance.share_percent"),
        ({"共保信息": "甲:60:主;乙:40:主"}, "coinsurance.lead", "coinsurance.lead"),
        (
            {"投保人证件类型": "统一社会信用代码", "投保人证件号码": "1"},
            "identifier.credit-code",
            "policyholder.credit_code",
        ),
        ({"被保险人证件号码": "91330108MA2XX9T187"}, "identifier.credit-code", "insured.credit_code"),
        ({"投保人名称": "@SUM(1)"}, "text.formula", "policyholder.name"),
        ({"保费": "-1"}, "sign.contradiction", "premium.gross"),
        ({"税额": "1", "不含税保费": "1"}, "premium.tax-mismatch", "premium.gross"),
        ({"保险止期": "20260228"}, "period.inverted", "period"),
    ],
)
def test_a_line_that_is_not_right_is_refused_for_it(cells: dict[str, str], rule: str, field: str) -> None:
    assert problems(extract(cells, last="T|!|1|!|x")) - {(4, "row.total-mismatch", "premium.gross")} == {
        (3, rule, field)
    }


def test_papers_of_persons_are_not_taken() -> None:
    cells = {"投保人证件类型": "身份证", "投保人证件号码": "330100199001011234", "被保险人证件号码": "3301001990"}
    (row,) = everything(CODE, extract(cells))
    assert row.problems == ()
    assert "credit_code" not in row.records[0].record["policyholder"]
    assert "insured" not in row.records[0].record


def test_lines_that_repeat_each_other() -> None:
    first = "000099330000202603310000000001"
    other = {"保单编号": "PZAC202633010000000702"}
    assert problems(extract({}, {"流水号": f"'{first}"})) == {(4, "row.duplicate", "流水号")}
    assert problems(extract({}, {"流水号": first, **other})) == {(row, "row.conflict", "流水号") for row in (3, 4)}
    assert problems(extract({}, {})) == {(4, "row.duplicate", "policy_no")}
    assert problems(extract({}, {"投保人名称": "乙"})) == {(row, "row.conflict", "policy_no") for row in (3, 4)}
    objects = extract({"标的序号": "1"}, {"标的序号": "2"}, {"标的序号": "2"}, other)
    assert problems(objects) == {(row, "product.several", "product") for row in (3, 4, 5)}
    # A line that is refused, or a duplicate by its serial number, takes no part.
    assert problems(extract({}, {"流水号": first}, other)) == {(4, "row.duplicate", "流水号")}
    assert problems(extract({}, {"保险起期": "x"})) == {(4, "date.unreadable", "period.start")}


@pytest.mark.parametrize(
    ("cells", "found"),
    [
        ({"实收付金额": "0.00", "流水号": "x", "币种": "USD"}, set()),
        ({"实收付金额": "\\N", "业务类型": "x"}, set()),
        ({"业务类型": "批减"}, {(3, "sign.contradiction", "amount")}),
        ({"实收付金额": "-1.00"}, {(3, "sign.contradiction", "amount")}),
        ({"业务类型": "其他"}, {(3, "value.unknown", "type")}),
        (
            {"业务类型": "其他", "收付号": "", "币种": "USD"},
            {(3, "value.unknown", "type"), (3, "currency.unsupported", "premium.currency")},
        ),
        ({"实收付金额": "x", "收付号": ""}, {(3, "number.unreadable", "amount"), (3, "field.missing", "receipt_no")}),
        ({"实收付日期": ""}, set()),
    ],
)
def test_payments(cells: dict[str, str], found: set[tuple[int, str, str | None]]) -> None:
    rows = everything(CODE, paid(cells))
    assert told(rows) == found


def test_payments_of_one_serial_number_and_a_refund() -> None:
    refund = {"业务类型": "退保", "实收付金额": "-5.00", "批单号": "EZAC20263300000009", "收付号": "SF0000000002"}
    rows = everything(CODE, paid({}, refund, {"流水号": "000099330000202603310000000001"}))
    assert told(rows) == {(5, "row.duplicate", "流水号")}
    assert records(rows)[1]["record"] == {
        "policy_no": "PZAC202633010000000701",
        "amount": "5.00",
        "refund_no": "SF0000000002",
        "endorsement_no": "EZAC20263300000009",
        "paid_on": "2026-02-26",
    }


def test_encodings_are_as_the_first_line_says() -> None:
    data = extract({})
    assert refused(data.replace(b"UTF-8", b"GB18030", 1))[0] in ("encoding.undecodable", "field.unaccounted")
    assert refused(extract({}, charset="GB18030").replace(b"GB18030", b"UTF-8", 1)) == ("encoding.undecodable", None)
    assert refused(data.replace(b"PZAC", b"PZ\x00C")) == ("text.control-char", None)
    assert problems(data.replace(b"PZAC", b"PZ\x02C")) == {(3, "text.control-char", "policy_no")}


def test_gzip_made_to_hurt_is_refused() -> None:
    packed = gzip.compress(extract({}))
    assert refused(packed[:-9]) == ("archive.truncated", None)
    assert refused(packed[:-8] + bytes(8)) == ("archive.truncated", None)
    assert refused(packed + b"x") == ("archive.malformed", None)
    assert refused(gzip.compress(bytes(300 * 1024 * 1024), 9)) == ("archive.bomb", None)
    assert refused(extract({"业务员": "x" * 32768})) == ("cell.too-long", None)
    assert refused(b"H|!|CXBDXX|!|20260331|!|UTF-8|!|v1\n" + b"\n" * 2_000_000) == ("file.too-large", None)
