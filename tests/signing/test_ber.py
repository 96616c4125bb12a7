"""BER of producers that stream: read for SignedData alone, flagged, within bounds, and the same value as its DER."""

import time
from collections.abc import Callable
from dataclasses import replace

import pytest
import sealing as s
from hypothesis import given, settings
from hypothesis import strategies as st
from pdf_maker import Pdf

from schemas.verification import Outcome, Report
from signing import Unreadable, verify_document
from signing.containers.ber import end_of, to_der
from signing.containers.cms import SIGNED_DATA
from signing.containers.der import NotAsExpected
from signing.sm2 import sm3
from signing.trust import Policy, TrustStore
from untrusted import Node, Refused, read_der

CONTENT = b"the content"
TRUST = TrustStore(
    signers=(s.ROOT.certificate, s.RSA_ROOT.certificate),
    seal_makers=(s.MAKER_ROOT.certificate,),
    tsa=(s.TSA_ROOT.certificate,),
    crls=s.LISTS,
)


def streamed(der: bytes, levels: int = 40, segment: int | None = None) -> bytes:
    """The value with indefinite lengths, down to so many levels; octet strings in segments if so wished."""
    return _streamed(read_der(der, limits=SIGNED_DATA), levels, segment)


def _streamed(node: Node, levels: int, segment: int | None) -> bytes:
    if segment is not None and node.tag == 0x04:
        pieces = [node.content[at : at + segment] for at in range(0, len(node.content), segment)]
        return b"\x24\x80" + b"".join(s.octets(piece) for piece in pieces) + b"\x00\x00"
    if not node.tag & 0x20 or levels == 0:
        return bytes(node.raw)
    inside = b"".join(_streamed(child, levels - 1, segment) for child in node.children)
    return bytes((node.tag, 0x80)) + inside + b"\x00\x00"


def judge(value: bytes, content: bytes = CONTENT, trust: TrustStore = TRUST) -> Report:
    return verify_document(content, trust=trust, at=s.AT, detached=value)


def in_pdf(make: Callable[[bytes], bytes], trust: TrustStore = TRUST, **more: bytes) -> Report:
    pdf = Pdf()
    pdf.sign(make, padding=more.get("padding", b"0"))
    return verify_document(pdf.data, trust=trust, at=s.AT)


HONEST = s.PlainSignature(token=lambda value: s.time_stamp(sm3(value)))

PLAIN = replace(HONEST, attributes=False, embedded=lambda content: content)


@pytest.mark.parametrize("levels", [1, 2, 5, 40])
@pytest.mark.parametrize("segment", [None, 7, 1000])
def test_signed_data_that_was_streamed_is_the_same_value(levels: int, segment: int | None) -> None:
    for honest in (HONEST, PLAIN, replace(HONEST, signer=s.RSA_SIGNER)):
        der = honest.build(CONTENT)
        value = streamed(der, levels, segment)
        assert value != der
        assert to_der(value) == der
        assert end_of(value + bytes(9)) == len(value)
        report = judge(value)
        assert report.failing() == judge(der).failing() == ()
        assert report.seals[0].flags == ("ber-transcoded",)
        assert "signature.data-hash" in judge(value, b"another content").failing()


def test_a_pdf_with_streamed_signed_data_passes_and_says_so() -> None:
    """PDF wants DER (ISO 32000-2 section 12.8.3.3); widespread producers write what their library streams."""
    report = in_pdf(lambda content: streamed(HONEST.build(content)))
    assert report.failing() == ()
    (seal,) = report.seals
    assert (seal.flags, seal.time_proof, seal.coverage) == (("ber-transcoded",), "timestamp", "whole")
    repaired = next(check for check in seal.checks if check.rule == "signature.encoding")
    assert repaired.facts == {"repaired": ["ber-transcoded"]}
    strict = replace(TRUST, policy=Policy(interop_repair=False))
    report = in_pdf(lambda content: streamed(HONEST.build(content)), strict)
    assert (report.outcome, report.failing()) == (Outcome.FAILED, ("signature.encoding",))
    assert in_pdf(HONEST.build, strict).failing() == ()


def test_after_the_value_in_a_pdf_there_are_zeros_alone() -> None:
    def build(content: bytes) -> bytes:
        return streamed(HONEST.build(content))

    for padding in (b"1", b"01"):
        assert in_pdf(build, padding=padding).failing() == ("signature.byte-range",)


def test_a_seal_is_never_streamed() -> None:
    def build(content: bytes) -> bytes:
        return streamed(s.SealSignature().build(content, ""), 1)

    assert "signature.format" in in_pdf(build).failing()
    with pytest.raises(Unreadable):
        judge(build(CONTENT))
    stamp = Pdf()
    stamp.sign(HONEST.build)
    stamp.sign(lambda content: streamed(s.time_stamp(sm3(content)), 1), sub_filter="ETSI.RFC3161", kind="DocTimeStamp")
    report = verify_document(stamp.data, trust=TRUST, at=s.AT)
    assert report.failing() == ("timestamp.imprint",)


@pytest.mark.parametrize(
    "value",
    [
        b"\x30\x80" + b"\x05\x00" * (4 << 20) + b"\x00\x00",
        b"\x30\x80" * 5000 + b"\x00\x00" * 5000,
        b"\x30\x80" * (8 << 20),
        b"\x30\x80\x24\x80" + b"\x04\x01x" * (4 << 20) + b"\x00\x00" * 2,
        b"\x30\x80" + b"\x04\x84\x01\x00\x00\x00" + b"x" * (1 << 24),
    ],
)
def test_what_never_ends_is_refused_in_time(value: bytes) -> None:
    began = time.monotonic()
    with pytest.raises(NotAsExpected):
        to_der(value)
    with pytest.raises(Unreadable):
        judge(value)
    assert time.monotonic() - began < 5


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=60))
def test_any_bytes_are_read_or_refused(junk: bytes) -> None:
    for value in (b"\x30\x80" + junk, b"\x30\x80" + junk + b"\x00\x00"):
        try:
            assert end_of(value) <= len(value)
            read_der(to_der(value), limits=SIGNED_DATA)
        except (NotAsExpected, Refused):
            continue


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_one_changed_byte_is_never_a_pass_over_another_content(data: st.DataObject) -> None:
    changed = bytearray(STREAMED)
    changed[data.draw(st.integers(2, len(changed) - 1))] ^= data.draw(st.integers(1, 255))
    try:
        assert judge(bytes(changed), b"another content").outcome is not Outcome.PASSED
    except Unreadable:
        return


STREAMED = streamed(HONEST.build(CONTENT))
