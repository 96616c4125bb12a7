"""Every rule and reason that the code can emit stands in the catalogue, in both languages, and none stands idle."""

import ast
import re
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import adapters
from adapters.problems import NOTES, RULES, catalogue
from schemas.rules import load_rules
from schemas.verification import Severity

HOME = Path(adapters.__file__).parent
SOURCES = [path for path in sorted(HOME.rglob("*.py")) if not path.name.startswith("document")]
OWN = {rule.id: rule for rule in load_rules([RULES])}


def texts() -> Iterator[tuple[str, str]]:
    """Every text constant of the sources, with the file that it stands in."""
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                yield node.value, path.name


def emitted() -> Iterator[tuple[str, str]]:
    """Each rule that a call names as a constant, with the constant behind it: its reason, or a field."""
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call):
                stated = [one.value for one in node.args if isinstance(one, ast.Constant)]
                yield from ((rule, reason) for rule, reason in pairwise(stated) if rule in catalogue())


def test_every_reason_of_a_rule_is_in_the_catalogue() -> None:
    found = {(rule, reason) for rule, reason in emitted() if isinstance(reason, str)}
    unknown = {(rule, reason) for rule, reason in found if reason not in catalogue()[rule].reasons}
    assert len(found) - len(unknown) > 50
    # What is no reason is a field, an effect or a form.
    assert {reason for _, reason in unknown if re.fullmatch(r"[a-z]+(-[a-z]+)*", reason)} <= {"amount"}


def test_no_rule_and_no_reason_stands_idle() -> None:
    said = {text for text, _ in texts()} | {"check-character"}  # which `schemas.identifiers` says
    assert {rule for rule in OWN if rule not in said} == set()
    assert {(rule.id, reason) for rule in OWN.values() for reason in rule.reasons if reason not in said} == set()


def test_notes_are_notices_and_nothing_else_is() -> None:
    notices = {rule.id for rule in OWN.values() if rule.severity == Severity.NOTICE}
    assert notices == NOTES & set(OWN)


def test_every_rule_says_what_it_rests_on() -> None:
    assert all(rule.basis and rule.reasons for rule in OWN.values())
    for rule in OWN.values():
        for text in (rule.title, *rule.reasons.values(), *([rule.cure] if rule.cure else [])):
            assert any("\u4e00" <= character <= "\u9fff" for character in text.zh)
            assert text.en.isascii() or any(word in text.en for word in ("保", "费", "元", "国药准字"))
