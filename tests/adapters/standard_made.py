"""What tests of the standard's other forms share: records of every type, and the workbook template filled in."""

import io
from collections.abc import Iterable, Mapping
from datetime import date
from functools import cache
from typing import Any

import openpyxl

from schemas.structure import leaves, record_nouns
from schemas.template import NAMES_ROW, NO, YES, shown, tables, template

Message = dict[str, Any]
DIGEST = "sha256:" + "0a" * 32
PARTY = {"name": "示例医药（杭州）有限公司", "credit_code": "91330108MA2XX9T186", "region": "330108"}
PRODUCT = {
    "kind": "drug",
    "generic_name": "示例替尼片",
    "approval_no": "国药准字H20230999",
    "approval_date": "2023-05-16",
    "registration_class": "化药2.2类＋2.4类",
    "class_group": "chemical",
    "class_codes": ["2.2", "2.4"],
    "holder": PARTY,
    "drug_code": "86900123000014",
}
DOCUMENTS = [{"kind": "policy", "digest": DIGEST, "media_type": "application/ofd", "file_name": "保单.ofd"}]
RECORDS: dict[str, dict[str, Any]] = {
    "policy": {
        "policy_no": "PZAC202633010000000601",
        "policyholder": PARTY,
        "insured": [{**PARTY, "role": "insured"}, {"name": "乙 <医院> & 公司", "role": "additional"}],
        "product": PRODUCT,
        "line": "product_liability",
        "clauses": [{"registration_no": "C00001232612026010100001", "name": "主条款", "kind": "main"}],
        "issued_on": "2026-02-26",
        "period": {"start": "2026-03-01", "end": "2027-02-28"},
        "limits": {"aggregate": "50000000.00", "deductible": "0.50"},
        "rate_base": {"kind": "aggregate_limit", "amount": "50000000.00"},
        "rate_percent": "1.6",
        "premium": {"gross": "800000.00", "net": "754716.98", "tax": "45283.02", "currency": "CNY"},
        "instalments": [
            {"no": 1, "due_on": "2026-03-15", "amount": "400000.00"},
            {"no": 2, "due_on": "2026-09-15", "amount": "400000.00"},
        ],
        "coinsurance": [
            {"insurer": "甲财险", "share_percent": "60", "lead": True},
            {"insurer": "丙财险", "share_percent": "40", "lead": False},
        ],
        "documents": DOCUMENTS,
    },
    "endorsement": {
        "policy_no": "PZAC202633010000000601",
        "endorsement_no": "EZAC20263300000009",
        "kind": "decrease",
        "effective_on": "2026-07-01",
        "premium_change": {"gross": "-100000.00", "net": "-94339.62", "tax": "-5660.38"},
        "changes": [{"field": "policyholder.name", "before": "旧", "after": "新"}],
    },
    "cancellation": {
        "policy_no": "PZAC202633010000000601",
        "endorsement_no": "EZAC20263300000010",
        "kind": "mid_term",
        "effective_on": "2026-09-01",
        "return_premium": {"gross": "100000.00"},
        "reason": "停产",
    },
    "premium_receipt": {
        "policy_no": "PZAC202633010000000601",
        "receipt_no": "SK2026022600001",
        "instalment_no": 1,
        "amount": "400000.00",
        "received_on": "2026-02-26",
        "payer": PARTY,
        "method": "bank_transfer",
        "invoice_nos": ["26332000000012345678", "26332000000012345679"],
        "paid_in_full": False,
    },
    "premium_refund": {
        "policy_no": "PZAC202633010000000601",
        "refund_no": "TF2026070100001",
        "amount": "100000.00",
        "paid_on": "2026-07-05",
        "payee": {"name": "示例"},
    },
    "invoice": {
        "invoice_no": "26332000000012345678",
        "issued_on": "2026-02-27",
        "seller": {"name": "甲财险"},
        "net": "-94.34",
        "tax": "-5.66",
        "gross": "-100.00",
        "policy_nos": ["PZAC202633010000000601"],
        "red_letter_of": "26332000000012345670",
    },
    "delivery": {
        "policy_no": "PZAC202633010000000601",
        "product": {"generic_name": "示例替尼片"},
        "buyer": {"name": "某医院"},
        "through": [{"name": "甲商业"}, {"name": "乙商业"}],
        "delivered_on": "2026-05-20",
        "quantity": "1200.5",
        "trace_codes": ["81234567890123456789"],
    },
    "day_close": {"date": "2026-03-01", "totals": [{"type": "policy", "count": 12, "amount": "9600000.00"}]},
    "claim_summary": {
        "period": {"start": "2026-01-01", "end": "2026-03-31"},
        "clause_registration_no": "C00001232612026010100001",
        "earned_premium": "1200000.00",
        "claims_count": 3,
        "paid": "250000.00",
        "outstanding": "80000.00",
    },
}


def message(type_: str, record: Mapping[str, Any], message_id: str) -> Message:
    """An envelope of the insurer ZAC-PC."""
    return {
        "schema": "premium-exchange/1.0",
        "type": type_,
        "message_id": message_id,
        "insurer": "ZAC-PC",
        "sent_at": "2026-03-02T09:00:00+08:00",
        "record": record,
    }


def every_type() -> list[Message]:
    """A message of each record type."""
    return [message(name, record, f"M-{name}") for name, record in RECORDS.items()]


@cache
def _template() -> bytes:
    return template()


def filled_in(messages: Iterable[Message], *, typed: bool = True) -> bytes:
    """The template filled in as people do: dates and amounts as such, or (`typed` false) everything as text."""
    workbook = openpyxl.load_workbook(io.BytesIO(_template()))
    for one in messages:
        noun = record_nouns()[one["type"]]
        _add(workbook, one["type"], {**one, **one["record"]}, typed)
        for path, way in leaves(noun):
            if way[-1].of:
                for entry in _at(one["record"], path) or ():
                    _add(workbook, f"{one['type']}.{path}", {**entry, "message_id": one["message_id"]}, typed)
    target = io.BytesIO()
    workbook.save(target)
    return target.getvalue()


def _add(workbook: openpyxl.Workbook, name: str, values: Mapping[str, Any], typed: bool) -> None:
    table = tables()[name]
    sheet = workbook[table.name]
    row = max(NAMES_ROW, *(cell.row for line in sheet.iter_rows() for cell in line if cell.value is not None)) + 1
    for column, place in enumerate(table.places, 1):
        value = _at(values, place.path)
        if value is not None:
            sheet.cell(row, column).value = _cell(value, place.element.form, typed)


def _cell(value: Any, form: str, typed: bool) -> Any:
    if isinstance(value, list):
        return ";".join(value)
    if form == "code":
        return shown(value) if typed else value
    if form == "truth":
        return YES if value else NO
    if typed and form == "day":
        return date.fromisoformat(value)
    return float(value) if typed and form in ("money", "amount", "percent", "integer") else str(value)


def _at(values: Mapping[str, Any], path: str) -> Any:
    found: Any = values
    for name in path.split("."):
        found = found.get(name) if isinstance(found, Mapping) else None
    return found
