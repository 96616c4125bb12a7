"""What is known on a day: records counted once, and gathered into the policies that they belong to."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any, TypeVar

from gateway.schemes.records import Award, Cancellation, Endorsement, Invoice, Policy, Receipt, Refund, Told

_T = TypeVar("_T", Endorsement, Cancellation)


AMOUNTS_CHANGED = ("limits.aggregate", "limits.per_occurrence", "rate_base.amount")
"""The fields whose changes by endorsement the calculation follows."""


@dataclass(slots=True)
class Contract:
    """One insured policy with everything that was told of it; a co-insured one is one, however many report it.

    `reports` hold one policy record an insurer; the first is the lead's, where the lead reports.
    """

    policy_no: str
    reports: tuple[Policy, ...]
    insurers: frozenset[str]
    endorsements: list[Endorsement] = field(default_factory=list)
    cancellations: list[Cancellation] = field(default_factory=list)
    receipts: list[Receipt] = field(default_factory=list)
    refunds: list[Refund] = field(default_factory=list)
    invoices: list[Invoice] = field(default_factory=list)
    told_twice: bool = False
    told_differently: bool = False

    @property
    def policy(self) -> Policy:
        """The report that is judged."""
        return self.reports[0]

    @property
    def coinsured(self) -> bool:
        """Whether any report names co-insurers."""
        return any(report.coinsurance for report in self.reports)


@dataclass(frozen=True, slots=True)
class Known:
    """All that is known on the day `at`."""

    at: date
    contracts: tuple[Contract, ...]
    invoices: tuple[Invoice, ...]
    awards: tuple[Award, ...]


def gather(messages: Iterable[Told], at: date) -> Known:
    """What counts on the day `at`: each record once, movements with their policies.

    The same number with a different record is told of every policy that one of them names; the first one counts. Where
    no two records share a number, the order of `messages` means nothing.
    """
    kept: dict[tuple[str, str, str], Told] = {}
    clashes: list[Told] = []
    for told in messages:
        if told.day > at:
            continue
        name = (told.type, told.insurer, told.number)
        first = kept.get(name)
        if first is None:
            kept[name] = told
        elif not _is_same(first.record, told.record):
            clashes += [first, told]
        elif told.day < first.day:  # told again of the same: known from the first time
            kept[name] = replace(first, day=told.day)
    records = list(kept.values())
    owners = _contracts(record for record in records if isinstance(record, Policy))
    contracts = tuple({id(contract): contract for contract in owners.values()}.values())
    for record in records:
        _attach(record, owners)
    for contract in contracts:
        if len(contract.insurers) > 1:
            _count_once(contract)
        contract.endorsements.sort(key=_sequence)
    _mark(clashes, owners, contracts)
    return Known(
        at=at,
        contracts=contracts,
        invoices=tuple(record for record in records if isinstance(record, Invoice)),
        awards=tuple(
            sorted((record for record in records if isinstance(record, Award)), key=lambda award: award.number)
        ),
    )


def _is_same(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Whether two records say the same; a field that is absent, null or an empty list says the same nothing."""
    return one == other or _said(one) == _said(other)


def _said(value: object) -> object:
    if isinstance(value, dict):
        told = {name: _said(item) for name, item in value.items()}
        return {name: item for name, item in told.items() if item not in (None, [], {})}
    if isinstance(value, list):
        return [_said(item) for item in value]
    return value


def _contracts(policies: Iterable[Policy]) -> dict[tuple[str, str], Contract]:
    """The contract of each insurer and policy number that may have movements."""
    by_number: dict[str, list[Policy]] = defaultdict(list)
    for policy in policies:
        by_number[policy.number].append(policy)
    owners = {}
    for number, reports in by_number.items():
        if any(report.coinsurance for report in reports):
            listed = {share.insurer for report in reports for share in report.coinsurance}
            contract = Contract(
                number, _lead_first(reports), frozenset(listed | {report.insurer for report in reports})
            )
            owners.update({(insurer, number): contract for insurer in contract.insurers})
        else:
            for report in reports:
                owners[report.insurer, number] = Contract(number, (report,), frozenset((report.insurer,)))
    return owners


def _lead_first(reports: list[Policy]) -> tuple[Policy, ...]:
    leads = {share.insurer for report in reports for share in report.coinsurance if share.leads}
    return tuple(sorted(reports, key=lambda report: (report.insurer not in leads, report.insurer)))


def _attach(record: Told, owners: Mapping[tuple[str, str], Contract]) -> None:
    """Put a record with the contracts that it names; one whose policy is not there is passed over."""
    if isinstance(record, Policy | Award):
        return
    for number in record.policy_nos:
        contract = owners.get((record.insurer, number))
        if contract is None:
            continue
        if isinstance(record, Endorsement):
            contract.endorsements.append(record)
        elif isinstance(record, Cancellation):
            contract.cancellations.append(record)
        elif isinstance(record, Receipt):
            contract.receipts.append(record)
        elif isinstance(record, Refund):
            contract.refunds.append(record)
        elif isinstance(record, Invoice):
            contract.invoices.append(record)


def _count_once(contract: Contract) -> None:
    """What several co-insurers tell under one number counts once, as the lead tells it."""
    lead = contract.policy.insurer
    of_two_kinds = _of_two_kinds(contract)
    contract.endorsements, differ = _once(contract.endorsements, lead)
    contract.cancellations, differ_too = _once(contract.cancellations, lead)
    contract.told_differently = of_two_kinds or differ or differ_too


def _of_two_kinds(contract: Contract) -> bool:
    """Whether some tell as an endorsement what others tell as a cancellation."""
    endorsing, cancelling = defaultdict(set), defaultdict(set)
    for told in contract.endorsements:
        endorsing[told.number].add(told.insurer)
    for cancelled in contract.cancellations:
        cancelling[cancelled.number].add(cancelled.insurer)
    return any(endorsing[number].isdisjoint(cancelling[number]) for number in endorsing.keys() & cancelling.keys())


def _once(records: list[_T], lead: str) -> tuple[list[_T], bool]:
    by_number: dict[str, list[_T]] = defaultdict(list)
    for record in records:
        by_number[record.number].append(record)
    counted, differ = [], False
    for versions in by_number.values():
        versions.sort(key=lambda record: (record.insurer != lead, record.insurer))
        differ = differ or len({_essence(record) for record in versions}) > 1
        counted.append(replace(versions[0], day=min(record.day for record in versions)))
    return counted, differ


def _essence(record: Endorsement | Cancellation) -> tuple[object, ...]:
    """Kind, days and money: what co-insurers must tell alike."""
    if isinstance(record, Endorsement):
        sums = tuple(change for change in record.changes if change[0] in AMOUNTS_CHANGED)
        return record.kind, record.issued_on, record.effective_on, record.change, sums
    return record.kind, record.effective_on, record.returned


def _sequence(endorsement: Endorsement) -> tuple[date, date, str, str]:
    issued = endorsement.issued_on or date.min
    return endorsement.effective_on or issued, issued, endorsement.number, endorsement.insurer


def _mark(clashes: Iterable[Told], owners: Mapping[tuple[str, str], Contract], contracts: Iterable[Contract]) -> None:
    """F-01: every policy that one of two different records of the same number names."""
    awarded: set[str] = set()
    for told in clashes:
        if isinstance(told, Award):
            awarded.update(told.policy_nos)
            continue
        for number in told.policy_nos:
            if contract := owners.get((told.insurer, number)):
                contract.told_twice = True
    if awarded:
        for contract in contracts:
            contract.told_twice = contract.told_twice or contract.policy_no in awarded
