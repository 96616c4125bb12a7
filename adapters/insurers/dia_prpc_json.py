"""DIA-PRPC-JSON: the extract of a core system, its `prpC*` tables as JSON: a policy with its changes and payments.

The rate stands at the main clause, net and tax at the instalments. What is left of an instalment (`delinquentFee`)
makes no receipt, but the receipts must agree with it. Specification: DIALECTS section 5.
"""

from datetime import date, timedelta
from typing import Any

from adapters import amounts, convert, dates, kinds, rates, settle
from adapters.amounts import Exact, Literal
from adapters.choices import change_kind, changed
from adapters.facts import Cells, Facts
from adapters.formats import JsonMessages
from adapters.kinds import code, json_reader, truth
from adapters.mapping import Choice, Each, Kind, Mapping, Rows, Shape, Source, always
from adapters.problems import Unreadable
from schemas.money import Yuan

LINE = code(
    {
        "ZAC": "product_liability",
        "ZAD": "drug_liability",
        "ZAE": "device_liability",
        "ZAF": "clinical_trial_liability",
    }
)
COINSURED = code({"0": False, "1": True, "2": True, "3": True, "4": True, "5": True})
RATE_UNIT = code({"%": "%", "‰": "‰", "1": "1"})
CHANGE = code(
    {
        "15": ("endorsement", "amend"),
        "21": ("endorsement", "increase"),
        "22": ("endorsement", "decrease"),
        "30": ("endorsement", "reinstate"),
        "19": ("cancellation", "mid_term"),
        "06": ("cancellation", "from_inception"),
    }
)
PREMIUM_DUE = "R10"
FIRST_HOUR, LAST_HOUR = Exact(0, 0), Exact(24, 0)


