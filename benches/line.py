"""What a bench prints: one JSON object a line, a value beside its floor, both measured in the same run."""

import json
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Line:
    """One result. A higher `ratio` is better, and 1 is the floor itself; `more` says under which conditions."""

    bench: str
    value: float
    unit: str
    floor: float | None
    ratio: float | None
    more: dict[str, Any] = field(default_factory=dict)

    def as_json(self) -> str:
        """The line."""
        stated = {
            "bench": self.bench,
            "value": _rounded(self.value),
            "unit": self.unit,
            "floor": _rounded(self.floor),
            "ratio": _rounded(self.ratio),
        }
        return json.dumps(stated | self.more, ensure_ascii=False)


def _rounded(value: float | None) -> float | None:
    return None if value is None else float(f"{value:.4g}")


def of_rates(bench: str, unit: str, values: Sequence[float], floors: Sequence[float], **more: Any) -> Line:
    """A rate beside its floor's, both medians; the ratio is the median over pairs that were measured one after another,
    so that whatever else the machine does meets both."""
    ratios = [value / floor for value, floor in zip(values, floors, strict=True)]
    return Line(bench, statistics.median(values), unit, statistics.median(floors), statistics.median(ratios), more=more)


def race(
    bench: str,
    unit: str,
    job: Callable[[], object],
    floor: Callable[[], object],
    *,
    amount: float = 1,
    seconds: float = 2.0,
    clock: Callable[[], float] = time.perf_counter,
    **more: Any,
) -> Line:
    """`job` and `floor` in turns for about `seconds`: how many units of work each does in a second.

    `amount` is how many units one call does. Both are called once before, so that caches are as in a running service.
    With `time.process_time` as the `clock` it is the seconds of one core, whoever else uses the machine.
    """
    job()
    floor()
    values: list[float] = []
    floors: list[float] = []
    end = time.perf_counter() + seconds
    while len(values) < 3 or time.perf_counter() < end:
        values.append(amount / seconds_of(job, clock))
        floors.append(amount / seconds_of(floor, clock))
    return of_rates(bench, unit, values, floors, rounds=len(values), **more)


def seconds_of(call: Callable[[], object], clock: Callable[[], float] = time.perf_counter) -> float:
    """How long the call takes."""
    start = clock()
    call()
    return clock() - start
