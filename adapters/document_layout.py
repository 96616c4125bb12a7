"""What a document profile is made of: titles, labels, lines, attachments, custom tags, and the fields they state."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from adapters.document_model import DocumentKind, Value

Reader = Callable[[str], "Value | Mapping[str, Value] | None"]
Media = Literal["application/ofd", "application/pdf", "application/xml"]
OFD: Media = "application/ofd"
PDF: Media = "application/pdf"
XML: Media = "application/xml"


@dataclass(frozen=True, slots=True)
class Field:
    """One field by its record path, and how its text is read. A reader of a mapping gives the fields below the path,
    or, where the path is empty, fields of the record.

    `many`: the field may be stated several times, each with one value or more; together they are the list.
    """

    path: str
    read: Reader
    many: bool = False


@dataclass(frozen=True, slots=True)
class InOrder:
    """A label that stands once for each of the fields, in reading order: the buyer's 名称, then the seller's.

    It stands in one of its wordings as often as there are fields, or not at all; else nobody knows whose value it is.
    """

    labels: tuple[str, ...]
    fields: tuple[Field, ...]


@dataclass(frozen=True, slots=True)
class Stating:
    """A form of line that states fields without a label and a colon: each named group of it is the text of one."""

    form: re.Pattern[str]
    fields: Mapping[str, Field]


@dataclass(frozen=True, slots=True)
class Tree:
    """A structured part: the namespace and name of its root, its kind, and its leaves by path below the root.

    Each leaf is taken, or ignored by name; anything else is a problem. Attributes are `@name`. `passing` are paths that
    are ignored by their form. Of several structures with one root, `having` is the child of the root that tells this
    one.
    """

    root: str
    kind: DocumentKind
    takes: Mapping[str, Field]
    namespace: str = ""
    ignores: frozenset[str] = frozenset()
    passing: re.Pattern[str] | None = None
    having: str | None = None


@dataclass(frozen=True, slots=True)
class Profile:
    """How the documents of one producer are read.

    `titles` say the kind, and so do lines of the form of `titled`; `labels` are what stands before a value on the page,
    by kind; `sentences` are stated facts without a label: the field is read from the sentence as a whole. `tags` are
    the leaves of the custom tag tree, `datas` the CustomData of OFD.xml by name. In `columns` a value ends where a
    column of the page does; `margins` are the characters of headings that stand upright between the columns.
    `translated` are attachments, by root, that a mapping of that code reads.
    """

    code: str
    media: Media
    titles: Mapping[str, DocumentKind] = field(default_factory=dict)
    labels: Mapping[DocumentKind, Mapping[str, Field]] = field(default_factory=dict)
    sentences: Mapping[DocumentKind, Mapping[str, Field]] = field(default_factory=dict)
    attachments: tuple[Tree, ...] = ()
    tags: Mapping[str, Field] = field(default_factory=dict)
    titled: tuple[tuple[re.Pattern[str], DocumentKind], ...] = ()
    in_order: Mapping[DocumentKind, tuple[InOrder, ...]] = field(default_factory=dict)
    stating: Mapping[DocumentKind, tuple[Stating, ...]] = field(default_factory=dict)
    datas: Mapping[str, Field] = field(default_factory=dict)
    columns: bool = False
    margins: str = ""
    translated: Mapping[str, str] = field(default_factory=dict)
