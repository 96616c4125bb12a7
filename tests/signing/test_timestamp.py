"""Time-stamp tokens by themselves: RFC 3161 and GB/T 20520, SM2, RSA and ECDSA; and what proves nothing."""

import hashlib
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import sealing as s
from asn1crypto import cms as asn1_cms
from asn1crypto import pem, tsp
from authority import AT, Holder, issue, make_key, revocation_list, root
from hypothesis import given, settings
from hypothesis import strategies as st
from pdf_maker import make_cms, make_token

from schemas.rules import load_rules
from schemas.verification import Outcome, Report
from signing import TrustStore, verify_document, verify_timestamp
from signing.sm2 import sm3
from signing.trust import Policy

OCTETS = b"the value of a signature"
MOMENT = AT - timedelta(days=30)
EARLIER = AT - timedelta(days=120)
DIGESTS: dict[str, Callable[[bytes], bytes]] = {
    "sm3": sm3,
    "sha256": lambda octets: hashlib.sha256(octets).digest(),
    "sha384": lambda octets: hashlib.sha384(octets).digest(),
    "sha512": lambda octets: hashlib.sha512(octets).digest(),
}
RULES = {rule.id: rule for rule in load_rules(sorted((Path(__file__).parents[2] / "signing").glob("rules*.toml")))}


@cache
def authority(kind: str) -> tuple[TrustStore, Holder]:
    top = root(f"Root of Time {kind}", kind=kind)
    stamps = issue(f"Stamps {kind}", top, kind=kind, extended=["time_stamping"], extended_critical=True)
    return TrustStore(tsa=(top.certificate,), crls=(revocation_list(top),)), stamps


def judge(token: bytes, trust: TrustStore, digest: str = "sha256", octets: bytes = OCTETS, at: datetime = AT) -> Report:
    report = verify_timestamp(token, imprint=DIGESTS[digest](octets), trust=trust, at=at)
    for check in report.all_checks():
        assert check.rule in RULES, check.rule
        assert check.reason is None or check.reason in RULES[check.rule].reasons, (check.rule, check.reason)
    return report


def response(token: bytes, status: int = 0) -> bytes:
    return s.seq(s.seq(s.integer(status)), token)


@pytest.mark.parametrize("kind", ["sm2", "rsa", "p256"])
@pytest.mark.parametrize("digest", ["sha256", "sha512"])
def test_a_token_of_each_kind_passes(kind: str, digest: str) -> None:
    trust, stamps = authority(kind)
    token = token_of(stamps, DIGESTS[digest](OCTETS), digest)
    report = judge(token, trust, digest)
    assert report.outcome is Outcome.PASSED
    assert report.failing() == ()
    assert report.digest == "sha256:" + hashlib.sha256(token).hexdigest()
    assert report.basis == {"trust": trust.digest}
    facts = {check.rule: check.facts for check in report.checks}
    assert facts["timestamp.authority"]["moment"] == "2026-05-02T00:00:00Z"
    assert facts["timestamp.imprint"]["algorithm"] == digest
    assert judge(response(token), trust, digest).outcome is Outcome.PASSED
    assert judge(response(token, 1), trust, digest).outcome is Outcome.PASSED


def token_of(stamps: Holder, imprint: bytes, digest: str) -> bytes:
    """As `make_token`; the imprint may be of any digest, whatever the authority signs with."""
    statement = tsp.TSTInfo(
        {
            "version": "v1",
            "policy": "1.2.3.4.1",
            "message_imprint": {"hash_algorithm": {"algorithm": digest}, "hashed_message": imprint},
            "serial_number": 42,
            "gen_time": MOMENT,
        }
    ).dump()
    return make_cms(statement, stamps, inside=statement, kind="tst_info", signed_at=MOMENT)


WORLD = TrustStore(tsa=(s.TSA_ROOT.certificate,), crls=s.LISTS)


def test_a_token_of_gb_t_20520_passes() -> None:
    """SM2 and SM3 throughout, by a writer of our own, and with the identifiers of GB/T 35275 around it."""
    token = s.time_stamp(sm3(OCTETS))
    assert judge(token, WORLD, "sm3").outcome is Outcome.PASSED
    other_arc = token.replace(s.oid("1.2.840.113549.1.7.2"), b"", 1)
    arc = s.seq(s.oid("1.2.156.10197.6.1.4.2.2"), other_arc[4:])
    assert judge(arc, WORLD, "sm3").outcome is Outcome.PASSED


