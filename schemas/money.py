"""Money and percentages: exact, never a float."""

import re
from decimal import Decimal, InvalidOperation
from typing import Annotated, Any, Self

from pydantic import AfterValidator, GetCoreSchemaHandler, GetJsonSchemaHandler, PlainSerializer, WithJsonSchema
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

_FORM = re.compile(r"(-?)(0|[1-9][0-9]{0,17})\.([0-9]{2})")


class Yuan:
    """An exact amount of Chinese yuan: an integer of fen 分 inside, text with two places outside ("12800.00").

    Immutable, hashable, ordered; adds and subtracts with its own kind only. Text is read by `Yuan.of` and nothing else:
    units (万元), grouping and rounding are the adapters' affair, and no amount is ever rounded here.
    """

    __slots__ = ("fen",)
    fen: int

    def __init__(self, fen: int) -> None:
        if type(fen) is not int:
            raise TypeError("fen is an integer")
        object.__setattr__(self, "fen", fen)

    @classmethod
    def of(cls, text: str) -> Self:
        """The amount that `text` states in yuan with exactly two places. Raises `ValueError` on any other form."""
        match = _FORM.fullmatch(text)
        if match is None:
            raise ValueError(f"not an amount in yuan with two places: {text[:40]!r}")
        fen = int(match[2] + match[3])
        if match[1] and fen == 0:
            raise ValueError("zero has no sign")
        return cls(-fen if match[1] else fen)

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError("an amount does not change")

    def __reduce__(self) -> tuple[type["Yuan"], tuple[int]]:
        return type(self), (self.fen,)  # copied and pickled by value: there is nothing to set afterwards

    def __str__(self) -> str:
        sign, fen = ("-", -self.fen) if self.fen < 0 else ("", self.fen)
        return f"{sign}{fen // 100}.{fen % 100:02d}"

    def __repr__(self) -> str:
        return f"Yuan.of({str(self)!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Yuan) and self.fen == other.fen

    def __hash__(self) -> int:
        return hash(("yuan", self.fen))

    def __lt__(self, other: "Yuan") -> bool:
        return self.fen < _same(other).fen

    def __le__(self, other: "Yuan") -> bool:
        return self.fen <= _same(other).fen

    def __gt__(self, other: "Yuan") -> bool:
        return self.fen > _same(other).fen

    def __ge__(self, other: "Yuan") -> bool:
        return self.fen >= _same(other).fen

    def __add__(self, other: "Yuan") -> "Yuan":
        return Yuan(self.fen + _same(other).fen)

    def __sub__(self, other: "Yuan") -> "Yuan":
        return Yuan(self.fen - _same(other).fen)

    def __neg__(self) -> "Yuan":
        return Yuan(-self.fen)

    def __abs__(self) -> "Yuan":
        return Yuan(abs(self.fen))

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(
            cls._validate, serialization=core_schema.plain_serializer_function_ser_schema(str, when_used="json")
        )

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return {
            "type": "string",
            "pattern": r"^-?(0|[1-9][0-9]{0,17})\.[0-9]{2}$",
            "description": "元 yuan, two places",
        }

    @classmethod
    def _validate(cls, value: object) -> "Yuan":
        if isinstance(value, Yuan):
            return value
        if not isinstance(value, str):
            raise PydanticCustomError("money.format", "money is text in yuan with two places, never a number")
        try:
            return cls.of(value)
        except ValueError as error:
            raise PydanticCustomError("money.format", "{why}", {"why": str(error)}) from error


ZERO = Yuan(0)


def _same(other: object) -> "Yuan":
    if not isinstance(other, Yuan):
        raise TypeError("an amount compares and adds with amounts only")
    return other


def total(amounts: Any) -> Yuan:
    """The exact sum of amounts; zero of none."""
    return Yuan(sum(amount.fen for amount in amounts))


def _not_negative(amount: Yuan) -> Yuan:
    if amount.fen < 0:
        raise PydanticCustomError(
            "sign.contradiction", "this amount carries no sign: its record type says the direction"
        )
    return amount


Amount = Annotated[
    Yuan,
    AfterValidator(_not_negative),
    WithJsonSchema(
        {
            "type": "string",
            "pattern": r"^(0|[1-9][0-9]{0,17})\.[0-9]{2}$",
            "description": "元 yuan, two places, no sign",
        }
    ),
]

_PERCENT = re.compile(r"(0|[1-9][0-9]{0,8})(\.[0-9]{1,12})?")


def percent(text: str) -> Decimal:
    """The number that a percentage's plain decimal text states: "1.6" is 1.6 %. Raises `ValueError`."""
    if not _PERCENT.fullmatch(text):
        raise ValueError(f"not a plain decimal: {text[:40]!r}")
    try:
        return Decimal(text)
    except InvalidOperation as error:
        raise ValueError("not a decimal") from error


def _percent(text: str) -> str:
    try:
        percent(text)
    except ValueError as error:
        raise PydanticCustomError("number.unreadable", "{why}", {"why": str(error)}) from error
    return text


Percent = Annotated[
    str,
    AfterValidator(_percent),
    PlainSerializer(str, return_type=str),
    WithJsonSchema(
        {
            "type": "string",
            "pattern": r"^(0|[1-9][0-9]{0,8})(\.[0-9]{1,12})?$",
            "description": "percent as text: 1.6 is 1.6 %",
        }
    ),
]
