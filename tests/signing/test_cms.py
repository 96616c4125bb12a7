"""Reading of SignedData: both forms, one signer, and lengths that only BER has."""

import shutil
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sealing as s
from asn1crypto import pem
from authority import AT, Holder, issue, make_key, revocation_list, root
from hypothesis import given
from hypothesis import strategies as st
from pdf_maker import make_cms

from schemas.verification import Outcome
from signing import TrustStore, verify_document
from signing.containers.ber import looks_indefinite, to_der
from signing.containers.cms import read_signed_data
from signing.containers.der import NotAsExpected
from signing.trust import Policy
from untrusted import Node, Refused, read_der

CONTENT = b"the signed content"


def as_ber(node: Node) -> bytes:
    """The same value with an indefinite length wherever BER allows one, and octet strings in two pieces."""
    if node.children:
        return bytes((node.tag, 0x80)) + b"".join(as_ber(child) for child in node.children) + b"\0\0"
    if node.tag == 0x04 and len(node.content) > 1:
        half = len(node.content) // 2
        return b"\x24\x80" + s.octets(node.content[:half]) + s.octets(node.content[half:]) + b"\0\0"
    return node.raw


def test_with_attributes() -> None:
    seal = read_signed_data(s.PlainSignature().build(CONTENT))
    assert seal.has_attributes
    assert (seal.format, seal.digest_algorithm, seal.defects) == ("GB/T 35275-2017", "sm3", ())
    assert seal.certificate == s.SIGNER.certificate
    assert seal.signed is not None
    assert seal.signed[0] == 0x31


def test_without_attributes() -> None:
    seal = read_signed_data(s.PlainSignature(attributes=False).build(CONTENT))
    assert not seal.has_attributes
    assert seal.signed == seal.embedded
    assert seal.signed_at is None


@pytest.mark.parametrize("plan", [s.PlainSignature(), s.PlainSignature(attributes=False)])
def test_indefinite_lengths_mean_the_same(plan: s.PlainSignature) -> None:
    der = plan.build(CONTENT)
    ber = as_ber(read_der(der))
    assert looks_indefinite(ber)
    assert not looks_indefinite(der)
    assert to_der(ber) == der
    assert read_signed_data(ber).flags == ("ber-transcoded",)
    assert read_signed_data(ber).signed == read_signed_data(der).signed


@given(st.binary(max_size=200))
def test_transcoding_ends_in_der_or_says_no(data: bytes) -> None:
    try:
        der = to_der(b"\x30\x80" + data)
    except NotAsExpected:
        return
    assert der[0] == 0x30
    assert to_der(der) == der


@pytest.mark.parametrize(("repeat", "signers"), [(0, 0), (2, 2)])
def test_the_number_of_signers(repeat: int, signers: int) -> None:
    seal = read_signed_data(s.PlainSignature(repeat=repeat).build(CONTENT))
    assert [(defect.rule, defect.reason) for defect in seal.defects] == [("signature.format", "not-one-signer")]
    assert dict(seal.defects[0].facts) == {"signers": signers}


def test_the_certificate_must_be_there_once() -> None:
    value = s.PlainSignature().build(CONTENT)
    other = value.replace(s.SIGNER.certificate, s.SIGNER.certificate[:-1] + b"\x00")
    assert read_signed_data(other).certificate == s.SIGNER.certificate[:-1] + b"\x00"
    stranger = s.PlainSignature(signer=s.OTHER).build(CONTENT).replace(s.integer(s.OTHER.serial), s.integer(0x1009))
    found = read_signed_data(stranger.replace(s.integer(0x1009), s.integer(s.OTHER.serial), 1))
    assert found.certificate is None
    assert "signer-certificate-absent" in {defect.reason for defect in found.defects}


@pytest.mark.parametrize("data", [b"", b"\x30\x80", b"\x30\x80\x00\x00", b"\x24\x80\x02\x01\x00\x00\x00", b"\x30" * 40])
def test_what_is_no_signed_data(data: bytes) -> None:
    with pytest.raises(NotAsExpected):
        read_signed_data(data)


def test_nesting_is_bounded() -> None:
    with pytest.raises(NotAsExpected):
        to_der(b"\x30\x80" * 42 + b"\0\0" * 42)
    with pytest.raises(Refused):
        read_der(b"\x30\x80\x00\x00")


@pytest.mark.parametrize(
    ("before", "after", "reason"),
    [
        (s.integer(1) + s.tlv(0x31, s.seq(s.oid(s.SM3))), s.integer(9) + s.tlv(0x31, s.seq(s.oid(s.SM3))), "version"),
        (s.tlv(0x31, s.seq(s.oid(s.SM3))), s.tlv(0x31, s.seq(s.oid("1.2.156.10197.1.402"))), "digest"),
    ],
)
def test_what_nothing_signs_is_still_as_the_standard_says(before: bytes, after: bytes, reason: str) -> None:
    value = s.PlainSignature().build(CONTENT)
    assert value.count(before) == 1
    found = read_signed_data(value.replace(before, after))
    reasons = {"version": "version-unknown", "digest": "digest-not-listed"}
    assert [(one.rule, one.reason) for one in found.defects] == [("signature.format", reasons[reason])]


