"""The verdict on a premium: a pure function of what is known about it. No clock, no database, no settings."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from gateway.filing.check import check_filing
from gateway.filing.registry import FilingRegistry
from gateway.participants import Participant
from gateway.submissions.account import Movements, account, check_account
from gateway.submissions.agreement import Stated, check_policy_agreement, check_receipt_agreement
from gateway.submissions.arithmetic import check_arithmetic
from schemas.money import ZERO, Yuan
from schemas.party import Party, same_party
from schemas.policy import Cancellation, Endorsement, Policy
from schemas.premium import PremiumReceipt, PremiumRefund
from schemas.verification import Check, Outcome, conclude, failed, passed, unknown
from schemas.verified import (
    Evidence,
    EvidenceDocument,
    Impact,
    VerifiedPremium,
    facts_digest,
    subject_of,
)

SHANGHAI = ZoneInfo("Asia/Shanghai")
_MOVEMENTS = {
    "premium_receipt": PremiumReceipt,
    "premium_refund": PremiumRefund,
    "endorsement": Endorsement,
    "cancellation": Cancellation,
}


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


@dataclass(frozen=True, slots=True)
class KnownRecord:
    """A record as it was received: by which submission, under whose key, and the verdict on it then."""

    submission_id: str
    keyid: str
    type: str
    number: str | None
    record: Any
    outcome: Outcome


@dataclass(frozen=True, slots=True)
class Previous:
    """The latest revision of a premium, as far as the next one depends on it.

    `verified_policy` is the submission whose policy record the last verified revision stated; `net_paid` what somebody
    may have relied on: that revision's amount in yuan, zero once it was withdrawn, `None` if it was never verified.
    """

    revision: int
    status: str
    signature: str
    verified_policy: str | None = None
    net_paid: str | None = None

    @property
    def was_verified(self) -> bool:
        """Whether any revision so far was verified."""
        return self.verified_policy is not None


@dataclass(frozen=True, slots=True)
class Basis:
    """What a verdict rests on besides the facts: registry of filings, and the identities that a report names."""

    registry: FilingRegistry
    registry_max_age_days: int
    catalogue: str
    trust: str

    def identities(self) -> dict[str, str]:
        """The basis as a report names it."""
        return {"catalogue": self.catalogue, "trust": self.trust, "filings": self.registry.digest}


@dataclass(slots=True)
class PolicyState:
    """All that is known about one policy of one insurer, in the order in which it became known."""

    insurer: Participant
    policy_no: str
    records: list[KnownRecord] = field(default_factory=list)
    documents: dict[str, JudgedDocument] = field(default_factory=dict)
    previous: Previous | None = None

    def current_policy(self) -> KnownRecord | None:
        """The policy record that counts: the accepted one; before one is, the latest; a refused one only if no other.

        Accepted is a record whose own verdict passed, or on which a premium was verified. From then on it is
        immutable: what contradicts it is refused (F-01).
        """
        policies = [known for known in self.records if known.type == "policy"]
        if accepted := self.accepted_policy():
            return accepted
        standing = [known for known in policies if known.outcome is not Outcome.FAILED]
        return next(reversed(standing or policies), None)

    def accepted_policy(self) -> KnownRecord | None:
        """The immutable policy record, if there is one yet."""
        for known in self.records:
            if known.type != "policy":
                continue
            if known.outcome is Outcome.PASSED:
                return known
            if self.previous and self.previous.verified_policy == known.submission_id:
                return known
        return None

    def movements(self) -> tuple[Movements, tuple[KnownRecord, ...]]:
        """What moved the premium, each number once, without what was refused; and the records themselves."""
        seen: dict[tuple[str, str | None], KnownRecord] = {}
        for known in self.records:
            if known.type in _MOVEMENTS and known.outcome is not Outcome.FAILED:
                seen.setdefault((known.type, known.number), known)
        by_type: dict[str, list[Any]] = {kind: [] for kind in _MOVEMENTS}
        for known in seen.values():
            by_type[known.type].append(known.record)
        return (
            Movements(
                receipts=tuple(by_type["premium_receipt"]),
                refunds=tuple(by_type["premium_refund"]),
                endorsements=tuple(by_type["endorsement"]),
                cancellations=tuple(by_type["cancellation"]),
            ),
            tuple(seen.values()),
        )

    def twin(self, kind: str, number: str | None) -> KnownRecord | None:
        """A record of the same type and number that was not refused: the first that came. Without number, none."""
        if number is None:
            return None
        for known in self.records:
            if known.type == kind and known.number == number and known.outcome is not Outcome.FAILED:
                return known
        return None

    def policy_documents(self, policy: Policy) -> tuple[tuple[JudgedDocument, ...], tuple[str, ...]]:
        """The e-policy documents of a record, and the digests that it names but nobody handed in.

        A format that cannot name documents is joined by the policy number that the document itself states.
        """
        named = [document.digest for document in policy.documents if document.kind == "policy"]
        if named:
            found = tuple(self.documents[digest] for digest in named if digest in self.documents)
            return found, tuple(digest for digest in named if digest not in self.documents)
        stating = [
            document
            for document in self.documents.values()
            if document.kind == "policy" and document.policy_no == self.policy_no
        ]
        return tuple(stating[-1:]), ()


def judge_policy(state: PolicyState, policy: Policy, basis: Basis, at: datetime) -> tuple[Check, ...]:
    """Every check of one policy record: its sealed document, the agreement with it, the filing, the arithmetic."""
    documents, missing = state.policy_documents(policy)
    checks: list[Check] = [check_policyholder(policy)]
    if missing:
        checks.append(unknown("evidence.present", "not-handed-in", field="documents", digests=list(missing)))
    elif not documents:
        checks.append(unknown("evidence.present", "none-known", field="documents"))
    for document in documents:
        checks += judge_document_of(state.insurer, document, "policy")
        checks += check_policy_agreement(policy, document.digest, document.stated)
    checks += check_filing(
        policy,
        insurer=state.insurer.code,
        company_code=state.insurer.company_code or "",
        registry=basis.registry,
        at=at,
        max_age_days=basis.registry_max_age_days,
    )
    checks += check_arithmetic(policy)
    return tuple(checks)


def check_policyholder(policy: Policy) -> Check:
    """R-ZJ-09: the policyholder is known by its credit code, not by name alone."""
    if policy.policyholder.credit_code is None:
        return unknown(
            "policy.policyholder-identified",
            "no-credit-code",
            field="policyholder.credit_code",
            name=policy.policyholder.name,
        )
    return passed("policy.policyholder-identified", credit_code=policy.policyholder.credit_code)


def judge_document_of(insurer: Participant, document: JudgedDocument, *kinds: str) -> tuple[Check, ...]:
    """The document was handed in, its seals hold, one is this insurer's, and it is of the kind it is used for."""
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
    checks.append(check_owner(insurer, document))
    if document.kind is not None and document.kind not in kinds:
        checks.append(failed("evidence.kind", "another-kind", field="documents", kind=document.kind, **facts))
    checks += document.problems
    return tuple(checks)


