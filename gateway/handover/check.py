"""A delivery 交付 of the product: to its final user, proven where dealers stand between, each package once. Pure.

Delivered before applying, bought by the user or proven through the dealers, and the user not the applicant itself
(R-ZJ-11, R-ZJ-19, R-ZJ-20); F-26, F-27.
"""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from schemas.calendar import shanghai_day
from schemas.party import Party, folded
from schemas.premium import Delivery
from schemas.verification import Check, Severity, failed, passed, unknown

_INSTITUTIONS = (
    "12",
    "52",
)  # 事业单位, 民办非企业单位: what hospitals are registered as, but for those that are companies
_HOSPITAL = re.compile("医院|卫生院|卫生服务|诊所|门诊|医疗中心|保健院|疾病预防|疾控|血站|急救中心|护理院|疗养院")
_DEALER = re.compile("医药|药业|药品|贸易|商贸|经销|批发|供应链|物流|配送|连锁|大药房")
_MOST_NAMED = 20


@dataclass(frozen=True, slots=True)
class Use:
    """Where a code was delivered before: by whose word, of which policy, in which submission."""

    code: str
    insurer: str
    policy_no: str | None
    submission_id: str
    delivered_on: date


def check_delivery(
    delivery: Delivery,
    insurer: str,
    applicant: Party | None,
    earlier: Mapping[str, Sequence[Use]],
    at: datetime,
    submission_id: str | None = None,
) -> tuple[Check, ...]:
    """Every check of one delivery that `insurer` reports.

    `applicant` is the policyholder, `None` while its policy is not known. `earlier` are the uses of the delivery's
    trace codes that are known (`store.find_uses`); those of `submission_id`, the very same message, are no other ones.
    """
    return (
        check_delivered(delivery, at),
        check_final_user(delivery),
        check_dealer_proof(delivery),
        check_not_applicant(delivery, applicant),
        check_trace_codes(delivery),
        check_codes_used_once(delivery, insurer, earlier, submission_id),
    )


def check_delivered(delivery: Delivery, at: datetime) -> Check:
    """R-ZJ-11: it has been delivered, not merely announced."""
    rule, today = "delivery.delivered", shanghai_day(at)
    if delivery.delivered_on > today:
        stated = str(delivery.delivered_on)
        return failed(rule, "in-future", field="delivered_on", stated=stated, today=str(today))
    return passed(rule, delivered_on=str(delivery.delivered_on))


def check_final_user(delivery: Delivery) -> Check:
    """R-ZJ-19, F-27: the buyer is the final user, a medical institution; never one of the dealers in between.

    A name and a code make it likely; no register of medical institutions is connected. Who looks like a dealer fails;
    who looks like neither is for the authority.
    """
    rule, buyer = "delivery.final-user", delivery.buyer
    if any(_is_same(buyer, dealer) for dealer in delivery.through):
        return failed(rule, "buyer-is-dealer", field="buyer", buyer=buyer.name)
    looks_medical = bool(_HOSPITAL.search(buyer.name))
    if (buyer.credit_code or "").startswith(_INSTITUTIONS):
        return passed(rule, buyer=buyer.name)
    if _DEALER.search(buyer.name):
        if not looks_medical:
            return failed(rule, "buyer-is-dealer", field="buyer", buyer=buyer.name)
    elif looks_medical:
        return passed(rule, buyer=buyer.name)
    return unknown(rule, "not-a-medical-institution", field="buyer", buyer=buyer.name)


def check_dealer_proof(delivery: Delivery) -> Check:
    """R-ZJ-19: what came through dealers 中间方 is proven to have reached the user: contract, and invoice or paper."""
    rule = "delivery.dealer-proof"
    through = [dealer.name for dealer in delivery.through[:_MOST_NAMED]]
    has_paper = bool(delivery.invoice_nos or delivery.documents)
    if delivery.through and not (delivery.contract_digest and has_paper):
        missing = [] if delivery.contract_digest else ["contract_digest"]
        missing += [] if has_paper else ["invoice_nos"]
        return failed(rule, "proof-missing", field="through", missing=missing, through=through)
    return passed(rule, through=through)


def check_not_applicant(delivery: Delivery, applicant: Party | None) -> Check:
    """R-ZJ-20, F-26: applicant and user are not the same. Whether they are related otherwise, no record here says."""
    rule, buyer = "delivery.buyer-not-applicant", delivery.buyer
    if applicant is None:
        return unknown(rule, "policy-not-known", field="policy_no")
    if buyer.credit_code is not None and applicant.credit_code is not None:
        if buyer.credit_code == applicant.credit_code:
            return failed(rule, "same-credit-code", field="buyer.credit_code", credit_code=buyer.credit_code)
        return passed(rule, buyer=buyer.credit_code, applicant=applicant.credit_code)
    reason = "same-name" if folded(buyer.name) == folded(applicant.name) else "no-credit-code"
    return unknown(rule, reason, field="buyer.credit_code", buyer=buyer.name)


def check_trace_codes(delivery: Delivery) -> Check:
    """药品追溯码 (NMPAB/T 1002-2019): each once in the record, and no more of them than packages.

    Twenty digits each, which the schema demands. A delivery without codes is told as a notice, which decides nothing:
    the scheme does not demand them.
    """
    rule, codes = "delivery.trace-codes", delivery.trace_codes
    if not codes:
        return unknown(rule, "not-stated", severity=Severity.NOTICE, field="trace_codes")
    repeated = sorted(code for code, count in Counter(codes).items() if count > 1)
    if repeated:
        return failed(rule, "twice-in-record", field="trace_codes", codes=repeated[:_MOST_NAMED], count=len(repeated))
    if any(code == code[0] * len(code) for code in codes):
        return failed(rule, "not-a-code", field="trace_codes")
    if len(codes) > Decimal(delivery.quantity):
        count = len(codes)
        return unknown(rule, "more-than-quantity", field="quantity", codes=count, quantity=delivery.quantity)
    return passed(rule, codes=len(codes))


def check_codes_used_once(
    delivery: Delivery, insurer: str, earlier: Mapping[str, Sequence[Use]], submission_id: str | None = None
) -> Check:
    """No package was delivered before under another policy, of this insurer or of any other (F-12, F-27).

    An insurer is told that another one reported the code, and nothing of what that one reported.
    """
    rule = "delivery.trace-codes-once"
    others = [
        use
        for code in dict.fromkeys(delivery.trace_codes)
        for use in earlier.get(code, ())
        if use.submission_id != submission_id and not _is_of(use, insurer, delivery.policy_no)
    ]
    if not others:
        return passed(rule, codes=len(delivery.trace_codes))
    codes = sorted({use.code for use in others})
    own = sorted({use.policy_no for use in others if use.insurer == insurer and use.policy_no})
    facts: dict[str, Any] = {"codes": codes[:_MOST_NAMED], "count": len(codes), "policies": own[:_MOST_NAMED]}
    facts["other_insurers"] = any(use.insurer != insurer for use in others)
    return failed(rule, "used-before", field="trace_codes", **facts)


def _is_of(use: Use, insurer: str, policy_no: str | None) -> bool:
    """Whether the use is of this very policy; of a delivery that names none nobody knows."""
    return policy_no is not None and (use.insurer, use.policy_no) == (insurer, policy_no)


def _is_same(one: Party, other: Party) -> bool:
    if one.credit_code is not None and other.credit_code is not None:
        return one.credit_code == other.credit_code
    return folded(one.name) == folded(other.name)
