"""Golden pairs: a sample, and beside it what must come of it (`NN_name.ext`, `NN_name.expected.jsonl`)."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from adapters.mapping import Mapping, Undecided
from adapters.onboarding.compare import Difference, Reading, Said, differences, leaves, reading_of
from adapters.run import read_file
from adapters.translate import translate_with

EXPECTED = ".expected.jsonl"


class NoPair(Exception):
    """There is no sample, or one lacks its expected output, or that cannot be read: says which and why."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one pair. `open_fields` are what the expected output does not speak of yet."""

    sample: Path
    differences: list[Difference]
    undecided: tuple[Undecided, ...]
    open_fields: tuple[str, ...]

    @property
    def passed(self) -> bool:
        """Whether all is decided and as expected."""
        return not (self.differences or self.undecided or self.open_fields)

    def as_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {
            "file": str(self.sample),
            "outcome": "passed" if self.passed else "failed",
            "undecided": [one.about for one in self.undecided] or list(self.open_fields),
            "differences": [one.as_json("expected", "actual") for one in self.differences],
        }


def pairs(folder: Path) -> list[Path]:
    """The samples of a folder that have their expected output. Raises `NoPair`."""
    files = sorted(path for path in folder.iterdir() if path.is_file()) if folder.is_dir() else []
    samples = [path for path in files if not path.name.endswith(EXPECTED)]
    if not samples:
        raise NoPair(f"{folder} holds no sample")
    for sample in samples:
        if not expected_of(sample).is_file():
            raise NoPair(f"{sample} has no {expected_of(sample).name} beside it")
    return samples


def expected_of(sample: Path) -> Path:
    """The file beside a sample that says what must come of it; a sample's name ends at its first dot."""
    return sample.with_name(f"{sample.name.split('.')[0]}{EXPECTED}")


def check(mapping: Mapping, sample: Path) -> Outcome:
    """Read the sample and compare. With open questions nothing is read. Raises `NoPair`."""
    wanted, open_fields = _expected(expected_of(sample))
    if mapping.undecided:
        return Outcome(sample, [], mapping.undecided, open_fields)
    found = reading_of(_rows(mapping, sample))
    return Outcome(sample, differences(wanted, found, reasons=False), (), open_fields)


def _rows(mapping: Mapping, sample: Path) -> Iterator[Any]:
    return translate_with(mapping, read_file(sample), insurer=mapping.dialect, file_name=sample.name)


def lines_of(mapping: Mapping, sample: Path) -> Iterator[str]:
    """The expected output that a mapping gives: a line for each record and each problem."""
    for row in _rows(mapping, sample):
        for draft in row.records:
            yield _line({"row": row.row, "type": draft.type, "record": draft.record})
        for problem in row.problems:
            yield _line({"row": row.row, "problem": {"rule": problem.rule, "field": problem.field}})


def write_expected(sample: Path, lines: list[str], open_fields: list[str]) -> None:
    """Write the expected output of a sample; its first line says what it does not speak of yet."""
    first = [_line({"undecided": open_fields})] if open_fields else []
    expected_of(sample).write_text("".join(f"{line}\n" for line in [*first, *lines]), encoding="utf-8")


def _line(value: dict[str, Any]) -> str:
    return json.dumps(value, ensure_ascii=False)


def _expected(path: Path) -> tuple[Reading, tuple[str, ...]]:
    found: dict[tuple[Any, ...], Said] = {}
    open_fields: list[str] = []
    counts: dict[tuple[int, str], int] = {}
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        if not line.strip():
            continue
        try:
            _note(json.loads(line), found, open_fields, counts)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise NoPair(f"{path}, line {number}: no expected record or problem") from error
    return found, tuple(open_fields)


def _note(
    stated: dict[str, Any],
    found: dict[tuple[Any, ...], Said],
    open_fields: list[str],
    counts: dict[tuple[int, str], int],
) -> None:
    if "undecided" in stated:
        open_fields.extend(map(str, stated["undecided"]))
    elif "problem" in stated:
        found[stated["row"], "problem", stated["problem"]["rule"], stated["problem"]["field"]] = Said(None)
    else:
        row, kind = stated["row"], stated["type"]
        nth = counts[row, kind] = counts.get((row, kind), 0) + 1
        found.update({(row, kind, nth, path): Said(value) for path, value in leaves(stated["record"])})
