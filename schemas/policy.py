"""Policies 保单 and what changes them: endorsements 批单, cancellations 退保/注销.

Required is what a record cannot be judged without; what else a source may not carry is optional here, and the verdict
is indeterminate, never passed, where a check would have needed it.
"""

from datetime import date
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from schemas.base import Noun
from schemas.canonical import Written
from schemas.identifiers import ClauseNo, PolicyNo
from schemas.money import Amount, Percent, Yuan, percent
from schemas.party import Document, Insured, Name, Party, Text, Visible
from schemas.product import Product

Line = Literal["product_liability", "drug_liability", "device_liability", "clinical_trial_liability", "other"]


class Period(Noun):
    """保险期间: inclusive whole days in Asia/Shanghai, from 0时 of `start` to 24时 of `end`."""

    start: date
    end: date

    @model_validator(mode="after")
    def _forward(self) -> Self:
        if self.end < self.start:
            raise PydanticCustomError("period.inverted", "the period ends before it starts")
        return self


class Clause(Noun):
    """条款: one filed insurance clause of the policy, `main` 主险 or `rider` 附加险."""

    registration_no: ClauseNo
    name: Name | None = None
    kind: Literal["main", "rider"]

    @model_validator(mode="after")
    def _kind_of_number(self) -> Self:
        if self.kind != ("main" if self.registration_no[10] == "1" else "rider"):
            raise PydanticCustomError(
                "value.unknown", "the 11th character of the registration number says another kind"
            )
        return self


class Limits(Noun):
    """责任限额, yuan: aggregate 累计, per occurrence 每次事故, deductible 免赔额."""

    aggregate: Amount | None = None
    per_occurrence: Amount | None = None
    deductible: Amount | None = None


class RateBase(Noun):
    """What the rate 费率 is a percentage of, and its amount in yuan."""

    kind: Literal["aggregate_limit", "per_occurrence_limit", "turnover", "declared"]
    amount: Amount


class Premium(Noun):
    """保费 in yuan: `gross` 含税 (JR/T 0033 BX0015), `net` 不含税, `tax` 增值税."""

    gross: Amount
    net: Amount | None = None
    tax: Amount | None = None
    currency: Literal["CNY"]


class PremiumChange(Noun):
    """A change of premium in yuan; signed: negative is less."""

    gross: Yuan | None = None
    net: Yuan | None = None
    tax: Yuan | None = None


class ReturnPremium(Noun):
    """退还保费 in yuan, magnitudes."""

    gross: Amount | None = None
    net: Amount | None = None
    tax: Amount | None = None


class Instalment(Noun):
    """分期: number, due date 应缴日, amount in yuan."""

    no: int = Field(ge=1, le=999)
    due_on: date | None = None
    amount: Amount | None = None


class CoInsurer(Noun):
    """共保: insurer code or name as stated, share in percent, whether it leads."""

    insurer: Name
    share_percent: Percent
    lead: bool


class Policy(Written):
    """保单: one insurance contract as its insurer reports it."""

    policy_no: PolicyNo
    policyholder: Party
    insured: tuple[Insured, ...] = ()
    product: Product | None = None
    line: Line
    clauses: tuple[Clause, ...] = ()
    issued_on: date | None = None
    period: Period
    limits: Limits | None = None
    rate_base: RateBase | None = None
    rate_percent: Percent | None = None
    premium: Premium
    instalments: tuple[Instalment, ...] = ()
    coinsurance: tuple[CoInsurer, ...] = ()
    documents: tuple[Document, ...] = ()

    @model_validator(mode="after")
    def _shares(self) -> Self:
        if self.coinsurance:
            if sum(percent(entry.share_percent) for entry in self.coinsurance) != 100:
                raise PydanticCustomError("coinsurance.shares", "the shares do not add up to exactly 100 percent")
            if sum(entry.lead for entry in self.coinsurance) != 1:
                raise PydanticCustomError("coinsurance.lead", "exactly one co-insurer leads")
        return self


class FieldChange(Noun):
    """One field that an endorsement changes, with its text before and after."""

    field: Name
    before: Annotated[str, Field(max_length=4000), Visible] | None = None
    after: Annotated[str, Field(max_length=4000), Visible] | None = None


class Endorsement(Noun):
    """批单: a change of the policy.

    `write_off` 核销 gives up premium that was due and never came: `premium_change.gross` says how much, negative. It
    changes what the insurer still hopes for, not what was due: such a premium is not paid in full.
    """

    policy_no: PolicyNo
    endorsement_no: PolicyNo
    kind: Literal["increase", "decrease", "amend", "reinstate", "write_off"]
    issued_on: date | None = None
    effective_on: date | None = None
    premium_change: PremiumChange | None = None
    changes: tuple[FieldChange, ...] = ()
    documents: tuple[Document, ...] = ()

    @model_validator(mode="after")
    def _gives_up(self) -> Self:
        gross = self.premium_change.gross if self.premium_change else None
        if self.kind == "write_off" and gross is not None and gross.fen >= 0:
            raise PydanticCustomError("sign.contradiction", "what is written off is stated below zero")
        return self


class Cancellation(Noun):
    """退保 (mid-term) or 注销 (from inception)."""

    policy_no: PolicyNo
    endorsement_no: PolicyNo
    kind: Literal["from_inception", "mid_term"]
    effective_on: date | None = None
    return_premium: ReturnPremium | None = None
    reason: Text | None = None
    documents: tuple[Document, ...] = ()
