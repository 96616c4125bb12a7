"""The interpreter of the mapping language: raw fields of a row to draft records and problems.

It knows sources, lists, choices and rules; it knows no insurer and no field.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from itertools import pairwise
from typing import Any, Protocol

from adapters.amounts import Exact
from adapters.drafts import Draft
from adapters.facts import Cells, Facts, Readings, Scope, SourceRow, Step
from adapters.mapping import Choice, Each, Rows, Rule, Shape, Source, Takes
from adapters.problems import Problem
from schemas.money import Yuan


class Layout(Protocol):
    """How the fields of a mapping stand in one file."""

    def place(self, source: Source) -> str | None:
        """What, behind the place of the row, is the place of the field; `None` if this file has no such field."""

    def reader(self, source: Source) -> Callable[[Any], Any]:
        """How the raw field is read in this file: with the unit of its column, with its format's own ways."""

    def account(self, where: str, value: Any, shape: Shape, under: str) -> tuple[Cells, list[Problem]]:
        """The raw fields of an object whose names are those of one shape alone, and what is not among them."""


@dataclass(frozen=True, slots=True)
class EachPlan:
    """A nested list, prepared for one file."""

    name: str
    at: str
    steps: tuple[Step, ...]
    nested: tuple["EachPlan", ...]
    asks: Mapping[str, Step]
    rules: tuple[Rule, ...]
    if_stated: tuple[Step, ...]
    several: str | None
    field: str
    only: Callable[[Cells], bool] | None


@dataclass(frozen=True, slots=True)
class ShapePlan:
    """A record, prepared for one file."""

    shape: Shape
    type: str
    shared: tuple[str, ...]
    rules: tuple[Rule, ...]
    steps: tuple[Step, ...]
    nested: tuple[EachPlan, ...]
    asks: Mapping[str, Step]


@dataclass(frozen=True, slots=True)
class ChoicePlan:
    """A choice, prepared for one file."""

    becomes: Callable[[Facts], str | None]
    each: str | None
    under: str | None
    reads: tuple[Step, ...]
    asks: Mapping[str, Step]
    shapes: Mapping[str, "ShapePlan | ChoicePlan"]


@dataclass(frozen=True, slots=True)
class RowsPlan:
    """The rows of one place, prepared for one file."""

    rows: Rows
    layout: Layout
    reads: tuple[Step, ...]
    choices: tuple[ChoicePlan, ...]


def plan(rows: Rows, layout: Layout) -> RowsPlan:
    """How rows of this place are read in this file: each source with its place and its reader."""
    return RowsPlan(
        rows, layout, _steps(rows.reads, layout), tuple(_choice_plan(choice, layout) for choice in rows.choices)
    )


def read_row(row: SourceRow, scope: Scope) -> tuple[list[Draft], list[Problem], Facts]:
    """The draft records of one row and everything that is wrong with it. One problem of effect R, and no record."""
    prepared, cells = row.plan, row.cells
    problems = list(row.problems)
    facts = Facts(scope, cells, problems)
    facts.take(prepared.reads)
    for rule in prepared.rows.rules:
        rule(facts)
    drafts: list[Draft] = []
    for choice in prepared.choices:
        if choice.each is not None:
            for element in cells.lists.get(choice.each, ()):
                _choose(choice, Facts(scope, element, problems, facts), prepared.layout, drafts)
        elif choice.reads or choice.asks:
            _choose(choice, Facts(scope, cells, problems, facts), prepared.layout, drafts)
        else:
            _choose(choice, facts, prepared.layout, drafts)
    if problems and any(problem.effect != "N" for problem in problems):
        return [], problems, facts
    if len(drafts) > 1 and any(_PLACE[one.type] >= _PLACE[other.type] for one, other in pairwise(drafts)):
        drafts = sorted(_counted(drafts), key=_place)
    return drafts, problems, facts


# DIALECTS 0.1; within a type, source order. Other types come alone.
_ORDER = ("policy", "endorsement", "cancellation", "premium_receipt", "premium_refund", "invoice")
_PLACE = {name: place for place, name in enumerate(_ORDER)}


