"""Authorities, signers and makers of the test world, and the DER that they are written in.

Written from the standards alone, without the readers under test, so that a fault of a reader cannot hide in its writer.
All keys and nonces follow from names: the same bytes each time.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from signing import sm2

SM2_SM3, SM2, SM3 = "1.2.156.10197.1.501", "1.2.156.10197.1.301", "1.2.156.10197.1.401"
RSA_SHA256, SHA256 = "1.2.840.113549.1.1.11", "2.16.840.1.101.3.4.2.1"


def tlv(tag: int, *parts: bytes) -> bytes:
    """One DER element."""
    content = b"".join(parts)
    size = len(content)
    if size < 0x80:
        return bytes((tag, size)) + content
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes((tag, 0x80 | len(length))) + length + content


def seq(*parts: bytes) -> bytes:
    return tlv(0x30, *parts)


def integer(number: int) -> bytes:
    return tlv(0x02, number.to_bytes(number.bit_length() // 8 + 1, "big", signed=True))


def oid(dotted: str) -> bytes:
    first, second, *rest = (int(arc) for arc in dotted.split("."))
    content = b""
    for arc in (first * 40 + second, *rest):
        octets = [arc & 0x7F]
        while arc := arc >> 7:
            octets.insert(0, arc & 0x7F | 0x80)
        content += bytes(octets)
    return tlv(0x06, content)


def octets(content: bytes) -> bytes:
    return tlv(0x04, content)


def bits(content: bytes, unused: int = 0) -> bytes:
    return tlv(0x03, bytes((unused,)) + content)


def utf8(text: str) -> bytes:
    return tlv(0x0C, text.encode())


def ia5(text: str) -> bytes:
    return tlv(0x16, text.encode())


def general_time(text: str) -> bytes:
    return tlv(0x18, text.encode())


def utc_time(text: str) -> bytes:
    return tlv(0x17, text.encode())


@cache
def private_key(name: str) -> int:
    return int.from_bytes(hashlib.sha256(f"key of {name}".encode()).digest(), "big") % (sm2.N - 2) + 1


def public_point(name: str) -> bytes:
    return sm2.public_point(private_key(name))


def sign(name: str, message: bytes) -> bytes:
    """The DER signature of the key called `name`."""
    return sm2.sign_deterministic(private_key(name), message, seed=b"vectors")


# How far behind a number that follows from the name the two primes of an RSA key are: found once, so that each run
# has the same keys without looking for them.
_PRIMES = {
    "Vector RSA Root CA": (1024, 236, 370),
    "signer": (1024, 608, 86),
    "maker": (1024, 420, 64),
    "short": (512, 262, 88),
}


@cache
def rsa_key(name: str) -> rsa.RSAPrivateKey:
    """The RSA key called `name`: of 2048 bits, or 1024 if it is `short`."""
    bits, *offsets = _PRIMES[name]
    p, q = (_start(name, which, bits) + offset for which, offset in zip("pq", offsets, strict=True))
    e = 65537
    d = pow(e, -1, (p - 1) * (q - 1))
    numbers = rsa.RSAPrivateNumbers(
        p=p,
        q=q,
        d=d,
        dmp1=d % (p - 1),
        dmq1=d % (q - 1),
        iqmp=pow(q, -1, p),
        public_numbers=rsa.RSAPublicNumbers(e, p * q),
    )
    return numbers.private_key(unsafe_skip_rsa_key_validation=bits < 1024)


def _start(name: str, which: str, bits: int) -> int:
    blocks = (hashlib.sha256(f"rsa of {name}: {which}/{number}".encode()).digest() for number in range(bits // 256))
    return int.from_bytes(b"".join(blocks), "big") | (3 << (bits - 2)) | 1


def name_of(common: str, organisation: str | None = None, number: str | None = None) -> bytes:
    attributes = [("2.5.4.6", tlv(0x13, b"CN"))]
    if organisation:
        attributes.append(("2.5.4.10", utf8(organisation)))
    if number:
        attributes.append(("2.5.4.5", tlv(0x13, number.encode())))
    attributes.append(("2.5.4.3", utf8(common)))
    return seq(*(tlv(0x31, seq(oid(kind), value)) for kind, value in attributes))


def spki(point: bytes) -> bytes:
    return seq(seq(oid("1.2.840.10045.2.1"), oid(SM2)), bits(point))


SIGNING, AUTHORITY, ENCRYPTION = bits(b"\xc0", 6), bits(b"\x06", 1), bits(b"\x30", 4)


@dataclass(frozen=True)
class Holder:
    """A key with its certificate. `issuer` None: it signed itself."""

    common: str
    organisation: str | None = None
    number: str | None = None
    issuer: "Holder | None" = None
    serial: int = 1
    start: str = "250101000000Z"
    end: str = "350101000000Z"
    usage: bytes | None = SIGNING
    authority: bool = False
    purposes: tuple[str, ...] = ()
    key: str | None = None
    rsa: bool = False

    @property
    def key_name(self) -> str:
        return self.key or self.common

    @property
    def algorithm(self) -> str:
        """The algorithm of its signatures."""
        return RSA_SHA256 if self.rsa else SM2_SM3

    @property
    def identifier(self) -> bytes:
        """The AlgorithmIdentifier of its signatures."""
        return seq(oid(self.algorithm), *((b"\x05\x00",) if self.rsa else ()))

    @property
    def spki(self) -> bytes:
        if not self.rsa:
            return spki(public_point(self.key_name))
        return rsa_key(self.key_name).public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)

    def digest(self, content: bytes) -> bytes:
        """The digest that goes with its signatures."""
        return hashlib.sha256(content).digest() if self.rsa else sm2.sm3(content)

    @property
    def name(self) -> bytes:
        return name_of(self.common, self.organisation, self.number)

    @property
    def certificate(self) -> bytes:
        issuer = self.issuer or self
        extensions = []
        if self.authority:
            extensions.append(seq(oid("2.5.29.19"), b"\x01\x01\xff", octets(seq(b"\x01\x01\xff"))))
        if self.usage is not None:
            extensions.append(seq(oid("2.5.29.15"), b"\x01\x01\xff", octets(self.usage)))
        if self.purposes:
            named = seq(*(oid(purpose) for purpose in self.purposes))
            extensions.append(seq(oid("2.5.29.37"), b"\x01\x01\xff", octets(named)))
        signed = seq(
            tlv(0xA0, integer(2)),
            integer(self.serial),
            issuer.identifier,
            issuer.name,
            seq(utc_time(self.start), utc_time(self.end)),
            self.name,
            self.spki,
            *((tlv(0xA3, seq(*extensions)),) if extensions else ()),
        )
        return seq(signed, issuer.identifier, bits(issuer.sign(signed)))

    def sign(self, message: bytes) -> bytes:
        if self.rsa:
            return rsa_key(self.key_name).sign(message, padding.PKCS1v15(), hashes.SHA256())
        return sign(self.key_name, message)


def revocation_list(issuer: Holder, revoked: Sequence[tuple[int, str]] = ()) -> bytes:
    entries = [seq(integer(serial), utc_time(when)) for serial, when in revoked]
    signed = seq(
        integer(1),
        issuer.identifier,
        issuer.name,
        utc_time("260501000000Z"),
        utc_time("340101000000Z"),
        *((seq(*entries),) if entries else ()),
    )
    return seq(signed, issuer.identifier, bits(issuer.sign(signed)))


ROOT = Holder("Vector Root CA", authority=True, usage=AUTHORITY)
MAKER_ROOT = Holder("Vector Seal Authority", authority=True, usage=AUTHORITY)
SIGNER = Holder("示例财产保险股份有限公司", "示例财产保险股份有限公司", "91330200MA2AFH4T08", ROOT, serial=0x1001)
OTHER = Holder("另一家保险公司", "另一家保险公司", None, ROOT, serial=0x1002)
MAKER = Holder("示例印章制作中心", "示例印章制作中心", None, MAKER_ROOT, serial=0x2001)
TSA_ROOT = Holder("Vector Time Authority", authority=True, usage=AUTHORITY)
TSA = Holder("Vector Time", issuer=TSA_ROOT, serial=0x3001, purposes=("1.3.6.1.5.5.7.3.8",))
# The same insurer with a second certificate, as CAs issue them for PDF; and a maker of RSA seals.
RSA_ROOT = Holder("Vector RSA Root CA", authority=True, usage=AUTHORITY, rsa=True)
RSA_SIGNER = Holder(
    "示例财产保险股份有限公司 PDF", SIGNER.organisation, SIGNER.number, RSA_ROOT, serial=0x4001, key="signer", rsa=True
)
RSA_MAKER = Holder("示例印章制作中心 RSA", "示例印章制作中心", None, MAKER_ROOT, serial=0x2002, key="maker", rsa=True)
SHORT_SIGNER = Holder("短密钥公司", issuer=RSA_ROOT, serial=0x4002, key="short", rsa=True)
REVOKED_BEFORE = Holder("撤销在先公司", issuer=ROOT, serial=0x1003)
REVOKED_AFTER = Holder("撤销在后公司", issuer=ROOT, serial=0x1004)
LISTS = (
    revocation_list(ROOT, ((0x1003, "260201000000Z"), (0x1004, "260401000000Z"))),
    revocation_list(MAKER_ROOT),
    revocation_list(TSA_ROOT),
    revocation_list(RSA_ROOT),
)


def write_trust(folder: Path, policy: str = "") -> Path:
    """The trust folder of this world."""
    for name, contents in (
        ("signers", [ROOT.certificate, RSA_ROOT.certificate]),
        ("seal-makers", [MAKER_ROOT.certificate]),
        ("tsa", [TSA_ROOT.certificate]),
        ("crl", LISTS),
    ):
        (folder / name).mkdir(parents=True, exist_ok=True)
        for number, content in enumerate(contents):
            (folder / name / f"{number}.der").write_bytes(content)
    if policy:
        (folder / "policy.toml").write_text(policy, encoding="utf-8")
    return folder
