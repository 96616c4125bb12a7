"""New keys, for those who have none yet."""

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat


def new_ed25519_pem() -> bytes:
    """A fresh Ed25519 private key as unencrypted PKCS #8 PEM; the caller keeps it where only its owner reads."""
    return Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
