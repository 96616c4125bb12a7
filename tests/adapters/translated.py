"""What the tests of the adapters share: files to translate, what came out, and builders of small files."""

import json
from pathlib import Path
from typing import Any

from adapters import Row, translate
from adapters.problems import catalogue

CSV_HEAD = (
    "保单号,批单号,投保人,统一社会信用代码,起保日期,终保日期,"
    "累计责任限额（万元）,费率,应收保费（万元）,实收保费（万元）,收费日期"
)
CSV_ROW = {
    "保单号": "PZAC202633010000000012",
    "投保人": "示例医药（杭州）有限公司",
    "统一社会信用代码": "91330108MA2XX9T186",
    "起保日期": "2026-3-1",
    "终保日期": "2027-2-28",
    "累计责任限额（万元）": "5000",
    "费率": "2%",
    "应收保费（万元）": "100",
}


def everything(code: str, data: bytes, **how: Any) -> list[Row]:
    """All rows; each problem must stand in the rule catalogue, with its reason."""
    rows = list(translate(code, data, **how))
    for row in rows:
        for problem in row.problems:
            assert problem.reason in catalogue()[problem.rule].reasons, f"{problem.rule} {problem.reason}"
            assert json.dumps(problem.as_json())
        if any(problem.effect != "N" for problem in row.problems):
            assert not row.records
    return rows


def told(rows: list[Row]) -> set[tuple[int, str, str | None]]:
    """Row, rule and field of every problem."""
    return {(row.row, problem.rule, problem.field) for row in rows for problem in row.problems}


def records(rows: list[Row]) -> list[dict[str, Any]]:
    """Every record that came out, in order, as the expected outputs have them."""
    return [{"row": row.row, "type": draft.type, "record": draft.record} for row in rows for draft in row.records]


def expected(path: Path) -> tuple[list[dict[str, Any]], set[tuple[int, str, str | None]]]:
    """Records and problems of an `.expected.jsonl`."""
    lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    problems = {(line["row"], line["problem"]["rule"], line["problem"]["field"]) for line in lines if "problem" in line}
    return [line for line in lines if "record" in line], problems


def csv(*rows: dict[str, str], head: str = CSV_HEAD, above: str = "", below: str = "") -> bytes:
    """A list in UTF-8 with byte order mark. Each row is the usual one with these cells changed."""
    names = head.split(",")
    lines = [",".join(_cell({**CSV_ROW, **row}.get(name, "")) for name in names) for row in rows]
    return ("\ufeff" + above + "\n".join([head, *lines]) + "\n" + below).encode()


def _cell(text: str) -> str:
    return f'"{text.replace(chr(34), chr(34) * 2)}"' if any(mark in text for mark in ',"\n') else text


def packet(*rows: str) -> bytes:
    """A channel packet of these row elements, each with its list around it, in UTF-8."""
    lists = {"POLICY_DATA": "POLICY_LIST", "RECEIPT_DATA": "RECEIPT_LIST", "ENDOR_DATA": "ENDOR_LIST"}
    body = "".join(
        f"<{lists[name]}>{row}</{lists[name]}>" for row in rows for name in lists if row.startswith(f"<{name}>")
    )
    return f'<?xml version="1.0" encoding="UTF-8"?><PACKET><HEAD/><BODY>{body}</BODY></PACKET>'.encode()


def policy_xml(base: str = "", rest: str = "", **changed: str | None) -> str:
    """A policy element with these elements of BASE_PART changed or, if None, left out."""
    stated: dict[str, str | None] = {
        "C_PLY_NO": "PZAC202633010000000012",
        "C_PROD_NO": "ZAC00",
        "T_INSRNC_BGN_TM": "2026-03-01",
        "T_INSRNC_END_TM": "2027-02-28",
        "N_AMT": "50000000",
        "N_PRM": "1000000.00",
        "N_RATE": "2",
        **changed,
    }
    part = "".join(f"<{name}>{text}</{name}>" for name, text in stated.items() if text is not None)
    applicant = "<APPLICANT><C_APP_NME>示例医药（杭州）有限公司</C_APP_NME></APPLICANT>"
    return f"<POLICY_DATA><BASE_PART>{part}{base}</BASE_PART>{applicant}{rest}</POLICY_DATA>"


def receipt_xml(**changed: str | None) -> str:
    """A receipt element with these elements changed or, if None, left out."""
    stated: dict[str, str | None] = {
        "C_PLY_NO": "PZAC202633010000000012",
        "C_RCPT_NO": "SK2026022600001",
        "N_AMT": "800000.00",
        "T_GOT_TM": "2026-02-26",
        "C_PAYER_NME": "示例医药（杭州）有限公司",
        **changed,
    }
    return _element("RECEIPT_DATA", stated)


def endorsement_xml(**changed: str | None) -> str:
    """An endorsement element with these elements changed or, if None, left out."""
    stated: dict[str, str | None] = {
        "C_PLY_NO": "PZAC202633010000000012",
        "C_EDR_NO": "EZAC20263300000009",
        "C_EDR_TYP": "2",
        "T_EDR_BGN_TM": "2026-07-01",
        "N_PRM_VAR": "-100000.00",
        **changed,
    }
    return _element("ENDOR_DATA", stated)


def _element(name: str, stated: dict[str, str | None]) -> str:
    inner = "".join(f"<{child}>{text}</{child}>" for child, text in stated.items() if text is not None)
    return f"<{name}>{inner}</{name}>"


def envelope(type_: str, record: Any, **changed: Any) -> dict[str, Any]:
    """An envelope of the standard schema; a member that is None is left out."""
    stated = {
        "schema": "premium-exchange/1.0",
        "type": type_,
        "message_id": "M-1",
        "insurer": "DIA-CANON-JSON",
        "sent_at": "2026-03-02T09:00:00+08:00",
        "record": record,
        **changed,
    }
    return {name: value for name, value in stated.items() if value is not None}


def message(type_: str, record: Any, **changed: Any) -> bytes:
    """The envelope as bytes."""
    return json.dumps(envelope(type_, record, **changed), ensure_ascii=False).encode()


RECEIPT = {
    "policy_no": "PZAC202633010000000601",
    "receipt_no": "SK-1234",
    "amount": "800000.00",
    "received_on": "2026-02-26",
}
POLICY: dict[str, Any] = {
    "policy_no": "PZAC202633010000000601",
    "policyholder": {"name": "示例医药（杭州）有限公司", "credit_code": "91330108MA2XX9T186"},
    "line": "product_liability",
    "period": {"start": "2026-03-01", "end": "2027-02-28"},
    "premium": {"gross": "800000.00", "currency": "CNY"},
}
