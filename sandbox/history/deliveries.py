"""Deliveries 交付 of what was insured: to hospitals, most of them through dealers, a few not as they should be."""

from datetime import timedelta
from hashlib import sha256
from typing import Any

from sandbox.history.lives import Life
from sandbox.insurers import credit_code
from sandbox.randomness import drawing
from sandbox.records import Record

_HOSPITALS = tuple(
    f"示例{place}{kind}"
    for place in ("杭州", "宁波", "温州", "绍兴", "台州", "嘉兴")
    for kind in ("人民医院", "中医院")
)
_SHARE = 0.14
_WRONG = 0.05


def deliver(life: Life) -> None:
    """Some policies' products reach their users one to five months later, and their insurers tell it."""
    draw = drawing(f"delivery/{life.world.seed}/{life.number}")
    if life.paid_on is None or draw.random() > _SHARE:
        return
    day = life.issued_on + timedelta(days=draw.randrange(30, 150))
    if day > life.days.last:
        return
    number = draw.randrange(len(_HOSPITALS))
    hospital = {
        "name": _HOSPITALS[number],
        "credit_code": credit_code(f"4700{number:02d}K{number % 9}", region="330100", kind="12"),
    }
    dealer = {"name": "示例医药供应链有限公司", "credit_code": credit_code("MA2DG001")}
    body: dict[str, Any] = {
        "policy_no": life.facts.policy_no,
        "product": dict(life.product.body),
        "buyer": hospital,
        "delivered_on": day.isoformat(),
        "quantity": str(draw.randrange(10, 400) * 10),
        "trace_codes": [f"8{life.number:07d}{place:012d}" for place in range(draw.randrange(1, 6))],
        "contract_digest": "sha256:" + sha256(life.facts.policy_no.encode()).hexdigest(),
    }
    if draw.random() < 0.4:
        body["through"] = [dealer]
        body["invoice_nos"] = [f"{day:%y}33{life.number:08d}90000000"]
    alone = draw.random() < _WRONG
    if alone:  # a dealer is no user
        body["buyer"] = dealer
        body.pop("through", None)
    life.say(life.soon(day), Record("delivery", life.insurer.code, body), plain=True, alone=alone)
