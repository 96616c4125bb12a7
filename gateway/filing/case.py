"""One policy against one registry, and how answers about its clauses become the answer of a rule."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from gateway.filing.registry import FilingRegistry
from schemas.calendar import Calendar
from schemas.filing import Filing
from schemas.policy import Clause, Policy
from schemas.verification import Check, Outcome, unknown

_BY_GRAVITY = (Outcome.FAILED, Outcome.INDETERMINATE, Outcome.PASSED)


@dataclass(frozen=True, slots=True)
class Case:
    """What every filing rule is given.

    `today` is the day of the verdict in Asia/Shanghai; `stale` says that the registry cannot speak for it;
    `clause_texts` are the digests of the clause texts that the policy carries, by registration number.
    """

    policy: Policy
    insurer: str
    company_code: str | None
    registry: FilingRegistry
    today: date
    stale: bool
    calendar: Calendar
    clause_texts: Mapping[str, str]

    def facts(self) -> dict[str, Any]:
        """The facts that every answer rests on."""
        issued_on = self.policy.issued_on
        return {"issued_on": str(issued_on) if issued_on else None, "registry": self.registry.digest}

    def other_lead(self) -> str | None:
        """Who leads the co-insurance, if the policy names somebody else than the insurer that reports it."""
        leads = [entry.insurer for entry in self.policy.coinsurance if entry.lead]
        return leads[0] if leads and leads[0] != self.insurer else None

    def no_day(self) -> str | None:
        """Why there is no day to ask the registry about, or `None` if there is one."""
        if self.policy.issued_on is None:
            return "issue-day-missing"
        return "issue-day-in-future" if self.policy.issued_on > self.today else None


@dataclass(frozen=True, slots=True)
class Finding:
    """What one source says about one clause, as a rule sees it."""

    outcome: Outcome
    reason: str | None = None
    facts: dict[str, Any] = field(default_factory=dict)


def finding(outcome: Outcome, reason: str | None, filing: Filing | None = None, **facts: Any) -> Finding:
    """A finding, with the number and the source of the filing it rests on."""
    named: dict[str, Any] = {}
    if filing is not None:
        named = {
            "registration_no": filing.registration_no,
            "source": filing.source.registry,
            "as_of": str(filing.source.as_of),
        }
    return Finding(outcome, reason, named | facts)


def each_clause(rule: str, case: Case, judge: Callable[[Clause, Case], Iterable[Finding]]) -> Check:
    """The worst of what `judge` finds about each clause; without a clause it is not known."""
    findings: list[Finding] = []
    for clause in case.policy.clauses:
        for one in judge(clause, case):
            findings.append(Finding(one.outcome, one.reason, {"registration_no": clause.registration_no} | one.facts))
    if not findings:
        return unknown(rule, "clause-not-stated", field="clauses", **case.facts())
    return _together(rule, case, findings)


def each_filing(rule: str, case: Case, judge: Callable[[Filing, date, Case], Finding]) -> Check:
    """The worst of what `judge` finds about each filing of each clause on the day of signing.

    Without a day, without a fresh registry or without a filing it is not known.
    """
    day = case.policy.issued_on
    reason = case.no_day()
    if day is None or reason is not None:
        return unknown(rule, reason or "issue-day-missing", field="issued_on", **case.facts())

    def judged(clause: Clause, case: Case) -> Iterable[Finding]:
        filings = case.registry.find(clause.registration_no)
        if not filings:
            yield finding(Outcome.INDETERMINATE, "not-in-registry")
        for filing in filings:
            if case.stale:
                yield finding(Outcome.INDETERMINATE, "registry-stale", filing)
            else:
                yield judge(filing, day, case)

    return each_clause(rule, case, judged)


def _together(rule: str, case: Case, findings: list[Finding]) -> Check:
    outcomes = {one.outcome for one in findings}
    worst = next(outcome for outcome in _BY_GRAVITY if outcome in outcomes)
    stated = [one.facts | ({"reason": one.reason} if one.reason else {}) for one in findings]
    return Check(
        rule=rule,
        outcome=worst,
        reason=next(one.reason for one in findings if one.outcome is worst),
        field=None if worst is Outcome.PASSED else "clauses.registration_no",
        facts=case.facts() | {"clauses": stated},
    )
