"""What comes out: a premium as verified, revision by revision."""

import hashlib
from datetime import date
from typing import Literal, Self

from pydantic import AwareDatetime, Field, model_validator

from schemas.base import Noun
from schemas.canonical import Written, canonical
from schemas.identifiers import Digest, InsurerCode, PolicyNo
from schemas.log import LogProof
from schemas.money import ZERO, Amount, Yuan
from schemas.policy import Policy
from schemas.submission import Status
from schemas.verification import Outcome, Report


class Money(Noun):
    """A premium's account in yuan: due 应收, received 实收, refunded 退费, and the net paid 净实收.

    `returned` is what was to be given back of the first due 应退, already taken off it; `written_off` 核销 what was due
    and is given up, which is not taken off: it stays unpaid.
    """

    due: Yuan
    received: Amount
    refunded: Amount
    net_paid: Yuan
    paid_in_full: bool
    paid_in_full_on: date | None = None
    returned: Amount | None = None
    written_off: Amount | None = None

    @model_validator(mode="after")
    def _balances(self) -> Self:
        if self.net_paid != self.received - self.refunded:
            raise ValueError("net paid is received less refunded")
        if self.paid_in_full != (self.net_paid == self.due and self.due > ZERO):
            raise ValueError("paid in full means net paid equals due, to the fen")
        return self


class EvidenceDocument(Noun):
    """A sealed document that the verdict rests on: digest, kind, the verdict on it, and who sealed it."""

    digest: Digest
    kind: str
    outcome: Outcome
    judged_at: AwareDatetime
    sealed_by: tuple[str, ...] = ()


class Evidence(Noun):
    """What the verdict rests on: submissions by id, sealed documents, receipts and refunds by number."""

    submissions: tuple[str, ...]
    documents: tuple[EvidenceDocument, ...] = ()
    receipts: tuple[str, ...] = ()
    refunds: tuple[str, ...] = ()


class SchemeImpact(Noun):
    """What a change did to the premium's worth under one scheme: subsidy before and after, in yuan.

    `awarded` is what was granted for this policy under the scheme, if anything was; `clawback` what of the subsidy is
    gone. Several policies of a product share its yearly cap: what is owed back of a product's year is told by the
    scheme's lines (`GET /v1/schemes/{scheme}/lines`).
    """

    scheme: str
    before: Amount
    after: Amount
    clawback: Amount
    awarded: Amount | None = None


class Impact(Noun):
    """What a change did after the premium had been served: net paid before and after, what to take back; yuan."""

    before: Yuan
    after: Yuan
    clawback: Amount
    schemes: tuple[SchemeImpact, ...] = ()


class SchemeAmount(Noun):
    """What the premium is worth under one dated scheme; the decision stays with the authorities."""

    scheme: str
    version: str
    outcome: Outcome
    eligible_premium: Amount
    subsidy: Amount
    rules: tuple[str, ...] = ()


def subject_of(insurer: str, policy_no: str) -> str:
    """How a report names the premium that it is about."""
    return f"premium:{insurer}/{policy_no}"


def facts_digest(policy: Policy | None, money: Money | None) -> str:
    """The digest of the facts that a premium's report is about: of the canonical form of policy and money."""
    from_policy = canonical(policy) if policy else b"null"
    from_money = canonical(money) if money else b"null"
    return f"sha256:{hashlib.sha256(from_policy + from_money).hexdigest()}"


class VerifiedPremium(Written):
    """已核验保费: one revision of one premium.

    It cannot be built, nor read back from a row, unless its report is about exactly these facts; and its status is
    `verified` if and only if that report passed. `proof` is added when it is served.
    """

    APART = ("policy", "report")

    insurer: InsurerCode
    policy_no: PolicyNo
    revision: int = Field(ge=1)
    status: Status
    known_at: AwareDatetime
    policy: Policy | None = None
    money: Money | None = None
    report: Report
    schemes: tuple[SchemeAmount, ...] = ()
    evidence: Evidence
    impact: Impact | None = None
    type: Literal["verified_premium"] = "verified_premium"
    proof: LogProof | None = None

    @model_validator(mode="after")
    def _proven(self) -> Self:
        if self.report.subject != subject_of(self.insurer, self.policy_no):
            raise ValueError("the report is about another premium")
        if self.report.digest != facts_digest(self.policy, self.money):
            raise ValueError("the report is about other facts")
        verified = self.report.outcome is Outcome.PASSED
        if (self.status == "verified") != verified:
            raise ValueError(f"a premium whose report {self.report.outcome} is not {self.status}")
        if self.policy is not None and self.policy.policy_no != self.policy_no:
            raise ValueError("the policy is another one")
        if verified and (self.policy is None or self.money is None):
            raise ValueError("a verified premium states its policy and its money")
        if self.status == "held" and self.report.outcome is not Outcome.INDETERMINATE:
            raise ValueError("a premium is held when something is unknown")
        if self.status in ("refused", "withdrawn") and self.report.outcome is not Outcome.FAILED:
            raise ValueError(f"a premium is {self.status} when something failed")
        return self
