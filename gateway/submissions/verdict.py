"""The verdict on a premium: a pure function of what is known about it. No clock, no database, no settings."""

import hashlib
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any

from gateway.filing.check import check_filing
from gateway.filing.registry import FilingRegistry
from gateway.participants import Participant
from gateway.submissions.account import account, check_account
from gateway.submissions.arithmetic import check_arithmetic
from gateway.submissions.evidence import JudgedDocument, documents_of_policy, documents_of_receipt, judge_evidence
from gateway.submissions.known import MOVEMENTS, PolicyState, Previous, day_of, party_of
from schemas.calendar import shanghai_day
from schemas.canonical import canonical
from schemas.money import ZERO, Yuan
from schemas.party import same_party
from schemas.policy import Policy
from schemas.premium import PremiumReceipt
from schemas.verification import Check, Outcome, Severity, conclude, failed, passed, unknown
from schemas.verified import Evidence, EvidenceDocument, Impact, VerifiedPremium, facts_digest, subject_of


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


def judge_policy(state: PolicyState, policy: Policy, basis: Basis, at: datetime) -> tuple[Check, ...]:
    """Every check of one policy record: its sealed document, the agreement with it, the filing, the arithmetic."""
    documents = documents_of_policy(policy, state.documents)[0]
    return _judged(_PolicyCase(state.insurer, canonical(policy), policy, documents, basis, at))


@dataclass(frozen=True, slots=True, eq=False)
class _PolicyCase:
    """A policy record with everything that the verdict on it rests on; of the moment only the day bears on it.

    A premium is judged again with every message about it, the policy itself mostly unchanged. Cases are equal if policy
    and registry are, if insurer and documents are the very same objects, and the day is: equal cases, equal checks.
    """

    insurer: Participant
    written: bytes
    policy: Policy
    documents: tuple[JudgedDocument, ...]
    basis: Basis
    at: datetime

    def key(self) -> tuple[Any, ...]:
        """What makes two cases one."""
        rests_on = (self.basis.registry.digest, self.basis.registry_max_age_days, shanghai_day(self.at))
        return (self.written, id(self.insurer), tuple(map(id, self.documents)), rests_on)

    def __hash__(self) -> int:
        return hash(self.key())

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _PolicyCase) and self.key() == other.key()


@lru_cache(1024)  # a case in the cache keeps its objects alive, so that no other object can have their identity
def _judged(case: _PolicyCase) -> tuple[Check, ...]:
    policy, insurer = case.policy, case.insurer
    documents = {document.digest: document for document in case.documents}
    checks: list[Check] = [check_policyholder(policy), *judge_evidence(policy, insurer, documents)]
    checks += check_filing(
        policy,
        insurer=insurer.code,
        company_code=insurer.company_code or "",
        registry=case.basis.registry,
        at=case.at,
        max_age_days=case.basis.registry_max_age_days,
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


def judge_record(
    state: PolicyState,
    kind: str,
    number: str | None,
    record: Any,
    basis: Basis,
    at: datetime,
    elsewhere: str | None = None,
) -> tuple[Check, ...]:
    """Every check of one record on its own, against what is known of its policy so far.

    `elsewhere` is the submission that used the record's number for another policy before, if one did.
    """
    twin = state.accepted_policy() if kind == "policy" else state.twin(kind, number)
    rule = "record.number-used-once"
    checks: list[Check] = []
    if twin is not None and twin.record == record:
        checks.append(passed(rule, repeats=twin.submission_id))
    elif twin is not None:
        reason = "changed-without-endorsement" if kind == "policy" else "changed-content"
        field_name = "policy_no" if kind == "policy" else "number"
        checks.append(failed(rule, reason, field=field_name, first=twin.submission_id, number=number))
    elif elsewhere is not None:
        checks.append(failed(rule, "used-for-another-policy", field="number", first=elsewhere, number=number))
    else:
        checks.append(passed(rule, number=number))
    if kind == "policy":
        return (*checks, *judge_policy(state, record, basis, at))
    if kind in MOVEMENTS:
        checks += _judge_movement(state, kind, record, at)
    return tuple(checks)


def _judge_movement(state: PolicyState, kind: str, record: Any, at: datetime) -> list[Check]:
    checks: list[Check] = []
    policy = state.current_policy()
    if policy is None:
        checks.append(unknown("record.policy-known", "no-policy-yet", field="policy_no", policy_no=state.policy_no))
    else:
        checks.append(passed("record.policy-known", policy_no=state.policy_no))
    today = shanghai_day(at)
    stated = day_of(record)
    if stated is not None:
        day = {"premium_receipt": "received_on", "premium_refund": "paid_on"}[kind]
        if stated > today:
            checks.append(failed("premium.not-in-future", "future", field=day, stated=str(stated), today=str(today)))
        else:
            checks.append(passed("premium.not-in-future", stated=str(stated)))
    if isinstance(record, PremiumReceipt):
        checks += _judge_receipt(state, record, policy.record if policy else None)
    return checks


def _judge_receipt(state: PolicyState, receipt: PremiumReceipt, policy: Policy | None) -> list[Check]:
    checks: list[Check] = []
    if receipt.payer is not None and same_party(receipt.payer, party_of(state.insurer)):
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
    return checks + judge_evidence(receipt, state.insurer, state.documents)


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
        checks += judge_policy(state, policy, basis, at)
        checks += check_account(policy, party_of(state.insurer), movements, money, shanghai_day(at))
        documents = {document.digest: document for document in documents_of_policy(policy, state.documents)[0]}
        for receipt in movements.receipts:
            checks += judge_evidence(receipt, state.insurer, state.documents)
            documents |= {one.digest: one for one in documents_of_receipt(receipt, state.documents)[0]}
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
        known_at=max(at, state.previous.known_at) if state.previous else at,
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
    """What makes a revision new: its status, its facts, and what does not pass and why. Equal signatures are one
    revision."""
    open_points = sorted(
        {
            (check.rule, check.reason or "", check.field or "", str(check.facts.get("document", "")))
            for check in premium.report.all_checks()
            if check.outcome is not Outcome.PASSED and check.severity is Severity.ERROR
        }
    )
    stated = canonical([premium.status, premium.report.digest, [list(point) for point in open_points]])
    return f"{premium.status}:{hashlib.sha256(stated).hexdigest()}"
