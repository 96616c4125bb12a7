"""Parties and documents: who takes part, and which sealed bytes belong to a record."""

import re
import unicodedata
from typing import Annotated, Literal

from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

from schemas.base import Noun
from schemas.identifiers import CreditCode, Digest, RegionCode

# C0 except TAB, CR and LF, DEL, C1, the replacement character, bidi controls, zero-width and private-use characters.
_HIDDEN = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ufffd\u202a-\u202e\u2066-\u2069\u200b-\u200d\u2060\ufeff"
    "\ue000-\uf8ff\U000f0000-\U000ffffd\U00100000-\U0010fffd]"
)


def _visible(text: str) -> str:
    """What a reader sees is all that there is: text that hides something, or holds what no database can, is refused."""
    if not (text.isprintable() and "\ufffd" not in text) and (hidden := _HIDDEN.search(text)):
        raise PydanticCustomError(
            "text.control-char",
            "the text holds the hidden character {character}",
            {"character": f"U+{ord(hidden[0]):04X}"},
        )
    return text


Visible = AfterValidator(_visible)
Name = Annotated[str, Field(min_length=1, max_length=300), Visible]
Text = Annotated[str, Field(min_length=1, max_length=4000), Visible]


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
    file_name: Annotated[str, Field(max_length=255), Visible] | None = None


def folded(name: str) -> str:
    """A name for comparison: NFKC, white space removed, upper case. Look-alike letters stay different."""
    return re.sub(r"\s+", "", unicodedata.normalize("NFKC", name)).upper()


def same_party(one: Party, other: Party) -> bool:
    """Whether two parties are the same: by credit code if both have one, else by name."""
    if one.credit_code and other.credit_code:
        return one.credit_code == other.credit_code
    return folded(one.name) == folded(other.name)
