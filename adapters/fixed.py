"""Groups of fixed width that follow one another, ACORD AL3: tag, length, and columns counted from 1 (DIALECTS 8).

A row is a `2TRG` group with the groups behind it. A field is named by its group and columns, `5BPI/31-55`; its place in
the source is the range of its bytes, counted from 0, ends included.
"""

import re
from collections.abc import Callable, Hashable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from adapters.drafts import Row
from adapters.facts import Cells, SourceRow
from adapters.kinds import reader
from adapters.mapping import Mapping as InsurerMapping
from adapters.mapping import Shape, Source
from adapters.problems import Problem, reject
from adapters.reading import RowsPlan, plan
from adapters.tables import fold
from untrusted import DEFAULT, Refused, decode

_LENGTH = re.compile(r"[0-9]{3}")
_LEAST = 14
_TAG = 4
_HEADER = 30  # columns 8 to 30 are the group's own header
FIRST, ROW, LAST = "1MHG", "2TRG", "3MTG"
_COUNT = (8, 14)  # of the last group, columns 9 to 14: how many rows there are
MORE = "more than one"
"""Under this name a row keeps the tags of the groups that it has several of (`Cells.objects`)."""


@dataclass(frozen=True, slots=True)
class Group:
    """A group of the format: its length, its columns (first and last), and whether several may stand in a row."""

    length: int
    columns: tuple[tuple[int, int], ...] = ()
    ignored: bool = False
    several: bool = False

    def cut(self, tag: str) -> "Cut":
        """How such a group is cut into its columns, and what is left of it."""
        rest: list[tuple[int, int]] = []
        at = _HEADER
        for first, last in sorted(self.columns):
            if first - 1 > at:
                rest.append((at, first - 1))
            at = max(at, last)
        if at < self.length:
            rest.append((at, self.length))
        names = (f"{tag}/{first}-{last}" if last > first else f"{tag}/{first}" for first, last in self.columns)
        return Cut(tuple(names), tuple((first - 1, last) for first, last in self.columns), tuple(rest))


class Cut(NamedTuple):
    """The columns of a group by name, where they stand in it, and the places that no column takes, from 0."""

    names: tuple[str, ...]
    columns: tuple[tuple[int, int], ...]
    rest: tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class FixedGroups:
    """A text of groups, by tag; the first is `1MHG`, the last `3MTG` with the number of rows."""

    groups: Mapping[str, Group] = field(default_factory=dict)
    name: str = "AL3"
    separator: str = "/"

    def open(self, data: bytes, mapping: InsurerMapping, file_name: str, media_type: str | None) -> "FixedFile":
        """The rows of the file, once its groups are complete and as many as it states."""
        del file_name, media_type
        if len(data) > DEFAULT.file_bytes:
            raise Refused("file.too-large", "bytes", f"{len(data)} bytes are too many.")
        text = decode(data, frozenset({"ascii"}))
        if not text.startswith(FIRST):
            raise reject("dialect.unrecognised", "no-first-group")
        found = list(self._groups(text))
        if found[-1].tag != LAST:
            raise reject("dialect.unrecognised", "no-last-group", where=f"bytes {found[-1].at}")
        rows = [index for index, one in enumerate(found) if one.tag == ROW]
        before = next((one for one in found[1 : rows[0] if rows else -1]), None)
        if before is not None:
            raise reject("field.unaccounted", "unknown", before.tag, f"bytes {before.at}")
        stated = text[found[-1].at + _COUNT[0] : found[-1].at + _COUNT[1]]
        if not stated.isdigit() or int(stated) != len(rows):
            where = f"bytes {found[-1].at}"
            raise reject("file.count-mismatch", "another-count", where=where, stated=stated, found=str(len(rows)))
        ends = [*rows[1:], len(found) - 1]
        transactions = [tuple(found[start:end]) for start, end in zip(rows, ends, strict=True)]
        return FixedFile(text, transactions, self.groups, plan(mapping.rows[0], FixedLayout()))

    def _groups(self, text: str) -> Iterator["Found"]:
        """Each group with its place; line ends between groups are nothing."""
        at = 0
        while at < len(text):
            if text[at] in "\r\n":
                at += 1
                continue
            tag, stated = text[at : at + _TAG], text[at + _TAG : at + _TAG + 3]
            length = int(stated) if _LENGTH.fullmatch(stated) else 0
            known = self.groups.get(tag)
            if length < _LEAST or at + length > len(text) or (known is not None and known.length != length):
                raise reject("al3.length", "length", where=f"bytes {at}", group=_shown(tag), length=_shown(stated))
            yield Found(_shown(tag), at, length)
            at += length


