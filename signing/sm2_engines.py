"""The libraries that compute on the SM2 curve, behind one shape. No curve arithmetic is our own.

Two engines: the system's libcrypto (OpenSSL 3, through ctypes; this is the only ctypes in the house) and, where that
is built without SM2, gmssl-pyx. Neither is trusted with encodings: `signing.sm2` checks points, ranges and DER first,
so that both see the same input and give the same answer.
"""

import ctypes
import sys
from collections.abc import Callable
from ctypes import POINTER, Structure, byref, c_char_p, c_int, c_size_t, c_uint, c_void_p
from functools import lru_cache
from typing import Any, Protocol

from signing.errors import NoEngine

LIBRARIES = ("libcrypto.so.3", "libcrypto.so.4", "libcrypto.3.dylib")
PUBLIC_KEYS_KEPT = 4096
PRIVATE_KEYS_KEPT = 64


class Engine(Protocol):
    """What is needed of a library: points of 65 bytes (04, x, y), digests of 32, DER signatures, scalars in [1, n-1].

    An engine may assume that its arguments are well formed; it is safe for use by several threads at once.
    """

    name: str

    def verify_digest(self, point: bytes, digest: bytes, signature: bytes) -> bool:
        """Whether `signature` over e = `digest` is by the key of `point`."""

    def sign_digest(self, private: int, digest: bytes) -> bytes:
        """A signature over e = `digest` with a random nonce."""

    def multiply(self, scalar: int) -> bytes:
        """The point `scalar`·G. Raises `NoEngine` where the library has no such function."""


class _Param(Structure):
    """OSSL_PARAM of <openssl/core.h>."""

    _fields_ = (
        ("key", c_char_p),
        ("data_type", c_uint),
        ("data", c_void_p),
        ("data_size", c_size_t),
        ("return_size", c_size_t),
    )


_UNSIGNED_INTEGER, _UTF8_STRING, _OCTET_STRING = 2, 4, 5
_PUBLIC_KEY, _KEYPAIR = 0x86, 0x87  # EVP_PKEY_PUBLIC_KEY, EVP_PKEY_KEYPAIR
_NID_SM2 = 1172
_UNCOMPRESSED = 4

# Every function that is called, with its result and arguments: a wrong width here would corrupt memory.
_PROTOTYPES: dict[str, tuple[Any, tuple[Any, ...]]] = {
    "ERR_clear_error": (None, ()),
    "OpenSSL_version_num": (ctypes.c_ulong, ()),
    "EVP_PKEY_CTX_new_from_name": (c_void_p, (c_void_p, c_char_p, c_char_p)),
    "EVP_PKEY_CTX_new": (c_void_p, (c_void_p, c_void_p)),
    "EVP_PKEY_CTX_free": (None, (c_void_p,)),
    "EVP_PKEY_free": (None, (c_void_p,)),
    "EVP_PKEY_fromdata_init": (c_int, (c_void_p,)),
    "EVP_PKEY_fromdata": (c_int, (c_void_p, POINTER(c_void_p), c_int, POINTER(_Param))),
    "EVP_PKEY_verify_init": (c_int, (c_void_p,)),
    "EVP_PKEY_verify": (c_int, (c_void_p, c_char_p, c_size_t, c_char_p, c_size_t)),
    "EVP_PKEY_sign_init": (c_int, (c_void_p,)),
    "EVP_PKEY_sign": (c_int, (c_void_p, c_char_p, POINTER(c_size_t), c_char_p, c_size_t)),
    "EC_GROUP_new_by_curve_name": (c_void_p, (c_int,)),
    "EC_POINT_new": (c_void_p, (c_void_p,)),
    "EC_POINT_clear_free": (None, (c_void_p,)),
    "EC_POINT_mul": (c_int, (c_void_p, c_void_p, c_void_p, c_void_p, c_void_p, c_void_p)),
    "EC_POINT_point2oct": (c_size_t, (c_void_p, c_void_p, c_int, c_char_p, c_size_t, c_void_p)),
    "BN_bin2bn": (c_void_p, (c_char_p, c_int, c_void_p)),
    "BN_clear_free": (None, (c_void_p,)),
}


class _Key:
    """An EVP_PKEY that is freed with this object: whoever uses `pointer` holds the object until the call is done."""

    __slots__ = ("_free", "pointer")

    def __init__(self, pointer: c_void_p, free: Callable[[c_void_p], None]) -> None:
        self.pointer = pointer
        self._free = free

    def __del__(self) -> None:
        self._free(self.pointer)


