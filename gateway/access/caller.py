"""The caller of a request: a participant, by a key of its own or by the session of one of its people."""

import base64
from dataclasses import dataclass
from typing import Any

from gateway.access.users import User
from gateway.acts import Acting
from gateway.participants import Participant, ParticipantKey
from schemas.verification import Check
from signing.request import HttpMessage, RequestSignature


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Who asks, with the body as it came. `user` is the person, where a session says who it is.

    What only reads takes a `Caller`; what changes anything takes a `SignedCaller`, whose acts others can prove.
    """

    participant: Participant
    body: bytes
    message: HttpMessage
    route: str  # method and path as the contract writes it, such as `GET /v1/insurers/{insurer}/accesses`
    user: User | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedCaller(Caller):
    """Who signed this request, with the proof that can be kept."""

    key: ParticipantKey
    signature: RequestSignature
    checks: tuple[Check, ...]

    @property
    def acting(self) -> Acting:
        """Who acts, as slices take it."""
        return Acting(self.participant, self.key, self.proof())

    def proof(self) -> dict[str, Any]:
        """What proves who sent the body, as JSON: signature base, signature and key (RFC 9421 section 2.5), base64."""
        return {
            "label": self.signature.label,
            "keyid": self.signature.keyid,
            "algorithm": self.signature.algorithm,
            "public_key": self.key.public_key,
            "base": base64.b64encode(self.signature.base).decode(),
            "signature": base64.b64encode(self.signature.signature).decode(),
        }
