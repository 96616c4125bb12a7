"""What the authorities' registries say of a policy: is its product what it says, new, its holder honest, paid for once.

Pure: policy, registry, moment are arguments. A registry that nobody ever connected answers with a notice, which decides
nothing, unless it is required; once connected it decides, and what it does not say, or said too long ago, is
indeterminate: it never passes.
"""

import hashlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from gateway.registries.entries import CreditRecord, SisterAward, Variety, product_key
from gateway.registries.registry import Registries, Registry, Stated
from gateway.schemes.classes import read_class
from schemas.calendar import shanghai_day
from schemas.party import folded
from schemas.policy import Policy
from schemas.product import Product
from schemas.verification import Check, Severity, failed, passed, unknown

_ACCIDENT_YEARS = 3
_BLOCKING = frozenset({None, "national", "provincial"})


@dataclass(frozen=True, slots=True)
class Terms:
    """How registries are asked: for how many days after its day a statement counts, which registries have to be there,
    and the scheme whose own awards are no double subsidy."""

    max_age_days: int = 45
    required: Collection[str] = ()
    own_scheme: str = "ZJ-NDI"


def check_registries(
    policy: Policy, insurer: str, registries: Registries, at: datetime, terms: Terms
) -> tuple[Check, ...]:
    """Every check of this module for `policy` of `insurer` as of `at`."""
    return (
        *check_product(policy, registries.varieties, at, terms),
        check_holder(policy, registries.credit, at, terms),
        check_double_subsidy(policy, insurer, registries.sister_awards, at, terms),
    )


def check_product(policy: Policy, varieties: Registry[Variety], at: datetime, terms: Terms) -> tuple[Check, ...]:
    """The product is as the archive 品种档案 has it, and the drug authority calls it a new drug (R-ZJ-43).

    The second is asked of drugs only.
    """
    is_device = policy.product is not None and policy.product.kind == "device"
    checks = (check_archive_agrees(policy, varieties, at, terms), check_new_drug(policy, varieties, at, terms))
    return checks[:1] if is_device else checks


def check_archive_agrees(policy: Policy, varieties: Registry[Variety], at: datetime, terms: Terms) -> Check:
    """F-19, F-20, R-ZJ-04, R-ZJ-07: approval number, day, class and holder are those of the product archive.

    Another class fails (F-20), and so does an approval that is cancelled. Another day, name or holder is for the
    authority (F-19, R-ZJ-07): indeterminate. What the policy leaves out is not compared.
    """
    rule = "product.archive-agrees"
    today = shanghai_day(at)
    found = _varieties(rule, policy, varieties, today, terms)
    if isinstance(found, Check):
        return found
    product = policy.product
    assert product is not None, "whoever has an approval number has a product"
    facts = _facts(varieties, approval_no=product.approval_no, sources=sorted({one.source for one in found}))
    differing = {name: reason for one in found for name, reason in _differences(product, one.entry).items()}
    for name, reason in differing.items():
        if reason in ("approval-cancelled", "class-differs"):
            return failed(rule, reason, field=f"product.{name}", **facts, **_both(product, found, name))
    for name, reason in differing.items():
        return unknown(rule, reason, field=f"product.{name}", **facts, **_both(product, found, name))
    return passed(rule, **facts)


def _differences(product: Product, variety: Variety) -> dict[str, str]:
    """By field what is wrong with it; of what either side leaves out only the class, which must be known."""
    wrong: dict[str, str] = {}
    if variety.state == "cancelled":
        wrong["approval_no"] = "approval-cancelled"
    elif variety.state == "suspended":
        wrong["approval_no"] = "approval-suspended"
    if product.registration_class is not None:
        if variety.registration_class is None:
            wrong["registration_class"] = "class-not-in-archive"
        elif not _same_class(product.registration_class, variety.registration_class):
            wrong["registration_class"] = "class-differs"
    if product.approval_date is not None and product.approval_date != variety.approval_date:
        wrong["approval_date"] = "approval-date-differs"
    if product.generic_name is not None and folded(product.generic_name) != folded(variety.generic_name):
        wrong["generic_name"] = "name-differs"
    holder = product.holder
    if holder is not None:
        codes = holder.credit_code is not None and variety.holder_code is not None
        same = holder.credit_code == variety.holder_code if codes else folded(holder.name) == folded(variety.holder)
        if not same:
            wrong["holder"] = "holder-differs"
    return wrong


def _same_class(one: str, other: str) -> bool:
    if folded(one) == folded(other):
        return True
    first, second = read_class(one), read_class(other)
    if first.codes is None or second.codes is None:
        return False
    return first.group == second.group and set(first.codes) == set(second.codes)


def _both(product: Product, found: Sequence[Stated[Variety]], name: str) -> dict[str, Any]:
    stated = getattr(product, name)
    in_archive = "holder" if name == "holder" else name
    return {
        "stated": stated.name if name == "holder" and stated is not None else str(stated) if stated else None,
        "archive": sorted({str(getattr(one.entry, in_archive)) for one in found}),
    }


