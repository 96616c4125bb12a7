"""One policy that passes every check, and the pieces that it is made of, to be spoilt one at a time."""

from collections.abc import Iterable, Mapping
from copy import deepcopy
from datetime import UTC, date, datetime
from typing import Any

from gateway.filing.registry import FilingRegistry
from gateway.participants import Participant
from gateway.submissions.agreement import Stated, value_at
from gateway.submissions.evidence import JudgedDocument
from gateway.submissions.known import KnownRecord, PolicyState
from gateway.submissions.verdict import Basis, judge_premium, judge_record
from schemas.canonical import as_json
from schemas.filing import Filing, Source
from schemas.policy import Policy
from schemas.premium import PremiumReceipt
from schemas.submission import RECORDS
from schemas.verification import Outcome, worst
from schemas.verified import VerifiedPremium

AT = datetime(2026, 9, 1, 4, tzinfo=UTC)
POLICY_NO = "PTEST20263301000001"
INSURER = Participant(
    code="TEST-A",
    role="insurer",
    name="示例甲财产保险有限公司",
    credit_code="91330000MA2DEMA16M",
    company_code="000901",
    dialect="DIA-CANON-JSON",
    document_profile="DOC-OFD-TEXT",
)
HOLDER = {"name": "示例医药（杭州）有限公司", "credit_code": "91330108MA2XX9T186"}
ANOTHER = {"name": "示例制药（临海）股份有限公司", "credit_code": "91331082MA28GHJ45X"}
CLAUSE = "C00090130912025041900011"
E_POLICY = "sha256:" + "1" * 64
STATEMENT = "sha256:" + "2" * 64

_POLICY: dict[str, Any] = {
    "policy_no": POLICY_NO,
    "policyholder": HOLDER,
    "product": {"generic_name": "示例单抗注射液", "approval_no": "国药准字S20240001"},
    "line": "product_liability",
    "clauses": [{"registration_no": CLAUSE, "name": "药品产品责任保险条款", "kind": "main"}],
    "issued_on": "2026-07-22",
    "period": {"start": "2026-07-27", "end": "2027-07-26"},
    "limits": {"aggregate": "40000000.00"},
    "rate_base": {"kind": "aggregate_limit", "amount": "40000000.00"},
    "rate_percent": "2",
    "premium": {"gross": "800000.00", "net": "754716.98", "tax": "45283.02", "currency": "CNY"},
    "documents": [{"kind": "policy", "digest": E_POLICY, "media_type": "application/ofd"}],
}
_RECEIPT: dict[str, Any] = {
    "policy_no": POLICY_NO,
    "receipt_no": "SK0001",
    "amount": "800000.00",
    "received_on": "2026-07-24",
    "payer": HOLDER,
    "paid_in_full": True,
}
_REFUND = {"policy_no": POLICY_NO, "refund_no": "TF0001", "amount": "800000.00", "paid_on": "2026-08-20"}
_ENDORSEMENT = {
    "policy_no": POLICY_NO,
    "endorsement_no": "ETEST2026330101",
    "kind": "increase",
    "issued_on": "2026-08-10",
    "effective_on": "2026-08-10",
    "premium_change": {"gross": "10000.00"},
}
_CANCELLATION = {
    "policy_no": POLICY_NO,
    "endorsement_no": "ETEST2026330102",
    "kind": "mid_term",
    "effective_on": "2026-08-15",
    "return_premium": {"gross": "800000.00"},
}
_BODIES = {
    "policy": _POLICY,
    "premium_receipt": _RECEIPT,
    "premium_refund": _REFUND,
    "endorsement": _ENDORSEMENT,
    "cancellation": _CANCELLATION,
}
_NUMBERS = {
    "policy": "policy_no",
    "endorsement": "endorsement_no",
    "cancellation": "endorsement_no",
    "premium_receipt": "receipt_no",
    "premium_refund": "refund_no",
}


def record(kind: str, changes: Mapping[str, Any] | None = None) -> Any:
    """A record of this type with other values at these dotted paths; `None` takes a field away."""
    body = deepcopy(_BODIES[kind])
    for path, value in (changes or {}).items():
        *steps, last = path.split(".")
        place: Any = body
        for step in steps:
            place = place.setdefault(step, {})
        if value is None:
            place.pop(last, None)
        else:
            place[last] = value
    return RECORDS[kind].model_validate(body)


