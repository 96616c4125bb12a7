"""Parties and documents: who takes part, and which sealed bytes belong to a record."""

import re
import unicodedata
from typing import Annotated, Literal

from pydantic import Field

from schemas.base import Noun
from schemas.identifiers import CreditCode, Digest, RegionCode

Name = Annotated[str, Field(min_length=1, max_length=300)]
Text = Annotated[str, Field(min_length=1, max_length=4000)]


class Party(Noun):
    """A company or institution: its registered name 名称, credit code 统一社会信用代码 and region 行政区划代码."""

    name: Name
    credit_code: CreditCode | None = None
    region: RegionCode | None = None


class Insured(Party):
    """被保险人: a party and its role."""

    role: Literal["insured", "additional"] = "insured"


class Document(Noun):
    """A document that belongs to a record, by digest; its bytes are uploaded once, content-addressed."""

    kind: Literal["policy", "endorsement", "invoice", "receipt", "statement"]
    digest: Digest
    media_type: str = Field(pattern=r"^[a-z]+/[a-z0-9.+-]+$", max_length=100)
    file_name: str | None = Field(default=None, max_length=255)


def folded(name: str) -> str:
    """A name for comparison: NFKC, white space removed, upper case. Look-alike letters stay different."""
    return re.sub(r"\s+", "", unicodedata.normalize("NFKC", name)).upper()


def same_party(one: Party, other: Party) -> bool:
    """Whether two parties are the same: by credit code if both have one, else by name."""
    if one.credit_code and other.credit_code:
        return one.credit_code == other.credit_code
    return folded(one.name) == folded(other.name)