def check_owner(insurer: Participant, document: JudgedDocument) -> Check:
    """F-22: one of the seals is the licensed insurer's own. A perfect seal of somebody else is refused."""
    rule = "evidence.sealed-by-insurer"
    facts: dict[str, Any] = {"document": document.digest, "insurer": insurer.code, "signers": list(document.signers)}
    if insurer.code in document.owners:
        return passed(rule, **facts)
    if not document.signers and document.outcome is Outcome.INDETERMINATE:
        return unknown(rule, "seal-undecided", field="documents", **facts)
    if not document.signers:
        return failed(rule, "nobody-sealed", field="documents", **facts)
    if not document.owners:
        return unknown(rule, "seal-not-bound", field="documents", **facts)
    return failed(rule, "seal-of-another", field="documents", owners=list(document.owners), **facts)


def judge_record(
    state: PolicyState, kind: str, number: str | None, record: Any, basis: Basis, at: datetime
) -> tuple[Check, ...]:
    """Every check of one record on its own, against what is known of its policy so far."""
    twin = state.accepted_policy() if kind == "policy" else state.twin(kind, number)
    checks: list[Check] = []
    if twin is not None:
        if twin.record == record:
            checks.append(passed("record.number-used-once", repeats=twin.submission_id))
        else:
            reason = "changed-without-endorsement" if kind == "policy" else "changed-content"
            field_name = "policy_no" if kind == "policy" else "number"
            checks.append(
                failed("record.number-used-once", reason, field=field_name, first=twin.submission_id, number=number)
            )
    else:
        checks.append(passed("record.number-used-once", number=number))
    if kind == "policy":
        return (*checks, *judge_policy(state, record, basis, at))
    if kind in _MOVEMENTS:
        checks += _judge_movement(state, kind, record, at)
    return tuple(checks)


def _judge_movement(state: PolicyState, kind: str, record: Any, at: datetime) -> list[Check]:
    checks: list[Check] = []
    policy = state.current_policy()
    if policy is None:
        checks.append(unknown("record.policy-known", "no-policy-yet", field="policy_no", policy_no=state.policy_no))
    else:
        checks.append(passed("record.policy-known", policy_no=state.policy_no))
    today = at.astimezone(SHANGHAI).date()
    day = {"premium_receipt": "received_on", "premium_refund": "paid_on"}.get(kind)
    if day is not None:
        stated = getattr(record, day)
        if stated > today:
            checks.append(failed("premium.not-in-future", "future", field=day, stated=str(stated), today=str(today)))
        else:
            checks.append(passed("premium.not-in-future", stated=str(stated)))
    if isinstance(record, PremiumReceipt):
        checks += _judge_receipt(state, record, policy.record if policy else None)
    return checks


