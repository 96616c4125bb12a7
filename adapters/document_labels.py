"""What a page says in labelled lines: `保险单号：PJIA2026…`."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple

from adapters.document_layout import Field, InOrder, Profile
from adapters.document_model import GAP, DocumentKind, Line

# A label starts a line or follows white space or a clause mark; what merely ends like a label is another word.
_BEFORE = r"(?:^|(?<=[\s；;。，,、|]))"
_EITHER_WIDTH = {"（": "[（(]", "）": "[）)]", "：": "[：:]"}


class Stated(NamedTuple):
    """One field as the page states it: which, the text of its value, and where."""

    field: Field
    raw: str
    source: str


class Unclear(NamedTuple):
    """A field whose label stands another number of times than it should: whose value is whose is not known."""

    field: Field
    labels: tuple[str, ...]
    sources: tuple[str, ...]


class _Value(NamedTuple):
    """What stands behind a label."""

    label: str
    raw: str
    source: str


def kinds(lines: Iterable[Line], profile: Profile) -> set[DocumentKind]:
    """The kinds of document that titles on the page name. A title stands on a line of its own."""
    titles = {_compact(title): kind for title, kind in profile.titles.items()}
    found: set[DocumentKind] = set()
    for line in lines:
        text = _compact(line.text)
        if text in titles:
            found.add(titles[text])
        found.update(kind for form, kind in profile.titled if form.fullmatch(text))
    return found


def stated(lines: Sequence[Line], profile: Profile, kind: DocumentKind) -> Iterator[Stated | Unclear]:
    """Every labelled value, line of a known form, and sentence of this kind of document.

    A value ends at the next label of the line, in columns also at their gap. A label without a value states nothing.
    """
    labels = {_compact(label): field for label, field in profile.labels.get(kind, {}).items()}
    in_order = profile.in_order.get(kind, ())
    every = (*profile.labels.get(kind, {}), *(label for one in in_order for label in one.labels))
    found = list(_values(label_pattern(every), lines, profile)) if every else []
    yield from (Stated(labels[one.label], one.raw, one.source) for one in found if one.label in labels and one.raw)
    for expected in in_order:
        yield from _in_order(expected, found)
    for line in lines:
        for stating in profile.stating.get(kind, ()):
            for match in stating.form.finditer(line.text):
                for name, field in stating.fields.items():
                    if match[name]:
                        yield Stated(field, match[name], line.source_of(*match.span(name)))
        yield from _sentences(line, profile.sentences.get(kind, {}))


def _in_order(expected: InOrder, found: Iterable[_Value]) -> Iterator[Stated | Unclear]:
    names = {_compact(label) for label in expected.labels}
    values = [one for one in found if one.label in names]
    if values and len(values) != len(expected.fields):
        for field in expected.fields:
            yield Unclear(field, expected.labels, tuple(one.source for one in values))
        return
    for field, one in zip(expected.fields, values, strict=False):
        if one.raw:
            yield Stated(field, one.raw, one.source)


def names_label(text: str, profile: Profile) -> bool:
    """Whether the text holds a label or a title of any kind: whether it would have been taken."""
    every = [label for labels in profile.labels.values() for label in labels]
    every += [label for several in profile.in_order.values() for one in several for label in one.labels]
    sentences = (sentence for known in profile.sentences.values() for sentence in known)
    return bool(
        (every and label_pattern(tuple(dict.fromkeys(every))).search(text))
        or any(_compact(title) in _compact(text) for title in profile.titles)
        or any(sentence in text for sentence in sentences)
        or any(one.form.search(text) for several in profile.stating.values() for one in several)
    )


@lru_cache(maxsize=64)
def label_pattern(labels: tuple[str, ...]) -> re.Pattern[str]:
    """Any of the labels with its colon; the longest wins; spaces between the characters of a label are nothing."""
    alternatives = "|".join(_spaced(label) for label in sorted(labels, key=len, reverse=True))
    return re.compile(rf"{_BEFORE}(?P<label>{alternatives})[ \u3000]*[：:]")


def _values(pattern: re.Pattern[str], lines: Iterable[Line], profile: Profile) -> Iterator[_Value]:
    """Each label in reading order with what stands behind it, up to the next one, or to a heading in the margin."""
    for line in lines:
        text = line.text
        found = list(pattern.finditer(text))
        ends = [match.start() for match in found[1:]] + [len(text)]
        for match, end in zip(found, ends, strict=False):
            start = match.end() + len(text[match.end() : end]) - len(text[match.end() : end].lstrip())
            gap = text.find(GAP, start, end) if profile.columns else -1
            stop = gap if gap >= 0 else end
            while stop - start > 2 and text[stop - 1] in profile.margins and text[stop - 2].isspace():
                stop = start + len(text[start : stop - 1].rstrip())
            yield _Value(_compact(match["label"]), text[start:stop].strip(), line.source_of(start, stop))


def _sentences(line: Line, sentences: Mapping[str, Field]) -> Iterator[Stated]:
    text = _compact(line.text)
    for sentence, field in sentences.items():
        if sentence in text:
            yield Stated(field, sentence, line.source)


def _spaced(label: str) -> str:
    return "[ \u3000]*".join(_EITHER_WIDTH.get(character, re.escape(character)) for character in label)


def _compact(text: str) -> str:
    """Without white space, brackets and colons in one width: for comparing labels and titles, not values."""
    return "".join(text.split()).replace("(", "（").replace(")", "）").replace(":", "：")
