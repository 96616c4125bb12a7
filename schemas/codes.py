"""Code lists 代码表 with dates: what a code or a name meant on a day, as data files that name their source.

What a list does not know is unknown, never wrong: a code that is not in it, a day on which nobody here can tell, a name
that two of its codes share.
"""

import hashlib
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import Field, model_validator

from schemas.base import Noun
from schemas.canonical import as_json, canonical
from schemas.identifiers import CreditCode, RegionCode
from schemas.rules import Text

FOLDER = Path(__file__).parent / "codelists"

Standing = Literal["valid", "ended", "not_yet", "unknown"]


class Spoken(Noun):
    """A name that is no longer used; surely not from `gone_by` on, which need not be known."""

    name: str = Field(min_length=1)
    gone_by: date | None = None


class Branch(Noun):
    """A branch 分支机构 with a credit code of its own."""

    name: str = Field(min_length=1)
    credit_code: CreditCode
    region: RegionCode | None = None


class Code(Noun):
    """One code: its name, other names, and the days.

    It surely held from `from` to `to`, and surely not before `not_before` nor from `gone_by` on; without days it held
    and holds, as far as the list knows (`CodeList.as_of`). `parent` is the code above it, `became` what took its place.
    """

    code: str = Field(pattern=r"^[0-9A-Za-z./_-]{1,64}$")
    name: str = Field(min_length=1)
    also: tuple[str, ...] = ()
    formerly: tuple[Spoken, ...] = ()
    not_before: date | None = None
    from_: date | None = Field(default=None, alias="from")
    to: date | None = None
    gone_by: date | None = None
    parent: str | None = None
    became: str | None = None
    company_code: str | None = Field(default=None, pattern=r"^[0-9]{6}$")
    credit_code: CreditCode | None = None
    branches: tuple[Branch, ...] = ()
    form: Literal["number", "code_and_number"] | None = None

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        days = [day for day in (self.not_before, self.from_, self.to, self.gone_by) if day is not None]
        if days != sorted(days):
            raise ValueError(f"{self.code}: its days are not in order")
        return self

    def standing(self, day: date) -> Standing:
        """Whether the code held on `day`."""
        ended = self.gone_by or (self.to + timedelta(days=1) if self.to else None)
        begun = self.not_before or self.from_
        if ended is not None and day >= ended:
            return "ended"
        if begun is not None and day < begun:
            return "not_yet"
        surely_begun = self.from_ is None or day >= self.from_
        surely_not_ended = day <= self.to if self.to is not None else self.gone_by is None
        return "valid" if surely_begun and surely_not_ended else "unknown"


@dataclass(frozen=True, slots=True)
class Found:
    """What a name or code meant on a day. Only `valid` says that it was right to write it then."""

    code: Code
    standing: Standing


class CodeList(Noun):
    """A list: where it comes from, as of which day it speaks, and whether every code of its `scope` is in it.

    `scope` is how the codes begin that it speaks of.
    """

    name: str = Field(pattern=r"^[a-z_]{1,40}$")
    title: Text
    source: str = Field(min_length=1)
    as_of: date
    complete: bool
    scope: str = ""
    code: tuple[Code, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _is_one_list(self) -> Self:
        codes = [one.code for one in self.code]
        if len(set(codes)) < len(codes):
            raise ValueError(f"{self.name}: a code stands twice")
        named = {name for one in self.code for name in (one.parent, one.became) if name is not None}
        if missing := sorted(named - set(codes)):
            raise ValueError(f"{self.name}: {missing} are named and not there")
        if stray := [code for code in codes if not code.startswith(self.scope)]:
            raise ValueError(f"{self.name}: {stray} are beyond its scope")
        return self

    @property
    def digest(self) -> str:
        """What identifies the list that an answer rests on."""
        return f"sha256:{hashlib.sha256(canonical(self)).hexdigest()}"

    def on(self, day: date) -> "Snapshot":
        """The list as it was on a day of Asia/Shanghai."""
        return Snapshot(self, day)

    def words(self, *, top: bool = False) -> Iterator[tuple[str, str]]:
        """Each name and other name with its code, in file order; `top` leaves out what stands below another."""
        for one in self.code:
            if not (top and one.parent):
                for word in (one.name, *one.also):
                    yield word, one.code


class Snapshot:
    """A code list on one day."""

    def __init__(self, codes: CodeList, day: date) -> None:
        self.list = codes
        self.day = day
        self._by_code = {one.code: one for one in codes.code}

    def find(self, code: str) -> Found | None:
        """The code and how it stood; `None` if the list has no such code."""
        one = self._by_code.get(code)
        return None if one is None else Found(one, one.standing(self.day))

    def standing(self, code: str) -> Standing:
        """How the code stood. A code that a complete list does not have, and that is of its scope, never was."""
        found = self.find(code)
        return "unknown" if found is None else found.standing

    def is_listed(self, code: str) -> bool | None:
        """Whether there is, was or will be such a code; `None` where the list cannot say."""
        if code in self._by_code:
            return True
        return False if self.list.complete and code.startswith(self.list.scope) else None

    def called(self, name: str) -> Found | None:
        """What goes by this name, to the letter; `None` if nothing does, or more than one thing.

        A former name is `ended` from the day on which it surely was one, and `unknown` before, or without that day.
        """
        matches = [found for one in self.list.code if (found := self._named(one, name)) is not None]
        held = [found for found in matches if found.standing not in ("ended", "not_yet")]
        candidates = held or matches
        return candidates[0] if len(candidates) == 1 else None

    def _named(self, one: Code, name: str) -> Found | None:
        if name in (one.name, *one.also):
            return Found(one, one.standing(self.day))
        for former in one.formerly:
            if former.name == name:
                is_over = former.gone_by is not None and self.day >= former.gone_by
                return Found(one, "ended" if is_over else "unknown")
        return None


def names() -> tuple[str, ...]:
    """The names of all lists but the holidays, which `schemas.calendar` reads."""
    return tuple(sorted(file.stem for file in FOLDER.glob("*.toml") if file.stem != "holidays"))


@cache
def code_list(name: str) -> CodeList:
    """The list of this name. Raises `KeyError` if there is none, `ValueError` if its file contradicts itself."""
    if name not in names():
        raise KeyError(name)
    return read_code_list((FOLDER / f"{name}.toml").read_text(encoding="utf-8"))


def read_code_list(text: str) -> CodeList:
    """The list that a file states. Raises `ValueError` if it contradicts itself."""
    return CodeList.model_validate(tomllib.loads(text))


def published(name: str, day: date | None = None) -> dict[str, Any]:
    """A list as plain JSON values with its digest; with a day, how each code stood then. Raises `KeyError`."""
    codes = code_list(name)
    stated = as_json(codes)
    listed = stated.pop("code")
    if day is not None:
        listed = [one | {"standing": code.standing(day)} for one, code in zip(listed, codes.code, strict=True)]
    return {**stated, "digest": codes.digest, "on": str(day) if day else None, "codes": listed}
