"""`gateway match`: an application against what the gateway has verified, for people and for machines."""

import argparse
import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, TextIO

import requests

from client.gateway import Gateway, Problem
from client.keys import Key

_XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
_UNREADABLE = 3
_WRONG_USAGE = 64
_OUTCOMES = {
    "agrees": {"zh": "一致", "en": "agrees"},
    "agrees-at-precision": {"zh": "按所填位数一致", "en": "agrees at its precision"},
    "differs": {"zh": "不一致", "en": "differs"},
    "unknown": {"zh": "无法认定", "en": "unknown"},
}
_UNMENTIONED = {
    "refunded": {"zh": "已退费", "en": "refunded"},
    "premium-returned": {"zh": "应退保费", "en": "premium to be returned"},
    "written-off": {"zh": "已核销", "en": "written off"},
    "impact": {"zh": "核验后金额变化", "en": "changed after it was served"},
    "changed-since-verified": {"zh": "核验后又有变更", "en": "later revisions"},
    "coinsured": {"zh": "共保", "en": "co-insured"},
    "claimed-again": {"zh": "同一保单重复申报", "en": "claimed in another row too"},
    "awarded": {"zh": "已获补贴", "en": "awarded before"},
}


def match(parsed: argparse.Namespace) -> int:
    """Send the application and print the answer. 0 all agree, 1 something differs, 2 something is unknown, 3 unread."""
    file: Path = parsed.file
    try:
        body = file.read_bytes()
        key = Key.from_pem(parsed.keyid or parsed.key.stem, parsed.key.read_bytes())
    except (OSError, ValueError) as error:
        print(f"gateway: {error}", file=sys.stderr)
        return _WRONG_USAGE
    kind = _XLSX if body.startswith(b"PK") else "application/json"
    with Gateway(parsed.url, key, language=parsed.lang) as gateway:
        try:
            answer = gateway.call("POST", "/v1/premiums/match", body=body, content_type=kind).value
        except Problem as problem:
            print(json.dumps(problem.document, ensure_ascii=False))
            return _UNREADABLE
        except requests.RequestException as error:
            print(f"gateway: {error}", file=sys.stderr)
            return _UNREADABLE
    if parsed.json:
        print(json.dumps(answer, ensure_ascii=False))
    else:
        show(answer, parsed.lang, sys.stdout)
    summary = answer["summary"]
    return 1 if summary["differs"] else 2 if summary["unknown"] else 0


def show(answer: Mapping[str, Any], language: str, out: TextIO) -> None:
    """The answer as people read it: each row with what does not simply agree."""
    for row in answer["rows"]:
        for line in _row(row, answer, language):
            print(line, file=out)
    others = answer["others"]
    if others:
        title = "申报未提及的保单" if language == "zh" else "Premiums that the application leaves out"
        print(f"{title}: {answer['others_count']}", file=out)
        for one in others:
            period = one.get("period") or {}
            days = f"{period.get('start', '')}..{period.get('end', '')}"
            print(f"  {one['insurer']} {one['policy_no']} {one['status']} {days} {one.get('due') or ''}", file=out)
    if answer["unread"]:
        title = "未核对的栏目" if language == "zh" else "Columns that were not compared"
        print(f"{title}: {'、'.join(answer['unread'])}", file=out)
    counts = "  ".join(f"{_OUTCOMES[name][language]} {count}" for name, count in answer["summary"].items())
    print(counts, file=out)


def _row(row: Mapping[str, Any], answer: Mapping[str, Any], language: str) -> Iterator[str]:
    premium = row.get("premium")
    named = f"{premium['insurer']} {premium['policy_no']} {premium['status']}" if premium else ""
    why = answer["reasons"].get(row.get("reason", ""), "")
    title = "第" if language == "zh" else "row "
    yield f"{title}{row['row']}{'行' if language == 'zh' else ''}  {_OUTCOMES[row['outcome']][language]}  {named}{why}"
    for one in row.get("candidates", ()):
        yield f"    ? {one['insurer']} {one['policy_no']} {one['status']}"
    if premium is None:
        return
    for field in row["fields"]:
        if field["outcome"] == "agrees" and "reason" not in field:
            continue
        reason = field.get("reason", "")
        if reason == "not-held":
            continue
        values = f"{field.get('stated', '')} ≠ {field.get('verified', '')} {field.get('unit', '')}".rstrip()
        told = answer["reasons"].get(reason, "")
        label = answer["labels"].get(field["field"], field["field"])
        shown = values if field["outcome"] == "differs" else field.get("stated", "")
        yield f"    {field['cell']} {label}: {_OUTCOMES[field['outcome']][language]}  {shown}  {told}".rstrip()
    for one in row.get("unmentioned", ()):
        name = _UNMENTIONED.get(one["kind"], {}).get(language, one["kind"])
        facts = {key: value for key, value in one.items() if key != "kind"}
        yield f"    ! {name} {json.dumps(facts, ensure_ascii=False)}"