def test_digests_have_no_parameters() -> None:
    value = s.PlainSignature().build(CONTENT)
    plain, null = s.seq(s.oid(s.SM3)), s.seq(s.oid(s.SM3), b"\x05\x00")
    assert s.oid(s.SM3) in value
    root = read_der(value)
    digests = root[1][0][1].raw
    assert digests == s.tlv(0x31, plain)
    for changed, sound in ((null, True), (s.seq(s.oid(s.SM3), s.octets(b"")), False)):
        outer = s.seq(root[0].raw, s.tlv(0xA0, s.seq(*_replaced(root[1][0], 1, s.tlv(0x31, changed)))))
        if sound:
            assert read_signed_data(outer).defects == ()
        else:
            with pytest.raises(NotAsExpected):
                read_signed_data(outer)


def _replaced(node: Node, place: int, raw: bytes) -> list[bytes]:
    return [raw if number == place else child.raw for number, child in enumerate(node.children)]


OPENSSL = {
    "rsa-sha256": ("rsa:2048", ("-md", "sha256")),
    "rsa-sha384": ("rsa:2048", ("-md", "sha384")),
    "rsa-sha512": ("rsa:2048", ("-md", "sha512")),
    "rsa-pss": ("rsa:2048", ("-md", "sha256", "-keyopt", "rsa_padding_mode:pss", "-keyopt", "rsa_pss_saltlen:32")),
    "ec-p256": ("ec:p256", ("-md", "sha256")),
    "ec-p384": ("ec:p384", ("-md", "sha384")),
}


@pytest.mark.skipif(shutil.which("openssl") is None, reason="MISSING: no openssl on this machine to sign with")
@pytest.mark.parametrize("kind", OPENSSL)
def test_signed_data_of_openssl_pass(tmp_path: Path, kind: str) -> None:
    """RFC 5652 in a file of its own, by a maker that is not ours; over these bytes and no others."""

    def run(*arguments: str) -> None:
        subprocess.run(["openssl", *arguments], cwd=tmp_path, check=True, capture_output=True)

    key, more = OPENSSL[kind]
    if key.startswith("ec:"):
        run("genpkey", "-algorithm", "EC", "-pkeyopt", f"ec_paramgen_curve:P-{key[4:]}", "-out", "key")
    else:
        run("genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048", "-out", "key")
    usage = ("-addext", "keyUsage=critical,digitalSignature", "-addext", "basicConstraints=critical,CA:FALSE")
    run("req", "-x509", "-key", "key", "-out", "certificate", "-days", "30", "-subj", "/CN=Insurer", *usage)
    (tmp_path / "content").write_bytes(CONTENT)
    signer = ("-signer", "certificate", "-inkey", "key", "-binary", "-outform", "DER")
    run("cms", "-sign", "-in", "content", *signer, *more, "-out", "value")
    streaming = () if kind == "rsa-pss" else ("-stream", "-indef")  # it signs before it knows the digest
    run("cms", "-sign", "-in", "content", *signer, *more, "-nodetach", *streaming, "-out", "enveloping")
    certificate = pem.unarmor((tmp_path / "certificate").read_bytes())[2]
    trust = TrustStore(signers=(certificate,), policy=Policy(revocation="if-available"))
    at = datetime.now(UTC) + timedelta(seconds=2)
    value = (tmp_path / "value").read_bytes()
    report = verify_document(CONTENT, trust=trust, at=at, detached=value)
    assert report.failing() == ()
    assert report.seals[0].integrity == "passed"
    assert verify_document(b"other", trust=trust, at=at, detached=value).failing() == ("signature.data-hash",)
    inside = verify_document((tmp_path / "enveloping").read_bytes(), trust=trust, at=at)
    assert inside.failing() == ()
    assert inside.seals[0].flags == (("ber-transcoded",) if streaming else ())


@pytest.mark.parametrize("kind", ["ed25519", "rsa", "p256", "sm2"])
@pytest.mark.parametrize("attributes", [True, False])
def test_signed_data_of_each_algorithm_in_a_file_of_its_own(kind: str, attributes: bool) -> None:
    top = root(kind=kind)
    insurer = issue("Insurer", top, kind=kind)
    thief = Holder(insurer.certificate, make_key(kind, "thief"), insurer.subject)
    trust = TrustStore(signers=(top.certificate,), crls=(revocation_list(top),))
    digest = "sha512" if kind == "ed25519" else None
    content = CONTENT + kind.encode()

    def judged(signer: Holder, over: bytes = content) -> tuple[str, ...]:
        value = make_cms(content, signer, digest=digest, attributes=attributes)
        return verify_document(over, trust=trust, at=AT, detached=value).failing()

    assert judged(insurer) == ()
    assert judged(thief) == ("signature.value",)
    assert judged(insurer, b"other") == (("signature.data-hash",) if attributes else ("signature.value",))
    alone = make_cms(content, insurer, digest=digest, attributes=attributes)
    assert verify_document(alone, trust=trust, at=AT).outcome is not Outcome.PASSED
