"""One field against what is verified: exact after conversion, at printed precision and saying so, or different."""

from decimal import ROUND_HALF_UP, Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.amounts import FEN, Exact
from gateway.match.compare import Context, Known, compare, compare_numbers, in_unit
from gateway.match.fields import BY_NAME, FIELDS, find_field, plain_label
from gateway.match.regions import codes_of, region_name
from gateway.match.values import Cell, Quantity, Reader, Said, read_cell

FACTS: dict[str, Any] = {
    "enterprise": "示例医药（杭州）有限公司",
    "credit_code": "91330108MA2XX9T186",
    "region": "330108",
    "product": "示例单抗注射液",
    "trade_name": "示安",
    "registration_class": "化学药品2.2类+2.4类",
    "holder": "示例医药（杭州）有限公司",
    "holder_code": "91330108MA2XX9T186",
    "manufacturer": "示例生物科技（杭州）有限公司",
    "dosage_form": "注射剂",
    "specification": "100mg/4ml",
    "approval_no": "国药准字S20240001",
    "approval_date": "2024-03-15",
    "policy_no": "PTEST202633010800000001",
    "rate": "1.6667",
    "gross": "333333.33",
    "start": "2026-07-27",
    "end": "2027-07-26",
    "money": {
        "due": "333333.33",
        "received": "333333.33",
        "refunded": "0.00",
        "net_paid": "333333.33",
        "paid_in_full": True,
    },
    "schemes": [{"scheme": "ZJ-NDI", "version": "1", "outcome": "passed", "subsidy": "166666.66"}],
}
CONTEXT = Context("ZJ-NDI", {"示例甲财产保险有限公司": "TEST-A", "TEST-A": "TEST-A", "TEST-B": "TEST-B"})


def known(status: str = "verified", **changes: Any) -> Known:
    return Known(0, "TEST-A", "PTEST202633010800000001", 1, status, "2026-09-01T04:00:00+00:00", FACTS | changes)


def said(name: str, raw: str, unit: str | None = None, **cell: Any) -> Said:
    return read_cell(BY_NAME[name], Cell(raw, **cell), unit)


def answer(
    name: str, raw: str, unit: str | None = None, of: Known | None = None, **cell: Any
) -> tuple[str, str | None]:
    found = compare(said(name, raw, unit, **cell), of or known(), CONTEXT)
    return found.answer, found.reason


