"""DIA-XLSX-BDX: the bordereau workbook of insurers, `.xlsx`, two-level merged header, one row a policy or a change.

A row with 批单号 is an endorsement, its kind by the sign of 含税保费; the columns of the policy repeat there and are
read for nothing. The group 收费 of any row is a receipt or a refund. Specification: DIALECTS section 4 and 0.9.
"""

import re
from unicodedata import normalize

from adapters import convert, dates, kinds, rates, settle
from adapters.facts import Facts
from adapters.insurers.dia_csv_list import in_or_out, policy_or_change, premium_not_negative
from adapters.mapping import Choice, Derived, Kind, Mapping, Rows, Shape, Source
from adapters.problems import Unreadable
from adapters.stored import formula_notes
from adapters.workbook import Bordereau

_LINES = re.compile(r"[\r\n]+")
_SPAN = re.compile(r"([^至~]*)[至~]([^至~]*)")


def name_and_specification(raw: str) -> tuple[str | None, str | None] | None:
    """产品名称: the first line names the product, the rest is its specification 规格."""
    value = convert.stated(raw)
    if value is None:
        return None
    first, *rest = (line for line in map(str.strip, _LINES.split(value)) if line)
    return convert.text(first), convert.text(" ".join(rest))


def two_texts(raw: str) -> tuple[str, str] | None:
    """保险期间 over one column: `A至B` or `A~B`."""
    value = convert.stated(raw)
    if value is None:
        return None
    found = _SPAN.fullmatch(normalize("NFKC", value)) if len(value) <= _LONGEST_SPAN else None
    if found is None:
        raise Unreadable("date.unreadable", "not-from-to")
    return found[1], found[2]


_LONGEST_SPAN = 100


def span(facts: Facts) -> None:
    """Start and end where one column holds both; each is judged for itself."""
    if "保险期间" not in facts.cells.raws or "period" in facts.unread:
        return
    halves = facts.values.pop("period", ("", ""))
    basis = facts.lineage.pop("period", None)
    for name, half in zip(("period.start", "period.end"), halves, strict=True):
        if basis is not None:
            facts.lineage[name] = basis
        try:
            found = dates.moment(half)
        except Unreadable as error:
            facts.unread.add(name)
            facts.blame(error.rule, error.reason, name)
            continue
        if found is None:
            facts.blame("field.missing", "missing", name)
        else:
            facts.values[name] = found


def product(facts: Facts) -> None:
    """The two parts of 产品名称."""
    named = facts.values.pop("product.named", None)
    basis = facts.lineage.pop("product.named", None)
    if named is None or basis is None:
        return
    for name, value in zip(("product.generic_name", "product.specification"), named, strict=True):
        if value is not None:
            facts.values[name], facts.lineage[name] = value, basis


def change_kind(facts: Facts) -> None:
    """By the sign of 含税保费: none or zero amends."""
    if "premium_change.gross" in facts.unread:
        return
    gross = facts.values.get("premium_change.gross")
    kind = "amend" if gross is None or gross.fen == 0 else "increase" if gross.fen > 0 else "decrease"
    facts.put("kind", kind, "by the sign of 含税保费", of="premium_change.gross")


