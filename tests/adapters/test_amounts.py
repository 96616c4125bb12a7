"""Numbers, money and percentages (DIALECTS 0.4): exact, never rounded, or refused."""

from decimal import Decimal
from fractions import Fraction
from unicodedata import normalize

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters import amounts
from adapters.amounts import Exact, Literal, Rate
from adapters.kinds import json_reader
from adapters.kinds import money as money_kind
from adapters.problems import Unreadable
from schemas.money import Yuan


def why(raw: str, unit: str | None = "元") -> str:
    with pytest.raises(Unreadable) as caught:
        amounts.money(raw, unit)
    return f"{caught.value.rule} {caught.value.reason}"


@pytest.mark.parametrize(
    ("raw", "unit", "value"),
    [
        ("800000.00", "元", "800000.00"),
        ("0", "元", "0.00"),
        ("50,000,000.00", "元", "50000000.00"),
        ("５，０００", "万元", "50000000.00"),
        ("80.00", "万元", "800000.00"),
        ("1.5", "亿元", "150000000.00"),
        ("12", "千元", "12000.00"),
        ("1280000", "分", "12800.00"),
        ("'800", "元", "800.00"),
        ("¥800", "万元", "8000000.00"),
        ("￥ 800 元", "万元", "800.00"),
        ("人民币1,200万元", "元", "12000000.00"),
        ("RMB-5", "元", "-5.00"),
        ("-RMB 5", "元", "-5.00"),
        ("+ 5", "元", "5.00"),
        ("−5", "元", "-5.00"),
        ("－100000", "元", "-100000.00"),
        ("(1,234.50)", "元", "-1234.50"),
        ("（300,000.00）", "元", "-300000.00"),
        ("¥(5)元", "元", "-5.00"),
        ("(¥5元)", "万元", "-5.00"),
        ("0.010", "元", "0.01"),
        ("0.0001", "万元", "1.00"),
    ],
)
def test_an_amount_is_read_exactly(raw: str, unit: str, value: str) -> None:
    assert str(amounts.money(raw, unit)) == value


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        ("1,00", "number.unreadable form"),
        ("1,2345", "number.unreadable form"),
        ("1234,567", "number.unreadable form"),
        ("1.", "number.unreadable form"),
        (".5", "number.unreadable form"),
        ("1 000", "number.unreadable form"),
        ("1.000,00", "number.unreadable form"),
        ("八十万元", "number.unreadable form"),
        ("80万", "number.unreadable form"),
        ("USD 80", "number.unreadable form"),
        ("-(5)", "number.unreadable form"),
        ("(-5)", "number.unreadable form"),
        ("-¥-5", "number.unreadable two-signs"),
        ("¥(¥5)", "number.unreadable form"),
        ("(5元)元", "number.unreadable form"),
        ("5%", "number.unreadable percent-in-money"),
        ("9" * 41, "number.unreadable too-long"),
        ("1.2E+06", "number.precision-lost scientific-notation"),
        ("12E3", "number.precision-lost scientific-notation"),
        ("0.001", "number.sub-fen not-whole-fen"),
        ("nan", "number.unreadable form"),
        ("Infinity", "number.unreadable form"),
        ("0x10", "number.unreadable form"),
        ("1_000", "number.unreadable form"),
        ("٣", "number.unreadable form"),
    ],
)
def test_an_amount_that_is_none_is_refused(raw: str, reason: str) -> None:
    assert why(raw) == reason


def test_an_amount_whose_unit_nothing_states_is_refused() -> None:
    assert why("80", None) == "unit.ambiguous no-unit"
    assert amounts.money("80万元", None) == Yuan.of("800000.00")


