"""Document profiles as data: what each insurer's e-policies and premium statements call things.

A profile names the titles, labels, attachments and custom tags from which fields are taken. What a text means is said
by a reader of `document_readers`.
"""

from collections.abc import Mapping

from adapters import convert
from adapters.document_general import GENERAL
from adapters.document_layout import Field, Profile, Tree
from adapters.document_readers import (
    clause_numbers,
    day,
    in_words,
    line,
    money,
    percent,
    period,
    plain_percent,
    says_no,
    says_yes,
)


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
        "words": Field("premium.gross", in_words),
        "net": Field("premium.net", money),
        "tax": Field("premium.tax", money),
    }
    return {label: known[name] for name, label in names.items()}  # figures and words say the same, or it is a problem


def _statement_labels(policy_no: str) -> dict[str, Field]:
    return {
        "收据编号": Field("receipt_no", convert.receipt_no),
        policy_no: Field("policy_no", convert.policy_no),
        "缴费人": Field("payer.name", convert.text),
        "缴费人统一社会信用代码": Field("payer.credit_code", convert.credit_code),
        "实收保费": Field("amount", money),
        "实收保费大写": Field("amount", in_words),
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
    words="保险费大写",
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
    words="保险费大写",
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
        *GENERAL,
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
