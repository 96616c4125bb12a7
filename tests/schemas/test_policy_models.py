"""Nouns: closed, frozen, and what each refuses because it cannot be true."""

import json
import typing
from datetime import date
from typing import Any

import pytest
from pydantic import BaseModel, ValidationError

from schemas.base import Noun
from schemas.canonical import as_json, canonical
from schemas.filing import Filing
from schemas.party import Party, folded, same_party
from schemas.policy import Policy
from schemas.submission import RECORDS, SCHEMA, Envelope, RecordType
from tests.shared import shared

NUMBER = "C00000230912026030100011"
PARTY = {"name": "浙江示例药业有限公司", "credit_code": "91330108MA2XX9T186", "region": "330108"}
POLICY: dict[str, Any] = {
    "policy_no": "PZDS202633010000001567",
    "policyholder": PARTY,
    "insured": [{"name": "浙江示例药业有限公司", "role": "insured"}],
    "product": {
        "kind": "drug",
        "generic_name": "示例替尼片",
        "approval_no": "国药准字H20240001",
        "approval_date": "2024-03-15",
        "registration_class": "化学药品1类",
        "class_group": "chemical",
        "class_codes": ["1"],
        "holder": PARTY,
    },
    "line": "product_liability",
    "clauses": [{"registration_no": NUMBER, "name": "药品产品责任保险条款", "kind": "main"}],
    "issued_on": "2026-03-10",
    "period": {"start": "2026-03-15", "end": "2027-03-14"},
    "limits": {"aggregate": "50000000.00", "per_occurrence": "10000000.00", "deductible": "0.00"},
    "rate_base": {"kind": "aggregate_limit", "amount": "50000000.00"},
    "rate_percent": "1.6",
    "premium": {"gross": "800000.00", "net": "754716.98", "tax": "45283.02", "currency": "CNY"},
    "instalments": [{"no": 1, "due_on": "2026-03-15", "amount": "800000.00"}],
    "coinsurance": [
        {"insurer": "PICC", "share_percent": "60", "lead": True},
        {"insurer": "CPIC", "share_percent": "40", "lead": False},
    ],
    "documents": [{"kind": "policy", "digest": "sha256:" + "a" * 64, "media_type": "application/ofd"}],
}
SOURCE = {"registry": "财产保险公司自主注册平台", "as_of": "2026-05-31", "fetched_at": "2026-06-01T08:00:00+08:00"}
FILING: dict[str, Any] = {
    "registration_no": NUMBER,
    "insurer": "PICC",
    "name": "药品产品责任保险条款",
    "kind": "main",
    "line": "product_liability",
    "regime": "filed",
    "registered_on": "2026-03-01",
    "first_used_on": "2026-03-02",
    "rate_min_percent": "0.5",
    "rate_max_percent": "2",
    "intervals": [{"state": "in_use", "from": "2026-03-02"}],
    "source": SOURCE,
}
INVOICE: dict[str, Any] = {
    "invoice_no": "26317000002019064660",
    "issued_on": "2026-03-16",
    "net": "55.66",
    "tax": "3.34",
    "gross": "59.00",
    "policy_nos": ["ASHH5202OS26W005JPD0"],
}
EXAMPLES: dict[str, dict[str, Any]] = {
    "policy": POLICY,
    "filing": FILING,
    "invoice": INVOICE,
    "endorsement": {
        "policy_no": POLICY["policy_no"],
        "endorsement_no": "EZDS202633010000000001",
        "kind": "decrease",
        "premium_change": {"gross": "-100.00", "net": "-94.34", "tax": "-5.66"},
        "changes": [{"field": "limits.aggregate", "before": "1", "after": "2"}],
    },
    "cancellation": {
        "policy_no": POLICY["policy_no"],
        "endorsement_no": "EZDS202633010000000002",
        "kind": "mid_term",
        "return_premium": {"gross": "100.00"},
    },
    "premium_receipt": {
        "policy_no": POLICY["policy_no"],
        "receipt_no": "R-0001",
        "amount": "800000.00",
        "received_on": "2026-03-14",
        "payer": PARTY,
        "paid_in_full": True,
    },
    "premium_refund": {
        "policy_no": POLICY["policy_no"],
        "refund_no": "F-0001",
        "amount": "100.00",
        "paid_on": "2026-05-01",
    },
    "delivery": {
        "product": POLICY["product"],
        "buyer": PARTY,
        "delivered_on": "2026-04-01",
        "quantity": "1200",
        "trace_codes": ["81234567890123456789"],
    },
    "day_close": {"date": "2026-03-14", "totals": [{"type": "policy", "count": 1, "amount": "800000.00"}]},
    "claim_summary": {
        "period": {"start": "2026-01-01", "end": "2026-03-31"},
        "clause_registration_no": NUMBER,
        "earned_premium": "1.00",
        "claims_count": 0,
        "paid": "0.00",
        "outstanding": "0.00",
    },
    "award": {
        "scheme": "ZJ-NDI",
        "level": "provincial",
        "product_key": "示例替尼片|91330108MA2XX9T186",
        "policy_nos": [POLICY["policy_no"]],
        "year": 2026,
        "amount": "400000.00",
        "awarded_on": "2026-09-01",
    },
    "directive": {
        "subject": "insurer:SANDBOX-C/type:premium_receipt",
        "action": "suspend",
        "effective_from": "2026-09-01T00:00:00+08:00",
        "reason": "数据质量整改",
        "authority": "示例省金融监管局",
    },
    "decision": {
        "subject": "premium:PICC/PZDS202633010000001567",
        "outcome": "accepted",
        "reason": "已核实",
        "decided_on": "2026-06-01",
        "authority": "浙江金融监管局",
    },
}


