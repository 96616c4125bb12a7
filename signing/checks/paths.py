"""From a certificate to the anchors that may vouch for it: every link verified, every effort bounded.

RFC 4158 describes path building and its attacks: certificates that a stranger sent can make the number of candidate
paths exponential. Here a link is followed only if its signature holds, a path never names the same holder of a key
twice, and the whole search has a budget.
"""

import hashlib
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from pyhanko_certvalidator.errors import AlgorithmNotSupported
from pyhanko_certvalidator.sig_validate import (
    DEFAULT_VALIDATION_CONTEXT,
    SignatureValidationContext,
    SignatureValidator,
)

from signing.algorithms import ALGORITHMS, PublicKey, load_public_key
from signing.certificate import parse_certificate
from signing.errors import UnusableKey
from signing.kept import Kept

LARGEST_BAG = 32  # certificates that a stranger may send along
LONGEST_PATH = 10
_BUDGET = 256  # links that one search looks at

_HASHES: dict[str, hashes.HashAlgorithm] = {
    "sha256": hashes.SHA256(),
    "sha384": hashes.SHA384(),
    "sha512": hashes.SHA512(),
}
_RSA = {"1.2.840.113549.1.1.11": "sha256", "1.2.840.113549.1.1.12": "sha384", "1.2.840.113549.1.1.13": "sha512"}
_ECDSA = {"1.2.840.10045.4.3.2": "sha256", "1.2.840.10045.4.3.3": "sha384", "1.2.840.10045.4.3.4": "sha512"}
_PSS = "1.2.840.113549.1.1.10"
_ED25519 = "1.3.101.112"
_SM2 = frozenset({"1.2.156.10197.1.501", "1.2.156.10197.1.301.1", "1.2.156.10197.1.301"})
_NO_PARAMETERS = (b"", b"\x05\x00")


def supported(signature_algorithm: Any) -> bool:
    """Whether signatures of this AlgorithmIdentifier are verified here: SHA-2 or SM3, never SHA-1, MD5 or DSA."""
    return digest_of(signature_algorithm) is not None


def digest_of(signature_algorithm: Any) -> str | None:
    """The digest that an AlgorithmIdentifier is for; `any` if the digest is its own affair; None if not supported."""
    oid = signature_algorithm["algorithm"].dotted
    if (pss := _pss(signature_algorithm)) is not None:
        return pss[0].name
    return "sm3" if oid in _SM2 else "any" if oid == _ED25519 else _RSA.get(oid) or _ECDSA.get(oid)


class Signatures(SignatureValidator):
    """The library's plug-in that verifies every signature on certificates, lists and responses, SM2 among them.

    GM/T 0009: an SM2 signature is over Z and the whole message, so that it cannot be verified from a digest alone.
    Answers are kept, keyed by everything that they depend on.
    """

    def __init__(self, most: int = 8192) -> None:
        self._known: Kept[bytes, bool] = Kept(most)

    def validate_signature(
        self,
        signature: bytes,
        signed_data: bytes,
        public_key_info: Any,
        signature_algorithm: Any,
        context: SignatureValidationContext = DEFAULT_VALIDATION_CONTEXT,
    ) -> None:
        """Return if the signature holds; raises `InvalidSignature` if not or if it is not one that is verified here."""
        if context.prehashed:
            raise AlgorithmNotSupported("a signature is verified over its message, not over a digest")
        if not self.holds(signature, signed_data, public_key_info.dump(), signature_algorithm):
            raise InvalidSignature

    def holds(self, signature: bytes, message: bytes, spki: bytes, algorithm: Any) -> bool:
        """Whether `signature` over `message` is by the key `spki` under the AlgorithmIdentifier `algorithm`."""
        key = digest_over(spki, algorithm.dump(), signature, message)
        return self._known.get(key, lambda: _holds(signature, message, spki, algorithm))


def digest_over(*parts: bytes) -> bytes:
    """One digest over several octet strings, each with its length before it."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(len(part).to_bytes(8, "big"))
        digest.update(part)
    return digest.digest()


SIGNATURES = Signatures()


@dataclass(frozen=True, slots=True)
class Link:
    """One certificate with what path building asks of it, decoded once."""

    der: bytes
    parsed: Any = field(repr=False, compare=False)
    subject: str
    issuer: str
    spki: bytes
    key_id: bytes | None
    issuer_key_id: bytes | None

    @classmethod
    def of(cls, der: bytes) -> "Link":
        """Read a certificate. Raises `BadCertificate`."""
        parsed = parse_certificate(der)
        return cls(
            der,
            parsed,
            parsed.subject.hashable,
            parsed.issuer.hashable,
            parsed.public_key.dump(),
            parsed.key_identifier,
            parsed.authority_key_identifier,
        )

    def may_have_issued(self, other: "Link") -> bool:
        """By name and, where both sides state it, by key identifier (RFC 5280 section 4.2.1.1)."""
        if other.issuer != self.subject:
            return False
        return not (other.issuer_key_id and self.key_id) or other.issuer_key_id == self.key_id

    def signed(self, other: "Link") -> bool:
        """Whether the signature on `other` is by this certificate's key."""
        return SIGNATURES.holds(
            other.parsed["signature_value"].native,
            other.parsed["tbs_certificate"].dump(),
            self.spki,
            other.parsed["signature_algorithm"],
        )


