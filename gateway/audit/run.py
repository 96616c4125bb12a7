"""The whole audit of a database, as of one moment, over all cores: the log, its rows, and what is derived from them."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from functools import lru_cache, partial
from multiprocessing import get_context
from pathlib import Path
from typing import TypeVar

from gateway.access.store import LATER_KEYS, later_key
from gateway.audit import batches, cosignatures, evidence, filing_proposals, participant_keys, proposals
from gateway.audit.derived import DERIVED, judge_counts, judge_derived
from gateway.audit.entry import Range
from gateway.audit.leaves import judge_range
from gateway.audit.schema import judge_schema
from gateway.audit.store import Snapshot, name_snapshot, read_at, rows
from gateway.audit.tables import judge_tables
from gateway.audit.told import reordered
from gateway.audit.tree import Tree
from gateway.ledger.ends import Ended
from gateway.ledger.note import NoteKey
from gateway.participants import Participants, load_participants
from schemas.verification import Check

RANGE = 2048  # entries: some MB of rows, a tenth of a second of work
T = TypeVar("T")
R = TypeVar("R")
Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Database:
    """What to audit: where it is, and who takes part; without `participants` only the log itself is audited.

    `witnesses` are the keys of those who cosign, also of earlier ones. `stores` are where documents may be, besides
    the database. `ends` are the planned ends of the log's keys, those that were said later are in the database.
    """

    dsn: str
    participants: Path | None = None
    witnesses: tuple[NoteKey, ...] = ()
    stores: tuple[str, ...] = ()
    store_timeout: float = 10.0
    ends: tuple[Ended, ...] = ()


# What no entry of the log speaks of, and what is judged by itself; each is a piece of work for one process.
_APART: Mapping[str, Callable[[Snapshot, Participants, Database], Iterator[Check]]] = {
    "batches": lambda connection, people, _: batches.judge(connection, people),
    "ledger_cosignatures": lambda connection, _, database: cosignatures.judge(connection, database.witnesses),
    "evidence": lambda connection, _, database: evidence.judge(connection, database.stores, database.store_timeout),
    "mapping_proposals": lambda connection, people, _: proposals.judge(connection, people),
    "key_requests": lambda connection, people, _: participant_keys.judge_requests(connection, people),
    "key_approvals": lambda connection, people, _: participant_keys.judge_approvals(connection, people),
    "filing_proposals": lambda connection, people, _: filing_proposals.judge(connection, people),
}


def audit(database: Database, keys: Sequence[NoteKey], *, jobs: int, progress: Progress) -> Iterator[Check]:
    """Every finding. Nothing found, nothing told.

    All of it is one moment of the database, whatever is written meanwhile. `keys` are those of the log, also the
    earlier ones. `progress` is told how many entries of how many are done.
    """
    with read_at(database.dsn) as connection, ExitStack() as stack:
        snapshot = name_snapshot(connection)
        over = _over(jobs, stack)
        tree = Tree(connection, keys, database.ends)
        yield from tree.begin()
        starts = range(0, tree.size, RANGE)
        spoken_of: dict[str, int] = {}
        marks: dict[str, int] = {}
        for part in over(partial(_judge_range, database, snapshot, tree.size), starts):
            yield from part.findings
            yield from tree.grow(part.start, part.hashes)
            yield from _follow(part, marks)
            for table, count in part.rows.items():
                spoken_of[table] = spoken_of.get(table, 0) + count
            progress(min(part.start + RANGE, tree.size), tree.size)
        yield from tree.end()
        if database.participants is not None:
            yield from judge_schema(connection)
            yield from judge_tables(connection)
            yield from judge_counts(connection, spoken_of)
            for found in over(partial(_judge_apart, database, snapshot), (*_APART, *DERIVED)):
                yield from found


def _follow(part: Range, marks: dict[str, int]) -> Iterator[Check]:
    """Rows of later entries stand behind those of earlier ones."""
    for table, (first, last) in part.marks.items():
        if first < marks.get(table, first):
            yield reordered(table, first)
        marks[table] = max(last, marks.get(table, last))


def _over(jobs: int, stack: ExitStack) -> Callable[[Callable[[T], R], Iterable[T]], Iterator[R]]:
    """`map` in the order of its arguments, over so many processes."""
    if jobs < 2:
        return map
    # Not forked: a fork of a process with threads and connections may hang.
    pool = stack.enter_context(ProcessPoolExecutor(jobs, get_context("spawn")))
    return pool.map


def _judge_range(database: Database, snapshot: str, size: int, start: int) -> Range:
    with read_at(database.dsn, snapshot) as connection:
        people = _people_of(connection, database.participants) if database.participants else None
        return judge_range(connection, start, min(start + RANGE, size), people)


def _judge_apart(database: Database, snapshot: str, table: str) -> list[Check]:
    assert database.participants is not None
    with read_at(database.dsn, snapshot) as connection:
        if (judge := _APART.get(table)) is not None:
            return list(judge(connection, _people_of(connection, database.participants), database))
        return list(judge_derived(connection, table))


def _people_of(connection: Snapshot, file: Path) -> Participants:
    """Who takes part by the file, with the keys that were let in later; the log speaks of each of those."""
    people = _people(file)
    people.adopt(later_key(row) for row in rows(connection, LATER_KEYS))
    return people


@lru_cache(1)
def _people(file: Path) -> Participants:
    return load_participants(file)