@pytest.mark.parametrize(
    ("token", "rule", "reason"),
    [
        (s.time_stamp(sm3(b"other")), "timestamp.imprint", "imprint-mismatch"),
        (s.time_stamp(sm3(OCTETS)) + b"abc", "timestamp.imprint", "token-malformed"),
        (s.time_stamp(sm3(OCTETS)[:31]), "timestamp.imprint", "imprint-mismatch"),
        (s.time_stamp(sm3(OCTETS) + b"\0"), "timestamp.imprint", "imprint-mismatch"),
        (response(s.time_stamp(sm3(OCTETS)), 2), "timestamp.imprint", "token-malformed"),
        (s.seq(s.seq(s.integer(0))), "timestamp.imprint", "token-malformed"),
        (s.time_stamp(sm3(OCTETS), moment="20260301020305"), "timestamp.imprint", "token-malformed"),
        (s.time_stamp(sm3(OCTETS), moment="20260301020305+0800"), "timestamp.imprint", "token-malformed"),
        (s.time_stamp(sm3(OCTETS), moment="260301020305Z"), "timestamp.imprint", "token-malformed"),
        (b"", "timestamp.imprint", "token-malformed"),
        (s.PlainSignature().build(OCTETS), "timestamp.imprint", "token-malformed"),
        (s.time_stamp(sm3(OCTETS)).replace(b"20260301020305Z", b"20260302020305Z"), "timestamp.signature", None),
    ],
)
def test_what_is_no_token_over_this_fails(token: bytes, rule: str, reason: str | None) -> None:
    report = judge(token, WORLD, "sm3")
    assert report.outcome is Outcome.FAILED
    found = {check.rule: check.reason for check in report.checks if check.outcome is Outcome.FAILED}
    assert rule in found
    assert reason in (None, found[rule])


def test_a_digest_that_is_not_trusted_is_none() -> None:
    trust, stamps = authority("p256")
    imprint = hashlib.sha1(OCTETS).digest()
    report = verify_timestamp(token_of(stamps, imprint, "sha1"), imprint=imprint, trust=trust, at=AT)
    assert (report.outcome, report.failing()) == (Outcome.FAILED, ("timestamp.imprint",))


def test_an_imprint_of_another_digest_is_not_this_one() -> None:
    """SM3 and SHA-256 are equally long: the token says which it is."""
    report = judge(s.time_stamp(hashlib.sha256(OCTETS).digest()), WORLD, "sm3")
    assert report.failing() == ("timestamp.imprint",)


def test_an_authority_that_nobody_knows_proves_nothing() -> None:
    token = s.time_stamp(sm3(OCTETS))
    for trust in (TrustStore(), TrustStore(signers=(s.TSA_ROOT.certificate,), crls=s.LISTS), authority("p256")[0]):
        report = judge(token, trust, "sm3")
        assert report.outcome is Outcome.INDETERMINATE
        assert set(report.failing()) == {"timestamp.authority", "certificate.chain", "certificate.revocation"}


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"purposes": ()}, "not-for-timestamps"),
        ({"purposes": ("1.3.6.1.5.5.7.3.8", "1.3.6.1.5.5.7.3.4")}, "not-for-timestamps"),
        ({"usage": s.AUTHORITY}, "authority-certificate"),
        ({"usage": s.ENCRYPTION}, "encryption-certificate"),
    ],
)
def test_a_certificate_for_something_else_stamps_nothing(changes: dict[str, Any], reason: str) -> None:
    report = judge(s.time_stamp(sm3(OCTETS), replace(s.TSA, serial=0x3002, **changes)), WORLD, "sm3")
    assert report.outcome is Outcome.FAILED
    assert set(report.failing()) == {"timestamp.authority", "certificate.key-usage"}
    assert reason in {check.reason for check in report.checks}


def test_the_certificate_was_valid_at_the_moment_and_is_now() -> None:
    late = replace(s.TSA, serial=0x3003, start="260401000000Z")
    assert judge(s.time_stamp(sm3(OCTETS), late), WORLD, "sm3").outcome is Outcome.FAILED
    gone = replace(s.TSA, serial=0x3004, end="260501000000Z")
    report = judge(s.time_stamp(sm3(OCTETS), gone), WORLD, "sm3")
    assert report.outcome is Outcome.INDETERMINATE, "nothing proves that the token is older than its expiry"
    assert "expired-without-time-proof" in {check.reason for check in report.checks}


