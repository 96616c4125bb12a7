"""Bytes in an insurer's own format to draft records of the standard schema, row by row."""

from collections.abc import Collection, Hashable, Iterator, Mapping
from types import MappingProxyType

from adapters.drafts import Row
from adapters.facts import Facts, Scope, SourceRow
from adapters.formats import JsonMessages
from adapters.insurers import MAPPINGS
from adapters.mapping import Mapping as InsurerMapping
from adapters.mapping import Opened, Rows
from adapters.problems import Problem, Rejected, refused
from adapters.reading import read_row
from adapters.repeats import Reading, Verdicts, same_records
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
    yield from rows_of(opened, mapping, insurer, _in_one_bucket(opened))


def rows_of(opened: Opened, mapping: InsurerMapping, insurer: str, shared: Collection[int]) -> Iterator[Row]:
    """The rows of a file whose framing is good. `shared` are the numbers of the rows that may repeat each other."""
    scope = Scope(insurer, mapping.id, isinstance(mapping.format, JsonMessages), mapping.derives)
    twice = _repeated(mapping, opened, scope, shared)
    for row in opened.rows():
        if isinstance(row, Row):
            yield row
            continue
        drafts, problems, facts = read_row(row, scope)
        if twice and (again := twice.get(row.number)) is not None:
            if isinstance(again, Problem):
                drafts, problems = [], [*problems, again]
            else:  # an earlier row states this record
                drafts = [draft for draft in drafts if draft.type != again]
        envelope = _envelope(row.plan.rows, facts) if row.plan.rows.envelope else _NONE
        yield Row(row.number, tuple(drafts), tuple(problems), envelope)


_NONE: Mapping[str, str] = MappingProxyType({})


def _envelope(rows: Rows, facts: Facts) -> dict[str, str]:
    return {name: facts.values[name] for name in rows.envelope if name in facts.values}


def _repeated(mapping: InsurerMapping, opened: Opened, scope: Scope, shared: Collection[int]) -> Verdicts:
    """DIALECTS 0.9, duplicates: what follows for rows that repeat each other, by row number.

    Only rows that agree in a cheap bucket are read twice, and of these only what the judgement keeps.
    """
    return (mapping.repeats or same_records)(_readings(opened, scope, shared)) if shared else {}


def _readings(opened: Opened, scope: Scope, numbers: Collection[int]) -> Iterator[Reading]:
    for row in opened.rows():
        if isinstance(row, SourceRow) and row.number in numbers:
            drafts, problems, facts = read_row(row, scope)
            if all(problem.effect == "N" for problem in problems):
                yield Reading(row, drafts, facts)


def _in_one_bucket(opened: Opened) -> set[int]:
    first: dict[Hashable, int] = {}
    shared: set[int] = set()
    for number, bucket in opened.buckets():
        before = first.setdefault(bucket, number)
        if before != number:
            shared.update((before, number))
    return shared
