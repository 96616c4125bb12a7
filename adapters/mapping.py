"""The mapping language: what an insurer sends, said as data.

A mapping names every field of a format: it is taken (and how it is read), or ignored by name; anything else stops the
record (DIALECTS 0.10). The language has no conditions on insurers. What data cannot say is a named function: a kind
that reads one text, a rule that looks at what was read of a row, a choice of the record that a row becomes.
"""

from collections import abc
from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeAlias

from adapters.drafts import Row
from adapters.problems import reject

if TYPE_CHECKING:
    from adapters.facts import Cells, Facts, SourceRow
    from adapters.repeats import Repeats

Nature = Literal["text", "identifier", "number", "truth", "any", "list"]

Rule: TypeAlias = "Callable[[Facts], None]"
"""Looks at what was read of a row: derives values from it, reports what is wrong with it."""


@dataclass(frozen=True, slots=True)
class Kind:
    """What a field means, and so how its text is read.

    `read` gives the value of a text, `None` for "no value", or raises `Unreadable`. A measured kind is read with the
    unit of its column or dialect: `read(text, unit)`. `nature` says what a JSON value other than text is in its place,
    and whether a spreadsheet's formula can stand there; `list` is one value or a list of such. A `strict` kind judges
    every JSON value itself. `repeats`: the same texts come again and again, so that it is worth to remember them.
    """

    name: str
    read: Callable[..., Any]
    nature: Nature = "text"
    measured: Literal["money", "rate"] | None = None
    strict: bool = False
    repeats: bool = True


@dataclass(frozen=True, slots=True)
class Source:
    """Where one field stands: a path below the row (`BASE_PART/C_PLY_NO`), or a column and its other names `also`.

    `unit` is the unit that the format declares. `required`: without it the row is refused. `when` takes the field only
    if another field, by its place, reads as the text given; else it is ignored. `field` is the name under which a
    problem is reported where it is not the name in the record. `many`: a list of values stands in its place (JSON).
    """

    name: str
    kind: Kind
    required: bool = False
    also: tuple[str, ...] = ()
    unit: str | None = None
    when: tuple[str, str] | None = None
    field: str | None = None
    many: bool = False


@dataclass(frozen=True, slots=True)
class Each:
    """A nested list: one entry for each element at `at`, with its own fields, names to ignore, and rules.

    An entry counts only if one of `if_stated` (names below it) holds a value; without names every entry counts.
    With `several`, the rule that more than one element breaks, the one element is no list but an object of the record;
    `field` is the name under which that is reported where it is not the object's. With `only`, elements that it does
    not hold for are not read here.
    """

    at: str
    takes: "Takes"
    rules: tuple[Rule, ...] = ()
    if_stated: tuple[str, ...] = ()
    asks: abc.Mapping[str, Source] = field(default_factory=dict)
    ignores: frozenset[str] = frozenset()
    several: str | None = None
    field: str | None = None
    only: "Callable[[Cells], bool] | None" = None


Takes: TypeAlias = abc.Mapping[str, Source | Each]


@dataclass(frozen=True, slots=True)
class Shape:
    """One record that a row becomes: `takes` gives its fields, `rules` run in order.

    `shared` fields were read before the choice and belong to this record under the name given. `asks` are fields that
    only the rules need: they are read when a rule asks, and stand in no record. `ignores` is for records with fields of
    their own (`Choice.under`).
    """

    type: str
    takes: Takes = field(default_factory=dict)
    shared: tuple[str, ...] = ()
    asks: abc.Mapping[str, Source] = field(default_factory=dict)
    rules: tuple[Rule, ...] = ()
    ignores: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Choice:
    """Which record a row, or each element of a list in it, becomes.

    `reads` is what all of the records read alike, and is read first. `becomes` names the shape, or gives `None` if
    nothing comes of it or nothing can be told; what is wrong, it says itself. `each` is the place of a list, one record
    for each element; `under` is the place of an object whose fields are those of the chosen record alone.
    """

    becomes: "Callable[[Facts], str | None]"
    shapes: "abc.Mapping[str, Shape | Choice]"
    reads: abc.Mapping[str, Source] = field(default_factory=dict)
    asks: abc.Mapping[str, Source] = field(default_factory=dict)
    each: str | None = None
    under: str | None = None


