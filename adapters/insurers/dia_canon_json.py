"""DIA-CANON-JSON: the standard schema itself, `premium-exchange/1.0`, one envelope, an array of them, or one a line.

Nothing is computed and nothing repaired but the form of identifiers and texts: what is checked here is that each value
is in the schema's own form. Specification: DIALECTS section 6, fields: SCHEMA.
"""

import re
from collections.abc import Callable
from collections.abc import Mapping as Fields
from typing import Any

from adapters import convert, dates, kinds, settle
from adapters.amounts import Exact, Literal, Share
from adapters.facts import Facts
from adapters.formats import JsonMessages
from adapters.mapping import Choice, Each, Kind, Mapping, Rows, Shape, Source, Takes
from adapters.problems import Unreadable
from adapters.trees import plain
from schemas.money import Yuan

SCHEMA = "premium-exchange/1.0"

_MONEY = re.compile(r"-?(?:0|[1-9][0-9]{0,37})\.[0-9]{2}")
_PERCENT = re.compile(r"(?:0|[1-9][0-9]{0,19})(?:\.[0-9]{1,20})?")
_MESSAGE_ID = re.compile(r"[0-9A-Za-z._-]{1,64}")


def _no_value(raw: Any) -> bool:
    return isinstance(raw, str) and not isinstance(raw, Literal) and convert.stated(raw) is None


def amount(raw: Any) -> Yuan | None:
    """Money is text in yuan with two places; of another form of the same number that form is offered as the fix."""
    if type(raw) is str:
        if _MONEY.fullmatch(raw):
            return Yuan(int(raw.replace(".", "")))
        if _no_value(raw):
            return None
    raise Unreadable("money.format", "not-two-places", fix=_as_money(raw))


def _as_money(raw: Any) -> str | None:
    if not isinstance(raw, str) or not re.fullmatch(r"-?(?:0|[1-9][0-9]{0,17})(?:\.[0-9]{1,40})?", raw):
        return None
    whole, _, part = raw.partition(".")
    return f"{whole}.{part:0<2}"[: len(whole) + 3] if not part[2:].strip("0") else None


def iso(raw: Any) -> Any:
    """A day is `YYYY-MM-DD`; of another form that is one day for certain, this one is offered as the fix."""
    if type(raw) is not str:
        raise Unreadable("date.unreadable", "form")
    if _no_value(raw):
        return None
    try:
        return dates.iso_day(raw)
    except Unreadable as error:
        raise Unreadable(error.rule, error.reason, fix=_as_day(raw)) from error


def _as_day(raw: str) -> str | None:
    try:
        found = dates.day(raw)
    except Unreadable:
        return None
    return found.isoformat() if found else None


def sent(raw: Any) -> str | None:
    """A moment with its offset."""
    if type(raw) is not str:
        raise Unreadable("date.unreadable", "form")
    return None if _no_value(raw) else dates.rfc3339(raw)


def percentage(raw: Any) -> str | None:
    """A percentage is plain decimal text, as it stands."""
    if type(raw) is str:
        if _PERCENT.fullmatch(raw):
            return raw
        if _no_value(raw):
            return None
    fix = str(raw) if isinstance(raw, Literal) and _PERCENT.fullmatch(raw) else None
    raise Unreadable("number.unreadable", "not-plain-decimal", fix=fix)


def share(raw: Any) -> Share | None:
    """A co-insurance share in percent."""
    stated = percentage(raw)
    if stated is None:
        return None
    whole, _, part = stated.partition(".")
    return Share(Exact(int(whole + part), len(part)), False)


def one_of(*names: str) -> Kind:
    """An enumeration of the schema."""
    return kinds.code({name: name for name in names})


def yes_or_no(raw: Any) -> bool | None:
    """A truth value of JSON."""
    if raw is True or raw is False:
        return bool(raw)
    if _no_value(raw):
        return None
    raise Unreadable("value.unknown", "not-a-truth-value")


def message_id(raw: str) -> str | None:
    """1 to 64 of `[0-9A-Za-z._-]`."""
    if convert.stated(raw) is None:
        return None
    if not _MESSAGE_ID.fullmatch(raw):
        raise Unreadable("value.unknown", "message-id-form")
    return raw


