"""The standard schema as it is sent (DIALECTS 6): envelope, members, forms, and what is passed on."""

import json
from typing import Any

import pytest
from translated import POLICY, RECEIPT, envelope, everything, message, records, told

CODE = "DIA-CANON-JSON"
PARTY = {"name": "甲", "credit_code": "91330108MA2XX9T186", "region": "330108"}
RED = {"invoice_no": "1" * 20, "issued_on": "2026-09-02", "net": "-90.00", "tax": "-10.00", "gross": "-100.00"}
CHANGE = {
    "policy_no": "PZAC202633010000000601",
    "endorsement_no": "EZAC20263300000060",
    "kind": "increase",
    "effective_on": "2026-09-01",
}


def problems(data: bytes) -> set[str]:
    return {f"{rule} {field}" for _, rule, field in told(everything(CODE, data))}


def refused(data: bytes, **how: Any) -> str:
    (row,) = everything(CODE, data, **how)
    (problem,) = row.problems
    assert (row.row, row.records, problem.effect, problem.field) == (0, (), "F", None)
    return problem.rule


@pytest.mark.parametrize(
    ("changed", "found"),
    [
        ({"schema": "premium-exchange/2.0"}, "schema.version schema"),
        ({"schema": 1}, "schema.version schema"),
        ({"schema": None}, "field.missing schema"),
        ({"type": "award"}, "schema.type type"),
        ({"type": None}, "field.missing type"),
        ({"type": ["policy"]}, "field.unaccounted type"),
        ({"message_id": "a b"}, "value.unknown message_id"),
        ({"message_id": "x" * 65}, "value.unknown message_id"),
        ({"message_id": 7}, "number.precision-lost message_id"),
        ({"message_id": True}, "value.unknown message_id"),
        ({"insurer": "PICC"}, "insurer.mismatch insurer"),
        ({"insurer": "dia-canon-json"}, "insurer.mismatch insurer"),
        ({"insurer": ""}, "field.missing insurer"),
        ({"sent_at": "2026-03-02T09:00:00"}, "date.unreadable sent_at"),
        ({"sent_at": "2026-02-30T09:00:00Z"}, "date.unreadable sent_at"),
        ({"sent_at": 1740787200000}, "date.unreadable sent_at"),
        ({"record": None}, "field.missing record"),
        ({"record": []}, "field.unaccounted record"),
        ({"record": "x"}, "field.unaccounted record"),
        ({"extra": None}, "field.unaccounted extra"),
        ({"extra": 1}, "field.unaccounted extra"),
    ],
)
def test_the_envelope_is_as_the_schema_says(changed: dict[str, Any], found: str) -> None:
    sent = {**envelope("premium_receipt", RECEIPT), **changed}
    assert problems(json.dumps(sent).encode()) == (set(found.split(", ")) if found else set())


def test_a_member_that_is_null_is_unknown_all_the_same() -> None:
    sent = {**envelope("premium_receipt", {**RECEIPT, "note": None}), "extra": None}
    assert problems(json.dumps(sent).encode()) == {"field.unaccounted extra", "field.unaccounted record.note"}


def test_of_an_unknown_type_nothing_below_is_read() -> None:
    assert problems(message("premium_recipt", {"amount": 1, "x": 2})) == {"schema.type type"}


def test_the_insurer_may_speak_the_standard_under_its_own_code() -> None:
    data = message("premium_receipt", RECEIPT, insurer="SANDBOX-A")
    (row,) = everything(CODE, data, insurer="SANDBOX-A")
    assert row.records
    assert row.envelope == {
        "schema": "premium-exchange/1.0",
        "type": "premium_receipt",
        "message_id": "M-1",
        "insurer": "SANDBOX-A",
        "sent_at": "2026-03-02T09:00:00+08:00",
    }


def test_a_refused_message_still_says_which_it_is() -> None:
    (row,) = everything(CODE, message("premium_receipt", {}))
    assert row.envelope["message_id"] == "M-1"
    assert {f"{rule} {field}" for _, rule, field in told([row])} == {
        "field.missing policy_no",
        "field.missing receipt_no",
        "field.missing amount",
        "field.missing received_on",
    }