TEXT, MOMENT = kinds.text, kinds.moment
NUMBERS = {
    "policy_no": Source("保单号", kinds.policy_no, required=True),
    "endorsement_no": Source("批单号", kinds.policy_no),
}
POLICY_TAKES = {
    "policyholder.name": Source("投保人", TEXT, required=True),
    "policyholder.credit_code": Source("统一社会信用代码", kinds.credit_code),
    "issued_on": Source("签单日期", kinds.day),
    "period": Source("保险期间", Kind("start and end", two_texts, "number"), field="period.start"),
    "period.start": Source("起期", MOMENT, required=True),
    "period.end": Source("止期", MOMENT, required=True),
    "product.named": Source(
        "产品名称", Kind("name and specification", name_and_specification), field="product.generic_name"
    ),
    "product.approval_no": Source("批准文号", kinds.approval_no),
    "product.approval_date": Source("批准日期", kinds.day),
    "product.registration_class": Source("注册分类", TEXT),
    "product.holder.name": Source("上市许可持有人", TEXT),
    "limits.aggregate": Source("责任限额", kinds.money),
    "rate_percent": Source("费率", kinds.rate),
    "premium.gross": Source("含税保费", kinds.money, required=True),
    "premium.net": Source("不含税保费", kinds.money),
    "premium.tax": Source("其中:增值税", kinds.money, also=("增值税",)),
}
CHANGE_TAKES = {
    "issued_on": Source("签单日期", kinds.day),
    "premium_change.gross": Source("含税保费", kinds.money),
    "premium_change.net": Source("不含税保费", kinds.money),
    "premium_change.tax": Source("其中:增值税", kinds.money, also=("增值税",)),
}
PAID = {"amount": Source("实收金额", kinds.money)}
RECEIPT_TAKES = {
    "received_on": Source("到账日期", kinds.day, required=True),
    "invoice_nos": Source("发票号码", kinds.invoice_nos),
    "payer.name": Source("缴费人", TEXT),
}
REFUND_TAKES = {
    "paid_on": Source("到账日期", kinds.day, required=True),
    "payee.name": Source("缴费人", TEXT),
}

POLICY = Shape(
    "policy",
    shared=("policy_no",),
    takes=POLICY_TAKES,
    rules=(
        formula_notes(POLICY_TAKES),
        span,
        settle.period,
        settle.third_amount("premium"),
        settle.cny_by_contract,
        premium_not_negative,
        settle.not_negative("limits.aggregate"),
        rates.rate,
        product,
        settle.product(),
    ),
)
ENDORSEMENT = Shape(
    "endorsement",
    shared=("policy_no", "endorsement_no"),
    takes=CHANGE_TAKES,
    rules=(formula_notes(CHANGE_TAKES), change_kind, settle.third_amount("premium_change"), settle.signs_by_kind),
)
RECEIPT = Shape(
    "premium_receipt",
    shared=("policy_no", "amount"),
    takes=RECEIPT_TAKES,
    rules=(formula_notes(PAID | RECEIPT_TAKES),),
)
REFUND = Shape(
    "premium_refund",
    shared=("policy_no", "endorsement_no", "amount"),
    takes=REFUND_TAKES,
    rules=(formula_notes(PAID | REFUND_TAKES), settle.magnitudes("amount")),
)

MAPPING = Mapping(
    dialect="DIA-XLSX-BDX",
    title="承保清单 bordereau workbook, two-level merged header, xlsx",
    media_types=("application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",),
    format=Bordereau(
        group="保单信息",
        needs=("保单号", "投保人", (("起期", "止期"), ("保险期间",)), "含税保费"),
        key_column="保单号",
        pairs={"保险期间": ("起期", "止期")},
        aside=frozenset({"说明", "填报说明", "字典", "代码表"}),
    ),
    rows=(
        Rows(
            key=("policy_no", "endorsement_no"),
            bucket=("保单号", "批单号"),
            reads=NUMBERS,
            choices=(
                Choice(becomes=policy_or_change, shapes={"policy": POLICY, "change": ENDORSEMENT}),
                Choice(reads=PAID, becomes=in_or_out, shapes={"premium_receipt": RECEIPT, "premium_refund": REFUND}),
            ),
            ignores=frozenset(
                {
                    "序号",
                    "备注",
                    "经办人",  # staff
                    "联系电话",  # personal data that we have no ground to keep
                    "归属机构",
                }
            ),
        ),
    ),
    derives={
        # The workbook has no receipt numbers: what a row states of the money names it.
        "premium_receipt": Derived("receipt_no", "RD-", ("policy_no", "endorsement_no", "received_on", "amount")),
        "premium_refund": Derived("refund_no", "FD-", ("policy_no", "endorsement_no", "paid_on", "amount")),
    },
)
