"""What the registries state: one noun each, with the key under which a later statement supersedes an earlier one."""

from collections.abc import Mapping
from datetime import date
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from schemas.base import Noun
from schemas.identifiers import ApprovalNo, CreditCode, Digest, InsurerCode, PolicyNo
from schemas.money import Amount
from schemas.party import Name, Text, folded

RegistryName = Literal["varieties", "credit", "sister-awards", "hospital-list"]


class Variety(Noun):
    """品种档案: one approved drug or device. `is_new_drug` is the drug authority's word 省药监局; absent: not said."""

    approval_no: ApprovalNo
    generic_name: Name
    trade_name: Name | None = None
    approval_date: date
    registration_class: Name | None = None
    holder: Name
    holder_code: CreditCode | None = None
    manufacturer: Name | None = None
    state: Literal["valid", "suspended", "cancelled"] = "valid"
    is_new_drug: bool | None = None

    def key(self) -> str:
        """The approval number."""
        return self.approval_no

    def found_by(self) -> tuple[str, ...]:
        """The approval number."""
        return (self.approval_no,)


class CreditRecord(Noun):
    """信用档案: one mark on a company: 严重失信主体, or a major accident; from a day to a day, both inclusive."""

    credit_code: CreditCode
    name: Name
    kind: Literal["serious_dishonesty", "quality_accident", "safety_accident", "environment_accident"]
    since: date
    until: date | None = None
    authority: Name
    reference: Name

    @model_validator(mode="after")
    def _forward(self) -> Self:
        if self.until is not None and self.until < self.since:
            raise PydanticCustomError("period.inverted", "the mark ends before it starts")
        return self

    def key(self) -> str:
        """Company, kind and reference."""
        return f"{self.credit_code}/{self.kind}/{folded(self.reference)}"

    def found_by(self) -> tuple[str, ...]:
        """The credit code."""
        return (self.credit_code,)


class SisterAward(Noun):
    """An award of a sister scheme. It names its policy by number or by digest, or only its product.

    `policy_digest` is `sha256:` of the policy number in UTF-8, from whoever may not tell numbers. An absent `level`
    counts as provincial or national.
    """

    scheme: Annotated[str, Field(pattern=r"^[0-9A-Z-]{2,40}$")]
    reference: Name
    level: Literal["national", "provincial", "city", "county"] | None = None
    year: int = Field(ge=2000, le=2100)
    amount: Amount
    awarded_on: date
    insurer: InsurerCode | None = None
    policy_no: PolicyNo | None = None
    policy_digest: Digest | None = None
    approval_no: ApprovalNo | None = None
    generic_name: Name | None = None
    holder_code: CreditCode | None = None

    @model_validator(mode="after")
    def _about_something(self) -> Self:
        if not (self.policy_no or self.policy_digest or self.approval_no or (self.generic_name and self.holder_code)):
            raise PydanticCustomError("field.missing", "an award names a policy or a product")
        return self

    def key(self) -> str:
        """Scheme and reference."""
        return f"{self.scheme}/{folded(self.reference)}"

    def found_by(self) -> tuple[str, ...]:
        """Policy number, its digest, approval number, and product of a holder."""
        product = product_key(self.generic_name, self.holder_code)
        return tuple(one for one in (self.policy_no, self.policy_digest, self.approval_no, product) if one is not None)


class HospitalProduct(Noun):
    """A product on a list that is recommended for hospital use, from a day to a day, both inclusive."""

    approval_no: ApprovalNo
    generic_name: Name
    list_name: Name
    since: date
    until: date | None = None
    remark: Text | None = None

    def key(self) -> str:
        """List and approval number."""
        return f"{folded(self.list_name)}/{self.approval_no}"

    def found_by(self) -> tuple[str, ...]:
        """The approval number."""
        return (self.approval_no,)


RegistryEntry = Variety | CreditRecord | SisterAward | HospitalProduct
NOUNS: Mapping[RegistryName, type[RegistryEntry]] = {
    "varieties": Variety,
    "credit": CreditRecord,
    "sister-awards": SisterAward,
    "hospital-list": HospitalProduct,
}


def product_key(generic_name: str | None, holder_code: str | None) -> str | None:
    """How a product of a holder is looked up; `None` unless both are known."""
    return f"{folded(generic_name)}|{holder_code}" if generic_name is not None and holder_code is not None else None
