"""SM2 signatures with SM3 (GB/T 32918.2, GM/T 0003.2) and the SM3 digest (GB/T 32905).

The curve is computed by a library (`signing.sm2_engines`); what stands here is what each caller must get right and no
library does for all: the digest Z of identity and key, strict DER, ranges, and the point check. The same checks stand
in front of both engines, so that a verdict does not depend on the host.

A point is 65 bytes: 04, x, y. A signature is DER (SEQUENCE of INTEGER r, INTEGER s) unless it is said to be raw: r and
s of 32 bytes each. The identity is `1234567812345678` unless a protocol says otherwise (GM/T 0009).
"""

import hashlib
import hmac
from collections.abc import Iterator
from functools import cache

from cryptography.hazmat.primitives import hashes

from signing.errors import NoEngine
from signing.kept import few
from signing.pairs import der_to_raw, raw_to_der, read_pair, write_pair
from signing.sm2_engines import Engine, GmSSL, Libcrypto

__all__ = [
    "IDENT",
    "SM3",
    "Digest",
    "N",
    "P",
    "der_to_raw",
    "engine",
    "is_point",
    "public_point",
    "raw_to_der",
    "self_test",
    "sign",
    "sign_deterministic",
    "sm3",
    "verify",
    "verify_digest",
    "z",
]

IDENT = b"1234567812345678"
P = 0xFFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF00000000FFFFFFFFFFFFFFFF
A = P - 3
B = 0x28E9FA9E9D9F5E344D5A9E4BCF6509A7F39789F515AB8F92DDBCBD414D940E93
N = 0xFFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFF7203DF6B21C6052B53BBF40939D54123
GX = 0x32C4AE2C1F1981195F9904466A39C9948FE30BBFF2660BE1715A4589334C74C7
GY = 0xBC3736A2F4F6779C59BDCEE36B692153D0A9877CC62A474002DF32E52139F0A0
_MAX_IDENT = 0xFFFF // 8  # ENTL is the length in bits, in two bytes


def verify(point: bytes, message: bytes, signature: bytes, ident: bytes = IDENT) -> bool:
    """Whether the DER `signature` over `message` is by the holder of the key `point` under `ident`.

    GB/T 32918.2 section 7.1. False for anything malformed: point, DER, ranges. Raises ValueError only for an `ident`
    that is too long to be hashed.
    """
    if not is_point(point):
        return False
    digest = Digest(point, ident)
    digest.update(message)
    return verify_digest(point, digest.digest(), signature)


def verify_digest(point: bytes, digest: bytes, signature: bytes) -> bool:
    """Whether the DER `signature` over e = `digest` is by the key `point`, where e = SM3(Z, message), 32 bytes."""
    if not is_point(point) or len(digest) != 32:
        return False
    try:
        r, s = read_pair(signature)
    except ValueError:
        return False
    if not (0 < r < N and 0 < s < N) or (r + s) % N == 0:
        return False
    # r = e only if s·G + t·P is the point at infinity, which has no x: OpenSSL refuses, GmSSL takes it for x = 0.
    if r == int.from_bytes(digest, "big") % N:
        return False
    return _engine().verify_digest(point, digest, signature)


def sign(private: int, message: bytes, ident: bytes = IDENT, *, point: bytes | None = None) -> bytes:
    """A DER signature over `message`, with a nonce from the library's random generator. `private` is in [1, n-2].

    `point` is its public key where that is known: the fallback engine cannot derive it.
    """
    return _engine().sign_digest(private, sm3(z(point or public_point(private), ident) + message))


def sign_deterministic(private: int, message: bytes, ident: bytes = IDENT, seed: bytes = b"") -> bytes:
    """A DER signature that depends on nothing but its arguments: the same bytes on each machine.

    The nonce is derived as in RFC 6979 sections 3.2 and 3.6 (HMAC-SHA-256, with `seed` as the additional data), k·G is
    the library's; only the arithmetic modulo n is done here, not in constant time. For worlds that must be reproduced;
    a service signs with `sign`.
    """
    point = public_point(private)
    digest = sm3(z(point, ident) + message)
    e = int.from_bytes(digest, "big")
    for nonce in _nonces(private, digest, seed):
        r = (e + int.from_bytes(_engine().multiply(nonce)[1:33], "big")) % N
        s = pow(1 + private, -1, N) * (nonce - r * private) % N
        if r and s and r + nonce != N and r != e % N:
            return write_pair(r, s)
    raise AssertionError("the nonces never end")


@few(4096)
def z(point: bytes, ident: bytes = IDENT) -> bytes:
    """Z: SM3 over the identity, the curve and the key (GB/T 32918.2 section 5.5), 32 bytes. Raises ValueError."""
    if len(point) != 65 or len(ident) > _MAX_IDENT:
        raise ValueError("Z needs a point of 65 bytes and an identity of at most 8191")
    curve = b"".join(number.to_bytes(32, "big") for number in (A, B, GX, GY))
    return sm3((len(ident) * 8).to_bytes(2, "big") + ident + curve + point[1:])


class SM3:
    """A streaming SM3 of 32 bytes. `update` may be called any number of times; `digest` ends it."""

    __slots__ = ("_hash",)

    def __init__(self, start: bytes = b"") -> None:
        self._hash = hashlib.new("sm3", start) if _hashlib_has_sm3() else _CryptographySM3(start)

    def update(self, data: bytes | memoryview) -> None:
        """Hash `data` too."""
        self._hash.update(data)

    def digest(self) -> bytes:
        """The 32 bytes."""
        return self._hash.digest()

    def hexdigest(self) -> str:
        """The 32 bytes in lower-case hex."""
        return self._hash.digest().hex()


