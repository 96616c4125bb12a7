"""The applicant 申报单位, who is the policyholder: where it is, what it is, and what the product is to it."""

from gateway.schemes.facts import Facts
from gateway.schemes.terms import Terms
from gateway.schemes.verdict import PASSED, Verdict, fails, unclear
from schemas.codes import code_list


def check_place(facts: Facts, terms: Terms) -> Verdict:
    """R-ZJ-01: the applicant is of the province, registered or producing there; its credit code never says so."""
    maker = facts.product.manufacturer
    registered, producing = facts.policy.policyholder.region, maker.region if maker else None
    regions = {
        "registered": (registered,),
        "production_site": (producing,),
        "either": (registered, producing),
    }[terms.choice("locality_basis")]
    here = [region for region in regions if region is not None and region.startswith(terms.scheme.region)]
    # An abolished code names its place all the same; one that never was names none.
    listed = code_list("regions").on(facts.policy.start)
    if any(listed.is_listed(region) is not False for region in here):
        return PASSED
    if here:
        return unclear("region-not-listed")
    return unclear("region-missing") if None in regions else fails("elsewhere")


def check_kind(facts: Facts, terms: Terms) -> Verdict:
    """R-ZJ-02: a company 企业法人 or a public institution 事业单位法人, by its credit code."""
    code = facts.policy.policyholder.credit_code
    if code is None:
        return unclear("code-missing")
    return PASSED if code.startswith(terms.credit_code_prefixes) else unclear("other-kind")


def check_separate_place(facts: Facts, terms: Terms) -> Verdict:
    """R-ZJ-03: not of the city that has a scheme of its own (Ningbo)."""
    separate = terms.scheme.separate_region
    assert separate is not None, "a scheme with this rule names the city"
    applicant = facts.policy.policyholder
    if applicant.region is not None and applicant.region.startswith(separate):
        return fails("ningbo-separate")
    if applicant.credit_code is not None and applicant.credit_code[2:6] == separate:
        return unclear("code-of-ningbo")
    return PASSED


def check_role(facts: Facts, _terms: Terms, reading: str) -> Verdict | None:
    """R-ZJ-07: the applicant holds the marketing authorisation or, by one reading, makes the product."""
    applicant, holder, maker = facts.policy.policyholder, facts.product.holder, facts.product.manufacturer
    if holder is None:
        return None
    if applicant.is_same(holder):
        return PASSED
    if maker is None:
        return fails("not-the-holder") if reading == "MAH" else unclear("maker-missing")
    if not applicant.is_same(maker):
        return fails("neither-holder-nor-maker")
    return PASSED if reading == "MAH_or_maker" else fails("not-the-holder")


def check_identified(facts: Facts, _terms: Terms) -> Verdict:
    """R-ZJ-09: the policyholder is identified by its credit code."""
    return PASSED if facts.policy.policyholder.credit_code else unclear("code-missing")
