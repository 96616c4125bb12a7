"""The sandbox's participants as callers of the gateway, through the SDK that an insurer would install."""

from typing import Any

from http_message_signatures import HTTPSignatureAlgorithm

from client import Gateway, Key
from sandbox import keys
from signing.signer import LocalSigner, load_signer


class Sm2Sm3(HTTPSignatureAlgorithm):
    """The private algorithm `sm2-sm3`: raw r and s over the signature base, for keys that the SDK does not know."""

    algorithm_id = "sm2-sm3"

    def __init__(self, public_key: object = None, private_key: LocalSigner | None = None) -> None:
        self._signer = private_key

    def sign(self, message: bytes) -> bytes:
        """64 bytes, r and s."""
        if self._signer is None:
            raise ValueError("there is no private key")
        return self._signer.sign(message)

    def verify(self, signature: bytes, message: bytes) -> None:
        """The gateway verifies, not its callers. Raises always."""
        raise ValueError("this key only signs")


def caller(url: str, key: keys.Key, **options: Any) -> Gateway:
    """The SDK under a sandbox key."""
    if key.algorithm == "sm2-sm3":
        return Gateway(url, Key(key.keyid, Sm2Sm3, load_signer(key.pem)), **options)
    algorithm = "rsa-pss-sha512" if key.algorithm.startswith("rsa-") else key.algorithm
    return Gateway(url, Key(key.keyid, algorithm, key.pem), **options)
