"""What no single field can say: rules over what was read of a row (DIALECTS 0.3 to 0.8). Mappings name them.

Each rule derives or checks one thing and runs only if all of its inputs were read.
"""

from functools import lru_cache
from itertools import pairwise
from typing import Literal

from adapters.amounts import Exact, Share
from adapters.convert import registration_class as parsed_class
from adapters.convert import remembered
from adapters.dates import period as whole_days
from adapters.facts import Facts
from adapters.mapping import Rule
from adapters.problems import Unreadable
from schemas.identifiers import approval_kind
from schemas.money import Yuan

Direction = Literal["positive", "negative", "increase", "decrease", "any"]
"""positive: not below zero; negative: not above zero; increase: above zero, decrease: below, where tax may be zero."""


def period(facts: Facts) -> None:
    """0.7: the period as inclusive whole days."""
    start, end = facts.values.get("period.start"), facts.values.get("period.end")
    if start is None or end is None:
        return
    try:
        first, last = _whole_days(start, end)
    except Unreadable as error:
        del facts.values["period.start"], facts.values["period.end"]
        facts.blame(error.rule, error.reason, "period", start=_shown(facts, "start"), end=_shown(facts, "end"))
        return
    facts.values["period.start"], facts.values["period.end"] = first, last


_whole_days = lru_cache(maxsize=8192)(whole_days)


def _shown(facts: Facts, edge: str) -> str:
    return facts.lineage[f"{facts.path}period.{edge}"].raw or ""


def period_not_inverted(facts: Facts) -> None:
    """0.7 (5), where the period is stated as days."""
    start, end = facts.values.get("period.start"), facts.values.get("period.end")
    if start is not None and end is not None and end < start:
        facts.blame("period.inverted", "ends-before-it-starts", "period")


def cny_by_contract(facts: Facts) -> None:
    """0.4: where the format has no currency, or states none, it is yuan by contract; written with the premium."""
    values = facts.values
    if "premium.currency" in values or "premium.currency" in facts.unread:
        return
    if "premium.gross" in values or "premium.net" in values or "premium.tax" in values:
        facts.put("premium.currency", "CNY", "by contract")


def third_amount(group: str) -> Rule:
    """0.4: of gross, net and tax, all three must agree to the fen; of two, the third is computed."""
    names = gross, net, tax = f"{group}.gross", f"{group}.net", f"{group}.tax"

    def settle(facts: Facts) -> None:
        values = facts.values
        stated = [name for name in names if name in values]
        if len(stated) == 3:
            amounts_agree(facts, gross, net, tax)
        elif len(stated) == 2 and facts.was_read(gross, net, tax):
            source = f"computed from {stated[0]}, {stated[1]}"
            if gross not in values:
                facts.put(gross, values[net] + values[tax], source)
            elif net not in values:
                facts.put(net, values[gross] - values[tax], source)
            else:
                facts.put(tax, values[gross] - values[net], source)

    return settle


def three_amounts_agree(group: str) -> Rule:
    """0.4, where nothing is computed: if all three are stated, net and tax are gross."""

    def settle(facts: Facts) -> None:
        if all(f"{group}.{part}" in facts.values for part in ("gross", "net", "tax")):
            amounts_agree(facts, f"{group}.gross", f"{group}.net", f"{group}.tax")

    return settle


def amounts_agree(facts: Facts, gross: str, net: str, tax: str, rule: str = "premium.tax-mismatch") -> None:
    """Report it if net + tax is not gross."""
    values = facts.values
    if values[net].fen + values[tax].fen != values[gross].fen:
        total = values[net] + values[tax]
        facts.blame(
            rule,
            "net-and-tax-are-not-gross",
            gross,
            gross=str(values[gross]),
            net=str(values[net]),
            tax=str(values[tax]),
            sum=str(total),
        )


def signs(group: str, direction: Direction) -> Rule:
    """0.4: the sign of gross, net and tax fits the kind of the row; of several that do not, the first is named."""
    names = tuple((f"{group}.{part}" if group else part, part == "tax") for part in ("gross", "net", "tax"))

    def settle(facts: Facts) -> None:
        values = facts.values
        for name, is_tax in names:
            amount = values.get(name)
            if amount is not None and not _fits(amount.fen, direction, is_tax):
                facts.blame("sign.contradiction", _SIGN_REASON[direction], name, amount=str(amount))
                return

    return settle


_SIGN_REASON = {
    "positive": "below-zero",
    "negative": "above-zero",
    "increase": "increase-not-above-zero",
    "decrease": "decrease-not-below-zero",
}


def _fits(fen: int, direction: Direction, is_tax: bool) -> bool:
    if direction == "positive" or (direction == "increase" and is_tax):
        return fen >= 0
    if direction == "negative" or (direction == "decrease" and is_tax):
        return fen <= 0
    if direction == "increase":
        return fen > 0
    return fen < 0 if direction == "decrease" else True


def signs_by_kind(facts: Facts) -> None:
    """An increase is above zero, a decrease or write-off below; to amend and to reinstate may be either (0.4)."""
    kind = facts.values.get("kind")
    if kind in ("increase", "decrease", "write_off"):
        signs("premium_change", "increase" if kind == "increase" else "decrease")(facts)


