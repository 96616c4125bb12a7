"""Taking one record in: the checks of its own, and what is known from then on."""

from gateway.handover.check import Use, check_delivery
from gateway.submissions.arrival import Arrival, movement_number, number_of
from gateway.submissions.evidence import judge_evidence
from gateway.submissions.gather import Gathered
from gateway.submissions.group import told_of
from gateway.submissions.known import KnownRecord, PolicyState
from gateway.submissions.memory.store import decided, give_award
from gateway.submissions.products import claim_of, told_before
from gateway.submissions.read import ReadRecord
from gateway.submissions.verdict import Basis, judge_record
from schemas.calendar import shanghai_day
from schemas.policy import Policy
from schemas.premium import Award, Decision, Delivery, Invoice
from schemas.verification import Check, Outcome, failed, passed, worst


def take_record(arrival: Arrival, read: ReadRecord, known: Gathered, basis: Basis) -> tuple[Check, ...]:
    """The checks of one record, which is known from now on; none of a record that changes no premium."""
    if isinstance(read.noun, Invoice):
        return _take_invoice(arrival, read, known)
    if isinstance(read.noun, Award):
        told = told_of("award", "", arrival.message_id, shanghai_day(arrival.received_at), read.values)
        if told is not None:
            give_award({key: known.states[key] for key in known.keys_of(arrival, read)}, told)
        return ()
    if isinstance(read.noun, Decision):
        for key in known.keys_of(arrival, read):
            body = known.looked_at.get(arrival.submission_id)
            known.states[key].decisions.append(decided(arrival.submission_id, read.noun, body))
        return ()
    if isinstance(read.noun, Delivery):
        return _take_delivery(arrival, read.noun, known)
    if read.policy_no is None or (arrival.insurer.code, read.policy_no) not in known.states:
        return ()
    state = known.states[arrival.insurer.code, read.policy_no]
    number = movement_number(arrival, read)
    taken = known.numbers.get(number) if number else None
    elsewhere = taken[1] if taken and taken[0] != read.policy_no else None
    checks = judge_record(state, read.type, read.number, read.noun, basis, arrival.received_at, elsewhere)
    outcome = worst(checks)
    if number and outcome is not Outcome.FAILED:
        known.numbers.setdefault(number, (read.policy_no, arrival.submission_id))
    state.records.append(_known(arrival, read, outcome))
    if isinstance(read.noun, Policy) and outcome is not Outcome.FAILED:
        _tell_product(state, read.noun, known)
    return checks


def _tell_product(state: PolicyState, policy: Policy, known: Gathered) -> None:
    """How the product was told before; this way of telling it is known from now on."""
    claim = claim_of(policy)
    if claim is not None:
        told = known.claims.setdefault(claim.approval_no, [])
        state.claims = told_before(told, claim)
        if claim not in told:
            told.append(claim)


def _take_delivery(arrival: Arrival, delivery: Delivery, known: Gathered) -> tuple[Check, ...]:
    """R-ZJ-11, R-ZJ-19, R-ZJ-20: the delivery's own checks. Its codes are used from now on, whatever the verdict."""
    state = known.states.get((arrival.insurer.code, delivery.policy_no or ""))
    current = state.current_policy() if state else None
    applicant = current.record.policyholder if current else None
    insurer, submission = arrival.insurer.code, arrival.submission_id
    checks = check_delivery(delivery, insurer, applicant, known.uses, arrival.received_at, submission)
    for code in delivery.trace_codes:
        use = Use(code, insurer, delivery.policy_no, submission, delivery.delivered_on)
        known.uses.setdefault(code, []).append(use)
    return checks


def _known(arrival: Arrival, read: ReadRecord, outcome: Outcome) -> KnownRecord:
    number = number_of(arrival, read)
    day = shanghai_day(arrival.received_at)
    told = told_of(read.type, arrival.insurer.code, number or "", day, read.values)
    return KnownRecord(arrival.submission_id, arrival.keyid, read.type, number, read.noun, outcome, told, day)


def _take_invoice(arrival: Arrival, read: ReadRecord, known: Gathered) -> tuple[Check, ...]:
    """F-02: an invoice number is nationwide and used once. What another insurer said under it is not told."""
    invoice = read.noun
    assert isinstance(invoice, Invoice), "of no other type"
    rule = "record.number-used-once"
    earlier = known.invoices.setdefault(invoice.invoice_no, [])
    check = passed(rule, number=invoice.invoice_no)
    for insurer, submission, told in earlier:
        if told == invoice and insurer == arrival.insurer.code:
            check = passed(rule, repeats=submission)
            break
        if insurer == arrival.insurer.code:
            check = failed(rule, "changed-content", field="number", first=submission, number=invoice.invoice_no)
        elif told != invoice:
            check = failed(rule, "used-elsewhere", field="number", number=invoice.invoice_no)
    keys = known.keys_of(arrival, read)
    # Of this insurer: whatever of its policies they are about, its documents are all of theirs.
    papers = {digest: one for key in keys for digest, one in known.states[key].documents.items()}
    checks = (check, *judge_evidence(invoice, arrival.insurer, papers))
    record = _known(arrival, read, worst(checks))
    if record.outcome is not Outcome.FAILED:
        earlier.append((arrival.insurer.code, arrival.submission_id, invoice))
    for key in keys:
        known.states[key].records.append(record)
        # Red letters that came before what they cancel waited for it.
        known.states[key].records += known.red_letters.get((arrival.insurer.code, invoice.invoice_no), ())
    if not keys and invoice.red_letter_of is not None:
        known.red_letters.setdefault((arrival.insurer.code, invoice.red_letter_of), []).append(record)
    return checks
