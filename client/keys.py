"""The key that requests are signed with: RFC 9421 through the `http-message-signatures` library."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Self

from http_message_signatures import (
    HTTPMessageSignaturesException,
    HTTPSignatureAlgorithm,
    HTTPSignatureKeyResolver,
    algorithms,
)

ALGORITHMS: Mapping[str, type[HTTPSignatureAlgorithm]] = {
    "ed25519": algorithms.ED25519,
    "ecdsa-p256-sha256": algorithms.ECDSA_P256_SHA256,
    "rsa-pss-sha512": algorithms.RSA_PSS_SHA512,
}


@dataclass(frozen=True)
class Key(HTTPSignatureKeyResolver):
    """A registered private key: its id, the algorithm it is registered for, and the key as PKCS #8 PEM.

    `algorithm` is a name of `ALGORITHMS`, or an algorithm class of one's own, for a key that lives in a signing device
    or for `sm2-sm3`; `private_key` is then whatever that class takes.
    """

    keyid: str
    algorithm: str | type[HTTPSignatureAlgorithm]
    private_key: object = field(repr=False)

    @classmethod
    def from_pem(cls, keyid: str, private_key: bytes) -> Self:
        """The key of an unencrypted PKCS #8 PEM, for the algorithm of its kind. Raises ValueError on another kind."""
        for name, algorithm in ALGORITHMS.items():
            try:
                algorithm(private_key=private_key)
            except (HTTPMessageSignaturesException, TypeError):
                continue
            return cls(keyid, name, private_key)
        raise ValueError("a private key of Ed25519, P-256 or RSA is needed")

    def algorithm_class(self) -> type[HTTPSignatureAlgorithm]:
        """The class that signs. Raises KeyError on a name that is not known."""
        return ALGORITHMS[self.algorithm] if isinstance(self.algorithm, str) else self.algorithm

    def resolve_private_key(self, key_id: str) -> object:
        """The private key, for the signing library."""
        return self.private_key

    def resolve_public_key(self, key_id: str) -> object:
        """Nothing is verified with this key."""
        raise KeyError(key_id)
