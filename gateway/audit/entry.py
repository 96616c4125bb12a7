"""An entry of the log, as the rows are held against it; and what became of a range of them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from schemas.verification import Check


@dataclass(frozen=True, slots=True)
class Said:
    """What the log says at one place: kind, moment, leaf hash, and the entry's body."""

    index: int
    kind: str
    at: datetime
    hash: bytes
    body: Mapping[str, Any]


@dataclass(slots=True)
class Range:
    """What became of a range of the log: findings, its leaf hashes in one string, and how many rows of each table its
    entries speak of. `marks` are, by table, the first and last place of its rows: they never go back."""

    start: int
    findings: list[Check] = field(default_factory=list)
    hashes: bytes = b""
    rows: dict[str, int] = field(default_factory=dict)
    marks: dict[str, tuple[int, int]] = field(default_factory=dict)

    def count(self, table: str) -> None:
        """An entry has its row."""
        self.rows[table] = self.rows.get(table, 0) + 1

    def mark(self, table: str, place: int) -> bool:
        """A row of the next entry stands here; False if one of an earlier entry stands behind it."""
        first, last = self.marks.get(table, (place, place))
        self.marks[table] = (first, max(last, place))
        return place >= last
