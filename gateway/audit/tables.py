"""The list of tables: what an audit holds each against, or why it is left out; and what is really there."""

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.resources import files

from gateway.audit.store import Snapshot, rows
from gateway.db import migrations
from schemas.verification import Check, failed

_MADE = re.compile(r"^CREATE (?:UNLOGGED )?TABLE (?:IF NOT EXISTS )?(\w+)", re.MULTILINE)
_DROPPED = re.compile(r"^DROP TABLE (?:IF EXISTS )?(\w+)", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Listed:
    """A table: exactly one of what it is held against, and why it is not audited."""

    name: str
    against: str | None = None
    unaudited: str | None = None


def load_tables() -> Mapping[str, Listed]:
    """The tables by name, as `tables.toml` lists them. Raises `ValueError` for an entry that says both or neither."""
    stated = tomllib.loads(files("gateway.audit").joinpath("tables.toml").read_text("utf-8"))
    listed = {name: Listed(name, **entry) for name, entry in stated.items()}
    for one in listed.values():
        if (one.against is None) == (one.unaudited is None):
            raise ValueError(f"{one.name}: say either `against` or `unaudited`")
    return listed


def list_tables(connection: Snapshot) -> set[str]:
    """The tables of the database, by the catalog."""
    query = (
        "SELECT c.relname::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace "
        "WHERE n.nspname = 'public' AND c.relkind IN ('r', 'p', 'f')"
    )
    return {name for (name,) in rows(connection, query)}


def judge_tables(connection: Snapshot) -> Iterator[Check]:
    """The tables are those that the migrations make, no more and no less: what is in another one nobody audits."""
    due = {"migrations"}
    for _, text in sorted(migrations().items()):
        due |= set(_MADE.findall(text.decode()))
        due -= set(_DROPPED.findall(text.decode()))
    for name in sorted(due ^ list_tables(connection)):
        yield failed("audit.schema", "table", table=name, key=name, there=name not in due)
