"""Keep revocation lists and OCSP answers of a trust folder fresh: ask each listed source, keep what is better.

Whatever a source does, what is there stays until something better has been checked; a run tells of every source that
failed, and whether what is there can still be used.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import orjson

from gateway.revocation.download import Delivered, Undelivered, download
from gateway.revocation.judge import Fit, Unfit, judge_list, judge_response, list_in_use, path_of, response_in_use
from gateway.revocation.request import ocsp_request
from gateway.revocation.sources import Source, Sources
from gateway.trust.folder import read_folder
from gateway.trust.keep import locked, write_whole
from schemas.verification import Check, Report, Severity, conclude, failed, passed, unknown
from signing.certificate import fingerprint
from signing.checks.chain import subject_of
from signing.checks.paths import Link
from signing.seal import rfc3339

_RULE = "revocation.source"
_STATE = ".fetched.json"  # a trust store passes over what begins with a dot
_MOST_STATE = 1 << 20


@dataclass(frozen=True, slots=True)
class _Known:
    """What is remembered of a source: the tags of its last answer, and which file and bytes it became."""

    etag: str | None
    last_modified: str | None
    file: str
    sha256: str


def fetch(trust: Path, sources: Sources, now: Callable[[], datetime]) -> Report:
    """Ask every source once; a check for each. Raises `TrustError` or OSError if the trust folder cannot be used.

    Passed: fresh. Failed: nothing that can be used now is there. Indeterminate: the source failed, what is there can
    still be used.
    """
    checks: list[Check] = []
    for source in sources.listed:
        checks += _ask(trust, source, sources, now)
    if not checks:
        checks.append(unknown("revocation.sources", "none"))
    return conclude("revocation-sources", checks=checks, at=now(), basis={"trust": read_folder(trust).store.digest})


def _ask(trust: Path, source: Source, sources: Sources, now: Callable[[], datetime]) -> list[Check]:
    remembered = _remembered(trust).get(_key(source))
    facts: dict[str, Any] = {"kind": source.kind, "subject": subject_of(Link.of(source.certificate))}
    try:
        request = None
        if source.kind == "ocsp":
            issuer = path_of(source.certificate, read_folder(trust)).links[-2]
            request = ocsp_request(issuer, Link.of(source.certificate), source.hash_oid)
        elif not _still_there(trust, remembered):
            remembered = None
        delivered = download(
            source.url,
            timeout=sources.timeout,
            largest=sources.largest if source.kind == "crl" else 1 << 20,
            etag=remembered.etag if remembered and request is None else None,
            last_modified=remembered.last_modified if remembered and request is None else None,
            request=request,
        )
        with locked(trust):
            fit = _keep(trust, source, delivered, remembered, now())
    except (Undelivered, Unfit) as error:
        return [_failure(trust, source, error.reason, str(error), facts, now())]
    facts |= {"file": fit.file, "until": rfc3339(fit.use.until), "change": "unchanged" if fit.unchanged else "updated"}
    if fit.status is not None:
        facts["status"] = fit.status
    told = passed(_RULE, field=source.url, **facts)
    if not fit.use.ends_soon(now()):
        return [told]
    return [told, failed(_RULE, "ends-soon", severity=Severity.NOTICE, field=source.url, **facts)]


def _keep(trust: Path, source: Source, delivered: Delivered, remembered: _Known | None, at: datetime) -> Fit:
    """Judge what came against the folder as it is now, and write it if it is better. The caller holds the lock."""
    folder = read_folder(trust)
    if delivered.body is None:
        if remembered is None or not _still_there(trust, remembered):
            raise Unfit("unasked")
        body = (trust / remembered.file).read_bytes()
    else:
        body = delivered.body
    if source.kind == "crl":
        fit = judge_list(body, Link.of(source.certificate), folder, at)
    else:
        fit = judge_response(body, source.certificate, folder, at)
    if not fit.unchanged:
        write_whole(trust / fit.file, fit.der)
    if delivered.body is not None and source.kind == "crl" and (trust / fit.file).read_bytes() == fit.der:
        digest = hashlib.sha256(fit.der).hexdigest()
        _remember(trust, source, _Known(delivered.etag, delivered.last_modified, fit.file, digest))
    return fit


def _failure(trust: Path, source: Source, reason: str, detail: str, facts: dict[str, Any], at: datetime) -> Check:
    """How bad it is that a source failed depends on what is there."""
    folder = read_folder(trust)
    if source.kind == "crl":
        use = list_in_use(Link.of(source.certificate), folder, at)
    else:
        use = response_in_use(source.certificate, folder, at)
    facts = facts | {"detail": detail[:300], "until": rfc3339(use.until) if use else None}
    make = failed if use is None else unknown
    return make(_RULE, reason, field=source.url, **facts)


def _key(source: Source) -> str:
    return f"{fingerprint(source.certificate)[:16]} {source.url}"


def _still_there(trust: Path, known: _Known | None) -> bool:
    """The file that the remembered answer became still has its bytes: only then is "not modified" an answer."""
    if known is None:
        return False
    try:
        return hashlib.sha256((trust / known.file).read_bytes()).hexdigest() == known.sha256
    except OSError:
        return False


def _remembered(trust: Path) -> dict[str, _Known]:
    """What earlier runs remember; a file that cannot be read is forgotten, which costs one download."""
    try:
        with (trust / _STATE).open("rb") as file:
            values = orjson.loads(file.read(_MOST_STATE))
        return {key: _Known(**value) for key, value in values.items() if Path(value["file"]).parts[:-1] == ("crl",)}
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return {}


def _remember(trust: Path, source: Source, known: _Known) -> None:
    """The caller holds the lock."""
    values = {
        key: {"etag": one.etag, "last_modified": one.last_modified, "file": one.file, "sha256": one.sha256}
        for key, one in {**_remembered(trust), _key(source): known}.items()
    }
    write_whole(trust / _STATE, orjson.dumps(values, option=orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS) + b"\n")
