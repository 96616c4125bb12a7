"""Invoices as documents: 数电票 and the electronic invoices before them, as OFD, PDF and XML; one profile for each.

They come from the tax platform's producers, whoever the seller is. Attachments are those of the e-invoice schema of
2019, of the accounting voucher taxonomy of 2021 (XBRL), and 数电票 XML, which its mapping reads (DIALECTS 11). On the
page the buyer stands before the seller. Trap: the CustomData 合计金额 is net of tax (DOMAIN 3.2).
"""

import re
from collections.abc import Mapping
from typing import Final

from adapters import convert
from adapters.document_layout import Field, InOrder, Profile, Stating, Tree
from adapters.document_model import DocumentKind
from adapters.document_readers import (
    day,
    in_words,
    invoice_code,
    invoice_number,
    remark,
    remarked_original,
    remarked_policies,
    taxpayer,
    yuan,
    yuan_only,
)

NUMBER: Final = Field("invoice_no", invoice_number)
CODE: Final = Field("invoice_code", invoice_code)
ISSUED: Final = Field("issued_on", day)
NET, TAX, GROSS = (Field(name, yuan) for name in ("net", "tax", "gross"))
WORDS: Final = Field("gross", in_words)
BUYER, SELLER = (Field(f"{party}.name", convert.text) for party in ("buyer", "seller"))
BUYER_NO, SELLER_NO = (Field(f"{party}.credit_code", taxpayer) for party in ("buyer", "seller"))
REMARK: Final = Field("", remark)

_AMOUNT = r"-?[¥￥]?\s*-?[0-9][0-9,]*\.[0-9]{2}"
_LINES = (
    Stating(
        re.compile(
            r"价\s*税\s*合\s*计\s*[（(]大写[）)]\s*(?P<words>.{1,100}?)\s*[（(]小写[）)]\s*"
            rf"(?P<gross>{_AMOUNT})(?![0-9,.])"
        ),
        {"words": WORDS, "gross": GROSS},
    ),
    Stating(re.compile(rf"^合\s*计\s*(?P<net>{_AMOUNT})\s+(?P<tax>{_AMOUNT})$"), {"net": NET, "tax": TAX}),
    Stating(
        re.compile(r"(?P<policies>(?:保单号码?|保险单号码?)\s*[:：].*)"),
        {"policies": Field("policy_nos", remarked_policies, many=True)},
    ),
    Stating(
        re.compile(r"(?P<original>被红冲蓝字数电(?:发票|票)号码[:：].*)"),
        {"original": Field("red_letter_of", remarked_original)},
    ),
)
_LABELS: Mapping[str, Field] = {
    "发票号码": NUMBER,
    "发票代码": CODE,
    "开票日期": ISSUED,
    "购买方名称": BUYER,
    "销售方名称": SELLER,
}
_PARTIES = (
    InOrder(("名称",), (BUYER, SELLER)),
    InOrder(("统一社会信用代码/纳税人识别号", "纳税人识别号"), (BUYER_NO, SELLER_NO)),
)
_MARGINS = "购买销售方信息备注"  # upright, each character on a line of its own
_TITLES: tuple[tuple[re.Pattern[str], DocumentKind], ...] = (
    (re.compile(r".{0,12}增值税电子(?:普通|专用)发票"), "invoice"),
    (re.compile(r"电子发票（.{2,20}）"), "invoice"),
)

