"""Amounts in words (DIALECTS 0.12): every amount reads back, in each of the ways that usage writes it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.problems import Unreadable
from adapters.words import amount

DIGITS = "零壹贰叁肆伍陆柒捌玖"


def section(number: int) -> str:
    """Four digits as usage writes them: one 零 for each run of zeros within."""
    text, skipped = "", False
    for place, unit in ((1000, "仟"), (100, "佰"), (10, "拾"), (1, "")):
        digit = number // place % 10
        if digit:
            text += ("零" if skipped and text else "") + DIGITS[digit] + unit
        skipped = not digit
    return text


def whole(number: int) -> str:
    text = ""
    for size, unit in ((10**12, "万"), (10**8, "亿"), (10**4, "万"), (1, "")):
        part = number // size % 10**4
        if part:
            text += ("零" if text and part < 1000 else "") + section(part) + unit
        elif unit == "亿" and number // 10**12 % 10**4:
            text += "亿"
    return text


def in_words(fen: int) -> str:
    yuan, jiao, last = fen // 100, fen // 10 % 10, fen % 10
    text = f"{whole(yuan)}元" if yuan else ""
    if jiao:
        text += f"{DIGITS[jiao]}角"
    if last:
        text += ("零" if yuan and not jiao else "") + f"{DIGITS[last]}分"
    return text + ("" if last else "整")


@given(fen=st.integers(1, 10**18 - 1), front=st.sampled_from(["", "人民币", "RMB", "￥", "人民币 "]), red=st.booleans())
def test_every_amount_reads_back(fen: int, front: str, red: bool) -> None:
    read = amount(f"{front}{'（负数）' if red else ''}{in_words(fen)}")
    assert read is not None
    assert (read.amount.fen, read.negative) == (fen, red)


@given(fen=st.integers(1, 10**14 - 1))
def test_variants_of_the_numerals_are_the_same(fen: int) -> None:
    text = in_words(fen).translate(str.maketrans("陆贰万亿元零整", "陸貳萬億圓〇正"))
    read = amount(text)
    assert read is not None
    assert read.amount.fen == fen


@pytest.mark.parametrize(
    ("text", "fen"),
    [
        ("零元整", 0),
        ("拾伍元", 1500),
        ("拾万圆", 10_000_000),
        ("捌拾零万零仟零佰零拾零元零角零分", 80_000_000),
        ("壹拾万零柒仟元零伍角叁分", 10_700_053),
        ("壹拾万柒仟元伍角叁分", 10_700_053),
        ("壹佰伍元", 10_500),
        ("壹万亿元", 10**14),
        ("伍角", 50),
        ("零元伍角整", 50),
        ("伍分", 5),
    ],
)
def test_what_usage_leaves_out_or_fills_in(text: str, fen: int) -> None:
    read = amount(text)
    assert read is not None
    assert read.amount.fen == fen


@pytest.mark.parametrize(
    "text",
    [
        "六十万元整",
        "陆拾万",
        "陆拾万整",
        "整",
        "人民币",
        "万元",
        "壹佰壹佰元",
        "壹拾贰佰元",
        "伍仟零陆佰元",
        "壹佰零零伍元",
        "零伍元",
        "伍元零伍角",
        "伍角零伍分",
        "壹亿万元",
        "壹万壹万元",
        "伍元整整",
        "人民币人民币伍元",
        "负负伍元",
        "伍 元",
        "伍元陆",
        "5元",
        "伍元伍分伍角",
        "壹佰拾元",
        "佰元",
        "壹" * 200 + "元",
    ],
)
def test_anything_else_is_unreadable(text: str) -> None:
    with pytest.raises(Unreadable) as error:
        amount(text)
    assert error.value.rule == "amount.words-unreadable"


@given(text=st.text("零壹贰叁拾佰仟万亿元圆角分整正负人民币 ", max_size=30))
def test_no_text_breaks_the_reader(text: str) -> None:
    try:
        read = amount(text)
    except Unreadable:
        return
    assert read is None or read.amount.fen >= 0


def test_null_forms_say_nothing() -> None:
    assert [amount(text) for text in ("", "-", "无", " / ")] == [None] * 4
