"""Certification authorities of the sandbox: X.509 certificates and revocation lists, to the byte the same each time.

Certificates follow GM/T 0015 / GB/T 20518 (SM2) and RFC 5280 (RSA, ECDSA): version 3, key usage critical, key
identifiers, the place of the revocation list. Each is signed over the raw tbsCertificate.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from sandbox import der
from sandbox.keys import Key
from sandbox.randomness import Stream

_COUNTRY, _ORGANISATION, _UNIT, _COMMON_NAME = "2.5.4.6", "2.5.4.10", "2.5.4.11", "2.5.4.3"
_DIGITAL_SIGNATURE, _NON_REPUDIATION, _CERT_SIGN, _CRL_SIGN = 0, 1, 5, 6
_KEY_COMPROMISE = 1


@dataclass(frozen=True, slots=True)
class Subject:
    """A distinguished name: organisation, unit, common name, always in China."""

    organisation: str
    common_name: str
    unit: str = ""

    def encode(self) -> bytes:
        """The name as RDNSequence."""
        parts = [(_COUNTRY, der.printable("CN")), (_ORGANISATION, der.utf8(self.organisation))]
        if self.unit:
            parts.append((_UNIT, der.utf8(self.unit)))
        parts.append((_COMMON_NAME, der.utf8(self.common_name)))
        return der.sequence(*(der.set_of(der.sequence(der.oid(kind), value)) for kind, value in parts))


@dataclass(frozen=True, slots=True)
class Certified:
    """A key with its certificate (DER), the name of the issuing authority, and the validity that stands in it."""

    key: Key
    subject: Subject
    issuer: str
    certificate: bytes
    serial: int
    not_before: datetime
    not_after: datetime


@dataclass(frozen=True, slots=True)
class Revoked:
    """A certificate on a revocation list: its serial and the moment from which it is revoked, for key compromise."""

    serial: int
    moment: datetime


@dataclass(frozen=True, slots=True)
class Authority:
    """A certification authority: it signs certificates of others and the list of those it revoked."""

    holder: Certified
    seed: int
    name: str

    @property
    def list_url(self) -> str:
        """Where certificates say the revocation list is. Nothing ever fetches it: `.invalid` has no addresses."""
        return f"http://crl.sandbox.invalid/{self.name}.crl"

    def issue(self, key: Key, subject: Subject, label: str, *, not_before: datetime, not_after: datetime) -> Certified:
        """A certificate for signing documents, requests or seals: digitalSignature and nonRepudiation, no more."""
        return self._issue(key, subject, label, not_before, not_after, authority=False)

    def subordinate(
        self, key: Key, subject: Subject, name: str, *, not_before: datetime, not_after: datetime
    ) -> "Authority":
        """An issuing authority below this one, which may issue to end entities only."""
        return Authority(self._issue(key, subject, name, not_before, not_after, authority=True), self.seed, name)

    def revocation_list(
        self, number: int, *, this_update: datetime, next_update: datetime, revoked: Iterable[Revoked] = ()
    ) -> bytes:
        """The list of revoked certificates (RFC 5280 section 5, version 2), DER."""
        entries = tuple(
            der.sequence(
                der.integer(one.serial),
                der.certificate_time(one.moment),
                der.sequence(_extension("2.5.29.21", der.tlv(0x0A, bytes((_KEY_COMPROMISE,))))),
            )
            for one in revoked
        )
        extensions = der.sequence(
            _extension("2.5.29.35", der.sequence(der.implicit(0, key_identifier(self.holder.key)))),
            _extension("2.5.29.20", der.integer(number)),
        )
        algorithm = _algorithm(self.holder.key)
        body = der.sequence(
            der.integer(1),
            algorithm,
            self.holder.subject.encode(),
            der.certificate_time(this_update),
            der.certificate_time(next_update),
            *((der.sequence(*entries),) if entries else ()),
            der.explicit(0, extensions),
        )
        return der.sequence(body, algorithm, der.bits(self.holder.key.sign(body)))

    def _issue(
        self, key: Key, subject: Subject, label: str, not_before: datetime, not_after: datetime, *, authority: bool
    ) -> Certified:
        extensions = [
            *_usage(authority=authority, path_length=0),
            _extension("2.5.29.14", der.octets(key_identifier(key))),
            _extension("2.5.29.35", der.sequence(der.implicit(0, key_identifier(self.holder.key)))),
            _extension("2.5.29.31", _distribution_point(self.list_url)),
        ]
        serial = _serial(self.seed, f"{self.name}/{label}")
        certificate = _certificate(
            self.holder.key, self.holder.subject, key, subject, serial, not_before, not_after, extensions
        )
        return Certified(key, subject, self.name, certificate, serial, not_before, not_after)


def root_authority(
    key: Key, subject: Subject, name: str, seed: int, *, not_before: datetime, not_after: datetime
) -> Authority:
    """An authority that nobody stands above: its certificate is signed with its own key."""
    extensions = [
        *_usage(authority=True, path_length=None),
        _extension("2.5.29.14", der.octets(key_identifier(key))),
    ]
    serial = _serial(seed, name)
    certificate = _certificate(key, subject, key, subject, serial, not_before, not_after, extensions)
    return Authority(Certified(key, subject, name, certificate, serial, not_before, not_after), seed, name)


def self_issued(key: Key, subject: Subject, seed: int, *, not_before: datetime, not_after: datetime) -> Certified:
    """A certificate that anybody can make: any name, signed with its own key. What an attacker has."""
    extensions = [*_usage(authority=False, path_length=None), _extension("2.5.29.14", der.octets(key_identifier(key)))]
    serial = _serial(seed, f"self/{key.keyid}")
    certificate = _certificate(key, subject, key, subject, serial, not_before, not_after, extensions)
    return Certified(key, subject, "", certificate, serial, not_before, not_after)


def key_identifier(key: Key) -> bytes:
    """20 bytes that name the key: the left of SHA-256 over the SPKI (RFC 7093 section 2, method 4)."""
    return hashlib.sha256(key.spki).digest()[:20]


def _certificate(
    issuer_key: Key,
    issuer: Subject,
    key: Key,
    subject: Subject,
    serial: int,
    not_before: datetime,
    not_after: datetime,
    extensions: Iterable[bytes],
) -> bytes:
    algorithm = _algorithm(issuer_key)
    body = der.sequence(
        der.explicit(0, der.integer(2)),
        der.integer(serial),
        algorithm,
        issuer.encode(),
        der.sequence(der.certificate_time(not_before), der.certificate_time(not_after)),
        subject.encode(),
        key.spki,
        der.explicit(3, der.sequence(*extensions)),
    )
    return der.sequence(body, algorithm, der.bits(issuer_key.sign(body)))


def _algorithm(key: Key) -> bytes:
    """The AlgorithmIdentifier of signatures by `key`: SM2 with SM3, ECDSA with SHA-256, RSA with SHA-256."""
    if key.algorithm == "sm2-sm3":
        return der.sequence(der.oid("1.2.156.10197.1.501"))
    if key.algorithm == "ecdsa-p256-sha256":
        return der.sequence(der.oid("1.2.840.10045.4.3.2"))
    return der.sequence(der.oid("1.2.840.113549.1.1.11"), der.null())


def _usage(*, authority: bool, path_length: int | None) -> tuple[bytes, bytes]:
    """basicConstraints and keyUsage, both critical."""
    constraints = der.boolean(True) if authority else b""
    if authority and path_length is not None:
        constraints += der.integer(path_length)
    numbers = (_CERT_SIGN, _CRL_SIGN) if authority else (_DIGITAL_SIGNATURE, _NON_REPUDIATION)
    return (
        _extension("2.5.29.19", der.sequence(constraints), critical=True),
        _extension("2.5.29.15", der.flags(*numbers), critical=True),
    )


def _extension(identifier: str, value: bytes, *, critical: bool = False) -> bytes:
    marked = (der.boolean(True),) if critical else ()
    return der.sequence(der.oid(identifier), *marked, der.octets(value))


def _distribution_point(url: str) -> bytes:
    name = der.tlv(0xA0, der.implicit(6, url.encode("ascii")))
    return der.sequence(der.sequence(der.tlv(0xA0, name)))


def _serial(seed: int, label: str) -> int:
    return int.from_bytes(Stream(seed, f"serial/{label}").read(8), "big") >> 1 | 1
