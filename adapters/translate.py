"""Bytes in an insurer's own format to draft records of the standard schema, row by row."""

import json
from collections.abc import Hashable, Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256
from types import MappingProxyType
from typing import Any

from adapters.drafts import Draft, Row
from adapters.facts import Facts, Scope, SourceRow
from adapters.formats import JsonMessages
from adapters.insurers import MAPPINGS
from adapters.mapping import Mapping as InsurerMapping
from adapters.mapping import Opened, Rows
from adapters.problems import Problem, Rejected, refused
from adapters.reading import read_row
from untrusted import Refused


def translate(
    code: str, data: bytes, *, insurer: str | None = None, media_type: str | None = None, file_name: str = ""
) -> Iterator[Row]:
    """The rows of `data`, read by the mapping registered as `code`: drafts with lineage, or every problem at once.

    `insurer` is whose file it is, where that is not the mapping's own code: it names "ourselves" in co-insurance, and
    the standard schema's envelope must name it. A row is all or nothing; a file that is refused is one row, number 0.
    Nothing is given before the whole file's framing is known to be good. Raises `KeyError` for an unknown code.
    """
    return translate_with(MAPPINGS[code], data, insurer=insurer or code, media_type=media_type, file_name=file_name)


def translate_with(
    mapping: InsurerMapping, data: bytes, *, insurer: str, media_type: str | None = None, file_name: str = ""
) -> Iterator[Row]:
    """The same, with a mapping that need not be registered."""
    try:
        opened = mapping.format.open(data, mapping, file_name, media_type)
    except Refused as error:
        yield Row(0, problems=(refused(error),))
        return
    except Rejected as error:
        yield Row(0, problems=(error.problem,))
        return
    scope = Scope(insurer, mapping.id, isinstance(mapping.format, JsonMessages), mapping.derives)
    twice = _repeated(opened, scope)
    for row in opened.rows():
        if isinstance(row, Row):
            yield row
            continue
        drafts, problems, facts = read_row(row, scope)
        if twice and (again := twice.get(row.number)) is not None:
            drafts, problems = [], [*problems, again]
        envelope = _envelope(row.plan.rows, facts) if row.plan.rows.envelope else _NONE
        yield Row(row.number, tuple(drafts), tuple(problems), envelope)


_NONE: Mapping[str, str] = MappingProxyType({})


def _envelope(rows: Rows, facts: Facts) -> dict[str, str]:
    return {name: facts.values[name] for name in rows.envelope if name in facts.values}


@dataclass(slots=True)
class _Group:
    """The rows of one key: their numbers, and whether their records are equal."""

    numbers: list[int]
    where: list[str]
    records: bytes
    field: str
    raw: str
    equal: bool = True


def _repeated(opened: Opened, scope: Scope) -> dict[int, Problem]:
    """DIALECTS 0.9, duplicates: what is wrong with rows whose key stands in another row too, by row number.

    Only rows that agree in a cheap bucket are read twice, and of these only their numbers are kept.
    """
    shared = _in_one_bucket(opened)
    if not shared:
        return {}
    groups: dict[Hashable, _Group] = {}
    for row in opened.rows():
        if isinstance(row, SourceRow) and row.number in shared:
            drafts, problems, facts = read_row(row, scope)
            if all(problem.effect == "N" for problem in problems):
                _group(groups, row, drafts, facts)
    found: dict[int, Problem] = {}
    for group in groups.values():
        refused_from = 1 if group.equal else 0  # of equal rows the first stays
        for number, where in zip(group.numbers[refused_from:], group.where[refused_from:], strict=True):
            found[number] = _again(group, where)
    return found


def _in_one_bucket(opened: Opened) -> set[int]:
    first: dict[Hashable, int] = {}
    shared: set[int] = set()
    for number, bucket in opened.buckets():
        before = first.setdefault(bucket, number)
        if before != number:
            shared.update((before, number))
    return shared


def _group(groups: dict[Hashable, _Group], row: SourceRow, drafts: list[Draft], facts: Facts) -> None:
    names = row.plan.rows.key
    key = tuple(_key_value(name, drafts, facts) for name in names)
    if not any(key):
        return
    stated = json.dumps([[draft.type, draft.record] for draft in drafts], sort_keys=True)
    records = sha256(stated.encode()).digest()
    field, raw = next((name, str(value)) for name, value in zip(names[::-1], key[::-1], strict=True) if value)
    identity = (row.plan.rows.family or row.plan.rows.at, key)
    group = groups.get(identity)
    if group is None:
        groups[identity] = _Group([row.number], [row.cells.where], records, field, raw)
        return
    group.numbers.append(row.number)
    group.where.append(row.cells.where)
    group.equal = group.equal and group.records == records


def _key_value(name: str, drafts: list[Draft], facts: Facts) -> Any:
    value = facts.values.get(name)
    return drafts[0].record.get(name) if value is None and drafts else value


def _again(group: _Group, where: str) -> Problem:
    others = ", ".join(map(str, group.numbers[:10]))
    rule, reason = ("row.duplicate", "same-record") if group.equal else ("row.conflict", "same-key-other-record")
    return Problem(rule, group.field, "R", reason, raw=group.raw, where=where, facts={"rows": others})