@dataclass(frozen=True, slots=True)
class Rows:
    """The rows at one place of a format: what is read of each, and the records that it becomes.

    `key` are the fields that name a row (0.9 duplicates), among what is read first or in its first record; `bucket` are
    their sources: rows that agree in the key agree in these. Rows of one `family` repeat each other, wherever they
    stand; without it, those of one place do. `envelope` are the fields that a message's own envelope states.
    """

    choices: tuple[Choice, ...]
    key: tuple[str, ...]
    bucket: tuple[str, ...]
    at: str = ""
    reads: abc.Mapping[str, Source] = field(default_factory=dict)
    rules: tuple[Rule, ...] = ()
    ignores: frozenset[str] = frozenset()
    envelope: tuple[str, ...] = ()
    family: str = ""


@dataclass(frozen=True, slots=True)
class Derived:
    """An identifier that the record type needs and the format lacks, made of the source's own `keys` (SCHEMA, Drafts).

    The same keys give the same identifier at every submission. `prefix` keeps identifiers of different types apart.
    """

    field: str
    prefix: str
    keys: tuple[str, ...]


class Format(Protocol):
    """Bytes to rows: one of `formats`, `tables`, or a format of one's own."""

    @property
    def name(self) -> str:
        """What it is, for people."""

    @property
    def separator(self) -> str:
        """What stands between the names of a path."""

    def open(self, data: bytes, mapping: "Mapping", file_name: str, media_type: str | None) -> "Opened":
        """The rows of a file of this format. Raises `Rejected` or `untrusted.Refused` before the first row."""


class Opened(Protocol):
    """A file whose framing is good. Its rows can be gone through more than once."""

    def rows(self) -> "Iterator[SourceRow | Row]":
        """What is to be translated, and what is said already (totals, rows without a policy number), in order."""

    def buckets(self) -> "Iterator[tuple[int, Hashable]]":
        """Of each row its number and something that rows of the same key have in common; cheap."""

    def columns(self) -> "Iterator[str]":
        """The names of the fields that the file uses, for people."""


@dataclass(frozen=True, slots=True)
class Undecided:
    """Something of a format that a person has to decide: what it is about, what is known, and what could be meant.

    `gateway adapter new` writes these; each goes when its answer stands in the mapping.
    """

    about: str
    question: str
    candidates: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Unfinished:
    """The format of a mapping with open questions: it knows its files, and reads none of them."""

    format: Format
    undecided: tuple[Undecided, ...]

    @property
    def name(self) -> str:
        """What it is, for people."""
        return self.format.name

    @property
    def separator(self) -> str:
        """What stands between the names of a path."""
        return self.format.separator

    def open(self, data: bytes, mapping: "Mapping", file_name: str, media_type: str | None) -> "Opened":
        """Refuses: what nobody decided is not read as anything. Raises `Rejected` by `mapping.undecided`."""
        first = self.undecided[0]
        raise reject("mapping.undecided", "open-question", first.about, count=str(len(self.undecided)))


@dataclass(frozen=True, slots=True)
class Mapping:
    """One insurer's, or one dialect's, format: the file that holds it is its documentation.

    `derives` names, by record type, the identifiers that are made where the format has none. `repeats` judges rows that
    repeat each other where that is not only a matter of `Rows.key`. With anything `undecided` it reads nothing.
    """

    dialect: str
    title: str
    format: Format
    rows: tuple[Rows, ...]
    version: str = "1.0"
    media_types: tuple[str, ...] = ()
    derives: abc.Mapping[str, Derived] = field(default_factory=dict)
    repeats: "Repeats | None" = None
    undecided: tuple[Undecided, ...] = ()

    def __post_init__(self) -> None:
        if self.undecided and not isinstance(self.format, Unfinished):
            object.__setattr__(self, "format", Unfinished(self.format, self.undecided))

    @property
    def id(self) -> str:
        """Dialect and version, as lineage states it."""
        return f"{self.dialect}/{self.version}"


def always(name: str) -> "Callable[[Facts], str | None]":
    """The choice that there is none: a row becomes this shape."""

    def becomes(_: "Facts") -> str | None:
        return name

    return becomes
