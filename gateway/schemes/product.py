"""The product: approved in China, and new (R-ZJ-04, R-ZJ-05). Its class is in `classes`."""

import re
from datetime import date

from gateway.schemes.days import same_day_later
from gateway.schemes.facts import Facts
from gateway.schemes.terms import Terms
from gateway.schemes.verdict import PASSED, Verdict, fails, unclear

_DOMESTIC = re.compile(r"国药准字[HZS]([0-9]{4})[0-9]{4}")


def check_approval(facts: Facts, terms: Terms) -> Verdict:
    """R-ZJ-04: a domestic approval number, of about the year of its approval."""
    if not _is_asked(facts, terms):
        return PASSED
    number, day = facts.product.approval_no, facts.product.approval_date
    if number is None:
        return unclear("approval-missing")
    match = _DOMESTIC.fullmatch(number)
    if match is None:
        return unclear("other-approval")
    if day is None:
        return unclear("approval-date-missing")
    return PASSED if abs(int(match[1]) - day.year) <= 1 else unclear("year-differs")


def check_window(facts: Facts, terms: Terms, reading: str) -> Verdict | None:
    """R-ZJ-05: the reference day is not before the product's approval (or first sale) and at most five years after.

    The last day is the corresponding day five years later, or the last of that month; it is still inside.
    """
    if not _is_asked(facts, terms):
        return PASSED
    window = terms.scheme.window
    assert window is not None, "a scheme with this rule has a window"
    reference = _reference_day(facts, reading)
    if reference is None:
        return None
    if window.from_ == "first_sale_date":
        start = facts.product.first_sale_date
    else:
        start = facts.product.approval_date
        if terms.choice("approval_start") != "first_marketing":
            return unclear("start-not-told")
    if start is None:
        return unclear("start-missing")
    if reference < start:
        return fails("before-start")
    return PASSED if reference <= same_day_later(start, window.years) else fails("too-old")


def _reference_day(facts: Facts, reading: str) -> date | None:
    if reading == "application":
        return facts.application_day
    if reading == "premium_paid":
        return facts.payment_day
    return facts.policy.end if reading == "policy_expiry" else facts.policy.start


def _is_asked(facts: Facts, terms: Terms) -> bool:
    part = terms.part(facts.policy.line)
    return part is not None and part.marketed
