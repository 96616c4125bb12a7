"""`gateway receipt verify`: a receipt from somebody's files, judged offline."""

import sys
from pathlib import Path

import orjson

from gateway.catalogue import load_catalogue
from gateway.errors import Misconfigured
from gateway.ledger.note import NoteRefused, read_keys
from gateway.receipts.verify import Filed, Unreadable, judge_filed, read_filed, read_signing_keys
from gateway.shown import Language, visible
from schemas.canonical import as_json
from schemas.verification import Outcome, Report

_EXIT = {Outcome.PASSED: 0, Outcome.FAILED: 1, Outcome.INDETERMINATE: 2}
_UNREADABLE = 3
_LARGEST = 512 * 1024 * 1024
_MARK = {Outcome.PASSED: "✓", Outcome.FAILED: "✗", Outcome.INDETERMINATE: "?"}
_STATUS = {
    "zh": {"verified": "已核验", "held": "待定", "refused": "不予核验"},
    "en": {"verified": "verified", "held": "held", "refused": "refused"},
}


def verify(
    file: Path,
    *,
    key: Path | None,
    log_key: Path | None,
    body: Path | None,
    whole: Path | None,
    as_json: bool,
    language: Language,
) -> int:
    """0 if the receipt holds, 1 if something is wrong, 2 if a key is missing that would tell, 3 if it is unreadable.

    Raises `Misconfigured` on keys that are none.
    """
    try:
        keys = read_signing_keys(_read(key)) if key else ()
        log_keys = read_keys(_read(log_key).decode()) if log_key else ()
    except (Unreadable, NoteRefused, UnicodeDecodeError, OSError) as error:
        raise Misconfigured(f"{key or log_key}: {error}") from error
    try:
        filed = read_filed(_read(file))
        sent, told = (_read(body) if body else None), (_read(whole) if whole else None)
    except (Unreadable, OSError) as error:
        if as_json:
            _write({"file": str(file), "outcome": "unreadable", "reason": str(error)})
        print(f"gateway: {file}: {visible(str(error))}", file=sys.stderr)
        return _UNREADABLE
    report = judge_filed(filed, keys=keys, log_keys=log_keys, body=sent, whole=told)
    if as_json:
        _write(_as_json(file, filed, report))
    else:
        _print(filed, report, language)
    return _EXIT[report.outcome]


def _read(file: Path) -> bytes:
    with file.open("rb") as stream:
        data = stream.read(_LARGEST + 1)
    if len(data) > _LARGEST:
        raise Unreadable(f"{file}: more than {_LARGEST} bytes")
    return data


def _as_json(file: Path, filed: Filed, report: Report) -> dict[str, object]:
    return {
        "file": str(file),
        "form": "tlog-proof" if filed.proof else "jws",
        "outcome": report.outcome.value,
        "receipt": filed.jws.payload,
        "checks": [as_json(check) for check in report.checks],
    }


def _print(filed: Filed, report: Report, language: Language) -> None:
    receipt, catalogue = filed.receipt, load_catalogue()
    status = _STATUS[language][receipt.status]
    print(f"{receipt.insurer} {receipt.message_id} · {receipt.received_at.isoformat()} · {status}")
    print(f"  {receipt.body_digest} {' '.join(map(visible, receipt.failing))}".rstrip())
    for check in report.checks:
        print(f"  {_MARK[check.outcome]} {catalogue.explain(check, language)}  {check.rule}")


def _write(value: object) -> None:
    sys.stdout.buffer.write(orjson.dumps(value) + b"\n")
