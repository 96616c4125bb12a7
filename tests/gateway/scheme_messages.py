"""Messages of one policy that every scheme rule passes, to be spoilt one at a time; and how to assess them."""

import json
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from gateway.schemes import AssessedLine, AssessedPolicy, Terms, assess, explain, find_scheme, read_message
from schemas.submission import RECORDS, Envelope

AT = date(2026, 5, 31)
NO = "PZEX202633010000000102"
COMPANY = {"name": "示例医药（杭州）有限公司", "credit_code": "91330106999901014C", "region": "330106"}
MAKER = {"name": "示例制药（临海）股份有限公司", "credit_code": "91331082MA28GHJ45X", "region": "331082"}
SELLER = {"name": "示例财产保险股份有限公司浙江分公司", "credit_code": "913300009999020171", "region": "330105"}
KEY = "示例替尼片|91330106999901014C"
LEAD, FOLLOWER = "EXAMPLE-PC", "SAMPLE-PC"

_POLICY: dict[str, Any] = {
    "policy_no": NO,
    "policyholder": COMPANY,
    "insured": [{**COMPANY, "role": "insured"}],
    "product": {
        "kind": "drug",
        "generic_name": "示例替尼片",
        "approval_no": "国药准字H20249001",
        "approval_date": "2024-06-18",
        "registration_class": "化学药品1类",
        "class_group": "chemical",
        "class_codes": ["1"],
        "holder": COMPANY,
        "manufacturer": COMPANY,
        "dosage_form": "片剂",
        "specification": "20mg",
    },
    "line": "product_liability",
    "clauses": [
        {"registration_no": "C00099130912025061000011", "name": "药品产品责任保险条款", "kind": "main"},
        {"registration_no": "C00099130922025061000021", "name": "附加法律费用保险条款", "kind": "rider"},
    ],
    "issued_on": "2026-02-20",
    "period": {"start": "2026-03-01", "end": "2027-02-28"},
    "limits": {"aggregate": "50000000.00"},
    "rate_base": {"kind": "aggregate_limit", "amount": "50000000.00"},
    "rate_percent": "1.6",
    "premium": {"gross": "800000.00", "net": "754716.98", "tax": "45283.02", "currency": "CNY"},
    "instalments": [{"no": 1, "due_on": "2026-03-01", "amount": "800000.00"}],
    "coinsurance": [],
    "documents": [],
}
_BODIES: dict[str, dict[str, Any]] = {
    "policy": _POLICY,
    "premium_receipt": {
        "policy_no": NO,
        "receipt_no": "SK0001",
        "amount": "800000.00",
        "received_on": "2026-02-26",
        "payer": COMPANY,
        "method": "bank_transfer",
        "invoice_nos": [],
        "paid_in_full": True,
        "documents": [],
    },
    "premium_refund": {
        "policy_no": NO,
        "refund_no": "TF0001",
        "amount": "100000.00",
        "paid_on": "2026-04-15",
        "payee": COMPANY,
        "reason": "退费",
    },
    "endorsement": {
        "policy_no": NO,
        "endorsement_no": "EZEX20263301000001",
        "kind": "amend",
        "issued_on": "2026-04-10",
        "effective_on": "2026-04-10",
        "premium_change": {"gross": "0.00", "net": "0.00", "tax": "0.00"},
        "changes": [],
    },
    "cancellation": {
        "policy_no": NO,
        "endorsement_no": "EZEX20263301000002",
        "kind": "mid_term",
        "effective_on": "2026-04-20",
        "return_premium": {"gross": "0.00", "net": "0.00", "tax": "0.00"},
        "reason": "退保",
    },
    "invoice": {
        "invoice_no": "26332000000000000103",
        "issued_on": "2026-02-27",
        "seller": SELLER,
        "buyer": COMPANY,
        "net": "754716.98",
        "tax": "45283.02",
        "gross": "800000.00",
        "policy_nos": [NO],
    },
    "award": {
        "scheme": "ZJ-NDI",
        "product_key": KEY,
        "policy_nos": [NO],
        "year": 2026,
        "amount": "400000.00",
        "awarded_on": "2026-05-15",
    },
}

