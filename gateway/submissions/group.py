"""Policies that hang together: those that share an invoice, and the reports of insurers that share one risk.

A verdict on one of them may depend on the others: what was paid for all of them is held against all of their invoices
(F-02, F-03), and a co-insured policy is one, however many report it (F-16, F-17).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import date
from functools import lru_cache
from typing import Any

from gateway.schemes import Malformed, Scheme, Terms, Told, assess, find_scheme, read_message
from gateway.schemes.answer import AssessedPolicy
from gateway.schemes.facts import Facts
from gateway.schemes.known import Known, gather
from gateway.schemes.payment import check_coinsurance, check_lead_reports, uncovered
from gateway.schemes.records import Policy as ToldPolicy
from gateway.schemes.verdict import PASSED
from gateway.submissions.account import Movements
from gateway.submissions.known import KnownRecord, PolicyState
from schemas.canonical import as_json
from schemas.party import folded
from schemas.submission import SCHEMA
from schemas.verification import Check, Outcome, failed, passed, unknown

PolicyKey = tuple[str, str]  # insurer code, policy number
_PLAYS_NO_PART = {"delivery", "day_close", "claim_summary", "filing", "decision", "directive"}


def told_of(kind: str, insurer: str, number: str, day: date, record: object) -> Told | None:
    """A record (JSON values) as the calculation reads it, known since `day`; `None` if it plays no part there."""
    if kind in _PLAYS_NO_PART:
        return None
    envelope = {
        "schema": SCHEMA,
        "type": kind,
        "message_id": number,
        "insurer": insurer,
        "sent_at": f"{day}T12:00:00+08:00",
        "record": record,
    }
    try:
        return read_message(envelope)
    except Malformed:
        # The nouns let it pass and the calculation cannot read it: then it says nothing there, and what rests on it
        # is missing, which is never a pass.
        return None


def _told(state: PolicyState, known: KnownRecord) -> Told | None:
    if known.told is not None:
        return known.told
    return told_of(known.type, state.insurer.code, known.number or "", date.min, as_json(known.record))


def group_of(state: PolicyState, states: Mapping[PolicyKey, PolicyState]) -> tuple[PolicyState, ...]:
    """The other policies among `states` that hang together with this one, step by step, in the order of their keys."""
    by_number: dict[str, list[PolicyState]] = {}
    for other in states.values():
        by_number.setdefault(other.policy_no, []).append(other)
    found = {state.key: state}
    waiting = [state]
    while waiting:
        one = waiting.pop()
        near = [states[key] for key in named_together(one) if key in states]
        same = by_number.get(one.policy_no, [])
        if len(same) > 1 and any(other.is_coinsured() for other in same):
            near += same
        for other in near:
            if other.key not in found:
                found[other.key] = other
                waiting.append(other)
    del found[state.key]
    return tuple(found[key] for key in sorted(found))


def named_together(state: PolicyState) -> set[PolicyKey]:
    """The policies that an invoice names together with this one."""
    return {
        (state.insurer.code, number)
        for known in state.invoices()
        for number in getattr(known.record, "policy_nos", ())
        if number != state.policy_no
    }


def coinsurers(state: PolicyState) -> tuple[PolicyState, ...]:
    """The other reports of the same risk: of the same number, if any report names co-insurers."""
    same = tuple(other for other in state.group if other.policy_no == state.policy_no)
    return same if state.is_coinsured() or any(other.is_coinsured() for other in same) else ()


def shared_movements(state: PolicyState) -> Movements:
    """What moved the premium; of a co-insured one, what all of its insurers tell, each change once, as the lead tells.

    Amounts are of the whole policy; each insurer reports the receipts and refunds that it has itself.
    """
    own = state.movements()[0]
    others = coinsurers(state)
    if not others:
        return own
    members = sorted((state, *others), key=lambda one: (not leads(one), one.insurer.code))
    each = [one.movements()[0] for one in members]
    return Movements(
        receipts=tuple(receipt for one in each for receipt in one.receipts),
        refunds=tuple(refund for one in each for refund in one.refunds),
        endorsements=tuple({told.endorsement_no: told for one in each[::-1] for told in one.endorsements}.values()),
        cancellations=tuple({told.endorsement_no: told for one in each[::-1] for told in one.cancellations}.values()),
    )


def leads(state: PolicyState) -> bool:
    """Whether the insurer's own report says that it leads."""
    current = state.current_policy()
    shares = current.record.coinsurance if current else ()
    names = {state.insurer.code, folded(state.insurer.name)}
    return any(share.lead and (share.insurer in names or folded(share.insurer) in names) for share in shares)


def all_told(state: PolicyState, insurers: Mapping[str, str], *, alone: bool = False) -> list[Told]:
    """Everything that counts of the policy and of those that hang together with it, and the awards.

    `insurers` gives the code of an insurer by its folded name: a list of co-insurers may state either. With `alone`, of
    the policy itself only.
    """
    found: dict[tuple[str, str, str], Told] = {}
    for one in (state,) if alone else (state, *state.group):
        current = one.current_policy()
        counting = [*((current,) if current else ()), *one.movements()[1], *one.invoices()]
        for known in counting:
            told = _told(one, known)
            if isinstance(told, ToldPolicy) and told.coinsurance:
                told = _with_codes(told, insurers)
            if told is not None:
                found.setdefault((told.type, told.insurer, told.number), told)
    return [*found.values(), *(state.awards[number] for number in sorted(state.awards))]