def exactly(rule: str, reason: str, *names: str) -> Callable[[Any], str | None]:
    """One of these texts to the letter, or the rule is broken."""

    def read(raw: Any) -> str | None:
        if type(raw) is str and raw in names:
            return raw
        if _no_value(raw):
            return None
        raise Unreadable(rule, reason, known=", ".join(names))

    return read


def passed_on(raw: Any) -> Any:
    """Any JSON value, unchecked: the gateway's own schema judges it. Null, empty lists and objects are dropped."""
    value = plain(raw)
    return None if value in ({}, []) else value


def insurer_is_ours(facts: Facts) -> None:
    """The envelope names the insurer who sends it."""
    insurer = facts.values.get("insurer")
    if insurer is not None and insurer != facts.scope.insurer:
        facts.blame("insurer.mismatch", "another-insurer", "insurer", expected=facts.scope.insurer)


def invoice(facts: Facts) -> None:
    """Net and tax are gross; an invoice is negative throughout or not at all, and a red one names what it cancels."""
    values = facts.values
    if all(name in values for name in ("gross", "net", "tax")):
        settle.amounts_agree(facts, "gross", "net", "tax", "invoice.total-mismatch")
    gross = values.get("gross")
    if gross is None:
        return
    settle.signs("", "negative" if gross.fen < 0 else "positive")(facts)
    if gross.fen < 0 and not facts.says("red_letter_of"):
        facts.blame("invoice.red-reference-missing", "no-reference", "red_letter_of")


MONEY = Kind("money", amount, "number", strict=True)
DAY = Kind("day", iso, "number", strict=True)
MOMENT = Kind("moment", sent, "number", strict=True)
PERCENT = Kind("percentage", percentage, "number", strict=True)
SHARE = Kind("share", share, "number", strict=True)
TRUTH = Kind("truth", yes_or_no, "truth", strict=True)
ANYTHING = Kind("anything", passed_on, "any", strict=True)
MESSAGE_ID = Kind("message id", message_id, "identifier")
LINE = one_of("product_liability", "drug_liability", "device_liability", "clinical_trial_liability", "other")
RATE_BASE = one_of("aggregate_limit", "per_occurrence_limit", "turnover", "declared")
CLASS_GROUP = one_of("chemical", "tcm", "therapeutic_biologic", "preventive_biologic", "device", "unknown")
METHOD = one_of("bank_transfer", "cheque", "card", "cash", "online")
DOCUMENT = one_of("policy", "endorsement", "invoice", "receipt", "statement")


def fields(table: Fields[str, Kind | Each], *required: str, many: tuple[str, ...] = ()) -> Takes:
    """Fields that stand under their own names."""
    return {
        name: kind if isinstance(kind, Each) else Source(name, kind, required=name in required, many=name in many)
        for name, kind in table.items()
    }


def party(prefix: str) -> dict[str, Kind | Each]:
    """A Party: name, credit code, region."""
    return {
        f"{prefix}name": kinds.text,
        f"{prefix}credit_code": kinds.credit_code,
        f"{prefix}region": kinds.region,
    }


def amounts(prefix: str) -> dict[str, Kind | Each]:
    """Gross, net and tax."""
    return {f"{prefix}gross": MONEY, f"{prefix}net": MONEY, f"{prefix}tax": MONEY}


def product(prefix: str = "product.") -> dict[str, Kind | Each]:
    """The insured product."""
    return {
        f"{prefix}kind": one_of("drug", "device"),
        f"{prefix}generic_name": kinds.text,
        f"{prefix}trade_name": kinds.text,
        f"{prefix}approval_no": kinds.approval_no,
        f"{prefix}approval_date": DAY,
        f"{prefix}first_sale_date": DAY,
        f"{prefix}registration_class": kinds.text,
        f"{prefix}class_group": CLASS_GROUP,
        f"{prefix}class_codes": kinds.text,
        **party(f"{prefix}holder."),
        **party(f"{prefix}manufacturer."),
        f"{prefix}dosage_form": kinds.text,
        f"{prefix}specification": kinds.text,
        f"{prefix}drug_code": kinds.drug_code,
        f"{prefix}udi_di": kinds.text,
    }


