"""DIA-CSV-LIST: the policy list that insurers mail, CSV, one row a policy or a change of one, amounts often in 万元.

A row with 批单号 is an endorsement or a cancellation; the columns of the policy repeat there and are read for nothing.
The 实收 columns of any row are a receipt or a refund. Specification: DIALECTS section 3 and 0.9.
"""

import re
from unicodedata import normalize

from adapters import kinds, rates, settle
from adapters.amounts import Exact
from adapters.facts import Facts
from adapters.kinds import code, truth
from adapters.mapping import Choice, Derived, Mapping, Rows, Shape, Source
from adapters.settle import total_of
from adapters.tables import CsvList

LINE = code(
    {
        "产品责任保险": "product_liability",
        "产品责任险": "product_liability",
        "产品责任": "product_liability",
        "药品责任保险": "drug_liability",
        "药品责任险": "drug_liability",
        "药品责任": "drug_liability",
        "医疗器械责任保险": "device_liability",
        "医疗器械责任险": "device_liability",
        "临床试验责任保险": "clinical_trial_liability",
        "临床试验责任险": "clinical_trial_liability",
        "药物临床试验责任保险": "clinical_trial_liability",
    },
    other="other",
)
CHANGE = code(
    {
        "增加保费": ("endorsement", "increase"),
        "增保": ("endorsement", "increase"),
        "批增": ("endorsement", "increase"),
        "减少保费": ("endorsement", "decrease"),
        "减保": ("endorsement", "decrease"),
        "批减": ("endorsement", "decrease"),
        "内容变更": ("endorsement", "amend"),
        "一般批改": ("endorsement", "amend"),
        "恢复效力": ("endorsement", "reinstate"),
        "退保": ("cancellation", "mid_term"),
        "全单退保": ("cancellation", "mid_term"),
        "注销": ("cancellation", "from_inception"),
        "自始注销": ("cancellation", "from_inception"),
    }
)
REMARKED_CHANGES = {
    "退保": ("cancellation", "mid_term"),
    "全单退保": ("cancellation", "mid_term"),
    "注销": ("cancellation", "from_inception"),
    "自始注销": ("cancellation", "from_inception"),
}

GROSS = Source("应收保费", kinds.money, also=("保费",), required=True)
CHANGE_GROSS = Source("应收保费", kinds.money)
NET = Source("不含税保费", kinds.money)
TAX = Source("增值税", kinds.money, also=("税额",))
REMARK = Source("备注", kinds.text, field="备注")


def policy_or_change(facts: Facts) -> str:
    """A row with anything in 批单号 changes a policy."""
    return "change" if facts.says("endorsement_no") else "policy"


def changed(facts: Facts) -> str | None:
    """Endorsement or cancellation, by 批改类型, or without it by how 备注 starts; else an endorsement."""
    if "change" in facts.unread:
        return None
    if "change" not in facts.values:
        remark = normalize("NFKC", facts.ask("remark") or "").strip()
        if "remark" in facts.unread:
            return None
        change = next((meant for start, meant in REMARKED_CHANGES.items() if remark.startswith(start)), None)
        facts.put("change", change or ("endorsement", None), "by the sign of 应收保费", of="remark" if change else None)
    kind: str = facts.values["change"][0]
    return kind


def change_kind(facts: Facts) -> None:
    """The kind that was said, else the one that the sign of 应收保费 means: none or zero amends."""
    kind = facts.values.pop("change")[1]
    basis = facts.lineage.pop("change")
    if kind is None and "premium_change.gross" not in facts.unread:
        gross = facts.values.get("premium_change.gross")
        kind = "amend" if gross is None or gross.fen == 0 else "increase" if gross.fen > 0 else "decrease"
    if kind is not None:
        facts.values["kind"] = kind
        facts.lineage["kind"] = basis


def in_or_out(facts: Facts) -> str | None:
    """Money in is a receipt, money out a refund; none is nothing, and the columns beside it are not read."""
    amount = facts.values.get("amount")
    if amount is None or amount.fen == 0:
        return None
    return "premium_receipt" if amount.fen > 0 else "premium_refund"


def premium_not_negative(facts: Facts) -> None:
    """A return premium without endorsement number cannot be told from a correction: the number is missing."""
    gross = facts.values.get("premium.gross")
    if gross is not None and gross.fen < 0:
        facts.blame("field.missing", "return-premium-without-endorsement", "endorsement_no")
    else:
        _premium_is_positive(facts)