@pytest.mark.parametrize(
    ("name", "raw", "expected"),
    [
        ("enterprise", "示例医药(杭州)有限公司", "agrees"),  # brackets of the other width
        ("enterprise", "示例医药有限公司", "differs"),
        ("credit_code", "91330108MA2XX9T186", "agrees"),
        ("credit_code", "91330108ma2xx9t186", "agrees"),
        ("credit_code", "91331082MA28GHJ45X", "differs"),
        ("credit_code", "91330108MA2XX9T187", "unknown"),  # its check character does not hold
        ("region", "杭州市滨江区", "agrees"),
        ("region", "浙江省杭州市滨江区", "agrees"),
        ("region", "滨江", "agrees"),
        ("region", "330108", "agrees"),
        ("region", "杭州市西湖区", "differs"),
        ("region", "高新区（滨江）", "unknown"),
        ("product", "示例单抗注射液", "agrees"),
        ("product", "示例单抗注射液（示安）", "agrees"),
        ("product", "示例替尼片", "differs"),
        ("registration_class", "化药2.4类、2.2类", "agrees"),
        ("registration_class", "化学药品2.2类", "differs"),
        ("holder", "示例医药（杭州）有限公司 91330108MA2XX9T186", "agrees"),
        ("manufacturer", "别的公司", "differs"),
        ("form_and_specification", "注射剂，100mg/4ml", "agrees"),
        ("form_and_specification", "注射剂 100mg／4ml", "agrees"),
        ("form_and_specification", "注射剂、200mg/4ml", "differs"),
        ("approval_no", "S20240001", "agrees"),
        ("approval_no", "国药准字 S20240001", "agrees"),
        ("approval_no", "国药准字S20240002", "differs"),
        ("approval_no", "没有", "unknown"),
        ("approval_date", "2024年3月15日", "agrees"),
        ("approval_date", "2024.03.15", "agrees"),
        ("approval_date", "2024-03-16", "differs"),
        ("approval_date", "15/03/2024", "unknown"),
        ("policy_no", "ptest202633010800000001", "agrees"),
        ("period", "2026年7月27日至2027年7月26日", "agrees"),
        ("period", "自2026年7月27日0时起至2027年7月26日24时止", "agrees"),
        ("period", "2026-07-27~2027-07-26", "agrees"),
        ("period", "2026.7.27-2027.7.27", "differs"),
        ("period", "    年  月  日至    年  月  日", "unknown"),
        ("period", "2026年7月27日", "unknown"),
        ("period", "2027-07-26至2026-07-27", "unknown"),
        ("premium", "33.333333", "agrees"),
        ("premium", "333,333.33元", "agrees"),
        ("premium", "33.33", "agrees-at-precision"),
        ("premium", "33.3333", "agrees-at-precision"),
        ("premium", "33", "agrees-at-precision"),
        ("premium", "33.3330", "differs"),  # four places are printed, and they are others
        ("premium", "33.34", "differs"),
        ("premium", "33.3333333", "differs"),
        ("premium", "333333元", "differs"),  # yuan are exact to the fen
        ("premium", "333333.33", "differs"),  # 万元, ten thousand times too much
        ("premium", "-33.333333", "differs"),
        ("premium", "三十三万", "unknown"),
        ("premium", "", "unknown"),
        ("premium", "/", "unknown"),
        ("paid", "33.333333", "agrees"),
        ("rate", "1.6667", "agrees"),
        ("rate", "1.6667%", "agrees"),
        ("rate", "16.667‰", "agrees"),
        ("rate", "1.67", "agrees-at-precision"),
        ("rate", "1.66", "differs"),
        ("rate", "0.016667", "differs"),  # the form says %: nothing is guessed
        ("applied", "16.666666", "agrees"),
        ("applied", "16", "agrees"),
        ("applied", "10.5", "agrees"),
        ("applied", "16.666667", "differs"),
        ("applied", "20", "differs"),
        ("sales", "国内：12000；省内：3000", "unknown"),
        ("insurer", "示例甲财产保险有限公司", "agrees"),
        ("insurer", "TEST-B", "differs"),
        ("insurer", "别的公司", "unknown"),
        ("statement", "我司已收到保费金额 333333.33 元，保费已全部缴清。", "agrees"),
        ("statement", "我司已收到保费金额33.3333万元，保费已全部缴清。", "agrees-at-precision"),
        ("statement", "我司已收到保费金额 333333.33 元。", "unknown"),
        ("statement", "我司已收到保费金额 300000.00 元，保费已全部缴清。", "differs"),
        ("statement", "我司已收到保费金额    元，保费已全部缴清。", "unknown"),
    ],
)
def test_a_field_agrees_differs_or_is_unknown(name: str, raw: str, expected: str) -> None:
    assert answer(name, raw)[0] == expected


def test_sixteen_without_places_is_less_than_what_is_computed_not_rounded_up() -> None:
    """16.666666 万元 rounds to 17, so 16 is an amount of its own: less, which is allowed."""
    assert answer("applied", "16") == ("agrees", "less-than-computed")
    assert answer("applied", "17") == ("agrees-at-precision", "rounded")


def test_the_two_numbers_of_sales_are_held_against_each_other_only() -> None:
    assert answer("sales", "国内12,000；省内3,000") == ("unknown", "not-held")
    assert answer("sales", "省内3000 国内12000") == ("unknown", "not-held")
    assert answer("sales", "3000/12000") == ("unknown", "province-above-country")
    assert answer("sales", "12000") == ("unknown", "unreadable")


def test_what_was_true_before_a_change_is_told_as_such() -> None:
    changed = {**FACTS["money"], "due": "300000.00", "net_paid": "300000.00", "refunded": "33333.33"}
    of = known(money=changed)
    assert answer("premium", "33.333333", of=of) == ("differs", "before-endorsements")
    assert answer("paid", "33.333333", of=of) == ("differs", "before-refunds")
    assert answer("paid", "30", of=of) == ("agrees", None)


@pytest.mark.parametrize("status", ["held", "refused", "withdrawn"])
def test_a_premium_that_is_not_verified_agrees_with_nothing(status: str) -> None:
    for name, raw in (("premium", "33.33"), ("enterprise", FACTS["enterprise"]), ("credit_code", FACTS["credit_code"])):
        assert answer(name, raw, of=known(status)) == ("unknown", f"premium-{status}")
    assert answer("premium", "80", of=known(status)) == ("differs", None)


def test_a_statement_of_a_premium_that_is_not_paid_in_full_differs() -> None:
    of = known(money={**FACTS["money"], "due": "400000.00", "paid_in_full": False})
    sentence = "我司已收到保费金额333333.33元，保费已全部缴清。"
    assert answer("statement", sentence, of=of) == ("differs", "not-paid-in-full")
    assert answer("statement", "我司已收到保费金额333333.33元，保费尚未全部缴清。", of=of)[0] == "unknown"