@pytest.mark.parametrize(
    ("changed", "found"),
    [
        ({"amount": 800000}, "money.format amount"),
        ({"amount": "800000.0"}, "money.format amount"),
        ({"amount": "0800000.00"}, "money.format amount"),
        ({"amount": "８00000.00"}, "money.format amount"),
        ({"amount": " 800000.00"}, "money.format amount"),
        ({"amount": "9" * 5000 + ".00"}, "money.format amount"),
        ({"amount": True}, "money.format amount"),
        ({"amount": {"value": "1.00"}}, "field.unaccounted record.amount"),
        ({"amount": "-800000.00"}, "sign.contradiction amount"),
        ({"amount": "-0.00"}, ""),
        ({"received_on": "2026/02/26"}, "date.unreadable received_on"),
        ({"received_on": "20260226"}, "date.unreadable received_on"),
        ({"received_on": "2026-02-30"}, "date.unreadable received_on"),
        ({"received_on": "2026-02-26T00:00:00+08:00"}, "date.unreadable received_on"),
        ({"policy_no": 12345678901}, "number.precision-lost policy_no"),
        ({"policy_no": False}, "value.unknown policy_no"),
        ({"receipt_no": "S\u200bK-1234"}, "text.control-char receipt_no"),
        ({"payer": "甲"}, "field.unaccounted record.payer"),
        ({"payer": {"name": 7, "credit_code": "9133010"}}, "identifier.credit-code payer.credit_code"),
        ({"payer": {"name": True}}, "value.unknown payer.name"),
        ({"payer": {}}, ""),
        ({"instalment_no": 1}, ""),
        ({"instalment_no": 1.5}, "number.unreadable instalment_no"),
        ({"instalment_no": True}, "number.unreadable instalment_no"),
        ({"method": "barter"}, "value.unknown method"),
        ({"paid_in_full": "true"}, "value.unknown paid_in_full"),
        ({"paid_in_full": None, "invoice_nos": [], "documents": []}, ""),
        ({"invoice_nos": "1" * 20}, "field.unaccounted record.invoice_nos"),
        ({"invoice_nos": ["1" * 20, 2]}, "number.precision-lost invoice_nos"),
        ({"invoice_nos": [["1" * 20]]}, "field.unaccounted record.invoice_nos"),
        ({"documents": {"kind": "policy"}}, "field.unaccounted record.documents"),
        ({"documents": [{"kind": "photo"}]}, "value.unknown documents.kind"),
        ({"documents": [{"kind": "policy", "size": 1}]}, "field.unaccounted record.documents.size"),
    ],
)
def test_each_member_of_a_receipt_is_in_its_form(changed: dict[str, Any], found: str) -> None:
    told_here = problems(message("premium_receipt", {**RECEIPT, **changed}))
    assert told_here == (set(found.split(", ")) if found else set())


