"""Chains of all key kinds, usage, period and revocation: each case by the one check that decides it."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

import pytest
from asn1crypto import core, x509
from authority import (
    AT,
    CERTIFYING,
    END,
    SIGNING,
    START,
    Holder,
    issue,
    make_key,
    middle,
    name,
    ocsp_response,
    revocation_list,
    root,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.verification import Outcome, worst
from signing.certificate import signer_identity
from signing.checks.certificate import check_chain, verify_certificate
from signing.kept import forgetting
from signing.trust import Policy, Purpose, TrustStore

SIGNED = datetime(2026, 5, 1, tzinfo=UTC)
NO_CHECK = {"extn_id": "ocsp_no_check", "critical": False, "extn_value": core.ParsableOctetString(core.Null().dump())}


def world(kind: str = "sm2") -> tuple[Holder, Holder, Holder, TrustStore]:
    top = root(kind=kind)
    issuing = middle("Issuing Authority", top, kind)
    leaf = issue("Insurer", issuing, kind=kind)
    lists = (revocation_list(top), revocation_list(issuing))
    return top, issuing, leaf, TrustStore(signers=(top.certificate,), intermediates=(issuing.certificate,), crls=lists)


@cache
def one_world() -> tuple[Holder, Holder, TrustStore]:
    """An authority, a leaf, and the trust in them: the same for all examples of a property."""
    _, issuing, leaf, trust = world()
    return issuing, leaf, trust


def judge(certificate: bytes, trust: TrustStore, **more: Any) -> dict[str, tuple[Outcome, str | None]]:
    arguments = {"trust": trust, "at": AT, "purpose": Purpose.document_signing} | more
    return {check.rule: (check.outcome, check.reason) for check in check_chain(certificate, **arguments)}


def decided(certificate: bytes, trust: TrustStore, **more: Any) -> dict[str, str | None]:
    """The rules that did not pass, with their reasons."""
    found = judge(certificate, trust, **more)
    return {rule: reason for rule, (outcome, reason) in found.items() if outcome is not Outcome.PASSED}


@pytest.mark.parametrize("kind", ["sm2", "p256", "ed25519", "rsa"])
def test_a_good_chain_passes_and_every_check_was_made(kind: str) -> None:
    _, _, leaf, trust = world(kind)
    found = judge(leaf.certificate, trust)
    assert {outcome for outcome, _ in found.values()} == {Outcome.PASSED}
    assert set(found) == {
        "certificate.parsed",
        "certificate.algorithm",
        "certificate.chain",
        "certificate.period",
        "certificate.key-usage",
        "certificate.test-certificate",
        "certificate.identity",
        "certificate.revocation",
    }


def test_the_report_follows_and_names_its_basis() -> None:
    _, _, leaf, trust = world()
    report = verify_certificate(leaf.certificate, trust=trust, at=AT, purpose=Purpose.document_signing)
    assert report.outcome is Outcome.PASSED
    assert report.basis == {"trust": trust.digest}


def test_an_intermediate_that_a_stranger_sends_serves_as_well() -> None:
    top, issuing, leaf, trust = world()
    alone = TrustStore(signers=(top.certificate,), crls=trust.crls)
    assert decided(leaf.certificate, alone)["certificate.chain"] == "chain-unknown"
    assert decided(leaf.certificate, alone, intermediates=[issuing.certificate]) == {}


def test_without_an_anchor_nothing_is_believed_and_nothing_is_denied() -> None:
    _, issuing, leaf, _ = world()
    found = judge(leaf.certificate, TrustStore(), intermediates=[issuing.certificate])
    assert found["certificate.chain"] == (Outcome.INDETERMINATE, "chain-unknown")


def test_anchors_serve_their_own_purpose_alone() -> None:
    top, issuing, leaf, trust = world()
    makers = TrustStore(seal_makers=(top.certificate,), intermediates=(issuing.certificate,), crls=trust.crls)
    assert decided(leaf.certificate, makers)["certificate.chain"] == "chain-unknown"
    assert decided(leaf.certificate, makers, purpose=Purpose.seal_making) == {}


@pytest.mark.parametrize(("length", "reason"), [(0, "path-invalid"), (1, None), (30, None)])
def test_the_path_length_of_an_anchor_binds(length: int, reason: str | None) -> None:
    limit = x509.BasicConstraints({"ca": True, "path_len_constraint": length})
    constraint = {"extn_id": "basic_constraints", "critical": True, "extn_value": limit}
    top = issue("Root with a length", usage=CERTIFYING, more=[constraint])
    issuing = middle("Issuing Authority", top)
    lists = (revocation_list(top), revocation_list(issuing))
    trust = TrustStore(signers=(top.certificate,), intermediates=(issuing.certificate,), crls=lists)
    assert decided(issue("Insurer", issuing).certificate, trust).get("certificate.chain") == reason


def test_a_signature_by_another_key_is_a_forgery() -> None:
    _, issuing, _, trust = world()
    forged = issue("Insurer", issuing, signer=make_key("sm2", "somebody else"))
    found = judge(forged.certificate, trust)
    assert found["certificate.chain"] == (Outcome.FAILED, "bad-signature")


def test_a_self_made_root_of_the_same_name_is_not_the_root() -> None:
    _, _, _, trust = world()
    false_root = issue("Root of Trust", key=make_key("sm2", "thief"), authority=True, usage=CERTIFYING)
    leaf = issue("Insurer", false_root)
    outcome, _ = judge(leaf.certificate, trust, intermediates=[false_root.certificate])["certificate.chain"]
    assert outcome is not Outcome.PASSED


def test_a_leaf_cannot_issue() -> None:
    _, _, leaf, trust = world()
    child = issue("Child", leaf)
    found = decided(child.certificate, trust, intermediates=[leaf.certificate])
    assert found["certificate.chain"] == "issuer-not-authority"


def test_a_pinned_leaf_is_believed_itself_but_cannot_issue() -> None:
    _, _, leaf, _ = world()
    trust = TrustStore(signers=(leaf.certificate,))
    assert decided(leaf.certificate, trust) == {}
    assert decided(issue("Child", leaf).certificate, trust)["certificate.chain"] == "issuer-not-authority"


@pytest.mark.parametrize(
    ("usage", "reason"),
    [
        (("key_encipherment",), "encryption-certificate"),
        (("data_encipherment", "key_agreement", "key_encipherment"), "encryption-certificate"),
        ((*SIGNING, "key_cert_sign"), "authority-certificate"),
        (("non_repudiation",), "no-digital-signature"),
        (None, "missing"),
    ],
)
def test_usage_decides_who_may_sign(usage: tuple[str, ...] | None, reason: str) -> None:
    _, issuing, _, trust = world()
    assert decided(issue("Insurer", issuing, usage=usage).certificate, trust) == {"certificate.key-usage": reason}


def test_a_timestamping_certificate_signs_timestamps_alone() -> None:
    top, issuing, _, trust = world()
    stamps = issue("TSA", issuing, extended=["time_stamping"], extended_critical=True)
    tsa = TrustStore(tsa=(top.certificate,), intermediates=(issuing.certificate,), crls=trust.crls)
    assert decided(stamps.certificate, tsa, purpose=Purpose.timestamping) == {}
    assert decided(stamps.certificate, trust) == {"certificate.key-usage": "not-for-signing"}
    lax = issue("TSA", issuing, extended=["time_stamping"])
    assert decided(lax.certificate, tsa, purpose=Purpose.timestamping) == {
        "certificate.key-usage": "not-for-timestamps"
    }


def test_names_of_test_authorities_need_leave() -> None:
    top, issuing, _, trust = world()
    leaf = issue("CFCA TEST OCA1", issuing)
    assert decided(leaf.certificate, trust) == {"certificate.test-certificate": "test-name"}
    lax = TrustStore(
        signers=(top.certificate,),
        intermediates=trust.intermediates,
        crls=trust.crls,
        policy=Policy(allow_test_certificates=True),
    )
    assert decided(leaf.certificate, lax) == {}
    assert decided(issue("Testament Insurance Contest", issuing).certificate, trust) == {}


def test_an_unknown_critical_extension_is_refused() -> None:
    _, issuing, _, trust = world()
    odd = {"extn_id": "1.2.3.4.5", "critical": True, "extn_value": b"\x05\x00"}
    assert decided(issue("Insurer", issuing, more=[odd]).certificate, trust)["certificate.chain"] == "path-invalid"


def test_an_extension_twice_is_no_certificate() -> None:
    _, issuing, _, trust = world()
    twice = [{"extn_id": "1.2.3.4.5", "critical": False, "extn_value": b"\x05\x00"}] * 2
    assert decided(issue("Insurer", issuing, more=twice).certificate, trust) == {"certificate.parsed": "malformed"}


@pytest.mark.parametrize(
    ("at", "signed_at", "proven", "reason"),
    [
        (END + timedelta(days=1), None, False, "expired"),
        (datetime(2023, 1, 1, tzinfo=UTC), None, False, "not-yet-valid"),
        (AT, datetime(2023, 12, 1, tzinfo=UTC), False, "signed-before-valid"),
        (END + timedelta(days=9), END + timedelta(days=1), True, "signed-after-expiry"),
        (END + timedelta(days=9), SIGNED, False, "expired-without-time-proof"),
        (END + timedelta(days=9), SIGNED, True, None),
        (AT, SIGNED, False, None),
    ],
)
def test_period(at: datetime, signed_at: datetime | None, proven: bool, reason: str | None) -> None:
    _, _, leaf, trust = world()
    found = decided(leaf.certificate, trust, at=at, signed_at=signed_at, proven=proven)
    assert found.get("certificate.period") == reason


@pytest.mark.parametrize(
    ("revoked_at", "why", "signed_at", "proven", "expected"),
    [
        # GM/T 0031 section 6.2.3: case 3, then case 4 with and without proof of the moment.
        (datetime(2026, 4, 1, tzinfo=UTC), "superseded", SIGNED, True, (Outcome.FAILED, "revoked")),
        (datetime(2026, 5, 20, tzinfo=UTC), "superseded", SIGNED, True, (Outcome.PASSED, None)),
        (
            datetime(2026, 5, 20, tzinfo=UTC),
            "superseded",
            SIGNED,
            False,
            (Outcome.INDETERMINATE, "revoked-without-time-proof"),
        ),
        (datetime(2026, 5, 20, tzinfo=UTC), "key_compromise", SIGNED, True, (Outcome.FAILED, "revoked")),
        (datetime(2026, 5, 20, tzinfo=UTC), "superseded", None, False, (Outcome.FAILED, "revoked")),
        (SIGNED, "superseded", SIGNED, True, (Outcome.FAILED, "revoked")),
    ],
)
def test_revocation_before_and_after_the_signature(
    revoked_at: datetime, why: str, signed_at: datetime | None, proven: bool, expected: tuple[Outcome, str | None]
) -> None:
    top, issuing, leaf, _ = world()
    lists = (revocation_list(top), revocation_list(issuing, (leaf, revoked_at, why)))
    trust = TrustStore(signers=(top.certificate,), intermediates=(issuing.certificate,), crls=lists)
    found = judge(leaf.certificate, trust, signed_at=signed_at, proven=proven)
    assert found["certificate.revocation"] == expected


def test_a_revoked_authority_takes_its_certificates_along() -> None:
    top, issuing, leaf, _ = world()
    lists = (
        revocation_list(top, (issuing, datetime(2026, 2, 1, tzinfo=UTC), "ca_compromise")),
        revocation_list(issuing),
    )
    trust = TrustStore(signers=(top.certificate,), intermediates=(issuing.certificate,), crls=lists)
    assert decided(leaf.certificate, trust) == {"certificate.revocation": "revoked"}


def test_revocation_data_that_decides_nothing_is_never_a_pass() -> None:
    top, issuing, leaf, _ = world()
    fresh = revocation_list(top)
    cases = {
        "none": ((fresh,), "revocation-unknown"),
        "stale": (
            (fresh, revocation_list(issuing, following=datetime(2026, 5, 31, tzinfo=UTC))),
            "revocation-unusable",
        ),
        "later": ((fresh, revocation_list(issuing, this=datetime(2026, 6, 2, tzinfo=UTC))), "revocation-unusable"),
        "forged": (
            (fresh, revocation_list(issuing, signer=make_key("sm2", "thief"))),
            "revocation-unusable",
        ),
    }
    for case, (lists, reason) in cases.items():
        trust = TrustStore(signers=(top.certificate,), intermediates=(issuing.certificate,), crls=lists)
        found = judge(leaf.certificate, trust)
        assert found["certificate.revocation"] == (Outcome.INDETERMINATE, reason), case


def test_the_oldest_list_is_a_matter_of_policy() -> None:
    top, issuing, leaf, trust = world()
    for hours, reason in ((24, "revocation-unknown"), (24 * 30, None)):
        strict = TrustStore(
            signers=(top.certificate,),
            intermediates=(issuing.certificate,),
            crls=trust.crls,
            policy=Policy(crl_max_age_hours=hours),
        )
        assert decided(leaf.certificate, strict).get("certificate.revocation") == reason


def test_revocation_if_available_passes_only_where_there_is_none() -> None:
    top, issuing, leaf, _ = world()
    policy = Policy(revocation="if-available")
    trust = TrustStore(signers=(top.certificate,), intermediates=(issuing.certificate,), policy=policy)
    assert decided(leaf.certificate, trust) == {}
    stale = revocation_list(issuing, following=datetime(2026, 5, 31, tzinfo=UTC))
    trust = TrustStore(signers=(top.certificate,), intermediates=(issuing.certificate,), policy=policy, crls=(stale,))
    assert decided(leaf.certificate, trust) == {"certificate.revocation": "revocation-unusable"}


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**15))
def test_one_changed_bit_never_turns_into_a_pass(number: int) -> None:
    _, leaf, trust = one_world()
    place = number % (len(leaf.certificate) * 8)
    changed = bytearray(leaf.certificate)
    changed[place // 8] ^= 1 << place % 8
    checks = check_chain(bytes(changed), trust=trust, at=AT, purpose=Purpose.document_signing)
    assert worst(checks) is not Outcome.PASSED


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=400))
def test_any_bytes_have_a_verdict(junk: bytes) -> None:
    checks = check_chain(
        junk, intermediates=[junk], trust=TrustStore(), at=AT, purpose=Purpose.any, crls=[junk], ocsp=[junk]
    )
    assert worst(checks) is Outcome.FAILED


def test_a_name_that_no_library_prepares_is_compared_by_its_bytes() -> None:
    """A private-use character in the issuer: RFC 4518 prohibits it, real certificates have it."""
    top = issue(name("根\ue000证书"), authority=True, usage=CERTIFYING)
    leaf = issue("Insurer", top)
    trust = TrustStore(signers=(top.certificate,), crls=(revocation_list(top),))
    assert decided(leaf.certificate, trust) == {}
    assert signer_identity(leaf.certificate).issuer == "CN=根\ue000证书"


LIMITS = [*(datetime(2026, *day, tzinfo=UTC) for day in ((5, 30), (5, 31), (6, 8), (6, 9), (6, 10))), START, END]
OFFSETS = st.integers(-3 * 86400, 3 * 86400) | st.sampled_from([-3600, -60, -1, 0, 1, 60, 3600])
MOMENTS = st.builds(lambda limit, offset: limit + timedelta(seconds=offset), st.sampled_from(LIMITS), OFFSETS)


@settings(max_examples=300, deadline=None)
@given(MOMENTS, st.none() | MOMENTS, st.booleans(), st.sampled_from([0, 60]), st.sampled_from([0, 24]), st.booleans())
def test_a_kept_answer_is_the_one_that_would_be_given(
    at: datetime, signed_at: datetime | None, proven: bool, skew: int, hours: int, heard: bool
) -> None:
    """Answers are kept between the ends of the periods that they depend on; each equals a fresh one."""
    _, leaf, given_trust = one_world()
    policy = Policy(clock_skew_seconds=skew, crl_max_age_hours=hours)
    trust = replace(given_trust, policy=policy, ocsps=responses() if heard else ())
    arguments: dict[str, Any] = {
        "trust": trust,
        "at": at,
        "signed_at": signed_at,
        "proven": proven and signed_at is not None,
        "purpose": Purpose.document_signing,
        "field": "signer",
    }
    kept = check_chain(leaf.certificate, **arguments)
    with forgetting():
        assert check_chain(leaf.certificate, **arguments) == kept


@cache
def responses() -> tuple[bytes, ...]:
    """Of the authority itself, and of a responder of whom nobody need ask."""
    issuing, leaf, _ = one_world()
    free = issue("Responder", issuing, extended=["ocsp_signing"], more=[NO_CHECK], end=datetime(2026, 6, 9, tzinfo=UTC))
    short, long = datetime(2026, 5, 31, tzinfo=UTC), datetime(2026, 6, 8, tzinfo=UTC)
    return (
        ocsp_response(issuing, leaf, following=short),
        ocsp_response(issuing, leaf, responder=free, following=long, digest="sm3"),
    )


def test_what_was_revoked_is_asked_for_each_time() -> None:
    """An entry has a moment of its own: no answer that rests on one is kept."""
    top, issuing, leaf, _ = world()
    day = datetime(2026, 5, 1, tzinfo=UTC)
    lists = (revocation_list(top), revocation_list(issuing, (leaf, day, "superseded")))
    told = TrustStore(signers=(top.certificate,), intermediates=(issuing.certificate,), crls=lists)
    for days, outcome in ((-1, Outcome.PASSED), (0, Outcome.FAILED), (1, Outcome.FAILED), (-1, Outcome.PASSED)):
        checks = check_chain(
            leaf.certificate,
            trust=told,
            at=AT,
            purpose=Purpose.document_signing,
            signed_at=day + timedelta(days=days),
            proven=True,
        )
        assert worst(checks) is outcome


def test_a_store_is_its_contents() -> None:
    top, issuing, _, trust = world()
    other = root("Another")
    one = replace(trust, signers=(top.certificate, other.certificate), intermediates=(issuing.certificate,))
    two = replace(one, signers=one.signers[::-1] + one.signers, crls=trust.crls[::-1])
    assert (one.digest, one.signers, one.crls) == (two.digest, two.signers, two.crls)
