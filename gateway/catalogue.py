"""The published rule catalogue: every rule that any part of the house applies, as data, with one digest."""

import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import Literal

from schemas.canonical import canonical
from schemas.rules import Rule, Text, load_rules
from schemas.verification import Check, Outcome

_HOUSE = Path(__file__).parent.parent
_PACKAGES = ("untrusted", "signing", "adapters", "gateway")


class Catalogue:
    """All rules by id. `digest` is the SHA-256 of their canonical form; a report names it, so it can be replayed."""

    def __init__(self, rules: Iterable[Rule]) -> None:
        self.rules = {rule.id: rule for rule in rules}
        self.digest = f"sha256:{hashlib.sha256(canonical(self.as_json())).hexdigest()}"

    def as_json(self) -> list[dict[str, object]]:
        """The rules as plain JSON values, sorted by id."""
        return [rule.model_dump(mode="json", exclude_none=True) for _, rule in sorted(self.rules.items())]

    def explain(self, check: Check, language: Literal["zh", "en"]) -> str:
        """What the check's answer means, in one sentence; its rule's title if it passed or the reason has no text."""
        rule = self.rules.get(check.rule)
        if rule is None:
            return check.reason or check.rule
        if check.outcome is not Outcome.PASSED and check.reason in rule.reasons:
            return _said(rule.reasons[check.reason], language)
        return _said(rule.title, language)


def _said(text: Text, language: Literal["zh", "en"]) -> str:
    return text.zh if language == "zh" else text.en


def load_catalogue() -> Catalogue:
    """The catalogue of this version: the `rules*.toml` of every package."""
    return Catalogue(
        load_rules(file for package in _PACKAGES for file in sorted((_HOUSE / package).glob("rules*.toml")))
    )
