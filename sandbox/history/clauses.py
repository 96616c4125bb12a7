"""What the registry of filings stated on each day of the past: clauses appear, are stopped, are withdrawn."""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, timedelta
from typing import Any

from sandbox.filings import REGISTRY, clause_number
from sandbox.insurers import Insurer

LIBRARY = "示例保险行业协会条款库"
LATE_FIRST_USED, LATE_REGISTERED = 260, 222  # days before today: far more than ten working days apart
ORDERED_STOP, WITHDRAWN = 200, 90
STOPPED = 120  # when the old clause of each insurer ended


def further(insurers: Sequence[Insurer], today: date) -> list[dict[str, Any]]:
    """Filings beside those of the demonstration, as they stand today: a clause for drugs for each insurer; one clause
    ordered to stop, one withdrawn, one registered late, one of approved rates."""
    found = [_filing(one, today, "main", 900, 21, "药品责任保险条款", line="drug_liability") for one in insurers]
    by_code = {one.code: one for one in insurers}
    ended = {"ordered_stop": ORDERED_STOP, "withdrawn": WITHDRAWN}
    for code, serial, name, state in (
        ("SANDBOX-D", 31, "药品产品责任保险条款（2024版）", "ordered_stop"),
        ("SANDBOX-B", 51, "药品产品责任保险条款（升级版）", "withdrawn"),
    ):
        filing = _filing(by_code[code], today, "main", 820, serial, name)
        last = today - timedelta(days=ended[state] + 1)
        filing["intervals"][0]["to"] = last.isoformat()
        filing["intervals"].append({"state": state, "from": (last + timedelta(days=1)).isoformat()})
        found.append(filing)
    late = _filing(by_code["SANDBOX-F"], today, "main", LATE_REGISTERED, 41, "药品产品责任保险条款（2026版）")
    late["first_used_on"] = (today - timedelta(days=LATE_FIRST_USED)).isoformat()
    late["intervals"] = [{"state": "in_use", "from": late["first_used_on"]}]
    found.append(late)
    return found


def _filing(
    insurer: Insurer, today: date, kind: str, age: int, serial: int, name: str, line: str = "product_liability"
) -> dict[str, Any]:
    registered = today - timedelta(days=age)
    used = (registered + timedelta(days=2)).isoformat()
    number = clause_number(insurer.company_code, kind, registered, serial)
    return {
        "registration_no": number,
        "insurer": insurer.code,
        "name": name,
        "kind": kind,
        "line": line,
        "regime": "filed",
        "registered_on": registered.isoformat(),
        "first_used_on": used,
        "rate_min_percent": "0.4" if line == "drug_liability" else "0.5",
        "rate_max_percent": "2.8" if line == "drug_liability" else "3",
        "territory": "中华人民共和国境内（不含港澳台）",
        "clause_text_digest": "sha256:" + hashlib.sha256(number.encode()).hexdigest(),
        "intervals": [{"state": "in_use", "from": used}],
    }


def as_stated_on(filings: Iterable[Mapping[str, Any]], day: date) -> list[dict[str, Any]]:
    """What a registry could state as of `day`: what was registered by then, in the states that had begun."""
    text, found = day.isoformat(), []
    for filing in filings:
        if filing["registered_on"] > text:
            continue
        intervals = []
        for one in filing["intervals"]:
            if one["from"] <= text:
                ended = one.get("to", "9999") <= text
                intervals.append({name: value for name, value in one.items() if name != "to" or ended})
        if intervals:
            found.append({**filing, "intervals": intervals})
    return found


def registry_file(filings: Iterable[Mapping[str, Any]], day: date) -> bytes:
    """The registry's file as of `day`: all that it states."""
    stated = [{name: value for name, value in one.items() if name != "source"} for one in as_stated_on(filings, day)]
    return _json({"registry": REGISTRY, "as_of": day.isoformat(), "filings": stated})


def library_file(filings: Iterable[Mapping[str, Any]], day: date) -> bytes:
    """Another source, of a few clauses only: the text that it has of one of them is not the filed text."""
    chosen = [one for one in as_stated_on(filings, day) if one["insurer"] in ("SANDBOX-C", "SANDBOX-G")]
    chosen = [one for one in chosen if one["kind"] == "main" and one["line"] == "product_liability"]
    stated = []
    for one in chosen:
        changed = one["insurer"] == "SANDBOX-G" and one["registration_no"].endswith("11")
        digest = hashlib.sha256(one["registration_no"].encode() + b"/2").hexdigest()
        filing = {name: value for name, value in one.items() if name != "source"}
        stated.append(filing | ({"clause_text_digest": f"sha256:{digest}"} if changed else {}))
    return _json({"registry": LIBRARY, "as_of": day.isoformat(), "filings": stated})


def named(filing: Mapping[str, Any]) -> dict[str, str]:
    """The clause as a policy names it."""
    return {"registration_no": filing["registration_no"], "name": filing["name"], "kind": filing["kind"]}


def _json(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode()
