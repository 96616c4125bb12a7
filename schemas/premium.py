"""Money that moved: receipts 实收保费, refunds 退费, invoices 发票; deliveries, totals, claims, decisions."""

from datetime import date
from typing import Annotated, Literal, Self

from pydantic import AwareDatetime, Field, model_validator
from pydantic_core import PydanticCustomError

from schemas.base import Noun
from schemas.identifiers import ClauseNo, Digest, InvoiceNo, PolicyNo, ReceiptNo
from schemas.money import Amount, Yuan
from schemas.party import Document, Name, Party, Text, Visible
from schemas.policy import Period
from schemas.product import Product


class PremiumReceipt(Noun):
    """实收保费: premium that arrived. `paid_in_full` is the insurer's own statement 保费已全部缴清, never computed."""

    policy_no: PolicyNo
    receipt_no: ReceiptNo
    instalment_no: int | None = Field(default=None, ge=1, le=999)
    amount: Amount
    received_on: date
    payer: Party | None = None
    payer_account_hash: Annotated[str, Field(max_length=100), Visible] | None = None
    method: Literal["bank_transfer", "cheque", "card", "cash", "online"] | None = None
    bank_reference: Annotated[str, Field(max_length=100), Visible] | None = None
    invoice_nos: tuple[InvoiceNo, ...] = ()
    paid_in_full: bool | None = None
    documents: tuple[Document, ...] = ()


class PremiumRefund(Noun):
    """退费: premium that went back."""

    policy_no: PolicyNo
    refund_no: ReceiptNo
    endorsement_no: PolicyNo | None = None
    amount: Amount
    paid_on: date
    payee: Party | None = None
    reason: Text | None = None
    documents: tuple[Document, ...] = ()


class Invoice(Noun):
    """保险费发票: a VAT invoice; a red letter 红字 is negative throughout and names what it cancels."""

    invoice_no: InvoiceNo
    invoice_code: str | None = Field(default=None, pattern=r"^[0-9]{10}([0-9]{2})?$")
    issued_on: date
    seller: Party | None = None
    buyer: Party | None = None
    net: Yuan
    tax: Yuan
    gross: Yuan
    policy_nos: tuple[PolicyNo, ...] = ()
    red_letter_of: InvoiceNo | None = None
    documents: tuple[Document, ...] = ()

    @model_validator(mode="after")
    def _adds_up(self) -> Self:
        if self.net + self.tax != self.gross:
            raise PydanticCustomError("invoice.total-mismatch", "net and tax do not add up to gross")
        return self


TraceCode = Annotated[str, Field(pattern=r"^[0-9]{20}$", description="药品追溯码")]


class Delivery(Noun):
    """交付: the product reached its final user."""

    policy_no: PolicyNo | None = None
    product: Product
    buyer: Party
    through: tuple[Party, ...] = ()
    delivered_on: date
    quantity: str = Field(pattern=r"^[0-9]{1,18}(\.[0-9]{1,6})?$")
    trace_codes: tuple[TraceCode, ...] = ()
    contract_digest: Digest | None = None
    invoice_nos: tuple[InvoiceNo, ...] = ()
    documents: tuple[Document, ...] = ()


class ControlTotal(Noun):
    """How many records of a type the insurer counts for a day, and their amount in yuan."""

    type: Name
    count: int = Field(ge=0)
    amount: Yuan | None = None


class DayClose(Noun):
    """日结: the insurer's own control totals of a day, the base of the completeness watermark."""

    date: date
    totals: tuple[ControlTotal, ...]


class ClaimSummary(Noun):
    """赔付统计: premium earned and claims of a clause in a period, for rate look-back 费率回溯; yuan."""

    period: Period
    clause_registration_no: ClauseNo
    earned_premium: Amount
    claims_count: int = Field(ge=0)
    paid: Amount
    outstanding: Amount


class Award(Noun):
    """补贴核定: what a scheme granted, told by the subsidy system; yuan."""

    scheme: str = Field(pattern=r"^[0-9A-Z-]{2,40}$")
    level: Literal["national", "provincial", "city", "county"] | None = None
    product_key: Name
    policy_nos: tuple[PolicyNo, ...] = Field(min_length=1)
    year: int = Field(ge=2000, le=2100)
    amount: Amount
    awarded_on: date


class Decision(Noun):
    """审核决定: an authority's signed word on what the gateway holds as indeterminate.

    `subject` names a premium, `premium:INSURER/POLICY_NO`, and one rule on it if `#RULE` follows. The word is on what
    was open there in `revision`, by default the latest when the decision came: it says nothing of what comes after, and
    a check that failed is nobody's to accept. A decision on anything else is recorded, and changes no premium.
    """

    subject: Name
    outcome: Literal["accepted", "rejected"]
    reason: Text
    decided_on: date
    authority: Name
    revision: int | None = Field(default=None, ge=1)


class Directive(Noun):
    """监管指令: a regulator's signed word that stops something, or lets it go on, from a moment on.

    `subject` is an insurer (`insurer:CODE`), a record type (`type:TYPE`), a record type of one insurer
    (`insurer:CODE/type:TYPE`), or a clause (`clause:REGISTRATION_NO`). The latest directive on a subject counts.
    """

    subject: Annotated[
        str,
        Field(
            pattern=r"^(insurer:[0-9A-Z-]{2,32}(/type:[a-z_]{3,40})?|type:[a-z_]{3,40}|clause:[0-9A-Z]{24})$",
        ),
    ]
    action: Literal["suspend", "resume"]
    effective_from: AwareDatetime
    reason: Text
    authority: Name
