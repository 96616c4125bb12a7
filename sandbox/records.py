"""Records of the standard schema (SCHEMA.md) as an insurer's system would know them, with arithmetic that holds."""

from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Any, Self

_FEN = Decimal("0.01")
_VAT = Decimal("1.06")  # insurance services: 6 %


@dataclass(frozen=True, slots=True)
class Record:
    """One record: its type, the code of the insurer that sends it, and its body as JSON values of the schema."""

    type: str
    insurer: str
    body: dict[str, Any]

    @property
    def policy_no(self) -> str:
        """The policy that the record is about."""
        return str(self.body["policy_no"])

    def get(self, path: str) -> Any:
        """The value at a dotted path (`premium.gross`), or `None`."""
        value: Any = self.body
        for step in path.split("."):
            if not isinstance(value, Mapping) or step not in value:
                return None
            value = value[step]
        return value

    def with_(self, changes: Mapping[str, Any]) -> Self:
        """A copy with the values at these dotted paths; `None` takes a field away. Nothing else is adjusted."""
        body = deepcopy(self.body)
        for path, value in changes.items():
            *steps, last = path.split(".")
            place = body
            for step in steps:
                place = place.setdefault(step, {})
            if value is None:
                place.pop(last, None)
            else:
                place[last] = value
        return replace(self, body=body)


@dataclass(frozen=True, slots=True)
class PolicyFacts(Record):
    """A `policy` record, complete."""

    @property
    def gross(self) -> str:
        """The premium with tax, yuan text."""
        return str(self.body["premium"]["gross"])


def yuan(amount: Decimal) -> str:
    """The amount in yuan with two places. Raises ValueError if it is not whole fen."""
    if amount != amount.quantize(_FEN):
        raise ValueError(f"{amount} is not whole fen")
    return str(amount.quantize(_FEN))


def premium_of(gross: Decimal) -> dict[str, str]:
    """A premium of which net and tax add up to `gross`; net is rounded to the fen, tax is the rest."""
    net = (gross / _VAT).quantize(_FEN, ROUND_HALF_UP)
    return {"gross": yuan(gross), "net": yuan(net), "tax": yuan(gross - net), "currency": "CNY"}


def policy(
    insurer: str,
    *,
    policy_no: str,
    policyholder: Mapping[str, str],
    product: Mapping[str, Any],
    line: str,
    clauses: Sequence[Mapping[str, str]],
    issued_on: date,
    start: date,
    years: int,
    aggregate: str,
    rate: str,
    instalments: int = 1,
    coinsurance: Sequence[Mapping[str, Any]] = (),
) -> PolicyFacts:
    """A complete policy: premium = limit x rate x years; instalments add up; the period is whole years.

    `aggregate` in yuan, `rate` in percent, both decimal text. Raises ValueError if the premium is not whole fen.
    """
    limit = Decimal(aggregate)
    gross = limit * Decimal(rate) / 100 * years
    body: dict[str, Any] = {
        "policy_no": policy_no,
        "policyholder": dict(policyholder),
        "insured": [{"name": policyholder["name"], "credit_code": policyholder["credit_code"], "role": "insured"}],
        "product": deepcopy(dict(product)),
        "line": line,
        "clauses": [dict(clause) for clause in clauses],
        "issued_on": issued_on.isoformat(),
        "period": {"start": start.isoformat(), "end": _end(start, years).isoformat()},
        "limits": {"aggregate": yuan(limit)},
        "rate_base": {"kind": "aggregate_limit", "amount": yuan(limit)},
        "rate_percent": rate,
        "premium": premium_of(gross),
        "instalments": _instalments(gross, instalments, start),
    }
    if coinsurance:
        body["coinsurance"] = [dict(share) for share in coinsurance]
    return PolicyFacts("policy", insurer, body)


def receipt(
    facts: Record, *, receipt_no: str, amount: str, received_on: date, instalment_no: int | None, in_full: bool
) -> Record:
    """Money that arrived from the policyholder; `in_full` is the insurer's own statement."""
    body: dict[str, Any] = {
        "policy_no": facts.policy_no,
        "receipt_no": receipt_no,
        "amount": amount,
        "received_on": received_on.isoformat(),
        "payer": _party(facts),
        "method": "bank_transfer",
        "bank_reference": f"BK{receipt_no}",
        "paid_in_full": in_full,
    }
    if instalment_no is not None:
        body["instalment_no"] = instalment_no
    return Record("premium_receipt", facts.insurer, body)


def refund(facts: Record, *, refund_no: str, endorsement_no: str, amount: str, paid_on: date, reason: str) -> Record:
    """Money that went back to the policyholder."""
    body = {
        "policy_no": facts.policy_no,
        "refund_no": refund_no,
        "endorsement_no": endorsement_no,
        "amount": amount,
        "paid_on": paid_on.isoformat(),
        "payee": _party(facts),
        "reason": reason,
    }
    return Record("premium_refund", facts.insurer, body)


def cancellation(facts: Record, *, endorsement_no: str, effective_on: date, gross: str, reason: str) -> Record:
    """The policy ends before its time; `gross` is the premium to return."""
    returned = premium_of(Decimal(gross))
    del returned["currency"]
    body = {
        "policy_no": facts.policy_no,
        "endorsement_no": endorsement_no,
        "kind": "mid_term",
        "effective_on": effective_on.isoformat(),
        "return_premium": returned,
        "reason": reason,
    }
    return Record("cancellation", facts.insurer, body)


def endorsement(
    facts: Record, *, endorsement_no: str, kind: str, issued_on: date, effective_on: date, gross: str | None
) -> Record:
    """A change of the policy; `gross` is the signed change of premium in yuan, if there is one."""
    body: dict[str, Any] = {
        "policy_no": facts.policy_no,
        "endorsement_no": endorsement_no,
        "kind": kind,
        "issued_on": issued_on.isoformat(),
        "effective_on": effective_on.isoformat(),
    }
    if gross is not None:
        change = premium_of(Decimal(gross))
        del change["currency"]
        body["premium_change"] = change
    return Record("endorsement", facts.insurer, body)


def _party(facts: Record) -> dict[str, str]:
    holder = facts.body["policyholder"]
    return {"name": holder["name"], "credit_code": holder["credit_code"]}


def _end(start: date, years: int) -> date:
    """The last day of a period of whole years: the day before the anniversary; 29 February counts as 1 March."""
    try:
        anniversary = start.replace(year=start.year + years)
    except ValueError:
        anniversary = date(start.year + years, 3, 1)
    return anniversary - timedelta(days=1)


def _instalments(gross: Decimal, count: int, start: date) -> list[dict[str, Any]]:
    part = (gross / count).quantize(_FEN)
    amounts = [part] * (count - 1) + [gross - part * (count - 1)]
    return [
        {"no": number, "due_on": (start + timedelta(days=7 * (number - 1))).isoformat(), "amount": yuan(amount)}
        for number, amount in enumerate(amounts, 1)
    ]
