"""The nouns as a tree of named elements: what XML, workbooks and the field dictionary are made of.

It is read from the JSON Schemas that the nouns give, so that no second description of them exists; what people call
the elements stands in `terms.toml`.
"""

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel

from schemas.submission import RECORDS, Envelope

TERMS = Path(__file__).with_name("terms.toml")

Form = Literal["text", "money", "amount", "percent", "day", "moment", "integer", "truth", "code", "object"]
"""money: yuan with a sign; amount: yuan without one; percent: plain decimal text; code: one of `values`."""


@dataclass(frozen=True, slots=True)
class Term:
    """What people call an element, a note on it, its data element in JR/T 0033, and an invented example."""

    zh: str
    en: str
    note_zh: str = ""
    note_en: str = ""
    code: str = ""
    example: str = ""


@dataclass(frozen=True, slots=True)
class Element:
    """One field of a noun. `noun` is whose it is, `of` the noun that it holds; `many` of it may stand in a list."""

    name: str
    noun: str
    form: Form
    required: bool
    many: bool = False
    of: str = ""
    values: tuple[str, ...] = ()
    pattern: str = ""
    shortest: int | None = None
    longest: int | None = None
    least: int | None = None
    most: int | None = None
    fewest: int = 0

    @property
    def term(self) -> Term:
        """What it is called."""
        return term(self.noun, self.name)


@cache
def nouns() -> Mapping[str, tuple[Element, ...]]:
    """Every noun that a message may hold, the envelope included, with its fields in order."""
    found: dict[str, tuple[Element, ...]] = {}
    models: list[type[BaseModel]] = [Envelope, *RECORDS.values()]
    for model in models:
        schema = model.model_json_schema(by_alias=True, mode="validation")
        for name, one in ({model.__name__: schema} | schema.get("$defs", {})).items():
            if "properties" in one:
                found.setdefault(name, tuple(_elements(name, one)))
    return found


@cache
def record_nouns() -> Mapping[str, str]:
    """Record type to noun."""
    return {name: model.__name__ for name, model in RECORDS.items()}


def leaves(noun: str, path: str = "", noted: tuple[Element, ...] = ()) -> Iterator[tuple[str, tuple[Element, ...]]]:
    """The fields of a noun and of the objects in it, by dotted path, each with the elements on its way.

    A list of objects is given as one; what stands in it is for who asks for its noun.
    """
    for element in nouns()[noun]:
        place = f"{path}{element.name}"
        if element.of and not element.many:
            yield from leaves(element.of, f"{place}.", (*noted, element))
        else:
            yield place, (*noted, element)


def _elements(noun: str, schema: Mapping[str, Any]) -> Iterator[Element]:
    required = schema.get("required", ())
    for name, stated in schema["properties"].items():
        yield _element(name, noun, _plainly(stated), name in required)


def _plainly(stated: Mapping[str, Any]) -> Mapping[str, Any]:
    """The schema without the alternative that there is no value."""
    if "anyOf" not in stated:
        return stated
    (one,) = (one for one in stated["anyOf"] if one != {"type": "null"})
    found: Mapping[str, Any] = one
    return found


def _element(name: str, noun: str, stated: Mapping[str, Any], required: bool) -> Element:
    many = stated.get("type") == "array"
    one = stated["items"] if many else stated
    of = one.get("$ref", "").rpartition("/")[2]
    values = tuple(one.get("enum", ())) or ((one["const"],) if "const" in one else ())
    return Element(
        name,
        noun,
        "object" if of else _form(one, bool(values)),
        required,
        many,
        of,
        values,
        one.get("pattern", ""),
        one.get("minLength"),
        one.get("maxLength"),
        one.get("minimum"),
        one.get("maximum"),
        stated.get("minItems", 0),
    )


def _form(stated: Mapping[str, Any], listed: bool) -> Form:
    kind = stated.get("type")
    if kind in ("integer", "boolean", "object"):
        return _OTHER_TYPES[kind]
    if kind != "string":
        raise TypeError(f"a field of an unforeseen kind: {stated}")
    if listed:
        return "code"
    if "format" in stated:
        return _FORMATS[stated["format"]]
    return _PATTERNS.get(stated.get("pattern", ""), "text")


_OTHER_TYPES: Mapping[str, Form] = {"integer": "integer", "boolean": "truth", "object": "object"}
_FORMATS: Mapping[str, Form] = {"date": "day", "date-time": "moment"}
MONEY_PATTERN = r"^-?(0|[1-9][0-9]{0,17})\.[0-9]{2}$"
AMOUNT_PATTERN = r"^(0|[1-9][0-9]{0,17})\.[0-9]{2}$"
PERCENT_PATTERN = r"^(0|[1-9][0-9]{0,8})(\.[0-9]{1,12})?$"
_PATTERNS: Mapping[str, Form] = {MONEY_PATTERN: "money", AMOUNT_PATTERN: "amount", PERCENT_PATTERN: "percent"}


@cache
def _terms() -> Mapping[str, Mapping[str, Mapping[str, str]]]:
    with TERMS.open("rb") as file:
        return tomllib.load(file)


@cache
def term(noun: str, name: str) -> Term:
    """What a field of a noun is called; of a noun built on another, the other's. Without an entry: its name."""
    return _stated(noun, name) or _stated(_BUILT_ON.get(noun, ""), name) or _unnamed(name)


_BUILT_ON = {"Insured": "Party"}


@cache
def record_term(name: str) -> Term:
    """What a record type is called."""
    return _stated("records", name) or _unnamed(name)


@cache
def value_term(value: str) -> Term:
    """What one of the values of a code means."""
    return _stated("values", value) or _unnamed(value)


def has_term(noun: str, name: str) -> bool:
    """Whether the table has an entry. A test sees to it that every field of every noun has one."""
    return term(noun, name) != _unnamed(name)


def _stated(table: str, name: str) -> Term | None:
    stated = _terms().get(table, {}).get(name)
    return None if stated is None else Term(**stated)


def _unnamed(name: str) -> Term:
    return Term(name, name.replace("_", " "))
