"""DIA-CRS-CSV: the coverholder premium bordereau of Lloyd's, Core Reporting Standard 5.2, CSV, one row a movement.

Amounts are in full units, gross is net of tax, the expiry is inclusive. The first row of new business of a certificate
is its policy; each row that moved money is a receipt or a refund too. Specification: DIALECTS section 9.
"""

import re
from collections.abc import Iterator
from collections.abc import Mapping as Fields
from datetime import date
from unicodedata import normalize

from adapters import amounts, convert, dates, kinds, settle
from adapters.coded import ALL_CELLS, CodedCsv, normal
from adapters.dates import Moment
from adapters.facts import Facts
from adapters.mapping import Choice, Derived, Kind, Mapping, Rows, Shape, Source
from adapters.problems import Unreadable
from adapters.repeats import Entry, Reading, Verdicts, again, same_key, stated
from schemas.money import Yuan

_DAY_FIRST = re.compile(r"([0-9]{1,2})/([0-9]{1,2})/([0-9]{4})(.*)")
_LONGEST_DATE = 100


def moment(raw: str) -> Moment | None:
    """A day as `D/M/YYYY`, which only this dialect has, or in one of the common forms."""
    value = convert.stated(raw)
    if value is None or len(value) > _LONGEST_DATE:
        return dates.moment(raw)
    found = _DAY_FIRST.fullmatch(normalize("NFKC", value))
    return dates.moment(raw if found is None else f"{found[3]}-{found[2]}-{found[1]}{found[4]}")


def day(raw: str) -> date | None:
    """The same; its time of day is dropped."""
    found = moment(raw)
    return None if found is None else found.day


def word(table: Fields[str, str]) -> Kind:
    """A word of the standard, without regard to case and repeated spaces."""
    known = {normal(name): meaning for name, meaning in table.items()}

    def read(raw: str) -> str | None:
        value = convert.stated(raw)
        if value is None or convert.is_null(value):
            return None
        if (meaning := known.get(normal(value))) is None:
            raise Unreadable("value.unknown", "not-in-table", known=", ".join(table))
        return meaning

    return Kind("word", read)


TRANSACTION = word(
    {"New Business": "new", "Renewal": "new", "Adjustment": "adjustment", "Cancellation": "cancellation"}
)
MOVEMENT = word(
    {
        "Original Premium": "original",
        "Original": "original",
        "Additional Premium": "additional",
        "Additional": "additional",
        "Return Premium": "return",
        "Return": "return",
    }
)
MOMENT, DAY = Kind("moment", moment, "number"), Kind("day", day, "number")

# Which record a row is, and the part of it that the movement's amounts are.
KINDS = {
    ("new", "original"): ("policy", "premium"),
    ("adjustment", "original"): (None, "premium_change"),  # another instalment: money, and nothing else
    ("adjustment", "additional"): ("endorsement", "premium_change"),
    ("adjustment", "return"): ("endorsement", "premium_change"),
    ("cancellation", "return"): ("cancellation", "return_premium"),
}


def record_kind(facts: Facts) -> str | None:
    """The record that CR0022 and CR0056 together mean."""
    values = facts.values
    if "transaction" not in values or "movement" not in values:
        return None
    if (found := KINDS.get((values["transaction"], values["movement"]))) is None:
        facts.blame("value.unknown", "no-such-movement", "type")
        return None
    return found[0]


def money_kind(facts: Facts) -> str | None:
    """Where the amounts of the movement belong."""
    found = KINDS.get((facts.values.get("transaction", ""), facts.values.get("movement", "")))
    return None if found is None else found[1]