_premium_is_positive = settle.signs("premium", "positive")


def clauses(facts: Facts) -> None:
    """条款注册号: main clause or rider by the 11th character."""
    if numbers := facts.values.get("clauses"):
        facts.values["clauses"] = [
            {"registration_no": number, "kind": "main" if number[10] == "1" else "rider"} for number in numbers
        ]


_LIST_MARKS = re.compile(r"[;,、]")
_PERCENT = re.compile(r"[0-9]{1,16}(?:\.[0-9]{1,16})?\Z")
_ALONE = (Exact(100, 0), Exact(1, 0))


def coinsurance(facts: Facts) -> None:
    """共保比例 is the own share in percent; 备注 names the others: `从承保；主共：甲财险50%、从共：丙财险20%`."""
    own = facts.ask("own_share")
    if own is None or own.number == _ALONE[0]:
        return
    share = total_of([own.number])
    if share == _ALONE[0] or (share == _ALONE[1] and not own.marked):
        return
    remark = facts.ask("remark")
    if "remark" in facts.unread:
        return
    entries = _named_shares(facts.scope.insurer, own.number, normalize("NFKC", remark or ""))
    if entries is None:
        facts.blame("coinsurance.shares", "note-outside-of-grammar", "coinsurance.share_percent", note=remark or "")
        return
    named = [{"insurer": name, "share_percent": share, "lead": leads} for name, share, leads in entries]
    facts.put("coinsurance", named, "", of="own_share")
    if total_of([share for _, share, _ in entries]) != _ALONE[0] or own.number.digits < 0:
        facts.blame("coinsurance.shares", "not-the-whole", "coinsurance.share_percent", note=remark or "")
    if sum(leads for _, _, leads in entries) != 1:
        facts.blame("coinsurance.lead", "not-exactly-one", "coinsurance.lead", note=remark or "")


def _named_shares(insurer: str, own: Exact, note: str) -> list[tuple[str, Exact, bool]] | None:
    """Insurer, share and lead of the own entry and of those that the note names; `None` if it is not in the grammar."""
    role, *parts = (part.strip() for part in _LIST_MARKS.split(note))
    if role not in ("主承保", "从承保") or not parts:
        return None
    entries = [(insurer, own, role == "主承保")]
    label = ""
    for part in parts:
        before, colon, named = part.rpartition(":")
        label = before.strip() if colon else label
        other = _name_and_share(named.strip())
        if label not in ("主共", "从共") or other is None:
            return None
        entries.append((*other, label == "主共"))
    return entries


def _name_and_share(text: str) -> tuple[str, Exact] | None:
    """`丙财险20%`: a name, a number, a percent sign."""
    if not text.endswith("%"):
        return None
    text = text[:-1].rstrip()
    number = _PERCENT.search(text, max(0, len(text) - 33))
    name = text[: number.start()] if number else ""
    if number is None or not name.strip() or "%" in name or name[-1] in "0123456789.":
        return None
    whole, _, fraction = number[0].partition(".")
    return name.strip(), Exact(int(whole + fraction), len(fraction))


POLICY = Shape(
    "policy",
    shared=("policy_no",),
    takes={
        "policyholder.name": Source("投保人", kinds.text, also=("投保人名称",), required=True),
        "policyholder.credit_code": Source("统一社会信用代码", kinds.credit_code, also=("投保人统一社会信用代码",)),
        "product.generic_name": Source("被保险产品", kinds.text, also=("产品名称", "通用名")),
        "product.specification": Source("规格", kinds.text),
        "product.approval_no": Source("批准文号", kinds.approval_no),
        "product.approval_date": Source("批准日期", kinds.listed_day),
        "product.registration_class": Source("注册分类", kinds.text),
        "product.holder.name": Source("上市许可持有人", kinds.text),
        "product.manufacturer.name": Source("生产企业", kinds.text),
        "line": Source("险种", LINE, also=("险种名称",)),
        "clauses": Source("条款注册号", kinds.clause_nos, field="clauses.registration_no"),
        "issued_on": Source("签单日期", kinds.listed_day),
        "period.start": Source("起保日期", kinds.listed_moment, also=("保险起期",), required=True),
        "period.end": Source("终保日期", kinds.listed_moment, also=("保险止期",), required=True),
        "limits.aggregate": Source("累计责任限额", kinds.money, also=("责任限额",)),
        "limits.per_occurrence": Source("每次事故限额", kinds.money),
        "rate_percent": Source("费率", kinds.rate),
        "premium.gross": GROSS,
        "premium.net": NET,
        "premium.tax": TAX,
    },
    asks={"own_share": Source("共保比例", kinds.share, field="coinsurance.share_percent"), "remark": REMARK},
    rules=(
        settle.period,
        settle.third_amount("premium"),
        settle.cny_by_contract,
        premium_not_negative,
        settle.not_negative("limits.aggregate", "limits.per_occurrence"),
        rates.rate,
        settle.product(),
        clauses,
        coinsurance,
    ),
)

