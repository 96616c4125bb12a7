"""Exports of one insurer that has no mapping yet, in each container, with the same policies."""

import io
import json
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import openpyxl

from adapters.mapping import Undecided
from adapters.onboarding.decide import decide
from adapters.onboarding.look import look

HEADER = ("保单号", "投保人名称", "社会信用代码", "险种", "起保日期", "终保日期", "含税保费", "签约渠道")
ROWS = (
    (
        "PDPC202633010000000001",
        "示例医药（杭州）有限公司",
        "91330108MA2XX9T186",
        "药品责任险",
        "2026-03-01",
        "2027-02-28",
    ),
    (
        "PDPC202633010000000002",
        "示例生物（宁波）有限公司",
        "91330200MA2AA00018",
        "产品责任险",
        "2026-04-01",
        "2027-03-31",
    ),
)
PREMIUMS = ("800000.00", "500000.00")
EXPECTED = [
    {
        "policy_no": number,
        "policyholder": {"name": name, "credit_code": code},
        "line": {"药品责任险": "drug_liability", "产品责任险": "product_liability"}[line],
        "period": {"start": start, "end": end},
        "premium": {"gross": premium, "currency": "CNY"},
    }
    for (number, name, code, line, start, end), premium in zip(ROWS, PREMIUMS, strict=True)
]


def _lines() -> list[tuple[str, ...]]:
    return [HEADER, *((*row, premium, "直销") for row, premium in zip(ROWS, PREMIUMS, strict=True))]


def as_csv() -> bytes:
    return "".join(",".join(line) + "\r\n" for line in _lines()).encode("gb18030")


def as_pipes() -> bytes:
    return "".join("|".join(line) + "\n" for line in _lines()).encode()


def as_fixed() -> bytes:
    widths = (24, 30, 20, 14, 12, 12, 16, 10)
    lines = [
        [text.encode("gb18030").ljust(width) for text, width in zip(line, widths, strict=True)] for line in _lines()
    ]
    return b"".join(b"".join(line) + b"\r\n" for line in lines)


def as_xlsx() -> bytes:
    workbook = openpyxl.Workbook()
    sheet = workbook.worksheets[0]
    sheet.title = "承保清单"
    sheet.append(["承保清单 2026年"])
    sheet.append(list(HEADER))
    for row, premium in zip(ROWS, PREMIUMS, strict=True):
        start, end = map(date.fromisoformat, row[4:])
        sheet.append([*row[:4], start, end, float(premium), "直销"])
    target = io.BytesIO()
    workbook.save(target)
    return target.getvalue()


def _records() -> list[dict[str, Any]]:
    return [
        {
            "policyNo": number,
            "applicant": {"name": name, "creditCode": code, "phone": "13800000000"},
            "line": line,
            "period": {"start": start, "end": end},
            "premium": {"gross": premium},
            "signChannel": "A",
        }
        for (number, name, code, line, start, end), premium in zip(ROWS, PREMIUMS, strict=True)
    ]


def as_json() -> bytes:
    return json.dumps({"batch": {"no": "B1", "rows": _records()}}, ensure_ascii=False).encode()


def as_xml() -> bytes:
    def element(name: str, value: Any) -> str:
        inner = "".join(element(*item) for item in value.items()) if isinstance(value, dict) else value
        return f"<{name}>{inner}</{name}>"

    body = "".join(element("Policy", record) for record in _records())
    text = f'<?xml version="1.0" encoding="GBK"?><Export><Batch>B1</Batch><Policies>{body}</Policies></Export>'
    return text.encode("gb18030")


EXPORTS: dict[str, Callable[[], bytes]] = {
    "list.csv": as_csv,
    "list.txt": as_pipes,
    "fixed.txt": as_fixed,
    "list.xlsx": as_xlsx,
    "rows.json": as_json,
    "export.xml": as_xml,
}


def sample(folder: Path, name: str, data: bytes) -> Path:
    path = folder / name
    path.write_bytes(data)
    return path


def asked(folder: Path, name: str, data: bytes) -> dict[str, Undecided]:
    return {one.about: one for place in decide(look(sample(folder, name, data))) for one in place.questions}


def answered(module: Path) -> None:
    """Answer what the exports here leave open: yuan, and what means nothing is ignored."""
    text = module.read_text(encoding="utf-8")
    text = text[: text.index("    undecided=(")] + ")\n"
    text = text.replace("UNIT: str | None = None", 'UNIT: str | None = "元"')
    name = "signChannel" if "signChannel" in json.dumps(text) or '"policyNo"' in text else "签约渠道"
    if "ignores=frozenset(\n            " in text:
        text = text.replace("                {\n", f'                {{\n                    "{name}",\n', 1)
    else:
        at = text.index("            choices=")
        text = f'{text[:at]}            ignores=frozenset({{"{name}"}}),\n{text[at:]}'
    module.write_text(text, encoding="utf-8")
