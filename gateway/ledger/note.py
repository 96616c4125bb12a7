"""Signed notes and their keys, to the letter of C2SP signed-note.

Signature types of this log:

- `0x01` Ed25519, as C2SP assigns it; the key is 32 bytes (RFC 8032). A log has one such key.
- `0xff` followed by `premium-exchange/sm2-sm3`, a type without an assigned byte: SM2 with SM3 (GM/T 0003.2, GM/T 0004)
  under the identity `1234567812345678` (GM/T 0009). The key is the uncompressed point, 65 bytes; the signature is r and
  s, 32 bytes each. Verifiers that do not know it ignore its line, as the specification demands.

- `0x04` a witness's cosignature/v1, as C2SP tlog-cosignature says: Ed25519 over the checkpoint under a moment. See
  `gateway.ledger.cosignature`. A log's own key is never of this type.

Key ID = the first four bytes of SHA-256(name, 0x0A, type, key). Verifier key = name+hex(key ID)+base64(type, key).
"""

import base64
import binascii
import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from signing.algorithms import find_flaw
from signing.signer import Signer

_TYPES = {"ed25519": b"\x01", "cosignature/v1": b"\x04", "sm2-sm3": b"\xffpremium-exchange/sm2-sm3"}
_KEY_SIZES = {"ed25519": 32, "cosignature/v1": 32, "sm2-sm3": 65}
# RFC 8410 section 4 and GM/T 0009 section 7.1: all that stands before the key in its SubjectPublicKeyInfo.
_SPKI = {
    "ed25519": bytes.fromhex("302a300506032b6570032100"),
    "sm2-sm3": bytes.fromhex("3059301306072a8648ce3d020106082a811ccf5501822d034200"),
}
_MAX_NOTE = 1 << 20
_MAX_SIGNATURES = 100
_DASH = "\u2014 "

_TIMESTAMP = 8
_LATEST = (1 << 63) - 1

NoteAlgorithm = Literal["ed25519", "sm2-sm3", "cosignature/v1"]


class NoteRefused(Exception):
    """The note or key cannot be believed.

    `reason` is a stable slug: `malformed`, `bad-signature`, `unknown-signer`, `ambiguous-key`, `malformed-key`.
    """

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail


@dataclass(frozen=True, slots=True)
class NoteKey:
    """A key that signs notes: its name, its algorithm, and the public key as the algorithm writes it in a note."""

    name: str
    algorithm: NoteAlgorithm
    public: bytes

    def __post_init__(self) -> None:
        if not _is_name(self.name):
            raise NoteRefused("malformed-key", "a key name is not empty and has neither spaces nor plus")
        if len(self.public) != _KEY_SIZES[self.algorithm]:
            raise NoteRefused("malformed-key", f"an {self.algorithm} key has {_KEY_SIZES[self.algorithm]} bytes")

    @property
    def typed(self) -> bytes:
        """Signature type and public key, as they are hashed and written."""
        return _TYPES[self.algorithm] + self.public

    @property
    def key_id(self) -> bytes:
        """The four bytes that stand before each of its signatures."""
        return hashlib.sha256(self.name.encode() + b"\n" + self.typed).digest()[:4]

    @property
    def spki(self) -> bytes:
        """The key as a SubjectPublicKeyInfo in DER."""
        return _SPKI["ed25519" if self.algorithm == "cosignature/v1" else self.algorithm] + self.public

    def line(self) -> str:
        """The verifier key: `name+key ID+key`."""
        return f"{self.name}+{self.key_id.hex()}+{base64.b64encode(self.typed).decode()}"

    def holds(self, text: bytes, signature: bytes) -> bool:
        """Whether `signature`, without the key ID, is by this key over `text`."""
        if self.algorithm == "cosignature/v1":
            at = int.from_bytes(signature[:_TIMESTAMP], "big")
            text, signature = cosigned_text(text, at), signature[_TIMESTAMP:]
            return at <= _LATEST and find_flaw("ed25519", self.spki, text, signature, encoding="raw") is None
        return find_flaw(self.algorithm, self.spki, text, signature, encoding="raw") is None


@dataclass(frozen=True, slots=True)
class Note:
    """A note that was believed: its text with the final newline, and the keys whose signatures hold, in line order."""

    text: str
    signed_by: tuple[NoteKey, ...]


def cosigned_text(text: bytes, at: int) -> bytes:
    """What a witness signs: the note's whole text under a header and a moment in POSIX seconds (C2SP tlog-cosignature,
    "Ed25519 signed message")."""
    return b"cosignature/v1\ntime %d\n%s" % (at, text)


def key_of(name: str, signer: Signer) -> NoteKey:
    """The note key of `signer` under `name`. Raises `NoteRefused` for a signer of another algorithm."""
    for algorithm in _SIGNERS:
        prefix = _SPKI[algorithm]
        if signer.algorithm == algorithm and signer.spki.startswith(prefix):
            return NoteKey(name, algorithm, signer.spki[len(prefix) :])
    raise NoteRefused("malformed-key", f"a note is not signed with {signer.algorithm}")