class Found(NamedTuple):
    """A group where it stands: its tag, the offset of its first byte, its length."""

    tag: str
    at: int
    length: int


def _shown(text: str) -> str:
    return "".join(character if character.isprintable() else "?" for character in text)


class GroupsPlace(str):
    """A row by its bytes; with a field behind it, the bytes of that field."""

    __slots__ = ("offsets",)
    offsets: dict[str, int]

    def __new__(cls, groups: tuple[Found, ...]) -> "GroupsPlace":
        """The row from its first group to the end of its last."""
        self = super().__new__(cls, f"bytes {groups[0].at}-{groups[-1].at + groups[-1].length - 1}")
        self.offsets = {one.tag: one.at for one in reversed(groups)}
        return self

    def __add__(self, name: str) -> str:
        """`bytes 414-438, 5BPI/31-55`; a field of a group that the row lacks has only its name."""
        tag, _, columns = name.partition("/")
        first, _, last = columns.partition("-")
        at = self.offsets.get(tag)
        if at is None:
            return f"{self!s}, {name}"
        return f"bytes {at + int(first) - 1}-{at + int(last or first) - 1}, {name}"


def _bytes_of(one: Found) -> str:
    return f"bytes {one.at}-{one.at + one.length - 1}"


class FixedLayout:
    """How fields stand in groups: a range of columns, read as text without the blanks around it."""

    def place(self, source: Source) -> str | None:
        """The group and its columns."""
        return source.name

    def reader(self, source: Source) -> Callable[[Any], Any]:
        """As text, in the unit that the format declares."""
        return reader(source.kind, source.unit)

    def account(self, where: str, value: Any, shape: Shape, under: str) -> tuple[Cells, list[Problem]]:
        """A group has no objects."""
        raise TypeError("a group has no objects")


@dataclass(frozen=True, slots=True)
class FixedFile:
    """A text whose groups are complete: its rows, each the groups from a `2TRG` on."""

    text: str
    transactions: list[tuple[Found, ...]]
    groups: Mapping[str, Group]
    plan: RowsPlan

    def rows(self) -> Iterator[SourceRow | Row]:
        """Each row with its columns, and what stands in it beyond the mapping."""
        cuts = {tag: group.cut(tag) for tag, group in self.groups.items() if not group.ignored}
        for number, groups in enumerate(self.transactions, 1):
            where = GroupsPlace(groups)
            cells = Cells(where, {}, objects={MORE: set()})
            unknown: dict[str, str] = {}
            for one in groups:
                self._read(one, cuts.get(one.tag), cells, unknown)
            problems = tuple(
                Problem("field.unaccounted", tag, "R", "unknown", where=place) for tag, place in unknown.items()
            )
            yield SourceRow(number, self.plan, cells, problems)

    def _read(self, one: Found, cut: Cut | None, cells: Cells, unknown: dict[str, str]) -> None:
        """Take the columns of a group; what is not accounted for goes to `unknown` with its place."""
        if cut is None:
            unknown.setdefault(one.tag, _bytes_of(one))
            return
        text = self.text[one.at : one.at + one.length]
        if any(text[start:end].strip(" ") for start, end in cut.rest):
            unknown.setdefault(one.tag, _bytes_of(one))
        raws = cells.raws
        if cut.names and cut.names[0] in raws:  # such a group stands before it in the row
            if self.groups[one.tag].several:
                cells.objects[MORE].add(one.tag)
            else:
                unknown.setdefault(one.tag, _bytes_of(one))
            return
        for name, (start, end) in zip(cut.names, cut.columns, strict=True):
            raws[name] = text[start:end]

    def buckets(self) -> Iterator[tuple[int, Hashable]]:
        """The key columns of each row, folded."""
        for number, groups in enumerate(self.transactions, 1):
            yield number, tuple(fold(self._column(groups, name)) for name in self.plan.rows.bucket)

    def _column(self, groups: tuple[Found, ...], name: str) -> str:
        tag, _, columns = name.partition("/")
        first, _, last = columns.partition("-")
        at = next((one.at for one in groups if one.tag == tag), None)
        return "" if at is None else self.text[at + int(first) - 1 : at + int(last or first)]

    def columns(self) -> Iterator[str]:
        """The tags of the groups that stand in rows, with their columns."""
        for tag in {one.tag for groups in self.transactions for one in groups}:
            known = self.groups.get(tag)
            if known is None:
                yield tag
            else:
                yield from (
                    f"{tag}/{first}-{last}" if last > first else f"{tag}/{first}" for first, last in known.columns
                )
