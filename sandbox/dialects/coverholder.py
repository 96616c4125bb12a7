"""DIA-CRS-CSV: the coverholder premium bordereau of Lloyd's, one row a movement, amounts net of tax."""

import csv
import io
from collections.abc import Mapping, Sequence
from datetime import date

from sandbox.dialects.common import by_policy, money_of, refuse
from sandbox.records import Record

_WHAT = "a premium bordereau of the London market"


def movements(records: Sequence[Record]) -> bytes:
    """The rows. Raises ValueError for what they cannot say: payments that are not whole movements, other changes."""
    rows = []
    for policy, about in by_policy(records, _WHAT):
        shared = _shared(policy)
        money = [one for one in about if one.type in ("premium_receipt", "premium_refund")]
        changes = [one for one in about if one not in money]
        row = _moved("New Business", "Original Premium", policy.body["premium"], policy.body["period"]["start"])
        rows.append({**shared, **row, **_paid(policy.body["premium"]["gross"], money)})
        for one in changes:
            change = money_of(one)
            whole = one.body["effective_on"] == policy.body["period"]["start"]
            if one.type == "cancellation" and whole != (one.body["kind"] == "from_inception"):
                raise ValueError(f"{_WHAT} tells how a policy was cancelled by the day alone")
            rows.append({**shared, **_change(one, change), **_paid(change["gross"], money)})
        if money:
            raise ValueError(f"{_WHAT} tells money only as the whole of a movement")
    output = io.StringIO()
    writer = csv.DictWriter(output, list(dict.fromkeys(name for row in rows for name in row)), restval="")
    writer.writeheader()
    writer.writerows(rows)
    return output.getvalue().encode()


def _shared(policy: Record) -> Mapping[str, str]:
    body = policy.body
    start, end = (_day(body["period"][side]) for side in ("start", "end"))
    return {
        "Certificate Reference": policy.policy_no,
        "Insured Name": body["policyholder"]["name"],
        "Insured Registration Number": body["policyholder"].get("credit_code", ""),
        "Original Currency": "CNY",
        "Sum Insured Amount": body.get("limits", {}).get("aggregate", ""),
        "CR0021 Total Gross Written Premium": body["premium"]["net"],
        "CR0030 Risk Inception Date": start,
        "CR0031 Risk Expiry Date": end,
    }


def _moved(transaction: str, movement: str, amounts: Mapping[str, str], on: str) -> dict[str, str]:
    return {
        "CR0022 Risk Transaction Type": transaction,
        "CR0056 Premium Transaction Type": movement,
        "CR0057 Effective Date of Transaction": _day(on),
        "CR0059 Gross Premium Paid This Time": amounts["net"],
        "CR0064 Total Taxes and Levies": amounts["tax"],
    }


def _change(one: Record, change: Mapping[str, str]) -> dict[str, str]:
    kinds = {"increase": ("Adjustment", "Additional Premium"), "decrease": ("Adjustment", "Return Premium")}
    if one.type == "cancellation":
        kinds = {one.body["kind"]: ("Cancellation", "Return Premium")}
    if one.body.get("kind") not in kinds:
        raise refuse(_WHAT, one)
    row = _moved(*kinds[one.body["kind"]], change, one.body["effective_on"])
    return row | {"Endorsement Reference": one.body["endorsement_no"]}


def _paid(gross: str, money: list[Record]) -> dict[str, str]:
    """The payment that is the whole of this movement, which is taken from the list."""
    kind = "premium_refund" if gross.startswith("-") else "premium_receipt"
    for one in money:
        if one.type == kind and one.body["amount"] == gross.removeprefix("-"):
            money.remove(one)
            party = one.body.get("payee" if kind == "premium_refund" else "payer", {})
            paid = one.body["paid_on" if kind == "premium_refund" else "received_on"]
            return {"Date Premium Received": _day(paid), "Payer Name": party.get("name", "")}
    return {}


def _day(iso: str) -> str:
    day = date.fromisoformat(iso)
    return f"{day.day:02d}/{day.month:02d}/{day.year}"
