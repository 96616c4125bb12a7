"""The one calculation: messages, a day and a scheme's terms in; what each product is worth in each year out.

Pure: no clock, no database, nothing remembered. Every step is exact.
"""

from collections import defaultdict
from collections.abc import Iterable
from datetime import date

from gateway.schemes import payment
from gateway.schemes.answer import AssessedLine, AssessedPolicy, assessed
from gateway.schemes.calculation import Calculation
from gateway.schemes.case import Case
from gateway.schemes.facts import Facts, facts_of
from gateway.schemes.known import gather
from gateway.schemes.lines import Entry, LineName
from gateway.schemes.records import Told
from gateway.schemes.terms import Terms
from gateway.schemes.verdict import PASSED, Finding
from schemas.money import Yuan
from schemas.verification import Outcome

DISABLED = "scheme.disabled"


def assess(messages: Iterable[Told], terms: Terms, *, at: date, readings: bool = True) -> tuple[AssessedLine, ...]:
    """Every line of the assessed scheme that the messages make, as known on the day `at`; by product and year.

    `messages` are what `read_message` gave. No policy that is known is left out, whatever is wrong with it. Without
    `readings` the lines do not say what other readings would give; all else is the same.
    """
    known = gather(messages, at)
    found = facts_of(known, terms)
    if not terms.scheme.enabled:
        return _disabled(found, terms)
    invoices = payment.uncovered(known, found)
    sellers = payment.sellers_of(known)
    cases = []
    for facts in found:
        uncovered = invoices.get(id(facts.contract), PASSED)
        verdicts = {
            "F-02": PASSED if uncovered.reason == "red-letter" else uncovered,
            "F-03": uncovered if uncovered.reason == "red-letter" else PASSED,
            "F-07": payment.check_payer(facts, sellers),
        }
        cases.append(Case(facts, terms, verdicts))
    awards = tuple(award for award in known.awards if award.scheme == terms.scheme.id)
    return Calculation(terms, tuple(cases), awards).lines(readings=readings)


def _disabled(found: Iterable[Facts], terms: Terms) -> tuple[AssessedLine, ...]:
    """A scheme that nobody has issued decides nothing and pays nothing, whatever its placeholders say."""
    finding = Finding(DISABLED, Outcome.INDETERMINATE, "not-issued")
    lines: dict[LineName, list[AssessedPolicy]] = defaultdict(list)
    for facts in found:
        name = (facts.product_key(terms.view.product_key), facts.year(terms.view.cap_year))
        lines[name].append(assessed(facts, (finding,), Entry(0, facts.contract.policy_no, 0, 0)))
    nothing = Yuan(0)
    return tuple(
        AssessedLine(
            product_key=name[0],
            year=name[1],
            policies=tuple(policies),
            subsidy=nothing,
            clawback=nothing,
            readings={
                "premium_basis": {"tax_incl": nothing, "tax_excl": nothing},
                "outcome": {"passed": nothing, "passed_and_indeterminate": nothing},
            },
        )
        for name, policies in sorted(lines.items())
    )
