"""DIA-EAST-TXT: delimited text after the regulator's extract, tables CXBDXX (policies) and CXBFXX (premiums).

Our own layout, built from keys that the regulator's tables have in common; it claims to be none of them. Money in yuan,
the rate is a fraction (0.016 is 1.6 %). Specification: DIALECTS section 12.
"""

import re
from collections.abc import Hashable, Iterator
from typing import Any

from adapters import amounts, convert, kinds, rates, settle
from adapters.delimited import DelimitedText, Table
from adapters.facts import Facts
from adapters.insurers.dia_csv_list import LINE, clauses
from adapters.kinds import code, truth
from adapters.mapping import Choice, Kind, Mapping, Rows, Shape, Source, always
from adapters.problems import Unreadable
from adapters.repeats import Entry, Reading, Verdicts, again, records, same_key
from adapters.tables import fold

IDENTIFIER = Kind("identifier", convert.identifier, "identifier")
TYPE = code(
    {
        "首期": "premium_receipt",
        "续期": "premium_receipt",
        "批增": "premium_receipt",
        "批减": "premium_refund",
        "退保": "premium_refund",
    }
)


def code_of_18(raw: str) -> str | None:
    """A credit code; a number of another length is a personal paper's, and not taken."""
    value = convert.identifier(raw)
    return convert.credit_code(raw) if value is not None and len(value) == _CODE_LENGTH else None


_CODE_LENGTH = 18
_ENTRIES, _PARTS = re.compile("[;；]"), re.compile("[:：]")
_LEADS = {"主": True, "从": False}


def named_shares(raw: str) -> list[dict[str, Any]] | None:
    """共保信息: `name:share:主;name:share:从`."""
    value = convert.stated(raw)
    if value is None:
        return None
    entries: list[dict[str, Any]] = []
    for entry in _ENTRIES.split(value):
        parts = _PARTS.split(entry)
        try:
            name, number, role = convert.text(parts[0]), *parts[1:]
            share, lead = amounts.share(number), _LEADS.get(convert.folded(role) or "")
        except (ValueError, Unreadable) as error:
            raise Unreadable("coinsurance.shares", "note-outside-of-grammar") from error
        if name is None or share is None or lead is None:
            raise Unreadable("coinsurance.shares", "note-outside-of-grammar")
        entries.append({"insurer": name, "share_percent": share, "lead": lead})
    return entries


def serial(facts: Facts) -> None:
    """流水号 is 保险机构代码, 采集日期 and ten digits."""
    values = facts.values
    if not all(name in values for name in SERIAL):
        return
    start = f"{values['保险机构代码']}{values['采集日期']:%Y%m%d}"
    rest = values["流水号"].removeprefix(start)
    if len(values["流水号"]) != len(start) + _SERIAL_DIGITS or len(rest) != _SERIAL_DIGITS or not rest.isdecimal():
        facts.blame("identifier.serial", "not-code-day-and-digits", "流水号", expected=f"{start}, ten digits")


_SERIAL_DIGITS = 10


def insured(facts: Facts) -> None:
    """The one insured of the line."""
    entry: dict[str, Any] = {}
    for name in ("name", "credit_code"):
        if (value := facts.values.pop(f"insured.{name}", None)) is not None:
            entry[name] = value
            facts.lineage[f"insured.0.{name}"] = facts.lineage.pop(f"insured.{name}")
    if entry:
        facts.values["insured"] = [entry]
        facts.put("insured.0.role", "insured", "by contract")
        del facts.values["insured.0.role"]
        entry["role"] = "insured"


def coinsurance(facts: Facts) -> None:
    """The entries of 共保信息."""
    if (entries := facts.values.pop("coinsurance.share_percent", None)) is not None:
        facts.values["coinsurance"] = entries
        facts.lineage["coinsurance"] = facts.lineage.pop("coinsurance.share_percent")


def paid(facts: Facts) -> str | None:
    """An amount that is null or zero is not yet paid, and nothing else in its line is checked."""
    amount = facts.values.get("amount")
    return "paid" if "amount" in facts.unread or (amount is not None and amount.fen) else None


