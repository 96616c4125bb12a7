"""The nouns: what insurers push and the subsidy system pulls, each defined once, from the wire to the log."""

from schemas.canonical import NotCanonical, as_json, canonical
from schemas.money import Amount, Percent, Yuan
from schemas.verification import Check, Outcome, Report, SealReport, Severity, conclude, failed, passed, unknown, worst

__all__ = [
    "Amount",
    "Check",
    "NotCanonical",
    "Outcome",
    "Percent",
    "Report",
    "SealReport",
    "Severity",
    "Yuan",
    "as_json",
    "canonical",
    "conclude",
    "failed",
    "passed",
    "unknown",
    "worst",
]
