"""DIA-PRPC-JSON: the tables of a core system as JSON, one object a policy with everything about it."""

import json
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from sandbox.dialects.common import by_policy, code_of, money_of, refuse
from sandbox.records import Record

_LINES = {
    "product_liability": "ZAC",
    "drug_liability": "ZAD",
    "device_liability": "ZAE",
    "clinical_trial_liability": "ZAF",
}
_KINDS = {
    ("endorsement", "amend"): "15",
    ("endorsement", "increase"): "21",
    ("endorsement", "decrease"): "22",
    ("endorsement", "reinstate"): "30",
    ("cancellation", "mid_term"): "19",
    ("cancellation", "from_inception"): "06",
}


def core_extract(records: Sequence[Record]) -> bytes:
    """The objects; a single one stands by itself. Raises ValueError for what the tables cannot say."""
    whole = [_tables(policy, about) for policy, about in by_policy(records, "a core system's extract")]
    return json.dumps(whole[0] if len(whole) == 1 else whole, ensure_ascii=False, indent=1).encode()


def _tables(policy: Record, about: Sequence[Record]) -> dict[str, Any]:
    body = policy.body
    product, shares = body.get("product", {}), body.get("coinsurance", ())
    payments = [one for one in about if one.type in ("premium_receipt", "premium_refund")]
    changes = [one for one in about if one not in payments]
    if strange := next((one for one in changes if (one.type, one.body.get("kind")) not in _KINDS), None):
        raise refuse("a core system's extract", strange)
    insured = [one for one in body.get("insured", ()) if one.get("role", "insured") == "insured"][:1]
    main = {
        "policyNo": body["policy_no"],
        "riskCode": code_of(body["line"], _LINES),
        "startDate": body["period"]["start"],
        "startHour": 0,
        "endDate": body["period"]["end"],
        "endHour": 24,
        "sumAmount": body.get("limits", {}).get("aggregate"),
        "sumPremium": body["premium"]["gross"],
        "currency": body["premium"]["currency"],
        "coinsFlag": "1" if shares else "0",
        "underWriteEndDate": body.get("issued_on"),
        "appliName": body["policyholder"]["name"],
        "appliCode": body["policyholder"].get("credit_code"),
        "insuredName": insured[0]["name"] if insured else None,
        "insuredCode": insured[0].get("credit_code") if insured else None,
    }
    drug = {
        "drugName": product.get("generic_name"),
        "approvalNo": product.get("approval_no"),
        "approvalDate": product.get("approval_date"),
        "regClass": product.get("registration_class"),
        "holderName": product.get("holder", {}).get("name"),
        "holderCode": product.get("holder", {}).get("credit_code"),
        "makerName": product.get("manufacturer", {}).get("name"),
        "makerCode": product.get("manufacturer", {}).get("credit_code"),
        "dosageForm": product.get("dosage_form"),
        "spec": product.get("specification"),
    }
    return {
        "prpCmain": main,
        "prpCitemKind": [
            {
                "clauseCode": one["registration_no"],
                "clauseName": one.get("name"),
                "rate": body.get("rate_percent") if one["kind"] == "main" else None,
                "rateUnit": "%" if one["kind"] == "main" and "rate_percent" in body else None,
            }
            for one in body.get("clauses", ())
        ],
        "prpCitemDrug": drug,
        "prpCplan": _plan(body, payments),
        "prpCcoins": [
            {"coinsCode": one["insurer"], "coinsRate": one["share_percent"], "chiefFlag": "1" if one["lead"] else "0"}
            for one in shares
        ],
        "prpPhead": [_change(one) for one in changes],
        **({"prpJpayrefrec": [_payment(one) for one in payments]} if payments else {}),
    }


def _plan(body: dict[str, Any], payments: Sequence[Record]) -> list[dict[str, Any]]:
    """The instalments, each with its part of net and tax, and with what of it is still unpaid if payments are told."""
    rows: list[dict[str, Any]] = []
    premium = body["premium"]
    left = {name: Decimal(premium[name]) for name in ("net", "tax") if name in premium}
    for place, one in enumerate(body.get("instalments", ()), 1):
        amount = Decimal(one["amount"])
        row = {"payNo": one["no"], "payReason": "R10", "planDate": one["due_on"], "planFee": one["amount"]}
        if len(left) == 2:
            last = place == len(body["instalments"])
            net = left["net"] if last else min(left["net"], amount)
            tax = left["tax"] if last else amount - net
            left = {"net": left["net"] - net, "tax": left["tax"] - tax}
            row |= {"netPremium": str(net), "taxPremium": str(tax)}
        if payments:
            paid = sum(
                Decimal(it.body["amount"])
                for it in payments
                if it.type == "premium_receipt" and it.body.get("instalment_no") == one["no"]
            )
            row["delinquentFee"] = str(amount - paid)
        rows.append(row)
    return rows


def _payment(one: Record) -> dict[str, Any]:
    body, refund = one.body, one.type == "premium_refund"
    party = body.get("payee" if refund else "payer", {})
    return {
        "payRefNo": body["refund_no" if refund else "receipt_no"],
        "payNo": body.get("instalment_no"),
        "realPayRefFee": ("-" if refund else "") + body["amount"],
        "realPayRefDate": body["paid_on" if refund else "received_on"],
        "payerName": party.get("name"),
        "payerCode": party.get("credit_code"),
        "invoiceNo": ",".join(body.get("invoice_nos", ())) or None,
    }


def _change(one: Record) -> dict[str, Any]:
    return {
        "endorseNo": one.body["endorsement_no"],
        "endorType": _KINDS[one.type, one.body["kind"]],
        "endorDate": one.body.get("issued_on"),
        "validDate": one.body["effective_on"],
        "chgPremium": money_of(one).get("gross"),
    }
