"""Every bench runs and prints what it promises. How fast anything is, no test says."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from benches.console import NAMES as CONSOLE
from benches.files import FILES
from benches.oversight import JOBS
from benches.streams import STREAMED

ROOT = Path(__file__).parents[1]
PRINTED = {
    "seals": {"seal.ofd", "seal.pdf"},
    "pdfs": {"seal.pdf-rsa-1", "seal.pdf-rsa-5"},
    "formats": {*(f"adapter.{code.lower()}" for code in FILES), "canonical-json.policy"},
    "streams": {f"stream.{code.lower()}" for code in STREAMED},
    "log": {"ledger.append", "ledger.publish"},
    "feed": {"feed.consumer"},
    "audit": {"ledger.audit", "ledger.audit-published", "audit.rows"},
    "bundle": {"bundle.verify"},
    "impact": {f"impact.{cause}" for cause in ("clause", "key", "certificate", "rule", "all")},
    "ledger": {"ledger.record"},
    "match": {"match.rows"},
    "console": set(CONSOLE),
    "oversight": {f"oversight.{name}" for name in JOBS},
    "submissions": {
        *("documents.put", "submissions.policies", "submissions.receipts", "submissions.mix"),
        *("feed.page", "memory.service"),
    },
}


@pytest.mark.parametrize("group", sorted(PRINTED))
def test_a_group_prints_its_lines(group: str) -> None:
    command = [
        sys.executable,
        "-m",
        "benches",
        group,
        "--policies",
        "12",
        "--workers",
        "1",
        "--seconds",
        "0.01",
        "--rows",
        "300",
    ]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=600, check=False)
    assert run.returncode == 0, run.stderr
    lines = [json.loads(line) for line in run.stdout.splitlines()]
    assert {line["bench"] for line in lines} == PRINTED[group]
    for line in lines:
        assert line["value"] > 0
        assert line["floor"] > 0
        assert line["ratio"] > 0
        assert line["unit"]


def test_a_bench_that_is_not_there_is_wrong_usage() -> None:
    run = subprocess.run(
        [sys.executable, "-m", "benches", "nothing"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert run.returncode != 0
    assert "no such bench: nothing" in run.stderr
