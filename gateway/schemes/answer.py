"""The answer: what each product is worth in each year, policy by policy, and why."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from gateway.schemes.facts import Facts
from gateway.schemes.lines import Entry
from gateway.schemes.verdict import Finding
from schemas.money import Yuan
from schemas.verification import Outcome


@dataclass(frozen=True, slots=True)
class AssessedPolicy:
    """A policy in one line. `findings` are the rules that do not pass; a co-insured policy stands under its lead.

    `eligible_premium` and `subsidy` of an indeterminate one are what it would get if its open points were decided in
    its favour: no promise.
    """

    insurer: str
    policy_no: str
    outcome: Outcome
    eligible_premium: Yuan
    subsidy: Yuan
    findings: tuple[Finding, ...] = ()

    def as_json(self) -> dict[str, object]:
        """The form of `gateway scheme assess --json`."""
        return {
            "insurer": self.insurer,
            "policy_no": self.policy_no,
            "outcome": self.outcome.value,
            "eligible_premium": str(self.eligible_premium),
            "subsidy": str(self.subsidy),
            "failing": [finding.rule for finding in self.findings],
        }


@dataclass(frozen=True, slots=True)
class AssessedLine:
    """One product in one year: its policies, what is due, what is owed back, and what other readings would give."""

    product_key: str
    year: int
    policies: tuple[AssessedPolicy, ...]
    subsidy: Yuan
    clawback: Yuan
    readings: Mapping[str, Mapping[str, Yuan]] = field(default_factory=dict)

    def as_json(self) -> dict[str, object]:
        """The form of `gateway scheme assess --json`."""
        line: dict[str, object] = {
            "product_key": self.product_key,
            "year": self.year,
            "policies": [policy.as_json() for policy in self.policies],
            "subsidy": str(self.subsidy),
            "readings": {
                key: {value: str(amount) for value, amount in values.items()} for key, values in self.readings.items()
            },
        }
        if self.clawback.fen:
            line["clawback"] = str(self.clawback)
        return line


def worst(lines: Iterable[AssessedLine]) -> Outcome:
    """Failed if any policy failed, else indeterminate if one is, else passed."""
    outcomes = {policy.outcome for line in lines for policy in line.policies}
    for outcome in (Outcome.FAILED, Outcome.INDETERMINATE):
        if outcome in outcomes:
            return outcome
    return Outcome.PASSED


def assessed(facts: Facts, findings: tuple[Finding, ...], entry: Entry) -> AssessedPolicy:
    """One policy's entry in a line, with the outcome that follows from its findings."""
    outcomes = {finding.outcome for finding in findings}
    outcome = Outcome.FAILED if Outcome.FAILED in outcomes else Outcome.INDETERMINATE if outcomes else Outcome.PASSED
    return AssessedPolicy(
        insurer=facts.policy.insurer,
        policy_no=facts.contract.policy_no,
        outcome=outcome,
        eligible_premium=Yuan(entry.eligible),
        subsidy=Yuan(entry.subsidy),
        findings=findings,
    )
