"""Choices and rules that several formats share: which record a row becomes, and what its code says of it."""

from datetime import timedelta

from adapters.dates import Moment
from adapters.facts import Facts
from adapters.mapping import Rule


def in_or_out(facts: Facts) -> str | None:
    """Money in is a receipt, money out a refund; neither is nothing that a receipt could state."""
    amount = facts.find("amount")
    if amount is None:
        return None
    if amount.fen == 0:
        facts.blame("sign.contradiction", "zero", "amount")
        return None
    return "premium_receipt" if amount.fen > 0 else "premium_refund"


def changed(facts: Facts) -> str | None:
    """An endorsement or a cancellation, by the code of the change: a pair of that and its kind."""
    change = facts.find("change")
    return change[0] if change else None


def change_kind(facts: Facts) -> None:
    """What kind of endorsement or cancellation, by the same code."""
    facts.put("kind", facts.values.pop("change")[1], "", of="change")
    del facts.lineage["change"]


def insured_by_default(entry: Facts) -> None:
    """Without a role: the insured."""
    if "role" not in entry.values and "role" not in entry.unread and entry.values:
        entry.put("role", "insured", "by contract")


def policy_or_change(facts: Facts) -> str:
    """A row with an endorsement number changes a policy."""
    return "change" if facts.says("endorsement_no") else "policy"


def kind_by_sign(facts: Facts) -> None:
    """The kind of an endorsement that nothing names, by the sign of its premium: none or zero amends."""
    if "premium_change.gross" in facts.unread:
        return
    gross = facts.values.get("premium_change.gross")
    kind = "amend" if gross is None or gross.fen == 0 else "increase" if gross.fen > 0 else "decrease"
    facts.put("kind", kind, "by the sign of the premium", of="premium_change.gross")


def money_in_or_out(facts: Facts) -> str | None:
    """Money in is a receipt, money out a refund; none or zero is nothing yet, and what stands beside it is not read."""
    amount = facts.find("amount")
    if amount is None or amount.fen == 0:
        return None
    return "premium_receipt" if amount.fen > 0 else "premium_refund"


def stated(name: str, value: str) -> Rule:
    """A field that the format does not have, because by contract it is always the same."""

    def settle(facts: Facts) -> None:
        if name not in facts.values and name not in facts.unread:
            facts.put(name, value, "by contract")

    return settle


def exclusive_end(facts: Facts) -> None:
    """By contract the policy ends when the day that is stated begins: its last day is the one before."""
    end = facts.values.get("period.end")
    if end is not None:
        facts.values["period.end"] = Moment(end.day - timedelta(days=1), None)


def one_insured(facts: Facts) -> None:
    """The one insured of a row, from `insured.name` and `insured.credit_code`."""
    entry = {}
    for name in ("name", "credit_code"):
        if (value := facts.values.pop(f"insured.{name}", None)) is not None:
            entry[name] = value
            facts.lineage[f"insured.0.{name}"] = facts.lineage.pop(f"insured.{name}")
    if entry:
        facts.put("insured.0.role", "insured", "by contract")
        facts.values["insured"] = [{**entry, "role": facts.values.pop("insured.0.role")}]


def clauses(facts: Facts) -> None:
    """Clause registration numbers as clauses: main or rider by the 11th character."""
    if numbers := facts.values.get("clauses"):
        facts.values["clauses"] = [
            {"registration_no": number, "kind": "main" if number[10] == "1" else "rider"} for number in numbers
        ]
