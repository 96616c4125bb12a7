"""What registries say of a policy: passed only if a fresh, whole statement says so."""

import hashlib
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from premiums_at_hand import ANOTHER, HOLDER, PRODUCT, policy_of

from gateway.registries.check import (
    Terms,
    check_double_subsidy,
    check_holder,
    check_product,
    check_registries,
)
from gateway.registries.entries import CreditRecord, SisterAward, Variety
from gateway.registries.registry import NOTHING_STATED, Registries, Registry, Stated
from schemas.policy import Policy
from schemas.verification import Check, Outcome, Severity

AT = datetime(2026, 9, 1, 4, tzinfo=UTC)
TODAY = date(2026, 9, 1)
TERMS = Terms(max_age_days=45)
VARIETY: dict[str, Any] = {
    "approval_no": PRODUCT["approval_no"],
    "generic_name": PRODUCT["generic_name"],
    "approval_date": "2024-03-15",
    "registration_class": "治疗用生物制品1类",
    "holder": HOLDER["name"],
    "holder_code": HOLDER["credit_code"],
    "is_new_drug": True,
}
MARK: dict[str, Any] = {
    "credit_code": HOLDER["credit_code"],
    "name": HOLDER["name"],
    "kind": "serious_dishonesty",
    "since": "2025-01-01",
    "authority": "某省发展改革委",
    "reference": "失信〔2025〕1号",
}
AWARD: dict[str, Any] = {
    "scheme": "SH-BIO",
    "reference": "沪2026-1",
    "year": 2026,
    "amount": "100000.00",
    "awarded_on": "2026-06-01",
}


def archive(*changes: dict[str, Any], age: int = 1, whole: bool = True) -> Registry[Variety]:
    day = TODAY - timedelta(days=age)
    stated = [Stated(f"省药监局{at}", day, Variety.model_validate(VARIETY | one)) for at, one in enumerate(changes)]
    return Registry(stated, {f"省药监局{at}": day for at in range(max(1, len(changes)))} if whole else {})


def credit(*changes: dict[str, Any], age: int = 1, whole: bool = True) -> Registry[CreditRecord]:
    day = TODAY - timedelta(days=age)
    stated = [Stated("信用浙江", day, CreditRecord.model_validate(MARK | one)) for one in changes]
    return Registry(stated, {"信用浙江": day} if whole else {})


def awards(*changes: dict[str, Any], age: int = 1, whole: bool = True) -> Registry[SisterAward]:
    day = TODAY - timedelta(days=age)
    stated = [Stated("省财政厅", day, SisterAward.model_validate(AWARD | one)) for one in changes]
    return Registry(stated, {"省财政厅": day} if whole else {})


def product_answers(registry: Registry[Variety], policy: Policy | None = None) -> dict[str, tuple[str, str | None]]:
    checks = check_product(policy or policy_of(), registry, AT, TERMS)
    return {check.rule.removeprefix("product."): (check.outcome.value, check.reason) for check in checks}


def told(check: Check) -> tuple[str, str | None]:
    return check.outcome.value, check.reason


def test_a_product_as_the_archive_has_it_passes() -> None:
    assert product_answers(archive({})) == {"archive-agrees": ("passed", None), "is-new-drug": ("passed", None)}


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"registration_class": "治疗用生物制品3.1类"}, ("failed", "class-differs")),
        ({"registration_class": "治疗用生物制品注册分类1"}, ("passed", None)),
        ({"registration_class": None}, ("indeterminate", "class-not-in-archive")),
        ({"approval_date": "2020-03-15"}, ("indeterminate", "approval-date-differs")),
        ({"holder": ANOTHER["name"], "holder_code": ANOTHER["credit_code"]}, ("indeterminate", "holder-differs")),
        ({"holder": "示例医药(杭州)有限公司", "holder_code": None}, ("passed", None)),
        ({"generic_name": "别的药"}, ("indeterminate", "name-differs")),
        ({"state": "cancelled"}, ("failed", "approval-cancelled")),
        ({"state": "suspended"}, ("indeterminate", "approval-suspended")),
    ],
)
def test_what_differs_from_the_archive(changes: dict[str, Any], expected: tuple[str, str | None]) -> None:
    assert product_answers(archive(changes))["archive-agrees"] == expected


