"""Signatures of Standard Webhooks 1.0.0: by the secret that gateway and subscriber share, and by the gateway's own key.

What is signed is id, timestamp and body, joined by full stops; ids and timestamps have none.
"""

import base64
import hashlib
import hmac
import secrets

from signing.signer import Signer

_SECRET = "whsec_"  # noqa: S105 - the prefix that every secret has, not one
_SECRET_BYTES = 32  # the standard: from 24 to 64


def new_secret() -> str:
    """A secret for one endpoint, as the standard writes it: `whsec_` and base64."""
    return _SECRET + base64.b64encode(secrets.token_bytes(_SECRET_BYTES)).decode()


def public_key(signer: Signer) -> str:
    """The key that verifies `v1a`, as the standard writes it: `whpk_` and the base64 of the raw Ed25519 point."""
    return "whpk_" + base64.b64encode(signer.spki[-32:]).decode()


def sign(secret: str, signer: Signer, message_id: str, timestamp: int, body: bytes) -> dict[str, str]:
    """The three headers of a message: `webhook-id`, `webhook-timestamp`, and `webhook-signature` with the symmetric
    `v1` (HMAC-SHA256) and the asymmetric `v1a` (Ed25519) signature, either of which a receiver may verify."""
    content = f"{message_id}.{timestamp}.".encode() + body
    shared = hmac.digest(base64.b64decode(secret.removeprefix(_SECRET)), content, hashlib.sha256)
    own = signer.sign(content)
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": f"v1,{base64.b64encode(shared).decode()} v1a,{base64.b64encode(own).decode()}",
    }
