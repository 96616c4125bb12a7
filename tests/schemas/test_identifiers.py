"""Identifiers: real, public examples of each, and what is nearly one. Check digits by their standards."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from schemas.identifiers import (
    ApprovalNo,
    ClauseNo,
    ClauseParts,
    CreditCode,
    Digest,
    DrugCode,
    InsurerCode,
    InvoiceNo,
    MessageId,
    PolicyNo,
    ReceiptNo,
    RegionCode,
    approval_kind,
    approval_year,
    credit_check_character,
    credit_code,
    gs1_check_holds,
    organisation_digit_holds,
)

ALPHABET = "0123456789ABCDEFGHJKLMNPQRTUWXY"

PUBLIC_CODES = [
    "91100000710931483R",  # PICC P&C
    "914403007109307208",  # Ping An P&C
    "91310000733370906P",  # CPIC P&C
    "913100007362379322",  # CPIC P&C, Shanghai branch
    "91330000142942095H",  # 浙江沪杭甬
    "9132070070404786XB",  # 恒瑞
    "91330000143083157E",  # 华东医药
    "91330000704676287N",  # 海正
    "913301007463034461",  # 贝达
]
INVENTED_CODES = [
    "91330108MA2XX9T186",
    "91331082MA28GHJ45X",
    "91330212MA2AXY125L",
    "91330100843000017M",
    "91330000843000025B",
    "12330000470001235A",
    "91330100MA2DTR557F",
]


@pytest.mark.parametrize("code", PUBLIC_CODES + INVENTED_CODES)
def test_credit_codes_hold(code: str) -> None:
    assert credit_code(code) == code
    assert organisation_digit_holds(code)


@pytest.mark.parametrize("code", PUBLIC_CODES + INVENTED_CODES)
def test_any_other_character_at_any_place_breaks_the_check(code: str) -> None:
    """Modulus 31 and weights coprime to it: every single substitution is found."""
    for place in range(18):
        for other in ALPHABET:
            if other != code[place]:
                with pytest.raises(ValueError, match="check-character"):
                    credit_code(code[:place] + other + code[place + 1 :])


@pytest.mark.parametrize(
    ("code", "why"),
    [
        ("91100000710931483r", "form"),
        ("９1100000710931483R", "form"),
        ("91100000710931483R ", "form"),
        ("91100000710931483R\n", "form"),
        ("9110000071093148OR", "form"),  # O is not in the alphabet
        ("911000007109314831", "check-character"),
        ("330106000000001", "form"),  # an old tax number of 15 digits
        ("9.14403E+17", "form"),
        ("", "form"),
    ],
)
def test_what_is_no_credit_code_says_why(code: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        credit_code(code)
    with pytest.raises(ValidationError, match=why):
        TypeAdapter(CreditCode).validate_python(code)


@given(st.text(alphabet=ALPHABET, min_size=17, max_size=17))
def test_exactly_one_check_character_holds(first: str) -> None:
    check = credit_check_character(first)
    valid = [last for last in ALPHABET if _holds(first + last)]
    assert valid == [check]


def _holds(code: str) -> bool:
    try:
        return credit_code(code) == code
    except ValueError:
        return False


def test_the_organisation_digit_is_reported_and_not_enforced() -> None:
    first = "91330108MA2XX9T19"  # position 17 changed from 8 to 9
    code = first + credit_check_character(first)
    assert credit_code(code) == code
    assert not organisation_digit_holds(code)


CLAUSES = [
    ("C00001030612020052900821", "000010", "306", "main", "20200529"),
    ("C00001030622020061200511", "000010", "306", "rider", "20200612"),
    ("C00001030622020022700172", "000010", "306", "rider", "20200227"),
    ("C00001032512022062306261", "000010", "325", "main", "20220623"),
    ("C00002232312021122843263", "000022", "323", "main", "20211228"),
    ("C00002232522021122945163", "000022", "325", "rider", "20211229"),
    ("C00002230922021122945503", "000022", "309", "rider", "20211229"),
    ("C00000232522022021915133", "000002", "325", "rider", "20220219"),
    ("C00004532312023083142261", "000045", "323", "main", "20230831"),
]


@pytest.mark.parametrize(("number", "company", "product_class", "kind", "day"), CLAUSES)
def test_clause_registration_numbers_are_read(
    number: str, company: str, product_class: str, kind: str, day: str
) -> None:
    parts = ClauseParts(number)
    assert (parts.company, parts.product_class, parts.kind, parts.registered_on) == (company, product_class, kind, day)
    assert TypeAdapter(ClauseNo).validate_python(number) == number


@pytest.mark.parametrize(
    "number",
    [
        "C0000103061202005290082",  # one short
        "C000010306120200529008211",
        "c00001030612020052900821",
        "C00001020612020052900821",  # class 206 is no property class
        "C00001030632020052900821",  # neither main nor rider
        "C00001030612020052900821\n",
        "C00001030612020052900８21",
        "（平安产险）（备-责任）[2015]（主）12号",  # a filing number of the old form
        "",
    ],
)
def test_what_is_no_clause_number(number: str) -> None:
    with pytest.raises(ValueError, match="form"):
        ClauseParts(number)
    with pytest.raises(ValidationError):
        TypeAdapter(ClauseNo).validate_python(number)


@pytest.mark.parametrize(
    ("number", "kind", "year"),
    [
        ("国药准字SJ20210014", "drug", 2021),
        ("国药准字SJ20171003", "drug", 2017),
        ("国药准字HJ20220057", "drug", 2022),
        ("国药准字HJ20140344", "drug", 2014),
        ("国药准字S20200016", "drug", 2020),
        ("国药准字H20143338", "drug", 2014),
        ("国药准字ZC20171003", "drug", 2017),
        ("国药准字S10970037", "drug", None),  # 10 is an office and no century
        ("国药准字H33021234", "drug", None),  # 33 is a province
        ("国械注准20243131618", "device", 2024),
        ("国械注准20213030647", "device", 2021),
        ("浙械注准20232140001", "device", 2023),
    ],
)
def test_approval_numbers_say_what_and_when(number: str, kind: str, year: int | None) -> None:
    assert approval_kind(number) == kind
    assert approval_year(number) == year
    assert TypeAdapter(ApprovalNo).validate_python(number) == number


@pytest.mark.parametrize(
    "number",
    [
        "H20210014",  # what is left out is put in front by whoever reads the format, not here
        "国药准字20210014",
        "国药准字HJC20210014",
        "国药准字H2021001",
        "国药准字H202100144",
        "国药准字h20210014",
        "国械注准2024313161",
        "国械备20240001",
        "国药准字H20210014\n",
    ],
)
def test_what_is_no_approval_number(number: str) -> None:
    with pytest.raises(ValueError, match="form"):
        approval_kind(number)
    assert approval_year(number) is None


@pytest.mark.parametrize("code", ["86901110000020", "86900594000335"])
def test_drug_codes_have_a_gs1_check_digit(code: str) -> None:
    assert TypeAdapter(DrugCode).validate_python(code) == code
    assert gs1_check_holds(code)
    for last in "0123456789":
        assert gs1_check_holds(code[:-1] + last) is (last == code[-1])


@pytest.mark.parametrize(
    ("kind", "good", "bad"),
    [
        (
            PolicyNo,
            ["PZDS201934010000001567", "ASHH5202OS26W005JPD0", "6260828000909X006408", "1234567890"],
            [
                "123456789",
                "A" * 31,
                "PZDS2019 34010000",
                "pzds201934010000001567",
                "PZDS20193401０0001567",
                "1234567890\n",
            ],
        ),
        (ReceiptNo, ["R-01", "0" * 40], ["R01", "0" * 41, "R_001"]),
        (RegionCode, ["330106", "330200"], ["33010", "3301060", "33010A"]),
        (
            InvoiceNo,
            ["26337904450900255091", "26317000002019064660", "12345678"],
            ["2633790445090025509", "A2345678", ""],
        ),
        (DrugCode, ["86901110000020"], ["8690111000002", "8690111000002A"]),
        (InsurerCode, ["PICC", "CRCIC", "LIG", "000002", "EXAMPLE-PC"], ["picc", "-PICC", "P", "PICC\n", "P" * 33]),
        (MessageId, ["a", "2026-06-01_0001.v1"], ["", "a b", "a" * 65, "a\n", "批1"]),
        (
            Digest,
            ["sha256:" + "0f" * 32],
            ["sha256:" + "0F" * 32, "sha256:" + "0" * 63, "0" * 64, "sha256:" + "0" * 64 + "\n"],
        ),
    ],
)
def test_forms_that_are_only_forms(kind: object, good: list[str], bad: list[str]) -> None:
    adapter = TypeAdapter(kind)
    for text in good:
        assert adapter.validate_python(text) == text
    for text in (*bad, None, 12345678901234, b"PICC"):
        with pytest.raises(ValidationError):
            adapter.validate_python(text, strict=True)


@pytest.mark.parametrize(
    "kind", [CreditCode, ClauseNo, PolicyNo, ReceiptNo, RegionCode, InvoiceNo, DrugCode, InsurerCode, MessageId, Digest]
)
@given(text=st.text(max_size=40))
def test_a_type_accepts_what_its_published_pattern_accepts(kind: object, text: str) -> None:
    """The JSON Schema that insurers implement says no less than the type; check digits are beyond a pattern."""
    adapter: TypeAdapter[str] = TypeAdapter(kind)
    pattern = adapter.json_schema()["pattern"]
    try:
        adapter.validate_python(text)
    except ValidationError:
        assert kind is CreditCode or not re.fullmatch(pattern.removeprefix("^").removesuffix("$"), text, re.ASCII)
    else:
        assert re.fullmatch(pattern.removeprefix("^").removesuffix("$"), text, re.ASCII)
