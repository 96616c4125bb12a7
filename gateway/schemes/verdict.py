"""What a rule answers: passed, failed or indeterminate, and why."""

from collections.abc import Sequence
from typing import NamedTuple

from schemas.verification import Outcome


class Verdict(NamedTuple):
    """One rule's answer; `reason` is a slug of the rule catalogue, empty where it passed."""

    outcome: Outcome
    reason: str = ""


class Finding(NamedTuple):
    """A rule that does not pass."""

    rule: str
    outcome: Outcome
    reason: str


PASSED = Verdict(Outcome.PASSED)
READINGS_DIFFER = Verdict(Outcome.INDETERMINATE, "readings-differ")
FACT_MISSING = Verdict(Outcome.INDETERMINATE, "fact-missing")


def fails(reason: str) -> Verdict:
    """The rule failed."""
    return Verdict(Outcome.FAILED, reason)


def unclear(reason: str) -> Verdict:
    """The rule cannot be decided."""
    return Verdict(Outcome.INDETERMINATE, reason)


def under_every_reading(verdicts: Sequence[Verdict | None]) -> Verdict:
    """Passed if it passes under every reading, failed if it fails under every one, else indeterminate.

    `None` is a reading whose fact is missing: it is left out, and if none is left, nothing can be said.
    """
    told = [verdict for verdict in verdicts if verdict is not None]
    if not told:
        return FACT_MISSING
    if len({verdict.outcome for verdict in told}) > 1:
        return READINGS_DIFFER
    return told[0]
