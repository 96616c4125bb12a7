"""The facts of one policy that the rules ask for, each computed once, the same under every reading."""

from collections import defaultdict
from dataclasses import dataclass, replace
from datetime import date
from fractions import Fraction
from functools import cached_property

from gateway.schemes.days import whole_years, years_between
from gateway.schemes.known import Contract, Known
from gateway.schemes.records import Award, Policy, Product, amount_of
from gateway.schemes.terms import Terms


@dataclass(frozen=True)
class Facts:
    """One contract on the day of assessment; amounts in fen.

    `own_awards` are those of the assessed scheme that name it. `other_years` are the years of the other schemes' awards
    that name it; `product_awarded`: whether one of them is for its product.
    """

    contract: Contract
    at: date
    own_awards: tuple[Award, ...] = ()
    other_years: frozenset[int] = frozenset()
    product_awarded: bool = False

    @property
    def policy(self) -> Policy:
        """The report that is judged."""
        return self.contract.policy

    @property
    def product(self) -> Product:
        """The insured product."""
        return self.contract.policy.product

    @cached_property
    def due(self) -> int:
        """Gross premium as it stands: the policy's, endorsements' and cancellations', as far as they state it."""
        changed = sum(endorsement.change.gross or 0 for endorsement in self.contract.endorsements)
        returned = sum(cancellation.returned.gross or 0 for cancellation in self.contract.cancellations)
        return self.policy.gross + changed - returned

    @cached_property
    def due_is_known(self) -> bool:
        """Whether every change of the premium states its amount."""
        return all(endorsement.change.gross is not None for endorsement in self.contract.endorsements) and all(
            cancellation.returned.gross is not None for cancellation in self.contract.cancellations
        )

    @cached_property
    def due_net_of_tax(self) -> int | None:
        """The same without tax; `None` if a part does not say."""
        parts = [self.policy.premium.net]
        parts += [endorsement.change.net for endorsement in self.contract.endorsements]
        parts += [None if (net := told.returned.net) is None else -net for told in self.contract.cancellations]
        known = [part for part in parts if part is not None]
        return sum(known) if len(known) == len(parts) else None

    @cached_property
    def received(self) -> int:
        """The sum of all receipts."""
        return sum(receipt.amount for receipt in self.contract.receipts)

    @cached_property
    def paid(self) -> int:
        """Receipts less refunds."""
        return self.received - sum(refund.amount for refund in self.contract.refunds)

    @cached_property
    def payment_day(self) -> date | None:
        """The day of the latest receipt."""
        return max((receipt.day for receipt in self.contract.receipts), default=None)

    @cached_property
    def _first_award(self) -> Award | None:
        return min(self.own_awards, key=lambda award: (award.day, award.year, award.number), default=None)

    @property
    def application_day(self) -> date:
        """The day of the scheme's earliest award for this policy; without one, the day of assessment."""
        return self._first_award.day if self._first_award else self.at

    @property
    def application_year(self) -> int:
        """The year that this award was charged to; without one, that of the day of assessment."""
        return self._first_award.year if self._first_award else self.at.year

    @cached_property
    def years(self) -> Fraction:
        """The length of the period of insurance in years."""
        return years_between(self.policy.start, self.policy.end)

    @cached_property
    def whole_years(self) -> int:
        """How many whole years the policy runs; 0 if they are not whole."""
        return whole_years(self.policy.start, self.policy.end) or 0

    @cached_property
    def _amounts(self) -> dict[str, int | None]:
        """Limits and rate base as endorsements changed them; `None` where nothing legible is said."""
        limits, base = self.policy.limits, self.policy.base_amount
        amounts = {
            "limits.aggregate": limits["aggregate"],
            "limits.per_occurrence": limits["per_occurrence"],
            "rate_base.amount": base,
        }
        for endorsement in self.contract.endorsements:
            for field, after in endorsement.changes:
                if field in amounts:
                    amounts[field] = amount_of(after)
        return amounts

    def base(self, rate_base: str) -> int | None:
        """What the rate is a percentage of, by the key `rate_base`; `None` if it is missing."""
        kind = self.policy.base_kind
        if rate_base == "declared":
            if kind is None:
                return None
            return self._amounts["rate_base.amount"] if kind in ("turnover", "declared") else self.base(kind)
        if rate_base == "turnover":
            return self._amounts["rate_base.amount"] if kind == "turnover" else None
        return self._amounts["limits.aggregate" if rate_base == "aggregate_limit" else "limits.per_occurrence"]

    @cached_property
    def product_keys(self) -> dict[str, str | None]:
        """The product's key under each value of `product_key`; `None` if the product does not say."""
        product, holder = self.product, self.product.holder
        named = product.generic_name and holder and (holder.credit_code or holder.name.upper())
        return {
            "generic_name+MAH": f"{product.generic_name}|{named}" if named else None,
            "approval_no": product.approval_no,
            "drug_code14": product.drug_code,
        }

    def product_key(self, by: str) -> str:
        """The product's key; a product that cannot be named stands for itself."""
        return self.product_keys[by] or f"?|{self.policy.insurer}|{self.policy.policy_no}"

    def year(self, cap_year: str) -> int:
        """The calendar year that the policy counts for, by the key `cap_year`."""
        if cap_year == "inception":
            return self.policy.start.year
        if cap_year == "payment" and self.payment_day:
            return self.payment_day.year
        return self.application_year


def facts_of(known: Known, terms: Terms) -> tuple[Facts, ...]:
    """The facts of every contract, in a fixed order."""
    own: dict[str, list[Award]] = defaultdict(list)
    other_years: dict[str, set[int]] = defaultdict(set)
    other_products: set[str] = set()
    for award in known.awards:
        if award.scheme == terms.scheme.id:
            for number in award.policy_nos:
                own[number].append(award)
        elif award.level is None or award.level in terms.scheme.blocking_levels:
            for number in award.policy_nos:
                other_years[number].add(award.year)
            other_products.add(award.product_key)
    found = []
    for contract in sorted(known.contracts, key=lambda contract: (contract.policy_no, contract.policy.insurer)):
        facts = Facts(
            contract,
            known.at,
            tuple(own.get(contract.policy_no, ())),
            frozenset(other_years.get(contract.policy_no, ())),
        )
        if not other_products.isdisjoint(facts.product_keys.values()):
            facts = replace(facts, product_awarded=True)
        found.append(facts)
    return tuple(found)
