"""Document profiles as data: what each insurer's e-policies and premium statements call things.

A profile names the titles, labels, attachments and custom tags from which fields are taken. What a text means is said
by a reader: a function from the text to the canonical value, `None` for "no value", or `Unreadable`.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal
from unicodedata import normalize

from adapters import amounts, convert, dates
from adapters.document_model import DocumentKind, Value
from adapters.problems import Unreadable

Reader = Callable[[str], "Value | Mapping[str, str] | None"]


@dataclass(frozen=True, slots=True)
class Field:
    """One field by its record path, and how its text is read. A reader of a mapping gives the fields below the path.

    `many`: the element may stand several times, each with one value; together they are the list.
    """

    path: str
    read: Reader
    many: bool = False


@dataclass(frozen=True, slots=True)
class Tree:
    """A structured part: the namespace and name of its root, its kind, and its leaves by path below the root.

    Each leaf is taken, or ignored by name; anything else is a problem. Attributes are `@name`.
    """

    root: str
    kind: DocumentKind
    takes: Mapping[str, Field]
    namespace: str = ""
    ignores: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Profile:
    """How the documents of one producer are read.

    `titles` say the kind; `labels` are what stands before a value on the page, by kind; `sentences` are stated facts
    without a label: the field is read from the sentence as a whole. `tags` are the leaves of the custom tag tree.
    """

    code: str
    media: Literal["application/ofd", "application/pdf"]
    titles: Mapping[str, DocumentKind]
    labels: Mapping[DocumentKind, Mapping[str, Field]]
    sentences: Mapping[DocumentKind, Mapping[str, Field]] = field(default_factory=dict)
    attachments: tuple[Tree, ...] = ()
    tags: Mapping[str, Field] = field(default_factory=dict)


def money(raw: str) -> str | None:
    """An amount in yuan; its unit must stand beside it, or the amount has two places as money has."""
    text = normalize("NFKC", raw).strip()
    value = amounts.money(text, "元" if re.search(r"\.[0-9]{2}$", text) else None)
    return None if value is None else str(value)


def percent(raw: str) -> str | None:
    """A percentage; its sign must stand beside it."""
    rate = amounts.rate(raw, None)
    if rate is None:
        return None
    if rate.unit is None:
        raise Unreadable("unit.ambiguous", "no-unit")
    return str(rate.percent())


def plain_percent(raw: str) -> str | None:
    """A percentage in a field that says in its name that it is one."""
    rate = amounts.rate(raw, "%")
    return None if rate is None else str(rate.percent())


def day(raw: str) -> str | None:
    """A day."""
    value = dates.day(raw)
    return None if value is None else value.isoformat()


def clause_numbers(raw: str) -> tuple[str, ...] | None:
    """One or more clause registration numbers."""
    found = _CLAUSES(raw)
    return None if found is None else tuple(found)


def period(raw: str) -> Mapping[str, str] | None:
    """自2026年3月1日0时起至2027年2月28日24时止, and its relatives: whole days, both included (DIALECTS 0.7)."""
    stated = convert.stated(raw)
    if stated is None:
        return None
    text = "".join(normalize("NFKC", stated).split()).replace("零时", "0时").replace("二十四时", "24时")
    found = _PERIOD.fullmatch(text)
    if found is None:
        raise Unreadable("date.unreadable", "form")
    start, end = (_moment(found[f"{side}_day"], found[f"{side}_hour"]) for side in ("start", "end"))
    first, last = dates.period(start, end)
    return {"start": first.isoformat(), "end": last.isoformat()}


def line(raw: str) -> str | None:
    """The line of business 险种 by the name on the page."""
    value = convert.text(raw)
    if value is None:
        return None
    if value not in _LINES:
        raise Unreadable("value.unknown", "not-in-table", known=", ".join(_LINES))
    return _LINES[value]


def says_yes(_: str) -> bool | None:
    """The sentence is a statement of itself."""
    return True


def says_no(_: str) -> bool | None:
    """The sentence states the opposite."""
    return False


_CLAUSES = convert.several(convert.clause_no)
_DAY = r"[0-9]{4}(?:年[0-9]{1,2}月[0-9]{1,2}[日号]|[-/.][0-9]{1,2}[-/.][0-9]{1,2})"
_PERIOD = re.compile(
    rf"(?:自|从)?(?P<start_day>{_DAY})(?:(?P<start_hour>[0-9]{{1,2}})(?:时|:00))?起?"
    rf"[至到](?P<end_day>{_DAY})(?:(?P<end_hour>[0-9]{{1,2}})(?:时|:00))?止?"
)
_LINES: Mapping[str, str] = {
    "产品责任保险": "product_liability",
    "药品责任保险": "drug_liability",
    "医疗器械责任保险": "device_liability",
    "药物临床试验责任保险": "clinical_trial_liability",
    "临床试验责任保险": "clinical_trial_liability",
    "其他责任保险": "other",
}


def _moment(on: str, hour: str | None) -> dates.Moment:
    found = dates.moment(on if hour is None else f"{on} {int(hour):02d}:00")
    if found is None:
        raise Unreadable("date.unreadable", "form")
    return found


def _policy_labels(**names: str) -> dict[str, Field]:
    """The labels of a policy by what they are called; each name is one label of the profile."""
    known = {
        "policy_no": Field("policy_no", convert.policy_no),
        "holder": Field("policyholder.name", convert.text),
        "holder_code": Field("policyholder.credit_code", convert.credit_code),
        "line": Field("line", line),
        "product": Field("product.generic_name", convert.text),
        "approval": Field("product.approval_no", convert.approval_no),
        "clauses": Field("clauses.registration_no", clause_numbers),
        "issued": Field("issued_on", day),
        "period": Field("period", period),
        "limit": Field("limits.aggregate", money),
        "rate": Field("rate_percent", percent),
        "gross": Field("premium.gross", money),
        "net": Field("premium.net", money),
        "tax": Field("premium.tax", money),
    }
    return {label: known[name] for name, label in names.items()}


def _statement_labels(policy_no: str) -> dict[str, Field]:
    return {
        "收据编号": Field("receipt_no", convert.receipt_no),
        policy_no: Field("policy_no", convert.policy_no),
        "缴费人": Field("payer.name", convert.text),
        "缴费人统一社会信用代码": Field("payer.credit_code", convert.credit_code),
        "实收保费": Field("amount", money),
        "到账日期": Field("received_on", day),
    }


_FIRST = _policy_labels(
    policy_no="保险单号",
    holder="投保人",
    holder_code="统一社会信用代码",
    line="险种",
    product="承保产品通用名",
    approval="批准文号",
    clauses="条款注册号",
    issued="签单日期",
    period="保险期间",
    limit="累计责任限额",
    rate="费率",
    gross="保险费合计（含税）",
    net="不含税保险费",
    tax="增值税额",
)
_SECOND = _policy_labels(
    policy_no="保单号码",
    holder="投保人名称",
    holder_code="投保人证件号码",
    line="险种",
    product="被保险产品",
    approval="药品批准文号",
    clauses="条款注册号",
    issued="签单日期",
    period="保险期限",
    limit="累计责任限额",
    rate="费率",
    gross="总保险费",
    net="其中：不含税保费",
    tax="其中：税额",
)
_SETTLED: Mapping[str, Field] = {
    "保费已全部缴清": Field("paid_in_full", says_yes),
    "保费尚未全部缴清": Field("paid_in_full", says_no),
}

_E_POLICY = Tree(
    root="EPolicy",
    namespace="urn:sandbox:e-policy:1",
    kind="policy",
    takes={
        "PolicyNo": Field("policy_no", convert.policy_no),
        "LineName": Field("line", line),
        "IssueDate": Field("issued_on", day),
        "Holder/Name": Field("policyholder.name", convert.text),
        "Holder/CreditCode": Field("policyholder.credit_code", convert.credit_code),
        "Product/GenericName": Field("product.generic_name", convert.text),
        "Product/ApprovalNo": Field("product.approval_no", convert.approval_no),
        "Clauses/Clause/RegNo": Field("clauses.registration_no", clause_numbers, many=True),
        "Period/Start": Field("period.start", day),
        "Period/End": Field("period.end", day),
        "AggregateLimit": Field("limits.aggregate", money),
        "RatePercent": Field("rate_percent", plain_percent),
        "Premium/Gross": Field("premium.gross", money),
        "Premium/Net": Field("premium.net", money),
        "Premium/Tax": Field("premium.tax", money),
    },
    ignores=frozenset({"@Version", "Clauses/Clause/Name"}),
)

_TAGS: Mapping[str, Field] = {
    "PolicyNo": Field("policy_no", convert.policy_no),
    "HolderName": Field("policyholder.name", convert.text),
    "PremiumGross": Field("premium.gross", money),
}

PROFILES: Mapping[str, Profile] = {
    profile.code: profile
    for profile in (
        Profile(
            code="DOC-OFD-XML",
            media="application/ofd",
            titles={"产品责任保险电子保险单": "policy", "保险费收讫证明": "statement"},
            labels={"policy": _FIRST, "statement": _statement_labels("保险单号")},
            sentences={"statement": _SETTLED},
            attachments=(_E_POLICY,),
            tags=_TAGS,
        ),
        Profile(
            code="DOC-OFD-TEXT",
            media="application/ofd",
            titles={"产品责任保险电子保险单": "policy", "保险费收讫证明": "statement"},
            labels={"policy": _FIRST, "statement": _statement_labels("保险单号")},
            sentences={"statement": _SETTLED},
            tags=_TAGS,
        ),
        Profile(
            code="DOC-PDF-FIRST",
            media="application/pdf",
            titles={"电子保险单": "policy", "保费到账确认书": "statement"},
            labels={"policy": _FIRST, "statement": _statement_labels("保险单号")},
            sentences={"statement": _SETTLED},
        ),
        Profile(
            code="DOC-PDF-SECOND",
            media="application/pdf",
            titles={"责任保险保险单（电子保单）": "policy", "保险费收据": "receipt"},
            labels={"policy": _SECOND, "receipt": _statement_labels("保单号码")},
            sentences={"receipt": _SETTLED},
        ),
    )
}
