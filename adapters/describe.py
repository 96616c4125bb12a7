"""The registered mappings as data, for people: what each takes from where, what it ignores by name, what it derives."""

from collections.abc import Mapping as Fields
from dataclasses import dataclass, field
from typing import Any

from adapters.mapping import Choice, Each, Mapping, Rows, Source
from adapters.versions import known


def describe() -> list[dict[str, Any]]:
    """The registered mappings, by code: of each the shipped version first, then those that may follow it."""
    versions = known()
    return [
        {"insurer": code, **describe_mapping(mapping), "digest": versions.digest(mapping)}
        for code in versions.codes()
        for mapping in versions.of(code)
    ]


def describe_mapping(mapping: Mapping) -> dict[str, Any]:
    """One mapping as data."""
    return {
        "dialect": mapping.dialect,
        "version": mapping.version,
        "title": mapping.title,
        "format": mapping.format.name,
        "media_types": list(mapping.media_types),
        "rows": [_described(rows, mapping.format.separator) for rows in mapping.rows],
        "derives": {
            name: {"field": derived.field, "prefix": derived.prefix, "keys": list(derived.keys)}
            for name, derived in mapping.derives.items()
        },
    }


def _described(rows: Rows, separator: str) -> dict[str, Any]:
    names = accounted(rows, separator)
    return {
        "at": rows.at,
        "key": list(rows.key),
        "records": sorted(names.records),
        "takes": {name: sorted(fields) for name, fields in sorted(names.takes.items())},
        "ignores": sorted(names.ignores),
    }


@dataclass(slots=True)
class Names:
    """The names of a format below a row: what is taken, as which fields of which records, and what is ignored."""

    takes: dict[str, set[str]] = field(default_factory=dict)
    ignores: set[str] = field(default_factory=set)
    records: set[str] = field(default_factory=set)


def accounted(rows: Rows, separator: str) -> Names:
    """Every name that a mapping accounts for in these rows."""
    names = Names(ignores=set(rows.ignores))
    _note(names, rows.reads, "", "")
    for choice in rows.choices:
        _note_choice(names, choice, separator)
    return names


def _note_choice(names: Names, choice: Choice, separator: str) -> None:
    place = "".join(f"{part}{separator}" for part in (choice.each, choice.under) if part)
    _note(names, choice.reads, place, "")
    _note(names, choice.asks, place, "")
    for target in choice.shapes.values():
        if isinstance(target, Choice):
            _note_choice(names, target, separator)
        else:
            names.records.add(target.type)
            _note(names, target.asks, place, target.type)
            _note_takes(names, target.takes, place, separator, f"{target.type}.")
            names.ignores.update(place + name for name in target.ignores)


def _note_takes(names: Names, takes: Fields[str, Source | Each], place: str, separator: str, record: str) -> None:
    for name, source in takes.items():
        if isinstance(source, Each):
            inner = f"{place}{source.at}{separator}"
            names.ignores.update(inner + ignored for ignored in source.ignores)
            _note_takes(names, source.takes, inner, separator, f"{record}{name}.")
        else:
            _note(names, {name: source}, place, record.rstrip("."))


def _note(names: Names, sources: Fields[str, Source], place: str, record: str) -> None:
    for name, source in sources.items():
        stated = source.field or name
        for column in (source.name, *source.also):
            names.takes.setdefault(place + column, set()).add(f"{record}.{stated}" if record else stated)
        if source.when is not None:
            names.takes.setdefault(place + source.when[0], set()).add(f"decides {stated}")
