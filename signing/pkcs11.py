"""Keys in PKCS #11 tokens: hardware security modules, smart cards. The private key never leaves the token.

Ed25519 (CKM_EDDSA, PKCS #11 v3.0 section 2.3.14) and P-256 (CKM_ECDSA). SM2 has no mechanism of the standard, each
maker has its own; an SM2 key stays in a file. A token that is lost, or that signs with another key than it did, is an
error: there is no answer rather than an unsigned or a wrong one.
"""

import hashlib
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import pkcs11
from asn1crypto import core
from pkcs11 import Attribute, KeyType, Mechanism, ObjectClass

from signing.algorithms import SignatureEncoding, find_flaw
from signing.errors import SignerLost, UnusableKey
from signing.pairs import raw_to_der
from signing.token_uri import TokenUri

_ED25519 = bytes.fromhex("302a300506032b6570032100")  # RFC 8410 section 4: all of the SPKI but the key
_P256 = bytes.fromhex("3059301306072a8648ce3d020106082a8648ce3d030107034200")  # RFC 5480 section 2
_P256_CURVE = bytes.fromhex("06082a8648ce3d030107")
_MOST = 2  # matches that are looked at: more than one is one too many
T = TypeVar("T")


class TokenSigner:
    """A private key in a token, behind `signing.signer.Signer`; safe for use by several threads at once.

    A session that is lost is opened again, with the PIN; the key found then must be the same.
    """

    def __init__(self, library: "_Library", uri: TokenUri, pin: str) -> None:
        self._library = library
        self._uri = uri
        self._pin = pin
        self._key: Any = None
        with library.lock:
            self._key = self._open()
            self.algorithm, self.spki = _public(self._key.session, self._key)
        self.keyid = hashlib.sha256(self.spki).hexdigest()

    def sign(self, message: bytes, *, encoding: SignatureEncoding = "raw") -> bytes:
        """See `Signer`. Raises `SignerLost` if the token is not there any more, or does not sign as it did."""
        with self._library.lock:
            raw = self._anew(lambda: self._sign(message))
        if find_flaw(self.algorithm, self.spki, message, raw, encoding="raw") is not None:
            raise SignerLost(f"{self._uri.shown()}: what the token signed does not hold under its key")
        return raw if encoding == "raw" or self.algorithm == "ed25519" else raw_to_der(raw)

    def __repr__(self) -> str:
        return f"TokenSigner({self.algorithm!r}, {self.keyid!r}, {self._uri.shown()!r})"

    def _sign(self, message: bytes) -> bytes:
        if self._key is None:
            key = self._open()
            if _public(key.session, key)[1] != self.spki:
                raise SignerLost(f"{self._uri.shown()}: another key is there now")
            self._key = key
        if self.algorithm == "ed25519":
            return bytes(self._key.sign(message, mechanism=Mechanism.EDDSA))
        return bytes(self._key.sign(hashlib.sha256(message).digest(), mechanism=Mechanism.ECDSA))

    def _anew(self, work: Callable[[], T]) -> T:
        """The work; if the token fails, once more in a new session, and once more with the library begun anew."""
        for remedy in (None, self._forget, self._begin_anew):
            try:
                if remedy is not None:
                    remedy()
                return work()
            except (pkcs11.PinIncorrect, pkcs11.PinLocked, pkcs11.PinExpired) as error:
                # Not again: after a few wrong ones a token locks itself.
                raise SignerLost(f"{self._uri.shown()}: the PIN is refused: {type(error).__name__}") from error
            except (pkcs11.PKCS11Error, UnusableKey) as error:
                self._key = None
                last: Exception = error
        raise SignerLost(f"{self._uri.shown()}: {_named(last)}") from last

    def _forget(self) -> None:
        self._key = None

    def _begin_anew(self) -> None:
        self._forget()
        # Ends the sessions of other keys in this library too: they are opened again like this one.
        self._library.module.reinitialize()

    def _open(self) -> Any:
        """The private key in a session of its own."""
        tokens = [token for token in self._library.tokens() if self._uri.is_of(token)]
        if len(tokens) != 1:
            what = "there is no such token" if not tokens else "several tokens have this name"
            raise UnusableKey("no-token", f"{self._uri.shown()}: {what}")
        try:
            session = tokens[0].open(user_pin=self._pin)
        except pkcs11.UserAlreadyLoggedIn:  # by another key of ours: a login is the whole process's
            session = tokens[0].open()
        key = _find(session, ObjectClass.PRIVATE_KEY, self._uri)
        for attribute, wanted in ((Attribute.EXTRACTABLE, False), (Attribute.SENSITIVE, True)):
            if bool(key[attribute]) is not wanted:
                raise UnusableKey("extractable", f"{self._uri.shown()}: the private key could leave the token")
        return key


