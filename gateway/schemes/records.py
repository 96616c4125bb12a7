"""The records that the calculation goes by, and the one form of names and numbers in them. Amounts are fen."""

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from typing import Any

from schemas.money import Yuan

_BARE_APPROVAL = re.compile(r"[HZS][CJ]?[0-9]{8}")


@dataclass(frozen=True, slots=True)
class Party:
    """A party: its name without white space (NFKC), credit code, region."""

    name: str
    credit_code: str | None = None
    region: str | None = None

    def is_same(self, other: "Party") -> bool:
        """By credit code if both have one, else by name."""
        if self.credit_code and other.credit_code:
            return self.credit_code == other.credit_code
        return self.name == other.name


@dataclass(frozen=True, slots=True)
class Product:
    """The insured product; identifiers and names normalised, `None` where nothing is said."""

    kind: str | None = None
    generic_name: str | None = None
    approval_no: str | None = None
    approval_date: date | None = None
    first_sale_date: date | None = None
    registration_class: str | None = None
    class_group: str | None = None
    class_codes: tuple[str, ...] = ()
    holder: Party | None = None
    manufacturer: Party | None = None
    drug_code: str | None = None


@dataclass(frozen=True, slots=True)
class Told:
    """A record as an insurer, or the subsidy system, told it. `day` is the day from which it counts; `record` is what
    it is compared by with another of the same number; `policy_nos` are the policies that it names."""

    insurer: str
    type: str
    number: str
    day: date
    record: Mapping[str, Any]
    policy_nos: tuple[str, ...]

    @property
    def policy_no(self) -> str:
        """The policy that a movement belongs to."""
        return self.policy_nos[0]


@dataclass(frozen=True, slots=True)
class Money:
    """Premium with and without tax; `None` where nothing is said."""

    gross: int | None = None
    net: int | None = None


@dataclass(frozen=True, slots=True)
class Share:
    """One co-insurer: its code, share in percent, whether it leads."""

    insurer: str
    percent: Fraction
    leads: bool


@dataclass(frozen=True, slots=True)
class Policy(Told):
    """保单 as one insurer reports it."""

    policyholder: Party
    product: Product
    line: str
    main_clauses: tuple[str, ...]
    start: date
    end: date
    limits: Mapping[str, int | None]  # aggregate, per_occurrence, deductible
    base_kind: str | None
    base_amount: int | None
    rate: Fraction | None
    premium: Money
    gross: int
    instalments: tuple[tuple[date | None, int | None], ...]
    coinsurance: tuple[Share, ...]


@dataclass(frozen=True, slots=True)
class Endorsement(Told):
    """批单. `change` is signed; `changes` are (field, text after)."""

    kind: str
    issued_on: date | None
    effective_on: date | None
    change: Money
    changes: tuple[tuple[str, str | None], ...]


@dataclass(frozen=True, slots=True)
class Cancellation(Told):
    """退保/注销."""

    kind: str
    effective_on: date | None
    returned: Money


@dataclass(frozen=True, slots=True)
class Receipt(Told):
    """实收保费."""

    amount: int
    payer: Party | None


@dataclass(frozen=True, slots=True)
class Refund(Told):
    """退费."""

    amount: int


@dataclass(frozen=True, slots=True)
class Invoice(Told):
    """保险费发票; red letters are negative. `invoice_no` is its number without the code that old ones have."""

    invoice_no: str
    gross: int
    seller: Party | None
    red_letter_of: str | None


@dataclass(frozen=True, slots=True)
class Award(Told):
    """补贴核定: what some scheme granted."""

    scheme: str
    level: str | None
    product_key: str
    year: int
    amount: int


def squeezed(text: str) -> str:
    """NFKC, all white space removed."""
    return "".join(unicodedata.normalize("NFKC", text).split())


def folded(text: str) -> str:
    """NFKC, all white space removed, upper case: the form of names in product keys."""
    return squeezed(text).upper()


def approval_number(text: str) -> str:
    """An approval number in its one form: no spaces or hyphens, upper case, 国药准字 before a bare number."""
    plain = folded(text).replace("-", "")
    return f"国药准字{plain}" if _BARE_APPROVAL.fullmatch(plain) else plain


def amount_of(text: str | None) -> int | None:
    """The fen that a text states, if it states an amount in yuan without sign."""
    try:
        fen = Yuan.of(text or "").fen
    except ValueError:
        return None
    return fen if fen >= 0 else None
