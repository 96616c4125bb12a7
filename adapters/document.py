"""Sealed document to fields: what an e-policy 电子保单, a premium statement, an invoice itself says, by a profile.

Sources in order of trust: structured attachment, custom tag, labelled page text (DOMAIN 3.2). Where several state a
field they must agree; nothing is chosen silently. Whether to believe the document is not asked here: seals are judged
elsewhere, and only parts that Document.xml reaches are read, all of which a seal has to cover.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace

from adapters.document_general import DOCUMENTS_OF
from adapters.document_invoices import INVOICES
from adapters.document_labels import kinds, names_label
from adapters.document_layout import Profile
from adapters.document_model import (
    MAX_PROBLEMS,
    DocumentFields,
    DocumentKind,
    DocumentProblem,
    Found,
    Unusable,
    Value,
)
from adapters.document_ofd import OfdContent, read_ofd
from adapters.document_pdf import read_pdf
from adapters.document_profiles import PROFILES
from adapters.document_statements import BESIDE, Statement, attached, beside, printed, tagged, translated, tree_of

__all__ = ["DOCUMENTS_OF", "INVOICES", "PROFILES", "DocumentFields", "DocumentProblem", "Found", "read_document"]

_MAGIC = {
    b"PK\x03\x04": "application/ofd",
    b"%PDF": "application/pdf",
    b"<": "application/xml",
    b"\xef\xbb\xbf<": "application/xml",
}


def read_document(profile_code: str, data: bytes, media_type: str) -> DocumentFields:
    """The fields that the document states, by record path (`premium.gross`), and what is wrong with it.

    Invoices are the same whoever hands them in: they are read by their own profile, in each format that they have.
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
    invoices = INVOICES.get(actual)
    another_format = Unusable("format", expected=profile.media, stated=media_type[:100], actual=actual)
    if invoices is None or media_type != actual:
        raise another_format
    problems: list[DocumentProblem] = []
    if actual == "application/xml":
        if (code := next(iter(invoices.translated.values()), None)) is None:
            raise another_format
        statements = list(translated(code, data, "", problems))
        return DocumentFields("invoice", _agreed(statements, problems), tuple(problems))
    content = _content(data, actual, problems)
    found = _kinds(invoices, content) | (_kinds(profile, content) if profile.media == actual else set())
    if not found and profile.media != actual:
        raise another_format
    kind = found.pop() if len(found) == 1 else None
    used = invoices if kind == "invoice" else profile
    problems.extend(
        DocumentProblem("document.hidden-text", "hidden", raw=line.text[:200], where=line.source)
        for line in content.hidden
        if names_label(line.text, used) or any(character.isdigit() for character in line.text)
    )
    if kind is None:
        reason = "several-titles" if found else "no-title"
        problems.append(DocumentProblem("document.kind", reason, facts={"found": ", ".join(sorted(found))}))
        return DocumentFields(problems=tuple(problems))
    statements = [
        *attached(used, content, problems),
        *tagged(used, content, problems),
        *printed(used, content.lines, kind, problems),
        *beside(used, content, problems),
    ]
    if not statements and not problems:
        problems.append(DocumentProblem("document.empty", "nothing-stated"))
    return DocumentFields(kind, _agreed(statements, problems), tuple(problems))


def _content(data: bytes, media: str, problems: list[DocumentProblem]) -> OfdContent:
    if media == "application/ofd":
        return read_ofd(data)
    content = OfdContent()
    content.lines, content.hidden, overlaid = read_pdf(data)
    if overlaid:
        problems.append(DocumentProblem("document.overlay", "annotation"))
    return content


def _kinds(profile: Profile, content: OfdContent) -> set[DocumentKind]:
    """What the document is, by its titles and by the roots of what is attached."""
    found = kinds(content.lines, profile)
    for _, root in content.attachments:
        if (tree := tree_of(profile, root)) is not None:
            found.add(tree.kind)
        elif str(root.tag) in profile.translated:
            found.add("invoice")
    return found


def _agreed(statements: Iterable[Statement], problems: list[DocumentProblem]) -> Mapping[str, Found]:
    """Each field once, from its most trusted source; a field about which two statements differ is left out.

    A field of which one statement could not be read is left out too: that one may have said something else. What
    stands beside the document only is no statement of it.
    """
    unread = {problem.field for problem in problems if problem.rule in ("document.value", "document.label-conflict")}
    by_path: dict[str, list[Statement]] = {}
    for one in statements:
        by_path.setdefault(one.path, []).append(one)
    fields: dict[str, Found] = {}
    for where, several in by_path.items():
        several.sort(key=lambda one: one.rank)
        different: dict[Value, Statement] = {}
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
        elif several[0].rank != BESIDE and where not in unread and where.partition(".")[0] not in unread:
            fields[where] = several[0].found
    return fields


def _shown(value: Value) -> str:
    return ", ".join(value) if isinstance(value, tuple) else str(value)
