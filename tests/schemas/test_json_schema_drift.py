"""The committed JSON Schemas are what the nouns say: a changed promise is a visible difference."""

import json
from typing import Any

import pytest

from schemas.generate import FOLDER, generated
from schemas.submission import RECORDS

FILES = generated()


def test_the_committed_files_are_the_generated_ones() -> None:
    committed = {file.name: file.read_text(encoding="utf-8") for file in FOLDER.iterdir()}
    assert committed == FILES, "run `make contract`, look at the difference, and commit it"


@pytest.mark.parametrize("name", sorted(FILES))
def test_a_schema_is_closed_and_says_which_version_it_is_of(name: str) -> None:
    schema = json.loads(FILES[name])
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert schema["$id"] == f"urn:premium-exchange:1.0:{name.removesuffix('.schema.json')}"
    models = [schema, *schema.get("$defs", {}).values()]
    for model in models:
        if "properties" in model:
            assert model["additionalProperties"] is False, model["title"]
            assert model.get("description"), model["title"]


def test_money_is_text_everywhere() -> None:
    """Under a name that means money or a percentage no schema has a number."""
    words = ("amount", "premium", "gross", "net", "tax", "due", "received", "refunded", "paid", "percent", "aggregate")
    seen = 0
    for text in FILES.values():
        for name, property_ in _properties(json.loads(text)):
            kinds = {property_.get("type"), *(one.get("type") for one in property_.get("anyOf", []))}
            if name.split("_")[-1] in words and "string" in kinds:
                seen += 1
            if name.endswith(words):
                assert not kinds & {"number"}, name
    assert seen > 10


def _properties(schema: Any) -> list[tuple[str, dict[str, Any]]]:
    if isinstance(schema, dict):
        own = list(schema.get("properties", {}).items())
        return own + [found for part in schema.values() for found in _properties(part)]
    if isinstance(schema, list):
        return [found for part in schema for found in _properties(part)]
    return []


def test_every_record_type_has_a_schema() -> None:
    assert {f"{name}.schema.json" for name in RECORDS} <= FILES.keys()


def test_generating_twice_gives_the_same_bytes() -> None:
    assert generated() == FILES