def test_an_open_question_of_the_scheme_stays_open() -> None:
    of = known(schemes=[{**FACTS["schemes"][0], "outcome": "indeterminate"}])
    assert answer("applied", "16.666666", of=of) == ("unknown", "scheme-indeterminate")
    assert answer("applied", "20", of=of) == ("differs", None)
    assert answer("applied", "20", of=known(schemes=[])) == ("unknown", "not-held")


def test_a_number_format_says_how_precisely_a_cell_is_meant() -> None:
    assert answer("premium", "33.33", is_number=True, shown_as="0.00")[0] == "agrees-at-precision"
    assert answer("premium", "33.33", is_number=True, shown_as="#,##0.0000")[0] == "differs"
    assert answer("premium", "33.333333", is_number=True, shown_as="0.00")[0] == "agrees"
    assert answer("rate", "0.016667", is_number=True, shown_as="0.00%", is_percent=True)[0] == "agrees"
    assert answer("policy_no", "1234567890123456", is_number=True) == ("unknown", "unreadable")


def test_what_is_not_held_is_unknown() -> None:
    bare = Known(0, "TEST-A", "P" * 12, 1, "verified", "", {})
    for name in BY_NAME.keys() - {"statement", "insurer", "sales"}:
        raw = {"credit_code": "91330108MA2XX9T186", "approval_no": "S20240001", "policy_no": "PTEST1234567"}.get(name)
        raw = raw or {"approval_date": "2024-03-15", "period": "2026-07-27至2027-07-26"}.get(name) or "80"
        assert answer(name, raw, of=bare) == ("unknown", "not-held"), name


AMOUNTS = st.integers(min_value=0, max_value=10**14)


@given(AMOUNTS, st.sampled_from(["元", "千元", "万元", "亿元"]), st.integers(0, 12))
def test_an_amount_printed_at_any_precision_agrees_with_itself_and_says_so(fen: int, unit: str, places: int) -> None:
    exact = Decimal(fen) / FEN[unit]
    printed = exact.quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP)
    number = Exact(int(printed.scaleb(places)), places)
    found = compare_numbers(Quantity(number, unit), in_unit(fen, unit))
    if printed == exact:
        assert found.answer == "agrees"
    else:
        assert found.answer == ("differs" if unit == "元" else "agrees-at-precision")


@given(AMOUNTS, AMOUNTS, st.sampled_from(["元", "万元", "亿元"]), st.integers(0, 12))
def test_another_amount_agrees_only_if_it_is_the_rounded_one(fen: int, other: int, unit: str, places: int) -> None:
    number = Exact(other, places)
    found = compare_numbers(Quantity(number, unit), in_unit(fen, unit))
    stated, exact = Decimal(other).scaleb(-places), Decimal(fen) / FEN[unit]
    if found.answer == "agrees":
        assert stated == exact
    elif found.answer == "agrees-at-precision":
        assert unit != "元"
        assert stated == exact.quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP) != exact
    else:
        assert stated != exact


@given(st.text(max_size=60), st.sampled_from(sorted(BY_NAME)), st.booleans())
def test_no_text_breaks_a_reader_and_none_agrees_with_what_is_not_verified(
    raw: str, name: str, is_number: bool
) -> None:
    cell = Reader().read(BY_NAME[name], Cell(raw, is_number), None)
    assert compare(cell, known("held"), CONTEXT).answer in ("differs", "unknown")


def test_labels_are_found_however_they_are_set() -> None:
    assert find_field("保费金额\n（万元）") == (BY_NAME["premium"], "万元")
    assert find_field("*批准文号：") == (BY_NAME["approval_no"], None)
    assert find_field("保险费率（％）") == (BY_NAME["rate"], "%")
    assert find_field("premium") == (BY_NAME["premium"], None)
    assert find_field("别的栏目") is None
    assert plain_label("企业（单位）名称") == ("企业(单位)名称", None)
    meant: dict[str, set[str]] = {}
    for field in FIELDS:
        for label in (field.label, *field.also):
            meant.setdefault(plain_label(label)[0], set()).add(field.name)
    assert all(len(names) == 1 for names in meant.values()), meant  # no label means two fields


def test_the_table_of_places_is_whole() -> None:
    assert region_name("33") == "浙江省"
    assert region_name("3301") == region_name("330100") == "杭州市"
    assert region_name("330108") == "杭州市滨江区"
    assert region_name("331127") == "丽水市景宁畲族自治县"
    assert region_name("330383") == "温州市龙港市"
    assert region_name("330104") is None  # abolished
    assert codes_of("临海市") == {"331082"}
    assert codes_of("宁波") == {"330200"}
    assert codes_of("上海市") == frozenset()
