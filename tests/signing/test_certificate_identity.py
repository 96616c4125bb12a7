"""A code that is stated is one, and a name reads as it is; what merely has eighteen characters is left alone."""

from dataclasses import replace

import pytest
import sealing as s
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.identifiers import credit_check_character
from schemas.verification import Check, Outcome
from signing.certificate import BadCertificate, signer_identity, what_is_stated
from signing.checks.identity import check_identity
from signing.names import lookalike
from signing.trust import Purpose

CODE = "91330200MA2AFH4T08"
WRONG = "91330200MA2AFH4T0N"


def judge(common: str = "示例公司", organisation: str | None = None, number: str | None = None) -> Check:
    holder = replace(s.SIGNER, common=common, organisation=organisation, number=number, key=s.SIGNER.common)
    found = check_identity(holder.certificate, Purpose.document_signing)
    assert found is not None
    return found


@pytest.mark.parametrize(
    "number",
    [
        CODE,
        None,
        "330102198501011231",  # shaped like one, but neither code nor card: see below
        "11010519491231002X",  # the identity card of the standard's own example
        "123456789012345678901",
        "0123456789ABCDEFGH",
        "37030000001721",
    ],
)
def test_numbers_that_are_no_wrong_codes(number: str | None) -> None:
    shaped = number == "330102198501011231"
    assert judge(number=number).reason == ("credit-code-wrong" if shaped else None)


@pytest.mark.parametrize(
    "subject",
    [
        {"number": WRONG},
        {"organisation": WRONG},
        {"common": f"CFCA@示例公司@N{WRONG}@10"},
        {"organisation": f"{WRONG}示例公司"},
    ],
)
def test_a_wrong_check_character_is_told_wherever_a_code_stands(subject: dict[str, str]) -> None:
    found = judge(**subject)
    assert (found.outcome, found.reason, found.facts["codes"]) == (Outcome.FAILED, "credit-code-wrong", [WRONG])


def test_a_person_of_cfca_is_no_organisation() -> None:
    assert judge(common=f"CFCA@张三@0{WRONG}@1").reason is None


@settings(deadline=None, max_examples=30)
@given(st.sampled_from("123456789ANY"), st.text("0123456789ABCDEFGHJKLMNPQRTUWXY", min_size=9, max_size=9))
def test_only_the_right_check_character_passes(first: str, rest: str) -> None:
    body = f"{first}1330200{rest}"
    right = credit_check_character(body)
    for last in "0123456789ABCDEFGHJKLMNPQRTUWXY":
        found = judge(number=body + last)
        assert found.outcome is (Outcome.PASSED if last == right else found.outcome)
        if found.outcome is Outcome.PASSED and last != right:
            assert (body + last)[:17].isdigit(), "only the number of an identity card is let off"


@pytest.mark.parametrize(
    "name",
    [
        "示例财产保险股份有限公司（浙江）",
        "东京海上日动火灾保险（中国）有限公司",
        "AXA天平财产保险·上海",
        "ＡＢＣ保险１２３",
        "中国人民财产保险股份有限公司宁波市分公司",
        "〇一二三々",
        "Zürich财产保险",
        "བོད་ལྗོངས་保险",
        "Example Insurance Co., Ltd. №1 & 2—3",
    ],
)
def test_names_as_they_are(name: str) -> None:
    assert lookalike(name) is None
    assert judge(organisation=name).reason is None


@pytest.mark.parametrize(
    ("name", "character"),
    [
        ("中国人⺠财产保险", "U+2EA0"),  # a radical in the place of 民
        ("中国⼈民财产保险", "U+2F08"),  # a Kangxi radical in the place of 人
        ("中國人民保險公\uf9de", "U+F9DE"),  # a compatibility ideograph
        ("ロ岸保险", "U+30ED"),  # katakana in the place of 口
        ("ΑΧΑ天平", "U+0391"),  # Greek
        ("АХА天平", "U+0410"),  # Cyrillic
        ("示例\u3164保险", "U+3164"),  # a filler that shows nothing
        ("示\ufe00例保险", "U+FE00"),  # a variation selector
        ("示例\u200b保险", "U+200B"),
        ("示例\u202e保险", "U+202E"),
        ("𝐀𝐗𝐀天平", "U+1D400"),
        ("保险٣", "U+0663"),
        ("示例\U000f0000", "U+F0000"),
        ("保" * 401, "too-long"),
    ],
)
def test_names_that_pass_for_others(name: str, character: str) -> None:
    assert lookalike(name) == character


def test_only_where_somebody_goes_by_the_name() -> None:
    for purpose in Purpose:
        expected = purpose in (Purpose.document_signing, Purpose.seal_making, Purpose.xml_signing)
        assert (check_identity(s.SIGNER.certificate, purpose) is not None) == expected


@given(st.binary(max_size=80))
def test_junk_states_nothing(junk: bytes) -> None:
    for read in (what_is_stated, signer_identity):
        with pytest.raises(BadCertificate):
            read(junk)
