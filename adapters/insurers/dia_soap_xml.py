"""DIA-SOAP-XML: a SOAP envelope with one message as text in it, `Packet` with `Head` and `Body`.

The head says what the message is and the unit of all of its money: yuan, fen or ten thousand yuan; without it no amount
is read. Times of day are written 240000 too. Specification: DIALECTS section 2.
"""

from collections.abc import Callable

from adapters import amounts, kinds, rates, settle
from adapters.choices import change_kind, changed, in_or_out, insured_by_default
from adapters.convert import folded
from adapters.facts import Facts
from adapters.kinds import code, truth
from adapters.mapping import Choice, Each, Kind, Mapping, Rows, Rule, Shape, Source
from adapters.problems import Unreadable
from adapters.soap import SoapMessage
from schemas.money import Yuan

CREDIT_CODE_PAPER = "71"  # IdType: other papers are personal, or of no use; their numbers are not read
UNITS = {"YUAN": "元", "FEN": "分", "WAN": "万元"}

LINE = code(
    {
        "PL": "product_liability",
        "DL": "drug_liability",
        "ML": "device_liability",
        "CT": "clinical_trial_liability",
    }
)
RATE_UNIT = code({"%": "%", "‰": "‰", "1": "1"})
RATE_BASE = code({"1": "aggregate_limit", "2": "per_occurrence_limit", "3": "turnover"})
LIMITS = {"aggregate_limit": "limits.aggregate", "per_occurrence_limit": "limits.per_occurrence"}
ROLE = code({"1": "insured", "2": "additional"})
MARK = truth("Y", "N")
METHOD = code({"T": "bank_transfer", "C": "cheque", "P": "card", "X": "cash", "O": "online"})
CHANGE = code(
    {
        "A": ("endorsement", "increase"),
        "D": ("endorsement", "decrease"),
        "M": ("endorsement", "amend"),
        "R": ("endorsement", "reinstate"),
        "W": ("cancellation", "mid_term"),
        "X": ("cancellation", "from_inception"),
    }
)


def amount_unit(raw: str) -> str | None:
    """The unit of all money; another code says none."""
    return UNITS.get(folded(raw) or "")


def without_unit(raw: str) -> Yuan | None:
    """A number that would be an amount if its unit were known; only its sign means anything."""
    try:
        return amounts.money(raw, "元")
    except Unreadable as error:
        if error.rule != "number.sub-fen":
            raise
        return Yuan(-1 if "-" in raw or "(" in raw else 1)


UNITLESS = Kind("amount without unit", without_unit, "number")


def money(name: str, unit: str | None, *, required: bool = False, field: str | None = None) -> Source:
    """An amount in the unit of the message."""
    kind = UNITLESS if unit is None else kinds.money
    return Source(name, kind, unit=unit, required=required, field=field)


def unit_is_known(field: str) -> Rule:
    """Without AmountUnit no amount is certain: told once, at the amount that the message is about."""

    def settled(facts: Facts) -> None:
        if "unit" not in facts.values and "unit" not in facts.unread:
            facts.blame("unit.ambiguous", "no-amount-unit", field)

    return settled


def by_unit(facts: Facts) -> str:
    """The records are the same in each unit; without one, what needs no amount is read all the same."""
    return str(facts.find("unit") or "")


def in_each_unit(build: "Callable[[str | None], Shape | Choice]") -> Choice:
    """The choice of the unit: one way of reading for each."""
    return Choice(becomes=by_unit, shapes={unit or "": build(unit) for unit in (*UNITS.values(), None)})


