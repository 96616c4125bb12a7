"""Sealed documents: judged when they are handed in, with what their profile reads from them."""

from datetime import datetime
from typing import Any

from adapters.document import DocumentFields, read_document
from gateway.participants import Participant
from gateway.submissions.agreement import Stated
from gateway.submissions.evidence import JudgedDocument
from gateway.submissions.writable import writable
from schemas.verification import Check, Outcome, Report, SealReport, Severity, conclude, failed, unknown
from signing import TrustStore, Unreadable, verify_document
from untrusted import Refused


def judge_document(
    data: bytes,
    media_type: str,
    owner: Participant,
    trust: TrustStore,
    at: datetime,
    existed_at: datetime | None = None,
) -> dict[str, Any]:
    """The verdict on a document as plain JSON values: the report on its seals, whose they are, and its fields.

    Pure: the same bytes, trust and moments give the same verdict. `existed_at` is when the log took it in, of a
    document that is judged again: what expired or was revoked for no compromise since then takes nothing away. An
    unreadable document is a failed one here, since its bytes are kept either way.
    """
    try:
        report = verify_document(data, trust=trust, at=at, media_type=media_type, existed_at=existed_at)
    except Unreadable as unreadable:
        report = conclude(
            "document",
            checks=[failed("evidence.readable", "unreadable", why=unreadable.rule, detail=unreadable.detail)],
            at=at,
            reason="unreadable",
        )
    fields, problems = _fields_of(data, media_type, owner)
    owners = sorted({code for seal in report.seals if _counts(seal) for code in _owners(seal, owner, trust, at)})
    verdict = {
        "report": report.model_dump(mode="json", exclude_none=True),
        "owners": owners,
        "signers": [_signer(seal) for seal in report.seals if _counts(seal)],
        "kind": fields.kind if fields else None,
        "fields": {
            path: {"value": found.value, "raw": found.raw, "source": found.source}
            for path, found in (fields.fields.items() if fields else ())
        },
        "problems": [check.model_dump(mode="json", exclude_none=True) for check in problems],
    }
    plain: dict[str, Any] = writable(verdict)
    return plain


def _fields_of(data: bytes, media_type: str, owner: Participant) -> tuple[DocumentFields | None, list[Check]]:
    if owner.document_profile is None:
        return None, [unknown("evidence.read", "no-profile")]
    try:
        fields = read_document(owner.document_profile, data, media_type)
    except Refused as refused:
        return None, [failed("evidence.read", "unreadable", refused_by=refused.rule, detail=refused.detail)]
    return fields, [
        failed(problem.rule, problem.reason, field=problem.field, facts=dict(problem.facts))
        for problem in fields.problems
    ]


def _counts(seal: SealReport) -> bool:
    """Only a seal that is intact and trusted says anything about who sealed."""
    return seal.integrity == "passed" and seal.trust == "trusted"


def _owners(seal: SealReport, owner: Participant, trust: TrustStore, at: datetime) -> set[str]:
    """The insurers whose seal this is: as the trust folder binds it, or by the credit code in its certificate."""
    if seal.signer is None:
        return set()
    bound = set(trust.owners_of(seal.signer, seal.seal, at))
    if not bound and seal.signer.credit_code is not None and seal.signer.credit_code == owner.credit_code:
        return {owner.code}
    return bound or ({f"credit-code:{seal.signer.credit_code}"} if seal.signer.credit_code else set())


def _signer(seal: SealReport) -> str:
    signer = seal.signer.subject if seal.signer else ""
    return f"{seal.seal.name} ({signer})" if seal.seal else signer


def as_judged(digest: str, verdict: dict[str, Any]) -> JudgedDocument:
    """A stored verdict, read back."""
    report = Report.model_validate(verdict["report"])
    fields = verdict["fields"]
    return JudgedDocument(
        digest=digest,
        kind=verdict["kind"],
        policy_no=fields.get("policy_no", {}).get("value"),
        outcome=report.outcome,
        judged_at=report.at,
        failing=tuple(
            check
            for check in report.all_checks()
            if check.outcome is not Outcome.PASSED and check.severity is Severity.ERROR
        ),
        owners=tuple(verdict["owners"]),
        signers=tuple(verdict["signers"]),
        stated={path: Stated(found["value"], found["source"]) for path, found in fields.items()},
        problems=tuple(Check.model_validate(problem) for problem in verdict["problems"]),
    )