def days_told(state: PolicyState) -> list[tuple[str, date]]:
    """Type and day of becoming known of the records that the premium rests on."""
    current = state.current_policy()
    counting = [*((current,) if current else ()), *state.movements()[1], *state.invoices()]
    return [(known.type, known.known_on) for known in counting if known.known_on is not None]


def _with_codes(policy: ToldPolicy, insurers: Mapping[str, str]) -> ToldPolicy:
    shares = tuple(
        replace(share, insurer=insurers.get(folded(share.insurer), share.insurer)) for share in policy.coinsurance
    )
    return replace(policy, coinsurance=shares)


def check_group(state: PolicyState, told: Sequence[Told], at: date) -> list[Check]:
    """The checks that need more than one record or report: invoices against what was paid, and co-insurance."""
    coinsured = state.is_coinsured() or bool(coinsurers(state))
    invoiced = bool(state.invoices())
    if not coinsured and not invoiced:
        return []
    known = gather(told, at)
    facts = _facts(known, state)
    checks: list[Check] = []
    if facts is None:
        return checks  # the policy is of a later day: that it is not in force yet is told elsewhere
    if invoiced:
        checks.append(_check_invoices(known, facts, at))
    if coinsured:
        checks += [_check_coinsurance(facts), _check_counted_once(state, facts)]
    return checks


def _facts(known: Known, state: PolicyState) -> Facts | None:
    for contract in known.contracts:
        if contract.policy_no == state.policy_no and state.insurer.code in contract.insurers:
            return Facts(contract, known.at)
    return None


def _check_invoices(known: Known, facts: Facts, at: date) -> Check:
    """F-02 and F-03: the invoices that hang together cover what was paid for the policies that they name."""
    rule = "premium.invoices-cover-payments"
    every = [Facts(contract, at) for contract in known.contracts]
    own = next(one for one in every if one.contract is facts.contract)
    verdict = uncovered(known, every).get(id(own.contract), PASSED)
    stated: dict[str, Any] = {"invoices": sorted(invoice.invoice_no for invoice in own.contract.invoices)}
    if verdict.outcome is Outcome.PASSED:
        return passed(rule, **stated)
    if verdict.reason == "red-letter":
        return failed(rule, "red-letter", field="invoice_no", **stated)
    return failed(rule, "below-paid", field="invoice_no", **stated)


def _check_coinsurance(facts: Facts) -> Check:
    """F-16: the reports make one whole: shares, lead, list, and what they tell."""
    rule = "policy.coinsurance-agrees"
    reports = len(facts.contract.reports)
    verdict = check_coinsurance(facts, _terms("ZJ-NDI", facts.at))
    if verdict.outcome is Outcome.PASSED:
        return passed(rule, reports=reports)
    reason = {"not-on-the-list": "not-listed", "changes-differ": "changes-differ"}.get(verdict.reason, "differs")
    return failed(rule, reason, field="coinsurance", reports=reports)


def _check_counted_once(state: PolicyState, facts: Facts) -> Check:
    """F-17: the lead reports; and the premium counts once, with the lead."""
    rule = "policy.counted-with-the-lead"
    if check_lead_reports(facts, _terms("ZJ-NDI", facts.at)).outcome is not Outcome.PASSED:
        return unknown(rule, "lead-not-heard", field="coinsurance")
    if not _is_lead(state, facts):
        return failed(rule, "counted-with-the-lead", field="coinsurance")
    return passed(rule)


def _is_lead(state: PolicyState, facts: Facts) -> bool:
    return facts.contract.policy.insurer == state.insurer.code


def _terms(name: str, at: date) -> Terms:
    scheme = find_scheme(name, at)
    return _terms_of(scheme.id, scheme.version, at)


@lru_cache(64)
def _terms_of(name: str, _version: str, at: date) -> Terms:
    return Terms(find_scheme(name, at))


def worth(
    state: PolicyState, told: Iterable[Told], schemes: Sequence[str], at: date
) -> list[tuple[Scheme, AssessedPolicy]]:
    """What the premium is worth under each scheme on the day `at`, before its product's yearly cap.

    Empty where the policy is not known by then.
    """
    told = tuple(told)
    found = []
    for name in schemes:
        terms = _terms(name, at)
        for line in assess(told, terms, at=at, readings=False):
            own = [one for one in line.policies if one.policy_no == state.policy_no and _reports(one, state)]
            if own:
                found.append((terms.scheme, own[0]))
                break
    return found


def _reports(one: AssessedPolicy, state: PolicyState) -> bool:
    """Whether the assessed policy is this one: a co-insured one stands under its lead."""
    return one.insurer in {state.insurer.code, *(other.insurer.code for other in coinsurers(state))}
