"""DIA-EINV-XML: fully digitalised e-invoices 数电票 as XML, one `EInvoice`, several in `EInvoices`, or a zip of them.

Amounts are signed: a red-letter invoice is negative throughout and names the blue one that it cancels. The policies
that an invoice is for stand in its remark; the rest of the remark is not carried. Specification: DIALECTS section 11.
"""

import re
from typing import Any
from unicodedata import normalize

from adapters import amounts, kinds, settle
from adapters.amounts import Exact, Rate
from adapters.bundles import XmlDocuments
from adapters.convert import text
from adapters.drafts import Lineage
from adapters.facts import Facts
from adapters.kinds import code
from adapters.mapping import Choice, Each, Kind, Mapping, Rows, Shape, Source, always
from adapters.remarks import original_number, policy_numbers
from adapters.words import in_words
from schemas.money import Yuan

BASIC = "EInvoiceData/BasicInformation"
LINES = "EInvoiceData/IssuItemInformation"
REMARK = "EInvoiceData/AdditionalInformation/Remark"

BLUE_OR_RED = code({"Y": "blue", "N": "red"})
UNTAXED = frozenset({"免税", "不征税"})


def tax_rate(raw: str) -> Rate | None:
    """`0.06` and `6%` are the same; 免税 and 不征税 are none."""
    stated = text(raw)
    return Rate(Exact(0, 0), "%") if stated in UNTAXED else amounts.rate(raw, "1")


def remark(raw: str) -> str | None:
    """The remark after NFKC, in which numbers are looked for."""
    stated = text(raw)
    return None if stated is None else normalize("NFKC", stated)


def yuan(name: str, **how: Any) -> Source:
    """An amount in 元."""
    return Source(name, kinds.money, unit="元", **how)


