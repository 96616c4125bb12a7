"""A leaf's proof as one text that is verified offline: C2SP tlog-proof, to the letter."""

import base64
import binascii
import re
from collections.abc import Sequence
from dataclasses import dataclass

_FIRST = "c2sp.org/tlog-proof@v1"
_INDEX = re.compile(r"index (0|[1-9][0-9]{0,19})", re.ASCII)
_LONGEST = 1 << 20
_MOST = 64  # hashes: no tree is higher


class NotAProof(ValueError):
    """The text does not have the form of a proof."""


@dataclass(frozen=True, slots=True)
class TlogProof:
    """The index of a leaf, the path from it to the root, the checkpoint with its signatures, and what goes with it.

    Nothing of it is verified here; `extra` is covered by no signature of the log.
    """

    index: int
    path: tuple[bytes, ...]
    checkpoint: bytes
    extra: bytes = b""


def write_proof(proof: TlogProof) -> bytes:
    """The text."""
    lines = [_FIRST]
    if proof.extra:
        lines.append(f"extra {base64.b64encode(proof.extra).decode()}")
    lines += [f"index {proof.index}", *(base64.b64encode(item).decode() for item in proof.path), "", ""]
    return "\n".join(lines).encode() + proof.checkpoint


def read_proof(data: bytes) -> TlogProof:
    """The proof in a text; only its one form is read. Raises `NotAProof`."""
    if len(data) > _LONGEST:
        raise NotAProof("the proof is too large")
    head, parted, checkpoint = data.partition(b"\n\n")
    try:
        first, *lines = head.decode("ascii").split("\n")
    except UnicodeDecodeError as error:
        raise NotAProof("the proof's lines are not ASCII") from error
    if first != _FIRST or not parted:
        raise NotAProof(f"not {_FIRST}")
    extra = b""
    if lines and lines[0].startswith("extra "):
        extra = _decode([lines.pop(0).removeprefix("extra ")])[0]
    index = _INDEX.fullmatch(lines[0]) if lines else None
    if index is None or len(lines) > 1 + _MOST:
        raise NotAProof("an index and at most 64 hashes are expected")
    proof = TlogProof(int(index[1]), tuple(_decode(lines[1:])), checkpoint, extra)
    if write_proof(proof) != data:
        raise NotAProof("not in its one form")
    return proof


def _decode(lines: Sequence[str]) -> list[bytes]:
    try:
        return [base64.b64decode(line, validate=True) for line in lines]
    except binascii.Error as error:
        raise NotAProof("not base64") from error
