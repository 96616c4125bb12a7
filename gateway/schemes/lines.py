"""Lines: what the policies of one product are worth together in one year, what was awarded, what is due."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from gateway.schemes.records import Award

LineName = tuple[str, int]
"""Product key and year."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One policy in one line, or a part of it; amounts in fen. `case` is its place among the policies assessed."""

    case: int
    policy_no: str
    eligible: int
    subsidy: int


@dataclass(slots=True)
class Line:
    """The entries of one product and year. `limit` is the cap in fen, `None` without one."""

    limit: int | None
    entries: list[Entry] = field(default_factory=list)
    total: int = 0
    awarded: int = 0

    def add(self, entry: Entry) -> None:
        """Count one more entry."""
        self.entries.append(entry)
        self.total += entry.subsidy

    @property
    def worth(self) -> int:
        """What all entries are worth, within the cap."""
        return self._within(self.total)

    @property
    def subsidy(self) -> int:
        """What is still due."""
        return max(0, self.worth - self.awarded)

    @property
    def clawback(self) -> int:
        """What was awarded above it."""
        return max(0, self.awarded - self.worth)

    def subsidy_of(self, cases: set[int]) -> int:
        """What would be due if only these policies counted."""
        return max(0, self._within(sum(one.subsidy for one in self.entries if one.case in cases)) - self.awarded)

    def _within(self, amount: int) -> int:
        return amount if self.limit is None else min(amount, self.limit)


def count_awards(lines: Mapping[LineName, Line], awards: Iterable[Award]) -> None:
    """Count each award of the scheme for one line: of its year, and with a policy or the product that it names.

    Where several lines would take it, it goes to the line of the first of its policies that is in one.
    """
    awards = list(awards)
    if not awards:
        return
    lines_of: dict[tuple[str, int], list[LineName]] = defaultdict(list)
    for name in sorted(lines):
        for entry in lines[name].entries:
            lines_of[entry.policy_no, name[1]].append(name)
    for award in awards:
        by_policy = (lines_of.get((number, award.year)) for number in award.policy_nos)
        named = next((found[0] for found in by_policy if found), (award.product_key, award.year))
        if named in lines:
            lines[named].awarded += award.amount


def hang_together(runs: Sequence[Iterable[Line]], count: int) -> list[int]:
    """For each of `count` policies the first of those that it shares a line with, in any run, step by step."""
    above = list(range(count))

    def first(case: int) -> int:
        while above[case] != case:
            above[case] = above[above[case]]
            case = above[case]
        return case

    for lines in runs:
        for line in lines:
            head = first(line.entries[0].case)
            for entry in line.entries[1:]:
                other = first(entry.case)
                head, other = min(head, other), max(head, other)
                above[other] = head
    return [first(case) for case in range(count)]
