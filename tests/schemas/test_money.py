"""Money and percentages are exact, have one text, and meet only their own kind."""

import copy
import pickle
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from schemas.money import ZERO, Amount, Percent, Yuan, percent, total

FEN = st.integers(-(10**20) + 1, 10**20 - 1)
AMOUNT: TypeAdapter[Yuan] = TypeAdapter(Amount)
SIGNED: TypeAdapter[Yuan] = TypeAdapter(Yuan)
PERCENT: TypeAdapter[str] = TypeAdapter(Percent)


@given(FEN)
def test_text_and_back(fen: int) -> None:
    amount = Yuan(fen)
    assert Yuan.of(str(amount)) == amount
    assert amount.fen == fen
    assert Decimal(str(amount)) * 100 == fen
    assert SIGNED.validate_json(SIGNED.dump_json(amount)) == amount
    assert repr(amount) == f"Yuan.of('{amount}')"
    for copied in (copy.copy(amount), copy.deepcopy(amount), pickle.loads(pickle.dumps(amount))):
        assert copied == amount


@given(FEN, FEN)
def test_arithmetic_is_that_of_integers(one: int, other: int) -> None:
    assert (Yuan(one) + Yuan(other)).fen == one + other
    assert (Yuan(one) - Yuan(other)).fen == one - other
    assert (-Yuan(one)).fen == -one
    assert abs(Yuan(one)).fen == abs(one)
    assert (Yuan(one) < Yuan(other)) is (one < other)
    assert (Yuan(one) <= Yuan(other)) is (one <= other)
    assert (Yuan(one) > Yuan(other)) is (one > other)
    assert (Yuan(one) >= Yuan(other)) is (one >= other)
    assert (Yuan(one) == Yuan(other)) is (one == other)
    assert (hash(Yuan(one)) == hash(Yuan(other))) or one != other


@given(st.lists(FEN, max_size=20))
def test_a_total_is_the_sum(fen: list[int]) -> None:
    assert total(map(Yuan, fen)) == Yuan(sum(fen))
    assert total([]) == ZERO


@given(st.text(max_size=30))
def test_only_one_text_states_an_amount(text: str) -> None:
    try:
        amount = Yuan.of(text)
    except ValueError:
        return
    assert str(amount) == text


@pytest.mark.parametrize("text", ["12800.00", "0.00", "-0.01", "0.10", "-333333.33", "999999999999999999.99"])
def test_amounts(text: str) -> None:
    assert str(Yuan.of(text)) == text


@pytest.mark.parametrize(
    "text",
    [
        *("", "0", "12800", "12800.0", "12800.000", "012.00", "00.00", "-0.00", "+1.00", ".50", "1.", "1.0a", " 1.00"),
        *("1.00 ", "1.00\n", "1,000.00", "１.00", "1٠.00", "1e2", "NaN", "1000000000000000000.00", "--1.00"),
    ],
)
def test_what_states_no_amount(text: str) -> None:
    with pytest.raises(ValueError):
        Yuan.of(text)
    with pytest.raises(ValidationError) as refused:
        SIGNED.validate_python(text)
    assert refused.value.errors()[0]["type"] == "money.format"


@pytest.mark.parametrize("value", [1, 1.0, True, None, Decimal("1.00"), b"1.00", ["1.00"]])
def test_money_is_never_a_number(value: Any) -> None:
    with pytest.raises(ValidationError) as refused:
        SIGNED.validate_python(value)
    assert refused.value.errors()[0]["type"] == "money.format"


@pytest.mark.parametrize("fen", [1.0, True, "1", None, Decimal(1)])
def test_fen_are_an_integer(fen: Any) -> None:
    with pytest.raises(TypeError):
        Yuan(fen)


def test_an_amount_does_not_change_and_meets_only_amounts() -> None:
    amount = Yuan(5)
    with pytest.raises(AttributeError):
        amount.fen = 6
    with pytest.raises(AttributeError):
        amount.yuan = 6
    for number in (5, 5.0, Decimal(5), "0.05"):
        assert amount != number
        for meet in (
            lambda: amount + number,  # noqa: B023 - called at once
            lambda: amount - number,  # noqa: B023
            lambda: amount < number,  # noqa: B023
            lambda: amount >= number,  # noqa: B023
            lambda: number + amount,  # noqa: B023
        ):
            with pytest.raises(TypeError):
                meet()
    with pytest.raises(TypeError):
        amount * 2
    with pytest.raises(TypeError):
        sum([amount])


def test_an_amount_without_sign() -> None:
    assert AMOUNT.validate_python("0.00") == ZERO
    with pytest.raises(ValidationError) as refused:
        AMOUNT.validate_python("-0.01")
    assert refused.value.errors()[0]["type"] == "sign.contradiction"
    assert AMOUNT.json_schema()["pattern"] != SIGNED.json_schema()["pattern"]


@pytest.mark.parametrize(
    ("text", "value"), [("1.6", "1.6"), ("2", "2"), ("0", "0"), ("100", "100"), ("33.33", "33.33")]
)
def test_percentages(text: str, value: str) -> None:
    assert percent(text) == Decimal(value)
    assert PERCENT.validate_python(text) == text


@pytest.mark.parametrize(
    "text", ["", "-1", "+1", "1.", ".5", "01", "1,5", "1e1", "1.6%", "１", "1 ", "1\n", "NaN", "1" * 10]
)
def test_what_is_no_percentage(text: str) -> None:
    with pytest.raises(ValueError):
        percent(text)
    with pytest.raises(ValidationError):
        PERCENT.validate_python(text)


@pytest.mark.parametrize("value", [1, 1.6, None, Decimal("1.6")])
def test_a_percentage_is_never_a_number(value: Any) -> None:
    with pytest.raises(ValidationError):
        PERCENT.validate_python(value)
