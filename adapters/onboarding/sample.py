"""A sample file, looked at: its container, its encoding, where its rows stand, and the fields of them with values."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

Container = Literal["CSV", "TXT", "FIXED", "XLSX", "JSON", "XML"]


MOST_ROWS = 5000
"""How many rows of a sample are looked at. The expected output is of all, and so is what a person decides."""


class NotASample(Exception):
    """A file of which nothing can be made: says why, and what to do."""


@dataclass(slots=True)
class Field:
    """A field of the rows: the name by which a mapping takes it, as printed, with its unit, and what stands in it.

    `values` are the texts that are not blank, each with its place and the number of its row. `percents` counts cells
    whose number format shows percent, which is the cell's own unit.
    """

    name: str
    header: str
    unit: str | None = None
    values: list[tuple[str, str, int]] = field(default_factory=list)
    percents: int = 0
    is_dated: bool = False

    @property
    def texts(self) -> list[str]:
        """The values without their places."""
        return [text for text, _, _ in self.values]


@dataclass(slots=True)
class Listed:
    """A list within rows: its path, and the names below it with a value each."""

    path: str
    fields: dict[str, str]


@dataclass(slots=True)
class Place:
    """Rows at one place of the sample: the path to them, their fields, the lists in them, how many there are."""

    at: str
    fields: list[Field]
    lists: list[Listed] = field(default_factory=list)
    rows: int = 0


@dataclass(slots=True)
class Sample:
    """What a file is. `open_questions` are pairs of what and why that its framing leaves open."""

    path: Path
    container: Container
    encodings: tuple[str, ...]
    places: list[Place]
    unit_line: str | None = None
    group: str = ""
    levels: int = 1
    delimiter: str = ","
    columns: tuple[tuple[int, int, str], ...] = ()
    skip: int = 0
    width: int = 0
    root: str = ""
    namespace: str = ""
    is_lines: bool = False
    outside: tuple[str, ...] = ()
    open_questions: list[tuple[str, str]] = field(default_factory=list)
    said: list[str] = field(default_factory=list)
