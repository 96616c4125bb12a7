"""The published vectors, through the command line: what a policy is worth, to the fen, and which rules say no."""

import json
from pathlib import Path
from typing import Any

import pytest

from gateway.cli import main
from tests.shared import shared

FOLDER = shared("domain/schemes")
CASES = sorted(file.name.removesuffix(".expected.json") for file in FOLDER.glob("*.expected.json"))
EXIT = {"passed": 0, "failed": 1, "indeterminate": 2}


def matching(line: dict[str, Any], answer: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [
        one
        for one in answer
        if one["year"] == line["year"]
        and {policy["policy_no"] for policy in one["policies"]} == {policy["policy_no"] for policy in line["policies"]}
        and one["product_key"] == line.get("product_key", one["product_key"])
    ]


@pytest.mark.parametrize("name", CASES)
def test_vector(name: str, capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    given = json.loads((FOLDER / f"{name}.expected.json").read_text("utf-8"))
    code = main(["scheme", "assess", *given["args"], str(FOLDER / f"{name}.jsonl"), "--json"])
    answer = [json.loads(line) for line in capsysbinary.readouterr().out.splitlines()]
    assert len(answer) == len(given["expected"])
    outcomes = set()
    for line in given["expected"]:
        (same,) = matching(line, answer)
        assert same["subsidy"] == line["subsidy"]
        assert same.get("clawback", "0.00") == line.get("clawback", "0.00")
        for expected in line["policies"]:
            (policy,) = (one for one in same["policies"] if one["policy_no"] == expected["policy_no"])
            assert {key: policy[key] for key in ("outcome", "eligible_premium", "subsidy")} == {
                key: expected[key] for key in ("outcome", "eligible_premium", "subsidy")
            }
            assert set(expected["failing_includes"]) <= set(policy["failing"])
            assert (policy["outcome"] == "passed") == (not policy["failing"])
            outcomes.add(policy["outcome"])
    assert code == next(EXIT[outcome] for outcome in ("failed", "indeterminate", "passed") if outcome in outcomes)


def test_all_vectors_are_there() -> None:
    assert len(CASES) == 22
    assert {Path(name).name[:3] for name in CASES} == {f"T{number:02d}" for number in range(1, 16)}


def test_readings_of_the_second_vector(capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    main(["scheme", "assess", "--scheme", "ZJ-NDI", "--at", "2026-05-31", str(FOLDER / "T02.jsonl"), "--json"])
    (line,) = capsysbinary.readouterr().out.splitlines()
    assert json.loads(line)["readings"] == {
        "rate_rule": {"cap": "400000.00", "reject": "0.00"},
        "premium_basis": {"tax_incl": "400000.00", "tax_excl": "400000.00"},
        "outcome": {"passed": "0.00", "passed_and_indeterminate": "400000.00"},
    }
