"""Certificates of real authorities and of other SM2 implementations: the links, chains and lists of the suites."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from asn1crypto import pem
from published import Tally, read, vectors

from schemas.verification import Check, Outcome, worst
from signing.certificate import BadCertificate, parse_certificate
from signing.checks.certificate import check_chain, verify_certificate
from signing.checks.paths import Link
from signing.revocation import BadRevocationData, parse_crl
from signing.trust import Policy, Purpose, TrustStore

CA, SM2 = vectors("ca"), vectors("sm2")
LAX = Policy(revocation="if-available", require_key_usage=False, allow_test_certificates=True)
pytestmark = pytest.mark.real


def ders(path: Path) -> list[bytes]:
    data = path.read_bytes()
    if not pem.detect(data):
        return [data]
    return [der for kind, _, der in pem.unarmor(data, multiple=True) if kind in ("CERTIFICATE", "X509 CRL")]


def failing(checks: tuple[Check, ...]) -> dict[str, str | None]:
    return {check.rule: check.reason for check in checks if check.outcome is not Outcome.PASSED}


def test_each_link_of_the_national_roots_holds_and_no_other() -> None:
    tally = Tally("ca", "links")
    files = [
        entry for entry in read(CA / "labels.json")["files"] if "signed_by" in entry and entry["file"].endswith("pem")
    ]
    links = {entry["file"]: Link.of(ders(CA / entry["file"])[0]) for entry in files}
    for entry in files:
        for other, issuer in links.items():
            name = f"{entry['file']} by {other}"
            with tally.judging(name):
                held = issuer.may_have_issued(links[entry["file"]]) and issuer.signed(links[entry["file"]])
            tally.add(name, expected=other in entry["signed_by"], actual=held)
    tally.settle()


@pytest.mark.parametrize(
    ("at", "outcome", "reason"),
    [
        (datetime(2022, 6, 1, tzinfo=UTC), Outcome.PASSED, None),
        (datetime(2026, 6, 1, tzinfo=UTC), Outcome.INDETERMINATE, "revocation-unusable"),
    ],
)
def test_national_chains_pass_while_their_lists_are_fresh(at: datetime, outcome: Outcome, reason: str | None) -> None:
    roots = tuple(der for path in sorted((CA / "rootca").glob("*.pem")) for der in ders(path))
    lists = tuple(der for path in sorted((CA / "crl").glob("*.crl")) for der in ders(path))
    trust = TrustStore(signers=roots, crls=lists)
    for path in sorted((CA / "ca").glob("*.pem")):
        report = verify_certificate(ders(path)[0], trust=trust, at=at, purpose=Purpose.any)
        found = failing(report.all_checks())
        assert report.outcome is outcome, (path.name, found)
        assert found.get("certificate.revocation") == reason
        signing = verify_certificate(ders(path)[0], trust=trust, at=at, purpose=Purpose.document_signing)
        assert failing(signing.all_checks())["certificate.key-usage"] == "authority-certificate"


TONGSUO = SM2 / "tongsuo" / "test" / "certs"
AT = datetime(2026, 6, 1, tzinfo=UTC)
# File, the file of its chain, whether it may pass for signing documents, and the rule that decides otherwise.
CHAINS = [
    ("sm2/client_sign.crt", "sm2/chain-ca.crt", None),
    ("sm2/server_sign.crt", "sm2/chain-ca.crt", None),
    ("sm2/client_enc.crt", "sm2/chain-ca.crt", "certificate.key-usage"),
    ("sm2/server_enc.crt", "sm2/chain-ca.crt", "certificate.key-usage"),
    ("sm2/client_sign_expire.crt", "sm2/chain-ca.crt", "certificate.period"),
    ("sm2/server_sign_expire.crt", "sm2/chain-ca.crt", "certificate.period"),
    ("sm2/client_enc_expire.crt", "sm2/chain-ca.crt", "certificate.period"),
    ("sm2/server_sign2.crt", "sm2/chain-ca.crt", "certificate.chain"),
    ("sm2/server_enc2.crt", "sm2/chain-ca.crt", "certificate.chain"),
    ("sm2-leaf.crt", "sm2-chain-ca.crt", "certificate.key-usage"),  # for TLS servers alone
    # The root's key is named by the curve's identifier where GM/T 0015 has id-ecPublicKey: refused on purpose.
    ("sm2-cert.pem", "sm2-root-cert.pem", "certificate.chain"),
    ("sm2-first-crt.pem", "sm2-root-cert.pem", "certificate.chain"),
    ("sm2-noza-cert.pem", "sm2-noza-root-cert.pem", "certificate.chain"),  # signed without Z, against GM/T 0009
]


def test_chains_of_tongsuo() -> None:
    tally = Tally("sm2", "tongsuo chains")
    for leaf, chain, rule in CHAINS:
        certificates = ders(TONGSUO / chain)
        anchors = tuple(der for der in certificates if parse_certificate(der).self_issued)
        with tally.judging(leaf):
            checks = check_chain(
                ders(TONGSUO / leaf)[0],
                intermediates=certificates,
                trust=TrustStore(signers=anchors, policy=LAX),
                at=AT,
                purpose=Purpose.document_signing,
            )
        tally.add(leaf, expected=rule is None, actual=worst(checks) is Outcome.PASSED)
        if rule is not None:
            assert rule in failing(checks), leaf
    tally.settle()


HITLS = SM2 / "openhitls"
# Why a case is not judged, by what its label says or its code.
HITLS_LEFT_OUT = {
    "by_function_name": "names no verdict: that it is read or refused is tested by itself",
    "HITLS_X509_ERR_VFY_CHECK_SECBITS": "a setting of theirs: more security bits than SM2 has",
}


def test_verdicts_of_openhitls() -> None:
    tally = Tally("sm2", "openhitls chains")
    for case in read(HITLS / "cases.json")["cases"]:
        if (reason := HITLS_LEFT_OUT.get(case["expected"]) or HITLS_LEFT_OUT.get(case["code"])) is not None:
            tally.leave_out(reason)
            continue
        lists, certificates = [], []
        for file in case["files"]:
            (lists if "crl" in Path(file).name else certificates).extend(ders(HITLS / file))
        anchors = tuple(der for der in certificates if parse_certificate(der).self_issued)
        leaf = next(der for der in certificates if not parse_certificate(der).ca)
        required = case["code"] in ("HITLS_X509_ERR_CRL_NOT_FOUND", "HITLS_X509_ERR_VFY_CERT_REVOKED")
        policy = Policy(
            revocation="require" if required else "if-available", require_key_usage=False, allow_test_certificates=True
        )
        name = f"{case['id']} {case['code']}"
        with tally.judging(name):
            report = verify_certificate(
                leaf,
                intermediates=certificates,
                trust=TrustStore(signers=anchors, policy=policy),
                at=datetime(2024, 8, 1, tzinfo=UTC),
                purpose=Purpose.any,
                crls=lists if case["code"] != "HITLS_X509_SUCCESS" else (),
            )
        tally.add(name, expected=case["expected"] == "accept", actual=report.outcome is Outcome.PASSED)
    tally.settle()


# What each certificate of gmsm is judged to be under the certificate that issued it; purposes and days are its own.
GMSM = {
    "issuerSubjectMatchLeaf": ("issuerSubjectMatchRoot", "certificate.chain"),
    "x509v1TestLeaf": ("x509v1TestRoot", "certificate.chain"),
    "leafWithAKID": ("rootWithoutSKID", None),
    "leafMatchingAKIDMatchingIssuer": ("rootMismatchingSKIDMatchingSubject", None),
    "criticalExtLeafWithExt": ("criticalExtRoot", "certificate.chain"),
    "criticalExtLeaf": ("criticalExtRoot", "certificate.chain"),
    "excludedNamesLeaf": ("excludedNamesRoot", "certificate.chain"),
    "googleLeaf": ("gtsRoot", None),
    "googleLeafWithInvalidHash": ("gtsRoot", "certificate.algorithm"),
    "nameConstraintsLeaf": ("globalSignRoot", None),
    "trustAsiaLeaf": ("digicertRoot", None),
    "smimeLeaf": ("smimeRoot", None),
}


def _gmsm() -> dict[str, bytes]:
    found = {}
    for item in read(SM2 / "gmsm" / "embedded_objects.json"):
        if item["kind"] == "CERTIFICATE":
            found[item["name"]] = pem.unarmor(item["pem"].encode())[2]
    return found


def test_chains_of_gmsm() -> None:
    tally = Tally("sm2", "gmsm chains")
    certificates = _gmsm()
    for name, (anchor, rule) in GMSM.items():
        parsed = parse_certificate(certificates[name])
        at = parsed.not_valid_before + (parsed.not_valid_after - parsed.not_valid_before) / 2
        bag = [der for other, der in certificates.items() if other not in (name, anchor) and not _junk(der)]
        with tally.judging(name):
            checks = check_chain(
                certificates[name],
                intermediates=bag[:32],
                trust=TrustStore(signers=(certificates[anchor],), intermediates=tuple(bag), policy=LAX),
                at=at,
                purpose=Purpose.any,
            )
        tally.add(name, expected=rule is None, actual=worst(checks) is Outcome.PASSED)
        if rule is not None:
            assert rule in failing(checks), (name, failing(checks))
    tally.settle()


def test_malformed_certificates_of_gmsm_are_refused() -> None:
    certificates = _gmsm()
    for name in ("mismatchingSigAlgIDPEM", "mismatchingSigAlgParamPEM", "dupExtCert"):
        with pytest.raises(BadCertificate):
            parse_certificate(certificates[name])


def _junk(der: bytes) -> bool:
    try:
        parse_certificate(der)
    except BadCertificate:
        return True
    return False


def test_every_certificate_and_list_of_the_suites_is_read_or_refused() -> None:
    read_ones: dict[str, int] = {"certificates": 0, "lists": 0, "refused": 0}
    for path in sorted((*(HITLS / "cert").rglob("*"), *TONGSUO.rglob("*.crt"), *TONGSUO.rglob("*.pem"))):
        if not path.is_file() or path.suffix == ".key":
            continue
        for der in ders(path):
            kinds: list[tuple[str, Any]] = [("certificates", parse_certificate), ("lists", parse_crl)]
            for kind, parse in kinds:
                try:
                    parse(der)
                    read_ones[kind] += 1
                    break
                except (BadCertificate, BadRevocationData):
                    continue
            else:
                read_ones["refused"] += 1
    print(read_ones)
    assert read_ones["certificates"] >= 25
    assert read_ones["lists"] >= 10
