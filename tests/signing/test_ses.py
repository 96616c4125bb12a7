"""Reading of seals: the three families, the repairs of values, and what every spelling of a time means."""

from datetime import UTC, datetime, timedelta

import pytest
import sealing as s
from hypothesis import given, settings
from hypothesis import strategies as st

from signing import sm2
from signing.containers.der import NotAsExpected
from signing.containers.ses import permits, read_seal, read_seal_signature
from signing.moments import read_moment
from signing.pairs import der_to_raw, read_pair, write_pair
from signing.seal import Bits
from signing.values import NEGATIVE, RAW, TRIMMED, read_digest, read_sm2_value

NUMBERS = st.integers(1, sm2.N - 1)


@pytest.mark.parametrize(
    ("plan", "family", "format_name"),
    [
        (s.SealPlan(), "v4", "GB/T 38540-2020"),
        (s.SealPlan(family="v1", version=1), "v1", "GM/T 0031-2014"),
        (s.SealPlan(family="v1", version=11), "v1", "GM/T 0031-2014"),
        (s.SealPlan(version=5), "v5", "GM/T 0031-2025"),
    ],
)
def test_the_family_follows_from_the_structure(plan: s.SealPlan, family: str, format_name: str) -> None:
    seal = read_seal_signature(s.SealSignature(plan).build(b"x", "Doc_0/Signs/Sign_0/Signature.xml"))
    assert seal.seal is not None
    assert (seal.seal.family, seal.format, seal.defects) == (family, format_name, ())
    assert seal.seal.raw == plan.build()
    assert seal.property_info == "/Doc_0/Signs/Sign_0/Signature.xml"
    assert seal.signed_at is not None
    assert seal.signed_at.utc == datetime(2026, 3, 1, 2, 3, 4, tzinfo=UTC)


def test_the_octets_under_a_signature_are_those_of_the_file() -> None:
    """Version 4: the seal's information alone; version 1: information, certificate and algorithm in one sequence."""
    for plan in (s.SealPlan(), s.SealPlan(family="v1", version=1)):
        value = plan.build()
        seal = read_seal(value)
        assert sm2.verify(s.public_point(s.MAKER.key_name), seal.signed, seal.value.octets)
        assert (seal.signed in value) is (plan.family == "v4")  # that of version 1 is nowhere stored as such


def test_who_may_sign() -> None:
    by_certificate, by_digest = read_seal(s.SealPlan().build()), read_seal(s.SealPlan(list_type=2).build())
    for seal in (by_certificate, by_digest):
        assert permits(seal, s.SIGNER.certificate) is True
        assert permits(seal, s.OTHER.certificate) is False
    strange = s.SealPlan(list_type=2, entries=(s.seq(s.tlv(0x13, b"SHA1"), s.octets(bytes(20))),))
    assert permits(read_seal(strange.build()), s.SIGNER.certificate) is None


def test_extensions_with_text_for_an_identifier_are_kept() -> None:
    strange = s.seq(s.seq(s.tlv(6, b"tag\xff"), s.octets(b"x")))
    seal = read_seal(s.SealPlan(extensions=strange).build())
    assert [extension.critical for extension in seal.extensions] == [False]
    assert "extension-identifier-malformed" in seal.flags


@pytest.mark.parametrize("value", [b"", b"\x30\x00", s.seq(s.integer(1)), s.PlainSignature().build(b"x")])
def test_what_is_no_seal_is_refused(value: bytes) -> None:
    for read in (read_seal, read_seal_signature):
        with pytest.raises(NotAsExpected):
            read(value)


@given(NUMBERS, NUMBERS)
def test_a_value_as_the_standard_writes_it_needs_no_repair(r: int, t: int) -> None:
    der = write_pair(r, t)
    assert read_sm2_value(Bits(der, trimmable=True)) == (der, ())


