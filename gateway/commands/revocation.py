"""`gateway revocation fetch`: asks the listed sources, and tells of each whether what is there can be used."""

import sys
from datetime import UTC, datetime
from pathlib import Path

import orjson

from gateway.catalogue import Catalogue, load_catalogue
from gateway.errors import Misconfigured
from gateway.revocation.fetch import fetch
from gateway.revocation.sources import read_sources
from gateway.shown import Language, visible
from schemas.verification import Check, Outcome, Severity
from signing.trust import TrustError, TrustStore

_EXIT = {Outcome.PASSED: 0, Outcome.FAILED: 1, Outcome.INDETERMINATE: 2}
_MARK = {Outcome.PASSED: "✓", Outcome.FAILED: "✗", Outcome.INDETERMINATE: "?"}
_UNTIL = {"zh": "可用至", "en": "usable until"}
_NEVER = {"zh": "现有数据不可用", "en": "nothing usable is there"}


def fetch_listed(trust: Path, sources: Path, *, as_json: bool, language: Language) -> int:
    """0 if everything is fresh, 1 if something that is needed cannot be used, 2 if a source failed or data end soon."""
    try:
        TrustStore.load(trust)  # a folder that the judge would refuse is not added to
        report = fetch(trust, read_sources(sources, trust), lambda: datetime.now(UTC))
    except (TrustError, OSError) as error:
        raise Misconfigured(str(error)) from error
    if as_json:
        sys.stdout.buffer.write(orjson.dumps(report.model_dump(mode="json", exclude_none=True)) + b"\n")
    else:
        catalogue = load_catalogue()
        for check in report.checks:
            print(_told(check, catalogue, language))
    sys.stdout.flush()
    if report.outcome is Outcome.PASSED and any(check.outcome is not Outcome.PASSED for check in report.checks):
        return 2
    return _EXIT[report.outcome]


def _told(check: Check, catalogue: Catalogue, language: Language) -> str:
    mark = "!" if check.severity is Severity.NOTICE else _MARK[check.outcome]
    line = f"{mark} {visible(check.field or '')} {catalogue.explain(check, language)}".replace("  ", " ")
    if check.outcome is not Outcome.PASSED and check.facts.get("detail"):
        line += f" ({visible(str(check.facts['detail']))})"
    until = check.facts.get("until")
    return f"{line} · {_UNTIL[language]} {until}" if until else f"{line} · {_NEVER[language]}"
