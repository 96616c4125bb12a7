"""The one table of signature algorithms, and the verdict on one signature under one public key.

A key is a SubjectPublicKeyInfo in DER, taken only in the one encoding that its standard gives it: named curve,
uncompressed point, nothing trailing. What a key is for follows from the key, never from the caller: an RSA-PSS key
with parameters verifies only the algorithm that they name.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Literal

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_der_public_key

from schemas.verification import Check, Report, conclude, failed, unknown
from signing import sm2
from signing.errors import UnusableKey
from signing.kept import few, passed_again
from signing.pairs import raw_to_der, read_pair

Kind = Literal["ed25519", "p-256", "p-384", "rsa", "sm2"]
SignatureEncoding = Literal["der", "raw"]

TIMELESS = datetime(1970, 1, 1, tzinfo=UTC)
"""The moment of a report on which no moment bears: mathematics alone was judged."""


@dataclass(frozen=True, slots=True)
class Algorithm:
    """How one algorithm is verified, and during which time it is trusted.

    `encodings` are those of its signature, the usual one first: `der` and `raw` for (r, s), `raw` alone where the
    signature is one string of bytes. `oids` are its names in certificates and CMS. `trusted_until` None: still.
    """

    name: str
    kind: Kind
    encodings: tuple[SignatureEncoding, ...]
    holds: "Callable[[PublicKey, bytes, bytes], bool]"
    oids: tuple[str, ...]
    trusted_from: datetime
    trusted_until: datetime | None = None


@dataclass(frozen=True, slots=True)
class PublicKey:
    """A key that may be used: what it is, its size in bits, for which algorithms; of an SM2 key, the `point`."""

    kind: Kind
    bits: int
    algorithms: frozenset[str]
    key: Ed25519PublicKey | ec.EllipticCurvePublicKey | RSAPublicKey | None = None
    point: bytes = b""


def verify_signature(
    algorithm: str,
    public_key: bytes,
    message: bytes,
    signature: bytes,
    *,
    encoding: SignatureEncoding | None = None,
    at: datetime | None = None,
) -> Report:
    """Judge `signature` over `message` under `public_key`, an SPKI in DER.

    `encoding` of an ECDSA or SM2 signature: DER if None. With `at`, the algorithm must be trusted at that moment;
    without, no moment bears on the verdict. Nothing raises: a key or signature that cannot be read is a failed check.
    """
    checks = judge_signature(algorithm, public_key, message, signature, encoding=encoding, at=at)
    return conclude("signature", at=at or TIMELESS, checks=checks)


def judge_signature(
    algorithm: str,
    public_key: bytes,
    message: bytes,
    signature: bytes,
    *,
    encoding: SignatureEncoding | None = None,
    at: datetime | None = None,
) -> tuple[Check, ...]:
    """The checks of `verify_signature`: algorithm, key, encoding, and the value if those let it be computed."""
    known = ALGORITHMS.get(algorithm)
    if known is None:
        return (unknown("signature.algorithm", "unsupported", algorithm=algorithm[:80]),)
    key, key_check = _check_key(known, public_key)
    signature_der, encoding_check = _check_encoding(known, signature, encoding)
    checks = (_check_trusted(known, at), key_check, encoding_check)
    if key is None or signature_der is None:
        return checks
    if known.holds(key, message, signature_der):
        return (*checks, passed_again("signature.value"))
    return (*checks, failed("signature.value", "mismatch"))


def find_flaw(
    algorithm: str, public_key: bytes, message: bytes, signature: bytes, *, encoding: SignatureEncoding | None = None
) -> Check | None:
    """The check that does not pass, or None if the signature holds: `judge_signature` without the rest."""
    checks = judge_signature(algorithm, public_key, message, signature, encoding=encoding)
    return next((check for check in checks if check.reason is not None), None)


def find_algorithm(oid: str) -> Algorithm | None:
    """The algorithm that certificates and CMS name by the dotted `oid`; None for unknown and for broken ones."""
    return _BY_OID.get(oid)


@few(4096)
def load_public_key(spki: bytes) -> PublicKey:
    """The key of an SPKI in DER, kept for the next call.

    Raises `UnusableKey`: `malformed`, `unsupported` (its algorithm), `not-on-curve`, `weak-point`, `too-short`,
    `too-long`.
    """
    for prefix, size, load in _FIXED:
        if spki.startswith(prefix):
            if len(spki) != len(prefix) + size:
                raise UnusableKey("malformed", "the key has another length than its algorithm says")
            return load(spki[len(prefix) :])
    return _load_rsa(spki)


def _check_trusted(algorithm: Algorithm, at: datetime | None) -> Check:
    """The algorithm was trusted at that moment."""
    if at is not None and at < algorithm.trusted_from:
        return failed("signature.algorithm", "not-yet-trusted", algorithm=algorithm.name)
    if at is not None and algorithm.trusted_until is not None and at >= algorithm.trusted_until:
        return failed("signature.algorithm", "no-longer-trusted", algorithm=algorithm.name)
    return passed_again("signature.algorithm", algorithm=algorithm.name)


def _check_key(algorithm: Algorithm, spki: bytes) -> tuple[PublicKey | None, Check]:
    """The key can be read, is strong, and is one for this algorithm."""
    try:
        key = load_public_key(spki)
    except UnusableKey as error:
        return None, failed("signature.key", error.reason, detail=error.detail)
    if algorithm.name not in key.algorithms:
        return None, failed("signature.key", "wrong-algorithm", kind=key.kind, algorithm=algorithm.name)
    return key, passed_again("signature.key", kind=key.kind, bits=key.bits)


def _check_encoding(
    algorithm: Algorithm, signature: bytes, encoding: SignatureEncoding | None
) -> tuple[bytes | None, Check]:
    """The signature is written as its algorithm says; the bytes that the library takes (DER for a pair)."""
    if algorithm.encodings == ("raw",):  # one string of bytes; `encoding` says nothing about it
        if algorithm.kind == "ed25519" and len(signature) != 64:
            return None, failed("signature.encoding", "malformed", detail="an Ed25519 signature is of 64 bytes")
        return signature, passed_again("signature.encoding")
    size = _PAIR_SIZE[algorithm.kind]
    try:
        if encoding == "raw":
            return raw_to_der(signature, size), passed_again("signature.encoding")
        read_pair(signature, size)
    except ValueError as error:
        return None, failed("signature.encoding", "malformed", detail=str(error))
    return signature, passed_again("signature.encoding")


def _ed25519_holds(key: PublicKey, message: bytes, signature: bytes) -> bool:
    """RFC 8032 section 5.1.7, without the cofactor; points of small order are refused, as are non-canonical ones.

    The library computes R and compares bytes, so that a non-canonical R fails there.
    """
    assert isinstance(key.key, Ed25519PublicKey)
    if _is_weak(signature[:32]):
        return False
    try:
        key.key.verify(signature, message)
    except InvalidSignature:
        return False
    return True


def _ecdsa(digest: hashes.HashAlgorithm) -> Callable[[PublicKey, bytes, bytes], bool]:
    def holds(key: PublicKey, message: bytes, signature: bytes) -> bool:
        assert isinstance(key.key, ec.EllipticCurvePublicKey)
        try:
            key.key.verify(signature, message, ec.ECDSA(digest))
        except InvalidSignature:
            return False
        return True

    return holds


def _rsa(scheme: padding.AsymmetricPadding, digest: hashes.HashAlgorithm) -> Callable[[PublicKey, bytes, bytes], bool]:
    def holds(key: PublicKey, message: bytes, signature: bytes) -> bool:
        assert isinstance(key.key, RSAPublicKey)
        if len(signature) != (key.bits + 7) // 8:  # RFC 8017 sections 8.1.2 and 8.2.2, step 1
            return False
        try:
            key.key.verify(signature, message, scheme, digest)
        except InvalidSignature:
            return False
        return True

    return holds


def _pss(digest: hashes.HashAlgorithm) -> Callable[[PublicKey, bytes, bytes], bool]:
    """RSASSA-PSS with MGF1 of the same hash and a salt as long as the digest (RFC 9421 sections 3.3.1)."""
    return _rsa(padding.PSS(padding.MGF1(digest), digest.digest_size), digest)


def _sm2_holds(key: PublicKey, message: bytes, signature: bytes) -> bool:
    """GB/T 32918.2 with the identity of GM/T 0009."""
    return sm2.verify(key.point, message, signature)


_FIRST = datetime(2000, 1, 1, tzinfo=UTC)

_TABLE = (
    Algorithm("ed25519", "ed25519", ("raw",), _ed25519_holds, ("1.3.101.112",), _FIRST),
    Algorithm("ecdsa-p256-sha256", "p-256", ("der", "raw"), _ecdsa(hashes.SHA256()), ("1.2.840.10045.4.3.2",), _FIRST),
    Algorithm("ecdsa-p384-sha384", "p-384", ("der", "raw"), _ecdsa(hashes.SHA384()), ("1.2.840.10045.4.3.3",), _FIRST),
    # RSASSA-PSS is one OID for all hashes: which one it is stands in the parameters.
    Algorithm("rsa-pss-sha512", "rsa", ("raw",), _pss(hashes.SHA512()), (), _FIRST),
    Algorithm("rsa-pss-sha256", "rsa", ("raw",), _pss(hashes.SHA256()), (), _FIRST),
    Algorithm(
        "rsa-v1_5-sha256",
        "rsa",
        ("raw",),
        _rsa(padding.PKCS1v15(), hashes.SHA256()),
        ("1.2.840.113549.1.1.11", "1.2.156.10197.1.506"),
        _FIRST,
    ),
    # As XML signatures name them; certificates and CMS have their own lists.
    Algorithm("rsa-v1_5-sha384", "rsa", ("raw",), _rsa(padding.PKCS1v15(), hashes.SHA384()), (), _FIRST),
    Algorithm("rsa-v1_5-sha512", "rsa", ("raw",), _rsa(padding.PKCS1v15(), hashes.SHA512()), (), _FIRST),
    Algorithm("sm2-sm3", "sm2", ("der", "raw"), _sm2_holds, ("1.2.156.10197.1.501", "1.2.156.10197.1.301.1"), _FIRST),
)
ALGORITHMS: Mapping[str, Algorithm] = MappingProxyType({algorithm.name: algorithm for algorithm in _TABLE})
_BY_OID = {oid: algorithm for algorithm in _TABLE for oid in algorithm.oids}
_PAIR_SIZE: dict[Kind, int] = {"p-256": 32, "p-384": 48, "sm2": 32}


def _of(kind: Kind) -> frozenset[str]:
    return frozenset(algorithm.name for algorithm in _TABLE if algorithm.kind == kind)


def _load_ed25519(content: bytes) -> PublicKey:
    if _is_weak(content):
        raise UnusableKey("weak-point", "the Ed25519 key is of small order or not written canonically")
    return PublicKey("ed25519", 256, _of("ed25519"), Ed25519PublicKey.from_public_bytes(content))


def _load_p256(content: bytes) -> PublicKey:
    return _load_point("p-256", ec.SECP256R1(), content)


def _load_p384(content: bytes) -> PublicKey:
    return _load_point("p-384", ec.SECP384R1(), content)


def _load_point(kind: Kind, curve: ec.EllipticCurve, content: bytes) -> PublicKey:
    try:
        key = ec.EllipticCurvePublicKey.from_encoded_point(curve, b"\x04" + content)
    except ValueError as error:
        raise UnusableKey("not-on-curve", f"the point is not on {curve.name}") from error
    return PublicKey(kind, curve.key_size, _of(kind), key)


def _load_sm2(content: bytes) -> PublicKey:
    point = b"\x04" + content
    if not sm2.is_point(point):
        raise UnusableKey("not-on-curve", "the point is not on the SM2 curve")
    return PublicKey("sm2", 256, _of("sm2"), point=point)


# RFC 8410 section 4; RFC 5480 section 2 with the uncompressed point: all bytes before the coordinates are fixed.
_FIXED: tuple[tuple[bytes, int, Callable[[bytes], PublicKey]], ...] = (
    (bytes.fromhex("302a300506032b6570032100"), 32, _load_ed25519),
    (bytes.fromhex("3059301306072a8648ce3d020106082a8648ce3d03010703420004"), 64, _load_p256),
    (bytes.fromhex("3076301006072a8648ce3d020106052b8104002203620004"), 96, _load_p384),
    (bytes.fromhex("3059301306072a8648ce3d020106082a811ccf5501822d03420004"), 64, _load_sm2),
)

_SHA256 = bytes.fromhex("300d06096086480165030402010500")
_SHA512 = bytes.fromhex("300d06096086480165030402030500")
_RSA = bytes.fromhex("06092a864886f70d0101")  # the arc of PKCS #1, its last number left open
_RSA_PSS = bytes.fromhex("06092a864886f70d01010a")
_MGF1 = bytes.fromhex("06092a864886f70d010108")
_RSA_MIN, _RSA_MAX = 2048, 8192


def _load_rsa(spki: bytes) -> PublicKey:
    """RFC 3279 section 2.3.1, RFC 4055 section 1.2. The library reads the key; its one DER form must be `spki`."""
    if _RSA not in spki[:24]:
        raise UnusableKey("unsupported", "a key of another algorithm, curve or point format")
    try:
        key = load_der_public_key(spki)
    except ValueError as error:
        raise UnusableKey("malformed", "not the DER of an RSA key") from error
    except UnsupportedAlgorithm as error:
        raise UnusableKey("unsupported", "RSA with parameters that are not known here") from error
    if not isinstance(key, RSAPublicKey):
        raise UnusableKey("malformed", "not the DER of an RSA key")
    if key.key_size < _RSA_MIN:
        raise UnusableKey("too-short", f"RSA of {key.key_size} bits; at least {_RSA_MIN}")
    if key.key_size > _RSA_MAX:
        raise UnusableKey("too-long", f"RSA of {key.key_size} bits; at most {_RSA_MAX}")
    bits = _tlv(0x03, b"\x00" + key.public_bytes(Encoding.DER, PublicFormat.PKCS1))
    for identifier, algorithms in _RSA_IDENTIFIERS:
        if spki == _tlv(0x30, identifier + bits):
            return PublicKey("rsa", key.key_size, algorithms, key)
    raise UnusableKey("malformed", "not the DER of an RSA key, or RSA-PSS parameters that no algorithm here has")


def _tlv(tag: int, content: bytes) -> bytes:
    size = len(content)
    if size < 0x80:
        return bytes((tag, size)) + content
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes((tag, 0x80 | len(length))) + length + content


def _pss_identifier(digest: bytes, salt: int) -> bytes:
    """The AlgorithmIdentifier of RSASSA-PSS with these parameters (RFC 4055 section 3.1)."""
    mask = _tlv(0x30, _MGF1 + digest)
    parameters = _tlv(0xA0, digest) + _tlv(0xA1, mask) + _tlv(0xA2, bytes((2, 1, salt)))
    return _tlv(0x30, _RSA_PSS + _tlv(0x30, parameters))


_RSA_IDENTIFIERS = (
    (bytes.fromhex("300d06092a864886f70d0101010500"), _of("rsa")),
    (_tlv(0x30, _RSA_PSS), frozenset({"rsa-pss-sha256", "rsa-pss-sha512"})),
    (_pss_identifier(_SHA256, 32), frozenset({"rsa-pss-sha256"})),
    (_pss_identifier(_SHA512, 64), frozenset({"rsa-pss-sha512"})),
)

_ED25519_P = 2**255 - 19
# The y coordinates of the eight points of small order: orders 1, 2, 4 (both), 8 (two pairs).
_SMALL_ORDER = frozenset(
    {
        1,
        _ED25519_P - 1,
        0,
        0x7A03AC9277FDC74EC6CC392CFA53202A0F67100D760B3CBA4FD84D3D706A17C7,
        0x05FC536D880238B13933C6D305ACDFD5F098EFF289F4C345B027B2C28F95E826,
    }
)


def _is_weak(point: bytes) -> bool:
    """Whether an encoded Ed25519 point is of small order or not canonical: y of p or more (RFC 8032 section 5.1.3)."""
    y = int.from_bytes(point, "little") & ((1 << 255) - 1)
    return y >= _ED25519_P or y in _SMALL_ORDER