def moved(facts: Facts) -> str | None:
    """Money in is a receipt, money out a refund, if it says when; its sign must be the movement's."""
    (net_name, net), (tax_name, tax) = ((name, facts.values.get(name)) for name in _amount_names(facts))
    is_return = facts.find("movement") == "return"
    way = -1 if is_return else 1
    if (net is not None and net.fen * way <= 0) or (tax is not None and tax.fen * way < 0):
        reason = "decrease-not-below-zero" if is_return else "increase-not-above-zero"
        facts.blame("sign.contradiction", reason, net_name, net=str(net), tax=str(tax))
    tax_agrees(facts, tax_name)
    when = "paid_on" if is_return else "received_on"
    if facts.ask(when) is None:
        if when not in facts.unread:
            facts.blame("receipt.date-missing", "no-date", when)
        return None
    if net is None or tax is None:
        return None
    facts.put("amount", abs(net + tax), f"computed from {NET_COLUMN}, {TAX_COLUMN}")
    return "premium_refund" if is_return else "premium_receipt"


def _amount_names(facts: Facts) -> tuple[str, str]:
    part = KINDS[facts.find("transaction"), facts.find("movement")][1]
    return f"{part}.net", f"{part}.tax"


def tax_agrees(facts: Facts, tax_name: str) -> None:
    """CR0083 is CR0064; CR0079 times CR0080 is CR0083, to the fen more or less."""
    tax, amount = facts.values.get(tax_name), facts.find("tax.amount")
    base, rate = facts.find("tax.base"), facts.find("tax.rate")
    if amount is None:
        return
    reason = ""
    if tax is not None and tax != amount:
        reason = "two-taxes-differ"
    elif base is not None and rate is not None:
        percent = rate.percent()
        whole = 100 * 10**percent.scale
        if abs(base.fen * percent.digits - amount.fen * whole) > whole:
            reason = "rate-gives-another-tax"
    if reason:
        facts.blame("premium.tax-mismatch", reason, "premium.tax", tax=str(tax), stated=str(amount))


def premium(facts: Facts) -> None:
    """CR0021 is the net premium of the policy; if it was paid at once, the tax of the movement is the policy's."""
    whole, net, tax = facts.values.get("premium.net"), facts.ask("paid.net"), facts.ask("paid.tax")
    if whole is None:
        return
    if whole.fen < 0 and (net is None or net.fen > 0):  # else the movement's own sign is told
        facts.blame("sign.contradiction", "below-zero", "premium.net", amount=str(whole))
    if net is not None and tax is not None and net == whole:
        facts.put("premium.tax", tax, "", of="paid.tax")
        facts.put("premium.gross", whole + tax, "computed from premium.net, premium.tax")


def change_kind(facts: Facts) -> None:
    """Additional premium increases, return premium decreases."""
    facts.put("kind", "decrease" if facts.values.pop("movement") == "return" else "increase", "", of="movement")
    del facts.lineage["movement"]


def cancellation_kind(facts: Facts) -> None:
    """From inception if it takes effect on the day of inception."""
    effective, start = facts.values.get("effective_on"), facts.find("period.start")
    if effective is not None and isinstance(start, date):
        facts.put("kind", "from_inception" if effective == start else "mid_term", "", of="effective_on")


def repeats(readings: Iterator[Reading]) -> Verdicts:
    """Rows equal in every cell are one. A certificate has one policy: later rows of new business state it again."""
    rows: list[Entry] = []
    policies: dict[int, Entry] = {}
    for row, drafts, facts in readings:
        policy_no = facts.values["policy_no"]
        number, where = row.number, row.cells.where
        rows.append(Entry(number, where, row.cells.objects[ALL_CELLS], "policy_no", policy_no, b""))
        if drafts and drafts[0].type == "policy":
            record = drafts[0].record
            agreed = [record.get(name) for name in ("policyholder", "period", "limits")] + [record["premium"]["net"]]
            policies[number] = Entry(number, where, policy_no, "policy_no", policy_no, stated(agreed))
    verdicts = same_key(rows)
    left: dict[str, list[Entry]] = {}
    for number, entry in policies.items():
        if number not in verdicts:
            left.setdefault(entry.raw, []).append(entry)
    for entries in left.values():
        if len({entry.records for entry in entries}) == 1:
            verdicts.update((entry.number, "policy") for entry in entries[1:])
            continue
        numbers = [entry.number for entry in entries]
        for entry in entries:
            verdicts[entry.number] = again("row.conflict", "same-key-other-record", entry, entry.where, numbers)
    return verdicts