def _judge_receipt(state: PolicyState, receipt: PremiumReceipt, policy: Policy | None) -> list[Check]:
    checks: list[Check] = []
    insurer = Party(name=state.insurer.name, credit_code=state.insurer.credit_code)
    if receipt.payer is not None and same_party(receipt.payer, insurer):
        checks.append(failed("premium.payer-is-policyholder", "insurer-paid-itself", field="payer"))
    elif policy is not None and receipt.payer is not None and not same_party(receipt.payer, policy.policyholder):
        checks.append(
            unknown(
                "premium.payer-is-policyholder",
                "another-payer",
                field="payer",
                payer=receipt.payer.name,
                policyholder=policy.policyholder.name,
            )
        )
    for named in receipt.documents:
        if named.kind not in ("receipt", "statement"):
            continue
        document = state.documents.get(named.digest)
        if document is None:
            checks.append(unknown("evidence.present", "not-handed-in", field="documents", digests=[named.digest]))
            continue
        checks += judge_document_of(state.insurer, document, "receipt", "statement")
        checks += check_receipt_agreement(receipt, document.digest, document.stated)
    return checks


def judge_premium(state: PolicyState, basis: Basis, at: datetime) -> VerifiedPremium:
    """The next revision of the premium: everything that is known, judged as of `at`."""
    current = state.current_policy()
    movements, moving = state.movements()
    policy: Policy | None = current.record if current else None
    sources = [*((current,) if current else ()), *moving]
    checks: list[Check] = [
        passed("submission.signed", submissions=sorted({f"{known.submission_id} {known.keyid}" for known in sources}))
    ]
    money = None
    documents: dict[str, JudgedDocument] = {}
    if policy is None:
        checks.append(unknown("record.policy-known", "no-policy-yet", field="policy_no", policy_no=state.policy_no))
    else:
        money = account(policy, movements)
        insurer = Party(name=state.insurer.name, credit_code=state.insurer.credit_code)
        today = at.astimezone(SHANGHAI).date()
        checks += judge_policy(state, policy, basis, at)
        checks += check_account(policy, insurer, movements, money, today)
        documents = {document.digest: document for document in state.policy_documents(policy)[0]}
        for receipt in movements.receipts:
            checks += _judge_receipt(state, receipt, policy)
            documents |= {
                named.digest: state.documents[named.digest]
                for named in receipt.documents
                if named.digest in state.documents
            }
    report = conclude(
        subject_of(state.insurer.code, state.policy_no),
        checks=checks,
        at=at,
        digest=facts_digest(policy, money),
        basis=basis.identities(),
    )
    status = _status(report.outcome, state.previous)
    return VerifiedPremium(
        insurer=state.insurer.code,
        policy_no=state.policy_no,
        revision=state.previous.revision + 1 if state.previous else 1,
        status=status,
        known_at=at,
        policy=policy,
        money=money,
        report=report,
        evidence=Evidence(
            submissions=tuple(dict.fromkeys(known.submission_id for known in sources)),
            documents=tuple(
                EvidenceDocument(
                    digest=document.digest,
                    kind=document.kind or "policy",
                    outcome=document.outcome,
                    judged_at=document.judged_at,
                    sealed_by=document.signers,
                )
                for document in documents.values()
            ),
            receipts=tuple(receipt.receipt_no for receipt in movements.receipts),
            refunds=tuple(refund.refund_no for refund in movements.refunds),
        ),
        impact=_impact(state.previous, status, money.net_paid if money else None),
    )


def _status(outcome: Outcome, previous: Previous | None) -> Any:
    if outcome is Outcome.PASSED:
        return "verified"
    if outcome is Outcome.INDETERMINATE:
        return "held"
    return "withdrawn" if previous and previous.was_verified else "refused"


def _impact(previous: Previous | None, status: str, net_paid: Yuan | None) -> Impact | None:
    """What changes for somebody who relied on an earlier revision: net paid before and after. Held decides nothing."""
    if previous is None or previous.net_paid is None or status == "held":
        return None
    before = Yuan.of(previous.net_paid)
    after = net_paid if status == "verified" and net_paid is not None else ZERO
    if before == after:
        return None
    return Impact(before=before, after=after, clawback=before - after if before > after else ZERO)


def signature_of(premium: VerifiedPremium) -> str:
    """What makes a revision new: its status, its facts, and what does not pass. Equal signatures are one revision."""
    return "|".join((premium.status, premium.report.digest or "", *premium.report.failing()))
