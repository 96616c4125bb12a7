"""DIA-RECEIPT-JSON: confirmations of money that moved, Chinese keys, the amount in words and in figures."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from sandbox.dialects.common import refuse
from sandbox.records import Record
from sandbox.sheets import words

_YES_NO: Mapping[Any, str] = {True: "是", False: "否"}
_METHODS = {"bank_transfer": "银行转账", "cheque": "支票", "card": "POS", "cash": "现金", "online": "网银"}


def confirmations(records: Sequence[Record], message_id: str) -> bytes:
    """The message. Raises ValueError for anything but receipts and refunds."""
    data = [_one(one) for one in records]
    head = {"reqNo": message_id, "orgCode": "SANDBOX"}
    whole = {"head": head, "data": data[0] if len(data) == 1 else data}
    return json.dumps(whole, ensure_ascii=False, indent=1).encode()


def _one(one: Record) -> dict[str, Any]:
    body = one.body
    if one.type not in ("premium_receipt", "premium_refund"):
        raise refuse("a confirmation of receipt", one)
    refund = one.type == "premium_refund"
    party = body.get("payee" if refund else "payer", {})
    said: dict[str, Any] = {
        "保单号": body["policy_no"],
        "收付流水号": body["refund_no" if refund else "receipt_no"],
        "收款原因": "退费" if refund else "保费",
        "收款金额": words(body["amount"]),
        "收款金额小写": body["amount"],
        "到账时间": body["paid_on" if refund else "received_on"],
        "缴费方名称": party.get("name"),
        "缴费方统一社会信用代码": party.get("credit_code"),
    }
    if refund:
        said |= {"批单号": body.get("endorsement_no"), "退费原因": body.get("reason")}
    else:
        said |= {
            "期次": None if "instalment_no" not in body else str(body["instalment_no"]),
            "是否全额": _YES_NO.get(body.get("paid_in_full")),
            "付款方式": _METHODS.get(body.get("method", "")),
            "银行流水号": body.get("bank_reference"),
            "发票号码": list(body.get("invoice_nos", ())) or None,
        }
    return {name: value for name, value in said.items() if value is not None}