def in_or_out(facts: Facts) -> str | None:
    """A receipt or a refund, by 业务类型."""
    serial(facts)
    kind: str | None = facts.values.get("type")
    return kind


def money_in(facts: Facts) -> None:
    """A receipt is above zero."""
    settle.not_negative("amount")(facts)


def money_out(facts: Facts) -> None:
    """A refund is written below zero; the record states the magnitude."""
    amount = facts.values.get("amount")
    if amount is not None and amount.fen > 0:
        facts.blame("sign.contradiction", "above-zero", "amount", amount=str(amount))
    settle.magnitudes("amount")(facts)


def repeats(readings: Iterator[Reading]) -> Verdicts:
    """Lines of one 流水号; of what is left, policies of one 保单编号: another 标的序号 is another product."""
    found = [_Line(reading) for reading in readings if reading.drafts]
    verdicts = same_key(line.by_serial for line in found)
    left: dict[str, list[_Line]] = {}
    for line in found:
        if line.by_policy is not None and line.by_serial.number not in verdicts:
            left.setdefault(line.by_policy.raw, []).append(line)
    for lines in left.values():
        entries = [line.by_policy for line in lines if line.by_policy is not None]
        if len({entry.key for entry in entries}) == 1:
            verdicts.update(same_key(entries))
            continue
        numbers = [entry.number for entry in entries]
        for entry in entries:
            verdicts[entry.number] = again(
                "product.several", "more-than-one", entry._replace(field="product"), entry.where, numbers
            )
    return verdicts


class _Line:
    """A line as one of its 流水号, and a policy's as one of its 保单编号."""

    __slots__ = ("by_policy", "by_serial")

    def __init__(self, reading: Reading) -> None:
        row, drafts, _ = reading
        raws, at, stated = row.cells.raws, row.cells.where, records(reading.drafts)
        number = fold(raws["流水号"])
        self.by_serial = Entry(row.number, at, number, "流水号", number, stated)
        self.by_policy: Entry | None = None
        if drafts[0].type == "policy":
            policy_no = drafts[0].record["policy_no"]
            key: Hashable = (policy_no, fold(raws["标的序号"]))
            self.by_policy = Entry(row.number, at, key, "policy_no", policy_no, stated)


SERIAL = {
    "流水号": Source("流水号", IDENTIFIER, required=True),
    "保险机构代码": Source("保险机构代码", IDENTIFIER, required=True),
    "采集日期": Source("采集日期", kinds.day, required=True),
}
NUMBER = {"policy_no": Source("保单编号", kinds.policy_no, required=True)}
CURRENCY = {"premium.currency": Source("币种", kinds.currency, required=True)}

