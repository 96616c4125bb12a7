"""What can be wrong with what an insurer sends: a rule, a place, a reason in both languages, and what follows."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal

import untrusted
from schemas.rules import Rule, Text, load_rules
from untrusted import Refused

Effect = Literal["F", "R", "N"]

RULES = Path(__file__).with_name("rules.toml")
READER_RULES = Path(untrusted.__file__).with_name("rules.toml")

# DIALECTS 0.11: these are told beside the records. Every other rule refuses its row, or the file when met outside rows.
NOTES = frozenset(
    {"rate.mismatch", "row.total-mismatch", "cell.formula", "receipt.date-missing", "invoice.policy-missing"}
)


class Unreadable(Exception):
    """A text that states no value of its kind: the rule that it breaks, why, and the facts of it."""

    def __init__(self, rule: str, reason: str, *, fix: str | None = None, **facts: str) -> None:
        super().__init__(f"{rule}: {reason}")
        self.rule = rule
        self.reason = reason
        self.fix = fix
        self.facts = facts


class Rejected(Exception):
    """A file that is refused whole, before any row of it: carries the one problem that is named."""

    def __init__(self, problem: "Problem") -> None:
        super().__init__(f"{problem.rule}: {problem.reason}")
        self.problem = problem


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong, as the insurer is told it.

    `field` is the dotted path in the record that would have been made, or the source's own name for what has no place
    in a record; `where` is the place in the source and `raw` what stands there. `effect` F refuses the file, R the row,
    N is a note beside the records. `fix` is a JSON Patch on the message, only where one mending is certain.
    """

    rule: str
    field: str | None
    effect: Effect
    reason: str
    raw: str | None = None
    where: str | None = None
    facts: Mapping[str, str] = dataclasses.field(default_factory=dict)
    fix: tuple[Mapping[str, Any], ...] = ()

    @property
    def detail(self) -> Text:
        """What the reason means, in Chinese and English, from the rule catalogue."""
        return catalogue()[self.rule].reasons[self.reason]

    def as_json(self) -> dict[str, Any]:
        """Plain JSON values; absent parts are left out, except `field`, which is null where a rule has none."""
        detail = self.detail
        stated: dict[str, Any] = {
            "rule": self.rule,
            "field": self.field,
            "effect": self.effect,
            "reason": self.reason,
            "detail": {"zh": detail.zh, "en": detail.en},
        }
        if self.raw is not None:
            stated["raw"] = self.raw
        if self.where is not None:
            stated["where"] = self.where
        if self.facts:
            stated["facts"] = dict(self.facts)
        if self.fix:
            stated["fix"] = [dict(step) for step in self.fix]
        return stated


@cache
def catalogue() -> dict[str, Rule]:
    """The rules that adapters emit, by id: their own, and those of the bounded readers."""
    return {rule.id: rule for rule in load_rules([RULES, READER_RULES])}


def refused(error: Refused) -> Problem:
    """What the bounded reader refused, as the problem of the whole file."""
    return Problem(error.rule, None, "F", error.reason, where=error.where, facts={"reader": error.detail})


def reject(rule: str, reason: str, field: str | None = None, where: str | None = None, **facts: str) -> Rejected:
    """The refusal of a file, to be raised."""
    return Rejected(Problem(rule=rule, field=field, effect="F", reason=reason, where=where, facts=facts))
