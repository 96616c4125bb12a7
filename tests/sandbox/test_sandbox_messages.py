"""What the sandbox's insurers send is read by their dialects without a problem, and says what their records say."""

from datetime import UTC, datetime
from typing import Any

import pytest

from adapters.translate import translate
from sandbox.insurers import Insurer
from sandbox.records import Record
from sandbox.world import World
from signing.signer import load_signer

WORLD = World(1, at=datetime(2026, 11, 21, 8, tzinfo=UTC))
# Those whose format says every kind of record in one message; the others are in test_dialects.
CODES = [one.code for one in WORLD.insurers if one.dialect in ("DIA-CHANNEL-XML", "DIA-CSV-LIST", "DIA-CANON-JSON")]

# What a policy list has no column for.
_NOT_IN_A_LIST = {
    "policy": {"insured", "instalments", "policyholder.region", "product.dosage_form"},
    "premium_receipt": {"receipt_no", "method", "bank_reference"},
    "cancellation": {"reason"},
    "premium_refund": {"refund_no", "reason"},
}


def translated(insurer: Insurer, sent: list[Record]) -> dict[str, dict[str, Any]]:
    _, content = WORLD.render_message(insurer, sent, "M-1")
    rows = list(translate(insurer.dialect, content, insurer=insurer.code))
    assert not [problem for row in rows for problem in row.problems]
    return {draft.type: draft.record for row in rows for draft in row.records}


@pytest.mark.parametrize("code", CODES)
@pytest.mark.parametrize("n", range(4))
def test_messages_say_what_the_records_say(code: str, n: int) -> None:
    insurer = WORLD.insurer(code)
    shares = [
        {"insurer": insurer.code, "share_percent": "60", "lead": True},
        {"insurer": "SANDBOX-X", "share_percent": "40", "lead": False},
    ]
    facts = WORLD.policy(insurer, n, coinsurance=shares)
    sent = [facts, WORLD.receipt(facts), WORLD.cancellation(facts), WORLD.refund(facts)]
    found = translated(insurer, sent)
    for record in sent:
        expected = record
        if insurer.dialect == "DIA-CSV-LIST":
            expected = record.with_(dict.fromkeys(_NOT_IN_A_LIST[record.type]))
            _without_codes(expected.body)
        assert found[record.type] == expected.body


@pytest.mark.parametrize("code", CODES)
def test_endorsements_say_what_they_change(code: str) -> None:
    insurer = WORLD.insurer(code)
    facts = WORLD.policy(insurer, 1)
    sent = WORLD.endorsement(facts, kind="increase", gross="10600.00")
    assert translated(insurer, [facts, sent])["endorsement"] == sent.body


@pytest.mark.parametrize("code", CODES)
def test_request_keys_are_keys_that_the_gateway_can_load(code: str) -> None:
    key = WORLD.insurer(code).request_key
    signer = load_signer(key.pem)
    assert signer.algorithm == key.algorithm
    assert signer.keyid.startswith(key.keyid)


def test_every_honest_submission_translates() -> None:
    for case in WORLD.cases():
        for step in case.steps:
            if step.kind == "submission" and step.answer is None:
                insurer = WORLD.insurer(step.insurer)
                rows = list(translate(insurer.dialect, step.content, insurer=insurer.code))
                assert rows
                assert all(row.records and not row.problems for row in rows)


def test_the_unknown_field_is_the_only_problem_of_its_case() -> None:
    case = next(case for case in WORLD.cases() if case.name == "unknown-field")
    insurer = WORLD.insurer(case.insurer)
    rows = list(translate(insurer.dialect, case.steps[-1].content, insurer=insurer.code))
    assert [(one.rule, one.field) for row in rows for one in row.problems] == [
        ("field.unaccounted", "BASE_PART/N_REBATE")
    ]


def _without_codes(body: dict[str, Any]) -> None:
    """A policy list names parties of a product, payers and clauses by number or name, not by both."""
    for clause in body.get("clauses", ()):
        del clause["name"]
    for name in ("holder", "manufacturer"):
        if "product" in body:
            body["product"][name] = {"name": body["product"][name]["name"]}
    for name in ("payer", "payee"):
        if name in body:
            body[name] = {"name": body[name]["name"]}
