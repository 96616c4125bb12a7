"""Checkpoints: what the log commits to, signed (C2SP tlog-checkpoint)."""

import base64
import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from gateway.ledger.note import Note, NoteKey, NoteRefused, open_note, sign_note
from signing.signer import Signer

_SIZE = re.compile(r"0|[1-9][0-9]{0,19}", re.ASCII)
_MAX_SIZE = (1 << 64) - 1


class CheckpointRefused(Exception):
    """A checkpoint must not be signed, or not be believed. `reason` is a stable slug, `detail` an English sentence."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A tree head: the log's origin, the number of leaves, the root over them, and the note that says so, signed.

    `signed_by` are the keys whose signatures were verified.
    """

    origin: str
    size: int
    root: bytes
    note: bytes = b""
    signed_by: tuple[NoteKey, ...] = field(default=(), compare=False)

    def text(self) -> str:
        """The text that is signed: origin, size, root in base64, a line each."""
        return f"{self.origin}\n{self.size}\n{base64.b64encode(self.root).decode()}\n"


def sign_checkpoint(origin: str, size: int, root: bytes, signers: Sequence[Signer]) -> Checkpoint:
    """The checkpoint, with a signature line of each signer, under the origin as the key name."""
    text = Checkpoint(origin, size, root).text()
    return Checkpoint(origin, size, root, sign_note(text, origin, signers))


def open_checkpoint(data: bytes, keys: Sequence[NoteKey]) -> Checkpoint:
    """The checkpoint in a signed note, if a known key of that very log signed it.

    Where an Ed25519 key of the log is among `keys`, it or another such one must have: C2SP tlog-tiles asks for that
    signature, and one by SM2 stands beside it, never in its place. Raises `CheckpointRefused` with the reasons of
    `NoteRefused`, `malformed`, `other-log`, or `no-ed25519`. Whether a key had ended by then is not judged here
    (`ends.check_signers`).
    """
    try:
        note: Note = open_note(data, keys)
    except NoteRefused as error:
        raise CheckpointRefused(error.reason, error.detail) from error
    read = read_checkpoint(note.text)
    # A witness may have any name; what it signs is that it saw the checkpoint, not that the log made it.
    if all(key.name != read.origin or key.algorithm == "cosignature/v1" for key in note.signed_by):
        raise CheckpointRefused("other-log", f"{read.origin} is signed by {note.signed_by[0].name}, not by itself")
    own = [key.algorithm for key in note.signed_by if key.name == read.origin]
    if "ed25519" not in own and any(key.algorithm == "ed25519" and key.name == read.origin for key in keys):
        raise CheckpointRefused(
            "no-ed25519", "the log's Ed25519 key did not sign it: another signature is no substitute"
        )
    return Checkpoint(read.origin, read.size, read.root, data, note.signed_by)


def read_stored(note: bytes) -> Checkpoint:
    """The checkpoint that a note of our own states. Its signatures were checked when they were made, not here.

    Raises `CheckpointRefused`.
    """
    read = read_checkpoint(note.decode().rpartition("\n\n")[0] + "\n")
    return Checkpoint(read.origin, read.size, read.root, note)


def read_checkpoint(text: str) -> Checkpoint:
    """The checkpoint that a note's text states, unsigned. Raises `CheckpointRefused`.

    Extension lines are allowed and not kept. The root may have any length here: it is compared, never trusted.
    """
    origin, *rest = text.split("\n")
    if len(rest) < 3 or rest[-1] or not origin or not all(rest[:-1]):
        raise CheckpointRefused("malformed", "not three lines or more, none of them empty")
    if not _SIZE.fullmatch(rest[0]) or int(rest[0]) > _MAX_SIZE:
        raise CheckpointRefused("malformed", "the tree size is not a decimal of 64 bits")
    try:
        root = base64.b64decode(rest[1], validate=True)
    except ValueError as error:
        raise CheckpointRefused("malformed", "the root is not base64") from error
    if not root or base64.b64encode(root).decode() != rest[1]:
        raise CheckpointRefused("malformed", "the root is not base64 in its one form")
    return Checkpoint(origin, int(rest[0]), root)