def line(entry: Facts) -> None:
    """The tax of one line is its rate's, to the cent, and net and tax are its total."""
    invoice = entry.outer
    assert invoice is not None
    net, rate, tax, total = (entry.ask(name) for name in ("net", "rate", "tax", "total"))
    for name, value in (("lines.net", net), ("lines.tax", tax)):
        if value is not None:
            invoice.values[name] = invoice.values.get(name, Yuan(0)) + value
    if net is None or tax is None:
        return
    if rate is not None:
        percent = rate.percent()
        if abs(net.fen * percent.digits - tax.fen * 100 * 10**percent.scale) > 100 * 10**percent.scale:
            expected = str(Yuan(net.fen * percent.digits // (100 * 10**percent.scale)))
            invoice.blame(
                "invoice.tax-mismatch", "rate-gives-another-tax", "tax", line=entry.cells.where, expected=expected
            )
    if total is not None and net + tax != total:
        invoice.blame("invoice.tax-mismatch", "line-does-not-add-up", "tax", line=entry.cells.where)


def totals(facts: Facts) -> None:
    """Net and tax are gross, and the lines add up to both."""
    values = facts.values
    sums = [(name, values.pop(f"lines.{name}", None)) for name in ("net", "tax")]
    if all(name in values for name in ("net", "tax", "gross")):
        settle.amounts_agree(facts, "gross", "net", "tax", "invoice.total-mismatch")
    for name, total in sums:
        if total is not None and name in values and facts.was_read(f"lines.{name}") and total != values[name]:
            facts.blame("invoice.total-mismatch", "lines-are-another-sum", name, sum=str(total))


def words(facts: Facts) -> None:
    """The amount in words is the gross; words that carry no sign say its magnitude."""
    said, gross = facts.ask("words"), facts.values.get("gross")
    if said is None or gross is None:
        return
    if (-said.amount if said.negative else said.amount) != (gross if said.negative else abs(gross)):
        facts.blame("amount.words-differ", "another-amount", "gross", words=str(said.amount), figures=str(gross))


def number(facts: Facts) -> None:
    """The header's number, if it is an invoice number, is the invoice's."""
    header, invoice = facts.ask("header"), facts.values.get("invoice_no")
    if header is not None and invoice is not None and re.fullmatch("[0-9]{20}", header) and header != invoice:
        facts.blame("invoice.number-conflict", "header-states-another", "invoice_no", header=header)


def found_in_remark(facts: Facts) -> None:
    """Policy numbers, and the number of the cancelled invoice where no field states it, out of the remark."""
    stated = facts.ask("remark")
    if stated is None:
        return
    if (numbers := policy_numbers(stated)) is not None:
        _put(facts, "policy_nos", list(numbers.value), numbers.raw)
    if not facts.says("red_letter_of") and (original := original_number(stated)) is not None:
        _put(facts, "red_letter_of", original.value[0], original.raw)


def _put(facts: Facts, name: str, value: Any, raw: str) -> None:
    """A value out of the remark; its lineage has no more of the remark than that."""
    facts.values[name] = value
    facts.lineage[name] = Lineage(f"{facts.cells.where}/{REMARK}", raw, facts.scope.mapping)


def red_or_blue(facts: Facts) -> None:
    """A red invoice names what it cancels, a blue one its policies; the label fits the sign."""
    colour, gross = facts.ask("colour"), facts.values.get("gross")
    if gross is None:
        return
    red = gross.fen < 0
    original = facts.says("red_letter_of")
    if colour is not None and (colour == "red") != red:
        facts.blame("sign.contradiction", "label-contradicts-sign", "gross", label=colour, amount=str(gross))
    elif not red and original:
        facts.blame("sign.contradiction", "blue-cancels-another", "gross", amount=str(gross))
    if "remark" in facts.unread:
        return
    if red and not original:
        facts.blame("invoice.red-reference-missing", "no-reference", "red_letter_of")
    if not red and "policy_nos" not in facts.values:
        facts.blame("invoice.policy-missing", "none-in-remark", "policy_nos")


INVOICE = Shape(
    "invoice",
    takes={
        "invoice_no": Source("TaxSupervisionInfo/InvoiceNumber", kinds.invoice_no, required=True),
        "issued_on": Source("TaxSupervisionInfo/IssueTime", kinds.day, required=True),
        "seller.name": Source("EInvoiceData/SellerInformation/SellerName", kinds.text, required=True),
        "seller.credit_code": Source("EInvoiceData/SellerInformation/SellerIdNum", kinds.credit_code),
        "buyer.name": Source("EInvoiceData/BuyerInformation/BuyerName", kinds.text, required=True),
        "buyer.credit_code": Source("EInvoiceData/BuyerInformation/BuyerIdNum", kinds.credit_code),
        "net": yuan(f"{BASIC}/TotalAmWithoutTax", required=True),
        "tax": yuan(f"{BASIC}/TotalTaxAm", required=True),
        "gross": yuan(f"{BASIC}/TotalTax-includedAmount", required=True),
        "red_letter_of": Source("EInvoiceData/SpecificInformation/RedEInvoice/OriginalInvoiceCode", kinds.invoice_no),
        "lines": Each(
            LINES,
            {},
            asks={
                "net": yuan("Amount", field="net"),
                "rate": Source("TaxRate", Kind("tax rate", tax_rate), field="tax"),
                "tax": yuan("ComTaxAm", field="tax"),
                "total": yuan("TotaltaxIncludedAmount", field="gross"),
            },
            rules=(line,),
            ignores=frozenset({"ItemName", "SpecMod", "MeaUnits", "Quantity", "UnPrice", "TaxClassificationCode"}),
        ),
    },
    asks={
        "header": Source("Header/EIid", kinds.bank_reference, field="invoice_no"),
        "colour": Source("Header/InherentLabel/InIssuType/LabelCode", BLUE_OR_RED, field="gross"),
        "words": Source(f"{BASIC}/TotalTax-includedAmountInChinese", in_words, field="gross"),
        "remark": Source(REMARK, Kind("remark", remark), field="policy_nos"),
    },
    rules=(number, totals, words, found_in_remark, red_or_blue),
)

MAPPING = Mapping(
    dialect="DIA-EINV-XML",
    title="数电票 e-invoices, XML or a zip of them",
    media_types=("application/xml", "text/xml", "application/zip"),
    format=XmlDocuments(
        root="EInvoice",
        several="EInvoices",
        anywhere=frozenset({"Signature"}),  # judged by `signing`
        beside=(".pdf", ".ofd"),
    ),
    rows=(
        Rows(
            at="EInvoice",
            key=("invoice_no",),
            bucket=("TaxSupervisionInfo/InvoiceNumber",),
            choices=(Choice(becomes=always("invoice"), shapes={"invoice": INVOICE}),),
            ignores=frozenset(
                {
                    "Header/EInvoiceTag",
                    "Header/Version",
                    "Header/UndefinedLabel",
                    "Header/InherentLabel/EInvoiceType",
                    "Header/InherentLabel/GeneralOrSpecialVAT",
                    "Header/InherentLabel/InIssuType/LabelName",
                    "EInvoiceData/SellerInformation/SellerAddr",
                    "EInvoiceData/SellerInformation/SellerTelNum",
                    "EInvoiceData/SellerInformation/SellerBankName",
                    "EInvoiceData/SellerInformation/SellerBankAccNum",
                    "EInvoiceData/BuyerInformation/BuyerAddr",  # personal data that we have no ground to keep
                    "EInvoiceData/BuyerInformation/BuyerTelNum",
                    "EInvoiceData/BuyerInformation/BuyerBankName",
                    "EInvoiceData/BuyerInformation/BuyerBankAccNum",
                    "EInvoiceData/SpecificInformation/RedEInvoice/RedNoticeNo",
                    "EInvoiceData/SpecificInformation/RedEInvoice/Reason",
                    "EInvoiceData/AdditionalInformation/Reviewer",
                    "EInvoiceData/AdditionalInformation/Payee",
                    f"{BASIC}/Drawer",  # staff
                    f"{BASIC}/RequestTime",
                    "SellerAuthentication",
                    "TaxSupervisionInfo/TaxBureauCode",
                    "TaxSupervisionInfo/TaxBureauName",
                }
            ),
        ),
    ),
)
