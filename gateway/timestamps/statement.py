"""What is stamped: a checkpoint of the log, and the stamps before it, by digests that are strong now.

RFC 4998 section 5.2. Each stamp of an authority covers the one before it (time-stamp renewal), and some before that: as
long as the newest is good, so are those that it covers, whatever became of their certificates. When the digest is
another one than before, the statement names every earlier stamp of every authority by the new digest (hash-tree
renewal): then nothing rests on the old one but the tree of the log itself, which is SHA-256 (RFC 6962).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self

import orjson

from schemas.canonical import canonical
from signing.stamping import Digest, digest_of

FORMAT = "log-timestamp/1"


@dataclass(frozen=True, slots=True)
class Stamp:
    """A stamp as it is kept: of which authority, over which checkpoint, what was stated, and the token over that."""

    id: int
    authority: str
    digest: Digest
    checkpoint: int
    moment: datetime
    lasts: datetime
    statement: bytes
    token: bytes
    known_at: datetime
    leaf_index: int

    @classmethod
    def of_row(cls, row: Sequence[Any]) -> Self:
        """The stamp of a row, its columns in the order of the fields."""
        one, authority, digest, checkpoint, moment, lasts, statement, token, known_at, leaf = row[:10]
        return cls(one, authority, digest, checkpoint, moment, lasts, bytes(statement), bytes(token), known_at, leaf)

    @property
    def imprint(self) -> bytes:
        """What the token has to be on."""
        return digest_of(self.statement, self.digest)


def write_statement(origin: str, note: bytes, size: int, before: Sequence[Stamp], digest: Digest) -> bytes:
    """The canonical bytes that are stamped. `before` are all earlier stamps of the log, in order, the last of this
    authority's among them; of these the statement names the last, or all if the digest is another one now."""
    return canonical(
        {
            "format": FORMAT,
            "log": origin,
            "size": size,
            "checkpoint": _named(note, digest),
            "covers": [{"id": one.id, **_named_stamp(one, digest)} for one in before],
        }
    )


def covered(before: Sequence[Stamp], authority: str, digest: Digest) -> list[Stamp]:
    """Which of the earlier stamps the next one of this authority names: all, if the digest is another one than before;
    else its last one, and those that are two, four, eight … places back: from any stamp to any later one it is a few
    steps, however many lie between."""
    own = [one for one in before if one.authority == authority]
    if not own or own[-1].digest != digest:
        return list(before)
    return [own[-(1 << power)] for power in range(len(own).bit_length())]


def names_note(stamp: Stamp, origin: str, note: bytes) -> bool:
    """The statement is about this checkpoint of this log."""
    said = _read(stamp)
    return (
        said.get("format") == FORMAT
        and said.get("log") == origin
        and said.get("size") == stamp.checkpoint
        and said.get("checkpoint") == _named(note, stamp.digest)
    )


def names_stamp(stamp: Stamp, other: Stamp) -> bool:
    """The statement covers this other stamp."""
    covers = _read(stamp).get("covers")
    named = {"id": other.id, **_named_stamp(other, stamp.digest)}
    return isinstance(covers, list) and named in covers


def _read(stamp: Stamp) -> dict[str, object]:
    try:
        said = orjson.loads(stamp.statement)
    except orjson.JSONDecodeError:
        return {}
    return said if isinstance(said, dict) and canonical(said) == stamp.statement else {}


def _named(data: bytes, digest: Digest) -> str:
    return f"{digest}:{digest_of(data, digest).hex()}"


def _named_stamp(stamp: Stamp, digest: Digest) -> dict[str, str]:
    return {"statement": _named(stamp.statement, digest), "token": _named(stamp.token, digest)}
