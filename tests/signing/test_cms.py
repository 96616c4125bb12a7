"""Reading of SignedData: both forms, one signer, and lengths that only BER has."""

import pytest
import sealing as s
from hypothesis import given
from hypothesis import strategies as st

from signing.containers.ber import looks_indefinite, to_der
from signing.containers.cms import read_signed_data
from signing.containers.der import NotAsExpected
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
