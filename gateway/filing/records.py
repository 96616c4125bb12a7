"""The records of a registry's file in JSON: of the standard schema, or as the pages that a source answered with."""

import hashlib
import re
from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any

from gateway.filing.list_rows import Stated
from schemas.canonical import NotCanonical, canonical
from schemas.verification import Check, failed
from untrusted import read_json

RECORD_SEPARATOR = b"\x1e"
"""Begins each text of a JSON text sequence (RFC 7464): so the pages of a source are kept, each as it came."""

_ISO = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_OF_ALL = ("registry", "as_of", "count", "digest")


def join_pages(data: bytes) -> dict[str, Any] | Check:
    """The pages of one answer as one JSON statement, if they are whole: as many filings as they say, with their digest.

    Every page states the same registry, day, count and digest, and where the next one is; the last one has none. The
    digest is `sha256:<hex>` over the RFC 8785 form of the array of all filings. Raises `Refused` for what is no JSON.
    """
    rule = "filing-file.pages"
    pages = [read_json(part) for part in data.split(RECORD_SEPARATOR)[1:]]
    filings: list[Any] = []
    first: Mapping[str, Any] = {}
    for place, page in enumerate(pages):
        if not isinstance(page, dict) or page.keys() - {"next"} != {*_OF_ALL, "filings"}:
            return failed(rule, "not-a-page", field=f"page {place + 1}")
        first = first or page
        if other := [name for name in _OF_ALL if page[name] != first[name]]:
            return failed(rule, "differ", field=f"page {place + 1}, {other[0]}")
        if not isinstance(page["filings"], list) or (page.get("next") is None) != (place == len(pages) - 1):
            return failed(rule, "not-the-whole", field=f"page {place + 1}")
        filings += page["filings"]
    if len(filings) != first.get("count"):
        return failed(rule, "count-differs", field="count", there=len(filings))
    if _digest(filings) != first["digest"]:
        return failed(rule, "digest-differs", field="digest", there=_digest(filings))
    return {"registry": first["registry"], "as_of": first["as_of"], "filings": filings}


def read_head(value: Any) -> tuple[str | None, date | None]:
    """Whose statement an object says that it is, and as of which day; neither of a bare array."""
    if not isinstance(value, dict):
        return None, None
    registry = value.get("registry")
    return registry if isinstance(registry, str) else None, _day(value.get("as_of"))


def _digest(filings: list[Any]) -> str | None:
    """None of what has no canonical form; what is stated is text, so that no number can be meant two ways."""
    try:
        return f"sha256:{hashlib.sha256(canonical(filings)).hexdigest()}"
    except NotCanonical:
        return None


def read_records(value: Any) -> Iterator[Stated | Check]:
    """Filings of SCHEMA.md: an array, or an object of `registry`, `as_of`, `fetched_at` and `filings`."""
    registry: Any = None
    as_of: Any = None
    prefix = ""
    if isinstance(value, dict):
        if unknown := sorted(value.keys() - {"registry", "as_of", "fetched_at", "filings"}):
            yield failed("filing-file.record", "unknown-member", field=f"/{unknown[0]}")
        registry, as_of, value, prefix = value.get("registry"), value.get("as_of"), value.get("filings"), "/filings"
    if not isinstance(value, list):
        yield failed("filing-file.record", "not-a-list", field=prefix or None)
        return
    for place, item in enumerate(value):
        where = f"{prefix}/{place}"
        if not isinstance(item, dict):
            yield failed("filing-file.record", "not-an-object", field=where)
            continue
        source = item.get("source", {})
        if not isinstance(source, dict) or not source.keys() <= {"registry", "as_of", "fetched_at"}:
            yield failed("filing-file.record", "invalid", field=f"{where}/source")
            continue
        own_registry, own_day = source.get("registry", registry), source.get("as_of", as_of)
        day = _day(own_day)
        if (own_registry is not None and not isinstance(own_registry, str)) or (own_day is not None and day is None):
            yield failed("filing-file.record", "invalid", field=f"{where}/source")
            continue
        yield Stated(where, {key: part for key, part in item.items() if key != "source"}, own_registry, day)


def _day(value: Any) -> date | None:
    if not isinstance(value, str) or not _ISO.fullmatch(value):
        return None
    try:
        return date.fromisoformat(value)
    except ValueError:  # the form of a day, but none
        return None
