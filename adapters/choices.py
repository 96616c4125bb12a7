"""Choices and rules that several formats share: which record a row becomes, and what its code says of it."""

from adapters.facts import Facts


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