POLICY = Shape(
    "policy",
    shared=("policy_no",),
    takes={
        "line": Source("险种名称", LINE),
        "clauses": Source("条款注册号", kinds.clause_nos, field="clauses.registration_no"),
        "policyholder.name": Source("投保人名称", kinds.text, required=True),
        "policyholder.credit_code": Source(
            "投保人证件号码", kinds.credit_code, when=("投保人证件类型", "统一社会信用代码")
        ),
        "policyholder.region": Source("行政区划", kinds.region),
        "insured.name": Source("被保险人名称", kinds.text),
        "insured.credit_code": Source("被保险人证件号码", Kind("credit code", code_of_18, "identifier")),
        "product.generic_name": Source("产品通用名", kinds.text),
        "product.approval_no": Source("批准文号", kinds.approval_no),
        "product.approval_date": Source("批准日期", kinds.day),
        "product.registration_class": Source("注册分类", kinds.text),
        "issued_on": Source("签单日期", kinds.day),
        "period.start": Source("保险起期", kinds.moment, required=True),
        "period.end": Source("保险止期", kinds.moment, required=True),
        "limits.aggregate": Source("保险金额", kinds.money, unit="元"),
        "rate_percent": Source("费率", kinds.rate, unit="1"),
        "premium.gross": Source("保费", kinds.money, unit="元", required=True),
        "premium.net": Source("不含税保费", kinds.money, unit="元"),
        "premium.tax": Source("税额", kinds.money, unit="元"),
        **CURRENCY,
        "coinsurance.share_percent": Source("共保信息", Kind("named shares", named_shares)),
    },
    asks={
        "coinsured": Source("共保标志", truth("是", "否"), field="coinsurance"),
        "object": Source("标的序号", IDENTIFIER, field="标的序号"),
    },
    rules=(
        settle.period,
        settle.third_amount("premium"),
        settle.signs("premium", "positive"),
        settle.not_negative("limits.aggregate"),
        rates.rate,
        settle.product(),
        clauses,
        insured,
        coinsurance,
        settle.shares(flag="coinsured"),
    ),
)
RECEIPT = Shape(
    "premium_receipt",
    shared=("policy_no", "amount"),
    takes={
        "receipt_no": Source("收付号", kinds.receipt_no, required=True),
        "instalment_no": Source("期次", kinds.integer),
        "received_on": Source("实收付日期", kinds.day),
        "payer.name": Source("缴费人名称", kinds.text),
        "payer.credit_code": Source("缴费人证件号码", Kind("credit code", code_of_18, "identifier")),
        "invoice_nos": Source("发票号码", kinds.invoice_nos),
    },
    rules=(money_in,),
)
REFUND = Shape(
    "premium_refund",
    shared=("policy_no", "amount"),
    takes={
        "refund_no": Source("收付号", kinds.receipt_no, required=True),
        "endorsement_no": Source("批单号", kinds.policy_no),
        "paid_on": Source("实收付日期", kinds.day),
        "payee.name": Source("缴费人名称", kinds.text),
        "payee.credit_code": Source("缴费人证件号码", Kind("credit code", code_of_18, "identifier")),
    },
    rules=(money_out,),
)
PAID = Choice(
    reads={**SERIAL, **NUMBER, "type": Source("业务类型", TYPE, required=True), **CURRENCY},
    becomes=in_or_out,
    shapes={"premium_receipt": RECEIPT, "premium_refund": REFUND},
)

MAPPING = Mapping(
    dialect="DIA-EAST-TXT",
    title="监管报送样式文本 delimited text, tables CXBDXX and CXBFXX, also gzip",
    media_types=("text/plain", "application/gzip"),
    format=DelimitedText(
        {
            "CXBDXX": Table(
                columns=(
                    *("流水号", "保险机构代码", "保险机构名称", "采集日期", "保单编号", "标的序号", "险类", "险种名称"),
                    *("条款注册号", "投保人名称", "投保人证件类型", "投保人证件号码", "行政区划", "被保险人名称"),
                    *("被保险人证件号码", "产品通用名", "批准文号", "批准日期", "注册分类", "签单日期", "保险起期"),
                    *(
                        "保险止期",
                        "保险金额",
                        "费率",
                        "保费",
                        "不含税保费",
                        "税额",
                        "币种",
                        "共保标志",
                        "共保信息",
                        "业务员",
                    ),
                ),
                total="保费",
                apart=("流水号", "保单编号"),
            ),
            "CXBFXX": Table(
                columns=(
                    *("流水号", "保险机构代码", "保险机构名称", "采集日期", "保单编号", "批单号", "收付号", "期次"),
                    *("业务类型", "应收付日期", "应收付金额", "实收付日期", "实收付金额", "币种", "缴费人名称"),
                    *("缴费人证件号码", "发票号码", "缴费账号"),
                ),
                total="实收付金额",
                apart=("流水号",),
            ),
        }
    ),
    rows=(
        Rows(
            at="CXBDXX",
            key=("流水号",),
            bucket=("流水号",),
            reads={**SERIAL, **NUMBER},
            rules=(serial,),
            choices=(Choice(becomes=always("policy"), shapes={"policy": POLICY}),),
            ignores=frozenset({"保险机构名称", "险类", "业务员"}),
        ),
        Rows(
            at="CXBFXX",
            key=("流水号",),
            bucket=("流水号",),
            reads={"amount": Source("实收付金额", kinds.money, unit="元")},
            choices=(Choice(becomes=paid, shapes={"paid": PAID}),),
            ignores=frozenset({"保险机构名称", "应收付日期", "应收付金额", "缴费账号"}),
        ),
    ),
    repeats=repeats,
)
