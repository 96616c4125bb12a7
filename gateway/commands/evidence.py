"""`gateway evidence`: a premium's bundle, fetched; and everything in one computed again, offline."""

import sys
from datetime import UTC, datetime
from pathlib import Path

import orjson

from gateway.bundle.cover import sheet_of, write_cover, write_cover_pdf
from gateway.bundle.read import Unreadable, read_bundle
from gateway.bundle.told import TITLES
from gateway.bundle.told import as_json as told
from gateway.bundle.verify import outcome_of, verify_bundle
from gateway.errors import Misconfigured
from gateway.ledger.ends import NotEnds, read_ends
from gateway.shown import Language, visible
from gateway.trust.keep import write_whole
from schemas.verification import Outcome
from signing.trust import TrustError

_EXIT = {Outcome.PASSED: 0, Outcome.FAILED: 1, Outcome.INDETERMINATE: 2}
_UNREADABLE = 3
_LARGEST = 512 * 1024 * 1024
_FORMS = {".pdf": write_cover_pdf, ".html": write_cover, ".htm": write_cover}
_MARK = {"recomputed": "✓", "equal": "✓", "differs": "✗", "absent": "?", "erased": "–"}


def verify(
    file: Path,
    trust: Path,
    *,
    log_key: Path | None,
    as_json: bool,
    language: Language,
    published: Path | None = None,
) -> int:
    """0 if everything comes out as it was told, 1 if something differs, 2 if something is absent, 3 if unreadable.

    `published` is what `/v1/keys` answered: the ends of the gateway's keys.
    """
    try:
        ends = read_ends(published.read_bytes()) if published else ()
    except (OSError, NotEnds) as error:
        raise Misconfigured(f"{published}: {error}") from error
    try:
        data = _read(file)
        key = log_key.read_text(encoding="utf-8") if log_key else None
        bundle, steps = verify_bundle(data, trust, log_key=key, ends=ends)
    except (Unreadable, OSError, UnicodeDecodeError, KeyError, ValueError) as error:
        if isinstance(error, TrustError):
            raise Misconfigured(str(error)) from error
        if as_json:
            _write({"file": str(file), "outcome": "unreadable", "reason": str(error)})
        print(f"gateway: {file}: {visible(str(error))}", file=sys.stderr)
        return _UNREADABLE
    outcome = outcome_of(steps)
    about = bundle.manifest
    if as_json:
        _write({"file": str(file), "at": datetime.now(UTC).isoformat(), **told(bundle, steps)})
        return _EXIT[outcome]
    print(f"{about.insurer} {about.policy_no} · {about.revision} · {outcome.value}")
    for step in steps:
        zh, en = TITLES[step.name]
        print(f"  {_MARK[step.result]} {zh if language == 'zh' else en}  {step.count}  {step.result}")
        for line in step.detail:
            print(f"      {visible(line)}")
    return _EXIT[outcome]


def cover(file: Path, out: Path) -> int:
    """Write the cover sheet of a bundle to `out`, whose suffix says how, with the bundle's digest. 0 done, 3 if the
    bundle cannot be read or its files are not those that it names; nothing else is verified."""
    form = _FORMS.get(out.suffix.lower())
    if form is None:
        raise Misconfigured(f"{out}: the cover is .pdf or .html")
    try:
        data = _read(file)
        sheet = form(*sheet_of(read_bundle(data), data))
    except (Unreadable, OSError, KeyError, ValueError) as error:
        print(f"gateway: {file}: {visible(str(error))}", file=sys.stderr)
        return _UNREADABLE
    try:
        write_whole(out, sheet)
    except OSError as error:
        raise Misconfigured(f"{out}: {error.strerror or error}") from error
    return 0


def _read(file: Path) -> bytes:
    with file.open("rb") as stream:
        data = stream.read(_LARGEST + 1)
    if len(data) > _LARGEST:
        raise Unreadable(f"more than {_LARGEST} bytes")
    return data


def _write(value: object) -> None:
    sys.stdout.buffer.write(orjson.dumps(value) + b"\n")
