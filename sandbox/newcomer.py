"""An export that nobody has a mapping for yet: the sample of docs/adding-an-insurer.md, in its insurer's own words."""

import csv
import io
from collections.abc import Sequence
from datetime import date

from sandbox.records import Record, policy, receipt

INSURER = "DEMO-PC"
_LINES = {"drug_liability": "药责险", "product_liability": "产品责任保险"}
_HEADER = (
    *("序号", "保险单号", "投保单位", "信用代码", "产品", "批准文号", "险种", "起保日期", "终保日期"),
    *("累计赔偿限额", "费率", "签单保费", "其中：增值税", "到账金额", "到账日", "销售渠道", "经办人"),
)
_HOLDERS = (
    {"name": "示例医药（杭州）有限公司", "credit_code": "91330108MA2XX9T186"},
    {"name": "示例生物（宁波）有限公司", "credit_code": "91330200MA2AA00018"},
)


def records() -> list[Record]:
    """Three policies, two of them paid; all companies and numbers are invented."""
    found: list[Record] = []
    stated = (
        ("PDPC202633010000000001", 0, "示例替尼片", "国药准字H20230999", "drug_liability", "50000000", "1.6"),
        ("PDPC202633010000000002", 1, "示例单抗注射液", "国药准字S20240001", "product_liability", "20000000", "2.5"),
        ("PDPC202633010000000003", 0, "示例颗粒", "国药准字Z20240007", "drug_liability", "8000000", "0.95"),
    )
    for at, (number, holder, name, approval, line, limit, rate) in enumerate(stated):
        facts = policy(
            INSURER,
            policy_no=number,
            policyholder=_HOLDERS[holder],
            product={"generic_name": name, "approval_no": approval},
            line=line,
            clauses=(),
            issued_on=date(2026, 2, 20 + at),
            start=date(2026, 3, 1 + at),
            years=1,
            aggregate=limit,
            rate=rate,
        )
        found.append(facts)
        if at < 2:
            got = receipt(
                facts,
                receipt_no=f"SK{number}",
                amount=facts.gross,
                received_on=date(2026, 2, 24 + at),
                instalment_no=None,
                in_full=True,
            )
            found.append(got)
    return found


def export(told: Sequence[Record]) -> bytes:
    """The list as the insurer's system writes it: CSV in GB18030 below a title, no units, its own words."""
    output = io.StringIO()
    writer = csv.writer(output, lineterminator="\r\n")
    writer.writerow(["示范财险 新药责任险承保明细 2026年3月", *[""] * (len(_HEADER) - 1)])
    writer.writerow(_HEADER)
    receipts = {one.policy_no: one for one in told if one.type == "premium_receipt"}
    for at, one in enumerate((one for one in told if one.type == "policy"), 1):
        writer.writerow(_row(at, one, receipts.get(one.policy_no)))
    return output.getvalue().encode("gb18030")


def _row(at: int, facts: Record, paid: Record | None) -> list[str]:
    body = facts.body
    return [
        str(at),
        facts.policy_no,
        body["policyholder"]["name"],
        body["policyholder"]["credit_code"],
        body["product"]["generic_name"],
        body["product"]["approval_no"],
        _LINES[body["line"]],
        body["period"]["start"],
        body["period"]["end"],
        body["limits"]["aggregate"],
        body["rate_percent"],
        body["premium"]["gross"],
        body["premium"]["tax"],
        paid.body["amount"] if paid else "",
        paid.body["received_on"] if paid else "",
        "直销" if at % 2 else "代理",
        "张三",
    ]
