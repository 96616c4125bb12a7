"""The verdict on a premium: every check alone decides, unknown never passes, and the order of arrival means nothing."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from one_policy import (
    ANOTHER,
    AT,
    CLAUSE,
    E_POLICY,
    INSURER,
    POLICY_NO,
    STATEMENT,
    basis,
    filing,
    honest,
    judged,
    policy,
    receipt,
    record,
    state,
    tell,
    verdict,
)
from pydantic import ValidationError

from gateway.submissions.evidence import JudgedDocument
from gateway.submissions.known import PolicyState
from gateway.submissions.revision import take_revision
from schemas.money import Yuan
from schemas.verification import Check, Outcome, conclude, failed, passed, unknown
from schemas.verified import VerifiedPremium, facts_digest, subject_of

PASSED, FAILED, OPEN = Outcome.PASSED, Outcome.FAILED, Outcome.INDETERMINATE


def with_policy(policy_changes: dict[str, Any], **document: Any) -> PolicyState:
    """The honest course of a policy that was changed before it was sealed and told."""
    said = policy(policy_changes)
    known = state(judged(said, **document))
    tell(known, "policy", said)
    tell(known, "premium_receipt", receipt())
    return known


def with_document(**document: Any) -> PolicyState:
    return with_policy({}, **document)


def with_receipt(**changes: Any) -> PolicyState:
    known = state(judged(policy()))
    tell(known, "policy", policy())
    tell(known, "premium_receipt", receipt(changes))
    return known


def and_then(told: str, **changes: Any) -> PolicyState:
    known = honest()
    tell(known, told, record(told, changes))
    return known


def without_policy() -> PolicyState:
    known = state()
    tell(known, "premium_receipt", receipt())
    return known


def without_document() -> PolicyState:
    known = state()
    tell(known, "policy", policy())
    tell(known, "premium_receipt", receipt())
    return known


def without_receipt() -> PolicyState:
    known = state(judged(policy()))
    tell(known, "policy", policy())
    return known


def with_statement(**document: Any) -> PolicyState:
    said = receipt({"documents": [{"kind": "statement", "digest": STATEMENT, "media_type": "application/ofd"}]})
    known = state(judged(policy()), judged(said, **document))
    tell(known, "policy", policy())
    tell(known, "premium_receipt", said)
    return known


SEAL_FAILED = {"outcome": FAILED, "owners": (), "signers": (), "failing": (failed("signature.value", "mismatch"),)}
SEAL_OPEN = {"outcome": OPEN, "owners": (), "signers": (), "failing": (unknown("certificate.revoked", "no-crl"),)}

SPOILT: dict[str, tuple[Callable[[], PolicyState], str, str, str | None, str]] = {
    # name: what is known, the rule that does not pass, its reason, the field, the status that follows
    "nobody told the policy": (without_policy, "record.policy-known", "no-policy-yet", "policy_no", "held"),
    "holder without code": (
        lambda: with_policy({"policyholder.credit_code": None}),
        "policy.policyholder-identified",
        "no-credit-code",
        "policyholder.credit_code",
        "held",
    ),
    "no document": (without_document, "evidence.present", "not-handed-in", "documents", "held"),
    "seal fails": (
        lambda: with_document(**SEAL_FAILED),
        "evidence.sealed",
        "seal-invalid",
        "documents",
        "refused",
    ),
    "seal undecided": (
        lambda: with_document(**SEAL_OPEN),
        "evidence.sealed",
        "seal-undecided",
        "documents",
        "held",
    ),
    "nobody sealed": (
        lambda: with_document(**SEAL_FAILED),
        "evidence.sealed-by-insurer",
        "nobody-sealed",
        "documents",
        "refused",
    ),
    "another insurer sealed": (
        lambda: with_document(owners=("TEST-B",)),
        "evidence.sealed-by-insurer",
        "seal-of-another",
        "documents",
        "refused",
    ),
    "a seal that is bound to nobody": (
        lambda: with_document(owners=()),
        "evidence.sealed-by-insurer",
        "seal-not-bound",
        "documents",
        "held",
    ),
    "seal and owner undecided": (
        lambda: with_document(**SEAL_OPEN),
        "evidence.sealed-by-insurer",
        "seal-undecided",
        "documents",
        "held",
    ),
    "the document is a statement": (
        lambda: with_document(kind="statement"),
        "evidence.kind",
        "another-kind",
        "documents",
        "refused",
    ),
    "the document cannot be read": (
        lambda: with_document(problems=(failed("evidence.read", "unreadable"),)),
        "evidence.read",
        "unreadable",
        None,
        "refused",
    ),
    "no profile reads the document": (
        lambda: with_document(problems=(unknown("evidence.read", "no-profile"),), stated={}, kind=None),
        "evidence.read",
        "no-profile",
        None,
        "held",
    ),
    "the document says another premium": (
        lambda: with_document(changes={"premium.gross": "80000.00"}),
        "evidence.agrees",
        "differs",
        "premium.gross",
        "refused",
    ),
    "the document does not say its limit": (
        lambda: with_document(changes={"limits.aggregate": None}),
        "evidence.agrees",
        "not-in-document",
        "limits.aggregate",
        "held",
    ),
    "the record does not say the product": (
        lambda: with_policy({"product.generic_name": None}, changes={"product.generic_name": "示例单抗注射液"}),
        "evidence.agrees",
        "not-in-record",
        "product.generic_name",
        "held",
    ),
    "clause of another company": (
        lambda: with_policy(
            {"clauses": [{"registration_no": "C00099930912025041900011", "name": "某条款", "kind": "main"}]}
        ),
        "filing.registered",
        "company-code-differs",
        "clauses.registration_no",
        "refused",
    ),
    "no clause": (
        lambda: with_policy({"clauses": None}),
        "filing.main-liability-clause",
        "clause-not-stated",
        "clauses",
        "held",
    ),
    "no rate": (
        lambda: with_policy({"rate_percent": None}),
        "premium.rate-times-base",
        "not-stated",
        "rate_percent",
        "held",
    ),
    "ten thousand times too much": (
        lambda: with_policy({"rate_percent": "0.0002"}),
        "premium.rate-times-base",
        "unit-slip",
        "premium.gross",
        "refused",
    ),
    "rate for review": (
        lambda: with_policy({"rate_percent": "1.9"}),
        "premium.rate-times-base",
        "differs",
        "rate_percent",
        "held",
    ),
    "net and tax are not gross": (
        lambda: with_policy({"premium.tax": "45283.03"}),
        "premium.net-plus-tax",
        "differs",
        "premium.gross",
        "refused",
    ),
    "no tax": (
        lambda: with_policy({"premium.tax": None}),
        "premium.net-plus-tax",
        "not-stated",
        "premium.tax",
        "held",
    ),
    "no receipt": (without_receipt, "premium.paid-in-full", "no-receipt-yet", "amount", "held"),
    "no payer either": (without_receipt, "premium.payer-is-policyholder", "no-receipt-yet", "payer", "held"),
    "a fen short": (
        lambda: with_receipt(amount="799999.99"),
        "premium.paid-in-full",
        "short",
        "amount",
        "refused",
    ),
    "a fen too much": (
        lambda: with_receipt(amount="800000.01"),
        "premium.paid-in-full",
        "more-than-due",
        "amount",
        "held",
    ),
    "refunded": (lambda: and_then("premium_refund"), "premium.paid-in-full", "refunded", "amount", "refused"),
    "all of it returned": (
        lambda: and_then("cancellation"),
        "premium.paid-in-full",
        "nothing-due",
        "amount",
        "refused",
    ),
    "cancelled, nobody says for how much": (
        lambda: and_then("cancellation", return_premium=None),
        "premium.paid-in-full",
        "change-not-stated",
        "premium_change.gross",
        "held",
    ),
    "increased, nobody says by how much": (
        lambda: and_then("endorsement", premium_change=None),
        "premium.paid-in-full",
        "change-not-stated",
        "premium_change.gross",
        "held",
    ),
    "cancelled from inception": (
        lambda: and_then("cancellation", kind="from_inception"),
        "policy.not-cancelled",
        "cancelled-from-inception",
        None,
        "refused",
    ),
    "another payer": (
        lambda: with_receipt(payer=ANOTHER),
        "premium.payer-is-policyholder",
        "another-payer",
        "payer",
        "held",
    ),
    "no payer stated": (
        lambda: with_receipt(payer=None),
        "premium.payer-is-policyholder",
        "payer-not-stated",
        "payer",
        "held",
    ),
    "the statement says another amount": (
        lambda: with_statement(changes={"amount": "80000.00"}),
        "evidence.agrees",
        "differs",
        "amount",
        "refused",
    ),
    "somebody else sealed the statement": (
        lambda: with_statement(owners=("TEST-B",)),
        "evidence.sealed-by-insurer",
        "seal-of-another",
        "documents",
        "refused",
    ),
}


@pytest.mark.parametrize("name", SPOILT)
def test_each_check_decides_alone(name: str) -> None:
    build, rule, reason, field, status = SPOILT[name]
    premium = verdict(build())
    found = [check for check in premium.report.checks if (check.rule, check.reason) == (rule, reason)]
    assert found, premium.report.failing()
    assert {check.field for check in found} == {field}
    assert found[0].outcome is (FAILED if status == "refused" else OPEN)
    assert premium.status == status
    assert rule in premium.report.failing()


def test_nothing_spoilt_is_verified() -> None:
    for premium in (verdict(honest()), verdict(with_statement())):
        assert premium.status == "verified"
        assert premium.report.failing() == ()
        assert premium.money is not None
        assert premium.money.paid_in_full


def test_a_registry_that_is_silent_old_or_against_it_never_passes() -> None:
    known = honest()
    assert verdict(known, by=basis([])).status == "held"
    assert verdict(known, by=replace(basis(), registry_max_age_days=1)).status == "held"
    another = filing(insurer="TEST-B")
    assert verdict(known, by=basis([another])).status == "refused"
    assert verdict(known, by=basis([filing(rate_max_percent="1.9")])).status == "refused"
    assert CLAUSE in str(verdict(known, by=basis([another])).report.checks)


@pytest.mark.parametrize("name", [name for name, spoilt in SPOILT.items() if spoilt[4] == "refused"])
def test_a_failure_beside_something_unknown_still_refuses(name: str) -> None:
    known = SPOILT[name][0]()
    known.documents[E_POLICY] = replace(
        known.documents[E_POLICY],
        problems=(*known.documents[E_POLICY].problems, unknown("evidence.read", "no-profile")),
    )
    assert verdict(known).status == "refused"


@given(owners=st.sets(st.sampled_from(["TEST-B", "TEST-C", "credit-code:91330108MA2XX9T186", "test-a", "TEST-A "])))
def test_a_seal_of_anybody_else_never_verifies(owners: set[str]) -> None:
    known = with_document(owners=tuple(owners))
    assert verdict(known).status in ("refused", "held")
    assert (verdict(known).status == "held") == (not owners)


@given(
    checks=st.lists(
        st.sampled_from([passed("a.b"), unknown("c.d", "open"), failed("e.f", "wrong"), unknown("g.h", "open")]),
        min_size=1,
        max_size=6,
    )
)
def test_a_verified_premium_has_a_passing_report_and_no_other_has(checks: list[Check]) -> None:
    premium = verdict(honest())
    report = conclude(premium.report.subject, checks=checks, at=AT, digest=premium.report.digest)
    allowed = {PASSED: {"verified"}, OPEN: {"held"}, FAILED: {"refused", "withdrawn"}}[report.outcome]
    for status in ("verified", "held", "refused", "withdrawn"):
        if status in allowed:
            assert premium.model_copy(update={"report": report, "status": status}).status == status
        else:
            with pytest.raises(ValidationError):
                premium.model_copy(update={"report": report, "status": status})


def test_a_report_about_something_else_makes_no_premium() -> None:
    premium = verdict(honest())
    foreign = (
        {"subject": subject_of(INSURER.code, "PTEST20263301000002")},
        {"subject": subject_of("TEST-B", POLICY_NO)},
        {"digest": facts_digest(None, premium.money)},
        {"digest": facts_digest(policy({"premium.gross": "800000.01"}), premium.money)},
        {"digest": None},
    )
    for changes in foreign:
        report = premium.report.model_copy(update=changes)
        with pytest.raises(ValidationError, match="about"):
            premium.model_copy(update={"report": report})
    with pytest.raises(ValidationError):
        premium.model_copy(update={"money": None})
    with pytest.raises(ValidationError):
        premium.model_copy(update={"policy": None})
    read_back = VerifiedPremium.model_validate_json(premium.model_dump_json(by_alias=True))
    assert read_back == premium
    tampered = premium.model_dump_json(by_alias=True).replace('"800000.00"', '"800001.00"')
    with pytest.raises(ValidationError):
        VerifiedPremium.model_validate_json(tampered)


def revise(known: PolicyState) -> VerifiedPremium:
    """The next revision, remembered as the service does."""
    premium = verdict(known)
    take_revision(known, premium)
    return premium


def test_what_was_verified_and_fails_is_withdrawn_with_what_to_take_back() -> None:
    known = honest()
    first = revise(known)
    assert (first.status, first.revision, first.impact) == ("verified", 1, None)
    tell(known, "premium_refund", record("premium_refund", {"amount": "200000.00"}))
    second = revise(known)
    assert (second.status, second.revision) == ("withdrawn", 2)
    assert second.impact is not None
    assert second.impact.model_dump(mode="json", exclude_none=True) == {
        "before": "800000.00",
        "after": "0.00",
        "clawback": "800000.00",
        "schemes": [{"scheme": "ZJ-NDI", "before": "400000.00", "after": "0.00", "clawback": "400000.00"}],
    }
    tell(known, "endorsement", record("endorsement", {"kind": "decrease", "premium_change": {"gross": "-200000.00"}}))
    third = revise(known)
    assert third.status == "verified"
    assert third.impact is not None
    assert (third.impact.before, third.impact.after, third.impact.clawback) == (Yuan(0), Yuan(60000000), Yuan(0))


def test_a_lower_premium_that_verifies_again_says_the_difference() -> None:
    known = honest()
    revise(known)
    down = record("endorsement", {"kind": "decrease", "premium_change": {"gross": "-200000.00"}})
    tell(known, "endorsement", down)
    held = revise(known)
    assert held.status == "held"  # more was received than is due
    assert held.impact is None
    tell(known, "premium_refund", record("premium_refund", {"amount": "200000.00"}))
    verified = revise(known)
    assert verified.status == "verified"
    assert verified.impact is not None
    assert str(verified.impact.clawback) == "200000.00"
    assert str(verified.impact.before) == "800000.00"


def test_held_after_verified_decides_nothing_and_keeps_what_was_relied_on() -> None:
    known = honest()
    revise(known)
    tell(known, "premium_receipt", receipt({"receipt_no": "SK0002", "amount": "5.00", "payer": ANOTHER}))
    held = revise(known)
    assert (held.status, held.impact) == ("held", None)
    tell(known, "premium_refund", record("premium_refund", {"amount": "800005.00"}))
    withdrawn = revise(known)
    assert withdrawn.status == "withdrawn"
    assert withdrawn.impact is not None
    assert str(withdrawn.impact.clawback) == "800000.00"


def test_refused_and_never_verified_is_not_withdrawn() -> None:
    known = without_document()
    assert revise(known).status == "held"
    known.documents[E_POLICY] = judged(policy(), owners=("TEST-B",))
    premium = revise(known)
    assert (premium.status, premium.revision, premium.impact) == ("refused", 2, None)


def test_the_same_again_is_no_revision() -> None:
    known = honest()
    assert take_revision(known, verdict(known))
    assert not take_revision(known, verdict(known))
    assert tell(known, "policy", policy()) is PASSED
    assert tell(known, "premium_receipt", receipt()) is PASSED
    assert not take_revision(known, verdict(known))


def test_another_flaw_under_the_same_rule_is_a_revision() -> None:
    """Also if status, facts and rules stay: a stored report must not name what was mended."""
    known = with_document(changes={"premium.gross": "80000.00"})
    assert take_revision(known, verdict(known))
    known.documents[E_POLICY] = judged(policy(), changes={"period.end": "2027-07-27"})
    assert take_revision(known, verdict(known))


def test_a_policy_may_be_corrected_while_nothing_was_accepted() -> None:
    known = state()
    wrong = policy({"premium.gross": "80000.00", "premium.net": "75471.70", "premium.tax": "4528.30"})
    assert tell(known, "policy", wrong) is OPEN
    assert tell(known, "policy", policy()) is OPEN
    assert verdict(known).policy == policy()
    known.documents[E_POLICY] = judged(policy())
    tell(known, "premium_receipt", receipt())
    assert verdict(known).status == "verified"


def test_a_policy_that_its_document_contradicts_yields_to_the_one_that_it_confirms() -> None:
    wrong = policy({"premium.gross": "80000.00", "premium.net": "75471.70", "premium.tax": "4528.30"})
    for order in ([policy(), wrong], [wrong, policy()]):
        known = state()
        for said in order:
            tell(known, "policy", said)
        known.documents[E_POLICY] = judged(policy())
        tell(known, "premium_receipt", receipt())
        assert verdict(known).status == "verified"


def test_an_accepted_policy_does_not_change() -> None:
    known = honest()
    revise(known)
    other = policy({"rate_percent": "1.9"})
    assert tell(known, "policy", other) is FAILED
    assert verdict(known).policy == policy()
    assert verdict(known).status == "verified"
    assert tell(known, "premium_receipt", receipt({"amount": "1.00"})) is FAILED
    assert not take_revision(known, verdict(known))


def test_a_policy_on_which_a_premium_was_verified_is_accepted_though_it_was_held_when_it_came() -> None:
    known = without_document()
    known.documents[E_POLICY] = judged(policy())
    assert revise(known).status == "verified"
    assert tell(known, "policy", policy({"rate_percent": "2.0"})) is FAILED


def test_what_a_movement_says_against_the_rules_never_counts() -> None:
    known = honest()
    later = receipt({"receipt_no": "SK0002", "received_on": "2026-09-02"})
    insurer = {"name": INSURER.name, "credit_code": INSURER.credit_code}
    assert tell(known, "premium_receipt", later) is FAILED
    assert tell(known, "premium_receipt", receipt({"receipt_no": "SK0003", "payer": insurer})) is FAILED
    assert tell(known, "premium_refund", record("premium_refund", {"paid_on": "2026-09-02"})) is FAILED
    for at in (AT, AT + timedelta(days=30)):
        premium = verdict(known, at=at)
        assert premium.status == "verified"
        assert premium.money is not None
        assert str(premium.money.received) == "800000.00"


def test_today_in_shanghai_is_not_the_future() -> None:
    late = AT.replace(hour=16)  # 00:00 of the next day there
    known = state(judged(policy()))
    tell(known, "policy", policy(), at=late)
    assert tell(known, "premium_receipt", receipt({"received_on": "2026-09-02"}), at=late) is PASSED
    assert (
        tell(known, "premium_receipt", receipt({"receipt_no": "SK0002", "received_on": "2026-09-03"}), at=late)
        is FAILED
    )


def test_a_receipt_that_its_statement_contradicts_fails_the_premium_until_it_is_corrected() -> None:
    named = {"documents": [{"kind": "statement", "digest": STATEMENT, "media_type": "application/ofd"}]}
    wrong = receipt(named | {"amount": "800000.01"})
    right = receipt(named)
    for statement_first in (True, False):
        known = state(judged(policy()))
        tell(known, "policy", policy())
        if statement_first:
            known.documents[STATEMENT] = judged(right)
        tell(known, "premium_receipt", wrong)
        known.documents[STATEMENT] = judged(right)
        premium = verdict(known)
        assert premium.status == "refused"
        assert set(premium.report.failing()) == {"evidence.agrees", "premium.paid-in-full"}
        assert tell(known, "premium_receipt", right) is PASSED
        assert verdict(known).status == "verified"
        assert tell(known, "premium_receipt", wrong) is FAILED
        assert verdict(known).status == "verified"


@pytest.mark.parametrize(
    ("kind", "changes"),
    [
        ("premium_receipt", {"amount": "799999.99"}),
        ("premium_receipt", {"payer": ANOTHER}),
        ("premium_refund", {"amount": "1.00"}),
        ("endorsement", {"premium_change": {"gross": "1.00"}}),
        ("cancellation", {"kind": "from_inception"}),
    ],
)
def test_a_number_names_one_record(kind: str, changes: dict[str, Any]) -> None:
    known = honest()
    tell(known, kind, record(kind))
    before = verdict(known)
    assert tell(known, kind, record(kind, changes)) is FAILED
    after = verdict(known)
    assert (before.status, before.money) == (after.status, after.money)
    assert tell(known, kind, record(kind)) is not FAILED


def test_a_policy_without_named_documents_is_joined_by_the_number_that_one_states() -> None:
    said = policy({"documents": None})
    older = judged(said, digest="sha256:" + "3" * 64, changes={"premium.gross": "1.00"})
    known = state(older, judged(said, digest="sha256:" + "4" * 64))
    tell(known, "policy", said)
    tell(known, "premium_receipt", receipt())
    premium = verdict(known)
    assert premium.status == "verified"  # the latest that states the number
    assert [document.digest[-1] for document in premium.evidence.documents] == ["4"]
    strange = state(judged(said, policy_no="PTEST20263301000002"))
    tell(strange, "policy", said)
    assert {check.reason for check in verdict(strange).report.checks if check.rule == "evidence.present"} == {
        "none-known"
    }


# Any order, any repetition

Event = tuple[str, Any]


def happen(known: PolicyState, event: Event) -> VerifiedPremium:
    kind, what = event
    if isinstance(what, JudgedDocument):
        known.documents[what.digest] = what
    else:
        tell(known, kind, what)
    return revise(known)


@st.composite
def stories(draw: st.DrawFn) -> list[Event]:
    """All that becomes known of a policy: each thing once."""
    gross = 80_000_000
    parts = draw(st.lists(st.integers(1, gross - 1), max_size=3, unique=True).map(sorted))
    edges = [0, *parts, gross + draw(st.sampled_from([0, 0, 0, -1, 1]))]
    documents = draw(st.sampled_from(["none", "right", "wrong"]))
    payer = draw(st.sampled_from([None, None, ANOTHER]))
    events: list[Event] = [("policy", policy()), ("document", judged(policy()))]
    for number, (low, high) in enumerate(pairwise(edges)):
        changes: dict[str, Any] = {"receipt_no": f"SK{number:04}", "amount": str(Yuan(max(high - low, 0)))}
        if payer is not None and number == 0:
            changes["payer"] = payer
        digest = f"sha256:{number:064}"
        if documents != "none" and number == 0:
            changes["documents"] = [{"kind": "statement", "digest": digest, "media_type": "application/ofd"}]
        said = receipt(changes)
        events.append(("premium_receipt", said))
        if documents != "none" and number == 0:
            says = {"amount": "0.03"} if documents == "wrong" else {}
            events.append(("document", judged(said, digest=digest, changes=says)))
    if draw(st.booleans()):
        events.append(("endorsement", record("endorsement", {"premium_change.gross": draw(money_text(-1000, 1000))})))
    if draw(st.booleans()):
        returned = draw(st.sampled_from([None, {"gross": "800000.00"}, {"gross": "1.00"}]))
        events.append(("cancellation", record("cancellation", {"return_premium": returned})))
    if draw(st.booleans()):
        events.append(("premium_refund", record("premium_refund", {"amount": draw(money_text(0, 1000))})))
    return events


def flaws(premium: VerifiedPremium) -> set[tuple[str, str | None, str | None]]:
    return {(check.rule, check.reason, check.field) for check in premium.report.checks if check.outcome is not PASSED}


def money_text(low: int, high: int) -> st.SearchStrategy[str]:
    return st.integers(low, high).map(lambda fen: str(Yuan(fen)))


@settings(max_examples=150, deadline=None)
@given(data=st.data(), events=stories())
def test_any_order_and_any_repetition_end_in_the_same_premium(data: st.DataObject, events: list[Event]) -> None:
    repeated = events + data.draw(st.lists(st.sampled_from(events), max_size=5))
    order = data.draw(st.permutations(repeated))
    straight, shuffled = state(), state()
    for event in events:
        expected = happen(straight, event)
    was_verified = False
    for event in order:
        actual = happen(shuffled, event)
        was_verified |= actual.status == "verified"
    assert actual.money == expected.money
    assert actual.policy == expected.policy
    assert actual.report.outcome is expected.report.outcome
    assert actual.report.failing() == expected.report.failing()
    assert flaws(actual) == flaws(expected)
    if actual.report.outcome is FAILED:
        assert (actual.status == "withdrawn") == was_verified
    else:
        assert actual.status == expected.status


@settings(max_examples=60, deadline=None)
@given(data=st.data(), events=stories())
def test_what_somebody_relied_on_is_accounted_for_in_full(data: st.DataObject, events: list[Event]) -> None:
    """Whoever adds up `after - before` of every impact to the first verified amount stands where the premium stands."""
    known = state()
    relied: Yuan | None = None
    for event in data.draw(st.permutations(events)):
        premium = verdict(known_after(known, event))
        if not take_revision(known, premium):
            continue
        if premium.impact is not None:
            assert premium.impact.before == relied
            assert premium.impact.clawback == max(premium.impact.before - premium.impact.after, Yuan(0))
            relied = premium.impact.after
        elif premium.status == "verified" and relied is None and premium.money is not None:
            relied = premium.money.net_paid
        if premium.status == "verified":
            assert premium.money is not None
            assert relied == premium.money.net_paid
        if premium.status == "withdrawn":
            assert relied == Yuan(0)


def known_after(known: PolicyState, event: Event) -> PolicyState:
    kind, what = event
    if isinstance(what, JudgedDocument):
        known.documents[what.digest] = what
    else:
        tell(known, kind, what)
    return known
