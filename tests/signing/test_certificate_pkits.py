"""NIST PKITS, in the two indices of the public suite: every case by name, for the verdict that it must have."""

from datetime import UTC, datetime
from functools import cache
from typing import Any

import pytest
from published import Tally, read, vectors

from schemas.verification import Outcome, Report
from signing.checks.certificate import verify_certificate
from signing.trust import Policy, Purpose, TrustStore

SUITE = vectors("nist-pkits")
AT = datetime(2022, 5, 1, tzinfo=UTC)
DECLARED = dict.fromkeys(("valid_dsa_signatures_test4", "4.1.4 Valid DSA Signatures Test4"), "DSA")
TEST_POLICY = "2.16.840.1.101.3.2.1.48."


@cache
def certificate(name: str) -> bytes:
    return (SUITE / "certs" / name).read_bytes()


@cache
def revocation_list(name: str) -> bytes:
    return (SUITE / "crls" / name).read_bytes()


def judge(path: list[str], lists: list[str], policy: Policy) -> Report:
    trust = TrustStore(signers=(certificate("TrustAnchorRootCertificate.crt"),), policy=policy)
    return verify_certificate(
        certificate(path[-1]),
        intermediates=[certificate(name) for name in path[:-1]],
        trust=trust,
        at=AT,
        purpose=Purpose.any,
        crls=[revocation_list(name) for name in lists],
    )


def _policy(accepted: list[str], explicit: bool, mapping: bool, any_policy: bool) -> Policy:
    oids = tuple(one.replace("NIST-test-policy-", TEST_POLICY) for one in accepted if one != "anyPolicy")
    return Policy(
        certificate_policies=oids,
        require_explicit_policy=explicit,
        inhibit_policy_mapping=mapping,
        inhibit_any_policy=any_policy,
    )


def _of_index(case: dict[str, Any]) -> Report:
    inputs = case.get("params") or {}
    policy = _policy(
        inputs.get("user_initial_policy_set", []),
        inputs.get("initial_explicit_policy", False),
        inputs.get("initial_policy_mapping_inhibit", False),
        inputs.get("initial_any_policy_inhibit", False),
    )
    path = [*case.get("other_certs", []), case["cert"]]
    return judge(path, [*case.get("crls", []), "TrustAnchorRootCRL.crl"], policy)


def _of_vectors(case: dict[str, Any]) -> Report:
    policy = _policy(
        case["InitialPolicySet"],
        case["InitialExplicitPolicy"],
        case["InitialPolicyMappingInhibit"],
        case["InitialAnyPolicyInhibit"],
    )
    return judge(case["CertPath"][1:], case["CRLPath"], policy)


@pytest.mark.real
@pytest.mark.parametrize(("index", "judged"), [("pkits.json", _of_index), ("vectors.json", _of_vectors)])
def test_every_case_has_its_verdict(index: str, judged: Any) -> None:
    tally = Tally("nist-pkits", index)
    for case in read(SUITE / index):
        name = case.get("name") or case["Name"]
        expected = case.get("ShouldValidate", "error" not in case)
        with tally.judging(name):
            report = judged(case)
        passed = report.outcome is Outcome.PASSED
        tally.add(name, expected=expected, actual=passed, declared=DECLARED.get(name))
    tally.settle()


@pytest.mark.real
def test_a_case_fails_for_its_own_reason() -> None:
    reasons = {
        "InvalidEEnotBeforeDateTest2EE.crt": ("certificate.period", "not-yet-valid"),
        "Invalidpre2000UTCEEnotAfterDateTest7EE.crt": ("certificate.period", "expired"),
        "InvalidUnknownCriticalCertificateExtensionTest2EE.crt": ("certificate.chain", "path-invalid"),
    }
    for name, expected in reasons.items():
        report = judge(["GoodCACert.crt", name], ["GoodCACRL.crl", "TrustAnchorRootCRL.crl"], Policy())
        first = next(check for check in report.checks if check.outcome is Outcome.FAILED)
        assert (first.rule, first.reason) == expected


@pytest.mark.real
def test_without_revocation_data_nothing_passes() -> None:
    report = judge(["ValidUnknownNotCriticalCertificateExtensionTest1EE.crt"], [], Policy())
    assert report.outcome is not Outcome.PASSED
    assert report.failing() == ("certificate.revocation",)
