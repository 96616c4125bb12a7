"""The standard in XML, submitted by an insurer that registered it as its format: the same message as in JSON."""

import json
from typing import Any

from gateway.participants import Participant
from gateway.submissions.read import read_message
from schemas.markup import as_xml

SENDER = Participant(
    code="ZAC-PC",
    role="insurer",
    name="中安财险",
    credit_code="91330108MA2XX9T186",
    company_code="000123",
    dialect="DIA-CANON-XML",
)


def message(message_id: str) -> dict[str, Any]:
    return {
        "schema": "premium-exchange/1.0",
        "type": "premium_receipt",
        "message_id": message_id,
        "insurer": "ZAC-PC",
        "sent_at": "2026-03-02T09:00:00+08:00",
        "record": {
            "policy_no": "PZAC202633010000000601",
            "receipt_no": "SK2026022600001",
            "amount": "800000.00",
            "received_on": "2026-02-26",
            "paid_in_full": True,
        },
    }


def test_a_message_in_xml_is_the_same_as_in_json() -> None:
    in_xml = read_message(as_xml([message("M-1")]), "application/xml", SENDER)
    in_json = read_message(json.dumps(message("M-1")).encode(), "application/json", SENDER)
    assert in_xml.message_id == in_json.message_id == "M-1"
    assert [one.noun for one in in_xml.records] == [one.noun for one in in_json.records]
    assert in_xml.records[0].lineage["amount"] == {
        "source": "/messages/message[1]/premium_receipt/amount",
        "raw": "800000.00",
        "mapping": "DIA-CANON-XML/1.0",
    }


def test_a_submission_is_one_message_in_xml_too() -> None:
    """Each message has an id of its own, and one answer of its own."""
    reading = read_message(as_xml([message("M-1"), message("M-2")]), "application/xml", SENDER)
    assert reading.is_refused
    assert [check.rule for check in reading.checks] == ["message.one-envelope"]
