"""What the rules of the schemes ask and what their reasons mean, in both languages."""

import tomllib
from functools import lru_cache
from pathlib import Path
from typing import Literal

from pydantic import Field

from gateway.schemes.verdict import Finding
from schemas.base import Noun
from schemas.rules import Text

_FILE = Path(__file__).parent / "texts.toml"
_OF_EVERY_KEY = "readings"

Language = Literal["zh", "en"]


class SchemeRule(Noun):
    """One rule of the schemes: what it asks, its basis, and what each reason means."""

    id: str = Field(pattern=r"^(R-[A-Z]{2}-[0-9]{2}[a-z]?|F-[0-9]{2}|scheme\.(disabled|told-in-window)|readings)$")
    title: Text
    basis: str | None = None
    reasons: dict[str, Text]


@lru_cache(maxsize=1)
def load_texts() -> dict[str, SchemeRule]:
    """Every rule by id, and `readings`, whose reasons may be said of any rule that has a key."""
    table = tomllib.loads(_FILE.read_text(encoding="utf-8"))
    return {name: SchemeRule.model_validate({"id": name, **body}) for name, body in table.items()}


def explain(finding: Finding, language: Language) -> str:
    """What a finding means: its rule's title and its reason, in one line."""
    rules = load_texts()
    rule = rules[finding.rule]
    reason = rule.reasons.get(finding.reason) or rules[_OF_EVERY_KEY].reasons[finding.reason]
    return f"{said(rule.title, language)}: {said(reason, language)}"


def said(text: Text, language: Language) -> str:
    """The text in one language."""
    return text.zh if language == "zh" else text.en
