"""One policy under one scheme: every rule that is asked, and what each answers."""

from collections.abc import Callable, Mapping

from gateway.schemes import applicant, classes, cover, payment, product
from gateway.schemes.facts import Facts
from gateway.schemes.premium import can_be_split, eligible_premium
from gateway.schemes.terms import Terms, View
from gateway.schemes.verdict import PASSED, Verdict, fails, unclear, under_every_reading
from schemas.verification import Outcome


def _check_base(facts: Facts, terms: Terms) -> Verdict:
    """R-ZJ-14b: the base is there, and the stated rate agrees with it."""
    if facts.base(terms.view.rate_base) is None:
        return unclear("base-missing")
    return cover.check_stated_rate(facts, terms)


def _check_share(facts: Facts, terms: Terms) -> Verdict:
    """R-ZJ-15: the share of the premium that is paid, and the premium that it is a share of, are known."""
    if terms.share is None:
        return unclear("tier-missing")
    if terms.view.premium_basis == "tax_excl" and facts.due_net_of_tax is None:
        return unclear("net-missing")
    return PASSED


def _check_product(facts: Facts, terms: Terms) -> Verdict:
    """R-ZJ-16: the product whose yearly cap counts can be named."""
    if terms.limit_each_line is None or facts.product_keys[terms.view.product_key] is not None:
        return PASSED
    return unclear("product-missing")


def _check_years(facts: Facts, terms: Terms) -> Verdict:
    """R-ZJ-17: the year of cover is supported; the years that its premium belongs to can be told."""
    if terms.scheme.steps:
        return PASSED if terms.policy_year <= terms.scheme.steps.years else fails("too-many-years")
    attribution = terms.view.multi_year_attribution
    if facts.whole_years < 2 or attribution == "payment_year" or can_be_split(facts, attribution):
        return PASSED
    return unclear("cannot-be-split")


_CHECKS: Mapping[str, Callable[[Facts, Terms], Verdict]] = {
    "R-ZJ-01": applicant.check_place,
    "R-ZJ-02": applicant.check_kind,
    "R-ZJ-03": applicant.check_separate_place,
    "R-ZJ-04": product.check_approval,
    "R-ZJ-06": classes.check_class,
    "R-ZJ-08": cover.check_line,
    "R-ZJ-09": applicant.check_identified,
    "R-ZJ-13": payment.check_paid_in_full,
    "R-ZJ-14b": _check_base,
    "R-ZJ-15": _check_share,
    "R-ZJ-16": _check_product,
    "R-ZJ-17": _check_years,
    "F-01": payment.check_told_once,
    "F-10": cover.check_units,
    "F-16": payment.check_coinsurance,
    "F-17": payment.check_lead_reports,
}

_CHECKS_BY_READING: Mapping[str, tuple[str, Callable[[Facts, Terms, str], Verdict | None]]] = {
    "R-ZJ-05": ("approval_end_basis", product.check_window),
    "R-ZJ-07": ("applicant_role", applicant.check_role),
    "R-ZJ-12": ("in_force_test", cover.check_in_force),
    "R-ZJ-26": ("eligible_event", cover.check_term),
}

Answer = tuple[str, str]
"""A key and the value that it is tried with."""


class Case:
    """One policy with every verdict that does not depend on how amounts are read."""

    def __init__(self, facts: Facts, terms: Terms, given: Mapping[str, Verdict]) -> None:
        self.facts = facts
        self.terms = terms
        asked = terms.scheme.rules
        verdicts = {rule: check(facts, terms) for rule, check in _CHECKS.items() if rule in asked}
        verdicts.update({rule: verdict for rule, verdict in given.items() if rule in asked})
        self._by_key = {
            key: {value: check(facts, terms, value) for value in terms.readings(key)}
            for rule, (key, check) in _CHECKS_BY_READING.items()
            if rule in asked
        }
        for rule, (key, _) in _CHECKS_BY_READING.items():
            if rule in asked:
                verdicts[rule] = under_every_reading(tuple(self._by_key[key].values()))
        self.verdicts = {rule: verdict for rule, verdict in verdicts.items() if verdict is not PASSED}
        self._failing = {rule for rule, verdict in self.verdicts.items() if verdict.outcome is Outcome.FAILED}
        self._rate = "R-ZJ-14" in asked
        self._double = "R-ZJ-18" in asked and (bool(facts.other_years) or facts.product_awarded)
        self._eligible: dict[tuple[str, str], int | None] = {}
        self._above: dict[str, bool | None] = {}

    def rate(self, rate_base: str, answer: Answer | None = None) -> Verdict:
        """R-ZJ-14 on this base; `answer` tries one reading."""
        if not self._rate:
            return PASSED
        readings = self._tried("rate_rule", answer)
        above = self.above_limit(rate_base)
        return under_every_reading([cover.check_rate(above, one) for one in readings])

    def above_limit(self, rate_base: str) -> bool | None:
        """Whether the rate on this base is above the scheme's limit; `None` if the base is missing."""
        if rate_base not in self._above:
            self._above[rate_base] = cover.is_above_limit(self.facts, self.terms, rate_base)
        return self._above[rate_base]

    def double(self, year: int, answer: Answer | None = None) -> Verdict:
        """R-ZJ-18 in a line of this year; `answer` tries one reading."""
        if not self._double:
            return PASSED
        readings = self._tried("double_scope", answer)
        return under_every_reading([cover.check_not_paid_twice(self.facts, self.terms, year, one) for one in readings])

    def fails(self, rate_base: str, answer: Answer | None = None) -> bool:
        """Whether a rule other than R-ZJ-18 fails; `answer` tries one reading."""
        if self.rate(rate_base, answer).outcome is Outcome.FAILED:
            return True
        tried = self._by_key.get(answer[0]) if answer else None
        if answer is None or tried is None:
            return bool(self._failing)
        rule = next(rule for rule, (key, _) in _CHECKS_BY_READING.items() if key == answer[0])
        verdict = tried[answer[1]]
        return bool(self._failing - {rule}) or (verdict is not None and verdict.outcome is Outcome.FAILED)

    def eligible(self, view: View) -> int:
        """The eligible premium, were every open point decided in its favour; 0 if it cannot be known."""
        asked = (view.rate_base, view.premium_basis)
        if asked not in self._eligible:
            self._eligible[asked] = eligible_premium(self.facts, self.terms, *asked)
        return self._eligible[asked] or 0

    def depends_on(self, key: str, view: View) -> bool:
        """Whether one reading of the key fails this policy and another does not."""
        if key == "double_scope":
            return self._double
        if key == "rate_rule":
            return self.above_limit(view.rate_base) is True
        outcomes = {verdict and verdict.outcome for verdict in self._by_key[key].values()}
        return Outcome.FAILED in outcomes and len(outcomes) > 1

    def _tried(self, key: str, answer: Answer | None) -> tuple[str, ...]:
        return (answer[1],) if answer and answer[0] == key else self.terms.readings(key)