DOCUMENTS = Each(
    "documents",
    fields({"kind": DOCUMENT, "digest": kinds.text, "media_type": kinds.text, "file_name": kinds.text}),
)

POLICY = Shape(
    "policy",
    takes=fields(
        {
            "policy_no": kinds.policy_no,
            **party("policyholder."),
            "insured": Each("insured", fields({**party(""), "role": one_of("insured", "additional")})),
            **product(),
            "line": LINE,
            "clauses": Each(
                "clauses",
                fields({"registration_no": kinds.clause_no, "name": kinds.text, "kind": one_of("main", "rider")}),
            ),
            "issued_on": DAY,
            "period.start": DAY,
            "period.end": DAY,
            "limits.aggregate": MONEY,
            "limits.per_occurrence": MONEY,
            "limits.deductible": MONEY,
            "rate_base.kind": RATE_BASE,
            "rate_base.amount": MONEY,
            "rate_percent": PERCENT,
            **amounts("premium."),
            "premium.currency": kinds.currency,
            "instalments": Each(
                "instalments",
                fields({"no": kinds.integer, "due_on": DAY, "amount": MONEY}),
                rules=(settle.not_negative("amount"),),
            ),
            "coinsurance": Each("coinsurance", fields({"insurer": kinds.text, "share_percent": SHARE, "lead": TRUTH})),
            "documents": DOCUMENTS,
        },
        "policy_no",
        "policyholder.name",
        "line",
        "period.start",
        "period.end",
        "premium.gross",
        "premium.currency",
        many=("product.class_codes",),
    ),
    rules=(
        settle.period_not_inverted,
        settle.three_amounts_agree("premium"),
        settle.signs("premium", "positive"),
        settle.not_negative("limits.aggregate", "limits.per_occurrence", "limits.deductible", "rate_base.amount"),
        settle.instalments_total,
        settle.shares(percent=True),
    ),
)

ENDORSEMENT = Shape(
    "endorsement",
    takes=fields(
        {
            "policy_no": kinds.policy_no,
            "endorsement_no": kinds.policy_no,
            "kind": one_of("increase", "decrease", "amend", "reinstate"),
            "issued_on": DAY,
            "effective_on": DAY,
            **amounts("premium_change."),
            "changes": Each("changes", fields({"field": kinds.text, "before": kinds.text, "after": kinds.text})),
            "documents": DOCUMENTS,
        },
        "policy_no",
        "endorsement_no",
        "kind",
        "effective_on",
    ),
    rules=(settle.three_amounts_agree("premium_change"), settle.signs_by_kind),
)

CANCELLATION = Shape(
    "cancellation",
    takes=fields(
        {
            "policy_no": kinds.policy_no,
            "endorsement_no": kinds.policy_no,
            "kind": one_of("from_inception", "mid_term"),
            "effective_on": DAY,
            **amounts("return_premium."),
            "reason": kinds.text,
            "documents": DOCUMENTS,
        },
        "policy_no",
        "endorsement_no",
        "kind",
        "effective_on",
    ),
    rules=(settle.three_amounts_agree("return_premium"), settle.signs("return_premium", "positive")),
)

RECEIPT = Shape(
    "premium_receipt",
    takes=fields(
        {
            "policy_no": kinds.policy_no,
            "receipt_no": kinds.receipt_no,
            "instalment_no": kinds.integer,
            "amount": MONEY,
            "received_on": DAY,
            **party("payer."),
            "payer_account_hash": kinds.text,
            "method": METHOD,
            "bank_reference": kinds.bank_reference,
            "invoice_nos": kinds.invoice_no,
            "paid_in_full": TRUTH,
            "documents": DOCUMENTS,
        },
        "policy_no",
        "receipt_no",
        "amount",
        "received_on",
        many=("invoice_nos",),
    ),
    rules=(settle.not_negative("amount"),),
)