def test_the_gravest_difference_of_any_source_is_told() -> None:
    registry = archive({"approval_date": "2020-01-01"}, {"registration_class": "治疗用生物制品3.1类"})
    assert product_answers(registry)["archive-agrees"] == ("failed", "class-differs")


@pytest.mark.parametrize(
    ("word", "expected"),
    [(True, ("passed", None)), (False, ("failed", "not-new-drug")), (None, ("indeterminate", "not-decided"))],
)
def test_only_the_drug_authority_says_what_is_new(word: bool | None, expected: tuple[str, str | None]) -> None:
    assert product_answers(archive({"is_new_drug": word}))["is-new-drug"] == expected


def test_one_source_that_says_no_outweighs_another_that_says_yes() -> None:
    registry = archive({"is_new_drug": True}, {"is_new_drug": False})
    assert product_answers(registry)["is-new-drug"] == ("failed", "not-new-drug")
    assert product_answers(archive({"is_new_drug": True}, {"is_new_drug": None}))["is-new-drug"][0] == "passed"


@pytest.mark.parametrize(
    ("registry", "reason"),
    [
        (archive({}, age=46), "registry-stale"),
        (archive({"approval_no": "国药准字H20249999"}), "not-in-archive"),
        (archive({"approval_no": "国药准字H20249999"}, whole=False), "registry-not-whole"),
        (archive({}, age=-1), "registry-stale"),
        (archive({"approval_no": "国药准字H20249999"}, age=-1), "registry-as-of-in-future"),
    ],
)
def test_an_archive_that_cannot_speak_never_passes(registry: Registry[Variety], reason: str) -> None:
    expected = ("indeterminate", reason)
    assert product_answers(registry) == {"archive-agrees": expected, "is-new-drug": expected}


def test_a_policy_without_an_approval_number_cannot_be_looked_up_and_a_device_is_no_drug() -> None:
    bare = policy_of(product={"generic_name": "示例单抗注射液"})
    assert set(product_answers(archive({}), bare).values()) == {("indeterminate", "approval-not-stated")}
    device = policy_of(product={**PRODUCT, "kind": "device"})
    assert set(product_answers(archive({}), device)) == {"archive-agrees"}


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, ("failed", "seriously-dishonest")),
        ({"until": "2026-09-01"}, ("failed", "seriously-dishonest")),
        ({"until": "2026-08-31"}, ("passed", None)),
        ({"since": "2026-09-02"}, ("passed", None)),
        ({"kind": "safety_accident", "since": "2023-09-02"}, ("failed", "major-accident")),
        ({"kind": "safety_accident", "since": "2023-09-01"}, ("passed", None)),
        ({"kind": "quality_accident", "since": "2024-02-29"}, ("failed", "major-accident")),
        ({"credit_code": ANOTHER["credit_code"]}, ("passed", None)),
    ],
)
def test_marks_on_the_policyholder(changes: dict[str, Any], expected: tuple[str, str | None]) -> None:
    assert told(check_holder(policy_of(), credit(changes), AT, TERMS)) == expected


def test_a_mark_counts_however_old_and_its_absence_only_if_fresh() -> None:
    assert told(check_holder(policy_of(), credit({}, age=400), AT, TERMS))[0] == "failed"
    assert told(check_holder(policy_of(), credit(age=400), AT, TERMS)) == ("indeterminate", "registry-stale")
    other = {"credit_code": ANOTHER["credit_code"]}
    assert told(check_holder(policy_of(), credit(other, whole=False), AT, TERMS))[1] == "registry-not-whole"
    nameless = policy_of(policyholder={"name": HOLDER["name"]})
    assert told(check_holder(nameless, credit(), AT, TERMS)) == ("indeterminate", "no-credit-code")


