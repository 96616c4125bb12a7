"""DIA-EAST-TXT: delimited text after the regulator's extract, one table a file, GB18030."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from sandbox.dialects.common import refuse, shifted
from sandbox.records import Record
from sandbox.sheets import LINES

_BY, _COMPANY, _DAY = "|!|", "000099330000", "20261121"
_POLICY = (
    *("流水号", "保险机构代码", "保险机构名称", "采集日期", "保单编号", "标的序号", "险类", "险种名称", "条款注册号"),
    *("投保人名称", "投保人证件类型", "投保人证件号码", "行政区划", "被保险人名称", "被保险人证件号码", "产品通用名"),
    *("批准文号", "批准日期", "注册分类", "签单日期", "保险起期", "保险止期", "保险金额", "费率", "保费", "不含税保费"),
    *("税额", "币种", "共保标志", "共保信息", "业务员"),
)
_PAID = (
    *("流水号", "保险机构代码", "保险机构名称", "采集日期", "保单编号", "批单号", "收付号", "期次", "业务类型"),
    *("应收付日期", "应收付金额", "实收付日期", "实收付金额", "币种", "缴费人名称", "缴费人证件号码", "发票号码"),
    "缴费账号",
)


def extract(records: Sequence[Record]) -> bytes:
    """The text. Raises ValueError for policies and money in one file: each has its table."""
    policies = all(one.type == "policy" for one in records)
    rows = [_policy(one.body) if policies else _payment(one) for one in records]
    names, table, counted = (_POLICY, "CXBDXX", "保费") if policies else (_PAID, "CXBFXX", "实收付金额")
    lines = [["H", table, _DAY, "GB18030", "v1"], list(names)]
    for number, row in enumerate(rows, 1):
        row |= {"流水号": f"{_COMPANY}{_DAY}{number:010d}", "保险机构代码": _COMPANY, "采集日期": _DAY, "币种": "CNY"}
        lines.append([str(row.get(name) or "") for name in names])
    total = sum((Decimal(row[counted]) for row in rows), Decimal("0.00"))
    lines.append(["T", str(len(rows)), str(total)])
    return "\n".join(_BY.join(line) for line in lines).encode("gb18030")


def _policy(body: dict[str, Any]) -> dict[str, Any]:
    holder, product, premium = body["policyholder"], body.get("product", {}), body["premium"]
    insured, shares = body.get("insured", ())[:1], body.get("coinsurance", ())
    return {
        "保单编号": body["policy_no"],
        "险种名称": LINES[body["line"]],
        "条款注册号": ";".join(one["registration_no"] for one in body.get("clauses", ())),
        "投保人名称": holder["name"],
        "投保人证件类型": "统一社会信用代码" if "credit_code" in holder else "",
        "投保人证件号码": holder.get("credit_code"),
        "行政区划": holder.get("region"),
        "被保险人名称": insured[0]["name"] if insured else "",
        "被保险人证件号码": insured[0].get("credit_code") if insured else "",
        "产品通用名": product.get("generic_name"),
        "批准文号": product.get("approval_no"),
        "批准日期": product.get("approval_date"),
        "注册分类": product.get("registration_class"),
        "签单日期": body.get("issued_on"),
        "保险起期": body["period"]["start"].replace("-", ""),
        "保险止期": body["period"]["end"].replace("-", ""),
        "保险金额": body.get("limits", {}).get("aggregate"),
        "费率": shifted(body["rate_percent"], -2) if "rate_percent" in body else "",
        "保费": premium["gross"],
        "不含税保费": premium.get("net"),
        "税额": premium.get("tax"),
        "共保标志": "是" if shares else "否",
        "共保信息": ";".join(
            f"{one['insurer']}:{one['share_percent']}%:{'主' if one['lead'] else '从'}" for one in shares
        ),
    }


def _payment(one: Record) -> dict[str, Any]:
    body = one.body
    if one.type not in ("premium_receipt", "premium_refund"):
        raise refuse("a table of payments", one)
    refund = one.type == "premium_refund"
    party = body.get("payee" if refund else "payer", {})
    return {
        "保单编号": body["policy_no"],
        "批单号": body.get("endorsement_no"),
        "收付号": body["refund_no" if refund else "receipt_no"],
        "期次": body.get("instalment_no"),
        "业务类型": "退保" if refund else "首期",
        "实收付日期": body["paid_on" if refund else "received_on"],
        "实收付金额": ("-" if refund else "") + body["amount"],
        "缴费人名称": party.get("name"),
        "缴费人证件号码": party.get("credit_code"),
        "发票号码": ";".join(body.get("invoice_nos", ())),
    }
