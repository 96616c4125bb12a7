"""A moment without a time zone is none: in a certificate, a list, or a revocation."""

import authorities as a
import pytest

from schemas.verification import Outcome
from signing import Purpose, TrustStore, verify_certificate
from signing.certificate import BadCertificate, parse_certificate
from signing.moments import read_moment
from signing.revocation import BadRevocationData, parse_crl

AT = read_moment("20260601000000Z").utc
START, END = a.utc_time(a.SIGNER.start), a.utc_time(a.SIGNER.end)
NO_ZONE = a.general_time("20250101000000")


def resigned(certificate: bytes, start: bytes, end: bytes) -> bytes:
    """The signer's certificate with another validity, signed anew by its authority."""
    body = certificate[certificate.index(b"\xa0\x03\x02\x01\x02") : -len(_signature(certificate))]
    body = body.replace(a.seq(START, END), a.seq(start, end))
    signed = a.seq(body)
    return a.seq(signed, a.seq(a.oid(a.SM2_SM3)), a.bits(a.sign(a.ROOT.key_name, signed)))


def _signature(certificate: bytes) -> bytes:
    return certificate[certificate.rindex(a.seq(a.oid(a.SM2_SM3))) :]


def list_of(this: bytes, following: bytes, *entries: bytes) -> bytes:
    signed = a.seq(
        a.integer(1), a.seq(a.oid(a.SM2_SM3)), a.ROOT.name, this, following, *((a.seq(*entries),) if entries else ())
    )
    return a.seq(signed, a.seq(a.oid(a.SM2_SM3)), a.bits(a.ROOT.sign(signed)))


def test_the_certificate_signed_anew_is_as_good_as_the_first() -> None:
    assert parse_certificate(resigned(a.SIGNER.certificate, START, END))


@pytest.mark.parametrize("validity", [(NO_ZONE, END), (START, a.general_time("20350101000000"))])
def test_a_validity_without_a_zone_is_a_failed_check(validity: tuple[bytes, bytes]) -> None:
    certificate = resigned(a.SIGNER.certificate, *validity)
    with pytest.raises(BadCertificate, match="time zone"):
        parse_certificate(certificate)
    trust = TrustStore(signers=(a.ROOT.certificate,))
    report = verify_certificate(certificate, trust=trust, at=AT, purpose=Purpose.document_signing)
    assert (report.outcome, report.failing()) == (Outcome.FAILED, ("certificate.parsed",))


@pytest.mark.parametrize(
    "times",
    [
        (NO_ZONE, a.utc_time("340101000000Z")),
        (a.utc_time("260501000000Z"), a.general_time("20340101000000")),
    ],
)
def test_a_list_without_a_zone_is_none(times: tuple[bytes, bytes]) -> None:
    with pytest.raises(BadRevocationData, match="time zone"):
        parse_crl(list_of(*times))


@pytest.mark.parametrize(
    ("moment", "outcome", "reason"),
    [
        (a.utc_time("260201000000Z"), Outcome.FAILED, "revoked"),
        (a.general_time("20260201000000"), Outcome.INDETERMINATE, "revocation-unusable"),
    ],
)
def test_a_revocation_at_no_moment_is_never_good(moment: bytes, outcome: Outcome, reason: str) -> None:
    entry = a.seq(a.integer(a.SIGNER.serial), moment)
    crl = list_of(a.utc_time("260501000000Z"), a.utc_time("340101000000Z"), entry)
    trust = TrustStore(signers=(a.ROOT.certificate,), crls=(crl,))
    report = verify_certificate(a.SIGNER.certificate, trust=trust, at=AT, purpose=Purpose.document_signing)
    check = next(check for check in report.checks if check.rule == "certificate.revocation")
    assert (check.outcome, check.reason) == (outcome, reason)
