"""`gateway seal verify`: judges files offline, one object a file."""

import sys
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import orjson

from gateway.catalogue import Catalogue, load_catalogue
from gateway.errors import Misconfigured
from gateway.shown import visible
from schemas.verification import Check, Outcome, Report, Severity
from signing import TrustStore, Unreadable, verify_document
from signing.report_json import as_seal_verify_json, as_unreadable_json
from signing.seal import rfc3339
from signing.trust import TrustError

EXIT = {Outcome.PASSED: 0, Outcome.FAILED: 1, Outcome.INDETERMINATE: 2}
UNREADABLE = 3
_LARGEST = 64 * 1024 * 1024
_MARK = {Outcome.PASSED: "✓", Outcome.FAILED: "✗", Outcome.INDETERMINATE: "?"}
_WORD = {
    Outcome.PASSED: {"zh": "有效", "en": "valid"},
    Outcome.FAILED: {"zh": "无效", "en": "invalid"},
    Outcome.INDETERMINATE: {"zh": "无法判定", "en": "undecided"},
}


def verify_files(
    files: Sequence[Path],
    trust_dir: Path,
    at: datetime,
    detached: Path | None,
    *,
    existed_at: datetime | None,
    as_json: bool,
    language: str,
) -> int:
    """Judge each file in order. The exit code is the gravest: unreadable 3, failed 1, indeterminate 2, passed 0.

    `existed_at` is a moment at which the files, as they are, existed: whoever states it vouches for it.
    """
    check_existence(existed_at, at)
    try:
        trust = TrustStore.load(trust_dir)
    except (TrustError, OSError) as error:
        raise Misconfigured(str(error)) from error
    catalogue = load_catalogue()
    codes = set()
    content = read_document(detached) if detached else None
    for file in files:
        try:
            report = verify_document(read_document(file), trust=trust, at=at, detached=content, existed_at=existed_at)
        except Unreadable as error:
            codes.add(UNREADABLE)
            found = as_unreadable_json(str(file), error, rfc3339(at))
            text = f"{file}: {'无法读取' if language == 'zh' else 'unreadable'}: {error.detail}"
        else:
            codes.add(EXIT[report.outcome])
            found = as_seal_verify_json(str(file), report)
            text = _readable(file, report, catalogue, "zh" if language == "zh" else "en")
        if as_json:
            sys.stdout.buffer.write(orjson.dumps(found) + b"\n")
            sys.stdout.buffer.flush()
        else:
            print(text)
    return next((code for code in (UNREADABLE, 1, 2, 0) if code in codes), 0)


def check_existence(existed_at: datetime | None, at: datetime) -> None:
    """Raises `Misconfigured` for a moment of existence after that of the verdict."""
    if existed_at is not None and existed_at > at:
        raise Misconfigured(f"--existed-at {rfc3339(existed_at)}: after the moment of the verdict, {rfc3339(at)}")


def read_document(file: Path) -> bytes:
    """The bytes of a file. Raises `Unreadable` if it cannot be read or is larger than a document may be."""
    try:
        with file.open("rb") as stream:
            data = stream.read(_LARGEST + 1)
    except OSError as error:
        raise Unreadable("file.unreadable", error.strerror or str(error)) from error
    if len(data) > _LARGEST:
        raise Unreadable("file.too-large", f"more than {_LARGEST} bytes")
    return data


def _readable(file: Path, report: Report, catalogue: Catalogue, language: str) -> str:
    lines = [f"{file}: {_WORD[report.outcome][language]}" + (f" ({report.reason})" if report.reason else "")]
    for seal in report.seals:
        name = seal.seal.name if seal.seal else (seal.signer.subject if seal.signer else "")
        lines.append(f"  [{visible(seal.id, 40)}] {visible(name)}: {seal.integrity} · {seal.trust} · {seal.coverage}")
        lines += _not_passed(seal.checks, catalogue, language)
    lines += _not_passed(report.checks, catalogue, language)
    return "\n".join(lines)


def _not_passed(checks: Sequence[Check], catalogue: Catalogue, language: str) -> list[str]:
    return [
        f"    {_MARK[check.outcome]} {check.rule}: {catalogue.explain(check, 'zh' if language == 'zh' else 'en')}"
        for check in checks
        if check.outcome is not Outcome.PASSED and check.severity is Severity.ERROR
    ]
