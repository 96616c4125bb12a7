"""All policies under one scheme's terms: amounts under each reading, and where the readings disagree."""

from collections import defaultdict
from collections.abc import Iterable, Mapping

from gateway.schemes.answer import AssessedLine, AssessedPolicy, assessed
from gateway.schemes.case import Answer, Case
from gateway.schemes.lines import Entry, Line, LineName, count_awards, hang_together
from gateway.schemes.premium import split, subsidy_of
from gateway.schemes.records import Award
from gateway.schemes.terms import Terms, View
from gateway.schemes.verdict import PASSED, Finding, Verdict, unclear
from schemas.money import Yuan
from schemas.verification import Outcome


class _Run:
    """All amounts under one view; `answer` tries one reading of a key besides."""

    def __init__(self, calculation: "Calculation", view: View, answer: Answer | None) -> None:
        terms = calculation.terms
        splits = "R-ZJ-17" in terms.scheme.rules and terms.scheme.steps is None
        self.lines: dict[LineName, Line] = {}
        self.eligible = [0] * len(calculation.cases)
        self.subsidy = [0] * len(calculation.cases)
        self.parts = [0] * len(calculation.cases)
        self.lines_of: list[list[LineName]] = [[] for _ in calculation.cases]
        for number, case in enumerate(calculation.cases):
            facts = case.facts
            eligible = 0 if case.fails(view.rate_base, answer) else case.eligible(view)
            key, year = facts.product_key(view.product_key), facts.year(view.cap_year)
            attribution = view.multi_year_attribution if splits else "payment_year"
            for part in split(facts, eligible, year, attribution):
                premium = 0 if case.double(part.year, answer).outcome is Outcome.FAILED else part.eligible
                if terms.share is None:
                    premium = 0
                entry = Entry(number, facts.contract.policy_no, premium, subsidy_of(premium, terms))
                name = (key, part.year)
                line = self.lines.get(name)
                if line is None:
                    line = self.lines[name] = Line(terms.limit_each_line)
                line.add(entry)
                self.lines_of[number].append(name)
                self.eligible[number] += entry.eligible
                self.subsidy[number] += entry.subsidy
                self.parts[number] += 1
        count_awards(self.lines, calculation.awards)

    def due(self, names: Iterable[LineName]) -> int:
        """What is still due in these lines."""
        return sum(self.lines[name].subsidy for name in names)


