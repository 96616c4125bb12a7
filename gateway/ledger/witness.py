"""A witness: keeps the last checkpoint that it saw of one log, and cosigns only what extends it.

C2SP tlog-witness, `add-checkpoint`. Judging, keeping and cosigning are one step, one request after the other, so that
no two requests can both be judged by the same last checkpoint (the race that the specification tells of).
"""

import base64
import binascii
import fcntl
import os
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from gateway.ledger.checkpoint import Checkpoint, CheckpointRefused, open_checkpoint, read_checkpoint
from gateway.ledger.cosignature import cosign, cosigner_key
from gateway.ledger.merkle import EMPTY_ROOT, HASH_SIZE, check_consistency
from gateway.ledger.note import NoteKey, signature_lines
from schemas.verification import Outcome
from signing.signer import Signer

LARGEST_REQUEST = 64 * 1024
SIZE_TYPE = "text/x.tlog.size"
_TEXT = "text/plain; charset=utf-8"
_MOST_PROOF_LINES = 63
_OLD = re.compile(r"old (0|[1-9][0-9]{0,19})", re.ASCII)


class StateRefused(Exception):
    """What the witness kept cannot be used: it must not begin anew by itself, or it would cosign a fork."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What to answer over HTTP."""

    status: int
    body: str
    media_type: str = _TEXT


@dataclass(frozen=True, slots=True)
class Request:
    """What `add-checkpoint` asks: the size that the proof begins at, the proof, and the checkpoint as it came."""

    old: int
    path: tuple[bytes, ...]
    note: bytes
    text: str