def test_a_moment_in_the_future_fails() -> None:
    report = judge(s.time_stamp(sm3(OCTETS), moment="20260701000000Z"), WORLD, "sm3")
    assert report.outcome is Outcome.FAILED
    assert "timestamp.authority" in report.failing()


def test_a_revoked_authority_proves_nothing() -> None:
    top = root("Root of Time revoked", kind="p256")
    stamps = issue("Stamps revoked", top, kind="p256", extended=["time_stamping"], extended_critical=True)
    lists = (revocation_list(top, (stamps, EARLIER, "superseded")),)
    report = judge(make_token(OCTETS, stamps, MOMENT), TrustStore(tsa=(top.certificate,), crls=lists))
    assert report.outcome is Outcome.FAILED
    assert "certificate.revocation" in report.failing()


def test_another_key_under_the_same_certificate_fails() -> None:
    trust, stamps = authority("p256")
    thief = Holder(stamps.certificate, make_key("p256", "thief"), stamps.subject)
    report = judge(make_token(OCTETS, thief, MOMENT), trust)
    assert report.failing() == ("timestamp.signature",)


def test_two_signers_and_no_attributes_are_no_token() -> None:
    trust, stamps = authority("p256")
    statement = asn1_cms.ContentInfo.load(make_token(OCTETS, stamps, MOMENT))["content"]["encap_content_info"]
    inside = bytes(statement["content"].contents)
    for changes in ({"signers": 2}, {"signers": 0}, {"attributes": False}, {"ess": False}):
        token = make_cms(inside, stamps, inside=inside, kind="tst_info", **changes)  # type: ignore[arg-type]
        assert judge(token, trust).outcome is Outcome.FAILED, changes


def statement(*rest: bytes) -> bytes:
    imprint = s.seq(s.seq(s.oid(s.SM3)), s.octets(sm3(OCTETS)))
    return s.seq(s.integer(1), s.oid("1.2.3.4"), imprint, s.integer(7), s.general_time("20260301020305Z"), *rest)


def extensions(*critical: bytes) -> bytes:
    return s.tlv(0xA1, s.seq(s.oid("1.2.3.4"), *critical, s.octets(b"x")))


@pytest.mark.parametrize(
    ("rest", "sound"),
    [
        ((s.seq(s.integer(1)), b"\x01\x01\xff", s.integer(9), s.tlv(0xA0, s.tlv(0xA4, s.name_of("x")))), True),
        ((extensions(),), True),
        ((extensions(b"\x01\x01\x00"),), True),
        ((extensions(b"\x01\x01\xff"),), False),
        ((s.integer(9), s.integer(9)), False),
        ((s.integer(9), b"\x01\x01\xff"), False),
        ((s.octets(b"x"),), False),
    ],
)
def test_what_follows_the_moment(rest: tuple[bytes, ...], sound: bool) -> None:
    token = s.time_stamp(sm3(OCTETS), statement=statement(*rest))
    assert (judge(token, WORLD, "sm3").outcome is Outcome.PASSED) == sound


TOKEN = s.time_stamp(sm3(OCTETS))


@settings(max_examples=300, deadline=None)
@given(st.integers(0, len(TOKEN) - 1), st.integers(1, 255))
def test_one_changed_byte_is_never_a_pass(place: int, change: int) -> None:
    changed = bytearray(TOKEN)
    changed[place] ^= change
    if judge(bytes(changed), WORLD, "sm3").outcome is Outcome.PASSED:
        assert not SIGNED[0] <= place < SIGNED[1], place
        assert place not in VALUE


# From the type of the statement to the end of the certificate. Before it stand version and digestAlgorithms, after it
# the version of the signer, which RFC 5652 puts under no signature.
SIGNED = TOKEN.index(s.oid("1.2.840.113549.1.9.16.1.4")), TOKEN.index(s.TSA.certificate) + len(s.TSA.certificate)
VALUE = range(len(TOKEN) - 64, len(TOKEN))


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes_have_a_verdict(junk: bytes) -> None:
    for token in (junk, b"\x30" + junk, response(junk)):
        assert judge(token, WORLD, "sm3").outcome is Outcome.FAILED


