"""The published OFD documents and seals: every labelled answer, none of them ever trusted.

Whole organisations' documents: read where they lie, named by file only, never copied.
"""

from datetime import UTC, datetime
from typing import Any

import pytest
from published import Tally, read, vectors

from schemas.verification import Outcome, Report, SealReport
from signing.errors import Unreadable
from signing.trust import Policy, TrustStore
from signing.verify import verify_document

FOLDER = vectors("ofd")
AT = datetime(2026, 11, 21, tzinfo=UTC)
NOBODY = TrustStore()
FILES: list[dict[str, Any]] = read(FOLDER / "labels.json")["files"]
SEALS: list[dict[str, Any]] = read(FOLDER / "seals.json")["files"]

# How the labels call what we flag.
FLAGS = {
    "SIG_RAW64": "signature-raw64",
    "SEALSIG_RAW64": "maker-signature-raw64",
    "SIG_NEGATIVE_INTEGER": "signature-negative-integer",
    "SEALSIG_NEGATIVE_INTEGER": "maker-signature-negative-integer",
    "TIME_2DIGIT": "time-two-digit-year",
    "TIME_NO_ZONE": "time-no-zone",
    "BER_TRANSCODED": "ber-transcoded",
    "CMS_CONTENTTYPE_MISMATCH": "cms-content-type-mismatch",
    "NAMESPACE_NONSTANDARD": "namespace-nonstandard",
    "COVERS_SIGNATURE_LIST": "covers-signature-list",
    "SEAL_NAME_NUL": "seal-name-nul",
}
BEST = {"integrity": "passed", "trust": "trusted", "coverage": "whole"}
CODES = {
    "REF_DIGEST": {"signature.reference-digests"},
    "CERT_PERIOD": {"signature.signer-period", "certificate.period"},
    "SEAL_EXPIRED": {"seal.period"},
    "FORMAT": {"signature.format", "seal.certificate-list", "signature.method"},
    "UNSUPPORTED": {"signature.kind"},
}


def judge(file: str, trust: TrustStore = NOBODY) -> Report:
    return verify_document((FOLDER / file).read_bytes(), trust=trust, at=AT)


@pytest.mark.parametrize("label", FILES, ids=lambda label: label["file"])
def test_document(label: dict[str, Any]) -> None:
    report = judge(label["file"])
    assert report.outcome is not Outcome.PASSED
    assert report.document is not None
    assert report.document.sha256 == label["sha256"]
    if not label["signatures"]:
        assert (report.outcome, report.reason, report.seals) == (Outcome.FAILED, "not-signed", ())
        return
    assert [seal.id for seal in report.seals] == [signature["id"] for signature in label["signatures"]]
    for seal, signature in zip(report.seals, label["signatures"], strict=True):
        _compare(seal, signature)


def _compare(seal: SealReport, label: dict[str, Any]) -> None:
    """Not only within what is acceptable: each answer is the expected one."""
    assert seal.integrity == label["integrity"]["expected"]
    assert seal.trust == label["trust"]["expected"]
    if label["coverage"]["scored"]:
        assert seal.coverage == label["coverage"]["expected"]
    wanted = {FLAGS[flag] for flag in label["flags"] if flag in FLAGS}
    assert wanted <= set(seal.flags)
    if "BITSTRING_TRIMMED" in label["flags"]:
        assert any(flag.endswith("bitstring-trimmed") for flag in seal.flags)
    failing = {check.rule for check in seal.checks if check.outcome is not Outcome.PASSED}
    for code in label["codes"]:
        assert failing & CODES[code], code
    if label["sign_time_utc"] and seal.signed_at:
        assert f"{seal.signed_at:%Y-%m-%d %H:%M:%S}" == label["sign_time_utc"]
    if label["seal_valid_utc"] and seal.seal:
        found = [f"{one:%Y-%m-%d %H:%M:%S}" for one in (seal.seal.valid_from, seal.seal.valid_to) if one]
        assert found == label["seal_valid_utc"]
    if label["coverage"]["scored"] and label["coverage"]["expected"] == "partial":
        listed = next(check for check in seal.checks if check.rule == "signature.coverage").facts["uncovered"]
        assert set(listed) == set(label["coverage"]["uncovered"]) - {"OFD.xml"}


def test_the_tally() -> None:
    """Each answer on each signature: what is too good is a wrong accept, what else is not expected a wrong reject."""
    tally = Tally("ofd", "labels.json")
    for label in FILES:
        with tally.judging(label["file"]):
            seals = {seal.id: seal for seal in judge(label["file"]).seals}
        for signature in label["signatures"]:
            seal = seals[signature["id"]]
            for name, answer in (("integrity", seal.integrity), ("trust", seal.trust), ("coverage", seal.coverage)):
                if name == "coverage" and not signature[name]["scored"]:
                    continue
                best = BEST[name]
                sound = answer == signature[name]["expected"]
                expected = signature[name]["expected"] == best
                actual = expected if sound else not expected
                tally.add(f"{label['file']} {signature['id']} {name}: {answer}", expected=expected, actual=actual)
    tally.settle()


@pytest.mark.parametrize("label", SEALS, ids=lambda label: label["file"])
def test_lone_seal(label: dict[str, Any]) -> None:
    """Structure and signature values; a seal on nothing never passes."""
    expected = label["expected"]
    try:
        report = judge(label["file"])
    except Unreadable:
        assert expected == "reject"
        return
    assert report.outcome is not Outcome.PASSED
    (seal,) = report.seals
    assert (seal.trust, seal.coverage) == ("indeterminate", "unsafe")
    assert seal.integrity == {"accept": "passed", "accept_experimental": "unsupported", "reject": "failed"}[expected]
    if expected == "accept_experimental":
        (seal,) = judge(label["file"], TrustStore(policy=Policy(allow_v5=True))).seals
        assert seal.integrity == "passed"


@pytest.mark.parametrize(
    "label", [label for label in FILES if label["polarity"] == "positive"], ids=lambda label: label["file"]
)
def test_without_repair(label: dict[str, Any]) -> None:
    """With `interop_repair` off, what had to be repaired fails, and nothing else changes."""
    strict = judge(label["file"], TrustStore(policy=Policy(interop_repair=False)))
    for before, after in zip(judge(label["file"]).seals, strict.seals, strict=True):
        repaired = [check for check in before.checks if check.rule == "signature.encoding" and check.facts["repaired"]]
        assert after.integrity == ("failed" if repaired else "passed")
