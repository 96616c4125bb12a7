"""What is told of a product under one approval number, by whatever insurer: F-19 and F-20."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from gateway.schemes.classes import read_class
from schemas.party import folded
from schemas.policy import Policy
from schemas.verification import Check, passed, unknown


class Claim(NamedTuple):
    """One way of telling a product: approval number, day of approval, registration class; empty where not told."""

    approval_no: str
    approval_date: str
    class_: str


def claim_of(policy: Policy) -> Claim | None:
    """What the policy tells of its product; `None` without an approval number."""
    product = policy.product
    if product is None or product.approval_no is None:
        return None
    day = product.approval_date.isoformat() if product.approval_date else ""
    return Claim(product.approval_no, day, _class_of(product.registration_class or ""))


def _class_of(text: str) -> str:
    """A printed class in one form: 化药1类 and 化学药品第1类 are the same."""
    printed = read_class(text)
    if printed.group is None or printed.codes is None:
        return folded(text)
    return f"{printed.group}:{'+'.join(sorted(printed.codes))}"


def told_before(told: Sequence[Claim], own: Claim) -> tuple[Claim, ...]:
    """Of the ways in which a number was told, first told first, those that came before this one."""
    return tuple(told[: told.index(own)] if own in told else told)


def check_told_alike(policy: Policy, claims: Iterable[Claim]) -> list[Check]:
    """F-19 and F-20: nobody told this approval number with another day of approval or another class.

    Two that differ cannot both be right, and which one is, the archive or the drug authority knows: the one that came
    later is held. Nothing of what others told is shown. Nothing to say without an approval number.
    """
    rule = "product.told-alike"
    own = claim_of(policy)
    if own is None:
        return []
    number = own.approval_no
    for other in claims:
        if own.approval_date and other.approval_date and own.approval_date != other.approval_date:
            return [unknown(rule, "another-day", field="product.approval_date", approval_no=number)]
        if own.class_ and other.class_ and own.class_ != other.class_:
            return [unknown(rule, "another-class", field="product.registration_class", approval_no=number)]
    return [passed(rule, approval_no=number)]
