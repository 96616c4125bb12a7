"""What the reading of a sealed document gives: lines, fields with their places, and what stands in the way."""

from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import field as made
from functools import cache
from pathlib import Path
from typing import Literal

from schemas.rules import Rule, Text, load_rules

RULES = Path(__file__).with_name("rules_document.toml")
GAP = "  "  # between the columns of a line
MAX_PAGES = 200
MAX_CHARACTERS = 1_000_000
MAX_OBJECTS = 100_000  # text objects of a document, elements of an attachment
MAX_PROBLEMS = 1_000

Value = str | bool | tuple[str, ...]
DocumentKind = Literal["policy", "receipt", "statement", "invoice"]


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a page as a reader sees it, pages and lines counted from 1.

    `objects` are the page objects that draw it: where in the text each begins, and its id.
    """

    page: int
    number: int
    text: str
    objects: tuple[tuple[int, str], ...] = ()

    @property
    def source(self) -> str:
        """Where the line stands, for the lineage."""
        return f"page {self.page} line {self.number}"

    def source_of(self, start: int, end: int) -> str:
        """Where a part of the line stands: with the objects that draw it, as far as a format has such."""
        ends = [begin for begin, _ in self.objects[1:]] + [len(self.text)]
        drawing = [
            name for (begin, name), over in zip(self.objects, ends, strict=False) if begin < end and over > start
        ]
        return f"{self.source} object {' '.join(drawing)}" if drawing else self.source


@dataclass(frozen=True, slots=True)
class Found:
    """One stated field: its canonical value, the text as it stands, the place.

    The value is text, a tuple of texts where the field is a list, or a truth value.
    """

    value: Value
    raw: str
    source: str


@dataclass(frozen=True, slots=True)
class DocumentProblem:
    """One thing that is wrong with a document: rule, field by record path if it is about one, reason, place, facts."""

    rule: str
    reason: str
    field: str | None = None
    raw: str | None = None
    where: str | None = None
    facts: Mapping[str, str] = made(default_factory=dict)

    @property
    def detail(self) -> Text:
        """What the reason means, in Chinese and English, from the rule catalogue."""
        return catalogue()[self.rule].reasons[self.reason]


@dataclass(frozen=True, slots=True)
class DocumentFields:
    """What a document states: its kind, its fields by record path, and every problem.

    A field about which the document contradicts itself is in the problems and not in the fields.
    """

    kind: DocumentKind | None = None
    fields: Mapping[str, Found] = made(default_factory=dict)
    problems: tuple[DocumentProblem, ...] = ()


class Unusable(Exception):
    """A document from which nothing can be taken; carries the one problem that says why."""

    def __init__(self, reason: str, where: str | None = None, **facts: str) -> None:
        super().__init__(f"document.unreadable: {reason}")
        self.problem = DocumentProblem("document.unreadable", reason, where=where, facts=facts)


@cache
def catalogue() -> dict[str, Rule]:
    """The rules that the reading of documents emits, by id."""
    return {rule.id: rule for rule in load_rules([RULES])}
