"""Profiles for whoever has no layout of their own registered: the words that most documents use, each with its meaning.

A word that means different things to different insurers stands in none of them: `保险费` with or without tax, `Gross
Premium` with or without (the London market's is net of tax). Which profile suits the senders of which format is said
by `DOCUMENTS_OF`.
"""

import re
from collections.abc import Mapping

from adapters import convert
from adapters.document_layout import OFD, PDF, Field, Profile
from adapters.document_model import DocumentKind
from adapters.document_readers import (
    clause_numbers,
    day,
    english_line,
    english_period,
    in_words,
    line,
    money,
    percent,
    period,
    said_yes_or_no,
    says_no,
    says_yes,
)


def _labels(*stated: tuple[str, Field]) -> dict[str, Field]:
    """Each field under each of its labels."""
    return {label: field for labels, field in stated for label in labels.split("|")}


_POLICY_NO = Field("policy_no", convert.policy_no)
_GROSS_IN_WORDS = Field("premium.gross", in_words)
_AMOUNT_IN_WORDS = Field("amount", in_words)
_POLICY = _labels(
    ("保险单号|保单号|保单号码|保险单号码|电子保单号", _POLICY_NO),
    ("投保人|投保人名称", Field("policyholder.name", convert.text)),
    (
        "统一社会信用代码|投保人统一社会信用代码|投保人证件号码",
        Field("policyholder.credit_code", convert.credit_code),
    ),
    ("险种|险种名称", Field("line", line)),
    (
        "被保险产品|承保产品|承保产品通用名|产品名称|药品通用名称|通用名",
        Field("product.generic_name", convert.text),
    ),
    ("批准文号|药品批准文号", Field("product.approval_no", convert.approval_no)),
    ("条款注册号|条款注册编号", Field("clauses.registration_no", clause_numbers)),
    ("签单日期|出单日期|签发日期", Field("issued_on", day)),
    ("保险期间|保险期限", Field("period", period)),
    ("累计责任限额|累计赔偿限额", Field("limits.aggregate", money)),
    ("每次事故责任限额|每次事故赔偿限额|每次事故限额", Field("limits.per_occurrence", money)),
    ("费率|保险费率", Field("rate_percent", percent)),
    ("保险费合计（含税）|含税保险费|含税保费|总保险费（含税）", Field("premium.gross", money)),
    ("保险费合计（大写）|含税保费大写|总保险费（大写）", _GROSS_IN_WORDS),
    ("不含税保险费|不含税保费|其中：不含税保费", Field("premium.net", money)),
    ("增值税额|增值税|税额|其中：增值税|其中：税额", Field("premium.tax", money)),
)
_RECEIPT = _labels(
    ("收据编号|收据号|收据号码|收付流水号", Field("receipt_no", convert.receipt_no)),
    ("保险单号|保单号|保单号码|保险单号码", _POLICY_NO),
    ("缴费人|缴费人名称|缴费方名称|付款人|付款单位|交款人", Field("payer.name", convert.text)),
    (
        "缴费人统一社会信用代码|缴费方统一社会信用代码|付款人统一社会信用代码",
        Field("payer.credit_code", convert.credit_code),
    ),
    ("实收保费|实收金额|收款金额小写|收款金额（小写）|缴费金额", Field("amount", money)),
    ("实收保费大写|收款金额大写|收款金额（大写）|缴费金额大写", _AMOUNT_IN_WORDS),
    ("到账日期|到账时间|收费日期|收款日期", Field("received_on", day)),
    ("是否缴清|是否全额", Field("paid_in_full", said_yes_or_no)),
)
_SETTLED: Mapping[str, Field] = {
    "保费已全部缴清": Field("paid_in_full", says_yes),
    "保费尚未全部缴清": Field("paid_in_full", says_no),
}
_BEFORE = "[^，。；：、本]{0,20}"
_TITLES: tuple[tuple[re.Pattern[str], DocumentKind], ...] = (
    (re.compile(rf"{_BEFORE}(?:保险单|电子保单)(?:（电子保单）|（正本）)?"), "policy"),
    (re.compile(rf"{_BEFORE}(?:保险费|保费)(?:收据|收款凭证|缴费凭证)"), "receipt"),
    (re.compile(rf"{_BEFORE}(?:保险费|保费)(?:收讫证明|缴纳证明|到账确认书)"), "statement"),
)

