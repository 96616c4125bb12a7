"""Workbooks, delimited texts, coded lists and fixed groups, made small for tests."""

from typing import Any

from adapters.delimited import DelimitedText
from adapters.insurers import dia_east_txt
from sandbox.workbook import Sheet, column_name, write_workbook

COLUMNS = (
    "保单号",
    "批单号",
    "投保人",
    "起期",
    "止期",
    "产品名称",
    "责任限额",
    "费率(%)",
    "含税保费",
    "实收金额",
    "到账日期",
)
ROW: dict[str, Any] = {
    "保单号": "PLXB2026330000000001",
    "投保人": "示例医药（杭州）有限公司",
    "起期": 46082,
    "止期": 46446,
    "责任限额": 50000000,
    "费率(%)": 2,
    "含税保费": 1000000,
}


def bordereau(*rows: dict[str, Any], columns: tuple[str, ...] = COLUMNS, unit: str = "单位：元", **how: Any) -> bytes:
    """A bordereau: the unit in row 1, the header in rows 2 and 3, each row the usual one with these cells changed."""
    return write_workbook(sheet_of(*rows, columns=columns, unit=unit, merges=how.pop("merges", ())), **how)


def sheet_of(
    *rows: dict[str, Any], columns: tuple[str, ...] = COLUMNS, unit: str = "单位：元", merges: tuple[str, ...] = ()
) -> Sheet:
    found: dict[int, list[Any]] = {1: ["", unit], 2: ["保单信息"], 3: list(columns)}
    for number, row in enumerate(rows, 4):
        found[number] = [{**ROW, **row}.get(name) for name in columns]
    return Sheet(found, (f"A2:{column_name(len(columns))}2", *merges))


assert isinstance(dia_east_txt.MAPPING.format, DelimitedText)
POLICY_COLUMNS, PAID_COLUMNS = (list(table.columns) for table in dia_east_txt.MAPPING.format.tables.values())
LINE = {
    "保险机构代码": "000099330000",
    "采集日期": "20260331",
    "保单编号": "PZAC202633010000000701",
    "投保人名称": "示例医药（杭州）有限公司",
    "保险起期": "20260301",
    "保险止期": "20270228",
    "保险金额": "50000000",
    "费率": "0.02",
    "保费": "1000000",
    "币种": "CNY",
    "收付号": "SF0000000001",
    "业务类型": "首期",
    "实收付日期": "20260226",
    "实收付金额": "800000.00",
}


def extract(
    *rows: dict[str, str],
    table: str = "CXBDXX",
    by: str = "|!|",
    charset: str = "UTF-8",
    columns: list[str] | None = None,
    head: str | None = None,
    last: str | None = None,
) -> bytes:
    """A text of one table; the serial numbers count on, unless a row says one."""
    names = columns or (POLICY_COLUMNS if table == "CXBDXX" else PAID_COLUMNS)
    lines = [head or by.join(["H", table, "20260331", charset, "v1"]), by.join(names)]
    total = 0
    for number, row in enumerate(rows, 1):
        cells = {"流水号": f"00009933000020260331{number:010d}", **LINE, **row}
        lines.append(by.join(cells.get(name, "") for name in names))
        amount = cells["保费" if table == "CXBDXX" else "实收付金额"].replace(".", "")
        total += int(amount) * (100 if table == "CXBDXX" else 1) if amount.lstrip("-").isdigit() else 0
    lines.append(last if last is not None else by.join(["T", str(len(rows)), f"{total / 100:.2f}"]))
    return "\n".join(lines).encode({"UTF-8": "utf-8", "GB18030": "gb18030"}.get(charset, "utf-8"))


MOVEMENT = {
    "Certificate Reference": "CNZJ26-LSC-000417",
    "Insured Name": "Demo Pharma (Hangzhou) Co. Ltd",
    "Original Currency": "CNY",
    "Sum Insured Amount": "40000000",
    "CR0021 Total Gross Written Premium": "1000.00",
    "CR0022": "New Business",
    "Risk Inception Date": "01/03/2026",
    "CR0031 Risk Expiry Date": "28/02/2027",
    "CR0056 Premium Transaction Type": "Original Premium",
    "CR0057 Effective Date of Transaction": "1/3/2026",
    "CR0059 Gross Premium Paid This Time": "1000.00",
    "CR0064 Total Taxes and Levies": "60.00",
    "Date Premium Received": "3/4/2026",
}


def movements(*rows: dict[str, str], more: tuple[str, ...] = (), below: str = "") -> bytes:
    """A coverholder's list; each row is the usual one with these cells changed."""
    names = [*MOVEMENT, *more]
    lines = [names, *([{**MOVEMENT, **row}.get(name, "") for name in names] for row in rows)]
    return ("\n".join(",".join(f'"{cell}"' for cell in line) for line in lines) + "\n" + below).encode()


LENGTHS = {"1MHG": 172, "2TRG": 212, "5BIS": 150, "5BPI": 150, "5CVG": 120, "3MTG": 16}


def group(tag: str, columns: dict[int, str] | None = None, length: int | None = None) -> str:
    """A group with these texts at these columns."""
    width = length or LENGTHS[tag]
    text = list(f"{tag}{width:03d}".ljust(width))
    for first, value in (columns or {}).items():
        text[first - 1 : first - 1 + len(value)] = value
    return "".join(text)


TRANSACTION = {25: "CGL", 168: "NBS", 197: "20260302", 205: "20260301"}
NAME = {31: "DEMO PHARMA CO.", 91: "91330108MA2XX9T186"}
PREMIUM = {31: "CNZJ26LSC000417", 61: "20260301", 69: "20270301", 81: "00120000000+"}
COVER = {31: "PROD", 46: "00040000000"}


def transaction(
    trg: dict[int, str] | None = None, bpi: dict[int, str] | None = None, cvg: dict[int, str] | None = None
) -> str:
    """A policy's groups, with these columns changed."""
    return (
        group("2TRG", {**TRANSACTION, **(trg or {})})
        + group("5BIS", NAME)
        + group("5BPI", {**PREMIUM, **(bpi or {})})
        + group("5CVG", {**COVER, **(cvg or {})})
    )


def al3(*transactions: str, count: int | None = None) -> bytes:
    found = len(transactions) if count is None else count
    return (group("1MHG") + "\n".join(transactions) + group("3MTG", {9: f"{found:06d}"})).encode()
