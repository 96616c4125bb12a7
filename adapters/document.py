"""Sealed document to fields: what an e-policy 电子保单 or a premium statement itself says, by a profile.

Sources in order of trust: structured attachment, custom tag, labelled page text (DOMAIN §3.2). Where several state a
field they must agree; nothing is chosen silently. Whether to believe the document is not asked here: seals are judged
elsewhere.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from adapters.document_labels import kinds, names_label, stated
from adapters.document_model import (
    MAX_OBJECTS,
    MAX_PROBLEMS,
    DocumentFields,
    DocumentKind,
    DocumentProblem,
    Found,
    Line,
    Unusable,
    Value,
)
from adapters.document_ofd import Element, OfdContent, path, read_ofd, tag_leaves
from adapters.document_pdf import read_pdf
from adapters.document_profiles import PROFILES, Field, Profile, Tree
from adapters.problems import Unreadable

__all__ = ["PROFILES", "DocumentFields", "DocumentProblem", "Found", "read_document"]

_MAGIC = {b"PK\x03\x04": "application/ofd", b"%PDF": "application/pdf"}


@dataclass(frozen=True, slots=True)
class _Statement:
    """A field as one source states it; `rank` 0 is the most trusted source."""

    rank: int
    path: str
    found: Found


def read_document(profile_code: str, data: bytes, media_type: str) -> DocumentFields:
    """The fields that the document states, by record path (`premium.gross`), and what is wrong with it.

    Amounts, days and identifiers are canonical text, a list field (`clauses.registration_no`) is a tuple, and
    `paid_in_full` a truth value. Bad input is a result: a document from which nothing can be taken has the problem
    `document.unreadable`. Raises KeyError for a profile that does not exist: that is a configuration, not a document.
    """
    profile = PROFILES[profile_code]
    try:
        found = _read(profile, data, media_type)
    except Unusable as error:
        return DocumentFields(problems=(error.problem,))
    return found if len(found.problems) <= MAX_PROBLEMS else replace(found, problems=found.problems[:MAX_PROBLEMS])


def _read(profile: Profile, data: bytes, media_type: str) -> DocumentFields:
    actual = next((name for magic, name in _MAGIC.items() if data.startswith(magic)), "unknown")
    if actual != profile.media or media_type != profile.media:
        raise Unusable("format", expected=profile.media, stated=media_type[:100], actual=actual)
    problems: list[DocumentProblem] = []
    if profile.media == "application/pdf":
        content = OfdContent()
        content.lines, content.hidden, overlaid = read_pdf(data)
        if overlaid:
            problems.append(DocumentProblem("document.overlay", "annotation"))
    else:
        content = read_ofd(data)
    problems.extend(
        DocumentProblem("document.hidden-text", "hidden", raw=line.text[:200], where=line.source)
        for line in content.hidden
        if names_label(line.text, profile) or any(character.isdigit() for character in line.text)
    )
    kind = _kind(profile, content, problems)
    if kind is None:
        return DocumentFields(problems=tuple(problems))
    statements = [*_attached(profile, content, problems), *_tagged(profile, content, problems)]
    statements.extend(_labelled(profile, content.lines, kind, problems))
    if not statements and not problems:
        problems.append(DocumentProblem("document.empty", "nothing-stated"))
    fields = _agreed(statements, problems)
    return DocumentFields(kind, fields, tuple(problems))


def _kind(profile: Profile, content: OfdContent, problems: list[DocumentProblem]) -> DocumentKind | None:
    """What the document is, by its titles and by the roots of what is attached."""
    found = kinds(content.lines, profile)
    found |= {tree.kind for _, root in content.attachments if (tree := _tree(profile, root)) is not None}
    if len(found) == 1:
        return found.pop()
    reason = "several-titles" if found else "no-title"
    problems.append(DocumentProblem("document.kind", reason, facts={"found": ", ".join(sorted(found))}))
    return None


def _attached(profile: Profile, content: OfdContent, problems: list[DocumentProblem]) -> Iterator[_Statement]:
    for name, root in content.attachments:
        tree = _tree(profile, root)
        if tree is None:
            problems.append(DocumentProblem("document.attachment", "unknown-root", where=name))
            continue
        yield from _leaves(tree, name, root, problems)


def _tree(profile: Profile, root: Element) -> Tree | None:
    for tree in profile.attachments:
        if root.tag == (f"{{{tree.namespace}}}{tree.root}" if tree.namespace else tree.root):
            return tree
    return None


def _leaves(tree: Tree, name: str, root: Element, problems: list[DocumentProblem]) -> Iterator[_Statement]:
    """The leaves of an attachment: each is taken, or ignored by name, or a problem."""
    seen: Counter[str] = Counter()
    lists: dict[str, list[tuple[tuple[str, ...], Found]]] = {}
    for place, text in _leaf_texts(root):
        source = f"{name}#/{tree.root}/{place}"
        field = tree.takes.get(place)
        seen[place] += 1
        if field is None or (seen[place] > 1 and not field.many):
            if place not in tree.ignores:
                reason = "unaccounted" if field is None else "repeated"
                problems.append(DocumentProblem("document.attachment", reason, field=place, where=source))
            continue
        for one in _converted(0, field, text, source, problems):
            if field.many and isinstance(one.found.value, tuple):
                lists.setdefault(one.path, []).append((one.found.value, one.found))
            else:
                yield one
    for where, several in lists.items():
        value = tuple(item for items, _ in several for item in items)
        yield _Statement(0, where, Found(value, ";".join(one.raw for _, one in several), several[0][1].source))


def _leaf_texts(root: Element) -> Iterator[tuple[str, str]]:
    """Every leaf and attribute below a root: path without namespaces, text."""
    for count, element in enumerate(root.iter()):
        if count > MAX_OBJECTS:
            raise Unusable("too-large", elements=str(count))
        below = path(element)
        for attribute in element.attrib:
            label = str(attribute).rpartition("}")[2]
            yield (f"{below}/@{label}" if below else f"@{label}"), str(element.attrib[attribute])
        if len(element) == 0:
            yield below, element.text or ""
        elif "".join([element.text or "", *(child.tail or "" for child in element)]).strip():
            yield f"{below}/text()" if below else "text()", element.text or ""


def _tagged(profile: Profile, content: OfdContent, problems: list[DocumentProblem]) -> Iterator[_Statement]:
    for name, root in content.tags:
        for place, text in tag_leaves(root, content.texts):
            if (field := profile.tags.get(place)) is not None:
                yield from _converted(1, field, text, f"{name}#/{place}", problems)


def _labelled(
    profile: Profile, lines: Iterable[Line], kind: DocumentKind, problems: list[DocumentProblem]
) -> Iterator[_Statement]:
    for one in stated(lines, profile, kind):
        yield from _converted(2, one.field, one.raw, one.source, problems)


def _converted(rank: int, field: Field, raw: str, source: str, problems: list[DocumentProblem]) -> Iterator[_Statement]:
    """What the text means; a text that cannot be read is a problem, a text that says "none" states nothing."""
    try:
        value = field.read(raw)
    except Unreadable as error:
        problems.append(
            DocumentProblem(
                "document.value",
                "unreadable",
                field=field.path,
                raw=raw[:200],
                where=source,
                facts={"rule": error.rule, "reason": error.reason},
            )
        )
        return
    if value is None:
        return
    if isinstance(value, str | bool | tuple):
        yield _Statement(rank, field.path, Found(value, raw, source))
        return
    for name, part in value.items():
        yield _Statement(rank, f"{field.path}.{name}", Found(part, raw, source))


def _agreed(statements: Iterable[_Statement], problems: list[DocumentProblem]) -> Mapping[str, Found]:
    """Each field once, from its most trusted source; a field about which two statements differ is left out.

    A field of which one statement could not be read is left out too: that one may have said something else.
    """
    unread = {problem.field for problem in problems if problem.rule == "document.value"}
    by_path: dict[str, list[_Statement]] = {}
    for one in statements:
        by_path.setdefault(one.path, []).append(one)
    fields: dict[str, Found] = {}
    for where, several in by_path.items():
        several.sort(key=lambda one: one.rank)
        different: dict[Value, _Statement] = {}
        for one in several:
            different.setdefault(one.found.value, one)
        if len(different) > 1:
            within = len({one.rank for one in different.values()}) == 1
            problems.append(
                DocumentProblem(
                    "document.label-conflict" if within else "document.sources-disagree",
                    "different-values",
                    field=where,
                    facts={one.found.source: _shown(one.found.value) for one in different.values()},
                )
            )
        elif where not in unread and where.partition(".")[0] not in unread:
            fields[where] = several[0].found
    return fields


def _shown(value: Value) -> str:
    return ", ".join(value) if isinstance(value, tuple) else str(value)
