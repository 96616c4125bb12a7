"""What came of the published suites: four numbers for each, from the one table in suites.toml, printed when all is run.

A wrong accept is the worst, then a crash or a time-out, then a wrong reject. Nothing is left out silently: a case that
is refused although its label says valid has a reason in the table, and the table says how many there are.
"""

import signal
import time
import tomllib
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

SECONDS = 5.0  # of this process, for one case; then it is a time-out
KINDS = ("wrong-accept", "wrong-reject", "crash", "time-out")
_OPEN: list["Tally"] = []


@dataclass(frozen=True)
class Part:
    """One part of a suite: how many cases were judged, and by reason how many of them that are valid by their label
    are refused on purpose, and how many were not judged."""

    cases: int
    declared: dict[str, int] = field(default_factory=dict)
    left_out: dict[str, int] = field(default_factory=dict)


@cache
def suites() -> dict[tuple[str, str], Part]:
    """The table, by the name of the suite and of its part."""
    rows = tomllib.loads(Path(__file__).with_name("suites.toml").read_text(encoding="utf-8"))
    return {(suite, part): Part(**row) for suite, parts in rows.items() for part, row in parts.items()}


class Tally:
    """Counts of one part of a suite: cases, and wrong accepts, wrong rejects, crashes and time-outs among them."""

    def __init__(self, suite: str, part: str) -> None:
        self.suite, self.part = suite, part
        self.expected = suites()[suite, part]
        self.counts = Counter[str]()
        self.declared = Counter[str]()
        self.left_out = Counter[str]()
        self.wrong: list[str] = []
        self.slowest = 0.0
        _OPEN.append(self)

    @contextmanager
    def judging(self, case: str, seconds: float = SECONDS) -> Iterator[None]:
        """Around the verdict on one case: whatever comes out of it is a crash, or a time-out if it took too long."""
        began, sound, before = time.process_time(), False, signal.getsignal(signal.SIGPROF)
        rang: list[int] = []

        def ring(number: int, _: object) -> None:
            rang.append(number)
            raise TimeoutError("the verdict took too long")

        signal.signal(signal.SIGPROF, ring)
        signal.setitimer(signal.ITIMER_PROF, seconds)
        try:
            yield
            sound = True
        finally:
            signal.setitimer(signal.ITIMER_PROF, 0)
            signal.signal(signal.SIGPROF, before)
            took = time.process_time() - began
            self.slowest = max(self.slowest, took)
            if rang or not sound:  # rang: also where somebody swallowed the bell
                self._note("time-out" if rang else "crash", case)

    def add(self, case: str, *, expected: bool, actual: bool, declared: str | None = None) -> None:
        """One verdict. `declared` is why the case is refused although its label may say valid."""
        self.counts["cases"] += 1
        if declared is not None and expected:
            self.declared[declared] += 1
            expected = False
        if expected != actual:
            self._note("wrong-accept" if actual else "wrong-reject", case)

    def leave_out(self, reason: str) -> None:
        """One case that is not judged."""
        self.left_out[reason] += 1

    def _note(self, kind: str, case: str) -> None:
        self.counts[kind] += 1
        self.wrong.append(f"{kind} {case}")

    def settle(self) -> None:
        """Nothing is wrong, no case is missing, and what is declared is what is in the table.

        A suite that has grown has new cases, but no new reasons.
        """
        assert not self.wrong, self.wrong
        found = Part(self.counts["cases"], dict(self.declared), dict(self.left_out))
        if found.cases > self.expected.cases:
            assert found.declared.keys() <= self.expected.declared.keys()
            assert found.left_out.keys() <= self.expected.left_out.keys()
        else:
            assert found == self.expected

    def row(self) -> dict[str, Any]:
        """The numbers, as they travel from the process that counted to the one that prints."""
        counts = {kind: self.counts[kind] for kind in ("cases", *KINDS)}
        reasons = {"declared": dict(self.declared), "left_out": dict(self.left_out)}
        return {"suite": self.suite, "slowest": self.slowest, **reasons, **counts}


def drain() -> list[dict[str, Any]]:
    """The rows of the tallies that were kept since the last time."""
    rows = [tally.row() for tally in _OPEN]
    _OPEN.clear()
    return rows


def table(rows: list[dict[str, Any]]) -> Iterator[str]:
    """The lines to print: all in one sum, each suite, and each exclusion with its reason."""
    total = Counter[str]()
    found: dict[str, Counter[str]] = {}
    declared: dict[str, Counter[str]] = {}
    left_out: dict[str, Counter[str]] = {}
    slowest: dict[str, float] = {}
    for row in sorted(rows, key=lambda row: str(row["suite"])):
        name, counts = row["suite"], {kind: row[kind] for kind in ("cases", *KINDS)}
        total.update(counts)
        found.setdefault(name, Counter()).update(counts)
        declared.setdefault(name, Counter()).update(row["declared"])
        left_out.setdefault(name, Counter()).update(row["left_out"])
        slowest[name] = max(slowest.get(name, 0.0), row["slowest"])
    yield ", ".join(f"{kind} {total[kind]}" for kind in ("cases", *KINDS))
    yield f"{'':24}{'cases':>8}" + "".join(f"{kind:>14}" for kind in KINDS) + f"{'declared':>10}{'slowest':>10}"
    for name, counts in found.items():
        numbers = "".join(f"{counts[kind]:>14}" for kind in KINDS)
        yield f"{name:24}{counts['cases']:>8}{numbers}{declared[name].total():>10}{slowest[name]:>8.2f} s"
    for title, of in (("declared: valid by their label, refused on purpose", declared), ("left out", left_out)):
        lines = [f"  {name}: {of[name][reason]} × {reason}" for name in of for reason in sorted(of[name])]
        yield from (title, *lines) if lines else ()
