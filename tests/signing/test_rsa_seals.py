"""RSA in seals and in OFD: by policy, with SHA-256 and keys of 2048 bits, and never instead of what is stated."""

import hashlib
from dataclasses import replace

import pytest
import sealing as s
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.verification import Outcome, Report
from signing import TrustStore, verify_document
from signing.trust import Policy

SHA1 = "1.2.840.113549.1.1.5"
GM_RSA = "1.2.156.10197.1.506"
PLAN = s.SealPlan(signers=(s.RSA_SIGNER,), maker=s.RSA_MAKER)
V1 = replace(PLAN, family="v1", version=1)


def trust(allowed: bool = True) -> TrustStore:
    return TrustStore(
        signers=(s.ROOT.certificate, s.RSA_ROOT.certificate),
        seal_makers=(s.MAKER_ROOT.certificate,),
        tsa=(s.TSA_ROOT.certificate,),
        crls=s.LISTS,
        policy=Policy(allow_rsa_seals=allowed),
    )


def signing(plan: s.SealPlan = PLAN, method: str | None = s.RSA_SHA256, **more: object) -> s.Signing:
    value = replace(s.SealSignature(plan, signer=s.RSA_SIGNER), **more)  # type: ignore[arg-type]
    return s.Signing(value, method=method)


def judge(one: s.Signing, *, allowed: bool = True) -> Report:
    return verify_document(s.package(s.sealed(one)), trust=trust(allowed), at=s.AT)


def sha256(name: str, data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


@pytest.mark.parametrize("plan", [PLAN, V1, replace(PLAN, maker=s.MAKER), replace(V1, maker=s.MAKER)])
@pytest.mark.parametrize("method", [s.RSA_SHA256, GM_RSA, "SHA256withRSA"])
def test_rsa_is_a_matter_of_policy(plan: s.SealPlan, method: str) -> None:
    report = judge(signing(plan, method))
    assert report.failing() == ()
    assert report.seals[0].algorithm == "rsa-v1_5-sha256"
    refused = judge(signing(plan, method), allowed=False)
    assert refused.outcome is Outcome.INDETERMINATE
    by_rsa = {"signature.method", "seal.maker-signature"} if plan.maker.rsa else {"signature.method"}
    assert set(refused.failing()) == by_rsa
    assert {check.reason for check in refused.seals[0].checks if check.reason} == {"rsa-not-allowed"}
    assert refused.seals[0].integrity == "unsupported"


def test_a_maker_that_signs_with_rsa_is_asked_for_by_itself() -> None:
    plan = replace(PLAN, signers=(s.SIGNER,))
    one = s.Signing(s.SealSignature(plan))
    assert judge(one).failing() == ()
    assert judge(one, allowed=False).failing() == ("seal.maker-signature",)


def test_plain_signatures_of_an_ofd_too() -> None:
    one = s.Signing(s.PlainSignature(signer=s.RSA_SIGNER), method=s.RSA_SHA256)
    assert judge(one).failing() == ()
    assert judge(one, allowed=False).failing() == ("signature.method",)


@pytest.mark.parametrize("method", ["SHA256", "sha-256", "2.16.840.1.101.3.4.2.1"])
def test_references_by_sha256_go_with_rsa_alone(method: str) -> None:
    by_rsa = replace(signing(), check_method=method, digest=sha256)
    assert judge(by_rsa).failing() == ()
    assert "signature.digest-method" in judge(by_rsa, allowed=False).failing()
    by_sm2 = s.Signing(check_method=method, digest=sha256)
    assert judge(by_sm2).failing() == ("signature.digest-method",)
    # A method that is not the one that was used does not match by accident.
    assert judge(replace(signing(), check_method=method)).failing() == ("signature.reference-digests",)
    assert judge(replace(signing(), digest=sha256)).failing() == ("signature.reference-digests",)


@pytest.mark.parametrize("weak", [SHA1, "1.2.156.10197.1.504", "1.2.840.113549.1.1.4"])
def test_sha1_and_md5_are_refused_whatever_the_policy(weak: str) -> None:
    for one in (signing(method=weak, algorithm=weak), signing(algorithm=weak), signing(method=weak)):
        report = judge(one)
        assert report.outcome is Outcome.FAILED
        assert "algorithm-weak" in {
            check.reason for check in report.seals[0].checks if check.rule == "signature.method"
        }
    by_maker = judge(signing(replace(PLAN, algorithm=weak)))
    assert by_maker.failing() == ("seal.maker-signature",)


def test_short_keys_are_refused() -> None:
    plan = replace(PLAN, signers=(s.SHORT_SIGNER,))
    report = judge(signing(plan, signer=s.SHORT_SIGNER))
    assert report.outcome is Outcome.FAILED
    assert {"signature.method", "certificate.algorithm"} <= set(report.failing())


@pytest.mark.parametrize(
    ("one", "rule"),
    [
        (signing(method=s.SM2_SM3), "signature.method"),
        (s.Signing(method=s.RSA_SHA256), "signature.method"),
        (signing(method=None), "signature.method"),
        (signing(algorithm=s.SM2_SM3), "signature.method"),
        (s.with_value(algorithm=s.RSA_SHA256), "signature.method"),
        (signing(digest=lambda digest: s.bits(digest[:-1])), "signature.data-hash"),
        (signing(value=lambda value: s.bits(value[:-1])), "signature.value"),
        (signing(value=lambda value: s.bits(value + b"\0")), "signature.value"),
        (signing(value=lambda value: s.bits(b"\0" + value)), "signature.value"),
        (signing(value=lambda value: s.bits(value[:-1] + bytes((value[-1] & 0x80,)), 7)), "signature.encoding"),
    ],
)
def test_what_does_not_agree_fails(one: s.Signing, rule: str) -> None:
    report = judge(one)
    assert report.outcome is Outcome.FAILED
    assert rule in report.failing()


def test_a_document_under_sm3_is_not_one_under_sha256() -> None:
    """The digest follows from the algorithm: SM3 in the place of SHA-256 is another statement of the same length."""
    from signing.sm2 import sm3

    declaration: dict[str, bytes] = {}

    def other(digest: bytes) -> bytes:
        return s.bits(sm3(declaration["is"]))

    def remember(data: bytes) -> bytes:
        declaration["is"] = data
        return data

    assert judge(replace(signing(digest=other), rewrite=remember)).failing() == ("signature.data-hash",)


SEALED = s.sealed(signing())
VALUE = "Doc_0/Signs/Sign_0/SignedValue.dat"


@settings(max_examples=150, deadline=None)
@given(st.floats(0, 1, exclude_max=True), st.integers(1, 255))
def test_one_changed_byte_of_the_value_is_never_a_pass(where: float, change: int) -> None:
    value = bytearray(SEALED[VALUE])
    value[int(where * len(value))] ^= change
    report = verify_document(s.package({**SEALED, VALUE: bytes(value)}), trust=trust(), at=s.AT)
    assert report.outcome is not Outcome.PASSED
