"""`gateway adapter document`: what a sealed document states, where each field stands, and what its seals cover."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from adapters.document import DOCUMENTS_OF, INVOICES, PROFILES, DocumentFields, read_document
from adapters.run import read_file
from gateway.errors import Misconfigured
from signing import TrustStore, Unreadable, verify_document

_MEDIA = {".ofd": "application/ofd", ".pdf": "application/pdf", ".xml": "application/xml"}
_NOT_THIS_ONE = frozenset({("document.kind", "no-title"), ("document.unreadable", "format")})


def show(path: Path, profile: str | None, dialect: str | None) -> dict[str, Any]:
    """The document as plain JSON values: kind, fields with raw text and place, problems, and each seal's coverage.

    `profile` is null and `candidates` names them if no profile reads it, or several read it differently. What the
    seals are worth is not said here: that needs a trust folder (`gateway seal verify`). Raises `Misconfigured`.
    """
    media = _MEDIA.get(path.suffix.lower())
    if media is None:
        raise Misconfigured(f"{path}: the name ends in one of {', '.join(_MEDIA)}")
    codes = _profiles(profile, dialect)
    data = read_file(path)
    read = {code: read_document(code, data, media) for code in codes}
    fitting = {code: found for code, found in read.items() if not _NOT_THIS_ONE & set(_points(found))}
    fitting = {code: found for code, found in fitting.items() if not found.problems} or fitting
    code = _widest(fitting)
    none = DocumentFields(problems=() if fitting else next(iter(read.values())).problems)
    found = none if code is None else fitting[code]
    if found.kind == "invoice":  # whichever profile was asked
        code = INVOICES[media].code
    return {
        "file": str(path),
        "profile": code,
        "candidates": list(fitting),
        "kind": found.kind,
        "fields": {
            name: {"value": one.value, "raw": one.raw, "source": one.source} for name, one in found.fields.items()
        },
        "problems": [
            {
                "rule": one.rule,
                "reason": one.reason,
                "field": one.field,
                "raw": one.raw,
                "where": one.where,
                "facts": dict(one.facts),
                "detail": {"zh": one.detail.zh, "en": one.detail.en},
            }
            for one in found.problems
        ],
        "seals": _seals(data, media),
    }


def lines(shown: Mapping[str, Any]) -> Iterable[str]:
    """The same for people: a field a line, with its place."""
    several = "、".join(shown["candidates"]) or "-"
    yield f"{shown['file']}: {shown['kind'] or '?'} ({shown['profile'] or several})"
    for name, one in shown["fields"].items():
        value = "、".join(one["value"]) if isinstance(one["value"], tuple) else one["value"]
        yield f"  {name} = {value}    [{one['source']}]"
    for one in shown["problems"]:
        about = " ".join(text for text in (one["field"], one["raw"], one["where"]) if text)
        yield f"! {one['rule']} {one['reason']}: {one['detail']['zh']} {one['detail']['en']} {about}".rstrip()
    for one in shown["seals"]:
        yield f"# {one['id']}: integrity {one['integrity']}, coverage {one['coverage']}"


def _profiles(profile: str | None, dialect: str | None) -> tuple[str, ...]:
    if profile is not None and profile not in PROFILES:
        raise Misconfigured(f"there is no document profile {profile}: {', '.join(PROFILES)}")
    if dialect is not None and dialect not in DOCUMENTS_OF:
        raise Misconfigured(f"there is no format {dialect}; see `gateway adapter list`")
    if profile is not None:
        return (profile,)
    return (DOCUMENTS_OF[dialect] if dialect is not None else ()) or tuple(PROFILES)


def _points(found: DocumentFields) -> Iterable[tuple[str, str]]:
    return ((problem.rule, problem.reason) for problem in found.problems)


def _widest(fitting: Mapping[str, DocumentFields]) -> str | None:
    """The profile that reads all that any of them does, if there is one: where two differ, nobody chooses."""
    for code, found in fitting.items():
        values = {name: one.value for name, one in found.fields.items()}
        if all(
            other.kind == found.kind and all(values.get(name) == one.value for name, one in other.fields.items())
            for other in fitting.values()
        ):
            return code
    return None


def _seals(data: bytes, media: str) -> list[dict[str, Any]]:
    """What each seal says of the bytes: whether they are unchanged, and whether it covers all of them."""
    try:
        report = verify_document(data, trust=TrustStore(), at=datetime.now(UTC), media_type=media)
    except Unreadable:
        return []
    return [{"id": one.id, "integrity": one.integrity, "coverage": one.coverage} for one in report.seals]