def quiet(raw: str, unit: str) -> Yuan | None:
    """An amount that is read, and judged, elsewhere in the same row."""
    try:
        return amounts.money(raw, unit)
    except Unreadable:
        return None


NET_COLUMN, TAX_COLUMN = "Gross Premium Paid This Time", "Total Taxes and Levies"
AMOUNT_AGAIN = Kind("money", quiet, "number", "money")
NET_AGAIN = Source(NET_COLUMN, AMOUNT_AGAIN, unit="元", field="premium.net")
TAX_AGAIN = Source(TAX_COLUMN, AMOUNT_AGAIN, unit="元", field="premium.tax")
REFERENCE = Source("Endorsement Reference", kinds.policy_no)
RECEIVED = Source("Date Premium Received", DAY)
PAYER = Source("Payer Name", kinds.text)

POLICY = Shape(
    "policy",
    shared=("policy_no", "policyholder.name", "period.start", "period.end", "premium.net", "premium.currency"),
    takes={
        "policyholder.credit_code": Source("Insured Registration Number", kinds.credit_code),
        "limits.aggregate": Source("Sum Insured Amount", kinds.money, unit="元"),
    },
    asks={"paid.net": NET_AGAIN, "paid.tax": TAX_AGAIN},
    rules=(premium, settle.not_negative("limits.aggregate")),
)
ENDORSEMENT = Shape(
    "endorsement",
    shared=("policy_no", "effective_on", "movement"),
    takes={"endorsement_no": REFERENCE, "premium_change.net": NET_AGAIN, "premium_change.tax": TAX_AGAIN},
    rules=(change_kind, settle.third_amount("premium_change")),
)
CANCELLATION = Shape(
    "cancellation",
    shared=("policy_no", "effective_on"),
    takes={"endorsement_no": REFERENCE, "return_premium.net": NET_AGAIN, "return_premium.tax": TAX_AGAIN},
    rules=(
        cancellation_kind,
        settle.third_amount("return_premium"),
        settle.magnitudes("return_premium.gross", "return_premium.net", "return_premium.tax"),
    ),
)
RECEIPT = Shape("premium_receipt", shared=("policy_no", "amount", "received_on"), takes={"payer.name": PAYER})
REFUND = Shape(
    "premium_refund",
    shared=("policy_no", "amount", "paid_on"),
    takes={"endorsement_no": REFERENCE, "payee.name": PAYER},
)


def money_of(part: str) -> Choice:
    """The amounts of a movement, under the names that they have in its record."""
    return Choice(
        reads={
            f"{part}.net": Source(NET_COLUMN, kinds.money, unit="元", required=True),
            f"{part}.tax": Source(TAX_COLUMN, kinds.money, unit="元", required=True),
        },
        asks={"received_on": RECEIVED, "paid_on": RECEIVED},
        becomes=moved,
        shapes={"premium_receipt": RECEIPT, "premium_refund": REFUND},
    )


