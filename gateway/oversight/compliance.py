"""What filing compliance counts: policies by status, and by what became of each of FL-1 to FL-7. Pure, exact."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Literal, get_args

By = Literal["insurer", "line", "clause", "month"]
Answer = Literal["passed", "failed", "indeterminate", "not_judged"]
CheckName = Literal["FL-1", "FL-2", "FL-3", "FL-4", "FL-5", "FL-6", "FL-7"]
Kind = Literal["unfiled", "stopped"]
PremiumStatus = Literal["verified", "held", "refused", "withdrawn"]

RULES: Mapping[CheckName, str] = {
    "FL-1": "filing.registered",
    "FL-2": "filing.in-use-on-issue",
    "FL-3": "filing.number-pending",
    "FL-4": "filing.main-liability-clause",
    "FL-5": "filing.registered-before-issue",
    "FL-6": "filing.rate-in-band",
    "FL-7": "filing.clause-text",
}
LETTERS: Mapping[str, Answer] = {"p": "passed", "f": "failed", "i": "indeterminate", "-": "not_judged"}
LETTER_OF: Mapping[Answer, str] = {answer: letter for letter, answer in LETTERS.items()}

UNFILED = frozenset({"unregistered-clause", "registered-by-another", "company-code-differs"})
"""What FL-1 finds of a clause that its insurer may not use: the reasons for which it fails."""
STOPPED = frozenset(
    {"stopped", "ordered-stop", "withdrawn", "returned", "before-first-use", "not-approved", "number-overdue"}
)
"""What FL-2 finds of a clause that was not in use on the day of signing: the reasons for which it fails."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which policies are asked about; `None` of anything means all.

    `first` and `last` are days of signing, both inclusive; `as_of` is a moment, `None` the present. `clause` is carried
    by the policy, be it main or rider. `kind` asks for what FL-1 (`unfiled`) or FL-2 (`stopped`) finds of the clause
    itself. An empty `line` or `clause` asks for policies that state none, `unsigned` for those without a day of
    signing, which lie in no period.
    """

    insurer: str | None = None
    line: str | None = None
    clause: str | None = None
    first: date | None = None
    last: date | None = None
    as_of: datetime | None = None
    check: CheckName | None = None
    outcome: Answer | None = None
    status: PremiumStatus | None = None
    kind: Kind | None = None
    unsigned: bool = False


@dataclass(slots=True)
class Counts:
    """So many policies, of which status, and with which outcome of each check."""

    statuses: Counter[str] = field(default_factory=Counter)
    outcomes: Counter[tuple[int, str]] = field(default_factory=Counter)

    def add(self, status: str, outcomes: str, policies: int) -> None:
        """Count `policies` more (fewer, if negative) whose checks ended like this: seven letters."""
        self.statuses[status] += policies
        for place, letter in enumerate(outcomes):
            self.outcomes[place, letter] += policies

    def as_json(self) -> dict[str, Any]:
        """`policies`, the four statuses, and `checks`; of each check the four answers add up to `policies`."""
        return {
            "policies": self.statuses.total(),
            **{status: self.statuses[status] for status in get_args(PremiumStatus)},
            "checks": {
                name: {answer: self.outcomes[place, letter] for letter, answer in LETTERS.items()}
                for place, name in enumerate(RULES)
            },
        }


@dataclass(frozen=True, slots=True)
class Cell:
    """So many policies that are alike. `key` is what they are grouped by; a month is told by any day in it."""

    key: str | date | None
    insurer: str
    status: str
    outcomes: str
    policies: int


def rows_of(by: By, cells: Iterable[Cell]) -> list[dict[str, Any]]:
    """A row for each insurer, line or month; for each clause and insurer if `by` is clause. Ordered by key, insurer.

    `key` is null where the policies state none. A policy counts for each of its clauses.
    """
    found: dict[tuple[str, str], Counts] = {}
    for cell in cells:
        key = (_key(cell.key), cell.insurer if by == "clause" else "")
        found.setdefault(key, Counts()).add(cell.status, cell.outcomes, cell.policies)
    return [
        {"key": key or None} | ({"insurer": insurer} if insurer else {}) | counts.as_json()
        for (key, insurer), counts in sorted(found.items())
        if counts.statuses.total()
    ]


def total_of(cells: Iterable[Cell]) -> dict[str, Any]:
    """All of them as one."""
    counts = Counts()
    for cell in cells:
        counts.add(cell.status, cell.outcomes, cell.policies)
    return counts.as_json()


def _key(key: str | date | None) -> str:
    return f"{key.year:04d}-{key.month:02d}" if isinstance(key, date) else key or ""