def read_key(line: str) -> NoteKey:
    """The key that a verifier key line states. Raises `NoteRefused`, also when its key ID is not its own."""
    name, _, rest = line.partition("+")
    key_id, _, encoded = rest.partition("+")
    typed = _decode(encoded)
    for algorithm in _ALGORITHMS:
        prefix = _TYPES[algorithm]
        if typed is not None and typed.startswith(prefix):
            key = NoteKey(name, algorithm, typed[len(prefix) :])
            if key.line() != line:
                raise NoteRefused("malformed-key", f"the key ID {key_id[:16]} is not that of the key")
            return key
    raise NoteRefused("malformed-key", "not a verifier key of a known signature type")


def read_keys(text: str) -> tuple[NoteKey, ...]:
    """The keys of a text of verifier key lines. Raises `NoteRefused` if there is none or one cannot be read."""
    keys = tuple(read_key(line) for line in text.splitlines() if line)
    if not keys:
        raise NoteRefused("malformed-key", "there is no verifier key")
    return keys


def sign_note(text: str, name: str, signers: Sequence[Signer]) -> bytes:
    """The note: `text`, an empty line, and one signature line of each signer under `name`, in their order."""
    message = text.encode()
    if not text.endswith("\n") or not _is_note_text(text):
        raise NoteRefused("malformed", "a note's text is lines without control characters")
    lines = []
    for signer in signers:
        key = key_of(name, signer)
        signature = signer.sign(message)
        # A signer that is broken, or that holds another key than it says, must not be found out by strangers.
        if not key.holds(message, signature):
            raise NoteRefused("bad-signature", f"the {key.algorithm} signer does not sign with the key that it states")
        lines.append(f"{_DASH}{name} {base64.b64encode(key.key_id + signature).decode()}\n")
    return message + b"\n" + "".join(lines).encode()


def open_note(data: bytes, keys: Sequence[NoteKey]) -> Note:
    """The note, if one of `keys` signed it and no signature by one of them is wrong.

    Raises `NoteRefused`. Lines of other keys are ignored, but must have the form of a signature.
    """
    text, lines = _split(data)
    message = text.encode()
    known = Counter((key.name, key.key_id) for key in keys)
    by_name = {(key.name, key.key_id): key for key in keys}
    signed_by: list[NoteKey] = []
    for name, blob in map(_read_line, lines):
        place = (name, blob[:4])
        if place not in known:
            continue
        if known[place] > 1:
            raise NoteRefused("ambiguous-key", f"two keys have the name {name} and the same key ID")
        key = by_name[place]
        if not key.holds(message, blob[4:]):
            raise NoteRefused("bad-signature", f"the signature of {name} does not hold")
        if key not in signed_by:
            signed_by.append(key)
    if not signed_by:
        raise NoteRefused("unknown-signer", "no signature is by a known key")
    return Note(text, tuple(signed_by))


def signature_lines(data: bytes) -> tuple[str, list[tuple[str, str, bytes]]]:
    """The text of a note that is not verified here, and each signature line: the line, the key name, key ID and
    signature. Raises `NoteRefused`."""
    text, lines = _split(data)
    return text, [(line, *_read_line(line)) for line in lines]


def _split(data: bytes) -> tuple[str, list[str]]:
    """The text and the signature lines: they are parted by the last empty line."""
    if len(data) > _MAX_NOTE:
        raise NoteRefused("malformed", "the note is too large")
    try:
        whole = data.decode()
    except UnicodeDecodeError as error:
        raise NoteRefused("malformed", "the note is not UTF-8") from error
    end = whole.rfind("\n\n")
    if end < 0 or not whole.endswith("\n") or not _is_note_text(whole):
        raise NoteRefused("malformed", "not a text, an empty line and signature lines")
    lines = whole[end + 2 : -1].split("\n")
    if len(lines) > _MAX_SIGNATURES:
        raise NoteRefused("malformed", "too many signatures")
    return whole[: end + 1], lines


def _read_line(line: str) -> tuple[str, bytes]:
    """The key name, and the key ID with the signature."""
    name, _, encoded = line.removeprefix(_DASH).partition(" ")
    blob = _decode(encoded)
    if not line.startswith(_DASH) or not _is_name(name) or blob is None or len(blob) < 5:
        raise NoteRefused("malformed", "not a signature line")
    return name, blob


def _decode(text: str) -> bytes | None:
    """Base64 in its one form (RFC 4648 section 4): padded, nothing after, unused bits zero."""
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None
    return data if base64.b64encode(data).decode() == text else None


def _is_name(name: str) -> bool:
    return bool(name) and "+" not in name and not any(character.isspace() for character in name)


def _is_note_text(text: str) -> bool:
    """No control characters but the newline; what cannot be written as UTF-8 is none either."""
    return not any((character < " " and character != "\n") or "\ud800" <= character <= "\udfff" for character in text)


_SIGNERS: tuple[Literal["ed25519", "sm2-sm3"], ...] = ("ed25519", "sm2-sm3")
_ALGORITHMS: tuple[NoteAlgorithm, ...] = (*_SIGNERS, "cosignature/v1")
