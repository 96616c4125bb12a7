"""The insured product 投保产品."""

from datetime import date
from typing import Annotated, Literal

from pydantic import Field

from schemas.base import Noun
from schemas.identifiers import ApprovalNo, DrugCode
from schemas.party import Name, Party, Visible

ClassCode = Annotated[str, Field(pattern=r"^[0-9](\.[0-9]{1,2})?$")]


class Product(Noun):
    """A drug or device as the policy names it; `registration_class` 注册分类 as printed, its parts beside it."""

    kind: Literal["drug", "device"] | None = None
    generic_name: Name | None = None
    trade_name: Name | None = None
    approval_no: ApprovalNo | None = None
    approval_date: date | None = None
    first_sale_date: date | None = None
    registration_class: Name | None = None
    class_group: (
        Literal["chemical", "tcm", "therapeutic_biologic", "preventive_biologic", "device", "unknown"] | None
    ) = None
    class_codes: tuple[ClassCode, ...] = ()
    holder: Party | None = None
    manufacturer: Party | None = None
    dosage_form: Name | None = None
    specification: Name | None = None
    drug_code: DrugCode | None = None
    udi_di: Annotated[str, Field(max_length=40), Visible] | None = None