class Memory:
    """The last cosigned checkpoint, in a file that survives a crash at any moment; held by one process at a time.

    Raises `StateRefused` if another process holds it, or what is in it is not a checkpoint of this log.
    """

    def __init__(self, file: Path, origin: str, keys: Sequence[NoteKey]) -> None:
        self._file = file
        file.parent.mkdir(parents=True, exist_ok=True)
        self._lock = os.open(file.with_name(f"{file.name}.lock"), os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self.last = self._read(origin, keys)
        except BlockingIOError as error:
            os.close(self._lock)
            raise StateRefused(f"{file}: another witness is at work on it") from error
        except StateRefused:
            os.close(self._lock)
            raise

    def keep(self, checkpoint: Checkpoint) -> None:
        """Replace what is kept; durable on return. Raises OSError, and then the old one stands or the new one."""
        fresh = self._file.with_name(f"{self._file.name}.new")
        with fresh.open("wb") as stream:
            stream.write(checkpoint.note)
            stream.flush()
            os.fsync(stream.fileno())  # a crash before this leaves the old file, and nothing was answered
        fresh.replace(self._file)
        folder = os.open(self._file.parent, os.O_RDONLY)
        try:
            os.fsync(folder)  # a crash before this leaves the old name or the new one; nothing was answered either
        finally:
            os.close(folder)
        self.last = checkpoint

    def close(self) -> None:
        """Let go of the file."""
        os.close(self._lock)

    def _read(self, origin: str, keys: Sequence[NoteKey]) -> Checkpoint:
        """What is kept; the empty tree if nothing is."""
        try:
            note = self._file.read_bytes()
        except FileNotFoundError:
            return Checkpoint(origin, 0, EMPTY_ROOT)
        try:
            last = open_checkpoint(note, keys)
        except CheckpointRefused as error:
            raise StateRefused(f"{self._file}: {error}") from error
        if last.origin != origin:
            raise StateRefused(f"{self._file}: a checkpoint of {last.origin}, not of {origin}")
        return last


class Witness:
    """One witness of one log. `clock` gives POSIX seconds."""

    def __init__(
        self,
        *,
        origin: str,
        keys: Sequence[NoteKey],
        name: str,
        signer: Signer,
        memory: Memory,
        clock: Callable[[], int],
    ) -> None:
        self._origin = origin
        self._keys = tuple(keys)
        self._name = name
        self._signer = signer
        self._memory = memory
        self._clock = clock
        self.key = cosigner_key(name, signer)

    @property
    def last(self) -> Checkpoint:
        """The last checkpoint that it cosigned; its note is empty before the first."""
        return self._memory.last

    def add_checkpoint(self, body: bytes) -> Answer:
        """Judge one request, in the order of the specification; what is wrong with it is an answer.

        Must not run beside itself. Raises OSError if the checkpoint cannot be kept: then nothing was cosigned.
        """
        try:
            asked = read_request(body)
            stated = read_checkpoint(asked.text)
        except (ValueError, CheckpointRefused) as error:
            return Answer(400, f"malformed request: {error}\n")
        if len(stated.root) != HASH_SIZE:
            return Answer(400, "malformed request: the root is not one hash\n")
        if stated.origin != self._origin:
            return Answer(404, "unknown log\n")
        try:
            checkpoint = open_checkpoint(asked.note, self._keys)
        except CheckpointRefused:
            return Answer(403, "invalid signature\n")
        if asked.old > checkpoint.size:
            return Answer(400, "the old size is larger than the checkpoint\n")
        last = self._memory.last
        if asked.old != last.size:
            return self._conflict()
        if asked.old == 0 or asked.old == checkpoint.size:
            # Nothing to prove: from an empty tree all trees grow, and the same tree is the same.
            if asked.path:
                return Answer(422, "the consistency proof must be empty\n")
            if asked.old == checkpoint.size and checkpoint.root != last.root:
                return self._conflict()  # two trees of one size: the log shows different ones to different people
        elif _differs(last, checkpoint, asked.path):
            return Answer(422, "the consistency proof does not hold\n")
        made = cosign(asked.text, self._name, self._signer, self._clock())
        own = asked.text.encode() + b"\n" + self._known_lines(asked.note) + made.line.encode()
        # First kept, then told: who has a cosignature may rely on it that no smaller or other tree gets one after it.
        self._memory.keep(Checkpoint(checkpoint.origin, checkpoint.size, checkpoint.root, own))
        return Answer(200, made.line)

    def _known_lines(self, note: bytes) -> bytes:
        """The signature of each key of the log, once: what strangers put beside them is not kept, nor told on."""
        found: dict[tuple[str, bytes], str] = {}
        known = {(key.name, key.key_id) for key in self._keys}
        for line, name, blob in signature_lines(note)[1]:
            if (name, blob[:4]) in known:
                found.setdefault((name, blob[:4]), f"{line}\n")
        return "".join(found.values()).encode()

    def _conflict(self) -> Answer:
        return Answer(409, f"{self._memory.last.size}\n", SIZE_TYPE)


def write_request(old: int, path: Sequence[bytes], note: bytes) -> bytes:
    """The body of `add-checkpoint`: old size line, proof lines, an empty line, the checkpoint."""
    lines = [f"old {old}", *(base64.b64encode(item).decode() for item in path), "", ""]
    return "\n".join(lines).encode() + note


def read_request(body: bytes) -> Request:
    """What `write_request` writes. Raises ValueError."""
    if len(body) > LARGEST_REQUEST:
        raise ValueError("too large")
    head, gap, note = body.partition(b"\n\n")
    old, *lines = head.decode("ascii").split("\n")
    found = _OLD.fullmatch(old)
    text, end, _ = note.decode().rpartition("\n\n")
    if not gap or not end or found is None:
        raise ValueError("not an old size, a proof, an empty line and a checkpoint")
    if len(lines) > _MOST_PROOF_LINES:
        raise ValueError("more than 63 lines of proof")
    return Request(int(found[1]), tuple(map(_read_hash, lines)), note, f"{text}\n")


def _read_hash(line: str) -> bytes:
    try:
        data = base64.b64decode(line, validate=True)
    except binascii.Error as error:
        raise ValueError("a line of the proof is not base64") from error
    if len(data) != HASH_SIZE or base64.b64encode(data).decode() != line:
        raise ValueError("a line of the proof is not one hash")
    return data


def _differs(last: Checkpoint, checkpoint: Checkpoint, path: Sequence[bytes]) -> bool:
    check = check_consistency(last.size, checkpoint.size, last.root, path, checkpoint.root)
    return check.outcome is not Outcome.PASSED
