"""A verified premium cannot be built, changed or read back unless its own report passed on exactly its facts."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from schemas.canonical import canonical
from schemas.money import Yuan
from schemas.policy import Policy
from schemas.verification import (
    Check,
    Outcome,
    Report,
    SealReport,
    Severity,
    SignerIdentity,
    conclude,
    failed,
    passed,
    unknown,
    worst,
)
from schemas.verified import Evidence, Money, VerifiedPremium, facts_digest, subject_of

AT = datetime(2026, 6, 1, 4, tzinfo=UTC)
NUMBER = "PZDS202633010000001567"
OTHER = "PZDS202633010000001568"
GOOD = passed("seal.digest")
BAD = failed("seal.digest", "content-changed")
OPEN = unknown("filing.in-use-on-issue", "registry-stale")
NOTE = failed("filing.clause-text", "text-differs", severity=Severity.NOTICE)


def policy(number: str = NUMBER, **changes: Any) -> Policy:
    return Policy.model_validate(
        {
            "policy_no": number,
            "policyholder": {"name": "浙江示例药业有限公司", "credit_code": "91330108MA2XX9T186"},
            "line": "product_liability",
            "period": {"start": "2026-03-15", "end": "2027-03-14"},
            "premium": {"gross": "800000.00", "currency": "CNY"},
            **changes,
        }
    )


MONEY = Money(
    due=Yuan.of("800000.00"),
    received=Yuan.of("800000.00"),
    refunded=Yuan(0),
    net_paid=Yuan.of("800000.00"),
    paid_in_full=True,
)


def premium(*checks: Check, **changes: Any) -> VerifiedPremium:
    subject, digest = changes.pop("subject", subject_of("PICC", NUMBER)), changes.pop("digest", None)
    facts = {"policy": policy(), "money": MONEY} | changes
    report = conclude(
        subject, checks=checks or (GOOD,), at=AT, digest=digest or facts_digest(facts["policy"], facts["money"])
    )
    values: dict[str, Any] = {
        "insurer": "PICC",
        "policy_no": NUMBER,
        "revision": 1,
        "status": "verified",
        "known_at": AT,
        "report": report,
        "evidence": Evidence(submissions=("S" + "0" * 32,)),
    }
    return VerifiedPremium(**values | facts)


def test_a_premium_whose_report_passed_is_verified() -> None:
    built = premium(GOOD, NOTE)
    assert VerifiedPremium.model_validate_json(canonical(built)) == built


@pytest.mark.parametrize("check", [BAD, OPEN])
def test_a_report_that_did_not_pass_verifies_nothing(check: Check) -> None:
    with pytest.raises(ValidationError, match="is not verified"):
        premium(GOOD, check)


@pytest.mark.parametrize(
    ("checks", "status"),
    [
        ((GOOD,), "held"),
        ((GOOD,), "refused"),
        ((GOOD,), "withdrawn"),
        ((BAD,), "held"),
        ((OPEN, BAD), "held"),
        ((OPEN,), "refused"),
        ((OPEN,), "withdrawn"),
    ],
)
def test_a_status_follows_from_the_report(checks: tuple[Check, ...], status: str) -> None:
    with pytest.raises(ValidationError):
        premium(*checks, status=status)


@pytest.mark.parametrize(
    ("checks", "status"),
    [((OPEN,), "held"), ((BAD,), "refused"), ((OPEN, BAD), "refused"), ((BAD,), "withdrawn")],
)
def test_what_is_not_verified_can_be_said(checks: tuple[Check, ...], status: str) -> None:
    assert premium(*checks, status=status).status == status
    assert premium(*checks, status=status, policy=None, money=None).policy is None


@pytest.mark.parametrize(
    "subject", [subject_of("CPIC", NUMBER), subject_of("PICC", OTHER), NUMBER, "document:sha256:00", ""]
)
def test_a_report_about_something_else_proves_nothing(subject: str) -> None:
    with pytest.raises(ValidationError, match="another premium"):
        premium(subject=subject)


@pytest.mark.parametrize(
    "digest",
    [
        facts_digest(policy(premium={"gross": "800000.01", "currency": "CNY"}), MONEY),
        facts_digest(policy(OTHER), MONEY),
        facts_digest(policy(), None),
        facts_digest(None, MONEY),
        facts_digest(None, None),
        facts_digest(policy(), MONEY.model_copy(update={"due": Yuan(1), "paid_in_full": False})),
    ],
)
def test_a_report_about_other_facts_proves_nothing(digest: str) -> None:
    with pytest.raises(ValidationError, match="other facts"):
        premium(digest=digest)


@pytest.mark.parametrize("status", ["verified", "held"])
def test_the_policy_is_the_one_that_the_premium_is_of(status: str) -> None:
    with pytest.raises(ValidationError, match="another one"):
        premium(GOOD if status == "verified" else OPEN, policy=policy(OTHER), status=status)


@pytest.mark.parametrize("missing", [{"policy": None}, {"money": None}, {"policy": None, "money": None}])
def test_a_verified_premium_states_its_facts(missing: dict[str, None]) -> None:
    with pytest.raises(ValidationError, match="states its policy and its money"):
        premium(**missing)


def test_a_copy_is_judged_again() -> None:
    held = premium(OPEN, status="held")
    for update in (
        {"status": "verified"},
        {
            "report": premium().report,
            "status": "verified",
            "policy": policy(premium={"gross": "1.00", "currency": "CNY"}),
        },
        {"policy_no": OTHER},
    ):
        with pytest.raises(ValidationError):
            held.model_copy(update=update)
    with pytest.raises(TypeError):
        VerifiedPremium.model_construct(status="verified")


@given(st.data())
def test_no_row_that_was_tampered_with_is_read_back(data: st.DataObject) -> None:
    """Any one leaf below policy, money, report or status changed: never read back as another verified premium."""
    built = premium()
    row = json.loads(canonical(built))
    path = data.draw(
        st.sampled_from(sorted(_leaves({key: row[key] for key in ("policy", "money", "status", "policy_no")})))
    )
    holder = row
    for step in path[:-1]:
        holder = holder[step]
    old = holder[path[-1]]
    new = data.draw(
        st.sampled_from(["800000.01", "0.00", OTHER, "held", "refused", "2026-03-16", "x", "", None, True, False, 1])
    )
    if new == old and type(new) is type(old):
        return
    holder[path[-1]] = new
    try:
        read = VerifiedPremium.model_validate(row)
    except ValidationError:
        return
    assert read == built  # only another spelling of the same facts: an absent field as null


def _leaves(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    if isinstance(value, dict):
        return [leaf for key, part in value.items() for leaf in _leaves(part, (*path, key))]
    return [] if isinstance(value, list) else [path]


@pytest.mark.parametrize(
    "change",
    [
        {"net_paid": "799999.99"},
        {"received": "800000.01"},
        {"refunded": "0.01"},
        {"paid_in_full": False},
        {"due": "800000.01"},
        {"due": "0.00", "received": "0.00", "net_paid": "0.00"},  # nothing due is not paid in full
        {"received": "-1.00"},
    ],
)
def test_an_account_balances(change: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Money.model_validate({**json.loads(canonical(MONEY)), **change})


# Verdicts -----------------------------------------------------------------------------------------------------------

CHECKS = st.lists(st.sampled_from([GOOD, BAD, OPEN, NOTE, passed("a.b", severity=Severity.NOTICE)]), max_size=6)


@given(CHECKS)
def test_the_worst_check_decides_and_notices_never(checks: list[Check]) -> None:
    deciding = [check.outcome for check in checks if check.severity is Severity.ERROR]
    if not deciding:
        with pytest.raises(ValueError, match="nothing was checked"):
            conclude("x", checks=checks, at=AT)
        return
    report = conclude("x", checks=checks, at=AT)
    assert report.outcome is worst(checks)
    assert (report.outcome is Outcome.PASSED) == (set(deciding) == {Outcome.PASSED})
    assert (report.outcome is Outcome.FAILED) == (Outcome.FAILED in deciding)
    assert bool(report.failing()) == (report.outcome is not Outcome.PASSED)
    for other in set(Outcome) - {report.outcome}:
        with pytest.raises(ValidationError, match="does not follow"):
            Report(subject="x", checks=tuple(checks), outcome=other, at=AT)


@given(CHECKS, CHECKS)
def test_more_checks_never_make_a_verdict_better(some: list[Check], more: list[Check]) -> None:
    order = [Outcome.PASSED, Outcome.INDETERMINATE, Outcome.FAILED]
    both = worst([GOOD, *some, *more])
    assert order.index(both) >= order.index(worst([GOOD, *some]))


def test_what_a_seal_s_checks_say_counts_in_the_report() -> None:
    seal = SealReport(
        id="1",
        container="ofd",
        format="GB/T 38540",
        algorithm="sm2-sm3",
        integrity="failed",
        trust="trusted",
        coverage="whole",
        checks=(BAD,),
    )
    assert conclude("x", checks=[GOOD], seals=[seal], at=AT).outcome is Outcome.FAILED
    with pytest.raises(ValidationError, match="does not follow"):
        Report(subject="x", checks=(GOOD,), seals=(seal,), outcome=Outcome.PASSED, at=AT)


def test_verdicts_have_no_truth_value() -> None:
    for verdict in (GOOD, BAD, conclude("x", checks=[GOOD], at=AT)):
        with pytest.raises(TypeError, match="no truth value"):
            bool(verdict)


@pytest.mark.parametrize("outcome", [Outcome.FAILED, Outcome.INDETERMINATE])
def test_what_does_not_pass_says_why(outcome: Outcome) -> None:
    with pytest.raises(ValidationError, match="says why"):
        Check(rule="a.b", outcome=outcome)


@pytest.mark.parametrize("rule", ["", "A.b", "a..b", "a b", "a.b\n", ".a", "a_", "a" * 81])
def test_names_of_rules(rule: str) -> None:
    with pytest.raises(ValidationError):
        passed(rule)


def test_facts_are_json_values() -> None:
    for fact in (AT, b"x", {1}, float("nan"), object()):
        with pytest.raises(ValidationError):
            passed("a.b", fact=fact)


def test_a_stranger_s_text_in_a_report_can_always_be_written() -> None:
    """A certificate may name itself anything; the verdict on it must still reach the log and the database."""
    check = failed("seal.digest", "content-changed", subject="a\x00b\ud800c", inner=[{"x\x00": "\udfff"}], field="\x00")
    assert check.facts == {"subject": "a\ufffdb\ufffdc", "inner": [{"x\ufffd": "\ufffd"}]}
    assert check.field == "\ufffd"
    assert b"\\u0000" not in canonical(check)
    signer = SignerIdentity(subject="CN=\x00", issuer="\ud800", serial="01")
    assert (signer.subject, signer.issuer) == ("CN=\ufffd", "\ufffd")


@given(
    st.recursive(
        st.text(st.characters()), lambda inner: st.lists(inner) | st.dictionaries(st.text(st.characters()), inner)
    )
)
def test_facts_are_written_whatever_they_say(fact: Any) -> None:
    text = canonical(failed("a.b", "c", fact=fact))
    assert b"\\u0000" not in text
    text.decode("utf-8")
