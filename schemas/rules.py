"""The rule catalogue as data: what each check asks, what each reason means, in both languages, and why it may ask."""

import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Literal

from pydantic import Field

from schemas.base import Noun


class Text(Noun):
    """The same sentence in Chinese and in English."""

    zh: str = Field(min_length=1)
    en: str = Field(min_length=1)


class Rule(Noun):
    """One rule: stable id, title, what can be wrong (reason slug to text), its cure, its legal basis or clause.

    `records` are the record types that it is about and `fields` those of their fields that it names. `since` and
    `until` are the versions of the catalogue that have it; `parameters` the numbers that it goes by.
    """

    id: str = Field(pattern=r"^[a-z0-9]+(?:[.-][a-z0-9]+)*$")
    title: Text
    severity: Literal["error", "notice"] = "error"
    records: tuple[str, ...] = ()
    fields: tuple[str, ...] = ()
    basis: str | None = None
    cure: Text | None = None
    since: str = "1.0"
    until: str | None = None
    parameters: dict[str, str] = Field(default_factory=dict)
    reasons: dict[str, Text] = Field(default_factory=dict)


def load_rules(paths: Iterable[Path]) -> tuple[Rule, ...]:
    """All rules of the TOML files, sorted by id. Raises on an id that is defined twice.

    A file is a table of tables: `["seal.digest"]`, with `title = {zh, en}`, `basis`, `[..reasons]`.
    """
    rules: dict[str, Rule] = {}
    for path in paths:
        for rule_id, body in tomllib.loads(path.read_text(encoding="utf-8")).items():
            if rule_id in rules:
                raise ValueError(f"{path.name}: rule {rule_id} is defined twice")
            rules[rule_id] = Rule(id=rule_id, **body)
    return tuple(rules[rule_id] for rule_id in sorted(rules))