def _place(draft: Draft) -> int:
    return _PLACE[draft.type]


def _counted(drafts: list[Draft]) -> list[Draft]:
    """Records of one row with the same keys are not one record: each after the first is counted."""
    counted: list[Draft] = []
    seen: dict[tuple[str, tuple[str, ...]], int] = {}
    for draft in drafts:
        nth = seen[draft.type, draft.keys] = seen.get((draft.type, draft.keys), 0) + 1
        counted.append(Draft(draft.type, draft.record, draft.lineage, draft.keys, nth) if nth > 1 else draft)
    return counted


def _choose(prepared: ChoicePlan, facts: Facts, layout: Layout, drafts: list[Draft]) -> None:
    """Add the record that is chosen, if one is."""
    if prepared.reads:
        facts.take(prepared.reads)
    if prepared.asks:
        facts.asks = dict(prepared.asks)
    name = prepared.becomes(facts)
    if name is None:
        return
    target = prepared.shapes[name]
    cells = facts.cells
    if isinstance(target, ChoicePlan):
        _choose(target, Facts(facts.scope, cells, facts.problems, facts), layout, drafts)
        return
    if (under := prepared.under) is not None:
        if under not in cells.objects:
            facts.blame("field.missing", "missing", under)
        if (value := cells.objects.get(under)) is None:  # something else stands there, and is reported
            return
        cells, problems = layout.account(cells.where, value, target.shape, under)
        facts.problems.extend(problems)
    drafts.append(_record(target, Facts(facts.scope, cells, facts.problems, facts)))


def _record(prepared: ShapePlan, facts: Facts) -> Draft:
    for name in prepared.shared:
        facts.share(name)
    facts.take(prepared.steps)
    for nested in prepared.nested:
        if nested.at in facts.cells.lists:
            _entries(nested, facts)
    values = facts.values
    if prepared.asks:
        facts.asks = dict(prepared.asks)
    for rule in prepared.rules:
        rule(facts)
    if prepared.asks:
        found = facts.lineage.found
        for name in prepared.asks:
            if name in values:
                del values[name]
                found.pop(name, None)
    keys: tuple[str, ...] = ()
    if (derived := facts.scope.derives.get(prepared.type)) is not None:
        keys = tuple([_key(facts.find(name)) for name in derived.keys])
    return Draft(prepared.type, nested_record(values), facts.lineage, keys)


def _key(value: Any) -> str:
    if type(value) is str:
        return value
    return "" if value is None else str(written(value))


def _entries(prepared: EachPlan, facts: Facts) -> None:
    """Read a nested list into the field that is named for it; an entry without any value is none."""
    found = facts.cells.lists.get(prepared.at)
    if found and prepared.only is not None:
        found = [cells for cells in found if prepared.only(cells)]
    if not found:
        return
    name = prepared.name
    if prepared.several is not None and len(found) > 1:
        facts.blame(prepared.several, "more-than-one", prepared.field)
        return
    entries: list[dict[str, Any]] = []
    for cells in found:
        if prepared.if_stated and not _any_stated(cells, prepared.if_stated):
            continue
        path = f"{facts.path}{name}." if prepared.several else f"{facts.path}{name}.{len(entries)}."
        entry = Facts(facts.scope, cells, facts.problems, facts, f"{facts.prefix}{name}.", path)
        entry.take(prepared.steps)
        for nested in prepared.nested:
            _entries(nested, entry)
        if prepared.asks:
            entry.asks = dict(prepared.asks)
        for rule in prepared.rules:
            rule(entry)
        for asked in prepared.asks:
            if asked in entry.values:
                del entry.values[asked]
                entry.lineage.found.pop(path + asked, None)
        if entry.unread:
            facts.unread.update(f"{name}.{field}" for field in entry.unread)
        if entry.values:
            entries.append(entry.values)
    if entries and prepared.several is not None:
        facts.values.update((f"{name}.{field}", value) for field, value in entries[0].items())
    elif entries:
        facts.values[name] = entries


