"""Whom a certificate names: every shape of subject that is known, and none of what only looks like it."""

from typing import Any

import pytest
from asn1crypto import core
from authority import issue, name
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.verification import SignerIdentity
from signing.certificate import BadCertificate, name_text, parse_certificate, signer_identity
from untrusted.der import read_der

GOOD, OTHER, BAD = "91110000100015525K", "91100000100003962T", "911100001000155259"


def identity(**parts: str) -> SignerIdentity:
    return signer_identity(issue(name(**{"common": "x"} | parts)).certificate)


@pytest.mark.parametrize(
    ("parts", "code"),
    [
        ({"common": f"CFCA@示例财产保险公司@N{OTHER}@10"}, OTHER),
        ({"common": f"051@示例财务公司@7{GOOD}@2"}, GOOD),
        ({"common": f"051@示例财务公司@0{GOOD}@2"}, None),  # an identity card, not an organisation
        ({"common": f"051@示例财务公司@7{BAD}@2"}, None),
        ({"organization_name": GOOD}, GOOD),
        ({"organizational_unit_name": f"统一社会信用代码:{GOOD}"}, GOOD),
        ({"serial_number": GOOD}, GOOD),
        ({"organization_identifier": f"NTRCN-{GOOD}"}, GOOD),
        ({"organizational_unit_name": BAD}, None),
        ({"organizational_unit_name": f"X{GOOD}"}, None),
        ({"organizational_unit_name": GOOD, "serial_number": OTHER}, None),
        ({"organizational_unit_name": GOOD, "serial_number": GOOD}, GOOD),
        ({"email_address": f"{GOOD}@example.com"}, None),
        ({"organizational_unit_name": GOOD.lower()}, None),
        ({"organizational_unit_name": GOOD.replace("1", "１", 1)}, None),
    ],
)
def test_credit_code(parts: dict[str, str], code: str | None) -> None:
    assert identity(**parts).credit_code == code


@pytest.mark.parametrize("value", [core.PrintableString(GOOD), core.UTF8String(GOOD), core.OctetString(GOOD.encode())])
def test_credit_code_of_a_private_extension(value: Any) -> None:
    private = {"extn_id": "1.2.156.10260.4.1.4", "critical": False, "extn_value": value.dump()}
    assert signer_identity(issue("x", more=[private]).certificate).credit_code == GOOD


def test_names_are_shown_in_order_and_without_tricks() -> None:
    found = identity(common="保险\u202e公司\x00", organization_name="A, B+C", country_name="CN")
    assert found.subject == "C=CN, O=A\\, B\\+C, CN=保险\N{REPLACEMENT CHARACTER}公司"
    assert found.issuer == found.subject


def test_a_text_of_the_wrong_type_is_read_all_the_same() -> None:
    """T61String around UTF-8: asn1crypto would read it as Latin-1."""
    subject = name("x").dump().replace(b"\x0c\x01x", b"\x14\x06\xe4\xbf\x9d\xe9\x99\xa9")
    raw = bytearray(subject)
    raw[1], raw[3], raw[5] = raw[1] + 5, raw[3] + 5, raw[5] + 5
    assert name_text(read_der(bytes(raw))) == "CN=保险"


def test_identity_is_by_certificate() -> None:
    first, second = issue("x", serial=1).certificate, issue("x", serial=2).certificate
    assert signer_identity(first).certificate_sha256 != signer_identity(second).certificate_sha256
    assert signer_identity(second).serial == "02"


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes_are_an_identity_or_a_bad_certificate(junk: bytes) -> None:
    for read in (parse_certificate, signer_identity):
        with pytest.raises(BadCertificate):
            read(junk)


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 400), st.integers(0, 255))
def test_a_changed_byte_is_an_identity_or_a_bad_certificate(place: int, value: int) -> None:
    der = bytearray(issue("Some Insurer", serial=5).certificate)
    der[place % len(der)] = value
    for read in (parse_certificate, signer_identity):
        try:
            read(bytes(der))
        except BadCertificate:
            continue