NUMBER = policy_of().policy_no
DIGEST = f"sha256:{hashlib.sha256(NUMBER.encode()).hexdigest()}"


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"policy_no": NUMBER}, ("failed", "awarded-by-sister-scheme")),
        ({"policy_no": NUMBER, "insurer": "TEST-A"}, ("failed", "awarded-by-sister-scheme")),
        ({"policy_no": NUMBER, "insurer": "TEST-B"}, ("passed", None)),
        ({"policy_digest": DIGEST, "level": "national"}, ("failed", "awarded-by-sister-scheme")),
        ({"policy_no": NUMBER, "level": "city"}, ("passed", None)),
        ({"policy_no": NUMBER, "scheme": "ZJ-NDI"}, ("passed", None)),
        ({"approval_no": PRODUCT["approval_no"]}, ("indeterminate", "product-awarded-before")),
        ({"approval_no": PRODUCT["approval_no"], "level": "county"}, ("passed", None)),
        (
            {"generic_name": "示例单抗 注射液", "holder_code": HOLDER["credit_code"]},
            ("indeterminate", "product-awarded-before"),
        ),
        (
            {"policy_no": "PTEST202633010800000077", "approval_no": PRODUCT["approval_no"]},
            ("indeterminate", "product-awarded-before"),
        ),
        ({"policy_no": "PTEST202633010800000077"}, ("passed", None)),
    ],
)
def test_awards_of_sister_schemes(changes: dict[str, Any], expected: tuple[str, str | None]) -> None:
    assert told(check_double_subsidy(policy_of(), "TEST-A", awards(changes), AT, TERMS)) == expected


def test_that_nothing_was_awarded_is_known_only_from_a_fresh_whole_statement() -> None:
    for registry, reason in (
        (awards(age=400), "registry-stale"),
        (awards({"policy_no": "X" * 12}, whole=False), "registry-not-whole"),
    ):
        check = check_double_subsidy(policy_of(), "TEST-A", registry, AT, TERMS)
        assert told(check) == ("indeterminate", reason)


def test_a_registry_that_was_never_connected_decides_only_where_it_is_required() -> None:
    for check in check_registries(policy_of(), "TEST-A", NOTHING_STATED, AT, TERMS):
        assert (check.outcome, check.reason, check.severity) == (
            Outcome.INDETERMINATE,
            "registry-not-connected",
            Severity.NOTICE,
        )
    required = Terms(required=("varieties", "credit", "sister-awards"))
    for check in check_registries(policy_of(), "TEST-A", NOTHING_STATED, AT, required):
        assert check.severity is Severity.ERROR
    connected = Registries(archive({}, age=400), credit(), awards(), Registry())
    severities = {check.severity for check in check_registries(policy_of(), "TEST-A", connected, AT, TERMS)}
    assert severities == {Severity.ERROR}  # once connected, it decides


@given(st.integers(-60, 400), st.booleans(), st.lists(st.sampled_from(["policy", "product", "other"]), max_size=3))
def test_nothing_passes_without_a_fresh_whole_statement(age: int, whole: bool, about: list[str]) -> None:
    changes = {
        "policy": {"policy_no": NUMBER},
        "product": {"approval_no": PRODUCT["approval_no"]},
        "other": {"policy_no": "PTEST202633010800000077"},
    }
    listed = [changes[one] | {"reference": str(at)} for at, one in enumerate(about)]
    checks = (
        check_double_subsidy(policy_of(), "TEST-A", awards(*listed, age=age, whole=whole), AT, TERMS),
        check_holder(policy_of(), credit(age=age, whole=whole), AT, TERMS),
        *check_product(policy_of(), archive({}, age=age, whole=whole), AT, TERMS),
    )
    for check in checks:
        if check.outcome is Outcome.PASSED:
            assert 0 <= age <= 45
            assert whole or check.rule.startswith("product.")
    if {"policy"} & set(about):
        assert checks[0].outcome is Outcome.FAILED