def test_there_is_an_example_of_every_record_type() -> None:
    assert EXAMPLES.keys() == RECORDS.keys() == set(typing.get_args(RecordType))


@pytest.mark.parametrize("kind", sorted(EXAMPLES))
def test_a_record_is_read_and_written_without_loss(kind: str) -> None:
    record = RECORDS[kind].model_validate(EXAMPLES[kind])
    assert as_json(record) == as_json(RECORDS[kind].model_validate_json(canonical(record)))
    assert RECORDS[kind].model_validate_json(canonical(record)) == record
    stated = json.loads(canonical(record))
    assert _contains(stated, EXAMPLES[kind])


def _contains(written: Any, sent: Any) -> bool:
    """What was sent is written as it was sent; what was left out may stand as its empty default."""
    if isinstance(sent, dict):
        return isinstance(written, dict) and all(_contains(written.get(key), value) for key, value in sent.items())
    if isinstance(sent, list):
        return len(written) == len(sent) and all(map(_contains, written, sent))
    return bool(written == sent)


@pytest.mark.parametrize("kind", sorted(EXAMPLES))
def test_an_unknown_field_is_refused_at_any_depth(kind: str) -> None:
    for changed in _with_unknown_member(EXAMPLES[kind]):
        with pytest.raises(ValidationError) as refused:
            RECORDS[kind].model_validate(changed)
        assert "extra_forbidden" in {error["type"] for error in refused.value.errors()}


def _with_unknown_member(value: Any) -> list[Any]:
    """`value` once for each object in it, with one member more there."""
    if isinstance(value, dict):
        inner = [{**value, key: changed} for key, part in value.items() for changed in _with_unknown_member(part)]
        return [{**value, "unknown": 1}, *inner]
    if isinstance(value, list):
        return [
            [*value[:place], changed, *value[place + 1 :]]
            for place, part in enumerate(value)
            for changed in _with_unknown_member(part)
        ]
    return []


@pytest.mark.parametrize("kind", sorted(EXAMPLES))
def test_a_record_does_not_change(kind: str) -> None:
    record = RECORDS[kind].model_validate(EXAMPLES[kind])
    for name in type(record).model_fields:
        with pytest.raises(ValidationError):
            setattr(record, name, None)


def test_every_model_of_the_package_is_a_noun() -> None:
    pending: list[type[BaseModel]] = [BaseModel]
    found: set[type[BaseModel]] = set()
    while pending:
        for model in pending.pop().__subclasses__():
            pending.append(model)
            if model.__module__.startswith("schemas."):
                found.add(model)
    assert len(found) > 30
    for model in found:
        assert issubclass(model, Noun), model
        assert model.model_config["frozen"], model
        assert model.model_config["extra"] == "forbid", model


