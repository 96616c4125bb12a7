"""The registry of clause filings 条款备案 of the sandbox, as records and as the files that a registry hands out."""

import csv
import hashlib
import io
import json
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Any

REGISTRY = "示例财产保险自主注册平台"
_FIELDS = (
    *("registration_no", "insurer", "name", "kind", "line", "regime", "registered_on", "first_used_on"),
    *("rate_min_percent", "rate_max_percent", "territory", "clause_text_digest", "intervals"),
    *("registry", "as_of", "fetched_at"),
)


def clause_number(company_code: str, kind: str, registered_on: date, serial: int) -> str:
    """A registration number of 24 characters in liability class 309: `main` 3091, `rider` 3092 (DOMAIN §2.6)."""
    return f"C{company_code}309{'1' if kind == 'main' else '2'}{registered_on:%Y%m%d}{serial:05d}"


def clauses_of(insurer: str, company_code: str, at: datetime) -> list[dict[str, Any]]:
    """What one insurer has registered: a main clause and a rider in use, and an older main clause, stopped."""
    today = at.date()
    source = {
        "registry": REGISTRY,
        "as_of": (today - timedelta(days=1)).isoformat(),
        "fetched_at": at.isoformat(timespec="seconds"),
    }
    shapes = (
        ("main", 500, 11, "药品产品责任保险条款", None),
        ("rider", 500, 12, "附加产品召回费用保险条款", None),
        ("main", 1500, 7, "药品产品责任保险条款（旧版）", 120),
    )
    filings = []
    for kind, age, serial, name, stopped in shapes:
        registered = today - timedelta(days=age)
        used = registered + timedelta(days=3)
        number = clause_number(company_code, kind, registered, serial)
        intervals = [{"state": "in_use", "from": used.isoformat()}]
        if stopped is not None:
            last = today - timedelta(days=stopped + 1)
            intervals[0]["to"] = last.isoformat()
            intervals.append({"state": "stopped", "from": (last + timedelta(days=1)).isoformat()})
        filings.append(
            {
                "registration_no": number,
                "insurer": insurer,
                "name": name,
                "kind": kind,
                "line": "product_liability",
                "regime": "filed",
                "registered_on": registered.isoformat(),
                "first_used_on": used.isoformat(),
                "rate_min_percent": "0.5",
                "rate_max_percent": "3",
                "territory": "中华人民共和国境内（不含港澳台）",
                "clause_text_digest": "sha256:" + hashlib.sha256(number.encode()).hexdigest(),
                "intervals": intervals,
                "source": source,
            }
        )
    return filings


def registry_json(filings: Sequence[dict[str, Any]]) -> bytes:
    """The registry as one JSON object: `registry`, `as_of`, `fetched_at`, `filings` (SCHEMA.md `filing`)."""
    source = filings[0]["source"]
    return json.dumps({**source, "filings": list(filings)}, ensure_ascii=False, indent=1).encode()


def registry_csv(filings: Sequence[dict[str, Any]]) -> bytes:
    """The registry as CSV, UTF-8 with BOM: a row for each clause; intervals are `state:from:to`, split by `;`."""
    output = io.StringIO()
    writer = csv.writer(output, lineterminator="\r\n")
    writer.writerow(_FIELDS)
    for filing in filings:
        intervals = ";".join(f"{one['state']}:{one['from']}:{one.get('to', '')}" for one in filing["intervals"])
        row = {**filing, **filing["source"], "intervals": intervals}
        writer.writerow([row[name] for name in _FIELDS])
    return output.getvalue().encode("utf-8-sig")
