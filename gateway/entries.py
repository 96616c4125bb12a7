"""What is wrong, as it is told: one shape, whoever tells it and whatever found it."""

from typing import Any

from adapters.problems import Problem
from gateway.catalogue import Catalogue
from gateway.shown import Language
from schemas.verification import Check, Severity, failed, unknown

_PLACES = ("row", "where", "raw")


def problem_entry(check: Check, catalogue: Catalogue, language: Language) -> dict[str, Any]:
    """One check that did not pass, the same wherever it is told: by the API, the command line, or a batch's results.

    `rule`, `field`, `reason`, `outcome`; in the language asked for `detail` (what is wrong), `expected` (what the rule
    asks for) and `cure`; where it is known `row`, `where` (the place in the source) and `raw` (what stands there);
    `facts`, and `fix`, a JSON Patch, where one mending is certain.
    """
    entry: dict[str, Any] = {
        "rule": check.rule,
        "field": check.field,
        "reason": check.reason,
        "outcome": check.outcome.value,
        "severity": check.severity.value,
        "detail": catalogue.explain(check, language),
    }
    if (rule := catalogue.rules.get(check.rule)) is not None:
        entry["expected"] = getattr(rule.title, language)
        if rule.cure is not None:
            entry["cure"] = getattr(rule.cure, language)
    entry |= {name: check.facts[name] for name in _PLACES if name in check.facts}
    if facts := {name: value for name, value in check.facts.items() if name not in _PLACES}:
        entry["facts"] = facts
    if check.fix:
        entry["fix"] = check.fix
    return entry


def as_check(problem: Problem, row: int) -> Check:
    """What an adapter found, as a check: a note decides nothing, everything else refuses."""
    facts: dict[str, Any] = {"row": row, **problem.facts}
    if problem.raw is not None:
        facts["raw"] = problem.raw[:200]
    if problem.where is not None:
        facts["where"] = problem.where
    if problem.effect == "N":
        return unknown(problem.rule, problem.reason, severity=Severity.NOTICE, field=problem.field, **facts)
    fix = [dict(step) for step in problem.fix] or None
    return failed(problem.rule, problem.reason, field=problem.field, fix=fix, **facts)