def test_there_is_no_way_around_validation() -> None:
    policy = Policy.model_validate(POLICY)
    later = policy.model_copy(update={"issued_on": date(2026, 3, 11)})
    assert (later.issued_on, later.policy_no) == (date(2026, 3, 11), policy.policy_no)
    assert policy.model_copy() == policy == policy.model_copy(deep=True)
    for update in ({"policy_no": "x"}, {"unknown": 1}, {"premium": {"gross": "1", "currency": "CNY"}}):
        with pytest.raises(ValidationError):
            policy.model_copy(update=update)
    with pytest.raises(TypeError, match="validation"):
        Policy.model_construct(policy_no="x")
    interval = Filing.model_validate(FILING).intervals[0]
    assert interval.model_copy(update={"state": "stopped"}).from_ == interval.from_


@pytest.mark.parametrize(
    ("kind", "change", "error"),
    [
        ("policy", {"period": {"start": "2026-03-15", "end": "2026-03-14"}}, "period.inverted"),
        ("policy", {"clauses": [{"registration_no": NUMBER, "kind": "rider"}]}, "value.unknown"),
        ("policy", {"premium": {"gross": 800000, "currency": "CNY"}}, "money.format"),
        ("policy", {"premium": {"gross": "-1.00", "currency": "CNY"}}, "sign.contradiction"),
        ("policy", {"premium": {"gross": "1.00", "currency": "USD"}}, "literal_error"),
        ("policy", {"premium": {"gross": "1.00"}}, "missing"),
        ("policy", {"rate_percent": 1.6}, "string_type"),
        ("policy", {"rate_percent": "1.6%"}, "number.unreadable"),
        ("policy", {"policyholder": {"name": ""}}, "string_too_short"),
        ("policy", {"policyholder": {**PARTY, "credit_code": "91330108MA2XX9T187"}}, "identifier.credit-code"),
        (
            "policy",
            {"coinsurance": [{"insurer": name, "share_percent": "33.33", "lead": name == "A"} for name in "ABC"]},
            "coinsurance.shares",
        ),
        (
            "policy",
            {"coinsurance": [{"insurer": name, "share_percent": "50", "lead": True} for name in "AB"]},
            "coinsurance.lead",
        ),
        (
            "policy",
            {"coinsurance": [{"insurer": name, "share_percent": "50", "lead": False} for name in "AB"]},
            "coinsurance.lead",
        ),
        ("filing", {"kind": "rider"}, "value.unknown"),
        ("filing", {"rate_min_percent": "2.1"}, "filing.rate-band"),
        ("filing", {"intervals": []}, "too_short"),
        ("filing", {"intervals": [{"state": "in_use", "from": "2026-03-02", "to": "2026-03-01"}]}, "period.inverted"),
        (
            "filing",
            {"intervals": [{"state": "in_use", "from": "2026-03-02"}, {"state": "stopped", "from": "2026-04-01"}]},
            "filing.intervals",
        ),
        (
            "filing",
            {
                "intervals": [
                    {"state": "stopped", "from": "2026-04-01"},
                    {"state": "in_use", "from": "2026-03-02", "to": "2026-04-01"},
                ]
            },
            "filing.intervals",
        ),
        ("filing", {"source": {**SOURCE, "fetched_at": "2026-06-01T08:00:00"}}, "timezone_aware"),
        ("invoice", {"tax": "3.33"}, "invoice.total-mismatch"),
        ("award", {"policy_nos": []}, "too_short"),
        ("day_close", {"totals": [{"type": "policy", "count": -1}]}, "greater_than_equal"),
        ("delivery", {"quantity": "-1"}, "string_pattern_mismatch"),
    ],
)
def test_what_cannot_be_true_is_refused(kind: str, change: dict[str, Any], error: str) -> None:
    with pytest.raises(ValidationError) as refused:
        RECORDS[kind].model_validate({**EXAMPLES[kind], **change})
    assert error in {one["type"] for one in refused.value.errors()}


