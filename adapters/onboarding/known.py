"""The table of what insurers call things (`synonyms.toml`), looked up by header, element or member name."""

import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from typing import Any
from unicodedata import normalize

SYNONYMS = Path(__file__).with_name("synonyms.toml")
_DROPPED = str.maketrans("", "", "_-* \t\r\n\u3000")
_LONGEST = 200


@dataclass(frozen=True, slots=True)
class Target:
    """A field that a mapping may take: its name with its record (`policy.premium.gross`), and how it is read.

    Names without a record (`policy_no`) are of every record of a row.
    """

    field: str
    kind: str
    names: tuple[str, ...]

    @property
    def record(self) -> str:
        """`policy`, `receipt`, `invoice`, or nothing."""
        first, dot, _ = self.field.partition(".")
        return first if dot else ""

    @property
    def path(self) -> str:
        """The name within the record."""
        return self.field.partition(".")[2] or self.field


@cache
def targets() -> Mapping[str, Target]:
    """Every target by name."""
    return {one["field"]: Target(one["field"], one["kind"], tuple(one["names"])) for one in _table()["field"]}


@lru_cache(maxsize=4096)
def named(name: str) -> tuple[Target, ...]:
    """The targets that are called so; a path is looked up whole, then by its last two names, then by the last."""
    for key in _keys(name):
        if found := _by_name().get(key):
            return found
    return ()


def alike(name: str) -> tuple[Target, ...]:
    """The targets with a name that is part of this one, or that this one is part of; the longest likeness first."""
    key = folded(name)
    likeness: dict[str, int] = {}
    for other, found in _by_name().items():
        if len(min(key, other, key=len)) >= 2 and (other in key or key in other):
            for target in found:
                likeness[target.field] = max(likeness.get(target.field, 0), len(min(key, other, key=len)))
    return tuple(targets()[field] for field in sorted(likeness, key=lambda field: -likeness[field]))


def ignorable(name: str) -> str | None:
    """Why a field of this name is ignored: `meaningless` or `personal`; `None` if nobody said so."""
    table = _ignored()
    return next((table[key] for key in _keys(name) if key in table), None)


def value_means(field: str, text: str) -> str | None:
    """What a value of a code means, if its words say it."""
    return _values().get(field, {}).get(folded(text))


def meanings(field: str) -> tuple[str, ...]:
    """Everything that a value of a code can mean."""
    return tuple(_table()["values"].get(field, ()))


@dataclass(frozen=True, slots=True)
class ListKind:
    """A list of the policy: its field, the rules of an entry and of the policy, and its fields with their kinds."""

    field: str
    rules: str
    policy: str
    kinds: Mapping[str, str]
    names: Mapping[str, str]

    def fields_of(self, names: Iterable[str]) -> dict[str, str]:
        """Which of these names are which of its fields."""
        found: dict[str, str] = {}
        for name in names:
            key = next((key for key in _keys(name) if key in self.names), None)
            if key is not None:
                found.setdefault(self.names[key], name)
        return found


@cache
def lists() -> tuple[ListKind, ...]:
    """Every list that a row may hold."""
    return tuple(
        ListKind(
            field,
            one.get("rules", ""),
            one.get("policy", ""),
            {name: stated["kind"] for name, stated in one["fields"].items()},
            {folded(word): name for name, stated in one["fields"].items() for word in stated["names"]},
        )
        for field, one in _table()["lists"].items()
    )


def folded(name: str) -> str:
    """A name for comparison."""
    return normalize("NFKC", name[:_LONGEST]).lower().translate(_DROPPED)


def _keys(name: str) -> Iterator[str]:
    parts = [part.lstrip("@") for part in folded(name).replace(".", "/").split("/")]
    yield folded(name)
    yield from dict.fromkeys(("/".join(parts), "/".join(parts[-2:]), parts[-1]))


@cache
def _table() -> dict[str, Any]:
    with SYNONYMS.open("rb") as file:
        return tomllib.load(file)


@cache
def _by_name() -> Mapping[str, tuple[Target, ...]]:
    found: dict[str, tuple[Target, ...]] = {}
    for target in targets().values():
        for name in dict.fromkeys(map(folded, target.names)):
            found[name] = (*found.get(name, ()), target)
    return found


@cache
def _ignored() -> Mapping[str, str]:
    return {folded(name): why for why, names in _table()["ignored"].items() for name in names}


@cache
def _values() -> Mapping[str, Mapping[str, str]]:
    return {
        field: {folded(text): meaning for meaning, texts in table.items() for text in texts}
        for field, table in _table()["values"].items()
    }