def rate(facts: Facts) -> None:
    """The rate on the base that RateBase names, or on the aggregate limit."""
    kind = facts.ask("base")
    if kind is None:
        if "base" in facts.unread:
            facts.values.pop("rate_percent", None)
        else:
            rates.rate(facts)
        return
    if kind == "turnover":
        name = of = "base_amount"
        if facts.ask(name) is None and name not in facts.unread:
            facts.blame("field.missing", "missing", "rate_base.amount")
    else:
        name = of = LIMITS[kind]
    if (amount := facts.values.get(name)) is not None:
        facts.put("rate_base.kind", kind, "", of="base")
        facts.put("rate_base.amount", amount, "", of=of)
    rates.rate_on(facts, name, says_base=True)


def with_unit(facts: Facts) -> None:
    """The unit that stands beside the rate; one in its own text goes before it."""
    unit, stated = facts.ask("rate_unit"), facts.values.get("rate_percent")
    if "rate_unit" in facts.unread:
        facts.values.pop("rate_percent", None)
    elif unit is not None and stated is not None and stated.unit is None:
        facts.values["rate_percent"] = amounts.Rate(stated.number, unit)


def policy(unit: str | None) -> Shape:
    """Body/Policy and what stands beside it."""
    amounts_settled: tuple[Rule, ...] = (
        settle.third_amount("premium"),
        settle.cny_by_contract,
        settle.signs("premium", "positive"),
        settle.not_negative("limits.aggregate", "limits.per_occurrence", "limits.deductible"),
        rate,
        settle.not_negative("rate_base.amount"),
        settle.instalments_total,
    )
    return Shape(
        "policy",
        shared=("policy_no",),
        takes={
            "line": Source("Body/Policy/ProductCode", LINE, required=True),
            "issued_on": Source("Body/Policy/SignDate", kinds.day),
            "period.start": Source("Body/Policy/StartTime", kinds.moment, required=True),
            "period.end": Source("Body/Policy/EndTime", kinds.moment, required=True),
            "limits.aggregate": money("Body/Policy/SumInsured", unit),
            "limits.per_occurrence": money("Body/Policy/PerAccidentLimit", unit),
            "limits.deductible": money("Body/Policy/Deductible", unit),
            "premium.gross": money("Body/Policy/Premium", unit, required=True),
            "premium.net": money("Body/Policy/PremiumNoTax", unit),
            "premium.tax": money("Body/Policy/Tax", unit),
            "premium.currency": Source("Body/Policy/Currency", kinds.currency),
            "rate_percent": Source("Body/Policy/Rate", kinds.rate),
            "policyholder.name": Source("Body/PolicyHolder/Name", kinds.text, required=True),
            "policyholder.credit_code": Source(
                "Body/PolicyHolder/IdNo", kinds.credit_code, when=("Body/PolicyHolder/IdType", CREDIT_CODE_PAPER)
            ),
            "policyholder.region": Source("Body/PolicyHolder/Region", kinds.region),
            "insured": Each(
                "Body/InsuredList/Insured",
                {
                    "name": Source("Name", kinds.text),
                    "credit_code": Source("IdNo", kinds.credit_code, when=("IdType", CREDIT_CODE_PAPER)),
                    "role": Source("Role", ROLE),
                },
                rules=(insured_by_default,),
                ignores=frozenset({"Phone", "Address"}),
            ),
            "product": Each(
                "Body/Product",
                {
                    "generic_name": Source("GenericName", kinds.text),
                    "trade_name": Source("TradeName", kinds.text),
                    "approval_no": Source("ApprovalNo", kinds.approval_no),
                    "approval_date": Source("ApprovalDate", kinds.day),
                    "registration_class": Source("Class", kinds.text),
                    "holder.name": Source("Holder", kinds.text),
                    "holder.credit_code": Source("HolderIdNo", kinds.credit_code),
                    "manufacturer.name": Source("Maker", kinds.text),
                    "manufacturer.credit_code": Source("MakerIdNo", kinds.credit_code),
                    "dosage_form": Source("Form", kinds.text),
                    "specification": Source("Spec", kinds.text),
                },
                rules=(settle.product(""),),
                several="product.several",
            ),
            "clauses": Each(
                "Body/ClauseList/Clause",
                {"registration_no": Source("RegNo", kinds.clause_no), "name": Source("Name", kinds.text)},
                rules=(settle.clause_kind,),
            ),
            "instalments": Each(
                "Body/PlanList/Plan",
                {
                    "no": Source("No", kinds.integer),
                    "due_on": Source("DueDate", kinds.day),
                    "amount": money("Amount", unit),
                },
                rules=(settle.not_negative("amount"),) if unit else (),
            ),
            "coinsurance": Each(
                "Body/CoinsList/Coins",
                {
                    "insurer": Source("Company", kinds.text),
                    "share_percent": Source("Share", kinds.share),
                    "lead": Source("Lead", MARK),
                },
            ),
        },
        asks={
            "rate_unit": Source("Body/Policy/Rate/@unit", RATE_UNIT, field="rate_percent"),
            "base": Source("Body/Policy/RateBase", RATE_BASE, field="rate_base.kind"),
            "base_amount": money("Body/Policy/RateBaseAmount", unit, field="rate_base.amount"),
        },
        rules=(settle.period, with_unit, *(amounts_settled if unit else ()), settle.shares()),
    )


