"""Real keys, certificates and revocation lists for tests: SM2, ECDSA, Ed25519 and RSA, made with nothing but ASN.1."""

import hashlib
import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from typing import Any

from asn1crypto import algos, core, crl, keys, ocsp, x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa

from signing import sm2
from signing.asn1 import SM2_CURVE
from signing.sm2 import sm3

START, END = datetime(2024, 1, 1, tzinfo=UTC), datetime(2034, 1, 1, tzinfo=UTC)
AT = datetime(2026, 6, 1, tzinfo=UTC)
SIGNING = ("digital_signature", "non_repudiation")
CERTIFYING = ("key_cert_sign", "crl_sign")
_serials = itertools.count(1000)


@dataclass(frozen=True)
class Key:
    spki: bytes
    algorithm: str
    sign: Callable[[bytes], bytes]

    @property
    def identifier(self) -> bytes:
        return hashlib.sha1(self.spki).digest()


@cache
def make_key(kind: str, name: str) -> Key:
    """The same key for the same kind and name, so that tests can speak of keys by name; RSA keys excepted."""
    seed = hashlib.sha256(f"{kind}:{name}".encode()).digest()
    number = int.from_bytes(seed, "big") % (sm2.N - 2) + 1
    if kind == "sm2":
        point = sm2.public_point(number)
        spki = bytes.fromhex("3059301306072a8648ce3d020106082a811ccf5501822d034200") + point
        return Key(spki, "1.2.156.10197.1.501", lambda message: sm2.sign(number, message, point=point))
    if kind == "p256":
        private = ec.derive_private_key(number % (2**255), ec.SECP256R1())
        return Key(
            _spki(private), "1.2.840.10045.4.3.2", lambda message: private.sign(message, ec.ECDSA(hashes.SHA256()))
        )
    if kind == "ed25519":
        edwards = ed25519.Ed25519PrivateKey.from_private_bytes(seed)
        return Key(_spki(edwards), "1.3.101.112", edwards.sign)
    big = rsa.generate_private_key(65537, 2048)
    return Key(
        _spki(big), "1.2.840.113549.1.1.11", lambda message: big.sign(message, padding.PKCS1v15(), hashes.SHA256())
    )


def _spki(private: Any) -> bytes:
    public = private.public_key()
    return bytes(public.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo))


def name(common: str, **more: str) -> x509.Name:
    return x509.Name.build({"common_name": common, **more})


@dataclass
class Holder:
    """A certificate, its key, and who issued it."""

    certificate: bytes
    key: Key
    subject: x509.Name
    issuer: "Holder | None" = None
    revoked: list[tuple[int, datetime, str]] = field(default_factory=list)

    @property
    def serial(self) -> int:
        return int(x509.Certificate.load(self.certificate)["tbs_certificate"]["serial_number"].native)


def issue(
    subject: str | x509.Name,
    issuer: Holder | None = None,
    *,
    kind: str = "sm2",
    key: Key | None = None,
    usage: Sequence[str] | None = SIGNING,
    authority: bool = False,
    start: datetime = START,
    end: datetime = END,
    extended: Sequence[str] = (),
    extended_critical: bool = False,
    more: Sequence[dict[str, Any]] = (),
    serial: int | None = None,
    signer: Key | None = None,
    identifiers: bool = True,
) -> Holder:
    """A certificate for `subject` by `issuer`, self-signed without one. `signer` signs in the issuer's stead."""
    named = name(subject) if isinstance(subject, str) else subject
    key = key or make_key(kind, str(named.native))
    by = issuer.key if issuer else key
    extensions: list[dict[str, Any]] = []
    if authority:
        extensions.append(_extension("basic_constraints", x509.BasicConstraints({"ca": True}), critical=True))
    if usage is not None:
        extensions.append(_extension("key_usage", x509.KeyUsage(set(usage)), critical=True))
    if extended:
        value = x509.ExtKeyUsageSyntax(list(extended))
        extensions.append(_extension("extended_key_usage", value, critical=extended_critical))
    if identifiers:
        extensions.append(_extension("key_identifier", core.OctetString(key.identifier)))
        if issuer:
            value = x509.AuthorityKeyIdentifier({"key_identifier": by.identifier})
            extensions.append(_extension("authority_key_identifier", value))
    signed = x509.TbsCertificate(
        {
            "version": "v3",
            "serial_number": serial if serial is not None else next(_serials),
            "signature": _algorithm(by),
            "issuer": issuer.subject if issuer else named,
            "validity": {"not_before": _time(start), "not_after": _time(end)},
            "subject": named,
            "subject_public_key_info": keys.PublicKeyInfo.load(key.spki),
            "extensions": [*extensions, *more] or None,
        }
    )
    value = (signer or by).sign(signed.dump())
    der = x509.Certificate(
        {"tbs_certificate": signed, "signature_algorithm": _algorithm(by), "signature_value": value}
    ).dump()
    return Holder(bytes(der), key, named, issuer)