REFUND = Shape(
    "premium_refund",
    takes=fields(
        {
            "policy_no": kinds.policy_no,
            "refund_no": kinds.receipt_no,
            "endorsement_no": kinds.policy_no,
            "amount": MONEY,
            "paid_on": DAY,
            **party("payee."),
            "reason": kinds.text,
            "documents": DOCUMENTS,
        },
        "policy_no",
        "refund_no",
        "amount",
        "paid_on",
    ),
    rules=(settle.not_negative("amount"),),
)

INVOICE = Shape(
    "invoice",
    takes=fields(
        {
            "invoice_no": kinds.invoice_no,
            "invoice_code": kinds.bank_reference,
            "issued_on": DAY,
            **party("seller."),
            **party("buyer."),
            **amounts(""),
            "policy_nos": kinds.policy_no,
            "red_letter_of": kinds.invoice_no,
            "documents": DOCUMENTS,
        },
        "invoice_no",
        "issued_on",
        "net",
        "tax",
        "gross",
        many=("policy_nos",),
    ),
    rules=(invoice,),
)

DELIVERY = Shape(
    "delivery",
    takes=fields(
        {
            "policy_no": kinds.policy_no,
            **product(),
            **party("buyer."),
            "through": Each("through", fields(party(""))),
            "delivered_on": DAY,
            "quantity": kinds.text,
            "trace_codes": kinds.bank_reference,
            "contract_digest": kinds.text,
            "invoice_nos": kinds.invoice_no,
            "documents": DOCUMENTS,
        },
        many=("product.class_codes", "trace_codes", "invoice_nos"),
    ),
)


def unchecked(type_: str, *names: str) -> Shape:
    """A record that is passed on: only unknown members at its top are found."""
    return Shape(type_, takes={name: Source(name, ANYTHING) for name in names})


SHAPES = {
    shape.type: shape
    for shape in (
        POLICY,
        ENDORSEMENT,
        CANCELLATION,
        RECEIPT,
        REFUND,
        INVOICE,
        DELIVERY,
        unchecked("day_close", "date", "totals"),
        unchecked(
            "claim_summary",
            "period",
            "clause_registration_no",
            "earned_premium",
            "claims_count",
            "paid",
            "outstanding",
        ),
        unchecked(
            "filing",
            "registration_no",
            "insurer",
            "name",
            "kind",
            "line",
            "regime",
            "registered_on",
            "first_used_on",
            "rate_min_percent",
            "rate_max_percent",
            "territory",
            "clause_text_digest",
            "intervals",
            "source",
        ),
    )
}


def strictly(rule: str, reason: str, *names: str) -> Kind:
    """A field of the envelope that says one of these texts to the letter."""
    return Kind("exactly", exactly(rule, reason, *names), strict=True)


def any_code(raw: Any) -> str | None:
    """A text to the letter."""
    if type(raw) is not str:
        raise Unreadable("insurer.mismatch", "another-insurer")
    return None if _no_value(raw) else raw


def by_type(facts: Facts) -> str | None:
    """The record that the envelope's type names; of an unknown type nothing is read."""
    found: str | None = facts.find("type")
    return found


MAPPING = Mapping(
    dialect="DIA-CANON-JSON",
    title="标准报文 premium-exchange/1.0, JSON or JSON Lines",
    media_types=("application/json", "application/x-ndjson"),
    format=JsonMessages(),
    rows=(
        Rows(
            key=("message_id",),
            bucket=("message_id",),
            reads={
                "schema": Source("schema", strictly("schema.version", "another-version", SCHEMA), required=True),
                "type": Source("type", strictly("schema.type", "no-such-type", *SHAPES), required=True),
                "message_id": Source("message_id", MESSAGE_ID, required=True),
                "insurer": Source("insurer", Kind("insurer", any_code, strict=True), required=True),
                "sent_at": Source("sent_at", MOMENT, required=True),
            },
            rules=(insurer_is_ours,),
            choices=(Choice(under="record", becomes=by_type, shapes=SHAPES),),
            envelope=("schema", "type", "message_id", "insurer", "sent_at"),
        ),
    ),
)
