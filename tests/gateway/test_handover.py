"""Deliveries: to the final user, proven through dealers, and each package under one policy only."""

import asyncio
from datetime import UTC, date, datetime
from typing import Any

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.db import Connection
from gateway.handover import store
from gateway.handover.check import Use, check_delivery
from schemas.party import Party
from schemas.premium import Delivery
from schemas.verification import Check, Outcome, Severity

AT = datetime(2026, 9, 1, 4, tzinfo=UTC)
POLICY, OTHER = "PTEST202633010800000001", "PTEST202633010800000002"
APPLICANT = Party(name="示例医药（杭州）有限公司", credit_code="91330108MA2XX9T186")
HOSPITAL = {"name": "示例省立医院", "credit_code": "12330000470001235A"}
DEALER = {"name": "示例医药物流有限公司", "credit_code": "91330100843000017M"}
CODES = tuple(f"8{number:019d}" for number in range(3))


def delivery(**changes: Any) -> Delivery:
    stated: dict[str, Any] = {
        "policy_no": POLICY,
        "product": {"generic_name": "示例单抗注射液", "approval_no": "国药准字S20240001"},
        "buyer": HOSPITAL,
        "delivered_on": "2026-08-20",
        "quantity": "100",
        "trace_codes": list(CODES),
    }
    return Delivery.model_validate(stated | changes)


def use(code: str = CODES[0], insurer: str = "TEST-A", policy_no: str | None = OTHER, sent: str = "S1") -> Use:
    return Use(code, insurer, policy_no, sent, date(2026, 8, 1))


def answers(
    one: Delivery, *uses: Use, applicant: Party | None = APPLICANT, submission: str | None = None
) -> dict[str, tuple[str, str | None]]:
    earlier: dict[str, list[Use]] = {}
    for known in uses:
        earlier.setdefault(known.code, []).append(known)
    checks = check_delivery(one, "TEST-A", applicant, earlier, AT, submission)
    return {check.rule: (check.outcome.value, check.reason) for check in checks}


def codes_check(one: Delivery, *uses: Use) -> Check:
    earlier: dict[str, list[Use]] = {}
    for known in uses:
        earlier.setdefault(known.code, []).append(known)
    return next(c for c in check_delivery(one, "TEST-A", APPLICANT, earlier, AT) if c.rule.endswith("codes-once"))


def test_an_honest_delivery_passes() -> None:
    assert {outcome for outcome, _ in answers(delivery()).values()} == {"passed"}


@pytest.mark.parametrize(
    ("changes", "rule", "expected"),
    [
        ({"delivered_on": "2026-09-02"}, "delivery.delivered", ("failed", "in-future")),
        ({"delivered_on": "2026-09-01"}, "delivery.delivered", ("passed", None)),
        ({"buyer": {"name": "杭州示例医院有限公司"}}, "delivery.final-user", ("passed", None)),
        ({"buyer": DEALER}, "delivery.final-user", ("failed", "buyer-is-dealer")),
        (
            {"buyer": {"name": "示例医院药品供应链公司"}},
            "delivery.final-user",
            ("indeterminate", "not-a-medical-institution"),
        ),
        ({"buyer": {"name": "示例研究所"}}, "delivery.final-user", ("indeterminate", "not-a-medical-institution")),
        ({"through": [HOSPITAL]}, "delivery.final-user", ("failed", "buyer-is-dealer")),
        ({"through": [DEALER]}, "delivery.dealer-proof", ("failed", "proof-missing")),
        (
            {"through": [DEALER], "contract_digest": "sha256:" + "1" * 64},
            "delivery.dealer-proof",
            ("failed", "proof-missing"),
        ),
        (
            {"through": [DEALER], "contract_digest": "sha256:" + "1" * 64, "invoice_nos": ["26337904450900255091"]},
            "delivery.dealer-proof",
            ("passed", None),
        ),
        (
            {"buyer": APPLICANT.model_dump(exclude_none=True)},
            "delivery.buyer-not-applicant",
            ("failed", "same-credit-code"),
        ),
        (
            {"buyer": {"name": "示例医药(杭州)有限公司"}},
            "delivery.buyer-not-applicant",
            ("indeterminate", "same-name"),
        ),
        ({"buyer": {"name": "某医院"}}, "delivery.buyer-not-applicant", ("indeterminate", "no-credit-code")),
        ({"trace_codes": []}, "delivery.trace-codes", ("indeterminate", "not-stated")),
        ({"trace_codes": [CODES[0], CODES[0]]}, "delivery.trace-codes", ("failed", "twice-in-record")),
        ({"trace_codes": ["0" * 20]}, "delivery.trace-codes", ("failed", "not-a-code")),
        ({"quantity": "2"}, "delivery.trace-codes", ("indeterminate", "more-than-quantity")),
    ],
)
def test_each_rule_says_why(changes: dict[str, Any], rule: str, expected: tuple[str, str | None]) -> None:
    assert answers(delivery(**changes))[rule] == expected


