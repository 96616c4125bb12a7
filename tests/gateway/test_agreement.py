"""The record against the sealed document, field by field."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from one_policy import ANOTHER, HOLDER, policy, receipt, stated

from gateway.submissions.agreement import Stated, check_policy_agreement, check_receipt_agreement, value_at
from schemas.verification import Outcome

DOCUMENT = "sha256:" + "1" * 64
NEEDED = {
    "policy_no",
    "policyholder.name",
    "product.generic_name",
    "period.start",
    "period.end",
    "limits.aggregate",
    "premium.gross",
}
OTHERS: dict[str, Any] = {
    "policy_no": "PTEST20263301000002",
    "policyholder.name": ANOTHER["name"],
    "policyholder.credit_code": ANOTHER["credit_code"],
    "product.generic_name": "示例替尼片",
    "product.approval_no": "国药准字S20240002",
    "line": "drug_liability",
    "clauses.registration_no": ["C00090130912025041900012"],
    "issued_on": "2026-07-23",
    "period.start": "2026-07-28",
    "period.end": "2027-07-27",
    "limits.aggregate": "40000000.01",
    "rate_percent": "2.01",
    "premium.gross": "800000.01",
    "premium.net": "754716.99",
    "premium.tax": "45283.01",
}


def test_what_agrees_is_one_check_that_lists_it() -> None:
    (check,) = check_policy_agreement(policy(), DOCUMENT, stated(policy()))
    assert check.outcome is Outcome.PASSED
    assert sorted(check.facts["fields"]) == sorted(stated(policy()))


@given(st.sets(st.sampled_from(sorted(OTHERS)), min_size=1))
def test_any_fields_that_differ_are_all_named_with_both_values(fields: set[str]) -> None:
    says = stated(policy(), {field: OTHERS[field] for field in fields})
    checks = check_policy_agreement(policy(), DOCUMENT, says)
    assert {check.field for check in checks} == fields
    for check in checks:
        assert (check.outcome, check.reason) == (Outcome.FAILED, "differs")
        assert check.facts["document_says"] == OTHERS[str(check.field)]
        assert check.facts["record"] == stated(policy())[str(check.field)].value
        assert check.facts["where"] == "page 1 line 1"
        assert check.facts["document"] == DOCUMENT


@given(st.sets(st.sampled_from(sorted(OTHERS)), min_size=1))
def test_what_the_document_must_say_and_does_not_is_open(fields: set[str]) -> None:
    says = {field: found for field, found in stated(policy()).items() if field not in fields}
    checks = check_policy_agreement(policy(), DOCUMENT, says)
    if missing := fields & NEEDED:
        assert {check.field for check in checks} == missing
        assert {(check.outcome, check.reason) for check in checks} == {(Outcome.INDETERMINATE, "not-in-document")}
    else:
        assert [check.outcome for check in checks] == [Outcome.PASSED]


def test_a_document_that_says_nothing_never_agrees() -> None:
    assert {check.outcome for check in check_policy_agreement(policy(), DOCUMENT, {})} == {Outcome.INDETERMINATE}
    assert {check.outcome for check in check_receipt_agreement(receipt(), DOCUMENT, {})} == {Outcome.INDETERMINATE}


@pytest.mark.parametrize(
    ("field", "said", "agrees"),
    [
        ("policyholder.name", "示例医药(杭州) 有限公司", True),  # width and white space
        ("policyholder.name", "示例医药（杭州）有限公司 ", True),
        ("policyholder.name", "示例医药（抗州）有限公司", False),
        ("policyholder.name", "示例医药（杭州）有限公司浙江分公司", False),
        ("product.generic_name", "示例单抗 注射液", True),
        ("rate_percent", "2.00", True),
        ("rate_percent", "2.001", False),
        ("rate_percent", "0.02", False),
        ("clauses.registration_no", ("C00090130912025041900011",), True),  # a tuple: as read, before it was stored
        ("clauses.registration_no", "C00090130912025041900011", True),
        ("clauses.registration_no", [], False),
        ("premium.gross", "800000.00 ", False),
        ("period.start", "2026-7-27", False),
    ],
)
def test_spelling_is_folded_where_it_means_nothing_and_only_there(field: str, said: Any, agrees: bool) -> None:
    checks = check_policy_agreement(policy(), DOCUMENT, stated(policy(), {field: said}))
    assert [check.outcome for check in checks] == [Outcome.PASSED if agrees else Outcome.FAILED]


def test_the_order_of_clauses_means_nothing_but_each_counts() -> None:
    numbers = ["C00090130912025041900011", "C00090130922025041900012"]
    kinds = ("main", "rider")
    said = policy({"clauses": [{"registration_no": n, "kind": k} for n, k in zip(numbers, kinds, strict=True)]})
    for found, outcome in ((numbers[::-1], Outcome.PASSED), (numbers[:1], Outcome.FAILED)):
        (check,) = check_policy_agreement(said, DOCUMENT, stated(said, {"clauses.registration_no": found}))
        assert check.outcome is outcome


@pytest.mark.parametrize(
    ("field", "other"),
    [
        ("policy_no", "PTEST20263301000002"),
        ("receipt_no", "SK0002"),
        ("amount", "8000.00"),
        ("received_on", "2026-07-25"),
        ("payer.name", ANOTHER["name"]),
        ("payer.credit_code", ANOTHER["credit_code"]),
        ("paid_in_full", False),
    ],
)
def test_each_field_of_a_statement_counts(field: str, other: Any) -> None:
    says = stated(receipt(), {"paid_in_full": True, "payer.credit_code": HOLDER["credit_code"]})
    assert [check.outcome for check in check_receipt_agreement(receipt(), DOCUMENT, says)] == [Outcome.PASSED]
    (check,) = check_receipt_agreement(receipt(), DOCUMENT, says | {field: Stated(other, "page 2 line 3")})
    assert (check.outcome, check.field, check.facts["where"]) == (Outcome.FAILED, field, "page 2 line 3")


def test_values_are_found_at_dotted_paths() -> None:
    tree = {"a": {"b": "1"}, "many": [{"x": "1"}, {"y": "2"}, {"x": "3"}], "none": None}
    assert value_at(tree, "a.b") == "1"
    assert value_at(tree, "many.x") == ["1", "3"]
    assert value_at(tree, "many.z") is None
    assert value_at(tree, "none.b") is None
    assert value_at(tree, "other") is None
