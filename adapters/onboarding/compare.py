"""What two readings of a file say differently, field by field, each with the place in the source that it came from."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from adapters.drafts import Row

MISSING = "(nothing)"


@dataclass(frozen=True, slots=True)
class Said:
    """One value, or one problem, of a reading: as text, and where it stands in the source."""

    value: Any
    where: str | None = None
    raw: str | None = None


Reading = Mapping[tuple[Any, ...], Said]
"""By row, record type, which of its kind, and field; of a problem by row, "problem", rule and field."""


@dataclass(frozen=True, slots=True)
class Difference:
    """A field of a row that two readings say differently; `None` where one says nothing."""

    key: tuple[Any, ...]
    one: Said | None
    other: Said | None

    def as_json(self, first: str, second: str) -> dict[str, Any]:
        """Plain JSON values; `first` and `second` name the readings."""
        row, kind, *rest = self.key
        place = {"rule": rest[0], "field": rest[1]} if kind == "problem" else {"type": kind, "field": rest[1]}
        found: dict[str, Any] = {"row": row, **place}
        if kind != "problem":
            found |= {first: self.one and self.one.value, second: self.other and self.other.value}
        else:
            found |= {first: self.one is not None, second: self.other is not None}
        where = next((one for one in (self.other, self.one) if one is not None and one.where is not None), None)
        if where is not None:
            found |= {"where": where.where, "raw": where.raw}
        return found


def reading_of(rows: Iterable[Row]) -> Reading:
    """What a mapping made of a file."""
    found: dict[tuple[Any, ...], Said] = {}
    for row in rows:
        counts: dict[str, int] = {}
        for draft in row.records:
            nth = counts[draft.type] = counts.get(draft.type, 0) + 1
            for path, value in leaves(draft.record):
                origin = _origin(draft.lineage, path)
                where, raw = (origin.source, origin.raw) if origin is not None else (None, None)
                found[row.row, draft.type, nth, path] = Said(value, where, raw)
        for problem in row.problems:
            found[row.row, "problem", problem.rule, problem.field] = Said(problem.reason, problem.where, problem.raw)
    return found


def _origin(lineage: Mapping[str, Any], path: str) -> Any:
    """The lineage of a value, or of the list or object that it is in."""
    while path:
        if path in lineage:
            return lineage[path]
        path = path.rpartition(".")[0]
    return None


def leaves(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """The single values of a record, by dotted path, list indexes included."""
    if isinstance(value, dict):
        for name, item in value.items():
            yield from leaves(item, f"{path}.{name}" if path else name)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from leaves(item, f"{path}.{index}")
    else:
        yield path, value


def differences(one: Reading, other: Reading, *, reasons: bool = True) -> list[Difference]:
    """Where the readings differ, in the order of rows; problems agree by rule and field, and `reasons` if asked."""
    found: list[Difference] = []
    for key in dict.fromkeys((*one, *other)):
        first, second = one.get(key), other.get(key)
        if first is not None and second is not None:
            same = first.value == second.value and type(first.value) is type(second.value)
            if same or (key[1] == "problem" and not reasons):
                continue
        found.append(Difference(key, first, second))
    return sorted(found, key=lambda difference: difference.key[0])
