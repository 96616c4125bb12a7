"""Rows that repeat each other (DIALECTS 0.9, duplicates): equal ones leave the first, others none."""

import json
from collections.abc import Callable, Hashable, Iterable, Iterator
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, NamedTuple, TypeAlias

from adapters.drafts import Draft
from adapters.facts import Facts, SourceRow
from adapters.problems import Problem


class Reading(NamedTuple):
    """A row that nothing is wrong with, and what was read of it."""

    row: SourceRow
    drafts: list[Draft]
    facts: Facts


Verdicts: TypeAlias = dict[int, Problem | str]
"""By row number: what is wrong with the row, or the type of the record that an earlier row has stated already."""

Repeats: TypeAlias = Callable[[Iterator[Reading]], Verdicts]
"""Judges the rows of a file that may repeat each other: those that share a bucket and are not refused already."""


class Entry(NamedTuple):
    """A row as one of its key: `field` names what repeats, `raw` is its text, `records` what the row states."""

    number: int
    where: str
    key: Hashable
    field: str
    raw: str
    records: bytes


@dataclass(slots=True)
class _Group:
    """The rows of one key: their numbers, and whether their records are equal."""

    first: Entry
    numbers: list[int]
    where: list[str]
    equal: bool = True


def same_records(readings: Iterator[Reading]) -> Verdicts:
    """The usual judgement: rows of one key (`Rows.key`) are one record, or contradict each other."""
    return same_key(entry for reading in readings if (entry := _entry(reading)) is not None)


def same_key(entries: Iterable[Entry]) -> Verdicts:
    """What is wrong with rows whose key stands in another row too. Of equal rows the first stays."""
    groups: dict[Hashable, _Group] = {}
    for entry in entries:
        group = groups.get(entry.key)
        if group is None:
            groups[entry.key] = _Group(entry, [entry.number], [entry.where])
            continue
        group.numbers.append(entry.number)
        group.where.append(entry.where)
        group.equal = group.equal and group.first.records == entry.records
    found: Verdicts = {}
    for group in groups.values():
        rule, reason = ("row.duplicate", "same-record") if group.equal else ("row.conflict", "same-key-other-record")
        if len(group.numbers) > 1:
            refused_from = 1 if group.equal else 0
            for number, where in zip(group.numbers[refused_from:], group.where[refused_from:], strict=True):
                found[number] = again(rule, reason, group.first, where, group.numbers)
    return found


def again(rule: str, reason: str, entry: Entry, where: str, numbers: list[int]) -> Problem:
    """A row that repeats others, which it names."""
    others = ", ".join(map(str, numbers[:10]))
    return Problem(rule, entry.field, "R", reason, raw=entry.raw, where=where, facts={"rows": others})


def stated(value: Any) -> bytes:
    """JSON values as a digest: equal for equal values, and small."""
    return sha256(json.dumps(value, sort_keys=True).encode()).digest()


def records(drafts: list[Draft]) -> bytes:
    """What the records of a row state."""
    return stated([[draft.type, draft.record] for draft in drafts])


def _entry(reading: Reading) -> Entry | None:
    row, drafts, facts = reading
    names = row.plan.rows.key
    key = tuple(_key_value(name, drafts, facts) for name in names)
    if not any(key):
        return None
    field, raw = next((name, str(value)) for name, value in zip(names[::-1], key[::-1], strict=True) if value)
    identity = (row.plan.rows.family or row.plan.rows.at, key)
    return Entry(row.number, row.cells.where, identity, field, raw, records(drafts))


def _key_value(name: str, drafts: list[Draft], facts: Facts) -> Any:
    value = facts.values.get(name)
    return drafts[0].record.get(name) if value is None and drafts else value
