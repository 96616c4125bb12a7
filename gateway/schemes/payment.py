"""The money: that the premium is there, from whom, and that no record of it is told in two ways."""

from collections import defaultdict
from collections.abc import Iterable, Mapping

from gateway.schemes.facts import Facts
from gateway.schemes.known import Known
from gateway.schemes.records import Invoice, Party, Policy
from gateway.schemes.terms import Terms
from gateway.schemes.verdict import PASSED, Verdict, fails, unclear


def check_paid_in_full(facts: Facts, terms: Terms) -> Verdict:
    """R-ZJ-13: what was paid, less what went back, is what is due; instalments play no part."""
    if not facts.due_is_known:
        return unclear("change-without-amount")
    if facts.due - facts.paid > terms.tolerance:
        return fails("not-fully-paid")
    return unclear("overpaid") if facts.paid > facts.due else PASSED


def check_told_once(facts: Facts, _terms: Terms) -> Verdict:
    """F-01: no record that names this policy was told in two ways under one number."""
    return fails("told-in-two-ways") if facts.contract.told_twice else PASSED


class Sellers:
    """Who sells the invoices of one insurer."""

    def __init__(self) -> None:
        self._codes: set[str] = set()
        self._names: set[str] = set()
        self._names_only: set[str] = set()

    def add(self, seller: Party) -> None:
        """One more of them."""
        self._names.add(seller.name)
        if seller.credit_code:
            self._codes.add(seller.credit_code)
        else:
            self._names_only.add(seller.name)

    def include(self, party: Party) -> bool:
        """Whether the party is one of them: by credit code if both have one, else by name."""
        if party.credit_code:
            return party.credit_code in self._codes or party.name in self._names_only
        return party.name in self._names


def check_payer(facts: Facts, sellers: Mapping[str, Sellers]) -> Verdict:
    """F-07: the policyholder paid. An insurer that sells the invoice and pays the premium paid itself."""
    verdict = PASSED
    for receipt in facts.contract.receipts:
        payer = receipt.payer
        if payer is None:
            verdict = unclear("payer-missing")
        elif not payer.is_same(facts.policy.policyholder):
            if receipt.insurer in sellers and sellers[receipt.insurer].include(payer):
                return fails("insurer-paid")
            verdict = unclear("another-payer")
    return verdict


def check_coinsurance(facts: Facts, _terms: Terms) -> Verdict:
    """F-16: the co-insurers' shares make one whole, one of them leads, and all tell the same policy."""
    contract = facts.contract
    if not contract.coinsured:
        return PASSED
    for report in contract.reports:
        if sum(share.percent for share in report.coinsurance) != 100:
            return fails("shares")
        if sum(share.leads for share in report.coinsurance) != 1:
            return fails("leads")
        if not _lists_all(report, contract.reports):
            return fails("not-on-the-list")
    if len({_whole(report) for report in contract.reports}) > 1:
        return fails("reports-differ")
    return fails("changes-differ") if contract.told_differently else PASSED


def check_lead_reports(facts: Facts, _terms: Terms) -> Verdict:
    """F-17: the insurer that leads reported the policy itself."""
    contract = facts.contract
    if not contract.coinsured:
        return PASSED
    leads = {share.insurer for report in contract.reports for share in report.coinsurance if share.leads}
    return PASSED if any(report.insurer in leads for report in contract.reports) else fails("followers-only")


def _lists_all(report: Policy, reports: Iterable[Policy]) -> bool:
    listed = {share.insurer for share in report.coinsurance}
    return all(other.insurer in listed for other in reports)


def _whole(policy: Policy) -> tuple[object, ...]:
    """What co-insurers' reports agree in."""
    return (
        policy.policyholder.credit_code,
        policy.product.approval_no,
        policy.start,
        policy.end,
        tuple(sorted(policy.limits.items())),
        policy.premium,
        frozenset(policy.coinsurance),
    )


def sellers_of(known: Known) -> dict[str, Sellers]:
    """Who sells the invoices, by insurer."""
    sellers: dict[str, Sellers] = defaultdict(Sellers)
    for invoice in known.invoices:
        if invoice.seller:
            sellers[invoice.insurer].add(invoice.seller)
    return sellers


def uncovered(known: Known, facts: Iterable[Facts]) -> dict[int, Verdict]:
    """F-02 and F-03: the contracts (by identity) whose invoices do not add up to what was paid for them.

    Over all invoices and policies that hang together. A red letter that names no policy goes with the invoice that it
    cancels. The verdict's reason names the rule: a red letter is among the invoices, or not.
    """
    groups = _Groups()
    for one in facts:
        for invoice in one.contract.invoices:
            groups.join(("policy", id(one.contract)), _name(invoice))
    by_number: dict[tuple[str, str], list[Invoice]] = defaultdict(list)
    for invoice in known.invoices:
        by_number[invoice.insurer, invoice.invoice_no].append(invoice)
    for invoice in known.invoices:
        if not invoice.policy_nos and invoice.red_letter_of:
            for original in by_number.get((invoice.insurer, invoice.red_letter_of), ()):
                groups.join(_name(invoice), _name(original))
    billed: dict[object, int] = defaultdict(int)
    red = set()
    for invoice in known.invoices:
        group = groups.of(_name(invoice))
        billed[group] += invoice.gross
        if invoice.gross < 0 or invoice.red_letter_of:
            red.add(group)
    paid: dict[object, int] = defaultdict(int)
    for one in facts:
        if one.contract.invoices:
            paid[groups.of(("policy", id(one.contract)))] += one.paid
    found = {}
    for one in facts:
        group = groups.of(("policy", id(one.contract)))
        if one.contract.invoices and billed[group] < paid[group]:
            found[id(one.contract)] = fails("red-letter" if group in red else "invoices-below-paid")
    return found


def _name(invoice: Invoice) -> tuple[str, str, str]:
    return "invoice", invoice.insurer, invoice.number


class _Groups:
    """Which things hang together: disjoint sets with path halving."""

    def __init__(self) -> None:
        self._above: dict[object, object] = {}

    def of(self, thing: object) -> object:
        above = self._above
        above.setdefault(thing, thing)
        while above[thing] != thing:
            above[thing] = above[above[thing]]
            thing = above[thing]
        return thing

    def join(self, one: object, other: object) -> None:
        self._above[self.of(one)] = self.of(other)
