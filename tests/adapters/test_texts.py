"""Texts, identifiers and codes (DIALECTS 0.2, 0.3): what is read, what says nothing, what is refused and why."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters import convert
from adapters.problems import Unreadable
from schemas.identifiers import credit_check_character

HIDDEN = "\x00\x07\x1f\x7f\x85\u200b\u200d\u202e\u2066\u2069\u2060\ufeff\ufffd\ue000\U000f0000\ud800"


def why(read: object, raw: str) -> str:
    with pytest.raises(Unreadable) as caught:
        read(raw)  # type: ignore[operator]
    return f"{caught.value.rule} {caught.value.reason}"


@pytest.mark.parametrize(
    "raw", ["", " ", "\u3000", "\u00a0/ ", "\\", "-", "--", "—", "——", "－", "无", "n/a", "Ｎ／Ａ", "null", "None"]
)
def test_a_null_form_is_no_value(raw: str) -> None:
    assert convert.text(raw) is None
    assert convert.policy_no(raw) is None
    assert convert.credit_code(raw) is None


@pytest.mark.parametrize("raw", ["0", "---", "无。", "nil", "N.A"])
def test_what_only_looks_like_one_is_a_text(raw: str) -> None:
    assert convert.text(raw) == raw


@pytest.mark.parametrize(
    ("raw", "value"),
    [
        ("\u3000示例（杭州）\u00a0", "示例（杭州）"),
        ("示例 \r\n\t 制药", "示例 制药"),
        ("示例  制药", "示例  制药"),
        ("A\tB", "A B"),
        ("Ａ１", "Ａ１"),
    ],
)
def test_a_text_is_trimmed_and_keeps_its_characters(raw: str, value: str) -> None:
    assert convert.text(raw) == value


@pytest.mark.parametrize("hidden", HIDDEN)
@pytest.mark.parametrize(
    "read", [convert.text, convert.policy_no, convert.credit_code, convert.invoice_no, convert.folded]
)
def test_a_character_that_cannot_be_seen_is_never_repaired(read: object, hidden: str) -> None:
    assert why(read, f"PZAC2026330100{hidden}00000012") == "text.control-char control-character"


@pytest.mark.parametrize(
    ("read", "raw", "value"),
    [
        (convert.policy_no, " ｐzac2026 3301000000 ", "PZAC20263301000000"),
        (convert.policy_no, "AB-0123456", "AB-0123456"),
        (convert.receipt_no, "sk-1", "SK-1"),
        (convert.credit_code, "９1330108ma2xx9t186", "91330108MA2XX9T186"),
        (convert.approval_no, "国药准字 H20230999", "国药准字H20230999"),
        (convert.approval_no, "s20250088", "国药准字S20250088"),
        (convert.approval_no, "HJ20220057", "国药准字HJ20220057"),
        (convert.approval_no, "国械注准20243131618", "国械注准20243131618"),
        (convert.clause_no, "c00009930912025061000011", "C00009930912025061000011"),
        (convert.region, "３３０１０８", "330108"),
        (convert.drug_code, "86901110000020", "86901110000020"),
        (convert.identifier, "br2026 0226-778", "BR20260226-778"),
    ],
)
def test_an_identifier_is_normalised(read: object, raw: str, value: str) -> None:
    assert read(raw) == value  # type: ignore[operator]


@pytest.mark.parametrize(
    ("read", "raw", "reason"),
    [
        (convert.policy_no, "PZAC-1", "identifier.policy-no form"),
        (convert.policy_no, "P" * 31, "identifier.policy-no form"),
        (convert.policy_no, "PZAC2026_33010", "identifier.policy-no form"),
        (convert.policy_no, "PZAC202633ß0000", "identifier.policy-no form"),
        (convert.policy_no, "PZAC202633ı0000", "identifier.policy-no form"),
        (convert.policy_no, "2.63301E+17", "number.precision-lost scientific-notation"),
        (convert.policy_no, "2.63301e17", "number.precision-lost scientific-notation"),
        (convert.receipt_no, "12E+3", "number.precision-lost scientific-notation"),
        (convert.receipt_no, "SK1", "identifier.receipt-no form"),
        (convert.credit_code, "91330108MA2XX9T187", "identifier.credit-code check-character"),
        (convert.credit_code, "9133O108MA2XX9T186", "identifier.credit-code form"),
        (convert.credit_code, "330100123456789", "identifier.credit-code form"),
        (convert.credit_code, "9.14403E+17", "number.precision-lost scientific-notation"),
        (convert.approval_no, "国药准字20230999", "identifier.approval-no form"),
        (convert.approval_no, "X20230999", "identifier.approval-no form"),
        (convert.clause_no, "C0000993091202506100001", "identifier.clause-no form"),
        (convert.clause_no, "C00009930932025061000011", "identifier.clause-no form"),
        (convert.invoice_no, "2633700000001234567", "identifier.invoice-no form"),
        (convert.region, "33010", "identifier.region form"),
        (convert.drug_code, "8690111000002", "identifier.drug-code form"),
    ],
)
def test_an_identifier_that_is_none_is_refused(read: object, raw: str, reason: str) -> None:
    assert why(read, raw) == reason


def test_a_number_like_any_other_is_an_identifier() -> None:
    assert convert.receipt_no("12E3") == "12E3"


@given(st.text("0123456789ABCDEFGHJKLMNPQRTUWXY", min_size=17, max_size=17), st.integers(0, 16), st.data())
def test_one_wrong_character_of_a_credit_code_is_found(first: str, place: int, data: st.DataObject) -> None:
    code = first + credit_check_character(first)
    assert convert.credit_code(code) == code
    other = data.draw(st.sampled_from([c for c in "0123456789ABCDEFGHJKLMNPQRTUWXY" if c != code[place]]))
    assert (
        why(convert.credit_code, code[:place] + other + code[place + 1 :]) == "identifier.credit-code check-character"
    )


@given(st.text())
def test_no_text_breaks_a_reader(raw: str) -> None:
    for read in (convert.text, convert.policy_no, convert.credit_code, convert.approval_no, convert.folded):
        try:
            value = read(raw)
        except Unreadable:
            continue
        assert value is None or (value == value.strip() and not convert.FORBIDDEN.search(value))
        if value is not None:
            assert read(value) in (value, None)  # NFKC may leave what says "no value"


@pytest.mark.parametrize(
    "raw",
    [
        f"{'1' * 20};{'2' * 20}",
        f"{'1' * 20}、{'2' * 20}",
        f"{'1' * 20}\n{'2' * 20}",
        f" {'1' * 20} ／，{'2' * 20};",
        f"{'1' * 20}|{'2' * 20}",
    ],
)
def test_several_invoice_numbers_stand_in_one_cell(raw: str) -> None:
    assert convert.several(convert.invoice_no)(raw) == ["1" * 20, "2" * 20]


@pytest.mark.parametrize(
    ("printed", "group", "codes"),
    [
        ("化学药品1类", "chemical", ("1",)),
        ("化药2.2类＋2.4类", "chemical", ("2.2", "2.4")),
        ("化学药品注册分类 第2.2类;2.4类", "chemical", ("2.2", "2.4")),
        ("化学药1类", "chemical", ("1",)),
        ("中药1.1类", "tcm", ("1.1",)),
        ("治疗用生物制品1类", "therapeutic_biologic", ("1",)),
        ("预防用生物制品 2.4类", "preventive_biologic", ("2.4",)),
        ("生物制品1类", "unknown", ("1",)),
        ("第三类医疗器械", "device", ()),
        ("化学药品原6类", "chemical", ()),
        ("化药2.2类、", "chemical", ()),
        ("创新药", "unknown", ()),
    ],
)
def test_a_registration_class_has_a_group_and_codes(printed: str, group: str, codes: tuple[str, ...]) -> None:
    assert convert.registration_class(printed) == (group, codes)


def test_a_code_is_one_of_its_table_and_its_case_counts() -> None:
    read = convert.one_of({"ZAC00": "product_liability"})
    assert read("ＺAC00 ") == "product_liability"
    assert read("-") is None
    assert why(read, "zac00") == "value.unknown not-in-table"
    assert convert.one_of({}, other="other")("新险种") == "other"