def not_negative(*names: str) -> Rule:
    """0.4: these amounts are magnitudes."""

    def settle(facts: Facts) -> None:
        values = facts.values
        for name in names:
            amount = values.get(name)
            if amount is not None and amount.fen < 0:
                facts.blame("sign.contradiction", "below-zero", name, amount=str(amount))

    return settle


def magnitudes(*names: str) -> Rule:
    """Amounts that the source writes as negative, as the magnitudes that the record states."""

    def settle(facts: Facts) -> None:
        for name in names:
            if (amount := facts.values.get(name)) is not None:
                facts.values[name] = abs(amount)

    return settle


def instalments_total(facts: Facts) -> None:
    """0.8: the instalments sum to the gross premium."""
    entries, gross = facts.values.get("instalments"), facts.values.get("premium.gross")
    if not entries or gross is None or not facts.was_read("instalments.amount"):
        return
    amounts = [entry["amount"] for entry in entries if "amount" in entry]
    if not amounts:
        return
    total = sum((amount.fen for amount in amounts), 0)
    if total != gross.fen:
        facts.blame(
            "instalments.total-mismatch",
            "sum-is-not-premium",
            "instalments.amount",
            sum=str(Yuan(total)),
            premium=str(gross),
        )


def clause_kind(entry: Facts) -> None:
    """0.3: main clause or rider, by the 11th character of the registration number."""
    if (number := entry.values.get("registration_no")) is not None:
        entry.put("kind", "main" if number[10] == "1" else "rider", "", of="registration_no")


def product(prefix: str = "product.") -> Rule:
    """0.3: drug or device by the approval number; group and codes of the registration class as printed."""
    number, printed = f"{prefix}approval_no", f"{prefix}registration_class"
    kind, group_name, codes_name = (f"{prefix}{name}" for name in ("kind", "class_group", "class_codes"))

    def settle(facts: Facts) -> None:
        values = facts.values
        if number in values:
            facts.put(kind, _approval_kind(values[number]), "", of=number)
        if printed in values:
            group, codes = parsed_class(values[printed])
            facts.put(group_name, group, "", of=printed)
            if codes:
                facts.put(codes_name, list(codes), "", of=printed)

    return settle


_approval_kind = remembered(1024)(approval_kind)


def shares(*, percent: bool = False, flag: str | None = None) -> Rule:
    """0.8: the shares are exactly the whole, one insurer leads, and the flag (a yes or no to ask for) agrees.

    `percent`: the shares are percentages by contract. Else they are if marked so, or if they sum to exactly 100; shares
    that sum to exactly 1 are fractions.
    """

    def settle(facts: Facts) -> None:
        said = facts.ask(flag) if flag is not None else None
        entries = facts.values.get("coinsurance") or []
        listed = bool(entries) or _unread_entries(facts)
        if said is not None and said != listed:
            facts.blame("coinsurance.shares", "flag-contradicts-list", "coinsurance.share_percent")
        if entries:
            _settle_shares(facts, entries, percent)
            _settle_lead(facts, entries)

    return settle


def _unread_entries(facts: Facts) -> bool:
    return any(name.startswith("coinsurance.") for name in facts.unread)


def _settle_shares(facts: Facts, entries: list[dict[str, object]], percent: bool) -> None:
    if not facts.was_read("coinsurance.share_percent"):
        return
    stated = [entry.get("share_percent") for entry in entries]
    found = [share for share in stated if isinstance(share, Share)]
    reason = ""
    if len(found) < len(stated):
        reason = "share-missing"
    elif any(one.marked != other.marked for one, other in pairwise(found)):
        reason = "percent-at-some-only"
    elif any(share.number.digits < 0 for share in found):
        reason = "negative-share"
    else:
        total = total_of([share.number for share in found])
        percent = percent or found[0].marked
        if total == Exact(100, 0):
            shift = 0
        elif total == Exact(1, 0) and not percent:
            shift = 2
        else:
            reason = "not-the-whole"
    if reason:
        facts.blame("coinsurance.shares", reason, "coinsurance.share_percent")
        return
    for entry, share in zip(entries, found, strict=True):
        entry["share_percent"] = share.number.times_ten_to(shift)


def _settle_lead(facts: Facts, entries: list[dict[str, object]]) -> None:
    if not facts.was_read("coinsurance.lead"):
        return
    leads = [entry.get("lead") for entry in entries]
    if None in leads:
        facts.blame("coinsurance.lead", "mark-missing", "coinsurance.lead")
    elif leads.count(True) != 1:
        facts.blame("coinsurance.lead", "not-exactly-one", "coinsurance.lead")


def total_of(numbers: list[Exact]) -> Exact:
    """The exact sum, in lowest terms."""
    scale = max((number.scale for number in numbers), default=0)
    digits = sum(number.digits * 10 ** (scale - number.scale) for number in numbers)
    while scale > 0 and digits % 10 == 0:
        digits, scale = digits // 10, scale - 1
    return Exact(digits, scale)
