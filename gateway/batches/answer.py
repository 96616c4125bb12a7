"""A batch and its results as they are told."""

import hashlib
from typing import Any

import orjson

from gateway.batches.store import Batch, ToldResult
from gateway.catalogue import Catalogue
from gateway.entries import problem_entry
from gateway.shown import Language
from schemas.verification import Check, Outcome, Severity


def batch_id(insurer: str, digest: str) -> str:
    """One for each insurer and file: the same file again is the same batch."""
    name = f"{insurer}\x00{digest}".encode()
    return f"B{hashlib.sha256(name).hexdigest()[:32]}"


def shown(batch: Batch) -> dict[str, Any]:
    """Where a batch stands. `rows` is how many lines the file has, once that is known; `read` counts its bytes."""
    status = "done" if batch.ended_at else "running" if batch.started_at else "queued"
    return {
        "batch": batch.id,
        "insurer": batch.insurer,
        "status": status,
        "digest": batch.digest,
        "media_type": batch.media_type,
        "size": batch.size,
        "read": batch.position,
        "rows": batch.line if batch.ended_at else None,
        "seen": batch.line,
        "verified": batch.verified,
        "held": batch.held,
        "refused": batch.refused,
        "conflicts": batch.conflicts,
        "received_at": batch.received_at,
        "started_at": batch.started_at,
        "ended_at": batch.ended_at,
        "results": f"/v1/batches/{batch.id}/results",
    }


def result_line(told: ToldResult, catalogue: Catalogue, language: Language) -> bytes:
    """What a line was told, as one line of JSON; the receipt is the bytes that were given."""
    result, checks = told.result, told.result.checks
    value: dict[str, Any] = {"row": result.line, "status": result.status}
    if result.submission_id is not None:
        value["submission_id"] = result.submission_id
    if told.receipt is not None and result.status != "verified":
        checks = tuple(Check.model_validate(check) for check in orjson.loads(told.receipt)["report"]["checks"])
    value["problems"] = [
        problem_entry(check, catalogue, language)
        for check in checks
        if check.outcome is not Outcome.PASSED and check.severity is Severity.ERROR
    ]
    if told.receipt is not None:
        value["receipt"] = orjson.Fragment(told.receipt)
    return orjson.dumps(value, option=orjson.OPT_APPEND_NEWLINE)