def root(common: str = "Root of Trust", kind: str = "sm2") -> Holder:
    return issue(common, kind=kind, authority=True, usage=CERTIFYING)


def middle(common: str, issuer: Holder, kind: str = "sm2") -> Holder:
    return issue(common, issuer, kind=kind, authority=True, usage=CERTIFYING)


def revocation_list(
    issuer: Holder,
    *revoked: tuple[Holder, datetime, str],
    this: datetime = datetime(2026, 5, 30, tzinfo=UTC),
    following: datetime | None = datetime(2026, 6, 10, tzinfo=UTC),
    signer: Key | None = None,
) -> bytes:
    """A list of `issuer` that names the certificates of the holders, with the day and the reason."""
    entries = [
        {
            "user_certificate": holder.serial,
            "revocation_date": _time(day),
            "crl_entry_extensions": [{"extn_id": "crl_reason", "critical": False, "extn_value": crl.CRLReason(reason)}],
        }
        for holder, day, reason in revoked
    ]
    signed = crl.TbsCertList(
        {
            "version": "v2",
            "signature": _algorithm(issuer.key),
            "issuer": issuer.subject,
            "this_update": _time(this),
            "next_update": _time(following) if following else None,
            "revoked_certificates": entries or None,
            "crl_extensions": [
                {
                    "extn_id": "authority_key_identifier",
                    "critical": False,
                    "extn_value": x509.AuthorityKeyIdentifier({"key_identifier": issuer.key.identifier}),
                },
                {"extn_id": "crl_number", "critical": False, "extn_value": core.Integer(7)},
            ],
        }
    )
    value = (signer or issuer.key).sign(signed.dump())
    return bytes(
        crl.CertificateList(
            {"tbs_cert_list": signed, "signature_algorithm": _algorithm(issuer.key), "signature": value}
        ).dump()
    )


def ocsp_response(
    issuer: Holder,
    holder: Holder,
    *,
    revoked: tuple[datetime, str] | None = None,
    responder: Holder | None = None,
    named: bytes | None = None,
    this: datetime = datetime(2026, 5, 31, tzinfo=UTC),
    following: datetime = datetime(2026, 6, 2, tzinfo=UTC),
    digest: str = "sha1",
    more: Sequence[dict[str, Any]] = (),
) -> bytes:
    """A response about `holder`, signed by `responder` or the issuer; `named` is the certificate put inside.

    `digest` is that of the CertID; `more` are extensions of the one answer.
    """
    hashed = sm3 if digest == "sm3" else lambda content: hashlib.new(digest, content).digest()
    by = responder or issuer
    status = (
        ocsp.CertStatus("revoked", {"revocation_time": revoked[0], "revocation_reason": revoked[1]})
        if revoked
        else ocsp.CertStatus("good", core.Null())
    )
    about = x509.Certificate.load(issuer.certificate)
    signed = ocsp.ResponseData(
        {
            "responder_id": ocsp.ResponderId("by_name", by.subject),
            "produced_at": this,
            "responses": [
                {
                    "cert_id": {
                        "hash_algorithm": {"algorithm": digest},
                        "issuer_name_hash": hashed(about.subject.dump()),
                        "issuer_key_hash": hashed(bytes(about.public_key["public_key"])),
                        "serial_number": holder.serial,
                    },
                    "cert_status": status,
                    "this_update": this,
                    "next_update": following,
                    "single_extensions": list(more) or None,
                }
            ],
        }
    )
    basic = ocsp.BasicOCSPResponse(
        {
            "tbs_response_data": signed,
            "signature_algorithm": _algorithm(by.key),
            "signature": by.key.sign(signed.dump()),
            "certs": [x509.Certificate.load(named or by.certificate)],
        }
    )
    response = {"response_type": "basic_ocsp_response", "response": basic}
    return bytes(ocsp.OCSPResponse({"response_status": "successful", "response_bytes": response}).dump())


def _extension(kind: str, value: Any, *, critical: bool = False) -> dict[str, Any]:
    return {"extn_id": kind, "critical": critical, "extn_value": core.ParsableOctetString(value.dump())}


def _algorithm(key: Key) -> algos.SignedDigestAlgorithm:
    return algos.SignedDigestAlgorithm({"algorithm": key.algorithm})


def _time(moment: datetime) -> x509.Time:
    return x509.Time(name="utc_time" if moment.year < 2050 else "general_time", value=moment)


assert SM2_CURVE  # the SM2 names are registered