MAPPING = Mapping(
    dialect="DIA-CRS-CSV",
    title="Lloyd's coverholder premium bordereau, Core Reporting Standard 5.2, CSV",
    media_types=("text/csv",),
    format=CodedCsv(
        codes={
            "Total Gross Written Premium": "CR0021",
            "Risk Transaction Type": "CR0022",
            "Risk Inception Date": "CR0030",
            "Risk Expiry Date": "CR0031",
            "Premium Transaction Type": "CR0056",
            "Effective Date of Transaction": "CR0057",
            NET_COLUMN: "CR0059",
            "Commission Percentage": "CR0061",
            "Commission Amount": "CR0062",
            TAX_COLUMN: "CR0064",
            "Net Premium to London (Original Currency)": "CR0065",
            "Rate of Exchange": "CR0067",
            "Net Premium to London (Settlement Currency)": "CR0068",
            "Tax 1 Territory": "CR0077",
            "Tax 1 Type": "CR0078",
            "Tax 1 Taxable Amount": "CR0079",
            "Tax 1 Rate": "CR0080",
            "Tax 1 Amount": "CR0083",
            "Fees": "CR0925",
            "Lloyds Platform": "CR1297",
        },
        needs=(
            "Certificate Reference",
            "Insured Name",
            "Original Currency",
            "Total Gross Written Premium",
            "Risk Transaction Type",
            "Risk Inception Date",
            "Risk Expiry Date",
            "Premium Transaction Type",
            "Effective Date of Transaction",
            NET_COLUMN,
            TAX_COLUMN,
        ),
        totals={NET_COLUMN: "premium.net", TAX_COLUMN: "premium.tax"},
        key_column="Certificate Reference",
    ),
    rows=(
        Rows(
            key=("policy_no",),
            bucket=("Certificate Reference",),
            reads={
                "policy_no": Source("Certificate Reference", kinds.policy_no, required=True),
                "policyholder.name": Source("Insured Name", kinds.text, required=True),
                "premium.currency": Source("Original Currency", kinds.currency, required=True),
                "premium.net": Source("Total Gross Written Premium", kinds.money, unit="元", required=True),
                "transaction": Source("Risk Transaction Type", TRANSACTION, required=True, field="type"),
                "period.start": Source("Risk Inception Date", MOMENT, required=True),
                "period.end": Source("Risk Expiry Date", MOMENT, required=True),
                "movement": Source("Premium Transaction Type", MOVEMENT, required=True, field="type"),
                "effective_on": Source("Effective Date of Transaction", DAY, required=True),
                "tax.base": Source("Tax 1 Taxable Amount", kinds.money, unit="元", field="premium.tax"),
                "tax.rate": Source("Tax 1 Rate", kinds.rate, unit="%", field="premium.tax"),
                "tax.amount": Source("Tax 1 Amount", kinds.money, unit="元", field="premium.tax"),
            },
            rules=(settle.period,),
            choices=(
                Choice(
                    becomes=record_kind,
                    shapes={"policy": POLICY, "endorsement": ENDORSEMENT, "cancellation": CANCELLATION},
                ),
                Choice(
                    becomes=money_kind,
                    shapes={part: money_of(part) for part in ("premium", "premium_change", "return_premium")},
                ),
            ),
            ignores=frozenset(
                {
                    "Unique Market Reference (UMR)",
                    "Reporting Period (End Date)",
                    "Coverholder Name",
                    "Section Number",
                    "Insured Contact Name",  # personal data that we have no ground to keep
                    "Insured Address",
                    "Insured Email",
                    "Commission Percentage",
                    "Commission Amount",
                    "Net Premium to London (Original Currency)",
                    "Rate of Exchange",
                    "Net Premium to London (Settlement Currency)",
                    "Tax 1 Territory",
                    "Tax 1 Type",
                    "Fees",
                    "Lloyds Platform",
                }
            ),
        ),
    ),
    derives={
        # A bordereau has no numbers of receipts, and of endorsements only if its sender adds them.
        "premium_receipt": Derived("receipt_no", "RD-", ("policy_no", "effective_on", "received_on", "amount")),
        "premium_refund": Derived("refund_no", "FD-", ("policy_no", "effective_on", "paid_on", "amount")),
        "endorsement": Derived("endorsement_no", "ED-", ("policy_no", "kind", "effective_on", "premium_change.net")),
        "cancellation": Derived("endorsement_no", "ED-", ("policy_no", "kind", "effective_on", "return_premium.net")),
    },
    repeats=repeats,
)