def receipt_or_refund(unit: str | None) -> Choice:
    """Body/Receipt, which its sign makes a receipt or a refund."""
    return Choice(
        becomes=in_or_out,
        reads={"amount": money("Body/Receipt/Amount", unit, required=True)},
        shapes={"premium_receipt": RECEIPT, "premium_refund": REFUND},
    )


RECEIPT = Shape(
    "premium_receipt",
    shared=("policy_no", "amount"),
    takes={
        "receipt_no": Source("Body/Receipt/ReceiptNo", kinds.receipt_no, required=True),
        "instalment_no": Source("Body/Receipt/PlanNo", kinds.integer),
        "received_on": Source("Body/Receipt/ArriveTime", kinds.day, required=True),
        "payer.name": Source("Body/Receipt/PayerName", kinds.text, required=True),
        "payer.credit_code": Source("Body/Receipt/PayerIdNo", kinds.credit_code),
        "method": Source("Body/Receipt/PayMode", METHOD),
        "bank_reference": Source("Body/Receipt/BankRef", kinds.bank_reference),
        "invoice_nos": Source("Body/Receipt/InvoiceNos", kinds.invoice_nos),
        "paid_in_full": Source("Body/Receipt/FullPaid", MARK),
    },
)

REFUND = Shape(
    "premium_refund",
    shared=("policy_no", "amount"),
    takes={
        "refund_no": Source("Body/Receipt/ReceiptNo", kinds.receipt_no, required=True),
        "paid_on": Source("Body/Receipt/ArriveTime", kinds.day, required=True),
        "payee.name": Source("Body/Receipt/PayerName", kinds.text, required=True),
        "payee.credit_code": Source("Body/Receipt/PayerIdNo", kinds.credit_code),
        "endorsement_no": Source("Body/Receipt/EndorNo", kinds.policy_no),
        "reason": Source("Body/Receipt/Reason", kinds.text),
    },
    rules=(settle.magnitudes("amount"),),
)


def endorsement_or_cancellation(unit: str | None) -> Choice:
    """Body/Endorsement, which its type makes one or the other."""
    shared = ("policy_no", "endorsement_no", "change", "effective_on")

    def changes(group: str) -> dict[str, Source]:
        return {
            f"{group}.gross": money("Body/Endorsement/PremiumChange", unit),
            f"{group}.net": money("Body/Endorsement/PremiumChangeNoTax", unit),
            f"{group}.tax": money("Body/Endorsement/TaxChange", unit),
        }

    endorsement = Shape(
        "endorsement",
        shared=shared,
        takes={"issued_on": Source("Body/Endorsement/SignDate", kinds.day), **changes("premium_change")},
        rules=(change_kind, settle.third_amount("premium_change"), settle.signs_by_kind) if unit else (change_kind,),
    )
    cancellation = Shape(
        "cancellation",
        shared=shared,
        takes={**changes("return_premium"), "reason": Source("Body/Endorsement/Reason", kinds.text)},
        rules=(
            change_kind,
            settle.third_amount("return_premium"),
            settle.signs("return_premium", "negative"),
            settle.magnitudes("return_premium.gross", "return_premium.net", "return_premium.tax"),
        )
        if unit
        else (change_kind,),
    )
    return Choice(becomes=changed, shapes={"endorsement": endorsement, "cancellation": cancellation})