_count = 0


def message(
    kind: str,
    changes: Mapping[str, Any] | None = None,
    *,
    insurer: str = LEAD,
    sent_at: str = "2026-02-21T09:30:00+08:00",
    message_id: str | None = None,
) -> dict[str, Any]:
    """A message of this type with other values at these dotted paths of its record; `None` takes a field away."""
    global _count
    _count += 1
    body = json.loads(json.dumps(_BODIES[kind]))  # a copy in which nothing is shared
    for path, value in (changes or {}).items():
        *steps, last = path.split(".")
        place: Any = body
        for step in steps:
            place = place.setdefault(step, {})
        if value is None:
            place.pop(last, None)
        else:
            place[last] = value
    made = {
        "schema": "premium-exchange/1.0",
        "type": kind,
        "message_id": message_id or f"M-{_count}",
        "sent_at": sent_at,
        "record": body,
    }
    return made if kind == "award" else {**made, "insurer": insurer}


def policy(changes: Mapping[str, Any] | None = None, **envelope: Any) -> dict[str, Any]:
    """A policy message."""
    return message("policy", changes, **envelope)


def receipt(changes: Mapping[str, Any] | None = None, **envelope: Any) -> dict[str, Any]:
    """A receipt of the whole premium."""
    return message("premium_receipt", changes, **envelope)


def priced(gross: str, *, limit: str = "50000000.00", **changes: Any) -> list[dict[str, Any]]:
    """A policy of this premium and limit, with the rate that follows, and its receipt. `number` names both."""
    number = changes.pop("number", NO)
    insurer = changes.pop("insurer", LEAD)
    fen, of = int(gross.replace(".", "")), int(limit.replace(".", ""))
    net = round(fen / 1.06)
    premium = {
        "policy_no": number,
        "premium": {"gross": gross, "net": _yuan(net), "tax": _yuan(fen - net), "currency": "CNY"},
        "limits.aggregate": limit,
        "rate_base": {"kind": "aggregate_limit", "amount": limit},
        "rate_percent": f"{fen * 100 / of:.6f}",
        "instalments": [{"no": 1, "due_on": "2026-03-01", "amount": gross}],
    }
    paid = {"policy_no": number, "receipt_no": f"SK{number}", "amount": gross}
    return [policy({**premium, **changes}, insurer=insurer), receipt(paid, insurer=insurer)]


def _yuan(fen: int) -> str:
    return f"{fen // 100}.{fen % 100:02d}"


def terms(scheme: str = "ZJ-NDI", **answers: str) -> Terms:
    """A scheme with these answers set."""
    return Terms(find_scheme(scheme, AT), answers)


def run(
    messages: Sequence[Mapping[str, Any]], by: Terms | None = None, *, at: date = AT, **answers: str
) -> tuple[AssessedLine, ...]:
    """The answer to these messages. Every finding of it has its texts, in both languages."""
    read = [told for one in messages if (told := read_message(one)) is not None]
    lines = assess(read, by or terms(**answers), at=at)
    for line in lines:
        for one in line.policies:
            assert (one.outcome.value == "passed") == (not one.findings)
            for finding in one.findings:
                assert explain(finding, "zh") != explain(finding, "en")
    return lines


def only(
    messages: Sequence[Mapping[str, Any]], by: Terms | None = None, *, at: date = AT, **answers: str
) -> AssessedPolicy:
    """The one policy in the one line of the answer."""
    (line,) = run(messages, by, at=at, **answers)
    (one,) = line.policies
    return one


def found(
    messages: Sequence[Mapping[str, Any]], by: Terms | None = None, *, at: date = AT, **answers: str
) -> dict[str, tuple[str, str]]:
    """Rule to outcome and reason, of the one policy: what does not pass."""
    return {
        finding.rule: (finding.outcome.value, finding.reason)
        for finding in only(messages, by, at=at, **answers).findings
    }


def is_standard(one: Mapping[str, Any]) -> None:
    """Raise unless the message is one of the standard schema, record and all."""
    envelope = Envelope.model_validate(one)
    RECORDS[envelope.type].model_validate(envelope.record)
