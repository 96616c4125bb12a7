"""The cover: its line, its time, its stated rate, and what else was paid for it."""

from datetime import date
from fractions import Fraction

from gateway.schemes.facts import Facts
from gateway.schemes.records import Policy
from gateway.schemes.terms import Terms
from gateway.schemes.verdict import PASSED, Verdict, fails, unclear

_TOLERANCE = Fraction(5, 1000)
_SLIP = 10_000


def check_line(facts: Facts, terms: Terms) -> Verdict:
    """R-ZJ-08: product liability or the like, under a main clause of that class; for equipment, its whole value."""
    policy = facts.policy
    if terms.scheme.parts:
        part = terms.part(policy.line)
        if part is None:
            return unclear("other-line")
        if policy.line in part.refused_lines:
            return fails("trial-liability")
        if policy.line not in terms.lines(part):
            return unclear("other-line")
        if part.clause_class and not any(clause[7:11] == part.clause_class for clause in policy.main_clauses):
            return unclear("no-such-clause")
    if terms.scheme.steps and terms.equipment_value is not None:
        limit = facts.base("aggregate_limit")
        if limit is None:
            return unclear("limit-missing")
        if limit < terms.equipment_value:
            return fails("limit-below-value")
    return PASSED


def check_in_force(facts: Facts, _terms: Terms, reading: str) -> Verdict:
    """R-ZJ-12: the policy had begun when applied for and, by one reading, was running; and it was never undone."""
    reinstated = max((told.day for told in facts.contract.endorsements if told.kind == "reinstate"), default=None)
    cancellations = [told for told in facts.contract.cancellations if reinstated is None or told.day > reinstated]
    day = facts.application_day
    if any(told.kind == "from_inception" for told in cancellations):
        return fails("undone")
    if day < facts.policy.start:
        return fails("not-begun")
    if reading == "active_on_application":
        if day > facts.policy.end:
            return fails("expired")
        if any(told.day <= day for told in cancellations):
            return fails("cancelled")
    return PASSED


def check_term(facts: Facts, terms: Terms, reading: str) -> Verdict | None:
    """R-ZJ-26: the event lies in the scheme's term, and not before its text took effect."""
    day: date | None = facts.policy.start
    if reading == "payment":
        day = facts.payment_day
    elif reading == "application":
        day = facts.application_day
    if day is None:
        return None
    first, last = terms.term
    if not first <= day <= last:
        return fails("outside-term")
    return PASSED if day >= terms.effective_from else unclear("before-effect")


def check_rate(above: bool | None, reading: str) -> Verdict | None:
    """R-ZJ-14: the rate, of the premium due on the base and the years, is not above the limit (`is_above_limit`)."""
    if reading == "cap":
        return PASSED
    if not above:
        return None if above is None else PASSED
    return fails("rate-above-limit") if reading == "reject" else unclear("rate-above-limit")


def is_above_limit(facts: Facts, terms: Terms, rate_base: str) -> bool | None:
    """Whether the premium due is more than limit x base x years, exactly; `None` if the base is missing."""
    limit, base = terms.rate_limit, facts.base(rate_base)
    assert limit is not None, "a scheme with this rule limits the rate"
    if base is None:
        return None
    factor = limit * facts.years if terms.annualise else limit
    return facts.due * factor.denominator > base * factor.numerator


def check_stated_rate(facts: Facts, terms: Terms) -> Verdict:
    """R-ZJ-14b, first part: the premium is the stated rate of the stated base, which is the limit that it names.

    All as issued. The readings of the base are tried where amounts are compared.
    """
    policy = facts.policy
    if policy.base_amount is None or policy.rate is None or policy.base_kind is None:
        return unclear("rate-not-stated")
    if not rate_agrees(facts, terms):
        return unclear("rate-differs")
    names = {"aggregate_limit": "aggregate", "per_occurrence_limit": "per_occurrence"}
    limit = names.get(policy.base_kind)
    if limit and policy.limits[limit] != policy.base_amount:
        return unclear("base-is-not-the-limit")
    return PASSED


def rate_agrees(facts: Facts, terms: Terms) -> bool:
    """Whether the gross premium is within 0.5 % of base times rate, for the policy or for each of its years."""
    return any(abs(facts.policy.gross - stated) <= _TOLERANCE * stated for stated in _stated_premiums(facts, terms))


def check_units(facts: Facts, terms: Terms) -> Verdict:
    """F-10: nothing is 10,000 times something else (元 against 万元): premium, rate and base, receipts, an invoice."""
    gross = facts.policy.gross
    if not rate_agrees(facts, terms) and any(
        abs(_SLIP * gross - stated) <= _TOLERANCE * stated or abs(gross - _SLIP * stated) <= _TOLERANCE * _SLIP * stated
        for stated in _stated_premiums(facts, terms)
        if stated
    ):
        return fails("premium-against-rate")
    if _slips(facts.received, gross):
        return fails("receipts-against-premium")
    alone = (invoice for invoice in facts.contract.invoices if len(invoice.policy_nos) == 1)
    if any(_slips(invoice.gross, gross) for invoice in alone):
        return fails("invoice-against-premium")
    return PASSED


def _slips(one: int, other: int) -> bool:
    return bool(one and other) and (one * _SLIP == other or other * _SLIP == one)


def _stated_premiums(facts: Facts, terms: Terms) -> tuple[Fraction, ...]:
    """Base times rate, for the policy and for all of its years; nothing if either is not stated."""
    policy: Policy = facts.policy
    if policy.base_amount is None or policy.rate is None:
        return ()
    once = policy.base_amount * policy.rate
    years = facts.years if terms.annualise else Fraction(1)
    return (once,) if years == 1 else (once, once * years)


def check_not_paid_twice(facts: Facts, _terms: Terms, year: int, reading: str) -> Verdict:
    """R-ZJ-18: no other national or provincial scheme pays for the policy, the year's premium, or the product."""
    if reading == "same_premium":
        paid = year in facts.other_years
    else:
        paid = bool(facts.other_years) or (reading == "product_ever" and facts.product_awarded)
    return fails("another-award") if paid else PASSED