ENDORSEMENT = Shape(
    "endorsement",
    shared=("policy_no", "endorsement_no", "change", "effective_on"),
    takes={
        "issued_on": Source("签单日期", kinds.listed_day),
        "premium_change.gross": CHANGE_GROSS,
        "premium_change.net": NET,
        "premium_change.tax": TAX,
    },
    rules=(change_kind, settle.third_amount("premium_change"), settle.signs_by_kind),
)

CANCELLATION = Shape(
    "cancellation",
    shared=("policy_no", "endorsement_no", "change", "effective_on"),
    takes={
        "return_premium.gross": CHANGE_GROSS,
        "return_premium.net": NET,
        "return_premium.tax": TAX,
    },
    rules=(
        change_kind,
        settle.third_amount("return_premium"),
        settle.signs("return_premium", "negative"),
        settle.magnitudes("return_premium.gross", "return_premium.net", "return_premium.tax"),
    ),
)

CHANGE_ROW = Choice(
    reads={
        "change": Source("批改类型", CHANGE, field="kind"),
        "effective_on": Source("批改生效日期", kinds.listed_day),
    },
    asks={"remark": REMARK},
    becomes=changed,
    shapes={"endorsement": ENDORSEMENT, "cancellation": CANCELLATION},
)

RECEIPT = Shape(
    "premium_receipt",
    shared=("policy_no", "amount"),
    takes={
        "received_on": Source("收费日期", kinds.listed_day, also=("到账日期",), required=True),
        "invoice_nos": Source("发票号码", kinds.invoice_nos, also=("发票号",)),
        "payer.name": Source("缴费人", kinds.text),
        "paid_in_full": Source("是否缴清", truth("是", "否")),
    },
)

REFUND = Shape(
    "premium_refund",
    shared=("policy_no", "endorsement_no", "amount"),
    takes={
        "paid_on": Source("收费日期", kinds.listed_day, also=("到账日期",), required=True),
        "payee.name": Source("缴费人", kinds.text),
    },
    rules=(settle.magnitudes("amount"),),
)

MAPPING = Mapping(
    dialect="DIA-CSV-LIST",
    title="承保清单 policy list, CSV, GB18030 or UTF-8 with byte order mark",
    media_types=("text/csv",),
    format=CsvList(
        header=("保单号", "投保人"),
        needs=("保单号", "投保人", "起保日期", "终保日期", "应收保费"),
        key_column="保单号",
    ),
    rows=(
        Rows(
            key=("policy_no", "endorsement_no"),
            bucket=("保单号", "批单号"),
            reads={
                "policy_no": Source("保单号", kinds.policy_no, also=("保险单号",), required=True),
                "endorsement_no": Source("批单号", kinds.policy_no),
            },
            choices=(
                Choice(becomes=policy_or_change, shapes={"policy": POLICY, "change": CHANGE_ROW}),
                Choice(
                    reads={"amount": Source("实收保费", kinds.money, also=("实收金额",))},
                    becomes=in_or_out,
                    shapes={"premium_receipt": RECEIPT, "premium_refund": REFUND},
                ),
            ),
            ignores=frozenset(
                {
                    "序号",
                    "联系人",  # personal data that we have no ground to keep
                    "联系电话",
                    "手机",
                    "邮箱",
                    "地址",
                    "身份证号",
                    "经办人",
                    "业务员",
                    "机构",
                    "渠道",
                    "手续费比例",
                }
            ),
        ),
    ),
    derives={
        # The list has no receipt numbers: what a row states of the money names it.
        "premium_receipt": Derived("receipt_no", "RD-", ("policy_no", "endorsement_no", "received_on", "amount")),
        "premium_refund": Derived("refund_no", "FD-", ("policy_no", "endorsement_no", "paid_on", "amount")),
    },
)
