"""Sealed invoices: held against the invoice's own record, and against the receipt that names them."""

from typing import Any

import pytest
from one_policy import AT, INSURER, POLICY_NO, receipt

from gateway.submissions.agreement import Stated
from gateway.submissions.evidence import TAX_AUTHORITY, JudgedDocument, judge_evidence
from schemas.premium import Invoice
from schemas.verification import Check, Outcome, worst

DIGEST = "sha256:" + "3" * 64
NUMBER = "26332000000000000001"
NAMED = [{"kind": "invoice", "digest": DIGEST, "media_type": "application/ofd"}]
RECORD: dict[str, Any] = {
    "invoice_no": NUMBER,
    "issued_on": "2026-07-25",
    "seller": {"name": "示例甲财产保险有限公司", "credit_code": "91330000MA2DEMA16M"},
    "buyer": {"name": "示例医药（杭州）有限公司", "credit_code": "91330108MA2XX9T186"},
    "net": "754716.98",
    "tax": "45283.02",
    "gross": "800000.00",
    "policy_nos": [POLICY_NO],
}
SAYS: dict[str, Any] = {
    "invoice_no": NUMBER,
    "issued_on": "2026-07-25",
    "seller.name": "示例甲财产保险有限公司",
    "seller.credit_code": "91330000MA2DEMA16M",
    "buyer.name": "示例医药(杭州)有限公司",
    "buyer.credit_code": "91330108MA2XX9T186",
    "net": "754716.98",
    "tax": "45283.02",
    "gross": "800000.00",
    "policy_nos": [POLICY_NO],
}
OTHERS = {
    "invoice_no": "26332000000000000002",
    "issued_on": "2026-07-26",
    "seller.name": "示例乙财产保险有限公司",
    "seller.credit_code": "91331082MA28GHJ45X",
    "buyer.name": "示例制药（临海）股份有限公司",
    "buyer.credit_code": "91330108MA2XX9T18",
    "net": "754716.99",
    "tax": "45283.01",
    "gross": "8000.00",
    "policy_nos": [POLICY_NO, "PTEST20263301000002"],
}


def paper(changes: dict[str, Any] | None = None, **fields: Any) -> dict[str, JudgedDocument]:
    """The invoice as the tax platform sealed it, with other statements, or as `fields` say."""
    says = {field: value for field, value in (SAYS | (changes or {})).items() if value is not None}
    given: dict[str, Any] = {
        "digest": DIGEST,
        "kind": "invoice",
        "policy_no": None,
        "outcome": Outcome.PASSED,
        "judged_at": AT,
        "failing": (),
        "owners": (TAX_AUTHORITY,),
        "signers": ("发票监制章",),
        "stated": {field: Stated(value, "page 1 line 1 object 1") for field, value in says.items()},
    }
    return {DIGEST: JudgedDocument(**(given | fields))}


def invoice(**changes: Any) -> Invoice:
    return Invoice.model_validate(RECORD | {"documents": NAMED} | changes)


def points(checks: list[Check]) -> set[tuple[str, str | None, str | None]]:
    """Rule, reason and field of everything that does not pass."""
    return {(check.rule, check.reason, check.field) for check in checks if check.outcome is not Outcome.PASSED}


def test_an_invoice_that_agrees_passes_and_lists_what_agrees() -> None:
    checks = judge_evidence(invoice(), INSURER, paper())
    assert worst(checks) is Outcome.PASSED
    assert set(checks[-1].facts["fields"]) == set(SAYS)


@pytest.mark.parametrize("field", OTHERS)
def test_each_field_of_an_invoice_counts(field: str) -> None:
    checks = judge_evidence(invoice(), INSURER, paper({field: OTHERS[field]}))
    assert points(checks) == {("evidence.agrees", "differs", field)}


@pytest.mark.parametrize("field", ["invoice_no", "issued_on", "seller.name", "buyer.name", "net", "tax", "gross"])
def test_what_the_invoice_must_say_and_does_not_is_open(field: str) -> None:
    checks = judge_evidence(invoice(), INSURER, paper({field: None}))
    assert points(checks) == {("evidence.agrees", "not-in-document", field)}
    assert worst(checks) is Outcome.INDETERMINATE


def test_without_such_a_document_nothing_is_said() -> None:
    assert judge_evidence(invoice(documents=[]), INSURER, paper()) == []
    other = [{"kind": "policy", "digest": DIGEST, "media_type": "application/ofd"}]
    assert judge_evidence(invoice(documents=other), INSURER, paper()) == []
    assert judge_evidence(receipt(), INSURER, paper()) == []


def test_a_document_that_was_not_handed_in_is_open() -> None:
    for record in (invoice(), receipt({"documents": NAMED})):
        assert points(judge_evidence(record, INSURER, {})) == {("evidence.present", "not-handed-in", "documents")}


@pytest.mark.parametrize(
    ("fields", "point"),
    [
        ({"owners": (INSURER.code,)}, ("evidence.sealed-by-tax-authority", "seal-of-another", "documents")),
        ({"owners": ()}, ("evidence.sealed-by-tax-authority", "seal-not-bound", "documents")),
        ({"owners": (), "signers": ()}, ("evidence.sealed-by-tax-authority", "nobody-sealed", "documents")),
        ({"kind": "receipt"}, ("evidence.kind", "another-kind", "documents")),
        ({"outcome": Outcome.FAILED}, ("evidence.sealed", "seal-invalid", "documents")),
        ({"outcome": Outcome.INDETERMINATE}, ("evidence.sealed", "seal-undecided", "documents")),
    ],
)
def test_the_paper_itself_is_judged(fields: dict[str, Any], point: tuple[str, str, str]) -> None:
    for record in (invoice(), receipt({"documents": NAMED, "invoice_nos": [NUMBER]})):
        assert points(judge_evidence(record, INSURER, paper(**fields))) == {point}


@pytest.mark.parametrize(
    ("record", "says", "point"),
    [
        ({}, {}, None),
        ({}, {"gross": "8000.00"}, None),  # one invoice may be for more, or less, than one receipt
        ({}, {"policy_nos": ["PTEST20263301000002", POLICY_NO]}, None),
        ({}, {"policy_nos": ["PTEST20263301000002"]}, ("evidence.agrees", "differs", "policy_no")),
        ({}, {"policy_nos": None}, ("evidence.agrees", "not-in-document", "policy_no")),
        ({}, {"invoice_no": "26332000000000000009"}, ("evidence.agrees", "differs", "invoice_nos")),
        ({}, {"invoice_no": None}, ("evidence.agrees", "not-in-document", "invoice_nos")),
        ({"invoice_nos": []}, {}, ("evidence.agrees", "not-in-record", "invoice_nos")),
    ],
)
def test_the_invoice_of_a_receipt_is_one_of_its_invoices_and_for_its_policy(
    record: dict[str, Any], says: dict[str, Any], point: tuple[str, str, str] | None
) -> None:
    said = receipt({"documents": NAMED, "invoice_nos": [NUMBER]} | record)
    assert points(judge_evidence(said, INSURER, paper(says))) == ({point} if point else set())


def test_an_invoice_is_no_receipt() -> None:
    named = [{"kind": "receipt", "digest": DIGEST, "media_type": "application/ofd"}]
    found = points(judge_evidence(receipt({"documents": named}), INSURER, paper(owners=(INSURER.code,))))
    assert ("evidence.kind", "another-kind", "documents") in found
