"""The cover sheet of a bundle, for people: what the premium is, where it stands, what the bundle holds."""

from datetime import datetime
from html import escape
from typing import Any

from gateway.bundle.store import KeptRevision
from gateway.catalogue import Catalogue
from schemas.calendar import SHANGHAI
from schemas.verification import Check, Outcome, Severity

_STATUS = {"verified": "已核验", "held": "待定", "refused": "不予核验", "withdrawn": "核验已撤回"}
_STYLE = (
    "body{font:16px/1.6 'Noto Sans CJK SC','Microsoft YaHei',sans-serif;max-width:48em;margin:3em auto;padding:0 1em;"
    "color:#1a1a1a}h1{font-size:1.5em}table{border-collapse:collapse;width:100%}td,th{border-bottom:1px solid #ccc;"
    "padding:.35em .5em;text-align:left;vertical-align:top}th{width:14em;font-weight:600}code{word-break:break-all}"
    ".ok{color:#0a6b2d}.no{color:#a40000}.note,small{color:#666}td:first-child{white-space:nowrap}"
    "@media print{body{margin:0}}"
)


def write_cover(premium: dict[str, Any], kept: KeptRevision, catalogue: Catalogue, at: datetime) -> bytes:
    """One HTML page without scripts and without anything from elsewhere."""
    money, policy = premium.get("money") or {}, premium.get("policy") or {}
    status = premium["status"]
    rows = [
        ("保单号 policy", premium["policy_no"]),
        ("保险机构 insurer", premium["insurer"]),
        ("投保人 policyholder", (policy.get("policyholder") or {}).get("name", "—")),
        ("产品 product", (policy.get("product") or {}).get("generic_name", "—")),
        ("结论 status", f"{_STATUS[status]} {status}"),
        ("版本 revision", str(premium["revision"])),
        ("应收 due (元)", money.get("due", "—")),
        ("实收 received (元)", money.get("received", "—")),
        ("退费 refunded (元)", money.get("refunded", "—")),
        ("净实收 net paid (元)", money.get("net_paid", "—")),
        ("日志位置 leaf", str(kept.leaf_index)),
        ("制作时间 made", at.astimezone(SHANGHAI).strftime("%Y-%m-%d %H:%M:%S")),
    ]
    for scheme in premium.get("schemes", []):
        rows.append((f"{escape(scheme['scheme'])} 补贴 (元)", f"{scheme['subsidy']} ({scheme['outcome']})"))
    table = "".join(f"<tr><th>{escape(name)}</th><td>{escape(str(value))}</td></tr>" for name, value in rows)
    told = [Check.model_validate(check) for check in premium["report"]["checks"]]
    checks = "".join(_check(check, catalogue) for check in told)
    text = (
        f'<!doctype html><html lang="zh"><meta charset="utf-8"><title>保费证据包 {escape(premium["policy_no"])}</title>'
        f"<style>{_STYLE}</style><h1>保费证据包 · evidence of a premium</h1><table>{table}</table>"
        "<p>本页仅供阅读；结论以包内原始数据的重新计算为准："
        "<code>gateway evidence verify 本文件 --trust 信任目录</code></p>"
        f"<h2>核验项 checks</h2><table>{checks}</table></html>"
    )
    return text.encode()


def _check(check: Check, catalogue: Catalogue) -> str:
    """One check in the catalogue's words: it passed, it did not, or it is a notice and decides nothing."""
    mark, kind = ("✓", "ok") if check.outcome is Outcome.PASSED else ("✗", "no")
    if check.outcome is not Outcome.PASSED and check.severity is Severity.NOTICE:
        mark, kind = "· 仅提示", "note"
    elif check.outcome is Outcome.INDETERMINATE:
        mark = "? 待定"
    words = escape(catalogue.explain(check, "zh"))
    return f'<tr><td class="{kind}">{mark}</td><td>{words}<br><small>{escape(check.rule)}</small></td></tr>'