def day_or_epoch(raw: Any) -> date | None:
    """A day in any form; a JSON number is milliseconds since 1970 in UTC, and its day that of Asia/Shanghai."""
    if isinstance(raw, Literal):
        number = amounts.literal(raw)
        return dates.day_of_epoch(number.digits // 10**number.scale)
    if isinstance(raw, str):
        return dates.day(raw)
    raise Unreadable("number.unreadable", "truth-value")


def hour(raw: str) -> Exact | None:
    """An hour of the day, as a number; what is neither 0 nor 24 is for the period to judge."""
    read = amounts.measure(raw)
    if read is None:
        return None
    if read.unit is not None:
        raise Unreadable("number.unreadable", "form")
    return settle.total_of([read.number])


def client_code(raw: str) -> str | None:
    """A credit code; what has not 18 characters is a client number of the insurer's own, and none of ours."""
    value = convert.identifier(raw)
    return convert.credit_code(value) if value is not None and len(value) == 18 else None


DAY = Kind("day or epoch milliseconds", day_or_epoch, "number", strict=True)
HOUR = Kind("hour", hour, "number")
CLIENT = Kind("client code", client_code, "identifier")


def yuan(name: str, *, required: bool = False, field: str | None = None) -> Source:
    """An amount in 元."""
    return Source(name, kinds.money, unit="元", required=required, field=field)


def period(facts: Facts) -> None:
    """From hour 0 or 24 of the first day to hour 0 or 24 of the last; an end at 0 is the day before, always."""
    first_hour, last_hour = facts.ask("first_hour"), facts.ask("last_hour")
    start, end = facts.values.get("period.start"), facts.values.get("period.end")
    stated = [one for one in (first_hour, last_hour) if one is not None]
    if any(one not in (FIRST_HOUR, LAST_HOUR) for one in stated):
        facts.blame("period.not-whole-days", "time-of-day", "period")
    elif start is not None and end is not None and facts.was_read("first_hour", "last_hour"):
        facts.values["period.start"] = start + timedelta(days=1) if first_hour == LAST_HOUR else start
        facts.values["period.end"] = end - timedelta(days=1) if last_hour == FIRST_HOUR else end
        settle.period_not_inverted(facts)
        return
    facts.values.pop("period.start", None)  # no day is certain
    facts.values.pop("period.end", None)


def insured(facts: Facts) -> None:
    """insuredName and insuredCode are one insured."""
    entry = {}
    for name in ("name", "credit_code"):
        value = facts.ask(f"insured_{name}")
        if value is not None:
            entry[name] = value
            facts.put(f"insured.0.{name}", value, "", of=f"insured_{name}")
            del facts.values[f"insured.0.{name}"]
    if entry:
        facts.put("insured.0.role", "insured", "by contract")
        facts.values["insured"] = [{**entry, "role": facts.values.pop("insured.0.role")}]


def main_clause(entry: Facts) -> None:
    """The rate of a main clause is the policy's; riders and items without a clause have theirs for themselves."""
    if entry.values.get("kind") != "main":
        return
    policy = entry.outer
    assert policy is not None
    rate, unit = entry.ask("rate"), entry.ask("unit")
    if entry.unread & {"rate", "unit"}:
        policy.unread.add("rate_percent")
    elif rate is not None:
        rate = rate if rate.unit is not None or unit is None else amounts.Rate(rate.number, unit)
        policy.values.setdefault("rates", []).append((rate, entry.lineage[f"{entry.path}rate"]))


def one_rate(facts: Facts) -> None:
    """Main clauses with different rates have no one rate."""
    found = facts.values.pop("rates", [])
    if "rate_percent" in facts.unread or not found:
        return
    if len({_comparable(rate) for rate, _ in found}) > 1:
        facts.blame(
            "unit.ambiguous", "several-rates", "rate_percent", rates=", ".join(str(one.number) for one, _ in found)
        )
        return
    facts.values["rate_percent"], facts.lineage["rate_percent"] = found[0]


def _comparable(rate: amounts.Rate) -> tuple[str, bool]:
    return (str(rate.number), False) if rate.unit is None else (str(rate.percent()), True)


def named(entry: Facts) -> None:
    """A co-insurer without a code goes by its name."""
    if not entry.says("insurer") and (name := entry.ask("name")) is not None:
        entry.put("insurer", name, "", of="name")


def is_due(cells: Cells) -> bool:
    """A part of the premium, and not of a change of it; one that cannot be read is read, so that it is told."""
    reason, change = cells.raws.get("payReason"), cells.raws.get("endorseNo")
    try:
        due = _TEXT(reason) == PREMIUM_DUE if reason is not None else False
        return due and (change is None or _TEXT(change) is None)
    except Unreadable:
        return True


def instalment(entry: Facts) -> None:
    """What an instalment says of net and tax, and of what was paid of it, is for the policy to add up."""
    policy = entry.outer
    assert policy is not None
    entry.ask("reason"), entry.ask("change")
    for name in ("net", "tax", "left"):
        policy.values.setdefault(f"plan.{name}", []).append(entry.ask(name))
    policy.values.setdefault("plan", []).append((entry.values.get("no"), entry.values.get("amount")))


def net_and_tax(facts: Facts) -> None:
    """Net and tax of the premium are the sums of the instalments', if each of them states both."""
    found = {name: facts.values.pop(f"plan.{name}", []) for name in ("net", "tax")}
    if (
        not found["net"]
        or None in (*found["net"], *found["tax"])
        or not facts.was_read("instalments.net", "instalments.tax")
    ):
        return
    for name, stated in found.items():
        facts.put(f"premium.{name}", sum(stated, Yuan(0)), "sum of the instalments")


def paid_as_planned(facts: Facts) -> None:
    """Of each instalment, what came in is what is no longer due, where the receipts are listed at all."""
    plan, left = facts.values.pop("plan", []), facts.values.pop("plan.left", [])
    receipts = facts.cells.lists.get("prpJpayrefrec")
    if receipts is None or not facts.was_read("instalments.no", "instalments.amount", "instalments.left"):
        return
    try:
        came_in = _came_in(receipts)
    except Unreadable:
        return  # which is told where the receipt is read
    paid: dict[int, int] = {}
    for (number, amount), rest in zip(plan, left, strict=True):
        if number is not None and amount is not None:
            paid[number] = paid.get(number, 0) + amount.fen - (rest.fen if rest is not None else 0)
    for number, fen in paid.items():
        if came_in.get(number, 0) != fen:
            facts.blame(
                "receipt.plan-mismatch",
                "receipts-are-another-sum",
                "amount",
                instalment=str(number),
                paid=str(Yuan(fen)),
                received=str(Yuan(came_in.get(number, 0))),
            )


def _came_in(receipts: list[Cells]) -> dict[int, int]:
    """The fen that came in for each instalment."""
    found: dict[int, int] = {}
    for cells in receipts:
        fee, number = cells.raws.get("realPayRefFee"), cells.raws.get("payNo")
        if cells.misplaced & {"realPayRefFee", "payNo"}:
            raise Unreadable("number.unreadable", "form")
        if fee is None or number is None:
            continue
        amount, of = _AMOUNT(fee), _NUMBER(number)
        if amount is not None and of is not None and amount.fen > 0:
            found[of] = found.get(of, 0) + amount.fen
    return found


_TEXT = json_reader(Kind("text", convert.folded), None, many=False)
_AMOUNT = json_reader(kinds.money, "元", many=False)
_NUMBER = json_reader(kinds.integer, None, many=False)


def paid(facts: Facts) -> str | None:
    """Money in is a receipt, money out a refund; without either nothing was paid yet."""
    amount = facts.find("amount")
    if amount is None or amount.fen == 0:
        return None
    return "premium_receipt" if amount.fen > 0 else "premium_refund"


POLICY = Shape(
    "policy",
    shared=("policy_no",),
    takes={
        "line": Source("prpCmain.riskCode", LINE, required=True),
        "issued_on": Source("prpCmain.underWriteEndDate", DAY),
        "period.start": Source("prpCmain.startDate", DAY, required=True),
        "period.end": Source("prpCmain.endDate", DAY, required=True),
        "limits.aggregate": yuan("prpCmain.sumAmount"),
        "premium.gross": yuan("prpCmain.sumPremium", required=True),
        "premium.currency": Source("prpCmain.currency", kinds.currency),
        "policyholder.name": Source("prpCmain.appliName", kinds.text, required=True),
        "policyholder.credit_code": Source("prpCmain.appliCode", CLIENT),
        "clauses": Each(
            "prpCitemKind",
            {"registration_no": Source("clauseCode", kinds.clause_no), "name": Source("clauseName", kinds.text)},
            asks={
                "rate": Source("rate", kinds.rate, field="rate_percent"),
                "unit": Source("rateUnit", RATE_UNIT, field="rate_percent"),
            },
            rules=(settle.clause_kind, main_clause),
            ignores=frozenset({"kindCode", "kindName", "amount", "premium", "itemKindNo"}),
        ),
        "product": Each(
            "prpCitemDrug",
            {
                "generic_name": Source("drugName", kinds.text),
                "approval_no": Source("approvalNo", kinds.approval_no),
                "approval_date": Source("approvalDate", DAY),
                "registration_class": Source("regClass", kinds.text),
                "holder.name": Source("holderName", kinds.text),
                "holder.credit_code": Source("holderCode", CLIENT),
                "manufacturer.name": Source("makerName", kinds.text),
                "manufacturer.credit_code": Source("makerCode", CLIENT),
                "dosage_form": Source("dosageForm", kinds.text),
                "specification": Source("spec", kinds.text),
            },
            rules=(settle.product(""),),
            several="product.several",
        ),
        "instalments": Each(
            "prpCplan",
            {
                "no": Source("payNo", kinds.integer),
                "due_on": Source("planDate", DAY),
                "amount": yuan("planFee"),
            },
            asks={
                "net": yuan("netPremium", field="premium.net"),
                "tax": yuan("taxPremium", field="premium.tax"),
                "left": yuan("delinquentFee", field="amount"),
                "reason": Source("payReason", kinds.text, field="prpCplan.payReason"),
                "change": Source("endorseNo", kinds.text, field="prpCplan.endorseNo"),
            },
            rules=(settle.not_negative("amount"), instalment),
            only=is_due,
            ignores=frozenset({"serialNo", "currency", "subsidyRate", "policyNo"}),
        ),
        "coinsurance": Each(
            "prpCcoins",
            {
                "insurer": Source("coinsCode", kinds.text),
                "share_percent": Source("coinsRate", kinds.share),
                "lead": Source("chiefFlag", truth("1", "0")),
            },
            asks={"name": Source("coinsName", kinds.text, field="coinsurance.insurer")},
            rules=(named,),
            ignores=frozenset({"serialNo", "coinsType", "policyNo"}),
        ),
    },
    asks={
        "first_hour": Source("prpCmain.startHour", HOUR, field="period.start"),
        "last_hour": Source("prpCmain.endHour", HOUR, field="period.end"),
        "insured_name": Source("prpCmain.insuredName", kinds.text, field="insured.name"),
        "insured_credit_code": Source("prpCmain.insuredCode", CLIENT, field="insured.credit_code"),
        "coinsured": Source("prpCmain.coinsFlag", COINSURED, field="coinsurance"),
    },
    rules=(
        period,
        insured,
        settle.product(),
        net_and_tax,
        settle.third_amount("premium"),
        settle.cny_by_contract,
        settle.signs("premium", "positive"),
        settle.not_negative("limits.aggregate"),
        one_rate,
        rates.rate,
        settle.instalments_total,
        paid_as_planned,
        settle.shares(flag="coinsured"),
    ),
)

ENDORSEMENT = Shape(
    "endorsement",
    shared=("policy_no", "endorsement_no", "change", "effective_on"),
    takes={"issued_on": Source("endorDate", DAY), "premium_change.gross": yuan("chgPremium")},
    rules=(change_kind, settle.signs_by_kind),
)

CANCELLATION = Shape(
    "cancellation",
    shared=("policy_no", "endorsement_no", "change", "effective_on"),
    takes={"return_premium.gross": yuan("chgPremium")},
    rules=(change_kind, settle.signs("return_premium", "negative"), settle.magnitudes("return_premium.gross")),
)

RECEIPT = Shape(
    "premium_receipt",
    shared=("policy_no", "amount"),
    takes={
        "receipt_no": Source("payRefNo", kinds.receipt_no, required=True),
        "instalment_no": Source("payNo", kinds.integer),
        "received_on": Source("realPayRefDate", DAY, required=True),
        "payer.name": Source("payerName", kinds.text),
        "payer.credit_code": Source("payerCode", CLIENT),
        "invoice_nos": Source("invoiceNo", kinds.invoice_nos),
    },
)

REFUND = Shape(
    "premium_refund",
    shared=("policy_no", "amount"),
    takes={
        "refund_no": Source("payRefNo", kinds.receipt_no, required=True),
        "paid_on": Source("realPayRefDate", DAY, required=True),
        "payee.name": Source("payerName", kinds.text),
        "payee.credit_code": Source("payerCode", CLIENT),
    },
    rules=(settle.magnitudes("amount"),),
)

MAPPING = Mapping(
    dialect="DIA-PRPC-JSON",
    title="核心系统抽取 prpC* tables of a core system, JSON",
    media_types=("application/json",),
    format=JsonMessages(lines=False),
    rows=(
        Rows(
            key=("policy_no",),
            bucket=("prpCmain.policyNo",),
            reads={"policy_no": Source("prpCmain.policyNo", kinds.policy_no, required=True)},
            choices=(
                Choice(becomes=always("policy"), shapes={"policy": POLICY}),
                Choice(
                    each="prpPhead",
                    reads={
                        "endorsement_no": Source("endorseNo", kinds.policy_no, required=True),
                        "change": Source("endorType", CHANGE, required=True, field="kind"),
                        "effective_on": Source("validDate", DAY, required=True),
                    },
                    becomes=changed,
                    shapes={"endorsement": ENDORSEMENT, "cancellation": CANCELLATION},
                ),
                Choice(
                    each="prpJpayrefrec",
                    reads={"amount": yuan("realPayRefFee")},
                    becomes=paid,
                    shapes={"premium_receipt": RECEIPT, "premium_refund": REFUND},
                ),
            ),
            ignores=frozenset(
                {
                    "prpCmain.classCode",
                    "prpCmain.proposalNo",
                    "prpCmain.comCode",
                    "prpCmain.makeCom",
                    "prpCmain.handlerCode",  # staff
                    "prpCmain.operatorCode",
                    "prpCmain.appliPhone",  # personal data that we have no ground to keep
                    "prpCmain.appliAddress",
                    "prpCmain.businessNature",
                    "prpPhead.policyNo",
                    "prpPhead.endorseTimes",
                    "prpPhead.handlerCode",
                    "prpJpayrefrec.policyNo",
                    "prpJpayrefrec.payRefFee",
                    "prpJpayrefrec.payRefReason",
                    "prpJpayrefrec.currency",
                    "prpJpayrefrec.payerAccount",
                    "prpJpayrefrec.operatorCode",
                }
            ),
        ),
    ),
)