class Digest(SM3):
    """A streaming e = SM3(Z, message) for `verify_digest`: for messages that nobody wants in memory at once."""

    __slots__ = ()

    def __init__(self, point: bytes, ident: bytes = IDENT) -> None:
        super().__init__(z(point, ident))


def sm3(data: bytes) -> bytes:
    """The SM3 digest of `data`, 32 bytes."""
    if _hashlib_has_sm3():
        return hashlib.new("sm3", data).digest()
    return _CryptographySM3(data).digest()


@few(4096)
def is_point(point: bytes) -> bool:
    """Whether `point` is 04, x, y with x, y < p on the curve. Compressed, hybrid and infinity are not."""
    if len(point) != 65 or point[0] != 4:
        return False
    x, y = int.from_bytes(point[1:33], "big"), int.from_bytes(point[33:], "big")
    return x < P and y < P and (y * y - (x * x * x + A * x + B)) % P == 0


@few(64)
def public_point(private: int) -> bytes:
    """The public key of `private`. Raises ValueError unless it is in [1, n-2] (GB/T 32918.1 section 6.1)."""
    if not 0 < private < N - 1:
        raise ValueError("an SM2 private key is in [1, n-2]")
    return _engine().multiply(private)


def engine() -> str:
    """The library that computes: `libcrypto` or `gmssl`, for health output. Raises `NoEngine` if none is right."""
    return _engine().name


def self_test() -> str:
    """The engine's name, after it has answered the example of GB/T 32918.5 and its negatives right, now.

    Raises `NoEngine` if it does not. The same test chooses the engine at first use.
    """
    chosen = _engine()
    _test(chosen)
    return chosen.name


@cache
def _engine() -> Engine:
    """The first engine that passes the test. Two threads may both get here: they come to the same answer."""
    reasons = []
    for make in (Libcrypto, GmSSL):
        try:
            candidate: Engine = make()
            _test(candidate)
        except NoEngine as error:
            reasons.append(str(error))
        else:
            return candidate
    raise NoEngine("; ".join(reasons))


# GB/T 32918.5 annex A.2: "message digest" under the default identity.
_POINT = bytes.fromhex(
    "0409f9df311e5421a150dd7d161e4bc5c672179fad1833fc076bb08ff356f35020"
    "ccea490ce26775a52dc6ea718cc1aa600aed05fbf35e084a6632f6072da9ad13"
)
_E = bytes.fromhex("f0b43e94ba45accaace692ed534382eb17e6ab5a19ce7b31f4486fdfc0d28640")
_R = 0xF5A03B0648D2C4630EEAC513E1BB81A15944DA3827D5B74143AC7EACEEE720B3
_S = 0xB1B6AA29DF212FD8763182BC0D421CA1BB9038FD1F7F42D4840B69C485BBC1AA


def _test(candidate: Engine) -> None:
    """Raises `NoEngine` unless the standard's signature is accepted and its neighbours are refused."""
    other = bytes((_E[0] ^ 1,)) + _E[1:]
    negatives = (
        (_POINT, other, write_pair(_R, _S)),
        (_POINT, _E, write_pair(_R, _S ^ 1)),
        (_POINT, _E, write_pair(_S, _R)),
        (b"\x04" + GX.to_bytes(32, "big") + GY.to_bytes(32, "big"), _E, write_pair(_R, _S)),
    )
    if sm3(z(_POINT) + b"message digest") != _E:
        raise NoEngine("SM3 is computed wrongly")
    if not candidate.verify_digest(_POINT, _E, write_pair(_R, _S)):
        raise NoEngine(f"{candidate.name} refuses the signature of GB/T 32918.5")
    if any(candidate.verify_digest(*negative) for negative in negatives):
        raise NoEngine(f"{candidate.name} accepts a wrong signature")


@cache
def _hashlib_has_sm3() -> bool:
    try:
        return hashlib.new("sm3", b"abc").hexdigest().startswith("66c7f0f462eeedd9")
    except ValueError:
        return False  # a Python whose OpenSSL has no SM3


class _CryptographySM3:
    """SM3 of the library that brings its own OpenSSL."""

    __slots__ = ("_hash",)

    def __init__(self, start: bytes) -> None:
        self._hash = hashes.Hash(hashes.SM3())
        self._hash.update(start)

    def update(self, data: bytes | memoryview) -> None:
        self._hash.update(data)

    def digest(self) -> bytes:
        return self._hash.copy().finalize()


def _nonces(private: int, digest: bytes, seed: bytes) -> Iterator[int]:
    """RFC 6979 section 3.2 for q = n and HMAC-SHA-256, with additional data as of section 3.6, without end."""
    reduced = (int.from_bytes(digest, "big") % N).to_bytes(32, "big")
    key, value = b"\x00" * 32, b"\x01" * 32
    for mark in (b"\x00", b"\x01"):
        key = hmac.digest(key, value + mark + private.to_bytes(32, "big") + reduced + seed, "sha256")
        value = hmac.digest(key, value, "sha256")
    while True:
        value = hmac.digest(key, value, "sha256")
        nonce = int.from_bytes(value, "big")
        if 0 < nonce < N:
            yield nonce
        key = hmac.digest(key, value + b"\x00", "sha256")
        value = hmac.digest(key, value, "sha256")