@given(
    st.integers(-(10**17), 10**17), st.sampled_from(["元", "万元", "亿元", "千元", "分"]), st.booleans(), st.booleans()
)
def test_every_way_of_writing_an_amount_is_the_same_amount(fen: int, unit: str, grouped: bool, wide: bool) -> None:
    exact = Decimal(fen) / Decimal(amounts.FEN[unit])
    text = f"{exact:,f}" if grouped else f"{exact:f}"
    if wide:
        text = "".join(chr(ord(character) + 0xFEE0) if "!" <= character <= "~" else character for character in text)
        assert normalize("NFKC", text) != text
    assert amounts.money(text, unit) == Yuan(fen)
    brackets = f"({text.lstrip('-－')})"
    assert amounts.money(brackets, unit) == Yuan(-abs(fen))


@given(st.decimals(allow_nan=False, allow_infinity=False, places=5, min_value=-(10**9), max_value=10**9))
def test_nothing_is_ever_rounded(number: Decimal) -> None:
    text = f"{number:f}"
    if number * 100 == (number * 100).to_integral_value():
        assert amounts.money(text, "元") == Yuan(int(number * 100))
    else:
        assert why(text) == "number.sub-fen not-whole-fen"


@given(st.text(alphabet="0123456789.,-+()¥元万%‰eE '", max_size=12))
def test_what_is_read_is_what_stands_there(raw: str) -> None:
    """Whatever is accepted has the digits of the text, in order, and no others."""
    try:
        read = amounts.measure(raw)
    except Unreadable:
        return
    if read is not None:
        digits = "".join(character for character in raw if character.isdigit())
        assert abs(read.number.digits) == int(digits)


@pytest.mark.parametrize(
    ("literal", "value"),
    [("800000", "800000.00"), ("800000.0", "800000.00"), ("8e5", "800000.00"), ("1.25E2", "125.00")],
)
def test_a_json_number_is_read_from_its_literal(literal: str, value: str) -> None:
    assert str(json_reader(money_kind, "元", many=False)(Literal(literal))) == value


@pytest.mark.parametrize("literal", ["1e41", "1e-41", "1e99999", "1" * 41])
def test_a_json_number_out_of_bounds_is_refused(literal: str) -> None:
    with pytest.raises(Unreadable, match=r"number\.unreadable"):
        json_reader(money_kind, "元", many=False)(Literal(literal))


@pytest.mark.parametrize(
    ("raw", "unit", "percent"),
    [
        ("1.6%", None, "1.6"),
        ("１．６", "%", "1.6"),
        ("15", "‰", "1.5"),
        ("20‰", "%", "2"),
        ("0.016", "1", "1.6"),
        ("2.00", "%", "2"),
    ],
)
def test_a_rate_is_a_percentage_once_its_unit_is_known(raw: str, unit: str | None, percent: str) -> None:
    rate = amounts.rate(raw, unit)
    assert rate is not None
    assert str(rate.percent()) == percent


def test_a_rate_without_unit_stays_without() -> None:
    assert amounts.rate("0.03", None) == Rate(Exact(3, 2), None)


@given(st.integers(-(10**30), 10**30), st.integers(0, 12))
def test_a_decimal_is_written_without_zeros_that_say_nothing(digits: int, scale: int) -> None:
    text = str(Exact(digits, scale))
    assert Fraction(text) == Fraction(digits, 10**scale)
    assert "E" not in text
    assert not ("." in text and text.endswith(("0", ".")))


@pytest.mark.parametrize("raw", ["CNY", "cny", "RMB", "01", "156", "人民币", "ＣＮＹ"])
def test_yuan_has_many_names(raw: str) -> None:
    assert amounts.currency(raw) == "CNY"


def test_another_currency_is_refused() -> None:
    with pytest.raises(Unreadable, match=r"currency\.unsupported"):
        amounts.currency("USD")


@pytest.mark.parametrize(("raw", "value"), [("1", 1), ("０２", 2), ("3.0", 3), ("-", None)])
def test_an_instalment_number_is_whole(raw: str, value: int | None) -> None:
    assert amounts.integer(raw) == value


@pytest.mark.parametrize("raw", ["1.5", "一", "1元", "1/2", "1E0"])
def test_what_is_not_whole_is_no_instalment_number(raw: str) -> None:
    with pytest.raises(Unreadable, match=r"number\.unreadable"):
        amounts.integer(raw)