def policy(changes: Mapping[str, Any] | None = None) -> Policy:
    """The policy record, changed."""
    made: Policy = record("policy", changes)
    return made


def receipt(changes: Mapping[str, Any] | None = None) -> PremiumReceipt:
    """The receipt of the whole premium, changed."""
    made: PremiumReceipt = record("premium_receipt", changes)
    return made


_STATED_BY_POLICY = (
    "policy_no",
    "policyholder.name",
    "policyholder.credit_code",
    "product.generic_name",
    "product.approval_no",
    "line",
    "clauses.registration_no",
    "issued_on",
    "period.start",
    "period.end",
    "limits.aggregate",
    "rate_percent",
    "premium.gross",
    "premium.net",
    "premium.tax",
)
_STATED_BY_RECEIPT = ("policy_no", "receipt_no", "amount", "received_on", "payer.name")


def stated(of: Any, changes: Mapping[str, Any] | None = None) -> dict[str, Stated]:
    """What a document about this record states: what the record says, but for the changes."""
    fields = _STATED_BY_POLICY if isinstance(of, Policy) else _STATED_BY_RECEIPT
    plain = as_json(of)
    values = {field: value_at(plain, field) for field in fields} | dict(changes or {})
    return {field: Stated(value, "page 1 line 1") for field, value in values.items() if value is not None}


def judged(of: Any, *, changes: Mapping[str, Any] | None = None, **fields: Any) -> JudgedDocument:
    """A document about this record that the insurer sealed, or as `fields` say."""
    says = stated(of, changes)
    is_policy = isinstance(of, Policy)
    given: dict[str, Any] = {
        "digest": E_POLICY if is_policy else STATEMENT,
        "kind": "policy" if is_policy else "statement",
        "policy_no": says["policy_no"].value if "policy_no" in says else None,
        "outcome": Outcome.PASSED,
        "judged_at": AT,
        "failing": (),
        "owners": (INSURER.code,),
        "signers": ("示例甲财产保险有限公司电子保单专用章",),
        "stated": says,
    }
    return JudgedDocument(**(given | fields))


def filing(**changes: Any) -> Filing:
    """The registered clause of the policy."""
    given: dict[str, Any] = {
        "registration_no": CLAUSE,
        "insurer": INSURER.code,
        "name": "药品产品责任保险条款",
        "kind": "main",
        "line": "product_liability",
        "regime": "filed",
        "registered_on": "2025-04-19",
        "first_used_on": "2025-05-01",
        "rate_min_percent": "0.5",
        "rate_max_percent": "3",
        "intervals": [{"state": "in_use", "from": "2025-05-01"}],
        "source": {"registry": "ZJ", "as_of": "2026-08-30", "fetched_at": "2026-08-30T00:00:00Z"},
    }
    return Filing.model_validate(given | changes)


def basis(filings: Iterable[Filing] | None = None) -> Basis:
    """What the verdict rests on: a whole, fresh statement of the registry."""
    whole = Source(registry="ZJ", as_of=date(2026, 8, 30), fetched_at=AT)
    registry = FilingRegistry([filing()] if filings is None else filings, [whole])
    return Basis(registry, 45, "sha256:" + "c" * 64, "sha256:" + "d" * 64)


def state(*documents: JudgedDocument) -> PolicyState:
    """Nothing known of the policy but these documents."""
    return PolicyState(INSURER, POLICY_NO, documents={document.digest: document for document in documents})


def tell(known: PolicyState, kind: str, said: Any, *, at: datetime = AT, by: Basis | None = None) -> Outcome:
    """The record comes: it is judged and known from now on. The verdict on it."""
    number = getattr(said, _NUMBERS[kind])
    outcome = worst(judge_record(known, kind, number, said, by or basis(), at))
    name = f"S{len(known.records):032x}"
    known.records.append(KnownRecord(name, "key-1", kind, number, said, outcome))
    return outcome


def honest() -> PolicyState:
    """The policy, its sealed e-policy and its receipt."""
    known = state(judged(policy()))
    assert tell(known, "policy", policy()) is Outcome.PASSED
    assert tell(known, "premium_receipt", receipt()) is Outcome.PASSED
    return known


def verdict(known: PolicyState, *, by: Basis | None = None, at: datetime = AT) -> VerifiedPremium:
    """The premium as judged from all that is known."""
    return judge_premium(known, by or basis(), at)
