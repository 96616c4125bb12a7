"""The verdict on a premium: a pure function of what is known about it. No clock, no database, no settings."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from typing import Any

from gateway.filing.check import check_filing
from gateway.filing.registry import FilingRegistry
from gateway.participants import Participant
from gateway.registries.check import Terms as RegistryTerms
from gateway.registries.check import check_registries
from gateway.registries.registry import NOTHING_STATED, Registries
from gateway.schemes import Scheme, Told, find_scheme
from gateway.schemes.records import Award
from gateway.schemes.window import RULE as TOLD_IN_WINDOW
from gateway.schemes.window import check_window
from gateway.submissions.account import account, check_account
from gateway.submissions.arithmetic import check_arithmetic
from gateway.submissions.decisions import settle
from gateway.submissions.directives import Given, check_clauses
from gateway.submissions.evidence import (
    JudgedDocument,
    documents_of_invoice,
    documents_of_policy,
    documents_of_receipt,
    judge_evidence,
)
from gateway.submissions.frauds import check_patterns
from gateway.submissions.group import all_told, check_group, days_told, shared_movements, worth
from gateway.submissions.known import MOVEMENTS, PolicyState, Previous, day_of, party_of
from gateway.submissions.products import check_told_alike
from schemas.calendar import shanghai_day
from schemas.canonical import canonical
from schemas.money import ZERO, Yuan
from schemas.party import same_party
from schemas.policy import Policy
from schemas.premium import PremiumReceipt
from schemas.verification import Check, Outcome, Severity, conclude, failed, passed, unknown
from schemas.verified import (
    Evidence,
    EvidenceDocument,
    Impact,
    SchemeAmount,
    SchemeImpact,
    VerifiedPremium,
    facts_digest,
    subject_of,
)


@dataclass(frozen=True, slots=True)
class Basis:
    """What a verdict rests on besides the facts: registry of filings, and the identities that a report names.

    `schemes` are those under which a premium's worth is told; `insurers` gives an insurer's code by its code or folded
    name; `stopped` are the directives in effect; `registries` are asked as `asked` says.
    """

    registry: FilingRegistry
    registry_max_age_days: int
    catalogue: str
    trust: str
    schemes: tuple[str, ...] = ("ZJ-NDI",)
    insurers: Mapping[str, str] = field(default_factory=dict)
    stopped: Mapping[str, Given] = field(default_factory=dict)
    registries: Registries = NOTHING_STATED
    asked: RegistryTerms = field(default_factory=RegistryTerms)

    def identities(self) -> dict[str, str]:
        """The basis as a report names it."""
        own = {"catalogue": self.catalogue, "trust": self.trust, "filings": self.registry.digest}
        return own | self.registries.identities()


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
    moving = state.movements()[1]
    policy: Policy | None = current.record if current else None
    movements = shared_movements(state)
    sources = [*((current,) if current else ()), *moving, *state.invoices()]
    checks: list[Check] = [
        passed("submission.signed", submissions=sorted({f"{known.submission_id} {known.keyid}" for known in sources}))
    ]
    money = None
    documents: dict[str, JudgedDocument] = {}
    told: list[Told] = []
    today = shanghai_day(at)
    if policy is None:
        checks.append(unknown("record.policy-known", "no-policy-yet", field="policy_no", policy_no=state.policy_no))
    else:
        told = all_told(state, basis.insurers)
        money = account(policy, movements)
        checks += judge_policy(state, policy, basis, at)
        checks += check_account(policy, party_of(state.insurer), movements, money, today)
        checks += check_patterns(policy, movements, money)
        checks += check_clauses(policy, basis.stopped)
        checks += _check_archives(state, policy, basis, at)
        checks += check_group(state, told, today)
        documents = {document.digest: document for document in documents_of_policy(policy, state.documents)[0]}
        for receipt in state.movements()[0].receipts:
            checks += judge_evidence(receipt, state.insurer, state.documents)
            documents |= {one.digest: one for one in documents_of_receipt(receipt, state.documents)[0]}
        for invoiced in state.invoices():
            checks += judge_evidence(invoiced.record, state.insurer, state.documents)
            documents |= {one.digest: one for one in documents_of_invoice(invoiced.record, state.documents)[0]}
    report = conclude(
        subject_of(state.insurer.code, state.policy_no),
        checks=settle(checks, state.decisions),
        at=at,
        digest=facts_digest(policy, money),
        basis=basis.identities(),
    )
    status = _status(report.outcome, state.previous)
    schemes = _worth(state, told, basis, at, report.outcome) if policy is not None else ()
    return VerifiedPremium(
        insurer=state.insurer.code,
        policy_no=state.policy_no,
        revision=state.previous.revision + 1 if state.previous else 1,
        status=status,
        known_at=max(at, state.previous.known_at) if state.previous else at,
        policy=policy,
        money=money,
        report=report,
        schemes=schemes,
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
        impact=_impact(state, status, money.net_paid if money else None, schemes),
    )


def _check_archives(state: PolicyState, policy: Policy, basis: Basis, at: datetime) -> list[Check]:
    """What the authorities' registries say; where the archive knows the product, it is not for others to contradict.

    Registries that nobody connected and nobody requires are not asked: there is nothing that they could say.
    """
    checks: list[Check] = []
    if basis.asked.required or basis.registries.identities():
        checks += check_registries(policy, state.insurer.code, basis.registries, at, basis.asked)
    known = any(check.rule == "product.archive-agrees" and check.outcome is Outcome.PASSED for check in checks)
    return checks if known else checks + check_told_alike(policy, state.claims)


def _status(outcome: Outcome, previous: Previous | None) -> Any:
    if outcome is Outcome.PASSED:
        return "verified"
    if outcome is Outcome.INDETERMINATE:
        return "held"
    return "withdrawn" if previous and previous.was_verified else "refused"


_NOT_VERIFIED = "scheme.premium-verified"


def _worth(
    state: PolicyState, told: list[Told], basis: Basis, at: datetime, outcome: Outcome
) -> tuple[SchemeAmount, ...]:
    """What the premium is worth under each scheme. What is not verified is worth nothing yet, whatever a scheme says:
    the amounts of one that is held are those that it would have."""
    if outcome is Outcome.FAILED:
        today = shanghai_day(at)
        return tuple(_worth_nothing(find_scheme(name, today)) for name in basis.schemes)
    amounts = []
    for scheme, assessed in worth(state, told, basis.schemes, shanghai_day(at)):
        rules = tuple(finding.rule for finding in assessed.findings)
        own = assessed.outcome
        if check_window(scheme, days_told(state)).outcome is not Outcome.PASSED:
            rules, own = (*rules, TOLD_IN_WINDOW), Outcome.FAILED
        if outcome is not Outcome.PASSED:
            rules = (_NOT_VERIFIED, *rules)
            own = Outcome.FAILED if own is Outcome.FAILED else Outcome.INDETERMINATE
        nothing = own is Outcome.FAILED
        amounts.append(
            SchemeAmount(
                scheme=scheme.id,
                version=scheme.version,
                outcome=own,
                eligible_premium=ZERO if nothing else assessed.eligible_premium,
                subsidy=ZERO if nothing else assessed.subsidy,
                rules=rules,
            )
        )
    return tuple(amounts)


def _worth_nothing(scheme: Scheme) -> SchemeAmount:
    """What a premium that failed is worth."""
    return SchemeAmount(
        scheme=scheme.id,
        version=scheme.version,
        outcome=Outcome.FAILED,
        eligible_premium=ZERO,
        subsidy=ZERO,
        rules=(_NOT_VERIFIED,),
    )


def _impact(state: PolicyState, status: str, net_paid: Yuan | None, schemes: tuple[SchemeAmount, ...]) -> Impact | None:
    """What changes for somebody who relied on an earlier revision: net paid, and worth under each scheme, before and
    after. Held decides nothing."""
    previous = state.previous
    if previous is None or previous.net_paid is None or status == "held":
        return None
    before = Yuan.of(previous.net_paid)
    after = net_paid if status == "verified" and net_paid is not None else ZERO
    worth_now = {one.scheme: one.subsidy for one in schemes} if status == "verified" else {}
    changed = []
    for scheme in sorted({*(previous.worth or {}), *worth_now}):
        was = Yuan.of((previous.worth or {}).get(scheme, "0.00"))
        now = worth_now.get(scheme, ZERO)
        if was != now:
            changed.append(
                SchemeImpact(
                    scheme=scheme, before=was, after=now, clawback=_less(was, now), awarded=_awarded(state, scheme)
                )
            )
    if before == after and not changed:
        return None
    return Impact(before=before, after=after, clawback=_less(before, after), schemes=tuple(changed))


def _less(before: Yuan, after: Yuan) -> Yuan:
    return before - after if before > after else ZERO


def _awarded(state: PolicyState, scheme: str) -> Yuan | None:
    """What the awards of the scheme that name this policy granted together."""
    own = [
        award.amount
        for award in state.awards.values()
        if isinstance(award, Award) and award.scheme == scheme and state.policy_no in award.policy_nos
    ]
    return Yuan(sum(own)) if own else None


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
    worth_now = [
        [one.scheme, one.outcome.value, str(one.eligible_premium), str(one.subsidy)] for one in premium.schemes
    ]
    told = [premium.status, premium.report.digest, [list(point) for point in open_points], worth_now]
    stated = canonical(told)
    return f"{premium.status}:{hashlib.sha256(stated).hexdigest()}"
