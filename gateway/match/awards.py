"""Awards that bear on a premium: of this scheme or a sister, by policy or product, from whoever told of them. Pure."""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from gateway.match.compare import Known
from schemas.party import folded


@dataclass(frozen=True, slots=True)
class Granted:
    """One award: what of it is told, and the policies and products that it names."""

    told: Mapping[str, Any]
    policies: frozenset[str]
    products: frozenset[str]


def of_record(number: str, record: Mapping[str, Any]) -> Granted:
    """An award that the subsidy system told (`POST /v1/awards`)."""
    told = {name: record[name] for name in ("scheme", "level", "year", "amount", "awarded_on") if name in record}
    products = frozenset({folded(str(record.get("product_key", "")))})
    return Granted({**told, "reference": number}, frozenset(record.get("policy_nos", ())), products)


def of_sister(source: str, statement: Mapping[str, Any]) -> Granted:
    """An award that a registry of sister schemes states."""
    names = ("scheme", "level", "year", "amount", "awarded_on", "reference")
    told = {name: statement[name] for name in names if name in statement}
    policies = {str(statement[name]) for name in ("policy_no", "policy_digest") if name in statement}
    products = {folded(str(statement["approval_no"]))} if "approval_no" in statement else set()
    if "generic_name" in statement and "holder_code" in statement:
        products.add(folded(f"{statement['generic_name']}|{statement['holder_code']}"))
    return Granted({**told, "source": source}, frozenset(policies), frozenset(products))


def policy_keys(known: Known) -> tuple[str, str]:
    """What an award may name the policy by: its number, or the digest of it."""
    return known.policy_no, f"sha256:{hashlib.sha256(known.policy_no.encode()).hexdigest()}"


def product_keys(known: Known) -> tuple[str, ...]:
    """What an award may name the product by: its approval number, or its name and holder."""
    name, holder = known.text("product"), known.text("holder_code") or known.text("holder")
    found = [] if (number := known.text("approval_no")) is None else [folded(number)]
    return (*found, *([folded(f"{name}|{holder}")] if name is not None and holder is not None else []))


class Awards:
    """Awards by the policies and the products that they name."""

    def __init__(self, granted: Iterable[Granted] = ()) -> None:
        self._by_policy: dict[str, list[Granted]] = {}
        self._by_product: dict[str, list[Granted]] = {}
        for one in granted:
            for key in one.policies:
                self._by_policy.setdefault(key, []).append(one)
            for key in one.products:
                self._by_product.setdefault(key, []).append(one)

    def about(self, known: Known, most: int) -> list[dict[str, Any]]:
        """The awards that bear on a premium, at most so many: those of the policy first, then those of the product."""
        if not self._by_policy and not self._by_product:
            return []
        of_policy = [one for key in policy_keys(known) for one in self._by_policy.get(key, ())[:most]]
        of_product = [one for key in product_keys(known) for one in self._by_product.get(key, ())[:most]]
        told = [{"kind": "awarded", "by": "policy", **one.told} for one in of_policy]
        told += [{"kind": "awarded", "by": "product", **one.told} for one in of_product if one not in of_policy]
        return told[:most]
