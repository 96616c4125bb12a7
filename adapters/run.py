"""What `gateway adapter` does: translate files, list the formats, and say what a file would give."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from adapters.describe import accounted, describe
from adapters.drafts import Row
from adapters.facts import SourceRow
from adapters.insurers import MAPPINGS
from adapters.mapping import Mapping, Opened
from adapters.problems import Rejected
from adapters.streaming import stream
from adapters.translate import translate_with
from untrusted import DEFAULT, Refused

__all__ = ["describe", "lines", "lint", "lint_with", "run", "run_with"]

_SHOWN = 20


def run(code: str, paths: Iterable[Path], *, insurer: str | None = None) -> Iterator[dict[str, Any]]:
    """JSON Lines of the files: `{"file", "row", "type", "record", "lineage"}` or `{"file", "row", "problem"}`.

    Raises `KeyError` for an unknown code, `OSError` for a file that cannot be opened.
    """
    if code not in MAPPINGS:
        raise KeyError(code)
    for path in paths:
        for row in stream(code, path, insurer=insurer):
            yield from lines(str(path), row)


def run_with(mapping: Mapping, paths: Iterable[Path], *, insurer: str) -> Iterator[dict[str, Any]]:
    """The same, with a mapping that need not be registered. Each file is read at once."""
    for path in paths:
        for row in translate_with(mapping, read_file(path), insurer=insurer, file_name=path.name):
            yield from lines(str(path), row)


def lines(file: str, row: Row) -> Iterator[dict[str, Any]]:
    """One row as the lines that are printed of it: its records, then its problems."""
    for draft in row.records:
        yield {
            "file": file,
            "row": row.row,
            "type": draft.type,
            "record": draft.record,
            "lineage": {name: found.as_json() for name, found in draft.lineage.items()},
        }
    for problem in row.problems:
        yield {"file": file, "row": row.row, "problem": problem.as_json()}


def read_file(path: Path) -> bytes:
    """The bytes of a file, at most one more than is read of any: the readers refuse it then."""
    with path.open("rb") as file:
        return file.read(DEFAULT.file_bytes + 1)


def lint(path: Path) -> dict[str, Any]:
    """What a file is, and what its mapping would make of it: taken, ignored, refused; nothing of it is kept.

    `dialect` is null if no registered mapping recognises the file, or more than one does: `candidates` says which do,
    and `not` why the others do not.
    """
    data = read_file(path)
    found: dict[str, _Seen] = {}
    others: dict[str, str] = {}
    for code, mapping in MAPPINGS.items():
        if any(_is_same(mapping, MAPPINGS[known]) for known in (*found, *others)):
            continue  # another insurer's name for the same format
        seen = _look(mapping, data, path.name)
        if isinstance(seen, str):
            others[code] = seen
        else:
            found[code] = seen
    dialect = next(iter(found)) if len(found) == 1 else None
    result: dict[str, Any] = {"file": str(path), "dialect": dialect, "candidates": list(found), "not": others}
    if dialect is not None:
        result |= _fields(MAPPINGS[dialect], found[dialect].opened)
        result |= _summary(MAPPINGS[dialect], data, path.name, found[dialect].insurer or dialect)
    return result


def _is_same(one: Mapping, other: Mapping) -> bool:
    return one.format is other.format and one.rows is other.rows


def lint_with(mapping: Mapping, path: Path) -> dict[str, Any]:
    """The same with one mapping, which need not be registered: also what of it is `undecided`.

    `fit` says whether a file of this kind can be read: nothing undecided, unaccounted or refused.
    """
    data = read_file(path)
    seen = _look(mapping, data, path.name)
    result: dict[str, Any] = {"file": str(path), "dialect": mapping.dialect}
    result["undecided"] = [
        {"about": one.about, "question": one.question, "candidates": list(one.candidates)} for one in mapping.undecided
    ]
    result |= _fields(mapping, seen.opened if isinstance(seen, _Seen) else None)
    result |= _summary(mapping, data, path.name, mapping.dialect)
    refused = any(problem["effect"] != "N" for problem in result["problems"])
    return result | {"fit": not (mapping.undecided or refused or result.get("unaccounted"))}


@dataclass(frozen=True, slots=True)
class _Seen:
    """A file that a mapping recognises; `opened` unless the file is refused all the same."""

    opened: Opened | None
    insurer: str | None = None


def _look(mapping: Mapping, data: bytes, file_name: str) -> _Seen | str:
    """The file as this mapping sees it, or the rule by which it is no file of this format."""
    try:
        opened = mapping.format.open(data, mapping, file_name, None)
        first = next((row for row in opened.rows() if isinstance(row, SourceRow)), None)
    except Refused as error:
        return error.rule
    except Rejected as error:
        # Only framing says that it is another format; else it is this one, and this file of it is wrong.
        return error.problem.rule if error.problem.rule in _ANOTHER_FORMAT else _Seen(None)
    if first is None or all(first.cells.raws.get(name) is None for name in first.plan.rows.bucket):
        return "dialect.unrecognised"
    insurer = first.cells.raws.get("insurer")
    return _Seen(opened, insurer if isinstance(insurer, str) else None)


_ANOTHER_FORMAT = frozenset({"dialect.unrecognised", "header.not-found"})


def _fields(mapping: Mapping, opened: Opened | None) -> dict[str, Any]:
    """The fields that the file uses, by what becomes of them."""
    if opened is None:
        return {}
    takes: set[str] = set()
    ignores: set[str] = set()
    separator = mapping.format.separator
    for rows in mapping.rows:
        names = accounted(rows, separator)
        at = f"{rows.at}{separator}" if rows.at else ""
        takes.update(at + name for name in names.takes)
        ignores.update(at + name for name in names.ignores)
    used = dict.fromkeys(opened.columns())
    verdicts = {name: _verdict(name, separator, takes, ignores) for name in used if name}
    return {
        word: [name for name, verdict in verdicts.items() if verdict == word]
        for word in ("taken", "ignored", "unaccounted")
    }


def _verdict(name: str, separator: str, takes: set[str], ignores: set[str]) -> str:
    """What becomes of a field; what is below a name that is taken or ignored goes with it."""
    while name:
        if name in takes:
            return "taken"
        if name in ignores:
            return "ignored"
        name = name.rpartition(separator)[0]
    return "unaccounted"


def _summary(mapping: Mapping, data: bytes, file_name: str, insurer: str) -> dict[str, Any]:
    """How many rows and records, which problems, and where the first of each stand."""
    records: Counter[str] = Counter()
    problems: dict[tuple[str, str | None, str], list[int]] = {}
    rows = 0
    for row in translate_with(mapping, data, insurer=insurer, file_name=file_name):
        rows += 1
        records.update(draft.type for draft in row.records)
        for problem in row.problems:
            problems.setdefault((problem.rule, problem.field, problem.effect), []).append(row.row)
    return {
        "mapping": mapping.id,
        "rows": rows,
        "records": dict(records),
        "problems": [
            {"rule": rule, "field": name, "effect": effect, "count": len(at), "rows": at[:_SHOWN]}
            for (rule, name, effect), at in problems.items()
        ],
    }
