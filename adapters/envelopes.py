"""Messages of the standard schema that came in another form than JSON: read by the standard's own mapping.

The form hands over each message as JSON would have it, as `Entry` objects that know where they stand; places are told
in the form's own terms.
"""

from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from adapters.drafts import Row
from adapters.facts import Cells, SourceRow
from adapters.formats import JsonLayout, Same, fold, unaccounted
from adapters.kinds import json_reader
from adapters.mapping import Mapping, Shape, Source
from adapters.problems import Problem
from adapters.reading import RowsPlan, plan
from adapters.trees import Node, Unknown, json_cells, shape_tree, tree

SCHEMA = "premium-exchange/1.0"


class Entry(dict[str, Any]):
    """An object of a message, and its place in the source: with `/name` behind it, the place of a field."""

    __slots__ = ("where",)
    where: str

    def __init__(self, where: str) -> None:
        super().__init__()
        self.where = where


class Raw:
    """A single value that is not read yet: what stands in the source, and how it becomes the JSON value of its field.

    `read` raises `Unreadable`.
    """

    __slots__ = ("read", "text")

    def __init__(self, text: str, read: Callable[[], Any]) -> None:
        self.text = text
        self.read = read

    def __str__(self) -> str:
        return self.text


def as_json(raw: Any) -> Any:
    """The JSON value of what was handed over. Raises `Unreadable`."""
    if isinstance(raw, Raw):
        return raw.read()
    if isinstance(raw, dict):
        return {name: as_json(item) for name, item in raw.items()}
    if isinstance(raw, list):
        return [as_json(item) for item in raw]
    return raw


class EnvelopeLayout(JsonLayout):
    """How fields stand in a message of another form: by their path, read as in JSON."""

    def reader(self, source: Source) -> Callable[[Any], Any]:
        """As JSON, once it is JSON."""
        read = json_reader(source.kind, source.unit, many=source.many)

        def value(raw: Any) -> Any:
            return read(as_json(raw))

        return value

    def account(self, where: str, value: Any, shape: Shape, under: str) -> tuple[Cells, list[Problem]]:
        """The fields of the record, each where it stands."""
        del where
        unknown = Unknown()
        cells = json_cells(value, _node(Same(shape)), value.where, unknown, f"{under}.")
        _set_places(cells, value)
        return cells, list(unaccounted(unknown, str(value.where)))


@lru_cache(maxsize=64)
def _node(identity: Same) -> Node:
    return shape_tree(identity.value, ".")


def _set_places(cells: Cells, value: Entry) -> None:
    """The entries of lists are where they stand, not where JSON would have them."""
    for at, found in cells.lists.items():
        listed: Any = value
        for name in at.split("."):
            listed = listed[name]
        for inner, item in zip(found, listed, strict=True):
            inner.where = item.where
            _set_places(inner, item)


@dataclass(frozen=True, slots=True)
class EnvelopeFile:
    """A file of messages whose framing is good; `lost` are rows that no message could be made of."""

    messages: list[Entry]
    node: Node
    plan: RowsPlan
    lost: list[Problem] = field(default_factory=list)

    def rows(self) -> Iterator[SourceRow | Row]:
        """Each message with its raw fields and what it holds beyond the standard; then what belongs to none."""
        for number, message in enumerate(self.messages, 1):
            unknown = Unknown()
            cells = json_cells(message, self.node, message.where, unknown)
            problems = unaccounted(unknown, str(message.where)) if unknown else ()
            yield SourceRow(number, self.plan, cells, problems)
        for number, problem in enumerate(self.lost, len(self.messages) + 1):
            yield Row(number, problems=(problem,))

    def buckets(self) -> Iterator[tuple[int, Hashable]]:
        """The message ids, folded."""
        for number, message in enumerate(self.messages, 1):
            yield number, fold(str(message.get("message_id") or ""))

    def columns(self) -> Iterator[str]:
        """The paths of all single values of the messages."""
        for message in self.messages:
            yield from _paths(message)


def _paths(value: dict[str, Any]) -> Iterator[str]:
    for name, item in value.items():
        if isinstance(item, list):
            item = next((part for part in item if isinstance(part, dict)), "")
        if isinstance(item, dict):
            yield from (f"{name}.{path}" for path in _paths(item))
        else:
            yield name


def opened(messages: list[Entry], mapping: Mapping, lost: list[Problem] | None = None) -> EnvelopeFile:
    """The file of these messages, to be read by a mapping whose rows are the standard's."""
    rows = mapping.rows[0]
    return EnvelopeFile(messages, tree(rows, "."), plan(rows, EnvelopeLayout()), lost or [])