HEAD = frozenset({"@type", "@version", "Head/User", "Head/Password", "Head/RequestTime", "Head/SerialNo"})
REQUEST = {"request": Source("Head/RequestType", kinds.text, required=True, field="type")}
UNIT = {"unit": Source("Head/AmountUnit", Kind("amount unit", amount_unit), field="Head/AmountUnit")}

MAPPING = Mapping(
    dialect="DIA-SOAP-XML",
    title="SOAP 报文 one message as text in a SOAP envelope",
    media_types=("application/soap+xml", "text/xml", "application/xml"),
    format=SoapMessage(root="Packet", kind="Head/RequestType", needs=("Head", "Body")),
    rows=(
        Rows(
            at="Packet[Head/RequestType='10']",
            key=("policy_no",),
            bucket=("Body/Policy/PolicyNo",),
            reads={
                **REQUEST,
                **UNIT,
                "policy_no": Source("Body/Policy/PolicyNo", kinds.policy_no, required=True),
            },
            rules=(unit_is_known("premium.gross"),),
            choices=(in_each_unit(policy),),
            ignores=HEAD
            | frozenset(
                {
                    "Body/Policy/Operator",  # staff
                    "Body/Policy/ComCode",
                    "Body/PolicyHolder/Contact",  # personal data that we have no ground to keep
                    "Body/PolicyHolder/Phone",
                    "Body/PolicyHolder/Mobile",
                    "Body/PolicyHolder/Email",
                    "Body/PolicyHolder/Address",
                }
            ),
        ),
        Rows(
            at="Packet[Head/RequestType='20']",
            key=("receipt_no", "refund_no"),
            bucket=("Body/Receipt/ReceiptNo",),
            reads={
                **REQUEST,
                **UNIT,
                "policy_no": Source("Body/Receipt/PolicyNo", kinds.policy_no, required=True),
            },
            rules=(unit_is_known("amount"),),
            choices=(in_each_unit(receipt_or_refund),),
            ignores=HEAD | frozenset({"Body/Receipt/Account", "Body/Receipt/AccountName", "Body/Receipt/Operator"}),
        ),
        Rows(
            at="Packet[Head/RequestType='30']",
            key=("policy_no", "endorsement_no"),
            bucket=("Body/Endorsement/PolicyNo", "Body/Endorsement/EndorNo"),
            reads={
                **REQUEST,
                **UNIT,
                "policy_no": Source("Body/Endorsement/PolicyNo", kinds.policy_no, required=True),
                "endorsement_no": Source("Body/Endorsement/EndorNo", kinds.policy_no, required=True),
                "change": Source("Body/Endorsement/EndorType", CHANGE, required=True, field="kind"),
                "effective_on": Source("Body/Endorsement/EffectTime", kinds.day, required=True),
            },
            rules=(unit_is_known("premium_change.gross"),),
            choices=(in_each_unit(endorsement_or_cancellation),),
            ignores=HEAD,
        ),
        Rows(  # none of these, and so `value.unknown`: nothing is known of its body
            at="Packet",
            key=("policy_no",),
            bucket=("Head/RequestType",),
            reads={"request": Source("Head/RequestType", code({}), required=True, field="type")},
            choices=(),
            ignores=HEAD | frozenset({"Head/AmountUnit", "Body"}),
        ),
    ),
)
