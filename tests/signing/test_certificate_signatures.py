"""The signatures on certificates, lists and signed data: by AlgorithmIdentifier, as the library hands them over."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from asn1crypto import algos, keys
from authority import make_key
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from pyhanko_certvalidator.sig_validate import SignatureValidationContext

from signing import sm2
from signing.certificate import BadCertificate, parse_certificate
from signing.checks.paths import SIGNATURES, Signatures, digest_of

MESSAGE = b"to be signed"
RSA = rsa.generate_private_key(65537, 2048)
SHORT = rsa.generate_private_key(65537, 1024)
P384 = ec.generate_private_key(ec.SECP384R1())


def spki(private: Any) -> bytes:
    public = private.public_key()
    return bytes(public.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo))


def pss(digest: str, mask: str | None = None, salt: int = 32) -> Any:
    parameters = {
        "hash_algorithm": {"algorithm": digest},
        "mask_gen_algorithm": {"algorithm": "mgf1", "parameters": {"algorithm": mask or digest}},
        "salt_length": salt,
    }
    return algos.SignedDigestAlgorithm({"algorithm": "rsassa_pss", "parameters": algos.RSASSAPSSParams(parameters)})


def named(algorithm: str) -> Any:
    return algos.SignedDigestAlgorithm({"algorithm": algorithm})


def rsa_v1_5(digest: hashes.HashAlgorithm, private: rsa.RSAPrivateKey = RSA) -> bytes:
    return private.sign(MESSAGE, padding.PKCS1v15(), digest)


def rsa_pss(digest: hashes.HashAlgorithm, salt: int = 32, mask: hashes.HashAlgorithm | None = None) -> bytes:
    return RSA.sign(MESSAGE, padding.PSS(padding.MGF1(mask or digest), salt), digest)


def ecdsa(digest: hashes.HashAlgorithm) -> bytes:
    return P384.sign(MESSAGE, ec.ECDSA(digest))


# Made once by name: a value in a parameter would give the test another name in each process.
SOUND: dict[str, tuple[Any, Any, bytes]] = {
    "sha256-rsa": (RSA, named("sha256_rsa"), rsa_v1_5(hashes.SHA256())),
    "sha384-rsa": (RSA, named("sha384_rsa"), rsa_v1_5(hashes.SHA384())),
    "sha512-rsa": (RSA, named("sha512_rsa"), rsa_v1_5(hashes.SHA512())),
    "sha256-pss": (RSA, pss("sha256"), rsa_pss(hashes.SHA256())),
    "sha384-pss": (RSA, pss("sha384", salt=48), rsa_pss(hashes.SHA384(), 48)),
    "sha512-pss": (RSA, pss("sha512", salt=20), rsa_pss(hashes.SHA512(), 20)),
    "sha256-ecdsa": (P384, named("sha256_ecdsa"), ecdsa(hashes.SHA256())),
    "sha384-ecdsa": (P384, named("sha384_ecdsa"), ecdsa(hashes.SHA384())),
}
UNSOUND: dict[str, tuple[Any, Any, bytes]] = {
    "sha1-rsa": (RSA, named("sha1_rsa"), rsa_v1_5(hashes.SHA1())),
    "sha224-rsa": (RSA, named("sha224_rsa"), rsa_v1_5(hashes.SHA224())),
    "short-rsa": (SHORT, named("sha256_rsa"), rsa_v1_5(hashes.SHA256(), SHORT)),
    "sha1-pss": (RSA, pss("sha1"), rsa_pss(hashes.SHA1())),
    "two-digests-pss": (RSA, pss("sha256", mask="sha512"), rsa_pss(hashes.SHA256(), mask=hashes.SHA512())),
    "sha1-ecdsa": (P384, named("sha1_ecdsa"), ecdsa(hashes.SHA1())),
}


@pytest.mark.parametrize("case", SOUND)
def test_a_signature_holds_over_its_message_alone(case: str) -> None:
    private, algorithm, value = SOUND[case]
    assert digest_of(algorithm) is not None
    assert SIGNATURES.holds(value, MESSAGE, spki(private), algorithm)
    assert not SIGNATURES.holds(value, MESSAGE + b".", spki(private), algorithm)
    assert not SIGNATURES.holds(value[:-1] + bytes([value[-1] ^ 1]), MESSAGE, spki(private), algorithm)
    assert not SIGNATURES.holds(value, MESSAGE, make_key("p256", "another").spki, algorithm)


@pytest.mark.parametrize("case", UNSOUND)
def test_weak_and_odd_algorithms_hold_nothing(case: str) -> None:
    private, algorithm, value = UNSOUND[case]
    assert not SIGNATURES.holds(value, MESSAGE, spki(private), algorithm)


def test_parameters_where_none_belong_are_refused() -> None:
    odd = algos.SignedDigestAlgorithm.load(bytes.fromhex("300f06082a811ccf550183750403010203"))
    key = make_key("sm2", "odd")
    assert SIGNATURES.holds(key.sign(MESSAGE), MESSAGE, key.spki, named("1.2.156.10197.1.501"))
    assert not SIGNATURES.holds(key.sign(MESSAGE), MESSAGE, key.spki, odd)


def test_sm2_without_its_identity_holds_nothing() -> None:
    number = 123456789
    point = sm2.public_point(number)
    info = bytes.fromhex("3059301306072a8648ce3d020106082a811ccf5501822d034200") + point
    for ident in (b"", b"somebody else"):
        value = sm2.sign(number, MESSAGE, ident, point=point)
        assert not SIGNATURES.holds(value, MESSAGE, info, named("1.2.156.10197.1.501"))


def test_a_key_takes_no_algorithm_of_another_kind() -> None:
    key = make_key("sm2", "confused")
    value = key.sign(MESSAGE)
    for algorithm in ("sha256_ecdsa", "sha256_rsa", "1.3.101.112"):
        assert not SIGNATURES.holds(value, MESSAGE, key.spki, named(algorithm))


def test_a_key_with_parameters_of_its_own_keeps_to_them() -> None:
    restricted = keys.PublicKeyInfo.load(spki(RSA))
    restricted["algorithm"] = {"algorithm": "rsassa_pss", "parameters": pss("sha256")["parameters"]}
    der = restricted.dump()
    for digest, salt, held in ((hashes.SHA256(), 32, True), (hashes.SHA512(), 64, False), (hashes.SHA256(), 20, False)):
        value = RSA.sign(MESSAGE, padding.PSS(padding.MGF1(digest), salt), digest)
        assert SIGNATURES.holds(value, MESSAGE, der, pss(digest.name, salt=salt)) is held


def test_a_digest_is_no_message() -> None:
    key = make_key("p256", "prehashed")
    with pytest.raises(InvalidSignature):
        SIGNATURES.validate_signature(
            key.sign(MESSAGE),
            MESSAGE,
            keys.PublicKeyInfo.load(key.spki),
            named("sha256_ecdsa"),
            SignatureValidationContext(prehashed=True),
        )


def test_answers_are_kept_in_bounds() -> None:
    few = Signatures(most=4)
    key = make_key("p256", "bounded")
    value = key.sign(MESSAGE)
    for number in range(20):
        assert few.holds(value, MESSAGE, key.spki, named("sha256_ecdsa"))
        assert not few.holds(value, MESSAGE + bytes([number]), key.spki, named("sha256_ecdsa"))
    assert len(few._known) <= 4


@pytest.mark.parametrize("unused", range(1, 8))
def test_a_signature_is_whole_octets(unused: int) -> None:
    """Bits that are called unused are no part of the signature: they could be changed, and it held."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "whole octets")])
    begins = datetime(2026, 1, 1, tzinfo=UTC)
    for serial in range(1, 400):
        made = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(key.public_key())
            .serial_number(serial)
            .not_valid_before(begins)
            .not_valid_after(begins + timedelta(days=9))
            .sign(key, hashes.SHA256())
        )
        if made.signature[-1] % (1 << unused) == 0:  # DER lets the bits be called unused
            break
    der = made.public_bytes(serialization.Encoding.DER)
    parse_certificate(der)
    place = len(der) - len(made.signature) - 1
    assert der[place] == 0
    with pytest.raises(BadCertificate):
        parse_certificate(der[:place] + bytes([unused]) + der[place + 1 :])
