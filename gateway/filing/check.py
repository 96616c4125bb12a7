"""Was the product filed on the day the policy was signed: rules FL-1 to FL-7 of the filing regime 条款备案.

Basis: 财产保险公司保险条款和保险费率管理办法 (银保监会令2021年第10号): a clause outside the lines that need approval
is filed within ten working days after its first use. Pure: policy, registry, moment and calendar are arguments. The
day that counts is the day of signing 签单日期, in Asia/Shanghai. What the registry does not say, or said too long ago,
is indeterminate; it never passes.
"""

from collections.abc import Iterable, Mapping
from datetime import date, datetime
from typing import Any

from gateway.filing.case import Case, Finding, each_clause, each_filing, finding
from gateway.filing.grace import ENDED, judge_grace, may_be_numberless
from gateway.filing.registry import FilingRegistry
from gateway.filing.terms import LIABILITY, check_clause_text, check_rate
from schemas.calendar import Calendar, load_calendar, shanghai_day
from schemas.filing import Filing
from schemas.identifiers import ClauseParts
from schemas.policy import Clause, Policy
from schemas.verification import Check, Outcome, failed, passed, unknown


def check_filing(
    policy: Policy,
    *,
    insurer: str,
    company_code: str | None,
    registry: FilingRegistry,
    at: datetime,
    max_age_days: int,
    calendar: Calendar | None = None,
    clause_texts: Mapping[str, str] | None = None,
) -> tuple[Check, ...]:
    """Every filing rule for `policy` of `insurer` as of `at`; all that can run are run.

    `company_code` is the insurer's 6-digit code, as its registration numbers carry it. A statement counts for
    `max_age_days` days after the day as of which it was made. `clause_texts` maps registration numbers to the
    `sha256:` digests of the clause texts that the sealed policy carries, where somebody has read them.
    """
    today = shanghai_day(at)
    fresh = check_registry_fresh(policy, insurer, registry, today, max_age_days)
    case = Case(
        policy=policy,
        insurer=insurer,
        company_code=company_code or None,
        registry=registry,
        today=today,
        stale=fresh.outcome is not Outcome.PASSED,
        calendar=calendar or load_calendar(),
        clause_texts=clause_texts or {},
    )
    return (
        fresh,
        check_registered(case),
        check_in_use(case),
        check_number_pending(case),
        check_main_liability_clause(case),
        check_registered_before_issue(case),
        check_rate(case),
        check_clause_text(case),
    )


def check_registry_fresh(
    policy: Policy, insurer: str, registry: FilingRegistry, today: date, max_age_days: int
) -> Check:
    """The registry speaks of today: what it states, it stated no more than `max_age_days` days ago.

    For a clause that is stated its own sources have to be fresh. To say of a number that it does not exist, or of a
    policy without a number what it could be, every whole statement about the insurer has to be.
    """
    found = [registry.find(clause.registration_no) for clause in policy.clauses]
    days: dict[str, date] = {}
    for filing in (filing for group in found for filing in group):
        day = registry.confirmed_on(filing)
        days[filing.source.registry] = min(day, days.get(filing.source.registry, day))
    if not found or not all(found):
        days |= {name: min(day, days.get(name, day)) for name, day in registry.wholes_of(insurer).items()}
    facts: dict[str, Any] = {
        "as_of": {name: str(day) for name, day in sorted(days.items())},
        "today": str(today),
        "max_age_days": max_age_days,
        "registry": registry.digest,
    }
    rule = "filing.registry-fresh"
    if not days:
        return unknown(rule, "no-statement", insurer=insurer, **facts)
    if any(day > today for day in days.values()):
        return unknown(rule, "as-of-in-future", **facts)
    if any((today - day).days > max_age_days for day in days.values()):
        return unknown(rule, "stale", **facts)
    return passed(rule, **facts)


def check_registered(case: Case) -> Check:
    """FL-1: every clause of the policy is registered, for this insurer and under this insurer's company code.

    A co-insurer 共保 that follows uses the clauses of the lead; whether that will do is for the authority.
    """
    return each_clause("filing.registered", case, _registered)


def _registered(clause: Clause, case: Case) -> Iterable[Finding]:
    company = ClauseParts(clause.registration_no).company
    filings = case.registry.find(clause.registration_no)
    is_of_lead = bool(filings) and all(filing.insurer == case.other_lead() for filing in filings)
    if case.company_code is None:
        yield finding(Outcome.INDETERMINATE, "company-code-unknown", company=company)
    elif company != case.company_code and not is_of_lead:
        yield finding(Outcome.FAILED, "company-code-differs", company=company, company_of_insurer=case.company_code)
    for filing in filings:
        if case.stale:
            yield finding(Outcome.INDETERMINATE, "registry-stale", filing)
        elif is_of_lead:
            yield finding(Outcome.INDETERMINATE, "registered-by-lead", filing, insurer=filing.insurer)
        elif filing.insurer != case.insurer:
            yield finding(Outcome.FAILED, "registered-by-another", filing, insurer=filing.insurer)
        else:
            yield finding(Outcome.PASSED, None, filing, name=filing.name)
    if not filings:
        yield _unregistered(case)