@dataclass(frozen=True, slots=True)
class Path:
    """An anchor and the certificates below it, the subject last; none below: the subject is the anchor itself."""

    anchor: Link
    below: tuple[Link, ...]

    @property
    def links(self) -> tuple[Link, ...]:
        """All certificates, the anchor first."""
        return (self.anchor, *self.below)


class Search:
    """Paths from `subject` to `anchors` through `pool`, shortest first; afterwards it says why there were none."""

    def __init__(self, subject: Link, anchors: Sequence[Link], pool: Sequence[Link]) -> None:
        self._subject, self._anchors, self._pool = subject, anchors, pool
        self.exhausted = False
        """The budget ended before the search did."""
        self.forged: Link | None = None
        """A certificate that names an issuer at hand whose key did not sign it."""

    def __iter__(self) -> Iterator[Path]:
        for anchor in self._anchors:
            if anchor.der == self._subject.der:
                yield Path(anchor, ())
                return
        waiting: deque[tuple[Link, ...]] = deque([(self._subject,)])  # each from the top down
        looked = 0
        while waiting:
            below = waiting.popleft()
            top, holders = below[0], {(link.subject, link.spki) for link in below}
            named = signed = False
            for issuer, is_anchor in self._issuers():
                if not issuer.may_have_issued(top) or (not is_anchor and (issuer.subject, issuer.spki) in holders):
                    continue
                if looked == _BUDGET:
                    self.exhausted = True
                    return
                looked += 1
                named = True
                if not issuer.signed(top):
                    continue
                signed = True
                if is_anchor:
                    yield Path(issuer, below)
                elif len(below) < LONGEST_PATH:
                    waiting.append((issuer, *below))
            if named and not signed:
                self.forged = top

    def _issuers(self) -> Iterator[tuple[Link, bool]]:
        for anchor in self._anchors:
            yield anchor, True
        for link in self._pool:
            yield link, False


def _holds(signature: bytes, message: bytes, spki: bytes, algorithm: Any) -> bool:
    oid = algorithm["algorithm"].dotted
    try:
        key = load_public_key(spki)
    except UnusableKey:
        return False
    if oid == _PSS:
        return _pss_holds(key, signature, message, algorithm)
    parameters = algorithm["parameters"].dump() if algorithm["parameters"] is not None else b""
    if parameters not in _NO_PARAMETERS:
        return False
    if oid in _SM2:
        return key.kind == "sm2" and ALGORITHMS["sm2-sm3"].holds(key, message, signature)
    if oid == _ED25519:
        return key.kind == "ed25519" and ALGORITHMS["ed25519"].holds(key, message, signature)
    if oid in _RSA and isinstance(key.key, RSAPublicKey) and "rsa-v1_5-sha256" in key.algorithms:
        return _verifies(key.key, signature, message, padding.PKCS1v15(), _HASHES[_RSA[oid]])
    if oid in _ECDSA and isinstance(key.key, ec.EllipticCurvePublicKey):
        return _verifies(key.key, signature, message, ec.ECDSA(_HASHES[_ECDSA[oid]]))
    return False


def _verifies(key: Any, *arguments: Any) -> bool:
    try:
        key.verify(*arguments)
    except (InvalidSignature, UnsupportedAlgorithm, ValueError):
        return False
    return True


def _pss(algorithm: Any) -> tuple[hashes.HashAlgorithm, int] | None:
    """Hash and salt length of RSASSA-PSS with MGF1 of the same SHA-2 hash (RFC 4055 section 3.1)."""
    if algorithm["algorithm"].dotted != _PSS:
        return None
    try:
        parameters = algorithm["parameters"]
        digest = parameters["hash_algorithm"]["algorithm"].native
        mask, salt = parameters["mask_gen_algorithm"], parameters["salt_length"].native
        mask_digest = mask["parameters"]["algorithm"].native
        plain = mask["algorithm"].native == "mgf1" and parameters["trailer_field"].native == "trailer_field_bc"
    except (ValueError, TypeError, KeyError):
        return None
    if not plain or digest != mask_digest or digest not in _HASHES or not 0 <= salt <= 64:
        return None
    return _HASHES[digest], salt


def _pss_holds(key: PublicKey, signature: bytes, message: bytes, algorithm: Any) -> bool:
    stated = _pss(algorithm)
    if stated is None or not isinstance(key.key, RSAPublicKey):
        return False
    digest, salt = stated
    # A key that names its own parameters verifies those alone (RFC 4055 section 3.3).
    unrestricted = {"rsa-pss-sha256", "rsa-pss-sha512"} <= key.algorithms
    if not unrestricted and (f"rsa-pss-{digest.name}" not in key.algorithms or salt != digest.digest_size):
        return False
    return _verifies(key.key, signature, message, padding.PSS(padding.MGF1(digest), salt), digest)
