"""A scheme with its questions answered, as far as anybody answered them: what a calculation goes by."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from fractions import Fraction
from functools import cached_property
from typing import NamedTuple

from gateway.schemes.profile import Key, Part, Scheme, load_keys
from schemas.money import Yuan, percent

_NUMBER = re.compile(r"0|[1-9][0-9]{0,17}")
_AMOUNT = re.compile(r"(0|[1-9][0-9]{0,15})(?:\.([0-9]{1,2}))?")
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


class UnknownAnswer(ValueError):
    """What was set is no key, or no answer to it."""


class View(NamedTuple):
    """One reading of everything that decides an amount."""

    rate_base: str
    product_key: str
    cap_year: str
    multi_year_attribution: str
    premium_basis: str


@dataclass(frozen=True)
class Terms:
    """A scheme and the answers that were set, key by key. Raises `UnknownAnswer` on what cannot be set."""

    scheme: Scheme
    answers: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        keys = load_keys()
        for name, text in self.answers.items():
            if name not in keys:
                raise UnknownAnswer(f"there is no key {name}; see `gateway scheme list`")
            _check(keys[name], text)

    def value(self, name: str) -> str | None:
        """The answer to a key: what was set, else the scheme's default, else the key's."""
        if (answer := self.answers.get(name)) is not None:
            return answer
        key = load_keys()[name]
        return self.scheme.defaults.get(name, key.readings[0] if key.readings else key.default)

    def choice(self, name: str) -> str:
        """The answer to a key that always has one."""
        value = self.value(name)
        assert value is not None, name
        return value

    def readings(self, name: str) -> tuple[str, ...]:
        """The answers to try: the one that was set; every reading of an open key; else the default."""
        if name not in self.answers and name in self.scheme.open:
            return load_keys()[name].readings
        return (self.choice(name),)

    def open_keys(self, decides: str) -> tuple[Key, ...]:
        """The keys that nobody answered and that decide an `outcome` or an `amount`."""
        keys = load_keys()
        return tuple(
            keys[name] for name in self.scheme.open if name not in self.answers and keys[name].decides == decides
        )

    @cached_property
    def idle(self) -> tuple[str, ...]:
        """Keys that were set although no rule of this scheme asks them."""
        keys = load_keys()
        return tuple(
            sorted(
                name
                for name in self.answers
                if keys[name].rule not in self.scheme.rules
                or (name in ("tier", "policy_year", "equipment_value") and self.scheme.steps is None)
            )
        )

    @cached_property
    def view(self) -> View:
        """The amounts as set or by default."""
        return View(*(self.choice(name) for name in View._fields))

    @cached_property
    def tolerance(self) -> int:
        """How many fen may be missing from a premium that counts as paid in full."""
        return int(self.choice("full_payment_tolerance_fen"))

    @cached_property
    def annualise(self) -> bool:
        """Whether the rate's limit grows with the years of the policy."""
        return self.choice("rate_annualise") == "true"

    @cached_property
    def credit_code_prefixes(self) -> tuple[str, ...]:
        """How the credit codes of those who may apply begin."""
        return tuple(self.choice("allowed_uscc_prefix").split(","))

    @cached_property
    def effective_from(self) -> date:
        """The day on which the text takes effect."""
        return date.fromisoformat(self.choice("effective_from"))

    @cached_property
    def term(self) -> tuple[date, date]:
        """First and last day of the scheme's term."""
        first, _, last = self.choice("term").partition("..")
        return date.fromisoformat(first), date.fromisoformat(last)

    @cached_property
    def rate_limit(self) -> Fraction | None:
        """The highest supported rate, as a fraction; `None` if the scheme has no limit."""
        text = self.scheme.rate_limit_percent
        return None if text is None else Fraction(percent(text)) / 100

    @cached_property
    def share(self) -> Fraction | None:
        """Which part of the eligible premium is paid; `None` while the tier is not known."""
        steps = self.scheme.steps
        if steps is None:
            assert self.scheme.ratio_percent is not None, "a scheme has one share, or steps"
            return Fraction(percent(self.scheme.ratio_percent)) / 100
        tier = self.value("tier")
        if tier is None:
            return None
        less = Fraction(percent(steps.less_each_year)) * (self.policy_year - 1)
        return max(Fraction(0), Fraction(percent(steps.tiers[tier])) - less) / 100

    @cached_property
    def policy_year(self) -> int:
        """Which year of cover in a row the policy is, from 1."""
        return int(self.choice("policy_year"))

    @cached_property
    def equipment_value(self) -> int | None:
        """What the insured equipment is worth, fen; `None` if nobody said."""
        text = self.value("equipment_value")
        return None if text is None else _fen(text)

    @cached_property
    def limit_each_policy(self) -> int | None:
        """The most that one policy gets, fen; `None` if the cap is not for each policy."""
        return self.scheme.cap.amount.fen if self.scheme.cap.each == "policy" else None

    @cached_property
    def limit_each_line(self) -> int | None:
        """The most that one product gets in a year, fen; `None` if the cap is not for each product and year."""
        return self.scheme.cap.amount.fen if self.scheme.cap.each == "product_and_year" else None

    def lines(self, part: Part) -> tuple[str, ...]:
        """The lines of cover that count for a part."""
        if part.name == "product" and "allowed_lines" in self.answers:
            return tuple(self.answers["allowed_lines"].split(","))
        return part.lines

    def part(self, line: str) -> Part | None:
        """The part of the scheme that judges a policy of this line; `None` if it is of neither of two."""
        parts = self.scheme.parts
        if len(parts) == 1:
            return parts[0]
        return next((part for part in parts if line in self.lines(part)), None)


def _check(key: Key, text: str) -> None:
    problem = ""
    if key.form == "choice":
        if text not in (*key.readings, *key.values):
            problem = f"one of {', '.join((*key.readings, *key.values))}"
    elif key.form == "number":
        if not _NUMBER.fullmatch(text) or (key.name == "policy_year" and text == "0"):
            problem = "a whole number"
    elif key.form == "amount":
        if not _AMOUNT.fullmatch(text):
            problem = "an amount in yuan"
    elif key.form == "date":
        if not _is_day(text):
            problem = "a day, YYYY-MM-DD"
    elif key.form == "span":
        first, _, last = text.partition("..")
        if not (_is_day(first) and _is_day(last) and first <= last):
            problem = "two days, FIRST..LAST"
    elif not all(re.fullmatch(r"[0-9A-Za-z_]{1,30}", entry) for entry in text.split(",")):
        problem = "a list, separated by commas"
    if problem:
        raise UnknownAnswer(f"{key.name}={text}: it takes {problem}")


def _is_day(text: str) -> bool:
    if not _DAY.fullmatch(text):
        return False
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True


def _fen(text: str) -> int:
    match = _AMOUNT.fullmatch(text)
    assert match is not None, "the answer was checked"
    return Yuan.of(f"{match[1]}.{(match[2] or '').ljust(2, '0')}").fen
