"""Where a fact stands in the transparency log."""

from typing import Any, Literal

from pydantic import AwareDatetime, Field

from schemas.base import Noun

EntryKind = Literal[
    "submission",
    "premium",
    "filing",
    "registry",
    "document",
    "mapping",
    "award",
    "decision",
    "directive",
    "key",
    "erasure",
    "timestamp",
    "inquiry",
    "participant-key",
]


class Leaf(Noun):
    """A place in the log: index from 0, the log's origin line, and the RFC 6962 leaf hash in hex."""

    index: int = Field(ge=0)
    log: str
    hash: str = Field(pattern=r"^[0-9a-f]{64}$")


class Entry(Noun):
    """What is logged about one fact: digests and identities, never personal data. Its canonical form is the leaf."""

    kind: EntryKind
    at: AwareDatetime
    body: dict[str, Any]


class InclusionProof(Noun):
    """RFC 6962 section 2.1.1: the path from a leaf to the root of a tree of `size` leaves; hashes in hex."""

    size: int = Field(ge=1)
    root: str = Field(pattern=r"^[0-9a-f]{64}$")
    path: tuple[str, ...]


class LogProof(Noun):
    """What proves that a fact is in the log: its leaf index, the path, and the signed checkpoint (C2SP) it leads to."""

    leaf_index: int = Field(ge=0)
    log: str
    leaf_hash: str = Field(pattern=r"^[0-9a-f]{64}$")
    checkpoint: str | None = None
    inclusion: InclusionProof | None = None