@given(NUMBERS, NUMBERS)
def test_every_repair_gives_the_numbers_that_were_meant(r: int, t: int) -> None:
    der = write_pair(r, t)
    raw = der_to_raw(der)
    assert read_sm2_value(Bits(raw)) == (der, (RAW,))
    short = b"".join(s.tlv(2, number.to_bytes((number.bit_length() + 7) // 8, "big")) for number in (r, t))
    read, flags = read_sm2_value(Bits(s.tlv(0x30, short)))
    assert read_pair(read) == (r, t)
    assert flags == (() if s.tlv(0x30, short) == der else (NEGATIVE,))


@given(NUMBERS, NUMBERS, st.integers(1, 4))
def test_trimmed_zeros_are_put_back(r: int, t: int, lost: int) -> None:
    t = max(t >> 8 * lost << 8 * lost, 1 << 8 * lost)
    der = write_pair(r, t)
    for whole in (der, der_to_raw(der)):
        read, flags = read_sm2_value(Bits(whole[:-lost], trimmable=True))
        assert read == der
        assert TRIMMED in flags
        with pytest.raises(ValueError):
            read_sm2_value(Bits(whole[:-lost]))  # an OCTET STRING trims nothing


@given(st.binary(max_size=80), st.integers(0, 7), st.booleans())
def test_what_is_read_as_a_value_is_one_der_pair(content: bytes, unused: int, trimmable: bool) -> None:
    try:
        der, flags = read_sm2_value(Bits(content, unused, trimmable))
    except ValueError:
        return
    assert write_pair(*read_pair(der)) == der
    assert (der == content and not unused) == (not flags)


@given(st.binary(min_size=32, max_size=32), st.integers(0, 5))
def test_a_digest_loses_at_most_four_zeros(digest: bytes, lost: int) -> None:
    whole = digest[: 32 - lost] + bytes(lost)
    if lost <= 4:
        read, flags = read_digest(Bits(whole[: 32 - lost], trimmable=True))
        assert (read, flags) == (whole, (TRIMMED,) if lost else ())
    else:
        with pytest.raises(ValueError):
            read_digest(Bits(whole[: 32 - lost], trimmable=True))


@pytest.mark.parametrize(
    ("written", "utc_time", "expected", "flags"),
    [
        ("20220630130449Z", False, "2022-06-30T13:04:49+00:00", ()),
        ("20220505014017.041Z", False, "2022-05-05T01:40:17.041000+00:00", ()),
        ("20220629060641", False, "2022-06-28T22:06:41+00:00", ("time-no-zone",)),
        ("220725214639Z", False, "2022-07-25T21:46:39+00:00", ("time-two-digit-year",)),
        ("220725214639Z", True, "2022-07-25T21:46:39+00:00", ()),
        ("500101000000Z", True, "1950-01-01T00:00:00+00:00", ()),
        ("2020-01-25T07:31:56.377Z", False, "2020-01-25T07:31:56.377000+00:00", ()),
        ("2026-05-13 23:25:43", False, "2026-05-13T15:25:43+00:00", ("time-no-zone",)),
        ("20260513232543+0800", False, "2026-05-13T15:25:43+00:00", ("time-offset",)),
        ("99991231235959Z", False, "9999-12-31T23:59:59+00:00", ()),
    ],
)
def test_spellings_of_time(written: str, utc_time: bool, expected: str, flags: tuple[str, ...]) -> None:
    moment = read_moment(written, two_digit_year=utc_time)
    assert (moment.utc.isoformat(), moment.flags) == (expected, flags)
    assert moment.earliest <= moment.utc <= moment.latest
    assert (moment.latest - moment.earliest) == timedelta(hours=8 if flags and "time-offset" not in flags else 0)


@pytest.mark.parametrize(
    "written",
    [
        "",
        "2022",
        "20221301000000Z",
        "20220230000000Z",
        "20220101250000Z",
        "１２３４５６７８９０１２３４Z",
        "20220101000000z",
    ],
)
def test_what_is_no_time(written: str) -> None:
    with pytest.raises(ValueError):
        read_moment(written)


@settings(max_examples=500)
@given(st.text(alphabet="0123456789Z+-.: T", max_size=24), st.booleans())
def test_any_text_is_a_time_or_a_value_error(written: str, utc_time: bool) -> None:
    try:
        moment = read_moment(written, two_digit_year=utc_time)
    except ValueError:
        return
    assert moment.utc.tzinfo is UTC
    assert moment.utc in moment.readings
