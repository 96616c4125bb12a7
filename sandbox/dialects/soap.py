"""DIA-SOAP-XML: one record a packet, the packet as text in the envelope, amounts in fen, rates per mille."""

import html
from collections.abc import Mapping, Sequence
from typing import Any

from sandbox.dialects.common import Tree, code_of, money_of, refuse, shifted, xml
from sandbox.records import Record

_LINES = {"product_liability": "PL", "drug_liability": "DL", "device_liability": "ML", "clinical_trial_liability": "CT"}
_METHODS = {"bank_transfer": "T", "cheque": "C", "card": "P", "cash": "X", "online": "O"}
_KINDS = {
    ("endorsement", "increase"): "A",
    ("endorsement", "decrease"): "D",
    ("endorsement", "amend"): "M",
    ("endorsement", "reinstate"): "R",
    ("cancellation", "mid_term"): "W",
    ("cancellation", "from_inception"): "X",
}
_YES_NO: Mapping[Any, str] = {True: "Y", False: "N"}
_BASES = {"aggregate_limit": "1", "per_occurrence_limit": "2", "turnover": "3"}


def soap_xml(records: Sequence[Record], message_id: str) -> bytes:
    """The envelope. Raises ValueError for several records: a packet has one."""
    if len(records) != 1:
        raise ValueError("a packet has one record")
    (one,) = records
    if one.type == "policy":
        request, body = "10", _policy(one.body)
    elif one.type in ("premium_receipt", "premium_refund"):
        request, body = "20", {"Receipt": _money(one)}
    elif (one.type, one.body.get("kind")) in _KINDS:
        request, body = "30", {"Endorsement": _change(one)}
    else:
        raise refuse("a packet", one)
    head = {"RequestType": request, "AmountUnit": "FEN", "User": "sandbox", "SerialNo": message_id}
    packet = '<?xml version="1.0" encoding="UTF-8"?>' + xml({"Packet": {"Head": head, "Body": body}})
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        '<soap:Envelope xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/"><soap:Body>'
        f'<submit xmlns="urn:sandbox"><xml>{html.escape(packet, quote=False)}</xml></submit>'
        "</soap:Body></soap:Envelope>"
    ).encode()


def _policy(body: dict[str, Any]) -> Tree:
    product, limits, premium = body.get("product", {}), body.get("limits", {}), body["premium"]
    period, base = body["period"], body.get("rate_base", {})
    return {
        "Policy": {
            "PolicyNo": body["policy_no"],
            "ProductCode": code_of(body["line"], _LINES),
            "SignDate": body.get("issued_on"),
            "StartTime": period["start"].replace("-", "") + "000000",
            "EndTime": period["end"].replace("-", "") + "240000",
            "SumInsured": _fen(limits.get("aggregate")),
            "PerAccidentLimit": _fen(limits.get("per_occurrence")),
            "Premium": _fen(premium["gross"]),
            "PremiumNoTax": _fen(premium.get("net")),
            "Tax": _fen(premium.get("tax")),
            "Currency": premium["currency"],
            "Rate": f"{shifted(body['rate_percent'], 1)}‰" if "rate_percent" in body else None,
            "RateBase": _BASES.get(base.get("kind")),
            "RateBaseAmount": _fen(base.get("amount")),
        },
        "PolicyHolder": {
            "Name": body["policyholder"]["name"],
            "IdType": "71",
            "IdNo": body["policyholder"].get("credit_code"),
            "Region": body["policyholder"].get("region"),
        },
        "InsuredList": {
            "Insured": [
                {"Name": one["name"], "IdType": "71", "IdNo": one.get("credit_code"), "Role": _role(one)}
                for one in body.get("insured", ())
            ]
        },
        "Product": {
            "GenericName": product.get("generic_name"),
            "ApprovalNo": product.get("approval_no"),
            "ApprovalDate": product.get("approval_date"),
            "Class": product.get("registration_class"),
            "Holder": product.get("holder", {}).get("name"),
            "HolderIdNo": product.get("holder", {}).get("credit_code"),
            "Maker": product.get("manufacturer", {}).get("name"),
            "MakerIdNo": product.get("manufacturer", {}).get("credit_code"),
            "Form": product.get("dosage_form"),
            "Spec": product.get("specification"),
        },
        "ClauseList": {
            "Clause": [{"RegNo": one["registration_no"], "Name": one.get("name")} for one in body.get("clauses", ())]
        },
        "PlanList": {
            "Plan": [
                {"No": one["no"], "DueDate": one["due_on"], "Amount": _fen(one["amount"])}
                for one in body.get("instalments", ())
            ]
        },
        "CoinsList": {
            "Coins": [
                {"Company": one["insurer"], "Share": f"{one['share_percent']}%", "Lead": "Y" if one["lead"] else "N"}
                for one in body.get("coinsurance", ())
            ]
        },
    }


def _money(one: Record) -> Tree:
    body, refund = one.body, one.type == "premium_refund"
    party = body.get("payee" if refund else "payer", {})
    moved = {
        "PolicyNo": body["policy_no"],
        "ReceiptNo": body["refund_no" if refund else "receipt_no"],
        "Amount": ("-" if refund else "") + str(_fen(body["amount"])),
        "ArriveTime": body["paid_on" if refund else "received_on"].replace("-", "") + "153000",
        "PayerName": party.get("name"),
        "PayerIdNo": party.get("credit_code"),
    }
    if refund:
        return moved | {"EndorNo": body.get("endorsement_no"), "Reason": body.get("reason")}
    return moved | {
        "PlanNo": body.get("instalment_no"),
        "PayMode": _METHODS.get(body.get("method", "")),
        "BankRef": body.get("bank_reference"),
        "InvoiceNos": ",".join(body.get("invoice_nos", ())) or None,
        "FullPaid": _YES_NO.get(body.get("paid_in_full")),
    }


def _change(one: Record) -> Tree:
    body, change = one.body, money_of(one)
    return {
        "PolicyNo": body["policy_no"],
        "EndorNo": body["endorsement_no"],
        "EndorType": _KINDS[one.type, body["kind"]],
        "SignDate": body.get("issued_on"),
        "EffectTime": body["effective_on"],
        "PremiumChange": _fen(change.get("gross")),
        "PremiumChangeNoTax": _fen(change.get("net")),
        "TaxChange": _fen(change.get("tax")),
        "Reason": body.get("reason"),
    }


def _role(one: dict[str, Any]) -> str:
    return "2" if one.get("role") == "additional" else "1"


def _fen(amount: str | None) -> str | None:
    return None if amount is None else shifted(amount, 2)
