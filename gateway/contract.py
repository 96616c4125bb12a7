"""Writes what is generated and committed: OpenAPI and the pages that follow from data. Run by `make contract`."""

import inspect
import sys
from pathlib import Path

from gateway.catalogue import load_catalogue
from gateway.frauds import load_frauds
from gateway.openapi import description
from gateway.problems import PROBLEMS
from schemas.rules import Rule

ROOT = Path(__file__).parent.parent


def generated() -> dict[str, str]:
    """Every generated file by its path below the project's root."""
    return {
        "openapi/gateway.v1.json": description(),
        "docs/checks.md": _checks(),
        "docs/frauds.md": _frauds(),
        "docs/problems.md": _problems(),
    }


def _checks() -> str:
    catalogue = load_catalogue()
    lines = [
        "# 检查规则 · Rules",
        "",
        "每条规则一节：问什么、依据、可能的原因、改正办法。由规则目录生成，目录本身见 `GET /v1/rules`。",
        "One section a rule: what it asks, its basis, what can be wrong, the cure. Generated from the catalogue.",
        "",
    ]
    for _, rule in sorted(catalogue.rules.items()):
        lines += _section(rule)
    return "\n".join(lines)


def _section(rule: Rule) -> list[str]:
    lines = [f"## {rule.id}", "", f"{rule.title.zh}  ", rule.title.en, ""]
    if rule.severity == "notice":
        lines += ["仅提示，不影响结论 · a notice: it decides nothing", ""]
    if rule.basis:
        lines += [f"依据 basis: {rule.basis}", ""]
    if rule.records:
        lines += [f"记录 records: {', '.join(f'`{name}`' for name in rule.records)}", ""]
    if rule.parameters:
        lines += [f"参数 parameters: {', '.join(f'{name} = {value}' for name, value in rule.parameters.items())}", ""]
    if rule.reasons:
        lines += ["| 原因 reason | 含义 | meaning |", "|---|---|---|"]
        lines += [f"| `{slug}` | {_cell(text.zh)} | {_cell(text.en)} |" for slug, text in sorted(rule.reasons.items())]
        lines.append("")
    if rule.cure:
        lines += [f"改正 cure: {rule.cure.zh}  ", rule.cure.en, ""]
    return lines


def _frauds() -> str:
    lines = [
        "# 骗补模式与核查 · Patterns of subsidy fraud, and what stands against them",
        "",
        "由 `gateway/frauds.toml` 生成；规则见 [checks.md](checks.md)，方案规则见 `gateway scheme list`。",
        "Generated from `gateway/frauds.toml`; for the rules see [checks.md](checks.md) and `gateway scheme list`.",
        "",
        "| | 模式 | pattern | 核查 what stands against it | 等待数据 waits for |",
        "|---|---|---|---|---|",
    ]
    for fraud in load_frauds():
        against = [f"[`{rule}`](checks.md#{rule.replace('.', '')})" for rule in fraud.rules]
        against += [f"`{rule}` (方案 scheme)" for rule in fraud.schemes]
        against += [f"{fraud.by.zh} · {fraud.by.en}"] if fraud.by else []
        waits = f"{fraud.waits.zh} · {fraud.waits.en}" if fraud.waits else ""
        cells = (fraud.id, fraud.title.zh, fraud.title.en, "<br>".join(against), waits)
        lines.append(f"| {' | '.join(map(_cell, cells))} |")
    return "\n".join([*lines, ""])


def _cell(text: str) -> str:
    return " ".join(text.replace("|", "\\|").split())


def _problems() -> str:
    lines = [
        "# 问题类型 · Problem types",
        "",
        "每个拒绝都是RFC 9457问题文档，`type`指向这里的一节；`problems`逐条列出规则、字段、原因和改正。",
        "Every refusal is an RFC 9457 problem document whose `type` names a section here; `problems` lists each rule,",
        "field, reason and, where a machine can mend it, the fix.",
        "",
    ]
    for problem in PROBLEMS:
        meaning = " ".join((inspect.getdoc(problem) or "").split())
        lines += [
            f"## {problem.slug}",
            "",
            f"HTTP {problem.status} · {problem.title['zh']} · {problem.title['en']}",
            "",
        ]
        lines += [meaning, ""]
    lines += ["## unforeseen", "", "HTTP 500 · 未预料的错误 · Unforeseen error", ""]
    lines += [
        "A defect of the gateway, never a verdict: nothing of the request was kept. Send it again, and tell us.",
        "",
    ]
    return "\n".join(lines)


def main() -> int:
    """Write every generated file."""
    for name, text in generated().items():
        file = ROOT / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
