"""What was read of one row, while it is read: the values, where each stood, and what is wrong."""

from collections.abc import Callable, Iterator, Mapping, MutableMapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from adapters.convert import folded
from adapters.drafts import Lineage
from adapters.mapping import Derived
from adapters.problems import NOTES, Problem, Unreadable

if TYPE_CHECKING:
    from adapters.reading import RowsPlan


class Cells:
    """The raw fields of a row or of a nested element, by name; `where` is its place in the source.

    `misplaced` are fields in whose place an object or a list stands instead of a single value.
    """

    __slots__ = ("lists", "misplaced", "objects", "raws", "where")

    def __init__(self, where: str, raws: dict[str, Any], objects: dict[str, Any] | None = None) -> None:
        self.where = where
        self.raws = raws
        self.lists: dict[str, list[Cells]] = {}
        self.objects: dict[str, Any] = {} if objects is None else objects
        self.misplaced: set[str] = set()


class SourceRow(NamedTuple):
    """One row as the format gives it: its number, its raw fields, and what the framing says against it."""

    number: int
    plan: "RowsPlan"
    cells: Cells
    problems: tuple[Problem, ...] = ()


class Readings(dict[str, Any]):
    """What a reader made of the texts that it saw last: lists repeat themselves, and a reader gives the same again.

    Long texts, lists (which become a part of the record) and what cannot be read are not kept. When it is full it
    starts anew, so that a stranger cannot fill the memory.
    """

    __slots__ = ("read",)
    MOST = 2048
    LONGEST = 48

    def __init__(self, read: Callable[[Any], Any]) -> None:
        super().__init__()
        self.read = read

    def __missing__(self, raw: str) -> Any:
        value = self.read(raw)
        if len(raw) <= self.LONGEST and type(value) is not list:
            if len(self) >= self.MOST:
                self.clear()
            self[raw] = value
        return value


class Step(NamedTuple):
    """How one field is read, prepared for one file. `known`, if there is one, remembers what `read` made of texts."""

    field: str
    key: str
    read: Callable[[Any], Any]
    known: Readings | None
    when: tuple[str, str] | None
    required: bool
    place: str
    shown: str | None


class Origins(MutableMapping[str, Lineage]):
    """The lineage of a record's values, by dotted path. An entry is made when it is asked for: `found` keeps, of a
    value that was taken, only its cells and its step.
    """

    __slots__ = ("_mapping", "found")

    def __init__(self, mapping: str) -> None:
        self._mapping = mapping
        self.found: dict[str, Lineage | tuple[Cells, Step]] = {}

    def __getitem__(self, path: str) -> Lineage:
        return self._made(self.found[path])

    def _made(self, entry: Lineage | tuple[Cells, Step]) -> Lineage:
        if isinstance(entry, Lineage):
            return entry
        cells, step = entry
        return Lineage(cells.where + step.place, _as_text(cells.raws[step.key]), self._mapping)

    def __setitem__(self, path: str, entry: Lineage) -> None:
        self.found[path] = entry

    def __delitem__(self, path: str) -> None:
        del self.found[path]

    def __contains__(self, path: object) -> bool:
        return path in self.found

    def __iter__(self) -> Iterator[str]:
        return iter(self.found)

    def __len__(self) -> int:
        return len(self.found)


@dataclass(frozen=True, slots=True)
class Scope:
    """What is the same for all rows of a file: whose they are, and which mapping reads them."""

    insurer: str
    mapping: str
    patchable: bool = False
    derives: Mapping[str, Derived] = field(default_factory=dict)


_SHOWN = 500  # of a raw text, in a problem; the lineage has it whole


