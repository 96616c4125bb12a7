"""Premiums as they stand in the database, written straight into it: what matching and annexes are asked about."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import psycopg

from schemas.canonical import canonical
from schemas.policy import Policy
from schemas.verification import conclude, failed, passed, unknown
from schemas.verified import Evidence, EvidenceDocument, Impact, Money, VerifiedPremium, facts_digest, subject_of

AT = datetime(2026, 9, 1, 4, tzinfo=UTC)
HOLDER = {"name": "示例医药（杭州）有限公司", "credit_code": "91330108MA2XX9T186", "region": "330108"}
ANOTHER = {"name": "示例制药（临海）股份有限公司", "credit_code": "91331082MA28GHJ45X", "region": "331082"}
PRODUCT = {
    "kind": "drug",
    "generic_name": "示例单抗注射液",
    "approval_no": "国药准字S20240001",
    "approval_date": "2024-03-15",
    "registration_class": "治疗用生物制品1类",
    "class_group": "therapeutic_biologic",
    "class_codes": ["1"],
    "holder": HOLDER,
    "manufacturer": {"name": "示例生物科技（杭州）有限公司", "credit_code": "91330100MA2DTR557F"},
    "dosage_form": "注射剂",
    "specification": "100mg/4ml",
}
NUMBER = "PTEST202633010800000001"


def policy_of(number: str = NUMBER, **changes: Any) -> Policy:
    """The policy record; a change replaces a whole field."""
    stated: dict[str, Any] = {
        "policy_no": number,
        "policyholder": HOLDER,
        "product": PRODUCT,
        "line": "product_liability",
        "clauses": [{"registration_no": "C00090130912025041900011", "name": "药品产品责任保险条款", "kind": "main"}],
        "issued_on": "2026-07-22",
        "period": {"start": "2026-07-27", "end": "2027-07-26"},
        "limits": {"aggregate": "40000000.00"},
        "rate_base": {"kind": "aggregate_limit", "amount": "40000000.00"},
        "rate_percent": "2",
        "premium": {"gross": "800000.00", "net": "754716.98", "tax": "45283.02", "currency": "CNY"},
    }
    return Policy.model_validate(stated | changes)


def money_of(due: str = "800000.00", received: str | None = None, refunded: str = "0.00") -> Money:
    """An account: all of what is due received, unless said otherwise."""
    came = received or due
    fen = [int(text.replace(".", "")) for text in (came, refunded)]
    net = fen[0] - fen[1]
    text = f"{'-' if net < 0 else ''}{abs(net) // 100}.{abs(net) % 100:02d}"
    return Money.model_validate(
        {"due": due, "received": came, "refunded": refunded, "net_paid": text, "paid_in_full": text == due}
    )


def premium_of(
    policy: Policy | None = None,
    money: Money | None = None,
    *,
    insurer: str = "TEST-A",
    status: str = "verified",
    revision: int = 1,
    at: datetime = AT,
    impact: Impact | None = None,
    schemes: tuple[Mapping[str, Any], ...] = (),
    sealed_by: tuple[str, ...] = ("示例甲财产保险有限公司电子保单专用章",),
) -> VerifiedPremium:
    """One revision, with a report that says just what the status demands."""
    policy = policy or policy_of()
    money = money or money_of(str(policy.premium.gross))
    rule = "premium.paid-in-full"
    checks = {"verified": passed(rule), "held": unknown(rule, "short")}.get(status, failed(rule, "short"))
    report = conclude(
        subject_of(insurer, policy.policy_no), checks=[checks], at=at, digest=facts_digest(policy, money), basis={}
    )
    return VerifiedPremium.model_validate(
        {
            "insurer": insurer,
            "policy_no": policy.policy_no,
            "revision": revision,
            "status": status,
            "known_at": at,
            "policy": policy,
            "money": money,
            "report": report,
            "schemes": list(schemes),
            "evidence": Evidence(
                submissions=("S" + "0" * 32,),
                documents=(
                    EvidenceDocument.model_validate(
                        {
                            "digest": "sha256:" + "2" * 64,
                            "kind": "statement",
                            "outcome": "passed",
                            "judged_at": at,
                            "sealed_by": list(sealed_by),
                        }
                    ),
                ),
                refunds=("TF0001",) if money.refunded.fen else (),
            ),
            "impact": impact,
        }
    )


def keep(dsn: str, *premiums: VerifiedPremium) -> None:
    """The revisions as rows, behind those that are there."""
    with psycopg.connect(dsn) as connection:
        found = connection.execute("SELECT coalesce(max(position), -1) FROM premiums").fetchone()
        first = int(found[0]) + 1 if found else 0
        with connection.cursor() as cursor:
            cursor.executemany(
                "INSERT INTO premiums (position, insurer, policy_no, revision, status, known_at, leaf_index, "
                "leaf_hash, signature, body) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
                [
                    (
                        first + place,
                        one.insurer,
                        one.policy_no,
                        one.revision,
                        one.status,
                        one.known_at,
                        first + place,
                        "x",
                        "x",
                        canonical(one),
                    )
                    for place, one in enumerate(premiums)
                ],
            )
