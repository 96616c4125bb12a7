"""What an adapter hands over: rows, their draft records, and where each value came from."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from adapters.problems import Problem


class Lineage(NamedTuple):
    """Where a value came from: the place in the source, what stands there, and the mapping that read it.

    A value that arithmetic, the contract or a derivation gave has no `raw`, and `source` says which it was.
    """

    source: str
    raw: str | None
    mapping: str

    def as_json(self) -> dict[str, str | None]:
        """Plain JSON values."""
        return {"source": self.source, "raw": self.raw, "mapping": self.mapping}


class Draft(NamedTuple):
    """One record as its source states it: canonical JSON values, a field that the source does not carry is absent.

    `lineage` has an entry for each value, by dotted path, list indexes included (`clauses.0.name`). `keys` are what the
    mapping derives a missing identifier from, and `nth` tells apart drafts of one row that state the same keys: what is
    derived must not make two of them one.
    """

    type: str
    record: dict[str, Any]
    lineage: Mapping[str, Lineage]
    keys: tuple[str, ...] = ()
    nth: int = 1


class Row(NamedTuple):
    """One row of a file: its records, or what is wrong with it; row 0 is the file itself.

    `envelope` is what the standard schema's own envelope states (`message_id`, `type`, `sent_at`, `insurer`), as far as
    it could be read; other formats have none.
    """

    row: int
    records: tuple[Draft, ...] = ()
    problems: tuple[Problem, ...] = ()
    envelope: Mapping[str, str] = MappingProxyType({})