class Calculation:
    """All policies under one scheme's terms: the amounts, and what other readings would make of them."""

    def __init__(self, terms: Terms, cases: tuple[Case, ...], awards: tuple[Award, ...]) -> None:
        self.terms = terms
        self.cases = cases
        self.awards = awards
        self._runs: dict[tuple[View, Answer | None], _Run] = {}

    def lines(self, *, readings: bool = True) -> tuple[AssessedLine, ...]:
        """The answer; with `readings`, what other readings would give."""
        base = self._run(self.terms.view)
        undecided: dict[int, dict[str, Verdict]] = defaultdict(dict)
        for key in self.terms.open_keys("amount"):
            for other in self._other_readings(key.name, key.readings):
                slack = key.name == "multi_year_attribution"
                for number in _differing(base, other, rounding=slack):
                    undecided[number][key.rule] = unclear("readings-differ")
        tried = self._tried_readings() if readings else {}
        return tuple(self._line(name, base.lines[name], undecided, tried) for name in sorted(base.lines))

    def _run(self, view: View, answer: Answer | None = None) -> _Run:
        if (view, answer) not in self._runs:
            self._runs[view, answer] = _Run(self, view, answer)
        return self._runs[view, answer]

    def _read(self, key: str, value: str) -> _Run:
        """The amounts that `--set KEY=VALUE` would give."""
        view = self.terms.view
        return self._run(view._replace(**{key: value})) if key in View._fields else self._run(view, (key, value))

    def _other_readings(self, key: str, readings: Iterable[str]) -> list[_Run]:
        return [self._read(key, value) for value in readings if value != getattr(self.terms.view, key)]

    def _tried_readings(self) -> dict[str, dict[str, _Run]]:
        """The runs that the readings of a line are told from: only keys that can make a difference."""
        view = self.terms.view
        tried = {}
        for key in self.terms.open_keys("outcome"):
            if any(case.depends_on(key.name, view) for case in self.cases):
                tried[key.name] = {value: self._read(key.name, value) for value in key.readings}
        for key in self.terms.open_keys("amount"):
            tried[key.name] = {value: self._read(key.name, value) for value in key.readings}
        tried["premium_basis"] = {value: self._read("premium_basis", value) for value in ("tax_incl", "tax_excl")}
        return tried

    def _line(
        self,
        name: LineName,
        line: Line,
        undecided: Mapping[int, Mapping[str, Verdict]],
        tried: Mapping[str, Mapping[str, _Run]],
    ) -> AssessedLine:
        policies = []
        settled = set()
        for entry in line.entries:
            policy = self._policy(entry, name[1], undecided.get(entry.case, {}))
            policies.append(policy)
            if policy.outcome is Outcome.PASSED:
                settled.add(entry.case)
        readings = {}
        for key, runs in tried.items():
            amounts = {value: Yuan(run.due(_holding(run, line))) for value, run in runs.items()}
            if key == "premium_basis" or len(set(amounts.values())) > 1:
                readings[key] = amounts
        if any(policy.outcome is Outcome.INDETERMINATE for policy in policies):
            without = Yuan(line.subsidy_of(settled))
            readings["outcome"] = {"passed": without, "passed_and_indeterminate": Yuan(line.subsidy)}
        return AssessedLine(
            product_key=name[0],
            year=name[1],
            policies=tuple(policies),
            subsidy=Yuan(line.subsidy),
            clawback=Yuan(line.clawback),
            readings=readings,
        )

    def _policy(self, entry: Entry, year: int, undecided: Mapping[str, Verdict]) -> AssessedPolicy:
        case = self.cases[entry.case]
        verdicts = {
            **case.verdicts,
            "R-ZJ-14": case.rate(self.terms.view.rate_base),
            "R-ZJ-18": case.double(year),
        }
        if all(verdict.outcome is not Outcome.FAILED for verdict in verdicts.values()):
            verdicts = {**undecided, **{rule: told for rule, told in verdicts.items() if told is not PASSED}}
        findings = tuple(
            Finding(rule, *verdicts[rule])
            for rule in self.terms.scheme.rules
            if rule in verdicts and verdicts[rule].outcome is not Outcome.PASSED
        )
        return assessed(case.facts, findings, entry)


def _holding(run: _Run, line: Line) -> set[LineName]:
    """The lines of a run that hold the policies of `line`."""
    return {name for entry in line.entries for name in run.lines_of[entry.case]}


def _differing(base: _Run, other: _Run, *, rounding: bool) -> set[int]:
    """The policies for which two runs disagree: on them, or on the lines that hang together with theirs.

    With `rounding`, a fen for each part of a policy that is split is no disagreement.
    """
    count = len(base.eligible)
    groups = hang_together((base.lines.values(), other.lines.values()), count)
    more: dict[int, int] = defaultdict(int)
    slack: dict[int, int] = defaultdict(int)
    for run, sign in ((base, 1), (other, -1)):
        for line in run.lines.values():
            more[groups[line.entries[0].case]] += sign * (line.subsidy - line.clawback)
    parts = [0] * count
    if rounding:
        for number in range(count):
            most = max(base.parts[number], other.parts[number])
            parts[number] = most if most > 1 else 0
            slack[groups[number]] += parts[number]
    return {
        number
        for number in range(count)
        if abs(base.eligible[number] - other.eligible[number]) > parts[number]
        or abs(base.subsidy[number] - other.subsidy[number]) > parts[number]
        or abs(more[groups[number]]) > slack[groups[number]]
    }
