"""Identifiers: the forms, check digits and types of what names a company, a policy, a clause, a product, an invoice.

Functions take text that is already normalised (NFKC, upper case, no white space) and raise `ValueError` with a reason
slug as its message; the types below use them, so that a noun with a wrong identifier cannot be built.
"""

import re
from collections.abc import Callable
from typing import Annotated

from pydantic import AfterValidator, Field, WithJsonSchema
from pydantic_core import PydanticCustomError

_CREDIT_ALPHABET = "0123456789ABCDEFGHJKLMNPQRTUWXY"
_CREDIT_VALUE = {character: value for value, character in enumerate(_CREDIT_ALPHABET)}
_CREDIT_WEIGHTS = (1, 3, 9, 27, 19, 26, 16, 17, 20, 29, 25, 13, 8, 24, 10, 30, 28)
_CREDIT_FORM = re.compile(rf"[{_CREDIT_ALPHABET}]{{18}}", re.ASCII)
_ORGANISATION_WEIGHTS = (3, 7, 9, 10, 5, 8, 4, 2)

_APPROVAL_DRUG = re.compile(r"国药准字[A-Z]{1,2}([0-9]{8})")
_APPROVAL_DEVICE = re.compile(
    r"([国京津冀晋蒙辽吉黑沪苏浙皖闽赣鲁豫鄂湘粤桂琼渝川黔滇藏陕甘青宁新])械注([准进许])([0-9]{4})([123])([0-9]{2})([0-9]{4})"
)
_CLAUSE = re.compile(r"C([0-9]{6})(3[0-9]{2})([12])([0-9]{8})([0-9]{5})")


def credit_code(text: str) -> str:
    """The 统一社会信用代码 `text`, if its GB 32100-2015 check character holds; else `ValueError`.

    The inner GB 11714 digit is not enforced: registered codes exist that violate it (`organisation_digit_holds`).
    """
    if not _CREDIT_FORM.fullmatch(text):
        raise ValueError("form")
    if text[17] != credit_check_character(text[:17]):
        raise ValueError("check-character")
    return text


def credit_check_character(first: str) -> str:
    """The 18th character for the first 17: GB 32100-2015 section 4.5, modulus 31 with powers of 3."""
    total = sum(_CREDIT_VALUE[character] * weight for character, weight in zip(first, _CREDIT_WEIGHTS, strict=True))
    return _CREDIT_ALPHABET[(31 - total % 31) % 31]


def organisation_digit_holds(code: str) -> bool:
    """Whether the organisation code inside (positions 9 to 17) has its GB 11714-1997 check character. Reported only."""
    body, check = code[8:16], code[16]
    values = (int(character, 36) for character in body)
    remainder = 11 - sum(value * weight for value, weight in zip(values, _ORGANISATION_WEIGHTS, strict=True)) % 11
    return check == {10: "X", 11: "0"}.get(remainder, str(remainder))


def approval_kind(text: str) -> str:
    """`drug` for a 国药准字 approval number, `device` for a 械注 registration number; else `ValueError`."""
    if re.fullmatch(r"国药准字[A-Z]{1,2}[0-9]{8}", text):
        return "drug"
    if re.fullmatch(r".械注[准进许][0-9]{11}", text):
        return "device"
    raise ValueError("form")


def approval_year(text: str) -> int | None:
    """The year that an approval or device registration number carries; `None` for the older numbers without one.

    It is the year of the number, no proof of the day of approval (药品注册管理办法 art. 123).
    """
    if match := _APPROVAL_DRUG.fullmatch(text):
        year = int(match[1][:4])
        return year if 1985 <= year <= 2100 else None
    if match := _APPROVAL_DEVICE.fullmatch(text):
        return int(match[3])
    return None


class ClauseParts:
    """What a 24-character clause registration number 条款注册号 says: insurer, class, main or rider, day, serial."""

    __slots__ = ("company", "kind", "product_class", "registered_on", "serial")

    def __init__(self, number: str) -> None:
        match = _CLAUSE.fullmatch(number)
        if match is None:
            raise ValueError("form")
        self.company = match[1]
        self.product_class = match[2]
        self.kind = "main" if match[3] == "1" else "rider"
        self.registered_on = match[4]
        self.serial = match[5]


