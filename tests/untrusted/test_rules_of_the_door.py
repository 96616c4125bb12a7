"""The catalogue holds every rule and reason that the door's code can name, and no other."""

import ast
from pathlib import Path

from doors import documented

import untrusted

# What callers of the door add under its rules: DIALECTS 0.2, 0.9 and 12.
SAID_BY_CALLERS = {("text.control-char", "control-character")} | {
    ("row.ragged", reason) for reason in ("quote", "surplus", "fields")
}
SHORTHANDS = {
    ("zip.py", "_malformed"): "archive.malformed",
    ("zip.py", "_ambiguous"): "archive.ambiguous",
    ("zip.py", "_unsafe"): "archive.unsafe-name",
    ("der.py", "_malformed"): "der.malformed",
    ("sheet.py", "malformed"): "workbook.malformed",
    ("xlsx.py", "malformed"): "workbook.malformed",
}
# Reasons that are put together from the name of a codec.
COMPOSED = {("encoding.undecodable", f"not-{codec}") for codec in ("utf-8", "gb18030", "ascii")}


def constants(node: ast.expr) -> set[str]:
    return {part.value for part in ast.walk(node) if isinstance(part, ast.Constant) and isinstance(part.value, str)}


def named() -> set[tuple[str, str]]:
    found = set(COMPOSED)
    for file in Path(untrusted.__file__).parent.glob("*.py"):
        tree = ast.parse(file.read_text(encoding="utf-8"))
        values = {
            target.id: node.value
            for node in ast.walk(tree)
            if isinstance(node, ast.Assign)
            for target in node.targets
            if isinstance(target, ast.Name) and target.id == "reason"
        }
        for node in ast.walk(tree):
            if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name) or not node.args:
                continue
            rule = SHORTHANDS.get((file.name, node.func.id))
            if node.func.id == "Refused" and isinstance(node.args[0], ast.Constant):
                rule, reason = str(node.args[0].value), node.args[1]
            elif rule is not None:
                reason = node.args[0]
            else:
                continue
            if isinstance(reason, ast.Constant):
                found.add((rule, str(reason.value)))
            elif isinstance(reason, ast.IfExp):
                found |= {(rule, name) for name in constants(reason)}
    assert values is not None
    # Chosen by a condition, and handed over in a variable.
    return found | {("archive.ambiguous", name) for name in ("overlap", "gap", "prefix", "duplicate-name", "twin-name")}


def test_rules_and_reasons_are_documented() -> None:
    catalogue = {(rule, reason) for rule, reasons in documented().items() for reason in reasons}
    assert named() - catalogue == set()
    assert catalogue - named() == SAID_BY_CALLERS
