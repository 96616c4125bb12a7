"""DIA-RECEIPT-JSON: confirmations of receipts and refunds, JSON with Chinese keys, each amount in words and in figures.

What a confirmation is, its reason says, and the sign must agree. `是否全额` is the insurer's statement that all of the
premium was paid; it is never computed. Specification: DIALECTS section 10.
"""

import re
from typing import Any
from unicodedata import normalize

from adapters import convert, kinds, settle
from adapters.amounts import Literal
from adapters.facts import Facts
from adapters.formats import JsonPackets
from adapters.kinds import code, truth
from adapters.mapping import Choice, Kind, Mapping, Rows, Shape, Source
from adapters.problems import Unreadable
from adapters.words import in_words

REASON = code(
    {
        "R10": "premium_receipt",
        "R20": "premium_receipt",
        "首期": "premium_receipt",
        "续期": "premium_receipt",
        "保费": "premium_receipt",
        "P10": "premium_refund",
        "P20": "premium_refund",
        "批退": "premium_refund",
        "退保": "premium_refund",
        "退费": "premium_refund",
    }
)
METHOD = code(
    {
        "转账": "bank_transfer",
        "银行转账": "bank_transfer",
        "支票": "cheque",
        "刷卡": "card",
        "POS": "card",
        "现金": "cash",
        "网银": "online",
        "线上": "online",
    }
)


def policy_number(raw: Any) -> Any:
    """One policy number. A list is given as it is: `one_policy` tells what is wrong with it."""
    if isinstance(raw, list):
        return raw
    text = _text(raw)
    stated = convert.stated(text)
    if (
        stated is not None
        and len([part for part in re.split("[、,;]", normalize("NFKC", stated[:1000])) if part.strip()]) > 1
    ):
        raise Unreadable("receipt.several-policies", "several-numbers")
    return convert.policy_no(text)


def invoice_numbers(raw: Any) -> list[str] | None:
    """Invoice numbers, in one text or as a list of texts."""
    found = [number for item in (raw if isinstance(raw, list) else [raw]) for number in _INVOICES(_text(item)) or ()]
    return found or None


_INVOICES = convert.several(convert.invoice_no)


def _text(raw: Any) -> str:
    if raw is None:
        return ""
    if isinstance(raw, Literal):
        raise Unreadable("number.precision-lost", "identifier-as-number")
    if not isinstance(raw, str):
        raise Unreadable("value.unknown", "truth-value")
    return raw


POLICY_NO = Kind("policy number", policy_number, "list", strict=True)
INVOICE_NOS = Kind("invoice numbers", invoice_numbers, "list", strict=True)


def one_policy(facts: Facts) -> None:
    """A receipt is for one policy, and its number no list."""
    numbers = facts.values.get("policy_no")
    if not isinstance(numbers, list):
        return
    if len(numbers) > 1:
        facts.blame("receipt.several-policies", "several-numbers", "policy_no")
    else:
        facts.blame("field.unaccounted", "unknown", "保单号")
    del facts.values["policy_no"]
    facts.unread.add("policy_no")


def words(facts: Facts) -> None:
    """Words and figures state one magnitude, and it is not zero."""
    said, amount = facts.values.get("words"), facts.values.get("amount")
    if said is not None and amount is not None and said.amount != abs(amount):
        facts.blame("amount.words-differ", "another-amount", "amount", words=str(said.amount), figures=str(amount))
    elif any(one is not None and one.fen == 0 for one in (amount, said and said.amount)):
        facts.blame("sign.contradiction", "zero", "amount")


def by_reason(facts: Facts) -> str | None:
    """Receipt or refund, as the reason says."""
    found: str | None = facts.find("type")
    return found


def no_sign(facts: Facts) -> None:
    """A receipt is negative neither in figures nor in words."""
    said, amount = facts.find("words"), facts.values.get("amount")
    if (said is not None and said.negative) or (amount is not None and amount.fen < 0):
        facts.blame("sign.contradiction", "below-zero", "amount", amount=str(amount if amount is not None else said))


RECEIPT = Shape(
    "premium_receipt",
    shared=("policy_no", "amount"),
    takes={
        "receipt_no": Source("收付流水号", kinds.receipt_no, required=True),
        "received_on": Source("到账时间", kinds.day, required=True),
        "payer.name": Source("缴费方名称", kinds.text, required=True),
        "payer.credit_code": Source("缴费方统一社会信用代码", kinds.credit_code),
        "instalment_no": Source("期次", kinds.integer),
        "paid_in_full": Source("是否全额", truth("是", "否")),
        "method": Source("付款方式", METHOD),
        "bank_reference": Source("银行流水号", kinds.bank_reference),
        "invoice_nos": Source("发票号码", INVOICE_NOS),
    },
    rules=(no_sign,),
)

REFUND = Shape(
    "premium_refund",
    shared=("policy_no", "amount"),
    takes={
        "refund_no": Source("收付流水号", kinds.receipt_no, required=True),
        "paid_on": Source("到账时间", kinds.day, required=True),
        "payee.name": Source("缴费方名称", kinds.text, required=True),
        "payee.credit_code": Source("缴费方统一社会信用代码", kinds.credit_code),
        "endorsement_no": Source("批单号", kinds.policy_no),
        "reason": Source("退费原因", kinds.text),
    },
    rules=(settle.magnitudes("amount"),),
)

MAPPING = Mapping(
    dialect="DIA-RECEIPT-JSON",
    title="收付费确认 confirmations of receipts and refunds, JSON with Chinese keys",
    media_types=("application/json",),
    format=JsonPackets(at="data", ignores={"head": frozenset({"reqNo", "reqTime", "orgCode"})}),
    rows=(
        Rows(
            key=("receipt_no", "refund_no"),  # a receipt and a refund with one number are two
            bucket=("收付流水号",),
            reads={
                "policy_no": Source("保单号", POLICY_NO, required=True),
                "type": Source("收款原因", REASON, required=True),
                "amount": Source("收款金额小写", kinds.money, unit="元", required=True),
                "words": Source("收款金额", in_words, required=True, field="amount"),
            },
            rules=(one_policy, words),
            choices=(Choice(becomes=by_reason, shapes={"premium_receipt": RECEIPT, "premium_refund": REFUND}),),
            ignores=frozenset(
                {
                    "缴费账号",  # accounts, staff and personal data that we have no ground to keep
                    "开户行",
                    "经办人",
                    "联系电话",
                    "备注",
                }
            ),
        ),
    ),
)
