"""What the log's checks say is in the published catalogue, in both languages; and nothing else is."""

import ast
from pathlib import Path

from gateway import ledger
from schemas.rules import load_rules

PACKAGE = Path(ledger.__file__).parent
RULES = {rule.id: rule for rule in load_rules([PACKAGE.parent / "rules-log.toml"])}


def emitted() -> set[tuple[str, str]]:
    """Every rule and reason that a call of `failed`, `unknown` or `_not_read` names in the source."""
    found: set[tuple[str, str]] = set()
    for file in PACKAGE.glob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name)):
                continue
            named = [argument.value for argument in node.args if isinstance(argument, ast.Constant)]
            if node.func.id in ("failed", "unknown") and len(named) == 2:
                found.add((named[0], named[1]))
            if node.func.id == "_compared":
                found.add((named[0], "root-differs"))
    return found


# Named by a variable in the source: of a checkpoint's refusal, of a resource, of what was not reached.
READ = ("log.checkpoint", "log.entries", "log.tiles")
REFUSED = ("malformed", "bad-signature", "unknown-signer", "ambiguous-key", "other-log", "no-ed25519")
VARIABLE = {
    *((rule, reason) for rule in ("log.checkpoint", "log.checkpoints") for reason in REFUSED),
    *(
        (rule, reason)
        for rule in ("log.checkpoint", "log.entries", "log.tiles")
        for reason in ("missing", "unavailable")
    ),
    # Of a key that had ended (ends.py): the rule is its caller's.
    *((rule, "ended-key") for rule in ("log.checkpoint", "log.checkpoints")),
    ("log.checkpoint", "not-vouched"),
    *((rule, "not-reached") for rule in ("log.entries", "log.tiles", "log.root")),
}


def test_the_catalogue_has_every_reason_and_no_other() -> None:
    published = {(rule.id, reason) for rule in RULES.values() for reason in rule.reasons}
    assert emitted() | VARIABLE == published


def test_every_rule_states_its_basis() -> None:
    assert all(rule.basis for rule in RULES.values())
