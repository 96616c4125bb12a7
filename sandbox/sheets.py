"""What stands on the page of an e-policy 电子保单 or a premium statement 保费收讫证明: a title and labelled lines."""

import html
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from sandbox.records import Record

LINES = {
    "product_liability": "产品责任保险",
    "drug_liability": "药品责任保险",
    "device_liability": "医疗器械责任保险",
    "clinical_trial_liability": "临床试验责任保险",
    "other": "其他责任保险",
}


@dataclass(frozen=True, slots=True)
class Sheet:
    """A page: title, the insurer's name above it, labelled lines in order, and sentences below."""

    title: str
    heading: str
    rows: tuple[tuple[str, str], ...]
    sentences: tuple[str, ...]
    seal_name: str


@dataclass(frozen=True, slots=True)
class Wording:
    """How one insurer's documents call things: titles, and the label of each field by its record path."""

    policy_title: str
    statement_title: str
    policy_labels: Mapping[str, str]
    statement_labels: Mapping[str, str]


_STATEMENT_LABELS = {
    "receipt_no": "收据编号",
    "policy_no": "保险单号",
    "payer.name": "缴费人",
    "payer.credit_code": "缴费人统一社会信用代码",
    "amount": "实收保费",
    "words": "实收保费大写",
    "received_on": "到账日期",
}

_FIRST = {
    "policy_no": "保险单号",
    "policyholder.name": "投保人",
    "policyholder.credit_code": "统一社会信用代码",
    "insured": "被保险人",
    "line": "险种",
    "product.generic_name": "承保产品通用名",
    "product.approval_no": "批准文号",
    "clauses.registration_no": "条款注册号",
    "issued_on": "签单日期",
    "period": "保险期间",
    "limits.aggregate": "累计责任限额",
    "rate_percent": "费率",
    "premium.gross": "保险费合计（含税）",
    "words": "保险费大写",
    "premium.net": "不含税保险费",
    "premium.tax": "增值税额",
}
_SECOND = {
    **_FIRST,
    "policy_no": "保单号码",
    "policyholder.name": "投保人名称",
    "policyholder.credit_code": "投保人证件号码",
    "product.generic_name": "被保险产品",
    "product.approval_no": "药品批准文号",
    "period": "保险期限",
    "premium.gross": "总保险费",
    "premium.net": "其中：不含税保费",
    "premium.tax": "其中：税额",
}

WORDINGS = {
    "DOC-OFD-XML": Wording("产品责任保险电子保险单", "保险费收讫证明", _FIRST, _STATEMENT_LABELS),
    "DOC-OFD-TEXT": Wording("产品责任保险电子保险单", "保险费收讫证明", _FIRST, _STATEMENT_LABELS),
    # Who sends lists numbers no receipts.
    "DOC-PDF-FIRST": Wording(
        "电子保险单",
        "保费到账确认书",
        _FIRST,
        {path: label for path, label in _STATEMENT_LABELS.items() if path != "receipt_no"},
    ),
    "DOC-PDF-SECOND": Wording(
        "责任保险保险单（电子保单）", "保险费收据", _SECOND, {**_STATEMENT_LABELS, "policy_no": "保单号码"}
    ),
}


def policy_sheet(profile: str, facts: Record, insurer_name: str, seal_name: str) -> Sheet:
    """The page of a policy in the words of `profile`."""
    wording = WORDINGS[profile]
    values = _policy_values(facts)
    return Sheet(
        wording.policy_title,
        insurer_name,
        tuple((label, values[path]) for path, label in wording.policy_labels.items() if values.get(path)),
        ("本保险单由电子签名签署，与纸质保险单具有同等效力。",),
        seal_name,
    )


def statement_sheet(profile: str, receipt: Record, insurer_name: str, seal_name: str) -> Sheet:
    """The page of a premium statement; it says 保费已全部缴清 only if the receipt does."""
    wording = WORDINGS[profile]
    amount = str(receipt.body["amount"])
    values = {
        "receipt_no": str(receipt.body["receipt_no"]),
        "policy_no": receipt.policy_no,
        "payer.name": str(receipt.get("payer.name") or ""),
        "payer.credit_code": str(receipt.get("payer.credit_code") or ""),
        "amount": _money(amount),
        "words": words(amount),
        "received_on": _day(str(receipt.body["received_on"])),
    }
    state = "保费已全部缴清" if receipt.body.get("paid_in_full") else "保费尚未全部缴清"
    return Sheet(
        wording.statement_title,
        insurer_name,
        tuple((label, values[path]) for path, label in wording.statement_labels.items() if values.get(path)),
        (f"我司已收到保费金额{amount}元，{state}。", "上述材料的承保情况属实，无骗（套）取财政资金的相关行为。"),
        seal_name,
    )