class Libcrypto:
    """SM2 of OpenSSL 3 or newer. Verification releases the interpreter lock: it scales with threads."""

    name = "libcrypto"

    def __init__(self, names: tuple[str, ...] = LIBRARIES, *, kept: int = PUBLIC_KEYS_KEPT) -> None:
        self._c = _load(names)
        self._group = c_void_p(self._c.EC_GROUP_new_by_curve_name(_NID_SM2))
        if not self._group:
            self._c.ERR_clear_error()
            raise NoEngine("this libcrypto is built without SM2")
        self._public = lru_cache(kept)(self._load_public)
        self._private = lru_cache(PRIVATE_KEYS_KEPT)(self._load_private)

    def verify_digest(self, point: bytes, digest: bytes, signature: bytes) -> bool:
        """EVP_PKEY_verify on e; the key is loaded once and kept."""
        c = self._c
        key = self._public(point)  # held until the end: the cache may have dropped it, or never kept it
        context = c_void_p(c.EVP_PKEY_CTX_new(key.pointer, None))
        try:
            if c.EVP_PKEY_verify_init(context) != 1:
                raise NoEngine("libcrypto cannot begin an SM2 verification")
            holds: bool = c.EVP_PKEY_verify(context, signature, len(signature), digest, len(digest)) == 1
        finally:
            c.EVP_PKEY_CTX_free(context)
        if not holds:
            c.ERR_clear_error()  # the queue of this thread: what we leave there would surface in someone's TLS call
        return holds

    def sign_digest(self, private: int, digest: bytes) -> bytes:
        """EVP_PKEY_sign on e."""
        c = self._c
        key = self._private(private)
        context = c_void_p(c.EVP_PKEY_CTX_new(key.pointer, None))
        out, size = ctypes.create_string_buffer(80), c_size_t(80)
        try:
            if (
                c.EVP_PKEY_sign_init(context) != 1
                or c.EVP_PKEY_sign(context, out, byref(size), digest, len(digest)) != 1
            ):
                c.ERR_clear_error()
                raise NoEngine("libcrypto could not sign")
        finally:
            c.EVP_PKEY_CTX_free(context)
        return out.raw[: size.value]

    def multiply(self, scalar: int) -> bytes:
        """EC_POINT_mul with the generator: the constant-time ladder of libcrypto."""
        c = self._c
        number = c_void_p(c.BN_bin2bn(scalar.to_bytes(32, "big"), 32, None))
        point = c_void_p(c.EC_POINT_new(self._group))
        out = ctypes.create_string_buffer(65)
        try:
            if (
                not number
                or not point
                or c.EC_POINT_mul(self._group, point, number, None, None, None) != 1
                or c.EC_POINT_point2oct(self._group, point, _UNCOMPRESSED, out, 65, None) != 65
            ):
                c.ERR_clear_error()
                raise NoEngine("libcrypto could not multiply")
        finally:
            c.EC_POINT_clear_free(point)
            c.BN_clear_free(number)
        return out.raw

    def _load_public(self, point: bytes) -> _Key:
        return self._from_data(_PUBLIC_KEY, _octets(b"pub", point))

    def _load_private(self, private: int) -> _Key:
        return self._from_data(_KEYPAIR, _octets(b"pub", self.multiply(private)), _number(b"priv", private))

    def _from_data(self, selection: int, *parts: tuple[_Param, Any]) -> _Key:
        c = self._c
        parts = (_text(b"group", b"SM2"), *parts)  # each part keeps its buffer alive until the call is done
        params = (_Param * (len(parts) + 1))(*(param for param, _ in parts), _Param())
        key = c_void_p()
        context = c_void_p(c.EVP_PKEY_CTX_new_from_name(None, b"SM2", None))
        try:
            if (
                not context
                or c.EVP_PKEY_fromdata_init(context) != 1
                or c.EVP_PKEY_fromdata(context, byref(key), selection, params) != 1
            ):
                c.ERR_clear_error()
                raise NoEngine("libcrypto does not take an SM2 key that is on the curve")
        finally:
            c.EVP_PKEY_CTX_free(context)
        return _Key(key, c.EVP_PKEY_free)


class GmSSL:
    """SM2 of gmssl-pyx, the fallback. It holds the interpreter lock, and it prints a line to stderr on each failure."""

    name = "gmssl"

    def __init__(self) -> None:
        try:
            import gmssl_pyx  # only where libcrypto has no SM2
        except ImportError as error:
            raise NoEngine("gmssl-pyx is not installed") from error
        self._verify: Callable[[bytes, bytes, bytes], bool] = gmssl_pyx.sm2_verify_sm3_digest
        self._sign: Callable[[bytes, bytes], bytes] = gmssl_pyx.sm2_sign_sm3_digest
        self._error: type[Exception] = gmssl_pyx.GmsslInnerError

    def verify_digest(self, point: bytes, digest: bytes, signature: bytes) -> bool:
        """The digest function of gmssl-pyx; what it raises on is not a signature."""
        try:
            return self._verify(point[1:], digest, signature) is True
        except self._error:
            return False

    def sign_digest(self, private: int, digest: bytes) -> bytes:
        """About 350 a second."""
        return bytes(self._sign(private.to_bytes(32, "big"), digest))

    def multiply(self, scalar: int) -> bytes:
        """gmssl-pyx exports no multiplication."""
        del scalar
        raise NoEngine("deriving an SM2 public key needs an OpenSSL with SM2")


def _load(names: tuple[str, ...]) -> Any:
    for name in names:
        try:
            library = ctypes.CDLL(name)
            for function, (result, arguments) in _PROTOTYPES.items():
                prototype = getattr(library, function)
                prototype.restype, prototype.argtypes = result, arguments
        except (OSError, AttributeError):
            continue  # not here, or too old to have EVP_PKEY_fromdata
        return library
    raise NoEngine("no libcrypto of OpenSSL 3 or newer was found")


def _octets(key: bytes, value: bytes) -> tuple[_Param, Any]:
    return _param(key, _OCTET_STRING, value)


def _text(key: bytes, value: bytes) -> tuple[_Param, Any]:
    return _param(key, _UTF8_STRING, value)


def _number(key: bytes, value: int) -> tuple[_Param, Any]:
    return _param(key, _UNSIGNED_INTEGER, value.to_bytes(32, sys.byteorder))


def _param(key: bytes, data_type: int, value: bytes) -> tuple[_Param, Any]:
    buffer = ctypes.create_string_buffer(value, len(value))
    return _Param(key, data_type, ctypes.cast(buffer, c_void_p), len(value), 0), buffer
