"""What was read of one row, while it is read: the values, where each stood, and what is wrong."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from adapters.convert import folded
from adapters.drafts import Lineage
from adapters.mapping import Derived
from adapters.problems import NOTES, Problem, Unreadable

if TYPE_CHECKING:
    from adapters.reading import RowsPlan


@dataclass(slots=True)
class Cells:
    """The raw fields of a row or of a nested element, by name; `where` is its place in the source."""

    where: str
    raws: dict[str, Any]
    lists: dict[str, list["Cells"]] = field(default_factory=dict)
    objects: dict[str, Any] = field(default_factory=dict)
    misplaced: set[str] = field(default_factory=set)  # an object or list stands in the place of a single value


@dataclass(slots=True)
class SourceRow:
    """One row as the format gives it: its number, its raw fields, and what the framing says against it."""

    number: int
    plan: "RowsPlan"
    cells: Cells
    problems: tuple[Problem, ...] = ()


class Step(NamedTuple):
    """How one field is read, prepared for one file."""

    field: str
    key: str
    place: str
    read: Callable[[Any], Any]
    required: bool
    when: tuple[str, str] | None
    shown: str | None


@dataclass(frozen=True, slots=True)
class Scope:
    """What is the same for all rows of a file: whose they are, and which mapping reads them."""

    insurer: str
    mapping: str
    patchable: bool = False
    derives: Mapping[str, Derived] = field(default_factory=dict)


_new = tuple.__new__
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
        self, scope: Scope, cells: Cells, problems: list[Problem], outer: "Facts | None" = None, prefix: str = ""
    ) -> None:
        self.scope = scope
        self.cells = cells
        self.problems = problems
        self.outer = outer
        self.root: str = outer.root if outer is not None else cells.where
        self.prefix = prefix  # of the field in a problem
        self.path = prefix  # of the value in the lineage, list indexes included
        self.values: dict[str, Any] = {}
        self.lineage: dict[str, Lineage] = {}
        self.unread: set[str] = set()
        self.asks: dict[str, Step] = {}  # what a rule may still ask for

    def take(self, steps: tuple[Step, ...]) -> None:
        """Read each of the fields; report what is missing or cannot be read, and go on."""
        raws, values, lineage, mapping = self.cells.raws, self.values, self.lineage, self.scope.mapping
        where, path, misplaced = self.cells.where, self.path, self.cells.misplaced
        for step in steps:
            name, key, place, read, required, when, _ = step
            raw = raws.get(key)
            if raw is not None and raw != "" and (when is None or self._holds(when, step)):
                try:
                    value = read(raw)
                except Unreadable as error:
                    self._report(error, step, raw)
                    continue
                if value is not None:
                    values[name] = value
                    text = raw if type(raw) is str else _as_text(raw)
                    # What Lineage(...) does, without its Python-level call: this line runs for every value.
                    lineage[path + name] = _new(Lineage, (where + place, text, mapping))
                    continue
            if misplaced and key in misplaced:
                self.unread.add(name)
            elif required:
                self._missing(step)

    def ask(self, name: str) -> Any:
        """A field that only a rule needs, read when it asks; `None` if it says nothing, is unread, or not sent."""
        step = self.asks.pop(name, None)
        if step is not None:
            self.take((step,))
        return self.values.get(name)

    def find(self, name: str) -> Any:
        """The value of a field, here or as read before the choice."""
        if name in self.values or self.outer is None:
            return self.values.get(name)
        return self.outer.find(name)

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
                if (basis := outer.lineage.get(outer.path + name)) is not None:
                    self.lineage[self.path + name] = basis
                return
            if name in outer.unread:
                self.unread.add(name)
                return
            outer = outer.outer

    def put(self, name: str, value: Any, source: str, *, of: str | None = None) -> None:
        """A value that follows from others. `of` names the field whose raw text it restates."""
        self.values[name] = value
        basis = self.lineage.get(self.path + of) if of is not None else None
        self.lineage[self.path + name] = basis or Lineage(source, None, self.scope.mapping)

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