_ENGLISH_POLICY = _labels(
    ("Policy Number|Policy No.|Certificate Reference", _POLICY_NO),
    ("Policyholder|Named Insured|Insured Name", Field("policyholder.name", convert.text)),
    (
        "Unified Social Credit Code|Insured Registration Number",
        Field("policyholder.credit_code", convert.credit_code),
    ),
    ("Class of Business|Coverage", Field("line", english_line)),
    ("Insured Product|Generic Name", Field("product.generic_name", convert.text)),
    ("Approval Number", Field("product.approval_no", convert.approval_no)),
    ("Clause Registration Number", Field("clauses.registration_no", clause_numbers)),
    ("Issue Date|Date of Issue", Field("issued_on", day)),
    ("Period of Insurance", Field("period", english_period)),
    ("Aggregate Limit|Aggregate Limit of Liability", Field("limits.aggregate", money)),
    ("Limit per Occurrence", Field("limits.per_occurrence", money)),
    ("Rate", Field("rate_percent", percent)),
    ("Premium including VAT|Total Premium including VAT", Field("premium.gross", money)),
    ("Premium excluding VAT", Field("premium.net", money)),
    ("VAT", Field("premium.tax", money)),
)
_ENGLISH_RECEIPT = _labels(
    ("Receipt Number", Field("receipt_no", convert.receipt_no)),
    ("Policy Number|Policy No.|Certificate Reference", _POLICY_NO),
    ("Payer|Payer Name", Field("payer.name", convert.text)),
    ("Unified Social Credit Code", Field("payer.credit_code", convert.credit_code)),
    ("Amount Received", Field("amount", money)),
    ("Date Received|Date Premium Received", Field("received_on", day)),
)
_ENGLISH_SETTLED: Mapping[str, Field] = {
    "Thepremiumispaidinfull": Field("paid_in_full", says_yes),
    "Thepremiumisnotpaidinfull": Field("paid_in_full", says_no),
}
_ENGLISH_TITLES: tuple[tuple[re.Pattern[str], DocumentKind], ...] = (
    (re.compile("(?i).{0,40}(?:insurancepolicy|policyschedule|certificateofinsurance)"), "policy"),
    (re.compile("(?i)premiumreceipt"), "receipt"),
)

GENERAL: tuple[Profile, ...] = (
    *(
        Profile(
            code=code,
            media=media,
            titled=_TITLES,
            labels={"policy": _POLICY, "receipt": _RECEIPT, "statement": _RECEIPT},
            sentences={"receipt": _SETTLED, "statement": _SETTLED},
        )
        for code, media in (("DOC-GENERAL-OFD", OFD), ("DOC-GENERAL-PDF", PDF))
    ),
    Profile(
        code="DOC-ENGLISH-PDF",
        media=PDF,
        titled=_ENGLISH_TITLES,
        labels={"policy": _ENGLISH_POLICY, "receipt": _ENGLISH_RECEIPT},
        sentences={"receipt": _ENGLISH_SETTLED},
    ),
)

# Which profiles to try first for the documents of who sends this format; invoices need none.
_CHINESE = ("DOC-GENERAL-OFD", "DOC-GENERAL-PDF")
_ENGLISH = ("DOC-ENGLISH-PDF",)
DOCUMENTS_OF: Mapping[str, tuple[str, ...]] = {
    "DIA-CHANNEL-XML": ("DOC-OFD-XML", *_CHINESE),
    "DIA-SOAP-XML": _CHINESE,
    "DIA-CSV-LIST": ("DOC-PDF-FIRST", *_CHINESE),
    "DIA-XLSX-BDX": _CHINESE,
    "DIA-PRPC-JSON": _CHINESE,
    "DIA-CANON-JSON": ("DOC-OFD-TEXT", "DOC-PDF-SECOND", *_CHINESE),
    "DIA-CANON-XML": _CHINESE,
    "DIA-CANON-XLSX": _CHINESE,
    "DIA-ACORD-XML": _ENGLISH,
    "DIA-ACORD-AL3": _ENGLISH,
    "DIA-CRS-CSV": _ENGLISH,
    "DIA-RECEIPT-JSON": _CHINESE,
    "DIA-EINV-XML": (),
    "DIA-EAST-TXT": _CHINESE,
}
