"""What a page says in labelled lines: `保险单号：PJIA2026…`."""

import re
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from typing import NamedTuple

from adapters.document_model import DocumentKind, Line
from adapters.document_profiles import Field, Profile

# A label starts a line or follows white space or a clause mark; what merely ends like a label is another word.
_BEFORE = r"(?:^|(?<=[\s；;。，,、|]))"
_EITHER_WIDTH = {"（": "[（(]", "）": "[）)]", "：": "[：:]"}


class Stated(NamedTuple):
    """One field as the page states it: which, the text of its value, and where."""

    field: Field
    raw: str
    source: str


def kinds(lines: Iterable[Line], profile: Profile) -> set[DocumentKind]:
    """The kinds of document that titles on the page name. A title stands on a line of its own."""
    titles = {_compact(title): kind for title, kind in profile.titles.items()}
    return {titles[text] for line in lines if (text := _compact(line.text)) in titles}


def stated(lines: Iterable[Line], profile: Profile, kind: DocumentKind) -> Iterator[Stated]:
    """Every labelled value and every sentence of this kind of document, in the order of the lines.

    A value ends at the next label of the line. A label without a value states nothing.
    """
    labels = profile.labels.get(kind, {})
    sentences = profile.sentences.get(kind, {})
    pattern = label_pattern(tuple(labels)) if labels else None
    by_name = {_compact(label): field for label, field in labels.items()}
    for line in lines:
        for name, raw in _values(pattern, line.text) if pattern else ():
            if raw:
                yield Stated(by_name[name], raw, line.source)
        yield from _sentences(line, sentences)


def names_label(text: str, profile: Profile) -> bool:
    """Whether the text holds a label or a title of any kind: whether it would have been taken."""
    every = tuple(dict.fromkeys(label for labels in profile.labels.values() for label in labels))
    sentences = (sentence for known in profile.sentences.values() for sentence in known)
    return bool(
        label_pattern(every).search(text)
        or any(_compact(title) in _compact(text) for title in profile.titles)
        or any(sentence in text for sentence in sentences)
    )


@lru_cache(maxsize=64)
def label_pattern(labels: tuple[str, ...]) -> re.Pattern[str]:
    """Any of the labels with its colon; the longest wins; spaces between the characters of a label are nothing."""
    alternatives = "|".join(_spaced(label) for label in sorted(labels, key=len, reverse=True))
    return re.compile(rf"{_BEFORE}(?P<label>{alternatives})[ \u3000]*[：:]")


def _values(pattern: re.Pattern[str], text: str) -> Iterator[tuple[str, str]]:
    found = list(pattern.finditer(text))
    ends = [match.start() for match in found[1:]] + [len(text)]
    for match, end in zip(found, ends, strict=False):
        yield _compact(match["label"]), text[match.end() : end].strip()


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