def clause_no(text: str) -> str:
    """The clause registration number `text` (财产保险公司自主注册平台, 24 characters); else `ValueError`."""
    ClauseParts(text)
    return text


def gs1_check_holds(digits: str) -> bool:
    """Whether the last digit is the GS1 modulo-10 check digit of those before it (本位码, GTIN-14)."""
    total = sum(int(digit) * (3 if place % 2 == 0 else 1) for place, digit in enumerate(reversed(digits[:-1])))
    return (10 - total % 10) % 10 == int(digits[-1])


def _drug_code(text: str) -> str:
    if not re.fullmatch(r"[0-9]{14}", text):
        raise ValueError("form")
    return text


def _identifier(name: str, check: Callable[[str], object]) -> Callable[[str], str]:
    def validate(text: str) -> str:
        try:
            check(text)
        except ValueError as error:
            raise PydanticCustomError(
                f"identifier.{name}", "not a valid {name}: {why}", {"name": name, "why": str(error)}
            ) from error
        return text

    return validate


def _pattern(expression: str) -> Callable[[str], object]:
    compiled = re.compile(expression)

    def check(text: str) -> None:
        if not compiled.fullmatch(text):
            raise ValueError("form")

    return check


CreditCode = Annotated[
    str,
    AfterValidator(_identifier("credit-code", credit_code)),
    WithJsonSchema(
        {"type": "string", "pattern": "^[0-9A-HJ-NPQRTUWXY]{18}$", "description": "统一社会信用代码 GB 32100-2015"}
    ),
]
ApprovalNo = Annotated[
    str,
    AfterValidator(_identifier("approval-no", approval_kind)),
    WithJsonSchema({"type": "string", "description": "批准文号 国药准字… 或医疗器械注册证编号"}),
]
ClauseNo = Annotated[
    str,
    AfterValidator(_identifier("clause-no", clause_no)),
    WithJsonSchema(
        {"type": "string", "pattern": "^C[0-9]{6}3[0-9]{2}[12][0-9]{13}$", "description": "条款注册号, 24 characters"}
    ),
]
PolicyNo = Annotated[
    str,
    AfterValidator(_identifier("policy-no", _pattern(r"[0-9A-Z-]{10,30}"))),
    WithJsonSchema(
        {"type": "string", "pattern": "^[0-9A-Z-]{10,30}$", "description": "保单号 / 批单号 (JR/T 0033 BX0018)"}
    ),
]
ReceiptNo = Annotated[
    str,
    AfterValidator(_identifier("receipt-no", _pattern(r"[0-9A-Z-]{4,40}"))),
    WithJsonSchema({"type": "string", "pattern": "^[0-9A-Z-]{4,40}$", "description": "收付流水号"}),
]
RegionCode = Annotated[
    str,
    AfterValidator(_identifier("region", _pattern(r"[0-9]{6}"))),
    WithJsonSchema({"type": "string", "pattern": "^[0-9]{6}$", "description": "行政区划代码 GB/T 2260"}),
]
InvoiceNo = Annotated[
    str,
    AfterValidator(_identifier("invoice-no", _pattern(r"[0-9]{20}|[0-9]{8}"))),
    WithJsonSchema(
        {
            "type": "string",
            "pattern": "^([0-9]{20}|[0-9]{8})$",
            "description": "数电票号码 (20), 或与发票代码同用的号码 (8)",
        }
    ),
]
DrugCode = Annotated[
    str,
    AfterValidator(_identifier("drug-code", _drug_code)),
    WithJsonSchema({"type": "string", "pattern": "^[0-9]{14}$", "description": "国家药品编码本位码"}),
]
InsurerCode = Annotated[
    str, Field(pattern=r"^[0-9A-Z][0-9A-Z-]{1,31}$", description="保险机构代码: this registry's own id")
]
MessageId = Annotated[str, Field(pattern=r"^[0-9A-Za-z._-]{1,64}$", description="unique per insurer")]
Digest = Annotated[str, Field(pattern=r"^sha256:[0-9a-f]{64}$", description="sha256:<hex> of the document's bytes")]