class Facts:
    """The values read so far, by field; `unread` are the fields that stand there and could not be read.

    Rules read `values`, put what follows from them, and report. A check runs only if all of its inputs were read.
    """

    __slots__ = (
        "asks",
        "cells",
        "lineage",
        "outer",
        "path",
        "prefix",
        "problems",
        "root",
        "scope",
        "unread",
        "values",
    )

    def __init__(
        self,
        scope: Scope,
        cells: Cells,
        problems: list[Problem],
        outer: "Facts | None" = None,
        prefix: str = "",
        path: str | None = None,
    ) -> None:
        """An entry of a nested list has a `path`, and its lineage in that of the record it is in."""
        self.scope = scope
        self.cells = cells
        self.problems = problems
        self.outer = outer
        self.root: str = outer.root if outer is not None else cells.where
        self.prefix = prefix  # of the field in a problem
        self.path = path or prefix  # of the value in the lineage, list indexes included
        self.values: dict[str, Any] = {}
        self.lineage: Origins = Origins(scope.mapping) if path is None or outer is None else outer.lineage
        self.unread: set[str] = set()
        self.asks: dict[str, Step] = {}  # what a rule may still ask for

    def take(self, steps: tuple[Step, ...]) -> None:
        """Read each of the fields; report what is missing or cannot be read, and go on."""
        cells, values, path = self.cells, self.values, self.path
        raws, found = cells.raws, self.lineage.found
        for step in steps:
            name, key, read, known, when, required, _, _ = step
            raw = raws.get(key)
            if raw is not None and raw != "" and (when is None or self._holds(when, step)):
                try:
                    value = read(raw) if known is None or type(raw) is not str else known[raw]
                except Unreadable as error:
                    self._report(error, step, raw)
                    continue
                if value is not None:
                    values[name] = value
                    found[path + name] = (cells, step)
                    continue
            if cells.misplaced and key in cells.misplaced:
                self.unread.add(name)
            elif required:
                self._missing(step)

    def ask(self, name: str) -> Any:
        """A field that only a rule needs, read when it asks; `None` if it says nothing, is unread, or not sent."""
        if name in self.asks:
            self.take((self.asks.pop(name),))
        return self.values.get(name)

    def find(self, name: str) -> Any:
        """The value of a field, here or as read before the choice."""
        facts: Facts | None = self
        while facts is not None:
            if name in facts.values:
                return facts.values[name]
            facts = facts.outer
        return None

    def was_read(self, *names: str) -> bool:
        """Whether none of the fields is one that could not be read. Absent is read: it says that there is none."""
        return self.unread.isdisjoint(names)

    def says(self, name: str) -> bool:
        """Whether the source states something in this field, here or before the choice, readable or not."""
        if name in self.values or name in self.unread:
            return True
        return self.outer is not None and self.outer.says(name)

    def share(self, name: str) -> None:
        """Make a field that was read before the choice one of this record."""
        outer = self.outer
        while outer is not None:
            if name in outer.values:
                self.values[name] = outer.values[name]
                if (basis := outer.lineage.found.get(outer.path + name)) is not None:
                    self.lineage.found[self.path + name] = basis
                return
            if name in outer.unread:
                self.unread.add(name)
                return
            outer = outer.outer

    def put(self, name: str, value: Any, source: str, *, of: str | None = None) -> None:
        """A value that follows from others. `of` names the field whose raw text it restates."""
        self.values[name] = value
        found = self.lineage.found
        basis = found.get(self.path + of) if of is not None else None
        found[self.path + name] = basis or Lineage(source, None, self.scope.mapping)

    def blame(self, rule: str, reason: str, name: str, **facts: str) -> None:
        """Report what is wrong with a field, or with the row at that field."""
        basis = self._basis(name)
        self.problems.append(
            Problem(
                rule=rule,
                field=self.prefix + name,
                effect="N" if rule in NOTES else "R",
                reason=reason,
                raw=basis.raw[:_SHOWN] if basis and basis.raw is not None else None,
                where=basis.source if basis else self.cells.where,
                facts=facts,
            )
        )

    def _basis(self, name: str) -> Lineage | None:
        facts: Facts | None = self
        while facts is not None:
            if (basis := facts.lineage.get(facts.path + name)) is not None:
                return basis
            facts = facts.outer
        return None

    def _holds(self, when: tuple[str, str], step: Step) -> bool:
        raw = self.cells.raws.get(when[0])
        if raw is None:
            return False
        try:
            return folded_code(raw) == when[1]
        except Unreadable as error:
            self._report(error, step, raw)
            return False

    def _missing(self, step: Step) -> None:
        self.problems.append(
            Problem(
                rule="field.missing",
                field=step.shown or self.prefix + step.field,
                effect="R",
                reason="missing",
                where=self.cells.where + step.place,
            )
        )

    def _report(self, error: Unreadable, step: Step, raw: Any) -> None:
        self.unread.add(step.field)
        where = self.cells.where + step.place
        fix: tuple[Mapping[str, Any], ...] = ()
        if error.fix is not None and self.scope.patchable:
            fix = ({"op": "replace", "path": where[len(self.root) :], "value": error.fix},)
        self.problems.append(
            Problem(
                rule=error.rule,
                field=step.shown or self.prefix + step.field,
                effect="R",
                reason=error.reason,
                raw=_as_text(raw)[:_SHOWN],
                where=where,
                facts=error.facts,
                fix=fix,
            )
        )


def folded_code(raw: Any) -> str | None:
    """A code that decides whether another field is taken."""
    return folded(raw) if isinstance(raw, str) else None


def _as_text(raw: Any) -> str:
    if isinstance(raw, str):
        return str(raw)
    if isinstance(raw, bool):
        return "true" if raw else "false"
    return f"{type(raw).__name__} of {len(raw)}" if isinstance(raw, dict | list | tuple) else str(raw)
