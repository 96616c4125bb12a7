"""Who signs for us: a private key with its name, behind one small protocol."""

import hashlib
from dataclasses import dataclass
from typing import Protocol

from asn1crypto import core, pem
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

from signing import sm2
from signing.algorithms import SignatureEncoding, load_public_key
from signing.errors import UnusableKey
from signing.pairs import der_to_raw

_SM2_CURVE = bytes.fromhex("06082a811ccf5501822d")
_SM2_SPKI = bytes.fromhex("3059301306072a8648ce3d020106082a811ccf5501822d034200")


class Signer(Protocol):
    """A key that signs. A hardware module or a signing service needs no more than this."""

    @property
    def algorithm(self) -> str:
        """Its name in `signing.algorithms`."""

    @property
    def keyid(self) -> str:
        """The name under which others know the public key."""

    @property
    def spki(self) -> bytes:
        """The public key, SPKI in DER."""

    def sign(self, message: bytes, *, encoding: SignatureEncoding = "raw") -> bytes:
        """The signature over `message`. Of a pair (r, s): raw as HTTP has it, or DER as certificates have it."""


@dataclass(frozen=True, slots=True)
class LocalSigner:
    """A private key in this process. It is not shown when printed."""

    algorithm: str
    keyid: str
    spki: bytes
    _private: "_Private"

    def sign(self, message: bytes, *, encoding: SignatureEncoding = "raw") -> bytes:
        """See `Signer`."""
        return self._private.sign(message, encoding)

    def __repr__(self) -> str:
        return f"LocalSigner({self.algorithm!r}, {self.keyid!r})"


def load_signer(data: bytes, *, keyid: str | None = None, password: bytes | None = None) -> LocalSigner:
    """The signer of a private key in PEM: PKCS #8, or the traditional form of its kind.

    Ed25519 signs `ed25519`, P-256 and P-384 their ECDSA, RSA `rsa-pss-sha512`, SM2 `sm2-sm3`. `keyid` is the SHA-256 of
    the SPKI in hex if None. An SM2 key cannot be encrypted. Raises `UnusableKey`.
    """
    try:
        blocks = [der for kind, _, der in pem.unarmor(data, multiple=True) if kind.endswith("PRIVATE KEY")]
    except ValueError as error:
        raise UnusableKey("malformed", "not a key in PEM") from error
    if len(blocks) != 1:  # EC PARAMETERS may stand before it
        raise UnusableKey("malformed", "not one private key in PEM")
    der = blocks[0]
    private = _load_sm2(der) if _SM2_CURVE in der[:64] or _is_sm2_sec1(der) else _load_other(data, password)
    load_public_key(private.spki)  # what we could not verify ourselves is not used to sign
    return LocalSigner(private.algorithm, keyid or hashlib.sha256(private.spki).hexdigest(), private.spki, private)


def sm2_signer(private: int, *, keyid: str | None = None) -> LocalSigner:
    """The signer of an SM2 private key that is given as a number. Raises ValueError outside [1, n-2]."""
    key = _Sm2(private, sm2.public_point(private))
    return LocalSigner(key.algorithm, keyid or hashlib.sha256(key.spki).hexdigest(), key.spki, key)


class _Private(Protocol):
    @property
    def algorithm(self) -> str: ...
    @property
    def spki(self) -> bytes: ...
    def sign(self, message: bytes, encoding: SignatureEncoding) -> bytes: ...


class _Ed25519:
    algorithm = "ed25519"

    def __init__(self, key: Ed25519PrivateKey) -> None:
        self._key = key
        self.spki = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)

    def sign(self, message: bytes, encoding: SignatureEncoding) -> bytes:
        del encoding
        return self._key.sign(message)


class _Ecdsa:
    def __init__(self, key: ec.EllipticCurvePrivateKey) -> None:
        if not isinstance(key.curve, (ec.SECP256R1, ec.SECP384R1)):
            raise UnusableKey("unsupported", f"no algorithm here has the curve {key.curve.name}")
        wide = isinstance(key.curve, ec.SECP384R1)
        self._key = key
        self._size = 48 if wide else 32
        self._scheme = ec.ECDSA(hashes.SHA384() if wide else hashes.SHA256())
        self.algorithm = "ecdsa-p384-sha384" if wide else "ecdsa-p256-sha256"
        self.spki = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)

    def sign(self, message: bytes, encoding: SignatureEncoding) -> bytes:
        der = self._key.sign(message, self._scheme)
        return der if encoding == "der" else der_to_raw(der, self._size)


class _Rsa:
    algorithm = "rsa-pss-sha512"

    def __init__(self, key: RSAPrivateKey) -> None:
        self._key = key
        self.spki = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)

    def sign(self, message: bytes, encoding: SignatureEncoding) -> bytes:
        del encoding
        return self._key.sign(message, padding.PSS(padding.MGF1(hashes.SHA512()), 64), hashes.SHA512())


class _Sm2:
    algorithm = "sm2-sm3"

    def __init__(self, private: int, point: bytes) -> None:
        self._private = private
        self._point = point
        self.spki = _SM2_SPKI + point

    def sign(self, message: bytes, encoding: SignatureEncoding) -> bytes:
        der = sm2.sign(self._private, message, point=self._point)
        return der if encoding == "der" else der_to_raw(der)


def _load_other(data: bytes, password: bytes | None) -> _Private:
    try:
        key = load_pem_private_key(data, password)
    except (ValueError, TypeError) as error:
        raise UnusableKey("malformed", "the private key cannot be read, or its password is wrong") from error
    except UnsupportedAlgorithm as error:
        raise UnusableKey("unsupported", "a private key of an unknown kind") from error
    if isinstance(key, Ed25519PrivateKey):
        return _Ed25519(key)
    if isinstance(key, ec.EllipticCurvePrivateKey):
        return _Ecdsa(key)
    if isinstance(key, RSAPrivateKey):
        return _Rsa(key)
    raise UnusableKey("unsupported", "a private key of another kind")


def _is_sm2_sec1(der: bytes) -> bool:
    """RFC 5915: version 1, 32 bytes, then the curve in [0]."""
    return der[2:7] == bytes.fromhex("0201010420") and der[41:51] == _SM2_CURVE


def _load_sm2(der: bytes) -> _Sm2:
    """PKCS #8 (RFC 5958) around, or alone, an ECPrivateKey (RFC 5915). A public key that is in it must be the key's."""
    try:
        key = core.Sequence.load(der, strict=True)
        if not isinstance(key[1], core.OctetString):
            key = core.Sequence.load(key[2].native, strict=True)
        content = key[1].native
    except (ValueError, TypeError, IndexError, KeyError, AttributeError) as error:
        raise UnusableKey("malformed", "not an SM2 private key") from error
    if not isinstance(content, bytes) or len(content) > 32:
        raise UnusableKey("malformed", "not an SM2 private key")
    private = int.from_bytes(content, "big")
    try:
        return _Sm2(private, sm2.public_point(private))
    except ValueError as error:
        raise UnusableKey("malformed", "the SM2 private key is out of range") from error