def check_new_drug(policy: Policy, varieties: Registry[Variety], at: datetime, terms: Terms) -> Check:
    """R-ZJ-43: the drug authority 省药监局 says that the product is a new drug. Nobody else can."""
    rule = "product.is-new-drug"
    today = shanghai_day(at)
    found = _varieties(rule, policy, varieties, today, terms)
    if isinstance(found, Check):
        return found
    words = {one.entry.is_new_drug for one in found}
    facts = _facts(varieties, sources=sorted({one.source for one in found}))
    if False in words:
        return failed(rule, "not-new-drug", field="product.approval_no", **facts)
    if True not in words:
        return unknown(rule, "not-decided", field="product.approval_no", **facts)
    return passed(rule, **facts)


def _varieties(
    rule: str, policy: Policy, varieties: Registry[Variety], today: date, terms: Terms
) -> Check | tuple[Stated[Variety], ...]:
    """The fresh entries about the policy's product, or why there are none."""
    if (silent := _not_connected(rule, "varieties", varieties, terms)) is not None:
        return silent
    product = policy.product
    if product is None or product.approval_no is None:
        return unknown(rule, "approval-not-stated", field="product.approval_no", **_facts(varieties))
    found = varieties.find(product.approval_no)
    fresh = tuple(one for one in found if varieties.is_fresh(one, today, terms.max_age_days))
    if found and len(fresh) < len(found):
        return unknown(rule, "registry-stale", field="product.approval_no", **_facts(varieties))
    if not fresh:
        reason = varieties.why_silent(today, terms.max_age_days) or "not-in-archive"
        return unknown(rule, reason, field="product.approval_no", **_facts(varieties, approval_no=product.approval_no))
    return fresh


def check_holder(policy: Policy, credit: Registry[CreditRecord], at: datetime, terms: Terms) -> Check:
    """R-ZJ-21: the policyholder is no 严重失信主体, and had no major accident in three years."""
    rule = "holder.not-dishonest"
    today = shanghai_day(at)
    if (silent := _not_connected(rule, "credit", credit, terms)) is not None:
        return silent
    code = policy.policyholder.credit_code
    if code is None:
        return unknown(rule, "no-credit-code", field="policyholder.credit_code", **_facts(credit))
    found = credit.find(code)
    for one in found:
        mark = one.entry
        facts = _facts(credit, source=one.source, kind=mark.kind, since=str(mark.since), authority=mark.authority)
        if mark.kind == "serious_dishonesty":
            if mark.since <= today and (mark.until is None or today <= mark.until):
                # However old the statement: whoever is struck off the list is struck off by a newer one.
                return failed(rule, "seriously-dishonest", field="policyholder.credit_code", **facts)
        elif mark.since <= today < _years_later(mark.since, _ACCIDENT_YEARS):
            return failed(rule, "major-accident", field="policyholder.credit_code", **facts)
    reason = credit.why_silent(today, terms.max_age_days)
    if reason is not None:
        return unknown(rule, reason, field="policyholder.credit_code", **_facts(credit))
    return passed(rule, **_facts(credit, marks_over=len(found)))


def check_double_subsidy(
    policy: Policy, insurer: str, awards: Registry[SisterAward], at: datetime, terms: Terms
) -> Check:
    """R-ZJ-18: no national or provincial award of a sister scheme for this policy.

    An award that names the product and not this policy is indeterminate: whether it blocks is an open reading of the
    text. Awards of cities and counties do not block; they are told.
    """
    rule = "premium.no-double-subsidy"
    today = shanghai_day(at)
    if (silent := _not_connected(rule, "sister-awards", awards, terms)) is not None:
        return silent
    digest = f"sha256:{hashlib.sha256(policy.policy_no.encode()).hexdigest()}"
    own = [*awards.find(policy.policy_no), *awards.find(digest)]
    own = [one for one in own if one.entry.insurer in (None, insurer) and one.entry.scheme != terms.own_scheme]
    product = policy.product
    of_product: list[Stated[SisterAward]] = []
    if product is not None:
        code = product.holder.credit_code if product.holder is not None else None
        of_product = [*awards.find(product.approval_no), *awards.find(product_key(product.generic_name, code))]
    # Also one that names another policy of the product: the text can be read as if that blocked every later one.
    elsewhere = [
        one
        for one in of_product
        if one.entry.scheme != terms.own_scheme and one not in own and one.entry.level in _BLOCKING
    ]
    told = sorted({f"{one.entry.scheme} {one.entry.reference}" for one in (*own, *elsewhere)})
    facts = _facts(awards, awards=told)
    if any(one.entry.level in _BLOCKING for one in own):
        return failed(rule, "awarded-by-sister-scheme", field="policy_no", **facts)
    if elsewhere:
        return unknown(rule, "product-awarded-before", field="product.approval_no", **facts)
    reason = awards.why_silent(today, terms.max_age_days)
    if reason is not None:
        return unknown(rule, reason, field="policy_no", **facts)
    return passed(rule, **facts)


def _not_connected(rule: str, name: str, registry: Registry[Any], terms: Terms) -> Check | None:
    if registry.is_connected:
        return None
    severity = Severity.ERROR if name in terms.required else Severity.NOTICE
    return unknown(rule, "registry-not-connected", severity=severity, registry=name)


def _facts(registry: Registry[Any], **facts: Any) -> dict[str, Any]:
    """What every answer rests on: which state of the registry, and as of which days it speaks."""
    as_of = {source: str(day) for source, day in registry.wholes.items()}
    return {"registry": registry.digest, "as_of": as_of, **facts}


def _years_later(day: date, years: int) -> date:
    try:
        return day.replace(year=day.year + years)
    except ValueError:  # 29 February
        return date(day.year + years, 3, 1)
