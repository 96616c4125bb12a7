"""Cosignatures: a witness states that it saw a checkpoint, and that it extends all that it saw before.

C2SP tlog-cosignature, cosignature/v1: a signature line of type `0x04` over the checkpoint's whole text under a moment.
"""

import base64
from collections.abc import Sequence
from dataclasses import dataclass

from gateway.ledger.note import NoteKey, NoteRefused, cosigned_text, signature_lines
from signing.signer import Signer

_ED25519 = 64
_TIMESTAMP = 8


@dataclass(frozen=True, slots=True)
class Cosignature:
    """What one witness signed: its key, the moment in POSIX seconds, and the signature line with its newline."""

    key: NoteKey
    at: int
    line: str


def cosigner_key(name: str, signer: Signer) -> NoteKey:
    """The key of a witness. Raises `NoteRefused` if it is not Ed25519."""
    if signer.algorithm != "ed25519":
        raise NoteRefused("malformed-key", f"a witness does not cosign with {signer.algorithm}")
    return NoteKey(name, "cosignature/v1", signer.spki[-32:])


def cosign(text: str, name: str, signer: Signer, at: int) -> Cosignature:
    """The cosignature on a checkpoint's `text` (with its last newline) at `at`, POSIX seconds."""
    key = cosigner_key(name, signer)
    message = text.encode()
    signature = at.to_bytes(_TIMESTAMP, "big") + signer.sign(cosigned_text(message, at))
    if not key.holds(message, signature):
        raise NoteRefused("bad-signature", "the witness does not sign with the key that it states")
    return Cosignature(key, at, f"\u2014 {name} {base64.b64encode(key.key_id + signature).decode()}\n")


def read_cosignatures(note: bytes, keys: Sequence[NoteKey]) -> list[Cosignature]:
    """The cosignatures on a checkpoint by known witnesses that hold, one a key, in line order.

    What does not hold is left out like what is unknown: a witness's answer only ever adds to a checkpoint. Raises
    `NoteRefused` if it is no note.
    """
    text, lines = signature_lines(note)
    message = text.encode()
    found: dict[NoteKey, Cosignature] = {}
    for line, name, blob in lines:
        for key in keys:
            known = key.algorithm == "cosignature/v1" and (key.name, key.key_id) == (name, blob[:4])
            if known and key not in found and len(blob) == 4 + _TIMESTAMP + _ED25519 and key.holds(message, blob[4:]):
                found[key] = Cosignature(key, int.from_bytes(blob[4 : 4 + _TIMESTAMP], "big"), f"{line}\n")
    return list(found.values())
