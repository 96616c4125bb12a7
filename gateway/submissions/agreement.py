"""Does the record say what the sealed document says: field by field, both values named where they differ."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from schemas.canonical import as_json
from schemas.money import percent
from schemas.party import folded
from schemas.policy import Policy
from schemas.premium import Invoice, PremiumReceipt
from schemas.verification import Check, failed, passed, unknown

_RULE = "evidence.agrees"

# Field of the record, and whether the document must state it for the comparison to be complete.
_POLICY_FIELDS: tuple[tuple[str, bool], ...] = (
    ("policy_no", True),
    ("policyholder.name", True),
    ("policyholder.credit_code", False),
    ("product.generic_name", True),
    ("product.approval_no", False),
    ("line", False),
    ("clauses.registration_no", False),
    ("issued_on", False),
    ("period.start", True),
    ("period.end", True),
    ("limits.aggregate", True),
    ("limits.per_occurrence", False),
    ("rate_percent", False),
    ("premium.gross", True),
    ("premium.net", False),
    ("premium.tax", False),
)
_RECEIPT_FIELDS: tuple[tuple[str, bool], ...] = (
    ("policy_no", True),
    ("receipt_no", False),
    ("amount", True),
    ("received_on", True),
    ("payer.name", False),
    ("payer.credit_code", False),
    ("paid_in_full", False),
)
_INVOICE_FIELDS: tuple[tuple[str, bool], ...] = (
    ("invoice_no", True),
    ("invoice_code", False),
    ("issued_on", True),
    ("seller.name", True),
    ("seller.credit_code", False),
    ("buyer.name", True),
    ("buyer.credit_code", False),
    ("net", True),
    ("tax", True),
    ("gross", True),
    ("policy_nos", False),
    ("red_letter_of", False),
)
_NAMES = frozenset({"policyholder.name", "product.generic_name", "payer.name", "seller.name", "buyer.name"})


@dataclass(frozen=True, slots=True)
class Stated:
    """What a sealed document states for one field: canonical text (or a list of texts), and where it stands."""

    value: Any
    source: str


def check_policy_agreement(policy: Policy, document: str, stated: Mapping[str, Stated]) -> tuple[Check, ...]:
    """F-23: policy number, parties, product, premium, limits and period of the record are those of the document."""
    return _compare(as_json(policy), document, stated, _POLICY_FIELDS)


def check_receipt_agreement(receipt: PremiumReceipt, document: str, stated: Mapping[str, Stated]) -> tuple[Check, ...]:
    """The sealed receipt or statement says the amount, the day and the payer that the record says."""
    return _compare(as_json(receipt), document, stated, _RECEIPT_FIELDS)


def check_invoice_agreement(invoice: Invoice, document: str, stated: Mapping[str, Stated]) -> tuple[Check, ...]:
    """The sealed invoice says the number, day, parties and amounts that the record says."""
    return _compare(as_json(invoice), document, stated, _INVOICE_FIELDS)


def check_invoiced(receipt: PremiumReceipt, document: str, stated: Mapping[str, Stated]) -> tuple[Check, ...]:
    """The sealed invoice that a receipt names is one of its invoices, and is for its policy.

    Amounts are not compared: one invoice may be for several receipts or policies, and one receipt may have several.
    """
    agreeing: list[str] = []
    problems: list[Check] = []
    for field, said, says in (
        ("invoice_nos", list(receipt.invoice_nos), stated.get("invoice_no")),
        ("policy_no", [receipt.policy_no], stated.get("policy_nos")),
    ):
        if says is None or not said:
            reason = "not-in-document" if says is None else "not-in-record"
            problems.append(unknown(_RULE, reason, field=field, document=document))
        elif _as_set(said) & _as_set(says.value):
            agreeing.append(field)
        else:
            facts = {"record": said, "document_says": says.value, "where": says.source, "document": document}
            problems.append(failed(_RULE, "differs", field=field, **facts))
    return tuple(problems) or (passed(_RULE, fields=agreeing, document=document),)


def _compare(
    record: Mapping[str, Any], document: str, stated: Mapping[str, Stated], fields: Sequence[tuple[str, bool]]
) -> tuple[Check, ...]:
    """One failed check for each field that differs, one indeterminate for each needed one that is missing on either
    side, and one passed check that lists what agrees."""
    agreeing: list[str] = []
    problems: list[Check] = []
    for field, needed in fields:
        said = value_at(record, field)
        found = stated.get(field)
        if said is None or found is None:
            if needed:
                reason = "not-in-document" if found is None else "not-in-record"
                problems.append(unknown(_RULE, reason, field=field, document=document))
            continue
        if _same(field, said, found.value):
            agreeing.append(field)
        else:
            problems.append(
                failed(
                    _RULE,
                    "differs",
                    field=field,
                    record=said,
                    document_says=found.value,
                    where=found.source,
                    document=document,
                )
            )
    if problems:
        return tuple(problems)
    return (passed(_RULE, fields=agreeing, document=document),)


def value_at(record: Mapping[str, Any], field: str) -> Any:
    """The value at a dotted path; of a list of objects, the list of their values; `None` if absent."""
    head, _, rest = field.partition(".")
    value = record.get(head)
    if not rest or value is None:
        return value
    if isinstance(value, list):
        values = [found for item in value if (found := value_at(item, rest)) is not None]
        return values or None
    return value_at(value, rest)


def _same(field: str, said: Any, found: Any) -> bool:
    if isinstance(said, list | tuple) or isinstance(found, list | tuple):
        return _as_set(said) == _as_set(found)
    if field in _NAMES:
        return folded(str(said)) == folded(str(found))
    if field == "rate_percent":
        return _as_number(said) == _as_number(found)
    return bool(said == found)


def _as_set(value: Any) -> set[str]:
    return set(map(str, value)) if isinstance(value, list | tuple) else {str(value)}


def _as_number(text: object) -> object:
    """A percentage as its number, since 1.6 and 1.60 are the same rate; what is none stays as it is."""
    try:
        return percent(str(text))
    except ValueError:
        return text
