"""What each source of a document states about its fields: attachments, custom tags, CustomData, the page."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from lxml import etree

from adapters.document_labels import Unclear, stated
from adapters.document_layout import Field, Profile, Tree
from adapters.document_model import MAX_OBJECTS, DocumentKind, DocumentProblem, Found, Line, Unusable
from adapters.document_ofd import Element, OfdContent, path, tag_leaves
from adapters.problems import Unreadable
from adapters.translate import translate

ATTACHED, TAGGED, PRINTED, BESIDE = range(4)  # the most trusted source first


@dataclass(frozen=True, slots=True)
class Statement:
    """A field as one source states it."""

    rank: int
    path: str
    found: Found


def tree_of(profile: Profile, root: Element) -> Tree | None:
    """The registered structure that an attachment is."""
    for tree in profile.attachments:
        name = f"{{{tree.namespace}}}{tree.root}" if tree.namespace else tree.root
        if root.tag == name and (tree.having is None or root.find(f"{{*}}{tree.having}") is not None):
            return tree
    return None


def attached(profile: Profile, content: OfdContent, problems: list[DocumentProblem]) -> Iterator[Statement]:
    """What the attachments state: all of their leaves are accounted for."""
    for name, root in content.attachments:
        if (tree := tree_of(profile, root)) is not None:
            yield from _leaves(tree, name, root, problems)
        elif (code := profile.translated.get(str(root.tag))) is not None:
            yield from translated(code, etree.tostring(root, encoding="UTF-8"), f"{name}#", problems)
        else:
            problems.append(DocumentProblem("document.attachment", "unknown-root", where=name))


def translated(code: str, data: bytes, at: str, problems: list[DocumentProblem]) -> Iterator[Statement]:
    """What the one record of a structured part states, read by the mapping `code`; `at` goes before each place."""
    rows = list(translate(code, data))
    refusals = [problem for row in rows for problem in row.problems if problem.effect != "N"]
    drafts = [draft for row in rows for draft in row.records]
    for problem in refusals:
        if problem.effect == "F":
            raise Unusable("container", at or None, refused=problem.rule, because=problem.reason)
        problems.append(
            DocumentProblem(
                "document.value",
                "unreadable",
                field=problem.field,
                raw=None if problem.raw is None else problem.raw[:200],
                where=f"{at}{problem.where or ''}",
                facts={"rule": problem.rule, "reason": problem.reason},
            )
        )
    if refusals:
        return
    if len(drafts) != 1:
        raise Unusable("several-documents", at or None, records=str(len(drafts)))
    (draft,) = drafts
    for name, value in _flat(draft.record):
        where = draft.lineage.get(name) or draft.lineage[f"{name}.0"]
        yield Statement(ATTACHED, name, Found(value, where.raw or "", f"{at}{where.source}"))


def _flat(record: dict[str, object], above: str = "") -> Iterator[tuple[str, str | tuple[str, ...]]]:
    for name, value in record.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{above}{name}.")
        else:
            yield f"{above}{name}", tuple(map(str, value)) if isinstance(value, list) else str(value)


def _leaves(tree: Tree, name: str, root: Element, problems: list[DocumentProblem]) -> Iterator[Statement]:
    """The leaves of an attachment: each is taken, or ignored by name, or a problem."""
    seen: Counter[str] = Counter()
    several: list[Statement] = []
    for place, text in _leaf_texts(root):
        source = f"{name}#/{tree.root}/{place}"
        field = tree.takes.get(place)
        seen[place] += 1
        if field is None or (seen[place] > 1 and not field.many):
            if place not in tree.ignores and not (tree.passing and tree.passing.fullmatch(place)):
                reason = "unaccounted" if field is None else "repeated"
                problems.append(DocumentProblem("document.attachment", reason, field=place, where=source))
            continue
        for one in _converted(ATTACHED, field, text, source, problems):
            if field.many:
                several.append(one)
            else:
                yield one
    yield from _joined(several)


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


def tagged(profile: Profile, content: OfdContent, problems: list[DocumentProblem]) -> Iterator[Statement]:
    """What the custom tags state: the texts of the page objects to which they refer."""
    for name, root in content.tags:
        for leaf in tag_leaves(root, content.texts):
            if (field := profile.tags.get(leaf.path)) is None:
                continue
            if leaf.text is None:  # the tag would state what nobody sees
                raise Unusable("structure", name, missing="ObjectRef", tag=leaf.path)
            source = f"{name}#/{leaf.path} object {' '.join(leaf.objects)}"
            yield from _converted(TAGGED, field, leaf.text, source, problems)


def beside(profile: Profile, content: OfdContent, problems: list[DocumentProblem]) -> Iterator[Statement]:
    """What the CustomData of OFD.xml state. Seals often leave that file out: they can contradict, and never state."""
    for name, text in content.datas:
        if (field := profile.datas.get(name)) is not None:
            yield from _converted(BESIDE, field, text, f"OFD.xml#CustomDatas/{name}", problems)


def printed(
    profile: Profile, lines: Sequence[Line], kind: DocumentKind, problems: list[DocumentProblem]
) -> Iterator[Statement]:
    """What the page states in labelled values, in lines of a known form, in sentences."""
    several: list[Statement] = []
    for one in stated(lines, profile, kind):
        if isinstance(one, Unclear):
            facts = {"labels": " ".join(one.labels), "places": "; ".join(one.sources)}
            problems.append(DocumentProblem("document.label-conflict", "not-once-each", one.field.path, facts=facts))
            continue
        for statement in _converted(PRINTED, one.field, one.raw, one.source, problems):
            if one.field.many:
                several.append(statement)
            else:
                yield statement
    yield from _joined(several)


def _joined(several: Sequence[Statement]) -> Iterator[Statement]:
    """Values of one list that stand apart, as the list: in order, without repeats."""
    lists: dict[str, list[Statement]] = {}
    for one in several:
        lists.setdefault(one.path, []).append(one)
    for where, parts in lists.items():
        values = [part.found.value for part in parts]
        items = [item for value in values if isinstance(value, tuple) for item in value]
        raw = ";".join(part.found.raw for part in parts)
        yield Statement(parts[0].rank, where, Found(tuple(dict.fromkeys(items)), raw, parts[0].found.source))


def _converted(rank: int, field: Field, raw: str, source: str, problems: list[DocumentProblem]) -> Iterator[Statement]:
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
        yield Statement(rank, field.path, Found(value, raw, source))
        return
    for name, part in value.items():
        yield Statement(rank, f"{field.path}.{name}" if field.path else name, Found(part, raw, source))