@pytest.mark.parametrize(
    "character", ["\x00", "\x1f", "\x7f", "\u200b", "\u202e", "\ufeff", "\ufffd", "\ue000", "\U000f0000"]
)
def test_a_text_that_hides_something_is_refused(character: str) -> None:
    """Everywhere where a text is free; what is read must be all that there is, and storable."""
    free = {
        ("policy", "policyholder", "name"),
        ("policy", "product", "generic_name"),
        ("endorsement", "changes", "before"),
        ("premium_receipt", "bank_reference"),
        ("decision", "reason"),
        ("filing", "name"),
        ("filing", "source", "registry"),
    }
    for kind, *path in sorted(free):
        changed = json.loads(json.dumps(EXAMPLES[kind]))
        holder = changed
        for step in path[:-1]:
            holder = holder[step][0] if isinstance(holder[step], list) else holder[step]
        holder[path[-1]] = f"a{character}b"
        with pytest.raises(ValidationError) as refused:
            RECORDS[kind].model_validate(changed)
        assert {one["type"] for one in refused.value.errors()} == {"text.control-char"}, (kind, path)
        holder[path[-1]] = "第一行\n第二行\t（全角）　𠮷"
        RECORDS[kind].model_validate(changed)


def test_a_red_letter_invoice_is_negative_throughout() -> None:
    red = {**INVOICE, "net": "-55.66", "tax": "-3.34", "gross": "-59.00", "red_letter_of": "26317000002019064660"}
    assert as_json(RECORDS["invoice"].model_validate(red))["gross"] == "-59.00"


def test_the_state_of_a_day() -> None:
    filing = Filing.model_validate(
        {
            **FILING,
            "intervals": [
                {"state": "stopped", "from": "2026-05-01"},
                {"state": "in_use", "from": "2026-03-02", "to": "2026-04-29"},
            ],
        }
    )
    days = ["2026-03-01", "2026-03-02", "2026-04-29", "2026-04-30", "2026-05-01", "2099-01-01"]
    found = [filing.state_on(date.fromisoformat(day)) for day in days]
    assert [one.state if one else None for one in found] == [None, "in_use", "in_use", None, "stopped", "stopped"]


def test_parties_are_the_same_by_code_and_else_by_name() -> None:
    one = Party.model_validate(PARTY)
    assert same_party(one, Party(name="旧名称", credit_code="91330108MA2XX9T186"))
    assert not same_party(one, Party(name=one.name, credit_code="91331082MA28GHJ45X"))
    assert same_party(one, Party(name="浙江示例　药业有限公司"))
    assert not same_party(one, Party(name="浙江示例药业有限公词"))
    assert folded("Ａbc （一）") == "ABC(一)"
    assert folded("PICC") != folded("РICC")  # a Cyrillic look-alike stays another letter


ENVELOPE: dict[str, Any] = {
    "schema": SCHEMA,
    "type": "policy",
    "message_id": "m-1",
    "insurer": "PICC",
    "sent_at": "2026-03-14T10:00:00+08:00",
    "record": POLICY,
}


@pytest.mark.parametrize(
    "change",
    [
        {"schema": "premium-exchange/1.1"},
        {"type": "receipt"},
        {"insurer": None},
        {"insurer": "picc"},
        {"sent_at": "2026-03-14T10:00:00"},
        {"message_id": "a b"},
        {"record": []},
        {"note": "x"},
    ],
)
def test_an_envelope_that_is_none(change: dict[str, Any]) -> None:
    Envelope.model_validate(ENVELOPE)
    with pytest.raises(ValidationError):
        Envelope.model_validate({**ENVELOPE, **change})


def test_awards_and_decisions_come_without_an_insurer() -> None:
    for kind in ("award", "decision"):
        Envelope.model_validate({**ENVELOPE, "type": kind, "insurer": None, "record": EXAMPLES[kind]})


def test_the_scheme_vectors_are_messages_of_this_schema() -> None:
    """Complete messages that others wrote by the published contract: every one is read, and loses nothing."""
    count = 0
    for file in sorted(shared("domain/schemes").rglob("*.jsonl")):
        for line in file.read_text(encoding="utf-8").splitlines():
            message = json.loads(line)
            envelope = Envelope.model_validate(message)
            record = RECORDS[envelope.type].model_validate(envelope.record)
            assert _contains(json.loads(canonical(record)), message["record"]), (file.name, line)
            count += 1
    assert count > 20
