"""The schemes as dated data: what each asks, its numbers, and which of its words have several readings."""

import tomllib
from collections.abc import Iterable
from datetime import date
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from schemas.base import Noun
from schemas.money import Amount, Percent
from schemas.policy import Line
from schemas.rules import Text

_HERE = Path(__file__).parent
_NOT_SCHEMES = ("keys.toml", "texts.toml")

SchemeId = Annotated[str, Field(pattern=r"^[0-9A-Z-]{2,40}$")]
Code = Annotated[str, Field(pattern=r"^[0-9](\.[0-9]{1,2})?$")]


class Key(Noun):
    """A question to a scheme's text. `readings` are its possible answers where nobody has given one, the default first;
    `values` may be set besides. `decides`: whether a rule passes, or an amount."""

    name: str
    rule: str
    title: Text
    form: Literal["choice", "number", "amount", "date", "span", "list"] = "choice"
    decides: Literal["outcome", "amount"] | None = None
    readings: tuple[str, ...] = ()
    values: tuple[str, ...] = ()
    default: str | None = None

    @model_validator(mode="after")
    def _answerable(self) -> Self:
        if bool(self.readings) != (self.decides is not None) or (self.readings and self.default is not None):
            raise ValueError(f"{self.name}: a key with readings says what they decide, and the first is the default")
        if (self.form == "choice") != bool(self.readings or self.values):
            raise ValueError(f"{self.name}: a choice, and nothing else, lists its values")
        return self


class Cap(Noun):
    """The most that is paid, in yuan, for each product and year or for each policy."""

    amount: Amount
    each: Literal["product_and_year", "policy"]


class Window(Noun):
    """How many years a product is new, and from which of its days."""

    years: int = Field(ge=1, le=20)
    from_: Literal["approval_date", "first_sale_date"] = Field(alias="from")


class Submission(Noun):
    """When records of a type are taken for the scheme: first and last day, inclusive, Asia/Shanghai."""

    type: Literal["policy", "premium_receipt", "invoice"]
    from_: date = Field(alias="from")
    to: date

    @model_validator(mode="after")
    def _forward(self) -> Self:
        if self.to < self.from_:
            raise ValueError(f"the window for {self.type} ends before it begins")
        return self


class Steps(Noun):
    """A share that depends on a tier and falls with each later year of cover; percent."""

    tiers: dict[str, Percent]
    less_each_year: Percent
    years: int = Field(ge=1)


class ClassList(Noun):
    """The registration classes 注册分类 of one group: by code, where what is in neither list is for the drug authority,
    or by the first digit, where any other is refused."""

    allowed: tuple[Code, ...] = ()
    refused: tuple[Code, ...] = ()
    first_digits: str | None = Field(default=None, pattern=r"^[0-9]*$")

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if (self.first_digits is None) != bool(self.allowed):
            raise ValueError("classes are listed by code or by first digit")
        return self


Group = Literal["chemical", "tcm", "therapeutic_biologic", "preventive_biologic"]


class Part(Noun):
    """A part of a scheme: the lines of cover that belong to it, and what their products must be."""

    name: Literal["product", "trial"]
    lines: tuple[Line, ...] = Field(min_length=1)
    refused_lines: tuple[Line, ...] = ()
    clause_class: str | None = Field(default=None, pattern=r"^[0-9]{4}$")
    marketed: bool
    device: Literal["failed", "indeterminate"]
    classes: dict[Group, ClassList]


class Scheme(Noun):
    """One version of one scheme. What is absent does not apply; what a rule asks stands in the rule catalogue."""

    id: SchemeId
    version: str = Field(pattern=r"^[0-9A-Za-z.-]{1,20}$")
    enabled: bool
    title: Text
    basis: str
    valid_from: date | None = None
    valid_to: date | None = None
    rules: tuple[str, ...] = Field(min_length=1)
    open: tuple[str, ...] = ()
    region: str = Field(pattern=r"^[0-9]{2,6}$")
    separate_region: str | None = Field(default=None, pattern=r"^[0-9]{4}$")
    ratio_percent: Percent | None = None
    rate_limit_percent: Percent | None = None
    cap: Cap
    submission: tuple[Submission, ...] = ()
    window: Window | None = None
    steps: Steps | None = None
    blocking_levels: tuple[Literal["national", "provincial"], ...] = ()
    defaults: dict[str, str] = Field(default_factory=dict)
    parts: tuple[Part, ...] = ()

    @model_validator(mode="after")
    def _one_share(self) -> Self:
        if (self.ratio_percent is None) == (self.steps is None):
            raise ValueError(f"{self.id}: a scheme has one share, or steps")
        return self


class UnknownScheme(LookupError):
    """There is no scheme of this name."""


@lru_cache(maxsize=1)
def load_keys() -> dict[str, Key]:
    """Every key by name."""
    table = tomllib.loads((_HERE / "keys.toml").read_text(encoding="utf-8"))
    return {name: Key.model_validate({"name": name, **body}) for name, body in table.items()}


@lru_cache(maxsize=1)
def load_schemes() -> tuple[Scheme, ...]:
    """Every version of every scheme, by id and day. Raises `ValueError` where the data contradict themselves."""
    files = (file for file in _HERE.glob("*.toml") if file.name not in _NOT_SCHEMES)
    return read_schemes(file.read_text(encoding="utf-8") for file in files)


def read_schemes(texts: Iterable[str]) -> tuple[Scheme, ...]:
    """The schemes that TOML texts state, one each."""
    keys = load_keys()
    schemes = [Scheme.model_validate(tomllib.loads(text)) for text in texts]
    for scheme in schemes:
        for name in (*scheme.open, *scheme.defaults):
            if name not in keys:
                raise ValueError(f"{scheme.id}: there is no key {name}")
            if name in scheme.open and (not keys[name].readings or keys[name].rule not in scheme.rules):
                raise ValueError(f"{scheme.id}: {name} cannot be open here")
    if len({(scheme.id, scheme.version) for scheme in schemes}) < len(schemes):
        raise ValueError("a version of a scheme stands twice")
    return tuple(sorted(schemes, key=lambda scheme: (scheme.id, scheme.valid_from or date.min)))


def find_scheme(name: str, at: date) -> Scheme:
    """The version of scheme `name` in force on the day `at`; before the first one, the first. R-ZJ-27.

    Raises `UnknownScheme`.
    """
    versions = [scheme for scheme in load_schemes() if scheme.id == name]
    if not versions:
        raise UnknownScheme(name)
    begun = [scheme for scheme in versions if (scheme.valid_from or date.min) <= at]
    return begun[-1] if begun else versions[0]
