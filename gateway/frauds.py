"""The patterns of subsidy fraud F-01…F-32 as published data: what stands against each, or which data it waits for."""

import tomllib
from functools import lru_cache
from pathlib import Path
from typing import Self

from pydantic import Field, model_validator

from schemas.base import Noun
from schemas.rules import Text

_FILE = Path(__file__).parent / "frauds.toml"


class Fraud(Noun):
    """One pattern: the rules of the catalogue and of the schemes that stand against it, what else does, or what is
    missing to do so."""

    id: str = Field(pattern=r"^F-[0-9]{2}$")
    title: Text
    rules: tuple[str, ...] = ()
    schemes: tuple[str, ...] = ()
    by: Text | None = None
    waits: Text | None = None

    @model_validator(mode="after")
    def _answered(self) -> Self:
        if bool(self.waits) == bool(self.rules or self.schemes or self.by):
            raise ValueError(f"{self.id}: something stands against it, or it waits for data")
        return self


@lru_cache(1)
def load_frauds() -> tuple[Fraud, ...]:
    """All patterns, in order."""
    table = tomllib.loads(_FILE.read_text(encoding="utf-8"))
    return tuple(Fraud.model_validate({"id": name, **body}) for name, body in sorted(table.items()))