def _unregistered(case: Case) -> Finding:
    """A number that nobody states does not exist only if a fresh, whole statement about the insurer leaves it out."""
    if not case.registry.of_insurer(case.insurer):
        return finding(Outcome.INDETERMINATE, "no-statement", insurer=case.insurer)
    wholes = case.registry.wholes_of(case.insurer)
    if not wholes:
        return finding(Outcome.INDETERMINATE, "registry-not-whole", insurer=case.insurer)
    as_of = {name: str(day) for name, day in wholes.items()}
    if case.stale:
        return finding(Outcome.INDETERMINATE, "registry-stale", as_of=as_of)
    return finding(Outcome.FAILED, "unregistered-clause", as_of=as_of)


def check_in_use(case: Case) -> Check:
    """FL-2: the clause was in use on the day of signing: from its first use, before any stop, order or return."""
    return each_filing("filing.in-use-on-issue", case, _in_use)


def _in_use(filing: Filing, day: date, case: Case) -> Finding:
    interval = filing.state_on(day)
    facts: dict[str, Any] = {"state": interval.state if interval else None}
    if interval is not None:
        facts |= {"since": str(interval.from_), "until": str(interval.to) if interval.to else None}
    if filing.first_used_on is not None and day < filing.first_used_on:
        return finding(Outcome.FAILED, "before-first-use", filing, first_used_on=str(filing.first_used_on), **facts)
    if may_be_numberless(filing, day):
        return judge_grace(filing, day, case.today, case.calendar)
    if interval is None:
        return finding(Outcome.INDETERMINATE, "state-unknown", filing, **facts)
    if interval.state in ENDED:
        return finding(Outcome.FAILED, ENDED[interval.state], filing, **facts)
    return finding(Outcome.PASSED, None, filing, **facts)


def check_number_pending(case: Case) -> Check:
    """FL-3: before its number exists a clause may be sold for ten working days after its first use, to be rechecked.

    A policy without any number is measured against what its insurer has pending in its line of cover.
    """
    rule = "filing.number-pending"
    if case.policy.clauses:
        return each_filing(rule, case, _pending)
    day = case.policy.issued_on
    reason = case.no_day()
    if day is None or reason is not None:
        return unknown(rule, reason or "issue-day-missing", field="issued_on", **case.facts())
    if case.stale:
        return unknown(rule, "registry-stale", field="clauses", **case.facts())
    findings = [
        judge_grace(filing, day, case.today, case.calendar)
        for filing in case.registry.of_insurer(case.insurer)
        if filing.line == case.policy.line and filing.kind == "main" and may_be_numberless(filing, day)
    ]
    facts = case.facts() | {"candidates": [one.facts | {"reason": one.reason} for one in findings]}
    if findings and all(one.outcome is Outcome.FAILED for one in findings):
        return failed(rule, findings[0].reason or "number-overdue", field="clauses", **facts)
    open_ones = [one.reason for one in findings if one.outcome is Outcome.INDETERMINATE]
    return unknown(rule, (open_ones or ["clause-not-stated"])[0] or "clause-not-stated", field="clauses", **facts)


def _pending(filing: Filing, day: date, case: Case) -> Finding:
    if may_be_numberless(filing, day):
        return judge_grace(filing, day, case.today, case.calendar)
    return finding(Outcome.PASSED, None, filing, registered_on=str(filing.registered_on))


def check_main_liability_clause(case: Case) -> Check:
    """FL-4: one clause at least is a main clause of class 309 责任保险; riders accompany a main clause, never alone.

    Decided by the numbers alone, whatever the registry says.
    """
    rule = "filing.main-liability-clause"
    numbers = [clause.registration_no for clause in case.policy.clauses]
    if not numbers:
        return unknown(rule, "clause-not-stated", field="clauses")
    mains = [part for part in map(ClauseParts, numbers) if part.kind == "main"]
    if not mains:
        return failed(rule, "riders-only", field="clauses", clauses=numbers)
    if not any(part.product_class == LIABILITY for part in mains):
        classes = sorted({part.product_class for part in mains})
        return failed(rule, "not-liability", field="clauses", clauses=numbers, classes=classes)
    return passed(rule, clauses=numbers)


def check_registered_before_issue(case: Case) -> Check:
    """FL-5: the clause was registered by the day of signing, or within ten working days after its first use.

    The day stands in the registry and inside the number; if only one of them is early enough, nothing is certain.
    """
    return each_filing("filing.registered-before-issue", case, _before_issue)


def _before_issue(filing: Filing, day: date, case: Case) -> Finding:
    numbered = _day_of(filing.registration_no)
    days = {"registered_on": str(filing.registered_on), "day_in_number": str(numbered) if numbered else None}
    if filing.registered_on > day:
        return judge_grace(filing, day, case.today, case.calendar)
    if numbered is None or numbered > day:
        return finding(Outcome.INDETERMINATE, "registration-days-differ", filing, **days)
    return finding(Outcome.PASSED, None, filing, **days)


def _day_of(number: str) -> date | None:
    text = ClauseParts(number).registered_on
    try:
        return date(int(text[:4]), int(text[4:6]), int(text[6:]))
    except ValueError:  # eight digits that are no day
        return None