class _Library:
    """A maker's library, loaded once in a process, used by one thread at a time."""

    def __init__(self, module: Path) -> None:
        self.lock = threading.RLock()
        try:
            self.module = pkcs11.lib(str(module))
        except (pkcs11.PKCS11Error, RuntimeError) as error:
            raise UnusableKey("no-module", f"{module}: {_named(error)}") from error

    def tokens(self) -> list[Any]:
        return list(self.module.get_tokens())


_loaded: dict[Path, _Library] = {}  # no answers that are kept, but what a process loads once


def _library_at(module: Path) -> _Library:
    if (known := _loaded.get(module)) is None:
        known = _loaded.setdefault(module, _Library(module))
    return known


def open_token(uri: TokenUri, module: Path, pin: str) -> TokenSigner:
    """The signer of the key that `uri` names (RFC 7512), in the token that the library `module` reaches.

    Raises `UnusableKey`: no such module, token or key, several of them, a wrong PIN, a key that could leave the token,
    or one that signs nothing that holds.
    """
    try:
        signer = TokenSigner(_library_at(module.resolve()), uri, pin)
        signer.sign(b"does this key sign?")
    except (pkcs11.PKCS11Error, SignerLost) as error:
        raise UnusableKey("token", f"{uri.shown()}: {_named(error)}") from error
    return signer


def _find(session: Any, kind: ObjectClass, uri: TokenUri) -> Any:
    wanted: dict[Attribute, Any] = {Attribute.CLASS: kind}
    if uri.object is not None:
        wanted[Attribute.LABEL] = uri.object
    if uri.id is not None:
        wanted[Attribute.ID] = uri.id
    found = list(session.get_objects(wanted))[:_MOST]
    if len(found) != 1:
        what = "there is no such key" if not found else "several keys have this name"
        raise UnusableKey("no-key", f"{uri.shown()}: {what} ({kind.name.lower().replace('_', ' ')})")
    return found[0]


def _public(session: Any, private: Any) -> tuple[str, bytes]:
    """Algorithm and SPKI of the public key beside a private one: the one with its CKA_ID."""
    wanted = {Attribute.CLASS: ObjectClass.PUBLIC_KEY, Attribute.ID: private.id}
    found = list(session.get_objects(wanted))[:_MOST]
    if len(found) != 1:
        raise UnusableKey("no-key", "the public key is not beside the private one, with the same CKA_ID")
    point = _point(bytes(found[0][Attribute.EC_POINT]))
    if private.key_type == KeyType.EC_EDWARDS and len(point) == 32:
        return "ed25519", _ED25519 + point
    if private.key_type == KeyType.EC and bytes(found[0][Attribute.EC_PARAMS]) == _P256_CURVE and len(point) == 65:
        return "ecdsa-p256-sha256", _P256 + point
    raise UnusableKey("unsupported", "neither an Ed25519 nor a P-256 key")


def _point(value: bytes) -> bytes:
    """CKA_EC_POINT: the DER of an OCTET STRING, or, as some tokens have it, its content."""
    if len(value) in (32, 65):
        return value
    try:
        return bytes(core.OctetString.load(value, strict=True).native)
    except (ValueError, TypeError) as error:
        raise UnusableKey("malformed", "the public key is not a point") from error


def _named(error: Exception) -> str:
    """Some of the library's exceptions have no words but their names."""
    return str(error) or type(error).__name__
