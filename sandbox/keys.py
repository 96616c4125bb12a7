"""Key pairs from a seed, and signatures that are the same each time."""

import base64
import hashlib
import textwrap
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache

from Crypto.PublicKey import RSA
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa

from sandbox import der
from sandbox.randomness import Stream
from signing import sm2

_SM2_CURVE = "1.2.156.10197.1.301"
_EC_PUBLIC_KEY = "1.2.840.10045.2.1"
_SM2_ORDER = 0xFFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFF7203DF6B21C6052B53BBF40939D54123
_P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
_RSA_BITS = 2048


@dataclass(frozen=True, slots=True)
class Key:
    """A key pair: `algorithm` in the words of CONTRACTS (`sm2-sm3`, `ed25519`, …), SPKI DER, PKCS #8 PEM.

    `sign` gives the signature as X.509 and CMS carry it (DER for SM2 and ECDSA, PKCS #1 v1.5 with SHA-256 for RSA), and
    the same one each time. A request signer loads `pem` and signs by its own rules.
    """

    algorithm: str
    spki: bytes
    pem: bytes
    sign: Callable[[bytes], bytes] = field(repr=False, compare=False)

    @property
    def keyid(self) -> str:
        """The first 16 hex digits of the SHA-256 of the SPKI."""
        return hashlib.sha256(self.spki).hexdigest()[:16]


@cache
def make_key(seed: int, label: str, algorithm: str) -> Key:
    """The key pair that `seed` and `label` name. Algorithms: `sm2-sm3`, `ecdsa-p256-sha256`, `ed25519`, `rsa-*`."""
    stream = Stream(seed, f"key/{algorithm}/{label}")
    if algorithm == "sm2-sm3":
        return _sm2_key(stream.below(_SM2_ORDER - 1))
    if algorithm == "ecdsa-p256-sha256":
        return _p256_key(stream.below(_P256_ORDER))
    if algorithm == "ed25519":
        private = ed25519.Ed25519PrivateKey.from_private_bytes(stream.read(32))
        return Key(algorithm, _spki(private.public_key()), _pem(private), private.sign)
    if algorithm.startswith("rsa-"):
        return _rsa_key(algorithm, stream)
    raise ValueError(f"no such algorithm: {algorithm}")


def _sm2_key(secret: int) -> Key:
    point = sm2.public_point(secret)
    algorithm = der.sequence(der.oid(_EC_PUBLIC_KEY), der.oid(_SM2_CURVE))
    private = der.sequence(der.integer(1), der.octets(secret.to_bytes(32, "big")), der.explicit(1, der.bits(point)))
    pkcs8 = der.sequence(der.integer(0), algorithm, der.octets(private))
    return Key(
        "sm2-sm3",
        der.sequence(algorithm, der.bits(point)),
        pem("PRIVATE KEY", pkcs8),
        lambda message: sm2.sign_deterministic(secret, message, seed=b"sandbox"),
    )


def _p256_key(secret: int) -> Key:
    private = ec.derive_private_key(secret, ec.SECP256R1())
    scheme = ec.ECDSA(hashes.SHA256(), deterministic_signing=True)
    return Key(
        "ecdsa-p256-sha256",
        _spki(private.public_key()),
        _pem(private),
        lambda message: private.sign(message, scheme),
    )


def _rsa_key(algorithm: str, stream: Stream) -> Key:
    numbers = RSA.generate(_RSA_BITS, randfunc=stream.read)
    private = serialization.load_der_private_key(numbers.export_key("DER"), password=None)
    assert isinstance(private, rsa.RSAPrivateKey)
    return Key(
        algorithm,
        _spki(private.public_key()),
        _pem(private),
        lambda message: private.sign(message, padding.PKCS1v15(), hashes.SHA256()),
    )


def _spki(public: ec.EllipticCurvePublicKey | ed25519.Ed25519PublicKey | rsa.RSAPublicKey) -> bytes:
    return public.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)


def _pem(private: ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey | rsa.RSAPrivateKey) -> bytes:
    return private.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def pem(label: str, content: bytes) -> bytes:
    """RFC 7468 text of DER bytes."""
    body = "\n".join(textwrap.wrap(base64.b64encode(content).decode(), 64))
    return f"-----BEGIN {label}-----\n{body}\n-----END {label}-----\n".encode()
