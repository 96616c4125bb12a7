"""What of a premium is supported, and in which years: exact integers of fen, rounded down where the text rounds."""

from collections import defaultdict
from fractions import Fraction
from typing import NamedTuple

from gateway.schemes.facts import Facts
from gateway.schemes.terms import Terms

_MOST_YEARS = 100  # each year is a line of the answer


class Slice(NamedTuple):
    """A part of a policy's eligible premium and the year that it belongs to."""

    year: int
    eligible: int


def eligible_premium(facts: Facts, terms: Terms, rate_base: str, premium_basis: str) -> int | None:
    """The supported part of the premium, were every open point decided in its favour; `None` if it cannot be known.

    The least of what was paid, what is due and, where the scheme limits the rate, limit x base x years; never below 0.
    """
    due: int | None = facts.due
    if premium_basis == "tax_excl":
        due = facts.due_net_of_tax
        if due is not None:
            due -= max(0, facts.due - facts.paid)
    if due is None:
        return None
    money = min(facts.paid, due)
    if terms.rate_limit is not None:
        base = facts.base(rate_base)
        if base is None:
            return None
        money = min(money, floor(terms.rate_limit * facts.years if terms.annualise else terms.rate_limit, base))
    return max(0, money)


def floor(part: Fraction, fen: int) -> int:
    """This part of an amount, rounded down to the fen."""
    return fen * part.numerator // part.denominator


def subsidy_of(eligible: int, terms: Terms) -> int:
    """What a policy with this eligible premium is worth, before the product's yearly cap; 0 if the share is unknown."""
    if terms.share is None:
        return 0
    worth = floor(terms.share, eligible)
    return worth if terms.limit_each_policy is None else min(worth, terms.limit_each_policy)


def split(facts: Facts, eligible: int, year: int, attribution: str) -> tuple[Slice, ...]:
    """R-ZJ-17: the eligible premium of a policy of several whole years, by `multi_year_attribution`."""
    years = facts.whole_years
    if years < 2 or attribution == "payment_year" or not can_be_split(facts, attribution):
        return (Slice(year, eligible),)
    if attribution == "pro_rata":
        part, rest = divmod(eligible, years)
        return tuple(Slice(year + number, part + (rest if number == 0 else 0)) for number in range(years))
    due: dict[int, int] = defaultdict(int)
    for due_on, amount in facts.policy.instalments:
        due[due_on.year if due_on else 0] += amount or 0
    total = sum(due.values())
    if total == 0:
        return (Slice(year, eligible),)
    parts = {when: eligible * amount // total for when, amount in sorted(due.items())}
    parts[min(parts)] += eligible - sum(parts.values())
    return tuple(Slice(when, part) for when, part in parts.items())


def can_be_split(facts: Facts, attribution: str) -> bool:
    """Whether a policy says what its split needs: every instalment's day and amount; no more years than a life has."""
    if attribution == "pro_rata":
        return facts.whole_years <= _MOST_YEARS
    return all(due_on is not None and amount is not None for due_on, amount in facts.policy.instalments)
