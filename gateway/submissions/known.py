"""What is known about one policy of one insurer: records in the order in which they came, and its documents."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from gateway.participants import Participant
from gateway.schemes import Told
from gateway.submissions.account import Movements
from gateway.submissions.evidence import JudgedDocument, judge_evidence
from gateway.submissions.journal import Posting
from gateway.submissions.products import Claim
from schemas.party import Party
from schemas.policy import Cancellation, Endorsement, Policy
from schemas.premium import PremiumReceipt, PremiumRefund
from schemas.verification import Outcome

MOVEMENTS = {
    "premium_receipt": PremiumReceipt,
    "premium_refund": PremiumRefund,
    "endorsement": Endorsement,
    "cancellation": Cancellation,
}


@dataclass(frozen=True, slots=True)
class KnownRecord:
    """A record as it was received: by which submission, under whose key, and the verdict on it then.

    `told` is the same record as the calculation of subsidies reads it; `None` of a type that plays no part there.
    `known_on` is the day on which it came, in Asia/Shanghai.
    """

    submission_id: str
    keyid: str
    type: str
    number: str | None
    record: Any
    outcome: Outcome
    told: Told | None = None
    known_on: date | None = None


@dataclass(frozen=True, slots=True)
class Decided:
    """An authority's word on a premium: on these points, as they stood when it looked, and on no others.

    `rule` limits it to the points of one rule; `points` are the fingerprints of what was open then.
    """

    submission_id: str
    authority: str
    outcome: str
    reason: str
    rule: str | None
    points: frozenset[str]


@dataclass(frozen=True, slots=True)
class Previous:
    """The latest revision of a premium, as far as the next one depends on it.

    `verified_policy` is the submission whose policy record the last verified revision stated; `net_paid` what somebody
    may have relied on: that revision's amount in yuan, zero once it was withdrawn, `None` if it was never verified.
    `worth` is what that revision said that the premium is worth under each scheme, in yuan.
    """

    revision: int
    status: str
    signature: str
    known_at: datetime
    verified_policy: str | None = None
    net_paid: str | None = None
    worth: Mapping[str, str] | None = None

    @property
    def was_verified(self) -> bool:
        """Whether any revision so far was verified."""
        return self.verified_policy is not None


@dataclass(slots=True)
class PolicyState:
    """All that is known about one policy of one insurer, in the order in which it became known.

    `records` include the invoices that name the policy. `group` are the policies that hang together with it: those that
    share an invoice, and the reports of the insurers that share the risk. `awards` name it or its product. `posted` is
    the journal of its money so far, `claims` what was told of its product's approval number before it.
    """

    insurer: Participant
    policy_no: str
    records: list[KnownRecord] = field(default_factory=list)
    documents: dict[str, JudgedDocument] = field(default_factory=dict)
    previous: Previous | None = None
    group: tuple["PolicyState", ...] = ()
    awards: dict[str, Told] = field(default_factory=dict)
    decisions: list[Decided] = field(default_factory=list)
    posted: list[Posting] = field(default_factory=list)
    claims: tuple[Claim, ...] = ()

    @property
    def key(self) -> tuple[str, str]:
        """Insurer code and policy number."""
        return self.insurer.code, self.policy_no

    def current_policy(self) -> KnownRecord | None:
        """The policy record that counts: the accepted one; before one is, the latest; a refused one only if no other.

        Accepted is a record whose own verdict passed, or on which a premium was verified. From then on it is
        immutable: what contradicts it is refused (F-01). Refused is also what its e-policy contradicts by now.
        """
        policies = [known for known in self.records if known.type == "policy"]
        if accepted := self.accepted_policy():
            return accepted
        if len(policies) > 1:
            policies = [known for known in policies if not is_refused(self, known)] or policies
        return policies[-1] if policies else None

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
        """What moved the premium, each number once and in the order of numbers, and the records themselves.

        Of one number the first counts that is not refused. What its own sealed document contradicts counts too while
        there is nothing else of its number, so that the premium fails by it, whichever of the two came first.
        """
        counted: dict[tuple[str, str], KnownRecord] = {}
        contradicted: dict[tuple[str, str], KnownRecord] = {}
        for known in self.records:
            if known.type not in MOVEMENTS:
                continue
            key = (known.type, known.number or "")
            if is_contradicted(self, known):
                contradicted.setdefault(key, known)
            elif known.outcome is not Outcome.FAILED:
                counted.setdefault(key, known)
        counted = contradicted | counted
        chosen = tuple(counted[key] for key in sorted(counted))
        by_type: dict[str, list[Any]] = {kind: [] for kind in MOVEMENTS}
        for known in chosen:
            by_type[known.type].append(known.record)
        return (
            Movements(
                receipts=tuple(by_type["premium_receipt"]),
                refunds=tuple(by_type["premium_refund"]),
                endorsements=tuple(by_type["endorsement"]),
                cancellations=tuple(by_type["cancellation"]),
            ),
            chosen,
        )

    def invoices(self) -> tuple[KnownRecord, ...]:
        """The invoices that name the policy, each number once: the first that was not refused."""
        found: dict[str, KnownRecord] = {}
        for known in self.records:
            if known.type == "invoice" and known.outcome is not Outcome.FAILED:
                found.setdefault(known.number or "", known)
        return tuple(found[number] for number in sorted(found))

    def is_coinsured(self) -> bool:
        """Whether the policy that counts names co-insurers."""
        current = self.current_policy()
        return current is not None and isinstance(current.record, Policy) and bool(current.record.coinsurance)

    def twin(self, kind: str, number: str | None) -> KnownRecord | None:
        """A record of the same type and number that is not refused: the first that came. Without number, none."""
        if number is None:
            return None
        for known in self.records:
            if known.type == kind and known.number == number and not is_refused(self, known):
                return known
        return None


def is_refused(state: PolicyState, known: KnownRecord) -> bool:
    """Whether a record was refused when it came, or its sealed documents contradict it by now."""
    return known.outcome is Outcome.FAILED or is_contradicted(state, known)


def is_contradicted(state: PolicyState, known: KnownRecord) -> bool:
    """Whether the sealed documents that belong to a record fail, or say something else."""
    checks = judge_evidence(known.record, state.insurer, state.documents)
    return any(check.outcome is Outcome.FAILED for check in checks)


def day_of(record: Any) -> date | None:
    """The day on which a movement of money says that it happened."""
    if isinstance(record, PremiumReceipt):
        return record.received_on
    return record.paid_on if isinstance(record, PremiumRefund) else None


def party_of(insurer: Participant) -> Party:
    """The insurer as a party to its own policies."""
    return Party(name=insurer.name, credit_code=insurer.credit_code)