def _any_stated(cells: Cells, steps: tuple[Step, ...]) -> bool:
    """Whether one of the fields holds a value, readable or not."""
    for step in steps:
        probe = Facts(_NOBODY, cells, [])
        probe.take((step,))
        if probe.says(step.field):
            return True
    return False


_NOBODY = Scope("", "")


def nested_record(values: Mapping[str, Any]) -> dict[str, Any]:
    """Values by dotted name as nested JSON values: money, days and decimals as their one text."""
    record: dict[str, Any] = {}
    for name, value in values.items():
        kind = type(value)
        if kind is not str:
            if kind is Yuan:
                value = _yuan(value.fen)
            elif (write := _WRITTEN.get(kind)) is not None:
                value = write(value)
        group, leaf = _place_of(name)
        if group is None:
            record[name] = value
        elif type(group) is str:
            if group in record:
                record[group][leaf] = value
            else:
                record[group] = {leaf: value}
        else:
            target = record
            for one in group:
                target = target.setdefault(one, {})
            target[leaf] = value
    return record


@lru_cache(maxsize=1024)
def _place_of(name: str) -> tuple[str | tuple[str, ...] | None, str]:
    """The objects that a value stands in: none, one, or several; and its own name."""
    *groups, leaf = name.split(".")
    return (tuple(groups) if len(groups) > 1 else groups[0] if groups else None), leaf


@lru_cache(maxsize=16384)
def _yuan(fen: int) -> str:
    return str(Yuan(fen))


def written(value: Any) -> Any:
    """The JSON value of one value: text, numbers and what is passed on as they are."""
    write = _WRITTEN.get(type(value))
    return value if write is None else write(value)


def _written_list(values: list[Any]) -> list[Any]:
    return [nested_record(item) if type(item) is dict else written(item) for item in values]


_WRITTEN: dict[type, Callable[[Any], Any]] = {
    Yuan: str,
    Exact: lru_cache(maxsize=4096)(str),
    date: date.isoformat,
    list: _written_list,
}


def _steps(takes: Takes, layout: Layout) -> tuple[Step, ...]:
    return tuple(
        step
        for name, source in takes.items()
        if isinstance(source, Source) and (step := _step(name, source, layout)) is not None
    )


def _step(name: str, source: Source, layout: Layout) -> Step | None:
    place = layout.place(source)
    if place is None:
        return None
    read = layout.reader(source)
    known = Readings(read) if source.kind.repeats else None
    return Step(name, source.name, read, known, source.when, source.required, place, source.field)


def _asks(asks: Mapping[str, Source], layout: Layout) -> dict[str, Step]:
    return {step.field: step for step in _steps(asks, layout)}


def _nested(takes: Takes, layout: Layout) -> tuple[EachPlan, ...]:
    return tuple(_each_plan(name, each, layout) for name, each in takes.items() if isinstance(each, Each))


def _each_plan(name: str, each: Each, layout: Layout) -> EachPlan:
    steps = _steps(each.takes, layout)
    return EachPlan(
        name=name,
        at=each.at,
        steps=steps,
        nested=_nested(each.takes, layout),
        asks=_asks(each.asks, layout),
        rules=each.rules,
        if_stated=tuple(step for step in steps if step.key in each.if_stated),
        several=each.several,
        field=each.field or name,
        only=each.only,
    )


def _choice_plan(choice: Choice, layout: Layout) -> ChoicePlan:
    shapes: dict[str, ShapePlan | ChoicePlan] = {}
    for name, target in choice.shapes.items():
        if isinstance(target, Choice):
            shapes[name] = _choice_plan(target, layout)
        else:
            shapes[name] = _shape_plan(target, layout)
    return ChoicePlan(
        becomes=choice.becomes,
        each=choice.each,
        under=choice.under,
        reads=_steps(choice.reads, layout),
        asks=_asks(choice.asks, layout),
        shapes=shapes,
    )


def _shape_plan(shape: Shape, layout: Layout) -> ShapePlan:
    return ShapePlan(
        shape=shape,
        type=shape.type,
        shared=shape.shared,
        rules=shape.rules,
        steps=_steps(shape.takes, layout),
        nested=_nested(shape.takes, layout),
        asks=_asks(shape.asks, layout),
    )
