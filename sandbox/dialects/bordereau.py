"""DIA-XLSX-BDX: a bordereau workbook: unit line, header of two merged rows, a row for each policy and each change."""

from collections.abc import Sequence
from datetime import date
from typing import Any

from sandbox.dialects.common import money_of, refuse, shifted
from sandbox.records import Record
from sandbox.workbook import Cell, Sheet, column_name, write_workbook

_GROUPS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("保单信息", ("保单号", "批单号", "投保人", "统一社会信用代码", "签单日期", "起期", "止期")),
    ("投保产品", ("产品名称", "批准文号", "批准日期", "注册分类", "上市许可持有人")),
    ("保费", ("责任限额", "费率(‰)", "含税保费", "不含税保费", "其中:增值税")),
    ("收费", ("实收金额", "到账日期", "发票号码", "缴费人")),
)
_COLUMNS = tuple(name for _, names in _GROUPS for name in names)
_DAY_0 = date(1899, 12, 30)


def bordereau(records: Sequence[Record]) -> bytes:
    """The workbook. Raises ValueError for what its rows cannot say: cancellations, a second payment of a policy."""
    rows: dict[tuple[str, str], dict[str, Any]] = {}
    for one in records:
        key = (one.policy_no, str(one.body.get("endorsement_no", "")))
        row = rows.setdefault(key, {})
        stated = _cells(one)
        if set(stated) & set(row) - {"保单号", "批单号"}:
            raise ValueError(f"a bordereau has no room for a second {one.type} of {one.policy_no}")
        row.update(stated)
    if any("含税保费" not in row for row in rows.values()):
        raise ValueError("a bordereau states money only beside its policy or endorsement")
    groups: list[Any] = []
    merges = []
    for title, names in _GROUPS:
        merges.append(f"{column_name(len(groups) + 1)}2:{column_name(len(groups) + len(names))}2")
        groups += [title, *[None] * (len(names) - 1)]
    found = {1: ["单位：人民币元"], 2: groups, 3: list(_COLUMNS)}
    for number, row in enumerate(rows.values(), 4):
        found[number] = [row.get(name) for name in _COLUMNS]
    return write_workbook(Sheet(found, tuple(merges), "清单"))


def _cells(one: Record) -> dict[str, Any]:
    body = one.body
    shared: dict[str, Any] = {"保单号": one.policy_no}
    if one.type == "policy":
        return shared | _policy(body)
    if one.type in ("premium_receipt", "premium_refund"):
        refund = one.type == "premium_refund"
        if refund:
            shared["批单号"] = body["endorsement_no"]
        return shared | {
            "实收金额": _money(f"-{body['amount']}" if refund else body["amount"]),
            "到账日期": _day(body["paid_on" if refund else "received_on"]),
            "缴费人": body.get("payee" if refund else "payer", {}).get("name"),
            **({} if refund else {"发票号码": ";".join(body.get("invoice_nos", ())) or None}),
        }
    change = money_of(one)
    if one.type != "endorsement" or body["kind"] not in ("increase", "decrease", "amend"):
        raise refuse("a bordereau", one)
    return shared | {
        "批单号": body["endorsement_no"],
        "签单日期": _day(body.get("issued_on")),
        "含税保费": _money(change.get("gross")),
        "不含税保费": _money(change.get("net")),
        "其中:增值税": _money(change.get("tax")),
    }


def _policy(body: dict[str, Any]) -> dict[str, Any]:
    product, premium = body.get("product", {}), body["premium"]
    name = [product[part] for part in ("generic_name", "specification") if part in product]
    return {
        "投保人": body["policyholder"]["name"],
        "统一社会信用代码": body["policyholder"].get("credit_code"),
        "签单日期": _day(body.get("issued_on")),
        "起期": _day(body["period"]["start"]),
        "止期": _day(body["period"]["end"]),
        "产品名称": "\n".join(name) or None,
        "批准文号": product.get("approval_no"),
        "批准日期": _day(product.get("approval_date")),
        "注册分类": product.get("registration_class"),
        "上市许可持有人": product.get("holder", {}).get("name"),
        "责任限额": _money(body.get("limits", {}).get("aggregate")),
        "费率(‰)": Cell(shifted(body["rate_percent"], 1)) if "rate_percent" in body else None,
        "含税保费": _money(premium["gross"]),
        "不含税保费": _money(premium.get("net")),
        "其中:增值税": _money(premium.get("tax")),
    }


def _money(amount: str | None) -> Any:
    """A number as far as the sheet keeps it exactly, else a text."""
    if amount is None or len(amount) > 15:
        return amount
    return Cell(amount, format="#,##0.00")


def _day(iso: str | None) -> Any:
    return None if iso is None else Cell(str((date.fromisoformat(iso) - _DAY_0).days), format="yyyy/m/d")