def policy_attachment(facts: Record) -> bytes:
    """The policy as the structured attachment of an OFD: UTF-8 XML of the insurer's own making."""
    body = facts.body
    product = body.get("product", {})
    clauses = "".join(
        f"<Clause><RegNo>{_text(one['registration_no'])}</RegNo><Name>{_text(one.get('name', ''))}</Name></Clause>"
        for one in body.get("clauses", ())
    )
    lines = (
        '<?xml version="1.0" encoding="UTF-8"?>',
        '<EPolicy xmlns="urn:sandbox:e-policy:1" Version="1.0">',
        f"<PolicyNo>{_text(facts.policy_no)}</PolicyNo>",
        f"<LineName>{LINES[body['line']]}</LineName>",
        f"<IssueDate>{body['issued_on']}</IssueDate>",
        f"<Holder><Name>{_text(body['policyholder']['name'])}</Name>"
        f"<CreditCode>{body['policyholder']['credit_code']}</CreditCode></Holder>",
        f"<Product><GenericName>{_text(product.get('generic_name', ''))}</GenericName>"
        f"<ApprovalNo>{product.get('approval_no', '')}</ApprovalNo></Product>",
        f"<Clauses>{clauses}</Clauses>",
        f"<Period><Start>{body['period']['start']}</Start><End>{body['period']['end']}</End></Period>",
        f"<AggregateLimit>{body['limits']['aggregate']}</AggregateLimit>",
        f"<RatePercent>{body['rate_percent']}</RatePercent>",
        f"<Premium><Gross>{body['premium']['gross']}</Gross><Net>{body['premium']['net']}</Net>"
        f"<Tax>{body['premium']['tax']}</Tax></Premium>",
        "</EPolicy>",
    )
    return "\n".join(lines).encode()


def words(amount: str) -> str:
    """An amount in yuan in words 大写, as on cheques: 800000.00 is 人民币捌拾万元整. Up to 9999 亿."""
    digits = "零壹贰叁肆伍陆柒捌玖"
    whole, fraction = amount.split(".")
    groups = []
    for unit in ("", "万", "亿"):
        groups.append((int(whole[-4:] or 0), unit))
        whole = whole[:-4]
    text, gap = "", False
    for value, unit in reversed(groups):
        if value == 0:
            gap = bool(text)
            continue
        if text and (gap or value < 1000):
            text += "零"
        gap = False
        text += _group(value, digits) + unit
    text = f"{text or '零'}元"
    jiao, fen = int(fraction[0]), int(fraction[1])
    if jiao == fen == 0:
        return f"人民币{text}整"
    text += f"{digits[jiao]}角" if jiao else "零"
    return "人民币" + text + (f"{digits[fen]}分" if fen else "整")


def _group(value: int, digits: str) -> str:
    text, pending = "", False
    for power, unit in ((1000, "仟"), (100, "佰"), (10, "拾"), (1, "")):
        digit, value = divmod(value, power)
        if digit:
            text += ("零" if pending and text else "") + digits[digit] + unit
            pending = False
        else:
            pending = True
    return text


def _policy_values(facts: Record) -> dict[str, str]:
    body = facts.body
    period = body["period"]
    gross = str(body["premium"]["gross"])
    return {
        "policy_no": facts.policy_no,
        "policyholder.name": str(body["policyholder"]["name"]),
        "policyholder.credit_code": str(body["policyholder"].get("credit_code", "")),
        "insured": "、".join(str(one["name"]) for one in body.get("insured", ())),
        "line": LINES[str(body["line"])],
        "product.generic_name": str(facts.get("product.generic_name") or ""),
        "product.approval_no": str(facts.get("product.approval_no") or ""),
        "clauses.registration_no": "；".join(str(one["registration_no"]) for one in body.get("clauses", ())),
        "issued_on": _day(str(body["issued_on"])),
        "period": f"自{_day(str(period['start']))}0时起至{_day(str(period['end']))}24时止",
        "limits.aggregate": _money(str(body["limits"]["aggregate"])),
        "rate_percent": f"{body['rate_percent']}%",
        "premium.gross": _money(gross),
        "words": words(gross),
        "premium.net": _money(str(body["premium"]["net"])),
        "premium.tax": _money(str(body["premium"]["tax"])),
    }


def _money(amount: str) -> str:
    return f"人民币{Decimal(amount):,.2f}元"


def _day(text: str) -> str:
    day = date.fromisoformat(text)
    return f"{day.year}年{day.month}月{day.day}日"


def _text(value: str) -> str:
    return html.escape(value, quote=False)
