"""`gateway adapter test` and `diff`: every difference with its cell, every pair of a registered mapping."""

import json
from pathlib import Path
from typing import Any

import pytest
from newcomers import EXPECTED, EXPORTS, answered, as_csv, sample

from adapters.insurers import MAPPINGS
from adapters.onboarding.golden import pairs
from adapters.onboarding.kit import begin
from adapters.onboarding.load import find_mapping, samples_of
from adapters.translate import translate_with
from gateway.cli import main
from tests.shared import SHARED


def difference(path: Path, capture: pytest.CaptureFixture[bytes], *command: str) -> list[dict[str, Any]]:
    capture.readouterr()
    main([*command, "--json"])
    return [json.loads(line) for line in capture.readouterr().out.splitlines()]


def test_a_line_of_fixed_width_that_has_shifted_is_refused(tmp_path: Path) -> None:
    begun = begin("DEMO-PC", "示范财险", sample(tmp_path, "fixed.txt", EXPORTS["fixed.txt"]()), tmp_path / "out")
    answered(begun.module)
    mapping = find_mapping(str(begun.module))
    for before, after in ((b"2026-03-01", b"2026-03-0"), (b"2026-03-01", b"2026-03-011"), (b"800000.00", b"80000.00")):
        data = EXPORTS["fixed.txt"]().replace(before, after, 1)
        first, second = translate_with(mapping, data, insurer="DEMO-PC")
        assert [problem.rule for problem in first.problems] == ["row.ragged"]
        assert [draft.record for draft in second.records] == EXPECTED[1:]


def test_a_difference_names_field_cell_and_both_values(
    tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    begun = begin("DEMO-PC", "示范财险", sample(tmp_path, "list.xlsx", EXPORTS["list.xlsx"]()), tmp_path / "out")
    answered(begun.module)
    main(["adapter", "test", str(begun.module), "--accept"])
    text = begun.expected.read_text(encoding="utf-8")
    begun.expected.write_text(text.replace("800000.00", "800000.01"), encoding="utf-8")
    (outcome,) = difference(begun.module, capfdbinary, "adapter", "test", str(begun.module))
    assert outcome["outcome"] == "failed"
    assert outcome["differences"] == [
        {
            "row": 3,
            "type": "policy",
            "field": "premium.gross",
            "expected": "800000.01",
            "actual": "800000.00",
            "where": "承保清单!G3",
            "raw": "800000",
        }
    ]


def test_two_mappings_are_compared_field_by_field(tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    begun = begin("DEMO-PC", "示范财险", sample(tmp_path, "list.csv", as_csv()), tmp_path / "out")
    answered(begun.module)
    other = tmp_path / "other.py"
    other.write_text(begun.module.read_text(encoding="utf-8").replace('"元"', '"万元"'), encoding="utf-8")
    same = ["adapter", "diff", str(begun.module), str(begun.module), str(begun.sample)]
    assert main(same) == 0
    found = difference(other, capfdbinary, "adapter", "diff", str(begun.module), str(other), str(begun.sample))
    assert [(line["row"], line["field"], line["DEMO-PC/1.0 (A)"], line["DEMO-PC/1.0 (B)"]) for line in found] == [
        (2, "premium.gross", "800000.00", "8000000000.00"),
        (3, "premium.gross", "500000.00", "5000000000.00"),
    ]
    assert main(["adapter", "diff", str(begun.module), "NOBODY", str(begun.sample)]) == 64
    assert main(["adapter", "diff", str(begun.module), str(other), str(tmp_path / "none")]) == 3


def test_pairs_that_are_not_there_are_told(tmp_path: Path) -> None:
    begun = begin("DEMO-PC", "示范财险", sample(tmp_path, "list.csv", as_csv()), tmp_path / "out")
    begun.expected.unlink()
    assert main(["adapter", "test", str(begun.module)]) == 3
    assert main(["adapter", "test", "DIA-CSV-LIST", "--samples", str(tmp_path)]) == 3
    assert main(["adapter", "test", str(tmp_path / "none.py")]) == 64
    broken = tmp_path / "broken.py"
    broken.write_text("MAPPING = Mapping(", encoding="utf-8")
    assert main(["adapter", "test", str(broken)]) == 64


def test_every_pair_of_a_registered_mapping_passes() -> None:
    assert main(["adapter", "test"]) == 0


def test_every_registered_mapping_has_its_pairs() -> None:
    """Here, or with the specification of the dialects (DIA-...), which are beside the project."""
    for code, mapping in MAPPINGS.items():
        if not code.startswith("DIA-") or code in ("DIA-CANON-XML", "DIA-CANON-XLSX"):
            assert pairs(samples_of(code, mapping)), code


@pytest.mark.skipif(not SHARED.exists(), reason="the samples are not beside the project")
def test_the_samples_of_the_dialects_pass() -> None:
    assert main(["adapter", "test", "--samples", str(SHARED / "domain/samples")]) == 0


@pytest.mark.skipif(not SHARED.exists(), reason="the samples are not beside the project")
@pytest.mark.parametrize("code", [code for code in MAPPINGS if (SHARED / "domain/samples" / code).is_dir()])
def test_a_sample_of_a_known_dialect_makes_a_mapping_that_speaks_it(code: str, tmp_path: Path) -> None:
    path = next(one for one in sorted((SHARED / "domain/samples" / code).iterdir()) if ".expected" not in one.name)
    begun = begin("DEMO-PC", "示范财险", path, tmp_path / "out")
    assert begun.dialect == code
    assert [one.about for one in begun.undecided] == [f"约定 contract: {code}"]
    assert main(["adapter", "test", str(begun.module)]) == 1
