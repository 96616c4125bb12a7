"""Which premium a line of an application means: found by what the line states, and by nothing else. Pure.

By the policy number; several insurers may use one, then the insurer and the enterprise that the line states decide.
Else by enterprise, product and, where the line states it, period. What is still ambiguous is told, never chosen.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

from gateway.match.compare import Known
from gateway.match.read import Line
from schemas.party import folded

MOST_CANDIDATES = 20
By = Literal["policy-no", "enterprise-and-product"]


@dataclass(frozen=True, slots=True)
class Finding:
    """What was found: by which keys, the premium if it is exactly one, else those that it could be, and why not one."""

    by: By
    premium: Known | None = None
    candidates: tuple[Known, ...] = ()
    reason: str | None = None


Key = tuple[str, ...]


class Index:
    """Premiums by their keys, so that a line costs the same among few and among many. Made when they are asked for:
    where every line names its policy, the others are not."""

    def __init__(self, premiums: Iterable[Known]) -> None:
        self._premiums = tuple(premiums)

    @cached_property
    def by_policy(self) -> Mapping[str, list[Known]]:
        """By policy number."""
        found: dict[str, list[Known]] = {}
        for known in self._premiums:
            found.setdefault(known.policy_no, []).append(known)
        return found

    @cached_property
    def by_product(self) -> Mapping[Key, list[Known]]:
        """By approval number or folded name of the product, then by credit code or folded name of the holder."""
        found: dict[Key, list[Known]] = {}
        for known in self._premiums:
            for key in _products_of_holders(known):
                found.setdefault(key, []).append(known)
        return found

    @cached_property
    def by_period(self) -> Mapping[Key, list[Known]]:
        """The same, and by both days of the period."""
        found: dict[Key, list[Known]] = {}
        for known in self._premiums:
            for key in _products_of_holders(known):
                found.setdefault((*key, str(known.text("start")), str(known.text("end"))), []).append(known)
        return found


def _products_of_holders(known: Known) -> Iterator[tuple[str, str]]:
    products = {known.text("approval_no"), known.product} - {None}
    holders = {known.text("credit_code"), known.enterprise} - {None}
    return ((str(product), str(holder)) for product in products for holder in holders)


def find(line: Line, index: Index, insurers: Mapping[str, str]) -> Finding:
    """The premium that the line means; `insurers` are the folded words by which insurers are named."""
    number = line.said.get("policy_no")
    if number is None or (number.value is None and number.problem is None):
        return _by_product(line, index, insurers)
    if number.value is None:
        return Finding("policy-no", reason="key-unreadable")
    found = _of_insurer(line, index.by_policy.get(str(number.value), []), insurers)
    if len(found) > 1:
        found = [one for one in found if _is_holder(line, one)] or found
    if found:
        return _one_of("policy-no", found)
    hints = _by_product(line, index, insurers)
    return Finding("policy-no", None, (hints.premium,) if hints.premium else hints.candidates, "not-known")


def _by_product(line: Line, index: Index, insurers: Mapping[str, str]) -> Finding:
    by: By = "enterprise-and-product"
    for name in ("credit_code", "approval_no", "period"):
        said = line.said.get(name)
        if said is not None and said.problem is not None:
            return Finding(by, reason="key-unreadable")
    holder = _value(line, "credit_code") or _folded(line, "enterprise")
    product = _value(line, "approval_no") or _folded(line, "product")
    if holder is None or product is None:
        return Finding(by, reason="no-key")
    named = index.by_product.get((product, holder), [])
    period = _value(line, "period")
    if period is not None:
        same = index.by_period.get((product, holder, *map(str, period)), [])
        if named and not same:
            return Finding(by, None, tuple(named[:MOST_CANDIDATES]), "other-period")
        named = same
    found = _of_insurer(line, named, insurers)
    return _one_of(by, found) if found else Finding(by, reason="not-known")


def _one_of(by: By, found: list[Known]) -> Finding:
    if len(found) == 1:
        return Finding(by, found[0])
    return Finding(by, None, tuple(found[:MOST_CANDIDATES]), "several")


def _of_insurer(line: Line, found: list[Known], insurers: Mapping[str, str]) -> list[Known]:
    """Those of the insurer that the line names, if it names one that is known here."""
    stated = _value(line, "insurer")
    code = insurers.get(folded(str(stated))) if stated is not None else None
    return found if code is None else [one for one in found if one.insurer == code]


def _is_holder(line: Line, known: Known) -> bool:
    """Whether the line's enterprise is the policyholder: by credit code, else by name."""
    code, name = _value(line, "credit_code"), _value(line, "enterprise")
    if code is not None and known.text("credit_code") is not None:
        return bool(code == known.text("credit_code"))
    return name is not None and known.enterprise is not None and folded(str(name)) == known.enterprise


def _value(line: Line, name: str) -> Any:
    said = line.said.get(name)
    return said.value if said is not None else None


def _folded(line: Line, name: str) -> str | None:
    value = _value(line, name)
    return None if value is None else folded(str(value))


def find_each(lines: Iterable[Line], index: Index, insurers: Mapping[str, str]) -> list[Finding]:
    """`find` of each line; lines that state the same keys are found once."""
    found: dict[tuple[Any, ...], Finding] = {}
    findings = []
    for line in lines:
        keys = tuple(
            (said.value, said.problem) if (said := line.said.get(name)) is not None else None for name in _KEYS
        )
        if keys not in found:
            found[keys] = find(line, index, insurers)
        findings.append(found[keys])
    return findings


def keys_of_product(known: Known) -> tuple[Key, ...]:
    """What makes two premiums one product: an approval number, or a generic name of one holder (R-ZJ-16)."""
    approval, holder = known.text("approval_no"), known.text("holder_code") or known.text("holder")
    keys: list[Key] = [] if approval is None else [("approval", approval)]
    if known.product is not None and holder is not None:
        keys.append(("name", known.product, holder))
    return tuple(keys)


def keys_of_holder(known: Known) -> tuple[Key, ...]:
    """What makes two policyholders one enterprise: a credit code; a name where no code is known."""
    if (code := known.text("credit_code")) is not None:
        return (("code", code),)
    return () if known.enterprise is None else (("name", known.enterprise),)


_KEYS = ("policy_no", "credit_code", "enterprise", "approval_no", "product", "period", "insurer")
