"""`gateway seal report`: the verdict on one file as HTML or PDF, for people to read and to file."""

import sys
from datetime import datetime
from pathlib import Path

from gateway.catalogue import load_catalogue
from gateway.commands.seal import EXIT, UNREADABLE, check_existence, read_document
from gateway.errors import Misconfigured
from gateway.seal_report.content import Content, describe, describe_unreadable
from gateway.seal_report.html import as_html
from gateway.seal_report.pdf import as_pdf
from gateway.seal_report.seals import find_pictures
from gateway.shown import Language
from gateway.trust.keep import write_whole
from signing import TrustStore, Unreadable, verify_document
from signing.sm2 import sm3
from signing.trust import TrustError

_FORMATS = {".html": as_html, ".htm": as_html, ".pdf": as_pdf}


def write_report(
    file: Path,
    trust_dir: Path,
    at: datetime,
    out: Path,
    detached: Path | None,
    *,
    existed_at: datetime | None,
    language: Language,
) -> int:
    """Judge `file` as of `at` and write the report to `out`, whose suffix says how; the exit code of the verdict.

    `existed_at` is a moment at which the file, as it is, existed: whoever states it vouches for it.

    A file that could be read but not judged has a report too, and the exit code 3.
    """
    check_existence(existed_at, at)
    form = _FORMATS.get(out.suffix.lower())
    if form is None:
        raise Misconfigured(f"{out}: the report is .html or .pdf")
    try:
        trust = TrustStore.load(trust_dir)
        document = read_document(file)
        signature = read_document(detached) if detached else None
    except (TrustError, OSError) as error:
        raise Misconfigured(str(error)) from error
    except Unreadable as error:
        print(f"gateway: {file}: {error}", file=sys.stderr)
        return UNREADABLE
    code, content = _described(file.name, document, trust, at, signature, existed_at, language)
    try:
        write_whole(out, form(content))
    except OSError as error:
        raise Misconfigured(f"{out}: {error.strerror or error}") from error
    print(f"{out}: {content.verdict}", file=sys.stderr)
    return code


def _described(
    name: str,
    document: bytes,
    trust: TrustStore,
    at: datetime,
    detached: bytes | None,
    existed_at: datetime | None,
    language: Language,
) -> tuple[int, Content]:
    catalogue = load_catalogue()
    try:
        report = verify_document(document, trust=trust, at=at, detached=detached, existed_at=existed_at)
    except Unreadable as error:
        return UNREADABLE, describe_unreadable(
            name, document, sm3(document).hex(), error, at, trust.digest, catalogue=catalogue, language=language
        )
    pictures = find_pictures(document, report, detached=detached, repair=trust.policy.interop_repair)
    told = describe(name, report, pictures, catalogue=catalogue, language=language, detached=detached)
    return EXIT[report.outcome], told