@pytest.mark.parametrize(
    ("changed", "found"),
    [
        ({"period": {"start": "2026-03-01", "end": "2026-02-28"}}, "period.inverted period"),
        ({"period": {"start": "2026-03-01"}}, "field.missing period.end"),
        ({"premium": {"gross": "1.00"}}, "field.missing premium.currency"),
        ({"premium": {"gross": "1.00", "currency": "USD"}}, "currency.unsupported premium.currency"),
        ({"premium": {"gross": "-1.00", "currency": "CNY"}}, "sign.contradiction premium.gross"),
        (
            {"premium": {"gross": "10.00", "net": "9.00", "tax": "0.99", "currency": "CNY"}},
            "premium.tax-mismatch premium.gross",
        ),
        ({"rate_percent": 1.6}, "number.unreadable rate_percent"),
        ({"rate_percent": "1.6%"}, "number.unreadable rate_percent"),
        ({"rate_percent": "1e1"}, "number.unreadable rate_percent"),
        ({"rate_percent": "99", "limits": {"aggregate": "1.00"}}, ""),
        ({"limits": {"aggregate": "-1.00"}}, "sign.contradiction limits.aggregate"),
        ({"line": "life"}, "value.unknown line"),
        ({"rate_base": {"kind": "seats", "amount": "1.00"}}, "value.unknown rate_base.kind"),
        ({"instalments": [{"no": 1, "amount": "1.00"}]}, "instalments.total-mismatch instalments.amount"),
        ({"instalments": [{"no": 1, "amount": "-1.00"}]},
         "instalments.total-mismatch instalments.amount, sign.contradiction instalments.amount"),
        ({"clauses": [{"registration_no": "C1", "kind": "main"}]}, "identifier.clause-no clauses.registration_no"),
        ({"clauses": [7]}, "field.unaccounted record.clauses"),
        ({"insured": [{"name": "甲", "role": "friend"}]}, "value.unknown insured.role"),
        ({"product": {"class_codes": [1, "2.2"], "class_group": "chemical"}}, ""),
        ({"coinsurance": [{"insurer": "A", "share_percent": "0.6", "lead": True},
                          {"insurer": "B", "share_percent": "0.4", "lead": False}]},
         "coinsurance.shares coinsurance.share_percent"),
        ({"coinsurance": [{"insurer": "A", "share_percent": "60", "lead": True},
                          {"insurer": "B", "share_percent": "40", "lead": True}]}, "coinsurance.lead coinsurance.lead"),
        ({"coinsurance": [{"insurer": "A", "share_percent": 60, "lead": "yes"}]},
         "number.unreadable coinsurance.share_percent, value.unknown coinsurance.lead"),
    ],
)  # fmt: skip
def test_each_member_of_a_policy_is_in_its_form(changed: dict[str, Any], found: str) -> None:
    assert problems(message("policy", {**POLICY, **changed})) == (set(found.split(", ")) if found else set())


@pytest.mark.parametrize(
    ("type_", "record", "found"),
    [
        ("endorsement", {**CHANGE, "premium_change": {"gross": "-1.00"}}, "sign.contradiction premium_change.gross"),
        ("endorsement", {**CHANGE, "kind": "amend", "premium_change": {"gross": "-1.00"}}, ""),
        ("endorsement", {**CHANGE, "kind": "mid_term"}, "value.unknown kind"),
        ("cancellation", {**CHANGE, "kind": "mid_term", "return_premium": {"gross": "-1.00"}},
         "sign.contradiction return_premium.gross"),
        ("cancellation", {"kind": "mid_term"},
         "field.missing policy_no, field.missing endorsement_no, field.missing effective_on"),
        ("premium_refund", {"policy_no": "P" * 10},
         "field.missing refund_no, field.missing amount, field.missing paid_on"),
        ("invoice", {**RED, "red_letter_of": "2" * 20}, ""),
        ("invoice", RED, "invoice.red-reference-missing red_letter_of"),
        ("invoice", {**RED, "red_letter_of": "2"}, "identifier.invoice-no red_letter_of"),
        ("invoice", {**RED, "red_letter_of": "2" * 20, "gross": "-100.01"}, "invoice.total-mismatch gross"),
        ("invoice", {**RED, "gross": "80.00", "tax": "170.00"}, "sign.contradiction net"),
        ("invoice", {**RED, "red_letter_of": "2" * 20, "net": "10.00", "tax": "-110.00"}, "sign.contradiction net"),
        ("invoice", {}, "field.missing invoice_no, field.missing issued_on, field.missing net, field.missing tax, "
                        "field.missing gross"),
        ("delivery", {"buyer": PARTY, "through": [PARTY, None], "trace_codes": ["8" * 20]}, ""),
        ("delivery", {"x": 1}, "field.unaccounted record.x"),
        ("day_close", {"date": 7, "totals": [{"type": "policy", "count": 1.5, "odd": None}]}, ""),
        ("day_close", {"date": "x", "sum": 1}, "field.unaccounted record.sum"),
        ("claim_summary", {"period": None, "paid": "x"}, ""),
        ("filing", {"registration_no": "x", "line": 1, "state": "x"}, "field.unaccounted record.state"),
    ],
)  # fmt: skip
def test_each_other_record_is_in_its_form(type_: str, record: dict[str, Any], found: str) -> None:
    assert problems(message(type_, record)) == (set(found.split(", ")) if found else set())


