"""`gateway scheme`: what premiums are worth under a subsidy scheme, from files of messages, without a database."""

import sys
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Literal

import orjson

from gateway.errors import Misconfigured
from gateway.schemes import (
    AssessedLine,
    AssessedPolicy,
    Malformed,
    Scheme,
    Terms,
    Told,
    UnknownAnswer,
    UnknownScheme,
    assess,
    explain,
    find_scheme,
    load_keys,
    load_schemes,
    read_message,
    said,
    worst,
)
from gateway.schemes import as_json as published
from gateway.shown import visible
from schemas.verification import Outcome
from untrusted import Refused, read_json

_EXIT = {Outcome.PASSED: 0, Outcome.FAILED: 1, Outcome.INDETERMINATE: 2}
_UNREADABLE = 3
_LARGEST = 256 * 1024 * 1024
_MARK = {Outcome.PASSED: "✓", Outcome.FAILED: "✗", Outcome.INDETERMINATE: "?"}
_WORDS = {
    "zh": {
        Outcome.PASSED: "符合",
        Outcome.FAILED: "不符合",
        Outcome.INDETERMINATE: "待定",
        "at": "截至",
        "year": "年度",
        "eligible": "可补保费",
        "subsidy": "补贴",
        "due": "应补",
        "clawback": "应追回",
        "readings": "不同读法",
        "nothing": "没有保单。",
        "disabled": "未启用",
        "open": "待明确",
        "unreadable": "无法读取",
        "idle": "不适用于",
    },
    "en": {
        Outcome.PASSED: "passed",
        Outcome.FAILED: "failed",
        Outcome.INDETERMINATE: "indeterminate",
        "at": "as of",
        "year": "",
        "eligible": "eligible premium",
        "subsidy": "subsidy",
        "due": "due",
        "clawback": "to be paid back",
        "readings": "by other readings",
        "nothing": "There are no policies.",
        "disabled": "disabled",
        "open": "open",
        "unreadable": "cannot be read",
        "idle": "plays no part in",
    },
}

Language = Literal["zh", "en"]


def list_schemes(*, as_json: bool, language: Language) -> int:
    """Every scheme with its keys."""
    for scheme in load_schemes():
        if as_json:
            _write(published(scheme))
        else:
            print("\n".join(_scheme_text(scheme, language)))
    return 0


def assess_files(
    name: str, answers: Sequence[str], at: date, files: Sequence[Path], *, as_json: bool, language: Language
) -> int:
    """Assess all files together: 1 if any policy failed, else 2 if any is indeterminate, else 0; 3 if unreadable.

    Raises `Misconfigured` on an unknown scheme, key or answer.
    """
    words = _WORDS[language]
    try:
        terms = Terms(find_scheme(name, at), _answers(answers))
    except UnknownScheme as error:
        raise Misconfigured(f"there is no scheme {error}; see `gateway scheme list`") from error
    except UnknownAnswer as error:
        raise Misconfigured(str(error)) from error
    for key in terms.idle:
        print(f"gateway: {key} {words['idle']} {name}", file=sys.stderr)
    try:
        lines = assess(_messages(files), terms, at=at)
    except _Unreadable as error:
        print(f"gateway: {error.where}: {words['unreadable']}: {visible(str(error))}", file=sys.stderr)
        return _UNREADABLE
    if as_json:
        for line in lines:
            _write(line.as_json())
    else:
        print("\n".join(_table(terms.scheme, at, lines, language)))
    return _EXIT[worst(lines)]


class _Unreadable(Exception):
    """A file or one of its lines is no message of the standard schema."""

    def __init__(self, where: str, why: str) -> None:
        super().__init__(why)
        self.where = where


def _answers(texts: Sequence[str]) -> dict[str, str]:
    answers: dict[str, str] = {}
    for text in texts:
        key, equals, value = text.partition("=")
        if not equals:
            raise UnknownAnswer(f"{text}: write KEY=VALUE")
        if answers.setdefault(key, value) != value:
            raise UnknownAnswer(f"{key} is set twice")
    return answers


def _messages(files: Sequence[Path]) -> Iterator[Told]:
    for file in files:
        try:
            with file.open("rb") as stream:
                data = stream.read(_LARGEST + 1)
        except OSError as error:
            raise _Unreadable(str(file), error.strerror or str(error)) from error
        if len(data) > _LARGEST:
            raise _Unreadable(str(file), f"more than {_LARGEST} bytes")
        for number, line in enumerate(data.split(b"\n"), 1):
            if not line.strip():
                continue
            try:
                told = read_message(read_json(line, bom_allowed=number == 1))
            except (Refused, Malformed) as error:
                raise _Unreadable(f"{file}:{number}", str(error)) from error
            if told is not None:
                yield told


def _scheme_text(scheme: Scheme, language: Language) -> Iterator[str]:
    words = _WORDS[language]
    state = "" if scheme.enabled else f" ({words['disabled']})"
    days = f" · {scheme.valid_from or ''}..{scheme.valid_to or ''}" if scheme.valid_from or scheme.valid_to else ""
    yield f"{scheme.id} {scheme.version}{state} · {said(scheme.title, language)}{days}"
    yield f"    {scheme.basis}"
    keys = load_keys()
    for name in scheme.open:
        key = keys[name]
        yield f"    [{words['open']}] {name} = {' | '.join((*key.readings, *key.values))}  {said(key.title, language)}"


def _table(scheme: Scheme, at: date, lines: Sequence[AssessedLine], language: Language) -> Iterator[str]:
    words = _WORDS[language]
    yield f"{said(scheme.title, language)} · {scheme.id} {scheme.version} · {words['at']} {at}"
    if not lines:
        yield words["nothing"]
    for line in lines:
        yield ""
        yield f"{visible(line.product_key)} · {line.year}{words['year']}"
        for policy in line.policies:
            yield from _policy_text(policy, language)
        clawback = f" · {words['clawback']} {line.clawback}" if line.clawback.fen else ""
        yield f"  = {words['due']} {line.subsidy}{clawback}"
        yield from _readings_text(line.readings, words["readings"])


def _policy_text(policy: AssessedPolicy, language: Language) -> Iterator[str]:
    words = _WORDS[language]
    yield (
        f"  {_MARK[policy.outcome]} {visible(policy.policy_no)} [{visible(policy.insurer)}] {words[policy.outcome]} · "
        f"{words['eligible']} {policy.eligible_premium} · {words['subsidy']} {policy.subsidy}"
    )
    for finding in policy.findings:
        yield f"      {_MARK[finding.outcome]} {finding.rule} {explain(finding, language)}"


def _readings_text(readings: Mapping[str, Mapping[str, object]], title: str) -> Iterator[str]:
    for key, values in readings.items():
        if len(set(values.values())) > 1:
            yield f"    {title} {key}: " + " · ".join(f"{value} {amount}" for value, amount in values.items())


def _write(value: object) -> None:
    sys.stdout.buffer.write(orjson.dumps(value) + b"\n")
    sys.stdout.buffer.flush()
