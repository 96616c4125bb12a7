"""Where the published suites lie, and the four numbers that each is summed up in."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[3] / "shared" / "vectors"


def vectors(name: str) -> Path:
    """The folder of the suite `name`; skips, and says so, where the suites are not beside the project."""
    folder = ROOT / name
    if not folder.is_dir():
        pytest.skip(f"the published suite {name} is not at {folder}", allow_module_level=True)
    return folder


def read(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


class Tally:
    """Counts of one suite: cases, and wrong accepts, wrong rejects and crashes among them."""

    def __init__(self, suite: str) -> None:
        self.suite = suite
        self.counts = Counter[str]()
        self.wrong: list[str] = []

    def add(self, case: str, *, expected: bool, actual: bool) -> None:
        self.counts["cases"] += 1
        if expected != actual:
            kind = "wrong-accept" if actual else "wrong-reject"
            self.counts[kind] += 1
            self.wrong.append(f"{kind} {case}")

    def __str__(self) -> str:
        numbers = (f"{kind} {self.counts[kind]}" for kind in ("cases", "wrong-accept", "wrong-reject", "crash"))
        return f"{self.suite}: {', '.join(numbers)}"