def test_what_is_passed_on_stays_as_it_is() -> None:
    record = {"date": "x", "totals": [{"type": "policy", "count": 10, "ratio": 1.5, "none": None, "empty": []}]}
    (row,) = everything(CODE, message("day_close", record))
    assert row.records[0].record == {"date": "x", "totals": [{"type": "policy", "count": 10, "ratio": 1.5}]}
    (row,) = everything(CODE, message("day_close", record).replace(b"1.5", b"1e999"))
    assert told([row]) == {(1, "number.unreadable", "totals")}


def test_identifiers_and_texts_are_normalised_and_nothing_else() -> None:
    sent = {
        **RECEIPT,
        "policy_no": " pzac2026 33010000000601",
        "payer": {"name": " 甲\n乙（丙） ", "region": "３３０１０８"},
    }
    (row,) = everything(CODE, message("premium_receipt", sent))
    assert row.records[0].record == {**RECEIPT, "payer": {"name": "甲 乙（丙）", "region": "330108"}}


def test_a_problem_with_one_certain_mending_offers_it() -> None:
    changed = {"amount": "800000.5", "received_on": "2026年2月26日"}
    (row,) = everything(CODE, json.dumps([envelope("premium_receipt", {**RECEIPT, **changed})]).encode())
    assert {problem.fix[0]["path"]: problem.fix[0]["value"] for problem in row.problems} == {
        "/record/amount": "800000.50",
        "/record/received_on": "2026-02-26",
    }
    for wrong in ({"amount": "800,000"}, {"amount": "1.005"}, {"received_on": "3/4/2026"}):
        (row,) = everything(CODE, message("premium_receipt", {**RECEIPT, **wrong}))
        assert row.problems[0].fix == ()


@pytest.mark.parametrize(
    ("data", "rule"),
    [
        (b"", "json.malformed"),
        (b"7", "dialect.unrecognised"),
        (b'"x"', "dialect.unrecognised"),
        (b"[1]", "dialect.unrecognised"),
        (b"[[{}]]", "dialect.unrecognised"),
        (b"{} {}", "json.malformed"),
        (b'{"a": NaN}', "json.malformed"),
        (b'{"a": 1, "a": 1}', "json.duplicate-key"),
        (b'{"a": "\\ud800"}', "json.malformed"),
        (b'{"a":' * 70 + b"1" + b"}" * 70, "json.too-deep"),
        ('{"a": "示例"}'.encode("gb18030"), "encoding.undecodable"),
    ],
)
def test_what_is_no_message_refuses_the_file(data: bytes, rule: str) -> None:
    assert refused(data, file_name="x.json") == rule


def test_one_message_an_array_and_lines_are_read_the_same() -> None:
    one = envelope("premium_receipt", RECEIPT)
    two = envelope("premium_receipt", {**RECEIPT, "receipt_no": "SK-2"}, message_id="M-2")
    text = [json.dumps(message) for message in (one, two)]
    array = everything(CODE, f"\ufeff[{text[0]}, {text[1]}]".encode())
    lines = everything(CODE, f"\ufeff{text[0]}\r\n\n \n{text[1]}".encode(), file_name="a.JSONL")
    assert records(array) == records(lines) == records(everything(CODE, "\n".join(text).encode()))
    assert [row.row for row in lines] == [1, 2]
    assert array[1].records[0].lineage["amount"].source == "/1/record/amount"
    assert lines[1].records[0].lineage["amount"].source == "line 4#/record/amount"
    broken = everything(CODE, f"{text[0]}\n{{\n".encode(), file_name="a.jsonl")
    assert told(broken) == {(0, "json.malformed", None)}
    assert (broken[0].problems[0].where or "").startswith("line 2")


def test_a_message_id_stands_once() -> None:
    same = [envelope("premium_receipt", RECEIPT)] * 2
    other = [*same, envelope("premium_receipt", {**RECEIPT, "amount": "1.00"})]
    assert told(everything(CODE, json.dumps(same).encode())) == {(2, "row.duplicate", "message_id")}
    assert told(everything(CODE, json.dumps(other).encode())) == {(n, "row.conflict", "message_id") for n in (1, 2, 3)}
    upper = [envelope("premium_receipt", RECEIPT), envelope("premium_receipt", RECEIPT, message_id="m-1")]
    assert told(everything(CODE, json.dumps(upper).encode())) == set()
