"""DIA-CANON-JSON: the standard schema itself, `premium-exchange/1.0`, one envelope, an array of them, or one a line.

Nothing is computed and nothing repaired but the form of identifiers and texts: what is checked here is that each value
is in the schema's own form. Specification: DIALECTS section 6, fields: SCHEMA.
"""

from collections.abc import Mapping as Fields

from adapters import kinds, settle
from adapters.facts import Facts
from adapters.formats import JsonMessages
from adapters.mapping import Choice, Each, Kind, Mapping, Rows, Shape, Source, Takes
from adapters.standard import ANYTHING, DAY, INSURER, MESSAGE_ID, MOMENT, MONEY, PERCENT, SHARE, TRUTH, exactly, one_of

SCHEMA = "premium-exchange/1.0"


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
            "kind": one_of("increase", "decrease", "amend", "reinstate", "write_off"),
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
                "schema": Source("schema", exactly("schema.version", "another-version", SCHEMA), required=True),
                "type": Source("type", exactly("schema.type", "no-such-type", *SHAPES), required=True),
                "message_id": Source("message_id", MESSAGE_ID, required=True),
                "insurer": Source("insurer", INSURER, required=True),
                "sent_at": Source("sent_at", MOMENT, required=True),
            },
            rules=(insurer_is_ours,),
            choices=(Choice(under="record", becomes=by_type, shapes=SHAPES),),
            envelope=("schema", "type", "message_id", "insurer", "sent_at"),
        ),
    ),
)