_E_INVOICE: Mapping[str, Field] = {
    "InvoiceNo": NUMBER,
    "InvoiceCode": CODE,
    "IssueDate": ISSUED,
    "Buyer/BuyerName": BUYER,
    "Buyer/BuyerTaxID": BUYER_NO,
    "Seller/SellerName": SELLER,
    "Seller/SellerTaxID": SELLER_NO,
    "TaxExclusiveTotalAmount": NET,
    "TaxTotalAmount": TAX,
    "TaxInclusiveTotalAmount": GROSS,
    "TaxInclusiveTotalAmountWithWords": WORDS,
    "OriginalInvoiceNo": Field("red_letter_of", invoice_number),
    "Note": REMARK,
}
_E_INVOICE_TREE = Tree(
    root="eInvoice",
    kind="invoice",
    takes=_E_INVOICE,
    ignores=frozenset(
        {
            *("@Version", "@version", "DocID", "AreaCode", "TypeCode", "InvoiceCheckCode", "MachineNo", "GraphCode"),
            *("TaxControlCode", "InvoiceSIA1", "InvoiceSIA2", "Tpvn", "Signature", "Extension"),
            *("Buyer/BuyerAddrTel", "Buyer/BuyerFinancialAccount", "Seller/SellerAddrTel"),
            *("Seller/SellerFinancialAccount", "Seller/Issuea1", "Seller/Issuea2"),
            *("InvoiceClerk", "Payee", "Checker", "DeductibleAmount", "TaxRateFlag", "InvoiceCategory"),
            *("InvoiceCodeFormat", "OriginalInvoiceCode", "OriginalInvoiceTypeCode", "OriginalInvoiceIssuingDate"),
            *("RedTicketReason", "SystemInfos/SystemCode", "SystemInfos/SystemName", "SystemInfos/SystemType"),
        }
    ),
    passing=re.compile(r"GoodsInfos(?:/GoodsInfo(?:/[A-Za-z0-9]+)?)?"),
)
_TAXPAYER = "TaxpayerIdentificationNumberUnifiedSocialCreditCodeOf"
_XBRL_TREE = Tree(
    root="xbrl",
    namespace="http://www.xbrl.org/2003/instance",
    having="NumberOfInvoice",
    kind="invoice",
    takes={
        "NumberOfInvoice": NUMBER,
        "CodeOfInvoice": CODE,
        "DateOfIssue": ISSUED,
        "NameOfPurchaser": BUYER,
        f"{_TAXPAYER}Purchaser": BUYER_NO,
        "NameOfSeller": SELLER,
        f"{_TAXPAYER}Seller": SELLER_NO,
        "TotalAmountExcludingTax": NET,
        "TotalTaxAmount": TAX,
        "TaxIncludedAmountInFigures": GROSS,
        "TaxIncludedAmountInWords": WORDS,
        "Remarks": REMARK,
        "unit/measure": Field("currency", yuan_only, many=True),
    },
    ignores=frozenset(
        {
            *("TypeOfInvoice", "UniqueCodeOfInvoice", "LocationOfInvoice", "IdentifyingCode", "NumberOfInvoiceMachine"),
            *("SpecialInvoiceType", "InvoiceIssuingSign", "Payee", "Reviewer", "Issuer"),
            *(f"AddressPhoneNumberOf{party}" for party in ("Purchaser", "Seller")),
            *(f"DepositBankAndAccountNumberOf{party}" for party in ("Purchaser", "Seller")),
            *("BeginningOfIncomePeriodUnderAccrualBasis", "EndOfIncomePeriodUnderAccrualBasis"),
        }
    ),
    passing=re.compile(
        r"@schemaLocation|schemaRef(?:/@[a-z]+)?|context/.*|unit/@id|[A-Za-z]+/@(?:contextRef|unitRef|decimals|nil)|"
        r"InformationOfTaxableGoodsOrServicesDetailItemsTuple/.*"
    ),
)
_DATAS: Mapping[str, Field] = {
    "发票号码": NUMBER,
    "发票代码": CODE,
    "开票日期": ISSUED,
    "购买方名称": BUYER,
    "购买方纳税人识别号": BUYER_NO,
    "销售方名称": SELLER,
    "销售方纳税人识别号": SELLER_NO,
    "合计金额": NET,
    "合计税额": TAX,
    "价税合计": GROSS,
}
_TRANSLATED = {"EInvoice": "DIA-EINV-XML"}

# By the format of the file.
INVOICES: Mapping[str, Profile] = {
    profile.media: profile
    for profile in (
        Profile(
            code="DOC-INVOICE-OFD",
            media="application/ofd",
            titled=_TITLES,
            labels={"invoice": _LABELS},
            in_order={"invoice": _PARTIES},
            stating={"invoice": _LINES},
            attachments=(_E_INVOICE_TREE, _XBRL_TREE),
            tags={f"{above}{name}": field for above in ("", "eInvoice/") for name, field in _E_INVOICE.items()},
            datas=_DATAS,
            columns=True,
            margins=_MARGINS,
            translated=_TRANSLATED,
        ),
        Profile(
            code="DOC-INVOICE-PDF",
            media="application/pdf",
            titled=_TITLES,
            labels={"invoice": _LABELS},
            in_order={"invoice": _PARTIES},
            stating={"invoice": _LINES},
            columns=True,
            margins=_MARGINS,
        ),
        Profile(code="DOC-INVOICE-XML", media="application/xml", translated=_TRANSLATED),
    )
}
