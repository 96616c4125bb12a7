"""The published suite of transparency-dev/merkle: every proof is judged as its authors say."""

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from gateway.ledger.merkle import (
    check_consistency,
    check_inclusion,
    check_subtree_consistency,
    check_subtree_inclusion,
)
from schemas.verification import Outcome
from tests.tally import Tally

SUITE = Path(__file__).parents[2] / "../shared/vectors/transparency-dev-merkle"

KINDS = ("consistency", "inclusion", "subtreeconsistency", "subtreeinclusion")

pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(not SUITE.exists(), reason="the published suite is not beside the project"),
]


def judge(kind: str, case: dict[str, Any]) -> Outcome:
    """The verdict on one file of the suite."""
    path = [base64.b64decode(item) for item in case["proof"] or []]
    roots = {
        name: base64.b64decode(case[name] or "") for name in ("root", "root1", "root2", "leafHash") if name in case
    }
    match kind:
        case "inclusion":
            check = check_inclusion(case["leafIdx"], case["treeSize"], roots["leafHash"], path, roots["root"])
        case "consistency":
            check = check_consistency(case["size1"], case["size2"], roots["root1"], path, roots["root2"])
        case "subtreeinclusion":
            span = (case["start"], case["end"])
            check = check_subtree_inclusion(case["leafIdx"], span, roots["leafHash"], path, roots["root"])
        case "subtreeconsistency":
            span = (case["start"], case["end"])
            check = check_subtree_consistency(span, case["size"], roots["root1"], path, roots["root2"])
        case _:
            raise AssertionError(f"an unknown kind of case: {kind}")
    return check.outcome


def test_every_case_is_judged_as_published() -> None:
    tallies = {kind: Tally("transparency-dev-merkle", kind) for kind in KINDS}
    for label in json.loads((SUITE / "manifest.json").read_text())["files"]:
        case = json.loads((SUITE / label["file"]).read_text())
        assert case["wantErr"] == (label["expected"] == "reject")
        kind = label["file"].split("/")[0]
        with tallies[kind].judging(label["file"]):
            actual = judge(kind, case) is Outcome.PASSED
            tallies[kind].add(label["file"], expected=not case["wantErr"], actual=actual)
    for tally in tallies.values():
        tally.settle()
