"""The sealed documents of a record: whether their seals hold, whose they are, and whether they say what it says."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from gateway.participants import Participant
from gateway.submissions.agreement import (
    Stated,
    check_invoice_agreement,
    check_invoiced,
    check_policy_agreement,
    check_receipt_agreement,
)
from schemas.policy import Policy
from schemas.premium import Invoice, PremiumReceipt
from schemas.verification import Check, Outcome, failed, passed, unknown

TAX_AUTHORITY = "STATE-TAX"  # whose seals and certificates these are, the trust folder says in owners.toml

Documents = Mapping[str, "JudgedDocument"]  # by digest, in the order in which they were handed in


@dataclass(frozen=True, slots=True)
class JudgedDocument:
    """A sealed document with the verdict on its seals, whose seals they are, and what it states."""

    digest: str
    kind: str | None
    policy_no: str | None
    outcome: Outcome
    judged_at: datetime
    failing: tuple[Check, ...]
    owners: tuple[str, ...]
    signers: tuple[str, ...]
    stated: Mapping[str, Stated]
    problems: tuple[Check, ...] = ()


def judge_evidence(record: Any, insurer: Participant, documents: Documents) -> list[Check]:
    """Every check of the sealed documents that belong to a policy, receipt or invoice, and of the agreement with them.

    None where a receipt or invoice names no document of such a kind: nothing is said about it then.
    """
    checks: list[Check] = []
    if isinstance(record, Policy):
        found, missing = documents_of_policy(record, documents)
        if missing:
            checks.append(unknown("evidence.present", "not-handed-in", field="documents", digests=list(missing)))
        elif not found:
            checks.append(unknown("evidence.present", "none-known", field="documents"))
        for document in found:
            checks += judge_document_of(insurer, document, "policy")
            checks += check_policy_agreement(record, document.digest, document.stated)
    if isinstance(record, PremiumReceipt):
        found, missing = documents_of_receipt(record, documents)
        if missing:
            checks.append(unknown("evidence.present", "not-handed-in", field="documents", digests=list(missing)))
        invoices = _digests(record, "invoice")
        for document in found:
            if document.digest in invoices:
                checks += judge_invoice_document(document)
                checks += check_invoiced(record, document.digest, document.stated)
            else:
                checks += judge_document_of(insurer, document, "receipt", "statement")
                checks += check_receipt_agreement(record, document.digest, document.stated)
    if isinstance(record, Invoice):
        found, missing = documents_of_invoice(record, documents)
        if missing:
            checks.append(unknown("evidence.present", "not-handed-in", field="documents", digests=list(missing)))
        for document in found:
            checks += judge_invoice_document(document)
            checks += check_invoice_agreement(record, document.digest, document.stated)
    return checks


Found = tuple[tuple[JudgedDocument, ...], tuple[str, ...]]


def documents_of_policy(policy: Policy, documents: Documents) -> Found:
    """The e-policy documents of a record, and the digests that it names but nobody handed in.

    A format that cannot name documents is joined by the policy number that the document itself states: the latest.
    """
    if named := _digests(policy, "policy"):
        return _named(named, documents)
    stating = [one for one in documents.values() if one.kind == "policy" and one.policy_no == policy.policy_no]
    return tuple(stating[-1:]), ()


def documents_of_receipt(receipt: PremiumReceipt, documents: Documents) -> Found:
    """The sealed receipts, statements and invoices of a record, and the digests it names but nobody handed in."""
    return _named(_digests(receipt, "receipt", "statement", "invoice"), documents)


def documents_of_invoice(invoice: Invoice, documents: Documents) -> Found:
    """The sealed invoices of an invoice's record, and the digests that it names but nobody handed in."""
    return _named(_digests(invoice, "invoice"), documents)


def _digests(record: Policy | PremiumReceipt | Invoice, *kinds: str) -> list[str]:
    return [document.digest for document in record.documents if document.kind in kinds]


def _named(digests: list[str], documents: Documents) -> Found:
    digests = list(dict.fromkeys(digests))
    found = tuple(documents[digest] for digest in digests if digest in documents)
    return found, tuple(digest for digest in digests if digest not in documents)


def judge_document_of(insurer: Participant, document: JudgedDocument, *kinds: str) -> tuple[Check, ...]:
    """The document was handed in, its seals hold, one is this insurer's, and it is of the kind it is used for."""
    return _judged(document, check_owner(insurer, document), kinds)


def judge_invoice_document(document: JudgedDocument) -> tuple[Check, ...]:
    """The same of an invoice, which the tax authority's platform seals, whoever the seller is."""
    return _judged(document, check_tax_seal(document), ("invoice",))


def _judged(document: JudgedDocument, whose: Check, kinds: tuple[str, ...]) -> tuple[Check, ...]:
    facts: dict[str, Any] = {"document": document.digest, "judged_at": document.judged_at.isoformat()}
    checks = [passed("evidence.present", document=document.digest)]
    if document.outcome is Outcome.PASSED:
        checks.append(passed("evidence.sealed", **facts, signers=list(document.signers)))
    elif document.outcome is Outcome.FAILED:
        checks.append(failed("evidence.sealed", "seal-invalid", field="documents", **facts))
        checks += document.failing
    else:
        checks.append(unknown("evidence.sealed", "seal-undecided", field="documents", **facts))
        checks += document.failing
    checks.append(whose)
    if document.kind is not None and document.kind not in kinds:
        checks.append(failed("evidence.kind", "another-kind", field="documents", kind=document.kind, **facts))
    checks += document.problems
    return tuple(checks)


def check_owner(insurer: Participant, document: JudgedDocument) -> Check:
    """F-22: one of the seals is the licensed insurer's own. A perfect seal of somebody else is refused."""
    rule = "evidence.sealed-by-insurer"
    facts: dict[str, Any] = {"document": document.digest, "insurer": insurer.code, "signers": list(document.signers)}
    return _check_owner(rule, insurer.code, document, facts)


def check_tax_seal(document: JudgedDocument) -> Check:
    """One of the seals is the tax authority's, as the trust folder says: an invoice is not its seller's own paper."""
    rule = "evidence.sealed-by-tax-authority"
    return _check_owner(rule, TAX_AUTHORITY, document, {"document": document.digest, "signers": list(document.signers)})


def _check_owner(rule: str, owner: str, document: JudgedDocument, facts: dict[str, Any]) -> Check:
    if owner in document.owners:
        return passed(rule, **facts)
    if not document.signers and document.outcome is Outcome.INDETERMINATE:
        return unknown(rule, "seal-undecided", field="documents", **facts)
    if not document.signers:
        return failed(rule, "nobody-sealed", field="documents", **facts)
    if not document.owners:
        return unknown(rule, "seal-not-bound", field="documents", **facts)
    return failed(rule, "seal-of-another", field="documents", owners=list(document.owners), **facts)
