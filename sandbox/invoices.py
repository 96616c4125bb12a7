"""Premium invoices 保险费发票 as the tax platform delivers them: a page, and the 数电票 XML beside it or in it."""

import html
from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any

from sandbox.records import Record, premium_of, yuan
from sandbox.sheets import Sheet, words

_TITLE = "电子发票（普通发票）"
_SEAL = "国家税务总局示例税务局"
_ITEM = "*保险服务*产品责任保险费"


def invoice(
    facts: Record, *, invoice_no: str, issued_on: date, seller: Mapping[str, str], gross: str, red_of: str | None = None
) -> Record:
    """The invoice of a policy at 6 %, or the red-letter invoice 红字发票 of the same amount that cancels `red_of`."""
    whole = premium_of(Decimal(gross))
    del whole["currency"]
    amounts = {name: yuan(-Decimal(value)) if red_of else value for name, value in whole.items()}
    holder = facts.body["policyholder"]
    body: dict[str, Any] = {
        "invoice_no": invoice_no,
        "issued_on": issued_on.isoformat(),
        "seller": dict(seller),
        "buyer": {"name": holder["name"], "credit_code": holder["credit_code"]},
        **amounts,
    }
    return Record(
        "invoice", facts.insurer, body | ({"red_letter_of": red_of} if red_of else {"policy_nos": [facts.policy_no]})
    )


def invoice_sheet(record: Record) -> Sheet:
    """The page of an invoice: the buyer's lines before the seller's, as on the official form."""
    body = record.body
    day = date.fromisoformat(body["issued_on"])
    rows = [("发票号码", body["invoice_no"]), ("开票日期", f"{day.year}年{day.month:02}月{day.day:02}日")]
    for party in ("buyer", "seller"):
        rows += [
            ("名称", body[party]["name"]),
            ("统一社会信用代码/纳税人识别号", body[party].get("credit_code", "")),
        ]
    rows.append(("备注", _remark(body)))
    net, tax, gross = (f"¥{body[name]}" for name in ("net", "tax", "gross"))
    return Sheet(
        _TITLE,
        "示例电子税务局",
        tuple((label, value) for label, value in rows),
        (_ITEM, f"合 计  {net}  {tax}", f"价税合计（大写）  {_in_words(body['gross'])}  （小写）{gross}"),
        _SEAL,
    )


def invoice_xml(records: Sequence[Record]) -> bytes:
    """DIA-EINV-XML: one `EInvoice`, or several in `EInvoices`."""
    one = "".join(_einvoice(record.body) for record in records)
    whole = one if len(records) == 1 else f"<EInvoices>{one}</EInvoices>"
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{whole}'.encode()


def _einvoice(body: Mapping[str, Any]) -> str:
    red = body["gross"].startswith("-")
    line = _tags(ItemName=_ITEM, Amount=body["net"], TaxRate="0.06", ComTaxAm=body["tax"])
    parties = "".join(
        f"<{name}Information>"
        + _tags(**{f"{name}IdNum": body[party].get("credit_code"), f"{name}Name": body[party]["name"]})
        + f"</{name}Information>"
        for name, party in (("Seller", "seller"), ("Buyer", "buyer"))
    )
    amounts = (
        ("TotalAmWithoutTax", body["net"]),
        ("TotalTaxAm", body["tax"]),
        ("TotalTax-includedAmount", body["gross"]),
        ("TotalTax-includedAmountInChinese", _in_words(body["gross"])),
    )
    original = _tags(OriginalInvoiceCode=body.get("red_letter_of"))
    return (
        f"<EInvoice><Header>{_tags(EIid=body['invoice_no'])}"
        f"<InherentLabel><InIssuType>{_tags(LabelCode='N' if red else 'Y')}</InIssuType></InherentLabel></Header>"
        f"<EInvoiceData>{parties}<BasicInformation>{_tags(**dict(amounts))}</BasicInformation>"
        f"<IssuItemInformation>{line}</IssuItemInformation>"
        + (f"<SpecificInformation><RedEInvoice>{original}</RedEInvoice></SpecificInformation>" if original else "")
        + f"<AdditionalInformation>{_tags(Remark=_remark(body))}</AdditionalInformation></EInvoiceData>"
        f"<TaxSupervisionInfo>{_tags(InvoiceNumber=body['invoice_no'], IssueTime=body['issued_on'])}"
        "</TaxSupervisionInfo></EInvoice>"
    )


def _remark(body: Mapping[str, Any]) -> str:
    if "red_letter_of" in body:
        return f"被红冲蓝字数电发票号码：{body['red_letter_of']}"
    numbers = body.get("policy_nos", ())
    return f"保单号：{'、'.join(numbers)}" if numbers else ""


def _in_words(amount: str) -> str:
    said = words(amount.removeprefix("-")).removeprefix("人民币")
    return f"（负数）{said}" if amount.startswith("-") else said


def _tags(**values: str | None) -> str:
    return "".join(f"<{name}>{html.escape(value, quote=False)}</{name}>" for name, value in values.items() if value)
