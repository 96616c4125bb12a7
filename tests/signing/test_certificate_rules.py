"""Every rule and reason that these modules can give stands in the catalogue, in both languages."""

import ast
import re
from pathlib import Path

import pytest

from schemas.rules import Rule, load_rules

PACKAGE = Path(__file__).resolve().parents[2] / "signing"
RULES = {rule.id: rule for rule in load_rules(sorted(PACKAGE.glob("rules*.toml")))}
MODULES = (
    "checks/certificate.py",
    "checks/chain.py",
    "checks/cms.py",
    "checks/token.py",
    "containers/pdf.py",
    "containers/pdf_file.py",
)
# Reasons that come out of other modules as text, by the rule that gives them.
CARRIED = {
    "signature.byte-range": ("containers/pdf_dictionary.py", "BadDictionary"),
    "document.pdf-structure": ("containers/pdf_file.py", "BadPdf"),
    "signature.pdf-format": ("containers/pdf.py", "_Unsupported"),
}


def emitted(path: Path) -> set[tuple[str, str | None]]:
    """Each rule with each reason that is written out in the source; the rule may be a name bound in the function."""
    found: set[tuple[str, str | None]] = set()
    for function in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if not isinstance(function, ast.FunctionDef):
            continue
        bound = [text for node in ast.walk(function) if isinstance(node, ast.Assign) for text in _texts(node.value)]
        rules = [text for text in bound if text in RULES or "." in text]
        for call in ast.walk(function):
            if not (isinstance(call, ast.Call) and isinstance(call.func, ast.Name)):
                continue
            if call.func.id not in ("failed", "unknown", "passed") or not call.args:
                continue
            named = _texts(call.args[0]) or rules[:1]
            reasons = _texts(call.args[1]) if call.func.id != "passed" and len(call.args) > 1 else [None]
            found |= {(rule, reason) for rule in named for reason in reasons}
    return found


def _texts(node: ast.AST) -> list[str]:
    return [one.value for one in ast.walk(node) if isinstance(one, ast.Constant) and isinstance(one.value, str)]


@pytest.mark.parametrize("module", MODULES)
def test_what_is_emitted_is_in_the_catalogue(module: str) -> None:
    found = emitted(PACKAGE / module)
    missing = [(rule, reason) for rule, reason in sorted(found, key=str) if not _known(rule, reason)]
    assert not missing, missing


def _known(rule: str, reason: str | None) -> bool:
    return rule in RULES and (reason is None or reason in RULES[rule].reasons)


@pytest.mark.parametrize(("rule", "place"), CARRIED.items())
def test_what_is_carried_is_in_the_catalogue(rule: str, place: tuple[str, str]) -> None:
    module, error = place
    source = ast.parse((PACKAGE / module).read_text(encoding="utf-8"))
    reasons = {
        call.args[0].value
        for call in ast.walk(source)
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id == error
        if call.args and isinstance(call.args[0], ast.Constant)
    }
    assert reasons
    assert reasons <= set(RULES[rule].reasons)


def test_the_chain_gives_only_its_own_reasons() -> None:
    """Reasons of `signing.checks.chain` are values of a record, not of a call."""
    source = (PACKAGE / "checks" / "chain.py").read_text(encoding="utf-8")
    for reason in RULES["certificate.chain"].reasons:
        assert f'"{reason}"' in source or reason == "chain-unknown"


@pytest.mark.parametrize("rule", RULES.values(), ids=lambda rule: rule.id)
def test_a_stranger_can_read_it(rule: Rule) -> None:
    """Each rule has its basis and its cure, and each text is a sentence that stands by itself, in both languages."""
    assert rule.basis, "on what does it rest?"
    assert rule.cure is not None, "what is to be done about it?"
    for text in (rule.cure, *rule.reasons.values()):
        assert text.en.endswith("."), text.en
        assert text.zh.endswith("。"), text.zh
        assert text.en[0].isupper() or text.en.startswith(("propertyInfo", "`")), text.en
        assert re.search("[\u4e00-\u9fff]", text.zh), text.zh
        assert len(text.en) >= 12, text.en
    assert not rule.title.en.endswith(".")
    assert len(rule.title.zh) >= 4