@pytest.mark.skipif(shutil.which("openssl") is None, reason="MISSING: no openssl on this machine to stamp with")
@pytest.mark.parametrize("digest", ["sha256", "sha512", "sm3"])
def test_responses_of_openssl_pass(tmp_path: Path, digest: str) -> None:
    """RSA tokens of a maker that is not ours, in their responses, with the nonce and the accuracy that it writes."""
    config = tmp_path / "openssl.cnf"
    config.write_text(OPENSSL.format(folder=tmp_path), encoding="utf-8")
    (tmp_path / "serial").write_text("01\n", encoding="ascii")
    (tmp_path / "content").write_bytes(OCTETS)

    def run(*arguments: str) -> None:
        subprocess.run(["openssl", *arguments], cwd=tmp_path, check=True, capture_output=True)

    new = ("-newkey", "rsa:2048", "-nodes", "-config", "openssl.cnf")
    run("req", "-x509", *new, "-keyout", "ca.key", "-out", "ca.pem", "-days", "30", "-extensions", "ca")
    run("req", *new, "-keyout", "tsa.key", "-out", "tsa.csr", "-subj", "/CN=Stamps of OpenSSL")
    by_root = ("-CA", "ca.pem", "-CAkey", "ca.key", "-set_serial", "77", "-days", "20")
    run("x509", "-req", "-in", "tsa.csr", *by_root, "-extfile", "openssl.cnf", "-extensions", "tsa", "-out", "tsa.pem")
    run("ts", "-query", "-data", "content", f"-{digest}", "-cert", "-out", "query")
    signer = ("-signer", "tsa.pem", "-inkey", "tsa.key", "-config", "openssl.cnf", "-section", "tsa_settings")
    run("ts", "-reply", "-queryfile", "query", *signer, "-out", "reply")
    anchor = pem.unarmor((tmp_path / "ca.pem").read_bytes())[2]
    trust = TrustStore(tsa=(anchor,), policy=Policy(revocation="if-available"))
    reply, at = (tmp_path / "reply").read_bytes(), datetime.now(UTC) + timedelta(seconds=2)
    assert judge(reply, trust, digest, at=at).failing() == ()
    assert judge(reply, trust, digest, b"other", at=at).failing() == ("timestamp.imprint",)


OPENSSL = """
[req]
distinguished_name = name
prompt = no
[name]
CN = Root of OpenSSL Time
[ca]
basicConstraints = critical, CA:TRUE
keyUsage = critical, keyCertSign, cRLSign
[tsa]
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature
extendedKeyUsage = critical, timeStamping
[tsa_settings]
serial = {folder}/serial
digests = sha256, sha512, sm3
default_policy = 1.2.3.4.1
signer_digest = sha256
accuracy = secs:1, millisecs:500
ordering = yes
tsa_name = yes
ess_cert_id_alg = sha256
"""


def test_a_time_stamp_under_a_signature_does_not_prove_when_it_was_made() -> None:
    """GM/T 0031-2014: the token is over the content, and whoever has it can sign that content years later."""
    plan = s.SealPlan(family="v1", version=1, signers=(s.SIGNER, s.REVOKED_AFTER))
    trust = replace(WORLD, signers=(s.ROOT.certificate,), seal_makers=(s.MAKER_ROOT.certificate,))

    def judged(signature: s.SealSignature, **more: Any) -> Report:
        value = signature.build(OCTETS, "x")
        return verify_document(OCTETS, trust=trust, at=AT, detached=value, **more)

    stamped = s.SealSignature(plan, token=s.time_stamp)
    report = judged(stamped)
    assert report.failing() == ()
    moment = datetime(2026, 3, 1, 2, 3, 5, tzinfo=UTC)
    assert (report.seals[0].time_proof, report.seals[0].signed_at) == ("claimed", moment)
    revoked = replace(stamped, signer=s.REVOKED_AFTER)
    report = judged(revoked)
    assert (report.outcome, report.failing()) == (Outcome.INDETERMINATE, ("certificate.revocation",))
    assert judged(revoked, existed_at=moment + timedelta(days=1)).failing() == ()
    assert judged(replace(stamped, token=lambda _: s.time_stamp(sm3(b"other")))).failing() == ("timestamp.imprint",)
