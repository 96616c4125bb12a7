"""The report on a file as the command line prints it: the stable JSON object of `gateway seal verify`."""

from typing import Any

from schemas.verification import Check, Report, SealReport
from signing.errors import Unreadable
from signing.seal import rfc3339


def as_seal_verify_json(file_name: str, report: Report) -> dict[str, Any]:
    """One report as JSON values, absent answers as null, in the order of the contract."""
    document = report.document
    found: dict[str, Any] = {
        "file": file_name,
        "document": document.model_dump(mode="json") if document else None,
        "at": rfc3339(report.at),
        "outcome": report.outcome.value,
    }
    if report.reason is not None:
        found["reason"] = report.reason
    found["seals"] = [_seal(seal) for seal in report.seals]
    found["checks"] = [_check(check) for check in report.checks]
    found["basis"] = report.basis
    return found


def as_unreadable_json(file_name: str, error: Unreadable, at: str) -> dict[str, Any]:
    """The object for a file in which there was nothing to judge."""
    return {
        "file": file_name,
        "document": None,
        "at": at,
        "outcome": "unreadable",
        "reason": error.rule.replace(".", "-"),
        "detail": error.detail,
        "seals": [],
        "checks": [],
    }


def _seal(seal: SealReport) -> dict[str, Any]:
    dumped = seal.model_dump(mode="json")
    dumped["checks"] = [_check(check) for check in seal.checks]
    if seal.signed_at is not None:
        dumped["signed_at"] = rfc3339(seal.signed_at)
    return dumped


def _check(check: Check) -> dict[str, Any]:
    """A check without what it does not have."""
    return {
        name: value
        for name, value in check.model_dump(mode="json").items()
        if value is not None and not (name == "facts" and not value)
    }
