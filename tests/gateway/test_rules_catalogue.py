"""What the code says stands in the catalogue, in both languages; and what the catalogue promises, the code can say."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from gateway.catalogue import Catalogue, load_catalogue
from schemas.rules import Rule, load_rules
from schemas.verification import failed, passed, unknown

ROOT = Path(__file__).parents[2]
PACKAGES = ("untrusted", "signing", "adapters", "gateway")
MAKERS = {"passed", "failed", "unknown"}
Literal = re.Pattern[str]


@cache
def trees(package: str) -> dict[Path, ast.Module]:
    return {file: ast.parse(file.read_text("utf-8")) for file in sorted((ROOT / package).rglob("*.py"))}


@cache
def constants() -> frozenset[str]:
    """Every text that stands in the code of any package."""
    return frozenset(
        node.value
        for package in PACKAGES
        for tree in trees(package).values()
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    )


@cache
def patterns() -> tuple[Literal, ...]:
    """Every composed text of the code, as a pattern: `f"{subject}.nonce"`."""
    return tuple(
        pattern(node)
        for package in PACKAGES
        for tree in trees(package).values()
        for node in ast.walk(tree)
        if isinstance(node, ast.JoinedStr) and any(isinstance(part, ast.Constant) for part in node.values)
    )


def pattern(composed: ast.JoinedStr) -> Literal:
    parts = [
        re.escape(str(part.value)) if isinstance(part, ast.Constant) else "[a-z0-9.-]+" for part in composed.values
    ]
    return re.compile("".join(parts))


@cache
def rules() -> dict[str, Rule]:
    return load_catalogue().rules


def texts(node: ast.expr | None, names: dict[str, list[ast.expr]]) -> list[str] | None:
    """The texts that an expression may be, as far as the code says so on the spot; `None` if it does not."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return [node.value]
    if isinstance(node, ast.IfExp):
        one, other = texts(node.body, names), texts(node.orelse, names)
        return None if one is None or other is None else one + other
    if isinstance(node, ast.Name) and node.id in names:
        found = [texts(value, {}) for value in names[node.id]]
        return None if any(one is None for one in found) else [text for one in found if one for text in one]
    return None


def assigned(scope: ast.AST) -> dict[str, list[ast.expr]]:
    """What each name is set to in a scope; a name that is set in another way is left out."""
    names: dict[str, list[ast.expr]] = {}
    for node in ast.walk(scope):
        if isinstance(node, ast.Assign) and len(node.targets) == 1 and isinstance(node.targets[0], ast.Name):
            names.setdefault(node.targets[0].id, []).append(node.value)
    parameters = {argument.arg for node in ast.walk(scope) if isinstance(node, ast.arguments) for argument in node.args}
    return {name: values for name, values in names.items() if name not in parameters}


def emitted() -> Iterator[tuple[str, str, str | None]]:
    """Place, rule and reason of every check whose rule the code names on the spot."""
    for package in PACKAGES:
        for file, tree in trees(package).items():
            makers = made_of(tree)
            module = {name: values for name, values in assigned(tree).items() if name.isupper()}
            for function in ast.walk(tree):
                if not isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
                    continue
                names = module | assigned(function)
                for call in ast.walk(function):
                    yield from emitted_by(call, f"{file.relative_to(ROOT)}", names, makers)


def made_of(tree: ast.Module) -> set[str]:
    """The names under which a module makes checks: what it imports for it, and what remembers it."""
    imported = {
        alias.asname or alias.name
        for node in tree.body
        if isinstance(node, ast.ImportFrom) and node.module == "schemas.verification"
        for alias in node.names
        if alias.name in MAKERS
    }
    return imported | {f"_{name}" for name in imported}


def emitted_by(
    call: ast.AST, file: str, names: dict[str, list[ast.expr]], makers: set[str]
) -> Iterator[tuple[str, str, str | None]]:
    if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Name) or call.func.id not in makers:
        return
    said = call.args[0] if call.args else None
    place = f"{file}:{call.lineno}"
    for rule in texts(said, names) or ():
        if call.func.id.endswith("passed"):
            yield place, rule, None
            continue
        for reason in texts(call.args[1] if len(call.args) > 1 else None, names) or (None,):
            yield place, rule, reason


def test_every_check_that_the_code_names_stands_in_the_catalogue() -> None:
    found = list(emitted())
    assert len({rule for _, rule, _ in found}) > 60  # the search finds what it is looking for
    missing = [
        (place, rule, reason)
        for place, rule, reason in found
        if rule not in rules() or (reason is not None and reason not in rules()[rule].reasons)
    ]
    assert not missing


def test_every_rule_of_the_catalogue_can_be_said_by_the_code() -> None:
    unsaid = [
        rule for rule in rules() if rule not in constants() and not any(one.fullmatch(rule) for one in patterns())
    ]
    assert not unsaid


def test_every_reason_of_the_catalogue_can_be_said_by_the_code() -> None:
    unsaid = [(rule.id, reason) for rule in rules().values() for reason in rule.reasons if reason not in constants()]
    assert not unsaid


def test_every_rule_and_reason_speaks_both_languages() -> None:
    for rule in rules().values():
        for text in (rule.title, *rule.reasons.values(), *((rule.cure,) if rule.cure else ())):
            assert re.search(r"[\u4e00-\u9fff]", text.zh), (rule.id, text)
            assert re.search(r"[A-Za-z]", text.en), (rule.id, text)
            assert not re.search(r"[\u4e00-\u9fff]{8}", text.en), (rule.id, text)


def test_the_files_of_all_packages_are_one_catalogue() -> None:
    files = [file for package in PACKAGES for file in (ROOT / package).glob("rules*.toml")]
    assert {file.parent.name for file in files} == set(PACKAGES)
    assert len(load_rules(files)) == len(rules())
    stray = [
        file for package in PACKAGES for file in (ROOT / package).rglob("rules*.toml") if file.parent != ROOT / package
    ]
    assert not stray  # nobody would find it


def test_the_digest_is_that_of_what_is_published_and_changes_with_any_word() -> None:
    catalogue = load_catalogue()
    assert catalogue.digest == load_catalogue().digest
    assert catalogue.digest == Catalogue(reversed(list(catalogue.rules.values()))).digest
    first, *others = catalogue.rules.values()
    changed = first.model_copy(update={"title": first.title.model_copy(update={"en": first.title.en + "."})})
    assert Catalogue([changed, *others]).digest != catalogue.digest
    assert Catalogue(others).digest != catalogue.digest


@pytest.mark.parametrize("language", ["zh", "en"])
def test_a_check_is_explained_by_its_reason_or_else_by_its_title(language: str) -> None:
    catalogue = load_catalogue()
    rule = catalogue.rules["premium.paid-in-full"]
    speak = "zh" if language == "zh" else "en"
    assert catalogue.explain(failed(rule.id, "short"), speak) == getattr(rule.reasons["short"], language)
    assert catalogue.explain(unknown(rule.id, "never-heard-of"), speak) == getattr(rule.title, language)
    assert catalogue.explain(passed(rule.id), speak) == getattr(rule.title, language)
    assert catalogue.explain(failed("no.such-rule", "why"), speak) == "why"
