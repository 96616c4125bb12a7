"""`gateway adapter new`, `test` and `diff`: from a sample to a mapping that is proved (docs/adding-an-insurer.md)."""

import argparse
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Literal

import orjson

from adapters import insurers
from adapters.mapping import Mapping, Undecided
from adapters.onboarding.compare import differences, reading_of
from adapters.onboarding.golden import NoPair, Outcome, check, lines_of, pairs, write_expected
from adapters.onboarding.kit import NotNew, begin
from adapters.onboarding.load import NoMapping, find_mapping, samples_of
from adapters.onboarding.sample import NotASample
from adapters.run import read_file
from adapters.translate import translate_with
from gateway.errors import Misconfigured

Language = Literal["zh", "en"]
_UNREADABLE = 3
_WORDS = {
    "zh": {
        "module": "映射",
        "sample": "样例",
        "expected": "期望输出",
        "speaks": "样例符合方言",
        "open": "待决问题",
        "candidate": "可选",
        "passed": "通过",
        "failed": "未通过",
        "undecided": "未决",
        "nothing": "（无）",
        "told": "报告此问题",
        "where": "位置",
        "same": "没有差异",
        "next": "逐项决定后删去 undecided 中的条目，再运行",
    },
    "en": {
        "module": "mapping",
        "sample": "sample",
        "expected": "expected output",
        "speaks": "the sample speaks",
        "open": "open questions",
        "candidate": "could be",
        "passed": "passed",
        "failed": "failed",
        "undecided": "undecided",
        "nothing": "(nothing)",
        "told": "(reported)",
        "where": "at",
        "same": "no difference",
        "next": "decide each, remove it from `undecided`, then run",
    },
}


def new(parsed: argparse.Namespace) -> int:
    """Write a module and a golden pair from a sample. 0 when written, 3 if nothing can be made of the sample."""
    try:
        begun = begin(parsed.insurer, parsed.name, parsed.sample, parsed.out, own=parsed.own)
    except NotNew as error:
        raise Misconfigured(str(error)) from error
    except (NotASample, OSError) as error:
        print(f"gateway: {parsed.sample}: {error}", file=sys.stderr)
        return _UNREADABLE
    if parsed.json:
        _print(
            {
                "module": str(begun.module),
                "sample": str(begun.sample),
                "expected": str(begun.expected),
                "dialect": begun.dialect,
                "undecided": [_question(one) for one in begun.undecided],
            }
        )
        return 0
    words = _WORDS[parsed.lang]
    for name in ("module", "sample", "expected"):
        print(f"{words[name]}: {getattr(begun, name)}")
    if begun.dialect is not None:
        print(f"{words['speaks']}: {begun.dialect}")
    print(f"{words['open']}: {len(begun.undecided)}")
    print("\n".join(_told(begun.undecided, words)))
    print(f"{words['next']}: gateway adapter test {begun.module}")
    return 0


def test(parsed: argparse.Namespace) -> int:
    """Read golden pairs and compare. 0 if all is decided and as expected, 1 if not, 3 if there is nothing to read."""
    try:
        found = list(_outcomes(parsed.mapping, parsed.samples, parsed.accept))
    except NoMapping as error:
        raise Misconfigured(str(error)) from error
    except (NoPair, OSError) as error:
        print(f"gateway: {error}", file=sys.stderr)
        return _UNREADABLE
    for name, outcome in found:
        if parsed.json:
            _print({"mapping": name, **outcome.as_json()})
        else:
            print("\n".join(_outcome(name, outcome, _WORDS[parsed.lang])))
    return 0 if all(outcome.passed for _, outcome in found) else 1


def _outcomes(name: str | None, samples: Path | None, accept: bool) -> Iterator[tuple[str, Outcome]]:
    """Each pair of a mapping; without one, of every registered mapping that has pairs."""
    names = [name] if name is not None else sorted(insurers.MAPPINGS)
    for one in names:
        mapping = find_mapping(one)
        folder = samples / mapping.dialect if samples is not None else samples_of(one, mapping)
        if name is None and not folder.is_dir():
            continue
        for sample in pairs(folder):
            if accept and not mapping.undecided:
                write_expected(sample, list(lines_of(mapping, sample)), [])
            yield mapping.dialect, check(mapping, sample)


def diff(parsed: argparse.Namespace) -> int:
    """What two mappings make of files, field by field. 0 if the same, 1 if not, 3 if a file cannot be read."""
    try:
        one, other = find_mapping(parsed.one), find_mapping(parsed.other)
    except NoMapping as error:
        raise Misconfigured(str(error)) from error
    first, second = _apart(one, other)
    insurer = parsed.insurer or one.dialect
    differ = False
    for file in parsed.files:
        try:
            data = read_file(file)
        except OSError as error:
            print(f"gateway: {file}: {error}", file=sys.stderr)
            return _UNREADABLE
        readings = [
            reading_of(translate_with(mapping, data, insurer=insurer, file_name=file.name)) for mapping in (one, other)
        ]
        found = [one.as_json(first, second) for one in differences(*readings)]
        differ = differ or bool(found)
        for line in found:
            if parsed.json:
                _print({"file": str(file), **line})
            else:
                print(f"{file}: {_line(line, first, second, _WORDS[parsed.lang])}")
        if not found and not parsed.json:
            print(f"{file}: {_WORDS[parsed.lang]['same']}")
    return 1 if differ else 0


def _apart(one: Mapping, other: Mapping) -> tuple[str, str]:
    """Names of two mappings that differ."""
    return (one.id, other.id) if one.id != other.id else (f"{one.id} (A)", f"{other.id} (B)")


def _outcome(name: str, outcome: Outcome, words: dict[str, str]) -> Iterator[str]:
    verdict = words["passed"] if outcome.passed else words["failed"]
    yield f"{verdict} {name} {outcome.sample}"
    yield from _told(outcome.undecided, words)
    if not outcome.undecided:
        yield from (f"  {words['undecided']}: {name}" for name in outcome.open_fields)
    for difference in outcome.differences:
        yield f"  {_line(difference.as_json('expected', 'actual'), 'expected', 'actual', words)}"


def _line(found: dict[str, Any], first: str, second: str, words: dict[str, str]) -> str:
    """One difference: the row, the field or rule, both values, and the cell."""
    what = f"{found['rule']} {found['field'] or ''}".strip() if "rule" in found else f"{found['type']}.{found['field']}"
    one, other = (_shown(found[name], words) for name in (first, second))
    place = ""
    if found.get("where"):
        stated = f"{words['where']} {found['where']}: {found['raw']!r}"
        place = f" [{stated if found['raw'] is not None else found['where']}]"
    return f"{found['row']} {what}: {first} {one} → {second} {other}{place}"


def _shown(value: Any, words: dict[str, str]) -> str:
    if value is None or value is False:
        return words["nothing"]
    return words["told"] if value is True else str(value)


def _told(questions: Sequence[Undecided], words: dict[str, str]) -> Iterator[str]:
    for one in questions:
        yield f"  {words['undecided']}: {one.about} — {one.question}"
        yield from (f"      {words['candidate']}: {candidate}" for candidate in one.candidates)


def _question(one: Undecided) -> dict[str, Any]:
    return {"about": one.about, "question": one.question, "candidates": list(one.candidates)}


def _print(value: Any) -> None:
    sys.stdout.buffer.write(orjson.dumps(value) + b"\n")
    sys.stdout.buffer.flush()