def test_an_unknown_policy_is_no_pass_and_missing_codes_decide_nothing() -> None:
    assert answers(delivery(), applicant=None)["delivery.buyer-not-applicant"] == ("indeterminate", "policy-not-known")
    checks = check_delivery(delivery(trace_codes=[]), "TEST-A", APPLICANT, {}, AT)
    silent = next(check for check in checks if check.rule == "delivery.trace-codes")
    assert silent.severity is Severity.NOTICE


def test_a_code_of_another_policy_fails_and_shows_nothing_of_a_rival() -> None:
    assert codes_check(delivery(), use(policy_no=POLICY)).outcome is Outcome.PASSED
    own = codes_check(delivery(), use())
    assert (own.outcome, own.reason) == (Outcome.FAILED, "used-before")
    assert own.facts["policies"] == [OTHER]
    theirs = codes_check(
        delivery(), use(insurer="RIVAL", policy_no="RIVALPOLICY0001"), use(insurer="RIVAL", policy_no=POLICY)
    )
    assert theirs.outcome is Outcome.FAILED
    assert theirs.facts == {"codes": [CODES[0]], "count": 1, "policies": [], "other_insurers": True}
    assert "RIVAL" not in str(theirs)


def test_a_delivery_that_names_no_policy_shares_its_codes_with_none() -> None:
    one = delivery(policy_no=None)
    assert codes_check(one, use(policy_no=None)).outcome is Outcome.FAILED
    assert answers(one, use(policy_no=None), submission="S1")["delivery.trace-codes-once"] == ("passed", None)


@given(st.lists(st.tuples(st.sampled_from(CODES), st.sampled_from(["TEST-A", "B"]), st.sampled_from([POLICY, OTHER]))))
def test_codes_pass_only_if_nobody_else_had_them(before: list[tuple[str, str, str]]) -> None:
    uses = [use(code, insurer, policy_no) for code, insurer, policy_no in before]
    others = [one for one in uses if (one.insurer, one.policy_no) != ("TEST-A", POLICY)]
    assert (codes_check(delivery(), *uses).outcome is Outcome.PASSED) is not bool(others)


def test_uses_are_kept_for_ever_and_found_in_order(dsn: str) -> None:
    async def work() -> None:
        connection: Connection = await psycopg.AsyncConnection.connect(dsn, autocommit=True)
        async with connection:
            await store.record_uses(connection, [], AT)
            first, second = use(sent="S1"), use(insurer="B", policy_no=None, sent="S2")
            await store.record_uses(connection, [first, use(CODES[1])], AT)
            await store.record_uses(connection, [second], AT)
            found = await store.find_uses(connection, list(CODES))
            assert found == {CODES[0]: [first, second], CODES[1]: [use(CODES[1])]}
            assert await store.find_uses(connection, []) == {}
            with pytest.raises(psycopg.errors.IntegrityError):
                await connection.execute("DELETE FROM trace_code_uses")
        assert store.lock_names([CODES[1], CODES[0], CODES[1]]) == [f"trace-code:{code}" for code in CODES[:2]]

    asyncio.run(work())
