"""The newcomer's first command: every case of the demonstration comes out as it should, over HTTP, from the shell."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

GATEWAY = Path(sys.executable).parent / "gateway"


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, dict[str, object]], Path]:
    out = tmp_path_factory.mktemp("demo") / "out"
    run = subprocess.run(
        [str(GATEWAY), "demo", "--once", "--json", "--out", str(out)], capture_output=True, text=True, timeout=300
    )
    assert run.returncode == 0, run.stdout[-3000:] + run.stderr[-3000:]
    return {case["case"]: case for case in json.loads(run.stdout)["cases"]}, out


def test_every_case_comes_out_as_it_should(told: tuple[dict[str, dict[str, object]], Path]) -> None:
    cases, _ = told
    assert len(cases) >= 12
    for name, case in cases.items():
        assert case["status"] == case["expected"], name
        assert bool(case["failing"]) == (case["status"] != "verified"), name


@pytest.mark.parametrize(
    ("case", "rule"),
    [
        ("content-changed", "signature.reference-digests"),
        ("others-seal", "evidence.sealed-by-insurer"),
        ("seal-transplant", "seal.signer-listed"),
        ("unfiled-clause", "filing.registered"),
        ("stopped-clause", "filing.in-use-on-issue"),
        ("one-fen-short", "premium.paid-in-full"),
        ("refunded-afterwards", "premium.paid-in-full"),
        ("premium-differs", "evidence.agrees"),
        ("replayed-request", "request.not-replayed"),
        ("unknown-field", "field.unaccounted"),
        ("expired-certificate", "certificate.period"),
    ],
)
def test_a_dishonest_case_fails_for_its_own_reason(
    told: tuple[dict[str, dict[str, object]], Path], case: str, rule: str
) -> None:
    failing = told[0][case]["failing"]
    assert isinstance(failing, list)
    assert rule in failing


def test_what_it_leaves_behind_can_be_checked_by_others(told: tuple[dict[str, dict[str, object]], Path]) -> None:
    _, out = told
    audit = subprocess.run(
        [str(GATEWAY), "log", "audit", "--dir", str(out / "log")], capture_output=True, text=True, timeout=120
    )
    assert audit.returncode == 0, audit.stdout
    document = next((out / "documents").glob("honest-xml-ofd-*.ofd"))
    verify = subprocess.run(
        [str(GATEWAY), "seal", "verify", str(document), "--trust", str(out / "trust"), "--json"],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert verify.returncode == 0, verify.stdout
    assert json.loads(verify.stdout)["outcome"] == "passed"
    bundles = sorted((out / "evidence").glob("*.zip"))
    assert len(bundles) >= 12
    for bundle in bundles:
        checked = subprocess.run(
            [
                *(str(GATEWAY), "evidence", "verify", str(bundle), "--trust", str(out / "trust"), "--json"),
                *("--log-key", str(out / "log" / "key")),
            ],
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert checked.returncode == 0, checked.stdout
